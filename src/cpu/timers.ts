/** The generic timers of one PE: DDI 0487, "The Generic Timer in AArch64 state". */

import { type PeState, sysregOffset } from './state.ts';
import type { ComputedSysreg, ComputedSysregs, SysregContext } from './sysregs/computed.ts';
import { isE2h, isHost } from './vhe.ts';

/** Timers by Arm's prefix, in the order in which their lines are updated. */
export const TIMERS = ['CNTP', 'CNTV', 'CNTHP', 'CNTPS', 'CNTHV'] as const;
/** Name of a timer of the PE. */
export type TimerName = (typeof TIMERS)[number];

/** A timer's registers as they stand; TVAL follows from them and the count. */
export interface TimerState {
  ctl: number;
  cval: bigint;
}

const SUFFIX: Readonly<Record<TimerName, string>> = {
  CNTP: 'EL0',
  CNTV: 'EL0',
  CNTHP: 'EL2',
  CNTPS: 'EL1',
  CNTHV: 'EL2',
};
const ENABLE = 1;
const IMASK = 2;
const ISTATUS = 4;
const M64 = (1n << 64n) - 1n;

/** Bits of CNTKCTL_EL1 and CNTHCTL_EL2 that make the event stream. */
const EVNTEN = 4;
const EVNTDIR = 8;

/** Counters and timers; the count comes from the machine, so a timer is only a comparison. */
export class Timers {
  readonly state: Record<TimerName, TimerState>;
  /** The timers that this PE has; CNTHV needs EL2 with FEAT_VHE. */
  readonly names: readonly TimerName[];
  private readonly s: PeState;
  private readonly count: () => bigint;
  private readonly changed: () => void;

  constructor(s: PeState, count: () => bigint, changed: () => void) {
    this.s = s;
    this.count = count;
    this.changed = changed;
    const vhe = s.els.el2 && s.profile.features.has('FEAT_VHE');
    this.names = TIMERS.filter((name) => name !== 'CNTHV' || vhe);
    this.state = {
      CNTP: { ctl: 0, cval: 0n },
      CNTV: { ctl: 0, cval: 0n },
      CNTHP: { ctl: 0, cval: 0n },
      CNTPS: { ctl: 0, cval: 0n },
      CNTHV: { ctl: 0, cval: 0n },
    };
  }

  /** Transitions of the event stream that were seen, of the virtual and of the physical count. */
  streamSeen: [virtual: bigint, physical: bigint] = [0n, 0n];

  reset(): void {
    this.streamSeen = [0n, 0n];
    for (const name of TIMERS) this.state[name] = { ctl: 0, cval: 0n };
  }

  /** CNTVOFF_EL2; without EL2 the virtual count is the physical one. */
  private offset(name: TimerName): bigint {
    return name === 'CNTV' && this.s.els.el2 ? this.s.sys(CNTVOFF_EL2) : 0n;
  }
  private now(name: TimerName): bigint {
    return (this.count() - this.offset(name)) & M64;
  }
  /** CNTVCT_EL0: without the offset at EL2 with E2H, and at its EL0. */
  private virtualCount(): bigint {
    const { s } = this;
    const host = s.els.el2 && (s.el === 2 ? isE2h(s) : s.el === 0 && isHost(s));
    return host ? this.count() & M64 : this.now('CNTV');
  }
  private condition(name: TimerName): boolean {
    const t = this.state[name];
    return (t.ctl & ENABLE) !== 0 && this.now(name) >= t.cval;
  }
  /** Level of the timer's interrupt line now. */
  line(name: TimerName): boolean {
    return !(this.state[name].ctl & IMASK) && this.condition(name);
  }
  /**
   * Physical count at which the line of a timer will next rise or, because its count begins again at 0, fall; undefined
   * when the timer is off or masked, or that lies beyond 64 bits.
   */
  due(name: TimerName): bigint | undefined {
    const t = this.state[name];
    if (!(t.ctl & ENABLE) || t.ctl & IMASK) return undefined;
    const now = this.now(name);
    const at = this.count() + (now >= t.cval ? M64 + 1n : t.cval) - now;
    return at > M64 ? undefined : at;
  }

  // --- event stream: DDI 0487, "Event streams" ---

  /** How often the chosen bit of a count has made the chosen transition, and the count at which it next will. */
  private stream(which: 0 | 1): { passed: bigint; next: bigint } | undefined {
    const control = this.s.sysLow(which === 0 ? CNTKCTL_EL1 : CNTHCTL_EL2);
    if (!(control & EVNTEN) || (which === 1 && !this.s.els.el2)) return undefined;
    const bit = BigInt((control >>> 4) & 15);
    const period = 2n << bit;
    const phase = control & EVNTDIR ? 0n : 1n << bit;
    const now = which === 0 ? this.now('CNTV') : this.count() & M64;
    const passed = (now + period - phase) / period;
    return { passed, next: this.count() + passed * period + phase - now };
  }
  /** The enables changed: only transitions from now on count. */
  streamChanged(): void {
    this.streamSeen = [this.stream(0)?.passed ?? 0n, this.stream(1)?.passed ?? 0n];
  }
  /** True once for all events of the stream since the last call: what WFE finds in the event register. */
  takeStreamEvent(): boolean {
    const passed = ([0, 1] as const).map((n) => this.stream(n)?.passed ?? this.streamSeen[n]!);
    const any = passed.some((p, n) => p > this.streamSeen[n as 0 | 1]);
    this.streamSeen = [passed[0]!, passed[1]!];
    return any;
  }
  /** Physical count of the next event of the stream, or undefined when there is none to come. */
  nextStreamEvent(): bigint | undefined {
    const nexts = ([0, 1] as const).map((n) => this.stream(n)?.next).filter((n) => n !== undefined);
    return nexts.length === 0 ? undefined : nexts.reduce((a, b) => (a < b ? a : b));
  }

  /** The registers of the group. */
  registers(): ComputedSysregs {
    const table: Record<string, ComputedSysreg> = {
      CNTPCT_EL0: { read: () => this.count() & M64 },
      CNTVCT_EL0: { read: () => this.virtualCount() },
    };
    for (const name of this.names) {
      const t = (): TimerState => this.state[name];
      table[`${name}_CTL_${SUFFIX[name]}`] = {
        read: () => BigInt(t().ctl | (this.condition(name) ? ISTATUS : 0)),
        write: (_c: SysregContext, value: bigint) => {
          t().ctl = Number(value & 3n);
          this.changed();
        },
      };
      table[`${name}_CVAL_${SUFFIX[name]}`] = {
        read: () => t().cval,
        write: (_c, value) => {
          t().cval = value;
          this.changed();
        },
      };
      table[`${name}_TVAL_${SUFFIX[name]}`] = {
        read: () => (t().cval - this.now(name)) & 0xffff_ffffn,
        write: (_c, value) => {
          t().cval = (this.now(name) + BigInt.asIntN(32, value)) & M64;
          this.changed();
        },
      };
    }
    return table;
  }
}

const CNTVOFF_EL2 = sysregOffset('CNTVOFF_EL2');
const CNTKCTL_EL1 = sysregOffset('CNTKCTL_EL1');
const CNTHCTL_EL2 = sysregOffset('CNTHCTL_EL2');
