//! The circuit: what it proves and what it refuses.

use std::sync::OnceLock;

use lemma_zk_statement::{blake2_256, OutputElement, Statement};
use plonky2::{
	field::types::Field,
	iop::{target::Target, witness::PartialWitness},
};

use super::{
	super::{
		circuit::{commitment, FractalCircuit, FractalTargets},
		gate::wires,
		reference, Fractal,
	},
	*,
};
use crate::{
	circuit::Circuit,
	constraint::leaving_out::{Cheat, Tested},
	program::{Program, ProveError},
	targets::StatementTargets,
	wrap::Wrapped,
	Builder, Prover, F,
};

pub(super) type Targets = (StatementTargets, FractalTargets);

/// A circuit that is quick to build.
const TINY: FractalCircuit = FractalCircuit {
	side: 2,
	iterations: 5,
};

/// Points whose counts are 2, 4, 5 and 5.
pub(super) fn tiny() -> Tile {
	Tile {
		side: 2,
		iterations: 5,
		start: [real(4), real(2)],
		start_step: real(1),
		constant: [real(40), real(10)],
		constant_step: real(-40),
	}
}

pub(super) fn unbuilt() -> (Builder, Targets) {
	let (builder, statement, targets) = Wrapped::plain(&TINY);
	(builder, (statement, targets))
}

pub(super) fn whole() -> &'static Tested<Targets> {
	static WHOLE: OnceLock<Tested<Targets>> = OnceLock::new();
	WHOLE.get_or_init(|| Tested::whole(unbuilt))
}

pub(super) fn statement(input: [u8; 32], output: &[u8]) -> Statement {
	let element = OutputElement::U8;
	Statement::of_result([1; 32], [7; 32], input, element, output, blake2_256).unwrap()
}

/// The witness of whoever proves `statement` by a tile's numbers.
pub(super) fn cheat(targets: &Targets, statement: &Statement, tile: &Tile) -> Cheat {
	let mut witness = PartialWitness::new();
	targets.0.set(&mut witness, statement).unwrap();
	targets.1.set(&mut witness, tile).unwrap();
	Cheat {
		claim: statement.to_elements()[4..].to_vec(),
		witness,
		behind: Vec::new(),
	}
}

#[test]
fn counts_should_be_provable_and_no_other_bytes() {
	let tile = tiny();
	let honest = reference::output(&tile);
	assert!(
		honest.iter().any(|count| *count < 5) && honest.contains(&5),
		"{honest:?}"
	);
	let accepts = |output: &[u8]| {
		let statement = statement(commitment(&tile), output);
		whole().accepts(None, &cheat(whole().targets(), &statement, &tile))
	};
	assert!(accepts(&honest));
	for place in 0..4 {
		for change in [1, 255] {
			let mut wrong = honest.clone();
			wrong[place] = wrong[place].wrapping_add(change);
			assert!(!accepts(&wrong));
		}
	}
}

#[test]
fn one_false_wire_should_be_refused() {
	let tile = tiny();
	let statement = statement(commitment(&tile), &reference::output(&tile));
	let mut cheat = cheat(whole().targets(), &statement, &tile);
	// What each row hands on: z, the count, whether it is inside. What escaped points' digits are is of no matter.
	for row in whole().targets().1.rows.iter().flatten() {
		for wire in wires::NEXT_Z..=wires::NEXT_INSIDE {
			let target = Target::wire(*row, wire);
			cheat
				.witness
				.target_values
				.insert(target, F::from_canonical_u64(1 << 50));
			assert!(!whole().accepts(None, &cheat), "row {row}, wire {wire}");
			cheat.witness.target_values.remove(&target);
		}
	}
	assert!(whole().accepts(None, &cheat));
}

#[test]
fn commitment_should_have_a_known_answer_and_change_with_every_number() {
	let tile = mandelbrot();
	assert_eq!(
		hex::encode(commitment(&tile)),
		"2e87919b8a747d762b3361cafccaeccc70beb4150bc566c9114ff14c69496abc"
	);
	let mut all = vec![commitment(&tile)];
	let changes: [fn(&mut Tile); 8] = [
		|tile| tile.side = 16,
		|tile| tile.iterations = 75,
		|tile| tile.start[0] += 1,
		|tile| tile.start[1] += 1,
		|tile| tile.start_step += 1,
		|tile| tile.constant[0] += 1,
		|tile| tile.constant[1] += 1,
		|tile| tile.constant_step += 1,
	];
	for change in changes {
		let mut other = tile;
		change(&mut other);
		let other = commitment(&other);
		assert!(!all.contains(&other));
		all.push(other);
	}
}

#[test]
fn real_proof_should_verify() {
	let tile = tiny();
	let built = Wrapped::build(&TINY);
	let mut statement = statement(commitment(&tile), &reference::output(&tile));
	statement.program = built.id();
	let set =
		|targets: &FractalTargets, witness: &mut PartialWitness<F>| targets.set(witness, &tile);
	let witness = built.witness(&statement, set).unwrap();
	let proof = built.prove_program(witness).unwrap();
	built.program.verify(proof.clone()).unwrap();
	let wrapped = built.wrap.as_ref().unwrap().prove(&proof).unwrap();
	built.shaped().verify(wrapped).unwrap();
}

#[test]
fn rows_should_be_those_of_the_documentation() {
	for (circuit, most) in FractalCircuit::all().zip([13, 14, 14]) {
		let (builder, ..) = Wrapped::plain(&circuit);
		let rows = builder.num_gates();
		println!("{}: {rows} rows", circuit.name());
		assert!(rows < (1 << most) && rows > 1 << (most - 1), "{rows}");
	}
}

#[test]
fn job_should_go_from_a_blob_to_a_proof_that_the_chain_accepts() {
	let tile = mandelbrot();
	let job = Fractal.open(&tile.encode()).unwrap();
	assert_eq!(job.shape(), "32x32x35");
	let output = reference::output(&tile);
	assert_eq!(job.output_len(), output.len());

	let prover = Prover::new();
	let mut wrong = output.clone();
	wrong[7] ^= 1;
	let refused = job.prove(&prover, &wrong, [7; 32], &|_| ());
	assert!(matches!(refused, Err(ProveError::WrongOutput(_))));
	let proved = job.prove(&prover, &output, [7; 32], &|_| ()).unwrap();

	let element = OutputElement::U8;
	let (id, input) = (job.program(), job.commitment());
	let statement = Statement::of_result(id, [7; 32], input, element, &output, blake2_256).unwrap();
	let verifier = lemma_zk_verifier::Verifier::embedded().unwrap();
	verifier.verify(&statement, &proved.proof).unwrap();
}
