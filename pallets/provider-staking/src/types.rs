//! Names for the types that the pallet's configuration decides.

use codec::{Encode, MaxEncodedLen};
use frame_support::{
	traits::{fungible::Inspect, ConstU32},
	BoundedVec,
};
use frame_system::pallet_prelude::BlockNumberFor;
use lemma_primitives::provider::{Profile, Provider, MAX_OPERATORS};

use crate::Config;

/// An amount of money.
pub type BalanceOf<T> =
	<<T as Config>::Currency as Inspect<<T as frame_system::Config>::AccountId>>::Balance;

/// A provider's entry.
pub type ProviderOf<T> =
	Provider<<T as frame_system::Config>::AccountId, BalanceOf<T>, BlockNumberFor<T>>;

/// The operators that a provider names.
pub type OperatorsOf<T> =
	BoundedVec<<T as frame_system::Config>::AccountId, ConstU32<MAX_OPERATORS>>;

/// Bytes that a registration with this profile takes at most: its entry with every other list full, and for
/// each operator that there can be the entry by which it acts, two accounts.
pub(crate) fn registration_bytes<T: Config>(profile: &Profile) -> u32 {
	let account = <T as frame_system::Config>::AccountId::max_encoded_len();
	let link = account.saturating_mul(2);
	ProviderOf::<T>::max_encoded_len()
		.saturating_sub(Profile::max_encoded_len())
		.saturating_add(link.saturating_mul(MAX_OPERATORS as usize))
		.saturating_add(profile.encoded_size()) as u32
}
