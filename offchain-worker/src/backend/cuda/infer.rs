//! Networks: weights laid out and brought to the device once, then a launch for each layer, for as many samples at a time as
//! memory has room for. The host waits when a batch's output comes back, not between layers.

use cudarc::driver::{CudaSlice, DeviceRepr, LaunchArgs, LaunchConfig, PushKernelArg};
use lemma_zk_circuits::programs::infer::{
	model::{self, Op, Requantise, Shape},
	Model,
};

use super::{super::BackendError, compile::INFER, device, threads, Cuda};

/// Output channels and places of one block: `TILE` in the kernels.
const TILE: usize = 64;
/// Words of inputs of one step: `DEPTH` in the kernels.
const DEPTH: usize = 8;
/// Threads of a block: `THREADS` in the kernels.
const THREADS: u32 = 256;
/// Output channels of a group from which on a tile pays.
const FEWEST_ROWS: usize = 8;
/// Samples at a time at most: the grid's second dimension counts them.
const MAX_SAMPLES: usize = 1024;

/// `Window` in the kernels.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Window {
	in_height: u32,
	in_width: u32,
	out_height: u32,
	out_width: u32,
	height: u32,
	width: u32,
	stride_down: u32,
	stride_right: u32,
	top: u32,
	left: u32,
}

/// `Linear` in the kernels.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Linear {
	rows: u32,
	channels: u32,
	length: u32,
	words: u32,
	ld: u32,
	group: u32,
	in_stride: u32,
	out_stride: u32,
	columns: u32,
	low: i32,
	wide: u32,
	dense: u32,
}

/// `int2` of CUDA: a scale's multiplier and shift, or a place in a window.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, Default)]
struct Pair(i32, i32);

// SAFETY: plain numbers in the order and alignment of the kernels' own structures.
unsafe impl DeviceRepr for Window {}
// SAFETY: likewise.
unsafe impl DeviceRepr for Linear {}
// SAFETY: likewise.
unsafe impl DeviceRepr for Pair {}

impl Window {
	fn new(input: Shape, output: Shape, window: &model::Window) -> Self {
		// All are at most 2^18.
		let number = |number: usize| number as u32;
		Self {
			in_height: number(input.height),
			in_width: number(input.width),
			out_height: number(output.height),
			out_width: number(output.width),
			height: number(window.kernel[0]),
			width: number(window.kernel[1]),
			stride_down: number(window.stride[0]),
			stride_right: number(window.stride[1]),
			top: number(window.padding[0]),
			left: number(window.padding[1]),
		}
	}
}

/// A rounding on the device: a scale for each channel, and the least value.
struct Rounding {
	scales: CudaSlice<Pair>,
	low: i32,
}

/// A linear layer on the device.
struct Weights {
	layer: Linear,
	window: Window,
	groups: u32,
	/// For `lemma_linear` words of packed rows, for `lemma_direct` bytes.
	tiled: bool,
	weights: CudaSlice<u8>,
	bias: CudaSlice<i32>,
	scales: CudaSlice<Pair>,
	taps: CudaSlice<Pair>,
}

/// What a layer does, with all that it takes on the device.
enum Step {
	Linear(Box<Weights>),
	Pool(Window, Option<Rounding>),
	Average(Rounding),
	Add {
		other: usize,
		factors: [i32; 2],
		rounding: Rounding,
	},
	Relu,
	/// The elements stay where they are.
	Reshape,
	ArgMax,
}

/// Elements from sample to sample of a value.
fn stride(value: &model::Value) -> usize {
	let elements = value.shape.elements();
	if value.is_wide {
		elements
	} else {
		elements.next_multiple_of(4)
	}
}

/// Bytes of one sample of a value.
fn bytes(value: &model::Value) -> usize {
	stride(value) * if value.is_wide { 4 } else { 1 }
}

fn plane(shape: Shape) -> usize {
	shape.height * shape.width
}

/// How many samples to compute at a time, so that all their values fit into `free` bytes.
fn samples_at_once(model: &Model, samples: usize, free: u64) -> Result<usize, BackendError> {
	let each: u64 = model.values().iter().map(|value| bytes(value) as u64).sum();
	// The driver's own needs, and the roundings of its allocator.
	let fit = usize::try_from(free / 10 * 8 / each).unwrap_or(usize::MAX);
	match fit {
		0 => Err(BackendError::Memory(format!(
			"one sample of this network takes {} MiB of GPU memory, and {} MiB are free: free some, or run with the cpu \
			 backend",
			(each >> 20) + 1,
			free >> 20
		))),
		_ => Ok(fit.min(samples).min(MAX_SAMPLES)),
	}
}

/// Rows of weights as words of four, lowest byte first: word w of row r of group g at (g * words + w) * ld + r, padded with zeros.
fn packed(weights: &[i8], length: usize, rows: usize, words: usize, ld: usize) -> Vec<u8> {
	let groups = weights.len() / (length * rows);
	let mut packed = vec![0; groups * words * ld * 4];
	for (place, row) in weights.chunks_exact(length).enumerate() {
		let (group, row_of_group) = (place / rows, place % rows);
		for (word, values) in row.chunks(4).enumerate() {
			let at = 4 * ((group * words + word) * ld + row_of_group);
			for (byte, value) in packed[at..].iter_mut().zip(values) {
				*byte = *value as u8;
			}
		}
	}
	packed
}

impl Cuda {
	/// `kernels/infer.cu`.
	pub(super) fn infer(&self, model: &Model, samples: &[i8]) -> Result<Vec<u8>, BackendError> {
		let length = model.input().elements();
		if samples.is_empty() || !samples.len().is_multiple_of(length) {
			return Err(BackendError::Work(format!(
				"{} values are no batch of samples of {length} each",
				samples.len()
			)));
		}
		let steps: Result<Vec<Step>, BackendError> = (0..model.layers().len())
			.map(|place| self.step(model, place))
			.collect();
		let steps = steps?;
		let (free, _) = self.context.mem_get_info().map_err(device)?;
		let at_once = samples_at_once(model, samples.len() / length, free as u64)?;
		let mut output = Vec::with_capacity(model.output_len(samples.len() / length));
		for samples in samples.chunks(at_once * length) {
			output.extend(self.run_steps(model, &steps, samples)?);
		}
		Ok(output)
	}

	/// Brings what a layer takes to the device.
	fn step(&self, model: &Model, place: usize) -> Result<Step, BackendError> {
		let layer = &model.layers()[place];
		let (input, output) = (&model.values()[layer.input], &model.values()[place + 1]);
		Ok(match &layer.op {
			Op::Dense(linear) => {
				// All of the input at one place.
				let vector = Shape::vector(1);
				let window = Window::new(vector, vector, &model::Window::tiles(1, 1));
				self.linear(linear, (input, output), window, 1, None)?
			}
			Op::Conv {
				linear,
				window,
				groups,
			} => {
				let plane = plane(input.shape);
				let [height, width] = window.kernel;
				let taps = (0..input.shape.channels / groups).flat_map(|channel| {
					let places = (0..height).flat_map(move |i| (0..width).map(move |j| (i, j)));
					// Rows and columns are below 2^8, places below 2^18.
					places.map(move |(i, j)| Pair((channel * plane) as i32, (i << 16 | j) as i32))
				});
				let taps = Some(taps.collect());
				let window = Window::new(input.shape, output.shape, window);
				self.linear(linear, (input, output), window, *groups, taps)?
			}
			Op::Add {
				other,
				factors,
				requantise,
			} => Step::Add {
				other: *other,
				factors: factors.map(i32::from),
				rounding: self.rounding(requantise, output.shape)?,
			},
			Op::Relu => Step::Relu,
			Op::MaxPool(window) => Step::Pool(Window::new(input.shape, output.shape, window), None),
			Op::AveragePool { window, requantise } => {
				let rounding = self.rounding(requantise, output.shape)?;
				Step::Pool(
					Window::new(input.shape, output.shape, window),
					Some(rounding),
				)
			}
			Op::GlobalAveragePool { requantise } => {
				Step::Average(self.rounding(requantise, output.shape)?)
			}
			Op::Reshape(_) => Step::Reshape,
			Op::ArgMax => Step::ArgMax,
		})
	}

	fn rounding(&self, requantise: &Requantise, shape: Shape) -> Result<Rounding, BackendError> {
		Ok(Rounding {
			scales: self.scales(Some(requantise), shape)?,
			low: requantise.low.into(),
		})
	}

	/// A scale for each channel; of sums that are not rounded one, which nothing reads.
	fn scales(
		&self,
		requantise: Option<&Requantise>,
		shape: Shape,
	) -> Result<CudaSlice<Pair>, BackendError> {
		let scales: Vec<Pair> = match requantise {
			Some(requantise) => (0..shape.channels)
				.map(|channel| requantise.scale(channel))
				.map(|scale| Pair(scale.multiplier.into(), scale.shift.into()))
				.collect(),
			None => vec![Pair::default()],
		};
		self.upload(&scales[..])
	}

	/// `taps` are where in a window each input of an output is; none of a dense layer, whose inputs lie side by side.
	fn linear(
		&self,
		linear: &model::Linear,
		(input, output): (&model::Value, &model::Value),
		window: Window,
		groups: usize,
		taps: Option<Vec<Pair>>,
	) -> Result<Step, BackendError> {
		let channels = linear.bias.len();
		let (rows, length) = (channels / groups, linear.weights.len() / channels);
		let words = length.div_ceil(4).next_multiple_of(DEPTH);
		let ld = rows.next_multiple_of(TILE);
		let dense = taps.is_none();
		let tiled = dense || rows >= FEWEST_ROWS;
		let weights = if tiled {
			packed(&linear.weights, length, rows, words, ld)
		} else {
			(linear.weights.iter())
				.map(|weight| *weight as u8)
				.collect()
		};
		// All are below 2^31: a model has at most 2^22 weights, a value 2^18 elements.
		let number = |number: usize| number as u32;
		Ok(Step::Linear(Box::new(Weights {
			layer: Linear {
				rows: number(rows),
				channels: number(channels),
				length: number(length),
				words: number(words),
				ld: number(ld),
				group: number(input.shape.elements() / groups),
				in_stride: number(stride(input)),
				out_stride: number(stride(output)),
				columns: 0,
				low: linear
					.requantise
					.as_ref()
					.map_or(0, |requantise| requantise.low.into()),
				wide: u32::from(output.is_wide),
				dense: u32::from(dense),
			},
			window,
			groups: number(groups),
			tiled,
			weights: self.upload(&weights[..])?,
			bias: self.upload(&linear.bias[..])?,
			scales: self.scales(linear.requantise.as_ref(), output.shape)?,
			taps: self.upload(&taps.unwrap_or_else(|| vec![Pair::default()])[..])?,
		})))
	}

	/// The output of some samples.
	fn run_steps(
		&self,
		model: &Model,
		steps: &[Step],
		samples: &[i8],
	) -> Result<Vec<u8>, BackendError> {
		let values = model.values();
		let length = model.input().elements();
		let count = samples.len() / length;
		let mut first = vec![0u8; count * bytes(&values[0])];
		let rows = first.chunks_exact_mut(bytes(&values[0]));
		for (row, sample) in rows.zip(samples.chunks_exact(length)) {
			for (byte, value) in row.iter_mut().zip(sample) {
				*byte = *value as u8;
			}
		}
		let mut buffers = vec![self.upload(&first[..])?];
		// Which buffer has a value.
		let mut places = vec![0];
		for (place, step) in steps.iter().enumerate() {
			let layer = &model.layers()[place];
			if let Step::Reshape = step {
				places.push(places[layer.input]);
				continue;
			}
			let (input, output) = (&values[layer.input], &values[place + 1]);
			let mut made = self.empty::<u8>(count * bytes(output))?;
			let buffer = |value: usize| &buffers[places[value]];
			self.launch(
				step,
				count,
				(input, buffer(layer.input)),
				buffer,
				(output, &mut made),
			)?;
			places.push(buffers.len());
			buffers.push(made);
		}
		let last = &values[steps.len()];
		let bytes_of_last = self.download(&buffers[places[steps.len()]])?;
		let used = last.shape.elements() * if last.is_wide { 4 } else { 1 };
		let rows = bytes_of_last.chunks_exact(bytes(last));
		Ok(rows.flat_map(|row| &row[..used]).copied().collect())
	}

	/// Launches one layer for `count` samples.
	fn launch<'a>(
		&self,
		step: &Step,
		count: usize,
		(input, from): (&model::Value, &'a CudaSlice<u8>),
		buffer: impl Fn(usize) -> &'a CudaSlice<u8>,
		(output, made): (&model::Value, &mut CudaSlice<u8>),
	) -> Result<(), BackendError> {
		let kernel = |name| self.modules.function(INFER, name);
		fn run(mut launch: LaunchArgs<'_>, config: LaunchConfig) -> Result<(), BackendError> {
			// SAFETY: below, arguments are as in the kernels' signatures, and buffers have `count` samples.
			unsafe { launch.launch(config) }.map(|_| ()).map_err(device)
		}
		// All are below 2^31: 2^18 elements of 2^10 samples.
		let number = |number: usize| number as u32;
		let elements = number(output.shape.elements());
		let (samples, channels) = (number(count), number(output.shape.channels));
		let (in_stride, out_stride) = (number(stride(input)), number(stride(output)));
		let one_each = threads(count * output.shape.elements());
		match step {
			Step::Linear(weights) => {
				let columns = count * plane(output.shape);
				let layer = Linear {
					columns: number(columns),
					..weights.layer
				};
				let (name, config) = if weights.tiled {
					let tiles = LaunchConfig {
						grid_dim: (
							number(columns.div_ceil(TILE)),
							layer.ld / TILE as u32,
							weights.groups,
						),
						block_dim: (THREADS, 1, 1),
						shared_mem_bytes: 0,
					};
					("lemma_linear", tiles)
				} else {
					("lemma_direct", one_each?)
				};
				let kernel = kernel(name)?;
				let mut launch = self.stream.launch_builder(&kernel);
				launch
					.arg(&layer)
					.arg(&weights.window)
					.arg(&weights.weights)
					.arg(&weights.bias)
					.arg(&weights.scales)
					.arg(&weights.taps)
					.arg(from)
					.arg(made);
				run(launch, config)
			}
			Step::Pool(window, rounding) => {
				let kernel = kernel("lemma_pool")?;
				let is_sum = u32::from(rounding.is_some());
				let low = rounding.as_ref().map_or(0, |rounding| rounding.low);
				let unused = 0u64;
				let mut launch = self.stream.launch_builder(&kernel);
				launch
					.arg(window)
					.arg(&channels)
					.arg(&samples)
					.arg(&in_stride)
					.arg(&out_stride)
					.arg(&is_sum)
					.arg(&low);
				match rounding {
					Some(rounding) => launch.arg(&rounding.scales),
					None => launch.arg(&unused),
				};
				launch.arg(from).arg(made);
				run(launch, one_each?)
			}
			Step::Average(rounding) => {
				let kernel = kernel("lemma_average")?;
				let in_plane = number(plane(input.shape));
				let mut launch = self.stream.launch_builder(&kernel);
				launch
					.arg(&in_plane)
					.arg(&in_stride)
					.arg(&out_stride)
					.arg(&rounding.low)
					.arg(&rounding.scales)
					.arg(from)
					.arg(made);
				run(launch, blocks(channels, samples))
			}
			Step::Add {
				other,
				factors,
				rounding,
			} => {
				let kernel = kernel("lemma_add")?;
				let plane = number(plane(output.shape));
				let mut launch = self.stream.launch_builder(&kernel);
				launch
					.arg(&elements)
					.arg(&samples)
					.arg(&out_stride)
					.arg(&plane)
					.arg(&factors[0])
					.arg(&factors[1])
					.arg(&rounding.low)
					.arg(&rounding.scales)
					.arg(from)
					.arg(buffer(*other))
					.arg(made);
				run(launch, one_each?)
			}
			Step::Relu => {
				let kernel = kernel("lemma_relu")?;
				let words = count * stride(output) / 4;
				let (in_all, config) = (number(words), threads(words)?);
				let mut launch = self.stream.launch_builder(&kernel);
				launch.arg(&in_all).arg(from).arg(made);
				run(launch, config)
			}
			Step::ArgMax => {
				let kernel = kernel("lemma_argmax")?;
				let (in_elements, wide) =
					(number(input.shape.elements()), u32::from(input.is_wide));
				let mut launch = self.stream.launch_builder(&kernel);
				launch
					.arg(&in_elements)
					.arg(&in_stride)
					.arg(&wide)
					.arg(from)
					.arg(made);
				run(launch, blocks(samples, 1))
			}
			Step::Reshape => Ok(()),
		}
	}
}

/// Whole blocks of [`THREADS`].
fn blocks(columns: u32, rows: u32) -> LaunchConfig {
	LaunchConfig {
		grid_dim: (columns, rows, 1),
		block_dim: (THREADS, 1, 1),
		shared_mem_bytes: 0,
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn rows_should_be_packed_side_by_side_and_padded_with_zeros() {
		let weights: Vec<i8> = (1..=12).collect();
		// Two groups of two rows of three.
		let packed = packed(&weights, 3, 2, DEPTH, TILE);
		assert_eq!(packed.len(), 2 * DEPTH * TILE * 4);
		assert_eq!(packed[..12], [1, 2, 3, 0, 4, 5, 6, 0, 0, 0, 0, 0]);
		let second = DEPTH * TILE * 4;
		assert_eq!(packed[second..second + 8], [7, 8, 9, 0, 10, 11, 12, 0]);
		let sum: u32 = packed.iter().map(|byte| u32::from(*byte)).sum();
		assert_eq!(sum, 78);
	}

	#[test]
	fn samples_at_once_should_fit_and_be_one_at_least() {
		let layers = vec![model::Layer {
			input: 0,
			op: Op::Relu,
		}];
		let model = Model::new(Shape::vector(1000), layers).unwrap();
		assert_eq!(samples_at_once(&model, 5000, 1 << 30), Ok(MAX_SAMPLES));
		assert_eq!(samples_at_once(&model, 3, 1 << 30), Ok(3));
		assert_eq!(samples_at_once(&model, 5000, 20_000), Ok(8));
		let short = samples_at_once(&model, 1, 2000);
		assert!(matches!(short, Err(BackendError::Memory(_))));
	}
}
