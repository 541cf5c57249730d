//! The program and its reference.

mod blobs;
mod circuits;
mod constraints;
mod reference;
mod scenes;

use super::{
	prepared::Prepared,
	scene::{Camera, Checker, Class, Light, Plane, Scene, Sphere, Tile},
};

/// The smallest class.
const CLASS: Class = Class {
	side: 16,
	spheres: 4,
	lights: 1,
};

/// A camera that looks along z, with `span` pixels of the frame in each direction, symmetric to both axes.
fn camera(span: i32) -> Camera {
	// Pixels are an even number apart, so that half of one is a whole number.
	let apart = 2 * (2048 / span);
	let half = apart / 2 * (span - 1);
	Camera {
		position: [0, 0, -2000],
		first: [-half, half, 6000],
		right: [apart, 0, 0],
		down: [0, -apart, 0],
	}
}

/// Four spheres on a checkered plane, a light.
fn scene(span: i32) -> Scene {
	let sphere = |x, z, radius, colour| Sphere {
		centre: [x, radius - 600, z],
		radius,
		colour,
	};
	Scene {
		camera: camera(span),
		ambient: 70,
		background: [40, 60, 120],
		spheres: vec![
			sphere(0, 1600, 700, [230, 220, 60]),
			sphere(-900, 900, 400, [200, 40, 40]),
			sphere(850, 700, 350, [60, 200, 90]),
			sphere(150, 200, 200, [80, 90, 240]),
		],
		plane: Some(Plane {
			normal: [0, 64, 0],
			height: -64 * 600,
			colour: [240, 240, 240],
			checker: Some(Checker {
				axes: [[700, 0, 0], [0, 0, 700]],
				colour: [50, 50, 50],
			}),
		}),
		lights: vec![Light {
			position: [-1500, 2500, -1200],
			strength: 1_800_000,
		}],
	}
}

/// A tile of a frame that shows the whole scene in it.
fn tile(side: usize) -> Tile {
	Tile {
		scene: scene(side as i32),
		side,
		column: 0,
		row: 0,
	}
	.checked()
	.unwrap()
}

fn prepared(tile: &Tile) -> Prepared<i64> {
	Prepared::of_tile(tile).unwrap()
}
