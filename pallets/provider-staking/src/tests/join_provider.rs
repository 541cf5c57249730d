use super::*;

fn name(who: AccountId, operator: AccountId) {
	let list = vec![operator].try_into().expect("short");
	assert_ok!(Staking::set_operators(RuntimeOrigin::signed(who), list));
}

#[test]
fn join_provider_should_make_a_named_operator_act() {
	run(|| {
		register(ALICE, 500);
		name(ALICE, HOT);
		assert_ok!(Staking::join_provider(RuntimeOrigin::signed(HOT), ALICE));

		assert_eq!(Staking::provider_of(&HOT), Some(ALICE));
		assert_eq!(Staking::acting_for(HOT), Some(ALICE));
		assert_eq!(
			last_event(),
			Event::OperatorJoined {
				provider: ALICE,
				operator: HOT
			}
		);
	});
}

#[test]
fn join_provider_should_fail_when_not_named() {
	run(|| {
		register(ALICE, 500);
		name(ALICE, HOT);
		assert_noop!(
			Staking::join_provider(RuntimeOrigin::signed(HOTTER), ALICE),
			Error::<Test>::OperatorNotNamed
		);
	});
}

#[test]
fn join_provider_should_fail_when_acting_for_one_already() {
	run(|| {
		register(ALICE, 500);
		register(BOB, 500);
		employ(ALICE, &[HOT]);
		name(BOB, HOT);
		assert_noop!(
			Staking::join_provider(RuntimeOrigin::signed(HOT), BOB),
			Error::<Test>::AlreadyOperator
		);
		assert_noop!(
			Staking::join_provider(RuntimeOrigin::signed(HOT), ALICE),
			Error::<Test>::AlreadyOperator
		);
	});
}

#[test]
fn join_provider_should_fail_for_a_provider_that_was_named_before_it_registered() {
	run(|| {
		register(ALICE, 500);
		name(ALICE, BOB);
		register(BOB, 500);
		assert_noop!(
			Staking::join_provider(RuntimeOrigin::signed(BOB), ALICE),
			Error::<Test>::OperatorIsProvider
		);
	});
}

#[test]
fn join_provider_should_fail_when_there_is_no_such_provider() {
	run(|| {
		assert_noop!(
			Staking::join_provider(RuntimeOrigin::signed(HOT), ALICE),
			Error::<Test>::NotProvider
		);
	});
}

#[test]
fn join_provider_should_fail_unsigned() {
	run(|| {
		assert_noop!(
			Staking::join_provider(RuntimeOrigin::root(), ALICE),
			BadOrigin
		);
	});
}
