import { describe, expect, it } from 'vitest';
import { bareMachine, place, putDoubleword, RAM } from '../../test/support/bare-pe.ts';
import { Rng } from '../../test/support/rng.ts';
import { type WalkRequest, type WalkResult, walk } from '../../test/support/transcription/walker.ts';
import { fsc } from '../arch/esr.ts';
import type { ProfileName } from '../arch/profiles.ts';
import type { Machine } from '../machine/machine.ts';

const RAM_BYTES = 16n * 2n ** 20n;
/** Tables lie in the middle of RAM, so that some of what they name is beyond its ends. */
const TABLES = RAM + 0x80_0000n;
const MAIR = 0xbb_00_0c_08_44_04_ff_aan;
const ROUNDS = 12_000;

interface Registers {
  regime: 1 | 2 | 3;
  sctlr: bigint;
  tcr: bigint;
  ttbr0: bigint;
  ttbr1: bigint;
}

/** Address bits of the indexes, by granule in KiB and level, as the generator of tables needs them. */
const SHIFT = { 4: [39, 30, 21, 12], 16: [47, 36, 25, 14], 64: [64, 42, 29, 16] } as const;
type GranuleKib = keyof typeof SHIFT;

class Tables {
  private readonly rng: Rng;
  private readonly machine: Machine;

  constructor(machine: Machine, seed: string) {
    this.rng = new Rng(seed);
    this.machine = machine;
  }

  read(pa: bigint): bigint | undefined {
    if (pa < RAM || pa + 8n > RAM + RAM_BYTES) return undefined;
    return new DataView(this.machine.readMemory(pa, 8).buffer).getBigUint64(0, true);
  }

  /** A page for a table or for data; sometimes where nothing answers, or beyond an output size. */
  private address(alignment: bigint): bigint {
    const { rng } = this;
    const inside = TABLES + BigInt(rng.below(64)) * 0x10000n;
    if (rng.percent(92)) return inside & ~(alignment - 1n);
    const high = rng.pick([1n << 32n, 1n << 36n, 1n << 40n, 1n << 42n, 1n << 44n, 1n << 47n, 0x1000_0000n, 0n]);
    return (inside | high) & ~(alignment - 1n);
  }

  registers(granules: readonly GranuleKib[]): Registers & { granule: GranuleKib; txsz: number; upper: boolean } {
    const { rng } = this;
    const regime = rng.pick([1, 1, 1, 2, 3] as const);
    const granule = rng.pick(granules);
    const txsz = rng.percent(95) ? 16 + rng.below(24) : rng.pick([0, 8, 15, 40, 63]);
    const upper = regime === 1 && rng.percent(50);
    const sctlr = (rng.percent(97) ? 1n : 0n) | (rng.percent(25) ? 1n << 19n : 0n) | (BigInt(rng.below(2)) << 12n);
    const base = this.address(0x10000n) | (rng.percent(20) ? BigInt(rng.below(1024)) << 6n : 0n);
    const tg0 = BigInt({ 4: 0, 16: 2, 64: 1 }[granule]);
    const tg1 = BigInt({ 4: 2, 16: 1, 64: 3 }[granule]);
    const size = BigInt(rng.below(8));
    const noise = rng.u64();
    if (regime !== 1) {
      const tcr = BigInt(txsz) | (tg0 << 14n) | (size << 16n) | (noise & (1n << 20n));
      return { regime, sctlr, tcr, ttbr0: base, ttbr1: 0n, granule, txsz, upper };
    }
    const other = BigInt(rng.below(64));
    const own = BigInt(txsz);
    const epd = BigInt(rng.percent(5) ? rng.below(4) : 0);
    const tcr =
      ((upper ? own : other) << 16n) |
      (upper ? other : own) |
      ((upper ? BigInt(rng.below(4)) : tg0) << 14n) |
      ((upper ? tg1 : BigInt(rng.below(4))) << 30n) |
      ((epd & 1n) << 7n) |
      ((epd >> 1n) << 23n) |
      (size << 32n) |
      (noise & (3n << 37n));
    return { regime, sctlr, tcr, ttbr0: base, ttbr1: base, granule, txsz, upper };
  }

  /** An address of the range, mostly one that is in it. */
  address48(txsz: number, upper: boolean): bigint {
    const { rng } = this;
    const width = BigInt(64 - Math.min(Math.max(txsz, 16), 39));
    const low = rng.u64() & ((1n << width) - 1n);
    let va = upper ? BigInt.asUintN(64, (-1n << width) | low) : low;
    if (rng.percent(10)) va ^= 1n << BigInt(rng.below(64));
    if (rng.percent(10)) va ^= BigInt(rng.below(256)) << 56n;
    return va;
  }

  /** Writes descriptors along the way that an address takes through the tables. */
  along(r: Registers, granule: GranuleKib, txsz: number, va: bigint): void {
    const bytes = BigInt(granule) * 1024n;
    const perLevel = Math.log2(granule * 1024) - 3;
    const inputBits = 64 - Math.min(Math.max(txsz, 16), 39);
    let level = SHIFT[granule].findIndex((shift) => shift < inputBits);
    let width = inputBits - SHIFT[granule][level]!;
    let table = r.ttbr0 & 0xffff_ffff_ffffn & ~((1n << BigInt(Math.max(width + 3, 6))) - 1n);
    for (; level < 4; level++, width = perLevel) {
      const index = (va >> BigInt(SHIFT[granule][level]!)) & ((1n << BigInt(width)) - 1n);
      const next = this.address(bytes);
      const descriptor = this.descriptor(level, next);
      if (this.read(table + index * 8n) === undefined) return;
      putDoubleword(this.machine, table + index * 8n, descriptor);
      table = next & 0xffff_ffff_ffffn;
    }
  }

  private descriptor(level: number, next: bigint): bigint {
    const { rng } = this;
    const type = rng.percent(4) ? BigInt(rng.below(4)) : level === 3 ? 3n : rng.percent(75) ? 3n : 1n;
    const isTable = level < 3 && type === 3n;
    const limits = isTable && rng.percent(30) ? BigInt(rng.below(32)) << 59n : 0n;
    const attributes = isTable ? 0n : rng.u64() & 0x0070_0000_0000_0bfcn;
    const accessed = isTable ? 0n : rng.percent(92) ? 1n << 10n : 0n;
    return next | type | limits | attributes | accessed;
  }
}

function apply(machine: Machine, r: Registers): void {
  const n = r.regime;
  machine.writeRegister(0, `MAIR_EL${n}`, MAIR);
  machine.writeRegister(0, `TTBR0_EL${n}`, r.ttbr0);
  if (n === 1 || (n === 2 && r.ttbr1)) machine.writeRegister(0, `TTBR1_EL${n}`, r.ttbr1);
  machine.writeRegister(0, `TCR_EL${n}`, r.tcr);
  machine.writeRegister(0, `SCTLR_EL${n}`, r.sctlr);
}

/** What the machine answers, in the words of the transcription. */
function ask(machine: Machine, r: WalkRequest): WalkResult | { fault: number } {
  const t = machine.pes[0]!.mmu.translate(Number(r.va >> 32n), Number(r.va & 0xffff_ffffn), {
    kind: r.access,
    el: r.el,
    pan: r.pan,
  });
  if (t.fault >= 0) return { fault: t.fault };
  return { pa: BigInt(t.pa), attributes: t.attributes, device: t.device };
}

function same(here: ReturnType<typeof ask>, there: WalkResult): boolean {
  if ('fault' in there) return 'fault' in here && here.fault === fsc(there.fault, there.level);
  return (
    !('fault' in here) && here.pa === there.pa && here.attributes === there.attributes && here.device === there.device
  );
}

function beHost(machine: Machine): void {
  machine.writeRegister(0, 'SCR_EL3', 0x401n);
  machine.writeRegister(0, 'HCR_EL2', (1n << 34n) | (1n << 27n));
}

const hex = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value);

/**
 * Builds tables and compares every access of every Exception level of their regime; gives how often each result came.
 */
function compare(
  cpu: ProfileName,
  granules: readonly GranuleKib[],
  all: readonly GranuleKib[],
  host = false,
): Map<string, number> {
  const machine = bareMachine({ el2: true, el3: true, cpu });
  place(machine);
  const tables = new Tables(machine, `walk ${cpu} ${host}`);
  if (host) beHost(machine);
  const seen = new Map<string, number>();
  const paBits = cpu === 'full' ? 48 : 44;
  for (let round = 0; round < ROUNDS; round++) {
    const r = tables.registers(all);
    // EL2&0 has two halves and EL0 as EL1&0 has, in registers of EL2.
    if (host && r.regime !== 1) continue;
    const va = tables.address48(r.txsz, r.upper);
    tables.along(r, granules.includes(r.granule) ? r.granule : 4, r.txsz, va);
    apply(machine, host ? { ...r, regime: 2 } : r);
    for (const el of r.regime === 1 ? ([0, 1] as const) : ([r.regime] as const))
      for (const access of ['read', 'write', 'fetch'] as const)
        for (const pan of el === 1 && access !== 'fetch' ? [false, true] : [false]) {
          const read = (pa: bigint): bigint | undefined => tables.read(pa);
          // An instruction's address comes from PC, where a branch has put no tag.
          if (access === 'fetch' && machine.pes[0]!.mmu.branchAddress(host ? el * 2 : el, va) !== va) continue;
          const request = { va, access, el, pan, ...r, mair: MAIR, paBits, granulesKib: granules, read };
          const there = walk(request);
          const here = ask(machine, host ? { ...request, el: el === 0 ? 0 : 2 } : request);
          if (!same(here, there)) expect({ here, request: JSON.stringify({ round, ...request }, hex) }).toEqual(there);
          const name = 'fault' in there ? `${there.fault} ${there.level}` : 'translated';
          seen.set(name, (seen.get(name) ?? 0) + 1);
        }
  }
  return seen;
}

const EVERY_RESULT = [
  'translated',
  ...['Translation', 'AddressSize'].flatMap((f) => [0, 1, 2, 3].map((level) => `${f} ${level}`)),
  ...['AccessFlag', 'Permission'].flatMap((f) => [1, 2, 3].map((level) => `${f} ${level}`)),
  ...[0, 1, 2, 3].map((level) => `SyncExternalOnWalk ${level}`),
];

describe('translation against an independent walker', () => {
  it('thousands of random tables of all granules give the same results, and every kind of result comes up', () => {
    const seen = compare('full', [4, 16, 64], [4, 16, 64]);
    expect(EVERY_RESULT.filter((name) => !seen.has(name))).toEqual([]);
  });

  it('on a Cortex-A57, with 44 bits and without 16 KiB granules, too', () => {
    const seen = compare('cortex-a57', [4, 64], [4, 16, 64]);
    expect(EVERY_RESULT.filter((name) => !seen.has(name))).toEqual([]);
  });
});

describe('the EL2&0 regime of HCR_EL2.{E2H, TGE} = {1, 1}', () => {
  it('has the halves, controls and permissions of EL1&0 in the registers of EL2', () => {
    const seen = compare('full', [4, 16, 64], [4, 16, 64], true);
    expect(EVERY_RESULT.filter((name) => !seen.has(name))).toEqual([]);
  });
});

describe('permissions of one page, enumerated', () => {
  const machine = bareMachine({ el2: true, el3: true });
  const PAGE = RAM + 0x10_0000n;
  const L3 = TABLES + 0x1000n;
  const read = (pa: bigint): bigint | undefined =>
    pa >= RAM && pa < RAM + RAM_BYTES
      ? new DataView(machine.readMemory(pa, 8).buffer).getBigUint64(0, true)
      : undefined;

  it.each([1, 2, 3] as const)('AP, UXN, PXN and the limits of two tables, WXN and PAN: regime of EL%i', (regime) => {
    const va = 0x20_0000_0000n;
    // T0SZ 25: levels 1, 2, 3, all of whose entries for the address are at index 0 or 128.
    const tcr = regime === 1 ? 25n | (2n << 32n) : 25n | (2n << 16n);
    const [l1, l2] = [TABLES + 0x10000n, TABLES + 0x20000n];
    let cases = 0;
    for (let table = 0n; table < 16n; table++)
      for (const where of [1, 2])
        for (let leaf = 0n; leaf < 16n; leaf++)
          for (const wxn of [0n, 1n]) {
            const [a, b] = where === 1 ? [table, 0n] : [0n, table];
            putDoubleword(machine, l1 + 128n * 8n, l2 | 3n | (a << 59n));
            putDoubleword(machine, l2, L3 | 3n | (b << 59n));
            putDoubleword(machine, L3, PAGE | 0x403n | ((leaf & 3n) << 6n) | ((leaf >> 2n) << 53n));
            const r: Registers = { regime, sctlr: 1n | (wxn << 19n), tcr, ttbr0: l1, ttbr1: 0n };
            apply(machine, r);
            for (const el of regime === 1 ? ([0, 1] as const) : ([regime] as const))
              for (const access of ['read', 'write', 'fetch'] as const)
                for (const pan of [false, true]) {
                  if (pan && (el !== 1 || access === 'fetch')) continue;
                  const request = { va, access, el, pan, ...r, mair: MAIR, paBits: 48, granulesKib: [4], read };
                  const there = walk(request);
                  expect(
                    same(ask(machine, request), there),
                    JSON.stringify({ table, leaf, wxn, el, access, pan }, hex),
                  ).toBe(true);
                  cases++;
                }
          }
    expect(cases).toBe(16 * 2 * 16 * 2 * (regime === 1 ? 8 : 3));
  });
});

describe('HCR_EL2.TGE', () => {
  it('turns stage 1 of EL1 and EL0 off while EL2 is enabled, and leaves SCTLR_EL1.M to be read', () => {
    const machine = bareMachine({ el2: true, el3: true });
    apply(machine, { regime: 1, sctlr: 1n, tcr: 25n, ttbr0: TABLES, ttbr1: 0n });
    const ask1 = (): number => machine.pes[0]!.mmu.translate(0, 0x4000_0000, { kind: 'read', el: 0, pan: false }).fault;
    for (const [ns, tge, fault] of [
      [1n, 0n, fsc('Translation', 1)],
      [1n, 1n, -1],
      [0n, 1n, fsc('Translation', 1)],
    ] as const) {
      machine.writeRegister(0, 'SCR_EL3', 0x400n | ns);
      machine.writeRegister(0, 'HCR_EL2', tge << 27n);
      expect(ask1()).toBe(fault);
      expect(machine.readRegister(0, 'SCTLR_EL1') & 1n).toBe(1n);
    }
  });
});
