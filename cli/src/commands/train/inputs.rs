//! What a training is made of: the files, and how its steps are divided into orders.

use std::path::Path;

use lemma_client::npy;
use lemma_zk_circuits::{
	program::InputError,
	programs::train::{
		blob::Training,
		class::Class,
		job::TrainJob,
		network::{batches, Network, BATCH, MAX_BATCHES},
		reference,
		seeded::initial_weights,
	},
};

use crate::{
	args::HeldOut,
	failure::{exit, Failure, Outcome},
};

/// Samples with their classes.
#[derive(Clone, Debug)]
pub struct Samples {
	/// Features, row by row.
	pub features: Vec<i8>,
	/// The class of each sample.
	pub labels: Vec<u8>,
}

/// How many samples weights are right about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accuracy {
	/// Samples whose class has the highest score.
	pub right: usize,
	/// All samples.
	pub samples: usize,
}

impl Accuracy {
	/// From 0 to 1.
	pub fn share(&self) -> f64 {
		self.right as f64 / self.samples as f64
	}
}

/// A failure for what is wrong with the input of a training.
pub fn bad_input(error: InputError) -> Failure {
	Failure::new(exit::USAGE, "bad_input", error.0)
}

fn mismatch(message: String) -> Failure {
	Failure::new(exit::USAGE, "shape_mismatch", message)
}

/// The network of these widths, if there are circuits for it.
pub fn network(widths: &[usize]) -> Outcome<Network> {
	let network = Network::new(widths.to_vec()).map_err(bad_input)?;
	if Class::all().any(|class| class.circuit.network == network) {
		return Ok(network);
	}
	let mut known: Vec<String> = Class::all()
		.map(|class| class.circuit.network.widths().to_vec())
		.map(|widths| list(&widths))
		.collect();
	known.dedup();
	Err(Failure::new(
		exit::USAGE,
		"bad_input",
		format!(
			"no circuit trains a network of the widths {}: there are circuits for {}",
			list(widths),
			known.join("; ")
		),
	))
}

/// Numbers as they are given on the command line.
pub fn list<T: ToString>(numbers: &[T]) -> String {
	let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
	numbers.join(",")
}

/// The steps of each order: as many as a circuit does at a time, and for what is left over circuits of fewer.
pub fn plan(network: &Network, steps: usize) -> Outcome<Vec<usize>> {
	let mut sizes: Vec<usize> = Class::all()
		.filter(|class| class.circuit.network == *network)
		.map(|class| class.circuit.steps)
		.collect();
	sizes.sort_unstable_by(|a, b| b.cmp(a));
	let mut plan = Vec::new();
	let mut left = steps;
	for size in &sizes {
		plan.extend(std::iter::repeat_n(*size, left / size));
		left %= size;
	}
	match left {
		0 => Ok(plan),
		_ => Err(Failure::usage(format!(
			"the circuits of a network {} do {} steps at a time, of which {steps} are no sum: choose other --steps",
			network.name(),
			list(&sizes)
		))),
	}
}

/// The rates that are given, or 2 for each layer and 1 for the last: with these, the digits are learned.
pub fn rates(network: &Network, given: &[u32]) -> Outcome<Vec<u32>> {
	let layers = network.layers().len();
	match given.len() {
		0 => Ok((1..=layers)
			.map(|layer| if layer < layers { 2 } else { 1 })
			.collect()),
		found if found == layers => Ok(given.to_vec()),
		found => Err(mismatch(format!(
			"--rates has {found} rates, and a network {} has {layers} layers: give a rate for each",
			network.name()
		))),
	}
}

impl Samples {
	/// Reads samples for a network.
	pub fn read(network: &Network, features: &Path, labels: &Path) -> Outcome<Self> {
		let (of, named) = (features.display(), labels.display());
		let matrix = npy::read::<i8>(features)?;
		let labels = npy::read_vector::<u8>(labels)?;
		if matrix.columns != network.features() {
			return Err(mismatch(format!(
				"{of} is {} x {}: {} features a sample, and a network {} takes {}; the first of --widths is the number \
				 of features",
				matrix.rows,
				matrix.columns,
				matrix.columns,
				network.name(),
				network.features()
			)));
		}
		if matrix.rows != labels.len() {
			return Err(mismatch(format!(
				"{of} has {} samples and {named} {} labels: there must be one for each sample",
				matrix.rows,
				labels.len()
			)));
		}
		let classes = network.classes();
		let too_large = |(_, label): &(usize, &u8)| usize::from(**label) >= classes;
		if let Some((row, label)) = labels.iter().enumerate().find(too_large) {
			return Err(Failure::new(
				exit::USAGE,
				"bad_input",
				format!(
					"{named} has the label {label} in row {row}, and a network {} has {classes} classes: labels go from 0 \
					 to {}; the last of --widths is the number of classes",
					network.name(),
					classes - 1
				),
			));
		}
		Ok(Self {
			features: matrix.values,
			labels,
		})
	}

	/// Reads samples that are to be trained on.
	pub fn read_to_train(network: &Network, features: &Path, labels: &Path) -> Outcome<Self> {
		let samples = Self::read(network, features, labels)?;
		let rows = samples.labels.len();
		if (1..=MAX_BATCHES).contains(&batches(rows)) {
			return Ok(samples);
		}
		Err(Failure::new(
			exit::USAGE,
			"bad_input",
			format!(
				"{} has {rows} samples, and a training takes {BATCH} to {}: each step takes {BATCH}, in a circuit that \
				 knows {MAX_BATCHES} such batches",
				features.display(),
				BATCH * (MAX_BATCHES + 1) - 1
			),
		))
	}

	/// Reads the samples that are held out, if there are any.
	pub fn read_held_out(network: &Network, files: &HeldOut) -> Outcome<Option<Self>> {
		match (&files.test_features, &files.test_labels) {
			(Some(features), Some(labels)) => Self::read(network, features, labels).map(Some),
			_ => Ok(None),
		}
	}

	/// How many of them `weights` are right about. Of classes with the same score the first counts.
	pub fn accuracy(&self, network: &Network, weights: &[i32]) -> Accuracy {
		let scores = reference::scores(network, weights, &self.features);
		let right = (scores.chunks(network.classes()).zip(&self.labels))
			.filter(|(scores, label)| {
				let best = (0..scores.len()).rev().max_by_key(|class| scores[*class]);
				best == Some(usize::from(**label))
			})
			.count();
		Accuracy {
			right,
			samples: self.labels.len(),
		}
	}

	/// Root mean square of the features: by it the weights to begin with are scaled.
	fn feature_size(&self) -> u64 {
		let squares = self
			.features
			.iter()
			.map(|feature| u64::from(feature.unsigned_abs()).pow(2));
		(squares.sum::<u64>() / (self.features.len() as u64).max(1)).isqrt()
	}
}

/// The weights to begin with: those of the file, or the seed's.
pub fn first_weights(
	network: &Network,
	samples: &Samples,
	seed: [u8; 32],
	file: Option<&Path>,
) -> Outcome<Vec<i32>> {
	match file {
		Some(path) => read_weights(network, path),
		None => Ok(initial_weights(network, samples.feature_size(), seed)),
	}
}

/// Reads weights of a network.
pub fn read_weights(network: &Network, path: &Path) -> Outcome<Vec<i32>> {
	let weights = npy::read_vector::<i32>(path)?;
	if weights.len() == network.weights() {
		return Ok(weights);
	}
	Err(mismatch(format!(
		"{} has {} weights, and a network {} has {}: a row for each input of a layer and one for its bias",
		path.display(),
		weights.len(),
		network.name(),
		network.weights()
	)))
}

/// The job of the first steps, with all that can be wrong with it checked.
pub fn first_job(
	network: &Network,
	rates: Vec<u32>,
	seed: [u8; 32],
	samples: Samples,
	weights: Vec<i32>,
	steps: usize,
) -> Outcome<TrainJob> {
	let training = Training {
		network: network.clone(),
		rates,
		steps,
		first: 0,
		seed,
		features: samples.features,
		labels: samples.labels,
		weights,
	};
	TrainJob::new(training).map_err(bad_input)
}

/// The job that follows one that yielded these weights.
pub fn next_job(job: &TrainJob, steps: usize, weights: Vec<i32>) -> Result<TrainJob, InputError> {
	TrainJob::new(job.training().next(steps, weights))
}

#[cfg(test)]
pub mod tests {
	use lemma_zk_circuits::{program::Job, programs::train::seeded::order};

	use super::*;

	/// The digits' network and some samples for it, of two batches and a rest.
	pub fn small() -> (Network, Samples) {
		let network = network(&[64, 32, 10]).expect("there are circuits");
		let mut state = 1u64;
		let mut next = |bound: u64| {
			state = state
				.wrapping_mul(6_364_136_223_846_793_005)
				.wrapping_add(1_442_695_040_888_963_407);
			(state >> 33) % bound
		};
		let rows = 70;
		let samples = Samples {
			features: (0..64 * rows).map(|_| next(49) as i8).collect(),
			labels: (0..rows).map(|_| next(10) as u8).collect(),
		};
		(network, samples)
	}

	/// The first job of the small training.
	pub fn small_job(steps: usize) -> TrainJob {
		let (network, samples) = small();
		let weights = first_weights(&network, &samples, [3; 32], None).expect("the seed's");
		let rates = rates(&network, &[]).expect("the default");
		first_job(&network, rates, [3; 32], samples, weights, steps).expect("a job")
	}

	/// The commitments of all jobs of the small training, in order.
	fn commitments(steps: usize) -> Vec<[u8; 32]> {
		let (network, _) = small();
		let plan = plan(&network, steps).expect("a plan");
		let mut job = small_job(plan[0]);
		let mut commitments = vec![job.commitment()];
		for steps in &plan[1..] {
			let (weights, _) = reference::train(job.training());
			job = next_job(&job, *steps, weights).expect("a job");
			commitments.push(job.commitment());
		}
		commitments
	}

	#[test]
	fn steps_should_be_divided_into_tens_and_ones() {
		let (network, _) = small();
		assert_eq!(plan(&network, 1).expect("a plan"), [1]);
		assert_eq!(plan(&network, 10).expect("a plan"), [10]);
		assert_eq!(plan(&network, 23).expect("a plan"), [10, 10, 1, 1, 1]);
		let plan = plan(&network, 119).expect("a plan");
		assert_eq!((plan.len(), plan.iter().sum::<usize>()), (20, 119));
	}

	#[test]
	fn a_training_divided_into_orders_should_be_the_same_training() {
		let (network, _) = small();
		let mut job = small_job(10);
		let samples = job.training().ordered();
		assert_eq!(samples.len(), 2, "it goes through the data more than once");
		let mut weights: Vec<i64> = job.training().weights.iter().map(|w| (*w).into()).collect();
		for step in 0..13 {
			let (features, labels) = &samples[step % 2];
			let batch = reference::Batch { features, labels };
			reference::step(&network, &[2, 1], &mut weights, batch);
		}
		for steps in [1, 1, 1] {
			let (yielded, _) = reference::train(job.training());
			job = next_job(&job, steps, yielded).expect("a job");
		}
		let (yielded, _) = reference::train(job.training());
		let yielded: Vec<i64> = yielded.into_iter().map(i64::from).collect();
		assert_eq!(yielded, weights);
	}

	#[test]
	fn a_training_run_again_should_ask_for_the_same_orders_and_a_longer_one_for_more() {
		let first = commitments(23);
		assert_eq!(first, commitments(23), "what the ledger finds again");
		let mut different = first.clone();
		different.sort_unstable();
		different.dedup();
		assert_eq!(different.len(), 5, "no two orders are for the same");
		let longer = commitments(31);
		assert_eq!(first[..2], longer[..2], "it goes on");
		assert_ne!(first[2], longer[2], "one step, and ten");
	}

	#[test]
	fn accuracy_should_count_the_highest_score_and_of_equal_ones_the_first() {
		let network = Network::new(vec![1, 3]).expect("a network");
		let samples = Samples {
			features: vec![1, 1, 1, -1],
			labels: vec![0, 1, 2, 2],
		};
		// Scores of 1: 5, 5, -1; of -1: -5, -5, 1.
		let accuracy = samples.accuracy(&network, &[5, 5, -1, 0, 0, 0]);
		assert_eq!((accuracy.right, accuracy.samples), (2, 4));
		assert_eq!(accuracy.share(), 0.5);
	}

	#[test]
	fn weights_to_begin_with_should_be_the_seeds_and_the_order_too() {
		let (network, samples) = small();
		let of = |seed| first_weights(&network, &samples, seed, None).expect("the seed's");
		assert_eq!(of([1; 32]), of([1; 32]));
		assert_ne!(of([1; 32]), of([2; 32]));
		assert_ne!(order([1; 32], 70), order([2; 32], 70));
	}

	#[test]
	fn networks_without_a_circuit_should_be_refused_with_those_that_have_one() {
		let failure = network(&[64, 16, 10]).expect_err("none");
		assert_eq!(failure.exit, exit::USAGE);
		assert!(
			failure.message.contains("64,16,10") && failure.message.contains("64,32,10"),
			"{}",
			failure.message
		);
		assert!(network(&[64]).is_err());
		assert!(network(&[64, 0, 10]).is_err());
	}

	#[test]
	fn rates_should_be_one_for_each_layer() {
		let (network, _) = small();
		assert_eq!(rates(&network, &[]).expect("the default"), [2, 1]);
		assert_eq!(rates(&network, &[3, 4]).expect("as given"), [3, 4]);
		assert!(rates(&network, &[3]).is_err());
	}
}
