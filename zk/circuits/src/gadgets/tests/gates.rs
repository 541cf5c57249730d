//! The gates of our own: that each is what it says, that no wire of it is free, and what it costs.

use plonky2::field::types::{Field, PrimeField64};

use super::super::{
	bytes::{Bytes, Greatest},
	custom::{
		element, signed,
		testing::{assert_sound_gate, completed, is_satisfied},
		Row,
	},
	matrix::{Block, Weighted},
	range::Chunks,
	requantise::Requantise,
};
use crate::F;

const BLOCK: Block = Block {
	lanes: 2,
	inputs: 18,
	outputs: 4,
};

fn requantise() -> Requantise {
	Requantise::new(10, 1 << 26).unwrap()
}

fn number(value: u64) -> F {
	F::from_canonical_u64(value)
}

/// Irregular numbers.
fn mixed(seed: usize) -> u64 {
	(seed as u64 + 1)
		.wrapping_mul(0x9e37_79b9_7f4a_7c15)
		.rotate_left(23)
}

#[test]
fn gates_should_be_what_they_say() {
	assert_sound_gate(&Chunks);
	assert_sound_gate(&Bytes { offset: 0 });
	assert_sound_gate(&Bytes { offset: 128 });
	assert_sound_gate(&Greatest);
	assert_sound_gate(&BLOCK);
	assert_sound_gate(&Weighted);
	assert_sound_gate(&requantise());
}

/// Fails unless the row is accepted as it is, and with none of its wires changed.
fn assert_rigid<R: Row>(gate: &R, wires: &[F], constants: &[F]) {
	assert!(is_satisfied(gate, wires, constants));
	for wire in 0..gate.wires() {
		for change in [F::ONE, F::NEG_ONE, number(4), number(1 << 40)] {
			let mut changed = wires.to_vec();
			changed[wire] += change;
			assert!(
				!is_satisfied(gate, &changed, constants),
				"{gate:?}: wire {wire} is free"
			);
		}
	}
}

#[test]
fn no_wire_of_a_row_should_be_free() {
	let chunks = completed(&Chunks, &[], |operation, _| number(mixed(operation) >> 48));
	assert_rigid(&Chunks, &chunks, &[]);

	for offset in [0, 128] {
		let gate = Bytes { offset };
		let bytes = completed(&gate, &[], |operation, _| {
			let bytes = mixed(operation).to_le_bytes();
			let values = bytes[..7].iter().enumerate();
			values
				.map(|(place, byte)| {
					element(i64::from(*byte) - i64::from(offset)) * number(1 << (8 * place))
				})
				.sum()
		});
		assert_rigid(&gate, &bytes, &[]);
	}

	let greatest = completed(&Greatest, &[], |operation, candidate| {
		element(i64::from(mixed(4 * operation + candidate) as i8))
	});
	assert_rigid(&Greatest, &greatest, &[]);

	let constants: Vec<F> = (0..BLOCK.constants())
		.map(|place| element(i64::from(mixed(place) as i8 | 1)))
		.collect();
	let block = completed(&BLOCK, &constants, |_, place| {
		element(i64::from(mixed(place) as i8))
	});
	assert_rigid(&BLOCK, &block, &constants);

	let weighted = completed(&Weighted, &[], |_, place| number(mixed(place) >> 1));
	assert_rigid(&Weighted, &weighted, &[]);
}

/// A row of requantisations of these accumulators, all by c / 2^10.
fn requantised(
	gate: &Requantise,
	c: u64,
	is_cut: bool,
	z: impl Fn(usize) -> i64,
) -> (Vec<F>, Vec<F>) {
	let low = if is_cut { 0 } else { -128 };
	let constants: Vec<F> = (0..gate.operations())
		.flat_map(|_| [number(c), element(low), F::from_bool(is_cut)])
		.collect();
	(
		completed(gate, &constants, |operation, _| element(z(operation))),
		constants,
	)
}

#[test]
fn requantise_gate_should_floor_and_saturate() {
	let gate = requantise();
	for is_cut in [false, true] {
		let low = if is_cut { 0 } else { -128 };
		for c in [1, 4, 5, 16] {
			let z = |at: usize| {
				let edge = [
					-(1 << 22),
					-131_073,
					-131_072,
					-1025,
					-1024,
					-1,
					0,
					1,
					1023,
					1024,
				];
				let more = [130_047, 130_048, 131_071, (1 << 22) - 1];
				edge.into_iter().chain(more).cycle().nth(at).unwrap()
			};
			for first in 0..14 {
				let (wires, constants) = requantised(&gate, c, is_cut, |at| z(first + at));
				assert!(is_satisfied(&gate, &wires, &constants));
				for at in 0..gate.operations() {
					let expected = ((z(first + at) * c as i64) >> 10).max(low).min(127);
					assert_eq!(signed(wires[2 * at + 1]), expected);
				}
			}
		}
	}
}

#[test]
fn no_wire_of_a_saturated_requantisation_should_be_free() {
	let gate = requantise();
	for is_cut in [false, true] {
		let far = [1 << 20, -(1 << 20)];
		let (wires, constants) = requantised(&gate, 4, is_cut, |at| far[at % 2] + at as i64);
		assert_rigid(&gate, &wires, &constants);
	}
}

/// Whatever the remaining wires, an accumulator has one rounding: a cheat takes another, and the best that makes up for it.
#[test]
fn requantise_gate_should_refuse_every_other_rounding() {
	let gate = requantise();
	for is_cut in [false, true] {
		for z in [
			-300_000, -2000, -1, 0, 700, 64_000, 131_000, 150_000, 260_000, 400_000,
		] {
			let (honest, constants) = requantised(&gate, 1, is_cut, |_| z);
			let truth = signed(honest[1]);
			for claimed in (-129..=256).filter(|claimed| *claimed != truth) {
				let floor = z >> 10;
				for (floor, remainder) in [
					(floor, z - (floor << 10)),
					(floor - 1, z - ((floor - 1) << 10)),
					(floor + 1, z - ((floor + 1) << 10)),
					(claimed, z - (claimed << 10)),
				] {
					for is_above in [0, 1] {
						let mut wires = honest.clone();
						wires[1] = element(claimed);
						let rest = 2 * gate.operations();
						let overflow = if is_above == 1 {
							floor - claimed
						} else {
							claimed - floor
						};
						let low = if is_cut { 0 } else { -128 };
						wires[rest] = number(is_above);
						let mut set = |first: usize, count: usize, value: i64| {
							for place in 0..count {
								let digit =
									(value as u64).checked_shr(2 * place as u32).unwrap_or(0);
								wires[first + place] = number(digit & 3);
							}
						};
						set(rest + 1, 3, claimed - low);
						set(rest + 4, 5, remainder);
						let digits = (gate.wires() - rest) / gate.operations() - 9;
						set(rest + 9, digits, overflow);
						assert!(!is_satisfied(&gate, &wires, &constants));
					}
				}
			}
		}
	}
}

/// A bit that is none would let q be whatever a fraction of the way between the bounds is.
#[test]
fn requantise_gate_should_refuse_a_bit_that_is_none() {
	let gate = requantise();
	for is_cut in [false, true] {
		let (honest, constants) = requantised(&gate, 1, is_cut, |_| 400_000);
		let (floor, low) = (390, if is_cut { 0 } else { -128 });
		let rest = 2 * gate.operations();
		for claimed in (low..=127).filter(|claimed| *claimed != 127) {
			// The bound is what is claimed: low + bit * (127 - low); and (2 * bit - 1) * a makes up for the rest.
			let bit = element(claimed - low) / element(127 - low);
			let sign = bit.double() - F::ONE;
			if sign.is_zero() {
				continue;
			}
			let cut_off = (element(floor - claimed) / sign).to_canonical_u64();
			let mut wires = honest.clone();
			wires[1] = element(claimed);
			wires[rest] = bit;
			for place in 0..3 {
				wires[rest + 1 + place] = number(((claimed - low) as u64 >> (2 * place)) & 3);
			}
			let digits = (gate.wires() - rest) / gate.operations() - 9;
			for place in 0..digits {
				wires[rest + 9 + place] = number((cut_off >> (2 * place)) & 3);
			}
			assert!(!is_satisfied(&gate, &wires, &constants), "{claimed}");
		}
	}
}

#[test]
fn requantise_gate_should_not_be_made_where_it_could_wrap_around() {
	assert!(Requantise::new(10, 1 << 62).is_none());
	assert!(Requantise::new(62, 1 << 40).is_none());
	assert!(Requantise::new(0, 1 << 60).is_none());
	assert!(Requantise::new(40, 1 << 58).is_some());
}

#[test]
fn signed_should_be_the_inverse_of_element() {
	for value in [0, 1, -1, 1 << 40, -(1 << 40), i64::from(i32::MIN)] {
		assert_eq!(signed(element(value)), value);
	}
	assert_eq!(
		element(-1).to_canonical_u64(),
		F::NEG_ONE.to_canonical_u64()
	);
}
