//! The counts computed plainly: what every backend's output is compared with.

use super::tile::{Tile, FRACTION_BITS, ONE};

/// The square of the radius beyond which a point has escaped, with twice as many bits after the point.
pub const ESCAPE: i64 = 4 * ONE * ONE;

/// The square of |z|, with twice as many bits after the point.
pub fn norm([x, y]: [i64; 2]) -> i64 {
	x * x + y * y
}

/// z^2 + c, each part of the square rounded down.
///
/// With |z|^2 at most [`ESCAPE`], the parts of z^2 are at most 4 in magnitude and those of c at most 2: of the result, at most 6.
pub fn step([x, y]: [i64; 2], [cx, cy]: [i64; 2]) -> [i64; 2] {
	[
		((x * x - y * y) >> FRACTION_BITS) + cx,
		((2 * x * y) >> FRACTION_BITS) + cy,
	]
}

/// Steps that are taken from z while |z| is at most 2, at most `iterations`.
pub fn count(mut z: [i64; 2], c: [i64; 2], iterations: usize) -> usize {
	for taken in 0..iterations {
		if norm(z) > ESCAPE {
			return taken;
		}
		z = step(z, c);
	}
	iterations
}

/// The counts of a tile row by row: an output's bytes.
pub fn output(tile: &Tile) -> Vec<u8> {
	let points = (0..tile.side).flat_map(|y| (0..tile.side).map(move |x| (x, y)));
	points
		.map(|(x, y)| {
			let [z, c] = tile.point(x, y);
			// At most 255, as every class's iterations.
			count(z, c, tile.iterations) as u8
		})
		.collect()
}
