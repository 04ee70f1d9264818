/* Output, the calm state, and the order of the groups. */
#include "probe.h"
#include <stdarg.h>

#define UART 0x09000000ul
#define REG32(addr) (*(volatile u32 *)(addr))

struct run next;
u64 test_page[512] __attribute__((aligned(4096)));

static void put(char c) {
  while (REG32(UART + 0x18) & 0x20) {
  }
  REG32(UART) = (u32)c;
}
static void number(u64 v, u32 base) {
  char text[20];
  int n = 0;
  do {
    text[n++] = "0123456789abcdef"[base == 16 ? v & 15 : v % 10];
    v = base == 16 ? v >> 4 : v / 10;
  } while (v);
  while (n) put(text[--n]);
}
void say(const char *format, ...) {
  va_list args;
  va_start(args, format);
  for (; *format; format++) {
    if (*format != '%') put(*format);
    else if (*++format == 's') for (const char *s = va_arg(args, const char *); *s; s++) put(*s);
    else number(va_arg(args, u64), *format == 'x' ? 16 : 10);
  }
  va_end(args);
}

void scr(u64 bits) {
  WR(scr_el3, SCR_RW | bits);
  ISB();
}
void calm(void) {
  extern char vectors_el1[], vectors_el2[], vectors_el3[];
  scr(SCR_NS | SCR_HCE);
  WR(hcr_el2, HCR_RW);
  WR(sctlr_el1, 0x30d00800);
  WR(sctlr_el2, 0x30c50830);
  WR(sctlr_el3, 0x30c50830);
  WR(cpacr_el1, 3 << 20);
  WR(cptr_el2, 0x33ff);
  WR(cptr_el3, 0);
  WR(mdcr_el2, 6);
  WR(mdcr_el3, 0);
  WR(cnthctl_el2, 3);
  WR(cntkctl_el1, 0);
  WR(hstr_el2, 0);
  WR(vbar_el1, vectors_el1);
  WR(vbar_el2, vectors_el2);
  WR(vbar_el3, vectors_el3);
  WR(vttbr_el2, 0);
  WR(vpidr_el2, RD(midr_el1));
  WR(vmpidr_el2, RD(mpidr_el1));
  ISB();
  record.by_trap = 0;
  next.sp_el0 = next.sp_el1 = next.sp_el2 = (u64)test_page + 0x800;
  next.sp_el3 = 0;
  next.x[2] = next.x[3] = 0;
}

void run_at(u64 entry, u64 spsr, u64 x0, u64 x1) {
  WR(esr_el1, 0x1e57);
  WR(esr_el2, 0x1e57);
  WR(esr_el3, 0x1e57);
  WR(far_el1, 0xfa0);
  WR(far_el2, 0xfa0);
  WR(far_el3, 0xfa0);
  next.entry = entry;
  next.spsr = spsr;
  next.x[0] = x0;
  next.x[1] = x1;
  go(&next);
}
void outcome(u64 entry) {
  const struct record *r = &record;
  if ((u32)r->esr == 0xf2000d0e && (r->vector & 0x1ff) == 0) {
    say("done EL%d.%x", r->el, r->vector);
    if (r->elr - entry >= 64) say(" elr=%x", r->elr);
    say(" spsr=%x x0=%x x1=%x x2=%x\n", r->spsr, r->x[0], r->x[1], r->x[2]);
    return;
  }
  say("EL%d.%x esr=%x far=%x ", r->el, r->vector, r->esr, r->far);
  if (r->elr - entry < 64) say("elr=+%d", r->elr - entry);
  else say("elr=%x", r->elr);
  say(" spsr=%x daif=%x\n", r->spsr, r->daif);
}
void try_at(u64 entry, u64 spsr, u64 x0, u64 x1) {
  run_at(entry, spsr, x0, x1);
  outcome(entry);
}

int main(void) {
  REG32(UART + 0x2c) = 0x70; /* eight bits, FIFOs on */
  REG32(UART + 0x30) = 0x301;
  calm();
#ifdef WITH_PAN
  say("pan\n");
  pan();
#elif defined WITH_EL2
  virtualization();
#elif defined WITH_VHE
  host();
#else
  calls();
  alignment();
  fp_traps();
  sysregs();
  returns();
  interrupts();
  exclusives();
  translation();
  timers();
#endif
  say("END\n");
  return 0;
}
