//! Weights of `frame_system_extensions`, measured. Written by `scripts/benchmark`; not to be edited by hand.
//!
//! 2026-11-23, Intel(R) Xeon(R) Processor, 2 cores: 20 values of each component, 30 times each.

use core::marker::PhantomData;

#[allow(unused_imports)]
use frame_support::{traits::Get, weights::Weight};

/// Measured weights.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> frame_system::ExtensionsWeightInfo for WeightInfo<T> {
	fn check_genesis() -> Weight {
		Weight::from_parts(7_579_000, 0)
	}
	fn check_mortality_mortal_transaction() -> Weight {
		Weight::from_parts(15_849_000, 0)
	}
	fn check_mortality_immortal_transaction() -> Weight {
		Weight::from_parts(15_525_000, 0)
	}
	fn check_non_zero_sender() -> Weight {
		Weight::from_parts(2_401_000, 0)
	}
	fn check_nonce() -> Weight {
		Weight::from_parts(27_224_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn check_spec_version() -> Weight {
		Weight::from_parts(1_888_000, 0)
	}
	fn check_tx_version() -> Weight {
		Weight::from_parts(1_857_000, 0)
	}
	fn check_weight() -> Weight {
		Weight::from_parts(15_614_000, 0)
	}
	fn weight_reclaim() -> Weight {
		Weight::from_parts(8_786_000, 0)
	}
}
