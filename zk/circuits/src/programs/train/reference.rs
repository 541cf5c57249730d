//! The training computed plainly: what the circuit and every backend are compared with.
//!
//! All is exact over the integers but for two roundings, both by [`rounded`]: of activations (and errors of scores), and of
//! the errors that are handed back through a layer. Weights are never rounded. `docs/protocol/train.md` has
//! the formulas and why nothing overflows.

use super::{
	blob::Training,
	network::{Network, BATCH, BIAS_INPUT, ERROR_OFFSET, MARGIN, MAX_ACTIVATION, SHIFT},
};

/// Samples of a step.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
	/// 32 rows of features.
	pub features: &'a [i8],
	/// The class of each.
	pub labels: &'a [u8],
}

/// Everything of one step that is not a weight: what a prover has to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
	/// For each layer, row by row: the sums that it yields.
	pub sums: Vec<Vec<i64>>,
	/// For each layer: the activations that it takes, without its bias input.
	pub activations: Vec<Vec<i64>>,
	/// For each layer but the first: what its errors are for the layer before, as sums.
	pub returned: Vec<Vec<i64>>,
	/// For each layer: the errors by which its weights change.
	pub errors: Vec<Vec<i64>>,
}

/// floor(sum / 2^20), cut to 0..=255.
pub fn rounded(sum: i64) -> i64 {
	(sum >> SHIFT).clamp(0, MAX_ACTIVATION)
}

/// The error of one score: how much it is short of its margin, with the sign that the score has to lose.
fn score_error(sum: i64, is_class: bool) -> i64 {
	let sign = if is_class { 1 } else { -1 };
	-sign * rounded((MARGIN << SHIFT) - sign * sum)
}

/// What is added to a returned sum before it is [`rounded`]: to the nearest, and to all of -128..=127.
pub const RETURNED_OFFSET: i64 = (ERROR_OFFSET << SHIFT) + (1 << (SHIFT - 1));

/// A hidden value's error: none where the sum was negative.
fn hidden_error(returned: i64, sum: i64) -> i64 {
	if sum < 0 {
		return 0;
	}
	rounded(returned + RETURNED_OFFSET) - ERROR_OFFSET
}

/// The sums of one layer for rows of inputs: `weights` are row by row, a row for each input and the last for the bias.
fn sums(rows: &[i64], inputs: usize, outputs: usize, weights: &[i64]) -> Vec<i64> {
	let mut all = Vec::with_capacity(rows.len() / inputs * outputs);
	for row in rows.chunks_exact(inputs) {
		let mut sums = vec![0; outputs];
		for (input, weights) in row
			.iter()
			.chain([&BIAS_INPUT])
			.zip(weights.chunks_exact(outputs))
		{
			for (sum, weight) in sums.iter_mut().zip(weights) {
				*sum += input * weight;
			}
		}
		all.extend(sums);
	}
	all
}

/// The scores of rows of features: sums of the last layer, as many for each row as there are classes.
pub fn scores(network: &Network, weights: &[i32], features: &[i8]) -> Vec<i64> {
	let mut weights: &[i64] = &weights.iter().copied().map(i64::from).collect::<Vec<_>>();
	let mut values: Vec<i64> = features.iter().copied().map(i64::from).collect();
	for (layer, (inputs, outputs)) in network.layers().enumerate() {
		let (here, later) = weights.split_at((inputs + 1) * outputs);
		weights = later;
		if layer > 0 {
			values.iter_mut().for_each(|value| *value = rounded(*value));
		}
		values = sums(&values, inputs, outputs, here);
	}
	values
}

/// All steps of a job: the weights that it yields, and what happened in each step.
pub fn train(training: &Training) -> (Vec<i32>, Vec<Trace>) {
	let mut weights: Vec<i64> = training.weights.iter().copied().map(i64::from).collect();
	let batches = training.ordered();
	let taken = batches
		.iter()
		.cycle()
		.skip(training.first)
		.take(training.steps);
	let traces = taken.map(|(features, labels)| {
		let batch = Batch { features, labels };
		step(&training.network, &training.rates, &mut weights, batch)
	});
	let traces = traces.collect();
	// None overflows: see `network::MAX_CHANGE`.
	(
		weights.into_iter().map(|weight| weight as i32).collect(),
		traces,
	)
}

/// A table of a step's trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
	/// A layer's sums.
	Sums(usize),
	/// The activations that a layer takes.
	Activations(usize),
	/// What a layer returns to the one before.
	Returned(usize),
	/// A layer's errors.
	Errors(usize),
}

/// One step of gradient descent. Changes `weights`, which are layer by layer, and returns what happened.
pub fn step(network: &Network, rates: &[u32], weights: &mut [i64], batch: Batch<'_>) -> Trace {
	step_seen(network, rates, weights, batch, |_, _| ())
}

/// A step of which `see` is shown every table as soon as it is there. A test changes it, and with it all that follows.
pub(super) fn step_seen(
	network: &Network,
	rates: &[u32],
	weights: &mut [i64],
	batch: Batch<'_>,
	mut see: impl FnMut(Table, &mut Vec<i64>),
) -> Trace {
	let layers: Vec<_> = network.layers().collect();
	let mut places = Vec::new();
	let mut end = 0;
	for (inputs, outputs) in &layers {
		let start = end;
		end += (inputs + 1) * outputs;
		places.push(start..end);
	}

	let mut trace = Trace::default();
	let mut values: Vec<i64> = batch.features.iter().copied().map(i64::from).collect();
	for (layer, ((inputs, outputs), place)) in layers.iter().zip(&places).enumerate() {
		see(Table::Activations(layer), &mut values);
		let mut sums = sums(&values, *inputs, *outputs, &weights[place.clone()]);
		see(Table::Sums(layer), &mut sums);
		trace.activations.push(values);
		values = sums.iter().copied().map(rounded).collect();
		trace.sums.push(sums);
	}

	let classes = network.classes();
	let mut errors: Vec<i64> = Vec::with_capacity(BATCH * classes);
	let scores = &trace.sums[layers.len() - 1];
	for (scores, label) in scores.chunks_exact(classes).zip(batch.labels) {
		let of = |(class, sum): (usize, &i64)| score_error(*sum, class == usize::from(*label));
		errors.extend(scores.iter().enumerate().map(of));
	}
	see(Table::Errors(layers.len() - 1), &mut errors);
	trace.errors.push(errors);
	for (layer, (inputs, outputs)) in layers.iter().enumerate().skip(1).rev() {
		let weights = &weights[places[layer].clone()];
		let errors = &trace.errors[0];
		let mut returned = Vec::with_capacity(BATCH * inputs);
		for errors in errors.chunks_exact(*outputs) {
			let of = |weights: &[i64]| errors.iter().zip(weights).map(|(e, w)| e * w).sum::<i64>();
			returned.extend(weights.chunks_exact(*outputs).take(*inputs).map(of));
		}
		let sums = &trace.sums[layer - 1];
		see(Table::Returned(layer), &mut returned);
		let hidden = returned.iter().zip(sums).map(|(r, s)| hidden_error(*r, *s));
		let mut hidden = hidden.collect();
		see(Table::Errors(layer - 1), &mut hidden);
		trace.errors.insert(0, hidden);
		trace.returned.insert(0, returned);
	}

	for (layer, (inputs, outputs)) in layers.iter().enumerate() {
		let weights = &mut weights[places[layer].clone()];
		let rate = i64::from(rates[layer]);
		let rows = trace.activations[layer].chunks_exact(*inputs);
		for (row, errors) in rows.zip(trace.errors[layer].chunks_exact(*outputs)) {
			let row = row.iter().chain([&BIAS_INPUT]);
			for (input, weights) in row.zip(weights.chunks_exact_mut(*outputs)) {
				for (weight, error) in weights.iter_mut().zip(errors) {
					*weight -= rate * input * error;
				}
			}
		}
	}
	trace
}
