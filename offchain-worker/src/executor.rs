//! Computes, proves and checks, on threads of its own.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};

use async_trait::async_trait;
use lemma_client::Order;
use lemma_primitives::order::InputSource;
use lemma_zk_circuits::{
	program::{Job, ProveError, Stage},
	programs, Prover,
};
use lemma_zk_statement::{blake2_256, Statement};
use tokio::sync::Semaphore;

use crate::{
	backend::{Backend, Cpu},
	estimate::Estimate,
	input::Inputs,
	journal::Hash,
	metrics::Metrics,
	workshop::{Finished, PrepareError, Task, Workshop},
};

/// See the module.
pub struct Executor {
	inputs: Inputs,
	backend: Arc<dyn Backend>,
	prover: Arc<Prover>,
	estimate: Estimate,
	max_memory_bytes: u64,
	metrics: Metrics,
	/// One permit for each job that may run at a time.
	slots: Arc<Semaphore>,
}

impl Executor {
	/// An executor that runs at most `concurrency` jobs at a time.
	pub fn new(
		inputs: Inputs,
		backend: Box<dyn Backend>,
		estimate: Estimate,
		max_memory_bytes: u64,
		concurrency: usize,
		metrics: Metrics,
	) -> Self {
		Self {
			inputs,
			backend: backend.into(),
			prover: Arc::new(Prover::new()),
			estimate,
			max_memory_bytes,
			metrics,
			slots: Arc::new(Semaphore::new(concurrency)),
		}
	}
}

#[async_trait]
impl Workshop for Executor {
	async fn prepare(&self, order: &Order) -> Result<Arc<dyn Job>, PrepareError> {
		let program = programs::find(&order.spec.program.0).ok_or_else(|| {
			PrepareError::Refused("its program is not built into this worker".to_owned())
		})?;
		// Looked at before anything is fetched; the blob's hash is the store's to check, an inline input
		// has none.
		if let InputSource::Stored { size: 0, .. } = order.spec.input {
			return Err(PrepareError::Refused("its input is empty".to_owned()));
		}
		let started = Instant::now();
		let blob = self.inputs.get(&order.spec.input).await?;
		tracing::info!(
			bytes = blob.len(),
			seconds = seconds(started),
			"input is here"
		);
		let (wanted, max_memory_bytes) = (order.spec.clone(), self.max_memory_bytes);
		let slots = self.slots.clone();
		let _slot = slots.acquire().await;
		let started = Instant::now();
		let checked = tokio::task::spawn_blocking(move || {
			let opened = std::panic::catch_unwind(AssertUnwindSafe(|| program.open(&blob)));
			drop(blob);
			let job: Arc<dyn Job> = opened
				.map_err(|_| "its input makes the program's parser fail".to_owned())?
				.map_err(|error| format!("its input is none of the program's: {error}"))?
				.into();
			if job.program() != wanted.program.0 {
				return Err(format!(
					"its input ({}) belongs to the program 0x{}, another class",
					job.shape(),
					hex::encode(job.program())
				));
			}
			if job.output_len() != wanted.output_len as usize {
				return Err(format!(
					"its input ({}) has an output of {} bytes, the order says {}",
					job.shape(),
					job.output_len(),
					wanted.output_len
				));
			}
			if job.memory_estimate() > max_memory_bytes {
				return Err(format!(
					"proving {} takes about {} MiB, more than max_memory_bytes ({} MiB)",
					job.shape(),
					job.memory_estimate() >> 20,
					max_memory_bytes >> 20
				));
			}
			let commitment = std::panic::catch_unwind(AssertUnwindSafe(|| job.commitment()))
				.map_err(|_| "its input cannot be committed to".to_owned())?;
			if commitment != wanted.commitment.0 {
				return Err(format!(
					"its input has the commitment 0x{}, the order says 0x{}",
					hex::encode(commitment),
					hex::encode(wanted.commitment.0)
				));
			}
			Ok(job)
		})
		.await;
		let job = match checked {
			Ok(Ok(job)) => job,
			Ok(Err(reason)) => return Err(PrepareError::Refused(reason)),
			Err(error) => return Err(PrepareError::Later(format!("checking stopped: {error}"))),
		};
		tracing::info!(
			shape = job.shape(),
			seconds = seconds(started),
			"input is what the order says"
		);
		Ok(job)
	}

	async fn produce(&self, job: Arc<dyn Job>, task: Task) -> Result<Finished, String> {
		let slot = self
			.slots
			.clone()
			.acquire_owned()
			.await
			.map_err(|error| error.to_string())?;
		// A GPU that failed once is not asked again for this order.
		let backend: Arc<dyn Backend> = if task.attempt > 1 {
			Arc::new(Cpu::new())
		} else {
			self.backend.clone()
		};
		let prover = self.prover.clone();
		let metrics = self.metrics.clone();
		let span = tracing::Span::current();
		let running = tokio::task::spawn_blocking(move || {
			let _slot = slot;
			span.in_scope(|| {
				let made = AssertUnwindSafe(|| make(&*job, task, &*backend, &prover));
				let made = std::panic::catch_unwind(made)
					.unwrap_or_else(|_| Err("computing or proving panicked".to_owned()));
				if let Ok(finished) = &made {
					metrics.stages(&finished.stages);
				}
				made
			})
		});
		running
			.await
			.unwrap_or_else(|error| Err(format!("proving stopped: {error}")))
	}

	fn warm(&self, job: &dyn Job) {
		let (prover, id) = (self.prover.clone(), job.program());
		// A first proof waits for what is not ready by then; nobody waits for this.
		tokio::task::spawn_blocking(move || {
			let Some(program) = programs::find(&id) else {
				return;
			};
			let class = program.classes().iter().position(|class| class.id == id);
			let circuits = program.circuits();
			if let Some(circuit) = class.and_then(|class| circuits.get(class)) {
				circuit.warm(&prover);
			}
			prover.outer();
		});
	}

	fn estimate_seconds(&self, job: &dyn Job) -> f64 {
		self.estimate.seconds(job)
	}

	fn forget(&self, input: &Hash) {
		self.inputs.forget(input);
	}
}

/// Computes, proves and verifies, on this thread.
fn make(
	job: &dyn Job,
	task: Task,
	backend: &dyn Backend,
	prover: &Prover,
) -> Result<Finished, String> {
	let started = Instant::now();
	let output = backend
		.run(job.work())
		.map_err(|error| format!("computing failed: {error}"))?;
	if output.len() != job.output_len() {
		return Err(format!(
			"the {} backend gave {} bytes of output where {} are due",
			backend.name(),
			output.len(),
			job.output_len()
		));
	}
	let mut stages = vec![("native".to_owned(), micros(seconds(started)))];
	tracing::info!(
		backend = backend.name(),
		seconds = seconds(started),
		"computed"
	);

	let stage_began = |stage: Stage| tracing::info!(stage = name(stage), "proving");
	let proved = job
		.prove(prover, &output, task.binding, &stage_began)
		.map_err(|error| match error {
			ProveError::WrongOutput(reason) => {
				format!(
					"the {} backend computed a wrong output: {reason}",
					backend.name()
				)
			}
			error => error.to_string(),
		})?;
	stages.extend(
		proved
			.stages
			.iter()
			.map(|(stage, took)| (name(*stage).to_owned(), micros(*took))),
	);

	let checking = Instant::now();
	let statement = Statement::of_result(
		task.program,
		task.binding,
		task.commitment,
		job.element(),
		&output,
		blake2_256,
	)
	.map_err(|error| format!("the result makes no statement: {error}"))?;
	lemma_zk_verifier::Verifier::embedded()
		.and_then(|verifier| verifier.verify(&statement, &proved.proof))
		.map_err(|error| format!("our own proof does not verify: {error}"))?;
	stages.push(("verify".to_owned(), micros(seconds(checking))));
	tracing::info!(
		seconds = seconds(started),
		proof_bytes = proved.proof.len(),
		rows_log2 = proved.rows_log2,
		"proven and verified"
	);
	Ok(Finished {
		output,
		proof: proved.proof,
		stages,
	})
}

/// A stage's name, as journal and metrics write it.
fn name(stage: Stage) -> &'static str {
	match stage {
		Stage::Commit => "commit",
		Stage::Open => "open",
		Stage::ProveProgram => "prove_program",
		Stage::Shrink => "shrink",
		Stage::Wrap => "wrap",
		Stage::Outer => "outer",
	}
}

fn seconds(since: Instant) -> f64 {
	since.elapsed().as_secs_f64()
}

/// Seconds as whole microseconds; negative and huge ones saturate.
fn micros(seconds: f64) -> u64 {
	(seconds * 1e6) as u64
}
