//! Jobs in processes of their own: whatever an input, a kernel or a driver does, the worker lives on.
//!
//! - [`process`]: one process: started, listened to, ended; [`host`]: what is asked of it, within [`limits`]
//! - [`Pool`]: as many of them as there are jobs at a time, kept for the next job, since circuits are built once
//!
//! What runs in them is the crate `lemma-job-host`, in this very program: `lemma-worker job-host`. See
//! `docs/decisions/0040-job-processes.md`.

pub mod host;
pub mod limits;
pub mod process;

use std::{
	sync::{
		atomic::{AtomicU32, AtomicU64, Ordering},
		Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak,
	},
	time::{Duration, Instant},
};

use lemma_job_host::{
	message::{Chosen, Event, Known, Request, CPU, CUDA, TOO_LARGE},
	priority::Niceness,
};
use lemma_zk_circuits::program::ProgramId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use host::{Failure, Host, Lost, Why};
pub use limits::Limits;
pub use process::Launcher;

use crate::{
	backend::{BackendError, Preference},
	metrics::Metrics,
};

/// Failures in a row, of one launcher's jobs, after which the GPU is not asked again for them until the worker is restarted.
const STRIKES: u32 = 3;
/// Longest time for a process to start, and for a GPU to be opened and its kernels compiled.
const STARTING: Duration = Duration::from_secs(120);

/// Between looks whether the GPU is free.
const TURN_POLL: Duration = Duration::from_millis(5);

/// The right to compute on the GPU, until this is dropped.
pub struct GpuTurn<'a>(#[expect(dead_code, reason = "it is held")] MutexGuard<'a, ()>);

/// What all processes are told and held to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
	/// Jobs at a time.
	pub concurrency: usize,
	/// Threads of each process; one for each core if none is set.
	pub threads: Option<usize>,
	/// How far they give way.
	pub niceness: Niceness,
	/// Memory that one job may take, bytes.
	pub max_memory_bytes: u64,
	/// How many times its estimated time a job may take.
	pub time_factor: f64,
	/// Longest time for a computation on a GPU.
	pub gpu_patience: Duration,
}

/// The processes for jobs: those at work are with whoever asks them, the others are kept here.
pub struct Pool {
	/// This program's first.
	launchers: Vec<Launcher>,
	settings: Settings,
	metrics: Metrics,
	/// One permit for each job that may run at a time.
	slots: Arc<Semaphore>,
	idle: Mutex<Idle>,
	next: AtomicU64,
	/// A GPU computes.
	gpu: std::sync::OnceLock<bool>,
	/// Of each launcher: what an executable does to the GPU is held against it alone.
	strikes: Vec<AtomicU32>,
	/// One process computes on the GPU at a time: a second would find the memory taken that the first has planned with.
	gpu_turn: Mutex<()>,
}

#[derive(Default)]
struct Idle {
	/// Used last comes last.
	hosts: Vec<Host>,
	/// Those that are not here because they are at work.
	at_work: Vec<u64>,
	/// Jobs that nobody needs any more, in processes that are at work: process and job.
	to_close: Vec<(u64, u64)>,
}

impl Idle {
	/// Place of the process to take.
	fn best(&self, launcher: usize, wanted: Option<u64>) -> Option<usize> {
		let mut hosts = self.hosts.iter();
		hosts.rposition(|host| Some(host.id) == wanted).or_else(|| {
			self.hosts
				.iter()
				.rposition(|host| host.launcher == launcher)
		})
	}
}

impl Pool {
	/// Processes of this program, and of `others` if there are any. Starts none yet.
	pub fn new(
		own: Launcher,
		others: impl IntoIterator<Item = Launcher>,
		settings: Settings,
		metrics: Metrics,
	) -> Arc<Self> {
		let launchers: Vec<_> = std::iter::once(own).chain(others).collect();
		Arc::new(Self {
			strikes: launchers.iter().map(|_| AtomicU32::new(0)).collect(),
			launchers,
			settings,
			metrics,
			slots: Arc::new(Semaphore::new(settings.concurrency)),
			idle: Mutex::default(),
			next: AtomicU64::new(1),
			gpu: std::sync::OnceLock::new(),
			gpu_turn: Mutex::new(()),
		})
	}

	/// What everything is held to.
	pub fn settings(&self) -> &Settings {
		&self.settings
	}

	/// Limits, with this time.
	pub fn limits(&self, time: Duration) -> Limits {
		Limits {
			time,
			gpu: self.settings.gpu_patience,
			memory: limits::memory_limit(self.settings.max_memory_bytes),
		}
	}

	fn idle(&self) -> MutexGuard<'_, Idle> {
		// Nothing here leaves half a change behind.
		self.idle.lock().unwrap_or_else(PoisonError::into_inner)
	}

	/// A number that no other process or job has.
	pub fn number(&self) -> u64 {
		self.next.fetch_add(1, Ordering::Relaxed)
	}

	/// The right to have one process at work.
	pub async fn slot(&self) -> Result<OwnedSemaphorePermit, String> {
		let slots = self.slots.clone();
		slots
			.acquire_owned()
			.await
			.map_err(|error| error.to_string())
	}

	/// A process of a launcher, best the `wanted` one, else the one that was used last; if none is idle, another is started.
	/// Whoever takes one has a [`Self::slot`]. Blocks.
	pub fn take(&self, launcher: usize, wanted: Option<u64>) -> Result<Host, Lost> {
		loop {
			let mut host = {
				let mut idle = self.idle();
				let Some(best) = idle.best(launcher, wanted) else {
					break;
				};
				let host = idle.hosts.remove(best);
				idle.at_work.push(host.id);
				host
			};
			let most = limits::memory_limit(self.settings.max_memory_bytes);
			match host.ended().or_else(|| host.overgrown(most)) {
				Some(lost) => self.lost(host.id, &lost),
				None => {
					self.make_room(launcher);
					return Ok(host);
				}
			}
		}
		self.start(launcher)
	}

	/// Starts a process of a launcher, whatever is idle. Whoever does has a [`Self::slot`]. Blocks.
	pub fn start(&self, launcher: usize) -> Result<Host, Lost> {
		self.make_room(launcher);
		let id = self.number();
		let Settings {
			threads, niceness, ..
		} = self.settings;
		let started = match self.launchers.get(launcher) {
			Some(how) => {
				let limits = self.limits(STARTING);
				Host::start(id, launcher, how, threads, niceness.0, &limits)
			}
			None => Err(Lost {
				why: Why::Start,
				text: format!("there is no program {launcher} to start"),
				process: None,
				on_gpu: false,
			}),
		};
		match &started {
			Ok(host) => {
				self.idle().at_work.push(id);
				tracing::debug!(process = host.process(), "a process for jobs was started");
			}
			Err(lost) => self.lost(id, lost),
		}
		started
	}

	/// Ends idle processes of other launchers, those used longest ago first, until the rest of them holds at most half of what one
	/// job may take: one of this launcher is to work.
	fn make_room(&self, launcher: usize) {
		let mut ended = Vec::new();
		{
			let mut idle = self.idle();
			let others = idle.hosts.iter().filter(|host| host.launcher != launcher);
			let held_by: Vec<_> = others.map(|host| (host.id, host.memory())).collect();
			let mut held: u64 = held_by.iter().map(|(_, memory)| memory).sum();
			for (id, memory) in held_by {
				if held <= self.settings.max_memory_bytes / 2 {
					break;
				}
				held = held.saturating_sub(memory);
				if let Some(place) = idle.hosts.iter().position(|host| host.id == id) {
					ended.push(idle.hosts.remove(place));
				}
			}
		}
		// Each is waited for, since its memory is needed; nobody else has to wait meanwhile.
		drop(ended);
	}

	/// Which programs a launcher's processes have. Blocks.
	///
	/// # Errors
	///
	/// Why it cannot be said: the program does not start, or does not speak as it should.
	pub fn programs(&self, launcher: usize) -> Result<Vec<Known>, String> {
		let mut host = self.take(launcher, None).map_err(|lost| lost.text)?;
		match host.ask(&Request::Programs, &[], &self.limits(STARTING), &mut |_| {}) {
			Ok((Event::Programs(known), _)) => {
				self.give_back(host);
				Ok(known)
			}
			Ok(_) => {
				let confused = host.confused();
				self.give_back(host);
				Err(confused.to_string())
			}
			Err(Failure::Lost(lost)) => {
				self.lost(host.id, &lost);
				Err(lost.text)
			}
			Err(said) => {
				self.give_back(host);
				Err(said.to_string())
			}
		}
	}

	/// Keeps a process for the next job.
	pub fn give_back(&self, mut host: Host) {
		if host.spoiled {
			self.forget(host.id);
			return host.end();
		}
		host.served = true;
		host.unwanted = None;
		let idle = &mut *self.idle();
		idle.at_work.retain(|id| *id != host.id);
		idle.to_close.retain(|(id, job)| {
			let its = *id == host.id;
			if its {
				host.tell(&Request::Close { job: *job });
			}
			!its
		});
		idle.hosts.push(host);
	}

	/// A process is gone: log and metric say so, unless we wanted it.
	pub fn lost(&self, id: u64, lost: &Lost) {
		self.forget(id);
		if lost.why == Why::Unwanted {
			// As it should be.
			tracing::info!(process = lost.process, "a job's process is ended: {lost}");
			return;
		}
		self.metrics.job_process_lost(lost.why.name());
		tracing::error!(
			process = lost.process,
			reason = lost.why.name(),
			"a job's process is lost, another takes its place: {lost}"
		);
	}

	fn forget(&self, id: u64) {
		let mut idle = self.idle();
		idle.at_work.retain(|host| *host != id);
		idle.to_close.retain(|(host, _)| *host != id);
	}

	/// A job of a process is no longer needed.
	fn close(&self, host: u64, job: u64) {
		let idle = &mut *self.idle();
		match idle.hosts.iter_mut().find(|idle| idle.id == host) {
			Some(host) => host.tell(&Request::Close { job }),
			None if idle.at_work.contains(&host) => idle.to_close.push((host, job)),
			// The process is gone, and its jobs with it.
			None => {}
		}
	}

	/// A job of this program will come: a process of the launcher that is idle, best the `wanted` one, builds what it will need.
	pub fn warm(&self, launcher: usize, program: ProgramId, wanted: Option<u64>) {
		let mut idle = self.idle();
		let best = idle.best(launcher, wanted);
		if let Some(host) = best.and_then(|best| idle.hosts.get_mut(best)) {
			host.tell(&Request::Warm { program });
		}
	}

	/// Finds what computes, in a process for jobs: a driver that crashes at the start crashes there. Blocks.
	///
	/// # Errors
	///
	/// [`BackendError::Unavailable`] if `cuda` was asked for and cannot be used, or no process can be started.
	pub fn choose(&self, preference: Preference) -> Result<Chosen, BackendError> {
		let chosen = match self.ask_for(preference) {
			Err(Failure::Lost(lost))
				if preference == Preference::Auto && lost.why != Why::Start =>
			{
				let mut chosen = self.ask_for(Preference::Cpu);
				if let Ok(chosen) = &mut chosen {
					chosen.no_gpu = Some(format!("trying it ended the process that did: {lost}"));
				}
				chosen
			}
			chosen => chosen,
		};
		let chosen = chosen.map_err(|failure| {
			BackendError::Unavailable(match failure {
				Failure::Said(reason) => reason,
				Failure::Lost(lost) => lost.text,
			})
		})?;
		let _ = self.gpu.set(chosen.name == CUDA);
		Ok(chosen)
	}

	fn ask_for(&self, preference: Preference) -> Result<Chosen, Failure> {
		let mut host = self.take(0, None).map_err(Failure::Lost)?;
		let request = Request::Choose {
			backend: preference.name().to_owned(),
		};
		let asked = host.ask(&request, &[], &self.limits(STARTING), &mut |_| {});
		match asked {
			Ok((Event::Chosen(chosen), _)) => {
				self.give_back(host);
				Ok(chosen)
			}
			Ok(_) => {
				let confused = host.confused();
				self.give_back(host);
				Err(confused)
			}
			Err(Failure::Lost(lost)) => {
				self.lost(host.id, &lost);
				Err(Failure::Lost(lost))
			}
			Err(said) => {
				self.give_back(host);
				Err(said)
			}
		}
	}

	/// Whether the next computation of a launcher's programs is the GPU's: there is one, and it did not fail them too often in a row.
	pub fn asks_gpu(&self, launcher: usize) -> bool {
		let strikes = self.strikes.get(launcher);
		self.gpu.get() == Some(&true)
			&& strikes.is_some_and(|strikes| strikes.load(Ordering::SeqCst) < STRIKES)
	}

	/// The right to have a process compute on the GPU, while no other does. `None` if that is not to be had as long as `wanted`,
	/// and within [`Settings::gpu_patience`]. Blocks.
	pub fn gpu_turn(&self, wanted: impl Fn() -> bool) -> Option<GpuTurn<'_>> {
		let began = Instant::now();
		loop {
			match self.gpu_turn.try_lock() {
				Ok(turn) => return Some(GpuTurn(turn)),
				// Whoever had it left nothing behind.
				Err(TryLockError::Poisoned(turn)) => return Some(GpuTurn(turn.into_inner())),
				Err(TryLockError::WouldBlock) => {}
			}
			if !wanted() {
				return None;
			}
			if began.elapsed() > self.settings.gpu_patience {
				tracing::warn!(
					"the GPU is at other jobs for long, and the CPU does the work of this one"
				);
				return None;
			}
			std::thread::sleep(TURN_POLL);
		}
	}

	/// The GPU failed at a job of a launcher's programs. That a job is too large for it is no fault of its.
	pub fn strike(&self, launcher: usize, reason: &str) {
		self.metrics.backend_failed(CUDA);
		tracing::error!("the {CUDA} backend failed, the CPU does its work: {reason}");
		let Some(strikes) = self.strikes.get(launcher) else {
			return;
		};
		if reason.starts_with(TOO_LARGE) {
			return;
		}
		let strikes = strikes.fetch_add(1, Ordering::SeqCst).saturating_add(1);
		if strikes != STRIKES {
			return;
		}
		match launcher {
			0 => tracing::error!(
				"the {CUDA} backend failed {STRIKES} times in a row and is not used again until this worker \
				 is restarted: check driver and hardware"
			),
			_ => tracing::error!(
				"the {CUDA} backend failed {STRIKES} times in a row at jobs of executable {launcher}, whose kernels \
				 are not run again until this worker is restarted"
			),
		}
	}

	/// The GPU computed a job of a launcher's programs rightly: its failures at them are forgotten.
	pub fn forgive(&self, launcher: usize) {
		if let Some(strikes) = self.strikes.get(launcher) {
			strikes.store(0, Ordering::SeqCst);
		}
	}
}

impl Preference {
	/// Its name in settings and messages.
	pub fn name(self) -> &'static str {
		match self {
			Self::Auto => "auto",
			Self::Cuda => CUDA,
			Self::Cpu => CPU,
		}
	}
}

/// Where a job lies that was read: in one process, until this is dropped.
pub struct Place {
	pool: Weak<Pool>,
	/// The process.
	pub host: u64,
	/// Its number there.
	pub job: u64,
}

impl Place {
	/// Of a job that `host` has read.
	pub fn new(pool: &Arc<Pool>, host: u64, job: u64) -> Self {
		Self {
			pool: Arc::downgrade(pool),
			host,
			job,
		}
	}
}

impl Drop for Place {
	fn drop(&mut self) {
		if let Some(pool) = self.pool.upgrade() {
			pool.close(self.host, self.job);
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	/// A pool whose processes are never started.
	fn pool(metrics: &Metrics) -> Arc<Pool> {
		let settings = Settings {
			concurrency: 1,
			threads: None,
			niceness: Niceness(0),
			max_memory_bytes: 1 << 30,
			time_factor: 10.0,
			gpu_patience: limits::GPU_PATIENCE,
		};
		let nowhere = Launcher::Program {
			path: "/nowhere/lemma-worker".into(),
			arguments: vec![],
			environment: vec![],
			strange: false,
		};
		Pool::new(nowhere.clone(), [nowhere], settings, metrics.clone())
	}

	#[test]
	fn the_gpu_should_not_be_asked_again_when_it_failed_several_times_in_a_row() {
		let pool = pool(&Metrics::new());
		assert!(!pool.asks_gpu(0), "nobody has seen one");
		pool.gpu.set(true).unwrap();
		for _ in 1..STRIKES {
			pool.strike(0, "now and then");
			assert!(pool.asks_gpu(0));
		}
		pool.forgive(0);
		for _ in 1..STRIKES {
			pool.strike(0, "again");
			assert!(pool.asks_gpu(0));
		}
		pool.strike(0, "once more");
		assert!(!pool.asks_gpu(0));
	}

	#[test]
	fn an_executable_should_neither_turn_the_gpu_off_for_others_nor_on() {
		let pool = pool(&Metrics::new());
		pool.gpu.set(true).unwrap();
		for _ in 0..STRIKES {
			pool.strike(1, "its kernel is bad");
		}
		assert!(!pool.asks_gpu(1));
		assert!(pool.asks_gpu(0));
		for _ in 0..STRIKES {
			pool.strike(0, "the driver is");
		}
		pool.forgive(1);
		assert!(pool.asks_gpu(1));
		assert!(!pool.asks_gpu(0));
		assert!(!pool.asks_gpu(2), "there is none");
	}

	#[test]
	fn a_job_that_is_too_large_for_the_gpu_should_not_be_held_against_it() {
		let metrics = Metrics::new();
		let pool = pool(&metrics);
		pool.gpu.set(true).unwrap();
		for _ in 0..STRIKES {
			pool.strike(0, &format!("{TOO_LARGE}it has no memory left"));
		}
		assert!(pool.asks_gpu(0));
		let text = metrics.encode().unwrap();
		let line = "lemma_worker_backend_failures_total{backend=\"cuda\"} 3";
		assert!(text.contains(line), "{text}");
	}

	#[test]
	fn a_process_that_cannot_be_started_should_be_an_error_that_says_so_and_counts() {
		let metrics = Metrics::new();
		let lost = pool(&metrics).take(0, None).err().unwrap();
		assert_eq!(lost.why, Why::Start);
		assert!(lost.text.contains("cannot be started"), "{lost}");
		let text = metrics.encode().unwrap();
		let line = "lemma_worker_job_processes_lost_total{reason=\"start\"} 1";
		assert!(text.contains(line), "{text}");
		let refused = pool(&metrics).choose(Preference::Auto).unwrap_err();
		assert!(
			refused.to_string().contains("cannot be started"),
			"{refused}"
		);
	}
}
