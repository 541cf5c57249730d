//! That each invariant is in fact checked: breaks it and looks for its name in the verdict.

use frame_support::traits::{fungible::MutateHold, tokens::Precision};
use sp_runtime::DispatchError;

use super::*;
use crate::{HoldReason, ProgramOf};

fn verdict() -> String {
	match Registry::do_try_state() {
		Err(DispatchError::Other(text)) => text.split(':').next().unwrap_or_default().to_string(),
		other => format!("{other:?}"),
	}
}

/// Damages the entry of `id`, says which invariant that breaks, and mends it again, so that the invariants
/// hold after the test.
fn broken_by(id: H256, damage: impl FnOnce(&mut ProgramOf<Test>)) -> String {
	let intact = Registry::program(id).expect("is registered");
	let mut damaged = intact.clone();
	damage(&mut damaged);
	Programs::<Test>::insert(id, damaged);
	let name = verdict();
	Programs::<Test>::insert(id, intact);
	name
}

#[test]
fn try_state_should_notice_a_deposit_that_is_not_held() {
	run(|| {
		register(&ALICE);
		assert_eq!(
			broken_by(PROGRAM, |program| program.deposit += 1),
			"deposits_are_held"
		);
		assert_eq!(
			broken_by(PROGRAM, |program| program.owner = Some(BOB)),
			"deposits_are_held"
		);
	});
}

#[test]
fn try_state_should_notice_a_hold_of_one_who_owns_no_program() {
	run(|| {
		let reason: RuntimeHoldReason = HoldReason::ProgramDeposit.into();
		assert_ok!(Balances::hold(&reason, &BOB, 1));
		assert_eq!(verdict(), "deposits_are_held");
		assert_ok!(Balances::release(&reason, &BOB, 1, Precision::Exact));
	});
}

#[test]
fn try_state_should_notice_a_deposit_of_nobody() {
	run(|| {
		assert_eq!(
			broken_by(GENESIS_PROGRAM, |program| program.deposit = 1),
			"genesis_programs_hold_nothing"
		);
	});
}

#[test]
fn try_state_should_notice_a_rule_that_cannot_be_satisfied() {
	run(|| {
		for rule in [
			LengthRule { max: 3, ..RULE },
			LengthRule {
				multiple_of: 6,
				..RULE
			},
		] {
			assert_eq!(
				broken_by(GENESIS_PROGRAM, |program| program.length = rule),
				"rules_can_be_satisfied"
			);
		}
	});
}

#[test]
fn try_state_should_notice_retirements_without_a_block_and_blocks_without_a_retirement() {
	run(|| {
		assert_eq!(
			broken_by(GENESIS_PROGRAM, |program| program.status =
				ProgramStatus::Retired),
			"retirements_are_dated"
		);
		for id in [GENESIS_PROGRAM, PROGRAM] {
			RetiredAt::<Test>::insert(id, 1);
			assert_eq!(verdict(), "retirements_are_dated");
			RetiredAt::<Test>::remove(id);
		}
		assert_ok!(Registry::retire_program(
			RuntimeOrigin::root(),
			GENESIS_PROGRAM
		));
		RetiredAt::<Test>::insert(GENESIS_PROGRAM, 2);
		assert_eq!(verdict(), "retirements_are_dated");
		RetiredAt::<Test>::insert(GENESIS_PROGRAM, 1);
	});
}
