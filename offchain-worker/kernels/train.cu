// Steps of gradient descent of a perceptron, one launch for each layer forwards, backwards and for its weights. CUDA C, compiled
// at run time by NVRTC. The same integers as zk/circuits/src/programs/train/reference.rs, with the constants and bounds of
// docs/protocol/train.md: weights have 32 bits, sums below 2^47.
//
// Values are row by row, a row for each of the 32 samples of a batch. Weights are row by row, a row for each input, the last for
// the bias. A block has 32 by 8 threads and computes 32 columns for all samples: each thread four samples of one column.

#define BATCH 32u
// Columns of a block, and how far a step goes along the sums.
#define SIDE 32u
// Rows of threads; and rows of weights that one block of `lemma_update` changes.
#define ROWS 8u
// Samples of one thread.
#define EACH (BATCH / ROWS)
#define SHIFT 20
#define BIAS_INPUT 64
#define MARGIN 64ll
#define MOST 255ll
#define ERROR_OFFSET 128ll

// floor(sum / 2^20), cut to 0..=255. Shifting to the right rounds down.
__device__ static long long rounded(long long sum)
{
	const long long whole = sum >> SHIFT;
	return whole < 0 ? 0 : whole > MOST ? MOST : whole;
}

// The sums of a layer; what is `made` of them are the next layer's values, or if `last` the errors of the scores.
extern "C" __global__ void __launch_bounds__(SIDE *ROWS) lemma_forward(const short *__restrict__ values,
	const int *__restrict__ weights, unsigned inputs, unsigned outputs, unsigned last,
	const unsigned char *__restrict__ labels, long long *__restrict__ sums, short *__restrict__ made)
{
	__shared__ int taken[BATCH][SIDE];
	__shared__ int held[SIDE][SIDE];
	const unsigned column = blockIdx.x * SIDE + threadIdx.x;
	long long sum[EACH];
#pragma unroll
	for (unsigned i = 0; i < EACH; i++)
		sum[i] = 0;
	for (unsigned start = 0; start <= inputs; start += SIDE) {
		const unsigned at = start + threadIdx.x;
		for (unsigned r = threadIdx.y; r < SIDE; r += ROWS) {
			taken[r][threadIdx.x] = at < inputs ? values[r * inputs + at] : at == inputs ? BIAS_INPUT : 0;
			held[r][threadIdx.x] =
				start + r <= inputs && column < outputs ? weights[(size_t)(start + r) * outputs + column] : 0;
		}
		__syncthreads();
#pragma unroll 8
		for (unsigned k = 0; k < SIDE; k++)
#pragma unroll
			for (unsigned i = 0; i < EACH; i++)
				sum[i] += (long long)taken[threadIdx.y * EACH + i][k] * held[k][threadIdx.x];
		__syncthreads();
	}
	if (column >= outputs)
		return;
#pragma unroll
	for (unsigned i = 0; i < EACH; i++) {
		const unsigned sample = threadIdx.y * EACH + i, at = sample * outputs + column;
		const long long sign = last && labels[sample] == column ? 1 : -1;
		sums[at] = sum[i];
		made[at] = (short)(last ? -sign * rounded((MARGIN << SHIFT) - sign * sum[i]) : rounded(sum[i]));
	}
}

// The errors that a layer hands back to the values that it took: none where the sum before them was negative.
extern "C" __global__ void __launch_bounds__(SIDE *ROWS) lemma_backward(const short *__restrict__ errors,
	const int *__restrict__ weights, const long long *__restrict__ sums, unsigned inputs, unsigned outputs,
	short *__restrict__ made)
{
	__shared__ int taken[BATCH][SIDE];
	// One column more than needed, so that a column's words lie in different banks.
	__shared__ int held[SIDE][SIDE + 1];
	const unsigned column = blockIdx.x * SIDE + threadIdx.x;
	long long sum[EACH];
#pragma unroll
	for (unsigned i = 0; i < EACH; i++)
		sum[i] = 0;
	for (unsigned start = 0; start < outputs; start += SIDE) {
		const unsigned at = start + threadIdx.x;
		for (unsigned r = threadIdx.y; r < SIDE; r += ROWS) {
			const unsigned row = blockIdx.x * SIDE + r;
			taken[r][threadIdx.x] = at < outputs ? errors[r * outputs + at] : 0;
			held[r][threadIdx.x] = row < inputs && at < outputs ? weights[(size_t)row * outputs + at] : 0;
		}
		__syncthreads();
#pragma unroll 8
		for (unsigned k = 0; k < SIDE; k++)
#pragma unroll
			for (unsigned i = 0; i < EACH; i++)
				sum[i] += (long long)taken[threadIdx.y * EACH + i][k] * held[threadIdx.x][k];
		__syncthreads();
	}
	if (column >= inputs)
		return;
#pragma unroll
	for (unsigned i = 0; i < EACH; i++) {
		const unsigned at = (threadIdx.y * EACH + i) * inputs + column;
		// To the nearest, and cut to -128..=127.
		const long long error = rounded(sum[i] + (ERROR_OFFSET << SHIFT) + (1ll << (SHIFT - 1))) - ERROR_OFFSET;
		made[at] = (short)(sums[at] < 0 ? 0 : error);
	}
}

// Takes off each weight the rate times the sum of its inputs' and outputs' errors' products. One thread changes one weight.
extern "C" __global__ void __launch_bounds__(SIDE *ROWS) lemma_update(const short *__restrict__ values,
	const short *__restrict__ errors, unsigned inputs, unsigned outputs, unsigned rate, int *__restrict__ weights)
{
	__shared__ int taken[BATCH][ROWS];
	__shared__ int lost[BATCH][SIDE];
	const unsigned column = blockIdx.x * SIDE + threadIdx.x, row = blockIdx.y * ROWS + threadIdx.y;
	for (unsigned s = threadIdx.y; s < BATCH; s += ROWS)
		lost[s][threadIdx.x] = column < outputs ? errors[s * outputs + column] : 0;
	// The same threads, one for each of 32 samples by 8 rows.
	taken[threadIdx.x][threadIdx.y] = row < inputs ? values[threadIdx.x * inputs + row] : row == inputs ? BIAS_INPUT : 0;
	__syncthreads();
	int change = 0;
#pragma unroll
	for (unsigned s = 0; s < BATCH; s++)
		change += taken[s][threadIdx.y] * lost[s][threadIdx.x];
	if (row <= inputs && column < outputs)
		weights[(size_t)row * outputs + column] -= (int)((long long)rate * change);
}
