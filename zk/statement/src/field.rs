//! Field elements and the byte strings that stand for them.

use plonky2::field::{
	goldilocks_field::GoldilocksField,
	types::{Field, Field64, PrimeField64},
};

/// The Goldilocks field, p = 2^64 - 2^32 + 1.
pub type F = GoldilocksField;

/// A Poseidon hash as 32 bytes: its four elements, canonical, each little-endian.
pub fn hash_to_bytes(hash: [F; 4]) -> [u8; 32] {
	let mut bytes = [0; 32];
	for (place, element) in bytes.chunks_exact_mut(8).zip(hash) {
		place.copy_from_slice(&element.to_canonical_u64().to_le_bytes());
	}
	bytes
}

/// The inverse of [`hash_to_bytes`]; `None` if one of the four numbers is not below p.
pub fn bytes_to_hash(bytes: &[u8; 32]) -> Option<[F; 4]> {
	let mut hash = [F::ZERO; 4];
	for (element, word) in hash.iter_mut().zip(bytes.as_chunks::<8>().0) {
		let word = u64::from_le_bytes(*word);
		if word >= F::ORDER {
			return None;
		}
		*element = F::from_canonical_u64(word);
	}
	Some(hash)
}

/// Any 32 bytes as eight elements: little-endian limbs of 32 bits.
pub fn limbs(bytes: &[u8; 32]) -> [F; 8] {
	let mut limbs = [F::ZERO; 8];
	for (limb, word) in limbs.iter_mut().zip(bytes.as_chunks::<4>().0) {
		*limb = F::from_canonical_u32(u32::from_le_bytes(*word));
	}
	limbs
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn bytes_to_hash_should_invert_hash_to_bytes() {
		let hash = [
			F::ZERO,
			F::ONE,
			F::NEG_ONE,
			F::from_canonical_u64(0x0123_4567_89ab_cdef),
		];
		assert_eq!(bytes_to_hash(&hash_to_bytes(hash)), Some(hash));
	}

	#[test]
	fn bytes_to_hash_should_refuse_numbers_from_p_on() {
		for place in 0..4 {
			for excess in [0, 1, 0xffff_fffe] {
				let mut bytes = [0; 32];
				bytes[place * 8..][..8].copy_from_slice(&(F::ORDER + excess).to_le_bytes());
				assert_eq!(bytes_to_hash(&bytes), None);
			}
		}
	}

	#[test]
	fn limbs_should_be_little_endian() {
		let mut bytes = [0; 32];
		bytes[4..8].copy_from_slice(&[0x78, 0x56, 0x34, 0x12]);
		assert_eq!(limbs(&bytes)[1], F::from_canonical_u32(0x1234_5678));
		assert_eq!(limbs(&[0xff; 32]), [F::from_canonical_u32(u32::MAX); 8]);
	}
}
