//! What a worker asks a process for jobs, and what it is answered.
//!
//! A worker asks one thing at a time and hears [`Event`]s until one of them is the answer ([`Event::is_answer`]). [`Request::Warm`]
//! and [`Request::Close`] have none. The process's answers are believed in nothing that matters: the worker compares commitments with
//! the order's and verifies every proof itself.

use codec::{Decode, Encode};
use lemma_zk_circuits::program::{Job, ProgramId, Stage};
use lemma_zk_statement::OutputElement;

/// Version of these messages. A worker's own processes are the same program; others must speak the same version.
pub const PROTOCOL: u32 = 1;

/// Name of the GPU's backend, and of the processor's.
pub const CUDA: &str = "cuda";
/// See [`CUDA`].
pub const CPU: &str = "cpu";

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
	/// Computes a job's output and proves it. Answer: [`Event::Made`].
	Make {
		/// The job.
		job: u64,
		/// Hash of chain, order and provider.
		binding: [u8; 32],
		/// Whether to ask the GPU first.
		gpu: bool,
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
	/// Answer: the bundle is known.
	Loaded,
	/// Answer: the input is one of the program's.
	Opened(Facts),
	/// Answer: the commitment to the input.
	Committed([u8; 32]),
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
}
