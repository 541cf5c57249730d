//! Weights of `pallet_provider_staking`, measured. Written by `scripts/benchmark`; not to be edited by hand.
//!
//! 2026-11-22, Intel(R) Xeon(R) Processor, 2 cores: 20 values of each component, 20 times each.

use core::marker::PhantomData;

#[allow(unused_imports)]
use frame_support::{traits::Get, weights::Weight};

/// Measured weights.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_provider_staking::WeightInfo for WeightInfo<T> {
	fn register_provider() -> Weight {
		Weight::from_parts(125_701_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(2))
	}
	fn bond_more() -> Weight {
		Weight::from_parts(134_279_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(2))
	}
	fn unbond() -> Weight {
		Weight::from_parts(66_846_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	/// `o`: 0 to 8.
	fn withdraw_unbonded(o: u32) -> Weight {
		Weight::from_parts(112_135_000, 0)
			.saturating_add(Weight::from_parts(15_620_534, 0).saturating_mul(o.into()))
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().reads(1).saturating_mul(o.into()))
			.saturating_add(T::DbWeight::get().writes(2))
			.saturating_add(T::DbWeight::get().writes(1).saturating_mul(o.into()))
	}
	/// `n`: 0 to 8.
	/// `o`: 0 to 8.
	fn set_operators(n: u32, o: u32) -> Weight {
		Weight::from_parts(128_439_000, 0)
			.saturating_add(Weight::from_parts(13_641_485, 0).saturating_mul(o.into()))
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().reads(1).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads(1).saturating_mul(o.into()))
			.saturating_add(T::DbWeight::get().writes(1))
			.saturating_add(T::DbWeight::get().writes(1).saturating_mul(o.into()))
	}
	fn update_provider() -> Weight {
		Weight::from_parts(67_944_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	/// `o`: 0 to 8.
	fn deregister(o: u32) -> Weight {
		Weight::from_parts(47_276_000, 0)
			.saturating_add(Weight::from_parts(9_086_384, 0).saturating_mul(o.into()))
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().reads(1).saturating_mul(o.into()))
			.saturating_add(T::DbWeight::get().writes(1))
			.saturating_add(T::DbWeight::get().writes(1).saturating_mul(o.into()))
	}
	fn join_provider() -> Weight {
		Weight::from_parts(41_043_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn leave_provider() -> Weight {
		Weight::from_parts(51_105_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(2))
	}
}
