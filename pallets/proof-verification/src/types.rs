//! The types of the pallet's calls, and names for those that its configuration decides.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
	traits::{fungible::Inspect, ConstU32},
	BoundedVec,
};
use lemma_primitives::{program::Program, InputCommitment, MAX_OUTPUT_BYTES, MAX_PROOF_BYTES};
use scale_info::TypeInfo;

use crate::Config;

/// An amount of money.
pub type BalanceOf<T> =
	<<T as Config>::Currency as Inspect<<T as frame_system::Config>::AccountId>>::Balance;

/// A program's entry.
pub type ProgramOf<T> = Program<<T as frame_system::Config>::AccountId, BalanceOf<T>>;

/// One result of a program with its proof, made by whoever registers the program: the proof's binding is that
/// of the chain, [`crate::SAMPLE_ORDER`] and the registrant's account.
#[derive(
	Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Sample {
	/// Commitment to the input.
	pub commitment: InputCommitment,
	/// The output's bytes.
	pub output: BoundedVec<u8, ConstU32<MAX_OUTPUT_BYTES>>,
	/// The proof's bytes.
	pub proof: BoundedVec<u8, ConstU32<MAX_PROOF_BYTES>>,
}
