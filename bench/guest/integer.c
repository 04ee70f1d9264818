// 64-bit arithmetic on registers: no memory, no branch but the loop's.
#include "bench.h"

uint64_t integer_work(unsigned scale)
{
	uint64_t a = 0x123456789abcdef, b = 0xfedcba987654321, sum = 0;
	for (uint64_t n = (uint64_t)scale * 1000000; n > 0; n--) {
		a ^= a << 13;
		a ^= a >> 7;
		b = b * 6364136223846793005u + a;
		a += b >> 33;
		sum += (a ^ b) + (sum >> 3);
	}
	return fold(sum, a ^ b);
}
