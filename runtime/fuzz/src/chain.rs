//! A chain in memory, run by the runtime's native build.

use std::sync::OnceLock;

use codec::{Decode, Encode};
use frame_support::{
	storage::{with_storage_layer, with_transaction},
	traits::fungible::Inspect,
};
use lemma_primitives::{AccountId, UNIT};
use lemma_runtime::{
	genesis, Balances, BlockNumber, Executive, Hash, Header, JobOrders, JobOrdersCall,
	ProofVerification, ProviderStaking, Runtime, RuntimeCall, RuntimeGenesisConfig, SignedPayload,
	System, TxExtension, UncheckedExtrinsic,
};
use lemma_zk_circuits::sample::Sample;
use serde_json::{json, Value};
use sp_core::storage::Storage;
use sp_io::TestExternalities;
use sp_keyring::Sr25519Keyring;
use sp_runtime::{
	generic::{Digest, DigestItem, Era},
	traits::{Dispatchable, Header as _},
	transaction_validity::TransactionSource,
	BuildStorage, DispatchError, TransactionOutcome,
};

/// Milliseconds of a slot on the development preset.
const SLOT_MS: u64 = 2_000;
/// Slot of the genesis block.
const FIRST_SLOT: u64 = 1_000;

/// Accounts that sign: all well-known ones but the first, which is root.
pub const SIGNERS: [Sr25519Keyring; 4] = [
	Sr25519Keyring::Bob,
	Sr25519Keyring::Charlie,
	Sr25519Keyring::Dave,
	Sr25519Keyring::Eve,
];

/// The committed proof: for order [`Sample::order`] of the chain with genesis [`Sample::genesis_hash`], by an account that
/// nobody can sign for, and that acts here all the same.
pub fn sample() -> &'static Sample {
	static SAMPLE: OnceLock<Sample> = OnceLock::new();
	SAMPLE.get_or_init(|| Sample::committed().expect("the committed sample is one"))
}

/// The account to which the committed proof is bound.
pub fn prover() -> AccountId {
	sample().provider.into()
}

/// `patch` laid over `whole`.
fn lay_over(whole: &mut Value, patch: Value) {
	match (whole, patch) {
		(Value::Object(whole), Value::Object(patch)) => {
			for (key, value) in patch {
				lay_over(whole.entry(key).or_insert(Value::Null), value);
			}
		}
		(whole, patch) => *whole = patch,
	}
}

/// The development preset, with money for the prover.
fn genesis_storage() -> Storage {
	let preset = genesis::preset(&"development".into()).expect("the preset is there");
	let mut patch: Value = serde_json::from_slice(&preset).expect("it is JSON");
	let balances = &mut patch["balances"]["balances"];
	balances
		.as_array_mut()
		.expect("it endows accounts")
		.push(json!([prover(), 1_000 * UNIT as u64]));
	let whole = serde_json::to_value(RuntimeGenesisConfig::default());
	let mut whole = whole.expect("a genesis is JSON");
	lay_over(&mut whole, patch);
	let config: RuntimeGenesisConfig = serde_json::from_value(whole).expect("it is a genesis");
	config.build_storage().expect("it builds")
}

/// A chain that makes its own blocks.
pub struct Chain {
	state: TestExternalities,
	number: BlockNumber,
	parent: Hash,
}

impl Chain {
	/// The chain in its first block; the next order is the committed proof's.
	pub fn new() -> Self {
		static GENESIS: OnceLock<Storage> = OnceLock::new();
		let mut chain = Self {
			state: TestExternalities::new(GENESIS.get_or_init(genesis_storage).clone()),
			number: 0,
			parent: sample().genesis_hash.into(),
		};
		chain
			.state
			.execute_with(|| pallet_job_orders::NextOrderId::<Runtime>::put(sample().order));
		chain.begin_block();
		chain
	}

	fn begin_block(&mut self) {
		self.number += 1;
		let slot = FIRST_SLOT + u64::from(self.number);
		let digest = Digest {
			logs: vec![DigestItem::PreRuntime(
				sp_consensus_aura::AURA_ENGINE_ID,
				sp_consensus_aura::Slot::from(slot).encode(),
			)],
		};
		let root = Default::default();
		let header = Header::new(self.number, root, root, self.parent, digest);
		self.state.execute_with(|| {
			Executive::initialize_block(&header);
			let set_time = pallet_timestamp::Call::set {
				now: slot * SLOT_MS,
			};
			Executive::apply_extrinsic(UncheckedExtrinsic::new_bare(set_time.into()))
				.expect("the inherent is valid")
				.expect("the time is set");
		});
	}

	/// Ends the block, and makes the next one.
	pub fn next_block(&mut self) {
		self.parent = self.state.execute_with(Executive::finalize_block).hash();
		self.begin_block();
	}

	/// A transaction that one of [`SIGNERS`] signs, or the prover if `who` is none of them. Whether it was dispatched, and
	/// that without an error.
	pub fn send(&mut self, who: usize, call: RuntimeCall) -> bool {
		let call = self.with_terms(call);
		self.state.execute_with(|| match SIGNERS.get(who) {
			Some(signer) => {
				matches!(Executive::apply_extrinsic(sign(*signer, call)), Ok(Ok(())))
			}
			None => with_storage_layer(|| {
				let origin = Some(prover()).into();
				call.dispatch(origin).map_err(|failed| failed.error)
			})
			.is_ok(),
		})
	}

	/// A claim without terms gets those of the order that has its number: nobody finds a hash at random.
	fn with_terms(&mut self, mut call: RuntimeCall) -> RuntimeCall {
		if let RuntimeCall::JobOrders(JobOrdersCall::claim_order { id, terms }) = &mut call {
			let order = self.state.execute_with(|| JobOrders::order(*id));
			if let (true, Some(order)) = (terms.is_zero(), order) {
				*terms = order.terms_hash();
			}
		}
		call
	}

	/// A transaction as it came from the network: it is executed if the pool would have taken it.
	pub fn receive(&mut self, extrinsic: UncheckedExtrinsic) {
		let parent = self.parent;
		self.state.execute_with(|| {
			// As a node does it: on a state that is thrown away.
			let taken = with_transaction(|| {
				let source = TransactionSource::External;
				let validity = Executive::validate_transaction(source, extrinsic.clone(), parent);
				TransactionOutcome::Rollback(Ok::<_, DispatchError>(validity.is_ok()))
			});
			if taken == Ok(true) {
				// The block may be full by now.
				let _ = Executive::apply_extrinsic(extrinsic);
			}
		});
	}

	/// Panics if an invariant of the market or of the money does not hold.
	pub fn check(&mut self) {
		let number = self.number;
		self.state.execute_with(|| {
			JobOrders::do_try_state(number).expect("the order book's invariants hold");
			ProviderStaking::do_try_state().expect("the providers' invariants hold");
			ProofVerification::do_try_state().expect("the registry's invariants hold");
			let accounts = frame_system::Account::<Runtime>::iter_values();
			let owned = accounts.map(|account| account.data.free + account.data.reserved);
			let issued = <Balances as Inspect<AccountId>>::total_issuance();
			assert_eq!(owned.sum::<u128>(), issued, "the sum of all balances");
		});
	}

	/// Whether the committed proof's order is live, and whether it has a receipt.
	#[cfg(test)]
	pub fn sample_order(&mut self) -> (bool, bool) {
		let id = sample().order;
		self.state.execute_with(|| {
			(
				JobOrders::order(id).is_some(),
				JobOrders::receipt(id).is_some(),
			)
		})
	}
}

fn extensions(nonce: u32) -> TxExtension {
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

/// A transaction as a wallet makes it and the network carries it.
fn sign(signer: Sr25519Keyring, call: RuntimeCall) -> UncheckedExtrinsic {
	let account = signer.to_account_id();
	let extensions = extensions(System::account_nonce(&account));
	let payload = SignedPayload::new(call.clone(), extensions.clone()).expect("extensions agree");
	let signature = payload.using_encoded(|payload| signer.sign(payload));
	let signed = UncheckedExtrinsic::new_signed(call, account.into(), signature.into(), extensions);
	UncheckedExtrinsic::decode(&mut &signed.encode()[..]).expect("encodes as it decodes")
}
