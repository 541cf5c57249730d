//! What a runtime that is built with `runtime-benchmarks` asks of its host, beside what every runtime asks:
//! the functions that `frame-benchmarking` declares, by the same names.

// Beside the host's side of each, the macro makes what a runtime calls it by.
#![allow(dead_code)]

use std::{sync::OnceLock, time::Instant};

use sp_core::storage::TrackedStorageKey;
use sp_runtime_interface::{
	pass_by::{
		AllocateAndReturnByCodec, AllocateAndReturnPointer, PassFatPointerAndDecode,
		PassFatPointerAndRead,
	},
	runtime_interface,
};

/// The clock, the database and its book of reads and writes.
#[runtime_interface]
pub trait Benchmarking {
	/// Nanoseconds since some moment, as little-endian u128.
	fn current_time() -> AllocateAndReturnPointer<[u8; 16], 16> {
		static START: OnceLock<Instant> = OnceLock::new();
		START
			.get_or_init(Instant::now)
			.elapsed()
			.as_nanos()
			.to_le_bytes()
	}

	/// Goes back to the state of genesis.
	fn wipe_db(&mut self) {
		self.wipe()
	}

	/// Writes what has changed to the database, so that reading it is reading the database.
	fn commit_db(&mut self) {
		self.commit()
	}

	/// Keys read, further reads of them, keys written, further writes of them.
	fn read_write_count(&self) -> AllocateAndReturnByCodec<(u32, u32, u32, u32)> {
		self.read_write_count()
	}

	/// Begins a new count.
	fn reset_read_write_count(&mut self) {
		self.reset_read_write_count()
	}

	/// Keys that are not counted.
	fn get_whitelist(&self) -> AllocateAndReturnByCodec<Vec<TrackedStorageKey>> {
		self.get_whitelist()
	}

	/// Sets the keys that are not counted.
	fn set_whitelist(&mut self, new: PassFatPointerAndDecode<Vec<TrackedStorageKey>>) {
		self.set_whitelist(new)
	}

	/// Adds a key that is not counted.
	fn add_to_whitelist(&mut self, add: PassFatPointerAndDecode<TrackedStorageKey>) {
		let mut whitelist = self.get_whitelist();
		whitelist.push(add);
		self.set_whitelist(whitelist);
	}

	/// Counts a key again.
	fn remove_from_whitelist(&mut self, remove: PassFatPointerAndRead<Vec<u8>>) {
		let mut whitelist = self.get_whitelist();
		whitelist.retain(|tracked| tracked.key != remove);
		self.set_whitelist(whitelist);
	}

	/// For storage proofs, which this chain does not pay for.
	fn get_read_and_written_keys(
		&self,
	) -> AllocateAndReturnByCodec<Vec<(Vec<u8>, u32, u32, bool)>> {
		self.get_read_and_written_keys()
	}

	/// For storage proofs, which this chain does not pay for.
	fn proof_size(&self) -> AllocateAndReturnByCodec<Option<u32>> {
		self.proof_size()
	}
}
