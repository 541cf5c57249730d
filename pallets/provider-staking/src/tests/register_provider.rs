use super::*;

#[test]
fn register_provider_should_hold_the_bond_and_store_the_profile() {
	run(|| {
		System::set_block_number(7);
		assert_ok!(Staking::register_provider(
			RuntimeOrigin::signed(ALICE),
			500,
			profile()
		));

		let entry = provider(ALICE);
		assert_eq!((entry.active, entry.committed), (500, 0));
		assert!(entry.unbonding.is_empty() && entry.operators.is_empty());
		assert_eq!(entry.profile, profile());
		assert_eq!(entry.registered_at, 7);
		assert_eq!(entry.record, Default::default());
		assert_eq!((held(ALICE), free(ALICE)), (500, ENDOWMENT - 500 - DEPOSIT));
		assert_eq!(
			last_event(),
			Event::ProviderRegistered {
				provider: ALICE,
				bond: 500
			}
		);
	});
}

#[test]
fn register_provider_should_accept_exactly_the_minimum() {
	run(|| {
		assert_ok!(Staking::register_provider(
			RuntimeOrigin::signed(ALICE),
			LEAST_BOND,
			profile()
		));
		assert_eq!(held(ALICE), LEAST_BOND);
	});
}

#[test]
fn register_provider_should_fail_when_the_bond_is_below_the_minimum() {
	run(|| {
		assert_noop!(
			Staking::register_provider(RuntimeOrigin::signed(ALICE), LEAST_BOND - 1, profile()),
			Error::<Test>::BondBelowMinimum
		);
	});
}

#[test]
fn register_provider_should_fail_when_registered_already() {
	run(|| {
		register(ALICE, 500);
		assert_noop!(
			Staking::register_provider(RuntimeOrigin::signed(ALICE), 500, profile()),
			Error::<Test>::AlreadyProvider
		);
	});
}

#[test]
fn register_provider_should_fail_for_an_operator_that_has_joined() {
	run(|| {
		register(ALICE, 500);
		employ(ALICE, &[HOT]);
		assert_noop!(
			Staking::register_provider(RuntimeOrigin::signed(HOT), 500, profile()),
			Error::<Test>::AlreadyOperator
		);
	});
}

#[test]
fn register_provider_should_not_be_blocked_by_being_named_an_operator() {
	run(|| {
		register(ALICE, 500);
		let list = vec![BOB].try_into().expect("short");
		assert_ok!(Staking::set_operators(RuntimeOrigin::signed(ALICE), list));

		register(BOB, 500);
		assert_eq!(Staking::provider_of(&BOB), Some(BOB));
	});
}

#[test]
fn register_provider_should_fail_without_the_money() {
	run(|| {
		assert_noop!(
			Staking::register_provider(RuntimeOrigin::signed(ALICE), ENDOWMENT + 1, profile()),
			TokenError::FundsUnavailable
		);
	});
}

#[test]
fn register_provider_should_hold_a_deposit_by_the_length_of_the_profile() {
	run(|| {
		register(ALICE, 500);
		assert_eq!(deposit(ALICE), DEPOSIT);
		assert_ok!(Staking::register_provider(
			RuntimeOrigin::signed(BOB),
			500,
			longest_profile()
		));
		// Both lengths take two bytes each.
		let longer = 2 + 128 + 2 + 64 * 32 - (1 + 19 + 1);
		assert_eq!(deposit(BOB), DEPOSIT + 2 * longer);
		assert_eq!(free(BOB), ENDOWMENT - 500 - deposit(BOB));
	});
}

#[test]
fn register_provider_should_need_bond_deposit_and_existential_deposit() {
	run(|| {
		let most = ENDOWMENT - EXISTENTIAL_DEPOSIT - DEPOSIT;
		for bond in [most + 1, most + DEPOSIT] {
			assert_noop!(
				// As an extrinsic does: an error undoes everything.
				with_storage_layer(|| {
					Staking::register_provider(RuntimeOrigin::signed(ALICE), bond, profile())
				}),
				TokenError::FundsUnavailable
			);
		}
		register(ALICE, most);
		assert_eq!(free(ALICE), EXISTENTIAL_DEPOSIT);
	});
}

#[test]
fn register_provider_should_fail_when_the_endpoint_is_not_utf8() {
	run(|| {
		let mut profile = profile();
		profile.endpoint = vec![0xff, 0xfe].try_into().expect("short");
		assert_noop!(
			Staking::register_provider(RuntimeOrigin::signed(ALICE), 500, profile),
			Error::<Test>::EndpointNotUtf8
		);
	});
}

#[test]
fn register_provider_should_fail_when_a_program_is_advertised_twice() {
	run(|| {
		let mut profile = profile();
		profile.programs = vec![Default::default(); 2].try_into().expect("short");
		assert_noop!(
			Staking::register_provider(RuntimeOrigin::signed(ALICE), 500, profile),
			Error::<Test>::DuplicateProgram
		);
	});
}

#[test]
fn register_provider_should_fail_unsigned() {
	run(|| {
		assert_noop!(
			Staking::register_provider(RuntimeOrigin::root(), 500, profile()),
			BadOrigin
		);
	});
}
