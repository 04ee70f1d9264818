// Runs short pieces of A64 code, each on a state of its own, and reports what they left behind.
// Standard input: the initial content of the data pages, then cases until the end. Standard output: an outcome a case.
// test/differential/layout.ts describes both structures and the addresses.
//
// Everything happens in one signal handler: the kernel's signal frame holds every register, so writing it sets the
// state and reading it takes the state. A piece of code is followed by BRK; whatever it does, it ends in a signal.
// Build: aarch64-linux-gnu-gcc -static -O1
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define CODE 0x20000u
#define CODE_BYTES 0x10000u
#define SLOT_BYTES 64u
#define SLOT_CODE 32u
#define SLOTS (CODE_BYTES / SLOT_BYTES)
#define DATA 0x40000u
#define DATA_BYTES 0x2000u
#define CHANGES_MAX 16
#define WORDS_MAX 4
#define BRK 0xd4200000u

struct input {
  uint64_t x[31], sp, pc;
  uint32_t nzcv, fpcr, fpsr, words;
  uint32_t code[WORDS_MAX];
  __uint128_t v[32];
};

struct change {
  uint64_t offset, value;
};

struct output {
  uint64_t x[31], sp, pc;
  uint32_t nzcv, fpsr, fault, changes;
  uint32_t signal, code;
  __uint128_t v[32];
  struct change change[CHANGES_MAX];
};

static uint8_t reference[DATA_BYTES];
static struct input cases[SLOTS];
static struct output outcomes[SLOTS];
static size_t count, current;
static volatile sig_atomic_t busy;
static mcontext_t home;

static struct fpsimd_context *vectors(mcontext_t *m) {
  struct _aarch64_ctx *head = (struct _aarch64_ctx *)m->__reserved;
  while (head->magic != FPSIMD_MAGIC) {
    if (head->magic == 0) _exit(4);
    head = (struct _aarch64_ctx *)((char *)head + head->size);
  }
  return (struct fpsimd_context *)head;
}

static uint32_t takeChanges(struct output *out) {
  uint64_t *now = (uint64_t *)(uintptr_t)DATA, *then = (uint64_t *)reference;
  uint32_t found = 0;
  if (memcmp(now, then, DATA_BYTES) == 0) return 0;
  for (size_t i = 0; i < DATA_BYTES / 8; i++) {
    if (now[i] == then[i]) continue;
    if (found < CHANGES_MAX) out->change[found] = (struct change){i * 8, now[i]};
    found++;
    now[i] = then[i];
  }
  return found;
}

static void take(mcontext_t *m, int signal, int code) {
  struct output *out = &outcomes[current];
  struct fpsimd_context *fp = vectors(m);
  uint64_t start = cases[current].pc, end = start + 4 * cases[current].words;
  memcpy(out->x, m->regs, sizeof out->x);
  out->sp = m->sp;
  out->pc = m->pc;
  out->nzcv = m->pstate & 0xf0000000u;
  out->fpsr = fp->fpsr;
  out->fault = signal != SIGTRAP && m->pc >= start && m->pc < end;
  out->signal = signal;
  out->code = code;
  memcpy(out->v, fp->vregs, sizeof out->v);
  out->changes = takeChanges(out);
}

static void give(mcontext_t *m) {
  const struct input *in = &cases[current];
  struct fpsimd_context *fp = vectors(m);
  memcpy(m->regs, in->x, sizeof in->x);
  m->sp = in->sp;
  m->pc = in->pc;
  m->pstate = in->nzcv;
  fp->fpcr = in->fpcr;
  fp->fpsr = in->fpsr;
  memcpy(fp->vregs, in->v, sizeof in->v);
}

static void onSignal(int signal, siginfo_t *info, void *context) {
  mcontext_t *m = &((ucontext_t *)context)->uc_mcontext;
  if (busy == 2) _exit(3);
  if (busy == 0) {
    home = *m;
    home.pc += 4;
    current = 0;
  } else {
    busy = 2;
    take(m, signal, info->si_code);
    current++;
  }
  if (current == count) {
    busy = 0;
    *m = home;
    return;
  }
  give(m);
  busy = 1;
}

static uint8_t used[SLOTS];

static void fill(uint64_t pc, const uint32_t *code, size_t words) {
  memcpy((void *)(uintptr_t)pc, code, 4 * words);
  __builtin___clear_cache((char *)(uintptr_t)pc, (char *)(uintptr_t)pc + 4 * words);
}

// Places and runs the cases that were read, and writes their outcomes. Only code that changes is written, because each
// write to a page that ran makes the emulator translate it again.
static void runCases(void) {
  static const uint32_t stop[WORDS_MAX] = {BRK, BRK, BRK, BRK};
  if (count == 0) return;
  memset(outcomes, 0, count * sizeof *outcomes);
  for (size_t i = 0; i < count; i++) fill(cases[i].pc, cases[i].code, cases[i].words);
  __asm__ volatile("brk #0" ::: "memory");
  for (size_t i = 0; i < count; i++) fill(cases[i].pc, stop, cases[i].words);
  if (fwrite(outcomes, sizeof *outcomes, count, stdout) != count) exit(2);
  memset(used, 0, sizeof used);
  count = 0;
}

static void map(uintptr_t address, size_t size, int protection) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  if (mmap((void *)address, size, protection, flags, -1, 0) == MAP_FAILED) exit(5);
}

int main(void) {
  static uint8_t stack[1 << 16];
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  struct sigaction action = {.sa_sigaction = onSignal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  const int signals[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
  map(CODE, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC);
  map(DATA, DATA_BYTES, PROT_READ | PROT_WRITE);
  sigaltstack(&alternate, NULL);
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, NULL);
  if (fread(reference, sizeof reference, 1, stdin) != 1) return 1;
  memcpy((void *)(uintptr_t)DATA, reference, sizeof reference);
  for (size_t i = 0; i < CODE_BYTES / 4; i++) ((uint32_t *)(uintptr_t)CODE)[i] = BRK;
  struct input next;
  while (fread(&next, sizeof next, 1, stdin) == 1) {
    size_t slot = (next.pc - CODE) / SLOT_BYTES;
    if (slot >= SLOTS || next.words > WORDS_MAX) return 6;
    if (used[slot] || count == SLOTS) runCases();
    used[slot] = 1;
    cases[count++] = next;
  }
  runCases();
  return 0;
}
