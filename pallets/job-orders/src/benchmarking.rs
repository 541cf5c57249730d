//! Benchmarks of the calls and of the hook's parts, each in its worst case. They are run in the runtime's Wasm:
//! see `docs/develop/weights.md`.
//!
//! Verification has its own weight (`Programs::verify_weight`), so `submit_result` is measured without it:
//! decoding the call, and everything before and after a valid proof.
//!
//! `miss_claim` and `expire_order` are measured as blocks of the agenda with one order, so each includes what an
//! empty block costs, which is charged apart as well.

// Amounts here are far from any bound.
#![allow(clippy::arithmetic_side_effects)]

use alloc::vec;

use codec::{Decode, Encode};
use frame_benchmarking::v2::*;
use frame_support::traits::{
	fungible::{Inspect, Mutate},
	Get,
};
use frame_system::{pallet_prelude::BlockNumberFor, RawOrigin};
use lemma_primitives::{
	order::{InputSource, OrderSpec, OrderStatus},
	traits::{Programs, Providers},
	OrderId, MAX_INLINE_INPUT_BYTES, MAX_OUTPUT_BYTES, MAX_PROOF_BYTES,
};
use sp_core::H256;
use sp_runtime::traits::{Bounded, One, Saturating};

use crate::{impls::Payment, *};

/// More than any benchmark spends, and far from the most that can be issued.
fn fortune<T: Config>() -> BalanceOf<T> {
	BalanceOf::<T>::max_value() / 1_000_000u32.into()
}

fn rich_account<T: Config>(name: &'static str) -> T::AccountId
where
	T::Currency: Mutate<T::AccountId>,
{
	let who = account(name, 0, 0);
	T::Currency::set_balance(&who, fortune::<T>());
	who
}

/// The operator of a provider with as large a record as there can be.
fn operator<T: Config>() -> Result<T::AccountId, BenchmarkError>
where
	T::Currency: Mutate<T::AccountId>,
{
	let provider = rich_account::<T>("provider");
	let operator = account("operator", 0, 0);
	T::Providers::register_for_benchmark(&provider, &operator, fortune::<T>() / 2u32.into())?;
	Ok(operator)
}

/// Terms of an order with `input_len` bytes of inline input.
fn spec<T: Config>(input_len: u32) -> Result<OrderSpecOf<T>, BenchmarkError> {
	let (program, commitment, output, _) =
		T::Programs::sample().ok_or(BenchmarkError::Stop("the registry has no sample"))?;
	let input = vec![7u8; input_len as usize];
	let price = T::MinPrice::get().max(T::Currency::minimum_balance());
	Ok(OrderSpec {
		program,
		commitment,
		input: InputSource::Inline(input.try_into().map_err(|_| "input too long")?),
		output_len: output.len() as u32,
		min_price: price,
		max_price: price.saturating_mul(2u32.into()),
		ramp: T::MinClaimWindow::get(),
		claim_window: T::MinClaimWindow::get(),
		lifetime: T::MaxLifetime::get(),
	})
}

fn post<T: Config>() -> Result<OrderId, BenchmarkError>
where
	T::Currency: Mutate<T::AccountId>,
{
	let requester = rich_account::<T>("requester");
	let id = NextOrderId::<T>::get();
	Pallet::<T>::do_post_order(requester, spec::<T>(MAX_INLINE_INPUT_BYTES)?)?;
	Ok(id)
}

fn terms<T: Config>(id: OrderId) -> Result<H256, BenchmarkError> {
	Ok(Orders::<T>::get(id)
		.ok_or("the order is live")?
		.terms_hash())
}

/// An order whose claimer has just missed its deadline, which nothing has been done about yet.
fn overdue_claim<T: Config>() -> Result<OrderId, BenchmarkError>
where
	T::Currency: Mutate<T::AccountId>,
{
	let id = post::<T>()?;
	Pallet::<T>::do_claim_order(operator::<T>()?, id, terms::<T>(id)?)?;
	let now = frame_system::Pallet::<T>::block_number();
	frame_system::Pallet::<T>::set_block_number(now.saturating_add(T::MinClaimWindow::get()));
	Ok(id)
}

/// An order as it stands now, its due changes done.
fn miss<T: Config>(id: OrderId) -> Result<OrderOf<T>, BenchmarkError> {
	let order = Orders::<T>::get(id).ok_or("the order is live")?;
	let now = frame_system::Pallet::<T>::block_number();
	let due = Pallet::<T>::do_what_is_due(id, order, now)?;
	Ok(due.order.ok_or("the order has not expired")?)
}

#[benchmarks(where T::Currency: Mutate<T::AccountId>)]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn post_order(i: Linear<1, MAX_INLINE_INPUT_BYTES>) -> Result<(), BenchmarkError> {
		let requester = rich_account::<T>("requester");
		let id = NextOrderId::<T>::get();
		let spec = spec::<T>(i)?;

		#[extrinsic_call]
		_(RawOrigin::Signed(requester), spec);

		assert!(Orders::<T>::contains_key(id));
		Ok(())
	}

	#[benchmark]
	fn cancel_order() -> Result<(), BenchmarkError> {
		let id = post::<T>()?;
		let requester: T::AccountId = account("requester", 0, 0);

		#[extrinsic_call]
		_(RawOrigin::Signed(requester), id);

		assert!(!Orders::<T>::contains_key(id));
		Ok(())
	}

	#[benchmark]
	fn claim_order() -> Result<(), BenchmarkError> {
		let id = post::<T>()?;
		let operator = operator::<T>()?;
		let terms = terms::<T>(id)?;

		#[extrinsic_call]
		_(RawOrigin::Signed(operator), id, terms);

		let order = Orders::<T>::get(id).ok_or("the order is live")?;
		assert!(matches!(order.status, OrderStatus::Claimed { .. }));
		Ok(())
	}

	#[benchmark]
	fn submit_result(
		o: Linear<1, MAX_OUTPUT_BYTES>,
		p: Linear<1, MAX_PROOF_BYTES>,
	) -> Result<(), BenchmarkError> {
		let id = overdue_claim::<T>()?;
		let order = miss::<T>(id)?;
		let OrderStatus::Rescue { price, bounty, .. } = order.status else {
			return Err("the order is to be rescued".into());
		};
		let operator: T::AccountId = account("operator", 0, 0);
		let output = vec![3u8; o as usize]
			.try_into()
			.map_err(|_| "output too long")?;
		let proof = vec![5u8; p as usize]
			.try_into()
			.map_err(|_| "proof too long")?;
		let bytes = Call::<T>::submit_result { id, output, proof }.encode();

		#[block]
		{
			Call::<T>::decode(&mut bytes.as_slice()).map_err(|_| "the call decodes")?;
			let order = Orders::<T>::get(id).ok_or("the order is live")?;
			let payee = T::Providers::provider_of(&operator).ok_or("it is an operator")?;
			let binding = Pallet::<T>::binding(id, &payee);
			let payment = Payment {
				payee,
				price,
				bounty,
			};
			Pallet::<T>::settle(id, order, payment, binding, 0)?;
		}

		assert!(Receipts::<T>::contains_key(id));
		Ok(())
	}

	#[benchmark]
	fn remove_receipt() -> Result<(), BenchmarkError> {
		let id = overdue_claim::<T>()?;
		let order = miss::<T>(id)?;
		let OrderStatus::Rescue { price, bounty, .. } = order.status else {
			return Err("the order is to be rescued".into());
		};
		let payment = Payment {
			payee: account("provider", 0, 0),
			price,
			bounty,
		};
		Pallet::<T>::settle(id, order, payment, H256::zero(), 0)?;
		let requester: T::AccountId = account("requester", 0, 0);

		#[extrinsic_call]
		_(RawOrigin::Signed(requester), id);

		assert!(!Receipts::<T>::contains_key(id));
		Ok(())
	}

	#[benchmark]
	fn agenda_base() {
		// The cursor stands behind `now`: there is no block to look at.
		let now = frame_system::Pallet::<T>::block_number();
		AgendaCursor::<T>::put(now.saturating_add(One::one()));

		#[block]
		{
			Pallet::<T>::work_agenda(now);
		}
	}

	#[benchmark]
	fn agenda_block() {
		let now = frame_system::Pallet::<T>::block_number();
		AgendaCursor::<T>::put(now);

		#[block]
		{
			Pallet::<T>::work_agenda(now);
		}

		assert!(AgendaCursor::<T>::get() > Some(now));
	}

	#[benchmark]
	fn miss_claim() -> Result<(), BenchmarkError> {
		let id = overdue_claim::<T>()?;
		let now = frame_system::Pallet::<T>::block_number();
		AgendaCursor::<T>::put(now);

		#[block]
		{
			Pallet::<T>::work_agenda(now);
		}

		let order = Orders::<T>::get(id).ok_or("the order is live")?;
		assert!(matches!(order.status, OrderStatus::Rescue { .. }));
		Ok(())
	}

	#[benchmark]
	fn expire_order() -> Result<(), BenchmarkError> {
		let id = overdue_claim::<T>()?;
		let order = miss::<T>(id)?;
		let deadline: BlockNumberFor<T> = order.deadline;
		frame_system::Pallet::<T>::set_block_number(deadline);
		AgendaCursor::<T>::put(deadline);

		#[block]
		{
			Pallet::<T>::work_agenda(deadline);
		}

		assert!(!Orders::<T>::contains_key(id));
		Ok(())
	}
}
