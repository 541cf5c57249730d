//! Who may send operational calls: see `docs/decisions/0034-operational-calls-are-roots.md`.

use codec::{Decode, DecodeWithMemTracking, Encode};
use frame_support::{
	dispatch::{DispatchClass, DispatchInfo, GetDispatchInfo},
	traits::{Get, OriginTrait},
	weights::{constants::ParityDbWeight, RuntimeDbWeight, Weight},
};
use scale_info::TypeInfo;
use sp_runtime::{
	impl_tx_ext_default,
	traits::{Implication, TransactionExtension, ValidateResult},
	transaction_validity::{InvalidTransaction, TransactionSource, ValidTransaction},
};

use crate::{Runtime, RuntimeCall, RuntimeOrigin, System};

/// Keeps operational calls, which have room of their own in a block and do not make fees rise, for root: for the
/// account that `sudo` knows as such, and for the upgrade that root has authorised, which anybody may send. From anybody else they would
/// fail, but only after they had taken a place in the block.
#[derive(
	Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo,
)]
pub struct CheckOperational;

impl CheckOperational {
	fn is_roots(origin: &RuntimeOrigin) -> bool {
		let root = pallet_sudo::Key::<Runtime>::get();
		root.is_some() && origin.as_signer() == root.as_ref()
	}

	// The SDK has no other way to ask whether this is the code that was authorised.
	#[allow(deprecated)]
	fn is_authorised(source: TransactionSource, call: &RuntimeCall) -> bool {
		use sp_runtime::traits::ValidateUnsigned;
		match call {
			RuntimeCall::System(call @ frame_system::Call::apply_authorized_upgrade { .. }) => {
				System::validate_unsigned(source, call).is_ok()
			}
			_ => false,
		}
	}
}

impl TransactionExtension<RuntimeCall> for CheckOperational {
	const IDENTIFIER: &'static str = "CheckOperational";
	type Implicit = ();
	type Val = ();
	type Pre = ();

	fn weight(&self, call: &RuntimeCall) -> Weight {
		match call.get_dispatch_info().class {
			// Of root's key, and of what was authorised, whose code's hash is part of the call's own weight.
			DispatchClass::Operational => <ParityDbWeight as Get<RuntimeDbWeight>>::get().reads(2),
			DispatchClass::Normal | DispatchClass::Mandatory => Weight::zero(),
		}
	}

	fn validate(
		&self,
		origin: RuntimeOrigin,
		call: &RuntimeCall,
		info: &DispatchInfo,
		_len: usize,
		_implicit: (),
		_implication: &impl Implication,
		source: TransactionSource,
	) -> ValidateResult<(), RuntimeCall> {
		let may = info.class != DispatchClass::Operational
			|| Self::is_roots(&origin)
			|| Self::is_authorised(source, call);
		match may {
			true => Ok((ValidTransaction::default(), (), origin)),
			false => Err(InvalidTransaction::Call.into()),
		}
	}

	impl_tx_ext_default!(RuntimeCall; prepare);
}
