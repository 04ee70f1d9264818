/**
 * Every step written down: registers that changed and what was written to RAM, so that a replay that differs names the
 * first step at which it does.
 *
 * A note is made before each step of a range and at its end: steps since the note before (the first: steps of the
 * machine), the PE that is about to step, virtual time passed beyond one ns for each step, changed registers (see
 * `shadow.ts`), then the writes to RAM since the note before: how many, and of each the offset into RAM as a distance
 * from the one before, its length, and the bytes; of more than 64 bytes their CRC-32C.
 */
import { VIRT_MEMORY_MAP } from '../board/virt.ts';
import type { Machine } from '../machine.ts';
import { crc32c } from '../snapshot-file/crc32c.ts';
import type { Difference } from '../snapshot-file/diff.ts';
import { Reader, Writer } from '../snapshot-file/plain.ts';
import { putCount, putSigned, RegisterShadow, readSigned } from './shadow.ts';

/** A stretch of a run: after so many steps of the machine, up to before so many. */
export interface StepRange {
  readonly from: number;
  /** Infinity: to the end. */
  readonly to: number;
}

/** Length of a write up to which its bytes are kept. */
const BYTES_KEPT_MAX = 64;
/** Bytes of a write that are shown. */
const SHOWN_BYTES = 16;

const RAM_PA = Number(VIRT_MEMORY_MAP.ram.basePa);

interface Written {
  readonly offset: number;
  readonly sizeBytes: number;
  /** What was there, its first bytes; only where somebody compares. */
  readonly before: Uint8Array | undefined;
}

/** What a step is told to; false ends it. */
type Note = (pe: number, written: readonly Written[]) => boolean;

/** Stops a machine before each step of a range, and collects what is written to RAM meanwhile. */
class EachStep {
  readonly #machine: Machine;
  readonly #range: StepRange;
  readonly #note: Note;
  readonly #keepsBefore: boolean;
  #written: Written[] = [];
  #lastSteps = -1;
  #stop: (() => void) | undefined;
  #over = false;

  /** @param note - is called before each step, and at the end */
  constructor(machine: Machine, range: StepRange, keepsBefore: boolean, note: Note) {
    this.#machine = machine;
    this.#range = range;
    this.#keepsBefore = keepsBefore;
    this.#note = note;
    if (machine.steps >= range.from) this.#begin();
    else if (Number.isSafeInteger(range.from)) machine.at(range.from, () => this.#begin());
  }

  #begin(): void {
    const { whole, steps } = this.#machine;
    if (this.#over || steps >= this.#range.to) return;
    const unwatch = whole.watchWrites((offset, sizeBytes) => {
      const before = this.#keepsBefore ? whole.ramAt(offset, Math.min(sizeBytes, SHOWN_BYTES)).slice() : undefined;
      this.#written.push({ offset, sizeBytes, before });
    });
    const off = this.#machine.on('step', (pe) => this.#now(pe));
    this.#stop = () => {
      off();
      unwatch();
    };
    if (Number.isSafeInteger(this.#range.to)) this.#machine.at(this.#range.to, () => this.end());
  }
  #now(pe: number): void {
    if (this.#machine.steps === this.#lastSteps) return;
    this.#lastSteps = this.#machine.steps;
    const written = this.#written;
    this.#written = [];
    if (!this.#note(pe, written)) this.leave();
  }
  /** The last note, at a boundary. */
  end(): void {
    if (this.#stop) this.#now(this.#machine.turn);
    this.leave();
  }
  /** Ends it without one. */
  leave(): void {
    this.#over = true;
    this.#stop?.();
    this.#stop = undefined;
  }
}

/** Writes down the steps of a range of a machine. */
export class StepWriter {
  readonly #machine: Machine;
  readonly #shadow: RegisterShadow;
  readonly #each: EachStep;
  readonly #chunkBytes: number;
  readonly #take: (chunk: Uint8Array) => void;
  #w = new Writer();
  #steps: number | undefined;
  #timeNs = 0;
  #pe = 0;

  /**
   * @param take - gets the notes in chunks of about `chunkBytes`; the first begins with the ends of the range, of which
   *   the second is 1 more, and 0 for infinity
   */
  constructor(machine: Machine, range: StepRange, chunkBytes: number, take: (chunk: Uint8Array) => void) {
    this.#machine = machine;
    this.#shadow = new RegisterShadow(machine.pes);
    this.#chunkBytes = chunkBytes;
    this.#take = take;
    this.#w.count(range.from);
    this.#w.count(Number.isSafeInteger(range.to) ? range.to + 1 : 0);
    this.#each = new EachStep(machine, range, false, (pe, written) => this.#note(pe, written));
  }

  #note(pe: number, written: readonly Written[]): boolean {
    const w = this.#w;
    const { steps, timeNs } = this.#machine.outside.place;
    const passed = this.#steps === undefined ? steps : steps - this.#steps;
    putCount(w, passed);
    putCount(w, pe);
    putSigned(w, timeNs - this.#timeNs - passed);
    if (this.#steps !== undefined) this.#shadow.expectStep(this.#pe);
    this.#shadow.write(w);
    putCount(w, written.length);
    let last = 0;
    for (const { offset, sizeBytes } of written) {
      putSigned(w, offset - last);
      putCount(w, sizeBytes);
      const bytes = this.#machine.whole.ramAt(offset, sizeBytes);
      if (sizeBytes <= BYTES_KEPT_MAX) w.raw(bytes);
      else w.le(crc32c(bytes), 4);
      last = offset;
    }
    [this.#steps, this.#timeNs, this.#pe] = [steps, timeNs, pe];
    if (w.length >= this.#chunkBytes) this.#give();
    return true;
  }
  #give(): void {
    const chunk = this.#w.finish();
    this.#w = new Writer();
    if (chunk.length > 0) this.#take(chunk);
  }
  /** The last note, where the range has not ended, and the last chunk. */
  end(): void {
    this.#each.end();
    this.#give();
  }
}

/** That a machine is not as it was when a step was written down. */
export interface StepDifference {
  /** It was the same after one step less. */
  readonly steps: number;
  /** The PE that took this step, and its PC before; undefined at the beginning of what was written down. */
  readonly step: { readonly pe: number; readonly pc: bigint } | undefined;
  /** `a` is what was recorded. */
  readonly differences: readonly Difference[];
}

/** Compares a machine with the steps that were written down. */
export class StepChecker {
  readonly #machine: Machine;
  readonly #shadow: RegisterShadow;
  readonly #each: EachStep;
  readonly #chunks: Iterator<Uint8Array>;
  readonly #found: (difference: StepDifference) => void;
  #reader: Reader | undefined;
  #steps: number | undefined;
  #timeNs = 0;
  #at: { readonly pe: number; readonly pc: bigint } | undefined;
  /** Notes that were compared. */
  checked = 0;

  /**
   * @param chunks - what a StepWriter gave
   * @param found - is told the first difference, in a step hook or at a boundary
   */
  constructor(machine: Machine, chunks: Iterable<Uint8Array>, found: (difference: StepDifference) => void) {
    this.#machine = machine;
    this.#shadow = new RegisterShadow(machine.pes);
    this.#chunks = chunks[Symbol.iterator]();
    this.#found = found;
    this.#each = new EachStep(machine, this.#range(), true, (pe, written) => this.#next(pe, written));
  }

  #range(): StepRange {
    const from = this.#more() ? this.#reader!.count() : Number.POSITIVE_INFINITY;
    const to = this.#more() ? this.#reader!.count() : 0;
    return { from, to: to === 0 ? Number.POSITIVE_INFINITY : to - 1 };
  }

  #more(): boolean {
    while (this.#reader === undefined || this.#reader.left === 0) {
      const next = this.#chunks.next();
      if (next.done) return false;
      this.#reader = new Reader(next.value);
    }
    return true;
  }

  #next(pe: number, written: readonly Written[]): boolean {
    if (!this.#more()) return false;
    try {
      return this.#compare(this.#reader!, pe, written);
    } catch (error) {
      // Its checksums are right, so whoever wrote it was wrong.
      const unreadable = { part: 'recording', what: 'steps', a: `unreadable: ${String(error)}`, b: '' };
      this.#found({ steps: this.#machine.steps, step: this.#at, differences: [unreadable] });
      return false;
    }
  }

  #compare(r: Reader, pe: number, written: readonly Written[]): boolean {
    const { steps, timeNs } = this.#machine.outside.place;
    const passed = r.count();
    const recorded = { steps: (this.#steps ?? 0) + passed, pe: r.count(), timeNs: 0 };
    recorded.timeNs = this.#timeNs + passed + readSigned(r);
    if (this.#at) this.#shadow.expectStep(this.#at.pe);
    this.#shadow.read(r);
    const differences: Difference[] = [];
    const number = (what: string, a: number, b: number): void => {
      if (a !== b) differences.push({ part: 'time', what, a: `${a}`, b: `${b}` });
    };
    number('steps', recorded.steps, steps);
    number('timeNs', recorded.timeNs, timeNs);
    number('PE about to step', recorded.pe, pe);
    if (!this.#shadow.same()) differences.push(...this.#shadow.differences());
    differences.push(...this.#ramDiffers(r, written));
    this.checked++;
    if (differences.length > 0) {
      this.#found({ steps, step: this.#at, differences });
      return false;
    }
    [this.#steps, this.#timeNs] = [steps, timeNs];
    this.#at = { pe, pc: this.#machine.pes[pe]!.s.pc };
    return true;
  }

  #ramDiffers(r: Reader, written: readonly Written[]): Difference[] {
    const { whole } = this.#machine;
    const differences: Difference[] = [];
    const side = (bytes: Uint8Array): string =>
      `<${Array.from(bytes.subarray(0, SHOWN_BYTES), (byte) => byte.toString(16).padStart(2, '0')).join('')}>`;
    const differ = (offset: number, a: string, b: string): void => {
      differences.push({ part: 'ram', what: `0x${(RAM_PA + offset).toString(16)}`, a, b });
    };
    const recorded = new Set<string>();
    let offset = 0;
    for (let left = r.count(); left > 0; left--) {
      offset += readSigned(r);
      const sizeBytes = r.count();
      recorded.add(`${offset} ${sizeBytes}`);
      const now = whole.ramAt(offset, sizeBytes);
      if (sizeBytes > BYTES_KEPT_MAX) {
        const [a, b] = [r.le(4), crc32c(now)];
        if (a !== b) differ(offset, `${sizeBytes} bytes of CRC-32C 0x${a.toString(16)}`, `0x${b.toString(16)}`);
        continue;
      }
      const then = r.raw(sizeBytes);
      if (then.some((byte, n) => byte !== now[n])) differ(offset, side(then), side(now));
    }
    for (const { offset: at, sizeBytes, before } of written) {
      if (recorded.has(`${at} ${sizeBytes}`)) continue;
      const now = whole.ramAt(at, before!.length);
      // Writing what is there already is a difference as well.
      differ(at, `${side(before!)}, not written`, side(now));
    }
    return differences;
  }

  /** Compares with the last note, at the boundary at which the recording ended. */
  end(): void {
    this.#each.end();
  }
  /** Compares no more. */
  leave(): void {
    this.#each.leave();
  }
}
