//! One order, from its first record in the journal to its last: looks at the chain, asks [`decide`] what to
//! do, does it, and waits for the next block.

use std::{
	sync::Arc,
	time::{Duration, Instant},
};

use lemma_client::{AccountId, OrderStatus};
use lemma_zk_circuits::program::Job;
use tokio::{
	sync::{watch, OwnedSemaphorePermit},
	task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::{
	chain::{fingerprint, ChainError, Heads, Sent, Standing},
	context::Context,
	decide::{decide, Found, Step, View, REFUSALS_BORNE},
	journal::{Attachment, Blob, JournalError, Record, State},
	outbox::OutboxError,
	selection::{self, Demand, Offer, Verdict},
	workshop::{Finished, PrepareError, Task},
};

/// Blocks after which an unincluded transaction is given to the node again.
const BLOCKS_UNTIL_RESENT: u32 = 4;
/// Attempts at computing and proving an order.
const ATTEMPTS: u32 = 2;
/// Longest wait for a new block before the chain is looked at again anyway.
const PATIENCE: Duration = Duration::from_secs(30);
/// Wait after the node or a store did not answer.
const RETRY: Duration = Duration::from_secs(2);

/// How the care of an order ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
	/// Its record is final.
	Final,
	/// It was left as it is, unbound: not worth it now. May be taken up again after the time.
	Left(Duration),
	/// The worker stops; the next start goes on.
	Stopped,
}

/// What a turn came to.
enum Turn {
	/// Look again at once.
	Again,
	/// Look again at the next block.
	Wait,
	/// Look again after a while.
	Later(Duration),
	/// It is over.
	Ended(Ended),
}

/// See the module.
pub struct OrderTask {
	context: Arc<Context>,
	order: u64,
	/// Counts against the jobs at a time until the submission is sent. The thread that proves holds it
	/// too, for it cannot be stopped.
	permit: Option<Arc<OwnedSemaphorePermit>>,
	job: Option<Arc<dyn Job>>,
	making: Option<JoinHandle<Result<Finished, String>>>,
	finished: Option<Finished>,
	attempts: u32,
	/// Heights at which claim and submission were last sent.
	sent_at: [Option<u32>; 2],
	miss_noted: bool,
	/// The status shows a problem with the chain that is over with the next good turn.
	chain_problem: bool,
}

impl OrderTask {
	/// The care of an order that the journal holds.
	pub fn new(context: Arc<Context>, order: u64, permit: Option<OwnedSemaphorePermit>) -> Self {
		Self {
			context,
			order,
			permit: permit.map(Arc::new),
			job: None,
			making: None,
			finished: None,
			attempts: 0,
			sent_at: [None; 2],
			miss_noted: false,
			chain_problem: false,
		}
	}

	/// Runs until the order ends or `stop` is cancelled; a bound order is first seen through to its
	/// submission. Errors are the journal's, and fatal.
	pub async fn run(
		mut self,
		mut heads: watch::Receiver<Heads>,
		stop: CancellationToken,
	) -> Result<Ended, JournalError> {
		self.context.status.metrics.jobs(1);
		let ended = self.turns(&mut heads, &stop).await;
		self.context.status.metrics.jobs(-1);
		self.context.status.job_ended(self.order);
		ended
	}

	async fn turns(
		&mut self,
		heads: &mut watch::Receiver<Heads>,
		stop: &CancellationToken,
	) -> Result<Ended, JournalError> {
		loop {
			let Some(record) = self.context.journal.get(self.order)? else {
				return Err(JournalError::Unknown(self.order));
			};
			self.context.status.job(self.order, record.state.name());
			if stop.is_cancelled() && !self.must_go_on(&record) {
				return Ok(Ended::Stopped);
			}
			let at = *heads.borrow_and_update();
			let turn = match self.turn(record, at).await {
				Ok(turn) => {
					if std::mem::take(&mut self.chain_problem) {
						self.context.status.problem(self.order, None);
					}
					turn
				}
				Err(OutboxError::Journal(error)) => return Err(error),
				Err(OutboxError::Chain(ChainError::Away(_))) => Turn::Later(RETRY),
				Err(OutboxError::Chain(ChainError::Refused(problem))) => {
					self.context.status.problem(self.order, Some(problem));
					self.chain_problem = true;
					Turn::Later(RETRY)
				}
			};
			match turn {
				Turn::Again => {}
				Turn::Wait => self.wait(heads, stop, PATIENCE).await,
				Turn::Later(time) => {
					tokio::select! {
						_ = tokio::time::sleep(time) => {},
						_ = stop.cancelled(), if !stop.is_cancelled() => {},
					}
				}
				Turn::Ended(ended) => return Ok(ended),
			}
		}
	}

	/// Waits for a new block, the end of the proving, or the wish to stop.
	async fn wait(
		&mut self,
		heads: &mut watch::Receiver<Heads>,
		stop: &CancellationToken,
		patience: Duration,
	) {
		let making = async {
			match &mut self.making {
				Some(making) => making.await.unwrap_or_else(|error| Err(error.to_string())),
				None => std::future::pending().await,
			}
		};
		let made = tokio::select! {
			made = making => Some(made),
			_ = heads.changed() => None,
			_ = tokio::time::sleep(patience) => None,
			_ = stop.cancelled(), if !stop.is_cancelled() => None,
		};
		if let Some(made) = made {
			self.making = None;
			match made {
				Ok(finished) => self.finished = Some(finished),
				Err(reason) => {
					tracing::error!(attempt = self.attempts, "{reason}");
					self.context.status.problem(self.order, Some(reason));
				}
			}
		}
	}

	/// While stopping: bound, and the submission not yet given to a node.
	fn must_go_on(&self, record: &Record) -> bool {
		record.state.is_bound() && record.state != State::Submitted
	}

	async fn turn(&mut self, record: Record, heads: Heads) -> Result<Turn, OutboxError> {
		let chain = self.context.chain.clone();
		let view = View {
			best: chain.sight(heads.best, self.order).await?,
			finalized: chain.sight(heads.finalized, self.order).await?,
		};
		self.note_miss(&record, &view)?;
		let mut found: Found = None;
		let step = loop {
			match decide(&record, &view, &found) {
				Step::Lookup(signed) => {
					let (from, to) = (
						signed.born_at.saturating_add(1),
						view.finalized.number.min(signed.dies_at),
					);
					found = Some(chain.find(signed.hash, from, to).await?);
				}
				step => break step,
			}
		};
		tracing::debug!(
			?step,
			state = record.state.name(),
			best = view.best.number,
			"deciding"
		);
		self.perform(record, view, step).await
	}

	async fn perform(
		&mut self,
		record: Record,
		view: View,
		step: Step,
	) -> Result<Turn, OutboxError> {
		let journal = self.context.journal.clone();
		let order = self.order;
		match step {
			// `Lookup` was done by the caller.
			Step::Wait | Step::Lookup(_) => {
				self.keep_result(&record)?;
				Ok(Turn::Wait)
			}
			Step::Fetch => match self.prepare(&record, &view).await? {
				Ok(job) => {
					let shape = job.shape();
					journal.advance(order, State::Fetched, Attachment::Shape(&shape))?;
					Ok(Turn::Again)
				}
				Err(turn) => Ok(turn),
			},
			Step::Consider { rescue } => self.consider(&record, &view, rescue).await,
			Step::SignClaim => {
				let record = self.context.outbox.sign_claim(order).await?;
				if let Some(claim) = record.claim {
					tracing::info!(hash = %hex::encode(claim.hash), nonce = claim.nonce, "claim signed");
				}
				self.sent_at = [None; 2];
				Ok(Turn::Again)
			}
			Step::SendClaim => self.send(&view, Blob::Claim).await,
			Step::NoteClaimed { price, expires_at } => {
				journal.advance(
					order,
					State::Claimed { price, expires_at },
					Attachment::Nothing,
				)?;
				tracing::info!(
					price = %lemma_client::amount::format(price),
					expires_at,
					"claimed"
				);
				self.context.status.problem(order, None);
				Ok(Turn::Again)
			}
			Step::BeginAgain => {
				tracing::warn!("the claim did not hold; considering the order again");
				journal.advance(order, State::Fetched, Attachment::Nothing)?;
				self.sent_at = [None; 2];
				Ok(Turn::Again)
			}
			Step::Prove => self.prove(record, &view).await,
			Step::SignSubmission => match self.context.outbox.sign_submission(order).await? {
				Some(record) => {
					if let Some(submission) = record.submission {
						tracing::info!(
							hash = %hex::encode(submission.hash),
							nonce = submission.nonce,
							"submission signed"
						);
					}
					self.sent_at[Blob::Submission as usize] = None;
					Ok(Turn::Again)
				}
				None => {
					let reason = "the journal lost output and proof".to_owned();
					self.fail(reason)
				}
			},
			Step::SendSubmission => {
				let turn = self.send(&view, Blob::Submission).await?;
				if !matches!(turn, Turn::Ended(_)) {
					journal.advance(order, State::Submitted, Attachment::Nothing)?;
					// The rest is waiting: another order may have the place.
					self.permit = None;
				}
				Ok(turn)
			}
			Step::SubmitAgain => {
				tracing::warn!("the submission can no longer be included; signing another");
				journal.advance(order, State::Proved, Attachment::Nothing)?;
				Ok(Turn::Again)
			}
			Step::NoteRefusal(reason) => {
				if record.refusals.saturating_add(1) >= REFUSALS_BORNE {
					return self.fail(format!("the chain refused the proof: {reason}"));
				}
				tracing::error!("the chain refused the proof, submitting once more: {reason}");
				journal.advance(order, State::Proved, Attachment::Refusal)?;
				Ok(Turn::Again)
			}
			Step::End(state) => {
				self.context.end(self.order, state)?;
				Ok(Turn::Ended(Ended::Final))
			}
		}
	}

	/// Gets the input, unless it is here. The inner error is what to do instead.
	async fn prepare(
		&mut self,
		record: &Record,
		view: &View,
	) -> Result<Result<Arc<dyn Job>, Turn>, OutboxError> {
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
		match self.context.workshop.prepare(order).await {
			Ok(job) => {
				self.job = Some(job.clone());
				self.context.status.problem(self.order, None);
				Ok(Ok(job))
			}
			Err(PrepareError::Refused(reason)) if record.state.is_bound() => {
				// It was here and right when we claimed.
				let reason = format!("the input is no longer to be had: {reason}");
				self.fail(reason).map(Err)
			}
			Err(PrepareError::Refused(reason)) => {
				tracing::info!("refused: {reason}");
				self.context.end(self.order, State::Refused { reason })?;
				Ok(Err(Turn::Ended(Ended::Final)))
			}
			Err(PrepareError::Later(reason)) if record.state.is_bound() => {
				self.context.status.problem(self.order, Some(reason));
				Ok(Err(Turn::Later(RETRY)))
			}
			Err(PrepareError::Later(reason)) => {
				tracing::warn!("left for now: {reason}");
				Ok(Err(Turn::Ended(Ended::Left(Duration::from_secs(30)))))
			}
		}
	}

	/// Decides with the input at hand whether to take the order, at the price of now.
	async fn consider(
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
		let Some(offer) = self.offer(order, view).await? else {
			return Ok(Turn::Wait);
		};
		let demand = Demand {
			seconds: self.context.workshop.estimate_seconds(&*job),
			memory_bytes: job.memory_estimate(),
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
					shape = job.shape(),
					estimated_seconds = demand.seconds,
					rescue,
					"taking it"
				);
				self.context
					.journal
					.advance(self.order, next, Attachment::Nothing)?;
				self.context.workshop.warm(&*job);
				Ok(Turn::Again)
			}
			Verdict::NotNow(reason) => {
				tracing::info!("left for now: {reason}");
				let block_time = self.context.block_time();
				Ok(Turn::Ended(Ended::Left(block_time)))
			}
			Verdict::Never(reason) => {
				tracing::info!("refused: {reason}");
				self.context.end(self.order, State::Refused { reason })?;
				Ok(Turn::Ended(Ended::Final))
			}
		}
	}

	async fn offer(
		&self,
		order: &lemma_client::Order,
		view: &View,
	) -> Result<Option<Offer>, OutboxError> {
		let heads = self.context.chain.heads().await?;
		let price = match &order.status {
			OrderStatus::Rescue { price, bounty, .. } => Some(price.saturating_add(*bounty)),
			_ => self.context.chain.price(heads.best, self.order).await?,
		};
		let provider = self.context.chain.provider(heads.best).await?;
		let free_bond = provider.map_or(0, |(_, provider)| {
			provider.active.saturating_sub(provider.committed)
		});
		Ok(price.map(|price| Offer {
			price,
			now: view.best.number,
			block_time: self.context.block_time(),
			free_bond,
		}))
	}

	/// Starts the work, or sees to what came of it.
	async fn prove(&mut self, record: Record, view: &View) -> Result<Turn, OutboxError> {
		if record.state != State::Proving {
			self.context
				.journal
				.advance(self.order, State::Proving, Attachment::Nothing)?;
			return Ok(Turn::Again);
		}
		if self.keep_result(&record)? {
			return Ok(Turn::Again);
		}
		if self.making.is_some() {
			return Ok(Turn::Wait);
		}
		if self.attempts >= ATTEMPTS {
			return self.fail(format!("computing and proving failed {ATTEMPTS} times"));
		}
		let job = match self.prepare(&record, view).await? {
			Ok(job) => job,
			Err(turn) => return Ok(turn),
		};
		self.attempts = self.attempts.saturating_add(1);
		let task = Task {
			order: self.order,
			program: record.program,
			commitment: job.commitment(),
			binding: lemma_zk_statement::binding(
				&self.context.chain.genesis(),
				self.order,
				&record.provider,
			),
			attempt: self.attempts,
		};
		let workshop = self.context.workshop.clone();
		let permit = self.permit.clone();
		let span = tracing::Span::current();
		let work = async move {
			let _permit = permit;
			workshop.produce(job, task).await
		};
		self.making = Some(tokio::spawn(tracing::Instrument::instrument(work, span)));
		Ok(Turn::Wait)
	}

	/// Writes a finished result down. Whether there was one, and the order is where it can be kept.
	fn keep_result(&mut self, record: &Record) -> Result<bool, OutboxError> {
		if record.state != State::Proving {
			return Ok(false);
		}
		let Some(finished) = self.finished.take() else {
			return Ok(false);
		};
		let attachment = Attachment::Result {
			output: &finished.output,
			proof: &finished.proof,
			stages: &finished.stages,
		};
		self.context
			.journal
			.advance(self.order, State::Proved, attachment)?;
		self.context.status.problem(self.order, None);
		self.job = None;
		Ok(true)
	}

	/// Sends the claim or the submission, unless it was sent a short while ago.
	async fn send(&mut self, view: &View, which: Blob) -> Result<Turn, OutboxError> {
		let slot = usize::from(which == Blob::Submission);
		let now = view.best.number;
		let due = self
			.sent_at
			.get(slot)
			.copied()
			.flatten()
			.is_none_or(|sent| now >= sent.saturating_add(BLOCKS_UNTIL_RESENT) || now < sent);
		if !due {
			return Ok(Turn::Wait);
		}
		let began = Instant::now();
		let name = if which == Blob::Claim {
			"claim"
		} else {
			"submission"
		};
		match self.context.outbox.send(self.order, which).await? {
			Some(Sent::Pooled) => {
				tracing::info!(seconds = began.elapsed().as_secs_f64(), "{name} sent");
				self.context.status.metrics.sent(name, true);
				self.context.status.problem(self.order, None);
			}
			Some(Sent::Refused(reason)) => {
				self.context.status.metrics.sent(name, false);
				let problem = format!("the node did not take the {name}: {reason}");
				self.context.status.problem(self.order, Some(problem));
			}
			None => return self.fail(format!("the journal lost the signed {name}")),
		}
		if let Some(sent_at) = self.sent_at.get_mut(slot) {
			*sent_at = Some(now);
		}
		Ok(Turn::Wait)
	}

	/// Our claim's deadline passed, finally: say so once, and take no orders for a while.
	fn note_miss(&mut self, record: &Record, view: &View) -> Result<(), JournalError> {
		let us = AccountId::new(record.provider);
		let last = Standing::of(&view.finalized, record.fingerprint, record.posted_at, &us);
		if !self.miss_noted
			&& record.state.is_bound()
			&& matches!(last, Standing::Rescue { by_us: true, .. })
		{
			self.miss_noted = true;
			tracing::error!(
				"missed the claim's deadline; the collateral is lost, going on as a rescuer"
			);
			self.context.status.metrics.missed();
			self.context
				.pause(&format!("order {} was not proven in time", self.order))?;
		}
		Ok(())
	}

	/// Ends the order as our failure, and takes no orders for a while.
	fn fail(&mut self, reason: String) -> Result<Turn, OutboxError> {
		let pause = format!("order {}: {reason}", self.order);
		self.context.end(self.order, State::Failed { reason })?;
		self.context.pause(&pause)?;
		Ok(Turn::Ended(Ended::Final))
	}
}
