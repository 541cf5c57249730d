//! The blob's format.

use super::*;

fn error(blob: &[u8]) -> String {
	Tile::decode(blob).unwrap_err().to_string()
}

/// The blob of the smallest scene, and of one with everything.
fn blobs() -> [Vec<u8>; 2] {
	let full = whole_tile(16);
	let mut empty = full.clone();
	empty.scene.spheres.clear();
	empty.scene.planes.clear();
	empty.scene.triangles.clear();
	empty.scene.lights.clear();
	[empty.encode(), full.encode()]
}

/// A blob with one of its words replaced.
fn with_word(blob: &[u8], word: usize, value: i32) -> Vec<u8> {
	let mut blob = blob.to_vec();
	blob[4 * word..][..4].copy_from_slice(&value.to_le_bytes());
	blob
}

#[test]
fn encode_should_have_a_known_answer() {
	let [empty, full] = blobs();
	let words: [i32; 23] = [
		16, 0, 0, 0, 0, 0, 0, 0, 0, -2000, -1920, 1920, 6000, 256, 0, 0, 0, -256, 0, 70, 40, 60,
		120,
	];
	assert_eq!(
		empty,
		[&b"lemma-r\x02"[..], &words.map(i32::to_le_bytes).concat()].concat()
	);
	assert_eq!(full.len(), 4 * (25 + 4 * 8 + 18 + 9 + 18 + 4 * 13 + 4));
	assert_eq!(&full[full.len() - 4..], &1_800_000i32.to_le_bytes());
}

#[test]
fn decode_should_invert_encode() {
	for blob in blobs().into_iter().chain([tile(64).encode()]) {
		assert_eq!(Tile::decode(&blob).unwrap().encode(), blob);
	}
	for tile in [tile(16), tile(32), whole_tile(32)] {
		assert_eq!(Tile::decode(&tile.encode()).unwrap(), tile);
	}
}

#[test]
fn decode_should_refuse_a_blob_of_any_other_length() {
	for blob in blobs() {
		for length in 0..blob.len() {
			let expected = if length < 8 { "lemma-r" } else { "cut off" };
			assert!(error(&blob[..length]).contains(expected), "{length}");
		}
		assert!(error(&[&blob[..], &[0]].concat()).contains("appended"));
	}
}

#[test]
fn decode_should_refuse_another_format_or_version() {
	for place in 0..8 {
		let [mut blob, _] = blobs();
		blob[place] ^= 2;
		assert!(error(&blob).contains("lemma-r"));
	}
}

#[test]
fn decode_should_refuse_numbers_that_have_no_place() {
	let [_, blob] = blobs();
	for (word, value, expected) in [
		(2, 65, "side: 65"),
		(2, 20, "20x20"),
		(3, 256, "column: 256"),
		(4, -1, "row: -1"),
		(5, 9, "spheres: 9"),
		(5, i32::MAX, "spheres"),
		(6, 4, "planes: 4"),
		(7, 5, "triangles: 5"),
		(8, 3, "lights: 3"),
		(21, 513, "ambient: 513"),
		(22, 256, "colour: 256"),
		(29, -5, "colour: -5"),
		(32, 513, "mirrors: 513"),
		// Of the first plane.
		(65, 2, "checkers of a plane: 2"),
	] {
		let error = error(&with_word(&blob, word, value));
		assert!(error.contains(expected), "{word}: {error}");
	}
}
