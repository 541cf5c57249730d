//! Free money: spending, moving and burning it; and what is held, by reason.

use std::collections::BTreeMap;

use super::{refusals, Account, KeepAlive, Market, Reason, Refusals};
use crate::parameters::{Balance, EXISTENTIAL_DEPOSIT, PROGRAM_DEPOSIT};

/// What the chain says if a hold, or a burn, asks for more than there is.
pub const FUNDS_UNAVAILABLE: &str = "Funds are unavailable";
/// What it says if held money would go to an account that cannot exist with it.
pub const CANNOT_CREATE: &str = "Account cannot be created";

impl Market {
	/// What is free of an account; none if it does not exist.
	pub fn free(&self, who: Account) -> Balance {
		self.free.get(&who).copied().unwrap_or_default()
	}

	/// All that is held, by account and reason; nothing is zero.
	pub fn held(&self) -> BTreeMap<(Account, Reason), Balance> {
		let mut held = BTreeMap::new();
		let mut hold = |who, reason, amount| {
			if amount > 0 {
				*held.entry((who, reason)).or_default() += amount;
			}
		};
		for order in self.orders.values() {
			for (reason, amount) in order.held() {
				hold(order.requester, reason, amount);
			}
		}
		for receipt in self.receipts.values() {
			hold(receipt.requester, Reason::Deposit, receipt.deposit());
		}
		for (who, provider) in &self.providers {
			hold(*who, Reason::Bond, provider.bond());
			hold(*who, Reason::ProviderDeposit, provider.profile.deposit());
		}
		for owner in self.programs.values().filter_map(|entry| entry.owner) {
			hold(owner, Reason::ProgramDeposit, PROGRAM_DEPOSIT);
		}
		held
	}

	fn has_holds(&self, who: Account) -> bool {
		self.held().keys().any(|(holder, _)| *holder == who)
	}

	/// What an account can give away: what is free, less the existential deposit if it has to stay, or if
	/// anything is held of it.
	pub fn spendable(&self, who: Account, keep_alive: KeepAlive) -> Balance {
		let stays = keep_alive || self.has_holds(who);
		let untouchable = if stays { EXISTENTIAL_DEPOSIT } else { 0 };
		self.free(who).saturating_sub(untouchable)
	}

	/// What an account can have held of it.
	pub fn holdable(&self, who: Account) -> Balance {
		self.spendable(who, true)
	}

	/// Whether an account that gets this much cannot exist with it.
	pub fn would_be_dust(&self, who: Account, amount: Balance) -> bool {
		amount > 0 && self.free(who).saturating_add(amount) < EXISTENTIAL_DEPOSIT
	}

	/// Gives an account free money that was held, or another's.
	pub fn give(&mut self, who: Account, amount: Balance) {
		let free = self.free(who) + amount;
		self.set_free(who, free);
	}

	/// Takes free money of an account, which goes elsewhere.
	pub fn take(&mut self, who: Account, amount: Balance) {
		let free = self.free(who) - amount;
		self.set_free(who, free);
	}

	fn set_free(&mut self, who: Account, free: Balance) {
		if free == 0 {
			self.free.remove(&who);
		} else {
			self.free.insert(who, free);
		}
	}

	/// An account that is left with less than the existential deposit is no more, and the rest is burned.
	fn reap(&mut self, who: Account) {
		let rest = self.free(who);
		if rest < EXISTENTIAL_DEPOSIT && !self.has_holds(who) {
			self.free.remove(&who);
			self.issued -= rest;
		}
	}

	pub(super) fn against_transfer(
		&self,
		who: Account,
		to: Account,
		amount: Balance,
		keep_alive: KeepAlive,
	) -> Refusals {
		let free = self.free(who);
		let rest = free.saturating_sub(amount);
		refusals([
			(amount > self.issued, "An underflow would occur"),
			(
				self.free(to).checked_add(amount).is_none(),
				"An overflow would occur",
			),
			(amount > free, FUNDS_UNAVAILABLE),
			(
				amount > self.spendable(who, false),
				"Funds exist but are frozen",
			),
			(
				keep_alive && amount > 0 && rest < EXISTENTIAL_DEPOSIT,
				"Account that is desired to remain would die",
			),
			(
				self.would_be_dust(to, amount),
				"Account cannot exist with the funds that would be given",
			),
		])
	}

	pub(super) fn transfer(&mut self, who: Account, to: Account, amount: Balance) {
		if who != to {
			self.take(who, amount);
			self.give(to, amount);
			self.reap(who);
		}
	}

	pub(super) fn against_burning(
		&self,
		who: Account,
		amount: Balance,
		keep_alive: KeepAlive,
	) -> Refusals {
		refusals([(amount > self.spendable(who, keep_alive), FUNDS_UNAVAILABLE)])
	}

	pub(super) fn burn(&mut self, who: Account, amount: Balance) {
		self.take(who, amount);
		self.issued -= amount;
		self.reap(who);
	}
}
