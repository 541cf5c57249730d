//! Having an order computed and proven.

use std::{
	sync::Arc,
	time::{Duration, Instant},
};

use super::{OrderTask, Turn};
use crate::{
	chain::Standing,
	decide::View,
	journal::{Attachment, JournalError, Record, State},
	outbox::OutboxError,
	workshop::{Finished, Prepared, Task},
};

/// Attempts at computing and proving an order. One that is claimed is tried for as long as the claim stands, for there is
/// nothing to lose by it.
const ATTEMPTS: u32 = 4;
/// Longest wait before another attempt.
const LONGEST_REST: Duration = Duration::from_secs(60);

impl OrderTask {
	/// Starts the work, unless it is under way.
	pub(super) async fn prove(&mut self, record: Record, view: &View) -> Result<Turn, OutboxError> {
		if record.state != State::Proving {
			self.context
				.journal
				.advance(self.order, State::Proving, Attachment::Nothing)?;
			return Ok(Turn::Again);
		}
		if self.making.is_some() {
			return Ok(Turn::Wait);
		}
		let attempts = self.context.journal.attempts(self.order)?;
		if attempts >= ATTEMPTS && self.is_missed(&record, view) {
			return self.fail(format!("computing and proving failed {attempts} times"));
		}
		if let Some(rest) = self.rest() {
			return Ok(Turn::Later(rest.min(self.context.block_time())));
		}
		// Before anything is waited for: the view is of now.
		self.claim_ends = self.end_of_claim(&record, view);
		let job = match self.prepare(&record, view).await? {
			Ok(job) => job,
			Err(turn) => return Ok(turn),
		};
		self.begin_attempt(&record, job)?;
		Ok(Turn::Wait)
	}

	/// Begins another attempt while the chain does not answer, if the input is at hand: the claim stands as far as is known,
	/// and its time goes on.
	pub(super) fn prove_unseen(&mut self, record: &Record) -> Result<(), JournalError> {
		let Some(job) = self.job.clone() else {
			return Ok(());
		};
		if record.state != State::Proving || self.making.is_some() || self.rest().is_some() {
			return Ok(());
		}
		let stands = self.claim_ends.is_some_and(|ends| ends > Instant::now());
		if !stands && self.context.journal.attempts(self.order)? >= ATTEMPTS {
			return Ok(());
		}
		self.begin_attempt(record, job)
	}

	/// Time until another attempt may begin.
	fn rest(&self) -> Option<Duration> {
		let rest = self.next_attempt?.saturating_duration_since(Instant::now());
		(!rest.is_zero()).then_some(rest)
	}

	/// Counts an attempt and begins it.
	fn begin_attempt(&mut self, record: &Record, job: Arc<Prepared>) -> Result<(), JournalError> {
		let task = Task {
			order: self.order,
			program: record.program,
			commitment: job.commitment,
			binding: lemma_zk_statement::binding(
				&self.context.chain.genesis(),
				self.order,
				&record.provider,
			),
			attempt: self.context.journal.begin_attempt(self.order)?,
			claim_ends: self.claim_ends,
			unwanted: self.unwanted.0.clone(),
		};
		let rest = self
			.context
			.retry
			.saturating_mul(1 << task.attempt.min(16))
			.min(LONGEST_REST);
		self.next_attempt = Some(Instant::now() + rest);
		let workshop = self.context.workshop.clone();
		let permit = self.permit.clone();
		let span = tracing::Span::current();
		let work = async move {
			let _permit = permit;
			workshop.produce(job, task).await
		};
		self.making = Some(tokio::spawn(tracing::Instrument::instrument(work, span)));
		Ok(())
	}

	/// When our claim ends, at the best block.
	fn end_of_claim(&self, record: &Record, view: &View) -> Option<Instant> {
		match self.standing(record, view) {
			Standing::Ours { expires_at, .. } => {
				let blocks = expires_at.saturating_sub(view.best.number);
				Instant::now().checked_add(self.context.block_time().saturating_mul(blocks))
			}
			_ => None,
		}
	}

	/// Takes what came of an attempt that has ended; waits for none.
	pub(super) async fn take_result(&mut self) {
		if let Some(making) = self.making.take_if(|making| making.is_finished()) {
			let made = making.await.unwrap_or_else(|error| Err(error.to_string()));
			self.note_made(made);
		}
	}

	/// Notes what came of an attempt.
	pub(super) fn note_made(&mut self, made: Result<Finished, String>) {
		let status = &self.context.status;
		status.failing(self.order, made.is_err());
		match made {
			Ok(finished) => self.finished = Some(finished),
			Err(reason) => {
				status.metrics.attempt_failed();
				status.problem(self.order, Some(reason));
			}
		}
	}

	/// Writes a finished result down. Whether there was one, and the order is where it can be kept.
	pub(super) fn keep_result(&mut self, record: &Record) -> Result<bool, OutboxError> {
		if record.state != State::Proving {
			return Ok(false);
		}
		let Some(finished) = &self.finished else {
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
		self.finished = None;
		self.job = None;
		Ok(true)
	}
}
