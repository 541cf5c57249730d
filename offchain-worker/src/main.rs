//! `lemma-worker`: see the library.

use std::process::ExitCode;

use clap::Parser;
use lemma_worker::cli::Cli;

fn main() -> ExitCode {
	match Cli::parse().execute() {
		Ok(()) => ExitCode::SUCCESS,
		Err(error) => {
			eprintln!("error: {error:#}");
			ExitCode::FAILURE
		}
	}
}
