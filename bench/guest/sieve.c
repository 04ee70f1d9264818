// Eratosthenes: byte stores at growing strides, then byte loads in order.
#include "bench.h"

#define LIMIT (1u << 20)

static unsigned char composite[LIMIT];

uint64_t sieve_work(unsigned scale)
{
	uint64_t sum = 0;
	for (unsigned round = 0; round < scale; round++) {
		for (unsigned i = 0; i < LIMIT; i++)
			composite[i] = 0;
		for (unsigned i = 2; i * i < LIMIT; i++)
			if (!composite[i])
				for (unsigned j = i * i; j < LIMIT; j += i)
					composite[j] = 1;
		for (unsigned i = 2; i < LIMIT; i++)
			if (!composite[i])
				sum += i ^ round;
	}
	return sum;
}
