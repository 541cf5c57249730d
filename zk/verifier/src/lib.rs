//! Verifies Lemma's outer proofs: bytes and a statement in, accepted or an error out.
//!
//! The runtime, the worker and the command line all verify with this crate and the key that it embeds. Proofs are
//! bytes that anyone may have made, so: their length is limited before they are parsed, they are parsed
//! by a reader that takes only canonical encodings, and whatever they are, the answer is `Ok` or an error and
//! never a panic. Keys are trusted: only ever parse the embedded one, or one that you built yourself.
//!
//! A proof's bytes are plonky2's encoding of the proof without its public inputs: those are the
//! statement, which the verifier knows.

#![cfg_attr(not(feature = "std"), no_std)]
#![deny(missing_docs)]
#![cfg_attr(
	not(test),
	deny(
		clippy::unwrap_used,
		clippy::expect_used,
		clippy::indexing_slicing,
		clippy::arithmetic_side_effects
	)
)]

extern crate alloc;

mod keccak;
mod key;
#[cfg(all(target_arch = "wasm32", any(target_os = "none", target_os = "unknown")))]
mod no_randomness;
mod reader;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use core::fmt;

use lemma_zk_statement::{Statement, F};
use plonky2::{
	plonk::{
		circuit_data::VerifierCircuitData,
		proof::{Proof, ProofWithPublicInputs},
	},
	util::serialization::{Read, Write},
};

pub use keccak::OuterConfig;
pub use key::key_to_bytes;
use reader::Reader;

/// An outer proof, without its public inputs.
pub type OuterProof = Proof<F, OuterConfig, 2>;
/// The outer circuit's verifying key.
pub type OuterKey = VerifierCircuitData<F, OuterConfig, 2>;

/// Bytes of the one outer key, made by `lemma-zk-circuits keys`.
pub const EMBEDDED_KEY: &[u8] = include_bytes!("../keys/outer.bin");

/// Longest proof, bytes; anything longer is refused unread. A proof of the embedded key's shape has 92 kB.
pub const MAX_PROOF_BYTES: usize = 128 * 1024;

/// A parsed key, ready to verify.
pub struct Verifier {
	key: OuterKey,
}

impl Verifier {
	/// The verifier of the embedded key: the one that the chain holds.
	pub fn embedded() -> Result<Self, VerifyError> {
		Self::new(EMBEDDED_KEY)
	}

	/// The verifier of another key, one that you made yourself: a key is trusted, and one made to harm could
	/// take any amount of memory.
	pub fn new(key: &[u8]) -> Result<Self, VerifyError> {
		Ok(Self {
			key: key::parse(key).ok_or(VerifyError::KeyMalformed)?,
		})
	}

	/// Checks that `proof` proves `statement`.
	pub fn verify(&self, statement: &Statement, proof: &[u8]) -> Result<(), VerifyError> {
		if !statement.is_canonical() {
			return Err(VerifyError::StatementNotCanonical);
		}
		if proof.len() > MAX_PROOF_BYTES {
			return Err(VerifyError::ProofTooLong);
		}
		let parsed = self.decode(proof)?;
		let public_inputs = statement.to_elements().to_vec();
		// Checks the lengths of all parts before it hashes any.
		self.key
			.verify(ProofWithPublicInputs {
				proof: parsed,
				public_inputs,
			})
			.map_err(|_| VerifyError::ProofInvalid)
	}

	/// Reads a proof of the key's shape, and does not verify it. Only the one encoding of each is read:
	/// [`proof_to_bytes`] gives `bytes` again.
	pub fn decode(&self, bytes: &[u8]) -> Result<OuterProof, VerifyError> {
		let mut reader = Reader::new(bytes);
		let Ok(proof) = reader.read_proof::<F, OuterConfig, 2>(&self.key.common) else {
			return Err(if reader.met_non_canonical() {
				VerifyError::ProofNotCanonical
			} else {
				VerifyError::ProofTruncated
			});
		};
		if !reader.is_at_end() {
			return Err(VerifyError::ProofTrailingBytes);
		}
		Ok(proof)
	}
}

/// Checks that `proof` proves `statement` under `key`, the bytes of a key that is trusted, such as
/// [`EMBEDDED_KEY`].
pub fn verify(key: &[u8], statement: &Statement, proof: &[u8]) -> Result<(), VerifyError> {
	Verifier::new(key)?.verify(statement, proof)
}

/// A proof's canonical bytes.
pub fn proof_to_bytes(proof: &OuterProof) -> Vec<u8> {
	let mut bytes = Vec::with_capacity(MAX_PROOF_BYTES);
	// Writing to memory fails only for a Merkle path of more than 255 hashes, which is in no proof that
	// verifies: what is written then is no proof either.
	let _ = bytes.write_proof::<F, OuterConfig, 2>(proof);
	bytes
}

/// Which check failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VerifyError {
	/// The key's bytes are no key of an outer circuit.
	KeyMalformed,
	/// A number in the statement that stands for a field element is not below p.
	StatementNotCanonical,
	/// The proof is longer than any can be.
	ProofTooLong,
	/// The proof ends too early.
	ProofTruncated,
	/// The proof goes on after its end.
	ProofTrailingBytes,
	/// A number in the proof that stands for a field element is not below p.
	ProofNotCanonical,
	/// It is a proof in form, but does not prove the statement.
	ProofInvalid,
}

impl fmt::Display for VerifyError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::KeyMalformed => "the verifying key is malformed",
			Self::StatementNotCanonical => "the statement holds a number that is not below p",
			Self::ProofTooLong => "the proof is longer than any can be",
			Self::ProofTruncated => "the proof ends too early",
			Self::ProofTrailingBytes => "the proof has bytes after its end",
			Self::ProofNotCanonical => "the proof holds a number that is not below p",
			Self::ProofInvalid => "the proof does not prove this result",
		})
	}
}

impl core::error::Error for VerifyError {}
