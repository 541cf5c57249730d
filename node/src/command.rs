//! Runs what the command line asks for.

use std::{future::Future, sync::Arc};

use lemma_runtime::opaque::Block;
use sc_cli::{CliConfiguration, SubstrateCli};
use sc_consensus::DefaultImportQueue;
use sc_network::config::NetworkBackendType;
use sc_service::{Configuration, PartialComponents};

use crate::{
	chain_spec,
	cli::{Cli, Subcommand},
	service::{self, FullBackend, FullClient},
};

impl SubstrateCli for Cli {
	fn impl_name() -> String {
		"Lemma Node".into()
	}

	fn impl_version() -> String {
		env!("SUBSTRATE_CLI_IMPL_VERSION").into()
	}

	fn description() -> String {
		env!("CARGO_PKG_DESCRIPTION").into()
	}

	fn author() -> String {
		"the Lemma authors".into()
	}

	fn support_url() -> String {
		concat!(env!("CARGO_PKG_REPOSITORY"), "/issues").into()
	}

	fn copyright_start_year() -> i32 {
		2026
	}

	fn load_spec(&self, id: &str) -> Result<Box<dyn sc_service::ChainSpec>, String> {
		Ok(match id {
			"dev" => Box::new(chain_spec::development()?),
			"local" => Box::new(chain_spec::local_testnet()?),
			"" => {
				return Err(
					"say which chain: --dev for a chain of your own, --chain local for a \
				            local network, or --chain FILE for a chain specification"
						.into(),
				)
			}
			path => Box::new(
				chain_spec::ChainSpec::from_json_file(std::path::PathBuf::from(path)).map_err(
					|error| {
						format!(
							"{path} is no chain specification ({error}); known chains are dev and \
							 local, anything else must be a file written by export-chain-spec"
						)
					},
				)?,
			),
		})
	}
}

/// What commands that open the database work with.
struct Database {
	client: Arc<FullClient>,
	backend: Arc<FullBackend>,
	import_queue: DefaultImportQueue<Block>,
	config: Configuration,
}

/// Opens the database and does something with it, without network and consensus.
fn on_database<F>(
	cli: &Cli,
	command: &impl CliConfiguration,
	act: impl FnOnce(Database) -> F,
) -> sc_cli::Result<()>
where
	F: Future<Output = sc_cli::Result<()>>,
{
	cli.create_runner(command)?.async_run(|config| {
		let PartialComponents {
			client,
			backend,
			import_queue,
			task_manager,
			..
		} = service::new_partial(&config)?;
		let database = Database {
			client,
			backend,
			import_queue,
			config,
		};
		Ok((act(database), task_manager))
	})
}

/// Parses the command line and does what it says.
pub fn run() -> sc_cli::Result<()> {
	let cli = Cli::from_args();

	match &cli.subcommand {
		Some(Subcommand::Key(cmd)) => cmd.run(&cli),
		Some(Subcommand::ExportChainSpec(cmd)) => {
			let spec = cli.load_spec(&cmd.chain)?;
			cmd.run(spec)
		}
		Some(Subcommand::BuildSpec(cmd)) => cli
			.create_runner(cmd)?
			.sync_run(|config| cmd.run(config.chain_spec, config.network)),
		Some(Subcommand::CheckBlock(cmd)) => {
			on_database(&cli, cmd, |db| cmd.run(db.client, db.import_queue))
		}
		Some(Subcommand::ExportBlocks(cmd)) => {
			on_database(&cli, cmd, |db| cmd.run(db.client, db.config.database))
		}
		Some(Subcommand::ExportState(cmd)) => {
			on_database(&cli, cmd, |db| cmd.run(db.client, db.config.chain_spec))
		}
		Some(Subcommand::ImportBlocks(cmd)) => {
			on_database(&cli, cmd, |db| cmd.run(db.client, db.import_queue))
		}
		Some(Subcommand::PurgeChain(cmd)) => cli
			.create_runner(cmd)?
			.sync_run(|config| cmd.run(config.database)),
		Some(Subcommand::Revert(cmd)) => on_database(&cli, cmd, |db| {
			let revert_finality = Box::new(|client, _, blocks| {
				sc_consensus_grandpa::revert(client, blocks)?;
				Ok(())
			});
			cmd.run(db.client, db.backend, Some(revert_finality))
		}),
		Some(Subcommand::ChainInfo(cmd)) => cli
			.create_runner(cmd)?
			.sync_run(|config| cmd.run::<Block>(&config)),
		None => {
			let runner = cli.create_runner(&cli.run)?;
			runner.run_node_until_exit(|config| async move {
				match config.network.network_backend {
					NetworkBackendType::Libp2p => {
						service::new_full::<sc_network::NetworkWorker<_, _>>(config)
					}
					NetworkBackendType::Litep2p => {
						service::new_full::<sc_network::Litep2pNetworkBackend>(config)
					}
				}
				.map_err(sc_cli::Error::Service)
			})
		}
	}
}
