//! Talks to a Lemma chain and to stores of inputs: what the worker and the command line share.
//!
//! - [`chain`]: a connection to a node, and its blocks; [`market`]: orders, receipts, providers,
//!   programs and accounts;
//! - [`calls`] and [`transact`]: the market's calls; signing them, sending them, following them;
//! - [`store`]: blobs named by their hash, in a folder, in S3 or behind HTTP;
//! - [`result`] and [`finality`]: a settled result, fetched from its block and checked without trusting
//!   the node;
//! - [`keys`], [`amount`], [`npy`]: keys, amounts of LEM, and matrices in files;
//! - [`address`]: addresses as they may be shown.

#![deny(missing_docs)]

pub mod address;
pub mod amount;
pub mod calls;
pub mod chain;
pub mod error;
pub mod finality;
pub mod keys;
pub mod market;
pub mod npy;
pub mod result;
pub mod runtime;
pub mod store;
pub mod transact;

pub use address::public_url;
pub use chain::{At, BlockRef, Client};
pub use error::Error;
pub use keys::Keys;
pub use store::Store;

pub use lemma_primitives::{
	AccountId, Balance, BlockNumber, InputCommitment, OrderId, ProgramId, UNIT,
};
pub use sp_core::H256;

/// A live order, as the chain keeps it.
pub type Order = lemma_primitives::order::Order<AccountId, Balance, BlockNumber>;
/// Where a live order stands.
pub type OrderStatus = lemma_primitives::order::OrderStatus<AccountId, Balance, BlockNumber>;
/// What is asked for when an order is posted.
pub type OrderSpec = lemma_primitives::order::OrderSpec<Balance, BlockNumber>;
/// What remains of a settled order.
pub type Receipt = lemma_primitives::order::Receipt<AccountId, Balance, BlockNumber>;
/// One change of an order.
pub type OrderChange = lemma_primitives::order::OrderChange<AccountId, Balance>;
/// A registered provider.
pub type Provider = lemma_primitives::provider::Provider<AccountId, Balance, BlockNumber>;
/// A registered program.
pub type Program = lemma_primitives::program::Program<AccountId, Balance>;
/// What posting an order holds.
pub type OrderCost = lemma_runtime_api::OrderCost<Balance>;

/// blake2-256: names of blobs, hashes of blocks and extrinsics.
pub fn blake2_256(bytes: &[u8]) -> H256 {
	H256(sp_crypto_hashing::blake2_256(bytes))
}
