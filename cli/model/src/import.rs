//! From ONNX nodes to layers: constants are resolved, and everything is folded that can be.
//!
//! A bias that is added, a BatchNormalization and the constant factors of a Gemm go into the weights of the
//! linear layer before them; where there is none, a depthwise convolution of 1x1 takes their place. A
//! Softmax at the end goes: the largest score stays the largest. Identity and Dropout go.

use std::{
	collections::{HashMap, HashSet},
	rc::Rc,
};

use lemma_zk_circuits::programs::infer::model::{Window, MAX_ELEMENTS, MAX_LAYERS, MAX_PARAMETERS};
use tract_onnx::{
	pb::NodeProto,
	prelude::{Datum, Tensor, TractResult},
};

use crate::{
	attributes::{float, int, ints, name, window},
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
			},
			constants: constants
				.map(|(name, constant)| (name, Rc::new(constant)))
				.collect(),
			values: HashMap::from([(network.input().to_owned(), 0)]),
			readers,
			parameters: 0,
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

	fn add(&mut self, node: &NodeProto) -> Outcome<()> {
		if !matches!(node.domain.as_str(), "" | "ai.onnx") {
			return Err(format!("operators of `{}` are not supported", node.domain));
		}
		if node
			.output
			.iter()
			.skip(1)
			.any(|tensor| self.readers.contains_key(tensor))
		{
			return Err("only its first output is supported".into());
		}
		match node.op_type.as_str() {
			"Constant" => match self.constants.contains_key(&node.output[0]) {
				true => Ok(()),
				false => Err("only constant tensors are supported".into()),
			},
			"Identity" | "Dropout" => self.alias(node),
			"MatMul" => self.matmul(node),
			"Gemm" => self.gemm(node),
			"Conv" => self.conv(node),
			"Add" => self.sum(node),
			"BatchNormalization" => self.batch_norm(node),
			"Relu" => {
				let value = self.value(node, 0)?;
				self.push(node, vec![value], Op::Relu, self.dimensions(value).to_vec())
			}
			"MaxPool" | "AveragePool" => self.pool(node),
			"GlobalAveragePool" => {
				let value = self.value(node, 0)?;
				let [channels, ..] = self.image(value)?;
				self.push(
					node,
					vec![value],
					Op::GlobalAveragePool,
					vec![channels, 1, 1],
				)
			}
			"Flatten" => self.flatten(node),
			"Reshape" => self.reshape(node),
			"Softmax" | "LogSoftmax" => self.softmax(node),
			"ArgMax" => self.argmax(node),
			_ => Err("this operator is not supported".into()),
		}
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

	/// The output is the input.
	fn alias(&mut self, node: &NodeProto) -> Outcome<()> {
		let output = node.output[0].clone();
		let constant = node
			.input
			.first()
			.and_then(|input| self.constants.get(input));
		if let Some(constant) = constant.cloned() {
			self.constants.insert(output, constant);
			return Ok(());
		}
		let value = self.value(node, 0)?;
		// What reads the one reads the other.
		let readers = self.readers.get(&output).copied().unwrap_or_default();
		let tensor = self.tensor(value).to_owned();
		*self.readers.entry(tensor).or_default() += readers - 1;
		self.values.insert(output, value);
		Ok(())
	}

	/// Name of the tensor that a value is.
	fn tensor(&self, value: usize) -> &str {
		match value.checked_sub(1) {
			Some(node) => &self.graph.nodes[node].tensor,
			None => &self.graph.input,
		}
	}

	fn matmul(&mut self, node: &NodeProto) -> Outcome<()> {
		let value = self.value(node, 0)?;
		let (shape, weights) = self.floats(node, 1)?;
		let &[inputs, outputs] = shape.as_slice() else {
			return Err(format!(
				"its second factor has dimensions {shape:?}; a matrix is supported"
			));
		};
		let weights = transpose(&weights, inputs, outputs);
		self.dense(node, value, inputs, weights, vec![0.0; outputs])
	}

	fn gemm(&mut self, node: &NodeProto) -> Outcome<()> {
		let value = self.value(node, 0)?;
		if int(node, "transA", 0) != 0 {
			return Err("transA is not supported".into());
		}
		let (shape, mut weights) = self.floats(node, 1)?;
		let &[rows, columns] = shape.as_slice() else {
			return Err(format!("its second factor has dimensions {shape:?}"));
		};
		let (inputs, outputs) = match int(node, "transB", 0) {
			0 => {
				weights = transpose(&weights, rows, columns);
				(rows, columns)
			}
			_ => (columns, rows),
		};
		let mut bias = match self.constant(node, 2)? {
			None => vec![0.0; outputs],
			Some(_) => {
				let (shape, values) = self.floats(node, 2)?;
				spread(&shape, &values, &[outputs])?
			}
		};
		weights
			.iter_mut()
			.for_each(|weight| *weight *= float(node, "alpha", 1.0));
		bias.iter_mut()
			.for_each(|bias| *bias *= float(node, "beta", 1.0));
		self.dense(node, value, inputs, weights, bias)
	}

	fn dense(
		&mut self,
		node: &NodeProto,
		value: usize,
		inputs: usize,
		weights: Vec<f64>,
		bias: Vec<f64>,
	) -> Outcome<()> {
		if self.dimensions(value) != [inputs] {
			return Err(format!(
				"a sample's tensor of dimensions {:?} is multiplied by a matrix of {inputs} rows; a vector of as many is supported",
				self.dimensions(value)
			));
		}
		let outputs = bias.len();
		let op = Op::Linear {
			weights,
			bias,
			conv: None,
		};
		self.push(node, vec![value], op, vec![outputs])
	}

	fn conv(&mut self, node: &NodeProto) -> Outcome<()> {
		let value = self.value(node, 0)?;
		let image = self.image(value)?;
		let (shape, weights) = self.floats(node, 1)?;
		let &[outputs, inputs, height, width] = shape.as_slice() else {
			return Err(format!(
				"its weights have dimensions {shape:?}; two-dimensional kernels are supported"
			));
		};
		let groups = int(node, "group", 1);
		let groups = usize::try_from(groups)
			.ok()
			.filter(|groups| inputs.checked_mul(*groups) == Some(image[0]));
		let Some(groups) = groups.filter(|groups| outputs % groups == 0) else {
			return Err(format!(
				"{} channels do not go into {} groups with weights of {shape:?}",
				image[0],
				int(node, "group", 1)
			));
		};
		let bias = match self.constant(node, 2)? {
			None => vec![0.0; outputs],
			Some(_) => self.floats(node, 2)?.1,
		};
		if bias.len() != outputs {
			return Err(format!("{} biases for {outputs} channels", bias.len()));
		}
		let (window, sides) = window(node, image, Some([height, width]))?;
		let op = Op::Linear {
			weights,
			bias,
			conv: Some((window, groups)),
		};
		self.push(node, vec![value], op, vec![outputs, sides[0], sides[1]])
	}

	fn sum(&mut self, node: &NodeProto) -> Outcome<()> {
		let is_constant = |input: usize| {
			let tensor = node.input.get(input);
			tensor.is_some_and(|tensor| self.constants.contains_key(tensor))
		};
		let (input, constant) = match (is_constant(0), is_constant(1)) {
			(false, false) => {
				let values = vec![self.value(node, 0)?, self.value(node, 1)?];
				let shape = self.dimensions(values[0]).to_vec();
				if self.dimensions(values[1]) != shape {
					return Err(format!(
						"it adds tensors of dimensions {shape:?} and {:?}; the same are supported",
						self.dimensions(values[1])
					));
				}
				return self.push(node, values, Op::Add, shape);
			}
			(constant_first, _) => (usize::from(constant_first), usize::from(!constant_first)),
		};
		let value = self.value(node, input)?;
		let (shape, values) = self.floats(node, constant)?;
		let shift = spread(&shape, &values, self.dimensions(value))?;
		self.affine(node, input, &vec![1.0; shift.len()], &shift)
	}

	fn batch_norm(&mut self, node: &NodeProto) -> Outcome<()> {
		if int(node, "training_mode", 0) != 0 {
			return Err("training_mode is not supported".into());
		}
		let channels = self.dimensions(self.value(node, 0)?)[0];
		let parameters = (1..5)
			.map(|input| self.floats(node, input).map(|(_, values)| values))
			.collect::<Outcome<Vec<_>>>()?;
		if let Some(values) = parameters.iter().find(|values| values.len() != channels) {
			return Err(format!(
				"{} parameters for {channels} channels",
				values.len()
			));
		}
		let epsilon = float(node, "epsilon", 1e-5);
		let factor: Vec<_> = (0..channels)
			.map(|c| parameters[0][c] / (parameters[3][c] + epsilon).sqrt())
			.collect();
		let shift: Vec<_> = (0..channels)
			.map(|c| parameters[1][c] - factor[c] * parameters[2][c])
			.collect();
		match factor.iter().all(|factor| factor.is_finite()) {
			true => self.affine(node, 0, &factor, &shift),
			false => Err("a variance is not positive".into()),
		}
	}

	/// Each channel times its factor, plus its shift: in the linear layer before if nothing else reads it.
	fn affine(
		&mut self,
		node: &NodeProto,
		input: usize,
		factor: &[f64],
		shift: &[f64],
	) -> Outcome<()> {
		let value = self.value(node, input)?;
		let alone = self.readers.get(self.tensor(value)) == Some(&1);
		if let (true, Some(before)) = (alone, value.checked_sub(1)) {
			let before = &mut self.graph.nodes[before];
			if let Op::Linear { weights, bias, .. } = &mut before.op {
				let row = weights.len() / bias.len();
				for (c, weights) in weights.chunks_exact_mut(row).enumerate() {
					weights.iter_mut().for_each(|weight| *weight *= factor[c]);
					bias[c] = bias[c] * factor[c] + shift[c];
				}
				before.tensor.clone_from(&node.output[0]);
				self.values.insert(node.output[0].clone(), value);
				return Ok(());
			}
		}
		let window = Window::tiles(1, 1);
		let op = Op::Linear {
			weights: factor.to_vec(),
			bias: shift.to_vec(),
			conv: Some((window, factor.len())),
		};
		self.push(node, vec![value], op, self.dimensions(value).to_vec())
	}

	fn pool(&mut self, node: &NodeProto) -> Outcome<()> {
		let value = self.value(node, 0)?;
		let image = self.image(value)?;
		let (window, sides) = window(node, image, None)?;
		let op = match node.op_type.as_str() {
			"MaxPool" => Op::MaxPool(window),
			_ if window.padding != [0; 4] && int(node, "count_include_pad", 0) == 0 => {
				return Err(
					"padding that the average leaves out (count_include_pad 0) is not supported"
						.into(),
				)
			}
			_ => Op::AveragePool(window),
		};
		self.push(node, vec![value], op, vec![image[0], sides[0], sides[1]])
	}

	fn flatten(&mut self, node: &NodeProto) -> Outcome<()> {
		let value = self.value(node, 0)?;
		let sides = self.dimensions(value);
		let axis = int(node, "axis", 1);
		if axis != 1 && axis != -(sides.len() as i64) {
			return Err(format!(
				"axis {axis}: only everything after the samples' dimension is flattened"
			));
		}
		let flat = elements(sides)
			.ok_or_else(|| format!("at most {MAX_ELEMENTS} elements are supported"))?;
		self.push(node, vec![value], Op::Reshape, vec![flat])
	}

	fn reshape(&mut self, node: &NodeProto) -> Outcome<()> {
		let value = self.value(node, 0)?;
		let target = match self.constant(node, 1)? {
			Some(constant) => numbers::<i64>(constant).map_err(|e| e.to_string())?,
			None => ints(node, "shape").ok_or("it has no shape")?.to_vec(),
		};
		if int(node, "allowzero", 0) != 0 {
			return Err("allowzero is not supported".into());
		}
		let shape = reshaped(self.dimensions(value), self.network.batch(), &target)?;
		self.push(node, vec![value], Op::Reshape, shape)
	}

	fn softmax(&mut self, node: &NodeProto) -> Outcome<()> {
		let value = self.value(node, 0)?;
		let default = if self.network.operator_set() < 13 {
			1
		} else {
			-1
		};
		self.last_axis(value, int(node, "axis", default))?;
		let output = &node.output[0];
		if !self.is_last(output, Some("ArgMax")) {
			return Err("it is supported only at the end".into());
		}
		self.graph.notes.push(format!(
			"`{}` ({}) is left out: the scores before it have the same order",
			name(node),
			node.op_type
		));
		self.values.insert(output.clone(), value);
		Ok(())
	}

	fn argmax(&mut self, node: &NodeProto) -> Outcome<()> {
		let value = self.value(node, 0)?;
		self.last_axis(value, int(node, "axis", 0))?;
		if int(node, "select_last_index", 0) != 0 {
			return Err("select_last_index is not supported".into());
		}
		if !self.is_last(&node.output[0], None) {
			return Err("it is supported only at the end".into());
		}
		self.push(node, vec![value], Op::ArgMax, vec![1])
	}

	/// Whether nothing reads a tensor but what changes nothing, and nodes of an operator.
	fn is_last(&self, tensor: &str, operator: Option<&str>) -> bool {
		let mut same = HashSet::from([tensor]);
		for node in self.network.nodes() {
			if !node.input.iter().any(|read| same.contains(read.as_str())) {
				continue;
			}
			let first = node.input.first().map_or("", String::as_str);
			match node.op_type.as_str() {
				"Identity" | "Dropout" if same.contains(first) => {
					same.extend(node.output.first().map(String::as_str));
				}
				other if Some(other) == operator => {}
				_ => return false,
			}
		}
		true
	}

	/// The operator must go over all of a sample, a vector.
	fn last_axis(&self, value: usize, axis: i64) -> Outcome<()> {
		match self.dimensions(value) {
			[_] if matches!(axis, 1 | -1) => Ok(()),
			sides => Err(format!(
				"it goes over axis {axis} of a tensor whose samples have dimensions {sides:?}; vectors, and axis 1, are supported"
			)),
		}
	}
}

fn numbers<T: Datum + Copy>(tensor: &Tensor) -> TractResult<Vec<T>> {
	let tensor = tensor.cast_to::<T>()?;
	Ok(tensor.try_as_plain_ram()?.as_slice::<T>()?.to_vec())
}

fn transpose(values: &[f64], rows: usize, columns: usize) -> Vec<f64> {
	(0..rows * columns)
		.map(|at| values[at % rows * columns + at / rows])
		.collect()
}

/// A constant's values, one for each channel of a sample's tensor against which it is broadcast.
fn spread(shape: &[usize], values: &[f64], sides: &[usize]) -> Outcome<Vec<f64>> {
	let channels = sides[0];
	// With the samples' dimension, which `sides` lacks.
	if shape.len() > sides.len() + 1 {
		return Err(format!(
			"a constant of dimensions {shape:?} has more of them than the value of {sides:?} for each sample: leave out its leading ones"
		));
	}
	if values.len() == 1 {
		return Ok(vec![values[0]; channels]);
	}
	// From the last dimension: those of a sample, of which only the channels may be more than one; no others.
	let mut expected = vec![1; sides.len()];
	expected[0] = channels;
	let extra = shape.len().saturating_sub(sides.len());
	let (front, own) = shape.split_at(extra);
	match own == expected && front.iter().all(|side| *side == 1) {
		true => Ok(values.to_vec()),
		false => Err(format!(
			"a constant of dimensions {shape:?} is not one value for each channel of {sides:?}"
		)),
	}
}

/// A sample's dimensions after a Reshape to `target`, whose first dimension must be that of the samples.
fn reshaped(sides: &[usize], batch: Option<usize>, target: &[i64]) -> Outcome<Vec<usize>> {
	let mixes = || {
		format!(
			"{target:?} mixes samples with one another: its first dimension must be theirs, 0, or -1 with no other; a sample's \
			 tensor is {sides:?}"
		)
	};
	let (first, rest) = target.split_first().ok_or_else(mixes)?;
	let side = |(at, side): (usize, &i64)| match *side {
		-1 => Ok(None),
		// The input's dimension at this place; `sides` lacks the first.
		0 => sides.get(at).copied().map(Some).ok_or_else(|| {
			format!(
				"{target:?} has a 0 at place {}, where its input has no dimension: \
				 a sample's tensor is {sides:?}",
				at + 1
			)
		}),
		side => usize::try_from(side)
			.map(Some)
			.map_err(|_| format!("{target:?} has the dimension {side}")),
	};
	let rest: Vec<Option<usize>> = rest.iter().enumerate().map(side).collect::<Outcome<_>>()?;
	let open = rest.iter().filter(|side| side.is_none()).count();
	if open + usize::from(*first == -1) > 1 {
		return Err(format!("{target:?} has more than one -1"));
	}
	let same_first = match *first {
		0 | -1 => true,
		first => usize::try_from(first).is_ok_and(|first| Some(first) == batch),
	};
	if !same_first {
		return Err(mixes());
	}
	let known = rest
		.iter()
		.flatten()
		.try_fold(1usize, |known, side| known.checked_mul(*side));
	let missing = known.zip(elements(sides)).and_then(|(known, all)| {
		let missing = all.checked_div(known)?;
		(missing * known == all && (open == 1 || missing == 1)).then_some(missing)
	});
	match missing {
		Some(missing) => Ok(rest
			.into_iter()
			.map(|side| side.unwrap_or(missing))
			.collect()),
		// What the samples' dimension would become is another number.
		None if *first == -1 => Err(mixes()),
		None => Err(format!(
			"{target:?} has another number of elements than a sample's tensor of {sides:?}"
		)),
	}
}
