/** The state of a machine outside of any machine: what the file of a snapshot holds. */
import type { PlainData } from '../../devices/device.ts';
import type { PlainActivation } from '../../engine/hosted/activation.ts';
import type { BootPlan } from '../../firmware/boot/boot.ts';
import type { ProgramImage } from '../options.ts';
import type { DriveContent, DriveRecord } from './drives.ts';

/** One PE: registers by Arm's names, and what is not a register. */
export interface StoredPe {
  readonly registers: Readonly<Record<string, bigint>>;
  readonly extra: PlainData;
}

/** See the head of the file. */
export interface StoredMachine {
  /** What the machine was made with, without images, disks and other things that are no plain data. */
  readonly options: Readonly<Record<string, PlainData>>;
  /** What a reset loads. */
  readonly boot: BootPlan | undefined;
  readonly programs: readonly ProgramImage[];
  readonly time: { readonly steps: number; readonly timeNs: number };
  readonly schedule: PlainData;
  readonly ended: 'poweroff' | 'reset' | undefined;
  readonly pes: readonly StoredPe[];
  /** State of everything else by the names of its parts. */
  readonly parts: Readonly<Record<string, PlainData>>;
  readonly hosted: readonly PlainActivation[];
  readonly drives: readonly { readonly record: DriveRecord; readonly content: DriveContent | undefined }[];
  /** Pages of RAM that are not known to be all zero, ascending: number of the page from the start of RAM. */
  pages(): Iterable<{ readonly page: number; readonly bytes: Uint8Array }>;
}
