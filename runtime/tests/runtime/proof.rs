//! Real jobs with real proofs: matrix products, proven as a worker proves them. Circuits are built once
//! for all tests.

use std::sync::OnceLock;

use lemma_primitives::{
	order::{InputSource, OrderSpec},
	traits::ClaimedResult,
	Balance, BlockNumber, InputCommitment, OrderId, ProgramId, UNIT,
};
use lemma_runtime::{AccountId, Hash};
use lemma_zk_circuits::{
	program::{Program, Work},
	programs::gemm,
	Prover,
};
use sp_io::hashing::blake2_256;

use crate::chain::GENESIS_HASH;

fn prover() -> &'static Prover {
	static PROVER: OnceLock<Prover> = OnceLock::new();
	PROVER.get_or_init(Prover::new)
}

/// A matrix product: what is ordered, and what comes out.
pub struct Job {
	pub program: ProgramId,
	pub commitment: InputCommitment,
	pub blob: Vec<u8>,
	pub output: Vec<u8>,
}

impl Job {
	/// C = A * B with A m*k and B k*n, filled with numbers from -128 to 127 that look like noise.
	pub fn gemm(m: usize, k: usize, n: usize) -> Self {
		let noise = |index: usize| (index.wrapping_mul(2_654_435_761) >> 7) as u8 as i8;
		let a: Vec<i8> = (0..m * k).map(noise).collect();
		let b: Vec<i8> = (0..k * n).map(|index| noise(index + 77)).collect();
		let operands = gemm::Operands::new(m, k, n, a, b).expect("GEMM has this shape");
		let blob = operands.encode();
		let job = gemm::Gemm
			.open(&blob)
			.expect("what was encoded can be opened");
		let Work::Gemm { m, k, n, a, b } = job.work() else {
			unreachable!("a product's work is a product");
		};
		let mut output = Vec::with_capacity(m * n * 4);
		for row in 0..m {
			for column in 0..n {
				let sum: i32 = (0..k)
					.map(|inner| i32::from(a[row * k + inner]) * i32::from(b[inner * n + column]))
					.sum();
				output.extend(sum.to_le_bytes());
			}
		}
		Self {
			program: job.program().into(),
			commitment: job.commitment().into(),
			output,
			blob,
		}
	}

	/// An order for it that anyone with a bond may claim.
	pub fn spec(&self) -> OrderSpec<Balance, BlockNumber> {
		OrderSpec {
			program: self.program,
			commitment: self.commitment,
			input: InputSource::Stored {
				hash: blake2_256(&self.blob).into(),
				size: self.blob.len() as u64,
				locator: Default::default(),
			},
			output_len: self.output.len() as u32,
			min_price: 2 * UNIT,
			max_price: 10 * UNIT,
			ramp: 8,
			claim_window: 20,
			lifetime: 100,
		}
	}

	/// Proves it for an order and a provider on the test chain.
	pub fn prove(&self, order: OrderId, provider: &AccountId) -> Vec<u8> {
		self.prove_for(binding(order, provider))
	}

	/// Proves it for a binding.
	pub fn prove_for(&self, binding: Hash) -> Vec<u8> {
		let job = gemm::Gemm.open(&self.blob).expect("it was opened before");
		job.prove(prover(), &self.output, binding.0, &|_| {})
			.expect("the output is right")
			.proof
	}

	/// The result as the runtime asks about it.
	pub fn claimed(&self, binding: Hash) -> ClaimedResult<'_> {
		ClaimedResult {
			program: self.program,
			commitment: self.commitment,
			binding,
			output: &self.output,
		}
	}
}

/// What a proof is bound to on the test chain.
pub fn binding(order: OrderId, provider: &AccountId) -> Hash {
	lemma_zk_statement::binding(GENESIS_HASH.as_fixed_bytes(), order, provider.as_ref()).into()
}

/// A small job, and its proof for order 0 and Bob: made once, used by many tests.
pub fn small() -> &'static (Job, Vec<u8>) {
	static SMALL: OnceLock<(Job, Vec<u8>)> = OnceLock::new();
	SMALL.get_or_init(|| {
		let job = Job::gemm(8, 16, 8);
		let proof = job.prove(0, &sp_keyring::Sr25519Keyring::Bob.to_account_id());
		(job, proof)
	})
}
