//! The program and its reference.

mod circuits;
mod constraints;
mod reference;
mod tiles;

use super::tile::{Tile, ONE};

/// A number of 1/64ths in fixed point.
fn real(sixty_fourths: i32) -> i32 {
	sixty_fourths * (ONE / 64) as i32
}

/// A part of the Mandelbrot set with points inside, outside and near its edge.
fn mandelbrot() -> Tile {
	Tile::mandelbrot((32, 35), [real(-120), real(80)], real(5)).unwrap()
}

fn julia() -> Tile {
	Tile::julia(
		(16, 255),
		[real(-48), real(8)],
		[real(-90), real(90)],
		real(12),
	)
	.unwrap()
}
