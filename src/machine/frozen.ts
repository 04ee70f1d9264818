/**
 * Injected time that stands still: from the moment an injected event interrupts a PE until that PE is back where it
 * was, virtual time, the turn and the Performance Monitors do not move, no other PE runs, and what else is due waits.
 *
 * So a run with an event and one without can be compared: every timer tick comes at the same instruction. Steps are
 * counted as always.
 */
import { PE_STATE } from '../arch/pestate.ts';
import type { Pe } from '../cpu/pe.ts';
import type { Scheduler } from './scheduler.ts';

/** Where a PE was interrupted. */
interface Interrupted {
  readonly pe: number;
  readonly pc: bigint;
  readonly el: number;
  readonly sp: bigint;
}

/** See `FrozenTime.state`. */
export interface FrozenState {
  readonly armed: number | null;
  readonly at: Interrupted | null;
}

/** Virtual time of one machine, as far as it stands still. */
export class FrozenTime {
  private readonly pes: readonly Pe[];
  private readonly scheduler: Scheduler;
  /** The PE whose next delivery stops time. */
  private armed: number | undefined;
  private at: Interrupted | undefined;

  constructor(pes: readonly Pe[], scheduler: Scheduler) {
    this.pes = pes;
    this.scheduler = scheduler;
  }

  /** Time stands still. */
  get active(): boolean {
    return this.at !== undefined;
  }

  /** The next SDEI event, interrupt or SError that the PE takes stops time. */
  arm(pe: number): void {
    this.armed = pe;
  }

  /** Whether an asynchronous exception is taken, told around `take`, which does it. */
  around(pe: Pe, take: () => boolean): boolean {
    if (this.armed !== pe.s.index) return take();
    const { s } = pe;
    const at = { pe: s.index, pc: s.pc, el: s.el, sp: s.sp };
    if (!take()) return false;
    this.armed = undefined;
    this.stand(at);
    return true;
  }
  private stand(at: Interrupted): void {
    this.at = at;
    this.pes[at.pe]!.stopClock(true);
    this.scheduler.hold(at.pe);
  }
  /** Time goes on. */
  thaw(): void {
    if (!this.at) return;
    this.pes[this.at.pe]!.stopClock(false);
    this.at = undefined;
    this.scheduler.hold(undefined);
  }

  /** At a boundary: time goes on when the PE is back where it was, or cannot go on itself. */
  look(): void {
    const { at } = this;
    if (!at) return;
    const { s } = this.pes[at.pe]!;
    const back = s.pc === at.pc && s.el === at.el && s.sp === at.sp;
    if (back || s.get32(PE_STATE.waitState) !== 0) this.thaw();
  }

  /** As plain data, for snapshots. */
  state(): FrozenState {
    return { armed: this.armed ?? null, at: this.at ?? null };
  }
  load({ armed, at }: FrozenState): void {
    this.thaw();
    this.armed = armed ?? undefined;
    if (at) this.stand(at);
  }
  /** Cold reset. */
  reset(): void {
    this.thaw();
    this.armed = undefined;
  }
}
