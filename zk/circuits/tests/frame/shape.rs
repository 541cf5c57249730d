//! One shape for all wraps, one key for all proofs.

use std::sync::Mutex;

use lemma_zk_circuits::{program::Stage, wrap};
use lemma_zk_verifier::Verifier;

use crate::sum::{honest, honest_binding, honest_output, prover, set, statement, Sum};

#[test]
fn programs_of_all_sizes_should_be_proven_under_the_one_key_with_ids_of_their_own() {
	let mut ids = vec![honest().0.program];
	// So few rows that it is filled up to the shape; the most that are wrapped at once; and so many that it is
	// shrunk first.
	for (rows_log2, wrapped, shrinkings) in [(5, false, 0), (13, true, 0), (14, true, 1)] {
		let circuit = Sum { rows_log2 };
		let built = prover().circuit(&circuit);
		let program_rows_log2 = rows_log2.max(wrap::shape().degree_bits());
		assert_eq!(built.program.common.degree_bits(), program_rows_log2);
		assert_eq!(built.wrap.is_some(), wrapped);
		assert_eq!(built.shrinking.len(), shrinkings);
		assert_eq!(&built.shaped().common, wrap::shape());

		let statement = statement(built.id(), honest_binding(), &honest_output());
		let begun = Mutex::new(Vec::new());
		let progress = |stage| begun.lock().unwrap().push(stage);
		let proved = prover()
			.prove(&circuit, &statement, set, &progress)
			.unwrap();
		Verifier::embedded()
			.unwrap()
			.verify(&statement, &proved.proof)
			.unwrap();

		assert_eq!(proved.rows_log2 as usize, program_rows_log2);
		let mut stages = vec![Stage::ProveProgram];
		stages.extend(vec![Stage::Shrink; shrinkings]);
		stages.extend(wrapped.then_some(Stage::Wrap));
		stages.push(Stage::Outer);
		assert_eq!(*begun.lock().unwrap(), stages);
		assert_eq!(
			proved
				.stages
				.iter()
				.map(|(stage, _)| *stage)
				.collect::<Vec<_>>(),
			stages
		);

		assert!(!ids.contains(&built.id()));
		ids.push(built.id());
	}
}

#[test]
fn building_twice_should_give_the_same_id() {
	let circuit = Sum { rows_log2: 6 };
	let again = wrap::Wrapped::build(&circuit);
	assert_eq!(again.id(), prover().circuit(&circuit).id());
}

#[test]
fn outer_proof_should_have_the_length_that_the_chain_is_made_for() {
	let bytes = honest().1.len();
	assert!(bytes <= 92_000, "{bytes} bytes");
}

#[test]
fn verifying_should_be_as_quick_as_the_chain_is_made_for() {
	let (statement, proof) = honest();
	let start = std::time::Instant::now();
	for _ in 0..20 {
		Verifier::embedded()
			.unwrap()
			.verify(statement, proof)
			.unwrap();
	}
	// Some 2 ms; the bound only keeps it from being of another kind.
	assert!(start.elapsed().as_millis() < 20 * 200);
}
