// Calls and returns: two recursions, one that branches and one that goes deep.
#include "bench.h"

static __attribute__((noinline)) uint64_t fibonacci(uint64_t n)
{
	return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static __attribute__((noinline)) uint64_t ackermann(uint64_t m, uint64_t n)
{
	if (m == 0)
		return n + 1;
	return ackermann(m - 1, n == 0 ? 1 : ackermann(m, n - 1));
}

uint64_t recursion_work(unsigned scale)
{
	uint64_t sum = 0;
	for (unsigned round = 0; round < scale; round++) {
		uint64_t n = 24 + (round & 1), m = 2;
		HIDE(n);
		HIDE(m);
		sum = fold(sum, fibonacci(n));
		sum = fold(sum, ackermann(m, 60 + n));
	}
	return sum;
}
