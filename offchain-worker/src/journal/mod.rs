//! The journal: what this worker has undertaken, on disk, before it does it.
//!
//! One [`Record`] an order, moved along the arrows of [`State`] and no others. Each step is one transaction
//! of the database, on disk when the call returns; what belongs to a step (signed bytes, output, proof) is
//! written in the same transaction. So after a crash at any point the record tells what may have been done,
//! and the chain tells what was.
//!
//! One process writes; others may read at the same time (`lemma-worker journal`).

mod record;

use std::{
	path::Path,
	time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use codec::{Decode, Encode};
use lemma_primitives::{BlockNumber, OrderId};
use redb::{
	ConcurrencyMode, Database, ReadOnlyDatabase, ReadTransaction, ReadableDatabase, ReadableTable,
	TableDefinition, WriteTransaction,
};

pub use self::record::{Hash, Record, Signed, State};
use crate::fuse::{Blown, Fuse};

/// Orders by number; the value is a SCALE-encoded [`Record`].
const ORDERS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("orders");
/// Bytes that belong to orders, by number and [`Blob`].
const BLOBS: TableDefinition<'_, (u64, u8), &[u8]> = TableDefinition::new("blobs");
/// What is known of the journal itself, by name.
const ABOUT: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("about");

/// Version of the layout above.
const LAYOUT: u32 = 1;
/// Final records kept, the newest ones.
const FINAL_RECORDS_KEPT: usize = 10_000;
/// Steps kept of one order's history: far more than it has unless its transactions die again and again.
const HISTORY_KEPT: usize = 200;
/// Memory for the database's cache, bytes.
const CACHE_BYTES: usize = 32 * 1024 * 1024;

/// How long another process may hold the file before opening it fails, and how often it is tried.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
const LOCK_POLL: Duration = Duration::from_millis(50);

/// Bytes that the journal keeps beside a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Blob {
	/// The signed claim.
	Claim = 0,
	/// The signed submission.
	Submission = 1,
	/// The output.
	Output = 2,
	/// The proof.
	Proof = 3,
}

const BLOBS_OF_AN_ORDER: [Blob; 4] = [Blob::Claim, Blob::Submission, Blob::Output, Blob::Proof];

/// What a step brings with it, written in the same transaction.
#[derive(Clone, Copy, Debug)]
pub enum Attachment<'a> {
	/// Nothing.
	Nothing,
	/// The job's size for people.
	Shape(&'a str),
	/// A signed claim and its bytes.
	Claim(Signed, &'a [u8]),
	/// A signed submission and its bytes.
	Submission(Signed, &'a [u8]),
	/// A finished output and its proof, with microseconds by stage.
	Result {
		/// Output.
		output: &'a [u8],
		/// Proof.
		proof: &'a [u8],
		/// Microseconds by stage.
		stages: &'a [(String, u64)],
	},
	/// The chain refused the submission.
	Refusal,
}

/// Why the journal could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
	/// The database failed.
	#[error("the journal cannot be used: {0}")]
	Database(Box<redb::Error>),
	/// A record cannot be read.
	#[error(
		"the journal's record of order {0} cannot be read; it was written by another version or is \
		 damaged: keep the file for inquiry and start with another data_dir"
	)]
	Unreadable(OrderId),
	/// The file has another layout.
	#[error(
		"the journal has layout {found}, this worker knows layout {LAYOUT}: use the version of \
		 lemma-worker that wrote it, or another data_dir"
	)]
	Layout {
		/// The layout found.
		found: u32,
	},
	/// The journal belongs to another chain.
	#[error(
		"the journal belongs to the chain with genesis 0x{found}, the node is on 0x{wanted}: point \
		 `node` to the right chain, or give this chain another data_dir"
	)]
	OtherChain {
		/// Genesis in the journal.
		found: String,
		/// Genesis of the node.
		wanted: String,
	},
	/// There is no record of the order.
	#[error("the journal has no order {0}")]
	Unknown(OrderId),
	/// The state machine has no such arrow.
	#[error("order {order} cannot go from {from} to {to}")]
	NoSuchStep {
		/// The order.
		order: OrderId,
		/// Its state.
		from: &'static str,
		/// The state asked for.
		to: &'static str,
	},
	/// Another order of the same number is under way.
	#[error(
		"order {0} is under way already, as another order that had this number on another fork"
	)]
	Conflict(OrderId),
	/// A test made the worker stop.
	#[error(transparent)]
	Blown(#[from] Blown),
}

macro_rules! from_database_errors {
	($($error:ty),+) => {$(
		impl From<$error> for JournalError {
			fn from(error: $error) -> Self {
				JournalError::Database(Box::new(error.into()))
			}
		}
	)+};
}

from_database_errors!(
	redb::DatabaseError,
	redb::TransactionError,
	redb::TableError,
	redb::StorageError,
	redb::CommitError
);

/// The writer's handle; see the module.
pub struct Journal {
	database: Database,
	fuse: Fuse,
}

fn builder() -> redb::Builder {
	let mut builder = Database::builder();
	builder
		.set_cache_size(CACHE_BYTES)
		.set_concurrency_mode(ConcurrencyMode::SingleWriter);
	builder
}

impl Journal {
	/// Opens the journal, or begins one where there is no file. Waits up to 10 seconds for another process
	/// that has it open: a worker that is just ending, or `lemma-worker journal` tidying up after one.
	pub fn open(path: &Path, fuse: Fuse) -> Result<Self, JournalError> {
		let database = patiently(|| builder().create(path))?;
		let transaction = database.begin_write()?;
		{
			transaction.open_table(ORDERS)?;
			transaction.open_table(BLOBS)?;
			let mut about = transaction.open_table(ABOUT)?;
			let found = about.get("layout")?.and_then(|found| decode(found.value()));
			match found {
				None => {
					about.insert("layout", LAYOUT.encode().as_slice())?;
				}
				Some(LAYOUT) => {}
				Some(found) => return Err(JournalError::Layout { found }),
			}
		}
		transaction.commit()?;
		Ok(Self { database, fuse })
	}

	/// Binds the journal to a chain, or checks that it is bound to this one.
	pub fn bind(&self, genesis: Hash) -> Result<(), JournalError> {
		match self.about::<Hash>("genesis")? {
			None => self.set_about("genesis", &genesis),
			Some(found) if found == genesis => Ok(()),
			Some(found) => Err(JournalError::OtherChain {
				found: hex::encode(found),
				wanted: hex::encode(genesis),
			}),
		}
	}

	/// The highest finalized block that this worker has seen.
	pub fn finalized(&self) -> Result<Option<(BlockNumber, Hash)>, JournalError> {
		self.about("finalized")
	}

	/// Notes the highest finalized block seen.
	pub fn set_finalized(&self, number: BlockNumber, hash: Hash) -> Result<(), JournalError> {
		self.set_about("finalized", &(number, hash))
	}

	/// Unix time in milliseconds until which no orders are taken after a failure.
	pub fn paused_until(&self) -> Result<Option<u64>, JournalError> {
		self.about("paused_until")
	}

	/// Sets [`Self::paused_until`].
	pub fn set_paused_until(&self, unix_millis: u64) -> Result<(), JournalError> {
		self.set_about("paused_until", &unix_millis)
	}

	/// Begins an order in state [`State::Seen`]. Where there is a record of the same order, it stands as
	/// it is, and is returned; unless the order was lost to another, and may be had again as a rescue. A
	/// finished or unbound record of another order that had the same number
	/// on another fork is replaced.
	pub fn begin(&self, mut record: Record) -> Result<Record, JournalError> {
		if let Some(found) = self.get(record.order)? {
			let lost = matches!(found.state, State::Lost { .. });
			if found.fingerprint == record.fingerprint && !lost {
				return Ok(found);
			}
			if found.state.is_bound() {
				return Err(JournalError::Conflict(record.order));
			}
		}
		record.state = State::Seen;
		record.history = vec![(unix_millis(), record.state.name().to_owned())];
		self.step(&record, |transaction| {
			remove_blobs(transaction, record.order)
		})?;
		Ok(record)
	}

	/// Moves an order on. To move it to the state in which it is does nothing, so that a step can be
	/// repeated after a crash.
	pub fn advance(
		&self,
		order: OrderId,
		next: State,
		attachment: Attachment<'_>,
	) -> Result<Record, JournalError> {
		let mut record = self.get(order)?.ok_or(JournalError::Unknown(order))?;
		if record.state == next {
			return Ok(record);
		}
		if !record.state.may_become(&next) {
			return Err(JournalError::NoSuchStep {
				order,
				from: record.state.name(),
				to: next.name(),
			});
		}
		let mut blobs: Vec<(Blob, &[u8])> = Vec::new();
		match attachment {
			Attachment::Nothing => {}
			Attachment::Shape(shape) => record.shape = shape.to_owned(),
			Attachment::Claim(signed, bytes) => {
				record.claim = Some(signed);
				blobs.push((Blob::Claim, bytes));
			}
			Attachment::Submission(signed, bytes) => {
				record.submission = Some(signed);
				blobs.push((Blob::Submission, bytes));
			}
			Attachment::Result {
				output,
				proof,
				stages,
			} => {
				record.stages = stages.to_vec();
				blobs.push((Blob::Output, output));
				blobs.push((Blob::Proof, proof));
			}
			Attachment::Refusal => record.refusals = record.refusals.saturating_add(1),
		}
		if next == State::Fetched {
			record.claim = None;
		}
		let ends = next.is_final();
		if record.history.len() < HISTORY_KEPT || ends {
			record.history.push((unix_millis(), next.name().to_owned()));
		}
		record.state = next;
		self.step(&record, |transaction| {
			if ends {
				remove_blobs(transaction, order)?;
			}
			let mut table = transaction.open_table(BLOBS)?;
			for (blob, bytes) in blobs {
				table.insert((order, blob as u8), bytes)?;
			}
			Ok(())
		})?;
		Ok(record)
	}

	/// Writes a record and what belongs to it in one transaction, between two points of the fuse.
	fn step(
		&self,
		record: &Record,
		beside: impl FnOnce(&WriteTransaction) -> Result<(), JournalError>,
	) -> Result<(), JournalError> {
		self.fuse
			.point(&format!("before-{}", record.state.name()))?;
		let transaction = self.database.begin_write()?;
		beside(&transaction)?;
		transaction
			.open_table(ORDERS)?
			.insert(record.order, record.encode().as_slice())?;
		transaction.commit()?;
		self.fuse.point(&format!("after-{}", record.state.name()))?;
		Ok(())
	}

	/// The fuse, for points between the journal's steps.
	pub fn fuse(&self) -> &Fuse {
		&self.fuse
	}

	/// The record of an order.
	pub fn get(&self, order: OrderId) -> Result<Option<Record>, JournalError> {
		let transaction = self.database.begin_read()?;
		let table = transaction.open_table(ORDERS)?;
		table
			.get(order)?
			.map(|bytes| decode_record(order, bytes.value()))
			.transpose()
	}

	/// All records, by order.
	pub fn all(&self) -> Result<Vec<Record>, JournalError> {
		all(&self.database.begin_read()?)
	}

	/// The records of orders that are not finished, by order.
	pub fn live(&self) -> Result<Vec<Record>, JournalError> {
		Ok(self
			.all()?
			.into_iter()
			.filter(|record| !record.state.is_final())
			.collect())
	}

	/// Bytes kept beside a record.
	pub fn blob(&self, order: OrderId, blob: Blob) -> Result<Option<Vec<u8>>, JournalError> {
		let transaction = self.database.begin_read()?;
		let table = transaction.open_table(BLOBS)?;
		Ok(table
			.get((order, blob as u8))?
			.map(|bytes| bytes.value().to_vec()))
	}

	/// Drops the oldest final records beyond those that are kept.
	pub fn prune(&self) -> Result<(), JournalError> {
		let finished: Vec<_> = self
			.all()?
			.into_iter()
			.filter(|record| record.state.is_final())
			.map(|record| record.order)
			.collect();
		let excess = finished.len().saturating_sub(FINAL_RECORDS_KEPT);
		if excess == 0 {
			return Ok(());
		}
		let transaction = self.database.begin_write()?;
		{
			let mut table = transaction.open_table(ORDERS)?;
			for order in finished.into_iter().take(excess) {
				table.remove(order)?;
			}
		}
		transaction.commit()?;
		Ok(())
	}

	fn about<T: Decode>(&self, name: &str) -> Result<Option<T>, JournalError> {
		let transaction = self.database.begin_read()?;
		let table = transaction.open_table(ABOUT)?;
		Ok(table.get(name)?.and_then(|bytes| decode(bytes.value())))
	}

	fn set_about(&self, name: &str, value: &impl Encode) -> Result<(), JournalError> {
		let transaction = self.database.begin_write()?;
		transaction
			.open_table(ABOUT)?
			.insert(name, value.encode().as_slice())?;
		transaction.commit()?;
		Ok(())
	}
}

/// Tries to open the database until no other process holds it.
fn patiently<T>(
	mut open: impl FnMut() -> Result<T, redb::DatabaseError>,
) -> Result<T, redb::DatabaseError> {
	let began = Instant::now();
	loop {
		match open() {
			Err(redb::DatabaseError::DatabaseAlreadyOpen) if began.elapsed() < LOCK_PATIENCE => {
				std::thread::sleep(LOCK_POLL);
			}
			opened => return opened,
		}
	}
}

/// All records of the journal at `path`, which a running worker may be writing.
pub fn read(path: &Path) -> Result<Vec<Record>, JournalError> {
	let open = || match builder().open_read_only(path) {
		// A worker died and none runs: its last commit is whole, but only a writer may tidy up.
		Err(redb::DatabaseError::RepairAborted) => {
			drop(builder().open(path)?);
			builder().open_read_only(path)
		}
		opened => opened,
	};
	read_from(&patiently(open)?)
}

fn read_from(database: &ReadOnlyDatabase) -> Result<Vec<Record>, JournalError> {
	all(&database.begin_read()?)
}

fn all(transaction: &ReadTransaction) -> Result<Vec<Record>, JournalError> {
	let table = transaction.open_table(ORDERS)?;
	let mut records = Vec::new();
	for entry in table.iter()? {
		let (order, bytes) = entry?;
		records.push(decode_record(order.value(), bytes.value())?);
	}
	Ok(records)
}

fn remove_blobs(transaction: &WriteTransaction, order: OrderId) -> Result<(), JournalError> {
	let mut table = transaction.open_table(BLOBS)?;
	for blob in BLOBS_OF_AN_ORDER {
		table.remove((order, blob as u8))?;
	}
	Ok(())
}

fn decode<T: Decode>(bytes: &[u8]) -> Option<T> {
	T::decode(&mut &bytes[..]).ok()
}

fn decode_record(order: OrderId, bytes: &[u8]) -> Result<Record, JournalError> {
	decode(bytes).ok_or(JournalError::Unreadable(order))
}

/// Unix time, milliseconds.
pub fn unix_millis() -> u64 {
	SystemTime::now()
		.duration_since(UNIX_EPOCH)
		.map_or(0, |since| {
			u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
		})
}

#[cfg(test)]
mod tests;
