//! From float weights to integers.
//!
//! A value's elements are int8, and stand for real numbers: real = scale * (integer + offset). Scales are real numbers and
//! are no part of the model: they are chosen so that between two of them there is only a power of two, which the layer shifts by.
//!
//! - **Sample**: scale 1 if the samples at hand are all integers from -128 to 127, else their greatest absolute value / 127.
//!   Values are rounded to the nearest, halves away from zero, and clipped to int8.
//! - **Linear layer**: the output's scale is the greatest absolute value over the samples / 127, after the Relu if one follows. With
//!   r = weight * scale in / scale out, an output channel's shift k is the largest, up to 24, with which every round(r * 2^k) is
//!   within 127 and the bias below 2^29: these are its weights. Its bias is round(bias / scale out * 2^k + offset in * sum of
//!   weights) + 2^(k-1): the half that makes the floor of the shift a rounding to the nearest. So weights use more than half of int8 in
//!   each channel whose bias and the 24 leave room for it, and there is no multiplier to prove. `per_layer` takes the least shift of a layer for
//!   all its channels.
//! - **Last linear layer**: not requantised, int32 scores. Weights are round(weight / s) with s the greatest of the layer / 127, or the greatest
//!   bias / (scale in * 2^29) if that is more; the scores' scale is scale in * s.
//! - **Add**: factors are round(scale in / scale out * 2^k), with the largest k up to 24 that keeps them within 1023.
//! - **Average of n**: scale out = scale in * 2^k / n, with the least k that keeps the greatest average over the samples within 127:
//!   the sum is shifted by k.
//! - **Relu, MaxPool, Reshape** keep scale and offset. A Relu after a layer that rounds, with nothing but MaxPool and Reshape between
//!   that nothing else reads, is that layer's least value 0.
//! - **Offsets**: Add and averages have no bias and floor; what they make lies (1 - 2^-k) / 2 too low on average (none where a Relu
//!   cuts it off), which the next linear layer's bias makes good.

use lemma_zk_circuits::programs::infer::{
	model::{self, Layer, Linear, ModelError, Requantise, Scale, MAX_ELEMENTS},
	reference, Model,
};

use crate::{
	graph::{elements, model_shape, Graph, Op, Range},
	samples::integer,
	Error, Integers, Samples,
};

/// Largest shift of a layer.
const MAX_SHIFT: u8 = 24;
/// Biases are less than this: the worst case of the sum beside them is far from overflow.
const MAX_BIAS: f64 = (1u32 << 29) as f64;
/// Largest factor of an Add.
const MAX_FACTOR: f64 = 1023.0;
/// Largest int8 that is aimed at, on both sides.
const MOST: f64 = 127.0;

/// What is left to choose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
	/// One shift for all channels of a layer, instead of one for each.
	pub per_layer: bool,
	/// The output is the place of the largest score, not the scores.
	pub argmax: bool,
}

/// A quantised network.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantised {
	/// The integers.
	pub model: Model,
	/// What a unit of a sample's integers stands for.
	pub input_scale: f64,
	/// What a unit of the output's integers stands for; `None` for a place.
	pub output_scale: Option<f64>,
	/// ONNX nodes of the model's layers, in order.
	pub names: Vec<String>,
	/// What was left out that changes the output's values, for people.
	pub notes: Vec<String>,
}

/// How a value's integers stand for real numbers.
#[derive(Clone, Copy)]
struct Coded {
	value: usize,
	scale: f64,
	offset: f64,
}

/// Chooses scales by the values' ranges, and rounds.
pub fn quantise(
	graph: &Graph,
	ranges: &[Range],
	samples: &Samples,
	options: &Options,
) -> Result<Quantised, Error> {
	let input = model_shape(&graph.shape).or_else(|reason| {
		// Nothing but a Reshape reads a tensor of other dimensions.
		let reads =
			|node: &crate::graph::Node| !node.inputs.contains(&0) || matches!(node.op, Op::Reshape);
		match (graph.nodes.iter().all(reads), elements(&graph.shape)) {
			(true, Some(elements)) => Ok(model::Shape::vector(elements)),
			_ => Err(Error::Samples(reason)),
		}
	})?;
	let relus = Relus::find(graph);
	let mut coded = vec![Coded {
		value: 0,
		scale: input_scale(samples),
		offset: 0.0,
	}];
	let (mut layers, mut names) = (Vec::new(), Vec::new());
	let last_scored = graph
		.nodes
		.iter()
		.rposition(|node| !matches!(node.op, Op::ArgMax));
	let mut output_scale = None;
	for (at, node) in graph.nodes.iter().enumerate() {
		let inputs: Vec<_> = node.inputs.iter().map(|value| coded[*value]).collect();
		let first = inputs[0];
		if relus.left_out[at] {
			coded.push(first);
			continue;
		}
		let fail = |reason: String| Error::Layer {
			node: node.name.clone(),
			reason,
		};
		let too_large = || fail(format!("it has more than {MAX_ELEMENTS} elements"));
		let low = if relus.cut_off[at] { 0 } else { -128 };
		let most = match ranges.get(at + 1) {
			Some(range) if low == 0 => range.high.max(0.0),
			Some(range) => range.high.max(-range.low),
			None => 0.0,
		};
		// Nothing but zeros: any scale will do.
		let aimed = if most > 0.0 { most / MOST } else { first.scale };
		let (op, scale, offset) = match &node.op {
			Op::Linear {
				weights,
				bias,
				conv,
			} => {
				let rows = Rows { weights, bias };
				let is_last = Some(at) == last_scored && low != 0;
				let (linear, scale) = match is_last {
					true => rows.scores(first),
					false => rows
						.requantised(first, aimed, low, options.per_layer)
						.map_err(fail)?,
				};
				let op = match conv {
					None => model::Op::Dense(linear),
					Some((window, groups)) => model::Op::Conv {
						linear,
						window: *window,
						groups: *groups,
					},
				};
				(op, scale, 0.0)
			}
			Op::Add => {
				let (op, offset) = add([first, inputs[1]], aimed, low).map_err(fail)?;
				(op, aimed, offset)
			}
			Op::AveragePool(window) => {
				let average = Average::new(first, window.kernel[0] * window.kernel[1], most, low);
				let op = model::Op::AveragePool {
					window: *window,
					requantise: average.requantise,
				};
				(op, average.scale, average.offset)
			}
			Op::GlobalAveragePool => {
				let sides = &graph.dimensions(node.inputs[0])[1..];
				let count = elements(sides).ok_or_else(too_large)?;
				let average = Average::new(first, count, most, low);
				let op = model::Op::GlobalAveragePool {
					requantise: average.requantise,
				};
				(op, average.scale, average.offset)
			}
			Op::Relu => (model::Op::Relu, first.scale, first.offset),
			Op::MaxPool(window) => (model::Op::MaxPool(*window), first.scale, first.offset),
			Op::Reshape => {
				let shape = match model_shape(&node.shape) {
					Ok(shape) => shape,
					// Between two Reshapes.
					Err(_) => model::Shape::vector(elements(&node.shape).ok_or_else(too_large)?),
				};
				(model::Op::Reshape(shape), first.scale, first.offset)
			}
			Op::ArgMax => (model::Op::ArgMax, first.scale, 0.0),
		};
		layers.push(Layer {
			input: first.value,
			op,
		});
		names.push(node.name.clone());
		output_scale = (!matches!(node.op, Op::ArgMax)).then_some(scale);
		coded.push(Coded {
			value: layers.len(),
			scale,
			offset,
		});
	}
	if options.argmax && output_scale.is_some() {
		layers.push(Layer {
			input: layers.len(),
			op: model::Op::ArgMax,
		});
		names.push("argmax".into());
		output_scale = None;
	}
	Ok(Quantised {
		model: Model::new(input, layers).map_err(|error| of_node(error, &names))?,
		input_scale: coded[0].scale,
		output_scale,
		names,
		notes: graph.notes.clone(),
	})
}

/// An error that names the ONNX node in place of the layer.
fn of_node(error: ModelError, names: &[String]) -> Error {
	match error {
		ModelError::Layer { layer, op, reason } => {
			let advice = match reason.contains("32 bits") {
				true => {
					": give the layer fewer inputs, such as by a pool before it, or smaller biases"
				}
				false => "",
			};
			Error::Layer {
				node: names.get(layer).cloned().unwrap_or_else(|| op.into()),
				reason: format!("{reason}{advice}"),
			}
		}
		whole => Error::Model(whole),
	}
}

/// How many layers a quantised model of the network has: Relus that others take over are none.
pub(crate) fn layers(graph: &Graph) -> usize {
	let left_out = Relus::find(graph).left_out;
	left_out.iter().filter(|is_left_out| !**is_left_out).count()
}

impl Quantised {
	/// The integers of a sample of real numbers.
	pub fn sample(&self, values: &[f32]) -> Vec<i8> {
		let integer = |value: &f32| integer(*value, self.input_scale).0;
		values.iter().map(integer).collect()
	}

	/// The class of every sample: place of the largest score.
	pub fn classes(&self, samples: &Samples) -> Result<Vec<usize>, Error> {
		let elements = self.model.input().elements();
		if samples.columns != elements {
			return Err(Error::Samples(format!(
				"a sample has {} values, but the model takes {elements}",
				samples.columns
			)));
		}
		let integers = Integers::of(samples, self.input_scale);
		let scores = (0..samples.rows).map(|row| self.evaluate(integers.rows(row..row + 1)));
		Ok(scores
			.map(|scores| match self.output_scale {
				Some(_) => crate::largest(&scores),
				// A place, not negative.
				None => scores[0] as usize,
			})
			.collect())
	}

	/// The output's integers for one sample of real numbers, as the reference has them.
	pub fn scores(&self, values: &[f32]) -> Vec<i32> {
		self.evaluate(&self.sample(values))
	}

	fn evaluate(&self, sample: &[i8]) -> Vec<i32> {
		reference::values(&self.model, sample)
			.pop()
			.unwrap_or_default()
	}
}

/// Which nodes are Relus that the layer before takes over, and which layers do.
struct Relus {
	left_out: Vec<bool>,
	cut_off: Vec<bool>,
}

impl Relus {
	fn find(graph: &Graph) -> Self {
		let uses = graph.uses();
		let mut left_out = vec![false; graph.nodes.len()];
		let mut cut_off = left_out.clone();
		for (relu, node) in graph.nodes.iter().enumerate() {
			if !matches!(node.op, Op::Relu) {
				continue;
			}
			let mut value = node.inputs[0];
			while let Some(before) = value.checked_sub(1).filter(|_| uses[value] == 1) {
				match graph.nodes[before].op {
					// The largest of what is cut off, and the same elements, are cut off too.
					Op::MaxPool(_) | Op::Reshape => value = graph.nodes[before].inputs[0],
					Op::Linear { .. } | Op::Add | Op::AveragePool(_) | Op::GlobalAveragePool => {
						(left_out[relu], cut_off[before]) = (true, true);
						break;
					}
					_ => break,
				}
			}
		}
		Self { left_out, cut_off }
	}
}

fn input_scale(samples: &Samples) -> f64 {
	let is_integer = |value: &f32| value.fract() == 0.0 && (-128.0..=127.0).contains(value);
	match samples.values.iter().all(is_integer) {
		true => 1.0,
		false => f64::from(samples.greatest()) / MOST,
	}
}

/// Float weights and biases, a row for each output channel.
struct Rows<'a> {
	weights: &'a [f64],
	bias: &'a [f64],
}

impl Rows<'_> {
	fn each(&self) -> impl Iterator<Item = (&[f64], f64)> {
		let row = self.weights.len() / self.bias.len();
		self.weights
			.chunks_exact(row)
			.zip(self.bias.iter().copied())
	}

	/// Integers whose accumulators are the scores, and the scores' scale.
	fn scores(&self, input: Coded) -> (Linear, f64) {
		let bias = greatest(self.bias) / (input.scale * MAX_BIAS);
		let unit = match (greatest(self.weights) / MOST).max(bias) {
			unit if unit > 0.0 => unit,
			_ => 1.0,
		};
		let scale = input.scale * unit;
		let (weights, bias) = self.integers(input, |_| (1.0 / unit, 1.0 / scale, 0.0));
		let linear = Linear {
			weights,
			bias,
			requantise: None,
		};
		(linear, scale)
	}

	/// Integers for an output of a scale, and that scale.
	fn requantised(
		&self,
		input: Coded,
		scale: f64,
		low: i8,
		per_layer: bool,
	) -> Result<(Linear, f64), String> {
		let ratio = input.scale / scale;
		let shifts: Option<Vec<_>> = self
			.each()
			.map(|(weights, bias)| {
				let (weight, bias) = (greatest(weights) * ratio, bias.abs() / scale);
				let fits = |shift: &u8| {
					let unit = exp2(*shift);
					weight * unit < MOST + 0.5 && bias * unit < MAX_BIAS
				};
				(0..=MAX_SHIFT).rev().find(fits)
			})
			.collect();
		let mut shifts = shifts.ok_or(
			"its weights are too large for its outputs over these samples: int8 cannot hold them. Are the samples typical?",
		)?;
		let least = shifts.iter().copied().min().unwrap_or_default();
		if per_layer || shifts.iter().all(|shift| *shift == least) {
			shifts.truncate(1);
			shifts[0] = least;
		}
		let shift = |channel: usize| *shifts.get(channel).unwrap_or(&shifts[0]);
		let (weights, bias) = self.integers(input, |channel| {
			let unit = exp2(shift(channel));
			(ratio * unit, unit / scale, (unit / 2.0).floor())
		});
		let scales = shifts.iter().map(|shift| power(*shift)).collect();
		let linear = Linear {
			weights,
			bias,
			requantise: Some(Requantise { scales, low }),
		};
		Ok((linear, scale))
	}

	/// Weights times a factor and biases times another, rounded, plus a half: the three of a channel.
	fn integers(
		&self,
		input: Coded,
		channel: impl Fn(usize) -> (f64, f64, f64),
	) -> (Vec<i8>, Vec<i32>) {
		let (mut integers, mut biases) = (Vec::with_capacity(self.weights.len()), Vec::new());
		for (at, (weights, bias)) in self.each().enumerate() {
			let (weight, unit, half) = channel(at);
			let first = integers.len();
			// Within int8: so the factor was chosen.
			integers.extend(weights.iter().map(|w| (w * weight).round() as i8));
			let sum: f64 = integers[first..].iter().map(|w| f64::from(*w)).sum();
			// Within int32 likewise; beyond, it would saturate, and the model's check says so.
			biases.push(((bias * unit + input.offset * sum).round() + half) as i32);
		}
		(integers, biases)
	}
}

/// An Add, and the offset of what it makes.
fn add(inputs: [Coded; 2], scale: f64, low: i8) -> Result<(model::Op, f64), String> {
	let ratios = inputs.map(|input| input.scale / scale);
	let greatest = ratios[0].max(ratios[1]);
	let shift = (0..=MAX_SHIFT)
		.rev()
		.find(|shift| greatest * exp2(*shift) <= MAX_FACTOR);
	let shift = shift.ok_or(
		"its sum is far smaller than what it adds over these samples: int8 cannot hold it. Are the samples typical?",
	)?;
	// Within int16: at most MAX_FACTOR.
	let factors = ratios.map(|ratio| (ratio * exp2(shift)).round() as i16);
	let op = model::Op::Add {
		other: inputs[1].value,
		factors,
		requantise: Requantise {
			scales: vec![power(shift)],
			low,
		},
	};
	let before: f64 = (0..2).map(|i| inputs[i].offset * ratios[i]).sum();
	Ok((op, offset(shift, low) + before))
}

/// The rounding of an average, and how its output is coded.
struct Average {
	requantise: Requantise,
	scale: f64,
	offset: f64,
}

impl Average {
	fn new(input: Coded, count: usize, most: f64, low: i8) -> Self {
		let count = count as f64;
		let sum = most * count / input.scale;
		let fits = |shift: &u8| sum / exp2(*shift) <= MOST;
		let shift = (0..MAX_SHIFT).find(fits).unwrap_or(MAX_SHIFT);
		Self {
			requantise: Requantise {
				scales: vec![power(shift)],
				low,
			},
			scale: input.scale * exp2(shift) / count,
			offset: offset(shift, low) + input.offset * count / exp2(shift),
		}
	}
}

/// What a floor loses on average.
fn offset(shift: u8, low: i8) -> f64 {
	if low == 0 {
		0.0
	} else {
		(1.0 - 1.0 / exp2(shift)) / 2.0
	}
}

fn power(shift: u8) -> Scale {
	Scale {
		multiplier: 1,
		shift,
	}
}

fn exp2(shift: u8) -> f64 {
	f64::from(shift).exp2()
}

fn greatest(values: &[f64]) -> f64 {
	values.iter().fold(0.0, |most, value| most.max(value.abs()))
}
