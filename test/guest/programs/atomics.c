/* Atomic operations of every width and order, exclusive pairs, a lock made of them, and failures that must fail. */
#include <stdatomic.h>
#include <stdbool.h>
#include "common.h"

#define WIDTH(bits)                                                                                                    \
  static void width_##bits(void) {                                                                                     \
    static uint##bits##_t cell;                                                                                        \
    for (int i = 0; i < 1000; i++) {                                                                                   \
      uint##bits##_t v = (uint##bits##_t)random64();                                                                   \
      note64(__atomic_fetch_add(&cell, v, __ATOMIC_SEQ_CST)), note64(__atomic_fetch_sub(&cell, v, __ATOMIC_RELAXED));   \
      note64(__atomic_fetch_or(&cell, v, __ATOMIC_ACQUIRE)), note64(__atomic_fetch_xor(&cell, v, __ATOMIC_RELEASE));    \
      note64(__atomic_fetch_and(&cell, ~(v >> 1), __ATOMIC_ACQ_REL)), note64(__atomic_fetch_nand(&cell, v, __ATOMIC_SEQ_CST)); \
      note64(__atomic_exchange_n(&cell, v, __ATOMIC_ACQ_REL)), note64(__atomic_load_n(&cell, __ATOMIC_ACQUIRE));        \
      uint##bits##_t expected = i & 1 ? v : (uint##bits##_t)~v;                                                        \
      note64(__atomic_compare_exchange_n(&cell, &expected, v + 1, i & 2, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));          \
      note64(expected), __atomic_store_n(&cell, cell + 3, __ATOMIC_RELEASE), note64(cell);                              \
    }                                                                                                                  \
    part("width " #bits);                                                                                              \
  }

WIDTH(8)
WIDTH(16)
WIDTH(32)
WIDTH(64)

/* A pair of registers at once: LDXP and STXP. */
static bool swap_pair(uint64_t pair[2], uint64_t expected[2], const uint64_t wanted[2]) {
  uint64_t low, high;
  uint32_t failed;
  do {
    __asm__ volatile("ldaxp %0, %1, %2" : "=&r"(low), "=&r"(high) : "Q"(*(__int128 *)pair) : "memory");
    if (low != expected[0] || high != expected[1]) {
      __asm__ volatile("clrex" ::: "memory");
      expected[0] = low, expected[1] = high;
      return false;
    }
    __asm__ volatile("stlxp %w0, %2, %3, %1"
                     : "=&r"(failed), "=Q"(*(__int128 *)pair)
                     : "r"(wanted[0]), "r"(wanted[1])
                     : "memory");
  } while (failed);
  return true;
}

static void pairs(void) {
  static _Alignas(16) uint64_t pair[2];
  uint64_t expected[2] = {0, 0};
  for (int i = 0; i < 1000; i++) {
    uint64_t wanted[2] = {random64(), random64()};
    note64(swap_pair(pair, expected, wanted));
    note(pair, sizeof pair), note(expected, sizeof expected);
    if (i % 3) memcpy(expected, pair, sizeof pair);
  }
  part("pairs");
}

/* A store exclusive succeeds only after a load exclusive, and only once. */
static void monitors(void) {
  static uint64_t cell;
  uint64_t value;
  uint32_t first, second, without;
  for (int i = 0; i < 1000; i++) {
    __asm__ volatile(
        "1: ldxr %0, [%4]\n"
        "   add %0, %0, #1\n"
        "   stxr %w1, %0, [%4]\n"
        "   cbnz %w1, 1b\n"
        "   stxr %w2, xzr, [%4]\n"
        "   ldxr %0, [%4]\n"
        "   clrex\n"
        "   stxr %w3, xzr, [%4]\n"
        : "=&r"(value), "=&r"(first), "=&r"(second), "=&r"(without)
        : "r"(&cell)
        : "memory");
    note64(value), note64(first), note64(second), note64(without);
  }
  printf("counted to %llu, second store %u, after CLREX %u\n", (unsigned long long)cell, second, without);
  part("monitors");
}

static void lock(void) {
  static atomic_flag flag = ATOMIC_FLAG_INIT;
  static _Atomic uint32_t ticket, serving;
  for (int i = 0; i < 1000; i++) {
    note64(atomic_flag_test_and_set(&flag)), note64(atomic_flag_test_and_set(&flag));
    atomic_flag_clear(&flag);
    uint32_t mine = atomic_fetch_add(&ticket, 1);
    while (atomic_load(&serving) != mine) __asm__ volatile("yield");
    atomic_fetch_add(&serving, 1);
  }
  note64(ticket), note64(serving);
  part("locks");
}

int main(void) {
  width_8(), width_16(), width_32(), width_64();
  pairs();
  monitors();
  lock();
  return finish();
}
