import { describe, expect, it } from 'vitest';
import { guest } from '../../test/exact/guests.ts';
import { PeRig } from '../../test/support/pe-rig.ts';

const DATA = 0x4020_0000n;

/** X0 of STXR after a beginning; X1 is the address, W2 what is stored. */
function outcome(before: string, store = 'stxr w0, w2, [x1]'): bigint {
  const pe = new PeRig().write('X1', DATA).write('X2', 7n).write('X0', 99n);
  expect(pe.run(`${before}\n ${store}`)).toBeUndefined();
  return pe.read('X0');
}

describe('the exclusive monitor (DDI 0487, "Synchronization and semaphores")', () => {
  it('a Store-Exclusive after the Load-Exclusive of the same bytes stores, once', () => {
    const pe = new PeRig().write('X1', DATA).write('X2', 7n);
    pe.run('ldxr w3, [x1]\n stxr w4, w2, [x1]\n stxr w5, wzr, [x1]');
    expect([pe.read('X4'), pe.read('X5')]).toEqual([0n, 1n]);
    expect(pe.machine.readMemory(DATA, 1)[0]).toBe(7);
  });

  it.each([
    ['without a Load-Exclusive', 'nop', 1n],
    ['after CLREX', 'ldxr w3, [x1]\n clrex', 1n],
    ['after a failed one', 'ldxr w3, [x1]\n stxrb w4, w2, [x1]', 1n],
    ['after a Load-Exclusive of another address', 'ldxr w3, [x1]\n add x5, x1, #64\n ldxr w3, [x5]', 1n],
    ['after a Load-Exclusive of another size', 'ldxrh w3, [x1]', 1n],
    [
      'after an exception return',
      'ldxr w3, [x1]\n adr x3, 1f\n msr ELR_EL1, x3\n mov x3, #0x3c5\n msr SPSR_EL1, x3\n eret\n1: nop',
      1n,
    ],
    ['after a store of its own', 'ldxr w3, [x1]\n str w2, [x1]', 0n],
    ['after a load and a store elsewhere', 'ldxr w3, [x1]\n str w2, [x1, #4]\n ldr w5, [x1]', 0n],
    ['after the Load-Acquire form', 'ldaxr w3, [x1]', 0n],
  ])('%s', (_name, before, result) => {
    expect(outcome(before)).toBe(result);
  });

  it('a pair needs a pair', () => {
    const before = 'mov x5, x1\n ldxp x3, x4, [x1]';
    expect(outcome(before, 'stxp w0, x2, x2, [x1]')).toBe(0n);
    expect(outcome(before, 'stxr w0, x2, [x1]')).toBe(1n);
    expect(outcome('ldxr x3, [x1]', 'stxp w0, x2, x2, [x1]')).toBe(1n);
  });

  it('a misaligned one faults whether or not it would have stored', () => {
    const pe = new PeRig().write('X1', DATA + 2n);
    expect(pe.run('stxr w0, w2, [x1]')).toMatchObject({ ec: 0x25n, iss: 0x61n });
    expect(pe.run('ldxr w0, [x1]')).toMatchObject({ ec: 0x25n, iss: 0x21n });
  });

  it('one to where nothing may be written faults whether or not it would have stored', () => {
    const pe = new PeRig().write('X1', 0x1_0000_0000_0000n);
    expect(pe.run('stxr w0, w2, [x1]')).toMatchObject({ ec: 0x25n, iss: 0x40n });
    expect(pe.read('FAR_EL1')).toBe(0x1_0000_0000_0000n);
  });

  it('another PE that writes into the 64 bytes takes the reservation, and is an event for WFE', () => {
    // PE 1 runs while PE 0 waits with a reservation; X0 of PE 0 is the outcome, X5 says that WFE came back.
    const run = (offset: number): readonly bigint[] => {
      const { machine, symbols } = guest(
        `ldr x0, =0xc4000003
        mov x1, #1
        adr x2, other
        smc #0
        ldr x1, =0x40200000
        wfe
        ldxr w3, [x1]
        wfe
        mov x5, #1
        stxr w0, w3, [x1]
        b .
other:  ldr x1, =0x40200000
        str w1, [x1, #${offset}]
        wfi
        b .
        .ltorg`,
        { cpus: 2 },
      );
      expect(symbols.get('other')).toBeDefined();
      machine.run({ steps: 200 });
      return [machine.readRegister(0, 'X5'), machine.readRegister(0, 'X0')];
    };
    expect(run(60)).toEqual([1n, 1n]);
    expect(run(64)[0]).toBe(0n);
  });
});
