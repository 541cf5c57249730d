//! The point that a ray meets, the normal there, and the pixel's colour.

use std::ops::Range;

use plonky2::field::types::Field;

use super::{
	super::{
		reference::{cell, CELL_BITS, STEP_BITS},
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

/// Digits of a part of the way to a point, to which `OFFSET_SHIFT` is added.
const OFFSET_DIGITS: usize = 5;
const OFFSET_SHIFT: i64 = 1 << 14;
/// Digits of what rounding a part of that way leaves.
const STEP_REST_DIGITS: usize = STEP_BITS as usize / 3;
/// Digits of what is left of a cell.
const CELL_REST_DIGITS: usize = CELL_BITS as usize / 3;
/// Digits of half of a cell's number, to which `HALF_SHIFT` is added.
const HALF_CELL_DIGITS: usize = 4;
const HALF_SHIFT: i64 = 1 << 11;
/// Digits of how far the brightness is from full.
const SLACK_DIGITS: usize = 4;
/// Digits of a part of a colour, and of what dimming it leaves.
const COLOUR_DIGITS: usize = 3;

/// The gate, for some numbers of spheres and lights.
#[derive(Clone, Debug)]
pub struct Shade {
	spheres: usize,
	said: [bool; 9],
	constraints: usize,
	/// The camera's position.
	pub origin: Range<usize>,
	/// The ray's direction.
	pub direction: Range<usize>,
	/// How far it goes.
	pub step: usize,
	/// What it meets.
	pub hits: Range<usize>,
	/// The spheres' centres as the camera sees them.
	pub centres: Range<usize>,
	/// The plane's normal.
	pub flat: Range<usize>,
	/// The checker's axes.
	pub axes: Range<usize>,
	/// The spheres' colours, then the plane's two.
	pub colours: Range<usize>,
	/// The colour of nothing.
	pub background: Range<usize>,
	/// Brightness without light, then what each lamp gives.
	pub lights: Range<usize>,
	/// The point.
	pub point: Range<usize>,
	/// The normal there.
	pub normal: Range<usize>,
	/// The pixel's colour.
	pub pixel: Range<usize>,
	/// Of each axis: whether the cell's number is odd. Then whether the brightness is full.
	pub odd: Range<usize>,
	pub full: usize,
	pub step_rests: Range<usize>,
	pub offsets: Range<usize>,
	pub cell_rests: Range<usize>,
	pub half_cells: Range<usize>,
	pub slack: Range<usize>,
	pub colour_rests: Range<usize>,
	pub parts: Range<usize>,
}

impl Shade {
	/// The gate for so many spheres and lights.
	pub fn new(spheres: usize, lights: usize) -> Self {
		let mut places = Places::default();
		let mut gate = Self {
			spheres,
			said: [
				holds("render shade: digits are 0 to 7"),
				holds("render shade: odd and full are 0 or 1"),
				holds("render shade: the way to the point is its digits"),
				holds("render shade: the way to the point is the ray's, rounded down"),
				holds("render shade: the normal is of what is met"),
				holds("render shade: a cell is rounded down"),
				holds("render shade: the brightness is at most full"),
				holds("render shade: the colour is dimmed and rounded down"),
				holds("render shade: the pixel is its digits"),
			],
			constraints: 0,
			origin: places.take(3),
			direction: places.take(3),
			step: places.take(1).start,
			hits: places.take(spheres + 1),
			centres: places.take(3 * spheres),
			flat: places.take(3),
			axes: places.take(6),
			colours: places.take(3 * (spheres + 2)),
			background: places.take(3),
			lights: places.take(1 + lights),
			point: places.take(3),
			normal: places.take(3),
			pixel: places.take(3),
			odd: places.take(2),
			full: places.take(1).start,
			step_rests: places.take(3 * STEP_REST_DIGITS),
			offsets: places.take(3 * OFFSET_DIGITS),
			cell_rests: places.take(2 * CELL_REST_DIGITS),
			half_cells: places.take(2 * HALF_CELL_DIGITS),
			slack: places.take(SLACK_DIGITS),
			colour_rests: places.take(3 * COLOUR_DIGITS),
			parts: places.take(3 * COLOUR_DIGITS),
		};
		gate.constraints = count_constraints(&gate);
		gate
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
	/// The point and the normal, then the colour: the brightness depends on the point.
	fn operations(&self) -> usize {
		2
	}

	fn wires(&self) -> usize {
		self.parts.end
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
		say.digits(DIGITS, &wires[self.step_rests.start..self.parts.end]);
		let odd = &wires[self.odd.clone()];
		let full = wires[self.full];
		say.bits(BITS, odd);
		say.bits(BITS, &[full]);

		let hits = &wires[self.hits.clone()];
		let point = &wires[self.point.clone()];
		let algebra = &mut *say.algebra;
		let one = algebra.constant(F::ONE);
		let zero = algebra.constant(F::ZERO);
		let offset = between(algebra, point, &wires[self.origin.clone()]);
		let offset_values = numbers(algebra, wires, &self.offsets, OFFSET_DIGITS);
		let step_rests = numbers(algebra, wires, &self.step_rests, STEP_REST_DIGITS);
		let step = wires[self.step];
		for i in 0..3 {
			let algebra = &mut *say.algebra;
			let shifted = algebra.scale_add(element(OFFSET_SHIFT), one, offset[i]);
			let rounded = algebra.scale_add(element(1 << STEP_BITS), offset[i], step_rests[i]);
			let way = algebra.mul(wires[self.direction.start + i], step);
			// A sphere's is from its centre.
			let mut normal = algebra.mul(hits[self.spheres], wires[self.flat.start + i]);
			for (place, hit) in hits[..self.spheres].iter().enumerate() {
				let from_centre = algebra.sub(offset[i], wires[self.centres.start + 3 * place + i]);
				normal = algebra.mul_add(*hit, from_centre, normal);
			}
			say.equal(POINT, shifted, offset_values[i]);
			say.equal(OFFSET, rounded, way);
			say.equal(NORMAL, wires[self.normal.start + i], normal);
		}

		let algebra = &mut *say.algebra;
		let cell_rests = numbers(algebra, wires, &self.cell_rests, CELL_REST_DIGITS);
		let half_cells = numbers(algebra, wires, &self.half_cells, HALF_CELL_DIGITS);
		for i in 0..2 {
			let algebra = &mut *say.algebra;
			let axis = &wires[self.axes.start + 3 * i..][..3];
			let place = inner(algebra, axis, point);
			let half = algebra.scale_add(element(-HALF_SHIFT), one, half_cells[i]);
			let cell = algebra.scale_add(F::TWO, half, odd[i]);
			let rounded = algebra.scale_add(element(1 << CELL_BITS), cell, cell_rests[i]);
			say.equal(CELL, rounded, place);
		}
		let algebra = &mut *say.algebra;
		let both = algebra.mul(odd[0], odd[1]);
		let other = sum(algebra, odd);
		let other = algebra.scale_add(-F::TWO, both, other);

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
		let hit = sum(algebra, hits);
		let nothing = complement(algebra, hit);
		let colour_rests = numbers(algebra, wires, &self.colour_rests, COLOUR_DIGITS);
		let parts = numbers(algebra, wires, &self.parts, COLOUR_DIGITS);
		let colours = &wires[self.colours.clone()];
		for i in 0..3 {
			let algebra = &mut *say.algebra;
			let flat = &colours[3 * self.spheres..];
			let change = algebra.sub(flat[3 + i], flat[i]);
			let flat = algebra.mul_add(other, change, flat[i]);
			let mut colour = algebra.mul(hits[self.spheres], flat);
			for (place, hit) in hits[..self.spheres].iter().enumerate() {
				colour = algebra.mul_add(*hit, colours[3 * place + i], colour);
			}
			let dimmed = algebra.mul(colour, brightness);
			let background = algebra.mul(nothing, wires[self.background.start + i]);
			let dimmed = algebra.scale_add(element(FULL), background, dimmed);
			let rounded = algebra.scale_add(element(FULL), parts[i], colour_rests[i]);
			say.equal(COLOUR, dimmed, rounded);
			say.equal(RESULT, wires[self.pixel.start + i], parts[i]);
		}
		say.values()
	}

	fn inputs(&self, operation: usize, _: &[F]) -> Vec<usize> {
		if operation == 0 {
			(self.origin.start..self.axes.start).collect()
		} else {
			let hits = self.hits.clone();
			hits.chain(self.axes.start..self.point.end).collect()
		}
	}

	fn complete(&self, operation: usize, _: &[F], inputs: &[F]) -> Vec<(usize, F)> {
		let filled = if operation == 0 {
			self.surface(inputs)
		} else {
			self.colour(inputs)
		};
		filled.unwrap_or_default()
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
	fn surface(&self, inputs: &[F]) -> Option<Vec<(usize, F)>> {
		let mut inputs = Inputs::new(inputs);
		let origin = inputs.vector(1 << 12)?;
		let direction = inputs.vector(1 << 13)?;
		let step = inputs.number(1 << 24)?;
		let what = inputs.chosen(self.spheres + 1)?;
		let centres = (0..self.spheres)
			.map(|_| inputs.vector(1 << 13))
			.collect::<Option<Vec<_>>>()?;
		let flat = inputs.vector(1 << 7)?;

		let ways = direction.map(|part| part * step);
		let offset = ways.map(|way| way >> STEP_BITS);
		let normal = what.map_or([0; 3], |what| {
			centres
				.get(what)
				.map_or(flat, |centre| along(offset, -1, *centre))
		});
		let point = along(origin, 1, offset);
		let mut filled = Vec::new();
		filled.extend((self.point.start..).zip(point.map(element)));
		filled.extend((self.normal.start..).zip(normal.map(element)));
		let rests = ways.map(|way| way & ((1 << STEP_BITS) - 1));
		fill(&mut filled, &self.step_rests, rests, STEP_REST_DIGITS);
		let shifted = offset.map(|part| part + OFFSET_SHIFT);
		fill(&mut filled, &self.offsets, shifted, OFFSET_DIGITS);
		Some(filled)
	}

	fn colour(&self, inputs: &[F]) -> Option<Vec<(usize, F)>> {
		let mut inputs = Inputs::new(inputs);
		let what = inputs.chosen(self.spheres + 1)?;
		let axes = [inputs.vector(1 << 12)?, inputs.vector(1 << 12)?];
		let colours = (0..self.spheres + 2)
			.map(|_| inputs.vector(255))
			.collect::<Option<Vec<_>>>()?;
		let background = inputs.vector(255)?;
		let total = self
			.lights
			.clone()
			.map(|_| inputs.number(FULL))
			.sum::<Option<i64>>()?;
		let point = inputs.vector(1 << 15)?;

		let mut filled = Vec::new();
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
				let which = if what < self.spheres {
					what
				} else {
					self.spheres + (odd[0] ^ odd[1]) as usize
				};
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
		filled.extend((self.pixel.start..).zip(parts.map(element)));
		Some(filled)
	}
}
