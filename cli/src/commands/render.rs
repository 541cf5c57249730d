//! `lemma render`: a scene file in, its proven image out.

use std::path::Path;

use lemma_zk_circuits::programs::render::{class::Class, Scene, Tile};

use super::images::{self, Picture};
use crate::{
	args::Render,
	context::Context,
	failure::{exit, Failure, Outcome},
	frame::Frame,
	input, output,
	scene::{self, SceneFile},
};

/// Runs the command.
pub async fn run(context: &Context, args: Render) -> Outcome<()> {
	// Whatever can be wrong with the file is found before the node is asked.
	let (frame, scene) = read(&args.scene, args.image.size, args.tile)?;
	output::check_file(&args.image.out, &[&args.scene])?;
	let tiles = tiles(&frame, &scene).map_err(|reason| bad_scene(&args.scene, &reason))?;
	let picture = Picture {
		frame,
		title: format!("render {}", args.scene.display()),
		tiles,
		bytes: 3,
		paint: Box::new(|image| image),
	};
	images::make(context, &picture, &args.image).await
}

/// Reads a scene and chooses its tiles.
fn read(path: &Path, size: (usize, usize), side: Option<usize>) -> Outcome<(Frame, Scene)> {
	let text = String::from_utf8(input::read_file(path)?)
		.map_err(|_| bad_scene(path, "it is no text in UTF-8"))?;
	let file = SceneFile::parse(&text).map_err(|reason| bad_scene(path, &reason))?;
	let frame = Frame::new(size, side_of(&file, side)?)?;
	let scene = scene::fix(&file, &frame).map_err(|reason| bad_scene(path, &reason))?;
	Ok((frame, scene))
}

fn bad_scene(path: &Path, reason: &str) -> Failure {
	Failure::new(
		exit::USAGE,
		"bad_scene",
		format!("{}: {reason}", path.display()),
	)
}

/// The side of the tiles: the one given, or the largest of those with room for the scene.
fn side_of(file: &SceneFile, given: Option<usize>) -> Outcome<usize> {
	let needed = file.room();
	let mut sides: Vec<usize> = Class::all()
		.filter(|class| class.room.holds(&needed))
		.map(|class| class.side)
		.collect();
	sides.sort_unstable();
	sides.dedup();
	match (given, sides.last()) {
		(None, Some(largest)) => Ok(*largest),
		(Some(side), _) if sides.contains(&side) => Ok(side),
		(given, _) => Err(Failure::usage(format!(
			"tiles{} have no room for a scene with {needed}: {}",
			given.map_or_else(String::new, |side| format!(" of side {side}")),
			match sides.as_slice() {
				[] => format!("leave some out; there is room for {}", Class::offers()),
				sides => format!(
					"choose --tile {}",
					sides
						.iter()
						.map(usize::to_string)
						.collect::<Vec<_>>()
						.join(" or ")
				),
			}
		))),
	}
}

/// The inputs of all tiles.
fn tiles(frame: &Frame, scene: &Scene) -> Result<Vec<Vec<u8>>, String> {
	frame
		.places()
		.map(|(column, row)| {
			let tile = Tile {
				scene: scene.clone(),
				side: frame.side,
				column,
				row,
			};
			let tile = tile.checked().map_err(|e| e.to_string())?;
			Ok(tile.encode())
		})
		.collect()
}

#[cfg(test)]
mod tests {
	use super::*;

	fn file(spheres: usize, lights: usize) -> SceneFile {
		let sphere = |n| {
			format!(
				"[[sphere]]\ncentre = [{}, 1, 0]\nradius = 1\ncolour = \"#ffffff\"\n",
				3 * n
			)
		};
		let light = |n| format!("[[light]]\nposition = [0, 9, {n}]\nstrength = 5\n");
		let text = "[camera]\nposition = [0, 3, 30]\nlook_at = [0, 1, 0]\n".to_owned()
			+ &(0..spheres).map(sphere).collect::<String>()
			+ &(0..lights).map(light).collect::<String>();
		SceneFile::parse(&text).expect("a scene")
	}

	#[test]
	fn tiles_should_be_as_large_as_the_scene_allows() {
		assert_eq!(side_of(&file(4, 1), None), Ok(64));
		assert_eq!(side_of(&file(5, 1), None), Ok(32));
		assert_eq!(side_of(&file(1, 2), None), Ok(32));
		assert_eq!(side_of(&file(4, 1), Some(16)), Ok(16));
		let failure = side_of(&file(5, 1), Some(64)).expect_err("no room");
		assert!(
			failure.message.contains("--tile 16 or 32"),
			"{}",
			failure.message
		);
		assert!(side_of(&file(0, 0), Some(20)).is_err());

		let mut glossy = file(4, 1);
		glossy.spheres[0].mirror = 0.5;
		assert_eq!(side_of(&glossy, None), Ok(32));
		let triangle = scene::Triangle {
			corners: [[0.0, 5.0, 0.0], [1.0, 5.0, 0.0], [0.0, 6.0, 0.0]],
			colour: [9; 3],
			mirror: 0.0,
		};
		glossy.triangles.push(triangle);
		assert_eq!(side_of(&glossy, None), Ok(32));
		glossy.spheres[0].mirror = 0.0;
		assert_eq!(side_of(&glossy, None), Ok(32));
		// No class has both two lights and triangles.
		glossy.lights.push(glossy.lights[0].clone());
		let failure = side_of(&glossy, None).expect_err("no room");
		for part in [
			"4 spheres, 1 triangle, 2 lights",
			"leave some out",
			"8 spheres, 1 plane, 2 lights",
		] {
			assert!(failure.message.contains(part), "{}", failure.message);
		}
	}

	#[test]
	fn tiles_together_should_be_the_image_of_the_whole_frame() {
		let image = |side| {
			let frame = Frame::new((100, 70), side).expect("a frame");
			let scene = scene::fix(&file(3, 1), &Frame { side: 32, ..frame }).expect("a scene");
			let outputs: Vec<Vec<u8>> = tiles(&frame, &scene)
				.expect("tiles")
				.iter()
				.map(|blob| input::open(blob).expect("a tile").work().reference())
				.collect();
			frame.assemble(&outputs, 3)
		};
		let small = image(16);
		assert_eq!(small.len(), 3 * 100 * 70);
		// Spheres are seen, and not only one colour.
		assert!(small.chunks(3).any(|pixel| pixel[0] > 100));
		assert_eq!(image(32), small);
	}
}
