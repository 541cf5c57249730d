# NVRTC, NVIDIA's run-time compiler, for machines without a CUDA toolkit: a wheel from PyPI in Lemma's
# cache. Compiles kernels without a GPU or a driver. Sourced after common.sh, never run.

LEMMA_NVRTC_VERSION=12.9.86
LEMMA_NVRTC="$LEMMA_CACHE/nvrtc/$LEMMA_NVRTC_VERSION"
LEMMA_NVRTC_LIB="$LEMMA_NVRTC/nvidia/cuda_nvrtc/lib"

nvrtc_installed() { [ -f "$LEMMA_NVRTC_LIB/libnvrtc.so.12" ]; }

# Installs the wheel; fails, having said why, where it cannot be had.
nvrtc_install() {
	nvrtc_installed && return 0
	have python3 || { say "no NVRTC: python3 is not installed"; return 1; }
	python3 -m pip --version >/dev/null 2>&1 || { say "no NVRTC: python3 has no pip"; return 1; }
	say "installing nvidia-cuda-nvrtc-cu12 $LEMMA_NVRTC_VERSION into $LEMMA_NVRTC (86 MB)"
	local part="$LEMMA_NVRTC.part"
	rm -rf "$part"
	if ! python3 -m pip install --quiet --no-deps --only-binary :all: --disable-pip-version-check \
		--root-user-action=ignore --target "$part" "nvidia-cuda-nvrtc-cu12==$LEMMA_NVRTC_VERSION"; then
		rm -rf "$part"
		say "no NVRTC: the package could not be installed"
		return 1
	fi
	rm -rf "$LEMMA_NVRTC"
	mv "$part" "$LEMMA_NVRTC"
	nvrtc_installed || { say "no NVRTC: the package holds no libnvrtc.so.12"; return 1; }
}

# Lets programs started from here find it, and makes the kernel tests fail rather than skip without it.
nvrtc_use() {
	nvrtc_installed || return 1
	export LD_LIBRARY_PATH="$LEMMA_NVRTC_LIB${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
	export LEMMA_REQUIRE_NVRTC=1
}
