import { describe, expect, it } from 'vitest';
import { findKallsyms } from './kallsyms.ts';
import { KernelSymbols } from './kernel.ts';

/** A symbol: type and name, and its offset. */
type Row = readonly [name: string, offset: number];

/** Which of the orders that kernels have had. */
interface Layout {
  readonly order: 'old' | 'new';
  /** `kallsyms_seqs_of_names`: 3 bytes for each name. */
  readonly sequence: boolean;
}

const TOKENS = Array.from({ length: 256 }, (_, n) => (n >= 0x30 && n < 0x7f ? String.fromCharCode(n) : `tok${n}_`));
TOKENS[0] = 'start_';
TOKENS[1] = 'kernel';
TOKENS[2] = 'register';

/** Tokens of a name, the longest that fit first. */
function compress(name: string): number[] {
  const known = [0, 1, 2].map((n) => [n, TOKENS[n]!] as const);
  const out: number[] = [];
  for (let at = 0; at < name.length; ) {
    const found = known.find(([, text]) => name.startsWith(text, at));
    out.push(found ? found[0] : name.charCodeAt(at));
    at += found ? found[1].length : 1;
  }
  return out;
}

const u32 = (n: number): number[] => [n & 255, (n >> 8) & 255, (n >> 16) & 255, (n >>> 24) & 255];

/** Memory with the tables in it, at `relativeBase`, behind `before` bytes of other things. */
function image(rows: readonly Row[], layout: Layout, before = 4096, relativeBase = 0n): Uint8Array {
  const bytes: number[] = new Array(before).fill(0xaa);
  const align = (): void => {
    while (bytes.length % 8 !== 0) bytes.push(0);
  };
  const base = (): void => {
    align();
    for (let n = 0n; n < 64n; n += 8n) bytes.push(Number((relativeBase >> n) & 0xffn));
  };
  const offsets = (): void => {
    align();
    for (const [, offset] of rows) bytes.push(...u32(offset));
  };
  const sequence = (): void => {
    align();
    if (layout.sequence) for (let n = 0; n < rows.length; n++) bytes.push((n >> 16) & 255, (n >> 8) & 255, n | 1);
  };
  const names = (): void => {
    align();
    bytes.push(...u32(rows.length), 0, 0, 0, 0);
    const markers: number[] = [];
    const start = bytes.length;
    rows.forEach(([name], n) => {
      if (n % 256 === 0) markers.push(bytes.length - start);
      const tokens = compress(name);
      if (tokens.length > 0x7f) bytes.push((tokens.length & 0x7f) | 0x80, tokens.length >> 7);
      else bytes.push(tokens.length);
      bytes.push(...tokens);
    });
    align();
    for (const marker of markers) bytes.push(...u32(marker));
    if (layout.order === 'old') sequence();
  };
  const tokens = (): void => {
    align();
    const starts: number[] = [];
    const start = bytes.length;
    for (const token of TOKENS) {
      starts.push(bytes.length - start);
      bytes.push(...new TextEncoder().encode(`${token}\0`));
    }
    align();
    for (const at of starts) bytes.push(at & 255, at >> 8);
  };
  const parts = layout.order === 'old' ? [offsets, base, names, tokens] : [names, tokens, offsets, base, sequence];
  for (const part of parts) part();
  align();
  return new Uint8Array(bytes);
}

/** 600 symbols, one of them with a name of more than 127 tokens. */
const ROWS: readonly Row[] = [
  ['T_text', 0],
  ['T_stext', 0x1_0000],
  ['Tstart_kernel', 0x1_0000],
  [`t${'x'.repeat(300)}`, 0x1_0040],
  ...Array.from({ length: 596 }, (_, n): Row => [`${n % 5 ? 't' : 'D'}register_${n}`, 0x1_0100 + n * 16]),
];
const LAYOUTS: readonly (readonly [string, Layout])[] = [
  ['6.1', { order: 'old', sequence: false }],
  ['6.2, and 6.1 with the change taken back to it', { order: 'old', sequence: true }],
  ['6.12', { order: 'new', sequence: true }],
];

describe('kallsyms', () => {
  it.each(LAYOUTS)('finds every name and offset of a kernel like %s', (_name, layout) => {
    const found = findKallsyms(image(ROWS, layout))!;
    expect(found.names.map((name, n) => [name, found.offsets[n]])).toEqual(ROWS);
  });

  it.each(LAYOUTS)('says where the relative base of a kernel like %s lies', (_name, layout) => {
    const bytes = image(ROWS, layout, 64, 0xffff_8000_0812_3000n);
    const { relativeBaseAt } = findKallsyms(bytes)!;
    expect(new DataView(bytes.buffer).getBigUint64(relativeBaseAt, true)).toBe(0xffff_8000_0812_3000n);
  });

  it('finds nothing where there is nothing, in what is cut off, and in noise', () => {
    const whole = image(ROWS, LAYOUTS[1]![1]);
    expect(findKallsyms(new Uint8Array(0))).toBeUndefined();
    expect(findKallsyms(new Uint8Array(100_000))).toBeUndefined();
    for (let length = 0; length < whole.length - 8; length += 997)
      expect(findKallsyms(whole.subarray(0, length))).toBeUndefined();
    let seed = 1;
    const noise = Uint8Array.from({ length: 100_000 }, () => {
      seed = (seed * 1_103_515_245 + 12_345) >>> 0;
      return seed >>> 24;
    });
    expect(findKallsyms(noise)).toBeUndefined();
  });

  it('a damaged byte gives other names or none, never a fault', () => {
    const whole = image(ROWS, LAYOUTS[2]![1], 64);
    for (let at = 64; at < whole.length; at += 61) {
      const bytes = whole.slice();
      bytes[at]! ^= 0xff;
      expect(() => findKallsyms(bytes)).not.toThrow();
    }
  });
});

describe('symbols of a kernel in RAM', () => {
  const PA = 0x4020_0000n;
  const ram = { basePa: 0x4000_0000n, sizeBytes: 0x40_0000, bytes: new Uint8Array(0x40_0000) };
  const reader = {
    ...ram,
    read: (pa: bigint, size: number) => ram.bytes.slice(Number(pa - ram.basePa), Number(pa - ram.basePa) + size),
  };
  const put = (relativeBase: bigint): Uint8Array => {
    const bytes = image(ROWS, LAYOUTS[2]![1], 4096, relativeBase);
    ram.bytes.set(bytes, Number(PA - ram.basePa));
    return bytes;
  };

  it('are where the Image lies at first, and where the kernel put itself later', () => {
    const kernel = KernelSymbols.ofImage(put(0n), PA, reader)!;
    expect(kernel.textVa()).toBeUndefined();
    expect(kernel.offsetOf(PA + 0x1_0008n)).toBe(0x1_0008n);
    expect(kernel.at(0x1_0008n)).toMatchObject({ name: '_stext', offset: 8n });
    expect(kernel.offsetOf(0xffff_8000_0801_0008n)).toBeUndefined();
    put(0xffff_8000_0800_0000n);
    expect(kernel.textVa()).toBe(0xffff_8000_0800_0000n);
    expect(kernel.offsetOf(0xffff_8000_0801_0008n)).toBe(0x1_0008n);
  });

  it('are found in RAM without an Image', () => {
    put(0xffff_8000_0900_0000n);
    const kernel = KernelSymbols.inRam(reader)!;
    expect(kernel.textPa).toBeUndefined();
    expect(kernel.table.named('start_kernel')[0]).toMatchObject({ address: 0x1_0000n, kind: 'function' });
    expect(kernel.textVa()).toBe(0xffff_8000_0900_0000n);
  });
});
