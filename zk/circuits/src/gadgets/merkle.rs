//! plonky2's Merkle trees of Poseidon, built with [`super::poseidon`].

use plonky2::hash::{
	hash_types::{HashOut, NUM_HASH_OUT_ELTS},
	merkle_tree::{MerkleCap, MerkleTree},
	poseidon::PoseidonHash,
};
use rayon::prelude::*;

use super::poseidon::{hash_pairs, hash_rows, LANES};
use crate::F;

/// The tree over `leaves`, a power of two of them and all of one length, with a cap of 2^`cap_height` hashes: what
/// `MerkleTree::new` gives, in less than half the time.
pub fn merkle_tree(leaves: Vec<Vec<F>>, cap_height: usize) -> MerkleTree<F, PoseidonHash> {
	let cap_len = 1 << cap_height;
	// Leaves that are no longer than a hash are their own, and small trees are no matter.
	if leaves.len() <= cap_len * LANES || leaves[0].len() <= NUM_HASH_OUT_ELTS {
		return MerkleTree::new(leaves, cap_height);
	}
	let zero = HashOut {
		elements: [Default::default(); NUM_HASH_OUT_ELTS],
	};
	let mut digests = vec![zero; 2 * (leaves.len() - cap_len)];
	let subtree_len = digests.len() / cap_len;

	let mut layer: Vec<HashOut<F>> = leaves
		.as_chunks()
		.0
		.par_iter()
		.flat_map_iter(hash_rows)
		.collect();
	for height in 0.. {
		if layer.len() == cap_len {
			break;
		}
		// Each subtree's hashes lie together, in the order in which its nodes are visited from the left; see
		// `MerkleTree::digests`. Siblings are neighbours.
		let in_subtree = layer.len() / cap_len;
		digests
			.par_chunks_exact_mut(subtree_len)
			.zip(layer.par_chunks_exact(in_subtree))
			.for_each(|(digests, layer)| {
				for (pair, hashes) in layer.as_chunks::<2>().0.iter().enumerate() {
					let place = 2 * ((pair << (height + 1)) + (1 << height) - 1);
					digests[place..place + 2].copy_from_slice(hashes);
				}
			});
		// The cap has at least LANES hashes, or the layer above it is hashed in part for nothing.
		let pairs = layer.as_chunks::<2>().0;
		layer = pairs
			.par_chunks(LANES)
			.flat_map_iter(|pairs| {
				let padded =
					std::array::from_fn(|lane| pairs.get(lane).copied().unwrap_or([zero; 2]));
				hash_pairs(&padded).into_iter().take(pairs.len())
			})
			.collect();
	}
	MerkleTree {
		leaves,
		digests,
		cap: MerkleCap(layer),
	}
}

#[cfg(test)]
mod tests {
	use plonky2::field::types::Sample;

	use super::*;

	#[test]
	fn merkle_tree_should_be_plonky2s() {
		for (count_log, length, cap_height) in [
			(0, 9, 0),
			(4, 9, 4),
			(6, 8, 4),
			(7, 5, 4),
			(9, 4, 4),
			(9, 33, 4),
			(8, 20, 0),
			(8, 20, 1),
		] {
			let leaves: Vec<Vec<F>> = (0..1 << count_log).map(|_| F::rand_vec(length)).collect();
			let tree = merkle_tree(leaves.clone(), cap_height);
			assert!(
				tree == MerkleTree::new(leaves, cap_height),
				"{count_log} {length} {cap_height}"
			);
		}
	}
}
