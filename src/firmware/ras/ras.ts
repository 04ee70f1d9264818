/**
 * Firmware that sees hardware errors first: it writes them down as CPER and tells the operating system.
 *
 * Source: ACPI Specification 6.5, "ACPI Platform Error Interfaces (APEI)". The registers are one device; blocks and
 * buffers are memory that the operating system is told to leave alone. Guests can write that memory all the same: what
 * the firmware knows it keeps to itself, and from there it takes only what it checks.
 */
import type { Access, Device, PlainData } from '../../devices/device.ts';
import { encodeTime } from '../../tables/cper/timestamp.ts';
import { writeBootErrors } from './bert.ts';
import { EINJ_TYPES, Einj } from './einj.ts';
import { checkError, type RasError, type RasFacts, type RasSeverity, type Refuse, recordOf } from './errors.ts';
import { Erst } from './erst.ts';
import { Ghes, type RasListener, type Waiting } from './ghes.ts';
import type { RasHost } from './host.ts';
import { ERST_RANGE_BYTES, type RasLayout } from './layout.ts';
import { RAS_REGISTERS_BYTES, RAS_REGS, type RasRegisterName } from './registers.ts';
import type { CheckedSource, RasNotification } from './sources.ts';

/** What an error firmware is made of. */
export interface RasConfiguration {
  readonly sources: readonly CheckedSource[];
  readonly layout: RasLayout;
  readonly registersPa: bigint;
  /** Errors that happened before the first start. */
  readonly bootErrors: readonly RasError[];
  /** Records that the store holds at first. */
  readonly erstRecords: readonly Uint8Array[];
}

/** What became of an error. `kept`: no way was free; the machine resets, and the next start finds it in BERT. */
export type RasOutcome = 'recorded' | 'queued' | 'lost' | 'kept';

/** An error that was taken. */
export interface RasInjected {
  /** Numbered from 1 in the order in which errors happened. */
  readonly serial: number;
  readonly outcome: RasOutcome;
  /** The source it went to; undefined for `kept`. */
  readonly source: CheckedSource | undefined;
  /** The error status block. */
  readonly block: Uint8Array;
}

/** Ways by which an error goes that does not say one, best first. */
const WAYS: Readonly<Record<RasSeverity, readonly RasNotification[]>> = {
  corrected: ['sdei', 'gsiv', 'gpio', 'polled'],
  informational: ['sdei', 'gsiv', 'gpio', 'polled'],
  recoverable: ['sdei', 'sdei-critical', 'gsiv', 'gpio', 'polled'],
  fatal: ['sdei-critical', 'sdei', 'gsiv', 'gpio', 'polled'],
};
/** us: [63:32] most, [31:0] usual. */
const TIMINGS = [10, 100] as const;

/** Most fatal errors that are kept for the next start: as many as the boot error region has room for, and more. */
const KEPT_MAX = 16;

/** The CPER timestamp of a number of seconds since 1970. The civil calendar, proleptic Gregorian. */
export function timestampOf(seconds: number): bigint {
  const days = Math.floor(seconds / 86400);
  // Days from 0000-03-01, in eras of 400 years.
  const z = days + 719468;
  const era = Math.floor(z / 146097);
  const doe = z - era * 146097;
  const yoe = Math.floor((doe - Math.floor(doe / 1460) + Math.floor(doe / 36524) - Math.floor(doe / 146096)) / 365);
  const doy = doe - (365 * yoe + Math.floor(yoe / 4) - Math.floor(yoe / 100));
  const mp = Math.floor((5 * doy + 2) / 153);
  const month = mp < 10 ? mp + 3 : mp - 9;
  return encodeTime({
    year: yoe + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: doy - Math.floor((153 * mp + 2) / 5) + 1,
    hours: Math.floor(seconds / 3600) % 24,
    minutes: Math.floor(seconds / 60) % 60,
    seconds: seconds % 60,
    precise: true,
  });
}

/** See the head of the file. */
export class RasFirmware implements Device {
  readonly name: string;
  readonly sizeBytes = RAS_REGISTERS_BYTES;
  readonly config: RasConfiguration;
  readonly ghes: Ghes;
  readonly erst: Erst;
  private readonly host: RasHost;
  private readonly einj: Einj;
  private readonly tell: RasListener;
  private serial = 0;
  /** What the next start is to find: fatal errors that were handed over, and what could not be. */
  private kept: Waiting[] = [];
  private started = false;
  /** PEs whose next SError is the firmware's own. */
  private readonly own = new Set<number>();

  /** @param changed - the store of records changed */
  constructor(host: RasHost, config: RasConfiguration, tell: RasListener, changed: () => void, name = 'ras') {
    const { sources, layout, registersPa, erstRecords } = config;
    this.name = name;
    this.host = host;
    this.config = config;
    this.tell = tell;
    this.ghes = new Ghes(host, sources, layout, tell);
    this.erst = new Erst(host, layout.erstRangePa, erstRecords, changed);
    this.einj = new Einj(host, layout, registersPa, (error) => this.happens(error));
  }

  private get facts(): RasFacts {
    const { host } = this;
    return { mpidr: (pe) => host.mpidr(pe), midr: host.midr, timestamp: timestampOf(host.seconds()) };
  }

  // --- errors ---

  /**
   * An error happens. It goes to the source it names, else to the best one for its severity; a fatal one does not wait
   * behind others, but takes another way, or a reset.
   *
   * @param refuse - throws the user's error for what cannot be; nothing has happened then
   */
  inject(error: RasError, refuse: Refuse): RasInjected {
    checkError(error, this.host.peCount, refuse);
    const { block, severity } = recordOf(error, this.facts, refuse);
    const asked = this.sourceFor(error, severity, refuse);
    const waiting: Waiting = { serial: ++this.serial, block, severity, pe: error.pe ?? null };
    const { sources } = this.config;
    if (severity !== 'fatal') {
      return { serial: waiting.serial, outcome: this.ghes.submit(asked, waiting), source: sources[asked], block };
    }
    const free = this.ghes.isFree(asked) ? asked : this.freeWay();
    this.keep(waiting);
    if (free === undefined) {
      this.host.report('RAS: a fatal error, and no source is free for it: the machine resets, BERT has the record');
      this.host.systemReset();
      return { serial: waiting.serial, outcome: 'kept', source: undefined, block };
    }
    return { serial: waiting.serial, outcome: this.ghes.submit(free, waiting), source: sources[free], block };
  }

  /** An error that nobody outside described: what cannot be handed over is reported. */
  private happens(error: RasError): void {
    const refusal = (message: string): never => {
      throw new Refusal(message);
    };
    try {
      this.inject(error, refusal);
    } catch (problem) {
      if (!(problem instanceof Refusal)) throw problem;
      this.host.report(`RAS: an error could not be handed over and is lost: ${problem.message}`);
    }
  }

  private keep(error: Waiting): void {
    if (this.kept.length < KEPT_MAX) this.kept.push(error);
    else this.host.report(`RAS: ${KEPT_MAX} fatal errors are kept for the next start; further ones are not`);
  }

  /** Says what is wrong with an error, without making it happen. */
  check(error: RasError, refuse: Refuse): void {
    checkError(error, this.host.peCount, refuse);
    this.sourceFor(error, recordOf(error, this.facts, refuse).severity, refuse);
  }

  /** A source for a fatal error whose own is not free. */
  private freeWay(): number | undefined {
    for (const way of WAYS.fatal) {
      const n = this.config.sources.findIndex(({ notify }, place) => notify === way && this.ghes.isFree(place));
      if (n >= 0) return n;
    }
    return undefined;
  }

  private sourceFor(error: RasError, severity: RasSeverity, refuse: Refuse): number {
    const { sources } = this.config;
    const { notify, source } = error;
    const known = (): string => sources.map(({ id, notify: by }) => `${id} (${by})`).join(', ');
    if (source !== undefined) {
      const n = sources.findIndex(({ id, notify: by }) => id === source && by === (notify ?? by));
      return n >= 0 ? n : refuse(`source ${source}: there is none such. This machine has ${known()}.`);
    }
    for (const way of notify === undefined ? WAYS[severity] : [notify]) {
      const n = sources.findIndex(({ notify: by }) => by === way);
      if (n >= 0) return n;
    }
    return refuse(`notify '${notify ?? WAYS[severity][0]}': no source notifies so. This machine has ${known()}.`);
  }

  /**
   * A PE has met poison: the record is there before the PE takes its abort. While the record of an abort before is not
   * acknowledged it takes another way.
   *
   * @returns false when an SError is not the operating system's business: it is told in another way
   */
  consumed(pe: number, addrPa: bigint, kind: 'sea' | 'sei'): boolean {
    const error: RasError = { kind: 'memory', addr: addrPa, severity: 'recoverable', pe };
    const n = this.config.sources.findIndex(({ notify }, place) => notify === kind && this.ghes.isFree(place));
    if (n < 0) {
      this.happens(error);
      if (kind === 'sei') this.own.add(pe);
      return kind === 'sea';
    }
    const { block, severity } = recordOf(error, this.facts, assertNever);
    this.ghes.recordTaken(n, { serial: ++this.serial, block, severity, pe });
    return true;
  }
  /** An SError came to the firmware of which the operating system has been told in another way; true once. */
  ownsSError(pe: number): boolean {
    return this.own.delete(pe);
  }

  /** Some error waits for a PE at EL0. */
  get wantsEl0(): boolean {
    return this.ghes.wantsEl0;
  }
  /** A PE has come to EL0. */
  arrivedAtEl0(): void {
    this.ghes.settle();
  }
  /** To be called when the time has come that was asked for. */
  work(): void {
    this.ghes.work();
    this.ghes.settle();
  }

  // --- registers ---

  read(offset: number, access: Access): number {
    const slot = RAS_REGS.admit(offset, access.sizeBytes, 'read', (message) => this.host.report(message));
    if (slot === undefined) return 0;
    const upper = offset !== slot.offset;
    const half = (value: bigint): number => Number(upper ? value >> 32n : value & 0xffff_ffffn);
    const { layout } = this.config;
    const values: Partial<Record<RasRegisterName, () => number>> = {
      RAS_ACK: () => this.ghes.ackRegister(slot.index),
      EINJ_COMMAND: () => this.einj.command,
      EINJ_TYPES: () => EINJ_TYPES,
      EINJ_TYPE: () => this.einj.type,
      EINJ_STATUS: () => this.einj.status,
      EINJ_TRIGGER_TABLE: () => half(layout.einjTriggerPa),
      EINJ_TIMINGS: () => TIMINGS[upper ? 1 : 0],
      ERST_COMMAND: () => this.erst.command,
      ERST_OFFSET: () => this.erst.offset,
      ERST_ID: () => half(this.erst.id),
      ERST_STATUS: () => this.erst.status,
      ERST_COUNT: () => this.erst.count,
      // Neither a debugger nor the library goes on by looking.
      ERST_NEXT_ID: () => this.erst.nextIdHalf(upper, access.pe < 0),
      ERST_RANGE: () => half(layout.erstRangePa),
      ERST_RANGE_LENGTH: () => half(BigInt(ERST_RANGE_BYTES)),
      ERST_TIMINGS: () => TIMINGS[upper ? 1 : 0],
    };
    // What has no row here is always 0: nothing is ever busy, the buffer is plain memory.
    return values[slot.register.name]?.() ?? 0;
  }

  write(offset: number, value: number, access: Access): undefined {
    const slot = RAS_REGS.admit(offset, access.sizeBytes, 'write', (message) => this.host.report(message));
    if (slot === undefined) return;
    const { erst, einj } = this;
    const half = BigInt(value);
    const effects: Partial<Record<RasRegisterName, () => void>> = {
      RAS_ACK: () => {
        if (value & 1) this.ghes.acknowledge(slot.index);
      },
      EINJ_COMMAND: () => einj.write(value),
      EINJ_TYPE: () => {
        einj.type = value;
      },
      EINJ_TRIGGER: () => einj.trigger(),
      ERST_COMMAND: () => {
        erst.command = value;
      },
      ERST_OFFSET: () => {
        erst.offset = value;
      },
      ERST_ID: () => {
        erst.id = offset === slot.offset ? (erst.id & ~0xffff_ffffn) | half : (erst.id & 0xffff_ffffn) | (half << 32n);
      },
      ERST_EXECUTE: () => erst.execute(value),
    };
    effects[slot.register.name]?.();
  }

  // --- start and state ---

  /** A start: what was not acknowledged before it, and fatal errors, are in BERT now. */
  reset(): void {
    const left = this.ghes.reset();
    const errors = this.started ? this.beforeReset(left) : this.beforeStart();
    for (const { serial } of errors) this.tell('kept', serial, undefined, -1);
    this.started = true;
    this.kept = [];
    this.own.clear();
    this.erst.reset();
    this.einj.reset();
    this.host.wakeAt(undefined);
    this.ghes.initialize();
    this.host.writeMemory(this.config.layout.einjParameterPa, new Uint8Array(64));
    const out = writeBootErrors(this.host, this.config.layout.bertPa, errors);
    if (out.length > 0)
      this.host.report(`RAS: ${out.length} errors do not fit into the boot error region and are lost`);
  }
  private beforeReset(left: readonly Waiting[]): Waiting[] {
    const all = new Map([...this.kept, ...left].map((error) => [error.serial, error]));
    return [...all.values()].sort((a, b) => a.serial - b.serial);
  }
  private beforeStart(): Waiting[] {
    return this.config.bootErrors.map((error) => {
      const { block, severity } = recordOf(error, this.facts, assertNever);
      return { serial: ++this.serial, block, severity, pe: null };
    });
  }

  state(): PlainData {
    const { serial, kept, ghes, erst, einj, started } = this;
    const own = [...this.own].sort((a, b) => a - b);
    return { serial, kept: [...kept], own, started, ghes: ghes.state(), erst: erst.state(), einj: einj.state() };
  }
  load(state: PlainData): void {
    const { serial, kept, own, started, ghes, erst, einj } = state as {
      readonly own: readonly number[];
      readonly serial: number;
      readonly kept: readonly Waiting[];
      readonly started: boolean;
      readonly ghes: PlainData;
      readonly erst: PlainData;
      readonly einj: PlainData;
    };
    this.serial = serial;
    this.kept = [...kept];
    this.own.clear();
    for (const pe of own) this.own.add(pe);
    this.started = started;
    this.erst.load(erst);
    this.einj.load(einj);
    this.ghes.load(ghes);
  }
}

/** Something that the firmware itself asked for cannot be. */
class Refusal extends Error {}

const assertNever: Refuse = (message) => {
  throw new Error(`assertion: ${message}`);
};
