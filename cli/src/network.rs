//! A neural network as this client holds it: the bundle, what was noted when it was made, and how samples become batches.

use std::{
	ops::Range,
	path::{Path, PathBuf},
	sync::Arc,
};

use lemma_client::{blake2_256, npy::write_atomically, H256};
use lemma_model::{samples::mismatch, Integers, Quantised};
use lemma_zk_circuits::programs::infer::{
	circuit::InferCircuit, encoding::encode_input, model::Op, Bundle, Infer, Model,
};
use serde::{Deserialize, Serialize};

use crate::{
	failure::{exit, file_failure, Failure, Outcome},
	input, views,
};

/// How the notes beside a bundle begin.
const NOTES_FORMAT: &str = "lemma-model-1";

/// What is known of a network besides its integers. It lies beside the bundle, and proves nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Notes {
	format: String,
	/// blake2-256 of the bundle.
	bundle: String,
	/// What a unit of a sample's integers stands for, in decimal: read back, it is the same number.
	input_scale: String,
	/// What a unit of the output's integers stands for; none for places.
	output_scale: Option<String>,
	/// ONNX nodes of the layers, in order.
	pub layers: Vec<String>,
}

/// A network and its programs.
pub struct Network {
	/// The file.
	pub path: PathBuf,
	/// The integers, and the batch sizes in use.
	pub bundle: Bundle,
	/// The file's bytes.
	pub bytes: Vec<u8>,
	/// What was noted when it was made, if that is there.
	pub notes: Option<Notes>,
}

/// One order's samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
	/// Which of all samples.
	pub samples: Range<usize>,
	/// How many the program takes; zeros stand for those that are missing.
	pub size: usize,
}

/// One of a network's programs.
pub struct Circuit {
	/// Samples of a job.
	pub batch: usize,
	/// Rows of the circuit.
	pub rows: usize,
	/// The program's id.
	pub id: H256,
}

fn wrong(path: &Path, reason: impl std::fmt::Display) -> Failure {
	Failure::new(
		exit::USAGE,
		"bad_bundle",
		format!("{}: {reason}", path.display()),
	)
}

/// What the crate of models says, as this command does.
pub fn model_failure(error: &lemma_model::Error) -> Failure {
	let code = match error {
		lemma_model::Error::File { .. } => "bad_file",
		lemma_model::Error::Samples(_) => "bad_samples",
		_ => "bad_model",
	};
	Failure::new(exit::USAGE, code, error.to_string())
}

impl Notes {
	/// Of a network that was just made.
	pub fn new(bundle: &[u8], quantised: &Quantised) -> Self {
		Self {
			format: NOTES_FORMAT.into(),
			bundle: views::hash(&blake2_256(bundle)),
			input_scale: quantised.input_scale.to_string(),
			output_scale: quantised.output_scale.map(|scale| scale.to_string()),
			layers: quantised.names.clone(),
		}
	}

	/// Writes them beside a bundle.
	pub fn write(&self, bundle: &Path) -> Outcome<PathBuf> {
		let path = Self::path(bundle);
		write_atomically(&path, |file| {
			serde_json::to_writer_pretty(&mut *file, self)?;
			file.write_all(b"\n")
		})
		.map_err(|e| file_failure(&path, "written", &e))?;
		Ok(path)
	}

	/// Where they lie: the bundle's name and `.json`.
	pub fn path(bundle: &Path) -> PathBuf {
		let mut name = bundle.as_os_str().to_owned();
		name.push(".json");
		name.into()
	}

	/// Those of a bundle; none if there is no such file.
	fn read(path: &Path, bundle: &[u8]) -> Outcome<Option<Self>> {
		let path = Self::path(path);
		if !path.exists() {
			return Ok(None);
		}
		let notes: Self = serde_json::from_slice(&input::read_file(&path)?).map_err(|e| {
			wrong(
				&path,
				format!("it is not what was written with a network ({e})"),
			)
		})?;
		if notes.format != NOTES_FORMAT || notes.bundle != views::hash(&blake2_256(bundle)) {
			return Err(wrong(
				&path,
				"it was written with another network than lies beside it: get the right one, or remove it",
			));
		}
		if notes.input_scale().is_none() {
			return Err(wrong(&path, "its input_scale is no number above zero"));
		}
		Ok(Some(notes))
	}

	/// What a unit of a sample's integers stands for.
	pub fn input_scale(&self) -> Option<f64> {
		let scale: f64 = self.input_scale.parse().ok()?;
		(scale.is_finite() && scale > 0.0).then_some(scale)
	}

	/// What a unit of the output's integers stands for.
	pub fn output_scale(&self) -> Option<f64> {
		self.output_scale.as_ref()?.parse().ok()
	}
}

impl Network {
	/// Reads a network's file, and what was noted beside it.
	pub fn read(path: &Path) -> Outcome<Self> {
		let bytes = input::read_file(path)?;
		let bundle = Bundle::decode(&bytes).map_err(|e| {
			wrong(
				path,
				format!("it is no network: {e}. `lemma model build` makes one"),
			)
		})?;
		Ok(Self {
			path: path.into(),
			bundle,
			notes: Notes::read(path, &bytes)?,
			bytes,
		})
	}

	/// Keeps only these batch sizes; none to keep them all.
	pub fn only(mut self, batches: &[usize]) -> Outcome<Self> {
		if let Some(missing) = batches
			.iter()
			.find(|size| !self.bundle.batches.contains(size))
		{
			return Err(Failure::usage(format!(
				"--batches: {} has no program for batches of {missing}, only of {}: `lemma model build --batches` makes others",
				self.path.display(),
				self.sizes()
			)));
		}
		if !batches.is_empty() {
			self.bundle.batches.retain(|size| batches.contains(size));
		}
		Ok(self)
	}

	/// The batch sizes, for people.
	pub fn sizes(&self) -> String {
		let sizes: Vec<_> = self.bundle.batches.iter().map(usize::to_string).collect();
		sizes.join(", ")
	}

	/// The programs, to open batches with.
	pub fn programs(&self) -> Outcome<Infer> {
		Infer::new(&self.bundle).map_err(|e| wrong(&self.path, e))
	}

	/// The circuits' sizes and ids. Builds them: seconds each, so not for a thread that others wait for.
	pub fn circuits(&self, programs: &Infer, each: impl Fn(usize)) -> Outcome<Vec<Circuit>> {
		let model = Arc::new(self.bundle.model.clone());
		let circuits = self.bundle.batches.iter().map(|batch| {
			each(*batch);
			let missing = || {
				wrong(
					&self.path,
					format!("there is no program for batches of {batch}"),
				)
			};
			let circuit =
				InferCircuit::new(model.clone(), *batch).map_err(|e| wrong(&self.path, e))?;
			Ok(Circuit {
				batch: *batch,
				rows: circuit.plan.rows,
				id: H256(programs.id(*batch).ok_or_else(missing)?),
			})
		});
		circuits.collect()
	}

	/// Elements of one sample's output.
	pub fn outputs(&self) -> usize {
		self.bundle.model.output().shape.elements()
	}

	/// Whether the output is the place of the largest score.
	pub fn is_place(&self) -> bool {
		let last = self.bundle.model.layers().last();
		last.is_some_and(|layer| matches!(layer.op, Op::ArgMax))
	}

	/// How many classes it tells apart: scores of a sample, or those of which it puts out the place.
	pub fn classes(&self) -> usize {
		classes(&self.bundle.model)
	}

	/// Says that samples were taken as the network's integers, if that makes a difference.
	pub fn own_integers(&self, path: &Path, inputs: &Integers) -> Option<String> {
		let scale = self.notes.as_ref().and_then(Notes::input_scale)?;
		own_integers(path, inputs.is_int8, scale)
	}

	/// Reads samples as the network's integers.
	pub fn inputs(&self, path: &Path) -> Outcome<Integers> {
		let scale = self.notes.as_ref().and_then(Notes::input_scale);
		let inputs = Integers::read(path, scale).map_err(|e| model_failure(&e))?;
		let shape = self.bundle.model.input();
		let of_network = [shape.channels, shape.height, shape.width];
		if inputs.columns != shape.elements() {
			return Err(Failure::new(
				exit::USAGE,
				"shape_mismatch",
				format!(
					"{}: a sample has {} values, but the network of {} takes {} ({shape}): are these its samples?",
					path.display(),
					inputs.columns,
					self.path.display(),
					shape.elements()
				),
			));
		}
		match mismatch(&inputs.shape, &of_network) {
			None => Ok(inputs),
			Some(reason) => Err(Failure::new(
				exit::USAGE,
				"shape_mismatch",
				format!("{}: {reason}", path.display()),
			)),
		}
	}
}

/// How many classes a network tells apart.
pub fn classes(model: &Model) -> usize {
	match model.layers().last() {
		Some(layer) if matches!(layer.op, Op::ArgMax) => {
			model.values()[layer.input].shape.elements()
		}
		_ => model.output().shape.elements(),
	}
}

/// Says that an int8 file holds a network's own integers, if those are not the numbers that they stand for.
pub fn own_integers(path: &Path, is_int8: bool, scale: f64) -> Option<String> {
	(is_int8 && scale != 1.0).then(|| {
		format!(
			"note: {} is int8, and is taken as the network's own integers, a unit of which stands for {scale}; save real numbers \
			 as float32",
			path.display()
		)
	})
}

/// Splits samples into batches of these sizes, ascending: the largest as long as it is full, and the smallest that holds what is
/// left. That is as few batches as can be.
pub fn split(samples: usize, sizes: &[usize]) -> Vec<Batch> {
	let Some(largest) = sizes.last().copied().filter(|size| *size > 0) else {
		return Vec::new();
	};
	let starts = (0..samples).step_by(largest);
	let batch = |start: usize| {
		let end = samples.min(start + largest);
		let holds = sizes.iter().copied().find(|size| *size >= end - start);
		Batch {
			samples: start..end,
			size: holds.unwrap_or(largest),
		}
	};
	starts.map(batch).collect()
}

impl Batch {
	/// The input's blob: the samples, and zeros for those that are missing.
	pub fn blob(&self, inputs: &Integers) -> Vec<u8> {
		encode_input(&self.integers(inputs), self.size)
	}

	/// The samples, and zeros for those that are missing.
	pub fn integers(&self, inputs: &Integers) -> Vec<i8> {
		let mut integers = inputs.rows(self.samples.clone()).to_vec();
		integers.resize(self.size * inputs.columns, 0);
		integers
	}

	/// The part of an output that is of samples, not of what fills the batch.
	pub fn kept<'a>(&self, output: &'a [u8]) -> &'a [u8] {
		let each = output.len() / self.size.max(1);
		output.get(..self.samples.len() * each).unwrap_or(output)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn sizes(samples: usize, sizes: &[usize]) -> Vec<(usize, usize)> {
		let batches = split(samples, sizes);
		let mut next = 0;
		for batch in &batches {
			assert_eq!(batch.samples.start, next, "each sample once, in order");
			next = batch.samples.end;
		}
		assert_eq!(next, samples);
		batches
			.iter()
			.map(|batch| (batch.samples.len(), batch.size))
			.collect()
	}

	#[test]
	fn samples_should_be_split_into_as_few_batches_as_can_be() {
		assert_eq!(sizes(1, &[1, 16, 64]), [(1, 1)]);
		assert_eq!(sizes(2, &[1, 16, 64]), [(2, 16)]);
		assert_eq!(sizes(64, &[1, 16, 64]), [(64, 64)]);
		assert_eq!(sizes(65, &[1, 16, 64]), [(64, 64), (1, 1)]);
		assert_eq!(sizes(500, &[1, 16, 64]).len(), 8);
		assert_eq!(sizes(500, &[1, 16, 64])[7], (52, 64));
		assert_eq!(sizes(3, &[1]), [(1, 1), (1, 1), (1, 1)]);
		assert_eq!(sizes(0, &[1, 16]), []);
	}

	#[test]
	fn a_batch_should_be_filled_up_with_zeros_of_which_nothing_is_kept() {
		let inputs = Integers {
			rows: 3,
			columns: 2,
			shape: vec![2],
			values: vec![1, 2, 3, 4, 5, 6],
			clipped: 0,
			is_int8: true,
		};
		let batch = Batch {
			samples: 1..3,
			size: 4,
		};
		assert_eq!(batch.integers(&inputs), [3, 4, 5, 6, 0, 0, 0, 0]);
		let blob = batch.blob(&inputs);
		assert_eq!(blob[8..16], [4, 0, 0, 0, 2, 0, 0, 0]);
		assert_eq!(blob[16..], [3, 4, 5, 6, 0, 0, 0, 0]);
		assert_eq!(batch.kept(&[1, 2, 3, 4]), [1, 2]);
	}

	#[test]
	fn it_should_be_said_when_int8_is_not_what_it_stands_for() {
		let path = Path::new("x.npy");
		assert_eq!(own_integers(path, true, 1.0), None);
		assert_eq!(own_integers(path, false, 0.5), None);
		let note = own_integers(path, true, 0.5).expect("a note");
		assert!(note.contains("x.npy") && note.contains("0.5"), "{note}");
	}

	#[test]
	fn a_scale_should_be_read_as_the_number_that_was_written() {
		for scale in [1.0, 16.0 / 127.0, f64::from(0.1f32) / 127.0, 1e-300] {
			let notes = Notes {
				format: NOTES_FORMAT.into(),
				bundle: String::new(),
				input_scale: scale.to_string(),
				output_scale: None,
				layers: Vec::new(),
			};
			let text = serde_json::to_string(&notes).expect("JSON");
			let read: Notes = serde_json::from_str(&text).expect("notes");
			assert_eq!(read.input_scale(), Some(scale));
		}
	}
}
