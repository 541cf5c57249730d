//! Deadlines: what is due for an order, and the agenda that sees to it without a keeper.

use alloc::vec::Vec;

use frame_support::{storage::with_storage_layer, traits::Get, weights::Weight};
use frame_system::pallet_prelude::BlockNumberFor;
use lemma_primitives::{order::OrderStatus, traits::Providers, OrderId};
use sp_runtime::{
	traits::{CheckedDiv, One, Saturating},
	DispatchError,
};

use crate::{
	types::due_weight, Agenda, AgendaCursor, BalanceOf, Config, Error, Event, HoldReason,
	LiveOrders, OrderOf, OrderStatusOf, Orders, Pallet, Retries, WeightInfo,
};

/// Most blocks that the cursor moves over in one block. It moves over one as a rule, and falls behind only
/// while more is due than a block may do; this is how fast it then catches up over blocks with little to do.
pub(crate) const MAX_BLOCKS_PER_RUN: u32 = 64;

/// Blocks until a change that failed is tried again.
pub(crate) const RETRY_AFTER: u32 = 600;

const LOG_TARGET: &str = "runtime::job-orders";

/// An order once everything due for it has been done.
pub(crate) struct Due<T: Config> {
	/// The order, unless it has expired.
	pub order: Option<OrderOf<T>>,
	/// Weight of what was done.
	pub weight: Weight,
}

/// First block at which an order's status ends by itself.
pub(crate) fn status_ends_at<T: Config>(order: &OrderOf<T>) -> BlockNumberFor<T> {
	match &order.status {
		OrderStatus::Claimed { expires_at, .. } => *expires_at,
		OrderStatus::Open | OrderStatus::Rescue { .. } => order.deadline,
	}
}

impl<T: Config> Pallet<T> {
	/// Does what an order's deadlines demand by block `now`. Must run in a storage layer: an error may
	/// leave half of it done.
	pub(crate) fn do_what_is_due(
		id: OrderId,
		mut order: OrderOf<T>,
		now: BlockNumberFor<T>,
	) -> Result<Due<T>, DispatchError> {
		let mut weight = Weight::zero();
		if let OrderStatus::Claimed {
			provider,
			price,
			expires_at,
			..
		} = order.status.clone()
		{
			if expires_at <= now {
				Self::miss_claim(id, &mut order, provider, price)?;
				weight.saturating_accrue(T::WeightInfo::miss_claim());
			}
		}
		if order.deadline <= now {
			Self::release_all(&order)?;
			if let OrderStatus::Claimed { provider, .. } = &order.status {
				// Cannot be: a claim ends no later than its order. Nothing of it is lost all the same.
				T::Providers::release(provider, order.collateral)?;
			}
			Self::forget(id, &order);
			Self::deposit_event(Event::OrderExpired { id });
			weight.saturating_accrue(T::WeightInfo::expire_order());
			return Ok(Due {
				order: None,
				weight,
			});
		}
		Ok(Due {
			order: Some(order),
			weight,
		})
	}

	fn miss_claim(
		id: OrderId,
		order: &mut OrderOf<T>,
		provider: T::AccountId,
		price: BalanceOf<T>,
	) -> Result<(), DispatchError> {
		let slashed = T::Providers::slash(&provider, order.collateral, &order.requester)?;
		// Rounded down: the odd unit is the requester's.
		let bounty = slashed.checked_div(&2u32.into()).unwrap_or_default();
		Self::hold(HoldReason::Bounty, &order.requester, bounty)?;
		let status = OrderStatus::Rescue {
			missed: provider.clone(),
			price,
			bounty,
		};
		Self::set_status(id, order, status);
		Self::deposit_event(Event::ClaimMissed {
			id,
			provider,
			slashed,
			bounty,
		});
		Ok(())
	}

	/// Gives an order another status, in the book and in the agenda.
	pub(crate) fn set_status(id: OrderId, order: &mut OrderOf<T>, status: OrderStatusOf<T>) {
		Self::unschedule(id, order);
		order.status = status;
		Self::schedule(id, order);
		Orders::<T>::insert(id, order);
	}

	/// Takes an order off the book and off the agenda.
	pub(crate) fn forget(id: OrderId, order: &OrderOf<T>) {
		Self::unschedule(id, order);
		Orders::<T>::remove(id);
		LiveOrders::<T>::remove(id.to_be_bytes());
	}

	pub(crate) fn schedule(id: OrderId, order: &OrderOf<T>) {
		Agenda::<T>::insert(status_ends_at::<T>(order), id, ());
	}

	fn unschedule(id: OrderId, order: &OrderOf<T>) {
		let at = Retries::<T>::take(id).unwrap_or_else(|| status_ends_at::<T>(order));
		Agenda::<T>::remove(at, id);
	}

	/// Does what is due by block `now`, the earliest first, as far as one block may. What it weighed.
	pub(crate) fn work_agenda(now: BlockNumberFor<T>) -> Weight {
		let mut weight = T::WeightInfo::agenda_base();
		let mut orders_left = T::MaxExpiriesPerBlock::get();
		let start = AgendaCursor::<T>::get().unwrap_or(now);
		let mut cursor = start;
		for _ in 0..MAX_BLOCKS_PER_RUN {
			if cursor > now || orders_left == 0 {
				break;
			}
			weight.saturating_accrue(T::WeightInfo::agenda_block());
			let due: Vec<OrderId> = Agenda::<T>::iter_key_prefix(cursor)
				.take(orders_left as usize)
				.collect();
			for id in &due {
				weight.saturating_accrue(Self::work_agenda_entry(*id, cursor, now));
				orders_left = orders_left.saturating_sub(1);
			}
			// With nothing left to spend there may be more at this block: the next one looks again.
			if orders_left > 0 {
				cursor.saturating_inc();
			}
		}
		AgendaCursor::<T>::put(cursor);
		weight
	}

	/// Does what is due for the order that stands in the agenda at block `at`, and removes that entry
	/// whatever happens, so that no entry is visited twice. What it weighed.
	fn work_agenda_entry(id: OrderId, at: BlockNumberFor<T>, now: BlockNumberFor<T>) -> Weight {
		let done = with_storage_layer::<_, DispatchError, _>(|| {
			let order = Orders::<T>::get(id).ok_or(Error::<T>::OrderNotFound)?;
			// Its agenda entry and, if this was a retry, the note of it go with the change of status.
			Self::do_what_is_due(id, order, now)
		});
		let error = match done {
			Ok(due) => {
				Agenda::<T>::remove(at, id);
				return due.weight;
			}
			Err(error) => error,
		};
		Agenda::<T>::remove(at, id);
		log::error!(target: LOG_TARGET, "what was due for order {id} at {at:?} failed: {error:?}");
		if Orders::<T>::contains_key(id) {
			let retry_at = now.saturating_add(RETRY_AFTER.into());
			Agenda::<T>::insert(retry_at, id, ());
			Retries::<T>::insert(id, retry_at);
			Self::deposit_event(Event::DueChangeFailed {
				id,
				error,
				retry_at,
			});
		}
		due_weight::<T>()
	}

	/// Most that the agenda can weigh in one block.
	pub(crate) fn worst_agenda_weight() -> Weight {
		T::WeightInfo::agenda_base()
			.saturating_add(T::WeightInfo::agenda_block().saturating_mul(MAX_BLOCKS_PER_RUN.into()))
			.saturating_add(due_weight::<T>().saturating_mul(T::MaxExpiriesPerBlock::get().into()))
	}
}

/// The block after `block`: the first at which what is read now can be acted upon.
pub(crate) fn next_block<T: Config>() -> BlockNumberFor<T> {
	frame_system::Pallet::<T>::block_number().saturating_add(One::one())
}
