//! What all orders share.

use std::{
	sync::{
		atomic::{AtomicU64, Ordering},
		Arc,
	},
	time::Duration,
};

use lemma_client::{amount, OrderId};

use crate::{
	chain::Chain,
	config::Rules,
	journal::{unix_millis, Attachment, Journal, JournalError, State},
	outbox::Outbox,
	selection::Served,
	status::Status,
	workshop::Workshop,
};

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
		let millis = u64::try_from(self.cooldown.as_millis()).unwrap_or(u64::MAX);
		let until = unix_millis().saturating_add(millis);
		self.journal.set_paused_until(until)?;
		self.status.pause(until, reason);
		tracing::error!(
			seconds = self.cooldown.as_secs(),
			"taking no orders for a while after a failure: {reason}"
		);
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
		if let Some(input) = record.input {
			let needed = self
				.journal
				.live()?
				.iter()
				.any(|live| live.input == Some(input));
			if !needed {
				self.workshop.forget(&input);
			}
		}
		Ok(())
	}
}
