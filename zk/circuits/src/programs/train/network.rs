//! The network and the rule by which it learns: every constant of the arithmetic, and the bounds that follow.

use crate::program::InputError;

/// Samples of one step.
pub const BATCH: usize = 32;
/// Scale of a weight, log2: the weight w stands for w / 2^20. Sums are brought back to the scale of activations by as many bits.
pub const SHIFT: u32 = 20;
/// What each layer has as one more input, whose weights are the biases. An activation of this stands for one.
pub const BIAS_INPUT: i64 = 64;
/// A score is to be at least this for the class that a sample has, at most its negative for the others.
pub const MARGIN: i64 = 64;
/// Largest activation and largest error of a score; the least is 0.
pub const MAX_ACTIVATION: i64 = 255;
/// Added to a hidden layer's error before it is cut to 0..=255 and taken off after: it is cut to -128..=127.
pub const ERROR_OFFSET: i64 = 128;
/// Bound on the magnitude of the weights that a job begins with.
pub const MAX_INITIAL_WEIGHT: i64 = 1 << 28;
/// Bound on what a job can change a weight by.
pub const MAX_CHANGE: i64 = 1 << 28;
/// Most inputs and outputs of a layer. So a sum has a magnitude of at most 2^29 * (1024 * 255 + 64), and with all that is added to
/// it before it is rounded one below 2^47.
pub const MAX_WIDTH: usize = 1024;
/// Most layers.
pub const MAX_LAYERS: usize = 8;

/// log2 of the most batches of a data set.
pub const MAX_BATCHES_LOG: usize = 12;
/// Most batches of a data set.
pub const MAX_BATCHES: usize = 1 << MAX_BATCHES_LOG;

/// Whole batches of a data set: what is left over is not used.
pub const fn batches(rows: usize) -> usize {
	rows / BATCH
}

/// A multi-layer perceptron: widths from the features to the classes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Network {
	widths: Vec<usize>,
}

impl Network {
	/// Checks the widths: two to nine, each from 1 to 1024.
	pub fn new(widths: Vec<usize>) -> Result<Self, InputError> {
		if !(2..=MAX_LAYERS + 1).contains(&widths.len()) {
			return Err(InputError(format!(
				"a network has 1 to {MAX_LAYERS} layers, and {} widths make none: give the features, each hidden \
				 layer and the classes",
				widths.len()
			)));
		}
		if let Some(width) = widths
			.iter()
			.find(|width| !(1..=MAX_WIDTH).contains(*width))
		{
			return Err(InputError(format!(
				"a layer has {width} values, and it must have 1 to {MAX_WIDTH}"
			)));
		}
		Ok(Self { widths })
	}

	/// All widths.
	pub fn widths(&self) -> &[usize] {
		&self.widths
	}

	/// Features of a sample.
	pub fn features(&self) -> usize {
		self.widths[0]
	}

	/// Classes to tell apart: at least one, as a network has at least two widths.
	pub fn classes(&self) -> usize {
		self.widths[self.widths.len() - 1]
	}

	/// Each layer's inputs, the bias not counted, and outputs.
	pub fn layers(
		&self,
	) -> impl DoubleEndedIterator<Item = (usize, usize)> + ExactSizeIterator + '_ {
		self.widths.windows(2).map(|pair| (pair[0], pair[1]))
	}

	/// Number of weights, biases included.
	pub fn weights(&self) -> usize {
		self.layers()
			.map(|(inputs, outputs)| (inputs + 1) * outputs)
			.sum()
	}

	/// What a job can change a weight of a layer by at most: every sample's input and error are extreme.
	pub fn largest_change(&self, layer: usize, steps: usize, rate: u32) -> i128 {
		let input = if layer == 0 { 128 } else { MAX_ACTIVATION };
		let is_last = layer + 1 == self.layers().len();
		let error = if is_last {
			MAX_ACTIVATION
		} else {
			ERROR_OFFSET
		};
		steps as i128 * i128::from(rate) * BATCH as i128 * i128::from(input * error)
	}

	/// Such as `64-32-10`.
	pub fn name(&self) -> String {
		let widths: Vec<String> = self.widths.iter().map(usize::to_string).collect();
		widths.join("-")
	}
}
