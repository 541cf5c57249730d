//! Steps of gradient descent: a launch for each layer forwards, backwards and for its weights. The host waits once, at the end.

use cudarc::driver::{CudaSlice, LaunchConfig, PushKernelArg};
use lemma_zk_circuits::programs::train::{blob::Training, job, network::BATCH};

use super::{super::BackendError, compile::TRAIN, device, Cuda};

/// Columns of a block: `SIDE` in the kernels.
const SIDE: usize = 32;
/// Rows of a block: `ROWS` in the kernels.
const ROWS: usize = 8;

/// What is on the device of one layer.
struct Layer {
	inputs: u32,
	outputs: u32,
	rate: u32,
	weights: CudaSlice<i32>,
	/// Row by row, for 32 samples, here and below.
	sums: CudaSlice<i64>,
	/// What the next layer takes; not used of the last.
	activations: CudaSlice<i16>,
	errors: CudaSlice<i16>,
}

/// Blocks that cover this many columns and rows of threads.
fn blocks(columns: usize, rows: usize) -> LaunchConfig {
	LaunchConfig {
		// At most 1025 of each.
		grid_dim: (columns.div_ceil(SIDE) as u32, rows as u32, 1),
		block_dim: (SIDE as u32, ROWS as u32, 1),
		shared_mem_bytes: 0,
	}
}

impl Cuda {
	/// `kernels/train.cu`.
	pub(super) fn train(&self, training: &Training) -> Result<Vec<u8>, BackendError> {
		(training.check()).map_err(|error| BackendError::Work(error.to_string()))?;
		let kernel = |name| self.modules.function(TRAIN, name);
		let (forward, backward, update) = (
			kernel("lemma_forward")?,
			kernel("lemma_backward")?,
			kernel("lemma_update")?,
		);
		let mut layers = self.layers(training)?;
		let last = layers.len() - 1;

		let batches = training.ordered();
		let taken = (batches.iter().cycle())
			.skip(training.first)
			.take(training.steps);
		let (mut features, mut labels) = (Vec::new(), Vec::new());
		for (of_batch, of_samples) in taken {
			features.extend(of_batch.iter().copied().map(i16::from));
			labels.extend_from_slice(of_samples);
		}
		let (features, labels) = (self.upload(&features[..])?, self.upload(&labels[..])?);

		let width = BATCH * training.network.features();
		for step in 0..training.steps {
			let features = features.slice(step * width..(step + 1) * width);
			let labels = labels.slice(step * BATCH..(step + 1) * BATCH);
			for place in 0..=last {
				let (before, here) = layers.split_at_mut(place);
				let Some(layer) = here.first_mut() else {
					continue;
				};
				let is_last = u32::from(place == last);
				let mut launch = self.stream.launch_builder(&forward);
				match before.last() {
					Some(before) => launch.arg(&before.activations),
					None => launch.arg(&features),
				};
				launch
					.arg(&layer.weights)
					.arg(&layer.inputs)
					.arg(&layer.outputs)
					.arg(&is_last)
					.arg(&labels)
					.arg(&mut layer.sums)
					.arg(if place == last {
						&mut layer.errors
					} else {
						&mut layer.activations
					});
				// SAFETY: arguments as in the kernel's signature, buffers for 32 rows of the layer's widths.
				unsafe { launch.launch(blocks(layer.outputs as usize, 1)) }.map_err(device)?;
			}
			for place in (1..=last).rev() {
				let (before, here) = layers.split_at_mut(place);
				let (Some(before), Some(layer)) = (before.last_mut(), here.first()) else {
					continue;
				};
				// SAFETY: as above; the layer's inputs are the outputs of the one before.
				unsafe {
					self.stream
						.launch_builder(&backward)
						.arg(&layer.errors)
						.arg(&layer.weights)
						.arg(&before.sums)
						.arg(&layer.inputs)
						.arg(&layer.outputs)
						.arg(&mut before.errors)
						.launch(blocks(layer.inputs as usize, 1))
				}
				.map_err(device)?;
			}
			for place in 0..=last {
				let (before, here) = layers.split_at_mut(place);
				let Some(layer) = here.first_mut() else {
					continue;
				};
				let mut launch = self.stream.launch_builder(&update);
				match before.last() {
					Some(before) => launch.arg(&before.activations),
					None => launch.arg(&features),
				};
				launch
					.arg(&layer.errors)
					.arg(&layer.inputs)
					.arg(&layer.outputs)
					.arg(&layer.rate)
					.arg(&mut layer.weights);
				let rows = (layer.inputs as usize + 1).div_ceil(ROWS);
				// SAFETY: as above; there is a row of weights for each input and one for the bias.
				unsafe { launch.launch(blocks(layer.outputs as usize, rows)) }.map_err(device)?;
			}
		}
		let mut weights = Vec::with_capacity(training.weights.len());
		for layer in &layers {
			weights.extend(self.download(&layer.weights)?);
		}
		Ok(job::output(&weights))
	}

	/// The layers as they begin.
	fn layers(&self, training: &Training) -> Result<Vec<Layer>, BackendError> {
		let mut weights = training.weights.as_slice();
		let sizes = training.network.layers().zip(&training.rates);
		sizes
			.map(|((inputs, outputs), rate)| {
				let (here, later) = weights.split_at((inputs + 1) * outputs);
				weights = later;
				Ok(Layer {
					// At most 1024.
					inputs: inputs as u32,
					outputs: outputs as u32,
					rate: *rate,
					weights: self.upload(here)?,
					sums: self.empty(BATCH * outputs)?,
					activations: self.empty(BATCH * outputs)?,
					errors: self.empty(BATCH * outputs)?,
				})
			})
			.collect()
	}
}
