//! The outer circuit without one of its constraints, around a program that only holds the statement.

use std::sync::OnceLock;

use lemma_zk_statement::{OutputElement, Statement};
use plonky2::{hash::hash_types::HashOut, plonk::config::Hasher};

use super::*;
use crate::{
	circuit::Circuit,
	constraint::leaving_out::{assert_needed, Cheat, Tested},
	targets::StatementTargets,
	wrap::{program_id, Wrapped},
	CircuitData,
};

/// A program that says nothing about its output.
struct Nothing;

impl Circuit for Nothing {
	type Targets = ();

	fn name(&self) -> String {
		"nothing".into()
	}

	fn element(&self) -> OutputElement {
		OutputElement::I32
	}

	fn build(&self, _: &mut Builder, _: &StatementTargets) {}
}

type Targets = (ProofWithPublicInputsTarget<D>, VerifierCircuitTarget);

fn circuit() -> (Builder, Targets) {
	let (builder, proof, key) = Outer::circuit();
	(builder, (proof, key))
}

fn whole() -> &'static Tested<Targets> {
	static WHOLE: OnceLock<Tested<Targets>> = OnceLock::new();
	WHOLE.get_or_init(|| Tested::whole(circuit))
}

/// A program's circuit and its proof of some statement.
fn inner() -> &'static (Wrapped<()>, Proof) {
	static INNER: OnceLock<(Wrapped<()>, Proof)> = OnceLock::new();
	INNER.get_or_init(|| {
		let built = Wrapped::build(&Nothing);
		let hash = lemma_zk_statement::blake2_256;
		let (element, output) = (OutputElement::I32, [7; 16]);
		let statement =
			Statement::of_result(built.id(), [2; 32], [3; 32], element, &output, hash).unwrap();
		let witness = built.witness(&statement, |_, _| Ok(())).unwrap();
		let proof = built.prove_program(witness).unwrap();
		(built, proof)
	})
}

fn program() -> &'static CircuitData {
	inner().0.shaped()
}

fn id(tag: u64, cap: &[HashOut<F>], digest: HashOut<F>) -> [F; 4] {
	let elements: Vec<F> = [F::from_canonical_u64(tag)]
		.into_iter()
		.chain(cap.iter().chain([&digest]).flat_map(|hash| hash.elements))
		.collect();
	PoseidonHash::hash_no_pad(&elements).elements
}

/// The key's cap and digest.
fn key() -> (Vec<HashOut<F>>, HashOut<F>) {
	let key = &program().verifier_only;
	(key.constants_sigmas_cap.0.clone(), key.circuit_digest)
}

fn honest_id() -> [F; 4] {
	let (cap, digest) = key();
	id(PROGRAM_TAG, &cap, digest)
}

fn cheat(targets: &Targets, id: [F; 4], public: &[F], proof: &Proof, behind: &[F]) -> Cheat {
	let mut witness = PartialWitness::new();
	witness
		.set_proof_with_pis_target(&targets.0, proof)
		.unwrap();
	witness
		.set_verifier_data_target(&targets.1, &program().verifier_only)
		.unwrap();
	Cheat {
		claim: [&id, public].concat(),
		witness,
		behind: behind.to_vec(),
	}
}

/// Whoever claims another id for the honest proof.
fn renamed(targets: &Targets, id: [F; 4], behind: &[F]) -> Vec<Cheat> {
	let proof = &inner().1;
	assert_ne!(id, honest_id());
	vec![cheat(targets, id, &proof.public_inputs, proof, behind)]
}

/// The honest public inputs with one changed, for one of each field.
fn changed() -> impl Iterator<Item = Vec<F>> {
	[0, 8, 12, 20, 23].into_iter().map(|place| {
		let mut public = inner().1.public_inputs.clone();
		public[place] += F::ONE;
		public
	})
}

fn needed(name: &'static str, cheats: impl Fn(&Targets) -> Vec<Cheat>) {
	assert_needed(name, whole(), circuit, cheats);
}

#[test]
fn honest_proof_should_be_accepted_under_its_programs_id() {
	let bytes = lemma_zk_statement::hash_to_bytes(honest_id());
	assert_eq!(program_id(&program().verifier_only), bytes);
	let proof = &inner().1;
	let honest = cheat(
		whole().targets(),
		honest_id(),
		&proof.public_inputs,
		proof,
		&[],
	);
	assert!(whole().accepts(None, &honest));
}

#[test]
fn outer_circuit_should_verify_the_wraps_proof() {
	needed("outer: the wrap's proof is verified", |targets| {
		changed()
			.map(|public| {
				let mut proof = inner().1.clone();
				proof.public_inputs = public.clone();
				cheat(targets, honest_id(), &public, &proof, &[])
			})
			.collect()
	});
}

#[test]
fn id_should_begin_with_its_tag() {
	needed("outer: the id begins with its tag", |targets| {
		let ((cap, digest), tag) = (key(), PROGRAM_TAG + 1);
		renamed(
			targets,
			id(tag, &cap, digest),
			&[F::from_canonical_u64(tag)],
		)
	});
}

#[test]
fn id_should_be_of_the_keys_cap() {
	needed("outer: the id is of the key's cap", |targets| {
		let (mut cap, digest) = key();
		cap[15].elements[3] += F::ONE;
		let behind: Vec<F> = cap.iter().flat_map(|hash| hash.elements).collect();
		renamed(targets, id(PROGRAM_TAG, &cap, digest), &behind)
	});
}

#[test]
fn id_should_be_of_the_keys_digest() {
	needed("outer: the id is of the key's digest", |targets| {
		let (cap, mut digest) = key();
		digest.elements[0] += F::ONE;
		renamed(targets, id(PROGRAM_TAG, &cap, digest), &digest.elements)
	});
}

#[test]
fn id_should_be_public() {
	needed("outer: the id is public", |targets| {
		(0..4)
			.flat_map(|place| {
				let mut id = honest_id();
				id[place] += F::ONE;
				renamed(targets, id, &id)
			})
			.collect()
	});
}

#[test]
fn outer_circuit_should_expose_the_wraps_public_inputs() {
	needed("outer: the wrap's public inputs are public", |targets| {
		changed()
			.map(|public| cheat(targets, honest_id(), &public, &inner().1, &public))
			.collect()
	});
}
