//! Signing and sending, so that nothing is sent that the journal does not hold and nothing is signed twice.
//!
//! One lock around "choose a nonce, sign, write it down". The nonce is the lowest that neither the chain,
//! nor the node's pool, nor a signed transaction in the journal uses: a transaction that was signed but never
//! sent keeps its nonce until it can no longer be included, and one that died or is no longer wanted leaves no gap
//! behind: before others wait for it in vain, its nonce is used up by a transaction that does nothing.
//!
//! What the pool's answer says is taken for true within bounds: more transactions than the journal knows, and a few that
//! others may have sent with the same key, are not between the best block and a nonce.

use std::sync::Arc;

use lemma_client::{Balance, BlockNumber, OrderId};

use crate::{
	chain::{Action, Chain, ChainError, Sent},
	journal::{Attachment, Blob, Hash, Journal, JournalError, Record, Signed, State},
};

/// Nonces that may be in use beyond those of the journal's transactions that can still be included: those of claims that
/// were given up while blocks were full, of which there are a few for each job at a time, of what uses such nonces up, and of
/// what else is signed with this key.
const NONCES_OF_OTHERS: usize = 128;

/// Why something could not be signed or sent.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
	/// The journal failed.
	#[error(transparent)]
	Journal(#[from] JournalError),
	/// The chain failed.
	#[error(transparent)]
	Chain(#[from] ChainError),
}

/// See the module.
pub struct Outbox {
	chain: Arc<dyn Chain>,
	journal: Arc<Journal>,
	signing: tokio::sync::Mutex<()>,
}

impl Outbox {
	/// An outbox for the chain's signing account.
	pub fn new(chain: Arc<dyn Chain>, journal: Arc<Journal>) -> Self {
		Self {
			chain,
			journal,
			signing: tokio::sync::Mutex::new(()),
		}
	}

	/// Signs the claim of an order in state Claiming, by the hash of its terms, and writes it down: ClaimSigned.
	pub async fn sign_claim(&self, order: OrderId, terms: Hash) -> Result<Record, OutboxError> {
		let _signing = self.signing.lock().await;
		let nonce = self.next_nonce().await?;
		let action = Action::Claim { order, terms };
		let (signed, bytes) = self.chain.sign(action, nonce, 0).await?;
		let attachment = Attachment::Claim(signed, &bytes);
		Ok(self
			.journal
			.advance(order, State::ClaimSigned, attachment)?)
	}

	/// Signs the claim that `record` has anew, with the same nonce, and writes it down in the place of that one. `None` if
	/// there is none.
	///
	/// The chain can include one of the two, so it does not matter which of them reached whom.
	pub async fn replace_claim(
		&self,
		record: &Record,
		terms: Hash,
	) -> Result<Option<Record>, OutboxError> {
		let Some(last) = record.claim else {
			return Ok(None);
		};
		let order = record.order;
		let action = Action::Claim { order, terms };
		let (signed, bytes) = self.chain.sign(action, last.nonce, 0).await?;
		Ok(Some(self.journal.replace_claim(order, signed, &bytes)?))
	}

	/// Signs the submission of an order in state Proved and writes it down: SubmitSigned. `None` if the
	/// journal does not hold output and proof.
	pub async fn sign_submission(&self, order: OrderId) -> Result<Option<Record>, OutboxError> {
		let Some(action) = self.submission(order)? else {
			return Ok(None);
		};
		let _signing = self.signing.lock().await;
		let nonce = self.next_nonce().await?;
		let (signed, bytes) = self.chain.sign(action, nonce, 0).await?;
		let attachment = Attachment::Submission(signed, &bytes);
		Ok(Some(self.journal.advance(
			order,
			State::SubmitSigned,
			attachment,
		)?))
	}

	/// Signs the submission that `record` has anew, with the same nonce and this tip, and writes it down in the place of
	/// that one. `None` if the journal does not hold output and proof.
	///
	/// The chain can include one of the two, so it does not matter which of them reached whom.
	pub async fn replace_submission(
		&self,
		record: &Record,
		tip: Balance,
	) -> Result<Option<Record>, OutboxError> {
		let (Some(last), Some(action)) = (record.submission, self.submission(record.order)?) else {
			return Ok(None);
		};
		let (signed, bytes) = self.chain.sign(action, last.nonce, tip).await?;
		Ok(Some(self.journal.replace_submission(
			record.order,
			signed,
			tip,
			&bytes,
		)?))
	}

	/// The submission of an order, if the journal holds output and proof.
	fn submission(&self, order: OrderId) -> Result<Option<Action>, JournalError> {
		let output = self.journal.blob(order, Blob::Output)?;
		let proof = self.journal.blob(order, Blob::Proof)?;
		Ok(output.zip(proof).map(|(output, proof)| Action::Submit {
			order,
			output,
			proof,
		}))
	}

	/// Sends what the journal holds: the signed claim or submission of an order. `None` if it holds none.
	pub async fn send(&self, order: OrderId, which: Blob) -> Result<Option<Sent>, OutboxError> {
		let Some(bytes) = self.journal.blob(order, which)? else {
			return Ok(None);
		};
		let name = if which == Blob::Claim {
			"claim"
		} else {
			"submission"
		};
		self.point(&format!("before-send-{name}"))?;
		let sent = self.chain.send(&bytes).await?;
		self.point(&format!("after-send-{name}"))?;
		Ok(Some(sent))
	}

	/// Uses up the lowest free nonce if it is below `nonce` and no transaction waits for it: one that was signed,
	/// was never included and is not wanted any more would keep all later ones from being included. Whether
	/// there was such a gap.
	///
	/// What fills it need not be written down: of two transactions with one nonce the chain includes one.
	pub async fn close_gap(&self, nonce: u32) -> Result<bool, OutboxError> {
		let _signing = self.signing.lock().await;
		let nonces = self.nonces().await?;
		let Nonces { free, held, .. } = &nonces;
		if *free >= nonce || held.contains(free) || !self.is_believable(&nonces, nonce)? {
			return Ok(false);
		}
		self.fill(*free, 0).await?;
		Ok(true)
	}

	/// Uses up with this tip all nonces below `nonce` that no submission has and no block yet: a claim that finds no
	/// place in a block would keep a submission out that has tipped for its own. How many there were.
	///
	/// Whose claim it is finds out as if another transaction of the account had taken the nonce, and begins again.
	pub async fn clear_way(&self, nonce: u32, tip: Balance) -> Result<u32, OutboxError> {
		let _signing = self.signing.lock().await;
		let nonces = self.nonces().await?;
		if !self.is_believable(&nonces, nonce)? {
			tracing::warn!(
				nonce,
				on_chain = nonces.on_chain,
				"more nonces are free before the submission than this worker can have left: none is used up"
			);
			return Ok(0);
		}
		let account: Hash = self.chain.account().into();
		let live = self.journal.live()?;
		let submissions: Vec<_> = live
			.iter()
			.filter_map(Record::open_submission)
			.filter(|signed| signed.is_by(&account))
			.collect();
		let mut filled = 0;
		for below in nonces.on_chain..nonce {
			if submissions.iter().all(|signed| signed.nonce != below) {
				self.fill(below, tip).await?;
				filled += 1;
			}
		}
		Ok(filled)
	}

	/// The highest tip of the submissions that wait behind this nonce.
	pub fn highest_tip_behind(&self, nonce: u32) -> Result<Balance, JournalError> {
		let account: Hash = self.chain.account().into();
		let live = self.journal.live()?;
		let behind = live.iter().filter(|record| {
			record
				.open_submission()
				.is_some_and(|signed| signed.nonce > nonce && signed.is_by(&account))
		});
		Ok(behind.map(|record| record.tip).max().unwrap_or_default())
	}

	/// Sends a transaction that does nothing.
	async fn fill(&self, nonce: u32, tip: Balance) -> Result<(), OutboxError> {
		let (_, bytes) = self.chain.sign(Action::Fill, nonce, tip).await?;
		self.point("before-send-filler")?;
		self.chain.send(&bytes).await?;
		self.point("after-send-filler")?;
		Ok(())
	}

	fn point(&self, name: &str) -> Result<(), JournalError> {
		Ok(self.journal.fuse().point(name)?)
	}

	async fn next_nonce(&self) -> Result<u32, OutboxError> {
		let nonces = self.nonces().await?;
		let mut nonce = nonces.free;
		while nonces.held.contains(&nonce) {
			nonce = nonce.saturating_add(1);
		}
		if !self.is_believable(&nonces, nonce)? {
			return Err(ChainError::Refused(format!(
				"the next free nonce of the signing account would be {nonce} by what the node says of its \
				 pool, and its best block has used those below {}: that is not believable, and nothing is \
				 signed. Check the node, and whether something else sends many transactions with this key",
				nonces.on_chain
			))
			.into());
		}
		Ok(nonce)
	}

	/// Whether as many nonces can be in use as there are from the best block's on below this one.
	fn is_believable(&self, nonces: &Nonces, nonce: u32) -> Result<bool, JournalError> {
		let between = nonce.saturating_sub(nonces.on_chain) as usize;
		if between <= nonces.held.len().saturating_add(NONCES_OF_OTHERS) {
			return Ok(true);
		}
		// Those of orders that are over may wait in the pool too.
		let all = self.journal.all()?;
		let signed = all
			.iter()
			.flat_map(|record| record.claims().into_iter().chain(record.submissions()));
		let open = signed.filter(|signed| nonces.is_open(signed)).count();
		Ok(between <= open.saturating_add(NONCES_OF_OTHERS))
	}

	async fn nonces(&self) -> Result<Nonces, OutboxError> {
		let heads = self.chain.heads().await?;
		let on_chain = self.chain.nonce(heads.best).await?;
		let in_pool = self.chain.pool_nonce().await?;
		let mut nonces = Nonces {
			account: self.chain.account().into(),
			finalized: heads.finalized.number,
			on_chain,
			free: on_chain.max(in_pool),
			held: Vec::new(),
		};
		let live = self.journal.live()?;
		let signed = live.iter().flat_map(Record::open_transactions);
		let held = signed.filter(|signed| nonces.is_open(signed));
		nonces.held = held.map(|signed| signed.nonce).collect();
		Ok(nonces)
	}
}

/// The account's nonces.
struct Nonces {
	account: Hash,
	/// Height of the latest finalized block.
	finalized: BlockNumber,
	/// The lowest that the best block has not used.
	on_chain: u32,
	/// The lowest that neither the chain nor the node's pool knows as used.
	free: u32,
	/// Those of signed transactions in the journal that may still be included.
	held: Vec<u32>,
}

impl Nonces {
	/// Whether a transaction has one of them, and may still be included.
	fn is_open(&self, signed: &Signed) -> bool {
		signed.is_by(&self.account) && signed.dies_at > self.finalized.saturating_add(1)
	}
}
