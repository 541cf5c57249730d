//! The runtime's Wasm and its benchmark API.

use std::borrow::Cow;

use anyhow::{anyhow, Context, Result};
use codec::{Decode, Encode};
use sc_chain_spec::GenesisConfigBuilderRuntimeCaller;
use sc_executor::WasmExecutor;
use sp_core::traits::{CallContext, ReadRuntimeVersionExt, RuntimeCode, WrappedRuntimeCode};
use sp_externalities::Extensions;
use sp_runtime::traits::BlakeTwo256;
use sp_state_machine::{OverlayedChanges, StateMachine};

use crate::{host::benchmarking, state::State};

type Executor = WasmExecutor<(sp_io::SubstrateHostFunctions, benchmarking::HostFunctions)>;

/// Components by their letters' places in the alphabet.
pub type Components = Vec<(u8, u32)>;

/// The benchmarks of a pallet.
#[derive(Decode)]
pub struct Pallet {
	name: Vec<u8>,
	instance: Vec<u8>,
	/// Its benchmarks.
	pub benchmarks: Vec<Benchmark>,
}

impl Pallet {
	/// Its name.
	pub fn name(&self) -> Cow<'_, str> {
		String::from_utf8_lossy(&self.name)
	}
}

/// A benchmark: what it is called, and its components with their least and greatest values.
#[derive(Decode)]
pub struct Benchmark {
	name: Vec<u8>,
	/// Letter, least, greatest.
	pub components: Vec<(u8, u32, u32)>,
	_proof_modes: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Benchmark {
	/// Its name.
	pub fn name(&self) -> Cow<'_, str> {
		String::from_utf8_lossy(&self.name)
	}
}

/// `frame_benchmarking::BenchmarkConfig`.
#[derive(Encode)]
struct Request<'a> {
	pallet: &'a [u8],
	instance: &'a [u8],
	benchmark: &'a [u8],
	components: &'a Components,
	verify: bool,
	repeats: u32,
}

/// `frame_benchmarking::BenchmarkBatch`.
#[derive(Decode)]
struct Batch {
	_pallet: Vec<u8>,
	_instance: Vec<u8>,
	_benchmark: Vec<u8>,
	runs: Vec<Run>,
}

/// One run: `frame_benchmarking::BenchmarkResult`.
#[derive(Decode)]
pub struct Run {
	_components: Components,
	/// Nanoseconds that it took.
	pub nanoseconds: u128,
	_storage_root_nanoseconds: u128,
	/// Keys that it read.
	pub reads: u32,
	_repeated_reads: u32,
	/// Keys that it wrote.
	pub writes: u32,
	_repeated_writes: u32,
	_proof_size: u32,
	_keys: Vec<(Vec<u8>, u32, u32, bool)>,
}

/// A runtime that was built with `runtime-benchmarks`, on the state of one of its presets.
pub struct Runtime {
	blob: Vec<u8>,
	executor: Executor,
	state: State,
}

impl Runtime {
	/// Compiles the blob and builds the preset's state with it.
	pub fn new(blob: Vec<u8>, preset: &str) -> Result<Self> {
		let genesis = GenesisConfigBuilderRuntimeCaller::<benchmarking::HostFunctions>::new(&blob)
			.get_storage_for_named_preset(Some(&preset.to_string()))
			.map_err(|error| anyhow!("the preset {preset} cannot be built: {error}"))?;
		Ok(Self {
			blob,
			executor: Executor::builder().build(),
			state: State::new(genesis),
		})
	}

	/// The benchmarks that there are.
	pub fn benchmarks(&self) -> Result<Vec<Pallet>> {
		let answer = self.call("Benchmark_benchmark_metadata", &false.encode())?;
		// What follows the list is about storage proofs.
		Vec::decode(&mut &answer[..]).context("the list of benchmarks is not one")
	}

	/// Runs a benchmark once, checks what it did, and counts the keys that it reads and writes.
	pub fn count(&self, pallet: &Pallet, benchmark: &Benchmark, at: &Components) -> Result<Run> {
		self.state.count_accesses(true);
		let runs = self.dispatch(pallet, benchmark, at, true, 1);
		self.state.count_accesses(false);
		runs?.pop().context("the benchmark was not run")
	}

	/// Runs a benchmark some times. Nanoseconds of each.
	pub fn time(
		&self,
		pallet: &Pallet,
		benchmark: &Benchmark,
		at: &Components,
		repeats: u32,
	) -> Result<Vec<u128>> {
		let runs = self.dispatch(pallet, benchmark, at, false, repeats)?;
		Ok(runs.into_iter().map(|run| run.nanoseconds).collect())
	}

	fn dispatch(
		&self,
		pallet: &Pallet,
		benchmark: &Benchmark,
		components: &Components,
		verify: bool,
		repeats: u32,
	) -> Result<Vec<Run>> {
		let request = Request {
			pallet: &pallet.name,
			instance: &pallet.instance,
			benchmark: &benchmark.name,
			components,
			verify,
			repeats,
		};
		let answer = self.call("Benchmark_dispatch_benchmark", &request.encode())?;
		let batches: Result<Vec<Batch>, String> =
			Decode::decode(&mut &answer[..]).context("the result of a benchmark is not one")?;
		let batches = batches.map_err(|error| anyhow!("{error}"))?;
		Ok(batches.into_iter().flat_map(|batch| batch.runs).collect())
	}

	fn call(&self, method: &str, arguments: &[u8]) -> Result<Vec<u8>> {
		let code = WrappedRuntimeCode(Cow::Borrowed(&self.blob));
		let code = RuntimeCode {
			code_fetcher: &code,
			heap_pages: None,
			hash: b"the blob".to_vec(),
		};
		let mut changes = OverlayedChanges::<BlakeTwo256>::default();
		// `set_code` looks at the version of the new code.
		let mut extensions = Extensions::default();
		extensions.register(ReadRuntimeVersionExt::new(self.executor.clone()));
		let answer = StateMachine::new(
			&self.state,
			&mut changes,
			&self.executor,
			method,
			arguments,
			&mut extensions,
			&code,
			CallContext::Offchain,
		)
		.execute();
		answer.map_err(|error| anyhow!("{method}: {error}"))
	}
}
