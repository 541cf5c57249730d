//! What each call costs at worst: full lists, the longest profile, all chunks.
#![allow(clippy::expect_used, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;

use frame_benchmarking::v2::*;
use frame_support::traits::{fungible::Mutate, Get};
use frame_system::{pallet_prelude::BlockNumberFor, RawOrigin};
use lemma_primitives::{
	provider::{
		Backend, Profile, MAX_ADVERTISED_PROGRAMS, MAX_ENDPOINT_BYTES, MAX_OPERATORS,
		MAX_UNBONDING_CHUNKS,
	},
	ProgramId,
};
use sp_runtime::{
	traits::{One, Saturating},
	BoundedVec,
};

#[allow(unused_imports)]
use crate::Call;
use crate::{BalanceOf, Config, OperatorOf, OperatorsOf, Pallet, Providers};

/// The longest profile.
pub(crate) fn profile() -> Profile {
	let endpoint = alloc::vec![b'a'; MAX_ENDPOINT_BYTES as usize];
	let programs = (0..MAX_ADVERTISED_PROGRAMS).map(|n| ProgramId::from_low_u64_be(n.into()));
	Profile {
		endpoint: BoundedVec::truncate_from(endpoint),
		backend: Backend::Cuda,
		programs: BoundedVec::truncate_from(programs.collect::<Vec<_>>()),
	}
}

/// A bond that leaves the minimum when as much again is taken out of it.
fn bond<T: Config>() -> BalanceOf<T> {
	T::MinBond::get().saturating_mul(2u32.into())
}

fn rich<T: Config>(who: &T::AccountId) {
	T::Currency::set_balance(who, bond::<T>().saturating_mul(10u32.into()));
}

fn operators<T: Config>(name: &'static str) -> OperatorsOf<T> {
	let keys = (0..MAX_OPERATORS).map(|n| account(name, n, 0));
	BoundedVec::truncate_from(keys.collect::<Vec<_>>())
}

/// A provider with all operators, who have joined, and room for one more chunk.
fn provider<T: Config>() -> T::AccountId {
	let who: T::AccountId = whitelisted_caller();
	rich::<T>(&who);
	let origin = RawOrigin::Signed(who.clone());
	Pallet::<T>::register_provider(origin.clone().into(), bond::<T>(), profile())
		.expect("the caller has the money");
	Pallet::<T>::set_operators(origin.into(), operators::<T>("operator"))
		.expect("the operators are no providers");
	for operator in operators::<T>("operator") {
		Pallet::<T>::join_provider(RawOrigin::Signed(operator).into(), who.clone())
			.expect("it was named");
	}
	who
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn register_provider() {
		let who: T::AccountId = whitelisted_caller();
		rich::<T>(&who);

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), bond::<T>(), profile());

		assert!(Providers::<T>::contains_key(&who));
	}

	#[benchmark]
	fn bond_more() {
		let who = provider::<T>();

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), bond::<T>());

		let active = Providers::<T>::get(&who).map(|entry| entry.active);
		assert_eq!(active, Some(bond::<T>().saturating_add(bond::<T>())));
	}

	#[benchmark]
	fn unbond() {
		let who = provider::<T>();
		for n in 1..MAX_UNBONDING_CHUNKS {
			frame_system::Pallet::<T>::set_block_number(n.into());
			Pallet::<T>::unbond(RawOrigin::Signed(who.clone()).into(), One::one())
				.expect("more than the minimum remains");
		}
		frame_system::Pallet::<T>::set_block_number(MAX_UNBONDING_CHUNKS.into());

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), One::one());

		let chunks = Providers::<T>::get(&who).map(|entry| entry.unbonding.len());
		assert_eq!(chunks, Some(MAX_UNBONDING_CHUNKS as usize));
	}

	#[benchmark]
	fn withdraw_unbonded() {
		let who = provider::<T>();
		for n in 1..MAX_UNBONDING_CHUNKS {
			frame_system::Pallet::<T>::set_block_number(n.into());
			Pallet::<T>::unbond(RawOrigin::Signed(who.clone()).into(), One::one())
				.expect("more than the minimum remains");
		}
		frame_system::Pallet::<T>::set_block_number(MAX_UNBONDING_CHUNKS.into());
		let rest = Providers::<T>::get(&who)
			.map(|entry| entry.active)
			.unwrap_or_default();
		Pallet::<T>::unbond(RawOrigin::Signed(who.clone()).into(), rest)
			.expect("nothing is committed");
		let last = BlockNumberFor::<T>::from(MAX_UNBONDING_CHUNKS);
		frame_system::Pallet::<T>::set_block_number(last.saturating_add(T::UnbondingPeriod::get()));

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()));

		assert!(!Providers::<T>::contains_key(&who));
	}

	#[benchmark]
	fn set_operators() {
		let who = provider::<T>();

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), operators::<T>("other"));

		assert_eq!(OperatorOf::<T>::iter().count(), 0);
	}

	#[benchmark]
	fn update_provider() {
		let who = provider::<T>();
		let mut other = profile();
		other.backend = Backend::Cpu;

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), other.clone());

		assert_eq!(
			Providers::<T>::get(&who).map(|entry| entry.profile),
			Some(other)
		);
	}

	#[benchmark]
	fn deregister() {
		let who = provider::<T>();

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()));

		assert_eq!(
			Providers::<T>::get(&who).map(|entry| entry.unbonding.len()),
			Some(1)
		);
	}

	#[benchmark]
	fn join_provider() {
		let who = provider::<T>();
		let operator: T::AccountId = account("operator", 0, 0);
		OperatorOf::<T>::remove(&operator);

		#[extrinsic_call]
		_(RawOrigin::Signed(operator.clone()), who.clone());

		assert_eq!(OperatorOf::<T>::get(&operator), Some(who));
	}

	#[benchmark]
	fn leave_provider() {
		let _who = provider::<T>();
		let operator: T::AccountId = account("operator", 0, 0);

		#[extrinsic_call]
		_(RawOrigin::Signed(operator.clone()));

		assert!(!OperatorOf::<T>::contains_key(&operator));
	}

	impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
