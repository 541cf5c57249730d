//! The input blob of a tile, as it lies in a store: words of four bytes, little-endian.
//!
//! | words | what |
//! | --- | --- |
//! | 2 | `lemma-r` and the format's version, 2 |
//! | 3 | side, column, row of the tile |
//! | 4 | numbers of spheres, planes, triangles, lights |
//! | 12 | camera: position, first, right, down |
//! | 1 + 3 | ambient; background |
//! | 8 each | spheres: centre, radius, colour, mirror |
//! | 9 or 18 each | planes: normal, height, colour, mirror, then 0, or 1 and the checker's two axes and colour |
//! | 13 each | triangles: corners, colour, mirror |
//! | 4 each | lights: position, strength |
//!
//! Vectors and colours are three words each, numbers are i32. Nothing follows.

use super::{
	class::Room,
	scene::{Camera, Checker, Colour, Light, Plane, Scene, Sphere, Tile, Triangle, Vector, FULL},
};
use crate::program::InputError;

/// How a blob begins: a name and the format's version.
pub const MAGIC: [u8; 8] = *b"lemma-r\x02";

struct Writer(Vec<u8>);

impl Writer {
	fn numbers<T: Into<i32>>(&mut self, numbers: impl IntoIterator<Item = T>) {
		for number in numbers {
			self.0.extend(number.into().to_le_bytes());
		}
	}
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
	fn number(&mut self) -> Result<i32, InputError> {
		let Some((word, rest)) = self.0.split_first_chunk::<4>() else {
			return Err(InputError(
				"the scene ends before it is complete: the blob was cut off".into(),
			));
		};
		self.0 = rest;
		Ok(i32::from_le_bytes(*word))
	}

	fn up_to(&mut self, what: &str, most: i32) -> Result<i32, InputError> {
		let number = self.number()?;
		if (0..=most).contains(&number) {
			return Ok(number);
		}
		Err(InputError(format!(
			"the blob says {what}: {number}, which must be from 0 to {most}"
		)))
	}

	fn vector(&mut self) -> Result<Vector, InputError> {
		Ok([self.number()?, self.number()?, self.number()?])
	}

	fn colour(&mut self) -> Result<Colour, InputError> {
		let mut part = || Ok(self.up_to("a part of a colour", 255)? as u8);
		Ok([part()?, part()?, part()?])
	}

	fn mirror(&mut self) -> Result<u16, InputError> {
		Ok(self.up_to("what something mirrors", FULL as i32)? as u16)
	}
}

impl Tile {
	/// The blob.
	pub fn encode(&self) -> Vec<u8> {
		let scene = &self.scene;
		let mut blob = Writer(MAGIC.to_vec());
		// Counts and sides are those of a class: small.
		blob.numbers([self.side as i32, self.column.into(), self.row.into()]);
		let counts = [
			scene.spheres.len(),
			scene.planes.len(),
			scene.triangles.len(),
			scene.lights.len(),
		];
		blob.numbers(counts.map(|count| count as i32));
		let camera = &scene.camera;
		for vector in [camera.position, camera.first, camera.right, camera.down] {
			blob.numbers(vector);
		}
		blob.numbers([scene.ambient]);
		blob.numbers(scene.background);
		for sphere in &scene.spheres {
			blob.numbers(sphere.centre);
			blob.numbers([sphere.radius]);
			blob.numbers(sphere.colour);
			blob.numbers([sphere.mirror]);
		}
		for plane in &scene.planes {
			blob.numbers(plane.normal);
			blob.numbers([plane.height]);
			blob.numbers(plane.colour);
			blob.numbers([plane.mirror]);
			blob.numbers([i32::from(plane.checker.is_some())]);
			if let Some(checker) = &plane.checker {
				checker.axes.into_iter().for_each(|axis| blob.numbers(axis));
				blob.numbers(checker.colour);
			}
		}
		for triangle in &scene.triangles {
			for corner in triangle.corners {
				blob.numbers(corner);
			}
			blob.numbers(triangle.colour);
			blob.numbers([triangle.mirror]);
		}
		for light in &scene.lights {
			blob.numbers(light.position);
			blob.numbers([light.strength]);
		}
		blob.0
	}

	/// The tile of a blob.
	pub fn decode(blob: &[u8]) -> Result<Self, InputError> {
		let Some(rest) = blob.strip_prefix(&MAGIC) else {
			return Err(InputError(
				"the blob does not begin as a scene's (`lemma-r`, version 2): is it of another program, or of another \
				 Lemma's?"
					.into(),
			));
		};
		let mut blob = Reader(rest);
		let side = blob.up_to("the tile's side", 64)? as usize;
		let column = blob.up_to("the tile's column", 255)? as u16;
		let row = blob.up_to("the tile's row", 255)? as u16;
		// Counts are those of a class: small.
		let most = Room::most();
		let [spheres, planes, triangles, lights] = [
			blob.up_to("spheres", most.spheres as i32)?,
			blob.up_to("planes", most.planes as i32)?,
			blob.up_to("triangles", most.triangles as i32)?,
			blob.up_to("lights", most.lights as i32)?,
		];
		let camera = Camera {
			position: blob.vector()?,
			first: blob.vector()?,
			right: blob.vector()?,
			down: blob.vector()?,
		};
		let ambient = blob.up_to("ambient", 512)? as u16;
		let background = blob.colour()?;
		let spheres = (0..spheres)
			.map(|_| {
				Ok(Sphere {
					centre: blob.vector()?,
					radius: blob.number()?,
					colour: blob.colour()?,
					mirror: blob.mirror()?,
				})
			})
			.collect::<Result<_, InputError>>()?;
		let planes = (0..planes)
			.map(|_| {
				Ok(Plane {
					normal: blob.vector()?,
					height: blob.number()?,
					colour: blob.colour()?,
					mirror: blob.mirror()?,
					checker: match blob.up_to("checkers of a plane", 1)? {
						0 => None,
						_ => Some(Checker {
							axes: [blob.vector()?, blob.vector()?],
							colour: blob.colour()?,
						}),
					},
				})
			})
			.collect::<Result<_, InputError>>()?;
		let triangles = (0..triangles)
			.map(|_| {
				Ok(Triangle {
					corners: [blob.vector()?, blob.vector()?, blob.vector()?],
					colour: blob.colour()?,
					mirror: blob.mirror()?,
				})
			})
			.collect::<Result<_, InputError>>()?;
		let lights = (0..lights)
			.map(|_| {
				Ok(Light {
					position: blob.vector()?,
					strength: blob.number()?,
				})
			})
			.collect::<Result<_, InputError>>()?;
		if !blob.0.is_empty() {
			return Err(InputError(format!(
				"{} bytes follow the scene: something was appended to the blob",
				blob.0.len()
			)));
		}
		Self {
			scene: Scene {
				camera,
				ambient,
				background,
				spheres,
				planes,
				triangles,
				lights,
			},
			side,
			column,
			row,
		}
		.checked()
	}
}
