//! Weights of `pallet_sudo`, measured. Written by `scripts/benchmark`; not to be edited by hand.
//!
//! 2026-11-22, Intel(R) Xeon(R) Processor, 2 cores: 20 values of each component, 20 times each.

use core::marker::PhantomData;

#[allow(unused_imports)]
use frame_support::{traits::Get, weights::Weight};

/// Measured weights.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_sudo::WeightInfo for WeightInfo<T> {
	fn set_key() -> Weight {
		Weight::from_parts(26_064_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn sudo() -> Weight {
		Weight::from_parts(28_120_000, 0).saturating_add(T::DbWeight::get().reads(1))
	}
	fn sudo_as() -> Weight {
		Weight::from_parts(27_390_000, 0).saturating_add(T::DbWeight::get().reads(1))
	}
	fn remove_key() -> Weight {
		Weight::from_parts(23_544_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn check_only_sudo_account() -> Weight {
		Weight::from_parts(12_168_000, 0).saturating_add(T::DbWeight::get().reads(1))
	}
}
