//! Honest rows of gates, from which cheats are made; and that the gates accept them.

use std::ops::Range;

use plonky2::{
	field::types::Field, gates::gate::Gate, hash::hash_types::HashOut,
	plonk::vars::EvaluationVarsBaseBatch,
};

use super::{
	super::{
		circuit::Gates,
		gates::{light::Light, shade::Shade, trace::Trace},
		reference::{self, direction, lit, surface, thrown_back, trace, Hit, Ray},
	},
	reference::extreme_scenes,
	*,
};
use crate::{
	gadgets::{
		custom::{element, signed, testing, Custom, Row},
		octal::{octal, testing::assert_degree},
	},
	F,
};

/// The gates of which constraints are left out: those that have all there is.
pub fn gates() -> Gates {
	Gates::new(WHOLE)
}

/// Inputs of a gate, in the order of its wires.
pub fn elements(numbers: impl IntoIterator<Item = i64>) -> Vec<F> {
	numbers.into_iter().map(element).collect()
}

/// The rows of a ray, as if it were followed from the camera or, if it begins on something, thrown back.
pub struct Traced {
	pub tile: Prepared<i64>,
	pub ray: Ray,
	pub hit: Hit,
	pub traced: Vec<F>,
	/// Of the first lamp.
	pub lit: Vec<F>,
	pub shaded: Vec<F>,
}

/// The ray of a pixel.
pub fn first_ray(tile: &Prepared<i64>, x: usize, y: usize) -> Ray {
	Ray {
		origin: tile.origin,
		direction: direction(tile, x, y),
		from: None,
	}
}

/// The ray that is thrown back where another ends; in its own direction if that is nowhere.
pub fn next_ray(tile: &Prepared<i64>, ray: &Ray) -> Ray {
	let hit = trace(&tile.shapes, ray);
	let (point, normal) = surface(tile, ray, &hit);
	Ray {
		origin: point,
		direction: thrown_back(ray.direction, normal),
		from: hit.what,
	}
}

impl Traced {
	/// The honest rows. Of the ray from the camera, what is seen in a mirror is mixed in.
	pub fn new(gates: &Gates, room: &Room, tile: &Prepared<i64>, ray: Ray, is_first: bool) -> Self {
		let Gates {
			trace: trace_gate,
			light: light_gate,
			shade: shade_gate,
		} = gates;
		let shapes = &tile.shapes;
		let hit = trace(shapes, &ray);
		let (point, normal) = surface(tile, &ray, &hit);
		let bits = |what: Option<usize>| {
			(0..room.things()).map(move |place| i64::from(what == Some(place)))
		};
		let only = |numbers: Vec<i64>| if room.mirrors { numbers } else { Vec::new() };
		let inputs = elements(
			(ray.origin.into_iter().chain(ray.direction))
				.chain(shapes.of_balls())
				.chain(shapes.of_faces())
				.chain(shapes.of_flats())
				.chain(only(bits(ray.from).collect())),
		);
		let traced = testing::completed(trace_gate, &[], |_, input| inputs[input]);
		let lamp = &tile.lamps[0];
		let inputs = elements(
			(point.into_iter().chain(lamp.position))
				.chain(shapes.of_balls())
				.chain(shapes.of_faces())
				.chain(lamp.sides.clone())
				.chain(lamp.gains.clone())
				.chain(bits(hit.what))
				.chain(normal),
		);
		let lit_row = testing::completed(light_gate, &[], |_, input| inputs[input]);

		let turned = (room.triangles > 0).then_some(i64::from(hit.turned));
		let surface = elements(
			(ray.origin.into_iter().chain(ray.direction))
				.chain([hit.step])
				.chain(turned)
				.chain(bits(hit.what))
				.chain(shapes.balls.iter().flat_map(|ball| ball.centre))
				.chain(tile.normals.concat())
				.chain(shapes.flats.iter().flat_map(|flat| flat.normal)),
		);
		let mut colour = elements(
			bits(hit.what)
				.chain(tile.axes.concat().concat())
				.chain(tile.colours.concat())
				.chain(tile.background)
				.chain([tile.ambient]),
		);
		colour.push(lit_row[light_gate.brightness]);
		colour
			.extend(elements((tile.lamps.iter().skip(1)).map(|lamp| {
				reference::light(shapes, lamp, hit.what, point, normal)
			})));
		colour.extend(elements(point));
		let (mirrors, seen) = match is_first {
			true => (tile.mirrors.clone(), lit(tile, &next_ray(tile, &ray)).1[2]),
			false => (vec![0; room.things()], [0; 3]),
		};
		let (_, [.., parts]) = lit(tile, &ray);
		let mut mixed = elements(bits(hit.what).chain(only(mirrors)).chain(seen));
		mixed.extend(parts.into_iter().flat_map(|part| octal(part, 3)));
		let shaded = testing::completed(shade_gate, &[], |operation, input| {
			[&surface, &colour, &mixed][operation][input]
		});
		Self {
			tile: tile.clone(),
			ray,
			hit,
			traced,
			lit: lit_row,
			shaded,
		}
	}

	/// Whether the gates accept the rows.
	fn is_accepted(&self, gates: &Gates) -> bool {
		testing::is_satisfied(&gates.trace, &self.traced, &[])
			&& testing::is_satisfied(&gates.light, &self.lit, &[])
			&& testing::is_satisfied(&gates.shade, &self.shaded, &[])
	}

	/// The colour that the rows say.
	fn colour(&self, gates: &Gates) -> [i64; 3] {
		[0, 1, 2].map(|i| int(self.shaded[gates.shade.pixel.start + i]))
	}
}

/// Fails unless the rows of every pixel, and of every ray that is thrown back, are accepted and give the reference's colour.
#[track_caller]
fn assert_accepted(tile: &Tile) {
	let class = tile.class().unwrap();
	assert_accepted_in(tile, class);
}

#[track_caller]
fn assert_accepted_in(tile: &Tile, class: Class) {
	let (gates, numbers) = (Gates::new(class), prepared(tile));
	for place in 0..tile.side * tile.side {
		let (x, y) = (place % tile.side, place / tile.side);
		let ray = first_ray(&numbers, x, y);
		let first = Traced::new(&gates, &class.room, &numbers, ray, true);
		assert!(first.is_accepted(&gates), "{x} {y} of {tile:?}");
		if tile.scene.lights.len() <= 1 {
			let expected = reference::pixel(&numbers, ray.direction);
			assert_eq!(first.colour(&gates), expected, "{x} {y} of {tile:?}");
		}
		if class.room.mirrors {
			let ray = next_ray(&numbers, &ray);
			let next = Traced::new(&gates, &class.room, &numbers, ray, false);
			assert!(
				next.is_accepted(&gates),
				"thrown back at {x} {y} of {tile:?}"
			);
		}
	}
}

#[test]
fn rows_should_be_satisfied_by_what_follows_from_their_inputs() {
	for (mut tile, span) in [(tile(16), 64), (whole_tile(16), 64)] {
		tile.scene.camera = camera(span);
		for corner in 0..4 {
			(tile.column, tile.row) = (corner, corner);
			assert_accepted(&tile);
		}
	}
}

#[test]
fn rows_of_random_scenes_should_be_satisfied() {
	let mut rooms: Vec<Room> = Class::all().map(|class| class.room).collect();
	rooms.dedup();
	for (room, seed) in rooms.into_iter().zip(1..) {
		let class = Class { side: 16, room };
		for tile in random_tiles(room, seed).take(20) {
			// In a class of just these things, or in a larger one.
			let tile_class = tile.class().unwrap();
			assert_accepted_in(&tile, tile_class);
			assert!(
				class.room.holds(&tile_class.room) || tile_class.room.holds(&tile.scene.room())
			);
		}
	}
}

#[test]
fn rows_of_extreme_scenes_should_be_satisfied() {
	for mut tile in extreme_scenes() {
		// Every fourth pixel of every fourth row.
		let camera = &mut tile.scene.camera;
		camera.right = camera.right.map(|part| 4 * part);
		camera.down = camera.down.map(|part| 4 * part);
		tile.side = 16;
		assert_accepted(&tile);
	}
	for tile in extreme_whole_tiles() {
		assert_eq!(tile.class().unwrap(), WHOLE);
		assert_accepted(&tile);
	}
}

#[test]
fn gates_should_have_their_degrees() {
	for class in [CLASS, WHOLE] {
		let Gates {
			trace,
			light,
			shade,
		} = Gates::new(class);
		assert_degree(&trace);
		assert_degree(&light);
		assert_degree(&shade);
	}
}

fn assert_no_panic(gate: &impl Row) {
	for value in [F::NEG_ONE, F::from_canonical_u64(1 << 62), F::ONE, F::ZERO] {
		testing::completed(gate, &[], |_, _| value);
	}
}

#[test]
fn gates_should_not_panic_whatever_they_are_given() {
	for class in Class::all() {
		assert_no_panic(&Trace::new(class.room));
		assert_no_panic(&Light::new(class.room));
		assert_no_panic(&Shade::new(class.room));
	}
}

/// The first ray from the camera, in a frame of 64x64 pixels, of which something holds.
#[track_caller]
pub fn pixel_of(mut scene: Tile, wanted: impl Fn(&Traced) -> bool) -> Traced {
	scene.scene.camera = camera(64);
	scene.side = 16;
	let gates = gates();
	let tile = Prepared::of_tile(&scene).unwrap();
	assert_eq!(scene.class().unwrap(), WHOLE);
	(0..64 * 64)
		.map(|place| {
			let ray = first_ray(&tile, place % 64, place / 64);
			Traced::new(&gates, &WHOLE.room, &tile, ray, true)
		})
		.find(wanted)
		.expect("there is such a pixel")
}

#[track_caller]
pub fn pixel(wanted: impl Fn(&Traced) -> bool) -> Traced {
	pixel_of(whole_tile(16), wanted)
}

/// A pixel that shows a thing.
#[track_caller]
pub fn showing(what: usize) -> Traced {
	pixel(|pixel| pixel.hit.what == Some(what))
}

pub fn int(value: F) -> i64 {
	signed(value)
}

/// The number of digits.
pub fn read(row: &[F], range: Range<usize>) -> i64 {
	range
		.clone()
		.map(|wire| int(row[wire]) << (3 * (wire - range.start)))
		.sum()
}

/// Sets digits; what they cannot hold goes into the first of them.
pub fn write(row: &mut [F], range: Range<usize>, value: i64) {
	let count = range.len();
	let fits = value >= 0 && value >> (3 * count) == 0;
	let digits: Vec<F> = if fits {
		octal(value, count).collect()
	} else {
		let zeros = vec![F::ZERO; count - 1];
		[vec![element(value)], zeros].concat()
	};
	row[range].copy_from_slice(&digits);
}

/// The row, which must break a single constraint of the gate: of those that have a name in common, a test can leave out none but
/// all.
#[track_caller]
pub fn breaking_one(gate: &impl Row, row: Vec<F>) -> Vec<F> {
	let hash = HashOut::ZERO;
	let vars = EvaluationVarsBaseBatch::new(1, &[], &row, &hash);
	let values = Custom(gate.clone()).eval_unfiltered_base_batch(vars);
	let broken = values.iter().filter(|value| **value != F::ZERO).count();
	assert_eq!(broken, 1);
	row
}

/// One of several groups of wires, of so many each.
pub fn part(range: &Range<usize>, number: usize, size: usize) -> Range<usize> {
	range.start + size * number..range.start + size * (number + 1)
}

/// A row as if one of its inputs, the wires `given`, were `other`, with that input as it is.
pub fn as_if(
	gate: &impl Row,
	inputs: Range<usize>,
	row: &[F],
	given: Range<usize>,
	other: &[i64],
) -> Vec<F> {
	let mut instead = row.to_vec();
	instead[given.clone()].copy_from_slice(&elements(other.iter().copied()));
	let mut without = testing::completed(gate, &[], |_, input| instead[inputs.clone()][input]);
	without[given.clone()].copy_from_slice(&row[given]);
	without
}
