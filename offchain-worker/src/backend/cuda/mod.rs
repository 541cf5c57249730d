//! The GPU backend: NVIDIA devices of compute capability 6.1 and newer, driven through the CUDA driver API.
//!
//! Nothing of CUDA is needed to build or to start the worker: the driver (`libcuda`) and the run-time compiler
//! (`libnvrtc`) are loaded when they are there. `kernels/gemm.cu` multiplies, and [`plan`] says how a product is cut; `infer`,
//! `train` and `tiles` launch the other programs' kernels, `own` those of programs that are not built in. [`compile`] turns a source into machine code, `modules` loads it when it is
//! first needed.
//!
//! How it is tested: `tests/kernels.rs` and `tests/tiles.rs` execute sources on the CPU, against the references, and
//! compile them for several architectures; `tests/cuda_host` runs all of this folder against a driver that executes the
//! kernels on the CPU. It has not yet run on a GPU: [`super::choose`] multiplies a small matrix before it trusts one, and a prover finds
//! any output that is not the reference's.

pub mod compile;
mod infer;
mod modules;
mod own;
pub mod plan;
mod tiles;
mod train;

use std::sync::{Arc, Mutex, PoisonError};

use cudarc::driver::{
	sys, CudaContext, CudaFunction, CudaSlice, CudaStream, DeviceRepr, DriverError, LaunchConfig,
	PushKernelArg,
};
use lemma_zk_circuits::program::Work;

use super::{check_gemm, Backend, BackendError};
use compile::{Compiler, Target, GEMM};
use modules::Modules;
use plan::{band_rows, Launch, Plan};

/// Oldest compute capability with the dp4a instruction.
const OLDEST: u32 = 61;

/// Threads of a block of kernels of which each thread computes one thing.
const BLOCK: usize = 256;

/// Runs programs on one GPU: the first that CUDA shows (`CUDA_VISIBLE_DEVICES` chooses it).
pub struct Cuda {
	context: Arc<CudaContext>,
	stream: Arc<CudaStream>,
	modules: Modules,
	pack_rows: CudaFunction,
	pack_columns: CudaFunction,
	multiply: CudaFunction,
	description: String,
	/// One computation at a time: the second would find the memory taken that the first has planned with.
	turn: Mutex<()>,
}

impl Cuda {
	/// Opens the device and compiles the matrix product's kernels for it.
	///
	/// # Errors
	///
	/// [`BackendError::Unavailable`] saying what is missing: driver, device or NVRTC.
	pub fn open() -> Result<Self, BackendError> {
		// cudarc panics where a library lacks a function that it needs: one that is much too old.
		std::panic::catch_unwind(Self::open_device).unwrap_or_else(|_| {
			Err(BackendError::Unavailable(
				"the CUDA libraries lack functions that are needed: update the NVIDIA driver and NVRTC \
				to CUDA 12"
					.into(),
			))
		})
	}

	fn open_device() -> Result<Self, BackendError> {
		let unavailable = |text: String| Err(BackendError::Unavailable(text));
		// SAFETY: asks the loader for the library; its initialisers are NVIDIA's.
		if !unsafe { sys::is_culib_present() } {
			return unavailable(
				"no NVIDIA driver was found (libcuda); if this machine has an NVIDIA GPU, install its \
				driver"
					.into(),
			);
		}
		let devices = match CudaContext::device_count() {
			Ok(devices) => devices,
			Err(error) => {
				return unavailable(format!(
					"the NVIDIA driver does not start ({}): check it with nvidia-smi",
					code(error)
				))
			}
		};
		if devices < 1 {
			return unavailable(
				"the NVIDIA driver shows no GPU: check nvidia-smi and CUDA_VISIBLE_DEVICES".into(),
			);
		}
		let context = CudaContext::new(0).map_err(device)?;
		let name = context.name().map_err(device)?;
		let (major, minor) = context.compute_capability().map_err(device)?;
		let capability = u32::try_from(major * 10 + minor).unwrap_or(0);
		if capability < OLDEST {
			return unavailable(format!(
				"{name}, the first GPU that CUDA shows, has compute capability {major}.{minor}; the kernels need 6.1 \
				(dp4a): if there is a newer one, choose it with CUDA_VISIBLE_DEVICES"
			));
		}
		let compiler = Compiler::find()?;
		let target = Target::for_device(capability, compiler.supported())?;
		let modules = Modules::new(context.clone(), compiler, target);
		let function = |name| modules.function(GEMM, name);
		let memory = context.total_mem().map_err(device)? >> 20;
		Ok(Self {
			stream: context.new_stream().map_err(device)?,
			pack_rows: function("lemma_pack_rows")?,
			pack_columns: function("lemma_pack_columns")?,
			multiply: function("lemma_gemm_i8")?,
			description: format!(
				"{name}, compute capability {major}.{minor}, {memory} MiB, {}",
				modules.describe()
			),
			modules,
			context,
			turn: Mutex::new(()),
		})
	}

	fn gemm(
		&self,
		(m, k, n): (usize, usize, usize),
		a: &[i8],
		b: &[i8],
	) -> Result<Vec<u8>, BackendError> {
		let (free, _) = self.context.mem_get_info().map_err(device)?;
		let rows = band_rows(m, k, n, free as u64)?;
		let plan = Plan::new(rows, k, n)?;

		let device_b = self.stream.clone_htod(b).map_err(device)?;
		let mut packed_b = self.empty::<i32>(plan.packed_b())?;
		// SAFETY: arguments as in the kernel's signature, buffers as long as the plan says.
		unsafe {
			self.stream
				.launch_builder(&self.pack_columns)
				.arg(&device_b)
				.arg(&plan.k)
				.arg(&plan.n)
				.arg(&plan.ldb)
				.arg(&mut packed_b)
				.launch(config(plan.pack_columns()))
				.map_err(device)?;
		}
		drop(device_b);

		let mut output = vec![0u8; m * n * 4];
		let mut device_a = self.empty::<i8>(rows * k)?;
		let mut packed_a = self.empty::<i32>(plan.packed_a())?;
		let mut device_c = self.empty::<i32>(rows * n)?;
		for (a, output) in a.chunks(rows * k).zip(output.chunks_mut(rows * n * 4)) {
			let plan = Plan::new(a.len() / k, k, n)?;
			self.stream.memcpy_htod(a, &mut device_a).map_err(device)?;
			// SAFETY: arguments as in the kernels' signatures; the last band is the only shorter one.
			unsafe {
				self.stream
					.launch_builder(&self.pack_rows)
					.arg(&device_a)
					.arg(&plan.m)
					.arg(&plan.k)
					.arg(&plan.words)
					.arg(&plan.lda)
					.arg(&mut packed_a)
					.launch(config(plan.pack_rows()))
					.map_err(device)?;
				self.stream
					.launch_builder(&self.multiply)
					.arg(&packed_a)
					.arg(&packed_b)
					.arg(&plan.words)
					.arg(&plan.lda)
					.arg(&plan.ldb)
					.arg(&plan.m)
					.arg(&plan.n)
					.arg(&mut device_c)
					.launch(config(plan.multiply()))
					.map_err(device)?;
			}
			// The device is little-endian: its int32 are the output's bytes as they are.
			// SAFETY: any bytes are valid u8, and the band's are no more than the buffer's.
			let bytes = unsafe { device_c.transmute::<u8>(output.len()) }
				.ok_or_else(|| BackendError::Device("a band is longer than planned".into()))?;
			self.stream.memcpy_dtoh(&bytes, output).map_err(device)?;
		}
		self.stream.synchronize().map_err(device)?;
		Ok(output)
	}

	/// Device memory that a kernel or copy fills before anything reads it.
	fn empty<T: DeviceRepr>(&self, length: usize) -> Result<CudaSlice<T>, BackendError> {
		// SAFETY: see above; on the device any bit pattern is a value of these types.
		unsafe { self.stream.alloc(length) }.map_err(device)
	}

	/// Values, of which there is at least one, on the device. They have been read when this returns.
	fn upload<T: DeviceRepr>(&self, values: &[T]) -> Result<CudaSlice<T>, BackendError> {
		let uploaded = self.stream.clone_htod(values).map_err(device)?;
		// A device that reads the host's memory itself may still be at it.
		self.stream.synchronize().map_err(device)?;
		Ok(uploaded)
	}

	/// Waits for all that was launched, and brings a buffer back.
	fn download<T: DeviceRepr>(&self, buffer: &CudaSlice<T>) -> Result<Vec<T>, BackendError> {
		let values = self.stream.clone_dtoh(buffer).map_err(device)?;
		self.stream.synchronize().map_err(device)?;
		Ok(values)
	}
}

impl Backend for Cuda {
	fn name(&self) -> &'static str {
		"cuda"
	}

	fn describe(&self) -> String {
		self.description.clone()
	}

	fn run(&self, work: Work<'_>) -> Result<Vec<u8>, BackendError> {
		let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
		let output = match work {
			Work::Gemm { m, k, n, a, b } => {
				check_gemm(m, k, n, a, b).and_then(|()| self.gemm((m, k, n), a, b))
			}
			Work::Infer { model, samples } => self.infer(model, samples),
			Work::Train { training } => self.train(training),
			Work::Fractal { tile } => self.fractal(tile),
			Work::Render { class, prepared } => self.render(class, prepared),
			Work::Own(own) => match own.kernel() {
				Some(kernel) => self.own(&kernel),
				None => Ok(own.reference()),
			},
		};
		// What was freed counts as used until the stream is waited for: the next job, and other processes, plan with what is free.
		let freed = self.stream.synchronize().map_err(device);
		output.and_then(|output| freed.map(|()| output))
	}
}

fn config(launch: Launch) -> LaunchConfig {
	LaunchConfig {
		grid_dim: (launch.grid.0, launch.grid.1, 1),
		block_dim: (launch.block.0, launch.block.1, 1),
		shared_mem_bytes: 0,
	}
}

/// One thread for each of `count` things.
fn threads(count: usize) -> Result<LaunchConfig, BackendError> {
	let blocks = i32::try_from(count.div_ceil(BLOCK)).map_err(|_| {
		BackendError::Memory(format!("{count} elements are more than a GPU can be given"))
	})?;
	Ok(LaunchConfig {
		grid_dim: (blocks.unsigned_abs(), 1, 1),
		block_dim: (BLOCK as u32, 1, 1),
		shared_mem_bytes: 0,
	})
}

fn code(error: DriverError) -> String {
	format!("{:?}", error.0)
}

fn device(error: DriverError) -> BackendError {
	match error.0 {
		sys::cudaError_enum::CUDA_ERROR_OUT_OF_MEMORY => BackendError::Memory(
			"the GPU has no memory left: another program uses it, or the job is too large".into(),
		),
		_ => BackendError::Device(code(error)),
	}
}
