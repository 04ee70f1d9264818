// Double precision as numerical programs use it: polynomials, a stencil, Newton's division, square roots. Built so that
// the compiler contracts a * b + c into a fused multiply-add where the machine has one.
#include <string.h>

#include "bench.h"

#define CELLS 2048

static double grid[CELLS], next[CELLS];

static uint64_t bits(double value)
{
	uint64_t result;
	memcpy(&result, &value, sizeof result);
	return result;
}

static __attribute__((noinline)) double polynomial(double x)
{
	double y = 1.0 / 5040;
	y = y * x + 1.0 / 720;
	y = y * x + 1.0 / 120;
	y = y * x + 1.0 / 24;
	y = y * x + 1.0 / 6;
	y = y * x + 0.5;
	y = y * x + 1.0;
	return y * x + 1.0;
}

static void diffuse(void)
{
	for (int i = 1; i < CELLS - 1; i++)
		next[i] = grid[i] + 0.2 * (grid[i - 1] - 2.0 * grid[i] + grid[i + 1]);
	for (int i = 1; i < CELLS - 1; i++)
		grid[i] = next[i];
}

uint64_t fma_work(unsigned scale)
{
	double sum = 0;
	for (int i = 0; i < CELLS; i++)
		grid[i] = i % 17 * 0.125 + (i == CELLS / 2 ? 100.0 : 0.0);
	for (unsigned round = 0; round < scale * 30; round++) {
		diffuse();
		for (int i = 0; i < CELLS; i++) {
			double x = grid[i] * 0.01;
			sum += polynomial(x) / (1.0 + x * x);
			if (i % 16 == 0)
				sum += __builtin_sqrt(x * x + 0.25);
		}
		sum *= 0.5;
	}
	return fold(bits(sum), bits(grid[CELLS / 3]));
}
