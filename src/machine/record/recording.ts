/**
 * The file of a recording: the machine as it was at the beginning, then what entered from outside and fingerprints of
 * the machine at checkpoints, in order.
 *
 * It is written from front to back in sections as `sections.ts` has them: `start` holds the file of a snapshot, each
 * `entries` a list, each `steps` some of the steps that were written down, `end` closes it. A recording that was broken
 * off has no end, and perhaps half a section last.
 */
import type { PlainData } from '../../devices/device.ts';
import { MachineError } from '../errors.ts';
import type { OutsideAction, Place } from '../outside.ts';
import { decodePlain, encodePlain } from '../snapshot-file/plain.ts';
import {
  type Codec,
  type FileKind,
  fileHead,
  plainSection,
  SectionReader,
  type StoredSection,
  sectionNow,
} from '../snapshot-file/sections.ts';
import { OUTSIDE_ACTIONS } from './actions.ts';

/** The kind of file. */
export const RECORDING_FILE: FileKind = { magic: 'UNMRECD\n', what: 'recording', code: 'E_RECORD' };

/** Fingerprints of the parts of a machine by their names. */
export type Digests = Readonly<Record<string, string>>;

/** What a recording has at a place: something that entered, fingerprints, or registers. */
export interface RecordEntry {
  readonly place: Place;
  readonly action?: OutsideAction;
  readonly digests?: Digests;
  /** Registers of all PEs, as changes since the last of these (`shadow.ts`). */
  readonly registers?: Uint8Array;
}

/** A recording in memory. */
export interface Recording {
  /** The file of the snapshot with which it begins. */
  readonly start: Uint8Array;
  readonly entries: readonly RecordEntry[];
  /** Steps that were written down, as sections. */
  readonly steps: readonly StoredSection[];
  /** It was closed, not broken off. */
  readonly complete: boolean;
}

/** Sections that are known, and their latest versions. `entries` of version 2 have registers. */
const VERSIONS: Readonly<Record<string, number>> = { start: 1, entries: 2, steps: 1 };

/** The beginning of the file. */
export function recordingHead(start: Uint8Array): Uint8Array[] {
  return [fileHead(RECORDING_FILE), ...plainSection({ name: 'start', version: 1, bytes: start })];
}

/** Some entries as a section. */
export function recordingEntries(entries: readonly RecordEntry[]): Uint8Array[] {
  const list = entries.map(({ place, action, digests, registers }): PlainData => {
    const { steps, timeNs, takes } = place;
    if (registers) return [steps, timeNs, takes, 'registers', registers];
    return [steps, timeNs, takes, action ? action.kind : 'checkpoint', action ? action.data : digests!];
  });
  const version = entries.some(({ registers }) => registers) ? 2 : 1;
  return plainSection({ name: 'entries', version, bytes: encodePlain(list) });
}

/** Some steps that were written down as a section; a reader that does not know it has the recording without them. */
export function recordingSteps(bytes: Uint8Array, codec: Codec): Uint8Array[] {
  return sectionNow({ name: 'steps', version: 1, optional: true, bytes }, codec);
}

/**
 * The content of the sections of steps, one after the other; at once when the codec waits for nothing.
 *
 * @throws MachineError `E_RECORD` when one does not unpack
 */
export async function stepsOf({ steps }: Recording, codec: Codec): Promise<Iterable<Uint8Array>> {
  const fail = (error: unknown): MachineError =>
    new MachineError('E_RECORD', `recording: section 'steps' does not unpack: ${String(error)}.`);
  const content = ({ stored, sizeBytes, compressed }: StoredSection): Uint8Array | Promise<Uint8Array> => {
    try {
      return compressed ? codec.inflate(stored, sizeBytes) : stored;
    } catch (error) {
      throw fail(error);
    }
  };
  const first = steps[0] && content(steps[0]);
  if (first instanceof Promise) return Promise.all(steps.map(content)).catch((error) => Promise.reject(fail(error)));
  return (function* () {
    for (const section of steps) yield content(section) as Uint8Array;
  })();
}

/** The end of the file. */
export function recordingEnd(): Uint8Array[] {
  return plainSection({ name: 'end', version: 1, bytes: new Uint8Array(0) });
}

function entryOf(data: PlainData): RecordEntry {
  const [steps, timeNs, takes, kind, what] = data as [number, number, number, string, PlainData];
  const place = { steps, timeNs, takes };
  if (kind === 'checkpoint') return { place, digests: what as Digests };
  if (kind === 'registers') return { place, registers: what as Uint8Array };
  if (!Object.hasOwn(OUTSIDE_ACTIONS, kind)) throw new Error(`has the action '${kind}', which is not known here`);
  return { place, action: { kind, data: what } };
}

/**
 * Reads a recording, also one that was broken off: then it ends with its last whole section.
 *
 * @throws MachineError `E_RECORD` naming what is damaged or unknown
 */
export function readRecording(bytes: Uint8Array): Recording {
  const reader = new SectionReader(bytes, RECORDING_FILE);
  const entries: RecordEntry[] = [];
  const steps: StoredSection[] = [];
  let start: Uint8Array | undefined;
  for (;;) {
    let section: ReturnType<SectionReader['next']>;
    try {
      section = reader.next();
    } catch (error) {
      if (start && error instanceof MachineError && / is cut off: /.test(error.message)) break;
      throw error;
    }
    if (!section) break;
    const { name, version, stored, optional } = section;
    if (name === 'end') return { start: begun(reader, start), entries, steps, complete: true };
    if (version > (VERSIONS[name] ?? 0)) {
      if (optional) continue;
      throw reader.fail(
        `section '${name}' of version ${version} is not known here. Use a later version of unmaskable.`,
      );
    }
    if (name === 'start') start = stored;
    else if (name === 'steps') steps.push(section);
    else {
      try {
        entries.push(...(decodePlain(stored) as readonly PlainData[]).map(entryOf));
      } catch (error) {
        throw reader.fail(`section 'entries' before byte ${reader.at} ${(error as Error).message}.`);
      }
    }
  }
  return { start: begun(reader, start), entries, steps, complete: false };
}

function begun(reader: SectionReader, start: Uint8Array | undefined): Uint8Array {
  if (start) return start;
  throw reader.fail("section 'start' is missing: it was broken off before the machine was written.");
}
