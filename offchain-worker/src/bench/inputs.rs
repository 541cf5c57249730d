//! Inputs to measure by: the same at every run, and none of them lighter to prove than another of its class would be.

use anyhow::{anyhow, ensure, Context};
use lemma_zk_circuits::programs::{
	fractal::{
		self,
		tile::{CLASSES, ONE},
	},
	gemm::{
		class::{MAX_INNER, MAX_OUTER},
		Operands,
	},
	infer::model::{Layer, Linear, Model, Op, Requantise, Shape as Tensor, Window},
	render::{
		self,
		scene::{Camera, Checker, Light, Plane, Scene, Sphere, Triangle},
	},
	train::{blob::Training, circuit::TrainCircuit, class, seeded::initial_weights},
};

use super::case::Shape;

/// Samples of the training: as many as the digits of `examples/digits` have for it.
const TRAINING_ROWS: usize = 1297;
/// Those samples are 0 to 48, of this root mean square.
const FEATURES: u64 = 49;
const FEATURE_SIZE: u64 = 28;

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014): SplitMix64.
pub struct Random(u64);

impl Default for Random {
	/// The one sequence that is used.
	fn default() -> Self {
		Self(1)
	}
}

impl Random {
	fn word(&mut self) -> u64 {
		self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
		let mut z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
		z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
		z ^ (z >> 31)
	}

	/// Values of the whole int8 range.
	pub fn int8s(&mut self, count: usize) -> Vec<i8> {
		(0..count)
			.map(|_| (self.word() >> 56) as u8 as i8)
			.collect()
	}

	/// A number below `bound`, which is far below 2^32.
	fn below(&mut self, bound: u64) -> u64 {
		((self.word() >> 32) * bound) >> 32
	}
}

/// The blob of a product of random matrices.
pub fn product(shape: Shape) -> anyhow::Result<Vec<u8>> {
	let Shape { m, k, n } = shape;
	ensure!(
		m.max(n) as usize <= MAX_OUTER && k as usize <= MAX_INNER,
		"{shape} is larger than can be proven: m and n up to {MAX_OUTER}, k up to {MAX_INNER}"
	);
	let (m, k, n) = (m as usize, k as usize, n as usize);
	let mut random = Random::default();
	let (a, b) = (random.int8s(m * k), random.int8s(k * n));
	let operands = Operands::new(m, k, n, a, b).map_err(|error| anyhow!("{shape}: {error}"))?;
	Ok(operands.encode())
}

/// The blob of a tile that shows all of the Mandelbrot set.
pub fn fractal(class: &str) -> anyhow::Result<Vec<u8>> {
	let found = CLASSES
		.into_iter()
		.find(|(side, iterations)| format!("t{side}-i{iterations}") == class);
	let (side, iterations) = found.with_context(|| format!("there is no class fractal/{class}"))?;
	let (one, across) = (ONE as i32, side as i32);
	let tile = fractal::Tile::mandelbrot(
		(side, iterations),
		[-2 * one, 5 * one / 4],
		5 * one / 2 / across,
	)?;
	Ok(tile.encode())
}

/// The blob of a tile that shows a scene with as many of everything as its class has room for: spheres on a checkered plane, walls
/// behind them, triangles above, and mirrors if there can be any.
pub fn render(class: &str) -> anyhow::Result<Vec<u8>> {
	/// Height of the plane, and radius of the spheres that stand on it.
	const FLOOR: i32 = -600;
	const RADIUS: i32 = 250;
	let class = render::class::Class::all()
		.find(|known| known.name() == class)
		.with_context(|| format!("there is no class render/{class}"))?;
	let places = [
		(-900, 700),
		(300, 700),
		(-300, 1500),
		(900, 1500),
		(-300, 700),
		(900, 700),
		(-900, 1500),
		(300, 1500),
	];
	let room = class.room;
	// Half of what is seen in each sphere, if it can mirror.
	let mirror = if room.mirrors { 256 } else { 0 };
	let spheres = places
		.into_iter()
		.zip(1u8..)
		.map(|((x, z), number)| Sphere {
			centre: [x, FLOOR + RADIUS, z],
			radius: RADIUS,
			colour: [28 * number, 255 - 28 * number, 120],
			mirror,
		});
	let checker = Checker {
		axes: [[700, 0, 0], [0, 0, 700]],
		colour: [50, 50, 50],
	};
	let planes = [
		([0, 64, 0], 64 * FLOOR, Some(checker)),
		([0, 0, -64], -64 * 3500, None),
		([64, 0, 0], -64 * 3000, None),
	];
	let planes = planes.map(|(normal, height, checker)| Plane {
		normal,
		height,
		colour: [240, 240, 240],
		checker,
		mirror: 0,
	});
	let triangles = [-1050, -350, 350, 1050].map(|x| Triangle {
		corners: [[x - 300, 200, 700], [x + 300, 200, 900], [x, 700, 1100]],
		colour: [220, 180, 40],
		mirror: 0,
	});
	let lights = [-1500, 1500].map(|x| Light {
		position: [x, 2500, -1200],
		strength: 900_000,
	});
	let span = class.side as i32;
	// Pixels are an even number apart, so that half of one is a whole number.
	let apart = 2 * (2048 / span);
	let half = apart / 2 * (span - 1);
	let tile = render::Tile {
		scene: Scene {
			camera: Camera {
				position: [0, 0, -2000],
				first: [-half, half, 6000],
				right: [apart, 0, 0],
				down: [0, -apart, 0],
			},
			ambient: 70,
			background: [40, 60, 120],
			spheres: spheres.take(room.spheres).collect(),
			planes: planes.into_iter().take(room.planes).collect(),
			triangles: triangles.into_iter().take(room.triangles).collect(),
			lights: lights.into_iter().take(room.lights).collect(),
		},
		side: class.side,
		column: 0,
		row: 0,
	};
	Ok(tile.checked()?.encode())
}

/// The blob of steps by random samples.
pub fn train(class: &str) -> anyhow::Result<Vec<u8>> {
	let seed = [7; 32];
	let found = class::Class::all()
		.map(|known| known.circuit)
		.find(|known| format!("{}-s{}", known.network.name(), known.steps) == class);
	let TrainCircuit { network, steps } =
		found.with_context(|| format!("there is no class train/{class}"))?;
	let mut random = Random::default();
	let layers = network.layers().len();
	let training = Training {
		// The last layer learns half as fast.
		rates: (1..=layers)
			.map(|layer| if layer == layers { 1 } else { 2 })
			.collect(),
		steps,
		first: 0,
		seed,
		features: (0..TRAINING_ROWS * network.features())
			.map(|_| random.below(FEATURES) as i8)
			.collect(),
		labels: (0..TRAINING_ROWS)
			.map(|_| random.below(network.classes() as u64) as u8)
			.collect(),
		weights: initial_weights(&network, FEATURE_SIZE, seed),
		network,
	};
	training.check()?;
	Ok(training.encode())
}

/// A matrix of random weights, and biases as large as a few products of them.
fn random_weights(
	random: &mut Random,
	inputs: usize,
	outputs: usize,
	requantise: Option<Requantise>,
) -> Linear {
	Linear {
		weights: random.int8s(inputs * outputs),
		bias: random
			.int8s(outputs)
			.into_iter()
			.map(|bias| 32 * i32::from(bias))
			.collect(),
		requantise,
	}
}

/// A network 784-128-10 of random weights, with a Relu between its two layers: proving takes the same for all weights.
pub fn network() -> anyhow::Result<Model> {
	let mut random = Random::default();
	let mut dense = |input: usize, inputs: usize, outputs: usize, requantise| Layer {
		input,
		op: Op::Dense(random_weights(&mut random, inputs, outputs, requantise)),
	};
	// Sums of 784 products of int8, which this brings back to int8.
	let hidden = dense(0, 784, 128, Some(Requantise::uniform(1, 11, 0)));
	let scores = dense(1, 128, 10, None);
	Ok(Model::new(Tensor::vector(784), vec![hidden, scores])?)
}

/// A network of three layers for 28x28 pixels, of random weights: convolutions of 3x3 to 8 channels and, with stride 2, to 16, each
/// with a Relu, and a dense layer of 3136 to 10.
pub fn convolutional_network() -> anyhow::Result<Model> {
	let mut random = Random::default();
	let mut convolution = |input: usize, channels: [usize; 2], stride: usize, shift: u8| Layer {
		input,
		op: Op::Conv {
			// The sums of nine products for each channel, brought back to int8.
			linear: random_weights(
				&mut random,
				9 * channels[0],
				channels[1],
				Some(Requantise::uniform(1, shift, 0)),
			),
			window: Window {
				kernel: [3, 3],
				stride: [stride, stride],
				padding: [1, 1, 1, 1],
			},
			groups: 1,
		},
	};
	let first = convolution(0, [1, 8], 1, 8);
	let second = convolution(1, [8, 16], 2, 10);
	let scores = Layer {
		input: 2,
		op: Op::Dense(random_weights(&mut random, 16 * 14 * 14, 10, None)),
	};
	Ok(Model::new(
		Tensor::new(1, 28, 28),
		vec![first, second, scores],
	)?)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn random_numbers_should_be_those_of_the_paper() {
		// Known answers of the reference implementation for the seed 1.
		let mut random = Random::default();
		assert_eq!(
			[random.word(), random.word()],
			[0x910a_2dec_8902_5cc1, 0xbeeb_8da1_658e_ec67]
		);
	}
}
