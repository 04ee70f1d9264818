/** A machine on its way to another thread: what a file of it would hold, as data that threads share or copy. */

import { PAGE_BYTES } from '../../engine/memory.ts';
import type { BootPlan } from '../../firmware/boot/boot.ts';
import type { Machine } from '../machine.ts';
import type { ProgramImage } from '../options.ts';
import type { Snapshot } from '../types.ts';
import { collect } from './collect.ts';
import { type LoadOptions, machineOf } from './files.ts';
import type { Codec } from './sections.ts';
import type { StoredMachine } from './stored.ts';

/** See the head of the file. Everything in it can be posted; what is large lies in memory that threads share. */
export interface HandedMachine extends Omit<StoredMachine, 'pages'> {
  /** Numbers of the pages of RAM that are not all zero, ascending. */
  readonly pageNumbers: Int32Array;
  /** Their content, one behind the other. */
  readonly pageBytes: Uint8Array;
}

/** Bytes that threads share. */
export function sharedBytes(sizeBytes: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(sizeBytes));
}
function shared(bytes: Uint8Array): Uint8Array {
  const copy = sharedBytes(bytes.length);
  copy.set(bytes);
  return copy;
}
function sharedBoot(boot: BootPlan | undefined): BootPlan | undefined {
  return boot && { ...boot, segments: boot.segments.map((segment) => ({ ...segment, bytes: shared(segment.bytes) })) };
}

function isZero(bytes: Uint8Array): boolean {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  for (let n = 0; n < words.length; n++) if (words[n] !== 0) return false;
  return true;
}

/**
 * A snapshot as data for other threads: no bytes of a file are written and read for it.
 *
 * @throws MachineError `E_SNAPSHOT` for a snapshot of another machine, `E_SNAPSHOT_FILE` when a disk cannot be kept
 */
export function handOver(machine: Machine, snapshot: Snapshot, codec: Codec): HandedMachine {
  const { pages, boot, programs, ...stored } = collect(machine, snapshot, codec);
  const kept = [...pages()].filter(({ bytes }) => !isZero(bytes));
  const pageBytes = sharedBytes(kept.length * PAGE_BYTES);
  for (const [n, { bytes }] of kept.entries()) pageBytes.set(bytes, n * PAGE_BYTES);
  return {
    ...stored,
    boot: sharedBoot(boot),
    programs: programs.map((program): ProgramImage => ({ ...program, bytes: shared(program.bytes) })),
    pageNumbers: Int32Array.from(kept, ({ page }) => page),
    pageBytes,
  };
}

/**
 * Makes a machine that is exactly the one that was handed over.
 *
 * @throws MachineError when its options are impossible here
 */
export function machineOfHanded(handed: HandedMachine, given: LoadOptions, codec: Codec): Machine {
  const { pageNumbers, pageBytes, ...stored } = handed;
  const pages = function* (): ReturnType<StoredMachine['pages']> & Generator<{ page: number; bytes: Uint8Array }> {
    for (let n = 0; n < pageNumbers.length; n++)
      yield { page: pageNumbers[n]!, bytes: pageBytes.subarray(n * PAGE_BYTES, (n + 1) * PAGE_BYTES) };
  };
  return machineOf({ ...stored, pages }, given, codec);
}
