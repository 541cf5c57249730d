//! What this user has ordered: so that an interrupted command goes on instead of ordering twice.
//!
//! One file for each thing asked for, under the user's data folder, by chain. The signed transaction is
//! written and synced before it is sent; whatever happens afterwards, running the same command again finds
//! the record, and follows or resends that very transaction. A development chain that is started anew has the
//! genesis of the one before it, and so the same folder: a record says in which block its order was.

use std::{
	fs,
	path::{Path, PathBuf},
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

/// What was done about it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
	/// The signed transaction that posts the order, SCALE-encoded, in hex.
	signed: String,
	/// The order's number, once the transaction was seen in a block.
	pub order: Option<OrderId>,
	/// The block in which it was seen: number and hash.
	pub posted_in: Option<(u32, H256)>,
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

impl Record {
	/// A record of a transaction that is about to be sent.
	pub fn new(signed: &SignedBytes, shape: Option<(usize, usize)>, what: &str) -> Self {
		Self {
			signed: hex::encode(signed.encode()),
			order: None,
			posted_in: None,
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

	/// Writes a record, whole or not at all, and syncs it.
	pub fn save(&self, request: &Request, record: &Record) -> Outcome<()> {
		let path = self.path(request);
		fs::create_dir_all(&self.folder).map_err(|e| file_failure(&self.folder, "made", &e))?;
		write_atomically(&path, |file| {
			serde_json::to_writer_pretty(&mut *file, record)?;
			file.write_all(b"\n")
		})
		.map_err(|e| file_failure(&path, "written", &e))
	}

	/// Sets the record of a request aside, where nothing looks for it any more: it is of another chain.
	pub fn set_aside(&self, request: &Request) -> Outcome<()> {
		let path = self.path(request);
		fs::rename(&path, path.with_extension("old"))
			.map_err(|e| file_failure(&path, "renamed", &e))
	}

	/// Removes the record of a request.
	pub fn forget(&self, request: &Request) {
		// What is not there need not be removed; what cannot be is found stale again.
		let _ = fs::remove_file(self.path(request));
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

	#[test]
	fn a_record_should_be_found_again_by_its_request_and_its_order_alone() {
		let folder = tempfile::tempdir().expect("a folder");
		let ledger = Ledger::in_folder(folder.path(), H256::repeat_byte(4));
		assert!(ledger.find(&request(4)).is_none());
		let mut record = Record::new(&signed(), Some((2, 3)), "2x2x3");
		ledger.save(&request(4), &record).expect("saved");
		let found = ledger.find(&request(4)).expect("there");
		assert_eq!(found.signed(), Some(signed()));
		assert_eq!((found.order, found.shape), (None, Some((2, 3))));
		assert!(ledger.find(&request(8)).is_none(), "another request");

		let block = BlockRef {
			number: 6,
			hash: H256::repeat_byte(8),
		};
		record.posted(Inclusion { block, index: 1 }, 12);
		ledger.save(&request(4), &record).expect("saved");
		assert_eq!(ledger.of_order(12).len(), 1);
		assert!(ledger.of_order(13).is_empty());
		let other = Ledger::in_folder(folder.path(), H256::repeat_byte(5));
		assert!(other.find(&request(4)).is_none(), "another chain");

		ledger.forget(&request(4));
		assert!(ledger.find(&request(4)).is_none());
	}

	#[test]
	fn a_record_should_not_be_found_when_it_was_set_aside() {
		let folder = tempfile::tempdir().expect("a folder");
		let ledger = Ledger::in_folder(folder.path(), H256::repeat_byte(4));
		for order in [3, 4] {
			let mut record = Record::new(&signed(), None, "");
			record.order = Some(order);
			ledger.save(&request(4), &record).expect("saved");
			ledger.set_aside(&request(4)).expect("set aside");
			assert!(ledger.find(&request(4)).is_none());
			assert!(ledger.of_order(order).is_empty());
		}
		assert_eq!(
			fs::read_dir(&ledger.folder).expect("a folder").count(),
			1,
			"the last one is kept"
		);
	}

	#[test]
	fn a_damaged_record_should_count_as_none() {
		let folder = tempfile::tempdir().expect("a folder");
		let ledger = Ledger::in_folder(folder.path(), H256::repeat_byte(4));
		ledger
			.save(&request(4), &Record::new(&signed(), None, ""))
			.expect("saved");
		fs::write(ledger.path(&request(4)), b"{").expect("written");
		assert!(ledger.find(&request(4)).is_none());
	}
}
