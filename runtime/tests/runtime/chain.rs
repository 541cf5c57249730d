//! A chain in memory: the development preset, and blocks of signed transactions that go the way that
//! they go in a node, through the executive with all its extensions.

use std::sync::OnceLock;

use codec::{Decode, Encode};
use lemma_runtime::{
	AccountId, Balance, Balances, BlockNumber, Executive, Hash, Header, RuntimeCall, RuntimeEvent,
	SignedPayload, System, TxExtension, UncheckedExtrinsic,
};
use sc_chain_spec::GenesisConfigBuilderRuntimeCaller;
use sp_core::storage::Storage;
use sp_io::TestExternalities;
use sp_keyring::Sr25519Keyring;
use sp_runtime::{
	generic::{Digest, DigestItem, Era},
	traits::Header as _,
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

	/// Makes one block of these calls, each signed by its sender. What became of each: refused by the
	/// transaction's checks, or dispatched with this result.
	pub fn block(
		&mut self,
		calls: Vec<(Sr25519Keyring, RuntimeCall)>,
	) -> Vec<Result<DispatchResult, TransactionValidityError>> {
		// Each is signed when it is applied: its nonce depends on those before it.
		self.block_of(calls.into_iter().map(|(sender, call)| sign(sender, call)))
	}

	/// Makes one block of these transactions. What became of each.
	pub fn block_of(
		&mut self,
		transactions: impl Iterator<Item = UncheckedExtrinsic>,
	) -> Vec<Result<DispatchResult, TransactionValidityError>> {
		self.number += 1;
		let slot = FIRST_SLOT + u64::from(self.number);
		let digest = Digest {
			logs: vec![DigestItem::PreRuntime(
				sp_consensus_aura::AURA_ENGINE_ID,
				sp_consensus_aura::Slot::from(slot).encode(),
			)],
		};
		let header = Header::new(
			self.number,
			Default::default(),
			Default::default(),
			self.parent,
			digest,
		);
		let (header, outcomes) = self.state.execute_with(|| {
			Executive::initialize_block(&header);
			let set_time = pallet_timestamp::Call::set {
				now: slot * SLOT_MS,
			};
			Executive::apply_extrinsic(UncheckedExtrinsic::new_bare(set_time.into()))
				.expect("the inherent is valid")
				.expect("the time is set");
			let outcomes = transactions.map(Executive::apply_extrinsic).collect();
			(Executive::finalize_block(), outcomes)
		});
		self.parent = header.hash();
		outcomes
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
