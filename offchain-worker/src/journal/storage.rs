//! The journal's database: opened with patience for another process that has it, and anew after a failure.

use std::{
	sync::{PoisonError, RwLock},
	time::{Duration, Instant},
};

use redb::{ConcurrencyMode, Database, WriteTransaction};

use super::JournalError;

/// Memory for the database's cache, bytes.
const CACHE_BYTES: usize = 32 * 1024 * 1024;

/// How long another process may hold the file before opening it fails, and how often it is tried.
pub const LOCK_PATIENCE: Duration = Duration::from_secs(10);
const LOCK_POLL: Duration = Duration::from_millis(50);

/// Opens the database, or makes it.
pub type Opener = Box<dyn Fn() -> Result<Database, redb::DatabaseError> + Send + Sync>;

/// The database of the one process that writes.
pub struct Storage {
	handle: RwLock<Handle>,
	open: Opener,
}

struct Handle {
	/// None from a failure on until the database is opened anew.
	database: Option<Database>,
	/// How often it was opened.
	opened: u64,
}

impl Storage {
	/// Opens the database; tries again for so long while another process holds it.
	pub fn open(open: Opener, patience: Duration) -> Result<Self, JournalError> {
		let handle = Handle {
			database: Some(patiently(patience, &open)?),
			opened: 1,
		};
		Ok(Self {
			handle: RwLock::new(handle),
			open,
		})
	}

	/// Does something with the database. After a failure the database is let go of, and opened anew by the next
	/// who wants it.
	pub fn using<T>(
		&self,
		act: impl FnOnce(&Database) -> Result<T, JournalError>,
	) -> Result<T, JournalError> {
		self.reopen()?;
		let handle = self.handle.read().unwrap_or_else(PoisonError::into_inner);
		// Another may have failed with it since.
		let closed = || JournalError::Database(Box::new(redb::Error::DatabaseClosed));
		let done = act(handle.database.as_ref().ok_or_else(closed)?);
		if done.as_ref().is_err_and(JournalError::is_passing) {
			let failed = handle.opened;
			drop(handle);
			let mut handle = self.handle.write().unwrap_or_else(PoisonError::into_inner);
			if handle.opened == failed {
				handle.database = None;
			}
		}
		done
	}

	/// Opens the database if it was let go of.
	fn reopen(&self) -> Result<(), JournalError> {
		let is_open = |handle: &Handle| handle.database.is_some();
		if is_open(&self.handle.read().unwrap_or_else(PoisonError::into_inner)) {
			return Ok(());
		}
		let mut handle = self.handle.write().unwrap_or_else(PoisonError::into_inner);
		if !is_open(&handle) {
			handle.database = Some((self.open)()?);
			handle.opened = handle.opened.saturating_add(1);
		}
		Ok(())
	}

	/// Runs a transaction that writes; on disk when this returns.
	pub fn write(
		&self,
		act: impl FnOnce(&WriteTransaction) -> Result<(), JournalError>,
	) -> Result<(), JournalError> {
		self.using(|database| {
			let transaction = database.begin_write()?;
			act(&transaction)?;
			Ok(transaction.commit()?)
		})
	}
}

/// How every process opens the file.
pub fn builder() -> redb::Builder {
	let mut builder = Database::builder();
	builder
		.set_cache_size(CACHE_BYTES)
		.set_concurrency_mode(ConcurrencyMode::SingleWriter);
	builder
}

/// Tries to open the database until no other process holds it.
pub fn patiently<T>(
	patience: Duration,
	open: impl Fn() -> Result<T, redb::DatabaseError>,
) -> Result<T, redb::DatabaseError> {
	let began = Instant::now();
	loop {
		match open() {
			Err(redb::DatabaseError::DatabaseAlreadyOpen) if began.elapsed() < patience => {
				std::thread::sleep(LOCK_POLL);
			}
			opened => return opened,
		}
	}
}
