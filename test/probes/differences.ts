/** Where QEMU 7.2 and this machine rightly differ; everything else that differs is a bug of ours. */

/** Cases that may differ, what must stand in our lines for them, and why. */
export interface KnownDifference {
  /** The start of the line. */
  readonly cases: RegExp;
  readonly here: RegExp;
  readonly reason: string;
}

/** In no particular order; one line may have one entry only. */
export const DIFFERENCES: readonly KnownDifference[] = [
  {
    cases: /^call .* hvc EL3[th]:/,
    here: / EL3\.(0|200) esr=5a000234 /,
    reason: 'HVC at EL3 is taken to EL3 (DDI 0487, "HVC"); QEMU enters EL2 with the vector of the current level',
  },
  {
    cases: /^call s .*hvc EL1[th]:/,
    here: / EL1\.(0|200) esr=2000000 .* elr=\+0 /,
    reason: 'HVC is UNDEFINED at Secure EL1 without FEAT_SEL2; QEMU treats every caller as Non-secure',
  },
  {
    cases: /^uma0 daif(set|clr) EL0t:/,
    here: / esr=620(cd3fe|ed3e4) /,
    reason: 'the ISS of a trapped MSR (immediate) has op2 in bits 19:17 and op1 in 16:14; QEMU swaps them',
  },
  {
    cases: /^sp sa[123] (ldr|str) /,
    here: / esr=9a000000 far=fa0 elr=\+0 /,
    reason: 'QEMU does not check SP alignment in AArch64 state',
  },
  {
    cases: /^align a0 (ldr|str|ldp|stp) /,
    here: / esr=9[26]0000[26]1 far=\w+1 /,
    reason: 'with the MMU off memory is Device-nGnRnE and unaligned accesses fault; QEMU before 9.0 allows them',
  },
  {
    cases: /^align stxr /,
    here: / esr=9[26]000061 far=\w+1 elr=\+4 /,
    reason: 'a Store-Exclusive checks alignment whether or not it would store; QEMU compares the address first',
  },
  {
    cases: /^(dczva flat|sys dc zva) /,
    here: /9[26]000061/,
    reason: 'DC ZVA to Device memory is an alignment fault; QEMU before 9.0 has no memory types',
  },
  {
    cases: /^mmu L0 (reserved|device|no access flag .*) (ldr|str|br) EL\d:/,
    here: / esr=[89]\w0000[04]4 /,
    reason: 'level 0 has no block descriptors without FEAT_LPA2: translation fault; QEMU 7.2 takes them for blocks',
  },
  {
    cases: /^perm wxn0 ap[02] xn0 dccvac EL0:|^pan\d uao\d ap[02] dccvac EL0:/,
    here: / esr=9200014f /,
    reason: 'cache maintenance at EL0 needs read permission; in QEMU it is a NOP',
  },
  {
    cases: /^perm wxn0 ap[23] xn0 dcivac EL[123]:/,
    here: / esr=9600014f /,
    reason: 'DC IVAC needs write permission; in QEMU it is a NOP',
  },
  {
    cases: /^perm wxn0 ap[23] xn0 stxr EL[123]:/,
    here: / esr=9600004f /,
    reason: 'whether a Store-Exclusive that fails checks permissions is IMPLEMENTATION DEFINED: it does here',
  },
  {
    cases: /^at kind[678] /,
    here: / par=(4|44)?0*402\w\w900$/,
    reason: 'PAR_EL1.SH is Outer Shareable for Device and for Normal Non-cacheable memory; QEMU copies the descriptor',
  },
  {
    cases: /^at off:/,
    here: / x1=40200900 /,
    reason: 'with stage 1 off the memory is Device: PAR_EL1.SH is Outer Shareable; PAR_EL1.NS is UNKNOWN',
  },
  {
    cases: /^ldxr str stxr EL\d[th]:/,
    here: / status 0 memory 77$/,
    reason: 'whether an own store clears the monitor is IMPLEMENTATION DEFINED: not here; QEMU compares the value',
  },
  {
    cases: /^eret ns\d tge\d EL\d m10 /,
    here: / esr=3a000000 .* spsr=a01002c/,
    reason: 'this processor has no AArch32 state, so a return to it is illegal; the emulated Cortex-A57 has',
  },
  {
    cases: /^reg \w+( uma)? (ID_(PFR|DFR|ISAR|MMFR)\d_EL1|MVFR\d_EL1|ID_AA64PFR0_EL1|ID_AA64MMFR0_EL1) /,
    here: / (0|1001111|1024) /,
    reason: 'no AArch32 and no mixed endianness, and the ID registers say so',
  },
  {
    cases: /^reg \w+( uma)? SCTLR_EL1 /,
    here: / 30d0[08][9b]80 /,
    reason: 'ITD and SED are RES1 when EL0 is AArch64 only',
  },
  {
    cases: /^reg n?s (TCR_EL2|TCR_EL3|VTCR_EL2) /,
    here: / 80[08]00000$/,
    reason: 'RES1 bits read as one here and as zero in QEMU',
  },
  {
    cases: /^reg n?s (IFSR32_EL2|FPEXC32_EL2|DACR32_EL2|SDER32_EL3) /,
    here: / u3$/,
    reason: 'registers for AArch32 state are UNDEFINED without it',
  },
  {
    cases: /^reg \w+( uma)? CNTFRQ_EL0 /,
    here: / 0$/,
    reason: 'the reset value of CNTFRQ_EL0 is UNKNOWN; firmware writes it',
  },
  {
    cases: /^reg n?s ICC_CTLR_EL3 /,
    here: / 8c00$/,
    reason: 'ICC_CTLR_EL3.nDS is 0 because GICD_CTLR.DS can be set; QEMU says 1 and lets it be set all the same',
  },
  {
    cases: /^reg n?s ICC_SRE_EL2 /,
    here: / 7$/,
    reason: 'ICC_SRE_EL2.Enable can be cleared here; it is fixed in QEMU',
  },
  {
    cases: /^tge ldr( flat)? EL0:/,
    here: / (done EL2|EL2\.400 esr=92000010 far=c0200000 elr=\+0)$/,
    reason: 'HCR_EL2.TGE makes SCTLR_EL1.M count as 0; QEMU 7.2 forgets that in the first of two stages',
  },
  {
    cases: /^reg n?s CBAR_EL1 /,
    here: / 0$/,
    reason: 'no memory-mapped GIC CPU interface at PERIPHBASE',
  },
  {
    cases: /^walk kind[123] /,
    here: / esr=8200008[bf] /,
    reason: 'the level of a stage 2 fault on a walk is that of stage 2; QEMU before 8.0 gives that of stage 1',
  },
  {
    cases: /^(foreign|ended|deactivated): /,
    here: / hcr (1|8000001) vmcr f84c020a /,
    reason: 'ICH_HCR_EL2.EOIcount counts writes of EOIR only while VEOIM is 0 (IHI 0069); in QEMU always',
  },
  {
    cases: /^cause: /,
    here: / hcr 21 .* misr 20 /,
    reason: 'ICH_MISR_EL2.VGrp0D looks at VENG0; in QEMU at VENG1',
  },
];

/** EC 0x25 of an ESR with ISV set, printed in hexadecimal. */
const ISV = /esr=97([0-9a-f]{6})/;
/** ISV, SAS, SSE, SRT, SF, AR. */
const ISV_FIELDS = 0x01ff_c000;

/** QEMU fills in the instruction syndrome of stage 1 aborts at EL2; the architecture has it for stage 2 only. */
export function withoutInstructionSyndrome(line: string): string {
  return line.replace(ISV, (all) => `esr=${((Number.parseInt(all.slice(4), 16) & ~ISV_FIELDS) >>> 0).toString(16)}`);
}
