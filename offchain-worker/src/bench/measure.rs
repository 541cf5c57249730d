//! Measures one case. Runs in a process of its own, so that the peak of memory is the case's own.

use std::{fs, time::Instant};

use anyhow::{anyhow, Context};
use codec::{Decode, Encode};
use lemma_zk_circuits::{
	program::{Job, Stage},
	Prover,
};
use lemma_zk_statement::blake2_256;
use lemma_zk_verifier::Verifier;

use super::{
	case::{Case, Subject},
	report::{Measurement, Stages},
};
use crate::backend::{self, Backend, Preference};

/// How often verification is repeated; the median counts.
const VERIFICATIONS: usize = 15;

/// What the chain needs to verify a result, as it is handed from the measuring process to the one that
/// asks a node.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct ToVerify {
	/// Id of the program's class.
	pub program: [u8; 32],
	/// Commitment to the input.
	pub commitment: [u8; 32],
	/// What the proof is bound to.
	pub binding: [u8; 32],
	/// The output.
	pub output: Vec<u8>,
	/// Its proof.
	pub proof: Vec<u8>,
}

/// Computes and proves a case: once so that every circuit is built, and once for the clock.
pub fn measure(case: &Case, preference: Preference) -> anyhow::Result<(Measurement, ToVerify)> {
	let (backend, no_gpu) = backend::choose(preference)?;
	if let Some(reason) = no_gpu {
		eprintln!("no GPU is measured: {reason}");
	}
	let prover = Prover::new();
	let Subject { program, blob } = case.subject()?;
	let open = || {
		program
			.open(&blob)
			.map_err(|error| anyhow!("{case}: {error}"))
	};

	let start = Instant::now();
	let job = open()?;
	let load_seconds = start.elapsed().as_secs_f64();
	let first = prove(job.as_ref(), backend.as_ref(), &prover)?;
	// Another one, which has not committed to its input yet; and no more memory than a worker has in use for one.
	drop(job);
	let job = open()?;
	let (cost, memory_estimate_bytes) = (job.cost_estimate(), job.memory_estimate());
	let cpu_before = cpu_seconds()?;
	let Proven {
		stages,
		total_seconds,
		rows_log2,
		result,
	} = prove(job.as_ref(), backend.as_ref(), &prover)?;
	let cpu_seconds = cpu_seconds()? - cpu_before;

	let verify = || -> anyhow::Result<()> {
		let statement = job.statement(&result.output, result.binding)?;
		let verifier = Verifier::embedded().map_err(|error| anyhow!("{error}"))?;
		verifier
			.verify(&statement, &result.proof)
			.map_err(|error| anyhow!("the proof is refused: {error}"))
	};
	let mut milliseconds = Vec::new();
	for _ in 0..VERIFICATIONS {
		let start = Instant::now();
		verify()?;
		milliseconds.push(start.elapsed().as_secs_f64() * 1e3);
	}

	let classes = program.classes();
	let class = classes
		.into_iter()
		.find(|class| class.id == job.program())
		.with_context(|| format!("{case}: the program does not know its own class"))?;
	let measurement = Measurement {
		program: program.name().into(),
		class: class.name,
		shape: job.shape(),
		stages,
		total_seconds,
		cpu_seconds,
		peak_rss_bytes: peak_rss_bytes()?,
		rows_log2,
		proof_bytes: result.proof.len(),
		verify_native_ms: median(&mut milliseconds),
		verify_wasm_ms: None,
		backend: backend.name().into(),
		threads: rayon::current_num_threads(),
		load_seconds,
		build_seconds: (first.total_seconds - total_seconds).max(0.0),
		cost,
		memory_estimate_bytes,
	};
	Ok((measurement, result))
}

struct Proven {
	stages: Stages,
	total_seconds: f64,
	rows_log2: u32,
	result: ToVerify,
}

fn prove(job: &dyn Job, backend: &dyn Backend, prover: &Prover) -> anyhow::Result<Proven> {
	let binding = blake2_256(b"lemma-worker bench");
	let start = Instant::now();
	let output = backend.run(job.work())?;
	let native = start.elapsed().as_secs_f64();
	let commitment = job.commitment();
	let mut stages = Stages {
		native,
		commit: start.elapsed().as_secs_f64() - native,
		..Default::default()
	};
	let proved = job.prove(prover, &output, binding, &|_| {})?;
	let total_seconds = start.elapsed().as_secs_f64();
	for (stage, seconds) in proved.stages {
		match stage {
			Stage::Commit => stages.commit += seconds,
			Stage::Open => stages.open += seconds,
			Stage::ProveProgram => stages.prove_program += seconds,
			Stage::Shrink => *stages.shrink.get_or_insert(0.0) += seconds,
			Stage::Wrap => stages.wrap += seconds,
			Stage::Outer => stages.outer += seconds,
		}
	}
	let result = ToVerify {
		program: job.program(),
		commitment,
		binding,
		output,
		proof: proved.proof,
	};
	Ok(Proven {
		stages,
		total_seconds,
		rows_log2: proved.rows_log2,
		result,
	})
}

/// The highest resident memory of this process so far, as Linux counts it.
fn peak_rss_bytes() -> anyhow::Result<u64> {
	let status = fs::read_to_string("/proc/self/status")
		.context("/proc/self/status, which tells the peak of memory, cannot be read")?;
	let kilobytes = status
		.lines()
		.find_map(|line| line.strip_prefix("VmHWM:"))
		.and_then(|rest| rest.trim().strip_suffix("kB"))
		.and_then(|number| number.trim().parse::<u64>().ok())
		.context("/proc/self/status tells no peak of memory (VmHWM)")?;
	Ok(kilobytes * 1024)
}

/// Seconds of processor time that this process has used, all threads together, in steps of 10 ms.
fn cpu_seconds() -> anyhow::Result<f64> {
	let stat = fs::read_to_string("/proc/self/stat")
		.context("/proc/self/stat, which tells the processor time, cannot be read")?;
	// proc(5): the name in parentheses may hold anything; utime and stime are the 12th and 13th fields after it,
	// in ticks of which Linux shows 100 a second.
	let ticks: Option<u64> = stat.rsplit(')').next().and_then(|fields| {
		let fields: Vec<&str> = fields.split_whitespace().skip(11).take(2).collect();
		fields
			.iter()
			.try_fold(0u64, |sum, field| sum.checked_add(field.parse().ok()?))
	});
	Ok(ticks.context("/proc/self/stat tells no processor time")? as f64 / 100.0)
}

/// The middle one; sorts them.
pub fn median(values: &mut [f64]) -> f64 {
	values.sort_by(f64::total_cmp);
	values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn median_should_be_the_middle_one() {
		assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
	}

	#[test]
	fn cpu_seconds_should_grow_with_work() {
		let before = cpu_seconds().unwrap();
		let start = Instant::now();
		// A busy machine gives this thread only a part of the time.
		while cpu_seconds().unwrap() <= before {
			assert!(
				start.elapsed().as_secs() < 60,
				"a minute of work took no processor time"
			);
		}
	}

	#[test]
	fn peak_rss_should_grow_with_the_memory_that_is_touched() {
		let before = peak_rss_bytes().unwrap();
		let touched = std::hint::black_box(vec![1u8; before as usize + (64 << 20)]);
		assert!(peak_rss_bytes().unwrap() > before + (32 << 20));
		drop(touched);
	}
}
