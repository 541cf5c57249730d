//! Why the journal could not be read or written, and whom that concerns.

use lemma_primitives::OrderId;

use super::LAYOUT;
use crate::fuse::Blown;

/// Why the journal could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
	/// The database failed.
	#[error("the journal cannot be used: {0}")]
	Database(Box<redb::Error>),
	/// A record cannot be read.
	#[error(
		"the journal's record of order {0} cannot be read: it was written by another version of this \
		 program, or is damaged. The order is left alone and all others go on. If it is claimed, its \
		 collateral is lost when the claim ends: `lemma order show {0}` says whether and when. Keep a \
		 copy of the file for inquiry"
	)]
	Unreadable(OrderId),
	/// The file has another layout.
	#[error(
		"the journal has layout {found}, this worker has layout {LAYOUT}: an earlier one is brought up to \
		 date when the worker starts; for a later one use the version of lemma-worker that wrote it"
	)]
	Layout {
		/// The layout found.
		found: u32,
	},
	/// The journal belongs to another chain.
	#[error(
		"the journal belongs to the chain with genesis 0x{found}, the node is on 0x{wanted}: point \
		 `node` to the right chain, or give this chain another data_dir"
	)]
	OtherChain {
		/// Genesis in the journal.
		found: String,
		/// Genesis of the node.
		wanted: String,
	},
	/// There is no record of the order.
	#[error("the journal has no order {0}")]
	Unknown(OrderId),
	/// The state machine has no such arrow.
	#[error("order {order} cannot go from {from} to {to}")]
	NoSuchStep {
		/// The order.
		order: OrderId,
		/// Its state.
		from: &'static str,
		/// The state asked for.
		to: &'static str,
	},
	/// Another order of the same number is under way.
	#[error(
		"order {0} is under way already, as another order that had this number on another fork"
	)]
	Conflict(OrderId),
	/// A test made the worker stop.
	#[error(transparent)]
	Blown(#[from] Blown),
}

impl JournalError {
	/// Whether the same step may succeed later: the disk was full or failed.
	pub fn is_passing(&self) -> bool {
		matches!(self, JournalError::Database(_))
	}

	/// Whether only one order is concerned, so that the others can go on.
	pub fn is_of_one_order(&self) -> bool {
		matches!(
			self,
			JournalError::Unreadable(_)
				| JournalError::Unknown(_)
				| JournalError::NoSuchStep { .. }
				| JournalError::Conflict(_)
		)
	}
}

macro_rules! from_database_errors {
	($($error:ty),+) => {$(
		impl From<$error> for JournalError {
			fn from(error: $error) -> Self {
				JournalError::Database(Box::new(error.into()))
			}
		}
	)+};
}

from_database_errors!(
	redb::DatabaseError,
	redb::TransactionError,
	redb::TableError,
	redb::StorageError,
	redb::CommitError
);
