//! The image computed plainly: what every backend's output is compared with.
//!
//! Every division rounds down. The bounds of all numbers are in `docs/protocol/render.md`.

use rayon::prelude::*;

use super::{
	class::Class,
	prepared::{Ball, Flat, Lamp, Prepared, Shapes},
	scene::{along, cross, dot, FULL},
};

/// Bits after the point of how far along its direction a ray goes.
pub const STEP_BITS: u32 = 18;
/// Bits of the squares of a checker.
pub const CELL_BITS: u32 = 18;

/// A ray.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ray {
	/// Where it begins.
	pub origin: [i64; 3],
	/// Where it goes.
	pub direction: [i64; 3],
	/// The thing on which it begins, which it does not meet; none for the camera's.
	pub from: Option<usize>,
}

/// What a ray meets first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hit {
	/// The thing; none if the ray meets nothing.
	pub what: Option<usize>,
	/// How far along the direction, in units of 2^-18 of it.
	pub step: i64,
	/// Of a sphere: the discriminant's root.
	pub root: i64,
	/// Of a sphere: how far along the direction the middle between entering and leaving it is, in the same units.
	pub middle: i64,
	/// Of a triangle: whether its corners run counter-clockwise as seen from the ray's origin.
	pub turned: bool,
}

/// A sphere and a line: the points at which they meet are (b +- root of d) / a of the line's direction, whose square is a.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chord {
	/// The direction times the way to the centre.
	pub b: i64,
	/// b^2 - ak.
	pub d: i64,
	/// The square of the tangents' length from the line's origin.
	pub k: i64,
}

impl Chord {
	/// Of a line from `origin`.
	pub fn new(ball: &Ball<i64>, origin: [i64; 3], direction: [i64; 3]) -> Self {
		let centre = along(ball.centre, -1, origin);
		let b = dot(centre, direction);
		let k = dot(centre, centre) - ball.square;
		let d = b * b - dot(direction, direction) * k;
		Self { b, d, k }
	}

	/// Whether the line meets the sphere in front of its origin. Who is inside of a sphere does not see it.
	pub fn is_met(&self) -> bool {
		self.d >= 0 && self.b > 0 && self.k > 0
	}
}

/// A triangle and a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fan {
	/// The determinant of the ways to its corners, not negative if the side is right.
	pub height: i64,
	/// Of each of its edges, the determinant of the ways to its ends and the direction.
	pub edges: [i64; 3],
}

impl Fan {
	/// Of a line from `origin`; the corners as they are (`side` 1) or the other way round (-1).
	pub fn new(face: &[[i64; 3]; 3], side: i64, origin: [i64; 3], direction: [i64; 3]) -> Self {
		let [a, b, c] = face.map(|corner| along(corner, -1, origin));
		let between = [cross(a, b), cross(b, c), cross(c, a)];
		Self {
			height: side * dot(between[0], c),
			edges: between.map(|edge| side * dot(edge, direction)),
		}
	}

	/// Of a line from `origin`, with the side that is right; and whether that is the other one.
	pub fn of_line(face: &[[i64; 3]; 3], origin: [i64; 3], direction: [i64; 3]) -> (Self, bool) {
		let fan = Self::new(face, 1, origin, direction);
		if fan.height >= 0 {
			return (fan, false);
		}
		(Self::new(face, -1, origin, direction), true)
	}

	/// The triangle is met at height / along of the direction.
	pub fn along(&self) -> i64 {
		self.edges.iter().sum()
	}

	/// Whether the line meets the triangle in front of its origin. (Only a direction of zero meets all edges and nothing.)
	pub fn is_met(&self) -> bool {
		self.height > 0 && self.edges.iter().all(|edge| *edge >= 0) && self.along() > 0
	}
}

/// A plane and a line: the line is `above` it at its origin, both times the normal's length, and meets it at above / towards
/// of its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slope {
	/// normal * origin - height.
	pub above: i64,
	/// -normal * direction.
	pub towards: i64,
}

impl Slope {
	/// Of a line from `origin`.
	pub fn new(flat: &Flat<i64>, origin: [i64; 3], direction: [i64; 3]) -> Self {
		Self {
			above: dot(flat.normal, origin) - flat.height,
			towards: -dot(flat.normal, direction),
		}
	}

	/// Whether the line meets the plane in front of its origin and within its direction.
	pub fn is_met(&self) -> bool {
		self.above >= 0 && self.towards > self.above
	}
}

/// Follows a ray.
///
/// Of the spheres that are met, the one with the nearest middle is the first, of the triangles the nearest, of these two the one
/// whose middle, or point, is nearer; planes are behind both, and the nearest is met. Of those equally near the first in order.
pub fn trace(shapes: &Shapes<i64>, ray: &Ray) -> Hit {
	let Ray {
		origin,
		direction,
		from,
	} = *ray;
	let square = dot(direction, direction);
	let other = |place: &usize| Some(*place) != from;
	let near = shapes.balls.len() + shapes.faces.len();
	let ball = (shapes.balls.iter().zip(0..))
		.filter(|(_, place)| other(place))
		.map(|(ball, place)| (Chord::new(ball, origin, direction), place))
		.filter(|(chord, _)| chord.is_met())
		.min_by_key(|(chord, _)| chord.b)
		.map(|(chord, place)| {
			let root = chord.d.isqrt();
			Hit {
				what: Some(place),
				// What is met is so in front of the origin: the root is below b.
				step: (((chord.b - root) << STEP_BITS) - 1) / square,
				root,
				middle: (chord.b << STEP_BITS) / square,
				turned: false,
			}
		});
	let face = (shapes.faces.iter().zip(shapes.balls.len()..))
		.filter(|(_, place)| other(place))
		.map(|(face, place)| (Fan::of_line(face, origin, direction), place))
		.filter(|((fan, _), _)| fan.is_met())
		.map(|((fan, turned), place)| Hit {
			what: Some(place),
			step: (fan.height << STEP_BITS) / fan.along(),
			turned,
			..Hit::default()
		})
		.min_by_key(|hit| hit.step);
	match (ball, face) {
		(Some(ball), Some(face)) if face.step < ball.middle => return face,
		(Some(hit), _) | (None, Some(hit)) => return hit,
		(None, None) => {}
	}
	(shapes.flats.iter().zip(near..))
		.filter(|(_, place)| other(place))
		.map(|(flat, place)| (Slope::new(flat, origin, direction), place))
		.filter(|(slope, _)| slope.is_met())
		.min_by(|(one, _), (two, _)| (one.above * two.towards).cmp(&(two.above * one.towards)))
		.map(|(slope, place)| Hit {
			what: Some(place),
			step: (slope.above << STEP_BITS) / slope.towards,
			..Hit::default()
		})
		.unwrap_or_default()
}

/// The point that a ray meets and the normal there, on the side from which the ray comes: of the length of a sphere's radius, or
/// as it was prepared.
pub fn surface(prepared: &Prepared<i64>, ray: &Ray, hit: &Hit) -> ([i64; 3], [i64; 3]) {
	let offset = ray.direction.map(|part| (part * hit.step) >> STEP_BITS);
	let point = along(ray.origin, 1, offset);
	let normal = hit.what.map_or([0; 3], |what| {
		let Shapes {
			balls,
			faces,
			flats,
		} = &prepared.shapes;
		if let Some(ball) = balls.get(what) {
			return along(point, -1, ball.centre);
		}
		let what = what - balls.len();
		match prepared.normals.get(what) {
			Some(normal) => normal.map(|part| if hit.turned { part } else { -part }),
			None => flats[what - faces.len()].normal,
		}
	});
	(point, normal)
}

/// Whether a sphere stands between a lamp and the end of the ray `direction` from it.
pub fn ball_blocks(ball: &Ball<i64>, position: [i64; 3], direction: [i64; 3]) -> bool {
	let Chord { b, d, .. } = Chord::new(ball, position, direction);
	d >= 0 && b > 0 && b < dot(direction, direction)
}

/// Whether a triangle, of which the lamp sees `side`, stands between it and the end of the ray `direction` from it.
pub fn face_blocks(
	face: &[[i64; 3]; 3],
	side: i64,
	position: [i64; 3],
	direction: [i64; 3],
) -> bool {
	let fan = Fan::new(face, side, position, direction);
	fan.edges.iter().all(|edge| *edge >= 0) && fan.along() > fan.height
}

/// The first of the things, other than `what`, that stands between a lamp and the end of the ray `direction` from it.
pub fn blocker(
	shapes: &Shapes<i64>,
	lamp: &Lamp<i64>,
	what: Option<usize>,
	direction: [i64; 3],
) -> Option<usize> {
	let balls = (shapes.balls.iter()).map(|ball| ball_blocks(ball, lamp.position, direction));
	let faces = (shapes.faces.iter().zip(&lamp.sides))
		.map(|(face, side)| face_blocks(face, *side, lamp.position, direction));
	(balls.chain(faces).zip(0..))
		.find(|(blocks, place)| *blocks && Some(*place) != what)
		.map(|(_, place)| place)
}

/// The brightness that a lamp gives a point of what was hit.
pub fn light(
	shapes: &Shapes<i64>,
	lamp: &Lamp<i64>,
	what: Option<usize>,
	point: [i64; 3],
	normal: [i64; 3],
) -> i64 {
	let Some(place) = what else { return 0 };
	let direction = along(point, -1, lamp.position);
	let facing = -dot(normal, direction);
	if facing < 0 || blocker(shapes, lamp, what, direction).is_some() {
		return 0;
	}
	let distance_square = dot(direction, direction);
	FULL.min(lamp.gains[place] * facing / (distance_square + 1))
}

/// The cell of a checker in which a point lies, along one axis.
pub fn cell(axis: [i64; 3], point: [i64; 3]) -> i64 {
	dot(axis, point) >> CELL_BITS
}

/// The colour of what was hit, at a point.
pub fn colour(prepared: &Prepared<i64>, what: Option<usize>, point: [i64; 3]) -> [i64; 3] {
	let Some(what) = what else {
		return prepared.background;
	};
	let near = prepared.shapes.balls.len() + prepared.shapes.faces.len();
	if what < near {
		return prepared.colours[what];
	}
	let [u, v] = prepared.axes[what - near].map(|axis| cell(axis, point) & 1);
	prepared.colours[near + 2 * (what - near) + (u ^ v) as usize]
}

/// A direction as a surface throws it back: less 2 (normal * direction) normal / normal^2, rounded down part by part.
pub fn thrown_back(direction: [i64; 3], normal: [i64; 3]) -> [i64; 3] {
	let (twice, square) = (2 * dot(normal, direction), dot(normal, normal));
	if square == 0 {
		return direction;
	}
	std::array::from_fn(|i| direction[i] - (twice * normal[i]).div_euclid(square))
}

/// What of `colour` and of what is seen in a mirror is seen, by how much it mirrors.
pub fn mixed(mirror: i64, colour: [i64; 3], seen: [i64; 3]) -> [i64; 3] {
	std::array::from_fn(|i| (colour[i] * (FULL - mirror) + seen[i] * mirror) / FULL)
}

/// What is met, the point and the normal there, and how it is lit, without what it mirrors.
pub fn lit(prepared: &Prepared<i64>, ray: &Ray) -> (Hit, [[i64; 3]; 3]) {
	let hit = trace(&prepared.shapes, ray);
	let (point, normal) = surface(prepared, ray, &hit);
	let lights: i64 = prepared
		.lamps
		.iter()
		.map(|lamp| light(&prepared.shapes, lamp, hit.what, point, normal))
		.sum();
	let brightness = match hit.what {
		None => FULL,
		Some(_) => FULL.min(prepared.ambient + lights),
	};
	let colour = colour(prepared, hit.what, point).map(|part| part * brightness / FULL);
	(hit, [point, normal, colour])
}

/// What is seen along a direction.
pub fn pixel(prepared: &Prepared<i64>, direction: [i64; 3]) -> [i64; 3] {
	let ray = Ray {
		origin: prepared.origin,
		direction,
		from: None,
	};
	let (hit, [point, normal, colour]) = lit(prepared, &ray);
	let mirror = hit.what.and_then(|what| prepared.mirrors.get(what));
	match mirror {
		None | Some(0) => colour,
		Some(mirror) => {
			let next = Ray {
				origin: point,
				direction: thrown_back(direction, normal),
				from: hit.what,
			};
			let (_, [.., seen]) = lit(prepared, &next);
			mixed(*mirror, colour, seen)
		}
	}
}

/// Direction of the pixel in column `x` and row `y`.
pub fn direction(prepared: &Prepared<i64>, x: usize, y: usize) -> [i64; 3] {
	let row = along(prepared.first, y as i64, prepared.down);
	along(row, x as i64, prepared.right)
}

/// The image of a tile row by row, each pixel red, green, blue: an output's bytes.
pub fn output(class: Class, prepared: &Prepared<i64>) -> Vec<u8> {
	(0..class.side * class.side)
		.into_par_iter()
		.flat_map_iter(|place| {
			let (x, y) = (place % class.side, place / class.side);
			// At most 255: a colour's part times at most FULL.
			pixel(prepared, direction(prepared, x, y)).map(|part| part as u8)
		})
		.collect()
}
