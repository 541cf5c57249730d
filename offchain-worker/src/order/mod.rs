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
	decide::{decide, Found, Step, View},
	journal::{Attachment, JournalError, Record, State},
	outbox::OutboxError,
	status::Status,
	workshop::{Finished, Prepared},
};

/// Longest wait for a new block before the chain is looked at again anyway.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a proof is kept.
const NOT_OUR_PROVIDER: &str = "the proof is kept and not submitted, for the chain would refuse it and keep the fee: our account \
	no longer acts for the order's provider. Let the provider name it again (`lemma provider operators`), or restart the worker \
	with a key that acts for it";

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
	/// When our claim ends, as the chain said when an attempt was last due.
	claim_ends: Option<Instant>,
	/// This life has found that it can serve the order and may claim it.
	fit: bool,
	claim_sending: Sending,
	submission_sending: Sending,
	/// The node's pool took the submission.
	pooled: bool,
	/// Height of the best block after the submission was first given to the node in this life.
	given_at: Option<u32>,
	/// The submission's tip when what waits before it was last made room of.
	cleared_with: Balance,
	/// After a submission that the chain refused, and not for its proof: when to sign another, and what to say until then.
	next_submission: Option<(Instant, String)>,
	/// Nothing is left to do for the order with this key: it no longer acts for the provider.
	keeps_proof: bool,
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
			claim_ends: None,
			fit: false,
			claim_sending: Sending::default(),
			submission_sending: Sending::default(),
			pooled: false,
			given_at: None,
			cleared_with: 0,
			next_submission: None,
			keeps_proof: false,
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
				Turn::Wait => self.wait(Some(&mut heads), &stop, PATIENCE).await,
				Turn::Later(time) => self.wait(None, &stop, time).await,
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
		// Before the chain is asked for anything: the node may be away for long, and the process may end.
		self.take_result().await;
		if self.keep_result(&record)? {
			return Ok(Turn::Again);
		}
		let must_go_on = must_go_on(&record) && !self.keeps_proof;
		if stop.is_cancelled() && !must_go_on {
			return Ok(Turn::Ended(Ended::Stopped));
		}
		let at = *heads.borrow_and_update();
		// Nothing is lost if the turn of an order that does not bind us is cut short: what it did is written
		// down, and looked at again before the end.
		let turn = tokio::select! {
			turn = self.turn(record.clone(), at) => turn,
			_ = stop.cancelled(), if !must_go_on => Ok(Turn::Again),
		};
		if let Err(OutboxError::Chain(_)) = &turn {
			self.prove_unseen(&record)?;
		}
		turn
	}

	/// Waits for the end of the proving, the wish to stop, or, where `heads` are given, a new block; no longer than
	/// `patience`.
	async fn wait(
		&mut self,
		heads: Option<&mut watch::Receiver<Heads>>,
		stop: &CancellationToken,
		patience: Duration,
	) {
		let making = async {
			match &mut self.making {
				Some(making) => making.await.unwrap_or_else(|error| Err(error.to_string())),
				None => std::future::pending().await,
			}
		};
		let block = async {
			match heads {
				Some(heads) => {
					let _ = heads.changed().await;
				}
				None => std::future::pending().await,
			}
		};
		let made = tokio::select! {
			made = making => Some(made),
			_ = block => None,
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
		let best = chain.sight(heads.best, self.order).await?;
		let view = View {
			payee: self.payee(&record, &best, heads.best).await?,
			best,
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
		self.keeps_proof = step == Step::KeepProof;
		match step {
			// `Lookup` was done by the caller.
			Step::Wait | Step::Lookup { .. } => {
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
			Step::SignSubmission => self.sign_submission().await,
			Step::KeepProof => self.hold(NOT_OUR_PROVIDER.to_owned()),
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
				self.note_refusal(&record, &view, &reason)
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

	/// Our claim's deadline passed, finally: say so once, whatever the number of lives, and take no orders for a while. An
	/// order that was missed before this worker took it is none of its misses.
	fn note_miss(&self, record: &Record, view: &View) -> Result<(), JournalError> {
		let us = AccountId::new(record.provider);
		let last = Standing::of(&view.finalized, record.fingerprint, record.posted_at, &us);
		let missed = matches!(last, Standing::Rescue { by_us: true, .. });
		let ours = record.state.is_bound() && record.was_claimed();
		if !missed || !ours || record.is_miss_noted() {
			return Ok(());
		}
		match self.context.journal.note_miss(self.order) {
			Ok(true) => {}
			Ok(false) => return Ok(()),
			// It is news until it is written down.
			Err(error) => return self.context.bear(Err(error)),
		}
		tracing::error!(
			"missed the claim's deadline; the collateral is lost, going on as a rescuer"
		);
		self.context.status.metrics.missed();
		self.context
			.pause(&format!("order {} was not proven in time", self.order))
	}

	/// How the order stands towards its record's provider at the best block.
	fn standing(&self, record: &Record, view: &View) -> Standing {
		let us = AccountId::new(record.provider);
		Standing::of(&view.best, record.fingerprint, record.posted_at, &us)
	}

	/// Whether our claim was missed, at the best block. From then on giving the order up costs nothing.
	fn is_missed(&self, record: &Record, view: &View) -> bool {
		matches!(self.standing(record, view), Standing::Rescue { .. })
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
