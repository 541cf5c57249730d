//! The list of constraints in the documentation is the code's.

use std::{path::Path, process::Command};

#[test]
fn every_constraint_should_have_a_test_and_be_listed() {
	let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/list-constraints");
	let output = Command::new(script)
		.arg("--check")
		.output()
		.expect("the script runs");
	assert!(
		output.status.success(),
		"{}",
		String::from_utf8_lossy(&output.stderr)
	);
}
