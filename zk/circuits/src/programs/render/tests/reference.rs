//! The image.

use lemma_zk_statement::blake2_256;

use super::{
	super::{
		reference::{direction, light, output, surface, trace, Chord, Hit, Ray, Slope},
		scene::{along, dot},
	},
	*,
};

fn image(tile: &Tile) -> Vec<u8> {
	output(tile.class().unwrap(), &prepared(tile))
}

/// The ray of a pixel.
fn ray(prepared: &Prepared<i64>, x: usize, y: usize) -> Ray {
	Ray {
		origin: prepared.origin,
		direction: direction(prepared, x, y),
		from: None,
	}
}

/// What each pixel shows: a sphere by its number, the plane after them, or nothing.
fn hits(tile: &Tile) -> Vec<Option<usize>> {
	let prepared = prepared(tile);
	(0..tile.side * tile.side)
		.map(|place| {
			let ray = ray(&prepared, place % tile.side, place / tile.side);
			trace(&prepared.shapes, &ray).what
		})
		.collect()
}

#[test]
fn output_should_have_known_answers() {
	let mut lit_twice = tile(32);
	lit_twice.scene.lights.push(Light {
		position: [2000, 1500, -1000],
		strength: 700_000,
	});
	let mut corner = tile(16);
	corner.scene = scene(64);
	(corner.column, corner.row) = (1, 2);
	let tiles = [tile(16), tile(64), lit_twice, corner];
	let known = tiles.map(|tile| hex::encode(blake2_256(&image(&tile))));
	assert_eq!(
		known,
		[
			"beacc0e200a17023817a7be9f873a26d9f74eab9a786a068efa3442c624b95d3",
			"dfc98a3c1f93440dd19d5f585cd782694953f9ff1379c9c88a8e4cecafa89d21",
			"d52a5cb0ca08eb6f3c8748b93cb3a6bccfa595a3f5f2033c1bc2b6d744a08a66",
			"87c7852a6db465690eb4dd21f616d145a98de980a7532db1ba0928b7cbe474bf"
		]
	);
}

#[test]
fn scene_should_show_all_that_is_in_it() {
	let hits = hits(&tile(64));
	for what in [None, Some(0), Some(1), Some(2), Some(3), Some(4)] {
		assert!(
			hits.iter().filter(|hit| **hit == what).count() > 60,
			"{what:?}"
		);
	}
}

#[test]
fn tiles_should_be_parts_of_the_frame() {
	let whole = image(&tile(64));
	let mut part = tile(16);
	part.scene = scene(64);
	(part.column, part.row) = (1, 2);
	for (y, row) in image(&part).chunks(16 * 3).enumerate() {
		assert_eq!(row, &whole[((32 + y) * 64 + 16) * 3..][..16 * 3]);
	}
}

#[test]
fn spheres_in_any_order_should_give_the_same_image() {
	let honest = image(&tile(32));
	for turns in 1..4 {
		let mut turned = tile(32);
		turned.scene.spheres.rotate_left(turns);
		assert_eq!(image(&turned), honest);
	}
}

#[test]
fn symmetric_scene_should_give_a_symmetric_image_but_for_rounding() {
	let mut tile = tile(32);
	tile.scene.spheres.truncate(1);
	tile.scene.lights[0].position[0] = 0;
	tile.scene.planes[0].checker = None;
	let (image, hits) = (image(&tile), hits(&tile));
	for y in 0..32 {
		for x in 0..32 {
			let (here, there) = (y * 32 + x, y * 32 + 31 - x);
			assert_eq!(hits[here], hits[there]);
			for part in 0..3 {
				let pair = [here, there].map(|place| image[3 * place + part]);
				assert!(pair[0].abs_diff(pair[1]) <= 2, "{x} {y}: {pair:?}");
			}
		}
	}
}

#[test]
fn hit_should_be_on_the_surface_and_seen_from_the_camera() {
	let tile = tile(64);
	let prepared = prepared(&tile);
	for place in 0..64 * 64 {
		let ray = ray(&prepared, place % 64, place / 64);
		let hit = trace(&prepared.shapes, &ray);
		let (point, normal) = surface(&prepared, &ray, &hit);
		let Some(what) = hit.what else { continue };
		assert!(
			dot(normal, ray.direction) <= 0 || what < 4,
			"planes are seen from above"
		);
		if let Some(ball) = prepared.shapes.balls.get(what) {
			// Each part is rounded by less than a unit.
			let off = dot(normal, normal) - ball.square;
			assert!(off * off <= 16 * ball.square + 16, "{off}");
		} else {
			let height = dot(prepared.shapes.flats[0].normal, point) + 64 * 600;
			assert!((-64..=64).contains(&height), "{height}");
		}
	}
}

#[test]
fn nearest_sphere_should_be_seen() {
	// By entering each sphere instead of the order of middles.
	let tile = tile(64);
	let prepared = prepared(&tile);
	for place in 0..64 * 64 {
		let ray = ray(&prepared, place % 64, place / 64);
		let nearest = (0..4)
			.filter_map(|what| {
				let ball = &prepared.shapes.balls[what];
				let Chord { b, d, .. } = Chord::new(ball, ray.origin, ray.direction);
				(d >= 0 && b > 0).then(|| (b as f64 - (d as f64).sqrt(), what))
			})
			.min_by(|one, other| one.0.total_cmp(&other.0));
		let Hit { what, .. } = trace(&prepared.shapes, &ray);
		assert_eq!(nearest.map(|(_, what)| what), what.filter(|what| *what < 4));
	}
}

#[test]
fn shadow_should_be_behind_what_the_light_meets() {
	let prepared = prepared(&tile(64));
	let lamp = &prepared.lamps[0];
	let up = [0, 64, 0];
	let shapes = &prepared.shapes;
	let lit = |point| light(shapes, lamp, Some(4), point, up);
	for ball in &shapes.balls {
		let beyond = along(ball.centre, -1, lamp.position);
		// Where the line through light and centre meets the plane.
		let scale = (lamp.position[1] + 600) as f64 / -beyond[1] as f64;
		let shadow =
			std::array::from_fn(|i| lamp.position[i] + (beyond[i] as f64 * scale).round() as i64);
		assert_eq!(lit(shadow), 0);
	}
	assert!(lit([-1500, -600, -1200]) > 100);
	// A surface that looks away.
	let away = light(shapes, lamp, Some(4), [-1500, -600, -1200], [0, -64, 0]);
	assert_eq!(away, 0);
	// What does not shine.
	let mut off = lamp.clone();
	off.gains.fill(0);
	let dark = light(shapes, &off, Some(4), [-1500, -600, -1200], up);
	assert_eq!(dark, 0);
}

#[test]
fn numbers_should_be_those_that_new_takes() {
	for (tile, class) in [(tile(16), CLASS), (whole_tile(16), WHOLE)] {
		let prepared = prepared(&tile);
		let numbers = prepared.numbers();
		let mut next = numbers.iter().copied();
		assert_eq!(Prepared::new(class, || next.next().unwrap()), prepared);
		assert!(next.next().is_none());
	}
}

/// Scenes with everything at its bounds.
pub fn extreme_scenes() -> impl Iterator<Item = Tile> {
	[-1, 1].into_iter().flat_map(|sign| {
		[256, 6000, 8192].into_iter().map(move |reach| {
			let mut extreme = tile(64);
			let scene = &mut extreme.scene;
			scene.camera = Camera {
				position: [4096 * sign, 4096, 4096 * sign],
				first: [-reach * sign, -reach, -reach * sign],
				right: [reach / 40 * sign, 0, 0],
				down: [0, reach / 40, 0],
			};
			scene.spheres = vec![
				Sphere {
					centre: [-4096 * sign, -4096, -4096 * sign],
					radius: 4096,
					colour: [255; 3],
					mirror: 0,
				},
				Sphere {
					centre: [4096 * sign, -4080, -4096 * sign],
					radius: 16,
					colour: [255; 3],
					mirror: 0,
				},
			];
			scene.planes = vec![Plane {
				normal: [sign, 128, 0],
				height: -(128 * 4096 + 4096) * 2,
				colour: [255; 3],
				checker: Some(Checker {
					axes: [[4096; 3], [-4096; 3]],
					colour: [0; 3],
				}),
				mirror: 0,
			}];
			scene.lights[0] = Light {
				position: [4096 * sign, 4096, -4096 * sign],
				strength: 1 << 24,
			};
			extreme.checked().unwrap()
		})
	})
}

#[test]
fn numbers_should_stay_in_their_bounds() {
	let within = |number: i64, bits: u32| assert!(number.unsigned_abs() < 1 << bits, "{number}");
	for tile in extreme_scenes().chain([tile(64)]) {
		let prepared = prepared(&tile);
		for place in 0..64 * 64 {
			let ray = ray(&prepared, place % 64, place / 64);
			let d = ray.direction;
			let hit = trace(&prepared.shapes, &ray);
			let (point, normal) = surface(&prepared, &ray, &hit);
			within(dot(d, d), 28);
			within(hit.root, 29);
			within(hit.step, 27);
			for flat in &prepared.shapes.flats {
				let Slope { above, towards } = Slope::new(flat, ray.origin, d);
				within(above - towards, 30);
			}
			for ball in &prepared.shapes.balls {
				let Chord { b, d, k } = Chord::new(ball, ray.origin, d);
				within(b, 30);
				within(d, 60);
				within(k, 28);
				if d >= 0 {
					within(2 * d.isqrt(), 30);
				}
			}
			let offset = along(point, -1, prepared.origin);
			offset.iter().for_each(|part| within(*part, 15));
			for lamp in &prepared.lamps {
				let d = along(point, -1, lamp.position);
				within(dot(d, d), 30);
				within(dot(normal, d), 30);
				for gain in &lamp.gains {
					within(gain * dot(normal, d), 51);
				}
				for ball in &prepared.shapes.balls {
					let Chord { b, d, .. } = Chord::new(ball, lamp.position, d);
					within(b, 30);
					within(d, 60);
				}
			}
			for axis in prepared.axes.concat() {
				within(dot(axis, point) >> 18, 10);
			}
		}
	}
}
