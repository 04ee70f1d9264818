/** Notices at boundaries which PEs began to wait, were turned on or off, or run again. */
import { PE_STATE } from '../arch/pestate.ts';
import type { Pe } from '../cpu/pe.ts';
import { WAIT, type WaitState } from '../cpu/waiting.ts';
import type { Hooks } from './hooks.ts';

const NAMES = Object.fromEntries(Object.entries(WAIT).map(([name, value]) => [value, name as WaitState]));

/** Compares how PEs wait with how they waited at the last look, while somebody listens. */
export class PowerWatch {
  private readonly pes: () => readonly Pe[];
  private readonly hooks: Hooks;
  private last: number[] | undefined;

  /** @param hooks - hear of every change as `power` */
  constructor(pes: () => readonly Pe[], hooks: Hooks) {
    this.pes = pes;
    this.hooks = hooks;
  }

  /** Begins with how things are now, goes on, or ends. */
  listen(heard: boolean): void {
    if (!heard) this.last = undefined;
    else this.last ??= this.pes().map((pe) => pe.s.get32(PE_STATE.waitState));
  }

  /** A snapshot was put back: what it changed is no happening. */
  restored(): void {
    const heard = this.last !== undefined;
    this.listen(false);
    this.listen(heard);
  }

  /** Tells what changed since the last look. */
  look(): void {
    const { last } = this;
    if (!last) return;
    this.pes().forEach(({ s }, pe) => {
      const now = s.get32(PE_STATE.waitState);
      const before = last[pe]!;
      if (now === before) return;
      last[pe] = now;
      this.hooks.tell('power', pe, NAMES[now]!, NAMES[before]!);
    });
  }
}
