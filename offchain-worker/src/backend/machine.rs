//! What computes in a process for jobs: a GPU, opened when it is first needed, and the processor.

use std::sync::OnceLock;

use clap::ValueEnum as _;
use lemma_job_host::message::{Chosen, TOO_LARGE};
use lemma_zk_circuits::program::Work;

use super::{choose, Backend, BackendError, Cpu, Preference};

/// See the module.
#[derive(Default)]
pub struct Machine {
	gpu: OnceLock<Result<Box<dyn Backend>, String>>,
	cpu: Cpu,
}

impl lemma_job_host::Machine for Machine {
	fn choose(&self, wanted: &str) -> Result<Chosen, String> {
		let preference = Preference::from_str(wanted, true)?;
		let (backend, no_gpu) = choose(preference).map_err(|error| error.to_string())?;
		let chosen = Chosen {
			name: backend.name().to_owned(),
			description: backend.describe(),
			no_gpu: no_gpu.map(|reason| reason.to_string()),
		};
		if backend.name() == lemma_job_host::message::CUDA {
			// Whoever asks twice keeps the first.
			let _ = self.gpu.set(Ok(backend));
		}
		Ok(chosen)
	}

	fn gpu(&self, work: Work<'_>) -> Result<Vec<u8>, String> {
		let gpu = self.gpu.get_or_init(|| match choose(Preference::Cuda) {
			Ok((gpu, _)) => Ok(gpu),
			Err(error) => Err(said(error)),
		});
		let gpu = gpu.as_ref().map_err(Clone::clone)?;
		gpu.run(work).map_err(said)
	}

	fn cpu(&self, work: Work<'_>) -> Result<Vec<u8>, String> {
		self.cpu.run(work).map_err(|error| error.to_string())
	}
}

/// An error as the worker is told: that there is too little memory speaks not against the GPU.
fn said(error: BackendError) -> String {
	match error {
		BackendError::Memory(reason) => format!("{TOO_LARGE}{reason}"),
		error => error.to_string(),
	}
}
