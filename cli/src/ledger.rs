//! What this user has ordered: so that an interrupted command goes on instead of ordering twice.
//!
//! One file for each thing asked for, under the user's data folder, by chain. The signed transaction is
//! written and synced before it is sent; whatever happens afterwards, running the same command again finds
//! the record, and follows or resends that very transaction. A development chain that is started anew has the
//! genesis of the one before it, and so the same folder: a record says in which block its order was.
//!
//! Commands that run at once share it: what is changed is changed under a lock, and a record only by those who mean
//! its very transaction.

use std::{
	fs::{self, File, TryLockError},
	path::{Path, PathBuf},
	time::Duration,
};

use codec::{Decode, Encode};
use lemma_client::{
	blake2_256,
	npy::write_atomically,
	store::data_folder,
	transact::{Inclusion, SignedBytes},
	AccountId, Client, OrderId, H256,
};
use serde::{Deserialize, Serialize};

use crate::failure::{file_failure, Outcome};

/// How often a lock that another command holds is tried.
const POLL: Duration = Duration::from_millis(50);

/// A thing asked for. Two commands that would get the same are the same request.
#[derive(Debug, Clone, Encode)]
pub struct Request {
	/// Who asks.
	pub account: AccountId,
	/// The program.
	pub program: H256,
	/// Commitment to the input.
	pub commitment: H256,
	/// Exact length of the output.
	pub output_len: u32,
}

impl Request {
	/// Whether an order, or a receipt, of this account and for this input is for the request.
	pub fn is_of(&self, account: &AccountId, program: &H256, commitment: &H256) -> bool {
		(&self.account, &self.program, &self.commitment) == (account, program, commitment)
	}
}

/// What was done about it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
	/// The signed transaction that posts the order, SCALE-encoded, in hex.
	signed: String,
	/// The order's number, once the transaction was seen in a block.
	pub order: Option<OrderId>,
	/// The block in which it was seen: number and hash.
	pub posted_in: Option<(u32, H256)>,
	/// Whether it was seen to be settled for good: it is paid.
	#[serde(default)]
	pub settled: bool,
	/// Rows and columns of the result, if it is a matrix.
	pub shape: Option<(usize, usize)>,
	/// What was ordered, for people.
	pub what: String,
}

/// The records of one chain.
#[derive(Debug, Clone)]
pub struct Ledger {
	folder: PathBuf,
}

/// The records while no other command changes them: until it is dropped.
#[derive(Debug)]
pub struct Locked<'a> {
	ledger: &'a Ledger,
	_file: File,
}

impl Record {
	/// A record of a transaction that is about to be sent.
	pub fn new(signed: &SignedBytes, shape: Option<(usize, usize)>, what: &str) -> Self {
		Self {
			signed: hex::encode(signed.encode()),
			order: None,
			posted_in: None,
			settled: false,
			shape,
			what: what.into(),
		}
	}

	/// The signed transaction.
	pub fn signed(&self) -> Option<SignedBytes> {
		SignedBytes::decode(&mut hex::decode(&self.signed).ok()?.as_slice()).ok()
	}

	/// Notes where the transaction was included and which order it posted.
	pub fn posted(&mut self, inclusion: Inclusion, order: OrderId) {
		self.order = Some(order);
		self.posted_in = Some((inclusion.block.number, inclusion.block.hash));
	}

	/// Whether the block in which the order was seen is on the node's chain.
	pub async fn is_on(&self, client: &Client) -> Outcome<bool> {
		Ok(match self.posted_in {
			Some((number, hash)) => client.block_hash(number).await? == Some(hash),
			None => false,
		})
	}
}

impl Ledger {
	/// The records of the chain with this genesis hash.
	pub fn open(genesis: H256) -> Self {
		Self::in_folder(&data_folder(), genesis)
	}

	fn in_folder(data: &Path, genesis: H256) -> Self {
		Self {
			folder: data
				.join("orders")
				.join(hex::encode(&genesis.as_bytes()[..8])),
		}
	}

	fn path(&self, request: &Request) -> PathBuf {
		let name = hex::encode(&blake2_256(&request.encode()).as_bytes()[..16]);
		self.folder.join(format!("{name}.json"))
	}

	/// The record of a request. An unreadable one counts as none: it cannot be acted upon.
	pub fn find(&self, request: &Request) -> Option<Record> {
		serde_json::from_slice(&fs::read(self.path(request)).ok()?).ok()
	}

	/// The records of orders with this number: of one on each of the chains that have this genesis.
	pub fn of_order(&self, order: OrderId) -> Vec<Record> {
		let Ok(entries) = fs::read_dir(&self.folder) else {
			return Vec::new();
		};
		entries
			.flatten()
			.map(|entry| entry.path())
			.filter(|path| {
				path.extension()
					.is_some_and(|extension| extension == "json")
			})
			.filter_map(|path| serde_json::from_slice::<Record>(&fs::read(path).ok()?).ok())
			.filter(|record| record.order == Some(order))
			.collect()
	}

	/// Waits until no other command changes the records. Not to be held for long: only to look, write and send.
	pub async fn lock(&self) -> Outcome<Locked<'_>> {
		loop {
			if let Some(locked) = self.try_lock()? {
				return Ok(locked);
			}
			tokio::time::sleep(POLL).await;
		}
	}

	/// The lock, unless another command has it.
	fn try_lock(&self) -> Outcome<Option<Locked<'_>>> {
		fs::create_dir_all(&self.folder).map_err(|e| file_failure(&self.folder, "made", &e))?;
		let path = self.folder.join("lock");
		let file = File::options()
			.create(true)
			.truncate(false)
			.write(true)
			.open(&path)
			.map_err(|e| file_failure(&path, "opened", &e))?;
		match file.try_lock() {
			Ok(()) => Ok(Some(Locked {
				ledger: self,
				_file: file,
			})),
			Err(TryLockError::WouldBlock) => Ok(None),
			Err(TryLockError::Error(e)) => Err(file_failure(&path, "locked", &e)),
		}
	}
}

impl Locked<'_> {
	/// Writes a record, whole or not at all, and syncs it.
	pub fn save(&self, request: &Request, record: &Record) -> Outcome<()> {
		let path = self.ledger.path(request);
		write_atomically(&path, |file| {
			serde_json::to_writer_pretty(&mut *file, record)?;
			file.write_all(b"\n")
		})
		.map_err(|e| file_failure(&path, "written", &e))
	}

	/// The same for what has become known of a transaction, unless another has taken its place in the ledger.
	pub fn update(&self, request: &Request, record: &Record) -> Outcome<()> {
		match self.ledger.find(request) {
			Some(found) if found.signed != record.signed => Ok(()),
			_ => self.save(request, record),
		}
	}

	/// Sets the record of a request aside, where nothing looks for it any more: it is of another chain.
	pub fn set_aside(&self, request: &Request, record: &Record) -> Outcome<()> {
		let path = self.ledger.path(request);
		match self.ledger.find(request) {
			Some(found) if found.signed == record.signed => {
				fs::rename(&path, path.with_extension("old"))
					.map_err(|e| file_failure(&path, "renamed", &e))
			}
			_ => Ok(()),
		}
	}

	/// Removes this record of a request, but no other.
	pub fn forget(&self, request: &Request, record: &Record) {
		self.forget_if(request, |found| found.signed == record.signed);
	}

	/// Notes that the order of a request is settled for good.
	pub fn settled(&self, request: &Request, order: OrderId) -> Outcome<()> {
		match self.ledger.find(request) {
			Some(mut found) if found.order == Some(order) && !found.settled => {
				found.settled = true;
				self.save(request, &found)
			}
			_ => Ok(()),
		}
	}

	/// Removes the record of a request if it is of this order.
	pub fn forget_order(&self, request: &Request, order: OrderId) {
		self.forget_if(request, |found| found.order == Some(order));
	}

	fn forget_if(&self, request: &Request, is_meant: impl FnOnce(&Record) -> bool) {
		if self
			.ledger
			.find(request)
			.is_some_and(|found| is_meant(&found))
		{
			// What cannot be removed is found stale again.
			let _ = fs::remove_file(self.ledger.path(request));
		}
	}
}

#[cfg(test)]
mod tests {
	use lemma_client::BlockRef;

	use super::*;

	fn request(length: u32) -> Request {
		Request {
			account: AccountId::new([1; 32]),
			program: H256::repeat_byte(2),
			commitment: H256::repeat_byte(3),
			output_len: length,
		}
	}

	fn signed() -> SignedBytes {
		SignedBytes {
			bytes: vec![1, 2, 3],
			hash: blake2_256(&[1, 2, 3]),
			nonce: 7,
			signed_at: BlockRef {
				number: 5,
				hash: H256::repeat_byte(9),
			},
			expires_at: Some(69),
		}
	}

	fn locked(ledger: &Ledger) -> Locked<'_> {
		let locked = ledger.try_lock().expect("the folder can be written");
		locked.expect("nobody else has the lock")
	}

	#[test]
	fn a_record_should_be_found_again_by_its_request_and_its_order_alone() {
		let folder = tempfile::tempdir().expect("a folder");
		let ledger = Ledger::in_folder(folder.path(), H256::repeat_byte(4));
		assert!(ledger.find(&request(4)).is_none());
		let mut record = Record::new(&signed(), Some((2, 3)), "2x2x3");
		locked(&ledger).save(&request(4), &record).expect("saved");
		let found = ledger.find(&request(4)).expect("there");
		assert_eq!(found.signed(), Some(signed()));
		assert_eq!((found.order, found.shape), (None, Some((2, 3))));
		assert!(ledger.find(&request(8)).is_none(), "another request");

		let block = BlockRef {
			number: 6,
			hash: H256::repeat_byte(8),
		};
		record.posted(Inclusion { block, index: 1 }, 12);
		locked(&ledger).update(&request(4), &record).expect("saved");
		assert_eq!(ledger.of_order(12).len(), 1);
		assert!(ledger.of_order(13).is_empty());
		let other = Ledger::in_folder(folder.path(), H256::repeat_byte(5));
		assert!(other.find(&request(4)).is_none(), "another chain");

		locked(&ledger).forget_order(&request(4), 13);
		assert!(ledger.find(&request(4)).is_some(), "it is of another order");
		locked(&ledger).forget_order(&request(4), 12);
		assert!(ledger.find(&request(4)).is_none());
	}

	#[test]
	fn an_order_should_be_for_a_request_only_if_account_program_and_input_are_the_same() {
		let (account, program, commitment) = (
			AccountId::new([1; 32]),
			H256::repeat_byte(2),
			H256::repeat_byte(3),
		);
		let request = request(4);
		assert!(request.is_of(&account, &program, &commitment));
		assert!(!request.is_of(&AccountId::new([9; 32]), &program, &commitment));
		assert!(!request.is_of(&account, &commitment, &commitment));
		assert!(!request.is_of(&account, &program, &program));
	}

	#[test]
	fn a_record_should_be_changed_only_by_those_who_mean_its_transaction() {
		let folder = tempfile::tempdir().expect("a folder");
		let ledger = Ledger::in_folder(folder.path(), H256::repeat_byte(4));
		let mut own = Record::new(&signed(), None, "own");
		let others = SignedBytes {
			bytes: vec![4],
			hash: blake2_256(&[4]),
			..signed()
		};
		let other = Record::new(&others, None, "another command's");
		let locked = locked(&ledger);
		locked.save(&request(4), &own).expect("saved");
		locked.save(&request(4), &other).expect("saved");
		own.order = Some(3);
		locked.update(&request(4), &own).expect("left alone");
		locked.set_aside(&request(4), &own).expect("left alone");
		locked.forget(&request(4), &own);
		let found = ledger.find(&request(4)).expect("there");
		assert_eq!((found.signed(), found.order), (Some(others), None));
		locked.forget(&request(4), &other);
		assert!(ledger.find(&request(4)).is_none());
	}

	#[test]
	fn an_order_should_be_noted_as_settled_and_records_without_the_note_be_read() {
		let folder = tempfile::tempdir().expect("a folder");
		let ledger = Ledger::in_folder(folder.path(), H256::repeat_byte(4));
		let mut record = Record::new(&signed(), None, "");
		record.order = Some(3);
		let locked = locked(&ledger);
		locked.save(&request(4), &record).expect("saved");
		locked.settled(&request(4), 2).expect("another order");
		assert!(!ledger.find(&request(4)).expect("there").settled);
		locked.settled(&request(4), 3).expect("saved");
		assert!(ledger.find(&request(4)).expect("there").settled);

		let path = ledger.path(&request(4));
		let text = fs::read_to_string(&path).expect("readable");
		let before = text.replace("\"settled\": true,", "");
		assert_ne!(before, text);
		fs::write(&path, before).expect("written");
		assert!(!ledger.find(&request(4)).expect("there").settled);
	}

	#[test]
	fn only_one_command_at_a_time_should_have_the_lock() {
		let folder = tempfile::tempdir().expect("a folder");
		let ledger = Ledger::in_folder(folder.path(), H256::repeat_byte(4));
		let held = locked(&ledger);
		let another = ledger.clone();
		assert!(another.try_lock().expect("tried").is_none());
		drop(held);
		assert!(another.try_lock().expect("tried").is_some());
	}

	#[test]
	fn a_record_should_not_be_found_when_it_was_set_aside() {
		let folder = tempfile::tempdir().expect("a folder");
		let ledger = Ledger::in_folder(folder.path(), H256::repeat_byte(4));
		for order in [3, 4] {
			let mut record = Record::new(&signed(), None, "");
			record.order = Some(order);
			let locked = locked(&ledger);
			locked.save(&request(4), &record).expect("saved");
			locked.set_aside(&request(4), &record).expect("set aside");
			assert!(ledger.find(&request(4)).is_none());
			assert!(ledger.of_order(order).is_empty());
		}
		assert_eq!(
			fs::read_dir(&ledger.folder).expect("a folder").count(),
			2,
			"the last one is kept, and the lock"
		);
	}

	#[test]
	fn a_damaged_record_should_count_as_none() {
		let folder = tempfile::tempdir().expect("a folder");
		let ledger = Ledger::in_folder(folder.path(), H256::repeat_byte(4));
		locked(&ledger)
			.save(&request(4), &Record::new(&signed(), None, ""))
			.expect("saved");
		fs::write(ledger.path(&request(4)), b"{").expect("written");
		assert!(ledger.find(&request(4)).is_none());
	}
}
