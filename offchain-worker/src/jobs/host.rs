//! The worker's side of one process for jobs: asks it, hears what it says, and ends it when it breaks a limit.

use std::{
	collections::HashSet,
	fmt,
	io::{ErrorKind, Write},
	os::unix::net::UnixStream,
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc,
	},
	time::{Duration, Instant},
};

use codec::Encode as _;
use lemma_client::store::printable;
use lemma_job_host::{
	message::{Chosen, Event, Facts, Known, Request, CUDA, PROTOCOL},
	wire::{self, Incoming, WireError},
};

use super::{
	limits::Limits,
	process::{Launcher, Process},
};
use crate::journal::Hash;

/// Between looks at the clock and at the memory.
const TICK: Duration = Duration::from_millis(50);
/// Between looks at the memory of what a process has started, for which all of the machine's processes are looked at.
const FAMILY_TICK: Duration = Duration::from_secs(1);
/// Longest body of an answer, bytes: far above the longest output and proof.
const MAX_ANSWER: u64 = 64 << 20;
/// So much is said at most until an answer. Computing and proving takes a dozen events.
const MOST_EVENTS: usize = 64;
/// Of a text that a process says, so many characters are kept.
const MOST_CHARACTERS: usize = 400;
/// Of the stages that a process says it has proven, so many are kept.
const MOST_STAGES: usize = 16;

/// Why a process was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
	/// It could not be started.
	Start,
	/// It ended by itself, or said what it should not.
	Crashed,
	/// It took too long.
	Time,
	/// It took too much memory.
	Memory,
	/// Nobody wants any more what it was doing.
	Unwanted,
}

impl Why {
	/// Its name in the metric.
	pub fn name(self) -> &'static str {
		match self {
			Self::Start => "start",
			Self::Crashed => "crashed",
			Self::Time => "time",
			Self::Memory => "memory",
			Self::Unwanted => "unwanted",
		}
	}
}

/// How a process was lost, with whatever it was doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
	/// Why.
	pub why: Why,
	/// The same in words.
	pub text: String,
	/// Its number, if it had one.
	pub process: Option<u32>,
	/// The GPU was computing.
	pub on_gpu: bool,
}

impl fmt::Display for Lost {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(&self.text)
	}
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
	/// The process says so, and can be asked again.
	Said(String),
	/// The process is gone.
	Lost(Lost),
}

impl fmt::Display for Failure {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Said(text) => f.write_str(text),
			Self::Lost(lost) => lost.fmt(f),
		}
	}
}

/// See the module.
pub struct Host {
	/// Unlike any other's.
	pub id: u64,
	/// Place of what started it among the pool's launchers.
	pub launcher: usize,
	/// Hashes of the bundles that it knows.
	pub bundles: HashSet<Hash>,
	/// It is not to be asked again: its GPU failed, which may never recover in this process, or it makes no sense.
	pub spoiled: bool,
	/// It was asked something before it was taken this time.
	pub served: bool,
	/// It is ended when this is set while it is asked something.
	pub unwanted: Option<Arc<AtomicBool>>,
	process: Process,
	stream: UnixStream,
	incoming: Incoming,
}

/// While something is asked.
struct Watch<'a> {
	process: &'a mut Process,
	limits: &'a Limits,
	unwanted: Option<&'a AtomicBool>,
	began: Instant,
	looked: Instant,
	/// When what the process has started was looked at, and the memory that it held, bytes.
	family: Option<(Instant, u64)>,
	/// Since when the GPU computes.
	gpu: Option<Instant>,
}

impl Watch<'_> {
	/// Whether a limit is broken, or nobody waits any more. The process is ended then.
	fn look(&mut self) -> Result<(), Failure> {
		if self
			.unwanted
			.is_some_and(|unwanted| unwanted.load(Ordering::SeqCst))
		{
			let text = "nobody wants any more what it was doing, and it was ended".to_owned();
			return Err(self.lost(Why::Unwanted, text));
		}
		let now = Instant::now();
		if now.duration_since(self.began) > self.limits.time {
			return Err(self.lost(
				Why::Time,
				format!(
					"it was not done after {} s and was ended",
					self.limits.time.as_secs_f64().round()
				),
			));
		}
		if self
			.gpu
			.is_some_and(|since| now.duration_since(since) > self.limits.gpu)
		{
			return Err(self.lost(
				Why::Time,
				format!(
					"the GPU gave no answer within {} s, and the process that waited for it was ended",
					self.limits.gpu.as_secs_f64().round()
				),
			));
		}
		if now.duration_since(self.looked) < TICK {
			return Ok(());
		}
		self.looked = now;
		let family = match self.family {
			Some((then, held)) if now.duration_since(then) < FAMILY_TICK => held,
			_ => {
				let held = self.process.memory_of_family();
				self.family = Some((now, held));
				held
			}
		};
		let held = self.process.memory().saturating_add(family);
		match held > self.limits.memory {
			true => Err(self.lost(Why::Memory, too_large(held, self.limits.memory))),
			false => Ok(()),
		}
	}

	fn lost(&mut self, why: Why, text: String) -> Failure {
		let process = self.process.id();
		self.process.end();
		Failure::Lost(Lost {
			why,
			text,
			process,
			on_gpu: self.gpu.is_some(),
		})
	}

	fn gone(&mut self) -> Failure {
		let how = self.process.obituary();
		self.lost(Why::Crashed, format!("its process ended: {how}"))
	}

	fn heard(&mut self, event: &Event) {
		self.gpu = match event {
			Event::Computing { backend } if backend == CUDA => Some(Instant::now()),
			_ => None,
		};
	}
}

impl Host {
	/// Starts one.
	pub fn start(
		id: u64,
		launcher: usize,
		how: &Launcher,
		threads: Option<usize>,
		niceness: u8,
		limits: &Limits,
	) -> Result<Self, Lost> {
		let failed = |process, text| Lost {
			why: Why::Start,
			text,
			process,
			on_gpu: false,
		};
		let started = how.start(niceness).and_then(|(process, stream)| {
			stream.set_read_timeout(Some(TICK))?;
			stream.set_write_timeout(Some(TICK))?;
			Ok((process, stream))
		});
		let (process, stream) = started.map_err(|error| {
			failed(
				None,
				format!("the process for jobs cannot be started: {error}"),
			)
		})?;
		let mut host = Self {
			id,
			launcher,
			bundles: HashSet::new(),
			spoiled: false,
			served: false,
			unwanted: None,
			process,
			stream,
			incoming: Incoming::new(MAX_ANSWER),
		};
		let begin = Request::Begin {
			threads: threads.map_or(0, |threads| u32::try_from(threads).unwrap_or(0)),
			niceness,
		};
		let problem = match host.ask(&begin, &[], limits, &mut |_| {}) {
			Ok((Event::Ready { protocol }, _)) if protocol == PROTOCOL => return Ok(host),
			Ok((Event::Ready { protocol }, _)) => format!(
				"it speaks version {protocol} of the messages and this worker version {PROTOCOL}: build it against \
				 this worker's version of lemma-job-host"
			),
			Ok(_) => "it answers something else than it was asked".to_owned(),
			Err(Failure::Said(text)) => text,
			Err(Failure::Lost(lost)) => lost.text,
		};
		Err(failed(
			host.process.id(),
			format!("the process for jobs does not start: {problem}"),
		))
	}

	/// Its process's number; none in tests.
	pub fn process(&self) -> Option<u32> {
		self.process.id()
	}

	/// Memory that it holds, with all that it has started, bytes.
	pub fn memory(&self) -> u64 {
		let family = self.process.memory_of_family();
		self.process.memory().saturating_add(family)
	}

	/// How it was ended, if it holds more than so many bytes of memory while nothing is asked of it.
	pub fn overgrown(&mut self, most: u64) -> Option<Lost> {
		let held = self.memory();
		if held <= most {
			return None;
		}
		self.process.end();
		Some(Lost {
			why: Why::Memory,
			process: self.process.id(),
			text: too_large(held, most),
			on_gpu: false,
		})
	}

	/// How it ended, if it did while nothing was asked of it.
	pub fn ended(&mut self) -> Option<Lost> {
		self.process.ended()?;
		Some(Lost {
			why: Why::Crashed,
			process: self.process.id(),
			text: format!(
				"it ended while nothing was asked of it: {}",
				self.process.obituary()
			),
			on_gpu: false,
		})
	}

	/// Asks for something and waits for the answer, within limits; `heard` gets what is said until then.
	///
	/// # Errors
	///
	/// [`Failure::Said`] if the answer is a failure. After [`Failure::Lost`] this host is of no use.
	pub fn ask(
		&mut self,
		request: &Request,
		body: &[u8],
		limits: &Limits,
		heard: &mut dyn FnMut(&Event),
	) -> Result<(Event, Vec<u8>), Failure> {
		let now = Instant::now();
		let mut watch = Watch {
			process: &mut self.process,
			limits,
			unwanted: self.unwanted.as_deref(),
			began: now,
			looked: now,
			family: None,
			gpu: None,
		};
		send(&mut self.stream, &mut watch, &wire::head(request, body))?;
		send(&mut self.stream, &mut watch, body)?;
		let mut events = 0;
		loop {
			let received = self.incoming.receive::<Event>(&mut self.stream);
			let received =
				received.map(|message| message.map(|(event, body)| (bounded(event), body)));
			match received {
				Ok(None) => {}
				// Whatever the limits: it is here.
				Ok(Some((Event::Failed(reason), _))) => return Err(Failure::Said(reason)),
				Ok(Some((event, body))) if event.is_answer() => return Ok((event, body)),
				Ok(Some((event, _))) => {
					events += 1;
					if events > MOST_EVENTS {
						return Err(watch.lost(
							Why::Crashed,
							format!(
								"it said too much, more than {MOST_EVENTS} events, and was ended"
							),
						));
					}
					watch.heard(&event);
					heard(&event);
				}
				Err(WireError::Closed | WireError::Io(_)) => return Err(watch.gone()),
				Err(WireError::Garbage(problem)) => {
					return Err(watch.lost(
						Why::Crashed,
						format!("it said what is no message and was ended: {problem}"),
					))
				}
			}
			watch.look()?;
		}
	}

	/// Tells it something that has no answer. If that fails, the next question finds out why.
	pub fn tell(&mut self, request: &Request) {
		debug_assert!(
			request.encoded_size() < 1_000,
			"it must fit into the socket"
		);
		let _ = self.stream.write_all(&wire::head(request, &[]));
	}

	/// It has answered something else than it was asked: nothing more is to be asked of it.
	pub fn confused(&mut self) -> Failure {
		self.spoiled = true;
		Failure::Said("the process for jobs answers something else than it was asked".to_owned())
	}

	/// Ends it, on a thread of its own: what a job came to does not wait for a process that is stuck.
	pub fn end(self) {
		// Without the thread it is dropped here, which ends it too.
		let _ = std::thread::Builder::new()
			.name("job-end".into())
			.spawn(move || drop(self));
	}
}

fn too_large(held: u64, most: u64) -> String {
	format!(
		"it held {} MiB of memory, with all that it had started, and was ended: a process may hold {} MiB, a quarter more than \
		 max_memory_bytes",
		held >> 20,
		most >> 20
	)
}

/// What a process says, no longer than anybody wants to read, and without what a terminal would obey.
fn bounded(event: Event) -> Event {
	match event {
		Event::Failed(reason) => Event::Failed(text(&reason)),
		Event::Computing { backend } => Event::Computing {
			backend: text(&backend),
		},
		Event::Computed { backend, micros } => Event::Computed {
			backend: text(&backend),
			micros,
		},
		Event::BackendFailed { backend, reason } => Event::BackendFailed {
			backend: text(&backend),
			reason: text(&reason),
		},
		Event::Chosen(chosen) => Event::Chosen(Chosen {
			name: text(&chosen.name),
			description: text(&chosen.description),
			no_gpu: chosen.no_gpu.map(|reason| text(&reason)),
		}),
		Event::Programs(known) => Event::Programs(known.into_iter().map(named).collect()),
		Event::Opened(facts) => Event::Opened(Facts {
			shape: text(&facts.shape),
			..facts
		}),
		Event::Made(mut made) => {
			made.stages.truncate(MOST_STAGES);
			Event::Made(made)
		}
		Event::Ready { .. }
		| Event::Loaded
		| Event::Committed(_)
		| Event::Output
		| Event::Kernel(_)
		| Event::Proving(_) => event,
	}
}

fn named(known: Known) -> Known {
	let classes = known.classes.into_iter();
	Known {
		name: text(&known.name),
		classes: classes
			.map(|(name, id, element)| (text(&name), id, element))
			.collect(),
	}
}

fn text(said: &str) -> String {
	printable(&said.chars().take(MOST_CHARACTERS).collect::<String>())
}

/// Sends within limits: who does not read is ended as who does not answer.
fn send(stream: &mut UnixStream, watch: &mut Watch<'_>, mut bytes: &[u8]) -> Result<(), Failure> {
	while !bytes.is_empty() {
		match stream.write(bytes) {
			Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
			Err(error) => match error.kind() {
				ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::TimedOut => {}
				_ => return Err(watch.gone()),
			},
		}
		watch.look()?;
	}
	Ok(())
}

#[cfg(test)]
mod tests {
	use lemma_job_host::message::Made;

	use super::*;

	#[test]
	fn what_a_process_says_should_be_cut_and_hold_nothing_that_a_terminal_obeys() {
		let long = format!("\x1b[31m{}", "é".repeat(10_000));
		let Event::Failed(reason) = bounded(Event::Failed(long.clone())) else {
			panic!("it is another event");
		};
		assert_eq!(reason.chars().count(), MOST_CHARACTERS);
		assert!(!reason.contains('\x1b'));
		let Event::BackendFailed { backend, reason } = bounded(Event::BackendFailed {
			backend: long.clone(),
			reason: long,
		}) else {
			panic!("it is another event");
		};
		for text in [backend, reason] {
			assert_eq!(text.chars().count(), MOST_CHARACTERS);
		}
		let made = Made {
			output_len: 4,
			stages: vec![(0, 1); 1_000],
			rows_log2: 0,
		};
		let Event::Made(made) = bounded(Event::Made(made)) else {
			panic!("it is another event");
		};
		assert_eq!(made.stages.len(), MOST_STAGES);
	}
}
