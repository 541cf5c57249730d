# Shared by every script: where things are, how to say things, and the one build environment.
# Sourced, never run.

set -euo pipefail

[ -n "${HOME:-}" ] || { echo "error: HOME is not set: name the folder under which Lemma may keep what it builds" >&2; exit 1; }
LEMMA_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/lemma/target}"
LEMMA_CACHE="${LEMMA_CACHE:-$HOME/.cache/lemma}"
mkdir -p "$LEMMA_CACHE" "$CARGO_TARGET_DIR"

# rustup puts Cargo here, and shells that were there before do not know it.
CARGO_BIN="${CARGO_HOME:-$HOME/.cargo}/bin"
case ":$PATH:" in *":$CARGO_BIN:"*) ;; *) export PATH="$CARGO_BIN:$PATH" ;; esac

# The toolchain that compiles the runtime to Wasm, where it is not the default one: scripts/setup says.
wasm_toolchain_use() {
	if [ -f "$LEMMA_CACHE/wasm-toolchain" ]; then
		WASM_BUILD_TOOLCHAIN="$(cat "$LEMMA_CACHE/wasm-toolchain")"
		export WASM_BUILD_TOOLCHAIN
	fi
}
wasm_toolchain_use
# Hash orders in generated code must not differ between builds (plonky2's ahash).
export CONST_RANDOM_SEED="${CONST_RANDOM_SEED:-lemma}"

# Binaries as the one profile builds them.
LEMMA_BIN="$CARGO_TARGET_DIR/release"

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
die() { printf '\033[1;31merror:\033[0m %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
# Whether there is a Node.js that the polkadot.js example runs with.
node_is_new() { have node && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 18 ]; }
