//! Rounding in a circuit: a gate of six roundings a row.
//!
//! For a sum s of magnitude below 2^47, q = floor(s / 2^20), the gate gives
//!
//! - the *value*: q cut to 0..=255
//! - whether s is *not negative*: 1 if q >= 0, else 0
//!
//! and both are unique. With p for the second, h for the first, and digits for r < 2^20, h < 2^8, g < 2^27, the gate says
//!
//! s = 2^20 q + r,  q = h + g if p = 1, h - (g + 1) if p = 0,  p = 0 or p = 1,  (1 - p) h = 0,  p g (255 - h) = 0
//!
//! s determines q and r, as both sides are below p/2 in magnitude. If q >= 0, p is 1 (else q = h - g - 1 = -g - 1 < 0), so h + g = q
//! and g is zero or h is 255: h is q up to 255, then 255. If q < 0, p is 0 and h is 0.
//!
//! Digits are of base 8, the highest of r and h of base 4: polynomials of degree 8 keep them so.

use plonky2::{field::types::Field, iop::target::Target};

use super::network::{MAX_ACTIVATION, SHIFT};
use crate::{
	constraint::constrained,
	gadgets::{
		custom::{element, signed, Algebra, Custom, Row},
		octal::below_eight,
	},
	Builder, F,
};

/// Roundings of one row.
const OPERATIONS: usize = 6;
/// Wires of one of them that others can be connected to: sum, value, not negative.
const ROUTED: usize = 3;
/// Bases' logs of the digits: of r, of h, of g.
const DIGITS: [u32; 19] = [3, 3, 3, 3, 3, 3, 2, 3, 3, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3];
/// The digits of each.
const PARTS: [std::ops::Range<usize>; 3] = [0..7, 7..10, 10..19];
/// Constraints of one rounding: of each digit, and of what they make.
const CONSTRAINTS: usize = DIGITS.len() + 5;

/// The gate.
#[derive(Clone, Debug)]
pub(super) struct Rounding;

/// Wire of a sum.
const fn wire_sum(operation: usize) -> usize {
	ROUTED * operation
}

/// Wire of a value.
const fn wire_value(operation: usize) -> usize {
	ROUTED * operation + 1
}

/// Wire that says whether a sum is not negative.
const fn wire_not_negative(operation: usize) -> usize {
	ROUTED * operation + 2
}

/// Wire of a digit.
const fn wire_digit(operation: usize, digit: usize) -> usize {
	ROUTED * OPERATIONS + DIGITS.len() * operation + digit
}

impl Row for Rounding {
	fn operations(&self) -> usize {
		OPERATIONS
	}

	fn wires(&self) -> usize {
		OPERATIONS * (ROUTED + DIGITS.len())
	}

	fn constants(&self) -> usize {
		0
	}

	fn degree(&self) -> usize {
		8
	}

	fn constraints(&self) -> usize {
		OPERATIONS * CONSTRAINTS
	}

	fn evaluate<A: Algebra>(
		&self,
		algebra: &mut A,
		wires: &[A::Value],
		_: &[A::Value],
	) -> Vec<A::Value> {
		let mut constraints = Vec::with_capacity(self.constraints());
		let (zero, one) = (algebra.constant(F::ZERO), algebra.constant(F::ONE));
		for operation in 0..OPERATIONS {
			let digits = &wires[wire_digit(operation, 0)..][..DIGITS.len()];
			for (digit, base_log) in digits.iter().zip(DIGITS) {
				constraints.push(if base_log == 3 {
					below_eight(algebra, *digit)
				} else {
					algebra.below_four(*digit)
				});
			}
			let [r, h, g] = PARTS.map(|part| {
				part.rev().fold(zero, |sum, place| {
					let base = F::from_canonical_u64(1 << DIGITS[place]);
					algebra.scale_add(base, sum, digits[place])
				})
			});
			let sum = wires[wire_sum(operation)];
			let value = wires[wire_value(operation)];
			let p = wires[wire_not_negative(operation)];
			// h + 2 p g - g + p - 1.
			let pg = algebra.mul(p, g);
			let quotient = algebra.scale_add(F::TWO, pg, h);
			let quotient = algebra.sub(quotient, g);
			let quotient = algebra.scale_add(F::ONE, quotient, p);
			let quotient = algebra.sub(quotient, one);
			let whole = algebra.scale_add(F::from_canonical_u64(1 << SHIFT), quotient, r);
			constraints.push(algebra.sub(h, value));
			constraints.push(algebra.below_two(p));
			constraints.push(algebra.combine(F::NEG_ONE, p, h, F::ONE, h));
			constraints.push(algebra.combine(F::ONE, pg, h, element(-MAX_ACTIVATION), pg));
			constraints.push(algebra.sub(whole, sum));
		}
		constraints
	}

	fn inputs(&self, operation: usize, _: &[F]) -> Vec<usize> {
		vec![wire_sum(operation)]
	}

	/// What is out of range gets digits that do not satisfy the gate.
	fn complete(&self, operation: usize, _: &[F], inputs: &[F]) -> Vec<(usize, F)> {
		let sum = signed(inputs[0]);
		let (quotient, rest) = (sum >> SHIFT, sum & ((1 << SHIFT) - 1));
		let value = quotient.clamp(0, MAX_ACTIVATION);
		let beyond = if quotient < 0 {
			-quotient - 1
		} else {
			quotient - value
		};
		let mut set = vec![
			(wire_value(operation), element(value)),
			(wire_not_negative(operation), F::from_bool(quotient >= 0)),
		];
		for (part, number) in PARTS.into_iter().zip([rest, value, beyond]) {
			let mut number = number;
			for place in part {
				let digit = number & ((1 << DIGITS[place]) - 1);
				number >>= DIGITS[place];
				set.push((wire_digit(operation, place), element(digit)));
			}
		}
		set
	}
}

/// A sum, rounded.
#[derive(Clone, Copy, Debug)]
pub struct Rounded {
	/// floor(sum / 2^20), cut to 0..=255.
	pub value: Target,
	/// 1 if the sum is not negative, else 0.
	pub not_negative: Target,
}

/// Rounds sums: [`super::reference::rounded`] in a circuit. A row for six; a sum of magnitude 2^47 or more has no witness.
pub fn round(builder: &mut Builder, sums: &[Target]) -> Vec<Rounded> {
	let zero = builder.zero();
	let mut all = Vec::with_capacity(sums.len());
	for sums in sums.chunks(OPERATIONS) {
		let row = builder.add_gate(Custom(Rounding), vec![]);
		for operation in 0..OPERATIONS {
			let sum = sums.get(operation).copied();
			let sum = constrained(builder, "rounding: it is of the sum", sum.unwrap_or(zero));
			builder.connect(sum, Target::wire(row, wire_sum(operation)));
		}
		all.extend((0..sums.len()).map(|operation| Rounded {
			value: Target::wire(row, wire_value(operation)),
			not_negative: Target::wire(row, wire_not_negative(operation)),
		}));
	}
	all
}
