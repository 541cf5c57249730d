//! From accumulators to signed bytes: a product with a constant, a floor shift, and saturation.
//!
//! For constants c (the multiplier) and low (0 or -128), and a shift that all of a circuit's share:
//!
//! q = max(low, min(127, floor(z * c / 2^shift)))
//!
//! The row says that z * c = (q + e) * 2^shift + r with 0 <= r < 2^shift and low <= q <= 127, where e, how much is cut off, is
//! a or -a, as a bit says, for an a >= 0 that is zero unless q is the bound on that side. Over the integers all of it follows
//! from z: r and q + e are the remainder and the floor, and of the three cases (within, above, below) each allows one q.
//! No side wraps around: [`Requantise::new`] checks that the greatest either can be is below 2^62.
//!
//! Costs about (shift + overflow bits)/2 + 6 of a row's 135 wires, where the overflow has as many bits as the product beyond
//! 8 and the shift: a ninth of a row to a third.

use plonky2::{
	field::types::{Field, PrimeField64},
	iop::target::Target,
};

use super::{
	custom::{digits, element, feed, signed, Algebra, Custom, Row},
	range::remaining_digit,
};
use crate::{Builder, F};

/// The gate: what all requantisations of a circuit have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requantise {
	shift_digits: usize,
	overflow_digits: usize,
}

/// One value to be requantised.
#[derive(Clone, Copy, Debug)]
pub struct Requantisation {
	/// z.
	pub accumulator: Target,
	/// c, before [`Requantise::shift`] is made up for: multiplier * 2^(gate's shift - own shift).
	pub multiplier: u64,
	/// Whether the least value is 0, not -128.
	pub is_cut_at_zero: bool,
}

const WIRES: usize = 135;
const ROUTED: usize = 80;
/// The bit and three digits of q; the fourth is what remains.
const FIXED: usize = 4;
const CONSTANTS: usize = 3;

impl Requantise {
	/// A gate for shifts up to `shift`, and products z * c of magnitude up to `greatest`; `None` if those are too great.
	pub fn new(shift: usize, greatest: u128) -> Option<Self> {
		let shift_digits = shift.div_ceil(2).max(1);
		// What is cut off is no more than the floor's magnitude.
		let floor = (greatest >> (2 * shift_digits)) + 1;
		let overflow_digits = (128 - floor.leading_zeros() as usize).div_ceil(2);
		let gate = Self {
			shift_digits,
			overflow_digits,
		};
		let fits = greatest < 1 << 62
			&& 2 * (shift_digits + overflow_digits) < 62
			&& gate.operations() > 0;
		fits.then_some(gate)
	}

	/// The shift: an even number.
	pub const fn shift(&self) -> usize {
		2 * self.shift_digits
	}

	/// Constants that a row needs.
	pub fn row_constants(&self) -> usize {
		self.operations() * CONSTANTS
	}

	/// Rows that `count` values take.
	pub fn rows(&self, count: usize) -> usize {
		count.div_ceil(self.operations())
	}

	const fn unrouted(&self) -> usize {
		FIXED + self.shift_digits + self.overflow_digits
	}

	fn rest(&self, operation: usize) -> usize {
		2 * self.operations() + operation * self.unrouted()
	}
}

impl Row for Requantise {
	fn operations(&self) -> usize {
		(WIRES / (2 + self.unrouted())).min(ROUTED / 2)
	}

	fn wires(&self) -> usize {
		self.rest(self.operations())
	}

	fn constants(&self) -> usize {
		self.row_constants()
	}

	fn degree(&self) -> usize {
		4
	}

	fn constraints(&self) -> usize {
		// The equation, the bit, the bound, the last digit's two; and every digit.
		self.operations() * (4 + FIXED + self.shift_digits + self.overflow_digits)
	}

	fn evaluate<A: Algebra>(
		&self,
		algebra: &mut A,
		wires: &[A::Value],
		constants: &[A::Value],
	) -> Vec<A::Value> {
		let mut constraints = Vec::with_capacity(self.constraints());
		let zero = algebra.constant(F::ZERO);
		let one = algebra.constant(F::ONE);
		let power = F::from_canonical_u64(1 << self.shift());
		for operation in 0..self.operations() {
			let (z, q) = (wires[2 * operation], wires[2 * operation + 1]);
			let [c, low, cut] = [0, 1, 2].map(|place| constants[CONSTANTS * operation + place]);
			let rest = &wires[self.rest(operation)..][..self.unrouted()];
			let (fixed, rest) = rest.split_at(FIXED);
			let (remainder, overflow) = rest.split_at(self.shift_digits);
			let is_above = fixed[0];

			// e = (2 * is_above - 1) * a.
			let a = algebra.base_four(F::ONE, overflow.iter().copied(), zero);
			let sign = algebra.combine(F::TWO, is_above, one, F::NEG_ONE, one);
			let floor = algebra.mul_add(sign, a, q);
			let r = algebra.base_four(F::ONE, remainder.iter().copied(), zero);
			let product = algebra.mul(z, c);
			let rest = algebra.scale_add(-power, floor, product);
			constraints.push(algebra.sub(rest, r));

			constraints.push(algebra.below_two(is_above));
			// a is zero unless q is the bound: low, or 127.
			let to_high = algebra.constant(F::from_canonical_u64(127));
			let width = algebra.sub(to_high, low);
			let bound = algebra.mul_add(is_above, width, low);
			let within = algebra.sub(bound, q);
			constraints.push(algebra.mul(a, within));

			let from_low = algebra.sub(q, low);
			let last = remaining_digit(algebra, from_low, &fixed[1..]);
			for digit in fixed[1..].iter().copied().chain([last]) {
				constraints.push(algebra.below_four(digit));
			}
			// From zero it has seven bits.
			let below_two = algebra.below_two(last);
			constraints.push(algebra.mul(cut, below_two));
			for digit in remainder.iter().chain(overflow) {
				constraints.push(algebra.below_four(*digit));
			}
		}
		constraints
	}

	fn inputs(&self, operation: usize, _: &[F]) -> Vec<usize> {
		vec![2 * operation]
	}

	fn complete(&self, operation: usize, constants: &[F], inputs: &[F]) -> Vec<(usize, F)> {
		let [c, low, _] = [0, 1, 2].map(|place| constants[CONSTANTS * operation + place]);
		let low = i128::from(signed(low));
		let product = i128::from(signed(inputs[0])) * i128::from(c.to_canonical_u64());
		let floor = product >> self.shift();
		let remainder = (product - (floor << self.shift())) as u64;
		let q = floor.max(low).min(127);
		let overflow = (floor - q).unsigned_abs() as u64;
		let first = self.rest(operation);
		let rest = [F::from_bool(floor > q)]
			.into_iter()
			.chain(digits((q - low) as u64, FIXED - 1))
			.chain(digits(remainder, self.shift_digits))
			.chain(digits(overflow, self.overflow_digits));
		[(2 * operation + 1, element(q as i64))]
			.into_iter()
			.chain((first..).zip(rest))
			.collect()
	}
}

/// Each value requantised.
pub fn requantise(
	builder: &mut Builder,
	gate: Requantise,
	values: &[Requantisation],
) -> Vec<Target> {
	let zero = builder.zero();
	let mut requantised = Vec::with_capacity(values.len());
	for values in values.chunks(gate.operations()) {
		let row = builder.num_gates();
		let mut constants = Vec::with_capacity(gate.row_constants());
		for operation in 0..gate.operations() {
			let of_value = values.get(operation).map_or([0, 0, 0], |value| {
				let cut = i64::from(value.is_cut_at_zero);
				[value.multiplier as i64, 128 * (cut - 1), cut]
			});
			constants.extend(of_value.map(element));
		}
		builder.add_gate(Custom(gate), constants);
		for operation in 0..gate.operations() {
			let accumulator = values
				.get(operation)
				.map_or(zero, |value| value.accumulator);
			feed(builder, row, 2 * operation, accumulator);
		}
		let outputs = (0..values.len()).map(|operation| Target::wire(row, 2 * operation + 1));
		requantised.extend(outputs);
	}
	requantised
}
