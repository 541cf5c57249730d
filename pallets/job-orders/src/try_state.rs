//! The invariants of the crate's documentation, each checked under its name.

use alloc::collections::{BTreeMap, BTreeSet};

use frame_support::ensure;
use frame_system::pallet_prelude::BlockNumberFor;
use lemma_primitives::order::OrderStatus;
use sp_runtime::{
	traits::{Saturating, Zero},
	TryRuntimeError,
};

use crate::{
	agenda::status_ends_at,
	escrow::{held, Held},
	Agenda, AgendaCursor, BalanceOf, Config, HoldReason, LiveOrders, NextOrderId, OrderOf, Orders,
	Pallet, Receipts, Retries,
};

impl<T: Config> Pallet<T> {
	/// Checks every invariant that the crate's documentation names.
	pub fn do_try_state(_now: BlockNumberFor<T>) -> Result<(), TryRuntimeError> {
		Self::check_numbers()?;
		Self::check_terms()?;
		Self::check_holds()?;
		Self::check_agenda()?;
		Self::check_index()
	}

	/// `numbers`
	fn check_numbers() -> Result<(), TryRuntimeError> {
		let next = NextOrderId::<T>::get();
		for id in Orders::<T>::iter_keys() {
			ensure!(
				id < next,
				"numbers: an order's number is not below the next"
			);
			ensure!(
				!Receipts::<T>::contains_key(id),
				"numbers: a live order has a receipt"
			);
		}
		for id in Receipts::<T>::iter_keys() {
			ensure!(
				id < next,
				"numbers: a receipt's number is not below the next"
			);
		}
		Ok(())
	}

	/// `terms`
	fn check_terms() -> Result<(), TryRuntimeError> {
		Orders::<T>::iter_values().try_for_each(|order| Self::check_terms_of(&order))
	}

	fn check_terms_of(order: &OrderOf<T>) -> Result<(), TryRuntimeError> {
		let spec = &order.spec;
		ensure!(
			spec.min_price <= spec.max_price,
			"terms: prices are inverted"
		);
		ensure!(
			order.deadline == order.posted_at.saturating_add(spec.lifetime),
			"terms: the deadline is not the end of the lifetime"
		);
		let price = match &order.status {
			OrderStatus::Open => return Ok(()),
			OrderStatus::Claimed {
				price,
				claimed_at,
				expires_at,
				..
			} => {
				ensure!(
					*expires_at == claimed_at.saturating_add(spec.claim_window),
					"terms: a claim does not last its window"
				);
				ensure!(
					*expires_at <= order.deadline,
					"terms: a claim outlasts its order"
				);
				*price
			}
			OrderStatus::Rescue { price, bounty, .. } => {
				ensure!(
					*bounty <= order.collateral,
					"terms: a bounty exceeds the collateral"
				);
				*price
			}
		};
		ensure!(
			spec.min_price <= price && price <= spec.max_price,
			"terms: a fixed price is out of its range"
		);
		Ok(())
	}

	/// `holds`
	fn check_holds() -> Result<(), TryRuntimeError> {
		let mut expected: BTreeMap<(T::AccountId, u8), BalanceOf<T>> = BTreeMap::new();
		let mut add = |who: &T::AccountId, reason: HoldReason, amount: BalanceOf<T>| {
			let sum = expected.entry((who.clone(), reason as u8)).or_default();
			*sum = sum.saturating_add(amount);
		};
		for order in Orders::<T>::iter_values() {
			let Held {
				escrow,
				deposit,
				settlement_fee,
				bounty,
			} = held::<T>(&order);
			add(&order.requester, HoldReason::Escrow, escrow);
			add(&order.requester, HoldReason::Deposit, deposit);
			add(&order.requester, HoldReason::SettlementFee, settlement_fee);
			add(&order.requester, HoldReason::Bounty, bounty);
		}
		for receipt in Receipts::<T>::iter_values() {
			add(&receipt.requester, HoldReason::Deposit, receipt.deposit);
		}
		let mut accounts: BTreeSet<T::AccountId> =
			frame_system::Account::<T>::iter_keys().collect();
		accounts.extend(expected.keys().map(|(who, _)| who.clone()));
		for who in accounts {
			for reason in [
				HoldReason::Escrow,
				HoldReason::Deposit,
				HoldReason::SettlementFee,
				HoldReason::Bounty,
			] {
				let key = (who.clone(), reason as u8);
				let sum = expected.get(&key).copied().unwrap_or_else(Zero::zero);
				if Self::on_hold(reason, &who) != sum {
					return Err(match reason {
						HoldReason::Escrow => "holds: escrow is not what the orders say",
						HoldReason::Deposit => "holds: deposits are not what the orders say",
						HoldReason::SettlementFee => "holds: fees are not what the orders say",
						HoldReason::Bounty => "holds: bounties are not what the orders say",
					}
					.into());
				}
			}
		}
		Ok(())
	}

	/// `agenda`
	fn check_agenda() -> Result<(), TryRuntimeError> {
		let mut entries = 0usize;
		for (at, id) in Agenda::<T>::iter_keys() {
			let order = Orders::<T>::get(id).ok_or("agenda: an entry's order is not live")?;
			let due = Retries::<T>::get(id).unwrap_or_else(|| status_ends_at::<T>(&order));
			ensure!(
				at == due,
				"agenda: an entry is not where its order's status ends"
			);
			let done = AgendaCursor::<T>::get().is_some_and(|cursor| at < cursor);
			ensure!(!done, "agenda: an entry stands before the cursor");
			entries = entries.saturating_add(1);
		}
		ensure!(
			entries == Orders::<T>::iter_keys().count(),
			"agenda: a live order has no entry"
		);
		for id in Retries::<T>::iter_keys() {
			ensure!(
				Orders::<T>::contains_key(id),
				"agenda: a retry's order is not live"
			);
		}
		Ok(())
	}

	/// `index`
	fn check_index() -> Result<(), TryRuntimeError> {
		let mut listed = 0usize;
		for key in LiveOrders::<T>::iter_keys() {
			let id = u64::from_be_bytes(key);
			ensure!(
				Orders::<T>::contains_key(id),
				"index: a listed order is not live"
			);
			listed = listed.saturating_add(1);
		}
		ensure!(
			listed == Orders::<T>::iter_keys().count(),
			"index: a live order is not listed"
		);
		Ok(())
	}
}
