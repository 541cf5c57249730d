use super::*;

fn withdraw() -> frame_support::dispatch::DispatchResultWithPostInfo {
	Staking::withdraw_unbonded(RuntimeOrigin::signed(ALICE))
}

#[test]
fn withdraw_unbonded_should_return_what_has_unlocked_and_keep_the_rest() {
	run(|| {
		register(ALICE, 500);
		assert_ok!(Staking::unbond(RuntimeOrigin::signed(ALICE), 150));
		skip_blocks(3);
		assert_ok!(Staking::unbond(RuntimeOrigin::signed(ALICE), 50));
		skip_blocks(UNBONDING_BLOCKS - 3);
		assert_ok!(withdraw());

		let entry = provider(ALICE);
		assert_eq!(entry.active, 300);
		assert_eq!(
			entry
				.unbonding
				.iter()
				.map(|chunk| chunk.amount)
				.collect::<Vec<_>>(),
			[50]
		);
		assert_eq!((held(ALICE), free(ALICE)), (350, ENDOWMENT - 350 - DEPOSIT));
		assert_eq!(
			last_event(),
			Event::BondWithdrawn {
				provider: ALICE,
				amount: 150
			}
		);
	});
}

#[test]
fn withdraw_unbonded_should_fail_a_block_early_and_work_in_the_block_of_unlocking() {
	run(|| {
		register(ALICE, 500);
		assert_ok!(Staking::unbond(RuntimeOrigin::signed(ALICE), 150));
		skip_blocks(UNBONDING_BLOCKS - 1);
		assert_noop!(withdraw(), Error::<Test>::NothingToWithdraw);
		skip_blocks(1);
		assert_ok!(withdraw());
	});
}

#[test]
fn withdraw_unbonded_should_end_the_registration_with_the_last_of_the_bond() {
	run(|| {
		register(ALICE, 500);
		employ(ALICE, &[HOT]);
		assert_ok!(Staking::unbond(RuntimeOrigin::signed(ALICE), 500));
		skip_blocks(UNBONDING_BLOCKS);
		assert_ok!(withdraw());

		assert_eq!(Staking::provider(ALICE), None);
		assert_eq!((held(ALICE), free(ALICE)), (0, ENDOWMENT));
		assert_eq!(Staking::provider_of(&ALICE), None);
		assert_eq!(Staking::provider_of(&HOT), None);
		let events = events();
		assert_eq!(
			events[events.len() - 2..],
			[
				Event::BondWithdrawn {
					provider: ALICE,
					amount: 500
				},
				Event::ProviderDeregistered { provider: ALICE }
			]
		);
		// The key is free to be somebody's operator, or a provider.
		register(HOT, 500);
	});
}

#[test]
fn withdraw_unbonded_should_fail_when_nothing_is_unbonding() {
	run(|| {
		register(ALICE, 500);
		assert_noop!(withdraw(), Error::<Test>::NothingToWithdraw);
	});
}

#[test]
fn withdraw_unbonded_should_fail_for_one_who_is_no_provider() {
	run(|| {
		assert_noop!(withdraw(), Error::<Test>::NotProvider);
	});
}

#[test]
fn withdraw_unbonded_should_fail_unsigned() {
	run(|| {
		assert_noop!(Staking::withdraw_unbonded(RuntimeOrigin::root()), BadOrigin);
	});
}
