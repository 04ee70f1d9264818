/** The registers of the Performance Monitors: DDI 0487, "Performance Monitors registers". */
import { sysregByName } from '../arch/sysregs/index.ts';
import { PMU_EVENT_COUNTERS as EVENT_COUNTERS, PMU_COUNTER_NAMES } from '../arch/sysregs/pmu.ts';
import { CYCLE_BIT, PMCR, PMU_EVENTS, PmuCounters } from './pmu-counters.ts';
import { sysregOffset } from './state.ts';
import type { ComputedSysreg, ComputedSysregs } from './sysregs/computed.ts';

/** All events are below 0x20, so PMCEID0_EL0 names them and PMCEID1_EL0 is zero. */
const PMCEID0 = Object.values(PMU_EVENTS).reduce((mask, event) => mask | (1n << BigInt(event)), 0n);

const PMSELR_EL0 = sysregOffset('PMSELR_EL0');

/** The registers as they stand, for snapshots and the digest. */
export interface PmuState {
  /** PMCR_EL0.E and DP. */
  readonly control: number;
  /** PMCNTENSET_EL0, PMOVSSET_EL0, PMINTENSET_EL1. */
  readonly enabled: number;
  readonly overflowed: number;
  readonly interrupts: number;
  readonly cycles: bigint;
  readonly cycleFilter: number;
  /** PMEVCNTRn_EL0 and PMEVTYPERn_EL0, unsigned 32 bits each. */
  readonly counts: readonly number[];
  readonly types: readonly number[];
}

/** The Performance Monitors of one PE. */
export class Pmu extends PmuCounters {
  // --- registers ---

  private change(f: () => void): void {
    this.settle();
    f();
    this.reconfigured();
  }
  private bits(get: () => number, set: (value: number) => void, clears: boolean): ComputedSysreg {
    return {
      read: () => {
        this.settle();
        return BigInt((get() & this.reachable) >>> 0);
      },
      write: (_c, value) => {
        const mask = Number(value & 0xffff_ffffn) & this.reachable;
        this.change(() => set((clears ? get() & ~mask : get() | mask) >>> 0));
      },
    };
  }
  private writeControl(value: number): void {
    this.change(() => {
      if (value & PMCR.P) for (let n = 0; n < EVENT_COUNTERS; n++) if (this.reachable & (1 << n)) this.counts[n] = 0;
      if (value & PMCR.C) this.cycles = 0n;
      this.control = value & (PMCR.E | PMCR.DP);
    });
  }
  private get identity(): number {
    const { midr, pmuIdcode } = this.s.profile;
    // Without AArch32 LC is RES1; IMP is the implementer of MIDR_EL1.
    return (Number(midr & 0xff00_0000n) | (pmuIdcode << 16) | (this.visibleCounters << 11) | PMCR.LC) >>> 0;
  }
  private filterMask(name: string): number {
    const row = this.s.sysregs.get(sysregByName(name)!.key);
    return Number((row?.writable ?? 0n) & 0xffff_ffffn);
  }
  private counter(select: () => number): ComputedSysreg {
    return {
      read: () => {
        this.settle();
        return BigInt(this.reachable & (1 << select()) ? (this.counts[select()] ?? 0) : 0);
      },
      write: (_c, value) => {
        const n = select();
        if (n < EVENT_COUNTERS && this.reachable & (1 << n))
          this.change(() => (this.counts[n] = Number(value & 0xffff_ffffn)));
      },
    };
  }
  private type(select: () => number): ComputedSysreg {
    return {
      read: () => {
        const n = select();
        if (n === CYCLE_BIT) return BigInt(this.cycleFilter);
        return BigInt(this.reachable & (1 << n) ? (this.types[n] ?? 0) : 0);
      },
      write: (_c, value) => {
        const n = select();
        const low = Number(value & 0xffff_ffffn);
        if (n === CYCLE_BIT) this.change(() => (this.cycleFilter = (low & this.filterMask('PMCCFILTR_EL0')) >>> 0));
        else if (n < EVENT_COUNTERS && this.reachable & (1 << n))
          this.change(() => (this.types[n] = (low & this.filterMask('PMEVTYPER0_EL0')) >>> 0));
      },
    };
  }
  private softwareIncrement(mask: number): void {
    this.settle();
    for (let n = 0; n < EVENT_COUNTERS; n++) {
      if (mask & this.reachable & (1 << n) && this.counted(n, PMU_EVENTS.SW_INCR)) this.add(n, 1);
    }
    this.updateLine();
  }

  /** The registers of the group. */
  registers(): ComputedSysregs {
    const selected = (): number => this.s.sysLow(PMSELR_EL0) & 31;
    const enable = (clears: boolean): ComputedSysreg =>
      this.bits(
        () => this.enabled,
        (v) => (this.enabled = v),
        clears,
      );
    const overflow = (clears: boolean): ComputedSysreg =>
      this.bits(
        () => this.overflowed,
        (v) => (this.overflowed = v),
        clears,
      );
    const interrupt = (clears: boolean): ComputedSysreg =>
      this.bits(
        () => this.interrupts,
        (v) => (this.interrupts = v),
        clears,
      );
    const table: Record<string, ComputedSysreg> = {
      PMCR_EL0: {
        read: () => BigInt((this.identity | this.control) >>> 0),
        write: (_c, value) => this.writeControl(Number(value & 0xffff_ffffn)),
      },
      PMCNTENSET_EL0: enable(false),
      PMCNTENCLR_EL0: enable(true),
      PMOVSSET_EL0: overflow(false),
      PMOVSCLR_EL0: overflow(true),
      PMINTENSET_EL1: interrupt(false),
      PMINTENCLR_EL1: interrupt(true),
      PMSWINC_EL0: { write: (_c, value) => this.softwareIncrement(Number(value & 0xffff_ffffn)) },
      PMCEID0_EL0: { read: () => PMCEID0 },
      PMCEID1_EL0: { read: () => 0n },
      PMCCNTR_EL0: {
        read: () => {
          this.settle();
          return this.cycles;
        },
        write: (_c, value) => this.change(() => (this.cycles = value)),
      },
      PMCCFILTR_EL0: this.type(() => CYCLE_BIT),
      PMXEVTYPER_EL0: this.type(selected),
      PMXEVCNTR_EL0: this.counter(selected),
    };
    for (let n = 0; n < PMU_COUNTER_NAMES; n++) {
      table[`PMEVCNTR${n}_EL0`] = this.counter(() => n);
      table[`PMEVTYPER${n}_EL0`] = this.type(() => n);
    }
    return table;
  }

  // --- state ---

  /** Cold or warm reset: nothing counts. UNKNOWN values are 0. */
  reset(): void {
    this.load({
      control: 0,
      enabled: 0,
      overflowed: 0,
      interrupts: 0,
      cycles: 0n,
      cycleFilter: 0,
      counts: new Array(EVENT_COUNTERS).fill(0),
      types: new Array(EVENT_COUNTERS).fill(0),
    });
  }
  /** Everything, up to date. */
  state(): PmuState {
    this.settle();
    const { control, enabled, overflowed, interrupts, cycles, cycleFilter } = this;
    return {
      control,
      enabled,
      overflowed,
      interrupts,
      cycles,
      cycleFilter,
      counts: [...this.counts],
      types: [...this.types],
    };
  }
  /** Inverse of `state`, at a boundary. */
  load(state: PmuState): void {
    const { counts, types, ...rest } = state;
    Object.assign(this, rest);
    this.counts = [...counts];
    this.types = [...types];
    this.active = false;
    this.reconfigured();
  }
}
