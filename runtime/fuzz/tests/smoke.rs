//! The target on its corpus and on mutations of it. For longer: `scripts/fuzz`.

use std::path::Path;

use lemma_runtime_fuzz::ALL;
use lemma_zk_fuzz::smoke;

#[test]
fn runtime_should_survive_mutated_extrinsics() {
	let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
	smoke(&ALL[0], &corpora, 500);
}
