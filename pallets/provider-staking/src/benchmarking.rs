//! What each call costs at worst: full lists, the longest profile, all chunks.
//!
//! They are run in the runtime's Wasm: see `docs/develop/weights.md`.
#![allow(clippy::expect_used, clippy::arithmetic_side_effects)]

use alloc::vec::Vec;

use frame_benchmarking::v2::*;
use frame_support::traits::{fungible::Mutate, Get};
use frame_system::{pallet_prelude::BlockNumberFor, RawOrigin};
use lemma_primitives::{
	provider::{
		Backend, Profile, UnbondingChunk, MAX_ADVERTISED_PROGRAMS, MAX_ENDPOINT_BYTES,
		MAX_OPERATORS, MAX_UNBONDING_CHUNKS,
	},
	ProgramId,
};
use sp_runtime::{
	traits::{Bounded, One, Saturating},
	BoundedVec,
};

#[allow(unused_imports)]
use crate::Call;
use crate::{BalanceOf, Config, OperatorOf, OperatorsOf, Pallet, ProviderOf, Providers};

/// The longest profile.
fn profile() -> Profile {
	let endpoint = alloc::vec![b'a'; MAX_ENDPOINT_BYTES as usize];
	let programs = (0..MAX_ADVERTISED_PROGRAMS).map(|n| ProgramId::repeat_byte(n as u8));
	Profile {
		endpoint: BoundedVec::truncate_from(endpoint),
		backend: Backend::Cuda,
		programs: BoundedVec::truncate_from(programs.collect::<Vec<_>>()),
	}
}

/// The largest record of a provider: every list is full, `operator` among the operators.
pub(crate) fn largest<T: Config>(operator: &T::AccountId, bond: BalanceOf<T>) -> ProviderOf<T> {
	let mut provider = Pallet::<T>::new_provider(bond, profile());
	let mut operators = names::<T>("other", MAX_OPERATORS);
	operators[0] = operator.clone();
	provider.operators = BoundedVec::truncate_from(operators);
	let chunks = (0..MAX_UNBONDING_CHUNKS).map(|_| UnbondingChunk {
		amount: BalanceOf::<T>::one(),
		unlocks_at: BlockNumberFor::<T>::max_value(),
	});
	provider.unbonding = BoundedVec::truncate_from(chunks.collect::<Vec<_>>());
	provider
}

/// A bond that leaves the minimum when as much again is taken out of it.
fn bond<T: Config>() -> BalanceOf<T> {
	T::MinBond::get().saturating_mul(2u32.into())
}

fn rich<T: Config>(who: &T::AccountId) {
	T::Currency::set_balance(who, bond::<T>().saturating_mul(10u32.into()));
}

fn names<T: Config>(name: &'static str, count: u32) -> Vec<T::AccountId> {
	(0..count).map(|n| account(name, n, 0)).collect()
}

fn operators<T: Config>(name: &'static str, count: u32) -> OperatorsOf<T> {
	BoundedVec::truncate_from(names::<T>(name, count))
}

/// A provider with so many operators, who have joined, and room for one more chunk.
fn provider<T: Config>(count: u32) -> T::AccountId {
	let who: T::AccountId = whitelisted_caller();
	rich::<T>(&who);
	let origin = RawOrigin::Signed(who.clone());
	Pallet::<T>::register_provider(origin.clone().into(), bond::<T>(), profile())
		.expect("the caller has the money");
	Pallet::<T>::set_operators(origin.into(), operators::<T>("operator", count))
		.expect("the operators are no providers");
	for operator in operators::<T>("operator", count) {
		Pallet::<T>::join_provider(RawOrigin::Signed(operator).into(), who.clone())
			.expect("it was named");
	}
	who
}

/// Unbonds a little in each of the first blocks, so that one more chunk fits. The block after them.
fn unbond_often<T: Config>(who: &T::AccountId) {
	for n in 1..MAX_UNBONDING_CHUNKS {
		frame_system::Pallet::<T>::set_block_number(n.into());
		Pallet::<T>::unbond(RawOrigin::Signed(who.clone()).into(), One::one())
			.expect("more than the minimum remains");
	}
	frame_system::Pallet::<T>::set_block_number(MAX_UNBONDING_CHUNKS.into());
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
		let who = provider::<T>(MAX_OPERATORS);
		unbond_often::<T>(&who);
		let before = Providers::<T>::get(&who).map(|entry| entry.active);

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), bond::<T>());

		let active = Providers::<T>::get(&who).map(|entry| entry.active);
		assert_eq!(
			active,
			before.map(|before| before.saturating_add(bond::<T>()))
		);
	}

	#[benchmark]
	fn unbond() {
		let who = provider::<T>(MAX_OPERATORS);
		unbond_often::<T>(&who);

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), One::one());

		let chunks = Providers::<T>::get(&who).map(|entry| entry.unbonding.len());
		assert_eq!(chunks, Some(MAX_UNBONDING_CHUNKS as usize));
	}

	#[benchmark]
	fn withdraw_unbonded(o: Linear<0, MAX_OPERATORS>) {
		let who = provider::<T>(o);
		unbond_often::<T>(&who);
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
		assert_eq!(OperatorOf::<T>::iter().count(), 0);
	}

	#[benchmark]
	fn set_operators(n: Linear<0, MAX_OPERATORS>, o: Linear<0, MAX_OPERATORS>) {
		let who = provider::<T>(o);

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), operators::<T>("new", n));

		assert_eq!(OperatorOf::<T>::iter().count(), 0);
		let named = Providers::<T>::get(&who).map(|entry| entry.operators.len() as u32);
		assert_eq!(named, Some(n));
	}

	#[benchmark]
	fn update_provider() {
		let who = provider::<T>(MAX_OPERATORS);
		unbond_often::<T>(&who);
		// Shorter, so that the deposit grows.
		let mut shorter = profile();
		shorter.endpoint.pop();
		Pallet::<T>::update_provider(RawOrigin::Signed(who.clone()).into(), shorter)
			.expect("it is a profile");

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), profile());

		assert_eq!(
			Providers::<T>::get(&who).map(|entry| entry.profile),
			Some(profile())
		);
	}

	#[benchmark]
	fn deregister(o: Linear<0, MAX_OPERATORS>) {
		let who = provider::<T>(o);
		unbond_often::<T>(&who);

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()));

		let chunks = Providers::<T>::get(&who).map(|entry| entry.unbonding.len());
		assert_eq!(chunks, Some(MAX_UNBONDING_CHUNKS as usize));
		assert_eq!(OperatorOf::<T>::iter().count(), 0);
	}

	#[benchmark]
	fn join_provider() {
		let who = provider::<T>(MAX_OPERATORS);
		unbond_often::<T>(&who);
		let operator: T::AccountId = account("operator", 0, 0);
		OperatorOf::<T>::remove(&operator);

		#[extrinsic_call]
		_(RawOrigin::Signed(operator.clone()), who.clone());

		assert_eq!(OperatorOf::<T>::get(&operator), Some(who));
	}

	#[benchmark]
	fn leave_provider() {
		let who = provider::<T>(MAX_OPERATORS);
		unbond_often::<T>(&who);
		let operator: T::AccountId = account("operator", 0, 0);

		#[extrinsic_call]
		_(RawOrigin::Signed(operator.clone()));

		assert!(!OperatorOf::<T>::contains_key(&operator));
	}
}
