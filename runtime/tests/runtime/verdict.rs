//! The blob's verdict on proofs is the native one: on an honest proof, and on more than a thousand that
//! somebody has tampered with. None of those is accepted, and none traps the blob.

use std::{borrow::Cow, sync::OnceLock, time::Instant};

use codec::{Decode, Encode};
use lemma_primitives::traits::Programs;
use lemma_runtime::{Hash, ProofVerification};
use sc_executor::WasmExecutor;
use sp_core::traits::{CallContext, CodeExecutor, RuntimeCode, WrappedRuntimeCode};
use sp_io::TestExternalities;
use sp_keyring::Sr25519Keyring::Bob;

use crate::{
	chain::{development, wasm},
	proof::{binding, small, Job},
};

/// The field's order: numbers from here on are no field elements.
const GOLDILOCKS: u64 = 0xffff_ffff_0000_0001;

/// The blob, compiled once, and a chain's state to run it on.
struct Blob {
	executor: WasmExecutor<sp_io::SubstrateHostFunctions>,
	state: TestExternalities,
}

impl Blob {
	fn new() -> Self {
		// One executor for all tests, because it keeps the compiled blob.
		static EXECUTOR: OnceLock<WasmExecutor<sp_io::SubstrateHostFunctions>> = OnceLock::new();
		let executor = EXECUTOR
			.get_or_init(|| WasmExecutor::builder().build())
			.clone();
		Self {
			executor,
			state: development(),
		}
	}

	/// Calls the runtime API as a node does. An error is a trap.
	fn verify(&mut self, job: &Job, binding: Hash, proof: &[u8]) -> Result<(), Vec<u8>> {
		let arguments = (
			job.program,
			job.commitment,
			binding,
			job.output.clone(),
			proof.to_vec(),
		)
			.encode();
		let code = WrappedRuntimeCode(Cow::Borrowed(wasm()));
		let code = RuntimeCode {
			code_fetcher: &code,
			heap_pages: None,
			hash: b"the blob".to_vec(),
		};
		let (answer, _) = self.executor.call(
			&mut self.state.ext(),
			&code,
			"LemmaApi_verify",
			&arguments,
			CallContext::Offchain,
		);
		let answer = answer.expect("the blob does not trap");
		Decode::decode(&mut &answer[..]).expect("the answer is a verdict")
	}

	/// The same natively.
	fn verify_natively(&mut self, job: &Job, binding: Hash, proof: &[u8]) -> Result<(), Vec<u8>> {
		self.state.execute_with(|| {
			ProofVerification::verify(job.claimed(binding), proof)
				.map(|_| ())
				.map_err(|error| <&'static str>::from(error).as_bytes().to_vec())
		})
	}
}

/// Random enough, and the same in every run.
struct Noise(u64);

impl Noise {
	fn next(&mut self, below: usize) -> usize {
		self.0 = self
			.0
			.wrapping_mul(6_364_136_223_846_793_005)
			.wrapping_add(1_442_695_040_888_963_407);
		((self.0 >> 33) as usize) % below
	}
}

/// Proofs that are not the honest one: bits flipped, words replaced, pieces cut, moved and added.
fn tampered(proof: &[u8]) -> Vec<Vec<u8>> {
	let mut noise = Noise(7);
	let mut proofs = Vec::new();
	for _ in 0..600 {
		let mut copy = proof.to_vec();
		let at = noise.next(copy.len());
		copy[at] ^= 1 << noise.next(8);
		proofs.push(copy);
	}
	for word in [0, 1, GOLDILOCKS - 1, GOLDILOCKS, GOLDILOCKS + 1, u64::MAX] {
		for _ in 0..50 {
			let mut copy = proof.to_vec();
			let at = 8 * noise.next(copy.len() / 8);
			copy[at..at + 8].copy_from_slice(&word.to_le_bytes());
			proofs.push(copy);
		}
	}
	for _ in 0..60 {
		proofs.push(proof[..noise.next(proof.len())].to_vec());
	}
	for extra in 1..=20 {
		let mut copy = proof.to_vec();
		copy.extend(vec![0; extra]);
		proofs.push(copy);
	}
	for _ in 0..40 {
		let (from, to) = (noise.next(proof.len() - 64), noise.next(proof.len() - 64));
		let mut copy = proof.to_vec();
		copy.copy_within(from..from + 64, to);
		proofs.push(copy);
	}
	proofs.push(Vec::new());
	proofs.push(vec![0; proof.len()]);
	proofs.push(vec![0xff; proof.len()]);
	proofs.push(vec![0; 128 * 1024 + 1]);
	// A word can be replaced by itself, a piece moved onto itself.
	proofs.retain(|copy| copy != proof);
	proofs
}

#[test]
fn blob_and_native_code_should_come_to_the_same_verdict() {
	let mut blob = Blob::new();
	let (job, proof) = small();
	let bound = binding(0, &Bob.to_account_id());
	assert_eq!(blob.verify(job, bound, proof), Ok(()));
	assert_eq!(blob.verify_natively(job, bound, proof), Ok(()));

	let proofs = tampered(proof);
	assert!(proofs.len() >= 1_000, "only {} proofs", proofs.len());
	for (index, proof) in proofs.iter().enumerate() {
		let verdict = blob.verify(job, bound, proof);
		assert!(verdict.is_err(), "proof {index} is accepted");
		assert_eq!(
			verdict,
			blob.verify_natively(job, bound, proof),
			"proof {index}"
		);
	}
}

#[test]
fn blob_and_native_code_should_refuse_a_good_proof_of_something_else() {
	let mut blob = Blob::new();
	let (job, proof) = small();
	let bound = binding(0, &Bob.to_account_id());
	let changed = |change: fn(&mut Job)| {
		let mut other = Job::gemm(8, 16, 8);
		change(&mut other);
		other
	};
	let others = [
		changed(|job| job.output[0] ^= 1),
		changed(|job| job.commitment.0[0] ^= 1),
		changed(|job| job.output.truncate(252)),
		changed(|job| job.output.truncate(251)),
		changed(|job| job.program = Hash::repeat_byte(1)),
		changed(|job| job.commitment = Hash::repeat_byte(0xff)),
	];
	for (index, other) in others.iter().enumerate() {
		let verdict = blob.verify(other, bound, proof);
		assert!(verdict.is_err(), "statement {index} is accepted");
		assert_eq!(
			verdict,
			blob.verify_natively(other, bound, proof),
			"statement {index}"
		);
	}
	let elsewhere = binding(1, &Bob.to_account_id());
	assert_eq!(
		blob.verify(job, elsewhere, proof),
		blob.verify_natively(job, elsewhere, proof)
	);
	assert!(blob.verify(job, elsewhere, proof).is_err());
}

#[test]
fn blob_should_verify_a_256_kib_output() {
	let mut blob = Blob::new();
	let job = Job::gemm(256, 256, 256);
	let bound = binding(0, &Bob.to_account_id());
	let proof = job.prove_for(bound);
	assert_eq!(job.output.len(), 256 * 1024);
	// The first call compiles the blob.
	assert_eq!(blob.verify(&job, bound, &proof), Ok(()));

	let rounds = 20;
	let start = Instant::now();
	for _ in 0..rounds {
		assert_eq!(blob.verify(&job, bound, &proof), Ok(()));
	}
	let wasm = start.elapsed() / rounds;
	let start = Instant::now();
	for _ in 0..rounds {
		assert_eq!(blob.verify_natively(&job, bound, &proof), Ok(()));
	}
	let native = start.elapsed() / rounds;
	println!(
		"LemmaApi_verify, 256 KiB of output, {} bytes of proof: {wasm:?} in Wasm, {native:?} natively",
		proof.len()
	);
}
