//! An ONNX file: its nodes and constants, and what it computes in floating point. Both through tract.

use std::{collections::HashMap, fs::File, io::Read, path::Path};

use tract_onnx::{
	pb::{
		tensor_shape_proto::dimension, type_proto, GraphProto, ModelProto, NodeProto,
		ValueInfoProto,
	},
	prelude::{
		tvec, Datum, Framework, InferenceFact, InferenceModelExt, IntoRunnable, Tensor, TractResult,
	},
	tensor::load_tensor,
	Onnx,
};

use crate::{samples::mismatch, Error, Samples};

/// Largest file that is read: many times the largest network that can be proven.
const MAX_FILE_BYTES: u64 = 1 << 30;
/// Samples that are evaluated together, where the file leaves it open.
const BATCH: usize = 64;

/// A network as its file has it.
pub struct Network {
	onnx: Onnx,
	proto: ModelProto,
	path: String,
	folder: Option<String>,
	input: String,
	output: String,
	batch: Option<usize>,
	shape: Vec<usize>,
}

impl Network {
	/// Reads a file with one input, whose first dimension counts samples, and one output.
	pub fn read(path: &Path) -> Result<Self, Error> {
		let name = path.display().to_string();
		let fail = |reason: String| Error::File {
			path: name.clone(),
			reason,
		};
		let mut bytes = Vec::new();
		File::open(path)
			.and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
			.map_err(|e| fail(format!("it cannot be read: {e}")))?;
		if bytes.len() as u64 > MAX_FILE_BYTES {
			return Err(fail(format!(
				"it has more than the {MAX_FILE_BYTES} bytes that are read: no network that can be proven is as large"
			)));
		}
		let proto = tract_onnx::onnx()
			.proto_model_for_read(&mut bytes.as_slice())
			.map_err(|e| fail(format!("it is no ONNX model: {}", chain(&e))))?;
		let folder = path.parent().and_then(|p| p.to_str()).map(str::to_owned);
		Self::new(proto, name, folder)
	}

	/// A network as it was parsed; its name, and where tensors lie that it names but does not hold.
	pub fn new(proto: ModelProto, name: String, folder: Option<String>) -> Result<Self, Error> {
		let fail = |reason: String| Error::File {
			path: name.clone(),
			reason,
		};
		let graph = proto
			.graph
			.as_ref()
			.ok_or_else(|| fail("it is no ONNX model: it has no graph".into()))?;
		let is_constant = |value: &&ValueInfoProto| {
			graph
				.initializer
				.iter()
				.any(|tensor| tensor.name == value.name)
		};
		let inputs: Vec<_> = graph
			.input
			.iter()
			.filter(|value| !is_constant(value))
			.collect();
		let ([input], [output]) = (inputs.as_slice(), graph.output.as_slice()) else {
			return Err(fail(format!(
				"it has {} inputs and {} outputs: one of each is needed",
				inputs.len(),
				graph.output.len()
			)));
		};
		let (batch, shape) = input_shape(input).map_err(&fail)?;
		Ok(Self {
			// Shapes that the file notes besides the input's are for readers: tract finds them itself.
			onnx: tract_onnx::onnx().with_ignore_value_info(true),
			path: name,
			folder,
			input: input.name.clone(),
			output: output.name.clone(),
			batch,
			shape,
			proto,
		})
	}

	/// The nodes in order, each after those it reads.
	pub fn nodes(&self) -> &[NodeProto] {
		&self.graph().node
	}

	/// Name of the input's tensor.
	pub fn input(&self) -> &str {
		&self.input
	}

	/// Name of the output's tensor.
	pub fn output(&self) -> &str {
		&self.output
	}

	/// Samples that the input takes, if the file says how many.
	pub fn batch(&self) -> Option<usize> {
		self.batch
	}

	/// A sample's dimensions.
	pub fn shape(&self) -> &[usize] {
		&self.shape
	}

	/// Version of the operator set.
	pub fn operator_set(&self) -> i64 {
		let sets = self.proto.opset_import.iter();
		sets.filter(|set| matches!(set.domain.as_str(), "" | "ai.onnx"))
			.map(|set| set.version)
			.max()
			.unwrap_or(1)
	}

	/// The constants by name: initializers, and what Constant nodes make.
	pub fn constants(&self) -> Result<HashMap<String, Tensor>, Error> {
		let initializers = self.graph().initializer.iter();
		let nodes = self
			.nodes()
			.iter()
			.filter(|node| node.op_type == "Constant");
		let made = nodes.filter_map(|node| {
			let value = node
				.attribute
				.iter()
				.find_map(|attribute| attribute.t.as_ref());
			Some((node.output.first()?, value?))
		});
		initializers
			.map(|tensor| (&tensor.name, tensor))
			.chain(made)
			.map(|(name, tensor)| {
				load_tensor(&*self.onnx.provider, tensor, self.folder.as_deref())
					.map(|loaded| (name.clone(), loaded))
					.map_err(|e| self.fail(format!("constant `{name}`: {}", chain(&e))))
			})
			.collect()
	}

	/// Evaluates the network in floating point, a batch of samples after the other: `see` is given the named tensors' values,
	/// those of a sample side by side, and the number of samples.
	pub fn evaluate(
		&self,
		samples: &Samples,
		tensors: &[&str],
		mut see: impl FnMut(&[&[f32]], usize),
	) -> Result<(), Error> {
		let columns: usize = self.shape.iter().product();
		if samples.columns != columns {
			return Err(Error::Samples(format!(
				"a sample has {} values, but the network takes {columns} ({:?})",
				samples.columns, self.shape
			)));
		}
		if let Some(reason) = mismatch(&samples.shape, &self.shape) {
			return Err(Error::Samples(reason));
		}
		if tensors.is_empty() {
			return Ok(());
		}
		let batch = self.batch.unwrap_or(BATCH);
		self.run(samples, batch, tensors, &mut see)
			.map_err(|e| self.fail(format!("it cannot be evaluated: {}", chain(&e))))
	}

	fn run(
		&self,
		samples: &Samples,
		batch: usize,
		tensors: &[&str],
		see: &mut dyn FnMut(&[&[f32]], usize),
	) -> TractResult<()> {
		let parsed = self.onnx.parse(&self.proto, self.folder.as_deref())?;
		let mut model = parsed.model;
		let mut shape = vec![batch];
		shape.extend(&self.shape);
		model.set_input_fact(0, InferenceFact::dt_shape(f32::datum_type(), shape.clone()))?;
		let outlets: Vec<_> = tensors
			.iter()
			.map(|tensor| parsed.outlets_by_name[*tensor])
			.collect();
		model.select_output_outlets(&outlets)?;
		let plan = model.into_optimized()?.into_runnable()?;
		let rows: Vec<_> = (0..samples.rows).collect();
		for rows in rows.chunks(batch) {
			let mut values: Vec<_> = rows
				.iter()
				.flat_map(|row| samples.row(*row))
				.copied()
				.collect();
			// The last batch may not be full: zeros fill it up, and what becomes of them is not shown.
			values.resize(batch * samples.columns, 0.0);
			let outputs = plan.run(tvec!(Tensor::from_shape(&shape, &values)?.into()))?;
			let outputs = outputs
				.iter()
				.map(|output| {
					let values = output.try_as_plain_ram()?.as_slice::<f32>()?;
					Ok(&values[..values.len() / batch * rows.len()])
				})
				.collect::<TractResult<Vec<_>>>()?;
			see(&outputs, rows.len());
		}
		Ok(())
	}

	fn graph(&self) -> &GraphProto {
		self.proto.graph.as_ref().expect("checked when read")
	}

	fn fail(&self, reason: String) -> Error {
		Error::File {
			path: self.path.clone(),
			reason,
		}
	}
}

/// Number of samples, if it is fixed, and a sample's dimensions.
fn input_shape(input: &ValueInfoProto) -> Result<(Option<usize>, Vec<usize>), String> {
	let value = input.r#type.as_ref().and_then(|kind| kind.value.as_ref());
	let shape = match value {
		Some(type_proto::Value::TensorType(tensor)) => tensor.shape.as_ref(),
		None => None,
	};
	let shape = shape.ok_or_else(|| format!("its input `{}` has no shape", input.name))?;
	let sides = shape.dim.iter().map(|side| match side.value {
		Some(dimension::Value::DimValue(side)) => {
			usize::try_from(side).ok().filter(|side| *side > 0)
		}
		_ => None,
	});
	let sides: Vec<_> = sides.collect();
	let known: Option<Vec<_>> = sides.iter().skip(1).copied().collect();
	match (sides.first(), known) {
		(Some(batch), Some(sample)) if !sample.is_empty() => Ok((*batch, sample)),
		_ => Err(format!(
			"its input `{}` needs a dimension for the samples, open or not, and after it known ones",
			input.name
		)),
	}
}

/// An error with its causes, on one line.
fn chain(error: &tract_onnx::prelude::TractError) -> String {
	let causes: Vec<_> = error.chain().map(ToString::to_string).collect();
	causes.join(": ")
}
