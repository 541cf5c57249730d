//! That everything that can be charged for is charged at a measured price, and no more than it took.

use std::{any::type_name, collections::BTreeSet};

use frame_support::{
	dispatch::{DispatchClass, GetDispatchInfo},
	traits::PalletsInfoAccess,
};
use lemma_primitives::order::OrderStatus;
use lemma_runtime::{
	configs::system::RuntimeBlockWeights, constants::market::MIN_BOND, AllPalletsWithSystem,
	JobOrders, Runtime, RuntimeEvent, System,
};
use pallet_job_orders::WeightInfo;
use sp_keyring::Sr25519Keyring::{Alice, Bob};
use sp_runtime::traits::TransactionExtension;

use crate::{
	chain::{extensions, Chain},
	market::{claim, claimed_by_bob, post, register, submit},
	proof::small,
};

/// Pallets without calls, and whose hooks say themselves what they weigh.
const WITHOUT_WEIGHTS: [&str; 2] = ["Aura", "ChainParameters"];

type OrderWeights = <Runtime as pallet_job_orders::Config>::WeightInfo;

#[test]
fn every_pallet_should_have_the_runtime_s_own_weights() {
	let used = [
		(
			"System",
			type_name::<<Runtime as frame_system::Config>::SystemWeightInfo>(),
		),
		(
			"System",
			type_name::<<Runtime as frame_system::Config>::ExtensionsWeightInfo>(),
		),
		(
			"Timestamp",
			type_name::<<Runtime as pallet_timestamp::Config>::WeightInfo>(),
		),
		(
			"Grandpa",
			type_name::<<Runtime as pallet_grandpa::Config>::WeightInfo>(),
		),
		(
			"Balances",
			type_name::<<Runtime as pallet_balances::Config>::WeightInfo>(),
		),
		(
			"TransactionPayment",
			type_name::<<Runtime as pallet_transaction_payment::Config>::WeightInfo>(),
		),
		(
			"Sudo",
			type_name::<<Runtime as pallet_sudo::Config>::WeightInfo>(),
		),
		(
			"ProofVerification",
			type_name::<<Runtime as pallet_proof_verification::Config>::WeightInfo>(),
		),
		(
			"ProviderStaking",
			type_name::<<Runtime as pallet_provider_staking::Config>::WeightInfo>(),
		),
		("JobOrders", type_name::<OrderWeights>()),
	];
	for (pallet, weights) in used {
		assert!(
			weights.starts_with("lemma_runtime::weights::"),
			"{pallet} has {weights}"
		);
	}

	let known: BTreeSet<&str> = used
		.iter()
		.map(|(pallet, _)| *pallet)
		.chain(WITHOUT_WEIGHTS)
		.collect();
	let all: BTreeSet<&str> = AllPalletsWithSystem::infos()
		.iter()
		.map(|pallet| pallet.name)
		.collect();
	assert_eq!(
		known, all,
		"a pallet is new or gone: say here what it weighs by"
	);
}

/// What the transactions of the last block weighed, the inherent apart, by their events.
fn charged(chain: &mut Chain) -> Vec<u64> {
	chain
		.events()
		.into_iter()
		.filter_map(|event| match event {
			RuntimeEvent::System(frame_system::Event::ExtrinsicSuccess { dispatch_info })
				if dispatch_info.class == DispatchClass::Normal =>
			{
				Some(dispatch_info.weight.ref_time())
			}
			_ => None,
		})
		.collect()
}

#[test]
fn calls_should_be_charged_for_the_worst_case_and_refunded_what_they_did_not_do() {
	let mut chain = Chain::development();
	let (job, proof) = small();
	chain.call(Bob, register(MIN_BOND)).expect("Bob registers");
	chain.call(Alice, post(job)).expect("Alice posts");
	let due = OrderWeights::miss_claim() + OrderWeights::expire_order();
	let base = RuntimeBlockWeights::get()
		.get(DispatchClass::Normal)
		.base_extrinsic;

	let claim = claim(&mut chain, 0);
	for (call, worst) in [
		(claim, OrderWeights::claim_order() + due),
		(
			submit(0, job.output.clone(), proof.clone()),
			JobOrders::submit_weight(job.output.len() as u32, proof.len() as u32),
		),
	] {
		let declared = call.get_dispatch_info().call_weight;
		assert_eq!(declared, worst);
		chain.call(Bob, call.clone()).expect("it is Bob's turn");
		let extensions = chain.read(|| extensions(0).weight(&call));
		let charged = charged(&mut chain);
		let most = declared - due + extensions + base;
		assert!(
			charged.len() == 1 && charged[0] <= most.ref_time(),
			"{charged:?}, declared {declared:?}, of which {due:?} is refunded"
		);
	}
}

#[test]
fn agenda_should_be_charged_to_its_block() {
	let mut chain = claimed_by_bob();
	let mandatory =
		|chain: &mut Chain| chain.read(|| *System::block_weight().get(DispatchClass::Mandatory));
	chain.block(Vec::new());
	let idle = mandatory(&mut chain);
	let order = chain.read(|| JobOrders::order(0)).expect("it is claimed");
	let OrderStatus::Claimed { expires_at, .. } = order.status else {
		panic!("it is claimed");
	};
	while chain.read(System::block_number) < expires_at {
		chain.block(Vec::new());
	}
	let missed = mandatory(&mut chain);
	assert_eq!(
		missed.ref_time() - idle.ref_time(),
		OrderWeights::miss_claim().ref_time()
	);
}
