//! Lemma's JSON-RPC as a client meets it: a real node on its development chain, asked over HTTP and
//! WebSocket.

mod client;

use std::{
	fs::File,
	net::TcpListener,
	path::{Path, PathBuf},
	process::{Child, Command, Stdio},
	time::{Duration, Instant},
};

use client::{http, WebSocket};
use codec::Encode;
use lemma_primitives::order::{InputSource, OrderSpec};
use lemma_runtime::{
	Hash, JobOrdersCall, Runtime, RuntimeCall, SignedPayload, UncheckedExtrinsic, VERSION,
};
use serde_json::{json, Value};
use sp_io::hashing::twox_128;
use sp_keyring::Sr25519Keyring;
use sp_runtime::generic::Era;

/// How long anything may take that happens within a few blocks of two seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// A node that stops when it is dropped, and shows the end of its log if its test has failed.
struct Node {
	process: Child,
	port: u16,
	log: PathBuf,
}

impl Node {
	fn start() -> Self {
		Self::start_with(&[])
	}

	/// A node with these options beside those of a development chain.
	fn start_with(options: &[&str]) -> Self {
		let port = TcpListener::bind("127.0.0.1:0")
			.and_then(|listener| listener.local_addr())
			.expect("a port is free")
			.port();
		let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("node-{port}.log"));
		let process = Command::new(env!("CARGO_BIN_EXE_lemma-node"))
			.args(["--dev", "--no-prometheus", "--no-telemetry", "--no-mdns"])
			.args(["--port", "0", "--rpc-port", &port.to_string()])
			.args(options)
			.stdout(Stdio::null())
			.stderr(File::create(&log).expect("the log can be written"))
			.spawn()
			.expect("the node starts");
		let node = Self { process, port, log };
		let start = Instant::now();
		while node
			.call("chain_getBlockHash", json!([1]))
			.is_none_or(|hash| hash["result"].is_null())
		{
			assert!(start.elapsed() < PATIENCE, "the node makes no blocks");
			std::thread::sleep(Duration::from_millis(200));
		}
		node
	}

	fn call(&self, method: &str, params: Value) -> Option<Value> {
		http(
			self.port,
			&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }),
		)
	}

	/// The answer to a question that has one.
	fn ask(&self, method: &str, params: Value) -> Value {
		let answer = self.call(method, params).expect("the node answers");
		assert!(answer["error"].is_null(), "{method}: {answer}");
		answer["result"].clone()
	}

	/// Code and sentence of the error that a question has.
	fn error(&self, method: &str, params: Value) -> (i64, String) {
		let answer = self.call(method, params).expect("the node answers");
		let error = &answer["error"];
		let message = error["message"].as_str().expect("it is an error");
		(
			error["code"].as_i64().expect("it has a code"),
			message.into(),
		)
	}

	/// Sends a transaction.
	fn send(&self, sender: Sr25519Keyring, nonce: u32, call: RuntimeCall) {
		let genesis: Hash = serde_json::from_value(self.ask("chain_getBlockHash", json!([0])))
			.expect("genesis has a hash");
		let transaction = sign(genesis, sender, nonce, call);
		let hex = format!("0x{}", hex::encode(transaction.encode()));
		self.ask("author_submitExtrinsic", json!([hex]));
	}
}

impl Drop for Node {
	fn drop(&mut self) {
		let ended = self.process.try_wait();
		let _ = self.process.kill();
		let _ = self.process.wait();
		if std::thread::panicking() {
			let log = std::fs::read_to_string(&self.log).unwrap_or_default();
			let lines: Vec<&str> = log.lines().collect();
			let end = &lines[lines.len().saturating_sub(30)..];
			eprintln!(
				"the node had ended: {ended:?}; the end of its log:\n{}",
				end.join("\n")
			);
		}
		let _ = std::fs::remove_file(&self.log);
	}
}

fn sign(
	genesis: Hash,
	sender: Sr25519Keyring,
	nonce: u32,
	call: RuntimeCall,
) -> UncheckedExtrinsic {
	let extensions = (
		frame_system::AuthorizeCall::<Runtime>::new(),
		frame_system::CheckNonZeroSender::new(),
		frame_system::CheckSpecVersion::new(),
		frame_system::CheckTxVersion::new(),
		frame_system::CheckGenesis::new(),
		frame_system::CheckMortality::from(Era::Immortal),
		frame_system::CheckNonce::from(nonce),
		lemma_runtime::operational::CheckOperational,
		frame_system::CheckWeight::new(),
		pallet_transaction_payment::ChargeTransactionPayment::from(0),
		frame_metadata_hash_extension::CheckMetadataHash::new(false),
		frame_system::WeightReclaim::new(),
	);
	let payload = SignedPayload::from_raw(
		call.clone(),
		extensions.clone(),
		(
			(),
			(),
			VERSION.spec_version,
			VERSION.transaction_version,
			genesis,
			genesis,
			(),
			(),
			(),
			(),
			None,
			(),
		),
	);
	let signature = payload.using_encoded(|payload| sender.sign(payload));
	UncheckedExtrinsic::new_signed(
		call,
		sender.to_account_id().into(),
		signature.into(),
		extensions,
	)
}

fn order_of(program: Hash) -> RuntimeCall {
	JobOrdersCall::post_order {
		spec: OrderSpec {
			program,
			commitment: Hash::zero(),
			input: InputSource::Inline(b"no matrix".to_vec().try_into().expect("it is short")),
			output_len: 64,
			min_price: 1_000_000_000_000,
			max_price: 2_000_000_000_000,
			ramp: 10,
			claim_window: 20,
			lifetime: 100,
		},
	}
	.into()
}

#[test]
fn node_should_answer_about_orders_and_follow_them_until_they_are_final() {
	let node = Node::start();

	let programs = node.ask("lemma_programs", json!([null, 5]));
	let program = programs["programs"][0]["id"]
		.as_str()
		.expect("genesis has programs")
		.to_string();
	assert_eq!(programs["programs"].as_array().map(Vec::len), Some(5));
	assert_eq!(programs["next"], programs["programs"][4]["id"]);
	let after = node.ask("lemma_programs", json!([programs["next"], 5]));
	assert_ne!(after["programs"][0]["id"], programs["programs"][4]["id"]);
	assert_eq!(
		node.ask("lemma_program", json!([program]))["active"],
		json!(true)
	);

	let cost = node.ask("lemma_orderCost", json!([9, 64, "2000000000000"]));
	assert!(cost["settlementFee"]
		.as_str()
		.is_some_and(|fee| fee.parse::<u128>().is_ok()));
	assert_eq!(node.ask("lemma_order", json!([0])), Value::Null);
	assert_eq!(node.ask("lemma_openOrders", json!([]))["orders"], json!([]));

	let mut events = WebSocket::connect(node.port);
	let subscription = events.ask("lemma_subscribeOrders", json!([]));
	let started = events.event(&subscription, PATIENCE);
	assert_eq!(started["event"], "started");

	let id: Hash = serde_json::from_str(&format!("\"{program}\"")).expect("it is a hash");
	node.send(Sr25519Keyring::Alice, 0, order_of(id));
	let best = events.event(&subscription, PATIENCE);
	assert_eq!(best["event"], "best");
	assert_eq!(best["changes"][0]["change"], "posted");
	assert_eq!(best["changes"][0]["order"], 0);
	assert_eq!(best["changes"][0]["program"], json!(program));

	let order = node.ask("lemma_order", json!([0]));
	assert_eq!(order["status"], json!({ "kind": "open" }));
	assert_eq!(order["maxPrice"], "2000000000000");
	assert_eq!(order["settlementFee"], cost["settlementFee"]);
	assert_eq!(
		order["input"],
		json!({ "kind": "inline", "bytes": "0x6e6f206d6174726978" })
	);
	assert!(order["currentPrice"].is_string());
	let page = node.ask("lemma_openOrders", json!([program, 0, 10]));
	assert_eq!(page["orders"][0]["id"], 0);
	assert_eq!(page["next"], Value::Null);
	let other = programs["programs"][1]["id"].clone();
	assert_eq!(
		node.ask("lemma_openOrders", json!([other]))["orders"],
		json!([])
	);
	let before = &started["best"]["hash"];
	assert_eq!(node.ask("lemma_order", json!([0, before])), Value::Null);

	let finalized = events.event(&subscription, PATIENCE);
	assert_eq!(finalized["event"], "finalized");
	assert_eq!(finalized["block"], best["block"]);
	assert_eq!(finalized["changes"], best["changes"]);

	node.send(
		Sr25519Keyring::Alice,
		1,
		JobOrdersCall::cancel_order { id: 0 }.into(),
	);
	let cancelled = events.event(&subscription, PATIENCE);
	assert_eq!(
		cancelled["changes"],
		json!([{ "order": 0, "change": "cancelled" }])
	);
	assert_eq!(node.ask("lemma_order", json!([0])), Value::Null);
}

#[test]
fn node_should_say_what_is_wrong_with_a_question() {
	let node = Node::start();

	let unknown = format!("0x{}", "ab".repeat(32));
	let (code, sentence) = node.error("lemma_order", json!([0, unknown]));
	assert_eq!(code, 8001);
	assert!(sentence.contains("check the hash"), "{sentence}");

	let (code, sentence) = node.error("lemma_openOrders", json!([null, 0, 1000]));
	assert_eq!(code, 8007);
	assert!(sentence.contains("1 to 100"), "{sentence}");

	let (code, sentence) = node.error("lemma_result", json!([5]));
	assert_eq!(code, 8005);
	assert!(sentence.contains("order 5 has no receipt"), "{sentence}");

	let (code, _) = node.error("lemma_provider", json!(["no account"]));
	assert_eq!(code, -32602);

	let zero = format!("0x{}", "00".repeat(32));
	let programs = node.ask("lemma_programs", json!([null, 1]));
	let program = &programs["programs"][0]["id"];
	let verdict = node.ask(
		"lemma_verify",
		json!([program, zero, zero, "0x00000000", "0x00"]),
	);
	assert_eq!(
		verdict,
		json!({ "valid": false, "error": "ProofTruncated" })
	);
	let (code, _) = node.error(
		"lemma_verify",
		json!([
			program,
			zero,
			zero,
			"0x00",
			format!("0x{}", "00".repeat(131_073))
		]),
	);
	assert_eq!(code, 8008);
}

#[test]
fn node_should_prove_the_genesis_validators_when_their_state_is_pruned_and_after_a_restart() {
	let database = Path::new(env!("CARGO_TARGET_TMPDIR")).join("genesis-validators");
	let _ = std::fs::remove_dir_all(&database);
	let path = database.to_str().expect("the path is UTF-8");
	let options = ["--base-path", path, "--state-pruning", "8"];
	let node = Node::start_with(&options);

	let genesis = node.ask("chain_getBlockHash", json!([0]));
	let key = [twox_128(b"Grandpa"), twox_128(b"Authorities")].concat();
	let read = json!([[format!("0x{}", hex::encode(key))], genesis]);
	let expected = node.ask("state_getReadProof", read.clone());
	assert_eq!(expected["at"], genesis);
	assert_eq!(node.ask("lemma_genesisValidators", json!([])), expected);

	let wait_until_pruned = |node: &Node| {
		let start = Instant::now();
		loop {
			let answer = node.call("state_getReadProof", read.clone());
			let answer = answer.expect("the node answers");
			let message = answer["error"]["message"].as_str().unwrap_or_default();
			if message.contains("State already discarded") {
				return;
			}
			assert!(start.elapsed() < PATIENCE, "{answer}");
			std::thread::sleep(Duration::from_millis(200));
		}
	};
	wait_until_pruned(&node);
	assert_eq!(node.ask("lemma_genesisValidators", json!([])), expected);

	drop(node);
	let node = Node::start_with(&options);
	// What was written last may be lost with the process.
	wait_until_pruned(&node);
	assert_eq!(node.ask("lemma_genesisValidators", json!([])), expected);
	drop(node);
	let _ = std::fs::remove_dir_all(&database);
}

#[test]
fn node_should_serve_only_so_many_subscriptions() {
	let node = Node::start();
	let mut many = WebSocket::connect(node.port);
	many.subscribe(1024);

	let mut another = WebSocket::connect(node.port);
	assert_eq!(another.error("lemma_subscribeOrders", json!([])), 8009);

	drop(many);
	let start = Instant::now();
	while another.error("lemma_subscribeOrders", json!([])) == 8009 {
		assert!(start.elapsed() < PATIENCE, "what has ended still counts");
		std::thread::sleep(Duration::from_millis(200));
	}
}
