use super::*;

fn remove(who: &AccountId, id: H256) -> DispatchResult {
	Registry::remove_program(RuntimeOrigin::signed(who.clone()), id)
}

/// Has ALICE register [`PROGRAM`] and retire it in block 1.
fn retired() {
	register(&ALICE);
	assert_ok!(Registry::retire_program(
		RuntimeOrigin::signed(ALICE),
		PROGRAM
	));
}

#[test]
fn remove_program_should_return_the_deposit() {
	run(|| {
		retired();
		System::set_block_number(1 + LONGEST_ORDER);
		assert_ok!(remove(&ALICE, PROGRAM));

		assert_eq!(Registry::program(PROGRAM), None);
		assert_eq!(RetiredAt::<Test>::get(PROGRAM), None);
		assert_eq!(
			(held(&ALICE), Balances::free_balance(ALICE)),
			(0, ENDOWMENT)
		);
		assert_eq!(last_event(), Event::ProgramRemoved { program: PROGRAM });
	});
}

#[test]
fn remove_program_should_return_the_deposit_to_the_owner_when_root_calls() {
	run(|| {
		retired();
		System::set_block_number(1 + LONGEST_ORDER);
		assert_ok!(Registry::remove_program(RuntimeOrigin::root(), PROGRAM));
		assert_eq!(Balances::free_balance(ALICE), ENDOWMENT);
	});
}

#[test]
fn remove_program_should_allow_registering_it_anew() {
	run(|| {
		retired();
		System::set_block_number(1 + LONGEST_ORDER);
		assert_ok!(remove(&ALICE, PROGRAM));
		register(&BOB);
		assert!(Registry::rules(&PROGRAM).expect("is registered").active);
	});
}

#[test]
fn remove_program_should_remove_one_of_genesis_for_root_only() {
	run(|| {
		assert_ok!(Registry::retire_program(
			RuntimeOrigin::root(),
			GENESIS_PROGRAM
		));
		System::set_block_number(1 + LONGEST_ORDER);
		assert_noop!(remove(&ALICE, GENESIS_PROGRAM), Error::<Test>::NotOwner);
		assert_ok!(Registry::remove_program(
			RuntimeOrigin::root(),
			GENESIS_PROGRAM
		));
		assert_eq!(Registry::program(GENESIS_PROGRAM), None);
	});
}

#[test]
fn remove_program_should_fail_while_an_order_may_be_alive() {
	run(|| {
		retired();
		System::set_block_number(LONGEST_ORDER);
		assert_noop!(remove(&ALICE, PROGRAM), Error::<Test>::OrdersMayBeAlive);
		assert_noop!(
			Registry::remove_program(RuntimeOrigin::root(), PROGRAM),
			Error::<Test>::OrdersMayBeAlive
		);
	});
}

#[test]
fn remove_program_should_fail_when_not_retired() {
	run(|| {
		register(&ALICE);
		assert_noop!(remove(&ALICE, PROGRAM), Error::<Test>::ProgramNotRetired);
	});
}

#[test]
fn remove_program_should_fail_for_others() {
	run(|| {
		retired();
		System::set_block_number(1 + LONGEST_ORDER);
		assert_noop!(remove(&BOB, PROGRAM), Error::<Test>::NotOwner);
	});
}

#[test]
fn remove_program_should_fail_for_an_unknown_one() {
	run(|| {
		assert_noop!(remove(&ALICE, PROGRAM), Error::<Test>::ProgramUnknown);
	});
}

#[test]
fn remove_program_should_fail_without_an_origin() {
	run(|| {
		retired();
		assert_noop!(
			Registry::remove_program(RuntimeOrigin::none(), PROGRAM),
			BadOrigin
		);
	});
}
