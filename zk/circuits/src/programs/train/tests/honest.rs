//! What must be provable.

use super::*;
use crate::{
	circuit::Circuit,
	program::{Job, ProveError},
	programs::train::{class::Class, job::TrainJob},
	Prover,
};

#[test]
fn every_first_batch_and_size_should_be_provable() {
	for (rows, first) in [(96, 0), (96, 1), (96, 2), (40, 0), (1000, 29), (1000, 30)] {
		assert!(Case::honest(training(STEPS, rows, first)).is_accepted());
	}
}

#[test]
fn extremes_should_be_provable() {
	for (weight, feature) in [(1 << 28, 127), (-(1 << 28), -128), (1 << 28, -128), (0, 0)] {
		let mut training = training(STEPS, 64, 0);
		training.weights.fill(weight);
		training.features.fill(feature);
		training.rates = vec![256, 64];
		training.check().unwrap();
		assert!(Case::honest(training).is_accepted());
	}
}

#[test]
fn commitment_should_change_with_everything_that_matters() {
	let commitment = |training: &Training| CommittedTraining::new(training).commitment;
	let base = training(STEPS, 100, 0);
	let mut all = vec![commitment(&base)];
	let changes: [fn(&mut Training); 7] = [
		|training| training.steps = 3,
		|training| training.first = 1,
		|training| training.rates[1] += 1,
		|training| training.seed[31] ^= 1,
		|training| training.weights[20] += 1,
		|training| {
			training
				.features
				.iter_mut()
				.for_each(|feature| *feature = feature.wrapping_add(1))
		},
		|training| {
			training
				.labels
				.iter_mut()
				.for_each(|label| *label = (*label + 1) % 3)
		},
	];
	for change in changes {
		let mut other = base.clone();
		change(&mut other);
		all.push(commitment(&other));
	}
	for (i, one) in all.iter().enumerate() {
		assert!(!all[..i].contains(one), "{i}");
	}
}

#[test]
fn commitment_should_have_a_known_answer() {
	let commitment = CommittedTraining::new(&training(STEPS, 100, 1)).commitment;
	assert_eq!(
		hex::encode(commitment),
		"8c3514cf7e23c6362198af05cd1d3c1350860f08c233d27a6a7476bb5ea04382"
	);
}

#[test]
fn path_should_lead_to_the_root() {
	use plonky2::hash::{
		merkle_proofs::{verify_merkle_proof, MerkleProof},
		poseidon::PoseidonHash,
	};
	let training = training(STEPS, 200, 0);
	let committed = CommittedTraining::new(&training);
	for (place, batch) in committed.batches.iter().enumerate() {
		let leaf = batch.elements(&training.network);
		let proof = MerkleProof {
			siblings: committed.path(place),
		};
		verify_merkle_proof::<_, PoseidonHash>(leaf, place, committed.root(), &proof).unwrap();
	}
}

/// A real proof, and what a job refuses.
#[test]
fn job_should_go_from_a_blob_to_a_proof_that_the_chain_accepts() {
	let prover = Prover::new();
	let training = Training::decode(&training(STEPS, 96, 1).encode()).unwrap();
	let program = prover.circuit(&TrainCircuit::of(&training)).id();
	let output = output(&reference::train(&training).0);
	let job = TrainJob::of_program(training, program).unwrap();
	assert_eq!(output.len(), job.output_len());
	let mut wrong = output.clone();
	wrong[4] ^= 1;
	for wrong in [&wrong[..], &output[4..]] {
		let refused = job.prove(&prover, wrong, BINDING, &|_| ());
		assert!(matches!(refused, Err(ProveError::WrongOutput(_))));
	}
	let proved = job.prove(&prover, &output, BINDING, &|_| ()).unwrap();
	let statement = Statement::of_result(
		program,
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

#[test]
fn circuits_should_have_the_rows_of_their_class() {
	for class in Class::all() {
		let (builder, ..) = Wrapped::plain(&class.circuit);
		let rows = builder.num_gates();
		println!("{}: {rows} rows", class.circuit.name());
		// Building adds a few, for constants and public inputs.
		let rows = (rows + 20).next_power_of_two();
		assert_eq!(rows.ilog2(), class.rows_log2(), "{}", class.circuit.name());
	}
}
