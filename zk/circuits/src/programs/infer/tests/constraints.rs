//! The circuit without one of its constraints.

use lemma_zk_statement::{bytes_to_hash, F};
use plonky2::{
	field::{extension::quadratic::QuadraticExtension, types::Field},
	hash::poseidon::PoseidonHash,
	iop::{
		target::Target,
		witness::{PartialWitness, WitnessWrite},
	},
	plonk::config::Hasher,
};

use super::*;
use crate::{
	constraint::leaving_out::assert_needed,
	gadgets::custom::element,
	programs::infer::{
		circuit::{arg_max, COMBINATION_TAG},
		model::Range,
	},
	security::inner_config,
	F2,
};

/// A single layer of three scores, combined.
fn scores() -> (Model, InferCircuit, Vec<i8>) {
	let model = perceptron(&[9, 3], 2);
	let circuit = laid_out(&model, 1, true);
	let samples = samples(&model, 1, 2);
	(model, circuit, samples)
}

/// What `make` makes, with and without a constraint.
fn needed<T>(
	name: &'static str,
	make: impl Fn() -> (Builder, T),
	cheats: impl Fn(&T) -> Vec<Cheat>,
) {
	assert_needed(name, &Tested::whole(&make), make, cheats);
}

#[test]
fn v_should_be_the_outputs_evaluation() {
	let (model, circuit, samples) = scores();
	let mut wrong = output(&model, &samples);
	wrong[4] ^= 1;
	let statement = statement(&model, &samples, &wrong);
	needed(
		"output: v is its evaluation",
		|| unbuilt(&circuit),
		|targets| {
			vec![Cheat {
				behind: statement.v.map(F::from_canonical_u64).to_vec(),
				..claim(targets, &statement, &samples)
			}]
		},
	);
}

#[test]
fn the_input_should_be_the_commitment() {
	let (model, circuit, honest) = scores();
	let other = samples(&model, 1, 5);
	let statement = statement(&model, &honest, &output(&model, &other));
	needed(
		"infer: the input is the commitment",
		|| unbuilt(&circuit),
		|targets| {
			vec![Cheat {
				behind: bytes_to_hash(&statement.input).unwrap().to_vec(),
				..claim(targets, &statement, &other)
			}]
		},
	);
}

/// Scores that are not the model's, as elements, and the claim of their evaluation.
fn false_scores(
	targets: &Targets,
	model: &Model,
	samples: &[i8],
	errors: [F; 3],
) -> (Vec<F>, Cheat) {
	let honest = reference::values(model, samples).pop().unwrap();
	let scores: Vec<F> = honest
		.iter()
		.zip(errors)
		.map(|(score, error)| element(i64::from(*score)) + error)
		.collect();
	let statement = statement(model, samples, &output(model, samples));
	let mut cheat = claim(targets, &statement, samples);
	let y = QuadraticExtension(statement.y.map(F::from_canonical_u64));
	let v = scores
		.iter()
		.rev()
		.fold(F2::ZERO, |sum, score| sum * y + F2::from(*score));
	cheat.claim[22..].copy_from_slice(&v.0);
	for (wire, score) in targets.1.values[1][0].iter().zip(&scores) {
		cheat.witness.set_target(*wire, *score).unwrap();
	}
	(scores, cheat)
}

/// What the combination's point is drawn from.
fn drawn(input: [u8; 32], products: &[F]) -> [F; 4] {
	let preimage: Vec<F> = [F::from_canonical_u64(COMBINATION_TAG)]
		.into_iter()
		.chain(bytes_to_hash(&input).unwrap())
		.chain(products.iter().copied())
		.collect();
	PoseidonHash::hash_no_pad(&preimage).elements
}

/// Errors that a combination at this point does not see: the coefficients of a polynomial of which it is a root.
fn unseen(point: F2) -> [F; 3] {
	let [a, b] = point.0;
	let norm = a * a - F::from_canonical_u64(7) * b * b;
	[norm, -a.double(), F::ONE]
}

#[test]
fn errors_should_be_unseen_only_at_their_point() {
	let point = QuadraticExtension([3, 5].map(F::from_canonical_u64));
	let at = |z: F2| {
		let errors = unseen(point).map(F2::from);
		errors[0] + errors[1] * z + errors[2] * z * z
	};
	assert_eq!(at(point), F2::ZERO);
	assert_ne!(at(point + F2::ONE), F2::ZERO);
}

#[test]
fn the_combination_should_be_of_all_products() {
	let (model, circuit, samples) = scores();
	needed(
		"combination: it is of all products",
		|| unbuilt(&circuit),
		|targets| {
			// The point is drawn from other products, so it is known before these are chosen.
			let others = [F::ZERO; 3];
			let hash = drawn(commitment(&samples), &others);
			let errors = unseen(QuadraticExtension([hash[0], hash[1]]));
			let (_, cheat) = false_scores(targets, &model, &samples, errors);
			vec![Cheat {
				behind: others.to_vec(),
				..cheat
			}]
		},
	);
}

#[test]
fn the_combinations_point_should_be_drawn() {
	let (model, circuit, samples) = scores();
	needed(
		"combination: its point is drawn",
		|| unbuilt(&circuit),
		|targets| {
			let point = [3, 5, 0, 0].map(F::from_canonical_u64);
			let errors = unseen(QuadraticExtension([point[0], point[1]]));
			let (_, cheat) = false_scores(targets, &model, &samples, errors);
			vec![Cheat {
				behind: point.to_vec(),
				..cheat
			}]
		},
	);
}

#[test]
fn the_products_should_be_the_inputs() {
	let (model, circuit, samples) = scores();
	needed(
		"combination: the products are the inputs'",
		|| unbuilt(&circuit),
		|targets| {
			let errors = [F::ZERO, F::ONE, F::ZERO];
			let (scores, cheat) = false_scores(targets, &model, &samples, errors);
			let hash = drawn(commitment(&samples), &scores);
			let point = QuadraticExtension([hash[0], hash[1]]);
			let sum = scores
				.iter()
				.rev()
				.fold(F2::ZERO, |sum, score| sum * point + F2::from(*score));
			vec![Cheat {
				behind: sum.0.to_vec(),
				..cheat
			}]
		},
	);
}

/// The place of the greater of two values, which is public.
fn greater() -> (Builder, Vec<Target>) {
	let mut builder = Builder::new(inner_config());
	let values = builder.add_virtual_targets(2);
	let range = Range {
		low: -100,
		high: 100,
	};
	let place = arg_max(&mut builder, &values, range);
	builder.register_public_input(place);
	(builder, values)
}

/// That `place` is chosen of two values, by what is set as chosen.
fn choice(values: &[Target], of: [i64; 2], chosen: [i64; 2], place: i64) -> Cheat {
	let Target::VirtualTarget { index } = values[1] else {
		panic!("it is a wire of a gate")
	};
	let mut witness = PartialWitness::new();
	for (target, value) in values.iter().zip(of) {
		witness.set_target(*target, element(value)).unwrap();
	}
	for (offset, value) in chosen.into_iter().enumerate() {
		let target = Target::VirtualTarget {
			index: index + 1 + offset,
		};
		witness.set_target(target, element(value)).unwrap();
	}
	Cheat {
		claim: vec![element(place)],
		witness,
		behind: vec![],
	}
}

#[test]
fn the_place_of_the_first_of_the_greatest_should_be_accepted() {
	let whole = Tested::whole(greater);
	assert!(whole.accepts(None, &choice(whole.targets(), [5, 9], [0, 1], 1)));
	assert!(whole.accepts(None, &choice(whole.targets(), [9, 9], [1, 0], 0)));
}

#[test]
fn a_place_should_be_chosen_or_not() {
	needed("arg max: a place is chosen or not", greater, |values| {
		vec![choice(values, [10, 10], [2, -1], -1)]
	});
}

#[test]
fn one_place_should_be_chosen() {
	needed("arg max: one place is chosen", greater, |values| {
		vec![choice(values, [-7, -5], [0, 0], 0)]
	});
}

#[test]
fn it_should_be_the_first_of_the_greatest() {
	needed(
		"arg max: it is the first of the greatest",
		greater,
		|values| {
			[([5, 9], [1, 0], 0), ([9, 9], [0, 1], 1)]
				.map(|(of, chosen, place)| Cheat {
					behind: vec![F::ZERO; 2],
					..choice(values, of, chosen, place)
				})
				.into()
		},
	);
}
