// Counts and samples with the processor's Performance Monitors through perf_event_open; prints what they said.
#include <fcntl.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile int signals;
static void on_signal(int sig) {
  (void)sig;
  signals++;
}

static int event(uint64_t config, uint64_t period) {
  struct perf_event_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.size = sizeof attr;
  attr.type = PERF_TYPE_HARDWARE;
  attr.config = config;
  attr.disabled = 1;
  attr.exclude_kernel = 1;
  attr.exclude_hv = 1;
  attr.sample_period = period;
  attr.wakeup_events = period ? 1 : 0;
  int fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
  if (fd < 0) perror("perf_event_open");
  return fd;
}

static void loop(uint64_t n) {
  __asm__ volatile("1: subs %0, %0, #1\n b.ne 1b" : "+r"(n) : : "cc");
}

static uint64_t counted(uint64_t config, uint64_t n) {
  int fd = event(config, 0);
  uint64_t value = 0;
  ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
  loop(n);
  ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
  if (read(fd, &value, sizeof value) != sizeof value) perror("read");
  close(fd);
  return value;
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  counted(PERF_COUNT_HW_INSTRUCTIONS, 1);
  // The difference is exactly the loop: two instructions each time.
  uint64_t some = counted(PERF_COUNT_HW_INSTRUCTIONS, 1000);
  uint64_t more = counted(PERF_COUNT_HW_INSTRUCTIONS, 501000);
  printf("instructions %lu\n", (unsigned long)(more - some));
  some = counted(PERF_COUNT_HW_CPU_CYCLES, 1000);
  more = counted(PERF_COUNT_HW_CPU_CYCLES, 501000);
  printf("cycles %lu\n", (unsigned long)(more - some));

  signal(SIGIO, on_signal);
  int fd = event(PERF_COUNT_HW_INSTRUCTIONS, 100000);
  fcntl(fd, F_SETFL, O_ASYNC);
  fcntl(fd, F_SETOWN, getpid());
  ioctl(fd, PERF_EVENT_IOC_REFRESH, 7);
  loop(500000);
  ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
  printf("signals %d\n", signals);
  return 0;
}
