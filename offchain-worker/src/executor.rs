//! Computes, proves and checks, on threads of its own.

use std::{collections::BTreeSet, panic::AssertUnwindSafe, sync::Arc, time::Instant};

use async_trait::async_trait;
use lemma_client::Order;
use lemma_primitives::order::InputSource;
use lemma_zk_circuits::{
	program::{Job, ProgramId, Stage},
	programs::bundles::Programs,
	Prover,
};
use lemma_zk_statement::{blake2_256, Statement};
use tokio::sync::Semaphore;

use crate::{
	backend::{Backend, Reliable},
	estimate::Estimate,
	input::Inputs,
	journal::Hash,
	metrics::Metrics,
	priority::Niceness,
	workshop::{Finished, PrepareError, Task, Workshop},
};

/// See the module.
pub struct Executor {
	programs: Arc<Programs>,
	inputs: Inputs,
	backend: Arc<Reliable>,
	prover: Arc<Prover>,
	estimate: Estimate,
	max_memory_bytes: u64,
	metrics: Metrics,
	/// Of the threads on which jobs run.
	niceness: Niceness,
	/// One permit for each job that may run at a time.
	slots: Arc<Semaphore>,
}

impl Executor {
	/// An executor of the programs that are built in, which runs at most `concurrency` jobs at a time, on threads of this
	/// niceness.
	pub fn new(
		inputs: Inputs,
		backend: Box<dyn Backend>,
		estimate: Estimate,
		max_memory_bytes: u64,
		concurrency: usize,
		niceness: Niceness,
		metrics: Metrics,
	) -> Self {
		Self {
			programs: Arc::default(),
			inputs,
			backend: Arc::new(Reliable::new(backend.into(), metrics.clone())),
			prover: Arc::new(Prover::new()),
			estimate,
			max_memory_bytes,
			metrics,
			niceness,
			slots: Arc::new(Semaphore::new(concurrency)),
		}
	}

	/// The same, of these programs.
	pub fn of(self, programs: Programs) -> Self {
		Self {
			programs: Arc::new(programs),
			..self
		}
	}
}

/// The job of a blob.
fn open(programs: &Programs, id: &ProgramId, blob: &[u8]) -> Result<Arc<dyn Job>, String> {
	let program = programs.find(id).ok_or(UNKNOWN)?;
	std::panic::catch_unwind(AssertUnwindSafe(|| program.open(blob)))
		.map_err(|_| "its input makes the program's parser fail".to_owned())?
		.map(Arc::from)
		.map_err(|error| format!("its input is none of the program's: {error}"))
}

const UNKNOWN: &str = "its program is neither built into this worker nor among its `bundles`";

#[async_trait]
impl Workshop for Executor {
	async fn prepare(&self, order: &Order, bound: bool) -> Result<Arc<dyn Job>, PrepareError> {
		if self.programs.find(&order.spec.program.0).is_none() {
			return Err(PrepareError::Refused(UNKNOWN.to_owned()));
		}
		// Looked at before anything is fetched; the blob's hash is the store's to check, an inline input
		// has none.
		if let InputSource::Stored { size: 0, .. } = order.spec.input {
			return Err(PrepareError::Refused("its input is empty".to_owned()));
		}
		let started = Instant::now();
		let blob = self.inputs.get(&order.spec.input, bound).await?;
		tracing::info!(
			bytes = blob.len(),
			seconds = seconds(started),
			"input is here"
		);
		let (wanted, max_memory_bytes) = (order.spec.clone(), self.max_memory_bytes);
		let slots = self.slots.clone();
		let _slot = slots.acquire().await;
		let started = Instant::now();
		let programs = self.programs.clone();
		let checking = self.niceness.run(move || {
			let opened = open(&programs, &wanted.program.0, &blob);
			drop(blob);
			let job = opened?;
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
		});
		let job = match checking.await {
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
		let backend = self.backend.clone();
		let prover = self.prover.clone();
		let metrics = self.metrics.clone();
		let span = tracing::Span::current();
		let running = self.niceness.run(move || {
			let _slot = slot;
			span.in_scope(|| {
				let made = AssertUnwindSafe(|| make(&job, task, &backend, &prover));
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
		let programs = self.programs.clone();
		let warming = self.niceness.run(move || {
			let Some(program) = programs.find(&id) else {
				return;
			};
			let class = program.classes().iter().position(|class| class.id == id);
			let circuits = program.circuits();
			if let Some(circuit) = class.and_then(|class| circuits.get(class)) {
				circuit.warm(&prover);
			}
			prover.outer();
		});
		// A first proof waits for what is not ready by then; nobody waits for this.
		tokio::spawn(warming);
	}

	fn estimate_seconds(&self, job: &dyn Job) -> f64 {
		self.estimate.seconds(job)
	}

	fn forget(&self, input: &Hash) {
		self.inputs.forget(input);
	}

	fn drop_inputs(&self, needed: &BTreeSet<Hash>, bytes: u64) {
		self.inputs.drop_beyond(needed, bytes);
	}
}

/// Computes, proves and verifies, on this thread.
fn make(
	job: &Arc<dyn Job>,
	task: Task,
	backend: &Reliable,
	prover: &Prover,
) -> Result<Finished, String> {
	let started = Instant::now();
	let mut stages = Vec::new();
	let stage_began = |stage: Stage| tracing::info!(stage = name(stage), "proving");
	// A GPU may have taken the process of an earlier attempt with it.
	let cpu_only = task.attempt > 1;
	let (output, proved) = backend.compute(job, cpu_only, |output, computed_by| {
		tracing::info!(
			backend = computed_by,
			seconds = seconds(started),
			"computed"
		);
		stages = vec![("native".to_owned(), micros(seconds(started)))];
		job.prove(prover, output, task.binding, &stage_began)
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

#[cfg(test)]
mod tests {
	use lemma_client::{store::FetchPolicy, AccountId, OrderSpec, OrderStatus, Store, H256};
	use lemma_zk_circuits::{
		program::Program,
		programs::gemm::{Gemm, Operands},
	};

	use super::*;
	use crate::backend::Cpu;

	const MEMORY: u64 = 1 << 40;

	fn executor(max_memory_bytes: u64) -> (tempfile::TempDir, Executor) {
		let folder = tempfile::tempdir().unwrap();
		let store = Store::folder(&folder.path().join("store")).unwrap();
		let inputs = folder.path().join("inputs");
		let policy = FetchPolicy::default();
		let inputs = Inputs::open(inputs, store, policy, 1_000, Metrics::new()).unwrap();
		let executor = Executor::new(
			inputs,
			Box::new(Cpu::new()),
			Estimate::default(),
			max_memory_bytes,
			1,
			Niceness::default(),
			Metrics::new(),
		);
		(folder, executor)
	}

	/// A product of a row and a column, and the order that says of it what is so.
	fn order() -> (Vec<u8>, Order) {
		let operands = Operands::new(1, 2, 1, vec![3, 4], vec![5, 6]).unwrap();
		let blob = operands.encode();
		let job = Gemm.open(&blob).unwrap();
		let spec = OrderSpec {
			program: H256(job.program()),
			commitment: H256(job.commitment()),
			input: InputSource::Inline(blob.clone().try_into().unwrap()),
			output_len: 4,
			min_price: 1,
			max_price: 1,
			ramp: 0,
			claim_window: 10,
			lifetime: 100,
		};
		let order = Order {
			requester: AccountId::new([3; 32]),
			spec,
			posted_at: 1,
			deadline: 101,
			collateral: 1,
			deposit: 1,
			settlement_fee: 1,
			status: OrderStatus::Open,
		};
		(blob, order)
	}

	async fn prepared(change: impl FnOnce(&mut Order)) -> Result<Arc<dyn Job>, PrepareError> {
		let (_folder, executor) = executor(MEMORY);
		let (_, mut order) = order();
		change(&mut order);
		executor.prepare(&order, false).await
	}

	async fn refusal(change: impl FnOnce(&mut Order)) -> String {
		match prepared(change).await {
			Err(PrepareError::Refused(reason)) => reason,
			Err(error) => panic!("it may come: {error}"),
			Ok(_) => panic!("it was taken"),
		}
	}

	fn inline(order: &mut Order, blob: Vec<u8>) {
		order.spec.input = InputSource::Inline(blob.try_into().unwrap());
	}

	#[tokio::test]
	async fn an_order_should_be_prepared_when_everything_is_as_it_says() {
		let job = prepared(|_| {}).await;
		assert_eq!(job.map(|job| job.shape()), Ok("1x2x1".to_owned()));
	}

	#[tokio::test]
	async fn an_order_should_be_refused_when_anything_is_not_as_it_says() {
		let reason = refusal(|order| order.spec.commitment = H256([1; 32])).await;
		assert!(reason.contains("has the commitment"), "{reason}");
		for length in [0, 3, 5, 1 << 20] {
			let reason = refusal(|order| order.spec.output_len = length).await;
			assert!(reason.contains("has an output of 4 bytes"), "{reason}");
		}
		let other = Gemm.classes().pop().unwrap().id;
		let reason = refusal(|order| order.spec.program = H256(other)).await;
		assert!(reason.contains("another class"), "{reason}");
		let reason = refusal(|order| order.spec.program = H256([1; 32])).await;
		assert!(reason.contains("neither built into"), "{reason}");
	}

	#[tokio::test]
	async fn an_order_should_be_refused_when_its_input_is_none() {
		let (blob, _) = order();
		for length in 0..blob.len() {
			let cut = blob[..length].to_vec();
			refusal(|order| inline(order, cut)).await;
		}
		refusal(|order| inline(order, [&blob[..], &[0]].concat())).await;
		refusal(|order| inline(order, vec![0xff; 8_000])).await;
		let stored = |size| InputSource::Stored {
			hash: H256([7; 32]),
			size,
			locator: Default::default(),
		};
		let reason = refusal(|order| order.spec.input = stored(0)).await;
		assert!(reason.contains("empty"), "{reason}");
		let reason = refusal(|order| order.spec.input = stored(1_001)).await;
		assert!(reason.contains("max_input_bytes"), "{reason}");
	}

	#[tokio::test]
	async fn an_order_should_be_refused_when_it_takes_more_memory_than_there_is() {
		let (_folder, executor) = executor(1 << 20);
		let refused = executor.prepare(&order().1, false).await.map(|_| ());
		let text = refused.unwrap_err().to_string();
		assert!(text.contains("max_memory_bytes"), "{text}");
	}
}
