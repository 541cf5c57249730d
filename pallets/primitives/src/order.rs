//! Orders and receipts: what the order book stores and clients read.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::{bounded::BoundedVec, ConstU32, H256};
use sp_runtime::traits::{BlakeTwo256, Hash};

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

/// Keeps hashes of terms apart from all others.
const TERMS_TAG: &[u8; 17] = b"lemma/order/terms";

impl<AccountId: Encode, Balance: Encode, BlockNumber: Encode>
	Order<AccountId, Balance, BlockNumber>
{
	/// Hash of the terms that a claimer agrees to, and that never change: blake2-256 of
	/// `"lemma/order/terms"` and the SCALE encodings of requester, spec, `posted_at`, `deadline` and
	/// `collateral`. What is held for storage and settlement is between the requester and the chain.
	pub fn terms_hash(&self) -> H256 {
		BlakeTwo256::hash_of(&(
			TERMS_TAG,
			&self.requester,
			&self.spec,
			&self.posted_at,
			&self.deadline,
			&self.collateral,
		))
	}
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

#[cfg(test)]
mod tests {
	use super::*;

	type Tested = Order<[u8; 32], u128, u32>;

	fn order() -> Tested {
		Order {
			requester: [1; 32],
			spec: OrderSpec {
				program: H256([2; 32]),
				commitment: H256([3; 32]),
				input: InputSource::Inline(vec![7, 8, 9].try_into().expect("short enough")),
				output_len: 48,
				min_price: 2,
				max_price: 10,
				ramp: 8,
				claim_window: 20,
				lifetime: 100,
			},
			posted_at: 5,
			deadline: 105,
			collateral: 6,
			deposit: 7,
			settlement_fee: 8,
			status: OrderStatus::Open,
		}
	}

	fn stored(hash: u8, size: u64, locator: &[u8]) -> InputSource {
		InputSource::Stored {
			hash: H256([hash; 32]),
			size,
			locator: locator.to_vec().try_into().expect("short enough"),
		}
	}

	// Computed with Python's hashlib from the definition.
	#[test]
	fn terms_hash_should_be_what_its_definition_says() {
		let mut order = order();
		assert_eq!(
			format!("{:?}", order.terms_hash()),
			"0x4e9ecc963baa2a3a9f035139afb094171ba3d7e5068b37468ed8e8d6b717d9a9"
		);
		order.spec.input = stored(4, 1_000, b"s3://");
		assert_eq!(
			format!("{:?}", order.terms_hash()),
			"0x8124d8fc00d95c705a6b31e961ab303d06ca53373a94a829c0ac339433daf55e"
		);
	}

	#[test]
	fn terms_hash_should_change_with_every_term() {
		let changes: [fn(&mut Tested); 18] = [
			|order| order.requester[31] = 0,
			|order| order.spec.program.0[31] = 0,
			|order| order.spec.commitment.0[31] = 0,
			|order| order.spec.input = InputSource::Inline(vec![7, 8].try_into().expect("short")),
			|order| {
				order.spec.input = InputSource::Inline(vec![7, 8, 8].try_into().expect("short"))
			},
			|order| order.spec.input = stored(4, 3, b"s3://"),
			|order| order.spec.input = stored(5, 3, b"s3://"),
			|order| order.spec.input = stored(4, 4, b"s3://"),
			|order| order.spec.input = stored(4, 3, b"s3:/"),
			|order| order.spec.output_len += 1,
			|order| order.spec.min_price += 1,
			|order| order.spec.max_price += 1,
			|order| order.spec.ramp += 1,
			|order| order.spec.claim_window += 1,
			|order| order.spec.lifetime += 1,
			|order| order.posted_at += 1,
			|order| order.deadline += 1,
			|order| order.collateral += 1,
		];
		let mut hashes = std::collections::BTreeSet::from([order().terms_hash()]);
		for (i, change) in changes.into_iter().enumerate() {
			let mut changed = order();
			change(&mut changed);
			assert!(hashes.insert(changed.terms_hash()), "change {i}");
		}
	}

	#[test]
	fn terms_hash_should_not_change_with_what_is_held_or_happens() {
		let mut later = order();
		later.deposit += 1;
		later.settlement_fee += 1;
		later.status = OrderStatus::Claimed {
			provider: [9; 32],
			price: 3,
			claimed_at: 6,
			expires_at: 26,
		};
		assert_eq!(later.terms_hash(), order().terms_hash());
	}
}
