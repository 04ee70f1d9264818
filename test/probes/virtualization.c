/* Stage 2, virtual interrupts, the virtual CPU interface of the GIC, and a host at EL2. */
#include "probe.h"

#define RAM 0x40200000ul /* where the program is */
#define GIB 0x40000000ul
#define AF (1ul << 10)
#define S2AP(n) ((u64)(n) << 6)
#define MEM(n) ((u64)(n) << 2)
#define XN (1ul << 54)
#define VM 1ul
#define E2H (1ul << 34)
#define VSE 0x100
#define GOOD (AF | S2AP(3) | MEM(15))

static u64 l1[512] __attribute__((aligned(4096)));
static u64 l2[512] __attribute__((aligned(4096)));
static u64 l3[512] __attribute__((aligned(4096)));
static u64 l2_tested[512] __attribute__((aligned(4096)));
static u64 l3_tested[512] __attribute__((aligned(4096)));
static u64 stage1[512] __attribute__((aligned(4096)));

static const u32 MODE_OF[3] = {0x0, 0x5, 0x9};

static void flush(void) {
  DSB();
  __asm__ volatile("tlbi alle1\n\ttlbi alle2");
  DSB();
  ISB();
}
static void tables(void) {
  for (u64 i = 0; i < 512; i++) {
    l3[i] = (RAM + i * 4096) | GOOD | 3;
    l1[i] = l2[i] = l2_tested[i] = l3_tested[i] = 0;
  }
  l1[1] = (u64)l2 | 3;
  l1[3] = (u64)l2_tested | 3;
  l2[1] = (u64)l3 | 3;
  l2_tested[1] = (u64)l3_tested | 3;
  test_page[0] = 0xd421a1c0d421a1c0; /* brk #0xd0e, twice */
}
/* Puts a descriptor under test at a level; gives the IPA that it translates. */
static u64 place(u32 level, u64 descriptor) {
  l1[2] = level == 1 ? descriptor : 0;
  l2_tested[0] = level == 2 ? descriptor : 0;
  l3_tested[0] = level == 3 ? descriptor : 0;
  const u64 page = (u64)test_page;
  return level == 1 ? 0x80000000 + (page - GIB) : level == 2 ? 0xc0000000 + (page - RAM) : 0xc0200000;
}
static void guest(u64 hcr) {
  calm();
  WR(vtcr_el2, 0x80000000ul | 25 | 1 << 6 | 2 << 16);
  WR(vttbr_el2, l1);
  WR(hcr_el2, HCR_RW | hcr);
  WR(hpfar_el2, 0);
  flush();
}
static void show(u64 entry) {
  if ((u32)record.esr == 0xf2000d0e) say("done EL%d x1=%x\n", record.el, record.x[1]);
  else {
    say("EL%d.%x esr=%x far=%x ", record.el, record.vector, record.esr, record.far);
    /* HPFAR_EL2 is UNKNOWN after a Permission fault that is not of a walk. */
    if (record.el == 2 && ((record.esr & 0x3c) != 0xc || record.esr & 0x80)) say("hpfar=%x ", RD(hpfar_el2));
    if (record.elr - entry < 64) say("elr=+%d\n", record.elr - entry);
    else say("elr=%x\n", record.elr);
  }
}

static void faults(void) {
  /* With stage 1 off the memory is Device, so nothing that Device memory refuses for other reasons. */
  static const char *const names[] = {"ldr", "str", "ldrb", "ldp", "stp", "ldxr", "ldar", "stlr", "br"};
  for (u32 level = 1; level < 4; level++) {
    const u64 base = level == 3 ? (u64)test_page | 3 : level == 2 ? RAM | 1 : GIB | 1;
    const struct {
      const char *name;
      u64 descriptor;
    } kinds[] = {{"invalid", (base | GOOD) & ~1ul},
                 {"good", base | GOOD},
                 {"no access flag", (base | GOOD) & ~AF},
                 {"read only", (base | GOOD) & ~S2AP(2)},
                 {"write only", (base | GOOD) & ~S2AP(1)},
                 {"no access", (base | GOOD) & ~S2AP(3)},
                 {"not executable", base | GOOD | XN},
                 {"too far", base | GOOD | 1ul << 41},
                 {"table too far", (level < 3 ? base | 3 : base) | 1ul << 41}};
    const u64 entries[] = {S(ldr), S(str), S(ldrb), S(ldp), S(stp), S(ldxr), S(ldar), S(stlr), S(br)};
    for (u32 k = 0; k < 9; k++)
      for (u32 el = 0; el < 2; el++)
        for (u32 i = 0; i < 9; i++) {
          /* Whether what may not be read may be executed: elsewhere. */
          if ((k == 4 || k == 5) && i == 8) continue;
          const u64 va = place(level, kinds[k].descriptor);
          guest(VM);
          say("stage2 L%d %s %s EL%d: ", (u64)level, kinds[k].name, names[i], (u64)el);
          run_at(entries[i], DAIF | MODE_OF[el], va + (i == 8 ? 0 : 0x40), 0);
          show(entries[i]);
        }
  }
}

/* Address translation, by EL2 for its guest; the attributes are elsewhere. */
static void at(void) {
  static const char *const names[] = {"s1e1r", "s12e1r", "s12e1w", "s12e0w"};
  const u64 entries[] = {S(at_s1e1r), S(at_s12e1r), S(at_s12e1w), S(at_s12e0w)};
  for (u64 ap = 0; ap < 4; ap++)
    for (u32 i = 0; i < 4; i++) {
      const u64 va = place(3, (u64)test_page | 3 | AF | MEM(15) | S2AP(ap));
      guest(VM);
      say("at ap%d %s: ", ap, names[i]);
      run_at(entries[i], DAIF | 9, va, 0);
      say("par=%x\n", record.x[1] & 1 ? record.x[1] & 0xfff : record.x[1] & 0xfffffffff001);
    }
}

/* A walk of stage 1 through stage 2. */
static void walks(void) {
  for (u64 i = 0; i < 512; i++) stage1[i] = 0;
  for (u64 kind = 0; kind < 5; kind++)
    for (u64 ptw = 0; ptw < 2; ptw++) {
      const u64 rights[] = {GOOD, GOOD & ~S2AP(1), GOOD & ~AF, AF | S2AP(3) | MEM(0), GOOD & ~S2AP(2)};
      const u64 ipa = place(3, (u64)stage1 | 3 | rights[kind]);
      stage1[1] = GIB | 1 | AF | 0x300;
      stage1[0] = 0;
      guest(VM | ptw << 2);
      WR(mair_el1, 0xff);
      WR(tcr_el1, 25 | 2ul << 32 | 1 << 23);
      WR(ttbr0_el1, ipa);
      flush();
      WR(sctlr_el1, 0x30d00801);
      ISB();
      say("walk kind%d ptw%d: ", kind, ptw);
      run_at(S(ldr), DAIF | 5, (u64)test_page, 0);
      show(S(ldr));
      say("walk kind%d ptw%d unmapped: ", kind, ptw);
      run_at(S(ldr), DAIF | 5, 0, 0);
      show(S(ldr));
    }
}

/* HCR_EL2.VF, VI and VSE. */
static void virtual_interrupts(void) {
  for (u64 route = 0; route < 8; route++)
    for (u64 pending = 0; pending < 8; pending++)
      for (u32 el = 0; el < 3; el++) {
        /* Several at once: which comes first is IMPLEMENTATION DEFINED. */
        const u64 due = route & pending;
        const u64 hcr = HCR_RW | route << 3 | pending << 6;
        if (el) {
          calm();
          WR(hcr_el2, hcr);
          ISB();
          say("virtual %x %x isr %s: ", route, pending, MODES[MODE_OF[el]]);
          try_at(S(isr), DAIF | MODE_OF[el], 0, 0);
        }
        if (due & (due - 1)) continue;
        calm();
        WR(hcr_el2, hcr);
        ISB();
        say("virtual %x %x open %s: ", route, pending, MODES[MODE_OF[el]]);
        if (el) try_at(S(unmask), DAIF | MODE_OF[el], 0, 0);
        else try_at(S(nop), 0, 0, 0);
      }
}

#define LR(n, v) WR(s3_4_c12_c12_##n, v)
#define STATE(what)                                                                                       \
  say("%s: lr %x %x hcr %x vmcr %x misr %x eisr %x elrsr %x ap %x %x\n", what, RD(s3_4_c12_c12_0), \
      RD(s3_4_c12_c12_1), RD(s3_4_c12_c11_0), RD(s3_4_c12_c11_7), RD(s3_4_c12_c11_2), RD(s3_4_c12_c11_3),          \
      RD(s3_4_c12_c11_5), RD(s3_4_c12_c8_0), RD(s3_4_c12_c9_0))

static void fresh(u64 hcr, u64 vmcr) {
  calm();
  WR(s3_4_c12_c11_0, 0);
  LR(0, 0);
  LR(1, 0);
  LR(2, 0);
  LR(3, 0);
  WR(s3_4_c12_c8_0, 0);
  WR(s3_4_c12_c9_0, 0);
  WR(s3_4_c12_c11_7, vmcr);
  WR(s3_4_c12_c11_0, hcr);
  WR(hcr_el2, HCR_RW | HCR_IMO | HCR_FMO);
  ISB();
}
static void list_registers(void) {
  const u64 open = 0xf84c000a;
  const u64 states[] = {0, 1ul << 62, 2ul << 62, 3ul << 62};
  say("vtr %x\n", RD(s3_4_c12_c11_1));
  for (u64 s = 0; s < 4; s++)
    for (u64 group = 0; group < 2; group++)
      for (u64 hw = 0; hw < 3; hw++)
        for (u64 pmr = 0; pmr < 2; pmr++) {
          fresh(1, (pmr ? 0xa0000000 : 0xf8000000) | 0x4c000b);
          LR(0, states[s] | group << 60 | (hw == 1 ? 1ul << 61 | 200ul << 32 : hw == 2 ? 1ul << 41 : 0) | 0xa0ul << 48 | 40);
          ISB();
          say("lr s%d g%d hw%d pmr%d ", s, group, hw, pmr);
          STATE("before");
          say("lr s%d g%d hw%d pmr%d read: ", s, group, hw, pmr);
          try_at(S(icv_read), DAIF | 5, 0, 0);
          say("lr s%d g%d hw%d pmr%d ack: ", s, group, hw, pmr);
          try_at(S(icv_ack), DAIF | 5, 0, 0);
          STATE("acked");
          say("lr s%d g%d hw%d pmr%d eoi: ", s, group, hw, pmr);
          try_at(S(icv_eoi), DAIF | 5, 40, 0);
          STATE("ended");
        }
  /* Preemption, split end of interrupt, EOIcount. */
  for (u64 split = 0; split < 2; split++) {
    fresh(1, open | split << 9);
    LR(0, 1ul << 62 | 1ul << 60 | 0xa0ul << 48 | 40);
    try_at(S(icv_ack), DAIF | 5, 0, 0);
    LR(1, 1ul << 62 | 1ul << 60 | 0x40ul << 48 | 41);
    say("preempt: ");
    try_at(S(icv_ack), DAIF | 5, 0, 0);
    STATE("nested");
    say("foreign eoi: ");
    try_at(S(icv_eoi), DAIF | 5, 55, 0);
    STATE("foreign");
    try_at(S(icv_eoi), DAIF | 5, 40, 0);
    STATE("ended");
    try_at(S(icv_dir), DAIF | 5, 41, 0);
    try_at(S(icv_dir), DAIF | 5, 77, 0);
    STATE("deactivated");
  }
  /* The guest's registers and ICH_VMCR_EL2. */
  for (u64 i = 0; i < 8; i++) {
    fresh(1, open);
    try_at(S(icv_write), DAIF | 5, 0xff - i * 32, i);
    STATE("vmcr");
    try_at(S(icv_more), DAIF | 5, 0, 0);
  }
  /* Traps and causes of maintenance. */
  for (u64 bit = 0; bit < 15; bit++) {
    if (bit == 13) continue;
    fresh(1 | 1ul << bit, open);
    STATE("cause");
    try_at(S(icv_read), DAIF | 5, 0, 0);
    try_at(S(icv_eoi), DAIF | 5, 40, 0);
    try_at(S(icv_dir), DAIF | 5, 40, 0);
  }
  fresh(0, 0);
}

void virtualization(void) {
  tables();
  faults();
  at();
  walks();
  virtual_interrupts();
  list_registers();
}

/* XN[1:0] of stage 2, for EL0 and EL1 apart: FEAT_XNX. */
static void execute_never(void) {
  tables();
  for (u32 level = 1; level < 4; level++)
    for (u64 xn = 0; xn < 4; xn++)
      for (u32 el = 0; el < 2; el++) {
        const u64 base = level == 3 ? (u64)test_page | 3 : level == 2 ? RAM | 1 : GIB | 1;
        const u64 va = place(level, base | GOOD | xn << 53);
        guest(VM);
        say("xn%d L%d EL%d: ", xn, (u64)level, (u64)el);
        run_at(S(br), DAIF | MODE_OF[el], va, 0);
        show(S(br));
      }
}

/* HCR_EL2.{E2H, TGE}: what EL2's names reach, and where exceptions of EL0 go. */
void host(void) {
  execute_never();
  for (u64 mode = 0; mode < 4; mode++) {
    const u64 hcr = HCR_RW | (mode & 1 ? E2H : 0) | (mode & 2 ? HCR_TGE : 0);
    for (u32 el = 0; el < 3; el++) {
      if (el == 1 && mode & 2) continue;
      const u64 entries[] = {S(svc), S(hvc), S(udf), S(wfi), S(fmov), S(host_regs), S(isr), S(nop)};
      for (u32 i = 0; i < 8; i++)
        for (u64 fpen = 0; fpen < 4; fpen++) {
          if (fpen && i != 4) continue;
          if (i == 5 && el == 0) continue;
          if (i == 3 && el) continue;
          calm();
          WR(sctlr_el1, 0x30500990);
          WR(hcr_el2, hcr);
          ISB();
          WR(cptr_el2, mode & 1 ? fpen << 20 : 0x33ff);
          WR(cpacr_el1, fpen << 20);
          WR(tcr_el1, 0x1234);
          WR(tcr_el2, 0x80805638);
          WR(cntkctl_el1, 0x3);
          WR(cnthctl_el2, mode & 1 ? 0x101 : 1);
          WR(sctlr_el2, i == 3 ? 0x30c40830 : 0x30c50830); /* nTWI */
          ISB();
          say("host %d EL%d #%d fpen%d: ", mode, (u64)el, (u64)i, fpen);
          run_at(entries[i], DAIF | MODE_OF[el], 0, 0);
          if (i == 5) say("x0=%x x1=%x x2=%x\n", record.x[0] & 0xfff, record.x[1] & 0xffff, record.x[2]);
          else show(entries[i]);
        }
    }
  }
  calm();
}
