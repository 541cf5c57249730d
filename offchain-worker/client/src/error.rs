//! What can go wrong between a client and a chain, in sentences that say what to do.

use std::fmt;

use crate::{transact::SignedBytes, AccountId, OrderId, H256};

/// Why a request to the chain failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
	/// No node answers at the address.
	#[error(
		"no node answers at {url} ({reason}): start one with `lemma-node --dev`, or name another \
		 with --node or LEMMA_NODE"
	)]
	NoNode {
		/// The address that was tried, as [`public_url`](crate::public_url) shows it.
		url: String,
		/// What the connection attempt said.
		reason: String,
	},
	/// The URL is not one of a node.
	#[error("{url} is no address of a node: it must begin with ws:// or wss://")]
	BadUrl {
		/// What was given, as [`public_url`](crate::public_url) shows it.
		url: String,
	},
	/// The connection broke, or the node did not answer in time. Trying again is safe: where a transaction was sent, it is
	/// [`Self::MaybeSent`].
	#[error("the node at {url} does not answer ({reason}): check that it runs, and try again")]
	Disconnected {
		/// The node's address, as [`public_url`](crate::public_url) shows it.
		url: String,
		/// What happened.
		reason: String,
	},
	/// The node is of another chain than the caller expects.
	#[error(
		"the node's chain has the genesis hash {found:#x}, not {expected:#x}: connect to a node of \
		 the right chain"
	)]
	WrongChain {
		/// What was expected.
		expected: H256,
		/// What the node says.
		found: H256,
	},
	/// The node refused a request.
	#[error("the node refused `{method}`: {message} (code {code})")]
	Rpc {
		/// The JSON-RPC method.
		method: String,
		/// The node's code.
		code: i32,
		/// The node's text.
		message: String,
	},
	/// The node no longer keeps the state or the body of a block.
	#[error(
		"the node no longer keeps block {block}: ask an archive node (started with --state-pruning \
		 archive --blocks-pruning archive)"
	)]
	Pruned {
		/// Hash or number of the block.
		block: String,
	},
	/// The node answered something that this client does not understand.
	#[error(
		"the node's answer to `{what}` cannot be read ({reason}): node and client are of different \
		 versions, update the older one"
	)]
	Unreadable {
		/// What was asked.
		what: String,
		/// Where decoding failed.
		reason: String,
	},
	/// The chain's runtime has no such call, or one of another shape.
	#[error(
		"the chain's runtime does not have the call {call} as this client knows it ({reason}): \
		 update the client to the runtime's version"
	)]
	IncompatibleCall {
		/// `Pallet::call`.
		call: String,
		/// What differs.
		reason: String,
	},
	/// The node's pool did not take a transaction.
	#[error(transparent)]
	Pool(#[from] PoolError),
	/// A transaction is in a block, but its call failed.
	#[error(transparent)]
	Dispatch(#[from] DispatchFailure),
	/// A transaction's time ran out before it came into a block.
	#[error(
		"the transaction {hash:#x} was not taken into any block while it was valid, and now never \
		 will be: send it again"
	)]
	TransactionExpired {
		/// Hash of the extrinsic.
		hash: H256,
	},
	/// A transaction was given to a node, and what became of it is not known.
	#[error("{reason}; {}", may_take_effect(*.hash, *.until))]
	MaybeSent {
		/// Hash of the extrinsic.
		hash: H256,
		/// The last block that can include it; none if it is valid for ever.
		until: Option<u32>,
		/// Why it is not known.
		reason: String,
	},
	/// The order does not exist, or no longer.
	#[error("{}", no_such_order(*.id, *.posted))]
	NoSuchOrder {
		/// Its number.
		id: OrderId,
		/// Whether an order of this number was ever posted, if that is known.
		posted: Option<bool>,
	},
	/// The order is live: there is no result yet.
	#[error(
		"order {id} is not settled yet: `lemma result {id}` waits for it, `lemma order show {id}` \
		 says where it is"
	)]
	NotSettled {
		/// Its number.
		id: OrderId,
	},
	/// No such provider.
	#[error(
		"{account} is no registered provider: register it with `lemma provider register --bond \
		 AMOUNT`"
	)]
	NoSuchProvider {
		/// The account asked for.
		account: AccountId,
	},
	/// No such program.
	#[error(
		"the program {id:#x} is not registered on this chain: `lemma program list` shows those that \
		 are"
	)]
	NoSuchProgram {
		/// The program asked for.
		id: H256,
	},
}

/// What to do about a transaction that was sent, before the same is sent once more.
pub fn may_take_effect(hash: H256, until: Option<u32>) -> String {
	let until = match until {
		Some(block) => format!(" until block {block}"),
		None => String::new(),
	};
	format!(
		"the transaction {hash:#x} was sent and may take effect{until}: look whether it has, before you repeat \
		 the command (`lemma balance`, `lemma order list`, `lemma provider show`)"
	)
}

fn no_such_order(id: OrderId, posted: Option<bool>) -> String {
	match posted {
		Some(false) => format!("order {id} has never been posted on this chain"),
		Some(true) => format!(
			"order {id} is no longer live and has no receipt: it was cancelled, it expired, or its \
			 receipt was removed"
		),
		None => format!(
			"there is no live order {id} and no receipt of it: it was never posted, or was \
			 cancelled, or expired, or its receipt was removed"
		),
	}
}

impl Error {
	/// Whether the same request may well succeed when simply tried again.
	pub fn is_transient(&self) -> bool {
		matches!(self, Self::NoNode { .. } | Self::Disconnected { .. })
	}

	/// What the error means when it comes after this transaction was given to a node: unless it says what became of the
	/// transaction, that may take effect, and the same call must not simply be made again.
	pub fn after_sending(self, signed: &SignedBytes) -> Self {
		let reason = match self {
			Self::Pool(_)
			| Self::Dispatch(_)
			| Self::TransactionExpired { .. }
			| Self::MaybeSent { .. } => return self,
			// Its own sentence says to try again.
			Self::Disconnected { url, reason } => {
				format!("the node at {url} does not answer ({reason})")
			}
			other => other.to_string(),
		};
		Self::MaybeSent {
			hash: signed.hash,
			until: signed.last_block(),
			reason,
		}
	}

	/// A short name for machines, stable across versions: the `code` of the command line's JSON.
	pub fn code(&self) -> &'static str {
		match self {
			Self::NoNode { .. } => "no_node",
			Self::BadUrl { .. } => "bad_node_url",
			Self::Disconnected { .. } => "disconnected",
			Self::WrongChain { .. } => "wrong_chain",
			Self::Rpc { .. } => "rpc",
			Self::Pruned { .. } => "pruned",
			Self::Unreadable { .. } => "unreadable_answer",
			Self::IncompatibleCall { .. } => "incompatible_runtime",
			Self::Pool(e) => e.code(),
			Self::Dispatch(e) if e.is_funds() => "no_funds",
			Self::Dispatch(_) => "call_failed",
			Self::TransactionExpired { .. } => "transaction_expired",
			Self::MaybeSent { .. } => "maybe_sent",
			Self::NoSuchOrder { .. } => "no_such_order",
			Self::NotSettled { .. } => "not_settled",
			Self::NoSuchProvider { .. } => "no_such_provider",
			Self::NoSuchProgram { .. } => "no_such_program",
		}
	}
}

/// Why the node's transaction pool refused a transaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
	/// The account cannot pay the fee.
	#[error(
		"the account cannot pay the fee of this transaction: it has too little free balance; fund \
		 it first (`lemma balance` shows what it has)"
	)]
	CannotPay,
	/// The nonce was used already: this or another transaction of the account is in a block.
	#[error(
		"the transaction is outdated: another transaction of this account took its place in the \
		 meantime; try again"
	)]
	Stale,
	/// The nonce is ahead of the account's.
	#[error(
		"the transaction comes too early: an earlier one of this account is missing; try again"
	)]
	Future,
	/// The signature does not hold for this chain.
	#[error(
		"the signature is not valid on this chain: the transaction was signed for another chain or \
		 runtime version; sign it again"
	)]
	BadSignature,
	/// The transaction's birth block is too old.
	#[error("the transaction's time has run out: sign it again")]
	TooOld,
	/// It does not fit into a block.
	#[error("the transaction does not fit into a block at present: try again later")]
	TooLarge,
	/// The pool has it already.
	#[error("the node's pool has this very transaction already")]
	AlreadyImported,
	/// The pool saw it fail, and refuses it for a while.
	#[error(
		"the node's pool refuses this transaction for a while because it was dropped or was invalid \
		 before: try again in half an hour, or sign it anew"
	)]
	TemporarilyBanned,
	/// Another transaction with the same nonce waits in the pool.
	#[error(
		"another transaction of this account with the same nonce waits in the node's pool: wait \
		 for it to be in a block, then try again"
	)]
	NonceTaken,
	/// The pool is full.
	#[error("the node's pool is full: try again later")]
	Full,
	/// Anything else.
	#[error("the node's pool refused the transaction: {0}")]
	Other(String),
}

impl PoolError {
	/// From the code and text of an error of `author_submitExtrinsic`; `None` if it is no pool error.
	pub(crate) fn from_rpc(code: i32, message: &str, data: &str) -> Option<Self> {
		// Codes of sc-rpc-api's author module; 1010's data is the text of `InvalidTransaction`.
		Some(match code {
			1010 if data.contains("Inability to pay") => Self::CannotPay,
			1010 if data.contains("outdated") => Self::Stale,
			1010 if data.contains("in the future") => Self::Future,
			1010 if data.contains("bad signature") => Self::BadSignature,
			1010 if data.contains("ancient birth block") => Self::TooOld,
			1010 if data.contains("exhaust") => Self::TooLarge,
			1012 => Self::TemporarilyBanned,
			1013 => Self::AlreadyImported,
			1014 => Self::NonceTaken,
			1016 => Self::Full,
			1021 => Self::Future,
			1002 | 1010..=1021 => Self::Other(match data {
				"" => message.into(),
				_ => format!("{message}: {data}"),
			}),
			_ => return None,
		})
	}

	fn code(&self) -> &'static str {
		match self {
			Self::CannotPay => "no_funds",
			_ => "transaction_refused",
		}
	}
}

/// A call that failed in a block. The sender paid its fee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DispatchFailure {
	/// The pallet whose error it is, if it is a pallet's.
	pub pallet: Option<String>,
	/// Name of the error.
	pub name: String,
	/// What its documentation says, from the chain's metadata.
	pub docs: String,
}

impl DispatchFailure {
	/// Whether it is this error of this pallet.
	pub fn is(&self, pallet: &str, name: &str) -> bool {
		self.pallet.as_deref() == Some(pallet) && self.name == name
	}

	/// Whether money was missing.
	pub fn is_funds(&self) -> bool {
		matches!(
			self.name.as_str(),
			"FundsUnavailable" | "InsufficientBalance" | "BelowMinimum"
		)
	}
}

impl std::error::Error for DispatchFailure {}

impl fmt::Display for DispatchFailure {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		if self.is_funds() {
			f.write_str("the account does not have the money that this takes: fund it first, or ask for less (`lemma balance` shows what it has)")?;
			return write!(f, " [{self_}]", self_ = self.title());
		}
		write!(f, "the chain refused the call: {}", self.title())?;
		if !self.docs.is_empty() {
			write!(f, ": {}", self.docs)?;
		}
		Ok(())
	}
}

impl DispatchFailure {
	fn title(&self) -> String {
		match &self.pallet {
			Some(pallet) => format!("{pallet}.{}", self.name),
			None => self.name.clone(),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_pool_error_should_become_a_sentence_when_the_account_cannot_pay() {
		let data = "Inability to pay some fees (e.g. account balance too low)";
		let error = PoolError::from_rpc(1010, "Invalid Transaction", data);
		assert_eq!(error, Some(PoolError::CannotPay));
		assert!(PoolError::CannotPay.to_string().contains("fund it first"));
	}

	/// A transaction that no block from 70 on can include.
	fn signed() -> SignedBytes {
		SignedBytes {
			bytes: vec![1],
			hash: H256::repeat_byte(0xab),
			nonce: 3,
			signed_at: crate::BlockRef {
				number: 6,
				hash: H256::zero(),
			},
			expires_at: Some(70),
		}
	}

	#[test]
	fn a_broken_connection_should_say_that_a_transaction_was_sent() {
		let disconnected = Error::Disconnected {
			url: "ws://127.0.0.1:9".into(),
			reason: "no answer".into(),
		};
		let error = disconnected.after_sending(&signed());
		assert_eq!(error.code(), "maybe_sent");
		assert!(!error.is_transient(), "the same must not be sent again");
		let text = error.to_string();
		for part in [
			"ws://127.0.0.1:9",
			"no answer",
			"0xabab",
			"until block 69",
			"lemma balance",
		] {
			assert!(text.contains(part), "{part}: {text}");
		}
		assert!(!text.contains("try again"), "{text}");
		let pruned = Error::Pruned { block: "7".into() };
		assert_eq!(pruned.after_sending(&signed()).code(), "maybe_sent");
	}

	#[test]
	fn an_error_should_stay_as_it_is_when_it_says_what_became_of_a_transaction() {
		let hash = H256::zero();
		for (error, code) in [
			(Error::Pool(PoolError::CannotPay), "no_funds"),
			(Error::TransactionExpired { hash }, "transaction_expired"),
		] {
			assert_eq!(error.after_sending(&signed()).code(), code);
		}
	}

	#[test]
	fn an_error_of_the_node_should_not_become_a_pool_error_when_its_code_is_another() {
		assert_eq!(PoolError::from_rpc(-32601, "Method not found", ""), None);
	}

	#[test]
	fn a_failed_call_should_name_pallet_error_and_documentation() {
		let failure = DispatchFailure {
			pallet: Some("JobOrders".into()),
			name: "OrderNotOpen".into(),
			docs: "The order is not open.".into(),
		};
		let text = failure.to_string();
		assert!(
			text.contains("JobOrders.OrderNotOpen: The order is not open."),
			"{text}"
		);
	}
}
