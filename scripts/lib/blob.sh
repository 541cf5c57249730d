# The runtime's Wasm with a feature that the node's has not. Sourced after common.sh.

# Writes a file from standard input, and leaves it alone if it is the same.
write_if_changed() {
	local new
	new="$(cat)"
	[ "$(cat "$1" 2>/dev/null)" = "$new" ] || printf '%s\n' "$new" >"$1"
}

# lemma_blob FEATURE: builds the runtime's Wasm with this feature, and prints its path.
#
# As substrate-wasm-builder builds it, with the same flags and beside what it has built. Through the runtime's build
# script, every dependency would be compiled natively with the feature as well, to no use.
lemma_blob() {
	local feature="$1" wbuild="$CARGO_TARGET_DIR/release/wbuild"
	local project="$wbuild/lemma-runtime-$feature" name="lemma_runtime_${1//-/_}"
	mkdir -p "$project/src"
	write_if_changed "$project/src/lib.rs" <<<'#![no_std] #![allow(unused_imports)] pub use wasm_project::*;'
	write_if_changed "$project/Cargo.toml" <<-TOML
		[package]
		name = "lemma-runtime-$feature"
		version = "1.0.0"
		edition = "2021"

		[lib]
		name = "$name"
		crate-type = ["cdylib"]

		[dependencies.wasm-project]
		package = "lemma-runtime"
		path = "$LEMMA_ROOT/runtime"
		default-features = false
		features = ["$feature"]

		[profile.release]
		lto = "thin"
		panic = "abort"

		[workspace]
		resolver = "2"
	TOML
	cp "$LEMMA_ROOT/Cargo.lock" "$project/Cargo.lock"
	say "building the runtime's Wasm with $feature"
	(
		cd "$LEMMA_ROOT"
		unset CARGO_RESOLVER_FEATURE_UNIFICATION CARGO_UNSTABLE_FEATURE_UNIFICATION
		export CARGO_TARGET_DIR="$wbuild/lemma-runtime/target"
		export RUSTFLAGS="-C link-arg=--export-table -C link-arg=--export=__heap_base -C link-arg=--import-memory --cfg substrate_runtime"
		cargo ${WASM_BUILD_TOOLCHAIN:++"$WASM_BUILD_TOOLCHAIN"} rustc --target wasm32v1-none \
			--manifest-path "$project/Cargo.toml" --profile release
	) >&2
	printf '%s\n' "$wbuild/lemma-runtime/target/wasm32v1-none/release/$name.wasm"
}
