//! `lemma-worker bench`: measures this machine, and writes what it can promise.
//!
//! Each shape is measured in a process of its own ([`measure`]), so that the peak of memory is the shape's
//! own. Then the chain's runtime is asked to verify the results in Wasm ([`wasm`]). [`report`] holds what a
//! measurement is and the file that the worker reads.

pub mod measure;
pub mod report;
pub mod wasm;

use std::{
	fmt,
	path::{Path, PathBuf},
	process::{Command, Stdio},
	str::FromStr,
};

use anyhow::Context;
use codec::{Decode, Encode};

pub use report::seconds_per_unit;

use crate::backend::Preference;
use measure::ToVerify;
use report::{Measurement, Promise, Table};
use wasm::Node;

/// Dimensions of a matrix product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
	/// Rows of A and C.
	pub m: u32,
	/// Columns of A, rows of B.
	pub k: u32,
	/// Columns of B and C.
	pub n: u32,
}

impl fmt::Display for Shape {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "{}x{}x{}", self.m, self.k, self.n)
	}
}

impl FromStr for Shape {
	type Err = String;

	fn from_str(text: &str) -> Result<Self, String> {
		let dimensions: Vec<u32> = text
			.split('x')
			.map(str::parse)
			.collect::<Result<_, _>>()
			.unwrap_or_default();
		match dimensions[..] {
			[m, k, n] if m > 0 && k > 0 && n > 0 => Ok(Self { m, k, n }),
			_ => Err("a shape is three numbers, m x k x n, such as 256x256x256".into()),
		}
	}
}

/// What `lemma-worker bench` takes.
#[derive(Clone, Debug, clap::Args)]
pub struct BenchArgs {
	/// Print one JSON object a line instead of a table
	#[arg(long)]
	pub json: bool,
	/// Products to measure: rows of A x columns of A x columns of B
	#[arg(
		long = "shape",
		value_name = "MxKxN",
		num_args = 1..,
		default_values = ["256x256x256", "512x512x512", "1024x1024x1024"]
	)]
	pub shapes: Vec<Shape>,
	/// What computes the products
	#[arg(long, value_enum, default_value_t)]
	pub backend: Preference,
	/// Node of a chain whose runtime verifies the results in Wasm; by default one of a development chain is
	/// started, if `lemma-node` lies beside this program
	#[arg(long, value_name = "URL")]
	pub node: Option<String>,
	/// File for what this machine can promise, which the worker reads as its `bench_file`
	#[arg(long, value_name = "FILE", default_value = "bench.json")]
	pub output: PathBuf,
	/// Measure the one shape in this process and leave what is to be verified in this file
	#[arg(long, value_name = "FILE", hide = true)]
	pub measure_into: Option<PathBuf>,
}

/// Measures, prints and writes. What can be measured is printed even if something else fails.
///
/// # Errors
///
/// A shape could not be measured, or the file not be written.
pub fn run(args: BenchArgs) -> anyhow::Result<()> {
	if let Some(file) = &args.measure_into {
		return measure_here(&args, file);
	}
	let folder = tempfile::tempdir().context("no temporary folder can be made")?;
	let (mut measured, mut failed) = (Vec::new(), Vec::new());
	for &shape in &args.shapes {
		eprintln!("measuring {shape} (a first run builds the circuits, the second counts)");
		match measure_apart(&args, shape, &folder.path().join(shape.to_string())) {
			Ok(done) => measured.push(done),
			Err(error) => {
				eprintln!("{shape} could not be measured: {error:#}");
				failed.push(shape.to_string());
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

/// In the process that measures one shape: prints the measurement, leaves what is to be verified in `file`.
fn measure_here(args: &BenchArgs, file: &Path) -> anyhow::Result<()> {
	let [shape] = args.shapes[..] else {
		anyhow::bail!("--measure-into takes exactly one --shape");
	};
	let (measurement, result) = measure::measure(shape, args.backend)?;
	std::fs::write(file, result.encode())
		.with_context(|| format!("{} cannot be written", file.display()))?;
	println!("{}", serde_json::to_string(&measurement)?);
	Ok(())
}

/// Runs this program again for one shape.
fn measure_apart(
	args: &BenchArgs,
	shape: Shape,
	file: &Path,
) -> anyhow::Result<(Measurement, ToVerify)> {
	let backend = clap::ValueEnum::to_possible_value(&args.backend)
		.context("the backend has no name on the command line")?;
	let output = Command::new(std::env::current_exe().context("this program cannot be found")?)
		.args([
			"bench",
			"--shape",
			&shape.to_string(),
			"--backend",
			backend.get_name(),
		])
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
							eprintln!("the chain does not verify {}: {refusal}", measurement.shape)
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

	#[test]
	fn shapes_should_be_three_positive_numbers() {
		assert_eq!("2x3x4".parse(), Ok(Shape { m: 2, k: 3, n: 4 }));
		for wrong in ["", "2x3", "2x3x4x5", "0x1x1", "axbxc", "2x3x-4"] {
			assert!(wrong.parse::<Shape>().is_err(), "{wrong}");
		}
	}

	#[test]
	fn bench_should_measure_three_squares_by_default_and_what_is_named_otherwise() {
		let names =
			|args: BenchArgs| -> Vec<String> { args.shapes.iter().map(Shape::to_string).collect() };
		assert_eq!(
			names(parse(&[])),
			["256x256x256", "512x512x512", "1024x1024x1024"]
		);
		assert_eq!(
			names(parse(&["--shape", "1x2x3", "4x5x6", "--json"])),
			["1x2x3", "4x5x6"]
		);
		assert_eq!(
			names(parse(&["--shape", "1x2x3", "--shape", "4x5x6"])),
			["1x2x3", "4x5x6"]
		);
	}
}
