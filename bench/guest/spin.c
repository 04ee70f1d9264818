// As many threads as CPUs, each on its own CPU, that work a little and wait for each other without the kernel's help,
// as kernels wait for locks.
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "bench.h"

#define THREADS_MAX 4
#define ROUND_STEPS 2000

static atomic_uint arrived, generation, ticket, serving;
static uint64_t guarded;
static unsigned threads, rounds;

static void relax(void)
{
#if defined(__aarch64__)
	__asm__ volatile("yield" ::: "memory");
#elif defined(__i386__)
	__builtin_ia32_pause();
#endif
}

static void barrier(void)
{
	unsigned now = atomic_load(&generation);
	if (atomic_fetch_add(&arrived, 1) + 1 == threads) {
		atomic_store(&arrived, 0);
		atomic_fetch_add(&generation, 1);
		return;
	}
	while (atomic_load(&generation) == now)
		relax();
}

static void *run(void *argument)
{
	unsigned self = (unsigned)(uintptr_t)argument;
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(self, &set);
	if (sched_setaffinity(0, sizeof set, &set))
		abort();
	uint64_t state = 88172645463325252u + self;
	for (unsigned round = 0; round < rounds; round++) {
		for (int i = 0; i < ROUND_STEPS; i++)
			next_random(&state);
		unsigned mine = atomic_fetch_add(&ticket, 1);
		while (atomic_load(&serving) != mine)
			relax();
		guarded += state;
		atomic_fetch_add(&serving, 1);
		barrier();
	}
	return 0;
}

static uint64_t spin(unsigned count, unsigned scale)
{
	pthread_t ids[THREADS_MAX];
	threads = count;
	rounds = scale * 400;
	for (unsigned i = 1; i < count; i++)
		if (pthread_create(&ids[i], 0, run, (void *)(uintptr_t)i))
			abort();
	run(0);
	for (unsigned i = 1; i < count; i++)
		pthread_join(ids[i], 0);
	return fold(guarded, atomic_load(&serving));
}

uint64_t spin2_work(unsigned scale)
{
	return spin(2, scale);
}

uint64_t spin4_work(unsigned scale)
{
	return spin(4, scale);
}
