//! The pallet as the order book and the runtime API use it.

use lemma_primitives::{MAX_PAGE, MAX_PROOF_BYTES};

use super::*;

/// A result of the program of genesis that the mock's proof proves, with a change made to it.
fn verify_with(
	output: &[u8],
	change: impl FnOnce(&mut ClaimedResult<'_>, &mut Vec<u8>),
) -> Result<H256, sp_runtime::DispatchError> {
	let binding = binding(3, &BOB);
	let mut proof = match output.len() % 4 {
		0 if !output.is_empty() => proof_of(GENESIS_PROGRAM, binding, OutputElement::I32, output),
		_ => Vec::new(),
	};
	let mut result = ClaimedResult {
		program: GENESIS_PROGRAM,
		commitment: COMMITMENT,
		binding,
		output,
	};
	change(&mut result, &mut proof);
	Registry::verify(result, &proof)
}

#[test]
fn rules_should_be_those_that_were_registered() {
	run(|| {
		let rules = Registry::rules(&GENESIS_PROGRAM).expect("genesis has it");
		assert_eq!(
			(rules.element, rules.length, rules.active),
			(OutputElement::I32, RULE, true)
		);
		assert_eq!(Registry::rules(&PROGRAM), None);
	});
}

#[test]
fn verify_should_return_the_outputs_root() {
	run(|| {
		let output = [5; 9000];
		assert_eq!(
			verify_with(&output, |_, _| ()),
			Ok(lemma_zk_statement::output_root(lemma_zk_statement::blake2_256, &output).into())
		);
	});
}

#[test]
fn verify_should_fail_for_any_other_result_than_the_proven_one() {
	run(|| {
		let output = [5; 8];
		let changes: [fn(&mut ClaimedResult<'_>); 3] = [
			|result| result.commitment = H256([1; 32]),
			|result| result.binding = H256([1; 32]),
			|result| result.output = &[5, 5, 5, 5, 5, 5, 5, 4],
		];
		for change in changes {
			assert_noop!(
				verify_with(&output, |result, _| change(result)),
				Error::<Test>::ProofInvalid
			);
		}
		register(&ALICE);
		assert_noop!(
			verify_with(&output, |result, _| result.program = PROGRAM),
			Error::<Test>::ProofInvalid
		);
	});
}

#[test]
fn verify_should_fail_for_an_unknown_program() {
	run(|| {
		assert_noop!(
			verify_with(&[5; 8], |result, _| result.program = PROGRAM),
			Error::<Test>::ProgramUnknown
		);
	});
}

#[test]
fn verify_should_fail_when_the_rule_does_not_allow_the_length() {
	run(|| {
		for output in [vec![], vec![5; 3], vec![5; 6], vec![5; (1 << 20) + 4]] {
			assert_noop!(
				verify_with(&output, |_, _| ()),
				Error::<Test>::OutputLengthInvalid
			);
		}
		assert_ok!(verify_with(&vec![5; 1 << 20], |_, _| ()));
	});
}

#[test]
fn verify_should_fail_when_the_commitment_is_not_canonical() {
	run(|| {
		assert_noop!(
			verify_with(&[5; 8], |result, _| result.commitment = NOT_CANONICAL),
			Error::<Test>::CommitmentNotCanonical
		);
	});
}

#[test]
fn verify_should_fail_when_the_proof_is_another() {
	run(|| {
		assert_noop!(
			verify_with(&[5; 8], |_, proof| proof[9] ^= 1),
			Error::<Test>::ProofInvalid
		);
		assert_noop!(
			verify_with(&[5; 8], |_, proof| *proof = vec![3]),
			Error::<Test>::ProofTruncated
		);
	});
}

#[test]
fn verify_weight_should_cover_what_was_measured_and_grow_with_the_output() {
	run(|| {
		let weight = |output_len| Registry::verify_weight(output_len, MAX_PROOF_BYTES).ref_time();
		assert!(weight(4) >= 15_000_000_000, "15 ms");
		assert!(
			weight(1 << 20) > weight(4) + 10_000_000_000,
			"10 ms a MiB, at the least"
		);
		assert!(weight(u32::MAX) > weight(1 << 20));
	});
}

#[test]
fn programs_should_be_listed_in_pages() {
	run(|| {
		register(&ALICE);
		let all = Registry::programs(None, 10);
		assert_eq!(all.len(), 2);
		let first = Registry::programs(None, 1);
		assert_eq!(first, all[..1]);
		assert_eq!(Registry::programs(Some(first[0].0), 10), all[1..]);
		assert!(Registry::programs(Some(all[1].0), 10).is_empty());
		assert!(Registry::programs(None, 0).is_empty());

		for number in 0..MAX_PAGE {
			let id = H256::from_low_u64_be(number.into());
			Registry::insert_genesis_program(id, OutputElement::I32, RULE, DESCRIPTION);
		}
		assert_eq!(Registry::programs(None, u32::MAX).len(), MAX_PAGE as usize);
	});
}
