/** Everything the future of a machine depends on, in one place: saved, put back, fingerprinted. */
import { ARCHITECTURAL_BYTES } from '../arch/pestate.ts';
import type { Pe } from '../cpu/pe.ts';
import type { PlainData } from '../devices/device.ts';
import type { Gic } from '../devices/gic.ts';
import type { GuestMemory } from '../engine/memory.ts';
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
}

/** The state of one machine. What follows from other state is not in it, and is worked out again on `restore`. */
export class WholeState {
  private readonly identity = Symbol('machine');
  private readonly memory: GuestMemory;
  private readonly parts: StatefulParts;
  private readonly fingerprint: Digest;

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
  capture({ steps, timeNs, ended }: Moment): Snapshot {
    const { pes, scheduler } = this.parts;
    for (const pe of pes) pe.s.settle();
    return {
      machine: this.identity,
      ram: this.memory.capture(),
      pes: pes.map((pe) => ({
        block: this.memory.u8.slice(pe.s.base, pe.s.base + ARCHITECTURAL_BYTES),
        extra: pe.state(),
      })),
      devices: this.deviceState(),
      time: { steps, timeNs },
      schedule: scheduler.state(),
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
    const { pes, events, gic, devices, firmware, scheduler, timers } = this.parts;
    this.memory.restore(snapshot.ram);
    events.clear();
    snapshot.pes.forEach(({ block, extra }, n) => {
      this.memory.u8.set(block, pes[n]!.s.base);
      pes[n]!.load(extra);
    });
    scheduler.load(snapshot.schedule);
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
    d.data({ steps, timeNs, schedule: scheduler.state(), ended: ended ?? null });
    d.ram();
    return d.finish();
  }
}
