// One random cycle through memory: every load depends on the one before it, and pages are never touched in order.
// Through 1 MiB, which the translations that an emulator keeps can cover, and through 16 MiB, which they may not.
#include "bench.h"

#define NEAR_NODES (1u << 14)
#define FAR_NODES (1u << 18)

struct node {
	struct node *next;
	uint64_t value;
	uint64_t filler[6];
};

static struct node nodes[FAR_NODES];
static uint32_t order[FAR_NODES];

static uint64_t chase(uint32_t count, unsigned scale)
{
	uint64_t state = 88172645463325252u, sum = 0;
	for (uint32_t i = 0; i < count; i++)
		order[i] = i;
	for (uint32_t i = count - 1; i > 0; i--) {
		uint32_t j = (uint32_t)(next_random(&state) % (i + 1)), kept = order[i];
		order[i] = order[j];
		order[j] = kept;
	}
	for (uint32_t i = 0; i < count; i++) {
		nodes[order[i]].next = &nodes[order[(i + 1) % count]];
		nodes[order[i]].value = i;
	}
	const struct node *at = nodes;
	for (uint64_t n = (uint64_t)scale * 2000000; n > 0; n--) {
		sum += at->value ^ n;
		at = at->next;
	}
	return fold(sum, at->value);
}

uint64_t chase_work(unsigned scale)
{
	return chase(NEAR_NODES, scale);
}

uint64_t far_chase_work(unsigned scale)
{
	return chase(FAR_NODES, scale);
}
