//! The wires of a row, from its inputs.

use std::ops::Range;

use plonky2::field::types::Field;

use super::{
	super::{
		super::{
			prepared::Shapes,
			reference::{trace, Chord, Fan, Hit, Ray, Slope, STEP_BITS},
			scene::dot,
		},
		Inputs, CLAIM_DIGITS, FACE_DIGITS, HALF_DIGITS,
	},
	Trace, FLAT_DIGITS, STEP_DIGITS,
};
use crate::{
	gadgets::{
		custom::{element, Row},
		octal::octal,
	},
	F,
};

/// The wires of a row that follow from its inputs.
struct Filled(Vec<(usize, F)>);

impl Filled {
	/// One of several bits, if there are any.
	fn bit(&mut self, wires: &Range<usize>, number: usize, bit: bool) {
		if number < wires.len() {
			self.0.push((wires.start + number, F::from_bool(bit)));
		}
	}

	fn digits(&mut self, wires: Range<usize>, value: i64) {
		let digits = octal(value, wires.len());
		self.0.extend(wires.zip(digits));
	}
}

impl Trace {
	pub(super) fn filled(&self, inputs: &[F]) -> Option<Vec<(usize, F)>> {
		let mut inputs = Inputs::new(inputs);
		let ray = Ray {
			origin: inputs.vector(1 << 14)?,
			direction: inputs.vector(1 << 14)?,
			from: None,
		};
		let square = dot(ray.direction, ray.direction);
		if square > 1 << 28 {
			return None;
		}
		let shapes = inputs.shapes(&self.room)?;
		let ray = Ray {
			from: inputs.chosen(self.from.len())?,
			..ray
		};
		let hit = trace(&shapes, &ray);

		let mut filled = Filled(Vec::with_capacity(self.wires()));
		for place in 0..self.room.things() {
			filled.bit(&self.hits, place, hit.what == Some(place));
		}
		filled.0.push((self.step, element(hit.step)));
		filled.0.push((self.root, element(hit.root)));
		filled.bit(&self.turned, 0, hit.turned);
		// Of what is met, what is divided by what.
		let mut quotient = None;
		self.fill_balls(&mut filled, &shapes, &ray, &hit, &mut quotient);
		self.fill_faces(&mut filled, &shapes, &ray, &hit, &mut quotient);
		let nothing = self.fill_flats(&mut filled, &shapes, &ray, &hit, &mut quotient);
		let (rest, gap) = quotient.map_or((nothing, 0), |(dividend, divisor)| {
			let rest = dividend - hit.step * divisor;
			(rest, divisor - 1 - rest)
		});
		filled.digits(self.step_digits.clone(), hit.step);
		filled.digits(self.rest.clone(), rest);
		filled.digits(self.gap.clone(), gap);
		Some(filled.0)
	}

	fn fill_balls(
		&self,
		filled: &mut Filled,
		shapes: &Shapes<i64>,
		ray: &Ray,
		hit: &Hit,
		quotient: &mut Option<(i64, i64)>,
	) {
		let square = dot(ray.direction, ray.direction);
		let chords: Vec<_> = (shapes.balls.iter())
			.map(|ball| Chord::new(ball, ray.origin, ray.direction))
			.collect();
		let met = hit.what.and_then(|what| Some((what, chords.get(what)?)));
		let is_other = |place: usize| Some(place) != hit.what && Some(place) != ray.from;
		for (place, chord) in chords.iter().enumerate() {
			let digits = Self::digits_of(&self.ball_digits, place, CLAIM_DIGITS);
			let other = is_other(place);
			let behind = other && chord.d >= 0 && chord.b <= 0;
			let inside = other && chord.d >= 0 && !behind && chord.k <= 0;
			let later = other && chord.is_met();
			filled.bit(&self.behind, place, behind);
			filled.bit(&self.inside, place, inside);
			filled.bit(&self.later, place, later);
			let claim = match (behind, inside, later) {
				_ if hit.what == Some(place) => {
					let low = chord.d - hit.root * hit.root;
					low + ((2 * hit.root - low) << (3 * HALF_DIGITS))
				}
				_ if !other => 0,
				(true, ..) => -chord.b,
				(_, true, _) => -chord.k,
				(_, _, true) => match met {
					Some((met, nearer)) => chord.b - nearer.b - i64::from(place < met),
					None => (chord.b << STEP_BITS) - (hit.step + 1) * square,
				},
				_ => -chord.d - 1,
			};
			filled.digits(digits, claim);
		}
		let Some((_, chord)) = met else { return };
		*quotient = Some((((chord.b - hit.root) << STEP_BITS) - 1, square));
		if self.room.triangles > 0 {
			let rest = (chord.b << STEP_BITS) - hit.middle * square;
			let first = self.middle.start;
			let second = first + STEP_DIGITS;
			let third = second + HALF_DIGITS;
			filled.digits(first..second, hit.middle);
			filled.digits(second..third, rest);
			filled.digits(third..third + HALF_DIGITS, square - 1 - rest);
		}
	}

	fn fill_faces(
		&self,
		filled: &mut Filled,
		shapes: &Shapes<i64>,
		ray: &Ray,
		hit: &Hit,
		quotient: &mut Option<(i64, i64)>,
	) {
		let spheres = self.room.spheres;
		let met = hit.what.and_then(|what| what.checked_sub(spheres));
		let met = met.filter(|number| *number < self.room.triangles);
		let far = if met.is_some() { hit.step } else { hit.middle };
		for (number, face) in shapes.faces.iter().enumerate() {
			let (fan, back) = Fan::of_line(face, ray.origin, ray.direction);
			let is_met = met == Some(number);
			let other = !is_met && ray.from != Some(spheres + number);
			let edge = (0..3).find(|edge| other && fan.edges[*edge] < 0);
			let later = other && fan.is_met();
			for place in 0..3 {
				filled.bit(&self.edges, 3 * number + place, edge == Some(place));
			}
			filled.bit(&self.later, spheres + number, later);
			filled.bit(&self.back, number, back);
			let claim = match edge {
				_ if is_met => fan.edges[0],
				Some(edge) => -fan.edges[edge] - 1,
				None if later => {
					let after = met.is_some_and(|met| met > number);
					(fan.height << STEP_BITS) - (far + i64::from(after)) * fan.along()
				}
				None => 0,
			};
			let digits = Self::digits_of(&self.face_digits, number, CLAIM_DIGITS);
			filled.digits(digits, claim);
			let digits = Self::digits_of(&self.height_digits, number, FACE_DIGITS);
			filled.digits(digits, fan.height - i64::from(is_met));
			if is_met {
				*quotient = Some((fan.height << STEP_BITS, fan.along()));
				let second = self.middle.start + FACE_DIGITS;
				filled.digits(self.middle.start..second, fan.edges[1]);
				filled.digits(second..second + FACE_DIGITS, fan.edges[2]);
				filled.digits(second + FACE_DIGITS..self.middle.end, 0);
			}
		}
		let near = spheres + self.room.triangles;
		if hit.what.is_none_or(|what| what >= near) {
			filled.digits(self.middle.clone(), 0);
		}
	}

	/// The first plane's claim, if no plane is met.
	fn fill_flats(
		&self,
		filled: &mut Filled,
		shapes: &Shapes<i64>,
		ray: &Ray,
		hit: &Hit,
		quotient: &mut Option<(i64, i64)>,
	) -> i64 {
		let near = self.room.spheres + self.room.triangles;
		let slopes: Vec<_> = (shapes.flats.iter())
			.map(|flat| Slope::new(flat, ray.origin, ray.direction))
			.collect();
		let met = hit.what.and_then(|what| what.checked_sub(near));
		if let Some(met) = met {
			let Slope { above, towards } = slopes[met];
			*quotient = Some((above << STEP_BITS, towards));
		}
		let mut claims = Vec::with_capacity(slopes.len());
		for (number, slope) in slopes.iter().enumerate() {
			// Nothing is said of planes if something nearer is met.
			let other = hit
				.what
				.is_none_or(|what| what >= near && what != near + number)
				&& ray.from != Some(near + number);
			let below = other && slope.above < 0;
			let farther = other && slope.is_met();
			filled.bit(&self.below, number, below);
			filled.bit(&self.farther, number, farther);
			claims.push(match met {
				_ if !other => 0,
				_ if below => -slope.above - 1,
				Some(met) if farther => {
					let nearer = &slopes[met];
					slope.above * nearer.towards
						- nearer.above * slope.towards
						- i64::from(met > number)
				}
				_ => slope.above - slope.towards,
			});
		}
		if let Some(met) = met.filter(|met| *met > 0) {
			claims[met] = claims[0];
		}
		for (number, claim) in claims.iter().skip(1).enumerate() {
			let digits = Self::digits_of(&self.flat_digits, number, FLAT_DIGITS);
			filled.digits(digits, *claim);
		}
		claims[0]
	}
}
