//! Tests, by call.

mod genesis;
mod order_book;
mod real_proofs;
mod register_program;
mod remove_program;
mod retire_program;
mod try_state;

pub(crate) use frame_support::{assert_noop, assert_ok};
pub(crate) use lemma_primitives::{
	program::{LengthRule, OutputElement, Program, ProgramStatus},
	traits::{ClaimedResult, Programs as _},
};
pub(crate) use sp_core::H256;
pub(crate) use sp_runtime::{traits::BadOrigin, DispatchResult, TokenError};

pub(crate) use crate::{mock::*, Error, Event, Programs, RetiredAt, SAMPLE_ORDER};
