/* String and memory functions of libc at every alignment and against the end of a page, compared with plain loops. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <strings.h>
#include <sys/mman.h>
#include <wchar.h>
#include "common.h"

enum { PAGE = 4096, SPAN = 2 * PAGE };

static unsigned failures;
/* Ends exactly where nothing is mapped, so that one byte too many is a fault. */
static unsigned char *edge, *other;

static void check(int holds, const char *what, size_t at, size_t size) {
  if (holds) return;
  if (failures++ < 10) printf("WRONG %s at %zu, %zu bytes\n", what, at, size);
}

static unsigned char *map_with_edge(void) {
  unsigned char *p = mmap(NULL, SPAN + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED || mprotect(p + SPAN, PAGE, PROT_NONE)) abort();
  return p + SPAN;
}

static void fill(unsigned char *p, size_t size) {
  for (size_t i = 0; i < size; i++) p[i] = (unsigned char)(random64() % 255 + 1);
}

static void copies(void) {
  for (size_t size = 0; size < 700; size += size < 80 ? 1 : 37) {
    for (size_t shift = 0; shift < 17; shift++) {
      unsigned char *from = edge - size - shift, *to = other - size - (shift * 7) % 17;
      fill(edge - SPAN / 2, SPAN / 2);
      memset(other - SPAN / 2, 0xa5, SPAN / 2);
      memcpy(to, from, size);
      int same = to[-1] == 0xa5;
      for (size_t i = 0; i < size; i++) same &= to[i] == from[i];
      check(same, "memcpy", shift, size);
      note(to, size);
      unsigned char kept[800];
      memcpy(kept, from, size);
      memmove(from - 5, from, size), note(from - 5, size + 5);
      check(memcmp(from - 5, kept, size) == 0, "memmove down", shift, size);
      memmove(from, from - 5, size), note(from - 5, size + 5);
      check(memcmp(from, kept, size) == 0, "memmove up", shift, size);
    }
  }
  part("copies");
}

static void sets(void) {
  for (size_t size = 0; size < 2500; size += size < 80 ? 1 : 61) {
    for (size_t shift = 0; shift < 16; shift++) {
      unsigned char *p = edge - size - shift;
      fill(edge - SPAN, SPAN);
      unsigned char before = p[-1];
      memset(p, (int)size, size);
      int same = p[-1] == before;
      for (size_t i = 0; i < size; i++) same &= p[i] == (unsigned char)size;
      check(same, "memset", shift, size);
      memset(p, 0, size); /* long runs of zeros take another way: DC ZVA */
      for (size_t i = 0; i < size; i++) same &= p[i] == 0;
      check(same && p[-1] == before, "memset to zero", shift, size);
      note(p - 1, size + shift);
    }
  }
  part("sets");
}

static void searches(void) {
  for (size_t length = 0; length < 300; length += length < 40 ? 1 : 13) {
    for (size_t shift = 0; shift < 17; shift++) {
      char *s = (char *)edge - length - 1 - shift;
      fill((unsigned char *)s, length + 1 + shift);
      s[length] = 0;
      check(strlen(s) == length && strnlen(s, 1000) == length, "strlen", shift, length);
      int wanted = (int)(random64() % 255) + 1;
      const char *first = NULL, *last = NULL;
      for (size_t i = 0; i < length; i++) {
        if ((unsigned char)s[i] != wanted) continue;
        if (!first) first = s + i;
        last = s + i;
      }
      check(strchr(s, wanted) == first && memchr(s, wanted, length) == first, "strchr", shift, length);
      check(strrchr(s, wanted) == last && memrchr(s, wanted, length) == last, "strrchr", shift, length);
      check(strchrnul(s, wanted) == (first ? first : s + length), "strchrnul", shift, length);
      check(rawmemchr(s, 0) == s + length, "rawmemchr", shift, length);
      char *t = (char *)other - length - 1 - (shift * 5) % 17;
      strcpy(t, s);
      check(strcmp(s, t) == 0 && strncmp(s, t, length + 9) == 0 && memcmp(s, t, length + 1) == 0, "strcmp", shift, length);
      if (length) {
        size_t at = random64() % length;
        int difference = (unsigned char)s[at] - (unsigned char)(t[at] ^= 0x55);
        int sign = (difference > 0) - (difference < 0);
        int r = strcmp(s, t), m = memcmp(s, t, length);
        if (t[at]) check((r > 0) - (r < 0) == sign, "strcmp of different", shift, length);
        check((m > 0) - (m < 0) == sign, "memcmp of different", shift, length);
      }
      note(s, length), note64(strcspn(s, "aeiou")), note64(strspn(s, "abcdefghijklmnopqrstuvwxyz"));
    }
  }
  part("searches");
}

static void texts(void) {
  char line[200];
  for (int i = 0; i < 500; i++) {
    int64_t n = (int64_t)random64() >> (i & 63);
    snprintf(line, sizeof line, "%+lld|%16llx|%-12o|%#x|%.3s|%*d", (long long)n, (unsigned long long)n, (unsigned)n,
             (unsigned)n, "abcdef", i % 20, i);
    note(line, strlen(line));
    check(strtoll(line, NULL, 10) == n, "strtoll", (size_t)i, 0);
  }
  char sentence[] = "the quick brown fox jumps over the lazy dog";
  char *rest, *word = strtok_r(sentence, " ", &rest);
  for (; word; word = strtok_r(NULL, " ", &rest)) printf("%s ", word), note(word, strlen(word));
  printf("\n");
  check(strstr("aaaaaaaaab", "aab") != NULL && strcasecmp("HeLLo", "hEllO") == 0, "strstr", 0, 0);
  check(wcslen(L"wide") == 4 && wcscmp(L"abc", L"abd") < 0, "wcslen", 0, 0);
  part("texts");
}

int main(void) {
  edge = map_with_edge();
  other = map_with_edge();
  copies();
  sets();
  searches();
  texts();
  printf("wrong: %u\n", failures);
  note64(failures);
  return finish();
}
