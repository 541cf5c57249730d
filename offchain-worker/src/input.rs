//! Inputs: from the order itself or a store, checked by hash, and kept until the order ends.
//!
//! A stored input is a file named by its hash and nothing else. It was written whole or not at all, and is
//! hashed again when it is read, so that a restarted worker need not fetch it again.

use std::{
	fs,
	io::Write,
	path::{Path, PathBuf},
};

use lemma_client::{
	store::{FetchPolicy, StoreError},
	Store, H256,
};
use lemma_primitives::order::InputSource;

use crate::{journal::Hash, workshop::PrepareError};

/// See the module.
pub struct Inputs {
	folder: PathBuf,
	store: Store,
	policy: FetchPolicy,
	max_bytes: u64,
}

impl Inputs {
	/// Keeps inputs in `folder`, which is made if it is not there. They come from `store` or, if that has
	/// not got them, from where the order's locator points, as far as `policy` allows.
	pub fn open(
		folder: PathBuf,
		store: Store,
		policy: FetchPolicy,
		max_bytes: u64,
	) -> std::io::Result<Self> {
		fs::create_dir_all(&folder)?;
		// Leftovers of writes that a crash cut short.
		for entry in fs::read_dir(&folder)?.flatten() {
			if entry
				.path()
				.extension()
				.is_some_and(|extension| extension == "part")
			{
				let _ = fs::remove_file(entry.path());
			}
		}
		Ok(Self {
			folder,
			store,
			policy,
			max_bytes,
		})
	}

	/// The bytes of an input: of the size and hash that the order says.
	pub async fn get(&self, source: &InputSource) -> Result<Vec<u8>, PrepareError> {
		let (hash, size, locator) = match source {
			InputSource::Inline(bytes) => return Ok(bytes.to_vec()),
			InputSource::Stored {
				hash,
				size,
				locator,
			} => (hash, *size, locator),
		};
		if size > self.max_bytes {
			return Err(PrepareError::Refused(format!(
				"the input has {size} bytes, more than max_input_bytes ({})",
				self.max_bytes
			)));
		}
		if let Some(bytes) = self.kept(&hash.0, size) {
			return Ok(bytes);
		}
		let locator = std::str::from_utf8(locator)
			.map_err(|_| PrepareError::Refused("the input's locator is no text".to_owned()))?;
		let bytes = self
			.fetch(*hash, size, locator)
			.await
			.map_err(prepare_error)?;
		if bytes.len() as u64 != size {
			return Err(PrepareError::Refused(format!(
				"the input has {} bytes, the order says {size}",
				bytes.len()
			)));
		}
		self.keep(&hash.0, &bytes).map_err(|error| {
			PrepareError::Later(format!(
				"the input cannot be kept in {}: {error}",
				self.folder.display()
			))
		})?;
		Ok(bytes)
	}

	/// Not `store::fetch`, which adds what strangers offer to the operator's own store for good.
	async fn fetch(&self, hash: H256, size: u64, locator: &str) -> Result<Vec<u8>, StoreError> {
		let in_own = self
			.within_time("the store", self.store.get(hash, size))
			.await;
		if locator.is_empty() || !matches!(in_own, Err(StoreError::NotFound { .. })) {
			return in_own;
		}
		let remote = Store::of_locator(locator, &self.policy)?;
		self.within_time(locator, remote.get(hash, size)).await
	}

	async fn within_time(
		&self,
		store: &str,
		getting: impl std::future::Future<Output = Result<Vec<u8>, StoreError>>,
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

	fn path(&self, hash: &Hash) -> PathBuf {
		self.folder.join(hex::encode(hash))
	}

	fn kept(&self, hash: &Hash, size: u64) -> Option<Vec<u8>> {
		let path = self.path(hash);
		if fs::metadata(&path).ok()?.len() != size {
			return None;
		}
		let bytes = fs::read(&path).ok()?;
		(lemma_zk_statement::blake2_256(&bytes) == *hash).then_some(bytes)
	}

	fn keep(&self, hash: &Hash, bytes: &[u8]) -> std::io::Result<()> {
		let path = self.path(hash);
		let part = path.with_extension("part");
		let mut file = fs::File::create(&part)?;
		file.write_all(bytes)?;
		file.sync_all()?;
		fs::rename(&part, &path)?;
		sync_folder(&self.folder)
	}
}

/// Makes a renaming in a folder last.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
	fs::File::open(folder)?.sync_all()
}

fn prepare_error(error: StoreError) -> PrepareError {
	match error {
		// The requester may have posted before its upload was done; stores have outages.
		StoreError::Failed { .. } | StoreError::TimedOut { .. } | StoreError::NotFound { .. } => {
			PrepareError::Later(error.to_string())
		}
		error => PrepareError::Refused(error.to_string()),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn inputs(max_bytes: u64) -> (tempfile::TempDir, Store, Inputs) {
		let folder = tempfile::tempdir().unwrap();
		let store = Store::folder(&folder.path().join("store")).unwrap();
		let policy = FetchPolicy::default();
		let inputs = Inputs::open(
			folder.path().join("inputs"),
			store.clone(),
			policy,
			max_bytes,
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
		assert_eq!(inputs.get(&stored(hash, 5, b"")).await.unwrap(), b"bytes");
		fs::remove_dir_all(folder.path().join("store")).unwrap();
		assert_eq!(inputs.get(&stored(hash, 5, b"")).await.unwrap(), b"bytes");
		inputs.forget(&hash.0);
		let gone = inputs.get(&stored(hash, 5, b"")).await;
		assert!(matches!(gone, Err(PrepareError::Later(_))), "{gone:?}");
	}

	#[tokio::test]
	async fn a_kept_input_should_be_fetched_again_when_it_was_damaged() {
		let (folder, store, inputs) = inputs(100);
		let hash = store.put(b"bytes".to_vec()).await.unwrap();
		inputs.get(&stored(hash, 5, b"")).await.unwrap();
		let kept = folder.path().join("inputs").join(hex::encode(hash.0));
		fs::write(&kept, b"bytez").unwrap();
		assert_eq!(inputs.get(&stored(hash, 5, b"")).await.unwrap(), b"bytes");
		assert_eq!(fs::read(&kept).unwrap(), b"bytes");
	}

	#[tokio::test]
	async fn an_input_should_be_refused_when_its_size_is_not_the_orders() {
		let (_folder, store, inputs) = inputs(100);
		let hash = store.put(b"bytes".to_vec()).await.unwrap();
		for size in [4, 6, 101] {
			let got = inputs.get(&stored(hash, size, b"")).await;
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
		let got = inputs.get(&source).await;
		assert!(matches!(got, Err(PrepareError::Refused(_))), "{got:?}");
	}
}
