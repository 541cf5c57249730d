//! Giving an order's transactions to the node.

use std::time::Instant;

use super::{OrderTask, Turn};
use crate::{
	chain::Sent,
	decide::View,
	journal::{Attachment, Blob, Record, Signed, State},
	outbox::OutboxError,
};

/// Blocks after which an unincluded transaction is given to the node again.
const BLOCKS_UNTIL_RESENT: u32 = 4;

/// What came of a sending.
enum Given {
	/// The pool has it, or it was given to it a short while ago.
	Yes,
	/// The pool did not take it.
	No,
	/// The pool does not take these bytes.
	Banned,
	/// The journal does not hold the bytes.
	Lost,
}

impl OrderTask {
	/// Sends the claim, unless that was done a short while ago.
	pub(super) async fn send_claim(
		&mut self,
		record: &Record,
		view: &View,
	) -> Result<Turn, OutboxError> {
		match self.send(record.claim, view, Blob::Claim).await? {
			Given::Yes | Given::No => Ok(Turn::Wait),
			// Another with the same nonce takes its place; one of the two can be included.
			Given::Banned if record.state.may_become(&State::Fetched) => {
				self.context
					.journal
					.advance(self.order, State::Fetched, Attachment::Nothing)?;
				Ok(Turn::Again)
			}
			Given::Banned => Ok(Turn::Wait),
			Given::Lost => self.fail("the journal lost the signed claim".to_owned()),
		}
	}

	/// Sends the submission, unless that was done a short while ago; first the claim, if that is wanted too.
	pub(super) async fn send_submission(
		&mut self,
		record: &Record,
		view: &View,
		claim_too: bool,
	) -> Result<Turn, OutboxError> {
		if claim_too {
			self.send(record.claim, view, Blob::Claim).await?;
		}
		match self.send(record.submission, view, Blob::Submission).await? {
			Given::Yes | Given::No => {}
			Given::Banned => {
				tracing::warn!("signing the submission anew, with the same nonce");
				self.context
					.journal
					.advance(self.order, State::Proved, Attachment::Nothing)?;
				return Ok(Turn::Again);
			}
			Given::Lost => return self.fail("the journal lost the signed submission".to_owned()),
		}
		if self.pooled {
			self.context
				.journal
				.advance(self.order, State::Submitted, Attachment::Nothing)?;
			// The rest is waiting: another order may have the place.
			self.permit = None;
		}
		Ok(Turn::Wait)
	}

	async fn send(
		&mut self,
		signed: Option<Signed>,
		view: &View,
		which: Blob,
	) -> Result<Given, OutboxError> {
		let slot = usize::from(which == Blob::Submission);
		let now = view.best.number;
		let last = self.sent_at.get(slot).copied().flatten();
		let due =
			last.is_none_or(|sent| now >= sent.saturating_add(BLOCKS_UNTIL_RESENT) || now < sent);
		if !due {
			return Ok(Given::Yes);
		}
		// It waits for an earlier one of ours, which may never come.
		let early = signed.is_some_and(|signed| signed.nonce > view.best.nonce);
		if let (true, true, Some(signed)) = (early, last.is_some(), signed) {
			if self.context.outbox.close_gap(signed.nonce).await? {
				tracing::warn!(nonce = signed.nonce, "an unused nonce before it was filled");
				self.context.status.metrics.sent("filler", "pooled");
			}
		}
		let began = Instant::now();
		let name = match which {
			Blob::Claim => "claim",
			_ => "submission",
		};
		let sent = self.context.outbox.send(self.order, which).await?;
		if let Some(sent_at) = self.sent_at.get_mut(slot) {
			*sent_at = Some(now);
		}
		let status = &self.context.status;
		let refused = |reason: &str| Some(format!("the node did not take the {name}: {reason}"));
		Ok(match sent {
			Some(Sent::Pooled) => {
				tracing::info!(seconds = began.elapsed().as_secs_f64(), "{name} sent");
				status.metrics.sent(name, "pooled");
				status.problem(self.order, None);
				self.pooled |= which == Blob::Submission;
				Given::Yes
			}
			Some(Sent::Refused(reason)) => {
				status.metrics.sent(name, "refused");
				status.problem(self.order, refused(&reason));
				Given::No
			}
			Some(Sent::Banned(reason)) => {
				status.metrics.sent(name, "banned");
				status.problem(self.order, refused(&reason));
				Given::Banned
			}
			None => Given::Lost,
		})
	}
}
