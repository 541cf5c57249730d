//! The requester's money: holding, releasing, paying. Nothing here touches an order.

use frame_support::{
	ensure,
	traits::{
		fungible::{BalancedHold, Inspect, MutateHold},
		tokens::{Fortitude, Precision, Preservation, Restriction},
		Imbalance, OnUnbalanced,
	},
};
use sp_runtime::{
	traits::{Saturating, Zero},
	DispatchError, DispatchResult,
};

use crate::{BalanceOf, Config, Error, HoldReason, OrderOf, Pallet};
use lemma_primitives::order::OrderStatus;

/// What is held of a requester for one order, by reason.
pub(crate) struct Held<Balance> {
	pub escrow: Balance,
	pub deposit: Balance,
	pub settlement_fee: Balance,
	pub bounty: Balance,
}

/// What is held of its requester for an order, in its status.
pub(crate) fn held<T: Config>(order: &OrderOf<T>) -> Held<BalanceOf<T>> {
	let (escrow, bounty) = match &order.status {
		OrderStatus::Open => (order.spec.max_price, Zero::zero()),
		OrderStatus::Claimed { price, .. } => (*price, Zero::zero()),
		OrderStatus::Rescue { price, bounty, .. } => (*price, *bounty),
	};
	Held {
		escrow,
		deposit: order.deposit,
		settlement_fee: order.settlement_fee,
		bounty,
	}
}

impl<T: Config> Pallet<T> {
	/// Holds all that a new order can cost, or nothing.
	pub(crate) fn fund(order: &OrderOf<T>) -> DispatchResult {
		let Held {
			escrow,
			deposit,
			settlement_fee,
			..
		} = held::<T>(order);
		let who = &order.requester;
		let total = escrow
			.saturating_add(deposit)
			.saturating_add(settlement_fee);
		let spendable =
			T::Currency::reducible_balance(who, Preservation::Protect, Fortitude::Polite);
		ensure!(total <= spendable, Error::<T>::InsufficientFunds);
		Self::hold(HoldReason::Escrow, who, escrow)?;
		Self::hold(HoldReason::Deposit, who, deposit)?;
		Self::hold(HoldReason::SettlementFee, who, settlement_fee)
	}

	/// Gives back all that is held for an order.
	pub(crate) fn release_all(order: &OrderOf<T>) -> DispatchResult {
		let Held {
			escrow,
			deposit,
			settlement_fee,
			bounty,
		} = held::<T>(order);
		Self::release(HoldReason::Escrow, &order.requester, escrow)?;
		Self::release(HoldReason::Bounty, &order.requester, bounty)?;
		Self::release(HoldReason::SettlementFee, &order.requester, settlement_fee)?;
		Self::release(HoldReason::Deposit, &order.requester, deposit)
	}

	pub(crate) fn hold(
		reason: HoldReason,
		who: &T::AccountId,
		amount: BalanceOf<T>,
	) -> DispatchResult {
		if amount.is_zero() {
			return Ok(());
		}
		T::Currency::hold(&reason.into(), who, amount)
	}

	pub(crate) fn release(
		reason: HoldReason,
		who: &T::AccountId,
		amount: BalanceOf<T>,
	) -> DispatchResult {
		if amount.is_zero() {
			return Ok(());
		}
		T::Currency::release(&reason.into(), who, amount, Precision::Exact).map(drop)
	}

	/// Pays `amount` of what is held of `from` to the free balance of `to`, which may be the same account.
	pub(crate) fn pay(
		reason: HoldReason,
		from: &T::AccountId,
		to: &T::AccountId,
		amount: BalanceOf<T>,
	) -> DispatchResult {
		if amount.is_zero() {
			return Ok(());
		}
		// By force: the money was promised at posting, and freezes laid on the account since then do not
		// come before that.
		T::Currency::transfer_on_hold(
			&reason.into(),
			from,
			to,
			amount,
			Precision::Exact,
			Restriction::Free,
			Fortitude::Force,
		)
		.map(drop)
	}

	/// Takes `amount` of what is held of `who` for the settlement's block space to where fees go.
	pub(crate) fn charge_settlement(who: &T::AccountId, amount: BalanceOf<T>) -> DispatchResult {
		if amount.is_zero() {
			return Ok(());
		}
		let reason = HoldReason::SettlementFee.into();
		let (credit, missing) = T::Currency::slash(&reason, who, amount);
		ensure!(missing.is_zero(), DispatchError::Corruption);
		debug_assert!(credit.peek() == amount);
		T::FeeDestination::on_unbalanced(credit);
		Ok(())
	}

	/// What this pallet has on hold of `who` for `reason`.
	#[cfg(any(feature = "std", feature = "try-runtime"))]
	pub(crate) fn on_hold(reason: HoldReason, who: &T::AccountId) -> BalanceOf<T> {
		use frame_support::traits::fungible::InspectHold;
		T::Currency::balance_on_hold(&reason.into(), who)
	}
}
