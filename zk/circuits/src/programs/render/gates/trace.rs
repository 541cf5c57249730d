//! What a ray meets first, and how far along its direction.
//!
//! Of each thing there is a claim: a number that is not negative, for it is digits, and that would be negative if the thing were
//! met before what is met. [`claims`] says them, [`witness`] fills in the wires.

mod claims;
mod witness;

use std::ops::Range;

use plonky2::field::types::Field;

use super::{
	super::{class::Room, reference::STEP_BITS},
	complement, inner, sum, Places, CLAIM_DIGITS, FACE_DIGITS, HALF_DIGITS,
};
use crate::{
	constraint::holds,
	gadgets::{
		custom::{Algebra, Row},
		octal::{base_eight, count_constraints, Sayings},
	},
	F,
};

/// Places of the names.
const DIGITS: usize = 0;
const BITS: usize = 1;
const ONE_HIT: usize = 2;
const ONE_WAY: usize = 3;
const NOT_ITSELF: usize = 4;
const BALL_MISSED: usize = 5;
const ROOT: usize = 6;
const FACE_SIDE: usize = 7;
const FACE_MISSED: usize = 8;
const FACE_MET: usize = 9;
const LATER: usize = 10;
const FLAT_MISSED: usize = 11;
const FARTHER: usize = 12;
const STEP: usize = 13;
const QUOTIENT: usize = 14;
const REMAINDER: usize = 15;
const WITHIN: usize = 16;
const MIDDLE: usize = 17;
const MIDDLE_REST: usize = 18;
const TURNED: usize = 19;

/// Digits of a step: it is below 2^9 directions.
const STEP_DIGITS: usize = 9;
/// Digits of a step that is below one direction.
const WITHIN_DIGITS: usize = STEP_BITS as usize / 3;
/// Digits of a plane's claim.
const FLAT_DIGITS: usize = 16;

/// The gate, for so many spheres, triangles and planes, and for rays that begin on a thing if there are mirrors.
#[derive(Clone, Debug)]
pub struct Trace {
	room: Room,
	said: [bool; 20],
	constraints: usize,
	/// Where the ray begins.
	pub origin: Range<usize>,
	/// The ray's direction.
	pub direction: Range<usize>,
	/// The spheres.
	pub balls: Range<usize>,
	/// The triangles.
	pub faces: Range<usize>,
	/// The planes.
	pub flats: Range<usize>,
	/// Of each thing, with mirrors: whether the ray begins there.
	pub from: Range<usize>,
	/// Of each thing: whether it is met.
	pub hits: Range<usize>,
	/// How far.
	pub step: usize,
	/// With triangles: whether it is one that is turned.
	pub turned: Range<usize>,
	pub root: usize,
	/// Of each sphere: whether it is missed because it is behind.
	pub behind: Range<usize>,
	/// Of each sphere, with mirrors: whether it is missed because the ray begins inside of it.
	pub inside: Range<usize>,
	/// Of each triangle, of each of its edges: whether it is missed beyond that.
	pub edges: Range<usize>,
	/// Of each sphere, then of each triangle: whether it is not before what is met.
	pub later: Range<usize>,
	/// Of each triangle: whether its corners run counter-clockwise.
	pub back: Range<usize>,
	/// Of each plane, with mirrors: whether the ray begins below it.
	pub below: Range<usize>,
	/// Of each plane, if there are several: whether it is not before the one that is met.
	pub farther: Range<usize>,
	pub ball_digits: Range<usize>,
	/// Of each triangle: its height.
	pub height_digits: Range<usize>,
	pub face_digits: Range<usize>,
	/// Of each plane but the first.
	pub flat_digits: Range<usize>,
	/// With triangles: a sphere's middle, what that quotient leaves, and what this is short of the divisor, less one; or two of
	/// the edges of the triangle that is met.
	pub middle: Range<usize>,
	pub step_digits: Range<usize>,
	/// What the step's quotient leaves; or the claim of the first plane, if nothing is met.
	pub rest: Range<usize>,
	/// What that is short of the divisor, less one.
	pub gap: Range<usize>,
}

impl Trace {
	/// The gate for so many things, at least one plane.
	pub fn new(room: Room) -> Self {
		let Room {
			spheres,
			planes,
			triangles,
			mirrors,
			..
		} = room;
		assert!(
			planes > 0,
			"the first plane's claim is where the remainder is"
		);
		let if_mirrors = |count| if mirrors { count } else { 0 };
		let if_faces = |count| if triangles > 0 { count } else { 0 };
		let rest_digits = HALF_DIGITS.max(if_faces(FACE_DIGITS));
		let mut places = Places::default();
		let mut gate = Self {
			room,
			said: [
				holds("render trace: digits are 0 to 7"),
				holds("render trace: what is met and how things are missed is 0 or 1"),
				holds("render trace: one thing at most is met"),
				holds("render trace: a thing is missed in one way"),
				holds("render trace: a ray does not meet what it begins on"),
				holds("render trace: a sphere before what is met is missed"),
				holds("render trace: the root is rounded down"),
				holds("render trace: a triangle is seen from its side"),
				holds("render trace: a triangle before what is met is missed"),
				holds("render trace: a triangle is met within its edges"),
				holds("render trace: nothing is later than nothing"),
				holds("render trace: a plane before what is met is missed"),
				holds("render trace: no plane is farther than none"),
				holds("render trace: the step is its digits"),
				holds("render trace: the step is the quotient"),
				holds("render trace: the remainder is below the divisor"),
				holds("render trace: the plane is met within the ray"),
				holds("render trace: the middle of a sphere is the quotient"),
				holds("render trace: the middle's remainder is below the divisor"),
				holds("render trace: a triangle is turned as it is met"),
			],
			constraints: 0,
			origin: places.take(3),
			direction: places.take(3),
			balls: places.take(4 * spheres),
			faces: places.take(9 * triangles),
			flats: places.take(4 * planes),
			from: places.take(if_mirrors(room.things())),
			hits: places.take(room.things()),
			step: places.take(1).start,
			turned: places.take(if_faces(1)),
			root: places.take(1).start,
			behind: places.take(spheres),
			inside: places.take(if_mirrors(spheres)),
			edges: places.take(3 * triangles),
			later: places.take(spheres + triangles),
			back: places.take(triangles),
			below: places.take(if_mirrors(planes)),
			farther: places.take(if planes > 1 { planes } else { 0 }),
			ball_digits: places.take(CLAIM_DIGITS * spheres),
			height_digits: places.take(FACE_DIGITS * triangles),
			face_digits: places.take(CLAIM_DIGITS * triangles),
			flat_digits: places.take(FLAT_DIGITS * (planes - 1)),
			middle: places.take(if_faces(STEP_DIGITS + 2 * HALF_DIGITS)),
			step_digits: places.take(STEP_DIGITS),
			rest: places.take(rest_digits),
			gap: places.take(rest_digits),
		};
		gate.constraints = count_constraints(&gate);
		gate
	}

	/// Wires that other rows have too.
	pub fn shared(&self) -> usize {
		self.root
	}

	/// The digits of one of several numbers that have as many digits each.
	pub fn digits_of(range: &Range<usize>, number: usize, digits: usize) -> Range<usize> {
		let first = range.start + number * digits;
		first..first + digits
	}
}

/// What is known of a row before its things' claims are looked at.
struct Known<V> {
	one: V,
	/// The square of the direction.
	square: V,
	step: V,
	/// The middle of the sphere that is met.
	middle: V,
	/// Whether a sphere, a triangle, a plane is met.
	ball_hit: V,
	face_hit: V,
	flat_hit: V,
	/// Whether neither a sphere nor a triangle is.
	not_near: V,
	/// Of each thing: whether it is neither what is met nor what the ray begins on.
	others: Vec<V>,
}

/// What the step is the quotient of: sums over the things of what it would be for each, times whether that is met.
struct Quotient<V> {
	dividend: V,
	divisor: V,
}

impl<V: Copy> Quotient<V> {
	fn add<A: Algebra<Value = V>>(&mut self, algebra: &mut A, met: V, dividend: V, divisor: V) {
		self.dividend = algebra.mul_add(met, dividend, self.dividend);
		self.divisor = algebra.mul_add(met, divisor, self.divisor);
	}
}

/// 2^18.
fn one_step() -> F {
	F::from_canonical_u64(1 << STEP_BITS)
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
		say.bits(BITS, hits);
		say.bits(BITS, &wires[self.behind.start..self.farther.end]);
		let hit = sum(say.algebra, hits);
		say.bits(ONE_HIT, &[hit]);

		let algebra = &mut *say.algebra;
		let direction = &wires[self.direction.clone()];
		let zero = algebra.constant(F::ZERO);
		let near = self.room.spheres + self.room.triangles;
		let ball_hit = sum(algebra, &hits[..self.room.spheres]);
		let near_hit = sum(algebra, &hits[..near]);
		let known = Known {
			one: algebra.constant(F::ONE),
			square: inner(algebra, direction, direction),
			step: wires[self.step],
			middle: match self.room.triangles {
				0 => zero,
				_ => base_eight(algebra, &wires[self.middle.clone()][..STEP_DIGITS]),
			},
			ball_hit,
			face_hit: algebra.sub(near_hit, ball_hit),
			flat_hit: algebra.sub(hit, near_hit),
			not_near: complement(algebra, near_hit),
			others: self.others(algebra, wires),
		};
		for (hit, from) in hits.iter().zip(&wires[self.from.clone()]) {
			let own = say.algebra.mul(*hit, *from);
			say.zero(NOT_ITSELF, own);
		}
		let mut quotient = Quotient {
			dividend: zero,
			divisor: zero,
		};
		self.say_balls(&mut say, wires, &known, &mut quotient);
		self.say_faces(&mut say, wires, &known, &mut quotient);
		self.say_flats(&mut say, wires, &known, &mut quotient);

		let algebra = &mut *say.algebra;
		let rest = base_eight(algebra, &wires[self.rest.clone()]);
		let gap = base_eight(algebra, &wires[self.gap.clone()]);
		let step_digits = &wires[self.step_digits.clone()];
		let step_value = base_eight(algebra, step_digits);
		// The step to a sphere is the last one before it: the dividend is one less.
		let scaled = algebra.scale_add(F::NEG_ONE, ball_hit, zero);
		let scaled = algebra.scale_add(one_step(), quotient.dividend, scaled);
		let product = algebra.mul_add(known.step, quotient.divisor, rest);
		let below = algebra.scale_add(F::ONE, rest, gap);
		let below = algebra.scale_add(F::ONE, known.one, below);
		say.equal(STEP, known.step, step_value);
		say.equal_if(QUOTIENT, hit, scaled, product);
		say.equal_if(REMAINDER, hit, below, quotient.divisor);
		for digit in &step_digits[WITHIN_DIGITS..] {
			say.equal_if(WITHIN, known.flat_hit, *digit, zero);
		}
		say.values()
	}

	fn inputs(&self, _: usize, _: &[F]) -> Vec<usize> {
		(self.origin.start..self.from.end).collect()
	}

	fn complete(&self, _: usize, _: &[F], inputs: &[F]) -> Vec<(usize, F)> {
		self.filled(inputs).unwrap_or_default()
	}
}

impl Trace {
	fn others<A: Algebra>(&self, algebra: &mut A, wires: &[A::Value]) -> Vec<A::Value> {
		let from = &wires[self.from.clone()];
		let hits = wires[self.hits.clone()].iter().enumerate();
		hits.map(|(place, hit)| {
			let other = complement(algebra, *hit);
			match from.get(place) {
				Some(from) => algebra.sub(other, *from),
				None => other,
			}
		})
		.collect()
	}
}
