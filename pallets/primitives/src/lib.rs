//! What Lemma's pallets, node and clients share: identifiers, the market's records, and the traits by
//! which the pallets know each other.
//!
//! Pallets never name each other's `Config`. [`traits`] holds what one asks of another, `runtime/` wires
//! them together. The records in [`order`], [`program`] and [`provider`] are stored, returned by the
//! runtime API and decoded by clients: one definition for all three.

#![cfg_attr(not(feature = "std"), no_std)]
#![deny(missing_docs)]

extern crate alloc;

pub mod order;
pub mod program;
pub mod provider;
pub mod traits;

use sp_core::H256;
use sp_runtime::{
	traits::{IdentifyAccount, Verify},
	MultiSignature, Weight,
};

/// Number of an order: counts up from 0 and is never used twice on a chain.
pub type OrderId = u64;

/// Identity of a program: the Poseidon hash of its wrapping circuit's verifier-only data, four canonical
/// Goldilocks elements, each little-endian. See `docs/protocol`.
pub type ProgramId = H256;

/// Commitment to a job's input, program-specific: four canonical Goldilocks elements, each little-endian.
pub type InputCommitment = H256;

/// Height of a block on a Lemma chain.
pub type BlockNumber = u32;

/// An amount of money in the smallest unit; 10^12 of them are one LEM.
pub type Balance = u128;

/// An account of a Lemma chain: a 32-byte public key (Sr25519, Ed25519) or its hash (ECDSA).
pub type AccountId = <<MultiSignature as Verify>::Signer as IdentifyAccount>::AccountId;

/// One LEM, the chain's currency, in its smallest unit.
pub const UNIT: Balance = 1_000_000_000_000;

/// Longest inline input of an order, bytes. Longer inputs lie in a store and are named by their hash.
pub const MAX_INLINE_INPUT_BYTES: u32 = 8 * 1024;

/// Longest locator of a stored input, bytes.
pub const MAX_LOCATOR_BYTES: u32 = 256;

/// Longest output that travels in the settling extrinsic, bytes.
pub const MAX_OUTPUT_BYTES: u32 = 1024 * 1024;

/// Most entries of one page of a list that is read from the chain.
pub const MAX_PAGE: u32 = 100;

/// Longest proof, bytes. Anything longer is refused before it is parsed.
pub const MAX_PROOF_BYTES: u32 = 128 * 1024;

/// What a block takes to carry these bytes of an extrinsic to the runtime, besides what the call does with them: copying,
/// decoding and hashing them, and listing them for the extrinsics' root. Benchmarks of calls begin behind that;
/// `scripts/measure-block` measures it, 11 to 20 ns a byte (`docs/develop/weights.md`).
pub const fn carry_weight(bytes: u32) -> Weight {
	Weight::from_parts(20_000 * bytes as u64, 0)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn carrying_should_be_charged_by_the_byte() {
		for (bytes, picoseconds) in [(0, 0), (1, 20_000), (MAX_PROOF_BYTES, 2_621_440_000)] {
			assert_eq!(carry_weight(bytes), Weight::from_parts(picoseconds, 0));
		}
	}

	#[test]
	fn limits_should_be_those_of_the_protocol() {
		assert_eq!(MAX_INLINE_INPUT_BYTES, 8_192);
		assert_eq!(MAX_LOCATOR_BYTES, 256);
		assert_eq!(MAX_OUTPUT_BYTES, 1_048_576);
		assert_eq!(MAX_PROOF_BYTES, 131_072);
	}
}
