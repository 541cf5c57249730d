//! How long the chain's runtime takes to verify a result: asked of a node, which runs it in Wasm.

use std::{
	net::TcpListener,
	path::PathBuf,
	process::{Child, Command, Stdio},
	time::{Duration, Instant},
};

use anyhow::Context;
use lemma_client::{At, Client, H256};

use super::measure::{median, ToVerify};

/// Pairs of calls that are timed. What surrounds a verification, a megabyte of JSON and a node that makes blocks, takes
/// longer than it and varies more, so their differences' median is taken of many.
const PAIRS: usize = 51;
/// Longest wait for a node that was started here.
const START: Duration = Duration::from_secs(60);

/// A node to ask: one that runs, or one of a development chain that is started for the purpose.
pub struct Node {
	url: String,
	child: Option<(Child, tempfile::TempDir)>,
}

impl Node {
	/// The node at `url`.
	pub fn at(url: String) -> Self {
		Self { url, child: None }
	}

	/// Starts the `lemma-node` that lies beside this program; `None` if none does.
	pub fn start() -> anyhow::Result<Option<Self>> {
		let Some(program) = beside("lemma-node") else {
			return Ok(None);
		};
		let folder = tempfile::tempdir().context("no temporary folder can be made")?;
		let (rpc, p2p) = (free_port()?, free_port()?);
		let child = Command::new(&program)
			.args(["--dev", "--no-prometheus", "--no-telemetry"])
			.arg("--base-path")
			.arg(folder.path())
			.args(["--rpc-port", &rpc.to_string(), "--port", &p2p.to_string()])
			.stdin(Stdio::null())
			.stdout(Stdio::null())
			.stderr(Stdio::null())
			.spawn()
			.with_context(|| format!("{} cannot be started", program.display()))?;
		Ok(Some(Self {
			url: format!("ws://127.0.0.1:{rpc}"),
			child: Some((child, folder)),
		}))
	}

	/// Milliseconds to verify, end to end: hashing and evaluating the output, parsing key and proof, and the
	/// checks, less what the next call with the same arguments costs, which the runtime refuses at once. The
	/// runtime's refusal comes as the inner error.
	pub async fn verify_ms(&mut self, result: &ToVerify) -> anyhow::Result<Result<f64, String>> {
		let client = self.connect().await?;
		let unknown = H256::repeat_byte(0xff);
		let call = |program: H256| {
			client.verify(
				program,
				H256(result.commitment),
				H256(result.binding),
				&result.output,
				&result.proof,
				At::Best,
			)
		};
		let mut differences = Vec::new();
		for _ in 0..PAIRS {
			let start = Instant::now();
			if let Err(refusal) = call(H256(result.program)).await? {
				return Ok(Err(refusal));
			}
			let verified = start.elapsed().as_secs_f64();
			let start = Instant::now();
			anyhow::ensure!(
				call(unknown).await?.is_err(),
				"the chain accepts a proof of a program that does not exist"
			);
			differences.push((verified - start.elapsed().as_secs_f64()) * 1e3);
		}
		Ok(Ok(median(&mut differences).max(0.0)))
	}

	async fn connect(&mut self) -> anyhow::Result<Client> {
		let start = Instant::now();
		loop {
			match Client::connect(&self.url).await {
				Ok(client) => return Ok(client),
				Err(error) => {
					let Some((child, _)) = &mut self.child else {
						return Err(error).context("give the --node of a chain that runs");
					};
					if let Some(status) = child.try_wait()? {
						anyhow::bail!(
							"the lemma-node beside this program ended at once ({status})"
						);
					}
					if start.elapsed() > START {
						return Err(error)
							.context("the lemma-node beside this program does not answer");
					}
				}
			}
			tokio::time::sleep(Duration::from_millis(200)).await;
		}
	}
}

impl Drop for Node {
	fn drop(&mut self) {
		if let Some((child, _)) = &mut self.child {
			// Failing means that it has already ended.
			let _ = child.kill();
			let _ = child.wait();
		}
	}
}

fn beside(name: &str) -> Option<PathBuf> {
	let program = std::env::current_exe().ok()?.with_file_name(name);
	program.is_file().then_some(program)
}

fn free_port() -> anyhow::Result<u16> {
	let listener = TcpListener::bind(("127.0.0.1", 0)).context("no port of 127.0.0.1 is free")?;
	Ok(listener.local_addr()?.port())
}
