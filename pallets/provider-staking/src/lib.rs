//! # Provider staking
//!
//! Bonds, operators, collateral, unbonding and slashing of those who do the work.
//!
//! ## Overview
//!
//! A provider puts up a bond to be allowed to claim orders. The order book commits part of it to every
//! live claim, gives it back when the claim is proven, and takes it when the deadline passes without a
//! proof. What is not committed can be unbonded; it leaves only after [`Config::UnbondingPeriod`] and
//! stays slashable until it is withdrawn.
//!
//! The bond sits with a cold account, as a hold on its balance. Hot keys, its operators, claim and submit
//! for it. Another hold is the deposit for the storage that the registration takes; no claim can cost that.
//!
//! ## Lifecycle
//!
//! ```text
//!              register_provider
//!                     |
//!                     v
//!      +--------- registered ---------+
//!      | bond_more, set_operators,    |   active bond backs claims:
//!      | update_provider, unbond      |   commit -> release | slash
//!      +------------------------------+
//!          |                  ^
//!          | deregister       | bond_more
//!          | (no live claim)  | (before the last withdrawal)
//!          v                  |
//!            all of it unbonding
//!                     |
//!                     | withdraw_unbonded, once the last of it has unlocked
//!                     v
//!                  gone: entry, operators and record removed, deposit released
//! ```
//!
//! A registration ends with the withdrawal of the last of its bond, whether that left by `deregister` or
//! by `unbond`: there is no provider without a bond, but for one that was slashed to nothing, whose
//! record stays to be seen until it bonds more or deregisters; its deposit stays with it.
//!
//! ## Terms
//!
//! - **Active**: bond that backs claims.
//! - **Committed**: the part of the active bond that live claims have; it cannot be unbonded.
//! - **Unbonding**: bond on its way out, in chunks that each unlock at a block.
//! - **Deposit**: for the entry with all its lists full, for eight operators that have joined, and for the
//!   profile as long as it is. [`update_provider`](Pallet::update_provider) adjusts it, nothing else does
//!   while the registration lasts. The hold is its only record.
//! - **Operator**: a hot key that claims and submits for a provider. It takes two: the provider *names*
//!   it by `set_operators`, and the key itself *joins* by `join_provider`.
//! - **Slash window**: blocks after a claim's deadline within which the order book should have slashed its
//!   miss; it works expiries off in bounded steps. A slash that comes later still finds its collateral, for
//!   what is committed cannot be unbonded: the window is a second line behind that one.
//!
//! ## Interface
//!
//! Of a cold account: `register_provider`, `bond_more`, `unbond`, `withdraw_unbonded`, `set_operators`,
//! `update_provider`, `deregister`. Of an operator: `join_provider`, `leave_provider`. The order book uses
//! the pallet through [`lemma_primitives::traits::Providers`], which emits no events of its own but for a
//! slash: the order book's events say what a commitment was for.
//!
//! ### Why operators join
//!
//! An order's proof is bound to the cold account of whoever submits it, so whom a key acts for decides
//! whether its proof is valid and who is paid. If naming a key were enough, anybody with a bond could
//! name a stranger's key just before that stranger registers, names it itself or submits a result, and
//! would so block or spoil it. A name alone therefore has no effect: a key acts for a provider from its
//! own `join_provider` until its `leave_provider` or until the provider no longer names it. A key acts
//! for one provider at a time, and no provider is another's operator.
//!
//! ### Slashing
//!
//! A slash takes from the active bond first and then from what is unbonding, newest first: what left last
//! backed claims last. It is paid to the free balance of its beneficiary (the order's requester); if that
//! account cannot receive it (it is gone, and the slash is below the existential deposit), it is burned,
//! so that a slash cannot fail for its beneficiary's sake. Each slash counts one missed claim.
//!
//! ## Invariants
//!
//! Checked by `try_state`, under these names:
//!
//! - `bonds_are_held`: active and unbonding bond together are what is held of the account, and nothing is
//!   held of one that is no provider.
//! - `deposits_are_held`: what is held of a provider for storage is the deposit for its profile, and
//!   nothing is held of one that is no provider.
//! - `commitments_are_covered`: committed is at most active.
//! - `bonds_are_not_dust`: an active bond is zero, at least the minimum, or was slashed.
//! - `unbonding_is_in_order`: chunks are not empty, unlock in order and within the unbonding period.
//! - `operators_are_named`: whoever acts for a provider is named by it, once.
//! - `operators_are_no_providers`: whoever acts for a provider is not one.

#![cfg_attr(not(feature = "std"), no_std)]
#![deny(missing_docs)]
#![cfg_attr(
	not(test),
	deny(
		clippy::unwrap_used,
		clippy::expect_used,
		clippy::indexing_slicing,
		clippy::arithmetic_side_effects
	)
)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod impls;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "std", feature = "try-runtime"))]
mod try_state;
mod types;
pub mod weights;

pub use pallet::*;
pub use types::{BalanceOf, OperatorsOf, ProviderOf};
pub use weights::WeightInfo;

// The macros' code.
#[allow(unused_qualifications, clippy::expect_used)]
#[frame_support::pallet]
pub mod pallet {
	use frame_support::{
		pallet_prelude::*,
		traits::fungible::{BalancedHold, Inspect, Mutate, MutateHold},
	};
	use frame_system::pallet_prelude::*;
	use lemma_primitives::provider::{Profile, MAX_OPERATORS};
	use sp_runtime::traits::Saturating;

	use super::*;

	/// The storage's version.
	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	/// The pallet.
	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	/// What the runtime decides.
	#[pallet::config]
	pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
		/// The money of bonds.
		type Currency: Mutate<Self::AccountId>
			+ MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>
			+ BalancedHold<Self::AccountId>;

		/// The runtime's hold reasons.
		type RuntimeHoldReason: From<HoldReason>;

		/// Least active bond with which one becomes, and stays by one's own doing, a provider.
		#[pallet::constant]
		type MinBond: Get<BalanceOf<Self>>;

		/// Blocks from `unbond` until the money can be withdrawn. Longer than [`Self::LongestClaim`] and
		/// [`Self::SlashWindow`] together.
		#[pallet::constant]
		type UnbondingPeriod: Get<BlockNumberFor<Self>>;

		/// Most blocks that a claim can last, as the order book allows them.
		#[pallet::constant]
		type LongestClaim: Get<BlockNumberFor<Self>>;

		/// Blocks after a claim's deadline within which the order book should have slashed its miss.
		#[pallet::constant]
		type SlashWindow: Get<BlockNumberFor<Self>>;

		/// Deposit for a registration, whatever its size.
		#[pallet::constant]
		type DepositBase: Get<BalanceOf<Self>>;

		/// Deposit for one byte of a registration.
		#[pallet::constant]
		type DepositPerByte: Get<BalanceOf<Self>>;

		/// Weights of the calls.
		type WeightInfo: WeightInfo;
	}

	/// Why money of a provider is held.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// It is the provider's bond, active or unbonding.
		#[codec(index = 0)]
		Bond,
		/// It is for the storage of its registration, and cannot be slashed.
		#[codec(index = 1)]
		Deposit,
	}

	/// Providers, by their cold account.
	#[pallet::storage]
	pub type Providers<T: Config> =
		StorageMap<_, Blake2_128Concat, T::AccountId, ProviderOf<T>, OptionQuery>;

	/// The provider for which an operator acts. An operator is here from when it joined.
	#[pallet::storage]
	pub type OperatorOf<T: Config> =
		StorageMap<_, Blake2_128Concat, T::AccountId, T::AccountId, OptionQuery>;

	/// What happened.
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// An account became a provider.
		ProviderRegistered {
			/// Its cold account.
			provider: T::AccountId,
			/// Its bond.
			bond: BalanceOf<T>,
		},
		/// A provider bonded more.
		BondIncreased {
			/// The provider.
			provider: T::AccountId,
			/// How much more.
			amount: BalanceOf<T>,
			/// Active bond now.
			active: BalanceOf<T>,
		},
		/// Part of an active bond, or all of it, began to leave.
		UnbondingStarted {
			/// The provider.
			provider: T::AccountId,
			/// How much.
			amount: BalanceOf<T>,
			/// First block at which it can be withdrawn.
			unlocks_at: BlockNumberFor<T>,
		},
		/// Unbonded money was returned.
		BondWithdrawn {
			/// The provider.
			provider: T::AccountId,
			/// How much.
			amount: BalanceOf<T>,
		},
		/// A provider named its operators; those that were there before and are not named any more act
		/// for it no longer.
		OperatorsSet {
			/// The provider.
			provider: T::AccountId,
			/// All that it names now.
			operators: OperatorsOf<T>,
		},
		/// An operator joined the provider that had named it, and acts for it from now on.
		OperatorJoined {
			/// The provider.
			provider: T::AccountId,
			/// The operator.
			operator: T::AccountId,
		},
		/// An operator left its provider of its own accord.
		OperatorLeft {
			/// The provider.
			provider: T::AccountId,
			/// The operator.
			operator: T::AccountId,
		},
		/// A provider changed what it says of itself.
		ProviderUpdated {
			/// The provider.
			provider: T::AccountId,
			/// What it says now.
			profile: Profile,
		},
		/// A registration ended; its last bond was returned before, and its deposit now.
		ProviderDeregistered {
			/// The account that was a provider.
			provider: T::AccountId,
		},
		/// A claim was missed, and its collateral taken.
		BondSlashed {
			/// The provider that missed it.
			provider: T::AccountId,
			/// Who was to be paid with it.
			beneficiary: T::AccountId,
			/// What the beneficiary was paid.
			amount: BalanceOf<T>,
			/// What was burned, because the beneficiary's account could not receive it.
			burned: BalanceOf<T>,
		},
	}

	/// Why a call failed.
	#[pallet::error]
	pub enum Error<T> {
		/// The account is not a registered provider.
		NotProvider,
		/// The account is a registered provider already.
		AlreadyProvider,
		/// The account is an operator of a provider; it has to leave that one first.
		AlreadyOperator,
		/// The account is nobody's operator.
		NotOperator,
		/// The provider has not named the account as its operator.
		OperatorNotNamed,
		/// A registered provider, such as the caller itself, cannot be an operator.
		OperatorIsProvider,
		/// The same operator is named twice.
		DuplicateOperator,
		/// The active bond would be less than the minimum.
		BondBelowMinimum,
		/// The amount is zero.
		AmountZero,
		/// The active bond is less than the amount.
		BondTooSmall,
		/// Live claims have committed that part of the bond.
		BondCommitted,
		/// Less has been committed than is to be released.
		CommitmentTooSmall,
		/// Too many withdrawals are on their way; withdraw what has unlocked, or wait until some has.
		TooManyUnbondingChunks,
		/// All of the bond is unbonding already; withdraw it when it has unlocked.
		AlreadyLeaving,
		/// Nothing that was unbonded has unlocked yet.
		NothingToWithdraw,
		/// The endpoint is not UTF-8.
		EndpointNotUtf8,
		/// The same program is advertised twice.
		DuplicateProgram,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn integrity_test() {
			let exposed = T::LongestClaim::get().saturating_add(T::SlashWindow::get());
			assert!(
				T::UnbondingPeriod::get() > exposed,
				"UnbondingPeriod must exceed LongestClaim and SlashWindow together, or a bond could \
				leave before a claim made under it can be slashed",
			);
			assert!(
				T::MinBond::get() >= T::Currency::minimum_balance(),
				"MinBond must not be less than the existential deposit, or a bond could be too small \
				to be paid back",
			);
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Makes the caller a provider.
		///
		/// Origin: signed, by the account that is to be the provider's cold account; neither a provider
		/// nor an operator.
		///
		/// Parameters:
		/// - `bond`: held of the caller; at least [`Config::MinBond`].
		/// - `profile`: what the provider says of itself. [`Pallet::deposit_for`] it is held of the caller.
		///
		/// Emits [`Event::ProviderRegistered`].
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::register_provider())]
		pub fn register_provider(
			origin: OriginFor<T>,
			bond: BalanceOf<T>,
			profile: Profile,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_register(who, bond, profile)
		}

		/// Adds to the caller's active bond. The sum has to reach [`Config::MinBond`].
		///
		/// Origin: signed, by a provider's cold account.
		///
		/// Parameters:
		/// - `amount`: held of the caller.
		///
		/// Emits [`Event::BondIncreased`].
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::bond_more())]
		pub fn bond_more(origin: OriginFor<T>, amount: BalanceOf<T>) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_bond_more(who, amount)
		}

		/// Starts to take `amount` out of the caller's active bond. It can be withdrawn after
		/// [`Config::UnbondingPeriod`] blocks and is slashable until then.
		///
		/// What remains active has to cover what live claims have committed, and to be nothing or at
		/// least [`Config::MinBond`].
		///
		/// Origin: signed, by a provider's cold account.
		///
		/// Emits [`Event::UnbondingStarted`].
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::unbond())]
		pub fn unbond(origin: OriginFor<T>, amount: BalanceOf<T>) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_unbond(who, amount)
		}

		/// Returns to the caller all unbonded money that has unlocked. With the last of a bond the
		/// registration ends, and its deposit is released.
		///
		/// Origin: signed, by a provider's cold account.
		///
		/// Emits [`Event::BondWithdrawn`], and [`Event::ProviderDeregistered`] if the registration ends.
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::withdraw_unbonded(MAX_OPERATORS))]
		pub fn withdraw_unbonded(origin: OriginFor<T>) -> DispatchResultWithPostInfo {
			let who = ensure_signed(origin)?;
			Self::do_withdraw_unbonded(who)
		}

		/// Names all operators of the caller. An operator that is named no longer stops acting for it at
		/// once, also in claims that it made; a new one acts for it from its `join_provider`.
		///
		/// Origin: signed, by a provider's cold account.
		///
		/// Parameters:
		/// - `operators`: all of them; none may be a provider, or be named twice.
		///
		/// Emits [`Event::OperatorsSet`].
		#[pallet::call_index(4)]
		#[pallet::weight(T::WeightInfo::set_operators(operators.len() as u32, MAX_OPERATORS))]
		pub fn set_operators(
			origin: OriginFor<T>,
			operators: BoundedVec<T::AccountId, ConstU32<MAX_OPERATORS>>,
		) -> DispatchResultWithPostInfo {
			let who = ensure_signed(origin)?;
			Self::do_set_operators(who, operators)
		}

		/// Replaces what the caller says of itself. Its deposit becomes what [`Pallet::deposit_for`] says of
		/// the new profile.
		///
		/// Origin: signed, by a provider's cold account.
		///
		/// Emits [`Event::ProviderUpdated`].
		#[pallet::call_index(5)]
		#[pallet::weight(T::WeightInfo::update_provider())]
		pub fn update_provider(origin: OriginFor<T>, profile: Profile) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_update(who, profile)
		}

		/// Starts to end the caller's registration: lets its operators go and unbonds all that is
		/// active. The registration ends with the last `withdraw_unbonded`; until then, `bond_more`
		/// takes this back.
		///
		/// Origin: signed, by a provider's cold account without live claims.
		///
		/// Emits [`Event::UnbondingStarted`], or, for a provider of which no bond is left,
		/// [`Event::ProviderDeregistered`].
		#[pallet::call_index(6)]
		#[pallet::weight(Pallet::<T>::deregister_weight(MAX_OPERATORS))]
		pub fn deregister(origin: OriginFor<T>) -> DispatchResultWithPostInfo {
			let who = ensure_signed(origin)?;
			Self::do_deregister(who)
		}

		/// Makes the caller act for a provider that has named it as an operator.
		///
		/// Origin: signed, by the operator; neither a provider nor another provider's operator.
		///
		/// Parameters:
		/// - `provider`: the provider's cold account.
		///
		/// Emits [`Event::OperatorJoined`].
		#[pallet::call_index(7)]
		#[pallet::weight(T::WeightInfo::join_provider())]
		pub fn join_provider(origin: OriginFor<T>, provider: T::AccountId) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_join(who, provider)
		}

		/// Ends the caller's acting for its provider, which has to name it again if it is to come back.
		///
		/// Origin: signed, by the operator.
		///
		/// Emits [`Event::OperatorLeft`].
		#[pallet::call_index(8)]
		#[pallet::weight(T::WeightInfo::leave_provider())]
		pub fn leave_provider(origin: OriginFor<T>) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_leave(who)
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// A provider, by its cold account.
		pub fn provider(account: T::AccountId) -> Option<ProviderOf<T>> {
			Providers::<T>::get(account)
		}

		/// The provider for which an account acts: itself, or the one that it joined.
		pub fn acting_for(account: T::AccountId) -> Option<T::AccountId> {
			<Self as lemma_primitives::traits::Providers<_, _>>::provider_of(&account)
		}

		/// The part of a provider's active bond that a new claim could commit; none for an account that is
		/// no provider.
		pub fn uncommitted_bond(account: T::AccountId) -> Option<BalanceOf<T>> {
			Providers::<T>::get(account)
				.map(|provider| provider.active.saturating_sub(provider.committed))
		}
	}
}
