//! Watches the chain's heads, takes up what the journal left unfinished, and chooses new orders.

use std::{
	collections::HashMap,
	sync::Arc,
	time::{Duration, Instant},
};

use backon::{BackoffBuilder, ExponentialBuilder};
use lemma_client::{amount, Balance, Order, OrderId, OrderStatus};
use lemma_primitives::order::InputSource;
use tokio::{
	sync::{watch, OwnedSemaphorePermit, Semaphore},
	task::{Id, JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{
	chain::{fingerprint, Block, ChainError, Heads},
	context::Context,
	journal::{JournalError, Record, State},
	order::{Ended, OrderTask},
	selection::{self, Offer, Verdict},
};

/// Pages of the order book looked at for one block; the next block's look goes on where this one stopped.
const PAGES_AT_A_LOOK: usize = 20;
/// Finalized blocks after which the highest seen is written down.
const FINALIZED_NOTED_EVERY: u32 = 10;
/// Finalized blocks after which the journal is swept.
const SWEPT_EVERY: u32 = 50;
/// Longest wait between attempts to reach a node that is away.
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// Why the worker ended although nobody asked it to.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
	/// The journal failed.
	#[error(transparent)]
	Journal(#[from] JournalError),
	/// The chain is not the one that the journal knows.
	#[error(
		"the chain's block {number} is 0x{found}, but this worker saw 0x{seen} finalized there: the \
		 chain was started afresh or the node is on a fork. Start with another data_dir (or remove \
		 {data_dir}) if the chain was started afresh"
	)]
	OtherHistory {
		/// Height.
		number: u32,
		/// Hash there now.
		found: String,
		/// Hash that was seen.
		seen: String,
		/// Folder of the journal.
		data_dir: String,
	},
}

/// See the module.
pub struct Scheduler {
	context: Arc<Context>,
	heads: watch::Receiver<Heads>,
	places: Arc<Semaphore>,
	tasks: JoinSet<Result<Ended, JournalError>>,
	/// The order of each task.
	active: HashMap<Id, OrderId>,
	/// Orders left alone until then.
	left: HashMap<OrderId, Instant>,
	next_page: OrderId,
	swept_at: u32,
}

impl Scheduler {
	/// A scheduler of at most `concurrency` new orders at a time.
	pub fn new(context: Arc<Context>, heads: watch::Receiver<Heads>, concurrency: usize) -> Self {
		Self {
			context,
			heads,
			places: Arc::new(Semaphore::new(concurrency)),
			tasks: JoinSet::new(),
			active: HashMap::new(),
			left: HashMap::new(),
			next_page: 0,
			swept_at: 0,
		}
	}

	/// Runs until `stop` is cancelled and the orders at hand are submitted, or `abandon` is.
	pub async fn run(
		mut self,
		stop: CancellationToken,
		abandon: CancellationToken,
	) -> Result<(), Fatal> {
		self.resume(&stop)?;
		while !stop.is_cancelled() {
			tokio::select! {
				_ = stop.cancelled() => break,
				Some(ended) = self.tasks.join_next_with_id() => self.note_ended(ended)?,
				changed = self.heads.changed() => {
					if changed.is_err() {
						break;
					}
				},
			}
			let heads = *self.heads.borrow_and_update();
			match self.look(heads, &stop).await {
				Ok(()) => {}
				Err(LookError::Journal(error)) => return Err(error.into()),
				Err(LookError::Chain(ChainError::Away(_))) => {}
				Err(LookError::Chain(ChainError::Refused(problem))) => {
					tracing::warn!("the order book cannot be read: {problem}");
				}
			}
		}
		self.context.status.stopping();
		if !self.tasks.is_empty() {
			tracing::info!(
				orders = self.tasks.len(),
				"stopping: finishing what is claimed"
			);
		}
		loop {
			tokio::select! {
				ended = self.tasks.join_next_with_id() => match ended {
					Some(ended) => self.note_ended(ended)?,
					None => return Ok(()),
				},
				_ = abandon.cancelled() => {
					tracing::warn!(
						orders = self.tasks.len(),
						"stopping now; the next start goes on where the journal is"
					);
					return Ok(());
				},
			}
		}
	}

	/// Takes up the journal's unfinished orders. Those that bind us need no free place.
	fn resume(&mut self, stop: &CancellationToken) -> Result<(), JournalError> {
		if let Some(until) = self.context.journal.paused_until()? {
			self.context.status.pause(until, "before this start");
		}
		let mut live = self.context.journal.live()?;
		live.sort_by_key(|record| (!record.state.is_bound(), record.deadline, record.order));
		for record in live {
			let place = self.places.clone().try_acquire_owned().ok();
			if place.is_none() && !record.state.is_bound() {
				continue;
			}
			tracing::info!(
				order = record.order,
				state = record.state.name(),
				"going on with it"
			);
			self.spawn(record.order, place, stop);
		}
		Ok(())
	}

	fn spawn(
		&mut self,
		order: OrderId,
		place: Option<OwnedSemaphorePermit>,
		stop: &CancellationToken,
	) {
		if self.is_active(order) {
			return;
		}
		let task = OrderTask::new(self.context.clone(), order, place);
		let (heads, stop) = (self.heads.clone(), stop.clone());
		let span = tracing::info_span!("order", order);
		let handle = self.tasks.spawn(task.run(heads, stop).instrument(span));
		self.active.insert(handle.id(), order);
	}

	fn is_active(&self, order: OrderId) -> bool {
		self.active.values().any(|active| *active == order)
	}

	fn note_ended(
		&mut self,
		ended: Result<(Id, Result<Ended, JournalError>), JoinError>,
	) -> Result<(), JournalError> {
		let (id, ended) = match ended {
			Ok((id, ended)) => (id, ended?),
			Err(error) => {
				// The record stands where it stood, and is taken up again after a while.
				tracing::error!("the care of an order panicked: {error}");
				(error.id(), Ended::Left(Duration::from_secs(60)))
			}
		};
		if let (Some(order), Ended::Left(time)) = (self.active.remove(&id), ended) {
			self.left.insert(order, Instant::now() + time);
		}
		Ok(())
	}

	/// Looks through the order book and takes the best that there is place for.
	async fn look(&mut self, heads: Heads, stop: &CancellationToken) -> Result<(), LookError> {
		let now = Instant::now();
		self.left.retain(|_, until| *until > now);
		self.sweep(heads.finalized.number)?;
		let chain = self.context.chain.clone();
		let provider = match chain.provider(heads.best).await? {
			Some((account, provider)) => {
				self.context.status.set_registered(Ok(account.to_string()));
				(account, provider.active.saturating_sub(provider.committed))
			}
			None => {
				let problem = format!(
					"the account {} is neither a registered provider nor an operator of one: run \
					 `lemma provider register --bond AMOUNT` with it; or let a provider name it with \
					 `lemma provider operators` and run `lemma provider join`. Asking again at every block",
					chain.account()
				);
				self.context.status.set_registered(Err(problem));
				return Ok(());
			}
		};
		let (account, free_bond) = provider;
		self.context.status.metrics.free_bond(free_bond);
		if !self.context.status.reasons_not_to_take().is_empty()
			|| self.places.available_permits() == 0
		{
			return Ok(());
		}
		let mut candidates = self.candidates(heads.best, free_bond).await?;
		// The dearest first; among equals the oldest.
		candidates.sort_by_key(|(id, _, price)| (std::cmp::Reverse(*price), *id));
		for (id, order, price) in candidates {
			let Ok(place) = self.places.clone().try_acquire_owned() else {
				break;
			};
			let record = new_record(id, &order, account.clone().into());
			match self.context.journal.begin(record) {
				Ok(record) if record.state.is_final() => continue,
				Ok(record) => {
					if record.state == State::Seen {
						tracing::info!(order = id, price = %amount::format(price), "looking at it");
					}
					self.spawn(id, Some(place), stop);
				}
				Err(JournalError::Conflict(_)) => continue,
				Err(error) => return Err(error.into()),
			}
		}
		Ok(())
	}

	/// Closes the records of orders that were left, unbound, and are over; and drops the oldest records.
	fn sweep(&mut self, finalized: u32) -> Result<(), JournalError> {
		if finalized < self.swept_at.saturating_add(SWEPT_EVERY) {
			return Ok(());
		}
		self.swept_at = finalized;
		for record in self.context.journal.live()? {
			if record.state.is_bound()
				|| record.deadline > finalized
				|| self.is_active(record.order)
			{
				continue;
			}
			let reason = "it ended while it was not worth taking".to_owned();
			self.context.end(record.order, State::Lost { reason })?;
		}
		self.context.journal.prune()
	}

	/// Orders worth a closer look, with their prices.
	async fn candidates(
		&mut self,
		at: Block,
		free_bond: Balance,
	) -> Result<Vec<(OrderId, Order, Balance)>, LookError> {
		let mut candidates = Vec::new();
		for _ in 0..PAGES_AT_A_LOOK {
			let (orders, next) = self.context.chain.orders(at, self.next_page).await?;
			for (id, order) in orders {
				if self.is_active(id) || self.left.contains_key(&id) {
					continue;
				}
				if matches!(order.status, OrderStatus::Claimed { .. }) {
					continue;
				}
				if !self.is_news(id, &order)? {
					continue;
				}
				let price = selection::price_in_next_block(&order, at.number);
				let offer = Offer {
					price,
					now: at.number,
					block_time: self.context.block_time(),
					free_bond,
				};
				let (rules, served) = (&self.context.rules, &self.context.served);
				match selection::at_first_sight(&order, rules, served, &offer) {
					Verdict::Take => candidates.push((id, order, price)),
					Verdict::NotNow(reason) => {
						tracing::debug!(order = id, "not now: {reason}");
					}
					Verdict::Never(reason) => {
						tracing::debug!(order = id, "passed over: {reason}");
						// Until the process ends, or an order of another fork has the number.
						self.left
							.insert(id, Instant::now() + Duration::from_secs(600));
					}
				}
			}
			match next {
				Some(next) => self.next_page = next,
				None => {
					self.next_page = 0;
					break;
				}
			}
		}
		Ok(candidates)
	}

	/// Whether the journal has not closed this very order.
	fn is_news(&self, id: OrderId, order: &Order) -> Result<bool, JournalError> {
		Ok(match self.context.journal.get(id)? {
			Some(record) if record.fingerprint == fingerprint(order) => {
				!record.state.is_final() || matches!(record.state, State::Lost { .. })
			}
			_ => true,
		})
	}
}

/// Why the order book could not be looked through.
#[derive(Debug, thiserror::Error)]
enum LookError {
	#[error(transparent)]
	Chain(#[from] ChainError),
	#[error(transparent)]
	Journal(#[from] JournalError),
}

/// The journal's first record of an order.
pub fn new_record(id: OrderId, order: &Order, provider: [u8; 32]) -> Record {
	Record {
		order: id,
		fingerprint: fingerprint(order),
		program: order.spec.program.0,
		input: match &order.spec.input {
			InputSource::Inline(_) => None,
			InputSource::Stored { hash, .. } => Some(hash.0),
		},
		posted_at: order.posted_at,
		deadline: order.deadline,
		provider,
		state: State::Seen,
		claim: None,
		submission: None,
		refusals: 0,
		shape: String::new(),
		stages: Vec::new(),
		history: Vec::new(),
	}
}

/// Asks for the chain's heads again and again, publishes them when they change, and tells the status when
/// the node is away. Ends with an error if the chain is another than the journal knows, without one when
/// `stop` is cancelled.
pub async fn watch_heads(
	context: Arc<Context>,
	publish: watch::Sender<Heads>,
	poll: Duration,
	data_dir: String,
	stop: CancellationToken,
) -> Result<(), Fatal> {
	let retries = ExponentialBuilder::default()
		.with_min_delay(Duration::from_millis(500))
		.with_max_delay(LONGEST_RETRY)
		.with_jitter()
		.without_max_times();
	let mut backoff = retries.build();
	let mut same_history = false;
	let mut noted = 0;
	loop {
		let wait = match look_at_heads(&context, &mut same_history, &data_dir).await {
			Ok(Some(heads)) => {
				backoff = retries.build();
				context.status.connected(heads);
				if heads.finalized.number >= noted + FINALIZED_NOTED_EVERY || noted == 0 {
					noted = heads.finalized.number;
					context.journal.set_finalized(noted, heads.finalized.hash)?;
				}
				publish.send_if_modified(|last| std::mem::replace(last, heads) != heads);
				poll
			}
			Ok(None) => poll.max(Duration::from_secs(1)),
			Err(HeadsError::Fatal(fatal)) => return Err(fatal),
			Err(HeadsError::Chain(error)) => {
				context.status.disconnected(&error.to_string());
				backoff.next().unwrap_or(LONGEST_RETRY)
			}
		};
		tokio::select! {
			_ = tokio::time::sleep(wait) => {},
			_ = stop.cancelled() => return Ok(()),
		}
	}
}

enum HeadsError {
	Chain(ChainError),
	Fatal(Fatal),
}

impl From<ChainError> for HeadsError {
	fn from(error: ChainError) -> Self {
		HeadsError::Chain(error)
	}
}

impl From<JournalError> for HeadsError {
	fn from(error: JournalError) -> Self {
		HeadsError::Fatal(error.into())
	}
}

/// The heads; `None` while the node has not caught up with what this worker saw finalized.
async fn look_at_heads(
	context: &Context,
	same_history: &mut bool,
	data_dir: &str,
) -> Result<Option<Heads>, HeadsError> {
	let heads = context.chain.heads().await?;
	if *same_history {
		return Ok(Some(heads));
	}
	context.set_block_time(context.chain.block_time().await?);
	if let Some((number, seen)) = context.journal.finalized()? {
		if heads.finalized.number < number {
			context.status.connected(heads);
			context.status.set_catching_up(Some(format!(
				"the node has finalized up to {}, this worker has seen {number}: the node is catching \
				 up. If the chain was started afresh, start with another data_dir (or remove \
				 {data_dir})",
				heads.finalized.number
			)));
			return Ok(None);
		}
		// A node that pruned or warp-synced may not know; then its state decides.
		if let Some(found) = context
			.chain
			.hash_of(number)
			.await?
			.filter(|found| *found != seen)
		{
			return Err(HeadsError::Fatal(Fatal::OtherHistory {
				number,
				found: hex::encode(found),
				seen: hex::encode(seen),
				data_dir: data_dir.to_owned(),
			}));
		}
	}
	context.status.set_catching_up(None);
	*same_history = true;
	Ok(Some(heads))
}
