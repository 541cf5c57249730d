// Kernels that do what none should, for tests/cuda_host: the driver runs one of them instead of a product when LEMMA_SHIM_BAD names it.

// Waits for a value that nobody will ever write.
__global__ void lemma_bad_loop(const volatile int *c) {
	const int before = c[0];
	while (c[0] == before) {
	}
}

// Writes behind the last value of a buffer of `count`.
__global__ void lemma_bad_write(int *c, int count) { c[count + threadIdx.x] = 1; }
