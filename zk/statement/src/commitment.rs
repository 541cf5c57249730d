//! Poseidon commitments to inputs.

use alloc::vec::Vec;

use plonky2::{
	field::types::Field,
	hash::{hash_types::HashOut, poseidon::PoseidonHash},
	plonk::config::Hasher,
};

use crate::{hash_to_bytes, F};

/// First element of what a [`sponge_commitment`] hashes.
pub const SPONGE_TAG: u64 = u64::from_le_bytes(*b"lemma-s\0");
/// First element of what a [`matrix_commitment`] hashes.
pub const MATRIX_TAG: u64 = u64::from_le_bytes(*b"lemma-m\0");

/// Bytes packed into one element: as many as always stay below p.
const PACKED_BYTES: usize = 7;

/// Commitment to a small input: the Poseidon sponge over the tag, the length in bytes, and the bytes, seven
/// to an element, little-endian.
///
/// Injective: the length fixes how many elements follow and how many bytes the last of them holds. A
/// circuit that opens the commitment must check that every byte is one.
pub fn sponge_commitment(input: &[u8]) -> [u8; 32] {
	let header = [SPONGE_TAG, input.len() as u64].map(F::from_canonical_u64);
	let packed = input.chunks(PACKED_BYTES).map(|chunk| {
		let mut word = [0; 8];
		for (place, byte) in word.iter_mut().zip(chunk) {
			*place = *byte;
		}
		F::from_canonical_u64(u64::from_le_bytes(word))
	});
	let elements: Vec<F> = header.into_iter().chain(packed).collect();
	hash_to_bytes(PoseidonHash::hash_no_pad(&elements).elements)
}

/// Commitment to matrices that are committed to as polynomials: the Poseidon sponge over the tag, the number
/// of the shape's elements, the number of hashes, the shape, and the Merkle caps' hashes.
///
/// `shape` holds whatever says how the polynomials are to be read (dimensions, class); `hashes` are the caps of
/// all commitments, one after the other. Both counts are hashed, so it is injective.
pub fn matrix_commitment(shape: &[F], hashes: &[HashOut<F>]) -> [u8; 32] {
	let header = [MATRIX_TAG, shape.len() as u64, hashes.len() as u64].map(F::from_canonical_u64);
	let elements: Vec<F> = header
		.into_iter()
		.chain(shape.iter().copied())
		.chain(hashes.iter().flat_map(|hash| hash.elements))
		.collect();
	hash_to_bytes(PoseidonHash::hash_no_pad(&elements).elements)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn sponge_commitment_should_have_known_answers() {
		for (input, known) in [
			(
				&b""[..],
				"fef266fd42bb68557f87ae4ccc63e12cab36b06e3e66f551ec078d79ccbedd1b",
			),
			(
				b"lemma",
				"48c34acfe2d06a76dac9c806bfd6e759304b77f4c5ed670ddc3c3e41014e8ce0",
			),
			(
				&[0xff; 100],
				"6be6593022205befe1cfba8910db311f5197449e29310078cae51d3390f1f33b",
			),
		] {
			assert_eq!(hex::encode(sponge_commitment(input)), known);
		}
	}

	#[test]
	fn sponge_commitment_should_tell_zero_bytes_from_none() {
		let all: Vec<_> = (0..40)
			.map(|len| sponge_commitment(&[0; 40][..len]))
			.collect();
		for (i, one) in all.iter().enumerate() {
			assert!(!all[..i].contains(one));
		}
	}

	#[test]
	fn matrix_commitment_should_have_a_known_answer() {
		let shape = [3, 4, 5].map(F::from_canonical_u64);
		let caps = [[1, 2, 3, 4], [5, 6, 7, 8]].map(|hash| HashOut {
			elements: hash.map(F::from_canonical_u64),
		});
		assert_eq!(
			hex::encode(matrix_commitment(&shape, &caps)),
			"b9bc7485b2ca06a9a62d9ba58dce1fbff402ec700f1775ae47242131140bf266"
		);
	}

	#[test]
	fn matrix_commitment_should_tell_shape_from_caps() {
		let four = [1, 2, 3, 4].map(F::from_canonical_u64);
		let hash = HashOut { elements: four };
		let all = [
			matrix_commitment(&[], &[hash]),
			matrix_commitment(&four, &[]),
			matrix_commitment(&four, &[hash]),
			matrix_commitment(&[], &[hash, hash]),
			matrix_commitment(&four[..3], &[hash]),
		];
		for (i, one) in all.iter().enumerate() {
			assert!(!all[..i].contains(one));
		}
	}
}
