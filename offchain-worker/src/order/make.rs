//! Having an order computed and proven.

use std::time::{Duration, Instant};

use lemma_client::AccountId;

use super::{OrderTask, Turn};
use crate::{
	chain::Standing,
	decide::View,
	journal::{Attachment, Record, State},
	outbox::OutboxError,
	workshop::{Finished, Task},
};

/// Attempts at computing and proving an order. One that is claimed is tried for as long as the claim stands, for there is
/// nothing to lose by it.
const ATTEMPTS: u32 = 4;
/// Longest wait before another attempt.
const LONGEST_REST: Duration = Duration::from_secs(60);

impl OrderTask {
	/// Starts the work, or sees to what came of it.
	pub(super) async fn prove(&mut self, record: Record, view: &View) -> Result<Turn, OutboxError> {
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
		let attempts = self.context.journal.attempts(self.order)?;
		if attempts >= ATTEMPTS && self.is_missed(&record, view) {
			return self.fail(format!("computing and proving failed {attempts} times"));
		}
		if let Some(next) = self.next_attempt {
			let rest = next.saturating_duration_since(Instant::now());
			if !rest.is_zero() {
				return Ok(Turn::Later(rest.min(self.context.block_time())));
			}
		}
		// Before anything is waited for: the view is of now.
		let claim_ends = self.claim_ends(&record, view);
		let job = match self.prepare(&record, view).await? {
			Ok(job) => job,
			Err(turn) => return Ok(turn),
		};
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
			claim_ends,
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
		Ok(Turn::Wait)
	}

	/// When our claim ends, at the best block.
	fn claim_ends(&self, record: &Record, view: &View) -> Option<Instant> {
		let us = AccountId::new(record.provider);
		match Standing::of(&view.best, record.fingerprint, record.posted_at, &us) {
			Standing::Ours { expires_at, .. } => {
				let blocks = expires_at.saturating_sub(view.best.number);
				Instant::now().checked_add(self.context.block_time().saturating_mul(blocks))
			}
			_ => None,
		}
	}

	/// Takes what came of an attempt.
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
