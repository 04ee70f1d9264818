/** Everything the future of a machine depends on, in one place: saved, put back, fingerprinted. */
import { ARCHITECTURAL_BYTES } from '../arch/pestate.ts';
import type { HostedCode } from '../cpu/hosted.ts';
import type { Pe } from '../cpu/pe.ts';
import type { PlainData } from '../devices/device.ts';
import type { Gic } from '../devices/gic.ts';
import { type GuestMemory, PAGE_BYTES } from '../engine/memory.ts';
import type { ImagePage } from '../engine/pages.ts';
import { RAM_BASE } from '../engine/records.ts';
import type { BoardDevices } from './devices.ts';
import { Digest } from './digest.ts';
import type { Firmware } from './el3.ts';
import { MachineError } from './errors.ts';
import type { EventQueue } from './events.ts';
import type { Scheduler } from './scheduler.ts';
import type { TimerEvents } from './timer-events.ts';
import type { Snapshot } from './types.ts';

/** Where a machine is in its own time. */
export interface Moment {
  readonly steps: number;
  readonly timeNs: number;
  readonly ended: 'poweroff' | 'reset' | undefined;
}

/** The parts whose state is the machine's. */
export interface StatefulParts {
  readonly pes: readonly Pe[];
  readonly events: EventQueue;
  readonly gic: Gic;
  readonly devices: BoardDevices;
  readonly firmware: Firmware | undefined;
  readonly scheduler: Scheduler;
  readonly timers: TimerEvents;
  readonly hosted: HostedCode | undefined;
}

/** Hears of a write to RAM: offset into RAM, length. */
export type WriteListener = (offset: number, sizeBytes: number) => void;

/** The state of all devices by the names of their parts: `gic`, `firmware`, each device, and what lies between. */
export function partsOf(state: PlainData): Readonly<Record<string, PlainData>> {
  const { gic, firmware, board } = state as Readonly<Record<string, PlainData>>;
  const { devices, ...between } = board as Readonly<Record<string, PlainData>>;
  return { gic: gic!, firmware: firmware!, board: between, ...(devices as Record<string, PlainData>) };
}

/** The inverse of `partsOf`. */
export function stateOfParts(parts: Readonly<Record<string, PlainData>>): PlainData {
  const { gic, firmware, board, ...devices } = parts;
  return { gic: gic!, firmware: firmware!, board: { ...(board as object), devices } };
}

/** The state of one machine. What follows from other state is not in it, and is worked out again on `restore`. */
export class WholeState {
  private readonly identity = Symbol('machine');
  private readonly memory: GuestMemory;
  private readonly parts: StatefulParts;
  private readonly fingerprint: Digest;
  private writeListeners: readonly WriteListener[] = [];

  constructor(memory: GuestMemory, parts: StatefulParts) {
    this.memory = memory;
    this.parts = parts;
    this.fingerprint = new Digest(memory);
  }

  private deviceState(): PlainData {
    const { gic, devices, firmware } = this.parts;
    return {
      gic: gic.state(),
      board: devices.state(),
      firmware: (firmware?.state() ?? []) as unknown as PlainData,
    };
  }

  /** The state at this boundary. RAM is shared with the snapshot until it changes. */
  capture(moment: Moment): Snapshot {
    const { pes, ...state } = this.withoutRam(moment);
    const kept = pes.map(({ block, extra }) => ({ block: block.slice(), extra }));
    return { ...state, pes: kept, ram: this.memory.capture() };
  }
  /** The state at this boundary but for RAM, for comparisons: blocks of PEs are shared, and change with the machine. */
  withoutRam({ steps, timeNs, ended }: Moment): Omit<Snapshot, 'ram'> {
    const { pes, scheduler } = this.parts;
    for (const pe of pes) pe.s.settle();
    return {
      machine: this.identity,
      pes: pes.map((pe) => ({
        block: this.memory.u8.subarray(pe.s.base, pe.s.base + ARCHITECTURAL_BYTES),
        extra: pe.state(),
      })),
      devices: this.deviceState(),
      time: { steps, timeNs },
      schedule: scheduler.state(),
      hosted: this.parts.hosted?.image() ?? [],
      ended,
    };
  }

  /** @throws MachineError `E_SNAPSHOT` for a snapshot of another machine */
  check(snapshot: Snapshot): void {
    if (snapshot.machine === this.identity) return;
    throw new MachineError('E_SNAPSHOT', 'restore: the snapshot is of another machine.');
  }

  /** Puts every part back; the machine has set its own clock before. */
  restore(snapshot: Snapshot): void {
    const { pes, events, gic, devices, firmware, scheduler, timers, hosted } = this.parts;
    this.memory.restore(snapshot.ram);
    events.clear();
    snapshot.pes.forEach(({ block, extra }, n) => {
      this.memory.u8.set(block, pes[n]!.s.base);
      pes[n]!.load(extra);
    });
    scheduler.load(snapshot.schedule);
    hosted?.load(snapshot.hosted);
    const saved = snapshot.devices as { readonly [name: string]: PlainData };
    gic.load(saved.gic!);
    devices.load(saved.board!);
    firmware?.load(saved.firmware as unknown as Parameters<Firmware['load']>[0]);
    for (const pe of pes) timers.restored(pe);
  }

  /** Fingerprint of all of it, 32 hexadecimal digits. */
  digest({ steps, timeNs, ended }: Moment): string {
    const { pes, scheduler } = this.parts;
    const d = this.fingerprint;
    d.begin();
    for (const pe of pes) {
      pe.s.settle();
      d.region(pe.s.base, ARCHITECTURAL_BYTES);
      d.data(pe.state() as unknown as PlainData);
    }
    d.data(this.deviceState());
    if (this.parts.hosted) d.data(this.parts.hosted.activations.summary());
    d.data({ steps, timeNs, schedule: scheduler.state(), ended: ended ?? null });
    d.ram();
    return d.finish();
  }

  /** Fingerprints of the parts by their names; RAM in pieces of 16 MiB that are not all zero. */
  digests({ steps, timeNs, ended }: Moment): Record<string, string> {
    const { pes, scheduler, hosted } = this.parts;
    const found: Record<string, string> = {};
    const part = (name: string, data: PlainData, block?: number): void => {
      this.fingerprint.begin();
      if (block !== undefined) this.fingerprint.region(block, ARCHITECTURAL_BYTES);
      this.fingerprint.data(data);
      found[name] = this.fingerprint.finish();
    };
    for (const pe of pes) {
      pe.s.settle();
      part(`pe ${pe.s.index}`, pe.state() as unknown as PlainData, pe.s.base);
    }
    for (const [name, data] of Object.entries(partsOf(this.deviceState()))) part(name, data);
    part('time', { steps, timeNs, schedule: scheduler.state(), ended: ended ?? null });
    if (hosted) part('hosted', hosted.activations.summary());
    for (const { addrPa, digest } of this.fingerprint.ramPieces()) found[`ram 0x${addrPa.toString(16)}`] = digest;
    return found;
  }

  /**
   * Tells a listener of every write to RAM before it is made, whoever makes it, as an offset into RAM. Stores take the
   * slow path while somebody listens; the steps are the same.
   *
   * @returns ends it
   */
  watchWrites(listener: WriteListener): () => void {
    this.listenToWrites([...this.writeListeners, listener]);
    return () => this.listenToWrites(this.writeListeners.filter((other) => other !== listener));
  }
  private listenToWrites(listeners: readonly WriteListener[]): void {
    this.writeListeners = listeners;
    const all: WriteListener = (offset, sizeBytes) => {
      for (const listener of listeners) listener(offset, sizeBytes);
    };
    this.memory.writeObserver = listeners.length === 0 ? undefined : all;
    // No store may go past the listener by a translation that was cached before.
    this.memory.flushTranslations();
  }
  /** Bytes of RAM at an offset, within one page; shared: read only. */
  ramAt(offset: number, sizeBytes: number): Uint8Array {
    return this.memory.u8.subarray(RAM_BASE + offset, RAM_BASE + offset + sizeBytes);
  }

  /** Pages of RAM that may differ from those of a snapshot, with what they hold there: read only. */
  changedPages(snapshot: Snapshot): readonly ImagePage[] {
    this.check(snapshot);
    return this.memory.changedSince(snapshot.ram);
  }

  /** Pages of RAM of a snapshot that are not known to be all zero, ascending; the bytes are shared: read only. */
  pages(snapshot: Snapshot): Iterable<{ readonly page: number; readonly bytes: Uint8Array }> {
    this.check(snapshot);
    return this.memory.imagePages(snapshot.ram);
  }

  /**
   * Makes a snapshot of this machine out of one that was kept elsewhere. What is in RAM now is lost.
   *
   * @param pages - pages of RAM that are not all zero
   */
  adopt(
    saved: Omit<Snapshot, 'machine' | 'ram'>,
    pages: Iterable<{ readonly page: number; readonly bytes: Uint8Array }>,
  ): Snapshot {
    const there = new Set<number>();
    for (const { page, bytes } of pages) {
      there.add(page);
      this.memory.write(page * PAGE_BYTES, bytes);
    }
    const zeros = new Uint8Array(PAGE_BYTES);
    for (const page of this.memory.touchedPages()) if (!there.has(page)) this.memory.write(page * PAGE_BYTES, zeros);
    return { ...saved, machine: this.identity, ram: this.memory.capture() };
  }
}
