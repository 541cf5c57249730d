//! The blob's verdict on proofs is the native one: on an honest proof, and on more than a thousand that
//! somebody has tampered with, or as many as `scripts/soak-verdicts` asks for. None of those is accepted, and
//! none traps the blob.

use std::time::Instant;

use codec::{Decode, Encode};
use lemma_primitives::traits::Programs;
use lemma_runtime::{Hash, ProofVerification};
use sp_core::traits::CallContext;
use sp_io::TestExternalities;
use sp_keyring::Sr25519Keyring::Bob;

use crate::{
	chain::{call_blob, development},
	proof::{binding, small, Job},
};

/// The field's order: numbers from here on are no field elements.
const GOLDILOCKS: u64 = 0xffff_ffff_0000_0001;

/// The blob, and a chain's state to run it on.
struct Blob {
	state: TestExternalities,
}

impl Blob {
	fn new() -> Self {
		Self {
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
		let answer = call_blob(
			&mut self.state.ext(),
			"LemmaApi_verify",
			&arguments,
			CallContext::Offchain,
		)
		.expect("the blob does not trap");
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

/// One to four changes of a proof: a bit, a word, a piece moved, the end cut off or something added. It may be the same again.
fn tampered_at_random(proof: &[u8], noise: &mut Noise) -> Vec<u8> {
	let mut copy = proof.to_vec();
	for _ in 0..=noise.next(4) {
		match noise.next(20) {
			0 => copy.truncate(copy.len() - noise.next(64)),
			1 => copy.extend_from_slice(&proof[..noise.next(64)]),
			2 => {
				let (from, to) = (noise.next(copy.len() - 64), noise.next(copy.len() - 64));
				copy.copy_within(from..from + 64, to);
			}
			3..=8 => {
				let at = 8 * noise.next(copy.len() / 8);
				let (low, high) = (noise.next(1 << 31) as u64, noise.next(1 << 31) as u64);
				copy[at..at + 8].copy_from_slice(&(low << 33 | high).to_le_bytes());
			}
			_ => {
				let at = noise.next(copy.len());
				copy[at] ^= 1 << noise.next(8);
			}
		}
	}
	copy
}

/// How many proofs that are tampered with at random are tried, beside those of [`tampered`].
fn soak() -> usize {
	match std::env::var("LEMMA_VERDICTS") {
		Ok(count) => count.parse().expect("LEMMA_VERDICTS is a number"),
		Err(_) => 100,
	}
}

#[test]
fn blob_and_native_code_should_come_to_the_same_verdict_on_random_proofs() {
	let (job, proof) = small();
	let bound = binding(0, &Bob.to_account_id());
	let threads = std::thread::available_parallelism().map_or(1, usize::from);
	let (count, start) = (soak(), Instant::now());
	let each = count.div_ceil(threads);
	let verdicts = std::thread::scope(|scope| {
		let tries = |thread: usize| {
			let (mut blob, mut noise) = (Blob::new(), Noise(1_000_003 * (thread as u64 + 1)));
			let mut verdicts = std::collections::BTreeMap::<Vec<u8>, usize>::new();
			for index in 0..each {
				let tampered = tampered_at_random(proof, &mut noise);
				if tampered == *proof {
					continue;
				}
				let refusal = blob.verify(job, bound, &tampered);
				let refusal = refusal.expect_err("none is accepted");
				let natively = blob.verify_natively(job, bound, &tampered);
				assert_eq!(
					natively,
					Err(refusal.clone()),
					"proof {index} of thread {thread}"
				);
				*verdicts.entry(refusal).or_default() += 1;
			}
			verdicts
		};
		let running: Vec<_> = (0..threads)
			.map(|thread| scope.spawn(move || tries(thread)))
			.collect();
		let mut sum = std::collections::BTreeMap::new();
		for thread in running {
			for (refusal, count) in thread.join().expect("no thread fails") {
				*sum.entry(refusal).or_insert(0) += count;
			}
		}
		sum
	});
	let tried: usize = verdicts.values().sum();
	println!(
		"{tried} proofs, the same verdicts in Wasm and natively, in {:?}:",
		start.elapsed()
	);
	for (refusal, count) in &verdicts {
		println!("{count:>8} {}", String::from_utf8_lossy(refusal));
	}
	assert!(tried >= count - count / 100);
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
