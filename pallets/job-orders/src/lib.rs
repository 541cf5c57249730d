//! # Order book
//!
//! The market itself: orders for GPU work with their money, from posting to payment.
//!
//! ## Overview
//!
//! A requester posts an order and the whole of what it can cost is held at once. A provider claims it
//! against collateral, at a price that rises while nobody does. Whoever brings the output's bytes with a
//! proof that the runtime itself verifies is paid in the same call, all or nothing. A claimer that misses
//! its deadline loses its collateral, without anybody having to report it.
//!
//! ## Lifecycle
//!
//! ```text
//! Open --claim--> Claimed --proof in time--> settled, leaves a receipt
//!  |  \                \--claim deadline--> Rescue --proof by anyone--> settled
//!  |   \--cancel--> cancelled                  \--order deadline--> expired
//!  \--order deadline--> expired       (a proof by anyone also settles an Open order)
//! ```
//!
//! Deadlines are done by a bounded agenda in `on_initialize`. When more falls due in one block than
//! [`Config::MaxExpiriesPerBlock`], the rest waits for the next blocks, earliest first. Nobody can gain by
//! the delay: every call first does what is due for its order, so an order is always what its deadlines
//! say, whether or not the hook has got to it.
//!
//! ## Terms
//!
//! - **Requester**: who posts an order and pays. **Provider**: a registered, bonded account.
//!   **Operator**: a hot key that acts for a provider. **Payee**: whom a proof is bound to, and who is
//!   paid: the submitter's provider, or the submitter itself if it has none.
//! - **Price**: `min_price` at posting, linear to `max_price` over `ramp` blocks, then constant. A claim
//!   fixes it; an unclaimed order is paid at the price of the block that settles it.
//! - **Escrow**: held of the requester to pay the price: `max_price` while open, then the fixed price.
//! - **Deposit**: held of the requester for storage, first the order's, then the smaller receipt's, until
//!   [`remove_receipt`](Pallet::remove_receipt).
//! - **Settlement fee**: held of the requester for the block space of the worst settlement of its order.
//!   Settling is free for the submitter of a valid proof; this is what pays for it. It goes to fees on
//!   settlement, and back to the requester otherwise.
//! - **Collateral**: what a claimer commits of its bond. On a miss all of it goes to the requester, of which
//!   half is held as the **bounty** for whoever rescues the order; the odd unit is the requester's. With no
//!   rescue the bounty is the requester's as well.
//!
//! ## Interface
//!
//! | call | who | when |
//! | --- | --- | --- |
//! | [`post_order`](Pallet::post_order) | anyone | |
//! | [`cancel_order`](Pallet::cancel_order) | requester | Open, or past the deadline |
//! | [`claim_order`](Pallet::claim_order) | provider, operator | Open, with the whole window before the deadline |
//! | [`submit_result`](Pallet::submit_result) | claimer, operator; anyone | Claimed; Open, Rescue |
//! | [`remove_receipt`](Pallet::remove_receipt) | requester | settled |
//!
//! One account may be requester, provider and submitter at once; it then pays itself, and gains nothing.
//! A claim is never shortened by the order's deadline: one that would not fit is refused, so a provider
//! always has the window that it was promised.
//!
//! Reads for clients: [`Pallet::order`], [`Pallet::orders`], [`Pallet::current_price`],
//! [`Pallet::receipt`], [`Pallet::deposit_for`], [`Pallet::settlement_fee_for`],
//! [`Pallet::collateral_for`], [`Pallet::order_changes`].
//!
//! ## Invariants
//!
//! Checked by `try_state`, each under its name:
//! - `numbers`: the number of an order or receipt is below [`NextOrderId`]; no number is both.
//! - `terms`: every live order's terms, deadlines and status agree with each other.
//! - `holds`: what every account has on hold for this pallet, by reason, is exactly what its orders and
//!   receipts say.
//! - `agenda`: every live order stands in the agenda exactly once, at the block at which its status next
//!   ends, or at that of its retry, and nothing else stands there; nothing stands before the cursor.
//! - `index`: [`LiveOrders`] lists exactly the live orders.
//!
//! That the collateral of claimed orders equals what staking has committed concerns two pallets; the
//! tests here check it after every test.

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

mod agenda;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod escrow;
mod impls;
#[cfg(test)]
mod mock;
pub mod price;
mod queries;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "std", feature = "try-runtime"))]
mod try_state;
mod types;
pub mod weights;

pub use pallet::*;
pub use types::*;
pub use weights::WeightInfo;

// Of the macro's code; what the calls do is in `impls.rs`.
#[allow(unused_qualifications, clippy::expect_used)]
#[frame_support::pallet]
pub mod pallet {
	use crate::{
		types::{due_weight, input_bytes},
		BalanceOf, CreditOf, OrderOf, ReceiptOf, WeightInfo,
	};
	use frame_support::{
		pallet_prelude::*,
		traits::{
			fungible::{BalancedHold, InspectHold, MutateHold},
			OnUnbalanced,
		},
	};
	use frame_system::pallet_prelude::*;
	use lemma_primitives::{
		traits::{Programs, Providers},
		OrderId, ProgramId, MAX_OUTPUT_BYTES, MAX_PROOF_BYTES,
	};
	use sp_core::H256;
	use sp_runtime::{traits::Convert, Permill};

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	#[pallet::config]
	pub trait Config:
		frame_system::Config<
		RuntimeEvent: From<Event<Self>>,
		AccountId: Into<[u8; 32]>,
		Hash: Into<[u8; 32]>,
	>
	{
		/// The chain's money.
		type Currency: InspectHold<Self::AccountId, Reason = Self::RuntimeHoldReason>
			+ MutateHold<Self::AccountId>
			+ BalancedHold<Self::AccountId>;

		/// The runtime's hold reasons.
		type RuntimeHoldReason: From<HoldReason>;

		/// The program registry.
		type Programs: Programs;

		/// Staking.
		type Providers: Providers<Self::AccountId, BalanceOf<Self>>;

		/// The fee for an extrinsic of this weight and this encoded length, bytes, as any other
		/// extrinsic would pay it.
		type SettlementFee: Convert<(Weight, u32), BalanceOf<Self>>;

		/// Where settlement fees go: where transaction fees go.
		type FeeDestination: OnUnbalanced<CreditOf<Self>>;

		/// Deposit for one order or receipt, whatever its size.
		#[pallet::constant]
		type DepositBase: Get<BalanceOf<Self>>;

		/// Deposit for one byte of an order or receipt.
		#[pallet::constant]
		type DepositPerByte: Get<BalanceOf<Self>>;

		/// A claimer's collateral as a part of the order's `max_price`.
		#[pallet::constant]
		type CollateralRatio: Get<Permill>;

		/// Least collateral of a claim.
		#[pallet::constant]
		type MinCollateral: Get<BalanceOf<Self>>;

		/// Least `max_price` of an order; not zero.
		#[pallet::constant]
		type MinPrice: Get<BalanceOf<Self>>;

		/// Shortest claim window, blocks.
		#[pallet::constant]
		type MinClaimWindow: Get<BlockNumberFor<Self>>;

		/// Longest claim window, blocks. Staking's unbonding must take longer.
		#[pallet::constant]
		type MaxClaimWindow: Get<BlockNumberFor<Self>>;

		/// Longest lifetime of an order, blocks.
		#[pallet::constant]
		type MaxLifetime: Get<BlockNumberFor<Self>>;

		/// Largest stored input, bytes.
		#[pallet::constant]
		type MaxInputBytes: Get<u64>;

		/// Most orders whose deadlines one block does.
		#[pallet::constant]
		type MaxExpiriesPerBlock: Get<u32>;

		/// Weights of this pallet's calls, verification apart.
		type WeightInfo: WeightInfo;
	}

	/// What of a requester's money this pallet holds.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// The price of its live orders.
		#[codec(index = 0)]
		Escrow,
		/// For the storage of its orders and receipts.
		#[codec(index = 1)]
		Deposit,
		/// For the block space of its orders' settlements.
		#[codec(index = 2)]
		SettlementFee,
		/// For whoever rescues its missed orders: half of what their claimers lost.
		#[codec(index = 3)]
		Bounty,
	}

	/// Number of the next order.
	#[pallet::storage]
	pub type NextOrderId<T: Config> = StorageValue<_, OrderId, ValueQuery>;

	/// The live orders.
	#[pallet::storage]
	pub type Orders<T: Config> = StorageMap<_, Twox64Concat, OrderId, OrderOf<T>>;

	/// Numbers of the live orders, big-endian under a hasher that keeps their order: iterating yields
	/// them by number, from any number on, however many are gone.
	#[pallet::storage]
	pub type LiveOrders<T: Config> = StorageMap<_, Identity, [u8; 8], ()>;

	/// What remains of settled orders.
	#[pallet::storage]
	pub type Receipts<T: Config> = StorageMap<_, Twox64Concat, OrderId, ReceiptOf<T>>;

	/// What ends when: for each block the orders whose status ends at it.
	#[pallet::storage]
	pub type Agenda<T: Config> =
		StorageDoubleMap<_, Twox64Concat, BlockNumberFor<T>, Twox64Concat, OrderId, ()>;

	/// First block whose agenda may not be done yet; none before the first block.
	#[pallet::storage]
	pub type AgendaCursor<T: Config> = StorageValue<_, BlockNumberFor<T>>;

	/// Where in the agenda an order stands whose due change has failed, instead of where its status says.
	#[pallet::storage]
	pub type Retries<T: Config> = StorageMap<_, Twox64Concat, OrderId, BlockNumberFor<T>>;

	#[pallet::event]
	#[pallet::generate_deposit(pub(crate) fn deposit_event)]
	pub enum Event<T: Config> {
		/// An order was posted and funded.
		OrderPosted {
			/// The order.
			id: OrderId,
			/// The program to run.
			program: ProgramId,
			/// Who posted and pays.
			requester: T::AccountId,
		},
		/// An open order was claimed.
		OrderClaimed {
			/// The order.
			id: OrderId,
			/// Who has it exclusively now.
			provider: T::AccountId,
			/// What a proof in time is paid.
			price: BalanceOf<T>,
			/// First block at which the claim is missed.
			expires_at: BlockNumberFor<T>,
		},
		/// A claimer missed its deadline and was slashed; anyone may rescue the order.
		ClaimMissed {
			/// The order.
			id: OrderId,
			/// Who missed.
			provider: T::AccountId,
			/// What it lost to the requester, the bounty included.
			slashed: BalanceOf<T>,
			/// What a rescuer gets of it.
			bounty: BalanceOf<T>,
		},
		/// An order was proven and paid; this extrinsic carries output and proof.
		OrderSettled {
			/// The order.
			id: OrderId,
			/// Who was paid.
			provider: T::AccountId,
			/// What it was paid, bounty included.
			paid: BalanceOf<T>,
			/// What of it was bounty.
			bounty: BalanceOf<T>,
			/// What the requester paid for the block space.
			fee: BalanceOf<T>,
			/// Root of the output's chunk tree.
			output_root: H256,
		},
		/// An open order was cancelled; everything held for it is its requester's again.
		OrderCancelled {
			/// The order.
			id: OrderId,
		},
		/// An order's deadline passed; everything held for it is its requester's again.
		OrderExpired {
			/// The order.
			id: OrderId,
		},
		/// A receipt was removed and its deposit released.
		ReceiptRemoved {
			/// The order of which it remained.
			id: OrderId,
		},
		/// What was due for an order failed and left it as it was; it is tried again. Never seen
		/// unless an invariant is broken.
		DueChangeFailed {
			/// The order.
			id: OrderId,
			/// Why.
			error: DispatchError,
			/// Block at which it is tried again.
			retry_at: BlockNumberFor<T>,
		},
	}

	#[pallet::error]
	pub enum Error<T> {
		/// No program is registered under this id.
		ProgramUnknown,
		/// The program is retired: new orders may not name it.
		ProgramRetired,
		/// The output is longer than a block can carry (1 MiB): split the job into smaller ones.
		OutputTooLarge,
		/// The program has no outputs of this length.
		OutputLengthNotAllowed,
		/// The commitment is not four canonical field elements.
		CommitmentNotCanonical,
		/// The input has no bytes.
		InputEmpty,
		/// The stored input is larger than the chain admits.
		InputTooLarge,
		/// The locator is not UTF-8.
		LocatorNotText,
		/// `min_price` exceeds `max_price`.
		PricesInverted,
		/// `max_price` is below the least that the chain admits.
		PriceTooLow,
		/// The claim window is shorter than the chain admits.
		ClaimWindowTooShort,
		/// The claim window is longer than the chain admits.
		ClaimWindowTooLong,
		/// The lifetime is longer than the chain admits.
		LifetimeTooLong,
		/// The lifetime is shorter than the claim window: nobody could ever claim the order.
		LifetimeTooShort,
		/// The price would still rise when the order has expired.
		RampTooLong,
		/// The account cannot fund price, deposit and settlement fee at once.
		InsufficientFunds,
		/// No live order has this number.
		OrderNotFound,
		/// The order's deadline has passed.
		OrderDeadlinePassed,
		/// The order is claimed or was missed.
		OrderNotOpen,
		/// Only the order's requester may do this.
		NotRequester,
		/// Only a provider or its operator may claim.
		NotProvider,
		/// The order has other terms than those that the claim is for.
		TermsDiffer,
		/// The order expires before a claim's window would end.
		ClaimTooLate,
		/// The order is claimed by another provider.
		NotClaimer,
		/// The output has not the length that the order asks for.
		OutputLengthWrong,
		/// A result must be submitted in an extrinsic, where clients find its bytes.
		NotInExtrinsic,
		/// No receipt has this number.
		ReceiptNotFound,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_initialize(now: BlockNumberFor<T>) -> Weight {
			Self::work_agenda(now)
		}

		fn integrity_test() {
			Self::check_config();
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(now: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state(now)
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Posts an order and holds all that it can cost.
		///
		/// Signed by the requester, whose free balance must cover `max_price`, the deposit and the
		/// settlement fee at once, over and above the existential deposit.
		///
		/// - `spec`: what is asked for.
		///
		/// Emits [`Event::OrderPosted`].
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::post_order(input_bytes(&spec.input)))]
		pub fn post_order(
			origin: OriginFor<T>,
			spec: lemma_primitives::order::OrderSpec<BalanceOf<T>, BlockNumberFor<T>>,
		) -> DispatchResult {
			let requester = ensure_signed(origin)?;
			Self::do_post_order(requester, spec)
		}

		/// Takes back an open order; everything held for it is released.
		///
		/// Signed by the order's requester. If the order's deadline has passed, but the agenda has not
		/// got to it yet, this expires the order instead, whatever its status.
		///
		/// - `id`: the order.
		///
		/// Emits [`Event::OrderCancelled`], or what was due.
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::cancel_order().saturating_add(due_weight::<T>()))]
		pub fn cancel_order(origin: OriginFor<T>, id: OrderId) -> DispatchResultWithPostInfo {
			let who = ensure_signed(origin)?;
			Self::do_cancel_order(who, id)
		}

		/// Claims an open order at its price in this block: exclusive until the window ends, against
		/// collateral of the provider's bond.
		///
		/// Signed by a provider or one of its operators. The whole claim window must lie before the
		/// order's deadline.
		///
		/// - `id`: the order.
		/// - `terms`: [`terms_hash`](lemma_primitives::order::Order::terms_hash) of the order that is meant.
		///   After a fork, another order can have its number.
		///
		/// Emits [`Event::OrderClaimed`].
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::claim_order().saturating_add(due_weight::<T>()))]
		pub fn claim_order(
			origin: OriginFor<T>,
			id: OrderId,
			terms: H256,
		) -> DispatchResultWithPostInfo {
			let who = ensure_signed(origin)?;
			Self::do_claim_order(who, id, terms)
		}

		/// Settles an order: verifies the proof and pays, all or nothing.
		///
		/// Signed by the claimer or its operator while the order is claimed; by anyone while it is open
		/// or missed. The proof must be bound to the payee: the submitter's provider, or the submitter
		/// itself if it acts for none. Costs no fee if it succeeds, the whole fee if it does not.
		///
		/// - `id`: the order.
		/// - `output`: the output's bytes, of exactly the order's length.
		/// - `proof`: the proof that they are the program's output.
		///
		/// Emits [`Event::OrderSettled`], after [`Event::ClaimMissed`] if that was due.
		#[pallet::call_index(3)]
		#[pallet::weight(Pallet::<T>::submit_weight(output.len() as u32, proof.len() as u32))]
		pub fn submit_result(
			origin: OriginFor<T>,
			id: OrderId,
			output: BoundedVec<u8, ConstU32<MAX_OUTPUT_BYTES>>,
			proof: BoundedVec<u8, ConstU32<MAX_PROOF_BYTES>>,
		) -> DispatchResultWithPostInfo {
			let who = ensure_signed(origin)?;
			Self::do_submit_result(who, id, &output, &proof)
		}

		/// Removes the receipt of a settled order and releases its deposit.
		///
		/// Signed by the order's requester. The settling block keeps output and proof all the same.
		///
		/// - `id`: the order.
		///
		/// Emits [`Event::ReceiptRemoved`].
		#[pallet::call_index(4)]
		#[pallet::weight(T::WeightInfo::remove_receipt())]
		pub fn remove_receipt(origin: OriginFor<T>, id: OrderId) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_remove_receipt(who, id)
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// A live order.
		pub fn order(id: OrderId) -> Option<OrderOf<T>> {
			Orders::<T>::get(id)
		}

		/// The receipt of a settled order, while its requester leaves the deposit.
		pub fn receipt(id: OrderId) -> Option<ReceiptOf<T>> {
			Receipts::<T>::get(id)
		}

		/// The price that the next block would fix, by a claim or an unclaimed proof, while the order
		/// is open.
		pub fn current_price(id: OrderId) -> Option<BalanceOf<T>> {
			Self::next_price(id)
		}
	}
}
