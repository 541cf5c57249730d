//! Signing calls, sending them, and following them into a finalized block.
//!
//! The steps are apart so that whoever must not act twice can write down the signed bytes before they
//! are sent: the same bytes can be sent again at will, and are included at most once.

use std::time::Duration;

use codec::{Decode, Encode};
use sp_core::H256;
use sp_runtime::DispatchError;
use subxt::config::DefaultExtrinsicParamsBuilder;

use crate::{
	blake2_256,
	calls::{Call, JOB_ORDERS},
	chain::{At, BlockRef, Client},
	error::{DispatchFailure, Error, PoolError},
	keys::Keys,
	runtime::{ChainConfig, Event},
	AccountId, Balance, OrderId,
};

/// How often the chain is asked about a transaction that is being followed.
const POLL: Duration = Duration::from_millis(300);

/// For how many blocks a transaction stays valid unless the caller says otherwise.
pub const DEFAULT_LIFETIME: u32 = 64;

/// A signed transaction.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SignedBytes {
	/// What is sent.
	pub bytes: Vec<u8>,
	/// blake2-256 of the bytes: the transaction's hash.
	pub hash: H256,
	/// The nonce that it uses up.
	pub nonce: u64,
	/// The newest finalized block when it was signed: it cannot be in that or any earlier one.
	pub signed_at: BlockRef,
	/// First block that can no longer include it; none if it is valid for ever.
	pub expires_at: Option<u32>,
}

impl SignedBytes {
	/// The last block that can include it; none if it is valid for ever.
	pub fn last_block(&self) -> Option<u32> {
		self.expires_at.map(|end| end.saturating_sub(1))
	}
}

/// How long a transaction stays valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mortality {
	/// For about this many blocks from the newest finalized one: rounded up to a power of two
	/// between 4 and 2048. Where finality lags far behind the best block, the lag comes on top.
	Blocks(u32),
	/// For ever.
	Immortal,
}

impl Default for Mortality {
	fn default() -> Self {
		Self::Blocks(DEFAULT_LIFETIME)
	}
}

/// Where a transaction is in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Inclusion {
	/// The block.
	pub block: BlockRef,
	/// Index of the extrinsic in it.
	pub index: u32,
}

/// What becomes of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxStatus {
	/// It is in a block of the best chain.
	InBlock(Inclusion),
	/// That block is no longer of the best chain; the transaction may come into another.
	Retracted(Inclusion),
	/// It is in a finalized block. Nothing follows.
	Finalized(Inclusion),
	/// It is in no finalized block and can come into none any more. Nothing follows.
	Expired,
}

/// What a transaction did.
#[derive(Clone, Debug)]
pub struct Outcome {
	/// Where it is.
	pub inclusion: Inclusion,
	/// What it emitted.
	pub events: Vec<Event>,
	/// Whether its call succeeded.
	pub result: Result<(), DispatchFailure>,
}

impl Outcome {
	/// The fee that its sender paid.
	pub fn fee(&self) -> Balance {
		let paid = self
			.events
			.iter()
			.find(|e| e.is("TransactionPayment", "TransactionFeePaid"));
		let fields = paid.and_then(|event| event.decode_fields::<(AccountId, Balance, Balance)>());
		fields.map_or(0, |(_, fee, _)| fee)
	}

	/// The number of the order that it posted.
	pub fn posted_order(&self) -> Option<OrderId> {
		let posted = self
			.events
			.iter()
			.find(|e| e.is(JOB_ORDERS, "OrderPosted"))?;
		posted.decode_fields()
	}
}

impl Client {
	/// Signs a call, with a tip for whoever puts it into a block before others. Nothing is sent.
	pub async fn sign(
		&self,
		call: &Call,
		keys: &Keys,
		nonce: u64,
		mortality: Mortality,
		tip: Balance,
	) -> Result<SignedBytes, Error> {
		// A finalized birth block: no reorganisation can make the transaction invalid.
		let signed_at = self.finalized().await?;
		let runtime = self.runtime(At::Best).await?;
		let mut params = DefaultExtrinsicParamsBuilder::<ChainConfig>::new()
			.nonce(nonce)
			.tip(tip);
		let mut expires_at = None;
		params = match mortality {
			Mortality::Immortal => params.immortal(),
			Mortality::Blocks(blocks) => {
				let best = self.best().await?.number;
				let period = period(blocks, best.saturating_sub(signed_at.number));
				expires_at = Some(signed_at.number.saturating_add(period));
				params.mortal_from_unchecked(period.into(), signed_at.number.into(), signed_at.hash)
			}
		};
		let incompatible = |e: subxt::error::ExtrinsicError| Error::IncompatibleCall {
			call: call.title(),
			reason: e.to_string(),
		};
		let transactions = runtime.client().transactions();
		let mut signable = transactions
			.create_signable_offline(call, params.build())
			.map_err(incompatible)?;
		let bytes = signable
			.sign(keys.pair())
			.map_err(incompatible)?
			.into_encoded();
		Ok(SignedBytes {
			hash: blake2_256(&bytes),
			bytes,
			nonce,
			signed_at,
			expires_at,
		})
	}

	/// Gives a signed transaction to the node's pool. That the pool has it already is no error.
	pub async fn send(&self, bytes: &[u8]) -> Result<(), Error> {
		let legacy = self.legacy();
		let sent = self
			.read("author_submitExtrinsic", || {
				legacy.author_submit_extrinsic(bytes)
			})
			.await;
		match sent {
			Ok(_) | Err(Error::Pool(PoolError::AlreadyImported)) => Ok(()),
			Err(e) => Err(e),
		}
	}

	/// Gives a signed transaction to the node's pool, for one who gives it only once. The client itself repeats that after
	/// the connection broke, and the pool refuses what a block has by then: that is no error either.
	pub async fn send_signed(&self, signed: &SignedBytes) -> Result<(), Error> {
		let refused = match self.send(&signed.bytes).await {
			Err(refused @ Error::Pool(_)) => refused,
			other => return other,
		};
		match self.watch(signed).look().await? {
			Some(_) => Ok(()),
			None => Err(refused),
		}
	}

	/// Follows a signed transaction, from the block in which it was signed on.
	pub fn watch(&self, signed: &SignedBytes) -> Watch {
		Watch {
			client: self.clone(),
			hash: signed.hash,
			next: signed.signed_at.number.saturating_add(1),
			last: None,
			safe: signed.signed_at.number,
			expires_at: signed.expires_at,
			found: None,
		}
	}

	/// What an included transaction did.
	pub async fn outcome(&self, inclusion: Inclusion) -> Result<Outcome, Error> {
		let hash = inclusion.block.hash;
		let mut events = self.events(hash).await?;
		events.retain(|event| event.extrinsic == Some(inclusion.index));
		let failed = events
			.iter()
			.find(|event| event.is("System", "ExtrinsicFailed"));
		let result = match failed {
			None => Ok(()),
			Some(event) => {
				let error: DispatchError =
					event.decode_fields().ok_or_else(|| Error::Unreadable {
						what: "System.ExtrinsicFailed".into(),
						reason: "its first field is no dispatch error".into(),
					})?;
				Err(self.runtime(At::Block(hash)).await?.explain(&error))
			}
		};
		Ok(Outcome {
			inclusion,
			events,
			result,
		})
	}

	/// Signs a call as the account's next, for a while and without a tip. Nothing is sent.
	pub async fn sign_next(&self, call: &Call, keys: &Keys) -> Result<SignedBytes, Error> {
		let nonce = self.next_nonce(&keys.account()).await?;
		self.sign(call, keys, nonce, Mortality::default(), 0).await
	}

	/// Signs, sends and follows a call until it is in a block; fails if the call fails there.
	pub async fn submit(&self, call: &Call, keys: &Keys) -> Result<Outcome, Error> {
		let signed = self.sign_next(call, keys).await?;
		self.submit_signed(&signed).await
	}

	/// Sends and follows a signed call until it is in a block; fails if the call fails there, and with
	/// [`Error::MaybeSent`] where it is not known what became of it.
	pub async fn submit_signed(&self, signed: &SignedBytes) -> Result<Outcome, Error> {
		let unseen = |e: Error| e.after_sending(signed);
		self.send_signed(signed).await.map_err(unseen)?;
		let outcome = self.included_outcome(signed).await.map_err(unseen)?;
		outcome.result.clone()?;
		Ok(outcome)
	}

	async fn included_outcome(&self, signed: &SignedBytes) -> Result<Outcome, Error> {
		self.outcome(self.included(signed).await?).await
	}

	/// Waits until a sent transaction is in a block of the best chain.
	pub async fn included(&self, signed: &SignedBytes) -> Result<Inclusion, Error> {
		let mut watch = self.watch(signed);
		loop {
			match watch.next().await? {
				TxStatus::InBlock(inclusion) | TxStatus::Finalized(inclusion) => {
					return Ok(inclusion)
				}
				TxStatus::Retracted(_) => {}
				TxStatus::Expired => return Err(Error::TransactionExpired { hash: signed.hash }),
			}
		}
	}

	/// Waits until the chain has finalized this height; the hash of its block there.
	pub async fn wait_finalized(&self, number: u32) -> Result<H256, Error> {
		while self.finalized().await?.number < number {
			tokio::time::sleep(POLL).await;
		}
		self.block_hash(number).await?.ok_or_else(|| Error::Pruned {
			block: number.to_string(),
		})
	}
}

/// The longest life of a transaction, in blocks: the chain knows the hashes of the last 2400.
const LONGEST_PERIOD: u32 = 2048;

/// Length of the era of a transaction that is founded on a finalized block `lag` blocks behind the best. Without
/// the lag it would be dead at birth when finality stands still. Powers of two up to 4096 need no rounding
/// of the birth block.
fn period(blocks: u32, lag: u32) -> u32 {
	let needed = if lag > blocks / 2 {
		blocks.saturating_add(lag)
	} else {
		blocks
	};
	needed.clamp(4, LONGEST_PERIOD).next_power_of_two()
}

/// Follows one transaction through the best chain. See [`Client::watch`].
#[derive(Debug)]
pub struct Watch {
	client: Client,
	hash: H256,
	/// The lowest block that is yet to be searched.
	next: u32,
	/// Hash of the block below it, once it was searched.
	last: Option<H256>,
	/// Up to here everything was searched, in blocks that are final.
	safe: u32,
	expires_at: Option<u32>,
	found: Option<Inclusion>,
}

impl Watch {
	/// Waits for the next change. After an error it may be called again. After
	/// [`TxStatus::Finalized`] and [`TxStatus::Expired`] it repeats them.
	pub async fn next(&mut self) -> Result<TxStatus, Error> {
		loop {
			let finalized = self.client.finalized().await?;
			if let Some(found) = self.found {
				let canonical = self.client.block_hash(found.block.number).await?;
				if canonical != Some(found.block.hash) {
					self.found = None;
					self.rewind();
					return Ok(TxStatus::Retracted(found));
				}
				self.confirm(finalized);
				if finalized.number >= found.block.number {
					return Ok(TxStatus::Finalized(found));
				}
			} else if let Some(found) = self.search(finalized).await? {
				self.found = Some(found);
				return Ok(TxStatus::InBlock(found));
			} else if self.expires_at.is_some_and(|end| {
				// All blocks that could hold it are final and were searched.
				finalized.number.saturating_add(1) >= end && self.next >= end
			}) {
				return Ok(TxStatus::Expired);
			}
			tokio::time::sleep(POLL).await;
		}
	}

	/// Searches what there is of the best chain now, without waiting.
	pub async fn look(&mut self) -> Result<Option<Inclusion>, Error> {
		let finalized = self.client.finalized().await?;
		self.found = self.search(finalized).await?;
		Ok(self.found)
	}

	/// Starts over after a reorganisation, above what it cannot have changed. Not above what is final
	/// *now*: that may include blocks which took the place of those that were searched.
	fn rewind(&mut self) {
		self.next = self.safe.saturating_add(1);
		self.last = None;
	}

	/// What was searched is of the best chain, of which this block is final.
	fn confirm(&mut self, finalized: BlockRef) {
		self.safe = self
			.safe
			.max(finalized.number.min(self.next.saturating_sub(1)));
	}

	async fn search(&mut self, finalized: BlockRef) -> Result<Option<Inclusion>, Error> {
		let best = self.client.best().await?;
		if let Some(last) = self.last {
			// The chain may have been reorganised without growing.
			if self.client.block_hash(self.next.saturating_sub(1)).await? == Some(last) {
				self.confirm(finalized);
			} else {
				self.rewind();
			}
		}
		while self.next <= best.number {
			let Some(hash) = self.client.block_hash(self.next).await? else {
				break;
			};
			let block = self.client.block(hash).await?;
			if self
				.last
				.is_some_and(|last| last != block.header.parent_hash)
			{
				self.rewind();
				continue;
			}
			let index = block
				.extrinsics
				.iter()
				.position(|bytes| blake2_256(bytes) == self.hash);
			let number = self.next;
			self.last = Some(hash);
			self.next = self.next.saturating_add(1);
			if let Some(index) = index {
				let index = u32::try_from(index).unwrap_or(u32::MAX);
				return Ok(Some(Inclusion {
					block: BlockRef { number, hash },
					index,
				}));
			}
		}
		Ok(None)
	}
}

#[cfg(test)]
mod tests {
	use serde_json::json;

	use super::*;
	use crate::{
		chain::{header_hash, Header},
		finality::tests::{client, refusal},
	};

	/// A client of a node whose only block after genesis has this extrinsic, and whose pool takes none.
	fn client_of_block_with(extrinsic: &[u8]) -> Client {
		let header = Header {
			parent_hash: H256::zero(),
			number: 1,
			state_root: H256::zero(),
			extrinsics_root: H256::zero(),
			digest: Default::default(),
		};
		let hash = header_hash(&header);
		let extrinsic = format!("0x{}", hex::encode(extrinsic));
		let block = json!({ "header": header, "extrinsics": [extrinsic] });
		client(vec![
			(
				"author_submitExtrinsic",
				refusal(1012, "Transaction is temporarily banned"),
			),
			("chain_getFinalizedHead", Ok(json!(hash))),
			("chain_getHeader", Ok(json!(header))),
			("chain_getBlockHash", Ok(json!(hash))),
			(
				"chain_getBlock",
				Ok(json!({ "block": block, "justifications": null })),
			),
		])
	}

	#[tokio::test]
	async fn a_transaction_should_count_as_sent_when_the_pool_refuses_it_and_a_block_has_it() {
		let signed = SignedBytes {
			bytes: vec![1, 2, 3],
			hash: blake2_256(&[1, 2, 3]),
			nonce: 0,
			signed_at: BlockRef {
				number: 0,
				hash: H256::zero(),
			},
			expires_at: Some(64),
		};
		let sent = client_of_block_with(&signed.bytes)
			.send_signed(&signed)
			.await;
		assert!(sent.is_ok(), "{sent:?}");
		let refused = client_of_block_with(&[9]).send_signed(&signed).await;
		let banned = Error::Pool(PoolError::TemporarilyBanned);
		assert_eq!(
			refused.expect_err("no block has it").to_string(),
			banned.to_string()
		);
	}

	#[test]
	fn a_transaction_should_live_long_enough_when_finality_lags() {
		assert_eq!(period(64, 3), 64, "the ordinary lag changes nothing");
		assert_eq!(period(1, 0), 4);
		for (blocks, lag) in [(32, 17), (64, 64), (64, 500), (32, 1_900)] {
			assert!(period(blocks, lag) >= blocks + lag, "{blocks} after {lag}");
		}
		assert_eq!(period(64, 1_000_000), LONGEST_PERIOD);
	}
}
