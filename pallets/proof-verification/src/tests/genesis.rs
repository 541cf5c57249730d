//! The programs that a chain has from its start.

use super::*;

#[test]
fn genesis_should_register_programs_that_nobody_owns() {
	run(|| {
		assert_eq!(
			Registry::program(GENESIS_PROGRAM),
			Some(Program {
				owner: None,
				deposit: 0,
				element: OutputElement::I32,
				length: RULE,
				description: DESCRIPTION,
				status: ProgramStatus::Active,
			})
		);
	});
}

#[test]
#[should_panic(expected = "twice")]
fn genesis_should_not_name_a_program_twice() {
	let program = (GENESIS_PROGRAM, OutputElement::I32, RULE, DESCRIPTION);
	genesis(vec![program, program]);
}

#[test]
#[should_panic(expected = "not valid")]
fn genesis_should_not_name_a_program_whose_rule_allows_nothing() {
	let rule = LengthRule {
		multiple_of: 0,
		..RULE
	};
	genesis(vec![(
		GENESIS_PROGRAM,
		OutputElement::I32,
		rule,
		DESCRIPTION,
	)]);
}

#[test]
#[should_panic(expected = "not valid")]
fn genesis_should_not_name_a_program_whose_id_is_not_canonical() {
	genesis(vec![(NOT_CANONICAL, OutputElement::I32, RULE, DESCRIPTION)]);
}
