// How many steps of z -> z^2 + c each point of a tile takes to escape, in fixed point. CUDA C, compiled at run time
// by NVRTC. The same integers as zk/circuits/src/programs/fractal/reference.rs, and bounds as in docs/protocol/fractal.md: no
// number leaves 64 bits.

// Bits after the point.
#define FRACTION 18
// The square of the radius beyond which a point has escaped, with twice as many bits after the point.
#define ESCAPE (4ll << (2 * FRACTION))

// `numbers` are start (2), start_step, constant (2), constant_step. One thread computes one point; `counts` are row by row.
extern "C" __global__ void lemma_fractal(
	const int *__restrict__ numbers, unsigned side, unsigned iterations, unsigned char *__restrict__ counts)
{
	const unsigned place = blockIdx.x * blockDim.x + threadIdx.x;
	if (place >= side * side)
		return;
	const long long column = place % side, row = place / side;
	long long x = numbers[0] + column * numbers[2], y = numbers[1] - row * numbers[2];
	const long long cx = numbers[3] + column * numbers[5], cy = numbers[4] - row * numbers[5];
	unsigned count = 0;
	while (count < iterations && x * x + y * y <= ESCAPE) {
		// Shifting to the right rounds down.
		const long long real = ((x * x - y * y) >> FRACTION) + cx;
		y = ((2 * x * y) >> FRACTION) + cy;
		x = real;
		count++;
	}
	counts[place] = (unsigned char)count;
}
