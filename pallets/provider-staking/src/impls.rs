//! What the calls do, and the pallet as the order book sees it.

use alloc::collections::BTreeSet;

use frame_support::{
	dispatch::DispatchResultWithPostInfo,
	ensure,
	storage::with_storage_layer,
	traits::{
		fungible::{BalancedHold, Inspect, MutateHold},
		tokens::{
			imbalance::Imbalance, DepositConsequence, Fortitude, Precision, Provenance, Restriction,
		},
		Get,
	},
	weights::Weight,
};
use frame_system::pallet_prelude::BlockNumberFor;
use lemma_primitives::{
	provider::{Profile, Provider, TrackRecord, UnbondingChunk},
	traits::{self, Settlement},
};
use sp_runtime::{
	traits::{CheckedSub, Saturating, Zero},
	DispatchError, DispatchResult,
};

use crate::{
	types::registration_bytes, BalanceOf, Config, Error, Event, HoldReason, OperatorOf,
	OperatorsOf, Pallet, ProviderOf, Providers, WeightInfo,
};

impl<T: Config> Pallet<T> {
	/// What is held of a provider with this profile for the storage that its registration takes.
	pub fn deposit_for(profile: &Profile) -> BalanceOf<T> {
		let bytes = registration_bytes::<T>(profile);
		T::DepositBase::get().saturating_add(T::DepositPerByte::get().saturating_mul(bytes.into()))
	}

	/// Most that `deregister` weighs with so many operators to let go. What ends a registration at once does
	/// less than the withdrawal that ends one.
	pub(crate) fn deregister_weight(operators: u32) -> Weight {
		T::WeightInfo::deregister(operators).max(T::WeightInfo::withdraw_unbonded(operators))
	}

	pub(crate) fn do_register(
		who: T::AccountId,
		bond: BalanceOf<T>,
		profile: Profile,
	) -> DispatchResult {
		ensure!(
			!Providers::<T>::contains_key(&who),
			Error::<T>::AlreadyProvider
		);
		ensure!(
			!OperatorOf::<T>::contains_key(&who),
			Error::<T>::AlreadyOperator
		);
		ensure!(bond >= T::MinBond::get(), Error::<T>::BondBelowMinimum);
		Self::ensure_profile_valid(&profile)?;
		T::Currency::hold(&HoldReason::Bond.into(), &who, bond)?;
		Self::hold_deposit(&who, &profile)?;
		Providers::<T>::insert(&who, Self::new_provider(bond, profile));
		Self::deposit_event(Event::ProviderRegistered {
			provider: who,
			bond,
		});
		Ok(())
	}

	pub(crate) fn do_bond_more(who: T::AccountId, amount: BalanceOf<T>) -> DispatchResult {
		let mut provider = Self::get_provider(&who)?;
		ensure!(!amount.is_zero(), Error::<T>::AmountZero);
		let active = provider.active.saturating_add(amount);
		ensure!(active >= T::MinBond::get(), Error::<T>::BondBelowMinimum);
		T::Currency::hold(&HoldReason::Bond.into(), &who, amount)?;
		provider.active = active;
		Providers::<T>::insert(&who, provider);
		Self::deposit_event(Event::BondIncreased {
			provider: who,
			amount,
			active,
		});
		Ok(())
	}

	pub(crate) fn do_unbond(who: T::AccountId, amount: BalanceOf<T>) -> DispatchResult {
		let mut provider = Self::get_provider(&who)?;
		ensure!(!amount.is_zero(), Error::<T>::AmountZero);
		let rest = provider
			.active
			.checked_sub(&amount)
			.ok_or(Error::<T>::BondTooSmall)?;
		ensure!(rest >= provider.committed, Error::<T>::BondCommitted);
		ensure!(
			rest.is_zero() || rest >= T::MinBond::get(),
			Error::<T>::BondBelowMinimum
		);
		let unlocks_at = Self::start_unbonding(&mut provider, amount)?;
		Providers::<T>::insert(&who, provider);
		Self::deposit_event(Event::UnbondingStarted {
			provider: who,
			amount,
			unlocks_at,
		});
		Ok(())
	}

	pub(crate) fn do_withdraw_unbonded(who: T::AccountId) -> DispatchResultWithPostInfo {
		let mut provider = Self::get_provider(&who)?;
		let now = frame_system::Pallet::<T>::block_number();
		let mut amount = BalanceOf::<T>::zero();
		provider.unbonding.retain(|chunk| {
			let locked = chunk.unlocks_at > now;
			if !locked {
				amount = amount.saturating_add(chunk.amount);
			}
			locked
		});
		ensure!(!amount.is_zero(), Error::<T>::NothingToWithdraw);
		T::Currency::release(&HoldReason::Bond.into(), &who, amount, Precision::Exact)?;
		let gone = Self::is_without_bond(&provider);
		let let_go = if gone {
			Self::remove_provider(&who, &provider)?
		} else {
			Providers::<T>::insert(&who, provider);
			0
		};
		Self::deposit_event(Event::BondWithdrawn {
			provider: who.clone(),
			amount,
		});
		if gone {
			Self::deposit_event(Event::ProviderDeregistered { provider: who });
		}
		Ok(Some(T::WeightInfo::withdraw_unbonded(let_go)).into())
	}

	pub(crate) fn do_set_operators(
		who: T::AccountId,
		operators: OperatorsOf<T>,
	) -> DispatchResultWithPostInfo {
		let mut provider = Self::get_provider(&who)?;
		let named: BTreeSet<_> = operators.iter().collect();
		ensure!(
			named.len() == operators.len(),
			Error::<T>::DuplicateOperator
		);
		ensure!(
			!operators.iter().any(Providers::<T>::contains_key),
			Error::<T>::OperatorIsProvider
		);
		let dropped = provider
			.operators
			.iter()
			.filter(|operator| !named.contains(operator));
		let let_go = Self::unlink_operators(&who, dropped);
		let weight = T::WeightInfo::set_operators(operators.len() as u32, let_go);
		provider.operators = operators.clone();
		Providers::<T>::insert(&who, provider);
		Self::deposit_event(Event::OperatorsSet {
			provider: who,
			operators,
		});
		Ok(Some(weight).into())
	}

	pub(crate) fn do_update(who: T::AccountId, profile: Profile) -> DispatchResult {
		let mut provider = Self::get_provider(&who)?;
		Self::ensure_profile_valid(&profile)?;
		Self::hold_deposit(&who, &profile)?;
		provider.profile = profile.clone();
		Providers::<T>::insert(&who, provider);
		Self::deposit_event(Event::ProviderUpdated {
			provider: who,
			profile,
		});
		Ok(())
	}

	pub(crate) fn do_deregister(who: T::AccountId) -> DispatchResultWithPostInfo {
		let mut provider = Self::get_provider(&who)?;
		ensure!(provider.committed.is_zero(), Error::<T>::BondCommitted);
		if Self::is_without_bond(&provider) {
			let let_go = Self::remove_provider(&who, &provider)?;
			Self::deposit_event(Event::ProviderDeregistered { provider: who });
			return Ok(Some(T::WeightInfo::withdraw_unbonded(let_go)).into());
		}
		let amount = provider.active;
		ensure!(!amount.is_zero(), Error::<T>::AlreadyLeaving);
		let unlocks_at = Self::start_unbonding(&mut provider, amount)?;
		let let_go = Self::unlink_operators(&who, provider.operators.iter());
		provider.operators = Default::default();
		Providers::<T>::insert(&who, provider);
		Self::deposit_event(Event::UnbondingStarted {
			provider: who,
			amount,
			unlocks_at,
		});
		Ok(Some(T::WeightInfo::deregister(let_go)).into())
	}

	pub(crate) fn do_join(who: T::AccountId, cold: T::AccountId) -> DispatchResult {
		ensure!(
			!Providers::<T>::contains_key(&who),
			Error::<T>::OperatorIsProvider
		);
		ensure!(
			!OperatorOf::<T>::contains_key(&who),
			Error::<T>::AlreadyOperator
		);
		let provider = Self::get_provider(&cold)?;
		ensure!(
			provider.operators.contains(&who),
			Error::<T>::OperatorNotNamed
		);
		OperatorOf::<T>::insert(&who, &cold);
		Self::deposit_event(Event::OperatorJoined {
			provider: cold,
			operator: who,
		});
		Ok(())
	}

	pub(crate) fn do_leave(who: T::AccountId) -> DispatchResult {
		let cold = OperatorOf::<T>::take(&who).ok_or(Error::<T>::NotOperator)?;
		let mut provider = Self::get_provider(&cold)?;
		provider.operators.retain(|operator| operator != &who);
		Providers::<T>::insert(&cold, provider);
		Self::deposit_event(Event::OperatorLeft {
			provider: cold,
			operator: who,
		});
		Ok(())
	}

	/// A provider as it is right after registering.
	pub(crate) fn new_provider(bond: BalanceOf<T>, profile: Profile) -> ProviderOf<T> {
		Provider {
			active: bond,
			committed: Zero::zero(),
			unbonding: Default::default(),
			operators: Default::default(),
			profile,
			record: TrackRecord::default(),
			registered_at: frame_system::Pallet::<T>::block_number(),
		}
	}

	fn get_provider(who: &T::AccountId) -> Result<ProviderOf<T>, DispatchError> {
		Ok(Providers::<T>::get(who).ok_or(Error::<T>::NotProvider)?)
	}

	fn ensure_profile_valid(profile: &Profile) -> DispatchResult {
		ensure!(
			core::str::from_utf8(&profile.endpoint).is_ok(),
			Error::<T>::EndpointNotUtf8
		);
		let programs: BTreeSet<_> = profile.programs.iter().collect();
		ensure!(
			programs.len() == profile.programs.len(),
			Error::<T>::DuplicateProgram
		);
		Ok(())
	}

	/// Moves `amount`, at most what is active, to the unbonding chunks. The block at which it unlocks.
	fn start_unbonding(
		provider: &mut ProviderOf<T>,
		amount: BalanceOf<T>,
	) -> Result<BlockNumberFor<T>, DispatchError> {
		let now = frame_system::Pallet::<T>::block_number();
		let unlocks_at = now.saturating_add(T::UnbondingPeriod::get());
		provider.active = provider.active.saturating_sub(amount);
		// What is unbonded in one block unlocks in one block, and needs one chunk.
		match provider
			.unbonding
			.last_mut()
			.filter(|chunk| chunk.unlocks_at == unlocks_at)
		{
			Some(chunk) => chunk.amount = chunk.amount.saturating_add(amount),
			None => provider
				.unbonding
				.try_push(UnbondingChunk { amount, unlocks_at })
				.map_err(|_| Error::<T>::TooManyUnbondingChunks)?,
		}
		Ok(unlocks_at)
	}

	fn is_without_bond(provider: &ProviderOf<T>) -> bool {
		provider.active.is_zero() && provider.committed.is_zero() && provider.unbonding.is_empty()
	}

	/// Holds the deposit for a profile, and no more.
	pub(crate) fn hold_deposit(who: &T::AccountId, profile: &Profile) -> DispatchResult {
		T::Currency::set_on_hold(&HoldReason::Deposit.into(), who, Self::deposit_for(profile))
	}

	/// Ends a registration. How many operators were looked up.
	fn remove_provider(who: &T::AccountId, provider: &ProviderOf<T>) -> Result<u32, DispatchError> {
		let let_go = Self::unlink_operators(who, provider.operators.iter());
		T::Currency::release_all(&HoldReason::Deposit.into(), who, Precision::Exact)?;
		Providers::<T>::remove(who);
		Ok(let_go)
	}

	/// Ends the acting of those among `operators` that joined `who`: a name may be that of a key which
	/// has joined another provider, or none. How many there are.
	fn unlink_operators<'a>(
		who: &T::AccountId,
		operators: impl Iterator<Item = &'a T::AccountId>,
	) -> u32 {
		let mut count = 0u32;
		for operator in operators {
			count = count.saturating_add(1);
			if OperatorOf::<T>::get(operator).as_ref() == Some(who) {
				OperatorOf::<T>::remove(operator);
			}
		}
		count
	}

	/// Takes up to `amount` off the books of a provider: of what is active, then of what is unbonding,
	/// newest first. What was taken.
	fn take_bond(provider: &mut ProviderOf<T>, amount: BalanceOf<T>) -> BalanceOf<T> {
		let from_active = amount.min(provider.active);
		provider.active = provider.active.saturating_sub(from_active);
		let mut rest = amount.saturating_sub(from_active);
		for chunk in provider.unbonding.iter_mut().rev() {
			let part = rest.min(chunk.amount);
			chunk.amount = chunk.amount.saturating_sub(part);
			rest = rest.saturating_sub(part);
		}
		provider.unbonding.retain(|chunk| !chunk.amount.is_zero());
		amount.saturating_sub(rest)
	}

	/// Pays `amount` of the bond of `who` to `beneficiary`, or burns it if that account cannot have it.
	/// What was paid, and what was burned.
	fn pay_from_bond(
		who: &T::AccountId,
		amount: BalanceOf<T>,
		beneficiary: &T::AccountId,
	) -> Result<(BalanceOf<T>, BalanceOf<T>), DispatchError> {
		let reason = HoldReason::Bond.into();
		let receivable = T::Currency::can_deposit(beneficiary, amount, Provenance::Extant);
		if receivable != DepositConsequence::Success {
			let (credit, _) = T::Currency::slash(&reason, who, amount);
			return Ok((Zero::zero(), credit.peek()));
		}
		// One who misses a claim of its own order pays itself: that is no transfer.
		let paid = if who == beneficiary {
			T::Currency::release(&reason, who, amount, Precision::BestEffort)?
		} else {
			T::Currency::transfer_on_hold(
				&reason,
				who,
				beneficiary,
				amount,
				Precision::BestEffort,
				Restriction::Free,
				Fortitude::Force,
			)?
		};
		Ok((paid, Zero::zero()))
	}
}

impl<T: Config> traits::Providers<T::AccountId, BalanceOf<T>> for Pallet<T> {
	fn provider_of(who: &T::AccountId) -> Option<T::AccountId> {
		if Providers::<T>::contains_key(who) {
			return Some(who.clone());
		}
		OperatorOf::<T>::get(who)
	}

	fn commit(provider: &T::AccountId, amount: BalanceOf<T>) -> DispatchResult {
		let mut entry = Self::get_provider(provider)?;
		let committed = entry.committed.saturating_add(amount);
		ensure!(committed <= entry.active, Error::<T>::BondCommitted);
		entry.committed = committed;
		Providers::<T>::insert(provider, entry);
		Ok(())
	}

	fn release(provider: &T::AccountId, amount: BalanceOf<T>) -> DispatchResult {
		let mut entry = Self::get_provider(provider)?;
		entry.committed = entry
			.committed
			.checked_sub(&amount)
			.ok_or(Error::<T>::CommitmentTooSmall)?;
		Providers::<T>::insert(provider, entry);
		Ok(())
	}

	fn slash(
		provider: &T::AccountId,
		amount: BalanceOf<T>,
		beneficiary: &T::AccountId,
	) -> Result<BalanceOf<T>, DispatchError> {
		// Called from hooks, which are not transactional by themselves.
		with_storage_layer(|| {
			let mut entry = Self::get_provider(provider)?;
			let taken = Self::take_bond(&mut entry, amount);
			entry.committed = entry.committed.saturating_sub(amount).min(entry.active);
			let (paid, burned) = Self::pay_from_bond(provider, taken, beneficiary)?;
			entry.record.missed = entry.record.missed.saturating_add(1);
			entry.record.slashed = entry.record.slashed.saturating_add(taken);
			Providers::<T>::insert(provider, entry);
			Self::deposit_event(Event::BondSlashed {
				provider: provider.clone(),
				beneficiary: beneficiary.clone(),
				amount: paid,
				burned,
			});
			Ok(paid)
		})
	}

	fn record(provider: &T::AccountId, settlement: Settlement<BalanceOf<T>>) {
		let Some(mut entry) = Providers::<T>::get(provider) else {
			return;
		};
		let paid = match settlement {
			Settlement::Own(paid) => paid,
			Settlement::Rescue(paid) => {
				entry.record.rescued = entry.record.rescued.saturating_add(1);
				paid
			}
		};
		entry.record.settled = entry.record.settled.saturating_add(1);
		entry.record.earned = entry.record.earned.saturating_add(paid);
		Providers::<T>::insert(provider, entry);
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn register_for_benchmark(
		who: &T::AccountId,
		operator: &T::AccountId,
		bond: BalanceOf<T>,
	) -> DispatchResult {
		let largest = crate::benchmarking::largest::<T>(operator, bond);
		T::Currency::hold(&HoldReason::Bond.into(), who, bond)?;
		Self::hold_deposit(who, &largest.profile)?;
		Providers::<T>::insert(who, largest);
		OperatorOf::<T>::insert(operator, who);
		Ok(())
	}
}
