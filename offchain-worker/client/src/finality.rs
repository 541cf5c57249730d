//! That a block is final, and that its state holds a value, shown by proofs that start from nothing but
//! the chain's genesis hash.
//!
//! The genesis hash fixes the genesis header, whose state root fixes the first validators. A justification
//! is the signatures by which they finalized a block; headers lead back from it to the block in question.
//! Validators that were replaced since genesis are not followed: then there is only the node's word.

use std::collections::BTreeMap;

use codec::{Decode, Encode};
use finality_grandpa::{Message, SignedPrecommit};
use sp_consensus_grandpa::{
	check_message_signature, AuthorityId, AuthorityList, AuthoritySignature, GrandpaJustification,
	SignatureResult, GRANDPA_ENGINE_ID,
};
use sp_core::H256;
use sp_runtime::{generic, traits::BlakeTwo256};
use sp_trie::{read_trie_value, LayoutV1, StorageProof};
use subxt_rpcs::{client::RpcParams, methods::legacy::ReadProof};

use crate::{blake2_256, chain::Client, error::Error, runtime::storage_value_key};

/// A header, as GRANDPA's types have it.
type GrandpaHeader = generic::Header<u32, BlakeTwo256>;

/// A validator's vote to finalize a block.
type Vote = SignedPrecommit<H256, u32, AuthoritySignature, AuthorityId>;

/// In how many blocks behind the one in question a justification is looked for.
const MAX_HEADERS: u32 = 512;

/// The validators of genesis are set 0; a change of them would begin another.
const GENESIS_SET: u64 = 0;

/// The last set of validators that is told from none at all.
const LAST_SET: u64 = 64;

/// A proof that a block is final.
#[derive(Clone, Debug, Encode, Decode)]
pub struct Finality {
	/// The genesis header.
	pub genesis_header: Vec<u8>,
	/// Trie nodes of the genesis state that hold the first validators.
	pub validators: Vec<Vec<u8>>,
	/// The headers behind the block in question, up to the one that is justified.
	pub headers: Vec<Vec<u8>>,
	/// GRANDPA's justification of the last of them, or of the block itself if there are none.
	pub justification: Vec<u8>,
}

/// Why a proof does not show that a block is final.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotProven {
	/// It is no proof of that.
	#[error("{0}")]
	Wrong(String),
	/// Its votes are of validators who took the place of those of genesis: they may have finalized the block, but who they
	/// are is not known here.
	#[error(
		"the validators were changed: the votes are those of set {set}, and only those of genesis, set 0, are known here"
	)]
	ValidatorsChanged {
		/// Number of their set.
		set: u64,
	},
}

impl From<String> for NotProven {
	fn from(why: String) -> Self {
		Self::Wrong(why)
	}
}

impl From<&str> for NotProven {
	fn from(why: &str) -> Self {
		Self::Wrong(why.into())
	}
}

/// Asks a node for the proof that the block of this height is final; the text says why there is none.
pub async fn fetch(client: &Client, number: u32) -> Result<Finality, String> {
	collect(client, number).await.map_err(|e| e.to_string())?
}

async fn collect(client: &Client, number: u32) -> Result<Result<Finality, String>, Error> {
	let Some(validators) = genesis_validators(client).await? else {
		return Ok(Err(
			"the node has neither the genesis state, which names the first validators, nor a proof \
			 of them: ask another node"
				.into(),
		));
	};
	let genesis_header = client.header(client.genesis_hash()).await?.encode();
	let last = client
		.finalized()
		.await?
		.number
		.min(number.saturating_add(MAX_HEADERS));
	let mut headers = Vec::new();
	for height in number..=last {
		let Some(hash) = client.block_hash(height).await? else {
			break;
		};
		let (header, justifications) = client.justifications(hash).await?;
		if height > number {
			headers.push(header.encode());
		}
		let mut ours = justifications
			.into_iter()
			.filter(|(id, _)| *id == GRANDPA_ENGINE_ID);
		if let Some((_, justification)) = ours.next() {
			return Ok(Ok(Finality {
				genesis_header,
				validators,
				headers,
				justification,
			}));
		}
	}
	Ok(Err(
		"no block since has a justification yet: wait for more blocks".into(),
	))
}

/// Trie nodes that prove who the first validators are, if the node has them.
///
/// Nodes keep them from their first start on, because the state from which they are read is pruned after a
/// while. The state itself is asked for at nodes that do not know the method, being older, and at those that
/// know it but have nothing to answer, being synced by an older version: as archives they have the state.
async fn genesis_validators(client: &Client) -> Result<Option<Vec<Vec<u8>>>, Error> {
	const METHOD: &str = "lemma_genesisValidators";
	let rpc = client.rpc();
	let request = || rpc.request::<ReadProof<H256>>(METHOD, RpcParams::new());
	match client.read(METHOD, request).await.map(trie_nodes) {
		Err(Error::Pruned { .. } | Error::Rpc { .. }) => {}
		other => return other.map(Some),
	}
	let key = storage_value_key("Grandpa", "Authorities");
	let read = read_proof(client, &key, client.genesis_hash()).await;
	match read {
		Err(Error::Pruned { .. } | Error::Rpc { .. }) => Ok(None),
		other => other.map(Some),
	}
}

/// Trie nodes that prove what the state of a block holds under a key.
pub async fn read_proof(client: &Client, key: &[u8], block: H256) -> Result<Vec<Vec<u8>>, Error> {
	let legacy = client.legacy();
	let request = || legacy.state_get_read_proof([key], Some(block));
	client
		.read("state_getReadProof", request)
		.await
		.map(trie_nodes)
}

fn trie_nodes(answer: ReadProof<H256>) -> Vec<Vec<u8>> {
	answer.proof.into_iter().map(|node| node.0).collect()
}

/// What the state of this root holds under a key, by trie nodes that prove it.
pub fn proven_value(root: H256, key: &[u8], nodes: &[Vec<u8>]) -> Result<Option<Vec<u8>>, String> {
	let database = StorageProof::new(nodes.iter().cloned()).into_memory_db::<BlakeTwo256>();
	read_trie_value::<LayoutV1<BlakeTwo256>, _>(&database, &root, key, None, None)
		.map_err(|_| "its trie nodes do not lead from the state root to the value".into())
}

impl Finality {
	/// Checks that the chain of this genesis hash has finalized this block. What it says is for people.
	pub fn check(&self, genesis: H256, block: H256) -> Result<String, NotProven> {
		let validators = self.validators(genesis)?;
		let mut last = block;
		for header in &self.headers {
			if decode_header(header)?.parent_hash != last {
				return Err("the headers behind the block do not follow each other".into());
			}
			last = blake2_256(header);
		}
		let justification: GrandpaJustification<GrandpaHeader> =
			decode_all(&self.justification).ok_or("the justification cannot be read")?;
		if justification.commit.target_hash != last {
			return Err("the justification is of another block".into());
		}
		let (signed, total) = weigh(&validators, &justification)?;
		// GRANDPA's threshold: more than two thirds.
		let faulty = total.saturating_sub(1) / 3;
		if signed < total - faulty {
			let later = (signed == 0).then(|| later_set(&justification)).flatten();
			return Err(match later {
				Some(set) => NotProven::ValidatorsChanged { set },
				None => NotProven::Wrong(format!(
					"only {signed} of {total} votes of the genesis validators finalize it: they were \
					 replaced since, or this is not their chain"
				)),
			});
		}
		Ok(format!(
			"{signed} of {total} votes of the genesis validators finalized it"
		))
	}

	fn validators(&self, genesis: H256) -> Result<AuthorityList, String> {
		if blake2_256(&self.genesis_header) != genesis {
			return Err("the genesis header is not the genesis hash's".into());
		}
		let header = decode_header(&self.genesis_header)?;
		let key = storage_value_key("Grandpa", "Authorities");
		let value = proven_value(header.state_root, &key, &self.validators)?;
		let value = value.ok_or("the genesis state names no validators")?;
		let validators: AuthorityList =
			decode_all(&value).ok_or("the genesis validators cannot be read")?;
		match validators.is_empty() {
			true => Err("the genesis state names no validators".into()),
			false => Ok(validators),
		}
	}
}

/// The weight of all validators that signed for the justified block or one behind it, and that of all.
/// A signature that does not count is passed over: it takes nothing from those that do.
fn weigh(
	validators: &AuthorityList,
	justification: &GrandpaJustification<GrandpaHeader>,
) -> Result<(u64, u64), String> {
	let target = justification.commit.target_hash;
	let parents: BTreeMap<H256, H256> = justification
		.votes_ancestries
		.iter()
		.map(|header| (blake2_256(&header.encode()), header.parent_hash))
		.collect();
	let leads_to_target = |mut hash: H256| {
		for _ in 0..=parents.len() {
			if hash == target {
				return true;
			}
			match parents.get(&hash) {
				Some(parent) => hash = *parent,
				None => return false,
			}
		}
		false
	};
	let mut outstanding: BTreeMap<&AuthorityId, u64> = BTreeMap::new();
	let mut total: u64 = 0;
	for (id, weight) in validators {
		let known = outstanding.entry(id).or_default();
		*known = known
			.checked_add(*weight)
			.ok_or("the validators' weights overflow")?;
		total = total
			.checked_add(*weight)
			.ok_or("the validators' weights overflow")?;
	}
	let mut signed: u64 = 0;
	for vote in &justification.commit.precommits {
		if is_signed(vote, justification.round, GENESIS_SET)
			&& leads_to_target(vote.precommit.target_hash)
		{
			// Taken out, so that no validator counts twice.
			signed += outstanding.remove(&vote.id).unwrap_or(0);
		}
	}
	Ok((signed, total))
}

/// Whether a vote is signed by its validator as one of this set.
fn is_signed(vote: &Vote, round: u64, set: u64) -> bool {
	let message = Message::Precommit(vote.precommit.clone());
	let verdict = check_message_signature(&message, &vote.id, &vote.signature, round, set);
	matches!(verdict, SignatureResult::Valid)
}

/// The set of validators after that of genesis as which all votes are signed, if there is one. Anybody can sign so: it tells
/// a proof that cannot be checked from one that is wrong, and proves nothing.
fn later_set(justification: &GrandpaJustification<GrandpaHeader>) -> Option<u64> {
	let (round, votes) = (justification.round, &justification.commit.precommits);
	if votes.is_empty() {
		return None;
	}
	let all_signed = |set: &u64| votes.iter().all(|vote| is_signed(vote, round, *set));
	(GENESIS_SET + 1..=LAST_SET).find(all_signed)
}

fn decode_header(bytes: &[u8]) -> Result<GrandpaHeader, String> {
	decode_all(bytes).ok_or_else(|| "a header cannot be read".into())
}

fn decode_all<T: Decode>(mut bytes: &[u8]) -> Option<T> {
	let value = T::decode(&mut bytes).ok()?;
	bytes.is_empty().then_some(value)
}

#[cfg(test)]
pub(crate) mod tests {
	use super::*;
	use finality_grandpa::{Commit, Precommit};
	use sp_core::{ed25519, Pair};
	use sp_runtime::{
		traits::{Hash, Header},
		StateVersion,
	};
	use subxt_rpcs::{
		client::{RawRpcFuture, RawRpcSubscription, RawValue, RpcClient, RpcClientT},
		Error as RpcError, UserError,
	};

	/// A chain of three validators: genesis, a block, one behind it that is justified by some of them.
	pub(crate) struct Chain {
		pub(crate) genesis: H256,
		block: H256,
		/// The block's.
		pub(crate) header: Vec<u8>,
		pub(crate) finality: Finality,
	}

	fn validator(number: u8) -> ed25519::Pair {
		ed25519::Pair::from_seed(&[number; 32])
	}

	fn header(number: u32, parent: H256, state_root: H256) -> GrandpaHeader {
		GrandpaHeader::new(number, H256::zero(), state_root, parent, Default::default())
	}

	fn hash(header: &GrandpaHeader) -> H256 {
		blake2_256(&header.encode())
	}

	fn chain(signers: &[u8]) -> Chain {
		chain_in(signers, GENESIS_SET)
	}

	/// The same, signed for as by this set of validators.
	pub(crate) fn chain_in(signers: &[u8], set: u64) -> Chain {
		let list: AuthorityList = (1..=3)
			.map(|number| (validator(number).public().into(), 1))
			.collect();
		let entries = vec![
			(storage_value_key("Grandpa", "Authorities"), list.encode()),
			(vec![7; 40], vec![1]),
		];
		let root = BlakeTwo256::trie_root(entries.clone(), StateVersion::V1);
		let genesis_header = header(0, H256::zero(), root);
		let first = header(1, hash(&genesis_header), H256::zero());
		let second = header(2, hash(&first), H256::zero());
		let third = header(3, hash(&second), H256::zero());
		let vote = |signer: u8, voted: &GrandpaHeader| {
			let precommit = Precommit::new(hash(voted), *voted.number());
			let message = Message::Precommit(precommit.clone());
			let payload = sp_consensus_grandpa::localized_payload(5, set, &message);
			let pair = validator(signer);
			SignedPrecommit {
				precommit,
				signature: pair.sign(&payload).into(),
				id: pair.public().into(),
			}
		};
		// The first signer votes for a block behind the justified one, as happens.
		let precommits = signers
			.iter()
			.enumerate()
			.map(|(at, signer)| vote(*signer, if at == 0 { &third } else { &second }))
			.collect();
		let justification = GrandpaJustification {
			round: 5,
			commit: Commit {
				target_hash: hash(&second),
				target_number: 2,
				precommits,
			},
			votes_ancestries: vec![third],
		};
		Chain {
			genesis: hash(&genesis_header),
			block: hash(&first),
			header: first.encode(),
			finality: Finality {
				genesis_header: genesis_header.encode(),
				validators: nodes(&entries),
				headers: vec![second.encode()],
				justification: justification.encode(),
			},
		}
	}

	/// All nodes of the trie of these entries.
	pub(crate) fn nodes(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<Vec<u8>> {
		use sp_trie::{trie_types::TrieDBMutBuilderV1, PrefixedMemoryDB, TrieMut};
		let mut database = PrefixedMemoryDB::<BlakeTwo256>::default();
		let mut root = H256::zero();
		{
			let mut trie = TrieDBMutBuilderV1::new(&mut database, &mut root).build();
			for (key, value) in entries {
				trie.insert(key, value).expect("inserted");
			}
		}
		database
			.drain()
			.into_values()
			.map(|(node, _)| node)
			.collect()
	}

	/// A node that answers these methods, and knows no others.
	struct Node(Vec<(&'static str, Result<serde_json::Value, UserError>)>);

	impl RpcClientT for Node {
		fn request_raw<'a>(
			&'a self,
			method: &'a str,
			_params: Option<Box<RawValue>>,
		) -> RawRpcFuture<'a, Box<RawValue>> {
			let known = self.0.iter().find(|(name, _)| *name == method);
			let answer = match known {
				Some((_, answer)) => answer.clone(),
				None => Err(UserError::method_not_found()),
			};
			let answer = answer
				.map(|value| RawValue::from_string(value.to_string()).expect("it is JSON"))
				.map_err(RpcError::User);
			Box::pin(std::future::ready(answer))
		}

		fn subscribe_raw<'a>(
			&'a self,
			_subscription: &'a str,
			_params: Option<Box<RawValue>>,
			_end: &'a str,
		) -> RawRpcFuture<'a, RawRpcSubscription> {
			let answer: Result<RawRpcSubscription, RpcError> =
				Err(UserError::method_not_found().into());
			Box::pin(std::future::ready(answer))
		}
	}

	const KEPT: &str = "lemma_genesisValidators";
	const READ: &str = "state_getReadProof";

	/// A client of a node that answers these methods.
	pub(crate) fn client(
		answers: Vec<(&'static str, Result<serde_json::Value, UserError>)>,
	) -> Client {
		Client::over(RpcClient::new(Node(answers)), H256::zero())
	}

	/// The answer that has one trie node of this one byte.
	fn proof(byte: u8) -> Result<serde_json::Value, UserError> {
		let node = format!("0x{}", hex::encode([byte]));
		Ok(serde_json::json!({ "at": H256::zero(), "proof": [node] }))
	}

	/// The answer that is this error.
	pub(crate) fn refusal(code: i32, message: &str) -> Result<serde_json::Value, UserError> {
		Err(UserError {
			code,
			message: message.into(),
			data: None,
		})
	}

	/// As a node says it whose genesis state is pruned.
	fn pruned() -> Result<serde_json::Value, UserError> {
		refusal(
			4003,
			"Client error: UnknownBlock: State already discarded for 0x00",
		)
	}

	#[tokio::test]
	async fn the_first_validators_should_be_found_wherever_the_node_has_the_proof() {
		let missing = || refusal(8010, "this node has no proof of the genesis validators");
		for (what, answers) in [
			(
				"kept, state pruned",
				vec![(KEPT, proof(1)), (READ, pruned())],
			),
			(
				"kept, state there",
				vec![(KEPT, proof(1)), (READ, proof(1))],
			),
			("an older node", vec![(READ, proof(1))]),
			(
				"an older archive",
				vec![(KEPT, missing()), (READ, proof(1))],
			),
		] {
			let found = genesis_validators(&client(answers)).await;
			assert_eq!(found.expect(what), Some(vec![vec![1]]), "{what}");
		}
		for (what, answers) in [
			("an older node", vec![(READ, pruned())]),
			("pruned before", vec![(KEPT, missing()), (READ, pruned())]),
		] {
			let reason = fetch(&client(answers), 1).await.expect_err(what);
			assert!(reason.contains("ask another node"), "{what}: {reason}");
		}
	}

	#[test]
	fn a_block_should_be_final_when_more_than_two_thirds_signed_for_one_behind_it() {
		let chain = chain(&[1, 2, 3]);
		let text = chain
			.finality
			.check(chain.genesis, chain.block)
			.expect("final");
		assert!(text.contains("3 of 3"), "{text}");
	}

	#[test]
	fn a_block_should_not_be_final_when_two_thirds_or_fewer_signed() {
		for signers in [&[][..], &[1], &[1, 2], &[1, 1, 1], &[1, 2, 9]] {
			let chain = chain(signers);
			let text = chain
				.finality
				.check(chain.genesis, chain.block)
				.expect_err("not final")
				.to_string();
			assert!(text.contains("of 3 votes"), "{text}");
		}
	}

	#[test]
	fn a_proof_of_changed_validators_should_not_be_taken_for_a_wrong_one() {
		let check = |signers: &[u8], set: u64| {
			let chain = chain_in(signers, set);
			let verdict = chain.finality.check(chain.genesis, chain.block);
			verdict.expect_err("no proof by those of genesis")
		};
		// Others, or the same in another set.
		for (signers, set) in [([4u8, 5, 6], 1), ([1, 2, 3], 7)] {
			let changed = NotProven::ValidatorsChanged { set };
			assert_eq!(check(&signers, set), changed);
		}
		for (signers, set) in [(&[4, 5, 6][..], GENESIS_SET), (&[][..], 1)] {
			let verdict = check(signers, set);
			assert!(matches!(verdict, NotProven::Wrong(_)), "{verdict:?}");
		}
		let mut spoilt = chain_in(&[4, 5, 6], 1);
		// The round, for which all of them are signed.
		spoilt.finality.justification[0] ^= 1;
		let verdict = spoilt.finality.check(spoilt.genesis, spoilt.block);
		assert!(matches!(verdict, Err(NotProven::Wrong(_))), "{verdict:?}");
	}

	#[test]
	fn a_block_should_not_be_final_when_any_part_of_the_proof_is_another() {
		let good = chain(&[1, 2, 3]);
		assert!(good
			.finality
			.check(H256::repeat_byte(1), good.block)
			.is_err());
		assert!(good
			.finality
			.check(good.genesis, H256::repeat_byte(1))
			.is_err());
		let mut spoilt = chain(&[1, 2, 3]);
		spoilt.finality.headers.clear();
		assert!(spoilt.finality.check(good.genesis, good.block).is_err());
		let mut spoilt = chain(&[1, 2, 3]);
		spoilt.finality.validators.clear();
		assert!(spoilt.finality.check(good.genesis, good.block).is_err());
	}

	#[test]
	fn a_block_should_not_be_final_when_one_byte_of_the_proof_is_changed() {
		let good = chain(&[1, 2, 3]);
		for at in 0..good.finality.genesis_header.len() {
			let mut finality = good.finality.clone();
			finality.genesis_header[at] ^= 1;
			assert!(
				finality.check(good.genesis, good.block).is_err(),
				"genesis header, byte {at}"
			);
		}
		for at in 0..good.finality.headers[0].len() {
			let mut finality = good.finality.clone();
			finality.headers[0][at] ^= 1;
			assert!(
				finality.check(good.genesis, good.block).is_err(),
				"header, byte {at}"
			);
		}
		// Bytes 40 to 43 are the justified block's height, which its hash says already.
		let meaningful = |at: &usize| !(40..44).contains(at);
		for at in (0..good.finality.justification.len()).filter(meaningful) {
			let mut finality = good.finality.clone();
			finality.justification[at] ^= 1;
			assert!(
				finality.check(good.genesis, good.block).is_err(),
				"justification, byte {at}"
			);
		}
	}
}
