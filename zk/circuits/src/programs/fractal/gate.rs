//! The gate that takes a point some steps further.

use plonky2::field::types::Field;

use super::{
	reference::{norm, step, ESCAPE},
	tile::{FRACTION_BITS, ONE},
};
use crate::{
	constraint::holds,
	gadgets::{
		custom::{element, signed, Algebra, Row},
		octal::{base_eight, count_constraints, octal, Sayings},
	},
	F,
};

/// Steps in a row.
pub(super) const STEPS: usize = 5;

/// Places of the names.
const DIGITS: usize = 0;
const BITS: usize = 1;
const STAYS_OUT: usize = 2;
const INSIDE: usize = 3;
const STEP: usize = 4;
const RESULT: usize = 5;
const COUNT: usize = 6;

/// Digits of how far |z|^2 is from the bound.
const SIZE_DIGITS: usize = 15;
/// Digits of what rounding leaves.
const REST_DIGITS: usize = FRACTION_BITS as usize / 3;
/// Digits of a part of z, to which `PART_OFFSET` is added.
const PART_DIGITS: usize = 8;
const PART_OFFSET: i64 = 1 << 23;

/// Wires of a row that other rows have too.
pub(super) mod wires {
	use super::STEPS;

	/// z before the row's steps.
	pub const Z: usize = 0;
	/// c.
	pub const C: usize = 2;
	/// Whether the point has not escaped before.
	pub const INSIDE: usize = 4;
	/// Steps counted before.
	pub const COUNT: usize = 5;
	/// z after the row's steps.
	pub const NEXT_Z: usize = 6;
	/// Steps counted after.
	pub const NEXT_COUNT: usize = 8;
	/// Of each step: whether z has not escaped when it is taken.
	pub const STEP_INSIDE: usize = 9;
	/// The last step's: whether the point has not escaped in this row.
	pub const NEXT_INSIDE: usize = STEP_INSIDE + STEPS - 1;
}

const FIRST_DIGIT: usize = wires::STEP_INSIDE + STEPS;
const STEP_DIGITS: usize = SIZE_DIGITS + 2 * (REST_DIGITS + PART_DIGITS);

/// [`STEPS`] steps of a point.
#[derive(Clone, Debug)]
pub(super) struct Steps {
	said: [bool; 7],
	constraints: usize,
}

impl Steps {
	pub fn new() -> Self {
		let mut gate = Self {
			said: [
				holds("fractal: digits are 0 to 7"),
				holds("fractal: whether z is inside is 0 or 1"),
				holds("fractal: who has escaped stays out"),
				holds("fractal: z is inside or beyond the bound"),
				holds("fractal: a step is z^2 + c rounded down"),
				holds("fractal: the row's result is its last step's"),
				holds("fractal: steps inside are counted"),
			],
			constraints: 0,
		};
		gate.constraints = count_constraints(&gate);
		gate
	}
}

/// The digits of a step, by what they are of.
struct Parts<T> {
	size: T,
	rests: [T; 2],
	parts: [T; 2],
}

fn digits_of_step<T>(wires: &[T], step: usize) -> Parts<&[T]> {
	let digits = &wires[FIRST_DIGIT + step * STEP_DIGITS..][..STEP_DIGITS];
	let (size, rest) = digits.split_at(SIZE_DIGITS);
	let (rests, parts) = rest.split_at(2 * REST_DIGITS);
	let (rest_x, rest_y) = rests.split_at(REST_DIGITS);
	let (x, y) = parts.split_at(PART_DIGITS);
	Parts {
		size,
		rests: [rest_x, rest_y],
		parts: [x, y],
	}
}

impl Row for Steps {
	fn operations(&self) -> usize {
		1
	}

	fn wires(&self) -> usize {
		FIRST_DIGIT + STEPS * STEP_DIGITS
	}

	fn constants(&self) -> usize {
		0
	}

	fn degree(&self) -> usize {
		8
	}

	fn constraints(&self) -> usize {
		self.constraints
	}

	fn evaluate<A: Algebra>(
		&self,
		algebra: &mut A,
		wires: &[A::Value],
		_: &[A::Value],
	) -> Vec<A::Value> {
		let mut say = Sayings::new(algebra, &self.said, self.constraints);
		say.digits(DIGITS, &wires[FIRST_DIGIT..self.wires()]);
		let insides = &wires[wires::STEP_INSIDE..][..STEPS];
		say.bits(BITS, insides);

		let one = say.algebra.constant(F::ONE);
		let escape = say.algebra.constant(element(ESCAPE));
		let offset = say.algebra.constant(element(-PART_OFFSET));
		let c = [wires[wires::C], wires[wires::C + 1]];
		let mut z = [wires[wires::Z], wires[wires::Z + 1]];
		let mut before = wires[wires::INSIDE];
		let mut count = wires[wires::COUNT];
		for (step, inside) in insides.iter().enumerate() {
			let algebra = &mut *say.algebra;
			let digits = digits_of_step(wires, step);
			let outside = algebra.sub(one, *inside);
			let was_outside = algebra.sub(one, before);
			let comes_back = algebra.mul(*inside, was_outside);

			// If it was inside: size is ESCAPE - |z|^2, or |z|^2 - ESCAPE - 1.
			let square = [z[0], z[1]].map(|part| algebra.mul(part, part));
			let norm = algebra.scale_add(F::ONE, square[0], square[1]);
			let room = algebra.sub(escape, norm);
			let beyond = algebra.scale_add(F::NEG_ONE, room, one);
			let beyond = algebra.scale_add(-F::TWO, one, beyond);
			let claimed = algebra.mul(*inside, room);
			let claimed = algebra.mul_add(outside, beyond, claimed);
			let size = base_eight(algebra, digits.size);

			let rests = digits.rests.map(|rest| base_eight(algebra, rest));
			let next = digits.parts.map(|part| {
				let part = base_eight(algebra, part);
				algebra.scale_add(F::ONE, part, offset)
			});
			let real = algebra.sub(square[0], square[1]);
			let imaginary = algebra.mul(z[0], z[1]);
			let imaginary = algebra.scale_add(F::ONE, imaginary, imaginary);
			let products = [real, imaginary];

			say.zero(STAYS_OUT, comes_back);
			say.equal_if(INSIDE, before, claimed, size);
			for i in 0..2 {
				let algebra = &mut *say.algebra;
				let grown = algebra.sub(next[i], c[i]);
				let rounded = algebra.scale_add(element(ONE), grown, rests[i]);
				say.equal_if(STEP, *inside, rounded, products[i]);
			}
			count = say.algebra.scale_add(F::ONE, *inside, count);
			before = *inside;
			z = next;
		}
		for (i, z) in z.into_iter().enumerate() {
			say.equal(RESULT, wires[wires::NEXT_Z + i], z);
		}
		say.equal(COUNT, wires[wires::NEXT_COUNT], count);
		say.values()
	}

	fn inputs(&self, _: usize, _: &[F]) -> Vec<usize> {
		(wires::Z..wires::NEXT_Z).collect()
	}

	fn complete(&self, _: usize, _: &[F], inputs: &[F]) -> Vec<(usize, F)> {
		// What is no number of a point is cut off, so that nothing overflows.
		let number = |wire: usize| signed(inputs[wire]).clamp(-PART_OFFSET, PART_OFFSET - 1);
		let mut z = [number(wires::Z), number(wires::Z + 1)];
		let c = [number(wires::C), number(wires::C + 1)];
		let mut alive = inputs[wires::INSIDE].is_one();
		let mut count = inputs[wires::COUNT];
		let mut filled = Vec::with_capacity(self.wires());
		for place in 0..STEPS {
			let room = ESCAPE - norm(z);
			let inside = alive && room >= 0;
			let mut digits = Vec::with_capacity(STEP_DIGITS);
			let size = match (alive, inside) {
				(false, _) => 0,
				(true, true) => room,
				(true, false) => -room - 1,
			};
			digits.extend(octal(size, SIZE_DIGITS));
			let mut next = [-PART_OFFSET; 2];
			let mut rests = [0; 2];
			if inside {
				next = step(z, c);
				let products = [z[0] * z[0] - z[1] * z[1], 2 * z[0] * z[1]];
				rests = products.map(|product| product & (ONE - 1));
			}
			for rest in rests {
				digits.extend(octal(rest, REST_DIGITS));
			}
			for part in next {
				digits.extend(octal(part + PART_OFFSET, PART_DIGITS));
			}
			filled.extend((FIRST_DIGIT + place * STEP_DIGITS..).zip(digits));
			filled.push((wires::STEP_INSIDE + place, F::from_bool(inside)));
			count += F::from_bool(inside);
			alive = inside;
			z = next;
		}
		filled.extend((wires::NEXT_Z..).zip(z.map(element)));
		filled.push((wires::NEXT_COUNT, count));
		filled
	}
}
