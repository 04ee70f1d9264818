/** What hostile guests do: each attack writes a guest into a machine that has just been reset. */
import { sysregByName } from '../../src/arch/sysregs/index.ts';
import type { Machine } from '../../src/machine/machine.ts';
import type { Random } from '../differential/random.ts';
import {
  address,
  anyWord,
  CODE_BYTES,
  CODE_PA,
  clauseWord,
  LOOP_BASES,
  loopWord,
  memoryWord,
  PLACES,
  program,
  RAM_BYTES,
  RAM_PA,
  storeWord,
  systemWord,
  value,
  WAITS,
} from './words.ts';

type Attack = (m: Machine, r: Random) => void;

const VECTORS_PA = RAM_PA + 0x20_0000;
const TABLES_PA = RAM_PA + 0x30_0000;
const TABLE_PAGES = 6;

function hasRegister(m: Machine, name: string): boolean {
  try {
    m.readRegister(0, name);
    return true;
  } catch {
    return false;
  }
}
function setIfThere(m: Machine, name: string, v: bigint): void {
  if (hasRegister(m, name)) m.writeRegister(0, name, v);
}

/** Highest Exception level that belongs to the guest. */
function highest(m: Machine): number {
  const { els, firmware } = m.options;
  return els.el3 && firmware === 'guest' ? 3 : els.el2 ? 2 : 1;
}

/** Exception level, masks and stack pointer choice at random, Secure or not. */
function chooseLevel(m: Machine, r: Random): number {
  const el = r.below(highest(m) + 1);
  if (highest(m) === 3) m.writeRegister(0, 'SCR_EL3', BigInt(r.u32() & 0x3fff) | (el === 2 ? 1n : 0n) | 0x400n);
  const selected = el === 0 ? 0 : r.below(2);
  m.writeRegister(
    0,
    'PSTATE',
    BigInt(((r.below(4) ? 0 : r.u32()) & 0xf0c0_03c0) | (el << 2) | selected) & 0xffff_ffffn,
  );
  return el;
}

/** Vectors that step over what faulted and return, or that are nothing at all. */
function chooseVectors(m: Machine, r: Random): void {
  const kind = r.below(4);
  for (const el of [1, 2, 3]) {
    // mrs x18, elr_elN; add x18, x18, #4; msr elr_elN, x18; eret
    const op1 = [0, 0, 4, 6][el]! << 16;
    const skip = [0xd538_4032 | op1, 0x9100_1252, 0xd518_4032 | op1, 0xd69f_03e0];
    const page = new Uint8Array(0x800);
    for (let at = 0; at < 0x800; at += 0x80) page.set(program(skip), at);
    m.writeMemory(BigInt(VECTORS_PA + el * 0x1000), page);
    const base = kind < 3 ? BigInt(VECTORS_PA + el * 0x1000) : address(r) & ~0x7ffn;
    setIfThere(m, `VBAR_EL${el}`, base);
  }
}

function chooseRegisters(m: Machine, r: Random): void {
  for (let n = 0; n < 31; n++) m.writeRegister(0, `X${n}`, value(r));
  for (const n of [0, 1, 2, 31]) m.writeRegister(0, `V${n}`, (r.u64() << 64n) | r.u64());
  m.writeRegister(0, 'SP', r.percent(60) ? BigInt(CODE_PA + 0x8000) : value(r));
  for (const el of [0, 1, 2, 3]) {
    const control = `SCTLR_EL${el}`;
    // Alignment, stack alignment and EL0's rights; the MMU stays as it is.
    if (hasRegister(m, control)) m.writeRegister(0, control, BigInt(r.u32()) & ~1n);
  }
  setIfThere(m, 'CPACR_EL1', r.percent(85) ? 0x30_0000n : BigInt(r.u32()));
}

function begin(m: Machine, r: Random, word: (r: Random) => number): number {
  chooseVectors(m, r);
  chooseRegisters(m, r);
  const words = Array.from({ length: CODE_BYTES / 4 }, () => word(r));
  // Most programs come round again.
  for (let at = 40 + r.below(60); at < words.length; at += 40 + r.below(60)) {
    words[at] = 0x1400_0000 | (-r.below(at + 1) & 0x3ff_ffff);
  }
  m.writeMemory(BigInt(CODE_PA), program(words));
  const el = chooseLevel(m, r);
  m.writeRegister(0, 'PC', BigInt(CODE_PA + 4 * r.below(CODE_BYTES / 8)));
  return el;
}

/** Descriptors that point at tables, RAM, devices, nothing; valid more often than not. */
function descriptor(r: Random): bigint {
  const kind = r.below(10);
  const base =
    kind < 4
      ? TABLES_PA + 4096 * r.below(TABLE_PAGES)
      : kind < 7
        ? CODE_PA + 4096 * r.below(4)
        : kind < 9
          ? r.pick(PLACES)
          : r.u32();
  const valid = r.percent(85) ? 3 : r.below(4);
  const attributes = r.percent(70) ? 0x400 | (r.below(2) << 6) | (r.below(8) << 2) : r.below(1024) << 2;
  const upper = r.percent(80) ? 0n : BigInt(r.below(4096)) << 52n;
  return (BigInt(base) & 0xffff_ffff_f000n) | BigInt(valid | attributes) | upper;
}

function fillTables(m: Machine, r: Random): void {
  const bytes = new Uint8Array(TABLE_PAGES * 4096);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += 8) view.setBigUint64(at, descriptor(r), true);
  m.writeMemory(BigInt(TABLES_PA), bytes);
  // The code itself can mostly be reached: entry 0 at level 1 is a block of RAM in every page.
  for (let page = 0; page < TABLE_PAGES; page++) {
    if (r.percent(20)) continue;
    const block = new Uint8Array(8);
    new DataView(block.buffer).setBigUint64(0, 0x4000_0701n, true);
    m.writeMemory(BigInt(TABLES_PA + page * 4096 + 8), block);
  }
}

function translationOn(m: Machine, r: Random): void {
  fillTables(m, r);
  const granule = r.percent(75) ? { tg0: 0n, tg1: 2n } : { tg0: BigInt(r.below(4)), tg1: BigInt(r.below(4)) };
  const size = (): bigint => BigInt(r.percent(60) ? 25 : r.below(64));
  for (const el of [1, 2, 3]) {
    const base = (): bigint => BigInt(TABLES_PA + 4096 * r.below(TABLE_PAGES) + (r.percent(20) ? 64 * r.below(64) : 0));
    setIfThere(m, `TTBR0_EL${el}`, base());
    if (el === 1) m.writeRegister(0, 'TTBR1_EL1', base());
    const one = size() | (size() << 16n) | (granule.tg0 << 14n) | (granule.tg1 << 30n) | (BigInt(r.below(8)) << 32n);
    const other = size() | (granule.tg0 << 14n) | (BigInt(r.below(8)) << 16n);
    const tbi = r.percent(30) ? (el === 1 ? 0x60_0000_0000n : 1n << 20n) : 0n;
    setIfThere(m, `TCR_EL${el}`, (el === 1 ? one : other) | tbi);
    setIfThere(m, `MAIR_EL${el}`, r.percent(70) ? 0xffff_44ff_04ff_00ffn : r.u64());
    if (hasRegister(m, `SCTLR_EL${el}`) && r.percent(85)) {
      m.writeRegister(0, `SCTLR_EL${el}`, m.readRegister(0, `SCTLR_EL${el}`) | 1n);
    }
  }
  // Most addresses stay within what the tables map.
  for (let n = 0; n < 20; n++) {
    if (r.percent(50)) m.writeRegister(0, `X${n}`, BigInt(r.u32() & 0x7fff_ffff));
    else if (r.percent(60)) m.writeRegister(0, `X${n}`, BigInt(TABLES_PA + r.below(TABLE_PAGES * 4096)));
  }
}

/** Code that stores instruction words around itself. */
function selfModifying(m: Machine, r: Random): void {
  const word = (): number => (r.percent(60) ? storeWord(r) : r.percent(50) ? 0xd503_201f : clauseWord(r));
  begin(m, r, word);
  for (let n = 0; n < 31; n++) {
    const near = BigInt(CODE_PA + (r.percent(50) ? r.below(512) : 4096 - r.below(64) + 4096 * r.below(3)));
    m.writeRegister(0, `X${n}`, r.percent(70) ? near : (BigInt(word()) << 32n) | BigInt(word()));
  }
  m.writeRegister(0, 'PC', BigInt(CODE_PA + (r.percent(50) ? 4 * r.below(32) : 4096 - 4 * r.below(16))));
}

function devices(m: Machine, r: Random): void {
  begin(m, r, (g) => (g.percent(80) ? memoryWord(g) : anyWord(g)));
  for (let n = 0; n < 31; n++) {
    const aligned = r.percent(70) ? ~7 : -1;
    if (r.percent(75))
      m.writeRegister(0, `X${n}`, BigInt((r.pick(PLACES) + r.below(0x1_0000)) & aligned) & 0xffff_ffffn);
  }
  if (r.percent(30)) m.writeRegister(0, 'SP', BigInt(r.pick(PLACES)));
}

/** PSCI and SMCCC function numbers, and registers a timer or interrupt needs. */
function waits(m: Machine, r: Random): void {
  const set = [
    'CNTP_CTL_EL0',
    'CNTV_CTL_EL0',
    'CNTV_TVAL_EL0',
    'CNTP_TVAL_EL0',
    'CNTV_CVAL_EL0',
    'DAIF',
    'ICC_PMR_EL1',
    'ICC_IGRPEN1_EL1',
    'ICC_SGI1R_EL1',
    'CNTVOFF_EL2',
    'CNTKCTL_EL1',
    'HCR_EL2',
  ].map((n) => sysregByName(n)!.key);
  begin(m, r, (g) => {
    const kind = g.below(10);
    if (kind < 5) return g.pick(WAITS);
    if (kind < 8) return (0xd500_0000 | (g.pick(set) << 5) | g.below(32)) >>> 0;
    // movz x0, #function; movk x0, #0x8400 or 0xc400, lsl #16
    if (kind === 8) return (0xd280_0000 | (g.below(24) << 5)) >>> 0;
    return (0xf2a0_0000 | (g.pick([0x8400, 0xc400, 0x8000, 0xc600]) << 5)) >>> 0;
  });
  // Enough of the GIC for timers to come through.
  const enable = new Uint8Array(4).fill(255);
  m.bus.write(0x080b_0100, 4, new DataView(enable.buffer).getUint32(0, true), 0, r.percent(80));
  m.bus.write(0x0800_0000, 4, 0x3 | (r.below(2) << 4), 0, r.percent(80));
}

/** A loop that becomes hot: computes, loads, stores (also near its own code), branches over parts of itself. */
function loop(m: Machine, r: Random): void {
  begin(m, r, () => 0xd503_201f);
  const bases = LOOP_BASES.flatMap((n) => {
    const near = r.percent(8);
    const at = near ? CODE_PA + r.below(0x800) : RAM_PA + 0x40_0000 + r.below(0x3000);
    // movz xN, #low; movk xN, #high, lsl #16
    return [(0xd280_0000 | ((at & 0xffff) << 5) | n) >>> 0, (0xf2a0_0000 | ((at >>> 16) << 5) | n) >>> 0];
  });
  const body: number[] = [];
  const size = 3 + r.below(r.percent(20) ? 120 : 24);
  for (let n = 0; n < size; n++) {
    const over = 1 + r.below(Math.min(6, size - n));
    const kind = r.below(100);
    if (kind < 12) body.push((0x5400_0000 | (over << 5) | r.below(16)) >>> 0);
    else if (kind < 18)
      body.push((0x3400_0000 | (r.below(4) << 24) | (r.below(2) << 31) | (over << 5) | r.below(16)) >>> 0);
    else if (kind < 20) body.push(anyWord(r));
    else body.push(loopWord(r));
  }
  const words = [...bases, ...body];
  // Sometimes an inner loop, counted down from few.
  if (r.percent(40)) words.push(0xd280_0000 | (r.below(30) << 5) | 16, ...body.slice(0, 4), 0xd100_0610, 0xb5ff_ff70);
  words.push((0x1400_0000 | (-words.length & 0x3ff_ffff)) >>> 0);
  const start = r.percent(20) ? 0x1000 - 4 * r.below(words.length) : 0;
  m.writeMemory(BigInt(CODE_PA + start), program(words));
  setIfThere(m, 'CPACR_EL1', 0x30_0000n);
  m.writeRegister(0, 'PC', BigInt(CODE_PA + start));
}

/** Attacks by name. */
export const ATTACKS = {
  /** Random instruction streams at each Exception level. */
  instructions: (m, r) => void begin(m, r, anyWord),
  /** Jumps into nothing, with vectors that fault. */
  jumps: (m, r) => {
    begin(m, r, (g) => (g.percent(50) ? clauseWord(g) : (0xd61f_0000 | (g.below(4) << 21) | (g.below(31) << 5)) >>> 0));
    for (let n = 0; n < 31; n++) m.writeRegister(0, `X${n}`, address(r) ^ BigInt(r.below(4)));
    for (const el of [1, 2, 3]) setIfThere(m, `VBAR_EL${el}`, address(r));
  },
  /** Garbage translation tables with the MMU on. */
  tables: (m, r) => {
    begin(m, r, (g) => (g.percent(60) ? memoryWord(g) : anyWord(g)));
    translationOn(m, r);
  },
  /** Code that overwrites code: itself, the next instruction, the next page. */
  selfModifying,
  /** Accesses of every width to every device offset, and to holes. */
  devices,
  /** MSR, MRS and SYS of everything. */
  registers: (m, r) => void begin(m, r, (g) => (g.percent(85) ? systemWord(g) : anyWord(g))),
  /** Waiting with nothing that could come, timers, calls. */
  waits,
  loop,
} as const satisfies Readonly<Record<string, Attack>>;

/** Names of the attacks. */
export type AttackName = keyof typeof ATTACKS;

/** Bytes that a hostile guest may use. */
export const HOSTILE_RAM_BYTES: number = RAM_BYTES;
