//! What each call costs less its verification, and what a verification costs.
//!
//! They are run in the runtime's Wasm: see `docs/develop/weights.md`. The calls are measured in a runtime whose
//! verifier accepts everything ([`crate::AcceptingVerifier`]): the committed sample is bound to another chain.
//! `verify_proof` measures the real verifier on it.
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
	traits::VerifyProof,
	InputCommitment, ProgramId, MAX_OUTPUT_BYTES, MAX_PROOF_BYTES,
};
use lemma_zk_statement::Statement;
use sp_core::H256;
use sp_runtime::{
	traits::{BlakeTwo256, Hash, Saturating},
	BoundedVec,
};

#[allow(unused_imports)]
use crate::Call;
use crate::{
	sample::CommittedSample, Config, Pallet, Plonky2Verifier, Programs, RetiredAt, Sample,
};

/// Any length: the outputs here are of one-byte elements, which are the most for their bytes.
const RULE: LengthRule = LengthRule {
	min: 1,
	max: u32::MAX,
	multiple_of: 1,
};

fn committed() -> CommittedSample {
	CommittedSample::load().expect("the committed sample is one")
}

fn program() -> ProgramId {
	committed().program
}

/// A sample with `n` bytes of output and the longest proof.
fn sample(n: u32) -> Sample {
	Sample {
		commitment: committed().commitment,
		output: BoundedVec::truncate_from(alloc::vec![0x5a; n as usize]),
		proof: BoundedVec::truncate_from(alloc::vec![0x5a; MAX_PROOF_BYTES as usize]),
	}
}

/// Registers the committed sample's program, without an owner. The sample.
pub(crate) fn sample_program<T: Config>() -> (ProgramId, InputCommitment, Vec<u8>, Vec<u8>) {
	let CommittedSample {
		program,
		commitment,
		element,
		output,
		proof,
		..
	} = committed();
	let rule = LengthRule {
		multiple_of: element.size_bytes() as u32,
		..RULE
	};
	Pallet::<T>::insert_genesis_program(program, element, rule, H256::zero());
	(program, commitment, output, proof)
}

/// Takes the committed sample's program out of the registry, if genesis has put it there.
fn forget<T: Config>() {
	Programs::<T>::remove(program());
}

fn register<T: Config>() -> T::AccountId {
	forget::<T>();
	let who = rich::<T>();
	Pallet::<T>::register_program(
		RawOrigin::Signed(who.clone()).into(),
		program(),
		OutputElement::U8,
		RULE,
		H256::zero(),
		sample(4),
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
	fn register_program(n: Linear<4, MAX_OUTPUT_BYTES>) {
		forget::<T>();
		let who = rich::<T>();

		#[extrinsic_call]
		_(
			RawOrigin::Signed(who),
			program(),
			OutputElement::U8,
			RULE,
			H256::zero(),
			sample(n),
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

	#[benchmark]
	fn state_result(n: Linear<4, MAX_OUTPUT_BYTES>) {
		let sample = committed();
		let output = alloc::vec![0x5a; n as usize];
		let stated;

		// Elements of one byte are the most for their bytes.
		#[block]
		{
			stated = Statement::of_result(
				sample.program.0,
				sample.binding().0,
				sample.commitment.0,
				OutputElement::U8,
				&output,
				|bytes| BlakeTwo256::hash(bytes).0,
			);
		}

		assert!(stated.is_ok());
	}

	#[benchmark]
	fn verify_proof() {
		let (id, ..) = sample_program::<T>();
		let sample = committed();
		let statement = sample.statement().expect("the sample is a result");
		let verdict;

		#[block]
		{
			assert!(Programs::<T>::get(id).is_some());
			verdict = Plonky2Verifier::verify(&statement, &sample.proof);
		}

		assert_eq!(verdict, Ok(()));
	}
}
