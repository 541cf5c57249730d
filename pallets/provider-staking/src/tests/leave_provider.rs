use super::*;

#[test]
fn leave_provider_should_stop_the_operator_and_take_its_name_off() {
	run(|| {
		register(ALICE, 500);
		employ(ALICE, &[HOT, HOTTER]);
		assert_ok!(Staking::leave_provider(RuntimeOrigin::signed(HOT)));

		assert_eq!(Staking::provider_of(&HOT), None);
		assert_eq!(provider(ALICE).operators.to_vec(), [HOTTER]);
		assert_eq!(
			last_event(),
			Event::OperatorLeft {
				provider: ALICE,
				operator: HOT
			}
		);
		assert_noop!(
			Staking::join_provider(RuntimeOrigin::signed(HOT), ALICE),
			Error::<Test>::OperatorNotNamed
		);
	});
}

#[test]
fn leave_provider_should_let_the_operator_register() {
	run(|| {
		register(ALICE, 500);
		employ(ALICE, &[HOT]);
		assert_ok!(Staking::leave_provider(RuntimeOrigin::signed(HOT)));
		register(HOT, 500);
		assert_eq!(Staking::provider_of(&HOT), Some(HOT));
	});
}

#[test]
fn leave_provider_should_fail_for_one_who_is_no_operator() {
	run(|| {
		register(ALICE, 500);
		let list = vec![HOT].try_into().expect("short");
		assert_ok!(Staking::set_operators(RuntimeOrigin::signed(ALICE), list));
		for who in [HOT, ALICE, BOB] {
			assert_noop!(
				Staking::leave_provider(RuntimeOrigin::signed(who)),
				Error::<Test>::NotOperator
			);
		}
	});
}

#[test]
fn leave_provider_should_fail_unsigned() {
	run(|| {
		assert_noop!(Staking::leave_provider(RuntimeOrigin::root()), BadOrigin);
	});
}
