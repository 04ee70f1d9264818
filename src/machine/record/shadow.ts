/** The registers of all PEs as they were noted last: what is written down is what has changed since. */
import { ARCHITECTURAL_BYTES, PE_STATE } from '../../arch/pestate.ts';
import type { Pe } from '../../cpu/pe.ts';
import type { Difference } from '../snapshot-file/diff.ts';
import type { Reader, Writer } from '../snapshot-file/plain.ts';
import { differingRegisters, REGISTER_SPANS } from '../snapshot-file/registers.ts';

const BLOCK_WORDS = ARCHITECTURAL_BYTES / 4;
const SPANS = REGISTER_SPANS.map(([from, to]) => [from / 4, to / 4] as const);
const PC_WORD = PE_STATE.PC.offset / 4;

/** A whole number from 0 in LEB128, as `Writer.count` has it, fast where it is small. */
export function putCount(w: Writer, value: number): void {
  if (value >= 2 ** 31) return w.count(value);
  let rest = value;
  while (rest >= 128) {
    w.u8((rest & 127) | 128);
    rest >>>= 7;
  }
  w.u8(rest);
}
/** A whole number of either sign, small where it is near 0. */
export function putSigned(w: Writer, value: number): void {
  putCount(w, value >= 0 ? value * 2 : -value * 2 - 1);
}
/** The inverse of `putSigned`. */
export function readSigned(r: Reader): number {
  const value = r.count();
  return value % 2 ? -(value + 1) / 2 : value / 2;
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/**
 * See the head of the file. Changes are a list of 32-bit words, counted over the blocks of all PEs: the distance to the
 * word before (LEB128, from 1; 0 ends the list), and by how much it changed.
 */
export class RegisterShadow {
  readonly #pes: readonly Pe[];
  readonly #live: readonly Int32Array[];
  readonly #noted: readonly Int32Array[];

  /** @param pes - of a machine; all registers count as 0 at first */
  constructor(pes: readonly Pe[]) {
    this.#pes = pes;
    this.#live = pes.map(({ s }) => new Int32Array(s.i32.buffer, s.base, BLOCK_WORDS));
    this.#noted = pes.map(() => new Int32Array(BLOCK_WORDS));
  }

  /** PE `pe` is about to take a step: unless it branches its PC is 4 more at the next note. */
  expectStep(pe: number): void {
    this.#noted[pe]![PC_WORD]! += 4;
  }

  /** Notes the registers as they are, and writes what changed. */
  write(w: Writer): void {
    let last = -1;
    for (let pe = 0; pe < this.#pes.length; pe++) {
      this.#pes[pe]!.s.settle();
      const [live, noted] = [this.#live[pe]!, this.#noted[pe]!];
      for (const [from, to] of SPANS) {
        for (let n = from; n < to; n++) {
          const change = (live[n]! - noted[n]!) | 0;
          if (change === 0) continue;
          const at = pe * BLOCK_WORDS + n;
          putCount(w, at - last);
          putSigned(w, change);
          noted[n] = live[n]!;
          last = at;
        }
      }
    }
    w.u8(0);
  }

  /** Notes what `write` wrote. @throws Error for what cannot have been written here */
  read(r: Reader): void {
    let at = -1;
    for (let gap = r.count(); gap > 0; gap = r.count()) {
      at += gap;
      const noted = this.#noted[Math.floor(at / BLOCK_WORDS)];
      if (!noted) throw new Error(`has a register of PE ${Math.floor(at / BLOCK_WORDS)}, which is not there`);
      noted[at % BLOCK_WORDS]! += readSigned(r);
    }
  }

  /** The registers are those that were noted. */
  same(): boolean {
    return this.#pes.every(({ s }, pe) => {
      s.settle();
      const [live, noted] = [this.#live[pe]!, this.#noted[pe]!];
      for (const [from, to] of SPANS) for (let n = from; n < to; n++) if (live[n] !== noted[n]) return false;
      return true;
    });
  }
  /** Registers that are not as they were noted: `a` is what was noted. */
  differences(): Difference[] {
    return this.#pes.flatMap((_, pe) => {
      const bytes = (words: Int32Array): Uint8Array => new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
      return differingRegisters(bytes(this.#noted[pe]!), bytes(this.#live[pe]!)).map(({ name, a, b }) => ({
        part: `pe ${pe}`,
        what: name,
        a: hex(a),
        b: hex(b),
      }));
    });
  }
}
