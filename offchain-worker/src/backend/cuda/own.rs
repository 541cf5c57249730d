//! Kernels of programs that are not built in: compiled from the source that they bring, launched as they say.

use cudarc::driver::{CudaSlice, LaunchConfig, PushKernelArg};
use lemma_zk_circuits::program::{Argument, Kernel};

use super::{super::BackendError, device, Cuda};

/// Longest source, bytes.
const MAX_SOURCE: usize = 1 << 20;

/// An argument as the launch takes it.
enum Ready {
	Input(CudaSlice<u8>),
	Output(CudaSlice<u8>),
	U32(u32),
	I32(i32),
	U64(u64),
	I64(i64),
}

impl Cuda {
	/// Runs a kernel and gives its outputs, one after the other.
	pub(super) fn own(&self, kernel: &Kernel) -> Result<Vec<u8>, BackendError> {
		check(kernel)?;
		let function = self.modules.function(&kernel.source, &kernel.name)?;
		let mut arguments = Vec::new();
		for argument in &kernel.arguments {
			arguments.push(match argument {
				Argument::Input(bytes) => Ready::Input(self.upload(bytes)?),
				Argument::Output(length) => {
					let length = usize::try_from(*length).map_err(|_| {
						BackendError::Memory(format!("{length} bytes are longer than an address"))
					})?;
					Ready::Output(self.stream.alloc_zeros(length).map_err(device)?)
				}
				Argument::U32(number) => Ready::U32(*number),
				Argument::I32(number) => Ready::I32(*number),
				Argument::U64(number) => Ready::U64(*number),
				Argument::I64(number) => Ready::I64(*number),
			});
		}
		let [grid, block] = [kernel.grid, kernel.block].map(|[x, y, z]| (x, y, z));
		{
			let mut launch = self.stream.launch_builder(&function);
			for argument in &mut arguments {
				match argument {
					Ready::Input(buffer) => launch.arg(&*buffer),
					Ready::Output(buffer) => launch.arg(buffer),
					Ready::U32(number) => launch.arg(&*number),
					Ready::I32(number) => launch.arg(&*number),
					Ready::U64(number) => launch.arg(&*number),
					Ready::I64(number) => launch.arg(&*number),
				};
			}
			let config = LaunchConfig {
				grid_dim: grid,
				block_dim: block,
				shared_mem_bytes: 0,
			};
			// SAFETY: none that this process could check: the kernel is the program's, which the operator has allowed. What it
			// does out of bounds ends this process, and what it computes is proven by the program's constraints.
			unsafe { launch.launch(config) }.map_err(device)?;
		}
		let mut output = Vec::new();
		for argument in &arguments {
			if let Ready::Output(buffer) = argument {
				output.append(&mut self.download(buffer)?);
			}
		}
		Ok(output)
	}
}

fn check(kernel: &Kernel) -> Result<(), BackendError> {
	let wrong = |text: String| {
		Err(BackendError::Work(format!(
			"kernel {}: {text}",
			kernel.name
		)))
	};
	if kernel.source.len() > MAX_SOURCE {
		return wrong(format!("its source has more than {MAX_SOURCE} bytes"));
	}
	let empty = |argument: &Argument| match argument {
		Argument::Input(bytes) => bytes.is_empty(),
		Argument::Output(length) => *length == 0,
		_ => false,
	};
	if kernel.arguments.iter().any(empty) {
		return wrong("a buffer of no bytes cannot be made".into());
	}
	if kernel
		.grid
		.iter()
		.chain(&kernel.block)
		.any(|size| *size == 0)
	{
		return wrong("grid and block must have at least one of everything".into());
	}
	Ok(())
}
