//! Range checks, comparisons, shifts, small inputs: what they compute, what they refuse, what they cost, and each of their
//! constraints left out.

use lemma_zk_statement::{bytes_to_hash, sponge_commitment, SPONGE_TAG};
use plonky2::{
	field::types::Field,
	hash::poseidon::PoseidonHash,
	iop::{
		target::Target,
		witness::{PartialWitness, WitnessWrite},
	},
	plonk::{circuit_data::CircuitConfig, config::Hasher},
};

use super::super::{
	bytes::{greatest, packed, raised, sponge_input, SpongeInput},
	custom::element,
	matrix::{constant_matrix, weighted_sums, Block},
	range::{clamp, fixed_mul, floor_shift, is_negative, maximum, range_check},
	requantise::{requantise, Requantisation, Requantise},
};
use crate::{
	constraint::leaving_out::{assert_needed, Cheat, Tested},
	security::inner_config,
	Builder, F,
};

/// A circuit of some inputs, and what it makes of them, which is public.
type Circuit = Tested<Vec<Target>>;

/// With constants for every gate here.
fn wide() -> CircuitConfig {
	CircuitConfig {
		num_constants: 40,
		..inner_config()
	}
}

fn make(
	inputs: usize,
	build: impl Fn(&mut Builder, &[Target]) -> Vec<Target>,
) -> (Builder, Vec<Target>) {
	let mut builder = Builder::new(wide());
	let inputs = builder.add_virtual_targets(inputs);
	let outputs = build(&mut builder, &inputs);
	builder.register_public_inputs(&outputs);
	(builder, inputs)
}

fn cheat(inputs: &[Target], values: &[i64], claim: &[i64], behind: &[i64]) -> Cheat {
	let mut witness = PartialWitness::new();
	for (target, value) in inputs.iter().zip(values) {
		witness.set_target(*target, element(*value)).unwrap();
	}
	let elements = |values: &[i64]| values.iter().map(|value| element(*value)).collect();
	Cheat {
		claim: elements(claim),
		witness,
		behind: elements(behind),
	}
}

fn accepts(circuit: &Circuit, values: &[i64], claim: &[i64]) -> bool {
	circuit.accepts(None, &cheat(circuit.targets(), values, claim, &[]))
}

/// The virtual target that was added `more` after another.
fn later(target: Target, more: usize) -> Target {
	match target {
		Target::VirtualTarget { index } => Target::VirtualTarget {
			index: index + more,
		},
		Target::Wire(_) => panic!("it is a wire of a gate"),
	}
}

#[test]
fn range_check_should_take_what_has_its_bits_and_nothing_else() {
	for bits in [1, 7, 8, 15, 16, 17, 31, 32, 33, 48, 62] {
		let circuit = Tested::whole(|| {
			make(1, |builder, inputs| {
				range_check(builder, inputs[0], bits);
				vec![]
			})
		});
		let end = 1i64 << bits;
		for inside in [0, 1, end / 2, end - 1] {
			assert!(accepts(&circuit, &[inside], &[]), "{inside} in {bits} bits");
		}
		for outside in [end, end + 1, -1, -end] {
			assert!(
				!accepts(&circuit, &[outside], &[]),
				"{outside} in {bits} bits"
			);
		}
	}
}

#[test]
fn floor_shift_and_fixed_mul_should_round_towards_minus_infinity() {
	let shift = Tested::whole(|| make(1, |b, x| vec![floor_shift(b, x[0], 5, 20)]));
	for value in [-64, -33, -32, -1, 0, 1, 31, 32, (1 << 24) - 1, -(1 << 24)] {
		assert!(accepts(&shift, &[value], &[value >> 5]), "{value}");
		assert!(!accepts(&shift, &[value], &[(value >> 5) + 1]));
		assert!(!accepts(&shift, &[value], &[(value >> 5) - 1]));
	}
	assert!(!accepts(&shift, &[1 << 24], &[1 << 19]));
	let product = Tested::whole(|| make(2, |b, x| vec![fixed_mul(b, x[0], x[1], 16, 32)]));
	for [a, b] in [[3 << 16, -(1 << 15)], [-1, 1], [12345, -54321], [0, 5]] {
		assert!(accepts(&product, &[a, b], &[(a * b) >> 16]));
		assert!(!accepts(&product, &[a, b], &[((a * b) >> 16) + 1]));
	}
}

#[test]
fn comparisons_should_be_right_at_every_edge() {
	let circuit = Tested::whole(|| {
		make(2, |builder, x| {
			let negative = is_negative(builder, x[0], 20).target;
			let greater = maximum(builder, x[0], x[1], 20);
			vec![negative, greater, clamp(builder, x[0], [-5, 9], 20)]
		})
	});
	for a in [-1000, -6, -5, -1, 0, 1, 9, 10, 1000] {
		for b in [-1000, -1, 0, 999] {
			let honest = [i64::from(a < 0), a.max(b), a.clamp(-5, 9)];
			assert!(accepts(&circuit, &[a, b], &honest));
			for place in 0..3 {
				let mut wrong = honest;
				wrong[place] += 1;
				assert!(!accepts(&circuit, &[a, b], &wrong));
			}
		}
	}
	assert!(!accepts(&circuit, &[1 << 20, 0], &[0, 1 << 20, 9]));
}

#[test]
fn greatest_should_be_the_greatest() {
	for count in [1, 2, 4, 5, 9] {
		let circuit = Tested::whole(|| make(count, |b, x| vec![greatest(b, x)]));
		let values: Vec<i64> = (0..count as i64)
			.map(|i| (i * 89 + 5) % 256 - 128)
			.collect();
		let most = *values.iter().max().unwrap();
		assert!(accepts(&circuit, &values, &[most]));
		if count == 1 {
			// It is the value itself: there is nothing to constrain.
			continue;
		}
		for wrong in values
			.iter()
			.copied()
			.chain([most + 1])
			.filter(|value| *value != most)
		{
			assert!(!accepts(&circuit, &values, &[wrong]));
		}
	}
}

const BLOCK: Block = Block {
	lanes: 2,
	inputs: 4,
	outputs: 3,
};

#[test]
fn constant_matrix_should_multiply_vectors_of_any_number_and_length() {
	for (vectors, inputs, outputs) in [(1, 3, 2), (2, 4, 3), (3, 9, 7)] {
		let weight = |row: usize, column: usize| (row * 7 + column * 5) as i64 % 19 - 9;
		let rows: Vec<Vec<F>> = (0..outputs)
			.map(|row| {
				(0..inputs)
					.map(|column| element(weight(row, column)))
					.collect()
			})
			.collect();
		let circuit = Tested::whole(|| {
			make(vectors * inputs, |builder, x| {
				let x: Vec<Vec<Target>> = x.chunks(inputs).map(<[Target]>::to_vec).collect();
				let start = builder.constant(element(-3));
				let starts = vec![vec![start; outputs]; vectors];
				constant_matrix(builder, BLOCK, &rows, &x, &starts).concat()
			})
		});
		let values: Vec<i64> = (0..vectors * inputs)
			.map(|i| (i as i64 * 31) % 255 - 127)
			.collect();
		let products: Vec<i64> = values
			.chunks(inputs)
			.flat_map(|x| {
				(0..outputs).map(|row| {
					(0..inputs)
						.map(|column| weight(row, column) * x[column])
						.sum::<i64>() - 3
				})
			})
			.collect();
		assert!(accepts(&circuit, &values, &products));
		for place in 0..products.len() {
			let mut wrong = products.clone();
			wrong[place] += 1;
			assert!(!accepts(&circuit, &values, &wrong));
		}
	}
}

#[test]
fn weighted_sums_should_be_of_all_terms() {
	let (terms, samples) = (13, 5);
	let circuit = Tested::whole(|| {
		make(2 * terms + samples * terms, |builder, x| {
			let (weights, values) = x.split_at(2 * terms);
			let weights: Vec<_> = weights
				.chunks(2)
				.map(|pair| plonky2::iop::ext_target::ExtensionTarget([pair[0], pair[1]]))
				.collect();
			let values: Vec<Vec<Target>> = values.chunks(terms).map(<[Target]>::to_vec).collect();
			let sums = weighted_sums(builder, &weights, &values);
			sums.iter().flat_map(|sum| sum.0).collect()
		})
	});
	let values: Vec<i64> = (0..7 * terms).map(|i| (i as i64 * 37) % 101 - 50).collect();
	let (weights, x) = values.split_at(2 * terms);
	let sums: Vec<i64> = x
		.chunks(terms)
		.flat_map(|x| {
			(0..2).map(move |coordinate| {
				let weights = weights.iter().skip(coordinate).step_by(2);
				weights.zip(x).map(|(weight, x)| weight * x).sum()
			})
		})
		.collect();
	assert!(accepts(&circuit, &values, &sums));
	for place in 0..sums.len() {
		let mut wrong = sums.clone();
		wrong[place] -= 1;
		assert!(!accepts(&circuit, &values, &wrong));
	}
}

#[test]
fn requantise_should_round_each_value_by_its_own_scale() {
	let gate = Requantise::new(8, 1 << 24).unwrap();
	let scale = |place: usize| [256, 1, 3][place % 3];
	let circuit = Tested::whole(|| {
		make(11, |builder, x| {
			let values: Vec<_> = x
				.iter()
				.enumerate()
				.map(|(place, accumulator)| Requantisation {
					accumulator: *accumulator,
					multiplier: scale(place),
					is_cut_at_zero: place % 2 == 0,
				})
				.collect();
			requantise(builder, gate, &values)
		})
	});
	let values: Vec<i64> = (0..11).map(|i| (i * 7919) % 60_000 - 30_000).collect();
	let rounded: Vec<i64> = (0..11)
		.map(|place| {
			let low = if place % 2 == 0 { 0 } else { -128 };
			((values[place] * scale(place) as i64) >> 8)
				.max(low)
				.min(127)
		})
		.collect();
	assert!(accepts(&circuit, &values, &rounded));
	for place in 0..11 {
		for change in [-1, 1] {
			let mut wrong = rounded.clone();
			wrong[place] += change;
			assert!(!accepts(&circuit, &values, &wrong));
		}
	}
}

fn sponge(len: usize, is_signed: bool) -> (Builder, SpongeInput) {
	let mut builder = Builder::new(inner_config());
	let input = sponge_input(&mut builder, len, is_signed);
	builder.register_public_inputs(&input.hash.elements);
	builder.register_public_inputs(&input.bytes);
	(builder, input)
}

/// That these bytes have this commitment.
fn opening(input: &SpongeInput, elements: &[F], commitment: [F; 4], bytes: &[i64]) -> Cheat {
	let mut witness = PartialWitness::new();
	for (target, value) in input.packed.iter().zip(elements) {
		witness.set_target(*target, *value).unwrap();
	}
	let bytes = bytes.iter().map(|byte| element(*byte));
	Cheat {
		claim: commitment.into_iter().chain(bytes).collect(),
		witness,
		behind: vec![],
	}
}

#[test]
fn sponge_input_should_be_the_bytes_that_are_committed_to() {
	for (len, is_signed) in [(1, false), (7, true), (10, true), (29, false)] {
		let circuit = Tested::whole(|| sponge(len, is_signed));
		let values: Vec<i8> = (0..len).map(|i| (i * 53 + 200) as u8 as i8).collect();
		let (committed, seen): (Vec<u8>, Vec<i64>) = if is_signed {
			(
				raised(&values),
				values.iter().map(|value| i64::from(*value)).collect(),
			)
		} else {
			let bytes = values.iter().map(|value| *value as u8);
			(bytes.clone().collect(), bytes.map(i64::from).collect())
		};
		let elements: Vec<F> = packed(&committed).collect();
		let commitment = bytes_to_hash(&sponge_commitment(&committed)).unwrap();
		let honest = opening(circuit.targets(), &elements, commitment, &seen);
		assert!(circuit.accepts(None, &honest));
		for place in 0..len {
			let mut wrong = seen.clone();
			wrong[place] += 1;
			let wrong = opening(circuit.targets(), &elements, commitment, &wrong);
			assert!(!circuit.accepts(None, &wrong));
		}
	}
}

/// The commitment to ten zeros, and what is hashed for it.
fn ten_bytes() -> (Vec<F>, Vec<F>) {
	let header = [SPONGE_TAG, 10].map(F::from_canonical_u64).to_vec();
	(header, packed(&[128; 10]).collect())
}

fn hash(header: &[F], elements: &[F]) -> [F; 4] {
	PoseidonHash::hash_no_pad(&[header, elements].concat()).elements
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
fn sponge_should_begin_with_its_tag_and_length() {
	needed(
		"sponge: it begins with its tag and length",
		|| sponge(10, true),
		|input| {
			let (header, elements) = ten_bytes();
			let changed = [0, 1].map(|place: usize| {
				let mut header = header.clone();
				header[place] += F::ONE;
				let commitment = hash(&header, &elements);
				Cheat {
					behind: header,
					..opening(input, &elements, commitment, &[0; 10])
				}
			});
			changed.into()
		},
	);
}

#[test]
fn sponge_should_be_of_the_packed_bytes() {
	needed(
		"sponge: it is of the packed bytes",
		|| sponge(10, true),
		|input| {
			let (header, elements) = ten_bytes();
			let mut others = elements.clone();
			others[1] += F::ONE;
			vec![Cheat {
				behind: others.clone(),
				..opening(input, &elements, hash(&header, &others), &[0; 10])
			}]
		},
	);
}

#[test]
fn nothing_should_follow_the_last_byte() {
	needed(
		"sponge: nothing follows the last byte",
		|| sponge(10, true),
		|input| {
			let (header, mut elements) = ten_bytes();
			elements[1] += F::from_canonical_u64(1 << 24);
			let commitment = hash(&header, &elements);
			vec![Cheat {
				behind: vec![element(-128); 4],
				..opening(input, &elements, commitment, &[0; 10])
			}]
		},
	);
}

fn checked(bits: usize) -> impl Fn(&mut Builder, &[Target]) -> Vec<Target> + Copy {
	move |builder, x| {
		range_check(builder, x[0], bits);
		vec![]
	}
}

#[test]
fn a_gates_wires_should_be_what_they_are_fed() {
	needed(
		"gate: a wire is what it is fed",
		|| make(1, checked(16)),
		|x| {
			vec![
				cheat(x, &[70_000], &[], &[0]),
				cheat(x, &[-1], &[], &[65_535]),
			]
		},
	);
}

#[test]
fn a_value_should_have_no_more_than_its_bits() {
	needed(
		"range: a value has no more than its bits",
		|| make(1, checked(12)),
		|x| vec![cheat(x, &[4096], &[], &[0]), cheat(x, &[65_535], &[], &[5])],
	);
}

#[test]
fn the_low_chunk_should_be_what_remains() {
	needed(
		"range: the low chunk is what remains",
		|| make(1, checked(32)),
		|x| {
			[1 << 32, -1]
				.map(|value| {
					let mut cheat = cheat(x, &[value], &[], &[9]);
					cheat
						.witness
						.set_target(later(x[0], 1), element(7))
						.unwrap();
					cheat
				})
				.into()
		},
	);
}

#[test]
fn the_remainder_should_be_the_values() {
	let build = |b: &mut Builder, x: &[Target]| vec![floor_shift(b, x[0], 4, 20)];
	needed(
		"shift: the remainder is the value's",
		|| make(1, build),
		|x| {
			vec![
				cheat(x, &[1000], &[63], &[3]),
				cheat(x, &[1000], &[61], &[15]),
				cheat(x, &[-1], &[0], &[0]),
			]
		},
	);
}

#[test]
fn a_product_should_be_its_factors() {
	let build = |b: &mut Builder, x: &[Target]| vec![fixed_mul(b, x[0], x[1], 1, 20)];
	needed(
		"fixed point: the product is the factors'",
		|| make(2, build),
		|x| vec![cheat(x, &[3, 5], &[49], &[99])],
	);
}

#[test]
fn a_value_should_be_negative_or_not() {
	let build = |b: &mut Builder, x: &[Target]| vec![is_negative(b, x[0], 10).target];
	needed(
		"comparison: it is negative or not",
		|| make(1, build),
		|x| vec![cheat(x, &[-2045], &[2], &[]), cheat(x, &[1030], &[-1], &[])],
	);
}

#[test]
fn the_rest_of_a_comparison_should_not_be_negative() {
	let build = |b: &mut Builder, x: &[Target]| vec![is_negative(b, x[0], 10).target];
	needed(
		"comparison: the rest is not negative",
		|| make(1, build),
		|x| {
			let false_claims = [(5, 1), (-5, 0)].map(|(value, claim)| {
				let mut cheat = cheat(x, &[value], &[claim], &[7]);
				cheat
					.witness
					.set_target(later(x[0], 1), element(-claim))
					.unwrap();
				cheat
			});
			false_claims.into()
		},
	);
}

/// Rows that something takes when it is done a thousand times, in thousandths of a row.
fn rows(build: impl Fn(&mut Builder, Target) -> Option<Target>) -> usize {
	let mut builder = Builder::new(inner_config());
	for _ in 0..1000 {
		let value = builder.add_virtual_target();
		build(&mut builder, value);
	}
	builder.num_gates()
}

/// What the gadgets cost, and what plonky2's own gates and tables would.
#[test]
fn gadgets_should_take_few_rows() {
	let check = |bits: usize| {
		rows(|b, x| {
			range_check(b, x, bits);
			None
		})
	};
	let plain = |bits: usize| {
		rows(|b, x| {
			b.range_check(x, bits);
			None
		})
	};
	let table = |bits: usize| {
		let mut builder = Builder::new(inner_config());
		let table: Vec<u16> = (0..256).collect();
		let table = builder.add_lookup_table_from_table(&table, &table);
		// A row holds forty looks, and the table's rows, of which each holds 26 entries, come once.
		let looks = 1000 * bits.div_ceil(8);
		let looked = (0..looks).map(|_| {
			let value = builder.add_virtual_target();
			builder.add_lookup_from_index(value, table)
		});
		assert_eq!(looked.count(), looks);
		looks.div_ceil(40) + 256usize.div_ceil(26)
	};
	println!(
		"thousandths of a row: ours, base sums, a table of bytes without the sums of its looks"
	);
	for bits in [8, 16, 32, 48] {
		println!(
			"{bits} bits: {}, {}, {}",
			check(bits),
			plain(bits),
			table(bits)
		);
	}
	assert_eq!(check(16), 63);
	assert!(check(8) <= 180 && check(32) <= 180 && check(48) <= 300);
	assert!(plain(16) >= 1000);

	let shift = rows(|b, x| Some(floor_shift(b, x, 16, 32)));
	let compare = rows(|b, x| Some(is_negative(b, x, 32).target));
	println!("floor shift by 16 to 32 bits: {shift}; comparison of 32 bits: {compare}");
	assert!(shift <= 350 && compare <= 350);

	let bytes = |len: usize| {
		let mut builder = Builder::new(inner_config());
		sponge_input(&mut builder, len, true);
		builder.num_gates()
	};
	println!("784 signed bytes out of a sponge: {} rows", bytes(784));
	assert!(bytes(784) <= 60);
}
