import { beforeAll, describe, expect, it } from 'vitest';
import { bareMachine, enterState, place, putDoubleword, putWord, RAM, vbar } from '../../test/support/bare-pe.ts';
import type { Machine } from '../machine/machine.ts';

/*
 * Stage 1 of EL1 and EL0 maps all of RAM 1:1 and, from VA 0x80000000, pages of the test's own with any attributes.
 */
const CODE = RAM + 0x2000n;
const TABLES = RAM + 0x10_0000n;
const L3 = TABLES + 0x2000n;
const DATA = RAM + 0x20_0000n;
const VA = 0x8000_0000n;
const HOLE = 0x0906_0000n;
const GICD = 0x0800_0000n;

const NORMAL = 0n << 2n;
const DEVICE = 1n << 2n;
const AF = 1n << 10n;
const USER = 1n << 6n;
const READ_ONLY = 1n << 7n;
const GOOD = 3n | AF;

const WORDS = {
  'ldr x1, [x0]': 0xf940_0001,
  'ldrb w1, [x0]': 0x3940_0001,
  'str x1, [x0]': 0xf900_0001,
  'stp x1, x2, [x0]': 0xa900_0801,
  'ldp x1, x2, [x0]': 0xa940_0801,
  'ldxr x1, [x0]': 0xc85f_7c01,
  'stxr w2, x1, [x0]': 0xc802_7c01,
  'ldar x1, [x0]': 0xc8df_fc01,
  'stlr x1, [x0]': 0xc89f_fc01,
  'ldtr x1, [x0]': 0xf840_0801,
  'swp x1, x2, [x0]': 0xf821_8002,
  'ldr q1, [x0]': 0x3dc0_0001,
  'str q1, [x0]': 0x3d80_0001,
  'dc zva, x0': 0xd50b_7420,
  'dc cvac, x0': 0xd50b_7a20,
  'dc ivac, x0': 0xd508_7620,
  'at s1e1r, x0': 0xd508_7800,
  'at s1e1rp, x0': 0xd508_7900,
} as const;
type Text = keyof typeof WORDS;

interface Way {
  readonly at: bigint;
  readonly el?: 0 | 1;
  readonly pan?: boolean;
  readonly uao?: boolean;
  readonly sctlr?: bigint;
}

describe('accesses that fault', () => {
  let machine: Machine;
  beforeAll(() => {
    machine = bareMachine({ el2: false, el3: false });
    putDoubleword(machine, TABLES + 8n, RAM | AF | 1n | READ_ONLY | USER);
    putDoubleword(machine, TABLES + 16n, (TABLES + 0x1000n) | 3n);
    putDoubleword(machine, TABLES + 0x1000n, L3 | 3n);
  });

  /** Maps page `n` of the test's own. */
  const map = (n: number, descriptor: bigint): void => putDoubleword(machine, L3 + BigInt(n) * 8n, descriptor);
  const page = (n: number): bigint => DATA + BigInt(n) * 0x1000n;

  /** One step; ESR and FAR of the exception to EL1, or 'done'. */
  function attempt(text: Text, { at, el = 1, pan = false, uao = false, sctlr = 0n }: Way): string {
    place(machine);
    putWord(machine, CODE, WORDS[text]);
    machine.writeRegister(0, 'CPACR_EL1', 3n << 20n);
    machine.writeRegister(0, 'MAIR_EL1', 0x04ffn);
    machine.writeRegister(0, 'TTBR0_EL1', TABLES);
    machine.writeRegister(0, 'TCR_EL1', 25n | (1n << 23n) | (2n << 32n));
    machine.writeRegister(0, 'SCTLR_EL1', 1n | (1n << 26n) | (1n << 14n) | sctlr);
    const pstate = 0x3c0 | (pan ? 1 << 22 : 0) | (uao ? 1 << 23 : 0);
    enterState(machine, { el, sp: el, pstate, scr: 0n, hcr: 0n, pc: CODE });
    machine.writeRegister(0, 'X0', at);
    machine.run({ steps: 1 });
    if (machine.readRegister(0, 'PC') === CODE + 4n) return 'done';
    expect(machine.readRegister(0, 'PC')).toBe(vbar(1) + (el ? 0x200n : 0x400n));
    expect(machine.readRegister(0, 'ELR_EL1')).toBe(CODE);
    return `${machine.readRegister(0, 'ESR_EL1').toString(16)} ${machine.readRegister(0, 'FAR_EL1').toString(16)}`;
  }

  it.each([
    ['ldr x1, [x0]', '96000021'],
    ['ldp x1, x2, [x0]', '96000021'],
    ['str x1, [x0]', '96000061'],
    ['ldr q1, [x0]', '96000021'],
    ['stp x1, x2, [x0]', '96000061'],
  ] as const)(
    '%s: unaligned is done on Normal memory, faults on Device memory, and everywhere with SCTLR_EL1.A',
    (text, esr) => {
      map(0, page(0) | GOOD | NORMAL);
      expect(attempt(text, { at: VA + 0x101n })).toBe('done');
      expect(attempt(text, { at: VA + 0x101n, sctlr: 2n })).toBe(`${esr} 80000101`);
      map(0, page(0) | GOOD | DEVICE);
      expect(attempt(text, { at: VA + 0x101n })).toBe(`${esr} 80000101`);
      expect(attempt(text, { at: VA + 0x100n })).toBe('done');
    },
  );

  it.each([
    ['ldxr x1, [x0]', '96000021'],
    ['stxr w2, x1, [x0]', '96000061'],
    ['ldar x1, [x0]', '96000021'],
    ['stlr x1, [x0]', '96000061'],
    // Its read alone would have faulted too: WnR is 0.
    ['swp x1, x2, [x0]', '96000021'],
  ] as const)('%s: unaligned always faults', (text, esr) => {
    map(0, page(0) | GOOD | NORMAL);
    expect(attempt(text, { at: VA + 0x104n })).toBe(`${esr} 80000104`);
    expect(attempt(text, { at: VA + 0x108n })).toBe('done');
  });

  it('an alignment fault by SCTLR_EL1.A comes before every fault of the walk', () => {
    map(0, 0n);
    expect(attempt('ldr x1, [x0]', { at: VA + 1n, sctlr: 2n })).toBe('96000021 80000001');
    expect(attempt('ldr x1, [x0]', { at: VA + 1n })).toBe('96000007 80000001');
  });

  it('an alignment fault by memory type comes after the access flag fault and before the permission fault', () => {
    map(0, page(0) | 3n | DEVICE | READ_ONLY);
    expect(attempt('str x1, [x0]', { at: VA + 1n })).toBe('9600004b 80000001');
    map(0, page(0) | GOOD | DEVICE | READ_ONLY);
    expect(attempt('str x1, [x0]', { at: VA + 1n })).toBe('96000061 80000001');
    expect(attempt('str x1, [x0]', { at: VA + 8n })).toBe('9600004f 80000008');
    map(0, page(0) | GOOD | NORMAL | READ_ONLY);
    expect(attempt('str x1, [x0]', { at: VA + 1n })).toBe('9600004f 80000001');
  });

  it('over a page border the faulting page is named, the first one first, and a store writes nothing', () => {
    const bytes = (): string => machine.readMemory(page(0) + 0xff8n, 8).join();
    for (const [first, second, at] of [
      [GOOD, 0n, '80001000'],
      [0n, GOOD, '80000ffc'],
      [0n, 0n, '80000ffc'],
    ] as const) {
      map(0, first ? page(0) | first : 0n);
      map(1, second ? page(1) | second : 0n);
      const before = bytes();
      expect(attempt('ldr x1, [x0]', { at: VA + 0xffcn })).toBe(`96000007 ${at}`);
      expect(attempt('str x1, [x0]', { at: VA + 0xffcn })).toBe(`96000047 ${at}`);
      expect(attempt('str q1, [x0]', { at: VA + 0xffcn })).toBe(`96000047 ${at}`);
      expect(bytes()).toBe(before);
    }
    map(0, page(0) | GOOD);
    map(1, page(1) | GOOD | READ_ONLY);
    expect(attempt('str x1, [x0]', { at: VA + 0xffcn })).toBe('9600004f 80001000');
    map(1, page(1) | GOOD | DEVICE);
    expect(attempt('ldr x1, [x0]', { at: VA + 0xffcn })).toBe('96000021 80001000');
  });

  it('a pair whose registers are aligned crosses into a page of Device memory, and a store says what it cannot reach', () => {
    map(0, page(0) | GOOD | DEVICE);
    map(1, page(1) | GOOD | DEVICE);
    machine.writeMemory(page(0) + 0xff8n, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 2, 3, 0, 0, 0, 0, 0, 0, 4));
    expect(attempt('ldp x1, x2, [x0]', { at: VA + 0xff8n })).toBe('done');
    expect([machine.readRegister(0, 'X1'), machine.readRegister(0, 'X2')]).toEqual([
      0x0200_0000_0000_0001n,
      0x0400_0000_0000_0003n,
    ]);
    // `attempt` begins with all registers zero.
    expect(attempt('stp x1, x2, [x0]', { at: VA + 0xff8n })).toBe('done');
    expect(machine.readMemory(page(0) + 0xff8n, 16)).toEqual(new Uint8Array(16));
    expect(attempt('ldp x1, x2, [x0]', { at: VA + 0xffcn })).toBe('96000021 80000ffc');
    map(1, 0n);
    expect(attempt('ldp x1, x2, [x0]', { at: VA + 0xff8n })).toBe('96000007 80001000');
  });

  it('an access that crosses two pages far apart moves the right bytes', () => {
    map(0, page(3) | GOOD);
    map(1, page(1) | GOOD);
    machine.writeMemory(page(3) + 0xffcn, Uint8Array.of(1, 2, 3, 4));
    machine.writeMemory(page(1), Uint8Array.of(5, 6, 7, 8));
    expect(attempt('ldr x1, [x0]', { at: VA + 0xffcn })).toBe('done');
    expect(machine.readRegister(0, 'X1')).toBe(0x0807_0605_0403_0201n);
  });

  it('an atomic reports a write only when a read alone would not have faulted', () => {
    map(0, page(0) | GOOD | READ_ONLY);
    expect(attempt('swp x1, x2, [x0]', { at: VA })).toBe('9600004f 80000000');
    map(0, 0n);
    expect(attempt('swp x1, x2, [x0]', { at: VA })).toBe('96000007 80000000');
    map(0, page(0) | 3n);
    expect(attempt('swp x1, x2, [x0]', { at: VA })).toBe('9600000b 80000000');
  });

  it('PAN stops EL1 from data that EL0 can read: LDR, DC ZVA and AT S1E1RP, not LDTR, cache maintenance or AT S1E1R', () => {
    map(0, page(0) | GOOD | USER);
    for (const pan of [false, true]) {
      const stopped = (esr: string): string => (pan ? `${esr} 80000148` : 'done');
      expect(attempt('ldr x1, [x0]', { at: VA + 0x148n, pan })).toBe(stopped('9600000f'));
      expect(attempt('str x1, [x0]', { at: VA + 0x148n, pan })).toBe(stopped('9600004f'));
      expect(attempt('dc zva, x0', { at: VA + 0x148n, pan })).toBe(stopped('9600004f'));
      expect(attempt('ldtr x1, [x0]', { at: VA + 0x148n, pan })).toBe('done');
      expect(attempt('ldtr x1, [x0]', { at: VA + 0x148n, pan, uao: true })).toBe(stopped('9600000f'));
      expect(attempt('dc cvac, x0', { at: VA + 0x148n, pan })).toBe('done');
      expect(attempt('at s1e1r, x0', { at: VA + 0x148n, pan })).toBe('done');
      expect(machine.readRegister(0, 'PAR_EL1') & 1n).toBe(0n);
      expect(attempt('at s1e1rp, x0', { at: VA + 0x148n, pan })).toBe('done');
      expect(machine.readRegister(0, 'PAR_EL1') & 0xfffn).toBe(pan ? 0x81fn : 0x800n);
    }
    map(0, page(0) | GOOD);
    expect(attempt('ldr x1, [x0]', { at: VA, pan: true })).toBe('done');
    expect(attempt('ldtr x1, [x0]', { at: VA })).toBe('9600000f 80000000');
  });

  it('maintenance by VA reports CM and WnR and the address it was given; DC ZVA reports a write', () => {
    map(0, 0n);
    expect(attempt('dc cvac, x0', { at: VA + 0x123n })).toBe('96000147 80000123');
    expect(attempt('dc zva, x0', { at: VA + 0x123n })).toBe('96000047 80000123');
    map(0, page(0) | GOOD | READ_ONLY);
    expect(attempt('dc cvac, x0', { at: VA + 0x123n })).toBe('done');
    expect(attempt('dc ivac, x0', { at: VA + 0x123n })).toBe('9600014f 80000123');
    expect(attempt('dc cvac, x0', { at: VA + 0x123n, el: 0 })).toBe('9200014f 80000123');
    map(0, page(0) | GOOD | DEVICE);
    expect(attempt('dc zva, x0', { at: VA + 0x123n })).toBe('96000061 80000123');
  });

  it('DC ZVA zeroes its block and nothing else', () => {
    map(0, page(0) | GOOD);
    machine.writeMemory(page(0), new Uint8Array(256).fill(9));
    expect(attempt('dc zva, x0', { at: VA + 0x7fn })).toBe('done');
    const after = machine.readMemory(page(0), 256);
    expect(after.every((byte, at) => byte === (at >= 64 && at < 128 ? 0 : 9))).toBe(true);
  });

  it('where nothing answers an access is an External abort, on a walk it names the level, and AT takes it too', () => {
    map(0, HOLE | GOOD | DEVICE);
    expect(attempt('ldr x1, [x0]', { at: VA })).toBe('96000010 80000000');
    expect(attempt('str x1, [x0]', { at: VA })).toBe('96000050 80000000');
    expect(attempt('at s1e1r, x0', { at: VA })).toBe('done');
    putDoubleword(machine, TABLES + 0x1008n, HOLE | 3n);
    expect(attempt('ldr x1, [x0]', { at: VA + 0x20_0000n })).toBe('96000017 80200000');
    machine.writeRegister(0, 'PAR_EL1', 0x1234n);
    expect(attempt('at s1e1r, x0', { at: VA + 0x20_0000n })).toBe('96000157 80200000');
  });

  it('PAR_EL1.SH is Outer Shareable for Device and Normal Non-cacheable memory, else what the descriptor says', () => {
    const ISH = 3n << 8n;
    for (const [mair, index, sh] of [
      [0x04ffn, NORMAL, 3n],
      [0x04ffn, DEVICE, 2n],
      [0x44ffn, DEVICE, 2n],
    ] as const) {
      map(0, page(0) | GOOD | ISH | index);
      place(machine);
      putWord(machine, CODE, WORDS['at s1e1r, x0']);
      attempt('at s1e1r, x0', { at: VA });
      machine.writeRegister(0, 'MAIR_EL1', mair);
      machine.writeRegister(0, 'PC', CODE);
      machine.run({ steps: 1 });
      expect((machine.readRegister(0, 'PAR_EL1') >> 7n) & 3n).toBe(sh);
    }
  });

  it('a device takes 1, 2 and 4 bytes, and 8 in two parts', () => {
    map(0, GICD | GOOD | DEVICE);
    expect(attempt('ldr x1, [x0]', { at: VA })).toBe('done');
    const [ctlr, typer] = [0n, 1n].map((n) => (machine.readRegister(0, 'X1') >> (32n * n)) & 0xffff_ffffn);
    expect(ctlr).toBe(0x50n);
    expect(typer! & 0x1fn).toBeGreaterThan(0n);
    expect(attempt('ldrb w1, [x0]', { at: VA })).toBe('done');
  });

  it('an address whose tag names the other half is translated by bit 55', () => {
    map(0, page(0) | GOOD);
    putDoubleword(machine, page(0), 0x1122n);
    place(machine);
    expect(attempt('ldr x1, [x0]', { at: VA | (0xffn << 56n) })).toBe('96000004 ff00000080000000');
    for (const tag of [0xffn, 0x7fn, 0x80n]) {
      attempt('ldr x1, [x0]', { at: VA });
      machine.writeRegister(0, 'TCR_EL1', machine.readRegister(0, 'TCR_EL1') | (1n << 37n));
      machine.writeRegister(0, 'X0', VA | (tag << 56n));
      machine.writeRegister(0, 'X1', 0n);
      machine.writeRegister(0, 'PC', CODE);
      machine.run({ steps: 1 });
      expect(machine.readRegister(0, 'X1')).toBe(0x1122n);
    }
  });
});
