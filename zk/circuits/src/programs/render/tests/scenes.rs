//! Which scenes can be rendered, and what the others are answered.

use super::{super::scene::Vector, *};

/// What a change of the scene is answered; nothing, if it is accepted.
fn answer(change: impl Fn(&mut Tile)) -> String {
	let mut tile = tile(16);
	change(&mut tile);
	match tile.checked() {
		Ok(_) => String::new(),
		Err(error) => error.0,
	}
}

#[track_caller]
fn refused(expected: &str, change: impl Fn(&mut Tile)) {
	let answer = answer(change);
	assert!(answer.contains(expected), "{answer:?}");
}

#[test]
fn classes_should_have_names_and_room() {
	let names: Vec<String> = Class::all().map(|class| class.name()).collect();
	assert_eq!(
		names,
		[
			"t16-s4-l1",
			"t32-s4-l1",
			"t64-s4-l1",
			"t16-s8-l2",
			"t32-s8-l2",
			"t16-s4-l1-m",
			"t32-s4-l1-m",
			"t16-s4-p3-f4-l1",
			"t32-s4-p3-f4-l1",
			"t16-s4-p3-f4-l1-m",
			"t32-s4-p3-f4-l1-m"
		]
	);
	assert_eq!(tile(16).class().unwrap(), CLASS);
	assert_eq!(whole_tile(16).class().unwrap(), WHOLE);
	let named = |change: fn(&mut Scene)| {
		let mut tile = whole_tile(16);
		tile.side = 32;
		for sphere in &mut tile.scene.spheres {
			sphere.mirror = 0;
		}
		tile.scene.planes[0].mirror = 0;
		tile.scene.planes.truncate(1);
		tile.scene.triangles.clear();
		change(&mut tile.scene);
		tile.class().map(|class| class.name())
	};
	assert_eq!(named(|_| ()).unwrap(), "t32-s4-l1");
	let more = named(|scene| scene.lights.push(scene.lights[0].clone()));
	assert_eq!(more.unwrap(), "t32-s8-l2");
	assert_eq!(
		named(|scene| scene.spheres[2].mirror = 1).unwrap(),
		"t32-s4-l1-m"
	);
	assert_eq!(
		named(|scene| scene.planes[0].mirror = 1).unwrap(),
		"t32-s4-l1-m"
	);
	let walls = named(|scene| scene.planes.push(scene.planes[0].clone()));
	assert_eq!(walls.unwrap(), "t32-s4-p3-f4-l1");
	let face = |mirror| Triangle {
		mirror,
		..whole_scene(16).triangles[0].clone()
	};
	let with_face = |mirror| {
		let mut tile = tile(32);
		tile.scene.triangles.push(face(mirror));
		tile.class().unwrap().name()
	};
	assert_eq!(
		[0, 9].map(with_face),
		["t32-s4-p3-f4-l1", "t32-s4-p3-f4-l1-m"]
	);
	let mut large = tile(64);
	large.scene.lights.push(large.scene.lights[0].clone());
	let error = large.class().unwrap_err().0;
	assert!(
		error.contains("8 spheres, 1 plane, 2 lights (side 16 or 32)"),
		"{error}"
	);
}

#[test]
fn scene_that_has_no_class_should_be_refused() {
	refused("a tile of 17x17", |tile| tile.side = 17);
	refused("9 spheres", |tile| {
		let sphere = tile.scene.spheres[0].clone();
		tile.scene.spheres.resize(9, sphere);
	});
	refused("3 lights", |tile| {
		let light = tile.scene.lights[0].clone();
		tile.scene.lights.resize(3, light);
	});
	refused("column 256", |tile| tile.column = 256);
}

#[test]
fn mistakes_of_spheres_should_be_named() {
	refused("spheres 1 and 3 overlap", |tile| {
		tile.scene.spheres[2].centre = [300, 100, 1000]
	});
	refused("the centre of sphere 2 is [4097", |tile| {
		tile.scene.spheres[1].centre[0] = 4097
	});
	refused("the radius of sphere 1 is 15", |tile| {
		tile.scene.spheres[0].radius = 15
	});
	refused("the radius of sphere 1 is 4097", |tile| {
		tile.scene.spheres[0].radius = 4097
	});
	refused("the camera is inside sphere 4", |tile| {
		tile.scene.camera.position = [150, -201, 200]
	});
	refused("light 1 is inside sphere 1", |tile| {
		tile.scene.lights[0].position = [0, 800, 1600]
	});
	// Touching is allowed.
	let touching = |distance| {
		answer(move |tile| {
			tile.scene.spheres.truncate(1);
			let mut other = tile.scene.spheres[0].clone();
			other.centre[0] += distance;
			tile.scene.spheres.push(other);
		})
	};
	assert_eq!(touching(1400), "");
	assert!(touching(1399).contains("overlap"));
}

/// What a change of the scene with all there is, is answered; nothing, if it is accepted.
fn whole_answer(change: impl Fn(&mut Tile)) -> String {
	let mut tile = whole_tile(16);
	change(&mut tile);
	tile.checked()
		.map_or_else(|error| error.0, |_| String::new())
}

#[track_caller]
fn whole_refused(expected: &str, change: impl Fn(&mut Tile)) {
	let answer = whole_answer(change);
	assert!(answer.contains(expected), "{answer:?}");
}

#[test]
fn mistakes_of_planes_should_be_named() {
	let normal = |normal: Vector| move |tile: &mut Tile| tile.scene.planes[0].normal = normal;
	refused("the normal of plane 1 is [0, 129, 0]", normal([0, 129, 0]));
	refused("make it longer", normal([0, 15, 0]));
	refused(
		"light 1 must be on the side of plane 1",
		normal([0, -64, 0]),
	);
	refused("the camera must be on the side of plane 1", |tile| {
		tile.scene.camera.position[1] = -600
	});
	refused("sphere 1 is not wholly above plane 1", |tile| {
		tile.scene.spheres[0].centre[1] -= 1
	});
	refused("light 1 must be on the side", |tile| {
		tile.scene.lights[0].position[1] = -600
	});
	refused("an axis of the checker of plane 1", |tile| {
		tile.scene.planes[0].checker.as_mut().unwrap().axes[1][2] = -4097
	});
	whole_refused("sphere 1 is not wholly above plane 3", |tile| {
		tile.scene.planes[2].height = -140_000
	});
	whole_refused("the normal of plane 2 is", |tile| {
		tile.scene.planes[1].normal[2] = 1000
	});
}

#[test]
fn mistakes_of_triangles_should_be_named() {
	let corner = |place: usize, corner: Vector| {
		move |tile: &mut Tile| tile.scene.triangles[1].corners[place] = corner
	};
	whole_refused(
		"corner 2 of triangle 2 is [0, 4097",
		corner(1, [0, 4097, 0]),
	);
	// On one line; and too small.
	let apex = whole_scene(16).triangles[1].corners[0];
	let right = whole_scene(16).triangles[1].corners[1];
	let between = std::array::from_fn(|i| (apex[i] + right[i]) / 2);
	whole_refused("triangle 2 is too small", corner(2, between));
	whole_refused("triangle 2 is too small", corner(2, right));
	whole_refused(
		"triangle 2 is not wholly above plane 1",
		corner(2, [0, -603, 0]),
	);
	assert_eq!(whole_answer(corner(2, [0, -602, 0])), "");
	// Through a sphere by a corner, by an edge, by its inside, and beside it.
	let through = |corners: [Vector; 3]| {
		let mut tile = whole_tile(16);
		// Of radius 400 around [-900, -200, 900].
		tile.scene.triangles[1].corners = corners;
		tile.checked()
			.map_or_else(|error| error.0, |_| String::new())
	};
	let expected = "triangle 2 cuts sphere 2";
	let by_corner = through([[-900, -200, 510], [-900, -500, -500], [-800, -500, -500]]);
	assert!(by_corner.contains(expected), "{by_corner}");
	let by_edge = through([[-900, -500, 510], [-900, 300, 510], [-900, 0, -900]]);
	assert!(by_edge.contains(expected), "{by_edge}");
	let by_inside = through([[-1500, -600, 520], [-300, -600, 520], [-900, 900, 520]]);
	assert!(by_inside.contains(expected), "{by_inside}");
	// It reaches 398 of 400 deep at most; 2 are left to rounding.
	let touching = [[-1500, -600, 502], [-300, -600, 502], [-900, 900, 502]];
	assert_eq!(through(touching), "");
	let cutting = touching.map(|[x, y, _]| [x, y, 503]);
	assert!(through(cutting).contains(expected));
}

#[test]
fn mistakes_of_mirrors_should_be_named() {
	whole_refused("what sphere 2 mirrors is 513", |tile| {
		tile.scene.spheres[1].mirror = 513
	});
	whole_refused("what plane 3 mirrors is 513", |tile| {
		tile.scene.planes[2].mirror = 513
	});
	whole_refused("what triangle 4 mirrors is 513", |tile| {
		tile.scene.triangles[3].mirror = 513
	});
	let long = |tile: &mut Tile| tile.scene.camera.first = [-1920, 1920, 7800];
	assert_eq!(answer(long), "");
	whole_refused(
		"in a scene with mirrors that must not be longer than 8190",
		long,
	);
}

#[test]
fn mistakes_of_camera_and_lights_should_be_named() {
	refused("the camera's position is [0, 0, -4097]", |tile| {
		tile.scene.camera.position[2] = -4097
	});
	refused("the position of light 1", |tile| {
		tile.scene.lights[0].position[0] = i32::MIN
	});
	for strength in [-1, (1 << 24) + 1] {
		refused("the strength of light 1", move |tile| {
			tile.scene.lights[0].strength = strength
		});
	}
	refused("ambient is 513", |tile| tile.scene.ambient = 513);
	refused("from -8192 to 8192", |tile| {
		tile.scene.camera.right = [1000, 0, 0]
	});
	refused("from -8192 to 8192", |tile| tile.column = 255);
	refused("from -8192 to 8192", |tile| {
		tile.scene.camera.down = [i32::MAX; 3]
	});
	refused("shorter than 256", |tile| {
		tile.scene.camera.first = [-15, 15, 250];
		tile.scene.camera.right = [2, 0, 0];
		tile.scene.camera.down = [0, -2, 0];
	});
}
