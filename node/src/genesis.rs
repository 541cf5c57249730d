//! The first block of a chain whose database is new.
//!
//! Genesis is what the runtime makes of the configuration in the chain specification. The SDK's builder compiles
//! the runtime for that alone, once or twice, at every start, whether or not the chain is in the database
//! already; each time takes seconds. This one asks the executor that runs the chain afterwards, which thus
//! compiles the runtime once, and only where there is no genesis yet.

use std::sync::Arc;

use codec::{Decode, Encode};
use lemma_runtime::opaque::Block;
use sc_chain_spec::json_merge;
use sc_client_api::Backend;
use sc_service::{BuildGenesisBlock, ChainSpec, GenesisBlockBuilder};
use serde_json::Value;
use sp_core::{
	bytes::from_hex,
	storage::{well_known_keys::CODE, Storage},
	traits::{CallContext, CodeExecutor, RuntimeCode, WrappedRuntimeCode},
};
use sp_io::hashing::blake2_256;
use sp_state_machine::BasicExternalities;

use crate::service::{Executor, FullBackend};

/// Makes the first block, if it is asked to.
pub struct Genesis<'a> {
	/// What the chain is.
	pub spec: &'a dyn ChainSpec,
	/// Whether its state is to be kept: not if it will be fetched from others.
	pub commit_state: bool,
	/// Where to.
	pub backend: Arc<FullBackend>,
	/// Runs the runtime.
	pub executor: Executor,
}

impl BuildGenesisBlock<Block> for Genesis<'_> {
	type BlockImportOperation = <FullBackend as Backend<Block>>::BlockImportOperation;

	fn build_genesis_block(self) -> sp_blockchain::Result<(Block, Self::BlockImportOperation)> {
		let storage = self.storage().map_err(sp_blockchain::Error::Storage)?;
		GenesisBlockBuilder::new_with_storage(
			storage,
			self.commit_state,
			self.backend,
			self.executor,
		)?
		.build_genesis_block()
	}
}

impl Genesis<'_> {
	fn storage(&self) -> Result<Storage, String> {
		let spec: Value =
			serde_json::from_str(&self.spec.as_json(false)?).map_err(|e| e.to_string())?;
		let genesis = &spec["genesis"]["runtimeGenesis"];
		let Some(code) = genesis["code"].as_str() else {
			// A raw specification holds the storage itself.
			return self.spec.build_storage();
		};
		let code =
			from_hex(code).map_err(|e| format!("the code in the chain specification: {e}"))?;
		let config = match &genesis["config"] {
			Value::Null => {
				let mut config = self.default_config(&code)?;
				json_merge(&mut config, genesis["patch"].clone());
				config
			}
			config => config.clone(),
		};
		let mut state = BasicExternalities::new_empty();
		let built: sp_genesis_builder::Result =
			self.ask(&code, &mut state, "build_state", &config.to_string())?;
		built.map_err(|e| format!("the genesis in the chain specification: {e}"))?;
		let mut storage = state.into_storages();
		storage.top.insert(CODE.to_vec(), code);
		Ok(storage)
	}

	/// The configuration that the one in the specification amends.
	fn default_config(&self, code: &[u8]) -> Result<Value, String> {
		let mut state = BasicExternalities::new_empty();
		let none: Option<sp_genesis_builder::PresetId> = None;
		let config: Option<Vec<u8>> = self.ask(code, &mut state, "get_preset", &none)?;
		let config = config.ok_or("the runtime has no default genesis")?;
		serde_json::from_slice(&config).map_err(|e| e.to_string())
	}

	/// Calls a method of the runtime's `GenesisBuilder`.
	fn ask<T: Decode>(
		&self,
		code: &[u8],
		state: &mut BasicExternalities,
		method: &str,
		argument: &impl Encode,
	) -> Result<T, String> {
		let runtime = RuntimeCode {
			code_fetcher: &WrappedRuntimeCode(code.into()),
			heap_pages: None,
			// By this hash the executor finds the compiled runtime again.
			hash: blake2_256(code).to_vec(),
		};
		let method = format!("GenesisBuilder_{method}");
		let (answer, _) = self.executor.call(
			state,
			&runtime,
			&method,
			&argument.encode(),
			CallContext::Offchain,
		);
		let answer = answer.map_err(|e| format!("{method}: {e}"))?;
		T::decode(&mut answer.as_slice()).map_err(|e| format!("{method}: {e}"))
	}
}
