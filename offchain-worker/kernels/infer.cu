// The layers of a quantised network, one launch each, for many samples at a time. CUDA C, compiled at run time by NVRTC. The
// same integers as zk/circuits/src/programs/infer/reference.rs, specified in docs/protocol/infer.md: int8 values, exact int32 sums,
// one rounding.
//
// A value's samples lie one after the other, each as its tensor does (channels, rows, columns), with a stride that is a multiple
// of four. What lies between is never read, or multiplied by zero. The host (src/backend/cuda/infer.rs) lays weights out and
// chooses between the kernels.
//
// Sums are added up without sign: on the way, parts of a sum may leave 32 bits, the whole never does.

// Output channels and places that one block of `lemma_linear` computes.
#define TILE 64u
// Words of four inputs each that one step holds in shared memory.
#define DEPTH 8u
// Threads of a block of `lemma_linear`, 16 by 16, each computing 4 by 4 outputs; and of `lemma_average` and `lemma_argmax`.
#define THREADS 256u

// Where a kernel goes over a tensor.
struct Window {
	unsigned in_height, in_width, out_height, out_width;
	unsigned height, width, stride_down, stride_right, top, left;
};

// A dense layer, which is a window of all of the input at one place, or a convolution.
struct Linear {
	// Output channels of a group, and of all groups.
	unsigned rows, channels;
	// Inputs of one output.
	unsigned length;
	// Words of a packed row, a multiple of DEPTH; and rows of a group, padded to a multiple of TILE.
	unsigned words, ld;
	// Elements from group to group of the input, and from sample to sample.
	unsigned group, in_stride, out_stride;
	// Samples times places.
	unsigned columns;
	// Least output.
	int low;
	// Whether the output are the sums themselves, int32.
	unsigned wide;
	// Whether an output's inputs lie side by side, from a multiple of four on.
	unsigned dense;
};

// max(low, min(127, floor(sum * multiplier / 2^shift))). Shifting to the right rounds down.
__device__ static signed char requantised(unsigned sum, int2 scale, int low)
{
	long long scaled = ((long long)(int)sum * scale.x) >> scale.y;
	if (scaled > 127)
		scaled = 127;
	return (signed char)(scaled < low ? low : scaled);
}

// One input of an output: `tap` is its channel's place in the input, and its row and column in the window.
__device__ static int tapped(const Window &window, int2 tap, const signed char *from, int row0, int column0)
{
	const int row = row0 + (tap.y >> 16), column = column0 + (tap.y & 0xffff);
	if (row < 0 || row >= (int)window.in_height || column < 0 || column >= (int)window.in_width)
		return 0;
	return from[(size_t)tap.x + (size_t)row * window.in_width + column];
}

// Four inputs in one word, lowest byte first.
__device__ static int gathered(const Linear &layer, const Window &window, const int2 *taps, const signed char *from,
	int row0, int column0, unsigned word)
{
	if (word * 4 >= layer.length)
		return 0;
	if (layer.dense)
		return ((const int *)from)[word];
	unsigned packed = 0;
	for (unsigned b = 0; b < 4; b++)
		if (word * 4 + b < layer.length)
			packed |= (unsigned)(tapped(window, taps[word * 4 + b], from, row0, column0) & 0xff) << (8 * b);
	return (int)packed;
}

// Writes one output of a linear layer.
__device__ static void finish(const Linear &layer, unsigned channel, size_t at, unsigned sum,
	const int *__restrict__ bias, const int2 *__restrict__ scales, void *output)
{
	sum += (unsigned)bias[channel];
	if (layer.wide)
		((int *)output)[at] = (int)sum;
	else
		((signed char *)output)[at] = requantised(sum, scales[channel], layer.low);
}

// A linear layer as the product of its weights, a row for each output channel, and the inputs of each place, a column for each
// place of each sample. A block computes one tile of one group. Word w of row r of group g lies at (g * words + w) * ld + r,
// padded with zeros. As in gemm.cu, a step multiplies one half of the shared memory while the next fills the other.
extern "C" __global__ void __launch_bounds__(THREADS) lemma_linear(Linear layer, Window window,
	const int *__restrict__ weights, const int *__restrict__ bias, const int2 *__restrict__ scales,
	const int2 *__restrict__ taps, const signed char *__restrict__ input, void *__restrict__ output)
{
	__shared__ __align__(16) int ws[2][DEPTH][TILE];
	__shared__ __align__(16) int xs[2][DEPTH][TILE];

	const unsigned tx = threadIdx.x % 16, ty = threadIdx.x / 16;
	const unsigned plane = window.out_height * window.out_width;

	// What this thread carries to shared memory in a step: two words of a row and two of a column.
	const unsigned lane = threadIdx.x % TILE, depth = threadIdx.x / TILE;
	const unsigned carried = blockIdx.x * TILE + lane;
	const bool inside = carried < layer.columns;
	const unsigned place = inside ? carried % plane : 0;
	const signed char *from = input + (size_t)(inside ? carried / plane : 0) * layer.in_stride + (size_t)blockIdx.z * layer.group;
	const int row0 = (int)(place / window.out_width * window.stride_down) - (int)window.top;
	const int column0 = (int)(place % window.out_width * window.stride_right) - (int)window.left;
	const int *row = weights + ((size_t)blockIdx.z * layer.words + depth) * layer.ld + blockIdx.y * TILE + lane;

	unsigned sum[4][4];
#pragma unroll
	for (unsigned i = 0; i < 4; i++)
#pragma unroll
		for (unsigned j = 0; j < 4; j++)
			sum[i][j] = 0;

	const unsigned steps = layer.words / DEPTH;
	int next_w[2], next_x[2];
	for (unsigned s = 0; s <= steps; s++) {
		// Fetches step s while step s - 1 is multiplied.
		if (s < steps) {
#pragma unroll
			for (unsigned h = 0; h < 2; h++) {
				next_w[h] = row[(size_t)(s * DEPTH + h * 4) * layer.ld];
				next_x[h] = gathered(layer, window, taps, from, row0, column0, s * DEPTH + h * 4 + depth);
			}
		}
		if (s > 0) {
			const unsigned half = (s - 1) & 1;
#pragma unroll
			for (unsigned d = 0; d < DEPTH; d++) {
				__align__(16) int w[4], x[4];
				*(int4 *)w = *(const int4 *)&ws[half][d][ty * 4];
				*(int4 *)x = *(const int4 *)&xs[half][d][tx * 4];
#pragma unroll
				for (unsigned i = 0; i < 4; i++)
#pragma unroll
					for (unsigned j = 0; j < 4; j++)
						sum[i][j] = (unsigned)__dp4a(w[i], x[j], (int)sum[i][j]);
			}
		}
		if (s < steps) {
#pragma unroll
			for (unsigned h = 0; h < 2; h++) {
				ws[s & 1][h * 4 + depth][lane] = next_w[h];
				xs[s & 1][h * 4 + depth][lane] = next_x[h];
			}
		}
		__syncthreads();
	}

#pragma unroll
	for (unsigned i = 0; i < 4; i++) {
		const unsigned r = blockIdx.y * TILE + ty * 4 + i;
		if (r >= layer.rows)
			continue;
		const unsigned channel = blockIdx.z * layer.rows + r;
#pragma unroll
		for (unsigned j = 0; j < 4; j++) {
			const unsigned column = blockIdx.x * TILE + tx * 4 + j;
			if (column < layer.columns) {
				const size_t at = (size_t)(column / plane) * layer.out_stride + (size_t)channel * plane + column % plane;
				finish(layer, channel, at, sum[i][j], bias, scales, output);
			}
		}
	}
}

// A convolution whose groups have few output channels, so that a tile would be mostly padding: one thread computes one output.
// `weights` are row by row.
extern "C" __global__ void lemma_direct(Linear layer, Window window, const signed char *__restrict__ weights,
	const int *__restrict__ bias, const int2 *__restrict__ scales, const int2 *__restrict__ taps,
	const signed char *__restrict__ input, void *__restrict__ output)
{
	const unsigned plane = window.out_height * window.out_width;
	const unsigned index = blockIdx.x * blockDim.x + threadIdx.x, place = index % plane;
	const unsigned channel = index / plane % layer.channels, sample = index / plane / layer.channels;
	if (sample >= layer.columns / plane)
		return;
	const signed char *from = input + (size_t)sample * layer.in_stride + (size_t)(channel / layer.rows) * layer.group;
	const signed char *row = weights + (size_t)channel * layer.length;
	const int row0 = (int)(place / window.out_width * window.stride_down) - (int)window.top;
	const int column0 = (int)(place % window.out_width * window.stride_right) - (int)window.left;
	unsigned sum = 0;
	for (unsigned k = 0; k < layer.length; k++)
		sum += (unsigned)(row[k] * tapped(window, taps[k], from, row0, column0));
	finish(layer, channel, (size_t)sample * layer.out_stride + (size_t)channel * plane + place, sum, bias, scales, output);
}

// The largest in a window, or the sum over it (padding is zero), requantised. One thread computes one output.
extern "C" __global__ void lemma_pool(Window window, unsigned channels, unsigned samples, unsigned in_stride,
	unsigned out_stride, unsigned is_sum, int low, const int2 *__restrict__ scales,
	const signed char *__restrict__ input, signed char *__restrict__ output)
{
	const unsigned plane = window.out_height * window.out_width;
	const unsigned index = blockIdx.x * blockDim.x + threadIdx.x, place = index % plane;
	const unsigned channel = index / plane % channels, sample = index / plane / channels;
	if (sample >= samples)
		return;
	const signed char *from =
		input + (size_t)sample * in_stride + (size_t)channel * window.in_height * window.in_width;
	const int row0 = (int)(place / window.out_width * window.stride_down) - (int)window.top;
	const int column0 = (int)(place % window.out_width * window.stride_right) - (int)window.left;
	// A window is never in the padding alone.
	int largest = -128, sum = 0;
	for (int i = 0; i < (int)window.height; i++) {
		const int row = row0 + i;
		if (row < 0 || row >= (int)window.in_height)
			continue;
		for (int j = 0; j < (int)window.width; j++) {
			const int column = column0 + j;
			if (column < 0 || column >= (int)window.in_width)
				continue;
			const int value = from[(size_t)row * window.in_width + column];
			sum += value;
			if (value > largest)
				largest = value;
		}
	}
	output[(size_t)sample * out_stride + (size_t)channel * plane + place] =
		is_sum ? requantised((unsigned)sum, scales[channel], low) : (signed char)largest;
}

// The sum over a channel, requantised. A block of THREADS computes one channel (x) of one sample (y).
extern "C" __global__ void lemma_average(unsigned plane, unsigned in_stride, unsigned out_stride, int low,
	const int2 *__restrict__ scales, const signed char *__restrict__ input, signed char *__restrict__ output)
{
	__shared__ int part[THREADS];
	const signed char *from = input + (size_t)blockIdx.y * in_stride + (size_t)blockIdx.x * plane;
	int sum = 0;
	for (unsigned place = threadIdx.x; place < plane; place += THREADS)
		sum += from[place];
	part[threadIdx.x] = sum;
	__syncthreads();
	for (unsigned left = THREADS / 2; left > 0; left /= 2) {
		if (threadIdx.x < left)
			part[threadIdx.x] += part[threadIdx.x + left];
		__syncthreads();
	}
	if (threadIdx.x == 0)
		output[(size_t)blockIdx.y * out_stride + blockIdx.x] = requantised((unsigned)part[0], scales[blockIdx.x], low);
}

// Two values of the same shape, each times its factor, requantised. One thread computes one element.
extern "C" __global__ void lemma_add(unsigned elements, unsigned samples, unsigned stride, unsigned plane, int factor_a,
	int factor_b, int low, const int2 *__restrict__ scales, const signed char *__restrict__ a,
	const signed char *__restrict__ b, signed char *__restrict__ output)
{
	const unsigned index = blockIdx.x * blockDim.x + threadIdx.x, element = index % elements;
	if (index / elements >= samples)
		return;
	const size_t at = (size_t)(index / elements) * stride + element;
	output[at] = requantised((unsigned)(factor_a * a[at] + factor_b * b[at]), scales[element / plane], low);
}

// max(0, x) of `words` words of four values each.
extern "C" __global__ void lemma_relu(unsigned words, const unsigned *__restrict__ input, unsigned *__restrict__ output)
{
	const unsigned at = blockIdx.x * blockDim.x + threadIdx.x;
	if (at >= words)
		return;
	// Each byte's sign, spread over the byte: 0xff where it is set.
	const unsigned signs = input[at] >> 7 & 0x01010101u;
	output[at] = input[at] & ~(signs * 0xffu);
}

// The place of the largest element of a sample, the first of equals. A block of THREADS looks at one sample.
extern "C" __global__ void lemma_argmax(
	unsigned elements, unsigned stride, unsigned wide, const void *__restrict__ input, int *__restrict__ output)
{
	__shared__ int largest[THREADS];
	__shared__ unsigned where[THREADS];
	const size_t from = (size_t)blockIdx.x * stride;
	// Threads without an element have the largest of none, at a place behind all.
	int best = -2147483647 - 1;
	unsigned place = elements;
	for (unsigned at = threadIdx.x; at < elements; at += THREADS) {
		const int value = wide ? ((const int *)input)[from + at] : ((const signed char *)input)[from + at];
		if (place == elements || value > best) {
			best = value;
			place = at;
		}
	}
	largest[threadIdx.x] = best;
	where[threadIdx.x] = place;
	__syncthreads();
	for (unsigned left = THREADS / 2; left > 0; left /= 2) {
		if (threadIdx.x < left) {
			const unsigned other = threadIdx.x + left;
			if (largest[other] > largest[threadIdx.x]
				|| (largest[other] == largest[threadIdx.x] && where[other] < where[threadIdx.x])) {
				largest[threadIdx.x] = largest[other];
				where[threadIdx.x] = where[other];
			}
		}
		__syncthreads();
	}
	if (threadIdx.x == 0)
		output[blockIdx.x] = (int)where[0];
}
