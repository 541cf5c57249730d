//! Every target on its corpus and on mutations of it. For longer: `scripts/fuzz`.

use std::path::Path;

use lemma_worker_fuzz::ALL;
use lemma_zk_fuzz::smoke;

fn run(name: &str, mutations: usize) {
	let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
	let target = ALL.iter().find(|target| target.name == name);
	smoke(target.expect("the target is listed"), &corpora, mutations);
}

#[test]
fn npy_reader_should_survive_mutation() {
	run("npy", 20_000);
}

#[test]
fn store_names_should_survive_mutation() {
	run("store-name", 2_000);
}

#[test]
fn journal_should_survive_mutation() {
	run("journal", 100_000);
}

#[test]
fn configuration_should_survive_mutation() {
	run("config", 5_000);
}
