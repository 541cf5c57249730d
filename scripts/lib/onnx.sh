# The ONNX project's own node tests: from its wheel on PyPI, in Lemma's cache. Sourced after common.sh, never run.

# The last versions of the wheel do not hold the tests' data.
LEMMA_ONNX_VERSION=1.19.1
LEMMA_ONNX="$LEMMA_CACHE/onnx/$LEMMA_ONNX_VERSION"
LEMMA_ONNX_NODE_TESTS="$LEMMA_ONNX/onnx/backend/test/data/node"

onnx_tests_installed() { [ -d "$LEMMA_ONNX_NODE_TESTS" ]; }

# Fetches the wheel and keeps the node tests; fails, having said why, where it cannot be had.
onnx_tests_install() {
	onnx_tests_installed && return 0
	have python3 || { say "no ONNX node tests: python3 is not installed"; return 1; }
	python3 -m pip --version >/dev/null 2>&1 || { say "no ONNX node tests: python3 has no pip"; return 1; }
	say "fetching onnx $LEMMA_ONNX_VERSION for its node tests into $LEMMA_ONNX (18 MB)"
	local part="$LEMMA_ONNX.part"
	rm -rf "$part"
	mkdir -p "$part"
	if ! python3 -m pip download --quiet --no-deps --only-binary :all: --disable-pip-version-check \
		--python-version 3.11 --dest "$part" "onnx==$LEMMA_ONNX_VERSION"; then
		rm -rf "$part"
		say "no ONNX node tests: the package could not be fetched"
		return 1
	fi
	python3 - "$part" <<-'EOF'
		import pathlib, sys, zipfile
		folder = pathlib.Path(sys.argv[1])
		wheel = next(folder.glob("*.whl"))
		with zipfile.ZipFile(wheel) as files:
		    files.extractall(folder, [name for name in files.namelist() if "/test/data/node/" in name])
		wheel.unlink()
	EOF
	rm -rf "$LEMMA_ONNX"
	mv "$part" "$LEMMA_ONNX"
	onnx_tests_installed || { say "no ONNX node tests: the package does not hold them"; return 1; }
}
