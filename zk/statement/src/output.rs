//! The root of an output: a Merkle tree over its chunks, so that a large output can be posted in pieces
//! and each piece be checked by itself.

use alloc::vec::Vec;

/// Length of every chunk of an output but the last, bytes.
pub const CHUNK_BYTES: usize = 4096;

/// Tags keep leaves, inner nodes and roots apart.
const LEAF_TAG: &[u8] = b"lemma/output/leaf";
const NODE_TAG: &[u8] = b"lemma/output/node";
const ROOT_TAG: &[u8] = b"lemma/output/root";

/// Root of the output's chunk tree, for a hash such as blake2-256.
///
/// With `||` for concatenation, numbers little-endian and chunks of [`CHUNK_BYTES`] (the last may be
/// shorter; an empty output has one empty chunk):
///
/// - leaf i = hash("lemma/output/leaf" || i as u64 || length of chunk i as u32 || chunk i)
/// - node = hash("lemma/output/node" || left || right); the last node of a level of odd length moves up
///   as it is
/// - root = hash("lemma/output/root" || length of the output as u64 || top node)
///
/// The length fixes the shape of the tree and the leaves carry their places, so two different outputs
/// with one root are a collision of the hash.
pub fn output_root(hash: impl Fn(&[u8]) -> [u8; 32], output: &[u8]) -> [u8; 32] {
	let mut buffer = Vec::with_capacity(LEAF_TAG.len().saturating_add(12 + CHUNK_BYTES));
	let mut leaf = |index: usize, chunk: &[u8]| {
		buffer.clear();
		buffer.extend_from_slice(LEAF_TAG);
		buffer.extend_from_slice(&(index as u64).to_le_bytes());
		buffer.extend_from_slice(&(chunk.len() as u32).to_le_bytes());
		buffer.extend_from_slice(chunk);
		hash(&buffer)
	};
	let mut top = leaf(0, output.get(..CHUNK_BYTES).unwrap_or(output));
	let mut level: Vec<[u8; 32]> = Vec::new();
	if output.len() > CHUNK_BYTES {
		level = output
			.chunks(CHUNK_BYTES)
			.enumerate()
			.map(|(i, chunk)| leaf(i, chunk))
			.collect();
	}
	while level.len() > 1 {
		level = level
			.chunks(2)
			.map(|pair| match pair {
				[left, right] => hash(&[NODE_TAG, left, right].concat()),
				rest => rest.first().copied().unwrap_or_default(),
			})
			.collect();
		top = level.first().copied().unwrap_or(top);
	}
	hash(&[ROOT_TAG, &(output.len() as u64).to_le_bytes(), &top].concat())
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::blake2_256;

	fn root(output: &[u8]) -> [u8; 32] {
		output_root(blake2_256, output)
	}

	fn leaf(index: u64, chunk: &[u8]) -> [u8; 32] {
		blake2_256(
			&[
				LEAF_TAG,
				&index.to_le_bytes(),
				&(chunk.len() as u32).to_le_bytes(),
				chunk,
			]
			.concat(),
		)
	}

	fn node(left: [u8; 32], right: [u8; 32]) -> [u8; 32] {
		blake2_256(&[NODE_TAG, &left[..], &right[..]].concat())
	}

	fn sealed(len: u64, top: [u8; 32]) -> [u8; 32] {
		blake2_256(&[ROOT_TAG, &len.to_le_bytes(), &top[..]].concat())
	}

	fn bytes(len: usize) -> Vec<u8> {
		(0..len).map(|i| (i * 7 + i / 256) as u8).collect()
	}

	#[test]
	fn output_root_should_follow_the_specified_tree() {
		assert_eq!(root(&[]), sealed(0, leaf(0, &[])));
		for len in [1, 4, 4095, 4096] {
			assert_eq!(root(&bytes(len)), sealed(len as u64, leaf(0, &bytes(len))));
		}
		let five = bytes(4 * 4096 + 9);
		let l: Vec<_> = five
			.chunks(4096)
			.enumerate()
			.map(|(i, c)| leaf(i as u64, c))
			.collect();
		let top = node(node(node(l[0], l[1]), node(l[2], l[3])), l[4]);
		assert_eq!(root(&five), sealed(five.len() as u64, top));
	}

	#[test]
	fn output_root_should_have_known_answers() {
		for (len, known) in [
			(
				4,
				"26635d0443faa6cc19967d1dfa2f338b85a65c7832cc63d8db3612e15867fdc5",
			),
			(
				10_000,
				"c266c2a200392a7d6aaf2e3448b5427aef6516db064eab480bfca792e35f52e8",
			),
		] {
			assert_eq!(hex::encode(root(&bytes(len))), known);
		}
	}

	#[test]
	fn output_root_should_change_with_any_byte_length_or_order_of_chunks() {
		let output = bytes(3 * 4096);
		let honest = root(&output);
		for place in [0, 4095, 4096, 2 * 4096 + 17, 3 * 4096 - 1] {
			let mut changed = output.clone();
			changed[place] ^= 1;
			assert_ne!(root(&changed), honest);
		}
		assert_ne!(root(&output[..output.len() - 1]), honest);
		assert_ne!(root(&[&output[..], &[0]].concat()), honest);
		assert_ne!(root(&[&output[4096..], &output[..4096]].concat()), honest);
	}
}
