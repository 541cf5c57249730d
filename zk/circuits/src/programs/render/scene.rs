//! Scenes: spheres, planes and triangles, point lights, a camera; and a tile of a frame.
//!
//! All numbers are integers. How large a unit is, is the scene's to choose: points on surfaces are rounded to units, so a sphere
//! is the smoother the more units its radius has.
//!
//! [`Tile::checked`] (`validate.rs`) lets only those tiles pass that can be proven: every intermediate number is then in the
//! bounds of `docs/protocol/render.md`.

use super::class::{Class, Room};
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
/// Bound on the length of a ray's direction in a scene with mirrors: rays go twice as far there.
pub const MAX_MIRRORED_LENGTH: i64 = (1 << 13) - 2;
/// Least of the largest part of the cross product of two sides of a triangle.
pub const MIN_CROSS: i64 = 1 << 8;
/// The largest part of the normal with which a triangle is shaded.
pub const FACE_NORMAL: i64 = 1 << 9;
/// How far a triangle may reach into a sphere, or below a plane: what rounding takes from those that touch.
pub const SLACK: i64 = 2;
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
	/// How much of the light that comes from where it mirrors is seen instead of its colour, up to [`FULL`].
	pub mirror: u16,
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
	/// As a sphere's.
	pub mirror: u16,
}

/// A triangle. It has two sides, which look alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Triangle {
	/// Its corners, in any order.
	pub corners: [Vector; 3],
	/// Its colour.
	pub colour: Colour,
	/// As a sphere's.
	pub mirror: u16,
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
	/// Spheres, none of which touches the inside of another, of a plane, or of camera and lights.
	pub spheres: Vec<Sphere>,
	/// Planes. All else is where their normals point.
	pub planes: Vec<Plane>,
	/// Triangles, outside of all spheres.
	pub triangles: Vec<Triangle>,
	/// Lights.
	pub lights: Vec<Light>,
}

impl Scene {
	/// What there is.
	pub fn room(&self) -> Room {
		let shares = (self.spheres.iter().map(|sphere| sphere.mirror))
			.chain(self.planes.iter().map(|plane| plane.mirror))
			.chain(self.triangles.iter().map(|triangle| triangle.mirror));
		Room {
			spheres: self.spheres.len(),
			planes: self.planes.len(),
			triangles: self.triangles.len(),
			lights: self.lights.len(),
			mirrors: shares.max().is_some_and(|most| most > 0),
		}
	}
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

/// a x b.
pub fn cross(a: [i64; 3], b: [i64; 3]) -> [i64; 3] {
	std::array::from_fn(|i| {
		let (j, k) = ((i + 1) % 3, (i + 2) % 3);
		a[j] * b[k] - a[k] * b[j]
	})
}

impl Triangle {
	/// The cross product of two of its sides: a normal as long as twice its area.
	pub fn cross(&self) -> [i64; 3] {
		let [a, b, c] = self.corners.map(wide);
		cross(along(b, -1, a), along(c, -1, a))
	}

	/// The normal with which it is shaded: the cross product at such a length that its largest part is [`FACE_NORMAL`], each
	/// part rounded to the nearest, halves up.
	pub fn normal(&self) -> [i64; 3] {
		let cross = self.cross();
		let most = (cross.map(i64::abs).into_iter()).fold(1, i64::max);
		cross.map(|part| (2 * FACE_NORMAL * part + most).div_euclid(2 * most))
	}
}

impl Tile {
	/// The class that proves the tile.
	pub fn class(&self) -> Result<Class, InputError> {
		let needed = self.scene.room();
		Class::with_room(self.side, &needed).ok_or_else(|| {
			InputError(format!(
				"a tile of {0}x{0} pixels with {needed} cannot be proven: there are proofs with room for {1}",
				self.side,
				Class::offers()
			))
		})
	}

	/// Direction of the pixel in column `x` and row `y` of the tile.
	pub fn direction(&self, x: usize, y: usize) -> [i64; 3] {
		let camera = &self.scene.camera;
		let place = |tile: u16, pixel: usize| i64::from(tile) * self.side as i64 + pixel as i64;
		let row = along(wide(camera.first), place(self.row, y), wide(camera.down));
		along(row, place(self.column, x), wide(camera.right))
	}
}
