/** Instruction words and values that a hostile guest would choose. */
import { SYSREGS, sysregKey } from '../../src/arch/sysregs/index.ts';
import { SYS_OPS } from '../../src/arch/sysregs/sysops.ts';
import { BRANCH } from '../../src/isa/base/branch.ts';
import { SYSTEM_INSTRUCTIONS } from '../../src/isa/base/system.ts';
import { SYSTEM_MOVES } from '../../src/isa/base/system-moves.ts';
import type { Clause } from '../../src/isa/clause.ts';
import { encodeFields } from '../../src/isa/encoding.ts';
import { A64 } from '../../src/isa/table.ts';
import type { Random } from '../differential/random.ts';

/** Where RAM begins, and how much of it the hostile guests have. */
export const RAM_PA = 0x4000_0000;
export const RAM_BYTES = 16 * 2 ** 20;
/** Where their code lies: four pages. */
export const CODE_PA = RAM_PA + 0x10_0000;
export const CODE_BYTES = 0x4000;

/** Physical places of devices, and holes between and around them. */
export const PLACES: readonly number[] = [
  0x0800_0000,
  0x0808_0000,
  0x0809_0000,
  0x080a_0000,
  0x080b_0000,
  0x0900_0000,
  0x0901_0000,
  0x0903_0000,
  0x0a00_0000,
  0x0902_0000,
  0,
  0x0700_0000,
  0x0801_0000,
  0x080c_0000,
  0x3fff_f000,
  RAM_PA,
  RAM_PA + RAM_BYTES - 4096,
  RAM_PA + RAM_BYTES,
];

const EDGES: readonly bigint[] = [
  0n,
  1n,
  0xffff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  0xffff_ffffn,
  0x8000_0000n,
  0x1_0000_0000n,
  0xffff_0000_0000_0000n,
  0x00ff_ffff_ffff_f000n,
  0xff00_0000_4010_0000n,
];

/** A place where an access does something: code, data, devices, the borders of RAM, pages next to each other. */
export function address(r: Random): bigint {
  const kind = r.below(10);
  if (kind < 3) return BigInt(CODE_PA + (r.u32() % CODE_BYTES));
  if (kind < 5) return BigInt(CODE_PA + 4096 * (1 + r.below(3)) - r.below(40));
  if (kind < 7) return BigInt(RAM_PA + (r.u32() % RAM_BYTES));
  if (kind < 9) return BigInt(r.pick(PLACES) + r.below(4096));
  return r.u64();
}

/** Any value of a register. */
export function value(r: Random): bigint {
  const kind = r.below(8);
  if (kind < 4) return address(r);
  if (kind < 5) return r.pick(EDGES);
  return kind < 7 ? BigInt(r.below(256)) : r.u64();
}

/** A word of one of the clauses, or of one chosen by `wanted`. */
export function clauseWord(r: Random, wanted: readonly Clause[] = A64): number {
  const clause = r.pick(wanted);
  const fields: Record<string, number> = {};
  for (const [name, { width }] of Object.entries(clause.encoding.fields)) {
    fields[name] = r.percent(70) ? r.u32() % 2 ** width : r.pick([0, 2 ** width - 1]);
  }
  return encodeFields(clause.encoding, fields);
}

const MEMORY_CLAUSES = A64.filter((c) => /^(LD|ST|CAS|SWP|PRF|DC ZVA)/.test(c.name));
const STORE_CLAUSES = A64.filter((c) => /^(ST|CAS|SWP|DC ZVA)/.test(c.name));
const EXCLUSIVE_CLAUSES = A64.filter((c) => /^(LD|ST)L?A?X/.test(c.name));

/** Loads, stores, atomics and exclusives of every width. */
export function memoryWord(r: Random): number {
  return clauseWord(r, r.percent(30) ? EXCLUSIVE_CLAUSES : MEMORY_CLAUSES);
}
/** Stores of every width. */
export function storeWord(r: Random): number {
  return clauseWord(r, STORE_CLAUSES);
}

const KEYS = SYSREGS.map((row) => row.key);
const SYS_KEYS = SYS_OPS.map((op) => op.key);

/** MSR, MRS, SYS or SYSL of a number the table knows, or of any. */
export function systemWord(r: Random): number {
  const known = r.below(10);
  const key =
    known < 6
      ? r.pick(KEYS)
      : known < 8
        ? r.pick(SYS_KEYS)
        : sysregKey(r.below(4), r.u32(), 0, 0, 0) | (r.u32() & 0x3fff);
  return (0xd500_0000 | (r.below(2) << 21) | ((key & 0xffff) << 5) | r.below(32)) >>> 0;
}

/** WFI, WFE, SEV, YIELD, calls, exception returns, barriers. */
export const WAITS: readonly number[] = [
  0xd503207f, 0xd503205f, 0xd503209f, 0xd50320bf, 0xd503203f, 0xd69f03e0, 0xd4000001, 0xd4000002, 0xd4000003,
  0xd4200000, 0xd4400000, 0xd503305f, 0xd50342ff, 0xd50342df, 0xd5033fdf,
];

/** Words of all kinds. */
export function anyWord(r: Random): number {
  const kind = r.below(20);
  if (kind < 9) return clauseWord(r);
  if (kind < 13) return memoryWord(r);
  if (kind < 16) return systemWord(r);
  return kind < 18 ? r.pick(WAITS) : r.u32();
}

/** Words as the bytes of a program. */
export function program(words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  words.forEach((w, i) => {
    view.setUint32(i * 4, w, true);
  });
  return bytes;
}

const NOT_COMPUTING = new Set<Clause>([...BRANCH, ...SYSTEM_INSTRUCTIONS, ...SYSTEM_MOVES, ...MEMORY_CLAUSES]);
const COMPUTING = A64.filter((c) => !NOT_COMPUTING.has(c));
/** Registers that hold addresses in the loops of `loopWord`. */
export const LOOP_BASES: readonly number[] = [20, 21, 22, 23];

/** A clause's word whose general-purpose registers are X0 to X15, and whose base, if it has one, holds an address. */
export function loopWord(r: Random): number {
  const memory = r.percent(35);
  const clause = r.pick(memory ? MEMORY_CLAUSES : COMPUTING);
  const fields: Record<string, number> = {};
  for (const [name, { width }] of Object.entries(clause.encoding.fields)) {
    const register = width === 5 && /^[RV]/.test(name);
    fields[name] = register ? (r.percent(10) ? 31 : r.below(16)) : r.u32() % 2 ** width;
    if (memory && name === 'Rn') fields[name] = r.pick(LOOP_BASES);
    // Offsets stay small.
    if (memory && name === 'imm12') fields[name] = r.below(64);
  }
  return encodeFields(clause.encoding, fields);
}
