//! What runs a program's computation: a GPU where there is one, the CPU otherwise, the same bytes from both.
//!
//! A [`Backend`] takes a program's [`Work`] and returns the output's bytes. [`choose`] picks one; a backend that has been
//! chosen has multiplied a small matrix correctly in this process: a GPU whose result differs from the CPU's is not used. Of
//! [`crate::jobs`]' processes each has a [`Machine`], which is both.

pub mod cpu;
pub mod cuda;
pub mod machine;

use lemma_zk_circuits::program::Work;
use serde::{Deserialize, Serialize};

pub use cpu::Cpu;
pub use cuda::Cuda;
pub use machine::Machine;

/// Longest inner dimension of a matrix product whose sums cannot leave the int32 range: the greatest sum is
/// `k * 128 * 128`.
pub const MAX_INNER_DIMENSION: usize = (i32::MAX / (128 * 128)) as usize;

/// Runs programs.
pub trait Backend: Send + Sync {
	/// Short name, `cuda` or `cpu`: what a provider publishes on chain and metrics are labelled with.
	fn name(&self) -> &'static str;

	/// The machinery behind it for people, such as `NVIDIA L4, compute capability 8.9, 22 GiB`.
	fn describe(&self) -> String;

	/// Computes the output: its elements one after the other, little-endian.
	fn run(&self, work: Work<'_>) -> Result<Vec<u8>, BackendError>;
}

/// Why a backend is not to be had, or did not compute.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
	/// It cannot be used on this machine. Says what is missing.
	#[error("{0}")]
	Unavailable(String),
	/// The work is no work: lengths and dimensions disagree, or a sum could overflow.
	#[error("{0}")]
	Work(String),
	/// The work does not fit into memory.
	#[error("{0}")]
	Memory(String),
	/// The device or its driver failed.
	#[error("the GPU failed: {0}")]
	Device(String),
}

/// Which backend the operator wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Preference {
	/// The GPU if there is one that works, the CPU otherwise.
	#[default]
	Auto,
	/// The GPU; without one the worker does not start.
	Cuda,
	/// The CPU.
	Cpu,
}

/// Picks the backend; with it, why it is not a GPU where that was preferred. Never panics for want of a driver.
///
/// # Errors
///
/// [`BackendError::Unavailable`] if `cuda` was asked for and cannot be used.
pub fn choose(
	preference: Preference,
) -> Result<(Box<dyn Backend>, Option<BackendError>), BackendError> {
	let cpu = || checked(Cpu::new()).map(|cpu| Box::new(cpu) as Box<dyn Backend>);
	match preference {
		Preference::Cpu => Ok((cpu()?, None)),
		Preference::Cuda => Ok((Box::new(checked(Cuda::open()?)?), None)),
		Preference::Auto => match Cuda::open().and_then(checked) {
			Ok(cuda) => Ok((Box::new(cuda), None)),
			Err(reason) => Ok((cpu()?, Some(reason))),
		},
	}
}

/// The backend, if it computes rightly.
fn checked<T: Backend>(backend: T) -> Result<T, BackendError> {
	check(&backend)?;
	Ok(backend)
}

/// A product that meets every edge of the kernels' tiles, computed by the backend and the plain way.
fn check(backend: &dyn Backend) -> Result<(), BackendError> {
	let (m, k, n) = (131, 71, 133);
	// Any values will do, as long as all of -128..=127 occur.
	let values = |count: usize, step: usize| -> Vec<i8> {
		(0..count)
			.map(|i| (i * step + i / 251) as u8 as i8)
			.collect()
	};
	let (a, b) = (values(m * k, 37), values(k * n, 101));
	let output = backend.run(Work::Gemm {
		m,
		k,
		n,
		a: &a,
		b: &b,
	})?;
	if output != cpu::reference(m, k, n, &a, &b) {
		return Err(BackendError::Unavailable(format!(
			"{} ({}) multiplied a small matrix wrongly and is not used: check the driver and the hardware",
			backend.name(),
			backend.describe()
		)));
	}
	Ok(())
}

/// Whether a matrix product is one: lengths as the dimensions say, every sum within int32.
fn check_gemm(m: usize, k: usize, n: usize, a: &[i8], b: &[i8]) -> Result<(), BackendError> {
	if m == 0 || k == 0 || n == 0 {
		return Err(BackendError::Work(format!(
			"a product of {m}x{k} and {k}x{n} matrices is empty: every dimension must be at least 1"
		)));
	}
	if k > MAX_INNER_DIMENSION {
		return Err(BackendError::Work(format!(
			"an inner dimension of {k} could overflow int32: at most {MAX_INNER_DIMENSION} is allowed"
		)));
	}
	for (name, rows, columns, length) in [("A", m, k, a.len()), ("B", k, n, b.len())] {
		if rows.checked_mul(columns) != Some(length) {
			return Err(BackendError::Work(format!(
				"{name} has {length} values where {rows}x{columns} were announced"
			)));
		}
	}
	if m.checked_mul(n)
		.and_then(|count| count.checked_mul(4))
		.is_none()
	{
		return Err(BackendError::Memory(format!(
			"a {m}x{n} output has more bytes than an address"
		)));
	}
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::*;

	/// Returns zeros, as a broken device might.
	struct Broken;

	impl Backend for Broken {
		fn name(&self) -> &'static str {
			"broken"
		}

		fn describe(&self) -> String {
			"returns zeros".into()
		}

		fn run(&self, work: Work<'_>) -> Result<Vec<u8>, BackendError> {
			Ok(vec![0; work.reference().len()])
		}
	}

	#[test]
	fn check_should_refuse_a_backend_that_computes_wrongly() {
		assert!(matches!(check(&Broken), Err(BackendError::Unavailable(_))));
		assert_eq!(check(&Cpu::new()), Ok(()));
	}

	#[test]
	fn choose_should_take_the_cpu_when_told() {
		assert_eq!(
			choose(Preference::Cpu).map(|(backend, _)| backend.name()),
			Ok("cpu")
		);
	}

	#[test]
	fn choose_should_answer_without_a_panic_when_there_is_no_driver() {
		// On a machine with a GPU this is `cuda`; the point is that both answers come as values.
		let (auto, no_gpu) = choose(Preference::Auto).unwrap();
		match choose(Preference::Cuda) {
			Ok((cuda, _)) => {
				assert_eq!(cuda.name(), "cuda");
				assert_eq!((auto.name(), no_gpu), ("cuda", None));
			}
			Err(reason) => {
				assert!(!reason.to_string().is_empty());
				assert_eq!((auto.name(), no_gpu), ("cpu", Some(reason)));
			}
		}
	}

	#[test]
	fn backends_should_refuse_work_that_is_none() {
		let cpu = Cpu::new();
		let run = |m, k, n, a: &[i8], b: &[i8]| cpu.run(Work::Gemm { m, k, n, a, b });
		assert!(matches!(
			run(0, 1, 1, &[], &[1]),
			Err(BackendError::Work(_))
		));
		assert!(matches!(
			run(1, 2, 1, &[1], &[1, 1]),
			Err(BackendError::Work(_))
		));
		assert!(matches!(
			run(1, 1, 2, &[1], &[1]),
			Err(BackendError::Work(_))
		));
		assert!(matches!(
			run(usize::MAX, 2, 1, &[1], &[1, 1]),
			Err(BackendError::Work(_))
		));
		let k = MAX_INNER_DIMENSION + 1;
		assert!(matches!(
			run(1, k, 1, &vec![0; k], &vec![0; k]),
			Err(BackendError::Work(_))
		));
	}
}
