//! The product's circuit without one of its constraints; the opening's own are tested beside the opening.

use lemma_zk_statement::{bytes_to_hash, hash_to_bytes, matrix_commitment, F, MATRIX_TAG};
use plonky2::{
	field::types::Field,
	hash::{hash_types::HashOut, poseidon::PoseidonHash},
	iop::challenger::Challenger,
	plonk::{circuit_data::CircuitData, config::Hasher, prover::prove_with_partition_witness},
	util::timing::TimingTree,
};

use super::{
	cheats::{case_of, extension, forge, wrong_output},
	*,
};
use crate::{
	constraint::{
		leaving_out::{assert_needed, recorded},
		satisfaction::complete,
	},
	gadgets::opening::open_unchecked,
	C, D, F2,
};

fn case() -> Case {
	case_of(CLASS)
}

fn needed(name: &'static str, cheats: impl Fn(&Targets) -> Vec<Cheat>) {
	assert_needed(name, whole(CLASS), || unbuilt(CLASS), cheats);
}

/// The case's output in rows of `n`, three zeros after each, as that of a product of another n.
const ANOTHER_N: usize = 12;

fn laid_out_for_another_n(case: &Case) -> Vec<u8> {
	let rows = case.output.chunks(9 * 4);
	rows.flat_map(|row| [row, &[0; 12]].concat()).collect()
}

/// What is false, the opening that it takes, and what is then behind the constraint.
struct Forgery {
	statement: Statement,
	dimensions: [usize; 3],
	committed: CommittedOperands,
	opening: Opening,
	behind: Vec<F>,
}

impl Forgery {
	/// `statement` with the case's operands, opened as an honest prover would.
	fn of(statement: Statement) -> Self {
		let case = case();
		let opening = forge(CLASS, &statement, case.operands.n, &case.committed, |_| ());
		Self {
			statement,
			dimensions: case.dimensions(),
			committed: case.committed,
			opening,
			behind: Vec::new(),
		}
	}

	/// The honest statement.
	fn none() -> Self {
		let case = case();
		Self::of(case.statement(&case.output))
	}

	/// The statement that the case's output is that of `input`, of which only the commitment is known.
	fn for_input(input: [u8; 32], behind: Vec<F>) -> Self {
		let mut case = case();
		case.committed.commitment = input;
		let forgery = Self::of(case.statement(&case.output));
		Self { behind, ..forgery }
	}

	fn cheat(&self, targets: &Targets) -> Cheat {
		let Self {
			statement,
			dimensions,
			committed,
			opening,
			behind,
		} = self;
		Cheat {
			behind: behind.clone(),
			..Case::cheat(targets, statement, *dimensions, committed, opening)
		}
	}
}

fn needed_against(name: &'static str, forgeries: &[Forgery]) {
	needed(name, |targets| {
		forgeries
			.iter()
			.map(|forgery| forgery.cheat(targets))
			.collect()
	});
}

fn elements(value: F2) -> [F; D] {
	value.0
}

/// What the commitment hashes: header, shape and caps.
fn committed_to(case: &Case) -> (Vec<F>, Vec<F>, Vec<HashOut<F>>) {
	let header = [MATRIX_TAG, 5, 32].map(F::from_canonical_u64);
	let [m, k, n] = case.dimensions();
	let shape = [CLASS.inner_log, CLASS.outer_log, m, k, n].map(F::from_canonical_usize);
	let (a, b) = (case.committed.a.cap(), case.committed.b.cap());
	let caps = [a.0.as_slice(), b.0.as_slice()].concat();
	assert_eq!(matrix_commitment(&shape, &caps), case.committed.commitment);
	(header.to_vec(), shape.to_vec(), caps)
}

#[test]
fn v_should_be_public() {
	let forgeries = [0, 1].map(|place: usize| {
		let mut forgery = Forgery::none();
		forgery.behind = forgery.statement.v.map(F::from_canonical_u64).to_vec();
		forgery.statement.v[place] ^= 1;
		forgery
	});
	needed("statement: v is public", |targets| {
		let cheat = |forgery: &Forgery| {
			let mut cheat = forgery.cheat(targets);
			// The wires behind the public ones are the statement's: they are set once only.
			for target in targets.0.v {
				cheat.witness.target_values.remove(&target);
			}
			cheat
		};
		forgeries.iter().map(cheat).collect()
	});
}

#[test]
fn commitment_should_begin_with_its_tag_and_lengths() {
	let case = case();
	let (header, shape, caps) = committed_to(&case);
	let forgeries = [0, 1, 2].map(|place: usize| {
		let mut header = header.clone();
		header[place] += F::ONE;
		let caps = caps.iter().flat_map(|hash| hash.elements);
		let preimage: Vec<F> = header.iter().chain(&shape).copied().chain(caps).collect();
		let input = hash_to_bytes(PoseidonHash::hash_no_pad(&preimage).elements);
		Forgery::for_input(input, header)
	});
	needed_against("commitment: it begins with its tag and lengths", &forgeries);
}

#[test]
fn commitment_should_be_of_the_shape() {
	let (_, shape, caps) = committed_to(&case());
	let forgeries = [0, 1, 2, 3, 4].map(|place: usize| {
		let mut shape = shape.clone();
		shape[place] += F::ONE;
		Forgery::for_input(matrix_commitment(&shape, &caps), shape)
	});
	needed_against("commitment: it is of the shape", &forgeries);
}

/// Another operand's product, proven for the commitment to the order's.
fn another_operand(which: usize) -> Forgery {
	let case = case();
	let mut other = case.operands.clone();
	let operand = if which == 0 {
		&mut other.a
	} else {
		&mut other.b
	};
	operand[5] = operand[5].wrapping_add(1);
	let other = Case::new(other);
	let statement = case.statement(&other.output);
	let opening = forge(CLASS, &statement, 9, &other.committed, |_| ());
	Forgery {
		statement,
		dimensions: case.dimensions(),
		committed: other.committed,
		opening,
		behind: Vec::new(),
	}
}

#[test]
fn commitment_should_be_of_the_caps() {
	let (_, _, caps) = committed_to(&case());
	let hashed: Vec<F> = caps.iter().flat_map(|hash| hash.elements).collect();
	let forgeries = [0, 1].map(|which| Forgery {
		behind: hashed.clone(),
		..another_operand(which)
	});
	needed_against("commitment: it is of the caps", &forgeries);
}

#[test]
fn input_should_be_the_commitment() {
	let mut forgeries = vec![another_operand(0), another_operand(1)];
	let commitment = bytes_to_hash(&case().committed.commitment).unwrap();
	for forgery in &mut forgeries {
		forgery.behind = commitment.to_vec();
	}
	for place in 0..4 {
		let mut input = commitment;
		input[place] += F::ONE;
		forgeries.push(Forgery::for_input(hash_to_bytes(input), input.to_vec()));
	}
	needed_against("gemm: the input is the commitment", &forgeries);
}

/// The product's rows are spread out as if n were another.
fn spread_out() -> Forgery {
	let case = case();
	let statement = case.statement(&laid_out_for_another_n(&case));
	let opening = forge(CLASS, &statement, ANOTHER_N, &case.committed, |_| ());
	Forgery {
		opening,
		..Forgery::of(statement)
	}
}

#[test]
fn n_minus_one_should_be_its_bits() {
	let forgery = Forgery {
		behind: vec![F::from_canonical_usize(ANOTHER_N - 1)],
		..spread_out()
	};
	needed_against("gemm: n - 1 is its 16 bits", &[forgery]);
}

#[test]
fn x_should_be_y_to_the_n() {
	let forgery = spread_out();
	let x = extension(forgery.statement.y).exp_u64(ANOTHER_N as u64);
	let behind = elements(x).to_vec();
	needed_against("gemm: x is y^n", &[Forgery { behind, ..forgery }]);
}

/// Challenges from a transcript in which something else stands at one of `places`.
fn another_transcript(places: std::ops::Range<usize>) -> Vec<Forgery> {
	let case = case();
	let statement = case.statement(&case.output);
	let y = extension(statement.y);
	let x = y.exp_u64(9);
	let input = bytes_to_hash(&statement.input).unwrap();
	let tag = F::from_canonical_u64(super::super::circuit::TRANSCRIPT_TAG);
	let honest = [&[tag], &input[..], &elements(y), &elements(x)].concat();
	places
		.clone()
		.map(|place| {
			let mut observed = honest.clone();
			observed[place] += F::ONE;
			let mut challenger = Challenger::<F, PoseidonHash>::new();
			challenger.observe_elements(&observed);
			let values = vec![case.committed.a.evaluate(x), case.committed.b.evaluate(y)];
			let parts = [(&case.committed.a, x), (&case.committed.b, y)];
			let (opening, _) = open_unchecked(&parts, values, challenger, &CLASS.fri_params());
			Forgery {
				opening,
				behind: observed[places.clone()].to_vec(),
				..Forgery::none()
			}
		})
		.collect()
}

#[test]
fn transcript_should_begin_with_its_tag() {
	needed_against(
		"gemm: the transcript begins with its tag",
		&another_transcript(0..1),
	);
}

#[test]
fn transcript_should_be_of_the_input() {
	needed_against(
		"gemm: the transcript is of the input",
		&another_transcript(1..5),
	);
}

#[test]
fn transcript_should_be_of_y() {
	needed_against("gemm: the transcript is of y", &another_transcript(5..7));
}

#[test]
fn transcript_should_be_of_x() {
	needed_against("gemm: the transcript is of x", &another_transcript(7..9));
}

fn wrong_product() -> Forgery {
	let case = case();
	let statement = case.statement(&wrong_output(&case, 17));
	Forgery {
		behind: statement.v.map(F::from_canonical_u64).to_vec(),
		..Forgery::of(statement)
	}
}

#[test]
fn v_should_be_the_products() {
	let coordinates = [0, 1].map(|place: usize| {
		let mut forgery = Forgery::none();
		forgery.statement.v[place] ^= 1;
		forgery.behind = forgery.statement.v.map(F::from_canonical_u64).to_vec();
		forgery
	});
	let [first, second] = coordinates;
	needed_against(
		"gemm: v is the product's",
		&[wrong_product(), first, second],
	);
}

/// With real proofs: the wrong product has one that verifies under the key of the circuit without the constraint, and none
/// that does under the key of the circuit as it is.
#[test]
fn wrong_product_should_be_proven_only_by_the_circuit_without_the_constraint() {
	let name = "gemm: v is the product's";
	let forgery = wrong_product();
	let build = |left_out| {
		let ((builder, targets), record) = recorded(left_out, || unbuilt(CLASS));
		let data: CircuitData<F, C, D> = builder.build();
		let cheat = forgery.cheat(&targets);
		let links = record.links(name);
		let public = data.prover_only.public_inputs.iter().copied();
		let set = (public.zip(cheat.claim))
			.chain(cheat.witness.target_values)
			.chain(links.iter().map(|(_, after)| *after).zip(cheat.behind));
		let witness = complete(&data, set, links);
		let proof = prove_with_partition_witness(
			&data.prover_only,
			&data.common,
			witness,
			&mut TimingTree::default(),
		);
		let verified = proof.is_ok_and(|proof| data.verify(proof).is_ok());
		(verified, data.verifier_only)
	};
	let (proven, key) = build(None);
	let (proven_without, lax_key) = build(Some(name));
	assert!(!proven && proven_without);
	assert_ne!(key, lax_key);
}
