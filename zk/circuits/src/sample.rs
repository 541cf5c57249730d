//! A committed result with its proof, for tests and benchmarks that must not take seconds to prove something.
//!
//! `samples/gemm.scale` is the SCALE encoding of a [`Sample`], made by `lemma-zk-circuits keys`: a product of two small
//! matrices, proven for an order and a provider of a made-up chain. Whoever cannot depend on this crate
//! includes the file and decodes the fields in their order.

use codec::{Decode, Encode};
use lemma_zk_statement::{binding, blake2_256, OutputElement, Statement, StatementError};
use lemma_zk_verifier::{Verifier, VerifyError};

use crate::{
	program::{Program, ProgramId, ProveError},
	programs::gemm::{reference, Gemm, Operands},
	Prover,
};

/// The committed sample's bytes.
pub const COMMITTED: &[u8] = include_bytes!("../samples/gemm.scale");

/// What the sample is bound to.
const GENESIS_HASH: [u8; 32] = [0x1e; 32];
const ORDER: u64 = 7;
const PROVIDER: [u8; 32] = [0xa1; 32];

/// A result and its proof.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Sample {
	/// Id of the program.
	pub program: ProgramId,
	/// Genesis hash of the chain that it is for.
	pub genesis_hash: [u8; 32],
	/// The order.
	pub order: u64,
	/// The provider's account.
	pub provider: [u8; 32],
	/// The input's blob.
	pub blob: Vec<u8>,
	/// The input's commitment.
	pub commitment: [u8; 32],
	/// Type of the output's elements.
	pub element: OutputElement,
	/// The output's bytes.
	pub output: Vec<u8>,
	/// The outer proof's bytes.
	pub proof: Vec<u8>,
}

impl Sample {
	/// The committed one; `None` if the file is of an earlier format.
	pub fn committed() -> Option<Self> {
		Self::decode(&mut &*COMMITTED).ok()
	}

	/// Makes one: A is 3x5, B is 5x4, of both signs and with both extremes.
	pub fn make(prover: &Prover) -> Result<Self, ProveError> {
		let unfit = |error: crate::program::InputError| ProveError::Prover(error.0);
		let a = (0..15)
			.map(|i| [-128, 127, 3, -1, 0, 64, -77][i % 7])
			.collect();
		let b = (0..20).map(|i| (i * 37 % 256) as u8 as i8).collect();
		let operands = Operands::new(3, 5, 4, a, b).map_err(unfit)?;
		let (blob, output) = (operands.encode(), reference::output(&operands));
		let job = Gemm.open(&blob).map_err(unfit)?;
		let binding = binding(&GENESIS_HASH, ORDER, &PROVIDER);
		let proved = job.prove(prover, &output, binding, &|_| ())?;
		Ok(Self {
			program: job.program(),
			genesis_hash: GENESIS_HASH,
			order: ORDER,
			provider: PROVIDER,
			blob,
			commitment: job.commitment(),
			element: job.element(),
			output,
			proof: proved.proof,
		})
	}

	/// What it is bound to, as the proof says it.
	pub fn binding(&self) -> [u8; 32] {
		binding(&self.genesis_hash, self.order, &self.provider)
	}

	/// What its proof is a proof of.
	pub fn statement(&self) -> Result<Statement, StatementError> {
		Statement::of_result(
			self.program,
			self.binding(),
			self.commitment,
			self.element,
			&self.output,
			blake2_256,
		)
	}

	/// Verifies it as the chain would.
	pub fn verify(&self) -> Result<(), VerifyError> {
		let statement = self
			.statement()
			.map_err(|_| VerifyError::StatementNotCanonical)?;
		Verifier::embedded()?.verify(&statement, &self.proof)
	}
}
