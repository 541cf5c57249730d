//! What must not be provable.
//!
//! A cheat here has the prover's whole code at hand: it sets any witness, forges openings with
//! `open_unchecked`, and writes wires after the generators have run. Its proof must not come to be, or not verify.

use lemma_zk_statement::{bytes_to_hash, F};
use plonky2::{
	field::{
		extension::quadratic::QuadraticExtension,
		types::{Field, Field64, PrimeField64},
	},
	iop::{generator::generate_partial_witness, target::Target},
	plonk::prover::prove_with_partition_witness,
	util::timing::TimingTree,
};

use super::*;
use crate::{
	gadgets::opening::{open_unchecked, Opening},
	program::{Program, ProveError},
	programs::gemm::{circuit::transcript, commit::CommittedOperands, Gemm},
	F2,
};

pub(super) fn extension(coordinates: [u64; 2]) -> F2 {
	QuadraticExtension(coordinates.map(F::from_noncanonical_u64))
}

/// Whether `statement` can be proven in the case's class, with the dimensions, commitment and opening as given.
fn accepts(
	case: &Case,
	statement: &Statement,
	dimensions: [usize; 3],
	committed: &CommittedOperands,
	opening: &Opening,
) -> bool {
	let circuit = whole(case.class);
	let cheat = Case::cheat(circuit.targets(), statement, dimensions, committed, opening);
	circuit.accepts(None, &cheat)
}

/// The best opening for `statement` of whatever polynomials, at y^n and y, with whatever values.
pub(super) fn forge(
	class: Class,
	statement: &Statement,
	n: usize,
	committed: &CommittedOperands,
	change: impl FnOnce(&mut Vec<Vec<F2>>),
) -> Opening {
	let y = extension(statement.y);
	let x = y.exp_u64(n as u64);
	let mut values = vec![committed.a.evaluate(x), committed.b.evaluate(y)];
	change(&mut values);
	let parts = [(&committed.a, x), (&committed.b, y)];
	let challenger = transcript(bytes_to_hash(&statement.input).unwrap(), y, x);
	open_unchecked(&parts, values, challenger, &class.fri_params()).0
}

fn case() -> Case {
	case_of(CLASS)
}

pub(super) fn case_of(class: Class) -> Case {
	Case::of(class, operands(6, 40, 9, 1))
}

/// A small product, in a class that opens without folding and in one that folds.
fn cases() -> [Case; 2] {
	[CLASS, FOLDING].map(case_of)
}

/// The output with 1 added to element `place`.
pub(super) fn wrong_output(case: &Case, place: usize) -> Vec<u8> {
	let mut output = case.output.clone();
	output[4 * place] = output[4 * place].wrapping_add(1);
	output
}

#[test]
fn forger_should_be_accepted_when_it_is_honest() {
	for case in cases() {
		let statement = case.statement(&case.output);
		let opening = forge(case.class, &statement, 9, &case.committed, |_| ());
		assert!(accepts(
			&case,
			&statement,
			case.dimensions(),
			&case.committed,
			&opening
		));
	}
}

#[test]
fn job_should_refuse_a_wrong_output() {
	let case = case();
	let job = Gemm.open(&case.operands.encode()).unwrap();
	let refusal = |output: &[u8]| match job.prove(prover(), output, BINDING, &|_| ()) {
		Err(ProveError::WrongOutput(text)) => text,
		other => panic!("{other:?}"),
	};
	for place in [0, 8, 53] {
		assert!(refusal(&wrong_output(&case, place)).contains("not the product"));
	}
	assert!(refusal(&case.output[4..]).contains("212 bytes and should have 216"));
	assert!(refusal(&[]).contains("0 bytes"));
}

#[test]
fn proof_should_not_exist_when_the_output_is_wrong() {
	for case in cases() {
		let statement = case.statement(&wrong_output(&case, 17));
		// The true values: their product is not v.
		let opening = forge(case.class, &statement, 9, &case.committed, |_| ());
		assert!(!accepts(
			&case,
			&statement,
			case.dimensions(),
			&case.committed,
			&opening
		));
		// One value made to fit v: it is not the polynomial's.
		let opening = forge(case.class, &statement, 9, &case.committed, |values| {
			let sum = values[0]
				.iter()
				.zip(&values[1])
				.fold(F2::ZERO, |sum, (a, b)| sum + *a * *b);
			let missing = (extension(statement.v) - sum) / values[1][0];
			values[0][0] += missing;
		});
		assert!(!accepts(
			&case,
			&statement,
			case.dimensions(),
			&case.committed,
			&opening
		));
		// One of the polynomials that fill k up is used.
		let opening = forge(case.class, &statement, 9, &case.committed, |values| {
			let sum = values[0]
				.iter()
				.zip(&values[1])
				.fold(F2::ZERO, |sum, (a, b)| sum + *a * *b);
			values[0][63] = extension(statement.v) - sum;
			values[1][63] = F2::ONE;
		});
		assert!(!accepts(
			&case,
			&statement,
			case.dimensions(),
			&case.committed,
			&opening
		));
	}
}

#[test]
fn proof_should_not_exist_when_an_operand_is_another() {
	for case in cases() {
		for which in 0..2 {
			let mut other = case.operands.clone();
			let operand = if which == 0 {
				&mut other.a
			} else {
				&mut other.b
			};
			operand[5] = operand[5].wrapping_add(1);
			let other = Case::of(case.class, other);
			// The product of the others, and the order's commitment.
			let statement = case.statement(&other.output);
			let opening = forge(case.class, &statement, 9, &other.committed, |_| ());
			assert!(!accepts(
				&case,
				&statement,
				case.dimensions(),
				&other.committed,
				&opening
			));
			assert!(!accepts(
				&case,
				&statement,
				case.dimensions(),
				&case.committed,
				&opening
			));
			// The others' caps under the order's commitment, by the transcript of the one or the other.
			let mut mixed = CommittedOperands::new(case.class, &other.operands);
			mixed.commitment = case.committed.commitment;
			assert!(!accepts(
				&case,
				&statement,
				case.dimensions(),
				&mixed,
				&opening
			));
		}
	}
}

#[test]
fn proof_should_not_exist_when_the_inner_dimension_is_permuted_on_one_side() {
	for case in cases() {
		let Operands { m, k, n, a, b } = &case.operands;
		let reversed = a
			.chunks(*k)
			.flat_map(|row| row.iter().rev().copied())
			.collect();
		let permuted = Case::of(
			case.class,
			Operands::new(*m, *k, *n, reversed, b.clone()).unwrap(),
		);
		assert_ne!(permuted.output, case.output);
		let statement = case.statement(&permuted.output);
		let opening = forge(case.class, &statement, *n, &case.committed, |values| {
			values[0][..*k].reverse()
		});
		assert!(!accepts(
			&case,
			&statement,
			case.dimensions(),
			&case.committed,
			&opening
		));
	}
}

#[test]
fn proof_should_not_exist_when_the_output_is_laid_out_for_another_n() {
	for case in cases() {
		// Rows of 12: three zeros after each.
		let padded: Vec<u8> = case
			.output
			.chunks(9 * 4)
			.flat_map(|row| [row, &[0; 12]].concat())
			.collect();
		let statement = case.statement(&padded);
		let opening = forge(case.class, &statement, 12, &case.committed, |_| ());
		let [m, k, n] = case.dimensions();
		// v is right for n = 12, but n is in the commitment, which is the order's.
		assert!(!accepts(
			&case,
			&statement,
			[m, k, 12],
			&case.committed,
			&opening
		));
		assert!(!accepts(
			&case,
			&statement,
			[m, k, n],
			&case.committed,
			&opening
		));
		// Nor can n be 9 modulo the order of y's group, or of the field.
		for n in [1 << 16 | 9, F::ORDER as usize] {
			assert!(!accepts(
				&case,
				&statement,
				[m, k, n],
				&case.committed,
				&opening
			));
		}
	}
}

#[test]
fn proof_should_not_exist_when_y_is_not_derived_or_v_not_the_evaluation() {
	for case in cases() {
		let honest = case.statement(&case.output);
		// A y of the cheat's choice, all else right for it.
		let mut statement = honest;
		statement.y = [honest.y[0] ^ 1, honest.y[1]];
		statement.v = lemma_zk_statement::evaluate(OutputElement::I32, &case.output, statement.y);
		let opening = forge(case.class, &statement, 9, &case.committed, |_| ());
		assert!(!accepts(
			&case,
			&statement,
			case.dimensions(),
			&case.committed,
			&opening
		));
		// Another v.
		let mut statement = honest;
		statement.v[1] ^= 1;
		let opening = forge(case.class, &statement, 9, &case.committed, |_| ());
		assert!(!accepts(
			&case,
			&statement,
			case.dimensions(),
			&case.committed,
			&opening
		));
	}
}

#[test]
fn proof_should_not_verify_when_any_public_input_is_changed() {
	let case = case();
	let circuit = circuit();
	let statement = case.statement(&case.output);
	let opening = forge(case.class, &statement, 9, &case.committed, |_| ());
	let witness = circuit
		.witness(&statement, |targets, witness| {
			targets.set(witness, case.dimensions(), &case.committed, &opening)
		})
		.unwrap();
	let proof = circuit.prove_program(witness).unwrap();
	circuit.program.verify(proof.clone()).unwrap();
	for place in 0..proof.public_inputs.len() {
		let mut proof = proof.clone();
		proof.public_inputs[place] += F::ONE;
		assert!(circuit.program.verify(proof).is_err(), "{place}");
	}
}

/// Each kind of wire that the prover sets, set to something else: those of folding too.
#[test]
fn proof_should_not_exist_when_a_wire_is_set_otherwise() {
	for case in cases() {
		let circuit = whole(case.class);
		let statement = case.statement(&case.output);
		let opening = forge(case.class, &statement, 9, &case.committed, |_| ());
		let (targets, dimensions) = (circuit.targets(), case.dimensions());
		let honest = Case::cheat(targets, &statement, dimensions, &case.committed, &opening);
		let sites = targets.1.sites();
		assert_eq!(
			sites.iter().any(|(name, _)| *name == "coset"),
			case.class == FOLDING
		);
		for (name, target) in sites {
			let mut cheat = honest.clone();
			*cheat.witness.target_values.get_mut(&target).unwrap() += F::ONE;
			assert!(!circuit.accepts(None, &cheat), "{name}");
		}
	}
}

/// Wires written after the generators have run, copies of each with it.
#[test]
fn proof_should_not_verify_when_a_wire_is_overwritten() {
	let case = case();
	let circuit = circuit();
	let statement = case.statement(&case.output);
	let opening = forge(case.class, &statement, 9, &case.committed, |_| ());
	let mut sites: Vec<(&str, Target)> = Vec::new();
	let witness = circuit
		.witness(&statement, |targets, witness| {
			sites = targets.sites();
			targets.set(witness, case.dimensions(), &case.committed, &opening)
		})
		.unwrap();
	let data = &circuit.program;
	let honest = generate_partial_witness(witness, &data.prover_only, &data.common).unwrap();
	let accepts = |witness| {
		prove_with_partition_witness(
			&data.prover_only,
			&data.common,
			witness,
			&mut TimingTree::default(),
		)
		.is_ok_and(|proof| data.verify(proof).is_ok())
	};
	assert!(accepts(honest.clone()));
	for (name, target) in sites {
		let mut witness = honest.clone();
		let index = target.index(witness.num_wires, witness.degree);
		let representative = witness.representative_map[index];
		let value = witness.values[representative].unwrap();
		witness.values[representative] =
			Some(value + F::from_canonical_u64(1 + value.to_canonical_u64() % 7));
		assert!(!accepts(witness), "{name}");
	}
}
