// Arithmetic that is not plain: long multiplication with carries, divisions, numbers as text.
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

/* A digit and the product of two: as large as the compiler has them. */
#ifdef __SIZEOF_INT128__
typedef uint64_t limb;
typedef unsigned __int128 product_of_limbs;
#else
typedef uint32_t limb;
typedef uint64_t product_of_limbs;
#endif
#define LIMBS 32
#define LIMB_BITS (8 * sizeof(limb))

uint64_t bignum_work(unsigned scale)
{
	limb x[LIMBS], y[LIMBS], product[2 * LIMBS];
	uint64_t sum = 0, state = 88172645463325252u;
	for (unsigned i = 0; i < LIMBS; i++) {
		x[i] = (limb)next_random(&state);
		y[i] = (limb)next_random(&state);
	}
	for (unsigned round = 0; round < scale * 1000; round++) {
		for (unsigned i = 0; i < 2 * LIMBS; i++)
			product[i] = 0;
		for (unsigned i = 0; i < LIMBS; i++) {
			limb carry = 0;
			for (unsigned j = 0; j < LIMBS; j++) {
				product_of_limbs part = (product_of_limbs)x[i] * y[j] + product[i + j] + carry;
				product[i + j] = (limb)part;
				carry = (limb)(part >> LIMB_BITS);
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
