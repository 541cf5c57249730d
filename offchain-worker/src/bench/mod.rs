//! `lemma-worker bench`: measures this machine, and writes what it can promise.
//!
//! Each [`case`] is measured in a process of its own ([`measure`]) by an input of ours ([`inputs`]), so that the peak of
//! memory is the case's own. Then the chain's runtime is asked to verify the results in Wasm ([`wasm`]). [`report`] holds
//! what a measurement is and the file that the worker reads.

pub mod case;
pub mod inputs;
pub mod measure;
pub mod report;
pub mod wasm;

use std::{
	path::{Path, PathBuf},
	process::{Command, Stdio},
};

use anyhow::Context;
use codec::{Decode, Encode};
use lemma_zk_circuits::programs;

pub use report::seconds_per_unit;

use crate::backend::Preference;
use case::{Case, ClassName, Shape, PROGRAMS};
use measure::ToVerify;
use report::{Measurement, Promise, Table};
use wasm::Node;

/// What `lemma-worker bench` takes.
#[derive(Clone, Debug, clap::Args)]
pub struct BenchArgs {
	/// Print one JSON object a line instead of a table
	#[arg(long)]
	pub json: bool,
	/// Programs to measure: of gemm three products, of infer two networks of random weights, of the others every class
	/// [default: all]
	#[arg(long = "program", value_name = "NAME", num_args = 1.., value_parser = PROGRAMS)]
	pub programs: Vec<String>,
	/// Products to measure: rows of A x columns of A x columns of B
	#[arg(long = "shape", value_name = "MxKxN", num_args = 1..)]
	pub shapes: Vec<Shape>,
	/// Classes to measure, such as fractal/t32-i35, render/t16-s4-l1, train/64-32-10-s10, infer/b16
	#[arg(long = "class", value_name = "CLASS", num_args = 1..)]
	pub classes: Vec<ClassName>,
	/// Network to measure: what `lemma model build` wrote
	#[arg(long, value_name = "FILE")]
	pub bundle: Option<PathBuf>,
	/// Samples for the network: int8 .npy, a row for each; random ones unless given
	#[arg(long, value_name = "FILE", requires = "bundle")]
	pub inputs: Option<PathBuf>,
	/// Batch sizes of the network to measure; all that it has unless given
	#[arg(long = "batch", value_name = "SAMPLES", num_args = 1.., requires = "bundle")]
	pub batches: Vec<usize>,
	/// What computes the outputs
	#[arg(long, value_enum, default_value_t)]
	pub backend: Preference,
	/// Node of a chain whose runtime verifies the results in Wasm; by default one of a development chain is
	/// started, if `lemma-node` lies beside this program
	#[arg(long, value_name = "URL")]
	pub node: Option<String>,
	/// File for what this machine can promise, which the worker reads as its `bench_file`
	#[arg(long, value_name = "FILE", default_value = "bench.json")]
	pub output: PathBuf,
	/// Measure the one case in this process and leave what is to be verified in this file
	#[arg(long, value_name = "FILE", hide = true)]
	pub measure_into: Option<PathBuf>,
}

impl BenchArgs {
	/// What is to be measured: all that is named, or all programs.
	///
	/// # Errors
	///
	/// The bundle is none, or has not that batch.
	pub fn cases(&self) -> anyhow::Result<Vec<Case>> {
		let programs = self.programs.iter().map(String::as_str);
		let mut cases: Vec<Case> = programs.flat_map(Case::of_program).collect();
		cases.extend(self.shapes.iter().copied().map(Case::Product));
		cases.extend(self.classes.iter().cloned().map(Case::Class));
		if let Some(bundle) = &self.bundle {
			cases.extend(Case::of_bundle(
				bundle,
				self.inputs.as_deref(),
				&self.batches,
			)?);
		}
		if cases.is_empty() {
			cases = PROGRAMS.into_iter().flat_map(Case::of_program).collect();
		}
		Ok(cases)
	}
}

/// Measures, prints and writes. What can be measured is printed even if something else fails.
///
/// # Errors
///
/// A case could not be measured, or the file not be written.
pub fn run(args: BenchArgs) -> anyhow::Result<()> {
	let cases = args.cases()?;
	if let Some(file) = &args.measure_into {
		return measure_here(&args, &cases, file);
	}
	report::check_writable(&args.output)?;
	let folder = tempfile::tempdir().context("no temporary folder can be made")?;
	let (mut measured, mut failed) = (Vec::new(), Vec::new());
	for (number, case) in cases.iter().enumerate() {
		eprintln!("measuring {case} (a first run builds the circuits, the second counts)");
		match measure_apart(&args, case, &folder.path().join(number.to_string())) {
			Ok(done) => measured.push(done),
			Err(error) => {
				eprintln!("{case} could not be measured: {error:#}");
				failed.push(case.to_string());
			}
		}
	}
	if let Err(error) = verify_in_wasm(&args, &mut measured) {
		eprintln!("verification in Wasm was not measured: {error:#}");
	}
	let measured: Vec<Measurement> = measured.into_iter().map(|(measured, _)| measured).collect();
	if args.json {
		for measurement in &measured {
			println!("{}", serde_json::to_string(measurement)?);
		}
	} else {
		println!("{}", Table(&measured));
	}
	if let Some(promise) = Promise::of(measured) {
		promise.write(&args.output)?;
		eprintln!(
			"wrote {}: {:.2} s for the unit of cost; set it as the worker's bench_file",
			args.output.display(),
			promise.seconds_per_unit
		);
	}
	anyhow::ensure!(failed.is_empty(), "not measured: {}", failed.join(", "));
	Ok(())
}

/// In the process that measures one case: prints the measurement, leaves what is to be verified in `file`.
fn measure_here(args: &BenchArgs, cases: &[Case], file: &Path) -> anyhow::Result<()> {
	let [case] = cases else {
		anyhow::bail!(
			"--measure-into takes exactly one case, and {} were named",
			cases.len()
		);
	};
	let (measurement, result) = measure::measure(case, args.backend)?;
	std::fs::write(file, result.encode())
		.with_context(|| format!("{} cannot be written", file.display()))?;
	println!("{}", serde_json::to_string(&measurement)?);
	Ok(())
}

/// Runs this program again for one case.
fn measure_apart(
	args: &BenchArgs,
	case: &Case,
	file: &Path,
) -> anyhow::Result<(Measurement, ToVerify)> {
	let backend = clap::ValueEnum::to_possible_value(&args.backend)
		.context("the backend has no name on the command line")?;
	let output = Command::new(std::env::current_exe().context("this program cannot be found")?)
		.args(["bench", "--backend", backend.get_name()])
		.args(case.arguments())
		.arg("--measure-into")
		.arg(file)
		.stdin(Stdio::null())
		.stderr(Stdio::inherit())
		.output()
		.context("this program cannot be started again")?;
	anyhow::ensure!(
		output.status.success(),
		"its process ended with {}; if it was killed, the machine has too little memory for it",
		output.status
	);
	let measurement = String::from_utf8_lossy(&output.stdout)
		.lines()
		.next_back()
		.map(serde_json::from_str)
		.context("its process printed nothing")?
		.context("its process printed no measurement")?;
	let result = ToVerify::decode(&mut &std::fs::read(file)?[..])?;
	Ok((measurement, result))
}

fn verify_in_wasm(
	args: &BenchArgs,
	measured: &mut [(Measurement, ToVerify)],
) -> anyhow::Result<()> {
	// A development chain knows the programs that are built in, and no networks.
	let is_known = |result: &ToVerify| programs::find(&result.program).is_some();
	let measured: Vec<_> = measured
		.iter_mut()
		.filter(|(_, result)| args.node.is_some() || is_known(result))
		.collect();
	if measured.is_empty() {
		return Ok(());
	}
	let mut node = match &args.node {
		Some(url) => Node::at(url.clone()),
		None => Node::start()?.context(
			"there is no lemma-node beside this program: build it, or name a running one with --node",
		)?,
	};
	// The caller may be inside a runtime of its own, in which another cannot be entered.
	std::thread::scope(|scope| {
		let asking = scope.spawn(|| -> anyhow::Result<()> {
			let runtime = tokio::runtime::Builder::new_current_thread()
				.enable_all()
				.build()?;
			runtime.block_on(async {
				for (measurement, result) in measured {
					match node.verify_ms(result).await? {
						Ok(milliseconds) => measurement.verify_wasm_ms = Some(milliseconds),
						Err(refusal) => {
							eprintln!(
								"the chain does not verify {} {}: {refusal}",
								measurement.program, measurement.shape
							)
						}
					}
				}
				Ok(())
			})
		});
		asking
			.join()
			.unwrap_or_else(|_| anyhow::bail!("asking the node panicked"))
	})
}

#[cfg(test)]
mod tests {
	use super::*;
	use clap::Parser;

	#[derive(Parser)]
	struct Cli {
		#[command(flatten)]
		bench: BenchArgs,
	}

	fn parse(arguments: &[&str]) -> BenchArgs {
		Cli::parse_from([&["bench"], arguments].concat()).bench
	}

	fn names(arguments: &[&str]) -> Vec<String> {
		let cases = parse(arguments).cases().unwrap();
		cases.iter().map(Case::to_string).collect()
	}

	#[test]
	fn bench_should_measure_every_program_by_default() {
		let all = names(&[]);
		for case in [
			"gemm 256x256x256",
			"gemm 1024x1024x1024",
			"fractal/t16-i255",
			"render/t64-s4-l1",
			"train/64-32-10-s1",
			"infer/b16",
			"infer/conv-b1",
		] {
			assert!(all.iter().any(|name| name == case), "{case} is missing");
		}
	}

	#[test]
	fn bench_should_measure_what_is_named_and_nothing_else() {
		assert_eq!(
			names(&["--shape", "1x2x3", "4x5x6", "--json"]),
			["gemm 1x2x3", "gemm 4x5x6"]
		);
		assert_eq!(
			names(&["--shape", "1x2x3", "--shape", "4x5x6"]),
			["gemm 1x2x3", "gemm 4x5x6"]
		);
		assert_eq!(
			names(&[
				"--program",
				"train",
				"--class",
				"fractal/t32-i35",
				"--shape",
				"1x2x3"
			]),
			[
				"train/64-32-10-s1",
				"train/64-32-10-s10",
				"gemm 1x2x3",
				"fractal/t32-i35"
			]
		);
	}

	#[test]
	fn nothing_should_be_measured_when_the_file_cannot_be_written() {
		let folder = tempfile::tempdir().unwrap();
		let folder = folder.path().display().to_string();
		let error = run(parse(&["--shape", "1x2x3", "--output", &folder])).unwrap_err();
		assert!(error.to_string().contains("--output"), "{error:#}");
	}

	#[test]
	fn a_case_should_be_selected_by_its_own_arguments() {
		for case in PROGRAMS.into_iter().flat_map(Case::of_program) {
			let arguments: Vec<_> = (case.arguments().iter())
				.map(|argument| argument.to_string_lossy().into_owned())
				.collect();
			let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
			assert_eq!(parse(&arguments).cases().unwrap(), [case]);
		}
	}

	#[test]
	fn inputs_and_batches_should_be_refused_without_a_bundle() {
		for arguments in [["--inputs", "x.npy"], ["--batch", "16"]] {
			let parsed = Cli::try_parse_from([&["bench"], &arguments[..]].concat());
			assert!(parsed.is_err(), "{arguments:?}");
		}
	}
}
