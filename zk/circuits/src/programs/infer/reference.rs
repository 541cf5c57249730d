//! A model run plainly: what every backend's output is compared with.

use rayon::prelude::*;

use super::model::{Linear, Model, Op, Requantise, Shape, Window};
use lemma_zk_statement::OutputElement;

/// The output of a batch of samples, one after the other, as its bytes.
///
/// # Panics
///
/// If the samples are not whole.
pub fn output(model: &Model, samples: &[i8]) -> Vec<u8> {
	let length = model.input().elements();
	assert_eq!(samples.len() % length, 0, "samples are whole");
	let outputs: Vec<Vec<i32>> = samples
		.par_chunks_exact(length)
		.map(|sample| values(model, sample).pop().unwrap_or_default())
		.collect();
	let elements = outputs.iter().flatten();
	match model.element() {
		OutputElement::I32 => elements.flat_map(|value| value.to_le_bytes()).collect(),
		// Every other value is int8.
		_ => elements.map(|value| *value as u8).collect(),
	}
}

/// All values of one sample, in order: the sample itself, then each layer's output.
pub fn values(model: &Model, sample: &[i8]) -> Vec<Vec<i32>> {
	let mut values = vec![sample.iter().map(|value| i32::from(*value)).collect()];
	for (place, layer) in model.layers().iter().enumerate() {
		let input: &Vec<i32> = &values[layer.input];
		let shape = model.values()[layer.input].shape;
		let output = model.values()[place + 1].shape;
		let made = match &layer.op {
			Op::Dense(linear) => dense(linear, input),
			Op::Conv {
				linear,
				window,
				groups,
			} => conv(linear, window, *groups, input, shape, output),
			Op::Add {
				other,
				factors,
				requantise,
			} => {
				let factors = factors.map(i32::from);
				let sums = input.iter().zip(&values[*other]);
				let sums = sums.map(|(a, b)| factors[0] * a + factors[1] * b);
				by_channel(sums.collect(), output, requantise)
			}
			Op::Relu => input.iter().map(|value| (*value).max(0)).collect(),
			Op::MaxPool(window) => pool(window, input, shape, output, |inside| {
				inside.max().unwrap_or(i32::from(i8::MIN))
			}),
			Op::AveragePool { window, requantise } => {
				let sums = pool(window, input, shape, output, |inside| inside.sum());
				by_channel(sums, output, requantise)
			}
			Op::GlobalAveragePool { requantise } => {
				let channels = input.chunks_exact(shape.height * shape.width);
				let sums = channels.map(|channel| channel.iter().sum()).collect();
				by_channel(sums, output, requantise)
			}
			Op::Reshape(_) => input.clone(),
			Op::ArgMax => {
				let greatest = (0..input.len()).rev().max_by_key(|place| input[*place]);
				// At most 2^18 elements.
				vec![greatest.unwrap_or(0) as i32]
			}
		};
		values.push(made);
	}
	values
}

/// Each accumulator requantised by its channel's scale.
fn by_channel(sums: Vec<i32>, shape: Shape, requantise: &Requantise) -> Vec<i32> {
	let plane = shape.height * shape.width;
	let of_place = |(place, sum): (usize, i32)| i32::from(requantise.apply(place / plane, sum));
	sums.into_iter().enumerate().map(of_place).collect()
}

/// The whole sum is an int32, as [`super::Model::new`] checks. Its parts need not be: where an input cannot be zero, they
/// wrap around on the way, as they do on a GPU.
fn dot(bias: i32, weights: &[i8], inputs: &[i32]) -> i32 {
	let products = weights.iter().zip(inputs);
	products.fold(bias, |sum, (weight, input)| {
		sum.wrapping_add(i32::from(*weight) * input)
	})
}

fn dense(linear: &Linear, input: &[i32]) -> Vec<i32> {
	let rows = linear.weights.chunks_exact(input.len()).zip(&linear.bias);
	let sums = rows.map(|(row, bias)| dot(*bias, row, input)).collect();
	scores_or_bytes(sums, Shape::vector(linear.bias.len()), linear)
}

fn scores_or_bytes(sums: Vec<i32>, shape: Shape, linear: &Linear) -> Vec<i32> {
	match &linear.requantise {
		Some(requantise) => by_channel(sums, shape, requantise),
		None => sums,
	}
}

fn conv(
	linear: &Linear,
	window: &Window,
	groups: usize,
	input: &[i32],
	shape: Shape,
	output: Shape,
) -> Vec<i32> {
	let (channels, outputs) = (shape.channels / groups, output.channels / groups);
	let plane = output.height * output.width;
	let length = channels * window.kernel[0] * window.kernel[1];
	let mut sums = vec![0; output.elements()];
	for group in 0..groups {
		for place in 0..plane {
			let (row, column) = (place / output.width, place % output.width);
			let inside = patch(
				window,
				shape,
				group * channels..(group + 1) * channels,
				row,
				column,
			);
			let inside: Vec<i32> = inside.map(|at| at.map_or(0, |at| input[at])).collect();
			for channel in group * outputs..(group + 1) * outputs {
				let weights = &linear.weights[channel * length..][..length];
				sums[channel * plane + place] = dot(linear.bias[channel], weights, &inside);
			}
		}
	}
	scores_or_bytes(sums, output, linear)
}

/// Places of the elements of some channels that a window has inside at one place of its output, in the order of a kernel's
/// weights; `None` where the padding is.
pub(super) fn patch(
	window: &Window,
	shape: Shape,
	channels: std::ops::Range<usize>,
	row: usize,
	column: usize,
) -> impl Iterator<Item = Option<usize>> + '_ {
	channels.flat_map(move |channel| {
		window.places(shape, row, column).map(move |place| {
			let [row, column] = place?;
			Some((channel * shape.height + row) * shape.width + column)
		})
	})
}

fn pool(
	window: &Window,
	input: &[i32],
	shape: Shape,
	output: Shape,
	of_inside: impl Fn(&mut dyn Iterator<Item = i32>) -> i32,
) -> Vec<i32> {
	let mut pooled = Vec::with_capacity(output.elements());
	for channel in 0..output.channels {
		for row in 0..output.height {
			for column in 0..output.width {
				let inside = patch(window, shape, channel..channel + 1, row, column);
				pooled.push(of_inside(&mut inside.flatten().map(|at| input[at])));
			}
		}
	}
	pooled
}
