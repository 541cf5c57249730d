//! Providers: what `docs/protocol/providers.md` says.

use std::collections::BTreeSet;

use super::{money::FUNDS_UNAVAILABLE, refusals, Account, Market, Refusals};
use crate::parameters::{
	Balance, Block, MAX_UNBONDING_CHUNKS, MIN_BOND, PROVIDER_DEPOSIT_BASE,
	PROVIDER_DEPOSIT_PER_BYTE, UNBONDING_PERIOD,
};

/// Bytes of a registration besides its profile, at most: four amounts (64), three counts (24), a block (4);
/// 16 chunks of 20 and 8 operators of 32, each list with its length (321, 257); and for each operator two
/// accounts, by which it acts (512).
const REGISTRATION_BYTES: Balance = 1_182;

/// What a provider says of itself, as far as it can be wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Profile {
	/// Length of the endpoint.
	pub endpoint: u32,
	/// How many programs.
	pub programs: u32,
	pub endpoint_is_not_text: bool,
	pub program_twice: bool,
}

impl Profile {
	/// What is held for the storage of a registration with it.
	pub fn deposit(self) -> Balance {
		let length_of = |length: u32| Balance::from(if length < 64 { 1 } else { 2_u32 });
		let endpoint = length_of(self.endpoint) + Balance::from(self.endpoint);
		let programs = length_of(self.programs) + 32 * Balance::from(self.programs);
		let bytes = REGISTRATION_BYTES + endpoint + 1 + programs;
		PROVIDER_DEPOSIT_BASE + PROVIDER_DEPOSIT_PER_BYTE * bytes
	}
}

/// Part of a bond on its way out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Chunk {
	pub amount: Balance,
	pub unlocks_at: Block,
}

/// How a provider has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Record {
	pub settled: u64,
	pub rescued: u64,
	pub missed: u64,
	pub earned: Balance,
	pub slashed: Balance,
}

/// A registered provider.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Provider {
	pub active: Balance,
	pub unbonding: Vec<Chunk>,
	pub operators: Vec<Account>,
	pub profile: Profile,
	pub record: Record,
	pub registered_at: Block,
}

impl Provider {
	/// All of its bond, active or on its way out.
	pub fn bond(&self) -> Balance {
		let leaving: Balance = self.unbonding.iter().map(|chunk| chunk.amount).sum();
		self.active + leaving
	}

	/// Whether one more withdrawal, begun now, would be one too many. Those of one block are one.
	fn is_full(&self, now: Block) -> bool {
		let joins_last = self
			.unbonding
			.last()
			.is_some_and(|chunk| chunk.unlocks_at == now + UNBONDING_PERIOD);
		self.unbonding.len() == MAX_UNBONDING_CHUNKS && !joins_last
	}

	fn start_unbonding(&mut self, amount: Balance, now: Block) {
		self.active -= amount;
		let unlocks_at = now + UNBONDING_PERIOD;
		match self.unbonding.last_mut() {
			Some(chunk) if chunk.unlocks_at == unlocks_at => chunk.amount += amount,
			_ => self.unbonding.push(Chunk { amount, unlocks_at }),
		}
	}

	fn withdrawable(&self, now: Block) -> Balance {
		let unlocked = self
			.unbonding
			.iter()
			.filter(|chunk| chunk.unlocks_at <= now);
		unlocked.map(|chunk| chunk.amount).sum()
	}
}

/// What all calls of a provider are answered if the caller is none.
const NOT_PROVIDER: &str = "NotProvider";

impl Market {
	/// The provider for which an account acts: itself, or the one that it joined.
	pub fn provider_of(&self, who: Account) -> Option<Account> {
		if self.providers.contains_key(&who) {
			return Some(who);
		}
		self.acts_for.get(&who).copied()
	}

	/// What live claims have of a provider's active bond.
	pub fn committed(&self, who: Account) -> Balance {
		let orders = self.orders.values();
		orders.map(|order| order.commitment_of(who)).sum()
	}

	/// What another claim could have of it.
	pub fn uncommitted(&self, who: Account) -> Balance {
		let active = self.providers.get(&who).map_or(0, |entry| entry.active);
		active - self.committed(who)
	}

	fn provider_mut(&mut self, who: Account) -> &mut Provider {
		self.providers.get_mut(&who).expect("it is a provider")
	}

	/// Takes a missed claim's collateral, which is covered by what is active.
	pub(super) fn slash(&mut self, who: Account, amount: Balance) {
		let provider = self.provider_mut(who);
		provider.active -= amount;
		provider.record.missed += 1;
		provider.record.slashed += amount;
	}

	pub(super) fn record_settlement(&mut self, payee: Account, paid: Balance, rescued: bool) {
		if let Some(provider) = self.providers.get_mut(&payee) {
			provider.record.settled += 1;
			provider.record.rescued += u64::from(rescued);
			provider.record.earned += paid;
		}
	}

	fn against_profile(profile: Profile) -> Refusals {
		refusals([
			(profile.endpoint_is_not_text, "EndpointNotUtf8"),
			(profile.program_twice, "DuplicateProgram"),
		])
	}

	pub(super) fn against_registering(
		&self,
		who: Account,
		bond: Balance,
		profile: Profile,
	) -> Refusals {
		let mut against = Self::against_profile(profile);
		against.extend(refusals([
			(self.providers.contains_key(&who), "AlreadyProvider"),
			(self.acts_for.contains_key(&who), "AlreadyOperator"),
			(bond < MIN_BOND, "BondBelowMinimum"),
			(
				bond.saturating_add(profile.deposit()) > self.holdable(who),
				FUNDS_UNAVAILABLE,
			),
		]));
		against
	}

	pub(super) fn register_provider(&mut self, who: Account, bond: Balance, profile: Profile) {
		self.take(who, bond + profile.deposit());
		self.providers.insert(
			who,
			Provider {
				active: bond,
				unbonding: Vec::new(),
				operators: Vec::new(),
				profile,
				record: Record::default(),
				registered_at: self.now,
			},
		);
	}

	pub(super) fn against_bonding(&self, who: Account, amount: Balance) -> Refusals {
		let Some(provider) = self.providers.get(&who) else {
			return Refusals::from([NOT_PROVIDER]);
		};
		refusals([
			(amount == 0, "AmountZero"),
			(
				provider.active.saturating_add(amount) < MIN_BOND,
				"BondBelowMinimum",
			),
			(amount > self.holdable(who), FUNDS_UNAVAILABLE),
		])
	}

	pub(super) fn bond_more(&mut self, who: Account, amount: Balance) {
		self.take(who, amount);
		self.provider_mut(who).active += amount;
	}

	pub(super) fn against_unbonding(&self, who: Account, amount: Balance) -> Refusals {
		let Some(provider) = self.providers.get(&who) else {
			return Refusals::from([NOT_PROVIDER]);
		};
		let rest = provider.active.saturating_sub(amount);
		refusals([
			(amount == 0, "AmountZero"),
			(amount > provider.active, "BondTooSmall"),
			(rest < self.committed(who), "BondCommitted"),
			(rest != 0 && rest < MIN_BOND, "BondBelowMinimum"),
			(provider.is_full(self.now), "TooManyUnbondingChunks"),
		])
	}

	pub(super) fn unbond(&mut self, who: Account, amount: Balance) {
		let now = self.now;
		self.provider_mut(who).start_unbonding(amount, now);
	}

	pub(super) fn against_withdrawing(&self, who: Account) -> Refusals {
		let Some(provider) = self.providers.get(&who) else {
			return Refusals::from([NOT_PROVIDER]);
		};
		refusals([(provider.withdrawable(self.now) == 0, "NothingToWithdraw")])
	}

	pub(super) fn withdraw_unbonded(&mut self, who: Account) {
		let now = self.now;
		let provider = self.provider_mut(who);
		let amount = provider.withdrawable(now);
		provider.unbonding.retain(|chunk| chunk.unlocks_at > now);
		let gone = provider.bond() == 0;
		self.give(who, amount);
		if gone {
			self.forget_provider(who);
		}
	}

	/// Ends a registration, and the acting of all operators with it; its deposit is the account's again.
	fn forget_provider(&mut self, who: Account) {
		let provider = self.providers.remove(&who).expect("it is a provider");
		self.give(who, provider.profile.deposit());
		self.acts_for.retain(|_, provider| *provider != who);
	}

	pub(super) fn against_operators(&self, who: Account, operators: &[Account]) -> Refusals {
		if !self.providers.contains_key(&who) {
			return Refusals::from([NOT_PROVIDER]);
		}
		let distinct: BTreeSet<_> = operators.iter().collect();
		let is_provider = |operator| self.providers.contains_key(operator);
		refusals([
			(distinct.len() < operators.len(), "DuplicateOperator"),
			(operators.iter().any(is_provider), "OperatorIsProvider"),
		])
	}

	pub(super) fn set_operators(&mut self, who: Account, operators: &[Account]) {
		self.provider_mut(who).operators = operators.to_vec();
		self.acts_for
			.retain(|operator, provider| *provider != who || operators.contains(operator));
	}

	pub(super) fn against_updating(&self, who: Account, profile: Profile) -> Refusals {
		let Some(provider) = self.providers.get(&who) else {
			return Refusals::from([NOT_PROVIDER]);
		};
		let (before, after) = (provider.profile.deposit(), profile.deposit());
		let mut against = Self::against_profile(profile);
		against.extend(refusals([(
			after.saturating_sub(before) > self.holdable(who),
			FUNDS_UNAVAILABLE,
		)]));
		against
	}

	pub(super) fn update_provider(&mut self, who: Account, profile: Profile) {
		let before = std::mem::replace(&mut self.provider_mut(who).profile, profile);
		self.give(who, before.deposit());
		self.take(who, profile.deposit());
	}

	pub(super) fn against_deregistering(&self, who: Account) -> Refusals {
		let Some(provider) = self.providers.get(&who) else {
			return Refusals::from([NOT_PROVIDER]);
		};
		let leaving = provider.active == 0 && !provider.unbonding.is_empty();
		refusals([
			(self.committed(who) > 0, "BondCommitted"),
			(leaving, "AlreadyLeaving"),
			(
				provider.active > 0 && provider.is_full(self.now),
				"TooManyUnbondingChunks",
			),
		])
	}

	pub(super) fn deregister(&mut self, who: Account) {
		if self.providers[&who].bond() == 0 {
			return self.forget_provider(who);
		}
		let now = self.now;
		let provider = self.provider_mut(who);
		provider.start_unbonding(provider.active, now);
		self.set_operators(who, &[]);
	}

	pub(super) fn against_joining(&self, who: Account, cold: Account) -> Refusals {
		let provider = self.providers.get(&cold);
		let named = provider.is_some_and(|provider| provider.operators.contains(&who));
		refusals([
			(self.providers.contains_key(&who), "OperatorIsProvider"),
			(self.acts_for.contains_key(&who), "AlreadyOperator"),
			(provider.is_none(), NOT_PROVIDER),
			(provider.is_some() && !named, "OperatorNotNamed"),
		])
	}

	pub(super) fn join_provider(&mut self, who: Account, cold: Account) {
		self.acts_for.insert(who, cold);
	}

	pub(super) fn against_leaving(&self, who: Account) -> Refusals {
		refusals([(!self.acts_for.contains_key(&who), "NotOperator")])
	}

	pub(super) fn leave_provider(&mut self, who: Account) {
		let cold = self.acts_for.remove(&who).expect("it was judged");
		let operators = &mut self.provider_mut(cold).operators;
		operators.retain(|operator| *operator != who);
	}
}
