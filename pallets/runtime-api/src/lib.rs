//! The runtime API by which the node's JSON-RPC, the worker and the command line read the market.

#![cfg_attr(not(feature = "std"), no_std)]
#![deny(missing_docs)]
// The macro's code.
#![allow(clippy::too_many_arguments)]

extern crate alloc;

use alloc::vec::Vec;
use codec::{Codec, Decode, Encode};
use lemma_primitives::{
	order::{Order, OrderChange, Receipt},
	program::Program,
	provider::Provider,
	InputCommitment, OrderId, ProgramId,
};
use scale_info::TypeInfo;
use sp_core::H256;

pub use lemma_primitives::MAX_PAGE;

/// What posting an order of one size holds of its requester, and asks of its claimer.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct OrderCost<Balance> {
	/// Deposit held for the order's and then the receipt's storage.
	pub deposit: Balance,
	/// Held for the settlement's block space.
	pub settlement_fee: Balance,
	/// What a claimer must commit.
	pub collateral: Balance,
}

sp_api::decl_runtime_apis! {
	/// Reads the market.
	pub trait LemmaApi<AccountId, Balance, BlockNumber>
	where
		AccountId: Codec,
		Balance: Codec,
		BlockNumber: Codec,
	{
		/// A live order.
		fn order(id: OrderId) -> Option<Order<AccountId, Balance, BlockNumber>>;
		/// Live orders from number `start` on, of one program if given, at most `limit` (and
		/// [`MAX_PAGE`]) of them, by number; and the number at which the next page starts, if there is one.
		fn orders(
			program: Option<ProgramId>,
			start: OrderId,
			limit: u32,
		) -> (Vec<(OrderId, Order<AccountId, Balance, BlockNumber>)>, Option<OrderId>);
		/// The price that a claim of the order would fix in the next block, while it is open.
		fn current_price(id: OrderId) -> Option<Balance>;
		/// What posting an order costs whose inline input, or locator, has `input_len` bytes and whose
		/// output has `output_len`; the price apart.
		fn order_cost(input_len: u32, output_len: u32, max_price: Balance) -> OrderCost<Balance>;
		/// The receipt of a settled order.
		fn receipt(id: OrderId) -> Option<Receipt<AccountId, Balance, BlockNumber>>;
		/// A provider, by its cold account.
		fn provider(account: AccountId) -> Option<Provider<AccountId, Balance, BlockNumber>>;
		/// The provider for which an account may act.
		fn provider_of(account: AccountId) -> Option<AccountId>;
		/// A registered program.
		fn program(id: ProgramId) -> Option<Program<AccountId, Balance>>;
		/// Registered programs, at most `limit` (and [`MAX_PAGE`]) of them after `start`, in storage order.
		fn programs(
			start: Option<ProgramId>,
			limit: u32,
		) -> Vec<(ProgramId, Program<AccountId, Balance>)>;
		/// What happened to orders in the block whose state this is.
		fn order_changes() -> Vec<OrderChange<AccountId, Balance>>;
		/// Verifies a proof exactly as settling would, for free. The text of the error says which check
		/// failed.
		fn verify(
			program: ProgramId,
			commitment: InputCommitment,
			binding: H256,
			output: Vec<u8>,
			proof: Vec<u8>,
		) -> Result<(), Vec<u8>>;
	}
}
