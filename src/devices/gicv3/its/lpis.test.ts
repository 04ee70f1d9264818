import { describe, expect, it } from 'vitest';
import { EL3 } from '../gicv3-rig.ts';
import { COMMAND, ItsRig, PLACES, RAM_PA } from './its-rig.ts';

const LPI = 8192;
const NONE = 1023;

/** Sends event n of device 1. */
const message = (rig: ItsRig, event = 0) => rig.gic.sendMsi(1, event);

describe('what the frames say (IHI 0069)', () => {
  it('with an ITS: LPIS and 16 bits of INTID, PLPIS and one shared configuration table, CES', () => {
    const rig = new ItsRig({ pes: 2 });
    expect(rig.read('NS', 'GICD_TYPER')).toBe(0x017a_0007);
    expect(rig.read('NS', 'GICR_TYPER')).toBe(0x0100_0001);
    expect(rig.read('NS', 'GICR_TYPER', { pe: 1 })).toBe(0x0100_0111);
    expect(rig.read('NS', 'GICR_CTLR')).toBe(2);
  });

  it('GICR_PROPBASER and GICR_PENDBASER keep their fields, and PTZ reads as zero', () => {
    const rig = new ItsRig();
    for (const [name, expected] of [
      ['GICR_PROPBASER', [0xffff_ff9f, 0x070f_ffff]],
      ['GICR_PENDBASER', [0xffff_0f80, 0x070f_ffff]],
    ] as const) {
      rig.write64(name, 0xffff_ffff, 0xffff_ffff);
      expect(rig.read64(name)).toEqual(expected);
      rig.write64(name, 0, 0);
      expect(rig.read64(name)).toEqual([0, 0]);
    }
  });

  it('while EnableLPIs is 1 neither can be changed, and the write is reported', () => {
    const rig = new ItsRig().start();
    const before = rig.read64('GICR_PROPBASER');
    rig.write64('GICR_PROPBASER', 0, 0);
    rig.write64('GICR_PENDBASER', 0, 0);
    expect(rig.read64('GICR_PROPBASER')).toEqual(before);
    expect(rig.read64('GICR_PENDBASER')).toEqual([RAM_PA + PLACES.pending, 0]);
    expect(rig.reports.join()).toContain('GICR_PENDBASER of PE 0: written while EnableLPIs is 1');
  });
});

describe('an LPI', () => {
  it('is acknowledged through IAR1, has no active state, and needs no deactivation', () => {
    const rig = new ItsRig().start().map(3);
    expect(rig.inputs).toEqual(['-']);
    expect(message(rig, 3)).toEqual({ intid: LPI + 3, pe: 0 });
    expect([rig.inputs[0], rig.get('ICC_HPPIR1_EL1')]).toEqual(['IRQ', LPI + 3]);
    expect([rig.get('ICC_IAR1_EL1'), rig.inputs[0], rig.get('ICC_RPR_EL1')]).toEqual([LPI + 3, '-', 0x80]);
    message(rig, 3);
    // Pending again before the end of the first; its own priority still runs.
    expect([rig.get('ICC_HPPIR1_EL1'), rig.inputs[0]]).toEqual([LPI + 3, '-']);
    rig.set('ICC_EOIR1_EL1', LPI + 3);
    expect([rig.inputs[0], rig.get('ICC_RPR_EL1')]).toEqual(['IRQ', 0xff]);
    expect(rig.get('ICC_IAR1_EL1')).toBe(LPI + 3);
    rig.set('ICC_EOIR1_EL1', LPI + 3);
    expect([rig.inputs[0], rig.get('ICC_IAR1_EL1')]).toEqual(['-', NONE]);
  });

  it('with EOImode = 1 a DIR of it does nothing', () => {
    const rig = new ItsRig().start().map(0);
    rig.set('ICC_CTLR_EL1', 2);
    message(rig);
    expect(rig.get('ICC_IAR1_EL1')).toBe(LPI);
    rig.set('ICC_EOIR1_EL1', LPI);
    rig.set('ICC_DIR_EL1', LPI);
    message(rig);
    expect(rig.get('ICC_IAR1_EL1')).toBe(LPI);
  });

  it('is Group 1: EnableGrp1 and IGRPEN1 hold it back, IAR0 does not see it', () => {
    const rig = new ItsRig().start().map(0);
    message(rig);
    expect([rig.inputs[0], rig.get('ICC_IAR0_EL1')]).toEqual(['IRQ', NONE]);
    rig.set('ICC_IGRPEN1_EL1', 0);
    expect(rig.inputs[0]).toBe('-');
    rig.set('ICC_IGRPEN1_EL1', 1);
    rig.write('NS', 'GICD_CTLR', 1);
    expect(rig.inputs[0]).toBe('-');
    rig.write('NS', 'GICD_CTLR', 3);
    expect(rig.inputs[0]).toBe('IRQ');
  });

  it('with two security states is Non-secure Group 1 with the Non-secure view of its priority', () => {
    const rig = new ItsRig({ securityStates: 2 }).start().map(0, { priority: 0xa0 });
    message(rig);
    expect(rig.get('ICC_IAR1_EL1')).toBe(LPI);
    expect(rig.get('ICC_RPR_EL1', 0, EL3)).toBe(0xd0);
    rig.set('ICC_EOIR1_EL1', LPI);
    message(rig);
    rig.enter(0, EL3);
    expect([rig.inputs[0], rig.get('ICC_IAR0_EL1')]).toEqual(['FIQ', 1021]);
  });

  it('takes its turn by priority among LPIs and SPIs; of equals the lowest INTID is first', () => {
    const rig = new ItsRig().start().map(5, { priority: 0x40 }).map(1, { priority: 0x80 }).map(2, { priority: 0x80 });
    rig.arm(40, 0x80);
    rig.arm(41, 0x20);
    for (const event of [2, 1, 5]) message(rig, event);
    rig.pend(40);
    rig.pend(41);
    const order: number[] = [];
    for (let intid = rig.get('ICC_IAR1_EL1'); intid !== NONE; intid = rig.get('ICC_IAR1_EL1')) {
      order.push(intid);
      rig.set('ICC_EOIR1_EL1', intid);
    }
    expect(order).toEqual([41, LPI + 5, 40, LPI + 1, LPI + 2]);
  });

  it('EOIR of an INTID that is no LPI of this GIC, 1024 to 8191 or from 65536 on, does nothing', () => {
    const rig = new ItsRig().start().map(0);
    message(rig);
    rig.get('ICC_IAR1_EL1');
    for (const intid of [1024, 8191, 65536, 0xff_ffff]) rig.set('ICC_EOIR1_EL1', intid);
    expect(rig.get('ICC_RPR_EL1')).toBe(0x80);
    rig.set('ICC_EOIR1_EL1', LPI);
    expect(rig.get('ICC_RPR_EL1')).toBe(0xff);
  });
});

describe('the configuration table', () => {
  it('a disabled LPI is pending and not signalled; INV shows the change, nothing else does', () => {
    const rig = new ItsRig().start().map(0);
    rig.configure(LPI, 0x80, false);
    rig.send(COMMAND.inv(1, 0));
    message(rig);
    expect([rig.inputs[0], rig.get('ICC_HPPIR1_EL1')]).toEqual(['-', NONE]);
    rig.configure(LPI, 0x40);
    message(rig);
    expect(rig.inputs[0]).toBe('-');
    rig.send(COMMAND.inv(1, 0));
    expect([rig.inputs[0], rig.get('ICC_IAR1_EL1'), rig.get('ICC_RPR_EL1')]).toEqual(['IRQ', LPI, 0x40]);
  });

  it('INVALL shows changes of all LPIs, on every PE that shares the table', () => {
    const rig = new ItsRig({ pes: 2 }).start().map(0).map(1, { pe: 1 });
    for (const intid of [LPI, LPI + 1]) rig.configure(intid, 0x80, false);
    message(rig, 0);
    message(rig, 1);
    expect(rig.inputs).toEqual(['IRQ', 'IRQ']);
    rig.send(COMMAND.invall(0));
    expect(rig.inputs).toEqual(['-', '-']);
  });

  it('outside RAM an LPI is disabled, with a report', () => {
    const rig = new ItsRig();
    rig.start();
    rig.write('NS', 'GICR_CTLR', 0);
    rig.write64('GICR_PROPBASER', 15, 0xf_0000);
    rig.write('NS', 'GICR_CTLR', 1);
    rig.send(COMMAND.mapti(1, 0, LPI, 0));
    message(rig);
    expect([rig.inputs[0], rig.get('ICC_HPPIR1_EL1')]).toEqual(['-', NONE]);
    expect(rig.reports.join()).toContain('LPI 8192: its byte of the LPI configuration table is not in RAM');
  });

  it('IDbits limits the LPIs that there are; below 14 bits there are none', () => {
    for (const [idBits, last] of [
      [13, LPI * 2 - 1],
      [14, LPI * 4 - 1],
      [31, 65535],
    ] as const) {
      const rig = new ItsRig().start();
      rig.write('NS', 'GICR_CTLR', 0);
      rig.write64('GICR_PROPBASER', (RAM_PA + PLACES.config) | idBits, 0);
      rig.write('NS', 'GICR_CTLR', 1);
      rig.configure(last, 0x80);
      rig.send(COMMAND.mapti(1, 0, last, 0));
      expect(message(rig)).toEqual({ intid: last, pe: 0 });
      if (last === 65535) continue;
      rig.send(COMMAND.mapti(1, 0, last + 1, 0));
      expect(message(rig)).toEqual({ dropped: `LPI ${last + 1} is beyond GICR_PROPBASER.IDbits of PE 0` });
    }
    const rig = new ItsRig().start().map(0);
    rig.write('NS', 'GICR_CTLR', 0);
    rig.write64('GICR_PROPBASER', (RAM_PA + PLACES.config) | 12, 0);
    rig.write('NS', 'GICR_CTLR', 1);
    expect(message(rig)).toHaveProperty('dropped');
  });
});

describe('the pending table', () => {
  it('is written when LPIs are switched off, and read when they are switched on', () => {
    const rig = new ItsRig().start().map(0).map(9);
    message(rig, 0);
    message(rig, 9);
    expect(rig.inPendingTable(LPI)).toBe(false);
    rig.write('NS', 'GICR_CTLR', 0);
    expect([rig.inputs[0], rig.read('NS', 'GICR_CTLR')]).toEqual(['-', 2]);
    expect([0, 1, 9].map((n) => rig.inPendingTable(LPI + n))).toEqual([true, false, true]);
    // While they are off, what comes is lost.
    expect(message(rig, 1)).toHaveProperty('dropped');
    rig.ram[PLACES.pending + (LPI >> 3)] &= ~1;
    rig.write('NS', 'GICR_CTLR', 1);
    expect([rig.inputs[0], rig.get('ICC_IAR1_EL1')]).toEqual(['IRQ', LPI + 9]);
    rig.set('ICC_EOIR1_EL1', LPI + 9);
    expect(rig.get('ICC_IAR1_EL1')).toBe(NONE);
  });

  it('is not looked at when PTZ says that it is zero, and its first 1 KiB never is', () => {
    const rig = new ItsRig().start().map(0);
    rig.write('NS', 'GICR_CTLR', 0);
    rig.ram.fill(0xff, PLACES.pending, PLACES.pending + 0x2000);
    rig.write64('GICR_PENDBASER', RAM_PA + PLACES.pending, 0x4000_0000);
    rig.write('NS', 'GICR_CTLR', 1);
    expect(rig.inputs[0]).toBe('-');
    message(rig);
    rig.write('NS', 'GICR_CTLR', 0);
    const table = rig.ram.subarray(PLACES.pending, PLACES.pending + 0x2000);
    expect(table.subarray(0, 1024).every((byte) => byte === 0xff)).toBe(true);
    expect([table[1024], table.subarray(1025).every((byte) => byte === 0)]).toEqual([1, true]);
  });

  it('outside RAM holds nothing, with a report', () => {
    const rig = new ItsRig().start().map(0);
    rig.write('NS', 'GICR_CTLR', 0);
    rig.write64('GICR_PENDBASER', 0, 0x1_0000);
    rig.write('NS', 'GICR_CTLR', 1);
    message(rig);
    rig.write('NS', 'GICR_CTLR', 0);
    rig.write('NS', 'GICR_CTLR', 1);
    expect(rig.inputs[0]).toBe('-');
    expect(rig.reports.join()).toContain('the LPI pending table is not in RAM');
  });
});
