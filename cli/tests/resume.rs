//! Commands that order run again: on the chain on which they were interrupted, and on a development chain that was
//! started anew, with the same genesis.
//!
//! Needs `lemma-node` beside `lemma`: `cargo build --release -p lemma-node`.

use std::{
	fs::{self, File},
	io::{self, BufRead, BufReader, Read, Write},
	net::{Shutdown, TcpListener, TcpStream},
	path::{Path, PathBuf},
	process::{Child, Command, Stdio},
	sync::{
		atomic::{AtomicBool, Ordering},
		mpsc, Arc,
	},
	time::{Duration, Instant},
};

use serde_json::Value;

/// Longest wait for anything, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// A process that does not outlive the test.
struct Process(Child);

impl Drop for Process {
	fn drop(&mut self) {
		let _ = self.0.kill();
		let _ = self.0.wait();
	}
}

/// A user with two matrices, and the development chains of this machine.
struct World {
	folder: tempfile::TempDir,
	port: u16,
}

impl World {
	fn new() -> Self {
		let port = TcpListener::bind("127.0.0.1:0")
			.and_then(|listener| listener.local_addr())
			.expect("a port is free")
			.port();
		let world = Self {
			folder: tempfile::tempdir().expect("a folder"),
			port,
		};
		// More than an order holds itself: 8 KiB.
		world.npy("a.npy", "(60, 90)");
		world.npy("b.npy", "(90, 60)");
		world
	}

	fn path(&self, name: &str) -> PathBuf {
		self.folder.path().join(name)
	}

	/// Writes a matrix of 5,400 ones.
	fn npy(&self, name: &str, shape: &str) {
		self.npy_of(name, "|i1", shape, &[1; 5400]);
	}

	/// Writes a matrix.
	fn npy_of(&self, name: &str, descr: &str, shape: &str, data: &[u8]) {
		let mut header =
			format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
		while (header.len() + 11) % 64 != 0 {
			header.push(' ');
		}
		header.push('\n');
		let mut file = b"\x93NUMPY\x01\x00".to_vec();
		file.extend((header.len() as u16).to_le_bytes());
		file.extend(header.as_bytes());
		file.extend(data);
		fs::write(self.path(name), file).expect("written");
	}

	/// Starts a development chain of its own; all of them have the same genesis.
	fn chain(&self, name: &str) -> Process {
		let node = Path::new(env!("CARGO_BIN_EXE_lemma")).with_file_name("lemma-node");
		assert!(
			node.is_file(),
			"{} is not built: run `cargo build --release -p lemma-node`",
			node.display()
		);
		let log = File::create(self.path(name).with_extension("log")).expect("a log");
		let mut process = Process(
			Command::new(node)
				.args(["--dev", "--no-prometheus", "--no-telemetry", "--no-mdns"])
				.args(["--port", "0", "--rpc-port", &self.port.to_string()])
				.arg("--base-path")
				.arg(self.path(name))
				.stdout(Stdio::null())
				.stderr(log)
				.spawn()
				.expect("the node starts"),
		);
		let start = Instant::now();
		while self.json(&["balance", "//Alice"])["free"].is_null() {
			let ended = process.0.try_wait().expect("asked");
			assert!(ended.is_none(), "the node has ended: {ended:?}");
			assert!(start.elapsed() < PATIENCE, "the node does not answer");
			std::thread::sleep(Duration::from_millis(100));
		}
		process
	}

	fn lemma(&self, arguments: &[&str]) -> Command {
		let mut command = Command::new(env!("CARGO_BIN_EXE_lemma"));
		command
			.args(arguments)
			.current_dir(self.folder.path())
			.env_clear()
			.env("HOME", self.folder.path())
			.env("LEMMA_NODE", format!("ws://127.0.0.1:{}", self.port))
			.stdin(Stdio::null());
		command
	}

	/// The command of a user who has a ledger of his own.
	fn lemma_of(&self, user: &str, arguments: &[&str]) -> Command {
		let mut command = self.lemma(arguments);
		command.env("HOME", self.path(user));
		command
	}

	fn json(&self, arguments: &[&str]) -> Value {
		let output = self
			.lemma(&[arguments, &["--json"]].concat())
			.output()
			.expect("lemma runs");
		serde_json::from_slice(&output.stdout).expect("an object")
	}

	/// Runs a command whose connection breaks as soon as it has sent a transaction. Its exit status, and what it prints.
	fn cut_off(&self, mut command: Command) -> (Option<i32>, Value) {
		let port = cut_after_sending(self.port);
		let output = command
			.arg("--json")
			.env("LEMMA_NODE", format!("ws://127.0.0.1:{port}"))
			.output()
			.expect("lemma runs");
		let object = serde_json::from_slice(&output.stdout).expect("an object");
		(output.status.code(), object)
	}

	/// Orders the product and interrupts the command once it says `part`. All that it said until then.
	fn gemm(&self, store: &str, max_price: &str, part: &str) -> String {
		let gemm = [
			"gemm", "a.npy", "b.npy", "--out", "c.npy", "--key", "//Alice",
		];
		let terms = ["--max-price", max_price, "--store", store];
		self.interrupted(&[&gemm[..], &terms].concat(), part)
	}

	/// Interrupts a command once it says `part`. All that it said until then.
	fn interrupted(&self, arguments: &[&str], part: &str) -> String {
		self.interrupt(self.lemma(arguments), part)
	}

	/// The same of any command.
	fn interrupt(&self, mut command: Command, part: &str) -> String {
		let mut process = Process(
			command
				.stdout(Stdio::null())
				.stderr(Stdio::piped())
				.spawn()
				.expect("lemma runs"),
		);
		let errors = process.0.stderr.take().expect("it is a pipe");
		let (say, hear) = mpsc::channel();
		std::thread::spawn(move || {
			for line in BufReader::new(errors).lines().map_while(Result::ok) {
				let _ = say.send(line);
			}
		});
		let end = Instant::now() + PATIENCE;
		let mut said = String::new();
		while !said.contains(part) {
			let left = end.saturating_duration_since(Instant::now());
			match hear.recv_timeout(left) {
				Ok(line) => said += &(line + "\n"),
				Err(e) => panic!("it did not say `{part}` ({e}), but: {said}"),
			}
		}
		let pid = process.0.id().to_string();
		let sent = Command::new("kill").args(["-INT", &pid]).status();
		assert!(sent.expect("kill runs").success());
		assert_eq!(process.0.wait().expect("it ends").code(), Some(130));
		said
	}

	fn orders(&self) -> Vec<Value> {
		let book = self.json(&["order", "list"]);
		book["orders"].as_array().expect("a list").clone()
	}

	/// The names of the blobs in a store.
	fn blobs(&self, store: &str) -> Vec<String> {
		let entries = fs::read_dir(self.path(store));
		let names = entries.into_iter().flatten().flatten();
		names
			.map(|entry| entry.file_name().to_string_lossy().into_owned())
			.collect()
	}

	/// The records in the ledger.
	fn records(&self) -> Vec<PathBuf> {
		let orders = self.path(".local/share/lemma/orders");
		let chains = fs::read_dir(orders).expect("a ledger").flatten();
		let files =
			chains.flat_map(|chain| fs::read_dir(chain.path()).expect("a folder").flatten());
		let records = files.map(|file| file.path()).filter(|path| {
			path.extension()
				.is_some_and(|extension| extension == "json")
		});
		records.collect()
	}

	/// As if the command had been killed before it saw its transactions in a block.
	fn forget_the_block(&self) {
		for path in self.records() {
			let text = fs::read(&path).expect("readable");
			let mut record: Value = serde_json::from_slice(&text).expect("JSON");
			record["order"] = Value::Null;
			record["posted_in"] = Value::Null;
			fs::write(path, record.to_string()).expect("written");
		}
	}
}

/// A port that leads to the node until a transaction is sent there: the node gets it, its answer is lost, and from then on
/// there is no connection.
fn cut_after_sending(node: u16) -> u16 {
	let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
	let port = listener.local_addr().expect("it is bound").port();
	std::thread::spawn(move || {
		let is_cut = Arc::new(AtomicBool::new(false));
		for client in listener.incoming().map_while(Result::ok) {
			if is_cut.load(Ordering::SeqCst) {
				continue;
			}
			let node = TcpStream::connect(("127.0.0.1", node)).expect("the node listens");
			let ends = (node.try_clone(), client.try_clone(), is_cut.clone());
			std::thread::spawn(move || pass_answers(ends.0?, ends.1?, &ends.2));
			let is_cut = is_cut.clone();
			std::thread::spawn(move || pass_requests(client, node, &is_cut));
		}
	});
	port
}

fn pass_answers(mut node: TcpStream, mut client: TcpStream, is_cut: &AtomicBool) -> io::Result<()> {
	let mut buffer = [0; 1 << 12];
	loop {
		let count = node.read(&mut buffer)?;
		if count == 0 || is_cut.load(Ordering::SeqCst) {
			return client.shutdown(Shutdown::Both);
		}
		client.write_all(&buffer[..count])?;
	}
}

/// Passes the frames of a WebSocket (RFC 6455, 5.2) until one of them sends a transaction.
fn pass_requests(client: TcpStream, mut node: TcpStream, is_cut: &AtomicBool) -> io::Result<()> {
	let mut client = BufReader::new(client);
	let mut line = String::new();
	while line != "\r\n" {
		line.clear();
		if client.read_line(&mut line)? == 0 {
			return node.shutdown(Shutdown::Both);
		}
		node.write_all(line.as_bytes())?;
	}
	loop {
		let mut frame = vec![0; 2];
		client.read_exact(&mut frame)?;
		let more = match frame[1] & 0x7f {
			126 => 2,
			127 => 8,
			_ => 0,
		};
		// The length, if it is long, and the mask, which every client's frame has.
		frame.resize(2 + more + 4, 0);
		client.read_exact(&mut frame[2..])?;
		let length = match more {
			0 => usize::from(frame[1] & 0x7f),
			_ => (frame[2..2 + more].iter()).fold(0, |sum, byte| (sum << 8) | usize::from(*byte)),
		};
		let header = frame.len();
		frame.resize(header + length, 0);
		client.read_exact(&mut frame[header..])?;
		let (mask, masked) = frame[header - 4..].split_at(4);
		let text = masked.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b);
		let text = String::from_utf8_lossy(&text.collect::<Vec<u8>>()).into_owned();
		if text.contains("author_submitExtrinsic") {
			is_cut.store(true, Ordering::SeqCst);
		}
		node.write_all(&frame)?;
	}
}

#[test]
fn nothing_should_be_done_twice_when_the_connection_breaks_after_sending() {
	let world = World::new();
	let _chain = world.chain("chain");
	// A gemm of 2 x 3 and 3 x 2 ones.
	let mut job = b"lemma-g\x01".to_vec();
	job.extend([2u32, 3, 2].map(u32::to_le_bytes).concat());
	job.extend([1; 12]);
	fs::write(world.path("job"), job).expect("written");
	let gemm = |key: &'static str| {
		let gemm = ["gemm", "a.npy", "b.npy", "--out", "c.npy"];
		let terms = ["--max-price", "10", "--store", "store", "--key", key];
		[&gemm[..], &terms].concat()
	};
	let post = ["order", "post", "--input", "job", "--max-price", "10"];
	let register = ["provider", "register", "--bond", "200", "--key", "//Ferdie"];
	let commands = [
		world.lemma(&gemm("//Alice")),
		world.lemma_of("bob", &[&post[..], &["--key", "//Bob"]].concat()),
		world.lemma_of("charlie", &[&gemm("//Charlie")[..], &["--new"]].concat()),
		world.lemma(&register),
	];
	// At once, since each waits for an answer as long as it does.
	let world = &world;
	let [ordered, posted, anew, registered] = std::thread::scope(|scope| {
		let running = commands.map(|command| scope.spawn(move || world.cut_off(command)));
		running.map(|command| command.join().expect("it ends"))
	});

	// The same command again goes on with what the first has sent, so it says that it can be tried again.
	assert_eq!(ordered.1["error"]["code"], "disconnected", "{ordered:?}");
	assert_eq!(ordered.0, Some(3));
	let said = world.gemm("store", "10", "going on with it");
	assert_eq!(world.orders().len(), 3, "{said}");

	// What is done anew each time says that it may have been done.
	for done in [&posted, &registered] {
		assert_eq!(done.1["error"]["code"], "maybe_sent", "{done:?}");
		assert_eq!(done.0, Some(1));
		let message = done.1["error"]["message"].as_str().expect("a sentence");
		assert!(
			message.contains("0x") && !message.contains("try again"),
			"{message}"
		);
	}
	let provider = world.json(&["provider", "show", "//Ferdie"]);
	assert!(provider["error"].is_null(), "it was: {provider}");

	// What is done anew with `--new` goes on without.
	assert_eq!(anew.1["error"]["code"], "maybe_sent", "{anew:?}");
	assert_eq!(anew.0, Some(1));
	let message = anew.1["error"]["message"].as_str().expect("a sentence");
	assert!(message.contains("leave --new out"), "{message}");
	let again = world.lemma_of("charlie", &gemm("//Charlie"));
	world.interrupt(again, "going on with it");
	assert_eq!(world.orders().len(), 3, "one order of each");
}

#[test]
fn gemm_should_go_on_with_its_order_and_store_the_input_again() {
	let world = World::new();
	let chain = world.chain("chain");
	world.gemm("first", "10", "order 0 posted");
	let blobs = world.blobs("first");
	assert_eq!(blobs.len(), 1);

	let said = world.gemm("second", "20", "going on with it");
	assert!(said.contains("lemma order cancel 0"), "{said}");
	assert_eq!(world.blobs("second"), blobs);

	assert_eq!(world.records().len(), 1);
	world.forget_the_block();
	world.gemm("third", "10", "going on with it");
	assert_eq!(world.blobs("third"), blobs);
	let orders = world.orders();
	assert_eq!(orders.len(), 1, "one order, whatever happened: {orders:?}");
	assert_eq!(orders[0]["max_price"], "10");

	// A transaction of which nobody knows whether it was sent, valid on any chain of this genesis if it was
	// signed right after it: whether it goes on or is signed anew, providers find its input.
	world.forget_the_block();
	drop(chain);
	let _chain = world.chain("other");
	world.gemm("fourth", "10", "order 0 ");
	assert_eq!(world.orders().len(), 1);
	assert_eq!(world.blobs("fourth"), blobs);
}

#[test]
fn two_commands_at_once_should_order_once() {
	let world = World::new();
	let _chain = world.chain("chain");
	let said = std::thread::scope(|scope| {
		let command = || world.gemm("store", "10", "order 0 ");
		[scope.spawn(command), scope.spawn(command)].map(|one| one.join().expect("it ends"))
	});
	let posted = said.iter().filter(|said| said.contains("order 0 posted"));
	assert_eq!(posted.count(), 1, "{said:?}");
	assert_eq!(world.orders().len(), 1);
	assert_eq!(world.records().len(), 1);
}

#[test]
fn render_should_go_on_with_its_tiles_and_order_none_twice() {
	let world = World::new();
	let scene = "[camera]\nposition = [0, 2, 8]\nlook_at = [0, 1, 0]\n[[sphere]]\ncentre = [0, 1, 0]\nradius = 1\n\
		colour = \"#d04a30\"\n[[light]]\nposition = [3, 5, 4]\nstrength = 6\n";
	fs::write(world.path("scene.toml"), scene).expect("written");
	let _chain = world.chain("chain");
	let render = |more: &[&str], part: &str| {
		let scene = ["render", "scene.toml", "--size", "48x32", "--tile", "16"];
		let terms = ["--max-price", "6", "--key", "//Alice"];
		let out = ["--out", "image.png"];
		world.interrupted(&[&scene[..], &terms, &out, more].concat(), part)
	};
	render(&["--at-once", "4"], "4 waiting for a worker");
	for _ in 0..2 {
		let said = render(&["--at-once", "4"], "waiting for a worker");
		assert!(said.contains("4 of 6 tiles were ordered before"), "{said}");
		assert_eq!(world.orders().len(), 4, "four orders, whatever happened");
		world.forget_the_block();
	}
	// One that was taken back is ordered again, and those for which there is room now.
	let cancelled = world.json(&["order", "cancel", "0", "--key", "//Alice"]);
	assert!(cancelled["error"].is_null(), "{cancelled}");
	let said = render(&[], "6 waiting for a worker");
	assert!(said.contains("3 of 6 tiles were ordered before"), "{said}");
	let orders = world.orders();
	assert_eq!(orders.len(), 6);
	assert!(
		orders.iter().all(|order| order["max_price"] == "1"),
		"equal shares: {orders:?}"
	);

	// Nobody proves them: they expire, and are ordered again.
	let short = ["--new", "--lifetime", "10", "--claim-window", "5"];
	render(&short, "expired before anybody proved it");
	assert!(!world.path("image.png").exists());
}

#[test]
fn gemm_should_order_anew_when_the_chain_was_started_anew() {
	let world = World::new();
	let chain = world.chain("chain");
	world.gemm("first", "10", "order 0 posted");
	let blobs = world.blobs("first");
	drop(chain);

	let _chain = world.chain("other");
	let said = world.gemm("second", "7", "order 0 posted");
	assert!(said.contains("started anew"), "{said}");
	assert_eq!(world.blobs("second"), blobs);
	let orders = world.orders();
	assert_eq!(orders.len(), 1);
	assert_eq!(orders[0]["max_price"], "7", "the terms given now");

	world.gemm("third", "7", "going on with it");
	assert_eq!(world.orders().len(), 1);
}

#[test]
fn infer_should_go_on_with_its_orders_and_post_none_twice() {
	let world = World::new();
	let digits = |name: &str| format!("{}/../examples/digits/{name}", env!("CARGO_MANIFEST_DIR"));
	let build = |batches: &str, out: &str| {
		let (onnx, images) = (
			digits("digits_mlp_float.onnx"),
			digits("digits_images_i8.npy"),
		);
		let files = [
			"model",
			"build",
			&onnx,
			"--calibrate",
			&images,
			"--out",
			out,
		];
		let built = world.json(&[&files[..], &["--batches", batches]].concat());
		assert!(built["error"].is_null(), "{built}");
	};
	build("1,2", "net.lemma");
	let _chain = world.chain("chain");
	for before in [false, true] {
		let registered = world.json(&["model", "register", "net.lemma", "--key", "//Alice"]);
		let programs = registered["programs"].as_array().expect("a list");
		assert_eq!(programs.len(), 2, "{registered}");
		for program in programs {
			assert_eq!(program["registered_before"], before, "{registered}");
		}
	}
	let listed = world.json(&["program", "list", "--bundle", "net.lemma"]);
	let names = listed["programs"].as_array().expect("a list").iter();
	let networks = names.filter(|program| {
		let name = program["name"].as_str();
		name.is_some_and(|name| name.starts_with("infer "))
	});
	assert_eq!(networks.count(), 2);

	// Two batches of two that hold the same, and one of one: two orders.
	let samples = [1, 2, 1, 2, 3].map(|value| [value; 64]).concat();
	world.npy_of("samples.npy", "|i1", "(5, 64)", &samples);
	let infer = [
		"infer",
		"samples.npy",
		"--model",
		"net.lemma",
		"--out",
		"scores.npy",
		"--max-price",
		"4",
		"--key",
		"//Alice",
	];
	let said = world.interrupted(&infer, "order 1 posted");
	assert!(said.contains("samples 0 to 1 and 2 to 3"), "{said}");
	for _ in 0..2 {
		let said = world.interrupted(&infer, "order 1 was posted before");
		assert!(said.contains("order 0 was posted before"), "{said}");
		assert_eq!(world.orders().len(), 2, "two orders, whatever happened");
		world.forget_the_block();
	}
	// Of one of them nothing is known any more but that it was not posted: that one alone is posted.
	let cancelled = world.json(&["order", "cancel", "0", "--key", "//Alice"]);
	assert!(cancelled["error"].is_null(), "{cancelled}");
	let said = world.interrupted(&infer, "order 2 posted");
	assert!(said.contains("order 1 was posted before"), "{said}");
	let orders = world.orders();
	assert_eq!(orders.len(), 2);
	assert!(
		orders.iter().all(|order| order["max_price"] == "2"),
		"equal shares: {orders:?}"
	);

	build("5", "other.lemma");
	let other = infer.map(|argument| match argument {
		"net.lemma" => "other.lemma",
		argument => argument,
	});
	let refused = world.json(&other);
	assert_eq!(refused["error"]["code"], "no_such_program");
	let message = refused["error"]["message"].as_str().expect("a sentence");
	assert!(message.contains("lemma model register"), "{message}");
}

#[test]
fn train_should_go_on_with_its_order_and_post_no_second() {
	let world = World::new();
	let features: Vec<u8> = (0..40 * 64).map(|at| (at * 7 % 49) as u8).collect();
	world.npy_of("x.npy", "|i1", "(40, 64)", &features);
	let labels: Vec<u8> = (0..40).map(|row| row % 10).collect();
	world.npy_of("y.npy", "|u1", "(40,)", &labels);
	let train = |steps: &str, store: &str, part: &str| {
		let data = ["train", "--features", "x.npy", "--labels", "y.npy"];
		let rest = ["--widths", "64,32,10", "--steps", steps, "--out", "w.npy"];
		let terms = ["--max-price", "10", "--store", store, "--key", "//Alice"];
		world.interrupted(&[&data[..], &rest, &terms].concat(), part)
	};
	let _chain = world.chain("chain");
	train(
		"30",
		"first",
		"order 0 posted for steps 1 to 10, 1 of 3 orders",
	);
	let blobs = world.blobs("first");
	assert_eq!(blobs.len(), 1);

	train("30", "second", "steps 1 to 10 before: going on with it");
	assert_eq!(world.blobs("second"), blobs);
	// A longer training begins with the same order.
	train("45", "third", "going on with it");
	world.forget_the_block();
	train("30", "fourth", "going on with it");
	assert_eq!(world.blobs("fourth"), blobs);
	assert_eq!(world.orders().len(), 1, "one order, whatever happened");
	assert!(!world.path("w.npy").exists());

	// Of fewer than ten steps, the first order is another one.
	train("3", "fifth", "order 1 posted for step 1, 1 of 3 orders");
	assert_eq!(world.orders().len(), 2);
}
