import { describe, expect, it } from 'vitest';
import { PeRig } from '../../test/support/pe-rig.ts';
import type { Machine } from '../machine/machine.ts';

const M64 = (1n << 64n) - 1n;
const ISTATUS = 4n;
const TRAP = 0x18n;

/** Level of a PPI's wire at PE 0's Redistributor. */
function line(machine: Machine, intid: number): boolean {
  const { redistributors } = machine.gic.state() as { redistributors: readonly { line: readonly number[] }[] };
  return ((redistributors[0]!.line[0]! >>> intid) & 1) === 1;
}

describe('timers (DDI 0487, "The Generic Timer in AArch64 state")', () => {
  it('the count goes up once in 16 steps, and CNTVCT_EL0 is CNTPCT_EL0 less CNTVOFF_EL2', () => {
    const pe = new PeRig().write('CNTVOFF_EL2', 1000n);
    pe.run('nop\n'.repeat(160));
    pe.run('mrs x0, CNTPCT_EL0\n mrs x1, CNTVCT_EL0', 2);
    expect(pe.read('X0')).toBe(10n);
    expect(pe.read('X1')).toBe((10n - 1000n) & M64);
  });

  it('without EL2 the virtual count is the physical one', () => {
    const pe = new PeRig({ el2: false });
    pe.run('nop\n'.repeat(64));
    expect(pe.read('CNTVCT_EL0')).toBe(4n);
  });

  it('a TVAL of -1 fires at once, and TVAL goes on below zero', () => {
    const pe = new PeRig();
    pe.run('nop\n'.repeat(64));
    pe.run('mov w0, #-1\n msr CNTV_TVAL_EL0, x0\n mov x0, #1\n msr CNTV_CTL_EL0, x0\n mrs x1, CNTV_CTL_EL0');
    expect(pe.read('X1')).toBe(1n | ISTATUS);
    expect(line(pe.machine, 27)).toBe(true);
    pe.run('nop\n'.repeat(160));
    pe.run('mrs x2, CNTV_TVAL_EL0');
    expect(BigInt.asIntN(32, pe.read('X2'))).toBe(-11n);
    expect(pe.read('X2') >> 32n).toBe(0n);
  });

  it('IMASK takes the line down and leaves ISTATUS', () => {
    const pe = new PeRig();
    pe.run('msr CNTV_CVAL_EL0, xzr\n mov x0, #1\n msr CNTV_CTL_EL0, x0');
    expect(line(pe.machine, 27)).toBe(true);
    pe.run('mov x0, #3\n msr CNTV_CTL_EL0, x0\n mrs x1, CNTV_CTL_EL0');
    expect(line(pe.machine, 27)).toBe(false);
    expect(pe.read('X1')).toBe(3n | ISTATUS);
  });

  it('a timer that is off has no ISTATUS, however late it is', () => {
    const pe = new PeRig();
    pe.run('msr CNTV_CVAL_EL0, xzr\n msr CNTV_CTL_EL0, xzr\n mrs x1, CNTV_CTL_EL0');
    expect(pe.read('X1')).toBe(0n);
    expect(line(pe.machine, 27)).toBe(false);
  });

  it.each([
    ['CNTHP_CTL_EL2', 'CNTHP_CVAL_EL2', 26],
    ['CNTV_CTL_EL0', 'CNTV_CVAL_EL0', 27],
    ['CNTPS_CTL_EL1', 'CNTPS_CVAL_EL1', 29],
    ['CNTP_CTL_EL0', 'CNTP_CVAL_EL0', 30],
  ])('%s drives a PPI of its own', (ctl, cval, intid) => {
    const pe = new PeRig();
    pe.run(`msr ${cval}, xzr\n mov x0, #1\n msr ${ctl}, x0`, 3);
    expect([26, 27, 28, 29, 30].filter((n) => line(pe.machine, n))).toEqual([intid]);
  });

  it('WFI with only CNTV armed goes on exactly at CVAL', () => {
    const pe = new PeRig();
    pe.machine.bus.write(0x0800_0000, 4, 0x37, 0, false);
    pe.machine.bus.write(0x080a_0014, 4, 0, 0, false);
    pe.machine.bus.write(0x080b_0080, 4, 0xffff_ffff, 0, false);
    pe.machine.bus.write(0x080b_0100, 4, 1 << 27, 0, false);
    pe.run('mov x0, #0xff\n msr ICC_PMR_EL1, x0\n mov x0, #1\n msr ICC_IGRPEN1_EL1, x0');
    pe.run('mov x0, #1000\n msr CNTV_CVAL_EL0, x0\n mov x0, #1\n msr CNTV_CTL_EL0, x0\n wfi\n mrs x1, CNTVCT_EL0');
    expect(pe.read('X1')).toBe(1000n);
    // The MRS is the first step after 1000 counts of 16 ns.
    expect(pe.machine.timeNs).toBe(16_001n);
  });

  it('a virtual count that wraps: the line falls, and rises when the count comes to CVAL again', () => {
    // The virtual count is 5 below 2^64 and CVAL is 3.
    const pe = new PeRig();
    pe.write('CNTVOFF_EL2', 5n).write('CNTV_CVAL_EL0', 3n).write('CNTV_CTL_EL0', 1n);
    const levels: boolean[] = [];
    for (let count = 0; count < 12; count++) {
      levels.push(line(pe.machine, 27));
      pe.run('nop\n'.repeat(16));
    }
    // Counts 0 to 4 are near 2^64, 5 to 7 are 0 to 2, from 8 on it is 3 and more.
    expect(levels).toEqual([true, true, true, true, true, false, false, false, true, true, true, true]);
  });

  it('a virtual count ahead of the physical one still reaches CVAL', () => {
    const pe = new PeRig();
    pe.write('CNTVOFF_EL2', -1000n & M64)
      .write('CNTV_CVAL_EL0', 1004n)
      .write('CNTV_CTL_EL0', 1n);
    expect(line(pe.machine, 27)).toBe(false);
    pe.run('nop\n'.repeat(63));
    expect(line(pe.machine, 27)).toBe(false);
    pe.run('nop\nnop');
    expect(line(pe.machine, 27)).toBe(true);
  });

  describe('traps', () => {
    it('CNTP at EL1 goes to EL2 when CNTHCTL_EL2.EL1PCEN is 0; CNTV does not', () => {
      const pe = new PeRig().write('CNTHCTL_EL2', 1n);
      for (const r of ['CNTP_CTL_EL0', 'CNTP_CVAL_EL0', 'CNTP_TVAL_EL0'])
        expect(pe.run(`mrs x0, ${r}`), r).toMatchObject({ el: 2, ec: TRAP });
      expect(pe.run('mrs x0, CNTV_CTL_EL0\n mrs x0, CNTPCT_EL0')).toBeUndefined();
      pe.write('CNTHCTL_EL2', 2n);
      expect(pe.run('mrs x0, CNTP_CTL_EL0')).toBeUndefined();
      expect(pe.run('mrs x0, CNTPCT_EL0')).toMatchObject({ el: 2, ec: TRAP });
    });

    it.each([
      ['CNTPCT_EL0', 0],
      ['CNTVCT_EL0', 1],
      ['CNTV_CTL_EL0', 8],
      ['CNTP_TVAL_EL0', 9],
    ])('%s at EL0 goes to EL1 unless bit %i of CNTKCTL_EL1 is set', (register, bit) => {
      const pe = new PeRig().write('CNTHCTL_EL2', 3n);
      expect(pe.run(`mrs x0, ${register}`, 0)).toMatchObject({ el: 1, ec: TRAP, vectorOffset: 0x400 });
      pe.write('CNTKCTL_EL1', 1n << BigInt(bit));
      expect(pe.run(`mrs x0, ${register}`, 0)).toBeUndefined();
    });

    it('CNTFRQ_EL0 at EL0 needs either of the count enables, and may be written at the highest level only', () => {
      const pe = new PeRig();
      expect(pe.run('mrs x0, CNTFRQ_EL0', 0)).toMatchObject({ el: 1, ec: TRAP });
      for (const enable of [1n, 2n])
        expect(pe.write('CNTKCTL_EL1', enable).run('mrs x0, CNTFRQ_EL0', 0)).toBeUndefined();
      for (const el of [0, 1, 2] as const)
        expect(pe.run('msr CNTFRQ_EL0, x0', el), `EL${el}`).toMatchObject({ ec: 0n });
      expect(pe.run('mov x0, #77\n msr CNTFRQ_EL0, x0', 3)).toBeUndefined();
      expect(pe.read('CNTFRQ_EL0')).toBe(77n);
    });

    it('CNTPS is UNDEFINED in Non-secure state and at Secure EL1 a matter of SCR_EL3.ST', () => {
      const pe = new PeRig();
      for (const el of [1, 2] as const) expect(pe.run('mrs x0, CNTPS_CTL_EL1', el)).toMatchObject({ ec: 0n });
      pe.write('SCR_EL3', 0x400n);
      expect(pe.run('mrs x0, CNTPS_CTL_EL1')).toMatchObject({ el: 3, ec: TRAP });
      pe.write('SCR_EL3', 0xc00n);
      expect(pe.run('mrs x0, CNTPS_CTL_EL1')).toBeUndefined();
    });
  });

  describe('the event stream (DDI 0487, "Event streams")', () => {
    it('wakes WFE at the next transition of the chosen bit', () => {
      // CNTKCTL_EL1: EVNTEN, EVNTI 5 (a transition to 1 each 64 counts, first at 32).
      const pe = new PeRig().write('CNTKCTL_EL1', 4n | (5n << 4n));
      pe.run('wfe\n mrs x0, CNTVCT_EL0\n wfe\n mrs x1, CNTVCT_EL0');
      expect([pe.read('X0'), pe.read('X1')]).toEqual([32n, 96n]);
    });

    it('with a count that is ahead of the physical one as well', () => {
      const pe = new PeRig().write('CNTVOFF_EL2', -1000n & M64).write('CNTKCTL_EL1', 4n | (5n << 4n));
      pe.run('wfe\n mrs x0, CNTVCT_EL0');
      // 1000 is 40 past a multiple of 64.
      expect(pe.read('X0')).toBe(1056n);
    });
  });
});
