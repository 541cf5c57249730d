//! What commands work with: the node, the key, the store, made when they are first needed.

use std::sync::{
	atomic::{AtomicUsize, Ordering},
	Mutex,
};

use lemma_client::{store, AccountId, Client, Keys, OrderId, Store, H256};

use crate::{
	args::Global,
	failure::{exit, Failure, Outcome},
	output::Output,
	posting::RECEIPT_REMOVED,
};

/// What goes on if the command is interrupted now.
#[derive(Debug, Clone, Copy)]
pub enum Waiting {
	/// A transaction that is sent: its hash, and the last block that can include it.
	Transaction(H256, Option<u32>),
	/// A transaction that posts an order.
	Posting,
	/// An order.
	Order(OrderId),
	/// So many orders.
	Orders(usize),
}

/// A command's surroundings.
#[derive(Debug)]
pub struct Context {
	/// What was given on the command line.
	pub global: Global,
	/// How to print.
	pub output: Output,
	/// What the command is waiting for.
	waiting_for: Mutex<Option<Waiting>>,
	/// How many orders it has sent because of `--new`: the same command would send them once more.
	anew: AtomicUsize,
}

impl Context {
	/// The surroundings of a command that has just begun.
	pub fn new(global: Global, output: Output) -> Self {
		Self {
			global,
			output,
			waiting_for: Mutex::default(),
			anew: AtomicUsize::new(0),
		}
	}

	/// Notes what the command is waiting for from now on.
	pub fn wait_for(&self, what: Waiting) {
		if let Ok(mut waiting_for) = self.waiting_for.lock() {
			*waiting_for = Some(what);
		}
	}

	/// Notes that what the command was waiting for has come.
	pub fn wait_no_more(&self) {
		if let Ok(mut waiting_for) = self.waiting_for.lock() {
			*waiting_for = None;
		}
	}

	/// What the command is waiting for.
	pub fn waiting_for(&self) -> Option<Waiting> {
		self.waiting_for.lock().ok().and_then(|what| *what)
	}

	/// Notes that an order is about to be sent that the same command would send once more: it was told `--new`.
	pub fn order_anew(&self) {
		self.anew.fetch_add(1, Ordering::SeqCst);
	}

	/// Notes that such an order is in no block and will come into none.
	pub fn not_ordered_anew(&self) {
		self.anew.fetch_sub(1, Ordering::SeqCst);
	}

	/// Whether the same command would order and pay again what this one has ordered.
	pub fn has_ordered_anew(&self) -> bool {
		self.anew.load(Ordering::SeqCst) > 0
	}

	/// The command that goes on with what this one has ordered, for people.
	pub fn again(&self) -> &'static str {
		match self.has_ordered_anew() {
			true => "the same command without --new",
			false => "the same command again",
		}
	}

	/// A failure after which the command may be repeated; if that would order and pay again what it has ordered, the failure
	/// says so, and does not have the exit status of those that a script repeats as they are.
	pub fn mind_new(&self, mut failure: Failure) -> Failure {
		// That it is ordered again only with --new is what a removed receipt says already.
		if !self.has_ordered_anew() || failure.code == RECEIPT_REMOVED {
			return failure;
		}
		if failure.exit == exit::NO_NODE {
			(failure.exit, failure.code) = (exit::FAILURE, "maybe_sent");
		}
		failure.message += ". To repeat the command, leave --new out: then it goes on with what it has ordered, and orders only \
			what is missing; with --new all is ordered and paid again";
		failure
	}

	/// Connects to the node and checks that its chain is the expected one.
	pub async fn client(&self) -> Outcome<Client> {
		let client = Client::connect(&self.global.node).await?;
		if let Some(genesis) = self.global.genesis {
			client.expect_genesis(genesis)?;
		}
		Ok(client)
	}

	/// The key that signs.
	pub fn keys(&self) -> Outcome<Keys> {
		let key = self
			.global
			.key
			.as_deref()
			.filter(|key| !key.is_empty())
			.ok_or_else(|| {
				Failure::usage(
				"a key is needed to sign: give --key or LEMMA_KEY a key file (`lemma keys new --out \
				 my.key` makes one); on a development chain //Alice has money",
			)
			})?;
		Ok(Keys::open(key)?)
	}

	/// The given account, or that of the key.
	pub fn account(&self, given: Option<AccountId>) -> Outcome<AccountId> {
		match given {
			Some(account) => Ok(account),
			None => Ok(self.keys()?.account()),
		}
	}

	/// The store of inputs.
	pub fn store(&self) -> Outcome<Store> {
		Ok(
			match self
				.global
				.store
				.as_deref()
				.filter(|store| !store.is_empty())
			{
				Some(location) => Store::open(location)?,
				None => Store::folder(&store::default_folder())?,
			},
		)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn context() -> Context {
		let global = Global {
			node: String::new(),
			key: None,
			store: None,
			genesis: None,
			json: false,
		};
		Context::new(global, Output { json: false })
	}

	#[test]
	fn a_failure_should_not_seem_safe_to_repeat_when_new_orders_were_sent() {
		let context = context();
		let lost = Failure::new(
			exit::NO_NODE,
			"disconnected",
			"the node does not answer: check that it runs, and try again",
		);
		let poor = Failure::new(exit::NO_FUNDS, "no_funds", "the account has 0 LEM");
		assert_eq!(context.mind_new(lost.clone()), lost);
		assert_eq!(context.again(), "the same command again");

		context.order_anew();
		context.not_ordered_anew();
		assert_eq!(context.mind_new(lost.clone()), lost, "nothing was ordered");

		context.order_anew();
		let minded = context.mind_new(lost);
		assert_eq!((minded.exit, minded.code), (exit::FAILURE, "maybe_sent"));
		assert!(minded.message.contains("leave --new out"), "{minded:?}");
		let minded = context.mind_new(poor);
		assert_eq!((minded.exit, minded.code), (exit::NO_FUNDS, "no_funds"));
		assert!(minded.message.contains("leave --new out"), "{minded:?}");
		assert_eq!(context.again(), "the same command without --new");
		let removed = crate::posting::receipt_removed(3);
		assert_eq!(context.mind_new(removed.clone()), removed);
	}
}
