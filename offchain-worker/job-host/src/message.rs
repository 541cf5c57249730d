//! What a worker asks a process for jobs, and what it is answered.
//!
//! A worker asks one thing at a time and hears [`Event`]s until one of them is the answer ([`Event::is_answer`]). [`Request::Warm`]
//! and [`Request::Close`] have none. The process's answers are believed in nothing that matters: the worker compares commitments with
//! the order's and verifies every proof itself.

use codec::{Decode, Encode};
use lemma_zk_circuits::program::{self, Argument, Job, Program, ProgramId, Stage};
use lemma_zk_statement::OutputElement;

/// Version of these messages. A worker's own processes are the same program; others must speak the same version.
pub const PROTOCOL: u32 = 1;

/// Name of the GPU's backend, and of the processor's.
pub const CUDA: &str = "cuda";
/// See [`CUDA`].
pub const CPU: &str = "cpu";

/// How a GPU's failure begins that only says that the work is too large for its memory.
pub const TOO_LARGE: &str = "too large for the GPU: ";

/// How a failure to read an input, or to commit to it, begins where it is the input's fault. Whatever else a process says of
/// such a failure is held against the process, not against the order.
pub const OF_THE_INPUT: &str = "its input ";

/// What a worker asks.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Request {
	/// The first one: how to run. Answer: [`Event::Ready`].
	Begin {
		/// Threads that compute and prove; 0 for one for each core.
		threads: u32,
		/// How far they give way.
		niceness: u8,
	},
	/// Finds what to compute on: `auto`, `cuda` or `cpu`. Answer: [`Event::Chosen`].
	Choose {
		/// What is wanted.
		backend: String,
	},
	/// Which programs there are. Answer: [`Event::Programs`].
	Programs,
	/// Learns the programs of a bundle, the body. Answer: [`Event::Loaded`].
	Load {
		/// The programs' ids, which the worker has computed.
		ids: Vec<ProgramId>,
	},
	/// Reads an input, the body. Answer: [`Event::Opened`].
	Open {
		/// Number by which the job is named from now on.
		job: u64,
		/// Program whose input it is.
		program: ProgramId,
	},
	/// Computes the commitment to a job's input. Answer: [`Event::Committed`].
	Commit {
		/// The job.
		job: u64,
	},
	/// Computes a job's output on the processor. Answer: [`Event::Output`].
	Compute {
		/// The job.
		job: u64,
	},
	/// The kernel of a job that is a program's own. Answer: [`Event::Kernel`].
	Kernel {
		/// The job.
		job: u64,
	},
	/// Runs a kernel on the GPU. Answer: [`Event::Output`].
	Run {
		/// The kernel; what its arguments point to is the body, one after the other.
		kernel: Kernel,
	},
	/// Computes a job's output and proves it. Answer: [`Event::Made`].
	Make {
		/// The job.
		job: u64,
		/// Hash of chain, order and provider.
		binding: [u8; 32],
		/// What computes it first; the processor does if that fails.
		first: First,
	},
	/// A job of this program will come: its circuits are built beside what else there is to do. No answer.
	Warm {
		/// The program.
		program: ProgramId,
	},
	/// A job is no longer needed. No answer.
	Close {
		/// The job.
		job: u64,
	},
}

/// What is answered, and what is said until then.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Event {
	/// Answer: it runs.
	Ready {
		/// [`PROTOCOL`].
		protocol: u32,
	},
	/// Answer: what computes.
	Chosen(Chosen),
	/// Answer: the programs.
	Programs(Vec<Known>),
	/// Answer: the bundle is known.
	Loaded,
	/// Answer: the input is one of the program's.
	Opened(Facts),
	/// Answer: the commitment to the input.
	Committed([u8; 32]),
	/// Answer: an output, the body.
	Output,
	/// Answer: a kernel, if there is one; what its arguments point to is the body, one after the other.
	Kernel(Option<Kernel>),
	/// A backend begins to compute.
	Computing {
		/// Its name.
		backend: String,
	},
	/// It has computed.
	Computed {
		/// Its name.
		backend: String,
		/// Time that it took.
		micros: u64,
	},
	/// It failed, or what it computed is wrong; the processor computes next.
	BackendFailed {
		/// Its name.
		backend: String,
		/// What is wrong.
		reason: String,
	},
	/// A stage of proving begins; its place in [`STAGES`].
	Proving(u8),
	/// Answer: the output and its proof, which are the body, one after the other.
	Made(Made),
	/// Answer: why not.
	Failed(String),
}

impl Event {
	/// Whether it is the answer, after which the next thing can be asked.
	pub fn is_answer(&self) -> bool {
		match self {
			Self::Computing { .. }
			| Self::Computed { .. }
			| Self::BackendFailed { .. }
			| Self::Proving(_) => false,
			Self::Ready { .. }
			| Self::Chosen(_)
			| Self::Programs(_)
			| Self::Output
			| Self::Kernel(_)
			| Self::Loaded
			| Self::Opened(_)
			| Self::Committed(_)
			| Self::Made(_)
			| Self::Failed(_) => true,
		}
	}
}

/// What computes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Chosen {
	/// [`CUDA`] or [`CPU`].
	pub name: String,
	/// The machinery behind it, for people.
	pub description: String,
	/// Why it is not the GPU, where that was preferred.
	pub no_gpu: Option<String>,
}

/// What computes a job's output first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum First {
	/// The processor.
	Cpu,
	/// The GPU of the process.
	Gpu,
	/// Another process did: its output is the body.
	Given,
}

/// A program.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Known {
	/// Its name.
	pub name: String,
	/// Its circuits: name, id, type of the output's elements.
	pub classes: Vec<(String, ProgramId, OutputElement)>,
}

/// A kernel without the bytes to which its arguments point.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Kernel {
	/// The kernel; each [`Argument::Input`] is empty.
	kernel: program::Kernel,
	/// How long the inputs are, in their order.
	inputs: Vec<u64>,
}

impl Kernel {
	/// Takes the bytes out of a kernel's arguments.
	pub fn apart(mut kernel: program::Kernel) -> (Self, Vec<u8>) {
		let (mut inputs, mut body) = (Vec::new(), Vec::new());
		for argument in &mut kernel.arguments {
			if let Argument::Input(bytes) = argument {
				inputs.push(bytes.len() as u64);
				body.append(bytes);
			}
		}
		(Self { kernel, inputs }, body)
	}

	/// Puts them back; `None` if they are not as long as they should be.
	pub fn whole(self, body: &[u8]) -> Option<program::Kernel> {
		let Self { mut kernel, inputs } = self;
		let (mut rest, mut lengths) = (body, inputs.into_iter());
		for argument in &mut kernel.arguments {
			if let Argument::Input(bytes) = argument {
				let length = usize::try_from(lengths.next()?).ok()?;
				let (own, others) = rest.split_at_checked(length)?;
				*bytes = own.to_vec();
				rest = others;
			}
		}
		(rest.is_empty() && lengths.next().is_none()).then_some(kernel)
	}
}

/// What there is to know of a result, whose bytes follow.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Made {
	/// Length of the output; the rest is its proof.
	pub output_len: u64,
	/// Microseconds by stage, as [`Event::Proving`] names them.
	pub stages: Vec<(u8, u64)>,
	/// Rows of the program's own circuit, log2.
	pub rows_log2: u32,
}

/// What there is to know of a job without its commitment.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Facts {
	/// Id of the class that proves it.
	pub program: ProgramId,
	/// Its size for people.
	pub shape: String,
	/// Type of the output's elements.
	pub element: OutputElement,
	/// Exact length of the output, bytes.
	pub output_len: u64,
	/// Rough peak of memory while proving, bytes.
	pub memory_estimate: u64,
	/// Rough cost of proving, in the unit of one 256x256x256 product.
	pub cost_estimate: f64,
}

impl Known {
	/// Of a program.
	pub fn of(program: &dyn Program) -> Self {
		let classes = program.classes().into_iter();
		Self {
			name: program.name().to_owned(),
			classes: classes
				.map(|class| (class.name, class.id, class.element))
				.collect(),
		}
	}
}

impl Facts {
	/// Of a job.
	pub fn of(job: &dyn Job) -> Self {
		Self {
			program: job.program(),
			shape: job.shape(),
			element: job.element(),
			output_len: job.output_len() as u64,
			memory_estimate: job.memory_estimate(),
			cost_estimate: job.cost_estimate(),
		}
	}
}

/// The stages of proving, by their numbers in messages.
pub const STAGES: [Stage; 6] = [
	Stage::Commit,
	Stage::Open,
	Stage::ProveProgram,
	Stage::Shrink,
	Stage::Wrap,
	Stage::Outer,
];

/// A stage's number.
pub fn number(stage: Stage) -> u8 {
	match stage {
		Stage::Commit => 0,
		Stage::Open => 1,
		Stage::ProveProgram => 2,
		Stage::Shrink => 3,
		Stage::Wrap => 4,
		Stage::Outer => 5,
	}
}

/// A stage's name, as journal and metrics write it; `None` of a number that is none's.
pub fn name(number: u8) -> Option<&'static str> {
	STAGES.get(usize::from(number)).map(|stage| match stage {
		Stage::Commit => "commit",
		Stage::Open => "open",
		Stage::ProveProgram => "prove_program",
		Stage::Shrink => "shrink",
		Stage::Wrap => "wrap",
		Stage::Outer => "outer",
	})
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn stages_should_have_the_number_of_their_place() {
		for (place, stage) in STAGES.into_iter().enumerate() {
			assert_eq!(usize::from(number(stage)), place);
			assert!(name(number(stage)).is_some());
		}
		assert_eq!(name(6), None);
	}

	#[test]
	fn a_kernel_should_be_whole_again_with_its_bytes_and_with_no_others() {
		let kernel = program::Kernel {
			source: "source".into(),
			name: "name".into(),
			grid: [1, 2, 3],
			block: [4, 5, 6],
			arguments: vec![
				Argument::Input(vec![1, 2]),
				Argument::U32(7),
				Argument::Output(8),
				Argument::Input(vec![3]),
			],
		};
		let (apart, body) = Kernel::apart(kernel.clone());
		assert_eq!(body, [1, 2, 3]);
		assert_eq!(apart.clone().whole(&body), Some(kernel));
		assert_eq!(apart.clone().whole(&body[..2]), None);
		assert_eq!(apart.whole(&[1, 2, 3, 4]), None);
	}
}
