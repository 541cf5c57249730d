//! What the worker asks of a chain. [`crate::node`] answers by a node; tests by a chain in memory.

use std::time::Duration;

use async_trait::async_trait;
use codec::Encode;
use lemma_client::{
	AccountId, Balance, BlockNumber, Order, OrderId, OrderStatus, Provider, Receipt,
};

use crate::journal::{Hash, Signed};

/// Why the chain did not answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ChainError {
	/// The node is away. The same request may be repeated.
	#[error("{0}")]
	Away(String),
	/// The node answered that it will not.
	#[error("{0}")]
	Refused(String),
}

/// What the node said when it was given a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
	/// It is in the pool now, or was already.
	Pooled,
	/// The pool did not take it, for this reason. It may still be included if another node has it.
	Refused(String),
	/// The pool will not take these very bytes, for a while or for good, for this reason: others with the same nonce must
	/// be signed.
	Banned(String),
}

/// A block: height and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Block {
	/// Height.
	pub number: BlockNumber,
	/// Hash.
	pub hash: Hash,
}

/// The chain's two heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heads {
	/// The best block: may yet be replaced.
	pub best: Block,
	/// The latest finalized block: never replaced.
	pub finalized: Block,
}

/// A transaction to sign.
#[derive(Debug, Clone)]
pub enum Action {
	/// Claim the order.
	Claim {
		/// The order.
		order: OrderId,
		/// Hash of the terms that it must have.
		terms: Hash,
	},
	/// Submit output and proof.
	Submit {
		/// The order.
		order: OrderId,
		/// The output's bytes.
		output: Vec<u8>,
		/// The proof's bytes.
		proof: Vec<u8>,
	},
	/// Nothing: uses up a nonce for which no other transaction waits, so that those behind it can be included.
	Fill,
}

/// What became of a transaction's call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
	/// It succeeded.
	Succeeded,
	/// It failed, for this reason.
	Failed(String),
	/// The node no longer keeps what would tell.
	Unknown,
}

/// Where a transaction ended up in finalized blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inclusion {
	/// The transaction.
	pub hash: Hash,
	/// The block.
	pub block: BlockNumber,
	/// What its call did.
	pub outcome: Outcome,
}

/// One order and our account as one block's state shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
	/// The block's height.
	pub number: BlockNumber,
	/// Our account's nonce.
	pub nonce: u32,
	/// The order, if it is live.
	pub order: Option<Order>,
	/// Its receipt, if it is settled.
	pub receipt: Option<Receipt>,
}

/// A page of the order book and the number at which the next page starts, if there is one.
pub type Page = (Vec<(OrderId, Order)>, Option<OrderId>);

/// A chain as the worker sees it.
#[async_trait]
pub trait Chain: Send + Sync + 'static {
	/// Hash of the genesis block.
	fn genesis(&self) -> Hash;

	/// The account that signs.
	fn account(&self) -> AccountId;

	/// The heads now.
	async fn heads(&self) -> Result<Heads, ChainError>;

	/// Hash of the block of this height on the best chain; `None` if there is none yet.
	async fn hash_of(&self, number: BlockNumber) -> Result<Option<Hash>, ChainError>;

	/// Whether the node is still fetching old blocks, so that its best block is one of the past.
	async fn is_syncing(&self) -> Result<bool, ChainError>;

	/// Time between blocks.
	async fn block_time(&self) -> Result<Duration, ChainError>;

	/// One page of live orders at a block.
	async fn orders(&self, at: Block, start: OrderId) -> Result<Page, ChainError>;

	/// The price that a claim in the next block would fix; `None` if the order is not open.
	async fn price(&self, at: Block, order: OrderId) -> Result<Option<Balance>, ChainError>;

	/// An order and our account's nonce at a block.
	async fn sight(&self, at: Block, order: OrderId) -> Result<Sight, ChainError>;

	/// The provider for which our account may act, at a block.
	async fn provider(&self, at: Block) -> Result<Option<(AccountId, Provider)>, ChainError>;

	/// What our account can spend at a block.
	async fn spendable(&self, at: Block) -> Result<Balance, ChainError>;

	/// Our account's nonce at a block.
	async fn nonce(&self, at: Block) -> Result<u32, ChainError>;

	/// The next nonce of our account when what waits in the node's pool is counted.
	async fn pool_nonce(&self) -> Result<u32, ChainError>;

	/// Signs an action with a nonce and a tip, mortal from the head of now on. Sends nothing.
	async fn sign(
		&self,
		action: Action,
		nonce: u32,
		tip: Balance,
	) -> Result<(Signed, Vec<u8>), ChainError>;

	/// Gives signed bytes to the node.
	async fn send(&self, bytes: &[u8]) -> Result<Sent, ChainError>;

	/// Looks for one of these transactions in the blocks from `from` to `to`, which are finalized. `None` if none is
	/// in those of them that the node still keeps.
	async fn find(
		&self,
		hashes: &[Hash],
		from: BlockNumber,
		to: BlockNumber,
	) -> Result<Option<Inclusion>, ChainError>;
}

/// blake2-256 of what never changes of an order: tells it from another that has the same number on
/// another fork.
pub fn fingerprint(order: &Order) -> Hash {
	lemma_zk_statement::blake2_256(&(&order.requester, &order.spec, order.posted_at).encode())
}

/// How an order stands towards us at one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
	/// The block is older than the order.
	NotYet,
	/// Open to claims.
	Open,
	/// Claimed by us.
	Ours {
		/// What we are paid for a proof in time.
		price: Balance,
		/// First block at which the claim is missed.
		expires_at: BlockNumber,
	},
	/// Claimed by another.
	Theirs(AccountId),
	/// Its claim was missed; open to proofs.
	Rescue {
		/// Whether it was we who missed.
		by_us: bool,
		/// Price and bounty together.
		price: Balance,
	},
	/// Settled, and we were paid.
	SettledByUs {
		/// What.
		paid: Balance,
		/// In which block.
		block: BlockNumber,
	},
	/// Settled by another.
	SettledBy(AccountId),
	/// Neither live nor with a receipt: cancelled, expired, or settled and the receipt removed.
	Gone,
}

impl Standing {
	/// How the order of this fingerprint, posted at `posted_at`, stands towards `us` in `sight`.
	pub fn of(
		sight: &Sight,
		fingerprint_wanted: Hash,
		posted_at: BlockNumber,
		us: &AccountId,
	) -> Self {
		let order = sight
			.order
			.as_ref()
			.filter(|order| fingerprint(order) == fingerprint_wanted);
		if let Some(order) = order {
			return match &order.status {
				OrderStatus::Open => Standing::Open,
				OrderStatus::Claimed {
					provider,
					price,
					expires_at,
					..
				} if provider == us => Standing::Ours {
					price: *price,
					expires_at: *expires_at,
				},
				OrderStatus::Claimed { provider, .. } => Standing::Theirs(provider.clone()),
				OrderStatus::Rescue {
					missed,
					price,
					bounty,
				} => Standing::Rescue {
					by_us: missed == us,
					price: price.saturating_add(*bounty),
				},
			};
		}
		// A receipt does not hold the whole order; one that was settled before ours was posted belongs to
		// another order, of another fork.
		match &sight.receipt {
			Some(receipt) if receipt.settled_at >= posted_at && receipt.provider == *us => {
				Standing::SettledByUs {
					paid: receipt.paid,
					block: receipt.settled_at,
				}
			}
			Some(receipt) if receipt.settled_at >= posted_at => {
				Standing::SettledBy(receipt.provider.clone())
			}
			_ if sight.number < posted_at => Standing::NotYet,
			_ => Standing::Gone,
		}
	}

	/// Whether a proof of ours would be accepted.
	pub fn takes_our_proof(&self) -> bool {
		matches!(
			self,
			Standing::Open | Standing::Ours { .. } | Standing::Rescue { .. }
		)
	}
}
