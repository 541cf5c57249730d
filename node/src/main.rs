//! Lemma's node: makes and finalizes blocks, keeps them, and answers over JSON-RPC.

mod chain_spec;
mod cli;
mod command;
mod genesis;
mod service;

use std::process::ExitCode;

fn main() -> ExitCode {
	match command::run() {
		Ok(()) => ExitCode::SUCCESS,
		Err(error) => {
			eprintln!("error: {error}");
			ExitCode::FAILURE
		}
	}
}
