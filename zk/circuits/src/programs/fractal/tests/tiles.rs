//! Tiles and their blobs.

use super::{super::tile::BLOB_BYTES, *};

fn error(blob: &[u8]) -> String {
	Tile::decode(blob).unwrap_err().to_string()
}

#[test]
fn encode_should_have_a_known_answer() {
	let tile = Tile::julia((16, 255), [1, -2], [3, 4], 5).unwrap();
	let blob = b"lemma-f\x01\x10\0\0\0\xff\0\0\0\x03\0\0\0\x04\0\0\0\x05\0\0\0\x01\0\0\0\xfe\xff\xff\xff\0\0\0\0";
	assert_eq!(tile.encode(), blob);
	assert_eq!(Tile::decode(blob).unwrap(), tile);
}

#[test]
fn decode_should_invert_encode() {
	for tile in [mandelbrot(), julia()] {
		assert_eq!(Tile::decode(&tile.encode()).unwrap(), tile);
	}
}

#[test]
fn decode_should_refuse_any_other_length() {
	let blob = mandelbrot().encode();
	assert_eq!(blob.len(), BLOB_BYTES);
	for length in 0..blob.len() {
		let expected = if length < 8 { "lemma-f" } else { "cut off" };
		assert!(error(&blob[..length]).contains(expected), "{length}");
	}
	assert!(error(&[&blob[..], &[0]].concat()).contains("appended"));
}

#[test]
fn decode_should_refuse_another_format_or_version() {
	for place in 0..8 {
		let mut blob = mandelbrot().encode();
		blob[place] ^= 2;
		assert!(error(&blob).contains("lemma-f"));
	}
}

#[test]
fn decode_should_refuse_a_class_that_there_is_not() {
	for (place, value) in [(8, 33), (12, 36), (8, 0), (11, 255)] {
		let mut blob = mandelbrot().encode();
		blob[place] = value;
		assert!(error(&blob).contains("choose 32x32 with 35"));
	}
}

#[test]
fn points_out_of_bounds_should_be_refused() {
	let class = (32, 35);
	let refused = |corner, step| {
		Tile::mandelbrot(class, corner, step).is_err_and(|error| error.0.starts_with("c goes to"))
	};
	assert!(!refused([real(-128), real(128)], real(8)));
	assert!(refused([real(-129), 0], 0));
	assert!(refused([0, real(129)], 0));
	assert!(refused([real(1), 0], real(4) + real(4) / 31));
	assert!(refused([0, real(-1)], real(4) + real(4) / 31));
	assert!(refused([i32::MIN, i32::MAX], i32::MIN));
	let julia = |corner| Tile::julia(class, [0; 2], corner, 0);
	assert!(julia([real(256), real(-256)]).is_ok());
	assert!(julia([real(257), 0])
		.unwrap_err()
		.0
		.starts_with("z goes to 4.0"));
}
