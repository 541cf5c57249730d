//! A worker's hands: the executor with processes for jobs, and a small product for them to do.
//!
//! Each of the tests needs a part of it.

#![allow(dead_code)]

use std::{
	sync::Arc,
	time::{Duration, Instant},
};

use lemma_client::{store::FetchPolicy, AccountId, Order, OrderSpec, OrderStatus, Store, H256};
use lemma_job_host::priority::Niceness;
use lemma_primitives::order::InputSource;
use lemma_worker::{
	catalogue::Catalogue,
	estimate::Estimate,
	executables::{self, Executable},
	executor::Executor,
	input::Inputs,
	jobs::{Launcher, Pool, Settings},
	metrics::Metrics,
	workshop::{Finished, Prepared, Task, Workshop},
};
use lemma_zk_circuits::{
	program::Program,
	programs::gemm::{Gemm, Operands},
};

/// Longest wait for anything, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// Processes that give way, one at a time.
pub fn settings() -> Settings {
	Settings {
		concurrency: 1,
		threads: Some(2),
		niceness: Niceness(7),
		max_memory_bytes: 8 << 30,
		time_factor: 100.0,
		gpu_patience: PATIENCE,
	}
}

/// The worker's own program as a process for jobs.
pub fn worker() -> Launcher {
	Launcher::Program {
		path: env!("CARGO_BIN_EXE_lemma-worker").into(),
		arguments: vec!["job-host".into()],
		environment: vec![],
		strange: false,
	}
}

/// See the module.
pub struct Hands {
	pub executor: Executor,
	pub pool: Arc<Pool>,
	pub metrics: Metrics,
	_folder: tempfile::TempDir,
}

impl Hands {
	pub fn new(launcher: Launcher, settings: Settings) -> Self {
		Self::with(launcher, &[], settings)
	}

	/// With programs of executables too.
	pub fn with(launcher: Launcher, executables: &[Executable], settings: Settings) -> Self {
		let folder = tempfile::tempdir().unwrap();
		let store = Store::folder(&folder.path().join("store")).unwrap();
		let metrics = Metrics::new();
		let policy = FetchPolicy::default();
		let inputs = folder.path().join("inputs");
		let inputs = Inputs::open(inputs, store, policy, 1 << 20, metrics.clone()).unwrap();
		let others = executables.iter().map(Executable::launcher);
		let pool = Pool::new(launcher, others, settings, metrics.clone());
		let mut catalogue = Catalogue::default();
		executables::load(&mut catalogue, executables, &pool).expect("they have what is allowed");
		let executor = Executor::new(
			inputs,
			catalogue,
			pool.clone(),
			Estimate::default(),
			metrics.clone(),
		);
		Self {
			executor,
			pool,
			metrics,
			_folder: folder,
		}
	}

	/// Reads and checks a product of 3x5 and 5x7.
	pub async fn prepare(&self) -> (Arc<Prepared>, Vec<u8>) {
		let (order, output) = product();
		(self.executor.prepare(&order, false).await.unwrap(), output)
	}

	/// Computes and proves it.
	pub async fn produce(&self, job: &Arc<Prepared>, attempt: u32) -> Result<Finished, String> {
		let task = Task {
			order: 1,
			program: job.facts.program,
			commitment: job.commitment,
			binding: [6; 32],
			attempt,
			claim_ends: None,
			unwanted: Arc::default(),
		};
		self.executor.produce(job.clone(), task).await
	}

	/// Whether the metrics have this line.
	pub fn assert_metric(&self, line: &str) {
		let text = self.metrics.encode().unwrap();
		assert!(text.lines().any(|one| one == line), "no {line} in\n{text}");
	}
}

/// An order of a product, and its output.
fn product() -> (Order, Vec<u8>) {
	let values = |count: usize, step: usize| -> Vec<i8> {
		(0..count).map(|i| (i * step) as u8 as i8).collect()
	};
	let operands = Operands::new(3, 5, 7, values(15, 37), values(35, 101)).unwrap();
	let blob = operands.encode();
	let job = Gemm.open(&blob).unwrap();
	let output_len = u32::try_from(job.output_len()).unwrap();
	let order = order(job.program(), job.commitment(), blob, output_len);
	(order, job.work().reference())
}

/// An order.
pub fn order(program: [u8; 32], commitment: [u8; 32], input: Vec<u8>, output_len: u32) -> Order {
	let spec = OrderSpec {
		program: H256(program),
		commitment: H256(commitment),
		input: InputSource::Inline(input.try_into().unwrap()),
		output_len,
		min_price: 1,
		max_price: 1,
		ramp: 0,
		claim_window: 10,
		lifetime: 100,
	};
	Order {
		requester: AccountId::new([3; 32]),
		spec,
		posted_at: 1,
		deadline: 101,
		collateral: 1,
		deposit: 1,
		settlement_fee: 1,
		status: OrderStatus::Open,
	}
}

/// Waits until something is so.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
	let began = Instant::now();
	while !so() {
		assert!(began.elapsed() < PATIENCE, "never: {what}");
		std::thread::sleep(Duration::from_millis(20));
	}
}

/// Whether a process runs. One that is dead and not yet waited for does not.
pub fn runs(process: u32) -> bool {
	let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
	let state = stat
		.rsplit(") ")
		.next()
		.and_then(|rest| rest.chars().next());
	state.is_some_and(|state| state != 'Z' && state != 'X')
}

/// The processes that were started by `parent` and whose command line has this word.
pub fn children(parent: u32, word: &str) -> Vec<u32> {
	let processes = std::fs::read_dir("/proc").unwrap().flatten();
	let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
	let wanted = |process: &u32| {
		let read = |file| std::fs::read_to_string(format!("/proc/{process}/{file}"));
		let stat = read("stat").unwrap_or_default();
		let its = stat.rsplit(") ").next().and_then(|rest| {
			let mut fields = rest.split(' ').skip(1);
			fields.next()?.parse::<u32>().ok()
		});
		its == Some(parent) && read("cmdline").is_ok_and(|line| line.contains(word))
	};
	numbers.filter(wanted).collect()
}

/// Sends a signal.
pub fn signal(name: &str, process: u32) {
	let sent = std::process::Command::new("kill")
		.args([name, &process.to_string()])
		.status();
	assert!(sent.unwrap().success(), "kill {name} {process}");
}
