//! The node's command line.

use sc_cli::RunCmd;

/// Lemma's node.
#[derive(Debug, clap::Parser)]
pub struct Cli {
	/// What to do; runs a node if nothing is said.
	#[command(subcommand)]
	pub subcommand: Option<Subcommand>,

	/// Options of a running node.
	#[clap(flatten)]
	pub run: RunCmd,
}

/// What the node's binary does besides running a node.
#[derive(Debug, clap::Subcommand)]
#[allow(clippy::large_enum_variant)]
pub enum Subcommand {
	/// Make, inspect and insert keys.
	#[command(subcommand)]
	Key(sc_cli::KeySubcommand),

	/// Write a chain specification; `--raw` for one that every node can start from.
	ExportChainSpec(sc_cli::ExportChainSpecCmd),

	/// Write a chain specification with the local node as its boot node.
	BuildSpec(sc_cli::BuildSpecCmd),

	/// Check blocks that are already in the database once more.
	CheckBlock(sc_cli::CheckBlockCmd),

	/// Write blocks to a file.
	ExportBlocks(sc_cli::ExportBlocksCmd),

	/// Write the state of a block into a chain specification.
	ExportState(sc_cli::ExportStateCmd),

	/// Read blocks from a file.
	ImportBlocks(sc_cli::ImportBlocksCmd),

	/// Remove the whole chain from the database.
	PurgeChain(sc_cli::PurgeChainCmd),

	/// Go back to an earlier block; what is final stays.
	Revert(sc_cli::RevertCmd),

	/// Print the best and the last final block of the database as JSON.
	ChainInfo(sc_cli::ChainInfoCmd),
}
