//! The brightness that a lamp gives to a point.

use std::ops::Range;

use plonky2::field::types::Field;

use super::{
	super::{
		prepared::Lamp,
		reference::{self, blocks, light},
		scene::{along, dot, FULL},
	},
	between, complement, discriminant, inner, sum, Inputs, Places, BALL_DIGITS, HALF_DIGITS,
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
const ONE_CASE: usize = 2;
const FREE: usize = 3;
const BLOCKED: usize = 4;
const BETWEEN: usize = 5;
const NOT_ITSELF: usize = 6;
const QUOTIENT: usize = 7;
const REMAINDER: usize = 8;
const FACES_AWAY: usize = 9;
const IS_FULL: usize = 10;
const RESULT: usize = 11;

/// Digits of a brightness below [`FULL`].
const BRIGHTNESS_DIGITS: usize = 3;
/// Digits, of both `rest` and `gap`, of how far a brightness is beyond [`FULL`].
const EXCESS_DIGITS: usize = 17;

/// The gate, for some number of spheres.
#[derive(Clone, Debug)]
pub struct Light {
	spheres: usize,
	said: [bool; 12],
	constraints: usize,
	/// The point.
	pub point: Range<usize>,
	/// The lamp's position.
	pub position: Range<usize>,
	/// The spheres as the lamp sees them.
	pub balls: Range<usize>,
	/// Strength over the length of each normal.
	pub gains: Range<usize>,
	/// What the point is of.
	pub hits: Range<usize>,
	/// The normal.
	pub normal: Range<usize>,
	/// The brightness.
	pub brightness: usize,
	/// Of each sphere: whether it is shown to be in between.
	pub blockers: Range<usize>,
	/// Of each sphere: whether it is behind the lamp.
	pub behind: Range<usize>,
	/// Of each sphere: whether it is beyond the point.
	pub beyond: Range<usize>,
	/// Whether the point faces away, and whether it is fully lit.
	pub cases: Range<usize>,
	pub ball_digits: Range<usize>,
	pub rest: Range<usize>,
	pub gap: Range<usize>,
	pub brightness_digits: Range<usize>,
}

impl Light {
	/// The gate for so many spheres, at least two.
	pub fn new(spheres: usize) -> Self {
		assert!(spheres >= 2, "a blocker's claim takes two spheres' digits");
		let mut places = Places::default();
		let mut gate = Self {
			spheres,
			said: [
				holds("render light: digits are 0 to 7"),
				holds("render light: cases are 0 or 1"),
				holds("render light: one case at most holds"),
				holds("render light: a sphere that does not block is missed"),
				holds("render light: a blocker is met"),
				holds("render light: a blocker is in between"),
				holds("render light: nothing blocks its own light"),
				holds("render light: the brightness is the quotient"),
				holds("render light: the remainder is below the divisor"),
				holds("render light: a dark surface faces away"),
				holds("render light: a full brightness is beyond the bound"),
				holds("render light: the result is the case's"),
			],
			constraints: 0,
			point: places.take(3),
			position: places.take(3),
			balls: places.take(4 * spheres),
			gains: places.take(spheres + 1),
			hits: places.take(spheres + 1),
			normal: places.take(3),
			brightness: places.take(1).start,
			blockers: places.take(spheres),
			behind: places.take(spheres),
			beyond: places.take(spheres),
			cases: places.take(2),
			ball_digits: places.take(BALL_DIGITS * spheres),
			rest: places.take(HALF_DIGITS),
			gap: places.take(HALF_DIGITS),
			brightness_digits: places.take(BRIGHTNESS_DIGITS),
		};
		gate.constraints = count_constraints(&gate);
		gate
	}

	/// Wires that other rows have too.
	pub fn shared(&self) -> usize {
		self.brightness + 1
	}
}

impl Row for Light {
	fn operations(&self) -> usize {
		1
	}

	fn wires(&self) -> usize {
		self.brightness_digits.end
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
		say.digits(
			DIGITS,
			&wires[self.ball_digits.start..self.brightness_digits.end],
		);
		say.bits(BITS, &wires[self.blockers.start..self.cases.end]);
		let hits = &wires[self.hits.clone()];
		let blockers = &wires[self.blockers.clone()];
		let (behinds, beyonds) = (&wires[self.behind.clone()], &wires[self.beyond.clone()]);
		let (dark, full) = (wires[self.cases.start], wires[self.cases.start + 1]);
		let blocked = sum(say.algebra, blockers);
		let cases = sum(say.algebra, &[blocked, dark, full]);
		say.bits(ONE_CASE, &[cases]);
		for (behind, beyond) in behinds.iter().zip(beyonds) {
			let both = say.algebra.mul(*behind, *beyond);
			say.zero(ONE_CASE, both);
		}

		let algebra = &mut *say.algebra;
		let zero = algebra.constant(F::ZERO);
		let one = algebra.constant(F::ONE);
		let direction = between(
			algebra,
			&wires[self.point.clone()],
			&wires[self.position.clone()],
		);
		let square = inner(algebra, &direction, &direction);
		let free = complement(algebra, blocked);
		let balls = &wires[self.balls.clone()];
		let digits = &wires[self.ball_digits.clone()];
		let digits_of = |place: usize| &digits[place % self.spheres * BALL_DIGITS..][..BALL_DIGITS];
		for place in 0..self.spheres {
			let algebra = &mut *say.algebra;
			let (b, d) = discriminant(algebra, &balls[4 * place..][..4], &direction, square);
			let claim = base_eight(algebra, digits_of(place));

			// Missed: the digits are -D - 1, or -b behind the lamp, or b - a beyond the point.
			let d_next = algebra.scale_add(F::ONE, d, one);
			let short = algebra.sub(d_next, b);
			let short = algebra.mul(behinds[place], short);
			let far = algebra.sub(b, square);
			let far = algebra.scale_add(F::ONE, far, d_next);
			let short = algebra.mul_add(beyonds[place], far, short);
			let short = algebra.sub(short, d_next);
			let other = complement(algebra, hits[place]);
			let matters = algebra.mul(free, other);
			say.equal_if(FREE, matters, short, claim);

			// Blocking: the digits are D, and the next sphere's b - 1 and a - b - 1.
			let algebra = &mut *say.algebra;
			let (low, high) = digits_of(place + 1).split_at(HALF_DIGITS);
			let low = base_eight(algebra, low);
			let high = base_eight(algebra, high);
			let low = algebra.scale_add(F::ONE, one, low);
			let high = algebra.scale_add(F::ONE, one, high);
			let to_point = algebra.sub(square, b);
			let own = algebra.mul(blockers[place], hits[place]);
			say.equal_if(BLOCKED, blockers[place], d, claim);
			say.equal_if(BETWEEN, blockers[place], b, low);
			say.equal_if(BETWEEN, blockers[place], to_point, high);
			say.zero(NOT_ITSELF, own);
		}

		let algebra = &mut *say.algebra;
		let along = inner(algebra, &wires[self.normal.clone()], &direction);
		let facing = algebra.sub(zero, along);
		let gain = inner(algebra, &wires[self.gains.clone()], hits);
		let dividend = algebra.mul(gain, facing);
		let divisor = algebra.scale_add(F::ONE, square, one);
		let usual = complement(algebra, cases);
		let rest = base_eight(algebra, &wires[self.rest.clone()]);
		let gap = base_eight(algebra, &wires[self.gap.clone()]);
		let excess = base_eight(algebra, &wires[self.rest.start..][..EXCESS_DIGITS]);
		let digits = base_eight(algebra, &wires[self.brightness_digits.clone()]);

		let quotient = algebra.mul_add(digits, divisor, rest);
		let below = algebra.scale_add(F::ONE, rest, gap);
		let away = algebra.scale_add(F::ONE, rest, one);
		let bound = algebra.scale_add(element(FULL), divisor, excess);
		let lit = algebra.mul(usual, digits);
		let result = algebra.scale_add(element(FULL), full, lit);
		say.equal_if(QUOTIENT, usual, dividend, quotient);
		// The remainder is at most the square, which is one less than the divisor.
		say.equal_if(REMAINDER, usual, below, square);
		say.equal_if(FACES_AWAY, dark, along, away);
		say.equal_if(IS_FULL, full, dividend, bound);
		say.equal(RESULT, wires[self.brightness], result);
		say.values()
	}

	fn inputs(&self, _: usize, _: &[F]) -> Vec<usize> {
		(self.point.start..self.normal.end).collect()
	}

	fn complete(&self, _: usize, _: &[F], inputs: &[F]) -> Vec<(usize, F)> {
		self.filled(inputs).unwrap_or_default()
	}
}

impl Light {
	fn filled(&self, inputs: &[F]) -> Option<Vec<(usize, F)>> {
		let mut inputs = Inputs::new(inputs);
		let point = inputs.vector(1 << 14)?;
		let position = inputs.vector(1 << 12)?;
		let balls = inputs.balls(self.spheres)?;
		let gains = (0..=self.spheres)
			.map(|_| inputs.number(1 << 20))
			.collect::<Option<_>>()?;
		let what = inputs.chosen(self.spheres + 1)?;
		let normal = inputs.vector(1 << 13)?;
		let lamp = Lamp {
			position,
			balls,
			gains,
		};

		let direction = along(point, -1, position);
		let square = dot(direction, direction);
		let facing = -dot(normal, direction);
		let gain = what.map_or(0, |what| lamp.gains[what]);
		let blocker = (0..self.spheres)
			.find(|place| what != Some(*place) && blocks(&lamp.balls[*place], direction));
		let brightness = match blocker {
			Some(_) => 0,
			None => light(&lamp, what, point, normal),
		};
		let dark = blocker.is_none() && facing < 0;
		let full = blocker.is_none() && brightness == FULL;

		let mut filled = Vec::with_capacity(self.wires());
		filled.push((self.brightness, element(brightness)));
		let mut claims = vec![0; self.spheres];
		for (place, ball) in lamp.balls.iter().enumerate() {
			let (b, d) = reference::discriminant(ball, direction);
			let (behind, beyond) = (d >= 0 && b <= 0, d >= 0 && b > 0 && b >= square);
			let blocking = blocker == Some(place);
			filled.push((self.blockers.start + place, F::from_bool(blocking)));
			filled.push((self.behind.start + place, F::from_bool(behind)));
			filled.push((self.beyond.start + place, F::from_bool(beyond)));
			if blocking {
				claims[place] = d;
				let next = (place + 1) % self.spheres;
				claims[next] = (b - 1) + ((square - b - 1) << (3 * HALF_DIGITS));
			} else if blocker.is_none() && what != Some(place) {
				claims[place] = match (behind, beyond) {
					(true, _) => -b,
					(_, true) => b - square,
					_ => -d - 1,
				};
			}
		}
		for (place, claim) in claims.into_iter().enumerate() {
			let first = self.ball_digits.start + place * BALL_DIGITS;
			filled.extend((first..).zip(octal(claim, BALL_DIGITS)));
		}
		filled.push((self.cases.start, F::from_bool(dark)));
		filled.push((self.cases.start + 1, F::from_bool(full)));
		let mut digits = 0;
		let rest_and_gap = if dark {
			-facing - 1
		} else if full {
			gain * facing - FULL * (square + 1)
		} else if blocker.is_none() {
			digits = brightness;
			let rest = gain * facing - brightness * (square + 1);
			rest + ((square - rest) << (3 * HALF_DIGITS))
		} else {
			0
		};
		filled.extend((self.rest.start..).zip(octal(rest_and_gap, 2 * HALF_DIGITS)));
		filled.extend((self.brightness_digits.start..).zip(octal(digits, BRIGHTNESS_DIGITS)));
		Some(filled)
	}
}
