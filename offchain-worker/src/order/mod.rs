//! One order, from its first record in the journal to its last: looks at the chain, asks [`decide`] what to
//! do, does it, and waits for the next block.
//!
//! [`take`] gets the input and decides whether to take the order, [`make`] has it computed and proven, [`send`]
//! gives its transactions to the node.

mod make;
mod send;
mod take;

use std::{
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc,
	},
	time::{Duration, Instant},
};

use lemma_client::{AccountId, Balance};
use tokio::{
	sync::{watch, OwnedSemaphorePermit},
	task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use self::send::Sending;
use crate::{
	chain::{ChainError, Heads, Standing},
	context::Context,
	decide::{decide, Found, Step, View, REFUSALS_BORNE},
	journal::{Attachment, JournalError, Record, State},
	outbox::OutboxError,
	status::Status,
	workshop::{Finished, Prepared},
};

/// Longest wait for a new block before the chain is looked at again anyway.
const PATIENCE: Duration = Duration::from_secs(30);

/// How the care of an order ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
	/// Its record is final.
	Final,
	/// Its record is final, but it may be had again: another had it, or the chain left it.
	Lost,
	/// Its record is final, and its input is not what it says.
	Refused,
	/// It was left as it is, unbound: not worth it now. May be taken up again after the time.
	Left(Duration),
	/// It was left as it is, unbound: its input is not to be had now.
	NoInput,
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
	/// too, for it ends a moment later.
	permit: Option<Arc<OwnedSemaphorePermit>>,
	job: Option<Arc<Prepared>>,
	making: Option<JoinHandle<Result<Finished, String>>>,
	/// Whatever works on the order looks at it.
	unwanted: Unwanted,
	finished: Option<Finished>,
	/// After a failed attempt: when to begin another.
	next_attempt: Option<Instant>,
	claim_sending: Sending,
	submission_sending: Sending,
	/// The node's pool took the submission.
	pooled: bool,
	/// Height of the best block after the submission was first given to the node in this life.
	given_at: Option<u32>,
	/// The submission's tip when what waits before it was last made room of.
	cleared_with: Balance,
	miss_noted: bool,
	/// The status shows a problem with the chain that is over with the next good turn.
	chain_problem: bool,
}

/// True once this is dropped, as nobody is there to take the result.
#[derive(Default)]
struct Unwanted(Arc<AtomicBool>);

impl Drop for Unwanted {
	fn drop(&mut self) {
		self.0.store(true, Ordering::SeqCst);
	}
}

/// Shows an order in the status for as long as it is under way, however that ends.
struct Shown {
	status: Status,
	order: u64,
}

impl Shown {
	fn begin(status: &Status, order: u64) -> Self {
		status.metrics.jobs(1);
		Self {
			status: status.clone(),
			order,
		}
	}
}

impl Drop for Shown {
	fn drop(&mut self) {
		self.status.metrics.jobs(-1);
		self.status.job_ended(self.order);
	}
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
			unwanted: Unwanted::default(),
			finished: None,
			next_attempt: None,
			claim_sending: Sending::default(),
			submission_sending: Sending::default(),
			pooled: false,
			given_at: None,
			cleared_with: 0,
			miss_noted: false,
			chain_problem: false,
		}
	}

	/// Runs until the order ends or `stop` is cancelled; a bound order is first seen through to its
	/// submission. Errors are the journal's, and such as do not pass.
	pub async fn run(
		mut self,
		mut heads: watch::Receiver<Heads>,
		stop: CancellationToken,
	) -> Result<Ended, JournalError> {
		let _shown = Shown::begin(&self.context.status, self.order);
		loop {
			let turn = match self.next(&mut heads, &stop).await {
				Ok(turn) => {
					if std::mem::take(&mut self.chain_problem) {
						self.context.status.problem(self.order, None);
					}
					turn
				}
				Err(OutboxError::Journal(error)) if error.is_passing() => {
					self.context.journal_failed(&error);
					Turn::Later(self.context.retry)
				}
				Err(OutboxError::Journal(error)) => return Err(error),
				Err(OutboxError::Chain(ChainError::Away(_))) => Turn::Later(self.context.retry),
				Err(OutboxError::Chain(ChainError::Refused(problem))) => {
					self.context.status.problem(self.order, Some(problem));
					self.chain_problem = true;
					Turn::Later(self.context.retry)
				}
			};
			match turn {
				Turn::Again => {}
				Turn::Wait => self.wait(&mut heads, &stop, PATIENCE).await,
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

	/// The next turn, from the journal's record.
	async fn next(
		&mut self,
		heads: &mut watch::Receiver<Heads>,
		stop: &CancellationToken,
	) -> Result<Turn, OutboxError> {
		let record = self
			.context
			.journal
			.get(self.order)?
			.ok_or(JournalError::Unknown(self.order))?;
		if record.state.is_final() {
			return Ok(Turn::Ended(Ended::Final));
		}
		self.context.status.job(self.order, record.state.name());
		let must_go_on = must_go_on(&record);
		if stop.is_cancelled() && !must_go_on {
			return Ok(Turn::Ended(Ended::Stopped));
		}
		let at = *heads.borrow_and_update();
		// Nothing is lost if the turn of an order that does not bind us is cut short: what it did is written
		// down, and looked at again before the end.
		tokio::select! {
			turn = self.turn(record, at) => turn,
			_ = stop.cancelled(), if !must_go_on => Ok(Turn::Again),
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
			self.note_made(made);
		}
	}

	async fn turn(&mut self, record: Record, heads: Heads) -> Result<Turn, OutboxError> {
		let chain = self.context.chain.clone();
		let view = View {
			best: chain.sight(heads.best, self.order).await?,
			finalized: chain.sight(heads.finalized, self.order).await?,
			account: chain.account().into(),
		};
		self.note_miss(&record, &view)?;
		let mut found: Found = None;
		let step = loop {
			match decide(&record, &view, &found) {
				Step::Lookup { hashes, all } => {
					let (from, to) = (
						all.born_at.saturating_add(1),
						view.finalized.number.min(all.dies_at),
					);
					found = Some(chain.find(&hashes, from, to).await?);
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
		self.perform(record, view, found, step).await
	}

	async fn perform(
		&mut self,
		record: Record,
		view: View,
		found: Found,
		step: Step,
	) -> Result<Turn, OutboxError> {
		let journal = self.context.journal.clone();
		let order = self.order;
		match step {
			// `Lookup` was done by the caller.
			Step::Wait | Step::Lookup { .. } => {
				self.keep_result(&record)?;
				if record.state == State::Proved {
					// Another has claimed it, on one fork at least. The work is done: make place.
					self.permit = None;
				}
				Ok(Turn::Wait)
			}
			Step::Fetch => match self.prepare(&record, &view).await? {
				Ok(job) => {
					let shape = Attachment::Shape(&job.facts.shape);
					journal.advance(order, State::Fetched, shape)?;
					Ok(Turn::Again)
				}
				Err(turn) => Ok(turn),
			},
			Step::Consider { rescue } => self.consider(&record, &view, rescue).await,
			Step::SignClaim { terms } => {
				let Some(posted) = &view.best.order else {
					return Ok(Turn::Wait);
				};
				if self.job.is_none() {
					// An earlier life decided this: settings, time and money may be others now.
					journal.advance(order, State::Fetched, Attachment::Nothing)?;
					return Ok(Turn::Again);
				}
				let best = self.context.chain.heads().await?.best;
				if let Err(turn) = self.acting_for(&record, posted, best).await? {
					return Ok(turn);
				}
				let record = self.context.outbox.sign_claim(order, terms).await?;
				if let Some(claim) = record.claim {
					tracing::info!(hash = %hex::encode(claim.hash), nonce = claim.nonce, "claim signed");
				}
				self.claim_sending.begin();
				self.submission_sending.begin();
				Ok(Turn::Again)
			}
			Step::SendClaim => self.send_claim(&record, &view).await,
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
				self.claim_sending.begin();
				self.submission_sending.begin();
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
					self.submission_sending.begin();
					self.pooled = false;
					Ok(Turn::Again)
				}
				None => self.fail("the journal lost output and proof".to_owned()),
			},
			Step::SendSubmission { claim_too } => {
				self.send_submission(&record, &view, claim_too).await
			}
			Step::SubmitAgain => {
				tracing::warn!("the submission can no longer be included; signing another");
				journal.advance(order, State::Proved, Attachment::Nothing)?;
				Ok(Turn::Again)
			}
			Step::NoteRefusal(reason) => {
				self.note_tip(&record, found.flatten());
				self.given_at = None;
				if record.refusals.saturating_add(1) >= REFUSALS_BORNE {
					return self.fail(format!("the chain refused the proof: {reason}"));
				}
				tracing::error!("the chain refused the proof, submitting once more: {reason}");
				journal.advance(order, State::Proved, Attachment::Refusal)?;
				Ok(Turn::Again)
			}
			Step::End(state) => {
				let paid_for = match &state {
					State::Settled { block, .. } => self.paid_for(&record, *block, found).await,
					_ => None,
				};
				let ended = match &state {
					State::Lost { .. } => Ended::Lost,
					_ => Ended::Final,
				};
				self.context.end(self.order, state)?;
				self.note_tip(&record, paid_for);
				Ok(Turn::Ended(ended))
			}
		}
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

	/// Whether our claim was missed, at the best block. From then on giving the order up costs nothing.
	fn is_missed(&self, record: &Record, view: &View) -> bool {
		let us = AccountId::new(record.provider);
		let best = Standing::of(&view.best, record.fingerprint, record.posted_at, &us);
		matches!(best, Standing::Rescue { .. })
	}

	/// Ends the order as our failure, and takes no orders for a while.
	fn fail(&mut self, reason: String) -> Result<Turn, OutboxError> {
		let order = self.order;
		self.context.end(order, State::Failed { reason })?;
		self.context.pause(&format!("order {order} failed"))?;
		Ok(Turn::Ended(Ended::Final))
	}
}

/// While stopping: bound, and the submission not yet given to a node.
fn must_go_on(record: &Record) -> bool {
	record.state.is_bound() && record.state != State::Submitted
}
