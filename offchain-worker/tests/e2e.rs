//! The worker against a real node: real proofs, killed in the middle, settled once.
//!
//! Needs `lemma-node` beside the worker: `cargo build --release -p lemma-node`.

use std::{
	fs::File,
	io::{Read, Write},
	net::{TcpListener, TcpStream},
	os::unix::process::ExitStatusExt,
	path::{Path, PathBuf},
	process::{Child, Command, ExitStatus, Stdio},
	time::{Duration, Instant},
};

use lemma_client::{
	calls::Call, result, AccountId, At, Client, Keys, OrderId, OrderSpec, Receipt, H256, UNIT,
};
use lemma_primitives::{
	order::{InputSource, OrderChangeKind},
	provider::{Backend, Profile},
};
use lemma_zk_circuits::{
	program::Program,
	programs::gemm::{Gemm, Operands},
};

/// Longest wait for anything, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// A process that does not outlive the test.
struct Process(Child);

impl Process {
	fn start(command: &mut Command, log: &Path) -> Self {
		let log = File::options().create(true).append(true).open(log).unwrap();
		command
			.stdin(Stdio::null())
			.stdout(log.try_clone().unwrap())
			.stderr(log)
			.env_remove("RUST_LOG");
		Self(
			command
				.spawn()
				.unwrap_or_else(|error| panic!("{command:?}: {error}")),
		)
	}

	fn signal(&self, name: &str) {
		let pid = self.0.id().to_string();
		assert!(Command::new("kill")
			.args([name, &pid])
			.status()
			.unwrap()
			.success());
	}

	fn wait(&mut self) -> ExitStatus {
		let began = Instant::now();
		loop {
			if let Some(status) = self.0.try_wait().unwrap() {
				return status;
			}
			assert!(
				began.elapsed() < PATIENCE,
				"process {} does not end",
				self.0.id()
			);
			std::thread::sleep(Duration::from_millis(20));
		}
	}
}

impl Drop for Process {
	fn drop(&mut self) {
		let _ = self.0.kill();
		let _ = self.0.wait();
	}
}

fn free_port() -> u16 {
	TcpListener::bind("127.0.0.1:0")
		.unwrap()
		.local_addr()
		.unwrap()
		.port()
}

/// A development chain with Bob as a registered provider.
struct Net {
	client: Client,
	url: String,
	folder: tempfile::TempDir,
	bob: Keys,
	_node: Process,
}

impl Net {
	async fn start() -> Self {
		let node = Path::new(env!("CARGO_BIN_EXE_lemma-worker")).with_file_name("lemma-node");
		assert!(
			node.is_file(),
			"{} is not built: run `cargo build --release -p lemma-node`",
			node.display()
		);
		let folder = tempfile::tempdir().unwrap();
		let port = free_port();
		let process = Process::start(
			Command::new(node)
				.args(["--dev", "--no-prometheus", "--no-telemetry"])
				.args([
					"--rpc-port",
					&port.to_string(),
					"--port",
					&free_port().to_string(),
				])
				.arg("--base-path")
				.arg(folder.path().join("node")),
			&folder.path().join("node.log"),
		);
		let url = format!("ws://127.0.0.1:{port}");
		let began = Instant::now();
		let client = loop {
			match Client::connect(&url).await {
				Ok(client) => break client,
				Err(error) => assert!(began.elapsed() < PATIENCE, "no node: {error}"),
			}
			tokio::time::sleep(Duration::from_millis(200)).await;
		};
		let bob = Keys::from_uri("//Bob").unwrap();
		let net = Self {
			client,
			url,
			folder,
			bob,
			_node: process,
		};
		let profile = Profile {
			endpoint: Default::default(),
			backend: Backend::Cpu,
			programs: Default::default(),
		};
		net.client
			.submit(&Call::register_provider(1_000 * UNIT, &profile), &net.bob)
			.await
			.unwrap();
		net
	}

	/// Posts a product of small matrices of int8 values, inline.
	async fn post(&self, seed: usize) -> (OrderId, Vec<u8>) {
		let (m, k, n) = (40, 50, 45);
		let values = |count: usize, step: usize| -> Vec<i8> {
			(0..count).map(|i| (i * step + seed) as u8 as i8).collect()
		};
		let operands = Operands::new(m, k, n, values(m * k, 37), values(k * n, 101)).unwrap();
		let blob = operands.encode();
		let job = Gemm.open(&blob).unwrap();
		let spec = OrderSpec {
			program: H256(job.program()),
			commitment: H256(job.commitment()),
			input: InputSource::Inline(blob.try_into().unwrap()),
			output_len: u32::try_from(job.output_len()).unwrap(),
			min_price: UNIT,
			max_price: UNIT,
			ramp: 0,
			claim_window: 120,
			lifetime: 400,
		};
		let alice = Keys::from_uri("//Alice").unwrap();
		let posted = self
			.client
			.submit(&Call::post_order(&spec), &alice)
			.await
			.unwrap();
		(
			posted.posted_order().unwrap(),
			lemma_zk_circuits::programs::gemm::reference::output(&operands),
		)
	}

	fn data_dir(&self) -> PathBuf {
		self.folder.path().join("worker")
	}

	fn worker(&self, crash_at: Option<&str>) -> Process {
		let mut command = Command::new(env!("CARGO_BIN_EXE_lemma-worker"));
		command
			.args([
				"run",
				"--key",
				"//Bob",
				"--metrics",
				"off",
				"--backend",
				"cpu",
			])
			.args(["--node", &self.url, "--poll-milliseconds", "100"])
			.arg("--store")
			.arg(self.folder.path().join("store"))
			.arg("--data-dir")
			.arg(self.data_dir());
		if let Some(point) = crash_at {
			command.env("LEMMA_WORKER_CRASH_AT", point);
		}
		Process::start(&mut command, &self.folder.path().join("worker.log"))
	}

	/// The state that the worker's journal gives the order, read by the worker's own command.
	fn state(&self, order: OrderId) -> Option<String> {
		let output = Command::new(env!("CARGO_BIN_EXE_lemma-worker"))
			.args([
				"journal",
				"--json",
				"--order",
				&order.to_string(),
				"--data-dir",
			])
			.arg(self.data_dir())
			.output()
			.unwrap();
		let record: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
		record["state"].as_str().map(str::to_owned)
	}

	async fn reaches(&self, order: OrderId, wanted: &str) {
		let ends = ["settled", "lost", "expired", "refused", "failed"];
		let began = Instant::now();
		loop {
			let state = self.state(order).unwrap_or_default();
			if state == wanted {
				return;
			}
			assert!(
				began.elapsed() < PATIENCE && !ends.contains(&state.as_str()),
				"order {order} is {state}, not {wanted}:\n{}",
				self.log()
			);
			tokio::time::sleep(Duration::from_millis(100)).await;
		}
	}

	fn log(&self) -> String {
		let mut log = String::new();
		let _ = File::open(self.folder.path().join("worker.log"))
			.and_then(|mut file| file.read_to_string(&mut log));
		log
	}

	async fn receipt(&self, order: OrderId) -> Option<Receipt> {
		self.client.receipt(order, At::Finalized).await.unwrap()
	}

	/// How often the order was claimed and settled in all finalized blocks.
	async fn claims_and_settlements(&self, order: OrderId) -> (usize, usize) {
		let (mut claims, mut settlements) = (0, 0);
		let last = self.client.finalized().await.unwrap().number;
		for number in 1..=last {
			let block = self.client.block_hash(number).await.unwrap().unwrap();
			for change in self.client.order_changes(block).await.unwrap() {
				if change.order != order {
					continue;
				}
				match change.kind {
					OrderChangeKind::Claimed { .. } => claims += 1,
					OrderChangeKind::Settled { .. } => settlements += 1,
					_ => {}
				}
			}
		}
		(claims, settlements)
	}

	async fn assert_settled_once(&self, order: OrderId, output: &[u8]) {
		self.reaches(order, "settled").await;
		let receipt = self
			.receipt(order)
			.await
			.expect("a receipt in finalized state");
		assert_eq!(receipt.provider, self.bob.account());
		assert_eq!(receipt.paid, UNIT);
		assert_eq!(self.claims_and_settlements(order).await, (1, 1));
		let evidence = result::fetch(&self.client, order, At::Finalized)
			.await
			.unwrap();
		assert_eq!(evidence.submission.output, output, "the product");
		let report = evidence.check(self.client.genesis_hash(), None);
		assert!(report.passed(), "{:?}", report.first_failure());
	}

	async fn nonce(&self, account: &AccountId) -> u64 {
		self.client.nonce(account, At::Finalized).await.unwrap()
	}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_settle_once_when_the_worker_is_killed_in_the_middle_of_the_proof() {
	let net = Net::start().await;
	let (order, output) = net.post(1).await;
	let mut worker = net.worker(None);
	net.reaches(order, "proving").await;
	worker.0.kill().unwrap();
	assert_eq!(worker.wait().signal(), Some(9), "killed, not ended");
	assert_eq!(
		net.state(order).as_deref(),
		Some("proving"),
		"the journal survives"
	);
	assert_eq!(net.receipt(order).await, None);

	let mut worker = net.worker(None);
	net.assert_settled_once(order, &output).await;
	// Registration, claim, submission: nothing was sent twice, nothing failed.
	assert_eq!(net.nonce(&net.bob.account()).await, 3);

	// A second order, with a polite end in the middle.
	let (order, output) = net.post(2).await;
	net.reaches(order, "proving").await;
	worker.signal("-TERM");
	let status = worker.wait();
	assert_eq!(status.code(), Some(0), "a polite end: {}", net.log());
	assert_eq!(
		net.state(order).as_deref(),
		Some("submitted"),
		"what was claimed is finished"
	);
	let _worker = net.worker(None);
	net.assert_settled_once(order, &output).await;
	assert_eq!(net.nonce(&net.bob.account()).await, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_should_settle_once_when_the_worker_dies_around_a_sending() {
	let net = Net::start().await;
	let mut nonce = 1;
	for (seed, point) in [
		"after-send-claim",
		"before-send-submission",
		"after-send-submission",
	]
	.into_iter()
	.enumerate()
	{
		let (order, output) = net.post(seed).await;
		let mut worker = net.worker(Some(point));
		assert_eq!(
			worker.wait().signal(),
			Some(6),
			"aborted at {point}: {}",
			net.log()
		);
		let _worker = net.worker(None);
		net.assert_settled_once(order, &output).await;
		nonce += 2;
		assert_eq!(net.nonce(&net.bob.account()).await, nonce, "{point}");
	}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_should_say_what_is_missing_and_go_on_when_it_is_there() {
	let net = Net::start().await;
	let port = free_port();
	let charlie = Keys::from_uri("//Charlie").unwrap();
	let log = net.folder.path().join("charlie.log");
	let mut command = Command::new(env!("CARGO_BIN_EXE_lemma-worker"));
	command
		.args([
			"run",
			"--key",
			"//Charlie",
			"--backend",
			"cpu",
			"--node",
			&net.url,
		])
		.args(["--metrics", &format!("127.0.0.1:{port}")])
		.arg("--store")
		.arg(net.folder.path().join("store"))
		.arg("--data-dir")
		.arg(net.folder.path().join("charlie"));
	let _worker = Process::start(&mut command, &log);
	let health = || get(port, "/health");
	until(|| health().contains("lemma provider register")).await;
	assert!(health().contains("\"status\": \"idle\""), "{}", health());
	let profile = Profile {
		endpoint: Default::default(),
		backend: Backend::Cpu,
		programs: Default::default(),
	};
	let register = Call::register_provider(1_000 * UNIT, &profile);
	net.client.submit(&register, &charlie).await.unwrap();
	until(|| health().contains("\"status\": \"ok\"")).await;
	let metrics = get(port, "/metrics");
	assert!(
		metrics.contains("lemma_worker_taking_orders 1"),
		"{metrics}"
	);
}

async fn until(met: impl Fn() -> bool) {
	let began = Instant::now();
	while !met() {
		assert!(began.elapsed() < PATIENCE, "waited in vain");
		tokio::time::sleep(Duration::from_millis(200)).await;
	}
}

/// A page of the worker's; empty if it does not answer.
fn get(port: u16, path: &str) -> String {
	let ask = || -> std::io::Result<String> {
		let mut stream = TcpStream::connect(("127.0.0.1", port))?;
		write!(
			stream,
			"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
		)?;
		let mut answer = String::new();
		stream.read_to_string(&mut answer)?;
		Ok(answer)
	};
	ask().unwrap_or_default()
}
