//! Names for this pallet's records with its types filled in, and sizes and weights that follow from them.

use codec::MaxEncodedLen;
use frame_support::{
	traits::fungible::{Credit, Inspect},
	weights::Weight,
};
use frame_system::pallet_prelude::BlockNumberFor;
use lemma_primitives::order::{InputSource, Order, OrderSpec, OrderStatus, Receipt};

use crate::{Config, WeightInfo};

/// An amount of the chain's money.
pub type BalanceOf<T> =
	<<T as Config>::Currency as Inspect<<T as frame_system::Config>::AccountId>>::Balance;

/// Money taken out of an account and not yet put anywhere.
pub type CreditOf<T> = Credit<<T as frame_system::Config>::AccountId, <T as Config>::Currency>;

/// An order of this chain.
pub type OrderOf<T> =
	Order<<T as frame_system::Config>::AccountId, BalanceOf<T>, BlockNumberFor<T>>;

/// The terms of an order of this chain.
pub type OrderSpecOf<T> = OrderSpec<BalanceOf<T>, BlockNumberFor<T>>;

/// The status of an order of this chain.
pub type OrderStatusOf<T> =
	OrderStatus<<T as frame_system::Config>::AccountId, BalanceOf<T>, BlockNumberFor<T>>;

/// A receipt of this chain.
pub type ReceiptOf<T> =
	Receipt<<T as frame_system::Config>::AccountId, BalanceOf<T>, BlockNumberFor<T>>;

/// What an extrinsic that submits a result has besides output and proof: signature, addresses,
/// extensions, lengths. More than any has, bytes.
pub const SUBMISSION_OVERHEAD_BYTES: u32 = 512;

/// Bytes of an order that depend on the requester: of the inline input or of the locator.
pub(crate) fn input_bytes(input: &InputSource) -> u32 {
	match input {
		InputSource::Inline(bytes) => bytes.len() as u32,
		InputSource::Stored { locator, .. } => locator.len() as u32,
	}
}

/// Most bytes that an order takes besides [`input_bytes`].
pub(crate) fn order_bytes<T: Config>() -> u32 {
	let longest = OrderOf::<T>::max_encoded_len() as u32;
	longest.saturating_sub(lemma_primitives::MAX_INLINE_INPUT_BYTES)
}

/// Most bytes that a receipt takes.
pub(crate) fn receipt_bytes<T: Config>() -> u32 {
	ReceiptOf::<T>::max_encoded_len() as u32
}

/// Weight of the most that can be due for one order: its claim is missed and it expires.
pub(crate) fn due_weight<T: Config>() -> Weight {
	T::WeightInfo::miss_claim().saturating_add(T::WeightInfo::expire_order())
}
