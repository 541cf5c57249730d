//! An ONNX file: its nodes and constants, and what it computes in floating point. Both through tract.

use std::{
	collections::{HashMap, HashSet},
	fs::File,
	io::Read,
	panic::{catch_unwind, AssertUnwindSafe},
	path::Path,
};

use lemma_zk_circuits::programs::infer::model::{MAX_ELEMENTS, MAX_PARAMETERS};
use tract_onnx::{
	pb::{
		tensor_shape_proto::dimension, type_proto, GraphProto, ModelProto, NodeProto, TensorProto,
		ValueInfoProto,
	},
	prelude::{
		tvec, Datum, Framework, InferenceFact, InferenceModelExt, IntoRunnable, Tensor, TractResult,
	},
	tensor::load_tensor,
	Onnx,
};

use crate::{
	graph::{elements, Node},
	samples::mismatch,
	Error, Samples,
};

/// Largest file that is read: many times the largest network that can be proven.
const MAX_FILE_BYTES: u64 = 1 << 30;
/// Samples that are evaluated together at most, where the file leaves it open.
const BATCH: usize = 64;
/// Samples that a file may fix at most.
const MAX_FIXED_BATCH: usize = 4096;
/// Values of all layers that are in memory together, and beside them elements of one layer's windows: 1 GiB each.
const MAX_VALUES: usize = 1 << 28;

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
		let proto = guarded(|| tract_onnx::onnx().proto_model_for_read(&mut bytes.as_slice()))
			.map_err(|e| fail(format!("it is no ONNX model: {e}")))?;
		let folder = path.parent().and_then(|p| p.to_str()).map(str::to_owned);
		Self::new(proto, name, folder)
	}

	/// A network as it was parsed; its name, and where tensors lie that it names but does not hold. What the output does not
	/// depend on is left out.
	pub fn new(mut proto: ModelProto, name: String, folder: Option<String>) -> Result<Self, Error> {
		let fail = |reason: String| Error::File {
			path: name.clone(),
			reason,
		};
		let graph = proto
			.graph
			.as_mut()
			.ok_or_else(|| fail("it is no ONNX model: it has no graph".into()))?;
		let inputs = inputs(graph);
		let ([input], [output]) = (inputs.as_slice(), graph.output.as_slice()) else {
			return Err(fail(format!(
				"it has {} inputs and {} outputs: one of each is needed",
				inputs.len(),
				graph.output.len()
			)));
		};
		let (batch, shape) = input_shape(input).map_err(&fail)?;
		let (declared, output) = (ValueInfoProto::clone(input), output.name.clone());
		let input = declared.name.clone();
		check_names(graph, &input).map_err(&fail)?;
		// The same as none, but tract counts them.
		for node in &mut graph.node {
			while node.input.pop_if(|tensor| tensor.is_empty()).is_some() {}
		}
		leave_out(graph, &output);
		graph.input = vec![declared];
		Ok(Self {
			// Shapes that the file notes besides the input's are for readers: tract finds them itself.
			onnx: tract_onnx::onnx().with_ignore_value_info(true),
			path: name,
			folder,
			input,
			output,
			batch,
			shape,
			proto,
		})
	}

	/// The nodes on which the output depends, in order: each should be after those that it reads.
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

	/// The constants by name that these nodes read: initializers, and what Constant nodes make.
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
				self.load(tensor)
					.map(|loaded| (name.clone(), loaded))
					.map_err(|reason| self.fail(format!("constant `{name}`: {reason}")))
			})
			.collect()
	}

	fn load(&self, tensor: &TensorProto) -> Result<Tensor, String> {
		// A side of zero does not make the others small.
		let sides = tensor
			.dims
			.iter()
			.map(|side| usize::try_from(*side).unwrap_or(1).max(1));
		if sides.fold(1, usize::saturating_mul) > MAX_PARAMETERS {
			return Err(format!(
				"its dimensions are {:?}: a network that can be proven has at most {MAX_PARAMETERS} weights",
				tensor.dims
			));
		}
		guarded(|| load_tensor(&*self.onnx.provider, tensor, self.folder.as_deref()))
	}

	/// Evaluates the network in floating point, a batch of samples after the other: `see` is given the values of each of these
	/// layers, those of a sample side by side, and the number of samples. `gathered` is the graph's.
	pub fn evaluate(
		&self,
		samples: &Samples,
		layers: &[Node],
		gathered: usize,
		mut see: impl FnMut(&[&[f32]], usize) -> Result<(), Error>,
	) -> Result<(), Error> {
		// Checked when it was read.
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
		if layers.is_empty() {
			return Ok(());
		}
		let lengths = layers.iter().map(|layer| {
			elements(&layer.shape).ok_or_else(|| Error::Layer {
				node: layer.name.clone(),
				reason: format!(
					"its dimensions are {:?}: at most {MAX_ELEMENTS} elements are supported",
					layer.shape
				),
			})
		});
		let lengths: Vec<_> = lengths.collect::<Result<_, _>>()?;
		let each = lengths.iter().copied().fold(columns, usize::saturating_add);
		// tract lays the windows of all samples out, one layer's after the other's.
		let each = each.max(gathered);
		let batch = match self.batch {
			Some(batch) if each.saturating_mul(batch) > MAX_VALUES => {
				return Err(self.fail(format!(
					"it takes {batch} samples at once, and {each} values of each are needed together, which is more than fits in \
					 memory: export it with an open dimension for the samples, or fewer of them"
				)))
			}
			Some(batch) => batch,
			None => BATCH
				.min(samples.rows)
				.min(MAX_VALUES / each.max(1))
				.max(1),
		};
		self.run(samples, batch, layers, &lengths, &mut see)
	}

	fn run(
		&self,
		samples: &Samples,
		batch: usize,
		layers: &[Node],
		lengths: &[usize],
		see: &mut dyn FnMut(&[&[f32]], usize) -> Result<(), Error>,
	) -> Result<(), Error> {
		let fail = |reason: String| self.fail(format!("it cannot be evaluated: {reason}"));
		let parsed = guarded(|| self.onnx.parse(&self.proto, self.folder.as_deref()));
		let parsed = parsed.map_err(&fail)?;
		let outlets = layers.iter().map(|layer| {
			let outlet = parsed.outlets_by_name.get(&layer.tensor).copied();
			outlet.ok_or_else(|| fail(format!("tract finds no tensor `{}` in it", layer.tensor)))
		});
		let outlets: Vec<_> = outlets.collect::<Result<_, _>>()?;
		let mut shape = vec![batch];
		shape.extend(&self.shape);
		let mut model = parsed.model;
		let plan = guarded(|| {
			let fact = InferenceFact::dt_shape(f32::datum_type(), shape.clone());
			model.set_input_fact(0, fact)?;
			model.select_output_outlets(&outlets)?;
			model.into_optimized()?.into_runnable()
		});
		let plan = plan.map_err(&fail)?;
		let rows: Vec<_> = (0..samples.rows).collect();
		for rows in rows.chunks(batch) {
			let mut values: Vec<_> = rows
				.iter()
				.flat_map(|row| samples.row(*row))
				.copied()
				.collect();
			// The last batch may not be full: zeros fill it up, and what becomes of them is not shown.
			values.resize(batch * samples.columns, 0.0);
			let outputs = guarded(|| plan.run(tvec!(Tensor::from_shape(&shape, &values)?.into())));
			let outputs = outputs.map_err(&fail)?;
			let mut seen = Vec::with_capacity(layers.len());
			for ((output, layer), length) in outputs.iter().zip(layers).zip(lengths) {
				let values = output
					.try_as_plain_ram()
					.and_then(|plain| plain.as_slice::<f32>())
					.map_err(|e| fail(format!("node `{}`: {}", layer.name, chain(&e))))?;
				if values.len() != batch * length {
					return Err(Error::Layer {
						node: layer.name.clone(),
						reason: format!(
							"of {batch} samples tract makes {} values, not {length} of each ({:?}): the file means something that is not \
							 supported; export it in another way",
							values.len(),
							layer.shape
						),
					});
				}
				seen.push(&values[..rows.len() * length]);
			}
			see(&seen, rows.len())?;
		}
		Ok(())
	}

	fn graph(&self) -> &GraphProto {
		self.proto.graph.as_ref().expect("checked when read")
	}

	/// An error of this file.
	pub(crate) fn fail(&self, reason: String) -> Error {
		Error::File {
			path: self.path.clone(),
			reason,
		}
	}
}

/// The inputs that are no constants.
fn inputs(graph: &GraphProto) -> Vec<&ValueInfoProto> {
	let constants = graph.initializer.iter();
	let constants: HashSet<_> = constants.map(|tensor| tensor.name.as_str()).collect();
	let inputs = graph.input.iter();
	inputs
		.filter(|value| !constants.contains(value.name.as_str()))
		.collect()
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
	let (batch, sample) = match (sides.first(), known) {
		(Some(batch), Some(sample)) if !sample.is_empty() => (*batch, sample),
		_ => {
			return Err(format!(
				"its input `{}` needs a dimension for the samples, open or not, and after it known ones",
				input.name
			))
		}
	};
	if let Some(batch) = batch.filter(|batch| *batch > MAX_FIXED_BATCH) {
		return Err(format!(
			"its input `{}` takes {batch} samples at once, more than {MAX_FIXED_BATCH}: export it with an open dimension for the samples",
			input.name
		));
	}
	match elements(&sample) {
		Some(_) => Ok((batch, sample)),
		None => Err(format!(
			"its input `{}` has samples of dimensions {sample:?}: at most {MAX_ELEMENTS} elements are supported",
			input.name
		)),
	}
}

/// Fails if a tensor is made more than once.
fn check_names(graph: &GraphProto, input: &str) -> Result<(), String> {
	let constants = graph.initializer.iter().map(|tensor| &tensor.name);
	let made = graph.node.iter().flat_map(|node| &node.output);
	let mut names = HashSet::from([input]);
	match constants
		.chain(made)
		.find(|name| !name.is_empty() && !names.insert(name.as_str()))
	{
		Some(twice) => Err(format!(
			"its tensor `{twice}` is made twice: the input, every constant and every output of a node need names of their own"
		)),
		None => Ok(()),
	}
}

/// Leaves out the nodes and the constants that the output does not depend on.
fn leave_out(graph: &mut GraphProto, output: &str) {
	let (nodes, constants) = needed(graph, output);
	let (mut nodes, mut constants) = (nodes.into_iter(), constants.into_iter());
	graph.node.retain(|_| nodes.next().unwrap_or_default());
	graph
		.initializer
		.retain(|_| constants.next().unwrap_or_default());
}

/// On which nodes and on which constants the output depends.
fn needed(graph: &GraphProto, output: &str) -> (Vec<bool>, Vec<bool>) {
	let outputs = graph.node.iter().enumerate().flat_map(|(at, node)| {
		let names = node.output.iter().filter(|name| !name.is_empty());
		names.map(move |name| (name.as_str(), at))
	});
	let makers: HashMap<_, _> = outputs.collect();
	let mut nodes = vec![false; graph.node.len()];
	let mut read = HashSet::from([output]);
	let mut open = vec![output];
	while let Some(tensor) = open.pop() {
		let Some(maker) = makers.get(tensor).copied().filter(|maker| !nodes[*maker]) else {
			continue;
		};
		nodes[maker] = true;
		for input in &graph.node[maker].input {
			if read.insert(input.as_str()) {
				open.push(input.as_str());
			}
		}
	}
	let constants = graph.initializer.iter();
	let constants = constants.map(|tensor| read.contains(tensor.name.as_str()));
	let constants = constants.collect();
	(nodes, constants)
}

/// What tract does; its errors and its panics on one line.
fn guarded<T>(work: impl FnOnce() -> TractResult<T>) -> Result<T, String> {
	match catch_unwind(AssertUnwindSafe(work)) {
		Ok(done) => done.map_err(|e| chain(&e)),
		Err(panic) => {
			let text = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
				(Some(text), _) => *text,
				(None, Some(text)) => text.as_str(),
				(None, None) => "it does not say why",
			};
			Err(format!("tract failed on it: {text}"))
		}
	}
}

/// An error with its causes, on one line.
fn chain(error: &tract_onnx::prelude::TractError) -> String {
	let causes: Vec<_> = error.chain().map(ToString::to_string).collect();
	causes.join(": ")
}
