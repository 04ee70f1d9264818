/**
 * Random storms against the SDEI client: CPUs come and go, events are registered and thrown away, all from two
 * threads, under a random schedule, while events arrive at random boundaries. One number makes one storm.
 */
import { PE_STATE } from '../../src/arch/pestate.ts';
import { WAIT } from '../../src/cpu/waiting.ts';
import { type ErrorSource, memoryBlock, PLACE, PlayedFirmware } from '../../src/experiments/errors.ts';
import { Rig } from '../../src/experiments/rig.ts';
import { SDEI_EVENTS_DEFAULT, type SdeiEvent } from '../../src/firmware/sdei/events.ts';
import { HostedError } from '../../src/hosted.ts';
import { deadlock } from '../../src/os/kit/deadlock.ts';
import { AREA, areaOf } from '../../src/os/kit/layout.ts';
import type { SdeiVariants } from '../../src/os/sdei/variants.ts';
import { Rng } from '../support/rng.ts';
import {
  type Current,
  EVENTS,
  newTally,
  type Storm,
  type StormKernel,
  stormKernel,
  type Tally,
} from './storm-kernel.ts';

export { newTally, type Storm, stormOf, type Tally } from './storm-kernel.ts';

const STEPS_MAX = 300_000;
/** Steps until the threads begin. */
const READY_STEPS_MAX = 150_000;
/** Steps between two looks from outside. */
const LOOK_STEPS = 1000;
/** Times that the same ring of waiting CPUs must be found, one after the other. */
const RING_ROUNDS = 20;
/** Looks until everything must have been handled once nothing new comes. */
const SETTLE_ROUNDS = 40;

const GHES_SPI = 100;
/** Events of error sources: nobody else's. */
const GHES_EVENTS: readonly SdeiEvent[] = [
  { number: 3004, type: 'private', priority: 'normal' },
  { number: 3005, type: 'private', priority: 'critical' },
  { number: 3006, type: 'shared', priority: 'normal' },
];
const SOURCES: readonly ErrorSource[] = [
  { notify: 'SDEI', vector: 3004 },
  { notify: 'SDEI', vector: 3005 },
  { notify: 'SDEI', vector: 3006 },
  { notify: 'externalInterrupt', vector: GHES_SPI },
];
/** Most records of a storm, and how many of the drops bring one: a record takes thousands of steps. */
const RECORDS_MAX = 16;
const RECORD_PERCENT = 20;
/** Page of the first record; each has one of its own. */
const FIRST_PFN = 0x4_0800n;

/** Priority and kind of all events that rain. */
const PRIVATE_OR_SHARED = new Map([...SDEI_EVENTS_DEFAULT, ...GHES_EVENTS].map((e) => [e.number, e]));

/** A machine that stands at the beginning of all storms of a kind. */
interface Prepared extends StormKernel {
  readonly rig: Rig;
  readonly firmware: PlayedFirmware | undefined;
  readonly current: Current;
  readonly mark: ReturnType<Rig['mark']>;
}
class NeverReady extends Error {}
const prepared = new Map<string, Prepared>();

function prepare(storm: Storm, variants: SdeiVariants): Prepared {
  const key = JSON.stringify([storm.cpus, storm.pseudoNmi, storm.ghes, variants]);
  const before = prepared.get(key);
  if (before) return before;
  const current: Current = { storm, tally: newTally(), pages: new Set() };
  const made = stormKernel(storm, { variants, ghesSpi: GHES_SPI, hestPa: PLACE.hestPa }, current);
  const { kernel, ghes, functions } = made;
  const rig = new Rig({
    hosted: ghes ? ghes.program(functions) : kernel.program(functions),
    entry: kernel.entry,
    cpus: storm.cpus,
    sdei: { events: [...SDEI_EVENTS_DEFAULT, ...GHES_EVENTS] },
  });
  const firmware = ghes && new PlayedFirmware(rig, SOURCES);
  rig.machine.runUntil(() => rig.text.endsWith('ready\n'), { steps: READY_STEPS_MAX });
  if (!rig.text.endsWith('ready\n')) throw new NeverReady(`the threads never begin; console: ${rig.text}`);
  const all = { ...made, rig, firmware, current, mark: rig.mark() };
  prepared.set(key, all);
  return all;
}

/** What comes from outside for as long as the machine runs. */
class Rain {
  /** Events that were accepted and are still to be handled, by when they were raised. */
  readonly pending = new Map<string, number>();
  /** Pages that records told of. */
  readonly told = new Set<bigint>();
  /** Nothing new comes, so that it can be seen that everything old is handled. */
  paused = false;
  /** Sources are about to be given back. */
  recordsOver = false;
  private readonly rng: Rng;
  private readonly on: Prepared;
  private readonly off: () => void;

  constructor(on: Prepared) {
    this.on = on;
    const { current, rig } = on;
    this.rng = new Rng(`rain ${current.storm.seed}`);
    const normal = new Set<number>();
    this.off = rig.machine.sdei.onMove((pe, event, operation) => {
      const { tally } = current;
      if (operation === 'DISPATCH' || operation === 'UNREGISTER') this.pending.delete(keyOf(event, pe));
      const critical = PRIVATE_OR_SHARED.get(event)!.priority === 'critical';
      if (operation === 'DISPATCH') {
        tally.dispatched++;
        if (critical) tally.critical++;
        if (critical && normal.has(pe)) tally.nested++;
        if (!critical) normal.add(pe);
      } else if (operation.startsWith('COMPLETE') && !critical) normal.delete(pe);
    });
    this.next();
  }
  stop(): void {
    this.off();
  }

  private next(): void {
    const { machine } = this.on.rig;
    machine.at(machine.steps + 30 + this.rng.below(700), () => {
      this.fall();
      this.next();
    });
  }
  private drop(event: number, pe: number): void {
    const { machine } = this.on.rig;
    if (machine.sdei.signal(event, { pe })) this.pending.set(keyOf(event, pe), machine.steps);
  }
  private fall(): void {
    const { rng } = this;
    const { cpus } = this.on.current.storm;
    const event = Number(rng.pick(EVENTS.flat()));
    const pe = rng.below(cpus);
    if (!this.paused) {
      this.drop(event, pe);
      if (rng.percent(40)) this.drop(event, (pe + 1) % cpus);
    }
    if (this.on.firmware) this.errors(this.on.firmware, pe);
  }
  /** A new record in a source that has room; a source whose event was lost with its CPU raises it again. */
  private errors(firmware: PlayedFirmware, pe: number): void {
    const { rng } = this;
    const { machine } = this.on.rig;
    firmware.lower();
    const n = rng.below(SOURCES.length);
    const { notify, vector = 0 } = SOURCES[n]!;
    if (!firmware.acknowledged(n)) {
      if (notify === 'SDEI' && !this.pending.has(keyOf(vector, pe))) this.drop(vector, pe);
      return;
    }
    if (this.recordsOver || this.told.size === RECORDS_MAX || !rng.percent(RECORD_PERCENT)) return;
    const pfn = FIRST_PFN + BigInt(this.told.size);
    this.told.add(pfn);
    firmware.put(n, memoryBlock({ severity: 'recoverable', addr: pfn << 12n }));
    if (notify === 'SDEI') this.drop(vector, pe);
    else {
      machine.gic.set(vector, true);
      this.lowerSoon(firmware);
    }
  }
  /** The line falls soon after the acknowledgement, or the interrupt comes again and again. */
  private lowerSoon(firmware: PlayedFirmware): void {
    const { machine } = this.on.rig;
    machine.at(machine.steps + 50, () => {
      firmware.lower();
      if (!firmware.acknowledged(SOURCES.length - 1)) this.lowerSoon(firmware);
    });
  }

  /** What is still to be handled by a CPU that is up, or undefined. */
  waiting(): string | undefined {
    const { rig, current, firmware } = this.on;
    for (const { number, handlers } of rig.machine.sdei.state().events)
      for (const [pe, { state, latch }] of handlers.entries()) {
        const off = rig.machine.pes[pe]!.s.get32(PE_STATE.waitState) === WAIT.OFF;
        if (state === 3 && latch && !(off && handlers.length > 1)) return `event ${number} on PE ${pe} stays pending`;
      }
    if (!firmware) return undefined;
    for (const n of SOURCES.keys()) if (!firmware.acknowledged(n)) return `the record of source ${n} stays`;
    for (const pfn of this.told) if (!current.pages.has(pfn)) return `page 0x${pfn.toString(16)} is not taken away`;
    return undefined;
  }
}
const keyOf = (event: number, pe: number): string =>
  PRIVATE_OR_SHARED.get(event)!.type === 'shared' ? `${event}` : `${event} on PE ${pe}`;

/** Looks from outside whether CPUs wait for each other for ever, and whether what came is handled. */
class Look {
  private ring: string | undefined;
  private rounds = 0;
  private settling = 0;
  private readonly on: Prepared;
  private readonly rain: Rain;

  constructor(on: Prepared, rain: Rain) {
    this.on = on;
    this.rain = rain;
  }
  /** What is wrong, or undefined. */
  again(): string | undefined {
    const { rig, settlingPa, settledPa } = this.on;
    const ring = deadlock(rig.machine);
    this.rounds = ring !== undefined && ring === this.ring ? this.rounds + 1 : 0;
    this.ring = ring;
    if (this.rounds === RING_ROUNDS) return `deadlock: ${ring}`;
    if (rig.word(settlingPa) === 0n || rig.word(settledPa) !== 0n) return undefined;
    this.rain.paused = this.rain.recordsOver = true;
    const waiting = this.rain.waiting();
    if (waiting === undefined) {
      rig.setWord(settledPa, 1n);
      this.rain.paused = false;
    } else if (++this.settling > SETTLE_ROUNDS) return `lost: ${waiting}`;
    return undefined;
  }
}

/** What the kernel must have left behind at its end. */
function verdict(on: Prepared, rain: Rain): string | undefined {
  const { rig, ghes, kernel } = on;
  const said = rig.text
    .slice(on.mark.text.length)
    .replace(/^(\{\d+\}\[Hardware Error\]|Memory failure|ghes_print).*\n/gm, '');
  if (said !== 'done') return said.trim();
  for (const { number, handlers } of rig.machine.sdei.state().events)
    for (const [pe, { state }] of handlers.entries())
      if (state !== 0) return `event ${number} on PE ${pe} is left with status ${state}`;
  const lost = [...rain.pending].map(([key, step]) => `${key} of step ${step}`);
  if (lost.length) return `lost: ${lost.join(', ')}`;
  for (const pe of rig.machine.pes.keys())
    if (rig.word(areaOf(pe) + AREA.nmiDepth) !== 0n) return `CPU ${pe} counts NMIs`;
  const locks = { console: kernel.words.console, call: kernel.words.call, hotplug: kernel.words.hotplug };
  const all = { ...locks, list: on.client.memory.list, events: on.client.memory.events, ghes: ghes?.words.lockIrq };
  for (const [name, va] of Object.entries(all)) if (va && rig.word(va) !== 0n) return `the lock '${name}' is held`;
  const waiting = ghes && rain.waiting();
  return waiting && `lost: ${waiting}`;
}

/** Runs a storm; what is wrong, or undefined. `tally` is added to. */
export function runStorm(storm: Storm, variants: SdeiVariants = {}, tally: Tally = newTally()): string | undefined {
  try {
    return runPrepared(prepare(storm, variants), storm, tally);
  } catch (error) {
    if (error instanceof HostedError || error instanceof NeverReady) return error.message;
    throw error;
  }
}
function runPrepared(on: Prepared, storm: Storm, tally: Tally): string | undefined {
  const { rig, current } = on;
  const { machine } = rig;
  rig.back(on.mark);
  Object.assign(current, { storm, tally, pages: new Set() });
  machine.useSchedule({ kind: 'random', seed: storm.seed, stepsMax: storm.turnMax });
  const rain = new Rain(on);
  const look = new Look(on, rain);
  const from = machine.steps;
  try {
    for (;;) {
      const { reason } = machine.run({ steps: LOOK_STEPS });
      if (reason !== 'limit') return reason === 'poweroff' ? verdict(on, rain) : `the machine ended by ${reason}`;
      const wrong = look.again();
      if (wrong) return wrong;
      if (machine.steps - from > STEPS_MAX) return `no end after ${STEPS_MAX} steps; console: ${rig.text}`;
    }
  } finally {
    rain.stop();
    tally.steps += machine.steps - from;
    tally.records += current.pages.size;
  }
}
