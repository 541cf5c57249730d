//! A development chain, a worker, what is between them, and what they say.

use std::{
	fs::File,
	io::{Read, Write},
	net::{Shutdown, TcpListener, TcpStream},
	path::{Path, PathBuf},
	process::{Child, Command, ExitStatus, Stdio},
	sync::{Arc, Mutex},
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
pub const PATIENCE: Duration = Duration::from_secs(240);

/// A process that does not outlive the test.
pub struct Process(pub Child);

impl Process {
	pub fn start(command: &mut Command, log: &Path) -> Self {
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

	pub fn signal(&self, name: &str) {
		let pid = self.0.id().to_string();
		assert!(Command::new("kill")
			.args([name, &pid])
			.status()
			.unwrap()
			.success());
	}

	pub fn wait(&mut self) -> ExitStatus {
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

pub fn free_port() -> u16 {
	TcpListener::bind("127.0.0.1:0")
		.unwrap()
		.local_addr()
		.unwrap()
		.port()
}

/// A worker's program, with what every worker here is told.
pub fn worker_command(key: &str, url: &str, folder: &Path, data_dir: &Path) -> Command {
	// A file that cannot grow is an error, not the end: as a full disk is.
	let mut command = Command::new("bash");
	command
		.args(["-c", r#"trap "" XFSZ; exec "$0" "$@""#])
		.arg(env!("CARGO_BIN_EXE_lemma-worker"))
		.args(["run", "--key", key, "--backend", "cpu", "--node", url])
		.args(["--poll-milliseconds", "100"])
		.arg("--store")
		.arg(folder.join("store"))
		.arg("--data-dir")
		.arg(data_dir);
	command
}

/// A development chain with Bob as a registered provider.
pub struct Net {
	pub client: Client,
	pub url: String,
	pub folder: tempfile::TempDir,
	pub bob: Keys,
	node: Process,
	nodes: u32,
}

impl Net {
	pub async fn start() -> Self {
		let folder = tempfile::tempdir().unwrap();
		let (node, url, client) = Self::start_node(folder.path(), 1).await;
		let bob = Keys::from_uri("//Bob").unwrap();
		let net = Self {
			client,
			url,
			folder,
			bob,
			node,
			nodes: 1,
		};
		let register = Call::register_provider(1_000 * UNIT, &profile());
		net.client.submit(&register, &net.bob).await.unwrap();
		net
	}

	/// Starts the node, on ports that it chooses itself and tells in its log.
	async fn start_node(folder: &Path, number: u32) -> (Process, String, Client) {
		let program = Path::new(env!("CARGO_BIN_EXE_lemma-worker")).with_file_name("lemma-node");
		assert!(
			program.is_file(),
			"{} is not built: run `cargo build --release -p lemma-node`",
			program.display()
		);
		let log = folder.join(format!("node-{number}.log"));
		let mut process = Process::start(
			Command::new(program)
				.args(["--dev", "--no-prometheus", "--no-telemetry"])
				.args(["--rpc-port", "0", "--port", "0"])
				.arg("--base-path")
				.arg(folder.join("node")),
			&log,
		);
		let began = Instant::now();
		loop {
			let text = std::fs::read_to_string(&log).unwrap_or_default();
			let ended = process.0.try_wait().unwrap();
			assert!(
				began.elapsed() < PATIENCE && ended.is_none(),
				"no node ({ended:?}):\n{text}"
			);
			if let Some(port) = rpc_port(&text) {
				let url = format!("ws://127.0.0.1:{port}");
				if let Ok(client) = Client::connect(&url).await {
					return (process, url, client);
				}
			}
			tokio::time::sleep(Duration::from_millis(200)).await;
		}
	}

	/// Ends the node and starts it again on what it has on disk, at another address.
	pub async fn restart_node(&mut self) {
		self.node.signal("-TERM");
		self.node.wait();
		self.nodes += 1;
		(self.node, self.url, self.client) = Self::start_node(self.folder.path(), self.nodes).await;
	}

	/// Posts a product of small matrices of int8 values, inline.
	pub async fn post(&self, seed: usize) -> (OrderId, Vec<u8>) {
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

	/// Starts a worker, which dies at a point if one is named.
	pub fn worker(&self, crash_at: Option<&str>) -> Process {
		self.worker_at(&self.url, &["--metrics", "off"], crash_at)
	}

	/// Starts a worker that reaches its node at another address.
	pub fn worker_at(&self, url: &str, settings: &[&str], crash_at: Option<&str>) -> Process {
		let mut command = worker_command("//Bob", url, self.folder.path(), &self.data_dir());
		command.args(settings);
		if let Some(point) = crash_at {
			command.env("LEMMA_WORKER_CRASH_AT", point);
		}
		Process::start(&mut command, &self.folder.path().join("worker.log"))
	}

	/// The state that the worker's journal gives the order, read by the worker's own command.
	pub fn state(&self, order: OrderId) -> Option<String> {
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

	pub async fn reaches(&self, order: OrderId, wanted: &str) {
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

	pub fn log(&self) -> String {
		let mut log = String::new();
		let _ = File::open(self.folder.path().join("worker.log"))
			.and_then(|mut file| file.read_to_string(&mut log));
		log
	}

	pub async fn receipt(&self, order: OrderId) -> Option<Receipt> {
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

	pub async fn assert_settled_once(&self, order: OrderId, output: &[u8]) {
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

	/// The account's nonce, blocks included that are not final yet.
	pub async fn nonce_now(&self, account: &AccountId) -> u64 {
		self.client.nonce(account, At::Best).await.unwrap()
	}

	/// The account's nonce in final state.
	pub async fn nonce(&self, account: &AccountId) -> u64 {
		self.client.nonce(account, At::Finalized).await.unwrap()
	}
}

/// The port on which a node says that it listens.
fn rpc_port(log: &str) -> Option<u16> {
	let (_, addresses) = log.split_once("Running JSON-RPC server: addr=")?;
	let line = addresses.lines().next()?;
	let mut ports = line
		.split(',')
		.filter_map(|address| address.trim().strip_prefix("127.0.0.1:"));
	ports.next()?.parse().ok()
}

/// A provider's profile.
pub fn profile() -> Profile {
	Profile {
		endpoint: Default::default(),
		backend: Backend::Cpu,
		programs: Default::default(),
	}
}

/// Passes connections on to a node, unless the wire is cut.
pub struct Wire {
	port: u16,
	ends: Arc<Mutex<Ends>>,
}

struct Ends {
	node: Option<u16>,
	open: Vec<TcpStream>,
}

impl Wire {
	/// A wire to the node at this URL.
	pub fn to(url: &str) -> Self {
		let listener = TcpListener::bind("127.0.0.1:0").unwrap();
		let port = listener.local_addr().unwrap().port();
		let ends = Arc::new(Mutex::new(Ends {
			node: Some(port_of(url)),
			open: vec![],
		}));
		let theirs = ends.clone();
		std::thread::spawn(move || {
			for near in listener.incoming().flatten() {
				let Some(node) = theirs.lock().unwrap().node else {
					continue;
				};
				if let Ok(far) = TcpStream::connect(("127.0.0.1", node)) {
					join(near, far, &theirs);
				}
			}
		});
		Self { port, ends }
	}

	/// Where the worker finds it.
	pub fn url(&self) -> String {
		format!("ws://127.0.0.1:{}", self.port)
	}

	/// Cuts it.
	pub fn cut(&self) {
		let mut ends = self.ends.lock().unwrap();
		ends.node = None;
		for end in ends.open.drain(..) {
			let _ = end.shutdown(Shutdown::Both);
		}
	}

	/// Mends it, to the node at this URL.
	pub fn mend(&self, url: &str) {
		self.ends.lock().unwrap().node = Some(port_of(url));
	}
}

fn port_of(url: &str) -> u16 {
	url.rsplit(':').next().unwrap().parse().unwrap()
}

/// Passes on what comes at either end.
fn join(near: TcpStream, far: TcpStream, ends: &Mutex<Ends>) {
	let pairs = [(&near, &far), (&far, &near)];
	for (from, to) in pairs {
		let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
		std::thread::spawn(move || {
			let _ = std::io::copy(&mut from, &mut to);
			let _ = to.shutdown(Shutdown::Both);
		});
	}
	ends.lock().unwrap().open.extend([near, far]);
}

/// Waits until something is so.
pub async fn until(met: impl Fn() -> bool) {
	let began = Instant::now();
	while !met() {
		assert!(began.elapsed() < PATIENCE, "waited in vain");
		tokio::time::sleep(Duration::from_millis(200)).await;
	}
}

/// A page of the worker's; empty if it does not answer.
pub fn get(port: u16, path: &str) -> String {
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

/// The value of a metric; none if it is not told.
pub fn metric(port: u16, name: &str) -> Option<f64> {
	let page = get(port, "/metrics");
	let line = page
		.lines()
		.find_map(|line| line.strip_prefix(&format!("lemma_worker_{name} ")))?;
	line.parse().ok()
}
