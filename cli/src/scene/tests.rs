//! Scene files: what is read, what is refused, and the integers that become of it.

use lemma_zk_circuits::programs::render::{
	prepared::Prepared,
	reference,
	scene::{Scene, MAX_COORDINATE},
	Tile,
};

use super::*;
use crate::frame::Frame;

const GOOD: &str = r##"
ambient = 0.25
background = "#102030"

[camera]
position = [0, 2, 8.5]
look_at = [0, 1, 0]

[[sphere]]
centre = [0, 1, 0]
radius = 1
colour = "#d04030"

[[sphere]]
centre = [2.5, 0.7, 0]
radius = 0.7
colour = [1, 2, 3]

[[plane]]
colour = "#e0e0e0"
checker = { size = 1, colour = "#404040" }

[[light]]
position = [4, 6, 5]
strength = 9
"##;

/// What can be added to it.
const MORE: &str = r##"
[[triangle]]
corners = [[-3, 0, -1], [-2, 2, -2], [-1, 0, -3]]
colour = "#3060c0"
mirror = 0.4

[[plane]]
point = [0, 0, -5]
normal = [0, 0, 1]
colour = "#808080"
"##;

fn frame() -> Frame {
	Frame::new((64, 48), 16).expect("a frame")
}

/// What is wrong with the good scene after a replacement, in any of its stages.
fn mistake(old: &str, new: &str) -> String {
	assert!(GOOD.contains(old), "{old}");
	let text = GOOD.replacen(old, new, 1);
	SceneFile::parse(&text)
		.and_then(|file| fix(&file, &frame()))
		.expect_err(new)
}

/// What is wrong with the good scene with more added, after a replacement.
fn mistake_in_more(old: &str, new: &str) -> String {
	assert!(MORE.contains(old), "{old}");
	let text = GOOD.to_owned() + &MORE.replacen(old, new, 1);
	SceneFile::parse(&text)
		.and_then(|file| fix(&file, &frame()))
		.expect_err(new)
}

fn scene(text: &str) -> Scene {
	fix(&SceneFile::parse(text).expect("readable"), &frame()).expect("a scene that can be proven")
}

/// What is seen in a pixel of the frame.
fn pixel(scene: &Scene, x: usize, y: usize) -> [i64; 3] {
	let tile = Tile {
		scene: scene.clone(),
		side: 16,
		column: (x / 16) as u16,
		row: (y / 16) as u16,
	}
	.checked()
	.expect("a tile that can be proven");
	let prepared = Prepared::of_tile(&tile).expect("prepared");
	reference::pixel(&prepared, reference::direction(&prepared, x % 16, y % 16))
}

#[test]
fn a_scene_should_be_read_with_what_may_be_left_out() {
	let file = SceneFile::parse(GOOD).expect("readable");
	assert_eq!(file.background, [0x10, 0x20, 0x30]);
	assert_eq!(file.camera.up, [0.0, 1.0, 0.0]);
	assert_eq!((file.camera.fov, file.camera.reach), (50.0, None));
	assert_eq!(file.spheres.len(), 2);
	assert_eq!(file.spheres[1].colour, [1, 2, 3]);
	let plane = &file.planes[0];
	assert_eq!((file.spheres[0].mirror, plane.mirror), (0.0, 0.0));
	assert_eq!((plane.point, plane.normal), ([0.0; 3], [0.0, 1.0, 0.0]));
	assert_eq!(file.lights[0].strength, 9.0);

	let least = "[camera]\nposition = [0, 0, 5]\nlook_at = [0, 0, 0]\n";
	let file = SceneFile::parse(least).expect("readable");
	assert!(file.spheres.is_empty() && file.lights.is_empty());
	assert!(file.planes.is_empty() && file.triangles.is_empty());
	let scene = fix(&file, &frame()).expect("an empty scene");
	let background = file.background.map(i64::from);
	assert_eq!(pixel(&scene, 5, 7), background);
}

#[test]
fn every_mistake_should_be_named_with_what_to_do() {
	let mistakes: &[(&str, &str, &[&str])] = &[
		(
			"radius = 1\n",
			"",
			&["`radius` of sphere 1", "missing", "a number"][..],
		),
		(
			"radius = 1\n",
			"radius = \"1\"\n",
			&["`radius` of sphere 1", "\"1\"", "a number"],
		),
		(
			"radius = 1\n",
			"radius = nan\n",
			&["`radius` of sphere 1", "a number"],
		),
		(
			"radius = 1\n",
			"radius = -1\n",
			&["`radius` of sphere 1", "-1", "above zero"],
		),
		(
			"radius = 1\n",
			"radius = 0.001\n",
			&["`radius` of sphere 1", "at least", "larger"],
		),
		(
			"radius = 0.7",
			"radius = 1.2",
			&["sphere 2", "above plane 1", "raise"],
		),
		(
			"centre = [2.5, 0.7, 0]",
			"centre = [1.5, 0.7, 0]",
			&["spheres 1 and 2 overlap", "apart"],
		),
		(
			"centre = [2.5, 0.7, 0]",
			"centre = [2.5, 0.7]",
			&["`centre` of sphere 2", "three numbers"],
		),
		(
			"colour = [1, 2, 3]",
			"colour = [1, 2, 256]",
			&["`colour` of sphere 2", "0 to 255"],
		),
		(
			"colour = \"#d04030\"",
			"colour = \"red\"",
			&["`colour` of sphere 1", "\"red\"", "#d04030"],
		),
		(
			"colour = \"#d04030\"",
			"color = \"#d04030\"",
			&["`colour` of sphere 1", "missing"],
		),
		(
			"[camera]\n",
			"[camera]\nzoom = 2\n",
			&["`zoom` of the camera", "not known", "`fov`"],
		),
		(
			"ambient = 0.25",
			"ambience = 0.25",
			&["`ambience`", "not known", "`ambient`"],
		),
		(
			"ambient = 0.25",
			"ambient = 1.5",
			&["`ambient` is 1.5", "from 0 to 1"],
		),
		("ambient = 0.25", "ambient = ", &["line 2", "ambient"]),
		("[camera]", "[kamera]", &["`camera` is missing", "[camera]"]),
		("[camera]", "[[camera]]", &["`camera`", "only one"]),
		(
			"look_at = [0, 1, 0]",
			"look_at = [0, 2, 8.5]",
			&["`look_at` of the camera", "its `position`"],
		),
		(
			"look_at = [0, 1, 0]",
			"look_at = [0, 1, 0]\nup = [0, 0, 0]",
			&["`up` of the camera", "line of sight"],
		),
		(
			"look_at = [0, 1, 0]",
			"look_at = [0, 1, 0]\nfov = 170",
			&["`fov` of the camera", "from 1 to 150"],
		),
		(
			"look_at = [0, 1, 0]",
			"look_at = [0, 1, 0]\nreach = 0",
			&["`reach` of the camera", "above zero"],
		),
		(
			"look_at = [0, 1, 0]",
			"look_at = [0, 1, 0]\nreach = 9999",
			&["`radius` of sphere", "`reach`"],
		),
		(
			"position = [0, 2, 8.5]",
			"position = [0, 1, 0.5]",
			&["camera is inside sphere 1", "move it out"],
		),
		(
			"position = [0, 2, 8.5]",
			"position = [0, -2, 8.5]",
			&["the camera", "side of plane 1"],
		),
		(
			"position = [4, 6, 5]",
			"position = [4, -6, 5]",
			&["light 1", "side of plane 1"],
		),
		(
			"strength = 9",
			"strength = -9",
			&["`strength` of light 1", "zero at least"],
		),
		(
			"strength = 9",
			"strength = 1e9",
			&["`strength` of light 1", "at most"],
		),
		(
			"[[plane]]",
			"[[plane]]\nnormal = [0, 0, 0]",
			&["`normal` of plane 1", "[0, 1, 0]"],
		),
		(
			"size = 1,",
			"size = 0.001,",
			&["`size` of the checker of plane 1", "from"],
		),
		(
			"size = 1,",
			"",
			&["`size` of the checker of plane 1", "missing"],
		),
		(
			"[[plane]]",
			"[[floor]]",
			&["`floor`", "not known", "`plane`"],
		),
		("[[plane]]", "[plane]", &["`plane`", "[[plane]]"]),
		(
			"radius = 0.7\n",
			"radius = 0.7\nmirror = 2\n",
			&["`mirror` of sphere 2 is 2", "from 0 to 1"],
		),
		(
			"radius = 0.7\n",
			"radius = 0.7\nmirror = true\n",
			&["`mirror` of sphere 2 is true", "a number"],
		),
		("[[light]]", "[light]", &["`light`", "[[light]]"]),
	];
	for (old, new, parts) in mistakes {
		let said = mistake(old, new);
		for part in *parts {
			assert!(said.contains(part), "{new}: `{part}` is not in: {said}");
		}
	}
}

#[test]
fn every_mistake_of_triangles_and_several_planes_should_be_named_with_what_to_do() {
	let mistakes: &[(&str, &str, &[&str])] = &[
		(
			"corners = [[-3, 0, -1], [-2, 2, -2], [-1, 0, -3]]\n",
			"",
			&["`corners` of triangle 1", "missing", "three points"],
		),
		(
			", [-1, 0, -3]]",
			"]",
			&["`corners` of triangle 1", "three points"],
		),
		(
			"[-1, 0, -3]]",
			"[-1, 0]]",
			&["`corners` of triangle 1", "three points"],
		),
		(
			"[-1, 0, -3]]",
			"[-1, 4, -3]]",
			&["triangle 1", "on one line", "apart"],
		),
		(
			"[-1, 0, -3]]",
			"[2, 1, 3]]",
			&["triangle 1 cuts sphere 1", "apart"],
		),
		(
			"[-1, 0, -3]]",
			"[-1, -1, -3]]",
			&["triangle 1", "above plane 1", "raise"],
		),
		(
			"[-1, 0, -3]]",
			"[-1, 0, -7]]",
			&["triangle 1", "above plane 2", "raise"],
		),
		(
			"mirror = 0.4",
			"mirror = -0.1",
			&["`mirror` of triangle 1 is -0.1", "from 0 to 1"],
		),
		(
			"mirror = 0.4",
			"shine = 0.4",
			&["`shine` of triangle 1", "not known", "`mirror`"],
		),
		(
			"colour = \"#3060c0\"\n",
			"",
			&["`colour` of triangle 1", "missing"],
		),
		(
			"[[triangle]]",
			"[triangle]",
			&["`triangle`", "[[triangle]]"],
		),
		(
			"normal = [0, 0, 1]",
			"normal = [0, 0, -1]",
			&["the camera", "side of plane 2"],
		),
		(
			"normal = [0, 0, 1]",
			"normal = [0, 0, 0]",
			&["`normal` of plane 2 is zero"],
		),
		(
			"point = [0, 0, -5]",
			"point = [0, 0, -0.5]",
			&["sphere 1", "above plane 2", "raise"],
		),
		(
			"colour = \"#808080\"",
			"colour = \"#808080\"\nchecker = { size = 1 }",
			&["`colour` of the checker of plane 2", "missing"],
		),
	];
	for (old, new, parts) in mistakes {
		let said = mistake_in_more(old, new);
		for part in *parts {
			assert!(said.contains(part), "{new}: `{part}` is not in: {said}");
		}
	}
}

#[test]
fn triangles_planes_and_mirrors_should_become_integers() {
	let scene = scene(&(GOOD.to_owned() + MORE));
	assert_eq!(scene.triangles[0].corners[1], [-512, 512, -512]);
	assert_eq!(scene.triangles[0].mirror, 205);
	assert_eq!(scene.planes[1].normal, [0, 0, 128]);
	assert_eq!(scene.planes[1].height, -5 * 256 * 128);
	// With mirrors, directions are bounded by their length.
	let camera = &scene.camera;
	let corner = |x: i32, y: i32| -> f64 {
		let part = |i: usize| f64::from(camera.first[i] + x * camera.right[i] + y * camera.down[i]);
		(0..3).map(|i| part(i).powi(2)).sum::<f64>().sqrt()
	};
	let most = [corner(0, 0), corner(63, 0), corner(0, 47), corner(63, 47)];
	let most = most.into_iter().fold(0.0, f64::max);
	assert!((4000.0..8190.0).contains(&most), "{most}");
}

#[test]
fn too_many_of_a_thing_should_be_counted() {
	let sphere = "[[sphere]]\ncentre = [0, 9, 0]\nradius = 1\ncolour = \"#ffffff\"\n";
	let said = mistake("[[light]]", &(sphere.repeat(7) + "[[light]]"));
	assert!(said.contains("9 of [[sphere]]: at most 8"), "{said}");
	let light = "[[light]]\nposition = [0, 9, 0]\nstrength = 1\n";
	let said = mistake("[[light]]", &(light.repeat(2) + "[[light]]"));
	assert!(said.contains("3 of [[light]]: at most 2"), "{said}");
	let said = mistake("[[light]]", &(MORE.repeat(3) + "[[light]]"));
	assert!(said.contains("4 of [[plane]]: at most 3"), "{said}");
	let triangle = MORE.split("[[plane]]").next().expect("a triangle");
	let said = mistake("[[light]]", &(triangle.repeat(5) + "[[light]]"));
	assert!(said.contains("5 of [[triangle]]: at most 4"), "{said}");
}

#[test]
fn steps_should_be_the_finest_with_which_all_fits() {
	let scene = scene(GOOD);
	// The farthest coordinate is 8.5: 256 steps of a unit fit, 512 do not.
	assert_eq!(scene.camera.position, [0, 512, 2176]);
	assert_eq!(scene.lights[0].position, [1024, 1536, 1280]);
	assert_eq!(scene.lights[0].strength, 9 * 256 * 512);
	assert_eq!(scene.ambient, 128);
	assert_eq!(scene.spheres[1].centre, [640, 179, 0]);
	assert_eq!(scene.spheres[0].radius, 255);
	assert!(i64::from(scene.camera.position[2]) * 2 > MAX_COORDINATE);
	let plane = scene.planes[0].clone();
	assert_eq!((plane.normal, plane.height), ([0, 128, 0], 0));
	assert_eq!(
		plane.checker.expect("a checker").axes,
		[[1024, 0, 0], [0, 0, -1024]]
	);
}

#[test]
fn what_touches_in_the_file_should_not_overlap() {
	for n in 2..60 {
		let (a, b) = (f64::from(n) / 7.0, f64::from(n) / 11.0);
		// A sphere on the floor, and one that touches it, diagonally.
		let distance = (a + b) / 3f64.sqrt();
		let up = a + distance;
		let text = format!(
			"[camera]\nposition = [0, 9, 30]\nlook_at = [0, 1, 0]\n[[plane]]\ncolour = [1, 2, 3]\n\
			 [[sphere]]\ncentre = [0.1, {a}, 0.3]\nradius = {a}\ncolour = [1, 2, 3]\n\
			 [[sphere]]\ncentre = [{}, {up}, {}]\nradius = {b}\ncolour = [1, 2, 3]\n",
			0.1 + distance,
			0.3 - distance
		);
		scene(&text);
	}
}

#[test]
fn what_is_looked_at_should_be_in_the_middle_and_up_above() {
	let scene = scene(GOOD);
	// Between the four pixels in the middle; the sphere is red, the sky above it blue, the floor below grey.
	let middle = pixel(&scene, 32, 24);
	assert!(middle[0] > 2 * middle[2], "{middle:?}");
	assert_eq!(pixel(&scene, 32, 0), [0x10, 0x20, 0x30]);
	let floor = pixel(&scene, 32, 47);
	assert!(floor[0] == floor[1] && floor[1] == floor[2], "{floor:?}");
	// The other sphere is on the right, where x grows: its colour has hardly any red.
	let left_and_right = [18, 46].map(|x| pixel(&scene, x, 24)[0]);
	assert!(left_and_right[1] <= 1, "{left_and_right:?}");
	assert!(left_and_right[0] > 1, "{left_and_right:?}");
}

#[test]
fn directions_should_be_those_of_the_field_of_view() {
	for (size, fov) in [((64, 48), 50.0), ((256, 256), 35.0), ((640, 200), 60.0)] {
		let mut file = SceneFile::parse(GOOD).expect("readable");
		file.camera.fov = fov;
		file.camera.position = [3.0, 4.0, 7.0];
		let frame = Frame::new(size, 32).expect("a frame");
		let camera = fix(&file, &frame).expect("a scene").camera;
		let at = |x: f64, y: f64| {
			let part = |i: usize| {
				f64::from(camera.first[i])
					+ x * f64::from(camera.right[i])
					+ y * f64::from(camera.down[i])
			};
			[part(0), part(1), part(2)]
		};
		let angle = |a: [f64; 3], b: [f64; 3]| {
			let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
			(dot(a, b) / (dot(a, a) * dot(b, b)).sqrt())
				.acos()
				.to_degrees()
		};
		let [x, y] = frame.middle();
		let seen = angle(at(x, -0.5), at(x, 2.0 * y + 0.5));
		assert!((seen - fov).abs() < 0.02 * fov, "{seen} instead of {fov}");
		let towards = [-3.0, -3.0, -7.0];
		let off = angle(at(x, y), towards);
		assert!(off < 0.05, "the middle is {off} degrees off");
	}
}

#[test]
fn an_image_should_be_refused_when_its_pixels_are_too_fine() {
	let mut file = SceneFile::parse(GOOD).expect("readable");
	file.camera.fov = 2.0;
	let frame = Frame::new((512, 512), 32).expect("a frame");
	let said = fix(&file, &frame).expect_err("too fine");
	assert!(said.contains("512x512") && said.contains("`fov`"), "{said}");
	file.camera.fov = 150.0;
	let frame = Frame::new((4000, 100), 32).expect("a frame");
	let said = fix(&file, &frame).expect_err("too wide");
	assert!(
		said.contains("4000x100") && said.contains("`fov`"),
		"{said}"
	);
}

#[test]
fn the_examples_should_be_scenes_that_can_be_proven() {
	for (text, side) in [
		(include_str!("../../../examples/scenes/still-life.toml"), 64),
		(include_str!("../../../examples/scenes/slope.toml"), 64),
		(include_str!("../../../examples/scenes/pyramid.toml"), 32),
		(include_str!("../../../examples/scenes/glossy.toml"), 32),
		(include_str!("../../../examples/scenes/corner.toml"), 32),
		(include_str!("../../../examples/scenes/hall.toml"), 32),
	] {
		let file = SceneFile::parse(text).expect("readable");
		for size in [(64, 64), (256, 256), (512, 384)] {
			let frame = Frame::new(size, side).expect("a frame");
			let scene = fix(&file, &frame).expect("a scene");
			for (column, row) in frame.places() {
				let tile = Tile {
					scene: scene.clone(),
					side,
					column,
					row,
				};
				tile.checked().expect("a tile");
			}
		}
	}
}
