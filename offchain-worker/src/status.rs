//! What the worker says of itself at /health: whether the node answers, whether it takes orders, and if not,
//! why.

use std::{
	collections::BTreeMap,
	sync::{Arc, Mutex, MutexGuard, PoisonError},
	time::{Duration, Instant},
};

use lemma_client::OrderId;
use serde::Serialize;

use crate::{chain::Heads, metrics::Metrics};

/// Without a new best block for so many block times, the chain is said to stand still.
const BLOCKS_MISSED: u32 = 20;

#[derive(Debug)]
struct Inner {
	connected: bool,
	connection_problem: Option<String>,
	heads: Heads,
	head_changed: Instant,
	block_time: Duration,
	registered: Result<String, String>,
	pause: Option<(u64, String)>,
	stopping: bool,
	catching_up: Option<String>,
	problems: BTreeMap<OrderId, String>,
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
				problems: BTreeMap::new(),
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
			if let Some(problem) = &problem {
				tracing::warn!("waiting: {problem}");
			}
		}
		inner.catching_up = problem;
	}

	/// No orders are taken until then (Unix milliseconds).
	pub fn pause(&self, until: u64, reason: &str) {
		self.lock().pause = Some((until, reason.to_owned()));
	}

	/// No orders are taken any more.
	pub fn stopping(&self) {
		self.lock().stopping = true;
	}

	/// An order is in this state.
	pub fn job(&self, order: OrderId, state: &'static str) {
		self.lock().jobs.insert(order, state);
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
	}

	/// An order is no longer under way.
	pub fn job_ended(&self, order: OrderId) {
		let mut inner = self.lock();
		inner.jobs.remove(&order);
		inner.problems.remove(&order);
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
		let stands_still = inner.connected && age > inner.block_time * BLOCKS_MISSED;
		if stands_still {
			problems.push(format!(
				"the node's best block is {} s old: the node may be cut off, or the chain stands still",
				age.as_secs()
			));
		}
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
		reasons.extend(self.registered.as_ref().err().cloned());
		reasons.extend(self.catching_up.clone());
		if let Some((until, reason)) = &self.pause {
			let left = until.saturating_sub(crate::journal::unix_millis());
			if left > 0 {
				reasons.push(format!(
					"no orders are taken for another {} s after a failure: {reason}",
					left.div_ceil(1000)
				));
			}
		}
		reasons
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn health_should_say_what_hinders_the_worker() {
		let status = Status::new(Metrics::new());
		assert_eq!(status.health().status, "degraded");
		status.connected(Heads::default());
		assert_eq!(status.health().status, "idle", "not registered yet");
		status.set_registered(Ok("provider".to_owned()));
		assert_eq!(status.health().status, "ok");
		status.pause(crate::journal::unix_millis() + 60_000, "a proof failed");
		let health = status.health();
		assert_eq!((health.status, health.taking_orders), ("idle", false));
		assert!(
			health.problems[0].contains("a proof failed"),
			"{:?}",
			health.problems
		);
		status.pause(0, "");
		status.disconnected("it is gone");
		let health = status.health();
		assert_eq!(health.status, "degraded");
		assert_eq!(health.problems, ["it is gone"]);
	}
}
