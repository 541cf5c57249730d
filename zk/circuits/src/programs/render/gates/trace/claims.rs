//! What is said of each thing: that it is met as it must be, or not before what is met.

use plonky2::field::types::Field;

use super::{
	super::{complement, inner, sum, Chord, Fan, CLAIM_DIGITS, FACE_DIGITS, HALF_DIGITS},
	one_step, Known, Quotient, Room, Trace, BALL_MISSED, FACE_MET, FACE_MISSED, FACE_SIDE, FARTHER,
	FLAT_DIGITS, FLAT_MISSED, LATER, MIDDLE, MIDDLE_REST, ONE_WAY, ROOT, STEP_DIGITS, TURNED,
};
use crate::{
	gadgets::{
		custom::Algebra,
		octal::{base_eight, Sayings},
	},
	F,
};

impl Trace {
	/// A later thing is not before what is met, and there is something near that is met.
	fn say_later<A: Algebra>(
		&self,
		say: &mut Sayings<'_, A>,
		known: &Known<A::Value>,
		later: A::Value,
	) {
		let nothing = say.algebra.mul(later, known.not_near);
		say.zero(LATER, nothing);
	}

	pub(super) fn say_balls<A: Algebra>(
		&self,
		say: &mut Sayings<'_, A>,
		wires: &[A::Value],
		known: &Known<A::Value>,
		quotient: &mut Quotient<A::Value>,
	) {
		let spheres = self.room.spheres;
		let hits = &wires[self.hits.clone()][..spheres];
		let [origin, direction] = [&self.origin, &self.direction].map(|it| &wires[it.clone()]);
		let (root, one, square) = (wires[self.root], known.one, known.square);
		let algebra = &mut *say.algebra;
		let zero = algebra.constant(F::ZERO);
		let chords: Vec<_> = (wires[self.balls.clone()].chunks(4))
			.map(|ball| Chord::new(algebra, ball, origin, direction, square))
			.collect();
		let met_b = (chords.iter().zip(hits)).fold(zero, |sum, (chord, met)| {
			algebra.mul_add(*met, chord.b, sum)
		});
		// Of the middle of a triangle that is met, what a later sphere's is at least.
		let next = algebra.scale_add(F::ONE, known.step, one);
		let next = algebra.mul(next, square);
		let root_square = algebra.mul(root, root);
		for (place, chord) in chords.iter().enumerate() {
			let algebra = &mut *say.algebra;
			let met = hits[place];
			let digits = &wires[Self::digits_of(&self.ball_digits, place, CLAIM_DIGITS)];
			let claim = base_eight(algebra, digits);
			let (behind, later) = (
				wires[self.behind.start + place],
				wires[self.later.start + place],
			);
			let inside = self.room.mirrors.then(|| wires[self.inside.start + place]);

			// Missed, with -D - 1; or behind, with -b; or later than a sphere, with the difference of both b, less one if that
			// sphere comes after it; or than a triangle; or the ray begins inside, with -k.
			let way = algebra.scale_add(F::ONE, behind, later);
			let way = inside.map_or(way, |inside| algebra.scale_add(F::ONE, inside, way));
			let missed = complement(algebra, way);
			let d_next = algebra.scale_add(F::ONE, chord.d, one);
			let minus = algebra.mul(missed, d_next);
			let minus = algebra.mul_add(behind, chord.b, minus);
			let minus = inside.map_or(minus, |inside| algebra.mul_add(inside, chord.k, minus));
			let after = sum(algebra, &hits[place + 1..]);
			let beyond = algebra.mul(known.ball_hit, chord.b);
			let beyond = algebra.sub(beyond, met_b);
			let beyond = algebra.sub(beyond, after);
			let middle = algebra.scale_add(one_step(), chord.b, zero);
			let middle = algebra.sub(middle, next);
			let beyond = algebra.mul_add(known.face_hit, middle, beyond);
			let short = algebra.mul(later, beyond);
			let short = algebra.sub(short, minus);
			say.bits(ONE_WAY, &[way]);
			say.equal_if(BALL_MISSED, known.others[place], short, claim);
			self.say_later(say, known, later);

			// Met: the halves are D - root^2 and 2 root - (D - root^2).
			let algebra = &mut *say.algebra;
			let (low, high) = digits.split_at(HALF_DIGITS);
			let (low, high) = (base_eight(algebra, low), base_eight(algebra, high));
			let excess = algebra.sub(chord.d, root_square);
			let halves = algebra.scale_add(F::ONE, low, high);
			let twice = algebra.scale_add(F::ONE, root, root);
			let enters = algebra.sub(chord.b, root);
			quotient.add(algebra, met, enters, square);
			say.equal_if(ROOT, met, excess, low);
			say.equal_if(ROOT, met, twice, halves);
		}
		if self.room.triangles > 0 {
			let algebra = &mut *say.algebra;
			let (rest, gap) = wires[self.middle.clone()][STEP_DIGITS..].split_at(HALF_DIGITS);
			let (rest, gap) = (base_eight(algebra, rest), base_eight(algebra, gap));
			let scaled = algebra.scale_add(one_step(), met_b, zero);
			let product = algebra.mul_add(known.middle, square, rest);
			let below = algebra.scale_add(F::ONE, rest, gap);
			let below = algebra.scale_add(F::ONE, one, below);
			say.equal_if(MIDDLE, known.ball_hit, scaled, product);
			say.equal_if(MIDDLE_REST, known.ball_hit, below, square);
		}
	}

	pub(super) fn say_faces<A: Algebra>(
		&self,
		say: &mut Sayings<'_, A>,
		wires: &[A::Value],
		known: &Known<A::Value>,
		quotient: &mut Quotient<A::Value>,
	) {
		let Room {
			spheres, triangles, ..
		} = self.room;
		if triangles == 0 {
			return;
		}
		let hits = &wires[self.hits.clone()][spheres..][..triangles];
		let [origin, direction] = [&self.origin, &self.direction].map(|it| &wires[it.clone()]);
		let others = &known.others[spheres..];
		let algebra = &mut *say.algebra;
		let mut turned = algebra.constant(F::ZERO);
		// How far a later triangle is at least: as far as the triangle that is met, or as the middle of the sphere.
		let far = algebra.mul(known.ball_hit, known.middle);
		let far = algebra.mul_add(known.face_hit, known.step, far);
		let edges_of_met = &wires[self.middle.clone()];
		for (number, face) in wires[self.faces.clone()].chunks(9).enumerate() {
			let algebra = &mut *say.algebra;
			let (met, back) = (hits[number], wires[self.back.start + number]);
			let later = wires[self.later.start + spheres + number];
			let beyond = &wires[self.edges.start + 3 * number..][..3];
			let digits = Self::digits_of(&self.face_digits, number, CLAIM_DIGITS);
			let claim = base_eight(algebra, &wires[digits]);
			let digits = Self::digits_of(&self.height_digits, number, FACE_DIGITS);
			let height_value = base_eight(algebra, &wires[digits]);
			let side = algebra.scale_add(-F::TWO, back, known.one);
			let fan = Fan::new(algebra, face, side, origin, direction);
			turned = algebra.mul_add(met, back, turned);

			// Its height is not negative, so the side is right; that of what is met is not zero.
			let height = algebra.sub(fan.height, met);
			say.equal(FACE_SIDE, height, height_value);

			// Seen edge-on, with -height; or missed beyond an edge, with -edge - 1; or later, with 2^18 height less what that would
			// be if it were just far enough.
			let algebra = &mut *say.algebra;
			let missed = sum(algebra, beyond);
			let way = algebra.scale_add(F::ONE, missed, later);
			let edge_on = complement(algebra, way);
			let minus = algebra.mul_add(edge_on, fan.height, missed);
			let minus = (beyond.iter().zip(fan.edges)).fold(minus, |minus, (beyond, edge)| {
				algebra.mul_add(*beyond, edge, minus)
			});
			let after = sum(algebra, &hits[number + 1..]);
			let least = algebra.scale_add(F::ONE, after, far);
			let least = algebra.mul(least, fan.along);
			let zero = algebra.constant(F::ZERO);
			let left = algebra.scale_add(one_step(), fan.height, zero);
			let left = algebra.sub(left, least);
			let short = algebra.mul(later, left);
			let short = algebra.sub(short, minus);
			say.bits(ONE_WAY, &[way]);
			say.equal_if(FACE_MISSED, others[number], short, claim);
			self.say_later(say, known, later);

			let algebra = &mut *say.algebra;
			quotient.add(algebra, met, fan.height, fan.along);
			let second = base_eight(algebra, &edges_of_met[..FACE_DIGITS]);
			let third = base_eight(algebra, &edges_of_met[FACE_DIGITS..2 * FACE_DIGITS]);
			for (edge, digits) in fan.edges.into_iter().zip([claim, second, third]) {
				say.equal_if(FACE_MET, met, edge, digits);
			}
		}
		say.equal(TURNED, wires[self.turned.start], turned);
	}

	pub(super) fn say_flats<A: Algebra>(
		&self,
		say: &mut Sayings<'_, A>,
		wires: &[A::Value],
		known: &Known<A::Value>,
		quotient: &mut Quotient<A::Value>,
	) {
		let near = self.room.spheres + self.room.triangles;
		let hits = &wires[self.hits.clone()][near..];
		let others = &known.others[near..];
		let [origin, direction] = [&self.origin, &self.direction].map(|it| &wires[it.clone()]);
		let algebra = &mut *say.algebra;
		let zero = algebra.constant(F::ZERO);
		let slopes: Vec<_> = (wires[self.flats.clone()].chunks(4))
			.map(|flat| {
				let above = inner(algebra, &flat[..3], origin);
				let above = algebra.sub(above, flat[3]);
				let along = inner(algebra, &flat[..3], direction);
				(above, algebra.sub(zero, along))
			})
			.collect();
		// Of the plane that is met.
		let mut met_slope = Quotient {
			dividend: zero,
			divisor: zero,
		};
		// The first plane's claim is in what the quotient leaves if there is none, else in place of the claim of the plane that
		// is met.
		let nothing = complement(algebra, known.flat_hit);
		let rest = base_eight(algebra, &wires[self.rest.clone()]);
		let mut claims = vec![algebra.mul(nothing, rest)];
		for (number, (above, towards)) in slopes.iter().enumerate() {
			met_slope.add(algebra, hits[number], *above, *towards);
			quotient.add(algebra, hits[number], *above, *towards);
			if let Some(number_of_digits) = number.checked_sub(1) {
				let digits = Self::digits_of(&self.flat_digits, number_of_digits, FLAT_DIGITS);
				let claim = base_eight(algebra, &wires[digits]);
				claims[0] = algebra.mul_add(hits[number], claim, claims[0]);
				claims.push(claim);
			}
		}
		let farther = &wires[self.farther.clone()];
		let below = &wires[self.below.clone()];
		for (number, (above, towards)) in slopes.into_iter().enumerate() {
			// Beyond the end of the ray, with what it is short of; or the ray begins below, with -above - 1; or farther than the one
			// that is met, with the difference of both crosswise, less one if that comes after it.
			let algebra = &mut *say.algebra;
			let beyond = algebra.sub(above, towards);
			let mut claim = beyond;
			let mut way = zero;
			if let Some(below) = below.get(number) {
				let other = algebra.sub(zero, above);
				let other = algebra.sub(other, known.one);
				let other = algebra.sub(other, beyond);
				claim = algebra.mul_add(*below, other, claim);
				way = algebra.scale_add(F::ONE, *below, way);
			}
			if let Some(farther) = farther.get(number) {
				let after = sum(algebra, &hits[number + 1..]);
				let other = algebra.mul(above, met_slope.divisor);
				let nearer = algebra.mul(towards, met_slope.dividend);
				let other = algebra.sub(other, nearer);
				let other = algebra.sub(other, after);
				let other = algebra.sub(other, beyond);
				claim = algebra.mul_add(*farther, other, claim);
				way = algebra.scale_add(F::ONE, *farther, way);
				let than_none = algebra.mul(*farther, nothing);
				say.zero(FARTHER, than_none);
			}
			let matters = say.algebra.mul(known.not_near, others[number]);
			say.bits(ONE_WAY, &[way]);
			say.equal_if(FLAT_MISSED, matters, claim, claims[number]);
		}
	}
}
