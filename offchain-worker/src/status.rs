//! What the worker says of itself at /health: whether the node answers, whether it takes orders, and if not,
//! why.

use std::{
	collections::{BTreeMap, BTreeSet},
	sync::{Arc, Mutex, MutexGuard, PoisonError},
	time::{Duration, Instant},
};

use lemma_client::OrderId;
use serde::Serialize;

use crate::{chain::Heads, metrics::Metrics};

/// Without a new best block for so many block times, the chain is said to stand still.
const BLOCKS_MISSED: u32 = 20;
/// With so many blocks that are not final, no orders are taken: what is claimed there may be undone.
const FINALITY_LAG: u32 = 32;

/// What is said of a node that is fetching old blocks.
const SYNCING: &str = "the node is still fetching the chain's blocks";

#[derive(Debug)]
struct Inner {
	connected: bool,
	connection_problem: Option<String>,
	heads: Heads,
	head_changed: Instant,
	block_time: Duration,
	registered: Result<String, String>,
	pause: Option<(Instant, String)>,
	stopping: bool,
	catching_up: Option<String>,
	syncing: bool,
	journal_problem: Option<String>,
	problems: BTreeMap<OrderId, String>,
	failing: BTreeSet<OrderId>,
	jobs: BTreeMap<OrderId, &'static str>,
}

/// Shared by all parts of the worker; clones are the same.
#[derive(Clone)]
pub struct Status {
	inner: Arc<Mutex<Inner>>,
	/// The metrics that mirror it.
	pub metrics: Metrics,
}

/// The answer of /health.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Health {
	/// `ok`; `idle` if all is well but no orders are taken; `degraded` if the node is away or stands still.
	pub status: &'static str,
	/// Whether the node answers.
	pub connected: bool,
	/// What is wrong, in sentences; empty if nothing is.
	pub problems: Vec<String>,
	/// Height of the best block.
	pub best_block: u32,
	/// Height of the latest finalized block.
	pub finalized_block: u32,
	/// Seconds since the best block last changed.
	pub best_block_age_seconds: u64,
	/// Whether new orders are taken.
	pub taking_orders: bool,
	/// The provider for which the worker acts.
	pub provider: Option<String>,
	/// Orders under way, with their states.
	pub jobs: BTreeMap<OrderId, &'static str>,
	/// Seconds since the start.
	pub uptime_seconds: u64,
	/// Version of the worker.
	pub version: &'static str,
}

impl Status {
	/// At the start: not connected yet.
	pub fn new(metrics: Metrics) -> Self {
		Self {
			inner: Arc::new(Mutex::new(Inner {
				connected: false,
				connection_problem: Some("the node has not answered yet".to_owned()),
				heads: Heads::default(),
				head_changed: Instant::now(),
				block_time: Duration::from_secs(6),
				registered: Err("not asked yet whether this account may claim".to_owned()),
				pause: None,
				stopping: false,
				catching_up: None,
				syncing: false,
				journal_problem: None,
				problems: BTreeMap::new(),
				failing: BTreeSet::new(),
				jobs: BTreeMap::new(),
			})),
			metrics,
		}
	}

	fn lock(&self) -> MutexGuard<'_, Inner> {
		// Nothing here leaves half a change behind.
		self.inner.lock().unwrap_or_else(PoisonError::into_inner)
	}

	/// The node answered.
	pub fn connected(&self, heads: Heads) {
		let mut inner = self.lock();
		if !inner.connected {
			tracing::info!(
				best = heads.best.number,
				finalized = heads.finalized.number,
				"the node answers"
			);
		}
		inner.connected = true;
		inner.connection_problem = None;
		if inner.heads.best != heads.best {
			inner.head_changed = Instant::now();
		}
		inner.heads = heads;
		self.metrics.connected(true);
		self.metrics.heads(&heads);
	}

	/// The node did not answer.
	pub fn disconnected(&self, problem: &str) {
		let mut inner = self.lock();
		if inner.connected {
			tracing::warn!("the node is away, trying again until it answers: {problem}");
		}
		inner.connected = false;
		inner.connection_problem = Some(problem.to_owned());
		self.metrics.connected(false);
	}

	/// Time between the chain's blocks.
	pub fn set_block_time(&self, block_time: Duration) {
		self.lock().block_time = block_time;
	}

	/// The provider for which we act, or why we cannot.
	pub fn set_registered(&self, registered: Result<String, String>) {
		let mut inner = self.lock();
		if inner.registered != registered {
			match &registered {
				Ok(provider) => tracing::info!(%provider, "acting for a registered provider"),
				Err(problem) => tracing::warn!("not claiming: {problem}"),
			}
		}
		inner.registered = registered;
	}

	/// Whether the node lags behind what this worker has seen.
	pub fn set_catching_up(&self, problem: Option<String>) {
		let mut inner = self.lock();
		if inner.catching_up != problem {
			match &problem {
				Some(problem) => tracing::warn!("waiting: {problem}"),
				None => tracing::info!("the node has caught up"),
			}
		}
		inner.catching_up = problem;
	}

	/// Whether the node is still fetching old blocks.
	pub fn set_syncing(&self, syncing: bool) {
		let mut inner = self.lock();
		if syncing && !inner.syncing {
			tracing::warn!("waiting: {SYNCING}");
		}
		inner.syncing = syncing;
	}

	/// Why the journal cannot be used; `None` if it can.
	pub fn set_journal_problem(&self, problem: Option<String>) {
		let mut inner = self.lock();
		match &problem {
			Some(problem) if inner.journal_problem.as_ref() != Some(problem) => {
				tracing::error!("{problem}");
			}
			None if inner.journal_problem.is_some() => {
				tracing::info!("the journal can be used again");
			}
			_ => {}
		}
		inner.journal_problem = problem;
	}

	/// Whether the journal could not be used when it was last tried.
	pub fn has_journal_problem(&self) -> bool {
		self.lock().journal_problem.is_some()
	}

	/// No orders are taken for this time.
	pub fn pause(&self, time: Duration, reason: &str) {
		self.lock().pause = Some((Instant::now() + time, reason.to_owned()));
	}

	/// No orders are taken any more.
	pub fn stopping(&self) {
		self.lock().stopping = true;
	}

	/// An order is in this state.
	pub fn job(&self, order: OrderId, state: &'static str) {
		self.lock().jobs.insert(order, state);
	}

	/// Whether the last attempt at computing and proving an order failed. No orders are taken until one succeeds.
	pub fn failing(&self, order: OrderId, failing: bool) {
		let mut inner = self.lock();
		match failing {
			true => inner.failing.insert(order),
			false => inner.failing.remove(&order),
		};
	}

	/// What hinders an order now; `None` if nothing does.
	pub fn problem(&self, order: OrderId, problem: Option<String>) {
		let mut inner = self.lock();
		match problem {
			Some(problem) => {
				if inner.problems.get(&order) != Some(&problem) {
					tracing::warn!("{problem}");
				}
				inner.problems.insert(order, problem);
			}
			None => {
				inner.problems.remove(&order);
			}
		}
		self.metrics.hindered(inner.problems.len());
	}

	/// An order is no longer under way.
	pub fn job_ended(&self, order: OrderId) {
		let mut inner = self.lock();
		inner.jobs.remove(&order);
		inner.problems.remove(&order);
		inner.failing.remove(&order);
		self.metrics.hindered(inner.problems.len());
	}

	/// The orders under way.
	pub fn jobs(&self) -> Vec<OrderId> {
		self.lock().jobs.keys().copied().collect()
	}

	/// Why no orders are taken now; empty if they are.
	pub fn reasons_not_to_take(&self) -> Vec<String> {
		self.lock().reasons_not_to_take()
	}

	/// The answer of /health.
	pub fn health(&self) -> Health {
		let inner = self.lock();
		let age = inner.head_changed.elapsed();
		let mut problems = Vec::new();
		problems.extend(inner.connection_problem.clone());
		let stands_still = inner.stands_still().is_some();
		let reasons = inner.reasons_not_to_take();
		let taking_orders = reasons.is_empty() && inner.connected;
		problems.extend(reasons);
		problems.extend(
			inner
				.problems
				.iter()
				.map(|(order, problem)| format!("order {order}: {problem}")),
		);
		self.metrics.taking_orders(taking_orders);
		Health {
			status: match (inner.connected && !stands_still, taking_orders) {
				(true, true) => "ok",
				(true, false) => "idle",
				(false, _) => "degraded",
			},
			connected: inner.connected,
			problems,
			best_block: inner.heads.best.number,
			finalized_block: inner.heads.finalized.number,
			best_block_age_seconds: age.as_secs(),
			taking_orders,
			provider: inner.registered.as_ref().ok().cloned(),
			jobs: inner.jobs.clone(),
			uptime_seconds: self.metrics.uptime_seconds(),
			version: env!("CARGO_PKG_VERSION"),
		}
	}
}

impl Inner {
	fn reasons_not_to_take(&self) -> Vec<String> {
		let mut reasons = Vec::new();
		if self.stopping {
			reasons.push("the worker is stopping".to_owned());
		}
		reasons.extend(self.journal_problem.clone());
		reasons.extend(self.registered.as_ref().err().cloned());
		reasons.extend(self.catching_up.clone());
		if self.syncing {
			reasons.push(SYNCING.to_owned());
		}
		reasons.extend(self.stands_still());
		let lag = self
			.heads
			.best
			.number
			.saturating_sub(self.heads.finalized.number);
		if lag > FINALITY_LAG {
			reasons.push(format!(
				"the chain's last {lag} blocks are not final: no orders are taken until validators agree \
				 again"
			));
		}
		for order in &self.failing {
			reasons.push(format!(
				"no orders are taken while order {order} cannot be computed and proven"
			));
		}
		if let Some((until, reason)) = &self.pause {
			let left = until.saturating_duration_since(Instant::now());
			if !left.is_zero() {
				reasons.push(format!(
					"no orders are taken for another {} s after a failure: {reason}",
					left.as_secs().saturating_add(1)
				));
			}
		}
		reasons
	}

	/// That no new block has come for long, in words.
	fn stands_still(&self) -> Option<String> {
		let age = self.head_changed.elapsed();
		let late = self.connected && age > self.block_time * BLOCKS_MISSED;
		late.then(|| {
			format!(
				"the node's best block is {} s old: the node may be cut off, or the chain stands still",
				age.as_secs()
			)
		})
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn no_orders_should_be_taken_while_something_fails() {
		let status = Status::new(Metrics::new());
		status.set_registered(Ok("provider".to_owned()));
		let at = |best, finalized| {
			let block = |number| crate::chain::Block {
				number,
				hash: [0; 32],
			};
			Heads {
				best: block(best),
				finalized: block(finalized),
			}
		};
		let takes = || status.reasons_not_to_take().is_empty();
		status.connected(at(40, 38));
		assert!(takes());
		status.failing(7, true);
		assert!(!takes());
		status.failing(7, false);
		status.set_journal_problem(Some("full".to_owned()));
		assert!(!takes());
		status.set_journal_problem(None);
		status.set_syncing(true);
		assert!(!takes());
		status.set_syncing(false);
		assert!(takes());
		// Finality stands still.
		status.connected(at(71, 38));
		assert!(!takes());
		status.connected(at(72, 71));
		assert!(takes());
	}

	#[test]
	fn health_should_say_what_hinders_the_worker() {
		let status = Status::new(Metrics::new());
		assert_eq!(status.health().status, "degraded");
		status.connected(Heads::default());
		assert_eq!(status.health().status, "idle", "not registered yet");
		status.set_registered(Ok("provider".to_owned()));
		assert_eq!(status.health().status, "ok");
		status.pause(Duration::from_secs(60), "a proof failed");
		let health = status.health();
		assert_eq!((health.status, health.taking_orders), ("idle", false));
		assert!(
			health.problems[0].contains("a proof failed"),
			"{:?}",
			health.problems
		);
		status.pause(Duration::ZERO, "");
		status.disconnected("it is gone");
		let health = status.health();
		assert_eq!(health.status, "degraded");
		assert_eq!(health.problems, ["it is gone"]);
	}
}
