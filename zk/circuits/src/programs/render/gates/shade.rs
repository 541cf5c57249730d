//! The point that a ray meets, the normal there, the direction in which it is thrown back, and the colour that is seen.

use std::ops::Range;

use plonky2::field::types::Field;

use super::{
	super::{
		class::Room,
		reference::{cell, mixed, thrown_back, CELL_BITS, STEP_BITS},
		scene::{along, dot, FULL},
	},
	between, complement, inner, sum, Inputs, Places,
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
const POINT: usize = 2;
const OFFSET: usize = 3;
const NORMAL: usize = 4;
const CELL: usize = 5;
const BRIGHTNESS: usize = 6;
const COLOUR: usize = 7;
const RESULT: usize = 8;
const THROWN: usize = 9;
const THROWN_REST: usize = 10;
const REFLECTED: usize = 11;
const MIXED: usize = 12;

/// Digits of a part of the way to a point, to which `OFFSET_SHIFT` is added; they have a bit above them.
const OFFSET_DIGITS: usize = 5;
const OFFSET_SHIFT: i64 = 1 << 15;
/// Digits of what rounding a part of that way leaves.
const STEP_REST_DIGITS: usize = STEP_BITS as usize / 3;
/// Digits of what is left of a cell.
const CELL_REST_DIGITS: usize = CELL_BITS as usize / 3;
/// Digits of half of a cell's number, to which `HALF_SHIFT` is added.
const HALF_CELL_DIGITS: usize = 4;
const HALF_SHIFT: i64 = 1 << 11;
/// Digits of how far the brightness is from full.
const SLACK_DIGITS: usize = 4;
/// Digits of a part of a colour, and of what dimming or mixing it leaves.
const COLOUR_DIGITS: usize = 3;
/// Digits of a part of what a mirror takes from a direction, to which `THROWN_SHIFT` is added.
const THROWN_DIGITS: usize = 5;
const THROWN_SHIFT: i64 = 1 << 14;
/// Digits of what rounding that leaves, which is below the square of a normal.
const THROWN_REST_DIGITS: usize = 9;

/// The gate, for so many things and lights. With mirrors it says where the ray is thrown back, and mixes in what is seen there.
#[derive(Clone, Debug)]
pub struct Shade {
	room: Room,
	said: [bool; 13],
	constraints: usize,
	/// Where the ray begins.
	pub origin: Range<usize>,
	/// The ray's direction.
	pub direction: Range<usize>,
	/// How far it goes.
	pub step: usize,
	/// With triangles: whether it meets one that is turned.
	pub turned: Range<usize>,
	/// What it meets.
	pub hits: Range<usize>,
	/// The spheres' centres.
	pub centres: Range<usize>,
	/// The triangles' normals, then the planes'.
	pub normals: Range<usize>,
	/// Of each plane: the checker's axes.
	pub axes: Range<usize>,
	/// The colours of spheres and triangles, then two of each plane.
	pub colours: Range<usize>,
	/// The colour of nothing.
	pub background: Range<usize>,
	/// Brightness without light, then what each lamp gives.
	pub lights: Range<usize>,
	/// The point.
	pub point: Range<usize>,
	/// The normal there.
	pub normal: Range<usize>,
	/// With mirrors, of each thing: how much it mirrors.
	pub mirrors: Range<usize>,
	/// With mirrors: what is seen in what is met.
	pub seen: Range<usize>,
	/// With mirrors: the direction in which the ray is thrown back.
	pub reflected: Range<usize>,
	/// The colour that is seen.
	pub pixel: Range<usize>,
	/// Of each axis: whether the cell's number is odd. Then whether the brightness is full.
	pub odd: Range<usize>,
	pub full: usize,
	/// Above the digits of each part of the way to the point.
	pub offset_tops: Range<usize>,
	pub step_rests: Range<usize>,
	pub offsets: Range<usize>,
	pub cell_rests: Range<usize>,
	pub half_cells: Range<usize>,
	pub slack: Range<usize>,
	pub colour_rests: Range<usize>,
	/// The colour without what is mirrored.
	pub parts: Range<usize>,
	/// What a mirror takes from each part of the direction; what rounding that leaves; and what this is short of the normal's
	/// square, less one.
	pub thrown: Range<usize>,
	pub thrown_rests: Range<usize>,
	pub thrown_gaps: Range<usize>,
	pub mixed_rests: Range<usize>,
	pub mixed: Range<usize>,
}

impl Shade {
	/// The gate for so many things and lights.
	pub fn new(room: Room) -> Self {
		let Room {
			spheres,
			planes,
			triangles,
			lights,
			mirrors,
		} = room;
		let if_mirrors = |count| if mirrors { count } else { 0 };
		let mut places = Places::default();
		let mut gate = Self {
			room,
			said: [
				holds("render shade: digits are 0 to 7"),
				holds("render shade: odd, full and the top of a way are 0 or 1"),
				holds("render shade: the way to the point is its digits"),
				holds("render shade: the way to the point is the ray's, rounded down"),
				holds("render shade: the normal is of what is met"),
				holds("render shade: a cell is rounded down"),
				holds("render shade: the brightness is at most full"),
				holds("render shade: the colour is dimmed and rounded down"),
				holds("render shade: the pixel is its digits"),
				holds("render shade: what a mirror takes from the direction is rounded down"),
				holds("render shade: what that rounding leaves is below the divisor"),
				holds("render shade: the direction is thrown back"),
				holds("render shade: what is mirrored is mixed in and rounded down"),
			],
			constraints: 0,
			origin: places.take(3),
			direction: places.take(3),
			step: places.take(1).start,
			turned: places.take(triangles.min(1)),
			hits: places.take(room.things()),
			centres: places.take(3 * spheres),
			normals: places.take(3 * (triangles + planes)),
			axes: places.take(6 * planes),
			colours: places.take(3 * (spheres + triangles + 2 * planes)),
			background: places.take(3),
			lights: places.take(1 + lights),
			point: places.take(3),
			normal: places.take(3),
			mirrors: places.take(if_mirrors(room.things())),
			seen: places.take(if_mirrors(3)),
			reflected: places.take(if_mirrors(3)),
			pixel: places.take(3),
			odd: places.take(2),
			full: places.take(1).start,
			offset_tops: places.take(3),
			step_rests: places.take(3 * STEP_REST_DIGITS),
			offsets: places.take(3 * OFFSET_DIGITS),
			cell_rests: places.take(2 * CELL_REST_DIGITS),
			half_cells: places.take(2 * HALF_CELL_DIGITS),
			slack: places.take(SLACK_DIGITS),
			colour_rests: places.take(3 * COLOUR_DIGITS),
			parts: places.take(3 * COLOUR_DIGITS),
			thrown: places.take(if_mirrors(3 * THROWN_DIGITS)),
			thrown_rests: places.take(if_mirrors(3 * THROWN_REST_DIGITS)),
			thrown_gaps: places.take(if_mirrors(3 * THROWN_REST_DIGITS)),
			mixed_rests: places.take(if_mirrors(3 * COLOUR_DIGITS)),
			mixed: places.take(if_mirrors(3 * COLOUR_DIGITS)),
		};
		gate.constraints = count_constraints(&gate);
		gate
	}

	/// Spheres and triangles.
	fn near(&self) -> usize {
		self.room.spheres + self.room.triangles
	}

	/// Wires that other rows have too.
	pub fn shared(&self) -> usize {
		self.pixel.end
	}
}

/// Each number of `digits` digits in a range of wires.
fn numbers<A: Algebra>(
	algebra: &mut A,
	wires: &[A::Value],
	range: &Range<usize>,
	digits: usize,
) -> Vec<A::Value> {
	wires[range.clone()]
		.chunks(digits)
		.map(|digits| base_eight(algebra, digits))
		.collect()
}

impl Row for Shade {
	/// The point, the normal and where the ray is thrown back; then the colour, for the brightness depends on the point; then,
	/// with mirrors, what is mixed in, for that depends on where the ray is thrown back.
	fn operations(&self) -> usize {
		if self.room.mirrors {
			3
		} else {
			2
		}
	}

	fn wires(&self) -> usize {
		self.mixed.end
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
		say.digits(DIGITS, &wires[self.step_rests.start..self.mixed.end]);
		say.bits(BITS, &wires[self.odd.start..self.offset_tops.end]);
		self.say_surface(&mut say, wires);
		self.say_colour(&mut say, wires);
		if self.room.mirrors {
			self.say_reflected(&mut say, wires);
		}
		let digits = if self.room.mirrors {
			&self.mixed
		} else {
			&self.parts
		};
		for (i, part) in numbers(say.algebra, wires, digits, COLOUR_DIGITS)
			.into_iter()
			.enumerate()
		{
			say.equal(RESULT, wires[self.pixel.start + i], part);
		}
		say.values()
	}

	fn inputs(&self, operation: usize, _: &[F]) -> Vec<usize> {
		let hits = self.hits.clone();
		match operation {
			0 => (self.origin.start..self.axes.start).collect(),
			1 => hits.chain(self.axes.start..self.point.end).collect(),
			_ => hits
				.chain(self.mirrors.start..self.seen.end)
				.chain(self.parts.clone())
				.collect(),
		}
	}

	fn complete(&self, operation: usize, _: &[F], inputs: &[F]) -> Vec<(usize, F)> {
		let filled = match operation {
			0 => self.fill_surface(inputs),
			1 => self.fill_colour(inputs),
			_ => self.fill_mixed(inputs),
		};
		filled.unwrap_or_default()
	}
}

impl Shade {
	fn say_surface<A: Algebra>(&self, say: &mut Sayings<'_, A>, wires: &[A::Value]) {
		let hits = &wires[self.hits.clone()];
		let point = &wires[self.point.clone()];
		let algebra = &mut *say.algebra;
		let one = algebra.constant(F::ONE);
		let zero = algebra.constant(F::ZERO);
		let offset = between(algebra, point, &wires[self.origin.clone()]);
		let offset_values = numbers(algebra, wires, &self.offsets, OFFSET_DIGITS);
		let step_rests = numbers(algebra, wires, &self.step_rests, STEP_REST_DIGITS);
		let step = wires[self.step];
		let centres = wires[self.centres.clone()].chunks(3);
		let (balls, others) = hits.split_at(self.room.spheres);
		let (faces, flats) = others.split_at(self.room.triangles);
		// A triangle's normal is turned to where the ray comes from.
		let side = match wires[self.turned.clone()].first() {
			Some(turned) => algebra.combine(F::TWO, *turned, one, F::NEG_ONE, one),
			None => zero,
		};
		let normals = &wires[self.normals.clone()];
		for i in 0..3 {
			let algebra = &mut *say.algebra;
			let shifted = algebra.scale_add(element(OFFSET_SHIFT), one, offset[i]);
			let top = wires[self.offset_tops.start + i];
			let digits = algebra.scale_add(element(OFFSET_SHIFT), top, offset_values[i]);
			let rounded = algebra.scale_add(element(1 << STEP_BITS), offset[i], step_rests[i]);
			let way = algebra.mul(wires[self.direction.start + i], step);
			let mut normal = zero;
			for (hit, of_face) in faces.iter().zip(normals.chunks(3)) {
				normal = algebra.mul_add(*hit, of_face[i], normal);
			}
			normal = algebra.mul(side, normal);
			for (hit, of_flat) in flats.iter().zip(normals.chunks(3).skip(faces.len())) {
				normal = algebra.mul_add(*hit, of_flat[i], normal);
			}
			// A sphere's is from its centre.
			for (hit, centre) in balls.iter().zip(centres.clone()) {
				let from_centre = algebra.sub(point[i], centre[i]);
				normal = algebra.mul_add(*hit, from_centre, normal);
			}
			say.equal(POINT, shifted, digits);
			say.equal(OFFSET, rounded, way);
			say.equal(NORMAL, wires[self.normal.start + i], normal);
		}
	}

	/// Which of a plane's colours it is.
	fn say_cells<A: Algebra>(&self, say: &mut Sayings<'_, A>, wires: &[A::Value]) -> A::Value {
		let algebra = &mut *say.algebra;
		let (one, zero) = (algebra.constant(F::ONE), algebra.constant(F::ZERO));
		let odd = &wires[self.odd.clone()];
		let flats = &wires[self.hits.clone()][self.near()..];
		// Of the plane that is met.
		let axes: Vec<_> = (0..6)
			.map(|part| {
				let parts = wires[self.axes.clone()][part..].iter().step_by(6);
				(flats.iter().zip(parts))
					.fold(zero, |sum, (hit, part)| algebra.mul_add(*hit, *part, sum))
			})
			.collect();
		let cell_rests = numbers(algebra, wires, &self.cell_rests, CELL_REST_DIGITS);
		let half_cells = numbers(algebra, wires, &self.half_cells, HALF_CELL_DIGITS);
		for i in 0..2 {
			let algebra = &mut *say.algebra;
			let place = inner(algebra, &axes[3 * i..][..3], &wires[self.point.clone()]);
			let half = algebra.scale_add(element(-HALF_SHIFT), one, half_cells[i]);
			let cell = algebra.scale_add(F::TWO, half, odd[i]);
			let rounded = algebra.scale_add(element(1 << CELL_BITS), cell, cell_rests[i]);
			say.equal(CELL, rounded, place);
		}
		let algebra = &mut *say.algebra;
		let both = algebra.mul(odd[0], odd[1]);
		let other = sum(algebra, odd);
		algebra.scale_add(-F::TWO, both, other)
	}

	fn say_colour<A: Algebra>(&self, say: &mut Sayings<'_, A>, wires: &[A::Value]) {
		let other = self.say_cells(say, wires);
		let algebra = &mut *say.algebra;
		let one = algebra.constant(F::ONE);
		let zero = algebra.constant(F::ZERO);
		let full = wires[self.full];

		// Full: the slack is what the brightness is above full; else what it is short of it.
		let total = sum(algebra, &wires[self.lights.clone()]);
		let slack = base_eight(algebra, &wires[self.slack.clone()]);
		let not_full = complement(algebra, full);
		let above = algebra.scale_add(element(-FULL), one, total);
		let short = algebra.sub(zero, above);
		let claimed = algebra.mul(full, above);
		let claimed = algebra.mul_add(not_full, short, claimed);
		let brightness = algebra.mul(not_full, total);
		let brightness = algebra.scale_add(element(FULL), full, brightness);
		say.equal(BRIGHTNESS, claimed, slack);

		let algebra = &mut *say.algebra;
		let hits = &wires[self.hits.clone()];
		let hit = sum(algebra, hits);
		let nothing = complement(algebra, hit);
		let colour_rests = numbers(algebra, wires, &self.colour_rests, COLOUR_DIGITS);
		let parts = numbers(algebra, wires, &self.parts, COLOUR_DIGITS);
		let (near, flats) = wires[self.colours.clone()].split_at(3 * self.near());
		for i in 0..3 {
			let algebra = &mut *say.algebra;
			let mut colour = zero;
			for (hit, of_flat) in hits[self.near()..].iter().zip(flats.chunks(6)) {
				let change = algebra.sub(of_flat[3 + i], of_flat[i]);
				let flat = algebra.mul_add(other, change, of_flat[i]);
				colour = algebra.mul_add(*hit, flat, colour);
			}
			for (hit, of_near) in hits.iter().zip(near.chunks(3)) {
				colour = algebra.mul_add(*hit, of_near[i], colour);
			}
			let dimmed = algebra.mul(colour, brightness);
			let background = algebra.mul(nothing, wires[self.background.start + i]);
			let dimmed = algebra.scale_add(element(FULL), background, dimmed);
			let rounded = algebra.scale_add(element(FULL), parts[i], colour_rests[i]);
			say.equal(COLOUR, dimmed, rounded);
		}
	}

	fn say_reflected<A: Algebra>(&self, say: &mut Sayings<'_, A>, wires: &[A::Value]) {
		let algebra = &mut *say.algebra;
		let one = algebra.constant(F::ONE);
		let hits = &wires[self.hits.clone()];
		let normal = &wires[self.normal.clone()];
		let direction = &wires[self.direction.clone()];
		// Where nothing is met nothing is taken: the divisor is one.
		let hit = sum(algebra, hits);
		let nothing = complement(algebra, hit);
		let square = inner(algebra, normal, normal);
		let divisor = algebra.scale_add(F::ONE, nothing, square);
		let along = inner(algebra, normal, direction);
		let thrown = numbers(algebra, wires, &self.thrown, THROWN_DIGITS);
		let rests = numbers(algebra, wires, &self.thrown_rests, THROWN_REST_DIGITS);
		let gaps = numbers(algebra, wires, &self.thrown_gaps, THROWN_REST_DIGITS);

		let share = inner(algebra, &wires[self.mirrors.clone()], hits);
		let parts = numbers(algebra, wires, &self.parts, COLOUR_DIGITS);
		let mixed_rests = numbers(algebra, wires, &self.mixed_rests, COLOUR_DIGITS);
		let mixed = numbers(algebra, wires, &self.mixed, COLOUR_DIGITS);
		for i in 0..3 {
			let algebra = &mut *say.algebra;
			let taken = algebra.scale_add(element(-THROWN_SHIFT), one, thrown[i]);
			let twice = algebra.combine(F::TWO, along, normal[i], F::ZERO, along);
			let quotient = algebra.mul_add(taken, divisor, rests[i]);
			let below = algebra.scale_add(F::ONE, rests[i], gaps[i]);
			let below = algebra.scale_add(F::ONE, one, below);
			let left = algebra.sub(direction[i], taken);
			say.equal(THROWN, twice, quotient);
			say.equal(THROWN_REST, below, divisor);
			say.equal(REFLECTED, wires[self.reflected.start + i], left);

			let algebra = &mut *say.algebra;
			let change = algebra.sub(wires[self.seen.start + i], parts[i]);
			let change = algebra.mul(share, change);
			let whole = algebra.scale_add(element(FULL), parts[i], change);
			let rounded = algebra.scale_add(element(FULL), mixed[i], mixed_rests[i]);
			say.equal(MIXED, whole, rounded);
		}
	}
}

/// Digits from a place on.
fn fill(
	filled: &mut Vec<(usize, F)>,
	range: &Range<usize>,
	values: impl IntoIterator<Item = i64>,
	digits: usize,
) {
	for (number, value) in values.into_iter().enumerate() {
		filled.extend((range.start + number * digits..).zip(octal(value, digits)));
	}
}

impl Shade {
	fn fill_surface(&self, inputs: &[F]) -> Option<Vec<(usize, F)>> {
		let Room {
			spheres,
			planes,
			triangles,
			mirrors,
			..
		} = self.room;
		let mut inputs = Inputs::new(inputs);
		let origin = inputs.vector(1 << 14)?;
		let direction = inputs.vector(1 << 14)?;
		let step = inputs.number(1 << 27)?;
		let turned = inputs.chosen(self.turned.len())?.is_some();
		let what = inputs.chosen(self.room.things())?;
		let centres = inputs.vectors(spheres, 1 << 12)?;
		let normals = inputs.vectors(triangles + planes, 1 << 10)?;

		let ways = direction.map(|part| part * step);
		let offset = ways.map(|way| way >> STEP_BITS);
		let point = along(origin, 1, offset);
		let normal = what.map_or([0; 3], |what| match what.checked_sub(spheres) {
			None => along(point, -1, centres[what]),
			Some(other) if other < triangles && !turned => normals[other].map(|part| -part),
			Some(other) => normals[other],
		});
		let mut filled = Vec::new();
		filled.extend((self.point.start..).zip(point.map(element)));
		filled.extend((self.normal.start..).zip(normal.map(element)));
		let rests = ways.map(|way| way & ((1 << STEP_BITS) - 1));
		fill(&mut filled, &self.step_rests, rests, STEP_REST_DIGITS);
		let shifted = offset.map(|part| part + OFFSET_SHIFT);
		fill(&mut filled, &self.offsets, shifted, OFFSET_DIGITS);
		let tops = shifted.map(|part| F::from_bool(part >= OFFSET_SHIFT));
		filled.extend((self.offset_tops.start..).zip(tops));
		if mirrors {
			// A normal is as long as a radius, but for rounding.
			if normal.iter().any(|part| part.abs() > 1 << 13) {
				return None;
			}
			let reflected = thrown_back(direction, normal);
			let divisor = dot(normal, normal) + i64::from(what.is_none());
			let taken = along(direction, -1, reflected);
			let twice = 2 * dot(normal, direction);
			let rests: [i64; 3] = std::array::from_fn(|i| twice * normal[i] - taken[i] * divisor);
			filled.extend((self.reflected.start..).zip(reflected.map(element)));
			let shifted = taken.map(|part| part + THROWN_SHIFT);
			fill(&mut filled, &self.thrown, shifted, THROWN_DIGITS);
			fill(&mut filled, &self.thrown_rests, rests, THROWN_REST_DIGITS);
			let gaps = rests.map(|rest| divisor - 1 - rest);
			fill(&mut filled, &self.thrown_gaps, gaps, THROWN_REST_DIGITS);
		}
		Some(filled)
	}

	fn fill_colour(&self, inputs: &[F]) -> Option<Vec<(usize, F)>> {
		let near = self.near();
		let planes = self.room.planes;
		let mut inputs = Inputs::new(inputs);
		let what = inputs.chosen(self.room.things())?;
		let axes = inputs.vectors(2 * planes, 1 << 12)?;
		let colours = inputs.vectors(near + 2 * planes, 255)?;
		let background = inputs.vector(255)?;
		let total = self
			.lights
			.clone()
			.map(|_| inputs.number(FULL))
			.sum::<Option<i64>>()?;
		let point = inputs.vector(1 << 15)?;

		let mut filled = Vec::new();
		let plane = what.and_then(|what| what.checked_sub(near));
		let axes = plane.map_or([[0; 3]; 2], |plane| [axes[2 * plane], axes[2 * plane + 1]]);
		let cells = axes.map(|axis| cell(axis, point));
		let odd = cells.map(|cell| cell & 1);
		filled.extend((self.odd.start..).zip(odd.map(element)));
		let rests = axes.map(|axis| dot(axis, point) & ((1 << CELL_BITS) - 1));
		fill(&mut filled, &self.cell_rests, rests, CELL_REST_DIGITS);
		let halves = cells.map(|cell| (cell >> 1) + HALF_SHIFT);
		fill(&mut filled, &self.half_cells, halves, HALF_CELL_DIGITS);

		let full = total >= FULL;
		filled.push((self.full, F::from_bool(full)));
		fill(
			&mut filled,
			&self.slack,
			[(total - FULL).abs()],
			SLACK_DIGITS,
		);
		let dimmed = match what {
			None => background.map(|part| part * FULL),
			Some(what) => {
				let which =
					plane.map_or(what, |plane| near + 2 * plane + (odd[0] ^ odd[1]) as usize);
				colours[which].map(|part| part * total.min(FULL))
			}
		};
		let parts = dimmed.map(|part| part / FULL);
		fill(
			&mut filled,
			&self.colour_rests,
			dimmed.map(|part| part % FULL),
			COLOUR_DIGITS,
		);
		fill(&mut filled, &self.parts, parts, COLOUR_DIGITS);
		if !self.room.mirrors {
			filled.extend((self.pixel.start..).zip(parts.map(element)));
		}
		Some(filled)
	}

	fn fill_mixed(&self, inputs: &[F]) -> Option<Vec<(usize, F)>> {
		let mut inputs = Inputs::new(inputs);
		let what = inputs.chosen(self.room.things())?;
		let mirrors = inputs.numbers(self.room.things(), FULL)?;
		let seen = inputs.vector(255)?;
		let mut parts = [0; 3];
		for part in &mut parts {
			for place in 0..COLOUR_DIGITS {
				*part += inputs.number(7)? << (3 * place);
			}
		}
		let mirror = what.map_or(0, |what| mirrors[what]);
		let result = mixed(mirror, parts, seen);
		let rests: [i64; 3] = std::array::from_fn(|i| {
			parts[i] * (FULL - mirror) + seen[i] * mirror - result[i] * FULL
		});
		let mut filled = Vec::new();
		fill(&mut filled, &self.mixed_rests, rests, COLOUR_DIGITS);
		fill(&mut filled, &self.mixed, result, COLOUR_DIGITS);
		filled.extend((self.pixel.start..).zip(result.map(element)));
		Some(filled)
	}
}
