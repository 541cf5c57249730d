//! The gates and the circuit without one of their constraints.

use std::ops::Range;

use lemma_zk_statement::{bytes_to_hash, hash_to_bytes};
use plonky2::{field::types::Field, hash::poseidon::PoseidonHash, plonk::config::Hasher};

use super::{
	super::{
		circuit::{commitment, Gates, TILE_TAG},
		gates::{light::Light, shade::Shade, trace::Trace},
		prepared::Ball,
		reference::{blocks, direction, discriminant, output, surface, trace, Hit},
		scene::{along, dot, FULL},
	},
	circuits::{cheat, statement, tiny, unbuilt, whole, Targets, TINY},
	*,
};
use crate::{
	constraint::leaving_out::{assert_needed, Cheat},
	gadgets::{
		custom::{element, signed, testing, Row},
		octal::{
			octal,
			testing::{assert_degree, assert_refused_by},
		},
	},
	F,
};

fn gates() -> Gates {
	Gates::new(CLASS)
}

/// Inputs of a gate, in the order of its wires.
fn elements(numbers: impl IntoIterator<Item = i64>) -> Vec<F> {
	numbers.into_iter().map(element).collect()
}

fn of_balls(balls: &[Ball<i64>]) -> Vec<i64> {
	(balls.iter())
		.flat_map(|ball| ball.centre.into_iter().chain([ball.tangent]))
		.collect()
}

/// The honest rows of a pixel: trace, light, shade.
fn rows(tile: &Prepared<i64>, x: usize, y: usize) -> [Vec<F>; 3] {
	let Gates {
		trace: trace_gate,
		light: light_gate,
		shade: shade_gate,
	} = gates();
	let direction = direction(tile, x, y);
	let hit = trace(&tile.balls, &tile.flat, direction);
	let (point, normal) = surface(tile, direction, &hit);
	let flat = &tile.flat;
	let inputs = elements(
		direction
			.into_iter()
			.chain(of_balls(&tile.balls))
			.chain(flat.normal)
			.chain([flat.above]),
	);
	let traced = testing::completed(&trace_gate, &[], |_, input| inputs[input]);
	let hits: Vec<i64> = (0..=4)
		.map(|what| i64::from(hit.what == Some(what)))
		.collect();
	let lamp = &tile.lamps[0];
	let inputs = elements(
		point
			.into_iter()
			.chain(lamp.position)
			.chain(of_balls(&lamp.balls))
			.chain(lamp.gains.clone())
			.chain(hits.clone())
			.chain(normal),
	);
	let lit = testing::completed(&light_gate, &[], |_, input| inputs[input]);
	let surface = elements(
		tile.origin
			.into_iter()
			.chain(direction)
			.chain([hit.step])
			.chain(hits.clone())
			.chain(tile.balls.iter().flat_map(|ball| ball.centre))
			.chain(flat.normal),
	);
	let brightness = lit[light_gate.brightness];
	let mut colour = elements(
		hits.into_iter()
			.chain(flat.axes.concat())
			.chain(tile.colours.concat())
			.chain(flat.colours.concat())
			.chain(tile.background)
			.chain([tile.ambient]),
	);
	colour.push(brightness);
	colour.extend(elements(point));
	let shaded = testing::completed(&shade_gate, &[], |operation, input| {
		[&surface, &colour][operation][input]
	});
	[traced, lit, shaded]
}

#[test]
fn rows_should_be_satisfied_by_what_follows_from_their_inputs() {
	let Gates {
		trace,
		light,
		shade,
	} = gates();
	let mut tile = tile(16);
	tile.scene.camera = camera(64);
	for corner in 0..4 {
		(tile.column, tile.row) = (corner, corner);
		let tile = prepared(&tile);
		for place in 0..256 {
			let [traced, lit, shaded] = rows(&tile, place % 16, place / 16);
			assert!(testing::is_satisfied(&trace, &traced, &[]));
			assert!(testing::is_satisfied(&light, &lit, &[]));
			assert!(testing::is_satisfied(&shade, &shaded, &[]));
		}
	}
}

#[test]
fn gates_should_have_their_degrees() {
	let Gates {
		trace,
		light,
		shade,
	} = gates();
	assert_degree(&trace);
	assert_degree(&light);
	assert_degree(&shade);
}

fn assert_no_panic(gate: &impl Row) {
	for value in [F::NEG_ONE, F::from_canonical_u64(1 << 62), F::ONE, F::ZERO] {
		testing::completed(gate, &[], |_, _| value);
	}
}

#[test]
fn gates_should_not_panic_whatever_they_are_given() {
	assert_no_panic(&Trace::new(4));
	assert_no_panic(&Light::new(8));
	assert_no_panic(&Shade::new(8, 2));
}

/// One pixel of the scene with its honest rows.
struct Pixel {
	tile: Prepared<i64>,
	direction: [i64; 3],
	hit: Hit,
	rows: [Vec<F>; 3],
}

/// The first pixel of a frame of 64x64 of which something holds.
#[track_caller]
fn pixel_of(mut scene: Tile, wanted: impl Fn(&Pixel) -> bool) -> Pixel {
	scene.scene.camera = camera(64);
	scene.side = 64;
	let tile = prepared(&scene);
	(0..64 * 64)
		.map(|place| {
			let (x, y) = (place % 64, place / 64);
			let direction = direction(&tile, x, y);
			Pixel {
				hit: trace(&tile.balls, &tile.flat, direction),
				rows: rows(&tile, x, y),
				tile: tile.clone(),
				direction,
			}
		})
		.find(wanted)
		.expect("there is such a pixel")
}

#[track_caller]
fn pixel(wanted: impl Fn(&Pixel) -> bool) -> Pixel {
	pixel_of(tile(16), wanted)
}

/// A pixel that shows a sphere or the plane.
#[track_caller]
fn showing(what: usize) -> Pixel {
	pixel(|pixel| pixel.hit.what == Some(what))
}

fn int(value: F) -> i64 {
	signed(value)
}

/// The number of digits.
fn read(row: &[F], range: Range<usize>) -> i64 {
	range
		.clone()
		.map(|wire| int(row[wire]) << (3 * (wire - range.start)))
		.sum()
}

/// Sets digits; what they cannot hold goes into the first of them.
fn write(row: &mut [F], range: Range<usize>, value: i64) {
	let count = range.len();
	let fits = value >= 0 && value >> (3 * count) == 0;
	let digits: Vec<F> = if fits {
		octal(value, count).collect()
	} else {
		let zeros = vec![F::ZERO; count - 1];
		[vec![element(value)], zeros].concat()
	};
	row[range].copy_from_slice(&digits);
}

// `scripts/list-constraints` looks for calls of this name.
fn needed(name: &'static str, row: Vec<F>) {
	if name.starts_with("render trace") {
		assert_refused_by(name, || Trace::new(4), &[row]);
	} else if name.starts_with("render light") {
		assert_refused_by(name, || Light::new(4), &[row]);
	} else {
		assert_refused_by(name, || Shade::new(4, 1), &[row]);
	}
}

/// The first wires of a sphere's inputs.
fn ball_at(balls: &Range<usize>, place: usize) -> Range<usize> {
	balls.start + 4 * place..balls.start + 4 * place + 4
}

fn ball_digits(digits: &Range<usize>, place: usize) -> Range<usize> {
	digits.start + 20 * place..digits.start + 20 * place + 20
}

/// A row as if a sphere were not there, with the sphere there.
fn without_ball(
	gate: &impl Row,
	inputs: Range<usize>,
	balls: &Range<usize>,
	row: &[F],
	place: usize,
) -> Vec<F> {
	let mut given = row.to_vec();
	given[ball_at(balls, place)].copy_from_slice(&elements([0, 0, 0, 1]));
	let mut without = testing::completed(gate, &[], |_, input| given[inputs.clone()][input]);
	without[ball_at(balls, place)].copy_from_slice(&row[ball_at(balls, place)]);
	without
}

fn trace_without(pixel: &Pixel, place: usize) -> Vec<F> {
	let gate = gates().trace;
	without_ball(&gate, 0..gate.flat.end, &gate.balls, &pixel.rows[0], place)
}

/// Sets the step, what it leaves, and what that is short of the divisor.
fn set_step(row: &mut [F], step: i64, rest: i64, gap: i64) {
	let gate = gates().trace;
	row[gate.step] = element(step);
	write(row, gate.step_digits.clone(), step);
	write(row, gate.rest.clone(), rest);
	write(row, gate.gap.clone(), gap);
}

/// Step, rest and gap of a row.
fn step_of(row: &[F]) -> [i64; 3] {
	let gate = gates().trace;
	[gate.step_digits, gate.rest, gate.gap].map(|range| read(row, range))
}

#[test]
fn trace_digits_should_be_digits() {
	// Rounded up, with a negative remainder.
	let mut row = showing(1).rows[0].clone();
	let [step, rest, gap] = step_of(&row);
	let divisor = rest + gap + 1;
	set_step(&mut row, step + 1, rest - divisor, gap + divisor);
	needed("render trace: digits are 0 to 7", row);
}

#[test]
fn what_is_met_and_behind_should_be_a_bit() {
	// A sphere is made to be missed by a mixture of the two ways to miss it.
	let pixel = showing(2);
	let mut row = trace_without(&pixel, 2);
	let (b, d) = discriminant(&pixel.tile.balls[2], pixel.direction);
	let gate = gates().trace;
	row[gate.behind.start + 2] = element(d + 1) / element(d + 1 - b);
	write(&mut row, ball_digits(&gate.ball_digits, 2), 0);
	needed(
		"render trace: what is met and what is behind is 0 or 1",
		row,
	);
}

/// The inverse of a modulo m, if there is one.
fn inverse(a: i64, m: i64) -> Option<i64> {
	let (mut r, mut s) = ((a.rem_euclid(m), m), (1, 0));
	while r.1 != 0 {
		let q = r.0 / r.1;
		r = (r.1, r.0 - q * r.1);
		s = (s.1, s.0 - q * s.1);
	}
	(r.0 == 1).then(|| s.0.rem_euclid(m))
}

#[test]
fn one_thing_should_be_met() {
	// A sphere and a plane that is parallel to the ray, at such a height that the remainder serves both.
	let gate = gates().trace;
	let forge = |pixel: &Pixel| -> Option<Vec<F>> {
		let what = pixel.hit.what.filter(|what| *what < 4)?;
		let (b, _) = discriminant(&pixel.tile.balls[what], pixel.direction);
		let (a, enters) = (dot(pixel.direction, pixel.direction), b - pixel.hit.root);
		let scale = (1 << 18) - 1;
		let factor = i128::from(inverse(scale, a)?) * i128::from(enters << 18);
		let above = (-factor).rem_euclid(i128::from(a)) as i64;
		let left = ((enters + above) << 18) - above;
		(left % a == 0 && left / a < 1 << 18).then(|| {
			let mut row = pixel.rows[0].clone();
			row[gate.flat.clone()].copy_from_slice(&elements([0, 0, 0, above]));
			row[gate.hits.start + 4] = F::ONE;
			set_step(&mut row, left / a, above, a - 1 - above);
			row
		})
	};
	let last = |pixel: &Pixel| pixel.hit.what == Some(3) && forge(pixel).is_some();
	let row = forge(&pixel(last)).unwrap();
	needed("render trace: one thing at most is met", row);
}

#[test]
fn sphere_before_what_is_met_should_be_missed() {
	let pixel = showing(0);
	let row = trace_without(&pixel, 0);
	needed("render trace: a sphere before what is met is missed", row);
}

#[test]
fn root_should_be_rounded_down() {
	let pixel = showing(1);
	let mut row = pixel.rows[0].clone();
	let a = dot(pixel.direction, pixel.direction);
	let (b, _) = discriminant(&pixel.tile.balls[1], pixel.direction);
	let root = pixel.hit.root - 1;
	row[gates().trace.root] = element(root);
	let dividend = (b - root) << 18;
	set_step(&mut row, dividend / a, dividend % a, a - 1 - dividend % a);
	needed("render trace: the root is rounded down", row);
}

#[test]
fn step_should_be_its_digits() {
	// Any remainder has its quotient in the field.
	let mut row = showing(1).rows[0].clone();
	let [step, rest, gap] = step_of(&row);
	let divisor = element(rest + gap + 1);
	let other = if gap > 0 { 1 } else { -1 };
	set_step(&mut row, step, rest + other, gap - other);
	row[gates().trace.step] = element(step) - element(other) / divisor;
	needed("render trace: the step is its digits", row);
}

#[test]
fn step_should_be_the_quotient() {
	let mut row = showing(1).rows[0].clone();
	let [step, rest, gap] = step_of(&row);
	set_step(&mut row, step + 1, rest, gap);
	needed("render trace: the step is the quotient", row);
}

#[test]
fn remainder_of_the_step_should_be_below_the_divisor() {
	let mut row = showing(1).rows[0].clone();
	let [step, rest, gap] = step_of(&row);
	set_step(&mut row, step - 1, rest + rest + gap + 1, gap);
	needed("render trace: the remainder is below the divisor", row);
}

#[test]
fn plane_should_be_met_within_the_ray() {
	let towards = |pixel: &Pixel| -dot(pixel.tile.flat.normal, pixel.direction);
	let pixel = pixel(|pixel| pixel.hit.what.is_none() && towards(pixel) > 0);
	let mut row = pixel.rows[0].clone();
	let (dividend, divisor) = (pixel.tile.flat.above << 18, towards(&pixel));
	row[gates().trace.hits.start + 4] = F::ONE;
	let rest = dividend % divisor;
	set_step(&mut row, dividend / divisor, rest, divisor - 1 - rest);
	needed("render trace: the plane is met within the ray", row);
}

#[test]
fn who_meets_nothing_should_miss_the_plane() {
	let mut row = showing(4).rows[0].clone();
	row[gates().trace.hits.start + 4] = F::ZERO;
	needed("render trace: who meets nothing misses the plane", row);
}

/// Brightness, rest and gap of a lit row.
fn brightness_of(row: &[F]) -> [i64; 3] {
	let gate = gates().light;
	[gate.brightness_digits, gate.rest, gate.gap].map(|range| read(row, range))
}

fn set_brightness(row: &mut [F], [brightness, rest, gap]: [i64; 3]) {
	let gate = gates().light;
	row[gate.brightness] = element(brightness);
	write(row, gate.brightness_digits.clone(), brightness);
	write(row, gate.rest.clone(), rest);
	write(row, gate.gap.clone(), gap);
}

/// Makes a row say that a sphere blocks; nothing else is said then but what the next sphere's digits must hold.
fn block(row: &mut [F], place: usize, claim: i64, between: [i64; 2]) {
	let gate = gates().light;
	row[gate.blockers.start..gate.cases.end].fill(F::ZERO);
	row[gate.blockers.start + place] = F::ONE;
	row[gate.brightness] = F::ZERO;
	write(row, ball_digits(&gate.ball_digits, place), claim);
	let next = ball_digits(&gate.ball_digits, (place + 1) % 4);
	write(row, next, between[0] + (between[1] << 30));
}

/// A part of the plane that is partly lit.
fn lit() -> Pixel {
	pixel(|pixel| {
		let light = int(pixel.rows[1][gates().light.brightness]);
		pixel.hit.what == Some(4) && light > 50 && light < 500
	})
}

/// A part of the plane in the shadow of one sphere alone, and that sphere.
fn shadowed() -> (Pixel, usize) {
	let blockers = |pixel: &Pixel| -> Vec<usize> {
		let direction = lamp_direction(pixel);
		let balls = &pixel.tile.lamps[0].balls;
		(0..4)
			.filter(|place| blocks(&balls[*place], direction))
			.collect()
	};
	let pixel = pixel(|pixel| pixel.hit.what == Some(4) && blockers(pixel).len() == 1);
	let blocker = blockers(&pixel)[0];
	(pixel, blocker)
}

fn lamp_direction(pixel: &Pixel) -> [i64; 3] {
	let (point, _) = surface(&pixel.tile, pixel.direction, &pixel.hit);
	along(point, -1, pixel.tile.lamps[0].position)
}

/// A shadowed pixel's row as if its blocker were not there, with b, D and a of the blocker.
fn light_without() -> (Vec<F>, usize, [i64; 3]) {
	let (pixel, blocker) = shadowed();
	let gate = gates().light;
	let inputs = 0..gate.normal.end;
	let row = without_ball(&gate, inputs, &gate.balls, &pixel.rows[1], blocker);
	let direction = lamp_direction(&pixel);
	let (b, d) = discriminant(&pixel.tile.lamps[0].balls[blocker], direction);
	(row, blocker, [b, d, dot(direction, direction)])
}

#[test]
fn light_digits_should_be_digits() {
	let mut row = lit().rows[1].clone();
	let [brightness, rest, gap] = brightness_of(&row);
	let divisor = rest + gap + 1;
	set_brightness(&mut row, [brightness + 1, rest - divisor, gap + divisor]);
	needed("render light: digits are 0 to 7", row);
}

#[test]
fn cases_of_light_should_be_bits() {
	let (mut row, blocker, [b, d, _]) = light_without();
	let gate = gates().light;
	row[gate.behind.start + blocker] = element(d + 1) / element(d + 1 - b);
	write(&mut row, ball_digits(&gate.ball_digits, blocker), 0);
	needed("render light: cases are 0 or 1", row);
}

#[test]
fn one_case_of_light_should_hold() {
	// Behind and beyond at once: what must not be negative is D + 1 - a.
	let (mut row, blocker, [_, d, a]) = light_without();
	let gate = gates().light;
	row[gate.behind.start + blocker] = F::ONE;
	row[gate.beyond.start + blocker] = F::ONE;
	assert!(d + 1 > a);
	write(&mut row, ball_digits(&gate.ball_digits, blocker), d + 1 - a);
	needed("render light: one case at most holds", row);
}

#[test]
fn sphere_that_does_not_block_should_be_missed() {
	let (row, ..) = light_without();
	needed("render light: a sphere that does not block is missed", row);
}

#[test]
fn blocker_should_be_met() {
	let pixel = lit();
	let direction = lamp_direction(&pixel);
	let a = dot(direction, direction);
	let mut row = pixel.rows[1].clone();
	let (b, d) = discriminant(&pixel.tile.lamps[0].balls[1], direction);
	assert!(b > 0 && b < a && d < 0);
	block(&mut row, 1, -d, [b - 1, a - b - 1]);
	needed("render light: a blocker is met", row);
}

/// A lit row with a sphere put in as the lamp sees it, of which D is not negative.
fn with_ball(pixel: &Pixel, place: usize, centre: [i64; 3]) -> (Vec<F>, [i64; 3]) {
	let gate = gates().light;
	let ball = Ball {
		centre,
		tangent: dot(centre, centre) - 256,
	};
	let mut given = pixel.rows[1].clone();
	given[ball_at(&gate.balls, place)].copy_from_slice(&elements(of_balls(&[ball])));
	let row = testing::completed(&gate, &[], |_, input| given[input]);
	assert_eq!(row[gate.brightness], pixel.rows[1][gate.brightness]);
	let direction = lamp_direction(pixel);
	let (b, d) = discriminant(&ball, direction);
	assert!(d >= 0);
	(row, [b, d, dot(direction, direction)])
}

#[test]
fn blocker_should_be_in_between() {
	let pixel = lit();
	// Behind the lamp.
	let behind = lamp_direction(&pixel).map(|part| -part / 2 * 2);
	let (mut row, [b, d, _]) = with_ball(&pixel, 1, behind);
	assert!(b < 0);
	block(&mut row, 1, d, [0, 0]);
	needed("render light: a blocker is in between", row);
}

#[test]
fn nothing_should_block_its_own_light() {
	let lit = |pixel: &Pixel| {
		let light = int(pixel.rows[1][gates().light.brightness]);
		pixel.hit.what == Some(1) && light > 50 && light < 500
	};
	let pixel = pixel(lit);
	let middle = lamp_direction(&pixel).map(|part| part / 2);
	let (mut row, [b, d, a]) = with_ball(&pixel, 1, middle);
	block(&mut row, 1, d, [b - 1, a - b - 1]);
	needed("render light: nothing blocks its own light", row);
}

#[test]
fn brightness_should_be_the_quotient() {
	let mut row = lit().rows[1].clone();
	let [brightness, rest, gap] = brightness_of(&row);
	set_brightness(&mut row, [brightness + 1, rest, gap]);
	needed("render light: the brightness is the quotient", row);
}

#[test]
fn remainder_of_the_brightness_should_be_below_the_divisor() {
	let mut row = lit().rows[1].clone();
	let [brightness, rest, gap] = brightness_of(&row);
	set_brightness(&mut row, [brightness - 1, rest + rest + gap + 1, gap]);
	needed("render light: the remainder is below the divisor", row);
}

#[test]
fn dark_surface_should_face_away() {
	let mut row = lit().rows[1].clone();
	let gate = gates().light;
	row[gate.cases.start] = F::ONE;
	row[gate.brightness] = F::ZERO;
	needed("render light: a dark surface faces away", row);
}

#[test]
fn full_brightness_should_be_beyond_the_bound() {
	let mut row = lit().rows[1].clone();
	let gate = gates().light;
	row[gate.cases.start + 1] = F::ONE;
	row[gate.brightness] = element(FULL);
	needed("render light: a full brightness is beyond the bound", row);
}

#[test]
fn result_of_light_should_be_the_cases() {
	let mut row = lit().rows[1].clone();
	row[gates().light.brightness] += F::ONE;
	needed("render light: the result is the case's", row);
}

/// Sets the pixel to a colour, each part times a brightness.
fn set_pixel(row: &mut [F], dimmed: [i64; 3]) {
	let gate = gates().shade;
	for (i, part) in dimmed.into_iter().enumerate() {
		let digits = |range: &Range<usize>| range.start + 3 * i..range.start + 3 * i + 3;
		write(row, digits(&gate.parts), part / FULL);
		write(row, digits(&gate.colour_rests), part % FULL);
		row[gate.pixel.start + i] = element(part / FULL);
	}
}

/// A row of the plane, the colours there and its brightness.
fn shaded() -> (Vec<F>, [[i64; 3]; 2], i64) {
	let gate = gates().shade;
	let total = |pixel: &Pixel| -> i64 {
		gate.lights
			.clone()
			.map(|wire| int(pixel.rows[2][wire]))
			.sum()
	};
	let pixel = pixel(|pixel| pixel.hit.what == Some(4) && (300..500).contains(&total(pixel)));
	let row = pixel.rows[2].clone();
	let odd = int(row[gate.odd.start]) ^ int(row[gate.odd.start + 1]);
	let mut colours = pixel.tile.flat.colours;
	colours.rotate_left(odd as usize);
	let total = total(&pixel);
	(row, colours, total)
}

#[test]
fn shade_digits_should_be_digits() {
	let (mut row, ..) = shaded();
	let gate = gates().shade;
	row[gate.parts.start] += F::ONE;
	row[gate.pixel.start] += F::ONE;
	row[gate.colour_rests.start + 2] -= F::from_canonical_u64(8);
	needed("render shade: digits are 0 to 7", row);
}

#[test]
fn odd_and_full_should_be_bits() {
	// Full is -1: three times the slack, and a brightness of 2 total - full.
	let (mut row, [colour, _], total) = shaded();
	let gate = gates().shade;
	row[gate.full] = F::NEG_ONE;
	write(&mut row, gate.slack.clone(), 3 * (FULL - total));
	set_pixel(&mut row, colour.map(|part| part * (2 * total - FULL)));
	needed("render shade: odd and full are 0 or 1", row);
}

#[test]
fn way_to_the_point_should_be_its_digits() {
	// Any remainder has its quotient in the field.
	let tile = without_checker();
	let pixel = pixel_of(tile, |pixel| pixel.hit.what == Some(1));
	let gate = gates().shade;
	let mut row = pixel.rows[2].clone();
	let change = if int(row[gate.step_rests.start]) < 7 {
		1
	} else {
		-1
	};
	let off = element(change) / element(1 << 18);
	row[gate.step_rests.start] += element(change);
	row[gate.point.start] -= off;
	row[gate.normal.start] -= off;
	needed("render shade: the way to the point is its digits", row);
}

fn without_checker() -> Tile {
	let mut tile = tile(16);
	tile.scene.plane.as_mut().unwrap().checker = None;
	tile
}

#[test]
fn way_to_the_point_should_be_the_rays_rounded_down() {
	let pixel = pixel_of(without_checker(), |pixel| pixel.hit.what == Some(1));
	let gate = gates().shade;
	let mut row = pixel.rows[2].clone();
	let first = gate.offsets.start;
	let change = if int(row[first]) < 7 { 1 } else { -1 };
	for wire in [first, gate.point.start, gate.normal.start] {
		row[wire] += element(change);
	}
	needed(
		"render shade: the way to the point is the ray's, rounded down",
		row,
	);
}

#[test]
fn normal_should_be_of_what_is_met() {
	let mut row = showing(1).rows[2].clone();
	row[gates().shade.normal.start] += F::ONE;
	needed("render shade: the normal is of what is met", row);
}

#[test]
fn cell_should_be_rounded_down() {
	// The other colour of the checker.
	let (mut row, [_, other], total) = shaded();
	let gate = gates().shade;
	row[gate.odd.start] = F::ONE - row[gate.odd.start];
	set_pixel(&mut row, other.map(|part| part * total));
	needed("render shade: a cell is rounded down", row);
}

#[test]
fn brightness_should_be_at_most_full() {
	let (mut row, [colour, _], _) = shaded();
	row[gates().shade.full] = F::ONE;
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
	row[gates().shade.pixel.start + 1] += F::ONE;
	needed("render shade: the pixel is its digits", row);
}

/// Fails unless the circuit without the constraint, and no other, accepts the cheats.
fn needed_against(name: &'static str, cheats: impl Fn(&Targets) -> Vec<Cheat>) {
	assert_needed(name, whole(), unbuilt, cheats);
}

/// What a commitment begins with, and its numbers.
fn committed_to(tile: &Prepared<i64>) -> [Vec<F>; 2] {
	let numbers = elements(tile.numbers());
	let Class {
		side,
		spheres,
		lights,
	} = TINY;
	let header = [
		TILE_TAG,
		side as u64,
		spheres as u64,
		lights as u64,
		numbers.len() as u64,
	];
	[header.map(F::from_canonical_u64).to_vec(), numbers]
}

#[test]
fn commitment_should_begin_with_its_class() {
	let tile = tiny();
	let [header, numbers] = committed_to(&tile);
	let output = output(TINY, &tile);
	needed_against("render: the commitment begins with its class", |targets| {
		(0..5)
			.map(|place| {
				let mut header = header.clone();
				header[place] += F::ONE;
				let elements = [&header[..], &numbers].concat();
				let input = hash_to_bytes(PoseidonHash::hash_no_pad(&elements).elements);
				Cheat {
					behind: header,
					..cheat(targets, &statement(input, &output), &tile)
				}
			})
			.collect()
	});
}

#[test]
fn commitment_should_be_of_the_numbers() {
	let tile = tiny();
	let [_, numbers] = committed_to(&tile);
	// A sphere of another colour, a light elsewhere.
	let mut others = [tile.clone(), tile.clone()];
	others[0].colours[2][0] -= 1;
	others[1].lamps[0].position[1] -= 100;
	let input = commitment(TINY, &tile);
	needed_against("render: the commitment is of the numbers", |targets| {
		others
			.iter()
			.map(|other| {
				let statement = statement(input, &output(TINY, other));
				Cheat {
					behind: numbers.clone(),
					..cheat(targets, &statement, other)
				}
			})
			.collect()
	});
}

#[test]
fn input_should_be_the_commitment() {
	let tile = tiny();
	let honest = bytes_to_hash(&commitment(TINY, &tile)).unwrap();
	let output = output(TINY, &tile);
	needed_against("render: the input is the commitment", |targets| {
		(0..4)
			.map(|place| {
				let mut input = honest;
				input[place] += F::ONE;
				Cheat {
					behind: input.to_vec(),
					..cheat(targets, &statement(hash_to_bytes(input), &output), &tile)
				}
			})
			.collect()
	});
}
