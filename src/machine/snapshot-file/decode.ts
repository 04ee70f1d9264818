/** The bytes of a file back to the state of a machine. */
import type { PlainData } from '../../devices/device.ts';
import type { PlainActivation } from '../../engine/hosted/activation.ts';
import type { BootPlan } from '../../firmware/boot/boot.ts';
import { MachineError } from '../errors.ts';
import type { ProgramImage } from '../options.ts';
import { DRIVE_CHUNK_BYTES, type DriveRecord } from './drives.ts';
import { placedImages, SECTION_VERSIONS, SNAPSHOT_FILE } from './encode.ts';
import { decodePlain, Reader } from './plain.ts';
import { type RamPage, readRamSection } from './ram.ts';
import { type Codec, SectionReader, type StoredSection } from './sections.ts';
import type { StoredMachine, StoredPe } from './stored.ts';

/** Parts of sections that are fields of a name. */
type Fields = Readonly<Record<string, PlainData>>;

/** The sections of a file, tested: all are known, none is missing where there is no way without it. */
export interface SnapshotSections {
  readonly sections: readonly StoredSection[];
  readonly reader: SectionReader;
}

/**
 * The sections of a file without those that this version does not know and may leave out.
 *
 * @throws MachineError `E_SNAPSHOT_FILE` naming the section that is damaged, unknown or of a later version
 */
export function snapshotSections(bytes: Uint8Array): SnapshotSections {
  const reader = new SectionReader(bytes, SNAPSHOT_FILE);
  const names = new Set<string>();
  const sections = reader.all().filter(({ name, version, optional }) => {
    const known = SECTION_VERSIONS[name.split(' ')[0]!];
    if (known === undefined && optional) return false;
    const later = 'Use the version of unmaskable that wrote it, or a later one.';
    if (known === undefined) throw reader.fail(`section '${name}' is not known here, and cannot be left out. ${later}`);
    if (version > known)
      throw reader.fail(`section '${name}' has version ${version}; ${known} is known here. ${later}`);
    if (names.has(name)) throw reader.fail(`section '${name}' is there twice.`);
    names.add(name);
    return true;
  });
  return { sections, reader };
}

class Decoder {
  readonly #found: ReadonlyMap<string, StoredSection>;
  readonly #reader: SectionReader;
  readonly #codec: Codec;

  constructor({ sections, reader }: SnapshotSections, codec: Codec) {
    this.#found = new Map(sections.map((section) => [section.name, section]));
    this.#reader = reader;
    this.#codec = codec;
  }
  /** Names behind a first word, in the order of the file. */
  names(word: string): string[] {
    return [...this.#found.keys()].filter((name) => name.startsWith(`${word} `));
  }
  has(name: string): boolean {
    return this.#found.has(name);
  }
  /** What `read` makes of the content of a section; whatever it throws is the fault of the section. */
  async read<T>(name: string, read: (bytes: Uint8Array) => T): Promise<T> {
    const section = this.#found.get(name);
    if (!section) throw this.#reader.fail(`section '${name}' is missing.`);
    const bytes = await this.#reader.content(section, this.#codec);
    try {
      return read(bytes);
    } catch (error) {
      if (error instanceof MachineError) throw error;
      throw this.#reader.fail(`section '${name}' ${error instanceof Error ? error.message : String(error)}.`);
    }
  }
  async fields(name: string): Promise<Fields> {
    return this.read(name, (bytes) => {
      const data = decodePlain(bytes);
      if (typeof data !== 'object' || data === null || data instanceof Uint8Array)
        throw new Error('has no fields where fields belong');
      return data as Fields;
    });
  }
}

async function startOf(d: Decoder): Promise<Pick<StoredMachine, 'boot' | 'programs'>> {
  const start = await d.fields('start');
  const segments = start.segments as unknown as BootPlan['segments'];
  const programs = start.programs as unknown as readonly { addrPa: bigint; entryPa: bigint | null }[];
  const images: Uint8Array[] = [];
  for (let n = 0; n < segments.length + programs.length; n++) images.push(await d.read(`image ${n}`, (bytes) => bytes));
  const boot = start.boot as unknown as Omit<BootPlan, 'segments'> | null;
  const program = ({ addrPa, entryPa }: (typeof programs)[number], n: number): ProgramImage => {
    const bytes = images[segments.length + n]!;
    return entryPa === null ? { addrPa, bytes } : { addrPa, bytes, entryPa };
  };
  return {
    boot: boot
      ? {
          ...boot,
          image: boot.image ?? undefined,
          segments: segments.map((segment, n) => ({ ...segment, bytes: images[n]! })),
        }
      : undefined,
    programs: programs.map(program),
  };
}

async function drivesOf(d: Decoder): Promise<StoredMachine['drives']> {
  const records = (await d.fields('drives')) as unknown as readonly DriveRecord[];
  const drives: StoredMachine['drives'][number][] = [];
  for (const [n, record] of records.entries()) {
    const content = new Map<number, Uint8Array>();
    for (const name of d.names(`drive ${n}`)) {
      await d.read(name, (bytes) => {
        const r = new Reader(bytes);
        const count = r.le(4);
        if (count * 4 > r.left) throw new Error(`has no room for ${count} chunks`);
        const numbers = Array.from({ length: count }, () => r.le(4));
        for (const number of numbers) content.set(number, r.raw(DRIVE_CHUNK_BYTES));
      });
    }
    drives.push({ record, content: record.sha256 === '' ? content : undefined });
  }
  return drives;
}

/**
 * Reads the file of a snapshot.
 *
 * @throws MachineError `E_SNAPSHOT_FILE` naming the section that is damaged, missing, unknown or of a later version
 */
export async function decodeStored(bytes: Uint8Array, codec: Codec): Promise<StoredMachine> {
  const d = new Decoder(snapshotSections(bytes), codec);
  const options = await d.fields('machine');
  const start = await startOf(d);
  const { steps, timeNs, schedule, ended } = await d.fields('time');
  const pes: StoredPe[] = [];
  for (let n = 0; n < (options.cpus as number); n++) pes.push((await d.fields(`pe ${n}`)) as unknown as StoredPe);
  const parts: [string, PlainData][] = [];
  for (const name of d.names('part')) parts.push([name.slice(5), await d.read(name, decodePlain)]);
  const images = placedImages(start);
  const ramBytes = (options.memoryBytes as number) + ((options.romBytes as number | undefined) ?? 0);
  const pages: RamPage[] = [];
  for (const name of d.names('ram'))
    for (const page of await d.read(name, (content) => readRamSection(content, images, ramBytes))) pages.push(page);
  return {
    options,
    ...start,
    time: { steps: steps as number, timeNs: timeNs as number },
    schedule: schedule!,
    ended: (ended ?? undefined) as StoredMachine['ended'],
    pes,
    parts: Object.fromEntries(parts),
    hosted: d.has('hosted') ? ((await d.fields('hosted')) as unknown as PlainActivation[]) : [],
    drives: await drivesOf(d),
    pages: () => pages,
  };
}
