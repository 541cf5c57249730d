//! Kernels of programs that are not built in: compiled from the source that they bring, launched as they say.

use cudarc::driver::{CudaSlice, LaunchConfig, PushKernelArg};
use lemma_zk_circuits::program::{Argument, Kernel};

use super::{super::BackendError, device, Cuda};

/// Longest source, bytes.
const MAX_SOURCE: usize = 1 << 20;

/// Words that a source may not hold, for with them it has the compiler read files, which are the worker's user's.
const READS_FILES: [&str; 3] = ["include", "embed", "import"];

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
	if kernel.name.contains('\0') {
		return wrong("its name has a zero byte".into());
	}
	let source = spliced(&kernel.source);
	if let Some(word) = READS_FILES.iter().find(|word| source.contains(**word)) {
		return wrong(format!(
			"its source holds `{word}`, also if in a comment or a name: it must be whole as it is, and read no files"
		));
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

/// A source as the compiler reads words in it: lines that end in a backslash, or in the trigraph for one, go on in the next. Where
/// compilers differ, in what may stand before a line's end, more is joined than they do.
fn spliced(source: &str) -> String {
	let source = source.replace("??/", "\\");
	let mut parts = source.split('\\');
	let mut spliced = parts.next().unwrap_or_default().to_owned();
	for part in parts {
		let rest = part.trim_start();
		let blank = part.strip_suffix(rest).unwrap_or_default();
		if blank.contains(['\n', '\r']) {
			spliced.push_str(rest);
		} else {
			spliced.push('\\');
			spliced.push_str(part);
		}
	}
	spliced
}

#[cfg(test)]
mod tests {
	use super::*;

	fn checked(source: &str) -> Result<(), BackendError> {
		check(&Kernel {
			source: source.into(),
			name: "kernel".into(),
			grid: [1, 1, 1],
			block: [1, 1, 1],
			arguments: vec![Argument::U32(1)],
		})
	}

	#[test]
	fn a_source_should_be_refused_when_it_has_the_compiler_read_files() {
		for source in [
			"#include </etc/passwd>",
			"# /* a comment */ include \"key\"",
			"#inc\\\nlude \"key\"",
			"#inc\\\r\nlude \"key\"",
			"#inc\\ \t\nlude \"key\"",
			"#inc\\\rlude \"key\"",
			"#i\\\nn\\\nc\\\n\\\nlude \"key\"",
			"??=inc??/\nlude \"key\"",
			"#embed \"key\"",
			"#if __has_em\\\nbed(\"key\")",
			"#import \"key\"",
		] {
			let error = checked(source).unwrap_err().to_string();
			assert!(error.contains("read no files"), "{source}: {error}");
		}
	}

	#[test]
	fn a_name_should_be_refused_when_it_has_a_zero_byte() {
		let kernel = Kernel {
			source: String::new(),
			name: "ker\0nel".into(),
			grid: [1, 1, 1],
			block: [1, 1, 1],
			arguments: vec![],
		};
		let error = check(&kernel).unwrap_err().to_string();
		assert!(error.contains("zero byte"), "{error}");
	}

	#[test]
	fn a_source_should_be_taken_when_it_is_whole() {
		for source in [
			include_str!("../../../../examples/user-program/kernel.cu"),
			"#define A \\\n 1\n__device__ char c = '\\n';",
			"inc \\ lude",
			"",
		] {
			assert_eq!(checked(source), Ok(()), "{source}");
		}
	}
}
