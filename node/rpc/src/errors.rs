//! Why a method has no answer: a code that programs can match and a sentence that says what to do.
//! The codes are part of the interface (`docs/use/json-rpc.md`) and never change their meaning.

use jsonrpsee::types::ErrorObjectOwned;

/// An error of Lemma's methods.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
	/// No such block.
	#[error(
		"this node does not know block {0}: check the hash, or wait until the node has synced to it"
	)]
	UnknownBlock(String),
	/// The block is known, its state is gone.
	#[error(
		"this node no longer keeps the state of block {0}: ask for a newer block, or ask a node that \
		 runs with --state-pruning archive"
	)]
	StatePruned(String),
	/// The block is known, its extrinsics are gone.
	#[error(
		"this node no longer keeps the extrinsics of block {0}, which holds the result: ask a node \
		 that runs with --blocks-pruning archive-canonical"
	)]
	BodyPruned(String),
	/// The runtime could not be asked.
	#[error("the runtime could not answer: {0}; see the node's log")]
	Runtime(String),
	/// No receipt of that order.
	#[error(
		"order {0} has no receipt: it is not settled yet (see lemma_order), or it was cancelled, has \
		 expired, or its requester removed the receipt"
	)]
	NoReceipt(u64),
	/// The block does not hold what the receipt says.
	#[error(
		"the block that settled order {order} does not hold its result where the receipt says \
		 ({reason}): this node's version may be older than the chain's runtime; update it"
	)]
	ResultNotFound {
		/// The order.
		order: u64,
		/// What was found instead.
		reason: String,
	},
	/// A page is too long.
	#[error(
		"limit is {asked}, but a page has 1 to {most} entries: ask for less and follow `next`"
	)]
	PageTooLong {
		/// What was asked for.
		asked: u32,
		/// The most there is.
		most: u32,
	},
	/// An argument is longer than any that could be right.
	#[error("{what} has {len} bytes, but at most {most} are possible")]
	TooLong {
		/// Which argument.
		what: &'static str,
		/// Its length.
		len: usize,
		/// The most possible.
		most: u32,
	},
	/// The node serves no more subscriptions.
	#[error(
		"this node serves as many subscriptions as it can: try again later, end those that you do not \
		 need, or ask another node"
	)]
	TooManySubscriptions,
	/// The proof of the genesis validators was not made while the genesis state was there.
	#[error(
		"this node has no proof of the genesis validators: an older version pruned the genesis state; \
		 ask another node, or let this one sync anew with an empty database"
	)]
	NoGenesisValidators,
}

impl Error {
	/// Code of the error on the wire.
	pub fn code(&self) -> i32 {
		match self {
			Self::UnknownBlock(_) => 8001,
			Self::StatePruned(_) => 8002,
			Self::BodyPruned(_) => 8003,
			Self::Runtime(_) => 8004,
			Self::NoReceipt(_) => 8005,
			Self::ResultNotFound { .. } => 8006,
			Self::PageTooLong { .. } => 8007,
			Self::TooLong { .. } => 8008,
			Self::TooManySubscriptions => 8009,
			Self::NoGenesisValidators => 8010,
		}
	}
}

impl From<Error> for ErrorObjectOwned {
	fn from(error: Error) -> Self {
		ErrorObjectOwned::owned(error.code(), error.to_string(), None::<()>)
	}
}

#[cfg(test)]
mod tests {
	use std::collections::BTreeSet;

	use super::*;

	#[test]
	fn errors_should_have_codes_of_their_own() {
		let errors = [
			Error::UnknownBlock(String::new()),
			Error::StatePruned(String::new()),
			Error::BodyPruned(String::new()),
			Error::Runtime(String::new()),
			Error::NoReceipt(0),
			Error::ResultNotFound {
				order: 0,
				reason: String::new(),
			},
			Error::PageTooLong { asked: 0, most: 0 },
			Error::TooLong {
				what: "",
				len: 0,
				most: 0,
			},
			Error::TooManySubscriptions,
			Error::NoGenesisValidators,
		];
		let codes: BTreeSet<i32> = errors.iter().map(Error::code).collect();

		assert_eq!(codes.len(), errors.len());
		assert!(codes.iter().all(|code| (8001..8100).contains(code)));
	}

	#[test]
	fn error_should_keep_its_code_and_sentence_on_the_wire() {
		let object = ErrorObjectOwned::from(Error::NoReceipt(7));

		assert_eq!(object.code(), 8005);
		assert!(object.message().starts_with("order 7 has no receipt"));
	}
}
