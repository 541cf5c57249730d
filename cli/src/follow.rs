//! Following an order from posting to its final receipt.

use std::time::{Duration, Instant};

use lemma_client::{
	chain::BlockRef, AccountId, At, Balance, Client, Error, Order, OrderId, OrderStatus, Receipt,
};

use crate::{
	context::{Context, Waiting},
	failure::{exit, Failure, Outcome},
	output::Progress,
	views::{account, lem},
};

const POLL: Duration = Duration::from_millis(250);

/// Where an order is, as one block's state shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
	/// In the book.
	Live {
		/// The order.
		order: Box<Order>,
		/// What a claim would cost in the next block, while it is open.
		price: Option<Balance>,
	},
	/// Settled.
	Settled(Box<Receipt>),
	/// Neither.
	Gone,
}

/// Looks at an order in the state of one block.
pub async fn look(client: &Client, id: OrderId, block: BlockRef) -> Result<Sight, Error> {
	let at = At::from(block);
	if let Some(order) = client.order(id, at).await? {
		let price = match order.status {
			OrderStatus::Open => client.current_price(id, at).await?,
			_ => None,
		};
		return Ok(Sight::Live {
			order: Box::new(order),
			price,
		});
	}
	Ok(match client.receipt(id, at).await? {
		Some(receipt) => Sight::Settled(Box::new(receipt)),
		None => Sight::Gone,
	})
}

/// How long each phase took, as far as it was watched; seconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Phases {
	/// From the start of watching to the claim.
	pub claim: Option<f64>,
	/// From the claim to the settlement.
	pub prove: Option<f64>,
	/// From the settlement to its being final.
	pub finalize: Option<f64>,
}

/// What one look at an order found.
enum Found {
	/// It is not settled.
	Live,
	/// It is settled in the best block, but not for good.
	Settled,
	/// It is settled in a finalized block.
	Final,
}

/// An order that is followed from posting to its final receipt, with a line of progress for each event.
pub struct Follower<'a> {
	client: &'a Client,
	id: OrderId,
	start: Instant,
	claimed: Option<(Instant, AccountId)>,
	settled: Option<Instant>,
	/// The best block at the last look.
	last: Option<BlockRef>,
	deadline: Option<u32>,
	gone_since: Option<u32>,
}

impl<'a> Follower<'a> {
	/// Of the order `id`, from now on.
	pub fn new(context: &Context, client: &'a Client, id: OrderId) -> Self {
		context.wait_for(Waiting::Order(id));
		Self {
			client,
			id,
			start: Instant::now(),
			claimed: None,
			settled: None,
			last: None,
			deadline: None,
			gone_since: None,
		}
	}

	/// Waits until the order is settled in the best block, which a fork may still undo.
	pub async fn settled(&mut self, progress: &mut Progress) -> Outcome<()> {
		while let Found::Live = self.look(progress).await? {
			tokio::time::sleep(POLL).await;
		}
		Ok(())
	}

	/// Waits until the order is settled in a finalized block.
	pub async fn finalized(mut self, progress: &mut Progress) -> Outcome<Phases> {
		loop {
			match self.look(progress).await? {
				Found::Live | Found::Settled => tokio::time::sleep(POLL).await,
				Found::Final => return Ok(self.phases()),
			}
		}
	}

	fn phases(&self) -> Phases {
		let now = Instant::now();
		let settled = self.settled.unwrap_or(now);
		let claimed = self.claimed.as_ref().map(|(at, _)| *at);
		let between = |from: Instant, to: Instant| (to - from).as_secs_f64();
		Phases {
			claim: claimed.map(|at| between(self.start, at)),
			prove: claimed.map(|at| between(at, settled)),
			finalize: Some(between(settled, now)),
		}
	}

	async fn look(&mut self, progress: &mut Progress) -> Outcome<Found> {
		let (client, id) = (self.client, self.id);
		let best = client.best().await?;
		// A live order changes only with a block.
		if self.last == Some(best) {
			return Ok(Found::Live);
		}
		match look(client, id, best).await? {
			Sight::Live { order, price } => {
				self.last = Some(best);
				self.gone_since = None;
				self.deadline = Some(order.deadline);
				// A settlement that was undone by a reorganisation is waited for again.
				self.settled = None;
				report_live(id, &order, price, &mut self.claimed, progress);
				Ok(Found::Live)
			}
			Sight::Settled(receipt) => {
				let block = receipt.settled_at;
				if self.settled.is_none() {
					self.settled = Some(Instant::now());
					progress.done(&format!(
						"settled in block {block}: {} LEM paid to {}",
						lem(receipt.paid),
						account(&receipt.provider),
					));
				}
				progress.wait(&format!("waiting for block {block} to be final"));
				let is_final = client.finalized().await?.number >= block
					&& client.receipt(id, At::Finalized).await?.is_some();
				Ok(match is_final {
					true => Found::Final,
					false => Found::Settled,
				})
			}
			// A block that a reorganisation undoes may not know the order yet: only finality ends it.
			Sight::Gone => {
				let since = *self.gone_since.get_or_insert(best.number);
				if client.finalized().await?.number >= since {
					return Err(ended(id, self.deadline, best));
				}
				Ok(Found::Live)
			}
		}
	}
}

fn report_live(
	id: OrderId,
	order: &Order,
	price: Option<Balance>,
	claimed: &mut Option<(Instant, AccountId)>,
	progress: &mut Progress,
) {
	match &order.status {
		OrderStatus::Open => {
			let price = price.map_or_else(|| "?".into(), lem);
			progress.wait(&format!(
				"order {id} is open: a claim would be paid {price} LEM"
			));
		}
		OrderStatus::Claimed {
			provider,
			price,
			expires_at,
			..
		} => {
			let new = claimed.as_ref().is_none_or(|(_, known)| known != provider);
			if new {
				*claimed = Some((Instant::now(), provider.clone()));
				let provider = account(provider);
				progress.done(&format!("claimed by {provider} for {} LEM", lem(*price)));
			}
			progress.wait(&format!(
				"computing and proving (due before block {expires_at})"
			));
		}
		OrderStatus::Rescue { missed, bounty, .. } => {
			if claimed.take().is_some() {
				let missed = account(missed);
				progress.done(&format!("{missed} missed its deadline and was slashed"));
			}
			progress.wait(&format!(
				"waiting for anyone to prove it, for {} LEM more",
				lem(*bounty)
			));
		}
	}
}

/// Why an order that was live is in the book no longer.
pub fn ended(id: OrderId, deadline: Option<u32>, best: BlockRef) -> Failure {
	match deadline {
		Some(deadline) if best.number >= deadline => Failure::new(
			exit::NO_RESULT,
			"order_expired",
			format!(
				"order {id} expired at block {deadline} before anybody proved it, and its money is back: \
				 order again with a higher --max-price or a longer --lifetime, and check that a worker runs"
			),
		),
		Some(_) => Failure::new(
			exit::NO_RESULT,
			"order_cancelled",
			format!("order {id} was cancelled, and its money is back"),
		),
		None => {
			let error = Error::NoSuchOrder { id, posted: None };
			Failure {
				exit: exit::NO_RESULT,
				..error.into()
			}
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn an_order_that_ended_should_be_called_expired_from_its_deadline_on() {
		let at = |number| BlockRef {
			number,
			hash: Default::default(),
		};
		assert_eq!(ended(3, Some(100), at(100)).code, "order_expired");
		assert_eq!(ended(3, Some(100), at(99)).code, "order_cancelled");
		assert_eq!(ended(3, None, at(99)).code, "no_such_order");
		assert_eq!(ended(3, None, at(99)).exit, exit::NO_RESULT);
	}
}
