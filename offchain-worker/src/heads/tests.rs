use std::{
	collections::BTreeSet,
	sync::{Mutex, MutexGuard},
};

use async_trait::async_trait;
use lemma_client::{AccountId, Balance, BlockNumber, Order, OrderId, Provider};

use super::*;
use crate::{
	chain::{Action, Chain, Inclusion, Page, Sent, Sight},
	config::Settings,
	fuse::Fuse,
	journal::{disk::Disk, Hash, Journal, Signed},
	metrics::Metrics,
	selection::Served,
	status::Status,
	workshop::{Finished, PrepareError, Prepared, Task, Workshop},
};

const GENESIS: Hash = [9; 32];
const OURS: u8 = 1;

/// What a node has.
#[derive(Clone, Copy)]
struct Blocks {
	genesis: Hash,
	/// Tells its blocks from those of another chain.
	chain: u8,
	finalized: BlockNumber,
	/// First block whose hash it knows, but for genesis.
	first: BlockNumber,
}

impl Blocks {
	fn at(&self, number: BlockNumber) -> Block {
		let mut hash = [self.chain; 32];
		hash[..4].copy_from_slice(&number.to_le_bytes());
		Block { number, hash }
	}

	fn heads(&self) -> Heads {
		Heads {
			best: self.at(self.finalized + 2),
			finalized: self.at(self.finalized),
		}
	}
}

/// An address at which a node always answers, and not always the same one.
struct Address(Mutex<Blocks>);

impl Address {
	fn node(&self) -> MutexGuard<'_, Blocks> {
		self.0.lock().unwrap()
	}
}

fn unasked<T>() -> Result<T, ChainError> {
	Err(ChainError::Refused("it is not asked here".to_owned()))
}

#[async_trait]
impl Chain for Address {
	fn genesis(&self) -> Hash {
		GENESIS
	}

	fn account(&self) -> AccountId {
		AccountId::new([1; 32])
	}

	async fn heads(&self) -> Result<Heads, ChainError> {
		Ok(self.node().heads())
	}

	async fn hash_of(&self, number: BlockNumber) -> Result<Option<Hash>, ChainError> {
		let node = self.node();
		let known = node.first..=node.finalized + 2;
		Ok(match number {
			0 => Some(node.genesis),
			number => known.contains(&number).then(|| node.at(number).hash),
		})
	}

	async fn block_time(&self) -> Result<Duration, ChainError> {
		Ok(Duration::from_secs(6))
	}

	async fn is_syncing(&self) -> Result<bool, ChainError> {
		unasked()
	}

	async fn orders(&self, _: Block, _: OrderId) -> Result<Page, ChainError> {
		unasked()
	}

	async fn price(&self, _: Block, _: OrderId) -> Result<Option<Balance>, ChainError> {
		unasked()
	}

	async fn sight(&self, _: Block, _: OrderId) -> Result<Sight, ChainError> {
		unasked()
	}

	async fn provider(&self, _: Block) -> Result<Option<(AccountId, Provider)>, ChainError> {
		unasked()
	}

	async fn spendable(&self, _: Block) -> Result<Balance, ChainError> {
		unasked()
	}

	async fn nonce(&self, _: Block) -> Result<u32, ChainError> {
		unasked()
	}

	async fn pool_nonce(&self) -> Result<u32, ChainError> {
		unasked()
	}

	async fn sign(&self, _: Action, _: u32, _: Balance) -> Result<(Signed, Vec<u8>), ChainError> {
		unasked()
	}

	async fn send(&self, _: &[u8]) -> Result<Sent, ChainError> {
		unasked()
	}

	async fn find(
		&self,
		_: &[Hash],
		_: BlockNumber,
		_: BlockNumber,
	) -> Result<Option<Inclusion>, ChainError> {
		unasked()
	}
}

/// Nobody works here.
struct Nobody;

#[async_trait]
impl Workshop for Nobody {
	async fn prepare(&self, _: &Order, _: bool) -> Result<Arc<Prepared>, PrepareError> {
		Err(PrepareError::Later("nobody works here".to_owned()))
	}

	async fn produce(&self, _: Arc<Prepared>, _: Task) -> Result<Finished, String> {
		Err("nobody works here".to_owned())
	}

	fn warm(&self, _: &Prepared) {}

	fn estimate_seconds(&self, _: &Prepared) -> f64 {
		1.0
	}

	fn forget(&self, _: &Hash) {}

	fn drop_inputs(&self, _: &BTreeSet<Hash>, _: u64) {}
}

/// A watcher that has seen ten finalized blocks, and the address that it looks at.
async fn watcher() -> (Watcher, Arc<Address>) {
	let address = Arc::new(Address(Mutex::new(Blocks {
		genesis: GENESIS,
		chain: OURS,
		finalized: 10,
		first: 1,
	})));
	let settings = Settings {
		key: Some("//Alice".to_owned()),
		..Settings::default()
	};
	let context = Context::new(
		address.clone(),
		Arc::new(Journal::on(&Disk::default(), Fuse::default()).unwrap()),
		Arc::new(Nobody),
		Status::new(Metrics::new()),
		settings.validate().unwrap().rules,
		Served::default(),
		Duration::ZERO,
	);
	let mut watcher = Watcher {
		context: Arc::new(context),
		data_dir: "the folder".to_owned(),
		checked: false,
		behind: false,
		last: None,
		noted: None,
	};
	assert_published(&mut watcher, &address).await;
	(watcher, address)
}

async fn assert_published(watcher: &mut Watcher, address: &Address) {
	let heads = address.node().heads();
	let looked = watcher.look().await;
	assert!(looked.is_ok_and(|found| found == Some(heads)));
}

/// That nothing of the node was written down since.
fn assert_not_noted(watcher: &Watcher) {
	let noted = watcher.context.journal.finalized().unwrap();
	assert!(noted.is_some_and(|(number, hash)| number == 10 && hash[4] == OURS));
}

#[tokio::test]
async fn another_chain_should_be_found_out_before_its_heads_are_published_when_no_request_failed() {
	for finalized in [10, 11, 1_000] {
		let (mut watcher, address) = watcher().await;
		{
			let mut node = address.node();
			node.chain = OURS + 1;
			node.finalized = finalized;
		}
		let looked = watcher.look().await;
		assert!(
			matches!(
				looked,
				Err(HeadsError::Fatal(Fatal::OtherHistory { number: 10, .. }))
			),
			"with {finalized} blocks"
		);
		assert_not_noted(&watcher);
	}
	let (mut watcher, address) = watcher().await;
	{
		let mut node = address.node();
		node.genesis = [8; 32];
		node.chain = OURS + 1;
		node.finalized = 11;
	}
	let looked = watcher.look().await;
	assert!(matches!(
		looked,
		Err(HeadsError::Fatal(Fatal::OtherChain { .. }))
	));
	assert_not_noted(&watcher);
}

#[tokio::test]
async fn heads_should_be_published_when_the_node_was_wiped_and_has_not_fetched_old_blocks_yet() {
	let (mut watcher, address) = watcher().await;
	{
		let mut node = address.node();
		node.finalized = 30;
		node.first = 11;
	}
	assert_published(&mut watcher, &address).await;
}

#[tokio::test]
async fn heads_should_be_published_when_the_node_is_another_of_the_same_chain() {
	let (mut watcher, address) = watcher().await;
	for finalized in [10, 11, 25] {
		address.node().finalized = finalized;
		assert_published(&mut watcher, &address).await;
	}
	// It is behind what was seen.
	address.node().finalized = 24;
	assert!(watcher.look().await.is_ok_and(|heads| heads.is_none()));
	address.node().finalized = 26;
	assert_published(&mut watcher, &address).await;
}
