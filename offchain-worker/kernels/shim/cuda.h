// Runs CUDA C on the CPU, so that the very source of a kernel can be executed where there is no GPU.
//
// A block's threads are fibers of one thread: each runs until __syncthreads() and hands over to the next,
// in an order that the caller chooses. So a barrier means what it means on a GPU, and a missing one shows: a
// thread runs ahead into shared memory that others have not written or not yet read. Shared memory is
// filled with garbage before every block, as on a GPU it holds whatever was there before.
//
// Blocks run one after the other. What this cannot show: races within a warp, timing, occupancy.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <ucontext.h>
#include <vector>

struct dim3 {
	unsigned x, y, z;
};
struct alignas(8) int2 {
	int x, y;
};
struct alignas(16) int4 {
	int x, y, z, w;
};

#define __global__
#define __device__
#define __launch_bounds__(threads)
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __shared__ __attribute__((section("lemma_shared"))) static

extern "C" unsigned char __start_lemma_shared[], __stop_lemma_shared[];

namespace shim {

struct Fiber {
	ucontext_t context;
	std::vector<unsigned char> stack;
	dim3 index;
	bool done;
};

inline dim3 thread, block, block_size, grid_size;
inline ucontext_t scheduler;
inline Fiber *running;
inline const std::function<void()> *kernel;

// Whether LEMMA_SHIM_WITHOUT names this barrier, FILE:LINE: a broken kernel, to see that the tests notice.
inline bool left_out(const char *file, int line) {
	static const char *const without = getenv("LEMMA_SHIM_WITHOUT");
	if (!without)
		return false;
	const char *slash = strrchr(file, '/');
	return std::string(slash ? slash + 1 : file) + ":" + std::to_string(line) == without;
}

inline void barrier(const char *file, int line) {
	if (!left_out(file, line))
		swapcontext(&running->context, &scheduler);
}

inline void enter() {
	(*kernel)();
	running->done = true;
	swapcontext(&running->context, &scheduler);
}

// Runs `body` for every thread of every block. `order` permutes the threads of a block: 0 forwards, 1
// backwards, anything else seeds a shuffle.
inline void launch(dim3 grid, dim3 threads, unsigned order, const std::function<void()> &body) {
	grid_size = grid;
	block_size = threads;
	kernel = &body;
	const size_t count = (size_t)threads.x * threads.y * threads.z;
	std::vector<Fiber> fibers(count);
	std::vector<size_t> turn(count);
	for (size_t t = 0; t < count; t++) {
		turn[t] = order == 1 ? count - 1 - t : t;
		fibers[t].stack.resize(64 * 1024);
		fibers[t].index = {(unsigned)(t % threads.x), (unsigned)(t / threads.x % threads.y),
			(unsigned)(t / threads.x / threads.y)};
	}
	uint64_t state = order;
	for (size_t t = count; order > 1 && t > 1; t--) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		std::swap(turn[t - 1], turn[(state >> 33) % t]);
	}
	for (unsigned z = 0; z < grid.z; z++)
		for (unsigned y = 0; y < grid.y; y++)
			for (unsigned x = 0; x < grid.x; x++) {
				block = {x, y, z};
				memset(__start_lemma_shared, 0xa5, __stop_lemma_shared - __start_lemma_shared);
				for (Fiber &fiber : fibers) {
					getcontext(&fiber.context);
					fiber.context.uc_stack.ss_sp = fiber.stack.data();
					fiber.context.uc_stack.ss_size = fiber.stack.size();
					fiber.context.uc_link = nullptr;
					fiber.done = false;
					makecontext(&fiber.context, enter, 0);
				}
				for (size_t left = count; left > 0;) {
					size_t waiting = 0, ended = 0;
					for (size_t t : turn) {
						running = &fibers[t];
						if (running->done)
							continue;
						thread = running->index;
						swapcontext(&scheduler, &running->context);
						running->done ? ended++ : waiting++;
					}
					left -= ended;
					// On a GPU this is undefined: some threads wait at a barrier that others never reach.
					if (waiting > 0 && ended > 0) {
						fprintf(stderr, "threads of one block disagree about a barrier\n");
						exit(3);
					}
				}
			}
}

} // namespace shim

#define threadIdx shim::thread
#define blockIdx shim::block
#define blockDim shim::block_size
#define gridDim shim::grid_size

#ifdef LEMMA_SHIM_NO_BARRIERS
// A broken GPU, to see that the tests notice.
inline void __syncthreads() {}
#else
#define __syncthreads() shim::barrier(__FILE__, __LINE__)
#endif

// dp4a: the sum of c and the products of a's and b's four signed bytes, wrapping.
inline int __dp4a(int a, int b, int c) {
	unsigned sum = (unsigned)c;
	for (int i = 0; i < 4; i++)
		sum += (unsigned)((int)(int8_t)((unsigned)a >> (8 * i)) * (int)(int8_t)((unsigned)b >> (8 * i)));
	return (int)sum;
}
