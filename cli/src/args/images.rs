//! Arguments of the commands that make images.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Terms;

/// Shown below the help of `lemma render`.
pub const RENDER_HELP: &str = "\
The image is cut into tiles, each an order of its own with an equal share of --max-price. They are
posted a few at a time, worked on by as many workers as there are, posted again if they expire,
and every proof is verified here. The image is written when all tiles are proven; the command
ends when that is final.

Interrupted? Run the same command again: it goes on with the tiles that were ordered, and orders
none a second time unless you say --new.

docs/use/scenes.md explains scene files; examples/scenes has some.

Examples:
  lemma render scene.toml --out image.png --preview              free: computed here, not proven
  lemma render scene.toml --size 256x256 --out image.png --max-price 20 --key //Alice
  lemma render scene.toml --size 640x480 --out image.png --max-price 90 --at-once 32 --json";

/// Shown below the help of `lemma fractal`.
pub const FRACTAL_HELP: &str = "\
What is proven is how many steps every point takes to escape; the colours are painted here.
Tiles are ordered as by `lemma render`: each has an equal share of --max-price.

Examples:
  lemma fractal mandelbrot --out m.png --preview
  lemma fractal mandelbrot --size 128x128 --out m.png --max-price 20 --key //Alice
  lemma fractal julia --constant -0.8,0.156 --iterations 255 --out j.png --max-price 99";

/// Render a scene.
#[derive(Debug, Args)]
pub struct Render {
	/// What is to be seen: a TOML file.
	pub scene: PathBuf,
	/// Side of a tile, in pixels: 16, 32 or 64. By default the largest that has room for the scene.
	#[arg(long, value_name = "PIXELS")]
	pub tile: Option<usize>,
	/// The image.
	#[command(flatten)]
	pub image: Image,
}

/// Compute a fractal.
#[derive(Debug, Subcommand)]
pub enum Fractal {
	/// The Mandelbrot set: z -> z^2 + c from 0, for every c of the image
	#[command(after_help = FRACTAL_HELP)]
	Mandelbrot {
		/// What part of the plane is shown.
		#[command(flatten)]
		view: View,
		/// The image.
		#[command(flatten)]
		image: Image,
	},
	/// A Julia set: z -> z^2 + c from every z of the image, for one c
	#[command(after_help = FRACTAL_HELP)]
	Julia {
		/// c: real and imaginary part, each from -2 to 2.
		#[arg(
			long,
			default_value = "-0.8,0.156",
			value_parser = complex,
			value_name = "RE,IM",
			allow_hyphen_values = true
		)]
		constant: [f64; 2],
		/// What part of the plane is shown.
		#[command(flatten)]
		view: View,
		/// The image.
		#[command(flatten)]
		image: Image,
	},
}

/// What part of the plane is shown.
#[derive(Debug, Args)]
pub struct View {
	/// The middle of the image: real and imaginary part. By default what shows all of the set.
	#[arg(
		long,
		value_parser = complex,
		value_name = "RE,IM",
		allow_hyphen_values = true
	)]
	pub centre: Option<[f64; 2]>,
	/// Width of the image in the plane. By default what shows all of the set.
	#[arg(long, value_name = "NUMBER")]
	pub width: Option<f64>,
	/// Most steps of a point: 35 or 75, or 255 with smaller tiles.
	#[arg(long, default_value_t = 75, value_name = "STEPS")]
	pub iterations: usize,
}

/// An image, and how it is ordered.
#[derive(Debug, Args)]
#[command(mut_arg("max_price", |arg| arg
	.required(false)
	.required_unless_present("preview")
	.help("Highest price of all tiles together, in LEM. A tile's share is held when it is ordered; what is not spent comes back")))]
pub struct Image {
	/// Width and height of the image, in pixels.
	#[arg(long, default_value = "256x256", value_parser = size, value_name = "WxH")]
	pub size: (usize, usize),
	/// Where to write the image: a PNG.
	#[arg(long, value_name = "FILE")]
	pub out: PathBuf,
	/// Compute it here, ordering and proving nothing: free, and without a node.
	#[arg(long)]
	pub preview: bool,
	/// Most orders that wait for a worker, or are worked on, at a time.
	#[arg(
		long,
		default_value_t = 8,
		value_name = "ORDERS",
		value_parser = clap::value_parser!(u32).range(1..=256)
	)]
	pub at_once: u32,
	/// What the image may cost and when: prices are those of all tiles together.
	#[command(flatten)]
	pub terms: Option<Terms>,
	/// Order all tiles anew even if they were ordered before.
	#[arg(long)]
	pub new: bool,
}

/// Most pixels in a row, and most rows: as many tiles as a frame can have, of the largest side.
const MOST_PIXELS: usize = 16384;

fn size(text: &str) -> Result<(usize, usize), String> {
	let length = |text: &str| {
		text.parse()
			.ok()
			.filter(|length| (1..=MOST_PIXELS).contains(length))
	};
	text.split_once('x')
		.and_then(|(width, height)| Some((length(width)?, length(height)?)))
		.ok_or_else(|| {
			format!(
				"`{text}` is no size: write width x height in pixels, each at most {MOST_PIXELS}, such as 256x256"
			)
		})
}

fn complex(text: &str) -> Result<[f64; 2], String> {
	let part = |text: &str| {
		text.trim()
			.parse()
			.ok()
			.filter(|part: &f64| part.is_finite())
	};
	text.split_once(',')
		.and_then(|(re, im)| Some([part(re)?, part(im)?]))
		.ok_or_else(|| {
			format!(
				"`{text}` is no point: write the real and the imaginary part, such as -0.8,0.156"
			)
		})
}

#[cfg(test)]
mod tests {
	use clap::Parser;

	use super::*;
	use crate::args::{Cli, Command};

	#[test]
	fn sizes_should_be_width_by_height() {
		assert_eq!(size("640x480"), Ok((640, 480)));
		for text in ["640", "x", "640x", "0x10", "64x10x2", "-1x3", "16385x1"] {
			assert!(size(text).is_err(), "{text}");
		}
	}

	#[test]
	fn points_should_have_two_parts() {
		assert_eq!(complex("-0.8,0.156"), Ok([-0.8, 0.156]));
		assert_eq!(complex("1, -2"), Ok([1.0, -2.0]));
		for text in ["", "1", "1,", "1,2,3", "nan,0", "0,inf"] {
			assert!(complex(text).is_err(), "{text}");
		}
	}

	#[test]
	fn a_price_should_be_needed_unless_it_is_a_preview() {
		let parse = |more: &[&str]| {
			let arguments = ["lemma", "render", "scene.toml", "--out", "image.png"];
			Cli::try_parse_from(arguments.iter().chain(more))
		};
		let error = parse(&[]).expect_err("nothing says what it may cost");
		assert!(error.to_string().contains("--max-price"), "{error}");
		let cases: [(&[&str], bool); 3] = [
			(&["--preview"], false),
			(&["--max-price", "2"], true),
			(&["--preview", "--max-price", "2"], true),
		];
		for (more, has_terms) in cases {
			let cli = parse(more).expect("a command");
			let Command::Render(render) = cli.command else {
				panic!("another command");
			};
			assert_eq!(render.image.terms.is_some(), has_terms, "{more:?}");
			if let Some(terms) = render.image.terms {
				assert_eq!(terms.ramp, 20);
			}
		}
	}
}
