/** Listening to PEs that reach an address: what a debugger calls a breakpoint, without anything in the guest. */
import { PE_STATE } from '../arch/pestate.ts';
import type { Pe } from '../cpu/pe.ts';
import type { Interpreter } from '../engine/interpreter.ts';
import { VIRT_MEMORY_MAP } from './board/virt.ts';
import { MachineError } from './errors.ts';

const RAM_PA = VIRT_MEMORY_MAP.ram.basePa;
const PAGE_BYTES = 4096n;

/** Called at the boundary before an instruction executes. */
export type StopListener = (at: { readonly pe: number; readonly pc: bigint }) => void;

/** Which arrivals count. */
export interface StopOptions {
  /** Only those of this PE; default: of any. */
  readonly pe?: number;
  /** `physical`: the address is one of RAM, whatever virtual address it is executed at. Default `virtual`. */
  readonly space?: 'virtual' | 'physical';
}

interface Stop {
  readonly addr: bigint;
  readonly physical: boolean;
  readonly pe: number | undefined;
  readonly listener: StopListener;
}

/** What the stops need of the engine. */
export type StoppingEngine = Pick<Interpreter, 'stopAt' | 'endBefore' | 'taken'>;

/** What they need of the machine. */
export interface StopsHost {
  readonly ramBytes: number;
  /** Stops were added or removed. */
  changed(): void;
}

/**
 * The stops of one machine. None of it is state of the machine: a run is the same with stops and without.
 *
 * A PE arrives when a step, an exception or something from outside leaves its PC at the address, and the instruction
 * can be fetched. Listeners are told once for each arrival, at that boundary, before anything else may interrupt the PE
 * there; a PE that is interrupted and comes back arrives again. The engine ends a grant at a stop.
 */
export class Stops {
  private readonly pes: readonly Pe[];
  private readonly engine: StoppingEngine;
  private readonly host: StopsHost;
  private readonly list: Stop[] = [];
  /** By PE: the PC whose listeners were told and which has not been executed since. */
  private told: (bigint | undefined)[] = [];
  /** Who took a step or an exception since the last boundary. */
  private moved: Pe | undefined;

  constructor(pes: readonly Pe[], engine: StoppingEngine, host: StopsHost) {
    this.pes = pes;
    this.engine = engine;
    this.host = host;
  }

  /** @throws MachineError `E_ADDRESS`, `E_CPUS` for what can never be reached */
  add(addr: bigint, listener: StopListener, { pe, space = 'virtual' }: StopOptions): () => void {
    const { pes, host } = this;
    const at = `stop at 0x${addr.toString(16)}: `;
    if (addr !== BigInt.asUintN(64, addr) || addr & 3n)
      throw new MachineError('E_ADDRESS', `${at}instructions have addresses of 64 bits, multiples of 4.`);
    const physical = space === 'physical';
    if (physical && (addr < RAM_PA || addr >= RAM_PA + BigInt(host.ramBytes))) {
      const end = (RAM_PA + BigInt(host.ramBytes) - 1n).toString(16);
      throw new MachineError('E_ADDRESS', `${at}code runs in RAM, 0x${RAM_PA.toString(16)} to 0x${end}.`);
    }
    if (pe !== undefined && !pes[pe])
      throw new MachineError('E_CPUS', `PE ${pe}: this machine has PEs 0 to ${pes.length - 1}.`);
    const stop = { addr, physical, pe, listener };
    this.list.push(stop);
    this.changed();
    return () => {
      const n = this.list.indexOf(stop);
      if (n < 0) return;
      this.list.splice(n, 1);
      this.changed();
    };
  }

  private changed(): void {
    const virtual = new Map<bigint, number[]>();
    const ram = new Map<number, number[]>();
    const put = <K>(map: Map<K, number[]>, page: K, addr: bigint): void => {
      const instructions = map.get(page) ?? [];
      instructions.push(Number(addr % PAGE_BYTES) / 4);
      map.set(page, instructions);
    };
    for (const { addr, physical } of this.list) {
      if (physical) put(ram, Number((addr - RAM_PA) / PAGE_BYTES), addr);
      else put(virtual, addr - (addr % PAGE_BYTES), addr);
    }
    this.engine.stopAt({ virtual, ram });
    this.host.changed();
  }

  private due(pe: Pe): readonly Stop[] {
    const { pc, index } = pe.s;
    const low = pc & (PAGE_BYTES - 1n);
    const near = this.list.filter((s) => (s.addr & (PAGE_BYTES - 1n)) === low && (s.pe ?? index) === index);
    if (near.length === 0) return near;
    const pa = pe.s.get32(PE_STATE.IL) ? undefined : pe.instructionPa();
    if (pa === undefined) return [];
    const high = pe.mmu.branchAddressHigh(pe.s.el, Number(pc >> 32n));
    const va = (BigInt(high) << 32n) | (pc & 0xffff_ffffn);
    return near.filter((s) => s.addr === (s.physical ? BigInt(pa) : va));
  }

  private untold(pe: Pe): readonly Stop[] {
    const { pc, index } = pe.s;
    if (this.list.length === 0 || this.told[index] === pc) return [];
    this.told[index] = undefined;
    return this.due(pe);
  }

  /** A PE is about to take a step; true when it arrived by other means than a step, and `tell` has to be called. */
  arrives(pe: Pe): boolean {
    if (this.untold(pe).length === 0) return false;
    this.moved = pe;
    return true;
  }

  /** At a boundary: tells the listeners of the PE that came here; false when there were none to tell. */
  tell(): boolean {
    const pe = this.moved;
    if (!pe) return false;
    this.moved = undefined;
    const due = this.untold(pe);
    if (due.length === 0) return false;
    const { pc, index } = pe.s;
    this.told[index] = pc;
    for (const { listener } of due) listener({ pe: index, pc });
    return true;
  }

  /** In a step: whether the grant has to end before it. At the beginning of a grant it was told before. */
  reached(index: number): boolean {
    if (this.engine.taken <= 1 || this.due(this.pes[index]!).length === 0) return false;
    this.engine.endBefore();
    return true;
  }

  /** A PE took steps, or with 0 an exception. */
  ran(pe: Pe, steps: number): void {
    this.moved = pe;
    if (steps > 0) this.told[pe.s.index] = undefined;
  }

  /** Which PEs were told of where they are, for a snapshot: after `restore` they are not told again. */
  arrivals(): readonly (bigint | undefined)[] {
    return [...this.told];
  }
  /** Inverse of `arrivals`. */
  setArrivals(told: readonly (bigint | undefined)[]): void {
    this.told = [...told];
    this.moved = undefined;
  }
}
