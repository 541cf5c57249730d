//! Tests, by call.

mod bond_more;
mod deregister;
mod join_provider;
mod leave_provider;
mod order_book;
mod random_walk;
mod register_provider;
mod runtime_constants;
mod set_operators;
mod try_state;
mod unbond;
mod update_provider;
mod weights;
mod withdraw_unbonded;

pub(crate) use frame_support::{assert_noop, assert_ok, storage::with_storage_layer};
pub(crate) use lemma_primitives::traits::{Providers as _, Settlement};
pub(crate) use sp_runtime::{traits::BadOrigin, TokenError};

pub(crate) use crate::{mock::*, Error, Event, OperatorOf, Providers};
