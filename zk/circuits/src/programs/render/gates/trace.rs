//! What a ray from the camera meets first, and how far along its direction.

use std::ops::Range;

use plonky2::field::types::Field;

use super::{
	super::{
		prepared::Flat,
		reference::{self, trace, STEP_BITS},
		scene::dot,
	},
	complement, discriminant, inner, sum, Inputs, Places, BALL_DIGITS, HALF_DIGITS,
};
use crate::{
	constraint::holds,
	gadgets::{
		custom::{element, Algebra, Row},
		octal::{base_eight, count_constraints, octal, Sayings},
	},
	F,
};

/// Places of the names.
const DIGITS: usize = 0;
const BITS: usize = 1;
const ONE_HIT: usize = 2;
const MISSED: usize = 3;
const ROOT: usize = 4;
const STEP: usize = 5;
const QUOTIENT: usize = 6;
const REMAINDER: usize = 7;
const WITHIN: usize = 8;
const NOTHING: usize = 9;

/// Digits of a step: it is below 64 directions.
const STEP_DIGITS: usize = 8;
/// Digits of a step that is below one direction.
const WITHIN_DIGITS: usize = STEP_BITS as usize / 3;

/// The gate, for some number of spheres.
#[derive(Clone, Debug)]
pub struct Trace {
	spheres: usize,
	said: [bool; 10],
	constraints: usize,
	/// The ray's direction.
	pub direction: Range<usize>,
	/// The spheres: centre and tangent of each.
	pub balls: Range<usize>,
	/// The plane's normal, and how high the camera is above it.
	pub flat: Range<usize>,
	/// Of each sphere, then of the plane: whether it is met.
	pub hits: Range<usize>,
	/// How far.
	pub step: usize,
	pub root: usize,
	/// Of each sphere: whether it is missed because it is behind.
	pub behind: Range<usize>,
	pub ball_digits: Range<usize>,
	pub step_digits: Range<usize>,
	/// What the quotient leaves, or how far the plane is beyond the ray.
	pub rest: Range<usize>,
	/// What that is short of the divisor, less one.
	pub gap: Range<usize>,
}

impl Trace {
	/// The gate for so many spheres.
	pub fn new(spheres: usize) -> Self {
		let mut places = Places::default();
		let mut gate = Self {
			spheres,
			said: [
				holds("render trace: digits are 0 to 7"),
				holds("render trace: what is met and what is behind is 0 or 1"),
				holds("render trace: one thing at most is met"),
				holds("render trace: a sphere before what is met is missed"),
				holds("render trace: the root is rounded down"),
				holds("render trace: the step is its digits"),
				holds("render trace: the step is the quotient"),
				holds("render trace: the remainder is below the divisor"),
				holds("render trace: the plane is met within the ray"),
				holds("render trace: who meets nothing misses the plane"),
			],
			constraints: 0,
			direction: places.take(3),
			balls: places.take(4 * spheres),
			flat: places.take(4),
			hits: places.take(spheres + 1),
			step: places.take(1).start,
			root: places.take(1).start,
			behind: places.take(spheres),
			ball_digits: places.take(BALL_DIGITS * spheres),
			step_digits: places.take(STEP_DIGITS),
			rest: places.take(HALF_DIGITS),
			gap: places.take(HALF_DIGITS),
		};
		gate.constraints = count_constraints(&gate);
		gate
	}

	/// Wires that other rows have too.
	pub fn shared(&self) -> usize {
		self.root
	}
}

impl Row for Trace {
	fn operations(&self) -> usize {
		1
	}

	fn wires(&self) -> usize {
		self.gap.end
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
		say.digits(DIGITS, &wires[self.ball_digits.start..self.gap.end]);
		let hits = &wires[self.hits.clone()];
		let behinds = &wires[self.behind.clone()];
		say.bits(BITS, hits);
		say.bits(BITS, behinds);
		let hit = sum(say.algebra, hits);
		say.bits(ONE_HIT, &[hit]);

		let direction = &wires[self.direction.clone()];
		let root = wires[self.root];
		let square = inner(say.algebra, direction, direction);
		let zero = say.algebra.constant(F::ZERO);
		let one = say.algebra.constant(F::ONE);
		// None of the spheres so far is met.
		let mut before = one;
		let (mut dividend, mut divisor) = (zero, zero);
		let balls = wires[self.balls.clone()].chunks(4);
		let digits = wires[self.ball_digits.clone()].chunks(BALL_DIGITS);
		for (((ball, digits), met), behind) in balls.zip(digits).zip(hits).zip(behinds) {
			let algebra = &mut *say.algebra;
			let (b, d) = discriminant(algebra, ball, direction, square);
			before = algebra.sub(before, *met);

			// Missed: all digits are -D - 1, or -b if it is behind.
			let d_next = algebra.scale_add(F::ONE, d, one);
			let difference = algebra.sub(d_next, b);
			let short = algebra.mul(*behind, difference);
			let short = algebra.sub(short, d_next);
			let claim = base_eight(algebra, digits);
			say.equal_if(MISSED, before, short, claim);

			// Met: the halves are D - root^2 and 2 root - (D - root^2).
			let algebra = &mut *say.algebra;
			let (low, high) = digits.split_at(HALF_DIGITS);
			let (low, high) = (base_eight(algebra, low), base_eight(algebra, high));
			let root_square = algebra.mul(root, root);
			let excess = algebra.sub(d, root_square);
			let halves = algebra.scale_add(F::ONE, low, high);
			let twice = algebra.scale_add(F::ONE, root, root);
			say.equal_if(ROOT, *met, excess, low);
			say.equal_if(ROOT, *met, twice, halves);

			let algebra = &mut *say.algebra;
			let enters = algebra.sub(b, root);
			dividend = algebra.mul_add(*met, enters, dividend);
			divisor = algebra.mul_add(*met, square, divisor);
		}

		let algebra = &mut *say.algebra;
		let (normal, above) = wires[self.flat.clone()].split_at(3);
		let (above, flat_met) = (above[0], hits[self.spheres]);
		let along = inner(algebra, normal, direction);
		let towards = algebra.sub(zero, along);
		let dividend = algebra.mul_add(flat_met, above, dividend);
		let divisor = algebra.mul_add(flat_met, towards, divisor);
		let rest = base_eight(algebra, &wires[self.rest.clone()]);
		let gap = base_eight(algebra, &wires[self.gap.clone()]);
		let step = wires[self.step];
		let step_digits = &wires[self.step_digits.clone()];
		let step_value = base_eight(algebra, step_digits);
		let missing = complement(algebra, hit);

		let quotient = algebra.mul_add(step, divisor, rest);
		let scaled = algebra.scale_add(F::from_canonical_u64(1 << STEP_BITS), dividend, zero);
		let below = algebra.scale_add(F::ONE, rest, gap);
		let below = algebra.scale_add(F::ONE, one, below);
		let beyond = algebra.sub(above, towards);
		say.equal(STEP, step, step_value);
		say.equal_if(QUOTIENT, hit, scaled, quotient);
		say.equal_if(REMAINDER, hit, below, divisor);
		for digit in &step_digits[WITHIN_DIGITS..] {
			say.equal_if(WITHIN, flat_met, *digit, zero);
		}
		say.equal_if(NOTHING, missing, beyond, rest);
		say.values()
	}

	fn inputs(&self, _: usize, _: &[F]) -> Vec<usize> {
		(self.direction.start..self.flat.end).collect()
	}

	fn complete(&self, _: usize, _: &[F], inputs: &[F]) -> Vec<(usize, F)> {
		self.filled(inputs).unwrap_or_default()
	}
}

impl Trace {
	fn filled(&self, inputs: &[F]) -> Option<Vec<(usize, F)>> {
		let mut inputs = Inputs::new(inputs);
		let direction = inputs.vector(1 << 13)?;
		let balls = inputs.balls(self.spheres)?;
		let flat = Flat {
			normal: inputs.vector(1 << 7)?,
			above: inputs.number(1 << 22)?,
			colours: [[0; 3]; 2],
			axes: [[0; 3]; 2],
		};
		let hit = trace(&balls, &flat, direction);
		let square = dot(direction, direction);

		let mut filled = Vec::with_capacity(self.wires());
		for place in 0..=self.spheres {
			filled.push((
				self.hits.start + place,
				F::from_bool(hit.what == Some(place)),
			));
		}
		filled.push((self.step, element(hit.step)));
		filled.push((self.root, element(hit.root)));
		let (mut dividend, mut divisor) = (flat.above, -dot(flat.normal, direction));
		for (place, ball) in balls.iter().enumerate() {
			let (b, d) = reference::discriminant(ball, direction);
			let behind = d >= 0;
			let claim = match hit.what {
				// Nothing is said of a sphere behind what is met.
				Some(met) if met < place => 0,
				Some(met) if met == place => {
					(dividend, divisor) = (b - hit.root, square);
					let low = d - hit.root * hit.root;
					low + ((2 * hit.root - low) << (3 * HALF_DIGITS))
				}
				_ if behind => -b,
				_ => -d - 1,
			};
			filled.push((self.behind.start + place, F::from_bool(behind)));
			let first = self.ball_digits.start + place * BALL_DIGITS;
			filled.extend((first..).zip(octal(claim, BALL_DIGITS)));
		}
		let (rest, gap) = match hit.what {
			Some(_) => {
				let rest = (dividend << STEP_BITS) - hit.step * divisor;
				(rest, divisor - 1 - rest)
			}
			None => (flat.above - divisor, 0),
		};
		filled.extend((self.step_digits.start..).zip(octal(hit.step, STEP_DIGITS)));
		filled.extend((self.rest.start..).zip(octal(rest, HALF_DIGITS)));
		filled.extend((self.gap.start..).zip(octal(gap, HALF_DIGITS)));
		Some(filled)
	}
}
