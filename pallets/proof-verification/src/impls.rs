//! What the calls do, and the pallet as the order book sees it.

use frame_support::{
	ensure,
	traits::{fungible::MutateHold, tokens::Precision, Get},
	weights::Weight,
};
use lemma_primitives::{
	program::{LengthRule, OutputElement, Program, ProgramStatus},
	traits::{self, ClaimedResult, ProgramRules, ProofError, VerifyProof},
	ProgramId,
};
use lemma_zk_statement::{bytes_to_hash, Statement, StatementError};
use sp_core::H256;
use sp_runtime::{
	traits::{BlakeTwo256, Hash, Saturating, Zero},
	DispatchError, DispatchResult,
};

use crate::{
	weights::WeightInfo, BalanceOf, Config, Error, Event, HoldReason, Pallet, ProgramOf, Programs,
	RetiredAt, Sample, SAMPLE_ORDER,
};

impl<T: Config> Pallet<T> {
	pub(crate) fn do_register(
		who: T::AccountId,
		id: ProgramId,
		element: OutputElement,
		length: LengthRule,
		description: H256,
		sample: Sample,
	) -> DispatchResult {
		ensure!(
			!Programs::<T>::contains_key(id),
			Error::<T>::ProgramAlreadyRegistered
		);
		Self::ensure_valid(&id, element, length)?;
		// The cheap part first: who cannot pay is told so before the proof is verified.
		let deposit = T::ProgramDeposit::get();
		T::Currency::hold(&HoldReason::ProgramDeposit.into(), &who, deposit)?;
		let result = ClaimedResult {
			program: id,
			commitment: sample.commitment,
			binding: Self::sample_binding(&who),
			output: &sample.output,
		};
		Self::verify_result(element, length, result, &sample.proof)?;
		Programs::<T>::insert(
			id,
			Program {
				owner: Some(who.clone()),
				deposit,
				element,
				length,
				description,
				status: ProgramStatus::Active,
			},
		);
		Self::deposit_event(Event::ProgramRegistered {
			program: id,
			owner: who,
		});
		Ok(())
	}

	pub(crate) fn do_retire(who: Option<T::AccountId>, id: ProgramId) -> DispatchResult {
		let mut program = Self::get_program(&id)?;
		Self::ensure_may_manage(who, &program)?;
		ensure!(
			program.status == ProgramStatus::Active,
			Error::<T>::ProgramAlreadyRetired
		);
		let now = frame_system::Pallet::<T>::block_number();
		program.status = ProgramStatus::Retired;
		Programs::<T>::insert(id, program);
		RetiredAt::<T>::insert(id, now);
		Self::deposit_event(Event::ProgramRetired {
			program: id,
			removable_at: now.saturating_add(T::LongestOrder::get()),
		});
		Ok(())
	}

	pub(crate) fn do_remove(who: Option<T::AccountId>, id: ProgramId) -> DispatchResult {
		let program = Self::get_program(&id)?;
		Self::ensure_may_manage(who, &program)?;
		let retired_at = RetiredAt::<T>::get(id).ok_or(Error::<T>::ProgramNotRetired)?;
		// The last order that could name it was posted in the block of its retirement at the latest.
		let removable_at = retired_at.saturating_add(T::LongestOrder::get());
		ensure!(
			frame_system::Pallet::<T>::block_number() >= removable_at,
			Error::<T>::OrdersMayBeAlive
		);
		if let Some(owner) = program.owner {
			T::Currency::release(
				&HoldReason::ProgramDeposit.into(),
				&owner,
				program.deposit,
				Precision::Exact,
			)?;
		}
		Programs::<T>::remove(id);
		RetiredAt::<T>::remove(id);
		Self::deposit_event(Event::ProgramRemoved { program: id });
		Ok(())
	}

	/// Whether a program can have this id and these rules.
	pub(crate) fn ensure_valid(
		id: &ProgramId,
		element: OutputElement,
		length: LengthRule,
	) -> DispatchResult {
		ensure!(
			bytes_to_hash(&id.0).is_some(),
			Error::<T>::ProgramIdNotCanonical
		);
		ensure!(
			Self::is_rule_valid(element, length),
			Error::<T>::LengthRuleInvalid
		);
		Ok(())
	}

	pub(crate) fn is_rule_valid(element: OutputElement, length: LengthRule) -> bool {
		let multiple_of = usize::try_from(length.multiple_of).unwrap_or_default();
		length.is_valid() && multiple_of.checked_rem(element.size_bytes()) == Some(0)
	}

	pub(crate) fn insert_genesis_program(
		id: ProgramId,
		element: OutputElement,
		length: LengthRule,
		description: H256,
	) {
		Programs::<T>::insert(
			id,
			Program {
				owner: None,
				deposit: BalanceOf::<T>::zero(),
				element,
				length,
				description,
				status: ProgramStatus::Active,
			},
		);
	}

	fn get_program(id: &ProgramId) -> Result<ProgramOf<T>, DispatchError> {
		Ok(Programs::<T>::get(id).ok_or(Error::<T>::ProgramUnknown)?)
	}

	/// Root (`None`) may manage every program, an account those that it owns.
	fn ensure_may_manage(who: Option<T::AccountId>, program: &ProgramOf<T>) -> DispatchResult {
		ensure!(who.is_none() || who == program.owner, Error::<T>::NotOwner);
		Ok(())
	}

	/// What a sample's proof is bound to.
	fn sample_binding(who: &T::AccountId) -> H256 {
		let genesis = frame_system::Pallet::<T>::block_hash(
			frame_system::pallet_prelude::BlockNumberFor::<T>::zero(),
		);
		lemma_zk_statement::binding(&genesis.into(), SAMPLE_ORDER, &who.clone().into()).into()
	}

	/// Checks a result against a program's rules and its proof. The output's root.
	fn verify_result(
		element: OutputElement,
		length: LengthRule,
		result: ClaimedResult<'_>,
		proof: &[u8],
	) -> Result<H256, DispatchError> {
		let allowed = u32::try_from(result.output.len()).is_ok_and(|len| length.allows(len));
		ensure!(allowed, Error::<T>::OutputLengthInvalid);
		let statement = Statement::of_result(
			result.program.0,
			result.binding.0,
			result.commitment.0,
			element,
			result.output,
			// The host's, not the one that the statement brings along.
			|bytes| BlakeTwo256::hash(bytes).0,
		)
		.map_err(Self::statement_error)?;
		T::Verifier::verify(&statement, proof).map_err(Self::proof_error)?;
		Ok(statement.output.into())
	}

	fn statement_error(error: StatementError) -> Error<T> {
		match error {
			StatementError::ProgramNotCanonical => Error::<T>::ProgramIdNotCanonical,
			StatementError::InputNotCanonical => Error::<T>::CommitmentNotCanonical,
			StatementError::EmptyOutput | StatementError::PartialElement => {
				Error::<T>::OutputLengthInvalid
			}
		}
	}

	fn proof_error(error: ProofError) -> Error<T> {
		match error {
			ProofError::KeyMalformed => Error::<T>::VerifyingKeyMalformed,
			// The program's id and the commitment were found canonical, the rest is computed.
			ProofError::StatementNotCanonical | ProofError::Invalid => Error::<T>::ProofInvalid,
			ProofError::TooLong => Error::<T>::ProofTooLong,
			ProofError::Truncated => Error::<T>::ProofTruncated,
			ProofError::TrailingBytes => Error::<T>::ProofTrailingBytes,
			ProofError::NotCanonical => Error::<T>::ProofNotCanonical,
		}
	}
}

impl<T: Config> traits::Programs for Pallet<T> {
	fn rules(program: &ProgramId) -> Option<ProgramRules> {
		Programs::<T>::get(program).map(|program| ProgramRules {
			element: program.element,
			length: program.length,
			active: program.status == ProgramStatus::Active,
		})
	}

	fn verify(result: ClaimedResult<'_>, proof: &[u8]) -> Result<H256, DispatchError> {
		let program = Self::get_program(&result.program)?;
		Self::verify_result(program.element, program.length, result, proof)
	}

	fn verify_weight(output_len: u32, _proof_len: u32) -> Weight {
		// A proof has nearly one length, and one that has another is refused sooner.
		T::WeightInfo::state_result(output_len).saturating_add(T::WeightInfo::verify_proof())
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn sample() -> Option<(
		ProgramId,
		lemma_primitives::InputCommitment,
		alloc::vec::Vec<u8>,
		alloc::vec::Vec<u8>,
	)> {
		Some(crate::benchmarking::sample_program::<T>())
	}
}
