//! The node makes genesis in its own way: it must be what the SDK makes of the same specification.

use std::{path::Path, process::Command};

use serde_json::Value;

/// What the node prints, which is JSON.
fn printed(arguments: &[&str]) -> Value {
	let output = Command::new(env!("CARGO_BIN_EXE_lemma-node"))
		.args(arguments)
		.output()
		.expect("the node runs");
	let errors = String::from_utf8_lossy(&output.stderr);
	assert!(output.status.success(), "{arguments:?}: {errors}");
	serde_json::from_slice(&output.stdout).expect("it is JSON")
}

#[test]
fn genesis_in_the_database_should_be_that_of_the_raw_specification() {
	let database = Path::new(env!("CARGO_TARGET_TMPDIR")).join("genesis");
	let _ = std::fs::remove_dir_all(&database);
	let database = database.to_str().expect("the path is UTF-8");

	let raw = printed(&["export-chain-spec", "--chain", "dev", "--raw"]);
	let state = printed(&["export-state", "--chain", "dev", "--base-path", database]);

	let entries = |spec: &Value| spec["genesis"]["raw"]["top"].clone();
	assert!(entries(&raw)
		.as_object()
		.is_some_and(|entries| entries.len() > 20));
	assert!(
		entries(&raw) == entries(&state),
		"the two states differ in some entry"
	);
	let _ = std::fs::remove_dir_all(database);
}
