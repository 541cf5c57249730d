//! What a program is to the rest of Lemma: the frame that every program fills.
//!
//! A [`Program`] parses a job's input blob into a [`Job`]; the job knows its commitment, says what there is
//! to compute ([`Work`], done by a worker's backend), and proves the output that came of it. The registry
//! ([`crate::programs`]) lists them all: a new program is one folder under `programs/` and one line there.

use std::fmt;

use codec::{Decode, Encode};
use lemma_zk_statement::{blake2_256, OutputElement, Statement};

use crate::{
	circuit::AnyCircuit,
	programs::{
		fractal, gemm,
		infer::{self, Model},
		render::{self, prepared::Prepared},
		train::{self, blob::Training},
	},
	Prover,
};

/// A program's identity on chain: see `lemma_zk_statement::Statement::program`.
pub type ProgramId = [u8; 32];

/// One circuit of a program. A program has one for each class of shapes, each with an id of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
	/// Name of the class, unique within the program, such as `k256-d8`.
	pub name: String,
	/// Id on chain.
	pub id: ProgramId,
	/// Type of the output's elements.
	pub element: OutputElement,
}

/// Why a blob is no input of a program. Says what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InputError(pub String);

/// Why a proof could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
	/// The output is not what the program yields for this input.
	#[error("the output is not the program's: {0}")]
	WrongOutput(String),
	/// The proof system failed.
	#[error("proving failed: {0}")]
	Prover(String),
}

/// A program that can be proven.
pub trait Program: Send + Sync {
	/// Short name, such as `gemm`.
	fn name(&self) -> &'static str;

	/// Its circuits, with their ids from the committed key files.
	fn classes(&self) -> Vec<Class>;

	/// Its circuits in the order of the key file, one for each class.
	fn circuits(&self) -> Vec<Box<dyn AnyCircuit>>;

	/// Parses and checks an input blob. Allocates no more than a small multiple of `blob.len()`.
	fn open(&self, blob: &[u8]) -> Result<Box<dyn Job>, InputError>;
}

/// One input of a program, ready to be run and proven.
pub trait Job: Send + Sync {
	/// Id of the class that proves it.
	fn program(&self) -> ProgramId;

	/// The job's size for people, such as `256x256x256` (m x k x n).
	fn shape(&self) -> String;

	/// Type of the output's elements.
	fn element(&self) -> OutputElement;

	/// Exact length of the output, bytes.
	fn output_len(&self) -> usize;

	/// Rough peak of memory while proving, bytes; by it a worker refuses what it cannot hold.
	fn memory_estimate(&self) -> u64;

	/// Rough cost of proving in the unit of one 256x256x256 product; by it a worker estimates time.
	fn cost_estimate(&self) -> f64;

	/// Commitment to the input. Computed once; what proving needs of it is kept in the job.
	fn commitment(&self) -> [u8; 32];

	/// What a backend has to compute.
	fn work(&self) -> Work<'_>;

	/// The statement that `output` (little-endian elements) is this job's, for `binding`: what the chain verifies a
	/// proof against. Says nothing of whether it is true; fails if the output has no whole number of elements.
	fn statement(&self, output: &[u8], binding: [u8; 32]) -> Result<Statement, ProveError> {
		Statement::of_result(
			self.program(),
			binding,
			self.commitment(),
			self.element(),
			output,
			blake2_256,
		)
		.map_err(|error| ProveError::WrongOutput(error.to_string()))
	}

	/// Proves that `output` (little-endian elements) is this job's, for `binding`.
	fn prove(
		&self,
		prover: &Prover,
		output: &[u8],
		binding: [u8; 32],
		progress: &dyn Fn(Stage),
	) -> Result<Proved, ProveError>;
}

/// The computation itself, as plain data: what a GPU or CPU backend runs.
#[derive(Clone, Copy, Debug)]
pub enum Work<'a> {
	/// C = A * B over the integers, int8 in, int32 out, all row by row: A m*k, B k*n, C m*n.
	Gemm {
		/// Rows of A and C.
		m: usize,
		/// Columns of A, rows of B.
		k: usize,
		/// Columns of B and C.
		n: usize,
		/// A, m*k values.
		a: &'a [i8],
		/// B, k*n values.
		b: &'a [i8],
	},
	/// What a network makes of samples, one after the other: `programs::infer::reference::output`.
	Infer {
		/// The network.
		model: &'a Model,
		/// A batch of whole samples.
		samples: &'a [i8],
	},
	/// Steps of gradient descent: `programs::train::reference::train`.
	Train {
		/// The network, samples and steps.
		training: &'a Training,
	},
	/// How many steps the points of a tile take to escape: `programs::fractal::reference::output`.
	Fractal {
		/// The points.
		tile: &'a fractal::Tile,
	},
	/// A tile of an image: `programs::render::reference::output`.
	Render {
		/// The tile's size.
		class: render::class::Class,
		/// The tile's numbers.
		prepared: &'a Prepared<i64>,
	},
	/// What a program computes that is not built in.
	Own(&'a dyn Own),
}

/// A computation of somebody's own program.
pub trait Own: fmt::Debug + Send + Sync {
	/// The output by the program's reference, on this machine's processor.
	fn reference(&self) -> Vec<u8>;

	/// The same for a GPU; none if the program has no kernel.
	fn kernel(&self) -> Option<Kernel> {
		None
	}
}

/// A kernel with one launch of it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Kernel {
	/// CUDA C, compiled when it is first needed.
	pub source: String,
	/// Name of the kernel, an `extern "C"` function.
	pub name: String,
	/// Blocks in x, y and z.
	pub grid: [u32; 3],
	/// Threads of a block in x, y and z.
	pub block: [u32; 3],
	/// The kernel's arguments, in order.
	pub arguments: Vec<Argument>,
}

/// An argument of a kernel.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Argument {
	/// A pointer to these bytes, of which there is at least one, at an address for any type.
	Input(Vec<u8>),
	/// A pointer to so many bytes, at least one, that are zero before. The outputs, in their order, are what the kernel computes.
	Output(u64),
	/// A number.
	U32(u32),
	/// A number.
	I32(i32),
	/// A number.
	U64(u64),
	/// A number.
	I64(i64),
}

impl Work<'_> {
	/// The output by the program's reference, on this machine's processor: what every backend's bytes must equal.
	///
	/// # Panics
	///
	/// If a product's matrices are not as long as its dimensions say; a [`Job`]'s are.
	pub fn reference(&self) -> Vec<u8> {
		match *self {
			Work::Gemm { m, k, n, a, b } => gemm::reference::output(&gemm::Operands {
				m,
				k,
				n,
				a: a.to_vec(),
				b: b.to_vec(),
			}),
			Work::Infer { model, samples } => infer::reference::output(model, samples),
			Work::Train { training } => train::job::output(&train::reference::train(training).0),
			Work::Fractal { tile } => fractal::reference::output(tile),
			Work::Render { class, prepared } => render::reference::output(class, prepared),
			Work::Own(own) => own.reference(),
		}
	}
}

/// A stage of proving, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
	/// Committing to the input.
	Commit,
	/// Opening the commitments at the challenge.
	Open,
	/// Proving the program's own circuit.
	ProveProgram,
	/// Shrinking a large program proof.
	Shrink,
	/// Wrapping into the fixed shape, for programs that have another.
	Wrap,
	/// The outer proof.
	Outer,
}

/// A finished proof.
#[derive(Clone, Debug)]
pub struct Proved {
	/// The outer proof's canonical bytes, as the chain takes them.
	pub proof: Vec<u8>,
	/// Seconds by stage.
	pub stages: Vec<(Stage, f64)>,
	/// Rows of the program's own circuit, log2.
	pub rows_log2: u32,
}
