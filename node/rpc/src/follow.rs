//! Follows the chain for `lemma_subscribeOrders`.
//!
//! The client's notifications may skip blocks (it says so), so what happened between two of them is
//! worked out from the chain itself: the route from the block that was reported last to the new one says
//! which blocks to take back and which to report. Every reported block is thus a child of the one before
//! or comes after its parent's retraction, and a subscriber that applies the events in order has the
//! best chain's view of every order, whatever forks there were.

use std::{
	collections::VecDeque,
	sync::{Arc, Mutex, PoisonError},
	time::Duration,
};

use futures::{future::Either, StreamExt};
use jsonrpsee::{SubscriptionMessage, SubscriptionSink};
use lemma_primitives::{order::OrderChange, AccountId, Balance, OrderId};
use lemma_runtime::{opaque::Block, Hash};
use lemma_runtime_api::LemmaApi;
use sc_client_api::Backend;
use sp_blockchain::{HashAndNumber, HeaderMetadata};

use crate::{
	views::{BlockView, ChangeView, Gap, OrdersEvent},
	Chain,
};

/// Blocks that one notification can make the node read; beyond that, a gap is reported.
const MAX_BLOCKS_AT_ONCE: usize = 512;

/// Blocks of which is remembered what happened to orders in them.
const RECENT_BLOCKS: usize = 64;

/// A subscriber that takes nothing for so long is dropped, so that its backlog does not fill the memory.
const SLOWEST_SUBSCRIBER: Duration = Duration::from_secs(60);

/// What happened to orders in a block.
type Changes = Arc<[OrderChange<AccountId, Balance>]>;

/// Reads the changes of blocks for all subscribers.
pub struct Follower<C, B> {
	client: Arc<C>,
	backend: Arc<B>,
	/// Of the blocks that were asked for last, so that each is read once, however many subscribe.
	recent: Mutex<VecDeque<(Hash, Changes)>>,
}

impl<C: Chain, B: Backend<Block>> Follower<C, B> {
	/// Reads this chain and database.
	pub fn new(client: Arc<C>, backend: Arc<B>) -> Self {
		Self {
			client,
			backend,
			recent: Mutex::default(),
		}
	}

	/// What happened to orders in a block, or to the one given; none if this node cannot tell any more.
	fn changes(&self, block: &BlockView, order: Option<OrderId>) -> Option<Vec<ChangeView>> {
		let changes = self.read(block)?;
		let wanted = changes
			.iter()
			.filter(|change| order.is_none_or(|wanted| change.order == wanted));
		Some(wanted.cloned().map(ChangeView::from).collect())
	}

	fn read(&self, block: &BlockView) -> Option<Changes> {
		// Held while the runtime is asked: whoever wants the same block waits for that answer.
		let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
		if let Some((_, changes)) = recent.iter().find(|(hash, _)| *hash == block.hash) {
			return Some(changes.clone());
		}
		if !self.backend.have_state_at(block.hash, block.number) {
			return None;
		}
		let api = self.client.runtime_api();
		let changes: Changes = api.order_changes(block.hash).ok()?.into();
		if recent.len() == RECENT_BLOCKS {
			recent.pop_front();
		}
		recent.push_back((block.hash, changes.clone()));
		Some(changes)
	}
}

/// Which blocks to report, and as what: a step of the chain's view.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
	Best(BlockView),
	Retracted(BlockView),
	Finalized(BlockView),
}

/// Sends events until the subscriber or the node ends.
pub async fn run<C: Chain, B: Backend<Block> + 'static>(
	follower: Arc<Follower<C, B>>,
	sink: SubscriptionSink,
	order: Option<OrderId>,
) {
	// Streams first: what they miss, the chain's info already holds.
	let imports = follower.client.import_notification_stream();
	let finality = follower.client.finality_notification_stream();
	let info = follower.client.info();
	let mut best = BlockView {
		hash: info.best_hash,
		number: info.best_number,
	};
	let mut finalized = BlockView {
		hash: info.finalized_hash,
		number: info.finalized_number,
	};

	let started = OrdersEvent::Started {
		best: best.clone(),
		finalized: finalized.clone(),
	};
	if !send(&sink, &started).await {
		return;
	}

	let mut notifications = futures::stream::select(
		imports
			.filter(|notification| futures::future::ready(notification.is_new_best))
			.map(|notification| Either::Left(notification.hash)),
		finality.map(|notification| Either::Right(notification.hash)),
	);

	loop {
		let next = futures::future::select(notifications.next(), Box::pin(sink.closed())).await;
		let Either::Left((Some(notification), _)) = next else {
			return;
		};
		let follower = follower.clone();
		// The database and the runtime are waited for where that holds up nobody else.
		let told = tokio::task::spawn_blocking(move || {
			let chain = &*follower.client;
			let steps = match notification {
				Either::Left(new_best) => steps_to_best(chain, &mut best, new_best),
				Either::Right(new_final) => {
					steps_to_final(chain, &mut best, &mut finalized, new_final)
				}
			}?;
			let events = events(steps, |block| follower.changes(block, order));
			Ok::<_, sp_blockchain::Error>((best, finalized, events))
		});
		let events = match told.await {
			Ok(Ok((new_best, new_finalized, events))) => {
				(best, finalized) = (new_best, new_finalized);
				events
			}
			Ok(Err(error)) => {
				log::warn!("lemma_subscribeOrders ends: the route to a block is unknown: {error}");
				return;
			}
			// The node ends.
			Err(_) => return,
		};
		for event in events {
			if !send(&sink, &event).await {
				return;
			}
		}
	}
}

/// Steps from the best block reported last to the new one.
fn steps_to_best<C: HeaderMetadata<Block>>(
	chain: &C,
	best: &mut BlockView,
	new_best: Hash,
) -> Result<Vec<Step>, C::Error> {
	let route = sp_blockchain::tree_route(chain, best.hash, new_best)?;
	if let Some(last) = route.last() {
		*best = view(last);
	}
	let retracted = route
		.retracted()
		.iter()
		.map(|block| Step::Retracted(view(block)));
	let enacted = route.enacted().iter().map(|block| Step::Best(view(block)));
	Ok(retracted.chain(enacted).collect())
}

/// Steps from the final block reported last to the new one. A block can be final before it was ever
/// reported as best: then the best chain is taken there first.
fn steps_to_final<C: HeaderMetadata<Block>>(
	chain: &C,
	best: &mut BlockView,
	finalized: &mut BlockView,
	new_final: Hash,
) -> Result<Vec<Step>, C::Error> {
	let from_best = sp_blockchain::tree_route(chain, best.hash, new_final)?;
	let mut steps = match from_best.enacted() {
		// The new final block is the best block or an ancestor of it.
		[] => Vec::new(),
		_ => steps_to_best(chain, best, new_final)?,
	};
	let route = sp_blockchain::tree_route(chain, finalized.hash, new_final)?;
	if let Some(last) = route.last() {
		*finalized = view(last);
	}
	steps.extend(
		route
			.enacted()
			.iter()
			.map(|block| Step::Finalized(view(block))),
	);
	Ok(steps)
}

/// What to send for the steps. `changes` gives a block's changes, or none if they cannot be told.
fn events(
	steps: Vec<Step>,
	changes: impl Fn(&BlockView) -> Option<Vec<ChangeView>>,
) -> Vec<OrdersEvent> {
	let readable_from = steps.len().saturating_sub(MAX_BLOCKS_AT_ONCE);
	let mut events = Vec::new();
	for (index, step) in steps.into_iter().enumerate() {
		let (kind, block) = match step {
			Step::Best(block) => (Gap::Best, block),
			Step::Retracted(block) => (Gap::Retracted, block),
			Step::Finalized(block) => (Gap::Finalized, block),
		};
		let changes = if index < readable_from {
			None
		} else {
			changes(&block)
		};
		match (changes, events.last_mut()) {
			(Some(changes), _) if changes.is_empty() => {}
			(Some(changes), _) => events.push(match kind {
				Gap::Best => OrdersEvent::Best { block, changes },
				Gap::Retracted => OrdersEvent::Retracted { block, changes },
				Gap::Finalized => OrdersEvent::Finalized { block, changes },
			}),
			// Neighbours in a gap are one gap. Retracted blocks come in falling order.
			(None, Some(OrdersEvent::Gap { of, from, to })) if *of == kind => {
				*from = (*from).min(block.number);
				*to = (*to).max(block.number);
			}
			(None, _) => events.push(OrdersEvent::Gap {
				of: kind,
				from: block.number,
				to: block.number,
			}),
		}
	}
	events
}

async fn send(sink: &SubscriptionSink, event: &OrdersEvent) -> bool {
	let Ok(message) = SubscriptionMessage::from_json(event) else {
		return false;
	};
	sink.send_timeout(message, SLOWEST_SUBSCRIBER).await.is_ok()
}

fn view(block: &HashAndNumber<Block>) -> BlockView {
	BlockView {
		hash: block.hash,
		number: block.number,
	}
}

#[cfg(test)]
mod tests {
	use std::collections::HashMap;

	use lemma_primitives::order::OrderChangeKind;
	use lemma_runtime::Header;
	use sp_blockchain::CachedHeaderMetadata;
	use sp_runtime::traits::Header as _;

	use super::*;

	/// A tree of blocks: each with its parent and number.
	#[derive(Default)]
	struct Tree(HashMap<Hash, (Hash, u32)>);

	impl Tree {
		/// 0 - 1 - 2 - 3, and 1 - 12 - 13 - 14.
		fn forked() -> Self {
			let mut tree = Self::default();
			for (block, parent, number) in [
				(0, 99, 0),
				(1, 0, 1),
				(2, 1, 2),
				(3, 2, 3),
				(12, 1, 2),
				(13, 12, 3),
				(14, 13, 4),
			] {
				tree.0.insert(hash(block), (hash(parent), number));
			}
			tree
		}
	}

	impl HeaderMetadata<Block> for Tree {
		type Error = sp_blockchain::Error;

		fn header_metadata(
			&self,
			hash: Hash,
		) -> Result<CachedHeaderMetadata<Block>, sp_blockchain::Error> {
			let (parent, number) = *self
				.0
				.get(&hash)
				.ok_or_else(|| sp_blockchain::Error::UnknownBlock(hash.to_string()))?;
			let header = Header::new(
				number,
				Default::default(),
				Default::default(),
				parent,
				Default::default(),
			);
			let mut metadata = CachedHeaderMetadata::<Block>::from(&header);
			metadata.hash = hash;
			Ok(metadata)
		}

		fn insert_header_metadata(&self, _: Hash, _: CachedHeaderMetadata<Block>) {}

		fn remove_header_metadata(&self, _: Hash) {}
	}

	fn hash(block: u64) -> Hash {
		Hash::from_low_u64_be(block)
	}

	fn block(id: u64, number: u32) -> BlockView {
		BlockView {
			hash: hash(id),
			number,
		}
	}

	fn change(order: OrderId) -> ChangeView {
		OrderChange {
			order,
			kind: OrderChangeKind::Cancelled,
		}
		.into()
	}

	#[test]
	fn blocks_that_notifications_skipped_should_be_reported_in_order() {
		let mut best = block(0, 0);

		let steps = steps_to_best(&Tree::forked(), &mut best, hash(3)).unwrap();

		assert_eq!(
			steps,
			[(1, 1), (2, 2), (3, 3)].map(|(id, number)| Step::Best(block(id, number)))
		);
		assert_eq!(best, block(3, 3));
	}

	#[test]
	fn reorganization_should_retract_the_old_fork_before_reporting_the_new_one() {
		let mut best = block(3, 3);

		let steps = steps_to_best(&Tree::forked(), &mut best, hash(14)).unwrap();

		assert_eq!(
			steps,
			[
				Step::Retracted(block(3, 3)),
				Step::Retracted(block(2, 2)),
				Step::Best(block(12, 2)),
				Step::Best(block(13, 3)),
				Step::Best(block(14, 4)),
			]
		);
	}

	#[test]
	fn finality_should_report_every_block_up_to_the_final_one() {
		let (mut best, mut finalized) = (block(3, 3), block(0, 0));

		let steps = steps_to_final(&Tree::forked(), &mut best, &mut finalized, hash(2)).unwrap();

		assert_eq!(
			steps,
			[Step::Finalized(block(1, 1)), Step::Finalized(block(2, 2))]
		);
		assert_eq!((best, finalized), (block(3, 3), block(2, 2)));
	}

	#[test]
	fn final_block_on_another_fork_should_first_become_best() {
		let (mut best, mut finalized) = (block(3, 3), block(1, 1));

		let steps = steps_to_final(&Tree::forked(), &mut best, &mut finalized, hash(12)).unwrap();

		assert_eq!(
			steps,
			[
				Step::Retracted(block(3, 3)),
				Step::Retracted(block(2, 2)),
				Step::Best(block(12, 2)),
				Step::Finalized(block(12, 2)),
			]
		);
		assert_eq!(best, block(12, 2));
	}

	#[test]
	fn blocks_without_changes_should_not_be_sent_and_unreadable_ones_be_one_gap() {
		let steps = (1..=6).map(|id| Step::Best(block(id, id as u32))).collect();

		let events = events(steps, |block| match block.number {
			1 | 2 => None,
			4 => Some(vec![change(7)]),
			_ => Some(Vec::new()),
		});

		let json = serde_json::to_value(&events).unwrap();
		assert_eq!(events.len(), 2);
		assert_eq!(
			json[0],
			serde_json::json!({ "event": "gap", "of": "best", "from": 1, "to": 2 })
		);
		assert_eq!(json[1]["event"], "best");
		assert_eq!(json[1]["block"]["number"], 4);
		assert_eq!(json[1]["changes"][0]["order"], 7);
	}

	#[test]
	fn more_blocks_than_are_read_at_once_should_begin_with_a_gap() {
		let count = MAX_BLOCKS_AT_ONCE as u64 + 10;
		let steps = (1..=count)
			.map(|id| Step::Finalized(block(id, id as u32)))
			.collect();

		let events = events(steps, |_| Some(vec![change(1)]));

		assert_eq!(events.len(), MAX_BLOCKS_AT_ONCE + 1);
		assert!(matches!(
			events[0],
			OrdersEvent::Gap {
				of: Gap::Finalized,
				from: 1,
				to: 10
			}
		));
	}
}
