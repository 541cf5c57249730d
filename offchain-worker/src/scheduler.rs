//! Takes up what the journal left unfinished, and chooses new orders.

use std::{
	collections::{BTreeSet, HashMap},
	sync::Arc,
	time::{Duration, Instant},
};

use lemma_client::{amount, AccountId, Balance, BlockNumber, Order, OrderId, OrderStatus};
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
	heads::Fatal,
	journal::{Attachment, JournalError, Record, State},
	order::{Ended, OrderTask},
	selection::{self, Offer, Verdict},
};

/// Pages of the order book looked at for one block; the next block's look goes on where this one stopped.
const PAGES_AT_A_LOOK: usize = 20;
/// Finalized blocks after which the journal is swept.
const SWEPT_EVERY: u32 = 50;
/// How many times the usual wait an order rests whose care ended by a mistake of ours.
const REST_AFTER_MISTAKE: u32 = 30;
/// Rest of an order whose input is not to be had; doubled each time.
const REST_WITHOUT_INPUT: Duration = Duration::from_secs(30);
/// The longest such rest.
const LONGEST_REST_WITHOUT_INPUT: Duration = Duration::from_secs(960);
/// Blocks for which an order that was lost is left alone. Where the node's two heads are at odds about it, it would be
/// begun and lost again and again.
const BLOCKS_WITHOUT_LOST: BlockNumber = 4;
/// Requesters remembered for inputs that were not to be had.
const REQUESTERS_REMEMBERED: usize = 10_000;

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
	/// Orders that were lost, left alone until the best block has this height.
	lost: HashMap<OrderId, BlockNumber>,
	/// Orders whose care ended by a mistake of ours, to be taken up again.
	orphans: BTreeSet<OrderId>,
	/// How often the inputs of a requester's orders were not to be had, or not what the orders said. Whoever posts such
	/// orders has to wait behind those who do not, whatever it promises to pay.
	troubles: HashMap<AccountId, u32>,
	/// Whose order it is, and how often its input was not to be had.
	looked_at: HashMap<OrderId, (AccountId, u32)>,
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
			lost: HashMap::new(),
			orphans: BTreeSet::new(),
			troubles: HashMap::new(),
			looked_at: HashMap::new(),
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
		let mut looked = false;
		while !stop.is_cancelled() {
			if std::mem::replace(&mut looked, true) {
				tokio::select! {
					_ = stop.cancelled() => break,
					Some(ended) = self.tasks.join_next_with_id() => self.note_ended(ended)?,
					changed = self.heads.changed() => {
						if changed.is_err() {
							break;
						}
					},
				}
			}
			let heads = *self.heads.borrow_and_update();
			match self.look(heads, &stop).await {
				Ok(()) => {}
				Err(LookError::Journal(error)) if error.is_passing() => {
					self.context.journal_failed(&error);
				}
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
		self.context.resume_pause()?;
		self.context.drop_stray_inputs()?;
		self.unclaim()?;
		let mut live = self.context.journal.live()?;
		live.sort_by_key(|record| (!record.state.is_bound(), record.deadline, record.order));
		let mut resumed = 0;
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
			resumed += 1;
		}
		self.context.status.metrics.resumed(resumed);
		Ok(())
	}

	/// Takes back the decisions to claim of an earlier life, which signed nothing: they are made anew, and until then no bond
	/// is reserved for them.
	fn unclaim(&self) -> Result<(), JournalError> {
		for record in self.context.journal.live()? {
			if record.state == State::Claiming {
				let journal = &self.context.journal;
				let done = journal.advance(record.order, State::Fetched, Attachment::Nothing);
				self.context.bear(done.map(drop))?;
			}
		}
		Ok(())
	}

	/// Takes up again what ended by a mistake of ours. Bound orders are not found in the order book.
	fn adopt(&mut self, stop: &CancellationToken) {
		let rested = |order: &OrderId| !self.left.contains_key(order);
		let adopted: Vec<_> = self.orphans.iter().copied().filter(rested).collect();
		for order in adopted {
			self.orphans.remove(&order);
			let place = self.places.clone().try_acquire_owned().ok();
			self.spawn(order, place, stop);
		}
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
			Ok((id, Ok(ended))) => (id, Ok(ended)),
			// The others can go on.
			Ok((id, Err(error))) if error.is_of_one_order() => (id, Err(error.to_string())),
			Ok((_, Err(error))) => return Err(error),
			Err(error) => (error.id(), Err(error.to_string())),
		};
		let Some(order) = self.active.remove(&id) else {
			return Ok(());
		};
		let rest = match ended {
			Ok(Ended::Final | Ended::Stopped) => {
				self.looked_at.remove(&order);
				return Ok(());
			}
			Ok(Ended::Lost) => {
				self.looked_at.remove(&order);
				let best = self.heads.borrow().best.number;
				let until = best.saturating_add(BLOCKS_WITHOUT_LOST);
				self.lost.insert(order, until);
				return Ok(());
			}
			Ok(Ended::Refused) => {
				if let Some((requester, _)) = self.looked_at.remove(&order) {
					self.note_trouble(requester);
				}
				return Ok(());
			}
			Ok(Ended::Left(time)) => time,
			Ok(Ended::NoInput) => self.note_no_input(order),
			Err(error) => {
				tracing::error!(
					order,
					"the care of the order ended by a mistake in this program, and is taken up again \
					 from the journal: {error}"
				);
				self.context.status.metrics.attempt_failed();
				self.orphans.insert(order);
				self.context.retry * REST_AFTER_MISTAKE
			}
		};
		self.left.insert(order, Instant::now() + rest);
		Ok(())
	}

	/// How long to leave an order alone whose input is not to be had.
	fn note_no_input(&mut self, order: OrderId) -> Duration {
		let Some((requester, times)) = self.looked_at.get_mut(&order) else {
			return REST_WITHOUT_INPUT;
		};
		let rest = REST_WITHOUT_INPUT.saturating_mul(1 << (*times).min(16));
		*times = times.saturating_add(1);
		let requester = requester.clone();
		self.note_trouble(requester);
		rest.min(LONGEST_REST_WITHOUT_INPUT)
	}

	/// From now on this requester's orders wait behind those of others.
	fn note_trouble(&mut self, requester: AccountId) {
		if self.troubles.len() >= REQUESTERS_REMEMBERED {
			self.troubles.clear();
		}
		let troubles = self.troubles.entry(requester).or_default();
		*troubles = troubles.saturating_add(1);
	}

	/// Looks through the order book and takes the best that there is place for.
	async fn look(&mut self, heads: Heads, stop: &CancellationToken) -> Result<(), LookError> {
		let now = Instant::now();
		self.left.retain(|_, until| *until > now);
		let best = heads.best.number;
		// A chain that has gone back by more is not waited for.
		let latest = best.saturating_add(BLOCKS_WITHOUT_LOST);
		self.lost
			.retain(|_, until| *until > best && *until <= latest);
		self.adopt(stop);
		self.sweep(heads.finalized.number)?;
		let chain = self.context.chain.clone();
		self.context.status.set_syncing(chain.is_syncing().await?);
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
		let spendable = chain.spendable(heads.best).await?;
		self.context.status.metrics.free_bond(free_bond);
		self.context.status.metrics.spendable(spendable);
		if !self.context.status.reasons_not_to_take().is_empty()
			|| self.places.available_permits() == 0
		{
			return Ok(());
		}
		let mut candidates = self.candidates(heads.best, free_bond, spendable).await?;
		// Requesters whose inputs are there first, then the dearest; among equals the oldest.
		candidates.sort_by_key(|(id, order, price)| {
			let troubles = self.troubles.get(&order.requester).copied();
			(troubles.unwrap_or_default(), std::cmp::Reverse(*price), *id)
		});
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
					let seen = (order.requester.clone(), 0);
					self.looked_at.entry(id).or_insert(seen);
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
			self.looked_at.remove(&record.order);
		}
		self.context.drop_stray_inputs()?;
		self.context.journal.prune()
	}

	/// Orders worth a closer look, with their prices.
	async fn candidates(
		&mut self,
		at: Block,
		free_bond: Balance,
		spendable: Balance,
	) -> Result<Vec<(OrderId, Order, Balance)>, LookError> {
		let mut candidates = Vec::new();
		for _ in 0..PAGES_AT_A_LOOK {
			let (orders, next) = self.context.chain.orders(at, self.next_page).await?;
			for (id, order) in orders {
				if self.is_active(id) || self.left.contains_key(&id) || self.lost.contains_key(&id)
				{
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
					spendable,
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
		Ok(match self.context.journal.get(id) {
			// What was signed for it nobody knows: it is left alone.
			Err(error) if error.is_of_one_order() => false,
			found => match found? {
				Some(record) if record.fingerprint == fingerprint(order) => {
					!record.state.is_final() || matches!(record.state, State::Lost { .. })
				}
				_ => true,
			},
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
		tip: 0,
		replaced: Vec::new(),
		replaced_claims: Vec::new(),
	}
}
