//! `lemma-worker run`: puts the parts together, runs them, and stops them in order.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{bail, Context as _};
use backon::{BackoffBuilder, ExponentialBuilder};
use lemma_client::{store::FetchPolicy, Error as ClientError, Keys, Store};
use tokio::{
	signal::unix::{signal, SignalKind},
	sync::watch,
};
use tokio_util::sync::CancellationToken;

use crate::{
	bundles,
	chain::{Chain, Heads},
	config::Config,
	context::Context,
	estimate::Estimate,
	executables::{self, Executable},
	executor::Executor,
	fuse::Fuse,
	heads::watch_heads,
	http,
	input::Inputs,
	jobs::{self, limits::GPU_PATIENCE, Launcher, Pool},
	journal::{Journal, JournalError},
	metrics::Metrics,
	node::Node,
	scheduler::Scheduler,
	selection::Served,
	status::Status,
};

/// Name of the journal in the data folder.
pub const JOURNAL_FILE: &str = "journal.redb";
/// Name of the folder of inputs in the data folder.
const INPUTS_FOLDER: &str = "inputs";

/// Longest wait between attempts to reach a node at the start.
const LONGEST_RETRY: Duration = Duration::from_secs(3);

/// Runs the worker until a signal or a fatal error.
pub async fn run(config: Config) -> anyhow::Result<()> {
	let (stop, abandon) = (CancellationToken::new(), CancellationToken::new());
	tokio::spawn(signals(stop.clone(), abandon.clone(), config.shutdown)?);

	// Only bundles are loaded on these.
	config
		.niceness
		.start_threads(config.threads)
		.context("the threads that load bundles cannot be started")?;
	// Everything that can be wrong without a node is said before one is asked.
	let keys = open_keys(&config)?;
	let places = config.bundles.clone();
	// Building circuits takes a while.
	let loading = tokio::task::spawn_blocking(move || bundles::load(&places));
	let mut programs = tokio::select! {
		loaded = loading => loaded??,
		_ = stop.cancelled() => return Ok(()),
	};
	let estimate = load_estimate(&config)?;
	if !estimate.is_measured() {
		tracing::warn!(
			"this machine was not measured, so a slow one is assumed: `lemma-worker bench --output \
			 {}` measures it",
			config.bench_file.display()
		);
	}
	std::fs::create_dir_all(&config.data_dir).with_context(|| {
		format!(
			"`data_dir`: the folder {} cannot be made",
			config.data_dir.display()
		)
	})?;
	let journal_path = config.data_dir.join(JOURNAL_FILE);
	let journal = Journal::open(&journal_path, Fuse::from_env()).map_err(|error| {
		let text = unopened(&journal_path, &error);
		anyhow::Error::new(error).context(text)
	})?;
	let store = Store::open(&config.store).context("`store`")?;
	let policy = FetchPolicy {
		allow_private: config.allow_private_addresses,
		allow_redirects: config.allow_redirects,
		..FetchPolicy::default()
	};
	let metrics = Metrics::new();
	let inputs = Inputs::open(
		config.data_dir.join(INPUTS_FOLDER),
		store,
		policy,
		config.rules.max_input_bytes,
		metrics.clone(),
	)
	.context("the folder of inputs cannot be used")?;
	let settings = jobs::Settings {
		concurrency: config.concurrency,
		threads: config.threads,
		niceness: config.niceness,
		max_memory_bytes: config.rules.max_memory_bytes,
		time_factor: config.time_limit_factor,
		gpu_patience: GPU_PATIENCE,
	};
	let others = config.executables.iter().map(Executable::launcher);
	let pool = Pool::new(Launcher::this_program(), others, settings, metrics.clone());
	let (executables, asking) = (config.executables.clone(), pool.clone());
	let loading = tokio::task::spawn_blocking(move || {
		executables::load(&mut programs, &executables, &asking).map(|()| programs)
	});
	let programs = tokio::select! {
		loaded = loading => loaded??,
		_ = stop.cancelled() => return Ok(()),
	};
	let served =
		Served::resolve(&config.rules.programs, &programs.classes()).map_err(anyhow::Error::msg)?;
	let (preference, choosing) = (config.backend, pool.clone());
	// Opening a device and compiling kernels takes a while.
	let choosing = tokio::task::spawn_blocking(move || choosing.choose(preference));
	let chosen = tokio::select! {
		chosen = choosing => chosen??,
		_ = stop.cancelled() => return Ok(()),
	};
	if let Some(reason) = &chosen.no_gpu {
		tracing::info!("no GPU is used: {reason}");
	}
	tracing::info!(
		backend = chosen.name,
		"programs run on: {}",
		chosen.description
	);
	let status = Status::new(metrics.clone());
	if let Some(address) = config.metrics {
		let listener = http::listen(address).await.map_err(anyhow::Error::msg)?;
		tracing::info!(%address, "serving /metrics and /health");
		tokio::spawn(http::serve(listener, status.clone(), abandon.clone()));
	}

	let Some(node) = connect(&config.node, keys, &status, &stop).await? else {
		return Ok(());
	};
	journal.bind(node.genesis())?;
	journal.prune()?;
	for order in journal.unreadable() {
		metrics.journal_failed();
		let problem = "its record in the journal cannot be read: the log says what to do";
		status.problem(order, Some(problem.to_owned()));
	}
	tracing::info!(
		genesis = %hex::encode(node.genesis()),
		account = %node.account(),
		programs = served.len(),
		backend = chosen.name,
		concurrency = config.concurrency,
		"lemma-worker {}",
		env!("CARGO_PKG_VERSION")
	);
	let executor = Executor::new(inputs, programs, pool, estimate, metrics);
	let mut context = Context::new(
		Arc::new(node),
		Arc::new(journal),
		Arc::new(executor),
		status,
		config.rules.clone(),
		served,
		config.cooldown,
	);
	context.max_tip = config.max_tip;
	run_until_stopped(Arc::new(context), &config, stop, abandon).await
}

fn open_keys(config: &Config) -> anyhow::Result<Keys> {
	Keys::open(&config.key.0).context("`key`")
}

fn load_estimate(config: &Config) -> anyhow::Result<Estimate> {
	Estimate::load(&config.bench_file).map_err(|problem| anyhow::anyhow!("`bench_file`: {problem}"))
}

/// That what a configuration names can be read: the key, bundles, what `bench` wrote; with the errors of [`run`]. Makes nothing and
/// starts nothing. Building the circuits of bundles takes seconds and more for each.
pub fn check(config: &Config) -> anyhow::Result<()> {
	open_keys(config)?;
	let programs = bundles::load(&config.bundles)?;
	load_estimate(config)?;
	// What executables have, only they can say.
	if config.executables.is_empty() {
		Served::resolve(&config.rules.programs, &programs.classes()).map_err(anyhow::Error::msg)?;
	}
	Ok(())
}

/// That the journal cannot be opened, and what to do where another worker has it. Two workers with one key and two journals would
/// each lose what the other has claimed.
fn unopened(journal: &Path, error: &JournalError) -> String {
	let text = format!("{} cannot be opened", journal.display());
	match error {
		JournalError::Database(error)
			if matches!(
				**error,
				redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch
			) =>
		{
			format!(
				"{text}; another worker is running with this data_dir: wait until it has ended, or stop it; \
				 another data_dir only with another key and provider"
			)
		}
		_ => text,
	}
}

async fn run_until_stopped(
	context: Arc<Context>,
	config: &Config,
	stop: CancellationToken,
	abandon: CancellationToken,
) -> anyhow::Result<()> {
	let (publish, mut heads) = watch::channel(Heads::default());
	let data_dir = config.data_dir.display().to_string();
	let mut watching = tokio::spawn(watch_heads(
		context.clone(),
		publish,
		config.poll,
		data_dir,
		abandon.clone(),
	));
	// Orders look at the heads as soon as they run.
	tokio::select! {
		changed = heads.changed() => {
			if changed.is_err() {
				return Ok((&mut watching).await??);
			}
		},
		_ = stop.cancelled() => return Ok(()),
	}
	let scheduler = Scheduler::new(context, heads, config.concurrency);
	let running = scheduler.run(stop, abandon.clone());
	let ended = tokio::select! {
		ended = running => ended,
		ended = &mut watching => match ended {
			Ok(Err(fatal)) => Err(fatal),
			Ok(Ok(())) => Ok(()),
			Err(error) => bail!("watching the chain ended: {error}"),
		},
	};
	abandon.cancel();
	ended?;
	tracing::info!("stopped");
	Ok(())
}

/// Connects, however long the node is away; `None` if `stop` comes first. What waiting does not mend is an
/// error at once.
async fn connect(
	url: &str,
	keys: Keys,
	status: &Status,
	stop: &CancellationToken,
) -> anyhow::Result<Option<Node>> {
	let mut backoff = ExponentialBuilder::default()
		.with_min_delay(Duration::from_millis(500))
		.with_max_delay(LONGEST_RETRY)
		.without_max_times()
		.build();
	let mut said = false;
	loop {
		let error: ClientError = tokio::select! {
			connected = Node::connect(url, keys.clone()) => match connected {
				Ok(node) => return Ok(Some(node)),
				Err(error) => error,
			},
			_ = stop.cancelled() => return Ok(None),
		};
		if !error.is_transient() {
			return Err(error.into());
		}
		status.disconnected(&error.to_string());
		if !said {
			tracing::warn!("waiting for the node: {error}");
			said = true;
		}
		tokio::select! {
			_ = tokio::time::sleep(backoff.next().unwrap_or(LONGEST_RETRY)) => {},
			_ = stop.cancelled() => return Ok(None),
		}
	}
}

/// The first SIGINT or SIGTERM stops in order, with `bound` for what is claimed; the second at once.
fn signals(
	stop: CancellationToken,
	abandon: CancellationToken,
	bound: Duration,
) -> anyhow::Result<impl std::future::Future<Output = ()>> {
	let mut interrupt = signal(SignalKind::interrupt())?;
	let mut terminate = signal(SignalKind::terminate())?;
	Ok(async move {
		tokio::select! {
			_ = interrupt.recv() => {},
			_ = terminate.recv() => {},
		}
		tracing::info!(
			seconds = bound.as_secs(),
			"stopping: no new orders; what is claimed has this long. A second signal stops at once"
		);
		stop.cancel();
		tokio::select! {
			_ = tokio::time::sleep(bound) => {
				tracing::warn!("the time to stop is over");
				abandon.cancel();
			},
			_ = interrupt.recv() => exit_at_once(),
			_ = terminate.recv() => exit_at_once(),
		}
	})
}

/// The journal is consistent at any moment: nothing has to be tidied up.
fn exit_at_once() {
	tracing::warn!("stopping at once; the next start goes on where the journal is");
	std::process::exit(130);
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::config::Settings;

	#[test]
	fn a_journal_should_be_waited_for_when_another_worker_has_it_and_not_be_replaced() {
		let path = Path::new("/data/journal.redb");
		let held = unopened(path, &redb::DatabaseError::DatabaseAlreadyOpen.into());
		for part in [
			"/data/journal.redb cannot be opened",
			"wait until it has ended",
			"only with another key",
		] {
			assert!(held.contains(part), "{held}");
		}
		let broken = unopened(path, &redb::DatabaseError::RepairAborted.into());
		assert_eq!(broken, "/data/journal.redb cannot be opened");
	}

	#[test]
	fn a_configuration_should_be_refused_when_what_it_names_cannot_be_read() {
		let folder = tempfile::tempdir().unwrap();
		let path = |name: &str| folder.path().join(name).display().to_string();
		std::fs::write(folder.path().join("bench.json"), "{}").unwrap();
		let sound = || Settings {
			key: Some("//Alice".to_owned()),
			data_dir: Some(path("data")),
			..Settings::default()
		};
		let checked = |settings: Settings| {
			check(&settings.validate().unwrap()).map_err(|error| format!("{error:#}"))
		};
		assert_eq!(checked(sound()), Ok(()));
		for (settings, name) in [
			(
				Settings {
					key: Some(path("no.key")),
					..sound()
				},
				"`key`",
			),
			(
				Settings {
					bench_file: Some(path("bench.json")),
					..sound()
				},
				"`bench_file`",
			),
			(
				Settings {
					bundles: Some(vec![path("nowhere")]),
					..sound()
				},
				"`bundles`",
			),
			(
				Settings {
					programs: Some(vec!["nothing".to_owned()]),
					..sound()
				},
				"`programs`",
			),
		] {
			let problem = checked(settings).unwrap_err();
			assert!(problem.contains(name), "{problem}");
		}
		assert!(!folder.path().join("data").exists());
	}

	#[tokio::test]
	async fn the_key_of_a_hosted_node_should_not_be_shown_at_health() {
		let status = Status::new(Metrics::new());
		let stop = CancellationToken::new();
		let keys = Keys::open("//Alice").unwrap();
		let url = "ws://user:SECRET@127.0.0.1:9/v1/SECRET?key=SECRET";
		let connecting = connect(url, keys, &status, &stop);
		let asking = async {
			loop {
				let problems = status.health().problems.join("; ");
				if problems.contains("no node answers") {
					stop.cancel();
					return problems;
				}
				tokio::time::sleep(Duration::from_millis(10)).await;
			}
		};
		let both = async { tokio::join!(connecting, asking) };
		let (connected, problems) = tokio::time::timeout(Duration::from_secs(60), both)
			.await
			.expect("it says that no node answers");
		assert!(connected.unwrap().is_none());
		assert!(problems.contains("at ws://127.0.0.1:9 ("), "{problems}");
		assert!(!problems.contains("SECRET"), "{problems}");
	}
}
