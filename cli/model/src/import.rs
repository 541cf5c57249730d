//! From ONNX nodes to layers: constants are resolved, and everything is folded that can be. What becomes of each
//! operator is in [`operators`].

mod operators;

use std::{
	collections::{HashMap, HashSet},
	rc::Rc,
};

use lemma_zk_circuits::programs::infer::{
	model::{MAX_ELEMENTS, MAX_LAYERS, MAX_OPERATIONS, MAX_PARAMETERS},
	plan::MAX_GATHERED,
};
use tract_onnx::{
	pb::NodeProto,
	prelude::{Datum, Tensor, TractResult},
};

use crate::{
	attributes::name,
	graph::{elements, model_shape, Graph, Node, Op},
	onnx::Network,
	quantise::layers,
	Error, Unsupported,
};

/// Resolves and folds; names every node that is not supported.
pub fn import(network: &Network) -> Result<Graph, Error> {
	let mut import = Import::new(network)?;
	for node in network.nodes() {
		import.take(node);
	}
	import.finish()
}

struct Import<'a> {
	network: &'a Network,
	graph: Graph,
	constants: HashMap<String, Rc<Tensor>>,
	/// Values by the tensor's name.
	values: HashMap<String, usize>,
	/// How many nodes read each tensor that is read; the output is read once more.
	readers: HashMap<String, usize>,
	/// Weights and biases up to here.
	parameters: usize,
	/// Operations for a sample up to here, as far as a model of the network has them for certain.
	operations: u64,
	/// Elements of all windows over a sample up to here.
	gathered: usize,
	/// Tensors made by nodes that are not supported, or after such.
	lost: HashSet<String>,
	unsupported: Vec<Unsupported>,
}

type Outcome<T> = Result<T, String>;

impl<'a> Import<'a> {
	fn new(network: &'a Network) -> Result<Self, Error> {
		let mut readers = HashMap::from([(network.output().to_owned(), 1)]);
		let inputs = network.nodes().iter().flat_map(|node| &node.input);
		for tensor in inputs.filter(|tensor| !tensor.is_empty()) {
			*readers.entry(tensor.clone()).or_default() += 1;
		}
		let constants = network.constants()?.into_iter();
		Ok(Self {
			graph: Graph {
				input: network.input().to_owned(),
				shape: network.shape().to_vec(),
				nodes: Vec::new(),
				notes: Vec::new(),
				gathered: 0,
			},
			constants: constants
				.map(|(name, constant)| (name, Rc::new(constant)))
				.collect(),
			values: HashMap::from([(network.input().to_owned(), 0)]),
			readers,
			parameters: 0,
			operations: 0,
			gathered: 0,
			lost: HashSet::new(),
			unsupported: Vec::new(),
			network,
		})
	}

	fn take(&mut self, node: &NodeProto) {
		if self.lost(node) {
			return;
		}
		if let Err(reason) = self.add(node) {
			self.unsupported.push(Unsupported {
				node: name(node),
				operator: node.op_type.clone(),
				reason,
			});
			self.lost.extend(node.output.iter().cloned());
		}
	}

	/// Whether it reads what a node makes that is not supported: only that one is named.
	fn lost(&mut self, node: &NodeProto) -> bool {
		let lost = node.input.iter().any(|tensor| self.lost.contains(tensor));
		if lost {
			self.lost.extend(node.output.iter().cloned());
		}
		lost
	}

	fn finish(mut self) -> Result<Graph, Error> {
		if !self.unsupported.is_empty() {
			return Err(Error::Unsupported(self.unsupported));
		}
		let argmax = self
			.graph
			.nodes
			.pop_if(|node| matches!(node.op, Op::ArgMax));
		// The output's elements are the same without.
		while self
			.graph
			.nodes
			.pop_if(|node| matches!(node.op, Op::Reshape))
			.is_some()
		{}
		if let Some(mut node) = argmax {
			node.inputs = vec![self.graph.nodes.len()];
			self.graph.nodes.push(node);
		}
		if self.graph.nodes.is_empty() {
			return Err(self.nothing());
		}
		match layers(&self.graph) {
			layers if layers > MAX_LAYERS => Err(self.network.fail(format!(
				"it has {layers} layers, and at most {MAX_LAYERS} can be proven: take a smaller network"
			))),
			_ => Ok(self.graph),
		}
	}

	/// Why there are no layers.
	fn nothing(&self) -> Error {
		let output = self.network.output();
		let why = if self.values.contains_key(output) {
			"its output is its input".to_owned()
		} else if self.constants.contains_key(output) {
			format!("its output `{output}` is a constant")
		} else {
			format!("no node makes its output `{output}`")
		};
		self.network.fail(format!("it computes nothing: {why}"))
	}

	fn dimensions(&self, value: usize) -> &[usize] {
		self.graph.dimensions(value)
	}

	/// Channels, rows and columns of a value that has them.
	fn image(&self, value: usize) -> Outcome<[usize; 3]> {
		self.dimensions(value).try_into().map_err(|_| {
			format!(
				"its input's dimensions are {:?}; channels of rows of columns are supported",
				self.dimensions(value)
			)
		})
	}

	/// The value that is a node's input.
	fn value(&self, node: &NodeProto, input: usize) -> Outcome<usize> {
		let tensor = node.input.get(input).map_or("", String::as_str);
		self.values
			.get(tensor)
			.copied()
			.ok_or_else(|| match tensor {
				"" => format!("it has no input {input}"),
				_ if self.constants.contains_key(tensor) => {
					format!("its input {input}, `{tensor}`, must depend on the network's input")
				}
				_ => format!("its input {input}, `{tensor}`, {}", self.missing(tensor)),
			})
	}

	/// Why a tensor is not known yet.
	fn missing(&self, tensor: &str) -> &'static str {
		let mut made = self.network.nodes().iter().flat_map(|node| &node.output);
		match made.any(|output| output == tensor) {
			true => {
				"is made by a node that comes later: the file's nodes are not in topological order"
			}
			false => "is made by no node, and is no constant of the file",
		}
	}

	/// The constant that is a node's input; `None` if it has no such.
	fn constant(&self, node: &NodeProto, input: usize) -> Outcome<Option<&Tensor>> {
		let Some(tensor) = node.input.get(input).filter(|tensor| !tensor.is_empty()) else {
			return Ok(None);
		};
		match self.constants.get(tensor).map(Rc::as_ref) {
			Some(constant) => Ok(Some(constant)),
			None if self.values.contains_key(tensor) => {
				Err(format!("its input {input}, `{tensor}`, must be a constant"))
			}
			None => Err(format!(
				"its input {input}, `{tensor}`, {}",
				self.missing(tensor)
			)),
		}
	}

	/// Dimensions and values of a constant that it must have.
	fn floats(&self, node: &NodeProto, input: usize) -> Outcome<(Vec<usize>, Vec<f64>)> {
		let constant = self
			.constant(node, input)?
			.ok_or_else(|| format!("it has no input {input}"))?;
		let values = numbers::<f64>(constant).map_err(|e| e.to_string())?;
		match values.iter().all(|value| value.is_finite()) {
			true => Ok((constant.shape().to_vec(), values)),
			false => Err(format!(
				"its input {input} has values that are no finite numbers"
			)),
		}
	}

	fn push(
		&mut self,
		node: &NodeProto,
		inputs: Vec<usize>,
		op: Op,
		shape: Vec<usize>,
	) -> Outcome<()> {
		if shape.is_empty() || shape.contains(&0) {
			return Err(format!(
				"what it makes of a sample has the dimensions {shape:?}: at least one, none of them zero, is supported"
			));
		}
		if elements(&shape).is_none() {
			return Err(format!(
				"what it makes of a sample has the dimensions {shape:?}: at most {MAX_ELEMENTS} elements are supported"
			));
		}
		// As many Relus may be taken over by layers before them.
		if self.graph.nodes.len() >= 2 * MAX_LAYERS {
			return Err(format!(
				"too many layers are before it: at most {MAX_LAYERS} are supported"
			));
		}
		if let Op::Linear { weights, bias, .. } = &op {
			self.parameters += weights.len() + bias.len();
			if self.parameters > MAX_PARAMETERS {
				return Err(format!(
					"up to here are {} weights and biases: at most {MAX_PARAMETERS} are supported",
					self.parameters
				));
			}
		}
		self.count_work(&op, &inputs, &shape)?;
		if !matches!(op, Op::Reshape) {
			model_shape(self.dimensions(inputs[0]))?;
			model_shape(&shape)?;
		}
		let tensor = node.output[0].clone();
		self.graph.nodes.push(Node {
			name: name(node),
			tensor: tensor.clone(),
			inputs,
			op,
			shape,
		});
		self.values.insert(tensor, self.graph.nodes.len());
		Ok(())
	}

	/// Counts what a layer computes of a sample. What could not be proven in the end is refused here: it is evaluated, with
	/// all its windows laid out, before that is known otherwise.
	fn count_work(&mut self, op: &Op, inputs: &[usize], shape: &[usize]) -> Outcome<()> {
		// Elements and parameters are within their limits: no product of these overflows.
		let count = |dimensions: &[usize]| dimensions.iter().product::<usize>();
		let made = count(shape);
		let each = match op {
			Op::Linear { weights, bias, .. } => weights.len() / bias.len(),
			Op::MaxPool(window) | Op::AveragePool(window) => window.kernel[0] * window.kernel[1],
			Op::GlobalAveragePool => count(self.dimensions(inputs[0])),
			Op::Add => 2,
			// A layer before it may take it over, or it may be left out.
			Op::Relu | Op::Reshape | Op::ArgMax => 0,
		};
		let operations = made as u64 * each as u64;
		self.operations = self.operations.saturating_add(operations);
		if self.operations > MAX_OPERATIONS {
			return Err(format!(
				"up to here are {} operations for a sample: at most {MAX_OPERATIONS} are supported",
				self.operations
			));
		}
		if let Op::Linear { bias, conv, .. } = op {
			let groups = conv.as_ref().map_or(1, |(_, groups)| *groups);
			// A window for each place of the output, and for each group its own channels.
			let gathered = made / bias.len() * each * groups;
			self.gathered = self.gathered.saturating_add(gathered);
			self.graph.gathered = self.graph.gathered.max(gathered);
			if self.gathered > MAX_GATHERED {
				return Err(format!(
					"up to here the windows over a sample have {} elements: at most {MAX_GATHERED} are supported",
					self.gathered
				));
			}
		}
		Ok(())
	}

	/// Name of the tensor that a value is.
	fn tensor(&self, value: usize) -> &str {
		match value.checked_sub(1) {
			Some(node) => &self.graph.nodes[node].tensor,
			None => &self.graph.input,
		}
	}
}

fn numbers<T: Datum + Copy>(tensor: &Tensor) -> TractResult<Vec<T>> {
	let tensor = tensor.cast_to::<T>()?;
	Ok(tensor.try_as_plain_ram()?.as_slice::<T>()?.to_vec())
}
