//! An interrupt ends a command, even one that does not look up from what it does.

use std::{
	fs::File,
	path::Path,
	process::{Child, Command, Stdio},
	sync::mpsc,
	time::{Duration, Instant},
};

/// Longest wait for anything, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that does not outlive the test.
struct Process(Child);

impl Drop for Process {
	fn drop(&mut self) {
		let _ = self.0.kill();
		let _ = self.0.wait();
	}
}

/// Runs a program of this machine that must succeed.
fn succeeds(program: &str, arguments: &[&str]) {
	let status = Command::new(program).args(arguments).status();
	assert!(status.expect("it runs").success(), "{program}");
}

/// Holds a pipe open to write, once somebody has it open to read.
fn hold(pipe: &Path) -> File {
	let pipe = pipe.to_owned();
	let (say, hear) = mpsc::channel();
	std::thread::spawn(move || {
		// Nobody listens once the test has given up.
		let _ = say.send(File::options().write(true).open(pipe));
	});
	let opened = hear.recv_timeout(PATIENCE).expect("it opens the pipe");
	opened.expect("a pipe")
}

#[test]
fn a_command_should_end_when_it_is_interrupted_while_it_reads_a_file() {
	let folder = tempfile::tempdir().expect("a folder");
	let pipe = folder.path().join("pipe");
	succeeds("mkfifo", &[pipe.to_str().expect("UTF-8")]);
	let mut process = Process(
		Command::new(env!("CARGO_BIN_EXE_lemma"))
			.args(["verify", "--evidence", "pipe"])
			.current_dir(folder.path())
			.env_clear()
			.env("HOME", folder.path())
			.stderr(Stdio::null())
			.spawn()
			.expect("lemma runs"),
	);
	// Nothing is ever written: it reads until it is interrupted.
	let _held = hold(&pipe);
	// By then it listens for interrupts.
	std::thread::sleep(Duration::from_secs(1));
	succeeds("kill", &["-INT", &process.0.id().to_string()]);
	let end = Instant::now() + PATIENCE;
	let status = loop {
		match process.0.try_wait().expect("it is a child") {
			Some(status) => break status,
			None if Instant::now() < end => std::thread::sleep(Duration::from_millis(50)),
			None => panic!("it goes on"),
		}
	};
	assert_eq!(status.code(), Some(130));
}
