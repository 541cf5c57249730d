//! The types of which outputs consist.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};

/// Type of an output's elements: integers, little-endian, two's complement.
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
#[serde(rename_all = "lowercase")]
pub enum OutputElement {
	/// 0 to 255, one byte.
	U8,
	/// -128 to 127, one byte.
	I8,
	/// -2^15 to 2^15 - 1, two bytes.
	I16,
	/// -2^31 to 2^31 - 1, four bytes.
	I32,
}

impl OutputElement {
	/// Its number where the challenge is hashed, [`crate::challenge`]: that of its SCALE encoding.
	pub const fn code(self) -> u64 {
		match self {
			Self::U8 => 0,
			Self::I8 => 1,
			Self::I16 => 2,
			Self::I32 => 3,
		}
	}

	/// Bytes that one element takes.
	pub const fn size_bytes(self) -> usize {
		match self {
			Self::U8 | Self::I8 => 1,
			Self::I16 => 2,
			Self::I32 => 4,
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn code_should_be_that_of_the_encoding() {
		use OutputElement::*;
		for element in [U8, I8, I16, I32] {
			assert_eq!(element.encode(), [element.code() as u8]);
		}
	}
}
