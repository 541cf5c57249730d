//! Weights of the calls.
//!
//! Not measured yet: each is a round figure well above what such a call takes (50 microseconds, and the
//! database's share for every entry that it can touch). Measured weights come with the benchmarks in
//! `benchmarking.rs`, run on the reference machine.

use core::marker::PhantomData;

use frame_support::{
	traits::Get,
	weights::{constants::RocksDbWeight, RuntimeDbWeight, Weight},
};
use lemma_primitives::provider::MAX_OPERATORS;

/// Weights of the calls.
pub trait WeightInfo {
	/// Weight of `register_provider`.
	fn register_provider() -> Weight;
	/// Weight of `bond_more`.
	fn bond_more() -> Weight;
	/// Weight of `unbond`.
	fn unbond() -> Weight;
	/// Weight of `withdraw_unbonded`, ending a registration.
	fn withdraw_unbonded() -> Weight;
	/// Weight of `set_operators`, replacing all by as many.
	fn set_operators() -> Weight;
	/// Weight of `update_provider`.
	fn update_provider() -> Weight;
	/// Weight of `deregister`.
	fn deregister() -> Weight;
	/// Weight of `join_provider`.
	fn join_provider() -> Weight;
	/// Weight of `leave_provider`.
	fn leave_provider() -> Weight;
}

/// Computation of any call, picoseconds.
const REF_TIME: u64 = 50_000_000;
/// Trie nodes on the way to an entry and a full provider entry (about 3 kB), bytes.
const PROOF_SIZE_PER_READ: u64 = 6_000;
/// A call reads and writes the provider's entry, its account and its holds.
const ENTRIES: u64 = 3;

fn generous(db: RuntimeDbWeight, more_reads: u64, more_writes: u64) -> Weight {
	let reads = ENTRIES.saturating_add(more_reads);
	let writes = ENTRIES.saturating_add(more_writes);
	Weight::from_parts(REF_TIME, PROOF_SIZE_PER_READ.saturating_mul(reads))
		.saturating_add(db.reads_writes(reads, writes))
}

/// Weights for a runtime, by its database's.
pub struct SubstrateWeight<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
	fn register_provider() -> Weight {
		generous(T::DbWeight::get(), 1, 0)
	}
	fn bond_more() -> Weight {
		generous(T::DbWeight::get(), 0, 0)
	}
	fn unbond() -> Weight {
		generous(T::DbWeight::get(), 0, 0)
	}
	fn withdraw_unbonded() -> Weight {
		generous(
			T::DbWeight::get(),
			MAX_OPERATORS.into(),
			MAX_OPERATORS.into(),
		)
	}
	fn set_operators() -> Weight {
		// Looks whether each new one is a provider, and whom each old one acts for.
		let reads = u64::from(MAX_OPERATORS).saturating_mul(2);
		generous(T::DbWeight::get(), reads, MAX_OPERATORS.into())
	}
	fn update_provider() -> Weight {
		generous(T::DbWeight::get(), 0, 0)
	}
	fn deregister() -> Weight {
		generous(
			T::DbWeight::get(),
			MAX_OPERATORS.into(),
			MAX_OPERATORS.into(),
		)
	}
	fn join_provider() -> Weight {
		generous(T::DbWeight::get(), 1, 0)
	}
	fn leave_provider() -> Weight {
		generous(T::DbWeight::get(), 1, 0)
	}
}

/// Weights for tests.
impl WeightInfo for () {
	fn register_provider() -> Weight {
		generous(RocksDbWeight::get(), 1, 0)
	}
	fn bond_more() -> Weight {
		generous(RocksDbWeight::get(), 0, 0)
	}
	fn unbond() -> Weight {
		generous(RocksDbWeight::get(), 0, 0)
	}
	fn withdraw_unbonded() -> Weight {
		generous(
			RocksDbWeight::get(),
			MAX_OPERATORS.into(),
			MAX_OPERATORS.into(),
		)
	}
	fn set_operators() -> Weight {
		let reads = u64::from(MAX_OPERATORS).saturating_mul(2);
		generous(RocksDbWeight::get(), reads, MAX_OPERATORS.into())
	}
	fn update_provider() -> Weight {
		generous(RocksDbWeight::get(), 0, 0)
	}
	fn deregister() -> Weight {
		generous(
			RocksDbWeight::get(),
			MAX_OPERATORS.into(),
			MAX_OPERATORS.into(),
		)
	}
	fn join_provider() -> Weight {
		generous(RocksDbWeight::get(), 1, 0)
	}
	fn leave_provider() -> Weight {
		generous(RocksDbWeight::get(), 1, 0)
	}
}
