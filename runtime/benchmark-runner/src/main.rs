//! `lemma-benchmark-runner`: runs the benchmarks that a runtime's Wasm has when it is built with
//! `runtime-benchmarks`, in the executor of the node, and writes what they took as weights.
//!
//! `scripts/benchmark` builds that Wasm and calls this. Why it is not `frame-omni-bencher`:
//! `docs/decisions/0032-benchmark-runner.md`.

mod fit;
mod host;
mod render;
mod runtime;
mod state;

use std::{fs, path::PathBuf, time::Instant};

use anyhow::{ensure, Context, Result};
use clap::Parser;

use crate::{
	fit::{fit, median, Formula, Point},
	render::Measured,
	runtime::{Benchmark, Components, Pallet, Runtime},
};

/// Runs a runtime's benchmarks and writes its weights.
#[derive(Parser)]
struct Arguments {
	/// The runtime's Wasm, built with `runtime-benchmarks`.
	#[arg(long)]
	blob: PathBuf,

	/// Preset on whose state the benchmarks run.
	#[arg(long, default_value = "development")]
	preset: String,

	/// Only this pallet; may be given more than once.
	#[arg(long = "pallet")]
	pallets: Vec<String>,

	/// Values of each component that are measured.
	#[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(2..))]
	steps: u32,

	/// Runs at each value.
	#[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
	repeats: u32,

	/// Folder for the files of weights, one for each pallet. Without it, every benchmark is run and checked at
	/// the least and the greatest of its components, and nothing is measured or written.
	#[arg(long)]
	output: Option<PathBuf>,

	/// When and on what it is measured: goes into the files.
	#[arg(long, default_value = "")]
	when: String,
}

fn main() -> Result<()> {
	let arguments = Arguments::parse();
	let started = Instant::now();
	let blob = fs::read(&arguments.blob)
		.with_context(|| format!("{} cannot be read", arguments.blob.display()))?;
	let runtime = Runtime::new(blob, &arguments.preset)?;
	let pallets: Vec<Pallet> = runtime
		.benchmarks()?
		.into_iter()
		.filter(|pallet| {
			let name = pallet.name();
			arguments.pallets.is_empty() || arguments.pallets.iter().any(|wanted| *wanted == name)
		})
		.collect();
	ensure!(!pallets.is_empty(), "the runtime has no such benchmarks");

	for pallet in &pallets {
		match &arguments.output {
			None => check(&runtime, pallet)?,
			Some(folder) => {
				let mut measured = Vec::new();
				for benchmark in &pallet.benchmarks {
					measured.push(measure(&runtime, pallet, benchmark, &arguments)?);
				}
				let when = format!(
					"{}: {} values of each component, {} times each",
					arguments.when, arguments.steps, arguments.repeats
				);
				let path = folder.join(format!("{}.rs", pallet.name()));
				fs::write(&path, render::file(&pallet.name(), &when, &measured))
					.with_context(|| format!("{} cannot be written", path.display()))?;
			}
		}
	}
	println!("done in {:.0} s", started.elapsed().as_secs_f64());
	Ok(())
}

/// Runs every benchmark of a pallet where its components are least and where they are greatest.
fn check(runtime: &Runtime, pallet: &Pallet) -> Result<()> {
	for benchmark in &pallet.benchmarks {
		for point in points(benchmark, 2) {
			count(runtime, pallet, benchmark, &point)?;
		}
		println!("{}::{} runs", pallet.name(), benchmark.name());
	}
	Ok(())
}

fn count(
	runtime: &Runtime,
	pallet: &Pallet,
	benchmark: &Benchmark,
	at: &Components,
) -> Result<runtime::Run> {
	runtime
		.count(pallet, benchmark, at)
		.with_context(|| format!("{}::{} at {at:?}", pallet.name(), benchmark.name()))
}

/// Where a benchmark is run: each component in turn from its least value to its greatest, while the others are
/// at theirs. One point for a benchmark without components.
fn points(benchmark: &Benchmark, steps: u32) -> Vec<Components> {
	let greatest: Components = benchmark
		.components
		.iter()
		.map(|(letter, _, greatest)| (*letter, *greatest))
		.collect();
	let mut points = Vec::new();
	for (index, (_, least, most)) in benchmark.components.iter().enumerate() {
		let steps = u64::from(
			steps
				.min(most.saturating_sub(*least).saturating_add(1))
				.max(2),
		);
		for step in 0..steps {
			let mut point = greatest.clone();
			let grown = u64::from(most - least) * step / (steps - 1);
			point[index].1 = least + grown as u32;
			points.push(point);
		}
	}
	if points.is_empty() {
		points.push(greatest);
	}
	points.dedup();
	points
}

/// Runs a benchmark everywhere, and draws a line through what it took.
fn measure(
	runtime: &Runtime,
	pallet: &Pallet,
	benchmark: &Benchmark,
	arguments: &Arguments,
) -> Result<Measured> {
	let name = benchmark.name().into_owned();
	let (mut times, mut reads, mut writes) = (Vec::new(), Vec::new(), Vec::new());
	for point in points(benchmark, arguments.steps) {
		let run = count(runtime, pallet, benchmark, &point)?;
		let nanoseconds = runtime.time(pallet, benchmark, &point, arguments.repeats)?;
		let at: Vec<f64> = point.iter().map(|(_, value)| f64::from(*value)).collect();
		let note = |points: &mut Vec<Point>, value: f64| {
			points.push(Point {
				at: at.clone(),
				value,
			})
		};
		note(&mut times, median(nanoseconds) as f64);
		note(&mut reads, f64::from(run.reads));
		note(&mut writes, f64::from(run.writes));
	}
	let formula = |points: &[Point]| -> Result<Formula> {
		fit(points).with_context(|| format!("no line goes through the points of {name}"))
	};
	let measured = Measured {
		components: benchmark
			.components
			.iter()
			.map(|(letter, least, greatest)| ((b'a' + letter) as char, *least, *greatest))
			.collect(),
		time: formula(&times)?,
		reads: formula(&reads)?,
		writes: formula(&writes)?,
		name: name.clone(),
	};
	report(&pallet.name(), &measured, &times);
	Ok(measured)
}

/// One line about a benchmark: time, reads and writes where its components are greatest, and how far the
/// measured times stray above the line.
fn report(pallet: &str, measured: &Measured, times: &[Point]) {
	let greatest: Vec<f64> = measured
		.components
		.iter()
		.map(|(_, _, greatest)| f64::from(*greatest))
		.collect();
	println!(
		"{:<62} {:>12.1} us {:>6.0} reads {:>6.0} writes {:>+6.1} %",
		format!("{pallet}::{}", measured.name),
		measured.time.value(&greatest) / 1_000.0,
		measured.reads.value(&greatest),
		measured.writes.value(&greatest),
		measured.time.excess(times) * 100.0,
	);
}
