/**
 * The file of a recording: the machine as it was at the beginning, then what entered from outside and fingerprints of
 * the machine at checkpoints, in order.
 *
 * It is written from front to back in sections as `sections.ts` has them: `start` holds the file of a snapshot, each
 * `entries` a list, `end` closes it. A recording that was broken off has no end, and perhaps half a section last.
 */
import type { PlainData } from '../../devices/device.ts';
import { MachineError } from '../errors.ts';
import type { OutsideAction, Place } from '../outside.ts';
import { decodePlain, encodePlain } from '../snapshot-file/plain.ts';
import { type FileKind, fileHead, plainSection, SectionReader } from '../snapshot-file/sections.ts';
import { OUTSIDE_ACTIONS } from './actions.ts';

/** The kind of file. */
export const RECORDING_FILE: FileKind = { magic: 'UNMRECD\n', what: 'recording', code: 'E_RECORD' };

/** Fingerprints of the parts of a machine by their names. */
export type Digests = Readonly<Record<string, string>>;

/** What a recording has at a place: something that entered, or fingerprints. */
export interface RecordEntry {
  readonly place: Place;
  readonly action?: OutsideAction;
  readonly digests?: Digests;
}

/** A recording in memory. */
export interface Recording {
  /** The file of the snapshot with which it begins. */
  readonly start: Uint8Array;
  readonly entries: readonly RecordEntry[];
  /** It was closed, not broken off. */
  readonly complete: boolean;
}

/** The beginning of the file. */
export function recordingHead(start: Uint8Array): Uint8Array[] {
  return [fileHead(RECORDING_FILE), ...plainSection({ name: 'start', version: 1, bytes: start })];
}

/** Some entries as a section. */
export function recordingEntries(entries: readonly RecordEntry[]): Uint8Array[] {
  const list = entries.map(({ place, action, digests }): PlainData => {
    const { steps, timeNs, takes } = place;
    return [steps, timeNs, takes, action ? action.kind : 'checkpoint', action ? action.data : digests!];
  });
  return plainSection({ name: 'entries', version: 1, bytes: encodePlain(list) });
}

/** The end of the file. */
export function recordingEnd(): Uint8Array[] {
  return plainSection({ name: 'end', version: 1, bytes: new Uint8Array(0) });
}

function entryOf(data: PlainData): RecordEntry {
  const [steps, timeNs, takes, kind, what] = data as [number, number, number, string, PlainData];
  const place = { steps, timeNs, takes };
  if (kind === 'checkpoint') return { place, digests: what as Digests };
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
    if (name === 'end') return { start: begun(reader, start), entries, complete: true };
    if (version > 1 || !['start', 'entries'].includes(name)) {
      if (optional) continue;
      throw reader.fail(
        `section '${name}' of version ${version} is not known here. Use a later version of unmaskable.`,
      );
    }
    if (name === 'start') start = stored;
    else {
      try {
        entries.push(...(decodePlain(stored) as readonly PlainData[]).map(entryOf));
      } catch (error) {
        throw reader.fail(`section 'entries' before byte ${reader.at} ${(error as Error).message}.`);
      }
    }
  }
  return { start: begun(reader, start), entries, complete: false };
}

function begun(reader: SectionReader, start: Uint8Array | undefined): Uint8Array {
  if (start) return start;
  throw reader.fail("section 'start' is missing: it was broken off before the machine was written.");
}
