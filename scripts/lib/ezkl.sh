# EZKL and what it takes to write an ONNX file: from their wheels on PyPI, in Lemma's cache. Sourced after common.sh, never
# run.

LEMMA_EZKL_VERSION=23.0.5
LEMMA_EZKL_ONNX_VERSION=1.19.1
LEMMA_EZKL="$LEMMA_CACHE/ezkl/$LEMMA_EZKL_VERSION"

# Fetches the wheels, once; fails, having said why, where they cannot be had.
ezkl_install() {
	[ -d "$LEMMA_EZKL" ] && return 0
	have python3 || { say "no EZKL: python3 is not installed"; return 1; }
	python3 -m pip --version >/dev/null 2>&1 || { say "no EZKL: python3 has no pip"; return 1; }
	say "fetching ezkl $LEMMA_EZKL_VERSION and onnx $LEMMA_EZKL_ONNX_VERSION into $LEMMA_EZKL (60 MB)"
	local part="$LEMMA_EZKL.part"
	rm -rf "$part"
	mkdir -p "$part"
	if ! python3 -m pip install --quiet --only-binary :all: --disable-pip-version-check --root-user-action ignore \
		--target "$part" "ezkl==$LEMMA_EZKL_VERSION" "onnx==$LEMMA_EZKL_ONNX_VERSION"; then
		rm -rf "$part"
		say "no EZKL: the packages could not be fetched, or there are none for this machine's Python"
		return 1
	fi
	mv "$part" "$LEMMA_EZKL"
}

# Python with these packages, and none of the user's.
ezkl_python() { PYTHONNOUSERSITE=1 PYTHONPATH="$LEMMA_EZKL" PYTHONDONTWRITEBYTECODE=1 python3 "$@"; }
