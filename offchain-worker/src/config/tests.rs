use std::sync::{PoisonError, RwLock};

use super::*;

/// The environment belongs to the whole process: the test that sets it has it for itself.
static ENVIRONMENT: RwLock<()> = RwLock::new(());

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
	let folder = tempfile::tempdir().unwrap();
	let path = folder.path().join("worker.toml");
	std::fs::write(&path, text).unwrap();
	(folder, path)
}

fn settings(text: &str) -> Result<Settings, ConfigError> {
	let (_folder, path) = file(text);
	let _unset = ENVIRONMENT.read().unwrap_or_else(PoisonError::into_inner);
	merge(Some(&path), &Settings::default())
}

fn config(text: &str) -> Result<Config, ConfigError> {
	settings(text)?.validate()
}

const KEY: &str = "key = \"//Alice\"\n";

#[test]
fn defaults_should_do_when_only_a_key_is_given() {
	let config = config(KEY).unwrap();
	assert_eq!(config.node, "ws://127.0.0.1:9944");
	assert_eq!(config.key, Key("//Alice".to_owned()));
	assert_eq!(config.concurrency, 1);
	assert_eq!(config.metrics, Some("127.0.0.1:9617".parse().unwrap()));
	assert!(!config.allow_private_addresses && !config.allow_redirects);
	assert!(config.rules.claim && config.rules.rescue);
	assert_eq!(config.rules.min_price, amount::parse("0.01").unwrap());
	assert_eq!(config.rules.max_collateral_per_price, 100.0);
	assert_eq!(config.max_tip, None);
	assert_eq!(config.bench_file, config.data_dir.join("bench.json"));
}

#[test]
fn flags_should_win_over_the_environment_and_it_over_the_file() {
	let _set = ENVIRONMENT.write().unwrap_or_else(PoisonError::into_inner);
	let (_folder, path) =
		file("key = \"//Alice\"\nmin_price = \"1\"\nconcurrency = 2\nnode = \"ws://file:1\"\n");
	std::env::set_var("LEMMA_MIN_PRICE", "0.5");
	std::env::set_var("LEMMA_NODE", "ws://environment:1");
	std::env::set_var("LEMMA_PROGRAMS", "gemm,poseidon");
	std::env::set_var("LEMMA_CACHE", "belongs to the scripts");
	let flags = Settings {
		node: Some("ws://flag:1".to_owned()),
		..Settings::default()
	};
	let merged = merge(Some(&path), &flags);
	for name in ["MIN_PRICE", "NODE", "PROGRAMS", "CACHE"] {
		std::env::remove_var(format!("LEMMA_{name}"));
	}
	let config = merged.unwrap().validate().unwrap();
	assert_eq!(config.node, "ws://flag:1");
	assert_eq!(config.rules.min_price, amount::parse("0.5").unwrap());
	assert_eq!(config.rules.programs, ["gemm", "poseidon"]);
	assert_eq!(config.concurrency, 2);
	assert_eq!(config.rules.concurrency, 2);
}

#[test]
fn bundles_should_be_paths_that_may_begin_at_home() {
	assert!(config(KEY).unwrap().bundles.is_empty());
	let config = config(&format!("{KEY}bundles = [\"~/digits\", \"models\"]\n")).unwrap();
	assert_eq!(config.bundles, [home().join("digits"), "models".into()]);
}

#[test]
fn executables_should_be_started_to_serve_unless_other_arguments_are_named() {
	assert!(config(KEY).unwrap().executables.is_empty());
	let id = "11".repeat(32);
	let text = format!(
		"{KEY}[[executables]]\npath = \"~/own\"\nallow = [\"0x{id}\"]\n\n[[executables]]\npath = \"sandbox\"\n\
		 arguments = [\"own\", \"serve\"]\nallow = [\"{id}\"]\n"
	);
	let executables = config(&text).unwrap().executables;
	let [first, second] = &executables[..] else {
		panic!("{executables:?}");
	};
	assert_eq!(
		(&first.path, &first.arguments[..]),
		(&home().join("own"), &["serve".to_owned()][..])
	);
	assert_eq!(second.arguments, ["own", "serve"]);
	assert_eq!(
		(first.allowed.clone(), second.allowed.clone()),
		([[0x11; 32]].into(), [[0x11; 32]].into())
	);
}

#[test]
fn every_error_should_name_its_key() {
	for (text, key) in [
		("node = \"http://localhost\"", "node"),
		("min_price = \"ten\"", "min_price"),
		("min_price_per_second = \"-1\"", "min_price_per_second"),
		("max_tip = \"all\"", "max_tip"),
		("max_collateral_per_price = 0", "max_collateral_per_price"),
		("max_collateral_per_price = nan", "max_collateral_per_price"),
		("concurrency = 0", "concurrency"),
		("concurrency = \"two\"", "concurrency"),
		("time_limit_factor = 1", "time_limit_factor"),
		("threads = 0", "threads"),
		("niceness = 20", "niceness"),
		("niceness = -5", "niceness"),
		("metrics = \"here\"", "metrics"),
		("backend = \"tpu\"", "backend"),
		("safety_factor = 0.5", "safety_factor"),
		("max_input_bytes = 0", "max_input_bytes"),
		("max_memory_bytes = 1", "max_memory_bytes"),
		("claim = false\nrescue = false", "rescue"),
		("claim = \"sometimes\"", "claim"),
		("bundles = 3", "bundles"),
		("executables = 3", "executables"),
		(
			"executables = [{ path = \"own\", allow = [] }]",
			"executables",
		),
		(
			"executables = [{ path = \"own\", allow = [\"0x12\"] }]",
			"executables",
		),
		("poll_milliseconds = 1", "poll_milliseconds"),
		("log_format = \"xml\"", "log_format"),
		("minimum_price = 1", "minimum_price"),
	] {
		let error = config(&format!("{KEY}{text}\n")).unwrap_err().to_string();
		assert!(error.contains(&format!("`{key}`")), "{text}: {error}");
	}
	let error = config("").unwrap_err().to_string();
	assert!(
		error.contains("`key`") && error.contains("lemma keys new"),
		"{error}"
	);
}

#[test]
fn a_missing_or_broken_file_should_be_named() {
	let error = merge(
		Some(Path::new("/nowhere/worker.toml")),
		&Settings::default(),
	)
	.unwrap_err();
	assert!(
		error.to_string().contains("/nowhere/worker.toml"),
		"{error}"
	);
	let error = settings("node = ").unwrap_err();
	assert!(error.to_string().contains("worker.toml"), "{error}");
}

#[test]
fn a_number_should_do_where_a_text_is_expected() {
	let config = config(&format!(
		"{KEY}min_price = 10\nmin_price_per_second = 0.25\nmax_collateral_per_price = 3\n"
	))
	.unwrap();
	assert_eq!(config.rules.min_price, amount::parse("10").unwrap());
	assert_eq!(
		config.rules.min_price_per_second,
		amount::parse("0.25").unwrap()
	);
	assert_eq!(config.rules.max_collateral_per_price, 3.0);
}

#[test]
fn a_mistake_in_a_line_should_be_told_without_the_line() {
	for line in [
		"key = bottom drive obey lake",
		"key = \"bottom drive obey lake",
		"key = \"bottom drive\" obey lake",
		"key \"bottom drive obey lake\"",
		"key = 0xb0770m5ec7e7",
		"key = 0xb077000000000000000000000000000000000000000000000000000000000000",
	] {
		let error = settings(&format!("poll_milliseconds = 250\n{line}\n")).unwrap_err();
		let error = error.to_string();
		assert!(
			error.contains("worker.toml") && error.contains("line 2, column"),
			"{error}"
		);
		for part in ["bottom", "drive", "lake", "b077", "\n"] {
			assert!(!error.contains(part), "{error}");
		}
	}
}

#[test]
fn an_address_should_be_told_without_what_may_be_secret_when_it_is_no_nodes() {
	for (node, shown) in [
		("https://host.example/v1/SECRET", "https://host.example"),
		("host.example/v1/SECRET", "the given address"),
	] {
		let error = config(&format!("{KEY}node = \"{node}\"\n"))
			.unwrap_err()
			.to_string();
		assert!(
			error.contains("`node`") && error.contains(shown) && !error.contains("SECRET"),
			"{error}"
		);
	}
}

#[test]
fn the_secret_should_not_show_in_debug_output() {
	let config = config("key = \"bottom drive obey lake curtain smoke\"\n").unwrap();
	assert!(!format!("{config:?}").contains("bottom"));
}

#[test]
fn the_example_should_hold_every_setting_and_its_default() {
	let settings_lines: Vec<_> = ANNOTATED_DEFAULTS
		.lines()
		.filter_map(|line| line.strip_prefix('#'))
		.filter(|line| {
			line.split_once(" = ")
				.is_some_and(|(name, _)| NAMES.contains(&name))
		})
		.collect();
	for name in NAMES {
		assert!(
			settings_lines
				.iter()
				.any(|line| line.starts_with(&format!("{name} = "))),
			"{name} is missing"
		);
	}
	// All of it at once, but for what depends on the machine or the claim.
	let skipped = [
		"max_memory_bytes",
		"threads",
		"bench_file",
		"programs",
		"bundles",
		"executables",
		"max_tip",
	];
	let text: String = settings_lines
		.iter()
		.filter(|line| {
			!skipped
				.iter()
				.any(|name| line.starts_with(&format!("{name} = ")))
		})
		.map(|line| format!("{line}\n"))
		.collect();
	let written = config(&text).unwrap();
	let default = config(KEY).unwrap();
	assert_eq!(
		Config {
			bench_file: default.bench_file.clone(),
			..written
		},
		default
	);
}
