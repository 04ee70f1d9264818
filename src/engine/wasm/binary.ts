/** WebAssembly value types by their binary codes (WebAssembly Core Specification, "Types"). */
export const VALTYPE = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;
/** Name of a WebAssembly value type used here. */
export type ValType = keyof typeof VALTYPE;

/** Parameter and result types of a function. */
export interface FuncType {
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
}

/** A growing run of bytes with WebAssembly's integer encodings. */
export class ByteWriter {
  private bytes = new Uint8Array(256);
  length = 0;

  private room(n: number): void {
    if (this.length + n <= this.bytes.length) return;
    const bigger = new Uint8Array(Math.max(this.bytes.length * 2, this.length + n));
    bigger.set(this.bytes.subarray(0, this.length));
    this.bytes = bigger;
  }
  u8(value: number): void {
    if (this.length === this.bytes.length) this.room(1);
    this.bytes[this.length++] = value;
  }
  raw(data: ArrayLike<number>): void {
    this.room(data.length);
    this.bytes.set(data, this.length);
    this.length += data.length;
  }
  /** Unsigned LEB128 of a value below 2^32. */
  u32(value: number): void {
    let rest = value >>> 0;
    if (rest < 0x80) {
      this.u8(rest);
      return;
    }
    while (rest >= 0x80) {
      this.u8((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.u8(rest);
  }
  /** Signed LEB128 of a 32-bit value. */
  s32(value: number): void {
    let rest = value | 0;
    for (;;) {
      const byte = rest & 0x7f;
      rest >>= 7;
      const last = (rest === 0 && !(byte & 0x40)) || (rest === -1 && (byte & 0x40) !== 0);
      this.u8(last ? byte : byte | 0x80);
      if (last) return;
    }
  }
  /** Signed LEB128 of a 64-bit value given modulo 2^64. */
  s64(value: bigint): void {
    let rest = BigInt.asIntN(64, value);
    if (rest >= -0x4000_0000n && rest < 0x4000_0000n) {
      this.s32(Number(rest));
      return;
    }
    for (;;) {
      const byte = Number(rest & 0x7fn);
      rest >>= 7n;
      const last = (rest === 0n && !(byte & 0x40)) || (rest === -1n && (byte & 0x40) !== 0);
      this.u8(last ? byte : byte | 0x80);
      if (last) return;
    }
  }
  name(text: string): void {
    this.u32(text.length);
    for (let i = 0; i < text.length; i++) this.u8(text.charCodeAt(i));
  }
  view(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}

interface Import {
  readonly module: string;
  readonly field: string;
  readonly type: number;
}

/** Collects functions and writes one module; memory (and optionally a table) are imported. */
export class ModuleWriter {
  private readonly types: FuncType[] = [];
  private readonly typeIndex = new Map<string, number>();
  private readonly imports: Import[] = [];
  private readonly importIndex = new Map<string, number>();
  private readonly bodies: { type: number; code: Uint8Array; name: string }[] = [];
  private readonly tableEntries: number | undefined;

  constructor(options: { tableEntries?: number } = {}) {
    this.tableEntries = options.tableEntries;
  }

  type(type: FuncType): number {
    const key = `${type.params.join()}:${type.results.join()}`;
    let index = this.typeIndex.get(key);
    if (index === undefined) {
      index = this.types.push(type) - 1;
      this.typeIndex.set(key, index);
    }
    return index;
  }
  /** Index of an imported function `env.field`. All imports must be named before the first body. */
  importFunc(field: string, type: FuncType): number {
    let index = this.importIndex.get(field);
    if (index === undefined) {
      index = this.imports.push({ module: 'env', field, type: this.type(type) }) - 1;
      this.importIndex.set(field, index);
    }
    return index;
  }
  /** Index of the function that was, or will be, the nth added; all imports must have been named. */
  ownFunc(nth: number): number {
    return this.imports.length + nth;
  }
  /** Adds an exported function; `code` is its local declarations and expression, without the final `end`. */
  func(name: string, type: FuncType, code: Uint8Array): void {
    this.bodies.push({ type: this.type(type), code, name });
  }

  private section(out: ByteWriter, id: number, fill: (w: ByteWriter) => void): void {
    const w = new ByteWriter();
    fill(w);
    out.u8(id);
    out.u32(w.length);
    out.raw(w.view());
  }

  /** The module's bytes. `memoryPages` is the declared minimum of the imported memory. */
  finish(): Uint8Array {
    const out = new ByteWriter();
    out.raw([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
    this.section(out, 1, (w) => {
      w.u32(this.types.length);
      for (const t of this.types) {
        w.u8(0x60);
        for (const list of [t.params, t.results]) {
          w.u32(list.length);
          for (const v of list) w.u8(VALTYPE[v]);
        }
      }
    });
    this.section(out, 2, (w) => this.writeImports(w));
    this.section(out, 3, (w) => {
      w.u32(this.bodies.length);
      for (const b of this.bodies) w.u32(b.type);
    });
    this.section(out, 7, (w) => {
      w.u32(this.bodies.length);
      this.bodies.forEach((b, i) => {
        w.name(b.name);
        w.u8(0);
        w.u32(this.imports.length + i);
      });
    });
    this.section(out, 10, (w) => {
      w.u32(this.bodies.length);
      for (const b of this.bodies) {
        w.u32(b.code.length + 1);
        w.raw(b.code);
        w.u8(0x0b);
      }
    });
    return out.view().slice();
  }

  private writeImports(w: ByteWriter): void {
    w.u32(this.imports.length + 1 + (this.tableEntries === undefined ? 0 : 1));
    for (const i of this.imports) {
      w.name(i.module);
      w.name(i.field);
      w.u8(0);
      w.u32(i.type);
    }
    w.name('env');
    w.name('memory');
    w.raw([2, 0]);
    w.u32(1);
    if (this.tableEntries !== undefined) {
      w.name('env');
      w.name('table');
      w.raw([1, 0x70, 0]);
      w.u32(this.tableEntries);
    }
  }
}
