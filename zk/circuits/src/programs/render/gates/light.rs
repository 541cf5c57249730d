//! The brightness that a lamp gives to a point.

use std::ops::Range;

use plonky2::field::types::Field;

use super::{
	super::{
		class::Room,
		prepared::{Lamp, Shapes},
		reference::{self, blocker, light},
		scene::{along, dot, FULL},
	},
	between, complement, inner, sum, Chord, Fan, Inputs, Places, CLAIM_DIGITS, FACE_DIGITS,
	HALF_DIGITS,
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

/// The gate, for so many things. Planes block no light: lamps are above them.
#[derive(Clone, Debug)]
pub struct Light {
	room: Room,
	said: [bool; 12],
	constraints: usize,
	/// The point.
	pub point: Range<usize>,
	/// The lamp's position.
	pub position: Range<usize>,
	/// The spheres.
	pub balls: Range<usize>,
	/// The triangles.
	pub faces: Range<usize>,
	/// Of each triangle: which side of it the lamp sees.
	pub sides: Range<usize>,
	/// Strength over the length of each normal.
	pub gains: Range<usize>,
	/// What the point is of.
	pub hits: Range<usize>,
	/// The normal.
	pub normal: Range<usize>,
	/// The brightness.
	pub brightness: usize,
	/// Of each sphere, then each triangle: whether it is shown to be in between.
	pub blockers: Range<usize>,
	/// Of each sphere: whether it is behind the lamp.
	pub behind: Range<usize>,
	/// Of each sphere: whether it is beyond the point.
	pub beyond: Range<usize>,
	/// Of each triangle, of each of its edges: whether the light passes beyond that.
	pub edges: Range<usize>,
	/// Whether the point faces away, and whether it is fully lit.
	pub cases: Range<usize>,
	pub ball_digits: Range<usize>,
	pub face_digits: Range<usize>,
	pub rest: Range<usize>,
	pub gap: Range<usize>,
	pub brightness_digits: Range<usize>,
}

impl Light {
	/// The gate for so many things, at least three spheres.
	pub fn new(room: Room) -> Self {
		let Room {
			spheres, triangles, ..
		} = room;
		assert!(
			spheres >= 3,
			"a blocker's claim takes the digits of up to three spheres"
		);
		let mut places = Places::default();
		let mut gate = Self {
			room,
			said: [
				holds("render light: digits are 0 to 7"),
				holds("render light: cases are 0 or 1"),
				holds("render light: one case at most holds"),
				holds("render light: what does not block is missed"),
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
			faces: places.take(9 * triangles),
			sides: places.take(triangles),
			gains: places.take(room.things()),
			hits: places.take(room.things()),
			normal: places.take(3),
			brightness: places.take(1).start,
			blockers: places.take(spheres + triangles),
			behind: places.take(spheres),
			beyond: places.take(spheres),
			edges: places.take(3 * triangles),
			cases: places.take(2),
			ball_digits: places.take(CLAIM_DIGITS * spheres),
			face_digits: places.take(FACE_DIGITS * triangles),
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
		let (dark, full) = (wires[self.cases.start], wires[self.cases.start + 1]);
		let blocked = sum(say.algebra, &wires[self.blockers.clone()]);
		let cases = sum(say.algebra, &[blocked, dark, full]);
		say.bits(ONE_CASE, &[cases]);

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
		self.say_balls(&mut say, wires, &direction, square, free);
		self.say_faces(&mut say, wires, &direction, free);

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
	/// The digits of a sphere.
	fn of_ball<'a, T>(&self, wires: &'a [T], place: usize) -> &'a [T] {
		&wires[self.ball_digits.start + place * CLAIM_DIGITS..][..CLAIM_DIGITS]
	}

	fn say_balls<A: Algebra>(
		&self,
		say: &mut Sayings<'_, A>,
		wires: &[A::Value],
		direction: &[A::Value],
		square: A::Value,
		free: A::Value,
	) {
		let position = &wires[self.position.clone()];
		for (place, ball) in wires[self.balls.clone()].chunks(4).enumerate() {
			let algebra = &mut *say.algebra;
			let one = algebra.constant(F::ONE);
			let hit = wires[self.hits.start + place];
			let blocker = wires[self.blockers.start + place];
			let (behind, beyond) = (
				wires[self.behind.start + place],
				wires[self.beyond.start + place],
			);
			let Chord { b, d, .. } = Chord::new(algebra, ball, position, direction, square);
			let claim = base_eight(algebra, self.of_ball(wires, place));

			// Missed: the digits are -D - 1, or -b behind the lamp, or b - a beyond the point.
			let d_next = algebra.scale_add(F::ONE, d, one);
			let short = algebra.sub(d_next, b);
			let short = algebra.mul(behind, short);
			let far = algebra.sub(b, square);
			let far = algebra.scale_add(F::ONE, far, d_next);
			let short = algebra.mul_add(beyond, far, short);
			let short = algebra.sub(short, d_next);
			let other = complement(algebra, hit);
			let matters = algebra.mul(free, other);
			let both = algebra.mul(behind, beyond);
			say.zero(ONE_CASE, both);
			say.equal_if(FREE, matters, short, claim);

			// Blocking: the digits are D, and the next sphere's b - 1 and a - b - 1.
			let algebra = &mut *say.algebra;
			let next = self.of_ball(wires, (place + 1) % self.room.spheres);
			let (low, high) = next.split_at(HALF_DIGITS);
			let low = base_eight(algebra, low);
			let high = base_eight(algebra, high);
			let low = algebra.scale_add(F::ONE, one, low);
			let high = algebra.scale_add(F::ONE, one, high);
			let to_point = algebra.sub(square, b);
			let own = algebra.mul(blocker, hit);
			say.equal_if(BLOCKED, blocker, d, claim);
			say.equal_if(BETWEEN, blocker, b, low);
			say.equal_if(BETWEEN, blocker, to_point, high);
			say.zero(NOT_ITSELF, own);
		}
	}

	fn say_faces<A: Algebra>(
		&self,
		say: &mut Sayings<'_, A>,
		wires: &[A::Value],
		direction: &[A::Value],
		free: A::Value,
	) {
		let position = &wires[self.position.clone()];
		for (number, face) in wires[self.faces.clone()].chunks(9).enumerate() {
			let algebra = &mut *say.algebra;
			let one = algebra.constant(F::ONE);
			let place = self.room.spheres + number;
			let hit = wires[self.hits.start + place];
			let blocker = wires[self.blockers.start + place];
			let beyond = &wires[self.edges.start + 3 * number..][..3];
			let side = wires[self.sides.start + number];
			let fan = Fan::new(algebra, face, side, position, direction);
			let digits = &wires[self.face_digits.start + number * FACE_DIGITS..][..FACE_DIGITS];
			let claim = base_eight(algebra, digits);

			// Missed beyond an edge: the digits are -edge - 1; or the light ends before: height - along.
			let missed = sum(algebra, beyond);
			let ends = complement(algebra, missed);
			let left = algebra.sub(fan.height, fan.along);
			let minus = (beyond.iter().zip(fan.edges)).fold(missed, |minus, (beyond, edge)| {
				algebra.mul_add(*beyond, edge, minus)
			});
			let short = algebra.mul(ends, left);
			let short = algebra.sub(short, minus);
			let other = complement(algebra, hit);
			let matters = algebra.mul(free, other);
			say.bits(ONE_CASE, &[missed]);
			say.equal_if(FREE, matters, short, claim);

			// Blocking: the digits are the first edge, the first spheres' the other two, and along - height - 1.
			let algebra = &mut *say.algebra;
			let [second, third, within] =
				[0, 1, 2].map(|ball| base_eight(algebra, self.of_ball(wires, ball)));
			let within = algebra.scale_add(F::ONE, within, one);
			let behind = algebra.sub(fan.along, fan.height);
			let own = algebra.mul(blocker, hit);
			for (edge, digits) in fan.edges.into_iter().zip([claim, second, third]) {
				say.equal_if(BLOCKED, blocker, edge, digits);
			}
			say.equal_if(BETWEEN, blocker, behind, within);
			say.zero(NOT_ITSELF, own);
		}
	}

	fn filled(&self, inputs: &[F]) -> Option<Vec<(usize, F)>> {
		let Room {
			spheres, triangles, ..
		} = self.room;
		let mut inputs = Inputs::new(inputs);
		let point = inputs.vector(1 << 15)?;
		let position = inputs.vector(1 << 12)?;
		let shapes = inputs.shapes(&Room {
			planes: 0,
			..self.room
		})?;
		let sides = inputs.numbers(triangles, 1)?;
		let gains = inputs.numbers(self.room.things(), 1 << 20)?;
		let what = inputs.chosen(self.room.things())?;
		let normal = inputs.vector(1 << 13)?;
		let lamp = Lamp {
			position,
			gains,
			sides,
		};

		let direction = along(point, -1, position);
		let square = dot(direction, direction);
		let facing = -dot(normal, direction);
		let gain = what.map_or(0, |what| lamp.gains[what]);
		let blocker = blocker(&shapes, &lamp, what, direction);
		let brightness = match blocker {
			Some(_) => 0,
			None => light(&shapes, &lamp, what, point, normal),
		};
		let dark = blocker.is_none() && facing < 0;
		let full = blocker.is_none() && brightness == FULL;

		let mut filled = Vec::with_capacity(self.wires());
		filled.push((self.brightness, element(brightness)));
		for place in 0..spheres + triangles {
			let blocks = F::from_bool(blocker == Some(place));
			filled.push((self.blockers.start + place, blocks));
		}
		let mut claims = vec![0; spheres];
		let lit = Lit {
			shapes: &shapes,
			lamp: &lamp,
			what,
			blocker,
			direction,
		};
		self.fill_balls(&mut filled, &mut claims, &lit);
		self.fill_faces(&mut filled, &mut claims, &lit);
		for (place, claim) in claims.into_iter().enumerate() {
			let first = self.ball_digits.start + place * CLAIM_DIGITS;
			filled.extend((first..).zip(octal(claim, CLAIM_DIGITS)));
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

	/// The spheres' bits, and their claims.
	fn fill_balls(&self, filled: &mut Vec<(usize, F)>, claims: &mut [i64], lit: &Lit<'_>) {
		let square = dot(lit.direction, lit.direction);
		for (place, ball) in lit.shapes.balls.iter().enumerate() {
			let reference::Chord { b, d, .. } =
				reference::Chord::new(ball, lit.lamp.position, lit.direction);
			let (behind, beyond) = (d >= 0 && b <= 0, d >= 0 && b > 0 && b >= square);
			filled.push((self.behind.start + place, F::from_bool(behind)));
			filled.push((self.beyond.start + place, F::from_bool(beyond)));
			if lit.blocker == Some(place) {
				claims[place] = d;
				let next = (place + 1) % self.room.spheres;
				claims[next] = (b - 1) + ((square - b - 1) << (3 * HALF_DIGITS));
			} else if lit.blocker.is_none() && lit.what != Some(place) {
				claims[place] = match (behind, beyond) {
					(true, _) => -b,
					(_, true) => b - square,
					_ => -d - 1,
				};
			}
		}
	}

	/// The triangles' bits and digits; and of one that blocks, those in the spheres' claims.
	fn fill_faces(&self, filled: &mut Vec<(usize, F)>, claims: &mut [i64], lit: &Lit<'_>) {
		let spheres = self.room.spheres;
		for (number, (face, side)) in lit.shapes.faces.iter().zip(&lit.lamp.sides).enumerate() {
			let fan = reference::Fan::new(face, *side, lit.lamp.position, lit.direction);
			let edge = (0..3).find(|edge| fan.edges[*edge] < 0);
			for place in 0..3 {
				let wire = self.edges.start + 3 * number + place;
				filled.push((wire, F::from_bool(edge == Some(place))));
			}
			let claim = if lit.blocker == Some(spheres + number) {
				claims[..3].copy_from_slice(&[
					fan.edges[1],
					fan.edges[2],
					fan.along() - fan.height - 1,
				]);
				fan.edges[0]
			} else if lit.blocker.is_none() && lit.what != Some(spheres + number) {
				match edge {
					Some(edge) => -fan.edges[edge] - 1,
					None => fan.height - fan.along(),
				}
			} else {
				0
			};
			let first = self.face_digits.start + number * FACE_DIGITS;
			filled.extend((first..).zip(octal(claim, FACE_DIGITS)));
		}
	}
}

/// What a row is about.
struct Lit<'a> {
	shapes: &'a Shapes<i64>,
	lamp: &'a Lamp<i64>,
	/// What the point is of.
	what: Option<usize>,
	/// What stands in between.
	blocker: Option<usize>,
	/// From the lamp to the point.
	direction: [i64; 3],
}
