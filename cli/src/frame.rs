//! Images made of square tiles: which tiles there are, putting them together, and writing a PNG.

use std::path::Path;

use lemma_client::npy::write_atomically;
use lemma_zk_circuits::programs::render::scene::MAX_TILES;

use crate::failure::{file_failure, Failure, Outcome};

/// The size of an image, and of its tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
	/// Pixels in a row.
	pub width: usize,
	/// Rows.
	pub height: usize,
	/// Pixels in a row of a tile, and rows. The last tiles reach beyond the frame where it is no multiple of that.
	pub side: usize,
}

impl Frame {
	/// A frame with few enough tiles.
	pub fn new((width, height): (usize, usize), side: usize) -> Outcome<Self> {
		let frame = Self {
			width,
			height,
			side,
		};
		if frame
			.tiles()
			.into_iter()
			.all(|tiles| tiles <= MAX_TILES as usize)
		{
			return Ok(frame);
		}
		Err(Failure::usage(format!(
			"--size {width}x{height} is too large for tiles of {side}x{side}: at most {0}x{0} pixels, {MAX_TILES} tiles in \
			 each direction",
			MAX_TILES as usize * side
		)))
	}

	/// Tiles in a row, and rows of tiles.
	pub fn tiles(&self) -> [usize; 2] {
		[self.width, self.height].map(|pixels| pixels.div_ceil(self.side))
	}

	/// Column and row of every tile, row by row from the top.
	pub fn places(&self) -> impl Iterator<Item = (u16, u16)> {
		// At most MAX_TILES in each direction.
		let [columns, rows] = self.tiles().map(|tiles| tiles as u16);
		(0..rows).flat_map(move |row| (0..columns).map(move |column| (column, row)))
	}

	/// Where the middle of the frame is, in pixels from the middle of the first one.
	pub fn middle(&self) -> [f64; 2] {
		[self.width, self.height].map(|pixels| (pixels - 1) as f64 / 2.0)
	}

	/// The image of all tiles, which stand in the order of [`Self::places`] and have so many bytes a pixel.
	pub fn assemble<T: AsRef<[u8]>>(&self, tiles: &[T], bytes: usize) -> Vec<u8> {
		let [columns, _] = self.tiles();
		let mut image = Vec::with_capacity(self.width * self.height * bytes);
		for y in 0..self.height {
			for column in 0..columns {
				let tile = tiles[y / self.side * columns + column].as_ref();
				let start = y % self.side * self.side * bytes;
				let width = self.side.min(self.width - column * self.side);
				image.extend(&tile[start..start + width * bytes]);
			}
		}
		image
	}

	/// Writes an image of three bytes a pixel, whole or not at all.
	pub fn write_png(&self, path: &Path, image: &[u8]) -> Outcome<()> {
		// At most MAX_TILES times a tile's side.
		let (width, height) = (self.width as u32, self.height as u32);
		write_atomically(path, |file| {
			let mut encoder = png::Encoder::new(file, width, height);
			encoder.set_color(png::ColorType::Rgb);
			encoder.set_depth(png::BitDepth::Eight);
			let mut writer = encoder.write_header()?;
			writer.write_image_data(image)?;
			Ok(writer.finish()?)
		})
		.map_err(|e| file_failure(path, "written", &e))
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn tiles_should_be_put_together_and_cut_to_the_frame() {
		let frame = Frame::new((5, 3), 2).expect("few tiles");
		assert_eq!(frame.tiles(), [3, 2]);
		let places: Vec<_> = frame.places().collect();
		assert_eq!(places, [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)]);
		// Every pixel holds its own place in the frame.
		let tiles: Vec<Vec<u8>> = places
			.iter()
			.map(|&(column, row)| {
				let pixels = (0..2).flat_map(|y| (0..2).map(move |x| (x, y)));
				pixels
					.flat_map(|(x, y)| [column as u8 * 2 + x, row as u8 * 2 + y])
					.collect()
			})
			.collect();
		let expected: Vec<u8> = (0..3)
			.flat_map(|y| (0..5).flat_map(move |x| [x, y]))
			.collect();
		assert_eq!(frame.assemble(&tiles, 2), expected);
	}

	#[test]
	fn a_frame_should_be_refused_when_it_has_too_many_tiles() {
		assert!(Frame::new((4096, 1), 16).is_ok());
		let failure = Frame::new((4097, 1), 16).expect_err("257 tiles");
		assert!(failure.message.contains("4096x4096"), "{}", failure.message);
	}

	#[test]
	fn a_written_image_should_be_read_back_as_it_is() {
		let frame = Frame::new((3, 2), 16).expect("one tile");
		let image: Vec<u8> = (0..18).map(|n| n * 14).collect();
		let folder = tempfile::tempdir().expect("a folder");
		let path = folder.path().join("image.png");
		frame.write_png(&path, &image).expect("written");
		let file = std::io::BufReader::new(std::fs::File::open(&path).expect("there"));
		let mut reader = png::Decoder::new(file).read_info().expect("a PNG");
		let mut read = vec![0; reader.output_buffer_size().expect("a small image")];
		let info = reader.next_frame(&mut read).expect("an image");
		assert_eq!((info.width, info.height), (3, 2));
		assert_eq!(info.color_type, png::ColorType::Rgb);
		assert_eq!(read, image);
	}
}
