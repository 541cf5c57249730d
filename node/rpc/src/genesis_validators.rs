//! The validators of genesis, proven by trie nodes of the genesis state.
//!
//! A client's proof that a block is final begins with them. A node prunes the genesis state after some blocks unless it is an
//! archive; what was in it never changes, so that the trie nodes are read once, at the first start, and kept in the database beside
//! the chain. Nobody has to trust them: the genesis header has the state's root.

use std::iter;

use codec::{Decode, Encode};
use lemma_runtime::{opaque::Block, Hash};
use sc_client_api::{AuxStore, ProofProvider, StorageProof};
use sp_blockchain::HeaderBackend;
use sp_core::Blake2Hasher;
use sp_crypto_hashing::twox_128;
use sp_state_machine::read_proof_check;

use crate::{errors::Error, views::StateProofView};

/// Key of the proof among what the database keeps beside the chain.
const KEPT_AS: &[u8] = b"lemma:genesis_validators_proof";

/// Keeps the proof in the database, unless it is there. To be called at every start, before blocks are imported. A node whose genesis
/// state is gone already does without, and says so in its log.
pub fn keep<C, A>(client: &C, database: &A)
where
	C: HeaderBackend<Block> + ProofProvider<Block>,
	A: AuxStore,
{
	let genesis = client.info().genesis_hash;
	let key = key();
	let read = || client.read_proof(genesis, &mut iter::once(key.as_slice()));
	if let Err(error) = state_root(client).and_then(|root| keep_once(database, root, read)) {
		log::warn!(
			"No proof of the genesis validators ({error}): of finality, clients have only this node's \
			 word. If an older version pruned the genesis state, empty the database (lemma-node \
			 purge-chain) and let it sync anew"
		);
	}
}

/// The proof that is kept, as `state_getReadProof` would answer it.
pub fn proof(
	client: &impl HeaderBackend<Block>,
	database: &impl AuxStore,
) -> Result<StateProofView, Error> {
	let proof = state_root(client)
		.and_then(|root| kept(database, root))
		.map_err(|error| Error::Runtime(error.to_string()))?
		.ok_or(Error::NoGenesisValidators)?;
	Ok(StateProofView {
		at: client.info().genesis_hash,
		proof: proof.into_iter_nodes().map(Into::into).collect(),
	})
}

/// Reads the proof and keeps it, unless one that holds is kept already.
fn keep_once(
	database: &impl AuxStore,
	root: Hash,
	read: impl FnOnce() -> sp_blockchain::Result<StorageProof>,
) -> sp_blockchain::Result<()> {
	if kept(database, root)?.is_some() {
		return Ok(());
	}
	let proof = read()?.encode();
	database.insert_aux(&[(KEPT_AS, proof.as_slice())], &[])
}

/// The proof that is kept, if there is one and it holds.
fn kept(database: &impl AuxStore, root: Hash) -> sp_blockchain::Result<Option<StorageProof>> {
	let proof = database
		.get_aux(KEPT_AS)?
		.and_then(|bytes| StorageProof::decode(&mut bytes.as_slice()).ok());
	Ok(proof.filter(|proof| holds(root, proof)))
}

/// Whether these trie nodes lead from the root of the genesis state to the validators.
fn holds(root: Hash, proof: &StorageProof) -> bool {
	read_proof_check::<Blake2Hasher, _>(root, proof.clone(), [key()]).is_ok()
}

fn state_root(client: &impl HeaderBackend<Block>) -> sp_blockchain::Result<Hash> {
	let genesis = client.info().genesis_hash;
	Ok(client.expect_header(genesis)?.state_root)
}

/// Under which the state has the validators: that of pallet-grandpa's `Authorities`.
fn key() -> Vec<u8> {
	[twox_128(b"Grandpa"), twox_128(b"Authorities")].concat()
}

#[cfg(test)]
mod tests {
	use lemma_runtime::Header;
	use sc_client_api::{in_mem::Blockchain, NewBlockState};
	use sp_core::storage::StateVersion;
	use sp_runtime::traits::Header as _;
	use sp_state_machine::{prove_read_on_trie_backend, InMemoryBackend};

	use super::*;

	/// Root of a genesis state with these validators, and the proof of them.
	fn state(validators: u8) -> (Hash, StorageProof) {
		let entries = vec![
			(key(), Some(vec![validators; 40])),
			(b"another entry".to_vec(), Some(vec![1; 40])),
		];
		let mut state = InMemoryBackend::<Blake2Hasher>::default();
		state.insert([(None, entries)], StateVersion::V1);
		let proof = prove_read_on_trie_backend(&state, [key()]).expect("the state is complete");
		(*state.root(), proof)
	}

	/// A chain of a genesis block with this root, and a database that keeps nothing yet.
	fn chain(root: Hash) -> Blockchain<Block> {
		let header = Header::new(0, Hash::zero(), root, Hash::zero(), Default::default());
		let chain = Blockchain::<Block>::new();
		chain
			.insert(
				header.hash(),
				header,
				None,
				None,
				NewBlockState::Normal,
				true,
			)
			.expect("it is kept in memory");
		chain
	}

	fn pruned() -> sp_blockchain::Result<StorageProof> {
		Err(sp_blockchain::Error::UnknownBlock(
			"State already discarded".into(),
		))
	}

	#[test]
	fn proof_should_be_read_once_and_answered_when_the_state_is_pruned() {
		let (root, expected) = state(1);
		let chain = chain(root);

		keep_once(&chain, root, || Ok(expected.clone())).expect("it is read");
		keep_once(&chain, root, pruned).expect("it is kept");

		let answer = proof(&chain, &chain).expect("it is kept");
		assert_eq!(answer.at, chain.info().genesis_hash);
		let nodes = answer.proof.into_iter().map(|node| node.0);
		assert_eq!(StorageProof::new(nodes), expected);
	}

	#[test]
	fn proof_should_be_read_again_when_what_is_kept_is_none_of_this_state() {
		let (root, expected) = state(1);
		let (_, foreign) = state(2);
		for spoilt in [
			Vec::new(),
			b"garbage".to_vec(),
			expected.encode()[..20].to_vec(),
			StorageProof::empty().encode(),
			foreign.encode(),
		] {
			let chain = chain(root);
			chain
				.insert_aux(&[(KEPT_AS, spoilt.as_slice())], &[])
				.expect("it is kept in memory");
			assert_eq!(
				proof(&chain, &chain).unwrap_err(),
				Error::NoGenesisValidators
			);

			keep_once(&chain, root, || Ok(expected.clone())).expect("it is read");

			assert_eq!(
				kept(&chain, root).expect("it is in memory"),
				Some(expected.clone())
			);
		}
	}

	#[test]
	fn proof_should_be_missing_when_the_state_was_pruned_before() {
		let (root, _) = state(1);
		let chain = chain(root);

		assert!(keep_once(&chain, root, pruned).is_err());

		assert_eq!(
			proof(&chain, &chain).unwrap_err(),
			Error::NoGenesisValidators
		);
	}
}
