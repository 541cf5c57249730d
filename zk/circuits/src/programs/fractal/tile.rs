//! A tile of points, and the blob that holds it.
//!
//! The point in column x and row y of a tile starts at z = `start` + `start_step` (x - iy) and adds
//! c = `constant` + `constant_step` (x - iy). With a step of zero for the one or the other that is a Julia or a
//! Mandelbrot set.
//!
//! | bytes | what |
//! | --- | --- |
//! | 0..8 | `lemma-f` and the format's version, 1 |
//! | 8..16 | side, iterations: two u32 |
//! | 16..28 | `start`, real and imaginary part, `start_step`: three i32 |
//! | 28..40 | `constant`, real and imaginary part, `constant_step`: three i32; nothing follows |
//!
//! All little-endian; real numbers in units of 2^-18.

use crate::program::InputError;

/// How a blob begins: a name and the format's version.
pub const MAGIC: [u8; 8] = *b"lemma-f\x01";
/// Length of a blob.
pub const BLOB_BYTES: usize = 40;
/// Bits after the point.
pub const FRACTION_BITS: u32 = 18;
/// 1 in fixed point.
pub const ONE: i64 = 1 << FRACTION_BITS;
/// Bound on both parts of every z at the start.
pub const MAX_START: i64 = 4 * ONE;
/// Bound on both parts of every c.
pub const MAX_CONSTANT: i64 = 2 * ONE;

/// Sides and iterations of tiles that can be proven.
pub const CLASSES: [(usize, usize); 3] = [(32, 35), (32, 75), (16, 255)];

/// Points to be iterated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
	/// Points in a row, and rows.
	pub side: usize,
	/// Most steps of a point.
	pub iterations: usize,
	/// z at the first point.
	pub start: [i32; 2],
	/// How much z grows from point to point.
	pub start_step: i32,
	/// c at the first point.
	pub constant: [i32; 2],
	/// How much c grows from point to point.
	pub constant_step: i32,
}

impl Tile {
	/// The Mandelbrot set from `corner`, the tile's upper left, in steps of `step`.
	pub fn mandelbrot(
		(side, iterations): (usize, usize),
		corner: [i32; 2],
		step: i32,
	) -> Result<Self, InputError> {
		Self {
			side,
			iterations,
			start: [0; 2],
			start_step: 0,
			constant: corner,
			constant_step: step,
		}
		.checked()
	}

	/// The Julia set of `constant` from `corner`, the tile's upper left, in steps of `step`.
	pub fn julia(
		(side, iterations): (usize, usize),
		constant: [i32; 2],
		corner: [i32; 2],
		step: i32,
	) -> Result<Self, InputError> {
		Self {
			side,
			iterations,
			start: corner,
			start_step: step,
			constant,
			constant_step: 0,
		}
		.checked()
	}

	/// The tile, if its class exists and all its points are in bounds.
	pub fn checked(self) -> Result<Self, InputError> {
		if !CLASSES.contains(&(self.side, self.iterations)) {
			let known: Vec<String> = CLASSES
				.iter()
				.map(|(side, iterations)| format!("{side}x{side} with {iterations}"))
				.collect();
			return Err(InputError(format!(
				"a tile of {0}x{0} points with at most {1} iterations cannot be proven: choose {2}",
				self.side,
				self.iterations,
				known.join(" or ")
			)));
		}
		for (name, first, step, most) in [
			("z", self.start, self.start_step, MAX_START),
			("c", self.constant, self.constant_step, MAX_CONSTANT),
		] {
			let across = i64::from(step) * (self.side as i64 - 1);
			let [re, im] = first.map(i64::from);
			for part in [re, im, re + across, im - across] {
				if part.abs() > most {
					return Err(InputError(format!(
						"{name} goes to {} in this tile, and is bounded by {} in both parts: choose a tile nearer to zero",
						part as f64 / ONE as f64,
						most / ONE
					)));
				}
			}
		}
		Ok(self)
	}

	/// z and c of the point in column `x` and row `y`.
	pub fn point(&self, x: usize, y: usize) -> [[i64; 2]; 2] {
		let (x, y) = (x as i64, y as i64);
		[
			(self.start, self.start_step),
			(self.constant, self.constant_step),
		]
		.map(|(first, step)| {
			let step = i64::from(step);
			[
				i64::from(first[0]) + step * x,
				i64::from(first[1]) - step * y,
			]
		})
	}

	/// The blob.
	pub fn encode(&self) -> Vec<u8> {
		let mut blob = MAGIC.to_vec();
		for size in [self.side, self.iterations] {
			// Those of a class: small.
			blob.extend((size as u32).to_le_bytes());
		}
		for number in self.numbers() {
			blob.extend(number.to_le_bytes());
		}
		blob
	}

	/// The tile of a blob.
	pub fn decode(blob: &[u8]) -> Result<Self, InputError> {
		if blob.len() < MAGIC.len() || blob[..MAGIC.len()] != MAGIC {
			return Err(InputError(
				"the blob does not begin as a fractal's (`lemma-f`, version 1): is it of another program, or of a \
				 newer Lemma?"
					.into(),
			));
		}
		if blob.len() != BLOB_BYTES {
			return Err(InputError(format!(
				"a fractal's blob has {BLOB_BYTES} bytes, this one has {}: it was cut off or something was appended",
				blob.len()
			)));
		}
		let mut words = blob[MAGIC.len()..]
			.as_chunks::<4>()
			.0
			.iter()
			.map(|word| u32::from_le_bytes(*word));
		let mut next = || words.next().unwrap_or_default();
		let (side, iterations) = (next() as usize, next() as usize);
		let mut next = || next() as i32;
		Self {
			side,
			iterations,
			start: [next(), next()],
			start_step: next(),
			constant: [next(), next()],
			constant_step: next(),
		}
		.checked()
	}

	/// All numbers but the class's, in the order in which they are encoded and committed to.
	pub fn numbers(&self) -> [i32; 6] {
		let Self {
			start,
			start_step,
			constant,
			constant_step,
			..
		} = *self;
		[
			start[0],
			start[1],
			start_step,
			constant[0],
			constant[1],
			constant_step,
		]
	}
}
