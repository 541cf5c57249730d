//! The hash of outer proofs: plonky2's `KeccakHash<25>` and its permutation, to the bit, by the host's Keccak where
//! there is one.
//!
//! A verification hashes some two thousand blocks. In a runtime's Wasm each takes several times what the
//! host takes, and every buffer is another call to the host's allocator; so the runtime asks the host for
//! its standard `keccak_256`, and buffers stand on the stack where their length is known.

use alloc::vec::Vec;

use lemma_zk_statement::F;
use plonky2::{
	field::{
		extension::quadratic::QuadraticExtension,
		types::{Field, Field64, PrimeField64},
	},
	hash::{hash_types::BytesHash, hashing::PlonkyPermutation, poseidon::PoseidonHash},
	plonk::config::{GenericConfig, Hasher},
};

/// Bytes that are kept of a hash.
const HASH_BYTES: usize = 25;
const RATE: usize = 8;
const WIDTH: usize = 12;

/// What outer proofs are made with: Keccak in the Merkle trees and the transcript. Proofs and keys are those of
/// plonky2's `KeccakGoldilocksConfig`.
#[derive(Debug, Copy, Clone, Default, Eq, PartialEq)]
pub struct OuterConfig;

impl GenericConfig<2> for OuterConfig {
	type F = F;
	type FE = QuadraticExtension<F>;
	type Hasher = Keccak;
	type InnerHasher = PoseidonHash;
}

/// Keccak-256, cut to 25 bytes.
#[derive(Debug, Copy, Clone, Eq, PartialEq)]
pub struct Keccak;

impl Hasher<F> for Keccak {
	const HASH_SIZE: usize = HASH_BYTES;
	type Hash = BytesHash<HASH_BYTES>;
	type Permutation = KeccakPermutation;

	fn hash_no_pad(input: &[F]) -> Self::Hash {
		let mut bytes = Vec::with_capacity(input.len().saturating_mul(8));
		for element in input {
			bytes.extend_from_slice(&element.to_canonical_u64().to_le_bytes());
		}
		cut(&bytes)
	}

	fn two_to_one(left: Self::Hash, right: Self::Hash) -> Self::Hash {
		let mut bytes = [0; 2 * HASH_BYTES];
		let hashes = left.0.iter().chain(&right.0);
		for (place, byte) in bytes.iter_mut().zip(hashes) {
			*place = *byte;
		}
		cut(&bytes)
	}
}

fn cut(bytes: &[u8]) -> BytesHash<HASH_BYTES> {
	let mut hash = [0; HASH_BYTES];
	for (place, byte) in hash.iter_mut().zip(keccak_256(bytes)) {
		*place = byte;
	}
	BytesHash(hash)
}

/// What the transcript's sponge is made of: the state becomes the words of H(state), H(H(state)) and so on, those
/// that are below p.
#[derive(Debug, Copy, Clone, Default, Eq, PartialEq)]
pub struct KeccakPermutation {
	state: [F; WIDTH],
}

impl AsRef<[F]> for KeccakPermutation {
	fn as_ref(&self) -> &[F] {
		&self.state
	}
}

impl PlonkyPermutation<F> for KeccakPermutation {
	const RATE: usize = RATE;
	const WIDTH: usize = WIDTH;

	fn new<I: IntoIterator<Item = F>>(elements: I) -> Self {
		let mut permutation = Self::default();
		permutation.set_from_iter(elements, 0);
		permutation
	}

	fn set_elt(&mut self, element: F, index: usize) {
		self.set_from_iter([element], index);
	}

	fn set_from_slice(&mut self, elements: &[F], start: usize) {
		self.set_from_iter(elements.iter().copied(), start);
	}

	fn set_from_iter<I: IntoIterator<Item = F>>(&mut self, elements: I, start: usize) {
		for (place, element) in self.state.iter_mut().skip(start).zip(elements) {
			*place = element;
		}
	}

	fn permute(&mut self) {
		let mut bytes = [0; 8 * WIDTH];
		for (place, element) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(self.state) {
			*place = element.to_canonical_u64().to_le_bytes();
		}
		let mut hash = keccak_256(&bytes);
		let mut places = self.state.iter_mut();
		loop {
			for word in hash.as_chunks::<8>().0 {
				let word = u64::from_le_bytes(*word);
				if word < F::ORDER {
					let Some(place) = places.next() else { return };
					*place = F::from_canonical_u64(word);
				}
			}
			if places.len() == 0 {
				return;
			}
			hash = keccak_256(&hash);
		}
	}

	fn squeeze(&self) -> &[F] {
		self.state.split_at(RATE).0
	}
}

#[cfg(substrate_runtime)]
fn keccak_256(bytes: &[u8]) -> [u8; 32] {
	sp_io::hashing::keccak_256(bytes)
}

#[cfg(not(substrate_runtime))]
fn keccak_256(bytes: &[u8]) -> [u8; 32] {
	use tiny_keccak::Hasher as _;
	let mut keccak = tiny_keccak::Keccak::v256();
	keccak.update(bytes);
	let mut hash = [0; 32];
	keccak.finalize(&mut hash);
	hash
}

#[cfg(test)]
mod tests {
	use plonky2::{
		field::types::Sample,
		hash::keccak::{KeccakHash, KeccakPermutation as TheirPermutation},
	};

	use super::*;

	type Theirs = KeccakHash<HASH_BYTES>;

	#[test]
	fn keccak_should_be_plonky2s() {
		for len in [1, 3, 4, 5, 16, 17, 20, 135, 300] {
			let input = F::rand_vec(len);
			assert_eq!(
				Keccak::hash_no_pad(&input),
				<Theirs as Hasher<F>>::hash_no_pad(&input)
			);
			assert_eq!(
				Keccak::hash_or_noop(&input),
				<Theirs as Hasher<F>>::hash_or_noop(&input)
			);
		}
		let [left, right] = [1, 2].map(|_| Keccak::hash_no_pad(&F::rand_vec(5)));
		assert_eq!(
			Keccak::two_to_one(left, right),
			<Theirs as Hasher<F>>::two_to_one(left, right)
		);
	}

	#[test]
	fn permutation_should_be_plonky2s() {
		let mut ours = KeccakPermutation::new(F::rand_vec(20));
		let mut theirs = TheirPermutation::new(ours.as_ref().iter().copied());
		for round in 0..100 {
			ours.permute();
			theirs.permute();
			assert_eq!(ours.as_ref(), theirs.as_ref());
			assert_eq!(ours.squeeze(), theirs.squeeze());
			let elements = F::rand_vec(round % 5);
			ours.set_from_slice(&elements, round % 12);
			theirs.set_from_slice(&elements[..elements.len().min(12 - round % 12)], round % 12);
			ours.set_elt(F::TWO, 11);
			theirs.set_elt(F::TWO, 11);
		}
	}
}
