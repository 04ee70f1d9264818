import { describe, expect, it } from 'vitest';
import { Machine } from '../../src/machine/machine.ts';
import { haveGuests, LinuxGuest, TROUBLE } from '../linux/guest.ts';
import { Board } from './rig.ts';

/** A machine with a GICv2 in place of the GICv3. */

const GICD = 0x0800_0000n;
const GICC = 0x0801_0000n;

describe('a machine with a GICv2', () => {
  for (const els of [
    { el3: true, el2: true },
    { el3: false, el2: false },
  ]) {
    it(`${els.el3 ? 'with' : 'without'} EL3: ID_AA64PFR0_EL1.GIC is 0, every ICC register is UNDEFINED`, () => {
      const board = new Board({ gic: 2, ...els });
      expect((board.mrs('ID_AA64PFR0_EL1') >> 24n) & 15n).toBe(0n);
      for (const name of ['ICC_PMR_EL1', 'ICC_SRE_EL1', 'ICC_CTLR_EL1', 'ICC_IGRPEN1_EL1', 'ICC_BPR0_EL1']) {
        expect(board.outcome(`mrs x0, ${name}`), name).toBe('UNDEFINED');
        expect(board.outcome(`msr ${name}, xzr`), name).toBe('UNDEFINED');
      }
      if (els.el3) expect(board.outcome('mrs x0, ICC_SRE_EL3')).toBe('UNDEFINED');
    });
  }

  it('answers at 0x08000000 and 0x08010000; where redistributors would be there is nothing', () => {
    const board = new Board({ gic: 2, el3: false, el2: false });
    expect([board.load(GICD + 0xfe8n), board.load(GICC + 0xfcn)]).toEqual([0x2b, 0x2_043b]);
    expect(board.load(0x080a_0000n)).toMatchObject({ ec: 0x25, iss: 0x10 });
    expect(board.load(GICC + 0x2000n)).toMatchObject({ ec: 0x25 });
  });

  it('takes the virtual timer as IRQ, acknowledged and ended by loads and stores', () => {
    const board = new Board({ gic: 2, el3: false, el2: false });
    board.store(GICD, 1);
    board.store(GICD + 0x100n, 1 << 27);
    board.store(GICC + 4n, 0xf0);
    board.store(GICC, 1);
    board.msr('CNTV_CVAL_EL0', 0);
    board.msr('CNTV_CTL_EL0', 1);
    expect(board.mrs('ISR_EL1')).toBe(0x80n);
    expect(board.load(GICC + 0xcn)).toBe(27);
    expect([board.load(GICC + 0x14n), board.load(GICC + 0xcn)]).toEqual([0, 1023]);
    board.msr('CNTV_CTL_EL0', 0);
    board.store(GICC + 0x10n, 27);
    expect([board.load(GICC + 0x14n), board.load(GICD + 0x300n)]).toEqual([0xff, 0]);
    board.msr('CNTV_CTL_EL0', 1);
    board.exec('msr daifclr, #2');
    expect(board.interrupted()).toBe('IRQ to EL1');
  });

  it('has 5 bits of priority and no other number', () => {
    expect(() => Machine.create({ gic: 2, gicPriorityBits: 8 })).toThrow(/GICv2 has 5 to 5/);
    expect(() => Machine.create({ gic: 4 as 3 })).toThrow(/GIC version 4/);
    expect(() => Machine.create({ gicPriorityBits: 4 })).toThrow(/5 to 8/);
  });

  it('is the same machine after a snapshot was restored', () => {
    const board = new Board({ gic: 2, el3: false, el2: false });
    board.store(GICD, 1);
    board.store(GICD + 0x100n, 1 << 27);
    const snapshot = board.machine.snapshot();
    const digest = board.machine.digest();
    board.store(GICD + 0x180n, 1 << 27);
    expect(board.machine.digest()).not.toBe(digest);
    board.machine.restore(snapshot);
    expect(board.machine.digest()).toBe(digest);
    expect(board.load(GICD + 0x100n)).toBe(0x0800_ffff);
  });
});

describe.skipIf(!haveGuests)(
  "Debian's kernel with a GICv2 (needs scripts/guests.mjs to have run)",
  { timeout: 300_000 },
  () => {
    it('boots on two CPUs from the image that also runs on a GICv3, takes a CPU away and back, and powers off', () => {
      const guest = new LinuxGuest({ cpu: 'full', cpus: 2, machine: { gic: 2 } });
      guest.untilPrompt();
      expect(guest.text).toContain('SMP: Total of 2 processors activated');
      expect(guest.command('grep arch_timer /proc/interrupts')).toMatch(/GIC-0 +27 /);
      const online = '/sys/devices/system/cpu/cpu1/online';
      guest.command(`echo 0 > ${online}; echo 1 > ${online}`);
      expect(guest.command('grep -c ^processor /proc/cpuinfo')).toBe('2\n');
      expect(guest.lastCommand('poweroff -f')).toBe('poweroff');
      expect(guest.text).not.toMatch(TROUBLE);
      expect(guest.reports).toEqual([]);
    });
  },
);
