//! The presets: they build, in the blob itself, what they promise.

use frame_support::traits::{GetStorageVersion, StorageVersion};
use lemma_primitives::{program::ProgramStatus, UNIT};
use lemma_runtime::{
	constants::time::BLOCK_TIME_MS, genesis, Aura, Balances, ChainParameters, JobOrders,
	ProofVerification, ProviderStaking, Runtime,
};
use sp_keyring::Sr25519Keyring;

use crate::chain::{development, preset};

#[test]
fn development_preset_should_have_one_validator_fast_blocks_and_rich_accounts() {
	development().execute_with(|| {
		assert_eq!(pallet_aura::Authorities::<Runtime>::get().len(), 1);
		assert_eq!(Aura::slot_duration(), 2_000);
		assert_eq!(
			pallet_sudo::Key::<Runtime>::get(),
			Some(Sr25519Keyring::Alice.to_account_id())
		);
		for account in Sr25519Keyring::well_known() {
			assert_eq!(
				Balances::free_balance(account.to_account_id()),
				1_000_000 * UNIT
			);
		}
	});
}

#[test]
fn local_testnet_preset_should_have_two_validators_and_blocks_of_six_seconds() {
	preset("local_testnet")
		.expect("it builds")
		.execute_with(|| {
			assert_eq!(pallet_aura::Authorities::<Runtime>::get().len(), 2);
			assert_eq!(Aura::slot_duration(), BLOCK_TIME_MS);
		});
}

#[test]
fn preset_should_register_every_committed_program() {
	let committed = lemma_zk_circuits::keys::committed();
	assert!(!committed.is_empty());

	development().execute_with(|| {
		let registered = genesis::programs();
		assert_eq!(registered.len(), committed.len());
		for (key, (id, element, _, description)) in committed.iter().zip(registered) {
			assert_eq!(key.id, id.to_string_hex());
			let program = ProofVerification::program(id).expect("it is registered");
			assert_eq!(program.element, key.element);
			assert_eq!(program.element, element);
			assert_eq!(program.description, description);
			assert_eq!(program.status, ProgramStatus::Active);
			assert_eq!(program.owner, None);
			assert!(program.length.is_valid());
			assert!(program.length.allows(element.size_bytes() as u32));
			assert!(program.length.allows(1024 * 1024));
			assert!(!program
				.length
				.allows(1024 * 1024 + element.size_bytes() as u32));
		}
	});
}

/// Hexadecimal as the key file has it.
trait Hex {
	fn to_string_hex(&self) -> String;
}

impl Hex for sp_core::H256 {
	fn to_string_hex(&self) -> String {
		format!("{self:x}")
	}
}

#[test]
fn unknown_preset_should_not_exist() {
	assert!(preset("mainnet").is_err());
	assert_eq!(genesis::preset(&"mainnet".into()), None);
}

#[test]
fn lemma_pallets_should_have_storage_versions() {
	development().execute_with(|| {
		let one = StorageVersion::new(1);
		assert_eq!(ProofVerification::on_chain_storage_version(), one);
		assert_eq!(ProviderStaking::on_chain_storage_version(), one);
		assert_eq!(JobOrders::on_chain_storage_version(), one);
		assert_eq!(ChainParameters::on_chain_storage_version(), one);
	});
}
