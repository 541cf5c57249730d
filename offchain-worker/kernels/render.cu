// A tile of an image: what each pixel's ray meets, how it is lit, its colour, and what is seen in mirrors. CUDA C, compiled at
// run time by NVRTC. The same integers as zk/circuits/src/programs/render/reference.rs, with the bounds of
// docs/protocol/render.md: no number leaves 64 bits. Shifting to the right rounds down, and so does floor_div; other divisions are
// of numbers that are not negative.

// Bits after the point of how far along its direction a ray goes.
#define STEP 18
// Bits of the squares of a checker.
#define CELL 18
// Full brightness, and a mirror that shows nothing of its own colour.
#define FULL 512ll
// Numbers before the shapes: origin, first, right, down, ambient, background.
#define HEAD 16u

// The numbers of a tile, in the order in which they are committed to. Things are numbered: spheres, triangles, planes.
struct Tile {
	unsigned spheres, planes, triangles, lights;
	// Centre and square of the radius; three corners; normal and height.
	const long long *head, *balls, *faces, *flats;
	// Of spheres and triangles, then two of each plane; two axes of each plane; of triangles; of all things, or null; lamps.
	const long long *colours, *axes, *normals, *mirrors, *lamps;
};

// A ray, and what it meets: `what` is the number of things if that is nothing.
struct Seen {
	long long origin[3], direction[3], point[3], normal[3], colour[3];
	unsigned what;
};

__device__ static long long dot(const long long *a, const long long *b)
{
	return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

__device__ static void minus(long long *result, const long long *a, const long long *b)
{
	for (int i = 0; i < 3; i++)
		result[i] = a[i] - b[i];
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

// a / b rounded down, for a b above zero.
__device__ static long long floor_div(long long a, long long b)
{
	const long long quotient = a / b;
	return quotient * b > a ? quotient - 1 : quotient;
}

// b, D and k of a sphere and a line from `origin`.
__device__ static void chord(
	const long long *ball, const long long *origin, const long long *direction, long long *b, long long *d, long long *k)
{
	long long centre[3];
	minus(centre, ball, origin);
	*b = dot(centre, direction);
	*k = dot(centre, centre) - ball[3];
	*d = *b * *b - dot(direction, direction) * *k;
}

// The determinant of the ways to the corners of a triangle, and those of the ways to the ends of each edge and a direction.
__device__ static long long fan(
	const long long *face, const long long *origin, const long long *direction, long long *edges)
{
	long long corners[3][3], height = 0;
	for (int i = 0; i < 3; i++)
		minus(corners[i], face + 3 * i, origin);
	for (int i = 0; i < 3; i++) {
		const long long *a = corners[i], *b = corners[(i + 1) % 3];
		const long long between[3] = {
			a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
		edges[i] = dot(between, direction);
		if (i == 0)
			height = dot(between, corners[2]);
	}
	return height;
}

// Finds what a ray meets first, other than `from`, and the point and the normal there.
__device__ static void trace(const Tile *tile, unsigned from, Seen *seen)
{
	const long long *origin = seen->origin, *direction = seen->direction;
	const long long square = dot(direction, direction);
	const unsigned near = tile->spheres + tile->triangles, things = near + tile->planes;
	long long step = 0, nearest_b = 0, nearest_d = 0, b, d, k;
	unsigned what = things;
	for (unsigned place = 0; place < tile->spheres; place++) {
		chord(tile->balls + 4 * place, origin, direction, &b, &d, &k);
		if (place != from && d >= 0 && b > 0 && k > 0 && (what == things || b < nearest_b)) {
			what = place;
			nearest_b = b;
			nearest_d = d;
		}
	}
	// A triangle is before a sphere if it is before the middle of it.
	bool turned = false;
	long long middle = 0;
	if (what < things) {
		step = (((nearest_b - root(nearest_d)) << STEP) - 1) / square;
		middle = (nearest_b << STEP) / square;
	}
	for (unsigned number = 0; number < tile->triangles; number++) {
		long long edges[3], height = fan(tile->faces + 9 * number, origin, direction, edges);
		const bool back = height < 0;
		if (back) {
			height = -height;
			for (int i = 0; i < 3; i++)
				edges[i] = -edges[i];
		}
		const long long along = edges[0] + edges[1] + edges[2];
		if (tile->spheres + number == from || height == 0 || along <= 0 || edges[0] < 0 || edges[1] < 0 || edges[2] < 0)
			continue;
		const long long here = (height << STEP) / along;
		if (what == things || here < middle) {
			what = tile->spheres + number;
			step = middle = here;
			turned = back;
		}
	}
	if (what == things) {
		long long nearest_above = 0, nearest_towards = 0;
		for (unsigned number = 0; number < tile->planes; number++) {
			const long long *flat = tile->flats + 4 * number;
			const long long above = dot(flat, origin) - flat[3], towards = -dot(flat, direction);
			if (near + number == from || above < 0 || towards <= above)
				continue;
			if (what == things || above * nearest_towards < nearest_above * towards) {
				what = near + number;
				nearest_above = above;
				nearest_towards = towards;
			}
		}
		if (what < things)
			step = (nearest_above << STEP) / nearest_towards;
	}
	seen->what = what;
	for (int i = 0; i < 3; i++) {
		seen->point[i] = origin[i] + ((direction[i] * step) >> STEP);
		if (what < tile->spheres)
			seen->normal[i] = seen->point[i] - tile->balls[4 * what + i];
		else if (what < near)
			seen->normal[i] = (turned ? 1 : -1) * tile->normals[3 * (what - tile->spheres) + i];
		else
			seen->normal[i] = what < things ? tile->flats[4 * (what - near) + i] : 0;
	}
}

// The brightness that a lamp gives what is seen. A lamp is its position, the gain of each thing, and the side that it sees of each
// triangle.
__device__ static long long light(const Tile *tile, const long long *lamp, const Seen *seen)
{
	const unsigned things = tile->spheres + tile->triangles + tile->planes;
	const long long *gains = lamp + 3, *sides = gains + things;
	long long direction[3], b, d, k;
	minus(direction, seen->point, lamp);
	const long long square = dot(direction, direction), facing = -dot(seen->normal, direction);
	if (facing < 0)
		return 0;
	for (unsigned place = 0; place < tile->spheres; place++) {
		chord(tile->balls + 4 * place, lamp, direction, &b, &d, &k);
		if (place != seen->what && d >= 0 && b > 0 && b < square)
			return 0;
	}
	for (unsigned number = 0; number < tile->triangles; number++) {
		long long edges[3];
		const long long side = sides[number];
		const long long height = side * fan(tile->faces + 9 * number, lamp, direction, edges);
		const long long along = side * (edges[0] + edges[1] + edges[2]);
		if (tile->spheres + number != seen->what && side * edges[0] >= 0 && side * edges[1] >= 0 &&
			side * edges[2] >= 0 && along > height)
			return 0;
	}
	const long long brightness = gains[seen->what] * facing / (square + 1);
	return brightness < FULL ? brightness : FULL;
}

// What is seen along a ray, and its colour without what it mirrors.
__device__ static void look(const Tile *tile, unsigned from, Seen *seen)
{
	trace(tile, from, seen);
	const unsigned near = tile->spheres + tile->triangles, things = near + tile->planes, what = seen->what;
	if (what == things) {
		for (int i = 0; i < 3; i++)
			seen->colour[i] = tile->head[13 + i];
		return;
	}
	long long brightness = tile->head[12];
	for (unsigned number = 0; number < tile->lights; number++)
		brightness += light(tile, tile->lamps + number * (3 + things + tile->triangles), seen);
	if (brightness > FULL)
		brightness = FULL;
	const long long *colour = tile->colours + 3 * what;
	if (what >= near) {
		const long long *axes = tile->axes + 6 * (what - near);
		const long long u = dot(axes, seen->point) >> CELL, v = dot(axes + 3, seen->point) >> CELL;
		colour = tile->colours + 3 * (near + 2 * (what - near) + ((u ^ v) & 1));
	}
	for (int i = 0; i < 3; i++)
		seen->colour[i] = colour[i] * brightness / FULL;
}

// `numbers` are the committed ones, in their order; `mirrors` is 1 if they say how much each thing mirrors, else 0. One thread
// computes one pixel; `image` is row by row, three bytes each.
extern "C" __global__ void lemma_render(
	const long long *__restrict__ numbers, unsigned side, unsigned spheres, unsigned planes, unsigned triangles,
	unsigned lights, unsigned mirrors, unsigned char *__restrict__ image)
{
	const unsigned place = blockIdx.x * blockDim.x + threadIdx.x;
	if (place >= side * side)
		return;
	const unsigned things = spheres + triangles + planes;
	Tile tile;
	tile.spheres = spheres;
	tile.planes = planes;
	tile.triangles = triangles;
	tile.lights = lights;
	tile.head = numbers;
	tile.balls = numbers + HEAD;
	tile.faces = tile.balls + 4 * spheres;
	tile.flats = tile.faces + 9 * triangles;
	tile.colours = tile.flats + 4 * planes;
	tile.axes = tile.colours + 3 * (things + planes);
	tile.normals = tile.axes + 6 * planes;
	tile.mirrors = tile.normals + 3 * triangles;
	tile.lamps = tile.mirrors + (mirrors ? things : 0);

	const long long column = place % side, row = place / side;
	const long long *first = numbers + 3, *right = numbers + 6, *down = numbers + 9;
	Seen seen;
	for (int i = 0; i < 3; i++) {
		seen.origin[i] = numbers[i];
		seen.direction[i] = first[i] + row * down[i] + column * right[i];
	}
	look(&tile, things, &seen);
	const long long mirror = mirrors && seen.what < things ? tile.mirrors[seen.what] : 0;
	if (mirror > 0) {
		Seen next;
		const long long twice = 2 * dot(seen.normal, seen.direction), square = dot(seen.normal, seen.normal);
		for (int i = 0; i < 3; i++) {
			next.origin[i] = seen.point[i];
			next.direction[i] = seen.direction[i] - floor_div(twice * seen.normal[i], square);
		}
		look(&tile, seen.what, &next);
		for (int i = 0; i < 3; i++)
			seen.colour[i] = (seen.colour[i] * (FULL - mirror) + next.colour[i] * mirror) / FULL;
	}
	for (int i = 0; i < 3; i++)
		image[3 * place + i] = (unsigned char)seen.colour[i];
}
