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
		let longest = self
			.max
			.checked_rem(self.multiple_of)
			.and_then(|excess| self.max.checked_sub(excess));
		self.min > 0 && longest.is_some_and(|longest| longest >= self.min)
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

#[cfg(test)]
mod tests {
	use super::*;

	fn rule(min: u32, max: u32, multiple_of: u32) -> LengthRule {
		LengthRule {
			min,
			max,
			multiple_of,
		}
	}

	#[test]
	fn length_rule_should_be_valid_when_some_length_satisfies_it() {
		for valid in [
			rule(1, 1, 1),
			rule(4, 4, 4),
			rule(5, 8, 4),
			rule(1, u32::MAX, 4),
		] {
			assert!(valid.is_valid(), "{valid:?}");
			let some = (valid.min..=valid.max).take(8).any(|len| valid.allows(len));
			assert!(some, "{valid:?}");
		}
		for invalid in [
			rule(0, 4, 4),
			rule(4, 4, 0),
			rule(8, 4, 4),
			rule(5, 7, 4),
			rule(1, 3, 4),
		] {
			assert!(!invalid.is_valid(), "{invalid:?}");
		}
	}

	#[test]
	fn length_rule_should_allow_multiples_between_its_bounds() {
		let rule = rule(8, 20, 4);
		let allowed: [u32; 4] = [8, 12, 16, 20];
		for len in 0..40 {
			assert_eq!(rule.allows(len), allowed.contains(&len), "{len}");
		}
		assert!(!LengthRule {
			multiple_of: 0,
			..rule
		}
		.allows(8));
	}
}
