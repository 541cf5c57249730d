//! A machine for the worker: a disk and a clock that outlive its processes, and quick work.

use std::{
	collections::BTreeSet,
	sync::{
		atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
		Arc, Mutex,
	},
	time::Duration,
};

use async_trait::async_trait;
use lemma_client::{Balance, Order, OrderId};
use lemma_job_host::message::Facts;
use lemma_zk_statement::OutputElement;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::world::{Shared, World, OUTPUT, PROGRAM, PROOF};
use crate::{
	chain::Heads,
	clock::Clock,
	config::Rules,
	context::Context,
	fuse::Fuse,
	heads::{watch_heads, Fatal},
	journal::{disk::Disk, Hash, Journal, Record, State},
	metrics::Metrics,
	scheduler::Scheduler,
	selection::Served,
	status::Status,
	workshop::{Finished, PrepareError, Prepared, Task, Workshop},
};

pub const BLOCK_TIME: Duration = Duration::from_millis(4);
pub const PATIENCE: Duration = Duration::from_secs(60);

fn quick_job() -> Prepared {
	let facts = Facts {
		program: PROGRAM,
		shape: "1x1x1".to_owned(),
		element: OutputElement::I32,
		output_len: OUTPUT.len() as u64,
		memory_estimate: 1,
		cost_estimate: 1.0,
	};
	Prepared::new(facts, [5; 32], Vec::new())
}

/// Quick, and as slow or as bad as a test wants it.
#[derive(Default)]
pub struct QuickWorkshop {
	pub produced: AtomicU32,
	pub failures_to_come: AtomicU32,
	/// How long proving takes.
	pub millis: AtomicU64,
	/// Nothing gets ready.
	pub held: AtomicBool,
	/// The same for one order.
	pub held_order: Mutex<Option<OrderId>>,
	/// Of what is being produced: whether nobody wants it any more.
	pub unwanted: Mutex<Option<Arc<AtomicBool>>>,
	/// Proofs that the chain refuses.
	pub invalid: AtomicBool,
	/// Panics in the middle of an order's care, so many times.
	pub panics_to_come: AtomicU32,
	/// What comes of asking for an input.
	pub no_input: Mutex<Option<PrepareError>>,
	/// How often inputs were asked for.
	pub asked: AtomicU32,
	/// How long an input takes.
	pub input_millis: AtomicU64,
}

/// Takes one of a number of times.
fn take_one(times: &AtomicU32) -> bool {
	times
		.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
			left.checked_sub(1)
		})
		.is_ok()
}

#[async_trait]
impl Workshop for QuickWorkshop {
	async fn prepare(&self, _: &Order, _: bool) -> Result<Arc<Prepared>, PrepareError> {
		self.asked.fetch_add(1, Ordering::SeqCst);
		let millis = self.input_millis.load(Ordering::SeqCst);
		tokio::time::sleep(Duration::from_millis(millis)).await;
		assert!(!take_one(&self.panics_to_come), "a mistake of ours");
		match &*self.no_input.lock().unwrap() {
			Some(error) => Err(error.clone()),
			None => Ok(Arc::new(quick_job())),
		}
	}

	async fn produce(&self, _: Arc<Prepared>, task: Task) -> Result<Finished, String> {
		*self.unwanted.lock().unwrap() = Some(task.unwanted.clone());
		let millis = self.millis.load(Ordering::SeqCst);
		tokio::time::sleep(Duration::from_millis(millis)).await;
		let held_order = || *self.held_order.lock().unwrap() == Some(task.order);
		while self.held.load(Ordering::SeqCst) || held_order() {
			tokio::time::sleep(Duration::from_millis(1)).await;
		}
		self.produced.fetch_add(1, Ordering::SeqCst);
		if take_one(&self.failures_to_come) {
			return Err("it was to fail".to_owned());
		}
		let proof = match self.invalid.load(Ordering::SeqCst) {
			true => b"bad".to_vec(),
			false => PROOF.to_vec(),
		};
		Ok(Finished {
			output: OUTPUT.to_vec(),
			proof,
			stages: vec![("wrap".to_owned(), 1)],
		})
	}

	fn warm(&self, _: &Prepared) {}

	fn estimate_seconds(&self, _: &Prepared) -> f64 {
		1.0
	}

	fn forget(&self, _: &Hash) {}

	fn drop_inputs(&self, _: &BTreeSet<Hash>, _: u64) {}
}

fn rules() -> Rules {
	Rules {
		programs: vec![],
		min_price: 0,
		min_price_per_second: 0,
		// Prices are tiny here, and collateral is what a test wants.
		max_collateral_per_price: 1e9,
		max_input_bytes: 1_000,
		max_memory_bytes: 1_000,
		claim: true,
		rescue: true,
		safety_factor: 1.0,
		concurrency: 1,
	}
}

/// What the worker runs on, and the chain that it finds.
pub struct Machine {
	pub world: Shared,
	pub disk: Disk,
	pub clock: Clock,
	pub workshop: Arc<QuickWorkshop>,
	/// Jobs at a time.
	pub concurrency: usize,
	/// Highest tip, if one is set.
	pub max_tip: Option<Balance>,
	/// Which orders it takes.
	pub rules: Rules,
}

impl Machine {
	pub fn new() -> Self {
		Self {
			world: World::start(),
			disk: Disk::default(),
			clock: Clock::default(),
			workshop: Arc::default(),
			concurrency: 1,
			max_tip: None,
			rules: rules(),
		}
	}

	/// Posts an order with all the time of the world.
	pub fn post(&self) -> OrderId {
		self.world.lock().post(100, 5_000, 50_000)
	}

	/// Starts the worker.
	pub fn start(&self) -> Life {
		self.start_with(Fuse::default())
	}

	/// Starts the worker, which dies at a point.
	pub fn start_until(&self, point: &str) -> Life {
		self.start_with(Fuse::gentle(point))
	}

	fn start_with(&self, fuse: Fuse) -> Life {
		let journal = Journal::on(&self.disk, fuse).unwrap();
		journal.bind([9; 32]).unwrap();
		let built_in = [
			("quick".to_owned(), "quick".to_owned(), PROGRAM),
			("other".to_owned(), "other".to_owned(), [6; 32]),
		];
		let mut context = Context::new(
			Arc::new(self.world.clone()),
			Arc::new(journal),
			self.workshop.clone(),
			Status::new(Metrics::new()),
			Rules {
				concurrency: self.concurrency,
				..self.rules.clone()
			},
			Served::resolve(&self.rules.programs, &built_in).unwrap(),
			Duration::from_secs(3_600),
		);
		context.clock = self.clock.clone();
		context.retry = BLOCK_TIME * 5;
		context.max_tip = self.max_tip;
		let context = Arc::new(context);
		let (stop, abandon) = (CancellationToken::new(), CancellationToken::new());
		let (publish, mut heads) = watch::channel(Heads::default());
		let watching = tokio::spawn(watch_heads(
			context.clone(),
			publish,
			Duration::from_millis(1),
			"the folder".to_owned(),
			abandon.clone(),
		));
		let (concurrency, theirs) = (self.concurrency, context.clone());
		let (stopped, abandoned) = (stop.clone(), abandon.clone());
		let running = tokio::spawn(async move {
			let _ = heads.changed().await;
			Scheduler::new(theirs, heads, concurrency)
				.run(stopped, abandoned)
				.await
		});
		Life {
			context,
			disk: self.disk.clone(),
			stop,
			abandon,
			running,
			watching,
		}
	}
}

/// One process of the worker.
pub struct Life {
	pub context: Arc<Context>,
	disk: Disk,
	pub stop: CancellationToken,
	pub abandon: CancellationToken,
	pub running: JoinHandle<Result<(), Fatal>>,
	pub watching: JoinHandle<Result<(), Fatal>>,
}

impl Life {
	pub fn record(&self, order: OrderId) -> Option<Record> {
		self.context.journal.get(order).unwrap()
	}

	/// Waits until the journal says that the order is over.
	pub async fn ended(&self, order: OrderId) -> State {
		self.reaches(order, State::is_final).await
	}

	pub async fn reaches(&self, order: OrderId, wanted: impl Fn(&State) -> bool) -> State {
		let waiting = async {
			loop {
				// The disk may be full at the moment.
				match self.context.journal.get(order) {
					Ok(Some(record)) if wanted(&record.state) => return record.state,
					_ => tokio::time::sleep(Duration::from_millis(2)).await,
				}
			}
		};
		match tokio::time::timeout(PATIENCE, waiting).await {
			Ok(state) => state,
			Err(_) => panic!(
				"order {order} stands still: {:?}\n{:?}",
				self.record(order),
				self.context.status.health()
			),
		}
	}

	/// Ends the process without ceremony, as a power cut does: what was not synced may be lost.
	pub async fn kill(self) {
		self.disk.cut(rand::random);
		self.abandon.cancel();
		self.stop.cancel();
		self.running.abort();
		self.watching.abort();
		let _ = self.running.await;
		let _ = self.watching.await;
		let context = self.context;
		while Arc::strong_count(&context) > 1 {
			tokio::time::sleep(Duration::from_millis(1)).await;
		}
	}

	/// Waits for the fuse to blow, then ends the process. Whether it blew before the order was over.
	pub async fn dies(self, order: OrderId) -> bool {
		let waiting = async {
			loop {
				if self.context.journal.fuse().is_blown() {
					return true;
				}
				if self
					.record(order)
					.is_some_and(|record| record.state.is_final())
				{
					return false;
				}
				tokio::time::sleep(Duration::from_millis(1)).await;
			}
		};
		let blew = tokio::time::timeout(PATIENCE, waiting)
			.await
			.expect("neither dead nor done");
		self.kill().await;
		blew
	}

	/// The value of a metric, all its labels together; 0 if it has none yet.
	pub fn metric(&self, name: &str) -> f64 {
		// As the page does: whether orders are taken changes with time alone.
		self.context.status.health();
		let text = self.context.status.metrics.encode().unwrap();
		let values = text.lines().filter_map(|line| {
			let rest = line.strip_prefix("lemma_worker_")?.strip_prefix(name)?;
			let labelled = rest.starts_with([' ', '{']);
			let value = rest.rsplit(' ').next()?;
			labelled.then(|| value.parse::<f64>().ok())?
		});
		values.sum()
	}

	/// Waits until something is so.
	pub async fn until(&self, what: &str, met: impl Fn(&Self) -> bool) {
		let waiting = async {
			while !met(self) {
				tokio::time::sleep(Duration::from_millis(2)).await;
			}
		};
		let waited = tokio::time::timeout(PATIENCE, waiting).await;
		assert!(
			waited.is_ok(),
			"waited for {what} in vain: {:?}",
			self.context.status.health()
		);
	}

	/// What hinders the worker, in its own words.
	pub fn problems(&self) -> String {
		self.context.status.health().problems.join("\n")
	}
}

/// Mines blocks until it is dropped.
pub struct Miner(JoinHandle<()>);

impl Miner {
	pub fn start(world: &Shared) -> Self {
		let world = world.clone();
		Self(tokio::spawn(async move {
			loop {
				tokio::time::sleep(BLOCK_TIME).await;
				world.lock().mine();
			}
		}))
	}
}

impl Drop for Miner {
	fn drop(&mut self) {
		self.0.abort();
	}
}

/// That the order was claimed once, paid once, never slashed, and that no transaction failed.
#[track_caller]
pub fn assert_settled_once(world: &Shared, order: OrderId, state: &State) {
	assert!(
		matches!(
			state,
			State::Settled {
				paid: Some(100),
				..
			}
		),
		"{state:?}"
	);
	let world = world.lock();
	assert_eq!(world.settlements(order), 1);
	assert_eq!(
		world.given_for(order),
		2,
		"one claim and one submission, never another"
	);
	assert_eq!(world.failures, Vec::<String>::new());
	assert_eq!(world.slashes(), 0);
}
