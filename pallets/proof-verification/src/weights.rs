//! Weights of the calls, and of a verification's parts.
//!
//! Not measured yet: each is a round figure well above what such a call takes (50 microseconds, and the
//! database's share for every entry that it can touch). Measured weights come with the benchmarks in
//! `benchmarking.rs`, run on the reference machine.

use core::marker::PhantomData;

use frame_support::{
	traits::Get,
	weights::{
		constants::{RocksDbWeight, WEIGHT_REF_TIME_PER_MILLIS, WEIGHT_REF_TIME_PER_NANOS},
		RuntimeDbWeight, Weight,
	},
};

/// Weights of the calls, and of a verification's parts.
pub trait WeightInfo {
	/// Weight of `register_program`, less that of its sample's verification.
	fn register_program() -> Weight;
	/// Weight of `retire_program`.
	fn retire_program() -> Weight;
	/// Weight of `remove_program`.
	fn remove_program() -> Weight;
	/// Weight of turning a result with `n` bytes of output into a statement: the root of its chunk tree,
	/// and its evaluation.
	fn state_result(n: u32) -> Weight;
	/// Weight of looking up a program and verifying a proof.
	fn verify_proof() -> Weight;
}

/// Computation of any call, picoseconds.
const REF_TIME: u64 = 50_000_000;
/// Trie nodes on the way to an entry, and the entry, bytes.
const PROOF_SIZE_PER_READ: u64 = 4_000;

/// Verification of a proof, picoseconds. Measured in a Wasm runtime on the reference machine, parsing of the key
/// included: 9 to 14 ms for a call over HTTP, of which 4 to 6 ms were spent on a proof that failed at once.
const VERIFY_REF_TIME: u64 = 15 * WEIGHT_REF_TIME_PER_MILLIS;

/// For each byte of an output, picoseconds: hashing it in the host, and the arithmetic of its evaluation in
/// Wasm, of which an output of one-byte elements takes four times as much as one of four-byte elements.
const OUTPUT_REF_TIME_PER_BYTE: u64 = 40 * WEIGHT_REF_TIME_PER_NANOS;

fn generous(db: RuntimeDbWeight, entries: u64) -> Weight {
	Weight::from_parts(REF_TIME, PROOF_SIZE_PER_READ.saturating_mul(entries))
		.saturating_add(db.reads_writes(entries, entries))
}

fn per_output_byte(n: u32) -> Weight {
	Weight::from_parts(OUTPUT_REF_TIME_PER_BYTE, 0).saturating_mul(n.into())
}

fn verification(db: RuntimeDbWeight) -> Weight {
	Weight::from_parts(VERIFY_REF_TIME, PROOF_SIZE_PER_READ).saturating_add(db.reads(1))
}

/// Weights for a runtime, by its database's.
pub struct SubstrateWeight<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
	fn register_program() -> Weight {
		// The program, the genesis hash, the owner's account and its holds.
		generous(T::DbWeight::get(), 4)
	}
	fn retire_program() -> Weight {
		// The program and its block of retirement.
		generous(T::DbWeight::get(), 2)
	}
	fn remove_program() -> Weight {
		// Both of these, the owner's account and its holds.
		generous(T::DbWeight::get(), 4)
	}
	fn state_result(n: u32) -> Weight {
		per_output_byte(n)
	}
	fn verify_proof() -> Weight {
		verification(T::DbWeight::get())
	}
}

/// Weights for tests.
impl WeightInfo for () {
	fn register_program() -> Weight {
		generous(RocksDbWeight::get(), 4)
	}
	fn retire_program() -> Weight {
		generous(RocksDbWeight::get(), 2)
	}
	fn remove_program() -> Weight {
		generous(RocksDbWeight::get(), 4)
	}
	fn state_result(n: u32) -> Weight {
		per_output_byte(n)
	}
	fn verify_proof() -> Weight {
		verification(RocksDbWeight::get())
	}
}
