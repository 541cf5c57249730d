// Executes gemm.cu (or LEMMA_KERNEL, a changed copy of it) on the CPU for tests/kernels.rs.
//
// Arguments: m k n words lda ldb, then for each of the three launches its grid (x y) and block (x y), as
// the worker's own planning code gives them, then the order of threads (see cuda.h). Standard input: A, then
// B. Standard output: C, little-endian. Every buffer ends where unmapped memory begins, so that an access
// beyond it is a crash and not a guess.
#include "cuda.h"

#include <sys/mman.h>
#include <unistd.h>

#ifndef LEMMA_KERNEL
#define LEMMA_KERNEL "../gemm.cu"
#endif
#include LEMMA_KERNEL

template <typename T> static T *guarded(size_t count) {
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = count * sizeof(T);
	const size_t whole = (bytes + page - 1) / page * page;
	unsigned char *at = (unsigned char *)mmap(
		nullptr, whole + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED || mprotect(at + page, whole, PROT_READ | PROT_WRITE) != 0) {
		perror("mmap");
		exit(2);
	}
	// Device memory comes as it is: not zeroed.
	memset(at + page, 0x5a, whole);
	return (T *)(at + page + whole - bytes);
}

int main(int argc, char **argv) {
	unsigned v[19];
	if (argc != 20) {
		fprintf(stderr, "gemm_main takes 19 numbers, see its source\n");
		return 2;
	}
	for (int i = 0; i < 19; i++)
		v[i] = (unsigned)strtoul(argv[i + 1], nullptr, 10);
	const unsigned m = v[0], k = v[1], n = v[2], words = v[3], lda = v[4], ldb = v[5], order = v[18];
	const auto grid = [&](int l) { return dim3{v[6 + 4 * l], v[7 + 4 * l], 1}; };
	const auto block = [&](int l) { return dim3{v[8 + 4 * l], v[9 + 4 * l], 1}; };

	signed char *a = guarded<signed char>((size_t)m * k), *b = guarded<signed char>((size_t)k * n);
	if (fread(a, 1, (size_t)m * k, stdin) != (size_t)m * k || fread(b, 1, (size_t)k * n, stdin) != (size_t)k * n) {
		fprintf(stderr, "standard input is shorter than A and B\n");
		return 2;
	}
	int *packed_a = guarded<int>((size_t)words * lda), *packed_b = guarded<int>((size_t)words * ldb);
	int *c = guarded<int>((size_t)m * n);
	shim::launch(grid(0), block(0), order, [&] { lemma_pack_rows(a, m, k, words, lda, packed_a); });
	shim::launch(grid(1), block(1), order, [&] { lemma_pack_columns(b, k, n, ldb, packed_b); });
	shim::launch(grid(2), block(2), order,
		[&] { lemma_gemm_i8(packed_a, packed_b, words, lda, ldb, m, n, c); });
	return fwrite(c, 4, (size_t)m * n, stdout) == (size_t)m * n ? 0 : 2;
}
