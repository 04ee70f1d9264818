import { describe, expect, it } from 'vitest';
import { FEATURES, type FeatureName } from '../../src/arch/features.ts';
import { HANDLERS_MAX, RECORD_PAGES_MAX } from '../../src/engine/records.ts';
import { A64 } from '../../src/isa/table.ts';
import type { Machine } from '../../src/machine/machine.ts';
import { Random } from '../differential/random.ts';
import { guest, MMU_ON, SMALL_BYTES } from '../exact/guests.ts';
import { PeRig } from '../support/pe-rig.ts';
import { ARENAS, Arena } from './arena.ts';
import { Campaign } from './campaign.ts';
import { CODE_PA, program, RAM_PA } from './words.ts';

describe('hostile guests', () => {
  it('of every kind, everywhere: the machine never throws and every way to run them gives the same', () => {
    const campaign = new Campaign();
    for (let n = 0; n < 4; n++) campaign.pass('sample', n);
    expect(campaign.findings).toEqual([]);
    expect(campaign.compiledRegions).toBeGreaterThan(0);
    expect(campaign.steps).toBeGreaterThan(1_000_000);
  });

  it('cannot use up the handlers: all shapes of all instructions together are fewer', () => {
    const all = new Set(Object.keys(FEATURES) as FeatureName[]);
    let shapes = 1;
    for (const clause of A64) {
      if (clause.feature && !all.has(clause.feature)) continue;
      const bits = clause.staticFields.reduce((n, f) => n + clause.encoding.fields[f]!.width, 0);
      shapes += 2 ** (bits + (clause.split31?.length ?? 0));
    }
    expect(shapes).toBeLessThan(HANDLERS_MAX - 2);
  });
});

describe('every encoding of MSR, MRS, SYS and SYSL at every Exception level', () => {
  /** Steps over whatever an exception was taken for. */
  const SKIP = [0, 1, 2, 3].map((el) => {
    const op1 = [0, 0, 4, 6][el]! << 16;
    return program([0xd538_4032 | op1, 0x9100_1252, 0xd518_4032 | op1, 0xd69f_03e0]);
  });
  const arena = new Arena(ARENAS[0]!);
  const start = arena.machine.snapshot();

  function at(el: number, words: readonly number[], r: Random): Machine {
    const m = arena.machine;
    m.restore(start);
    for (const n of [1, 2, 3]) {
      for (let offset = 0; offset < 0x800; offset += 0x80)
        m.writeMemory(BigInt(RAM_PA + n * 0x1000 + offset), SKIP[n]!);
      m.writeRegister(0, `VBAR_EL${n}`, BigInt(RAM_PA + n * 0x1000));
    }
    for (let n = 0; n < 31; n++) m.writeRegister(0, `X${n}`, r.u64());
    m.writeMemory(BigInt(CODE_PA), program(words));
    m.writeRegister(0, 'SCR_EL3', 0x401n);
    m.writeRegister(0, 'HCR_EL2', 1n << 31n);
    m.writeRegister(0, 'PSTATE', BigInt(0x3c0 | (el << 2) | (el > 0 ? 1 : 0)));
    m.writeRegister(0, 'PC', BigInt(CODE_PA));
    return m;
  }

  it.each([0, 1, 2, 3])('reads at EL%i', (el) => {
    const r = new Random(`reads at ${el}`);
    const keys = Array.from({ length: 0x1_0000 }, (_, key) => key);
    // op0 of 0 are hints, barriers and PSTATE: with L set they are unallocated, so nothing waits.
    const words = keys.map((key) => (0xd520_0000 | (key << 5) | (key % 31)) >>> 0);
    const m = at(el, [...words, 0xd420_0000], r);
    const end = BigInt(CODE_PA + 4 * words.length);
    let exceptions = 0;
    const deaf = m.on('exception', () => void exceptions++);
    // An exception takes one step and four of the handler.
    expect(m.run({ steps: 5 * words.length })).toEqual({ reason: 'limit' });
    deaf();
    expect(m.readRegister(0, `ELR_EL${el || 1}`)).toBeGreaterThanOrEqual(end);
    expect(exceptions).toBeGreaterThan(60_000);
  });

  it.each([0, 1, 2, 3])('writes of random values at EL%i', (el) => {
    const r = new Random(`writes at ${el}`);
    for (let key = el; key < 0x1_0000; key += 7) {
      const m = key % 70 < 7 ? at(el, [], r) : arena.machine;
      m.writeMemory(BigInt(CODE_PA), program([(0xd500_0000 | (key << 5) | (key % 31)) >>> 0]));
      for (const n of [1, 2, 3]) m.writeRegister(0, `SCTLR_EL${n}`, 0n);
      m.writeRegister(0, 'SCR_EL3', 0x401n);
      m.writeRegister(0, 'HCR_EL2', 1n << 31n);
      m.writeRegister(0, 'PSTATE', BigInt((r.u32() & 0x3c0) | (el << 2)));
      m.writeRegister(0, 'PC', BigInt(CODE_PA));
      const before = m.steps;
      const { reason } = m.run({ steps: 3 });
      expect(['limit', 'idle']).toContain(reason);
      if (reason === 'limit') expect(m.steps - before).toBe(3);
      else m.restore(start);
    }
  });
});

describe('guests that go nowhere', () => {
  it('an exception vector that is not mapped faults for ever, one step each', () => {
    const { machine } = guest('ldr x0, =0x123456789000\n msr VBAR_EL1, x0\n isb\n br x0');
    let exceptions = 0;
    machine.on('exception', () => void exceptions++);
    expect(machine.run({ steps: 10_000 })).toEqual({ reason: 'limit' });
    expect(machine.steps).toBe(10_000);
    expect(exceptions).toBe(10_000 - 4);
  });

  it('stop() from the exception of a fetch ends the run behind it', () => {
    const { machine } = guest('ldr x0, =0x123456789000\n msr VBAR_EL1, x0\n isb\n br x0');
    machine.on('exception', () => machine.stop());
    expect(machine.run({ steps: 1000 })).toEqual({ reason: 'stopped' });
    expect(machine.steps).toBe(5);
    expect(machine.run({ steps: 1000 })).toEqual({ reason: 'stopped' });
    expect(machine.steps).toBe(6);
  });

  it.each(['wfi', 'wfe'])('%s with nothing that could come: the run says idle, again and again', (wait) => {
    const { machine } = guest(`sevl\n wfe\n ${wait}\n b .`);
    expect(machine.run({ steps: 1000 })).toEqual({ reason: 'idle' });
    const { steps, timeNs } = machine;
    expect(machine.run()).toEqual({ reason: 'idle' });
    expect([machine.steps, machine.timeNs]).toEqual([steps, timeNs]);
    machine.inputPossible = true;
    expect(machine.run()).toEqual({ reason: 'waiting-for-input' });
  });

  it('a timer due in ten thousand years wakes nobody, and time stays where steps are counted exactly', () => {
    const { machine } = guest(
      'mov x0, #1 << 60\n msr CNTV_CVAL_EL0, x0\n mov x0, #1\n msr CNTV_CTL_EL0, x0\n wfi\n b .',
    );
    expect(machine.run({ steps: 100 })).toEqual({ reason: 'idle' });
    expect(machine.timeNs).toBe(5n);
  });
});

describe('code that overwrites code', () => {
  /** Runs a program that leaves its answer in X0 at `b .`; also one step at a time. */
  function answer(source: string): bigint {
    const results = [5000, 1].map((slice) => {
      const { machine } = guest(source);
      for (let n = 0; n < 5000; n += slice) machine.run({ steps: slice });
      return machine.readRegister(0, 'X0');
    });
    expect(results[1]).toBe(results[0]);
    return results[0]!;
  }
  const MOV_X0_2 = 0xd280_0040;

  it('the next instruction', () => {
    expect(answer(`ldr w1, =${MOV_X0_2}\n adr x2, 1f\n str w1, [x2]\n1: mov x0, #1\n b .`)).toBe(2n);
  });

  it('itself, with write-back to a base that must still be its own', () => {
    expect(answer('adr x1, 1f\n mov x0, x1\n1: str wzr, [x1], #8\n sub x0, x1, x0\n b .')).toBe(8n);
  });

  it('a pair over itself and the next', () => {
    const nop = 0xd503_201f;
    const source = `ldr w2, =${nop}\n ldr w3, =${MOV_X0_2}\n adr x1, 1f\n1: stp w2, w3, [x1]\n mov x0, #1\n b .`;
    expect(answer(source)).toBe(2n);
  });

  it('an instruction it comes back to, over a page border', () => {
    const source = `${MMU_ON}
        mov     x4, #0
        adr     x1, cross
        mov     x2, #0x00400000             // mov x0, #2, two bytes up
        movk    x2, #0xd280, lsl #32
again:  b       cross
        .balign 4096
cross:  mov     x0, #1
        cbnz    x4, done
        mov     x4, #1
        str     x2, [x1, #-2]
        b       again
done:   b       .`;
    expect(answer(source)).toBe(2n);
  });

  it('DC ZVA over what follows: zeros are UNDEFINED', () => {
    const source = `${MMU_ON}
        adr     x0, vectors
        msr     VBAR_EL1, x0
        b       start
        .balign 64
start:  adr     x1, block
        dc      zva, x1
        b       block
        .balign 64
block:  mov     x0, #1
        b       .
        .balign 0x800
vectors:
        .space  0x200
        mrs     x0, ESR_EL1
        b       .`;
    expect(answer(source)).toBe(0x200_0000n);
  });

  it('a loop, while it is hot: the changed instruction counts from its next turn on', () => {
    // Adds 1 for 20000 turns, then makes the ADD an add of 2 and goes on for 10.
    const source = `
        mov     x0, #0
        mov     x1, #20000
        adr     x2, here
        mov     x3, #0x0800
        movk    x3, #0x9100, lsl #16
loop:
here:   add     x0, x0, #1
        subs    x1, x1, #1
        b.ne    loop
        ldr     w4, [x2]
        str     w3, [x2]
        mov     x1, #10
        tbz     w4, #10, end
        b       loop
end:    cmp     w4, w3
        b.ne    loop
        b       .`;
    const { machine } = guest(source);
    for (let n = 0; n < 40; n++) machine.run({ steps: 2000 });
    expect(machine.readRegister(0, 'X0')).toBe(20_020n);
  });
});

describe('devices where memory is expected', () => {
  it.each([
    ['the stack in a device', 'ldr x0, =0x09000000\n mov sp, x0\n stp x29, x30, [sp, #-16]!'],
    ['the stack in a hole', 'mov x0, #0x1000\n mov sp, x0\n stp x29, x30, [sp, #-16]!\n ldp x29, x30, [sp], #16'],
    ['exclusives on a device', 'ldr x0, =0x09000018\n ldxr w1, [x0]\n stxr w2, w1, [x0]\n ldxp x3, x4, [x0]'],
    [
      'compare and swap on a device',
      'ldr x0, =0x09000038\n cas w1, w2, [x0]\n casp x2, x3, x4, x5, [x0]\n swp x1, x2, [x0]',
    ],
    [
      'vectors of four registers from a device',
      'ldr x0, =0x09000000\n ld4 {v0.16b-v3.16b}, [x0]\n st4 {v0.b-v3.b}[3], [x0]',
    ],
    ['DC ZVA of a device', 'ldr x0, =0x09000000\n dc zva, x0\n dc civac, x0\n ic ivau, x0\n at s1e1r, x0'],
    ['code in a device', 'ldr x0, =0x09000000\n br x0'],
    ['vectors in a device', 'ldr x0, =0x08000000\n msr VBAR_EL1, x0\n isb\n svc #1'],
    [
      'tables in a device',
      'ldr x0, =0x08000000\n msr TTBR0_EL1, x0\n mov x0, #25\n msr TCR_EL1, x0\n mov x0, #1\n msr SCTLR_EL1, x0\n isb',
    ],
  ])('%s', (_name, source) => {
    const { machine } = guest(`mov x9, #3 << 20\n msr CPACR_EL1, x9\n isb\n${source}\n b .`);
    expect(machine.run({ steps: 1000 })).toEqual({ reason: 'limit' });
    expect(machine.steps).toBe(1000);
  });
});

describe('what a guest makes the host remember is bounded', () => {
  it('code in more pages than are kept decoded', () => {
    const memoryBytes = 32 * 2 ** 20;
    const pages = memoryBytes / 4096 - 300;
    expect(pages).toBeGreaterThan(RECORD_PAGES_MAX);
    const { machine } = guest('ldr x1, =0x40100000\n br x1\n .ltorg', { memoryBytes });
    // Each page: add x0, x0, #1; add x1, x1, #1, lsl #12; br x1. The last goes back to the first.
    for (let n = 0; n < pages; n++)
      machine.writeMemory(BigInt(0x4010_0000 + n * 4096), program([0x9100_0400, 0x9140_0421, 0xd61f_0020]));
    machine.writeMemory(BigInt(0x4010_0000 + pages * 4096), program([0xd2a8_0201, 0xd61f_0020]));
    const turn = 3 * pages + 2;
    machine.run({ steps: 2 + 2 * turn });
    expect(machine.readRegister(0, 'X0')).toBe(BigInt(2 * pages));
  });

  it('more translation contexts than there are numbers, on two PEs', () => {
    const { machine } = guest(
      `mov x0, #0
loop:   add x0, x0, #1
        lsl x1, x0, #12
        msr TTBR1_EL1, x1
        str x0, [x2]
        b loop`,
      { cpus: 2, memoryBytes: SMALL_BYTES },
    );
    machine.writeRegister(0, 'X2', 0x4020_0000n);
    machine.run({ steps: 50_000 });
    expect(machine.readRegister(0, 'X0')).toBe(10_000n);
    expect(new DataView(machine.readMemory(0x4020_0000n, 8).buffer).getBigUint64(0, true)).toBe(10_000n);
  });
});

describe('an address with bits 1:0 set is never the page that its other bits name', () => {
  it('whichever translation context it is', () => {
    const { machine, symbols } = guest(
      `mov x5, #20
        adr x0, vectors
        msr VBAR_EL1, x0
next:   lsl x1, x5, #12
        msr TTBR1_EL1, x1
        isb
        adr x2, target + 1
        br x2
target: mov x9, #1
        b .
        .balign 0x800
vectors: .space 0x200
        mrs x3, ESR_EL1
        sub x5, x5, #1
        cbnz x5, next
        b .`,
    );
    machine.run({ steps: 2000 });
    expect(machine.readRegister(0, 'X9')).toBe(0n);
    expect(machine.readRegister(0, 'X5')).toBe(0n);
    expect(machine.readRegister(0, 'X3') >> 26n).toBe(0x22n);
    expect(machine.readRegister(0, 'FAR_EL1')).toBe(symbols.get('target')! + 1n);
  });
});

describe('translations that are cached are never stale', () => {
  const VALID_NORMAL = 0x703n;
  const BLOCK_NORMAL = 0x701n;

  /** Descriptors, or other values of 64 bits, at physical addresses. */
  function put(pe: PeRig, values: Readonly<Record<number, bigint>>): void {
    for (const [at, value] of Object.entries(values)) {
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setBigUint64(0, value, true);
      pe.machine.writeMemory(BigInt(at), bytes);
    }
  }
  function translateFrom(pe: PeRig, t0sz: bigint, table: bigint): void {
    pe.write('TCR_EL1', t0sz | (1n << 23n) | (2n << 32n))
      .write('TTBR0_EL1', table)
      .write('MAIR_EL1', 0xffn);
    pe.write('SCTLR_EL1', pe.read('SCTLR_EL1') | 1n);
  }

  it('a store that changes the descriptor it was translated by counts for the next access', () => {
    const pe = new PeRig();
    put(pe, { [0x4000_1008]: 0x4000_2003n, [0x4000_2000]: 0x4000_3003n, [0x4000_5018]: 0x77n });
    // Level 3 maps itself and the code, where they are.
    for (const page of [3, 256])
      put(pe, { [0x4000_3000 + 8 * page]: BigInt(0x4000_0000 + 4096 * page) | VALID_NORMAL });
    translateFrom(pe, 25n, 0x4000_1000n);
    pe.write('X1', 0x4000_5000n | VALID_NORMAL).write('X2', 0x4000_3018n);
    expect(pe.run('ldr x3, [x2]\n str x1, [x2]\n ldr x4, [x2]')).toBeUndefined();
    expect([pe.read('X3'), pe.read('X4')]).toEqual([0x4000_3000n | VALID_NORMAL, 0x77n]);
  });

  it('a first table in the middle of a page is watched as well', () => {
    const pe = new PeRig();
    const table = 0x4000_2080;
    put(pe, { [table]: 0x4000_0000n | BLOCK_NORMAL, [table + 8]: 0x4020_0000n | BLOCK_NORMAL });
    put(pe, { [0x4020_0000]: 1n, [0x4040_0000]: 2n });
    // 25 bits of VA: one table of 16 blocks at level 2. The code is at 1 MiB there.
    translateFrom(pe, 39n, BigInt(table));
    pe.write('X1', 0x4040_0000n | BLOCK_NORMAL)
      .write('X2', 0x2088n)
      .write('X5', 0x20_0000n);
    // ldr x3, [x5]; str x1, [x2]; ldr x4, [x5]
    pe.machine.writeMemory(BigInt(CODE_PA), program([0xf940_00a3, 0xf900_0041, 0xf940_00a4]));
    pe.write('PSTATE', 0x3c5n).write('PC', 0x10_0000n);
    pe.machine.run({ steps: 3 });
    expect([pe.read('X3'), pe.read('X4')]).toEqual([1n, 2n]);
  });

  it('what SCTLR_EL1.A asks for is checked at an address that was used before', () => {
    const pe = new PeRig();
    put(pe, { [0x4000_1008]: 0x4000_0000n | BLOCK_NORMAL });
    translateFrom(pe, 25n, 0x4000_1000n);
    pe.write('X2', 0x4020_0000n);
    expect(pe.run('ldr x3, [x2]\n ldur x3, [x2, #1]\n stur x3, [x2, #3]')).toBeUndefined();
    pe.write('SCTLR_EL1', pe.read('SCTLR_EL1') | 2n);
    expect(pe.run('ldr x3, [x2]\n ldur x3, [x2, #1]')).toMatchObject({ el: 1, ec: 0x25n, iss: 0x21n });
    expect(pe.run('str x3, [x2]\n stur x3, [x2, #3]')).toMatchObject({ el: 1, ec: 0x25n, iss: 0x61n });
  });
});
