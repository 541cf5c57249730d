//! Tiles for the tests of kernels.

use lemma_zk_circuits::programs::{
	fractal::{self, tile::CLASSES},
	render::{
		self,
		scene::{Camera, Checker, Light, Plane, Scene, Sphere, Triangle},
	},
};

/// A tile of every class, of Mandelbrot and Julia sets.
pub fn fractals() -> Vec<fractal::Tile> {
	let real = |sixty_fourths: i32| sixty_fourths << 12;
	let tiles = [
		fractal::Tile::mandelbrot(CLASSES[0], [real(-120), real(80)], real(5)),
		fractal::Tile::mandelbrot(CLASSES[1], [real(-128), real(128)], real(8)),
		fractal::Tile::julia(
			CLASSES[2],
			[real(-48), real(8)],
			[real(-90), real(90)],
			real(12),
		),
		fractal::Tile::julia(
			CLASSES[1],
			[real(-128), real(128)],
			[real(-256), real(256)],
			real(16),
		),
	];
	let in_bounds = tiles.map(|tile| tile.expect("these tiles are in bounds"));
	in_bounds.into()
}

/// Tiles of random scenes that can be rendered, some of them with everything at its bounds.
pub fn images() -> impl Iterator<Item = render::Tile> {
	let mut state = 7u64;
	let mut number = move |least: i32, most: i32| {
		state = state
			.wrapping_mul(6_364_136_223_846_793_005)
			.wrapping_add(1_442_695_040_888_963_407);
		least + ((state >> 33) % (most - least + 1) as u64) as i32
	};
	std::iter::repeat_with(move || {
		let colour =
			|number: &mut dyn FnMut(i32, i32) -> i32| [(); 3].map(|()| number(0, 255) as u8);
		let number = &mut number as &mut dyn FnMut(i32, i32) -> i32;
		let glossy = number(0, 1) == 1;
		let mirror =
			|number: &mut dyn FnMut(i32, i32) -> i32| u16::from(glossy) * number(0, 512) as u16;
		let spheres = (0..number(0, 8))
			.map(|_| Sphere {
				centre: [
					number(-4096, 4096),
					number(-2000, 4096),
					number(-4096, 4096),
				],
				radius: number(16, 1500),
				colour: colour(number),
				mirror: mirror(number),
			})
			.collect();
		// A floor, and walls behind all else.
		let floor = [number(-20, 20), 128, number(-20, 20)];
		let normals = [floor, [number(-9, 9), -5, -128], [128, 7, number(-9, 9)]];
		let planes = (normals.into_iter().take(number(0, 3) as usize))
			.map(|normal| Plane {
				normal,
				height: -128 * 4096 - 40 * 4096 - number(0, 100),
				colour: colour(number),
				checker: (number(0, 1) == 1).then(|| Checker {
					axes: [(); 2].map(|()| [(); 3].map(|()| number(-4096, 4096))),
					colour: colour(number),
				}),
				mirror: mirror(number),
			})
			.collect();
		let triangles = (0..number(-2, 4))
			.map(|_| Triangle {
				corners: [(); 3].map(|()| [(); 3].map(|()| number(-3000, 4096))),
				colour: colour(number),
				mirror: mirror(number),
			})
			.collect();
		let lights = (0..number(0, 2))
			.map(|_| Light {
				position: [(); 3].map(|()| number(-4096, 4096)),
				strength: number(0, 1 << 24),
			})
			.collect();
		let apart = number(20, 500);
		render::Tile {
			scene: Scene {
				camera: Camera {
					position: [number(-100, 100), number(-100, 4000), -4096],
					first: [-8 * apart, 8 * apart, number(3000, 8192)],
					right: [apart, number(-9, 9), 0],
					down: [number(-9, 9), -apart, 0],
				},
				ambient: number(0, 512) as u16,
				background: colour(number),
				spheres,
				planes,
				triangles,
				lights,
			},
			side: 16,
			column: 0,
			row: 0,
		}
	})
	.filter_map(|tile| tile.checked().ok())
}
