// Samples where a CPU is each time it has counted PERIOD cycles in the kernel, and prints the addresses.
//
// sampler CPU PERIOD LINES: meanwhile writes so many lines to the kernel's log, whose console driver keeps interrupts
//   out for as long as a line takes.
// sampler CPU PERIOD lockup: meanwhile that CPU spins with interrupts out, for ever, by debugfs; another CPU prints.
//   Then it asks the kernel where its CPUs are, as sysrq-l does, and stays: to take the event back would need the
//   CPU's interrupts.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { PAGES = 8, PAGE_BYTES = 4096 };

struct sample {
  struct perf_event_header header;
  uint64_t ip;
};

static int fail(const char *what) {
  perror(what);
  return 1;
}

static int event(int cpu, uint64_t period) {
  struct perf_event_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.size = sizeof attr;
  attr.type = PERF_TYPE_HARDWARE;
  attr.config = PERF_COUNT_HW_CPU_CYCLES;
  attr.sample_period = period;
  attr.sample_type = PERF_SAMPLE_IP;
  attr.disabled = 1;
  attr.exclude_user = 1;
  return syscall(SYS_perf_event_open, &attr, -1, cpu, -1, 0);
}

static void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set)) perror("sched_setaffinity");
}

static int work(int cpu, int lines) {
  pin(cpu);
  int log = open("/dev/kmsg", O_WRONLY);
  if (log < 0) return fail("/dev/kmsg");
  for (int n = 0; n < lines; n++) {
    char line[100];
    int bytes = snprintf(line, sizeof line, "<4>sampler: line %d of %d, while interrupts are out\n", n + 1, lines);
    if (write(log, line, bytes) != bytes) return fail("/dev/kmsg");
  }
  close(log);
  return 0;
}

static int lock_up(int cpu) {
  if (fork() == 0) {
    pin(cpu);
    int crash = open("/sys/kernel/debug/provoke-crash/DIRECT", O_WRONLY);
    if (crash < 0 || write(crash, "HARDLOCKUP", 10) < 0) _exit(fail("provoke-crash"));
    _exit(fail("the CPU came back"));
  }
  pin(cpu == 0);
  return nanosleep(&(struct timespec){.tv_nsec = 600000}, 0);
}

static void print_samples(const char *ring) {
  const struct perf_event_mmap_page *page = (const void *)ring;
  const char *data = ring + PAGE_BYTES;
  uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
  // Mapped without PROT_WRITE: the kernel would go on at the ring's beginning.
  if (head > PAGES * PAGE_BYTES) printf("more samples than there is room for\n");
  for (uint64_t at = 0; at < head;) {
    struct sample sample;
    for (size_t n = 0; n < sizeof sample; n++)
      ((char *)&sample)[n] = data[(at + n) % (PAGES * PAGE_BYTES)];
    if (sample.header.type == PERF_RECORD_SAMPLE) printf("sample %016lx\n", (unsigned long)sample.ip);
    else printf("record %u\n", sample.header.type);
    at += sample.header.size;
  }
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  int cpu = atoi(argv[1]);
  int fd = event(cpu, strtoull(argv[2], 0, 0));
  if (fd < 0) return fail("perf_event_open");
  const char *ring = mmap(0, (1 + PAGES) * PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
  if (ring == MAP_FAILED) return fail("mmap");
  int sysrq = open("/proc/sysrq-trigger", O_WRONLY);
  if (sysrq < 0) return fail("sysrq-trigger");
  int stays = strcmp(argv[3], "lockup") == 0;
  ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
  if (stays ? lock_up(cpu) : work(cpu, atoi(argv[3]))) return 1;
  if (!stays) ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
  print_samples(ring);
  printf("sampled\n");
  fflush(stdout);
  if (stays) {
    if (write(sysrq, "l", 1) != 1) return fail("sysrq-trigger");
    printf("asked\n");
    fflush(stdout);
    pause();
  }
  return 0;
}
