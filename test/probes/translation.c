/* Stage 1 translation: every kind of fault at every level, permissions, ranges, and AT. */
#include "probe.h"

static u64 l0[512] __attribute__((aligned(4096)));
static u64 l1[512] __attribute__((aligned(4096)));
static u64 l2[512] __attribute__((aligned(4096)));
static u64 l3[512] __attribute__((aligned(4096)));
static u64 l2_tested[512] __attribute__((aligned(4096)));
static u64 l3_tested[512] __attribute__((aligned(4096)));

#define TABLE 3ul
#define PAGE 3ul
#define BLOCK 1ul
#define AF (1ul << 10)
#define AP(n) ((u64)(n) << 6)
#define UXN (1ul << 54)
#define PXN (1ul << 53)
#define ISH (3ul << 8)
#define ATTR(n) ((u64)(n) << 2)
#define GIB 0x40000000ul
#define RAM 0x40200000ul /* where the program is */

static u64 sctlr_bits;
static u64 tcr_extra;
static u64 t0sz = 25;
static u64 ips = 2;

static void tables(void) {
  extern char text_end[];
  for (u64 i = 0; i < 512; i++) {
    const u64 pa = RAM + i * 4096;
    l3[i] = pa | AF | ISH | PAGE | (pa < (u64)text_end ? AP(3) : AP(0) | UXN | PXN);
    l0[i] = l1[i] = l2[i] = l2_tested[i] = l3_tested[i] = 0;
  }
  l0[0] = (u64)l1 | TABLE;
  l1[0] = BLOCK | AF | ATTR(1) | UXN | PXN;
  l1[1] = (u64)l2 | TABLE;
  l1[3] = (u64)l2_tested | TABLE;
  l2[1] = (u64)l3 | TABLE;
  l2_tested[1] = (u64)l3_tested | TABLE;
  test_page[0] = 0xd421a1c0d421a1c0; /* brk #0xd0e, twice */
}
static u64 base(void) { return (u64)(t0sz < 25 ? l0 : l1); }
static void flush(void) {
  DSB();
  __asm__ volatile("tlbi alle1\n\ttlbi alle2\n\ttlbi alle3");
  DSB();
  ISB();
}
/* Turns stage 1 on for the regime of an Exception level. */
static void on(u32 el) {
  WR(mair_el1, 0x000000bb004404ff);
  WR(mair_el2, 0x000000bb004404ff);
  WR(mair_el3, 0x000000bb004404ff);
  WR(ttbr0_el1, base());
  WR(ttbr1_el1, base());
  WR(ttbr0_el2, base());
  WR(ttbr0_el3, base());
  WR(tcr_el1, t0sz | t0sz << 16 | 2ul << 30 | ips << 32 | tcr_extra);
  WR(tcr_el2, 0x80800000 | t0sz | ips << 16);
  WR(tcr_el3, 0x80800000 | t0sz | ips << 16);
  flush();
  if (el <= 1) WR(sctlr_el1, 0x30d00801 | sctlr_bits);
  if (el == 2) WR(sctlr_el2, 0x30c50831 | sctlr_bits);
  if (el == 3) WR(sctlr_el3, 0x30c50831 | sctlr_bits);
  ISB();
}
static void off(void) {
  WR(sctlr_el3, 0x30c50830);
  ISB();
}
static void one(u64 entry, u32 mode, u64 x0, u64 x1) {
  calm();
  on(mode >> 2);
  run_at(entry, DAIF | mode, x0, x1);
  off();
}
static void show(u64 entry) {
  if ((u32)record.esr == 0xf2000d0e) say("done EL%d\n", record.el);
  else {
    say("EL%d.%x esr=%x far=%x ", record.el, record.vector, record.esr, record.far);
    if (record.elr - entry < 64) say("elr=+%d\n", record.elr - entry);
    else say("elr=%x\n", record.elr);
  }
}
static const u32 MODE_OF[4] = {0x0, 0x5, 0x9, 0xd};

/* Puts a descriptor under test at a level; gives the address that it translates. */
static u64 place(u32 level, u64 descriptor) {
  const u64 page = (u64)test_page;
  l1[2] = level == 1 ? descriptor : 0;
  l2_tested[0] = level == 2 ? descriptor : 0;
  l3_tested[0] = level == 3 ? descriptor : 0;
  l0[1] = level == 0 ? descriptor : 0;
  if (level == 0) return (1ul << 39) + (page - GIB);
  return level == 1 ? 0x80000000 + (page - GIB) : level == 2 ? 0xc0000000 + (page - RAM) : 0xc0200000;
}
static u64 leaf(u32 level) { return level == 3 ? (u64)test_page | PAGE : (level == 2 ? RAM : GIB) | BLOCK; }

static const char *where = "";

static void accesses(const char *name, u64 va) {
  for (u32 el = 0; el < 4; el++) {
    say("mmu %s%s ldr EL%d: ", where, name, (u64)el);
    one(S(ldr), MODE_OF[el], va, 0);
    show(S(ldr));
    say("mmu %s%s str EL%d: ", where, name, (u64)el);
    one(S(str), MODE_OF[el], va + 8, 0);
    show(S(str));
    say("mmu %s%s br EL%d: ", where, name, (u64)el);
    one(S(br), MODE_OF[el], va, 0);
    show(S(br));
  }
}

static void faults(void) {
  static const char *const LEVEL[] = {"L0 ", "L1 ", "L2 ", "L3 "};
  for (t0sz = 16; t0sz <= 25; t0sz += 9)
    for (u32 level = t0sz == 16 ? 0 : 1; level < 4; level++) {
      const u64 good = leaf(level) | AF | ISH | AP(1);
      const struct {
        const char *name;
        u64 descriptor;
      } kinds[] = {{"invalid", good & ~1ul},
                   {"zero", 0},
                   {"reserved", (good & ~3ul) | BLOCK},
                   {"good", good},
                   {"user rw kernel x", good | UXN},
                   {"no access flag", good & ~AF},
                   {"read only", good | AP(2)},
                   {"output 2^41", good | 1ul << 41},
                   {"output 2^47", good | 1ul << 47},
                   {"contiguous", good | 1ul << 52},
                   {"table invalid", (u64)l3_tested | 2},
                   {"table 2^41", (u64)l3_tested | 1ul << 41 | TABLE},
                   {"table in a hole", 0x09060000 | TABLE},
                   {"device", good | ATTR(3)},
                   {"no access flag and 2^41", (good & ~AF) | 1ul << 41},
                   {"no access flag read only", (good & ~AF) | AP(2)}};
      for (u32 k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        if (level == 0 && k > 1 && k != 2 && k < 10) continue;
        if (level == 3 && k > 10 && k < 13) continue;
        if (t0sz == 16 && level != 0 && k > 6) continue;
        where = LEVEL[level];
        accesses(kinds[k].name, place(level, kinds[k].descriptor));
      }
    }
  t0sz = 25;
  where = "";
}

static void permissions(void) {
  static const char *const names[] = {"ldr", "str", "br", "ldtr", "sttr", "ldxr", "stxr", "dczva", "dccvac", "dcivac", "prfm"};
  const u64 entries[] = {S(ldr),  S(str),   S(br),    S(ldtr),   S(sttr), S(ldxr),
                         S(stxr), S(dczva), S(dccvac), S(dcivac), S(prfm)};
  for (u64 wxn = 0; wxn < 2; wxn++)
    for (u64 ap = 0; ap < 4; ap++)
      for (u64 xn = 0; xn < 4; xn++) {
        const u64 va = place(3, leaf(3) | AF | ISH | AP(ap) | (xn & 1 ? UXN : 0) | (xn & 2 ? PXN : 0));
        for (u32 el = 0; el < 4; el++)
          for (u32 i = 0; i < 11; i++) {
            if (i > 2 && (wxn || xn)) continue;
            sctlr_bits = wxn << 19 | 1 << 26 | 1 << 14;
            say("perm wxn%d ap%d xn%d %s EL%d: ", wxn, ap, xn, names[i], (u64)el);
            one(entries[i], MODE_OF[el], va + (i == 2 ? 0 : 0x48), (u64)&test_page[20]);
            show(entries[i]);
          }
      }
  sctlr_bits = 0;
  for (u64 table = 0; table < 16; table++)
    for (u64 ap = 0; ap < 4; ap++) {
      const u64 va = place(3, leaf(3) | AF | ISH | AP(ap));
      l2_tested[1] = (u64)l3_tested | TABLE | table << 59;
      for (u32 el = 0; el < 4; el++)
        for (u32 i = 0; i < 3; i++) {
          say("perm table%x ap%d %s EL%d: ", table, ap, names[i], (u64)el);
          one(entries[i], MODE_OF[el], va + (i == 2 ? 0 : 8), 0);
          show(entries[i]);
        }
    }
  /* Bits of the first table count too. */
  l2_tested[1] = (u64)l3_tested | TABLE;
  l1[3] = (u64)l2_tested | TABLE | 1ul << 62;
  accesses("read only by L1", place(3, leaf(3) | AF | AP(1)));
  l1[3] = (u64)l2_tested | TABLE;
}

static void ranges(void) {
  const u64 va = place(3, leaf(3) | AF | ISH | AP(1));
  const u64 low[] = {va, va | 1ul << 38, va | 1ul << 39, va | 1ul << 48, va | 1ul << 55, va | 0x5aul << 56, va | 0xfful << 56};
  const u64 high = 0xffffff8000000000;
  for (u64 tbi = 0; tbi < 4; tbi++)
    for (u64 epd = 0; epd < 4; epd++) {
      if (epd & 1 && tbi) continue;
      tcr_extra = tbi << 37 | (epd & 2) << 22;
      for (u32 i = 0; i < 7; i++)
        for (u32 part = 0; part < 2; part++) {
          const u64 at = part ? (low[i] ^ high) : low[i];
          for (u32 w = 0; w < 2; w++) {
            say("range tbi%d epd%d %x %s: ", tbi, epd, at, w ? "br" : "ldr");
            one(w ? S(br) : S(ldr), 5, at, 0);
            show(S(ldr));
          }
        }
    }
  tcr_extra = 0;
  /* An access over the border of two pages, of which one is not there. */
  l3_tested[1] = 0;
  for (u32 el = 0; el < 4; el++) {
    static const char *const names[] = {"ldr", "str", "ldp", "stp"};
    const u64 entries[] = {S(ldr), S(str), S(ldp), S(stp)};
    for (u32 i = 0; i < 4; i++) {
      say("cross %s EL%d: ", names[i], (u64)el);
      one(entries[i], MODE_OF[el], va + 0xffc, 0);
      show(entries[i]);
      say("cross before %s EL%d: ", names[i], (u64)el);
      one(entries[i], MODE_OF[el], va - 4, 0);
      show(entries[i]);
    }
  }
  /* HCR_EL2.TGE: stage 1 of EL1 and EL0 is off whatever SCTLR_EL1.M says. */
  calm();
  on(1);
  WR(hcr_el2, HCR_RW | HCR_TGE);
  flush();
  say("tge ldr EL0: ");
  run_at(S(ldr), DAIF, va, 0);
  show(S(ldr));
  say("tge ldr flat EL0: ");
  run_at(S(ldr), DAIF, (u64)test_page, 0);
  show(S(ldr));
  calm();
}

static void address_translation(void) {
  static const char *const names[] = {"s1e1r", "s1e1w", "s1e0r", "s1e0w", "s1e2r", "s1e2w", "s1e3r", "s1e3w", "s12e1r", "s12e0w"};
  const u64 entries[] = {S(at_s1e1r), S(at_s1e1w), S(at_s1e0r), S(at_s1e0w),  S(at_s1e2r),
                         S(at_s1e2w), S(at_s1e3r), S(at_s1e3w), S(at_s12e1r), S(at_s12e0w)};
  const u64 good = leaf(3) | AF | AP(1);
  const u64 kinds[] = {good,          good | ISH,       good | 2ul << 8, good & ~AF,           good | AP(2),
                       good & ~AP(1), good | ATTR(1),   good | ATTR(2),  good | ATTR(3) | ISH, good | ATTR(4),
                       good & ~1ul,   good | 1ul << 41, good | UXN | PXN};
  for (u32 k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    const u64 va = place(3, kinds[k]);
    for (u32 i = 0; i < 10; i++)
      for (u32 el = 1; el < 4; el++) {
        calm();
        on(1);
        on(2);
        WR(sctlr_el3, 0x30c50831);
        ISB();
        run_at(entries[i], DAIF | MODE_OF[el], va, 0);
        off();
        say("at kind%d %s EL%d: ", (u64)k, names[i], (u64)el);
        /* PAR_EL1.NS of a Non-secure translation is UNKNOWN. */
        if ((u32)record.esr == 0xf2000d0e) say("par=%x\n", record.x[1] & ~0x200ul);
        else show(entries[i]);
      }
  }
  l2_tested[1] = 0x09060000 | TABLE;
  say("at walk in a hole: ");
  calm();
  on(1);
  run_at(S(at_s1e1r), DAIF | 5, 0xc0200000, 0);
  outcome(S(at_s1e1r));
  l2_tested[1] = (u64)l3_tested | TABLE;
  calm();
  say("at off: ");
  try_at(S(at_s1e1r), DAIF | 5, 0x40200123, 0);
  say("at off far: ");
  try_at(S(at_s1e1r), DAIF | 5, 1ul << 44, 0);
}

void translation(void) {
  tables();
  faults();
  permissions();
  ranges();
  address_translation();
  calm();
}

/* PSTATE.PAN and UAO, on a processor that has them. */
void pan(void) {
  tables();
  for (u64 span = 0; span < 2; span++)
    for (u32 el = 0; el < 2; el++) {
      calm();
      WR(sctlr_el1, 0x30500800 | span << 23);
      ISB();
      say("pan span%d entry from EL%d: ", span, (u64)el);
      extern char vectors_pan[];
      WR(vbar_el1, vectors_pan);
      ISB();
      run_at(S(svc), DAIF | MODE_OF[el], 0, 0);
      say("pan=%x spsr=%x\n", record.x[1], record.spsr & ~0x1000ul);
    }
  static const char *const names[] = {"set ldr", "clr ldr", "ldr", "str", "ldtr", "sttr", "uao ldtr", "dczva", "dccvac",
                                      "s1e1r",   "s1e1rp",  "s1e1wp", "ldxr", "br"};
  const u64 entries[] = {S(pan_set_ldr),  S(pan_clr_ldr), S(ldr),         S(str),          S(ldtr),
                         S(sttr),         S(uao_set_ldtr), S(dczva),       S(dccvac),       S(at_s1e1r),
                         S(at_s1e1rp),    S(at_s1e1wp),    S(ldxr),        S(br)};
  for (u64 on_entry = 0; on_entry < 2; on_entry++)
    for (u64 uao = 0; uao < 2; uao++)
      for (u64 ap = 0; ap < 4; ap++) {
        const u64 va = place(3, leaf(3) | AF | ISH | AP(ap));
        for (u32 el = 0; el < 2; el++)
          for (u32 i = 0; i < 14; i++) {
            if (el == 0 && (i == 0 || i == 1 || i == 6)) continue;
            calm();
            sctlr_bits = 1 << 26 | 1 << 14;
            on(1);
            run_at(entries[i], DAIF | MODE_OF[el] | on_entry << 22 | uao << 23, va + (i == 13 ? 0 : 0x40), 0);
            say("pan%d uao%d ap%d %s EL%d: ", on_entry, uao, ap, names[i], (u64)el);
            if ((u32)record.esr == 0xf2000d0e) say("x1=%x ", i > 8 && i < 12 ? record.x[1] & ~0x200ul : 0);
            show(entries[i]);
          }
      }
  for (u64 m = 0; m < 4; m++) {
    calm();
    say("pan mrs EL%d: ", m);
    run_at(S(pan_read), DAIF | MODE_OF[m] | 1 << 22, 0, 0);
    if ((u32)record.esr == 0xf2000d0e) say("x1=%x\n", record.x[1]);
    else show(S(pan_read));
  }
}
