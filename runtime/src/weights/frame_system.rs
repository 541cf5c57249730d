//! Weights of `frame_system`, measured. Written by `scripts/benchmark`; not to be edited by hand.
//!
//! 2026-11-22, Intel(R) Xeon(R) Processor, 2 cores: 20 values of each component, 20 times each.

use core::marker::PhantomData;

#[allow(unused_imports)]
use frame_support::{traits::Get, weights::Weight};

/// Measured weights.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> frame_system::WeightInfo for WeightInfo<T> {
	/// `b`: 0 to 3932160.
	fn remark(b: u32) -> Weight {
		Weight::from_parts(5_516_000, 0)
			.saturating_add(Weight::from_parts(1_485, 0).saturating_mul(b.into()))
	}
	/// `b`: 0 to 3932160.
	fn remark_with_event(b: u32) -> Weight {
		Weight::from_parts(14_471_000, 0)
			.saturating_add(Weight::from_parts(5_154, 0).saturating_mul(b.into()))
	}
	fn set_heap_pages() -> Weight {
		Weight::from_parts(13_186_000, 0).saturating_add(T::DbWeight::get().writes(1))
	}
	fn set_code() -> Weight {
		Weight::from_parts(438_979_018_000, 0).saturating_add(T::DbWeight::get().writes(1))
	}
	/// `i`: 0 to 1000.
	fn set_storage(i: u32) -> Weight {
		Weight::from_parts(67_217_000, 0)
			.saturating_add(Weight::from_parts(2_532_937, 0).saturating_mul(i.into()))
			.saturating_add(T::DbWeight::get().writes(1).saturating_mul(i.into()))
	}
	/// `i`: 0 to 1000.
	fn kill_storage(i: u32) -> Weight {
		Weight::from_parts(4_181_000, 0)
			.saturating_add(Weight::from_parts(2_493_791, 0).saturating_mul(i.into()))
			.saturating_add(T::DbWeight::get().writes(1).saturating_mul(i.into()))
	}
	/// `p`: 0 to 1000.
	fn kill_prefix(p: u32) -> Weight {
		Weight::from_parts(12_254_000, 0)
			.saturating_add(Weight::from_parts(6_163_755, 0).saturating_mul(p.into()))
			.saturating_add(T::DbWeight::get().reads(1).saturating_mul(p.into()))
			.saturating_add(T::DbWeight::get().writes(1).saturating_mul(p.into()))
	}
	fn authorize_upgrade() -> Weight {
		Weight::from_parts(65_526_000, 0).saturating_add(T::DbWeight::get().writes(1))
	}
	fn apply_authorized_upgrade() -> Weight {
		Weight::from_parts(401_868_344_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(2))
	}
}
