/* Integer arithmetic: all widths, carries, division and its edges, bit fields, CRC32, sorting, number theory. */
#include <arm_acle.h>
#include <stdlib.h>
#include "common.h"

static uint64_t edge(void) {
  static const uint64_t edges[] = {0, 1, 2, 0x7f, 0x80, 0xff, 0x7fffffff, 0x80000000, 0xffffffff,
                                   0x100000000, 0x7fffffffffffffff, 0x8000000000000000, UINT64_MAX};
  uint64_t r = random64();
  return r & 1 ? edges[(r >> 1) % (sizeof edges / sizeof *edges)] : random64();
}

static void arithmetic(void) {
  for (int i = 0; i < 4000; i++) {
    uint64_t a = edge(), b = edge();
    int64_t sa = (int64_t)a, sb = (int64_t)b;
    int32_t wa = (int32_t)a, wb = (int32_t)b;
    uint64_t r;
    note64(a + b), note64(a - b), note64(a * b);
    note64((uint64_t)(((unsigned __int128)a * b) >> 64));
    note64((uint64_t)(((__int128)sa * sb) >> 64));
    note64((uint64_t)((int64_t)wa * wb));
    note64(__builtin_add_overflow(sa, sb, (int64_t *)&r)), note64(r);
    note64(__builtin_sub_overflow(a, b, &r)), note64(r);
    note64(__builtin_mul_overflow(sa, sb, (int64_t *)&r)), note64(r);
    if (b) note64(a / b), note64(a % b);
    if (sb && !(sa == INT64_MIN && sb == -1)) note64((uint64_t)(sa / sb)), note64((uint64_t)(sa % sb));
    if (wb && !(wa == INT32_MIN && wb == -1)) note64((uint64_t)(int64_t)(wa / wb));
    note64(a < b), note64(sa < sb), note64(wa >= wb), note64((uint8_t)a == (uint8_t)b);
  }
  part("arithmetic");
}

/* What C leaves open, the architecture does not: division by zero gives zero, and INT_MIN / -1 gives INT_MIN. */
static void division(void) {
  static const int64_t values[] = {0, 1, -1, 7, -7, INT64_MIN, INT64_MAX, INT32_MIN, INT32_MAX};
  for (unsigned i = 0; i < 9; i++) {
    for (unsigned j = 0; j < 9; j++) {
      int64_t a = values[i], b = values[j], s;
      uint64_t u;
      int32_t w;
      __asm__("sdiv %0, %1, %2" : "=r"(s) : "r"(a), "r"(b));
      __asm__("udiv %0, %1, %2" : "=r"(u) : "r"(a), "r"(b));
      __asm__("sdiv %w0, %w1, %w2" : "=r"(w) : "r"(a), "r"(b));
      note64((uint64_t)s), note64(u), note64((uint64_t)(int64_t)w);
    }
  }
  part("division");
}

static void bits(void) {
  for (int i = 0; i < 4000; i++) {
    uint64_t a = edge(), b = edge();
    unsigned n = b & 63;
    note64(a << n), note64(a >> n), note64((uint64_t)((int64_t)a >> n)), note64((a >> n) | (a << (-n & 63)));
    note64((uint32_t)a << (n & 31)), note64((uint64_t)((int32_t)a >> (n & 31)));
    note64(a & ~b), note64(a | ~b), note64(a ^ ~b);
    note64(__builtin_bswap64(a)), note64(__builtin_bswap32((uint32_t)a)), note64(__builtin_bswap16((uint16_t)a));
    note64(__rbitll(a)), note64(__rbit((uint32_t)a));
    note64((uint64_t)__builtin_clzll(a | 1)), note64((uint64_t)__builtin_ctzll(a | (1ull << 63)));
    note64((uint64_t)__builtin_clrsbll((int64_t)a)), note64((uint64_t)__builtin_popcountll(a));
    note64((a >> 13) & 0x1fff), note64((uint64_t)((int64_t)(a << 11) >> 40));
    note64((a & ~0xff0ull) | ((b & 0xff) << 4)), note64((uint64_t)(int8_t)a), note64((uint64_t)(int16_t)b);
  }
  part("bits");
}

__attribute__((target("+crc"))) static void crc(void) {
  uint32_t ieee = 0xffffffff, castagnoli = 0xffffffff;
  for (int i = 0; i < 4000; i++) {
    uint64_t a = random64();
    ieee = __crc32d(__crc32w(__crc32h(__crc32b(ieee, (uint8_t)a), (uint16_t)a), (uint32_t)a), a);
    castagnoli = __crc32cd(__crc32cw(__crc32ch(__crc32cb(castagnoli, (uint8_t)a), (uint16_t)a), (uint32_t)a), a);
  }
  note64(ieee), note64(castagnoli);
  uint32_t check = 0xffffffff;
  for (const char *p = "123456789"; *p; p++) check = __crc32b(check, (uint8_t)*p);
  printf("CRC-32 of 123456789      %08x\n", ~check);
  part("crc");
}

static int ascending(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return x < y ? -1 : x > y;
}

static void algorithms(void) {
  static int64_t numbers[5000];
  for (int i = 0; i < 5000; i++) numbers[i] = (int64_t)random64() >> (i & 31);
  qsort(numbers, 5000, sizeof *numbers, ascending);
  note(numbers, sizeof numbers);
  static uint8_t composite[100000];
  unsigned primes = 0;
  for (unsigned n = 2; n < sizeof composite; n++) {
    if (composite[n]) continue;
    primes++;
    for (unsigned m = 2 * n; m < sizeof composite; m += n) composite[m] = 1;
  }
  printf("primes below 100000      %u\n", primes);
  note64(primes);
  uint64_t power = 1, base = 3, modulus = 0xffffffffffffffc5u; /* the largest prime below 2^64 */
  for (uint64_t e = modulus - 1; e; e >>= 1) {
    if (e & 1) power = (uint64_t)((unsigned __int128)power * base % modulus);
    base = (uint64_t)((unsigned __int128)base * base % modulus);
  }
  printf("3^(p-1) mod p            %llu\n", (unsigned long long)power);
  note64(power);
  part("algorithms");
}

int main(void) {
  arithmetic();
  division();
  bits();
  crc();
  algorithms();
  return finish();
}
