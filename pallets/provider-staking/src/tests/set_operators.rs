use super::*;

fn set(operators: &[AccountId]) -> frame_support::dispatch::DispatchResultWithPostInfo {
	let list = operators.to_vec().try_into().expect("few enough");
	Staking::set_operators(RuntimeOrigin::signed(ALICE), list)
}

#[test]
fn set_operators_should_name_them_without_making_them_act() {
	run(|| {
		register(ALICE, 500);
		assert_ok!(set(&[HOT, HOTTER]));

		assert_eq!(provider(ALICE).operators.to_vec(), [HOT, HOTTER]);
		assert_eq!(Staking::provider_of(&HOT), None);
		assert_eq!(
			last_event(),
			Event::OperatorsSet {
				provider: ALICE,
				operators: vec![HOT, HOTTER].try_into().expect("short")
			}
		);
	});
}

#[test]
fn set_operators_should_stop_those_that_are_named_no_longer_and_keep_the_others() {
	run(|| {
		register(ALICE, 500);
		employ(ALICE, &[HOT, HOTTER]);
		assert_ok!(set(&[HOTTER]));

		assert_eq!(Staking::provider_of(&HOT), None);
		assert_eq!(Staking::provider_of(&HOTTER), Some(ALICE));
	});
}

#[test]
fn set_operators_should_not_touch_a_key_that_has_joined_another_provider() {
	run(|| {
		register(ALICE, 500);
		register(BOB, 500);
		assert_ok!(set(&[HOT]));
		employ(BOB, &[HOT]);
		assert_ok!(set(&[]));

		assert_eq!(Staking::provider_of(&HOT), Some(BOB));
	});
}

#[test]
fn set_operators_should_fail_when_one_is_named_twice() {
	run(|| {
		register(ALICE, 500);
		assert_noop!(set(&[HOT, HOTTER, HOT]), Error::<Test>::DuplicateOperator);
	});
}

#[test]
fn set_operators_should_fail_when_one_is_a_provider_or_the_caller() {
	run(|| {
		register(ALICE, 500);
		register(BOB, 500);
		assert_noop!(set(&[HOT, BOB]), Error::<Test>::OperatorIsProvider);
		assert_noop!(set(&[ALICE]), Error::<Test>::OperatorIsProvider);
	});
}

#[test]
fn set_operators_should_fail_for_one_who_is_no_provider() {
	run(|| {
		assert_noop!(set(&[HOT]), Error::<Test>::NotProvider);
	});
}

#[test]
fn set_operators_should_fail_unsigned() {
	run(|| {
		assert_noop!(
			Staking::set_operators(RuntimeOrigin::root(), Default::default()),
			BadOrigin
		);
	});
}
