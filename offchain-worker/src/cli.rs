//! The command line of `lemma-worker`.

use std::{
	io::IsTerminal,
	path::{Path, PathBuf},
};

use clap::{Args, Parser, Subcommand};
use lemma_client::{amount, OrderId};
use lemma_zk_circuits::programs::bundles::Programs;
use tracing_subscriber::EnvFilter;

use crate::{
	backend::Machine,
	bench::{self, BenchArgs},
	config::{self, LogFormat, Settings, ANNOTATED_DEFAULTS},
	journal::{self, JournalError, Record, State},
	worker::{self, JOURNAL_FILE},
};

/// Lemma's worker: watches for orders, runs them on a GPU or a CPU, proves and submits them
///
/// It signs with the key of a registered provider, or of an operator that a provider named
/// (`lemma provider register`, `lemma provider operators`).
#[derive(Debug, Parser)]
#[command(name = "lemma-worker", version, max_term_width = 100)]
pub struct Cli {
	#[command(subcommand)]
	command: Command,
}

#[derive(Debug, Subcommand)]
// There is one of it in a process.
#[allow(clippy::large_enum_variant)]
enum Command {
	/// Take orders until stopped
	///
	/// Every setting is a flag, an environment variable (LEMMA_ and the name in capitals) or a line of
	/// the file; flags win over the environment, the environment over the file. SIGINT and SIGTERM stop
	/// in order; a second one at once. Nothing is lost or sent twice either way, nor by a crash.
	Run(RunArgs),
	/// Measure this machine and write what it can promise
	///
	/// Without a program, shape, class or bundle all programs are measured, which takes some minutes. What the machine
	/// promises is the slowest of what was measured: measure what you mean to serve. Examples:
	///
	/// lemma-worker bench --program gemm fractal
	///
	/// lemma-worker bench --json --class render/t16-s4-l1 --shape 4096x64x64
	///
	/// lemma-worker bench --bundle net.lemma --inputs samples.npy --batch 1 16
	Bench(BenchArgs),
	/// Print a configuration file with every setting, its default and what it means
	///
	/// Example: lemma-worker config > worker.toml
	Config(ConfigArgs),
	/// Show the orders in the journal, also while a worker is running
	Journal(JournalArgs),
	/// Do jobs for the worker that started this process
	#[command(hide = true)]
	JobHost,
}

#[derive(Debug, Args)]
struct RunArgs {
	/// File with settings (TOML); `lemma-worker config` prints one to start from
	#[arg(long, short, env = "LEMMA_CONFIG", value_name = "FILE")]
	config: Option<PathBuf>,
	#[command(flatten)]
	settings: Settings,
}

#[derive(Debug, Args)]
struct ConfigArgs {
	/// Check this file (with the environment), and that the key, the bundles and the measurements that it names can be read; print
	/// nothing but what is wrong. Bundles take seconds to minutes
	#[arg(long, value_name = "FILE")]
	check: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct JournalArgs {
	/// File with settings, for its data_dir
	#[arg(long, short, env = "LEMMA_CONFIG", value_name = "FILE")]
	config: Option<PathBuf>,
	/// Folder of the journal
	#[arg(long, value_name = "FOLDER")]
	data_dir: Option<String>,
	/// Show this order alone
	#[arg(long, value_name = "NUMBER")]
	order: Option<OrderId>,
	/// Print one JSON object a line
	#[arg(long)]
	json: bool,
}

impl Cli {
	/// Does what the command line says.
	pub fn execute(self) -> anyhow::Result<()> {
		match self.command {
			Command::Run(args) => run(args),
			Command::Bench(args) => {
				start_log(LogFormat::Text, "warn");
				bench::run(args)
			}
			Command::Config(args) => match args.check {
				Some(file) => check(&file),
				None => {
					print!("{ANNOTATED_DEFAULTS}");
					Ok(())
				}
			},
			Command::Journal(args) => show_journal(args),
			Command::JobHost => {
				start_plain_log();
				lemma_job_host::serve(Programs::default(), Box::<Machine>::default())
			}
		}
	}
}

fn check(file: &Path) -> anyhow::Result<()> {
	let config = config::merge(Some(file), &Settings::default())?.validate()?;
	if !config.bundles.is_empty() {
		// Beside a worker that proves. That they run already is no reason not to check.
		let _ = config.niceness.start_threads(config.threads);
	}
	worker::check(&config)
}

fn run(args: RunArgs) -> anyhow::Result<()> {
	keep_to_ourselves();
	let config = config::merge(args.config.as_deref(), &args.settings)?.validate()?;
	start_log(config.log_format, "info");
	let runtime = tokio::runtime::Builder::new_multi_thread()
		.enable_all()
		.build()?;
	let ended = runtime.block_on(worker::run(config));
	// Processes for jobs end with this one, and need not be waited for: the journal knows where to go on.
	runtime.shutdown_background();
	ended
}

/// No other program of the same user, such as an executable that it starts, reads the memory of this process or the environment that
/// it was started with, which may hold its key.
fn keep_to_ourselves() {
	// It works as well without.
	#[cfg(target_os = "linux")]
	let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// The log of a process for jobs: lines for the worker, which adds the rest.
fn start_plain_log() {
	let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
	let log = tracing_subscriber::fmt()
		.with_env_filter(filter)
		.with_writer(std::io::stderr)
		.log_internal_errors(false)
		.with_ansi(false)
		.with_target(false)
		.without_time();
	let _ = log.try_init();
}

fn start_log(format: LogFormat, default: &str) {
	let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
		EnvFilter::new(format!(
			"warn,lemma_worker={default},lemma_client={default}"
		))
	});
	let log = tracing_subscriber::fmt()
		.with_env_filter(filter)
		.with_writer(std::io::stderr)
		// A log that cannot be written, because its disk is full, must not end the worker: to say so on the
		// standard error would be a panic.
		.log_internal_errors(false)
		.with_ansi(std::io::stderr().is_terminal())
		.with_target(false);
	// That a log is there already (in a test) is no error.
	let _ = match format {
		LogFormat::Text => log.try_init(),
		LogFormat::Json => log.json().try_init(),
	};
}

fn show_journal(args: JournalArgs) -> anyhow::Result<()> {
	let flags = Settings {
		data_dir: args.data_dir,
		..Settings::default()
	};
	let folder = config::merge(args.config.as_deref(), &flags)?.data_dir();
	let path = folder.join(JOURNAL_FILE);
	let records = records(&path, args.order)?;
	if args.json {
		for record in records {
			println!("{}", serde_json::to_string(&record)?);
		}
		return Ok(());
	}
	if records.is_empty() {
		println!("The journal {} holds no orders.", path.display());
		return Ok(());
	}
	println!(
		"{:>8}  {:<14} {:<18} {:>10}  what happened",
		"order", "state", "shape", "seconds"
	);
	for record in records {
		let seconds: u64 = record.stages.iter().map(|(_, micros)| micros).sum();
		println!(
			"{:>8}  {:<14} {:<18} {:>10}  {}",
			record.order,
			record.state.name(),
			record.shape,
			if seconds == 0 {
				String::new()
			} else {
				format!("{:.2}", seconds as f64 / 1e6)
			},
			remark(&record)
		);
	}
	Ok(())
}

fn records(path: &Path, order: Option<OrderId>) -> anyhow::Result<Vec<Record>> {
	anyhow::ensure!(
		path.is_file(),
		"there is no journal at {}: name the worker's folder with --data-dir, or its file with \
		 --config",
		path.display()
	);
	let (mut records, unreadable) = journal::read(path)?;
	for unreadable in unreadable {
		let error = JournalError::Unreadable(unreadable);
		match order {
			Some(order) if order == unreadable => return Err(error.into()),
			Some(_) => {}
			None => eprintln!("{error}"),
		}
	}
	if let Some(order) = order {
		records.retain(|record| record.order == order);
		anyhow::ensure!(
			!records.is_empty(),
			"the journal {} has no order {order}",
			path.display()
		);
	}
	Ok(records)
}

fn remark(record: &Record) -> String {
	match &record.state {
		State::Settled {
			block,
			paid: Some(paid),
		} => {
			format!("paid {} LEM in block {block}", amount::format(*paid))
		}
		State::Settled { block, paid: None } => format!("paid in block {block}"),
		State::Claimed { price, expires_at } => {
			format!(
				"{} LEM if proven before block {expires_at}",
				amount::format(*price)
			)
		}
		state => state.reason().to_owned(),
	}
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
	use clap::Parser;
	use rustix::process::{dumpable_behavior, set_dumpable_behavior, DumpableBehavior};

	use super::{keep_to_ourselves, Cli};

	#[test]
	fn checking_a_configuration_should_try_the_key_that_it_names() {
		let folder = tempfile::tempdir().unwrap();
		let file = folder.path().join("worker.toml").display().to_string();
		let key = folder.path().join("no.key").display().to_string();
		std::fs::write(&file, format!("key = '{key}'\n")).unwrap();
		let cli = Cli::parse_from(["lemma-worker", "config", "--check", file.as_str()]);
		let problem = format!("{:#}", cli.execute().unwrap_err());
		assert!(
			problem.contains("`key`") && problem.contains(&key),
			"{problem}"
		);
	}

	#[test]
	fn the_worker_should_be_closed_to_others_of_the_same_user() {
		let before = dumpable_behavior().unwrap();
		keep_to_ourselves();
		let after = dumpable_behavior().unwrap();
		set_dumpable_behavior(before).unwrap();
		assert_eq!(after, DumpableBehavior::NotDumpable);
	}
}
