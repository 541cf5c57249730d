//! The commitment to a job's data set and weights.
//!
//! A batch is a leaf of a Poseidon Merkle tree with 2^12 leaves: the hash of its samples, each its features and then, for each
//! class, 1 if it is the sample's and -1 if not. Leaves beyond the last batch are zero. The weights are one hash.

use lemma_zk_statement::{hash_to_bytes, matrix_commitment, F};
use plonky2::{
	field::types::Field,
	hash::{hash_types::HashOut, poseidon::PoseidonHash},
	plonk::config::Hasher,
};
use rayon::prelude::*;

use super::{
	blob::Training,
	network::{Network, MAX_BATCHES_LOG},
};

/// First element of what the weights' hash is of; their number is the second.
pub const WEIGHTS_TAG: u64 = u64::from_le_bytes(*b"lemma-t\0");

/// One batch as the circuit has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Samples {
	/// Features of each sample.
	pub features: Vec<F>,
	/// For each sample and class, 1 or -1.
	pub signs: Vec<F>,
}

impl Samples {
	fn new(network: &Network, features: &[i8], labels: &[u8]) -> Self {
		let signs = labels.iter().flat_map(|label| {
			let of = move |class| {
				if class == usize::from(*label) {
					F::ONE
				} else {
					F::NEG_ONE
				}
			};
			(0..network.classes()).map(of)
		});
		Self {
			features: features
				.iter()
				.map(|f| F::from_noncanonical_i64((*f).into()))
				.collect(),
			signs: signs.collect(),
		}
	}

	/// What the leaf is the hash of.
	pub fn elements(&self, network: &Network) -> Vec<F> {
		let features = self.features.chunks_exact(network.features());
		let signs = self.signs.chunks_exact(network.classes());
		features
			.zip(signs)
			.flat_map(|(features, signs)| [features, signs].concat())
			.collect()
	}
}

/// Hash of weights.
pub fn hash_weights(weights: &[F]) -> HashOut<F> {
	let header = [WEIGHTS_TAG, weights.len() as u64].map(F::from_canonical_u64);
	PoseidonHash::hash_no_pad(&[&header, weights].concat())
}

fn elements(weights: &[i32]) -> Vec<F> {
	let of = |weight: &i32| F::from_noncanonical_i64((*weight).into());
	weights.iter().map(of).collect()
}

/// The commitment to weights, as bytes.
pub fn commit_weights(weights: &[i32]) -> [u8; 32] {
	hash_to_bytes(hash_weights(&elements(weights)).elements)
}

/// The elements of a commitment's shape.
pub fn shape(training: &Training) -> Vec<F> {
	let widths = training.network.widths();
	let numbers = ([training.steps, widths.len()].into_iter())
		.chain(widths.iter().copied())
		.chain([training.batches(), training.first])
		.chain(training.rates.iter().map(|rate| *rate as usize));
	numbers.map(F::from_canonical_usize).collect()
}

/// A job's input, committed to, with what it takes to open it.
pub struct CommittedTraining {
	/// All batches, in order.
	pub batches: Vec<Samples>,
	/// The tree's hashes, level by level from the leaves on; what stands to the right of each level's last is of zero leaves.
	levels: Vec<Vec<HashOut<F>>>,
	/// The weights to begin with.
	pub weights: Vec<F>,
	/// The input's commitment.
	pub commitment: [u8; 32],
}

impl CommittedTraining {
	/// Commits.
	pub fn new(training: &Training) -> Self {
		let network = &training.network;
		let batches: Vec<Samples> = (training.ordered().par_iter())
			.map(|(features, labels)| Samples::new(network, features, labels))
			.collect();
		let leaves: Vec<HashOut<F>> = (batches.par_iter())
			.map(|batch| PoseidonHash::hash_no_pad(&batch.elements(network)))
			.collect();
		let mut levels = vec![leaves];
		let mut missing = HashOut::ZERO;
		for level in 0..MAX_BATCHES_LOG {
			let above = levels[level].chunks(2).map(|pair| {
				PoseidonHash::two_to_one(pair[0], pair.get(1).copied().unwrap_or(missing))
			});
			let above = above.collect();
			missing = PoseidonHash::two_to_one(missing, missing);
			levels.push(above);
		}
		let weights = elements(&training.weights);
		let hashes = [levels[MAX_BATCHES_LOG][0], hash_weights(&weights)];
		Self {
			commitment: matrix_commitment(&shape(training), &hashes),
			batches,
			levels,
			weights,
		}
	}

	/// The tree's root.
	pub fn root(&self) -> HashOut<F> {
		self.levels[MAX_BATCHES_LOG][0]
	}

	/// The hashes beside the way from a batch's leaf to the root.
	pub fn path(&self, batch: usize) -> Vec<HashOut<F>> {
		let mut missing = HashOut::ZERO;
		let mut path = Vec::with_capacity(MAX_BATCHES_LOG);
		for (level, hashes) in self.levels.iter().take(MAX_BATCHES_LOG).enumerate() {
			path.push(hashes.get((batch >> level) ^ 1).copied().unwrap_or(missing));
			missing = PoseidonHash::two_to_one(missing, missing);
		}
		path
	}
}
