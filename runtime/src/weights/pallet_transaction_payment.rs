//! Weights of `pallet_transaction_payment`, measured. Written by `scripts/benchmark`; not to be edited by hand.
//!
//! 2026-11-23, Intel(R) Xeon(R) Processor, 2 cores: 20 values of each component, 30 times each.

use core::marker::PhantomData;

#[allow(unused_imports)]
use frame_support::{traits::Get, weights::Weight};

/// Measured weights.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_transaction_payment::WeightInfo for WeightInfo<T> {
	fn charge_transaction_payment() -> Weight {
		Weight::from_parts(190_981_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
}
