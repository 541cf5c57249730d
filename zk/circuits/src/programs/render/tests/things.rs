//! Triangles, several planes and mirrors, by the reference.

use super::{
	super::{
		reference::{
			direction, face_blocks, light, lit, output, pixel, surface, thrown_back, trace, Chord,
			Fan, Ray, Slope,
		},
		scene::{along, dot, FULL},
	},
	*,
};

/// The whole scene in a frame of 64x64 pixels.
fn whole_frame() -> Tile {
	tile_of(whole_scene(64), 16)
}

fn first(prepared: &Prepared<i64>, place: usize) -> Ray {
	Ray {
		origin: prepared.origin,
		direction: direction(prepared, place % 64, place / 64),
		from: None,
	}
}

fn next(prepared: &Prepared<i64>, ray: &Ray) -> (Option<usize>, Ray) {
	let hit = trace(&prepared.shapes, ray);
	let (point, normal) = surface(prepared, ray, &hit);
	let next = Ray {
		origin: point,
		direction: thrown_back(ray.direction, normal),
		from: hit.what,
	};
	(hit.what, next)
}

#[test]
fn whole_scene_should_show_all_that_is_in_it_and_mirror_it() {
	let prepared = prepared(&whole_frame());
	let mut shown = [0; 11];
	let mut mirrored = [0; 11];
	let mut nothing = [0; 2];
	for place in 0..64 * 64 {
		let (hit, ray) = next(&prepared, &first(&prepared, place));
		let seen = trace(&prepared.shapes, &ray).what;
		match hit {
			None => nothing[0] += 1,
			Some(what) => {
				shown[what] += 1;
				if prepared.mirrors[what] > 0 {
					match seen {
						None => nothing[1] += 1,
						Some(what) => mirrored[what] += 1,
					}
				}
			}
		}
	}
	// The pyramid's third side faces away.
	let hidden = shown.iter().filter(|count| **count < 20).count();
	assert!(hidden <= 2 && nothing[0] > 20, "{shown:?} {nothing:?}");
	assert!(
		mirrored.iter().filter(|count| **count > 0).count() >= 8 && nothing[1] > 20,
		"{mirrored:?} {nothing:?}"
	);
}

/// Where a ray meets things, by floating-point numbers: how far along its direction, and the thing.
fn met(prepared: &Prepared<i64>, ray: &Ray) -> Vec<(f64, usize)> {
	let d = ray.direction.map(|part| part as f64);
	let o = ray.origin.map(|part| part as f64);
	let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
	let minus = |a: [f64; 3], b: [f64; 3]| [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
	let cross = |a: [f64; 3], b: [f64; 3]| {
		[
			a[1] * b[2] - a[2] * b[1],
			a[2] * b[0] - a[0] * b[2],
			a[0] * b[1] - a[1] * b[0],
		]
	};
	let mut all = Vec::new();
	for (ball, what) in prepared.shapes.balls.iter().zip(0..) {
		let c = minus(ball.centre.map(|part| part as f64), o);
		let (a, b) = (dot(d, d), dot(c, d));
		let under = b * b - a * (dot(c, c) - ball.square as f64);
		if under >= 0.0 && b > under.sqrt() {
			all.push(((b - under.sqrt()) / a, what));
		}
	}
	for (face, what) in prepared.shapes.faces.iter().zip(4..) {
		// After Moeller and Trumbore.
		let [v0, v1, v2] = face.map(|corner| corner.map(|part| part as f64));
		let (e1, e2) = (minus(v1, v0), minus(v2, v0));
		let p = cross(d, e2);
		let determinant = dot(e1, p);
		if determinant == 0.0 {
			continue;
		}
		let s = minus(o, v0);
		let q = cross(s, e1);
		let (u, v) = (dot(s, p) / determinant, dot(d, q) / determinant);
		let t = dot(e2, q) / determinant;
		if u >= 0.0 && v >= 0.0 && u + v <= 1.0 && t > 0.0 {
			all.push((t, what));
		}
	}
	for (flat, what) in prepared.shapes.flats.iter().zip(8..) {
		let n = flat.normal.map(|part| part as f64);
		let t = (flat.height as f64 - dot(n, o)) / dot(n, d);
		if dot(n, d) < 0.0 && (0.0..1.0).contains(&t) {
			all.push((t, what));
		}
	}
	all.retain(|(_, what)| Some(*what) != ray.from);
	all.sort_by(|one, other| one.0.total_cmp(&other.0));
	all
}

#[test]
fn nearest_thing_should_be_seen() {
	// Where two things are met within two units of each other, either may be the nearer after rounding.
	let mut compared = 0;
	let mut check = |prepared: &Prepared<i64>, ray: &Ray| {
		let hit = trace(&prepared.shapes, ray);
		let all = met(prepared, ray);
		let length = (dot(ray.direction, ray.direction) as f64).sqrt();
		let near = |t: f64, other: f64| (t - other).abs() * length < 2.0;
		let nearest = all.first().copied();
		if hit.what == nearest.map(|(_, what)| what) {
			compared += 1;
			if let Some((t, _)) = nearest {
				let step = hit.step as f64 / f64::from(1 << 18);
				assert!(near(t, step), "{t} {step} {ray:?}");
			}
			return;
		}
		let (t, _) = nearest.expect("what is met by integers is met");
		let other = all.iter().find(|(_, what)| Some(*what) == hit.what);
		let is_near = |t: f64| other.is_some_and(|(other, _)| near(t, *other));
		// A ray that begins on a surface may begin a little behind another.
		assert!(
			is_near(t) || (ray.from.is_some() && near(t, 0.0)),
			"{all:?} {hit:?} {ray:?}"
		);
	};
	let prepared = prepared(&whole_frame());
	for place in 0..64 * 64 {
		let ray = first(&prepared, place);
		check(&prepared, &ray);
		let (what, ray) = next(&prepared, &ray);
		if what.is_some() {
			check(&prepared, &ray);
		}
	}
	assert!(compared > 7000, "{compared}");
}

#[test]
fn triangles_in_any_order_with_corners_in_any_order_should_give_the_same_image() {
	let image = |tile: &Tile| output(WHOLE, &prepared(tile));
	let honest = image(&whole_tile(16));
	for turns in 1..4 {
		let mut turned = whole_tile(16);
		turned.scene.triangles.rotate_left(turns);
		assert_eq!(image(&turned), honest);
		let mut turned = whole_tile(16);
		turned.scene.planes.rotate_left(turns % 3);
		assert_eq!(image(&turned), honest);
		let mut turned = whole_tile(16);
		for triangle in &mut turned.scene.triangles {
			triangle.corners.rotate_left(turns % 3);
			if turns == 2 {
				triangle.corners.swap(0, 1);
			}
		}
		assert_eq!(image(&turned), honest);
	}
}

#[test]
fn triangles_that_share_an_edge_should_leave_no_gap() {
	// A square of two triangles, seen along rays that meet the diagonal exactly and beside it.
	let mut tile = whole_tile(16);
	let [a, b, c, d] = [[-500, -500], [-500, 500], [500, 500], [500, -500]];
	let corner = |[x, y]: [i32; 2]| [x, y, 1000 + x - y / 3];
	tile.scene.spheres.clear();
	tile.scene.planes.clear();
	let face = |corners: [[i32; 2]; 3]| Triangle {
		corners: corners.map(corner),
		colour: [9; 3],
		mirror: 1,
	};
	tile.scene.triangles = vec![face([a, b, c]), face([a, c, d])];
	let prepared = prepared(&tile.checked().unwrap());
	for x in -400..=400 {
		for y in [x - 1, x, x + 1] {
			let [x, y, z] = corner([x, y]);
			let ray = Ray {
				origin: prepared.origin,
				direction: [x, y, z + 2000].map(i64::from),
				from: None,
			};
			let hit = trace(&prepared.shapes, &ray);
			assert!(matches!(hit.what, Some(4 | 5)), "{x} {y}");
			let (point, normal) = surface(&prepared, &ray, &hit);
			assert!((point[2] - i64::from(z)).abs() <= 2);
			// Both halves are shaded alike, from where the ray comes.
			assert_eq!(
				normal,
				surface(&prepared, &ray, &trace(&prepared.shapes, &ray)).1
			);
			assert!(dot(normal, ray.direction) < 0);
		}
	}
}

#[test]
fn triangle_should_throw_a_shadow_on_what_is_behind_it() {
	let prepared = prepared(&whole_tile(16));
	let lamp = &prepared.lamps[0];
	let up = [0, 64, 0];
	let lit = |point| light(&prepared.shapes, lamp, Some(8), point, up);
	for (face, number) in prepared.shapes.faces.iter().zip(0..) {
		let middle: [i64; 3] =
			std::array::from_fn(|i| face.iter().map(|corner| corner[i]).sum::<i64>() / 3);
		let towards = along(middle, -1, lamp.position);
		let blocks = |direction| face_blocks(face, lamp.sides[number], lamp.position, direction);
		assert!(blocks(along(towards, 1, towards.map(|part| part / 4))));
		assert!(!blocks(along(towards, -1, towards.map(|part| part / 4))));
		assert!(!blocks(towards.map(|part| -part)));
		// Where the line through the lamp and the middle meets the floor.
		let scale = (lamp.position[1] + 600) as f64 / -towards[1] as f64;
		let shadow =
			std::array::from_fn(|i| lamp.position[i] + (towards[i] as f64 * scale).round() as i64);
		assert_eq!(lit(shadow), 0);
	}
	assert!(lit([-1500, -600, -1200]) > 100);
}

#[test]
fn mirror_should_show_what_is_seen_from_behind_it() {
	// A floor that mirrors all: the camera below it, as far as it was above, sees the same.
	let mut tile = whole_frame();
	tile.scene.planes.truncate(1);
	tile.scene.planes[0].mirror = FULL as u16;
	tile.scene.planes[0].checker = None;
	tile.scene.triangles.truncate(1);
	let tile = tile.checked().unwrap();
	let prepared = prepared(&tile);
	let floor = prepared.shapes.flats[0];
	let mut below = prepared.clone();
	below.origin[1] = 2 * -600 - prepared.origin[1];
	// Without the floor, which is in the way there.
	below.shapes.flats[0].normal = [0; 3];
	below.shapes.flats[0].height = -1;
	let mut compared = 0;
	let mut same = 0;
	for place in 0..64 * 64 {
		let ray = first(&prepared, place);
		let hit = trace(&prepared.shapes, &ray);
		if hit
			.what
			.is_none_or(|what| what < prepared.shapes.balls.len() + prepared.shapes.faces.len())
		{
			continue;
		}
		let [x, y, z] = ray.direction;
		let image = Ray {
			origin: below.origin,
			direction: [x, -y, z],
			from: None,
		};
		compared += 1;
		let [expected, seen] = [lit(&below, &image).1[2], pixel(&prepared, ray.direction)];
		// Points differ by roundings, so at the edges of things, of shadows, what is seen differs.
		same += usize::from((0..3).all(|i| (expected[i] - seen[i]).abs() <= 4));
	}
	assert_eq!(floor.normal, [0, 64, 0]);
	assert!(
		compared > 500 && same * 100 >= compared * 97,
		"{same} of {compared}"
	);
}

#[test]
fn mirrored_colour_should_be_mixed_by_the_mirrors_share() {
	let mut tile = whole_frame();
	let pixels = |tile: &Tile| {
		let prepared = prepared(tile);
		(0..64 * 64)
			.map(|place| {
				let ray = first(&prepared, place);
				let hit = trace(&prepared.shapes, &ray).what;
				(hit, pixel(&prepared, ray.direction))
			})
			.filter(|(hit, _)| *hit == Some(0))
			.map(|(_, colour)| colour)
			.collect::<Vec<_>>()
	};
	let [none, half, all] = [0, 256, 512].map(|share| {
		tile.scene.spheres[0].mirror = share;
		pixels(&tile)
	});
	assert!(none.len() > 100);
	for ((none, half), all) in none.iter().zip(&half).zip(&all) {
		for i in 0..3 {
			assert_eq!(half[i], (none[i] + all[i]) / 2);
		}
	}
	assert_ne!(none, all);
}

#[test]
fn numbers_of_scenes_with_all_there_is_should_stay_in_their_bounds() {
	fn within(number: i64, bits: u32) {
		assert!(number.unsigned_abs() < 1 << bits, "{number} {bits}");
	}
	let tiles = random_tiles(WHOLE.room, 5).take(60);
	for tile in tiles.chain(extreme_whole_tiles()) {
		let class = tile.class().unwrap();
		let prepared = prepared(&tile);
		for place in 0..16 * 16 {
			let ray = Ray {
				origin: prepared.origin,
				direction: direction(&prepared, place % 16, place / 16),
				from: None,
			};
			let mut rays = vec![ray];
			if class.room.mirrors {
				rays.push(next(&prepared, &ray).1);
			}
			for ray in rays {
				let hit = trace(&prepared.shapes, &ray);
				within(dot(ray.direction, ray.direction), 28);
				within(hit.step, 27);
				within(hit.middle, 27);
				for face in &prepared.shapes.faces {
					let (fan, _) = Fan::of_line(face, ray.origin, ray.direction);
					within(fan.height, 42);
					within(fan.height << 18, 60);
					within(fan.along(), 42);
					fan.edges.iter().for_each(|edge| within(*edge, 42));
				}
				for flat in &prepared.shapes.flats {
					let slope = Slope::new(flat, ray.origin, ray.direction);
					within(slope.above, 24);
					within(slope.towards, 23);
				}
				let (point, normal) = surface(&prepared, &ray, &hit);
				let offset = along(point, -1, ray.origin);
				offset.iter().for_each(|part| within(*part, 15));
				point.iter().for_each(|part| within(*part, 15));
				for lamp in &prepared.lamps {
					let d = along(point, -1, lamp.position);
					within(dot(d, d), 30);
					within(dot(normal, d), 30);
					for (face, side) in prepared.shapes.faces.iter().zip(&lamp.sides) {
						let fan = Fan::new(face, *side, lamp.position, d);
						fan.edges.iter().for_each(|edge| within(*edge, 42));
						within(fan.height, 42);
						assert!(fan.height >= 0);
					}
				}
			}
		}
	}
}

/// What can be claimed of a thing that is not `shown`, as `docs/protocol/render.md` says: one of these must not be negative.
fn claims(prepared: &Prepared<i64>, ray: &Ray, shown: Option<usize>, what: usize) -> Vec<i64> {
	let Ray {
		origin, direction, ..
	} = *ray;
	let shapes = &prepared.shapes;
	let square = dot(direction, direction);
	let chord = |what: usize| Chord::new(&shapes.balls[what], origin, direction);
	let fan = |what: usize| Fan::of_line(&shapes.faces[what - 4], origin, direction).0;
	let slope = |what: usize| Slope::new(&shapes.flats[what - 8], origin, direction);
	let before = |other: usize| i64::from(what < other);
	match (what, shown) {
		(0..4, _) => {
			let Chord { b, d, k } = chord(what);
			let mut ways = vec![-d - 1, -b, -k];
			match shown {
				Some(other @ 0..4) => ways.push(b - chord(other).b - before(other)),
				Some(other @ 4..8) => {
					let step = (fan(other).height << 18) / fan(other).along();
					ways.push((b << 18) - (step + 1) * square);
				}
				_ => {}
			}
			ways
		}
		(4..8, _) => {
			let it = fan(what);
			let mut ways: Vec<i64> = it.edges.iter().map(|edge| -edge - 1).collect();
			ways.push(-it.height);
			let far = match shown {
				Some(other @ 0..4) => Some((chord(other).b << 18) / square),
				Some(other @ 4..8) => {
					Some((fan(other).height << 18) / fan(other).along() + before(other))
				}
				_ => None,
			};
			ways.extend(far.map(|far| (it.height << 18) - far * it.along()));
			ways
		}
		(_, Some(0..8)) => vec![0],
		(_, other) => {
			let it = slope(what);
			let mut ways = vec![it.above - it.towards, -it.above - 1];
			if let Some(other) = other {
				let nearer = slope(other);
				let crosswise = it.above * nearer.towards - nearer.above * it.towards;
				ways.push(crosswise - before(other));
			}
			ways
		}
	}
}

/// Fails unless what is met first can be shown, and nothing else: of everything else that is met, and of nothing, some other thing
/// cannot be claimed to be missed.
#[track_caller]
fn assert_one_can_be_shown(prepared: &Prepared<i64>, ray: &Ray) -> usize {
	let shapes = &prepared.shapes;
	let (origin, direction) = (ray.origin, ray.direction);
	let is_met = |what: &usize| match *what {
		0..4 => Chord::new(&shapes.balls[*what], origin, direction).is_met(),
		4..8 => {
			let (fan, _) = Fan::of_line(&shapes.faces[*what - 4], origin, direction);
			fan.is_met()
		}
		_ => Slope::new(&shapes.flats[*what - 8], origin, direction).is_met(),
	};
	let others = || (0..11).filter(|what| Some(*what) != ray.from);
	let met: Vec<usize> = others().filter(is_met).collect();
	let shown: Vec<Option<usize>> = (met.iter().copied().map(Some))
		.chain([None])
		.filter(|shown| {
			(others().filter(|what| Some(*what) != *shown)).all(|what| {
				claims(prepared, ray, *shown, what)
					.iter()
					.any(|claim| *claim >= 0)
			})
		})
		.collect();
	assert_eq!(
		shown,
		[trace(shapes, ray).what],
		"{met:?} {ray:?} {shapes:?}"
	);
	met.len()
}

#[test]
fn only_the_first_thing_that_is_met_should_be_possible_to_show() {
	let mut several = 0;
	let tiles = random_tiles(WHOLE.room, 11);
	let whole = tiles.filter(|tile| tile.class().unwrap() == WHOLE).take(60);
	for tile in whole.chain([whole_tile(16)]) {
		let prepared = prepared(&tile);
		for place in 0..16 * 16 {
			let ray = Ray {
				origin: prepared.origin,
				direction: direction(&prepared, place % 16, place / 16),
				from: None,
			};
			let (_, second) = next(&prepared, &ray);
			for ray in [ray, second] {
				several += usize::from(assert_one_can_be_shown(&prepared, &ray) > 1);
			}
		}
	}
	assert!(several > 500, "{several}");
	// Rays through corners and edges that things have in common, and along planes: what is met at once.
	let mut tile = whole_tile(16);
	tile.scene.spheres.clear();
	let corners = [[0, 0, 0], [600, 0, 0], [0, 600, 0], [0, 0, 600]];
	let face = |a: usize, b: usize, c: usize| Triangle {
		corners: [corners[a], corners[b], corners[c]],
		colour: [9; 3],
		mirror: 9,
	};
	tile.scene.triangles = vec![face(0, 1, 2), face(0, 1, 3), face(0, 2, 3), face(1, 2, 3)];
	let prepared = prepared(&tile.checked().unwrap());
	for x in (-600..=600).step_by(100) {
		for y in (-600..=600).step_by(100) {
			for z in (-600..=600).step_by(100) {
				let towards = along([x, y, z], -1, prepared.origin);
				let ray = Ray {
					origin: prepared.origin,
					direction: towards,
					from: None,
				};
				assert_one_can_be_shown(&prepared, &ray);
				// From a corner, an edge, a face, and from within a triangle's plane.
				for (origin, from) in [
					([0; 3], Some(4)),
					([300, 0, 0], None),
					([200, 0, 200], Some(5)),
				] {
					let direction = [x, y, z].map(|part| part * 3 + 1);
					assert_one_can_be_shown(
						&prepared,
						&Ray {
							origin,
							direction,
							from,
						},
					);
				}
			}
		}
	}
}
