/* Interrupts: where they go, what holds them back, what wakes WFI; exclusives across exceptions; timers. */
#include "probe.h"

#define GICD 0x08000000ul
#define GICR 0x080a0000ul
#define SGI_FRAME (GICR + 0x10000)
#define REG32(addr) (*(volatile u32 *)(addr))

static void gic_init(void) {
  REG32(GICD) = 0x37;
  REG32(GICR + 0x14) = 0;
  while (REG32(GICR + 0x14) & 4) {
  }
  REG32(SGI_FRAME + 0x100) = ~0u;
  for (int i = 0; i < 32; i += 4) REG32(SGI_FRAME + 0x400 + i) = 0x40404040;
  WR(s3_6_c12_c12_5, 0xf); /* ICC_SRE_EL3 */
  ISB();
  WR(s3_4_c12_c9_5, 0xf);  /* ICC_SRE_EL2 */
  WR(s3_0_c4_c6_0, 0xff);  /* ICC_PMR_EL1 */
  WR(s3_0_c12_c12_6, 1);   /* ICC_IGRPEN0_EL1 */
  WR(s3_6_c12_c12_7, 3);   /* ICC_IGRPEN1_EL3 */
  ISB();
}
/* Group of all private interrupts: 0, 1 Non-secure (1), 1 Secure (2). */
static void group(int g) {
  REG32(SGI_FRAME + 0x80) = g == 1 ? ~0u : 0;
  REG32(SGI_FRAME + 0xd00) = g == 2 ? ~0u : 0;
}
static void pend(int on) { REG32(SGI_FRAME + (on ? 0x200 : 0x280)) = 1; }

static void routing(void) {
  for (int g = 0; g < 3; g++)
    for (u64 ns = 0; ns < 2; ns++)
      for (u64 route3 = 0; route3 < 4; route3++)
        for (u64 route2 = 0; route2 < 8; route2++)
          for (u32 m = 0; m < 16; m++) {
            if (m != 0 && m != 5 && m != 9 && m != 13) continue;
            if (m == 9 && !ns) continue;
            if (m == 5 && ns && route2 & 4) continue;
            for (u64 masks = 0; masks < 4; masks++) {
              if ((masks == 1 || masks == 2) && (route2 & 3) != (route2 >> 1 & 1) * 3) continue;
              calm();
              scr((ns ? SCR_NS : 0) | SCR_HCE | (route3 & 1 ? SCR_IRQ : 0) | (route3 & 2 ? SCR_FIQ : 0));
              WR(hcr_el2, HCR_RW | (route2 & 1 ? HCR_IMO : 0) | (route2 & 2 ? HCR_FMO : 0) | (route2 & 4 ? HCR_TGE : 0));
              ISB();
              group(g);
              pend(1);
              DSB();
              run_at(S(nop), 0x300 | masks << 6 | m, 0, 0);
              pend(0);
              say("int g%d ns%d scr%d hcr%d m%d %s: ", (u64)g, ns, route3, route2, masks, MODES[m]);
              if ((u32)record.esr == 0xf2000d0e && (record.vector & 0x1ff) == 0) say("pends EL%d\n", record.el);
              else outcome(S(nop));
            }
          }
  /* Unmasking while something is pending, and what ISR_EL1 says. */
  for (int g = 0; g < 3; g++)
    for (u64 ns = 0; ns < 2; ns++)
      for (u32 m = 5; m < 16; m += 4) {
        if (m == 9 && !ns) continue;
        calm();
        scr((ns ? SCR_NS : 0) | SCR_HCE | (m == 13 ? SCR_FIQ : 0));
        WR(hcr_el2, HCR_RW | (m == 9 ? HCR_IMO | HCR_FMO : 0));
        ISB();
        group(g);
        pend(1);
        DSB();
        say("unmask g%d ns%d %s: ", (u64)g, ns, MODES[m]);
        try_at(S(unmask), DAIF | m, 0, 0);
        say("isr g%d ns%d %s: ", (u64)g, ns, MODES[m]);
        try_at(S(isr), DAIF | m, 0, 0);
        say("wfi pending g%d ns%d %s: ", (u64)g, ns, MODES[m]);
        try_at(S(wfi_isr), DAIF | m, 0, 0);
        WR(s3_0_c4_c6_0, 0x20);
        say("pmr g%d ns%d %s: ", (u64)g, ns, MODES[m]);
        try_at(S(isr), DAIF | m, 0, 0);
        WR(s3_0_c4_c6_0, 0xff);
        pend(0);
      }
  /* A pending interrupt keeps a trapped WFI from trapping. */
  calm();
  group(1);
  pend(1);
  WR(hcr_el2, HCR_RW | HCR_TWI);
  say("wfi pending twi: ");
  try_at(S(wfi), DAIF | 5, 0, 0);
  pend(0);
  say("wfi twi: ");
  try_at(S(wfi), DAIF | 5, 0, 0);
  calm();
}

void interrupts(void) {
  gic_init();
  routing();
}

#define ENABLE 1
#define IMASK 2
static u64 pending(void) { return REG32(SGI_FRAME + 0x200) & 0xfc000000; }

/* Waits in WFI, with everything masked, for a timer that is due soon. */
static void wake(const char *name, u64 mode, u64 scr_bits) {
  static const u64 groups[] = {0, 1};
  for (int i = 0; i < 2; i++) {
    group(groups[i]);
    scr(scr_bits);
    say("timer wfi %s g%d %s: ", name, groups[i], MODES[mode]);
    run_at(S(wfi_isr), DAIF | mode, 0, 0);
    say("%s x1=%x\n", (u32)record.esr == 0xf2000d0e ? "woke" : "taken", record.x[1]);
  }
}

#define TIMER(name, ctl, cval, tval, now)                                                   \
  do {                                                                                      \
    WR(ctl, 0);                                                                             \
    say("timer %s off: ctl %x pending %x\n", name, RD(ctl), pending());                     \
    WR(cval, 0);                                                                            \
    WR(ctl, ENABLE);                                                                        \
    ISB();                                                                                  \
    say("timer %s cval 0: ctl %x pending %x\n", name, RD(ctl), pending());                  \
    WR(ctl, ENABLE | IMASK);                                                                \
    ISB();                                                                                  \
    say("timer %s imask: ctl %x pending %x\n", name, RD(ctl), pending());                   \
    WR(ctl, ENABLE);                                                                        \
    WR(cval, ~0ul);                                                                         \
    ISB();                                                                                  \
    say("timer %s cval max: ctl %x pending %x\n", name, RD(ctl), pending());                \
    WR(tval, 0xffffffff);                                                                   \
    ISB();                                                                                  \
    say("timer %s tval -1: ctl %x pending %x behind %d\n", name, RD(ctl), pending(),        \
        (u64)(now - RD(cval) < 100000000));                                                 \
    WR(tval, 0x7fffffff);                                                                   \
    ISB();                                                                                  \
    say("timer %s tval max: ctl %x pending %x ahead %d tval %x\n", name, RD(ctl), pending(), \
        (u64)(RD(cval) - now > 0x70000000 && RD(cval) - now < 0x80000000), RD(tval) >> 28); \
    WR(ctl, ENABLE | 0xfffffffffffffff8);                                                   \
    say("timer %s ctl reserved: ctl %x\n", name, RD(ctl));                                  \
    WR(ctl, 0);                                                                             \
    WR(cval, 0);                                                                            \
    say("timer %s disabled past: ctl %x pending %x tval %x\n", name, RD(ctl), pending(), RD(tval) >> 63); \
    WR(cval, 0x123456789abcdef0);                                                           \
    say("timer %s cval reads %x\n", name, RD(cval));                                        \
    WR(tval, 3000);                                                                         \
    WR(ctl, ENABLE);                                                                        \
    wake(name, 5, SCR_NS | SCR_HCE);                                                        \
    WR(ctl, 0);                                                                             \
  } while (0)

void timers(void) {
  calm();
  gic_init();
  TIMER("cntp", cntp_ctl_el0, cntp_cval_el0, cntp_tval_el0, RD(cntpct_el0));
  TIMER("cntv", cntv_ctl_el0, cntv_cval_el0, cntv_tval_el0, RD(cntvct_el0));
  TIMER("cnthp", cnthp_ctl_el2, cnthp_cval_el2, cnthp_tval_el2, RD(cntpct_el0));
  TIMER("cntps", cntps_ctl_el1, cntps_cval_el1, cntps_tval_el1, RD(cntpct_el0));
  WR(cntvoff_el2, 1ul << 40);
  ISB();
  say("timer cntvoff: %d\n", (u64)(RD(cntpct_el0) - RD(cntvct_el0) == 1ul << 40 || RD(cntvct_el0) >> 40 == 0xffffff));
  WR(cntv_cval_el0, 0);
  WR(cntv_ctl_el0, ENABLE);
  ISB();
  say("timer cntv behind offset: ctl %x\n", RD(cntv_ctl_el0));
  WR(cntvoff_el2, 0);
  WR(cntv_ctl_el0, 0);
}

void exclusives(void) {
  const struct {
    const char *name;
    u64 entry;
  } ways[] = {{"ldxr stxr", S(ldxr_stxr)}, {"ldxr clrex stxr", S(ldxr_clrex)}, {"ldxr str stxr", S(ldxr_store)}};
  extern char vectors_stxr[];
  for (int i = 0; i < 3; i++)
    for (u32 m = 0; m < 16; m++) {
      if (m != 0 && m != 5 && m != 9 && m != 13) continue;
      calm();
      test_page[1] = 1;
      say("%s %s: ", ways[i].name, MODES[m]);
      run_at(ways[i].entry, DAIF | m, (u64)&test_page[1], 77);
      say("status %d memory %d\n", record.x[2], test_page[1]);
    }
  calm();
  say("ldxr eret stxr: ");
  run_at(S(ldxr_eret), DAIF | 0xd, (u64)&test_page[1], 78);
  say("esr %x status %d\n", record.esr, record.x[2]);
  next.x[3] = DAIF | 0xd;
  say("ldxr legal eret stxr: ");
  run_at(S(ldxr_eret), DAIF | 0xd, (u64)&test_page[1], 78);
  say("esr %x status %d\n", record.esr, record.x[2]);
  calm();
  WR(vbar_el1, vectors_stxr);
  ISB();
  say("ldxr svc stxr: ");
  run_at(S(ldxr_svc), DAIF | 0x4, (u64)&test_page[1], 79);
  say("esr %x status %d memory %d\n", record.esr, record.x[2], test_page[1]);
  calm();
}
