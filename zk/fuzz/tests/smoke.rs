//! Every target on its corpus and on mutations of it. For longer: `scripts/fuzz`.

use std::path::Path;

use lemma_zk_fuzz::{smoke, targets::ALL};

fn run(name: &str, mutations: usize) {
	let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
	let target = ALL.iter().find(|target| target.name == name);
	smoke(target.expect("the target is listed"), &corpora, mutations);
}

#[test]
fn proof_should_survive_mutation() {
	run("proof", 5_000);
}

#[test]
fn statement_should_survive_mutation() {
	run("statement", 1_000);
}

#[test]
fn outer_key_should_survive_mutation() {
	run("outer-key", 100_000);
}

#[test]
fn bundle_should_survive_mutation() {
	run("bundle", 50_000);
}
