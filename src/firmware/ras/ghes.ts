/**
 * The hand-over of errors: one block for each source, a bounded queue behind it, and who may touch the block when.
 *
 * Source: ACPI Specification 6.5, "Generic Hardware Error Source version 2 (GHESv2 - Type 10)": a block that was handed
 * over is not changed until the operating system has acknowledged it. In version 1 a block status of 0 says so.
 */
import type { PlainData } from '../../devices/device.ts';
import { markOverflow, type RasSeverity } from './errors.ts';
import type { RasHost } from './host.ts';
import type { RasLayout } from './layout.ts';
import type { CheckedSource } from './sources.ts';

/** Most errors of one source that wait for an acknowledgement: a storm costs no more memory than this. */
export const RAS_QUEUE_MAX = 16;
/** Virtual time between two looks at what says nothing by itself. */
const RETRY_NS = 1_000_000;
/** Looks after which a notification that is refused is given up: 10 s. */
const RETRIES_MAX = 10_000;
/**
 * Virtual time after which an SDEI event is raised again while its error is still in the block and others wait behind
 * it: a client that had no room for the record leaves it there. Linux, ghes_in_nmi_queue_one_entry().
 */
const REMIND_NS = 100_000_000;
/** Reminders of one error: who has not taken it in 10 s does not live any more. */
const REMINDERS_MAX = 100;

/** An error on its way. */
export interface Waiting {
  readonly [name: string]: PlainData;
  /** Numbered from 1 in the order in which they happened. */
  readonly serial: number;
  readonly block: Uint8Array;
  readonly severity: RasSeverity;
  /** The PE to notify; null for whichever can be. */
  readonly pe: number | null;
}

/**
 * What happens to errors, for whoever tells of it. `pe` is the PE notified, -1 where it is none in particular; an error
 * that is kept is at no source.
 */
export type RasListener = (what: RasHappening, serial: number, source: CheckedSource | undefined, pe: number) => void;
/**
 * `queued`: waits for an acknowledgement. `recorded`: is in the block of its source. `notified`: the operating system
 * was told. `acknowledged`: it gave the block back. `lost`: no room. `kept`: it is in BERT after a reset.
 */
export type RasHappening = 'queued' | 'recorded' | 'notified' | 'acknowledged' | 'lost' | 'kept';

/** What a source has done since the machine was made. */
export interface SourceCounters {
  readonly [name: string]: PlainData;
  readonly recorded: number;
  readonly acknowledged: number;
  readonly lost: number;
}

interface SourceState {
  /** The error in the block, while the block is the operating system's. */
  held: Waiting | null;
  queue: Waiting[];
  /** The notification of `held` is still to be made. */
  notifyDue: boolean;
  retries: number;
  /** When `held` was last told, ns. */
  notifiedNs: number;
  reminders: number;
  counters: SourceCounters;
}

const fresh = (counters: SourceCounters): SourceState => ({
  held: null,
  queue: [],
  notifyDue: false,
  retries: 0,
  notifiedNs: 0,
  reminders: 0,
  counters,
});
const ZERO: SourceCounters = { recorded: 0, acknowledged: 0, lost: 0 };

/** All sources. */
export class Ghes {
  readonly sources: readonly CheckedSource[];
  private readonly host: RasHost;
  private readonly layout: RasLayout;
  private readonly tell: RasListener;
  private states: SourceState[];

  constructor(host: RasHost, sources: readonly CheckedSource[], layout: RasLayout, tell: RasListener) {
    this.host = host;
    this.sources = sources;
    this.layout = layout;
    this.tell = tell;
    this.states = sources.map(() => fresh(ZERO));
  }

  /** The block of a source is the firmware's, and nobody waits for it. */
  isFree(n: number): boolean {
    this.look(n);
    return this.states[n]!.held === null;
  }
  /** What the read-ack register of a source shows. */
  ackRegister(n: number): number {
    return this.sources[n] && this.states[n]!.held ? 0 : 1;
  }
  /** Counters of a source, and how many wait. */
  counters(n: number): SourceCounters & { readonly waiting: number } {
    const { counters, queue } = this.states[n]!;
    return { ...counters, waiting: queue.length };
  }

  /** Takes an error for a source; what cannot be recorded at once waits, and what cannot wait is counted as lost. */
  submit(n: number, error: Waiting): 'recorded' | 'queued' | 'lost' {
    this.look(n);
    const state = this.states[n]!;
    if (state.held === null) {
      this.record(n, error);
      return 'recorded';
    }
    if (state.queue.length < RAS_QUEUE_MAX) {
      state.queue.push(error);
      this.tell('queued', error.serial, this.sources[n]!, -1);
      this.wake();
      return 'queued';
    }
    const last = state.queue.at(-1)!;
    const block = last.block.slice();
    markOverflow(block);
    state.queue[state.queue.length - 1] = { ...last, block };
    this.lose(n, error);
    return 'lost';
  }
  private lose(n: number, error: Waiting): void {
    const state = this.states[n]!;
    const { id, notify } = this.sources[n]!;
    state.counters = { ...state.counters, lost: state.counters.lost + 1 };
    this.tell('lost', error.serial, this.sources[n]!, -1);
    this.host.report(
      `RAS: an error for source ${id} (${notify}) is lost: ${RAS_QUEUE_MAX} wait, and the operating system has not ` +
        'acknowledged the one before them',
    );
  }

  /** The operating system wrote the read-ack register of a source. */
  acknowledge(n: number): void {
    const state = this.states[n];
    if (!state?.held || this.sources[n]!.ghes !== 2) return;
    this.release(n);
    this.wake();
  }
  private release(n: number): void {
    const state = this.states[n]!;
    const { serial } = state.held!;
    state.held = null;
    state.notifyDue = false;
    state.counters = { ...state.counters, acknowledged: state.counters.acknowledged + 1 };
    this.tell('acknowledged', serial, this.sources[n]!, -1);
  }
  /** Without a register, whether the block was given back is in the block. */
  private look(n: number): void {
    if (this.sources[n]!.ghes !== 1 || !this.states[n]!.held) return;
    const status = this.host.readMemory(this.layout.sources[n]!.blockPa, 4);
    if (status.every((byte) => byte === 0)) this.release(n);
  }

  /** Records an error of which its PE is being told; the source is free. */
  recordTaken(n: number, error: Waiting): void {
    this.put(n, error);
    this.states[n]!.notifyDue = false;
    this.tell('notified', error.serial, this.sources[n]!, error.pe ?? -1);
  }
  private record(n: number, error: Waiting): void {
    this.put(n, error);
    // An abort is taken at a boundary of its own.
    if (this.isAbort(n)) this.wake();
    else this.notify(n);
  }
  private put(n: number, error: Waiting): void {
    const state = this.states[n]!;
    state.held = error;
    state.notifyDue = true;
    state.retries = 0;
    state.reminders = 0;
    state.counters = { ...state.counters, recorded: state.counters.recorded + 1 };
    const { blockPa } = this.layout.sources[n]!;
    // Whoever finds a block status that is not 0 finds everything else complete.
    this.host.writeMemory(blockPa + 4n, error.block.subarray(4));
    this.host.writeMemory(blockPa, error.block.subarray(0, 4));
    this.tell('recorded', error.serial, this.sources[n]!, -1);
  }

  private notify(n: number): void {
    const state = this.states[n]!;
    const source = this.sources[n]!;
    const { serial, pe } = state.held!;
    const told = this.tryNotify(source, pe);
    if (told === undefined) {
      if (this.isAbort(n)) return;
      if (++state.retries <= RETRIES_MAX) return this.wake();
      this.host.report(`RAS: source ${source.id} (${source.notify}) could not notify; its error waits in its block`);
    }
    state.notifyDue = false;
    state.notifiedNs = this.host.nowNs();
    if (told !== undefined && told !== 'left') this.tell('notified', serial, source, told);
  }

  /** The PE that was told, -1 for none in particular, `left` to be found, undefined when it has to be tried again. */
  private tryNotify(source: CheckedSource, pe: number | null): number | 'left' | undefined {
    const { notify, event } = source;
    const pes = pe === null ? Array.from({ length: this.host.peCount }, (_, n) => n) : [pe];
    if (notify === 'polled') return 'left';
    if (notify === 'gsiv' || notify === 'gpio') {
      this.host.raiseGed();
      return -1;
    }
    if (notify === 'sea' || notify === 'sei') {
      const there = pes.find((one) => this.host.atEl0(one));
      if (there !== undefined) this.host.abort(there, notify);
      return there;
    }
    const all = [...pes, ...Array.from({ length: this.host.peCount }, (_, n) => n)];
    let refused = false;
    for (const one of new Set(all)) {
      const raised = this.host.raiseSdei(event, one);
      if (raised === 'accepted') return one;
      refused ||= raised === 'refused';
    }
    // Nobody has registered: a driver that comes later looks into the block before it waits for events.
    return refused ? undefined : 'left';
  }

  /** Some source waits for a PE at EL0. */
  get wantsEl0(): boolean {
    return this.states.some(({ notifyDue }, n) => notifyDue && this.isAbort(n));
  }
  private canAbort(n: number): boolean {
    const { pe } = this.states[n]!.held!;
    if (pe !== null) return this.host.atEl0(pe);
    for (let one = 0; one < this.host.peCount; one++) if (this.host.atEl0(one)) return true;
    return false;
  }
  private isAbort(n: number): boolean {
    const { notify } = this.sources[n]!;
    return notify === 'sea' || notify === 'sei';
  }

  /** Goes on with whatever waits: heads of queues, notifications. */
  work(): void {
    this.states.forEach((state, n) => {
      this.look(n);
      if (state.held === null) {
        const next = state.queue.shift();
        if (next) this.record(n, next);
      } else if (state.notifyDue) this.notify(n);
      else if (this.needsReminder(n) && this.host.nowNs() >= state.notifiedNs + REMIND_NS) this.remind(n);
    });
  }
  private needsReminder(n: number): boolean {
    const { held, queue, notifyDue, reminders } = this.states[n]!;
    const { notify } = this.sources[n]!;
    const bySdei = notify === 'sdei' || notify === 'sdei-critical';
    return bySdei && held !== null && queue.length > 0 && !notifyDue && reminders < REMINDERS_MAX;
  }
  private remind(n: number): void {
    const state = this.states[n]!;
    state.reminders++;
    state.notifiedNs = this.host.nowNs();
    const status = this.host.readMemory(this.layout.sources[n]!.blockPa, 4);
    if (status.some((byte) => byte !== 0)) this.tryNotify(this.sources[n]!, state.held!.pe);
  }
  private wake(): void {
    this.host.wakeAt(this.dueNs());
  }
  /** When `work` is to be called next. */
  private dueNs(): number | undefined {
    const now = this.host.nowNs();
    let due: number | undefined;
    this.states.forEach((state, n) => {
      const ready =
        state.held === null ? state.queue.length > 0 : state.notifyDue && this.isAbort(n) && this.canAbort(n);
      const again = (state.notifyDue && !this.isAbort(n)) || (this.sources[n]!.ghes === 1 && state.queue.length > 0);
      const remindNs = this.needsReminder(n) ? state.notifiedNs + REMIND_NS : Number.POSITIVE_INFINITY;
      if (remindNs < (due ?? Number.POSITIVE_INFINITY)) due = remindNs;
      if (ready) due = now;
      else if (again) due = Math.min(due ?? Number.POSITIVE_INFINITY, now + RETRY_NS);
    });
    return due;
  }
  /** Something may have changed that work waits for. */
  settle(): void {
    this.wake();
  }

  /** Every error that nobody has acknowledged, in order; all blocks are the firmware's again. */
  reset(): Waiting[] {
    const left: Waiting[] = [];
    this.states.forEach((state, n) => {
      this.look(n);
      if (state.held) left.push(state.held);
      left.push(...state.queue);
      this.states[n] = fresh(state.counters);
    });
    return left.sort((a, b) => a.serial - b.serial);
  }
  /** Writes what the operating system finds at its start: addresses of blocks, and blocks without an error. */
  initialize(): void {
    for (const { statusAddressPa, blockPa } of this.layout.sources) {
      const address = new Uint8Array(8);
      new DataView(address.buffer).setBigUint64(0, blockPa, true);
      this.host.writeMemory(statusAddressPa, address);
      this.host.writeMemory(blockPa, new Uint8Array(20));
    }
  }

  /** Everything, as plain data. */
  state(): PlainData {
    return this.states.map((state) => ({ ...state, queue: [...state.queue] }));
  }
  /** The inverse of `state`; wakes at the time that follows from it. */
  load(state: PlainData): void {
    this.states = (state as unknown as readonly SourceState[]).map((one) => ({ ...one, queue: [...one.queue] }));
    this.wake();
  }
}
