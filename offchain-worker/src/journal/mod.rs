//! The journal: what this worker has undertaken, on disk, before it does it.
//!
//! One [`Record`] an order, moved along the arrows of [`State`] and no others. Each step is one transaction
//! of the database, on disk when the call returns; what belongs to a step (signed bytes, output, proof) is
//! written in the same transaction. So after a crash at any point the record tells what may have been done,
//! and the chain tells what was.
//!
//! One process writes; others may read at the same time (`lemma-worker journal`).
//!
//! A step that cannot be written (the disk is full) is not made: the error says so
//! ([`JournalError::is_passing`]), and the same step may be tried again. The database is then opened anew, because
//! after a failed write only the file tells what was written.

mod error;
mod layouts;
mod record;
mod storage;

use std::{
	collections::BTreeSet,
	path::Path,
	sync::{Mutex, MutexGuard, PoisonError},
	time::Duration,
};

use codec::{Decode, Encode};
use lemma_primitives::{Balance, BlockNumber, OrderId};
use redb::{
	ReadOnlyDatabase, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition,
	WriteTransaction,
};

pub use self::{
	error::JournalError,
	record::{Hash, Record, Replaced, Signed, State},
};
use self::{
	record::MISSED,
	storage::{builder, patiently, Opener, Storage, LOCK_PATIENCE},
};
use crate::{clock::unix_millis, fuse::Fuse};

/// Orders by number; the value is a SCALE-encoded [`Record`].
const ORDERS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("orders");
/// Bytes that belong to orders, by number and [`Blob`].
const BLOBS: TableDefinition<'_, (u64, u8), &[u8]> = TableDefinition::new("blobs");
/// How often computing and proving an order was begun, by order.
const ATTEMPTS: TableDefinition<'_, u64, u32> = TableDefinition::new("attempts");
/// What is known of the journal itself, by name.
const ABOUT: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("about");

/// Version of the layout above, and of [`Record`].
const LAYOUT: u32 = 3;
/// Final records kept, the newest ones.
const FINAL_RECORDS_KEPT: usize = 10_000;
/// Steps kept of one order's history: far more than it has unless its transactions die again and again.
const HISTORY_KEPT: usize = 200;
/// Replaced claims, and replaced submissions, of one order that are kept, the newest ones.
const REPLACED_KEPT: usize = 64;

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

/// The writer's handle; see the module.
pub struct Journal {
	storage: Storage,
	fuse: Fuse,
	/// Orders whose records could not be read when all were.
	unreadable: Mutex<BTreeSet<OrderId>>,
}

impl Journal {
	/// Opens the journal, or begins one where there is no file. Waits up to 10 seconds for another process
	/// that has it open: a worker that is just ending, or `lemma-worker journal` tidying up after one.
	pub fn open(path: &Path, fuse: Fuse) -> Result<Self, JournalError> {
		Self::open_within(LOCK_PATIENCE, path, fuse)
	}

	fn open_within(patience: Duration, path: &Path, fuse: Fuse) -> Result<Self, JournalError> {
		let path = path.to_owned();
		let open: Opener = Box::new(move || builder().create(&path));
		Self::over(open, patience, fuse)
	}

	/// A journal over what `open` opens.
	fn over(open: Opener, patience: Duration, fuse: Fuse) -> Result<Self, JournalError> {
		let storage = Storage::open(open, patience)?;
		storage.write(|transaction| {
			transaction.open_table(ORDERS)?;
			transaction.open_table(BLOBS)?;
			transaction.open_table(ATTEMPTS)?;
			let mut about = transaction.open_table(ABOUT)?;
			let found = about.get("layout")?.and_then(|found| decode(found.value()));
			match found {
				None => {
					about.insert("layout", LAYOUT.encode().as_slice())?;
				}
				Some(LAYOUT) => {}
				Some(found) => {
					layouts::renew(transaction, found)?;
					about.insert("layout", LAYOUT.encode().as_slice())?;
				}
			}
			Ok(())
		})?;
		Ok(Self {
			storage,
			fuse,
			unreadable: Mutex::default(),
		})
	}

	/// A journal on a disk in memory.
	#[cfg(test)]
	pub fn on(disk: &disk::Disk, fuse: Fuse) -> Result<Self, JournalError> {
		Self::over(disk.opener(), LOCK_PATIENCE, fuse)
	}

	/// Puts something in the place of an order's record that is none.
	#[cfg(test)]
	pub fn damage(&self, order: OrderId) {
		let damaged: &[u8] = &[0xff];
		self.storage
			.write(|transaction| {
				transaction.open_table(ORDERS)?.insert(order, damaged)?;
				Ok(())
			})
			.unwrap();
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
	/// finished or unbound record of another order that had the same number on another fork is replaced, and so
	/// is an unbound one for another provider: our account acts for this one now.
	pub fn begin(&self, mut record: Record) -> Result<Record, JournalError> {
		if let Some(found) = self.get(record.order)? {
			let lost = matches!(found.state, State::Lost { .. });
			let stands = found.state.is_final()
				|| found.state.is_bound()
				|| found.provider == record.provider;
			if found.fingerprint == record.fingerprint && !lost && stands {
				return Ok(found);
			}
			if found.state.is_bound() {
				return Err(JournalError::Conflict(record.order));
			}
		}
		record.state = State::Seen;
		record.history = vec![(unix_millis(), record.state.name().to_owned())];
		self.step(record.state.name(), &record, |transaction| {
			remove_belongings(transaction, record.order)
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
				record.replaced_claims.clear();
				blobs.push((Blob::Claim, bytes));
			}
			Attachment::Submission(signed, bytes) => {
				record.submission = Some(signed);
				record.tip = 0;
				record.replaced.clear();
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
			record.replaced_claims.clear();
		}
		let ends = next.is_final();
		if record.history.len() < HISTORY_KEPT || ends {
			record.history.push((unix_millis(), next.name().to_owned()));
		}
		record.state = next;
		self.step(record.state.name(), &record, |transaction| {
			if ends {
				remove_belongings(transaction, order)?;
			}
			let mut table = transaction.open_table(BLOBS)?;
			for (blob, bytes) in blobs {
				table.insert((order, blob as u8), bytes)?;
			}
			Ok(())
		})?;
		Ok(record)
	}

	/// Notes in an order's history that its claim was missed; whether that is news. The state stays.
	pub fn note_miss(&self, order: OrderId) -> Result<bool, JournalError> {
		let mut record = self.get(order)?.ok_or(JournalError::Unknown(order))?;
		if record.is_miss_noted() {
			return Ok(false);
		}
		record.history.push((unix_millis(), MISSED.to_owned()));
		self.step(MISSED, &record, |_| Ok(()))?;
		Ok(true)
	}

	/// Puts another signed claim in the place of the latest one, with the same nonce. The state stays.
	pub fn replace_claim(
		&self,
		order: OrderId,
		signed: Signed,
		bytes: &[u8],
	) -> Result<Record, JournalError> {
		let mut record = self.get(order)?.ok_or(JournalError::Unknown(order))?;
		let open = record.claim.filter(|_| record.state.is_bound());
		let Some(last) = open.filter(|last| last.excludes(&signed)) else {
			return Err(JournalError::NoSuchStep {
				order,
				from: record.state.name(),
				to: "claim-replaced",
			});
		};
		record.replaced_claims.push(last);
		let excess = record.replaced_claims.len().saturating_sub(REPLACED_KEPT);
		record.replaced_claims.drain(..excess);
		record.claim = Some(signed);
		self.step("claim-replaced", &record, |transaction| {
			let mut table = transaction.open_table(BLOBS)?;
			table.insert((order, Blob::Claim as u8), bytes)?;
			Ok(())
		})?;
		Ok(record)
	}

	/// Puts another signed submission in the place of the latest one, with the same nonce and its own tip. The state
	/// stays.
	pub fn replace_submission(
		&self,
		order: OrderId,
		signed: Signed,
		tip: Balance,
		bytes: &[u8],
	) -> Result<Record, JournalError> {
		let mut record = self.get(order)?.ok_or(JournalError::Unknown(order))?;
		let open = record.open_submission().and(record.submission);
		let Some(last) = open.filter(|last| last.excludes(&signed)) else {
			return Err(JournalError::NoSuchStep {
				order,
				from: record.state.name(),
				to: "replaced",
			});
		};
		record.replaced.push(Replaced {
			signed: last,
			tip: record.tip,
		});
		let excess = record.replaced.len().saturating_sub(REPLACED_KEPT);
		record.replaced.drain(..excess);
		record.submission = Some(signed);
		record.tip = tip;
		self.step("replaced", &record, |transaction| {
			let mut table = transaction.open_table(BLOBS)?;
			table.insert((order, Blob::Submission as u8), bytes)?;
			Ok(())
		})?;
		Ok(record)
	}

	/// Writes a record and what belongs to it in one transaction, between two points of the fuse.
	fn step(
		&self,
		name: &str,
		record: &Record,
		beside: impl FnOnce(&WriteTransaction) -> Result<(), JournalError>,
	) -> Result<(), JournalError> {
		self.fuse.point(&format!("before-{name}"))?;
		self.storage.write(|transaction| {
			beside(transaction)?;
			transaction
				.open_table(ORDERS)?
				.insert(record.order, record.encode().as_slice())?;
			Ok(())
		})?;
		self.fuse.point(&format!("after-{name}"))?;
		Ok(())
	}

	/// Counts that computing and proving an order begins, before it does; how often it has by now. So an attempt that
	/// takes the whole process with it counts too.
	pub fn begin_attempt(&self, order: OrderId) -> Result<u32, JournalError> {
		self.fuse.point("before-attempt")?;
		let mut attempts = 0;
		self.storage.write(|transaction| {
			let mut table = transaction.open_table(ATTEMPTS)?;
			let before = table.get(order)?.map_or(0, |count| count.value());
			attempts = before.saturating_add(1);
			table.insert(order, attempts)?;
			Ok(())
		})?;
		self.fuse.point("after-attempt")?;
		Ok(attempts)
	}

	/// How often computing and proving an order has begun.
	pub fn attempts(&self, order: OrderId) -> Result<u32, JournalError> {
		self.storage.using(|database| {
			let table = database.begin_read()?.open_table(ATTEMPTS)?;
			Ok(table.get(order)?.map_or(0, |count| count.value()))
		})
	}

	/// The fuse, for points between the journal's steps.
	pub fn fuse(&self) -> &Fuse {
		&self.fuse
	}

	/// The record of an order.
	pub fn get(&self, order: OrderId) -> Result<Option<Record>, JournalError> {
		self.storage.using(|database| {
			let table = database.begin_read()?.open_table(ORDERS)?;
			table
				.get(order)?
				.map(|bytes| decode_record(order, bytes.value()))
				.transpose()
		})
	}

	/// All records that can be read, by order. The log says which cannot, once.
	pub fn all(&self) -> Result<Vec<Record>, JournalError> {
		let (records, unreadable) = self
			.storage
			.using(|database| all(&database.begin_read()?))?;
		let mut known = self.lock_unreadable();
		for order in unreadable {
			if known.insert(order) {
				tracing::error!(order, "{}", JournalError::Unreadable(order));
			}
		}
		Ok(records)
	}

	/// Orders whose records could not be read when last all were: one of them may bind us, and nobody knows.
	pub fn unreadable(&self) -> BTreeSet<OrderId> {
		self.lock_unreadable().clone()
	}

	fn lock_unreadable(&self) -> MutexGuard<'_, BTreeSet<OrderId>> {
		self.unreadable
			.lock()
			.unwrap_or_else(PoisonError::into_inner)
	}

	/// The records of orders that are not finished, by order, as far as they can be read.
	pub fn live(&self) -> Result<Vec<Record>, JournalError> {
		Ok(self
			.all()?
			.into_iter()
			.filter(|record| !record.state.is_final())
			.collect())
	}

	/// Bytes kept beside a record.
	pub fn blob(&self, order: OrderId, blob: Blob) -> Result<Option<Vec<u8>>, JournalError> {
		self.storage.using(|database| {
			let table = database.begin_read()?.open_table(BLOBS)?;
			Ok(table
				.get((order, blob as u8))?
				.map(|bytes| bytes.value().to_vec()))
		})
	}

	/// Drops the oldest final records beyond those that are kept, and none that cannot be read.
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
		self.storage.write(|transaction| {
			let mut table = transaction.open_table(ORDERS)?;
			for order in finished.into_iter().take(excess) {
				table.remove(order)?;
			}
			Ok(())
		})
	}

	fn about<T: Decode>(&self, name: &str) -> Result<Option<T>, JournalError> {
		self.storage.using(|database| {
			let table = database.begin_read()?.open_table(ABOUT)?;
			Ok(table.get(name)?.and_then(|bytes| decode(bytes.value())))
		})
	}

	fn set_about(&self, name: &str, value: &impl Encode) -> Result<(), JournalError> {
		self.storage.write(|transaction| {
			transaction
				.open_table(ABOUT)?
				.insert(name, value.encode().as_slice())?;
			Ok(())
		})
	}
}

/// All records of the journal at `path`, which a running worker may be writing, and the orders whose records cannot be
/// read.
pub fn read(path: &Path) -> Result<(Vec<Record>, Vec<OrderId>), JournalError> {
	let open = || match builder().open_read_only(path) {
		// A worker died and none runs: its last commit is whole, but only a writer may tidy up.
		Err(redb::DatabaseError::RepairAborted) => {
			drop(builder().open(path)?);
			builder().open_read_only(path)
		}
		opened => opened,
	};
	read_from(&patiently(LOCK_PATIENCE, open)?)
}

fn read_from(database: &ReadOnlyDatabase) -> Result<(Vec<Record>, Vec<OrderId>), JournalError> {
	let transaction = database.begin_read()?;
	let layout: Option<u32> = transaction
		.open_table(ABOUT)?
		.get("layout")?
		.and_then(|found| decode(found.value()));
	match layout {
		Some(found) if found != LAYOUT => Err(JournalError::Layout { found }),
		_ => all(&transaction),
	}
}

/// The records that can be read, and the orders of the others.
fn all(transaction: &ReadTransaction) -> Result<(Vec<Record>, Vec<OrderId>), JournalError> {
	let table = transaction.open_table(ORDERS)?;
	let (mut records, mut unreadable) = (Vec::new(), Vec::new());
	for entry in table.iter()? {
		let (order, bytes) = entry?;
		match decode(bytes.value()) {
			Some(record) => records.push(record),
			None => unreadable.push(order.value()),
		}
	}
	Ok((records, unreadable))
}

/// Removes what lies beside an order's record.
fn remove_belongings(transaction: &WriteTransaction, order: OrderId) -> Result<(), JournalError> {
	let mut table = transaction.open_table(BLOBS)?;
	for blob in BLOBS_OF_AN_ORDER {
		table.remove((order, blob as u8))?;
	}
	transaction.open_table(ATTEMPTS)?.remove(order)?;
	Ok(())
}

fn decode<T: Decode>(bytes: &[u8]) -> Option<T> {
	T::decode(&mut &bytes[..]).ok()
}

fn decode_record(order: OrderId, bytes: &[u8]) -> Result<Record, JournalError> {
	decode(bytes).ok_or(JournalError::Unreadable(order))
}

#[cfg(test)]
pub mod disk;
#[cfg(test)]
mod tests;
