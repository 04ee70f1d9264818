import { DATA_TLB_BASE, DATA_TLB_ENTRIES, DATA_TLB_WAY_BYTES, PE_DERIVED } from '../../arch/pestate.ts';
import type { IrNode, MemAccess } from '../../ir/types.ts';
import type { FuncType, ValType } from '../wasm/binary.ts';
import { CodeWriter } from '../wasm/code.ts';
import { OP } from '../wasm/opcodes.ts';
import { CPU, diverted, type Emission, IP } from './emission.ts';

/** Slow memory access: (PE block, record, access word) to non-zero when an exception was taken. */
export const SLOW_TYPE: FuncType = { params: ['i32', 'i32', 'i32'], results: ['i32'] };

const PAGE_LOG2 = 12;
/** Bytes of one entry of the data TLB, as a shift. */
const ENTRY_BYTES_LOG2 = 5;
/** Name of the imported function that looks into the second way of the data TLB; see `otherWayFunction`. */
export const OTHER_WAY_IMPORT = 'otherWay';
/** Where an entry holds its tag for writes. */
const WRITE_TAG = 8;
/** Where an entry holds what is added to a virtual address. */
const ADDEND = 16;

/**
 * The access word that tells the slow path what is asked: size in bits 4:0, alignment in 9:5, then one bit each for
 * always aligned (10), unprivileged (11), write (12), read that needs write permission (13).
 */
export function accessWord(a: MemAccess, write: boolean): number {
  return (
    a.bytes |
    ((a.alignBytes ?? a.bytes) << 5) |
    (a.alwaysAligned ? 1 << 10 : 0) |
    (a.unprivileged ? 1 << 11 : 0) |
    (write ? 1 << 12 : 0) |
    (a.readForWrite ? 1 << 13 : 0)
  );
}

/** Locals with the address of an access and the entry of the data TLB that answers it. */
export interface Probe {
  readonly va: number;
  readonly entry: number;
}
/** Type of `otherWay`: entry, where the tag that is asked for lies, the tag that is wanted, to 0 or 1. */
export const OTHER_WAY_TYPE: FuncType = { params: ['i32', 'i32', 'i64'], results: ['i32'] };

/**
 * Leaves two tags on the stack: the one that the first way has for an address, and the one that answers the access.
 *
 * That is made of the page of the last byte and the current translation context, so an access that crosses into the
 * next page misses.
 */
function tags(e: Emission, address: IrNode, a: MemAccess, at: number): Probe {
  const c = e.code;
  const [va, entry] = [c.local('i64'), c.local('i32')];
  e.value(address);
  c.tee(va)
    .op(OP.i32_wrap_i64)
    .i32(PAGE_LOG2 - ENTRY_BYTES_LOG2)
    .op(OP.i32_shr_u)
    .i32((DATA_TLB_ENTRIES - 1) << ENTRY_BYTES_LOG2)
    .op(OP.i32_and);
  c.get(CPU).op(OP.i32_add).tee(entry).mem(OP.i64_load, at);
  c.get(va);
  if (a.bytes > 1) c.i64(BigInt(a.bytes - 1)).op(OP.i64_add);
  c.i64(-4096n).op(OP.i64_and);
  if (e.context && !a.unprivileged) e.context(va);
  else {
    c.get(CPU).get(va).i64(63n).op(OP.i64_shr_u, OP.i32_wrap_i64).i32(3).op(OP.i32_shl, OP.i32_add);
    c.mem(OP.i64_load, (a.unprivileged ? PE_DERIVED.unprivLow : PE_DERIVED.contextLow).offset);
  }
  c.op(OP.i64_or);
  return { va, entry };
}
/** Leaves the bits of an address that have to be zero. */
function misalignment({ code }: Emission, a: MemAccess, va: number): void {
  code
    .get(va)
    .i64(BigInt((a.alignBytes ?? a.bytes) - 1))
    .op(OP.i64_and);
}
const tagOf = (write: boolean): number => DATA_TLB_BASE + (write ? WRITE_TAG : 0);
const mayBeMisaligned = (a: MemAccess): boolean => a.alwaysAligned === true && a.bytes > 1;

/** Leaves 1 on the stack if the data TLB answers an access, in whichever way, else 0. */
export function probe(e: Emission, address: IrNode, a: MemAccess, write: boolean): Probe {
  const c = e.code;
  const at = tagOf(write);
  const { va, entry } = tags(e, address, a, at);
  const wanted = c.local('i64');
  c.tee(wanted).op(OP.i64_eq).if('i32').i32(1).else();
  c.get(entry).i32(at).get(wanted).call(e.module.importFunc(OTHER_WAY_IMPORT, OTHER_WAY_TYPE)).end();
  if (!mayBeMisaligned(a)) return { va, entry };
  misalignment(e, a, va);
  c.op(OP.i64_eqz, OP.i32_and);
  return { va, entry };
}

/**
 * Goes on if the first way of the data TLB answers an access; what `giveUp` writes, for where it does not, ends the
 * instruction.
 */
function probeOr(e: Emission, address: IrNode, a: MemAccess, write: boolean, giveUp: () => void): Probe {
  const c = e.code;
  const { va, entry } = tags(e, address, a, tagOf(write));
  c.op(OP.i64_ne);
  if (mayBeMisaligned(a)) {
    misalignment(e, a, va);
    c.op(OP.i64_eqz, OP.i32_eqz, OP.i32_or);
  }
  c.if();
  giveUp();
  c.end();
  return { va, entry };
}

/** The function that looks a tag up in the second way of an entry, and if it is there makes it the first. */
export function otherWayFunction(): Uint8Array {
  const c = new CodeWriter(3);
  const [entry, at, wanted] = [0, 1, 2];
  const word = c.local('i64');
  c.get(entry).get(at).op(OP.i32_add).mem(OP.i64_load, DATA_TLB_WAY_BYTES).get(wanted).op(OP.i64_ne);
  c.if().i32(0).op(OP.return).end();
  for (let n = DATA_TLB_BASE; n < DATA_TLB_BASE + ADDEND + 8; n += 8) {
    c.get(entry).mem(OP.i64_load, n).set(word);
    c.get(entry)
      .get(entry)
      .mem(OP.i64_load, n + DATA_TLB_WAY_BYTES)
      .mem(OP.i64_store, n);
    c.get(entry)
      .get(word)
      .mem(OP.i64_store, n + DATA_TLB_WAY_BYTES);
  }
  c.i32(1);
  return c.finish();
}

/** Leaves the offset in the memory of an address that hit. */
export function hostAddress(e: Emission, va: number, entry: number): void {
  e.code
    .get(va)
    .op(OP.i32_wrap_i64)
    .get(entry)
    .mem(OP.i32_load, DATA_TLB_BASE + ADDEND)
    .op(OP.i32_add);
}

/** Asks the host to make the access; the handler ends when an exception was taken. */
function slow(e: Emission, va: number, word: number, write: boolean): void {
  if (e.slowAccess) return e.slowAccess(va, word, write);
  const c = e.code;
  e.observed?.();
  c.get(CPU).get(va).mem(OP.i64_store, PE_DERIVED.slowVa.offset);
  c.get(CPU)
    .get(IP)
    .i32(word)
    .call(e.module.importFunc(write ? 'slowStore' : 'slowLoad', SLOW_TYPE));
  c.if();
  diverted(e);
  c.end();
  e.resumed?.();
}

function plainLoad({ code }: Emission, bytes: number, offset: number): void {
  if (bytes === 16) code.simdMem(0x00, offset);
  else code.mem({ 1: OP.i32_load8_u, 2: OP.i32_load16_u, 4: OP.i32_load, 8: OP.i64_load }[bytes]!, offset);
}

function plainStore({ code }: Emission, bytes: number, data: number, offset: number): void {
  code.get(data);
  if (bytes === 16) code.simdMem(0x0b, offset);
  else code.mem({ 1: OP.i32_store8, 2: OP.i32_store16, 4: OP.i32_store, 8: OP.i64_store }[bytes]!, offset);
}

/** Writes `hit` with the host's address in a local, and around it what happens where the TLB has no entry. */
function access(
  e: Emission,
  address: IrNode,
  a: MemAccess,
  write: boolean,
  ways: { readonly hit: (host: () => void) => void; readonly before: () => void; readonly after: () => void },
): void {
  const c = e.code;
  const giveUp = e.giveUp?.();
  const needsWrite = write || a.readForWrite === true;
  const { va, entry } = giveUp ? probeOr(e, address, a, needsWrite, giveUp) : probe(e, address, a, needsWrite);
  const host = (): void => hostAddress(e, va, entry);
  if (giveUp) return ways.hit(host);
  c.if();
  ways.hit(host);
  c.else();
  ways.before();
  slow(e, va, accessWord(a, write), write);
  ways.after();
  c.end();
}

/** Halves of 16 bytes, low one first: the offset in the memory of both is what `address` leaves. */
function eachHalf(e: Emission, address: () => void, half: (offset: number) => void): void {
  const host = e.code.local('i32');
  address();
  e.code.set(host);
  for (const offset of [0, 8]) {
    e.code.get(host);
    half(offset);
  }
}

/** Writes a load: straight from RAM when the TLB has the page, else through `slowLoad`. */
export function emitLoad(e: Emission, address: IrNode, a: MemAccess, ty: ValType): void {
  const c = e.code;
  const result = c.local(ty);
  access(e, address, a, false, {
    hit: (host) => {
      host();
      plainLoad(e, a.bytes, 0);
      c.set(result);
    },
    before: () => {},
    after: () => {
      c.get(CPU);
      plainLoad(e, a.bytes, PE_DERIVED.slowValue.offset);
      c.set(result);
    },
  });
  c.get(result);
}

/** Writes a load of 16 bytes whose halves go to general-purpose registers: two locals, the lower half's first. */
export function emitPairLoad(e: Emission, address: IrNode, a: MemAccess): readonly [number, number] {
  const c = e.code;
  const halves = [c.local('i64'), c.local('i64')] as const;
  const into = (at: number) => (offset: number) => c.mem(OP.i64_load, at + offset).set(halves[offset / 8]!);
  access(e, address, a, false, {
    hit: (host) => eachHalf(e, host, into(0)),
    before: () => {},
    after: () => eachHalf(e, () => c.get(CPU), into(PE_DERIVED.slowValue.offset)),
  });
  return halves;
}

/** Writes a store: straight to RAM when the TLB has a write tag for the page, else through `slowStore`. */
export function emitStore(e: Emission, address: IrNode, value: IrNode, a: MemAccess): void {
  const c = e.code;
  const halves = halvesOf(e, value);
  const data = (halves ?? [value]).map((part) => {
    const local = c.local(part.ty as ValType);
    e.value(part);
    c.set(local);
    return local;
  });
  const put = (at: number) => (offset: number) => plainStore(e, halves ? 8 : a.bytes, data[offset / 8]!, at + offset);
  const store = (address: () => void, at: number): void => {
    if (halves) return eachHalf(e, address, put(at));
    address();
    put(at)(0);
  };
  access(e, address, a, true, {
    hit: (host) => store(host, 0),
    before: () => store(() => c.get(CPU), PE_DERIVED.slowValue.offset),
    after: () => {},
  });
}

/** The general-purpose registers of which a vector is made only to be stored. */
function halvesOf(e: Emission, value: IrNode): readonly [IrNode, IrNode] | undefined {
  if (value.op !== 'vwith' || value.lane !== 64 || value.index !== 1 || !e.isLazy(value)) return undefined;
  const low = value.args[0]!;
  return low.op === 'vsplat' && low.lane === 64 && e.isLazy(low) ? [low.args[0]!, value.args[1]!] : undefined;
}
