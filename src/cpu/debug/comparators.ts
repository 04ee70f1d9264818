/**
 * What a breakpoint or watchpoint register pair matches: DDI 0487, "Breakpoint Instruction exceptions" to "Watchpoint
 * exceptions". Reserved settings behave as disabled; BAS that is not contiguous, or not all ones with a MASK, too.
 */
import type { ImplementedEls } from '../../arch/profiles.ts';

/** DBGBVRn_EL1 or DBGWVRn_EL1, and the low 32 bits of its control register. */
export interface Comparator {
  readonly value: bigint;
  readonly control: number;
}

/** What a match depends on besides addresses. */
export interface DebugContext {
  readonly el: number;
  readonly secure: boolean;
  readonly els: ImplementedEls;
  /** CONTEXTIDR_EL1, unsigned 32 bits. */
  readonly contextId: number;
  /** CONTEXTIDR_EL2; undefined where EL2 does not count: at EL3, and while it is disabled or without FEAT_VHE. */
  readonly contextId2: number | undefined;
  /** EL2 with HCR_EL2.E2H = 1, or EL0 with TGE = 1 as well. */
  readonly inHost: boolean;
  /** VTTBR_EL2.VMID, or undefined where EL2 does not count: at EL2, EL3, and while it is disabled. */
  readonly vmid: number | undefined;
  /** Bits of a VMID that count: 8 or 16 of them. */
  readonly vmidMask: number;
  /** FEAT_VHE is implemented. */
  readonly vhe: boolean;
}

/** Bits 48:0: what addresses are compared in. */
const VA_MASK = (1n << 49n) - 1n;
const E = 1;

const field = (control: number, lsb: number, width: number): number => (control >>> lsb) & ((1 << width) - 1);

/** HMC:SSC:PxC of a control register, as five bits. */
function security(control: number): number {
  return (field(control, 13, 1) << 4) | (field(control, 14, 2) << 2) | field(control, 1, 2);
}

/** Values of HMC:SSC:PxC that select nothing in AArch64 state of this architecture version. */
function reserved(hmcSscPxc: number, els: ImplementedEls): boolean {
  const hmc = hmcSscPxc >> 4;
  const ssc = (hmcSscPxc >> 2) & 3;
  const pxc = hmcSscPxc & 3;
  if (!hmc) return ssc === 3 || pxc === 0 || (!els.el3 && ssc !== 0);
  if (ssc === 3) return pxc !== 0 || !els.el2;
  if (ssc === 2) return pxc === 2 || !els.el3;
  return !(pxc & 1) || (!els.el3 && (ssc === 1 || !els.el2));
}

/** Whether the comparator is for the Exception level `el` (0 for unprivileged accesses) in this Security state. */
export function levelMatches(control: number, el: number, c: DebugContext): boolean {
  const all = security(control);
  if (reserved(all, c.els)) return false;
  const hmc = all >> 4 === 1;
  const ssc = (all >> 2) & 3;
  if (ssc === 1 && c.secure) return false;
  if (ssc === 2 && !c.secure) return false;
  if (el === 3) return hmc && !(ssc & 1);
  if (el === 2) return hmc && all !== 0b11000;
  return (all & (el === 1 ? 1 : 2)) !== 0;
}

/** Type of a breakpoint, DBGBCR_EL1.BT, without its bit 0. */
const BT = { ADDRESS: 0, LINKED: 1 } as const;

/** What a context type compares: the low word of the value, and its high word. */
interface ContextType {
  /** The current Context ID (CONTEXTIDR_EL2 of a host, else CONTEXTIDR_EL1), or CONTEXTIDR_EL1 outside a host. */
  readonly low?: 'current' | 'EL1';
  readonly high?: 'VMID' | 'EL2';
  /** Reserved without FEAT_VHE. */
  readonly vhe?: true;
}
/** DDI 0487, "DBGBCR<n>_EL1", BT, by BT[3:1]. */
const CONTEXT_TYPES: readonly (ContextType | undefined)[] = [
  undefined,
  { low: 'current' },
  undefined,
  { low: 'EL1', vhe: true },
  { high: 'VMID' },
  { low: 'EL1', high: 'VMID' },
  { high: 'EL2', vhe: true },
  { low: 'EL1', high: 'EL2', vhe: true },
];

function lowMatches(which: 'current' | 'EL1', id: number, c: DebugContext): boolean {
  if (c.inHost) return which === 'current' && id === c.contextId2;
  return c.el <= 1 && id === c.contextId;
}

/**
 * What the comparator holds besides an address: true when Context IDs and VMID, as far as it names them, are current.
 */
function contextValueMatches({ value, control }: Comparator, c: DebugContext): boolean {
  const type = CONTEXT_TYPES[field(control, 21, 3)];
  if (!type || (type.vhe && !c.vhe)) return false;
  if (type.low && !lowMatches(type.low, Number(value & 0xffff_ffffn), c)) return false;
  const high = Number(value >> 32n);
  if (type.high === 'VMID') return c.vmid === (high & c.vmidMask);
  return type.high === undefined || c.contextId2 === high;
}

/**
 * Whether what a comparator is linked to matches: it must be enabled, context-aware and of a linked context type.
 *
 * @param lbn - DBGxCR_EL1.LBN
 */
export function linkMatches(
  lbn: number,
  breakpoints: readonly Comparator[],
  firstContext: number,
  c: DebugContext,
): boolean {
  const linked = breakpoints[lbn];
  if (!linked || lbn < firstContext || !(linked.control & E)) return false;
  return (field(linked.control, 20, 4) & BT.LINKED) !== 0 && contextValueMatches(linked, c);
}

/** What breakpoint `n` stops at now: an address, every instruction, or nothing. */
export function breakpointScope(
  n: number,
  breakpoints: readonly Comparator[],
  firstContext: number,
  c: DebugContext,
): bigint | 'all' | undefined {
  const b = breakpoints[n]!;
  if (!(b.control & E) || !levelMatches(b.control, c.el, c)) return undefined;
  const type = field(b.control, 20, 4);
  if (type === BT.ADDRESS || type === BT.LINKED) {
    if (type === BT.LINKED && !linkMatches(field(b.control, 16, 4), breakpoints, firstContext, c)) return undefined;
    return b.value & VA_MASK & ~3n;
  }
  return n >= firstContext && !(type & BT.LINKED) && contextValueMatches(b, c) ? 'all' : undefined;
}

/** The address as breakpoints and watchpoints compare it: its bits 48:0. */
export function comparedAddress(va: bigint): bigint {
  return va & VA_MASK;
}

/** The bytes a watchpoint watches, as one range of compared addresses; undefined when there are none. */
export function watchedRange({ value, control }: Comparator): { first: bigint; last: bigint } | undefined {
  const bas = field(control, 5, 8);
  const mask = field(control, 24, 5);
  if (!(control & E) || bas === 0) return undefined;
  if (mask > 0) {
    if (mask < 3 || bas !== 0xff) return undefined;
    const size = 1n << BigInt(mask);
    const first = value & VA_MASK & ~(size - 1n);
    return { first, last: first + size - 1n };
  }
  const first = 31 - Math.clz32(bas & -bas);
  if (bas !== (1 << (32 - Math.clz32(bas))) - (1 << first)) return undefined;
  // A value that is a multiple of 4 only: BAS[3:0] choose among the four bytes of the word, BAS[7:4] count for nothing.
  const word = (value & 4n) !== 0n;
  const used = word ? bas & 15 : bas;
  if (used === 0) return undefined;
  const base = value & VA_MASK & (word ? ~3n : ~7n);
  return { first: base + BigInt(first), last: base + BigInt(31 - Math.clz32(used)) };
}

/** What kinds of access a watchpoint is for, DBGWCR_EL1.LSC: bit 0 loads, bit 1 stores. */
export function watchedKinds(control: number): number {
  return field(control, 3, 2);
}
/** Whether a watchpoint is linked (DBGWCR_EL1.WT), and to what (LBN). */
export function watchpointLink(control: number): number | undefined {
  return field(control, 20, 1) ? field(control, 16, 4) : undefined;
}
