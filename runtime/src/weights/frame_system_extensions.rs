//! Weights of `frame_system_extensions`, measured. Written by `scripts/benchmark`; not to be edited by hand.
//!
//! 2026-11-22, Intel(R) Xeon(R) Processor, 2 cores: 20 values of each component, 20 times each.

use core::marker::PhantomData;

#[allow(unused_imports)]
use frame_support::{traits::Get, weights::Weight};

/// Measured weights.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> frame_system::ExtensionsWeightInfo for WeightInfo<T> {
	fn check_genesis() -> Weight {
		Weight::from_parts(6_391_000, 0)
	}
	fn check_mortality_mortal_transaction() -> Weight {
		Weight::from_parts(14_092_000, 0)
	}
	fn check_mortality_immortal_transaction() -> Weight {
		Weight::from_parts(13_789_000, 0)
	}
	fn check_non_zero_sender() -> Weight {
		Weight::from_parts(1_974_000, 0)
	}
	fn check_nonce() -> Weight {
		Weight::from_parts(26_041_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn check_spec_version() -> Weight {
		Weight::from_parts(1_641_000, 0)
	}
	fn check_tx_version() -> Weight {
		Weight::from_parts(1_545_000, 0)
	}
	fn check_weight() -> Weight {
		Weight::from_parts(15_051_000, 0)
	}
	fn weight_reclaim() -> Weight {
		Weight::from_parts(8_185_000, 0)
	}
}
