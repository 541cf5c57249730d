//! A program of one's own, served by Lemma's workers: how far a DNA sequence is from every beginning of another, in single changes,
//! insertions and deletions (the last row of the table by which sequences are aligned).
//!
//! - [`pair`]: the input's bytes, and the distances computed plainly: the reference
//! - [`circuit`]: the same as constraints, and why they leave no choice
//! - [`job`]: one pair, from its bytes to its proof; `kernel.cu`: for a GPU
//!
//! Started by a worker (`lemma-worker`, setting `executables`) or by `lemma … --executable`, it serves them; started by hand it makes inputs and
//! reads outputs. `docs/use/programs.md` goes through all of it.

mod circuit;
mod job;
mod pair;
#[cfg(test)]
mod tests;

use std::{
	fs,
	io::{self, Read as _},
	process::ExitCode,
	sync::Arc,
};

use lemma_job_host::{serve, Reference};
use lemma_zk_circuits::programs::bundles::Programs;

use crate::{job::Alignment, pair::Pair};

const USAGE: &str = "\
Edit distances of a DNA sequence of 64 bases and every beginning of another.

  lemma-example-alignment encode PATTERN TEXT FILE   write the input of an order
  lemma-example-alignment decode FILE                print an output's distances
  lemma-example-alignment serve                      for lemma-worker and lemma, which start it";

fn main() -> ExitCode {
	let arguments: Vec<String> = std::env::args().skip(1).collect();
	let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
	let done = match arguments[..] {
		["serve"] => serve(Programs::only(Arc::new(Alignment)), Box::new(Reference)),
		["encode", pattern, text, file] => encode(pattern, text, file),
		["decode", file] => decode(file),
		_ => Err(USAGE.to_owned()),
	};
	match done {
		Ok(()) => ExitCode::SUCCESS,
		Err(problem) => {
			eprintln!("{problem}");
			ExitCode::FAILURE
		}
	}
}

fn encode(pattern: &str, text: &str, file: &str) -> Result<(), String> {
	let pair = Pair::of_letters(pattern, text)?;
	fs::write(file, pair.encode()).map_err(|error| format!("{file} cannot be written: {error}"))
}

fn decode(file: &str) -> Result<(), String> {
	let mut output = Vec::new();
	let longest = pair::BASES as u64 + 1;
	fs::File::open(file)
		.and_then(|file| file.take(longest).read_to_end(&mut output))
		.and_then(|read| match read == pair::BASES {
			true => Ok(()),
			false => Err(io::Error::other("it is no output of this program")),
		})
		.map_err(|error| format!("{file} cannot be read: {error}"))?;
	let distances: Vec<String> = output.iter().map(u8::to_string).collect();
	println!("{}", distances.join(" "));
	Ok(())
}
