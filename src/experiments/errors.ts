/** Firmware that hands errors over, played from outside: its table, its blocks, its notifications. */
import { VIRT_INTIDS } from '../machine/board/virt.ts';
import type { MachineOptions } from '../machine/options.ts';
import { Ghes, type GhesOptions } from '../os/ghes/ghes.ts';
import type { Cpu } from '../os/kit/cpu.ts';
import { Kernel, type KernelFunction, type KernelOptions } from '../os/kit/kernel.ts';
import { memoryRegister } from '../tables/acpi/gas.ts';
import { encodeHest } from '../tables/acpi/hest.ts';
import { NOTIFICATION } from '../tables/acpi/notification.ts';
import { encodeStatusBlock } from '../tables/cper/block.ts';
import { SEVERITY } from '../tables/cper/names.ts';
import { Rig } from './rig.ts';

/** Where the firmware keeps its things. */
export const PLACE = {
  hestPa: 0x40c0_0000n,
  addressesPa: 0x40c1_0000n,
  acksPa: 0x40c1_0800n,
  blocksPa: 0x40c2_0000n,
} as const;
const BLOCK_STRIDE = 0x1_2000n;
/** A page of RAM that a kernel reads to meet an abort. */
export const POISON_PA = 0x40be_0000n;
/** SDEI events of the machine that firmware raises: private ones of both priorities. */
export const EVENT = { normal: 3000, critical: 3001 } as const;

/** One error source. */
export interface ErrorSource {
  readonly notify: keyof typeof NOTIFICATION;
  /** SDEI event or INTID. */
  readonly vector?: number;
  readonly pollMs?: number;
  /** Default 2. */
  readonly version?: 1 | 2;
  /** Declared length of a block; default 4096. */
  readonly blockBytes?: number;
  /** Offset of the block in its page, to have it cross one. */
  readonly offset?: number;
}

/** A status block with one memory error. */
export function memoryBlock({
  severity = 'corrected',
  addr = 0x4050_0000n,
  fruText = '',
  pages = 0,
  threshold = false,
}: MemoryBlock = {}): Uint8Array {
  const section = {
    kind: 'memory',
    fields: { physicalAddress: addr, memoryErrorType: 3, errorStatus: 0x400n },
  } as const;
  const rest = pages > 0 ? [bigEntry(pages, severity)] : [];
  return encodeStatusBlock({
    entries: [
      {
        errorSeverity: SEVERITY[severity],
        flags: threshold ? 8 : 0,
        ...(fruText ? { fruText } : {}),
        section,
      },
      ...rest,
    ],
  });
}
/** See `memoryBlock`. */
export interface MemoryBlock {
  readonly severity?: keyof typeof SEVERITY;
  readonly addr?: bigint;
  readonly fruText?: string;
  /** So many pages of a vendor's section behind it. */
  readonly pages?: number;
  readonly threshold?: boolean;
}
function bigEntry(pages: number, severity: keyof typeof SEVERITY) {
  const bytes = Uint8Array.from({ length: pages * 4096 }, (_, n) => (n * 7) & 0xff);
  const type = '9f2d0c3b-5a1e-4a77-8a52-6d1f00000001';
  return {
    errorSeverity: SEVERITY[severity],
    sectionType: type,
    section: { kind: 'bytes', bytes } as const,
  };
}

/** The firmware. */
export class PlayedFirmware {
  readonly sources: readonly ErrorSource[];
  readonly rig: Rig;

  constructor(rig: Rig, sources: readonly ErrorSource[]) {
    this.rig = rig;
    this.sources = sources;
    const table = encodeHest({
      sources: sources.map((source, n) => {
        const common = {
          sourceId: n + 1,
          errorStatusAddress: memoryRegister(PLACE.addressesPa + BigInt(8 * n), 8),
          notification: {
            type: NOTIFICATION[source.notify],
            vector: source.vector ?? 0,
            pollIntervalMs: source.pollMs ?? 0,
          },
          errorStatusBlockLengthBytes: source.blockBytes ?? 4096,
        };
        if (source.version === 1) return { kind: 'GHES', ...common };
        const readAckRegister = memoryRegister(PLACE.acksPa + BigInt(8 * n), 8);
        return {
          kind: 'GHESv2',
          ...common,
          readAckRegister,
          readAckPreserve: ~1n & 0xffff_ffff_ffff_ffffn,
          readAckWrite: 1n,
        };
      }),
    });
    rig.machine.writeMemory(PLACE.hestPa, table);
    sources.forEach((_, n) => {
      rig.setWord(PLACE.addressesPa + BigInt(8 * n), this.blockPa(n));
      rig.setWord(PLACE.acksPa + BigInt(8 * n), 1n);
    });
  }
  /** Where a source's block is. */
  blockPa(n: number): bigint {
    return PLACE.blocksPa + BigInt(n) * BLOCK_STRIDE + BigInt(this.sources[n]!.offset ?? 0);
  }
  /** The operating system has given the block back: by its acknowledgement, or, in version 1, by its status. */
  acknowledged(n: number): boolean {
    return this.sources[n]!.version === 1 ? this.status(n) === 0n : this.rig.word(PLACE.acksPa + BigInt(8 * n)) === 1n;
  }
  /** Block status in memory. */
  status(n: number): bigint {
    return this.rig.word(this.blockPa(n)) & 0xffff_ffffn;
  }
  /** Puts a record into the block of a source, which then is the operating system's. */
  put(n: number, block: Uint8Array): void {
    this.rig.setWord(PLACE.acksPa + BigInt(8 * n), 0n);
    this.rig.machine.writeMemory(this.blockPa(n), block);
  }
  /**
   * Puts a record, and notifies: by an event, an SError, or a line that stays high until `lower`. False when an event
   * was refused.
   */
  raise(n: number, block: Uint8Array, pe = 0): boolean {
    this.put(n, block);
    const { notify, vector = 0 } = this.sources[n]!;
    const { machine } = this.rig;
    if (notify === 'SDEI') return machine.sdei.signal(vector, { pe });
    if (notify === 'SEI') machine.serror(pe, SERROR_RECOVERABLE);
    else if (notify === 'externalInterrupt') machine.gic.set(vector, true);
    return true;
  }
  /** Lowers the lines of sources whose block was given back. */
  lower(): void {
    this.sources.forEach(({ notify, vector = 0 }, n) => {
      if (notify === 'externalInterrupt' && this.acknowledged(n)) this.rig.machine.gic.set(vector, false);
    });
  }
}

/** AET 3 (recoverable), DFSC 0x11. */
const SERROR_RECOVERABLE = (3 << 10) | 0x11;

/** A kernel with the handler, on a machine with the firmware. */
export interface ErrorRig {
  readonly rig: Rig;
  readonly firmware: PlayedFirmware;
  readonly ghes: Ghes;
  readonly kernel: Kernel;
  /** 1 once the handler is up, 2 where `main` says so. */
  readonly stagePa: bigint;
}
/** What `errorRig` is told. */
export interface ErrorRigOptions extends Omit<GhesOptions, 'hestPa' | 'interrupts'> {
  readonly sources: readonly ErrorSource[];
  readonly kernel?: KernelOptions;
  readonly machine?: MachineOptions;
  /** Runs before the handler comes up. */
  readonly before?: (cpu: Cpu) => ReturnType<KernelFunction>;
  /** Runs when it is up. */
  readonly main: (cpu: Cpu, at: { readonly stagePa: bigint; readonly ghes: Ghes }) => ReturnType<KernelFunction>;
}

/** Makes all of it; nothing has run yet. */
export function errorRig({ sources, kernel: options, machine, before, main, ...rest }: ErrorRigOptions): ErrorRig {
  const kernel = new Kernel(options);
  const stagePa = kernel.variable('stage');
  const interrupts = sources.flatMap(({ notify, vector }) =>
    notify === 'externalInterrupt' && vector !== undefined ? [vector] : [],
  );
  const ged = { intid: VIRT_INTIDS.ACPI_GED, selectorPa: 0x0908_0000n };
  const ghes: Ghes = new Ghes(kernel, { hestPa: PLACE.hestPa, interrupts, ged, ...rest });
  const program = ghes.program({
    *main(cpu) {
      if (before) yield* before(cpu);
      yield* ghes.init(cpu);
      yield* main(cpu, { stagePa, ghes });
    },
  });
  const { cpus, gic } = kernel.options;
  const rig = new Rig({ hosted: program, entry: kernel.entry, cpus, gic, ...machine });
  return { rig, firmware: new PlayedFirmware(rig, sources), ghes, kernel, stagePa };
}
