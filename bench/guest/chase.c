// One random cycle through 8 MiB: every load depends on the one before it, and pages are never touched in order.
#include "bench.h"

#define NODES (1u << 17)

struct node {
	struct node *next;
	uint64_t value;
	uint64_t filler[6];
};

static struct node nodes[NODES];
static uint32_t order[NODES];

uint64_t chase_work(unsigned scale)
{
	uint64_t state = 88172645463325252u, sum = 0;
	for (uint32_t i = 0; i < NODES; i++)
		order[i] = i;
	for (uint32_t i = NODES - 1; i > 0; i--) {
		uint32_t j = (uint32_t)(next_random(&state) % (i + 1)), kept = order[i];
		order[i] = order[j];
		order[j] = kept;
	}
	for (uint32_t i = 0; i < NODES; i++) {
		nodes[order[i]].next = &nodes[order[(i + 1) % NODES]];
		nodes[order[i]].value = i;
	}
	const struct node *at = nodes;
	for (uint64_t n = (uint64_t)scale * 2000000; n > 0; n--) {
		sum += at->value ^ n;
		at = at->next;
	}
	return fold(sum, at->value);
}
