//! Getting an order's input, and deciding whether to take the order.

use std::{sync::Arc, time::Duration};

use lemma_client::{AccountId, Balance, Order, OrderStatus, Provider};
use lemma_primitives::order::InputSource;

use super::{Ended, OrderTask, Turn};
use crate::{
	chain::{fingerprint, Block},
	decide::View,
	journal::{Attachment, Record, State},
	outbox::OutboxError,
	scheduler::new_record,
	selection::{self, Demand, Offer, Verdict},
	workshop::{PrepareError, Prepared},
};

/// Blocks after which an order whose price is too low for its work is looked at again.
const BLOCKS_UNTIL_DEARER: u32 = 10;
/// How many times `max_input_bytes` the inputs of orders that are not taken may occupy.
const INPUTS_KEPT: u64 = 4;

impl OrderTask {
	/// Gets the input, unless it is here. The inner error is what to do instead.
	pub(super) async fn prepare(
		&mut self,
		record: &Record,
		view: &View,
	) -> Result<Result<Arc<Prepared>, Turn>, OutboxError> {
		if let Some(job) = &self.job {
			return Ok(Ok(job.clone()));
		}
		let orders = [&view.best.order, &view.finalized.order];
		let order = orders
			.into_iter()
			.flatten()
			.find(|order| fingerprint(order) == record.fingerprint);
		let Some(order) = order else {
			return Ok(Err(Turn::Wait));
		};
		let bound = record.state.is_bound();
		if let (false, InputSource::Stored { size, .. }) = (bound, &order.spec.input) {
			let room = self
				.context
				.rules
				.max_input_bytes
				.saturating_mul(INPUTS_KEPT);
			let needed = self.context.needed_inputs()?;
			self.context
				.workshop
				.drop_inputs(&needed, room.saturating_sub(*size));
		}
		let reason = match self.context.workshop.prepare(order, bound).await {
			Ok(job) => {
				self.job = Some(job.clone());
				self.context.status.problem(self.order, None);
				return Ok(Ok(job));
			}
			Err(PrepareError::Refused(reason)) if !bound => {
				self.context.end(self.order, State::Refused { reason })?;
				return Ok(Err(Turn::Ended(Ended::Refused)));
			}
			Err(PrepareError::Unfit(reason)) if !bound => {
				self.context.end(self.order, State::Refused { reason })?;
				return Ok(Err(Turn::Ended(Ended::Final)));
			}
			Err(PrepareError::Later(reason)) if !bound => {
				tracing::warn!("left for now: {reason}");
				return Ok(Err(Turn::Ended(Ended::NoInput)));
			}
			// It was here and right when we claimed: it may come back.
			Err(
				PrepareError::Refused(reason)
				| PrepareError::Unfit(reason)
				| PrepareError::Later(reason),
			) => reason,
		};
		if self.is_missed(record, view) {
			let reason = format!("the input is no longer to be had: {reason}");
			return self.fail(reason).map(Err);
		}
		self.context.status.problem(self.order, Some(reason));
		Ok(Err(Turn::Later(self.context.retry)))
	}

	/// Whether this life can serve an order whose claim an earlier one signed, and may claim it: bundles, memory and rules may
	/// be others now. The inner error is what to do instead of sending the claim, which dies out then.
	pub(super) async fn is_fit(
		&mut self,
		record: &Record,
		view: &View,
	) -> Result<Result<(), Turn>, OutboxError> {
		let (rules, served) = (&self.context.rules, &self.context.served);
		if !rules.claim {
			return Ok(Err(self.leave_claim("this worker does not claim")));
		}
		if !served.contains(&record.program) {
			return Ok(Err(self.leave_claim("its program is not served")));
		}
		let most = rules.max_memory_bytes;
		let job = match self.prepare(record, view).await? {
			Ok(job) => job,
			Err(turn) => return Ok(Err(turn)),
		};
		if job.facts.memory_estimate > most {
			let reason = "proving it takes more than max_memory_bytes";
			return Ok(Err(self.leave_claim(reason)));
		}
		self.fit = true;
		Ok(Ok(()))
	}

	/// Shows why a signed claim is not sent.
	fn leave_claim(&self, reason: &str) -> Turn {
		let problem = format!("the claim that was signed before this start is not sent: {reason}");
		self.context.status.problem(self.order, Some(problem));
		Turn::Wait
	}

	/// Decides with the input at hand whether to take the order, at the price of now.
	pub(super) async fn consider(
		&mut self,
		record: &Record,
		view: &View,
		rescue: bool,
	) -> Result<Turn, OutboxError> {
		let job = match self.prepare(record, view).await? {
			Ok(job) => job,
			Err(turn) => return Ok(turn),
		};
		let Some(order) = &view.best.order else {
			return Ok(Turn::Wait);
		};
		let reasons = self.context.status.reasons_not_to_take();
		if !reasons.is_empty() {
			tracing::info!("left for now: {}", reasons.join("; "));
			return Ok(Turn::Ended(Ended::Left(Duration::ZERO)));
		}
		let context = self.context.clone();
		let _claiming = context.claiming.lock().await;
		let best = context.chain.heads().await?.best;
		let provider = match self.acting_for(record, order, best).await? {
			Ok(provider) => provider,
			Err(turn) => return Ok(turn),
		};
		let Some(offer) = self.offer(order, view, best, &provider).await? else {
			return Ok(Turn::Wait);
		};
		let demand = Demand {
			seconds: self.context.workshop.estimate_seconds(&job),
			memory_bytes: job.facts.memory_estimate,
		};
		let rules = &self.context.rules;
		match selection::with_input(order, rules, &self.context.served, &offer, &demand) {
			Verdict::Take => {
				let next = if rescue {
					State::Proving
				} else {
					State::Claiming
				};
				tracing::info!(
					price = %lemma_client::amount::format(offer.price),
					shape = job.facts.shape,
					estimated_seconds = demand.seconds,
					rescue,
					"taking it"
				);
				self.fit = true;
				self.context
					.journal
					.advance(self.order, next, Attachment::Nothing)?;
				self.context.workshop.warm(&job);
				Ok(Turn::Again)
			}
			Verdict::NotNow(reason) => {
				tracing::info!("left for now: {reason}");
				// To look at an input again costs time that other orders may want.
				let time = self.context.block_time() * BLOCKS_UNTIL_DEARER;
				Ok(Turn::Ended(Ended::Left(time)))
			}
			Verdict::Never(reason) => {
				self.context.end(self.order, State::Refused { reason })?;
				Ok(Turn::Ended(Ended::Final))
			}
		}
	}

	/// The provider for which our account acts at a block, if the record is for that one: a claim for another would commit
	/// a bond that nobody here works for. The inner error is what to do instead.
	pub(super) async fn acting_for(
		&self,
		record: &Record,
		order: &Order,
		at: Block,
	) -> Result<Result<Provider, Turn>, OutboxError> {
		match self.context.chain.provider(at).await? {
			Some((account, provider)) if account == AccountId::new(record.provider) => {
				Ok(Ok(provider))
			}
			Some((account, _)) => {
				tracing::warn!(
					provider = %account,
					"our account acts for another provider now: beginning anew"
				);
				let anew = new_record(self.order, order, account.into());
				self.context.journal.begin(anew)?;
				// What this task may have in hand was made for the other.
				Ok(Err(Turn::Ended(Ended::Left(self.context.retry))))
			}
			None => {
				tracing::info!("left for now: our account acts for no provider");
				if record.state == State::Claiming {
					// Nothing is reserved for a claim that nobody can make.
					let journal = &self.context.journal;
					journal.advance(self.order, State::Fetched, Attachment::Nothing)?;
				}
				Ok(Err(Turn::Ended(Ended::Left(self.context.retry))))
			}
		}
	}

	async fn offer(
		&self,
		order: &Order,
		view: &View,
		best: Block,
		provider: &Provider,
	) -> Result<Option<Offer>, OutboxError> {
		let chain = &self.context.chain;
		let price = match &order.status {
			OrderStatus::Rescue { price, bounty, .. } => Some(price.saturating_add(*bounty)),
			_ => chain.price(best, self.order).await?,
		};
		let free_bond = provider.active.saturating_sub(provider.committed);
		let free_bond = free_bond.saturating_sub(self.reserved(best).await?);
		let spendable = chain.spendable(best).await?;
		Ok(price.map(|price| Offer {
			price,
			// The input may have taken its time.
			now: view.best.number.max(best.number),
			block_time: self.context.block_time(),
			free_bond,
			spendable,
		}))
	}
	/// Collateral of the claims of other orders that are to be made, or that the block does not hold.
	async fn reserved(&self, at: Block) -> Result<Balance, OutboxError> {
		let mut reserved = Balance::default();
		for record in self.context.journal.live()? {
			let claims = record.state == State::Claiming || record.claim.is_some();
			if record.order == self.order || !claims {
				continue;
			}
			let sight = self.context.chain.sight(at, record.order).await?;
			let open = sight.order.filter(|order| {
				order.status == OrderStatus::Open && fingerprint(order) == record.fingerprint
			});
			if let Some(order) = open {
				reserved = reserved.saturating_add(order.collateral);
			}
		}
		Ok(reserved)
	}
}
