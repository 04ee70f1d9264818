/**
 * Where QEMU 7.2 and this GIC rightly differ; everything else that differs is a bug of ours.
 *
 * `number` is that of the list of known divergences of QEMU from the architecture; without it the architecture leaves a
 * choice, or QEMU keeps bits that are RES0.
 */
export interface KnownDifference {
  readonly cases: RegExp;
  readonly number?: number;
  readonly reason: string;
}

/** One line has one entry only, and no entry is without a line. */
export const DIFFERENCES: readonly KnownDifference[] = [
  {
    cases: /^identification: GICD_IPRIORITYR16$/,
    number: 1,
    reason: 'priorities have 5 bits everywhere; QEMU keeps 8 in the distributor',
  },
  {
    cases: /^identification: GICD_ISENABLER8$/,
    number: 2,
    reason: 'no interrupts beyond what GICD_TYPER says; QEMU has 32 more',
  },
  {
    cases: /^ICC_CTLR_EL3 = (1|2|8|10): ICC_CTLR_EL3$/,
    number: 3,
    reason: 'ICC_CTLR_EL3 shows the bits of each bank; QEMU shows the Non-secure ones for both',
  },
  {
    cases: /^Non-secure write of ICC_AP1R0_EL1: /,
    number: 5,
    reason: 'Non-secure software can change the active priorities of its own half; QEMU ignores such writes',
  },
  {
    cases: /^a group disabled at the CPU interface and a less urgent one enabled: /,
    number: 6,
    reason: 'an interrupt of a group that is disabled at the CPU interface does not hide others',
  },
  {
    cases: /^ProcessorSleep: (ISR_EL1|ICC_HPPIR1_EL1)$/,
    number: 8,
    reason: 'a redistributor that sleeps forwards nothing; QEMU does not look',
  },
  {
    cases: /^ProcessorSleep: GICR_WAKER$/,
    number: 8,
    reason: 'GICR_WAKER is Secure when there are two security states',
  },
  {
    cases: /^identification: GICR_P(ROP|END)BASER$/,
    number: 10,
    reason: 'reserved bits of GICR_PROPBASER and GICR_PENDBASER are RES0; QEMU keeps what is written',
  },
  {
    cases: /^(CPU interface after reset|ICC_CTLR_EL3 = (4|20|0)): ICC_CTLR_EL3$/,
    number: 11,
    reason: 'ICC_CTLR_EL3.nDS is 0, since GICD_CTLR.DS can be set; QEMU says 1 and lets it be set all the same',
  },
  {
    cases: /^ICC_SRE: ICC_SRE_EL[23]$/,
    number: 13,
    reason: 'the Enable bits of ICC_SRE_EL2 and ICC_SRE_EL3 can be cleared; in QEMU the registers are constant',
  },
  {
    cases: /^(identification|GICD_CTLR.DS set): GICD_TYPER$/,
    reason: 'SPIs can go to any one PE: No1N is 0; QEMU has no 1-of-N',
  },
  {
    cases: /^CPU interface.*, written with ones: ICC_PMR_EL1$/,
    reason: 'ICC_PMR_EL1[31:8] are RES0; QEMU keeps what is written',
  },
  {
    cases: /^identification: GICD_IROUTER64$/,
    reason: 'GICD_IROUTER<n>[30:24] are RES0; QEMU keeps what is written',
  },
  {
    cases: /^((CPU interface, written with ones|GICD_CTLR.DS set): ICC_CTLR_EL1|ICC_CTLR_EL3 = (ffffffff|40): .*)$/,
    reason: 'PMHE can be set, as 1-of-N interrupts make use of it; in QEMU there are none',
  },
];

/** The same for the GICv2. */
export const DIFFERENCES_V2: readonly KnownDifference[] = [
  {
    cases: /^identification: GICD_TYPER$/,
    number: 2,
    reason: 'no interrupts beyond 32 times the lines; QEMU has 32 more and says so here',
  },
  {
    cases: /^identification: ID_AA64PFR0_EL1$/,
    reason: 'no AArch32 at any Exception level',
  },
  {
    cases: /^(identification|group [01] running at 0xc0, BPR 2): GICC_A?BPR$/,
    reason: '5 bits of priority; QEMU has 8, and so lower least values of the binary points',
  },
  {
    cases: /^Non-secure PMR 0x(f8|8): GICC_PMR$/,
    reason: '5 bits of priority; QEMU has 8, and so more bits of the shifted mask',
  },
  {
    cases: /: GICC_HPPIR$/,
    reason: 'GICC_HPPIR reports an interrupt that GICC_PMR masks, and 1022 for Group 1 without AckCtl; QEMU 1023',
  },
  {
    cases:
      /^group [01] at 0x80, .*: GICC_AHPPIR$|^group [01] at 0x80, .* through AIAR: (GICC_AIAR|GICC_RPR|GICD_ISACTIVER2)$/,
    reason: 'the aliases of Group 1 acknowledge; QEMU has none and reads as zero',
  },
  {
    cases: /^virtual: .*: GICV_AHPPIR$|^virtual: alias, .*: (GICV_AIAR|GICV_RPR|GICH_LR0)$/,
    reason: 'GICV has the aliases of Group 1 as well; QEMU has none and reads as zero',
  },
  {
    cases: /^virtual: (active|both), .*: GICH_(ELRSR0|LR0|MISR|EISR0)$/,
    reason: 'EOI with no active priority is UNPREDICTABLE: nothing here; QEMU deactivates what is listed',
  },
  {
    cases: /^virtual: group (0, GICV_CTLR 0x2|1, GICV_CTLR 0x1): /,
    reason: 'a virtual interrupt of a group that is disabled is not pending; QEMU shows and acknowledges it',
  },
  {
    cases: /^virtual: GICV_BPR and ABPR [012]: (GICV_ABPR|GICH_VMCR)$/,
    reason: 'the binary point of Group 1 is at least one more than that of Group 0; QEMU keeps what is written',
  },
  {
    cases: /^virtual: an SGI from CPU 3: GICV_HPPIR$/,
    reason: 'GICV_HPPIR has the CPU of an SGI in bits 12:10; in QEMU only GICV_IAR has',
  },
  {
    cases: /^SGI (to the list|to self|to self with NSATT), group [01]: /,
    reason: 'GICD_SGIR reaches the group it names by NSATT, and Non-secure writes Group 1; QEMU looks at neither',
  },
  {
    cases: /^SGI pending registers: GICD_ISPENDR0$/,
    reason: 'a byte of 0 in GICD_SPENDSGIR sets nothing; QEMU makes the SGI pending from nobody',
  },
  {
    cases: /^Non-secure controls: GICC_CTLR$/,
    reason: 'the bypass disable bits are kept; in QEMU they are RAZ/WI',
  },
];
