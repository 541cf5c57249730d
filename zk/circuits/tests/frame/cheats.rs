//! What a cheat can do, each of which must be refused.

use std::{
	panic::{catch_unwind, AssertUnwindSafe},
	sync::{Arc, OnceLock},
};

use lemma_zk_circuits::{
	outer::Outer,
	program::ProveError,
	security,
	targets::StatementTargets,
	wrap::{self, Wrapped},
	Builder, CircuitData, Proof, C,
};
use lemma_zk_statement::{binding, OutputElement, Statement};
use lemma_zk_verifier::{proof_to_bytes, Verifier, VerifyError, MAX_PROOF_BYTES};
use plonky2::{
	field::types::{Field, Field64, PrimeField64},
	gates::noop::NoopGate,
	iop::{
		generator::generate_partial_witness,
		target::Target,
		witness::{PartialWitness, WitnessWrite},
	},
	plonk::prover::prove_with_partition_witness,
	util::timing::TimingTree,
};
use rand::{rngs::StdRng, Rng, SeedableRng};

use crate::sum::{
	honest, honest_binding, honest_output, output, prove, prover, set, small, statement, Sum, A, B,
};

fn verdict(statement: &Statement, proof: &[u8]) -> Result<(), VerifyError> {
	Verifier::embedded().unwrap().verify(statement, proof)
}

#[test]
fn honest_proof_should_be_accepted() {
	let (statement, proof) = honest();
	assert_eq!(verdict(statement, proof), Ok(()));
}

#[test]
fn proof_should_be_refused_for_a_statement_changed_in_any_field() {
	let (honest, proof) = honest();
	let mut changed = Vec::new();
	for place in 0..32 {
		for field in 0..4 {
			let mut statement = *honest;
			let bytes = [
				&mut statement.program,
				&mut statement.binding,
				&mut statement.input,
				&mut statement.output,
			];
			bytes.into_iter().nth(field).unwrap()[place] ^= 1;
			changed.push(statement);
		}
	}
	for place in 0..2 {
		let mut statement = *honest;
		statement.y[place] ^= 1;
		changed.push(statement);
		let mut statement = *honest;
		statement.v[place] ^= 1;
		changed.push(statement);
	}
	assert_eq!(changed.len(), 4 * 32 + 4);
	for statement in changed {
		let refusal = verdict(&statement, proof).unwrap_err();
		assert!(
			matches!(
				refusal,
				VerifyError::ProofInvalid | VerifyError::StatementNotCanonical
			),
			"{refusal:?}"
		);
	}
}

#[test]
fn proof_should_be_refused_for_another_provider_order_or_chain() {
	let (honest, proof) = honest();
	assert_eq!(honest.binding, binding(&[7; 32], 42, &[9; 32]));
	for other in [
		binding(&[7; 32], 42, &[8; 32]),
		binding(&[7; 32], 43, &[9; 32]),
		binding(&[8; 32], 42, &[9; 32]),
	] {
		// Both with the honest y and v and with those that the runtime derives.
		let with_honest_point = Statement {
			binding: other,
			..*honest
		};
		let derived = statement(honest.program, other, &honest_output());
		assert_ne!(derived.y, honest.y);
		assert_eq!(
			verdict(&with_honest_point, proof),
			Err(VerifyError::ProofInvalid)
		);
		assert_eq!(verdict(&derived, proof), Err(VerifyError::ProofInvalid));
	}
}

#[test]
fn proof_should_be_refused_as_another_programs() {
	let (honest, proof) = honest();
	let other = prover().circuit(&Sum { rows_log2: 7 }).id();
	assert_ne!(other, honest.program);
	let statement = Statement {
		program: other,
		..*honest
	};
	assert_eq!(verdict(&statement, proof), Err(VerifyError::ProofInvalid));
}

#[test]
fn statement_should_be_refused_when_it_is_not_canonical() {
	let (honest, proof) = honest();
	let p = lemma_zk_circuits::F::ORDER;
	// The same element of the field, written otherwise: small enough that p more is below 2^64.
	let mut statement = *honest;
	statement.v = [p, p + 1];
	assert_eq!(
		verdict(&statement, proof),
		Err(VerifyError::StatementNotCanonical)
	);
	let statement = Statement {
		program: [0xff; 32],
		..*honest
	};
	assert_eq!(
		verdict(&statement, proof),
		Err(VerifyError::StatementNotCanonical)
	);
}

#[test]
fn wrong_output_should_have_no_proof() {
	let (circuit, id) = small();
	let (sum, product) = (i32::from(A) + i32::from(B), i32::from(A) * i32::from(B));
	for wrong in [
		output(sum + 1, product),
		output(sum, product - 1),
		output(0, 0),
	] {
		let statement = statement(id, honest_binding(), &wrong);
		assert!(matches!(
			prove(circuit, &statement),
			Err(ProveError::Prover(_))
		));
	}
}

#[test]
fn statement_whose_y_or_v_is_not_derived_should_have_no_proof() {
	let (circuit, _) = small();
	for place in 0..2 {
		let mut statement = honest().0;
		statement.y[place] ^= 1;
		assert!(matches!(
			prove(circuit, &statement),
			Err(ProveError::Prover(_))
		));
		let mut statement = honest().0;
		statement.v[place] ^= 1;
		assert!(matches!(
			prove(circuit, &statement),
			Err(ProveError::Prover(_))
		));
	}
}

#[test]
fn y_chosen_before_the_output_should_have_no_proof() {
	// With y free, a wrong output is easily made to evaluate to the right v: o_0 + o_1 * y = v.
	let (circuit, id) = small();
	let mut statement = statement(id, honest_binding(), &output(0, 0));
	let true_sum = u64::from(A) + u64::from(B);
	statement.y = [0, 0];
	statement.v = [true_sum, 0];
	assert!(matches!(
		prove(circuit, &statement),
		Err(ProveError::Prover(_))
	));
}

/// The program's proof from a witness in which, after all generators have run, the wires of some public
/// inputs are overwritten: what a prover that ignores the generators can do.
fn proof_of_overwritten_witness(changes: &[(usize, u64)]) -> Option<Proof> {
	let (circuit, _) = small();
	let built = prover().circuit(&circuit);
	let data = &built.program;
	let witness = built.witness(&honest().0, set).unwrap();
	let mut witness = generate_partial_witness(witness, &data.prover_only, &data.common).unwrap();
	for (place, value) in changes {
		let target = data.prover_only.public_inputs[*place];
		let representative = witness.representative_map
			[target.index(data.common.config.num_wires, data.common.degree())];
		witness.values[representative] = Some(lemma_zk_circuits::F::from_canonical_u64(*value));
	}
	let prove = || {
		prove_with_partition_witness::<_, C, 2>(
			&data.prover_only,
			&data.common,
			witness,
			&mut TimingTree::default(),
		)
	};
	catch_unwind(AssertUnwindSafe(prove)).ok()?.ok()
}

#[test]
fn witness_that_bypasses_the_generators_should_have_no_outer_proof() {
	let (circuit, _) = small();
	let built = prover().circuit(&circuit);
	let untouched = proof_of_overwritten_witness(&[]).expect("an honest witness is provable");
	assert!(built.program.verify(untouched).is_ok());

	let mut made = 0;
	// In the order of the public inputs: binding 0..8, input 8..12, output 12..20, y 20..22, v 22..24.
	for place in [0, 7, 8, 11, 12, 19, 20, 21, 22, 23] {
		let Some(proof) = proof_of_overwritten_witness(&[(place, 12345)]) else {
			continue;
		};
		made += 1;
		assert_eq!(proof.public_inputs[place].to_canonical_u64(), 12345);
		assert!(
			built.program.verify(proof.clone()).is_err(),
			"public input {place}"
		);
		let outer = outer_proof(prover().outer(), &proof, built.shaped());
		assert!(outer.is_none(), "public input {place}");
	}
	assert!(
		made > 0,
		"plonky2's prover refuses all of these by itself: nothing was tested"
	);
}

/// A program that is too large for the fixed shape, and its own proof.
fn large() -> &'static (Arc<Wrapped<[Target; 2]>>, Proof) {
	static LARGE: OnceLock<(Arc<Wrapped<[Target; 2]>>, Proof)> = OnceLock::new();
	LARGE.get_or_init(|| {
		let built = prover().circuit(&Sum { rows_log2: 13 });
		let witness = built.witness(&honest().0, set).unwrap();
		let proof = built.prove_program(witness).unwrap();
		(built, proof)
	})
}

/// A circuit of 24 public inputs that proves nothing at all.
fn hollow(gates_of_the_shape: bool, rows: usize) -> CircuitData {
	let mut builder = Builder::new(security::inner_config());
	builder.add_virtual_public_input_arr::<24>();
	if gates_of_the_shape {
		for gate in &wrap::shape().gates {
			builder.add_gate_to_gate_set(gate.clone());
		}
	}
	while builder.num_gates() < rows {
		builder.add_gate(NoopGate, vec![]);
	}
	builder.build::<C>()
}

fn prove_hollow(data: &CircuitData) -> Proof {
	let mut witness = PartialWitness::new();
	let elements = honest().0.to_elements();
	witness
		.set_target_arr(&data.prover_only.public_inputs, &elements[4..])
		.unwrap();
	data.prove(witness).unwrap()
}

#[test]
fn wrap_that_verifies_nothing_should_prove_only_its_own_worthless_id() {
	let data = hollow(true, (1 << 11) + 1);
	assert_eq!(&data.common, wrap::shape());
	let proof = prover()
		.outer()
		.prove(&prove_hollow(&data), &data.verifier_only)
		.unwrap();
	let proof = proof_to_bytes(&proof);

	assert_eq!(verdict(&honest().0, &proof), Err(VerifyError::ProofInvalid));
	let own = Statement {
		program: wrap::program_id(&data.verifier_only),
		..honest().0
	};
	assert_ne!(own.program, honest().0.program);
	// That it can be proven at all shows that only the id stood in the way.
	assert_eq!(verdict(&own, &proof), Ok(()));
}

fn outer_proof(
	outer: &Outer,
	proof: &Proof,
	data: &CircuitData,
) -> Option<lemma_zk_verifier::OuterProof> {
	catch_unwind(AssertUnwindSafe(|| outer.prove(proof, &data.verifier_only)))
		.ok()?
		.ok()
}

#[test]
fn proof_of_another_shape_should_not_be_taken_for_a_wrap() {
	let outer = prover().outer();
	// A large program's own proof; one of too few and of too many rows; one of other gates.
	let (large, program) = large();
	assert_ne!(&large.program.common, wrap::shape());
	assert!(outer_proof(outer, program, &large.program).is_none());
	for (gates_of_the_shape, rows) in [
		(true, (1 << 10) + 1),
		(true, (1 << 12) + 1),
		(false, (1 << 11) + 1),
	] {
		let data = hollow(gates_of_the_shape, rows);
		assert_ne!(&data.common, wrap::shape());
		assert!(outer_proof(outer, &prove_hollow(&data), &data).is_none());
	}
}

#[test]
fn proof_should_not_be_taken_with_another_programs_key() {
	let built = prover().circuit(&small().0);
	let other = prover().circuit(&Sum { rows_log2: 13 });
	let proof = built
		.prove_program(built.witness(&honest().0, set).unwrap())
		.unwrap();
	let outer = prover().outer();
	assert!(outer_proof(outer, &proof, built.shaped()).is_some());
	assert!(outer_proof(outer, &proof, other.shaped()).is_none());
}

#[test]
fn wrap_should_take_only_proofs_of_its_own_program() {
	let (large, program) = large();
	let wrap = large
		.wrap
		.as_ref()
		.expect("it is too large for the fixed shape");
	assert!(wrap.prove(program).is_ok());
	for place in [0, 8, 12, 20, 23] {
		let mut changed = program.clone();
		changed.public_inputs[place] += lemma_zk_circuits::F::ONE;
		assert!(wrap.prove(&changed).is_err(), "public input {place}");
	}
	let built = prover().circuit(&small().0);
	let others = built
		.prove_program(built.witness(&honest().0, set).unwrap())
		.unwrap();
	let taken = catch_unwind(AssertUnwindSafe(|| wrap.prove(&others)));
	assert!(!matches!(taken, Ok(Ok(_))));
}

#[test]
fn prover_should_refuse_a_statement_of_another_program() {
	let (circuit, _) = small();
	let statement = Statement {
		program: [1; 32],
		..honest().0
	};
	let Err(ProveError::Prover(reason)) = prove(circuit, &statement) else {
		panic!("proved another program's statement")
	};
	assert!(
		reason.contains("sum/6 is not the program of the statement"),
		"{reason}"
	);
}

#[test]
fn truncated_proofs_should_be_refused() {
	let (statement, proof) = honest();
	for len in (0..proof.len()).step_by(97).chain([proof.len() - 1]) {
		assert_eq!(
			verdict(statement, &proof[..len]),
			Err(VerifyError::ProofTruncated)
		);
	}
}

#[test]
fn extended_proofs_should_be_refused() {
	let (statement, proof) = honest();
	for extra in [1, 8, 1000] {
		let longer = [&proof[..], &vec![0; extra]].concat();
		assert_eq!(
			verdict(statement, &longer),
			Err(VerifyError::ProofTrailingBytes)
		);
	}
	let longest = [&proof[..], &vec![0; MAX_PROOF_BYTES - proof.len()]].concat();
	assert_eq!(
		verdict(statement, &longest),
		Err(VerifyError::ProofTrailingBytes)
	);
	let too_long = [&longest[..], &[0]].concat();
	assert_eq!(
		verdict(statement, &too_long),
		Err(VerifyError::ProofTooLong)
	);
}

#[test]
fn bytes_that_are_no_proof_should_be_refused() {
	let (statement, proof) = honest();
	let mut random = StdRng::seed_from_u64(1);
	for _ in 0..20 {
		let noise: Vec<u8> = (0..proof.len()).map(|_| random.gen()).collect();
		assert!(verdict(statement, &noise).is_err());
	}
	for byte in [0, 1, 0xff] {
		assert!(verdict(statement, &vec![byte; proof.len()]).is_err());
	}
}

#[test]
fn numbers_not_below_p_should_be_refused_wherever_they_stand() {
	let (statement, proof) = honest();
	// The proof begins with three caps of 16 hashes of 25 bytes, which are bytes and no numbers; then come
	// the openings, a number every 8 bytes; and it ends with the final polynomial, 16 coefficients of two numbers,
	// and the proof of work.
	let openings = 3 * 16 * 25;
	let end = proof.len() - 8;
	let places = (0..300)
		.map(|i| openings + 8 * i)
		.chain((0..33).map(|i| end - 8 * i));
	for place in places {
		for number in [lemma_zk_circuits::F::ORDER, u64::MAX] {
			let mut spoiled = proof.clone();
			spoiled[place..][..8].copy_from_slice(&number.to_le_bytes());
			assert_eq!(
				verdict(statement, &spoiled),
				Err(VerifyError::ProofNotCanonical)
			);
		}
	}
}

#[test]
fn ten_thousand_random_bit_flips_should_all_be_refused() {
	let (statement, proof) = honest();
	let verifier = Verifier::embedded().unwrap();
	let mut random = StdRng::seed_from_u64(2);
	let mut spoiled = proof.clone();
	for _ in 0..10_000 {
		let bit = random.gen_range(0..proof.len() * 8);
		spoiled[bit / 8] ^= 1 << (bit % 8);
		assert!(verifier.verify(statement, &spoiled).is_err(), "bit {bit}");
		// What can be read at all has no other encoding.
		if let Ok(read) = verifier.decode(&spoiled) {
			assert_eq!(proof_to_bytes(&read), spoiled, "bit {bit}");
		}
		spoiled[bit / 8] ^= 1 << (bit % 8);
	}
	assert_eq!(verifier.verify(statement, &spoiled), Ok(()));
}

#[test]
fn malformed_keys_should_be_refused() {
	let key = lemma_zk_verifier::EMBEDDED_KEY;
	for len in [0, 1, 8, key.len() / 2, key.len() - 1] {
		assert!(
			matches!(Verifier::new(&key[..len]), Err(VerifyError::KeyMalformed)),
			"{len}"
		);
	}
	let longer = [key, &[0]].concat();
	assert!(matches!(
		Verifier::new(&longer),
		Err(VerifyError::KeyMalformed)
	));
}

#[test]
fn statement_targets_should_be_all_public_inputs_of_a_program() {
	let mut builder = Builder::new(security::inner_config());
	let statement = StatementTargets::add(&mut builder, OutputElement::I32);
	let parts = [
		&statement.binding[..],
		&statement.input,
		&statement.output,
		&statement.y,
		&statement.v,
	];
	let data = builder.build::<C>();
	assert_eq!(data.prover_only.public_inputs, parts.concat());
}
