//! Weights of `pallet_job_orders`, measured. Written by `scripts/benchmark`; not to be edited by hand.
//!
//! 2026-11-23, Intel(R) Xeon(R) Processor, 2 cores: 20 values of each component, 30 times each.

use core::marker::PhantomData;

#[allow(unused_imports)]
use frame_support::{traits::Get, weights::Weight};

/// Measured weights.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_job_orders::WeightInfo for WeightInfo<T> {
	/// `i`: 1 to 8192.
	fn post_order(i: u32) -> Weight {
		Weight::from_parts(610_751_000, 0)
			.saturating_add(Weight::from_parts(467, 0).saturating_mul(i.into()))
			.saturating_add(T::DbWeight::get().reads(4))
			.saturating_add(T::DbWeight::get().writes(6))
	}
	fn cancel_order() -> Weight {
		Weight::from_parts(569_106_000, 0)
			.saturating_add(T::DbWeight::get().reads(4))
			.saturating_add(T::DbWeight::get().writes(5))
	}
	fn claim_order() -> Weight {
		Weight::from_parts(385_173_000, 0)
			.saturating_add(T::DbWeight::get().reads(7))
			.saturating_add(T::DbWeight::get().writes(6))
	}
	/// `o`: 1 to 1048576.
	/// `p`: 1 to 131072.
	fn submit_result(o: u32, p: u32) -> Weight {
		Weight::from_parts(678_264_000, 0)
			.saturating_add(Weight::from_parts(998, 0).saturating_mul(o.into()))
			.saturating_add(Weight::from_parts(1_953, 0).saturating_mul(p.into()))
			.saturating_add(T::DbWeight::get().reads(9))
			.saturating_add(T::DbWeight::get().writes(8))
	}
	fn remove_receipt() -> Weight {
		Weight::from_parts(211_474_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	fn agenda_base() -> Weight {
		Weight::from_parts(9_623_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn agenda_block() -> Weight {
		Weight::from_parts(21_810_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn miss_claim() -> Weight {
		Weight::from_parts(587_959_000, 0)
			.saturating_add(T::DbWeight::get().reads(10))
			.saturating_add(T::DbWeight::get().writes(9))
	}
	fn expire_order() -> Weight {
		Weight::from_parts(643_159_000, 0)
			.saturating_add(T::DbWeight::get().reads(7))
			.saturating_add(T::DbWeight::get().writes(6))
	}
}
