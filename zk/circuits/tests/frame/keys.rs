//! The committed files are what the circuits give. `lemma-zk-circuits keys --check` rebuilds all of them; here,
//! those of every inner dimension and of every outer one.

use std::collections::HashSet;

use lemma_zk_circuits::{
	keys::{self, Key},
	outer::Outer,
	programs,
	sample::Sample,
};
use lemma_zk_verifier::EMBEDDED_KEY;

#[test]
fn outer_key_should_be_the_committed_one() {
	assert!(
		Outer::build().key_bytes() == EMBEDDED_KEY,
		"zk/verifier/keys/outer.bin is not this circuit's: run `lemma-zk-circuits keys`"
	);
}

#[test]
fn every_circuit_should_have_a_committed_key_and_no_other_should() {
	let circuits = programs::all()
		.iter()
		.flat_map(|program| program.circuits());
	let of_circuits: Vec<_> = circuits
		.map(|circuit| (circuit.name(), circuit.element()))
		.collect();
	let committed: Vec<_> = keys::committed()
		.iter()
		.map(|key| (key.name.clone(), key.element))
		.collect();
	assert_eq!(committed, of_circuits);
	let ids: HashSet<_> = keys::committed().iter().map(|key| &key.id).collect();
	assert_eq!(ids.len(), committed.len());
}

#[test]
fn classes_should_be_found_by_name_and_id() {
	for program in programs::all() {
		let classes = program.classes();
		assert_eq!(classes.len(), program.circuits().len());
		for class in classes {
			assert_eq!(
				keys::id(&format!("{}/{}", program.name(), class.name)),
				Some(class.id)
			);
			let found = programs::find(&class.id).map(|program| program.name());
			assert_eq!(found, Some(program.name()));
		}
	}
	assert!(programs::find(&[0; 32]).is_none());
	assert_eq!(keys::id("gemm/no-such-class"), None);
}

#[test]
fn to_json_should_be_the_committed_text() {
	assert_eq!(
		keys::to_json(keys::committed()),
		include_str!("../../keys/programs.json")
	);
}

fn rebuild(chosen: impl Fn(&str) -> bool) {
	let circuits = programs::all()
		.iter()
		.flat_map(|program| program.circuits());
	let mut rebuilt = 0;
	for circuit in circuits.filter(|circuit| chosen(&circuit.name())) {
		let key = Key::compute(circuit.as_ref());
		let committed = keys::committed()
			.iter()
			.find(|committed| committed.name == key.name);
		assert_eq!(committed, Some(&key), "run `lemma-zk-circuits keys`");
		rebuilt += 1;
	}
	assert_eq!(rebuilt, 7);
}

#[test]
fn ids_of_every_inner_dimension_should_be_the_committed_ones() {
	rebuild(|name| name.ends_with("-d8"));
}

#[test]
fn ids_of_every_outer_dimension_should_be_the_committed_ones() {
	rebuild(|name| name.starts_with("gemm/k64-"));
}

#[test]
fn committed_sample_should_verify() {
	let sample = Sample::committed().expect("zk/circuits/samples/gemm.scale is a sample");
	assert_eq!(sample.verify(), Ok(()));
	assert!(sample.proof.len() <= 92_000);
	let job = programs::find(&sample.program)
		.unwrap()
		.open(&sample.blob)
		.unwrap();
	assert_eq!(job.program(), sample.program);
	assert_eq!(job.commitment(), sample.commitment);
	assert_eq!(job.output_len(), sample.output.len());
}

#[test]
fn committed_sample_should_not_verify_with_any_byte_of_its_output_changed() {
	let sample = Sample::committed().expect("zk/circuits/samples/gemm.scale is a sample");
	for place in 0..sample.output.len() {
		let mut changed = sample.clone();
		changed.output[place] ^= 0x40;
		assert!(changed.verify().is_err());
	}
}
