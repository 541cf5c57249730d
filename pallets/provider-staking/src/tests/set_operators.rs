use lemma_primitives::provider::{MAX_OPERATORS, MAX_UNBONDING_CHUNKS};

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

#[test]
fn set_operators_should_need_no_deposit_for_as_many_as_there_can_be() {
	use codec::Encode;

	run(|| {
		assert_ok!(Staking::register_provider(
			RuntimeOrigin::signed(ALICE),
			500,
			longest_profile()
		));
		let before = deposit(ALICE);
		let operators: Vec<AccountId> = (100..100 + u64::from(MAX_OPERATORS)).collect();
		employ(ALICE, &operators);
		for _ in 0..MAX_UNBONDING_CHUNKS {
			assert_ok!(Staking::unbond(RuntimeOrigin::signed(ALICE), 1));
			skip_blocks(1);
		}
		assert_eq!(deposit(ALICE), before);

		// All that is stored, now that it is as much as can be.
		let links = OperatorOf::<Test>::iter().map(|link| link.encoded_size());
		let bytes = provider(ALICE).encoded_size() + links.sum::<usize>();
		assert_eq!(before, 50 + 2 * bytes as Balance);

		assert_ok!(Staking::leave_provider(RuntimeOrigin::signed(100)));
		assert_ok!(set(&[]));
		assert_eq!(deposit(ALICE), before);
	});
}
