# The one build: every script that needs binaries or tests builds this same set with this same profile,
# so that nothing is compiled twice. Sourced after common.sh.

# Compiles everything there is: libraries, binaries and tests.
lemma_build() {
	cd "$LEMMA_ROOT"
	# It may have been set up since this script began.
	wasm_toolchain_use
	say "building (profile release, into $CARGO_TARGET_DIR; the first time takes the better part of an hour on two cores)"
	cargo build --release --locked --workspace --all-targets
}

# Lints the workspace's own crates against the dependencies as built above. `cargo clippy` would compile
# every dependency once more, as metadata; as the compiler of workspace members alone, Clippy reuses them.
lemma_clippy() {
	cd "$LEMMA_ROOT"
	say "clippy"
	RUSTC_WORKSPACE_WRAPPER="$LEMMA_ROOT/scripts/lib/clippy-wrapper" SKIP_WASM_BUILD=1 \
		cargo build --release --locked --workspace --all-targets
	# Clippy's unoptimised binaries lie where the real ones were: link those again.
	cargo build --release --locked --workspace --all-targets --quiet
}
