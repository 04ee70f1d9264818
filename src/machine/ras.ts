/** The firmware that sees hardware errors first, on a machine: its options, its tables, and what a user can do with it. */
import type { PlainData } from '../devices/device.ts';
import { checkError, type RasError, recordOf } from '../firmware/ras/errors.ts';
import { splitRecords } from '../firmware/ras/erst.ts';
import type { RasListener, SourceCounters } from '../firmware/ras/ghes.ts';
import type { RasHost } from '../firmware/ras/host.ts';
import { rasLayout } from '../firmware/ras/layout.ts';
import { RasFirmware, type RasInjected } from '../firmware/ras/ras.ts';
import { type CheckedSource, checkSources, RAS_SOURCES_DEFAULT, type RasSource } from '../firmware/ras/sources.ts';
import { rasTables } from '../firmware/ras/tables.ts';
import type { AcpiContribution } from './board/acpi.ts';
import { VIRT_INTIDS, VIRT_MEMORY_MAP } from './board/virt.ts';
import { MachineError } from './errors.ts';
import type { Gate } from './outside.ts';
import type { CheckedSdei } from './sdei.ts';

/** The error firmware of a machine with ACPI: everything has a default. */
export interface RasOptions {
  /** Default: one source for each notification that Linux takes on arm64. */
  readonly sources?: readonly RasSource[];
  /** Errors that happened before the first start: the guest finds them in BERT. */
  readonly bootErrors?: readonly RasError[];
  /** CPER records, one behind the other, that the persistent store behind ERST holds at first. */
  readonly erstRecords?: Uint8Array;
}

/** Options with defaults filled in and checked. */
export interface CheckedRas {
  readonly sources: readonly CheckedSource[];
  readonly bootErrors: readonly RasError[];
  readonly erstRecords: Uint8Array;
}

const refuse = (message: string): never => {
  throw new MachineError('E_RAS', message);
};

/** Why a source cannot have its SDEI event, or undefined. */
function eventProblem({ notify, event }: CheckedSource, sdei: false | CheckedSdei): string | undefined {
  if (notify !== 'sdei' && notify !== 'sdei-critical') return undefined;
  if (!sdei) return 'this machine has no SDEI dispatcher. Leave the source out, or leave out `sdei: false`.';
  const found = sdei.events.find(({ number }) => number === event);
  if (!found) return `there is no SDEI event ${event}. Add it under sdei.events, or choose another.`;
  if (found.interrupt !== undefined || found.signalable) return `SDEI event ${event} is not raised by firmware.`;
  const priority = notify === 'sdei' ? 'normal' : 'critical';
  return found.priority === priority ? undefined : `SDEI event ${event} has priority ${found.priority}.`;
}

/**
 * Fills in defaults: sources that were not declared are left out where the machine cannot have them.
 *
 * @throws MachineError `E_RAS` naming what is impossible, sources by their entry
 */
export function checkRas(options: RasOptions, sdei: false | CheckedSdei, pes: number): CheckedRas {
  const sources = checkSources(options.sources ?? RAS_SOURCES_DEFAULT, refuse);
  const usable = sources.filter((source) => {
    const problem = eventProblem(source, sdei);
    if (problem && options.sources) refuse(`ras.sources, id ${source.id}: ${problem}`);
    return problem === undefined;
  });
  const { bootErrors = [], erstRecords = new Uint8Array() } = options;
  splitRecords(erstRecords, (message) => refuse(`ras.erstRecords: ${message}`));
  bootErrors.forEach((error, n) => {
    const wrong = (message: string): never => refuse(`ras.bootErrors[${n}]: ${message}`);
    checkError(error, pes, wrong);
    recordOf(error, { mpidr: () => 0n, midr: 0n, timestamp: 0n }, wrong);
  });
  return { sources: usable, bootErrors, erstRecords };
}

const BLOCK_BYTES = 0x1_0000n;

/** Where the firmware's memory is: at the end of RAM, in whole blocks of 64 KiB. */
function layoutOf({ sources }: CheckedRas, memoryBytes: number) {
  const { sizeBytes } = rasLayout(0n, sources.length);
  const rounded = ((BigInt(sizeBytes) + BLOCK_BYTES - 1n) / BLOCK_BYTES) * BLOCK_BYTES;
  return rasLayout(VIRT_MEMORY_MAP.ram.basePa + BigInt(memoryBytes) - rounded, sources.length);
}

/** Tables and memory for ACPI. */
export function rasContribution(ras: CheckedRas, memoryBytes: number): AcpiContribution {
  const layout = layoutOf(ras, memoryBytes);
  return {
    firmwareSizeBytes: layout.sizeBytes,
    tables: (firmwarePa) => {
      if (firmwarePa !== layout.basePa) throw new Error(`assertion: firmware memory at 0x${firmwarePa.toString(16)}`);
      const registersPa = VIRT_MEMORY_MAP.ras.basePa;
      return rasTables({ sources: ras.sources, layout, registersPa, gedIntid: VIRT_INTIDS.ACPI_GED });
    },
  };
}

/** Makes the device; `changed` hears that the store behind ERST changed. */
export function makeRas(
  options: CheckedRas,
  memoryBytes: number,
  host: RasHost,
  tell: RasListener,
  changed: () => void,
): RasFirmware {
  const { sources, bootErrors, erstRecords } = options;
  const registersPa = VIRT_MEMORY_MAP.ras.basePa;
  const records = splitRecords(erstRecords, refuse);
  const layout = layoutOf(options, memoryBytes);
  const config = { sources, bootErrors, layout, registersPa, erstRecords: records };
  return new RasFirmware(host, config, tell, changed, `ras@${registersPa.toString(16)}`);
}

/** What a machine's user can do with its error firmware: make errors happen, and look. */
export class MachineRas {
  /** The firmware itself; undefined on a machine without one. */
  readonly firmware: RasFirmware | undefined;
  private readonly gate: Gate;
  private readonly listeners: RasListener[] = [];
  private readonly storeListeners: ((bytes: Uint8Array) => void)[] = [];

  /** @param make - makes the firmware, given whom it tells of errors and of its store */
  constructor(gate: Gate, make: ((tell: RasListener, storeChanged: () => void) => RasFirmware) | undefined) {
    this.gate = gate;
    const tell: RasListener = (...args) => {
      for (const listener of [...this.listeners]) listener(...args);
    };
    this.firmware = make?.(tell, () => {
      for (const listener of [...this.storeListeners]) listener(this.firmware!.erst.bytes);
    });
  }

  private existing(): RasFirmware {
    if (this.firmware) return this.firmware;
    const advice = "Make it with tables: 'acpi' (or 'both'), and without ras: false.";
    throw new MachineError('E_RAS', `ras: this machine has no firmware that handles errors. ${advice}`);
  }

  /** The error sources there are, by ascending id; none without the firmware. */
  get sources(): readonly CheckedSource[] {
    return this.firmware?.config.sources ?? [];
  }
  /** What each source has done, in their order: errors recorded, acknowledged, lost, waiting. */
  get counters(): readonly (SourceCounters & { readonly waiting: number })[] {
    return this.sources.map((_, n) => this.firmware!.ghes.counters(n));
  }
  /** The persistent store behind ERST: CPER records, one behind the other. @throws MachineError `E_RAS` */
  get erstRecords(): Uint8Array {
    return this.existing().erst.bytes;
  }

  /**
   * Makes an error happen, at this boundary (during a step at the boundary after it).
   *
   * @throws MachineError `E_RAS` saying why it cannot be
   */
  inject(error: RasError): RasInjected {
    const firmware = this.existing();
    return this.gate.enter('ras.inject', error as unknown as PlainData, () => firmware.inject(error, refuse));
  }

  /** @throws MachineError `E_RAS` saying why `inject` would refuse an error */
  check(error: RasError): void {
    this.existing().check(error, refuse);
  }

  /** Adds a listener of what becomes of errors; the answer removes it again. */
  on(listener: RasListener): () => void {
    this.listeners.push(listener);
    return () => {
      const at = this.listeners.indexOf(listener);
      if (at >= 0) this.listeners.splice(at, 1);
    };
  }
  /** Adds a listener of the store behind ERST: it gets all records, whenever one was written or cleared. */
  onStoreChanged(listener: (records: Uint8Array) => void): void {
    this.storeListeners.push(listener);
  }
}
