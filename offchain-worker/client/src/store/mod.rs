//! Blobs named by their hash: a folder, a bucket of S3, or a folder behind HTTP.
//!
//! The name of a blob is the blake2-256 hash of its bytes, in hex, in every store; so it does not matter
//! where one comes from, and nobody who chooses an order's locator can choose a file's name.
//! A store that the user configured ([`Store::open`]) is trusted to be where it is; a locator out of an
//! order is not, see [`guard`].

pub mod guard;

use std::{
	fmt,
	future::Future,
	path::{Path as FilePath, PathBuf},
	str::FromStr,
	sync::Arc,
	time::Duration,
};

use futures::StreamExt;
use object_store::{
	aws::AmazonS3Builder, http::HttpBuilder, local::LocalFileSystem, path::Path,
	prefix::PrefixStore, ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig,
};
use sp_core::H256;
use tokio::time::Instant;
use url::Url;

use crate::{
	address::{public_text, public_url},
	blake2_256,
};
pub use guard::{FetchPolicy, Pace};

/// Why a blob could not be stored or had. Stores and locators are told as [`public_url`] shows them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
	/// The text names no store.
	#[error(
		"{0} names no store: give a folder, s3://bucket/prefix, or an http:// or https:// address"
	)]
	BadLocation(String),
	/// The store cannot be reached or refuses.
	#[error("the store {store} failed: {reason}")]
	Failed {
		/// Which store.
		store: String,
		/// What it said.
		reason: String,
	},
	/// The store does not have the blob.
	#[error(
		"the store {store} has no blob {hash:#x}: check the hash, or give the store that has it"
	)]
	NotFound {
		/// Which store.
		store: String,
		/// The blob asked for.
		hash: H256,
	},
	/// The blob is larger than the caller allows.
	#[error("the blob {hash:#x} is larger than the {limit} bytes allowed")]
	TooLarge {
		/// The blob.
		hash: H256,
		/// The limit.
		limit: u64,
	},
	/// The bytes have another hash than the name.
	#[error("what {store} has as {hash:#x} has the hash {found:#x}: it is damaged or forged")]
	WrongBytes {
		/// Which store.
		store: String,
		/// The blob asked for.
		hash: H256,
		/// Hash of what came.
		found: H256,
	},
	/// The locator is one that this machine must not follow.
	#[error("{locator} is not followed as a locator: {reason}")]
	Refused {
		/// The locator.
		locator: String,
		/// Why.
		reason: String,
	},
	/// What it gives comes too slowly.
	#[error("{store} gave {bytes} bytes in {seconds} s, which is too slow")]
	TooSlow {
		/// Which store.
		store: String,
		/// What had come.
		bytes: usize,
		/// In this time.
		seconds: u64,
	},
	/// It took too long.
	#[error("{store} did not give the blob within {seconds} s")]
	TimedOut {
		/// Which store.
		store: String,
		/// The limit.
		seconds: u64,
	},
}

/// A place for blobs.
#[derive(Clone)]
pub struct Store {
	objects: Arc<dyn ObjectStore>,
	/// As it may be shown.
	location: String,
	locator: String,
	has_secrets: bool,
}

impl fmt::Debug for Store {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Store")
			.field("location", &self.location)
			.finish_non_exhaustive()
	}
}

impl fmt::Display for Store {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(&self.location)
	}
}

/// The folder of blobs unless another store is given: `$XDG_DATA_HOME/lemma/store`, or
/// `~/.local/share/lemma/store`.
pub fn default_folder() -> PathBuf {
	data_folder().join("store")
}

/// Where Lemma's programs keep a user's data: `$XDG_DATA_HOME/lemma`, or `~/.local/share/lemma`.
pub fn data_folder() -> PathBuf {
	let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
	match (set("XDG_DATA_HOME"), set("HOME")) {
		(Some(data), _) => PathBuf::from(data).join("lemma"),
		(None, Some(home)) => PathBuf::from(home).join(".local/share/lemma"),
		(None, None) => PathBuf::from(".lemma"),
	}
}

impl Store {
	/// Opens a store that the user configured: a folder (made if it is not there), `s3://bucket/prefix`
	/// (credentials, region and endpoint from the usual `AWS_` variables) or `http(s)://host/folder`.
	pub fn open(location: &str) -> Result<Self, StoreError> {
		match Url::from_str(location) {
			Ok(url) if url.scheme() == "s3" => {
				let builder = AmazonS3Builder::from_env().with_url(bucket_url(&url));
				let bucket = builder
					.build()
					.map_err(|e| failed(&public_url(location), &e))?;
				Ok(Self::prefixed(Arc::new(bucket), &url))
			}
			Ok(url) if ["http", "https"].contains(&url.scheme()) => {
				let folder = HttpBuilder::new()
					.with_url(url.as_str())
					.with_client_options(ClientOptions::new().with_allow_http(true))
					.with_retry(retry())
					.build()
					.map_err(|e| failed(&public_url(location), &e))?;
				Ok(Self::at(Arc::new(folder), &url))
			}
			Ok(url) if url.scheme() == "file" => {
				let path = url.to_file_path();
				Self::folder(&path.map_err(|()| StoreError::BadLocation(public_url(location)))?)
			}
			// A letter and a colon is no scheme of ours; anything else with `://` is a mistake.
			_ if location.is_empty() || location.contains("://") => {
				Err(StoreError::BadLocation(public_url(location)))
			}
			_ => Self::folder(FilePath::new(location)),
		}
	}

	/// Opens a folder, which is made if it is not there.
	pub fn folder(path: &FilePath) -> Result<Self, StoreError> {
		let location = path.display().to_string();
		let made = std::fs::create_dir_all(path);
		made.map_err(|e| StoreError::Failed {
			store: location.clone(),
			reason: e.to_string(),
		})?;
		let folder = LocalFileSystem::new_with_prefix(path).map_err(|e| failed(&location, &e))?;
		Ok(Self {
			objects: Arc::new(folder.with_fsync(true)),
			location: printable(&location),
			locator: String::new(),
			has_secrets: false,
		})
	}

	/// The store that a locator out of an order names. Nothing of the user's is given away: no
	/// credentials, no private address is contacted, no redirect followed, unless the policy says so.
	pub fn of_locator(locator: &str, policy: &FetchPolicy) -> Result<Self, StoreError> {
		let refused = |reason: &str| StoreError::Refused {
			locator: public_url(locator),
			reason: reason.into(),
		};
		let url = Url::from_str(locator).map_err(|_| refused("it is no URL"))?;
		if !url.username().is_empty() || url.password().is_some() {
			return Err(refused("it holds a password"));
		}
		match url.scheme() {
			"http" | "https" => {
				policy.check_host(&url).map_err(|reason| refused(&reason))?;
				let folder = HttpBuilder::new()
					.with_url(url.as_str())
					.with_http_connector(guard::Connector::new(*policy))
					.with_retry(retry())
					.build()
					.map_err(|e| failed(&public_url(locator), &e))?;
				Ok(Self::at(Arc::new(folder), &url))
			}
			"s3" => {
				let bucket = AmazonS3Builder::new()
					.with_url(bucket_url(&url))
					.with_skip_signature(true)
					.with_http_connector(guard::Connector::new(*policy))
					.with_retry(retry())
					.build()
					.map_err(|e| failed(&public_url(locator), &e))?;
				Ok(Self::prefixed(Arc::new(bucket), &url))
			}
			_ => Err(refused("only https://, http:// and s3:// are")),
		}
	}

	fn at(objects: Arc<dyn ObjectStore>, url: &Url) -> Self {
		let mut bare = url.clone();
		// What cannot have a name or a password has none.
		let _ = bare.set_username("");
		let _ = bare.set_password(None);
		bare.set_query(None);
		bare.set_fragment(None);
		Self {
			objects,
			location: public_url(url.as_str()),
			locator: bare.as_str().trim_end_matches('/').into(),
			has_secrets: bare != *url,
		}
	}

	fn prefixed(objects: Arc<dyn ObjectStore>, url: &Url) -> Self {
		match url.path().trim_matches('/') {
			"" => Self::at(objects, url),
			prefix => {
				let prefixed = PrefixStore::new(objects, Path::from(prefix));
				Self::at(Arc::new(prefixed), url)
			}
		}
	}

	/// What to put into an order so that others find this store: its URL without name, password, query and
	/// fragment; empty for a folder.
	pub fn locator(&self) -> &str {
		&self.locator
	}

	/// Whether the store's address has what its locator leaves out, so that others may not be able to read
	/// the store where the locator points.
	pub fn has_secrets(&self) -> bool {
		self.has_secrets
	}

	/// Stores a blob. Its name.
	pub async fn put(&self, bytes: Vec<u8>) -> Result<H256, StoreError> {
		let hash = blake2_256(&bytes);
		let put = self.objects.put(&name(hash), bytes.into()).await;
		put.map_err(|e| failed(&self.location, &e))?;
		Ok(hash)
	}

	/// Whether the store has a blob of this name; its bytes are not checked.
	pub async fn has(&self, hash: H256) -> Result<bool, StoreError> {
		match self.objects.head(&name(hash)).await {
			Ok(_) => Ok(true),
			Err(object_store::Error::NotFound { .. }) => Ok(false),
			Err(e) => Err(failed(&self.location, &e)),
		}
	}

	/// Fetches a blob of at most `limit` bytes and checks its hash. No more than the limit is ever held.
	pub async fn get(&self, hash: H256, limit: u64) -> Result<Vec<u8>, StoreError> {
		self.get_at_pace(hash, limit, None).await
	}

	/// As [`Self::get`]; gives up when the blob comes more slowly than `pace`.
	pub async fn get_at_pace(
		&self,
		hash: H256,
		limit: u64,
		pace: Option<Pace>,
	) -> Result<Vec<u8>, StoreError> {
		let too_large = || StoreError::TooLarge { hash, limit };
		let began = Instant::now();
		let got = self
			.in_time(pace, began, 0, self.objects.get(&name(hash)))
			.await?;
		let found = match got {
			Ok(found) => found,
			Err(object_store::Error::NotFound { .. }) => {
				return Err(StoreError::NotFound {
					store: self.location.clone(),
					hash,
				})
			}
			Err(e) => return Err(failed(&self.location, &e)),
		};
		if found.meta.size > limit {
			return Err(too_large());
		}
		// The announced size is the server's word: it reserves memory only up to the limit, and what
		// comes is counted.
		let mut bytes = Vec::with_capacity(usize::try_from(found.meta.size).unwrap_or(0));
		let mut chunks = found.into_stream();
		while let Some(chunk) = self
			.in_time(pace, began, bytes.len(), chunks.next())
			.await?
		{
			let chunk = chunk.map_err(|e| failed(&self.location, &e))?;
			if bytes.len() as u64 + chunk.len() as u64 > limit {
				return Err(too_large());
			}
			bytes.extend_from_slice(&chunk);
		}
		match blake2_256(&bytes) {
			found if found == hash => Ok(bytes),
			found => Err(StoreError::WrongBytes {
				store: self.location.clone(),
				hash,
				found,
			}),
		}
	}

	/// Waits for `coming`, but no longer than the pace allows after `bytes` bytes.
	async fn in_time<T>(
		&self,
		pace: Option<Pace>,
		began: Instant,
		bytes: usize,
		coming: impl Future<Output = T>,
	) -> Result<T, StoreError> {
		let Some(pace) = pace else {
			return Ok(coming.await);
		};
		let until = began + pace.time_for(bytes);
		tokio::time::timeout_at(until, coming)
			.await
			.map_err(|_| StoreError::TooSlow {
				store: self.location.clone(),
				bytes,
				seconds: began.elapsed().as_secs(),
			})
	}
}

/// A stranger's text without what a terminal or a log would take for something else.
pub fn printable(text: &str) -> String {
	let harmless = |c: char| match c {
		// Overrides of the writing direction.
		'\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
		c if c.is_control() => char::REPLACEMENT_CHARACTER,
		c => c,
	};
	text.chars().map(harmless).collect()
}

/// Fetches the input of an order: from the user's own store if it is there, else from where the order's
/// locator points. Blobs that came from elsewhere are kept in the own store.
pub async fn fetch(
	own: &Store,
	hash: H256,
	size: u64,
	locator: &str,
	policy: &FetchPolicy,
) -> Result<Vec<u8>, StoreError> {
	let in_own = own.get(hash, size).await;
	if locator.is_empty() || !matches!(in_own, Err(StoreError::NotFound { .. })) {
		return in_own;
	}
	let timed_out = || StoreError::TimedOut {
		store: public_url(locator),
		seconds: policy.timeout.as_secs(),
	};
	let remote = Store::of_locator(locator, policy)?;
	let bytes = tokio::time::timeout(policy.timeout, remote.get(hash, size))
		.await
		.map_err(|_| timed_out())??;
	own.put(bytes.clone()).await?;
	Ok(bytes)
}

/// Name of a blob in a store.
fn name(hash: H256) -> Path {
	Path::from(hex::encode(hash.as_bytes()))
}

/// The URL of the bucket alone: the rest becomes a prefix of names.
fn bucket_url(url: &Url) -> String {
	format!("s3://{}", url.host_str().unwrap_or_default())
}

fn retry() -> RetryConfig {
	RetryConfig {
		max_retries: 2,
		retry_timeout: Duration::from_secs(30),
		..RetryConfig::default()
	}
}

fn failed(store: &str, error: &object_store::Error) -> StoreError {
	let mut reason = error.to_string();
	let mut source = std::error::Error::source(error);
	while let Some(error) = source {
		let text = error.to_string();
		if !reason.contains(&text) {
			reason = format!("{reason}: {text}");
		}
		source = error.source();
	}
	StoreError::Failed {
		store: printable(store),
		reason: printable(&public_text(&reason)),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn folder() -> (tempfile::TempDir, Store) {
		let folder = tempfile::tempdir().expect("a folder");
		let store = Store::open(folder.path().to_str().expect("UTF-8")).expect("opened");
		(folder, store)
	}

	#[tokio::test]
	async fn a_blob_should_come_back_under_its_hash() {
		let (folder, store) = folder();
		let hash = store
			.put(b"four words of text".to_vec())
			.await
			.expect("stored");
		assert_eq!(hash, blake2_256(b"four words of text"));
		assert!(folder.path().join(hex::encode(hash.as_bytes())).is_file());
		assert!(store.has(hash).await.expect("asked"));
		assert_eq!(
			store.get(hash, 18).await.expect("fetched"),
			b"four words of text"
		);
		assert_eq!(store.locator(), "");
	}

	#[tokio::test]
	async fn a_blob_should_be_refused_when_it_is_larger_than_the_limit() {
		let (_folder, store) = folder();
		let hash = store.put(vec![7; 1000]).await.expect("stored");
		let error = store.get(hash, 999).await.expect_err("too large");
		assert!(
			matches!(error, StoreError::TooLarge { limit: 999, .. }),
			"{error}"
		);
	}

	#[tokio::test]
	async fn a_blob_should_be_refused_when_one_byte_of_it_was_changed() {
		let (folder, store) = folder();
		let hash = store.put(vec![7; 1000]).await.expect("stored");
		let mut bytes = vec![7; 1000];
		bytes[500] ^= 1;
		std::fs::write(folder.path().join(hex::encode(hash.as_bytes())), bytes).expect("changed");
		let error = store.get(hash, 1000).await.expect_err("forged");
		assert!(matches!(error, StoreError::WrongBytes { .. }), "{error}");
	}

	#[tokio::test]
	async fn a_blob_should_be_reported_missing_when_no_store_has_it() {
		let (_folder, store) = folder();
		let hash = H256::repeat_byte(1);
		let error = fetch(&store, hash, 10, "", &FetchPolicy::default()).await;
		assert!(matches!(error, Err(StoreError::NotFound { .. })));
	}

	#[test]
	fn a_locator_should_be_told_without_control_characters() {
		let forged = "ftp://host/\u{1b}[2J\r\n2026-01-01 INFO settled\u{202e}";
		let error = Store::of_locator(forged, &FetchPolicy::default()).expect_err("refused");
		let text = error.to_string();
		assert!(!text.chars().any(char::is_control), "{text:?}");
		assert!(text.contains("ftp://host "), "{text}");
	}

	#[test]
	fn locations_should_be_refused_when_they_name_no_store() {
		for location in [
			"",
			"ftp://host/folder",
			"gs://bucket",
			"https://user:SECRET@host:port/",
		] {
			let error = Store::open(location).expect_err("no store");
			assert!(
				matches!(error, StoreError::BadLocation(_)),
				"{location}: {error}"
			);
			assert!(!error.to_string().contains("SECRET"), "{error}");
		}
	}

	#[tokio::test]
	async fn a_stores_locator_should_hold_neither_password_nor_query() {
		for (location, locator, has_secrets) in [
			(
				"https://host.example/blobs/",
				"https://host.example/blobs",
				false,
			),
			(
				"https://user:SECRET@host.example/blobs",
				"https://host.example/blobs",
				true,
			),
			(
				"https://SECRET@host.example:81/",
				"https://host.example:81",
				true,
			),
			(
				"https://host.example/blobs?signature=SECRET",
				"https://host.example/blobs",
				true,
			),
			(
				"https://host.example/b#SECRET",
				"https://host.example/b",
				true,
			),
		] {
			let store = Store::open(location).expect("opened");
			assert_eq!(store.locator(), locator, "{location}");
			assert_eq!(store.has_secrets(), has_secrets, "{location}");
			let shown = format!("{store} {store:?}");
			assert!(!shown.contains("SECRET"), "{shown}");
			Store::of_locator(store.locator(), &FetchPolicy::default()).expect("followed");
		}
	}

	#[test]
	fn a_failing_store_should_be_told_without_its_password() {
		let location = "http://user:SECRET@host.example:81/SECRET?signature=SECRET";
		let said = object_store::Error::Generic {
			store: "HTTP",
			source: format!("Error performing GET {location} in 1 ms - refused").into(),
		};
		let text = failed(&public_url(location), &said).to_string();
		assert!(
			text.contains("GET http://host.example:81 in 1 ms - refused"),
			"{text}"
		);
		assert!(!text.contains("SECRET"), "{text}");
	}

	#[tokio::test]
	async fn an_orders_locator_should_be_refused_when_it_points_into_the_own_network() {
		let (_folder, store) = folder();
		let own = [
			"http://127.0.0.1/blobs",
			"http://localhost:8080/blobs",
			"http://[::1]/blobs",
			"http://192.168.1.7/blobs",
			"http://0x7f.1/blobs",
			"http://169.254.169.254/latest/meta-data",
			"http://[::ffff:10.0.0.1]/blobs",
		];
		for locator in own {
			let hash = H256::repeat_byte(1);
			let error = fetch(&store, hash, 10, locator, &FetchPolicy::default())
				.await
				.expect_err("not public");
			assert!(error.to_string().contains("public"), "{locator}: {error}");
		}
	}

	#[test]
	fn an_orders_locator_should_be_refused_when_it_names_a_file_or_holds_a_password() {
		for locator in [
			"file:///etc/passwd",
			"/etc/passwd",
			"https://u:p@host.example/",
			"store",
		] {
			let error = Store::of_locator(locator, &FetchPolicy::default()).expect_err("refused");
			assert!(
				matches!(error, StoreError::Refused { .. }),
				"{locator}: {error}"
			);
			assert!(!error.to_string().contains("u:p@"), "{error}");
		}
	}
}
