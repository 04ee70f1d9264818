/**
 * The operating system's half of the Software Delegated Exception Interface.
 *
 * What Linux's client does, from probe to panic: which locks are held around which call, what is replayed when a CPU
 * comes back, which stack a handler has, how it ends. DEN0054 has the calls.
 */
import { callAt, type Hosted, load, store } from '../../engine/hosted/effects.ts';
import { EVENT_INFO, ROUTING } from '../../firmware/sdei/functions.ts';
import type { Cpu } from '../kit/cpu.ts';
import { ERRNO } from '../kit/errno.ts';
import type { Kernel } from '../kit/kernel.ts';
import { AREA } from '../kit/layout.ts';
import { sdeiFunctions } from './entry.ts';
import { sdeiCall } from './firmware.ts';
import { installLifecycle } from './lifecycle.ts';
import { INTERFACE, RECORD, SdeiMemory, SLOT, SLOTS } from './records.ts';
import type { SdeiVariants } from './variants.ts';

/** What a callback is given. */
export interface SdeiEventContext {
  readonly event: bigint;
  /** Registers that were interrupted: fields of `RECORD`, X0 to X30 at 8 times their number. */
  readonly record: bigint;
  readonly critical: boolean;
  /** What was given at registration. */
  readonly argument: bigint;
}
/** Runs in NMI context, everything masked; a negative result says that it failed. */
export type SdeiCallback = (cpu: Cpu, context: SdeiEventContext) => Hosted<bigint>;

/** What a client is told. */
export interface SdeiClientOptions {
  /** The kernel is not mapped while EL0 runs, and handlers are entered by a trampoline; default false. */
  readonly kpti?: boolean;
  readonly variants?: SdeiVariants;
}

/** Most attempts of an unregistration that waits for a handler. */
const UNREGISTER_ATTEMPTS = 3;
/** Time between two of them. */
const UNREGISTER_PAUSE_NS = 2000n;

/** One client in one kernel. Callbacks are declared before the kernel's program is made; the rest is hosted code. */
export class SdeiClient {
  readonly kernel: Kernel;
  readonly kpti: boolean;
  readonly variants: SdeiVariants;
  readonly memory: SdeiMemory;
  private readonly callbacks = new Map<string, SdeiCallback>();

  constructor(kernel: Kernel, { kpti = false, variants = {} }: SdeiClientOptions = {}) {
    this.kernel = kernel;
    this.kpti = kpti;
    this.variants = variants;
    this.memory = new SdeiMemory(kernel, variants.oneRecord ?? false);
    for (const [name, f] of Object.entries(sdeiFunctions(kernel, this))) kernel.addFunction(name, f);
    installLifecycle(this);
    kernel.onCall('sdei.register', (cpu, slot) => this.registerHere(cpu, Number(slot)));
    kernel.onCall('sdei.enable', (cpu, slot) => this.onSlot(cpu, 'SDEI_EVENT_ENABLE', Number(slot)));
    kernel.onCall('sdei.disable', (cpu, slot) => this.onSlot(cpu, 'SDEI_EVENT_DISABLE', Number(slot)));
    kernel.onCall('sdei.unregister', (cpu, slot) => this.onSlot(cpu, 'SDEI_EVENT_UNREGISTER', Number(slot)));
  }

  // --- callbacks ---

  /** Declares what can be done for events, by name. */
  onEvent(name: string, callback: SdeiCallback): void {
    this.callbacks.set(name, callback);
  }
  /** @internal */
  callback(n: number): SdeiCallback {
    return [...this.callbacks.values()][n]!;
  }
  private callbackIndex(name: string): bigint {
    const n = [...this.callbacks.keys()].indexOf(name);
    if (n < 0)
      throw new Error(`SDEI callback '${name}': there is none. Declared: ${[...this.callbacks.keys()].join(', ')}.`);
    return BigInt(n);
  }

  // --- calls ---

  /** Calls the firmware, unless the interface is broken: then EIO. */
  *call(name: Parameters<typeof sdeiCall>[1], ...args: bigint[]): Hosted<bigint> {
    if ((yield* load(this.memory.state)) === INTERFACE.BROKEN) return ERRNO.EIO;
    return yield* sdeiCall(this.kernel.options.conduit, name, ...args);
  }
  /** Where the firmware enters. */
  get entryVa(): bigint {
    return this.kernel.address(this.kpti && !this.variants.noTrampoline ? 'sdeiTrampoline' : 'sdeiEntry');
  }
  /** @internal REGISTER of a slot for this CPU, or for all. */
  *registerHere(cpu: Cpu, slot: number): Hosted<bigint> {
    const event = (yield* load(this.memory.slot(slot, SLOT.event))) - 1n;
    const shared = (yield* load(this.memory.slot(slot, SLOT.shared))) !== 0n;
    const record = this.memory.record(slot, shared ? 0 : cpu.pe);
    return yield* this.call('SDEI_EVENT_REGISTER', event, this.entryVa, record, ROUTING.RM_ANY, 0n);
  }
  /** @internal A call about the event of a slot, on this CPU. */
  *onSlot(_cpu: Cpu, name: Parameters<typeof sdeiCall>[1], slot: number): Hosted<bigint> {
    return yield* this.call(name, (yield* load(this.memory.slot(slot, SLOT.event))) - 1n);
  }
  /** A call about a slot: once for a shared event, on every CPU for a private one; the first error by CPU counts. */
  private *everywhere(cpu: Cpu, what: 'register' | 'enable' | 'disable' | 'unregister', slot: number): Hosted<bigint> {
    if ((yield* load(this.memory.slot(slot, SLOT.shared))) !== 0n) {
      if (what === 'register') return yield* this.registerHere(cpu, slot);
      return yield* this.onSlot(cpu, `SDEI_EVENT_${what.toUpperCase()}` as 'SDEI_EVENT_ENABLE', slot);
    }
    const leaving = what === 'unregister' && (yield* load(this.memory.slot(slot, SLOT.leaving))) !== 0n;
    const results = yield* cpu.callOn(`sdei.${what}`, BigInt(slot));
    const signed = results.map((r) => BigInt.asIntN(64, r ?? 0n));
    // Unregistered where no handler ran, by the attempt before this one.
    return signed.find((r) => r < 0n && !(leaving && r === ERRNO.EPERM)) ?? 0n;
  }
  /** Writes words of a slot under the list's lock. */
  private *note(cpu: Cpu, slot: number, words: Partial<Record<keyof typeof SLOT, bigint>>): Hosted {
    const flags = yield* cpu.spinLock(this.memory.list);
    for (const [name, value] of Object.entries(words))
      yield* store(this.memory.slot(slot, SLOT[name as keyof typeof SLOT]), value);
    yield* cpu.spinUnlock(this.memory.list, flags);
  }

  // --- the API; threads alone may use it ---

  /** Registers an event with a callback: 0, EBUSY, ENOMEM, EIO, or what the firmware said. */
  *register(cpu: Cpu, event: bigint, callback: string, argument = 0n): Hosted<bigint> {
    yield* cpu.mutexLock(this.memory.events);
    const result = yield* this.registerLocked(cpu, event, this.callbackIndex(callback), argument);
    yield* cpu.mutexUnlock(this.memory.events);
    return result;
  }
  private *registerLocked(cpu: Cpu, event: bigint, callback: bigint, argument: bigint): Hosted<bigint> {
    if ((yield* this.memory.find(event)) !== undefined) return ERRNO.EBUSY;
    const slot = yield* this.create(cpu, event, callback, argument);
    if (typeof slot === 'bigint') return slot;
    const { hotplug } = this.kernel.words;
    yield* cpu.mutexLock(hotplug);
    const error = yield* this.everywhere(cpu, 'register', slot);
    if (error === 0n) yield* this.note(cpu, slot, { reregister: 1n });
    else {
      const shared = (yield* load(this.memory.slot(slot, SLOT.shared))) !== 0n;
      if (!shared && !this.variants.noRollback) yield* this.everywhere(cpu, 'unregister', slot);
      yield* this.note(cpu, slot, { event: 0n });
    }
    yield* cpu.mutexUnlock(hotplug);
    return error;
  }
  /** A slot with its records, or why there is none. */
  private *create(cpu: Cpu, event: bigint, callback: bigint, argument: bigint): Hosted<number | bigint> {
    const critical = yield* this.call('SDEI_EVENT_GET_INFO', event, BigInt(EVENT_INFO.PRIORITY));
    if (critical < 0n) return critical;
    const shared = yield* this.call('SDEI_EVENT_GET_INFO', event, BigInt(EVENT_INFO.TYPE));
    if (shared < 0n) return shared;
    const slot = yield* this.memory.find(-1n);
    if (slot === undefined) return ERRNO.ENOMEM;
    for (let pe = 0; pe < this.kernel.options.cpus; pe++) {
      const record = this.memory.record(slot, pe);
      for (const [field, value] of [
        [RECORD.event, event],
        [RECORD.critical, critical],
        [RECORD.callback, callback],
        [RECORD.argument, argument],
      ] as const)
        yield* store(record + field, value);
    }
    yield* this.note(cpu, slot, { shared, critical, reregister: 0n, reenable: 0n, leaving: 0n, event: event + 1n });
    return slot;
  }

  /** Enables a registered event, on all CPUs and on those that come. */
  enable(cpu: Cpu, event: bigint): Hosted<bigint> {
    return this.onEventLocked(cpu, event, true, function* (client, slot) {
      const error = yield* client.everywhere(cpu, 'enable', slot);
      if (error === 0n) yield* client.note(cpu, slot, { reenable: 1n });
      return error;
    });
  }
  /** Disables it; a CPU that comes while this is under way finds it disabled. */
  disable(cpu: Cpu, event: bigint): Hosted<bigint> {
    return this.onEventLocked(cpu, event, !this.variants.noHotplugLock, function* (client, slot) {
      yield* client.note(cpu, slot, { reenable: 0n });
      return yield* client.everywhere(cpu, 'disable', slot);
    });
  }
  /** Unregisters it: 0, or EINPROGRESS while a handler runs; then it is to be tried again. */
  unregister(cpu: Cpu, event: bigint): Hosted<bigint> {
    return this.onEventLocked(cpu, event, !this.variants.noHotplugLock, function* (client, slot) {
      yield* client.note(cpu, slot, { reregister: 0n, reenable: 0n });
      const error = yield* client.everywhere(cpu, 'unregister', slot);
      const before = (yield* load(client.memory.slot(slot, SLOT.leaving))) !== 0n;
      // The attempt before this one has unregistered it; only its handler was still running.
      const done = error === 0n || (error === ERRNO.EPERM && before && !client.variants.retryFails);
      if (done || client.variants.forgetsPending) yield* client.note(cpu, slot, { event: 0n });
      else if (error === ERRNO.EINPROGRESS) yield* client.note(cpu, slot, { leaving: 1n });
      return done ? 0n : error;
    });
  }
  /** Mutex first, then, so that no CPU comes or goes before the OS's view and the firmware's agree, the hotplug lock. */
  private *onEventLocked(
    cpu: Cpu,
    event: bigint,
    keepsCpus: boolean,
    body: (client: SdeiClient, slot: number) => Hosted<bigint>,
  ): Hosted<bigint> {
    yield* cpu.mutexLock(this.memory.events);
    const slot = yield* this.memory.find(event);
    const { hotplug } = this.kernel.words;
    if (keepsCpus) yield* cpu.mutexLock(hotplug);
    const result = slot === undefined ? ERRNO.EINVAL : yield* body(this, slot);
    if (keepsCpus) yield* cpu.mutexUnlock(hotplug);
    yield* cpu.mutexUnlock(this.memory.events);
    return result;
  }

  // --- hardware errors ---

  /** Registers and enables the event of a hardware error source, with the callback for its priority. */
  *registerGhes(
    cpu: Cpu,
    event: bigint,
    callbacks: { normal: string; critical: string },
    argument = 0n,
  ): Hosted<bigint> {
    // 0 is the event that software signals.
    if (event === 0n) return ERRNO.EINVAL;
    const critical = yield* this.call('SDEI_EVENT_GET_INFO', event, BigInt(EVENT_INFO.PRIORITY));
    if (critical < 0n) return critical;
    const error = yield* this.register(cpu, event, critical ? callbacks.critical : callbacks.normal, argument);
    return error !== 0n ? error : yield* this.enable(cpu, event);
  }
  /** Disables and unregisters it, waiting for handlers that run. */
  *unregisterGhes(cpu: Cpu, event: bigint): Hosted<bigint> {
    const error = yield* this.disable(cpu, event);
    if (error !== 0n) return error;
    for (let n = 1; ; n++) {
      const result = yield* this.unregister(cpu, event);
      if (result !== ERRNO.EINPROGRESS || n === UNREGISTER_ATTEMPTS) return result;
      yield* cpu.delay(UNREGISTER_PAUSE_NS);
    }
  }

  // --- panic ---

  /**
   * Ends the handlers that this CPU is in, so that interrupts work again; what they interrupted is lost. At most one of
   * each priority runs. Whether one does the firmware knows best: between its entry and the first steps of a handler,
   * and between the last ones and its completion, nothing here says so.
   */
  *abortHandlers(cpu: Cpu): Hosted {
    for (const word of [AREA.sdeiCritical, AREA.sdeiNormal]) {
      yield* callAt(this.kernel.address('sdeiAbort'));
      yield* store(cpu.at(word), 0n);
    }
  }
  /** Slots in use. */
  *registered(): Hosted<number> {
    let count = 0;
    for (let n = 0; n < SLOTS; n++) if ((yield* load(this.memory.slot(n, SLOT.event))) !== 0n) count++;
    return count;
  }
}
