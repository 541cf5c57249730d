//! Inputs: from the order itself or a store, checked by hash, and kept until the order ends.
//!
//! A stored input is a file named by its hash and nothing else. It was written whole or not at all, and is
//! hashed again when it is read, so that a restarted worker need not fetch it again.

use std::{
	collections::BTreeSet,
	fs,
	future::Future,
	io::Write,
	path::{Path, PathBuf},
	sync::atomic::{AtomicU64, Ordering},
	time::{Instant, SystemTime},
};

use lemma_client::{
	store::{printable, FetchPolicy, StoreError},
	Store, H256,
};
use lemma_primitives::order::InputSource;

use crate::{
	journal::Hash,
	metrics::{InputOutcome, Metrics},
	workshop::PrepareError,
};

/// Ending of a file that is being written.
const PART: &str = "part";

/// See the module.
pub struct Inputs {
	folder: PathBuf,
	store: Store,
	policy: FetchPolicy,
	max_bytes: u64,
	metrics: Metrics,
}

impl Inputs {
	/// Keeps inputs in `folder`, which is made if it is not there. They come from `store` or, if that has
	/// not got them, from where the order's locator points, as far as `policy` allows.
	pub fn open(
		folder: PathBuf,
		store: Store,
		policy: FetchPolicy,
		max_bytes: u64,
		metrics: Metrics,
	) -> std::io::Result<Self> {
		fs::create_dir_all(&folder)?;
		// Leftovers of writes that a crash cut short.
		for entry in fs::read_dir(&folder)?.flatten() {
			if entry.path().extension().is_some_and(|part| part == PART) {
				let _ = fs::remove_file(entry.path());
			}
		}
		Ok(Self {
			folder,
			store,
			policy,
			max_bytes,
			metrics,
		})
	}

	/// The bytes of an input: of the size and hash that the order says. They are on the disk afterwards; if that
	/// cannot be written it is an error, unless the order is `bound`.
	pub async fn get(&self, source: &InputSource, bound: bool) -> Result<Vec<u8>, PrepareError> {
		let (hash, size, locator) = match source {
			InputSource::Inline(bytes) => return Ok(bytes.to_vec()),
			InputSource::Stored {
				hash,
				size,
				locator,
			} => (hash, *size, locator),
		};
		if size > self.max_bytes {
			return Err(self.refused(format!(
				"the input has {size} bytes, more than max_input_bytes ({})",
				self.max_bytes
			)));
		}
		let path = self.path(&hash.0);
		let wanted = hash.0;
		if let Some(bytes) = on_a_thread(move || kept(&path, &wanted, size))
			.await
			.flatten()
		{
			self.metrics.input(InputOutcome::Kept);
			return Ok(bytes);
		}
		let locator = std::str::from_utf8(locator)
			.map_err(|_| self.refused("the input's locator is no text".to_owned()))?;
		let began = Instant::now();
		let fetched = self.fetch(*hash, size, locator).await;
		self.metrics.input_took(began.elapsed());
		let bytes = fetched.map_err(|error| self.prepare_error(error))?;
		if bytes.len() as u64 != size {
			return Err(self.refused(format!(
				"the input has {} bytes, the order says {size}",
				bytes.len()
			)));
		}
		self.metrics.input(InputOutcome::Fetched);
		let (folder, path) = (self.folder.clone(), self.path(&hash.0));
		let keeping = on_a_thread(move || {
			let kept = keep(&folder, &path, &bytes);
			(bytes, kept)
		});
		let Some((bytes, kept)) = keeping.await else {
			return Err(PrepareError::Later("keeping the input stopped".to_owned()));
		};
		let Err(error) = kept else {
			return Ok(bytes);
		};
		self.metrics.input(InputOutcome::Unwritten);
		let problem = format!(
			"the input cannot be kept in {}: {error}",
			self.folder.display()
		);
		if bound {
			// It is in memory, and time matters more than another fetch after a crash.
			tracing::warn!("{problem}");
			return Ok(bytes);
		}
		Err(PrepareError::Later(problem))
	}

	/// Not `store::fetch`, which adds what strangers offer to the operator's own store for good.
	async fn fetch(&self, hash: H256, size: u64, locator: &str) -> Result<Vec<u8>, StoreError> {
		let in_own = self
			.within_time("the store", self.store.get(hash, size))
			.await;
		let own = match in_own {
			Err(own) if !locator.is_empty() => own,
			got => return got,
		};
		let elsewhere = async {
			let remote = Store::of_locator(locator, &self.policy)?;
			let getting = remote.get_at_pace(hash, size, Some(self.policy.pace));
			self.within_time("the order's store", getting).await
		};
		match (elsewhere.await, own) {
			(Ok(bytes), StoreError::NotFound { .. }) => Ok(bytes),
			(Ok(bytes), own) => {
				tracing::warn!("the input came from the order's store: {own}");
				Ok(bytes)
			}
			// The own store may have it when it is back.
			(Err(_), own @ (StoreError::Failed { .. } | StoreError::TimedOut { .. })) => Err(own),
			(Err(error), _) => Err(error),
		}
	}

	async fn within_time(
		&self,
		store: &str,
		getting: impl Future<Output = Result<Vec<u8>, StoreError>>,
	) -> Result<Vec<u8>, StoreError> {
		let timed_out = || StoreError::TimedOut {
			store: store.to_owned(),
			seconds: self.policy.timeout.as_secs(),
		};
		tokio::time::timeout(self.policy.timeout, getting)
			.await
			.map_err(|_| timed_out())?
	}

	/// Removes an input that no order needs any more.
	pub fn forget(&self, hash: &Hash) {
		let _ = fs::remove_file(self.path(hash));
	}

	/// Removes inputs that are not `needed`, the oldest first, until those that are left have at most `bytes` bytes.
	pub fn drop_beyond(&self, needed: &BTreeSet<Hash>, bytes: u64) {
		let Ok(entries) = fs::read_dir(&self.folder) else {
			return;
		};
		let is_needed = |path: &Path| {
			let name = path.file_name().and_then(|name| name.to_str());
			// What is being written is somebody's.
			path.extension().is_some()
				|| needed
					.iter()
					.any(|hash| name == Some(hex::encode(hash).as_str()))
		};
		let mut strays: Vec<(SystemTime, u64, PathBuf)> = entries
			.flatten()
			.filter(|entry| !is_needed(&entry.path()))
			.filter_map(|entry| {
				let about = entry.metadata().ok().filter(fs::Metadata::is_file)?;
				Some((about.modified().ok()?, about.len(), entry.path()))
			})
			.collect();
		strays.sort();
		let mut left: u64 = strays.iter().map(|(_, size, _)| size).sum();
		for (_, size, path) in strays {
			if left <= bytes {
				return;
			}
			tracing::debug!("removing the input {}", path.display());
			let _ = fs::remove_file(path);
			left = left.saturating_sub(size);
		}
	}

	fn path(&self, hash: &Hash) -> PathBuf {
		self.folder.join(hex::encode(hash))
	}

	fn refused(&self, reason: String) -> PrepareError {
		self.metrics.input(InputOutcome::Refused);
		PrepareError::Refused(reason)
	}

	fn prepare_error(&self, error: StoreError) -> PrepareError {
		let outcome = match &error {
			StoreError::NotFound { .. } => InputOutcome::Missing,
			StoreError::TimedOut { .. } | StoreError::TooSlow { .. } => InputOutcome::Slow,
			StoreError::Failed { .. } => InputOutcome::Failed,
			_ => InputOutcome::Refused,
		};
		self.metrics.input(outcome);
		let reason = printable(&error.to_string());
		match outcome {
			InputOutcome::Refused => PrepareError::Refused(reason),
			// The requester may have posted before its upload was done; stores have outages.
			_ => PrepareError::Later(reason),
		}
	}
}

/// Reads and writes of hundreds of MiB must not hold up what else there is to do. `None` if the thread died.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
	tokio::task::spawn_blocking(work).await.ok()
}

fn kept(path: &Path, hash: &Hash, size: u64) -> Option<Vec<u8>> {
	if fs::metadata(path).ok()?.len() != size {
		return None;
	}
	let bytes = fs::read(path).ok()?;
	(lemma_zk_statement::blake2_256(&bytes) == *hash).then_some(bytes)
}

fn keep(folder: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
	/// Two orders may have the same input, and get it at the same time.
	static WRITTEN: AtomicU64 = AtomicU64::new(0);
	let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
	let part = path.with_extension(format!("{number}.{PART}"));
	let written = fs::File::create(&part).and_then(|mut file| {
		file.write_all(bytes)?;
		file.sync_all()?;
		fs::rename(&part, path)
	});
	if let Err(error) = written {
		// It takes the room that is wanting.
		let _ = fs::remove_file(&part);
		return Err(error);
	}
	// Makes the renaming last.
	fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
	use lemma_client::store::Pace;

	use super::*;

	fn counted(inputs: &Inputs, outcome: InputOutcome) -> bool {
		let line = format!(
			"lemma_worker_inputs_total{{outcome=\"{}\"}} 1",
			outcome.name()
		);
		inputs.metrics.encode().unwrap().contains(&line)
	}

	fn inputs(max_bytes: u64) -> (tempfile::TempDir, Store, Inputs) {
		let folder = tempfile::tempdir().unwrap();
		let store = Store::folder(&folder.path().join("store")).unwrap();
		let policy = FetchPolicy::default();
		let inputs = Inputs::open(
			folder.path().join("inputs"),
			store.clone(),
			policy,
			max_bytes,
			Metrics::new(),
		)
		.unwrap();
		(folder, store, inputs)
	}

	fn stored(hash: H256, size: u64, locator: &[u8]) -> InputSource {
		InputSource::Stored {
			hash,
			size,
			locator: locator.to_vec().try_into().unwrap(),
		}
	}

	#[tokio::test]
	async fn an_input_should_survive_its_store() {
		let (folder, store, inputs) = inputs(100);
		let hash = store.put(b"bytes".to_vec()).await.unwrap();
		assert_eq!(
			inputs.get(&stored(hash, 5, b""), false).await.unwrap(),
			b"bytes"
		);
		fs::remove_dir_all(folder.path().join("store")).unwrap();
		assert_eq!(
			inputs.get(&stored(hash, 5, b""), false).await.unwrap(),
			b"bytes"
		);
		inputs.forget(&hash.0);
		let gone = inputs.get(&stored(hash, 5, b""), false).await;
		assert!(matches!(gone, Err(PrepareError::Later(_))), "{gone:?}");
		assert!(counted(&inputs, InputOutcome::Fetched) && counted(&inputs, InputOutcome::Missing));
	}

	#[tokio::test]
	async fn an_input_should_be_had_elsewhere_when_the_own_store_has_it_damaged() {
		let (folder, store, _) = inputs(100);
		let hash = store.put(b"bytes".to_vec()).await.unwrap();
		let damaged = folder.path().join("store").join(hex::encode(hash.0));
		fs::write(damaged, b"bytez").unwrap();
		// Another store, over HTTP.
		let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
		let port = listener.local_addr().unwrap().port();
		tokio::spawn(async move {
			use tokio::io::{AsyncReadExt, AsyncWriteExt};
			let (mut socket, _) = listener.accept().await.unwrap();
			let _ = socket.read(&mut [0; 1024]).await;
			let found = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nbytes";
			let _ = socket.write_all(found.as_bytes()).await;
		});
		let policy = FetchPolicy {
			allow_private: true,
			..FetchPolicy::default()
		};
		let inputs = folder.path().join("more-inputs");
		let inputs = Inputs::open(inputs, store, policy, 100, Metrics::new()).unwrap();
		let locator = format!("http://127.0.0.1:{port}/b");
		let got = inputs
			.get(&stored(hash, 5, locator.as_bytes()), false)
			.await;
		assert_eq!(got, Ok(b"bytes".to_vec()));
	}

	#[tokio::test]
	async fn a_slow_store_should_be_given_up_and_counted() {
		let (folder, store, _) = inputs(100);
		let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
		let port = listener.local_addr().unwrap().port();
		let policy = FetchPolicy {
			allow_private: true,
			pace: Pace {
				grace: std::time::Duration::from_millis(200),
				bytes_per_second: 1_000,
			},
			..FetchPolicy::default()
		};
		let inputs = folder.path().join("more-inputs");
		let inputs = Inputs::open(inputs, store, policy, 100, Metrics::new()).unwrap();
		// It accepts, and says nothing.
		let locator = format!("http://127.0.0.1:{port}/b");
		let source = stored(H256([7; 32]), 5, locator.as_bytes());
		let got = inputs.get(&source, false).await;
		assert!(matches!(got, Err(PrepareError::Later(_))), "{got:?}");
		assert!(counted(&inputs, InputOutcome::Slow));
	}

	#[tokio::test]
	async fn an_input_should_not_be_claimed_with_but_be_worked_with_when_it_cannot_be_written() {
		let (folder, store, inputs) = inputs(100);
		let hash = store.put(b"bytes".to_vec()).await.unwrap();
		fs::remove_dir_all(folder.path().join("inputs")).unwrap();
		let unbound = inputs.get(&stored(hash, 5, b""), false).await;
		assert!(
			matches!(unbound, Err(PrepareError::Later(_))),
			"{unbound:?}"
		);
		assert!(counted(&inputs, InputOutcome::Unwritten));
		let bound = inputs.get(&stored(hash, 5, b""), true).await;
		assert_eq!(bound, Ok(b"bytes".to_vec()));
	}

	#[test]
	fn an_input_should_be_kept_whole_when_several_orders_get_it_at_once() {
		let folder = tempfile::tempdir().unwrap();
		let bytes = vec![7_u8; 100_000];
		let hash = lemma_zk_statement::blake2_256(&bytes);
		let path = folder.path().join(hex::encode(hash));
		std::thread::scope(|scope| {
			for _ in 0..4 {
				scope.spawn(|| {
					for _ in 0..5 {
						keep(folder.path(), &path, &bytes).unwrap();
						assert!(kept(&path, &hash, 100_000).is_some());
					}
				});
			}
		});
		assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
	}

	#[tokio::test]
	async fn what_a_crash_left_of_a_write_should_be_removed_at_the_start() {
		let (folder, store, inputs) = inputs(100);
		let folder = folder.path().join("inputs");
		let left = folder.join("00ff.12.part");
		fs::write(&left, b"byt").unwrap();
		inputs.drop_beyond(&BTreeSet::new(), 0);
		assert!(left.exists(), "somebody may be writing it");
		let policy = FetchPolicy::default();
		Inputs::open(folder, store, policy, 100, Metrics::new()).unwrap();
		assert!(!left.exists());
	}

	#[tokio::test]
	async fn inputs_that_nobody_needs_should_be_dropped_beyond_the_room_for_them() {
		let (folder, store, inputs) = inputs(100);
		let mut hashes = Vec::new();
		for bytes in [b"11111", b"22222", b"33333"] {
			let hash = store.put(bytes.to_vec()).await.unwrap();
			inputs.get(&stored(hash, 5, b""), false).await.unwrap();
			hashes.push(hash.0);
			std::thread::sleep(std::time::Duration::from_millis(20));
		}
		let there = |hash: &Hash| {
			let path = folder.path().join("inputs").join(hex::encode(hash));
			path.exists()
		};
		let needed = BTreeSet::from([hashes[0]]);
		inputs.drop_beyond(&needed, 5);
		let left: Vec<_> = hashes.iter().map(there).collect();
		assert_eq!(
			left,
			[true, false, true],
			"the older one of those not needed"
		);
		inputs.drop_beyond(&needed, 0);
		let left: Vec<_> = hashes.iter().map(there).collect();
		assert_eq!(left, [true, false, false]);
	}

	#[tokio::test]
	async fn a_kept_input_should_be_fetched_again_when_it_was_damaged() {
		let (folder, store, inputs) = inputs(100);
		let hash = store.put(b"bytes".to_vec()).await.unwrap();
		inputs.get(&stored(hash, 5, b""), false).await.unwrap();
		let kept = folder.path().join("inputs").join(hex::encode(hash.0));
		fs::write(&kept, b"bytez").unwrap();
		assert_eq!(
			inputs.get(&stored(hash, 5, b""), false).await.unwrap(),
			b"bytes"
		);
		assert_eq!(fs::read(&kept).unwrap(), b"bytes");
	}

	#[tokio::test]
	async fn an_input_should_be_refused_when_its_size_is_not_the_orders() {
		let (_folder, store, inputs) = inputs(100);
		let hash = store.put(b"bytes".to_vec()).await.unwrap();
		for size in [4, 6, 101] {
			let got = inputs.get(&stored(hash, size, b""), false).await;
			assert!(
				matches!(got, Err(PrepareError::Refused(_))),
				"{size}: {got:?}"
			);
		}
	}

	#[tokio::test]
	async fn a_locator_should_be_refused_when_it_points_into_the_own_network() {
		let (_folder, _store, inputs) = inputs(100);
		let source = stored(H256([7; 32]), 5, b"http://127.0.0.1:9/blobs");
		let got = inputs.get(&source, false).await;
		assert!(matches!(got, Err(PrepareError::Refused(_))), "{got:?}");
	}
}
