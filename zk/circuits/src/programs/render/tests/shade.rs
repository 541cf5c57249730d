//! The gate of points and colours, without one of its constraints.

use plonky2::field::types::Field;

use super::{
	super::{
		gates::shade::Shade,
		scene::{dot, FULL},
	},
	rows::*,
	*,
};
use crate::{
	gadgets::{custom::element, octal::testing::assert_refused_by},
	F,
};

/// The first plane among the things.
const FLATS: usize = 8;

fn gate() -> Shade {
	Shade::new(WHOLE.room)
}

// `scripts/list-constraints` looks for calls of this name.
fn needed(name: &'static str, row: Vec<F>) {
	assert_refused_by(name, gate, &[row]);
}

/// Sets the colour without what is mirrored, each part times a brightness, and mixes in what is.
fn set_pixel(row: &mut [F], dimmed: [i64; 3]) {
	let gate = gate();
	let hits = row[gate.hits.clone()].iter();
	let share = (hits.zip(&row[gate.mirrors.clone()]))
		.map(|(hit, share)| int(*hit) * int(*share))
		.sum::<i64>();
	for (i, of_part) in dimmed.into_iter().enumerate() {
		let value = of_part.div_euclid(FULL);
		write(row, part(&gate.parts, i, 3), value);
		write(
			row,
			part(&gate.colour_rests, i, 3),
			of_part.rem_euclid(FULL),
		);
		let seen = int(row[gate.seen.start + i]);
		set_mixed(row, i, value * (FULL - share) + seen * share);
	}
}

fn set_mixed(row: &mut [F], i: usize, whole: i64) {
	let gate = gate();
	write(row, part(&gate.mixed, i, 3), whole / FULL);
	write(row, part(&gate.mixed_rests, i, 3), whole % FULL);
	row[gate.pixel.start + i] = element(whole / FULL);
}

fn total(row: &[F]) -> i64 {
	row[gate().lights.clone()]
		.iter()
		.map(|part| int(*part))
		.sum()
}

/// A row of the floor, the colours there and its brightness.
fn shaded() -> (Vec<F>, [[i64; 3]; 2], i64) {
	let gate = gate();
	let pixel =
		pixel(|pixel| pixel.hit.what == Some(FLATS) && (300..500).contains(&total(&pixel.shaded)));
	let row = pixel.shaded;
	let odd = int(row[gate.odd.start]) ^ int(row[gate.odd.start + 1]);
	let mut colours = [pixel.tile.colours[FLATS], pixel.tile.colours[FLATS + 1]];
	colours.rotate_left(odd as usize);
	let total = total(&row);
	(row, colours, total)
}

#[test]
fn shade_digits_should_be_digits() {
	let (mut row, ..) = shaded();
	let gate = gate();
	row[gate.mixed.start] += F::ONE;
	row[gate.pixel.start] += F::ONE;
	row[gate.mixed_rests.start + 2] -= F::from_canonical_u64(8);
	needed("render shade: digits are 0 to 7", row);
}

#[test]
fn odd_full_and_tops_should_be_bits() {
	// Full is -1: three times the slack, and a brightness of 2 total - full.
	let (mut row, [colour, _], total) = shaded();
	let gate = gate();
	row[gate.full] = F::NEG_ONE;
	write(&mut row, gate.slack.clone(), 3 * (FULL - total));
	set_pixel(&mut row, colour.map(|part| part * (2 * total - FULL)));
	needed(
		"render shade: odd, full and the top of a way are 0 or 1",
		row,
	);

	// Any digits have their top in the field.
	let (mut row, ..) = shaded();
	let change = if int(row[gate.offsets.start]) < 7 {
		1
	} else {
		-1
	};
	row[gate.offsets.start] += element(change);
	row[gate.offset_tops.start] -= element(change) / element(1 << 15);
	needed(
		"render shade: odd, full and the top of a way are 0 or 1",
		row,
	);
}

#[test]
fn way_to_the_point_should_be_its_digits() {
	// Any remainder has its quotient in the field.
	let gate = gate();
	let mut row = plain().shaded;
	let change = if int(row[gate.step_rests.start]) < 7 {
		1
	} else {
		-1
	};
	row[gate.step_rests.start] += element(change);
	row[gate.point.start] -= element(change) / element(1 << 18);
	needed("render shade: the way to the point is its digits", row);
}

/// A plane without a checker: nothing but the point follows from how far it is.
fn plain() -> Traced {
	let mut tile = whole_tile(16);
	tile.scene.planes[0].checker = None;
	pixel_of(tile, |pixel| pixel.hit.what == Some(FLATS))
}

#[test]
fn way_to_the_point_should_be_the_rays_rounded_down() {
	let gate = gate();
	let mut row = plain().shaded;
	let first = gate.offsets.start;
	let change = if int(row[first]) < 7 { 1 } else { -1 };
	for wire in [first, gate.point.start] {
		row[wire] += element(change);
	}
	needed(
		"render shade: the way to the point is the ray's, rounded down",
		row,
	);
}

#[test]
fn normal_should_be_of_what_is_met() {
	// The normal of a plane is another one's, and with it where the ray is thrown back.
	for what in [1, 4, 7, FLATS, FLATS + 1] {
		let pixel = pixel(|pixel| pixel.hit.what == Some(what));
		let gate = gate();
		let mut row = pixel.shaded.clone();
		let direction = pixel.ray.direction;
		let mut normal = [0, 1, 2].map(|i| int(row[gate.normal.start + i]));
		normal[0] += 1;
		set_thrown(&mut row, direction, normal);
		for (i, of_part) in normal.into_iter().enumerate() {
			row[gate.normal.start + i] = element(of_part);
		}
		needed("render shade: the normal is of what is met", row);
	}
}

/// Sets where a direction is thrown back by a normal.
fn set_thrown(row: &mut [F], direction: [i64; 3], normal: [i64; 3]) {
	let gate = gate();
	let square = dot(normal, normal);
	for i in 0..3 {
		let twice = 2 * dot(normal, direction) * normal[i];
		let (taken, rest) = (twice.div_euclid(square), twice.rem_euclid(square));
		write(row, part(&gate.thrown, i, 5), taken + (1 << 14));
		write(row, part(&gate.thrown_rests, i, 9), rest);
		write(row, part(&gate.thrown_gaps, i, 9), square - 1 - rest);
		row[gate.reflected.start + i] = element(direction[i] - taken);
	}
}

#[test]
fn cell_should_be_rounded_down() {
	// The other colour of the checker.
	let (mut row, [_, other], total) = shaded();
	let gate = gate();
	row[gate.odd.start] = F::ONE - row[gate.odd.start];
	set_pixel(&mut row, other.map(|part| part * total));
	needed("render shade: a cell is rounded down", row);
}

#[test]
fn brightness_should_be_at_most_full() {
	let (mut row, [colour, _], _) = shaded();
	row[gate().full] = F::ONE;
	set_pixel(&mut row, colour.map(|part| part * FULL));
	needed("render shade: the brightness is at most full", row);
}

#[test]
fn colour_should_be_dimmed_and_rounded_down() {
	let (mut row, [colour, _], total) = shaded();
	set_pixel(&mut row, colour.map(|part| part * total + FULL));
	needed("render shade: the colour is dimmed and rounded down", row);
}

#[test]
fn pixel_should_be_its_digits() {
	let (mut row, ..) = shaded();
	row[gate().pixel.start + 1] += F::ONE;
	needed("render shade: the pixel is its digits", row);
}

/// A row of a sphere that mirrors, what it takes from a part of the direction, and what rounding that leaves; and the square of
/// the normal.
fn mirror() -> (Vec<F>, [i64; 3]) {
	let gate = gate();
	let row = pixel(|pixel| pixel.hit.what == Some(0)).shaded;
	let taken = read(&row, part(&gate.thrown, 1, 5));
	let rest = read(&row, part(&gate.thrown_rests, 1, 9));
	let normal = [0, 1, 2].map(|i| int(row[gate.normal.start + i]));
	(row, [taken, rest, dot(normal, normal)])
}

fn set_taken(row: &mut [F], taken: i64, rest: i64) {
	let gate = gate();
	write(row, part(&gate.thrown, 1, 5), taken);
	write(row, part(&gate.thrown_rests, 1, 9), rest);
	let direction = int(row[gate.direction.start + 1]);
	row[gate.reflected.start + 1] = element(direction - (taken - (1 << 14)));
}

#[test]
fn what_a_mirror_takes_should_be_rounded_down() {
	let (mut row, [taken, rest, _]) = mirror();
	set_taken(&mut row, taken + 1, rest);
	needed(
		"render shade: what a mirror takes from the direction is rounded down",
		row,
	);
}

#[test]
fn remainder_of_what_a_mirror_takes_should_be_below_the_divisor() {
	let (mut row, [taken, rest, square]) = mirror();
	set_taken(&mut row, taken - 1, rest + square);
	needed(
		"render shade: what that rounding leaves is below the divisor",
		row,
	);
}

#[test]
fn direction_should_be_thrown_back() {
	let (mut row, _) = mirror();
	row[gate().reflected.start + 2] += F::ONE;
	needed("render shade: the direction is thrown back", row);
}

#[test]
fn what_is_mirrored_should_be_mixed_in() {
	// The colour alone, as if nothing were mirrored; and all of what is seen.
	let mixes = |pixel: &Traced| {
		let gate = gate();
		let value = |i| read(&pixel.shaded, part(&gate.parts, i, 3));
		let seen = |i| int(pixel.shaded[gate.seen.start + i]);
		pixel.hit.what == Some(0) && (0..3).all(|i| value(i).abs_diff(seen(i)) > 20)
	};
	let row = pixel(mixes).shaded;
	let gate = gate();
	for seen in [false, true] {
		let mut row = row.clone();
		for i in 0..3 {
			let value = match seen {
				true => int(row[gate.seen.start + i]),
				false => read(&row, part(&gate.parts, i, 3)),
			};
			set_mixed(&mut row, i, value * FULL);
		}
		needed(
			"render shade: what is mirrored is mixed in and rounded down",
			row,
		);
	}
}
