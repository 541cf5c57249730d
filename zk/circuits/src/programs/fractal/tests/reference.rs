//! The counts.

use lemma_zk_statement::blake2_256;

use super::{
	super::{
		reference::{count, norm, output, step, ESCAPE},
		tile::{CLASSES, MAX_CONSTANT, MAX_START},
	},
	*,
};

#[test]
fn step_should_round_down() {
	assert_eq!(step([ONE, 0], [0, 0]), [ONE, 0]);
	assert_eq!(step([1, 1], [5, 7]), [5, 7]);
	// -1 / 2^18 and -2 / 2^18, rounded down.
	assert_eq!(step([0, 1], [0, 0]), [-1, 0]);
	assert_eq!(step([-1, 1], [0, 0]), [0, -1]);
	assert_eq!(
		step([3 * ONE / 2, -ONE], [ONE, -ONE]),
		[9 * ONE / 4, -4 * ONE]
	);
}

#[test]
fn count_should_be_of_points_that_are_known() {
	assert_eq!(count([0, 0], [0, 0], 35), 35);
	assert_eq!(count([0, 0], [-ONE, 0], 255), 255);
	// 0, 1, 2, 5: |2| is not yet beyond.
	assert_eq!(count([0, 0], [ONE, 0], 35), 3);
	assert_eq!(count([2 * ONE, 1], [0, 0], 35), 0);
	assert_eq!(count([0, 0], [-2 * ONE, 0], 255), 255);
}

#[test]
fn step_should_stay_in_its_bounds() {
	let mut state = 1u64;
	let mut number = |most: i64| {
		state = state
			.wrapping_mul(6_364_136_223_846_793_005)
			.wrapping_add(1);
		(state >> 33) as i64 % (most + 1) * if state & 1 == 0 { 1 } else { -1 }
	};
	let mut inside = 0;
	for _ in 0..100_000 {
		let z = [number(2 * ONE), number(2 * ONE)];
		let c = [number(MAX_CONSTANT), number(MAX_CONSTANT)];
		if norm(z) > ESCAPE {
			continue;
		}
		inside += 1;
		assert!(step(z, c).iter().all(|part| part.abs() <= 6 * ONE + 1));
	}
	assert!(inside > 50_000);
	assert!(norm([6 * ONE + 1, 6 * ONE + 1]) - ESCAPE < 1 << 45);
	assert!(norm([MAX_START, MAX_START]) - ESCAPE < 1 << 45);
}

#[test]
fn output_should_have_known_answers() {
	let known = [mandelbrot(), julia()].map(|tile| hex::encode(blake2_256(&output(&tile))));
	assert_eq!(
		known,
		[
			"5a5610abf42316a3ac633e137568ca53313282d620668f2cb94c089eb2ea69c5",
			"a945090cad8ae6ffda792cddd20241452cf6dc2d483f3cad618645680e690cc0"
		]
	);
}

#[test]
fn real_axis_should_mirror_the_mandelbrot_set_but_for_rounding() {
	// Rows y and 30 - y are conjugates; rounding down is not symmetric, so points at the edge may differ.
	let tile = Tile::mandelbrot(CLASSES[0], [real(-120), real(75)], real(5)).unwrap();
	let counts = output(&tile);
	let differing = (0..31 * 32)
		.filter(|place| {
			let (y, x) = (place / 32, place % 32);
			counts[y * 32 + x] != counts[(30 - y) * 32 + x]
		})
		.count();
	assert!(differing < 20, "{differing}");
	assert!(counts.contains(&35) && counts.iter().any(|count| *count < 5));
}

#[test]
fn points_of_a_julia_set_should_mirror_each_other_but_for_rounding() {
	let tile = Tile::julia(
		CLASSES[2],
		[real(-48), real(8)],
		[real(-90), real(90)],
		real(12),
	)
	.unwrap();
	let counts = output(&tile);
	// z and -z: the first step squares them.
	assert_eq!(tile.point(0, 0)[0], tile.point(15, 15)[0].map(|part| -part));
	assert!((0..256).all(|place| counts[place] == counts[255 - place]));
}
