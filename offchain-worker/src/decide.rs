//! What to do next with an order: a pure function of the journal's record and two blocks' states.
//!
//! A signed transaction binds us until it is certain that it will never be included. That is so when a
//! *finalized* block shows its nonce used by another transaction, or its era over. Until then the very same
//! bytes are sent again, never others but with the same nonce. Of what another key signed nonces tell nothing: its era
//! alone decides, unless the claim ends before that is over. All ends are read from finalized state; the best block
//! lets work begin early. A claim does not wait for the posting to be final: it names the order's terms, so in a fork where
//! the number is another order's the chain refuses it. A submission is signed and sent by a key that acts for the record's
//! provider, and by no other: the chain would refuse it and keep its fee.

use lemma_client::{AccountId, Balance, BlockNumber};

use crate::{
	chain::{Inclusion, Outcome, Sight, Standing},
	journal::{Hash, Record, Signed, State},
};

/// Blocks after a transaction's era until its end is final and another can have come into a block.
const BLOCKS_UNTIL_SURE: BlockNumber = 8;
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
	/// The account that signs, whose nonces these are.
	pub account: Hash,
	/// Who is paid for what this account submits, at the best block; `None` where there is nothing to submit.
	pub payee: Option<Hash>,
}

impl View {
	/// Whether the chain takes the record's proof from our account: the proof is bound to the record's provider.
	fn submits_for(&self, record: &Record) -> bool {
		self.payee == Some(record.provider)
	}
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
		let ours = signed.is_by(&view.account);
		if ours && view.finalized.nonce > signed.nonce {
			Fate::Consumed
		} else if view.finalized.number.saturating_add(1) >= signed.dies_at {
			Fate::Dead
		} else if (ours && view.best.nonce > signed.nonce)
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
	/// Sign the claim of the order that has these terms, by their hash.
	SignClaim {
		/// As the best block has them.
		terms: Hash,
	},
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
	/// Our account does not act for the record's provider: keep the proof until it does, or until another key does.
	KeepProof,
	/// The submission can never be included: sign another.
	SubmitAgain,
	/// The chain included the submission and refused it, for this reason.
	NoteRefusal(String),
	/// Look a transaction up in finalized blocks, then decide again.
	Lookup {
		/// Those that it may be.
		hashes: Vec<Hash>,
		/// Their nonce, and the time in which one of them can be included.
		all: Signed,
	},
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
			Standing::Open => match &view.best.order {
				Some(order) => Step::SignClaim {
					terms: order.terms_hash().0,
				},
				None => Step::Wait,
			},
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
			// Another claimed it. It may miss, and then our proof is wanted.
			_ if !best.takes_our_proof() => Step::Wait,
			_ if view.submits_for(record) => Step::SignSubmission,
			_ => Step::KeepProof,
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
	if let Some(submissions) = record.submissions() {
		// Nonces do not tell of another key's.
		let theirs = !submissions.is_by(&view.account);
		if theirs || Fate::of(&submissions, view) == Fate::Consumed {
			return match found {
				None => lookup_submission(record, submissions),
				Some(Some(Inclusion {
					block,
					outcome: Outcome::Succeeded,
					..
				})) => Step::End(State::Settled {
					block: *block,
					paid: None,
				}),
				Some(Some(Inclusion {
					block,
					outcome: Outcome::Unknown,
					..
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

fn lookup_submission(record: &Record, all: Signed) -> Step {
	Step::Lookup {
		hashes: record.offers().map(|(hash, _)| hash).collect(),
		all,
	}
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
	record.claims().map(|claims| Fate::of(&claims, view))
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
	let Some(claims) = record.claims() else {
		return Step::BeginAgain;
	};
	match Fate::of(&claims, view) {
		Fate::Alive if matches!(best, Standing::Open) => Step::SendClaim,
		Fate::Alive | Fate::Undecided => Step::Wait,
		Fate::Dead => Step::BeginAgain,
		Fate::Consumed => match found {
			None => Step::Lookup {
				hashes: record.claim_hashes().collect(),
				all: claims,
			},
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

/// Whether the chain refused the output or the proof itself, as its error's name says: it would do so again.
pub fn is_of_result(refusal: &str) -> bool {
	let names = ["ProofVerification.Proof", "OutputLengthWrong"];
	names.iter().any(|name| refusal.contains(name))
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
	let Some(submissions) = record.submissions() else {
		return Step::SubmitAgain;
	};
	let ours = submissions.is_by(&view.account);
	// Whether another key's was refused is only known when its era is over, which may be too late. Should both be included, one
	// is paid and the other costs a fee. What our key may not submit takes no other's place.
	let over_at = submissions.dies_at.saturating_add(BLOCKS_UNTIL_SURE);
	let ends_before = matches!(best, Standing::Ours { expires_at, .. } if *expires_at <= over_at);
	if ends_before && !ours && view.submits_for(record) {
		return Step::SubmitAgain;
	}
	match Fate::of(&submissions, view) {
		Fate::Alive if best.takes_our_proof() && ours && !view.submits_for(record) => {
			Step::KeepProof
		}
		Fate::Alive if best.takes_our_proof() => Step::SendSubmission {
			claim_too: *best == Standing::Open && claim_fate(record, view) == Some(Fate::Alive),
		},
		Fate::Alive | Fate::Undecided => Step::Wait,
		Fate::Dead => Step::SubmitAgain,
		Fate::Consumed => match found {
			None => lookup_submission(record, submissions),
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

#[cfg(test)]
mod tests {
	use lemma_client::{Order, OrderSpec, OrderStatus, H256};
	use lemma_primitives::order::InputSource;

	use super::*;
	use crate::{journal::Replaced, scheduler::new_record};

	const US: [u8; 32] = [1; 32];
	const OUR_KEY: [u8; 32] = [11; 32];

	fn order(max_price: Balance) -> Order {
		Order {
			requester: AccountId::new([3; 32]),
			spec: OrderSpec {
				program: H256([7; 32]),
				commitment: H256([5; 32]),
				input: InputSource::Inline(vec![1].try_into().unwrap()),
				output_len: 4,
				min_price: max_price,
				max_price,
				ramp: 0,
				claim_window: 50,
				lifetime: 500,
			},
			posted_at: 10,
			deadline: 510,
			collateral: 10,
			deposit: 1,
			settlement_fee: 1,
			status: OrderStatus::Open,
		}
	}

	fn sight(number: BlockNumber, nonce: u32, order: Option<Order>) -> Sight {
		Sight {
			number,
			nonce,
			order,
			receipt: None,
		}
	}

	fn record(state: State) -> Record {
		let mut record = new_record(1, &order(100), US);
		record.state = state;
		record
	}

	fn signed(hash: u8, born_at: BlockNumber) -> Signed {
		Signed {
			hash: [hash; 32],
			nonce: 4,
			born_at,
			dies_at: born_at + 64,
			account: Some(OUR_KEY),
		}
	}

	/// The order at two blocks.
	fn view(best: Sight, finalized: Sight) -> View {
		View {
			best,
			finalized,
			account: OUR_KEY,
			payee: Some(US),
		}
	}

	#[test]
	fn a_claim_should_name_the_terms_of_the_best_block_and_wait_for_nothing_else() {
		let claims = |best: Option<Order>, finalized: Option<Order>| {
			// The order was posted in block 10.
			let height = 9 + u32::from(finalized.is_some());
			let view = view(sight(12, 0, best), sight(height, 0, finalized));
			[State::Fetched, State::Claiming].map(|state| decide(&record(state), &view, &None))
		};
		let taken = [
			Step::Consider { rescue: false },
			Step::SignClaim {
				terms: order(100).terms_hash().0,
			},
		];
		assert_eq!(
			claims(Some(order(100)), None),
			taken,
			"the posting is not final"
		);
		assert_eq!(claims(Some(order(100)), Some(order(100))), taken);
		// The best chain has given the number to another order, or to none. Nothing was signed; if ours comes back, it is
		// news again.
		for best in [Some(order(99)), None] {
			let step = &claims(best, None)[0];
			assert!(matches!(step, Step::End(State::Lost { .. })), "{step:?}");
		}
		// Another order has the number for good.
		for step in claims(Some(order(99)), Some(order(99))) {
			assert!(matches!(step, Step::End(State::Lost { .. })), "{step:?}");
		}
	}

	#[test]
	fn a_submission_should_be_looked_for_under_every_tip_that_was_offered() {
		let mut record = record(State::Submitted);
		record.submission = Some(signed(2, 20));
		record.tip = 8;
		record.replaced = vec![Replaced {
			signed: signed(1, 12),
			tip: 0,
		}];
		let view = |finalized: u32, nonce: u32| {
			let sight = |number: u32| sight(number, nonce, Some(order(100)));
			view(sight(finalized + 2), sight(finalized))
		};
		let step = decide(&record, &view(30, 5), &None);
		let Step::Lookup { hashes, all } = step else {
			panic!("{step:?}");
		};
		assert_eq!(hashes, [[2; 32], [1; 32]]);
		assert_eq!((all.born_at, all.dies_at), (12, 84));
		// The first is dead, the latest is not.
		let step = decide(&record, &view(78, 4), &None);
		assert!(matches!(step, Step::SendSubmission { .. }), "{step:?}");
		assert_eq!(decide(&record, &view(83, 4), &None), Step::SubmitAgain);
	}

	#[test]
	fn a_claim_should_be_looked_for_in_all_its_signatures() {
		let mut record = record(State::ClaimSigned);
		record.claim = Some(signed(2, 20));
		record.replaced_claims = vec![signed(1, 12)];
		let view = |finalized: u32, nonce: u32| {
			let sight = |number: u32| sight(number, nonce, Some(order(100)));
			view(sight(finalized + 2), sight(finalized))
		};
		let Step::Lookup { hashes, all } = decide(&record, &view(30, 5), &None) else {
			panic!("its nonce is used");
		};
		assert_eq!(hashes, [[2; 32], [1; 32]]);
		assert_eq!((all.born_at, all.dies_at), (12, 84));
		assert_eq!(decide(&record, &view(78, 4), &None), Step::SendClaim);
		assert_eq!(decide(&record, &view(83, 4), &None), Step::BeginAgain);
	}

	#[test]
	fn what_another_key_signed_should_be_judged_by_its_era_alone() {
		const LATER: u32 = 1_000;
		let theirs = Signed {
			account: Some([12; 32]),
			..signed(1, 20)
		};
		let claimed = Order {
			status: OrderStatus::Claimed {
				provider: AccountId::new(US),
				price: 100,
				claimed_at: 20,
				expires_at: 300,
			},
			..order(100)
		};
		let mut claim = record(State::ClaimSigned);
		claim.claim = Some(theirs);
		let mut record = record(State::Submitted);
		record.submission = Some(theirs);
		let at = |finalized: u32, order: Option<Order>| {
			let sight = |number: u32| sight(number, LATER, order.clone());
			view(sight(finalized + 2), sight(finalized))
		};
		let live = |finalized: u32| at(finalized, Some(claimed.clone()));
		let step = decide(&record, &live(30), &None);
		assert!(matches!(step, Step::SendSubmission { .. }), "{step:?}");
		assert_eq!(decide(&record, &live(82), &None), Step::Wait);
		assert_eq!(decide(&record, &live(83), &None), Step::SubmitAgain);
		// A claim that ends before that is known is not waited out.
		let ending = |expires_at: u32| {
			let status = OrderStatus::Claimed {
				provider: AccountId::new(US),
				price: 100,
				claimed_at: 20,
				expires_at,
			};
			at(
				30,
				Some(Order {
					status,
					..order(100)
				}),
			)
		};
		let last = theirs.dies_at + BLOCKS_UNTIL_SURE;
		assert_eq!(decide(&record, &ending(last), &None), Step::SubmitAgain);
		let step = decide(&record, &ending(last + 1), &None);
		assert!(matches!(step, Step::SendSubmission { .. }), "{step:?}");
		// Whether it was settled by it is asked of the blocks.
		let step = decide(&record, &at(30, None), &None);
		assert!(matches!(step, Step::Lookup { .. }), "{step:?}");
		// Who signed what an earlier version wrote down is not known: it is taken for ours.
		record.submission = Some(Signed {
			account: None,
			..theirs
		});
		let step = decide(&record, &live(30), &None);
		assert!(matches!(step, Step::Lookup { .. }), "{step:?}");

		let open = |finalized: u32| at(finalized, Some(order(100)));
		assert_eq!(decide(&claim, &open(30), &None), Step::SendClaim);
		assert_eq!(decide(&claim, &open(83), &None), Step::BeginAgain);
	}

	#[test]
	fn a_proof_should_be_kept_while_our_key_does_not_act_for_its_provider() {
		const ANOTHER: [u8; 32] = [9; 32];
		let claimed = Order {
			status: OrderStatus::Claimed {
				provider: AccountId::new(US),
				price: 100,
				claimed_at: 20,
				expires_at: 90,
			},
			..order(100)
		};
		let at = |finalized: u32, payee: [u8; 32]| {
			let sight = |number: u32| sight(number, 4, Some(claimed.clone()));
			View {
				payee: Some(payee),
				..view(sight(finalized + 2), sight(finalized))
			}
		};
		let proved = record(State::Proved);
		assert_eq!(decide(&proved, &at(30, US), &None), Step::SignSubmission);
		assert_eq!(decide(&proved, &at(30, ANOTHER), &None), Step::KeepProof);
		let mut ours = record(State::Submitted);
		ours.submission = Some(signed(1, 20));
		let step = decide(&ours, &at(30, US), &None);
		assert!(matches!(step, Step::SendSubmission { .. }), "{step:?}");
		assert_eq!(decide(&ours, &at(30, ANOTHER), &None), Step::KeepProof);
		// Another key's is sent on as it is, and ours takes its place before its time is over only where ours would be paid.
		let mut theirs = record(State::SubmitSigned);
		theirs.submission = Some(Signed {
			account: Some([12; 32]),
			..signed(1, 20)
		});
		assert_eq!(decide(&theirs, &at(30, US), &None), Step::SubmitAgain);
		let step = decide(&theirs, &at(30, ANOTHER), &None);
		assert!(matches!(step, Step::SendSubmission { .. }), "{step:?}");
	}

	#[test]
	fn a_refusal_of_the_result_should_be_told_from_one_that_may_pass() {
		let refusal = |error: &str| format!("the chain refused the call: {error}: as its docs say");
		for error in [
			"ProofVerification.ProofInvalid",
			"JobOrders.OutputLengthWrong",
		] {
			assert!(is_of_result(&refusal(error)), "{error}");
		}
		for error in [
			"JobOrders.NotClaimer",
			"ProofVerification.VerifyingKeyMalformed",
			"Token.FundsUnavailable",
		] {
			assert!(!is_of_result(&refusal(error)), "{error}");
		}
	}
}
