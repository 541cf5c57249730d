//! Which scenes and tiles can be proven, and what is said of those that cannot.
//!
//! Spheres, planes, triangles and lights are counted from 1.

use super::scene::*;
use crate::program::InputError;

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

fn check_mirror(what: &str, mirror: u16) -> Result<(), InputError> {
	if i64::from(mirror) <= FULL {
		return Ok(());
	}
	refuse(format!(
		"what {what} mirrors is {mirror}: at most {FULL}, all that falls on it"
	))
}

/// Whether a triangle comes nearer to a point than `distance`. Coordinates are at most 2^13 in magnitude; products of
/// four of them do not fit into 64 bits.
fn comes_near(triangle: &Triangle, point: [i64; 3], distance: i64) -> bool {
	let corners = triangle
		.corners
		.map(|corner| along(wide(corner), -1, point));
	let square = i128::from(distance * distance);
	let dot = |a, b| i128::from(dot(a, b));
	let sides = [0, 1, 2].map(|i| (corners[i], corners[(i + 1) % 3]));
	// At a corner, along a side where the nearest point is within it, or within the triangle.
	let near_side = sides.iter().any(|(a, b)| {
		let side = along(*b, -1, *a);
		let (length, place) = (dot(side, side), -dot(*a, side));
		let nearest = dot(*a, *a) * length - place * place;
		(0..length).contains(&place) && nearest < square * length
	});
	let normal = triangle.cross();
	let height = dot(normal, corners[0]);
	let within = (sides.iter()).all(|(a, b)| dot(normal, cross(*a, *b)) >= 0);
	let near_corner = corners.iter().any(|corner| dot(*corner, *corner) < square);
	near_corner || near_side || (within && height * height < square * dot(normal, normal))
}

impl Scene {
	/// Checks all that does not depend on the tile.
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
		for (triangle, number) in self.triangles.iter().zip(1..) {
			self.validate_triangle(triangle, number)?;
		}
		for (plane, number) in self.planes.iter().zip(1..) {
			self.validate_plane(plane, number)?;
		}
		Ok(())
	}

	/// Camera and lights, with their names.
	fn origins(&self) -> impl Iterator<Item = (String, Vector)> + '_ {
		let lights = (self.lights.iter().zip(1..))
			.map(|(light, number)| (format!("light {number}"), light.position));
		[("the camera".to_string(), self.camera.position)]
			.into_iter()
			.chain(lights)
	}

	fn validate_sphere(&self, sphere: &Sphere, number: usize) -> Result<(), InputError> {
		let name = format!("sphere {number}");
		check_parts(
			&format!("the centre of {name}"),
			sphere.centre,
			MAX_COORDINATE,
		)?;
		check_mirror(&name, sphere.mirror)?;
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
		for (what, position) in self.origins() {
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

	fn validate_triangle(&self, triangle: &Triangle, number: usize) -> Result<(), InputError> {
		let name = format!("triangle {number}");
		for (corner, place) in triangle.corners.into_iter().zip(1..) {
			check_parts(&format!("corner {place} of {name}"), corner, MAX_COORDINATE)?;
		}
		check_mirror(&name, triangle.mirror)?;
		if triangle.cross().iter().all(|part| part.abs() < MIN_CROSS) {
			return refuse(format!(
				"{name} is too small, or its corners lie on one line: move them apart"
			));
		}
		for (sphere, other) in self.spheres.iter().zip(1..) {
			let reach = i64::from(sphere.radius) - SLACK;
			if comes_near(triangle, wide(sphere.centre), reach) {
				return refuse(format!(
					"{name} cuts sphere {other}: move them apart, they may only touch"
				));
			}
		}
		Ok(())
	}

	fn validate_plane(&self, plane: &Plane, number: usize) -> Result<(), InputError> {
		let name = format!("plane {number}");
		check_parts(&format!("the normal of {name}"), plane.normal, MAX_NORMAL)?;
		check_mirror(&name, plane.mirror)?;
		let normal = wide(plane.normal);
		let square = dot(normal, normal);
		if square < MIN_NORMAL_SQUARE {
			return refuse(format!(
				"the normal of {name} is {:?}: make it longer, of length 16 at least",
				plane.normal
			));
		}
		let above = |position: Vector| dot(normal, wide(position)) - i64::from(plane.height);
		for (what, position) in self.origins() {
			if !(1..=1 << 22).contains(&above(position)) {
				return refuse(format!(
					"{what} must be on the side of {name} to which its normal points"
				));
			}
		}
		for (sphere, other) in self.spheres.iter().zip(1..) {
			let (above, radius) = (above(sphere.centre), i64::from(sphere.radius));
			if above < 0 || above * above < radius * radius * square {
				return refuse(format!(
					"sphere {other} is not wholly above {name}: raise it, it may only touch"
				));
			}
		}
		for (triangle, other) in self.triangles.iter().zip(1..) {
			let below = (triangle.corners.into_iter())
				.map(above)
				.any(|above| above < 0 && above * above > SLACK * SLACK * square);
			if below {
				return refuse(format!(
					"triangle {other} is not wholly above {name}: raise it, it may only touch"
				));
			}
		}
		for axis in plane.checker.iter().flat_map(|checker| checker.axes) {
			check_parts(&format!("an axis of the checker of {name}"), axis, MAX_AXIS)?;
		}
		Ok(())
	}
}

impl Tile {
	/// The tile, if it can be proven.
	pub fn checked(self) -> Result<Self, InputError> {
		let class = self.class()?;
		self.scene.validate()?;
		if i64::from(self.column.max(self.row)) >= MAX_TILES {
			return refuse(format!(
				"the tile is in column {} and row {}: a frame has at most {MAX_TILES} in each direction",
				self.column, self.row
			));
		}
		let pixels = (0..self.side).flat_map(|y| (0..self.side).map(move |x| (x, y)));
		for direction in pixels.map(|(x, y)| self.direction(x, y)) {
			let looks = || format!("a pixel of the tile looks along {direction:?}");
			if direction.iter().any(|part| part.abs() > MAX_DIRECTION) {
				return refuse(format!(
					"{}: each number must be from -{MAX_DIRECTION} to {MAX_DIRECTION}; shorten the camera's vectors",
					looks()
				));
			}
			let square = dot(direction, direction);
			if class.room.mirrors && square > MAX_MIRRORED_LENGTH * MAX_MIRRORED_LENGTH {
				return refuse(format!(
					"{}: in a scene with mirrors that must not be longer than {MAX_MIRRORED_LENGTH}; shorten the \
					 camera's vectors",
					looks()
				));
			}
			if square < MIN_DIRECTION_SQUARE {
				return refuse(format!(
					"{}: that is shorter than 256; lengthen the camera's vectors",
					looks()
				));
			}
		}
		Ok(self)
	}
}
