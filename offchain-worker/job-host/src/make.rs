//! One job, computed and proven. What the GPU fails at or computes wrongly, the processor does.

use std::{
	panic::{catch_unwind, AssertUnwindSafe},
	time::Instant,
};

use lemma_zk_circuits::{
	program::{Job, ProveError, Proved},
	Prover,
};

use crate::{
	machine::Machine,
	message::{self, Event, First, CPU, CUDA},
};

/// Computes a job's output, unless it is `given`, and proves it. Whatever happens on the way is reported.
///
/// # Errors
///
/// What failed, if that was not the GPU.
pub fn make(
	job: &dyn Job,
	binding: [u8; 32],
	first: First,
	given: Vec<u8>,
	machine: &dyn Machine,
	prover: &Prover,
	report: &dyn Fn(Event),
) -> Result<(Vec<u8>, Proved), String> {
	let prove = |output: &[u8]| {
		job.prove(prover, output, binding, &|stage| {
			report(Event::Proving(message::number(stage)));
		})
	};
	let computed = match first {
		First::Cpu => None,
		First::Gpu => Some(compute(job, CUDA, report, || machine.gpu(job.work()))),
		First::Given => Some(Ok(given)),
	};
	if let Some(computed) = computed {
		let failed = match computed {
			Err(reason) => reason,
			Ok(output) => match prove(&output) {
				Err(ProveError::WrongOutput(reason)) => format!("its output is wrong: {reason}"),
				proved => return Ok((output, proved.map_err(|error| error.to_string())?)),
			},
		};
		report(Event::BackendFailed {
			backend: CUDA.into(),
			reason: failed,
		});
	}
	let output = compute(job, CPU, report, || machine.cpu(job.work()))
		.map_err(|reason| format!("computing failed: {reason}"))?;
	let proved = prove(&output).map_err(|error| error.to_string())?;
	Ok((output, proved))
}

/// An output of the length that is due.
fn compute(
	job: &dyn Job,
	backend: &str,
	report: &dyn Fn(Event),
	run: impl FnOnce() -> Result<Vec<u8>, String>,
) -> Result<Vec<u8>, String> {
	report(Event::Computing {
		backend: backend.into(),
	});
	let began = Instant::now();
	let output = catch_unwind(AssertUnwindSafe(run))
		.unwrap_or_else(|_| Err("it panicked, or its driver did".into()))?;
	if output.len() != job.output_len() {
		return Err(format!(
			"{} bytes of output where {} are due",
			output.len(),
			job.output_len()
		));
	}
	report(Event::Computed {
		backend: backend.into(),
		micros: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
	});
	Ok(output)
}

#[cfg(test)]
mod tests {
	use std::cell::RefCell;

	use lemma_zk_circuits::program::{ProgramId, Stage, Work};
	use lemma_zk_statement::OutputElement;

	use super::*;
	use crate::message::Chosen;

	/// 3 * 5 + 4 * 6, by a prover that knows it.
	struct Product;

	fn right() -> Result<Vec<u8>, String> {
		Ok(39i32.to_le_bytes().to_vec())
	}

	impl Job for Product {
		fn program(&self) -> ProgramId {
			[1; 32]
		}

		fn shape(&self) -> String {
			"1x2x1".into()
		}

		fn element(&self) -> OutputElement {
			OutputElement::I32
		}

		fn output_len(&self) -> usize {
			4
		}

		fn memory_estimate(&self) -> u64 {
			0
		}

		fn cost_estimate(&self) -> f64 {
			1.0
		}

		fn commitment(&self) -> [u8; 32] {
			[2; 32]
		}

		fn work(&self) -> Work<'_> {
			Work::Gemm {
				m: 1,
				k: 2,
				n: 1,
				a: &[3, 4],
				b: &[5, 6],
			}
		}

		fn prove(
			&self,
			_: &Prover,
			output: &[u8],
			_: [u8; 32],
			progress: &dyn Fn(Stage),
		) -> Result<Proved, ProveError> {
			progress(Stage::Outer);
			match output == right().unwrap() {
				true => Ok(Proved {
					proof: vec![7],
					stages: vec![],
					rows_log2: 1,
				}),
				false => Err(ProveError::WrongOutput("it is another".into())),
			}
		}
	}

	/// A GPU that works or fails in a way of its own.
	struct Gpu(fn() -> Result<Vec<u8>, String>);

	impl Machine for Gpu {
		fn choose(&self, _: &str) -> Result<Chosen, String> {
			Err("not asked here".into())
		}

		fn gpu(&self, _: Work<'_>) -> Result<Vec<u8>, String> {
			self.0()
		}

		fn cpu(&self, work: Work<'_>) -> Result<Vec<u8>, String> {
			Ok(work.reference())
		}
	}

	/// By what a right output was computed, and how often the GPU failed.
	fn made(gpu: fn() -> Result<Vec<u8>, String>, first: First) -> (Option<String>, usize) {
		let given = gpu_bytes(first, gpu);
		let events = RefCell::new(Vec::new());
		let (output, proved) = make(
			&Product,
			[0; 32],
			first,
			given,
			&Gpu(gpu),
			&Prover::new(),
			&|event| events.borrow_mut().push(event),
		)
		.unwrap();
		assert_eq!((Ok(output), proved.proof), (right(), vec![7]));
		let events = events.into_inner();
		let by = events.iter().rev().find_map(|event| match event {
			Event::Computed { backend, .. } => Some(backend.clone()),
			_ => None,
		});
		let failed = |event: &&Event| matches!(event, Event::BackendFailed { .. });
		(by, events.iter().filter(failed).count())
	}

	/// What another process has computed.
	fn gpu_bytes(first: First, gpu: fn() -> Result<Vec<u8>, String>) -> Vec<u8> {
		match first {
			First::Given => gpu().unwrap_or_default(),
			First::Cpu | First::Gpu => Vec::new(),
		}
	}

	#[test]
	fn the_cpu_should_compute_when_the_gpu_fails_panics_or_computes_wrongly() {
		let broken: [fn() -> Result<Vec<u8>, String>; 4] = [
			|| Err("CUDA_ERROR_LAUNCH_FAILED".into()),
			|| Ok(vec![0; 3]),
			|| Ok(vec![0; 4]),
			|| panic!("as drivers do"),
		];
		for gpu in broken {
			assert_eq!(made(gpu, First::Gpu), (Some(CPU.to_owned()), 1));
		}
		for gpu in [broken[0], broken[1], broken[2]] {
			assert_eq!(made(gpu, First::Given), (Some(CPU.to_owned()), 1));
		}
	}

	#[test]
	fn the_gpu_should_compute_when_it_is_asked_and_works() {
		assert_eq!(made(right, First::Gpu), (Some(CUDA.to_owned()), 0));
		assert_eq!(made(right, First::Cpu), (Some(CPU.to_owned()), 0));
		assert_eq!(made(right, First::Given), (None, 0));
	}
}
