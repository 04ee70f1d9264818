/*
 * What processes do, as often as the second argument says: process NAME COUNT.
 *
 * "begin NAME" and "end NAME" are the marks between which the host takes the time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAPPING_BYTES = 1 << 20, PAGE_BYTES = 4096 };

static void syscalls(int count) {
  for (int i = 0; i < count; i++) syscall(SYS_getppid);
}

static void page_faults(int count) {
  for (int i = 0; i < count; i++) {
    char *p = mmap(NULL, MAPPING_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int at = 0; at < MAPPING_BYTES; at += PAGE_BYTES) p[at] = 1;
    munmap(p, MAPPING_BYTES);
  }
}

static void forks(int count) {
  for (int i = 0; i < count; i++) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, NULL, 0);
  }
}

static void execs(int count) {
  for (int i = 0; i < count; i++) {
    pid_t child = fork();
    if (child == 0) {
      execl("/bin/process", "process", "nothing", "0", (char *)NULL);
      _exit(1);
    }
    waitpid(child, NULL, 0);
  }
}

static void ping_pong(int count) {
  int there[2], back[2];
  char byte = 1;
  if (pipe(there) || pipe(back)) exit(1);
  if (fork() == 0) {
    while (read(there[0], &byte, 1) == 1)
      if (write(back[1], &byte, 1) != 1) break;
    _exit(0);
  }
  for (int i = 0; i < count; i++)
    if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) exit(1);
}

__attribute__((noinline, optimize("O1"))) static unsigned fibonacci(unsigned n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static void recursion(int count) {
  volatile unsigned sum = 0;
  sum += fibonacci((unsigned)count);
}

static const struct {
  const char *name;
  void (*run)(int);
} WORK[] = {
    {"syscalls", syscalls}, {"page-faults", page_faults}, {"fork", forks},
    {"exec", execs},        {"ping-pong", ping_pong},     {"recursion", recursion},
};

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  for (unsigned i = 0; i < sizeof WORK / sizeof *WORK; i++) {
    if (strcmp(WORK[i].name, argv[1])) continue;
    printf("begin %s\n", argv[1]);
    fflush(stdout);
    WORK[i].run(atoi(argv[2]));
    printf("end %s\n", argv[1]);
    return 0;
  }
  return strcmp(argv[1], "nothing") ? 2 : 0;
}
