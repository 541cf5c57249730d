//! Weights of `pallet_timestamp`, measured. Written by `scripts/benchmark`; not to be edited by hand.
//!
//! 2026-11-23, Intel(R) Xeon(R) Processor, 2 cores: 20 values of each component, 30 times each.

use core::marker::PhantomData;

#[allow(unused_imports)]
use frame_support::{traits::Get, weights::Weight};

/// Measured weights.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_timestamp::WeightInfo for WeightInfo<T> {
	fn set() -> Weight {
		Weight::from_parts(28_442_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn on_finalize() -> Weight {
		Weight::from_parts(3_605_000, 0)
	}
}
