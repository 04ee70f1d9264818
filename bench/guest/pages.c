// Functions that lie in different pages and call each other, also through pointers, as in every large program.
#include "bench.h"

typedef uint64_t step(uint64_t value, unsigned depth);

static step first, second, third, fourth;
static step *const steps[] = { first, second, third, fourth };

#define APART __attribute__((noinline, aligned(4096)))

static APART uint64_t first(uint64_t value, unsigned depth)
{
	return depth == 0 ? value : second(value * 3 + depth, depth - 1) + 1;
}

static APART uint64_t second(uint64_t value, unsigned depth)
{
	return depth == 0 ? value : steps[value >> 7 & 3](value ^ (value >> 9), depth - 1);
}

static APART uint64_t third(uint64_t value, unsigned depth)
{
	return depth == 0 ? value : fourth(value + 0x9e3779b9u, depth - 1) ^ depth;
}

static APART uint64_t fourth(uint64_t value, unsigned depth)
{
	return depth == 0 ? value : steps[value & 3]((value << 5) - value, depth - 1);
}

uint64_t pages_work(unsigned scale)
{
	uint64_t sum = 0;
	for (unsigned round = 0; round < scale * 20000; round++)
		sum = fold(sum, first(sum + round, 24));
	return sum;
}
