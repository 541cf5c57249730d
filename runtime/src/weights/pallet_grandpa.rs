//! Weights of `pallet_grandpa`, whose benchmarks do not measure its calls.

use core::marker::PhantomData;

use frame_support::{
	traits::Get,
	weights::{constants::WEIGHT_REF_TIME_PER_MICROS, Weight},
};

/// Weights by what the calls do.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_grandpa::WeightInfo for WeightInfo<T> {
	/// Nobody can call it: there is no proof of a key's ownership here. The figure is the SDK's.
	fn report_equivocation(validators: u32, nominators: u32) -> Weight {
		<() as pallet_grandpa::WeightInfo>::report_equivocation(validators, nominators)
	}

	/// Writes one value; only root can call it.
	fn note_stalled() -> Weight {
		Weight::from_parts(WEIGHT_REF_TIME_PER_MICROS.saturating_mul(20), 0)
			.saturating_add(T::DbWeight::get().writes(1))
	}
}
