//! A program in another process, for whoever trusts it: clients that order from it or register it. A worker, which has limits to
//! keep, does not use this.

use std::{
	ffi::OsStr,
	fmt,
	os::{fd::OwnedFd, unix::net::UnixStream},
	path::Path,
	process::{Child, Command, Stdio},
	sync::{
		atomic::{AtomicU64, Ordering},
		Arc, Mutex, OnceLock, PoisonError,
	},
};

use lemma_zk_circuits::{
	circuit::AnyCircuit,
	program::{Class, InputError, Job, Own, Program, ProgramId, ProveError, Proved, Stage, Work},
	Prover,
};
use lemma_zk_statement::OutputElement;

use crate::{
	environment::harmless,
	message::{Event, Facts, First, Known, Request, PROTOCOL, STAGES},
	wire::{self, Incoming},
};

/// Longest body of an answer, bytes.
const MAX_ANSWER: u64 = 64 << 20;

/// Starts an executable that serves programs and asks which.
///
/// # Errors
///
/// It does not start, or does not speak as it should.
pub fn start(executable: &Path) -> Result<Vec<Arc<dyn Program>>, String> {
	let connection = Arc::new(Connection::start(executable)?);
	let begin = Request::Begin {
		threads: 0,
		niceness: 0,
	};
	match connection.ask(&begin, &[], &|_| {})? {
		(Event::Ready { protocol }, _) if protocol == PROTOCOL => {}
		(Event::Ready { protocol }, _) => {
			return Err(format!(
				"it speaks version {protocol} of the messages and this client version {PROTOCOL}: build both from one \
				 version of Lemma"
			))
		}
		_ => return Err(CONFUSED.into()),
	}
	let (Event::Programs(known), _) = connection.ask(&Request::Programs, &[], &|_| {})? else {
		return Err(CONFUSED.into());
	};
	let program = |known: Known| -> Arc<dyn Program> {
		Arc::new(Remote {
			// There are a few in a process's life.
			name: Box::leak(known.name.clone().into_boxed_str()),
			known,
			connection: connection.clone(),
		})
	};
	Ok(known.into_iter().map(program).collect())
}

const CONFUSED: &str = "it answers something else than it was asked";

/// A process, and the socket by which it is asked.
struct Connection {
	stream: Mutex<(UnixStream, Incoming)>,
	child: Mutex<Child>,
	next: AtomicU64,
}

impl Connection {
	fn start(executable: &Path) -> Result<Self, String> {
		let started = UnixStream::pair().and_then(|(ours, theirs)| {
			let child = Command::new(executable)
				.arg(OsStr::new("serve"))
				.env_clear()
				.envs(harmless())
				.stdin(Stdio::from(OwnedFd::from(theirs)))
				.stdout(Stdio::null())
				.spawn()?;
			Ok((ours, child))
		});
		let (ours, child) = started.map_err(|error| format!("it cannot be started: {error}"))?;
		Ok(Self {
			stream: Mutex::new((ours, Incoming::new(MAX_ANSWER))),
			child: Mutex::new(child),
			next: AtomicU64::new(1),
		})
	}

	fn ask(
		&self,
		request: &Request,
		body: &[u8],
		heard: &dyn Fn(&Event),
	) -> Result<(Event, Vec<u8>), String> {
		let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
		let (stream, incoming) = &mut *stream;
		wire::send(stream, request, body)
			.map_err(|error| format!("its process cannot be asked: {error}"))?;
		loop {
			match incoming.receive(stream) {
				Ok(None) => {}
				Ok(Some((Event::Failed(reason), _))) => return Err(reason),
				Ok(Some((event, body))) if event.is_answer() => return Ok((event, body)),
				Ok(Some((event, _))) => heard(&event),
				Err(error) => return Err(format!("its process does not answer: {error}")),
			}
		}
	}
}

impl Drop for Connection {
	fn drop(&mut self) {
		let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
		// It would end by itself when the socket closes.
		let _ = child.kill();
		let _ = child.wait();
	}
}

struct Remote {
	name: &'static str,
	known: Known,
	connection: Arc<Connection>,
}

impl Program for Remote {
	fn name(&self) -> &'static str {
		self.name
	}

	fn classes(&self) -> Vec<Class> {
		let classes = self.known.classes.iter().cloned();
		classes
			.map(|(name, id, element)| Class { name, id, element })
			.collect()
	}

	/// They are in the other process.
	fn circuits(&self) -> Vec<Box<dyn AnyCircuit>> {
		Vec::new()
	}

	fn open(&self, blob: &[u8]) -> Result<Box<dyn Job>, InputError> {
		let job = self.connection.next.fetch_add(1, Ordering::Relaxed);
		// Of several classes any names the program, and the job says which one is its own.
		let (_, program, _) =
			(self.known.classes.first()).ok_or_else(|| InputError("it has no circuits".into()))?;
		let open = Request::Open {
			job,
			program: *program,
		};
		match self.connection.ask(&open, blob, &|_| {}) {
			Ok((Event::Opened(facts), _)) => Ok(Box::new(RemoteJob {
				connection: self.connection.clone(),
				job,
				facts,
				commitment: OnceLock::new(),
			})),
			Ok(_) => Err(InputError(CONFUSED.into())),
			Err(reason) => Err(InputError(reason)),
		}
	}
}

struct RemoteJob {
	connection: Arc<Connection>,
	job: u64,
	facts: Facts,
	commitment: OnceLock<[u8; 32]>,
}

impl fmt::Debug for RemoteJob {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "job {} ({})", self.job, self.facts.shape)
	}
}

impl Drop for RemoteJob {
	fn drop(&mut self) {
		let mut stream = self
			.connection
			.stream
			.lock()
			.unwrap_or_else(PoisonError::into_inner);
		let _ = wire::send(&mut stream.0, &Request::Close { job: self.job }, &[]);
	}
}

impl Own for RemoteJob {
	/// Nothing, which no proof takes for an output, if the process fails.
	fn reference(&self) -> Vec<u8> {
		let compute = Request::Compute { job: self.job };
		match self.connection.ask(&compute, &[], &|_| {}) {
			Ok((Event::Output, output)) => output,
			_ => Vec::new(),
		}
	}
}

impl Job for RemoteJob {
	fn program(&self) -> ProgramId {
		self.facts.program
	}

	fn shape(&self) -> String {
		self.facts.shape.clone()
	}

	fn element(&self) -> OutputElement {
		self.facts.element
	}

	fn output_len(&self) -> usize {
		usize::try_from(self.facts.output_len).unwrap_or(usize::MAX)
	}

	fn memory_estimate(&self) -> u64 {
		self.facts.memory_estimate
	}

	fn cost_estimate(&self) -> f64 {
		self.facts.cost_estimate
	}

	/// Zeros, of which no order is, if the process fails.
	fn commitment(&self) -> [u8; 32] {
		*self.commitment.get_or_init(|| {
			let commit = Request::Commit { job: self.job };
			match self.connection.ask(&commit, &[], &|_| {}) {
				Ok((Event::Committed(commitment), _)) => commitment,
				_ => [0; 32],
			}
		})
	}

	fn work(&self) -> Work<'_> {
		Work::Own(self)
	}

	fn prove(
		&self,
		_: &Prover,
		output: &[u8],
		binding: [u8; 32],
		progress: &dyn Fn(Stage),
	) -> Result<Proved, ProveError> {
		let make = Request::Make {
			job: self.job,
			binding,
			first: First::Given,
		};
		let stage = |number: u8| STAGES.get(usize::from(number)).copied();
		let asked = self.connection.ask(&make, output, &|event| {
			if let Event::Proving(number) = event {
				if let Some(stage) = stage(*number) {
					progress(stage);
				}
			}
		});
		let failed = |reason: &str| ProveError::Prover(reason.to_owned());
		let (event, body) = asked.map_err(|reason| failed(&reason))?;
		let Event::Made(made) = event else {
			return Err(failed(CONFUSED));
		};
		let (proven, proof) = usize::try_from(made.output_len)
			.ok()
			.and_then(|length| body.split_at_checked(length))
			.ok_or_else(|| failed("the result is shorter than it says"))?;
		if proven != output {
			return Err(ProveError::WrongOutput(
				"its program computes another".into(),
			));
		}
		let seconds = |micros: u64| micros as f64 / 1e6;
		let stages = made.stages.iter();
		Ok(Proved {
			proof: proof.to_vec(),
			stages: stages
				.filter_map(|(number, micros)| Some((stage(*number)?, seconds(*micros))))
				.collect(),
			rows_log2: made.rows_log2,
		})
	}
}
