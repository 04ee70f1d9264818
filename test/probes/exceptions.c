/* Synchronous exceptions: calls, alignment, FP traps, System register traps, exception returns. */
#include "probe.h"

static const u32 ALL_MODES[] = {0x0, 0x4, 0x5, 0x8, 0x9, 0xc, 0xd};
#define EACH_MODE(m) for (u32 i_ = 0, m; i_ < 7 && (m = ALL_MODES[i_], 1); i_++)
static int el_of(u32 mode) { return mode >> 2; }

static void calls_in(const char *when, u64 scr_bits, u64 hcr, int modes_below, int by_trap) {
  static const struct {
    const char *name;
    int n;
  } names[] = {{"svc", 0}, {"hvc", 1}, {"smc", 2}, {"brk", 3}, {"udf", 4}, {"eret", 5}};
  const u64 entries[] = {S(svc), S(hvc), S(smc), S(brk), S(udf), S(eret)};
  EACH_MODE(m) {
    if (el_of(m) > modes_below) continue;
    if (el_of(m) == 2 && !(scr_bits & SCR_NS)) continue;
    if (el_of(m) == 1 && (hcr & HCR_TGE)) continue;
    for (int i = 0; i < 6; i++) {
      if (i == 5 && el_of(m) != 0) continue;
      calm();
      scr(scr_bits);
      WR(hcr_el2, HCR_RW | hcr);
      if (by_trap) {
        record.by_trap = 1;
        WR(cptr_el3, 1ul << 31);
      }
      ISB();
      say("call %s %s %s: ", when, names[i].name, MODES[m]);
      try_at(entries[i], DAIF | m, 1, 2);
    }
  }
}
void calls(void) {
  calls_in("ns", SCR_NS | SCR_HCE, 0, 3, 0);
  calls_in("s", SCR_HCE, 0, 3, 0);
  calls_in("ns hce0", SCR_NS, 0, 3, 0);
  calls_in("ns smd", SCR_NS | SCR_HCE | SCR_SMD, 0, 3, 1);
  calls_in("s smd", SCR_SMD, 0, 3, 1);
  calls_in("ns tsc", SCR_NS | SCR_HCE, HCR_TSC, 2, 0);
  calls_in("s tsc", SCR_HCE, HCR_TSC, 1, 0);
  calls_in("ns tsc smd", SCR_NS | SCR_HCE | SCR_SMD, HCR_TSC, 2, 1);
  calls_in("ns tge", SCR_NS | SCR_HCE, HCR_TGE, 2, 0);
  calls_in("s tge", SCR_HCE, HCR_TGE, 0, 0);
  for (int tde = 0; tde < 2; tde++) EACH_MODE(m) {
      calm();
      WR(mdcr_el2, 6 | tde << 8);
      ISB();
      say("brk tde%d %s: ", (u64)tde, MODES[m]);
      try_at(S(brk), DAIF | m, 0, 0);
    }
  /* PSTATE as it is saved and as it becomes: flags, masks, IL. */
  EACH_MODE(m) for (u64 daif = 0; daif < 16; daif += 5) {
    calm();
    say("pstate %s: ", MODES[m]);
    try_at(S(svc), (daif << 6) | m | (daif << 28), 0, 0);
  }
  EACH_MODE(m) {
    calm();
    say("il %s: ", MODES[m]);
    try_at(S(svc), DAIF | m | 1 << 20, 0, 0);
    say("il pc %s: ", MODES[m]);
    try_at(S(svc) + 2, DAIF | m | 1 << 20, 0, 0);
    say("il hole %s: ", MODES[m]);
    try_at(0x09060000, DAIF | m | 1 << 20, 0, 0);
    say("fetch hole %s: ", MODES[m]);
    try_at(0x09060000, DAIF | m, 0, 0);
    say("fetch far %s: ", MODES[m]);
    try_at(1ul << 44, DAIF | m, 0, 0);
  }
  EACH_MODE(m) {
    calm();
    say("spsel %s: ", MODES[m]);
    try_at(S(spsel), DAIF | m, 0, 0);
    for (u64 uma = 0; uma < 2; uma++) {
      WR(sctlr_el1, 0x30d00800 | uma << 9);
      ISB();
      say("uma%d daifset %s: ", uma, MODES[m]);
      try_at(S(daifset), m, 0, 0);
      say("uma%d daifclr %s: ", uma, MODES[m]);
      try_at(S(daifclr), DAIF | m, 0, 0);
      say("uma%d daif %s: ", uma, MODES[m]);
      try_at(S(daif_read), 0x240 | m, 0, 0);
    }
  }
  /* Waits that trap; and WFE that consumes the event. */
  static const u64 scrs[] = {0, SCR_TWI, SCR_TWE, SCR_TWI | SCR_TWE};
  for (int s = 0; s < 4; s++)
    for (int h = 0; h < 4; h++)
      for (int n = 0; n < 2; n++) EACH_MODE(m) {
          if (!(s & 1) && !(h & 1) && !(n == 0 && m == 0)) continue;
          if (m == 0xc || m == 0xd || m == 0x4 || m == 0x8) continue;
          if (m == 9 && !(s & 1)) continue;
          calm();
          scr(SCR_NS | SCR_HCE | scrs[s]);
          WR(hcr_el2, HCR_RW | (h & 1 ? HCR_TWI : 0) | (h & 2 ? HCR_TWE : 0));
          WR(sctlr_el1, 0x30d00800 | n << 16 | n << 18);
          ISB();
          say("wfi s%d h%d n%d %s: ", (u64)s, (u64)h, (u64)n, MODES[m]);
          try_at(S(wfi), DAIF | m, 0, 0);
        }
}

void alignment(void) {
  EACH_MODE(m) {
    calm();
    for (u64 off = 1; off < 4; off++) {
      say("pc+%d %s: ", off, MODES[m]);
      try_at(S(br), DAIF | m, S(nop) + off, 0);
    }
    for (u64 sa = 0; sa < 4; sa++) {
      calm();
      WR(sctlr_el1, 0x30d00800 | (sa & 1) << 3 | (sa >> 1) << 4);
      WR(sctlr_el2, 0x30c50830 | (sa & 1) << 3);
      WR(sctlr_el3, 0x30c50830 | (sa & 1) << 3);
      ISB();
      u64 sp = (u64)test_page + 0x408;
      next.sp_el0 = next.sp_el1 = next.sp_el2 = sp;
      next.sp_el3 = m == 0xd ? sp : 0;
      say("sp sa%d ldr %s: ", sa, MODES[m]);
      try_at(S(ldr_sp), DAIF | m, 0, 0);
      say("sp sa%d str %s: ", sa, MODES[m]);
      try_at(S(str_sp), DAIF | m, 0, 0);
    }
    calm();
    next.sp_el0 = next.sp_el1 = next.sp_el2 = (u64)test_page + 0x800;
    const u64 at = (u64)test_page + 0x101;
    for (u64 a = 0; a < 2; a++) {
      WR(sctlr_el1, 0x30d00800 | a << 1);
      WR(sctlr_el2, 0x30c50830 | a << 1);
      WR(sctlr_el3, 0x30c50830 | a << 1);
      ISB();
      const struct {
        const char *name;
        u64 entry;
      } ways[] = {{"ldr", S(ldr)},   {"str", S(str)},   {"ldp", S(ldp)},   {"stp", S(stp)},
                  {"ldxr", S(ldxr)}, {"ldar", S(ldar)}, {"stlr", S(stlr)}, {"ldrb", S(ldrb)}};
      for (int i = 0; i < 8; i++) {
        say("align a%d %s %s: ", a, ways[i].name, MODES[m]);
        try_at(ways[i].entry, DAIF | m, at, 0);
      }
    }
    calm();
    say("align stxr %s: ", MODES[m]);
    try_at(S(stxr), DAIF | m, at, at & ~7ul);
    say("hole ldr %s: ", MODES[m]);
    try_at(S(ldr), DAIF | m, 0x09060000, 0);
    say("hole str %s: ", MODES[m]);
    try_at(S(str), DAIF | m, 0x09060008, 0);
    say("far ldr %s: ", MODES[m]);
    try_at(S(ldr), DAIF | m, 1ul << 44, 0);
    say("far str %s: ", MODES[m]);
    try_at(S(str), DAIF | m, 0xff0000000000, 0);
    say("dczva flat %s: ", MODES[m]);
    try_at(S(dczva), DAIF | m, (u64)test_page + 0x123, 0);
    say("hole prfm %s: ", MODES[m]);
    try_at(S(prfm), DAIF | m, 0x09060000, 0);
  }
}

void fp_traps(void) {
  const struct {
    const char *name;
    u64 entry;
  } ways[] = {{"fmov", S(fmov)}, {"mrs fpcr", S(fpcr)}, {"msr fpcr", S(fpcr_w)}, {"and", S(simd)}, {"ldr q", S(ldr_q)}};
  for (u64 fpen = 0; fpen < 4; fpen++)
    for (u64 t2 = 0; t2 < 2; t2++)
      for (u64 t3 = 0; t3 < 2; t3++)
        for (u64 ns = 0; ns < 2; ns++)
          for (u64 tge = 0; tge < 2; tge++) EACH_MODE(m) {
              if (m == 4 || m == 8 || m == 0xc) continue;
              if (m == 9 && !ns) continue;
              if (tge && m == 5 && ns) continue;
              for (int i = 0; i < 5; i++) {
                if (i > 1 && (t2 || t3)) continue;
                calm();
                scr((ns ? SCR_NS : 0) | SCR_HCE);
                WR(hcr_el2, HCR_RW | (tge ? HCR_TGE : 0));
                WR(cpacr_el1, fpen << 20);
                WR(cptr_el2, 0x33ff | t2 << 10);
                WR(cptr_el3, t3 << 10);
                ISB();
                say("fp fpen%d t2%d t3%d ns%d tge%d %s %s: ", fpen, t2, t3, ns, tge, ways[i].name, MODES[m]);
                try_at(ways[i].entry, DAIF | m, (u64)test_page, 0);
              }
            }
  calm();
}

/* One register at EL0 to EL3: what a read and a write do. The list of encodings is made by the runner. */
static const struct {
  u32 key, flags; /* 1: not written; 2: the value is not printed */
  const char *name;
} REGISTERS[] = {
#include "registers.inc"
};
static u32 code[16] __attribute__((aligned(64)));

static void instruction(u32 word) {
  code[0] = word;
  code[1] = 0xd421a1c0; /* brk #0xd0e */
  for (u64 at = (u64)code; at < (u64)code + 64; at += 16) __asm__ volatile("dc cvau, %0\n\tdsb ish\n\tic ivau, %0" ::"r"(at));
  DSB();
  ISB();
}
static u32 word_of(u32 key, int read) { return 0xd5000000 | (u32)read << 21 | key << 5; }

static void register_line(const char *when, u32 n, int writes, u64 hcr, u64 scr_bits, u64 sctlr) {
  say("reg %s %s", when, REGISTERS[n].name);
  for (int read = writes ? 0 : 1; read < 2; read++)
    for (u32 m = 0; m < 16; m++) {
      if (m != 0 && m != 5 && m != 9 && m != 13) continue;
      if (m == 9 && !(scr_bits & SCR_NS)) continue;
      if (m == 5 && hcr & HCR_TGE) continue;
      if (!read && (m == 13 || REGISTERS[n].flags & 1)) continue;
      calm();
      scr(scr_bits);
      WR(hcr_el2, HCR_RW | hcr);
      WR(sctlr_el1, sctlr);
      instruction(word_of(REGISTERS[n].key, read));
      run_at((u64)code, DAIF | m, 0, 0);
      if ((u32)record.esr == 0xf2000d0e && record.elr == (u64)code + 4) {
        if (!read) say(" w");
        else if (REGISTERS[n].flags & 2) say(" r");
        else say(" %x", record.x[0]);
      } else if (record.esr == 0x2000000) say(" u%d", record.el);
      else say(" %d:%x", record.el, record.esr);
    }
  say("\n");
}

void sysregs(void) {
  const u32 count = sizeof REGISTERS / sizeof *REGISTERS;
  for (u32 n = 0; n < count; n++) register_line("ns", n, 1, 0, SCR_NS | SCR_HCE, 0x30d00800);
  for (u32 n = 0; n < count; n++) register_line("s", n, 1, 0, SCR_HCE, 0x30d00800);
  /* Each control bit of HCR_EL2 alone, on the registers it is about and some it is not. */
  static const u32 TRAPPED[] = {
#include "trapped.inc"
  };
  static const u8 hcr_bits[] = {13, 16, 17, 18, 19, 20, 21, 26, 27, 28, 30};
  for (u32 b = 0; b < sizeof hcr_bits; b++)
    for (u32 t = 0; t < sizeof TRAPPED / sizeof *TRAPPED; t++) {
      char name[8] = {'h', 'c', 'r', '0' + hcr_bits[b] / 10, '0' + hcr_bits[b] % 10, 0};
      register_line(name, TRAPPED[t], 1, 1ul << hcr_bits[b], SCR_NS | SCR_HCE, 0x30d00800);
    }
  for (u32 t = 0; t < sizeof TRAPPED / sizeof *TRAPPED; t++) {
    register_line("uct uma", TRAPPED[t], 1, 0, SCR_NS | SCR_HCE, 0x30d00800 | 1 << 15 | 1 << 9);
    register_line("st", TRAPPED[t], 1, 0, SCR_HCE | SCR_ST, 0x30d00800);
  }
  /* Traps of SYS instructions. */
  static const struct {
    const char *name;
    u32 word;
  } ops[] = {{"ic iallu", 0xd508751f},      {"ic ivau", 0xd50b7520},   {"dc zva", 0xd50b7420},  {"dc cvac", 0xd50b7a20},
             {"dc cvau", 0xd50b7b20},       {"dc civac", 0xd50b7e20},  {"dc isw", 0xd5087640},  {"dc csw", 0xd5087a40},
             {"tlbi vmalle1", 0xd508871f},  {"tlbi vae1", 0xd5088720}, {"tlbi alle2", 0xd50c871f}, {"tlbi alle1", 0xd50c879f},
             {"tlbi alle3", 0xd50e871f},    {"at s1e1r", 0xd5087800},  {"at s1e2r", 0xd50c7800}, {"at s12e1r", 0xd50c7880},
             {"at s1e3r", 0xd50e7800},      {"tlbi ipas2e1", 0xd50c8420}, {"sys unknown", 0xd50f7000}, {"dc cvap", 0xd50b7c20}};
  static const u64 controls[] = {0, 1 << 22, 1 << 23, 1 << 24, 1 << 25, 1 << 28};
  for (u32 i = 0; i < sizeof ops / sizeof *ops; i++)
    for (u32 c = 0; c < 6; c++)
      for (u64 ns = 0; ns < 2; ns++) {
        if (c && !ns) continue;
        for (u64 uci = 0; uci < 2; uci++) {
          say("sys %s hcr%x ns%d uci%d:", ops[i].name, controls[c], ns, uci);
          for (u32 m = 0; m < 16; m++) {
            if (m != 0 && m != 5 && m != 9 && m != 13) continue;
            if (m == 9 && !ns) continue;
            calm();
            scr((ns ? SCR_NS : 0) | SCR_HCE);
            WR(hcr_el2, HCR_RW | controls[c]);
            WR(sctlr_el1, 0x30d00800 | uci << 26 | uci << 14);
            instruction(ops[i].word);
            run_at((u64)code, DAIF | m, (u64)test_page + 64, 0);
            if ((u32)record.esr == 0xf2000d0e) say(" ok");
            else if (record.esr == 0x2000000) say(" u%d", record.el);
            else say(" %d:%x", record.el, record.esr);
          }
          say("\n");
        }
      }
  calm();
}

void returns(void) {
  for (u64 ns = 0; ns < 2; ns++)
    for (u64 tge = 0; tge < 2; tge++)
      for (u32 from = 1; from < 4; from++)
        for (u64 m = 0; m < 32; m++) {
          if (from == 2 && !ns) continue;
          if (from == 1 && tge && ns) continue;
          for (u64 il = 0; il < 2; il++) {
            calm();
            scr((ns ? SCR_NS : 0) | SCR_HCE);
            WR(hcr_el2, HCR_RW | (tge ? HCR_TGE : 0));
            ISB();
            const u64 entry = from == 1 ? S(eret1) : from == 2 ? S(eret2) : S(eret3);
            say("eret ns%d tge%d EL%d m%x il%d: ", ns, tge, (u64)from, m, il);
            try_at(entry, DAIF | from << 2 | 1, m | 0xa00002c0 | il << 20, 0);
          }
        }
  calm();
  say("eret illegal to odd: ");
  try_at(S(eret1_to), DAIF | 5, 0x3cd, S(nop) + 1);
  say("eret illegal to hole: ");
  try_at(S(eret1_to), DAIF | 5, 0x3cd, 0x09060000);
  say("eret reserved bits: ");
  try_at(S(eret1), DAIF | 5, 0x0f0ffc05, 0);
}
