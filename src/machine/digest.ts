import type { PlainData } from '../devices/device.ts';
import type { GuestMemory } from '../engine/memory.ts';
import { PAGE_BYTES } from '../engine/memory.ts';
import { RAM_BASE, SCRATCH_BASE } from '../engine/records.ts';
import { ModuleWriter } from '../engine/wasm/binary.ts';
import { CodeWriter } from '../engine/wasm/code.ts';
import { OP } from '../engine/wasm/opcodes.ts';
import { VIRT_MEMORY_MAP } from './board/virt.ts';

/** Bytes handed to the hash at once from TypeScript; they lie behind the two lanes. */
const BUFFER = SCRATCH_BASE + 16;
const BUFFER_BYTES = 0x8000;

/** Length of the pieces of RAM that have fingerprints of their own. */
const PIECE_BYTES = 2 ** 24;
const RAM_PA = Number(VIRT_MEMORY_MAP.ram.basePa);

const P1 = 0x9e37_79b1_85eb_ca87n;
const P2 = 0xc2b2_ae3d_27d4_eb4fn;

/** `absorb(at, bytes)`: mixes `bytes` (a multiple of 8) into the two 64-bit lanes at SCRATCH_BASE. */
function absorbModule(): Uint8Array {
  const c = new CodeWriter(2);
  const [w, a, b] = [c.local('i64'), c.local('i64'), c.local('i64')];
  const end = c.local('i32');
  const rotl = 0x89;
  c.get(0).get(1).op(OP.i32_add).set(end);
  c.i32(SCRATCH_BASE).mem(OP.i64_load, 0).set(a).i32(SCRATCH_BASE).mem(OP.i64_load, 8).set(b);
  c.op(OP.loop, 0x40).get(0).get(end).op(OP.i32_lt_u).if();
  c.get(0).mem(OP.i64_load, 0).set(w);
  // a = rotl((a ^ w) * P1, 31) + b;  b = rotl(b + w * P2, 27) ^ a
  c.get(a).get(w).op(OP.i64_xor).i64(P1).op(0x7e).i64(31n).op(rotl).get(b).op(OP.i64_add).set(a);
  c.get(b).get(w).i64(P2).op(0x7e, OP.i64_add).i64(27n).op(rotl).get(a).op(OP.i64_xor).set(b);
  c.get(0).i32(8).op(OP.i32_add).set(0).op(OP.br, 1).end().end();
  c.i32(SCRATCH_BASE).get(a).mem(OP.i64_store, 0).i32(SCRATCH_BASE).get(b).mem(OP.i64_store, 8);
  const module = new ModuleWriter();
  module.func('absorb', { params: ['i32', 'i32'], results: [] }, c.finish());
  return module.finish();
}

/**
 * A 128-bit fingerprint of machine state, to tell two states apart. Not cryptographic: it is no defence against
 * somebody who constructs equal fingerprints.
 */
export class Digest {
  private readonly memory: GuestMemory;
  private readonly absorb: (at: number, bytes: number) => void;

  constructor(memory: GuestMemory) {
    this.memory = memory;
    const env = { memory: memory.memory };
    this.absorb = new WebAssembly.Instance(new WebAssembly.Module(absorbModule() as BufferSource), { env }).exports
      .absorb as (at: number, bytes: number) => void;
  }

  /** Starts a new fingerprint. */
  begin(): void {
    this.memory.view.setBigUint64(SCRATCH_BASE, 0x243f_6a88_85a3_08d3n, true);
    this.memory.view.setBigUint64(SCRATCH_BASE + 8, 0x1319_8a2e_0370_7344n, true);
  }
  /** Bytes of the machine's own memory; `bytes` a multiple of 8. */
  region(at: number, bytes: number): void {
    this.absorb(at, bytes);
  }
  /** Plain data, independent of the order in which names were inserted. */
  data(value: PlainData): void {
    const text = canonical(value, (bytes) => this.bytes(bytes));
    for (let from = 0; from < text.length; from += BUFFER_BYTES) {
      const part = text.slice(from, from + BUFFER_BYTES);
      const padded = Math.ceil(part.length / 8) * 8;
      this.memory.u8.fill(0, BUFFER, BUFFER + padded);
      for (let i = 0; i < part.length; i++) this.memory.u8[BUFFER + i] = part.charCodeAt(i);
      this.absorb(BUFFER, padded);
    }
  }
  /** Bytes that are not in the machine's memory, as they are: the content of a disk would be long as text. */
  private bytes(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; from += BUFFER_BYTES) {
      const part = bytes.subarray(from, from + BUFFER_BYTES);
      const padded = Math.ceil(part.length / 8) * 8;
      this.memory.u8.fill(0, BUFFER, BUFFER + padded);
      this.memory.u8.set(part, BUFFER);
      this.absorb(BUFFER, padded);
    }
  }
  /** Every page of RAM that is not all zero, with its number. */
  ram(): void {
    for (const page of this.memory.touchedPages()) {
      const at = RAM_BASE + page * PAGE_BYTES;
      if (this.isZero(at)) continue;
      this.memory.view.setBigUint64(BUFFER, BigInt(page), true);
      this.absorb(BUFFER, 8);
      this.absorb(at, PAGE_BYTES);
    }
  }
  /** Fingerprints of pieces of RAM, each `PIECE_BYTES` long, without those that are all zero; ends what was begun. */
  ramPieces(): { readonly addrPa: number; readonly digest: string }[] {
    const found: { addrPa: number; digest: string }[] = [];
    let piece = -1;
    const end = (): void => {
      if (piece >= 0) found.push({ addrPa: RAM_PA + piece * PIECE_BYTES, digest: this.finish() });
    };
    for (const page of this.memory.touchedPages()) {
      const at = RAM_BASE + page * PAGE_BYTES;
      if (this.isZero(at)) continue;
      if (Math.floor((page * PAGE_BYTES) / PIECE_BYTES) !== piece) {
        end();
        piece = Math.floor((page * PAGE_BYTES) / PIECE_BYTES);
        this.begin();
      }
      this.memory.view.setBigUint64(BUFFER, BigInt(page), true);
      this.absorb(BUFFER, 8);
      this.absorb(at, PAGE_BYTES);
    }
    end();
    return found;
  }
  private isZero(at: number): boolean {
    const { i32 } = this.memory;
    for (let i = at >>> 2; i < (at + PAGE_BYTES) >>> 2; i++) if (i32[i] !== 0) return false;
    return true;
  }
  /** The fingerprint, 32 hexadecimal digits. */
  finish(): string {
    this.memory.view.setBigUint64(BUFFER, 0xffff_ffff_ffff_ffffn, true);
    for (let i = 0; i < 4; i++) this.absorb(BUFFER, 8);
    const lane = (at: number): string => this.memory.view.getBigUint64(at, true).toString(16).padStart(16, '0');
    return lane(SCRATCH_BASE) + lane(SCRATCH_BASE + 8);
  }
}

/** Length from which bytes are not spelled out in text. */
const BYTES_AS_TEXT_MAX = 512;

/**
 * Plain data as text in which equal data are equal text and different data differ. Long runs of bytes go to `absorb`
 * instead, in the order of the text, which then has their length only; without it they are spelled out as well.
 */
export function canonical(value: PlainData, absorb?: (bytes: Uint8Array) => void): string {
  if (value === null) return 'null';
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Uint8Array && absorb && value.length > BYTES_AS_TEXT_MAX) {
    absorb(value);
    return `<${value.length} bytes>`;
  }
  if (value instanceof Uint8Array) return `<${Array.from(value, (b) => b.toString(16).padStart(2, '0')).join('')}>`;
  if (typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((v: PlainData) => canonical(v, absorb)).join(',')}]`;
  const entries = Object.entries(value as { [name: string]: PlainData }).sort(([a], [b]) =>
    a < b ? -1 : a > b ? 1 : 0,
  );
  return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonical(v, absorb)}`).join(',')}}`;
}
