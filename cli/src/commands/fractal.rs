//! `lemma fractal`: the Mandelbrot set and Julia sets, each point's steps proven.

use lemma_zk_circuits::programs::fractal::{
	tile::{CLASSES, ONE},
	Tile,
};

use super::images::{self, Picture};
use crate::{
	args::{Fractal, View},
	context::Context,
	failure::{Failure, Outcome},
	frame::Frame,
};

/// What an image shows: a set, and the part of the plane.
struct Shown {
	/// c of a Julia set.
	constant: Option<[f64; 2]>,
	centre: [f64; 2],
	width: f64,
	iterations: usize,
}

/// Runs the command.
pub async fn run(context: &Context, command: Fractal) -> Outcome<()> {
	let (title, shown, image) = match command {
		Fractal::Mandelbrot { view, image } => (
			"fractal mandelbrot",
			Shown::new(None, view, ([-0.5, 0.0], 3.0)),
			image,
		),
		Fractal::Julia {
			constant,
			view,
			image,
		} => (
			"fractal julia",
			Shown::new(Some(constant), view, ([0.0, 0.0], 3.5)),
			image,
		),
	};
	let side = side_of(shown.iterations)?;
	let frame = whole_tiles(image.size, side)?;
	let iterations = shown.iterations;
	let picture = Picture {
		frame,
		title: title.into(),
		tiles: shown.tiles(&frame)?,
		bytes: 1,
		paint: Box::new(move |counts| {
			counts
				.into_iter()
				.flat_map(|count| colour(count.into(), iterations))
				.collect()
		}),
	};
	images::make(context, &picture, &image).await
}

/// The side of the tiles that have so many iterations.
fn side_of(iterations: usize) -> Outcome<usize> {
	let class = CLASSES.iter().find(|(_, most)| *most == iterations);
	class.map(|(side, _)| *side).ok_or_else(|| {
		let known: Vec<String> = CLASSES.iter().map(|(_, most)| most.to_string()).collect();
		Failure::usage(format!(
			"--iterations {iterations} cannot be proven: choose {}",
			known.join(" or ")
		))
	})
}

/// A frame of whole tiles: what reached beyond it might be out of bounds.
fn whole_tiles(size: (usize, usize), side: usize) -> Outcome<Frame> {
	let frame = Frame::new(size, side)?;
	let [width, height] = frame.tiles().map(|tiles| tiles * side);
	if (width, height) == size {
		return Ok(frame);
	}
	Err(Failure::usage(format!(
		"--size {}x{} is no multiple of the tiles, which are {side}x{side} with so many --iterations: choose {width}x{height}",
		size.0, size.1
	)))
}

/// The colour of a point: black if it did not escape, else by its steps, the slower the brighter.
fn colour(count: usize, iterations: usize) -> [u8; 3] {
	if count >= iterations {
		return [0; 3];
	}
	// Most points escape after a few steps: the root tells those apart.
	let t = (count as f64 / iterations as f64).sqrt();
	let u = 1.0 - t;
	[
		9.0 * u * t * t * t,
		15.0 * u * u * t * t,
		8.5 * u * u * u * t,
	]
	.map(|part| (part * 255.0).clamp(0.0, 255.0) as u8)
}

impl Shown {
	fn new(constant: Option<[f64; 2]>, view: View, all: ([f64; 2], f64)) -> Self {
		Self {
			constant,
			centre: view.centre.unwrap_or(all.0),
			width: view.width.unwrap_or(all.1),
			iterations: view.iterations,
		}
	}

	/// The inputs of all tiles.
	fn tiles(&self, frame: &Frame) -> Outcome<Vec<Vec<u8>>> {
		let fixed = |number: f64| (number * ONE as f64).round();
		let step = fixed(self.width / frame.width as f64);
		if !(1.0..=4.0 * ONE as f64).contains(&step) {
			return Err(Failure::usage(format!(
				"--width {} is {} points of 2^-18 for a pixel: choose from {} to {} with this --size",
				self.width,
				step,
				frame.width as f64 / ONE as f64,
				8
			)));
		}
		let most = 8.0 * ONE as f64;
		let [re, im] = self.centre.map(fixed);
		if re.abs() > most || im.abs() > most {
			return Err(Failure::usage(format!(
				"--centre {},{} is far from the set: choose parts from -4 to 4",
				self.centre[0], self.centre[1]
			)));
		}
		// All of them are small whole numbers now.
		let (re, im, step) = (re as i64, im as i64, step as i64);
		let [columns, rows] = [frame.width, frame.height].map(|pixels| pixels as i64);
		let first = [re - step * (columns - 1) / 2, im + step * (rows - 1) / 2];
		frame
			.places()
			.map(|(column, row)| {
				let across = step * frame.side as i64;
				let corner = [
					first[0] + across * i64::from(column),
					first[1] - across * i64::from(row),
				];
				self.tile(frame.side, corner, step)
					.map(|tile| tile.encode())
					.map_err(|reason| {
						Failure::usage(format!(
							"tile {column},{row}: {reason}, by another --centre or a smaller --width"
						))
					})
			})
			.collect()
	}

	fn tile(&self, side: usize, corner: [i64; 2], step: i64) -> Result<Tile, String> {
		let small =
			|number: i64| i32::try_from(number).map_err(|_| "it is too far from zero".to_string());
		let corner = [small(corner[0])?, small(corner[1])?];
		let (class, step) = ((side, self.iterations), small(step)?);
		let tile = match self.constant {
			None => Tile::mandelbrot(class, corner, step),
			Some(constant) => {
				// As an i32 it is the bound at most, which is refused.
				let constant = constant.map(|part| (part * ONE as f64).round() as i32);
				Tile::julia(class, constant, corner, step)
			}
		};
		tile.map_err(|e| e.to_string())
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::input;

	fn counts(shown: &Shown, size: (usize, usize)) -> Vec<u8> {
		let side = side_of(shown.iterations).expect("a class");
		let frame = whole_tiles(size, side).expect("a frame");
		let tiles = shown.tiles(&frame).expect("tiles");
		let outputs: Vec<Vec<u8>> = tiles
			.iter()
			.map(|blob| input::open(blob).expect("a tile").work().reference())
			.collect();
		frame.assemble(&outputs, 1)
	}

	fn mandelbrot(iterations: usize) -> Shown {
		Shown {
			constant: None,
			centre: [-0.5, 0.0],
			width: 3.0,
			iterations,
		}
	}

	#[test]
	fn the_mandelbrot_set_should_be_seen_whole_and_symmetrical() {
		let counts = counts(&mandelbrot(35), (96, 96));
		let at = |x: usize, y: usize| counts[96 * y + x];
		// 0 and -1 are in the set; the corners are not.
		assert_eq!((at(64, 48), at(32, 48)), (35, 35));
		assert!(at(0, 0) < 3 && at(95, 95) < 3);
		// Rounding down makes a difference of a step to a few points near the border.
		let unlike = (0..48)
			.flat_map(|y| (0..96).map(move |x| (x, y)))
			.filter(|&(x, y)| at(x, y).abs_diff(at(x, 95 - y)) > 1)
			.count();
		assert!(
			unlike < 96,
			"{unlike} points differ from their mirror image"
		);
	}

	#[test]
	fn tiles_of_other_sides_should_show_the_same() {
		let near = |iterations| Shown {
			width: 2.5,
			..mandelbrot(iterations)
		};
		let deep = counts(&near(255), (64, 32));
		let shallow = counts(&near(35), (64, 32));
		let expected: Vec<u8> = deep.iter().map(|count| (*count).min(35)).collect();
		assert_eq!(shallow, expected);
	}

	#[test]
	fn a_julia_set_should_be_symmetrical_about_its_middle() {
		let shown = Shown {
			constant: Some([-0.75, 0.125]),
			centre: [0.0, 0.0],
			width: 3.0,
			iterations: 75,
		};
		let counts = counts(&shown, (64, 64));
		assert!(counts.iter().any(|count| *count > 20));
		let unlike = (0..counts.len())
			.filter(|&n| counts[n].abs_diff(counts[counts.len() - 1 - n]) > 2)
			.count();
		assert!(unlike < 64, "{unlike} points differ from their opposite");
	}

	#[test]
	fn what_cannot_be_shown_should_be_refused_with_what_to_do() {
		let frame = Frame::new((96, 96), 32).expect("a frame");
		let says = |change: fn(&mut Shown), part: &str| {
			let mut shown = mandelbrot(35);
			change(&mut shown);
			let failure = shown.tiles(&frame).expect_err("refused");
			assert!(failure.message.contains(part), "{}", failure.message);
		};
		says(|shown| shown.width = 6.0, "--width");
		says(|shown| shown.width = 0.0, "--width");
		says(|shown| shown.width = f64::NAN, "--width");
		says(|shown| shown.width = 1e-5, "--width");
		says(|shown| shown.centre = [1e300, 0.0], "--centre");
		says(|shown| shown.centre = [2.0, 0.0], "bounded by 2");
		says(|shown| shown.constant = Some([3.0, 0.0]), "bounded by 2");
		assert!(side_of(36)
			.expect_err("no class")
			.message
			.contains("35 or 75 or 255"));
	}

	#[test]
	fn colours_should_tell_the_set_from_what_escapes() {
		assert_eq!(colour(75, 75), [0; 3]);
		assert_ne!(colour(74, 75), [0; 3]);
		assert_ne!(colour(3, 75), colour(30, 75));
	}
}
