// The C library's own string functions, which use vector registers on arm64.
#include <string.h>

#include "bench.h"

#define BYTES 65536

static char from[BYTES + 64], to[BYTES + 64];

// Through pointers that the compiler cannot follow, so that the calls are made.
static void *(*volatile copy)(void *, const void *, size_t) = memcpy;
static void *(*volatile move)(void *, const void *, size_t) = memmove;
static void *(*volatile set)(void *, int, size_t) = memset;
static int (*volatile compare)(const void *, const void *, size_t) = memcmp;
static size_t (*volatile length)(const char *) = strlen;
static void *(*volatile find)(const void *, int, size_t) = memchr;
static int (*volatile compare_text)(const char *, const char *) = strcmp;
static char *(*volatile find_last)(const char *, int) = strrchr;

uint64_t neon_work(unsigned scale)
{
	uint64_t state = 88172645463325252u, sum = 0;
	for (int i = 0; i < BYTES; i++)
		from[i] = (char)('a' + next_random(&state) % 25);
	for (unsigned round = 0; round < scale * 60; round++) {
		unsigned shift = round % 31, size = BYTES - 40 - round % 977;
		from[round * 37 % BYTES] = (char)('a' + round % 25);
		copy(to + shift, from, size);
		to[shift + size] = 0;
		sum = fold(sum, length(to + shift));
		sum = fold(sum, (uint64_t)(compare(to + shift, from, size) == 0));
		sum = fold(sum, (uint64_t)(find(to + shift, 'z', size) == 0));
		sum = fold(sum, (uint64_t)(compare_text(to + shift, from) < 0));
		sum = fold(sum, (uint64_t)(find_last(to + shift, 'q') - to));
		move(to + shift + 3, to + shift, size / 2);
		set(to + size / 2, 'k', size / 4);
		// Short ones are what most calls are.
		for (unsigned at = 0; at < 4096; at += 24 + shift % 8) {
			copy(to + at, from + at + 1, 17 + shift);
			sum += length(to + shift + size - at % 32);
		}
		sum = fold(sum, (unsigned char)to[size / 3]);
	}
	return sum;
}
