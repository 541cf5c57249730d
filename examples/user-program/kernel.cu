// Edit distances of a pattern and every beginning of a text: one block, a thread for each row of the table, a step for each of
// its diagonals. A cell's neighbours lie on the two diagonals before it, so that a barrier after each step is all that they need.

// Bases of pattern and text: `BASES` in pair.rs.
#define BASES 64

__device__ static int lesser(int a, int b) { return a < b ? a : b; }

__device__ static int base(const unsigned char *packed, int place) { return packed[place / 4] >> (place % 4 * 2) & 3; }

// `pattern` and `text` have four bases a byte; `distances` gets one byte for each base of the text.
extern "C" __global__ void __launch_bounds__(BASES)
	alignment(const unsigned char *pattern, const unsigned char *text, unsigned char *distances)
{
	// Cells of three diagonals, by row; row 0 is the edge of the table.
	__shared__ int diagonals[3][BASES + 1];
	const int row = threadIdx.x + 1;
	const int mine = base(pattern, row - 1);
	for (int sum = 0; sum <= 2 * BASES; sum++) {
		int *now = diagonals[sum % 3];
		const int *last = diagonals[(sum + 2) % 3], *before = diagonals[(sum + 1) % 3];
		const int column = sum - row;
		if (row == 1 && sum <= BASES)
			now[0] = sum;
		if (column == 0) {
			now[row] = row;
		} else if (column > 0 && column <= BASES) {
			const int other = before[row - 1] + (mine != base(text, column - 1));
			const int one_more = lesser(last[row - 1], last[row]) + 1;
			now[row] = lesser(other, one_more);
			if (row == BASES)
				distances[column - 1] = now[row];
		}
		__syncthreads();
	}
}
