//! A tile as the numbers that are committed to, filled up to its class.
//!
//! Spheres are given as they lie relative to the camera and to each light: rays begin there. They stand in the order in
//! which the camera meets them. For spheres that do not overlap there is one for all rays: the points at which a ray
//! enters and leaves a sphere have as distances' product the square of the tangents' length, and intervals that are apart
//! have products in their own order.

use super::scene::{along, dot, wide, Class, Tile, MAX_STRENGTH};
use crate::program::InputError;

/// A sphere as a ray's origin sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ball<T> {
	/// From the origin to the centre.
	pub centre: [T; 3],
	/// Square of the length of the tangents from the origin.
	pub tangent: T,
}

/// The plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flat<T> {
	/// Its normal.
	pub normal: [T; 3],
	/// How high the camera is above it, times the normal's length.
	pub above: T,
	/// Its colours.
	pub colours: [[T; 3]; 2],
	/// Along these its colours alternate.
	pub axes: [[T; 3]; 2],
}

/// A light.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lamp<T> {
	/// Where it is.
	pub position: [T; 3],
	/// The spheres, as it sees them.
	pub balls: Vec<Ball<T>>,
	/// Strength over the length of each sphere's normal, and the plane's.
	pub gains: Vec<T>,
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
	/// The spheres, as the camera sees them.
	pub balls: Vec<Ball<T>>,
	/// Their colours.
	pub colours: Vec<[T; 3]>,
	/// The plane.
	pub flat: Flat<T>,
	/// The lights.
	pub lamps: Vec<Lamp<T>>,
}

impl<T: Copy> Prepared<T> {
	/// All numbers, each from whatever gives them in the order in which they are committed to.
	pub fn new(class: Class, mut next: impl FnMut() -> T) -> Self {
		fn three<T>(next: &mut impl FnMut() -> T) -> [T; 3] {
			[next(), next(), next()]
		}
		fn balls<T>(class: Class, next: &mut impl FnMut() -> T) -> Vec<Ball<T>> {
			(0..class.spheres)
				.map(|_| Ball {
					centre: three(next),
					tangent: next(),
				})
				.collect()
		}
		let next = &mut next;
		Self {
			origin: three(next),
			first: three(next),
			right: three(next),
			down: three(next),
			ambient: next(),
			background: three(next),
			balls: balls(class, next),
			colours: (0..class.spheres).map(|_| three(next)).collect(),
			flat: Flat {
				normal: three(next),
				above: next(),
				colours: [three(next), three(next)],
				axes: [three(next), three(next)],
			},
			lamps: (0..class.lights)
				.map(|_| Lamp {
					position: three(next),
					balls: balls(class, next),
					gains: (0..=class.spheres).map(|_| next()).collect(),
				})
				.collect(),
		}
	}

	/// All numbers, in the same order.
	pub fn numbers(&self) -> Vec<T> {
		fn of_balls<T: Copy>(balls: &[Ball<T>]) -> impl Iterator<Item = T> + '_ {
			balls
				.iter()
				.flat_map(|ball| ball.centre.into_iter().chain([ball.tangent]))
		}
		let flat = &self.flat;
		let mut all = [self.origin, self.first, self.right, self.down].concat();
		all.push(self.ambient);
		all.extend(self.background);
		all.extend(of_balls(&self.balls));
		all.extend(self.colours.concat());
		all.extend(flat.normal);
		all.push(flat.above);
		all.extend(flat.colours.concat());
		all.extend(flat.axes.concat());
		for lamp in &self.lamps {
			all.extend(lamp.position);
			all.extend(of_balls(&lamp.balls));
			all.extend(&lamp.gains);
		}
		all
	}
}

impl Prepared<i64> {
	/// The numbers of a tile. Places that the scene leaves empty hold spheres that no ray meets, a plane that none
	/// reaches, lights without strength.
	pub fn of_tile(tile: &Tile) -> Result<Self, InputError> {
		let class = tile.class()?;
		let scene = &tile.scene;
		let camera = &scene.camera;
		let origin = wide(camera.position);
		let ball = |from: [i64; 3], sphere: &super::scene::Sphere| {
			let centre = along(wide(sphere.centre), -1, from);
			let radius = i64::from(sphere.radius);
			Ball {
				centre,
				tangent: dot(centre, centre) - radius * radius,
			}
		};
		let filled_up = |mut balls: Vec<Ball<i64>>| {
			balls.resize(
				class.spheres,
				Ball {
					centre: [0; 3],
					tangent: 1,
				},
			);
			balls
		};
		let mut spheres: Vec<_> = scene.spheres.iter().collect();
		spheres.sort_by_key(|sphere| ball(origin, sphere).tangent);
		let mut colours: Vec<_> = spheres
			.iter()
			.map(|sphere| sphere.colour.map(i64::from))
			.collect();
		colours.resize(class.spheres, [0; 3]);
		let flat = scene.plane.as_ref().map_or(
			Flat {
				normal: [0; 3],
				above: 1,
				colours: [[0; 3]; 2],
				axes: [[0; 3]; 2],
			},
			|plane| {
				let colour = plane.colour.map(i64::from);
				let checker = plane.checker.as_ref();
				Flat {
					normal: wide(plane.normal),
					above: dot(wide(plane.normal), origin) - i64::from(plane.height),
					colours: [
						colour,
						checker.map_or(colour, |checker| checker.colour.map(i64::from)),
					],
					axes: checker.map_or([[0; 3]; 2], |checker| checker.axes.map(wide)),
				}
			},
		);
		let lamps = (0..class.lights)
			.map(|number| {
				let light = scene.lights.get(number);
				let position = light.map_or(origin, |light| wide(light.position));
				let strength = light.map_or(0, |light| i64::from(light.strength));
				let mut gains: Vec<i64> = spheres
					.iter()
					.map(|sphere| strength / i64::from(sphere.radius))
					.collect();
				gains.resize(class.spheres, 0);
				let normal_square = dot(flat.normal, flat.normal);
				gains.push(match normal_square {
					0 => 0,
					square => strength / square.isqrt(),
				});
				debug_assert!(gains.iter().all(|gain| *gain <= MAX_STRENGTH >> 4));
				Lamp {
					position,
					balls: filled_up(
						spheres
							.iter()
							.map(|sphere| ball(position, sphere))
							.collect(),
					),
					gains,
				}
			})
			.collect();
		Ok(Self {
			origin,
			first: tile.direction(0, 0),
			right: wide(camera.right),
			down: wide(camera.down),
			ambient: scene.ambient.into(),
			background: scene.background.map(i64::from),
			balls: filled_up(spheres.iter().map(|sphere| ball(origin, sphere)).collect()),
			colours,
			flat,
			lamps,
		})
	}
}
