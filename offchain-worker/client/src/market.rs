//! What can be read of the market, by the runtime API of `pallets/runtime-api`, and of accounts.

use codec::Decode;
use sp_core::H256;

use crate::{
	calls::JOB_ORDERS,
	chain::{decode, At, Client},
	error::Error,
	runtime::{storage_map_key, storage_value_key},
	AccountId, Balance, Order, OrderChange, OrderCost, OrderId, Program, ProgramId, Provider,
	Receipt,
};

/// An account's money and nonce.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Decode)]
pub struct Account {
	/// Number of transactions that it has made.
	pub nonce: u32,
	consumers: u32,
	providers: u32,
	sufficients: u32,
	/// What it can use, less what is frozen.
	pub free: Balance,
	/// What is held of it: escrow, deposits, bond.
	pub held: Balance,
	/// What of the free and held balance together cannot be spent.
	pub frozen: Balance,
	flags: u128,
}

impl Client {
	/// A live order.
	pub async fn order(&self, id: OrderId, at: At) -> Result<Option<Order>, Error> {
		self.call("LemmaApi_order", &id, at).await
	}

	/// Live orders from number `start` on, of one program if given, at most `limit`; and where the
	/// next page starts, if there is one.
	pub async fn orders(
		&self,
		program: Option<ProgramId>,
		start: OrderId,
		limit: u32,
		at: At,
	) -> Result<(Vec<(OrderId, Order)>, Option<OrderId>), Error> {
		self.call("LemmaApi_orders", &(program, start, limit), at)
			.await
	}

	/// The number that the next order will have.
	pub async fn next_order(&self, at: At) -> Result<OrderId, Error> {
		let key = storage_value_key(JOB_ORDERS, "NextOrderId");
		match self.storage(&key, at).await? {
			Some(bytes) => decode("JobOrders.NextOrderId", &bytes),
			None => Ok(0),
		}
	}

	/// The price that a claim would fix in the next block, while the order is open.
	pub async fn current_price(&self, id: OrderId, at: At) -> Result<Option<Balance>, Error> {
		self.call("LemmaApi_current_price", &id, at).await
	}

	/// What posting an order with such lengths, in bytes, and such a price holds.
	pub async fn order_cost(
		&self,
		input_len: u32,
		output_len: u32,
		max_price: Balance,
		at: At,
	) -> Result<OrderCost, Error> {
		self.call(
			"LemmaApi_order_cost",
			&(input_len, output_len, max_price),
			at,
		)
		.await
	}

	/// The receipt of a settled order.
	pub async fn receipt(&self, id: OrderId, at: At) -> Result<Option<Receipt>, Error> {
		self.call("LemmaApi_receipt", &id, at).await
	}

	/// A provider, by its cold account.
	pub async fn provider(&self, account: &AccountId, at: At) -> Result<Option<Provider>, Error> {
		self.call("LemmaApi_provider", account, at).await
	}

	/// The provider for which an account may act: itself, or the one that named it operator.
	pub async fn provider_of(
		&self,
		account: &AccountId,
		at: At,
	) -> Result<Option<AccountId>, Error> {
		self.call("LemmaApi_provider_of", account, at).await
	}

	/// A registered program.
	pub async fn program(&self, id: ProgramId, at: At) -> Result<Option<Program>, Error> {
		self.call("LemmaApi_program", &id, at).await
	}

	/// All registered programs.
	pub async fn programs(&self, at: At) -> Result<Vec<(ProgramId, Program)>, Error> {
		// All pages of one block, or entries could be missed between them.
		let at = At::Block(self.resolve(at).await?);
		let mut programs: Vec<(ProgramId, Program)> = Vec::new();
		loop {
			let start = programs.last().map(|(id, _)| *id);
			let page: Vec<(ProgramId, Program)> = self
				.call(
					"LemmaApi_programs",
					&(start, lemma_runtime_api::MAX_PAGE),
					at,
				)
				.await?;
			let last = page.len() < lemma_runtime_api::MAX_PAGE as usize;
			programs.extend(page);
			if last {
				return Ok(programs);
			}
		}
	}

	/// What happened to orders in one block.
	pub async fn order_changes(&self, block: H256) -> Result<Vec<OrderChange>, Error> {
		self.call("LemmaApi_order_changes", &(), At::Block(block))
			.await
	}

	/// Has the chain's runtime verify a proof, for free, exactly as settling would; the text of a
	/// refusal says which check failed.
	pub async fn verify(
		&self,
		program: ProgramId,
		commitment: H256,
		binding: H256,
		output: &[u8],
		proof: &[u8],
		at: At,
	) -> Result<Result<(), String>, Error> {
		let verdict: Result<(), Vec<u8>> = self
			.call(
				"LemmaApi_verify",
				&(program, commitment, binding, output, proof),
				at,
			)
			.await?;
		Ok(verdict.map_err(|text| String::from_utf8_lossy(&text).into_owned()))
	}

	/// An account's money and nonce.
	pub async fn account(&self, account: &AccountId, at: At) -> Result<Account, Error> {
		let key = storage_map_key("System", "Account", account);
		match self.storage(&key, at).await? {
			Some(bytes) => decode("System.Account", &bytes),
			None => Ok(Account::default()),
		}
	}

	/// The account's nonce in a block's state: that of its next transaction if nothing is pending.
	pub async fn nonce(&self, account: &AccountId, at: At) -> Result<u64, Error> {
		let nonce: u32 = self
			.call("AccountNonceApi_account_nonce", account, at)
			.await?;
		Ok(nonce.into())
	}

	/// The nonce of the account's next transaction, behind those that wait in the node's pool.
	pub async fn next_nonce(&self, account: &AccountId) -> Result<u64, Error> {
		let legacy = self.legacy();
		let account = subxt::utils::AccountId32(*account.as_ref());
		self.read("system_accountNextIndex", || {
			legacy.system_account_next_index(&account)
		})
		.await
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use codec::Encode;

	#[test]
	fn accounts_should_decode_as_the_runtime_encodes_them() {
		let bytes = (3u32, 1u32, 1u32, 0u32, 5u128, 7u128, 2u128, 1u128 << 127).encode();
		let account: Account = decode("account", &bytes).expect("the layout of frame-system");
		assert_eq!(
			(account.nonce, account.free, account.held, account.frozen),
			(3, 5, 7, 2)
		);
	}
}
