//! The proof system that Lemma runs: plonky2, under the one verifying key that the runtime embeds.

use frame_support::weights::{constants::WEIGHT_REF_TIME_PER_MILLIS, Weight};
use lemma_primitives::traits::{ProofError, VerifyProof};
use lemma_zk_statement::Statement;
use lemma_zk_verifier::{Verifier, VerifyError};

/// Verification of any proof, picoseconds. Measured in a Wasm runtime on two cores of the reference machine:
/// 9 to 14 ms for a call over HTTP of which 4 to 6 ms were the call itself, parsing of the key included; the
/// worst of it is charged.
const VERIFY_REF_TIME: u64 = 15 * WEIGHT_REF_TIME_PER_MILLIS;
/// For each byte of a proof: reading it, and encoding what was read to compare, picoseconds. Generous.
const VERIFY_REF_TIME_PER_BYTE: u64 = 10_000;

/// Verifies outer plonky2 proofs with `lemma-zk-verifier` and its embedded key.
pub struct Plonky2Verifier;

impl VerifyProof for Plonky2Verifier {
	fn verify(statement: &Statement, proof: &[u8]) -> Result<(), ProofError> {
		Verifier::embedded()
			.and_then(|verifier| verifier.verify(statement, proof))
			.map_err(|error| match error {
				VerifyError::KeyMalformed => ProofError::KeyMalformed,
				VerifyError::StatementNotCanonical => ProofError::StatementNotCanonical,
				VerifyError::ProofTooLong => ProofError::TooLong,
				VerifyError::ProofTruncated => ProofError::Truncated,
				VerifyError::ProofTrailingBytes => ProofError::TrailingBytes,
				VerifyError::ProofNotCanonical => ProofError::NotCanonical,
				VerifyError::ProofInvalid => ProofError::Invalid,
			})
	}

	fn weight(proof_len: u32) -> Weight {
		let bytes = VERIFY_REF_TIME_PER_BYTE.saturating_mul(proof_len.into());
		Weight::from_parts(VERIFY_REF_TIME.saturating_add(bytes), 0)
	}
}

/// Accepts everything. For a runtime that is built to be benchmarked, where the accounts and orders that a
/// proof is bound to are made up; the cost of a real verification is measured apart, by the benchmark
/// `verify`. A runtime built to run blocks does not have it.
#[cfg(feature = "runtime-benchmarks")]
pub struct AcceptingVerifier;

#[cfg(feature = "runtime-benchmarks")]
impl VerifyProof for AcceptingVerifier {
	fn verify(_: &Statement, _: &[u8]) -> Result<(), ProofError> {
		Ok(())
	}

	fn weight(proof_len: u32) -> Weight {
		Plonky2Verifier::weight(proof_len)
	}
}
