//! The network as layers with float weights, and what they make of samples.

use std::slice;

use lemma_zk_circuits::programs::infer::model::{Shape, Window, MAX_ELEMENTS};

use crate::{import, onnx::Network, Error, Samples};

/// A network. Value 0 is a sample, value i + 1 what node i makes of earlier ones; the last is the output.
pub struct Graph {
	/// Name of the input's tensor.
	pub input: String,
	/// A sample's dimensions.
	pub shape: Vec<usize>,
	/// The layers in order.
	pub nodes: Vec<Node>,
	/// What was left out that changes the output's values, for people.
	pub notes: Vec<String>,
	/// Elements of all windows over one sample, of the linear layer that has most: whoever evaluates it may gather them.
	pub gathered: usize,
}

/// A layer.
pub struct Node {
	/// Name of the (first) ONNX node that it is.
	pub name: String,
	/// Name of the ONNX tensor that it makes.
	pub tensor: String,
	/// The values that it reads.
	pub inputs: Vec<usize>,
	/// What it does.
	pub op: Op,
	/// Dimensions of what it makes of one sample.
	pub shape: Vec<usize>,
}

impl Node {
	fn not_finite(&self) -> Error {
		Error::Layer {
			node: self.name.clone(),
			reason: "it makes values that are no finite numbers of these samples: are they such as it was trained with?".into(),
		}
	}
}

/// What a layer does.
pub enum Op {
	/// Weights and biases, row by row as in the quantised model.
	Linear {
		/// Weights.
		weights: Vec<f64>,
		/// One for each output channel.
		bias: Vec<f64>,
		/// Window and groups of a convolution.
		conv: Option<(Window, usize)>,
	},
	/// The sum of two values.
	Add,
	/// max(0, x).
	Relu,
	/// The largest in a window.
	MaxPool(Window),
	/// The average over a window, padding included as zero.
	AveragePool(Window),
	/// The average over each channel.
	GlobalAveragePool,
	/// The same elements in the same order.
	Reshape,
	/// Place of the largest.
	ArgMax,
}

/// Least and greatest of a value's elements over samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
	/// The least.
	pub low: f64,
	/// The greatest.
	pub high: f64,
}

impl Range {
	const EMPTY: Self = Self {
		low: f64::INFINITY,
		high: f64::NEG_INFINITY,
	};

	/// Takes a value in; false if it is no finite number.
	fn include(&mut self, value: f32) -> bool {
		self.low = self.low.min(f64::from(value));
		self.high = self.high.max(f64::from(value));
		value.is_finite()
	}
}

impl Graph {
	/// Reads the network's layers; names every node that is not supported.
	pub fn import(network: &Network) -> Result<Self, Error> {
		import::import(network)
	}

	/// Dimensions of a value.
	pub fn dimensions(&self, value: usize) -> &[usize] {
		match value.checked_sub(1) {
			Some(node) => &self.nodes[node].shape,
			None => &self.shape,
		}
	}

	/// How many layers read each value; the output is read once more.
	pub fn uses(&self) -> Vec<usize> {
		let mut uses = vec![0; self.nodes.len() + 1];
		for input in self.nodes.iter().flat_map(|node| &node.inputs) {
			uses[*input] += 1;
		}
		uses[self.nodes.len()] += 1;
		uses
	}

	/// The range of every value that is not a place, over samples.
	pub fn ranges(&self, network: &Network, samples: &Samples) -> Result<Vec<Range>, Error> {
		if samples.values.is_empty() {
			return Err(Error::Samples("there are no samples".into()));
		}
		let scored = self.scored();
		let mut ranges = vec![Range::EMPTY; scored.len() + 1];
		if !samples.values.iter().all(|value| ranges[0].include(*value)) {
			return Err(Error::Samples(
				"the samples have values that are no finite numbers".into(),
			));
		}
		network.evaluate(samples, scored, self.gathered, |outputs, _| {
			for ((range, values), node) in ranges[1..].iter_mut().zip(outputs).zip(scored) {
				if !values.iter().all(|value| range.include(*value)) {
					return Err(node.not_finite());
				}
			}
			Ok(())
		})?;
		Ok(ranges)
	}

	/// The output for every sample, in floating point; what an ArgMax or a Softmax at the end reads.
	pub fn scores(&self, network: &Network, samples: &Samples) -> Result<Vec<Vec<f32>>, Error> {
		let Some(last) = self.scored().last() else {
			let rows = (0..samples.rows).map(|row| samples.row(row).to_vec());
			return Ok(rows.collect());
		};
		let mut scores = Vec::new();
		network.evaluate(
			samples,
			slice::from_ref(last),
			self.gathered,
			|outputs, rows| {
				if !outputs[0].iter().all(|value| value.is_finite()) {
					return Err(last.not_finite());
				}
				let columns = outputs[0].len() / rows;
				scores.extend(outputs[0].chunks(columns).map(<[f32]>::to_vec));
				Ok(())
			},
		)?;
		Ok(scores)
	}

	/// The layers without an ArgMax at the end.
	fn scored(&self) -> &[Node] {
		match self.nodes.split_last() {
			Some((last, nodes)) if matches!(last.op, Op::ArgMax) => nodes,
			_ => &self.nodes,
		}
	}
}

/// Elements of a tensor of these dimensions; `None` if they are more than a value can have.
pub(crate) fn elements(dimensions: &[usize]) -> Option<usize> {
	let elements = dimensions
		.iter()
		.try_fold(1usize, |elements, side| elements.checked_mul(*side))?;
	(elements <= MAX_ELEMENTS).then_some(elements)
}

/// The shape that the quantised model has for these dimensions.
pub fn model_shape(dimensions: &[usize]) -> Result<Shape, String> {
	match *dimensions {
		[elements] => Ok(Shape::vector(elements)),
		[channels, height, width] => Ok(Shape::new(channels, height, width)),
		_ => Err(format!(
			"a sample's tensor of dimensions {dimensions:?}: supported are vectors, and channels of rows of columns"
		)),
	}
}
