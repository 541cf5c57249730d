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

/// Waits until an order is settled in a finalized block, and says what happens meanwhile.
pub async fn to_settlement(
	context: &Context,
	client: &Client,
	id: OrderId,
	progress: &mut Progress,
) -> Outcome<Phases> {
	context.wait_for(Waiting::Order(id));
	let start = Instant::now();
	let mut claimed: Option<(Instant, AccountId)> = None;
	let mut settled: Option<Instant> = None;
	let mut last = None;
	let mut deadline = None;
	let mut gone_since: Option<u32> = None;
	loop {
		let best = client.best().await?;
		if last == Some(best) {
			tokio::time::sleep(POLL).await;
			continue;
		}
		last = Some(best);
		match look(client, id, best).await? {
			Sight::Live { order, price } => {
				gone_since = None;
				deadline = Some(order.deadline);
				// A settlement that was undone by a reorganisation is waited for again.
				settled = None;
				report_live(id, &order, price, &mut claimed, progress);
			}
			Sight::Settled(receipt) => {
				if settled.is_none() {
					settled = Some(Instant::now());
					let provider = account(&receipt.provider);
					progress.done(&format!(
						"settled in block {}: {} LEM paid to {provider}",
						receipt.settled_at,
						lem(receipt.paid)
					));
				}
				progress.wait(&format!(
					"waiting for block {} to be final",
					receipt.settled_at
				));
				if client.finalized().await?.number < receipt.settled_at {
					last = None;
					tokio::time::sleep(POLL).await;
					continue;
				}
				// What is final is what counts.
				if client.receipt(id, At::Finalized).await?.is_some() {
					let now = Instant::now();
					let settled = settled.unwrap_or(now);
					let claimed = claimed.map(|(at, _)| at);
					let between = |from: Instant, to: Instant| (to - from).as_secs_f64();
					return Ok(Phases {
						claim: claimed.map(|at| between(start, at)),
						prove: claimed.map(|at| between(at, settled)),
						finalize: Some(between(settled, now)),
					});
				}
				last = None;
				tokio::time::sleep(POLL).await;
			}
			// A block that a reorganisation undoes may not know the order yet: only finality ends it.
			Sight::Gone => {
				let since = *gone_since.get_or_insert(best.number);
				if client.finalized().await?.number >= since {
					return Err(ended(id, deadline, best));
				}
				last = None;
				tokio::time::sleep(POLL).await;
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
