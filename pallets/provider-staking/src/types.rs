//! Names for the types that the pallet's configuration decides.

use frame_support::{
	traits::{fungible::Inspect, ConstU32},
	BoundedVec,
};
use frame_system::pallet_prelude::BlockNumberFor;
use lemma_primitives::provider::{Provider, MAX_OPERATORS};

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
