// The simple loops that every C program has: copying words, and counting bytes up to the zero.
#include "bench.h"

#define WORDS 4096

static uint64_t from[WORDS], to[WORDS];

static __attribute__((noinline)) void copy_words(uint64_t *out, const uint64_t *in, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		out[i] = in[i];
}

static __attribute__((noinline)) uint64_t length(const char *text)
{
	const char *end = text;
	while (*end)
		end++;
	return (uint64_t)(end - text);
}

uint64_t strings_work(unsigned scale)
{
	uint64_t sum = 0, state = 88172645463325252u;
	for (unsigned i = 0; i < WORDS; i++)
		from[i] = next_random(&state) | 0x0101010101010101u;
	from[WORDS - 1] = 0x0000410041424344u;
	for (unsigned round = 0; round < scale * 60; round++) {
		from[round % (WORDS - 1)] ^= 0x1010101010101010u;
		from[round % (WORDS - 1)] |= 0x0101010101010101u;
		copy_words(to, from, WORDS);
		sum = fold(sum, length((const char *)to) + to[round % WORDS]);
	}
	return sum;
}
