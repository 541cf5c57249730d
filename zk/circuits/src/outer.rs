//! The outer circuit: the only one whose proofs the chain sees.
//!
//! O verifies a proof of W's shape whose key is a witness, and exposes the statement: the hash of that key,
//! which is the program's id, and W's public inputs. Its Merkle trees are of Keccak, which is quick to
//! verify in Wasm, and its code's rate is lower than the others', which makes the proof smaller.

use lemma_zk_verifier::{OuterConfig, OuterProof};
use plonky2::{
	field::types::Field,
	hash::poseidon::PoseidonHash,
	iop::{
		target::Target,
		witness::{PartialWitness, WitnessWrite},
	},
	plonk::{
		circuit_data::{CircuitData, VerifierCircuitTarget, VerifierOnlyCircuitData},
		proof::ProofWithPublicInputsTarget,
	},
};

use crate::{
	constraint::{constrained, holds},
	program::ProveError,
	security,
	wrap::{shape, PROGRAM_TAG},
	Builder, Proof, C, D, F,
};

#[cfg(test)]
mod tests;

/// The outer circuit, ready to prove.
pub struct Outer {
	data: CircuitData<F, OuterConfig, D>,
	proof: ProofWithPublicInputsTarget<D>,
	key: VerifierCircuitTarget,
}

impl Outer {
	/// Builds the circuit. Takes a second.
	pub fn build() -> Self {
		let (builder, proof, key) = Self::circuit();
		Self {
			data: builder.build::<OuterConfig>(),
			proof,
			key,
		}
	}

	fn circuit() -> (
		Builder,
		ProofWithPublicInputsTarget<D>,
		VerifierCircuitTarget,
	) {
		let mut builder = Builder::new(security::outer_config());
		let proof = builder.add_virtual_proof_with_pis(shape());
		let key = builder.add_virtual_verifier_data(shape().config.fri_config.cap_height);
		if holds("outer: the wrap's proof is verified") {
			builder.verify_proof::<C>(&proof, &key, shape());
		}

		// `wrap::program_id`
		let tag = builder.constant(F::from_canonical_u64(PROGRAM_TAG));
		let tag = constrained(&mut builder, "outer: the id begins with its tag", tag);
		let cap = key.constants_sigmas_cap.clone();
		let cap = constrained(&mut builder, "outer: the id is of the key's cap", cap);
		let digest = key.circuit_digest;
		let digest = constrained(&mut builder, "outer: the id is of the key's digest", digest);
		let preimage: Vec<Target> = [tag]
			.into_iter()
			.chain(cap.0.iter().flat_map(|hash| hash.elements))
			.chain(digest.elements)
			.collect();
		let id = builder.hash_n_to_hash_no_pad::<PoseidonHash>(preimage);
		let id = constrained(&mut builder, "outer: the id is public", id);
		builder.register_public_inputs(&id.elements);
		let public = proof.public_inputs.clone();
		let public = constrained(
			&mut builder,
			"outer: the wrap's public inputs are public",
			public,
		);
		builder.register_public_inputs(&public);
		(builder, proof, key)
	}

	/// The outer proof of a wrap's proof.
	pub fn prove(
		&self,
		wrap: &Proof,
		key: &VerifierOnlyCircuitData<C, D>,
	) -> Result<OuterProof, ProveError> {
		let failed = |error: anyhow::Error| ProveError::Prover(error.to_string());
		let mut witness = PartialWitness::new();
		witness
			.set_proof_with_pis_target(&self.proof, wrap)
			.map_err(failed)?;
		witness
			.set_verifier_data_target(&self.key, key)
			.map_err(failed)?;
		Ok(self.data.prove(witness).map_err(failed)?.proof)
	}

	/// The verifying key, as `zk/verifier/keys/outer.bin` holds it.
	pub fn key_bytes(&self) -> Vec<u8> {
		lemma_zk_verifier::key_to_bytes(&self.data.verifier_data())
	}
}
