//! Weights of `pallet_provider_staking`, measured. Written by `scripts/benchmark`; not to be edited by hand.
//!
//! 2026-11-23, Intel(R) Xeon(R) Processor, 2 cores: 20 values of each component, 30 times each.

use core::marker::PhantomData;

#[allow(unused_imports)]
use frame_support::{traits::Get, weights::Weight};

/// Measured weights.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_provider_staking::WeightInfo for WeightInfo<T> {
	fn register_provider() -> Weight {
		Weight::from_parts(422_350_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(2))
	}
	fn bond_more() -> Weight {
		Weight::from_parts(242_980_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(2))
	}
	fn unbond() -> Weight {
		Weight::from_parts(83_035_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	/// `o`: 0 to 8.
	fn withdraw_unbonded(o: u32) -> Weight {
		Weight::from_parts(310_181_000, 0)
			.saturating_add(Weight::from_parts(18_161_167, 0).saturating_mul(o.into()))
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().reads(1).saturating_mul(o.into()))
			.saturating_add(T::DbWeight::get().writes(2))
			.saturating_add(T::DbWeight::get().writes(1).saturating_mul(o.into()))
	}
	/// `n`: 0 to 8.
	/// `o`: 0 to 8.
	fn set_operators(n: u32, o: u32) -> Weight {
		Weight::from_parts(68_397_000, 0)
			.saturating_add(Weight::from_parts(7_427_343, 0).saturating_mul(n.into()))
			.saturating_add(Weight::from_parts(17_916_975, 0).saturating_mul(o.into()))
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().reads(1).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads(1).saturating_mul(o.into()))
			.saturating_add(T::DbWeight::get().writes(1))
			.saturating_add(T::DbWeight::get().writes(1).saturating_mul(o.into()))
	}
	fn update_provider() -> Weight {
		Weight::from_parts(322_797_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(2))
	}
	/// `o`: 0 to 8.
	fn deregister(o: u32) -> Weight {
		Weight::from_parts(78_700_000, 0)
			.saturating_add(Weight::from_parts(20_419_500, 0).saturating_mul(o.into()))
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().reads(1).saturating_mul(o.into()))
			.saturating_add(T::DbWeight::get().writes(1))
			.saturating_add(T::DbWeight::get().writes(1).saturating_mul(o.into()))
	}
	fn join_provider() -> Weight {
		Weight::from_parts(76_692_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn leave_provider() -> Weight {
		Weight::from_parts(117_995_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(2))
	}
}
