//! How a command fails: a sentence for people, a code for programs, an exit status for scripts.

use lemma_client::{
	amount::AmountError, error::PoolError, keys::KeyError, npy::NpyError, store::StoreError, Error,
};

/// Exit statuses. `docs/use/cli.md` lists them.
pub mod exit {
	/// The command failed for a reason that none of the others names.
	pub const FAILURE: u8 = 1;
	/// The command line or a file given on it is wrong.
	pub const USAGE: u8 = 2;
	/// No node answers: the same command may work later.
	pub const NO_NODE: u8 = 3;
	/// The account has too little money.
	pub const NO_FUNDS: u8 = 4;
	/// A result did not pass its checks.
	pub const NOT_VERIFIED: u8 = 5;
	/// The order ended without a result.
	pub const NO_RESULT: u8 = 6;
	/// The user interrupted the command.
	pub const INTERRUPTED: u8 = 130;
}

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
	/// Stable short name: the `code` of `--json`.
	pub code: &'static str,
	/// A sentence that says what to do.
	pub message: String,
	/// Exit status.
	pub exit: u8,
}

/// What commands return.
pub type Outcome<T> = Result<T, Failure>;

impl Failure {
	/// A failure with a code of its own.
	pub fn new(exit: u8, code: &'static str, message: impl Into<String>) -> Self {
		Self {
			code,
			message: message.into(),
			exit,
		}
	}

	/// Something on the command line, or a file named there, is wrong.
	pub fn usage(message: impl Into<String>) -> Self {
		Self::new(exit::USAGE, "usage", message)
	}
}

impl From<Error> for Failure {
	fn from(error: Error) -> Self {
		let exit = match &error {
			Error::NoNode { .. } | Error::Disconnected { .. } => exit::NO_NODE,
			Error::BadUrl { .. } => exit::USAGE,
			Error::Pool(PoolError::CannotPay) => exit::NO_FUNDS,
			Error::Dispatch(failure) if failure.is_funds() => exit::NO_FUNDS,
			_ => exit::FAILURE,
		};
		Self::new(exit, error.code(), error.to_string())
	}
}

impl From<NpyError> for Failure {
	fn from(error: NpyError) -> Self {
		Self::new(exit::USAGE, "bad_file", error.to_string())
	}
}

impl From<StoreError> for Failure {
	fn from(error: StoreError) -> Self {
		let (exit, code) = match &error {
			StoreError::BadLocation(_) => (exit::USAGE, "usage"),
			StoreError::NotFound { .. } => (exit::FAILURE, "no_such_blob"),
			_ => (exit::FAILURE, "store"),
		};
		Self::new(exit, code, error.to_string())
	}
}

impl From<KeyError> for Failure {
	fn from(error: KeyError) -> Self {
		Self::new(exit::USAGE, "bad_key", error.to_string())
	}
}

impl From<AmountError> for Failure {
	fn from(error: AmountError) -> Self {
		Self::usage(error.to_string())
	}
}

/// Reads or writes a file, with an error that names it.
pub fn file_failure(path: &std::path::Path, done: &str, error: &std::io::Error) -> Failure {
	Failure::new(
		exit::USAGE,
		"bad_file",
		format!("{} cannot be {done}: {error}", path.display()),
	)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_transaction_that_may_be_sent_should_not_seem_safe_to_repeat() {
		let failure = Failure::from(Error::MaybeSent {
			hash: lemma_client::H256::repeat_byte(7),
			until: Some(69),
			reason: "the node does not answer".into(),
		});
		assert_eq!((failure.exit, failure.code), (exit::FAILURE, "maybe_sent"));
		assert!(
			failure.message.contains("until block 69"),
			"{}",
			failure.message
		);
	}
}
