//! The chains that the node knows by name. What is in their genesis is the runtime's business: see
//! `lemma_runtime::genesis`.

use lemma_runtime::{genesis, WASM_BINARY};
use sc_service::ChainType;
use serde_json::{json, Value};
use sp_genesis_builder::{DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET};

/// A chain: its genesis, its boot nodes, what wallets show of its currency.
pub type ChainSpec = sc_service::GenericChainSpec;

/// One validator, blocks of two seconds.
pub fn development() -> Result<ChainSpec, String> {
	Ok(builder()?
		.with_name("Lemma Development")
		.with_id("lemma_dev")
		.with_chain_type(ChainType::Development)
		.with_genesis_config_patch(preset(DEV_RUNTIME_PRESET)?)
		.build())
}

/// Two validators, Alice and Bob, blocks of six seconds.
pub fn local_testnet() -> Result<ChainSpec, String> {
	Ok(builder()?
		.with_name("Lemma Local Testnet")
		.with_id("lemma_local")
		.with_chain_type(ChainType::Local)
		.with_genesis_config_patch(preset(LOCAL_TESTNET_RUNTIME_PRESET)?)
		.build())
}

/// A preset of the runtime. It is read natively: to read it from the Wasm, that would have to be compiled first.
fn preset(name: &str) -> Result<Value, String> {
	genesis::preset(&name.into())
		.and_then(|patch| serde_json::from_slice(&patch).ok())
		.ok_or_else(|| format!("the runtime has no preset {name}"))
}

fn builder() -> Result<sc_chain_spec::ChainSpecBuilder, String> {
	let code = WASM_BINARY.ok_or(
		"this node was built without its Wasm runtime; build it again without SKIP_WASM_BUILD",
	)?;
	let mut properties = sc_service::Properties::new();
	properties.insert("tokenSymbol".into(), json!("LEM"));
	properties.insert("tokenDecimals".into(), json!(12));
	properties.insert("ss58Format".into(), json!(42));
	Ok(ChainSpec::builder(code, None)
		.with_properties(properties)
		.with_protocol_id("lemma"))
}
