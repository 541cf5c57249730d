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
			"t32-s8-l2"
		]
	);
	assert_eq!(tile(16).class().unwrap(), CLASS);
	let mut more = tile(32);
	more.scene.lights.push(more.scene.lights[0].clone());
	assert_eq!(more.class().unwrap().name(), "t32-s8-l2");
	let mut large = tile(64);
	large.scene.lights.push(large.scene.lights[0].clone());
	assert!(large.class().unwrap_err().0.contains("64 with at most 4"));
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

#[test]
fn mistakes_of_the_plane_should_be_named() {
	let normal =
		|normal: Vector| move |tile: &mut Tile| tile.scene.plane.as_mut().unwrap().normal = normal;
	refused("the plane's normal is [0, 129, 0]", normal([0, 129, 0]));
	refused("make it longer", normal([0, 15, 0]));
	refused("light 1 must be on the side", normal([0, -64, 0]));
	refused("the camera must be on the side", |tile| {
		tile.scene.camera.position[1] = -600
	});
	refused("sphere 1 is not wholly above", |tile| {
		tile.scene.spheres[0].centre[1] -= 1
	});
	refused("light 1 must be on the side", |tile| {
		tile.scene.lights[0].position[1] = -600
	});
	refused("an axis of the plane's checker", |tile| {
		tile.scene
			.plane
			.as_mut()
			.unwrap()
			.checker
			.as_mut()
			.unwrap()
			.axes[1][2] = -4097
	});
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
