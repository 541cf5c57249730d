//! Giving an order's transactions to the node, and tips with them where they find no place in a block.

use std::time::Instant;

use lemma_client::{amount, AccountId, Balance, BlockNumber};

use super::{OrderTask, Turn};
use crate::{
	chain::{Block, ChainError, Inclusion, Sent, Sight, Standing},
	decide::{is_of_result, Found, View, REFUSALS_BORNE},
	journal::{Attachment, Blob, Hash, Record, Signed, State},
	outbox::OutboxError,
	selection::price_in_next_block,
	tip,
};

/// Blocks after which an unincluded transaction that the pool took is given to the node again.
const BLOCKS_UNTIL_RESENT: u32 = 4;
/// Blocks until another submission is signed where the chain refused more than it usually may, and not for their proof; twice as
/// many after each further one. Each costs a fee.
const BLOCKS_AFTER_REFUSALS: u32 = 8;

/// How giving a transaction to the node went: heights of the best block.
#[derive(Debug, Default)]
pub(super) struct Sending {
	/// When the pool last took it.
	pooled_at: Option<BlockNumber>,
	/// When the node last did not take it: it is given to it again with the next block.
	refused_at: Option<BlockNumber>,
	/// When it was last signed anew because the pool does not take its bytes: that is done once a block.
	renewed_at: Option<BlockNumber>,
}

impl Sending {
	/// There are new bytes, which the node was never given.
	pub(super) fn begin(&mut self) {
		self.pooled_at = None;
		self.refused_at = None;
	}

	/// Whether the node was given the bytes.
	fn has_begun(&self) -> bool {
		self.pooled_at.is_some() || self.refused_at.is_some()
	}

	/// Whether to give them to the node.
	fn is_due(&self, now: BlockNumber) -> bool {
		let rested = self
			.pooled_at
			.is_none_or(|at| now >= at.saturating_add(BLOCKS_UNTIL_RESENT) || now < at);
		rested && self.refused_at != Some(now)
	}

	/// Notes that the node took the bytes, or not.
	fn note(&mut self, now: BlockNumber, pooled: bool) {
		match pooled {
			true => self.pooled_at = Some(now),
			false => self.refused_at = Some(now),
		}
	}

	/// Whether to sign anew. A node that takes nothing at all would have us sign without end.
	fn may_renew(&mut self, now: BlockNumber) -> bool {
		self.renewed_at.replace(now) != Some(now)
	}
}

/// What came of a sending.
enum Given {
	/// The pool has it, or it was given to it a short while ago.
	Yes,
	/// The pool did not take it.
	No,
	/// The pool does not take these bytes: others with the same nonce are to take their place.
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
		if !self.claims_for_it(record).await? {
			// It dies out, and the order begins anew.
			return Ok(Turn::Wait);
		}
		if !self.fit && !record.state.has_proof() {
			if let Err(turn) = self.is_fit(record, view).await? {
				return Ok(turn);
			}
			// That may have taken a while.
			return Ok(Turn::Again);
		}
		match self.send(record.claim, view, Blob::Claim).await? {
			Given::Yes | Given::No => Ok(Turn::Wait),
			Given::Banned => Ok(match self.replace_claim(record, view).await? {
				true => Turn::Again,
				false => Turn::Wait,
			}),
			Given::Lost => self.fail("the journal lost the signed claim".to_owned()),
		}
	}

	/// Signs the submission, unless the last ones were refused and it is too early for another.
	pub(super) async fn sign_submission(&mut self) -> Result<Turn, OutboxError> {
		if let Some((next, problem)) = &self.next_submission {
			if *next > Instant::now() {
				let problem = problem.clone();
				return self.hold(problem);
			}
		}
		let signed = self.context.outbox.sign_submission(self.order).await?;
		let Some(record) = signed else {
			return self.fail("the journal lost output and proof".to_owned());
		};
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

	/// Submits nothing for now: the status says why, and output and proof stay where they are.
	pub(super) fn hold(&mut self, problem: String) -> Result<Turn, OutboxError> {
		// The work is done: another order may have the place.
		self.permit = None;
		Err(ChainError::Refused(problem).into())
	}

	/// The chain included the submission and refused it. The order is given up when that was too often; but what a claim is
	/// lost without is kept, unless it was the result itself that was refused.
	pub(super) fn note_refusal(
		&mut self,
		record: &Record,
		view: &View,
		reason: &str,
	) -> Result<Turn, OutboxError> {
		self.given_at = None;
		let refusals = record.refusals.saturating_add(1);
		let is_borne = refusals < REFUSALS_BORNE;
		let claimed = matches!(self.standing(record, view), Standing::Ours { .. });
		if !is_borne && (is_of_result(reason) || !claimed) {
			return self.fail(format!("the chain refused the proof: {reason}"));
		}
		self.context
			.journal
			.advance(self.order, State::Proved, Attachment::Refusal)?;
		if is_borne {
			tracing::error!("the chain refused the proof, submitting once more: {reason}");
		} else {
			let doublings = refusals.saturating_sub(REFUSALS_BORNE).min(16);
			let blocks = BLOCKS_AFTER_REFUSALS.saturating_mul(1 << doublings);
			let rest = self.context.block_time().saturating_mul(blocks);
			let problem = format!(
				"the chain refused the submission, and not for its proof: that is kept, and submitted again \
				 after a while or a restart: {reason}"
			);
			tracing::error!("{problem}");
			self.next_submission = Some((Instant::now() + rest, problem));
		}
		Ok(Turn::Again)
	}

	/// Who is paid for what our account submits now; `None` where there is nothing to submit.
	pub(super) async fn payee(
		&self,
		record: &Record,
		best: &Sight,
		at: Block,
	) -> Result<Option<Hash>, OutboxError> {
		let us = AccountId::new(record.provider);
		let standing = Standing::of(best, record.fingerprint, record.posted_at, &us);
		if !record.state.has_proof() || !standing.takes_our_proof() {
			return Ok(None);
		}
		let chain = &self.context.chain;
		// Who acts for nobody is paid himself.
		let payee = match chain.provider(at).await? {
			Some((provider, _)) => provider,
			None => chain.account(),
		};
		Ok(Some(payee.into()))
	}

	/// Sends the submission, unless that was done a short while ago; first the claim, if that is wanted too.
	pub(super) async fn send_submission(
		&mut self,
		record: &Record,
		view: &View,
		claim_too: bool,
	) -> Result<Turn, OutboxError> {
		if claim_too && self.claims_for_it(record).await? {
			if let Given::Banned = self.send(record.claim, view, Blob::Claim).await? {
				if self.replace_claim(record, view).await? {
					return Ok(Turn::Again);
				}
			}
		}
		if let Some(tip) = self.tip_due(record, view).await? {
			return self.replace(record, tip).await;
		}
		match self.send(record.submission, view, Blob::Submission).await? {
			Given::Yes | Given::No => {}
			Given::Banned => {
				tracing::warn!("signing the submission anew, with the same nonce");
				return self.replace(record, record.tip).await;
			}
			Given::Lost => return self.fail("the journal lost the signed submission".to_owned()),
		}
		self.clear_way(record, view).await?;
		if self.pooled {
			self.context
				.journal
				.advance(self.order, State::Submitted, Attachment::Nothing)?;
			// The rest is waiting: another order may have the place.
			self.permit = None;
		}
		Ok(Turn::Wait)
	}

	/// Whether a claim that is included now would commit the bond of the provider for which the record is: the chain takes that
	/// of whomever the key acts for by then.
	async fn claims_for_it(&self, record: &Record) -> Result<bool, OutboxError> {
		let best = self.context.chain.heads().await?.best;
		let acts = self.context.chain.provider(best).await?;
		let is_ours = acts.is_some_and(|(account, _)| account == AccountId::new(record.provider));
		if !is_ours {
			let problem = "the claim is not sent: our account no longer acts for its provider";
			self.context
				.status
				.problem(self.order, Some(problem.to_owned()));
		}
		Ok(is_ours)
	}

	/// The tip with which to put another submission in the place of this one, if that is due.
	async fn tip_due(&self, record: &Record, view: &View) -> Result<Option<Balance>, OutboxError> {
		let us = AccountId::new(record.provider);
		let standing = Standing::of(&view.best, record.fingerprint, record.posted_at, &us);
		let (Some(order), Some(last)) = (&view.best.order, record.submission) else {
			return Ok(None);
		};
		if !last.is_by(&view.account) {
			return Ok(None);
		}
		let now = view.best.number;
		let waited = self.waited(record, now);
		let price = price_in_next_block(order, now);
		let most = tip::cap(order.collateral, price, self.context.max_tip);
		let mut wanted = 0;
		// Without a claim there is nothing to lose.
		if let Standing::Ours { expires_at, .. } = standing {
			let left = expires_at.saturating_sub(now.saturating_add(1));
			wanted = tip::wanted(most, waited, left);
			if record.tip > 0 && last.dies_at <= now.saturating_add(tip::RENEWED_BEFORE) {
				// Pools take it in the place of the one that dies if it tips more.
				wanted = wanted.max(record.tip.saturating_add(1)).min(most);
			}
		}
		if waited >= tip::PATIENCE {
			// Nothing behind it comes into a block before it does.
			let behind = self.context.outbox.highest_tip_behind(last.nonce)?;
			wanted = wanted.max(behind.min(most));
		}
		if wanted == 0 && record.tip == 0 {
			return Ok(None);
		}
		let chain = &self.context.chain;
		let spendable = chain.spendable(chain.heads().await?.best).await?;
		// The fee is taken besides, and what keeps the account alive stays.
		let funds = spendable.saturating_sub(order.settlement_fee.saturating_mul(2));
		let wanted = wanted.min(funds);
		// Pools drop what the account can no longer pay.
		Ok((wanted > record.tip || record.tip > funds).then_some(wanted))
	}

	/// Blocks since the submission was given to the node.
	fn waited(&self, record: &Record, now: BlockNumber) -> BlockNumber {
		match self.given_at {
			Some(given) => now.saturating_sub(given),
			// An earlier life has waited already.
			None if record.tip > 0 => tip::PATIENCE,
			None => 0,
		}
	}

	/// Puts another claim in the place of the one that `record` has, which may still be included from where others have
	/// it: of the two the chain can include one. Whether there is another.
	async fn replace_claim(&mut self, record: &Record, view: &View) -> Result<bool, OutboxError> {
		// It is sent only where the best block has the order.
		let Some(order) = &view.best.order else {
			return Ok(false);
		};
		// As for the first one: the chain keeps the fee of a claim that comes too late. This one dies, and that is the end of it.
		let last_claim = order.deadline.saturating_sub(order.spec.claim_window);
		if view.best.number >= last_claim {
			return Ok(false);
		}
		tracing::warn!("signing the claim anew, with the same nonce");
		let terms = order.terms_hash().0;
		let outbox = &self.context.outbox;
		outbox.replace_claim(record, terms).await?;
		self.claim_sending.begin();
		Ok(true)
	}

	/// Puts a submission with this tip in the place of the one that `record` has.
	async fn replace(&mut self, record: &Record, tip: Balance) -> Result<Turn, OutboxError> {
		match self.context.outbox.replace_submission(record, tip).await? {
			Some(_) => {
				if tip != record.tip {
					tracing::warn!(
						tip = %amount::format(tip),
						"the submission is in no block yet: sending it again with a tip"
					);
				}
				let more = tip.saturating_sub(record.tip);
				self.context.status.metrics.tip_offered(more);
				self.submission_sending.begin();
				Ok(Turn::Again)
			}
			None => self.fail("the journal lost output and proof".to_owned()),
		}
	}

	/// Uses up the nonces of claims that keep a submission with a tip from being included.
	async fn clear_way(&mut self, record: &Record, view: &View) -> Result<(), OutboxError> {
		let Some(submission) = record.submission else {
			return Ok(());
		};
		if record.tip == self.cleared_with
			|| submission.nonce <= view.best.nonce
			|| !submission.is_by(&view.account)
		{
			return Ok(());
		}
		let tip = record.tip / tip::FILLER_SHARE;
		let filled = self.context.outbox.clear_way(submission.nonce, tip).await?;
		self.cleared_with = record.tip;
		for _ in 0..filled {
			self.context.status.metrics.sent("filler", "pooled");
		}
		if filled > 0 {
			tracing::warn!(filled, "claims that kept the submission out were given up");
		}
		Ok(())
	}

	/// Which submission a settled order was paid for, if any was tipped.
	pub(super) async fn paid_for(
		&self,
		record: &Record,
		block: BlockNumber,
		found: Found,
	) -> Option<Inclusion> {
		if found.is_some() || record.offers().all(|(_, tip)| tip == 0) {
			return found.flatten();
		}
		let hashes: Vec<_> = record.offers().map(|(hash, _)| hash).collect();
		// It is for the log and the metrics alone.
		let found = self.context.chain.find(&hashes, block, block).await;
		found.unwrap_or_default()
	}

	/// Notes the tip of a submission that was included.
	pub(super) fn note_tip(&self, record: &Record, included: Option<Inclusion>) {
		let Some(included) = included else { return };
		let tip = record
			.offers()
			.find(|(hash, tip)| *hash == included.hash && *tip > 0);
		if let Some((_, tip)) = tip {
			tracing::info!(tip = %amount::format(tip), block = included.block, "tip paid");
			self.context.status.metrics.tip_paid(tip);
		}
	}

	fn sending(&mut self, which: Blob) -> &mut Sending {
		match which {
			Blob::Claim => &mut self.claim_sending,
			_ => &mut self.submission_sending,
		}
	}

	async fn send(
		&mut self,
		signed: Option<Signed>,
		view: &View,
		which: Blob,
	) -> Result<Given, OutboxError> {
		let now = view.best.number;
		if !self.sending(which).is_due(now) {
			return Ok(Given::Yes);
		}
		let ours = signed.filter(|signed| signed.is_by(&view.account));
		// It waits for an earlier one of ours, which may never come.
		let early = ours.filter(|signed| signed.nonce > view.best.nonce);
		if let (true, Some(signed)) = (self.sending(which).has_begun(), early) {
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
		let pooled = sent == Some(Sent::Pooled);
		self.sending(which).note(now, pooled);
		if which == Blob::Submission && self.given_at.is_none() {
			// To hand it over may have taken blocks.
			let heads = self.context.chain.heads().await;
			self.given_at = Some(heads.map_or(now, |heads| heads.best.number.max(now)));
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
				// Nonces are an account's: what another key signed is not ours to replace.
				match ours.is_some() && self.sending(which).may_renew(now) {
					true => Given::Banned,
					false => Given::No,
				}
			}
			None => Given::Lost,
		})
	}
}
