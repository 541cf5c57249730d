//! The chain as a node shows it.

use std::time::Duration;

use async_trait::async_trait;
use lemma_client::{
	blake2_256,
	calls::Call,
	chain::Options,
	error::PoolError,
	transact::{Inclusion as Place, Mortality},
	AccountId, At, Balance, BlockNumber, BlockRef, Client, Error, Keys, OrderId, Provider, H256,
};

use crate::{
	chain::{Action, Block, Chain, ChainError, Heads, Inclusion, Outcome, Page, Sent, Sight},
	journal::{Hash, Signed},
};

/// Blocks for which a claim stays valid. Short: an order that is still open then is claimed anew.
const CLAIM_LIFETIME: u32 = 32;
/// Blocks for which a submission stays valid.
const SUBMISSION_LIFETIME: u32 = 64;
/// Orders of one page.
const PAGE: u32 = 100;
/// Longest wait for one answer, reconnection included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for a first connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A node, and the account that signs.
pub struct Node {
	client: Client,
	keys: Keys,
}

impl Node {
	/// Connects. Once connected, a broken connection is renewed in the background.
	pub async fn connect(url: &str, keys: Keys) -> Result<Self, Error> {
		let options = Options {
			connect_timeout: CONNECT_TIMEOUT,
			request_timeout: REQUEST_TIMEOUT,
		};
		Ok(Self {
			client: Client::connect_with(url, options).await?,
			keys,
		})
	}

	fn at(block: Block) -> At {
		At::Block(H256(block.hash))
	}
}

impl From<Error> for ChainError {
	fn from(error: Error) -> Self {
		match error {
			error if error.is_transient() => ChainError::Away(error.to_string()),
			error => ChainError::Refused(error.to_string()),
		}
	}
}

fn block(found: BlockRef) -> Block {
	Block {
		number: found.number,
		hash: found.hash.0,
	}
}

/// What the node's answer to a sending says.
fn answer(sent: Result<(), Error>) -> Result<Sent, ChainError> {
	match sent {
		Ok(()) | Err(Error::Pool(PoolError::AlreadyImported)) => Ok(Sent::Pooled),
		// A signature is bad for good once another version of the runtime is there.
		Err(Error::Pool(error @ (PoolError::TemporarilyBanned | PoolError::BadSignature))) => {
			Ok(Sent::Banned(error.to_string()))
		}
		Err(Error::Pool(error)) => Ok(Sent::Refused(error.to_string())),
		Err(error) => Err(error.into()),
	}
}

/// Nonces are u32 on chain; the client speaks of u64 as JSON-RPC does.
fn narrow(nonce: u64) -> u32 {
	u32::try_from(nonce).unwrap_or(u32::MAX)
}

#[async_trait]
impl Chain for Node {
	fn genesis(&self) -> Hash {
		self.client.genesis_hash().0
	}

	fn account(&self) -> AccountId {
		self.keys.account()
	}

	async fn heads(&self) -> Result<Heads, ChainError> {
		// Finalized first: so it is never above best.
		let finalized = block(self.client.finalized().await?);
		let best = block(self.client.best().await?);
		Ok(Heads { best, finalized })
	}

	async fn hash_of(&self, number: BlockNumber) -> Result<Option<Hash>, ChainError> {
		Ok(self.client.block_hash(number).await?.map(|hash| hash.0))
	}

	async fn is_syncing(&self) -> Result<bool, ChainError> {
		Ok(self.client.is_syncing().await?)
	}

	async fn block_time(&self) -> Result<Duration, ChainError> {
		Ok(self.client.block_time().await?)
	}

	async fn orders(&self, at: Block, start: OrderId) -> Result<Page, ChainError> {
		Ok(self.client.orders(None, start, PAGE, Self::at(at)).await?)
	}

	async fn price(&self, at: Block, order: OrderId) -> Result<Option<Balance>, ChainError> {
		Ok(self.client.current_price(order, Self::at(at)).await?)
	}

	async fn sight(&self, at: Block, order: OrderId) -> Result<Sight, ChainError> {
		let state = Self::at(at);
		let account = self.keys.account();
		let (order, receipt, nonce) = futures::try_join!(
			self.client.order(order, state),
			self.client.receipt(order, state),
			self.client.nonce(&account, state),
		)?;
		Ok(Sight {
			number: at.number,
			nonce: narrow(nonce),
			order,
			receipt,
		})
	}

	async fn provider(&self, at: Block) -> Result<Option<(AccountId, Provider)>, ChainError> {
		let state = Self::at(at);
		let Some(account) = self.client.provider_of(&self.keys.account(), state).await? else {
			return Ok(None);
		};
		let provider = self.client.provider(&account, state).await?;
		Ok(provider.map(|provider| (account, provider)))
	}

	async fn spendable(&self, at: Block) -> Result<Balance, ChainError> {
		let account = self
			.client
			.account(&self.keys.account(), Self::at(at))
			.await?;
		// What is held counts towards what is frozen.
		let frozen = account.frozen.saturating_sub(account.held);
		Ok(account.free.saturating_sub(frozen))
	}

	async fn nonce(&self, at: Block) -> Result<u32, ChainError> {
		Ok(narrow(
			self.client
				.nonce(&self.keys.account(), Self::at(at))
				.await?,
		))
	}

	async fn pool_nonce(&self) -> Result<u32, ChainError> {
		Ok(narrow(self.client.next_nonce(&self.keys.account()).await?))
	}

	async fn sign(
		&self,
		action: Action,
		nonce: u32,
		tip: Balance,
	) -> Result<(Signed, Vec<u8>), ChainError> {
		let (call, lifetime) = match &action {
			Action::Claim { order, terms } => {
				(Call::claim_order(*order, H256(*terms)), CLAIM_LIFETIME)
			}
			Action::Submit {
				order,
				output,
				proof,
			} => (
				Call::submit_result(*order, output, proof),
				SUBMISSION_LIFETIME,
			),
			Action::Fill => (Call::remark(), CLAIM_LIFETIME),
		};
		let signed = self
			.client
			.sign(
				&call,
				&self.keys,
				nonce.into(),
				Mortality::Blocks(lifetime),
				tip,
			)
			.await?;
		let dies_at = signed.expires_at.ok_or_else(|| {
			ChainError::Refused("the transaction was signed without an end of its life".to_owned())
		})?;
		let record = Signed {
			hash: signed.hash.0,
			nonce,
			born_at: signed.signed_at.number,
			dies_at,
			account: Some(self.keys.account().into()),
		};
		Ok((record, signed.bytes))
	}

	async fn send(&self, bytes: &[u8]) -> Result<Sent, ChainError> {
		answer(self.client.send(bytes).await)
	}

	async fn find(
		&self,
		hashes: &[Hash],
		from: BlockNumber,
		to: BlockNumber,
	) -> Result<Option<Inclusion>, ChainError> {
		for number in from..=to {
			// They are finalized: a node that does not know one of them has lost its blocks.
			let at = self.client.block_hash(number).await?.ok_or_else(|| {
				ChainError::Away(format!("the node does not know block {number} any more"))
			})?;
			let extrinsics = match self.client.block(at).await {
				Ok(block) => block.extrinsics,
				Err(Error::Pruned { .. }) => continue,
				Err(error) => return Err(error.into()),
			};
			let found = extrinsics.iter().zip(0..).find_map(|(bytes, index)| {
				let hash = blake2_256(bytes).0;
				hashes.contains(&hash).then_some((hash, index))
			});
			let Some((hash, index)) = found else {
				continue;
			};
			let place = Place {
				block: BlockRef { number, hash: at },
				index,
			};
			let outcome = match self.client.outcome(place).await {
				Ok(found) => match found.result {
					Ok(()) => Outcome::Succeeded,
					Err(failure) => Outcome::Failed(failure.to_string()),
				},
				// Events are part of the state, which nodes keep for a few hundred blocks.
				Err(Error::Pruned { .. }) => Outcome::Unknown,
				Err(error) => return Err(error.into()),
			};
			return Ok(Some(Inclusion {
				hash,
				block: number,
				outcome,
			}));
		}
		Ok(None)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn bytes_that_the_pool_will_not_take_should_be_told_from_those_that_it_may_take_later() {
		let answer = |error| answer(Err(Error::Pool(error)));
		for error in [PoolError::TemporarilyBanned, PoolError::BadSignature] {
			let sent = answer(error);
			assert!(matches!(sent, Ok(Sent::Banned(_))), "{sent:?}");
		}
		for error in [PoolError::Full, PoolError::CannotPay, PoolError::Future] {
			let sent = answer(error);
			assert!(matches!(sent, Ok(Sent::Refused(_))), "{sent:?}");
		}
		let sent = answer(PoolError::AlreadyImported);
		assert!(matches!(sent, Ok(Sent::Pooled)), "{sent:?}");
	}
}
