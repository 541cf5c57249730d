//! Networks small enough to be looked at from every side, in circuits of which only satisfaction is asked; and real proofs.

mod circuits;
mod constraints;
mod encodings;
mod models;
mod proofs;
mod references;

use std::sync::Arc;

use lemma_zk_statement::{blake2_256, Statement};
use plonky2::iop::witness::PartialWitness;

use super::{
	circuit::{InferCircuit, InferTargets},
	job::commitment,
	model::{Layer, Linear, Model, Op, Requantise, Scale, Shape, Window},
	reference,
};
use crate::{
	constraint::leaving_out::{Cheat, Tested},
	targets::StatementTargets,
	wrap::Wrapped,
	Builder,
};

/// Irregular numbers.
fn mixed(seed: u64) -> u64 {
	let mut z = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
	z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
	z ^ (z >> 31)
}

fn weights(count: usize, seed: u64) -> Vec<i8> {
	(0..count as u64)
		.map(|i| mixed(seed * 100_003 + i) as i8)
		.collect()
}

fn samples(model: &Model, batch: usize, seed: u64) -> Vec<i8> {
	weights(batch * model.input().elements(), seed + 77)
}

/// A layer's weights; biases of a few thousand.
fn linear(inputs: usize, outputs: usize, requantise: Option<Requantise>, seed: u64) -> Linear {
	Linear {
		weights: weights(inputs * outputs, seed),
		bias: (0..outputs as u64)
			.map(|i| i32::from(mixed(seed + i) as i16) / 8)
			.collect(),
		requantise,
	}
}

/// Widths of a perceptron: all layers but the last are cut at zero.
fn perceptron(widths: &[usize], seed: u64) -> Model {
	let last = widths.len() - 2;
	let layers = widths.windows(2).enumerate().map(|(place, pair)| {
		let shift = 7 + pair[0].ilog2() as u8 / 2;
		let requantise = (place != last).then(|| Requantise::uniform(1, shift, 0));
		Layer {
			input: place,
			op: Op::Dense(linear(pair[0], pair[1], requantise, seed + place as u64)),
		}
	});
	Model::new(Shape::vector(widths[0]), layers.collect()).unwrap()
}

/// Every operator: a picture of two channels to the place of the greatest of three scores.
fn everything() -> Model {
	let window = |kernel: usize, stride: usize, padding: [usize; 4]| Window {
		kernel: [kernel, kernel],
		stride: [stride, stride],
		padding,
	};
	let per_channel = Requantise {
		scales: (0..4)
			.map(|channel| Scale {
				multiplier: 3 + 2 * channel,
				shift: 12,
			})
			.collect(),
		low: 0,
	};
	let layer = |input: usize, op: Op| Layer { input, op };
	let layers = vec![
		layer(
			0,
			Op::Conv {
				linear: linear(18, 4, Some(per_channel), 1),
				window: window(3, 1, [1, 1, 1, 1]),
				groups: 1,
			},
		),
		layer(
			1,
			Op::Conv {
				linear: linear(9, 4, Some(Requantise::uniform(1, 9, -128)), 2),
				window: window(3, 1, [1, 1, 1, 1]),
				groups: 4,
			},
		),
		layer(
			2,
			Op::Add {
				other: 1,
				factors: [3, -2],
				requantise: Requantise::uniform(1, 2, -128),
			},
		),
		layer(3, Op::Relu),
		layer(4, Op::MaxPool(window(3, 2, [1, 0, 0, 1]))),
		layer(
			5,
			Op::AveragePool {
				window: window(2, 1, [0, 0, 1, 1]),
				requantise: Requantise::uniform(1, 2, -128),
			},
		),
		layer(6, Op::Reshape(Shape::new(8, 1, 2))),
		layer(
			7,
			Op::GlobalAveragePool {
				requantise: Requantise::uniform(1, 1, -128),
			},
		),
		layer(8, Op::Dense(linear(8, 3, None, 3))),
		layer(9, Op::ArgMax),
	];
	Model::new(Shape::new(2, 4, 4), layers).unwrap()
}

/// What setting a circuit's witness takes.
type Targets = (StatementTargets, InferTargets);

/// A model and a batch, with each linear layer proven by one technique.
fn laid_out(model: &Model, batch: usize, is_combined: bool) -> InferCircuit {
	let mut circuit = InferCircuit::new(Arc::new(model.clone()), batch).unwrap();
	for (combined, layer) in circuit.plan.combined.iter_mut().zip(model.layers()) {
		*combined = is_combined && matches!(layer.op, Op::Dense(_) | Op::Conv { .. });
	}
	circuit
}

fn unbuilt(circuit: &InferCircuit) -> (Builder, Targets) {
	let (builder, statement, targets) = Wrapped::plain(circuit);
	(builder, (statement, targets))
}

fn whole(circuit: &InferCircuit) -> Tested<Targets> {
	Tested::whole(|| unbuilt(circuit))
}

fn statement(model: &Model, samples: &[i8], output: &[u8]) -> Statement {
	Statement::of_result(
		[1; 32],
		[2; 32],
		commitment(samples),
		model.element(),
		output,
		blake2_256,
	)
	.unwrap()
}

/// That `statement` holds of these samples, as an honest prover would set them.
fn claim(targets: &Targets, statement: &Statement, samples: &[i8]) -> Cheat {
	let mut witness = PartialWitness::new();
	targets.1.set(&mut witness, samples).unwrap();
	Cheat {
		claim: statement.to_elements()[4..].to_vec(),
		witness,
		behind: vec![],
	}
}

/// Whether the output of these samples can be proven.
fn accepts(circuit: &Tested<Targets>, model: &Model, samples: &[i8], output: &[u8]) -> bool {
	let cheat = claim(
		circuit.targets(),
		&statement(model, samples, output),
		samples,
	);
	circuit.accepts(None, &cheat)
}

fn output(model: &Model, samples: &[i8]) -> Vec<u8> {
	reference::output(model, samples)
}
