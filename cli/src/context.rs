//! What commands work with: the node, the key, the store, made when they are first needed.

use std::sync::Mutex;

use lemma_client::{store, AccountId, Client, Keys, OrderId, Store, H256};

use crate::{
	args::Global,
	failure::{Failure, Outcome},
	output::Output,
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
}

impl Context {
	/// The surroundings of a command that has just begun.
	pub fn new(global: Global, output: Output) -> Self {
		Self {
			global,
			output,
			waiting_for: Mutex::default(),
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
