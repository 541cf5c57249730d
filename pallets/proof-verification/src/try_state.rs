//! The invariants, checked.

use alloc::collections::BTreeMap;

use frame_support::{ensure, traits::fungible::InspectHold};
use lemma_primitives::{program::ProgramStatus, ProgramId};
use sp_runtime::{
	traits::{Saturating, Zero},
	TryRuntimeError,
};

use crate::{BalanceOf, Config, HoldReason, Pallet, ProgramOf, Programs, RetiredAt};

impl<T: Config> Pallet<T> {
	/// Checks every invariant that the pallet's documentation names.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::deposits_are_held()?;
		for (id, program) in Programs::<T>::iter() {
			Self::genesis_programs_hold_nothing(&program)?;
			Self::rules_can_be_satisfied(&program)?;
			Self::retirements_are_dated(&id, &program)?;
		}
		for id in RetiredAt::<T>::iter_keys() {
			ensure!(
				Programs::<T>::contains_key(id),
				"retirements_are_dated: a program that does not exist has a block of retirement"
			);
		}
		Ok(())
	}

	fn deposits_are_held() -> Result<(), TryRuntimeError> {
		let mut deposits = BTreeMap::<T::AccountId, BalanceOf<T>>::new();
		for program in Programs::<T>::iter_values() {
			if let Some(owner) = program.owner {
				let sum = deposits.entry(owner).or_default();
				*sum = sum.saturating_add(program.deposit);
			}
		}
		// An owner that has no account is looked at as well, and an account that owns nothing.
		for who in frame_system::Account::<T>::iter_keys() {
			deposits.entry(who).or_default();
		}
		for (who, sum) in deposits {
			ensure!(
				T::Currency::balance_on_hold(&HoldReason::ProgramDeposit.into(), &who) == sum,
				"deposits_are_held: what is held of an account is not the sum of its deposits"
			);
		}
		Ok(())
	}

	fn genesis_programs_hold_nothing(program: &ProgramOf<T>) -> Result<(), TryRuntimeError> {
		ensure!(
			program.owner.is_some() || program.deposit.is_zero(),
			"genesis_programs_hold_nothing: a program without an owner has a deposit"
		);
		Ok(())
	}

	fn rules_can_be_satisfied(program: &ProgramOf<T>) -> Result<(), TryRuntimeError> {
		ensure!(
			Self::is_rule_valid(program.element, program.length),
			"rules_can_be_satisfied: a length rule allows nothing, or parts of elements"
		);
		Ok(())
	}

	fn retirements_are_dated(
		id: &ProgramId,
		program: &ProgramOf<T>,
	) -> Result<(), TryRuntimeError> {
		let retired_at = RetiredAt::<T>::get(id);
		ensure!(
			retired_at.is_some() == (program.status == ProgramStatus::Retired),
			"retirements_are_dated: a block of retirement is missing, or an Active program has one"
		);
		let now = frame_system::Pallet::<T>::block_number();
		ensure!(
			retired_at.is_none_or(|block| block <= now),
			"retirements_are_dated: a program was retired in the future"
		);
		Ok(())
	}
}
