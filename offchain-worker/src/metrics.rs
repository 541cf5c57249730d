//! Metrics for Prometheus: base units, prefix `lemma_worker_`.

use std::{
	sync::{atomic::AtomicU64, Arc},
	time::{Duration, Instant},
};

use lemma_client::{Balance, UNIT};
use prometheus_client::{
	encoding::{text::encode, EncodeLabelSet},
	metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
	registry::{Metric, Registry, Unit},
};

/// What became of an order, or of an attempt to get an input.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
	outcome: String,
}

/// A part of the work.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Stage {
	stage: String,
}

/// What computes.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Machine {
	backend: String,
}

/// Why something happened.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Reason {
	reason: String,
}

/// A transaction's kind and what the pool said.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Sending {
	transaction: String,
	answer: String,
}

type FloatGauge = Gauge<f64, AtomicU64>;
type FloatCounter = Counter<f64, AtomicU64>;

/// Upper bounds of the histograms' buckets, seconds.
const SECONDS: [f64; 12] = [
	0.01, 0.03, 0.1, 0.3, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 300.0,
];

/// What became of an attempt to get an order's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputOutcome {
	/// It was on the disk already.
	Kept,
	/// A store gave it.
	Fetched,
	/// It, or where it lies, is nothing for this worker.
	Refused,
	/// No store has it.
	Missing,
	/// The store was too slow.
	Slow,
	/// The store failed.
	Failed,
	/// It could not be written to the disk.
	Unwritten,
}

impl InputOutcome {
	/// Its name in the metric.
	pub fn name(self) -> &'static str {
		match self {
			Self::Kept => "kept",
			Self::Fetched => "fetched",
			Self::Refused => "refused",
			Self::Missing => "missing",
			Self::Slow => "slow",
			Self::Failed => "failed",
			Self::Unwritten => "unwritten",
		}
	}
}

/// All metrics; clones share them.
#[derive(Clone)]
pub struct Metrics {
	registry: Arc<Registry>,
	started: Instant,
	outcomes: Family<Outcome, Counter>,
	jobs: Gauge,
	hindered: Gauge,
	stage_seconds: Family<Stage, Histogram>,
	attempts_failed: Counter,
	backend_failures: Family<Machine, Counter>,
	job_processes_lost: Family<Reason, Counter>,
	inputs: Family<Outcome, Counter>,
	input_seconds: Histogram,
	transactions: Family<Sending, Counter>,
	connected: Gauge,
	disconnections: Counter,
	setbacks: Counter,
	reorganisations: Counter,
	best_block: Gauge,
	finalized_block: Gauge,
	last_block_unix: FloatGauge,
	taking_orders: Gauge,
	missed: Counter,
	earned: FloatCounter,
	tips_offered: FloatCounter,
	tips_paid: FloatCounter,
	bond_free: FloatGauge,
	spendable: FloatGauge,
	journal_failures: Counter,
	clock_jumps: Counter,
	resumed: Counter,
	resume_seconds: FloatGauge,
}

/// Registers what has a name of its own and no unit.
fn register<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
	let metric = M::default();
	registry.register(name, help, metric.clone());
	metric
}

impl Metrics {
	/// New metrics.
	pub fn new() -> Self {
		let mut registry = Registry::with_prefix("lemma_worker");
		let r = &mut registry;
		let stage_seconds =
			Family::<Stage, Histogram>::new_with_constructor(|| Histogram::new(SECONDS));
		r.register_with_unit(
			"stage",
			"Time by stage of computing and proving",
			Unit::Seconds,
			stage_seconds.clone(),
		);
		let input_seconds = Histogram::new(SECONDS);
		r.register_with_unit(
			"input",
			"Time to get an input from a store, failures included",
			Unit::Seconds,
			input_seconds.clone(),
		);
		let last_block_unix = FloatGauge::default();
		r.register_with_unit(
			"last_block_timestamp",
			"Unix time at which the best block last changed",
			Unit::Seconds,
			last_block_unix.clone(),
		);
		let start_unix = FloatGauge::default();
		start_unix.set((crate::clock::unix_millis() / 1000) as f64);
		r.register_with_unit(
			"start_timestamp",
			"Unix time at which the worker started",
			Unit::Seconds,
			start_unix,
		);
		let resume_seconds = FloatGauge::default();
		r.register_with_unit(
			"resume",
			"Time from the start until the journal's unfinished orders were under way",
			Unit::Seconds,
			resume_seconds.clone(),
		);
		Self {
			started: Instant::now(),
			outcomes: register(
				r,
				"orders",
				"Orders that this worker took up, by what became of them",
			),
			jobs: register(r, "jobs", "Orders under way"),
			hindered: register(
				r,
				"hindered",
				"Orders that something hinders; /health says what",
			),
			attempts_failed: register(
				r,
				"attempts_failed",
				"Attempts at computing and proving that failed",
			),
			backend_failures: register(
				r,
				"backend_failures",
				"Computations that a backend failed at or did wrongly",
			),
			job_processes_lost: register(
				r,
				"job_processes_lost",
				"Processes for jobs that crashed or were ended at a limit, by why",
			),
			inputs: register(
				r,
				"inputs",
				"Attempts to get an input, by what came of them",
			),
			transactions: register(
				r,
				"transactions",
				"Transactions given to the node, repetitions included, by kind and answer",
			),
			connected: register(r, "connected", "1 while the node answers"),
			disconnections: register(r, "disconnections", "Times that the node stopped answering"),
			setbacks: register(
				r,
				"setbacks",
				"Times that the node was behind what this worker had seen finalized",
			),
			reorganisations: register(
				r,
				"reorganisations",
				"Times that the node's best chain left a block that had been its best",
			),
			best_block: register(r, "best_block", "Height of the node's best block"),
			finalized_block: register(
				r,
				"finalized_block",
				"Height of the node's latest finalized block",
			),
			taking_orders: register(
				r,
				"taking_orders",
				"1 while new orders are taken; /health says why not",
			),
			missed: register(r, "missed", "Claims whose deadline passed"),
			earned: register(
				r,
				"earned_lem",
				"LEM paid for settled orders since the start, bounties included",
			),
			tips_offered: register(
				r,
				"tips_offered_lem",
				"LEM offered since the start as tips of submissions, the highest one of each",
			),
			tips_paid: register(
				r,
				"tips_paid_lem",
				"LEM paid since the start as tips of submissions that were included",
			),
			bond_free: register(
				r,
				"free_bond_lem",
				"LEM of the provider's bond that no claim has committed",
			),
			spendable: register(
				r,
				"spendable_lem",
				"LEM that the signing account has for fees",
			),
			journal_failures: register(
				r,
				"journal_failures",
				"Times that the journal could not be read or written",
			),
			clock_jumps: register(
				r,
				"clock_jumps",
				"Times that the machine's clock jumped by more than 5 s",
			),
			resumed: register(
				r,
				"resumed",
				"Unfinished orders that were taken up from the journal",
			),
			registry: Arc::new(registry),
			stage_seconds,
			input_seconds,
			last_block_unix,
			resume_seconds,
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
		self.started.elapsed().as_secs()
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

	/// So many orders are hindered.
	pub fn hindered(&self, orders: usize) {
		self.hindered.set(i64::try_from(orders).unwrap_or(i64::MAX));
	}

	/// An attempt at computing and proving failed.
	pub fn attempt_failed(&self) {
		self.attempts_failed.inc();
	}

	/// A backend did not compute, or computed wrongly.
	pub fn backend_failed(&self, backend: &str) {
		self.backend_failures
			.get_or_create(&Machine {
				backend: backend.to_owned(),
			})
			.inc();
	}

	/// A process for jobs was lost.
	pub fn job_process_lost(&self, reason: &str) {
		self.job_processes_lost
			.get_or_create(&Reason {
				reason: reason.to_owned(),
			})
			.inc();
	}

	/// What came of getting an input.
	pub fn input(&self, outcome: InputOutcome) {
		self.inputs
			.get_or_create(&Outcome {
				outcome: outcome.name().to_owned(),
			})
			.inc();
	}

	/// A store was asked for an input for so long.
	pub fn input_took(&self, time: Duration) {
		self.input_seconds.observe(time.as_secs_f64());
	}

	/// The node is behind what was seen finalized.
	pub fn setback(&self) {
		self.setbacks.inc();
	}

	/// The best chain left a block.
	pub fn reorganised(&self) {
		self.reorganisations.inc();
	}

	/// The journal failed.
	pub fn journal_failed(&self) {
		self.journal_failures.inc();
	}

	/// The wall clock jumped.
	pub fn clock_jumped(&self) {
		self.clock_jumps.inc();
	}

	/// So many unfinished orders of the journal are under way again.
	pub fn resumed(&self, orders: u64) {
		self.resumed.inc_by(orders);
		self.resume_seconds
			.set(self.started.elapsed().as_secs_f64());
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

	/// A transaction was given to the node, which answered so.
	pub fn sent(&self, transaction: &str, answer: &str) {
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
				.set((crate::clock::unix_millis() / 1000) as f64);
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

	/// So much more is offered as a submission's tip.
	pub fn tip_offered(&self, more: Balance) {
		self.tips_offered.inc_by(lem(more));
	}

	/// A submission with this tip was included.
	pub fn tip_paid(&self, tip: Balance) {
		self.tips_paid.inc_by(lem(tip));
	}

	/// The provider's free bond.
	pub fn free_bond(&self, free: Balance) {
		self.bond_free.set(lem(free));
	}

	/// What the signing account has for fees.
	pub fn spendable(&self, spendable: Balance) {
		self.spendable.set(lem(spendable));
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
		metrics.sent("claim", "pooled");
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
