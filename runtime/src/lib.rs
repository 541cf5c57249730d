//! Lemma's state transition function: a solochain on which GPU work is ordered, proven and paid for.
//!
//! Aura makes blocks, GRANDPA finalizes them. The market is three pallets that meet only here:
//! `pallet-job-orders` (orders, escrow, settlement) asks `pallet-proof-verification` whether a result is
//! right and `pallet-provider-staking` about bonds. Proofs are verified in this code, compiled to Wasm:
//! there is no host function beside the SDK's own, so every node and every light client that runs the
//! blob comes to the same verdict.
//!
//! Where things are: [`constants`] has every figure that somebody chose, [`weights`] what was measured,
//! [`configs`] wires the pallets, [`apis`] is what nodes and clients may ask, [`genesis`] the chains that can be started.
//!
//! Pallets have fixed indices, written below; clients encode calls with them, so they never change. A
//! pallet that is removed leaves its index unused.

#![cfg_attr(not(feature = "std"), no_std)]
// The runtime macro nests deeply.
#![recursion_limit = "512"]
// The runtime and API macros put public items without documentation here.
#![allow(missing_docs)]
#![deny(
	clippy::unwrap_used,
	clippy::expect_used,
	clippy::indexing_slicing,
	clippy::arithmetic_side_effects
)]

extern crate alloc;

#[cfg(feature = "std")]
include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));

// Before the APIs, which use its macros.
#[cfg(feature = "runtime-benchmarks")]
#[macro_use]
mod benches;

pub mod apis;
pub mod configs;
pub mod constants;
pub mod genesis;
pub mod operational;
pub mod parameters;
pub mod weights;

use alloc::borrow::Cow;
// FRAME's macros name it; with std it is in the prelude.
#[cfg(not(feature = "std"))]
use alloc::vec::Vec;
pub use lemma_primitives::{AccountId, Balance, BlockNumber};
pub use pallet_job_orders::Call as JobOrdersCall;
pub use pallet_sudo::Call as SudoCall;
use sp_runtime::{
	generic, impl_opaque_keys,
	traits::{BlakeTwo256, Block as BlockT},
	MultiAddress, MultiSignature,
};
use sp_version::{runtime_version, RuntimeVersion};

/// Signature of a transaction: Sr25519, Ed25519 or ECDSA.
pub type Signature = MultiSignature;
/// Number of transactions that an account has sent.
pub type Nonce = u32;
/// Hash of blocks, tries and extrinsics: blake2-256.
pub type Hash = sp_core::H256;
/// How a transaction names an account.
pub type Address = MultiAddress<AccountId, ()>;
/// Header of a block.
pub type Header = generic::Header<BlockNumber, BlakeTwo256>;
/// Block with extrinsics that can be looked into.
pub type Block = generic::Block<Header, UncheckedExtrinsic>;

/// What a transaction carries besides its call, in order. The order is part of the transaction's format.
pub type TxExtension = (
	frame_system::AuthorizeCall<Runtime>,
	frame_system::CheckNonZeroSender<Runtime>,
	frame_system::CheckSpecVersion<Runtime>,
	frame_system::CheckTxVersion<Runtime>,
	frame_system::CheckGenesis<Runtime>,
	frame_system::CheckMortality<Runtime>,
	frame_system::CheckNonce<Runtime>,
	operational::CheckOperational,
	frame_system::CheckWeight<Runtime>,
	pallet_transaction_payment::ChargeTransactionPayment<Runtime>,
	frame_metadata_hash_extension::CheckMetadataHash<Runtime>,
	frame_system::WeightReclaim<Runtime>,
);

/// An extrinsic as it stands in a block.
pub type UncheckedExtrinsic =
	generic::UncheckedExtrinsic<Address, RuntimeCall, Signature, TxExtension>;

/// What a transaction's sender signs.
pub type SignedPayload = generic::SignedPayload<RuntimeCall, TxExtension>;

/// Runs blocks.
pub type Executive = frame_executive::Executive<
	Runtime,
	Block,
	frame_system::ChainContext<Runtime>,
	Runtime,
	AllPalletsWithSystem,
>;

/// Blocks as the node handles them: it moves extrinsics without looking into them.
pub mod opaque {
	use super::{generic, BlakeTwo256, BlockT, Header};
	pub use sp_runtime::OpaqueExtrinsic as UncheckedExtrinsic;

	/// Block with opaque extrinsics.
	pub type Block = generic::Block<Header, UncheckedExtrinsic>;
	/// Number and hash of a block.
	pub type BlockId = generic::BlockId<Block>;
	/// Hash of a block.
	pub type Hash = <BlakeTwo256 as sp_runtime::traits::Hash>::Output;
	/// The same, by way of the block.
	pub type BlockHash = <Block as BlockT>::Hash;
}

impl_opaque_keys! {
	/// Keys of a validator.
	pub struct SessionKeys {
		/// Makes blocks.
		pub aura: Aura,
		/// Votes on finality.
		pub grandpa: Grandpa,
	}
}

/// Name and versions. `spec_version` rises with every change of behaviour, `transaction_version` with
/// every change of the format of transactions.
#[cfg(not(feature = "runtime-benchmarks"))]
#[runtime_version]
pub const VERSION: RuntimeVersion = RuntimeVersion {
	spec_name: Cow::Borrowed("lemma"),
	impl_name: Cow::Borrowed("lemma"),
	authoring_version: 1,
	spec_version: 102,
	impl_version: 1,
	apis: apis::RUNTIME_API_VERSIONS,
	transaction_version: 3,
	system_version: 1,
};

/// The runtime that is measured accepts every proof. It has another name, so that no chain takes it for an upgrade.
#[cfg(feature = "runtime-benchmarks")]
#[runtime_version]
pub const VERSION: RuntimeVersion = RuntimeVersion {
	spec_name: Cow::Borrowed("lemma-benchmarks"),
	impl_name: Cow::Borrowed("lemma-benchmarks"),
	authoring_version: 1,
	spec_version: 0,
	impl_version: 1,
	apis: apis::RUNTIME_API_VERSIONS,
	transaction_version: 3,
	system_version: 1,
};

#[frame_support::runtime]
mod runtime {
	#[runtime::runtime]
	#[runtime::derive(
		RuntimeCall,
		RuntimeEvent,
		RuntimeError,
		RuntimeOrigin,
		RuntimeFreezeReason,
		RuntimeHoldReason,
		RuntimeSlashReason,
		RuntimeLockId,
		RuntimeTask,
		RuntimeViewFunction
	)]
	pub struct Runtime;

	// The frame: 0 to 9.
	#[runtime::pallet_index(0)]
	pub type System = frame_system;
	#[runtime::pallet_index(1)]
	pub type Timestamp = pallet_timestamp;
	#[runtime::pallet_index(2)]
	pub type Aura = pallet_aura;
	#[runtime::pallet_index(3)]
	pub type Grandpa = pallet_grandpa;
	#[runtime::pallet_index(4)]
	pub type Balances = pallet_balances;
	#[runtime::pallet_index(5)]
	pub type TransactionPayment = pallet_transaction_payment;
	#[runtime::pallet_index(6)]
	pub type Sudo = pallet_sudo;
	#[runtime::pallet_index(7)]
	pub type ChainParameters = crate::parameters;

	// The market: from 20 on.
	#[runtime::pallet_index(20)]
	pub type ProofVerification = pallet_proof_verification;
	#[runtime::pallet_index(21)]
	pub type ProviderStaking = pallet_provider_staking;
	#[runtime::pallet_index(22)]
	pub type JobOrders = pallet_job_orders;
}
