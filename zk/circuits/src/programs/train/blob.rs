//! The input blob of a job, as it lies in a store: the data set, the weights to begin with, and which steps are to be done.
//!
//! | bytes | what |
//! | --- | --- |
//! | 0..8 | `lemma-t` and the format's version, 1 |
//! | 8..12 | number of widths, L + 1 |
//! | 4 each | the widths, from the features to the classes |
//! | 4 each | the rate of each of the L layers |
//! | 4 | steps to be done |
//! | 4 | the batch of the first of them |
//! | 4 | rows of the data set, N |
//! | 32 | seed of the samples' order |
//! | N * features | features, int8, row by row |
//! | N | labels, one byte each |
//! | 4 each | weights, int32, layer by layer, row by row: a row for each input, the last for the bias |
//!
//! All numbers are u32 unless said otherwise, and little-endian. Nothing follows.

use super::{
	network::{batches, Network, BATCH, MAX_BATCHES, MAX_CHANGE, MAX_INITIAL_WEIGHT, MAX_LAYERS},
	seeded::order,
};
use crate::program::InputError;

/// How a blob begins: a name and the format's version.
pub const MAGIC: [u8; 8] = *b"lemma-t\x01";

/// Some steps of a training.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Training {
	/// What is trained.
	pub network: Network,
	/// Each layer's rate.
	pub rates: Vec<u32>,
	/// Steps to be done.
	pub steps: usize,
	/// Batch of the first step.
	pub first: usize,
	/// Seed of the samples' order.
	pub seed: [u8; 32],
	/// Features of all samples, row by row.
	pub features: Vec<i8>,
	/// The class of each sample.
	pub labels: Vec<u8>,
	/// Weights to begin with.
	pub weights: Vec<i32>,
}

/// Reads a blob from its beginning.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
	fn bytes(&mut self, count: usize) -> Result<&'a [u8], InputError> {
		let Some((bytes, rest)) = self.0.split_at_checked(count) else {
			return Err(InputError(format!(
				"the blob ends where {count} bytes more should be: it was cut off"
			)));
		};
		self.0 = rest;
		Ok(bytes)
	}

	fn number(&mut self) -> Result<u32, InputError> {
		let bytes = self.bytes(4)?;
		Ok(bytes
			.iter()
			.rev()
			.fold(0, |number, byte| number << 8 | u32::from(*byte)))
	}

	fn numbers(&mut self, count: usize) -> Result<Vec<u32>, InputError> {
		(0..count).map(|_| self.number()).collect()
	}
}

impl Training {
	/// The blob.
	pub fn encode(&self) -> Vec<u8> {
		let widths = self.network.widths();
		// None is above 2^18: checked.
		let numbers = (std::iter::once(widths.len()).chain(widths.iter().copied()))
			.map(|width| width as u32)
			.chain(self.rates.iter().copied())
			.chain([self.steps, self.first, self.labels.len()].map(|number| number as u32));
		let mut blob = MAGIC.to_vec();
		blob.extend(numbers.flat_map(u32::to_le_bytes));
		blob.extend(self.seed);
		blob.extend(self.features.iter().map(|feature| *feature as u8));
		blob.extend(&self.labels);
		blob.extend(self.weights.iter().flat_map(|weight| weight.to_le_bytes()));
		blob
	}

	/// The training of a blob. Allocates a small multiple of the blob's length, and nothing for the data before its length is
	/// known to be right.
	pub fn decode(blob: &[u8]) -> Result<Self, InputError> {
		let mut reader = Reader(blob);
		if reader.bytes(MAGIC.len()).ok() != Some(&MAGIC) {
			return Err(InputError(
				"the blob does not begin as a training's (`lemma-t`, version 1): is it of another program, or of a newer \
				 Lemma?"
					.into(),
			));
		}
		let widths = reader.number()? as usize;
		if widths > MAX_LAYERS + 1 {
			return Err(InputError(format!(
				"the blob says {widths} widths, and a network has at most {}",
				MAX_LAYERS + 1
			)));
		}
		let widths = reader.numbers(widths)?;
		let network = Network::new(widths.into_iter().map(|width| width as usize).collect())?;
		let rates = reader.numbers(network.layers().len())?;
		let numbers = reader.numbers(3)?;
		let [steps, first, rows] = [numbers[0], numbers[1], numbers[2]].map(|n| n as usize);
		check_numbers(&network, &rates, steps, first, rows)?;
		let mut seed = [0; 32];
		seed.copy_from_slice(reader.bytes(32)?);
		let expected = rows * (network.features() + 1) + 4 * network.weights();
		if reader.0.len() != expected {
			return Err(InputError(format!(
				"the blob says {rows} samples for a network {}, which take {expected} bytes with its weights, but has {}: \
				 it was cut off or something was appended",
				network.name(),
				reader.0.len()
			)));
		}
		let features = reader.bytes(rows * network.features())?;
		let labels = reader.bytes(rows)?;
		let weights = reader.0.chunks_exact(4);
		let training = Self {
			features: features.iter().map(|feature| *feature as i8).collect(),
			labels: labels.to_vec(),
			weights: (weights
				.map(|bytes| i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])))
			.collect(),
			network,
			rates,
			steps,
			first,
			seed,
		};
		training.check()?;
		Ok(training)
	}

	/// Whether all is within the limits.
	pub fn check(&self) -> Result<(), InputError> {
		let (network, rows) = (&self.network, self.labels.len());
		check_numbers(network, &self.rates, self.steps, self.first, rows)?;
		for (name, found, expected) in [
			("rates", self.rates.len(), network.layers().len()),
			("features", self.features.len(), rows * network.features()),
			("weights", self.weights.len(), network.weights()),
		] {
			if found != expected {
				return Err(InputError(format!(
					"{rows} samples and a network {} take {expected} {name}, and {found} were given",
					network.name()
				)));
			}
		}
		let classes = network.classes();
		let too_large = |(_, label): &(usize, &u8)| usize::from(**label) >= classes;
		if let Some((row, label)) = self.labels.iter().enumerate().find(too_large) {
			return Err(InputError(format!(
				"sample {row} has the label {label}, and the network has {classes} classes: labels go from 0 to {}",
				classes - 1
			)));
		}
		let too_large = |weight: &&i32| i64::from(**weight).abs() > MAX_INITIAL_WEIGHT;
		if let Some(weight) = self.weights.iter().find(too_large) {
			return Err(InputError(format!(
				"a weight is {weight}, and its magnitude must be at most 2^28, so that training cannot overflow: scale the \
				 weights down"
			)));
		}
		Ok(())
	}

	/// Batches of the data set.
	pub fn batches(&self) -> usize {
		batches(self.labels.len())
	}

	/// All batches in the seed's order: features and labels of 32 samples each.
	pub fn ordered(&self) -> Vec<(Vec<i8>, Vec<u8>)> {
		let width = self.network.features();
		let order = order(self.seed, self.labels.len());
		let batch = |rows: &[usize]| {
			let features = rows
				.iter()
				.flat_map(|row| &self.features[width * row..width * (row + 1)]);
			let labels = rows.iter().map(|row| self.labels[*row]);
			(features.copied().collect(), labels.collect())
		};
		order.chunks_exact(BATCH).map(batch).collect()
	}

	/// The job that goes on where this one ends, from the weights that it yielded.
	pub fn next(&self, steps: usize, weights: Vec<i32>) -> Self {
		Self {
			first: (self.first + self.steps) % self.batches(),
			steps,
			weights,
			..self.clone()
		}
	}
}

fn check_numbers(
	network: &Network,
	rates: &[u32],
	steps: usize,
	first: usize,
	rows: usize,
) -> Result<(), InputError> {
	let batches = batches(rows);
	if !(1..=MAX_BATCHES).contains(&batches) {
		return Err(InputError(format!(
			"{rows} samples make {batches} batches of {BATCH}, and there must be 1 to {MAX_BATCHES}"
		)));
	}
	if first >= batches {
		return Err(InputError(format!(
			"the first step is to take batch {first}, and {rows} samples make {batches}, the first of which is 0"
		)));
	}
	for (layer, rate) in rates.iter().enumerate() {
		let change = network.largest_change(layer, steps, *rate);
		if !(1..=i128::from(MAX_CHANGE)).contains(&change) {
			return Err(InputError(format!(
				"{steps} steps at the rate {rate} of layer {layer} can change a weight by {change}: it must be at least 1 and \
				 at most 2^28, so that no sum can overflow"
			)));
		}
	}
	Ok(())
}
