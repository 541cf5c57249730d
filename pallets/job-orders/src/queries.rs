//! Reads for the runtime API and the node. Nothing here is called while a block is made.

use alloc::vec::Vec;

use lemma_primitives::{
	order::{OrderChange, OrderChangeKind, OrderStatus},
	OrderId, ProgramId,
};

use crate::{agenda::next_block, BalanceOf, Config, Event, LiveOrders, OrderOf, Orders, Pallet};

/// Most live orders that one page looks at, whether or not it returns them.
const MAX_SCAN: usize = 1_000;

impl<T: Config> Pallet<T> {
	/// Live orders from number `start` on, of one program if given, at most `limit` of them, by number;
	/// and the number at which the next page starts, if there may be more.
	///
	/// Looks at no more than 1,000 orders, so a page may hold fewer than `limit`, even none, with more to
	/// come: the end is where no next number is given.
	pub fn orders(
		program: Option<ProgramId>,
		start: OrderId,
		limit: u32,
	) -> (Vec<(OrderId, OrderOf<T>)>, Option<OrderId>) {
		let mut page = Vec::new();
		let keys = match start.checked_sub(1) {
			// The iterator starts after the key that it is given.
			Some(before) => LiveOrders::<T>::iter_keys_from_key(before.to_be_bytes()),
			None => LiveOrders::<T>::iter_keys(),
		};
		for (looked_at, key) in keys.enumerate() {
			let id = OrderId::from_be_bytes(key);
			if looked_at >= MAX_SCAN || page.len() >= limit as usize {
				return (page, Some(id));
			}
			if let Some(order) = Orders::<T>::get(id) {
				if program.is_none_or(|program| program == order.spec.program) {
					page.push((id, order));
				}
			}
		}
		(page, None)
	}

	/// The price at the next block, while the order is then still open.
	pub(crate) fn next_price(id: OrderId) -> Option<BalanceOf<T>> {
		let order = Orders::<T>::get(id)?;
		let block = next_block::<T>();
		let open = order.status == OrderStatus::Open && block < order.deadline;
		open.then(|| Self::price_at(&order, block))
	}

	/// What happened to orders in the current block, in order: read from its events.
	pub fn order_changes() -> Vec<OrderChange<T::AccountId, BalanceOf<T>>>
	where
		<T as frame_system::Config>::RuntimeEvent: TryInto<Event<T>>,
	{
		frame_system::Pallet::<T>::read_events_no_consensus()
			.filter_map(|record| record.event.try_into().ok())
			.filter_map(|event: Event<T>| event.into_change())
			.collect()
	}
}

impl<T: Config> Event<T> {
	/// What the event says has happened to an order; `None` if it is about no live order.
	fn into_change(self) -> Option<OrderChange<T::AccountId, BalanceOf<T>>> {
		let (order, kind) = match self {
			Self::OrderPosted {
				id,
				program,
				requester,
			} => (id, OrderChangeKind::Posted { requester, program }),
			Self::OrderClaimed {
				id,
				provider,
				price,
				..
			} => (id, OrderChangeKind::Claimed { provider, price }),
			Self::ClaimMissed {
				id,
				provider,
				slashed,
				..
			} => (id, OrderChangeKind::Missed { provider, slashed }),
			Self::OrderSettled {
				id, provider, paid, ..
			} => (id, OrderChangeKind::Settled { provider, paid }),
			Self::OrderCancelled { id } => (id, OrderChangeKind::Cancelled),
			Self::OrderExpired { id } => (id, OrderChangeKind::Expired),
			Self::ReceiptRemoved { .. } | Self::DueChangeFailed { .. } | Self::__Ignore(..) => {
				return None
			}
		};
		Some(OrderChange { order, kind })
	}
}
