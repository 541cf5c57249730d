//! JSON-RPC beside what every Substrate node answers: accounts' nonces, fees, and Lemma's market.
//!
//! [`api`] declares Lemma's methods and answers them, [`views`] is what they answer as JSON,
//! [`follow`] watches orders for the subscription, [`settlement`] finds results in blocks, [`errors`]
//! has the codes. All of it is documented with examples in `docs/use/json-rpc.md`.

mod api;
mod errors;
mod follow;
mod settlement;
mod views;

use std::sync::Arc;

use jsonrpsee::RpcModule;
use sc_transaction_pool::TransactionPoolHandle;

use crate::service::{FullBackend, FullClient};
use api::{Lemma, LemmaApiServer};
use lemma_runtime::opaque::Block;

/// What the methods need of the node.
pub struct FullDeps {
	/// The chain.
	pub client: Arc<FullClient>,
	/// The database, which knows what was pruned.
	pub backend: Arc<FullBackend>,
	/// Transactions that wait for a block.
	pub pool: Arc<TransactionPoolHandle<Block, FullClient>>,
}

/// All methods beside the SDK's own.
pub fn create_full(
	deps: FullDeps,
) -> Result<RpcModule<()>, Box<dyn std::error::Error + Send + Sync>> {
	use pallet_transaction_payment_rpc::{TransactionPayment, TransactionPaymentApiServer};
	use substrate_frame_rpc_system::{System, SystemApiServer};

	let FullDeps {
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
