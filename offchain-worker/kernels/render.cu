// A tile of an image: what each pixel's ray meets, how it is lit, its colour. CUDA C, compiled at run time by NVRTC. The
// same integers as zk/circuits/src/programs/render/reference.rs, with the bounds of docs/protocol/render.md: no number leaves 64
// bits. Divisions are of numbers that are not negative; shifting to the right rounds down.

// Bits after the point of how far along its direction a ray goes.
#define STEP 18
// Bits of the squares of a checker.
#define CELL 18
// Full brightness.
#define FULL 512ll
// Numbers before the spheres: origin, first, right, down, ambient, background.
#define HEAD 16u
// Numbers of the plane: normal, above, two colours, two axes.
#define FLAT 16u

__device__ static long long dot(const long long *a, const long long *b)
{
	return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

// The largest number whose square is at most `value`, which is below 2^60. The double's root is off by less than one.
__device__ static long long root(long long value)
{
	long long guess = (long long)sqrt((double)value);
	while (guess * guess > value)
		guess--;
	while ((guess + 1) * (guess + 1) <= value)
		guess++;
	return guess;
}

// b and D of a sphere (its centre and the square of its tangents, from the ray's origin) and a ray whose direction's square
// is `square`.
__device__ static long long discriminant(
	const long long *ball, const long long *direction, long long square, long long *b)
{
	*b = dot(ball, direction);
	return *b * *b - square * ball[3];
}

// The brightness that a lamp gives `point` of sphere `what`, or of the plane if that is `spheres`. A lamp is its position, the
// spheres as it sees them, and the gain of each and of the plane.
__device__ static long long light(
	const long long *lamp, unsigned spheres, unsigned what, const long long *point, const long long *normal)
{
	long long direction[3], b;
	for (int i = 0; i < 3; i++)
		direction[i] = point[i] - lamp[i];
	const long long square = dot(direction, direction), facing = -dot(normal, direction);
	if (facing < 0)
		return 0;
	const long long *balls = lamp + 3;
	for (unsigned place = 0; place < spheres; place++)
		if (place != what && discriminant(balls + 4 * place, direction, square, &b) >= 0 && b > 0 && b < square)
			return 0;
	const long long brightness = balls[4 * spheres + what] * facing / (square + 1);
	return brightness < FULL ? brightness : FULL;
}

// `numbers` are the committed ones, in their order. One thread computes one pixel; `image` is row by row, three bytes each.
extern "C" __global__ void lemma_render(
	const long long *__restrict__ numbers, unsigned side, unsigned spheres, unsigned lights,
	unsigned char *__restrict__ image)
{
	const unsigned place = blockIdx.x * blockDim.x + threadIdx.x;
	if (place >= side * side)
		return;
	const long long column = place % side, row = place / side;
	const long long *origin = numbers, *first = numbers + 3, *right = numbers + 6, *down = numbers + 9;
	const long long *balls = numbers + HEAD, *colours = balls + 4 * spheres;
	const long long *flat = colours + 3 * spheres, *lamps = flat + FLAT;
	long long direction[3];
	for (int i = 0; i < 3; i++)
		direction[i] = first[i] + row * down[i] + column * right[i];

	// The first sphere in their order; else the plane, if the ray reaches it.
	const long long square = dot(direction, direction);
	long long step = 0, b = 0;
	unsigned what = 0;
	for (; what < spheres; what++) {
		const long long d = discriminant(balls + 4 * what, direction, square, &b);
		if (d >= 0 && b > 0) {
			step = ((b - root(d)) << STEP) / square;
			break;
		}
	}
	const long long towards = -dot(flat, direction), above = flat[3];
	if (what == spheres) {
		if (towards <= above) {
			for (int i = 0; i < 3; i++)
				image[3 * place + i] = (unsigned char)numbers[13 + i];
			return;
		}
		step = (above << STEP) / towards;
	}

	long long point[3], normal[3];
	for (int i = 0; i < 3; i++) {
		const long long way = (direction[i] * step) >> STEP;
		point[i] = origin[i] + way;
		normal[i] = what < spheres ? way - balls[4 * what + i] : flat[i];
	}
	long long brightness = numbers[12];
	for (unsigned number = 0; number < lights; number++)
		brightness += light(lamps + number * (3 + 5 * spheres + 1), spheres, what, point, normal);
	if (brightness > FULL)
		brightness = FULL;
	const long long *colour = colours + 3 * what;
	if (what == spheres) {
		const long long u = dot(flat + 10, point) >> CELL, v = dot(flat + 13, point) >> CELL;
		colour = flat + ((u ^ v) & 1 ? 7 : 4);
	}
	for (int i = 0; i < 3; i++)
		image[3 * place + i] = (unsigned char)(colour[i] * brightness / FULL);
}
