/**
 * Positions of the PSTATE fields in SPSR_ELx, NZCV, DAIF and their neighbours.
 *
 * DDI 0487, "Process state, PSTATE" and the descriptions of SPSR_EL1, NZCV, DAIF, CurrentEL, SPSel, PAN, UAO.
 */
import type { FeatureName } from './features.ts';

/** One field: highest bit, lowest bit, and the feature without which the bits are RES0. */
export type PstateField = readonly [msb: number, lsb: number, feature?: FeatureName];

/** SPSR_ELx as written by an exception from AArch64 state. Bits not named are RES0 here. */
export const SPSR_FIELDS = {
  M: [3, 0],
  nRW: [4, 4],
  F: [6, 6],
  I: [7, 7],
  A: [8, 8],
  D: [9, 9],
  BTYPE: [11, 10, 'FEAT_BTI'],
  SSBS: [12, 12, 'FEAT_SSBS'],
  ALLINT: [13, 13, 'FEAT_NMI'],
  IL: [20, 20],
  SS: [21, 21],
  PAN: [22, 22, 'FEAT_PAN'],
  UAO: [23, 23, 'FEAT_UAO'],
  DIT: [24, 24, 'FEAT_DIT'],
  TCO: [25, 25, 'FEAT_MTE'],
  V: [28, 28],
  C: [29, 29],
  Z: [30, 30],
  N: [31, 31],
} as const satisfies Record<string, PstateField>;

/** Masks of the single-bit fields of SPSR_ELx, as unsigned 32-bit numbers. */
export const SPSR = {
  nRW: 0x10,
  F: 0x40,
  I: 0x80,
  A: 0x100,
  D: 0x200,
  SSBS: 0x1000,
  ALLINT: 0x2000,
  IL: 0x0010_0000,
  SS: 0x0020_0000,
  PAN: 0x0040_0000,
  UAO: 0x0080_0000,
  DIT: 0x0100_0000,
  TCO: 0x0200_0000,
  V: 0x1000_0000,
  C: 0x2000_0000,
  Z: 0x4000_0000,
  N: 0x8000_0000,
  DAIF: 0x3c0,
  NZCV: 0xf000_0000,
} as const;

/** SPSR_ELx.M[3:0] for each AArch64 mode: bits 3:2 are the Exception level, bit 0 is SPSel. */
export const SPSR_MODES = {
  EL0t: 0b0000,
  EL1t: 0b0100,
  EL1h: 0b0101,
  EL2t: 0b1000,
  EL2h: 0b1001,
  EL3t: 0b1100,
  EL3h: 0b1101,
} as const;

/** Arm's name of an AArch64 mode, e.g. `EL1h`. */
export type SpsrMode = keyof typeof SPSR_MODES;

/** Mode name of M[3:0], or undefined for a reserved value: 0b0001, or bit 1 set. */
export function spsrModeName(m: number): SpsrMode | undefined {
  return (Object.keys(SPSR_MODES) as SpsrMode[]).find((name) => SPSR_MODES[name] === (m & 0xf));
}

/**
 * Offsets in bytes from VBAR_ELx of the sixteen vector table entries: where the exception came from, plus its kind.
 *
 * DDI 0487, "Exception vectors".
 */
export const VECTOR_OFFSETS = {
  'Current EL with SP_EL0': 0x000,
  'Current EL with SP_ELx': 0x200,
  'Lower EL using AArch64': 0x400,
  'Lower EL using AArch32': 0x600,
  Synchronous: 0x000,
  IRQ: 0x080,
  FIQ: 0x100,
  SError: 0x180,
} as const;
