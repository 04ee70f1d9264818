// The smallest virtual machine monitor: one virtual CPU, 2 MiB of memory, a vGICv3, a console that is one register.
// `vmm [N]` runs the guest N times, each in a virtual machine of its own. Prints what the guest says, then why it ended.
#include <fcntl.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

__asm__(".section .rodata\n.balign 16\n.globl guest_start, guest_end\nguest_start: .incbin \"" GUEST "\"\nguest_end:\n.previous");
extern const char guest_start[], guest_end[];

enum { RAM = 0x40000000, RAM_BYTES = 2 << 20, CONSOLE = 0x09000000, ANSWER = 0x09000010 };
/* KVM_REG_ARM_CORE_REG(regs.pc), which C does not take as an expression. */
enum { PC_REG = offsetof(struct kvm_regs, regs.pc) / 4 };
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

static void mmio(struct kvm_run *run) {
  uint64_t at = run->mmio.phys_addr;
  if (run->mmio.is_write && at == CONSOLE)
    putchar(run->mmio.data[0]);
  else if (!run->mmio.is_write && at == ANSWER)
    memcpy(run->mmio.data, &answer, run->mmio.len);
  else
    printf("vmm: %s of %u bytes at 0x%llx\n", run->mmio.is_write ? "write" : "read", run->mmio.len,
           (unsigned long long)at);
}

static int once(int kvm) {
  int vm = must(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
  char *ram = mmap(0, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(ram, guest_start, guest_end - guest_start);
  struct kvm_userspace_memory_region region = {
      .guest_phys_addr = RAM, .memory_size = RAM_BYTES, .userspace_addr = (uintptr_t)ram};
  must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
  struct kvm_create_device gic = {.type = KVM_DEV_TYPE_ARM_VGIC_V3};
  must(ioctl(vm, KVM_CREATE_DEVICE, &gic), "KVM_CREATE_DEVICE");
  int cpu = must(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
  set_attr(gic.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, 0x08000000);
  set_attr(gic.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, 0x080a0000);
  struct kvm_vcpu_init init;
  must(ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init), "KVM_ARM_PREFERRED_TARGET");
  init.features[0] |= 1 << KVM_ARM_VCPU_PSCI_0_2;
  must(ioctl(cpu, KVM_ARM_VCPU_INIT, &init), "KVM_ARM_VCPU_INIT");
  set_attr(gic.fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, 0);
  uint64_t pc = RAM;
  struct kvm_one_reg reg = {.id = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | PC_REG,
                            .addr = (uintptr_t)&pc};
  must(ioctl(cpu, KVM_SET_ONE_REG, &reg), "KVM_SET_ONE_REG");
  int size = must(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
  struct kvm_run *run = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
  for (unsigned exits = 1;; exits++) {
    must(ioctl(cpu, KVM_RUN, 0), "KVM_RUN");
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
  for (int n = argc > 1 ? atoi(argv[1]) : 1; n > 0; n--) status |= once(kvm);
  return status;
}
