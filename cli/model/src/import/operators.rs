//! What becomes of each ONNX operator: a layer, a change of one, or nothing.
//!
//! A bias that is added, a BatchNormalization and the constant factors of a Gemm go into the weights of the
//! linear layer before them; where there is none, a depthwise convolution of 1x1 takes their place. A
//! Softmax at the end goes: the largest score stays the largest. Identity and Dropout go.

use std::collections::HashSet;

use lemma_zk_circuits::programs::infer::model::{Window, MAX_ELEMENTS};
use tract_onnx::pb::NodeProto;

use super::{numbers, Import, Outcome};
use crate::{
	attributes::{float, int, ints, name, window},
	graph::{elements, Op},
};

impl Import<'_> {
	/// Adds what a node computes; why it cannot be proven, if it cannot.
	pub(super) fn add(&mut self, node: &NodeProto) -> Outcome<()> {
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
