//! One process for jobs: how it is started, what it says, what memory it holds, and how it is ended.

use std::{
	collections::VecDeque,
	env::vars_os,
	ffi::OsString,
	io::{self, BufRead, BufReader, Read},
	net::Shutdown,
	os::{
		fd::OwnedFd,
		unix::{net::UnixStream, process::CommandExt},
	},
	path::PathBuf,
	process::{Child, ChildStderr, Command, Stdio},
	sync::{mpsc, Arc, Mutex, OnceLock, PoisonError},
	time::{Duration, Instant},
};

use lemma_client::store::printable;
use lemma_job_host::{
	environment::{harmless, is_secret},
	serve::OOM_SCORE,
};
use rustix::process::{
	getpid, getppid, getpriority_process, kill_process_group, set_parent_process_death_signal,
	setpriority_process, setrlimit, setsid, Pid, Resource, Rlimit, Signal,
};

/// Of a line that a process says, so many bytes are kept.
const LINE_BYTES: u64 = 400;
/// So many of its last lines are told when it crashes.
const LAST_LINES: usize = 4;
/// So many of its lines are logged in a minute.
const LINES_PER_MINUTE: u32 = 60;
/// How long a program may take to be started: its file system may hang.
const BEING_BORN: Duration = Duration::from_secs(60);
/// How long a process may take to be gone once it was killed. One that is stuck in a driver may take forever.
const DYING: Duration = Duration::from_secs(3);
/// How long a process that has closed its connection may take to end.
const LAST_MOMENTS: Duration = Duration::from_secs(2);

/// How processes for jobs are started.
#[derive(Clone)]
pub enum Launcher {
	/// By running a program, with a socket as its standard input.
	Program {
		/// The program.
		path: PathBuf,
		/// Its arguments.
		arguments: Vec<OsString>,
		/// What is set in its environment, besides what the worker's own has.
		environment: Vec<(OsString, OsString)>,
		/// It is somebody else's: of the worker's environment it gets only what programs need to run at all.
		strange: bool,
	},
	/// As a thread of this process, given its end of the connection: for tests. It cannot be ended.
	Thread(Arc<dyn Fn(UnixStream) + Send + Sync>),
}

impl Launcher {
	/// This program itself, the very file that is running, whatever has since been put in its place: `lemma-worker job-host`.
	pub fn this_program() -> Self {
		Self::Program {
			path: "/proc/self/exe".into(),
			arguments: vec!["job-host".into()],
			environment: Vec::new(),
			strange: false,
		}
	}

	/// Somebody else's program.
	pub fn executable(path: PathBuf, arguments: Vec<String>) -> Self {
		Self::Program {
			path,
			arguments: arguments.into_iter().map(OsString::from).collect(),
			environment: Vec::new(),
			strange: true,
		}
	}

	/// Starts one that gives way so far, and gives our end of the connection.
	pub fn start(&self, niceness: u8) -> io::Result<(Process, UnixStream)> {
		let (ours, theirs) = UnixStream::pair()?;
		let process = match self {
			Self::Program {
				path,
				arguments,
				environment,
				strange,
			} => {
				let mut command = Command::new(path);
				let inherited: Vec<(OsString, OsString)> = match *strange {
					true => harmless()
						.map(|(name, value)| (name.into(), value))
						.collect(),
					false => vars_os().collect(),
				};
				let inherited = inherited.into_iter().chain(environment.iter().cloned());
				command
					.args(arguments)
					.env_clear()
					.envs(inherited.filter(|(name, _)| !is_secret(name)))
					.stdin(Stdio::from(OwnedFd::from(theirs)))
					.stdout(Stdio::null())
					.stderr(Stdio::piped());
				let worker = getpid();
				// SAFETY: between fork and exec there are only system calls, and nothing is allocated.
				unsafe {
					command.pre_exec(move || begin(worker, niceness));
				}
				let child = start_from_a_lasting_thread(command)?;
				// Before its program runs it is as closed to writers as the worker itself, whose secrets it shares until then. That
				// this cannot be set is no reason not to work.
				let _ = std::fs::write(format!("/proc/{}/oom_score_adj", child.id()), OOM_SCORE);
				Process::of(child)
			}
			Self::Thread(serve) => {
				let (serve, ours) = (serve.clone(), ours.try_clone()?);
				std::thread::Builder::new()
					.name("job-host".into())
					.spawn(move || serve(theirs))?;
				Process {
					kind: Kind::Thread(ours),
					gone: false,
					said: Arc::default(),
				}
			}
		};
		Ok((process, ours))
	}
}

/// In the new process, which is not trusted to do it itself: leads a session of its own, so that signals from a terminal, a group of
/// priorities and a group of processes are its own; dies with the worker; gives way; and writes no core dump, which would be all of
/// its memory.
fn begin(worker: Pid, niceness: u8) -> io::Result<()> {
	setsid()?;
	// Both are for the machine's good, and work goes on without.
	let _ = setrlimit(
		Resource::Core,
		Rlimit {
			current: Some(0),
			maximum: Some(0),
		},
	);
	let niceness = i32::from(niceness);
	if getpriority_process(None).is_ok_and(|now| now < niceness) {
		let _ = setpriority_process(None, niceness);
	}
	set_parent_process_death_signal(Some(Signal::KILL))?;
	// The worker may have died before that.
	match getppid() == Some(worker) {
		true => Ok(()),
		false => Err(io::ErrorKind::NotFound.into()),
	}
}

/// Linux sends the signal at a parent's death when the *thread* ends that started the process. This one never does.
fn start_from_a_lasting_thread(command: Command) -> io::Result<Child> {
	type Wanted = (Command, mpsc::Sender<io::Result<Child>>);
	static STARTER: OnceLock<Mutex<mpsc::Sender<Wanted>>> = OnceLock::new();
	let starter = STARTER.get_or_init(|| {
		let (wish, wishes) = mpsc::channel::<Wanted>();
		let started = std::thread::Builder::new()
			.name("job-hosts".into())
			.spawn(move || {
				for (mut command, answer) in wishes {
					if let Err(mpsc::SendError(Ok(late))) = answer.send(command.spawn()) {
						// Nobody waits for it any more.
						drop(Process::of(late));
					}
				}
			});
		// Without the thread nobody receives, which is the error below.
		drop(started);
		Mutex::new(wish)
	});
	let (answer, answered) = mpsc::channel();
	let gone = || io::Error::other("the thread that starts processes is gone");
	starter
		.lock()
		.unwrap_or_else(PoisonError::into_inner)
		.send((command, answer))
		.map_err(|_| gone())?;
	answered
		.recv_timeout(BEING_BORN)
		.map_err(|error| match error {
			mpsc::RecvTimeoutError::Disconnected => gone(),
			mpsc::RecvTimeoutError::Timeout => io::Error::new(
				io::ErrorKind::TimedOut,
				format!("it did not begin within {} s", BEING_BORN.as_secs()),
			),
		})?
}

enum Kind {
	Child {
		id: u32,
		/// None once it was killed and left to another thread to wait for.
		child: Option<Child>,
		/// Closed when all that it said was read.
		all_said: mpsc::Receiver<()>,
	},
	Thread(UnixStream),
}

/// A process for jobs. It is ended when this is dropped.
pub struct Process {
	kind: Kind,
	/// It was ended and waited for: its number may be another's by now.
	gone: bool,
	/// The last lines that it said.
	said: Arc<Mutex<VecDeque<String>>>,
}

impl Process {
	fn of(mut child: Child) -> Self {
		let said = Arc::<Mutex<VecDeque<String>>>::default();
		let (reading, all_said) = mpsc::channel::<()>();
		if let Some(stderr) = child.stderr.take() {
			let (kept, process) = (said.clone(), child.id());
			// Without the thread it is as if it said nothing.
			let _ = std::thread::Builder::new()
				.name("job-log".into())
				.spawn(move || {
					listen(stderr, process, &kept);
					drop(reading);
				});
		}
		Self {
			kind: Kind::Child {
				id: child.id(),
				child: Some(child),
				all_said,
			},
			gone: false,
			said,
		}
	}

	/// Its number; none of a thread.
	pub fn id(&self) -> Option<u32> {
		match &self.kind {
			Kind::Child { id, .. } => Some(*id),
			Kind::Thread(_) => None,
		}
	}

	/// Memory that it holds, bytes, as Linux counts what is resident. What it only reserves, as CUDA does by the terabyte, is not
	/// counted.
	pub fn memory(&self) -> u64 {
		self.id().map_or(0, resident)
	}

	/// The same of all that it has started: a sandbox holds next to nothing, and the program in it what there is to hold. Looks at all
	/// processes of the machine.
	pub fn memory_of_family(&self) -> u64 {
		let family = self.id().map(family).unwrap_or_default();
		family
			.into_iter()
			.map(resident)
			.fold(0, u64::saturating_add)
	}

	/// How it ended, in words, if it has.
	pub fn ended(&mut self) -> Option<String> {
		match &mut self.kind {
			Kind::Child {
				child: Some(child), ..
			} => match child.try_wait() {
				Ok(None) => None,
				Ok(Some(status)) => Some(status.to_string()),
				Err(error) => Some(error.to_string()),
			},
			Kind::Child { child: None, .. } => Some("it was killed and does not end".to_owned()),
			Kind::Thread(_) => None,
		}
	}

	/// How it ended, once it has closed its connection; it is ended if it does not by itself. With its last words.
	pub fn obituary(&mut self) -> String {
		let began = Instant::now();
		let how = loop {
			match self.ended() {
				Some(how) => break how,
				None if self.id().is_none() || began.elapsed() > LAST_MOMENTS => {
					break "it closed its connection".to_owned()
				}
				None => std::thread::sleep(Duration::from_millis(5)),
			}
		};
		self.end();
		let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
		match said.is_empty() {
			true => how,
			false => format!("{how}; it said: {}", Vec::from(said.clone()).join(" / ")),
		}
	}

	/// Ends it, with all that it has started, and waits until it is gone; but not for long, as it may be stuck in a driver.
	pub fn end(&mut self) {
		if std::mem::replace(&mut self.gone, true) {
			return;
		}
		match &mut self.kind {
			Kind::Child {
				id,
				child,
				all_said,
			} => {
				let leader = i32::try_from(*id).ok().and_then(Pid::from_raw);
				if let Some(leader) = leader {
					// It leads its group; where that is gone, so is the process.
					let _ = kill_process_group(leader, Signal::KILL);
				}
				if let Some(mut dying) = child.take() {
					let _ = dying.kill();
					match is_gone_within(&mut dying, DYING) {
						true => *child = Some(dying),
						false => wait_elsewhere(dying),
					}
				}
				// Nothing is ever sent: this waits until the reader is through, or somebody else holds the pipe.
				let _ = all_said.recv_timeout(Duration::from_millis(200));
			}
			Kind::Thread(connection) => {
				let _ = connection.shutdown(Shutdown::Both);
			}
		}
	}
}

impl Drop for Process {
	fn drop(&mut self) {
		self.end();
	}
}

/// Memory that a process holds, bytes.
fn resident(process: u32) -> u64 {
	// Its name may be any bytes.
	let status = std::fs::read(format!("/proc/{process}/status")).unwrap_or_default();
	let kilobytes = String::from_utf8_lossy(&status)
		.lines()
		.find_map(|line| line.strip_prefix("VmRSS:"))
		.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
	kilobytes.unwrap_or(0).saturating_mul(1024)
}

/// What a process has started and whatever else is in the session that it leads, without itself.
fn family(leader: u32) -> Vec<u32> {
	let Ok(processes) = std::fs::read_dir("/proc") else {
		return Vec::new();
	};
	let all: Vec<(u32, u32, u32)> = processes
		.flatten()
		.filter_map(|entry| {
			let process: u32 = entry.file_name().to_str()?.parse().ok()?;
			let stat = std::fs::read(entry.path().join("stat")).ok()?;
			let (parent, session) = parent_and_session(&String::from_utf8_lossy(&stat))?;
			Some((process, parent, session))
		})
		.collect();
	let mut family = vec![leader];
	loop {
		let before = family.len();
		for (process, parent, session) in &all {
			let belongs = *session == leader || family.contains(parent);
			if belongs && !family.contains(process) {
				family.push(*process);
			}
		}
		if family.len() == before {
			break;
		}
	}
	family.retain(|process| *process != leader);
	family
}

/// proc(5): the name is in parentheses and may hold others; state, parent, group and session follow.
fn parent_and_session(stat: &str) -> Option<(u32, u32)> {
	let (_, rest) = stat.rsplit_once(") ")?;
	let mut fields = rest.split(' ').skip(1);
	let parent = fields.next()?.parse().ok()?;
	let session = fields.nth(1)?.parse().ok()?;
	Some((parent, session))
}

/// Whether a process has ended before so much time has passed, and was waited for.
fn is_gone_within(child: &mut Child, patience: Duration) -> bool {
	let began = Instant::now();
	loop {
		match child.try_wait() {
			Ok(None) if began.elapsed() < patience => std::thread::sleep(Duration::from_millis(2)),
			Ok(None) => return false,
			// That nobody has to wait for it any more is an error here.
			Ok(Some(_)) | Err(_) => return true,
		}
	}
}

/// Leaves it to a thread of its own to wait for a process that was killed.
fn wait_elsewhere(mut dying: Child) {
	tracing::error!(
		process = dying.id(),
		"a job's process was killed and does not end: its driver may hang (dmesg)"
	);
	// Without the thread it stays as a zombie, once it ends.
	let _ = std::thread::Builder::new()
		.name("job-dying".into())
		.spawn(move || {
			let _ = dying.wait();
		});
}

/// Reads what a process says until it ends: keeps the last lines, and logs as many as a log can bear.
fn listen(stderr: ChildStderr, process: u32, kept: &Mutex<VecDeque<String>>) {
	let mut reader = BufReader::new(stderr);
	let mut minute = Instant::now();
	let (mut logged, mut left_out) = (0u32, 0u64);
	while let Ok(Some(line)) = read_line(&mut reader) {
		if line.is_empty() {
			continue;
		}
		if minute.elapsed() >= Duration::from_secs(60) {
			(minute, logged) = (Instant::now(), 0);
		}
		if logged < LINES_PER_MINUTE {
			logged += 1;
			let lost = std::mem::take(&mut left_out);
			tracing::warn!(process, left_out = lost, "a job's process says: {line}");
		} else {
			left_out = left_out.saturating_add(1);
		}
		let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
		if kept.len() >= LAST_LINES {
			kept.pop_front();
		}
		kept.push_back(line);
	}
}

/// The beginning of the next line, without what a terminal would obey; `None` at the end.
fn read_line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
	let mut line = Vec::new();
	if reader.take(LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
		return Ok(None);
	}
	if line.last() != Some(&b'\n') {
		// The rest of it, in which nobody is interested.
		loop {
			let buffer = reader.fill_buf()?;
			let end = buffer.iter().position(|byte| *byte == b'\n');
			let (read, done) = match end {
				Some(end) => (end + 1, true),
				None => (buffer.len(), buffer.is_empty()),
			};
			reader.consume(read);
			if done {
				break;
			}
		}
	}
	Ok(Some(printable(String::from_utf8_lossy(&line).trim())))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn parent_and_session_should_be_found_whatever_a_process_is_called() {
		let stat = "12 (a) R 7 (b) ) S 3 4 5 0 -1 4194304";
		assert_eq!(parent_and_session(stat), Some((3, 5)));
		assert_eq!(parent_and_session("12 (a"), None);
		assert_eq!(parent_and_session("12 (a) S 3 4"), None);
	}

	#[test]
	fn a_family_should_be_what_a_process_has_started() {
		let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
		let family = family(std::process::id());
		child.kill().unwrap();
		child.wait().unwrap();
		assert!(family.contains(&child.id()), "{family:?}");
		assert!(!family.contains(&std::process::id()));
		assert!(resident(std::process::id()) > 0);
	}

	#[test]
	fn a_process_should_be_waited_for_no_longer_than_it_may_take() {
		let mut sleeping = Command::new("sleep").arg("1000").spawn().unwrap();
		assert!(!is_gone_within(&mut sleeping, Duration::from_millis(50)));
		sleeping.kill().unwrap();
		assert!(is_gone_within(&mut sleeping, Duration::from_secs(60)));
		// Once more, of one that was waited for.
		assert!(is_gone_within(&mut sleeping, Duration::ZERO));
	}

	#[test]
	fn lines_should_be_cut_and_hold_nothing_that_a_terminal_obeys() {
		let long = "x".repeat(10_000);
		let text = format!("{long}\n\x1b[31mred\n\nlast");
		let mut reader = BufReader::with_capacity(100, text.as_bytes());
		let mut lines = Vec::new();
		while let Some(line) = read_line(&mut reader).unwrap() {
			lines.push(line);
		}
		assert_eq!(lines.len(), 4);
		assert_eq!(lines[0], "x".repeat(LINE_BYTES as usize));
		assert!(!lines[1].contains('\x1b') && lines[1].contains("red"));
		assert_eq!((lines[2].as_str(), lines[3].as_str()), ("", "last"));
	}
}
