use lemma_primitives::provider::MAX_UNBONDING_CHUNKS;

use super::*;
use crate::WeightInfo;

fn deregister() -> frame_support::dispatch::DispatchResultWithPostInfo {
	Staking::deregister(RuntimeOrigin::signed(ALICE))
}

#[test]
fn deregister_should_unbond_everything_and_let_the_operators_go() {
	run(|| {
		register(ALICE, 500);
		employ(ALICE, &[HOT]);
		assert_ok!(deregister());

		let entry = provider(ALICE);
		assert_eq!((entry.active, entry.unbonding[0].amount), (0, 500));
		assert!(entry.operators.is_empty());
		assert_eq!(Staking::provider_of(&HOT), None);
		assert_eq!((held(ALICE), deposit(ALICE)), (500, DEPOSIT));
		assert_eq!(
			last_event(),
			Event::UnbondingStarted {
				provider: ALICE,
				amount: 500,
				unlocks_at: 1 + UNBONDING_BLOCKS
			}
		);
	});
}

#[test]
fn deregister_should_end_with_the_withdrawal_and_allow_registering_anew() {
	run(|| {
		register(ALICE, 500);
		Staking::record(&ALICE, Settlement::Own(5));
		assert_ok!(deregister());
		skip_blocks(UNBONDING_BLOCKS);
		assert_ok!(Staking::withdraw_unbonded(RuntimeOrigin::signed(ALICE)));
		assert_eq!(
			last_event(),
			Event::ProviderDeregistered { provider: ALICE }
		);
		assert_eq!(free(ALICE), ENDOWMENT);

		register(ALICE, 200);
		assert_eq!(provider(ALICE).record, Default::default());
	});
}

#[test]
fn deregister_should_wait_for_what_was_unbonded_before_too() {
	run(|| {
		register(ALICE, 500);
		assert_ok!(Staking::unbond(RuntimeOrigin::signed(ALICE), 100));
		skip_blocks(5);
		assert_ok!(deregister());
		skip_blocks(UNBONDING_BLOCKS - 5);
		assert_ok!(Staking::withdraw_unbonded(RuntimeOrigin::signed(ALICE)));
		assert_eq!((held(ALICE), deposit(ALICE)), (400, DEPOSIT));
		skip_blocks(5);
		assert_ok!(Staking::withdraw_unbonded(RuntimeOrigin::signed(ALICE)));
		assert_eq!(Staking::provider(ALICE), None);
	});
}

#[test]
fn deregister_should_remove_a_provider_that_was_slashed_to_nothing() {
	run(|| {
		register(ALICE, 500);
		employ(ALICE, &[HOT]);
		commit(ALICE, 500);
		assert_ok!(slash(ALICE, 500, REQUESTER));
		assert_eq!(provider(ALICE).record.missed, 1);
		// What its entry takes is paid for until it is gone.
		assert_eq!((held(ALICE), deposit(ALICE)), (0, DEPOSIT));
		let info = deregister().expect("nothing is committed");
		assert_eq!(info.actual_weight, Some(<()>::withdraw_unbonded(1)));

		assert_eq!(Staking::provider(ALICE), None);
		assert_eq!(Staking::provider_of(&HOT), None);
		assert_eq!((deposit(ALICE), free(ALICE)), (0, ENDOWMENT - 500));
		assert_eq!(
			last_event(),
			Event::ProviderDeregistered { provider: ALICE }
		);
	});
}

#[test]
fn deregister_should_fail_with_a_live_claim() {
	run(|| {
		register(ALICE, 500);
		commit(ALICE, 1);
		assert_noop!(deregister(), Error::<Test>::BondCommitted);
		assert_ok!(Staking::release(&ALICE, 1));
		assert_ok!(deregister());
	});
}

#[test]
fn deregister_should_fail_when_leaving_already() {
	run(|| {
		register(ALICE, 500);
		assert_ok!(deregister());
		assert_noop!(deregister(), Error::<Test>::AlreadyLeaving);
	});
}

#[test]
fn deregister_should_fail_when_too_many_withdrawals_are_on_their_way() {
	run(|| {
		register(ALICE, 500);
		for _ in 0..MAX_UNBONDING_CHUNKS {
			assert_ok!(Staking::unbond(RuntimeOrigin::signed(ALICE), 1));
			skip_blocks(1);
		}
		assert_noop!(deregister(), Error::<Test>::TooManyUnbondingChunks);
	});
}

#[test]
fn deregister_should_fail_for_one_who_is_no_provider() {
	run(|| {
		assert_noop!(deregister(), Error::<Test>::NotProvider);
	});
}

#[test]
fn deregister_should_fail_unsigned() {
	run(|| {
		assert_noop!(Staking::deregister(RuntimeOrigin::root()), BadOrigin);
	});
}
