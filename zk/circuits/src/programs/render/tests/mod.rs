//! The program and its reference.

mod blobs;
mod circuits;
mod constraints;
mod light;
mod reference;
mod rows;
mod scenes;
mod shade;
mod things;
mod trace;

use super::{
	class::{Class, Room},
	prepared::Prepared,
	scene::{Camera, Checker, Light, Plane, Scene, Sphere, Tile, Triangle},
};

/// The smallest class.
const CLASS: Class = Class {
	side: 16,
	room: Room {
		spheres: 4,
		planes: 1,
		triangles: 0,
		lights: 1,
		mirrors: false,
	},
};

/// The smallest class that has all there is.
const WHOLE: Class = Class {
	side: 16,
	room: Room {
		spheres: 4,
		planes: 3,
		triangles: 4,
		lights: 1,
		mirrors: true,
	},
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
		mirror: 0,
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
		planes: vec![Plane {
			normal: [0, 64, 0],
			height: -64 * 600,
			colour: [240, 240, 240],
			checker: Some(Checker {
				axes: [[700, 0, 0], [0, 0, 700]],
				colour: [50, 50, 50],
			}),
			mirror: 0,
		}],
		triangles: Vec::new(),
		lights: vec![Light {
			position: [-1500, 2500, -1200],
			strength: 1_800_000,
		}],
	}
}

/// The same with two walls, one of them checkered, a pyramid of three sides and a panel, most of which mirror.
fn whole_scene(span: i32) -> Scene {
	let mut scene = scene(span);
	scene.planes[0].mirror = 128;
	for (sphere, mirror) in scene.spheres.iter_mut().zip([300, 0, 0, 512]) {
		sphere.mirror = mirror;
	}
	scene.planes.extend([
		Plane {
			normal: [60, 0, -20],
			height: -60 * 2600,
			colour: [170, 90, 60],
			checker: None,
			mirror: 256,
		},
		Plane {
			normal: [-50, 0, -60],
			height: -280_000,
			colour: [60, 110, 170],
			checker: Some(Checker {
				axes: [[0, 900, 0], [-600, 0, 500]],
				colour: [200, 200, 120],
			}),
			mirror: 0,
		},
	]);
	let [apex, left, right, back] = [
		[-330, 0, -300],
		[-600, -600, -500],
		[-80, -600, -500],
		[-330, -600, -50],
	];
	let face = |corners, mirror| Triangle {
		corners,
		colour: [240, 140, 40],
		mirror,
	};
	scene.triangles = vec![
		face([apex, left, right], 150),
		face([apex, right, back], 0),
		face([apex, back, left], 0),
		Triangle {
			corners: [[600, -600, 2300], [1300, -600, 1500], [900, 1100, 1900]],
			colour: [90, 160, 160],
			mirror: 400,
		},
	];
	scene
}

fn tile_of(scene: Scene, side: usize) -> Tile {
	Tile {
		scene,
		side,
		column: 0,
		row: 0,
	}
	.checked()
	.unwrap()
}

/// A tile of a frame that shows the whole scene in it.
fn tile(side: usize) -> Tile {
	tile_of(scene(side as i32), side)
}

/// The same of the scene with all there is.
fn whole_tile(side: usize) -> Tile {
	tile_of(whole_scene(side as i32), side)
}

fn prepared(tile: &Tile) -> Prepared<i64> {
	Prepared::of_tile(tile).unwrap()
}

/// Two tiles with everything at its bounds, of a scene that is seen from one corner of all coordinates and lit from the opposite
/// one: a triangle on three of the other corners, the largest spheres on the rest, and planes. All of it mirrors.
fn extreme_whole_tiles() -> [Tile; 2] {
	[-1, 1].map(|sign| {
		let corner = |signs: [i32; 3]| signs.map(|part| 4096 * part);
		let signed = |vector: [i32; 3]| vector.map(|part| sign * part);
		let sphere = |signs| Sphere {
			centre: corner(signs),
			radius: 4096,
			colour: [255; 3],
			mirror: 512,
		};
		let plane = |normal, height| Plane {
			normal,
			height,
			colour: [255; 3],
			checker: Some(Checker {
				axes: [[4096; 3], [-4096; 3]],
				colour: [0; 3],
			}),
			mirror: 512,
		};
		let scene = Scene {
			camera: Camera {
				position: corner([-sign; 3]),
				// 8190 long, as is the direction of the last pixel of its row.
				first: signed([2340, 3510, 7020]),
				right: signed([312, -78, -234]),
				down: signed([-250, -250, -400]),
			},
			ambient: 70,
			background: [255; 3],
			spheres: vec![
				sphere([-1, 1, -1]),
				sphere([1, -1, -1]),
				sphere([-1, -1, 1]),
			],
			planes: vec![
				// 2^22 below the camera or the light.
				plane([128; 3], 3 * 128 * 4096 - (1 << 22)),
				// Spheres touch both.
				plane([0, 128, 0], -2 * 128 * 4096),
				plane([-128, 0, 0], -2 * 128 * 4096),
			],
			triangles: vec![Triangle {
				corners: [[1, 1, -1], [1, -1, 1], [-1, 1, 1]].map(corner),
				colour: [255; 3],
				mirror: 512,
			}],
			lights: vec![Light {
				position: corner([sign; 3]),
				strength: 1 << 24,
			}],
		};
		tile_of(scene, 16)
	})
}

/// Numbers from a seed.
fn random(mut state: u64) -> impl FnMut(i32, i32) -> i32 {
	move |least, most| {
		state = state
			.wrapping_mul(6_364_136_223_846_793_005)
			.wrapping_add(1_442_695_040_888_963_407);
		least + ((state >> 33) % (i64::from(most) - i64::from(least) + 1) as u64) as i32
	}
}

/// Random scenes of 16x16 pixels that can be proven, of a class's things, with coordinates up to their bounds.
fn random_tiles(room: Room, seed: u64) -> impl Iterator<Item = Tile> {
	let mut number = random(seed);
	std::iter::repeat_with(move || {
		let number = &mut number;
		let vector = |number: &mut dyn FnMut(i32, i32) -> i32, most: i32| {
			[(); 3].map(|()| number(-most, most))
		};
		let colour =
			|number: &mut dyn FnMut(i32, i32) -> i32| [(); 3].map(|()| number(0, 255) as u8);
		let mirror = |number: &mut dyn FnMut(i32, i32) -> i32| match room.mirrors {
			true => number(-256, 512).max(0) as u16,
			false => 0,
		};
		let size = [300, 1500, 4096][number(0, 2) as usize];
		let spheres = (0..number(0, room.spheres as i32))
			.map(|_| Sphere {
				centre: vector(number, size),
				radius: number(16, size / 3),
				colour: colour(number),
				mirror: mirror(number),
			})
			.collect();
		let triangles = (0..number(0, room.triangles as i32))
			.map(|_| Triangle {
				corners: [(); 3].map(|()| vector(number, size)),
				colour: colour(number),
				mirror: mirror(number),
			})
			.collect();
		let planes = (0..number(0, room.planes as i32))
			.map(|_| {
				let normal = vector(number, 128);
				// Not far below the corner of the scene that is farthest below.
				let lowest = normal.map(|part| part.abs() * size).iter().sum::<i32>();
				Plane {
					normal,
					height: -lowest + number(0, lowest / 2),
					colour: colour(number),
					checker: (number(0, 1) == 1).then(|| Checker {
						axes: [(); 2].map(|()| vector(number, 4096)),
						colour: colour(number),
					}),
					mirror: mirror(number),
				}
			})
			.collect();
		let lights = (0..number(0, room.lights as i32))
			.map(|_| Light {
				position: vector(number, size),
				strength: number(0, 1 << 24),
			})
			.collect();
		let apart = number(4, 200);
		let far = number(400, 7900 - 10 * apart);
		let turn = number(0, 2) as usize;
		let turned = |mut vector: [i32; 3]| {
			vector.rotate_left(turn);
			vector
		};
		Tile {
			scene: Scene {
				camera: Camera {
					position: vector(number, size),
					first: turned([-8 * apart, 8 * apart, far]),
					right: turned([apart, number(-3, 3), 0]),
					down: turned([number(-3, 3), -apart, 0]),
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
