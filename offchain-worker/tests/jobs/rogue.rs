//! A program that does what it should not, when and as its input says: `compute: loop`.

use std::{
	io::Write,
	os::fd::AsFd,
	os::unix::net::UnixStream,
	process::Command,
	sync::{
		atomic::{AtomicU32, Ordering},
		Arc,
	},
};

use lemma_job_host::{
	message::{Event, CUDA},
	wire, Reference,
};
use lemma_zk_circuits::{
	circuit::AnyCircuit,
	program::{
		Argument, Class, InputError, Job, Kernel, Own, Program, ProgramId, ProveError, Proved,
		Stage, Work,
	},
	programs::bundles::Programs,
	Prover,
};
use lemma_zk_statement::OutputElement;

pub const PROGRAM: ProgramId = [9; 32];

/// Inputs that this process has read.
static READ: AtomicU32 = AtomicU32::new(0);

pub fn serve() -> ! {
	lemma_job_host::serve(Programs::only(Arc::new(Rogue)), Box::new(Reference))
}

struct Rogue;

impl Program for Rogue {
	fn name(&self) -> &'static str {
		"rogue"
	}

	fn classes(&self) -> Vec<Class> {
		vec![Class {
			name: "all".into(),
			id: PROGRAM,
			element: OutputElement::I32,
		}]
	}

	fn circuits(&self) -> Vec<Box<dyn AnyCircuit>> {
		vec![]
	}

	fn open(&self, blob: &[u8]) -> Result<Box<dyn Job>, InputError> {
		let job = Misdeed(String::from_utf8_lossy(blob).into_owned());
		job.happens_at("read");
		READ.fetch_add(1, Ordering::SeqCst);
		Ok(Box::new(job))
	}
}

/// The input; `kernel` is no misdeed, but has one.
#[derive(Debug)]
struct Misdeed(String);

impl Own for Misdeed {
	fn reference(&self) -> Vec<u8> {
		vec![1, 0, 0, 0]
	}

	fn kernel(&self) -> Option<Kernel> {
		Some(Kernel {
			source: "never compiled".into(),
			name: "none".into(),
			grid: [1; 3],
			block: [1; 3],
			arguments: vec![Argument::Output(4)],
		})
	}
}

impl Misdeed {
	// Who starts a process and does not wait for it is what is to be seen here.
	#[allow(clippy::zombie_processes)]
	fn happens_at(&self, place: &str) {
		let Some(deed) = self
			.0
			.strip_prefix(place)
			.and_then(|rest| rest.strip_prefix(": "))
		else {
			return;
		};
		match deed {
			"loop" => forever(),
			"panic" => panic!("on purpose"),
			// SAFETY: none; that is the point.
			"write" => unsafe { std::ptr::null_mut::<u8>().wrapping_add(8).write_volatile(1) },
			"abort" => {
				eprintln!("these are my last words");
				std::process::abort()
			}
			"wear out" => {
				if READ.load(Ordering::SeqCst) > 0 {
					std::process::abort()
				}
			}
			"hoard" => {
				let mut hoard = Vec::new();
				// Not all of the machine's, if nobody ends it.
				while hoard.len() < 64 {
					hoard.push(std::hint::black_box(vec![1u8; 32 << 20]));
					std::thread::sleep(std::time::Duration::from_millis(20));
				}
				forever()
			}
			"babble" => {
				let socket = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
				UnixStream::from(socket).write_all(&[0xff; 100]).unwrap();
				forever()
			}
			"drip" => {
				let socket = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
				let mut socket = UnixStream::from(socket);
				// The beginning of a message that has a megabyte.
				socket.write_all(&[0, 0, 16, 0]).unwrap();
				socket.write_all(&[0; 8]).unwrap();
				while socket.write_all(&[0]).is_ok() {
					std::thread::sleep(std::time::Duration::from_millis(40));
				}
			}
			"chatter" => {
				let socket = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
				let mut socket = UnixStream::from(socket);
				while wire::send(&mut socket, &Event::Proving(0), &[]).is_ok() {}
			}
			"slander" => {
				let socket = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
				let mut socket = UnixStream::from(socket);
				let failed = Event::BackendFailed {
					backend: CUDA.into(),
					reason: "slander".into(),
				};
				for _ in 0..3 {
					wire::send(&mut socket, &failed, &[]).unwrap();
				}
			}
			"fork" => {
				let started = Command::new("sleep").arg("1000").spawn().unwrap();
				let file = format!("lemma-rogue-{}", std::process::id());
				let file = std::env::temp_dir().join(file);
				std::fs::write(file, started.id().to_string()).unwrap();
				forever()
			}
			other => unreachable!("{other} is no misdeed"),
		}
	}
}

fn forever() {
	loop {
		std::hint::spin_loop();
	}
}

impl Job for Misdeed {
	fn program(&self) -> ProgramId {
		PROGRAM
	}

	fn shape(&self) -> String {
		"1".into()
	}

	fn element(&self) -> OutputElement {
		OutputElement::I32
	}

	fn output_len(&self) -> usize {
		4
	}

	fn memory_estimate(&self) -> u64 {
		0
	}

	fn cost_estimate(&self) -> f64 {
		0.0
	}

	fn commitment(&self) -> [u8; 32] {
		[0; 32]
	}

	fn work(&self) -> Work<'_> {
		self.happens_at("compute");
		match self.0 == "kernel" {
			true => Work::Own(self),
			false => Work::Gemm {
				m: 1,
				k: 1,
				n: 1,
				a: &[1],
				b: &[1],
			},
		}
	}

	fn prove(
		&self,
		_: &Prover,
		_: &[u8],
		_: [u8; 32],
		progress: &dyn Fn(Stage),
	) -> Result<Proved, ProveError> {
		progress(Stage::Outer);
		self.happens_at("prove");
		Ok(Proved {
			proof: b"none".to_vec(),
			stages: vec![],
			rows_log2: 0,
		})
	}
}
