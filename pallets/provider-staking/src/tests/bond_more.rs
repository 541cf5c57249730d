use super::*;

#[test]
fn bond_more_should_add_to_the_active_bond() {
	run(|| {
		register(ALICE, 500);
		assert_ok!(Staking::bond_more(RuntimeOrigin::signed(ALICE), 1));

		assert_eq!(provider(ALICE).active, 501);
		assert_eq!((held(ALICE), free(ALICE)), (501, ENDOWMENT - 501 - DEPOSIT));
		assert_eq!(
			last_event(),
			Event::BondIncreased {
				provider: ALICE,
				amount: 1,
				active: 501
			}
		);
	});
}

#[test]
fn bond_more_should_free_bond_for_another_claim() {
	run(|| {
		register(ALICE, 500);
		commit(ALICE, 500);
		assert_noop!(Staking::commit(&ALICE, 1), Error::<Test>::BondCommitted);
		assert_ok!(Staking::bond_more(RuntimeOrigin::signed(ALICE), 100));
		assert_ok!(Staking::commit(&ALICE, 100));
	});
}

#[test]
fn bond_more_should_take_a_leaving_provider_back() {
	run(|| {
		register(ALICE, 500);
		assert_ok!(Staking::deregister(RuntimeOrigin::signed(ALICE)));
		assert_ok!(Staking::bond_more(RuntimeOrigin::signed(ALICE), 200));
		skip_blocks(UNBONDING_BLOCKS);
		assert_ok!(Staking::withdraw_unbonded(RuntimeOrigin::signed(ALICE)));

		assert_eq!(provider(ALICE).active, 200);
		assert_eq!((held(ALICE), free(ALICE)), (200, ENDOWMENT - 200 - DEPOSIT));
	});
}

#[test]
fn bond_more_should_fail_when_the_sum_is_below_the_minimum() {
	run(|| {
		register(ALICE, LEAST_BOND);
		commit(ALICE, 60);
		assert_ok!(slash(ALICE, 60, REQUESTER));
		assert_noop!(
			Staking::bond_more(RuntimeOrigin::signed(ALICE), 59),
			Error::<Test>::BondBelowMinimum
		);
		assert_ok!(Staking::bond_more(RuntimeOrigin::signed(ALICE), 60));
		assert_eq!(provider(ALICE).active, LEAST_BOND);
	});
}

#[test]
fn bond_more_should_fail_for_nothing() {
	run(|| {
		register(ALICE, 500);
		assert_noop!(
			Staking::bond_more(RuntimeOrigin::signed(ALICE), 0),
			Error::<Test>::AmountZero
		);
	});
}

#[test]
fn bond_more_should_fail_without_the_money() {
	run(|| {
		register(ALICE, 500);
		assert_noop!(
			Staking::bond_more(RuntimeOrigin::signed(ALICE), ENDOWMENT),
			TokenError::FundsUnavailable
		);
	});
}

#[test]
fn bond_more_should_fail_for_one_who_is_no_provider() {
	run(|| {
		assert_noop!(
			Staking::bond_more(RuntimeOrigin::signed(BOB), 500),
			Error::<Test>::NotProvider
		);
	});
}

#[test]
fn bond_more_should_fail_unsigned() {
	run(|| {
		assert_noop!(Staking::bond_more(RuntimeOrigin::root(), 500), BadOrigin);
	});
}
