//! The committed sample proof, for tests and benchmarks: see `zk/circuits/src/sample.rs`, which makes it.

use alloc::vec::Vec;

use codec::Decode;
use lemma_primitives::{program::OutputElement, InputCommitment, OrderId, ProgramId};
use lemma_zk_statement::{Statement, StatementError};
use sp_core::H256;
use sp_runtime::traits::{BlakeTwo256, Hash};

/// A result with its proof, for an order and a provider of a made-up chain.
#[derive(Decode)]
pub(crate) struct CommittedSample {
	pub(crate) program: ProgramId,
	genesis_hash: [u8; 32],
	order: OrderId,
	provider: [u8; 32],
	_blob: Vec<u8>,
	pub(crate) commitment: InputCommitment,
	pub(crate) element: OutputElement,
	pub(crate) output: Vec<u8>,
	pub(crate) proof: Vec<u8>,
}

impl CommittedSample {
	/// Decodes the committed file.
	pub(crate) fn load() -> Result<Self, codec::Error> {
		Self::decode(&mut &include_bytes!("../../../zk/circuits/samples/gemm.scale")[..])
	}

	/// What the proof is bound to.
	pub(crate) fn binding(&self) -> H256 {
		lemma_zk_statement::binding(&self.genesis_hash, self.order, &self.provider).into()
	}

	/// What it is a proof of.
	pub(crate) fn statement(&self) -> Result<Statement, StatementError> {
		Statement::of_result(
			self.program.0,
			self.binding().0,
			self.commitment.0,
			self.element,
			&self.output,
			|bytes| BlakeTwo256::hash(bytes).0,
		)
	}
}
