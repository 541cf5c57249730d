//! A tile as the numbers that are committed to, filled up to its class.
//!
//! Things are numbered: spheres, then triangles, then planes, each in the order of the blob.

use super::{
	class::{Class, Room},
	scene::{along, dot, wide, Tile, MAX_STRENGTH},
};
use crate::program::InputError;

/// A sphere's shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ball<T> {
	/// Its centre.
	pub centre: [T; 3],
	/// The square of its radius; -1 if it is not there, so that no ray meets it.
	pub square: T,
}

/// A plane's shape: the points X with normal * X = height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flat<T> {
	/// Its normal; zero if it is not there.
	pub normal: [T; 3],
	/// normal * X of its points; -1 if it is not there, so that no ray meets it.
	pub height: T,
}

/// What rays can meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shapes<T> {
	/// Spheres.
	pub balls: Vec<Ball<T>>,
	/// Triangles: their corners, all zero if one is not there.
	pub faces: Vec<[[T; 3]; 3]>,
	/// Planes.
	pub flats: Vec<Flat<T>>,
}

/// A light.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lamp<T> {
	/// Where it is.
	pub position: [T; 3],
	/// Of each thing: strength over the length of its normal.
	pub gains: Vec<T>,
	/// Of each triangle: 1 if its corners run clockwise as seen from here, -1 if the other way, 0 if it is seen edge-on.
	pub sides: Vec<T>,
}

/// All numbers of a tile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared<T> {
	/// The camera's position.
	pub origin: [T; 3],
	/// Direction of the tile's upper left pixel.
	pub first: [T; 3],
	/// From a pixel to the one on its right.
	pub right: [T; 3],
	/// From a pixel to the one below.
	pub down: [T; 3],
	/// Brightness without light.
	pub ambient: T,
	/// Colour of nothing.
	pub background: [T; 3],
	/// What rays can meet.
	pub shapes: Shapes<T>,
	/// Colours of spheres and triangles, then two of each plane.
	pub colours: Vec<[T; 3]>,
	/// Of each plane: along these its colours alternate.
	pub axes: Vec<[[T; 3]; 2]>,
	/// Of each triangle: the normal with which it is shaded.
	pub normals: Vec<[T; 3]>,
	/// Of each thing: how much it mirrors. None if the class has no mirrors.
	pub mirrors: Vec<T>,
	/// The lights.
	pub lamps: Vec<Lamp<T>>,
}

impl<T: Copy> Shapes<T> {
	/// The shapes, each number from whatever gives them in their order.
	pub fn new(room: &Room, next: &mut impl FnMut() -> T) -> Self {
		Self {
			balls: (0..room.spheres)
				.map(|_| Ball {
					centre: three(next),
					square: next(),
				})
				.collect(),
			faces: (0..room.triangles)
				.map(|_| [three(next), three(next), three(next)])
				.collect(),
			flats: (0..room.planes)
				.map(|_| Flat {
					normal: three(next),
					height: next(),
				})
				.collect(),
		}
	}

	/// The spheres' numbers: four each.
	pub fn of_balls(&self) -> Vec<T> {
		(self.balls.iter())
			.flat_map(|ball| ball.centre.into_iter().chain([ball.square]))
			.collect()
	}

	/// The triangles' numbers: nine each.
	pub fn of_faces(&self) -> Vec<T> {
		self.faces.iter().flat_map(|face| face.concat()).collect()
	}

	/// The planes' numbers: four each.
	pub fn of_flats(&self) -> Vec<T> {
		(self.flats.iter())
			.flat_map(|flat| flat.normal.into_iter().chain([flat.height]))
			.collect()
	}
}

fn three<T>(next: &mut impl FnMut() -> T) -> [T; 3] {
	[next(), next(), next()]
}

impl<T: Copy> Prepared<T> {
	/// All numbers, each from whatever gives them in the order in which they are committed to.
	pub fn new(class: Class, mut next: impl FnMut() -> T) -> Self {
		let Class { room, .. } = class;
		let Room {
			spheres,
			planes,
			triangles,
			..
		} = room;
		let next = &mut next;
		Self {
			origin: three(next),
			first: three(next),
			right: three(next),
			down: three(next),
			ambient: next(),
			background: three(next),
			shapes: Shapes::new(&room, next),
			colours: (0..spheres + triangles + 2 * planes)
				.map(|_| three(next))
				.collect(),
			axes: (0..planes).map(|_| [three(next), three(next)]).collect(),
			normals: (0..triangles).map(|_| three(next)).collect(),
			mirrors: (0..if room.mirrors { room.things() } else { 0 })
				.map(|_| next())
				.collect(),
			lamps: (0..room.lights)
				.map(|_| Lamp {
					position: three(next),
					gains: (0..room.things()).map(|_| next()).collect(),
					sides: (0..triangles).map(|_| next()).collect(),
				})
				.collect(),
		}
	}

	/// All numbers, in the same order.
	pub fn numbers(&self) -> Vec<T> {
		let mut all = [self.origin, self.first, self.right, self.down].concat();
		all.push(self.ambient);
		all.extend(self.background);
		all.extend(self.shapes.of_balls());
		all.extend(self.shapes.of_faces());
		all.extend(self.shapes.of_flats());
		all.extend(self.colours.concat());
		all.extend(self.axes.concat().concat());
		all.extend(self.normals.concat());
		all.extend(&self.mirrors);
		for lamp in &self.lamps {
			all.extend(lamp.position);
			all.extend(&lamp.gains);
			all.extend(&lamp.sides);
		}
		all
	}
}

/// As many as there are places, the rest of them empty.
fn filled_up<T: Clone>(
	places: usize,
	there: impl IntoIterator<Item = T>,
	empty: T,
) -> impl Iterator<Item = T> {
	(there.into_iter())
		.chain(std::iter::repeat(empty))
		.take(places)
}

impl Prepared<i64> {
	/// The numbers of a tile. Places that the scene leaves empty hold what no ray meets, and lights without strength.
	pub fn of_tile(tile: &Tile) -> Result<Self, InputError> {
		let room = tile.class()?.room;
		let scene = &tile.scene;
		let (spheres, planes, triangles) = (&scene.spheres, &scene.planes, &scene.triangles);
		let origin = wide(scene.camera.position);

		let balls = spheres.iter().map(|sphere| Ball {
			centre: wide(sphere.centre),
			square: i64::from(sphere.radius).pow(2),
		});
		let no_ball = Ball {
			centre: [0; 3],
			square: -1,
		};
		let faces = (triangles.iter()).map(|triangle| triangle.corners.map(wide));
		let flats = planes.iter().map(|plane| Flat {
			normal: wide(plane.normal),
			height: plane.height.into(),
		});
		let no_flat = Flat {
			normal: [0; 3],
			height: -1,
		};
		let shapes = Shapes {
			balls: filled_up(room.spheres, balls, no_ball).collect(),
			faces: filled_up(room.triangles, faces, [[0; 3]; 3]).collect(),
			flats: filled_up(room.planes, flats, no_flat).collect(),
		};

		let normals = (triangles.iter()).map(|triangle| triangle.normal());
		let normals: Vec<_> = filled_up(room.triangles, normals, [0; 3]).collect();
		// Of each thing, rounded down.
		let lengths: Vec<i64> = filled_up(
			room.spheres,
			spheres.iter().map(|sphere| i64::from(sphere.radius)),
			0,
		)
		.chain(normals.iter().map(|normal| dot(*normal, *normal).isqrt()))
		.chain((shapes.flats.iter()).map(|flat| dot(flat.normal, flat.normal).isqrt()))
		.collect();

		let checkers = planes.iter().map(|plane| {
			let (colour, checker) = (plane.colour.map(i64::from), plane.checker.as_ref());
			(
				[
					colour,
					checker.map_or(colour, |checker| checker.colour.map(i64::from)),
				],
				checker.map_or([[0; 3]; 2], |checker| checker.axes.map(wide)),
			)
		});
		let (pairs, axes): (Vec<_>, Vec<_>) =
			filled_up(room.planes, checkers, ([[0; 3]; 2], [[0; 3]; 2])).unzip();
		let of_spheres = spheres.iter().map(|sphere| sphere.colour.map(i64::from));
		let of_triangles = triangles.iter().map(|it| it.colour.map(i64::from));
		let colours = filled_up(room.spheres, of_spheres, [0; 3])
			.chain(filled_up(room.triangles, of_triangles, [0; 3]))
			.chain(pairs.into_iter().flatten())
			.collect();

		let mirrors = match room.mirrors {
			false => Vec::new(),
			true => {
				let of_spheres = spheres.iter().map(|sphere| sphere.mirror.into());
				let of_triangles = triangles.iter().map(|triangle| triangle.mirror.into());
				let of_planes = planes.iter().map(|plane| plane.mirror.into());
				filled_up(room.spheres, of_spheres, 0)
					.chain(filled_up(room.triangles, of_triangles, 0))
					.chain(filled_up(room.planes, of_planes, 0))
					.collect()
			}
		};

		let lights = scene.lights.iter();
		let lights = lights.map(|light| (wide(light.position), i64::from(light.strength)));
		let lamps = filled_up(room.lights, lights, (origin, 0)).map(|(position, strength)| {
			let gain = |length: &i64| strength.checked_div(*length).unwrap_or(0);
			let sides = triangles.iter().map(|triangle| {
				let away = along(wide(triangle.corners[0]), -1, position);
				dot(triangle.cross(), away).signum()
			});
			let lamp = Lamp {
				position,
				gains: lengths.iter().map(gain).collect(),
				sides: filled_up(room.triangles, sides, 0).collect(),
			};
			debug_assert!(lamp.gains.iter().all(|gain| *gain <= MAX_STRENGTH >> 4));
			lamp
		});
		Ok(Self {
			origin,
			first: tile.direction(0, 0),
			right: wide(scene.camera.right),
			down: wide(scene.camera.down),
			ambient: scene.ambient.into(),
			background: scene.background.map(i64::from),
			lamps: lamps.collect(),
			shapes,
			colours,
			axes,
			normals,
			mirrors,
		})
	}
}
