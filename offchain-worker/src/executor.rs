//! Has inputs read, computed and proven by processes for jobs, and believes them nothing: commitments are compared, proofs verified.

use std::{
	collections::BTreeSet,
	sync::{Arc, PoisonError},
	time::{Duration, Instant},
};

use async_trait::async_trait;
use lemma_client::{store::printable, Order, OrderSpec};
use lemma_job_host::message::{self, Event, Facts, First, Made, Request, CUDA, OF_THE_INPUT};
use lemma_primitives::order::InputSource;
use lemma_zk_statement::{blake2_256, Statement};

use crate::{
	catalogue::Catalogue,
	estimate::Estimate,
	input::Inputs,
	jobs::{
		limits::{time_to_commit, time_to_make, time_to_read, time_to_try},
		Failure, Host, Place, Pool, Why,
	},
	journal::Hash,
	metrics::Metrics,
	workshop::{Finished, PrepareError, Prepared, Task, Workshop},
};

/// See the module.
pub struct Executor {
	inputs: Inputs,
	hands: Arc<Hands>,
}

impl Executor {
	/// An executor of these programs, in these processes.
	pub fn new(
		inputs: Inputs,
		catalogue: Catalogue,
		pool: Arc<Pool>,
		estimate: Estimate,
		metrics: Metrics,
	) -> Self {
		Self {
			inputs,
			hands: Arc::new(Hands {
				catalogue,
				pool,
				estimate,
				metrics,
			}),
		}
	}

	/// Does something that blocks, on a thread for that, in the log's span of now.
	async fn on_a_thread<T: Send + 'static>(
		&self,
		work: impl FnOnce(&Hands) -> T + Send + 'static,
	) -> Result<T, String> {
		let (hands, span) = (self.hands.clone(), tracing::Span::current());
		tokio::task::spawn_blocking(move || span.in_scope(|| work(&hands)))
			.await
			.map_err(|error| error.to_string())
	}
}

const UNKNOWN: &str =
	"its program is neither built into this worker nor among its `bundles`, nor allowed of its `executables`";

#[async_trait]
impl Workshop for Executor {
	async fn prepare(&self, order: &Order, bound: bool) -> Result<Arc<Prepared>, PrepareError> {
		if self.hands.catalogue.find(&order.spec.program.0).is_none() {
			return Err(PrepareError::Unfit(UNKNOWN.to_owned()));
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
		let slot = self.hands.pool.slot().await.map_err(PrepareError::Later)?;
		let started = Instant::now();
		let wanted = order.spec.clone();
		let checking = self.on_a_thread(move |hands| {
			let _slot = slot;
			hands.check(&wanted, blob)
		});
		let job = checking.await.unwrap_or_else(|error| {
			Err(PrepareError::Later(format!("checking stopped: {error}")))
		})?;
		tracing::info!(
			shape = job.facts.shape,
			seconds = seconds(started),
			"input is what the order says"
		);
		Ok(job)
	}

	async fn produce(&self, job: Arc<Prepared>, task: Task) -> Result<Finished, String> {
		let slot = self.hands.pool.slot().await?;
		let running = self.on_a_thread(move |hands| {
			let _slot = slot;
			hands.make(&job, &task)
		});
		running
			.await
			.unwrap_or_else(|error| Err(format!("proving stopped: {error}")))
	}

	fn warm(&self, job: &Prepared) {
		let launcher = self.hands.launcher(&job.facts.program);
		self.hands
			.pool
			.warm(launcher, job.facts.program, host_of(job));
	}

	fn estimate_seconds(&self, job: &Prepared) -> f64 {
		self.hands.estimate.of_cost(job.facts.cost_estimate)
	}

	fn forget(&self, input: &Hash) {
		self.inputs.forget(input);
	}

	fn drop_inputs(&self, needed: &BTreeSet<Hash>, bytes: u64) {
		self.inputs.drop_beyond(needed, bytes);
	}
}

/// What the GPU did in one attempt.
#[derive(Default)]
struct OnGpu {
	/// It failed.
	struck: bool,
	/// What it computed is what was proven, as far as the process says.
	computed: bool,
}

/// What does the work, on threads that may block.
struct Hands {
	catalogue: Catalogue,
	pool: Arc<Pool>,
	estimate: Estimate,
	metrics: Metrics,
}

impl Hands {
	/// What starts the processes of a program.
	fn launcher(&self, program: &Hash) -> usize {
		self.catalogue
			.find(program)
			.map_or(0, |entry| entry.launcher)
	}

	/// Seconds that a job takes beside as many others as there may be at a time: each takes all cores.
	fn seconds_beside_others(&self, cost: f64) -> f64 {
		self.estimate.of_cost(cost) * self.pool.settings().concurrency as f64
	}

	/// Reads an input and checks everything that the order says of it.
	fn check(&self, wanted: &OrderSpec, input: Vec<u8>) -> Result<Arc<Prepared>, PrepareError> {
		let launcher = self.launcher(&wanted.program.0);
		let mut taken = self.pool.take(launcher, None);
		loop {
			let mut host = taken.map_err(|lost| PrepareError::Later(lost.text))?;
			let loaded = self.load(&mut host, &wanted.program.0);
			// Before that nothing can be the input's fault.
			let is_loaded = loaded.is_ok();
			match loaded.and_then(|()| self.check_in(&mut host, wanted, &input)) {
				Ok(checked) => {
					self.pool.give_back(host);
					let (facts, commitment, place) = checked?;
					let job = Prepared::new(facts, commitment, input);
					*job.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
					return Ok(Arc::new(job));
				}
				Err(Failure::Said(reason)) if is_loaded && reason.starts_with(OF_THE_INPUT) => {
					self.pool.give_back(host);
					return Err(PrepareError::Refused(reason));
				}
				Err(Failure::Said(reason)) => {
					host.spoiled = true;
					let served = host.served;
					self.pool.give_back(host);
					if !served {
						return Err(PrepareError::Later(reason));
					}
					tracing::warn!("another process for jobs is asked: {reason}");
					taken = self.pool.start(launcher);
				}
				Err(Failure::Lost(lost)) => {
					self.pool.lost(host.id, &lost);
					if !host.served && is_loaded {
						return Err(PrepareError::Refused(format!(
							"its input cannot be read and committed to: {lost}"
						)));
					}
					if !host.served {
						return Err(PrepareError::Later(format!(
							"its program cannot be loaded: {lost}"
						)));
					}
					// What earlier jobs have left there may be the reason.
					taken = self.pool.start(launcher);
				}
			}
		}
	}

	/// Has a process do that; the inner error is why the order is not taken.
	fn check_in(
		&self,
		host: &mut Host,
		wanted: &OrderSpec,
		input: &[u8],
	) -> Result<Result<(Facts, Hash, Place), PrepareError>, Failure> {
		let (facts, place) = self.open(host, &wanted.program.0, input, Duration::MAX)?;
		let refused = |reason| Ok(Err(PrepareError::Refused(reason)));
		if facts.program != wanted.program.0 {
			return refused(format!(
				"its input ({}) belongs to the program 0x{}, another class",
				facts.shape,
				hex::encode(facts.program)
			));
		}
		if facts.output_len != u64::from(wanted.output_len) {
			return refused(format!(
				"its input ({}) has an output of {} bytes, the order says {}",
				facts.shape, facts.output_len, wanted.output_len
			));
		}
		let max_memory_bytes = self.pool.settings().max_memory_bytes;
		if facts.memory_estimate > max_memory_bytes {
			return Ok(Err(PrepareError::Unfit(format!(
				"proving {} takes about {} MiB, more than max_memory_bytes ({} MiB)",
				facts.shape,
				facts.memory_estimate >> 20,
				max_memory_bytes >> 20
			))));
		}
		let estimate = self.seconds_beside_others(facts.cost_estimate);
		let time = time_to_commit(estimate, self.pool.settings().time_factor);
		let limits = self.pool.limits(time.max(time_to_read(input.len())));
		let request = Request::Commit { job: place.job };
		let commitment = match host.ask(&request, &[], &limits, &mut |_| {})? {
			(Event::Committed(commitment), _) => commitment,
			_ => return Err(host.confused()),
		};
		if commitment != wanted.commitment.0 {
			return refused(format!(
				"its input has the commitment 0x{}, the order says 0x{}",
				hex::encode(commitment),
				hex::encode(wanted.commitment.0)
			));
		}
		Ok(Ok((facts, commitment, place)))
	}

	/// Has a process read an input, in `at_most` so much time.
	fn open(
		&self,
		host: &mut Host,
		program: &Hash,
		input: &[u8],
		at_most: Duration,
	) -> Result<(Facts, Place), Failure> {
		self.load(host, program)?;
		// Closed when this is dropped, whether it was opened or not.
		let place = Place::new(&self.pool, host.id, self.pool.number());
		let request = Request::Open {
			job: place.job,
			program: *program,
		};
		let limits = self.pool.limits(time_to_read(input.len()).min(at_most));
		match host.ask(&request, input, &limits, &mut |_| {})? {
			(Event::Opened(facts), _) => Ok((
				Facts {
					shape: printable(&facts.shape),
					cost_estimate: match facts.cost_estimate.is_finite() {
						true => facts.cost_estimate,
						false => f64::MAX,
					},
					..facts
				},
				place,
			)),
			_ => Err(host.confused()),
		}
	}

	/// Gives a process the bundle of a program, if there is one and it has not got it.
	fn load(&self, host: &mut Host, program: &Hash) -> Result<(), Failure> {
		let entry = (self.catalogue.find(program)).ok_or(Failure::Said(UNKNOWN.to_owned()))?;
		let Some(bundle) = &entry.bundle else {
			return Ok(());
		};
		if host.bundles.contains(&bundle.hash) {
			return Ok(());
		}
		let request = Request::Load {
			ids: bundle.ids.clone(),
		};
		let limits = self.pool.limits(time_to_read(bundle.bytes.len()));
		match host.ask(&request, &bundle.bytes, &limits, &mut |_| {})? {
			(Event::Loaded, _) => {
				host.bundles.insert(bundle.hash);
				Ok(())
			}
			_ => Err(host.confused()),
		}
	}

	/// Has a job computed and proven, and verifies what comes of it. What the GPU crashes or hangs at is computed once more, on
	/// the processor.
	fn make(&self, job: &Prepared, task: &Task) -> Result<Finished, String> {
		let started = Instant::now();
		let launcher = self.launcher(&job.facts.program);
		// A GPU may have taken the process of an earlier attempt with it.
		let gpu = task.attempt <= 1 && self.pool.asks_gpu(launcher);
		let mut on_gpu = OnGpu::default();
		let mut given = match gpu && launcher != 0 {
			true => self.by_kernel(job, task, launcher, &mut on_gpu),
			false => None,
		};
		let mut gpu = gpu && launcher == 0;
		let (made, body, native) = loop {
			if task.is_unwanted() {
				return Err("nobody wants its result any more".to_owned());
			}
			let taken = self.pool.take(launcher, host_of(job));
			let mut host = taken.map_err(|lost| lost.text)?;
			host.unwanted = Some(task.unwanted.clone());
			let mut native = micros(seconds(started));
			let first = match &given {
				Some(_) => First::Given,
				None if gpu => First::Gpu,
				None => First::Cpu,
			};
			let output = given.take().unwrap_or_default();
			let made = self.make_in(
				&mut host,
				job,
				task,
				(first, &output),
				started,
				&mut native,
				&mut on_gpu,
			);
			match made {
				Ok((made, body)) => {
					self.pool.give_back(host);
					break (made, body, native);
				}
				Err(Failure::Said(reason)) => {
					// What fails twice may fail because of the process.
					host.spoiled |= task.attempt > 1;
					self.pool.give_back(host);
					return Err(reason);
				}
				Err(Failure::Lost(lost)) => {
					self.pool.lost(host.id, &lost);
					let by_gpu = gpu && lost.on_gpu && lost.why != Why::Unwanted;
					if !by_gpu {
						return Err(format!("computing and proving failed: {lost}"));
					}
					self.struck(launcher, &mut on_gpu, &lost.text);
					gpu = false;
				}
			}
		};
		let (output, proof) = usize::try_from(made.output_len)
			.ok()
			.and_then(|length| body.split_at_checked(length))
			.ok_or("the result is shorter than it says")?;
		let mut finished = Finished {
			output: output.to_vec(),
			proof: proof.to_vec(),
			stages: vec![("native".to_owned(), native)],
		};
		let named = |(stage, micros)| Some((message::name(stage)?.to_owned(), micros));
		finished
			.stages
			.extend(made.stages.into_iter().filter_map(named));
		let checking = Instant::now();
		verify(job, task, &finished)?;
		if on_gpu.computed && !on_gpu.struck {
			self.pool.forgive(launcher);
		}
		finished
			.stages
			.push(("verify".to_owned(), micros(seconds(checking))));
		tracing::info!(
			seconds = seconds(started),
			proof_bytes = finished.proof.len(),
			rows_log2 = made.rows_log2,
			"proven and verified"
		);
		self.metrics.stages(&finished.stages);
		Ok(finished)
	}

	/// The GPU failed at an attempt: however often it does, that counts once.
	fn struck(&self, launcher: usize, on_gpu: &mut OnGpu, reason: &str) {
		on_gpu.computed = false;
		if !std::mem::replace(&mut on_gpu.struck, true) {
			self.pool.strike(launcher, reason);
		}
	}

	/// Has one process compute and prove. `native` will be what computing took, microseconds.
	fn make_in(
		&self,
		host: &mut Host,
		job: &Prepared,
		task: &Task,
		(mut first, given): (First, &[u8]),
		started: Instant,
		native: &mut u64,
		on_gpu: &mut OnGpu,
	) -> Result<(Made, Vec<u8>), Failure> {
		let number = self.opened(host, job, Duration::MAX)?;
		let mut turn = None;
		if first == First::Gpu {
			turn = self.pool.gpu_turn(|| !task.is_unwanted());
			if turn.is_none() {
				first = First::Cpu;
			}
		}
		let estimate = self.seconds_beside_others(job.facts.cost_estimate);
		let factor = self.pool.settings().time_factor;
		let time = time_to_make(estimate, factor, task.seconds_left(), task.attempt);
		let request = Request::Make {
			job: number,
			binding: task.binding,
			first,
		};
		let (launcher, mut spoiled) = (host.launcher, false);
		on_gpu.computed = first == First::Given;
		let limits = self.pool.limits(time);
		let asked = host.ask(&request, given, &limits, &mut |event| {
			// Whatever is said next, the GPU has computed or failed.
			if !matches!(event, Event::Computing { backend } if backend == CUDA) {
				turn = None;
			}
			match event {
				Event::Computed { backend, micros } => {
					on_gpu.computed = first == First::Gpu && backend == CUDA;
					*native = *micros;
					tracing::info!(
						backend = printable(backend),
						seconds = seconds(started),
						"computed"
					);
				}
				// Where nobody asked the GPU, nobody is believed that it failed.
				Event::BackendFailed { reason, .. } if first != First::Cpu => {
					// Where its output was given, the GPU is another process's.
					spoiled = first == First::Gpu;
					self.struck(launcher, on_gpu, reason);
				}
				Event::Proving(stage) => {
					tracing::info!(stage = message::name(*stage), "proving");
				}
				_ => {}
			}
		});
		host.spoiled = spoiled;
		match asked? {
			(Event::Made(made), body) => Ok((made, body)),
			_ => Err(host.confused()),
		}
	}

	/// The number of a job in a process, which reads its input if it has not, in `at_most` so much time.
	fn opened(&self, host: &mut Host, job: &Prepared, at_most: Duration) -> Result<u64, Failure> {
		if let Some(number) = number_in(host.id, job) {
			return Ok(number);
		}
		let (facts, there) = self.open(host, &job.facts.program, &job.input, at_most)?;
		if facts != job.facts {
			return Err(Failure::Said(
				"its input was read differently a second time".to_owned(),
			));
		}
		let number = there.job;
		let mut place = job.place.lock().unwrap_or_else(PoisonError::into_inner);
		let before = place.replace(there);
		drop(place);
		// Its process is told, for which nobody is to wait.
		drop(before);
		Ok(number)
	}

	/// What a program's own kernel computes of a job, on the GPU of this program's processes; `None` if there is no kernel, or it
	/// fails.
	fn by_kernel(
		&self,
		job: &Prepared,
		task: &Task,
		launcher: usize,
		on_gpu: &mut OnGpu,
	) -> Option<Vec<u8>> {
		let started = Instant::now();
		let estimate = self.seconds_beside_others(job.facts.cost_estimate);
		let factor = self.pool.settings().time_factor;
		// Of now, whenever that is asked.
		let time = || time_to_try(estimate, factor, task.seconds_left());
		if time().is_zero() {
			return None;
		}
		let asked = self.ask_of(launcher, host_of(job), task, |host| {
			let request = Request::Kernel {
				job: self.opened(host, job, time())?,
			};
			host.ask(&request, &[], &self.pool.limits(time()), &mut |_| {})
		});
		let (kernel, body) = match asked {
			Ok((Event::Kernel(Some(kernel)), body)) => (kernel, body),
			Ok(_) => return None,
			// Its own process says it once more, or does better, when it is to compute.
			Err(failure) => {
				tracing::warn!("a program's kernel is not to be had: {failure}");
				return None;
			}
		};
		let turn = (self.pool).gpu_turn(|| !task.is_unwanted() && !time().is_zero())?;
		if time().is_zero() {
			return None;
		}
		let request = Request::Run { kernel };
		let ran = self.ask_of(0, None, task, |host| {
			let ran = host.ask(&request, &body, &self.pool.limits(time()), &mut |_| {});
			host.spoiled = ran.is_err();
			ran
		});
		drop(turn);
		match ran {
			Ok((Event::Output, output)) => {
				tracing::info!(backend = CUDA, seconds = seconds(started), "computed");
				Some(output)
			}
			Ok(_) => None,
			// It did not come to the GPU, or nobody wants it to.
			Err(Failure::Lost(lost)) if matches!(lost.why, Why::Start | Why::Unwanted) => None,
			Err(failure) => {
				// The kernel is the executable's, and so is the failure.
				self.struck(launcher, on_gpu, &failure.to_string());
				None
			}
		}
	}

	/// Asks one thing of a process of a launcher.
	fn ask_of(
		&self,
		launcher: usize,
		wanted: Option<u64>,
		task: &Task,
		ask: impl FnOnce(&mut Host) -> Result<(Event, Vec<u8>), Failure>,
	) -> Result<(Event, Vec<u8>), Failure> {
		let mut host = (self.pool.take(launcher, wanted)).map_err(Failure::Lost)?;
		host.unwanted = Some(task.unwanted.clone());
		let asked = ask(&mut host);
		match &asked {
			Err(Failure::Lost(lost)) => self.pool.lost(host.id, lost),
			_ => self.pool.give_back(host),
		}
		asked
	}
}

/// Whether a result is one: the chain will ask the same.
fn verify(job: &Prepared, task: &Task, finished: &Finished) -> Result<(), String> {
	if finished.output.len() as u64 != job.facts.output_len {
		return Err(format!(
			"the result has {} bytes of output where {} are due",
			finished.output.len(),
			job.facts.output_len
		));
	}
	let statement = Statement::of_result(
		task.program,
		task.binding,
		task.commitment,
		job.facts.element,
		&finished.output,
		blake2_256,
	)
	.map_err(|error| format!("the result makes no statement: {error}"))?;
	lemma_zk_verifier::Verifier::embedded()
		.and_then(|verifier| verifier.verify(&statement, &finished.proof))
		.map_err(|error| format!("our own proof does not verify: {error}"))
}

/// The process that has read a job.
fn host_of(job: &Prepared) -> Option<u64> {
	let place = job.place.lock().unwrap_or_else(PoisonError::into_inner);
	place.as_ref().map(|place| place.host)
}

/// The number of a job in a process, if that has read it.
fn number_in(host: u64, job: &Prepared) -> Option<u64> {
	let place = job.place.lock().unwrap_or_else(PoisonError::into_inner);
	let there = place.as_ref().filter(|place| place.host == host);
	there.map(|place| place.job)
}

fn seconds(since: Instant) -> f64 {
	since.elapsed().as_secs_f64()
}

/// Seconds as whole microseconds; negative and huge ones saturate.
fn micros(seconds: f64) -> u64 {
	(seconds * 1e6) as u64
}

#[cfg(test)]
mod tests;
