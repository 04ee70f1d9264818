/**
 * Where exceptions go, as tables in words: written from the architecture's tables, not from `src/cpu`.
 *
 * DDI 0487, "Establishing the target Exception level of an asynchronous exception" and "Asynchronous exception
 * masking", for AArch64 at every level, without FEAT_SEL2 and FEAT_VHE.
 */

/** What a row of the tables is chosen by. Bits that do not exist on an implementation count as 0. */
export interface World {
  readonly el: 0 | 1 | 2 | 3;
  readonly el2: boolean;
  readonly el3: boolean;
  /** SCR_EL3.NS; true without EL3. */
  readonly ns: boolean;
  /** SCR_EL3.IRQ, FIQ or EA. */
  readonly scrBit: boolean;
  /** HCR_EL2.IMO, FMO or AMO. */
  readonly hcrBit: boolean;
  readonly tge: boolean;
  /** PSTATE.I, F or A. */
  readonly masked: boolean;
}

/** One cell: the Exception level it is taken to, or that it stays pending. */
type Cell = 'EL1' | 'EL2' | 'EL3' | 'pend';
type Column = 'NS EL0' | 'NS EL1' | 'NS EL2' | 'S EL0' | 'S EL1' | 'EL3';

/** Target of a physical IRQ, FIQ or SError by SCR_EL3's bit, then by HCR_EL2's bit or TGE. */
const TARGETS: Readonly<Record<string, Readonly<Record<Column, Cell>>>> = {
  // SCR bit, HCR bit or TGE
  '0 0': { 'NS EL0': 'EL1', 'NS EL1': 'EL1', 'NS EL2': 'pend', 'S EL0': 'EL1', 'S EL1': 'EL1', EL3: 'pend' },
  '0 1': { 'NS EL0': 'EL2', 'NS EL1': 'EL2', 'NS EL2': 'EL2', 'S EL0': 'EL1', 'S EL1': 'EL1', EL3: 'pend' },
  '1 0': { 'NS EL0': 'EL3', 'NS EL1': 'EL3', 'NS EL2': 'EL3', 'S EL0': 'EL3', 'S EL1': 'EL3', EL3: 'EL3' },
  '1 1': { 'NS EL0': 'EL3', 'NS EL1': 'EL3', 'NS EL2': 'EL3', 'S EL0': 'EL3', 'S EL1': 'EL3', EL3: 'EL3' },
};

/** Whether PSTATE's bit counts, by current and target Exception level. */
const MASKABLE: Readonly<Record<string, boolean>> = {
  'EL0 to EL1': true,
  'EL0 to EL2': false,
  'EL0 to EL3': false,
  'EL1 to EL1': true,
  'EL1 to EL2': false,
  'EL1 to EL3': false,
  'EL2 to EL2': true,
  'EL2 to EL3': false,
  'EL3 to EL3': true,
};

/** The Exception level to which an asserted line is taken at the next boundary, or undefined when it stays pending. */
export function asynchronousTarget(w: World): 1 | 2 | 3 | undefined {
  const column = (w.el === 3 ? 'EL3' : `${w.ns ? 'NS' : 'S'} EL${w.el}`) as Column;
  const scr = w.el3 && w.scrBit ? 1 : 0;
  const hcr = w.el2 && (w.hcrBit || w.tge) ? 1 : 0;
  const cell = TARGETS[`${scr} ${hcr}`]![column];
  if (cell === 'pend') return undefined;
  if (MASKABLE[`EL${w.el} to ${cell}`] && w.masked) return undefined;
  return Number(cell[2]) as 1 | 2 | 3;
}

/** What an instruction that calls or is undefined becomes. */
export interface Taken {
  readonly target: 1 | 2 | 3;
  readonly ec: number;
  /** Bytes from the instruction to the preferred return address. */
  readonly returns: 0 | 4;
}

/** Control bits of calls, besides those of `World`. */
export interface CallWorld extends Pick<World, 'el' | 'el2' | 'el3' | 'ns' | 'tge'> {
  readonly hce: boolean;
  readonly hcd: boolean;
  readonly smd: boolean;
  readonly tsc: boolean;
}

const el2On = (w: CallWorld): boolean => w.el2 && (!w.el3 || w.ns);

/** An exception with no route of its own: to the current level, from EL0 to EL1 or with TGE to EL2. */
export function plainTarget(w: CallWorld): 1 | 2 | 3 {
  if (w.el > 0) return w.el as 1 | 2 | 3;
  return el2On(w) && w.tge ? 2 : 1;
}
/** EC 0 at the instruction itself. */
export function undefinedHere(w: CallWorld): Taken {
  return { target: plainTarget(w), ec: 0, returns: 0 };
}
/** DDI 0487, "SVC". */
export function supervisorCall(w: CallWorld): Taken {
  return { target: plainTarget(w), ec: 0x15, returns: 4 };
}
/** DDI 0487, "HVC". */
export function hypervisorCall(w: CallWorld): Taken {
  const secureEl1 = w.el === 1 && w.el3 && !w.ns;
  const enabled = w.el3 ? w.hce : !w.hcd;
  if (!w.el2 || w.el === 0 || secureEl1 || !enabled) return undefinedHere(w);
  return { target: w.el === 3 ? 3 : 2, ec: 0x16, returns: 4 };
}
/** DDI 0487, "SMC": the trap by HCR_EL2.TSC is at the instruction, and comes before SMD. */
export function secureMonitorCall(w: CallWorld): Taken {
  if (w.el === 0 || !w.el3) return undefinedHere(w);
  if (w.el === 1 && el2On(w) && w.tsc) return { target: 2, ec: 0x17, returns: 0 };
  if (w.smd) return undefinedHere(w);
  return { target: 3, ec: 0x17, returns: 4 };
}

/** Modes of AArch64 by SPSR_ELx.M[4:0]; every other value is reserved or AArch32. */
const MODES: Readonly<Record<number, 0 | 1 | 2 | 3>> = {
  0: 0,
  4: 1,
  5: 1,
  8: 2,
  9: 2,
  12: 3,
  13: 3,
};

/** DDI 0487, "Illegal exception returns": whether an ERET from `from` with these mode bits is one. */
export function illegalReturn(from: 1 | 2 | 3, mode: number, w: Pick<World, 'el2' | 'el3' | 'ns' | 'tge'>): boolean {
  const to = MODES[mode];
  if (to === undefined) return true;
  if (to > from) return true;
  const el2Usable = w.el2 && (!w.el3 || w.ns);
  if (to === 3) return !w.el3;
  if (to === 2) return !el2Usable;
  return to === 1 && el2Usable && w.tge;
}
