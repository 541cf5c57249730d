//! A connection to a node of a Lemma chain, and what can be read through it.
//!
//! Reads go through the runtime API by `state_call`, so that they are consistent within a block and
//! decoded with the very types that the runtime encodes. A broken connection is renewed in the
//! background; a read during an outage fails with [`Error::Disconnected`] after the request timeout.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use codec::{Decode, Encode};
use sp_core::H256;
use subxt::config::{
	substrate::{SubstrateConfig, SubstrateHeader},
	RpcConfigFor,
};
use subxt_rpcs::{
	client::{
		reconnecting_rpc_client::{
			ExponentialBackoff, PingConfig, RpcClient as ReconnectingRpcClient,
		},
		RpcClient, RpcSubscription,
	},
	methods::legacy::{LegacyRpcMethods, NumberOrHex},
	Error as RpcError,
};
use tokio::sync::Mutex;

use crate::{
	address::{public_text, public_url},
	blake2_256,
	error::Error,
	runtime::{storage_value_key, Event, Runtime},
};

/// A block's header.
pub type Header = SubstrateHeader<H256>;

/// A block: its height and its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub struct BlockRef {
	/// Height.
	pub number: u32,
	/// Hash of the header.
	pub hash: H256,
}

/// A block with what was put into it.
#[derive(Clone, Debug)]
pub struct Block {
	/// Hash of the header; checked against it.
	pub hash: H256,
	/// The header.
	pub header: Header,
	/// The extrinsics, encoded as they are on chain.
	pub extrinsics: Vec<Vec<u8>>,
}

/// The state in which something is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
	/// That of the best block: newest, may yet be undone.
	Best,
	/// That of the newest finalized block: cannot be undone.
	Finalized,
	/// That of one block.
	Block(H256),
}

impl From<BlockRef> for At {
	fn from(block: BlockRef) -> Self {
		Self::Block(block.hash)
	}
}

/// How a connection behaves.
#[derive(Clone, Copy, Debug)]
pub struct Options {
	/// Longest wait for the first connection.
	pub connect_timeout: Duration,
	/// Longest wait for one answer, reconnection included.
	pub request_timeout: Duration,
}

impl Default for Options {
	fn default() -> Self {
		Self {
			connect_timeout: Duration::from_secs(10),
			request_timeout: Duration::from_secs(30),
		}
	}
}

/// A connection to a node. Cheap to clone; clones share the connection.
#[derive(Clone, Debug)]
pub struct Client {
	inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
	/// As it may be shown.
	url: String,
	rpc: RpcClient,
	legacy: LegacyRpcMethods<RpcConfigFor<SubstrateConfig>>,
	genesis: H256,
	options: Options,
	/// By spec version. A chain has few in a client's lifetime.
	runtimes: Mutex<BTreeMap<u32, Arc<Runtime>>>,
}

impl Client {
	/// Connects to the node at a WebSocket URL such as `ws://127.0.0.1:9944`.
	pub async fn connect(url: &str) -> Result<Self, Error> {
		Self::connect_with(url, Options::default()).await
	}

	/// As [`Self::connect`], with other timeouts.
	pub async fn connect_with(url: &str, options: Options) -> Result<Self, Error> {
		let valid = url::Url::parse(url)
			.is_ok_and(|parsed| ["ws", "wss"].contains(&parsed.scheme()) && parsed.has_host());
		if !valid {
			return Err(Error::BadUrl {
				url: public_url(url),
			});
		}
		let no_node = |reason: String| Error::NoNode {
			url: public_url(url),
			reason,
		};
		// The reconnecting client would wait for a node that is not there; this one fails at once.
		let probe = RpcClient::from_insecure_url(url);
		match tokio::time::timeout(options.connect_timeout, probe).await {
			Err(_) => return Err(no_node("no answer in time".into())),
			Ok(Err(e)) => return Err(no_node(innermost(&e))),
			Ok(Ok(_)) => {}
		}
		// 0.2, 0.4, 0.8, 1.6 s, then every 2 s: whoever has a deadline on the chain must not wait long
		// for a node that is back.
		let retries = ExponentialBackoff::from_millis(2).factor(100);
		// Without pings a connection that was cut without a word would look sound for a quarter of an hour.
		let pings = PingConfig::new()
			.ping_interval(Duration::from_secs(5))
			.inactive_limit(Duration::from_secs(20));
		let reconnecting = ReconnectingRpcClient::builder()
			.retry_policy(retries.max_delay(Duration::from_secs(2)))
			.enable_ws_ping(pings)
			.request_timeout(options.request_timeout)
			.build(url);
		let reconnecting = tokio::time::timeout(options.connect_timeout, reconnecting)
			.await
			.map_err(|_| no_node("no answer in time".into()))?
			.map_err(|e| no_node(innermost(&e)))?;
		let rpc = RpcClient::new(reconnecting);
		let legacy = LegacyRpcMethods::new(rpc.clone());
		let genesis = tokio::time::timeout(options.request_timeout, legacy.genesis_hash())
			.await
			.map_err(|_| no_node("no answer in time".into()))?
			.map_err(|e| no_node(innermost(&e)))?;
		let inner = Inner {
			url: public_url(url),
			rpc,
			legacy,
			genesis,
			options,
			runtimes: Mutex::default(),
		};
		Ok(Self {
			inner: Arc::new(inner),
		})
	}

	/// A client of whatever answers, for tests.
	#[cfg(test)]
	pub(crate) fn over(rpc: RpcClient, genesis: H256) -> Self {
		let inner = Inner {
			url: "ws://127.0.0.1:9".into(),
			legacy: LegacyRpcMethods::new(rpc.clone()),
			rpc,
			genesis,
			options: Options::default(),
			runtimes: Mutex::default(),
		};
		Self {
			inner: Arc::new(inner),
		}
	}

	/// The node's address, as [`public_url`] shows it.
	pub fn url(&self) -> &str {
		&self.inner.url
	}

	/// Hash of the chain's first block: the chain's identity.
	pub fn genesis_hash(&self) -> H256 {
		self.inner.genesis
	}

	/// Fails unless the node's chain has this genesis hash.
	pub fn expect_genesis(&self, expected: H256) -> Result<(), Error> {
		match self.inner.genesis {
			found if found == expected => Ok(()),
			found => Err(Error::WrongChain { expected, found }),
		}
	}

	/// The node's JSON-RPC, for requests that this crate does not wrap.
	pub fn rpc(&self) -> &RpcClient {
		&self.inner.rpc
	}

	// Blocks

	/// The best block.
	pub async fn best(&self) -> Result<BlockRef, Error> {
		let legacy = &self.inner.legacy;
		let header = self
			.read("chain_getHeader", || legacy.chain_get_header(None))
			.await?;
		header
			.map(|header| block_ref(&header))
			.ok_or_else(|| Error::Unreadable {
				what: "chain_getHeader".into(),
				reason: "there is no best block".into(),
			})
	}

	/// The newest finalized block.
	pub async fn finalized(&self) -> Result<BlockRef, Error> {
		let legacy = &self.inner.legacy;
		let hash = self
			.read("chain_getFinalizedHead", || {
				legacy.chain_get_finalized_head()
			})
			.await?;
		Ok(block_ref(&self.header(hash).await?))
	}

	/// Hash of the block of this height on the node's best chain, if it is that long.
	pub async fn block_hash(&self, number: u32) -> Result<Option<H256>, Error> {
		let legacy = &self.inner.legacy;
		let number = NumberOrHex::Number(number.into());
		self.read("chain_getBlockHash", || {
			legacy.chain_get_block_hash(Some(number))
		})
		.await
	}

	/// A block's header, checked against the hash.
	pub async fn header(&self, hash: H256) -> Result<Header, Error> {
		let legacy = &self.inner.legacy;
		let header = self
			.read("chain_getHeader", || legacy.chain_get_header(Some(hash)))
			.await?;
		let header = header.ok_or_else(|| Error::Pruned {
			block: format!("{hash:#x}"),
		})?;
		check_hash(&header, hash)?;
		Ok(header)
	}

	/// A block with its extrinsics; its header is checked against the hash, its extrinsics are not.
	pub async fn block(&self, hash: H256) -> Result<Block, Error> {
		let legacy = &self.inner.legacy;
		let details = self
			.read("chain_getBlock", || legacy.chain_get_block(Some(hash)))
			.await?;
		let block = details
			.ok_or_else(|| Error::Pruned {
				block: format!("{hash:#x}"),
			})?
			.block;
		check_hash(&block.header, hash)?;
		let extrinsics = block.extrinsics.into_iter().map(|bytes| bytes.0).collect();
		Ok(Block {
			hash,
			header: block.header,
			extrinsics,
		})
	}

	/// A block's header, checked against the hash, and its justifications by engine.
	pub async fn justifications(
		&self,
		hash: H256,
	) -> Result<(Header, Vec<([u8; 4], Vec<u8>)>), Error> {
		let legacy = &self.inner.legacy;
		let details = self
			.read("chain_getBlock", || legacy.chain_get_block(Some(hash)))
			.await?;
		let details = details.ok_or_else(|| Error::Pruned {
			block: format!("{hash:#x}"),
		})?;
		check_hash(&details.block.header, hash)?;
		Ok((
			details.block.header,
			details.justifications.unwrap_or_default(),
		))
	}

	/// The events of a block.
	pub async fn events(&self, hash: H256) -> Result<Vec<Event>, Error> {
		let runtime = self.runtime(At::Block(hash)).await?;
		let bytes = self
			.storage(&storage_value_key("System", "Events"), At::Block(hash))
			.await?;
		runtime.events(bytes.unwrap_or_default())
	}

	/// The best blocks as they come. See [`Blocks`].
	pub fn best_blocks(&self) -> Blocks {
		Blocks {
			client: self.clone(),
			finalized: false,
			subscription: None,
		}
	}

	/// The finalized blocks as they come. See [`Blocks`].
	pub fn finalized_blocks(&self) -> Blocks {
		Blocks {
			client: self.clone(),
			finalized: true,
			subscription: None,
		}
	}

	/// Milliseconds between blocks.
	pub async fn block_time(&self) -> Result<Duration, Error> {
		Ok(Duration::from_millis(
			self.call("AuraApi_slot_duration", &(), At::Best).await?,
		))
	}

	/// Whether the node is still catching up with the chain.
	pub async fn is_syncing(&self) -> Result<bool, Error> {
		let legacy = &self.inner.legacy;
		Ok(self
			.read("system_health", || legacy.system_health())
			.await?
			.is_syncing)
	}

	// What the rest is built from

	/// A value of the state, by its full key.
	pub async fn storage(&self, key: &[u8], at: At) -> Result<Option<Vec<u8>>, Error> {
		let legacy = &self.inner.legacy;
		let hash = Some(self.resolve(at).await?);
		self.read("state_getStorage", || legacy.state_get_storage(key, hash))
			.await
	}

	/// Calls a method of the runtime API and decodes what it returns.
	pub async fn call<T: Decode>(
		&self,
		method: &str,
		arguments: &impl Encode,
		at: At,
	) -> Result<T, Error> {
		let legacy = &self.inner.legacy;
		let arguments = arguments.encode();
		let hash = match at {
			At::Best => None,
			other => Some(self.resolve(other).await?),
		};
		let bytes = self
			.read(method, || legacy.state_call(method, Some(&arguments), hash))
			.await?;
		decode(method, &bytes)
	}

	/// The runtime of a block, with its metadata; kept, since it rarely changes.
	pub async fn runtime(&self, at: At) -> Result<Arc<Runtime>, Error> {
		let legacy = &self.inner.legacy;
		let hash = self.resolve(at).await?;
		let version = self
			.read("state_getRuntimeVersion", || {
				legacy.state_get_runtime_version(Some(hash))
			})
			.await?;
		let mut runtimes = self.inner.runtimes.lock().await;
		if let Some(runtime) = runtimes.get(&version.spec_version) {
			return Ok(runtime.clone());
		}
		const METADATA_VERSION: u32 = 15;
		let metadata: Option<Vec<u8>> = self
			.call(
				"Metadata_metadata_at_version",
				&METADATA_VERSION,
				At::Block(hash),
			)
			.await?;
		let metadata = metadata.ok_or_else(|| Error::Unreadable {
			what: "Metadata_metadata_at_version".into(),
			reason: "the runtime has no metadata of version 15".into(),
		})?;
		let runtime = Arc::new(Runtime::new(
			self.inner.genesis,
			version.spec_version,
			version.transaction_version,
			&metadata,
		)?);
		runtimes.insert(version.spec_version, runtime.clone());
		Ok(runtime)
	}

	/// The hash of the block that `at` names.
	pub async fn resolve(&self, at: At) -> Result<H256, Error> {
		Ok(match at {
			At::Best => self.best().await?.hash,
			At::Finalized => {
				let legacy = &self.inner.legacy;
				self.read("chain_getFinalizedHead", || {
					legacy.chain_get_finalized_head()
				})
				.await?
			}
			At::Block(hash) => hash,
		})
	}

	/// Makes a request that may be repeated, again after a reconnection, for as long as the timeout.
	pub(crate) async fn read<T, F, Fut>(&self, method: &str, request: F) -> Result<T, Error>
	where
		F: Fn() -> Fut,
		Fut: Future<Output = Result<T, RpcError>>,
	{
		let timeout = self.inner.options.request_timeout;
		let repeat = async {
			loop {
				match request().await {
					Err(e) if e.is_disconnected_will_reconnect() => {
						tokio::time::sleep(Duration::from_millis(200)).await;
					}
					other => return other,
				}
			}
		};
		match tokio::time::timeout(timeout, repeat).await {
			Ok(Ok(answer)) => Ok(answer),
			Ok(Err(e)) => Err(self.rpc_error(method, e)),
			Err(_) => Err(Error::Disconnected {
				url: self.inner.url.clone(),
				reason: format!("no answer to {method} within {} s", timeout.as_secs()),
			}),
		}
	}

	pub(crate) fn legacy(&self) -> &LegacyRpcMethods<RpcConfigFor<SubstrateConfig>> {
		&self.inner.legacy
	}

	fn rpc_error(&self, method: &str, error: RpcError) -> Error {
		match error {
			RpcError::User(e) => {
				let data = e.data.as_ref().map(|data| {
					let raw = data.get();
					serde_json::from_str::<String>(raw).unwrap_or_else(|_| raw.into())
				});
				let data = data.unwrap_or_default();
				if method.starts_with("author_") {
					if let Some(error) =
						crate::error::PoolError::from_rpc(e.code, &e.message, &data)
					{
						return error.into();
					}
				}
				// sp-blockchain's texts for state that pruning took, and for unknown blocks.
				let text = format!("{} {data}", e.message);
				let pruned = [
					"State already discarded",
					"UnknownBlock",
					"nknown block",
					"unknown Block",
				];
				if pruned.iter().any(|mark| text.contains(mark)) {
					return Error::Pruned { block: text };
				}
				Error::Rpc {
					method: method.into(),
					code: e.code,
					message: text.trim().into(),
				}
			}
			RpcError::Deserialization(e) => Error::Unreadable {
				what: method.into(),
				reason: e.to_string(),
			},
			RpcError::Decode(e) => Error::Unreadable {
				what: method.into(),
				reason: e.to_string(),
			},
			other => Error::Disconnected {
				url: self.inner.url.clone(),
				reason: innermost(&other),
			},
		}
	}
}

/// Blocks as the node announces them, newest last. A lost subscription is renewed; what was announced
/// meanwhile is not repeated, and when several blocks are finalized at once only the last is told.
#[derive(Debug)]
pub struct Blocks {
	client: Client,
	finalized: bool,
	subscription: Option<RpcSubscription<Header>>,
}

impl Blocks {
	/// Waits for the next block. After an error it may be called again.
	pub async fn next(&mut self) -> Result<BlockRef, Error> {
		loop {
			if let Some(subscription) = &mut self.subscription {
				if let Some(Ok(header)) = subscription.next().await {
					return Ok(block_ref(&header));
				}
				self.subscription = None;
			}
			let legacy = self.client.legacy();
			let subscription = if self.finalized {
				let subscribe = || legacy.chain_subscribe_finalized_heads();
				self.client
					.read("chain_subscribeFinalizedHeads", subscribe)
					.await?
			} else {
				let subscribe = || legacy.chain_subscribe_new_heads();
				self.client
					.read("chain_subscribeNewHeads", subscribe)
					.await?
			};
			self.subscription = Some(subscription);
		}
	}
}

/// Hash of a header.
pub fn header_hash(header: &Header) -> H256 {
	blake2_256(&header.encode())
}

fn block_ref(header: &Header) -> BlockRef {
	// Heights are u32 on chain; the header type is generic.
	let number = u32::try_from(header.number).unwrap_or(u32::MAX);
	BlockRef {
		number,
		hash: header_hash(header),
	}
}

fn check_hash(header: &Header, hash: H256) -> Result<(), Error> {
	if header_hash(header) == hash {
		return Ok(());
	}
	Err(Error::Unreadable {
		what: "header".into(),
		reason: format!("it does not have the hash {hash:#x} under which it was asked for"),
	})
}

pub(crate) fn decode<T: Decode>(what: &str, bytes: &[u8]) -> Result<T, Error> {
	T::decode(&mut &bytes[..]).map_err(|e| Error::Unreadable {
		what: what.into(),
		reason: e.to_string(),
	})
}

/// The text of the error at the bottom of a chain of sources: the one that says what happened.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
	let mut error = error;
	while let Some(source) = error.source() {
		error = source;
	}
	// subxt's errors repeat where they come from before they say what happened.
	let text = error.to_string();
	let text = text.rsplit("client error: ").next().unwrap_or_default();
	// Where a node redirects to may repeat the key in its address.
	let text = text.split(" and location: ").next().unwrap_or_default();
	public_text(text)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[tokio::test]
	async fn connecting_should_fail_with_a_sentence_when_no_node_listens() {
		let error = Client::connect("ws://127.0.0.1:9")
			.await
			.expect_err("nothing listens there");
		assert!(matches!(error, Error::NoNode { .. }), "{error:?}");
		assert!(error.to_string().contains("--node"), "{error}");
		assert!(error.is_transient());
	}

	#[tokio::test]
	async fn an_error_should_not_show_the_key_of_a_hosted_node() {
		for (url, shown) in [
			(
				"ws://user:SECRET@127.0.0.1:9/v1/SECRET?key=SECRET",
				"at ws://127.0.0.1:9 (",
			),
			("https://node.example/v1/SECRET", "https://node.example is"),
			("ws:/user:SECRET@host:port/", "the given address is"),
		] {
			let error = Client::connect(url).await.expect_err("no node");
			let (text, debug) = (error.to_string(), format!("{error:?}"));
			assert!(text.contains(shown), "{text}");
			assert!(!text.contains("SECRET"), "{text}");
			assert!(!debug.contains("SECRET"), "{debug}");
		}
	}

	#[test]
	fn a_redirection_should_be_told_without_where_it_leads() {
		let error = std::io::Error::other(
			"client error: Connection redirected with status code: 301 and location: /v1/SECRET/",
		);
		assert_eq!(
			innermost(&error),
			"Connection redirected with status code: 301"
		);
	}

	#[tokio::test]
	async fn connecting_should_fail_when_the_url_is_not_one_of_a_websocket() {
		for url in ["http://127.0.0.1:9944", "127.0.0.1:9944", "", "ws://"] {
			let error = Client::connect(url).await.expect_err("no node's address");
			assert!(matches!(error, Error::BadUrl { .. }), "{url}: {error:?}");
		}
	}
}
