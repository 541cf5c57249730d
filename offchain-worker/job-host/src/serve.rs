//! The loop that answers a worker.

use std::{
	collections::HashMap,
	io::{self, Write},
	net::Shutdown,
	os::{fd::AsFd, unix::net::UnixStream},
	panic::{catch_unwind, AssertUnwindSafe},
	sync::{mpsc, Arc, Mutex, MutexGuard, PoisonError},
};

use lemma_zk_circuits::{
	program::{self, Job, Own, ProgramId, Proved, Work},
	programs::bundles::Programs,
	Prover,
};
use rustix::process::{getpid, kill_process, setrlimit, Resource, Rlimit, Signal};

use crate::{
	machine::Machine,
	make::make,
	message::{self, Event, Facts, Kernel, Known, Made, Request, CUDA, OF_THE_INPUT, PROTOCOL},
	priority::Niceness,
	wire::{self, Incoming, WireError},
};

/// Of how much, from -1000 to 1000, this process is to be preferred when the system has no memory left and ends one: before
/// the worker and the node.
pub const OOM_SCORE: &str = "500";

/// Serves these programs' jobs to the worker that started this process, on the standard input, which is a socket; and ends the process
/// when the worker is gone. What computes is `machine`.
///
/// The standard output goes nowhere; what is written to the standard error is in the worker's log.
pub fn serve(programs: Programs, machine: Box<dyn Machine>) -> ! {
	// Who has a log keeps it.
	if log::set_logger(&Said).is_ok() {
		log::set_max_level(log::LevelFilter::Warn);
	}
	let served = io::stdin()
		.as_fd()
		.try_clone_to_owned()
		.and_then(|socket| {
			let socket = UnixStream::from(socket);
			socket.peer_addr().map(|_| socket)
		})
		.map_err(|_| {
			"this program is started by lemma-worker, with a socket as its standard input"
				.to_owned()
		})
		.and_then(|socket| {
			serve_with(socket, programs, machine, begin).map_err(|error| error.to_string())
		});
	match served {
		Err(problem) => {
			eprintln!("error: {problem}");
			std::process::exit(1)
		}
		// Not by `exit`: a driver that hangs would hang there too.
		Ok(()) => {
			let _ = kill_process(getpid(), Signal::KILL);
			std::process::abort()
		}
	}
}

/// The same, on any socket and in any process, which is left as it is: for tests. Returns when the other side is gone.
///
/// # Errors
///
/// What came was no message.
pub fn serve_on(
	socket: UnixStream,
	programs: Programs,
	machine: Box<dyn Machine>,
) -> Result<(), WireError> {
	serve_with(socket, programs, machine, |_, _| Ok(()))
}

/// Makes of this process what does jobs.
fn begin(threads: u32, niceness: u8) -> Result<(), String> {
	// All of it is for the machine's good, and work goes on without. A worker has done the same; another who starts this has not.
	let _ = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE);
	let none = Rlimit {
		current: Some(0),
		maximum: Some(0),
	};
	// A crash would write all of its memory to the disk.
	let _ = setrlimit(Resource::Core, none);
	let niceness = Niceness(niceness);
	niceness.apply_to_process();
	let threads = usize::try_from(threads).ok().filter(|threads| *threads > 0);
	niceness
		.start_threads(threads)
		.map_err(|error| format!("the threads that prove cannot be started: {error}"))
}

fn serve_with(
	mut socket: UnixStream,
	programs: Programs,
	machine: Box<dyn Machine>,
	begin: impl Fn(u32, u8) -> Result<(), String>,
) -> Result<(), WireError> {
	let host = Arc::new(Host {
		programs: Mutex::new(programs),
		machine,
		prover: Prover::new(),
		jobs: Mutex::default(),
		answers: Mutex::new(socket.try_clone().map_err(WireError::Io)?),
	});
	// Its own worker is whom it trusts with lengths.
	let mut incoming = Incoming::new(1 << 40);
	let (work, to_do) = mpsc::channel::<(Request, Vec<u8>)>();
	let mut to_do = Some(to_do);
	loop {
		let (request, body) = match incoming.receive(&mut socket) {
			Ok(Some(message)) => message,
			Ok(None) => continue,
			Err(WireError::Closed) => return Ok(()),
			Err(error) => return Err(error),
		};
		match request {
			Request::Begin { threads, niceness } => {
				let event = match begin(threads, niceness) {
					Ok(()) => Event::Ready { protocol: PROTOCOL },
					Err(reason) => Event::Failed(reason),
				};
				host.answer(&event, &[]);
				// After that, so that it gives way as well.
				if let Some(to_do) = to_do.take() {
					let host = host.clone();
					std::thread::Builder::new()
						.name("job".into())
						.spawn(move || {
							for (request, body) in to_do {
								host.perform(request, body);
							}
						})
						.map_err(WireError::Io)?;
				}
			}
			Request::Close { job } => {
				host.lock_jobs().remove(&job);
			}
			Request::Warm { program } => {
				let host = host.clone();
				// If none can be started, the first proof builds what it needs.
				let _ = std::thread::Builder::new()
					.name("warm".into())
					.spawn(move || host.warm(&program));
			}
			// On a thread of its own: this one has to notice when the worker is gone, whatever a job does.
			request => {
				let _ = work.send((request, body));
			}
		}
	}
}

/// See the module.
struct Host {
	programs: Mutex<Programs>,
	machine: Box<dyn Machine>,
	prover: Prover,
	jobs: Mutex<HashMap<u64, Arc<dyn Job>>>,
	answers: Mutex<UnixStream>,
}

impl Host {
	fn lock_jobs(&self) -> MutexGuard<'_, HashMap<u64, Arc<dyn Job>>> {
		self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
	}

	fn programs(&self) -> MutexGuard<'_, Programs> {
		self.programs.lock().unwrap_or_else(PoisonError::into_inner)
	}

	fn answer(&self, event: &Event, body: &[u8]) {
		let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
		if wire::send(&mut *answers, event, body).is_err() {
			// The thread that reads finds the same, and ends all.
			let _ = answers.shutdown(Shutdown::Both);
		}
	}

	fn perform(&self, request: Request, body: Vec<u8>) {
		let done = catch_unwind(AssertUnwindSafe(|| self.answer_to(request, body)));
		let (event, body) = done
			.unwrap_or_else(|_| Err("it panicked".into()))
			.unwrap_or_else(|reason| (Event::Failed(reason), Vec::new()));
		self.answer(&event, &body);
	}

	fn answer_to(&self, request: Request, body: Vec<u8>) -> Result<(Event, Vec<u8>), String> {
		let plain = |event| Ok((event, Vec::new()));
		match request {
			Request::Choose { backend } => plain(Event::Chosen(self.machine.choose(&backend)?)),
			Request::Load { ids } => {
				self.programs()
					.load_known(&body, &ids)
					.map_err(|error| format!("the bundle cannot be loaded: {error}"))?;
				plain(Event::Loaded)
			}
			Request::Open { job, program } => {
				let opened = self.open(&program, &body)?;
				let facts = Facts::of(&*opened);
				self.lock_jobs().insert(job, opened);
				plain(Event::Opened(facts))
			}
			Request::Commit { job } => {
				let job = self.job(job)?;
				let commitment = catch_unwind(AssertUnwindSafe(|| job.commitment()))
					.map_err(|_| format!("{OF_THE_INPUT}cannot be committed to"))?;
				plain(Event::Committed(commitment))
			}
			Request::Programs => {
				let programs = self.programs().clone();
				plain(Event::Programs(programs.iter().map(Known::of).collect()))
			}
			Request::Compute { job } => {
				let job = self.job(job)?;
				let output = AssertUnwindSafe(|| self.machine.cpu(job.work()));
				let output = catch_unwind(output).map_err(|_| "computing panicked")??;
				Ok((Event::Output, output))
			}
			Request::Kernel { job } => {
				let job = self.job(job)?;
				let kernel = AssertUnwindSafe(|| match job.work() {
					Work::Own(own) => own.kernel(),
					_ => None,
				});
				let kernel = catch_unwind(kernel).map_err(|_| "its kernel cannot be had")?;
				Ok(match kernel.map(Kernel::apart) {
					Some((kernel, body)) => (Event::Kernel(Some(kernel)), body),
					None => (Event::Kernel(None), Vec::new()),
				})
			}
			Request::Run { kernel } => {
				let kernel = kernel
					.whole(&body)
					.ok_or("the kernel's bytes are not whole")?;
				let work = Launch(kernel);
				self.answer(
					&Event::Computing {
						backend: CUDA.into(),
					},
					&[],
				);
				let output = AssertUnwindSafe(|| self.machine.gpu(Work::Own(&work)));
				let output = catch_unwind(output).map_err(|_| "the GPU's driver panicked")??;
				Ok((Event::Output, output))
			}
			Request::Make {
				job,
				binding,
				first,
			} => {
				let job = self.job(job)?;
				let report = |event| self.answer(&event, &[]);
				let made = AssertUnwindSafe(|| {
					let machine = &*self.machine;
					make(&*job, binding, first, body, machine, &self.prover, &report)
				});
				let (mut output, proved) = catch_unwind(made)
					.unwrap_or_else(|_| Err("computing or proving panicked".into()))?;
				let made = Made {
					output_len: output.len() as u64,
					stages: stages(&proved),
					rows_log2: proved.rows_log2,
				};
				output.extend(proved.proof);
				Ok((Event::Made(made), output))
			}
			// Those are not handed to this thread.
			Request::Begin { .. } | Request::Warm { .. } | Request::Close { .. } => {
				Err("it was asked twice".into())
			}
		}
	}

	fn open(&self, id: &ProgramId, blob: &[u8]) -> Result<Arc<dyn Job>, String> {
		// Not under the lock: the next one need not wait for a reader that hangs.
		let programs = self.programs().clone();
		let program = programs
			.find(id)
			.ok_or("its program is not one of this process's")?;
		catch_unwind(AssertUnwindSafe(|| program.open(blob)))
			.map_err(|_| format!("{OF_THE_INPUT}makes the program's parser fail"))?
			.map(Arc::from)
			.map_err(|error| format!("{OF_THE_INPUT}is none of the program's: {error}"))
	}

	fn job(&self, number: u64) -> Result<Arc<dyn Job>, String> {
		let job = self.lock_jobs().get(&number).cloned();
		job.ok_or_else(|| format!("there is no job {number} in this process"))
	}

	/// Builds the circuits of a program, and the outer one.
	fn warm(&self, id: &ProgramId) {
		let programs = self.programs().clone();
		let Some(program) = programs.find(id) else {
			return;
		};
		// A panic shows once more when it matters.
		let _ = catch_unwind(AssertUnwindSafe(|| {
			let class = program.classes().iter().position(|class| class.id == *id);
			let circuits = program.circuits();
			if let Some(circuit) = class.and_then(|class| circuits.get(class)) {
				circuit.warm(&self.prover);
			}
			self.prover.outer();
		}));
	}
}

fn stages(proved: &Proved) -> Vec<(u8, u64)> {
	let micros = |seconds: f64| (seconds * 1e6) as u64;
	proved
		.stages
		.iter()
		.map(|(stage, seconds)| (message::number(*stage), micros(*seconds)))
		.collect()
}

/// A kernel that another process's program wants run.
#[derive(Debug)]
struct Launch(program::Kernel);

impl Own for Launch {
	/// Its program has one; this process has not.
	fn reference(&self) -> Vec<u8> {
		Vec::new()
	}

	fn kernel(&self) -> Option<program::Kernel> {
		Some(self.0.clone())
	}
}

/// A log for programs that have none: the standard error, which the worker reads.
struct Said;

impl log::Log for Said {
	fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
		metadata.level() <= log::Level::Warn
	}

	fn log(&self, record: &log::Record<'_>) {
		if self.enabled(record.metadata()) {
			let _ = writeln!(io::stderr(), "{}", record.args());
		}
	}

	fn flush(&self) {}
}
