/** Self-hosted debug of one PE: software step, breakpoints and watchpoints. DDI 0487, "Self-hosted debug". */
import { BREAKPOINT_ISS, EC, issForSoftwareStep, issForWatchpoint } from '../../arch/esr.ts';
import {
  DATA_TLB_BASE,
  DATA_TLB_BYTES,
  EXEC_TLB_BASE,
  EXEC_TLB_ENTRIES,
  PE_DERIVED,
  PE_STATE,
} from '../../arch/pestate.ts';
import { SPSR } from '../../arch/pstate.ts';
import { BREAKPOINT_COUNT, CONTEXT_BREAKPOINT_COUNT, WATCHPOINT_COUNT } from '../../arch/sysregs/debug.ts';
import type { GuestMemory } from '../../engine/memory.ts';
import type { Exceptions } from '../exceptions.ts';
import type { InstructionEnd } from '../pmu-counters.ts';
import { el2Enabled } from '../routing.ts';
import { type PeState, sysregOffset } from '../state.ts';
import { isE2h, isHost } from '../vhe.ts';
import {
  breakpointScope,
  type Comparator,
  comparedAddress,
  type DebugContext,
  levelMatches,
  linkMatches,
  watchedKinds,
  watchedRange,
  watchpointLink,
} from './comparators.ts';
import { debugEnabled, debugEnabledFrom, debugLocked, debugTarget, MDSCR, mdscr, secureAt } from './enable.ts';

const offsets = (count: number, prefix: string): readonly number[] =>
  Array.from({ length: count }, (_, n) => sysregOffset(`${prefix}${n}_EL1`));
const DBGBVR = offsets(BREAKPOINT_COUNT, 'DBGBVR');
const DBGBCR = offsets(BREAKPOINT_COUNT, 'DBGBCR');
const DBGWVR = offsets(WATCHPOINT_COUNT, 'DBGWVR');
const DBGWCR = offsets(WATCHPOINT_COUNT, 'DBGWCR');
const FIRST_CONTEXT = BREAKPOINT_COUNT - CONTEXT_BREAKPOINT_COUNT;
const CONTEXTIDR_EL1 = sysregOffset('CONTEXTIDR_EL1');
const CONTEXTIDR_EL2 = sysregOffset('CONTEXTIDR_EL2');
const VTTBR_EL2 = sysregOffset('VTTBR_EL2');
const VTCR_EL2 = sysregOffset('VTCR_EL2');
/** VTCR_EL2.VS: 16 bits of VMID. */
const VS = 1 << 19;

function vmidMask(s: PeState): number {
  return s.sysLow(VTCR_EL2) & VS ? 0xffff : 0xff;
}

/** Stored registers that say what causes debug exceptions. */
export const DEBUG_CONTROLS: readonly string[] = [
  ...['MDSCR_EL1', 'OSDLR_EL1', 'DBGPRCR_EL1', 'MDCR_EL2', 'MDCR_EL3', 'CONTEXTIDR_EL1', 'CONTEXTIDR_EL2', 'VTTBR_EL2'],
  ...DBGBVR.flatMap((_, n) => [`DBGBVR${n}_EL1`, `DBGBCR${n}_EL1`]),
  ...DBGWVR.flatMap((_, n) => [`DBGWVR${n}_EL1`, `DBGWCR${n}_EL1`]),
];

const PAGE_LOG2 = 12n;
/** Load-Exclusive, single and pair: what ESR_ELx.EX of a software step says of the instruction. */
const EXCLUSIVE_LOAD = { mask: 0x3fc0_0000, value: 0x0840_0000 } as const;
/** CASP has the encoding of a pair of bytes or halfwords. */
const PAIR = { mask: 0x8020_0000, casp: 0x0020_0000 } as const;

function isLoadExclusive(word: number): boolean {
  return (word & EXCLUSIVE_LOAD.mask) === EXCLUSIVE_LOAD.value && (word & PAIR.mask) !== PAIR.casp;
}

/** What the unit needs of its PE. */
export interface DebugParts {
  readonly s: PeState;
  readonly memory: GuestMemory;
  exceptions(): Exceptions;
  /** The instruction at PC, or 0 when it cannot be read. */
  instructionWord(): number;
  requestBoundary(): void;
}

interface Watch {
  readonly n: number;
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * Debug exceptions at full speed elsewhere: while none is enabled this costs a look at `armed`.
 *
 * Pages with a breakpoint are not in the exec TLB, so a run ends before it enters one; from there the machine takes
 * single steps, as it does while software step is active. Pages with a watchpoint are not in the data TLB.
 */
export class Debug {
  /** Software step or a breakpoint may act at the current Exception level. */
  armed = false;
  /** There are watchpoints, at whatever Exception level. */
  watching = false;
  /** MDSCR_EL1 enables something and nothing locks it. */
  private inUse = false;
  private stepping = false;
  private scopes: readonly (bigint | 'all')[] = [];
  private watches: readonly Watch[] = [];
  /** A single step is being taken; `advance`: it is what software step was waiting for. */
  private single = false;
  private advance = false;
  private readonly parts: DebugParts;
  private readonly s: PeState;

  constructor(parts: DebugParts) {
    this.parts = parts;
    this.s = parts.s;
  }

  // --- what is enabled ---

  /** A register of `DEBUG_CONTROLS`, OSLSR_EL1 or everything changed. */
  controlsChanged(): void {
    const { s } = this;
    this.inUse = (mdscr(s) & (MDSCR.SS | MDSCR.MDE)) !== 0 && !debugLocked(s);
    s.set32(PE_DERIVED.debugMask, this.inUse ? SPSR.D : 0);
    const had = this.watching;
    this.watches = this.inUse && mdscr(s) & MDSCR.MDE ? this.enabledWatches() : [];
    this.watching = this.watches.length > 0;
    if (had || this.watching) this.dropDataTlb();
    this.evaluate();
  }
  private enabledWatches(): Watch[] {
    return DBGWVR.flatMap((_, n) => {
      const range = watchedRange(this.watchpoint(n));
      return range ? [{ n, ...range }] : [];
    });
  }
  /** The Exception level, PSTATE.D or routing changed. */
  modeChanged(): void {
    if (this.inUse || this.armed) this.evaluate();
  }
  private evaluate(): void {
    const { s } = this;
    const enabled = this.inUse && debugEnabled(s);
    this.stepping = enabled && (mdscr(s) & MDSCR.SS) !== 0;
    this.scopes = enabled && mdscr(s) & MDSCR.MDE ? this.breakpointScopes() : [];
    this.armed = this.stepping || this.scopes.length > 0;
    for (const scope of this.scopes) if (scope !== 'all') this.dropExec(scope);
    // While a single step is taken the run ends after it in any case.
    if (this.armed && !this.single) this.parts.requestBoundary();
  }
  private breakpointScopes(): (bigint | 'all')[] {
    const all = DBGBVR.map((_, n) => this.breakpoint(n));
    const context = this.context();
    return all.flatMap((_, n) => breakpointScope(n, all, FIRST_CONTEXT, context) ?? []);
  }
  private breakpoint(n: number): Comparator {
    return { value: this.s.sys(DBGBVR[n]!), control: this.s.sysLow(DBGBCR[n]!) };
  }
  private watchpoint(n: number): Comparator {
    return { value: this.s.sys(DBGWVR[n]!), control: this.s.sysLow(DBGWCR[n]!) };
  }
  private context(): DebugContext {
    const { s } = this;
    const secure = secureAt(s, s.el);
    const vhe = s.els.el2 && s.profile.features.has('FEAT_VHE');
    const guest = s.el < 2 && el2Enabled({ el2: s.els.el2, secure });
    return {
      el: s.el,
      secure,
      els: s.els,
      vhe,
      contextId: s.sysLow(CONTEXTIDR_EL1) >>> 0,
      contextId2:
        vhe && s.el < 3 && el2Enabled({ el2: s.els.el2, secure }) ? s.sysLow(CONTEXTIDR_EL2) >>> 0 : undefined,
      inHost: s.el === 2 ? isE2h(s) : s.el === 0 && isHost(s),
      vmidMask: vmidMask(s),
      vmid: guest && !isHost(s) ? (s.sysHigh(VTTBR_EL2) >>> 16) & vmidMask(s) : undefined,
    };
  }

  private dropExec(va: bigint): void {
    const page = Number((va >> PAGE_LOG2) & BigInt(EXEC_TLB_ENTRIES - 1));
    const at = this.s.base + EXEC_TLB_BASE + page * 32;
    this.parts.memory.u8.fill(0, at, at + 32);
  }
  private dropDataTlb(): void {
    const at = this.s.base + DATA_TLB_BASE;
    this.parts.memory.u8.fill(0, at, at + DATA_TLB_BYTES);
  }

  private take(ec: number, iss: number, more: { far?: bigint; end?: InstructionEnd } = {}): void {
    const { s } = this;
    const target = Math.max(debugTarget(s, secureAt(s, s.el)), s.el) as 1 | 2 | 3;
    this.parts.exceptions().sync(ec, iss, { target, ...more });
  }

  // --- single steps ---

  private inBreakPage(pc: bigint): boolean {
    const page = comparedAddress(pc) >> PAGE_LOG2;
    return this.scopes.some((scope) => scope === 'all' || scope >> PAGE_LOG2 === page);
  }
  /** At a boundary, when `armed`: takes the software step exception that is due without a step. True when it did. */
  takePending(): boolean {
    this.evaluate();
    if (!this.stepping || this.s.get32(PE_STATE.SS)) return false;
    this.stepException(false, false);
    return true;
  }
  private stepException(isv: boolean, exclusive: boolean): void {
    this.take(EC.SoftwareStepLowerEL, issForSoftwareStep(isv, exclusive), { end: 'none' });
    this.s.set32(PE_STATE.waitState, 0);
    this.s.set32(PE_DERIVED.diverted, 0);
  }
  /**
   * Runs the next step, when `armed` and it has to be taken alone; false when a longer run is as good.
   *
   * @param run - takes one step
   */
  stepAlone(run: () => void): boolean {
    const { pc } = this.s;
    const inPage = this.inBreakPage(pc);
    if (!this.stepping && !inPage) return false;
    this.single = true;
    this.advance = this.stepping;
    const exclusive = this.stepping && isLoadExclusive(this.parts.instructionWord());
    if (inPage) this.dropExec(pc);
    run();
    if (inPage) this.dropExec(pc);
    this.single = false;
    if (this.advance) this.advanced(exclusive);
    return true;
  }
  /** The stepped instruction completed without an exception: the step exception comes at once. */
  private advanced(exclusive: boolean): void {
    const { s } = this;
    this.advance = false;
    s.set32(PE_STATE.SS, 0);
    this.evaluate();
    const off = s.get32(PE_STATE.waitState) === WAIT_OFF;
    if (this.stepping && !off) this.stepException(true, exclusive);
  }
  /** An exception is about to be taken; nothing has changed yet. */
  exceptionTaken(end: InstructionEnd): void {
    if (!this.advance) return;
    // Of an instruction that completed (SVC, HVC, SMC) the step is over; any other begins again after the return.
    if (end === 'completed') this.s.set32(PE_STATE.SS, 0);
    this.advance = false;
  }
  /** PSTATE.SS that ERET from the current state sets. DDI 0487, "DebugExceptionReturnSS". */
  returnedStepBit(spsr: number, toEl: number): 0 | 1 {
    const { s } = this;
    if (!(mdscr(s) & MDSCR.SS) || debugEnabled(s)) return 0;
    return spsr & SPSR.SS && debugEnabledFrom(s, toEl, (spsr & SPSR.D) !== 0) ? 1 : 0;
  }

  // --- breakpoints ---

  /**
   * A fetch from a page that is not in the exec TLB, which translated.
   *
   * @returns 'exception' when a breakpoint exception was taken; 'boundary' when the page must be entered by single
   *   steps
   */
  fetching(pc: bigint): 'go on' | 'exception' | 'boundary' {
    if (!this.inBreakPage(pc)) return 'go on';
    if (!this.single) return 'boundary';
    this.evaluate();
    const va = comparedAddress(pc) & ~3n;
    if (!this.scopes.some((scope) => scope === 'all' || scope === va)) return 'go on';
    this.take(EC.BreakpointLowerEL, BREAKPOINT_ISS);
    return 'exception';
  }
  /** BRK: an exception wherever it is, enabled or not. */
  breakpointInstruction(imm16: number): void {
    this.take(EC.SoftwareBreakpoint, imm16 & 0xffff);
  }

  // --- watchpoints ---

  /** Some watchpoint watches bytes of the 4 KiB page of a VA: the data TLB must not have it. */
  watchesPage(va: bigint): boolean {
    const page = comparedAddress(va) >> PAGE_LOG2;
    return this.watches.some((w) => w.first >> PAGE_LOG2 <= page && page <= w.last >> PAGE_LOG2);
  }
  /**
   * Takes the watchpoint exception if an access that translated is watched. FAR_ELx gets the first watched byte of the
   * access, or for cache maintenance what the instruction was given.
   *
   * @param va - first byte accessed
   * @param el - 0 for unprivileged accesses, else the current Exception level
   * @param kind - 'atomic' for reads that will be followed by a write of the same instruction
   */
  access(va: bigint, bytes: number, el: number, kind: 'read' | 'write' | 'atomic', maintenanceVa?: bigint): boolean {
    const first = comparedAddress(va);
    const last = first + BigInt(bytes - 1);
    const hits = this.watches.filter((w) => w.first <= last && first <= w.last);
    if (hits.length === 0 || !debugEnabled(this.s) || !(mdscr(this.s) & MDSCR.MDE)) return false;
    const context = this.context();
    const breakpoints = DBGBVR.map((_, n) => this.breakpoint(n));
    const wanted = kind === 'read' ? 1 : kind === 'write' ? 2 : 3;
    for (const { n, first: watched } of hits) {
      const { control } = this.watchpoint(n);
      const kinds = watchedKinds(control) & wanted;
      const link = watchpointLink(control);
      if (!kinds || !levelMatches(control, el, context)) continue;
      if (link !== undefined && !linkMatches(link, breakpoints, FIRST_CONTEXT, context)) continue;
      const cm = maintenanceVa !== undefined;
      const far = maintenanceVa ?? (watched > first ? va + watched - first : va);
      this.take(EC.WatchpointLowerEL, issForWatchpoint({ wnr: !(kinds & 1), cm }), { far });
      return true;
    }
    return false;
  }
}

/** `WAIT.OFF` of the PE. */
const WAIT_OFF = 3;
