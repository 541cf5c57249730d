//! The wrap without one of its constraints, around a small circuit that only holds the statement.

use std::sync::OnceLock;

use super::*;
use crate::constraint::leaving_out::{assert_needed, recorded, Cheat, Tested};

type Targets = ProofWithPublicInputsTarget<D>;

/// What is wrapped.
fn inner() -> &'static CircuitData {
	static INNER: OnceLock<CircuitData> = OnceLock::new();
	INNER.get_or_init(|| statement_circuit().0)
}

fn statement_circuit() -> (CircuitData, StatementTargets) {
	let mut builder = Builder::new(security::inner_config());
	let statement = StatementTargets::add(&mut builder, OutputElement::I32);
	add_rows(&mut builder, 1 << 6);
	(builder.build::<C>(), statement)
}

/// The public inputs of a statement whose y is derived.
fn honest() -> Vec<F> {
	let output = [7; 16];
	let element = OutputElement::I32;
	let hash = lemma_zk_statement::blake2_256;
	Statement::of_result([1; 32], [2; 32], [3; 32], element, &output, hash)
		.unwrap()
		.to_elements()[4..]
		.to_vec()
}

fn prove(data: &CircuitData, public: &[F]) -> Proof {
	let mut witness = PartialWitness::new();
	witness
		.set_target_arr(&data.prover_only.public_inputs, public)
		.unwrap();
	data.prove(witness).unwrap()
}

fn honest_proof() -> &'static Proof {
	static PROOF: OnceLock<Proof> = OnceLock::new();
	PROOF.get_or_init(|| prove(inner(), &honest()))
}

fn circuit() -> (Builder, Targets) {
	Recursion::verifying(inner())
}

fn whole() -> &'static Tested<Targets> {
	static WHOLE: OnceLock<Tested<Targets>> = OnceLock::new();
	WHOLE.get_or_init(|| Tested::whole(circuit))
}

fn cheat(targets: &Targets, claim: &[F], proof: &Proof, behind: &[F]) -> Cheat {
	let mut witness = PartialWitness::new();
	witness.set_proof_with_pis_target(targets, proof).unwrap();
	Cheat {
		claim: claim.to_vec(),
		witness,
		behind: behind.to_vec(),
	}
}

/// The honest public inputs with one changed, for one of each field.
fn changed() -> impl Iterator<Item = Vec<F>> {
	[0, 8, 12, 20, 23].into_iter().map(|place| {
		let mut public = honest();
		public[place] += F::ONE;
		public
	})
}

fn needed(name: &'static str, cheats: impl Fn(&Targets) -> Vec<Cheat>) {
	assert_needed(name, whole(), circuit, cheats);
}

#[test]
fn honest_proof_should_be_wrapped() {
	let honest = cheat(whole().targets(), &honest(), honest_proof(), &[]);
	assert!(whole().accepts(None, &honest));
}

#[test]
fn wrap_should_verify_the_programs_proof() {
	needed("wrap: the program's proof is verified", |targets| {
		changed()
			.map(|public| {
				let mut proof = honest_proof().clone();
				proof.public_inputs = public.clone();
				cheat(targets, &public, &proof, &[])
			})
			.collect()
	});
}

/// The cheat's program has the same shape, but leaves y to the prover.
#[test]
fn wrap_should_verify_by_the_programs_key() {
	let ((lax, _), _) = recorded(Some("challenge: y is it"), statement_circuit);
	assert_eq!(lax.common, inner().common);
	assert_ne!(lax.verifier_only, inner().verifier_only);
	let mut public = honest();
	public[20] = F::ZERO;
	let proof = prove(&lax, &public);
	lax.verify(proof.clone()).unwrap();
	let key = &lax.verifier_only;
	let cap = key.constants_sigmas_cap.0.iter();
	let behind: Vec<F> = cap
		.chain([&key.circuit_digest])
		.flat_map(|hash| hash.elements)
		.collect();
	needed("wrap: the key is the program's", |targets| {
		vec![cheat(targets, &public, &proof, &behind)]
	});
}

#[test]
fn wrap_should_expose_the_programs_public_inputs() {
	needed("wrap: the program's public inputs are public", |targets| {
		changed()
			.map(|public| cheat(targets, &public, honest_proof(), &public))
			.collect()
	});
}
