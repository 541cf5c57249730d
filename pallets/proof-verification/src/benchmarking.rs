//! What each call costs, less the verification.
//!
//! The calls are measured in a runtime whose verifier accepts everything ([`crate::AcceptingVerifier`]): what
//! a proof is bound to is made up here.
#![allow(clippy::expect_used)]

use alloc::vec::Vec;

use frame_benchmarking::v2::*;
use frame_support::traits::{
	fungible::{Inspect, Mutate},
	Get,
};
use frame_system::RawOrigin;
use lemma_primitives::{
	program::{LengthRule, OutputElement},
	InputCommitment, ProgramId,
};
use sp_core::H256;
use sp_runtime::{traits::Saturating, BoundedVec};

#[allow(unused_imports)]
use crate::Call;
use crate::{Config, Pallet, Programs, RetiredAt, Sample};

/// Bytes of the sample's output: short, for the weight of an output's bytes is charged apart.
const OUTPUT_BYTES: usize = 4;
/// Bytes of an outer proof, about.
const PROOF_BYTES: usize = 92_000;
const RULE: LengthRule = LengthRule {
	min: 4,
	max: u32::MAX,
	multiple_of: 4,
};

fn program() -> ProgramId {
	H256([1; 32])
}

fn sample() -> Sample {
	Sample {
		commitment: H256([2; 32]),
		output: BoundedVec::truncate_from(alloc::vec![0; OUTPUT_BYTES]),
		proof: BoundedVec::truncate_from(alloc::vec![0; PROOF_BYTES]),
	}
}

/// Registers a program without an owner, of which the accepting verifier accepts every result. A result of
/// it, with its proof.
pub(crate) fn sample_program<T: Config>() -> (ProgramId, InputCommitment, Vec<u8>, Vec<u8>) {
	Pallet::<T>::insert_genesis_program(program(), OutputElement::I32, RULE, H256::zero());
	let Sample {
		commitment,
		output,
		proof,
	} = sample();
	(
		program(),
		commitment,
		output.into_inner(),
		proof.into_inner(),
	)
}

fn register<T: Config>() -> T::AccountId {
	let who = rich::<T>();
	Pallet::<T>::register_program(
		RawOrigin::Signed(who.clone()).into(),
		program(),
		OutputElement::I32,
		RULE,
		H256::zero(),
		sample(),
	)
	.expect("the runtime's verifier accepts everything");
	who
}

fn rich<T: Config>() -> T::AccountId {
	let who: T::AccountId = whitelisted_caller();
	let enough = T::ProgramDeposit::get().saturating_add(T::Currency::minimum_balance());
	T::Currency::set_balance(&who, enough.saturating_mul(10u32.into()));
	who
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn register_program() {
		let who = rich::<T>();

		#[extrinsic_call]
		_(
			RawOrigin::Signed(who),
			program(),
			OutputElement::I32,
			RULE,
			H256::zero(),
			sample(),
		);

		assert!(Programs::<T>::contains_key(program()));
	}

	#[benchmark]
	fn retire_program() {
		let who = register::<T>();

		#[extrinsic_call]
		_(RawOrigin::Signed(who), program());

		assert!(RetiredAt::<T>::contains_key(program()));
	}

	#[benchmark]
	fn remove_program() {
		let who = register::<T>();
		Pallet::<T>::retire_program(RawOrigin::Signed(who.clone()).into(), program())
			.expect("the caller owns it");
		let now = frame_system::Pallet::<T>::block_number();
		frame_system::Pallet::<T>::set_block_number(now.saturating_add(T::LongestOrder::get()));

		#[extrinsic_call]
		_(RawOrigin::Signed(who), program());

		assert!(!Programs::<T>::contains_key(program()));
	}

	impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
