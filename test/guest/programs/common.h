/* What the programs share: a repeatable source of numbers, and a checksum of everything they found. */
#ifndef COMMON_H
#define COMMON_H
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint64_t random_state = 0x9e3779b97f4a7c15u;

static inline uint64_t random64(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

static uint64_t checksum = 0xcbf29ce484222325u;

static inline void note(const void *bytes, size_t size) {
  const unsigned char *p = bytes;
  for (size_t i = 0; i < size; i++) checksum = (checksum ^ p[i]) * 0x100000001b3u;
}

static inline void note64(uint64_t value) { note(&value, sizeof value); }

/* One line for the reader, and the running checksum with it: the first line that differs names the part that is wrong. */
static inline void part(const char *name) { printf("%-24s %016llx\n", name, (unsigned long long)checksum); }

/* An exit code that depends on everything, 1 to 100. */
static inline int finish(void) { return (int)(checksum % 100) + 1; }
#endif
