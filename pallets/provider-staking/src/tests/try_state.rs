//! That each invariant is in fact checked: breaks it and looks for its name in the verdict.

use frame_support::traits::{fungible::MutateHold, tokens::Precision};
use lemma_primitives::provider::UnbondingChunk;
use sp_runtime::{DispatchError, TryRuntimeError};

use super::*;
use crate::{HoldReason, ProviderOf};

/// Breaks something for a registered ALICE with HOT as her operator, and says which invariant that
/// breaks; mends it again, so that the invariants hold after the test.
fn broken_by(damage: impl FnOnce(&mut ProviderOf<Test>)) -> String {
	register(ALICE, 500);
	employ(ALICE, &[HOT]);
	let intact = provider(ALICE);
	let mut damaged = intact.clone();
	damage(&mut damaged);
	Providers::<Test>::insert(ALICE, damaged);
	let verdict = name_of(Staking::do_try_state());
	Providers::<Test>::insert(ALICE, intact);
	verdict
}

fn name_of(verdict: Result<(), TryRuntimeError>) -> String {
	match verdict {
		Err(DispatchError::Other(text)) => text.split(':').next().unwrap_or_default().to_string(),
		other => format!("{other:?}"),
	}
}

#[test]
fn try_state_should_notice_a_bond_that_is_not_held() {
	run(|| assert_eq!(broken_by(|entry| entry.active += 1), "bonds_are_held"));
}

/// What is held of accounts, by reason, and the invariant that says so.
const HOLDS: [(HoldReason, &str); 2] = [
	(HoldReason::Bond, "bonds_are_held"),
	(HoldReason::Deposit, "deposits_are_held"),
];

#[test]
fn try_state_should_notice_a_hold_that_went_missing() {
	for (reason, invariant) in HOLDS {
		run(|| {
			register(ALICE, 500);
			let reason: RuntimeHoldReason = reason.into();
			assert_ok!(Balances::release(&reason, &ALICE, 1, Precision::Exact));
			assert_eq!(name_of(Staking::do_try_state()), invariant);
			assert_ok!(Balances::hold(&reason, &ALICE, 1));
		});
	}
}

#[test]
fn try_state_should_notice_a_hold_of_one_who_is_no_provider() {
	for (reason, invariant) in HOLDS {
		run(|| {
			let reason: RuntimeHoldReason = reason.into();
			assert_ok!(Balances::hold(&reason, &BOB, 1));
			assert_eq!(name_of(Staking::do_try_state()), invariant);
			assert_ok!(Balances::release(&reason, &BOB, 1, Precision::Exact));
		});
	}
}

#[test]
fn try_state_should_notice_a_commitment_that_is_not_covered() {
	run(|| {
		assert_eq!(
			broken_by(|entry| entry.committed = 501),
			"commitments_are_covered"
		);
	});
}

#[test]
fn try_state_should_notice_a_bond_below_the_minimum() {
	run(|| {
		let verdict = broken_by(|entry| {
			entry.active = 1;
			let chunk = UnbondingChunk {
				amount: 499,
				unlocks_at: 5,
			};
			entry.unbonding = vec![chunk].try_into().expect("short");
		});
		assert_eq!(verdict, "bonds_are_not_dust");
	});
}

#[test]
fn try_state_should_notice_chunks_that_are_empty_out_of_order_or_late() {
	for chunks in [
		vec![(0, 5)],
		vec![(10, 5), (10, 5)],
		vec![(10, 6), (10, 5)],
		vec![(10, 2 + UNBONDING_BLOCKS)],
	] {
		run(|| {
			let verdict = broken_by(|entry| {
				entry.active -= chunks.iter().map(|(amount, _)| amount).sum::<Balance>();
				entry.unbonding = chunks
					.iter()
					.map(|&(amount, unlocks_at)| UnbondingChunk { amount, unlocks_at })
					.collect::<Vec<_>>()
					.try_into()
					.expect("short");
			});
			assert_eq!(verdict, "unbonding_is_in_order", "{chunks:?}");
		});
	}
}

#[test]
fn try_state_should_notice_an_operator_that_is_not_named_once() {
	run(|| {
		assert_eq!(
			broken_by(|entry| entry.operators.clear()),
			"operators_are_named"
		);
	});
	run(|| {
		let verdict =
			broken_by(|entry| entry.operators = vec![HOT, HOT].try_into().expect("short"));
		assert_eq!(verdict, "operators_are_named");
	});
	run(|| {
		OperatorOf::<Test>::insert(HOT, STRANGER);
		assert_eq!(name_of(Staking::do_try_state()), "operators_are_named");
		OperatorOf::<Test>::remove(HOT);
	});
}

#[test]
fn try_state_should_notice_an_operator_that_is_a_provider() {
	run(|| {
		register(ALICE, 500);
		register(BOB, 500);
		let mut entry = provider(ALICE);
		entry.operators = vec![BOB].try_into().expect("short");
		Providers::<Test>::insert(ALICE, entry);
		OperatorOf::<Test>::insert(BOB, ALICE);
		assert_eq!(
			name_of(Staking::do_try_state()),
			"operators_are_no_providers"
		);
		OperatorOf::<Test>::remove(BOB);
	});
}
