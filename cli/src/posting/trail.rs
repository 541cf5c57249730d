//! Finding what was posted: the order of a transaction that was signed before, whichever block it is in by now.

use std::time::Duration;

use lemma_client::{
	transact::{self, SignedBytes},
	At, Client, Error, OrderId,
};

use crate::{
	context::Context,
	failure::{exit, Failure, Outcome},
	ledger::{Ledger, Record, Request},
	output::Progress,
};

/// How often the chain is asked about an earlier transaction.
const POLL: Duration = Duration::from_millis(300);

/// What there is to find the order of a request by: its transaction, which is the same in whichever block it is.
pub struct Trail<'a> {
	/// The chain.
	pub client: &'a Client,
	/// Where the transaction and its order are noted.
	pub ledger: &'a Ledger,
	/// What was ordered.
	pub request: &'a Request,
}

impl Trail<'_> {
	/// Whether the node's chain is the one for which the transaction was signed. Chains with the same
	/// genesis differ in their blocks; but what is signed before the first of them is final would be valid on
	/// each of these chains.
	pub async fn is_of_this_chain(
		&self,
		record: &Record,
		signed: &SignedBytes,
		progress: &mut Progress,
	) -> Outcome<bool> {
		let signed_at = signed.signed_at;
		if self.client.block_hash(signed_at.number).await? != Some(signed_at.hash) {
			return Ok(false);
		}
		// A block that was final is of one chain only, unless it is the first.
		if signed_at.number > 0 {
			return Ok(true);
		}
		// What was never seen in a block may still come into one, whichever chain this is.
		let Some((number, hash)) = record.posted_in else {
			return Ok(true);
		};
		if record.is_on(self.client).await? {
			return Ok(true);
		}
		// A reorganisation has undone the block, or it was never on this chain: what is final tells.
		progress.wait(&format!(
			"waiting for block {number} to be final, to see whether an earlier order is on this chain"
		));
		if self.client.wait_finalized(number).await? == hash
			|| self.client.watch(signed).look().await?.is_some()
		{
			return Ok(true);
		}
		// Undone, it waits in the node's pool for another block: there, but in no block, its nonce is taken.
		let account = &self.request.account;
		Ok(self.client.nonce(account, At::Best).await? <= signed.nonce
			&& self.client.next_nonce(account).await? > signed.nonce)
	}

	/// Finds the order of a transaction that was signed before, whether or not it was sent; `None` if it is in no block
	/// and can come into none. `input` is put where providers find it before the transaction is sent once more.
	pub async fn follow(
		&self,
		record: &mut Record,
		input: Option<(&Context, &[u8])>,
		progress: &mut Progress,
	) -> Outcome<Option<OrderId>> {
		let Some(signed) = record.signed() else {
			return Ok(None);
		};
		let (client, account) = (self.client, &self.request.account);
		let mut watch = client.watch(&signed);
		let (mut stored, mut sent) = (false, false);
		loop {
			// Asked before the search: what has used up the nonce or the time by now is then found.
			let used = client.nonce(account, At::Finalized).await? > signed.nonce;
			let finalized = client.finalized().await?.number;
			if let Some(inclusion) = watch.look().await? {
				let outcome = client.outcome(inclusion).await?;
				return self.note(outcome, record, progress).await.map(Some);
			}
			let expired = signed
				.expires_at
				.is_some_and(|end| finalized.saturating_add(1) >= end);
			if used || expired {
				return Ok(None);
			}
			if let (Some((context, blob)), false) = (input, stored) {
				context.store()?.put(blob.to_vec()).await?;
				stored = true;
			}
			if !sent {
				// Whatever the pool says now, only the chain knows whether it is included.
				match client.send(&signed.bytes).await {
					Ok(()) => sent = true,
					Err(e) => progress.wait(&format!(
						"the node does not take the transaction of an earlier command at present ({e}); \
						 trying again until its time runs out (--new orders anew)"
					)),
				}
				if client.next_nonce(account).await? < signed.nonce {
					progress.wait(
						"a transaction of this account that comes before that of an earlier command is missing: \
						 waiting for it until its time runs out (--new orders anew)",
					);
				}
			}
			tokio::time::sleep(POLL).await;
		}
	}

	/// Notes the order that a transaction with this outcome posted. That it cannot be noted changes nothing for who waits
	/// for it: the transaction was noted before it was sent, and the order is found by that.
	pub async fn note(
		&self,
		outcome: transact::Outcome,
		record: &mut Record,
		progress: &mut Progress,
	) -> Outcome<OrderId> {
		if let Err(failure) = outcome.result {
			if let Ok(locked) = self.ledger.lock().await {
				locked.forget(self.request, record);
			}
			return Err(Error::from(failure).into());
		}
		let order = outcome.posted_order().ok_or_else(|| {
			Failure::from(Error::Unreadable {
				what: "the events of post_order".into(),
				reason: "there is no OrderPosted among them".into(),
			})
		})?;
		record.posted(outcome.inclusion, order);
		let noted = match self.ledger.lock().await {
			Ok(locked) => locked.update(self.request, record),
			Err(failure) => Err(failure),
		};
		if let Err(failure) = noted {
			progress.done(&format!(
				"order {order} is posted, but its number could not be noted: {}",
				failure.message
			));
		}
		Ok(order)
	}
}

/// The number that the order of a request has now, where a fork has undone the block in which it had the number `order`;
/// `None` if there was no fork, or the order was not posted after it.
pub async fn moved(
	client: &Client,
	request: &Request,
	order: OrderId,
	progress: &mut Progress,
) -> Outcome<Option<OrderId>> {
	let ledger = Ledger::open(client.genesis_hash());
	let Some(mut record) = ledger.find(request) else {
		return Ok(None);
	};
	if record.is_on(client).await? {
		// Another command that follows the same may have noted it.
		return Ok(record.order.filter(|now| *now != order));
	}
	let trail = Trail {
		client,
		ledger: &ledger,
		request,
	};
	trail.follow(&mut record, None, progress).await
}

/// Fails unless the chain is one that its users start anew at will. On any other, blocks that are missing are
/// those of a node that is behind or on a fork, and a second order would be paid for beside the first.
pub async fn check_may_start_anew(client: &Client) -> Outcome<()> {
	let asked = client.rpc().request("system_chainType", Default::default());
	let kind: String = asked.await.unwrap_or_default();
	if ["Development", "Local"].contains(&kind.as_str()) {
		return Ok(());
	}
	Err(Failure::new(
		exit::NO_NODE,
		"other_blocks",
		"the same was ordered before, on a chain with other blocks than this node has: wait until the node \
		 has caught up, or name another with --node; --new orders anew whatever became of the first",
	))
}
