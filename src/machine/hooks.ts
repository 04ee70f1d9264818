/** Who listens to a machine: any number of listeners for each kind of happening, called in the order they came. */
import type { Pe } from '../cpu/pe.ts';
import type { Gic } from '../devices/gic.ts';
import type { Bus } from './bus.ts';
import type { PowerWatch } from './power-watch.ts';
import type { MachineHooks } from './types.ts';

type Name = keyof MachineHooks;
type Lists = { [K in Name]: MachineHooks[K][] };

/** The listeners of one machine. */
export class Hooks {
  private readonly lists: Lists = {
    step: [],
    exception: [],
    exceptionReturn: [],
    mmio: [],
    call: [],
    sysreg: [],
    interrupt: [],
    power: [],
    reset: [],
    restore: [],
  };
  private readonly changed: (name: Name) => void;

  /** @param changed - hears of every kind whose listeners changed, so that what nobody hears costs nothing */
  constructor(changed: (name: Name) => void) {
    this.changed = changed;
  }

  /** Adds a listener; the answer removes it again. */
  add<K extends Name>(name: K, listener: MachineHooks[K]): () => void {
    const list = this.lists[name];
    list.push(listener);
    this.changed(name);
    return () => {
      const at = list.indexOf(listener);
      if (at >= 0) list.splice(at, 1);
      this.changed(name);
    };
  }
  /** Somebody listens to this kind. */
  has(name: Name): boolean {
    return this.lists[name].length > 0;
  }
  /** Tells every listener of a kind. */
  tell<K extends Name>(name: K, ...args: Parameters<MachineHooks[K]>): void {
    const list = this.lists[name];
    if (list.length === 0) return;
    for (const listener of [...list]) (listener as (...a: unknown[]) => void)(...args);
  }
}

/** The parts of a machine that tell hooks only while somebody listens. */
export interface HookSources {
  readonly bus: Bus;
  readonly gic: Gic;
  readonly pes: readonly Pe[];
  readonly power: PowerWatch;
}

/** The listeners of a kind changed: its source is told whether to tell. */
export function connectHook(name: Name, hooks: Hooks, { bus, gic, pes, power }: HookSources): void {
  const heard = hooks.has(name);
  if (name === 'mmio') bus.hook = heard ? (access) => hooks.tell('mmio', access) : undefined;
  if (name === 'interrupt') gic.observer = heard ? (...what) => hooks.tell('interrupt', ...what) : undefined;
  if (name === 'sysreg') {
    for (const pe of pes)
      pe.listenToMoves(heard ? (register, write) => hooks.tell('sysreg', pe.s.index, register, write) : undefined);
  }
  if (name === 'power') power.listen(heard);
}
