//! What the calls do.

use frame_support::{
	dispatch::{DispatchResultWithPostInfo, Pays, PostDispatchInfo},
	ensure,
	traits::Get,
	weights::Weight,
};
use frame_system::pallet_prelude::BlockNumberFor;
use lemma_primitives::{
	carry_weight,
	order::{InputSource, Order, OrderStatus, Receipt},
	traits::{ClaimedResult, Programs, Providers, Settlement},
	OrderId, MAX_INLINE_INPUT_BYTES, MAX_OUTPUT_BYTES, MAX_PROOF_BYTES,
};
use sp_core::H256;
use sp_runtime::{
	traits::{Convert, Saturating, UniqueSaturatedFrom, UniqueSaturatedInto, Zero},
	ArithmeticError, DispatchResult,
};

use crate::{
	price::price_after,
	types::{due_weight, input_bytes, order_bytes, receipt_bytes, SUBMISSION_OVERHEAD_BYTES},
	BalanceOf, Config, Error, Event, HoldReason, LiveOrders, NextOrderId, OrderOf, OrderSpecOf,
	Orders, Pallet, Receipts, WeightInfo,
};

/// Who is paid for a proof, and what.
pub(crate) struct Payment<AccountId, Balance> {
	pub payee: AccountId,
	pub price: Balance,
	pub bounty: Balance,
}

impl<T: Config> Pallet<T> {
	/// What posting an order holds as deposit: `input_len` is the length of its inline input, or of its
	/// locator, bytes.
	pub fn deposit_for(input_len: u32) -> BalanceOf<T> {
		Self::deposit_for_bytes(order_bytes::<T>().saturating_add(input_len))
	}

	/// What posting an order of this output length, bytes, holds for the block space of its settlement.
	pub fn settlement_fee_for(output_len: u32) -> BalanceOf<T> {
		let weight = Self::submit_weight(output_len, MAX_PROOF_BYTES);
		let length = output_len
			.saturating_add(MAX_PROOF_BYTES)
			.saturating_add(SUBMISSION_OVERHEAD_BYTES);
		T::SettlementFee::convert((weight, length))
	}

	/// What the claimer of an order of this highest price must commit.
	pub fn collateral_for(max_price: BalanceOf<T>) -> BalanceOf<T> {
		T::CollateralRatio::get()
			.mul_ceil(max_price)
			.max(T::MinCollateral::get())
	}

	/// Deposit for the receipt of an order that held `order_deposit`: never more than that.
	pub(crate) fn receipt_deposit(order_deposit: BalanceOf<T>) -> BalanceOf<T> {
		Self::deposit_for_bytes(receipt_bytes::<T>()).min(order_deposit)
	}

	fn deposit_for_bytes(bytes: u32) -> BalanceOf<T> {
		T::DepositBase::get().saturating_add(T::DepositPerByte::get().saturating_mul(bytes.into()))
	}

	/// Most that submitting a result of these lengths, bytes, can weigh.
	pub fn submit_weight(output_len: u32, proof_len: u32) -> Weight {
		Self::settle_weight(output_len, proof_len).saturating_add(due_weight::<T>())
	}

	fn settle_weight(output_len: u32, proof_len: u32) -> Weight {
		T::WeightInfo::submit_result(output_len, proof_len)
			.saturating_add(T::Programs::verify_weight(output_len, proof_len))
			.saturating_add(carry_weight(output_len.saturating_add(proof_len)))
	}

	/// The price of an unclaimed order at a block.
	pub(crate) fn price_at(order: &OrderOf<T>, block: BlockNumberFor<T>) -> BalanceOf<T> {
		let price = price_after(
			order.spec.min_price.unique_saturated_into(),
			order.spec.max_price.unique_saturated_into(),
			order.spec.ramp.unique_saturated_into(),
			block
				.saturating_sub(order.posted_at)
				.unique_saturated_into(),
		);
		BalanceOf::<T>::unique_saturated_from(price)
	}

	pub(crate) fn do_post_order(requester: T::AccountId, spec: OrderSpecOf<T>) -> DispatchResult {
		Self::check_spec(&spec)?;
		let id = NextOrderId::<T>::get();
		let next = id.checked_add(1).ok_or(ArithmeticError::Overflow)?;
		let posted_at = frame_system::Pallet::<T>::block_number();
		let order = Order {
			posted_at,
			deadline: posted_at.saturating_add(spec.lifetime),
			collateral: Self::collateral_for(spec.max_price),
			deposit: Self::deposit_for(input_bytes(&spec.input)),
			settlement_fee: Self::settlement_fee_for(spec.output_len),
			status: OrderStatus::Open,
			requester,
			spec,
		};
		Self::fund(&order)?;
		NextOrderId::<T>::put(next);
		LiveOrders::<T>::insert(id.to_be_bytes(), ());
		Orders::<T>::insert(id, &order);
		Self::schedule(id, &order);
		Self::deposit_event(Event::OrderPosted {
			id,
			program: order.spec.program,
			requester: order.requester,
		});
		Ok(())
	}

	fn check_spec(spec: &OrderSpecOf<T>) -> DispatchResult {
		let program = T::Programs::rules(&spec.program).ok_or(Error::<T>::ProgramUnknown)?;
		ensure!(program.active, Error::<T>::ProgramRetired);
		ensure!(
			spec.output_len <= MAX_OUTPUT_BYTES,
			Error::<T>::OutputTooLarge
		);
		ensure!(
			program.length.allows(spec.output_len),
			Error::<T>::OutputLengthNotAllowed
		);
		let canonical = lemma_zk_statement::bytes_to_hash(spec.commitment.as_fixed_bytes());
		ensure!(canonical.is_some(), Error::<T>::CommitmentNotCanonical);

		match &spec.input {
			InputSource::Inline(bytes) => ensure!(!bytes.is_empty(), Error::<T>::InputEmpty),
			InputSource::Stored { size, locator, .. } => {
				ensure!(*size > 0, Error::<T>::InputEmpty);
				ensure!(*size <= T::MaxInputBytes::get(), Error::<T>::InputTooLarge);
				ensure!(
					core::str::from_utf8(locator).is_ok(),
					Error::<T>::LocatorNotText
				);
			}
		}

		ensure!(spec.min_price <= spec.max_price, Error::<T>::PricesInverted);
		ensure!(
			spec.max_price >= T::MinPrice::get(),
			Error::<T>::PriceTooLow
		);

		ensure!(
			spec.claim_window >= T::MinClaimWindow::get(),
			Error::<T>::ClaimWindowTooShort
		);
		ensure!(
			spec.claim_window <= T::MaxClaimWindow::get(),
			Error::<T>::ClaimWindowTooLong
		);
		ensure!(
			spec.lifetime <= T::MaxLifetime::get(),
			Error::<T>::LifetimeTooLong
		);
		ensure!(
			spec.claim_window <= spec.lifetime,
			Error::<T>::LifetimeTooShort
		);
		ensure!(spec.ramp <= spec.lifetime, Error::<T>::RampTooLong);
		Ok(())
	}

	pub(crate) fn do_cancel_order(who: T::AccountId, id: OrderId) -> DispatchResultWithPostInfo {
		let order = Orders::<T>::get(id).ok_or(Error::<T>::OrderNotFound)?;
		ensure!(order.requester == who, Error::<T>::NotRequester);
		let now = frame_system::Pallet::<T>::block_number();
		let due = Self::do_what_is_due(id, order, now)?;
		let weight = T::WeightInfo::cancel_order().saturating_add(due.weight);
		let Some(order) = due.order else {
			// It expired: its requester has what it asked for.
			return Ok(Some(weight).into());
		};
		ensure!(order.status == OrderStatus::Open, Error::<T>::OrderNotOpen);
		Self::release_all(&order)?;
		Self::forget(id, &order);
		Self::deposit_event(Event::OrderCancelled { id });
		Ok(Some(weight).into())
	}

	pub(crate) fn do_claim_order(
		who: T::AccountId,
		id: OrderId,
		terms: H256,
	) -> DispatchResultWithPostInfo {
		let order = Orders::<T>::get(id).ok_or(Error::<T>::OrderNotFound)?;
		let provider = T::Providers::provider_of(&who).ok_or(Error::<T>::NotProvider)?;
		ensure!(order.terms_hash() == terms, Error::<T>::TermsDiffer);
		let now = frame_system::Pallet::<T>::block_number();
		let due = Self::do_what_is_due(id, order, now)?;
		let mut order = due.order.ok_or(Error::<T>::OrderDeadlinePassed)?;
		ensure!(order.status == OrderStatus::Open, Error::<T>::OrderNotOpen);
		let expires_at = now.saturating_add(order.spec.claim_window);
		ensure!(expires_at <= order.deadline, Error::<T>::ClaimTooLate);

		T::Providers::commit(&provider, order.collateral)?;
		let price = Self::price_at(&order, now);
		let excess = order.spec.max_price.saturating_sub(price);
		Self::release(HoldReason::Escrow, &order.requester, excess)?;

		let status = OrderStatus::Claimed {
			provider: provider.clone(),
			price,
			claimed_at: now,
			expires_at,
		};
		Self::set_status(id, &mut order, status);
		Self::deposit_event(Event::OrderClaimed {
			id,
			provider,
			price,
			expires_at,
		});
		let weight = T::WeightInfo::claim_order().saturating_add(due.weight);
		Ok(Some(weight).into())
	}

	/// Errors before and after verification alike cost the whole fee of the worst case: whoever submits
	/// can know beforehand whether it will succeed.
	pub(crate) fn do_submit_result(
		who: T::AccountId,
		id: OrderId,
		output: &[u8],
		proof: &[u8],
	) -> DispatchResultWithPostInfo {
		let order = Orders::<T>::get(id).ok_or(Error::<T>::OrderNotFound)?;
		let now = frame_system::Pallet::<T>::block_number();
		let due = Self::do_what_is_due(id, order, now)?;
		let order = due.order.ok_or(Error::<T>::OrderDeadlinePassed)?;

		let submitter = T::Providers::provider_of(&who);
		let (payee, price, bounty) = match &order.status {
			OrderStatus::Open => (
				submitter.unwrap_or(who),
				Self::price_at(&order, now),
				Zero::zero(),
			),
			OrderStatus::Claimed {
				provider, price, ..
			} => {
				ensure!(submitter.as_ref() == Some(provider), Error::<T>::NotClaimer);
				(provider.clone(), *price, Zero::zero())
			}
			OrderStatus::Rescue { price, bounty, .. } => {
				(submitter.unwrap_or(who), *price, *bounty)
			}
		};

		ensure!(
			output.len() == order.spec.output_len as usize,
			Error::<T>::OutputLengthWrong
		);
		let extrinsic_index =
			frame_system::Pallet::<T>::extrinsic_index().ok_or(Error::<T>::NotInExtrinsic)?;
		let output_root = T::Programs::verify(
			ClaimedResult {
				program: order.spec.program,
				commitment: order.spec.commitment,
				binding: Self::binding(id, &payee),
				output,
			},
			proof,
		)?;

		Self::settle(
			id,
			order,
			Payment {
				payee,
				price,
				bounty,
			},
			output_root,
			extrinsic_index,
		)?;

		let weight = Self::settle_weight(output.len() as u32, proof.len() as u32);
		Ok(PostDispatchInfo {
			actual_weight: Some(weight.saturating_add(due.weight)),
			pays_fee: Pays::No,
		})
	}

	/// Pays a proven order, takes it off the book and leaves its receipt.
	pub(crate) fn settle(
		id: OrderId,
		order: OrderOf<T>,
		payment: Payment<T::AccountId, BalanceOf<T>>,
		output_root: H256,
		extrinsic_index: u32,
	) -> DispatchResult {
		let Payment {
			payee,
			price,
			bounty,
		} = payment;
		let requester = &order.requester;
		Self::pay(HoldReason::Escrow, requester, &payee, price)?;
		Self::pay(HoldReason::Bounty, requester, &payee, bounty)?;
		let paid = price.saturating_add(bounty);
		match &order.status {
			OrderStatus::Open => {
				let excess = order.spec.max_price.saturating_sub(price);
				Self::release(HoldReason::Escrow, requester, excess)?;
				T::Providers::record(&payee, Settlement::Own(paid));
			}
			OrderStatus::Claimed { provider, .. } => {
				T::Providers::release(provider, order.collateral)?;
				T::Providers::record(&payee, Settlement::Own(paid));
			}
			OrderStatus::Rescue { .. } => {
				T::Providers::record(&payee, Settlement::Rescue(paid));
			}
		}
		let fee = order.settlement_fee;
		Self::charge_settlement(requester, fee)?;
		let deposit = Self::receipt_deposit(order.deposit);
		Self::release(
			HoldReason::Deposit,
			requester,
			order.deposit.saturating_sub(deposit),
		)?;

		Self::forget(id, &order);
		let receipt = Receipt {
			requester: order.requester,
			provider: payee.clone(),
			program: order.spec.program,
			commitment: order.spec.commitment,
			output_root,
			output_len: order.spec.output_len,
			paid,
			settled_at: frame_system::Pallet::<T>::block_number(),
			extrinsic_index,
			deposit,
		};
		Receipts::<T>::insert(id, receipt);
		Self::deposit_event(Event::OrderSettled {
			id,
			provider: payee,
			paid,
			bounty,
			fee,
			output_root,
		});
		Ok(())
	}

	pub(crate) fn do_remove_receipt(who: T::AccountId, id: OrderId) -> DispatchResult {
		let receipt = Receipts::<T>::take(id).ok_or(Error::<T>::ReceiptNotFound)?;
		ensure!(receipt.requester == who, Error::<T>::NotRequester);
		Self::release(HoldReason::Deposit, &who, receipt.deposit)?;
		Self::deposit_event(Event::ReceiptRemoved { id });
		Ok(())
	}

	/// What a proof for an order by a payee is bound to.
	pub fn binding(id: OrderId, payee: &T::AccountId) -> H256 {
		// The genesis hash is the one block hash that is never pruned.
		let genesis = frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::zero());
		lemma_zk_statement::binding(&genesis.into(), id, &payee.clone().into()).into()
	}

	/// Panics, in the runtime's integrity tests, on constants that cannot work together.
	pub(crate) fn check_config() {
		assert!(!T::MinPrice::get().is_zero(), "MinPrice must not be zero");
		assert!(
			!T::MinClaimWindow::get().is_zero(),
			"MinClaimWindow must not be zero"
		);
		assert!(
			T::MinClaimWindow::get() <= T::MaxClaimWindow::get(),
			"MinClaimWindow must not exceed MaxClaimWindow"
		);
		assert!(
			T::MaxClaimWindow::get() <= T::MaxLifetime::get(),
			"MaxClaimWindow must not exceed MaxLifetime"
		);
		assert!(
			T::MaxExpiriesPerBlock::get() > 0,
			"MaxExpiriesPerBlock must not be zero"
		);
		assert!(
			receipt_bytes::<T>() <= order_bytes::<T>(),
			"a receipt's deposit must be covered by its order's"
		);
		let block = <T as frame_system::Config>::BlockWeights::get().max_block;
		assert!(
			Self::worst_agenda_weight().all_lte(block.saturating_div(2)),
			"MaxExpiriesPerBlock deadlines must fit into half a block"
		);
		assert!(
			Self::submit_weight(MAX_OUTPUT_BYTES, MAX_PROOF_BYTES).all_lte(block),
			"the largest settlement must fit into a block"
		);
		assert!(
			T::WeightInfo::post_order(MAX_INLINE_INPUT_BYTES).all_lte(block),
			"the largest order must fit into a block"
		);
	}
}
