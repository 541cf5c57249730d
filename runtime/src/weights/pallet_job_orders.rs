//! Weights of `pallet_job_orders`, measured. Written by `scripts/benchmark`; not to be edited by hand.
//!
//! 2026-11-22, Intel(R) Xeon(R) Processor, 2 cores: 20 values of each component, 20 times each.

use core::marker::PhantomData;

#[allow(unused_imports)]
use frame_support::{traits::Get, weights::Weight};

/// Measured weights.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_job_orders::WeightInfo for WeightInfo<T> {
	/// `i`: 1 to 8192.
	fn post_order(_i: u32) -> Weight {
		Weight::from_parts(484_833_000, 0)
			.saturating_add(T::DbWeight::get().reads(4))
			.saturating_add(T::DbWeight::get().writes(6))
	}
	fn cancel_order() -> Weight {
		Weight::from_parts(298_394_000, 0)
			.saturating_add(T::DbWeight::get().reads(4))
			.saturating_add(T::DbWeight::get().writes(5))
	}
	fn claim_order() -> Weight {
		Weight::from_parts(213_094_000, 0)
			.saturating_add(T::DbWeight::get().reads(7))
			.saturating_add(T::DbWeight::get().writes(6))
	}
	/// `o`: 1 to 1048576.
	/// `p`: 1 to 131072.
	fn submit_result(o: u32, p: u32) -> Weight {
		Weight::from_parts(509_354_000, 0)
			.saturating_add(Weight::from_parts(706, 0).saturating_mul(o.into()))
			.saturating_add(Weight::from_parts(723, 0).saturating_mul(p.into()))
			.saturating_add(T::DbWeight::get().reads(9))
			.saturating_add(T::DbWeight::get().writes(8))
	}
	fn remove_receipt() -> Weight {
		Weight::from_parts(122_613_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	fn agenda_base() -> Weight {
		Weight::from_parts(5_950_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn agenda_block() -> Weight {
		Weight::from_parts(15_372_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn miss_claim() -> Weight {
		Weight::from_parts(368_025_000, 0)
			.saturating_add(T::DbWeight::get().reads(10))
			.saturating_add(T::DbWeight::get().writes(9))
	}
	fn expire_order() -> Weight {
		Weight::from_parts(422_905_000, 0)
			.saturating_add(T::DbWeight::get().reads(7))
			.saturating_add(T::DbWeight::get().writes(6))
	}
}
