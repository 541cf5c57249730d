//! Lemma's node: makes and finalizes blocks, keeps them, and answers over JSON-RPC.

mod chain_spec;
mod cli;
mod command;
mod rpc;
mod service;

fn main() -> sc_cli::Result<()> {
	command::run()
}
