/** The symbols of a Linux kernel that runs in a machine, wherever it put itself. */
import { findDigits, findKallsyms, type Kallsyms } from './kallsyms.ts';
import { type NamedSymbol, type SymbolPlace, SymbolTable } from './table.ts';

/** What is read of a machine. */
export interface GuestRam {
  readonly basePa: bigint;
  readonly sizeBytes: number;
  read(addrPa: bigint, sizeBytes: number): Uint8Array;
}

/** RAM looked through at once. */
const WINDOW_BYTES = 64 * 2 ** 20;
/** How far from its tokens a table of symbols reaches. */
const TABLE_BYTES_MAX = 40 * 2 ** 20;
const OVERLAP_BYTES = 64;

/** Letters of nm(1): code, data. */
const FUNCTION_TYPES = 'TtWw';
const OBJECT_TYPES = 'DdBbRrVvGg';

/** Symbols that mark ends: nothing is theirs. */
const ENDS: ReadonlySet<string> = new Set(['_etext', '_einittext', '__init_end', '_edata', '_end']);

/** `b` and its offset in instructions. */
const BRANCH = { mask: 0xfc00_0000, value: 0x1400_0000 } as const;
/** Where the branch at the head of an Image goes; `stext` before 5.8. Linux arch/arm64/kernel/head.S. */
const ENTRIES = ['primary_entry', 'stext'] as const;

/**
 * Distance of the relative base from the first byte of an Image. Without CONFIG_KALLSYMS_ALL there is no `_text` in the
 * table; then the branch in the header of the Image says where a function is that has a name.
 */
function baseInImage(image: Uint8Array, { names, offsets }: Kallsyms): number | undefined {
  const offsetOf = (name: string): number | undefined => {
    const n = names.findIndex((text) => text.slice(1) === name);
    return n < 0 ? undefined : offsets[n];
  };
  const text = offsetOf('_text');
  if (text !== undefined) return -text;
  const entry = ENTRIES.map(offsetOf).find((offset) => offset !== undefined);
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  for (const at of [0, 4]) {
    const word = view.getUint32(at, true);
    if (entry === undefined || (word & BRANCH.mask) >>> 0 !== BRANCH.value) continue;
    const base = at + ((word << 6) >> 4) - entry;
    if (base >= 0 && base < image.length && base % 4096 === 0) return base;
  }
  return undefined;
}

function symbolsOf({ names, offsets }: Kallsyms, base: number): NamedSymbol[] {
  return names.map((text, n) => {
    const type = text.charAt(0);
    const kind = FUNCTION_TYPES.includes(type) ? 'function' : OBJECT_TYPES.includes(type) ? 'object' : 'other';
    return { name: text.slice(1), address: BigInt(offsets[n]! + base), sizeBytes: 0, kind };
  });
}

/**
 * Symbols as offsets from the kernel's first byte, `_text`; its place in RAM does not change, its virtual address is
 * what the kernel writes into `kallsyms_relative_base` when it relocates itself (KASLR).
 */
export class KernelSymbols {
  /** Addresses in it are offsets from `_text`, or from the relative base where it is not known how far that is. */
  readonly table: SymbolTable;
  /** Physical address of `_text`; undefined for a kernel that something else than the machine loaded. */
  readonly textPa: bigint | undefined;
  /** Bytes from `_text` to the last symbol. */
  readonly sizeBytes: bigint;
  private readonly ram: GuestRam;
  private readonly relativeBasePa: bigint;
  /** Distance of the relative base from `_text`. */
  private readonly base: number;

  private constructor(ram: GuestRam, found: Kallsyms, bytesPa: bigint, base: number | undefined) {
    this.ram = ram;
    this.relativeBasePa = bytesPa + BigInt(found.relativeBaseAt);
    this.base = base ?? 0;
    this.table = new SymbolTable(symbolsOf(found, this.base));
    this.textPa = base === undefined ? undefined : bytesPa;
    this.sizeBytes = BigInt(found.offsets.at(-1)! + this.base + 1);
  }

  /** Those in an Image that the machine loads at an address; undefined when it has none. */
  static ofImage(image: Uint8Array, imagePa: bigint, ram: GuestRam): KernelSymbols | undefined {
    const found = findKallsyms(image);
    return found && new KernelSymbols(ram, found, imagePa, baseInImage(image, found));
  }

  /** Those of a kernel that is somewhere in RAM; undefined when none is found. Looks through all of it. */
  static inRam(ram: GuestRam): KernelSymbols | undefined {
    for (let at = 0; at < ram.sizeBytes; at += WINDOW_BYTES) {
      const size = Math.min(WINDOW_BYTES + OVERLAP_BYTES, ram.sizeBytes - at);
      if (findDigits(ram.read(ram.basePa + BigInt(at), size), 0) < 0) continue;
      const from = Math.max(0, at - TABLE_BYTES_MAX);
      const to = Math.min(ram.sizeBytes, at + WINDOW_BYTES + TABLE_BYTES_MAX);
      const found = findKallsyms(ram.read(ram.basePa + BigInt(from), to - from));
      if (found) return new KernelSymbols(ram, found, ram.basePa + BigInt(from), undefined);
    }
    return undefined;
  }

  /** Virtual address of `_text` now; undefined while the kernel has not relocated itself. */
  textVa(): bigint | undefined {
    const bytes = this.ram.read(this.relativeBasePa, 8);
    const base = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
    return base === 0n ? undefined : BigInt.asUintN(64, base - BigInt(this.base));
  }

  /** What lies at an offset from `_text`. */
  at(offset: bigint): SymbolPlace | undefined {
    const place = this.table.at(offset);
    return place && place.offset > 0n && ENDS.has(place.name) ? undefined : place;
  }

  /** Offset of an address from `_text`, at the addresses where the kernel runs or, before that, where it lies. */
  offsetOf(address: bigint): bigint | undefined {
    for (const start of [this.textVa(), this.textPa]) {
      if (start !== undefined && address >= start && address < start + this.sizeBytes) return address - start;
    }
    return undefined;
  }
}
