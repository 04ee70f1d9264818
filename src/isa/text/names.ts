/** Names of operands that are neither registers nor numbers: DDI 0487, "A64 Base Instruction Descriptions". */

/** Condition codes by number, preferred name first. */
export const CONDITIONS: readonly (readonly string[])[] = [
  ['eq'],
  ['ne'],
  ['cs', 'hs'],
  ['cc', 'lo'],
  ['mi'],
  ['pl'],
  ['vs'],
  ['vc'],
  ['hi'],
  ['ls'],
  ['ge'],
  ['lt'],
  ['gt'],
  ['le'],
  ['al'],
  ['nv'],
];

/** Shifts of a register operand by number. */
export const SHIFTS: readonly string[] = ['lsl', 'lsr', 'asr', 'ror'];

/** Extensions of a register operand by number. */
export const EXTENDS: readonly string[] = ['uxtb', 'uxth', 'uxtw', 'uxtx', 'sxtb', 'sxth', 'sxtw', 'sxtx'];

/** Barrier options by CRm. */
export const BARRIERS: readonly string[] = [
  '',
  'oshld',
  'oshst',
  'osh',
  '',
  'nshld',
  'nshst',
  'nsh',
  '',
  'ishld',
  'ishst',
  'ish',
  '',
  'ld',
  'st',
  'sy',
];

/**
 * Prefetch operations by number: type in bits 4:3, cache level in bits 2:1, policy in bit 0; '' where the number has no
 * name.
 */
export const PREFETCHES: readonly string[] = Array.from({ length: 32 }, (_, n) => {
  const type = ['pld', 'pli', 'pst'][n >> 3];
  const target = ['l1', 'l2', 'l3'][(n >> 1) & 3];
  return type && target ? `${type}${target}${n & 1 ? 'strm' : 'keep'}` : '';
});

/** One operation of SYS: its place op1, CRn, CRm, op2, and whether it takes a register. */
export interface SysOperation {
  readonly key: number;
  readonly register: boolean;
}

/** op1:CRn:CRm:op2 as one number, in the order of the encoding. */
export function sysKey(op1: number, CRn: number, CRm: number, op2: number): number {
  return (op1 << 11) | (CRn << 7) | (CRm << 3) | op2;
}

type SysRow = readonly [name: string, op1: number, CRn: number, CRm: number, op2: number, noRegister?: 'alone'];

const TLBI: readonly SysRow[] = [
  ['ipas2e1is', 4, 8, 0, 1],
  ['ipas2le1is', 4, 8, 0, 5],
  ['vmalle1is', 0, 8, 3, 0, 'alone'],
  ['vae1is', 0, 8, 3, 1],
  ['aside1is', 0, 8, 3, 2],
  ['vaae1is', 0, 8, 3, 3],
  ['vale1is', 0, 8, 3, 5],
  ['vaale1is', 0, 8, 3, 7],
  ['alle2is', 4, 8, 3, 0, 'alone'],
  ['vae2is', 4, 8, 3, 1],
  ['alle1is', 4, 8, 3, 4, 'alone'],
  ['vale2is', 4, 8, 3, 5],
  ['vmalls12e1is', 4, 8, 3, 6, 'alone'],
  ['alle3is', 6, 8, 3, 0, 'alone'],
  ['vae3is', 6, 8, 3, 1],
  ['vale3is', 6, 8, 3, 5],
  ['ipas2e1', 4, 8, 4, 1],
  ['ipas2le1', 4, 8, 4, 5],
  ['vmalle1', 0, 8, 7, 0, 'alone'],
  ['vae1', 0, 8, 7, 1],
  ['aside1', 0, 8, 7, 2],
  ['vaae1', 0, 8, 7, 3],
  ['vale1', 0, 8, 7, 5],
  ['vaale1', 0, 8, 7, 7],
  ['alle2', 4, 8, 7, 0, 'alone'],
  ['vae2', 4, 8, 7, 1],
  ['alle1', 4, 8, 7, 4, 'alone'],
  ['vale2', 4, 8, 7, 5],
  ['vmalls12e1', 4, 8, 7, 6, 'alone'],
  ['alle3', 6, 8, 7, 0, 'alone'],
  ['vae3', 6, 8, 7, 1],
  ['vale3', 6, 8, 7, 5],
  ['vmalle1os', 0, 8, 1, 0, 'alone'],
  ['vae1os', 0, 8, 1, 1],
  ['aside1os', 0, 8, 1, 2],
  ['vaae1os', 0, 8, 1, 3],
  ['vale1os', 0, 8, 1, 5],
  ['vaale1os', 0, 8, 1, 7],
  ['alle2os', 4, 8, 1, 0, 'alone'],
  ['vae2os', 4, 8, 1, 1],
  ['alle1os', 4, 8, 1, 4, 'alone'],
  ['vale2os', 4, 8, 1, 5],
  ['vmalls12e1os', 4, 8, 1, 6, 'alone'],
  ['ipas2e1os', 4, 8, 4, 0],
  ['ipas2le1os', 4, 8, 4, 4],
  ['alle3os', 6, 8, 1, 0, 'alone'],
  ['vae3os', 6, 8, 1, 1],
  ['vale3os', 6, 8, 1, 5],
  ['ripas2e1is', 4, 8, 0, 2],
  ['ripas2le1is', 4, 8, 0, 6],
  ['rvae1is', 0, 8, 2, 1],
  ['rvaae1is', 0, 8, 2, 3],
  ['rvale1is', 0, 8, 2, 5],
  ['rvaale1is', 0, 8, 2, 7],
  ['rvae2is', 4, 8, 2, 1],
  ['rvale2is', 4, 8, 2, 5],
  ['rvae3is', 6, 8, 2, 1],
  ['rvale3is', 6, 8, 2, 5],
  ['ripas2e1', 4, 8, 4, 2],
  ['ripas2e1os', 4, 8, 4, 3],
  ['ripas2le1', 4, 8, 4, 6],
  ['ripas2le1os', 4, 8, 4, 7],
  ['rvae1os', 0, 8, 5, 1],
  ['rvaae1os', 0, 8, 5, 3],
  ['rvale1os', 0, 8, 5, 5],
  ['rvaale1os', 0, 8, 5, 7],
  ['rvae2os', 4, 8, 5, 1],
  ['rvale2os', 4, 8, 5, 5],
  ['rvae3os', 6, 8, 5, 1],
  ['rvale3os', 6, 8, 5, 5],
  ['rvae1', 0, 8, 6, 1],
  ['rvaae1', 0, 8, 6, 3],
  ['rvale1', 0, 8, 6, 5],
  ['rvaale1', 0, 8, 6, 7],
  ['rvae2', 4, 8, 6, 1],
  ['rvale2', 4, 8, 6, 5],
  ['rvae3', 6, 8, 6, 1],
  ['rvale3', 6, 8, 6, 5],
];

const DC: readonly SysRow[] = [
  ['ivac', 0, 7, 6, 1],
  ['isw', 0, 7, 6, 2],
  ['csw', 0, 7, 10, 2],
  ['cisw', 0, 7, 14, 2],
  ['zva', 3, 7, 4, 1],
  ['cvac', 3, 7, 10, 1],
  ['cvau', 3, 7, 11, 1],
  ['cvap', 3, 7, 12, 1],
  ['cvadp', 3, 7, 13, 1],
  ['civac', 3, 7, 14, 1],
];

const IC: readonly SysRow[] = [
  ['ialluis', 0, 7, 1, 0, 'alone'],
  ['iallu', 0, 7, 5, 0, 'alone'],
  ['ivau', 3, 7, 5, 1],
];

const AT: readonly SysRow[] = [
  ['s1e1r', 0, 7, 8, 0],
  ['s1e1w', 0, 7, 8, 1],
  ['s1e0r', 0, 7, 8, 2],
  ['s1e0w', 0, 7, 8, 3],
  ['s1e1rp', 0, 7, 9, 0],
  ['s1e1wp', 0, 7, 9, 1],
  ['s1e2r', 4, 7, 8, 0],
  ['s1e2w', 4, 7, 8, 1],
  ['s12e1r', 4, 7, 8, 4],
  ['s12e1w', 4, 7, 8, 5],
  ['s12e0r', 4, 7, 8, 6],
  ['s12e0w', 4, 7, 8, 7],
  ['s1e3r', 6, 7, 8, 0],
  ['s1e3w', 6, 7, 8, 1],
];

function operations(rows: readonly SysRow[]): ReadonlyMap<string, SysOperation> {
  return new Map(
    rows.map(([name, op1, CRn, CRm, op2, alone]) => [name, { key: sysKey(op1, CRn, CRm, op2), register: !alone }]),
  );
}

/** Operations of SYS with names of their own, by the instruction that names them. */
export const SYS_OPERATIONS: Readonly<Record<string, ReadonlyMap<string, SysOperation>>> = {
  tlbi: operations(TLBI),
  dc: operations(DC),
  ic: operations(IC),
  at: operations(AT),
};
