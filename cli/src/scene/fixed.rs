//! A scene as integers: the numbers of a file, in steps of which all that a proof can hold is made.
//!
//! A step is a power of two of the file's unit: the finest with which everything fits. `docs/use/scenes.md` says how each
//! number is rounded.

use lemma_zk_circuits::programs::render::{
	reference::CELL_BITS,
	scene::{
		self, Scene, Vector, MAX_AXIS, MAX_COORDINATE, MAX_DIRECTION, MAX_MIRRORED_LENGTH,
		MAX_NORMAL, RADII,
	},
};

use super::{section::Read, Camera, Checker, Plane, Point, SceneFile};
use crate::frame::Frame;

/// Least distance of the directions of neighbouring pixels. Each is rounded to whole steps, so with shorter ones the image
/// would be distorted.
const LEAST_PITCH: f64 = 4.0;
/// Lengths of directions that are tried, from the longest on: the one is chosen that rounding changes least.
const LENGTHS: u32 = 1024;
/// The shortest of them, as a part of the longest.
const SHORTEST: f64 = 0.75;
/// Longest side of a checker's squares, in steps: beyond this, their axes would have no digits left.
const MAX_CELL: f64 = (1u32 << (CELL_BITS - 4)) as f64;

fn dot(a: Point, b: Point) -> f64 {
	a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn along(a: Point, scale: f64, b: Point) -> Point {
	std::array::from_fn(|i| a[i] + scale * b[i])
}

fn times(a: Point, scale: f64) -> Point {
	a.map(|part| part * scale)
}

fn cross(a: Point, b: Point) -> Point {
	std::array::from_fn(|i| {
		let (j, k) = ((i + 1) % 3, (i + 2) % 3);
		a[j] * b[k] - a[k] * b[j]
	})
}

fn length(a: Point) -> f64 {
	dot(a, a).sqrt()
}

fn largest(a: Point) -> f64 {
	a.into_iter().map(f64::abs).fold(0.0, f64::max)
}

fn unit(a: Point) -> Point {
	times(a, 1.0 / length(a))
}

/// The nearest whole numbers, halves away from zero. What is rounded here was checked to be far below 2^31.
fn rounded(a: Point) -> Vector {
	a.map(|part| part.round() as i32)
}

/// The scene of a file, for a frame.
pub fn fix(file: &SceneFile, frame: &Frame) -> Read<Scene> {
	let look = Look::new(&file.camera, frame, file.room().mirrors)?;
	let scale = scale(file, look.longest * SHORTEST)?;
	let mut spheres = Vec::new();
	for (sphere, number) in file.spheres.iter().zip(1..) {
		// What touches in the file does not overlap: each radius is smaller by more than rounding moves a centre.
		let radius = (sphere.radius * scale).floor() - 1.0;
		let least = *RADII.start() as f64;
		if radius < least {
			return Err(format!(
				"`radius` of sphere {number} is {}: beside all else in this scene it must be {} at least; make it \
				 larger, or bring nearer what is farthest off (a position, or `reach` of the camera)",
				sphere.radius,
				(least + 1.0) / scale
			));
		}
		spheres.push(scene::Sphere {
			centre: rounded(times(sphere.centre, scale)),
			radius: radius as i32,
			colour: sphere.colour,
			mirror: share(sphere.mirror),
		});
	}
	let triangles = (file.triangles.iter()).map(|triangle| scene::Triangle {
		corners: (triangle.corners).map(|corner| rounded(times(corner, scale))),
		colour: triangle.colour,
		mirror: share(triangle.mirror),
	});
	let planes =
		(file.planes.iter().zip(1..)).map(|(plane, number)| fix_plane(plane, number, scale));
	let mut lights = Vec::new();
	for (light, number) in file.lights.iter().zip(1..) {
		let strength = (light.strength * scale * scene::FULL as f64).round();
		let most = scene::MAX_STRENGTH as f64;
		if strength > most {
			return Err(format!(
				"`strength` of light {number} is {}: in this scene it can be {} at most",
				light.strength,
				most / scale / scene::FULL as f64
			));
		}
		lights.push(scene::Light {
			position: rounded(times(light.position, scale)),
			strength: strength as i32,
		});
	}
	let scene = Scene {
		camera: look.camera(rounded(times(file.camera.position, scale)), frame),
		ambient: share(file.ambient),
		background: file.background,
		spheres,
		planes: planes.collect::<Read<_>>()?,
		triangles: triangles.collect(),
		lights,
	};
	scene.validate().map_err(|e| e.to_string())?;
	Ok(scene)
}

/// A part of full brightness, of what is at most 1, as was checked when it was read.
fn share(part: f64) -> u16 {
	(part * scene::FULL as f64).round() as u16
}

/// Steps of one unit: a power of two, the largest with which all coordinates are in bounds and the camera reaches as
/// far as it says.
fn scale(file: &SceneFile, reach: f64) -> Read<f64> {
	let positions = [file.camera.position]
		.into_iter()
		.chain(file.lights.iter().map(|light| light.position))
		.chain(file.spheres.iter().map(|sphere| sphere.centre))
		.chain(file.triangles.iter().flat_map(|triangle| triangle.corners));
	let mut planes = Vec::with_capacity(file.planes.len());
	for (plane, number) in file.planes.iter().zip(1..) {
		if largest(plane.normal) == 0.0 {
			return Err(format!(
				"`normal` of plane {number} is zero: write where it points, such as [0, 1, 0]"
			));
		}
		planes.push(dot(unit(plane.normal), plane.point).abs());
	}
	let farthest = positions
		.map(largest)
		.chain(file.spheres.iter().map(|sphere| sphere.radius))
		.chain(planes)
		.fold(0.0, f64::max);
	let most = MAX_COORDINATE as f64 / farthest;
	let most = file
		.camera
		.reach
		.map_or(most, |wanted| most.min(reach / wanted));
	Ok(most.log2().floor().clamp(-60.0, 60.0).exp2())
}

fn fix_plane(plane: &Plane, number: usize, scale: f64) -> Read<scene::Plane> {
	let most = largest(plane.normal);
	let whole = plane.normal.iter().all(|part| part.fract() == 0.0);
	// Whole numbers keep their direction.
	let factor = match whole && most <= MAX_NORMAL as f64 {
		true => (MAX_NORMAL as f64 / most).floor(),
		false => MAX_NORMAL as f64 / most,
	};
	let normal = rounded(times(plane.normal, factor));
	let height = dot(normal.map(f64::from), times(plane.point, scale)).round();
	Ok(scene::Plane {
		normal,
		height: height as i32,
		colour: plane.colour,
		checker: plane
			.checker
			.as_ref()
			.map(|checker| fix_checker(checker, number, plane.normal, scale))
			.transpose()?,
		mirror: share(plane.mirror),
	})
}

fn fix_checker(
	checker: &Checker,
	number: usize,
	normal: Point,
	scale: f64,
) -> Read<scene::Checker> {
	let cell = checker.size * scale;
	let span = f64::from(1u32 << CELL_BITS);
	let least = span / MAX_AXIS as f64;
	if !(least..=MAX_CELL).contains(&cell) {
		return Err(format!(
			"`size` of the checker of plane {number} is {}: in this scene it can be from {} to {}",
			checker.size,
			least / scale,
			MAX_CELL / scale
		));
	}
	// The axis of the scene that lies flattest on the plane, and the one across.
	let normal = unit(normal);
	let flattest = (0..3)
		.min_by(|i, j| normal[*i].abs().total_cmp(&normal[*j].abs()))
		.unwrap_or(0);
	let axis = std::array::from_fn(|i| if i == flattest { 1.0 } else { 0.0 });
	let first = unit(along(axis, -dot(axis, normal), normal));
	Ok(scene::Checker {
		axes: [first, cross(normal, first)].map(|axis| rounded(times(axis, span / cell))),
		colour: checker.colour,
	})
}

/// The directions in which a camera looks, each of length 1 in the middle of the image.
struct Look {
	forward: Point,
	right: Point,
	down: Point,
	/// By how much they can be lengthened.
	longest: f64,
}

impl Look {
	fn new(camera: &Camera, frame: &Frame, mirrors: bool) -> Read<Self> {
		let towards = along(camera.look_at, -1.0, camera.position);
		if largest(towards) == 0.0 {
			return Err(
				"`look_at` of the camera is its `position`: name the point in the middle of the image".into(),
			);
		}
		let forward = unit(towards);
		let across = cross(forward, camera.up);
		if length(across) <= 1e-6 * length(camera.up) {
			return Err(
				"`up` of the camera points along its line of sight, or nowhere: choose another direction, such as \
				 [0, 0, 1]"
					.into(),
			);
		}
		let pitch = 2.0 * (camera.fov.to_radians() / 2.0).tan() / frame.height as f64;
		let right = unit(across);
		let down = times(cross(right, forward), -pitch);
		let right = times(right, pitch);
		// Tiles reach beyond the frame, to the right and down.
		let middle = frame.middle();
		let [columns, rows] = frame.tiles();
		let far = [
			(columns * frame.side - 1) as f64 - middle[0],
			(rows * frame.side - 1) as f64 - middle[1],
		];
		let most = [-middle[0], far[0]]
			.into_iter()
			.flat_map(|x| [-middle[1], far[1]].map(|y| along(along(forward, x, right), y, down)))
			// With mirrors it is the length that is bounded, not only each part.
			.map(if mirrors { length } else { largest })
			.fold(0.0, f64::max);
		let bound = if mirrors {
			MAX_MIRRORED_LENGTH
		} else {
			MAX_DIRECTION
		} as f64;
		// Every pixel's step is rounded by a half at most, in each part: of the length, twice that.
		let slack = (0.5 * (far[0] + far[1]) + 2.0) * if mirrors { 2.0 } else { 1.0 };
		let longest = (bound - slack) / most;
		let least = (scene::MIN_DIRECTION_SQUARE as f64).sqrt() + 2.0;
		if bound / most * SHORTEST < least {
			return Err(format!(
				"the image of --size {}x{} spans too wide an angle: make `fov` of the camera smaller than {}, or the \
				 image narrower",
				frame.width, frame.height, camera.fov
			));
		}
		if longest * pitch < LEAST_PITCH || longest * SHORTEST < least {
			return Err(format!(
				"--size {}x{} is too fine for `fov` of the camera, {}: pixels would look {:.2} steps apart, and {LEAST_PITCH} \
				 are needed; make the size smaller, or `fov` wider",
				frame.width,
				frame.height,
				camera.fov,
				(longest * pitch).max(0.0)
			));
		}
		Ok(Self {
			forward,
			right,
			down,
			longest,
		})
	}

	/// The camera whose directions differ least from these.
	fn camera(&self, position: Vector, frame: &Frame) -> scene::Camera {
		let error = |length: &f64| {
			let parts = self.right.iter().chain(&self.down);
			let most = parts
				.map(|part| part * length)
				.map(|part| (part - part.round()).abs())
				.fold(0.0, f64::max);
			most / length
		};
		let length = (0..=LENGTHS)
			.map(|n| self.longest * (1.0 - (1.0 - SHORTEST) * f64::from(n) / f64::from(LENGTHS)))
			.min_by(|a, b| error(a).total_cmp(&error(b)))
			.unwrap_or(self.longest);
		let [right, down] = [self.right, self.down].map(|step| rounded(times(step, length)));
		let [x, y] = frame.middle();
		let corner = along(
			along(times(self.forward, length), -x, right.map(f64::from)),
			-y,
			down.map(f64::from),
		);
		scene::Camera {
			position,
			first: rounded(corner),
			right,
			down,
		}
	}
}
