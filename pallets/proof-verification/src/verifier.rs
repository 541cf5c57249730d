//! The proof system that Lemma runs: plonky2, under the one verifying key that the runtime embeds.

use lemma_primitives::traits::{ProofError, VerifyProof};
use lemma_zk_statement::Statement;
use lemma_zk_verifier::{Verifier, VerifyError};

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
}

/// Accepts everything. For a runtime that is built to be benchmarked, where the accounts and orders that a
/// proof is bound to are made up; the cost of a real verification is measured apart, by the benchmark
/// `verify_proof`. A runtime built to run blocks does not have it.
#[cfg(feature = "runtime-benchmarks")]
pub struct AcceptingVerifier;

#[cfg(feature = "runtime-benchmarks")]
impl VerifyProof for AcceptingVerifier {
	fn verify(_: &Statement, _: &[u8]) -> Result<(), ProofError> {
		Ok(())
	}
}
