//! Who pays for block space, and how much.

use codec::Encode;
use frame_support::{
	assert_ok,
	dispatch::{DispatchClass, GetDispatchInfo},
};
use lemma_primitives::{MAX_OUTPUT_BYTES, MAX_PROOF_BYTES, UNIT};
use lemma_runtime::{
	configs::system::{RuntimeBlockLength, RuntimeBlockWeights},
	constants::{
		block::{EXTENSIONS_REF_TIME, MAX_REF_TIME},
		money::{FEE_PER_BYTE, FEE_PER_PICOSECOND, MILLI},
	},
	Executive, Hash, JobOrders, Runtime, RuntimeCall, SudoCall, TransactionPayment,
	UncheckedExtrinsic,
};
use pallet_proof_verification::WeightInfo;
use pallet_transaction_payment::Multiplier;
use sp_keyring::Sr25519Keyring::{self, Alice, Bob};
use sp_runtime::{
	traits::{BlakeTwo256, Hash as _, One, TransactionExtension},
	transaction_validity::{InvalidTransaction, TransactionSource, TransactionValidityError},
	DispatchError,
};

use crate::{
	chain::{extensions, sign, Chain},
	market::{claim, claim_here, claimed_by_bob, post, submit},
	proof::small,
};

/// The largest settlement there can be.
fn worst_settlement() -> RuntimeCall {
	submit(
		0,
		vec![0; MAX_OUTPUT_BYTES as usize],
		vec![0; MAX_PROOF_BYTES as usize],
	)
}

/// What a transaction costs if it is not free.
pub fn full_fee(chain: &mut Chain, sender: Sr25519Keyring, call: RuntimeCall) -> u128 {
	chain.read(|| {
		let transaction = sign(sender, call);
		let len = transaction.encode().len() as u32;
		TransactionPayment::query_info(transaction, len).partial_fee
	})
}

#[test]
fn valid_settlement_should_cost_its_sender_nothing() {
	let mut chain = claimed_by_bob();
	let (job, proof) = small();
	let bob = chain.total(Bob);

	chain
		.call(Bob, submit(0, job.output.clone(), proof.clone()))
		.expect("the proof is valid");

	assert_eq!(chain.fees(), vec![(Bob.to_account_id(), 0)]);
	assert_eq!(chain.total(Bob), bob + 3 * UNIT);
}

#[test]
fn invalid_settlement_should_cost_its_sender_the_full_fee() {
	let mut chain = claimed_by_bob();
	let (job, proof) = small();
	let mut wrong = proof.clone();
	let last = wrong.len() - 100;
	wrong[last] ^= 1;
	let call = submit(0, job.output.clone(), wrong);
	let fee = full_fee(&mut chain, Bob, call.clone());
	let bob = chain.total(Bob);

	assert!(chain.call(Bob, call).is_err());

	let verification = <Runtime as pallet_proof_verification::Config>::WeightInfo::verify_proof();
	assert!(
		fee > FEE_PER_PICOSECOND * u128::from(verification.ref_time()),
		"verification is charged: {fee}"
	);
	assert_eq!(chain.fees(), vec![(Bob.to_account_id(), fee)]);
	assert_eq!(chain.total(Bob), bob - fee);
}

#[test]
fn settlement_fee_should_cover_what_the_settlement_would_cost() {
	let mut chain = claimed_by_bob();
	let (job, proof) = small();
	let prepaid = chain
		.read(|| JobOrders::order(0))
		.expect("it is claimed")
		.settlement_fee;

	let fee = full_fee(
		&mut chain,
		Bob,
		submit(0, job.output.clone(), proof.clone()),
	);
	assert!(fee <= prepaid, "{fee} > {prepaid}");

	let worst = full_fee(&mut chain, Bob, worst_settlement());
	let prepaid = chain.read(|| JobOrders::settlement_fee_for(MAX_OUTPUT_BYTES));
	assert!(worst <= prepaid, "{worst} > {prepaid}");
	assert!(
		prepaid < UNIT / 10,
		"the worst settlement costs a tenth of a LEM or more: {prepaid}"
	);
}

#[test]
fn settlement_should_be_refused_when_nobody_signed_it() {
	let mut chain = claimed_by_bob();
	let (job, proof) = small();
	let call = submit(0, job.output.clone(), proof.clone());

	let bare = UncheckedExtrinsic::new_bare(call.clone());
	let general = UncheckedExtrinsic::new_transaction(call, extensions(0));

	// Whoever makes a block can put the first into it, as it can an inherent; it does nothing there.
	let outcomes = chain.block_of([bare.clone(), general.clone()].into_iter());
	assert_eq!(outcomes[0], Ok(Err(DispatchError::BadOrigin)));
	assert!(outcomes[1].is_err(), "{:?}", outcomes[1]);
	assert!(chain.read(|| JobOrders::order(0)).is_some());
	// No node takes either into its pool.
	for transaction in [bare, general] {
		let source = TransactionSource::External;
		let validity =
			chain.read(|| Executive::validate_transaction(source, transaction, Hash::default()));
		assert!(validity.is_err(), "{validity:?}");
	}
}

#[test]
fn blocks_full_of_bytes_should_make_every_fee_dearer_and_empty_ones_cheaper_again() {
	const GIGABYTE: u32 = 1_000_000_000;
	let mut chain = Chain::development();
	let prices = |chain: &mut Chain| {
		chain.read(|| {
			(
				TransactionPayment::next_fee_multiplier(),
				TransactionPayment::length_to_fee(GIGABYTE),
				JobOrders::settlement_fee_for(MAX_OUTPUT_BYTES),
			)
		})
	};
	let lowest = prices(&mut chain);
	assert_eq!(lowest.0, Multiplier::one());
	assert_eq!(lowest.1, u128::from(GIGABYTE) * FEE_PER_BYTE);

	// Heavy in bytes, light in weight.
	let remark = frame_system::Call::<Runtime>::remark {
		remark: vec![0; 3_500_000],
	};
	assert!(remark.get_dispatch_info().call_weight.ref_time() < MAX_REF_TIME / 10);
	assert_ok!(chain.call(Alice, remark));
	let full = prices(&mut chain);
	assert!(full.0 > lowest.0 && full.1 > lowest.1 && full.2 > lowest.2);

	chain.block(Vec::new());
	let falling = prices(&mut chain);
	assert!(falling.0 < full.0 && falling.0 > lowest.0);
	for _ in 0..3 {
		chain.block(Vec::new());
	}
	assert_eq!(prices(&mut chain), lowest);
}

/// Root's to send: a call that is operational, and fails when somebody else sends it.
fn operational() -> RuntimeCall {
	let call = frame_system::Call::<Runtime>::kill_prefix {
		prefix: vec![0; 100],
		subkeys: 0,
	};
	assert_eq!(call.get_dispatch_info().class, DispatchClass::Operational);
	call.into()
}

#[test]
fn operational_calls_should_be_roots_alone() {
	let mut chain = Chain::development();
	let refused = Err(TransactionValidityError::Invalid(InvalidTransaction::Call));
	let by_sudo = |call: RuntimeCall| RuntimeCall::Sudo(SudoCall::sudo { call: call.into() });
	assert_eq!(
		chain.block(vec![
			(Bob, operational()),
			(Bob, by_sudo(operational())),
			(Alice, operational()),
			(Alice, by_sudo(operational())),
		]),
		[
			refused,
			refused,
			// Root's account, but not as root.
			Ok(Err(DispatchError::BadOrigin)),
			Ok(Ok(()))
		]
	);
}

#[test]
fn an_authorised_upgrade_should_be_anybodys_to_send() {
	let mut chain = Chain::development();
	let code = vec![1, 2, 3];
	let apply = |code: Vec<u8>| -> RuntimeCall {
		frame_system::Call::<Runtime>::apply_authorized_upgrade { code }.into()
	};
	let refused = Err(TransactionValidityError::Invalid(InvalidTransaction::Call));
	assert_eq!(
		chain.block(vec![(Bob, apply(code.clone()))]),
		[refused],
		"nothing is authorised"
	);
	let authorise = frame_system::Call::<Runtime>::authorize_upgrade_without_checks {
		code_hash: BlakeTwo256::hash(&code),
	};
	assert_ok!(chain.call(
		Alice,
		SudoCall::sudo {
			call: Box::new(authorise.into())
		}
	));
	assert_eq!(
		chain.block(vec![(Bob, apply(vec![1, 2])), (Bob, apply(code))]),
		[refused, Ok(Ok(()))]
	);
}

#[test]
fn total_issuance_should_fall_by_fees_and_nothing_else() {
	let mut chain = claimed_by_bob();
	let (job, proof) = small();
	let issuance = chain.read(pallet_balances::Pallet::<Runtime>::total_issuance);
	let prepaid = chain
		.read(|| JobOrders::order(0))
		.expect("it is claimed")
		.settlement_fee;

	chain
		.call(Bob, submit(0, job.output.clone(), proof.clone()))
		.expect("the proof is valid");

	let after = chain.read(pallet_balances::Pallet::<Runtime>::total_issuance);
	assert_eq!(after, issuance - prepaid);
}

#[test]
fn largest_settlement_should_fit_into_a_block_of_ordinary_extrinsics() {
	let mut chain = Chain::development();
	let call = worst_settlement();
	let info = call.get_dispatch_info();
	let len = chain.read(|| sign(Bob, call).encode().len() as u32);

	let weights = RuntimeBlockWeights::get();
	assert_eq!(weights.max_block.ref_time(), MAX_REF_TIME);
	let most = weights
		.get(DispatchClass::Normal)
		.max_extrinsic
		.expect("there is a limit");
	assert!(
		info.total_weight().all_lte(most),
		"{info:?} exceeds {most:?}"
	);
	assert!(len <= *RuntimeBlockLength::get().max.get(DispatchClass::Normal));
}

#[test]
fn extensions_should_weigh_no_more_than_is_prepaid_for_them() {
	let mut chain = Chain::development();
	let weight = chain.read(|| extensions(0).weight(&claim_here(0)));

	assert!(weight.ref_time() <= EXTENSIONS_REF_TIME, "{weight:?}");
}

#[test]
fn posting_and_claiming_should_cost_a_few_thousandths_of_a_lem() {
	let mut chain = Chain::development();
	let (job, _) = small();

	let claim = claim(&mut chain, 0);
	for call in [post(job), claim] {
		let fee = full_fee(&mut chain, Alice, call);
		assert!((MILLI / 10..10 * MILLI).contains(&fee), "{fee}");
	}
}
