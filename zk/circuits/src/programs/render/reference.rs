//! The image computed plainly: what every backend's output is compared with.
//!
//! Every division rounds down. The bounds of all numbers are in `docs/protocol/render.md`.

use rayon::prelude::*;

use super::{
	prepared::{Ball, Flat, Lamp, Prepared},
	scene::{along, dot, Class, FULL},
};

/// Bits after the point of how far along its direction a ray goes.
pub const STEP_BITS: u32 = 18;
/// Bits of the squares of a checker.
pub const CELL_BITS: u32 = 18;

/// What a ray meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
	/// The sphere, or the number of spheres for the plane; none if the ray meets nothing.
	pub what: Option<usize>,
	/// How far along the direction, in units of 2^-18 of it.
	pub step: i64,
	/// The discriminant's root, of a sphere.
	pub root: i64,
}

/// b and D of a ray and a sphere: the points of the ray at which it meets the sphere are (b +- root of D) / a of its
/// direction, whose square is a.
pub fn discriminant(ball: &Ball<i64>, direction: [i64; 3]) -> (i64, i64) {
	let a = dot(direction, direction);
	let b = dot(ball.centre, direction);
	(b, b * b - a * ball.tangent)
}

/// Follows a ray from the camera.
pub fn trace(balls: &[Ball<i64>], flat: &Flat<i64>, direction: [i64; 3]) -> Hit {
	for (place, ball) in balls.iter().enumerate() {
		let (b, d) = discriminant(ball, direction);
		if d >= 0 && b > 0 {
			let root = d.isqrt();
			return Hit {
				what: Some(place),
				step: ((b - root) << STEP_BITS) / dot(direction, direction),
				root,
			};
		}
	}
	let towards = -dot(flat.normal, direction);
	let met = towards > flat.above;
	Hit {
		what: met.then_some(balls.len()),
		step: if met {
			(flat.above << STEP_BITS) / towards
		} else {
			0
		},
		root: 0,
	}
}

/// The point that a ray meets and the normal there, of the length of a sphere's radius or of the plane's normal.
pub fn surface(prepared: &Prepared<i64>, direction: [i64; 3], hit: &Hit) -> ([i64; 3], [i64; 3]) {
	let offset = direction.map(|part| (part * hit.step) >> STEP_BITS);
	let normal = match hit.what {
		None => [0; 3],
		Some(what) => prepared
			.balls
			.get(what)
			.map_or(prepared.flat.normal, |ball| along(offset, -1, ball.centre)),
	};
	(along(prepared.origin, 1, offset), normal)
}

/// Whether a sphere stands between a lamp and the end of the ray `direction` from it.
pub fn blocks(ball: &Ball<i64>, direction: [i64; 3]) -> bool {
	let (b, d) = discriminant(ball, direction);
	d >= 0 && b > 0 && b < dot(direction, direction)
}

/// The brightness that a lamp gives a point of what was hit.
pub fn light(lamp: &Lamp<i64>, what: Option<usize>, point: [i64; 3], normal: [i64; 3]) -> i64 {
	let Some(what) = what else { return 0 };
	let direction = along(point, -1, lamp.position);
	let facing = -dot(normal, direction);
	let blocked = lamp
		.balls
		.iter()
		.enumerate()
		.any(|(place, ball)| place != what && blocks(ball, direction));
	if blocked || facing < 0 {
		return 0;
	}
	let distance_square = dot(direction, direction);
	FULL.min(lamp.gains[what] * facing / (distance_square + 1))
}

/// The cell of a checker in which a point lies, along one axis.
pub fn cell(axis: [i64; 3], point: [i64; 3]) -> i64 {
	dot(axis, point) >> CELL_BITS
}

/// The colour of what was hit, at a point.
pub fn colour(prepared: &Prepared<i64>, what: Option<usize>, point: [i64; 3]) -> [i64; 3] {
	match what {
		None => prepared.background,
		Some(what) => prepared.colours.get(what).copied().unwrap_or_else(|| {
			let [u, v] = prepared.flat.axes.map(|axis| cell(axis, point) & 1);
			prepared.flat.colours[(u ^ v) as usize]
		}),
	}
}

/// What is seen along a direction.
pub fn pixel(prepared: &Prepared<i64>, direction: [i64; 3]) -> [i64; 3] {
	let hit = trace(&prepared.balls, &prepared.flat, direction);
	let (point, normal) = surface(prepared, direction, &hit);
	let lights: i64 = prepared
		.lamps
		.iter()
		.map(|lamp| light(lamp, hit.what, point, normal))
		.sum();
	let brightness = match hit.what {
		None => FULL,
		Some(_) => FULL.min(prepared.ambient + lights),
	};
	colour(prepared, hit.what, point).map(|part| part * brightness / FULL)
}

/// Direction of the pixel in column `x` and row `y`.
pub fn direction(prepared: &Prepared<i64>, x: usize, y: usize) -> [i64; 3] {
	let row = along(prepared.first, y as i64, prepared.down);
	along(row, x as i64, prepared.right)
}

/// The image of a tile row by row, each pixel red, green, blue: an output's bytes.
pub fn output(class: Class, prepared: &Prepared<i64>) -> Vec<u8> {
	(0..class.side * class.side)
		.into_par_iter()
		.flat_map_iter(|place| {
			let (x, y) = (place % class.side, place / class.side);
			// At most 255: a colour's part times at most FULL.
			pixel(prepared, direction(prepared, x, y)).map(|part| part as u8)
		})
		.collect()
}
