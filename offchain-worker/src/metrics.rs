//! Metrics for Prometheus: base units, prefix `lemma_worker_`.

use std::sync::{
	atomic::{AtomicU64, Ordering},
	Arc,
};

use lemma_client::{Balance, UNIT};
use prometheus_client::{
	encoding::{text::encode, EncodeLabelSet},
	metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
	registry::{Registry, Unit},
};

/// What became of an order.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
	outcome: String,
}

/// A part of the work.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Stage {
	stage: String,
}

/// A transaction's kind and what the pool said.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Sending {
	transaction: String,
	answer: String,
}

type FloatGauge = Gauge<f64, AtomicU64>;
type FloatCounter = Counter<f64, AtomicU64>;

/// Upper bounds of the stage histogram's buckets, seconds.
const STAGE_SECONDS: [f64; 12] = [
	0.01, 0.03, 0.1, 0.3, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 300.0,
];

/// All metrics; clones share them.
#[derive(Clone)]
pub struct Metrics {
	registry: Arc<Registry>,
	outcomes: Family<Outcome, Counter>,
	jobs: Gauge,
	stage_seconds: Family<Stage, Histogram>,
	transactions: Family<Sending, Counter>,
	connected: Gauge,
	disconnections: Counter,
	best_block: Gauge,
	finalized_block: Gauge,
	taking_orders: Gauge,
	missed: Counter,
	earned: FloatCounter,
	bond_free: FloatGauge,
	last_block_unix: FloatGauge,
	started_unix: Arc<AtomicU64>,
}

impl Metrics {
	/// New metrics; `backend` labels the build.
	pub fn new() -> Self {
		let mut registry = Registry::with_prefix("lemma_worker");
		let outcomes = Family::<Outcome, Counter>::default();
		registry.register(
			"orders",
			"Orders that this worker took up, by what became of them",
			outcomes.clone(),
		);
		let jobs = Gauge::default();
		registry.register("jobs", "Orders under way", jobs.clone());
		let stage_seconds =
			Family::<Stage, Histogram>::new_with_constructor(|| Histogram::new(STAGE_SECONDS));
		registry.register_with_unit(
			"stage",
			"Time by stage of computing and proving",
			Unit::Seconds,
			stage_seconds.clone(),
		);
		let transactions = Family::<Sending, Counter>::default();
		registry.register(
			"transactions",
			"Transactions given to the node, repetitions included, by kind and answer",
			transactions.clone(),
		);
		let connected = Gauge::default();
		registry.register("connected", "1 while the node answers", connected.clone());
		let disconnections = Counter::default();
		registry.register(
			"disconnections",
			"Times that the node stopped answering",
			disconnections.clone(),
		);
		let best_block = Gauge::default();
		registry.register(
			"best_block",
			"Height of the node's best block",
			best_block.clone(),
		);
		let finalized_block = Gauge::default();
		registry.register(
			"finalized_block",
			"Height of the node's latest finalized block",
			finalized_block.clone(),
		);
		let taking_orders = Gauge::default();
		registry.register(
			"taking_orders",
			"1 while new orders are taken; /health says why not",
			taking_orders.clone(),
		);
		let missed = Counter::default();
		registry.register("missed", "Claims whose deadline passed", missed.clone());
		let earned = FloatCounter::default();
		registry.register(
			"earned_lem",
			"LEM paid for settled orders since the start, bounties included",
			earned.clone(),
		);
		let bond_free = FloatGauge::default();
		registry.register(
			"free_bond_lem",
			"LEM of the provider's bond that no claim has committed",
			bond_free.clone(),
		);
		let last_block_unix = FloatGauge::default();
		registry.register_with_unit(
			"last_block_timestamp",
			"Unix time at which the best block last changed",
			Unit::Seconds,
			last_block_unix.clone(),
		);
		Self {
			registry: Arc::new(registry),
			outcomes,
			jobs,
			stage_seconds,
			transactions,
			connected,
			disconnections,
			best_block,
			finalized_block,
			taking_orders,
			missed,
			earned,
			bond_free,
			last_block_unix,
			started_unix: Arc::new(AtomicU64::new(crate::journal::unix_millis())),
		}
	}

	/// Everything, in the OpenMetrics text format.
	pub fn encode(&self) -> Result<String, std::fmt::Error> {
		let mut text = String::new();
		encode(&mut text, &self.registry)?;
		Ok(text)
	}

	/// Seconds since the start.
	pub fn uptime_seconds(&self) -> u64 {
		let started = self.started_unix.load(Ordering::Relaxed);
		crate::journal::unix_millis().saturating_sub(started) / 1000
	}

	/// An order ended thus.
	pub fn ended(&self, outcome: &str, paid: Option<Balance>) {
		self.outcomes
			.get_or_create(&Outcome {
				outcome: outcome.to_owned(),
			})
			.inc();
		if let Some(paid) = paid {
			self.earned.inc_by(lem(paid));
		}
	}

	/// An order is under way (`1`) or no longer (`-1`).
	pub fn jobs(&self, change: i64) {
		self.jobs.inc_by(change);
	}

	/// Times of a finished job.
	pub fn stages(&self, stages: &[(String, u64)]) {
		for (stage, micros) in stages {
			self.stage_seconds
				.get_or_create(&Stage {
					stage: stage.clone(),
				})
				.observe(*micros as f64 / 1e6);
		}
	}

	/// A transaction was given to the node.
	pub fn sent(&self, transaction: &str, pooled: bool) {
		let answer = if pooled { "pooled" } else { "refused" };
		self.transactions
			.get_or_create(&Sending {
				transaction: transaction.to_owned(),
				answer: answer.to_owned(),
			})
			.inc();
	}

	/// The node answers, or no longer.
	pub fn connected(&self, connected: bool) {
		if self.connected.set(i64::from(connected)) == 1 && !connected {
			self.disconnections.inc();
		}
	}

	/// The chain's heads.
	pub fn heads(&self, heads: &crate::chain::Heads) {
		if self.best_block.set(heads.best.number.into()) != i64::from(heads.best.number) {
			self.last_block_unix
				.set((crate::journal::unix_millis() / 1000) as f64);
		}
		self.finalized_block.set(heads.finalized.number.into());
	}

	/// Whether new orders are taken.
	pub fn taking_orders(&self, taking: bool) {
		self.taking_orders.set(i64::from(taking));
	}

	/// A claim's deadline passed.
	pub fn missed(&self) {
		self.missed.inc();
	}

	/// The provider's free bond.
	pub fn free_bond(&self, free: Balance) {
		self.bond_free.set(lem(free));
	}
}

impl Default for Metrics {
	fn default() -> Self {
		Self::new()
	}
}

/// LEM, for graphs: exact to a millionth.
fn lem(amount: Balance) -> f64 {
	amount as f64 / UNIT as f64
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn metrics_should_have_one_prefix_and_base_units() {
		let metrics = Metrics::new();
		metrics.ended("settled", Some(3 * UNIT / 2));
		metrics.stages(&[("wrap".to_owned(), 1_500_000)]);
		metrics.connected(true);
		metrics.connected(false);
		metrics.sent("claim", true);
		let text = metrics.encode().unwrap();
		for line in [
			"lemma_worker_orders_total{outcome=\"settled\"} 1",
			"lemma_worker_earned_lem_total 1.5",
			"lemma_worker_stage_seconds_sum{stage=\"wrap\"} 1.5",
			"lemma_worker_connected 0",
			"lemma_worker_disconnections_total 1",
			"lemma_worker_transactions_total{transaction=\"claim\",answer=\"pooled\"} 1",
		] {
			assert!(text.contains(line), "{line} is missing in\n{text}");
		}
		for line in text.lines().filter(|line| !line.starts_with('#')) {
			assert!(line.starts_with("lemma_worker_"), "{line}");
		}
	}
}
