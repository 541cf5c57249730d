//! What to do next with an order: a pure function of the journal's record and two blocks' states.
//!
//! A signed transaction binds us until it is certain that it will never be included. That is so when a
//! *finalized* block shows its nonce used by another transaction, or its era over. Until then the very same
//! bytes are sent again, never others. All ends are read from finalized state; the best block only lets
//! work begin early.

use lemma_client::{AccountId, Balance, BlockNumber};

use crate::{
	chain::{Inclusion, Outcome, Sight, Standing},
	journal::{Record, Signed, State},
};

/// Submissions that the chain may refuse before we give an order up. One that verifies here and is refused
/// there is refused again, but another cause (an upgrade in between, a bond gone) may pass.
pub const REFUSALS_BORNE: u32 = 2;

/// An order at the chain's two heads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
	/// At the best block.
	pub best: Sight,
	/// At the latest finalized block.
	pub finalized: Sight,
}

/// What can still become of a signed transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
	/// It can be included: send it (again).
	Alive,
	/// A block that is not final yet uses its nonce, or its era is over at one: wait.
	Undecided,
	/// A finalized block uses its nonce: ask the chain whether by this transaction.
	Consumed,
	/// It will never be included.
	Dead,
}

impl Fate {
	/// Of `signed`, as `view` shows our account.
	pub fn of(signed: &Signed, view: &View) -> Self {
		if view.finalized.nonce > signed.nonce {
			Fate::Consumed
		} else if view.finalized.number.saturating_add(1) >= signed.dies_at {
			Fate::Dead
		} else if view.best.nonce > signed.nonce
			|| view.best.number.saturating_add(1) >= signed.dies_at
		{
			Fate::Undecided
		} else {
			Fate::Alive
		}
	}
}

/// The next thing to do with an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
	/// Nothing until the next block.
	Wait,
	/// Get and check the input.
	Fetch,
	/// Decide again whether to take it, at this price; then note the intent to claim, or let it be.
	Consider {
		/// The order is in rescue: no claim, the proof alone.
		rescue: bool,
	},
	/// Sign the claim.
	SignClaim,
	/// Send the signed claim (again).
	SendClaim,
	/// Note that the claim is ours.
	NoteClaimed {
		/// What is paid for a proof in time.
		price: Balance,
		/// First block at which the claim is missed.
		expires_at: BlockNumber,
	},
	/// The claim can never be included, or was included and is undone: begin again from the input.
	BeginAgain,
	/// Compute and prove.
	Prove,
	/// Sign the submission.
	SignSubmission,
	/// Send the signed submission (again).
	SendSubmission {
		/// First the claim, whose nonce comes before: its block was left by the best chain.
		claim_too: bool,
	},
	/// The submission can never be included: sign another.
	SubmitAgain,
	/// The chain included the submission and refused it, for this reason.
	NoteRefusal(String),
	/// Look the transaction up in finalized blocks, then decide again.
	Lookup(Signed),
	/// It is over.
	End(State),
}

/// What the lookup of a transaction found; by it [`decide`] is asked again.
pub type Found = Option<Option<Inclusion>>;

/// The next step for `record`, whose order the chain shows as `view`. `found` is the result of
/// [`Step::Lookup`], if one was made for this view.
pub fn decide(record: &Record, view: &View, found: &Found) -> Step {
	if record.state.is_final() {
		return Step::Wait;
	}
	let us = AccountId::new(record.provider);
	let best = Standing::of(&view.best, record.fingerprint, record.posted_at, &us);
	let last = Standing::of(&view.finalized, record.fingerprint, record.posted_at, &us);

	// Ends that finalized state shows hold for every state of ours.
	match &last {
		Standing::SettledByUs { paid, block } => {
			return Step::End(State::Settled {
				block: *block,
				paid: Some(*paid),
			})
		}
		Standing::SettledBy(other) => {
			return Step::End(State::Lost {
				reason: format!("{other} settled it"),
			})
		}
		Standing::Gone => return gone(record, view, found),
		_ => {}
	}
	match record.state {
		State::Seen => match best {
			Standing::Open | Standing::Rescue { .. } => Step::Fetch,
			Standing::NotYet => Step::Wait,
			_ => let_be(&best),
		},
		State::Fetched => match best {
			Standing::Open => Step::Consider { rescue: false },
			Standing::Rescue { .. } => Step::Consider { rescue: true },
			Standing::Ours { price, expires_at } => Step::NoteClaimed { price, expires_at },
			Standing::NotYet => Step::Wait,
			_ => let_be(&best),
		},
		State::Claiming => match best {
			Standing::Open => Step::SignClaim,
			Standing::Ours { price, expires_at } => Step::NoteClaimed { price, expires_at },
			Standing::NotYet => Step::Wait,
			_ => Step::BeginAgain,
		},
		State::ClaimSigned => claim_signed(record, view, found, &best, &last),
		State::Claimed { .. } | State::Proving => working(record, view, &best, &last),
		State::Proved => match (&best, claim_fate(record, view)) {
			// The claim's block was left by the best chain: a claim brought back fixes the price.
			(Standing::Open, Some(Fate::Alive)) => Step::SendClaim,
			(Standing::Open, Some(Fate::Undecided)) => Step::Wait,
			_ if best.takes_our_proof() => Step::SignSubmission,
			// Another claimed it. It may miss, and then our proof is wanted.
			_ => Step::Wait,
		},
		State::SubmitSigned | State::Submitted => submitted(record, view, found, &best),
		_ => Step::Wait,
	}
}

/// Nothing binds us: leave the order to others.
fn let_be(best: &Standing) -> Step {
	let reason = match best {
		Standing::Theirs(other) => format!("{other} claimed it first"),
		Standing::SettledBy(other) => format!("{other} settled it"),
		_ => "it is no longer open".to_owned(),
	};
	Step::End(State::Lost { reason })
}

/// Finalized state holds neither the order nor a receipt.
fn gone(record: &Record, view: &View, found: &Found) -> Step {
	// The requester may have removed the receipt already; the submission's inclusion tells.
	if let Some(submission) = &record.submission {
		if Fate::of(submission, view) == Fate::Consumed {
			return match found {
				None => Step::Lookup(*submission),
				Some(Some(Inclusion {
					block,
					outcome: Outcome::Succeeded,
				})) => Step::End(State::Settled {
					block: *block,
					paid: None,
				}),
				Some(Some(Inclusion {
					block,
					outcome: Outcome::Unknown,
				})) => Step::End(State::Expired {
					reason: format!(
						"it is over; block {block} holds our submission, but the node no longer keeps \
						 whether it was paid"
					),
				}),
				Some(_) => Step::End(ended_unproven(record)),
			};
		}
	}
	Step::End(ended_unproven(record))
}

fn ended_unproven(record: &Record) -> State {
	if record.state.is_bound() && record.state != State::ClaimSigned {
		State::Expired {
			reason: "it expired, or another settled it, before our proof".to_owned(),
		}
	} else {
		State::Lost {
			reason: "it was cancelled, expired, or settled by another".to_owned(),
		}
	}
}

fn claim_fate(record: &Record, view: &View) -> Option<Fate> {
	record.claim.as_ref().map(|claim| Fate::of(claim, view))
}

fn claim_signed(
	record: &Record,
	view: &View,
	found: &Found,
	best: &Standing,
	last: &Standing,
) -> Step {
	if let Standing::Ours { price, expires_at } = best {
		return Step::NoteClaimed {
			price: *price,
			expires_at: *expires_at,
		};
	}
	// Finalized, and never open again: our claim can only fail, wherever it is.
	match last {
		Standing::Theirs(other) => {
			return Step::End(State::Lost {
				reason: format!("{other} claimed it first"),
			})
		}
		Standing::Rescue { .. } => return Step::BeginAgain,
		_ => {}
	}
	let Some(claim) = &record.claim else {
		return Step::BeginAgain;
	};
	match Fate::of(claim, view) {
		Fate::Alive if matches!(best, Standing::Open) => Step::SendClaim,
		Fate::Alive | Fate::Undecided => Step::Wait,
		Fate::Dead => Step::BeginAgain,
		Fate::Consumed => match found {
			None => Step::Lookup(*claim),
			Some(Some(Inclusion { outcome, .. })) => match outcome {
				Outcome::Failed(reason) => Step::End(State::Failed {
					reason: format!("the claim was refused: {reason}"),
				}),
				// It succeeded: the two blocks of this view are of different moments, the next will agree.
				Outcome::Succeeded => Step::Wait,
				// It is over, and the order is neither ours nor in rescue.
				Outcome::Unknown => Step::End(State::Failed {
					reason: "the claim was refused; the node no longer keeps why".to_owned(),
				}),
			},
			// Another transaction of this account took its nonce.
			Some(None) => Step::BeginAgain,
		},
	}
}

/// Between the claim and the proof.
fn working(record: &Record, view: &View, best: &Standing, last: &Standing) -> Step {
	match best {
		Standing::Ours { .. } | Standing::Rescue { .. } => Step::Prove,
		// The claim's block was left by the best chain: bring the claim back.
		Standing::Open => match claim_fate(record, view) {
			Some(Fate::Alive) => Step::SendClaim,
			Some(Fate::Undecided) => Step::Wait,
			Some(Fate::Dead | Fate::Consumed) => Step::BeginAgain,
			// Claimed by hand, and the claim undone: the proof is accepted without one.
			None => Step::Prove,
		},
		_ => match last {
			Standing::Theirs(other) => Step::End(State::Lost {
				reason: format!("{other} claimed it first"),
			}),
			_ => Step::Wait,
		},
	}
}

fn submitted(record: &Record, view: &View, found: &Found, best: &Standing) -> Step {
	let Some(submission) = &record.submission else {
		return Step::SubmitAgain;
	};
	match Fate::of(submission, view) {
		Fate::Alive if best.takes_our_proof() => Step::SendSubmission {
			claim_too: *best == Standing::Open && claim_fate(record, view) == Some(Fate::Alive),
		},
		Fate::Alive | Fate::Undecided => Step::Wait,
		Fate::Dead => Step::SubmitAgain,
		Fate::Consumed => match found {
			None => Step::Lookup(*submission),
			Some(Some(Inclusion { outcome, .. })) => match outcome {
				Outcome::Failed(reason) => Step::NoteRefusal(reason.clone()),
				// Paid, but the order is live: the view is of two blocks, the next will agree.
				Outcome::Succeeded => Step::Wait,
				// It is live, so it was not paid.
				Outcome::Unknown => {
					Step::NoteRefusal("the node no longer keeps the reason".to_owned())
				}
			},
			Some(None) => Step::SubmitAgain,
		},
	}
}
