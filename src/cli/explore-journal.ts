/**
 * The journal of a campaign: a line for its head, then a line for each boundary as soon as it was tried. Whoever is
 * killed goes on from there; several journals of one campaign are one report.
 */
import { closeSync, fsyncSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import type { CampaignHead, UnitResult } from '../explore/report.ts';
import type { ScheduleCoverage } from '../explore/schedules.ts';
import type { CaseResult } from '../explore/types.ts';
import { UsageError } from './errors.ts';
import { decodeJson, encodeJson } from './explore-json.ts';
import type { Host } from './host.ts';
import { readInput, systemReason } from './inputs.ts';

/** Version of the format. */
export const JOURNAL_FORMAT = 'unmaskable-explore-journal-1';
/** Boundaries between two times at which the system is asked to write what it holds. */
const SYNC_UNITS = 256;

/** The first line. */
export interface JournalHead {
  readonly format: typeof JOURNAL_FORMAT;
  readonly scenario: string;
  readonly variant?: string | undefined;
  readonly title: string;
  readonly sha256: string;
  /** Fingerprint of the machine at the start. */
  readonly start: string;
  readonly campaign: CampaignHead;
  /** Boundaries that this part tries. */
  readonly wanted: number;
  readonly shard: { readonly index: number; readonly of: number } | null;
}

/** A journal that was read. */
export interface Journal {
  readonly head: JournalHead;
  readonly units: readonly UnitResult[];
  readonly scheduled: readonly CaseResult[];
  readonly schedules: ScheduleCoverage | undefined;
}

/** What a journal is of: parts and continuations must agree in it. */
export function identityOf({ sha256, start, campaign }: JournalHead): string {
  return encodeJson([sha256, start, campaign]);
}

/** There is something in it; nothing: there is no file, or whoever wrote it was killed within the first line. */
export function isBegun(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found || found.size === 0) return false;
  const head = `{"format":"${JOURNAL_FORMAT}"`;
  const text = readFileSync(path, 'utf8');
  return !text.startsWith(head) || text.includes('\n');
}

/** @throws UsageError `E_JOURNAL` for a path under which there is something that would be lost */
export function checkFree(host: Host, path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isFile() || !isBegun(path)) return;
  let journal: Journal;
  try {
    journal = readJournal(host, path);
  } catch {
    throw new UsageError('E_JOURNAL', `--journal ${path}: this is there already, and no journal. Give another path.`);
  }
  const { head, units } = journal;
  const what = `the journal of '${head.title}' with ${units.length} boundaries is there already`;
  const advice = 'Add --resume to go on from it, or remove it to begin again.';
  throw new UsageError('E_JOURNAL', `--journal ${path}: ${what}. ${advice}`);
}

/** Reads a journal, also one whose last line was broken off. @throws UsageError `E_FILE`, `E_JOURNAL` */
export function readJournal(host: Host, path: string): Journal {
  const lines = new TextDecoder().decode(readInput(host, 'explore', path)).split('\n');
  const wrong = (n: number, what: string): UsageError => new UsageError('E_JOURNAL', `${path}:${n + 1}: ${what}`);
  let head: JournalHead | undefined;
  let broken = 0;
  const units = new Map<number, UnitResult>();
  const scheduled: CaseResult[] = [];
  let schedules: ScheduleCoverage | undefined;
  for (const [n, line] of lines.entries()) {
    if (line === '') continue;
    let read: Record<string, unknown>;
    try {
      read = decodeJson(line) as Record<string, unknown>;
    } catch {
      // Whoever was killed left a line broken off; what follows it was written later.
      if (head && broken++ === 0) continue;
      throw wrong(n, 'is no line of a journal of explore. Give a file that --journal wrote.');
    }
    if (!head) {
      if (read.format !== JOURNAL_FORMAT)
        throw wrong(n, `is no journal of this version (${JOURNAL_FORMAT}). Give a file that --journal wrote.`);
      head = read as unknown as JournalHead;
    } else if (read.unit) {
      const unit = read.unit as UnitResult;
      units.set(unit.point.index, unit);
    } else if (read.schedule) scheduled.push(read.schedule as CaseResult);
    else if (read.schedules) schedules = read.schedules as ScheduleCoverage;
  }
  if (!head) throw wrong(0, 'is empty. Give a file that --journal wrote.');
  return { head, units: [...units.values()], scheduled, schedules };
}

/** A journal that is being written: each line is with the system when `unit` returns. */
export class JournalWriter {
  readonly #path: string;
  readonly #fd: number;
  #sinceSync = 0;

  private constructor(path: string, fd: number) {
    this.#path = path;
    this.#fd = fd;
  }

  /** Begins a journal. @throws UsageError `E_SAVE` for a path that cannot be written */
  static create(path: string, head: JournalHead): JournalWriter {
    const writer = new JournalWriter(path, opened(path, 'w'));
    writer.#line(head);
    return writer;
  }
  /** Goes on with one that was broken off. @throws UsageError `E_SAVE` */
  static goOn(path: string): JournalWriter {
    // A line that was broken off gets its end, and is left out when it is read.
    const fd = opened(path, 'a');
    const writer = new JournalWriter(path, fd);
    writer.#write('\n');
    return writer;
  }

  unit(unit: UnitResult): void {
    this.#line({ unit });
  }
  schedule(result: CaseResult): void {
    this.#line({ schedule: result });
  }
  end(schedules: ScheduleCoverage | undefined): void {
    // What was broken off goes on.
    if (schedules && !schedules.brokenOff) this.#line({ schedules });
    try {
      closeSync(this.#fd);
    } catch (error) {
      throw unwritable(this.#path, error);
    }
  }

  #line(data: unknown): void {
    this.#write(`${encodeJson(data)}\n`);
    if (++this.#sinceSync < SYNC_UNITS) return;
    this.#sinceSync = 0;
    try {
      fsyncSync(this.#fd);
    } catch (error) {
      // A pipe or a device has nothing to be kept.
      if ((error as { code?: unknown }).code !== 'EINVAL') throw unwritable(this.#path, error);
    }
  }
  #write(text: string): void {
    const bytes = Buffer.from(text);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
    } catch (error) {
      throw unwritable(this.#path, error);
    }
  }
}

function unwritable(path: string, error: unknown): UsageError {
  return new UsageError('E_SAVE', `--journal ${path}: cannot be written: ${systemReason(error)}.`);
}
function opened(path: string, flags: string): number {
  try {
    return openSync(path, flags);
  } catch (error) {
    throw unwritable(path, error);
  }
}
