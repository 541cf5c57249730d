//! What the journal keeps of one order: how far it has come, and the transactions signed for it.

use codec::{Decode, Encode};
use lemma_primitives::{Balance, BlockNumber, OrderId};
use serde::{Serialize, Serializer};

/// A blake2-256 hash, a program id or a commitment: 32 bytes.
pub type Hash = [u8; 32];

/// A transaction that was signed, and may be sent again but never signed again while it can still be
/// included. Its bytes lie beside the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Signed {
	/// blake2-256 of the bytes: the transaction's name on chain.
	#[serde(serialize_with = "hex_hash")]
	pub hash: Hash,
	/// The account's nonce that it uses.
	pub nonce: u32,
	/// Height of the block on which its era is founded.
	pub born_at: BlockNumber,
	/// First height at which it can no longer be included.
	pub dies_at: BlockNumber,
	/// The account that signed it; none if an earlier version did, which did not note it.
	#[serde(serialize_with = "optional_hex_hash")]
	pub account: Option<Hash>,
}

impl Signed {
	/// Whether this account signed it, as far as is known.
	pub fn is_by(&self, account: &Hash) -> bool {
		self.account.is_none_or(|signer| signer == *account)
	}

	/// Whether the chain can include one of the two: they have one nonce of one account.
	pub fn excludes(&self, other: &Signed) -> bool {
		let one_account = other.account.is_none_or(|account| self.is_by(&account));
		one_account && self.nonce == other.nonce
	}
}

/// A submission that another took the place of, with the same nonce and another tip. It may be included all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Replaced {
	/// The submission.
	#[serde(flatten)]
	pub signed: Signed,
	/// Its tip.
	#[serde(serialize_with = "amount")]
	pub tip: Balance,
}

/// How far an order has come.
///
/// ```text
/// Seen -> Fetched -> Claiming -> ClaimSigned -> Claimed -> Proving -> Proved -> SubmitSigned
///            |           ^_______________|         ^         ^           ^___________|  |
///            |_____________ (a rescue needs no claim) ______|                           v
///                                                                        Submitted -> Settled
/// every state but the last -> Lost | Expired | Refused | Failed
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
	/// Chosen from the order book.
	Seen,
	/// The input is here, and is what the order says.
	Fetched,
	/// A claim is about to be signed.
	Claiming,
	/// The claim is signed: `Record::claim`.
	ClaimSigned,
	/// The chain shows the claim as ours.
	Claimed {
		/// What is paid for a proof in time.
		#[serde(serialize_with = "amount")]
		price: Balance,
		/// First block at which the claim is missed.
		expires_at: BlockNumber,
	},
	/// Computing and proving.
	Proving,
	/// Output and proof are done and lie beside the record.
	Proved,
	/// The submission is signed: `Record::submission`.
	SubmitSigned,
	/// The submission was given to a node.
	Submitted,
	/// A finalized block holds our proof, and we were paid.
	Settled {
		/// That block.
		block: BlockNumber,
		/// What was paid; unknown if the requester had removed the receipt before we saw it.
		#[serde(serialize_with = "optional_amount")]
		paid: Option<Balance>,
	},
	/// Another had it, or it was withdrawn, before we were bound to it.
	Lost {
		/// How.
		reason: String,
	},
	/// It ended before we had proven it.
	Expired {
		/// How.
		reason: String,
	},
	/// Its input is not what it says, or it is none that this worker takes.
	Refused {
		/// Why.
		reason: String,
	},
	/// We failed at it.
	Failed {
		/// At what.
		reason: String,
	},
}

impl State {
	/// Its name, as metrics, crash points and people write it.
	pub fn name(&self) -> &'static str {
		match self {
			State::Seen => "seen",
			State::Fetched => "fetched",
			State::Claiming => "claiming",
			State::ClaimSigned => "claim-signed",
			State::Claimed { .. } => "claimed",
			State::Proving => "proving",
			State::Proved => "proved",
			State::SubmitSigned => "submit-signed",
			State::Submitted => "submitted",
			State::Settled { .. } => "settled",
			State::Lost { .. } => "lost",
			State::Expired { .. } => "expired",
			State::Refused { .. } => "refused",
			State::Failed { .. } => "failed",
		}
	}

	/// Whether nothing remains to be done.
	pub fn is_final(&self) -> bool {
		matches!(
			self,
			State::Settled { .. }
				| State::Lost { .. }
				| State::Expired { .. }
				| State::Refused { .. }
				| State::Failed { .. }
		)
	}

	/// Whether the provider's bond may be committed to the order, so that it must be seen through.
	pub fn is_bound(&self) -> bool {
		!self.is_final() && !matches!(self, State::Seen | State::Fetched | State::Claiming)
	}

	/// Whether output and proof lie beside the record.
	pub fn has_proof(&self) -> bool {
		matches!(self, State::Proved | State::SubmitSigned | State::Submitted)
	}

	/// Why it ended, in words; empty where there is nothing to say.
	pub fn reason(&self) -> &str {
		match self {
			State::Lost { reason }
			| State::Expired { reason }
			| State::Refused { reason }
			| State::Failed { reason } => reason,
			_ => "",
		}
	}

	/// Whether the state machine has an arrow from here to `next`.
	pub fn may_become(&self, next: &State) -> bool {
		use State::*;
		if self.is_final() {
			return false;
		}
		match next {
			Seen => false,
			// Back from a claim that can no longer be included.
			Fetched => matches!(
				self,
				Seen | Claiming | ClaimSigned | Claimed { .. } | Proving
			),
			Claiming => matches!(self, Fetched),
			ClaimSigned => matches!(self, Claiming),
			// From Claiming and Fetched: an operator may have claimed by hand.
			Claimed { .. } => matches!(self, Fetched | Claiming | ClaimSigned),
			Proving => matches!(self, Fetched | Claimed { .. }),
			Proved => matches!(self, Proving | SubmitSigned | Submitted),
			SubmitSigned => matches!(self, Proved),
			Submitted => matches!(self, SubmitSigned),
			Settled { .. } | Lost { .. } | Expired { .. } | Refused { .. } | Failed { .. } => true,
		}
	}
}

/// What a record's history says of a claim whose deadline passed; it is no state.
pub(super) const MISSED: &str = "missed";

/// The journal's record of one order.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Record {
	/// The order.
	pub order: OrderId,
	/// blake2-256 of what never changes of it (requester, spec, block of posting): tells it from another
	/// order that got the same number on another fork.
	#[serde(serialize_with = "hex_hash")]
	pub fingerprint: Hash,
	/// The program that it names.
	#[serde(serialize_with = "hex_hash")]
	pub program: Hash,
	/// Hash of its stored input; none if the input is in the order itself.
	#[serde(serialize_with = "optional_hex_hash")]
	pub input: Option<Hash>,
	/// Block of posting.
	pub posted_at: BlockNumber,
	/// First block at which it can no longer be settled.
	pub deadline: BlockNumber,
	/// The provider (cold account) that claims and is paid, to which the proof is bound.
	#[serde(serialize_with = "hex_hash")]
	pub provider: Hash,
	/// How far it has come.
	#[serde(flatten)]
	pub state: State,
	/// The latest signed claim.
	pub claim: Option<Signed>,
	/// The latest signed submission.
	pub submission: Option<Signed>,
	/// Submissions that were included and refused by the chain.
	pub refusals: u32,
	/// The job's size for people; empty until the input is here.
	pub shape: String,
	/// Microseconds by stage of computing and proving.
	pub stages: Vec<(String, u64)>,
	/// When it reached each state, and when its claim was missed: Unix time in milliseconds, name.
	pub history: Vec<(u64, String)>,
	/// Tip of the latest signed submission.
	#[serde(serialize_with = "amount")]
	pub tip: Balance,
	/// The submissions that the latest took the place of, oldest first.
	pub replaced: Vec<Replaced>,
	/// The claims that the latest took the place of, oldest first.
	pub replaced_claims: Vec<Signed>,
}

impl Record {
	/// Whether this worker has claimed it, or may have.
	pub fn was_claimed(&self) -> bool {
		self.claim.is_some() || self.has_seen("claimed")
	}

	/// Whether it is noted that its claim was missed.
	pub fn is_miss_noted(&self) -> bool {
		self.has_seen(MISSED)
	}

	fn has_seen(&self, wanted: &str) -> bool {
		self.history.iter().any(|(_, name)| name == wanted)
	}

	/// Its signed transactions that may still be included, as far as the record tells.
	pub fn open_transactions(&self) -> impl Iterator<Item = Signed> {
		let claim = self.claims().filter(|_| self.state.is_bound());
		claim.into_iter().chain(self.open_submission())
	}

	/// The latest claim and those that it took the place of, as one: it has their nonce, and the whole time in which the
	/// chain can include one of them.
	pub fn claims(&self) -> Option<Signed> {
		Some(as_one(self.claim?, self.replaced_claims.iter().copied()))
	}

	/// Hashes of the latest claim and those that it took the place of, the latest first.
	pub fn claim_hashes(&self) -> impl Iterator<Item = Hash> + '_ {
		let replaced = self.replaced_claims.iter().rev();
		let all = self.claim.iter().chain(replaced);
		all.map(|signed| signed.hash)
	}

	/// Its submission, with all that it took the place of, as long as one of them may be included.
	pub fn open_submission(&self) -> Option<Signed> {
		let submitted = matches!(self.state, State::SubmitSigned | State::Submitted);
		self.submissions().filter(|_| submitted)
	}

	/// The latest submission and those that it took the place of, as one: it has their nonce, and the whole time in
	/// which the chain can include one of them.
	pub fn submissions(&self) -> Option<Signed> {
		let replaced = self.replaced.iter().map(|replaced| replaced.signed);
		Some(as_one(self.submission?, replaced))
	}

	/// The latest submission and those that it took the place of: hash and tip, the latest first.
	pub fn offers(&self) -> impl Iterator<Item = (Hash, Balance)> + '_ {
		let latest = self.submission.map(|signed| (signed.hash, self.tip));
		let replaced = self.replaced.iter().rev();
		latest
			.into_iter()
			.chain(replaced.map(|replaced| (replaced.signed.hash, replaced.tip)))
	}
}

/// A transaction and those that it took the place of, as one.
fn as_one(latest: Signed, replaced: impl Iterator<Item = Signed>) -> Signed {
	replaced.fold(latest, |all, signed| Signed {
		born_at: all.born_at.min(signed.born_at),
		dies_at: all.dies_at.max(signed.dies_at),
		..all
	})
}

fn hex_hash<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
	serializer.serialize_str(&format!("0x{}", hex::encode(hash)))
}

fn optional_hex_hash<S: Serializer>(hash: &Option<Hash>, serializer: S) -> Result<S::Ok, S::Error> {
	match hash {
		Some(hash) => hex_hash(hash, serializer),
		None => serializer.serialize_none(),
	}
}

/// Amounts are texts in JSON, as in the node's JSON-RPC: not all of them are exact as numbers there.
fn amount<S: Serializer>(amount: &Balance, serializer: S) -> Result<S::Ok, S::Error> {
	serializer.collect_str(amount)
}

fn optional_amount<S: Serializer>(
	amount: &Option<Balance>,
	serializer: S,
) -> Result<S::Ok, S::Error> {
	match amount {
		Some(amount) => serializer.collect_str(amount),
		None => serializer.serialize_none(),
	}
}
