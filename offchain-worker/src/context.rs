//! What all orders share.

use std::{
	collections::BTreeSet,
	sync::{
		atomic::{AtomicU64, Ordering},
		Arc,
	},
	time::Duration,
};

use lemma_client::{amount, Balance, OrderId};

use crate::{
	chain::Chain,
	clock::Clock,
	config::Rules,
	journal::{Attachment, Hash, Journal, JournalError, Record, State},
	outbox::Outbox,
	selection::Served,
	status::Status,
	workshop::Workshop,
};

/// Wait after the node, a store or the disk failed.
const RETRY: Duration = Duration::from_secs(2);

/// See the module.
pub struct Context {
	/// The chain.
	pub chain: Arc<dyn Chain>,
	/// The journal.
	pub journal: Arc<Journal>,
	/// Signing and sending.
	pub outbox: Outbox,
	/// Computing and proving.
	pub workshop: Arc<dyn Workshop>,
	/// What the worker says of itself.
	pub status: Status,
	/// Which orders to take.
	pub rules: Rules,
	/// Which programs to serve.
	pub served: Served,
	/// Time without taking orders after a failure.
	pub cooldown: Duration,
	/// The machine's clock.
	pub clock: Clock,
	/// Wait after the node, a store or the disk failed.
	pub retry: Duration,
	/// Highest tip of a submission, if one is set: see [`crate::tip::cap`].
	pub max_tip: Option<Balance>,
	/// Held while it is decided whether to claim: what one order's claim will commit is not free for another's.
	pub claiming: tokio::sync::Mutex<()>,
	block_time_millis: AtomicU64,
}

impl Context {
	/// Puts the parts together.
	pub fn new(
		chain: Arc<dyn Chain>,
		journal: Arc<Journal>,
		workshop: Arc<dyn Workshop>,
		status: Status,
		rules: Rules,
		served: Served,
		cooldown: Duration,
	) -> Self {
		Self {
			outbox: Outbox::new(chain.clone(), journal.clone()),
			chain,
			journal,
			workshop,
			status,
			rules,
			served,
			cooldown,
			clock: Clock::default(),
			retry: RETRY,
			max_tip: None,
			claiming: tokio::sync::Mutex::default(),
			block_time_millis: AtomicU64::new(6_000),
		}
	}

	/// Time between the chain's blocks.
	pub fn block_time(&self) -> Duration {
		Duration::from_millis(self.block_time_millis.load(Ordering::Relaxed))
	}

	/// Sets [`Self::block_time`].
	pub fn set_block_time(&self, block_time: Duration) {
		let millis = u64::try_from(block_time.as_millis())
			.unwrap_or(u64::MAX)
			.max(1);
		self.block_time_millis.store(millis, Ordering::Relaxed);
		self.status.set_block_time(Duration::from_millis(millis));
	}

	/// Takes no orders for the cool-down's time, across restarts too.
	pub fn pause(&self, reason: &str) -> Result<(), JournalError> {
		if self.cooldown.is_zero() {
			return Ok(());
		}
		self.status.pause(self.cooldown, reason);
		tracing::error!(
			seconds = self.cooldown.as_secs(),
			"taking no orders for a while after a failure: {reason}"
		);
		let millis = u64::try_from(self.cooldown.as_millis()).unwrap_or(u64::MAX);
		let until = self.clock.unix_millis().saturating_add(millis);
		self.bear(self.journal.set_paused_until(until))
	}

	/// Goes on with a pause that began before this start. The clock may have jumped since, so never for longer
	/// than the cool-down.
	pub fn resume_pause(&self) -> Result<(), JournalError> {
		if let Some(until) = self.journal.paused_until()? {
			let left = Duration::from_millis(until.saturating_sub(self.clock.unix_millis()));
			self.status
				.pause(left.min(self.cooldown), "before this start");
		}
		Ok(())
	}

	/// Notes that the journal could not be used. Nothing is claimed until it can.
	pub fn journal_failed(&self, error: &JournalError) {
		self.status.metrics.journal_failed();
		self.status.set_journal_problem(Some(format!(
			"{error}: nothing is claimed or sent until it can; look for space in data_dir"
		)));
	}

	/// Takes note of a failure of the journal that may pass, where what could not be written is no condition of
	/// what comes next.
	pub fn bear(&self, done: Result<(), JournalError>) -> Result<(), JournalError> {
		match done {
			Err(error) if error.is_passing() => {
				self.journal_failed(&error);
				Ok(())
			}
			done => done,
		}
	}

	/// The inputs that must stay on the disk: of orders that bind us, and of those under way.
	pub fn needed_inputs(&self) -> Result<BTreeSet<Hash>, JournalError> {
		let jobs = self.status.jobs();
		let live = self.journal.live()?;
		let needed = live
			.iter()
			.filter(|record| record.state.is_bound() || jobs.contains(&record.order));
		Ok(needed.filter_map(|record| record.input).collect())
	}

	/// Removes all inputs that no unfinished order has, such as those that a crash left behind; none while nobody knows
	/// what an order has.
	pub fn drop_stray_inputs(&self) -> Result<(), JournalError> {
		let live = self.journal.live()?;
		if !self.journal.unreadable().is_empty() {
			return Ok(());
		}
		let needed = live.iter().filter_map(|record| record.input).collect();
		self.workshop.drop_inputs(&needed, 0);
		Ok(())
	}

	/// Ends an order: in the journal, the log and the metrics; and removes its input if no other order
	/// needs it.
	pub fn end(&self, order: OrderId, state: State) -> Result<(), JournalError> {
		let record = self.journal.advance(order, state, Attachment::Nothing)?;
		match &record.state {
			State::Settled { block, paid } => {
				let paid_text = paid.map_or("unknown".to_owned(), amount::format);
				tracing::info!(block, paid = %paid_text, "settled");
				self.status.metrics.ended("settled", *paid);
			}
			State::Failed { reason } => {
				tracing::error!("failed: {reason}");
				self.status.metrics.ended("failed", None);
			}
			state => {
				tracing::info!("{}: {}", state.name(), state.reason());
				self.status.metrics.ended(state.name(), None);
			}
		}
		self.bear(self.forget_input(&record))
	}

	fn forget_input(&self, ended: &Record) -> Result<(), JournalError> {
		if let Some(input) = ended.input {
			let live = self.journal.live()?;
			if !live.iter().any(|live| live.input == Some(input)) {
				self.workshop.forget(&input);
			}
		}
		Ok(())
	}
}
