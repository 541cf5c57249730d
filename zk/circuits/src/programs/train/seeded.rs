//! What a public seed determines: the order of the samples, and the weights to begin with.
//!
//! Rows are shuffled once and cut into batches; the rows left over when the last batch is full are not used. Step s
//! of a training takes batch s modulo the number of batches. So the order is fixed by the data set's commitment, which is made
//! of the rows in this order, and whoever runs the steps has no say in it.

use lemma_zk_statement::blake2_256;

use super::network::{Network, BIAS_INPUT, MAX_INITIAL_WEIGHT, SHIFT};

/// A random stream: block b, from 0 on, is blake2-256 of "lemma/train/", the purpose, the seed and b as u64, and has four words.
/// All little-endian.
fn words(purpose: &'static str, seed: [u8; 32]) -> impl FnMut() -> u64 {
	let mut block = [0; 32];
	let mut drawn = 0u64;
	move || {
		let place = (drawn % 4) as usize;
		if place == 0 {
			let number = (drawn / 4).to_le_bytes();
			block = blake2_256(&[b"lemma/train/", purpose.as_bytes(), &seed, &number].concat());
		}
		drawn += 1;
		u64::from_le_bytes(std::array::from_fn(|byte| block[8 * place + byte]))
	}
}

/// The number below `bound` that a word stands for.
fn below(bound: u64, word: u64) -> u64 {
	((u128::from(word) * u128::from(bound)) >> 64) as u64
}

/// The rows, in the order in which a training with this seed takes them: for i from `rows` - 1 down to 1, the row at i is swapped
/// with that at floor(w (i + 1) / 2^64), where w is the next word of the stream for "order" (Fisher and Yates).
pub fn order(seed: [u8; 32], rows: usize) -> Vec<usize> {
	let mut word = words("order", seed);
	let mut order: Vec<usize> = (0..rows).collect();
	for i in (1..rows).rev() {
		order.swap(i, below(i as u64 + 1, word()) as usize);
	}
	order
}

/// Weights to begin with, from the stream for "weights": uniform, so wide that sums are of the order of [`BIAS_INPUT`] if the
/// features' root mean square is `feature_size`; biases are zero. Only a proposal: a training begins with whatever weights it is given.
pub fn initial_weights(network: &Network, feature_size: u64, seed: [u8; 32]) -> Vec<i32> {
	let mut word = words("weights", seed);
	let one = BIAS_INPUT as u64;
	let mut weights = Vec::with_capacity(network.weights());
	for (layer, (inputs, outputs)) in network.layers().enumerate() {
		let size = if layer == 0 { feature_size.max(1) } else { one };
		// sqrt(3/2 / inputs): of variance 1/2 over all inputs.
		let width = ((3u64 << (2 * SHIFT - 1)) / inputs as u64).isqrt() * one / size;
		let width = width.min(MAX_INITIAL_WEIGHT as u64);
		weights.extend((0..inputs * outputs).map(|_| {
			let offset = below(2 * width + 1, word());
			(offset as i64 - width as i64) as i32
		}));
		weights.extend(std::iter::repeat_n(0, outputs));
	}
	weights
}
