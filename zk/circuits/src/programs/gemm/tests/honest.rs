//! What must be provable.

use super::*;
use crate::{
	program::{Program, Stage, Work},
	programs::gemm::{job::open_operands, Gemm},
};

fn prove(case: &Case) {
	let circuit = circuit();
	let statement = case.statement(&case.output);
	let opening = open_operands(CLASS, case.operands.n, &case.committed, &statement).unwrap();
	let witness = circuit
		.witness(&statement, |targets, witness| {
			targets.set(witness, case.dimensions(), &case.committed, &opening)
		})
		.unwrap();
	let proof = circuit.prove_program(witness).unwrap();
	circuit.program.verify(proof).unwrap();
}

#[test]
fn product_should_be_the_matrix_product() {
	let operands = Operands::new(
		2,
		3,
		2,
		vec![1, 2, 3, -4, 5, -6],
		vec![7, 8, 9, -10, 11, 12],
	)
	.unwrap();
	assert_eq!(reference::product(&operands), [58, 24, -49, -154]);
	let extreme = |a, b| {
		let operands = Operands::new(1, 4096, 1, vec![a; 4096], vec![b; 4096]).unwrap();
		reference::product(&operands)[0]
	};
	assert_eq!(extreme(-128, -128), 1 << 26);
	assert_eq!(extreme(-128, 127), -128 * 127 * 4096);
}

#[test]
fn products_of_every_form_should_be_provable() {
	for (m, k, n) in [
		(1, 1, 1),
		(5, 1, 3),
		(3, 63, 256),
		(256, 64, 2),
		(256, 33, 256),
	] {
		prove(&Case::new(operands(m, k, n, 11)));
	}
}

#[test]
fn products_of_extreme_values_should_be_provable() {
	for (a, b) in [(-128, -128), (127, -128), (0, 0)] {
		let (m, k, n) = (4, 64, 256);
		prove(&Case::new(
			Operands::new(m, k, n, vec![a; m * k], vec![b; k * n]).unwrap(),
		));
	}
}

#[test]
fn commitment_should_change_with_every_dimension_and_value() {
	let commitment = |m, k, n, a: &[i8], b: &[i8]| {
		let operands = Operands::new(m, k, n, a.into(), b.into()).unwrap();
		CommittedOperands::new(CLASS, &operands).commitment
	};
	// Zero operands of many shapes have the same polynomials, so the dimensions alone tell them apart.
	let all = [
		commitment(1, 1, 1, &[0], &[0]),
		commitment(2, 1, 1, &[0; 2], &[0]),
		commitment(1, 2, 1, &[0; 2], &[0; 2]),
		commitment(1, 1, 2, &[0], &[0; 2]),
		commitment(1, 1, 1, &[1], &[0]),
		commitment(1, 1, 1, &[0], &[1]),
		commitment(1, 1, 1, &[-1], &[0]),
	];
	for (i, one) in all.iter().enumerate() {
		assert!(!all[..i].contains(one));
	}
}

#[test]
fn commitment_should_have_a_known_answer() {
	let operands = Operands::new(2, 2, 2, vec![1, 2, 3, 4], vec![-5, 6, 7, -128]).unwrap();
	let commitment = CommittedOperands::new(CLASS, &operands).commitment;
	assert_eq!(
		hex::encode(commitment),
		"15d1f264a64ffc55380601c13c1a850d60cc9974194af7be84ca6390c4129049"
	);
}

#[test]
fn job_should_go_from_a_blob_to_a_proof_that_the_chain_accepts() {
	let operands = operands(20, 64, 10, 3);
	let job = Gemm.open(&operands.encode()).unwrap();
	assert_eq!(job.shape(), "20x64x10");
	assert_eq!(job.output_len(), 800);
	let Work::Gemm { m, k, n, a, b } = job.work() else {
		panic!("it is a product")
	};
	assert_eq!(
		(m, k, n, a, b),
		(20, 64, 10, operands.a.as_slice(), operands.b.as_slice())
	);

	let output = reference::output(&operands);
	let heard = std::sync::Mutex::new(Vec::new());
	let proved = job
		.prove(prover(), &output, BINDING, &|stage| {
			heard.lock().unwrap().push(stage)
		})
		.unwrap();
	let stages = [
		Stage::Commit,
		Stage::Open,
		Stage::ProveProgram,
		Stage::Outer,
	];
	assert_eq!(*heard.lock().unwrap(), stages);
	assert_eq!(
		proved
			.stages
			.iter()
			.map(|(stage, _)| *stage)
			.collect::<Vec<_>>(),
		stages
	);
	assert_eq!(proved.rows_log2 as usize, CLASS.rows_log2());

	let statement = Statement::of_result(
		job.program(),
		BINDING,
		job.commitment(),
		job.element(),
		&output,
		blake2_256,
	)
	.unwrap();
	let verifier = lemma_zk_verifier::Verifier::embedded().unwrap();
	verifier.verify(&statement, &proved.proof).unwrap();
}
