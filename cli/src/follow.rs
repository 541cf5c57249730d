//! Following an order from posting to its final receipt.

use std::time::{Duration, Instant};

use lemma_client::{
	chain::BlockRef, AccountId, At, Balance, Client, Error, Order, OrderId, OrderStatus, Receipt,
	H256,
};

use crate::{
	context::{Context, Waiting},
	failure::{exit, Failure, Outcome},
	ledger::Request,
	output::Progress,
	posting,
	views::{account, lem},
};

/// How often an order is looked at.
pub const POLL: Duration = Duration::from_millis(250);

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

/// Looks at an order in the state of one block. If a request is given, only an order for that counts: after a fork the
/// number may be that of another.
pub async fn look(
	client: &Client,
	id: OrderId,
	block: BlockRef,
	request: Option<&Request>,
) -> Result<Sight, Error> {
	let at = At::from(block);
	let is_meant = |requester: &AccountId, program: &H256, commitment: &H256| {
		request.is_none_or(|request| request.is_of(requester, program, commitment))
	};
	if let Some(order) = client.order(id, at).await? {
		let spec = &order.spec;
		if !is_meant(&order.requester, &spec.program, &spec.commitment) {
			return Ok(Sight::Gone);
		}
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
		Some(receipt) if is_meant(&receipt.requester, &receipt.program, &receipt.commitment) => {
			Sight::Settled(Box::new(receipt))
		}
		_ => Sight::Gone,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
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
	/// What it is for, if this machine ordered it.
	request: Option<Request>,
	/// Whether it is one of several: its lines name it then, and what is waited for is for others to say.
	among_others: bool,
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
			among_others: false,
			..Self::among_others(client, id)
		}
	}

	/// Of the order `id`, from now on, beside others.
	pub fn among_others(client: &'a Client, id: OrderId) -> Self {
		Self {
			client,
			id,
			request: None,
			among_others: true,
			start: Instant::now(),
			claimed: None,
			settled: None,
			last: None,
			deadline: None,
			gone_since: None,
		}
	}

	/// The order must be for this request: where a fork gives the number to another, its new number is followed.
	pub fn of(self, request: Request) -> Self {
		Self {
			request: Some(request),
			..self
		}
	}

	/// The number that the order has now.
	pub fn id(&self) -> OrderId {
		self.id
	}

	/// Waits until the order is settled in the best block, which a fork may still undo.
	pub async fn settled(&mut self, progress: &mut Progress) -> Outcome<()> {
		while let Found::Live = self.look(progress).await? {
			tokio::time::sleep(POLL).await;
		}
		Ok(())
	}

	/// Waits until the order is settled in a finalized block. The number that it has there, and how long that took.
	pub async fn finalized(mut self, progress: &mut Progress) -> Outcome<(OrderId, Phases)> {
		while let Found::Live | Found::Settled = self.look(progress).await? {
			tokio::time::sleep(POLL).await;
		}
		if let Some(request) = &self.request {
			posting::settled(self.client, request, self.id).await?;
		}
		Ok((self.id, self.phases()))
	}

	/// Whether somebody works on it, as far as is known.
	pub fn is_claimed(&self) -> bool {
		self.claimed.is_some()
	}

	fn done(&self, progress: &mut Progress, text: &str) {
		match self.among_others {
			true => progress.done(&format!("order {} {text}", self.id)),
			false => progress.done(text),
		}
	}

	fn wait(&self, progress: &mut Progress, text: &str) {
		if !self.among_others {
			progress.wait(text);
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

	/// Looks at it once. Says what has happened since the last time.
	pub async fn look(&mut self, progress: &mut Progress) -> Outcome<Found> {
		let (client, id) = (self.client, self.id);
		let best = client.best().await?;
		// A live order changes only with a block.
		if self.last == Some(best) {
			return Ok(Found::Live);
		}
		match look(client, id, best, self.request.as_ref()).await? {
			Sight::Live { order, price } => {
				self.last = Some(best);
				self.gone_since = None;
				self.deadline = Some(order.deadline);
				// A settlement that was undone by a reorganisation is waited for again.
				self.settled = None;
				self.report_live(&order, price, progress);
				Ok(Found::Live)
			}
			Sight::Settled(receipt) => {
				let block = receipt.settled_at;
				if self.settled.is_none() {
					self.settled = Some(Instant::now());
					let provider = account(&receipt.provider);
					let paid = lem(receipt.paid);
					let text = format!("settled in block {block}: {paid} LEM paid to {provider}");
					self.done(progress, &text);
				}
				self.wait(progress, &format!("waiting for block {block} to be final"));
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
					let Some(now) = self.moved(progress).await? else {
						return Err(ended(id, self.deadline, best));
					};
					progress.done(&moved(id, now));
					self.id = now;
					self.claimed = None;
					self.settled = None;
					self.last = None;
					self.deadline = None;
					self.gone_since = None;
				}
				Ok(Found::Live)
			}
		}
	}

	/// The number that the order has now, if a fork has given it another.
	async fn moved(&self, progress: &mut Progress) -> Outcome<Option<OrderId>> {
		match &self.request {
			Some(request) => posting::moved(self.client, request, self.id, progress).await,
			None => Ok(None),
		}
	}

	fn report_live(&mut self, order: &Order, price: Option<Balance>, progress: &mut Progress) {
		let id = self.id;
		match &order.status {
			OrderStatus::Open => {
				let price = price.map_or_else(|| "?".into(), lem);
				let text = format!("order {id} is open: a claim would be paid {price} LEM");
				self.wait(progress, &text);
			}
			OrderStatus::Claimed {
				provider,
				price,
				expires_at,
				..
			} => {
				let known = self.claimed.as_ref().map(|(_, known)| known);
				if known != Some(provider) {
					self.claimed = Some((Instant::now(), provider.clone()));
					let provider = account(provider);
					let text = format!("claimed by {provider} for {} LEM", lem(*price));
					self.done(progress, &text);
				}
				let text = format!("computing and proving (due before block {expires_at})");
				self.wait(progress, &text);
			}
			OrderStatus::Rescue { missed, bounty, .. } => {
				let missed = account(missed);
				if self.claimed.take().is_some() {
					let text = match self.among_others {
						true => format!("was missed by {missed}, which was slashed"),
						false => format!("{missed} missed its deadline and was slashed"),
					};
					self.done(progress, &text);
				}
				let text = format!(
					"waiting for anyone to prove it, for {} LEM more",
					lem(*bounty)
				);
				self.wait(progress, &text);
			}
		}
	}
}

/// Says that a fork has given an order another number.
pub fn moved(before: OrderId, now: OrderId) -> String {
	format!("a fork has undone order {before}: the same is order {now} now")
}

/// Why an order that was live is in the book no longer.
pub fn ended(id: OrderId, deadline: Option<u32>, best: BlockRef) -> Failure {
	match deadline {
		Some(deadline) if best.number >= deadline => Failure::new(
			exit::NO_RESULT,
			"order_expired",
			format!(
				"order {id} expired at block {deadline} before anybody proved it, and its money is back: \
				 order again with a higher --max-price or a longer --lifetime, and check that a worker runs and can \
				 fetch the input (--store, --locator)"
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
