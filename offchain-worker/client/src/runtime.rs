//! One version of the chain's runtime as a client sees it: its metadata, and what is derived from it.

use codec::{Decode, Encode};
use sp_core::H256;
use sp_runtime::{DispatchError, ModuleError};
use subxt::{
	client::{OfflineClient, OfflineClientAtBlock},
	config::substrate::{SpecVersionForRange, SubstrateConfig},
	ArcMetadata, Metadata,
};

use crate::error::{DispatchFailure, Error};

/// The configuration by which subxt speaks with a Lemma chain: Substrate's usual one.
pub type ChainConfig = SubstrateConfig;

/// A runtime version with its metadata.
pub struct Runtime {
	/// `spec_version`: changes with every upgrade.
	pub spec_version: u32,
	/// `transaction_version`: changes when calls change.
	pub transaction_version: u32,
	metadata: ArcMetadata,
	client: OfflineClientAtBlock<ChainConfig>,
}

impl std::fmt::Debug for Runtime {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		f.debug_struct("Runtime")
			.field("spec_version", &self.spec_version)
			.finish_non_exhaustive()
	}
}

/// An event of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
	/// Index of the extrinsic that emitted it; `None` for hooks.
	pub extrinsic: Option<u32>,
	/// Name of the pallet.
	pub pallet: String,
	/// Name of the event.
	pub name: String,
	/// Its fields, SCALE-encoded one after the other.
	pub fields: Vec<u8>,
}

impl Event {
	/// Whether it is this event of this pallet.
	pub fn is(&self, pallet: &str, name: &str) -> bool {
		self.pallet == pallet && self.name == name
	}

	/// The first fields, decoded; `None` if the bytes are not theirs.
	pub fn decode_fields<T: Decode>(&self) -> Option<T> {
		T::decode(&mut self.fields.as_slice()).ok()
	}
}

impl Runtime {
	/// From the chain's genesis, the runtime's versions and the metadata's bytes.
	pub(crate) fn new(
		genesis: H256,
		spec_version: u32,
		transaction_version: u32,
		metadata: &[u8],
	) -> Result<Self, Error> {
		let unreadable = |reason: String| Error::Unreadable {
			what: "metadata".into(),
			reason,
		};
		let metadata = Metadata::decode_from(metadata)
			.map_err(|e| unreadable(e.to_string()))?
			.arc();
		let config = SubstrateConfig::builder()
			.set_genesis_hash(genesis)
			.set_spec_version_for_block_ranges([SpecVersionForRange {
				block_range: 0..u64::MAX,
				spec_version,
				transaction_version,
			}])
			.set_metadata_for_spec_versions([(spec_version, metadata.clone())])
			.build();
		let client = OfflineClient::new_with_config(config)
			.at_block(0u64)
			.map_err(|e| unreadable(e.to_string()))?;
		Ok(Self {
			spec_version,
			transaction_version,
			metadata,
			client,
		})
	}

	/// The metadata.
	pub fn metadata(&self) -> &Metadata {
		&self.metadata
	}

	/// subxt's client for this version, which signs and decodes without a connection.
	pub fn client(&self) -> &OfflineClientAtBlock<ChainConfig> {
		&self.client
	}

	/// A constant of a pallet, decoded.
	pub fn constant<T: Decode>(&self, pallet: &str, name: &str) -> Option<T> {
		let pallet = self.metadata.pallet_by_name(pallet)?;
		T::decode(&mut pallet.constant_by_name(name)?.value()).ok()
	}

	/// The events of a block, from the bytes of `System.Events`.
	pub(crate) fn events(&self, bytes: Vec<u8>) -> Result<Vec<Event>, Error> {
		self.client
			.events()
			.from_bytes(bytes)
			.iter()
			.map(|event| {
				let event = event.map_err(|e| Error::Unreadable {
					what: "System.Events".into(),
					reason: e.to_string(),
				})?;
				Ok(Event {
					extrinsic: match event.phase() {
						subxt::events::Phase::ApplyExtrinsic(index) => Some(index),
						_ => None,
					},
					pallet: event.pallet_name().into(),
					name: event.event_name().into(),
					fields: event.field_bytes().to_vec(),
				})
			})
			.collect()
	}

	/// What a dispatch error means, by the metadata's names and documentation.
	pub fn explain(&self, error: &DispatchError) -> DispatchFailure {
		if let DispatchError::Module(ModuleError { index, error, .. }) = error {
			let variant = self
				.metadata
				.pallet_by_error_index(*index)
				.and_then(|pallet| {
					Some((
						pallet.name().to_string(),
						pallet.error_variant_by_index(error[0])?,
					))
				});
			return match variant {
				Some((pallet, variant)) => DispatchFailure {
					pallet: Some(pallet),
					name: variant.name.clone(),
					docs: variant.docs.join(" ").trim().into(),
				},
				None => DispatchFailure {
					pallet: None,
					name: format!("error {} of pallet {index}", error[0]),
					docs: String::new(),
				},
			};
		}
		let text: &'static str = (*error).into();
		let name = match error {
			DispatchError::Token(token) => format!("{token:?}"),
			other => format!("{other:?}"),
		};
		DispatchFailure {
			pallet: None,
			name,
			docs: text.into(),
		}
	}

	/// A call as it appears in a block's extrinsic: pallet, name and SCALE-encoded arguments.
	///
	/// Only for extrinsics of the version of this runtime.
	pub(crate) async fn decode_call(
		&self,
		extrinsic: Vec<u8>,
	) -> Result<(String, String, Vec<u8>), Error> {
		let unreadable = |reason: String| Error::Unreadable {
			what: "extrinsic".into(),
			reason,
		};
		let extrinsics = self.client.extrinsics().from_bytes(vec![extrinsic]).await;
		let decoded = extrinsics
			.iter()
			.next()
			.ok_or_else(|| unreadable("it is empty".into()))?
			.map_err(|e| unreadable(e.to_string()))?;
		Ok((
			decoded.pallet_name().into(),
			decoded.call_name().into(),
			decoded.call_data_field_bytes().to_vec(),
		))
	}
}

/// Key of a storage value without a map.
pub fn storage_value_key(pallet: &str, item: &str) -> Vec<u8> {
	let mut key = sp_crypto_hashing::twox_128(pallet.as_bytes()).to_vec();
	key.extend(sp_crypto_hashing::twox_128(item.as_bytes()));
	key
}

/// Key of an entry of a storage map with the hasher `Blake2_128Concat`.
pub fn storage_map_key(pallet: &str, item: &str, key: &impl Encode) -> Vec<u8> {
	let encoded = key.encode();
	let mut full = storage_value_key(pallet, item);
	full.extend(sp_crypto_hashing::blake2_128(&encoded));
	full.extend(encoded);
	full
}

/// Key of an entry of a storage map with the hasher `Twox64Concat`.
pub fn storage_number_key(pallet: &str, item: &str, number: u64) -> Vec<u8> {
	let encoded = number.encode();
	let mut full = storage_value_key(pallet, item);
	full.extend(sp_crypto_hashing::twox_64(&encoded));
	full.extend(encoded);
	full
}
