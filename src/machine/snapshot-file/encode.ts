/** The state of a machine as the bytes of a file. docs/guide/save-and-replay.md says what is in which section. */
import type { PlainData } from '../../devices/device.ts';
import { DRIVE_CHUNK_BYTES, type DriveContent } from './drives.ts';
import { encodePlain, Writer } from './plain.ts';
import { type PlacedImage, ramSections } from './ram.ts';
import { type Codec, encodeSection, endSection, type FileKind, fileHead, joined, type Section } from './sections.ts';
import type { StoredMachine } from './stored.ts';

/** The kind of file that holds a snapshot. */
export const SNAPSHOT_FILE: FileKind = { magic: 'UNMSNAP\n', what: 'snapshot', code: 'E_SNAPSHOT_FILE' };
/** Version of each section that is written, by its name or the first word of it. */
export const SECTION_VERSIONS: Readonly<Record<string, number>> = {
  machine: 1,
  start: 1,
  image: 1,
  time: 1,
  pe: 1,
  part: 1,
  hosted: 1,
  drives: 1,
  drive: 1,
  ram: 1,
};
/** Chunks of a disk in one section: 16 MiB. */
const DRIVE_CHUNKS_MAX = 4096;

/** What a reset loads, in the order in which sections `image N` have it. */
export function placedImages({ boot, programs }: Pick<StoredMachine, 'boot' | 'programs'>): readonly PlacedImage[] {
  return [...(boot?.segments ?? []), ...programs];
}

function startOf({ boot, programs }: StoredMachine): PlainData {
  const { segments, image, ...registers } = boot ?? { segments: [], image: null };
  return {
    boot: boot ? { ...registers, image: (image ? { ...image } : null) as PlainData } : null,
    segments: segments.map(({ what, addrPa }) => ({ what, addrPa })),
    programs: programs.map(({ addrPa, entryPa }) => ({ addrPa, entryPa: entryPa ?? null })),
  };
}

function* driveSections(drive: number, content: DriveContent): Generator<Section> {
  const numbers = [...content.keys()].sort((a, b) => a - b);
  for (let from = 0, piece = 0; from < numbers.length; from += DRIVE_CHUNKS_MAX, piece++) {
    const some = numbers.slice(from, from + DRIVE_CHUNKS_MAX);
    const w = new Writer();
    w.le(some.length, 4);
    for (const number of some) w.le(number, 4);
    for (const number of some) {
      // The last chunk of a disk can be shorter.
      const chunk = new Uint8Array(DRIVE_CHUNK_BYTES);
      chunk.set(content.get(number)!);
      w.raw(chunk);
    }
    yield { name: `drive ${drive} ${piece}`, version: SECTION_VERSIONS.drive!, bytes: w.finish() };
  }
}

function* sectionsOf(stored: StoredMachine): Generator<Section> {
  const section = (name: string, bytes: Uint8Array): Section => {
    const version = SECTION_VERSIONS[name.split(' ')[0]!];
    if (version === undefined) throw new Error(`assertion: section '${name}' has no version`);
    return { name, version, bytes };
  };
  const images = placedImages(stored);
  const { time, schedule, ended } = stored;
  yield section('machine', encodePlain(stored.options));
  yield section('start', encodePlain(startOf(stored)));
  for (const [n, { bytes }] of images.entries()) yield section(`image ${n}`, bytes);
  yield section('time', encodePlain({ ...time, schedule, ended: ended ?? null }));
  for (const [n, pe] of stored.pes.entries())
    yield section(`pe ${n}`, encodePlain({ registers: pe.registers, extra: pe.extra }));
  for (const [name, state] of Object.entries(stored.parts)) yield section(`part ${name}`, encodePlain(state));
  if (stored.hosted.length > 0) yield section('hosted', encodePlain(stored.hosted as unknown as PlainData));
  yield section('drives', encodePlain(stored.drives.map(({ record }) => ({ ...record }))));
  for (const [n, { content }] of stored.drives.entries()) if (content) yield* driveSections(n, content);
  yield* ramSections(stored.pages(), images);
}

/** The bytes of the file of a snapshot. */
export async function encodeStored(stored: StoredMachine, codec: Codec): Promise<Uint8Array> {
  const pieces = [fileHead(SNAPSHOT_FILE)];
  let count = 0;
  for (const section of sectionsOf(stored)) {
    pieces.push(...(await encodeSection(section, codec)));
    count++;
  }
  pieces.push(...endSection(count));
  return joined(pieces);
}
