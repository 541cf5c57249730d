use std::sync::OnceLock;

use lemma_zk_circuits::{
	circuit::AnyCircuit as _,
	program::{Job as _, Own as _, Program as _, ProveError},
	wrap::Wrapped,
	Prover, F,
};
use lemma_zk_statement::{blake2_256, OutputElement, Statement};
use lemma_zk_verifier::Verifier;
use plonky2::{
	field::types::{Field, PrimeField64},
	iop::{generator::generate_partial_witness, target::Target, witness::PartitionWitness},
	plonk::prover::prove_with_partition_witness,
	util::timing::TimingTree,
};

use crate::{
	circuit::{AlignmentCircuit, AlignmentTargets},
	job::{Alignment, AlignmentJob, ID},
	pair::{base, Pair, BASES, PACKED},
};

const BINDING: [u8; 32] = [3; 32];

fn circuit() -> &'static Wrapped<AlignmentTargets> {
	static CIRCUIT: OnceLock<Wrapped<AlignmentTargets>> = OnceLock::new();
	CIRCUIT.get_or_init(|| Wrapped::build(&AlignmentCircuit))
}

/// Bytes that follow from a seed.
fn packed(seed: u32) -> [u8; PACKED] {
	let mut state = seed;
	[0; PACKED].map(|_| {
		state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
		(state >> 24) as u8
	})
}

fn pair() -> Pair {
	let pattern = packed(1);
	// The same with a base changed, and a part of it moved.
	let mut text = pattern;
	text[3] ^= 0b10;
	text[8..].rotate_left(1);
	Pair { pattern, text }
}

fn statement(pair: &Pair, output: &[u8]) -> Statement {
	let commitment = AlignmentJob(pair.clone()).commitment();
	Statement::of_result(
		ID,
		BINDING,
		commitment,
		OutputElement::U8,
		output,
		blake2_256,
	)
	.unwrap()
}

/// The distance by its definition: the best of what can be done about the last bases.
fn distance(pattern: &[u8], text: &[u8]) -> usize {
	let mut table = vec![vec![0; text.len() + 1]; pattern.len() + 1];
	for i in 0..=pattern.len() {
		for j in 0..=text.len() {
			table[i][j] = match (i, j) {
				(0, edge) | (edge, 0) => edge,
				_ => {
					let change = table[i - 1][j - 1] + usize::from(pattern[i - 1] != text[j - 1]);
					change.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1)
				}
			};
		}
	}
	table[pattern.len()][text.len()]
}

#[test]
fn distances_should_be_those_of_the_definition() {
	let random = |seed| Pair {
		pattern: packed(seed),
		text: packed(seed + 1),
	};
	for pair in (10..40).map(random).chain([pair()]) {
		let bases = |packed| -> Vec<u8> { (0..BASES).map(|place| base(packed, place)).collect() };
		let (pattern, text) = (bases(&pair.pattern), bases(&pair.text));
		let expected: Vec<usize> = (1..=BASES)
			.map(|end| distance(&pattern, &text[..end]))
			.collect();
		let got: Vec<usize> = pair.distances().into_iter().map(usize::from).collect();
		assert_eq!(got, expected);
	}
	let same = "ACGT".repeat(BASES / 4);
	let pair = Pair::of_letters(&same, &same).unwrap();
	let expected: Vec<u8> = (0..BASES as u8).rev().collect();
	assert_eq!(pair.distances(), expected);
}

#[test]
fn an_input_should_be_read_back_and_anything_else_refused() {
	let pair = pair();
	let blob = pair.encode();
	assert_eq!(Pair::decode(&blob), Ok(pair));
	assert!(Alignment.open(&blob).is_ok());
	for length in 0..blob.len() {
		assert!(Alignment.open(&blob[..length]).is_err());
	}
	assert!(Alignment.open(&[&blob[..], &[0]].concat()).is_err());
	let bases = "ACGT".repeat(BASES / 4);
	assert!(Pair::of_letters(&bases, &bases[1..]).is_err());
	assert!(Pair::of_letters(&bases, &bases.replace('A', "N")).is_err());
}

#[test]
fn the_id_should_be_that_of_the_circuit() {
	let id = circuit().id();
	assert_eq!(
		hex::encode(id),
		hex::encode(ID),
		"write the left one into job.rs"
	);
	// It needs no wrap: see `Circuit::build`.
	assert!(circuit().wrap.is_none());
	assert_eq!(AlignmentCircuit.name(), "alignment/b64");
}

#[test]
fn a_result_should_be_proven_and_no_other_be_taken_for_it() {
	let job = AlignmentJob(pair());
	let output = job.reference();
	let prover = Prover::new();
	let proved = job.prove(&prover, &output, BINDING, &|_| {}).unwrap();
	let verifier = Verifier::embedded().unwrap();
	let verify = |statement: &Statement| verifier.verify(statement, &proved.proof).is_ok();
	assert!(verify(&statement(&job.0, &output)));

	let mut other = output.clone();
	other[BASES - 1] += 1;
	assert!(!verify(&statement(&job.0, &other)));
	let mut others = job.0.clone();
	others.text[0] ^= 1;
	assert!(!verify(&statement(&others, &output)));
	let refused = job.prove(&prover, &other, BINDING, &|_| {});
	assert!(matches!(refused, Err(ProveError::WrongOutput(_))));
}

fn accepts(witness: PartitionWitness<'_, F>) -> bool {
	let data = &circuit().program;
	prove_with_partition_witness(
		&data.prover_only,
		&data.common,
		witness,
		&mut TimingTree::default(),
	)
	.is_ok_and(|proof| data.verify(proof).is_ok())
}

/// Whoever proves with a program of its own sets wires as it likes: here after all of them were computed, each with its copies.
#[test]
fn a_wire_that_is_overwritten_should_leave_no_proof() {
	let pair = pair();
	let data = &circuit().program;
	let mut sites: Vec<(&str, Target)> = Vec::new();
	let witness = circuit()
		.witness(&statement(&pair, &pair.distances()), |targets, witness| {
			sites.push(("a packed word", targets.words[4]));
			sites.push(("the first distance", targets.distances[0]));
			sites.push(("the last distance", targets.distances[BASES - 1]));
			targets.set(witness, &pair)
		})
		.unwrap();
	let honest = generate_partial_witness(witness, &data.prover_only, &data.common).unwrap();
	// Results of arithmetic in the midst of the table: every fourth wire of its gate is one.
	sites.push(("a cell", Target::wire(700, 3)));
	sites.push(("another cell", Target::wire(1_500, 43)));
	assert!(accepts(honest.clone()));
	for (name, target) in sites {
		let mut witness = honest.clone();
		let index = target.index(witness.num_wires, witness.degree);
		let representative = witness.representative_map[index];
		let value = witness.values[representative].unwrap_or(F::ZERO);
		let other = value + F::from_canonical_u64(1 + value.to_canonical_u64() % 7);
		witness.values[representative] = Some(other);
		assert!(!accepts(witness), "{name}");
	}
}

/// A statement of another output: all wires are computed as they should be, and v is another's.
#[test]
fn another_output_should_leave_no_proof() {
	let pair = pair();
	let mut other = pair.distances();
	other[7] += 1;
	let data = &circuit().program;
	let witness = circuit()
		.witness(&statement(&pair, &other), |targets, witness| {
			targets.set(witness, &pair)
		})
		.unwrap();
	// The generators may find the contradiction already.
	let generated = generate_partial_witness(witness, &data.prover_only, &data.common);
	assert!(!generated.is_ok_and(accepts));
}
