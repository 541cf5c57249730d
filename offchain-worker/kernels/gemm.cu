// C = A * B over the integers: int8 in, int32 out, all row by row. CUDA C, compiled at run time by NVRTC.
//
// Two kernels bring the operands into one layout, a third multiplies. In that layout a word holds four
// values of one row of A (or column of B) that are neighbours in k, lowest byte first, and the words of
// equal k lie side by side: word w of row i is at [w * ld + i]. Rows, columns and k are padded with zeros
// to whole tiles, so that the product reads no edge: an edge exists only where it writes C.
//
// Sums do not overflow while k <= 131071; the host refuses more. The launch geometry is the host's
// (src/backend/cuda/plan.rs), which holds the same constants.

// Rows and columns of C that one block computes.
#define TILE 128u
// Words of k that one step holds in shared memory: 32 values of k.
#define DEPTH 8u
// Threads of a block of the product: 16 by 16, each computing 8 by 8 elements.
#define THREADS 256u
// Side of the square that one block of `lemma_pack_rows` turns.
#define TURN 32u

// Packs A, m rows of k values, to `words` words of k by `ld` rows. A block of 32 by 8 threads reads 32 rows
// along k, turns them in shared memory and writes them along the rows: both accesses are coalesced.
extern "C" __global__ void lemma_pack_rows(
	const signed char *__restrict__ a, unsigned m, unsigned k, unsigned words, unsigned ld,
	int *__restrict__ packed)
{
	// One column more than needed, so that a column's words lie in different banks.
	__shared__ int square[TURN][TURN + 1];
	const unsigned row0 = blockIdx.x * TURN;
	const unsigned word0 = blockIdx.y * TURN;
	for (unsigned r = threadIdx.y; r < TURN; r += blockDim.y) {
		const unsigned row = row0 + r;
		const unsigned at = (word0 + threadIdx.x) * 4;
		unsigned word = 0;
		if (row < m) {
			const signed char *values = a + (size_t)row * k;
			for (unsigned b = 0; b < 4; b++)
				if (at + b < k)
					word |= (unsigned)(unsigned char)values[at + b] << (8 * b);
		}
		square[r][threadIdx.x] = (int)word;
	}
	__syncthreads();
	for (unsigned r = threadIdx.y; r < TURN; r += blockDim.y) {
		const unsigned word = word0 + r;
		const unsigned row = row0 + threadIdx.x;
		if (word < words && row < ld)
			packed[(size_t)word * ld + row] = square[threadIdx.x][r];
	}
}

// Packs B, k rows of n values, to `words` words of k by `ld` columns. One thread makes one word.
extern "C" __global__ void lemma_pack_columns(
	const signed char *__restrict__ b, unsigned k, unsigned n, unsigned ld, int *__restrict__ packed)
{
	const unsigned column = blockIdx.x * blockDim.x + threadIdx.x;
	if (column >= ld)
		return;
	const unsigned at = blockIdx.y * 4;
	unsigned word = 0;
	if (column < n)
		for (unsigned r = 0; r < 4; r++)
			if (at + r < k)
				word |= (unsigned)(unsigned char)b[(size_t)(at + r) * n + column] << (8 * r);
	packed[(size_t)blockIdx.y * ld + column] = (int)word;
}

// Multiplies packed A (`lda` rows) and packed B (`ldb` columns), `words` words of k, a multiple of DEPTH,
// into C, m rows of n elements. A block computes one tile. Step s multiplies what lies in one half of the
// shared memory while step s + 1 is on its way to the other: one barrier a step.
extern "C" __global__ void __launch_bounds__(THREADS) lemma_gemm_i8(
	const int *__restrict__ a, const int *__restrict__ b, unsigned words, unsigned lda, unsigned ldb,
	unsigned m, unsigned n, int *__restrict__ c)
{
	__shared__ __align__(16) int as[2][DEPTH][TILE];
	__shared__ __align__(16) int bs[2][DEPTH][TILE];

	const unsigned tx = threadIdx.x % 16;
	const unsigned ty = threadIdx.x / 16;
	const size_t row0 = (size_t)blockIdx.y * TILE;
	const size_t column0 = (size_t)blockIdx.x * TILE;

	// What this thread carries from global to shared memory in a step: four words of A and four of B.
	const unsigned depth = threadIdx.x / 32;
	const unsigned lane = threadIdx.x % 32 * 4;
	const int *from_a = a + (size_t)depth * lda + row0 + lane;
	const int *from_b = b + (size_t)depth * ldb + column0 + lane;

	int sum[8][8];
#pragma unroll
	for (unsigned i = 0; i < 8; i++)
#pragma unroll
		for (unsigned j = 0; j < 8; j++)
			sum[i][j] = 0;

	*(int4 *)&as[0][depth][lane] = *(const int4 *)from_a;
	*(int4 *)&bs[0][depth][lane] = *(const int4 *)from_b;
	__syncthreads();

	const unsigned steps = words / DEPTH;
	for (unsigned s = 0; s < steps; s++) {
		const unsigned half = s & 1;
		const bool more = s + 1 < steps;
		int4 next_a, next_b;
		if (more) {
			from_a += (size_t)DEPTH * lda;
			from_b += (size_t)DEPTH * ldb;
			next_a = *(const int4 *)from_a;
			next_b = *(const int4 *)from_b;
		}
#pragma unroll
		for (unsigned d = 0; d < DEPTH; d++) {
			// Rows ty*4.. and 64+ty*4.., columns likewise: a warp reads whole lines of banks.
			__align__(16) int x[8], y[8];
			*(int4 *)&x[0] = *(const int4 *)&as[half][d][ty * 4];
			*(int4 *)&x[4] = *(const int4 *)&as[half][d][64 + ty * 4];
			*(int4 *)&y[0] = *(const int4 *)&bs[half][d][tx * 4];
			*(int4 *)&y[4] = *(const int4 *)&bs[half][d][64 + tx * 4];
#pragma unroll
			for (unsigned i = 0; i < 8; i++)
#pragma unroll
				for (unsigned j = 0; j < 8; j++)
					sum[i][j] = __dp4a(x[i], y[j], sum[i][j]);
		}
		if (more) {
			*(int4 *)&as[half ^ 1][depth][lane] = next_a;
			*(int4 *)&bs[half ^ 1][depth][lane] = next_b;
		}
		__syncthreads();
	}

#pragma unroll
	for (unsigned i = 0; i < 8; i++) {
		const size_t row = row0 + (i / 4) * 64 + ty * 4 + i % 4;
		if (row >= m)
			continue;
#pragma unroll
		for (unsigned j = 0; j < 8; j++) {
			const size_t column = column0 + (j / 4) * 64 + tx * 4 + j % 4;
			if (column < n)
				c[row * n + column] = sum[i][j];
		}
	}
}
