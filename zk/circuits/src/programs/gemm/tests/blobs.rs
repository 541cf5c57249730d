//! The blob's format.

use super::*;
use crate::programs::gemm::blob::HEADER_BYTES;

fn error(blob: &[u8]) -> String {
	Operands::decode(blob).unwrap_err().to_string()
}

#[test]
fn encode_should_have_a_known_answer() {
	let operands = Operands::new(1, 2, 3, vec![-1, 2], vec![1, 2, 3, -128, 127, 0]).unwrap();
	let blob = b"lemma-g\x01\x01\0\0\0\x02\0\0\0\x03\0\0\0\xff\x02\x01\x02\x03\x80\x7f\x00";
	assert_eq!(operands.encode(), blob);
	assert_eq!(Operands::decode(blob).unwrap(), operands);
}

#[test]
fn decode_should_invert_encode() {
	for (m, k, n) in [(1, 1, 1), (3, 70, 5), (256, 1, 2), (2, 4096, 1)] {
		let operands = operands(m, k, n, 5);
		assert_eq!(Operands::decode(&operands.encode()).unwrap(), operands);
	}
}

#[test]
fn decode_should_refuse_a_blob_of_any_other_length() {
	let blob = operands(3, 4, 5, 1).encode();
	for length in 0..blob.len() {
		let expected = if length < HEADER_BYTES {
			"header"
		} else {
			"cut off"
		};
		assert!(error(&blob[..length]).contains(expected), "{length}");
	}
	assert!(error(&[&blob[..], &[0]].concat()).contains("appended"));
}

#[test]
fn decode_should_refuse_another_format_or_version() {
	let blob = operands(1, 1, 1, 1).encode();
	for place in 0..8 {
		let mut blob = blob.clone();
		blob[place] ^= 2;
		assert!(error(&blob).contains("lemma-g"));
	}
}

#[test]
fn decode_should_refuse_dimensions_that_no_class_has_before_it_allocates() {
	let blob = |m: u32, k: u32, n: u32| {
		let dimensions = [m, k, n].map(u32::to_le_bytes).concat();
		[&b"lemma-g\x01"[..], &dimensions].concat()
	};
	for (m, k, n) in [(0, 1, 1), (1, 0, 1), (1, 1, 0)] {
		assert!(error(&blob(m, k, n)).contains("at least 1"));
	}
	assert!(error(&blob(65537, 1, 1)).contains("m is 65537"));
	assert!(error(&blob(1, 4097, 1)).contains("k is 4097"));
	assert!(error(&blob(1, 1, 65537)).contains("n is 65537"));
	assert!(error(&blob(u32::MAX, u32::MAX, u32::MAX)).contains("blocks"));
	// The largest that is allowed, but not there.
	assert!(error(&blob(65536, 4096, 65536)).contains("536870912 bytes"));
}

#[test]
fn new_should_refuse_operands_of_other_lengths() {
	let refused = |a: usize, b: usize| Operands::new(2, 3, 4, vec![0; a], vec![0; b]).is_err();
	assert!(!refused(6, 12));
	for (a, b) in [(5, 12), (7, 12), (6, 11), (6, 13), (12, 6)] {
		assert!(refused(a, b));
	}
}
