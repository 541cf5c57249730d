//! Orders: what `docs/protocol/orders.md` says.

use std::collections::BTreeSet;

use super::{
	money::CANNOT_CREATE, refusals, Account, Commitment, Market, Output, Program, Proof, Reason,
	Refusals, Statement,
};
use crate::parameters::{
	Balance, Block, COLLATERAL_PERCENT, DEPOSIT_BASE, DEPOSIT_PER_BYTE, MAX_CLAIM_WINDOW,
	MAX_EXPIRIES_PER_BLOCK, MAX_INPUT_BYTES, MAX_LIFETIME, MAX_OUTPUT_BYTES, MIN_CLAIM_WINDOW,
	MIN_COLLATERAL, MIN_PRICE, SETTLEMENT_FEE_BASE,
};

pub type OrderId = u64;

/// Bytes of an order besides its inline input or locator, at most: two accounts (64), program and
/// commitment (64), three numbers of the input (3), seven of 4 bytes, six of 16, and the status besides
/// its account (33): the requester, the terms with `posted_at` and `deadline`, collateral, deposit and fee,
/// then a miss with its price and bounty.
const ORDER_BYTES: Balance = 268;
/// Bytes of a receipt: two accounts, program, commitment, root; three numbers of 4 bytes and two of 16.
const RECEIPT_BYTES: Balance = 204;

/// Where a job's input is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input {
	/// So many bytes, on chain.
	Inline(u32),
	/// So many bytes, in a store, under a locator of so many.
	Stored {
		size: u64,
		locator: u32,
		is_text: bool,
	},
}

/// What a requester asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
	pub program: Program,
	pub commitment: Commitment,
	pub input: Input,
	pub output_len: u32,
	pub min_price: Balance,
	pub max_price: Balance,
	pub ramp: Block,
	pub claim_window: Block,
	pub lifetime: Block,
}

impl Terms {
	/// What a claimer commits.
	pub fn collateral(&self) -> Balance {
		let share = (self.max_price * COLLATERAL_PERCENT).div_ceil(100);
		share.max(MIN_COLLATERAL)
	}

	/// What is held for the order's storage.
	pub fn deposit(&self) -> Balance {
		let input = match self.input {
			Input::Inline(len) => len,
			Input::Stored { locator, .. } => locator,
		};
		DEPOSIT_BASE + DEPOSIT_PER_BYTE * (ORDER_BYTES + Balance::from(input))
	}

	/// What is held for the block space of the settlement.
	pub fn settlement_fee(&self) -> Balance {
		SETTLEMENT_FEE_BASE + Balance::from(self.output_len)
	}
}

/// Where a live order stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
	Open,
	Claimed {
		provider: Account,
		price: Balance,
		claimed_at: Block,
	},
	Rescue {
		missed: Account,
		price: Balance,
	},
}

/// A live order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
	pub requester: Account,
	pub terms: Terms,
	pub posted_at: Block,
	pub status: Status,
}

impl Order {
	/// First block at which the order has expired.
	pub fn deadline(&self) -> Block {
		self.posted_at + self.terms.lifetime
	}

	/// First block at which its status ends by itself.
	pub fn status_ends_at(&self) -> Block {
		match self.status {
			Status::Claimed { claimed_at, .. } => claimed_at + self.terms.claim_window,
			Status::Open | Status::Rescue { .. } => self.deadline(),
		}
	}

	/// What it is by its deadlines at a block, whether or not anybody has seen to them; none if expired.
	pub fn standing_at(&self, now: Block) -> Option<Status> {
		if self.deadline() <= now {
			return None;
		}
		Some(match self.status {
			Status::Claimed {
				provider, price, ..
			} if self.status_ends_at() <= now => Status::Rescue {
				missed: provider,
				price,
			},
			status => status,
		})
	}

	/// The price of a claim, or of a proof without one, at a block.
	pub fn price_at(&self, now: Block) -> Balance {
		let Terms {
			min_price,
			max_price,
			ramp,
			..
		} = self.terms;
		let elapsed = now - self.posted_at;
		if elapsed < ramp {
			min_price + (max_price - min_price) * Balance::from(elapsed) / Balance::from(ramp)
		} else {
			max_price
		}
	}

	/// What a rescuer gets besides the price.
	pub fn bounty(&self) -> Balance {
		match self.status {
			Status::Rescue { .. } => self.terms.collateral() / 2,
			Status::Open | Status::Claimed { .. } => 0,
		}
	}

	/// What is held of the requester for it.
	pub fn held(&self) -> [(Reason, Balance); 4] {
		let escrow = match self.status {
			Status::Open => self.terms.max_price,
			Status::Claimed { price, .. } | Status::Rescue { price, .. } => price,
		};
		[
			(Reason::Escrow, escrow),
			(Reason::Deposit, self.terms.deposit()),
			(Reason::SettlementFee, self.terms.settlement_fee()),
			(Reason::Bounty, self.bounty()),
		]
	}

	fn held_in_all(&self) -> Balance {
		self.held().iter().map(|(_, amount)| amount).sum()
	}

	/// Whether it is what a claimer means by `other`: what happens to an order is not.
	fn is_meant_by(&self, other: &Self) -> bool {
		self.requester == other.requester
			&& self.terms == other.terms
			&& self.posted_at == other.posted_at
	}

	/// What its provider has committed to it, if it is claimed.
	pub fn commitment_of(&self, who: Account) -> Balance {
		match self.status {
			Status::Claimed { provider, .. } if provider == who => self.terms.collateral(),
			_ => 0,
		}
	}
}

/// What remains of a settled order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
	pub requester: Account,
	pub payee: Account,
	pub program: Program,
	pub commitment: Commitment,
	pub output: Output,
	pub paid: Balance,
	pub settled_at: Block,
}

impl Receipt {
	/// Held of the requester until it removes the receipt.
	pub fn deposit(&self) -> Balance {
		DEPOSIT_BASE + DEPOSIT_PER_BYTE * RECEIPT_BYTES
	}
}

impl Market {
	pub(super) fn against_posting(&self, who: Account, terms: &Terms) -> Refusals {
		let program = self.programs.get(&terms.program);
		let (input_empty, input_too_large, locator_not_text) = match terms.input {
			Input::Inline(len) => (len == 0, false, false),
			Input::Stored { size, is_text, .. } => (size == 0, size > MAX_INPUT_BYTES, !is_text),
		};
		let cost = terms
			.max_price
			.saturating_add(terms.deposit())
			.saturating_add(terms.settlement_fee());
		let length_allowed = program.is_some_and(|entry| entry.rule.allows(terms.output_len));
		refusals([
			(program.is_none(), "ProgramUnknown"),
			(
				program.is_some_and(|entry| entry.retired_at.is_some()),
				"ProgramRetired",
			),
			(terms.output_len > MAX_OUTPUT_BYTES, "OutputTooLarge"),
			(
				program.is_some() && !length_allowed,
				"OutputLengthNotAllowed",
			),
			(!terms.commitment.is_canonical(), "CommitmentNotCanonical"),
			(input_empty, "InputEmpty"),
			(input_too_large, "InputTooLarge"),
			(locator_not_text, "LocatorNotText"),
			(terms.min_price > terms.max_price, "PricesInverted"),
			(terms.max_price < MIN_PRICE, "PriceTooLow"),
			(terms.claim_window < MIN_CLAIM_WINDOW, "ClaimWindowTooShort"),
			(terms.claim_window > MAX_CLAIM_WINDOW, "ClaimWindowTooLong"),
			(terms.lifetime > MAX_LIFETIME, "LifetimeTooLong"),
			(terms.lifetime < terms.claim_window, "LifetimeTooShort"),
			(terms.ramp > terms.lifetime, "RampTooLong"),
			(cost > self.holdable(who), "InsufficientFunds"),
		])
	}

	pub(super) fn post_order(&mut self, who: Account, terms: Terms) {
		let order = Order {
			requester: who,
			terms,
			posted_at: self.now,
			status: Status::Open,
		};
		self.take(who, order.held_in_all());
		self.orders.insert(self.next_order, order);
		self.next_order += 1;
	}

	/// Changes an order's status; what is then no longer held for it is its requester's.
	fn set_status(&mut self, id: OrderId, status: Status) {
		let order = self.orders.get_mut(&id).expect("the order is live");
		let before = order.held_in_all();
		order.status = status;
		let (after, requester) = (order.held_in_all(), order.requester);
		self.give(requester, before);
		self.take(requester, after);
	}

	/// Takes an order off the book; what was held for it is its requester's.
	fn close(&mut self, id: OrderId) -> Order {
		let order = self.orders.remove(&id).expect("the order is live");
		self.give(order.requester, order.held_in_all());
		order
	}

	/// Does what an order's deadlines demand. Whether it is still live.
	fn catch_up(&mut self, id: OrderId) -> bool {
		let order = &self.orders[&id];
		if let Status::Claimed {
			provider, price, ..
		} = order.status
		{
			if order.status_ends_at() <= self.now {
				let (collateral, requester) = (order.terms.collateral(), order.requester);
				self.slash(provider, collateral);
				self.give(requester, collateral);
				self.set_status(
					id,
					Status::Rescue {
						missed: provider,
						price,
					},
				);
			}
		}
		let live = self.orders[&id].standing_at(self.now).is_some();
		if !live {
			self.close(id);
		}
		live
	}

	pub(super) fn against_cancelling(&self, who: Account, id: OrderId) -> Refusals {
		let Some(order) = self.orders.get(&id) else {
			return Refusals::from(["OrderNotFound"]);
		};
		let open = matches!(order.standing_at(self.now), None | Some(Status::Open));
		refusals([
			(order.requester != who, "NotRequester"),
			(!open, "OrderNotOpen"),
		])
	}

	pub(super) fn cancel_order(&mut self, id: OrderId) {
		if self.catch_up(id) {
			self.close(id);
		}
	}

	pub(super) fn against_claiming(
		&self,
		who: Account,
		id: OrderId,
		meant: Option<&Order>,
	) -> Refusals {
		let Some(order) = self.orders.get(&id) else {
			return Refusals::from(["OrderNotFound"]);
		};
		let provider = self.provider_of(who);
		let standing = order.standing_at(self.now);
		let uncommitted = provider.map_or(0, |provider| self.uncommitted(provider));
		refusals([
			(provider.is_none(), "NotProvider"),
			(
				!meant.is_some_and(|meant| order.is_meant_by(meant)),
				"TermsDiffer",
			),
			(standing.is_none(), "OrderDeadlinePassed"),
			(
				standing.is_some_and(|status| status != Status::Open),
				"OrderNotOpen",
			),
			(
				self.now + order.terms.claim_window > order.deadline(),
				"ClaimTooLate",
			),
			(order.terms.collateral() > uncommitted, "BondCommitted"),
		])
	}

	pub(super) fn claim_order(&mut self, who: Account, id: OrderId) {
		let provider = self.provider_of(who).expect("it was judged");
		let status = Status::Claimed {
			provider,
			price: self.orders[&id].price_at(self.now),
			claimed_at: self.now,
		};
		self.set_status(id, status);
	}

	/// Who is paid for a proof that `who` submits.
	pub fn payee(&self, who: Account) -> Account {
		self.provider_of(who).unwrap_or(who)
	}

	pub(super) fn against_submitting(
		&self,
		who: Account,
		id: OrderId,
		output: Output,
		proof: Proof,
	) -> Refusals {
		let Some(order) = self.orders.get(&id) else {
			return Refusals::from(["OrderNotFound"]);
		};
		let Some(standing) = order.standing_at(self.now) else {
			return Refusals::from(["OrderDeadlinePassed"]);
		};
		let payee = self.payee(who);
		let (price, bounty, others) = match standing {
			Status::Open => (order.price_at(self.now), 0, false),
			Status::Claimed {
				provider, price, ..
			} => (price, 0, self.provider_of(who) != Some(provider)),
			Status::Rescue { price, .. } => (price, order.terms.collateral() / 2, false),
		};
		// The bounty follows the price: if there is one, it has made the account.
		let first = if price > 0 { price } else { bounty };
		let statement = Statement {
			program: order.terms.program,
			commitment: order.terms.commitment,
			order: id,
			payee,
			output,
		};
		let mut against = refusals([
			(others, "NotClaimer"),
			(output.len != order.terms.output_len, "OutputLengthWrong"),
			(self.would_be_dust(payee, first), CANNOT_CREATE),
		]);
		against.extend(proof.against(statement));
		against
	}

	pub(super) fn submit_result(&mut self, who: Account, id: OrderId, output: Output) {
		assert!(self.catch_up(id), "it was judged");
		let order = self.close(id);
		let price = match order.status {
			Status::Open => order.price_at(self.now),
			Status::Claimed { price, .. } | Status::Rescue { price, .. } => price,
		};
		let payee = self.payee(who);
		let paid = price + order.bounty();
		let receipt = Receipt {
			requester: order.requester,
			payee,
			program: order.terms.program,
			commitment: order.terms.commitment,
			output,
			paid,
			settled_at: self.now,
		};
		let fee = order.terms.settlement_fee();
		self.take(order.requester, paid + fee + receipt.deposit());
		self.give(payee, paid);
		self.issued -= fee;
		let rescued = matches!(order.status, Status::Rescue { .. });
		self.record_settlement(payee, paid, rescued);
		self.receipts.insert(id, receipt);
	}

	pub(super) fn against_removing_receipt(&self, who: Account, id: OrderId) -> Refusals {
		let Some(receipt) = self.receipts.get(&id) else {
			return Refusals::from(["ReceiptNotFound"]);
		};
		refusals([(receipt.requester != who, "NotRequester")])
	}

	pub(super) fn remove_receipt(&mut self, id: OrderId) {
		let receipt = self.receipts.remove(&id).expect("it was judged");
		self.give(receipt.requester, receipt.deposit());
	}

	/// Starts the next block: the deadlines that have come are done, the earliest first, as many as a block
	/// does. Of orders with one deadline, if not all can be done, the chain chooses: `was_done` says
	/// whether it has done what was due for an order.
	pub fn next_block(&mut self, was_done: impl Fn(OrderId, &Order) -> bool) -> Result<(), String> {
		self.now += 1;
		let mut due: Vec<(Block, OrderId)> = self
			.orders
			.iter()
			.map(|(id, order)| (order.status_ends_at(), *id))
			.filter(|(at, _)| *at <= self.now)
			.collect();
		due.sort_unstable();
		let last = due.get(MAX_EXPIRIES_PER_BLOCK.min(due.len()).wrapping_sub(1));
		let Some(&(last, _)) = last else {
			return Ok(());
		};
		let certain = due.iter().filter(|(at, _)| *at < last).map(|(_, id)| *id);
		let mut done: BTreeSet<OrderId> = certain.collect();
		let tied = due.iter().filter(|(at, _)| *at == last).map(|(_, id)| *id);
		let tied: BTreeSet<OrderId> = tied.collect();
		if done.len() + tied.len() <= MAX_EXPIRIES_PER_BLOCK {
			done.extend(tied);
		} else {
			let chosen = tied.iter().filter(|id| was_done(**id, &self.orders[id]));
			done.extend(chosen);
			if done.len() != MAX_EXPIRIES_PER_BLOCK {
				return Err(format!(
					"{MAX_EXPIRIES_PER_BLOCK} orders should have been seen to, not {done:?}"
				));
			}
		}
		for id in done {
			self.catch_up(id);
		}
		Ok(())
	}
}
