/* Signals: what a fault says about itself, stacks, masks, jumps out of handlers, timers, children and how they end. */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#include "common.h"

static volatile sig_atomic_t seen, on_other_stack;
static volatile uintptr_t seen_addr;
static volatile int seen_code, skip_instruction;
static sigjmp_buf back;
static char other_stack[65536];

static void handler(int number, siginfo_t *info, void *context) {
  char here;
  seen = number;
  seen_code = info->si_code;
  seen_addr = (uintptr_t)info->si_addr;
  on_other_stack = &here >= other_stack && &here < other_stack + sizeof other_stack;
  if (skip_instruction) ((ucontext_t *)context)->uc_mcontext.pc += 4;
  else siglongjmp(back, number);
}

static void catch (int number) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigaction(number, &action, NULL);
}

static void report(const char *what, int address_matters, uintptr_t expected) {
  int address = !address_matters || seen_addr == expected;
  /* Linux says ILL_ILLOPC, QEMU's user-mode emulation ILL_ILLOPN. */
  if (seen == SIGILL && (seen_code == ILL_ILLOPC || seen_code == ILL_ILLOPN)) seen_code = ILL_ILLOPC;
  printf("%-28s signal %2d code %d address %s, on its own stack %d\n", what, seen, seen_code, address ? "right" : "wrong",
         on_other_stack);
  note64((uint64_t)seen), note64((uint64_t)seen_code), note64((uint64_t)address), note64((uint64_t)on_other_stack);
  seen = 0;
}

static void faults(void) {
  char *none = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *readable = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  volatile char *unmapped = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap((void *)unmapped, 4096);
  volatile char sink;
  if (!sigsetjmp(back, 1)) sink = *unmapped;
  report("read of nothing", 1, (uintptr_t)unmapped);
  if (!sigsetjmp(back, 1)) *(volatile char *)(none + 17) = 1;
  report("write without permission", 1, (uintptr_t)none + 17);
  if (!sigsetjmp(back, 1)) *(volatile long *)(none + 4093) = 1;
  report("write over a page border", 0, 0);
  if (!sigsetjmp(back, 1)) sink = *readable, *(volatile char *)readable = 1;
  report("write of read-only", 1, (uintptr_t)readable);
  if (!sigsetjmp(back, 1)) ((void (*)(void))readable)();
  report("execution of data", 1, (uintptr_t)readable);
  if (!sigsetjmp(back, 1)) *(volatile int *)8 = 1;
  report("write near zero", 1, 8);
  skip_instruction = 1;
  __asm__ volatile(".inst 0x00000000");
  report("permanently undefined", 0, 0);
  skip_instruction = 0;
  (void)sink;
}

static volatile int depth, deepest, counted;

static void nested(int number) {
  if (++depth > deepest) deepest = depth;
  counted++;
  if (number == SIGUSR1) raise(SIGUSR2);
  depth--;
}

static void masks(void) {
  struct sigaction action = {.sa_handler = nested};
  sigaction(SIGUSR1, &action, NULL);
  sigaction(SIGUSR2, &action, NULL);
  raise(SIGUSR1);
  printf("nested: depth %d, handled %d\n", deepest, counted);
  sigset_t both, before, waiting;
  sigemptyset(&both), sigaddset(&both, SIGUSR1), sigaddset(&both, SIGUSR2);
  sigprocmask(SIG_BLOCK, &both, &before);
  raise(SIGUSR1), raise(SIGUSR1), raise(SIGUSR2);
  sigpending(&waiting);
  int pending = sigismember(&waiting, SIGUSR1) + 2 * sigismember(&waiting, SIGUSR2);
  int while_blocked = counted;
  sigprocmask(SIG_SETMASK, &before, NULL);
  printf("blocked: pending %d, handled meanwhile %d, afterwards %d\n", pending, while_blocked - 2, counted - while_blocked);
  note64((uint64_t)deepest), note64((uint64_t)counted), note64((uint64_t)pending);
  part("masks");
}

static volatile int ticks;
static void tick(int number) { ticks += number == SIGALRM; }

static void timers(void) {
  struct sigaction action = {.sa_handler = tick};
  sigaction(SIGALRM, &action, NULL);
  struct itimerval every = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &every, NULL);
  double kept = 1;
  uint64_t turns = 0;
  while (ticks < 5) { /* registers, FP included, must survive each delivery */
    for (int i = 0; i < 1000; i++) kept = kept * 1.5 - 0.5;
    turns++;
  }
  setitimer(ITIMER_REAL, &never, NULL);
  printf("five ticks: %d, kept %g, turned %d\n", ticks >= 5, kept, turns > 0);
  note(&kept, sizeof kept);
  part("timers");
}

static void children(void) {
  static const struct {
    const char *name;
    int kind;
  } ends[] = {{"exit 42", 0}, {"abort", 1}, {"fault", 2}, {"killed", 3}, {"undefined", 4}};
  for (int n = 0; n < 5; n++) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
      for (int s = 1; s < 32; s++) signal(s, SIG_DFL);
      if (ends[n].kind == 0) _exit(42);
      if (ends[n].kind == 1) abort();
      if (ends[n].kind == 2) *(volatile int *)16 = 1;
      if (ends[n].kind == 3) pause();
      __asm__ volatile(".inst 0x00000000");
      _exit(0);
    }
    int status = 0;
    if (ends[n].kind == 3) kill(child, SIGTERM);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    printf("child %-10s %d\n", ends[n].name, code);
    note64((uint64_t)(int64_t)code);
  }
  part("children");
}

int main(void) {
  stack_t other = {.ss_sp = other_stack, .ss_size = sizeof other_stack};
  sigaltstack(&other, NULL);
  static const int caught[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP};
  for (int i = 0; i < 4; i++) catch (caught[i]);
  faults();
  part("faults");
  masks();
  timers();
  children();
  return finish();
}
