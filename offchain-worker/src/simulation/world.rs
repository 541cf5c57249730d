//! A chain in memory: blocks with states, a pool, finality that lags, forks, and a node that can be away.

use std::{
	collections::{BTreeMap, BTreeSet, HashMap},
	sync::{Arc, Mutex, MutexGuard},
	time::Duration,
};

use async_trait::async_trait;
use codec::{Decode, Encode};
use lemma_client::{
	AccountId, Balance, BlockNumber, Order, OrderId, OrderSpec, OrderStatus, Provider, Receipt,
	H256,
};
use lemma_primitives::{
	order::InputSource,
	provider::{Backend, Profile, TrackRecord},
};

use crate::{
	chain::{Action, Block, Chain, ChainError, Heads, Inclusion, Outcome, Page, Sent, Sight},
	journal::{Hash, Signed},
	tip::FILLER_SHARE,
};

pub const US: [u8; 32] = [1; 32];
pub const OTHER: [u8; 32] = [2; 32];
pub const REQUESTER: [u8; 32] = [3; 32];
pub const PROGRAM: Hash = [7; 32];
pub const OUTPUT: &[u8] = &[1, 0, 0, 0];
pub const PROOF: &[u8] = b"valid";
const LAG: usize = 2;

/// What a transaction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Kind {
	Claim,
	Submit,
	Fill,
}

/// A transaction as the simulated account signs it.
#[derive(Clone, Debug, Encode, Decode)]
struct Tx {
	kind: Kind,
	order: OrderId,
	output: Vec<u8>,
	proof: Vec<u8>,
	nonce: u32,
	tip: Balance,
	/// What a claim says of the order's terms.
	terms: Hash,
	dies_at: u32,
	/// Tells apart two signatures of one action.
	salt: u32,
}

#[derive(Clone, Debug)]
pub struct State {
	orders: BTreeMap<OrderId, Order>,
	receipts: BTreeMap<OrderId, Receipt>,
	nonce: u32,
	registered: bool,
	/// The provider for which our account acts.
	provider: [u8; 32],
	/// How often each order was settled; more than once is the bug that the tests look for.
	settlements: BTreeMap<OrderId, u32>,
	/// How many claims were missed.
	slashes: u32,
	/// Our bond, committed or not.
	bond: Balance,
	/// What was paid in tips, by nonce.
	tips: BTreeMap<u32, Balance>,
}

impl State {
	/// What our claims have committed of the bond.
	fn committed(&self) -> Balance {
		let us = AccountId::new(self.provider);
		let ours = |order: &&Order| matches!(&order.status, OrderStatus::Claimed { provider, .. } if *provider == us);
		self.orders
			.values()
			.filter(ours)
			.map(|order| order.collateral)
			.sum()
	}
}

#[derive(Clone, Debug)]
struct Mined {
	block: Block,
	state: State,
	included: Vec<(Hash, Option<String>)>,
	txs: Vec<Vec<u8>>,
}

#[derive(Debug)]
pub struct World {
	chain: Vec<Mined>,
	by_hash: HashMap<Hash, State>,
	finalized: usize,
	pool: Vec<Vec<u8>>,
	/// The bytes of all transactions that the node was ever given.
	bytes_given: HashMap<Hash, Vec<u8>>,
	/// Distinct transactions that the node was ever given, by what they do.
	pub given: BTreeSet<(OrderId, Kind, Hash)>,
	/// Order, nonce and tip of the submissions among them, as they came.
	tips_given: Vec<(OrderId, u32, Balance)>,
	/// Calls that failed in blocks of the best chain of their time.
	pub failures: Vec<String>,
	pub away: bool,
	/// The pool forgets what it is given.
	pub forgetful: bool,
	/// Transactions that the pool does not take, as one that were banned.
	pub banned: BTreeSet<Hash>,
	/// The pool takes no transaction at all, as one that were banned.
	pub bans_all: bool,
	/// The pool takes no transaction at the moment.
	pub refuses: bool,
	/// By how much the node's answer to our account's next nonce is too high.
	pub nonces_invented: u32,
	/// The node lost its blocks and has so many again.
	pub has: Option<usize>,
	/// Validators do not agree.
	pub finality_stands: bool,
	/// The node no longer keeps what transactions did.
	pub forgets_events: bool,
	/// What our account has for fees.
	pub spendable: Balance,
	/// Who posts orders from now on.
	pub requester: Hash,
	/// What a claim of an order that is posted from now on commits.
	pub collateral: Balance,
	/// Blocks are full of what others tip so much for: less comes into none.
	pub least_tip: Balance,
	/// So is the pool.
	pub pool_is_full: bool,
	/// Blocks for which transactions stay valid.
	pub lifetime: u32,
	/// Makes hashes and signatures differ; two worlds with different salts have different blocks.
	pub salt: u32,
	/// Number of the next order.
	pub next_order: OrderId,
}

impl World {
	pub fn start() -> Shared {
		let state = State {
			orders: BTreeMap::new(),
			receipts: BTreeMap::new(),
			nonce: 0,
			registered: true,
			provider: US,
			settlements: BTreeMap::new(),
			slashes: 0,
			bond: 1_000,
			tips: BTreeMap::new(),
		};
		let block = Block {
			number: 0,
			hash: [9; 32],
		};
		let world = World {
			by_hash: HashMap::from([(block.hash, state.clone())]),
			chain: vec![Mined {
				block,
				state,
				included: vec![],
				txs: vec![],
			}],
			finalized: 0,
			pool: vec![],
			bytes_given: HashMap::new(),
			given: BTreeSet::new(),
			tips_given: vec![],
			failures: vec![],
			away: false,
			forgetful: false,
			banned: BTreeSet::new(),
			bans_all: false,
			refuses: false,
			nonces_invented: 0,
			has: None,
			finality_stands: false,
			forgets_events: false,
			spendable: 1_000,
			requester: REQUESTER,
			collateral: 10,
			least_tip: 0,
			pool_is_full: false,
			lifetime: 2_000,
			salt: 0,
			next_order: 0,
		};
		Shared(Arc::new(Mutex::new(world)))
	}

	fn best(&self) -> &Mined {
		self.chain.last().unwrap()
	}

	/// Posts an order in the next block's state; it is of the present best block at once.
	pub fn post(&mut self, max_price: Balance, claim_window: u32, lifetime: u32) -> OrderId {
		let id = self.next_order;
		self.next_order += 1;
		let now = self.best().block.number;
		let spec = OrderSpec {
			program: H256(PROGRAM),
			commitment: H256([5; 32]),
			input: InputSource::Inline(vec![1, 2, 3].try_into().unwrap()),
			output_len: 4,
			min_price: max_price,
			max_price,
			ramp: 0,
			claim_window,
			lifetime,
		};
		let order = Order {
			requester: AccountId::new(self.requester),
			spec,
			posted_at: now,
			deadline: now + lifetime,
			collateral: self.collateral,
			deposit: 1,
			settlement_fee: 1,
			status: OrderStatus::Open,
		};
		self.edit(|state| {
			state.orders.insert(id, order);
		});
		id
	}

	/// Changes the state of the best block.
	pub fn edit(&mut self, change: impl FnOnce(&mut State)) {
		let mined = self.chain.last_mut().unwrap();
		change(&mut mined.state);
		self.by_hash.insert(mined.block.hash, mined.state.clone());
	}

	pub fn register(&mut self, registered: bool) {
		self.edit(|state| state.registered = registered);
	}

	/// From now on our account acts for another provider.
	pub fn act_for(&mut self, provider: [u8; 32]) {
		self.edit(|state| state.provider = provider);
	}

	/// Makes an order seem to be posted in a block that is final, and does not have it.
	pub fn backdate(&mut self, id: OrderId) {
		let finalized = self.chain[self.finalized].block.number;
		self.edit(|state| {
			state.orders.get_mut(&id).unwrap().posted_at = finalized;
		});
	}

	/// A transaction that the node was given is in the pool of whoever makes the blocks, and no other of its nonce.
	pub fn pool_elsewhere(&mut self, transaction: Hash) {
		let bytes = self.bytes_given[&transaction].clone();
		let nonce = decode(&bytes).nonce;
		self.pool.retain(|known| decode(known).nonce != nonce);
		self.pool.push(bytes);
	}

	/// Nonces of what the node was ever given for an order, by what it does.
	pub fn nonces(&self, id: OrderId, kind: Kind) -> BTreeSet<u32> {
		let given = self.given_as(id, kind).into_iter();
		given
			.map(|hash| decode(&self.bytes_given[&hash]).nonce)
			.collect()
	}

	pub fn set_bond(&mut self, bond: Balance) {
		self.edit(|state| state.bond = bond);
	}

	/// What was paid in tips on the best chain, all together.
	pub fn tips(&self) -> Balance {
		self.best().state.tips.values().sum()
	}

	/// Another provider claims the order.
	pub fn claim_by_other(&mut self, id: OrderId) {
		let now = self.best().block.number;
		self.edit(|state| {
			let order = state.orders.get_mut(&id).unwrap();
			order.status = OrderStatus::Claimed {
				provider: AccountId::new(OTHER),
				price: order.spec.max_price,
				claimed_at: now,
				expires_at: now + order.spec.claim_window,
			};
		});
	}

	/// Our provider has missed a claim of the order, which the worker knows nothing of.
	pub fn miss(&mut self, id: OrderId) {
		self.edit(|state| {
			let order = state.orders.get_mut(&id).unwrap();
			order.status = OrderStatus::Rescue {
				missed: AccountId::new(US),
				price: order.spec.max_price,
				bounty: 5,
			};
		});
	}

	/// A transaction of our account that is none of the worker's.
	pub fn foreign_transaction(&mut self) {
		self.edit(|state| state.nonce += 1);
		// What waited with that nonce is invalid now.
		let nonce = self.best().state.nonce;
		self.pool.retain(|bytes| decode(bytes).nonce >= nonce);
	}

	pub fn remove_receipt(&mut self, id: OrderId) {
		self.edit(|state| {
			state.receipts.remove(&id);
		});
	}

	pub fn settled(&self, id: OrderId) -> bool {
		self.best().state.receipts.contains_key(&id)
	}

	pub fn settlements(&self, id: OrderId) -> u32 {
		self.best().state.settlements.get(&id).copied().unwrap_or(0)
	}

	/// How many claims of the best chain were missed.
	pub fn slashes(&self) -> u32 {
		self.best().state.slashes
	}

	/// How many blocks there are.
	pub fn length(&self) -> usize {
		self.chain.len()
	}

	/// What was given to the node for an order, by what it does.
	pub fn given_as(&self, id: OrderId, kind: Kind) -> Vec<Hash> {
		let wanted = |(order, done, _): &&(OrderId, Kind, Hash)| *order == id && *done == kind;
		self.given
			.iter()
			.filter(wanted)
			.map(|(_, _, hash)| *hash)
			.collect()
	}

	/// Nonces and tips of the submissions that the node was ever given for an order.
	pub fn submissions(&self, id: OrderId) -> Vec<(u32, Balance)> {
		let given = self.tips_given.iter().filter(|(order, ..)| *order == id);
		given.map(|(_, nonce, tip)| (*nonce, *tip)).collect()
	}

	/// How many transactions that only use up a nonce the node was given.
	pub fn fillers(&self) -> usize {
		let fills = |(_, kind, _): &&(OrderId, Kind, Hash)| *kind == Kind::Fill;
		self.given.iter().filter(fills).count()
	}

	pub fn status(&self, id: OrderId) -> Option<OrderStatus> {
		self.best()
			.state
			.orders
			.get(&id)
			.map(|order| order.status.clone())
	}

	pub fn given_for(&self, id: OrderId) -> usize {
		self.given
			.iter()
			.filter(|(order, _, _)| *order == id)
			.count()
	}

	/// Makes a block of what the pool holds.
	pub fn mine(&mut self) {
		let parent = self.best().clone();
		let number = parent.block.number + 1;
		let mut mined = Mined {
			block: Block {
				number,
				hash: self.fresh_hash(),
			},
			state: parent.state,
			included: vec![],
			txs: vec![],
		};
		on_initialize(&mut mined.state, number);
		let mut pool = std::mem::take(&mut self.pool);
		pool.sort_by_key(|bytes| {
			let tx = decode(bytes);
			(tx.nonce, std::cmp::Reverse(tx.tip))
		});
		for bytes in pool {
			let tx = decode(&bytes);
			if number >= tx.dies_at || tx.nonce < mined.state.nonce {
				continue;
			}
			if tx.nonce > mined.state.nonce || tx.tip < self.least_tip(&tx) {
				self.pool.push(bytes);
				continue;
			}
			mined.state.nonce += 1;
			mined.state.tips.insert(tx.nonce, tx.tip);
			let failure = apply(&mut mined.state, &tx, number).err();
			self.failures.extend(failure.clone());
			mined.included.push((hash(&bytes), failure));
			mined.txs.push(bytes);
		}
		self.by_hash.insert(mined.block.hash, mined.state.clone());
		self.chain.push(mined);
		if !self.finality_stands {
			self.finalized = self.finalized.max(self.chain.len().saturating_sub(1 + LAG));
		}
	}

	/// What a transaction must tip to be included: one that does nothing is short.
	fn least_tip(&self, tx: &Tx) -> Balance {
		match tx.kind {
			Kind::Fill => self.least_tip / FILLER_SHARE,
			Kind::Claim | Kind::Submit => self.least_tip,
		}
	}

	/// The blocks that the node has.
	fn known(&self) -> &[Mined] {
		let has = self.has.unwrap_or(self.chain.len());
		&self.chain[..has.clamp(1, self.chain.len())]
	}

	/// The node's best and finalized blocks.
	fn heads(&self) -> (&Mined, &Mined) {
		let known = self.known();
		let last = known.len() - 1;
		let finalized = match self.has {
			Some(_) => last.saturating_sub(LAG).min(self.finalized),
			None => self.finalized,
		};
		(&known[last], &known[finalized])
	}

	/// Leaves the last blocks that are not final for another fork; their transactions go back to the pool,
	/// or are lost.
	pub fn reorganise(&mut self, depth: usize, lost: bool) {
		let keep = self
			.chain
			.len()
			.saturating_sub(depth)
			.max(self.finalized + 1);
		for left in self.chain.split_off(keep) {
			if !lost {
				self.pool.extend(left.txs);
			}
		}
		// The other fork has a block at once, so that heights do not fall.
		self.mine();
	}

	pub fn empty_pool(&mut self) {
		self.pool.clear();
	}

	fn fresh_hash(&mut self) -> Hash {
		self.salt += 1;
		lemma_zk_statement::blake2_256(&self.salt.encode())
	}
}

fn decode(bytes: &[u8]) -> Tx {
	Tx::decode(&mut &bytes[..]).unwrap()
}

fn hash(bytes: &[u8]) -> Hash {
	lemma_zk_statement::blake2_256(bytes)
}

/// Deadlines, as the pallet's hook has them.
fn on_initialize(state: &mut State, now: BlockNumber) {
	state.orders.retain(|_, order| now < order.deadline);
	let mut slashed = 0;
	for order in state.orders.values_mut() {
		if let OrderStatus::Claimed {
			provider,
			price,
			expires_at,
			..
		} = &order.status
		{
			if now >= *expires_at {
				state.slashes += 1;
				if *provider == AccountId::new(state.provider) {
					slashed += order.collateral;
				}
				order.status = OrderStatus::Rescue {
					missed: provider.clone(),
					price: *price,
					bounty: 5,
				};
			}
		}
	}
	state.bond -= slashed;
}

fn apply(state: &mut State, tx: &Tx, now: BlockNumber) -> Result<(), String> {
	if tx.kind == Kind::Fill {
		return Ok(());
	}
	let free_bond = state.bond - state.committed();
	let us = AccountId::new(state.provider);
	let order = state.orders.get_mut(&tx.order).ok_or("OrderNotFound")?;
	if tx.kind == Kind::Claim {
		if order.status != OrderStatus::Open {
			return Err("OrderNotOpen".to_owned());
		}
		if now + order.spec.claim_window > order.deadline {
			return Err("ClaimTooLate".to_owned());
		}
		if order.terms_hash().0 != tx.terms {
			return Err("TermsDiffer".to_owned());
		}
		if free_bond < order.collateral {
			return Err("BondTooSmall".to_owned());
		}
		order.status = OrderStatus::Claimed {
			provider: us,
			price: order.spec.max_price,
			claimed_at: now,
			expires_at: now + order.spec.claim_window,
		};
		return Ok(());
	}
	if let OrderStatus::Claimed { provider, .. } = &order.status {
		if *provider != us {
			return Err("JobOrders.NotClaimer".to_owned());
		}
	}
	if tx.proof != PROOF || tx.output != OUTPUT {
		return Err("ProofVerification.ProofInvalid".to_owned());
	}
	let order = state.orders.remove(&tx.order).ok_or("OrderNotFound")?;
	*state.settlements.entry(tx.order).or_default() += 1;
	state.receipts.insert(
		tx.order,
		Receipt {
			requester: order.requester,
			provider: us,
			program: order.spec.program,
			commitment: order.spec.commitment,
			output_root: H256([0; 32]),
			output_len: 4,
			paid: order.spec.max_price,
			settled_at: now,
			extrinsic_index: 0,
			deposit: 1,
		},
	);
	Ok(())
}

#[derive(Clone)]
pub struct Shared(Arc<Mutex<World>>);

impl Shared {
	pub fn lock(&self) -> MutexGuard<'_, World> {
		self.0.lock().unwrap()
	}

	fn answer<T>(&self, ask: impl FnOnce(&mut World) -> T) -> Result<T, ChainError> {
		let mut world = self.lock();
		if world.away {
			return Err(ChainError::Away("the simulated node is away".to_owned()));
		}
		Ok(ask(&mut world))
	}

	fn state<T>(&self, at: Block, ask: impl FnOnce(&State) -> T) -> Result<T, ChainError> {
		self.answer(|world| {
			let lost = world.has.is_some() && !world.known().iter().any(|mined| mined.block == at);
			match lost {
				true => Err(ChainError::Refused("UnknownBlock".to_owned())),
				false => Ok(ask(&world.by_hash[&at.hash])),
			}
		})?
	}
}

#[async_trait]
impl Chain for Shared {
	fn genesis(&self) -> Hash {
		[9; 32]
	}

	fn account(&self) -> AccountId {
		AccountId::new(US)
	}

	async fn heads(&self) -> Result<Heads, ChainError> {
		self.answer(|world| {
			let (best, finalized) = world.heads();
			Heads {
				best: best.block,
				finalized: finalized.block,
			}
		})
	}

	async fn hash_of(&self, number: BlockNumber) -> Result<Option<Hash>, ChainError> {
		self.answer(|world| {
			world
				.known()
				.get(number as usize)
				.map(|mined| mined.block.hash)
		})
	}

	async fn is_syncing(&self) -> Result<bool, ChainError> {
		self.answer(|world| world.has.is_some())
	}

	async fn block_time(&self) -> Result<Duration, ChainError> {
		self.answer(|_| Duration::from_secs(1))
	}

	async fn orders(&self, at: Block, start: OrderId) -> Result<Page, ChainError> {
		self.state(at, |state| {
			(
				state
					.orders
					.range(start..)
					.map(|(id, order)| (*id, order.clone()))
					.collect(),
				None,
			)
		})
	}

	async fn price(&self, at: Block, order: OrderId) -> Result<Option<Balance>, ChainError> {
		self.state(at, |state| {
			state.orders.get(&order).map(|order| order.spec.max_price)
		})
	}

	async fn sight(&self, at: Block, order: OrderId) -> Result<Sight, ChainError> {
		self.state(at, |state| Sight {
			number: at.number,
			nonce: state.nonce,
			order: state.orders.get(&order).cloned(),
			receipt: state.receipts.get(&order).cloned(),
		})
	}

	async fn provider(&self, at: Block) -> Result<Option<(AccountId, Provider)>, ChainError> {
		self.state(at, |state| {
			state.registered.then(|| {
				let profile = Profile {
					endpoint: Default::default(),
					backend: Backend::Cpu,
					programs: Default::default(),
				};
				let provider = Provider {
					active: state.bond,
					committed: state.committed(),
					unbonding: Default::default(),
					operators: Default::default(),
					profile,
					record: TrackRecord::default(),
					registered_at: 0,
				};
				(AccountId::new(state.provider), provider)
			})
		})
	}

	async fn spendable(&self, _: Block) -> Result<Balance, ChainError> {
		self.answer(|world| world.spendable)
	}

	async fn nonce(&self, at: Block) -> Result<u32, ChainError> {
		self.state(at, |state| state.nonce)
	}

	async fn pool_nonce(&self) -> Result<u32, ChainError> {
		self.answer(|world| {
			let mut nonce = world.best().state.nonce;
			while world.pool.iter().any(|bytes| decode(bytes).nonce == nonce) {
				nonce += 1;
			}
			nonce + world.nonces_invented
		})
	}

	async fn sign(
		&self,
		action: Action,
		nonce: u32,
		tip: Balance,
	) -> Result<(Signed, Vec<u8>), ChainError> {
		self.answer(|world| {
			world.salt += 1;
			let born_at = world.heads().1.block.number;
			let mut terms_claimed = [0; 32];
			let (kind, order, output, proof) = match action {
				Action::Claim { order, terms } => {
					terms_claimed = terms;
					(Kind::Claim, order, vec![], vec![])
				}
				Action::Submit {
					order,
					output,
					proof,
				} => (Kind::Submit, order, output, proof),
				Action::Fill => (Kind::Fill, OrderId::MAX, vec![], vec![]),
			};
			let dies_at = born_at + world.lifetime;
			let salt = world.salt;
			let bytes = Tx {
				kind,
				order,
				output,
				proof,
				nonce,
				tip,
				terms: terms_claimed,
				dies_at,
				salt,
			}
			.encode();
			(
				Signed {
					hash: hash(&bytes),
					nonce,
					born_at,
					dies_at,
					account: Some(US),
				},
				bytes,
			)
		})
	}

	async fn send(&self, bytes: &[u8]) -> Result<Sent, ChainError> {
		self.answer(|world| {
			let tx = decode(bytes);
			world.given.insert((tx.order, tx.kind, hash(bytes)));
			world.bytes_given.insert(hash(bytes), bytes.to_vec());
			if tx.kind == Kind::Submit {
				world.tips_given.push((tx.order, tx.nonce, tx.tip));
			}
			if world.bans_all || world.banned.contains(&hash(bytes)) {
				return Sent::Banned("banned".to_owned());
			}
			if world.refuses {
				return Sent::Refused("not at the moment".to_owned());
			}
			if world.has.is_some() {
				return Sent::Refused("this node knows nothing of it".to_owned());
			}
			if tx.nonce < world.best().state.nonce {
				return Sent::Refused("stale".to_owned());
			}
			if world.forgetful || world.pool.iter().any(|known| known == bytes) {
				return Sent::Pooled;
			}
			if world.pool_is_full && tx.tip < world.least_tip(&tx) {
				return Sent::Refused("full".to_owned());
			}
			let in_its_place = |known: &Vec<u8>| decode(known).nonce == tx.nonce;
			if world
				.pool
				.iter()
				.any(|known| in_its_place(known) && decode(known).tip >= tx.tip)
			{
				return Sent::Refused("too low a priority".to_owned());
			}
			world.pool.retain(|known| !in_its_place(known));
			world.pool.push(bytes.to_vec());
			Sent::Pooled
		})
	}

	async fn find(
		&self,
		wanted: &[Hash],
		from: BlockNumber,
		to: BlockNumber,
	) -> Result<Option<Inclusion>, ChainError> {
		self.answer(|world| {
			world
				.known()
				.iter()
				.filter(|mined| (from..=to).contains(&mined.block.number))
				.find_map(|mined| {
					let (hash, failure) = mined
						.included
						.iter()
						.find(|(found, _)| wanted.contains(found))?;
					let outcome = match failure {
						_ if world.forgets_events => Outcome::Unknown,
						Some(failure) => Outcome::Failed(failure.clone()),
						None => Outcome::Succeeded,
					};
					Some(Inclusion {
						hash: *hash,
						block: mined.block.number,
						outcome,
					})
				})
		})
	}
}
