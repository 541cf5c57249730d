//! The invariants, checked.

use frame_support::{
	ensure,
	traits::{fungible::InspectHold, Get},
};
use sp_runtime::{
	traits::{Saturating, Zero},
	TryRuntimeError,
};

use crate::{BalanceOf, Config, HoldReason, OperatorOf, Pallet, ProviderOf, Providers};

impl<T: Config> Pallet<T> {
	/// Checks every invariant that the pallet's documentation names.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		for (who, provider) in Providers::<T>::iter() {
			Self::bonds_are_held(&who, &provider)?;
			Self::deposits_are_held(&who, &provider)?;
			Self::commitments_are_covered(&provider)?;
			Self::bonds_are_not_dust(&provider)?;
			Self::unbonding_is_in_order(&provider)?;
		}
		Self::nothing_else_is_held()?;
		for (operator, who) in OperatorOf::<T>::iter() {
			Self::operators_are_named(&operator, &who)?;
			Self::operators_are_no_providers(&operator)?;
		}
		Ok(())
	}

	fn bonds_are_held(who: &T::AccountId, provider: &ProviderOf<T>) -> Result<(), TryRuntimeError> {
		let bond = provider
			.unbonding
			.iter()
			.fold(provider.active, |sum: BalanceOf<T>, chunk| {
				sum.saturating_add(chunk.amount)
			});
		ensure!(
			bond == T::Currency::balance_on_hold(&HoldReason::Bond.into(), who),
			"bonds_are_held: a provider's active and unbonding bond is not what is held of it"
		);
		Ok(())
	}

	fn deposits_are_held(
		who: &T::AccountId,
		provider: &ProviderOf<T>,
	) -> Result<(), TryRuntimeError> {
		ensure!(
			Self::deposit_for(&provider.profile)
				== T::Currency::balance_on_hold(&HoldReason::Deposit.into(), who),
			"deposits_are_held: a provider's deposit is not what is held of it"
		);
		Ok(())
	}

	fn nothing_else_is_held() -> Result<(), TryRuntimeError> {
		for who in frame_system::Account::<T>::iter_keys() {
			if Providers::<T>::contains_key(&who) {
				continue;
			}
			ensure!(
				T::Currency::balance_on_hold(&HoldReason::Bond.into(), &who).is_zero(),
				"bonds_are_held: a bond is held of an account that is no provider"
			);
			ensure!(
				T::Currency::balance_on_hold(&HoldReason::Deposit.into(), &who).is_zero(),
				"deposits_are_held: a deposit is held of an account that is no provider"
			);
		}
		Ok(())
	}

	fn commitments_are_covered(provider: &ProviderOf<T>) -> Result<(), TryRuntimeError> {
		ensure!(
			provider.committed <= provider.active,
			"commitments_are_covered: a provider has committed more than its active bond"
		);
		Ok(())
	}

	fn bonds_are_not_dust(provider: &ProviderOf<T>) -> Result<(), TryRuntimeError> {
		ensure!(
			provider.active.is_zero()
				|| provider.active >= T::MinBond::get()
				|| !provider.record.slashed.is_zero(),
			"bonds_are_not_dust: an active bond that was never slashed is below the minimum"
		);
		Ok(())
	}

	fn unbonding_is_in_order(provider: &ProviderOf<T>) -> Result<(), TryRuntimeError> {
		let now = frame_system::Pallet::<T>::block_number();
		let mut earliest = Zero::zero();
		let latest = now.saturating_add(T::UnbondingPeriod::get());
		for chunk in &provider.unbonding {
			ensure!(
				!chunk.amount.is_zero(),
				"unbonding_is_in_order: a chunk is empty"
			);
			ensure!(
				chunk.unlocks_at > earliest && chunk.unlocks_at <= latest,
				"unbonding_is_in_order: a chunk unlocks out of order or too late"
			);
			earliest = chunk.unlocks_at;
		}
		Ok(())
	}

	fn operators_are_named(
		operator: &T::AccountId,
		who: &T::AccountId,
	) -> Result<(), TryRuntimeError> {
		let named = Providers::<T>::get(who).map_or(0, |provider| {
			provider
				.operators
				.iter()
				.filter(|named| *named == operator)
				.count()
		});
		ensure!(
			named == 1,
			"operators_are_named: an operator's provider does not name it exactly once"
		);
		Ok(())
	}

	fn operators_are_no_providers(operator: &T::AccountId) -> Result<(), TryRuntimeError> {
		ensure!(
			!Providers::<T>::contains_key(operator),
			"operators_are_no_providers: an operator is registered as a provider"
		);
		Ok(())
	}
}
