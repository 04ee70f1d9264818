import { describe, expect, it } from 'vitest';
import { PeRig } from '../../../test/support/pe-rig.ts';

describe('Special-purpose registers (DDI 0487, "Special-purpose registers")', () => {
  it('NZCV, DAIF, SPSel, PAN, UAO and CurrentEL are views of PSTATE at their bit positions', () => {
    const pe = new PeRig().write('X0', (1n << 64n) - 1n);
    const names = ['NZCV', 'DAIF', 'SPSel', 'PAN', 'UAO'];
    const source = names.map((n, i) => `msr ${n}, x0\n mrs x${i + 1}, ${n}`).join('\n');
    expect(pe.run(`${source}\n mrs x6, CurrentEL`, 2)).toBeUndefined();
    const values = [1, 2, 3, 4, 5, 6].map((n) => pe.read(`X${n}`));
    expect(values).toEqual([0xf000_0000n, 0x3c0n, 1n, 1n << 22n, 1n << 23n, 8n]);
    expect(pe.read('PSTATE')).toBe(0xf0c0_03c9n);
  });

  it('FPCR and FPSR keep the bits that exist', () => {
    const pe = new PeRig().write('CPACR_EL1', 3n << 20n).write('X0', (1n << 64n) - 1n);
    pe.run('msr FPCR, x0\n mrs x1, FPCR\n msr FPSR, x0\n mrs x2, FPSR');
    expect([pe.read('X1'), pe.read('X2')]).toEqual([0x07c0_0000n, 0x0800_009fn]);
  });

  it('SP_EL0 to SP_EL2 are the stack pointers of the levels below', () => {
    const pe = new PeRig();
    pe.run('mov x0, #1\n msr SP_EL0, x0\n mov x0, #2\n msr SP_EL1, x0\n mov x0, #3\n msr SP_EL2, x0', 3);
    pe.run('mov x1, sp', 1);
    pe.run('mov x2, sp', 2);
    pe.run('mov x0, sp', 0);
    expect([pe.read('X0'), pe.read('X1'), pe.read('X2')]).toEqual([1n, 2n, 3n]);
    for (const [name, el] of [
      ['SP_EL1', 1],
      ['SP_EL2', 2],
    ] as const)
      expect(pe.run(`mrs x0, ${name}`, el), name).toMatchObject({ ec: 0n });
  });

  it('MSR SPSel exchanges the stack pointers', () => {
    const pe = new PeRig();
    pe.run(
      'mov x0, #16\n msr SP_EL0, x0\n mov x0, #32\n mov sp, x0\n msr SPSel, #0\n mov x1, sp\n msr SPSel, #1\n mov x2, sp',
    );
    expect([pe.read('X1'), pe.read('X2')]).toEqual([16n, 32n]);
  });

  it('ISR_EL1 shows what is pending, masked or not', () => {
    const pe = new PeRig();
    const p = pe.machine.pes[0]!;
    const read = (): bigint => {
      pe.run('mrs x0, ISR_EL1');
      return pe.read('X0');
    };
    expect(read()).toBe(0n);
    p.setInterruptLines(true, false);
    expect(read()).toBe(0x80n);
    p.setInterruptLines(false, true);
    expect(read()).toBe(0x40n);
    p.setInterruptLines(false, false);
    p.raiseSError(0);
    expect(read()).toBe(0x100n);
  });

  it('an MSR DAIF that lets a pending interrupt in takes it before the next instruction', () => {
    const pe = new PeRig();
    pe.machine.pes[0]!.setInterruptLines(true, false);
    const taken = pe.run('mov x1, #0\n msr DAIF, xzr\n mov x1, #1');
    expect(taken).toMatchObject({ el: 1, vectorOffset: 0x280 });
    expect(pe.read('X1')).toBe(0n);
    expect(pe.read('ELR_EL1')).toBe(0x4010_0008n);
  });
});
