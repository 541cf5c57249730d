// A CUDA driver for machines without a GPU: as much of libcuda as the worker's GPU backend calls, for
// tests/kernels.rs. Device memory is host memory that ends where unmapped memory begins, streams run at
// once, and the kernels are those of gemm.cu, run by the shim (cuda.h) whatever image is loaded.
//
// The environment says what the GPU is like:
//   LEMMA_SHIM_MEMORY      bytes that it has (default 1 GiB)
//   LEMMA_SHIM_CAPABILITY  its compute capability's digits (default 75)
//   LEMMA_SHIM_DEVICES     how many there are (default 1)
//   LEMMA_SHIM_FAULT       flips a bit of every product
//   LEMMA_SHIM_REFUSE      refuses to load any image
#include "cuda.h"

#include <map>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

#include "../gemm.cu"

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

template <typename T> T argument(void **arguments, int number) { return *(T *)arguments[number]; }

template <typename T> T *pointer(void **arguments, int number) {
	return (T *)argument<CUdeviceptr>(arguments, number);
}

void pack_rows(void **p) {
	lemma_pack_rows(pointer<signed char>(p, 0), argument<unsigned>(p, 1), argument<unsigned>(p, 2),
		argument<unsigned>(p, 3), argument<unsigned>(p, 4), pointer<int>(p, 5));
}
void pack_columns(void **p) {
	lemma_pack_columns(pointer<signed char>(p, 0), argument<unsigned>(p, 1), argument<unsigned>(p, 2),
		argument<unsigned>(p, 3), pointer<int>(p, 4));
}
void gemm(void **p) {
	lemma_gemm_i8(pointer<int>(p, 0), pointer<int>(p, 1), argument<unsigned>(p, 2), argument<unsigned>(p, 3),
		argument<unsigned>(p, 4), argument<unsigned>(p, 5), argument<unsigned>(p, 6), pointer<int>(p, 7));
}

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
int cuCtxSynchronize() { return SUCCESS; }

int cuMemGetInfo_v2(size_t *free, size_t *total) {
	*total = memory();
	*free = *total - used;
	return SUCCESS;
}
int cuMemAlloc_v2(CUdeviceptr *at, size_t bytes) { return allocate(at, bytes); }
int cuMemAllocAsync(CUdeviceptr *at, size_t bytes, void *) { return allocate(at, bytes); }
int cuMemFree_v2(CUdeviceptr at) { return release(at); }
int cuMemFreeAsync(CUdeviceptr at, void *) { return release(at); }
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
int cuStreamSynchronize(void *) { return SUCCESS; }
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
	const std::map<std::string, void (*)(void **)> kernels = {
		{"lemma_pack_rows", pack_rows}, {"lemma_pack_columns", pack_columns}, {"lemma_gemm_i8", gemm}};
	auto found = kernels.find(name);
	if (found == kernels.end())
		return NOT_FOUND;
	*function = (void *)found->second;
	return SUCCESS;
}
int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
	unsigned, void *, void **arguments, void **) {
	if (gx == 0 || gy == 0 || gz == 0 || gy > 65535 || gz > 65535 || bx * by * bz > 1024)
		return INVALID_VALUE;
	shim::launch({gx, gy, gz}, {bx, by, bz}, 0, [&] { ((void (*)(void **))function)(arguments); });
	if (function == (void *)gemm && getenv("LEMMA_SHIM_FAULT"))
		*pointer<int>(arguments, 7) ^= 1;
	return SUCCESS;
}
}
