/** What a file needs of a live machine. */
import type { PlainData } from '../../devices/device.ts';
import { plainImage } from '../../engine/hosted/activation.ts';
import { MachineError } from '../errors.ts';
import type { Machine } from '../machine.ts';
import type { CheckedOptions } from '../options.ts';
import type { Snapshot } from '../types.ts';
import { partsOf } from '../whole.ts';
import { contentHash, contentOf, type DriveContent, type DriveRecord, isReferred } from './drives.ts';
import { registersOf } from './registers.ts';
import type { Codec } from './sections.ts';
import type { StoredMachine } from './stored.ts';

/** Options that are kept in another way, follow from others, or cannot be kept. */
const APART: ReadonlySet<string> = new Set([
  'kernel',
  'bios',
  'initrd',
  'guest',
  'dtb',
  'boot',
  'programs',
  'drives',
  'hosted',
  'profile',
  'els',
]);

function plainOptions(options: CheckedOptions): Record<string, PlainData> {
  const kept = Object.entries(options).filter(([name, value]) => !APART.has(name) && value !== undefined);
  const plain = Object.fromEntries(kept) as Record<string, PlainData>;
  // A back end is code; whoever loads the file brings the same.
  if (typeof options.net === 'object') plain.net = { backend: options.net.name };
  if (options.hosted) plain.hosted = true;
  return plain;
}

function driveOf(machine: Machine, drive: number, codec: Codec): { record: DriveRecord; content?: DriveContent } {
  const { backend, serial = '' } = machine.options.drives![drive]!;
  const { name = '', sizeBytes, readOnly } = backend;
  const record = { name, serial, sizeBytes, readOnly, sha256: '' };
  if (isReferred(backend)) return { record: { ...record, sha256: contentHash(backend, codec) } };
  return { record, content: contentOf(backend, drive) };
}

/**
 * Everything of a snapshot.
 *
 * @throws MachineError `E_SNAPSHOT` for a snapshot of another machine; `E_SNAPSHOT_FILE` when a disk cannot be kept: it
 * is too large, or the guest has written to the file behind it since the snapshot was taken
 */
export function collect(machine: Machine, snapshot: Snapshot, codec: Codec): StoredMachine {
  const { options, boot, whole } = machine;
  whole.check(snapshot);
  const { time, schedule, ended, pes } = snapshot;
  const follows = (options.drives ?? []).some(({ backend }) => backend.write);
  if (follows && (machine.steps !== time.steps || Number(machine.timeNs) !== time.timeNs)) {
    const advice = 'Save it at the boundary at which it was taken, or use the disk as an overlay.';
    throw new MachineError(
      'E_SNAPSHOT_FILE',
      `snapshot: the machine has run since, and the guest's writes go to a file. ${advice}`,
    );
  }
  return {
    options: plainOptions(options),
    boot,
    programs: options.programs ?? [],
    time,
    schedule,
    ended,
    pes: pes.map(({ block, extra }) => ({ registers: registersOf(block), extra: extra as unknown as PlainData })),
    parts: partsOf(snapshot.devices),
    hosted: plainImage(snapshot.hosted),
    drives: (options.drives ?? []).map((_, n) => {
      const { record, content } = driveOf(machine, n, codec);
      return { record, content };
    }),
    pages: () => whole.pages(snapshot),
  };
}
