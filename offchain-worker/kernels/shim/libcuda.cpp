// A CUDA driver for machines without a GPU: as much of libcuda as the worker's GPU backend calls, for
// tests/cuda_host. Device memory is host memory that ends where unmapped memory begins, streams run at
// once, and the kernels are Lemma's own, run by the shim (cuda.h) whatever image is loaded.
//
// The environment says what the GPU is like:
//   LEMMA_SHIM_MEMORY      bytes that it has (default 1 GiB)
//   LEMMA_SHIM_CAPABILITY  its compute capability's digits (default 75)
//   LEMMA_SHIM_DEVICES     how many there are (default 1)
//   LEMMA_SHIM_ORDER       in which a block's threads run (default 0, see cuda.h)
//   LEMMA_SHIM_FAULT       flips a bit of every product
//   LEMMA_SHIM_REFUSE      refuses to load any image
//   LEMMA_SHIM_BAD         from the second product on, instead of the kernel: `loop` forever, or `write` out of bounds
#include "cuda.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

#include "../gemm.cu"
// Each source has constants of its own.
#undef TILE
#undef DEPTH
#undef THREADS
#include "../fractal.cu"
#include "../infer.cu"
#include "../render.cu"
#include "../train.cu"
#include "faults.cu"
// That of a program that is not built in.
#include "../../../examples/user-program/kernel.cu"

using CUdeviceptr = unsigned long long;

enum { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_IMAGE = 200, NOT_FOUND = 500 };

namespace {

size_t setting(const char *name, size_t otherwise) {
	const char *text = getenv(name);
	return text ? strtoull(text, nullptr, 10) : otherwise;
}

struct Allocation {
	void *mapping;
	size_t mapped, bytes;
};
std::map<CUdeviceptr, Allocation> allocations;
size_t used;
// Freed in a stream since that was last waited for: counts as used, and can be allocated again.
size_t kept;

size_t memory() { return setting("LEMMA_SHIM_MEMORY", (size_t)1 << 30); }

// Whether `bytes` from `at` on lie within one allocation.
bool within(CUdeviceptr at, size_t bytes) {
	auto after = allocations.upper_bound(at);
	if (after == allocations.begin())
		return false;
	const auto &found = *std::prev(after);
	return at + bytes <= found.first + found.second.bytes;
}

int allocate(CUdeviceptr *out, size_t bytes) {
	if (bytes == 0)
		return INVALID_VALUE;
	if (used + bytes > memory())
		return OUT_OF_MEMORY;
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (bytes + page - 1) / page * page;
	unsigned char *at =
		(unsigned char *)mmap(nullptr, whole + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED || mprotect(at + page, whole, PROT_READ | PROT_WRITE) != 0)
		return OUT_OF_MEMORY;
	memset(at + page, 0x5a, whole);
	*out = (CUdeviceptr)(at + page + whole - bytes);
	allocations[*out] = {at, whole + 2 * page, bytes};
	used += bytes;
	kept -= std::min(kept, bytes);
	return SUCCESS;
}

int release(CUdeviceptr at) {
	auto found = allocations.find(at);
	if (found == allocations.end())
		return INVALID_VALUE;
	used -= found->second.bytes;
	munmap(found->second.mapping, found->second.mapped);
	allocations.erase(found);
	return SUCCESS;
}

// Runs a kernel with the arguments of a launch: one pointer to each.
template <typename... A, size_t... I>
void apply(void (*kernel)(A...), void **arguments, std::index_sequence<I...>) {
	kernel(*(A *)arguments[I]...);
}
template <typename... A> void apply(void (*kernel)(A...), void **arguments) {
	apply(kernel, arguments, std::index_sequence_for<A...>{});
}
template <auto kernel> void run(void **arguments) { apply(kernel, arguments); }

using Kernel = void (*)(void **);
const std::map<std::string, Kernel> kernels = {
	{"lemma_pack_rows", run<lemma_pack_rows>},
	{"lemma_pack_columns", run<lemma_pack_columns>},
	{"lemma_gemm_i8", run<lemma_gemm_i8>},
	{"lemma_fractal", run<lemma_fractal>},
	{"lemma_render", run<lemma_render>},
	{"lemma_linear", run<lemma_linear>},
	{"lemma_direct", run<lemma_direct>},
	{"lemma_pool", run<lemma_pool>},
	{"lemma_average", run<lemma_average>},
	{"lemma_add", run<lemma_add>},
	{"lemma_relu", run<lemma_relu>},
	{"lemma_argmax", run<lemma_argmax>},
	{"lemma_forward", run<lemma_forward>},
	{"lemma_backward", run<lemma_backward>},
	{"lemma_update", run<lemma_update>},
	{"alignment", run<alignment>},
};

} // namespace

extern "C" {

int cuInit(unsigned) { return SUCCESS; }
int cuDeviceGetCount(int *count) { return *count = (int)setting("LEMMA_SHIM_DEVICES", 1), SUCCESS; }
int cuDeviceGet(int *device, int ordinal) { return *device = ordinal, SUCCESS; }
int cuDeviceGetName(char *name, int length, int) { return snprintf(name, length, "CPU shim"), SUCCESS; }
int cuDeviceTotalMem_v2(size_t *bytes, int) { return *bytes = memory(), SUCCESS; }
int cuDeviceGetAttribute(int *value, int attribute, int) {
	const int capability = (int)setting("LEMMA_SHIM_CAPABILITY", 75);
	// 75 and 76: the capability's digits; 115: whether there are memory pools.
	*value = attribute == 75 ? capability / 10 : attribute == 76 ? capability % 10 : attribute == 115;
	return SUCCESS;
}

int cuDevicePrimaryCtxRetain(void **context, int) { return *context = &used, SUCCESS; }
int cuDevicePrimaryCtxRelease_v2(int) { return SUCCESS; }
int cuCtxSetCurrent(void *) { return SUCCESS; }
int cuCtxGetCurrent(void **context) { return *context = &used, SUCCESS; }
int cuCtxSynchronize() { return kept = 0, SUCCESS; }

int cuMemGetInfo_v2(size_t *free, size_t *total) {
	*total = memory();
	*free = *total - used - kept;
	return SUCCESS;
}
int cuMemAlloc_v2(CUdeviceptr *at, size_t bytes) { return allocate(at, bytes); }
int cuMemAllocAsync(CUdeviceptr *at, size_t bytes, void *) { return allocate(at, bytes); }
int cuMemFree_v2(CUdeviceptr at) { return release(at); }
int cuMemFreeAsync(CUdeviceptr at, void *) {
	const size_t before = used;
	const int released = release(at);
	kept += before - used;
	return released;
}
int cuMemsetD8Async(CUdeviceptr at, unsigned char value, size_t bytes, void *) {
	if (!within(at, bytes))
		return INVALID_VALUE;
	memset((void *)at, value, bytes);
	return SUCCESS;
}
int cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, void *) {
	if (!within(to, bytes))
		return INVALID_VALUE;
	memcpy((void *)to, from, bytes);
	return SUCCESS;
}
int cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, void *) {
	if (!within(from, bytes))
		return INVALID_VALUE;
	memcpy(to, (void *)from, bytes);
	return SUCCESS;
}

int cuStreamCreate(void **stream, unsigned) { return *stream = &used, SUCCESS; }
int cuStreamDestroy_v2(void *) { return SUCCESS; }
int cuStreamSynchronize(void *) { return kept = 0, SUCCESS; }
int cuStreamWaitEvent(void *, void *, unsigned) { return SUCCESS; }
int cuEventCreate(void **event, unsigned) { return *event = &used, SUCCESS; }
int cuEventRecord(void *, void *) { return SUCCESS; }
int cuEventSynchronize(void *) { return SUCCESS; }
int cuEventDestroy_v2(void *) { return SUCCESS; }

int cuModuleLoadData(void **module, const void *image) {
	// Machine code is an ELF file, PTX is text.
	const bool known = memcmp(image, "\x7f" "ELF", 4) == 0 || strstr((const char *)image, ".version");
	if (!known || getenv("LEMMA_SHIM_REFUSE"))
		return INVALID_IMAGE;
	*module = &used;
	return SUCCESS;
}
int cuModuleUnload(void *) { return SUCCESS; }
int cuModuleGetFunction(void **function, void *, const char *name) {
	auto found = kernels.find(name);
	if (found == kernels.end())
		return NOT_FOUND;
	*function = (void *)found->second;
	return SUCCESS;
}
// What LEMMA_SHIM_BAD has run instead of a product, whose last arguments are m, n and C. The first one is right: it is that by which
// the worker tries a GPU.
bool run_bad(dim3 block, void **arguments) {
	static int products;
	const char *bad = getenv("LEMMA_SHIM_BAD");
	if (!bad || products++ == 0)
		return false;
	const int m = *(int *)arguments[5], n = *(int *)arguments[6];
	int *c = *(int **)arguments[7];
	shim::launch({1, 1, 1}, block, 0, [&] {
		strcmp(bad, "loop") == 0 ? lemma_bad_loop(c) : lemma_bad_write(c, m * n);
	});
	return true;
}

int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
	unsigned, void *, void **arguments, void **) {
	if (gx == 0 || gy == 0 || gz == 0 || gy > 65535 || gz > 65535 || bx * by * bz > 1024)
		return INVALID_VALUE;
	if (function == (void *)run<lemma_gemm_i8> && run_bad({bx, by, bz}, arguments))
		return SUCCESS;
	shim::launch({gx, gy, gz}, {bx, by, bz}, (unsigned)setting("LEMMA_SHIM_ORDER", 0),
		[&] { ((Kernel)function)(arguments); });
	// C is the product's last argument.
	if (function == (void *)run<lemma_gemm_i8> && getenv("LEMMA_SHIM_FAULT"))
		**(int **)arguments[7] ^= 1;
	return SUCCESS;
}
}
