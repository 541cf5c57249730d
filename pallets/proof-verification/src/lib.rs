//! # Proof verification
//!
//! The registry of programs that can be ordered, and the verification of their proofs in the runtime.
//!
//! ## Overview
//!
//! A program is known by its id alone, 32 bytes: the hash of its circuit's key, which every proof exposes
//! (see `docs/protocol`). One verifying key serves all programs, so the registry holds no keys, and a new
//! program costs the chain one entry. The entry says what an output of the program looks like, by which
//! the order book refuses orders that could never be settled, and names a document that describes it.
//!
//! The order book asks this pallet, through [`lemma_primitives::traits::Programs`], for a program's rules and
//! whether a proof proves a result. Which proof system does the checking is the runtime's choice
//! ([`Config::Verifier`]); [`Plonky2Verifier`] is the one that Lemma runs.
//!
//! ## Lifecycle
//!
//! ```text
//!     register_program            genesis
//!     (sample proven, deposit)       |  (no owner, no deposit)
//!              |                     |
//!              v                     v
//!              +------ Active -------+     orders may name it
//!                        |
//!                        | retire_program (owner or root)
//!                        v
//!                     Retired              no new orders; those posted before still settle
//!                        |
//!                        | remove_program (owner or root), Config::LongestOrder blocks later
//!                        v
//!                       gone               deposit returned; the id can be registered anew
//! ```
//!
//! A retired program stays until no order of it can be alive any more, for its orders have to settle. The
//! longest life that the order book gives an order bounds that, so nobody has to count orders.
//!
//! ## Terms
//!
//! - **Program**: a circuit whose output is determined by its input, wrapped as `docs/protocol` says.
//! - **Sample**: one result of the program with its proof, which its registrant has made: it shows that the id is
//!   that of a program that can be proven, and that the registrant can prove it. Its proof is bound to
//!   the chain, to the order number 2^64 - 1 (which no order has) and to the registrant's account, so that
//!   nobody can take it from another's extrinsic.
//! - **Length rule**: which lengths an output may have; each a multiple of the output element's size.
//!
//! ## Interface
//!
//! `register_program`, `retire_program`, `remove_program`. Who registers a program answers for nothing but
//! that a sample of it could be proven: what a program computes is said by the document of which the entry
//! holds the hash, and by the circuit's source, from which anyone can rebuild the id.
//!
//! ## Invariants
//!
//! Checked by `try_state`, under these names:
//!
//! - `deposits_are_held`: the deposits of an account's programs together are what is held of it.
//! - `genesis_programs_hold_nothing`: a program without an owner has no deposit.
//! - `rules_can_be_satisfied`: some length satisfies each rule, and each that does is one of whole elements.
//! - `retirements_are_dated`: exactly the retired programs have a block of retirement, not in the future.

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
#[cfg(any(feature = "runtime-benchmarks", test))]
mod sample;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "std", feature = "try-runtime"))]
mod try_state;
mod types;
mod verifier;
pub mod weights;

pub use pallet::*;
pub use types::{BalanceOf, ProgramOf, Sample};
#[cfg(feature = "runtime-benchmarks")]
pub use verifier::AcceptingVerifier;
pub use verifier::Plonky2Verifier;
pub use weights::WeightInfo;

// The macros' code.
#[allow(unused_qualifications, clippy::expect_used)]
#[frame_support::pallet]
pub mod pallet {
	use alloc::vec::Vec;

	use frame_support::{
		pallet_prelude::*,
		traits::fungible::{Mutate, MutateHold},
	};
	use frame_system::pallet_prelude::*;
	use lemma_primitives::{
		carry_weight,
		program::{LengthRule, OutputElement},
		traits::VerifyProof,
		OrderId, ProgramId, MAX_PAGE,
	};
	use sp_core::H256;

	use super::*;

	/// The storage's version.
	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	/// The number to which samples are bound in place of an order's. No order has it: numbers count up
	/// from 0.
	pub const SAMPLE_ORDER: OrderId = OrderId::MAX;

	/// The pallet.
	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	/// What the runtime decides.
	#[pallet::config]
	pub trait Config:
		frame_system::Config<
		RuntimeEvent: From<Event<Self>>,
		AccountId: Into<[u8; 32]>,
		Hash: Into<[u8; 32]>,
	>
	{
		/// The money of deposits.
		type Currency: Mutate<Self::AccountId>
			+ MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>;

		/// The runtime's hold reasons.
		type RuntimeHoldReason: From<HoldReason>;

		/// The proof system.
		type Verifier: VerifyProof;

		/// Held of a program's owner while it is registered.
		#[pallet::constant]
		type ProgramDeposit: Get<BalanceOf<Self>>;

		/// Most blocks from the posting of an order until it can no longer be settled, as the order book
		/// allows them.
		#[pallet::constant]
		type LongestOrder: Get<BlockNumberFor<Self>>;

		/// Weights of the calls, and of a verification's parts.
		type WeightInfo: WeightInfo;
	}

	/// Why money of a program's owner is held.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// It is the deposit of its programs.
		#[codec(index = 0)]
		ProgramDeposit,
	}

	/// Registered programs.
	#[pallet::storage]
	pub type Programs<T: Config> =
		StorageMap<_, Blake2_128Concat, ProgramId, ProgramOf<T>, OptionQuery>;

	/// The blocks at which retired programs were.
	#[pallet::storage]
	pub type RetiredAt<T: Config> =
		StorageMap<_, Blake2_128Concat, ProgramId, BlockNumberFor<T>, OptionQuery>;

	/// Programs that a chain has from its start.
	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		/// For each: its id, the type of its output's elements, which lengths its output can have, and
		/// blake2-256 of its description.
		pub programs: Vec<(ProgramId, OutputElement, LengthRule, H256)>,
		/// The runtime.
		#[serde(skip)]
		pub _config: PhantomData<T>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			for &(id, element, length, description) in &self.programs {
				assert!(
					!Programs::<T>::contains_key(id),
					"genesis names the program {id:?} twice"
				);
				if let Err(error) = Pallet::<T>::ensure_valid(&id, element, length) {
					panic!("genesis names the program {id:?}, which is not valid: {error:?}");
				}
				Pallet::<T>::insert_genesis_program(id, element, length, description);
			}
		}
	}

	/// What happened.
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A program was registered; orders may name it.
		ProgramRegistered {
			/// The program.
			program: ProgramId,
			/// Who registered it.
			owner: T::AccountId,
		},
		/// A program was retired; no new orders may name it.
		ProgramRetired {
			/// The program.
			program: ProgramId,
			/// First block at which it can be removed.
			removable_at: BlockNumberFor<T>,
		},
		/// A retired program was removed, and its deposit returned.
		ProgramRemoved {
			/// The program.
			program: ProgramId,
		},
	}

	/// Why a call, or a verification, failed.
	#[pallet::error]
	pub enum Error<T> {
		/// The program is not registered.
		ProgramUnknown,
		/// The program is registered already.
		ProgramAlreadyRegistered,
		/// The program's id is not four numbers below p, as every program's is.
		ProgramIdNotCanonical,
		/// The program is retired already.
		ProgramAlreadyRetired,
		/// The program is Active; retire it first.
		ProgramNotRetired,
		/// Orders posted before the retirement may still be alive.
		OrdersMayBeAlive,
		/// The caller neither owns the program nor is root.
		NotOwner,
		/// No length satisfies the length rule, or some that do are not of whole elements.
		LengthRuleInvalid,
		/// The program's length rule does not allow an output of this length.
		OutputLengthInvalid,
		/// The commitment to the input is not four numbers below p.
		CommitmentNotCanonical,
		/// The proof is longer than any can be.
		ProofTooLong,
		/// The proof ends too early.
		ProofTruncated,
		/// The proof goes on after its end.
		ProofTrailingBytes,
		/// The proof holds a number that is not below p.
		ProofNotCanonical,
		/// The proof does not prove this result: of this program, on this input, with these output bytes, for
		/// this chain, order and provider.
		ProofInvalid,
		/// The runtime's own verifying key is malformed.
		VerifyingKeyMalformed,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Registers a program: from now on, orders may name it.
		///
		/// Origin: signed, by the account that is to own the program; [`Config::ProgramDeposit`] is held
		/// of it.
		///
		/// Parameters:
		/// - `id`: the program's id.
		/// - `element`: type of its output's elements.
		/// - `length`: which lengths its output can have; each a multiple of the element's size.
		/// - `description`: blake2-256 of the document that describes the program.
		/// - `sample`: one result with its proof, bound to the caller.
		///
		/// Emits [`Event::ProgramRegistered`].
		#[pallet::call_index(0)]
		#[pallet::weight(
			T::WeightInfo::register_program(sample.output.len() as u32)
				.saturating_add(T::WeightInfo::verify_proof())
				.saturating_add(carry_weight(sample.output.len() as u32))
				.saturating_add(carry_weight(sample.proof.len() as u32))
		)]
		pub fn register_program(
			origin: OriginFor<T>,
			id: ProgramId,
			element: OutputElement,
			length: LengthRule,
			description: H256,
			sample: Sample,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_register(who, id, element, length, description, sample)
		}

		/// Retires a program: no new orders may name it; those posted before still settle.
		///
		/// Origin: signed, by the program's owner, or root.
		///
		/// Emits [`Event::ProgramRetired`].
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::retire_program())]
		pub fn retire_program(origin: OriginFor<T>, id: ProgramId) -> DispatchResult {
			let who = ensure_signed_or_root(origin)?;
			Self::do_retire(who, id)
		}

		/// Removes a program that was retired at least [`Config::LongestOrder`] blocks ago, and returns its
		/// deposit to its owner.
		///
		/// Origin: signed, by the program's owner, or root.
		///
		/// Emits [`Event::ProgramRemoved`].
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::remove_program())]
		pub fn remove_program(origin: OriginFor<T>, id: ProgramId) -> DispatchResult {
			let who = ensure_signed_or_root(origin)?;
			Self::do_remove(who, id)
		}
	}

	#[pallet::view_functions]
	impl<T: Config> Pallet<T> {
		/// A registered program.
		pub fn program(id: ProgramId) -> Option<ProgramOf<T>> {
			Programs::<T>::get(id)
		}

		/// Registered programs, at most `limit` (and [`MAX_PAGE`]) of them after `start` (or from the first
		/// on), in the order in which storage has them.
		pub fn programs(start: Option<ProgramId>, limit: u32) -> Vec<(ProgramId, ProgramOf<T>)> {
			let entries = match start {
				Some(start) => Programs::<T>::iter_from_key(start),
				None => Programs::<T>::iter(),
			};
			entries.take(limit.min(MAX_PAGE) as usize).collect()
		}
	}
}
