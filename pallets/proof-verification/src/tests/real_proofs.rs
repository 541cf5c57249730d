//! The pallet with the proof system that Lemma runs, and a real proof of a real program: a matrix product.

use std::sync::OnceLock;

use lemma_primitives::MAX_PROOF_BYTES;
use lemma_zk_circuits::{
	programs::gemm::{reference, Operands},
	Prover,
};

use super::*;
use crate::{sample::CommittedSample, Sample};

/// The genesis hash of FRAME's mocks.
const GENESIS_HASH: [u8; 32] = [69; 32];

/// A product with its proof, bound to the mock's chain, no order, and ALICE.
struct Proven {
	program: H256,
	commitment: H256,
	output: Vec<u8>,
	proof: Vec<u8>,
}

/// Proven once for all tests: it takes seconds.
fn proven() -> &'static Proven {
	static PROVEN: OnceLock<Proven> = OnceLock::new();
	PROVEN.get_or_init(|| {
		let (m, k, n) = (5, 7, 3);
		let operand = |len: usize, step: i32| -> Vec<i8> {
			(0..len as i32)
				.map(|i| (i * step % 251 - 125) as i8)
				.collect()
		};
		let operands = Operands::new(m, k, n, operand(m * k, 37), operand(k * n, 91))
			.expect("the operands fit their shape");
		Proven::of(&operands)
	})
}

impl Proven {
	fn of(operands: &Operands) -> Self {
		let blob = operands.encode();
		let program = lemma_zk_circuits::programs::all()[0];
		let job = program
			.open(&blob)
			.expect("the blob is one of the program's");
		let output = reference::output(operands);
		let binding = lemma_zk_statement::binding(&GENESIS_HASH, SAMPLE_ORDER, ALICE.as_ref());
		let proved = job
			.prove(&Prover::new(), &output, binding, &|_| ())
			.expect("the product can be proven");
		Self {
			program: job.program().into(),
			commitment: job.commitment().into(),
			output,
			proof: proved.proof,
		}
	}

	/// As a sample, with this output.
	fn sample(&self, output: Vec<u8>) -> Sample {
		Sample {
			commitment: self.commitment,
			output: output.try_into().expect("short"),
			proof: self.proof.clone().try_into().expect("a proof has 92 kB"),
		}
	}

	fn register(&self, who: AccountId, element: OutputElement, output: Vec<u8>) -> DispatchResult {
		let origin = RuntimeOrigin::signed(who);
		let sample = self.sample(output);
		Registry::register_program(origin, self.program, element, RULE, DESCRIPTION, sample)
	}
}

fn register_real(who: AccountId, element: OutputElement) -> DispatchResult {
	proven().register(who, element, proven().output.clone())
}

/// Runs a test with the real proof system and the real program registered.
fn run_registered(test: impl FnOnce()) {
	run(|| {
		RealProofs::set(true);
		assert_ok!(register_real(ALICE, OutputElement::I32));
		test();
	});
}

/// Verifies the real result with a change made to it.
fn verify_with(
	change: impl FnOnce(&mut ClaimedResult<'_>),
	proof: &[u8],
) -> Result<H256, sp_runtime::DispatchError> {
	let mut result = ClaimedResult {
		program: proven().program,
		commitment: proven().commitment,
		binding: binding(SAMPLE_ORDER, &ALICE),
		output: &proven().output,
	};
	change(&mut result);
	Registry::verify(result, proof)
}

#[test]
fn register_program_should_accept_the_real_sample_of_its_registrant() {
	run(|| {
		RealProofs::set(true);
		assert_eq!(System::block_hash(0).0, GENESIS_HASH);
		assert_ok!(register_real(ALICE, OutputElement::I32));
		assert_eq!(
			last_event(),
			Event::ProgramRegistered {
				program: proven().program,
				owner: ALICE
			}
		);
	});
}

#[test]
fn register_program_should_refuse_the_real_sample_of_another_registrant() {
	run(|| {
		RealProofs::set(true);
		assert_noop!(
			register_real(BOB, OutputElement::I32),
			Error::<Test>::ProofInvalid
		);
	});
}

#[test]
fn register_program_should_refuse_a_real_sample_of_other_elements() {
	run(|| {
		RealProofs::set(true);
		assert_noop!(
			register_real(ALICE, OutputElement::I8),
			Error::<Test>::ProofInvalid
		);
	});
}

/// Small numbers are the same numbers in every type, and zeros after them change no sum: the proof is of the type as well.
#[test]
fn register_program_should_refuse_a_real_sample_as_another_type_that_holds_its_values() {
	let operands = Operands::new(2, 1, 2, vec![1, 2], vec![3, 4]).expect("they fit");
	let small = Proven::of(&operands);
	let values = [3, 4, 6, 8];
	let wide: Vec<u8> = values.iter().flat_map(|value| [*value, 0, 0, 0]).collect();
	assert_eq!(small.output, wide);
	let narrow = [values.to_vec(), vec![0; 12]].concat();
	run(|| {
		RealProofs::set(true);
		for element in [OutputElement::I8, OutputElement::U8] {
			assert_noop!(
				small.register(ALICE, element, narrow.clone()),
				Error::<Test>::ProofInvalid
			);
		}
		assert_ok!(small.register(ALICE, OutputElement::I32, wide));
	});
}

#[test]
fn verify_should_accept_the_real_result() {
	run_registered(|| {
		let root =
			lemma_zk_statement::output_root(lemma_zk_statement::blake2_256, &proven().output);
		assert_eq!(verify_with(|_| (), &proven().proof), Ok(root.into()));
	});
}

#[test]
fn verify_should_accept_the_committed_sample() {
	let sample = CommittedSample::load().expect("the committed sample is one");
	let program = (sample.program, sample.element, RULE, DESCRIPTION);
	genesis(vec![program]).execute_with(|| {
		RealProofs::set(true);
		let result = ClaimedResult {
			program: sample.program,
			commitment: sample.commitment,
			binding: sample.binding(),
			output: &sample.output,
		};
		let root = sample.statement().expect("the sample is a result").output;
		assert_eq!(Registry::verify(result, &sample.proof), Ok(root.into()));
	});
}

#[test]
fn a_sample_should_be_as_long_as_the_verifier_reads() {
	assert_eq!(MAX_PROOF_BYTES as usize, lemma_zk_verifier::MAX_PROOF_BYTES);
}

#[test]
fn verify_should_refuse_another_input_binding_or_program_than_the_real_one() {
	run_registered(|| {
		let proof = &proven().proof;
		let refused = Error::<Test>::ProofInvalid;
		assert_noop!(
			verify_with(|result| result.commitment = COMMITMENT, proof),
			refused
		);
		let others = [
			binding(SAMPLE_ORDER, &BOB),
			binding(0, &ALICE),
			H256::zero(),
		];
		for other in others {
			assert_noop!(
				verify_with(|result| result.binding = other, proof),
				Error::<Test>::ProofInvalid
			);
		}
		assert_noop!(
			verify_with(|result| result.program = GENESIS_PROGRAM, proof),
			Error::<Test>::ProofInvalid
		);
	});
}

#[test]
fn verify_should_refuse_every_changed_byte_of_the_real_output() {
	run_registered(|| {
		for place in 0..proven().output.len() {
			let mut output = proven().output.clone();
			output[place] ^= 1;
			let result = ClaimedResult {
				program: proven().program,
				commitment: proven().commitment,
				binding: binding(SAMPLE_ORDER, &ALICE),
				output: &output,
			};
			assert_noop!(
				Registry::verify(result, &proven().proof),
				Error::<Test>::ProofInvalid
			);
		}
	});
}

#[test]
fn verify_should_say_what_is_wrong_with_the_bytes_of_a_real_proof() {
	run_registered(|| {
		let proof = &proven().proof;
		for len in [0, 1, 1000, proof.len() - 1] {
			assert_noop!(
				verify_with(|_| (), &proof[..len]),
				Error::<Test>::ProofTruncated
			);
		}
		let mut longer = proof.clone();
		longer.push(0);
		assert_noop!(
			verify_with(|_| (), &longer),
			Error::<Test>::ProofTrailingBytes
		);
		longer.resize(MAX_PROOF_BYTES as usize + 1, 0);
		assert_noop!(verify_with(|_| (), &longer), Error::<Test>::ProofTooLong);

		// A proof ends with its proof of work, a field element.
		let mut not_canonical = proof.clone();
		let end = proof.len() - 8;
		not_canonical[end..].fill(0xff);
		assert_noop!(
			verify_with(|_| (), &not_canonical),
			Error::<Test>::ProofNotCanonical
		);
	});
}

#[test]
fn verify_should_refuse_flipped_bits_all_over_a_real_proof() {
	run_registered(|| {
		let len = proven().proof.len();
		for n in 0..100 {
			let mut proof = proven().proof.clone();
			let place = n * (len - 1) / 99;
			proof[place] ^= 1 << (n % 8);
			let verdict = verify_with(|_| (), &proof);
			let refusals = [
				Error::<Test>::ProofInvalid.into(),
				Error::<Test>::ProofNotCanonical.into(),
				Error::<Test>::ProofTruncated.into(),
				Error::<Test>::ProofTrailingBytes.into(),
			];
			let refused = verdict
				.as_ref()
				.is_err_and(|error| refusals.contains(error));
			assert!(refused, "bit {} of byte {place}: {verdict:?}", n % 8);
		}
	});
}
