//! Neural networks from ONNX files: read, evaluated, quantised to the integers that Lemma proves.
//!
//! - [`onnx`]: the file, and what it computes in floating point
//! - [`graph`]: the network as layers with float weights; `import` makes them of nodes, whose `attributes` it reads
//! - [`mod@quantise`]: from float weights to integers
//! - [`samples`]: inputs and labels from .npy files
//!
//! [`Imported`] does all of it. `docs/use/models.md` states the rules and what is not supported.
#![deny(missing_docs)]

mod attributes;
pub mod graph;
mod import;
pub mod onnx;
pub mod quantise;
pub mod samples;
#[cfg(test)]
mod tests;

use std::{fmt, path::Path};

use lemma_zk_circuits::programs::infer::model::ModelError;

pub use quantise::{Options, Quantised};
pub use samples::{Integers, Samples};

/// Why there is no quantised model.
#[derive(Debug, thiserror::Error)]
pub enum Error {
	/// A file is not what it should be.
	#[error("{path}: {reason}")]
	File {
		/// The file.
		path: String,
		/// What is wrong with it.
		reason: String,
	},
	/// Nodes of the network are not provable.
	#[error("Lemma does not prove this network as it is:{}", list(.0))]
	Unsupported(Vec<Unsupported>),
	/// The samples are not the network's.
	#[error("{0}")]
	Samples(String),
	/// A layer has no good integers.
	#[error("node `{node}`: {reason}")]
	Layer {
		/// The node.
		node: String,
		/// Why.
		reason: String,
	},
	/// The integers are no model.
	#[error(transparent)]
	Model(#[from] ModelError),
}

/// A node that is not supported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
	/// Its name, or its output's where it has none.
	pub node: String,
	/// Its operator.
	pub operator: String,
	/// What exactly is not supported.
	pub reason: String,
}

impl fmt::Display for Unsupported {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(
			f,
			"node `{}` ({}): {}",
			self.node, self.operator, self.reason
		)
	}
}

fn list(nodes: &[Unsupported]) -> String {
	nodes.iter().map(|node| format!("\n  {node}")).collect()
}

/// An ONNX file's network, all of whose nodes are supported.
pub struct Imported {
	network: onnx::Network,
	graph: graph::Graph,
}

/// How many samples are classified right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accuracy {
	/// Samples.
	pub samples: usize,
	/// Right by the network in floating point, as tract evaluates it.
	pub float: usize,
	/// Right by the quantised model.
	pub quantised: usize,
	/// Samples of which both say the same, right or not.
	pub agreeing: usize,
	/// Values of the samples that lay outside int8, and were clipped for the quantised model.
	pub clipped: usize,
}

impl Imported {
	/// Reads an ONNX file.
	pub fn read(path: &Path) -> Result<Self, Error> {
		let network = onnx::Network::read(path)?;
		let graph = graph::Graph::import(&network)?;
		Ok(Self { network, graph })
	}

	/// Elements of a sample.
	pub fn elements(&self) -> usize {
		// Checked when it was read.
		self.network.shape().iter().product()
	}

	/// Quantises the network, with the ranges that the samples show.
	pub fn quantise(&self, samples: &Samples, options: &Options) -> Result<Quantised, Error> {
		let ranges = self.graph.ranges(&self.network, samples)?;
		quantise::quantise(&self.graph, &ranges, samples, options)
	}

	/// Compares the network with its quantised model. `labels` has one place of the output for each sample. Samples of int8
	/// are the quantised model's own integers ([`Integers::of`]), and the real numbers for which they stand are what the
	/// other one gets.
	pub fn accuracy(
		&self,
		quantised: &Quantised,
		samples: &Samples,
		labels: &[usize],
	) -> Result<Accuracy, Error> {
		if labels.len() != samples.rows {
			return Err(Error::Samples(format!(
				"there are {} labels for {} samples",
				labels.len(),
				samples.rows
			)));
		}
		let real = samples.real(quantised.input_scale);
		let scores = self.graph.scores(&self.network, &real)?;
		let float: Vec<_> = scores.iter().map(|scores| largest(scores)).collect();
		let integers = quantised.classes(samples)?;
		let right = |classes: &[usize]| classes.iter().zip(labels).filter(|(a, b)| a == b).count();
		Ok(Accuracy {
			samples: samples.rows,
			float: right(&float),
			quantised: right(&integers),
			agreeing: float.iter().zip(&integers).filter(|(a, b)| a == b).count(),
			clipped: Integers::of(samples, quantised.input_scale).clipped,
		})
	}
}

/// Place of the largest value, the first of equals; there is no NaN among them.
fn largest<T: PartialOrd + Copy>(values: &[T]) -> usize {
	let mut at = 0;
	for (place, value) in values.iter().enumerate() {
		if *value > values[at] {
			at = place;
		}
	}
	at
}
