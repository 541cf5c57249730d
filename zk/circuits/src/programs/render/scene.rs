//! Scenes: spheres and a plane, point lights, a camera; and a tile of a frame.
//!
//! All numbers are integers. How large a unit is, is the scene's to choose: points on surfaces are rounded to units, so a sphere
//! is the smoother the more units its radius has.
//!
//! [`Tile::checked`] lets only those tiles pass that can be proven: every intermediate number is then in the bounds of
//! `docs/protocol/render.md`.

use crate::program::InputError;

/// Bound on every coordinate of a position.
pub const MAX_COORDINATE: i64 = 1 << 12;
/// Bounds on the radius of a sphere.
pub const RADII: std::ops::RangeInclusive<i64> = 16..=1 << 12;
/// Bound on every part of a plane's normal.
pub const MAX_NORMAL: i64 = 1 << 7;
/// Least square of the length of a plane's normal.
pub const MIN_NORMAL_SQUARE: i64 = 1 << 8;
/// Bound on every part of a checker's axis.
pub const MAX_AXIS: i64 = 1 << 12;
/// Bound on every part of a ray's direction.
pub const MAX_DIRECTION: i64 = 1 << 13;
/// Least square of the length of a ray's direction.
pub const MIN_DIRECTION_SQUARE: i64 = 1 << 16;
/// Bound on the strength of a light.
pub const MAX_STRENGTH: i64 = 1 << 24;
/// Full brightness: a surface is seen in its own colour.
pub const FULL: i64 = 1 << 9;
/// Most tiles of a frame, in each direction.
pub const MAX_TILES: i64 = 1 << 8;

/// A position, a direction or a normal: x, y, z.
pub type Vector = [i32; 3];
/// Red, green, blue.
pub type Colour = [u8; 3];

/// A sphere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sphere {
	/// Its centre.
	pub centre: Vector,
	/// Its radius.
	pub radius: i32,
	/// Its colour.
	pub colour: Colour,
}

/// Squares of two colours on a plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checker {
	/// Along these the colours alternate, each 2^18 / |axis| units.
	pub axes: [Vector; 2],
	/// The other colour.
	pub colour: Colour,
}

/// A plane: the points X with normal * X = height. It is seen from where normal * X is greater.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plane {
	/// Its normal, of any length.
	pub normal: Vector,
	/// normal * X of its points.
	pub height: i32,
	/// Its colour.
	pub colour: Colour,
	/// Its other colour.
	pub checker: Option<Checker>,
}

/// A point that shines in all directions. Its light falls off with the distance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Light {
	/// Where it is.
	pub position: Vector,
	/// The brightness that it gives a surface that faces it, times the distance, in units of 1/512 of full brightness.
	pub strength: i32,
}

/// A camera. The pixel in column x and row y of the frame looks along `first` + x * `right` + y * `down`, and as far as
/// that vector reaches: planes end there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Camera {
	/// Where it is.
	pub position: Vector,
	/// Direction of the frame's upper left pixel.
	pub first: Vector,
	/// From a pixel to the one on its right.
	pub right: Vector,
	/// From a pixel to the one below.
	pub down: Vector,
}

/// All there is to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
	/// Whence it is seen.
	pub camera: Camera,
	/// Brightness without any light, up to [`FULL`].
	pub ambient: u16,
	/// Colour of what is nothing.
	pub background: Colour,
	/// Spheres, none of which touches the inside of another, of the plane, or of camera and lights.
	pub spheres: Vec<Sphere>,
	/// The plane.
	pub plane: Option<Plane>,
	/// Lights.
	pub lights: Vec<Light>,
}

/// A square part of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
	/// The scene.
	pub scene: Scene,
	/// Pixels in a row, and rows.
	pub side: usize,
	/// Tiles to the left of this one.
	pub column: u16,
	/// Tiles above this one.
	pub row: u16,
}

/// The size of a circuit, which has room for every tile of that side with at most so many spheres and lights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Class {
	/// Pixels in a row, and rows.
	pub side: usize,
	/// Spheres.
	pub spheres: usize,
	/// Lights.
	pub lights: usize,
}

impl Class {
	/// All classes, the smaller first.
	pub fn all() -> impl Iterator<Item = Self> {
		[(16, 4, 1), (32, 4, 1), (64, 4, 1), (16, 8, 2), (32, 8, 2)]
			.into_iter()
			.map(|(side, spheres, lights)| Self {
				side,
				spheres,
				lights,
			})
	}

	/// The smallest class that has room for a tile; `None` if none has.
	pub fn of_tile(side: usize, scene: &Scene) -> Option<Self> {
		Self::all().find(|class| {
			class.side == side
				&& scene.spheres.len() <= class.spheres
				&& scene.lights.len() <= class.lights
		})
	}

	/// Such as `t64-s4-l1`.
	pub fn name(&self) -> String {
		format!("t{}-s{}-l{}", self.side, self.spheres, self.lights)
	}
}

/// The vector in 64 bits.
pub fn wide(vector: Vector) -> [i64; 3] {
	vector.map(i64::from)
}

/// The inner product. In the bounds of a scene it is far from overflowing.
pub fn dot(a: [i64; 3], b: [i64; 3]) -> i64 {
	a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// a + scale * b.
pub fn along(a: [i64; 3], scale: i64, b: [i64; 3]) -> [i64; 3] {
	std::array::from_fn(|i| a[i] + scale * b[i])
}

fn refuse<T>(reason: String) -> Result<T, InputError> {
	Err(InputError(reason))
}

fn check_parts(what: &str, vector: Vector, most: i64) -> Result<(), InputError> {
	if wide(vector).iter().all(|part| part.abs() <= most) {
		return Ok(());
	}
	refuse(format!(
		"{what} is {vector:?}: each number must be from -{most} to {most}"
	))
}

impl Scene {
	/// Checks all that does not depend on the tile. Spheres and lights are counted from 1.
	pub fn validate(&self) -> Result<(), InputError> {
		check_parts(
			"the camera's position",
			self.camera.position,
			MAX_COORDINATE,
		)?;
		if i64::from(self.ambient) > FULL {
			return refuse(format!(
				"ambient is {}: at most {FULL}, full brightness",
				self.ambient
			));
		}
		for (light, number) in self.lights.iter().zip(1..) {
			check_parts(
				&format!("the position of light {number}"),
				light.position,
				MAX_COORDINATE,
			)?;
			if !(0..=MAX_STRENGTH).contains(&i64::from(light.strength)) {
				return refuse(format!(
					"the strength of light {number} is {}: from 0 to {MAX_STRENGTH}",
					light.strength
				));
			}
		}
		for (sphere, number) in self.spheres.iter().zip(1..) {
			self.validate_sphere(sphere, number)?;
		}
		if let Some(plane) = &self.plane {
			self.validate_plane(plane)?;
		}
		Ok(())
	}

	fn validate_sphere(&self, sphere: &Sphere, number: usize) -> Result<(), InputError> {
		let name = format!("sphere {number}");
		check_parts(
			&format!("the centre of {name}"),
			sphere.centre,
			MAX_COORDINATE,
		)?;
		let radius = i64::from(sphere.radius);
		if !RADII.contains(&radius) {
			return refuse(format!(
				"the radius of {name} is {radius}: from {} to {}",
				RADII.start(),
				RADII.end()
			));
		}
		let distance_square = |other: Vector| {
			let between = along(wide(other), -1, wide(sphere.centre));
			dot(between, between)
		};
		let lights = (self.lights.iter().zip(1..))
			.map(|(light, number)| (format!("light {number}"), light.position));
		for (what, position) in [("the camera".to_string(), self.camera.position)]
			.into_iter()
			.chain(lights)
		{
			if distance_square(position) <= radius * radius {
				return refuse(format!("{what} is inside {name}: move it out"));
			}
		}
		for (other, before) in self.spheres.iter().zip(1..number) {
			let reach = radius + i64::from(other.radius);
			if distance_square(other.centre) < reach * reach {
				return refuse(format!(
					"spheres {before} and {number} overlap: move them apart, they may only touch"
				));
			}
		}
		Ok(())
	}

	fn validate_plane(&self, plane: &Plane) -> Result<(), InputError> {
		check_parts("the plane's normal", plane.normal, MAX_NORMAL)?;
		let normal = wide(plane.normal);
		let square = dot(normal, normal);
		if square < MIN_NORMAL_SQUARE {
			return refuse(format!(
				"the plane's normal is {:?}: make it longer, of length 16 at least",
				plane.normal
			));
		}
		let above = |position: Vector| dot(normal, wide(position)) - i64::from(plane.height);
		let positions = [("the camera".to_string(), self.camera.position)]
			.into_iter()
			.chain(
				(self.lights.iter().zip(1..))
					.map(|(light, number)| (format!("light {number}"), light.position)),
			);
		for (what, position) in positions {
			if !(1..=1 << 22).contains(&above(position)) {
				return refuse(format!(
					"{what} must be on the side of the plane to which its normal points"
				));
			}
		}
		for (sphere, number) in self.spheres.iter().zip(1..) {
			let (above, radius) = (above(sphere.centre), i64::from(sphere.radius));
			if above < 0 || above * above < radius * radius * square {
				return refuse(format!(
					"sphere {number} is not wholly above the plane: raise it, it may only touch"
				));
			}
		}
		for axis in plane.checker.iter().flat_map(|checker| checker.axes) {
			check_parts("an axis of the plane's checker", axis, MAX_AXIS)?;
		}
		Ok(())
	}
}

impl Tile {
	/// The class that proves the tile.
	pub fn class(&self) -> Result<Class, InputError> {
		let Scene {
			spheres, lights, ..
		} = &self.scene;
		Class::of_tile(self.side, &self.scene).map_or_else(
			|| {
				refuse(format!(
					"a tile of {0}x{0} pixels with {1} spheres and {2} lights cannot be proven: the side is 16 or 32 with \
					 at most 8 spheres and 2 lights, or 64 with at most 4 spheres and 1 light",
					self.side,
					spheres.len(),
					lights.len()
				))
			},
			Ok,
		)
	}

	/// Direction of the pixel in column `x` and row `y` of the tile.
	pub fn direction(&self, x: usize, y: usize) -> [i64; 3] {
		let camera = &self.scene.camera;
		let place = |tile: u16, pixel: usize| i64::from(tile) * self.side as i64 + pixel as i64;
		let row = along(wide(camera.first), place(self.row, y), wide(camera.down));
		along(row, place(self.column, x), wide(camera.right))
	}

	/// The tile, if it can be proven.
	pub fn checked(self) -> Result<Self, InputError> {
		self.class()?;
		self.scene.validate()?;
		if i64::from(self.column.max(self.row)) >= MAX_TILES {
			return refuse(format!(
				"the tile is in column {} and row {}: a frame has at most {MAX_TILES} in each direction",
				self.column, self.row
			));
		}
		let pixels = (0..self.side).flat_map(|y| (0..self.side).map(move |x| (x, y)));
		for direction in pixels.map(|(x, y)| self.direction(x, y)) {
			if direction.iter().any(|part| part.abs() > MAX_DIRECTION) {
				return refuse(format!(
					"a pixel of the tile looks along {direction:?}: each number must be from -{MAX_DIRECTION} to \
					 {MAX_DIRECTION}; shorten the camera's vectors"
				));
			}
			if dot(direction, direction) < MIN_DIRECTION_SQUARE {
				return refuse(format!(
					"a pixel of the tile looks along {direction:?}: that is shorter than 256; lengthen the camera's vectors"
				));
			}
		}
		Ok(self)
	}
}
