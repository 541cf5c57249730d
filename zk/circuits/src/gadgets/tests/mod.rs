//! The opening by itself, with small families.

mod constraints;
mod gates;
mod small;

use plonky2::{
	field::{
		extension::FieldExtension,
		polynomial::PolynomialCoeffs,
		types::{Field, Sample},
	},
	fri::{
		structure::{
			FriBatchInfo, FriInstanceInfo, FriOpeningBatch, FriOpenings, FriOracleInfo,
			FriPolynomialInfo,
		},
		verifier::verify_fri_proof,
		FriConfig, FriParams,
	},
	hash::{hash_types::MerkleCapTarget, poseidon::PoseidonHash},
	iop::{
		challenger::{Challenger, RecursiveChallenger},
		ext_target::ExtensionTarget,
		witness::{PartialWitness, WitnessWrite},
	},
};

use super::opening::{
	fri_params, open, open_unchecked, verify_opening, Committed, Family, FamilyTarget, Opening,
	OpeningTargets,
};
use crate::{
	security::{commitment_fri_config, inner_config, CommitmentRate},
	Builder, CircuitData, C, D, F, F2,
};

const RATE: CommitmentRate = CommitmentRate::Eighth;

/// Polynomials with small, irregular coefficients, and the commitment to them.
fn family(family: Family, seed: u64) -> (Vec<PolynomialCoeffs<F>>, Committed) {
	family_at(&commitment_fri_config(RATE), family, seed)
}

fn family_at(
	config: &FriConfig,
	family: Family,
	seed: u64,
) -> (Vec<PolynomialCoeffs<F>>, Committed) {
	let coefficient = |i: usize, r: usize| {
		let mixed = (seed + i as u64 * 1009 + r as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
		F::from_noncanonical_i64(i64::from((mixed >> 56) as u8 as i8))
	};
	let polynomials = (0..family.count())
		.map(|i| {
			let coefficients = (0..1 << family.degree_log).map(|r| coefficient(i, r));
			PolynomialCoeffs::new(coefficients.collect())
		})
		.collect();
	let bundle = family.bundle();
	let committed = Committed::new(family, config, |g, coefficients| {
		for (place, value) in coefficients.iter_mut().enumerate() {
			*value = coefficient(g * bundle + place % bundle, place / bundle);
		}
	});
	(polynomials, committed)
}

/// What sets the witness of a circuit that opens two families, whose caps and points are its inputs.
struct Targets {
	caps: Vec<MerkleCapTarget>,
	points: Vec<ExtensionTarget<D>>,
	opening: OpeningTargets,
}

impl Targets {
	/// Adds all of that circuit.
	fn add(builder: &mut Builder, families: [Family; 2], params: &FriParams) -> Self {
		let caps: Vec<_> = families
			.iter()
			.map(|_| builder.add_virtual_cap(params.config.cap_height))
			.collect();
		let points = builder.add_virtual_extension_targets(2);
		let mut challenger = RecursiveChallenger::<F, PoseidonHash, D>::new(builder);
		for (cap, point) in caps.iter().zip(&points) {
			challenger.observe_cap(cap);
			challenger.observe_extension_element(*point);
		}
		let parts: Vec<_> = families
			.into_iter()
			.zip(&caps)
			.zip(&points)
			.map(|((family, cap), point)| FamilyTarget {
				family,
				cap: cap.clone(),
				point: *point,
			})
			.collect();
		let opening = verify_opening(builder, &parts, challenger, params);
		Self {
			caps,
			points,
			opening,
		}
	}

	fn witness(&self, parts: &[(&Committed, F2)], opening: &Opening) -> PartialWitness<F> {
		let mut witness = PartialWitness::new();
		for ((cap, point), (committed, z)) in self.caps.iter().zip(&self.points).zip(parts) {
			witness.set_cap_target(cap, committed.cap()).unwrap();
			witness.set_extension_target(*point, *z).unwrap();
		}
		self.opening.set(&mut witness, opening).unwrap();
		witness
	}
}

/// That circuit.
struct OpeningCircuit {
	data: CircuitData,
	targets: Targets,
}

impl OpeningCircuit {
	fn build(families: [Family; 2]) -> Self {
		let config = commitment_fri_config(RATE);
		let params = fri_params(&config, families[0].bundle_degree_log());
		let mut builder = Builder::new(inner_config());
		let targets = Targets::add(&mut builder, families, &params);
		Self {
			data: builder.build::<C>(),
			targets,
		}
	}

	/// Whether there is a proof that verifies.
	fn accepts(&self, parts: &[(&Committed, F2)], opening: &Opening) -> bool {
		self.data
			.prove(self.targets.witness(parts, opening))
			.is_ok_and(|proof| self.data.verify(proof).is_ok())
	}
}

fn transcript(parts: &[(&Committed, F2)]) -> Challenger<F, PoseidonHash> {
	let mut challenger = Challenger::new();
	for (committed, z) in parts {
		challenger.observe_cap::<PoseidonHash>(committed.cap());
		challenger.observe_extension_element::<D>(z);
	}
	challenger
}

const ONE_IN_A_BUNDLE: Family = Family {
	count_log: 3,
	degree_log: 5,
	bundle_log: 0,
};
const EIGHT_IN_A_BUNDLE: Family = Family {
	count_log: 4,
	degree_log: 4,
	bundle_log: 3,
};
const FOUR_IN_A_BUNDLE: Family = Family {
	count_log: 4,
	degree_log: 5,
	bundle_log: 2,
};

#[test]
fn evaluate_should_give_every_polynomials_value() {
	for shape in [ONE_IN_A_BUNDLE, EIGHT_IN_A_BUNDLE, FOUR_IN_A_BUNDLE] {
		let (polynomials, committed) = family(shape, 1);
		let z = F2::rand();
		let values: Vec<F2> = polynomials
			.iter()
			.map(|polynomial| polynomial.to_extension::<D>().eval(z))
			.collect();
		assert_eq!(committed.evaluate(z), values);
	}
}

#[test]
fn opening_should_be_accepted_inside_a_circuit_when_families_of_one_bundle_degree_are_opened() {
	let circuit = OpeningCircuit::build([EIGHT_IN_A_BUNDLE, FOUR_IN_A_BUNDLE]);
	let params = fri_params(&commitment_fri_config(RATE), 7);
	let (_, a) = family(EIGHT_IN_A_BUNDLE, 1);
	let (_, b) = family(FOUR_IN_A_BUNDLE, 2);
	// One point for both, a point of the base field, and points with no root in the field are as good as others.
	let z = F2::rand();
	for (x, y) in [
		(F2::rand(), F2::rand()),
		(z, z),
		(F2::from(F::rand()), F2::from(F::NEG_ONE)),
	] {
		let parts = [(&a, x), (&b, y)];
		let values = vec![a.evaluate(x), b.evaluate(y)];
		let opening = open(&parts, values, transcript(&parts), &params).unwrap();
		assert!(circuit.accepts(&parts, &opening));
	}
}

#[test]
fn opening_should_be_rejected_when_anything_in_it_is_false() {
	let circuit = OpeningCircuit::build([EIGHT_IN_A_BUNDLE, FOUR_IN_A_BUNDLE]);
	let params = fri_params(&commitment_fri_config(RATE), 7);
	let (_, a) = family(EIGHT_IN_A_BUNDLE, 1);
	let (_, b) = family(FOUR_IN_A_BUNDLE, 2);
	let (_, other) = family(EIGHT_IN_A_BUNDLE, 3);
	let (x, y) = (F2::rand(), F2::rand());
	let parts = [(&a, x), (&b, y)];
	let honest = || vec![a.evaluate(x), b.evaluate(y)];
	let forge = |parts: &[(&Committed, F2)], values: Vec<Vec<F2>>, params: &_| {
		let (opening, are_values) =
			open_unchecked(parts, values.clone(), transcript(parts), params);
		assert!(!are_values);
		assert!(open(parts, values, transcript(parts), params).is_err());
		opening
	};

	// The forger's own honest work is accepted, so what follows is rejected for what it changes.
	let (opening, are_values) = open_unchecked(&parts, honest(), transcript(&parts), &params);
	assert!(are_values && circuit.accepts(&parts, &opening));

	// A value changed, first and last of each family.
	for (which, place) in [(0, 0), (0, 15), (1, 0), (1, 15)] {
		let mut values = honest();
		values[which][place] += F2::ONE;
		assert!(!circuit.accepts(&parts, &forge(&parts, values, &params)));
	}
	// Two values of one bundle changed so that their sum at x is the same.
	let mut values = honest();
	values[0][0] += x;
	values[0][1] -= F2::ONE;
	assert!(!circuit.accepts(&parts, &forge(&parts, values, &params)));
	// Two values exchanged, in one bundle and between bundles.
	for other in [1, 8] {
		let mut values = honest();
		values[0].swap(0, other);
		assert!(!circuit.accepts(&parts, &forge(&parts, values, &params)));
	}
	// The values at another point.
	let values = vec![a.evaluate(x + F2::ONE), b.evaluate(y)];
	assert!(!circuit.accepts(&parts, &forge(&parts, values, &params)));
	// An honest opening of other polynomials, or at another point, for these caps and points.
	let other_parts = [(&other, x), (&b, y)];
	let values = vec![other.evaluate(x), b.evaluate(y)];
	let opening = open(
		&other_parts,
		values.clone(),
		transcript(&other_parts),
		&params,
	)
	.unwrap();
	assert!(circuit.accepts(&other_parts, &opening));
	assert!(!circuit.accepts(&parts, &opening));
	let opening = open(&other_parts, values, transcript(&parts), &params).unwrap();
	assert!(!circuit.accepts(&parts, &opening));
	// A proof made for another transcript.
	let mut challenger = transcript(&parts);
	challenger.observe_element(F::ONE);
	let opening = open(&parts, honest(), challenger, &params).unwrap();
	assert!(!circuit.accepts(&parts, &opening));
	// Too little work.
	let mut lazy = params.clone();
	lazy.config.proof_of_work_bits = 0;
	let opening = open(&parts, honest(), transcript(&parts), &lazy).unwrap();
	assert!(!circuit.accepts(&parts, &opening));
}

#[test]
fn opening_should_be_plonky2s_own_when_there_is_one_polynomial_in_a_bundle() {
	let params = fri_params(&commitment_fri_config(RATE), 5);
	let (_, a) = family(ONE_IN_A_BUNDLE, 1);
	let (_, b) = family(ONE_IN_A_BUNDLE, 2);
	let (x, y) = (F2::rand(), F2::rand());
	let parts = [(&a, x), (&b, y)];
	let values = vec![a.evaluate(x), b.evaluate(y)];
	let opening = open(&parts, values, transcript(&parts), &params).unwrap();

	let mut challenger = transcript(&parts);
	for values in &opening.values {
		challenger.observe_extension_elements::<D>(values);
	}
	let challenges = challenger.fri_challenges::<C, D>(
		&opening.proof.commit_phase_merkle_caps,
		&opening.proof.final_poly,
		opening.proof.pow_witness,
		5,
		&params.config,
		None,
		None,
	);
	// plonky2 scales what came before by alpha for each batch, so its last batch is our first family.
	let batch = |oracle: usize, point: F2| FriBatchInfo {
		point,
		polynomials: FriPolynomialInfo::from_range(oracle, 0..8),
	};
	let oracle = FriOracleInfo {
		num_polys: 8,
		blinding: false,
	};
	let instance = FriInstanceInfo {
		oracles: vec![oracle, oracle],
		batches: vec![batch(1, y), batch(0, x)],
	};
	let openings = FriOpenings {
		batches: [1, 0]
			.map(|family: usize| FriOpeningBatch {
				values: opening.values[family].clone(),
			})
			.into(),
	};
	let caps = [a.cap().clone(), b.cap().clone()];
	let verify = |openings: &FriOpenings<F, D>| {
		verify_fri_proof::<F, C, D>(
			&instance,
			openings,
			&challenges,
			&caps,
			&opening.proof,
			&params,
		)
	};
	verify(&openings).unwrap();

	let mut false_openings = openings;
	false_openings.batches[0].values[0] += F2::from_basefield_array([F::ONE, F::ZERO]);
	assert!(verify(&false_openings).is_err());
}
