//! Weights of the calls, less that of verification.
//!
//! Not measured yet: each is a round figure well above what such a call takes (50 microseconds, and the
//! database's share for every entry that it can touch). Measured weights come with the benchmarks in
//! `benchmarking.rs`, run on the reference machine. The weight of a verification is the verifier's, and that
//! of an output's bytes is [`output_weight`].

use core::marker::PhantomData;

use frame_support::{
	traits::Get,
	weights::{constants::RocksDbWeight, RuntimeDbWeight, Weight},
};

/// Weights of the calls, less that of verification.
pub trait WeightInfo {
	/// Weight of `register_program`, less that of verifying its sample.
	fn register_program() -> Weight;
	/// Weight of `retire_program`.
	fn retire_program() -> Weight;
	/// Weight of `remove_program`.
	fn remove_program() -> Weight;
}

/// Computation of any call, picoseconds.
const REF_TIME: u64 = 50_000_000;
/// Trie nodes on the way to an entry, and the entry, bytes.
const PROOF_SIZE_PER_READ: u64 = 4_000;

/// For each byte of an output, picoseconds: hashing it in the host, and the arithmetic of its evaluation in
/// Wasm, of which an output of one-byte elements takes four times as much as one of four-byte elements.
const OUTPUT_REF_TIME_PER_BYTE: u64 = 40_000;

/// Weight of turning an output's bytes into a statement: its chunk tree's root and its evaluation.
pub fn output_weight(output_len: u32) -> Weight {
	Weight::from_parts(
		OUTPUT_REF_TIME_PER_BYTE.saturating_mul(output_len.into()),
		0,
	)
}

fn generous(db: RuntimeDbWeight, entries: u64) -> Weight {
	Weight::from_parts(REF_TIME, PROOF_SIZE_PER_READ.saturating_mul(entries))
		.saturating_add(db.reads_writes(entries, entries))
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
}
