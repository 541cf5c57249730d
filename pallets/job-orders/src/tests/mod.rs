//! Tests of each call, of the deadlines, and of what is between them.

mod cancel_order;
mod claim_order;
mod config;
mod deadlines;
mod invariants;
mod lifecycle;
mod post_order;
mod queries;
mod remove_receipt;
mod submit_result;

pub(crate) use frame_support::{assert_noop, assert_ok, traits::Hooks};
pub(crate) use lemma_primitives::order::{InputSource, OrderStatus};
pub(crate) use sp_core::H256;
pub(crate) use sp_runtime::DispatchError;

pub(crate) use crate::{mock::*, *};
