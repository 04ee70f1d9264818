import { describe, expect, it } from 'vitest';
import { guest, listen, MMU_ON, SMALL_BYTES } from '../../test/exact/guests.ts';
import { Machine } from './machine.ts';

const thrown = (f: () => unknown): unknown => {
  try {
    f();
  } catch (e) {
    return e;
  }
  return undefined;
};

describe('registers by name', () => {
  const { machine: m } = guest('b .');

  it('what is written is read back', () => {
    for (const [name, value] of [
      ['X5', (1n << 64n) - 1n],
      ['SP', 0x1230n],
      ['PC', 0x4100_0000n],
      ['V7', (1n << 127n) | 5n],
      ['TPIDR_EL0', 99n],
    ] as const) {
      m.writeRegister(0, name, value);
      expect(m.readRegister(0, name), name).toBe(value);
    }
  });

  it('W is the low half of X, and writing it clears the high half', () => {
    m.writeRegister(0, 'X3', 0x1_2345_6789_abcdn);
    expect(m.readRegister(0, 'W3')).toBe(0x6789_abcdn);
    m.writeRegister(0, 'W3', 7n);
    expect(m.readRegister(0, 'X3')).toBe(7n);
  });

  it.each(['X31', 'V32', 'Y0', 'SCTLR_EL4', ''])("'%s' is refused", (name) => {
    expect(thrown(() => m.readRegister(0, name))).toMatchObject({ code: 'E_REGISTER' });
    expect(thrown(() => m.writeRegister(0, name, 0n))).toMatchObject({ code: 'E_REGISTER' });
  });

  it('a PE that is not there is refused', () => {
    expect(thrown(() => m.readRegister(1, 'X0'))).toMatchObject({
      code: 'E_CPUS',
      message: expect.stringContaining('0 to 0'),
    });
  });
});

describe('memory', () => {
  it('outside RAM is refused, up to the last byte of it is not', () => {
    const { machine: m } = guest('b .');
    const end = 0x4000_0000n + BigInt(SMALL_BYTES);
    m.writeMemory(end - 4n, Uint8Array.of(1, 2, 3, 4));
    expect([...m.readMemory(end - 4n, 4)]).toEqual([1, 2, 3, 4]);
    for (const at of [end - 3n, 0x3fff_fffen, 0n, -1n, 1n << 60n])
      expect(thrown(() => m.readMemory(at, 4))).toMatchObject({ code: 'E_ADDRESS' });
  });

  it('by virtual address goes through the tables of the PE, over pages', () => {
    const { machine: m } = guest(`${MMU_ON}\n b .`);
    m.run({ steps: 100 });
    expect(m.translate(0, 0x4020_0123n)).toBe(0x4020_0123n);
    expect(m.translate(0, 0x1_0000_0000n)).toBeUndefined();
    m.writeVirtual(0, 0x4020_0ffen, Uint8Array.of(1, 2, 3, 4));
    expect([...m.readMemory(0x4020_0ffen, 4)]).toEqual([1, 2, 3, 4]);
    expect([...m.readVirtual(0, 0x4020_0ffen, 4)]).toEqual([1, 2, 3, 4]);
    expect(thrown(() => m.readVirtual(0, 0x1_0000_0000n, 1))).toMatchObject({ code: 'E_ADDRESS' });
  });

  it('written from outside is what runs next', () => {
    const { machine: m } = guest('loop: mov x0, #1\n b loop');
    m.run({ steps: 100 });
    m.writeMemory(0x4008_0000n, Uint8Array.of(0x40, 0, 0x80, 0xd2)); // mov x0, #2
    m.run({ steps: 2 });
    expect(m.readRegister(0, 'X0')).toBe(2n);
  });
});

describe('run', () => {
  it('takes the steps asked for', () => {
    const { machine: m } = guest('b .');
    expect(m.run({ steps: 0 })).toEqual({ reason: 'limit' });
    expect(m.steps).toBe(0);
    expect(m.step()).toEqual({ reason: 'limit' });
    m.run({ steps: 1_234_567 });
    expect([m.steps, m.timeNs]).toEqual([1_234_568, 1_234_568n]);
  });

  it.each([-1, 0.5, Number.NaN])('%d steps are refused', (steps) => {
    expect(thrown(() => guest('b .').machine.run({ steps }))).toMatchObject({ code: 'E_STEPS' });
  });

  it('until a condition holds', () => {
    const { machine: m } = guest('loop: add x0, x0, #1\n b loop');
    expect(m.runUntil((machine) => machine.readRegister(0, 'X0') === 7n, { steps: 1000 })).toEqual({
      reason: 'stopped',
    });
    expect(m.steps).toBe(13);
    expect(m.runUntil(() => false, { steps: 10 })).toEqual({ reason: 'limit' });
  });

  it('waits for virtual time as far as it may', () => {
    const { machine: m } = guest(
      'mov x0, #1000\n msr CNTV_CVAL_EL0, x0\n mov x0, #1\n msr CNTV_CTL_EL0, x0\n wfi\n b .',
    );
    expect(m.run({ idleUntilNs: 5000n })).toEqual({ reason: 'waiting-for-time' });
    expect(m.timeNs).toBe(5000n);
    expect(m.nextDueNs()).toBe(16_000n);
    expect(m.run({ idleUntilNs: 20_000n }).reason).not.toBe('waiting-for-time');
    expect(m.timeNs).toBe(16_000n);
  });

  it('an ended machine stays ended until it is reset', () => {
    const { machine: m } = guest('ldr x0, =0x84000008\n smc #0\n b .');
    expect(m.run()).toEqual({ reason: 'poweroff' });
    expect(m.run({ steps: 5 })).toEqual({ reason: 'poweroff' });
    const { steps } = m;
    m.reset();
    expect(m.run({ steps: 1 })).toEqual({ reason: 'limit' });
    expect(m.steps).toBe(steps + 1);
  });
});

describe('reset', () => {
  it('makes the machine what it was, but for time and RAM that was not loaded', () => {
    const source = 'ldr x1, =0x09000000\n mov w0, #65\n str w0, [x1]\n add x2, x2, #1\n wfi\n b .';
    const { machine: m } = guest(source);
    const heard = listen(m);
    m.run({ steps: 100 });
    m.writeMemory(0x4008_0000n, new Uint8Array(64));
    m.reset();
    m.run({ steps: 100 });
    expect(heard.text).toBe('AA');
    expect(m.readRegister(0, 'X2')).toBe(1n);
  });

  it('twice is the same as once', () => {
    const { machine: m } = guest('b .');
    m.reset();
    const once = m.digest();
    m.reset();
    expect(m.digest()).toBe(once);
  });
});

describe('reports', () => {
  it('name what a guest asks for that is not there', () => {
    const { machine: m } = guest('mrs x0, S3_3_C15_C15_7\n b .');
    const reports: string[] = [];
    m.log.onReport((message) => void reports.push(message));
    m.run({ steps: 1 });
    expect(reports).toEqual([expect.stringMatching(/^PE 0: .*S3_3_C15_C15_7 at EL1/)]);
  });
});

describe('Machine.create', () => {
  it('without a kernel or a program is a machine whose RAM is empty', () => {
    const m = Machine.create({ memoryBytes: SMALL_BYTES });
    expect(m.readRegister(0, 'PC')).toBe(0x4000_0000n);
    expect(m.run({ steps: 10 })).toEqual({ reason: 'limit' });
  });
  it('starts the first program where it says', () => {
    const m = Machine.create({
      memoryBytes: SMALL_BYTES,
      programs: [{ bytes: new Uint8Array(8), addrPa: 0x4000_0000n, entryPa: 0x4000_0004n }],
    });
    expect(m.readRegister(0, 'PC')).toBe(0x4000_0004n);
  });
  it('refuses a program that does not fit', () => {
    expect(
      thrown(() => Machine.create({ memoryBytes: SMALL_BYTES, programs: [{ bytes: new Uint8Array(8), addrPa: 0n }] })),
    ).toMatchObject({ code: 'E_ADDRESS' });
  });
});
