//! `lemma-zk-circuits`: makes the committed key files, or checks that they are what the circuits give.

use std::{
	path::{Path, PathBuf},
	process::ExitCode,
	time::Instant,
};

use anyhow::{bail, Context, Result};
use clap::{Parser, Subcommand};
use codec::Encode;
use lemma_zk_circuits::{
	circuit::AnyCircuit,
	keys::{self, Key},
	programs,
	sample::Sample,
	Prover,
};

/// Makes and checks the files that the circuits determine.
#[derive(Parser)]
#[command(name = "lemma-zk-circuits", version)]
struct Arguments {
	#[command(subcommand)]
	command: Command,
}

#[derive(Subcommand)]
enum Command {
	/// Builds all circuits and writes their ids, the outer key and the sample proof.
	Keys {
		/// Write nothing; fail if a file differs from what the circuits give.
		#[arg(long)]
		check: bool,
		/// Only the circuits whose name contains this; the others' keys stay as they are.
		#[arg(long, value_name = "TEXT")]
		only: Option<String>,
		/// Root of the repository.
		#[arg(long, default_value = ".", value_name = "FOLDER")]
		root: PathBuf,
	},
}

fn main() -> ExitCode {
	let Command::Keys { check, only, root } = Arguments::parse().command;
	match keys(&root, check, only.as_deref()) {
		Ok(()) => ExitCode::SUCCESS,
		Err(error) => {
			eprintln!("error: {error:#}");
			ExitCode::FAILURE
		}
	}
}

fn keys(root: &Path, check: bool, only: Option<&str>) -> Result<()> {
	let circuits: Vec<Box<dyn AnyCircuit>> = programs::all()
		.iter()
		.flat_map(|program| program.circuits())
		.collect();
	let mut made = Vec::with_capacity(circuits.len());
	for circuit in &circuits {
		let name = circuit.name();
		let known = keys::committed().iter().find(|key| key.name == name);
		match known {
			Some(key) if only.is_some_and(|only| !name.contains(only)) => made.push(key.clone()),
			_ => {
				let start = Instant::now();
				let key = Key::compute(circuit.as_ref());
				println!("{name} {} ({:.1} s)", key.id, start.elapsed().as_secs_f64());
				made.push(key);
			}
		}
	}
	let prover = Prover::new();
	let outer = prover.outer().key_bytes();
	let mut same = file(&root.join(PROGRAMS), keys::to_json(&made).as_bytes(), check)?;
	same &= file(&root.join(OUTER), &outer, check)?;
	match (same, check) {
		(true, _) => sample(&root.join(SAMPLE), &prover, check),
		(false, true) => {
			bail!(
				"the committed keys are not the circuits': run `lemma-zk-circuits keys` and commit"
			)
		}
		(false, false) => {
			println!("the keys are built into the crates: build again and run this once more, for the sample");
			Ok(())
		}
	}
}

/// Makes the sample again if it does not verify. Proofs differ from one time to the next, so bytes are not
/// compared.
fn sample(path: &Path, prover: &Prover, check: bool) -> Result<()> {
	let verdict = match Sample::committed() {
		None => Err("it is of another format".into()),
		Some(sample) if programs::find(&sample.program).is_none() => {
			Err("it is of an earlier circuit".into())
		}
		Some(sample) => sample.verify().map_err(|error| error.to_string()),
	};
	match verdict {
		Ok(()) => println!("{}: verifies", path.display()),
		Err(reason) if check => bail!("{}: {reason}: run `lemma-zk-circuits keys`", path.display()),
		Err(_) => {
			let sample = Sample::make(prover)?;
			std::fs::write(path, sample.encode()).with_context(|| path.display().to_string())?;
			println!("{}: written", path.display());
		}
	}
	Ok(())
}

const SAMPLE: &str = "zk/circuits/samples/gemm.scale";
const PROGRAMS: &str = "zk/circuits/keys/programs.json";
const OUTER: &str = "zk/verifier/keys/outer.bin";

/// Writes the file, or compares it. Whether it was already so.
fn file(path: &Path, bytes: &[u8], check: bool) -> Result<bool> {
	let old = std::fs::read(path).with_context(|| {
		format!(
			"{} cannot be read: give the repository with --root",
			path.display()
		)
	})?;
	if old == bytes {
		println!("{}: as it should be", path.display());
		return Ok(true);
	}
	if check {
		println!("{}: differs", path.display());
	} else {
		std::fs::write(path, bytes).with_context(|| path.display().to_string())?;
		println!("{}: written", path.display());
	}
	Ok(false)
}
