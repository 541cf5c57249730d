//! The chains that can be started: presets of genesis.
//!
//! `development` is one validator and fast blocks, `local_testnet` two validators and the blocks of a
//! real chain. Both endow the well-known accounts, whose secrets everybody knows, and let Alice be root:
//! they are for trying things out. A chain for keeps writes its own genesis with `build-spec`.
//!
//! Every preset registers the programs of `zk/circuits/keys/programs.json`, so that nobody has to
//! register a program to multiply two matrices.

use alloc::{format, string::String, vec, vec::Vec};
use frame_support::build_struct_json_patch;
use lemma_primitives::{
	program::{LengthRule, OutputElement},
	AccountId, Balance, ProgramId, MAX_OUTPUT_BYTES, UNIT,
};
use serde_json::Value;
use sp_consensus_aura::sr25519::AuthorityId as AuraId;
use sp_consensus_grandpa::AuthorityId as GrandpaId;
use sp_core::H256;
use sp_genesis_builder::{PresetId, DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET};
use sp_keyring::{Ed25519Keyring, Sr25519Keyring};

use crate::{
	constants::time::{BLOCK_TIME_MS, DEVELOPMENT_BLOCK_TIME_MS},
	AuraConfig, BalancesConfig, ChainParametersConfig, GrandpaConfig, ProofVerificationConfig,
	RuntimeGenesisConfig, SudoConfig,
};

/// What each well-known account has: enough to order and to stake for a long time.
pub const ENDOWMENT: Balance = 1_000_000 * UNIT;

/// Ids and element types of the programs that genesis registers, as `lemma-zk-circuits keys` wrote them.
const PROGRAMS: &str = include_str!("../../zk/circuits/keys/programs.json");

/// A program as genesis registers it: id, output element, length rule, hash of the description.
pub type GenesisProgram = (ProgramId, OutputElement, LengthRule, H256);

/// The programs that every preset registers. Empty if the committed file is not what it should be; a
/// test sees to it that it is.
pub fn programs() -> Vec<GenesisProgram> {
	parse_programs(PROGRAMS).unwrap_or_default()
}

/// Reads the committed list of programs.
fn parse_programs(json: &str) -> Option<Vec<GenesisProgram>> {
	let list: Value = serde_json::from_str(json).ok()?;
	list.as_array()?
		.iter()
		.map(|entry| {
			let name = entry.get("name")?.as_str()?;
			let id: ProgramId = serde_json::from_value(prefixed(entry.get("id")?)?).ok()?;
			let element: OutputElement =
				serde_json::from_value(entry.get("element")?.clone()).ok()?;
			Some((id, element, length_rule(element)?, description(name)))
		})
		.collect()
}

/// A hash in the form that serde reads: with `0x` in front.
fn prefixed(id: &Value) -> Option<Value> {
	let id = id.as_str()?;
	Some(Value::String(format!(
		"0x{}",
		id.strip_prefix("0x").unwrap_or(id)
	)))
}

/// Any number of whole elements that travels in the settling extrinsic.
fn length_rule(element: OutputElement) -> Option<LengthRule> {
	let size = u32::try_from(element.size_bytes()).ok()?;
	Some(LengthRule {
		min: size,
		max: MAX_OUTPUT_BYTES,
		multiple_of: size,
	})
}

/// Hash of the text that describes a program of genesis. The text is fixed by this function, so that
/// anyone who knows the class's name can check it.
fn description(name: &str) -> H256 {
	sp_io::hashing::blake2_256(description_text(name).as_bytes()).into()
}

/// What a program of genesis is, in words; its blake2-256 stands in the registry.
pub fn description_text(name: &str) -> String {
	format!("Lemma program {name}, specified in docs/protocol of https://github.com/lemma-compute/lemma")
}

/// The preset of that name, as a patch over the default genesis.
pub fn preset(id: &PresetId) -> Option<Vec<u8>> {
	let patch = match id.as_str() {
		DEV_RUNTIME_PRESET => {
			well_known_genesis(&[Sr25519Keyring::Alice], DEVELOPMENT_BLOCK_TIME_MS)
		}
		LOCAL_TESTNET_RUNTIME_PRESET => {
			well_known_genesis(&[Sr25519Keyring::Alice, Sr25519Keyring::Bob], BLOCK_TIME_MS)
		}
		_ => return None,
	};
	serde_json::to_vec(&patch).ok()
}

/// Names of the presets.
pub fn preset_names() -> Vec<PresetId> {
	vec![
		PresetId::from(DEV_RUNTIME_PRESET),
		PresetId::from(LOCAL_TESTNET_RUNTIME_PRESET),
	]
}

/// Genesis with the well-known accounts: these validators, Alice as root, everybody rich.
// The macro serializes plain data, which cannot fail.
#[allow(clippy::expect_used)]
fn well_known_genesis(validators: &[Sr25519Keyring], block_time: u64) -> Value {
	let balances: Vec<(AccountId, Balance)> = Sr25519Keyring::well_known()
		.map(|account| (account.to_account_id(), ENDOWMENT))
		.collect();
	let aura: Vec<AuraId> = validators.iter().map(|key| key.public().into()).collect();
	let grandpa: Vec<(GrandpaId, u64)> = validators
		.iter()
		.filter_map(|key| grandpa_key(*key))
		.map(|key| (key.public().into(), 1))
		.collect();

	build_struct_json_patch!(RuntimeGenesisConfig {
		balances: BalancesConfig { balances },
		aura: AuraConfig { authorities: aura },
		grandpa: GrandpaConfig {
			authorities: grandpa
		},
		sudo: SudoConfig {
			key: Some(Sr25519Keyring::Alice.to_account_id())
		},
		chain_parameters: ChainParametersConfig { block_time },
		proof_verification: ProofVerificationConfig {
			programs: programs()
		},
	})
}

/// The Ed25519 key of the same name, with which the node votes on finality.
fn grandpa_key(key: Sr25519Keyring) -> Option<Ed25519Keyring> {
	match key {
		Sr25519Keyring::Alice => Some(Ed25519Keyring::Alice),
		Sr25519Keyring::Bob => Some(Ed25519Keyring::Bob),
		_ => None,
	}
}
