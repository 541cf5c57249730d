//! A chain in memory: the development preset, and blocks of signed transactions that go the way that
//! they go in a node, through the executive with all its extensions.

use std::{
	borrow::Cow,
	sync::OnceLock,
	time::{Duration, Instant},
};

use codec::{Decode, Encode};
use frame_support::weights::Weight;
use lemma_runtime::{
	AccountId, Balance, Balances, Block, BlockNumber, Executive, Hash, Header, RuntimeCall,
	RuntimeEvent, SignedPayload, System, TxExtension, UncheckedExtrinsic,
};
use sc_chain_spec::GenesisConfigBuilderRuntimeCaller;
use sc_executor::WasmExecutor;
use sp_core::{
	storage::Storage,
	traits::{CallContext, CodeExecutor, Externalities, RuntimeCode, WrappedRuntimeCode},
};
use sp_io::TestExternalities;
use sp_keyring::Sr25519Keyring;
use sp_runtime::{
	generic::{Digest, DigestItem, Era},
	traits::{Block as _, Header as _},
	transaction_validity::TransactionValidityError,
	DispatchResult,
};

/// Hash of the block before the first: what proofs are bound to on this chain.
pub const GENESIS_HASH: Hash = Hash::repeat_byte(0x42);

/// Milliseconds of a slot on the development preset.
const SLOT_MS: u64 = 2_000;
/// Slot of the first block.
const FIRST_SLOT: u64 = 1_000;

/// The Wasm blob.
pub fn wasm() -> &'static [u8] {
	lemma_runtime::WASM_BINARY.expect("the tests need the Wasm blob: build without SKIP_WASM_BUILD")
}

/// Calls the blob as a node does. An error is a trap.
pub fn call_blob(
	state: &mut dyn Externalities,
	method: &str,
	arguments: &[u8],
	context: CallContext,
) -> Result<Vec<u8>, String> {
	// One executor for all tests, because it keeps the compiled blob.
	static EXECUTOR: OnceLock<WasmExecutor<sp_io::SubstrateHostFunctions>> = OnceLock::new();
	let executor = EXECUTOR.get_or_init(|| WasmExecutor::builder().build());
	let code = WrappedRuntimeCode(Cow::Borrowed(wasm()));
	let code = RuntimeCode {
		code_fetcher: &code,
		heap_pages: None,
		hash: b"the blob".to_vec(),
	};
	let (answer, _) = executor.call(state, &code, method, arguments, context);
	answer.map_err(|error| error.to_string())
}

/// State of a preset, as the blob itself builds it.
pub fn preset(name: &str) -> Result<TestExternalities, String> {
	GenesisConfigBuilderRuntimeCaller::<()>::new(wasm())
		.get_storage_for_named_preset(Some(&name.to_string()))
		.map(TestExternalities::new)
}

/// State of the development preset. Built once for all tests: it takes seconds to compile the blob.
pub fn development() -> TestExternalities {
	static STORAGE: OnceLock<Storage> = OnceLock::new();
	let storage = STORAGE.get_or_init(|| {
		GenesisConfigBuilderRuntimeCaller::<()>::new(wasm())
			.get_storage_for_named_preset(Some(&"development".to_string()))
			.expect("the preset builds")
	});
	TestExternalities::new(storage.clone())
}

/// What became of a transaction: refused by its checks, or dispatched with this result.
pub type Outcome = Result<DispatchResult, TransactionValidityError>;

/// A block that was made but not kept.
pub struct Proposal {
	/// The block: what was refused is not in it.
	pub block: Block,
	/// What became of each transaction.
	pub outcomes: Vec<Outcome>,
	/// What it weighs.
	pub weight: Weight,
}

/// A chain that makes its own blocks.
pub struct Chain {
	state: TestExternalities,
	number: BlockNumber,
	parent: Hash,
}

impl Chain {
	/// The development chain at genesis.
	pub fn development() -> Self {
		let state = preset("development").expect("the preset builds");
		Self {
			state,
			number: 0,
			parent: GENESIS_HASH,
		}
	}

	/// Makes one block of these calls, each signed by its sender. What became of each.
	pub fn block(&mut self, calls: Vec<(Sr25519Keyring, RuntimeCall)>) -> Vec<Outcome> {
		// Each is signed when it is applied: its nonce depends on those before it.
		self.block_of(calls.into_iter().map(|(sender, call)| sign(sender, call)))
	}

	/// Makes one block of these transactions. What became of each.
	pub fn block_of(
		&mut self,
		transactions: impl Iterator<Item = UncheckedExtrinsic>,
	) -> Vec<Outcome> {
		let (opening, set_time) = self.opening();
		let (header, outcomes) = self.state.execute_with(|| {
			let outcomes = open(&opening, set_time, transactions);
			(Executive::finalize_block(), outcomes)
		});
		self.number += 1;
		self.parent = header.hash();
		outcomes
	}

	/// The next block, made of those of these calls that are valid, each signed by its sender. The chain stays as
	/// it is.
	pub fn propose(&mut self, calls: Vec<(Sr25519Keyring, RuntimeCall)>) -> Proposal {
		self.commit();
		let (opening, set_time) = self.opening();
		self.state.execute_with(|| {
			// Not by a storage layer of FRAME, which would be part of the state.
			sp_io::storage::start_transaction();
			let mut signed = Vec::new();
			let transactions = calls.into_iter().map(|(sender, call)| {
				let transaction = sign(sender, call);
				signed.push(transaction.clone());
				transaction
			});
			let outcomes = open(&opening, set_time.clone(), transactions);
			let weight = System::block_weight().total();
			let header = Executive::finalize_block();
			sp_io::storage::rollback_transaction();

			let included = signed.into_iter().zip(&outcomes);
			let extrinsics = std::iter::once(set_time)
				.chain(
					included
						.filter(|(_, outcome)| outcome.is_ok())
						.map(|(signed, _)| signed),
				)
				.collect();
			Proposal {
				block: Block::new(header, extrinsics),
				outcomes,
				weight,
			}
		})
	}

	/// Executes a proposed block in the blob, as an importing node does, and takes it back. How long it took.
	pub fn time(&mut self, block: &Block) -> Duration {
		let bytes = block.encode();
		let mut state = self.state.ext();
		state.storage_start_transaction();
		let start = Instant::now();
		let answer = call_blob(
			&mut state,
			"Core_execute_block",
			&bytes,
			CallContext::Onchain { import: true },
		);
		let took = start.elapsed();
		state
			.storage_rollback_transaction()
			.expect("it was started above");
		answer.expect("the block is valid");
		took
	}

	/// Writes what has changed into the trie, as a node does after every block.
	pub fn commit(&mut self) {
		self.state.commit_all().expect("the state is in memory");
	}

	/// Header of the next block as its author opens it, and its inherent.
	fn opening(&self) -> (Header, UncheckedExtrinsic) {
		let number = self.number + 1;
		let slot = FIRST_SLOT + u64::from(number);
		let digest = Digest {
			logs: vec![DigestItem::PreRuntime(
				sp_consensus_aura::AURA_ENGINE_ID,
				sp_consensus_aura::Slot::from(slot).encode(),
			)],
		};
		let header = Header::new(
			number,
			Default::default(),
			Default::default(),
			self.parent,
			digest,
		);
		let set_time = pallet_timestamp::Call::set {
			now: slot * SLOT_MS,
		};
		(header, UncheckedExtrinsic::new_bare(set_time.into()))
	}

	/// Makes a block of one call that must be dispatched; its result.
	pub fn call(&mut self, sender: Sr25519Keyring, call: impl Into<RuntimeCall>) -> DispatchResult {
		self.block(vec![(sender, call.into())])
			.pop()
			.expect("one call has one outcome")
			.expect("the transaction is valid")
	}

	/// Reads the state.
	pub fn read<R>(&mut self, question: impl FnOnce() -> R) -> R {
		self.state.execute_with(question)
	}

	/// What an account has, held or not.
	pub fn total(&mut self, who: Sr25519Keyring) -> Balance {
		use frame_support::traits::fungible::Inspect;
		self.read(|| <Balances as Inspect<AccountId>>::total_balance(&who.to_account_id()))
	}

	/// Events of the last block.
	pub fn events(&mut self) -> Vec<RuntimeEvent> {
		self.read(|| {
			System::events()
				.into_iter()
				.map(|record| record.event)
				.collect()
		})
	}

	/// Transaction fees that were paid in the last block, by whom and how much.
	pub fn fees(&mut self) -> Vec<(AccountId, Balance)> {
		self.events()
			.into_iter()
			.filter_map(|event| match event {
				RuntimeEvent::TransactionPayment(
					pallet_transaction_payment::Event::TransactionFeePaid {
						who, actual_fee, ..
					},
				) => Some((who, actual_fee)),
				_ => None,
			})
			.collect()
	}
}

/// Opens a block and applies its transactions.
fn open(
	opening: &Header,
	set_time: UncheckedExtrinsic,
	transactions: impl Iterator<Item = UncheckedExtrinsic>,
) -> Vec<Outcome> {
	Executive::initialize_block(opening);
	Executive::apply_extrinsic(set_time)
		.expect("the inherent is valid")
		.expect("the time is set");
	transactions.map(Executive::apply_extrinsic).collect()
}

/// The extensions of a transaction that never expires and pays no tip.
pub fn extensions(nonce: u32) -> TxExtension {
	(
		frame_system::AuthorizeCall::new(),
		frame_system::CheckNonZeroSender::new(),
		frame_system::CheckSpecVersion::new(),
		frame_system::CheckTxVersion::new(),
		frame_system::CheckGenesis::new(),
		frame_system::CheckMortality::from(Era::Immortal),
		frame_system::CheckNonce::from(nonce),
		lemma_runtime::operational::CheckOperational,
		frame_system::CheckWeight::new(),
		pallet_transaction_payment::ChargeTransactionPayment::from(0),
		frame_metadata_hash_extension::CheckMetadataHash::new(false),
		frame_system::WeightReclaim::new(),
	)
}

/// A transaction as a wallet makes it.
pub fn sign(sender: Sr25519Keyring, call: RuntimeCall) -> UncheckedExtrinsic {
	let account = sender.to_account_id();
	let extensions = extensions(System::account_nonce(&account));
	let payload = SignedPayload::new(call.clone(), extensions.clone()).expect("extensions agree");
	let signature = payload.using_encoded(|payload| sender.sign(payload));
	let signed = UncheckedExtrinsic::new_signed(call, account.into(), signature.into(), extensions);
	// Through its bytes, as it comes from the network.
	UncheckedExtrinsic::decode(&mut &signed.encode()[..]).expect("encodes as it decodes")
}
