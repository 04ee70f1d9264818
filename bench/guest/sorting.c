// What the C library is used for most: sorting through a function pointer, a map of strings, lists on the heap.
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define VALUES 4096
#define BUCKETS 1024

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

uint64_t sorting_work(unsigned scale)
{
	static uint64_t values[VALUES];
	uint64_t sum = 0, state = 88172645463325252u;
	for (unsigned round = 0; round < scale * 4; round++) {
		for (unsigned i = 0; i < VALUES; i++)
			values[i] = next_random(&state);
		qsort(values, VALUES, sizeof *values, compare);
		for (unsigned i = 0; i < VALUES; i += 97)
			sum = fold(sum, values[i]);
	}
	return sum;
}

struct entry {
	struct entry *next;
	uint64_t count;
	char key[];
};

static uint64_t hash(const char *text)
{
	uint64_t h = 14695981039346656037u;
	while (*text)
		h = (h ^ (unsigned char)*text++) * 1099511628211u;
	return h;
}

static struct entry *look_up(struct entry **table, const char *key)
{
	struct entry **at = &table[hash(key) % BUCKETS];
	for (; *at; at = &(*at)->next)
		if (strcmp((*at)->key, key) == 0)
			return *at;
	struct entry *made = malloc(sizeof *made + strlen(key) + 1);
	made->next = NULL;
	made->count = 0;
	strcpy(made->key, key);
	return *at = made;
}

uint64_t words_work(unsigned scale)
{
	uint64_t sum = 0, state = 88172645463325252u;
	for (unsigned round = 0; round < scale; round++) {
		struct entry *table[BUCKETS] = { 0 };
		for (unsigned i = 0; i < 40000; i++) {
			uint64_t random = next_random(&state) % 3000;
			char key[16];
			unsigned length = 0;
			do
				key[length++] = (char)('a' + random % 26);
			while ((random /= 26) > 0);
			key[length] = 0;
			look_up(table, key)->count += i;
		}
		for (unsigned i = 0; i < BUCKETS; i++)
			for (struct entry *entry = table[i], *next; entry; entry = next) {
				next = entry->next;
				sum = fold(sum, entry->count + (unsigned char)entry->key[0]);
				free(entry);
			}
	}
	return sum;
}
