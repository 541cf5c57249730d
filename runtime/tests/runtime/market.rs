//! A job's life in whole blocks, with real proofs: posted, claimed, proven, verified, paid.

use frame_support::{assert_noop, traits::fungible::InspectHold};
use lemma_primitives::{
	provider::{Backend, Profile},
	traits::Providers,
	Balance, OrderId, UNIT,
};
use lemma_runtime::{
	constants::market::MIN_BOND, AccountId, Balances, JobOrders, JobOrdersCall, ProviderStaking,
	Runtime, RuntimeCall,
};
use pallet_provider_staking::Call as StakingCall;
use sp_core::H256;
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Charlie, Dave};
use sp_runtime::DispatchError;

use crate::{
	chain::Chain,
	proof::{binding, small, Job},
};

fn profile() -> Profile {
	Profile {
		endpoint: Default::default(),
		backend: Backend::Cpu,
		programs: Default::default(),
	}
}

pub fn register(bond: Balance) -> RuntimeCall {
	let profile = profile();
	StakingCall::register_provider { bond, profile }.into()
}

pub fn post(job: &Job) -> RuntimeCall {
	JobOrdersCall::post_order { spec: job.spec() }.into()
}

/// A claim of an order as it stands on a chain; without terms, if there is none.
pub fn claim(chain: &mut Chain, id: OrderId) -> RuntimeCall {
	chain.read(|| claim_here(id))
}

/// The same, on the chain whose state this reads.
pub fn claim_here(id: OrderId) -> RuntimeCall {
	let terms = JobOrders::order(id).map_or(H256::zero(), |order| order.terms_hash());
	JobOrdersCall::claim_order { id, terms }.into()
}

pub fn submit(id: OrderId, output: Vec<u8>, proof: Vec<u8>) -> RuntimeCall {
	JobOrdersCall::submit_result {
		id,
		output: output.try_into().expect("it fits"),
		proof: proof.try_into().expect("it fits"),
	}
	.into()
}

/// A chain on which Bob is a provider and has claimed the small job, which Alice has posted as order 0.
pub fn claimed_by_bob() -> Chain {
	let mut chain = Chain::development();
	let (job, _) = small();
	chain.call(Bob, register(MIN_BOND)).expect("Bob registers");
	chain.call(Alice, post(job)).expect("Alice posts");
	let claim = claim(&mut chain, 0);
	chain.call(Bob, claim).expect("Bob claims");
	chain
}

fn held(chain: &mut Chain, who: Sr25519Keyring) -> Balance {
	chain.read(|| <Balances as InspectHold<AccountId>>::total_balance_on_hold(&who.to_account_id()))
}

#[test]
fn order_should_be_settled_and_paid_by_a_real_proof() {
	let mut chain = claimed_by_bob();
	let (job, proof) = small();
	let order = chain.read(|| JobOrders::order(0)).expect("it is claimed");
	let (alice, bob) = (chain.total(Alice), chain.total(Bob));

	chain
		.call(Bob, submit(0, job.output.clone(), proof.clone()))
		.expect("the proof is valid");

	let receipt = chain.read(|| JobOrders::receipt(0)).expect("it is settled");
	// Claimed a block after posting: one eighth of the way from 2 to 10 LEM.
	assert_eq!(receipt.paid, 3 * UNIT);
	assert_eq!(receipt.provider, Bob.to_account_id());
	assert_eq!(receipt.program, job.program);
	assert_eq!(receipt.output_len as usize, job.output.len());
	assert_eq!(
		receipt.output_root.0,
		lemma_zk_statement::output_root(sp_io::hashing::blake2_256, &job.output)
	);
	// The inherent comes first.
	assert_eq!(receipt.extrinsic_index, 1);
	assert_eq!(chain.total(Bob), bob + 3 * UNIT);
	assert_eq!(chain.total(Alice), alice - 3 * UNIT - order.settlement_fee);
	assert_eq!(held(&mut chain, Alice), receipt.deposit);
	let deposit = ProviderStaking::deposit_for(&profile());
	assert_eq!(held(&mut chain, Bob), MIN_BOND + deposit);
	assert_eq!(chain.read(|| JobOrders::order(0)), None);
	let provider = chain
		.read(|| ProviderStaking::provider(Bob.to_account_id()))
		.expect("Bob");
	assert_eq!((provider.committed, provider.record.settled), (0, 1));
}

#[test]
fn proof_should_be_worthless_to_another_provider_and_for_another_order() {
	let mut chain = Chain::development();
	let (job, proof_of_bob) = small();
	chain
		.call(Charlie, register(MIN_BOND))
		.expect("Charlie registers");
	chain.block(vec![(Alice, post(job)), (Alice, post(job))]);
	let invalid: DispatchError = pallet_proof_verification::Error::<Runtime>::ProofInvalid.into();

	// Charlie copies Bob's proof from the transaction pool.
	let stolen = chain.call(Charlie, submit(0, job.output.clone(), proof_of_bob.clone()));
	assert_eq!(without_message(stolen), Err(bare(invalid)));
	// Bob sends the same proof for the other order.
	let replayed = chain.call(Bob, submit(1, job.output.clone(), proof_of_bob.clone()));
	assert_eq!(without_message(replayed), Err(bare(invalid)));

	// For its own order, Bob's proof is good, even unclaimed.
	chain
		.call(Bob, submit(0, job.output.clone(), proof_of_bob.clone()))
		.expect("it is Bob's");
}

/// The attack that the terms stand against: a fork in which the number went to another order.
#[test]
fn claim_should_be_refused_when_a_fork_gave_the_number_to_another_order() {
	let (job, _) = small();
	let mut chain = Chain::development();
	chain.call(Bob, register(MIN_BOND)).expect("Bob registers");
	chain.call(Alice, post(job)).expect("Alice posts");
	let claim = claim(&mut chain, 0);

	let mut fork = Chain::development();
	let mut other = job.spec();
	other.max_price *= 100;
	fork.call(Bob, register(MIN_BOND)).expect("Bob registers");
	fork.call(Alice, JobOrdersCall::post_order { spec: other })
		.expect("Alice posts");
	let differ: DispatchError = pallet_job_orders::Error::<Runtime>::TermsDiffer.into();
	assert_eq!(
		without_message(fork.call(Bob, claim.clone())),
		Err(bare(differ))
	);
	let bob = fork
		.read(|| ProviderStaking::provider(Bob.to_account_id()))
		.expect("Bob");
	assert_eq!(bob.committed, 0);
}

#[test]
fn output_with_one_byte_changed_should_be_refused() {
	let mut chain = claimed_by_bob();
	let (job, proof) = small();
	let mut output = job.output.clone();
	output[17] ^= 1;

	let result = chain.call(Bob, submit(0, output, proof.clone()));

	let invalid = pallet_proof_verification::Error::<Runtime>::ProofInvalid.into();
	assert_eq!(without_message(result), Err(bare(invalid)));
	assert!(chain.read(|| JobOrders::order(0)).is_some());
}

#[test]
fn missed_claim_should_slash_the_claimer_and_pay_the_rescuer_its_bounty() {
	let mut chain = claimed_by_bob();
	let (job, _) = small();
	let order = chain.read(|| JobOrders::order(0)).expect("it is claimed");

	for _ in 0..order.spec.claim_window {
		chain.block(Vec::new());
	}
	let provider = chain
		.read(|| ProviderStaking::provider(Bob.to_account_id()))
		.expect("Bob");
	assert_eq!(provider.active, MIN_BOND - order.collateral);
	assert_eq!(provider.record.missed, 1);

	let dave = chain.total(Dave);
	let proof = job.prove(0, &Dave.to_account_id());
	chain
		.call(Dave, submit(0, job.output.clone(), proof))
		.expect("the rescue is valid");

	let bounty = order.collateral / 2;
	assert_eq!(chain.total(Dave), dave + 3 * UNIT + bounty);
	let receipt = chain.read(|| JobOrders::receipt(0)).expect("it is settled");
	assert_eq!(receipt.paid, 3 * UNIT + bounty);
}

#[test]
fn order_that_nobody_takes_should_expire_and_cost_only_the_posting() {
	let mut chain = Chain::development();
	let (job, _) = small();
	chain.call(Alice, post(job)).expect("Alice posts");
	let posted = chain.total(Alice);

	for _ in 0..job.spec().lifetime {
		chain.block(Vec::new());
	}

	assert_eq!(chain.read(|| JobOrders::order(0)), None);
	assert_eq!(chain.total(Alice), posted);
	assert_eq!(held(&mut chain, Alice), 0);
}

#[test]
fn order_changes_should_tell_what_happened_in_the_block() {
	use lemma_primitives::order::{OrderChange, OrderChangeKind};

	let mut chain = claimed_by_bob();
	let claimed = OrderChangeKind::Claimed {
		provider: Bob.to_account_id(),
		price: 3 * UNIT,
	};
	assert_eq!(
		chain.read(JobOrders::order_changes),
		vec![OrderChange {
			order: 0,
			kind: claimed
		}]
	);

	let (job, proof) = small();
	chain
		.call(Bob, submit(0, job.output.clone(), proof.clone()))
		.expect("the proof is valid");
	let settled = OrderChangeKind::Settled {
		provider: Bob.to_account_id(),
		paid: 3 * UNIT,
	};
	assert_eq!(
		chain.read(JobOrders::order_changes),
		vec![OrderChange {
			order: 0,
			kind: settled
		}]
	);

	chain.block(Vec::new());
	assert_eq!(chain.read(JobOrders::order_changes), vec![]);
}

#[test]
fn operator_should_claim_and_submit_for_its_provider() {
	let mut chain = Chain::development();
	let (job, proof) = small();
	chain.call(Bob, register(MIN_BOND)).expect("Bob registers");
	let operators = vec![Charlie.to_account_id()]
		.try_into()
		.expect("one operator fits");
	chain
		.call(Bob, StakingCall::set_operators { operators })
		.expect("Bob names Charlie");
	let bob = Bob.to_account_id();
	chain
		.call(
			Charlie,
			StakingCall::join_provider {
				provider: bob.clone(),
			},
		)
		.expect("Charlie agrees");
	chain.call(Alice, post(job)).expect("Alice posts");

	let claim = claim(&mut chain, 0);
	chain.call(Charlie, claim).expect("Charlie claims for Bob");
	chain
		.call(Charlie, submit(0, job.output.clone(), proof.clone()))
		.expect("bound to Bob");

	assert_eq!(
		chain.read(|| JobOrders::receipt(0)).map(|r| r.provider),
		Some(bob.clone())
	);
	let acting = chain.read(|| {
		<ProviderStaking as Providers<AccountId, Balance>>::provider_of(&Charlie.to_account_id())
	});
	assert_eq!(acting, Some(bob));
}

#[test]
fn runtime_api_should_verify_as_settling_does() {
	use lemma_primitives::traits::Programs;
	use lemma_runtime::ProofVerification;

	let mut chain = Chain::development();
	let (job, proof) = small();
	let of_bob = binding(0, &Bob.to_account_id());
	chain.read(|| {
		assert!(ProofVerification::verify(job.claimed(of_bob), proof).is_ok());
		assert_noop!(
			ProofVerification::verify(job.claimed(binding(1, &Bob.to_account_id())), proof),
			pallet_proof_verification::Error::<Runtime>::ProofInvalid
		);
	});
}

/// Results that went through a block have lost the error's text, which is not encoded.
pub fn without_message(result: sp_runtime::DispatchResult) -> sp_runtime::DispatchResult {
	result.map_err(bare)
}

/// The error without its text.
pub fn bare(error: DispatchError) -> DispatchError {
	match error {
		DispatchError::Module(module) => DispatchError::Module(sp_runtime::ModuleError {
			message: None,
			..module
		}),
		other => other,
	}
}
