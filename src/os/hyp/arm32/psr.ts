/**
 * Modes and program status registers of AArch32.
 *
 * DDI 0406, "ARM processor modes" and "Program Status Registers"; DDI 0487, "AArch32 PE modes".
 */

/** CPSR.M of each mode. */
export const MODE = {
  USR: 0x10,
  FIQ: 0x11,
  IRQ: 0x12,
  SVC: 0x13,
  MON: 0x16,
  ABT: 0x17,
  HYP: 0x1a,
  UND: 0x1b,
  SYS: 0x1f,
} as const;
/** Name of a mode. */
export type Mode = keyof typeof MODE;

/** Fields of CPSR and SPSR, as masks. */
export const PSR = {
  M: 0x1f,
  T: 0x20,
  F: 0x40,
  I: 0x80,
  A: 0x100,
  E: 0x200,
  /** IT[7:2] and IT[1:0]. */
  IT: 0x0600_fc00,
  GE: 0x000f_0000,
  /** Illegal execution state: ARMv8. */
  IL: 0x0010_0000,
  J: 0x0100_0000,
  Q: 0x0800_0000,
  V: 0x1000_0000,
  C: 0x2000_0000,
  Z: 0x4000_0000,
  N: 0x8000_0000,
  AIF: 0x1c0,
} as const;

/** Copies of SP and SPSR: one for each of these. USR stands for the copy that USR and SYS share. */
export type Bank = 'usr' | 'fiq' | 'irq' | 'svc' | 'abt' | 'und' | 'mon' | 'hyp';

/** What a mode sees. */
export interface ModeRow {
  readonly name: Mode;
  /** Privilege level: 0 USR, 2 HYP, 1 all others. */
  readonly privilege: 0 | 1 | 2;
  readonly sp: Bank;
  /** HYP has no LR of its own: it sees that of USR, and ELR_hyp beside it. */
  readonly lr: Exclude<Bank, 'hyp'>;
  readonly spsr: Exclude<Bank, 'usr'> | undefined;
  /** R8 to R12 are its own. */
  readonly ownR8: boolean;
}

const row = (
  name: Mode,
  privilege: ModeRow['privilege'],
  sp: Bank,
  lr: ModeRow['lr'],
  spsr?: ModeRow['spsr'],
): ModeRow => ({ name, privilege, sp, lr, spsr, ownR8: name === 'FIQ' });

/** All modes. DDI 0406, "ARM core registers", figure "Organization of general-purpose registers". */
export const MODES: readonly ModeRow[] = [
  row('USR', 0, 'usr', 'usr'),
  row('FIQ', 1, 'fiq', 'fiq', 'fiq'),
  row('IRQ', 1, 'irq', 'irq', 'irq'),
  row('SVC', 1, 'svc', 'svc', 'svc'),
  row('MON', 1, 'mon', 'mon', 'mon'),
  row('ABT', 1, 'abt', 'abt', 'abt'),
  row('HYP', 2, 'hyp', 'usr', 'hyp'),
  row('UND', 1, 'und', 'und', 'und'),
  row('SYS', 1, 'usr', 'usr'),
];
const BY_VALUE: ReadonlyMap<number, ModeRow> = new Map(MODES.map((one) => [MODE[one.name], one]));

/** The mode that a program status register names, or undefined for a reserved value. */
export function modeOf(psr: number): ModeRow | undefined {
  return BY_VALUE.get(psr & PSR.M);
}

/** A program status register as text: `HYP aif T32`; letters of masks are capital when set. */
export function psrText(psr: number): string {
  const masks = (['A', 'I', 'F'] as const).map((bit) => (psr & PSR[bit] ? bit : bit.toLowerCase())).join('');
  const name = modeOf(psr)?.name ?? `reserved mode 0x${(psr & PSR.M).toString(16)}`;
  return `${name} ${masks}${psr & PSR.T ? ' T32' : ''}${psr & PSR.E ? ' BE' : ''}${psr & PSR.IL ? ' IL' : ''}`;
}
