// Executes fractal.cu and render.cu on the CPU for tests/tiles.rs.
//
// Arguments: `fractal` side iterations, or `render` side spheres planes triangles lights mirrors; then threads of a block and their
// order (see cuda.h).
// Standard input: the tile's numbers, as the kernel takes them. Standard output: its output. Every buffer ends where unmapped
// memory begins, so that an access beyond it is a crash and not a guess.
#include <cmath>

#include "cuda.h"

#include <sys/mman.h>
#include <unistd.h>

#include "../fractal.cu"
#include "../render.cu"

// The shim looks for shared memory; these kernels have none.
__attribute__((used)) __shared__ int nothing;

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

// The numbers on standard input: exactly `count`.
template <typename T> static const T *read_numbers(size_t count) {
	T *numbers = guarded<T>(count);
	if (fread(numbers, sizeof(T), count, stdin) != count || getchar() != EOF) {
		fprintf(stderr, "standard input has not %zu numbers\n", count);
		exit(2);
	}
	return numbers;
}

int main(int argc, char **argv) {
	const auto number = [&](int i) { return (unsigned)strtoul(argv[i], nullptr, 10); };
	const bool fractal = argc == 6 && strcmp(argv[1], "fractal") == 0;
	const bool render = argc == 10 && strcmp(argv[1], "render") == 0;
	if (!fractal && !render) {
		fprintf(stderr, "see the source of tile_main\n");
		return 2;
	}
	const unsigned side = number(2), threads = number(argc - 2), order = number(argc - 1);
	const size_t points = (size_t)side * side, bytes = fractal ? points : 3 * points;
	const dim3 grid = {(unsigned)((points + threads - 1) / threads), 1, 1}, block = {threads, 1, 1};
	unsigned char *output = guarded<unsigned char>(bytes);
	if (fractal) {
		const int *numbers = read_numbers<int>(6);
		shim::launch(grid, block, order, [&] { lemma_fractal(numbers, side, number(3), output); });
	} else {
		const unsigned spheres = number(3), planes = number(4), triangles = number(5), lights = number(6), mirrors = number(7);
		const size_t things = spheres + planes + triangles;
		const size_t shapes = 4 * spheres + 9 * triangles + 4 * planes;
		const size_t looks = 3 * (things + planes) + 6 * planes + 3 * triangles + mirrors * things;
		const long long *numbers =
			read_numbers<long long>(16 + shapes + looks + lights * (3 + things + triangles));
		shim::launch(grid, block, order,
			[&] { lemma_render(numbers, side, spheres, planes, triangles, lights, mirrors, output); });
	}
	return fwrite(output, 1, bytes, stdout) == bytes ? 0 : 2;
}
