/**
 * The _EL12 and _EL02 names through which EL2 reaches EL1 and EL0 registers while HCR_EL2.E2H is 1.
 *
 * DDI 0487, "Virtualization Host Extensions": UNDEFINED at EL2 and EL3 while E2H is 0, and at EL1 always.
 */
import type { SysRegRow } from './row.ts';

type Place = readonly [stem: string, CRn: number, CRm: number, op2: number];

const EL12: readonly Place[] = [
  ['SCTLR', 1, 0, 0],
  ['CPACR', 1, 0, 2],
  ['TTBR0', 2, 0, 0],
  ['TTBR1', 2, 0, 1],
  ['TCR', 2, 0, 2],
  ['SPSR', 4, 0, 0],
  ['ELR', 4, 0, 1],
  ['AFSR0', 5, 1, 0],
  ['AFSR1', 5, 1, 1],
  ['ESR', 5, 2, 0],
  ['FAR', 6, 0, 0],
  ['MAIR', 10, 2, 0],
  ['AMAIR', 10, 3, 0],
  ['VBAR', 12, 0, 0],
  ['CONTEXTIDR', 13, 0, 1],
  ['CNTKCTL', 14, 1, 0],
];

const EL02: readonly Place[] = [
  ['CNTP_TVAL', 14, 2, 0],
  ['CNTP_CTL', 14, 2, 1],
  ['CNTP_CVAL', 14, 2, 2],
  ['CNTV_TVAL', 14, 3, 0],
  ['CNTV_CTL', 14, 3, 1],
  ['CNTV_CVAL', 14, 3, 2],
];

const alias =
  (suffix: 'EL12' | 'EL02', target: 'EL1' | 'EL0') =>
  ([stem, CRn, CRm, op2]: Place): SysRegRow => ({
    name: `${stem}_${suffix}`,
    at: [3, 5, CRn, CRm, op2],
    access: 'RW',
    el: 2,
    needs: 'EL2',
    feature: 'FEAT_VHE',
    accesses: `${stem}_${target}`,
    model: 'computed',
    doc: `${stem}_${target} from EL2 with HCR_EL2.E2H = 1`,
  });

/** The room of the VHE aliases; `accesses` names the register reached. */
export const VHE_REGISTERS: readonly SysRegRow[] = [
  ...EL12.map(alias('EL12', 'EL1')),
  ...EL02.map(alias('EL02', 'EL0')),
];
