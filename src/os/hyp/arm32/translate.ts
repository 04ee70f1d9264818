/**
 * Translation of addresses: long descriptors with 4 KiB granule, PL1&0, HYP and stage 2. Nothing is cached.
 *
 * DDI 0406, "Long-descriptor translation table format". Not modelled: short descriptors (TTBCR.EAE is RES1), memory
 * types, domains, hierarchical attributes.
 */
import { SCTLR } from './cp15.ts';
import type { Memory32 } from './memory.ts';
import type { Cpu32 } from './state.ts';

/** What is to be done with an address. */
export interface Access32 {
  readonly fetch?: boolean;
  readonly write?: boolean;
}

/** Why an access fails. */
export interface Fault32 {
  /** Long-descriptor fault status, 6 bits. DDI 0406, "Fault status codes, Long-descriptor". */
  readonly status: number;
  /** Of stage 2, and where its input address lies. */
  readonly stage2?: { readonly ipa: number; readonly duringStage1Walk: boolean };
}

/** A physical address, or the fault in its place. */
export type Translated = { readonly pa: number } | { readonly fault: Fault32 };

/** Fault status of the first level; the level is added. */
export const FAULT = {
  translation: 0b000100,
  accessFlag: 0b001000,
  permission: 0b001100,
  externalOnWalk: 0b010100,
  external: 0b010000,
  asynchronousExternal: 0b010001,
  alignment: 0b100001,
} as const;

/** Powers of two up to 2^40: the operator is slow. */
const POWER: readonly number[] = Array.from({ length: 41 }, (_, n) => 2 ** n);
/** Bits of the low word of a descriptor. */
const LOW = { VALID: 1, TABLE_OR_PAGE: 2, AP1: 0x40, AP2: 0x80, AF: 0x400, OUTPUT: 0xffff_f000 } as const;
/** Bits of the high word: XN, and the part of the output address beyond 32 bits. */
const HIGH = { XN: 0x0040_0000, OUTPUT: 0xff } as const;

/** What the descriptor at the end must allow. */
type Rights = 'hyp' | 'kernel' | 'user' | 'stage2';

function refuses(low: number, high: number, rights: Rights, access: Access32): boolean {
  if (access.fetch && high & HIGH.XN) return true;
  // S2AP: 01 read, 10 write. AP[2]: read only; AP[1]: unprivileged as well.
  if (rights === 'stage2') return !access.fetch && (low & (access.write ? LOW.AP2 : LOW.AP1)) === 0;
  if (rights === 'user' && !(low & LOW.AP1)) return true;
  return access.write === true && (low & LOW.AP2) !== 0;
}

const fail = (status: number): Translated => ({ fault: { status } });

/** One stage: from a table base, over so many bits of input. Tables of stage 1 lie in the input of stage 2. */
function walk(
  cpu: Cpu32,
  memory: Memory32,
  { base, inputBits, startLevel, rights }: { base: number; inputBits: number; startLevel: number; rights: Rights },
  input: number,
  access: Access32,
): Translated {
  if (inputBits < 32 && input >= POWER[inputBits]) return fail(FAULT.translation | 1);
  let table = base;
  for (let level = startLevel; level <= 3; level++) {
    const size = POWER[39 - 9 * level];
    const index = Math.floor(input / size) & (level === startLevel ? -1 : 0x1ff);
    const at =
      rights === 'kernel' || rights === 'user' ? stage2(cpu, memory, table + 8 * index, READ, true) : table + 8 * index;
    if (typeof at !== 'number' && 'fault' in at) return at;
    const pa = typeof at === 'number' ? at : at.pa;
    if (!memory.has(pa)) return fail(FAULT.externalOnWalk | level);
    const low = memory.word(pa);
    const high = memory.word(pa + 4);
    const leaf = level === 3 ? (low & LOW.TABLE_OR_PAGE) !== 0 : (low & LOW.TABLE_OR_PAGE) === 0;
    if (!(low & LOW.VALID) || (level === 3 && !leaf)) return fail(FAULT.translation | level);
    const output = (low & LOW.OUTPUT) >>> 0;
    // Nothing answers beyond 4 GiB.
    if (high & HIGH.OUTPUT) return fail(leaf ? FAULT.external : FAULT.externalOnWalk | (level + 1));
    if (leaf) {
      if (!(low & LOW.AF)) return fail(FAULT.accessFlag | level);
      if (refuses(low, high, rights, access)) return fail(FAULT.permission | level);
      return { pa: output - (output % size) + (input % size) };
    }
    table = output;
  }
  throw new Error('assertion: a walk ended behind level 3');
}
const READ: Access32 = {};

/** Bits of the table address in a 64-bit base register; what lies beyond 4 GiB answers nothing. */
function baseOf(ttbr: bigint): number {
  return Number(ttbr & 0xff_ffff_ffe0n);
}
/** Level at which a stage 1 of this size starts. DDI 0406, "Determining the first lookup level". */
const firstLevel = (t0sz: number): number => (t0sz < 2 ? 1 : 2);

function hypStage1(cpu: Cpu32, memory: Memory32, va: number, access: Access32): Translated {
  if (!(cpu.cp32('HSCTLR') & SCTLR.M)) return { pa: va };
  const t0sz = cpu.cp32('HTCR') & 7;
  const base = baseOf(cpu.cp64('HTTBR'));
  const table = { base, inputBits: 32 - t0sz, startLevel: firstLevel(t0sz), rights: 'hyp' } as const;
  return walk(cpu, memory, table, va, access);
}

function kernelStage1(cpu: Cpu32, memory: Memory32, va: number, access: Access32): Translated {
  const { secure } = cpu;
  if (!(cpu.cp32('SCTLR', secure) & SCTLR.M) || cpu.hcr('TGE')) return { pa: va };
  const ttbcr = cpu.cp32('TTBCR', secure);
  const t0sz = ttbcr & 7;
  const t1sz = (ttbcr >>> 16) & 7;
  // TTBR1 where the top T1SZ bits are ones, or TTBR0 does not reach. DDI 0406, "Selecting between TTBR0 and TTBR1".
  const low = t0sz === 0 || va < POWER[32 - t0sz];
  const high = t1sz === 0 ? !low : va >= POWER[32] - POWER[32 - t1sz];
  if (!low && !high) return fail(FAULT.translation | 1);
  const size = high ? t1sz : t0sz;
  const base = baseOf(cpu.cp64(high ? 'TTBR1' : 'TTBR0', secure));
  const rights = cpu.mode.privilege === 0 ? 'user' : 'kernel';
  const table = { base, inputBits: 32 - size, startLevel: firstLevel(size), rights } as const;
  return walk(cpu, memory, table, high && size > 0 ? va - (POWER[32] - POWER[32 - size]) : va, access);
}

function stage2(cpu: Cpu32, memory: Memory32, ipa: number, access: Access32, duringStage1Walk: boolean): Translated {
  if (!cpu.hcr('VM') || cpu.mode.name === 'HYP') return { pa: ipa };
  const vtcr = cpu.cp32('VTCR');
  const t0sz = ((vtcr & 15) << 28) >> 28;
  const base = baseOf(cpu.cp64('VTTBR'));
  const startLevel = ((vtcr >>> 6) & 3) === 1 ? 1 : 2;
  const walked = walk(cpu, memory, { base, inputBits: 32 - t0sz, startLevel, rights: 'stage2' }, ipa, access);
  return 'fault' in walked ? { fault: { ...walked.fault, stage2: { ipa, duringStage1Walk } } } : walked;
}

/** Translates a virtual address in the current regime, both stages. */
export function translate(cpu: Cpu32, memory: Memory32, va: number, access: Access32): Translated {
  if (cpu.mode.name === 'HYP') return hypStage1(cpu, memory, va, access);
  const first = kernelStage1(cpu, memory, va, access);
  return 'fault' in first ? first : stage2(cpu, memory, first.pa, access, false);
}
