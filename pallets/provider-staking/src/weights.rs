//! What the calls weigh: what a runtime has to say of each. Lemma's runtime says what was measured, by
//! `benchmarking.rs` in its own Wasm; mocks say `()`.

use frame_support::weights::{constants::ParityDbWeight, Weight};

/// Weights of the calls.
pub trait WeightInfo {
	/// Weight of `register_provider`.
	fn register_provider() -> Weight;
	/// Weight of `bond_more`.
	fn bond_more() -> Weight;
	/// Weight of `unbond`.
	fn unbond() -> Weight;
	/// Weight of `withdraw_unbonded`, letting go `o` operators at the end of a registration.
	fn withdraw_unbonded(o: u32) -> Weight;
	/// Weight of `set_operators`, naming `n` and letting go `o` of those that were named before.
	fn set_operators(n: u32, o: u32) -> Weight;
	/// Weight of `update_provider`.
	fn update_provider() -> Weight;
	/// Weight of `deregister`, letting go `o` operators.
	fn deregister(o: u32) -> Weight;
	/// Weight of `join_provider`.
	fn join_provider() -> Weight;
	/// Weight of `leave_provider`.
	fn leave_provider() -> Weight;
}

/// A round figure, and the database's share of entries that are read and written.
fn round(entries: u32) -> Weight {
	let entries = entries.into();
	Weight::from_parts(50_000_000, 0)
		.saturating_add(ParityDbWeight::get().reads_writes(entries, entries))
}

/// For mocks: round figures, by which tests can tell one call from another.
impl WeightInfo for () {
	fn register_provider() -> Weight {
		round(4)
	}
	fn bond_more() -> Weight {
		round(3)
	}
	fn unbond() -> Weight {
		round(2)
	}
	fn withdraw_unbonded(o: u32) -> Weight {
		round(3).saturating_add(round(1).saturating_mul(o.into()))
	}
	fn set_operators(n: u32, o: u32) -> Weight {
		round(1)
			.saturating_add(round(0).saturating_mul(n.into()))
			.saturating_add(round(1).saturating_mul(o.into()))
	}
	fn update_provider() -> Weight {
		round(1)
	}
	fn deregister(o: u32) -> Weight {
		round(2).saturating_add(round(1).saturating_mul(o.into()))
	}
	fn join_provider() -> Weight {
		round(2)
	}
	fn leave_provider() -> Weight {
		round(2)
	}
}
