//! The version that `lemma-node --version` gives.

use substrate_build_script_utils::generate_cargo_keys;

/// Set by who builds a release or an image, to the commit it is built from.
const COMMIT: &str = "SUBSTRATE_CLI_GIT_COMMIT_HASH";

fn main() {
	println!("cargo:rerun-if-env-changed={COMMIT}");
	// Asking git would compile the node anew for every commit.
	if std::env::var_os(COMMIT).is_none() {
		std::env::set_var(COMMIT, "");
	}
	generate_cargo_keys();
}
