//! Programs: what the registry stores.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
pub use lemma_zk_statement::OutputElement;
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// Which lengths an output of a program can have, bytes.
#[derive(
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
pub struct LengthRule {
	/// Shortest.
	pub min: u32,
	/// Longest.
	pub max: u32,
	/// Every length is a multiple of this; at least 1.
	pub multiple_of: u32,
}

impl LengthRule {
	/// Whether some length satisfies the rule, and `multiple_of` is not zero.
	pub fn is_valid(&self) -> bool {
		self.multiple_of > 0 && self.min > 0 && self.min <= self.max
	}

	/// Whether an output may be `len` bytes long.
	pub fn allows(&self, len: u32) -> bool {
		len >= self.min && len <= self.max && len.checked_rem(self.multiple_of) == Some(0)
	}
}

/// A registered program.
#[derive(
	Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Program<AccountId, Balance> {
	/// Who registered it and may retire it; none for those of genesis.
	pub owner: Option<AccountId>,
	/// Held of the owner while the program is registered.
	pub deposit: Balance,
	/// Type of the output's elements.
	pub element: OutputElement,
	/// Which lengths its output can have.
	pub length: LengthRule,
	/// blake2-256 of the program's description (a document, found off chain by this hash).
	pub description: H256,
	/// Whether new orders may name it.
	pub status: ProgramStatus,
}

/// Whether new orders may name a program.
#[derive(
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
pub enum ProgramStatus {
	/// They may.
	Active,
	/// They may not; orders posted before still settle.
	Retired,
}
