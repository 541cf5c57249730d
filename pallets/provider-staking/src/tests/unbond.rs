use lemma_primitives::provider::{UnbondingChunk, MAX_UNBONDING_CHUNKS};

use super::*;

fn unbond(amount: Balance) -> sp_runtime::DispatchResult {
	Staking::unbond(RuntimeOrigin::signed(ALICE), amount)
}

#[test]
fn unbond_should_move_active_bond_to_a_chunk_that_stays_held() {
	run(|| {
		register(ALICE, 500);
		assert_ok!(unbond(400));

		let entry = provider(ALICE);
		assert_eq!(entry.active, 100);
		assert_eq!(
			entry.unbonding.to_vec(),
			[UnbondingChunk {
				amount: 400,
				unlocks_at: 1 + UNBONDING_BLOCKS
			}]
		);
		assert_eq!((held(ALICE), free(ALICE)), (500, ENDOWMENT - 500 - DEPOSIT));
		assert_eq!(
			last_event(),
			Event::UnbondingStarted {
				provider: ALICE,
				amount: 400,
				unlocks_at: 1 + UNBONDING_BLOCKS
			}
		);
	});
}

#[test]
fn unbond_should_allow_all_of_the_bond() {
	run(|| {
		register(ALICE, 500);
		assert_ok!(unbond(500));
		assert_eq!(provider(ALICE).active, 0);
		assert_noop!(Staking::commit(&ALICE, 1), Error::<Test>::BondCommitted);
	});
}

#[test]
fn unbond_should_merge_what_is_unbonded_in_one_block() {
	run(|| {
		register(ALICE, 500);
		assert_ok!(unbond(50));
		assert_ok!(unbond(70));
		skip_blocks(1);
		assert_ok!(unbond(30));

		let amounts: Vec<_> = provider(ALICE)
			.unbonding
			.iter()
			.map(|chunk| (chunk.amount, chunk.unlocks_at))
			.collect();
		assert_eq!(
			amounts,
			[(120, 1 + UNBONDING_BLOCKS), (30, 2 + UNBONDING_BLOCKS)]
		);
	});
}

#[test]
fn unbond_should_leave_what_is_committed() {
	run(|| {
		register(ALICE, 500);
		commit(ALICE, 300);
		assert_noop!(unbond(201), Error::<Test>::BondCommitted);
		assert_ok!(unbond(200));
		assert_eq!(provider(ALICE).active, 300);
	});
}

#[test]
fn unbond_should_fail_when_less_than_the_minimum_would_remain() {
	run(|| {
		register(ALICE, 500);
		assert_noop!(unbond(401), Error::<Test>::BondBelowMinimum);
		assert_noop!(unbond(499), Error::<Test>::BondBelowMinimum);
	});
}

#[test]
fn unbond_should_let_all_go_when_a_slash_left_less_than_the_minimum() {
	run(|| {
		register(ALICE, LEAST_BOND);
		commit(ALICE, 60);
		assert_ok!(slash(ALICE, 60, REQUESTER));
		assert_noop!(unbond(1), Error::<Test>::BondBelowMinimum);
		assert_ok!(unbond(40));
	});
}

#[test]
fn unbond_should_fail_when_there_is_less() {
	run(|| {
		register(ALICE, 500);
		assert_noop!(unbond(501), Error::<Test>::BondTooSmall);
	});
}

#[test]
fn unbond_should_fail_for_nothing() {
	run(|| {
		register(ALICE, 500);
		assert_noop!(unbond(0), Error::<Test>::AmountZero);
	});
}

#[test]
fn unbond_should_fail_when_too_many_withdrawals_are_on_their_way() {
	run(|| {
		register(ALICE, 500);
		for _ in 0..MAX_UNBONDING_CHUNKS {
			assert_ok!(unbond(1));
			skip_blocks(1);
		}
		assert_noop!(unbond(1), Error::<Test>::TooManyUnbondingChunks);

		skip_blocks(UNBONDING_BLOCKS);
		assert_ok!(Staking::withdraw_unbonded(RuntimeOrigin::signed(ALICE)));
		assert_ok!(unbond(1));
	});
}

#[test]
fn unbond_should_fail_for_an_operator() {
	run(|| {
		register(ALICE, 500);
		employ(ALICE, &[HOT]);
		assert_noop!(
			Staking::unbond(RuntimeOrigin::signed(HOT), 100),
			Error::<Test>::NotProvider
		);
	});
}

#[test]
fn unbond_should_fail_unsigned() {
	run(|| {
		assert_noop!(Staking::unbond(RuntimeOrigin::root(), 100), BadOrigin);
	});
}
