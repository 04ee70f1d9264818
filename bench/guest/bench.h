// What a benchmark is: work that depends on its scale alone and gives a checksum of all that it computed.
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>

typedef uint64_t work_function(unsigned scale);

/* Each unit of scale is some ten million instructions on arm64. */
work_function integer_work, sieve_work, sha256_work, strings_work, chase_work, mix_work, recursion_work;
work_function far_chase_work;
work_function sorting_work, words_work, bytecode_work, pages_work, bignum_work, division_work, text_work, packing_work;
work_function fma_work, neon_work, faults_work, forks_work, pipes_work, spin2_work, spin4_work, window_work;

/* xorshift64: Marsaglia, "Xorshift RNGs". */
static inline uint64_t next_random(uint64_t *state)
{
	uint64_t x = *state;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return *state = x;
}

/* Keeps the compiler from seeing through a value. */
#define HIDE(value) __asm__ volatile("" : "+r"(value))

/* Takes a value into a checksum; order counts. */
static inline uint64_t fold(uint64_t sum, uint64_t value)
{
	sum ^= value;
	sum *= 0x9e3779b97f4a7c15u;
	return sum ^ (sum >> 29);
}

#endif
