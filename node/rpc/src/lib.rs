//! JSON-RPC of Lemma's node beside what every Substrate node answers: accounts' nonces, fees, and the market.
//!
//! [`api`] declares the market's methods and answers them, [`views`] is what they answer as JSON,
//! [`follow`] watches orders for the subscription, [`settlement`] finds results in blocks,
//! [`genesis_validators`] keeps the proof from which proofs of finality start, [`errors`] has the codes.
//! All of it is documented with examples in `docs/use/json-rpc.md`.

#![deny(missing_docs)]

mod api;
mod errors;
mod follow;
mod genesis_validators;
mod settlement;
mod views;

use std::sync::Arc;

use jsonrpsee::RpcModule;
use lemma_runtime::{opaque::Block, AccountId, Balance, BlockNumber, Nonce};
use lemma_runtime_api::LemmaApi as MarketApi;
use pallet_transaction_payment_rpc::{
	TransactionPayment, TransactionPaymentApiServer, TransactionPaymentRuntimeApi,
};
use sc_client_api::{Backend, BlockBackend, BlockchainEvents};
use sc_transaction_pool_api::TransactionPool;
use sp_api::ProvideRuntimeApi;
use sp_block_builder::BlockBuilder;
use sp_blockchain::{HeaderBackend, HeaderMetadata};
use substrate_frame_rpc_system::{AccountNonceApi, System, SystemApiServer};

use api::{Lemma, LemmaApiServer};

pub use genesis_validators::keep as keep_genesis_validators;

/// What the market's methods need of the chain.
pub trait Chain:
	ProvideRuntimeApi<Block, Api: MarketApi<Block, AccountId, Balance, BlockNumber>>
	+ HeaderBackend<Block>
	+ HeaderMetadata<Block, Error = sp_blockchain::Error>
	+ BlockBackend<Block>
	+ BlockchainEvents<Block>
	+ Send
	+ Sync
	+ 'static
{
}

impl<C> Chain for C where
	C: ProvideRuntimeApi<Block, Api: MarketApi<Block, AccountId, Balance, BlockNumber>>
		+ HeaderBackend<Block>
		+ HeaderMetadata<Block, Error = sp_blockchain::Error>
		+ BlockBackend<Block>
		+ BlockchainEvents<Block>
		+ Send
		+ Sync
		+ 'static
{
}

/// What the methods need of the node.
pub struct Deps<C, B, P> {
	/// The chain.
	pub client: Arc<C>,
	/// The database, which knows what was pruned.
	pub backend: Arc<B>,
	/// Transactions that wait for a block.
	pub pool: Arc<P>,
}

/// All methods beside the SDK's own.
pub fn module<C, B, P>(
	deps: Deps<C, B, P>,
) -> Result<RpcModule<()>, Box<dyn std::error::Error + Send + Sync>>
where
	C: Chain,
	C::Api: AccountNonceApi<Block, AccountId, Nonce>
		+ BlockBuilder<Block>
		+ TransactionPaymentRuntimeApi<Block, Balance>,
	B: Backend<Block> + 'static,
	P: TransactionPool + 'static,
{
	let Deps {
		client,
		backend,
		pool,
	} = deps;
	let mut module = RpcModule::new(());
	module.merge(System::new(client.clone(), pool).into_rpc())?;
	module.merge(TransactionPayment::new(client.clone()).into_rpc())?;
	module.merge(Lemma::new(client, backend).into_rpc())?;
	Ok(module)
}
