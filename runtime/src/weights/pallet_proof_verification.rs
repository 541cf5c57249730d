//! Weights of `pallet_proof_verification`, measured. Written by `scripts/benchmark`; not to be edited by hand.
//!
//! 2026-11-22, Intel(R) Xeon(R) Processor, 2 cores: 20 values of each component, 20 times each.

use core::marker::PhantomData;

#[allow(unused_imports)]
use frame_support::{traits::Get, weights::Weight};

/// Measured weights.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_proof_verification::WeightInfo for WeightInfo<T> {
	/// `n`: 4 to 1048576.
	fn register_program(n: u32) -> Weight {
		Weight::from_parts(347_215_000, 0)
			.saturating_add(Weight::from_parts(21_442, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(2))
	}
	fn retire_program() -> Weight {
		Weight::from_parts(59_032_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(2))
	}
	fn remove_program() -> Weight {
		Weight::from_parts(169_298_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	/// `n`: 4 to 1048576.
	fn state_result(n: u32) -> Weight {
		Weight::from_parts(1_417_484_000, 0)
			.saturating_add(Weight::from_parts(13_304, 0).saturating_mul(n.into()))
	}
	fn verify_proof() -> Weight {
		Weight::from_parts(8_734_007_000, 0).saturating_add(T::DbWeight::get().reads(1))
	}
}
