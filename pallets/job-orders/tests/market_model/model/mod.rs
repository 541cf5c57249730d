//! The market as `docs/protocol` describes it, and no more: numbers in maps. Nothing here knows of pallets,
//! storage or holds.
//!
//! It keeps what accounts have free and derives what is held of them, and what providers have committed,
//! from the orders, bonds and deposits there are. So it states what the pallets' own books must add up to,
//! rather than keeping them a second time.
//!
//! A call is judged first, without changing anything: [`Market::refusals`] gives every reason against it,
//! by the names of the pallets' errors. With none it must succeed, and [`Market::perform`] does it. With
//! some it must fail, for one of them: which is found first is not the model's concern.

mod money;
mod orders;
mod programs;
mod providers;

use std::{
	collections::{BTreeMap, BTreeSet},
	fmt,
};

pub use orders::{Input, Order, OrderId, Receipt, Status, Terms};
pub use programs::{
	Commitment, Entry, Fault, Output, Program, Proof, Rule, Sample, Statement, NOT_CANONICAL,
	SAMPLE_ORDER,
};
pub use providers::{Profile, Provider};

use crate::parameters::{Balance, Block};

/// Reasons against a call.
pub type Refusals = BTreeSet<&'static str>;

/// What a call of an origin that may not make it is answered.
const BAD_ORIGIN: &str = "Bad origin";

/// An account, by its number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account(pub u8);

impl fmt::Debug for Account {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let names = [
			"Alice", "Bob", "Carol", "Dave", "Eve", "Frank", "Grace", "Heidi", "Niaj",
		];
		match names.get(usize::from(self.0)) {
			Some(name) => f.write_str(name),
			None => write!(f, "account {}", self.0),
		}
	}
}

/// Who makes a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
	Signed(Account),
	Root,
	Nobody,
}

/// Every call that there is in the market, and the ways in which money moves beside it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Call {
	PostOrder(Terms),
	CancelOrder(OrderId),
	/// With the order that is meant by the number.
	ClaimOrder(OrderId, Option<Order>),
	SubmitResult(OrderId, Output, Proof),
	RemoveReceipt(OrderId),

	RegisterProvider(Balance, Profile),
	BondMore(Balance),
	Unbond(Balance),
	WithdrawUnbonded,
	SetOperators(Vec<Account>),
	UpdateProvider(Profile),
	Deregister,
	JoinProvider(Account),
	LeaveProvider,

	RegisterProgram(Program, Rule, Sample),
	RetireProgram(Program),
	RemoveProgram(Program),

	Transfer(Account, Balance, KeepAlive),
	TransferAll(Account, KeepAlive),
	Burn(Balance, KeepAlive),
}

/// Whether the sender of a transfer must survive it.
pub type KeepAlive = bool;

/// Why money is held.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
	Escrow,
	Deposit,
	SettlementFee,
	Bounty,
	Bond,
	ProviderDeposit,
	ProgramDeposit,
}

/// The whole market at one moment.
#[derive(Clone, Debug, Default)]
pub struct Market {
	pub now: Block,
	/// What accounts can spend; no entry is zero.
	pub free: BTreeMap<Account, Balance>,
	/// All the money there is, free or held.
	pub issued: Balance,
	pub next_order: OrderId,
	pub orders: BTreeMap<OrderId, Order>,
	pub receipts: BTreeMap<OrderId, Receipt>,
	pub providers: BTreeMap<Account, Provider>,
	/// The provider for which each operator that joined acts.
	pub acts_for: BTreeMap<Account, Account>,
	pub programs: BTreeMap<Program, Entry>,
}

impl Market {
	/// A market at its first block, with money and programs that nobody owns.
	pub fn new(
		money: impl IntoIterator<Item = (Account, Balance)>,
		programs: impl IntoIterator<Item = (Program, Rule)>,
	) -> Self {
		let free: BTreeMap<_, _> = money.into_iter().collect();
		let genesis = |(program, rule)| {
			let entry = Entry {
				owner: None,
				rule,
				retired_at: None,
			};
			(program, entry)
		};
		Self {
			now: 1,
			issued: free.values().sum(),
			free,
			programs: programs.into_iter().map(genesis).collect(),
			..Self::default()
		}
	}

	/// Everything that speaks against a call. None, and it succeeds.
	pub fn refusals(&self, origin: Origin, call: &Call) -> Refusals {
		let who = match (origin, call) {
			(Origin::Signed(who), _) => who,
			(Origin::Root, Call::RetireProgram(program)) => {
				return self.against_retiring(None, *program)
			}
			(Origin::Root, Call::RemoveProgram(program)) => {
				return self.against_removing_program(None, *program)
			}
			_ => return Refusals::from([BAD_ORIGIN]),
		};
		match call {
			Call::PostOrder(terms) => self.against_posting(who, terms),
			Call::CancelOrder(id) => self.against_cancelling(who, *id),
			Call::ClaimOrder(id, meant) => self.against_claiming(who, *id, meant.as_ref()),
			Call::SubmitResult(id, output, proof) => {
				self.against_submitting(who, *id, *output, *proof)
			}
			Call::RemoveReceipt(id) => self.against_removing_receipt(who, *id),
			Call::RegisterProvider(bond, profile) => self.against_registering(who, *bond, *profile),
			Call::BondMore(amount) => self.against_bonding(who, *amount),
			Call::Unbond(amount) => self.against_unbonding(who, *amount),
			Call::WithdrawUnbonded => self.against_withdrawing(who),
			Call::SetOperators(operators) => self.against_operators(who, operators),
			Call::UpdateProvider(profile) => self.against_updating(who, *profile),
			Call::Deregister => self.against_deregistering(who),
			Call::JoinProvider(provider) => self.against_joining(who, *provider),
			Call::LeaveProvider => self.against_leaving(who),
			Call::RegisterProgram(program, rule, sample) => {
				self.against_registering_program(who, *program, *rule, *sample)
			}
			Call::RetireProgram(program) => self.against_retiring(Some(who), *program),
			Call::RemoveProgram(program) => self.against_removing_program(Some(who), *program),
			Call::Transfer(to, amount, keep_alive) => {
				self.against_transfer(who, *to, *amount, *keep_alive)
			}
			Call::TransferAll(to, keep_alive) => {
				let amount = self.spendable(who, *keep_alive);
				self.against_transfer(who, *to, amount, *keep_alive)
			}
			Call::Burn(amount, keep_alive) => self.against_burning(who, *amount, *keep_alive),
		}
	}

	/// Does a call against which nothing speaks.
	pub fn perform(&mut self, origin: Origin, call: &Call) {
		let who = match (origin, call) {
			(Origin::Signed(who), _) => who,
			(_, Call::RetireProgram(program)) => return self.retire_program(*program),
			(_, Call::RemoveProgram(program)) => return self.remove_program(*program),
			_ => unreachable!("other calls are refused"),
		};
		match call {
			Call::PostOrder(terms) => self.post_order(who, terms.clone()),
			Call::CancelOrder(id) => self.cancel_order(*id),
			Call::ClaimOrder(id, _) => self.claim_order(who, *id),
			Call::SubmitResult(id, output, _) => self.submit_result(who, *id, *output),
			Call::RemoveReceipt(id) => self.remove_receipt(*id),
			Call::RegisterProvider(bond, profile) => self.register_provider(who, *bond, *profile),
			Call::BondMore(amount) => self.bond_more(who, *amount),
			Call::Unbond(amount) => self.unbond(who, *amount),
			Call::WithdrawUnbonded => self.withdraw_unbonded(who),
			Call::SetOperators(operators) => self.set_operators(who, operators),
			Call::UpdateProvider(profile) => self.update_provider(who, *profile),
			Call::Deregister => self.deregister(who),
			Call::JoinProvider(provider) => self.join_provider(who, *provider),
			Call::LeaveProvider => self.leave_provider(who),
			Call::RegisterProgram(program, rule, _) => self.register_program(who, *program, *rule),
			Call::RetireProgram(program) => self.retire_program(*program),
			Call::RemoveProgram(program) => self.remove_program(*program),
			Call::Transfer(to, amount, _) => self.transfer(who, *to, *amount),
			Call::TransferAll(to, keep_alive) => {
				let amount = self.spendable(who, *keep_alive);
				self.transfer(who, *to, amount);
			}
			Call::Burn(amount, _) => self.burn(who, *amount),
		}
	}
}

/// The names of those conditions that are met.
fn refusals<const N: usize>(reasons: [(bool, &'static str); N]) -> Refusals {
	let met = reasons.into_iter().filter(|(met, _)| *met);
	met.map(|(_, name)| name).collect()
}
