//! Scene files: what is to be rendered, in TOML and in units of the author's choice.
//!
//! - [`section`]: reading a table, with an error that names the key; [`fixed`]: the scene as the integers that are proven
//!
//! `docs/use/scenes.md` is for their authors.

mod fixed;
mod section;
#[cfg(test)]
mod tests;

use lemma_zk_circuits::programs::render::{class::Room, scene::Colour};

pub use fixed::fix;
use section::{Read, Section, COLOUR, CORNERS, NUMBER, VECTOR};

/// A position or a direction: x, y, z.
pub type Point = [f64; 3];

/// All there is to see.
#[derive(Debug, Clone, PartialEq)]
pub struct SceneFile {
	/// Whence it is seen.
	pub camera: Camera,
	/// Brightness without any light; 1 is full.
	pub ambient: f64,
	/// Colour of what is nothing.
	pub background: Colour,
	/// Spheres.
	pub spheres: Vec<Sphere>,
	/// Planes.
	pub planes: Vec<Plane>,
	/// Triangles.
	pub triangles: Vec<Triangle>,
	/// Lights.
	pub lights: Vec<Light>,
}

/// A camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Camera {
	/// Where it is.
	pub position: Point,
	/// What is in the middle of the image.
	pub look_at: Point,
	/// What is up.
	pub up: Point,
	/// Degrees from the image's lower edge to its upper one.
	pub fov: f64,
	/// How far planes are seen at least.
	pub reach: Option<f64>,
}

/// A sphere.
#[derive(Debug, Clone, PartialEq)]
pub struct Sphere {
	/// Its centre.
	pub centre: Point,
	/// Its radius.
	pub radius: f64,
	/// Its colour.
	pub colour: Colour,
	/// How much of what it mirrors is seen instead of its colour, from 0 to 1.
	pub mirror: f64,
}

/// A plane, seen from the side to which its normal points.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
	/// A point of it.
	pub point: Point,
	/// Its normal.
	pub normal: Point,
	/// Its colour.
	pub colour: Colour,
	/// Squares of another colour.
	pub checker: Option<Checker>,
	/// As a sphere's.
	pub mirror: f64,
}

/// A triangle, seen from both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Triangle {
	/// Its corners, in any order.
	pub corners: [Point; 3],
	/// Its colour.
	pub colour: Colour,
	/// As a sphere's.
	pub mirror: f64,
}

/// Squares on a plane.
#[derive(Debug, Clone, PartialEq)]
pub struct Checker {
	/// The length of a side.
	pub size: f64,
	/// The other colour.
	pub colour: Colour,
}

/// A light.
#[derive(Debug, Clone, PartialEq)]
pub struct Light {
	/// Where it is.
	pub position: Point,
	/// The distance at which what faces it is fully bright.
	pub strength: f64,
}

impl SceneFile {
	/// Reads a file.
	pub fn parse(text: &str) -> Read<Self> {
		let table: toml::Table = toml::from_str(text).map_err(|e| e.to_string())?;
		let mut file = Section::whole(&table);
		let most = Room::most();
		let camera = file.section("camera", "the camera")?.ok_or(
			"`camera` is missing: write [camera] with `position` and `look_at`, such as [0, 2, 8] and [0, 1, 0]",
		)?;
		let scene = Self {
			camera: Camera::read(camera)?,
			ambient: file.between("ambient", [0.0, 1.0], 0.1)?,
			background: file
				.optional("background", &COLOUR)?
				.unwrap_or([0x10, 0x14, 0x1c]),
			spheres: (file.sections("sphere", most.spheres)?.into_iter())
				.map(Sphere::read)
				.collect::<Read<_>>()?,
			planes: (file.sections("plane", most.planes)?.into_iter())
				.map(Plane::read)
				.collect::<Read<_>>()?,
			triangles: (file.sections("triangle", most.triangles)?.into_iter())
				.map(Triangle::read)
				.collect::<Read<_>>()?,
			lights: (file.sections("light", most.lights)?.into_iter())
				.map(Light::read)
				.collect::<Read<_>>()?,
		};
		file.finish()?;
		Ok(scene)
	}

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
			mirrors: shares.fold(0.0, f64::max) > 0.0,
		}
	}
}

impl Camera {
	fn read(mut section: Section) -> Read<Self> {
		let camera = Self {
			position: section.required("position", &VECTOR)?,
			look_at: section.required("look_at", &VECTOR)?,
			up: section.optional("up", &VECTOR)?.unwrap_or([0.0, 1.0, 0.0]),
			fov: section.between("fov", [1.0, 150.0], 50.0)?,
			reach: section.optional_positive("reach")?,
		};
		section.finish()?;
		Ok(camera)
	}
}

impl Sphere {
	fn read(mut section: Section) -> Read<Self> {
		let sphere = Self {
			centre: section.required("centre", &VECTOR)?,
			radius: section.positive("radius")?,
			colour: section.required("colour", &COLOUR)?,
			mirror: section.between("mirror", [0.0, 1.0], 0.0)?,
		};
		section.finish()?;
		Ok(sphere)
	}
}

impl Plane {
	fn read(mut section: Section) -> Read<Self> {
		let of_checker = format!("the checker of {}", section.name());
		let plane = Self {
			point: section.optional("point", &VECTOR)?.unwrap_or([0.0; 3]),
			normal: section
				.optional("normal", &VECTOR)?
				.unwrap_or([0.0, 1.0, 0.0]),
			colour: section.required("colour", &COLOUR)?,
			checker: (section.section("checker", &of_checker)?)
				.map(Checker::read)
				.transpose()?,
			mirror: section.between("mirror", [0.0, 1.0], 0.0)?,
		};
		section.finish()?;
		Ok(plane)
	}
}

impl Triangle {
	fn read(mut section: Section) -> Read<Self> {
		let triangle = Self {
			corners: section.required("corners", &CORNERS)?,
			colour: section.required("colour", &COLOUR)?,
			mirror: section.between("mirror", [0.0, 1.0], 0.0)?,
		};
		section.finish()?;
		Ok(triangle)
	}
}

impl Checker {
	fn read(mut section: Section) -> Read<Self> {
		let checker = Self {
			size: section.positive("size")?,
			colour: section.required("colour", &COLOUR)?,
		};
		section.finish()?;
		Ok(checker)
	}
}

impl Light {
	fn read(mut section: Section) -> Read<Self> {
		let light = Self {
			position: section.required("position", &VECTOR)?,
			strength: section.required("strength", &NUMBER)?,
		};
		if light.strength < 0.0 {
			return Err(format!(
				"{} is {}: choose a distance, zero at least",
				section.title("strength"),
				light.strength
			));
		}
		section.finish()?;
		Ok(light)
	}
}
