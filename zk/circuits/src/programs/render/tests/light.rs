//! The gate of a lamp, without one of its constraints.

use plonky2::field::types::Field;

use super::{
	super::{
		gates::light::Light,
		reference::{ball_blocks, blocker, face_blocks, Chord, Fan},
		scene::{along, dot, FULL},
	},
	rows::*,
	*,
};
use crate::{
	gadgets::{
		custom::{element, testing},
		octal::testing::assert_refused_by,
	},
	F,
};

/// The first triangle, and the first plane, among the things.
const FACES: usize = 4;
const FLATS: usize = 8;

fn gate() -> Light {
	Light::new(WHOLE.room)
}

// `scripts/list-constraints` looks for calls of this name.
fn needed(name: &'static str, row: Vec<F>) {
	assert_refused_by(name, gate, &[row]);
}

/// Brightness, rest and gap of a lit row.
fn brightness_of(row: &[F]) -> [i64; 3] {
	let gate = gate();
	[gate.brightness_digits, gate.rest, gate.gap].map(|range| read(row, range))
}

fn set_brightness(row: &mut [F], [brightness, rest, gap]: [i64; 3]) {
	let gate = gate();
	row[gate.brightness] = element(brightness);
	write(row, gate.brightness_digits.clone(), brightness);
	write(row, gate.rest.clone(), rest);
	write(row, gate.gap.clone(), gap);
}

/// Makes a row say that something blocks; nothing else is said then but what the claim takes of the spheres' digits.
fn block(row: &mut [F], what: usize) {
	let gate = gate();
	row[gate.blockers.start..gate.cases.end].fill(F::ZERO);
	row[gate.blockers.start + what] = F::ONE;
	row[gate.brightness] = F::ZERO;
}

/// Makes a row say that a sphere blocks.
fn block_by_ball(row: &mut [F], place: usize, claim: i64, between: [i64; 2]) {
	let gate = gate();
	block(row, place);
	write(row, part(&gate.ball_digits, place, 20), claim);
	let next = part(&gate.ball_digits, (place + 1) % 4, 20);
	write(row, next, between[0] + (between[1] << 30));
}

/// Makes a row say that a triangle blocks.
fn block_by_face(row: &mut [F], number: usize, edges: [i64; 3], within: i64) {
	let gate = gate();
	block(row, FACES + number);
	write(row, part(&gate.face_digits, number, 14), edges[0]);
	for (place, claim) in [edges[1], edges[2], within].into_iter().enumerate() {
		write(row, part(&gate.ball_digits, place, 20), claim);
	}
}

/// A thing that is partly lit, not so far off that nothing could be behind it.
fn lit_thing(what: usize) -> Traced {
	pixel(|pixel| {
		let light = int(pixel.lit[gate().brightness]);
		let point = &pixel.lit[gate().point];
		let is_near = point.iter().all(|part| int(*part).abs() < 2500);
		pixel.hit.what == Some(what) && light > 50 && light < 500 && is_near
	})
}

/// A part of the floor that is partly lit.
fn lit() -> Traced {
	lit_thing(FLATS)
}

fn lamp_direction(pixel: &Traced) -> [i64; 3] {
	let gate = gate();
	let point = [0, 1, 2].map(|i| int(pixel.lit[gate.point.start + i]));
	along(point, -1, pixel.tile.lamps[0].position)
}

fn chord(pixel: &Traced, place: usize) -> Chord {
	let (tile, direction) = (&pixel.tile, lamp_direction(pixel));
	Chord::new(&tile.shapes.balls[place], tile.lamps[0].position, direction)
}

fn fan(pixel: &Traced, number: usize) -> Fan {
	let (tile, direction) = (&pixel.tile, lamp_direction(pixel));
	let lamp = &tile.lamps[0];
	Fan::new(
		&tile.shapes.faces[number],
		lamp.sides[number],
		lamp.position,
		direction,
	)
}

/// All that stands between a pixel and the lamp, but for what the pixel shows.
fn blockers(pixel: &Traced) -> Vec<usize> {
	let (shapes, lamp) = (&pixel.tile.shapes, &pixel.tile.lamps[0]);
	let direction = lamp_direction(pixel);
	let balls = (0..4).filter(|it| ball_blocks(&shapes.balls[*it], lamp.position, direction));
	let faces = (0..4).filter(|it| {
		face_blocks(
			&shapes.faces[*it],
			lamp.sides[*it],
			lamp.position,
			direction,
		)
	});
	(balls.chain(faces.map(|number| FACES + number)))
		.filter(|blocker| Some(*blocker) != pixel.hit.what)
		.collect()
}

/// A pixel in the shadow of one thing alone, one of those given; that thing; and the row as if it were not there.
fn shadowed(by: std::ops::Range<usize>) -> (Traced, usize, Vec<F>) {
	let alone = |pixel: &Traced| {
		let blockers = blockers(pixel);
		pixel.hit.what.is_some() && blockers.len() == 1 && by.contains(&blockers[0])
	};
	// Of the pyramid the front alone, or two of its sides would throw each shadow.
	let mut tile = whole_tile(16);
	tile.scene.triangles.drain(1..3);
	let pixel = pixel_of(tile, alone);
	let blocker = blockers(&pixel)[0];
	let gate = gate();
	let (given, empty) = match blocker {
		FACES.. => (part(&gate.faces, blocker - FACES, 9), vec![0; 9]),
		_ => (part(&gate.balls, blocker, 4), vec![0, 0, 0, -1]),
	};
	let row = as_if(&gate, 0..gate.normal.end, &pixel.lit, given, &empty);
	(pixel, blocker, row)
}

#[test]
fn light_digits_should_be_digits() {
	let mut row = lit().lit;
	let [brightness, rest, gap] = brightness_of(&row);
	let divisor = rest + gap + 1;
	set_brightness(&mut row, [brightness + 1, rest - divisor, gap + divisor]);
	needed("render light: digits are 0 to 7", row);
}

#[test]
fn cases_of_light_should_be_bits() {
	let gate = gate();
	let (pixel, blocker, mut row) = shadowed(0..FACES);
	let Chord { b, d, .. } = chord(&pixel, blocker);
	row[gate.behind.start + blocker] = element(d + 1) / element(d + 1 - b);
	write(&mut row, part(&gate.ball_digits, blocker, 20), 0);
	needed("render light: cases are 0 or 1", row);

	// A mixture of two edges.
	let (pixel, blocker, mut row) = shadowed(FACES..FLATS);
	let [a, b, _] = fan(&pixel, blocker - FACES).edges;
	let share = element(b + 1) / element(b - a);
	let first = gate.edges.start + 3 * (blocker - FACES);
	row[first] = share;
	row[first + 1] = F::ONE - share;
	write(&mut row, part(&gate.face_digits, blocker - FACES, 14), 0);
	needed("render light: cases are 0 or 1", row);
}

#[test]
fn one_case_of_light_should_hold() {
	// Behind and beyond at once: what must not be negative is D + 1 - a.
	let gate = gate();
	let (pixel, blocker, mut row) = shadowed(0..FACES);
	let direction = lamp_direction(&pixel);
	let (d, a) = (chord(&pixel, blocker).d, dot(direction, direction));
	row[gate.behind.start + blocker] = F::ONE;
	row[gate.beyond.start + blocker] = F::ONE;
	assert!(d + 1 > a);
	write(&mut row, part(&gate.ball_digits, blocker, 20), d + 1 - a);
	needed("render light: one case at most holds", row);

	// Beyond all edges at once: what must not be negative is along - 2 height - 3.
	let pixel = lit();
	let near = lamp_direction(&pixel).map(|part| part / 4);
	let (corners, side, fan) = level_face(&pixel, near);
	let mut row = pixel.lit.clone();
	row[part(&gate.faces, 2, 9)].copy_from_slice(&elements(corners.concat()));
	row[gate.sides.start + 2] = element(side);
	row[part(&gate.edges, 2, 3)].fill(F::ONE);
	let claim = fan.along() - 2 * fan.height - 3;
	assert!(claim >= 0);
	write(&mut row, part(&gate.face_digits, 2, 14), claim);
	needed("render light: one case at most holds", row);
}

#[test]
fn what_does_not_block_should_be_missed() {
	for by in [0..FACES, FACES..FLATS] {
		let (.., row) = shadowed(by);
		needed("render light: what does not block is missed", row);
	}
}

#[test]
fn blocker_should_be_met() {
	let pixel = lit();
	let direction = lamp_direction(&pixel);
	let a = dot(direction, direction);
	let mut row = pixel.lit.clone();
	let Chord { b, d, .. } = chord(&pixel, 1);
	assert!(b > 0 && b < a && d < 0);
	block_by_ball(&mut row, 1, -d, [b - 1, a - b - 1]);
	needed("render light: a blocker is met", row);

	// A triangle that the light passes, on its way through the triangle's plane.
	let beside = |pixel: &Traced| {
		let lit = int(pixel.lit[gate().brightness]) > 50;
		let fan = fan(pixel, 3);
		lit && pixel.hit.what != Some(FACES + 3) && fan.along() > fan.height
	};
	let pixel = self::pixel(beside);
	let mut row = pixel.lit.clone();
	let fan = fan(&pixel, 3);
	block_by_face(&mut row, 3, [0; 3], fan.along() - fan.height - 1);
	needed("render light: a blocker is met", row);
}

/// A lit row with a sphere put in at `centre` from the lamp, which does not change its brightness, and of which D is not negative: b,
/// D and a.
fn with_ball(pixel: &Traced, place: usize, centre: [i64; 3]) -> (Vec<F>, [i64; 3]) {
	let position = pixel.tile.lamps[0].position;
	let ball = super::super::prepared::Ball {
		centre: along(position, 1, centre),
		square: 256,
	};
	let gate = gate();
	let mut inputs = pixel.lit.clone();
	let numbers = elements(ball.centre.into_iter().chain([ball.square]));
	inputs[part(&gate.balls, place, 4)].copy_from_slice(&numbers);
	let row = testing::completed(&gate, &[], |_, input| inputs[input]);
	assert_eq!(row[gate.brightness], pixel.lit[gate.brightness]);
	let direction = lamp_direction(pixel);
	let Chord { b, d, .. } = Chord::new(&ball, position, direction);
	assert!(d >= 0);
	(row, [b, d, dot(direction, direction)])
}

/// A level triangle around `middle`, from the lamp, which the line to the point meets: its corners, and the side that the lamp sees.
fn level_face(pixel: &Traced, middle: [i64; 3]) -> ([[i64; 3]; 3], i64, Fan) {
	let lamp = &pixel.tile.lamps[0];
	let middle = along(lamp.position, 1, middle);
	let corners = [[300, 0, 0], [0, 0, 300], [-300, 0, -300]].map(|it| along(middle, 1, it));
	let seen_as = |side| Fan::new(&corners, side, lamp.position, lamp_direction(pixel));
	let side = seen_as(1).height.signum();
	let fan = seen_as(side);
	assert!(fan.edges.iter().all(|edge| *edge >= 0));
	(corners, side, fan)
}

/// A lit row with such a triangle put in, which does not change its brightness.
fn with_face(pixel: &Traced, number: usize, middle: [i64; 3]) -> (Vec<F>, Fan) {
	let gate = gate();
	let (corners, side, fan) = level_face(pixel, middle);
	let mut inputs = pixel.lit.clone();
	inputs[part(&gate.faces, number, 9)].copy_from_slice(&elements(corners.concat()));
	inputs[gate.sides.start + number] = element(side);
	let row = testing::completed(&gate, &[], |_, input| inputs[input]);
	assert_eq!(row[gate.brightness], pixel.lit[gate.brightness]);
	(row, fan)
}

#[test]
fn blocker_should_be_in_between() {
	let pixel = lit();
	// Behind the lamp.
	let behind = lamp_direction(&pixel).map(|part| -part / 2 * 2);
	let place = behind.map(|part| part / 8);
	let (mut row, [b, d, a]) = with_ball(&pixel, 1, place);
	assert!(b < 0);
	block_by_ball(&mut row, 1, d, [0, a - b - 1]);
	needed(
		"render light: a blocker is in between",
		breaking_one(&gate(), row),
	);

	// Beyond the point.
	let beyond = lamp_direction(&pixel).map(|part| part + part / 8);
	let (mut row, [b, d, a]) = with_ball(&pixel, 1, beyond);
	assert!(b > a);
	block_by_ball(&mut row, 1, d, [b - 1, 0]);
	needed(
		"render light: a blocker is in between",
		breaking_one(&gate(), row),
	);
	let (mut row, fan) = with_face(&pixel, 2, beyond);
	assert!(fan.along() <= fan.height);
	block_by_face(&mut row, 2, fan.edges, 0);
	needed("render light: a blocker is in between", row);
}

#[test]
fn nothing_should_block_its_own_light() {
	let pixel = lit_thing(1);
	let middle = lamp_direction(&pixel).map(|part| part / 2);
	let (mut row, [b, d, a]) = with_ball(&pixel, 1, middle);
	block_by_ball(&mut row, 1, d, [b - 1, a - b - 1]);
	needed("render light: nothing blocks its own light", row);

	let pixel = lit_thing(FACES);
	let middle = lamp_direction(&pixel).map(|part| part / 2);
	let (mut row, fan) = with_face(&pixel, 0, middle);
	block_by_face(&mut row, 0, fan.edges, fan.along() - fan.height - 1);
	needed("render light: nothing blocks its own light", row);
}

#[test]
fn brightness_should_be_the_quotient() {
	let mut row = lit().lit;
	let [brightness, rest, gap] = brightness_of(&row);
	set_brightness(&mut row, [brightness + 1, rest, gap]);
	needed("render light: the brightness is the quotient", row);
}

#[test]
fn remainder_of_the_brightness_should_be_below_the_divisor() {
	let mut row = lit().lit;
	let [brightness, rest, gap] = brightness_of(&row);
	set_brightness(&mut row, [brightness - 1, rest + rest + gap + 1, gap]);
	needed("render light: the remainder is below the divisor", row);
}

#[test]
fn dark_surface_should_face_away() {
	let mut row = lit().lit;
	let gate = gate();
	row[gate.cases.start] = F::ONE;
	row[gate.brightness] = F::ZERO;
	needed("render light: a dark surface faces away", row);
}

#[test]
fn full_brightness_should_be_beyond_the_bound() {
	let mut row = lit().lit;
	let gate = gate();
	row[gate.cases.start + 1] = F::ONE;
	row[gate.brightness] = element(FULL);
	needed("render light: a full brightness is beyond the bound", row);
}

#[test]
fn result_of_light_should_be_the_cases() {
	let mut row = lit().lit;
	row[gate().brightness] += F::ONE;
	needed("render light: the result is the case's", row);
}

#[test]
fn blocker_should_be_the_first_of_those_in_between() {
	let two = |pixel: &Traced| pixel.hit.what.is_some() && blockers(pixel).len() > 1;
	let pixel = pixel(two);
	let what = blocker(
		&pixel.tile.shapes,
		&pixel.tile.lamps[0],
		pixel.hit.what,
		lamp_direction(&pixel),
	);
	assert!(blockers(&pixel).contains(&what.unwrap()));
}
