// The smallest virtual machine monitor: one virtual CPU, 2 MiB of memory, a vGICv3 or else a vGICv2, a console that is
// one register.
//
//   vmm [N]     runs the guest N times, each in a virtual machine of its own
//   vmm spin    the guest runs without exits until the VMM gets SIGBUS, about a page of the guest
//   vmm page    the guest reads that page once /tmp/go is there; SIGBUS becomes an External abort of the guest
//
// Prints what the guest says, then why it ended.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

__asm__(".section .rodata\n.balign 16\n.globl guest_start, guest_end\nguest_start: .incbin \"" GUEST "\"\nguest_end:\n.previous");
extern const char guest_start[], guest_end[];

enum { RAM = 0x40000000, RAM_BYTES = 2 << 20, CONSOLE = 0x09000000, ANSWER = 0x09000010, GO = 0x09000020 };
/* Words of the guest's memory: what it waits for, and the page that may go bad. */
enum { TOLD = 1 << 20, PAGE = TOLD + 4096 };
enum task { TOUR, SPIN, READ };
/* KVM_REG_ARM_CORE_REG(regs.pc), which C does not take as an expression. */
enum { PC_REG = offsetof(struct kvm_regs, regs.pc) / 4, X0_REG = offsetof(struct kvm_regs, regs.regs) / 4 };
static const uint64_t answer = 0x1122334455667788;

static int must(int result, const char *what) {
  if (result < 0) {
    perror(what);
    exit(1);
  }
  return result;
}

static void set_attr(int device, uint32_t group, uint64_t attr, uint64_t value) {
  struct kvm_device_attr a = {.group = group, .attr = attr, .addr = (uintptr_t)&value};
  must(ioctl(device, KVM_SET_DEVICE_ATTR, &a), "KVM_SET_DEVICE_ATTR");
}

static void set_reg(int cpu, uint64_t number, uint64_t value) {
  struct kvm_one_reg reg = {.id = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | number,
                            .addr = (uintptr_t)&value};
  must(ioctl(cpu, KVM_SET_ONE_REG, &reg), "KVM_SET_ONE_REG");
}

static char *volatile ram;
static volatile sig_atomic_t wants_abort;

static void on_sigbus(int number, siginfo_t *info, void *context) {
  (void)number;
  (void)context;
  const char *where = ((uintptr_t)info->si_addr & ~0xffful) == (uintptr_t)ram + PAGE ? "the page" : "elsewhere";
  char line[64];
  const char *code = info->si_code == BUS_MCEERR_AR ? "action required" : "action optional";
  int length = snprintf(line, sizeof line, "vmm: SIGBUS, %s, at %s\n", code, where);
  if (write(1, line, length) < 0) _exit(3);
  *(volatile uint64_t *)(ram + TOLD) = 1;
  wants_abort = info->si_code == BUS_MCEERR_AR;
}

/* What the guest was told by SIGBUS with action required: an External abort of the load that it is at. */
static void abort_guest(int cpu) {
  struct kvm_vcpu_events events = {.exception.ext_dabt_pending = 1};
  must(ioctl(cpu, KVM_SET_VCPU_EVENTS, &events), "KVM_SET_VCPU_EVENTS");
  wants_abort = 0;
}

/* Says where the page is in physical memory: for whoever makes it go bad. */
static void show_page(void) {
  uint64_t entry = 0;
  *(volatile uint64_t *)(ram + PAGE) = 0x600df00d;
  int pagemap = must(open("/proc/self/pagemap", O_RDONLY), "pagemap");
  must(pread(pagemap, &entry, 8, (uintptr_t)(ram + PAGE) / 4096 * 8), "pagemap");
  close(pagemap);
  printf("vmm: page 0x%llx\n", (unsigned long long)((entry & ((1ull << 55) - 1)) * 4096));
}

static void prepare(enum task task) {
  struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};
  must(sigaction(SIGBUS, &action, 0), "sigaction");
  if (task == SPIN) must(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0), "PR_MCE_KILL");
  show_page();
}

static void mmio(struct kvm_run *run) {
  uint64_t at = run->mmio.phys_addr;
  if (run->mmio.is_write && at == CONSOLE)
    putchar(run->mmio.data[0]);
  else if (!run->mmio.is_write && at == ANSWER)
    memcpy(run->mmio.data, &answer, run->mmio.len);
  else if (!run->mmio.is_write && at == GO)
    while (access("/tmp/go", F_OK)) usleep(10000);
  else
    printf("vmm: %s of %u bytes at 0x%llx\n", run->mmio.is_write ? "write" : "read", run->mmio.len,
           (unsigned long long)at);
}

static int once(int kvm, enum task task) {
  int vm = must(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
  ram = mmap(0, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  madvise(ram, RAM_BYTES, MADV_NOHUGEPAGE);
  memcpy(ram, guest_start, guest_end - guest_start);
  struct kvm_userspace_memory_region region = {
      .guest_phys_addr = RAM, .memory_size = RAM_BYTES, .userspace_addr = (uintptr_t)ram};
  must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
  struct kvm_create_device gic = {.type = KVM_DEV_TYPE_ARM_VGIC_V3};
  int v2 = ioctl(vm, KVM_CREATE_DEVICE, &gic) < 0;
  if (v2) {
    gic.type = KVM_DEV_TYPE_ARM_VGIC_V2;
    must(ioctl(vm, KVM_CREATE_DEVICE, &gic), "KVM_CREATE_DEVICE");
  }
  int cpu = must(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
  if (v2) {
    set_attr(gic.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V2_ADDR_TYPE_DIST, 0x08000000);
    set_attr(gic.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V2_ADDR_TYPE_CPU, 0x08010000);
  } else {
    set_attr(gic.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, 0x08000000);
    set_attr(gic.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, 0x080a0000);
  }
  struct kvm_vcpu_init init;
  must(ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init), "KVM_ARM_PREFERRED_TARGET");
  init.features[0] |= 1 << KVM_ARM_VCPU_PSCI_0_2;
  must(ioctl(cpu, KVM_ARM_VCPU_INIT, &init), "KVM_ARM_VCPU_INIT");
  set_attr(gic.fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, 0);
  set_reg(cpu, PC_REG, RAM);
  set_reg(cpu, X0_REG, task | v2 << 8);
  if (task != TOUR) prepare(task);
  int size = must(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
  struct kvm_run *run = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
  for (;;) {
    fflush(stdout);
    int result = ioctl(cpu, KVM_RUN, 0);
    if (result < 0 && errno == EINTR) {
      if (wants_abort) abort_guest(cpu);
      continue;
    }
    must(result, "KVM_RUN");
    if (run->exit_reason == KVM_EXIT_MMIO) {
      mmio(run);
      continue;
    }
    int off = run->exit_reason == KVM_EXIT_SYSTEM_EVENT && run->system_event.type == KVM_SYSTEM_EVENT_SHUTDOWN;
    printf("vmm: %s (exit reason %u)\n", off ? "the guest turned itself off" : "unexpected", run->exit_reason);
    munmap(run, size);
    munmap(ram, RAM_BYTES);
    close(cpu);
    close(gic.fd);
    close(vm);
    return off ? 0 : 1;
  }
}

int main(int argc, char **argv) {
  int kvm = must(open("/dev/kvm", O_RDWR), "/dev/kvm");
  int status = 0;
  if (argc > 1 && !strcmp(argv[1], "spin")) return once(kvm, SPIN);
  if (argc > 1 && !strcmp(argv[1], "page")) return once(kvm, READ);
  for (int n = argc > 1 ? atoi(argv[1]) : 1; n > 0; n--) status |= once(kvm, TOUR);
  return status;
}
