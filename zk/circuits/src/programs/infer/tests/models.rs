//! What is a model and what is none.

use super::*;
use crate::programs::infer::model::{ModelError, Range, MAX_ELEMENTS, MAX_LAYERS};

/// Three layers for pictures of 28x28: two convolutions and a dense one.
pub(super) fn convolutional() -> Model {
	let window = |stride: usize| Window {
		kernel: [3, 3],
		stride: [stride, stride],
		padding: [1, 1, 1, 1],
	};
	let layers = vec![
		Layer {
			input: 0,
			op: Op::Conv {
				linear: linear(9, 8, Some(Requantise::uniform(1, 8, 0)), 1),
				window: window(1),
				groups: 1,
			},
		},
		Layer {
			input: 1,
			op: Op::Conv {
				linear: linear(72, 16, Some(Requantise::uniform(1, 10, 0)), 2),
				window: window(2),
				groups: 1,
			},
		},
		Layer {
			input: 2,
			op: Op::Dense(linear(16 * 14 * 14, 10, None, 3)),
		},
	];
	Model::new(Shape::new(1, 28, 28), layers).unwrap()
}

fn refusal(input: Shape, layers: Vec<Layer>) -> String {
	Model::new(input, layers).unwrap_err().to_string()
}

fn one(op: Op) -> Vec<Layer> {
	vec![Layer { input: 0, op }]
}

#[test]
fn model_should_know_shapes_and_ranges() {
	let model = everything();
	let shapes: Vec<String> = model
		.values()
		.iter()
		.map(|value| value.shape.to_string())
		.collect();
	let expected = [
		"2x4x4", "4x4x4", "4x4x4", "4x4x4", "4x4x4", "4x2x2", "4x2x2", "8x1x2", "8x1x1", "3x1x1",
		"1x1x1",
	];
	assert_eq!(shapes, expected);
	assert_eq!(model.values()[1].range, Range { low: 0, high: 127 });
	assert_eq!(model.output().range, Range { low: 0, high: 2 });
	assert_eq!(model.output_len(5), 20);
}

#[test]
fn ranges_should_hold_for_every_sample() {
	let model = everything();
	for seed in 0..200 {
		let sample = match seed {
			0 => vec![-128; 32],
			1 => vec![127; 32],
			_ => samples(&model, 1, seed),
		};
		for (value, known) in reference::values(&model, &sample)
			.iter()
			.zip(model.values())
		{
			assert_eq!(value.len(), known.shape.elements());
			assert!(value
				.iter()
				.all(|element| (known.range.low..=known.range.high).contains(element)));
		}
	}
}

#[test]
fn model_should_be_refused_where_it_does_not_fit() {
	let input = Shape::new(2, 4, 4);
	let uniform = || Some(Requantise::uniform(1, 8, 0));
	let cases = [
		(
			one(Op::Dense(linear(31, 2, None, 1))),
			"62 weights are not 2 rows of 32",
		),
		(one(Op::Reshape(Shape::vector(31))), "cannot be reshaped"),
		(one(Op::MaxPool(Window::tiles(5, 1))), "does not fit"),
		(
			one(Op::MaxPool(Window {
				padding: [2, 0, 0, 0],
				..Window::tiles(2, 2)
			})),
			"does not fit",
		),
		(
			one(Op::Conv {
				linear: linear(1, 2, uniform(), 1),
				window: Window::tiles(1, 1),
				groups: 3,
			}),
			"are not 3 groups",
		),
		(
			one(Op::Dense(linear(
				32,
				2,
				Some(Requantise::uniform(0, 8, 0)),
				1,
			))),
			"out of bounds",
		),
		(
			one(Op::Dense(linear(
				32,
				2,
				Some(Requantise::uniform(1, 41, 0)),
				1,
			))),
			"out of bounds",
		),
		(
			one(Op::Dense(linear(
				32,
				2,
				Some(Requantise::uniform(1, 8, -5)),
				1,
			))),
			"-128 or 0, not -5",
		),
		(
			vec![Layer {
				input: 1,
				op: Op::Relu,
			}],
			"not made before it",
		),
		(
			vec![
				Layer {
					input: 0,
					op: Op::ArgMax,
				},
				Layer {
					input: 0,
					op: Op::Relu,
				},
			],
			"must be the last",
		),
		(
			vec![
				Layer {
					input: 0,
					op: Op::Dense(linear(32, 2, None, 1)),
				},
				Layer {
					input: 1,
					op: Op::Relu,
				},
			],
			"int32 scores",
		),
		(vec![], "1 to 256 layers"),
	];
	for (layers, reason) in cases {
		let refusal = refusal(input, layers);
		assert!(refusal.contains(reason), "{refusal}");
	}
	let layer = Layer {
		input: 0,
		op: Op::Relu,
	};
	assert!(refusal(input, vec![layer; MAX_LAYERS + 1]).contains("layers"));
	assert!(refusal(Shape::new(1 << 10, 1 << 10, 1), one(Op::Relu)).contains("more than"));
	assert!(refusal(Shape::vector(0), one(Op::Relu)).contains("empty"));
}

#[test]
fn model_should_be_refused_when_a_sum_could_overflow() {
	let with_bias = |bias: i32| {
		let linear = Linear {
			weights: vec![127; 4],
			bias: vec![bias],
			requantise: None,
		};
		Model::new(Shape::vector(4), one(Op::Dense(linear)))
	};
	let most = 4 * 127 * 127;
	assert!(with_bias(i32::MAX - most).is_ok());
	let refusal = with_bias(i32::MAX - most + 1).unwrap_err();
	assert!(matches!(&refusal, ModelError::Layer { layer: 0, .. }));
	assert!(refusal.to_string().contains("more than 32 bits hold"));
}

#[test]
fn circuit_should_be_refused_before_it_is_built_when_it_is_too_large() {
	let whole = Op::Conv {
		linear: linear(1 << 16, 1, None, 1),
		window: Window {
			kernel: [256, 256],
			stride: [1, 1],
			padding: [0; 4],
		},
		groups: 1,
	};
	let relus = (0..MAX_LAYERS).map(|input| Layer {
		input,
		op: Op::Relu,
	});
	for (input, layers, expected) in [
		(Shape::new(1, 383, 383), one(whole), "multiplies 1073741824"),
		(
			Shape::vector(MAX_ELEMENTS),
			relus.collect(),
			"about 9603134",
		),
	] {
		let model = Arc::new(Model::new(input, layers).unwrap());
		let refused = InferCircuit::new(model, 1).err().unwrap().to_string();
		assert!(
			refused.contains(expected) && refused.contains("take a smaller batch"),
			"{refused}"
		);
	}
}
