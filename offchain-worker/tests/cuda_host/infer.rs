//! Networks.

use lemma_worker::backend::{cuda::compile::INFER, Backend, BackendError, Cuda};
use lemma_zk_circuits::{
	program::Work,
	programs::infer::{
		model::{Layer, Linear, Op, Requantise, Scale, Shape, Window},
		Model,
	},
};
use rand::{rngs::StdRng, Rng, SeedableRng};

use super::{assert_needs_barriers, assert_passes};

const PART: &str = "infer::part_networks_equal_the_reference";

#[test]
fn networks_should_equal_the_reference_in_any_thread_order() {
	for order in ["0", "1", "2"] {
		assert_passes(PART, &[("LEMMA_SHIM_ORDER", order)]);
	}
}

#[test]
fn networks_should_need_every_barrier() {
	assert_needs_barriers(PART, "infer.cu", INFER, 5);
}

#[test]
fn random_networks_should_equal_the_reference() {
	assert_passes("infer::part_random_networks_equal_the_reference", &[]);
}

#[test]
fn a_batch_should_be_cut_when_memory_is_short() {
	assert_passes(
		"infer::part_a_batch_is_cut",
		&[("LEMMA_SHIM_MEMORY", "8192")],
	);
}

fn layer(input: usize, op: Op) -> Layer {
	Layer { input, op }
}

fn window(kernel: [usize; 2], stride: [usize; 2], padding: [usize; 4]) -> Window {
	Window {
		kernel,
		stride,
		padding,
	}
}

/// One scale for all channels or one for each; some of them extreme.
fn requantise(rng: &mut StdRng, channels: usize) -> Requantise {
	let count = if rng.gen() { channels } else { 1 };
	let scale = |_| match rng.gen_range(0..8) {
		0 => Scale {
			multiplier: 65_535,
			shift: 40,
		},
		1 => Scale {
			multiplier: 65_535,
			shift: 0,
		},
		_ => Scale {
			multiplier: rng.gen_range(1..50),
			shift: rng.gen_range(6..14),
		},
	};
	Requantise {
		scales: (0..count).map(scale).collect(),
		low: if rng.gen() { 0 } else { -128 },
	}
}

/// Random weights, a row of `length` for each output.
fn linear(rng: &mut StdRng, length: usize, outputs: usize, is_wide: bool) -> Linear {
	let extreme = rng.gen_range(0..4) == 0;
	let mut weight = || if extreme { i8::MIN } else { rng.gen() };
	Linear {
		weights: (0..length * outputs).map(|_| weight()).collect(),
		bias: (0..outputs).map(|_| rng.gen_range(-9000..9000)).collect(),
		requantise: (!is_wide).then(|| requantise(rng, outputs)),
	}
}

fn dense(rng: &mut StdRng, widths: &[usize]) -> Model {
	let last = widths.len() - 2;
	let layers = widths.windows(2).enumerate().map(|(place, pair)| {
		let linear = linear(rng, pair[0], pair[1], place == last);
		layer(place, Op::Dense(linear))
	});
	let layers = layers.collect();
	Model::new(Shape::vector(widths[0]), layers).expect("the network is one")
}

/// Convolutions of which every one takes another way, with all that can follow.
fn convolutional(rng: &mut StdRng) -> Model {
	let shape = Shape::new(3, 9, 8);
	let conv = |linear, window, groups| Op::Conv {
		linear,
		window,
		groups,
	};
	let all = window([3, 3], [1, 1], [1, 1, 1, 1]);
	let layers = vec![
		// More outputs than a tile has rows: 72x9x8.
		layer(0, conv(linear(rng, 27, 72, false), all, 1)),
		// Groups of 24 outputs; strides: 72x4x8.
		layer(
			1,
			conv(
				linear(rng, 24 * 6, 72, false),
				window([2, 3], [2, 1], [0, 1, 0, 1]),
				3,
			),
		),
		// One output of each group, from 72 groups: 72x4x8.
		layer(2, conv(linear(rng, 9, 72, false), all, 72)),
		layer(
			3,
			Op::Add {
				other: 2,
				factors: [-32_768, 32_767],
				requantise: requantise(rng, 72),
			},
		),
		layer(4, Op::Relu),
		// 72x2x4.
		layer(5, Op::MaxPool(window([3, 2], [2, 2], [1, 0, 0, 1]))),
		// 72x2x3.
		layer(
			6,
			Op::AveragePool {
				window: window([2, 2], [1, 1], [0, 0, 1, 0]),
				requantise: requantise(rng, 72),
			},
		),
		layer(7, Op::Reshape(Shape::new(27, 4, 4))),
		layer(
			8,
			Op::GlobalAveragePool {
				requantise: requantise(rng, 27),
			},
		),
		layer(9, Op::Dense(linear(rng, 27, 5, true))),
		layer(10, Op::ArgMax),
	];
	Model::new(shape, layers).expect("the network is one")
}

/// Compares random samples and those at the ends of the range.
fn compare(cuda: &Cuda, model: &Model, batch: usize, rng: &mut StdRng) {
	let length = batch * model.input().elements();
	let random: Vec<i8> = (0..length).map(|_| rng.gen()).collect();
	for samples in [random, vec![i8::MIN; length], vec![i8::MAX; length]] {
		let work = Work::Infer {
			model,
			samples: &samples,
		};
		assert!(cuda.run(work) == Ok(work.reference()), "{model:?}");
	}
}

#[test]
#[ignore = "run by networks_should_..., with a driver"]
fn part_networks_equal_the_reference() {
	let cuda = Cuda::open().expect("the driver is in the library path");
	let rng = &mut StdRng::seed_from_u64(12);
	for (widths, batch) in [
		(&[70, 130, 10][..], 67),
		(&[33, 7, 3], 5),
		(&[1, 1], 1),
		(&[4, 2], 1),
	] {
		compare(&cuda, &dense(rng, widths), batch, rng);
	}
	compare(&cuda, &convolutional(rng), 2, rng);
	let one = |op: Op| vec![layer(0, op)];
	let shape = Shape::new(3, 19, 17);
	let average = Op::GlobalAveragePool {
		requantise: Requantise::uniform(3, 9, -128),
	};
	for layers in [
		one(average),
		one(Op::Relu),
		one(Op::Reshape(Shape::vector(3 * 19 * 17))),
		one(Op::MaxPool(Window::tiles(19, 17))),
		// The first of equals, in samples of which all are.
		one(Op::ArgMax),
	] {
		let model = Model::new(shape, layers).expect("the network is one");
		compare(&cuda, &model, 3, rng);
	}
	let cut = [1i8; 3];
	let model = dense(rng, &[2, 2]);
	let refused = cuda.run(Work::Infer {
		model: &model,
		samples: &cut,
	});
	assert!(matches!(refused, Err(BackendError::Work(_))));
}

/// A network of up to seven random layers, of which those that do not fit are left out.
fn random_network(rng: &mut StdRng) -> Model {
	let side = |rng: &mut StdRng| rng.gen_range(1..9);
	let shape = Shape::new(rng.gen_range(1..13), side(rng), side(rng));
	let mut layers: Vec<Layer> = Vec::new();
	let mut model = None;
	for _ in 0..rng.gen_range(1..8) {
		let at = layers.len();
		let input = rng.gen_range(at.saturating_sub(1)..=at);
		let value: Option<Shape> = model
			.as_ref()
			.map(|model: &Model| model.values()[input].shape);
		let value = value.unwrap_or(shape);
		let kernel = [rng.gen_range(1..4), rng.gen_range(1..4)];
		let pad = |rng: &mut StdRng, side: usize| rng.gen_range(0..side);
		let padding = [kernel[0], kernel[1], kernel[0], kernel[1]].map(|side| pad(rng, side));
		let window = window(kernel, [rng.gen_range(1..4), rng.gen_range(1..4)], padding);
		let op = match rng.gen_range(0..9) {
			0 => {
				let outputs = rng.gen_range(1..80);
				let is_wide = rng.gen_range(0..3) == 0;
				Op::Dense(linear(rng, value.elements(), outputs, is_wide))
			}
			1..=3 => {
				let groups = [1, 2, 3, value.channels][rng.gen_range(0..4)];
				let outputs = groups * rng.gen_range(1..20);
				let length = (value.channels / groups) * kernel[0] * kernel[1];
				Op::Conv {
					linear: linear(rng, length, outputs, false),
					window,
					groups,
				}
			}
			4 => Op::Add {
				other: rng.gen_range(0..=at),
				factors: [rng.gen(), rng.gen()],
				requantise: requantise(rng, value.channels),
			},
			5 => Op::Relu,
			6 => Op::MaxPool(window),
			7 => Op::AveragePool {
				window,
				requantise: requantise(rng, value.channels),
			},
			_ => [
				Op::Reshape(Shape::new(1, value.channels, value.height * value.width)),
				Op::GlobalAveragePool {
					requantise: requantise(rng, value.channels),
				},
				Op::ArgMax,
			][rng.gen_range(0..3)]
			.clone(),
		};
		layers.push(layer(input, op));
		match Model::new(shape, layers.clone()) {
			Ok(longer) => model = Some(longer),
			Err(_) => {
				layers.pop();
			}
		}
	}
	let relu = || Model::new(shape, vec![layer(0, Op::Relu)]).expect("the network is one");
	model.unwrap_or_else(relu)
}

#[test]
#[ignore = "run by random_networks_should_..., with a driver"]
fn part_random_networks_equal_the_reference() {
	let cuda = Cuda::open().expect("the driver is in the library path");
	let rng = &mut StdRng::seed_from_u64(13);
	let mut long = 0;
	for _ in 0..60 {
		let model = random_network(rng);
		long += usize::from(model.layers().len() > 2);
		let batch = rng.gen_range(1..4);
		compare(&cuda, &model, batch, rng);
	}
	assert!(long > 15, "{long}");
}

#[test]
#[ignore = "run by a_batch_should_..., with a driver"]
fn part_a_batch_is_cut() {
	let cuda = Cuda::open().expect("the driver is in the library path");
	let rng = &mut StdRng::seed_from_u64(14);
	let model = dense(rng, &[16, 10]);
	compare(&cuda, &model, 300, rng);
	let large = Model::new(Shape::vector(5000), vec![layer(0, Op::Relu)]);
	let model = large.expect("the network is one");
	let refused = cuda.run(Work::Infer {
		model: &model,
		samples: &[1; 5000],
	});
	match refused {
		Err(BackendError::Memory(text)) => assert!(text.contains("GPU memory"), "{text}"),
		other => panic!("expected a refusal, got {other:?}"),
	}
}
