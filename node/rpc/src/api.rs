//! Lemma's methods: declared, and answered from the runtime API.

use std::sync::Arc;

use jsonrpsee::{
	core::{async_trait, RpcResult, SubscriptionResult},
	proc_macros::rpc,
	PendingSubscriptionSink,
};
use lemma_primitives::{
	order::OrderStatus, AccountId, Balance, InputCommitment, OrderId, ProgramId, MAX_OUTPUT_BYTES,
	MAX_PROOF_BYTES,
};
use lemma_runtime::{opaque::Block, BlockNumber, Hash};
use lemma_runtime_api::{LemmaApi as _, MAX_PAGE};
use sc_client_api::Backend;
use sp_api::{ApiError, ApiRef};
use sp_core::Bytes;
use tokio::sync::Semaphore;

use crate::{
	errors::Error,
	follow::{self, Follower},
	genesis_validators, settlement,
	views::{
		BlockView, OrderCostView, OrderView, OrdersPage, ProgramView, ProgramsPage, ProviderView,
		ReceiptView, ResultView, StateProofView, VerdictView,
	},
	Chain,
};

/// Subscriptions that the node serves at once, over all connections: each costs it a little with every block.
const MAX_SUBSCRIPTIONS: usize = 1024;

type Order = lemma_primitives::order::Order<AccountId, Balance, BlockNumber>;

/// Lemma's methods. `at` is the hash of the block whose state answers; the best block if it is left out.
#[rpc(server)]
pub trait LemmaApi {
	/// A live order; null if there is none of that number.
	#[method(name = "lemma_order", blocking)]
	fn order(&self, id: OrderId, at: Option<Hash>) -> RpcResult<Option<OrderView>>;

	/// Live orders, whatever their status, of one program if given, from number `start` on.
	#[method(name = "lemma_orders", blocking)]
	fn orders(
		&self,
		program: Option<ProgramId>,
		start: Option<OrderId>,
		limit: Option<u32>,
		at: Option<Hash>,
	) -> RpcResult<OrdersPage>;

	/// The same, but only orders that anyone can still win: open ones and rescues.
	#[method(name = "lemma_openOrders", blocking)]
	fn open_orders(
		&self,
		program: Option<ProgramId>,
		start: Option<OrderId>,
		limit: Option<u32>,
		at: Option<Hash>,
	) -> RpcResult<OrdersPage>;

	/// What posting an order holds: `max_price` in the smallest unit, a decimal string.
	#[method(name = "lemma_orderCost", blocking)]
	fn order_cost(
		&self,
		input_len: u32,
		output_len: u32,
		max_price: AmountArgument,
		at: Option<Hash>,
	) -> RpcResult<OrderCostView>;

	/// The receipt of a settled order; null if there is none.
	#[method(name = "lemma_receipt", blocking)]
	fn receipt(&self, id: OrderId, at: Option<Hash>) -> RpcResult<Option<ReceiptView>>;

	/// A settled order's output and proof, read from the block that settled it.
	#[method(name = "lemma_result", blocking)]
	fn result(&self, id: OrderId) -> RpcResult<ResultView>;

	/// A provider, by its own account or an operator's; null if there is none.
	#[method(name = "lemma_provider", blocking)]
	fn provider(&self, account: AccountId, at: Option<Hash>) -> RpcResult<Option<ProviderView>>;

	/// A registered program; null if there is none.
	#[method(name = "lemma_program", blocking)]
	fn program(&self, id: ProgramId, at: Option<Hash>) -> RpcResult<Option<ProgramView>>;

	/// Registered programs, after `start` in storage order.
	#[method(name = "lemma_programs", blocking)]
	fn programs(
		&self,
		start: Option<ProgramId>,
		limit: Option<u32>,
		at: Option<Hash>,
	) -> RpcResult<ProgramsPage>;

	/// Verifies a proof as settling would, in the runtime, for free.
	#[method(name = "lemma_verify", blocking)]
	fn verify(
		&self,
		program: ProgramId,
		commitment: InputCommitment,
		binding: Hash,
		output: Bytes,
		proof: Bytes,
		at: Option<Hash>,
	) -> RpcResult<VerdictView>;

	/// Trie nodes that prove who the genesis validators are, from which proofs of finality start: what
	/// `state_getReadProof` answers of `Grandpa.Authorities` at genesis, also when that state is pruned.
	#[method(name = "lemma_genesisValidators", blocking)]
	fn genesis_validators(&self) -> RpcResult<StateProofView>;

	/// Every change of orders from now on, of one order if given: when it is in the best chain, when it
	/// is undone by a reorganization, when it is final.
	#[subscription(
		name = "lemma_subscribeOrders" => "lemma_ordersEvent",
		unsubscribe = "lemma_unsubscribeOrders",
		item = crate::views::OrdersEvent,
	)]
	async fn subscribe_orders(&self, order: Option<OrderId>) -> SubscriptionResult;
}

/// An amount as an argument: a decimal string, or a number if it is small.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(try_from = "serde_json::Value")]
pub struct AmountArgument(Balance);

impl TryFrom<serde_json::Value> for AmountArgument {
	type Error = String;

	fn try_from(value: serde_json::Value) -> Result<Self, String> {
		match &value {
			serde_json::Value::String(digits) => digits.parse().ok(),
			serde_json::Value::Number(number) => number.as_u64().map(Balance::from),
			_ => None,
		}
		.map(Self)
		.ok_or_else(|| {
			format!("{value} is no amount: write the number of smallest units as a string")
		})
	}
}

/// Answers the methods.
pub struct Lemma<C, B> {
	client: Arc<C>,
	backend: Arc<B>,
	follower: Arc<Follower<C, B>>,
	subscriptions: Arc<Semaphore>,
}

impl<C: Chain, B: Backend<Block> + 'static> Lemma<C, B> {
	/// Answers from this chain and database.
	pub fn new(client: Arc<C>, backend: Arc<B>) -> Self {
		Self {
			follower: Arc::new(Follower::new(client.clone(), backend.clone())),
			client,
			backend,
			subscriptions: Arc::new(Semaphore::new(MAX_SUBSCRIPTIONS)),
		}
	}

	/// The block whose state shall answer, if its state is here.
	fn block(&self, at: Option<Hash>) -> Result<BlockView, Error> {
		let hash = at.unwrap_or_else(|| self.client.info().best_hash);
		let number = self
			.client
			.number(hash)
			.map_err(|error| Error::Runtime(error.to_string()))?
			.ok_or_else(|| Error::UnknownBlock(format!("{hash:?}")))?;
		if !self.backend.have_state_at(hash, number) {
			return Err(Error::StatePruned(format!("{hash:?}")));
		}
		Ok(BlockView { hash, number })
	}

	/// Asks the runtime at a block.
	fn ask<T>(
		&self,
		at: Option<Hash>,
		question: impl FnOnce(ApiRef<'_, C::Api>, Hash) -> Result<T, ApiError>,
	) -> Result<T, Error> {
		let block = self.block(at)?;
		question(self.client.runtime_api(), block.hash).map_err(runtime)
	}

	fn page(
		&self,
		program: Option<ProgramId>,
		start: Option<OrderId>,
		limit: Option<u32>,
		at: Option<Hash>,
		wanted: impl Fn(&Order) -> bool,
	) -> Result<OrdersPage, Error> {
		let limit = page_limit(limit)?;
		let block = self.block(at)?;
		let api = self.client.runtime_api();
		let (found, next) = api
			.orders(block.hash, program, start.unwrap_or_default(), limit)
			.map_err(runtime)?;
		let orders = found
			.into_iter()
			.filter(|(_, order)| wanted(order))
			.map(|(id, order)| {
				let price = api.current_price(block.hash, id).map_err(runtime)?;
				Ok(OrderView::new(id, order, price))
			})
			.collect::<Result<_, Error>>()?;
		Ok(OrdersPage {
			block,
			orders,
			next,
		})
	}
}

#[async_trait]
impl<C: Chain, B: Backend<Block> + 'static> LemmaApiServer for Lemma<C, B> {
	fn order(&self, id: OrderId, at: Option<Hash>) -> RpcResult<Option<OrderView>> {
		Ok(self.ask(at, |api, at| {
			let Some(order) = api.order(at, id)? else {
				return Ok(None);
			};
			Ok(Some(OrderView::new(id, order, api.current_price(at, id)?)))
		})?)
	}

	fn orders(
		&self,
		program: Option<ProgramId>,
		start: Option<OrderId>,
		limit: Option<u32>,
		at: Option<Hash>,
	) -> RpcResult<OrdersPage> {
		Ok(self.page(program, start, limit, at, |_| true)?)
	}

	fn open_orders(
		&self,
		program: Option<ProgramId>,
		start: Option<OrderId>,
		limit: Option<u32>,
		at: Option<Hash>,
	) -> RpcResult<OrdersPage> {
		Ok(self.page(program, start, limit, at, |order| {
			matches!(order.status, OrderStatus::Open | OrderStatus::Rescue { .. })
		})?)
	}

	fn order_cost(
		&self,
		input_len: u32,
		output_len: u32,
		max_price: AmountArgument,
		at: Option<Hash>,
	) -> RpcResult<OrderCostView> {
		let cost = self.ask(at, |api, at| {
			api.order_cost(at, input_len, output_len, max_price.0)
		})?;
		Ok(cost.into())
	}

	fn receipt(&self, id: OrderId, at: Option<Hash>) -> RpcResult<Option<ReceiptView>> {
		let receipt = self.ask(at, |api, at| api.receipt(at, id))?;
		Ok(receipt.map(|receipt| ReceiptView::new(id, receipt)))
	}

	fn result(&self, id: OrderId) -> RpcResult<ResultView> {
		let receipt = self
			.ask(None, |api, at| api.receipt(at, id))?
			.ok_or(Error::NoReceipt(id))?;
		Ok(settlement::find(&*self.client, id, receipt)?)
	}

	fn provider(&self, account: AccountId, at: Option<Hash>) -> RpcResult<Option<ProviderView>> {
		Ok(self.ask(at, |api, at| {
			let Some(cold) = api.provider_of(at, account)? else {
				return Ok(None);
			};
			let provider = api.provider(at, cold.clone())?;
			Ok(provider.map(|provider| ProviderView::new(cold, provider)))
		})?)
	}

	fn program(&self, id: ProgramId, at: Option<Hash>) -> RpcResult<Option<ProgramView>> {
		let program = self.ask(at, |api, at| api.program(at, id))?;
		Ok(program.map(|program| ProgramView::new(id, program)))
	}

	fn programs(
		&self,
		start: Option<ProgramId>,
		limit: Option<u32>,
		at: Option<Hash>,
	) -> RpcResult<ProgramsPage> {
		let limit = page_limit(limit)?;
		let found = self.ask(at, |api, at| api.programs(at, start, limit))?;
		let full = u32::try_from(found.len()).is_ok_and(|len| len >= limit);
		let next = found.last().filter(|_| full).map(|(id, _)| *id);
		let programs = found
			.into_iter()
			.map(|(id, program)| ProgramView::new(id, program))
			.collect();
		Ok(ProgramsPage { programs, next })
	}

	fn verify(
		&self,
		program: ProgramId,
		commitment: InputCommitment,
		binding: Hash,
		output: Bytes,
		proof: Bytes,
		at: Option<Hash>,
	) -> RpcResult<VerdictView> {
		no_longer_than("output", &output, MAX_OUTPUT_BYTES)?;
		no_longer_than("proof", &proof, MAX_PROOF_BYTES)?;
		let verdict = self.ask(at, |api, at| {
			api.verify(at, program, commitment, binding, output.0, proof.0)
		})?;
		Ok(match verdict {
			Ok(()) => VerdictView {
				valid: true,
				error: None,
			},
			Err(text) => VerdictView {
				valid: false,
				error: Some(String::from_utf8_lossy(&text).into_owned()),
			},
		})
	}

	fn genesis_validators(&self) -> RpcResult<StateProofView> {
		Ok(genesis_validators::proof(&*self.client, &*self.backend)?)
	}

	async fn subscribe_orders(
		&self,
		pending: PendingSubscriptionSink,
		order: Option<OrderId>,
	) -> SubscriptionResult {
		let Ok(_permit) = self.subscriptions.clone().try_acquire_owned() else {
			pending.reject(Error::TooManySubscriptions).await;
			return Ok(());
		};
		let sink = pending.accept().await?;
		follow::run(self.follower.clone(), sink, order).await;
		Ok(())
	}
}

fn runtime(error: ApiError) -> Error {
	Error::Runtime(error.to_string())
}

fn page_limit(limit: Option<u32>) -> Result<u32, Error> {
	let asked = limit.unwrap_or(MAX_PAGE);
	if asked == 0 || asked > MAX_PAGE {
		return Err(Error::PageTooLong {
			asked,
			most: MAX_PAGE,
		});
	}
	Ok(asked)
}

fn no_longer_than(what: &'static str, bytes: &[u8], most: u32) -> Result<(), Error> {
	if bytes.len() > most as usize {
		return Err(Error::TooLong {
			what,
			len: bytes.len(),
			most,
		});
	}
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn page_limit_should_be_bounded_and_default_to_the_most() {
		assert_eq!(page_limit(None), Ok(MAX_PAGE));
		assert_eq!(page_limit(Some(1)), Ok(1));
		assert_eq!(
			page_limit(Some(0)),
			Err(Error::PageTooLong {
				asked: 0,
				most: MAX_PAGE
			})
		);
		assert_eq!(
			page_limit(Some(MAX_PAGE + 1)),
			Err(Error::PageTooLong {
				asked: MAX_PAGE + 1,
				most: MAX_PAGE
			})
		);
	}

	#[test]
	fn amount_should_be_read_from_a_string_or_a_small_number() {
		let read = |json: &str| {
			serde_json::from_str::<AmountArgument>(json)
				.map(|a| a.0)
				.ok()
		};

		assert_eq!(read("\"10000000000000\""), Some(10_000_000_000_000));
		assert_eq!(read("5"), Some(5));
		assert_eq!(read("\"1.5\""), None);
		assert_eq!(read("-1"), None);
		assert_eq!(read("null"), None);
	}
}
