//! Computing that outlives a broken GPU: what it fails at, does wrongly or does not finish, the CPU does. After a few
//! failures it is not asked again.

use std::{
	panic::{catch_unwind, AssertUnwindSafe},
	sync::{
		atomic::{AtomicU32, Ordering},
		mpsc, Arc,
	},
	time::Duration,
};

use lemma_zk_circuits::program::{Job, ProveError};

use super::{Backend, BackendError, Cpu};
use crate::metrics::Metrics;

/// Failures in a row after which the preferred backend is not asked again until the worker is restarted.
const STRIKES: u32 = 3;
/// Longest time for a computation on a GPU, which takes seconds at most.
const PATIENCE: Duration = Duration::from_secs(120);

/// A preferred backend, and the CPU behind it.
pub struct Reliable {
	preferred: Arc<dyn Backend>,
	cpu: Cpu,
	strikes: AtomicU32,
	patience: Duration,
	metrics: Metrics,
}

impl Reliable {
	/// Prefers `preferred`.
	pub fn new(preferred: Arc<dyn Backend>, metrics: Metrics) -> Self {
		Self {
			preferred,
			cpu: Cpu::new(),
			strikes: AtomicU32::new(0),
			patience: PATIENCE,
			metrics,
		}
	}

	/// Computes the output and has it proven; `prove` is told which backend computed. What the preferred backend does not
	/// compute, or computes wrongly, the CPU does, which it does alone if `cpu_only`.
	pub fn compute<T>(
		&self,
		job: &Arc<dyn Job>,
		cpu_only: bool,
		mut prove: impl FnMut(&[u8], &'static str) -> Result<T, ProveError>,
	) -> Result<(Vec<u8>, T), String> {
		let alone = cpu_only || self.preferred.name() == self.cpu.name();
		if !alone && self.strikes.load(Ordering::SeqCst) < STRIKES {
			match self.ask(job) {
				Err(reason) => self.strike(&reason),
				Ok(output) => match prove(&output, self.preferred.name()) {
					Err(ProveError::WrongOutput(reason)) => {
						self.strike(&format!("its output is wrong: {reason}"));
					}
					proved => {
						self.strikes.store(0, Ordering::SeqCst);
						return Ok((output, proved.map_err(|error| error.to_string())?));
					}
				},
			}
		}
		let computing = |reason: String| format!("computing failed: {reason}");
		let output = self
			.cpu
			.run(job.work())
			.map_err(|error| computing(error.to_string()))?;
		if output.len() != job.output_len() {
			return Err(computing(wrong_length(&**job, &output)));
		}
		let proved = prove(&output, self.cpu.name()).map_err(|error| error.to_string())?;
		Ok((output, proved))
	}

	/// The preferred backend failed.
	fn strike(&self, reason: &str) {
		let backend = self.preferred.name();
		self.metrics.backend_failed(backend);
		let strikes = self
			.strikes
			.fetch_add(1, Ordering::SeqCst)
			.saturating_add(1);
		tracing::error!("the {backend} backend failed, the CPU does its work: {reason}");
		if strikes == STRIKES {
			tracing::error!(
				"the {backend} backend failed {STRIKES} times in a row and is not used again until this worker \
				 is restarted: check driver and hardware"
			);
		}
	}

	/// Asks the preferred backend, on a thread of its own: a device that hangs cannot be waited for.
	fn ask(&self, job: &Arc<dyn Job>) -> Result<Vec<u8>, String> {
		let (answer, answered) = mpsc::channel();
		let (backend, asked) = (self.preferred.clone(), job.clone());
		std::thread::Builder::new()
			.name("lemma-gpu".into())
			.spawn(move || {
				let run = AssertUnwindSafe(|| backend.run(asked.work()));
				let done = catch_unwind(run)
					.unwrap_or_else(|_| Err(BackendError::Device("its driver panicked".into())));
				// Nobody listens any more if it took too long.
				let _ = answer.send(done);
			})
			.map_err(|error| error.to_string())?;
		let output = answered
			.recv_timeout(self.patience)
			.map_err(|_| format!("no answer within {} s", self.patience.as_secs()))?
			.map_err(|error| error.to_string())?;
		match output.len() == job.output_len() {
			true => Ok(output),
			false => Err(wrong_length(&**job, &output)),
		}
	}
}

fn wrong_length(job: &dyn Job, output: &[u8]) -> String {
	format!(
		"{} bytes of output where {} are due",
		output.len(),
		job.output_len()
	)
}

#[cfg(test)]
mod tests {
	use lemma_zk_circuits::{
		program::{Program, Work},
		programs::gemm::{reference, Gemm, Operands},
	};

	use super::*;

	/// A GPU that works or fails in a way of its own.
	struct Gpu(fn() -> Result<Vec<u8>, BackendError>);

	impl Backend for Gpu {
		fn name(&self) -> &'static str {
			"cuda"
		}

		fn describe(&self) -> String {
			"one of a test".into()
		}

		fn run(&self, _: Work<'_>) -> Result<Vec<u8>, BackendError> {
			self.0()
		}
	}

	fn job() -> (Arc<dyn Job>, Vec<u8>) {
		let operands = Operands::new(1, 2, 1, vec![3, 4], vec![5, 6]).unwrap();
		let job = Gemm.open(&operands.encode()).unwrap();
		(job.into(), reference::output(&operands))
	}

	/// Which backend's output was proven, by a prover that knows the right one.
	fn compute(reliable: &Reliable, cpu_only: bool) -> &'static str {
		let (job, right) = job();
		let prove = |output: &[u8], by| match output == right {
			true => Ok(by),
			false => Err(ProveError::WrongOutput("it is another".into())),
		};
		let (output, by) = reliable.compute(&job, cpu_only, prove).unwrap();
		assert_eq!(output, right);
		by
	}

	fn failures(metrics: &Metrics) -> String {
		let text = metrics.encode().unwrap();
		let wanted = "lemma_worker_backend_failures_total{backend=\"cuda\"} ";
		let line = text.lines().find_map(|line| line.strip_prefix(wanted));
		line.unwrap_or("0").to_owned()
	}

	/// 3 * 5 + 4 * 6.
	fn right() -> Result<Vec<u8>, BackendError> {
		Ok(39i32.to_le_bytes().to_vec())
	}

	fn failing() -> Result<Vec<u8>, BackendError> {
		Err(BackendError::Device("CUDA_ERROR_LAUNCH_FAILED".into()))
	}

	#[test]
	fn the_cpu_should_compute_when_the_gpu_fails_hangs_panics_or_computes_wrongly() {
		let broken: [fn() -> Result<Vec<u8>, BackendError>; 5] = [
			failing,
			|| Ok(vec![0; 3]),
			|| Ok(vec![0; 4]),
			|| panic!("as drivers do"),
			|| {
				std::thread::sleep(Duration::from_secs(5));
				right()
			},
		];
		for gpu in broken {
			let metrics = Metrics::new();
			let reliable = Reliable {
				patience: Duration::from_millis(200),
				..Reliable::new(Arc::new(Gpu(gpu)), metrics.clone())
			};
			assert_eq!(compute(&reliable, false), "cpu");
			assert_eq!(failures(&metrics), "1");
		}
	}

	#[test]
	fn the_gpu_should_not_be_asked_again_when_it_failed_several_times_in_a_row() {
		let metrics = Metrics::new();
		let reliable = Reliable::new(Arc::new(Gpu(failing)), metrics.clone());
		for _ in 0..10 {
			assert_eq!(compute(&reliable, false), "cpu");
		}
		assert_eq!(failures(&metrics), STRIKES.to_string());
	}

	#[test]
	fn the_gpu_should_compute_when_it_works_and_its_failures_be_forgotten() {
		let metrics = Metrics::new();
		let reliable = Reliable::new(Arc::new(Gpu(right)), metrics.clone());
		for _ in 0..2 * STRIKES {
			reliable.strike("now and then");
			assert_eq!(compute(&reliable, false), "cuda");
		}
		assert_eq!(compute(&reliable, true), "cpu");
	}
}
