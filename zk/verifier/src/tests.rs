//! The embedded key, a committed proof under it, and what is neither. `lemma-zk-circuits` has the tests that make proofs.

use codec::Decode;
use lemma_zk_statement::{binding, blake2_256, OutputElement};

use super::*;

/// The committed sample's fields, in their order: see `zk/circuits/src/sample.rs`.
type Sample = (
	[u8; 32],
	[u8; 32],
	u64,
	[u8; 32],
	Vec<u8>,
	[u8; 32],
	OutputElement,
	Vec<u8>,
	Vec<u8>,
);

/// A result's statement, and its proof.
fn sample() -> (Statement, Vec<u8>) {
	let bytes = include_bytes!("../../circuits/samples/gemm.scale");
	let (program, genesis, order, provider, _, commitment, element, output, proof) =
		Sample::decode(&mut &bytes[..]).expect("the committed sample is one");
	let binding = binding(&genesis, order, &provider);
	let statement =
		Statement::of_result(program, binding, commitment, element, &output, blake2_256)
			.expect("the sample is a result");
	(statement, proof)
}

fn embedded() -> Verifier {
	Verifier::embedded().expect("the embedded key is one")
}

fn verdict(proof: &[u8]) -> Result<(), VerifyError> {
	embedded().verify(&sample().0, proof)
}

fn is_key(bytes: &[u8]) -> bool {
	match Verifier::new(bytes) {
		Ok(_) => true,
		Err(error) => {
			assert_eq!(error, VerifyError::KeyMalformed);
			false
		}
	}
}

/// Bytes of the embedded key, changed.
fn changed_key(change: impl FnOnce(&mut OuterKey)) -> Vec<u8> {
	let mut key = embedded().key;
	change(&mut key);
	let bytes = key_to_bytes(&key);
	assert!(!bytes.is_empty(), "its gates are the same");
	bytes
}

#[test]
fn verify_should_accept_the_committed_proof() {
	let (statement, proof) = sample();
	assert_eq!(embedded().verify(&statement, &proof), Ok(()));
	assert_eq!(verify(EMBEDDED_KEY, &statement, &proof), Ok(()));
}

#[test]
fn verify_should_refuse_the_proof_of_another_statement() {
	let (statement, proof) = sample();
	let changes: [fn(&mut Statement); 6] = [
		|statement| statement.program[0] ^= 1,
		|statement| statement.binding[31] ^= 1,
		|statement| statement.input[0] ^= 1,
		|statement| statement.output[31] ^= 1,
		|statement| statement.y[1] ^= 1,
		|statement| statement.v[0] ^= 1,
	];
	for change in changes {
		let mut other = statement;
		change(&mut other);
		assert!(other.is_canonical());
		let refused = Err(VerifyError::ProofInvalid);
		assert_eq!(embedded().verify(&other, &proof), refused);
		assert_eq!(verify(EMBEDDED_KEY, &other, &proof), refused);
	}
}

#[test]
fn verify_should_refuse_a_statement_with_a_number_that_is_not_below_p() {
	let (mut statement, proof) = sample();
	statement.v[1] = u64::MAX;
	assert_eq!(
		embedded().verify(&statement, &proof),
		Err(VerifyError::StatementNotCanonical)
	);
}

#[test]
fn verify_should_refuse_a_proof_that_ends_too_early() {
	let (_, proof) = sample();
	for len in [0, 1, 25, 1_000, proof.len() - 1] {
		assert_eq!(verdict(&proof[..len]), Err(VerifyError::ProofTruncated));
	}
}

#[test]
fn verify_should_refuse_a_proof_that_goes_on() {
	let (_, mut proof) = sample();
	proof.push(0);
	assert_eq!(verdict(&proof), Err(VerifyError::ProofTrailingBytes));
	// The longest that is read at all.
	proof.resize(128 * 1024, 0);
	assert_eq!(verdict(&proof), Err(VerifyError::ProofTrailingBytes));
	proof.push(0);
	assert_eq!(verdict(&proof), Err(VerifyError::ProofTooLong));
}

#[test]
fn verify_should_refuse_a_proof_with_a_number_that_is_not_below_p() {
	let (_, mut proof) = sample();
	// The last is the proof of work's.
	let last = proof.len() - 8;
	proof[last..].fill(0xff);
	assert_eq!(verdict(&proof), Err(VerifyError::ProofNotCanonical));
}

#[test]
fn proof_to_bytes_should_give_the_bytes_that_were_decoded() {
	let (_, proof) = sample();
	let decoded = embedded().decode(&proof).expect("it is a proof in form");
	assert_eq!(proof_to_bytes(&decoded), proof);
}

#[test]
fn key_to_bytes_should_give_the_bytes_that_were_parsed() {
	assert!(changed_key(|_| ()) == EMBEDDED_KEY);
}

#[test]
fn verifier_should_refuse_a_key_that_is_too_short_or_too_long() {
	for len in [0, 1, 1_000, EMBEDDED_KEY.len() - 1] {
		assert!(!is_key(&EMBEDDED_KEY[..len]));
	}
	assert!(!is_key(&[EMBEDDED_KEY, &[0]].concat()));
	let (statement, proof) = sample();
	assert_eq!(
		verify(&[], &statement, &proof),
		Err(VerifyError::KeyMalformed)
	);
}

#[test]
fn verifier_should_refuse_a_key_of_a_circuit_whose_public_inputs_are_no_statement() {
	for count in [0, 27, 29] {
		let other = changed_key(|key| key.common.num_public_inputs = count);
		assert!(!is_key(&other));
	}
}

#[test]
fn verifier_should_refuse_a_key_with_a_number_that_no_key_has() {
	// By such a number plonky2 makes room, before it finds that nothing follows.
	for (number, taken) in [(1 << 16, true), ((1 << 16) + 1, false)] {
		let other = changed_key(|key| key.common.num_gate_constraints = number);
		assert_eq!(is_key(&other), taken);
	}
}

#[test]
fn verify_should_refuse_a_proof_under_another_key() {
	let (statement, proof) = sample();
	let other = changed_key(|key| key.verifier_only.circuit_digest.0[0] ^= 1);
	assert_eq!(
		verify(&other, &statement, &proof),
		Err(VerifyError::ProofInvalid)
	);
}
