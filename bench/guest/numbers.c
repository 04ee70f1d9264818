// Arithmetic that is not plain: long multiplication with carries, divisions, numbers as text.
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

#define LIMBS 32

/* The product's lower half; the upper one goes to `high`. */
static inline uint64_t multiply(uint64_t x, uint64_t y, uint64_t *high)
{
#ifdef __SIZEOF_INT128__
	unsigned __int128 product = (unsigned __int128)x * y;
	*high = (uint64_t)(product >> 64);
	return (uint64_t)product;
#else
	uint64_t low = (x & 0xffffffff) * (y & 0xffffffff);
	uint64_t middle = (x >> 32) * (y & 0xffffffff) + (low >> 32);
	uint64_t other = (x & 0xffffffff) * (y >> 32) + (middle & 0xffffffff);
	*high = (x >> 32) * (y >> 32) + (middle >> 32) + (other >> 32);
	return other << 32 | (low & 0xffffffff);
#endif
}

uint64_t bignum_work(unsigned scale)
{
	uint64_t x[LIMBS], y[LIMBS], product[2 * LIMBS], sum = 0, state = 88172645463325252u;
	for (unsigned i = 0; i < LIMBS; i++) {
		x[i] = next_random(&state);
		y[i] = next_random(&state);
	}
	for (unsigned round = 0; round < scale * 1000; round++) {
		for (unsigned i = 0; i < 2 * LIMBS; i++)
			product[i] = 0;
		for (unsigned i = 0; i < LIMBS; i++) {
			uint64_t carry = 0;
			for (unsigned j = 0; j < LIMBS; j++) {
				uint64_t high, low = multiply(x[i], y[j], &high);
				low += product[i + j];
				high += low < product[i + j];
				low += carry;
				high += low < carry;
				product[i + j] = low;
				carry = high;
			}
			product[i + LIMBS] = carry;
		}
		x[round % LIMBS] ^= product[round % (2 * LIMBS)];
		sum = fold(sum, product[LIMBS]);
	}
	return sum;
}

uint64_t division_work(unsigned scale)
{
	uint64_t sum = 0, state = 88172645463325252u;
	for (unsigned round = 0; round < scale * 100000; round++) {
		uint64_t value = next_random(&state);
		sum += value / (sum % 1000 + 3) + (uint64_t)((int32_t)value / ((int32_t)(sum & 0xffff) - 70000));
		sum ^= value % ((value >> 40) + 7);
	}
	return sum;
}

uint64_t text_work(unsigned scale)
{
	uint64_t sum = 0, state = 88172645463325252u;
	for (unsigned round = 0; round < scale * 5000; round++) {
		char line[128];
		uint64_t value = next_random(&state);
		int length = snprintf(line, sizeof line, "%s: %08x %llu %d %5.2f", "value", (unsigned)value,
				      (unsigned long long)value, (int)(value >> 33), (double)(value & 0xffff) / 7);
		char *end;
		sum = fold(sum, strtoull(line + 16, &end, 10) + (uint64_t)length + (unsigned char)*end);
	}
	return sum;
}
