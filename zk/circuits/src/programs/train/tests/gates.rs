//! The two gates, by themselves.

use lemma_zk_statement::F;
use plonky2::{
	field::{extension::quadratic::QuadraticExtension, types::Field},
	iop::{
		ext_target::ExtensionTarget,
		target::Target,
		witness::{PartialWitness, WitnessWrite},
	},
};

use super::Cheat;
use crate::{
	constraint::leaving_out::{assert_needed, Tested},
	programs::train::{
		products::multiply,
		reference::rounded,
		rounding::{round, Rounded},
	},
	security, Builder, D, F2,
};

/// Sums and what they are said to be, rounded.
struct Rounding {
	sums: Vec<Target>,
	rounded: Vec<Rounded>,
	values: Vec<Target>,
}

fn rounding() -> (Builder, Rounding) {
	let mut builder = Builder::new(security::inner_config());
	let sums = builder.add_virtual_targets(7);
	let rounded = round(&mut builder, &sums);
	let values = rounded.iter().map(|rounded| {
		let twice = builder.add(rounded.not_negative, rounded.not_negative);
		let eight = builder.mul_const(F::from_canonical_u64(4), twice);
		// Both outputs in one.
		builder.mul_const_add(F::from_canonical_u64(1000), eight, rounded.value)
	});
	let values = values.collect();
	(
		builder,
		Rounding {
			sums,
			rounded,
			values,
		},
	)
}

fn signed(number: i64) -> F {
	F::from_noncanonical_i64(number)
}

fn packed(sum: i64) -> F {
	signed(rounded(sum) + if sum < 0 { 0 } else { 8000 })
}

const SUMS: [[i64; 7]; 4] = [
	[0, 1, -1, (1 << 20) - 1, 1 << 20, -(1 << 20), -(1 << 20) - 1],
	[
		(255 << 20) - 1,
		255 << 20,
		256 << 20,
		(256 << 20) - 1,
		254 << 20,
		77 << 20,
		1 << 30,
	],
	[
		(1 << 47) - 1,
		-(1 << 47),
		1 << 46,
		-(1 << 46),
		3 << 40,
		-3 << 40,
		5,
	],
	[
		123_456_789,
		-123_456_789,
		98_765_432_123,
		-98_765_432_123,
		7 << 20,
		(9 << 20) + 5,
		-7,
	],
];

/// The seven sums; whatever is set besides them comes first.
fn with_sums(targets: &Rounding, sums: [F; 7], also: &[(Target, F)]) -> Cheat {
	let mut witness = PartialWitness::new();
	for (target, value) in also {
		witness.set_target(*target, *value).unwrap();
	}
	for (target, sum) in targets.sums.iter().zip(sums) {
		witness.set_target(*target, sum).unwrap();
	}
	Cheat {
		witness,
		..Cheat::default()
	}
}

#[test]
fn round_should_be_the_references_rounding() {
	let circuit = Tested::whole(rounding);
	let targets = circuit.targets();
	for sums in SUMS {
		let values: Vec<_> = (targets.values.iter().copied())
			.zip(sums.map(packed))
			.collect();
		assert!(circuit.accepts(None, &with_sums(targets, sums.map(signed), &values)));
		for place in 0..7 {
			for change in [F::ONE, F::NEG_ONE, signed(8000), signed(-8000)] {
				let mut wrong = values.clone();
				wrong[place].1 += change;
				let cheat = with_sums(targets, sums.map(signed), &wrong);
				assert!(
					!circuit.accepts(None, &cheat),
					"{sums:?} {place} {change:?}"
				);
			}
		}
	}
}

#[test]
fn round_should_refuse_sums_that_are_too_large() {
	let circuit = Tested::whole(rounding);
	let too_large = [
		signed((1 << 47) + (255 << 20) + (1 << 20)),
		signed(-(1 << 47) - 1),
		signed(1 << 55),
		signed(-(1 << 55)),
		F::NEG_ONE * F::TWO.inverse(),
	];
	for sum in too_large {
		let mut sums = [F::ZERO; 7];
		sums[3] = sum;
		assert!(
			!circuit.accepts(None, &with_sums(circuit.targets(), sums, &[])),
			"{sum}"
		);
	}
}

/// A cheat that writes the gate's own wires: of the values that a digit can have, one is accepted, whatever the sum.
#[test]
fn round_should_accept_one_value_of_each_digit() {
	let circuit = Tested::whole(rounding);
	let targets = circuit.targets();
	let Target::Wire(first) = targets.rounded[0].value else {
		unreachable!("a gate's output is a wire")
	};
	for sums in SUMS {
		let accepts =
			|set: &[(Target, F)]| circuit.accepts(None, &with_sums(targets, sums.map(signed), set));
		for column in 18..132 {
			let wire = Target::wire(first.row, column);
			let accepted = (0..8).filter(|value| accepts(&[(wire, signed(*value))]));
			assert_eq!(accepted.count(), 1, "wire {column}");
			for value in [-1, 8, 300] {
				assert!(
					!accepts(&[(wire, signed(value))]),
					"wire {column} is {value}"
				);
			}
		}
	}
	// 7 * 2^20 - 1 as 6 * 2^20 and a rest of 2^20 - 1; and as if it were 7 * 2^20 less one, or 5 * 2^20 and a rest above 2^20.
	let sums = [(7 << 20) - 1, 0, 0, 0, 0, 0, 0].map(signed);
	for (highest, value, accepted) in [(3, 6, true), (-1, 7, false), (7, 5, false)] {
		let digits = [7, 7, 7, 7, 7, 7, highest, value];
		let set: Vec<_> = (digits.iter().zip(18..))
			.map(|(digit, column)| (Target::wire(first.row, column), signed(*digit)))
			.collect();
		assert_eq!(
			circuit.accepts(None, &with_sums(targets, sums, &set)),
			accepted,
			"{value}"
		);
	}
}

#[test]
fn rounding_should_be_of_the_sum() {
	let whole = Tested::whole(rounding);
	// Six a row: the last five of the second are of zero.
	let behind = [[5 << 20; 7].as_slice(), &[0; 5]].concat();
	let behind: Vec<F> = behind.into_iter().map(signed).collect();
	needed("rounding: it is of the sum", &whole, rounding, |targets| {
		let said = targets.values.iter().map(|value| (*value, packed(5 << 20)));
		let cheat = with_sums(targets, [9 << 20; 7].map(signed), &said.collect::<Vec<_>>());
		vec![Cheat {
			behind: behind.clone(),
			..cheat
		}]
	});
}

/// A matrix of six rows and nine columns, one more each than a row of the circuit has, and its product.
struct Product {
	matrix: Vec<Vec<Target>>,
	vector: Vec<ExtensionTarget<D>>,
	product: Vec<ExtensionTarget<D>>,
}

fn product() -> (Builder, Product) {
	let mut builder = Builder::new(security::inner_config());
	let matrix: Vec<_> = (0..6).map(|_| builder.add_virtual_targets(9)).collect();
	let vector = builder.add_virtual_extension_targets(9);
	let product = multiply(&mut builder, &matrix, &vector);
	(
		builder,
		Product {
			matrix,
			vector,
			product,
		},
	)
}

fn coefficients() -> Vec<F> {
	(0..54).map(|i| signed(i * i * i - 20_000)).collect()
}

fn vector() -> Vec<F2> {
	(1..10u32)
		.map(|i| {
			QuadraticExtension([
				F::from_canonical_u32(i),
				signed(-3) * F::from_canonical_u32(i),
			])
		})
		.collect()
}

fn multiplied(coefficients: &[F], vector: &[F2]) -> Vec<F2> {
	let row = |row: &[F]| row.iter().zip(vector).map(|(c, e)| *e * F2::from(*c)).sum();
	coefficients.chunks(9).map(row).collect()
}

fn with_product(targets: &Product, coefficients: &[F], vector: &[F2], product: &[F2]) -> Cheat {
	let mut witness = PartialWitness::new();
	witness
		.set_target_arr(&targets.matrix.concat(), coefficients)
		.unwrap();
	witness
		.set_extension_targets(&targets.vector, vector)
		.unwrap();
	witness
		.set_extension_targets(&targets.product, product)
		.unwrap();
	Cheat {
		witness,
		..Cheat::default()
	}
}

#[test]
fn multiply_should_be_the_product() {
	let circuit = Tested::whole(product);
	let (coefficients, vector) = (coefficients(), vector());
	let result = multiplied(&coefficients, &vector);
	let accepts = |result: &[F2]| {
		circuit.accepts(
			None,
			&with_product(circuit.targets(), &coefficients, &vector, result),
		)
	};
	assert!(accepts(&result));
	for place in 0..6 {
		for change in [[F::ONE, F::ZERO], [F::ZERO, F::ONE]] {
			let mut wrong = result.clone();
			wrong[place] += QuadraticExtension(change);
			assert!(!accepts(&wrong));
		}
	}
}

/// What is behind each constraint: as many wires as rows of the circuit have, zeros where the matrix ends.
#[test]
fn products_should_be_of_the_matrix() {
	let (coefficients, vector) = (coefficients(), vector());
	let other: Vec<F> = coefficients.iter().map(|c| *c + F::ONE).collect();
	let result = multiplied(&other, &vector);
	let mut behind = Vec::new();
	for rows in 0..2 {
		for start in [0, 8] {
			for row in 5 * rows..5 * rows + 5 {
				let at = |column: usize| {
					let is_there = row < 6 && column < 9;
					if is_there {
						other[9 * row + column]
					} else {
						F::ZERO
					}
				};
				behind.extend((start..start + 8).map(at));
			}
		}
	}
	needed(
		"products: it is of the matrix",
		&Tested::whole(product),
		product,
		|targets| {
			let cheat = with_product(targets, &coefficients, &vector, &result);
			vec![Cheat {
				behind: behind.clone(),
				..cheat
			}]
		},
	);
}

#[test]
fn products_should_be_with_the_vector() {
	let (coefficients, vector) = (coefficients(), vector());
	let other: Vec<F2> = vector.iter().map(|e| *e + F2::ONE).collect();
	let result = multiplied(&coefficients, &other);
	let mut padded = other;
	padded.resize(16, F2::ZERO);
	let once: Vec<F> = padded.iter().flat_map(|e| e.0).collect();
	let behind = [once.clone(), once].concat();
	needed(
		"products: it is with the vector",
		&Tested::whole(product),
		product,
		|targets| {
			let cheat = with_product(targets, &coefficients, &vector, &result);
			vec![Cheat {
				behind: behind.clone(),
				..cheat
			}]
		},
	);
}

#[test]
fn sums_of_products_should_be_carried_on() {
	let (coefficients, vector) = (coefficients(), vector());
	// The first eight columns are left out: the ninth is added to nothing.
	let last: Vec<F2> = (coefficients.chunks(9))
		.map(|row| vector[8] * F2::from(row[8]))
		.collect();
	let behind = vec![F::ZERO; 2 * 2 * 5 * 2];
	needed(
		"products: sums are carried on",
		&Tested::whole(product),
		product,
		|targets| {
			let cheat = with_product(targets, &coefficients, &vector, &last);
			vec![Cheat {
				behind: behind.clone(),
				..cheat
			}]
		},
	);
}

fn needed<T>(
	name: &'static str,
	whole: &Tested<T>,
	make: impl FnOnce() -> (Builder, T),
	cheats: impl Fn(&T) -> Vec<Cheat>,
) {
	assert_needed(name, whole, make, cheats);
}
