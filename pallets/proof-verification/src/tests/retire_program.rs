use super::*;

fn retire(who: &AccountId, id: H256) -> DispatchResult {
	Registry::retire_program(RuntimeOrigin::signed(who.clone()), id)
}

#[test]
fn retire_program_should_close_it_for_new_orders_and_keep_the_deposit() {
	run(|| {
		register(&ALICE);
		System::set_block_number(5);
		assert_ok!(retire(&ALICE, PROGRAM));

		let program = Registry::program(PROGRAM).expect("is still registered");
		assert_eq!(program.status, ProgramStatus::Retired);
		assert!(
			!Registry::rules(&PROGRAM)
				.expect("is still registered")
				.active
		);
		assert_eq!(RetiredAt::<Test>::get(PROGRAM), Some(5));
		assert_eq!(held(&ALICE), DEPOSIT);
		assert_eq!(
			last_event(),
			Event::ProgramRetired {
				program: PROGRAM,
				removable_at: 5 + LONGEST_ORDER
			}
		);
	});
}

#[test]
fn retire_program_should_let_orders_that_were_posted_before_settle() {
	run(|| {
		register(&ALICE);
		assert_ok!(retire(&ALICE, PROGRAM));
		let output = [1, 2, 3, 4];
		let binding = binding(3, &BOB);
		let proof = proof_of(PROGRAM, binding, OutputElement::I32, &output);
		let result = ClaimedResult {
			program: PROGRAM,
			commitment: COMMITMENT,
			binding,
			output: &output,
		};
		assert_ok!(Registry::verify(result, &proof));
	});
}

#[test]
fn retire_program_should_be_roots_right_too() {
	run(|| {
		register(&ALICE);
		assert_ok!(Registry::retire_program(RuntimeOrigin::root(), PROGRAM));
		assert_ok!(Registry::retire_program(
			RuntimeOrigin::root(),
			GENESIS_PROGRAM
		));
		assert_eq!(RetiredAt::<Test>::iter().count(), 2);
	});
}

#[test]
fn retire_program_should_fail_for_others() {
	run(|| {
		register(&ALICE);
		assert_noop!(retire(&BOB, PROGRAM), Error::<Test>::NotOwner);
		assert_noop!(retire(&ALICE, GENESIS_PROGRAM), Error::<Test>::NotOwner);
	});
}

#[test]
fn retire_program_should_fail_when_retired_already() {
	run(|| {
		register(&ALICE);
		assert_ok!(retire(&ALICE, PROGRAM));
		System::set_block_number(5);
		assert_noop!(
			retire(&ALICE, PROGRAM),
			Error::<Test>::ProgramAlreadyRetired
		);
	});
}

#[test]
fn retire_program_should_fail_for_an_unknown_one() {
	run(|| {
		assert_noop!(retire(&ALICE, PROGRAM), Error::<Test>::ProgramUnknown);
	});
}

#[test]
fn retire_program_should_fail_without_an_origin() {
	run(|| {
		register(&ALICE);
		assert_noop!(
			Registry::retire_program(RuntimeOrigin::none(), PROGRAM),
			BadOrigin
		);
	});
}
