import { describe, expect, it } from 'vitest';
import { bareMachine, place, putDoubleword, RAM } from '../../test/support/bare-pe.ts';
import { Rng } from '../../test/support/rng.ts';
import { combined, type Stage2Answer, typeOf, walkStage2 } from '../../test/support/transcription/stage2.ts';
import { walk } from '../../test/support/transcription/walker.ts';
import { fsc } from '../arch/esr.ts';
import type { ProfileName } from '../arch/profiles.ts';
import type { Machine } from '../machine/machine.ts';
import { combineAttributes, combineShareability } from './stage2.ts';
import { FAULT_STATUS, ON_WALK, STAGE_2 } from './translation.ts';

const RAM_BYTES = 16n * 2n ** 20n;
const TABLES = RAM + 0x80_0000n;
const ROUNDS = 6_000;
const VM = 1n;
const RW = 1n << 31n;
const MAIR = 0xbb_00_0c_08_44_04_ff_aan;
const LSB = { 4: [39, 30, 21, 12], 16: [47, 36, 25, 14], 64: [55, 42, 29, 16] } as const;
type GranuleKib = keyof typeof LSB;

const readFrom =
  (machine: Machine) =>
  (pa: bigint): bigint | undefined =>
    pa >= RAM && pa + 8n <= RAM + RAM_BYTES
      ? new DataView(machine.readMemory(pa, 8).buffer).getBigUint64(0, true)
      : undefined;

/** Random tables of stage 2. */
class Tables {
  private readonly rng: Rng;
  private readonly machine: Machine;

  constructor(machine: Machine, seed: string) {
    this.rng = new Rng(seed);
    this.machine = machine;
  }

  private address(alignment: bigint): bigint {
    const { rng } = this;
    const inside = TABLES + BigInt(rng.below(64)) * 0x1_0000n;
    const high = rng.percent(92) ? 0n : rng.pick([1n << 32n, 1n << 36n, 1n << 40n, 1n << 44n, 1n << 47n, 0x1000_0000n]);
    return (inside | high) & ~(alignment - 1n);
  }

  controls(granules: readonly GranuleKib[]): { granule: GranuleKib; vtcr: bigint; vttbr: bigint } {
    const { rng } = this;
    const granule = rng.pick(granules);
    // Mostly a start level that fits the size.
    const level = rng.pick(granule === 4 ? [0, 1, 2] : [1, 2, 3]);
    const stride = Math.log2(granule * 1024) - 3;
    const ipaBits = LSB[granule][level]! + 1 + rng.below(stride + 4);
    const t0sz = rng.percent(95) ? Math.min(Math.max(64 - ipaBits, 16), 39) : rng.below(64);
    const sl0 = rng.percent(95) ? (granule === 4 ? 2 - level : 3 - level) : rng.below(4);
    const tg0 = { 4: 0, 16: 2, 64: 1 }[granule];
    const vtcr = BigInt(t0sz) | (BigInt(sl0) << 6n) | (BigInt(tg0) << 14n) | (BigInt(rng.below(8)) << 16n) | RW;
    return { granule, vtcr, vttbr: this.address(0x1_0000n) | (BigInt(rng.below(256)) << 48n) };
  }

  ipa(vtcr: bigint): bigint {
    const width = 64n - (vtcr & 63n);
    const ipa = this.rng.u64() & ((1n << (width > 48n ? 48n : width)) - 1n);
    return this.rng.percent(95) ? ipa : ipa ^ (1n << BigInt(this.rng.below(48)));
  }

  /** Writes descriptors along the way that an IPA takes. */
  along(granule: GranuleKib, vtcr: bigint, vttbr: bigint, ipa: bigint): void {
    const { rng } = this;
    const sl0 = Number((vtcr >> 6n) & 3n);
    const start = (granule === 4 ? 2 : 3) - sl0;
    const ipaBits = 64 - Number(vtcr & 63n);
    const stride = Math.log2(granule * 1024) - 3;
    if (start < 0 || ipaBits <= LSB[granule][start]!) return;
    const width = ipaBits - LSB[granule][start]!;
    const alignment = 1n << BigInt(Math.max(width + 3, 6));
    let table = vttbr & 0xffff_ffff_ffffn & ~(alignment - 1n);
    for (let level = start; level < 4; level++) {
      const wide = BigInt(level === start ? width : stride);
      const at = table + ((ipa >> BigInt(LSB[granule][level]!)) & ((1n << wide) - 1n)) * 8n;
      if (readFrom(this.machine)(at) === undefined) return;
      const next = this.address(BigInt(granule) * 1024n);
      const type = rng.percent(4) ? BigInt(rng.below(4)) : level === 3 ? 3n : rng.percent(75) ? 3n : 1n;
      const isLeaf = level === 3 || type !== 3n;
      const rights = rng.percent(70) ? 0xc0n : BigInt(rng.below(4)) << 6n;
      const rest = (rng.u64() & 0x0078_0000_0000_033cn) | rights | (rng.percent(92) ? 1n << 10n : 0n);
      putDoubleword(this.machine, at, next | type | (isLeaf ? rest : 0n));
      table = next & 0xffff_ffff_ffffn;
    }
  }
}

function ask(machine: Machine, va: bigint, access: 'read' | 'write' | 'fetch', el: number) {
  const { mmu } = machine.pes[0]!;
  const t = mmu.translate(Number(va >> 32n), Number(va & 0xffff_ffffn), { kind: access, el, pan: false });
  return { ...t, faultIpa: BigInt(mmu.faultIpa) };
}
const codeOf = (there: { fault: Parameters<typeof fsc>[0]; level: number }): number => fsc(there.fault, there.level);

function guestOf(cpu: ProfileName): Machine {
  const machine = bareMachine({ el2: true, el3: true, cpu });
  place(machine);
  machine.writeRegister(0, 'SCR_EL3', 0x401n);
  machine.writeRegister(0, 'HCR_EL2', RW | VM);
  machine.writeRegister(0, 'MAIR_EL1', MAIR);
  return machine;
}

describe('stage 2 against an independent walker', () => {
  it.each([
    ['full', [4, 16, 64], 48],
    ['cortex-a57', [4, 64], 44],
  ] as const)(
    'random tables on %s give the same results, and every kind of result comes up',
    (cpu, granules, paBits) => {
      const machine = guestOf(cpu);
      const tables = new Tables(machine, `stage 2 ${cpu}`);
      const seen = new Map<string, number>();
      for (let round = 0; round < ROUNDS; round++) {
        const { granule, vtcr, vttbr } = tables.controls([4, 16, 64]);
        const ipa = tables.ipa(vtcr);
        tables.along((granules as readonly number[]).includes(granule) ? granule : 4, vtcr, vttbr, ipa);
        machine.writeRegister(0, 'VTCR_EL2', vtcr);
        machine.writeRegister(0, 'VTTBR_EL2', vttbr);
        // Stage 1 is off, so the VA is the IPA; beyond the physical size it is stage 1's own fault.
        if (ipa >> BigInt(paBits) !== 0n) continue;
        for (const access of ['read', 'write', 'fetch'] as const) {
          const el = (round & 1) as 0 | 1;
          const how = { el, xnx: cpu === 'full', paBits, granulesKib: granules };
          const request = { ipa, access, vtcr, vttbr, ...how, read: readFrom(machine) };
          const there = walkStage2(request);
          const here = ask(machine, ipa, access, el);
          const label = `round ${round} ipa ${ipa.toString(16)} vtcr ${vtcr.toString(16)} vttbr ${vttbr.toString(16)}`;
          if ('fault' in there) {
            expect(here.fault, label).toBe(codeOf(there) | STAGE_2);
            expect(here.faultIpa, label).toBe(ipa);
          } else {
            expect([here.fault, BigInt(here.pa)], label).toEqual([-1, there.pa]);
            expect(typeOf(here.attributes), label).toEqual(combined(access === 'fetch' ? 0x44 : 0, there.memAttr));
          }
          const name = 'fault' in there ? `${there.fault} ${there.level}` : 'translated';
          seen.set(name, (seen.get(name) ?? 0) + 1);
        }
      }
      const every = [
        'translated',
        ...['Translation', 'AddressSize', 'SyncExternalOnWalk'].flatMap((f) => [0, 1, 2, 3].map((l) => `${f} ${l}`)),
        ...['AccessFlag', 'Permission'].flatMap((f) => [1, 2, 3].map((l) => `${f} ${l}`)),
      ];
      expect(every.filter((name) => !seen.has(name))).toEqual([]);
    },
  );

  it('a walk of stage 1 goes through stage 2, which may refuse its descriptors or its result', () => {
    const machine = guestOf('full');
    const rng = new Rng('nested');
    const read = readFrom(machine);
    // Stage 2 maps 64 pages of IPA one by one onto pages of RAM, some not, some without rights, some as Device.
    const [l1, l2, l3] = [TABLES, TABLES + 0x1000n, TABLES + 0x2000n];
    const vtcr = RW | 25n | (1n << 6n) | (5n << 16n);
    const pagePa = (n: number): bigint => TABLES + 0x10_0000n + BigInt(n) * 0x1000n;
    putDoubleword(machine, l1, l2 | 3n);
    putDoubleword(machine, l2, l3 | 3n);
    machine.writeRegister(0, 'VTCR_EL2', vtcr);
    machine.writeRegister(0, 'VTTBR_EL2', l1);
    const tcr = 25n | (2n << 32n);
    machine.writeRegister(0, 'TCR_EL1', tcr);
    const seen = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      const ptw = rng.percent(30);
      machine.writeRegister(0, 'HCR_EL2', RW | VM | (ptw ? 4n : 0n));
      for (let n = 0; n < 4; n++) {
        const rights = rng.percent(85) ? 0xc0n : BigInt(rng.below(4)) << 6n;
        const memAttr = rng.percent(70) ? 15n : BigInt(rng.below(16));
        const valid = rng.percent(92) ? 3n : 0n;
        putDoubleword(machine, l3 + BigInt(n) * 8n, pagePa(n) | rights | (memAttr << 2n) | (1n << 10n) | valid);
      }
      // Stage 1: tables in IPA pages 0, 1, 2, the result in page 3.
      const leaf = 0x3000n | 0x403n | (BigInt(rng.below(8)) << 2n) | (BigInt(rng.below(4)) << 6n);
      for (const [n, descriptor] of [0x1003n, 0x2003n, leaf].entries()) putDoubleword(machine, pagePa(n), descriptor);
      machine.writeRegister(0, 'TTBR0_EL1', 0n);
      machine.writeRegister(0, 'SCTLR_EL1', 1n);
      for (const access of ['read', 'write', 'fetch'] as const) {
        const el = rng.pick([0, 1] as const);
        const stage2 = (ipa: bigint, kind: typeof access): Stage2Answer =>
          walkStage2({ ipa, access: kind, el, xnx: true, vtcr, vttbr: l1, paBits: 48, granulesKib: [4], read });
        let refused: { code: number; ipa: bigint } | undefined;
        const one = walk({
          ...{ va: 0x345n, access, el, pan: false, sctlr: 1n, tcr, ttbr0: 0n, ttbr1: 0n, mair: MAIR, paBits: 48 },
          granulesKib: [4, 16, 64],
          read: (ipa) => {
            const two = stage2(ipa, 'read');
            const isDevice = !('fault' in two) && two.memAttr < 4;
            if ('fault' in two) refused ??= { code: codeOf(two) | STAGE_2 | ON_WALK, ipa };
            else if (isDevice && ptw) refused ??= { code: fsc('Permission', 3) | STAGE_2 | ON_WALK, ipa };
            return 'fault' in two ? 0n : read(two.pa);
          },
        });
        const here = ask(machine, 0x345n, access, el);
        const outcome = ((): { fault: number; ipa?: bigint; pa?: bigint } => {
          if (refused) return { fault: refused.code, ipa: refused.ipa };
          if ('fault' in one) return { fault: codeOf(one) };
          const two = stage2(one.pa, access);
          if ('fault' in two) return { fault: codeOf(two) | STAGE_2, ipa: one.pa };
          expect(typeOf(here.attributes)).toEqual(combined(one.attributes, two.memAttr));
          return { fault: -1, pa: two.pa };
        })();
        expect(here.fault, `round ${round} ${access}`).toBe(outcome.fault);
        if (outcome.ipa !== undefined) expect(here.faultIpa).toBe(outcome.ipa);
        if (outcome.pa !== undefined) expect(BigInt(here.pa)).toBe(outcome.pa);
        const flags =
          outcome.fault < 0 ? '' : outcome.fault & ON_WALK ? ' on a walk' : outcome.fault & STAGE_2 ? ' 2' : ' 1';
        seen.add(`${outcome.fault < 0 ? 'translated' : (outcome.fault & FAULT_STATUS & ~3).toString(16)}${flags}`);
      }
    }
    expect([...seen].sort()).toEqual(['4 2', '4 on a walk', 'c 1', 'c 2', 'c on a walk', 'translated'].sort());
  });
});

describe('XN of stage 2', () => {
  const leaves = [0n, 1n, 2n, 3n].map((xn) => (xn << 53n) | 0x4c0n | (15n << 2n) | 3n);
  /** Exception levels at which each of the four pages may be executed. */
  const executable = (cpu: ProfileName): string[] => {
    const machine = guestOf(cpu);
    const [l2, l3] = [TABLES, TABLES + 0x1000n];
    putDoubleword(machine, l2, l3 | 3n);
    for (const [n, leaf] of leaves.entries()) putDoubleword(machine, l3 + BigInt(n) * 8n, RAM | leaf);
    machine.writeRegister(0, 'VTCR_EL2', RW | 34n | (5n << 16n));
    machine.writeRegister(0, 'VTTBR_EL2', l2);
    return leaves.map((_, n) =>
      [0, 1].filter((el) => ask(machine, BigInt(n) * 0x1000n, 'fetch', el).fault < 0).join(' '),
    );
  };
  it('says for EL0 and EL1 apart with FEAT_XNX, and for both together without', () => {
    expect(executable('full')).toEqual(['0 1', '0', '', '1']);
    expect(executable('cortex-a57')).toEqual(['0 1', '0 1', '', '']);
  });
});

describe('attributes of both stages', () => {
  it('all 256 of stage 1 with all 16 of stage 2 give the weaker type', () => {
    for (let mair = 0; mair < 256; mair++)
      for (let memAttr = 0; memAttr < 16; memAttr++)
        expect(typeOf(combineAttributes(mair, memAttr, false)), `${mair} ${memAttr}`).toEqual(combined(mair, memAttr));
  });
  it('HCR_EL2.CD makes Normal memory Non-cacheable and leaves Device alone', () => {
    expect(combineAttributes(0xff, 15, true)).toBe(0x44);
    expect(combineAttributes(0x04, 15, true)).toBe(0x04);
  });
  it('what nothing caches is Outer Shareable; else the wider of both', () => {
    const table = [0, 2, 3].flatMap((one) => [0, 2, 3].map((two) => combineShareability(one, two, 0xff)));
    expect(table).toEqual([0, 2, 3, 2, 2, 2, 3, 2, 3]);
    expect(combineShareability(3, 3, 0x44)).toBe(2);
    expect(combineShareability(0, 0, 0x04)).toBe(2);
  });
});
