//! A disk in memory, for tests: it can be full, and its power can be cut, which loses what was not synced.

use std::{
	io,
	sync::{Arc, Mutex, MutexGuard},
};

use redb::{Database, StorageBackend};

use super::Opener;

/// ENOSPC.
const NO_SPACE: i32 = 28;

/// A disk with one file, the journal's. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<Platter>>);

#[derive(Debug, Default)]
struct Platter {
	/// What a process reads.
	bytes: Vec<u8>,
	/// What is sure to survive.
	synced: Vec<u8>,
	/// Writes since the last sync: where, and what.
	unsynced: Vec<(usize, Vec<u8>)>,
	full: bool,
	/// Operations that failed for want of space.
	refused: u32,
	/// How often the power was cut: a process of before can do nothing any more.
	cuts: u32,
}

impl Disk {
	fn lock(&self) -> MutexGuard<'_, Platter> {
		self.0.lock().unwrap()
	}

	/// How a process that begins now opens the journal.
	pub(super) fn opener(&self) -> Opener {
		let file = File {
			disk: self.clone(),
			cuts: self.lock().cuts,
		};
		Box::new(move || Database::builder().create_with_backend(file.clone()))
	}

	/// From now on nothing can be written, or again.
	pub fn fill(&self, full: bool) {
		self.lock().full = full;
	}

	/// How often something could not be written.
	pub fn refused(&self) -> u32 {
		self.lock().refused
	}

	/// Cuts the power. Of the writes since the last sync those survive that `survives` says.
	pub fn cut(&self, mut survives: impl FnMut() -> bool) {
		let mut platter = self.lock();
		platter.cuts += 1;
		let mut bytes = platter.synced.clone();
		bytes.resize(platter.bytes.len(), 0);
		for (offset, data) in std::mem::take(&mut platter.unsynced) {
			if survives() {
				put(&mut bytes, offset, &data);
			}
		}
		platter.synced.clone_from(&bytes);
		platter.bytes = bytes;
	}
}

fn put(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
	let end = offset + data.len();
	if bytes.len() < end {
		bytes.resize(end, 0);
	}
	bytes[offset..end].copy_from_slice(data);
}

/// The file as one process has it open.
#[derive(Clone, Debug)]
struct File {
	disk: Disk,
	cuts: u32,
}

impl File {
	fn powered(&self) -> io::Result<MutexGuard<'_, Platter>> {
		let platter = self.disk.lock();
		match platter.cuts == self.cuts {
			true => Ok(platter),
			false => Err(io::Error::other("this process is dead")),
		}
	}

	fn writable(&self) -> io::Result<MutexGuard<'_, Platter>> {
		let mut platter = self.powered()?;
		if platter.full {
			platter.refused += 1;
			return Err(io::Error::from_raw_os_error(NO_SPACE));
		}
		Ok(platter)
	}
}

fn position(number: u64) -> io::Result<usize> {
	usize::try_from(number).map_err(io::Error::other)
}

impl StorageBackend for File {
	fn len(&self) -> io::Result<u64> {
		Ok(self.powered()?.bytes.len() as u64)
	}

	fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
		let offset = position(offset)?;
		let platter = self.powered()?;
		let found = platter.bytes.get(offset..offset + out.len());
		out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
		Ok(())
	}

	fn set_len(&self, len: u64) -> io::Result<()> {
		self.writable()?.bytes.resize(position(len)?, 0);
		Ok(())
	}

	fn sync_data(&self) -> io::Result<()> {
		let mut platter = self.writable()?;
		let Platter {
			bytes,
			synced,
			unsynced,
			..
		} = &mut *platter;
		for (offset, data) in unsynced.drain(..) {
			put(synced, offset, &data);
		}
		synced.resize(bytes.len(), 0);
		Ok(())
	}

	fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
		let offset = position(offset)?;
		let mut platter = self.writable()?;
		put(&mut platter.bytes, offset, data);
		platter.unsynced.push((offset, data.to_vec()));
		Ok(())
	}
}
