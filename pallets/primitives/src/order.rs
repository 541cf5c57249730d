//! Orders and receipts: what the order book stores and clients read.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::{bounded::BoundedVec, ConstU32, H256};

use crate::{InputCommitment, OrderId, ProgramId, MAX_INLINE_INPUT_BYTES, MAX_LOCATOR_BYTES};

/// Where a job's input is to be had. The commitment that the proof speaks of stands beside it in the
/// order; whoever claims the order checks first that these bytes have that commitment.
#[derive(
	Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub enum InputSource {
	/// The bytes themselves, on chain.
	Inline(BoundedVec<u8, ConstU32<MAX_INLINE_INPUT_BYTES>>),
	/// A blob in a store.
	Stored {
		/// blake2-256 of the blob: its name in any store.
		hash: H256,
		/// Length of the blob, bytes.
		size: u64,
		/// Where to look first: a URL (`https://…`, `s3://…`), or empty for the store that the
		/// provider has configured.
		locator: BoundedVec<u8, ConstU32<MAX_LOCATOR_BYTES>>,
	},
}

/// What a requester asks for; the argument of `post_order`.
#[derive(
	Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct OrderSpec<Balance, BlockNumber> {
	/// The program to run.
	pub program: ProgramId,
	/// Commitment to the input.
	pub commitment: InputCommitment,
	/// Where the input is.
	pub input: InputSource,
	/// Exact length of the output, bytes.
	pub output_len: u32,
	/// Price at the block of posting.
	pub min_price: Balance,
	/// Price from `ramp` blocks after posting on.
	pub max_price: Balance,
	/// Blocks over which the price rises linearly from `min_price` to `max_price`.
	pub ramp: BlockNumber,
	/// Blocks that a claimer has from its claim to its proof.
	pub claim_window: BlockNumber,
	/// Blocks from posting after which the order expires unsettled.
	pub lifetime: BlockNumber,
}

/// An order as the order book keeps it, from posting until it is settled, cancelled or expired.
#[derive(
	Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Order<AccountId, Balance, BlockNumber> {
	/// Who posted and pays.
	pub requester: AccountId,
	/// What was asked for.
	pub spec: OrderSpec<Balance, BlockNumber>,
	/// Block of posting.
	pub posted_at: BlockNumber,
	/// First block at which the order can no longer be settled: `posted_at + spec.lifetime`.
	pub deadline: BlockNumber,
	/// What a claimer commits of its bond, and loses if it misses the claim's deadline.
	pub collateral: Balance,
	/// Held of the requester for the space that the order, later its receipt, takes.
	pub deposit: Balance,
	/// Held of the requester for the block space of the settlement; goes to fees when settled.
	pub settlement_fee: Balance,
	/// Where the order stands.
	pub status: OrderStatus<AccountId, Balance, BlockNumber>,
}

/// Where a live order stands. Settled, cancelled and expired orders leave the book: the first leaves a
/// [`Receipt`], each leaves an event.
#[derive(
	Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub enum OrderStatus<AccountId, Balance, BlockNumber> {
	/// Anyone with a bond may claim; a proof by anyone is accepted at the price of its block; the
	/// requester may cancel. Next: `Claimed`, settled, cancelled, expired.
	Open,
	/// One provider works at it, exclusively until `expires_at`. Next: settled, `Rescue`.
	Claimed {
		/// The provider's cold account.
		provider: AccountId,
		/// What it is paid for a proof in time.
		price: Balance,
		/// Block of the claim.
		claimed_at: BlockNumber,
		/// First block at which the claim is missed: the collateral is slashed.
		expires_at: BlockNumber,
	},
	/// The claimer missed its deadline and was slashed. A proof by anyone is accepted, for the price and
	/// the bounty. Next: settled, expired.
	Rescue {
		/// The provider that missed.
		missed: AccountId,
		/// What a rescuer is paid besides the bounty.
		price: Balance,
		/// Half of the slashed collateral; the requester's if nobody rescues.
		bounty: Balance,
	},
}

/// What remains of a settled order, for as long as the requester leaves its deposit.
#[derive(
	Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Receipt<AccountId, Balance, BlockNumber> {
	/// Who ordered and paid.
	pub requester: AccountId,
	/// Who proved and was paid: the account that the proof is bound to.
	pub provider: AccountId,
	/// The program that was run.
	pub program: ProgramId,
	/// Commitment to its input.
	pub commitment: InputCommitment,
	/// Root of the output's chunk tree.
	pub output_root: H256,
	/// Length of the output, bytes.
	pub output_len: u32,
	/// What was paid, bounty included.
	pub paid: Balance,
	/// Block that holds output and proof.
	pub settled_at: BlockNumber,
	/// Index in that block of the extrinsic that holds them.
	pub extrinsic_index: u32,
	/// Held of the requester until it removes the receipt.
	pub deposit: Balance,
}

/// One change of an order, as `lemma_subscribeOrders` and the runtime API's `order_changes` report it.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo, Serialize, Deserialize)]
pub struct OrderChange<AccountId, Balance> {
	/// The order.
	pub order: OrderId,
	/// What happened to it.
	pub kind: OrderChangeKind<AccountId, Balance>,
}

/// What happened to an order.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "camelCase")]
pub enum OrderChangeKind<AccountId, Balance> {
	/// It was posted.
	Posted {
		/// By whom.
		requester: AccountId,
		/// The program to run.
		program: ProgramId,
	},
	/// It was claimed.
	Claimed {
		/// By which provider.
		provider: AccountId,
		/// At which price.
		price: Balance,
	},
	/// Its claimer missed the deadline and was slashed.
	Missed {
		/// The provider that missed.
		provider: AccountId,
		/// What it lost.
		slashed: Balance,
	},
	/// It was proven and paid.
	Settled {
		/// Who was paid.
		provider: AccountId,
		/// How much, bounty included.
		paid: Balance,
	},
	/// Its requester cancelled it.
	Cancelled,
	/// Its deadline passed.
	Expired,
}
