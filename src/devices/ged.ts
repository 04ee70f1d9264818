/**
 * The registers behind the ACPI Generic Event Device: what happened, for the AML method that is told of the interrupt.
 *
 * ACPI Specification 6.5, "Generic Event Device", leaves registers to the platform; these are those of QEMU's `virt`
 * (QEMU documentation, "QEMU and ACPI BIOS Generic Event Device interface"). The line is high while an event is
 * pending, and every event makes a new edge, so that none is lost whether the interrupt is taken as edge or as level,
 * and whenever the guest begins to look.
 *
 * Not modelled: QEMU's registers for sleep and reset, which this board does with PSCI.
 *
 * What a hostile guest can do, and what stops it: read events away from itself (they are its own); access the register
 * in another width or write it (the register map refuses and reports).
 */
import type { Access, Device, Line, PlainData, Report } from './device.ts';
import { regmap } from './regmap.ts';

/** Bits of the selector. QEMU documentation, "QEMU and ACPI BIOS Generic Event Device interface". */
export const GED_EVENT = {
  /** The power button was pressed. */
  POWER: 0x2,
  /** An error source has something to read. */
  ERROR: 0x20,
} as const;

/** Register of the GED. */
export const GED_REGS = regmap(
  'GED',
  { sizeBytes: 4, source: 'QEMU, "QEMU and ACPI BIOS Generic Event Device interface"' },
  {
    GED_EVT_SEL: {
      at: 0,
      access: 'RO',
      fields: { POWER: [1, 1], ERROR: [5, 5] },
      doc: 'events since the last read; reading clears',
    },
  },
);

/** What the GED is connected to. */
export interface GedHost {
  readonly irq: Line;
  readonly report: Report;
}

/** See the head of the file. */
export class Ged implements Device {
  readonly name: string;
  readonly sizeBytes = GED_REGS.sizeBytes;
  readonly #host: GedHost;
  #selector = 0;

  constructor(host: GedHost, name = 'ged') {
    this.#host = host;
    this.name = name;
  }

  /** Something happened: bits of {@link GED_EVENT}. */
  raise(events: number): void {
    if (events <= 0 || events > 0xffff_ffff) throw new Error(`assertion: GED events ${events}`);
    this.#selector = (this.#selector | events) >>> 0;
    this.#host.irq.set(false);
    this.#host.irq.set(true);
  }

  /** Events that were raised and not read. */
  get pending(): number {
    return this.#selector;
  }

  read(offset: number, access: Access): number {
    const slot = GED_REGS.admit(offset, access.sizeBytes, 'read', this.#host.report);
    if (slot === undefined) return 0;
    const selector = this.#selector;
    // Neither a debugger nor the library takes an event away by looking at it.
    if (access.pe >= 0) {
      this.#selector = 0;
      this.#host.irq.set(false);
    }
    return selector;
  }

  write(offset: number, _value: number, access: Access): undefined {
    GED_REGS.admit(offset, access.sizeBytes, 'write', this.#host.report);
  }

  state(): PlainData {
    return { selector: this.#selector };
  }

  load(state: PlainData): void {
    this.#selector = (state as { readonly selector: number }).selector;
    this.#host.irq.set(this.#selector !== 0);
  }

  reset(): void {
    this.#selector = 0;
    this.#host.irq.set(false);
  }
}
