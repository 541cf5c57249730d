//! The worker's state machine against a chain in memory: crashes at every point, forks, lost transactions,
//! nodes that go away. Proving is replaced by something quick; everything else is the worker itself.

mod world;

use std::{
	sync::{
		atomic::{AtomicU32, AtomicU64, Ordering},
		Arc,
	},
	time::Duration,
};

use async_trait::async_trait;
use lemma_client::{Order, OrderId, OrderStatus};
use lemma_zk_circuits::{
	program::{Job, ProveError, Proved, Stage, Work},
	Prover,
};
use lemma_zk_statement::OutputElement;
use rand::{rngs::StdRng, Rng, SeedableRng};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::world::{Shared, World, OUTPUT, PROGRAM, PROOF};
use crate::{
	chain::Heads,
	config::Rules,
	context::Context,
	fuse::Fuse,
	journal::{Hash, Journal, JournalError, Record, State},
	metrics::Metrics,
	scheduler::{watch_heads, Fatal, Scheduler},
	selection::Served,
	status::Status,
	workshop::{Finished, PrepareError, Task, Workshop},
};

const BLOCK_TIME: Duration = Duration::from_millis(4);
const PATIENCE: Duration = Duration::from_secs(60);

struct QuickJob;

impl Job for QuickJob {
	fn program(&self) -> [u8; 32] {
		PROGRAM
	}

	fn shape(&self) -> String {
		"1x1x1".to_owned()
	}

	fn element(&self) -> OutputElement {
		OutputElement::I32
	}

	fn output_len(&self) -> usize {
		OUTPUT.len()
	}

	fn memory_estimate(&self) -> u64 {
		1
	}

	fn cost_estimate(&self) -> f64 {
		1.0
	}

	fn commitment(&self) -> [u8; 32] {
		[5; 32]
	}

	fn work(&self) -> Work<'_> {
		Work::Gemm {
			m: 1,
			k: 1,
			n: 1,
			a: &[1],
			b: &[1],
		}
	}

	fn prove(
		&self,
		_: &Prover,
		_: &[u8],
		_: [u8; 32],
		_: &dyn Fn(Stage),
	) -> Result<Proved, ProveError> {
		Err(ProveError::Prover("not of this world".to_owned()))
	}
}

/// Quick, and as slow or as bad as a test wants it.
#[derive(Default)]
struct QuickWorkshop {
	produced: AtomicU32,
	failures_to_come: AtomicU32,
	millis: AtomicU64,
	invalid: bool,
}

#[async_trait]
impl Workshop for QuickWorkshop {
	async fn prepare(&self, _: &Order) -> Result<Arc<dyn Job>, PrepareError> {
		Ok(Arc::new(QuickJob))
	}

	async fn produce(&self, _: Arc<dyn Job>, _: Task) -> Result<Finished, String> {
		let millis = self.millis.load(Ordering::SeqCst);
		tokio::time::sleep(Duration::from_millis(millis)).await;
		self.produced.fetch_add(1, Ordering::SeqCst);
		let fails = self
			.failures_to_come
			.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
				left.checked_sub(1)
			})
			.is_ok();
		if fails {
			return Err("it was to fail".to_owned());
		}
		let proof = if self.invalid {
			b"bad".to_vec()
		} else {
			PROOF.to_vec()
		};
		Ok(Finished {
			output: OUTPUT.to_vec(),
			proof,
			stages: vec![("wrap".to_owned(), 1)],
		})
	}

	fn warm(&self, _: &dyn Job) {}

	fn estimate_seconds(&self, _: &dyn Job) -> f64 {
		1.0
	}

	fn forget(&self, _: &Hash) {}
}

fn rules() -> Rules {
	Rules {
		programs: vec![],
		min_price: 0,
		min_price_per_second: 0,
		max_input_bytes: 1_000,
		max_memory_bytes: 1_000,
		claim: true,
		rescue: true,
		safety_factor: 1.0,
	}
}

/// A worker's life: the folder outlives it.
struct Life {
	context: Arc<Context>,
	stop: CancellationToken,
	abandon: CancellationToken,
	running: tokio::task::JoinHandle<Result<(), Fatal>>,
	watching: tokio::task::JoinHandle<Result<(), Fatal>>,
}

impl Life {
	fn begin(
		world: &Shared,
		folder: &std::path::Path,
		fuse: Fuse,
		workshop: Arc<QuickWorkshop>,
	) -> Self {
		let journal = Journal::open(&folder.join("journal.redb"), fuse).unwrap();
		journal.bind([9; 32]).unwrap();
		let built_in = [("quick".to_owned(), "quick".to_owned(), PROGRAM)];
		let context = Arc::new(Context::new(
			Arc::new(world.clone()),
			Arc::new(journal),
			workshop,
			Status::new(Metrics::new()),
			rules(),
			Served::resolve(&[], &built_in).unwrap(),
			Duration::from_secs(3_600),
		));
		let (stop, abandon) = (CancellationToken::new(), CancellationToken::new());
		let (publish, heads) = watch::channel(Heads::default());
		let watching = tokio::spawn(watch_heads(
			context.clone(),
			publish,
			Duration::from_millis(1),
			"the folder".to_owned(),
			abandon.clone(),
		));
		let running = {
			let (context, stop, abandon) = (context.clone(), stop.clone(), abandon.clone());
			let mut heads = heads;
			tokio::spawn(async move {
				let _ = heads.changed().await;
				Scheduler::new(context, heads, 1).run(stop, abandon).await
			})
		};
		Self {
			context,
			stop,
			abandon,
			running,
			watching,
		}
	}

	fn record(&self, order: OrderId) -> Option<Record> {
		self.context.journal.get(order).unwrap()
	}

	/// Waits until the journal says that the order is over.
	async fn ended(&self, order: OrderId) -> State {
		self.reaches(order, State::is_final).await
	}

	async fn reaches(&self, order: OrderId, wanted: impl Fn(&State) -> bool) -> State {
		let waiting = async {
			loop {
				match self.record(order) {
					Some(record) if wanted(&record.state) => return record.state,
					_ => tokio::time::sleep(Duration::from_millis(2)).await,
				}
			}
		};
		match tokio::time::timeout(PATIENCE, waiting).await {
			Ok(state) => state,
			Err(_) => panic!("order {order} stands still: {:?}", self.record(order)),
		}
	}

	/// Ends the life without ceremony, and frees the journal.
	async fn kill(self) {
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

	/// Waits for the fuse to blow, then frees the journal. Whether it blew before the order was over.
	async fn dies(self, order: OrderId) -> bool {
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
}

/// Mines blocks until it is dropped.
struct Miner(tokio::task::JoinHandle<()>);

impl Miner {
	fn start(world: &Shared) -> Self {
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

fn quick() -> Arc<QuickWorkshop> {
	Arc::new(QuickWorkshop::default())
}

#[track_caller]
fn assert_settled_once(world: &Shared, order: OrderId, state: &State) {
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
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_be_claimed_proven_and_settled() {
	let (world, folder) = (World::start(), tempfile::tempdir().unwrap());
	let _miner = Miner::start(&world);
	let life = Life::begin(&world, folder.path(), Fuse::default(), quick());
	let order = world.lock().post(100, 5_000, 50_000);
	assert_settled_once(&world, order, &life.ended(order).await);
	let names: Vec<_> = life
		.record(order)
		.unwrap()
		.history
		.into_iter()
		.map(|(_, name)| name)
		.collect();
	assert_eq!(
		names,
		[
			"seen",
			"fetched",
			"claiming",
			"claim-signed",
			"claimed",
			"proving",
			"proved",
			"submit-signed",
			"submitted",
			"settled"
		]
	);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_settle_once_when_the_worker_dies_at_any_point() {
	let states = [
		"seen",
		"fetched",
		"claiming",
		"claim-signed",
		"claimed",
		"proving",
		"proved",
		"submit-signed",
		"submitted",
		"settled",
	];
	let mut points: Vec<String> = states
		.iter()
		.flat_map(|state| [format!("before-{state}"), format!("after-{state}")])
		.collect();
	for sending in ["claim", "submission"] {
		points.extend([
			format!("before-send-{sending}"),
			format!("after-send-{sending}"),
		]);
	}
	for point in points {
		// At once after the death, and after blocks that the dead worker did not see.
		for blocks_missed in [0, 6] {
			let (world, folder) = (World::start(), tempfile::tempdir().unwrap());
			let order = world.lock().post(100, 5_000, 50_000);
			let miner = Miner::start(&world);
			let life = Life::begin(&world, folder.path(), Fuse::gentle(&point), quick());
			assert!(
				life.dies(order).await || point == "after-settled",
				"{point} was not passed"
			);
			drop(miner);
			for _ in 0..blocks_missed {
				world.lock().mine();
			}
			let _miner = Miner::start(&world);
			let life = Life::begin(&world, folder.path(), Fuse::default(), quick());
			eprintln!("died at {point}, missed {blocks_missed} blocks");
			assert_settled_once(&world, order, &life.ended(order).await);
			life.kill().await;
		}
	}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_claim_should_die_out_before_another_is_signed() {
	let (world, folder) = (World::start(), tempfile::tempdir().unwrap());
	let order = world.lock().post(100, 5_000, 50_000);
	let miner = Miner::start(&world);
	let life = Life::begin(
		&world,
		folder.path(),
		Fuse::gentle("before-send-claim"),
		quick(),
	);
	assert!(life.dies(order).await);
	drop(miner);
	for _ in 0..300 {
		world.lock().mine();
	}
	let _miner = Miner::start(&world);
	let life = Life::begin(&world, folder.path(), Fuse::default(), quick());
	// The claim that was never sent is over; the new one alone is given to the node.
	assert_settled_once(&world, order, &life.ended(order).await);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_should_be_sent_again_unchanged_when_its_block_is_left_and_the_pool_lost_it() {
	let (world, folder) = (World::start(), tempfile::tempdir().unwrap());
	let order = world.lock().post(100, 5_000, 50_000);
	for _ in 0..4 {
		world.lock().mine();
	}
	let workshop = quick();
	workshop.millis.store(50, Ordering::SeqCst);
	let miner = Miner::start(&world);
	let life = Life::begin(&world, folder.path(), Fuse::default(), workshop.clone());
	life.reaches(order, |state| *state == State::Proving).await;
	drop(miner);
	let was_claimed = matches!(
		world.lock().status(order),
		Some(OrderStatus::Claimed { .. })
	);
	assert!(was_claimed);
	world.lock().reorganise(2, true);
	let _miner = Miner::start(&world);
	assert_settled_once(&world, order, &life.ended(order).await);
	assert_eq!(
		workshop.produced.load(Ordering::SeqCst),
		1,
		"the work in hand is kept"
	);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_be_let_be_when_another_claims_it_first() {
	let (world, folder) = (World::start(), tempfile::tempdir().unwrap());
	let order = world.lock().post(100, 5_000, 50_000);
	world.lock().forgetful = true;
	let _miner = Miner::start(&world);
	let life = Life::begin(&world, folder.path(), Fuse::default(), quick());
	life.reaches(order, |state| *state == State::ClaimSigned)
		.await;
	world.lock().claim_by_other(order);
	let state = life.ended(order).await;
	assert!(matches!(state, State::Lost { .. }), "{state:?}");
	world.lock().forgetful = false;
	let next = world.lock().post(100, 5_000, 50_000);
	assert!(matches!(life.ended(next).await, State::Settled { .. }));
	assert!(
		life.context.status.health().taking_orders,
		"losing a race is no failure"
	);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_another_missed_should_be_rescued_without_a_claim() {
	let (world, folder) = (World::start(), tempfile::tempdir().unwrap());
	let order = world.lock().post(100, 5, 50_000);
	world.lock().claim_by_other(order);
	let _miner = Miner::start(&world);
	let life = Life::begin(&world, folder.path(), Fuse::default(), quick());
	let state = life.ended(order).await;
	assert!(matches!(state, State::Settled { .. }), "{state:?}");
	assert_eq!(world.lock().given_for(order), 1, "the submission alone");
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missed_order_should_still_be_proven_and_pause_the_worker() {
	let (world, folder) = (World::start(), tempfile::tempdir().unwrap());
	let workshop = quick();
	workshop.millis.store(150, Ordering::SeqCst);
	let order = world.lock().post(100, 8, 50_000);
	let _miner = Miner::start(&world);
	let life = Life::begin(&world, folder.path(), Fuse::default(), workshop.clone());
	let state = life.ended(order).await;
	assert!(matches!(state, State::Settled { .. }), "{state:?}");
	let next = world.lock().post(100, 5_000, 50_000);
	for _ in 0..10 {
		tokio::time::sleep(BLOCK_TIME).await;
	}
	assert_eq!(life.record(next), None, "no orders are taken after a miss");
	let problems = life.context.status.health().problems;
	assert!(
		problems
			.iter()
			.any(|problem| problem.contains("not proven in time")),
		"{problems:?}"
	);
	// The pause outlives the process.
	life.kill().await;
	let life = Life::begin(&world, folder.path(), Fuse::default(), workshop);
	tokio::time::sleep(BLOCK_TIME * 10).await;
	assert_eq!(life.record(next), None);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_fail_and_pause_the_worker_when_proving_fails_twice() {
	let (world, folder) = (World::start(), tempfile::tempdir().unwrap());
	let workshop = quick();
	workshop.failures_to_come.store(1, Ordering::SeqCst);
	let _miner = Miner::start(&world);
	let life = Life::begin(&world, folder.path(), Fuse::default(), workshop.clone());
	let order = world.lock().post(100, 5_000, 50_000);
	let state = life.ended(order).await;
	assert!(
		matches!(state, State::Settled { .. }),
		"one failure is borne: {state:?}"
	);
	workshop.failures_to_come.store(2, Ordering::SeqCst);
	let order = world.lock().post(100, 5_000, 50_000);
	let state = life.ended(order).await;
	assert!(matches!(state, State::Failed { .. }), "{state:?}");
	tokio::time::sleep(Duration::from_millis(20)).await;
	assert!(!life.context.status.health().taking_orders);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_submission_should_be_tried_twice_when_the_chain_refuses_the_proof() {
	let (world, folder) = (World::start(), tempfile::tempdir().unwrap());
	let workshop = Arc::new(QuickWorkshop {
		invalid: true,
		..QuickWorkshop::default()
	});
	let order = world.lock().post(100, 5_000, 50_000);
	let _miner = Miner::start(&world);
	let life = Life::begin(&world, folder.path(), Fuse::default(), workshop);
	let state = life.ended(order).await;
	assert!(matches!(&state, State::Failed { reason } if reason.contains("ProofInvalid")));
	assert_eq!(world.lock().failures.len(), 2);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_settle_when_the_node_goes_away_and_comes_back() {
	let (world, folder) = (World::start(), tempfile::tempdir().unwrap());
	let order = world.lock().post(100, 5_000, 50_000);
	let _miner = Miner::start(&world);
	let life = Life::begin(&world, folder.path(), Fuse::default(), quick());
	life.reaches(order, |state| *state == State::ClaimSigned)
		.await;
	world.lock().away = true;
	tokio::time::sleep(Duration::from_millis(700)).await;
	let health = life.context.status.health();
	assert_eq!((health.status, health.connected), ("degraded", false));
	world.lock().away = false;
	assert_settled_once(&world, order, &life.ended(order).await);
	assert_eq!(life.context.status.health().status, "ok");
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_should_be_claimed_before_the_account_is_a_provider() {
	let (world, folder) = (World::start(), tempfile::tempdir().unwrap());
	world.lock().register(false);
	let order = world.lock().post(100, 5_000, 50_000);
	let _miner = Miner::start(&world);
	let life = Life::begin(&world, folder.path(), Fuse::default(), quick());
	tokio::time::sleep(BLOCK_TIME * 10).await;
	assert_eq!(life.record(order), None);
	let problems = life.context.status.health().problems;
	assert!(
		problems[0].contains("lemma provider register"),
		"{problems:?}"
	);
	world.lock().register(true);
	assert_settled_once(&world, order, &life.ended(order).await);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_should_be_signed_anew_when_another_transaction_took_its_nonce() {
	let (world, folder) = (World::start(), tempfile::tempdir().unwrap());
	let order = world.lock().post(100, 5_000, 50_000);
	world.lock().forgetful = true;
	let _miner = Miner::start(&world);
	let life = Life::begin(&world, folder.path(), Fuse::default(), quick());
	life.reaches(order, |state| *state == State::ClaimSigned)
		.await;
	{
		let mut world = world.lock();
		world.empty_pool();
		world.foreign_transaction();
		world.forgetful = false;
	}
	let state = life.ended(order).await;
	assert!(matches!(state, State::Settled { .. }), "{state:?}");
	assert_eq!(world.lock().settlements(order), 1);
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settlement_should_be_known_when_the_receipt_was_removed_at_once() {
	let (world, folder) = (World::start(), tempfile::tempdir().unwrap());
	let order = world.lock().post(100, 5_000, 50_000);
	let miner = Miner::start(&world);
	let life = Life::begin(
		&world,
		folder.path(),
		Fuse::gentle("after-submitted"),
		quick(),
	);
	assert!(life.dies(order).await);
	while !world.lock().settled(order) {
		tokio::time::sleep(BLOCK_TIME).await;
	}
	drop(miner);
	for _ in 0..3 {
		world.lock().mine();
		world.lock().remove_receipt(order);
	}
	let _miner = Miner::start(&world);
	let life = Life::begin(&world, folder.path(), Fuse::default(), quick());
	let state = life.ended(order).await;
	assert!(matches!(state, State::Settled { .. }), "{state:?}");
	life.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_worker_should_finish_what_it_claimed_and_take_nothing_new() {
	let (world, folder) = (World::start(), tempfile::tempdir().unwrap());
	let workshop = quick();
	workshop.millis.store(60, Ordering::SeqCst);
	let order = world.lock().post(100, 5_000, 50_000);
	let _miner = Miner::start(&world);
	let life = Life::begin(&world, folder.path(), Fuse::default(), workshop);
	life.reaches(order, |state| *state == State::Proving).await;
	let next = world.lock().post(100, 5_000, 50_000);
	life.stop.cancel();
	let Life {
		context,
		running,
		watching,
		abandon,
		..
	} = life;
	tokio::time::timeout(PATIENCE, running)
		.await
		.unwrap()
		.unwrap()
		.unwrap();
	assert_eq!(
		context.journal.get(order).unwrap().unwrap().state,
		State::Submitted
	);
	assert_eq!(context.journal.get(next).unwrap(), None);
	abandon.cancel();
	watching.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_worker_should_refuse_a_chain_that_was_started_afresh() {
	let (world, folder) = (World::start(), tempfile::tempdir().unwrap());
	for _ in 0..30 {
		world.lock().mine();
	}
	let life = Life::begin(&world, folder.path(), Fuse::default(), quick());
	while life.context.journal.finalized().unwrap().is_none() {
		tokio::time::sleep(Duration::from_millis(1)).await;
	}
	life.kill().await;
	// The same genesis, other blocks.
	let world = World::start();
	world.lock().salt = 1_000;
	for _ in 0..20 {
		world.lock().mine();
	}
	let life = Life::begin(&world, folder.path(), Fuse::default(), quick());
	tokio::time::sleep(Duration::from_millis(50)).await;
	let problems = life.context.status.health().problems.join(" ");
	assert!(problems.contains("catching up"), "{problems}");
	// It grows beyond what was seen, with other blocks.
	for _ in 0..20 {
		world.lock().mine();
	}
	let fatal = tokio::time::timeout(PATIENCE, life.watching)
		.await
		.unwrap()
		.unwrap();
	assert!(
		matches!(fatal, Err(Fatal::OtherHistory { .. })),
		"{fatal:?}"
	);
}

/// Deaths, forks, losses and absences at random, many times over: every order still settles exactly once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_should_settle_once_whatever_happens() {
	let points = [
		"after-claim-signed",
		"before-send-claim",
		"after-send-claim",
		"before-claimed",
		"after-proving",
		"before-proved",
		"after-proved",
		"after-submit-signed",
		"before-send-submission",
		"after-send-submission",
		"before-settled",
	];
	for seed in 0..12 {
		let mut random = StdRng::seed_from_u64(seed);
		let (world, folder) = (World::start(), tempfile::tempdir().unwrap());
		let orders: Vec<_> = (0..2)
			.map(|_| world.lock().post(100, 5_000, 50_000))
			.collect();
		// Their postings are final, so that no fork undoes them.
		for _ in 0..3 {
			world.lock().mine();
		}
		let _miner = Miner::start(&world);
		let deaths = random.gen_range(1..4);
		for _ in 0..deaths {
			let fuse = Fuse::gentle(points[random.gen_range(0..points.len())]);
			let life = Life::begin(&world, folder.path(), fuse, quick());
			for _ in 0..random.gen_range(0..6) {
				tokio::time::sleep(Duration::from_millis(random.gen_range(1..12))).await;
				let mut world = world.lock();
				match random.gen_range(0..4) {
					0 => world.reorganise(random.gen_range(1..3), random.gen()),
					1 => world.empty_pool(),
					2 => world.forgetful = random.gen(),
					_ => {}
				}
			}
			world.lock().forgetful = false;
			life.kill().await;
		}
		let life = Life::begin(&world, folder.path(), Fuse::default(), quick());
		for order in orders {
			let state = life.ended(order).await;
			assert!(
				matches!(state, State::Settled { .. }),
				"seed {seed}: {state:?}"
			);
			let world = world.lock();
			assert_eq!(world.settlements(order), 1, "seed {seed}");
			assert!(
				world.given_for(order) <= 2 + world.failures.len() + 2 * deaths,
				"seed {seed}: {} transactions for one order",
				world.given_for(order)
			);
		}
		life.kill().await;
	}
}

#[test]
fn a_journal_should_refuse_another_chain() {
	let folder = tempfile::tempdir().unwrap();
	let journal = Journal::open(&folder.path().join("journal.redb"), Fuse::default()).unwrap();
	journal.bind([9; 32]).unwrap();
	assert!(matches!(
		journal.bind([8; 32]),
		Err(JournalError::OtherChain { .. })
	));
}
