//! The gate of roundings, by itself.

use lemma_zk_statement::F;
use plonky2::{
	field::types::Field,
	iop::{
		target::Target,
		witness::{PartialWitness, WitnessWrite},
	},
};

use super::Cheat;
use crate::{
	constraint::leaving_out::{assert_needed, Tested},
	gadgets::custom::testing::assert_consistent_gate,
	programs::train::{
		reference::rounded,
		rounding::{round, Rounded, Rounding as RoundingRow},
	},
	security, Builder,
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
	assert_needed("rounding: it is of the sum", &whole, rounding, |targets| {
		let said = targets.values.iter().map(|value| (*value, packed(5 << 20)));
		let cheat = with_sums(targets, [9 << 20; 7].map(signed), &said.collect::<Vec<_>>());
		vec![Cheat {
			behind: behind.clone(),
			..cheat
		}]
	});
}

#[test]
fn gate_should_be_what_it_says() {
	assert_consistent_gate(&RoundingRow);
}
