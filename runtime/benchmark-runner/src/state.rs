//! The state that benchmarks run on: a trie in memory that counts which keys are read and written, and goes
//! back to genesis when asked.

use std::{
	cell::RefCell,
	collections::{HashMap, HashSet},
	fmt,
	rc::Rc,
	sync::{Arc, RwLock},
};

use sp_core::{
	storage::{ChildInfo, StateVersion, Storage, TrackedStorageKey},
	H256,
};
use sp_runtime::traits::BlakeTwo256;
use sp_state_machine::{
	backend::{Backend, IterArgs, StorageIterator},
	BackendTransaction, ChildStorageCollection, DBValue, StateMachineStats, StorageCollection,
	StorageKey, StorageValue, TrieBackend, TrieBackendBuilder, TrieBackendStorage, UsageInfo,
};
use sp_trie::{
	cache::{CacheSize, SharedTrieCache},
	prefixed_key, MerkleValue, PrefixedMemoryDB,
};

type Error = String;
type Trie = TrieBackend<Nodes, BlakeTwo256>;

/// Nodes of the trie: those of genesis, and those that were written since.
#[derive(Clone, Default)]
pub struct Nodes {
	genesis: Arc<HashMap<Vec<u8>, DBValue>>,
	written: Arc<RwLock<HashMap<Vec<u8>, DBValue>>>,
}

impl Nodes {
	fn of_genesis(mut nodes: PrefixedMemoryDB<BlakeTwo256>) -> Self {
		let genesis = nodes
			.drain()
			.into_iter()
			.map(|(key, (node, _))| (key, node));
		Self {
			genesis: Arc::new(genesis.collect()),
			written: Arc::default(),
		}
	}

	/// Nodes that are no longer referred to stay until the next wipe.
	fn write(&self, mut transaction: BackendTransaction<BlakeTwo256>) {
		let mut written = self.written.write().expect("no writer has panicked");
		for (key, (node, references)) in transaction.drain() {
			if references > 0 {
				written.insert(key, node);
			}
		}
	}

	fn wipe(&self) {
		self.written
			.write()
			.expect("no writer has panicked")
			.clear();
	}
}

impl TrieBackendStorage<BlakeTwo256> for Nodes {
	fn get(&self, key: &H256, prefix: (&[u8], Option<u8>)) -> Result<Option<DBValue>, Error> {
		let key = prefixed_key::<BlakeTwo256>(key, prefix);
		let written = self.written.read().expect("no writer has panicked");
		Ok(written
			.get(&key)
			.or_else(|| self.genesis.get(&key))
			.cloned())
	}
}

/// A key of a child trie, or of the main one.
type Key = (Option<Vec<u8>>, Vec<u8>);

/// Which keys were read and written, and how often.
#[derive(Default)]
struct Accesses {
	counted: bool,
	whitelist: Vec<TrackedStorageKey>,
	read: HashMap<Key, u32>,
	written: HashMap<Key, u32>,
}

impl Accesses {
	fn note_read(&mut self, child: Option<&[u8]>, key: &[u8]) {
		if self.counted {
			let key = (child.map(<[u8]>::to_vec), key.to_vec());
			*self.read.entry(key).or_default() += 1;
		}
	}

	fn note_write(&mut self, child: Option<&[u8]>, key: &[u8]) {
		if self.counted {
			let key = (child.map(<[u8]>::to_vec), key.to_vec());
			*self.written.entry(key).or_default() += 1;
		}
	}

	fn reset(&mut self) {
		self.read.clear();
		self.written.clear();
	}

	fn whitelisted(&self) -> HashSet<Key> {
		self.whitelist
			.iter()
			.map(|tracked| (tracked.child_trie_key.clone(), tracked.key.clone()))
			.collect()
	}
}

/// Keys, and accesses beyond the first of each.
fn count(accesses: &HashMap<Key, u32>, whitelisted: &HashSet<Key>) -> (u32, u32) {
	accesses
		.iter()
		.filter(|(key, _)| !whitelisted.contains(*key))
		.fold((0, 0), |(keys, repeats), (_, times)| {
			(keys + 1, repeats + times - 1)
		})
}

/// See the module.
pub struct State {
	nodes: Nodes,
	genesis: H256,
	trie: RefCell<Trie>,
	// Its own and not shared, so that nothing is remembered from one run to the next.
	cache: SharedTrieCache<BlakeTwo256>,
	accesses: Rc<RefCell<Accesses>>,
}

impl State {
	/// The state of a genesis.
	pub fn new(genesis: Storage) -> Self {
		let trie = TrieBackend::<PrefixedMemoryDB<BlakeTwo256>, BlakeTwo256>::from((
			genesis,
			StateVersion::V1,
		));
		let root = *trie.root();
		let nodes = Nodes::of_genesis(trie.into_storage());
		let cache = SharedTrieCache::new(CacheSize::new(0), None);
		Self {
			trie: RefCell::new(open(&nodes, root, &cache)),
			genesis: root,
			nodes,
			cache,
			accesses: Rc::default(),
		}
	}

	/// Whether to count from now on. Counting takes time, which is not to be measured.
	pub fn count_accesses(&self, counted: bool) {
		self.accesses.borrow_mut().counted = counted;
	}

	fn reopen(&self, root: H256) {
		*self.trie.borrow_mut() = open(&self.nodes, root, &self.cache);
	}

	fn note_read(&self, key: &[u8]) {
		self.accesses.borrow_mut().note_read(None, key);
	}

	fn note_child_read(&self, child: &ChildInfo, key: &[u8]) {
		self.accesses
			.borrow_mut()
			.note_read(Some(child.storage_key()), key);
	}
}

fn open(nodes: &Nodes, root: H256, cache: &SharedTrieCache<BlakeTwo256>) -> Trie {
	TrieBackendBuilder::new(nodes.clone(), root)
		.with_cache(cache.local_cache_trusted())
		.build()
}

impl fmt::Debug for State {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str("State")
	}
}

/// Iterates over keys, counting them.
pub struct Keys {
	inner: <Trie as Backend<BlakeTwo256>>::RawIter,
	child: Option<Vec<u8>>,
	accesses: Rc<RefCell<Accesses>>,
}

impl StorageIterator<BlakeTwo256> for Keys {
	type Backend = State;
	type Error = Error;

	fn next_key(&mut self, state: &State) -> Option<Result<StorageKey, Error>> {
		let next = self.inner.next_key(&state.trie.borrow());
		if let Some(Ok(key)) = &next {
			self.accesses
				.borrow_mut()
				.note_read(self.child.as_deref(), key);
		}
		next
	}

	fn next_pair(&mut self, state: &State) -> Option<Result<(StorageKey, StorageValue), Error>> {
		let next = self.inner.next_pair(&state.trie.borrow());
		if let Some(Ok((key, _))) = &next {
			self.accesses
				.borrow_mut()
				.note_read(self.child.as_deref(), key);
		}
		next
	}

	fn was_complete(&self) -> bool {
		self.inner.was_complete()
	}
}

impl Backend<BlakeTwo256> for State {
	type Error = Error;
	type TrieBackendStorage = Nodes;
	type RawIter = Keys;

	fn storage(&self, key: &[u8]) -> Result<Option<StorageValue>, Error> {
		self.note_read(key);
		self.trie.borrow().storage(key)
	}

	fn storage_hash(&self, key: &[u8]) -> Result<Option<H256>, Error> {
		self.note_read(key);
		self.trie.borrow().storage_hash(key)
	}

	fn closest_merkle_value(&self, key: &[u8]) -> Result<Option<MerkleValue<H256>>, Error> {
		self.note_read(key);
		self.trie.borrow().closest_merkle_value(key)
	}

	fn child_closest_merkle_value(
		&self,
		child: &ChildInfo,
		key: &[u8],
	) -> Result<Option<MerkleValue<H256>>, Error> {
		self.note_child_read(child, key);
		self.trie.borrow().child_closest_merkle_value(child, key)
	}

	fn child_storage(&self, child: &ChildInfo, key: &[u8]) -> Result<Option<StorageValue>, Error> {
		self.note_child_read(child, key);
		self.trie.borrow().child_storage(child, key)
	}

	fn child_storage_hash(&self, child: &ChildInfo, key: &[u8]) -> Result<Option<H256>, Error> {
		self.note_child_read(child, key);
		self.trie.borrow().child_storage_hash(child, key)
	}

	fn next_storage_key(&self, key: &[u8]) -> Result<Option<StorageKey>, Error> {
		self.note_read(key);
		self.trie.borrow().next_storage_key(key)
	}

	fn next_child_storage_key(
		&self,
		child: &ChildInfo,
		key: &[u8],
	) -> Result<Option<StorageKey>, Error> {
		self.note_child_read(child, key);
		self.trie.borrow().next_child_storage_key(child, key)
	}

	fn storage_root<'a>(
		&self,
		delta: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
		version: StateVersion,
	) -> (H256, BackendTransaction<BlakeTwo256>) {
		self.trie.borrow().storage_root(delta, version)
	}

	fn child_storage_root<'a>(
		&self,
		child: &ChildInfo,
		delta: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
		version: StateVersion,
	) -> (H256, bool, BackendTransaction<BlakeTwo256>) {
		self.trie.borrow().child_storage_root(child, delta, version)
	}

	fn raw_iter(&self, args: IterArgs) -> Result<Keys, Error> {
		let child = args
			.child_info
			.as_ref()
			.map(|child| child.storage_key().to_vec());
		Ok(Keys {
			inner: self.trie.borrow().raw_iter(args)?,
			child,
			accesses: self.accesses.clone(),
		})
	}

	fn register_overlay_stats(&self, stats: &StateMachineStats) {
		self.trie.borrow().register_overlay_stats(stats)
	}

	fn usage_info(&self) -> UsageInfo {
		self.trie.borrow().usage_info()
	}

	fn wipe(&self) -> Result<(), Error> {
		self.nodes.wipe();
		self.reopen(self.genesis);
		self.accesses.borrow_mut().reset();
		Ok(())
	}

	fn commit(
		&self,
		root: H256,
		transaction: BackendTransaction<BlakeTwo256>,
		changes: StorageCollection,
		child_changes: ChildStorageCollection,
	) -> Result<(), Error> {
		self.nodes.write(transaction);
		let mut accesses = self.accesses.borrow_mut();
		for (key, _) in &changes {
			accesses.note_write(None, key);
		}
		for (child, changes) in &child_changes {
			for (key, _) in changes {
				accesses.note_write(Some(child.as_slice()), key);
			}
		}
		drop(accesses);
		self.reopen(root);
		Ok(())
	}

	fn read_write_count(&self) -> (u32, u32, u32, u32) {
		let accesses = self.accesses.borrow();
		let whitelisted = accesses.whitelisted();
		let (reads, repeated_reads) = count(&accesses.read, &whitelisted);
		let (writes, repeated_writes) = count(&accesses.written, &whitelisted);
		(reads, repeated_reads, writes, repeated_writes)
	}

	fn reset_read_write_count(&self) {
		self.accesses.borrow_mut().reset();
	}

	fn get_whitelist(&self) -> Vec<TrackedStorageKey> {
		self.accesses.borrow().whitelist.clone()
	}

	fn set_whitelist(&self, whitelist: Vec<TrackedStorageKey>) {
		self.accesses.borrow_mut().whitelist = whitelist;
	}

	fn proof_size(&self) -> Option<u32> {
		None
	}

	fn get_read_and_written_keys(&self) -> Vec<(Vec<u8>, u32, u32, bool)> {
		Vec::new()
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn genesis() -> Storage {
		Storage {
			top: [
				(b"a".to_vec(), b"1".to_vec()),
				(b"b".to_vec(), b"2".to_vec()),
			]
			.into(),
			..Default::default()
		}
	}

	/// Writes a value as a runtime does.
	fn put(state: &State, key: &[u8], value: &[u8]) {
		let change = [(key, Some(value))];
		let (root, transaction) = state.storage_root(change.into_iter(), StateVersion::V1);
		let changes = vec![(key.to_vec(), Some(value.to_vec()))];
		state
			.commit(root, transaction, changes, Vec::new())
			.expect("it is memory");
	}

	#[test]
	fn state_should_hold_what_was_written_until_it_is_wiped() {
		let state = State::new(genesis());
		put(&state, b"a", b"3");
		put(&state, b"c", b"4");
		assert_eq!(state.storage(b"a"), Ok(Some(b"3".to_vec())));
		assert_eq!(state.storage(b"b"), Ok(Some(b"2".to_vec())));
		assert_eq!(state.storage(b"c"), Ok(Some(b"4".to_vec())));

		state.wipe().expect("it is memory");
		assert_eq!(state.storage(b"a"), Ok(Some(b"1".to_vec())));
		assert_eq!(state.storage(b"c"), Ok(None));
	}

	#[test]
	fn accesses_should_be_counted_by_key_without_the_whitelist() {
		let state = State::new(genesis());
		state.count_accesses(true);
		state.set_whitelist(vec![b"b".to_vec().into()]);
		for key in [b"a", b"a", b"b", b"c"] {
			state.storage(key).expect("it is memory");
		}
		put(&state, b"a", b"3");
		put(&state, b"b", b"3");
		assert_eq!(state.read_write_count(), (2, 1, 1, 0));

		state.reset_read_write_count();
		assert_eq!(state.read_write_count(), (0, 0, 0, 0));
		state.next_storage_key(b"a").expect("it is memory");
		assert_eq!(state.read_write_count(), (1, 0, 0, 0));
	}

	#[test]
	fn accesses_should_not_be_counted_while_time_is_measured() {
		let state = State::new(genesis());
		state.storage(b"a").expect("it is memory");
		put(&state, b"a", b"3");
		assert_eq!(state.read_write_count(), (0, 0, 0, 0));
	}
}
