//! Providers: what staking stores.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::{bounded::BoundedVec, ConstU32};

use crate::ProgramId;

/// Most hot keys that may act for one provider.
pub const MAX_OPERATORS: u32 = 8;
/// Most programs that a provider can advertise.
pub const MAX_ADVERTISED_PROGRAMS: u32 = 64;
/// Longest endpoint, bytes.
pub const MAX_ENDPOINT_BYTES: u32 = 128;
/// Most withdrawals that can be on their way at once.
pub const MAX_UNBONDING_CHUNKS: u32 = 16;

/// What a provider runs jobs on.
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
#[serde(rename_all = "camelCase")]
pub enum Backend {
	/// Processor cores.
	Cpu,
	/// An NVIDIA GPU.
	Cuda,
}

/// What a provider says of itself. Advertising: nothing on chain depends on it.
#[derive(
	Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Profile {
	/// Where its operator can be reached: a URL, UTF-8, may be empty.
	pub endpoint: BoundedVec<u8, ConstU32<MAX_ENDPOINT_BYTES>>,
	/// What it runs jobs on.
	pub backend: Backend,
	/// Programs it serves; empty for all.
	pub programs: BoundedVec<ProgramId, ConstU32<MAX_ADVERTISED_PROGRAMS>>,
}

/// Part of a bond on its way out.
#[derive(
	Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct UnbondingChunk<Balance, BlockNumber> {
	/// How much.
	pub amount: Balance,
	/// First block at which it can be withdrawn; slashable until it is.
	pub unlocks_at: BlockNumber,
}

/// How a provider has done. Counts never fall.
#[derive(
	Clone,
	Default,
	PartialEq,
	Eq,
	Debug,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct TrackRecord<Balance> {
	/// Orders settled, its own claims and rescues.
	pub settled: u64,
	/// Orders settled that another had missed.
	pub rescued: u64,
	/// Claims missed.
	pub missed: u64,
	/// Paid to it in all, bounties included.
	pub earned: Balance,
	/// Taken from its bond in all.
	pub slashed: Balance,
}

/// A registered provider, kept under its cold account, whose hold is its bond.
#[derive(
	Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Provider<AccountId, Balance, BlockNumber> {
	/// Bond that backs claims.
	pub active: Balance,
	/// Part of `active` that live claims have committed.
	pub committed: Balance,
	/// Bond on its way out, oldest first.
	pub unbonding: BoundedVec<UnbondingChunk<Balance, BlockNumber>, ConstU32<MAX_UNBONDING_CHUNKS>>,
	/// Hot keys that this account names as its operators. Each claims and submits for it from when the
	/// key itself has joined (`join_provider`), until it leaves or is named no longer.
	pub operators: BoundedVec<AccountId, ConstU32<MAX_OPERATORS>>,
	/// What it says of itself.
	pub profile: Profile,
	/// How it has done.
	pub record: TrackRecord<Balance>,
	/// Block of registration.
	pub registered_at: BlockNumber,
}
