use super::*;
use crate::Sample;

fn register_with(
	who: &AccountId,
	id: H256,
	element: OutputElement,
	length: LengthRule,
	sample: Sample,
) -> DispatchResult {
	let origin = RuntimeOrigin::signed(who.clone());
	Registry::register_program(origin, id, element, length, DESCRIPTION, sample)
}

fn register_sample(sample: Sample) -> DispatchResult {
	register_with(&ALICE, PROGRAM, OutputElement::I32, RULE, sample)
}

fn register_rule(element: OutputElement, length: LengthRule) -> DispatchResult {
	register_with(&ALICE, PROGRAM, element, length, sample_of(&ALICE))
}

#[test]
fn register_program_should_store_it_and_hold_the_deposit() {
	run(|| {
		register(&ALICE);

		assert_eq!(
			Registry::program(PROGRAM),
			Some(Program {
				owner: Some(ALICE),
				deposit: DEPOSIT,
				element: OutputElement::I32,
				length: RULE,
				description: DESCRIPTION,
				status: ProgramStatus::Active,
			})
		);
		assert_eq!(held(&ALICE), DEPOSIT);
		assert_eq!(Balances::free_balance(ALICE), ENDOWMENT - DEPOSIT);
		assert_eq!(
			last_event(),
			Event::ProgramRegistered {
				program: PROGRAM,
				owner: ALICE
			}
		);
	});
}

#[test]
fn register_program_should_hold_a_deposit_for_each() {
	run(|| {
		register(&ALICE);
		let other = H256([10; 32]);
		let mut sample = sample_of(&ALICE);
		sample.proof = proof_of(
			other,
			binding(SAMPLE_ORDER, &ALICE),
			OutputElement::I32,
			&sample.output,
		)
		.try_into()
		.expect("short");
		assert_ok!(register_with(
			&ALICE,
			other,
			OutputElement::I32,
			RULE,
			sample
		));
		assert_eq!(held(&ALICE), 2 * DEPOSIT);
	});
}

#[test]
fn register_program_should_fail_when_registered_already() {
	run(|| {
		register(&ALICE);
		assert_noop!(
			register_with(&BOB, PROGRAM, OutputElement::I32, RULE, sample_of(&BOB)),
			Error::<Test>::ProgramAlreadyRegistered
		);
		assert_noop!(
			register_with(
				&BOB,
				GENESIS_PROGRAM,
				OutputElement::I32,
				RULE,
				sample_of(&BOB)
			),
			Error::<Test>::ProgramAlreadyRegistered
		);
	});
}

#[test]
fn register_program_should_fail_with_the_sample_of_another() {
	run(|| {
		assert_noop!(
			register_sample(sample_of(&BOB)),
			Error::<Test>::ProofInvalid
		);
	});
}

#[test]
fn register_program_should_fail_with_the_proof_of_an_order() {
	run(|| {
		let mut sample = sample_of(&ALICE);
		sample.proof = proof_of(
			PROGRAM,
			binding(0, &ALICE),
			OutputElement::I32,
			&sample.output,
		)
		.try_into()
		.expect("short");
		assert_noop!(register_sample(sample), Error::<Test>::ProofInvalid);
	});
}

#[test]
fn register_program_should_fail_with_the_sample_of_another_program() {
	run(|| {
		assert_noop!(
			register_with(
				&ALICE,
				H256([10; 32]),
				OutputElement::I32,
				RULE,
				sample_of(&ALICE)
			),
			Error::<Test>::ProofInvalid
		);
	});
}

#[test]
fn register_program_should_fail_with_another_element_type_than_the_sample_proves() {
	run(|| {
		// The same bytes, read as other elements, evaluate to something else.
		assert_noop!(
			register_rule(OutputElement::I8, RULE),
			Error::<Test>::ProofInvalid
		);
	});
}

#[test]
fn register_program_should_fail_with_another_output_or_input_than_the_sample_proves() {
	run(|| {
		let mut sample = sample_of(&ALICE);
		sample.output[0] ^= 1;
		assert_noop!(register_sample(sample), Error::<Test>::ProofInvalid);

		let mut sample = sample_of(&ALICE);
		sample.commitment = H256([10; 32]);
		assert_noop!(register_sample(sample), Error::<Test>::ProofInvalid);
	});
}

#[test]
fn register_program_should_say_what_is_wrong_with_a_proof() {
	run(|| {
		for (byte, error) in [
			(0, Error::<Test>::VerifyingKeyMalformed),
			(1, Error::<Test>::ProofInvalid),
			(2, Error::<Test>::ProofTooLong),
			(3, Error::<Test>::ProofTruncated),
			(4, Error::<Test>::ProofTrailingBytes),
			(5, Error::<Test>::ProofNotCanonical),
		] {
			let mut sample = sample_of(&ALICE);
			sample.proof = vec![byte].try_into().expect("short");
			assert_noop!(register_sample(sample), error);
		}
	});
}

#[test]
fn register_program_should_fail_when_the_rule_allows_no_length() {
	run(|| {
		for rule in [
			LengthRule { min: 0, ..RULE },
			LengthRule {
				multiple_of: 0,
				..RULE
			},
			LengthRule {
				min: 8,
				max: 4,
				multiple_of: 4,
			},
			LengthRule {
				min: 5,
				max: 7,
				multiple_of: 4,
			},
		] {
			assert_noop!(
				register_rule(OutputElement::I32, rule),
				Error::<Test>::LengthRuleInvalid
			);
		}
	});
}

#[test]
fn register_program_should_fail_when_the_rule_allows_parts_of_elements() {
	run(|| {
		let rule = LengthRule {
			multiple_of: 2,
			..RULE
		};
		assert_noop!(
			register_rule(OutputElement::I32, rule),
			Error::<Test>::LengthRuleInvalid
		);
		// The same rule is one of whole elements if they are of two bytes; the proof is not.
		assert_noop!(
			register_rule(OutputElement::I16, rule),
			Error::<Test>::ProofInvalid
		);
	});
}

#[test]
fn register_program_should_fail_when_the_rule_does_not_allow_the_sample() {
	run(|| {
		for rule in [
			LengthRule { min: 12, ..RULE },
			LengthRule { max: 4, ..RULE },
			LengthRule {
				multiple_of: 16,
				..RULE
			},
		] {
			assert_noop!(
				register_rule(OutputElement::I32, rule),
				Error::<Test>::OutputLengthInvalid
			);
		}
		let mut sample = sample_of(&ALICE);
		sample.output = Default::default();
		assert_noop!(register_sample(sample), Error::<Test>::OutputLengthInvalid);
	});
}

#[test]
fn register_program_should_fail_when_a_hash_is_not_canonical() {
	run(|| {
		assert_noop!(
			register_with(
				&ALICE,
				NOT_CANONICAL,
				OutputElement::I32,
				RULE,
				sample_of(&ALICE)
			),
			Error::<Test>::ProgramIdNotCanonical
		);
		let mut sample = sample_of(&ALICE);
		sample.commitment = NOT_CANONICAL;
		assert_noop!(
			register_sample(sample),
			Error::<Test>::CommitmentNotCanonical
		);
	});
}

#[test]
fn register_program_should_fail_without_the_deposit() {
	run(|| {
		assert_noop!(
			register_with(&POOR, PROGRAM, OutputElement::I32, RULE, sample_of(&POOR)),
			TokenError::FundsUnavailable
		);
	});
}

#[test]
fn register_program_should_weigh_its_verification() {
	use frame_support::dispatch::GetDispatchInfo;

	run(|| {
		let weight = |output: usize| {
			let call = crate::Call::<Test>::register_program {
				id: PROGRAM,
				element: OutputElement::I32,
				length: RULE,
				description: DESCRIPTION,
				sample: Sample {
					commitment: COMMITMENT,
					output: vec![0; output].try_into().expect("short"),
					proof: Default::default(),
				},
			};
			call.get_dispatch_info().call_weight
		};
		for len in [4, 1 << 20] {
			assert!(weight(len).all_gte(Registry::verify_weight(len as u32, 0)));
		}
		assert!(weight(1 << 20).ref_time() > weight(4).ref_time());
	});
}

#[test]
fn register_program_should_fail_unsigned() {
	run(|| {
		assert_noop!(
			Registry::register_program(
				RuntimeOrigin::root(),
				PROGRAM,
				OutputElement::I32,
				RULE,
				DESCRIPTION,
				sample_of(&ALICE)
			),
			BadOrigin
		);
	});
}
