//! The gate that traces rays, without one of its constraints.

use plonky2::field::types::Field;

use super::{
	super::{
		gates::trace::Trace,
		reference::{Chord, Fan, Slope},
		scene::dot,
	},
	rows::*,
	*,
};
use crate::{
	gadgets::{custom::element, octal::testing::assert_refused_by},
	F,
};

/// The first triangle, and the first plane, among the things.
const FACES: usize = 4;
const FLATS: usize = 8;

fn gate() -> Trace {
	Trace::new(WHOLE.room)
}

// `scripts/list-constraints` looks for calls of this name.
fn needed(name: &'static str, row: Vec<F>) {
	assert_refused_by(name, gate, &[row]);
}

/// A row as if a thing were not there, with the thing there.
fn without(pixel: &Traced, what: usize) -> Vec<F> {
	let gate = gate();
	let (given, empty) = match what {
		FLATS.. => (part(&gate.flats, what - FLATS, 4), vec![0, 0, 0, -1]),
		FACES.. => (part(&gate.faces, what - FACES, 9), vec![0; 9]),
		_ => (part(&gate.balls, what, 4), vec![0, 0, 0, -1]),
	};
	as_if(&gate, 0..gate.from.end, &pixel.traced, given, &empty)
}

fn chord(pixel: &Traced, place: usize) -> Chord {
	let ball = &pixel.tile.shapes.balls[place];
	Chord::new(ball, pixel.ray.origin, pixel.ray.direction)
}

fn slope(pixel: &Traced, number: usize) -> Slope {
	let flat = &pixel.tile.shapes.flats[number];
	Slope::new(flat, pixel.ray.origin, pixel.ray.direction)
}

fn fan(pixel: &Traced, number: usize) -> (Fan, bool) {
	let face = &pixel.tile.shapes.faces[number];
	Fan::of_line(face, pixel.ray.origin, pixel.ray.direction)
}

fn square(pixel: &Traced) -> i64 {
	dot(pixel.ray.direction, pixel.ray.direction)
}

/// What a row says that is met.
fn met(row: &[F]) -> Option<usize> {
	gate().hits.position(|wire| row[wire] == F::ONE)
}

/// Sets the step, what it leaves, and what that is short of the divisor.
fn set_step(row: &mut [F], step: i64, rest: i64, gap: i64) {
	let gate = gate();
	row[gate.step] = element(step);
	write(row, gate.step_digits.clone(), step);
	write(row, gate.rest.clone(), rest);
	write(row, gate.gap.clone(), gap);
}

/// Sets the step to a quotient.
fn divide(row: &mut [F], dividend: i64, divisor: i64) {
	let rest = dividend % divisor;
	set_step(row, dividend / divisor, rest, divisor - 1 - rest);
}

/// Step, rest and gap of a row.
fn step_of(row: &[F]) -> [i64; 3] {
	let gate = gate();
	[gate.step_digits, gate.rest, gate.gap].map(|range| read(row, range))
}

#[test]
fn trace_digits_should_be_digits() {
	// Rounded up, with a negative remainder.
	let mut row = showing(1).traced;
	let [step, rest, gap] = step_of(&row);
	let divisor = rest + gap + 1;
	set_step(&mut row, step + 1, rest - divisor, gap + divisor);
	needed("render trace: digits are 0 to 7", row);
}

#[test]
fn what_is_met_and_how_things_are_missed_should_be_a_bit() {
	// A sphere is made to be missed by a mixture of two ways to miss it.
	let pixel = showing(2);
	let mut row = without(&pixel, 2);
	let Chord { b, k, .. } = chord(&pixel, 2);
	let gate = gate();
	let share = element(k) / element(k - b);
	row[gate.behind.start + 2] = share;
	row[gate.inside.start + 2] = F::ONE - share;
	write(&mut row, part(&gate.ball_digits, 2, 20), 0);
	needed(
		"render trace: what is met and how things are missed is 0 or 1",
		row,
	);

	// A plane is met once and another minus once, which is nothing in sum. The first plane's claim gets theirs added to it, and
	// what it is if nothing is met makes up for that.
	let mut row = self::pixel(|pixel| pixel.hit.what.is_none()).traced;
	let rest = read(&row, gate.rest.clone());
	let [second, third] = [0, 1].map(|number| read(&row, part(&gate.flat_digits, number, 16)));
	let sign = if second - third <= rest { 1 } else { -1 };
	row[gate.hits.start + FLATS + 1] = element(sign);
	row[gate.hits.start + FLATS + 2] = element(-sign);
	write(&mut row, gate.rest.clone(), rest - sign * (second - third));
	needed(
		"render trace: what is met and how things are missed is 0 or 1",
		breaking_one(&gate, row),
	);
}

#[test]
fn one_thing_should_be_met() {
	// A sphere and a plane that is not there: the one empty place adds to the other's step.
	let pixel = pixel(|pixel| pixel.hit.what == Some(3) && pixel.hit.step < 1 << 17);
	let gate = gate();
	let mut row = pixel.traced.clone();
	row[part(&gate.flats, 2, 4)].copy_from_slice(&elements([0, 0, 0, -1]));
	row[gate.hits.start + FLATS + 2] = F::ONE;
	let dividend = ((chord(&pixel, 3).b - pixel.hit.root + 1) << 18) - 1;
	divide(&mut row, dividend, square(&pixel));
	needed("render trace: one thing at most is met", row);
}

#[test]
fn thing_should_be_missed_in_one_way() {
	// Behind and inside at once: what must not be negative is D + 1 - b - k.
	let pixel = showing(2);
	let mut row = without(&pixel, 2);
	let Chord { b, d, k } = chord(&pixel, 2);
	let gate = gate();
	row[gate.behind.start + 2] = F::ONE;
	row[gate.inside.start + 2] = F::ONE;
	assert!(d + 1 > b + k);
	write(&mut row, part(&gate.ball_digits, 2, 20), d + 1 - b - k);
	needed("render trace: a thing is missed in one way", row);

	// Beyond two edges of a triangle at once: H - 2 less both determinants.
	let pixel = self::pixel(|pixel| {
		let fan = fan(pixel, 3).0;
		pixel.hit.what == Some(FACES + 3) && fan.edges[0] + fan.edges[1] + 2 <= fan.height
	});
	let fan = fan(&pixel, 3).0;
	let mut row = without_face(&pixel, 3);
	row[part(&gate.edges, 3, 3)][..2].fill(F::ONE);
	let claim = fan.height - 2 - fan.edges[0] - fan.edges[1];
	write(&mut row, part(&gate.face_digits, 3, 20), claim);
	needed(
		"render trace: a thing is missed in one way",
		breaking_one(&gate, row),
	);

	// Below and farther at once, of two planes in one place: m - 2h - 2, in place of the claim of the plane that is met.
	let mut tile = whole_tile(16);
	tile.scene.planes[1] = tile.scene.planes[0].clone();
	let pixel = pixel_of(tile, |pixel| {
		let Slope { above, towards } = slope(pixel, 0);
		pixel.hit.what == Some(FLATS) && 2 * above + 2 <= towards
	});
	let Slope { above, towards } = slope(&pixel, 0);
	let mut row = without(&pixel, FLATS);
	row[gate.below.start] = F::ONE;
	row[gate.farther.start] = F::ONE;
	let claim = towards - 2 * above - 2;
	write(&mut row, part(&gate.flat_digits, 0, 16), claim);
	needed(
		"render trace: a thing is missed in one way",
		breaking_one(&gate, row),
	);
}

#[test]
fn ray_should_not_meet_what_it_begins_on() {
	let gate = gate();
	let mut row = showing(FLATS).traced;
	row[gate.from.start + FLATS] = F::ONE;
	// No farther than itself.
	row[gate.farther.start] = F::ONE;
	needed("render trace: a ray does not meet what it begins on", row);
}

#[test]
fn sphere_before_what_is_met_should_be_missed() {
	let row = without(&showing(0), 0);
	needed("render trace: a sphere before what is met is missed", row);
}

#[test]
fn sphere_should_not_be_later_than_a_triangle_behind_it() {
	let behind = |pixel: &Traced| {
		pixel.hit.what == Some(2) && matches!(met(&without(pixel, 2)), Some(FACES..FLATS))
	};
	let pixel = pixel(behind);
	let gate = gate();
	let mut row = without(&pixel, 2);
	row[gate.later.start + 2] = F::ONE;
	needed("render trace: a sphere before what is met is missed", row);
}

#[test]
fn root_should_be_rounded_down() {
	let pixel = showing(1);
	let mut row = pixel.traced.clone();
	let root = pixel.hit.root - 1;
	row[gate().root] = element(root);
	let dividend = ((chord(&pixel, 1).b - root) << 18) - 1;
	divide(&mut row, dividend, square(&pixel));
	needed("render trace: the root is rounded down", row.clone());

	// The lower half is right but not the sum of both; and the other way round.
	let d = chord(&pixel, 1).d;
	let high = 2 * pixel.hit.root - (d - pixel.hit.root * pixel.hit.root);
	for [low, high] in [[d - root * root, high], [0, 2 * root]] {
		let mut row = row.clone();
		write(
			&mut row,
			part(&gate().ball_digits, 1, 20),
			low + (high << 30),
		);
		needed(
			"render trace: the root is rounded down",
			breaking_one(&gate(), row),
		);
	}
}

#[test]
fn triangle_should_be_seen_from_its_side() {
	// A triangle that is met is said to be missed beyond an edge, as it would be if its corners ran the other way.
	let pixel = pixel(|pixel| pixel.hit.what == Some(FACES) && fan(pixel, 0).0.edges[0] > 0);
	let gate = gate();
	let (fan, back) = fan(&pixel, 0);
	let mut row = without(&pixel, FACES);
	row[gate.back.start] = F::from_bool(!back);
	row[gate.edges.start] = F::ONE;
	write(&mut row, part(&gate.face_digits, 0, 20), fan.edges[0] - 1);
	needed("render trace: a triangle is seen from its side", row);
}

/// A row as if a triangle were not there, but for what is said of its side.
fn without_face(pixel: &Traced, number: usize) -> Vec<F> {
	let gate = gate();
	let (fan, back) = fan(pixel, number);
	let mut row = without(pixel, FACES + number);
	row[gate.back.start + number] = F::from_bool(back);
	write(&mut row, part(&gate.height_digits, number, 14), fan.height);
	row
}

#[test]
fn triangle_before_what_is_met_should_be_missed() {
	for number in [0, 3] {
		let row = without_face(&showing(FACES + number), number);
		needed("render trace: a triangle before what is met is missed", row);
	}
}

#[test]
fn triangle_should_not_be_later_than_what_is_behind_it() {
	for near in [true, false] {
		// A sphere, behind the pyramid's front alone; or another triangle.
		let mut tile = whole_tile(16);
		if near {
			tile.scene.triangles.drain(1..3);
		}
		let behind = |pixel: &Traced| {
			let Some(what @ FACES..FLATS) = pixel.hit.what else {
				return false;
			};
			let next = met(&without_face(pixel, what - FACES));
			next.is_some_and(|next| (next < FACES) == near && next < FLATS)
		};
		let pixel = pixel_of(tile, behind);
		let number = pixel.hit.what.unwrap() - FACES;
		let mut row = without_face(&pixel, number);
		row[gate().later.start + FACES + number] = F::ONE;
		needed("render trace: a triangle before what is met is missed", row);
	}
}

#[test]
fn triangle_should_be_met_within_its_edges() {
	// Beside a triangle, where nothing is before the planes.
	let beside = |pixel: &Traced| {
		let (fan, _) = fan(pixel, 3);
		pixel.hit.what.is_none_or(|what| what >= FLATS) && fan.height > 0 && fan.along() > 0
	};
	let pixel = pixel(beside);
	let gate = gate();
	let (fan, back) = fan(&pixel, 3);
	let mut row = pixel.traced.clone();
	row[gate.hits.clone()].fill(F::ZERO);
	row[gate.hits.start + FACES + 3] = F::ONE;
	row[gate.turned.start] = F::from_bool(back);
	row[gate.edges.start + 9..gate.edges.end].fill(F::ZERO);
	write(&mut row, part(&gate.height_digits, 3, 14), fan.height - 1);
	write(&mut row, part(&gate.face_digits, 3, 20), 0);
	row[gate.farther.clone()].fill(F::ZERO);
	divide(&mut row, fan.height << 18, fan.along());
	needed("render trace: a triangle is met within its edges", row);
}

#[test]
fn nothing_should_be_later_than_nothing() {
	// A sphere is made to vanish before a plane, and a triangle before another.
	for what in [1, FACES + 3] {
		let pixel = pixel(|pixel| {
			pixel.hit.what == Some(what)
				&& met(&without(pixel, what)).is_none_or(|next| next >= FLATS)
		});
		let gate = gate();
		let (mut row, later) = match what {
			FACES.. => (without_face(&pixel, what - FACES), what),
			_ => (without(&pixel, what), what),
		};
		row[gate.later.start + later] = F::ONE;
		if what >= FACES {
			let (fan, _) = fan(&pixel, what - FACES);
			write(
				&mut row,
				part(&gate.face_digits, what - FACES, 20),
				fan.height << 18,
			);
		} else {
			write(&mut row, part(&gate.ball_digits, what, 20), 0);
		}
		needed("render trace: nothing is later than nothing", row);
	}
}

#[test]
fn plane_before_what_is_met_should_be_missed() {
	for number in 0..3 {
		let row = without(&showing(FLATS + number), FLATS + number);
		needed("render trace: a plane before what is met is missed", row);
	}
}

#[test]
fn plane_should_not_be_farther_than_one_behind_it() {
	let behind = |pixel: &Traced| {
		let Some(what @ FLATS..) = pixel.hit.what else {
			return false;
		};
		met(&without(pixel, what)).is_some()
	};
	let pixel = pixel(behind);
	let what = pixel.hit.what.unwrap();
	let mut row = without(&pixel, what);
	row[gate().farther.start + what - FLATS] = F::ONE;
	needed("render trace: a plane before what is met is missed", row);
}

#[test]
fn no_plane_should_be_farther_than_none() {
	let alone =
		|pixel: &Traced| pixel.hit.what == Some(FLATS) && met(&without(pixel, FLATS)).is_none();
	let mut row = without(&pixel(alone), FLATS);
	let gate = gate();
	row[gate.farther.start] = F::ONE;
	write(&mut row, gate.rest.clone(), 0);
	needed("render trace: no plane is farther than none", row);
}

#[test]
fn step_should_be_its_digits() {
	// Any remainder has its quotient in the field.
	let mut row = showing(1).traced;
	let [step, rest, gap] = step_of(&row);
	let divisor = element(rest + gap + 1);
	let other = if gap > 0 { 1 } else { -1 };
	set_step(&mut row, step, rest + other, gap - other);
	row[gate().step] = element(step) - element(other) / divisor;
	needed("render trace: the step is its digits", row);
}

#[test]
fn step_should_be_the_quotient() {
	let mut row = showing(1).traced;
	let [step, rest, gap] = step_of(&row);
	set_step(&mut row, step + 1, rest, gap);
	needed("render trace: the step is the quotient", row);
}

#[test]
fn remainder_of_the_step_should_be_below_the_divisor() {
	let mut row = showing(1).traced;
	let [step, rest, gap] = step_of(&row);
	set_step(&mut row, step - 1, rest + rest + gap + 1, gap);
	needed("render trace: the remainder is below the divisor", row);
}

#[test]
fn plane_should_be_met_within_the_ray() {
	let pixel = pixel(|pixel| pixel.hit.what.is_none() && slope(pixel, 1).towards > 0);
	let mut row = pixel.traced.clone();
	let gate = gate();
	let Slope { above, towards } = slope(&pixel, 1);
	row[gate.hits.start + FLATS + 1] = F::ONE;
	// The first plane's claim makes room for what the quotient leaves.
	let claim = read(&row, gate.rest.clone());
	write(&mut row, part(&gate.flat_digits, 0, 16), claim);
	divide(&mut row, above << 18, towards);
	needed("render trace: the plane is met within the ray", row);
}

/// A row that shows a sphere, before which no triangle needs to be; its middle, and what that leaves.
fn with_middle() -> (Vec<F>, [i64; 2]) {
	let gate = gate();
	let later = |pixel: &Traced| {
		let bits = &pixel.traced[gate.later.clone()][FACES..];
		bits.contains(&F::ONE)
	};
	let pixel = pixel(|pixel| pixel.hit.what == Some(1) && !later(pixel));
	let row = pixel.traced;
	let rest = gate.middle.start + 9..gate.middle.start + 19;
	let rest = read(&row, rest);
	(row, [pixel.hit.middle, rest])
}

fn set_middle(row: &mut [F], middle: i64, rest: i64) {
	let first = gate().middle.start;
	write(row, first..first + 9, middle);
	write(row, first + 9..first + 19, rest);
}

#[test]
fn middle_should_be_the_quotient() {
	let (mut row, [middle, rest]) = with_middle();
	set_middle(&mut row, middle + 1, rest);
	needed("render trace: the middle of a sphere is the quotient", row);
}

#[test]
fn remainder_of_the_middle_should_be_below_the_divisor() {
	let (mut row, [middle, rest]) = with_middle();
	let gate = gate();
	let direction = [0, 1, 2].map(|i| int(row[gate.direction.start + i]));
	set_middle(&mut row, middle - 1, rest + dot(direction, direction));
	needed(
		"render trace: the middle's remainder is below the divisor",
		row,
	);
}

#[test]
fn triangle_should_be_turned_as_it_is_met() {
	for number in [0, 3] {
		let mut row = showing(FACES + number).traced;
		let wire = gate().turned.start;
		row[wire] = F::ONE - row[wire];
		needed("render trace: a triangle is turned as it is met", row);
	}
}
