/** What a case and its outcome look like in bytes, little-endian, shared with test/guest/cases.c. */

/** Where the pieces of code lie: 1024 slots of 64 bytes, the code of each in its middle, BRK everywhere else. */
export const CODE_VA = 0x2_0000;
export const CODE_BYTES = 0x1_0000;
export const SLOT_BYTES = 64;
export const SLOT_CODE = 32;
export const SLOTS = CODE_BYTES / SLOT_BYTES;
/** Two data pages; nothing is mapped from UNMAPPED_FROM to UNMAPPED_TO but these and the code. */
export const DATA_VA = 0x4_0000;
export const DATA_BYTES = 0x2000;
export const UNMAPPED_FROM = CODE_VA + CODE_BYTES;
export const UNMAPPED_TO = 0x8_0000;

/** Byte offsets in a case. */
export const CASE = {
  x: 0,
  sp: 248,
  pc: 256,
  nzcv: 264,
  fpcr: 268,
  fpsr: 272,
  words: 276,
  code: 280,
  v: 304,
  bytes: 816,
} as const;

/** Byte offsets in an outcome. `changes` counts the 8-byte words of data that differ; the first 16 are listed. */
export const OUTCOME = {
  x: 0,
  sp: 248,
  pc: 256,
  nzcv: 264,
  fpsr: 268,
  fault: 272,
  changes: 276,
  /** Signal and its code: QEMU's only, not compared. */
  signal: 280,
  signalCode: 284,
  v: 288,
  change: 800,
  bytes: 1056,
} as const;
/** Most changed words that an outcome lists. */
export const CHANGES_MAX = 16;

/** State from which a piece of code of one to four instructions runs. */
export class Case {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(bytes = new Uint8Array(CASE.bytes)) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get code(): number[] {
    const words = this.view.getUint32(CASE.words, true);
    return Array.from({ length: words }, (_, i) => this.view.getUint32(CASE.code + 4 * i, true));
  }
  set code(words: readonly number[]) {
    this.view.setUint32(CASE.words, words.length, true);
    words.forEach((word, i) => {
      this.view.setUint32(CASE.code + 4 * i, word, true);
    });
  }
  get pc(): number {
    return Number(this.view.getBigUint64(CASE.pc, true));
  }
  set pc(va: number) {
    this.view.setBigUint64(CASE.pc, BigInt(va), true);
  }
  /** General-purpose register 0 to 30, or 31 for SP. */
  x(n: number): bigint {
    return this.view.getBigUint64(n * 8, true);
  }
  setX(n: number, value: bigint): void {
    this.view.setBigUint64(n * 8, BigInt.asUintN(64, value), true);
  }
}

/** What a piece of code left behind. */
export class Outcome {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(bytes = new Uint8Array(OUTCOME.bytes)) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  get pc(): bigint {
    return this.view.getBigUint64(OUTCOME.pc, true);
  }
  /** True when an instruction of the piece raised an exception. */
  get fault(): boolean {
    return this.view.getUint32(OUTCOME.fault, true) !== 0;
  }
  get signal(): number {
    return this.view.getUint32(OUTCOME.signal, true);
  }
}

interface Part {
  readonly name: string;
  readonly at: number;
  readonly bytes: number;
}

const PARTS: readonly Part[] = [
  ...Array.from({ length: 31 }, (_, n) => ({ name: `X${n}`, at: OUTCOME.x + 8 * n, bytes: 8 })),
  { name: 'SP', at: OUTCOME.sp, bytes: 8 },
  { name: 'PC', at: OUTCOME.pc, bytes: 8 },
  { name: 'NZCV', at: OUTCOME.nzcv, bytes: 4 },
  { name: 'FPSR', at: OUTCOME.fpsr, bytes: 4 },
  { name: 'fault', at: OUTCOME.fault, bytes: 4 },
  { name: 'words of memory changed', at: OUTCOME.changes, bytes: 4 },
  ...Array.from({ length: 32 }, (_, n) => ({ name: `V${n}`, at: OUTCOME.v + 16 * n, bytes: 16 })),
  ...Array.from({ length: CHANGES_MAX }, (_, n) => ({ name: `change ${n}`, at: OUTCOME.change + 16 * n, bytes: 16 })),
];

function hex(o: Outcome, { at, bytes }: Part): string {
  return `0x${Buffer.from(o.bytes.subarray(at, at + bytes))
    .reverse()
    .toString('hex')}`;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** What differs between an expected and a found outcome, as text; empty when they are the same. */
export function differences(expected: Outcome, found: Outcome): string[] {
  const { signal, v } = OUTCOME;
  if (
    sameBytes(expected.bytes.subarray(0, signal), found.bytes.subarray(0, signal)) &&
    sameBytes(expected.bytes.subarray(v), found.bytes.subarray(v))
  )
    return [];
  return PARTS.flatMap((part) => {
    const [e, f] = [hex(expected, part), hex(found, part)];
    return e === f ? [] : [`${part.name} is ${f}, expected ${e}`];
  });
}
