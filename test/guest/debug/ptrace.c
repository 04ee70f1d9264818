// What a debugger does through ptrace: single steps, hardware breakpoints, watchpoints. Prints what it saw.
#include <elf.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef NT_ARM_HW_BREAK
#define NT_ARM_HW_BREAK 0x402
#define NT_ARM_HW_WATCH 0x403
#endif

struct hw_state {
  uint32_t info, pad;
  struct {
    uint64_t addr;
    uint32_t ctrl, pad;
  } regs[16];
};

volatile uint64_t watched[4] __attribute__((aligned(64)));
volatile uint64_t plain;
extern char stepped[], stepped_end[], store_at[], load_at[];

// The instructions that are stepped: a loop, a call and a pair of exclusives among them.
__asm__(".text\n.balign 64\n.global stepped, stepped_end, store_at, load_at\n"
        "stepped: mov x9, #3\n"
        "1: subs x9, x9, #1\n b.ne 1b\n"
        "mov x10, x30\n bl 2f\n mov x30, x10\n"
        "3: ldxr x11, [x0]\n add x11, x11, #1\n stxr w12, x11, [x0]\n cbnz w12, 4f\n"
        "4: nop\n"
        "stepped_end: ret\n"
        "2: nop\n ret\n"
        ".balign 64\n.global touch\n"
        "touch: ldr x9, [x1]\n"
        "load_at: ldr x9, [x0]\n"
        "add x9, x9, #5\n"
        "store_at: str x9, [x0]\n"
        "str x9, [x1]\n ret\n");
extern void run_stepped(volatile uint64_t *) __asm__("stepped");
extern void touch(volatile uint64_t *, volatile uint64_t *);

static void child(void) {
  ptrace(PTRACE_TRACEME, 0, 0, 0);
  raise(SIGSTOP);
  run_stepped(&plain);
  raise(SIGSTOP);
  run_stepped(&plain);
  run_stepped(&plain);
  raise(SIGSTOP);
  touch(&watched[1], &plain);
  touch(&watched[2], &plain);
  _exit(watched[1] == 5 ? 7 : 8);
}

static uint64_t pc_of(pid_t pid) {
  struct user_regs_struct regs;
  struct iovec io = {&regs, sizeof regs};
  ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &io);
  return regs.pc;
}

static int wait_stop(pid_t pid) {
  int status;
  waitpid(pid, &status, 0);
  if (WIFEXITED(status)) {
    printf("exit %d\n", WEXITSTATUS(status));
    return -1;
  }
  return WSTOPSIG(status);
}

static uint64_t fault_address(pid_t pid) {
  siginfo_t info;
  ptrace(PTRACE_GETSIGINFO, pid, 0, &info);
  printf("signal %d code %d ", info.si_signo, info.si_code);
  return (uint64_t)info.si_addr;
}

static void set_hw(pid_t pid, int type, uint64_t addr, uint32_t ctrl) {
  struct hw_state state;
  memset(&state, 0, sizeof state);
  state.regs[0].addr = addr;
  state.regs[0].ctrl = ctrl;
  struct iovec io = {&state, offsetof(struct hw_state, regs) + sizeof state.regs[0]};
  if (ptrace(PTRACE_SETREGSET, pid, type, &io)) perror("SETREGSET");
}

static int slots(pid_t pid, int type) {
  struct hw_state state;
  struct iovec io = {&state, sizeof state};
  ptrace(PTRACE_GETREGSET, pid, type, &io);
  return state.info & 0xff;
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  pid_t pid = fork();
  if (pid == 0) child();
  wait_stop(pid);
  printf("breakpoints %d watchpoints %d\n", slots(pid, NT_ARM_HW_BREAK), slots(pid, NT_ARM_HW_WATCH));

  // To the first instruction of the function by a breakpoint, then through it by single steps.
  set_hw(pid, NT_ARM_HW_BREAK, (uint64_t)stepped, 1 | (0xf << 5) | (2 << 1));
  ptrace(PTRACE_CONT, pid, 0, 0);
  int sig = wait_stop(pid);
  uint64_t addr = fault_address(pid);
  printf("stop %d at %ld pc %ld\n", sig, (long)(addr - (uint64_t)stepped), (long)(pc_of(pid) - (uint64_t)stepped));
  set_hw(pid, NT_ARM_HW_BREAK, (uint64_t)stepped, 0);
  printf("steps");
  for (int n = 0; n < 60 && pc_of(pid) != (uint64_t)stepped_end; n++) {
    ptrace(PTRACE_SINGLESTEP, pid, 0, 0);
    wait_stop(pid);
    printf(" %ld", (long)(pc_of(pid) - (uint64_t)stepped));
  }
  printf("\n");
  ptrace(PTRACE_CONT, pid, 0, 0);
  printf("stopped by itself %d\n", wait_stop(pid) == SIGSTOP);

  // Hit twice; stepping over it with the breakpoint in place goes on.
  set_hw(pid, NT_ARM_HW_BREAK, (uint64_t)stepped_end, 1 | (0xf << 5) | (2 << 1));
  for (int n = 0; n < 2; n++) {
    ptrace(PTRACE_CONT, pid, 0, 0);
    sig = wait_stop(pid);
    printf("hit %d at end %d\n", sig, pc_of(pid) == (uint64_t)stepped_end);
    set_hw(pid, NT_ARM_HW_BREAK, (uint64_t)stepped_end, 0);
    ptrace(PTRACE_SINGLESTEP, pid, 0, 0);
    wait_stop(pid);
    printf("left %d\n", pc_of(pid) != (uint64_t)stepped_end);
    set_hw(pid, NT_ARM_HW_BREAK, (uint64_t)stepped_end, 1 | (0xf << 5) | (2 << 1));
  }
  set_hw(pid, NT_ARM_HW_BREAK, (uint64_t)stepped_end, 0);
  ptrace(PTRACE_CONT, pid, 0, 0);
  printf("stopped by itself %d\n", wait_stop(pid) == SIGSTOP);

  // Stores only, then loads only; watched[2] is another doubleword and stays quiet.
  set_hw(pid, NT_ARM_HW_WATCH, (uint64_t)&watched[1], 1 | (0xff << 5) | (2 << 3) | (2 << 1));
  ptrace(PTRACE_CONT, pid, 0, 0);
  sig = wait_stop(pid);
  addr = fault_address(pid);
  printf("watch %d address %d pc %d value %ld\n", sig, addr == (uint64_t)&watched[1], pc_of(pid) == (uint64_t)store_at,
         ptrace(PTRACE_PEEKDATA, pid, &watched[1], 0));
  set_hw(pid, NT_ARM_HW_WATCH, (uint64_t)&watched[2], 1 | (0xff << 5) | (1 << 3) | (2 << 1));
  ptrace(PTRACE_CONT, pid, 0, 0);
  sig = wait_stop(pid);
  addr = fault_address(pid);
  printf("watch %d address %d pc %d value %ld\n", sig, addr == (uint64_t)&watched[2], pc_of(pid) == (uint64_t)load_at,
         ptrace(PTRACE_PEEKDATA, pid, &watched[1], 0));
  set_hw(pid, NT_ARM_HW_WATCH, (uint64_t)&watched[2], 0);
  ptrace(PTRACE_CONT, pid, 0, 0);
  wait_stop(pid);
  return 0;
}
