//! The pallet as the order book uses it.

use super::*;

#[test]
fn provider_of_should_know_cold_accounts_and_operators_only() {
	run(|| {
		register(ALICE, 500);
		employ(ALICE, &[HOT]);
		assert_eq!(Staking::provider_of(&ALICE), Some(ALICE));
		assert_eq!(Staking::provider_of(&HOT), Some(ALICE));
		assert_eq!(Staking::provider_of(&BOB), None);
	});
}

#[test]
fn commit_should_take_up_to_the_active_bond() {
	run(|| {
		register(ALICE, 500);
		assert_ok!(Staking::commit(&ALICE, 200));
		assert_eq!(Staking::uncommitted_bond(ALICE), Some(300));
		assert_noop!(Staking::commit(&ALICE, 301), Error::<Test>::BondCommitted);
		assert_ok!(Staking::commit(&ALICE, 300));
		assert_eq!(Staking::uncommitted_bond(ALICE), Some(0));
		assert_noop!(
			Staking::commit(&ALICE, Balance::MAX),
			Error::<Test>::BondCommitted
		);
		assert_noop!(Staking::commit(&BOB, 0), Error::<Test>::NotProvider);
		assert_eq!(Staking::uncommitted_bond(BOB), None);
	});
}

#[test]
fn commit_should_not_count_unbonding_bond() {
	run(|| {
		register(ALICE, 500);
		assert_ok!(Staking::unbond(RuntimeOrigin::signed(ALICE), 400));
		assert_noop!(Staking::commit(&ALICE, 101), Error::<Test>::BondCommitted);
	});
}

#[test]
fn release_should_free_the_bond_for_other_claims() {
	run(|| {
		register(ALICE, 500);
		commit(ALICE, 500);
		assert_ok!(Staking::release(&ALICE, 100));
		assert_eq!(provider(ALICE).committed, 400);
		assert_ok!(Staking::commit(&ALICE, 100));
	});
}

#[test]
fn release_should_fail_for_more_than_is_committed() {
	run(|| {
		register(ALICE, 500);
		commit(ALICE, 100);
		assert_noop!(
			Staking::release(&ALICE, 101),
			Error::<Test>::CommitmentTooSmall
		);
		assert_noop!(Staking::release(&BOB, 1), Error::<Test>::NotProvider);
	});
}

#[test]
fn slash_should_pay_the_beneficiary_from_the_active_bond() {
	run(|| {
		register(ALICE, 500);
		commit(ALICE, 300);
		assert_eq!(slash(ALICE, 200, REQUESTER), Ok(200));

		let entry = provider(ALICE);
		assert_eq!((entry.active, entry.committed), (300, 100));
		assert_eq!((entry.record.missed, entry.record.slashed), (1, 200));
		assert_eq!((held(ALICE), free(ALICE)), (300, ENDOWMENT - 500 - DEPOSIT));
		assert_eq!(free(REQUESTER), ENDOWMENT + 200);
		assert_eq!(
			last_event(),
			Event::BondSlashed {
				provider: ALICE,
				beneficiary: REQUESTER,
				amount: 200,
				burned: 0
			}
		);
	});
}

#[test]
fn slash_should_take_unbonding_bond_after_the_active_and_newest_first() {
	run(|| {
		register(ALICE, 500);
		assert_ok!(Staking::unbond(RuntimeOrigin::signed(ALICE), 150));
		skip_blocks(1);
		assert_ok!(Staking::unbond(RuntimeOrigin::signed(ALICE), 250));
		// More than any commitment: what a broken order book would ask for.
		assert_eq!(slash(ALICE, 400, REQUESTER), Ok(400));

		let entry = provider(ALICE);
		assert_eq!(entry.active, 0);
		assert_eq!(
			entry
				.unbonding
				.iter()
				.map(|chunk| chunk.amount)
				.collect::<Vec<_>>(),
			[100]
		);
		assert_eq!(held(ALICE), 100);
		assert_eq!(free(REQUESTER), ENDOWMENT + 400);
	});
}

#[test]
fn slash_should_reach_what_has_unlocked_but_was_not_withdrawn() {
	run(|| {
		register(ALICE, 500);
		assert_ok!(Staking::unbond(RuntimeOrigin::signed(ALICE), 500));
		skip_blocks(UNBONDING_BLOCKS * 2);
		assert_eq!(slash(ALICE, 500, REQUESTER), Ok(500));
		assert_noop!(
			Staking::withdraw_unbonded(RuntimeOrigin::signed(ALICE)),
			Error::<Test>::NothingToWithdraw
		);
	});
}

#[test]
fn slash_should_take_what_there_is_when_it_is_less() {
	run(|| {
		register(ALICE, 500);
		commit(ALICE, 500);
		assert_eq!(slash(ALICE, 700, REQUESTER), Ok(500));
		let entry = provider(ALICE);
		assert_eq!(
			(entry.active, entry.committed, entry.record.slashed),
			(0, 0, 500)
		);
		assert_eq!((held(ALICE), deposit(ALICE)), (0, DEPOSIT));
	});
}

#[test]
fn slash_should_leave_the_deposit_and_with_it_the_account() {
	run(|| {
		register(ALICE, 500);
		commit(ALICE, 500);
		assert_ok!(slash(ALICE, 500, REQUESTER));
		let rest = ENDOWMENT - 500 - DEPOSIT;
		assert_eq!((deposit(ALICE), free(ALICE)), (DEPOSIT, rest));
		let leave =
			|amount| Balances::transfer_allow_death(RuntimeOrigin::signed(ALICE), BOB, amount);
		assert_noop!(leave(rest), TokenError::Frozen);
		assert_ok!(leave(rest - EXISTENTIAL_DEPOSIT));
		assert_ok!(Staking::deregister(RuntimeOrigin::signed(ALICE)));
		assert_ok!(leave(free(ALICE)));
	});
}

#[test]
fn slash_should_return_the_bond_when_the_provider_is_its_own_requester() {
	run(|| {
		register(ALICE, 500);
		commit(ALICE, 200);
		assert_eq!(slash(ALICE, 200, ALICE), Ok(200));

		let entry = provider(ALICE);
		assert_eq!(
			(entry.active, entry.committed, entry.record.missed),
			(300, 0, 1)
		);
		assert_eq!((held(ALICE), free(ALICE)), (300, ENDOWMENT - 300 - DEPOSIT));
	});
}

#[test]
fn slash_should_create_the_beneficiary_when_the_amount_suffices() {
	run(|| {
		register(ALICE, 500);
		commit(ALICE, 200);
		assert_eq!(
			slash(ALICE, EXISTENTIAL_DEPOSIT, STRANGER),
			Ok(EXISTENTIAL_DEPOSIT)
		);
		assert_eq!(free(STRANGER), EXISTENTIAL_DEPOSIT);
	});
}

#[test]
fn slash_should_burn_what_the_beneficiary_cannot_receive() {
	run(|| {
		register(ALICE, 500);
		commit(ALICE, 200);
		let dust = EXISTENTIAL_DEPOSIT - 1;
		let issued = Balances::total_issuance();
		assert_eq!(slash(ALICE, dust, STRANGER), Ok(0));

		assert_eq!(Balances::total_issuance(), issued - dust);
		assert_eq!(provider(ALICE).active, 500 - dust);
		assert_eq!(provider(ALICE).record.slashed, dust);
		assert_eq!(
			last_event(),
			Event::BondSlashed {
				provider: ALICE,
				beneficiary: STRANGER,
				amount: 0,
				burned: dust
			}
		);
	});
}

#[test]
fn slash_should_fail_for_one_who_is_no_provider() {
	run(|| {
		assert_noop!(slash(BOB, 100, REQUESTER), Error::<Test>::NotProvider);
	});
}

#[test]
fn record_should_count_settlements_rescues_and_earnings() {
	run(|| {
		register(ALICE, 500);
		Staking::record(&ALICE, Settlement::Own(30));
		Staking::record(&ALICE, Settlement::Rescue(12));

		let record = provider(ALICE).record;
		assert_eq!((record.settled, record.rescued, record.earned), (2, 1, 42));
		assert_eq!((record.missed, record.slashed), (0, 0));
	});
}

#[test]
fn record_should_do_nothing_for_one_who_is_no_provider() {
	run(|| {
		Staking::record(&BOB, Settlement::Own(30));
		assert_eq!(Staking::provider(BOB), None);
	});
}
