//! Weights of `pallet_sudo`, measured. Written by `scripts/benchmark`; not to be edited by hand.
//!
//! 2026-11-23, Intel(R) Xeon(R) Processor, 2 cores: 20 values of each component, 30 times each.

use core::marker::PhantomData;

#[allow(unused_imports)]
use frame_support::{traits::Get, weights::Weight};

/// Measured weights.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_sudo::WeightInfo for WeightInfo<T> {
	fn set_key() -> Weight {
		Weight::from_parts(32_010_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn sudo() -> Weight {
		Weight::from_parts(36_137_000, 0).saturating_add(T::DbWeight::get().reads(1))
	}
	fn sudo_as() -> Weight {
		Weight::from_parts(35_909_000, 0).saturating_add(T::DbWeight::get().reads(1))
	}
	fn remove_key() -> Weight {
		Weight::from_parts(28_544_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn check_only_sudo_account() -> Weight {
		Weight::from_parts(15_389_000, 0).saturating_add(T::DbWeight::get().reads(1))
	}
}
