//! Weights of `frame_system`, measured. Written by `scripts/benchmark`; not to be edited by hand.
//!
//! 2026-11-23, Intel(R) Xeon(R) Processor, 2 cores: 20 values of each component, 30 times each.

use core::marker::PhantomData;

#[allow(unused_imports)]
use frame_support::{traits::Get, weights::Weight};

/// Measured weights.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> frame_system::WeightInfo for WeightInfo<T> {
	/// `b`: 0 to 3932160.
	fn remark(b: u32) -> Weight {
		Weight::from_parts(9_483_000, 0)
			.saturating_add(Weight::from_parts(961, 0).saturating_mul(b.into()))
	}
	/// `b`: 0 to 3932160.
	fn remark_with_event(b: u32) -> Weight {
		Weight::from_parts(20_582_000, 0)
			.saturating_add(Weight::from_parts(2_512, 0).saturating_mul(b.into()))
	}
	fn set_heap_pages() -> Weight {
		Weight::from_parts(16_573_000, 0).saturating_add(T::DbWeight::get().writes(1))
	}
	fn set_code() -> Weight {
		Weight::from_parts(251_409_767_000, 0).saturating_add(T::DbWeight::get().writes(1))
	}
	/// `i`: 0 to 1000.
	fn set_storage(i: u32) -> Weight {
		Weight::from_parts(8_961_000, 0)
			.saturating_add(Weight::from_parts(2_945_660, 0).saturating_mul(i.into()))
			.saturating_add(T::DbWeight::get().writes(1).saturating_mul(i.into()))
	}
	/// `i`: 0 to 1000.
	fn kill_storage(i: u32) -> Weight {
		Weight::from_parts(9_273_000, 0)
			.saturating_add(Weight::from_parts(2_191_423, 0).saturating_mul(i.into()))
			.saturating_add(T::DbWeight::get().writes(1).saturating_mul(i.into()))
	}
	/// `p`: 0 to 1000.
	fn kill_prefix(p: u32) -> Weight {
		Weight::from_parts(15_098_000, 0)
			.saturating_add(Weight::from_parts(2_788_565, 0).saturating_mul(p.into()))
			.saturating_add(T::DbWeight::get().reads(1).saturating_mul(p.into()))
			.saturating_add(T::DbWeight::get().writes(1).saturating_mul(p.into()))
	}
	fn authorize_upgrade() -> Weight {
		Weight::from_parts(56_066_000, 0).saturating_add(T::DbWeight::get().writes(1))
	}
	fn apply_authorized_upgrade() -> Weight {
		Weight::from_parts(222_878_553_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(2))
	}
}
