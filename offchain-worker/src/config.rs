//! The worker's configuration: flags over environment over file over defaults, validated once into [`Config`].
//!
//! Every setting has one name, [`Settings`]'s field: `min_price` is `--min-price`, `LEMMA_MIN_PRICE` and
//! `min_price = ` in the file.

use std::{
	fmt,
	net::SocketAddr,
	path::{Path, PathBuf},
	time::Duration,
};

use clap::ValueEnum;
use figment::{
	providers::{Env, Format, Serialized, Toml},
	Figment,
};
use lemma_client::{amount, public_url, Balance, UNIT};
use lemma_job_host::priority::Niceness;
use serde::{de, Deserialize, Deserializer, Serialize};

use crate::{
	backend::Preference,
	executables::{Executable, ExecutableSetting},
};

/// Prefix of the environment variables.
pub const ENV_PREFIX: &str = "LEMMA_";

/// Lowest price unless another is set: ten times what a claim costs, which is not given back.
const MIN_PRICE: Balance = UNIT / 100;
/// How many times its price an order's collateral may be unless something else is set: what the least collateral, 1 LEM, is of
/// the lowest price.
const MAX_COLLATERAL_PER_PRICE: f64 = 100.0;

/// The settings as they are written, each optional.
#[derive(Clone, Default, PartialEq, clap::Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
	/// Address of the node: ws:// or wss://
	#[arg(long, value_name = "URL")]
	#[serde(
		default,
		deserialize_with = "text",
		skip_serializing_if = "Option::is_none"
	)]
	pub node: Option<String>,
	/// The account that signs: a key file, a phrase of words, or //Alice and the like on a development chain
	#[arg(long, value_name = "KEY")]
	#[serde(
		default,
		deserialize_with = "text",
		skip_serializing_if = "Option::is_none"
	)]
	pub key: Option<String>,
	/// Folder of the journal and of inputs; one for each chain and account
	#[arg(long, value_name = "FOLDER")]
	#[serde(
		default,
		deserialize_with = "text",
		skip_serializing_if = "Option::is_none"
	)]
	pub data_dir: Option<String>,
	/// Where /metrics and /health are served: ADDRESS:PORT, or `off`
	#[arg(long, value_name = "ADDRESS")]
	#[serde(
		default,
		deserialize_with = "text",
		skip_serializing_if = "Option::is_none"
	)]
	pub metrics: Option<String>,
	/// What to compute on: auto, cuda or cpu
	#[arg(long)]
	#[serde(
		default,
		deserialize_with = "text",
		skip_serializing_if = "Option::is_none"
	)]
	pub backend: Option<String>,
	/// Store of inputs that have no locator: a folder, s3://BUCKET/PREFIX or https://HOST/PATH
	#[arg(long, value_name = "STORE")]
	#[serde(
		default,
		deserialize_with = "text",
		skip_serializing_if = "Option::is_none"
	)]
	pub store: Option<String>,
	/// Fetch from private addresses too (loopback, local networks)
	#[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub allow_private_addresses: Option<bool>,
	/// Follow redirects when fetching
	#[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub allow_redirects: Option<bool>,
	/// Programs to serve, by id (0x...) or by name such as `gemm`; all that are built in or loaded if none is named
	#[arg(long, value_name = "PROGRAM", value_delimiter = ',')]
	#[serde(
		default,
		deserialize_with = "list",
		skip_serializing_if = "Option::is_none"
	)]
	pub programs: Option<Vec<String>>,
	/// Programs that come as files, such as networks: the files, or folders of them; loaded at the start
	#[arg(long, value_name = "PATH", value_delimiter = ',')]
	#[serde(
		default,
		deserialize_with = "list",
		skip_serializing_if = "Option::is_none"
	)]
	pub bundles: Option<Vec<String>>,
	/// Programs that come as code: only in the file
	#[arg(skip)]
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub executables: Option<Vec<ExecutableSetting>>,
	/// Lowest price of an order to take, in LEM
	#[arg(long, value_name = "LEM")]
	#[serde(
		default,
		deserialize_with = "text",
		skip_serializing_if = "Option::is_none"
	)]
	pub min_price: Option<String>,
	/// Lowest price per second of estimated work, in LEM
	#[arg(long, value_name = "LEM")]
	#[serde(
		default,
		deserialize_with = "text",
		skip_serializing_if = "Option::is_none"
	)]
	pub min_price_per_second: Option<String>,
	/// How many times the price the collateral of a claim may be; an order is left until its price has risen to that
	#[arg(long, value_name = "FACTOR")]
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub max_collateral_per_price: Option<f64>,
	/// Longest input to fetch, bytes
	#[arg(long, value_name = "BYTES")]
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub max_input_bytes: Option<u64>,
	/// Memory that one job may take, bytes; by default three quarters of the machine's, shared among the jobs
	#[arg(long, value_name = "BYTES")]
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub max_memory_bytes: Option<u64>,
	/// How many times its estimated time a job may take before it is ended and tried again
	#[arg(long, value_name = "FACTOR")]
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub time_limit_factor: Option<f64>,
	/// Jobs at a time; each is thought to take so many times as long as by itself
	#[arg(long, value_name = "NUMBER")]
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub concurrency: Option<usize>,
	/// Threads that compute and prove; by default one for each core
	#[arg(long, value_name = "NUMBER")]
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub threads: Option<usize>,
	/// How far computing and proving give way to what else runs here, from 0 (not at all) to 19, as `nice` counts
	#[arg(long, value_name = "NUMBER")]
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub niceness: Option<u8>,
	/// Whether to claim open orders
	#[arg(long, value_name = "BOOL")]
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub claim: Option<bool>,
	/// Whether to prove orders that their claimers missed, for price and bounty
	#[arg(long, value_name = "BOOL")]
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub rescue: Option<bool>,
	/// What `lemma-worker bench` wrote; without it, a slow machine is assumed
	#[arg(long, value_name = "FILE")]
	#[serde(
		default,
		deserialize_with = "text",
		skip_serializing_if = "Option::is_none"
	)]
	pub bench_file: Option<String>,
	/// How many times the estimated time, of all jobs at a time, must fit into a claim's window
	#[arg(long, value_name = "FACTOR")]
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub safety_factor: Option<f64>,
	/// Highest tip for a result that finds no place in a block, in LEM; by default ten times the price or half of the
	/// claim's collateral, whichever is more, and never more than the collateral
	#[arg(long, value_name = "LEM")]
	#[serde(
		default,
		deserialize_with = "text",
		skip_serializing_if = "Option::is_none"
	)]
	pub max_tip: Option<String>,
	/// Seconds without taking orders after a failure
	#[arg(long, value_name = "SECONDS")]
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub cooldown_seconds: Option<u64>,
	/// Seconds that a stopping worker may take to finish what it has claimed; the rest is resumed at the next start
	#[arg(long, value_name = "SECONDS")]
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub shutdown_seconds: Option<u64>,
	/// Milliseconds between looks at the chain's heads
	#[arg(long, value_name = "MILLISECONDS")]
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub poll_milliseconds: Option<u64>,
	/// How the log is written: text or json; RUST_LOG says how much
	#[arg(long)]
	#[serde(
		default,
		deserialize_with = "text",
		skip_serializing_if = "Option::is_none"
	)]
	pub log_format: Option<String>,
}

/// The setting that is a list of tables, which neither a flag nor a variable can hold.
const FILE_ONLY: &str = "executables";

/// The names of all settings.
const NAMES: &[&str] = &[
	"node",
	"key",
	"data_dir",
	"metrics",
	"backend",
	"store",
	"allow_private_addresses",
	"allow_redirects",
	"programs",
	"bundles",
	FILE_ONLY,
	"min_price",
	"min_price_per_second",
	"max_collateral_per_price",
	"max_input_bytes",
	"max_memory_bytes",
	"time_limit_factor",
	"concurrency",
	"threads",
	"niceness",
	"claim",
	"rescue",
	"bench_file",
	"safety_factor",
	"max_tip",
	"cooldown_seconds",
	"shutdown_seconds",
	"poll_milliseconds",
	"log_format",
];

/// What `lemma-worker config` prints: every setting with its default.
pub const ANNOTATED_DEFAULTS: &str = include_str!("../worker.example.toml");

/// What names the signing account's secret, or is it.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(pub String);

impl fmt::Debug for Key {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str("hidden")
	}
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
	/// For people.
	Text,
	/// One JSON object a line.
	Json,
}

/// Which orders to take.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
	/// Programs to serve, as written; empty for all.
	pub programs: Vec<String>,
	/// Lowest price, smallest unit.
	pub min_price: Balance,
	/// Lowest price per second of estimated work, smallest unit.
	pub min_price_per_second: Balance,
	/// How many times the price the collateral of a claim may be.
	pub max_collateral_per_price: f64,
	/// Longest input, bytes.
	pub max_input_bytes: u64,
	/// Memory that one job may take, bytes.
	pub max_memory_bytes: u64,
	/// Whether to claim.
	pub claim: bool,
	/// Whether to rescue.
	pub rescue: bool,
	/// How many times the estimated time must fit into a claim's window.
	pub safety_factor: f64,
	/// Jobs at a time, which share the machine: so many times the estimated time is what one of them takes.
	pub concurrency: usize,
}

/// The validated configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
	/// Address of the node.
	pub node: String,
	/// The signing account's key.
	pub key: Key,
	/// Folder of journal and inputs.
	pub data_dir: PathBuf,
	/// Where metrics are served.
	pub metrics: Option<SocketAddr>,
	/// What to compute on.
	pub backend: Preference,
	/// Store of inputs without locator.
	pub store: String,
	/// Whether to fetch from private addresses.
	pub allow_private_addresses: bool,
	/// Whether to follow redirects.
	pub allow_redirects: bool,
	/// Files, and folders of files, of which programs are loaded.
	pub bundles: Vec<PathBuf>,
	/// Programs that come as code.
	pub executables: Vec<Executable>,
	/// Which orders to take.
	pub rules: Rules,
	/// How many times its estimated time a job may take.
	pub time_limit_factor: f64,
	/// Jobs at a time.
	pub concurrency: usize,
	/// Threads that compute and prove; one for each core if none is set.
	pub threads: Option<usize>,
	/// How far these give way.
	pub niceness: Niceness,
	/// What `bench` wrote.
	pub bench_file: PathBuf,
	/// Highest tip of a submission, smallest unit, if one is set: see [`crate::tip::cap`].
	pub max_tip: Option<Balance>,
	/// Time without taking orders after a failure.
	pub cooldown: Duration,
	/// Bound of a shutdown.
	pub shutdown: Duration,
	/// Between looks at the chain's heads.
	pub poll: Duration,
	/// How the log is written.
	pub log_format: LogFormat,
}

/// What is wrong with the configuration, and with which key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("configuration: {0}")]
pub struct ConfigError(pub String);

/// Hides the key.
impl fmt::Debug for Settings {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let shown = Self {
			key: self.key.as_ref().map(|_| "hidden".to_owned()),
			..self.clone()
		};
		f.write_str(&toml::to_string(&shown).map_err(|_| fmt::Error)?)
	}
}

impl ConfigError {
	fn of(key: &str, problem: impl fmt::Display) -> Self {
		Self(format!("`{key}` {problem}"))
	}
}

/// Merges the settings: `flags` over the environment over the file (which must exist if it is named).
pub fn merge(file: Option<&Path>, flags: &Settings) -> Result<Settings, ConfigError> {
	let mut figment = Figment::new();
	if let Some(file) = file {
		if !file.is_file() {
			return Err(ConfigError(format!(
				"there is no file {}; `lemma-worker config > {}` writes one to start from",
				file.display(),
				file.display()
			)));
		}
		figment = figment.merge(Toml::file_exact(file));
	}
	figment = figment.merge(Env::prefixed(ENV_PREFIX).only(NAMES).ignore(&[FILE_ONLY]));
	figment
		.merge(Serialized::defaults(flags))
		.extract()
		.map_err(|error| {
			let sentences: Vec<_> = error.into_iter().map(|error| describe(&error)).collect();
			ConfigError(sentences.join("; "))
		})
}

fn describe(error: &figment::Error) -> String {
	let key = error.path.join(".");
	let source = error
		.metadata
		.as_ref()
		.map(|metadata| match &metadata.source {
			Some(source) => format!(" (in {source})"),
			None => format!(" (in {})", metadata.name),
		})
		.unwrap_or_default();
	match &error.kind {
		figment::error::Kind::UnknownField(name, _) => {
			format!("`{name}` is no setting{source}; `lemma-worker config` prints all of them")
		}
		figment::error::Kind::InvalidType(found, expected) => {
			let expected = match expected.as_str() {
				"usize" | "u64" | "u8" => "a whole number",
				"f64" => "a number",
				"a boolean" => "true or false",
				other => other,
			};
			format!("`{key}` must be {expected}, not {found}{source}")
		}
		figment::error::Kind::Message(text) if key.is_empty() => {
			format!("{}{source}", without_quotation(text))
		}
		kind if key.is_empty() => format!("{kind}{source}"),
		kind => format!("`{key}`: {kind}{source}"),
	}
}

/// Where a parser stumbled and why, without the line that it quotes: that may hold the key.
fn without_quotation(text: &str) -> String {
	let mut lines = text.lines().filter(|line| !line.trim().is_empty());
	let first = lines.next().unwrap_or_default();
	match lines.next_back() {
		Some(reason) if first.starts_with("TOML parse error at") => format!("{first}: {reason}"),
		Some(reason) => reason.to_owned(),
		None => first.to_owned(),
	}
}

/// Path of the user's home or, without one, the current folder.
fn home() -> PathBuf {
	std::env::var_os("HOME").map_or_else(|| PathBuf::from("."), PathBuf::from)
}

/// A text that may be a path and, if so, may begin with `~/`.
fn expand(text: &str) -> String {
	match text.starts_with("~/") {
		true => path(text).display().to_string(),
		false => text.to_owned(),
	}
}

fn path(text: &str) -> PathBuf {
	match text.strip_prefix("~/") {
		Some(rest) => home().join(rest),
		None => PathBuf::from(text),
	}
}

fn amount_of(key: &str, text: Option<&str>, default: Balance) -> Result<Balance, ConfigError> {
	text.map_or(Ok(default), |text| {
		amount::parse(text).map_err(|error| ConfigError::of(key, format!(": {error}")))
	})
}

impl Settings {
	/// Folder of journal and inputs.
	pub fn data_dir(&self) -> PathBuf {
		match &self.data_dir {
			Some(text) => path(text),
			None => lemma_client::store::data_folder().join("worker"),
		}
	}

	/// Validates the settings.
	pub fn validate(self) -> Result<Config, ConfigError> {
		let node = self
			.node
			.clone()
			.unwrap_or_else(|| "ws://127.0.0.1:9944".to_owned());
		if !node.starts_with("ws://") && !node.starts_with("wss://") {
			return Err(ConfigError::of(
				"node",
				format!(
					"must begin with ws:// or wss://, and {} does not",
					public_url(&node)
				),
			));
		}
		let key = self
			.key
			.as_deref()
			.map(|key| Key(expand(key)))
			.ok_or_else(|| {
				ConfigError(
				"`key` is not set: name the key file of the account that signs (`lemma keys new` makes \
				 one), or on a development chain a well-known secret such as //Alice"
					.to_owned(),
			)
			})?;
		let data_dir = self.data_dir();
		let metrics = match self.metrics.as_deref().unwrap_or("127.0.0.1:9617") {
			"off" => None,
			text => Some(text.parse().map_err(|_| {
				ConfigError::of(
					"metrics",
					format!("must be ADDRESS:PORT or off, not `{text}`"),
				)
			})?),
		};
		let backend = self.backend.as_deref().unwrap_or("auto");
		let backend = Preference::from_str(backend, true).map_err(|_| {
			ConfigError::of(
				"backend",
				format!("must be auto, cuda or cpu, not `{backend}`"),
			)
		})?;
		let log_format = match self.log_format.as_deref().unwrap_or("text") {
			"text" => LogFormat::Text,
			"json" => LogFormat::Json,
			other => {
				return Err(ConfigError::of(
					"log_format",
					format!("must be text or json, not `{other}`"),
				))
			}
		};
		let concurrency = within("concurrency", self.concurrency.unwrap_or(1), 1, 64)?;
		let safety_factor = self.safety_factor.unwrap_or(2.0);
		if !(1.0..=100.0).contains(&safety_factor) {
			return Err(ConfigError::of("safety_factor", "must be from 1 to 100"));
		}
		let max_collateral_per_price = self
			.max_collateral_per_price
			.unwrap_or(MAX_COLLATERAL_PER_PRICE);
		if !(0.1..=1_000_000.0).contains(&max_collateral_per_price) {
			return Err(ConfigError::of(
				"max_collateral_per_price",
				"must be from 0.1 to 1000000",
			));
		}
		let time_limit_factor = self.time_limit_factor.unwrap_or(10.0);
		if !(2.0..=1_000.0).contains(&time_limit_factor) {
			return Err(ConfigError::of(
				"time_limit_factor",
				"must be from 2 to 1000",
			));
		}
		let max_memory_bytes = match self.max_memory_bytes {
			Some(bytes) => within("max_memory_bytes", bytes, 1 << 28, u64::MAX)?,
			None => {
				let jobs = u64::try_from(concurrency).unwrap_or(1);
				(machine_memory_bytes() / 4).saturating_mul(3) / jobs
			}
		};
		let rules = Rules {
			programs: self.programs.clone().unwrap_or_default(),
			min_price: amount_of("min_price", self.min_price.as_deref(), MIN_PRICE)?,
			min_price_per_second: amount_of(
				"min_price_per_second",
				self.min_price_per_second.as_deref(),
				0,
			)?,
			max_collateral_per_price,
			max_input_bytes: within(
				"max_input_bytes",
				self.max_input_bytes.unwrap_or(256 << 20),
				1,
				1 << 40,
			)?,
			max_memory_bytes,
			claim: self.claim.unwrap_or(true),
			rescue: self.rescue.unwrap_or(true),
			safety_factor,
			concurrency,
		};
		if !rules.claim && !rules.rescue {
			return Err(ConfigError(
				"`claim` and `rescue` are both false: there would be nothing to do".to_owned(),
			));
		}
		Ok(Config {
			node,
			key,
			metrics,
			backend,
			store: match &self.store {
				Some(text) => expand(text),
				None => lemma_client::store::default_folder().display().to_string(),
			},
			allow_private_addresses: self.allow_private_addresses.unwrap_or(false),
			allow_redirects: self.allow_redirects.unwrap_or(false),
			bundles: (self.bundles.iter().flatten())
				.map(|text| path(text))
				.collect(),
			executables: (self.executables.iter().flatten())
				.map(|setting| setting.validate(path))
				.collect::<Result<Vec<_>, String>>()
				.map_err(|problem| ConfigError::of(FILE_ONLY, problem))?,
			rules,
			time_limit_factor,
			concurrency,
			threads: match self.threads {
				Some(threads) => Some(within("threads", threads, 1, 1024)?),
				None => None,
			},
			niceness: Niceness(within("niceness", self.niceness.unwrap_or(10), 0, 19)?),
			bench_file: self
				.bench_file
				.as_deref()
				.map_or_else(|| data_dir.join("bench.json"), path),
			max_tip: match self.max_tip.as_deref() {
				Some(text) => Some(amount_of("max_tip", Some(text), 0)?),
				None => None,
			},
			cooldown: Duration::from_secs(within(
				"cooldown_seconds",
				self.cooldown_seconds.unwrap_or(600),
				0,
				7 * 86_400,
			)?),
			shutdown: Duration::from_secs(within(
				"shutdown_seconds",
				self.shutdown_seconds.unwrap_or(60),
				0,
				86_400,
			)?),
			poll: Duration::from_millis(within(
				"poll_milliseconds",
				self.poll_milliseconds.unwrap_or(250),
				50,
				60_000,
			)?),
			log_format,
			data_dir,
		})
	}
}

fn within<T: PartialOrd + fmt::Display>(
	key: &str,
	value: T,
	low: T,
	high: T,
) -> Result<T, ConfigError> {
	if value < low || value > high {
		return Err(ConfigError::of(
			key,
			format!("must be from {low} to {high}, not {value}"),
		));
	}
	Ok(value)
}

/// Memory of this machine, or of the container that it is, bytes; 4 GiB where the system does not say.
fn machine_memory_bytes() -> u64 {
	let of_machine = std::fs::read_to_string("/proc/meminfo")
		.ok()
		.and_then(|text| {
			let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
			line.split_whitespace()
				.nth(1)?
				.parse::<u64>()
				.ok()?
				.checked_mul(1024)
		});
	let of_container = std::fs::read_to_string("/sys/fs/cgroup/memory.max")
		.ok()
		.and_then(|text| text.trim().parse::<u64>().ok());
	[of_machine, of_container]
		.into_iter()
		.flatten()
		.min()
		.unwrap_or(4 << 30)
}

/// A list, or a text with commas, as an environment variable has it.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
	#[derive(Deserialize)]
	#[serde(untagged)]
	enum List {
		Items(Vec<String>),
		Text(String),
	}
	Ok(Some(match List::deserialize(deserializer)? {
		List::Items(items) => items,
		List::Text(text) => text
			.split(',')
			.map(str::trim)
			.filter(|item| !item.is_empty())
			.map(str::to_owned)
			.collect(),
	}))
}

/// A text that the environment's or the file's parser may have taken for a number or a truth value.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
	struct Text;
	impl de::Visitor<'_> for Text {
		type Value = Option<String>;

		fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
			f.write_str("a text or a number")
		}

		fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
			Ok(Some(text.to_owned()))
		}

		fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
			Ok(Some(value.to_string()))
		}

		fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
			Ok(Some(value.to_string()))
		}

		fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
			Ok(Some(value.to_string()))
		}

		fn visit_u128<E: de::Error>(self, value: u128) -> Result<Self::Value, E> {
			Ok(Some(value.to_string()))
		}

		fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
			Ok(Some(value.to_string()))
		}
	}
	deserializer.deserialize_any(Text)
}

#[cfg(test)]
mod tests;
