import type { InterruptBank } from './bank.ts';
import { fromNonSecurePriority } from './groups.ts';

/** The registers with one bit per interrupt that distributor and redistributor have in common. */
export type BitRegister =
  | 'IGROUPR'
  | 'IGRPMODR'
  | 'ISENABLER'
  | 'ICENABLER'
  | 'ISPENDR'
  | 'ICPENDR'
  | 'ISACTIVER'
  | 'ICACTIVER';

/**
 * Through whose eyes a register is seen.
 *
 * `nonSecure`: a Non-secure access while there are two security states. `ds`: there is only one. `nsacr`: GICD_NSACR
 * opens holes for Non-secure accesses (GICR_NSACR does not: it is about generating SGIs only).
 */
export interface View {
  readonly nonSecure: boolean;
  readonly ds: boolean;
  readonly nsacr: boolean;
}

/** Interrupts of a word whose fields this view may touch; the rest are RAZ/WI. IHI 0069, "GICD_NSACR<n>". */
function visible(bank: InterruptBank, word: number, view: View, least: 1 | 2 | 3 | undefined): number {
  if (!view.nonSecure) return bank.implemented[word];
  const holes = view.nsacr && least !== undefined ? bank.nsacrAtLeast(word, least) : 0;
  return bank.implemented[word] & (bank.group[word] | holes);
}

/** Value of a register, unsigned. */
export function readBits(register: BitRegister, bank: InterruptBank, word: number, view: View): number {
  switch (register) {
    case 'IGROUPR':
      return view.nonSecure ? 0 : bank.group[word] >>> 0;
    case 'IGRPMODR':
      return view.nonSecure || view.ds ? 0 : bank.groupModifier[word] >>> 0;
    case 'ISENABLER':
    case 'ICENABLER':
      return (bank.enabled[word] & visible(bank, word, view, undefined)) >>> 0;
    case 'ISPENDR':
      return (bank.pending(word) & visible(bank, word, view, 1)) >>> 0;
    case 'ICPENDR':
      return (bank.pending(word) & visible(bank, word, view, 2)) >>> 0;
    case 'ISACTIVER':
    case 'ICACTIVER':
      return (bank.active[word] & visible(bank, word, view, 2)) >>> 0;
  }
}

/** What a write makes of the state; who is pending where is looked at by the caller. */
export function writeBits(register: BitRegister, bank: InterruptBank, word: number, value: number, view: View): void {
  switch (register) {
    case 'IGROUPR':
      if (!view.nonSecure) bank.group[word] = value & bank.implemented[word];
      return;
    case 'IGRPMODR':
      if (!view.nonSecure && !view.ds) bank.groupModifier[word] = value & bank.implemented[word];
      return;
    case 'ISENABLER':
      bank.enabled[word] |= value & visible(bank, word, view, undefined);
      return;
    case 'ICENABLER':
      bank.enabled[word] &= ~(value & visible(bank, word, view, undefined));
      return;
    case 'ISPENDR':
      bank.latch[word] |= value & visible(bank, word, view, 1);
      return;
    case 'ICPENDR':
      bank.latch[word] &= ~(value & visible(bank, word, view, 2));
      return;
    case 'ISACTIVER':
      bank.active[word] |= value & visible(bank, word, view, undefined);
      return;
    case 'ICACTIVER':
      bank.active[word] &= ~(value & visible(bank, word, view, undefined));
      return;
  }
}

/** Priorities of `count` interrupts from `first` of the bank, lowest byte first; shifted for Non-secure software. */
export function readPriorities(bank: InterruptBank, first: number, count: number, view: View): number {
  let value = 0;
  for (let n = 0; n < count; n++) {
    const at = first + n;
    const shown = visible(bank, at >> 5, view, undefined) >>> (at & 31);
    if ((shown & 1) === 0) continue;
    const stored = bank.priority[at];
    value |= (view.nonSecure ? (stored << 1) & 0xff : stored) << (8 * n);
  }
  return value >>> 0;
}

/** @param priorityMask - implemented bits of a priority byte */
export function writePriorities(
  bank: InterruptBank,
  place: { readonly first: number; readonly count: number; readonly priorityMask: number },
  value: number,
  view: View,
): void {
  for (let n = 0; n < place.count; n++) {
    const at = place.first + n;
    if (((visible(bank, at >> 5, view, undefined) >>> (at & 31)) & 1) === 0) continue;
    const byte = (value >>> (8 * n)) & 0xff;
    bank.priority[at] = (view.nonSecure ? fromNonSecurePriority(byte) : byte) & place.priorityMask;
  }
}

/** ICFGR of 16 interrupts: bit 1 of each pair says edge. `half` 0 or 1 of the word. */
export function readConfig(bank: InterruptBank, word: number, half: number, view: View): number {
  const edges = (bank.edge[word] & visible(bank, word, view, undefined)) >>> (16 * half);
  let value = 0;
  for (let n = 0; n < 16; n++) value |= ((edges >>> n) & 1) << (2 * n + 1);
  return value >>> 0;
}

/** Writes ICFGR of 16 interrupts. A change does not touch what is already pending by itself. */
export function writeConfig(
  bank: InterruptBank,
  place: { readonly word: number; readonly half: number },
  value: number,
  view: View,
): void {
  const { word, half } = place;
  let edges = 0;
  for (let n = 0; n < 16; n++) edges |= ((value >>> (2 * n + 1)) & 1) << (n + 16 * half);
  const mask = visible(bank, word, view, undefined) & (0xffff << (16 * half));
  bank.edge[word] = (bank.edge[word] & ~mask) | (edges & mask);
}

/** True when this view may see and change the route of an interrupt. */
export function mayRoute(bank: InterruptBank, at: number, view: View): boolean {
  return ((visible(bank, at >> 5, view, 3) >>> (at & 31)) & 1) === 1;
}

/** NSACR of 16 interrupts; Secure software's, and only with two security states. */
export function readNsacr(bank: InterruptBank, at: number, view: View): number {
  return view.nonSecure || view.ds ? 0 : bank.nsacr[at] >>> 0;
}

/** Writes NSACR of 16 interrupts that exist. */
export function writeNsacr(bank: InterruptBank, at: number, value: number, view: View): void {
  if (view.nonSecure || view.ds) return;
  let mask = 0;
  const exist = bank.implemented[at >> 1] >>> (16 * (at & 1));
  for (let n = 0; n < 16; n++) if (((exist >>> n) & 1) === 1) mask |= 3 << (2 * n);
  bank.nsacr[at] = value & mask;
}
