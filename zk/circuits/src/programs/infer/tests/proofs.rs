//! Real proofs, from a bundle and a blob to what the chain accepts.

use lemma_zk_verifier::Verifier;

use super::*;
use crate::{
	circuit::Circuit,
	program::{ProveError, Stage, Work},
	programs::{
		bundles::Programs,
		infer::encoding::{encode_input, Bundle},
	},
	Prover,
};

#[test]
fn bundle_should_go_to_a_proof_that_the_chain_accepts() {
	let model = perceptron(&[64, 32, 10], 1);
	let bundle = Bundle::new(model.clone(), vec![1]).unwrap();
	let mut programs = Programs::default();
	let ids = programs.load(&bundle.encode()).unwrap();
	assert_eq!(ids.len(), 1);
	let program = programs.find(&ids[0]).unwrap();
	assert!(crate::programs::find(&ids[0]).is_none());

	let samples = samples(&model, 1, 8);
	let job = program.open(&encode_input(&samples, 1)).unwrap();
	assert_eq!(job.program(), ids[0]);
	let Work::Infer {
		model: asked,
		samples: given,
	} = job.work()
	else {
		panic!("it is a network's")
	};
	assert_eq!((asked, given), (&model, samples.as_slice()));
	let honest = output(&model, &samples);

	let prover = Prover::new();
	let mut wrong = honest.clone();
	wrong[3] ^= 1;
	let refusal = job.prove(&prover, &wrong, [7; 32], &|_| ());
	assert!(matches!(refusal, Err(ProveError::WrongOutput(_))));

	let proved = job.prove(&prover, &honest, [7; 32], &|_| ()).unwrap();
	println!("2^{} rows, {:?}", proved.rows_log2, proved.stages);
	let stages: Vec<Stage> = proved.stages.iter().map(|(stage, _)| *stage).collect();
	assert_eq!(stages, [Stage::ProveProgram, Stage::Wrap, Stage::Outer]);
	let verify = |output: &[u8]| {
		let statement = Statement::of_result(
			ids[0],
			[7; 32],
			job.commitment(),
			model.element(),
			output,
			blake2_256,
		);
		Verifier::embedded()
			.unwrap()
			.verify(&statement.unwrap(), &proved.proof)
	};
	assert_eq!(verify(&honest), Ok(()));
	assert!(verify(&wrong).is_err());
}

#[test]
fn programs_should_refuse_what_is_no_bundle_or_input() {
	let mut programs = Programs::default();
	assert!(programs.load(b"lemma-x\x01").is_err());
	assert!(programs.load(&perceptron(&[4, 2], 1).encode()).is_err());
	assert!(programs.find(&[3; 32]).is_none());
	let built_in = crate::keys::committed()[0].id.clone();
	let id = hex::decode(built_in).unwrap().try_into().unwrap();
	assert_eq!(programs.find(&id).unwrap().name(), "gemm");
}

/// Rows of the wraps of the networks that the project is measured by. Builds them all: minutes.
#[test]
#[ignore = "builds large circuits: run it to measure"]
fn large_networks_should_be_proven() {
	for (model, batch) in [
		(perceptron(&[784, 128, 10], 1), 1),
		(perceptron(&[784, 128, 10], 1), 16),
		(perceptron(&[64, 32, 10], 1), 64),
		(models::convolutional(), 1),
	] {
		let circuit = Arc::new(InferCircuit::new(Arc::new(model.clone()), batch).unwrap());
		let prover = Prover::new();
		let built = prover.circuit(circuit.as_ref());
		let samples = samples(&model, batch, 8);
		let job = crate::programs::infer::job::InferJob::new(
			circuit.clone(),
			built.id(),
			samples.clone(),
		);
		let proved =
			crate::program::Job::prove(&job, &prover, &output(&model, &samples), [7; 32], &|_| ());
		let proved = proved.unwrap();
		println!(
			"{}: 2^{} rows, shrunk {} times, {:?}",
			Circuit::name(circuit.as_ref()),
			proved.rows_log2,
			built.shrinking.len(),
			proved.stages
		);
	}
}
