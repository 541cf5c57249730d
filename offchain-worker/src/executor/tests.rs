use std::{
	os::unix::net::UnixStream,
	sync::atomic::{AtomicUsize, Ordering},
	thread::sleep,
};

use lemma_client::{store::FetchPolicy, AccountId, OrderStatus, Store, H256};
use lemma_job_host::{
	message::{Chosen, PROTOCOL},
	priority::Niceness,
	wire::{self, Incoming},
	Machine, Reference,
};
use lemma_zk_circuits::{
	program::{Program, Work},
	programs::{
		bundles::Programs,
		gemm::{Gemm, Operands},
	},
};

use super::*;
use crate::{
	backend::Preference,
	jobs::{limits::GPU_PATIENCE, Launcher, Settings},
};

const MEMORY: u64 = 1 << 40;

const SETTINGS: Settings = Settings {
	concurrency: 1,
	threads: None,
	niceness: Niceness(0),
	max_memory_bytes: MEMORY,
	time_factor: 10.0,
	gpu_patience: GPU_PATIENCE,
};

/// A pool whose processes are threads that compute so.
fn pool(
	settings: Settings,
	machine: impl Fn() -> Box<dyn Machine> + Send + Sync + 'static,
) -> Arc<Pool> {
	let serve = move |socket| {
		// That the connection is closed is no error.
		let _ = lemma_job_host::serve_on(socket, Programs::default(), machine());
	};
	Pool::new(
		Launcher::Thread(Arc::new(serve)),
		[],
		settings,
		Metrics::new(),
	)
}

fn executor(max_memory_bytes: u64) -> (tempfile::TempDir, Executor) {
	let settings = Settings {
		max_memory_bytes,
		..SETTINGS
	};
	with(pool(settings, || Box::new(Reference)))
}

/// An executor with these processes, and the folder of its inputs.
fn with(pool: Arc<Pool>) -> (tempfile::TempDir, Executor) {
	let folder = tempfile::tempdir().unwrap();
	let store = Store::folder(&folder.path().join("store")).unwrap();
	let inputs = folder.path().join("inputs");
	let policy = FetchPolicy::default();
	let inputs = Inputs::open(inputs, store, policy, 1_000, Metrics::new()).unwrap();
	let executor = Executor::new(
		inputs,
		Catalogue::default(),
		pool,
		Estimate::default(),
		Metrics::new(),
	);
	(folder, executor)
}

/// A product of a row and a column, and the order that says of it what is so.
fn order() -> (Vec<u8>, Order) {
	let operands = Operands::new(1, 2, 1, vec![3, 4], vec![5, 6]).unwrap();
	let blob = operands.encode();
	let job = Gemm.open(&blob).unwrap();
	let spec = OrderSpec {
		program: H256(job.program()),
		commitment: H256(job.commitment()),
		input: InputSource::Inline(blob.clone().try_into().unwrap()),
		output_len: 4,
		min_price: 1,
		max_price: 1,
		ramp: 0,
		claim_window: 10,
		lifetime: 100,
	};
	let order = Order {
		requester: AccountId::new([3; 32]),
		spec,
		posted_at: 1,
		deadline: 101,
		collateral: 1,
		deposit: 1,
		settlement_fee: 1,
		status: OrderStatus::Open,
	};
	(blob, order)
}

async fn prepared(change: impl FnOnce(&mut Order)) -> Result<Arc<Prepared>, PrepareError> {
	let (_folder, executor) = executor(MEMORY);
	let (_, mut order) = order();
	change(&mut order);
	executor.prepare(&order, false).await
}

async fn refusal(change: impl FnOnce(&mut Order)) -> String {
	match prepared(change).await {
		Err(PrepareError::Refused(reason)) => reason,
		Err(error) => panic!("it is none of the order's mistakes: {error}"),
		Ok(_) => panic!("it was taken"),
	}
}

fn inline(order: &mut Order, blob: Vec<u8>) {
	order.spec.input = InputSource::Inline(blob.try_into().unwrap());
}

#[tokio::test]
async fn an_order_should_be_prepared_when_everything_is_as_it_says() {
	let job = prepared(|_| {}).await;
	assert_eq!(
		job.map(|job| job.facts.shape.clone()),
		Ok("1x2x1".to_owned())
	);
}

#[tokio::test]
async fn an_order_should_be_refused_when_anything_is_not_as_it_says() {
	let reason = refusal(|order| order.spec.commitment = H256([1; 32])).await;
	assert!(reason.contains("has the commitment"), "{reason}");
	for length in [0, 3, 5, 1 << 20] {
		let reason = refusal(|order| order.spec.output_len = length).await;
		assert!(reason.contains("has an output of 4 bytes"), "{reason}");
	}
	let other = Gemm.classes().pop().unwrap().id;
	let reason = refusal(|order| order.spec.program = H256(other)).await;
	assert!(reason.contains("another class"), "{reason}");
}

#[tokio::test]
async fn an_order_of_an_unknown_program_should_be_more_than_this_worker_can_do() {
	let unknown = prepared(|order| order.spec.program = H256([1; 32])).await;
	match unknown {
		Err(PrepareError::Unfit(reason)) => {
			assert!(reason.contains("neither built into"), "{reason}");
		}
		other => panic!("{:?}", other.map(|_| ())),
	}
}

#[tokio::test]
async fn an_order_should_be_refused_when_its_input_is_none() {
	let (blob, _) = order();
	for length in 0..blob.len() {
		let cut = blob[..length].to_vec();
		refusal(|order| inline(order, cut)).await;
	}
	refusal(|order| inline(order, [&blob[..], &[0]].concat())).await;
	refusal(|order| inline(order, vec![0xff; 8_000])).await;
	let stored = |size| InputSource::Stored {
		hash: H256([7; 32]),
		size,
		locator: Default::default(),
	};
	let reason = refusal(|order| order.spec.input = stored(0)).await;
	assert!(reason.contains("empty"), "{reason}");
	let reason = refusal(|order| order.spec.input = stored(1_001)).await;
	assert!(reason.contains("max_input_bytes"), "{reason}");
}

#[tokio::test]
async fn an_order_that_takes_more_memory_than_there_is_should_be_more_than_this_worker_can_do() {
	let (_folder, executor) = executor(1 << 20);
	match executor.prepare(&order().1, false).await {
		Err(PrepareError::Unfit(reason)) => {
			assert!(reason.contains("max_memory_bytes"), "{reason}");
		}
		other => panic!("{:?}", other.map(|_| ())),
	}
}

/// Answers whatever it is asked so, for as long as it is asked.
fn answer_always(mut socket: UnixStream, answer: &Event) {
	let mut incoming = Incoming::new(1 << 20);
	loop {
		let event = match incoming.receive::<Request>(&mut socket) {
			Ok(Some((Request::Begin { .. }, _))) => Event::Ready { protocol: PROTOCOL },
			Ok(None | Some((Request::Warm { .. } | Request::Close { .. }, _))) => continue,
			Ok(Some(_)) => answer.clone(),
			Err(_) => return,
		};
		if wire::send(&mut socket, &event, &[]).is_err() {
			return;
		}
	}
}

/// A pool whose first process answers always so, and whose others are sound.
fn unsound_at_first(answer: Event) -> Arc<Pool> {
	let started = AtomicUsize::new(0);
	let serve = move |socket| match started.fetch_add(1, Ordering::SeqCst) {
		0 => answer_always(socket, &answer),
		_ => {
			// That the connection is closed is no error.
			let _ = lemma_job_host::serve_on(socket, Programs::default(), Box::new(Reference));
		}
	};
	Pool::new(
		Launcher::Thread(Arc::new(serve)),
		[],
		SETTINGS,
		Metrics::new(),
	)
}

#[tokio::test]
async fn an_order_should_not_be_refused_for_what_is_wrong_with_a_process() {
	for answer in [
		Event::Loaded,
		Event::Failed("its program is not one of this process's".to_owned()),
		Event::Failed("there is no job 7 in this process".to_owned()),
		Event::Failed("it panicked".to_owned()),
	] {
		let (_folder, executor) = with(unsound_at_first(answer.clone()));
		let prepared = executor.prepare(&order().1, false).await;
		assert!(
			matches!(prepared, Err(PrepareError::Later(_))),
			"{answer:?}"
		);
		let prepared = executor.prepare(&order().1, false).await;
		assert!(prepared.is_ok(), "the next process reads it");

		// One that has served before is replaced at once.
		let pool = unsound_at_first(answer);
		let host = pool.take(0, None).unwrap();
		pool.give_back(host);
		let (_folder, executor) = with(pool);
		assert!(executor.prepare(&order().1, false).await.is_ok());
	}
}

#[tokio::test]
async fn an_order_should_be_refused_when_a_sound_process_says_so_of_its_input() {
	let answer = Event::Failed(format!("{OF_THE_INPUT}makes the program's parser fail"));
	let (_folder, executor) = with(unsound_at_first(answer));
	for _ in 0..2 {
		let prepared = executor.prepare(&order().1, false).await;
		assert!(
			matches!(prepared, Err(PrepareError::Refused(_))),
			"the process is kept"
		);
	}
}

/// A GPU that counts its jobs, and fails; the processor as well, so that nothing is proven.
#[derive(Clone, Default)]
struct Counted {
	now: Arc<AtomicUsize>,
	most: Arc<AtomicUsize>,
	all: Arc<AtomicUsize>,
}

impl Machine for Counted {
	fn choose(&self, _: &str) -> Result<Chosen, String> {
		Ok(Chosen {
			name: CUDA.into(),
			description: "one that counts".into(),
			no_gpu: None,
		})
	}

	fn gpu(&self, _: Work<'_>) -> Result<Vec<u8>, String> {
		let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
		self.most.fetch_max(now, Ordering::SeqCst);
		self.all.fetch_add(1, Ordering::SeqCst);
		sleep(Duration::from_millis(200));
		self.now.fetch_sub(1, Ordering::SeqCst);
		Err("it counts, and does no more".into())
	}

	fn cpu(&self, _: Work<'_>) -> Result<Vec<u8>, String> {
		Err("nor does the processor".into())
	}
}

fn task(job: &Prepared) -> Task {
	Task {
		order: 1,
		program: job.facts.program,
		commitment: job.commitment,
		binding: [6; 32],
		attempt: 1,
		claim_ends: None,
		unwanted: Arc::default(),
	}
}

/// An executor whose processes, two at a time, have a GPU that counts, and a job for it.
async fn counting(gpu_patience: Duration) -> (tempfile::TempDir, Executor, Counted, Arc<Prepared>) {
	let counted = Counted::default();
	let machine = counted.clone();
	let settings = Settings {
		concurrency: 2,
		gpu_patience,
		..SETTINGS
	};
	let pool = pool(settings, move || Box::new(machine.clone()));
	assert_eq!(pool.choose(Preference::Auto).unwrap().name, CUDA);
	let (folder, executor) = with(pool);
	let job = executor.prepare(&order().1, false).await.unwrap();
	(folder, executor, counted, job)
}

#[tokio::test]
async fn jobs_at_the_same_time_should_take_turns_at_the_gpu() {
	let (_folder, executor, counted, job) = counting(GPU_PATIENCE).await;
	let (one, two) = (task(&job), task(&job));
	let (one, two) = tokio::join!(
		executor.produce(job.clone(), one),
		executor.produce(job.clone(), two)
	);
	for failed in [one, two] {
		let failed = failed.expect_err("nothing computes");
		assert!(failed.contains("nor does the processor"), "{failed}");
	}
	assert_eq!(counted.all.load(Ordering::SeqCst), 2);
	assert_eq!(counted.most.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_job_should_not_wait_for_the_gpu_for_ever_nor_when_nobody_wants_it() {
	let (_folder, executor, counted, job) = counting(Duration::from_millis(100)).await;
	let pool = executor.hands.pool.clone();
	let turn = pool.gpu_turn(|| true).expect("nobody has it");
	assert!(pool.gpu_turn(|| false).is_none());
	let failed = executor.produce(job.clone(), task(&job)).await;
	let failed = failed.expect_err("nothing computes");
	assert!(failed.contains("nor does the processor"), "{failed}");
	assert_eq!(counted.all.load(Ordering::SeqCst), 0);
	drop(turn);
	assert!(pool.gpu_turn(|| false).is_some());
}
