import { describe, expect, it } from 'vitest';
import { Rig } from './gicv3-rig.ts';

describe('the state of an interrupt', () => {
  it('edge: triggered again while active it is active and pending, and comes back after deactivation', () => {
    const rig = new Rig().open();
    rig.arm(48, 0xa0, { edge: true });
    rig.gic.setLine(48, true);
    rig.gic.setLine(48, false);
    expect(rig.inputs).toEqual(['IRQ']);
    expect(rig.get('ICC_IAR1_EL1')).toBe(48);
    expect(rig.read('S', 'GICD_ISPENDR1')).toBe(0);
    expect(rig.read('S', 'GICD_ISACTIVER1')).toBe(1 << 16);
    rig.gic.setLine(48, true);
    rig.gic.setLine(48, false);
    expect(rig.read('S', 'GICD_ISPENDR1')).toBe(1 << 16);
    expect(rig.inputs).toEqual(['-']);
    rig.set('ICC_EOIR1_EL1', 48);
    expect(rig.read('S', 'GICD_ISACTIVER1')).toBe(0);
    expect(rig.inputs).toEqual(['IRQ']);
  });

  it('level: with the line still high it fires again right after EOI, and is active and pending meanwhile', () => {
    const rig = new Rig().open();
    rig.arm(33, 0xa0);
    rig.gic.setLine(33, true);
    expect(rig.get('ICC_IAR1_EL1')).toBe(33);
    expect(rig.read('S', 'GICD_ISPENDR1')).toBe(2);
    expect(rig.read('S', 'GICD_ISACTIVER1')).toBe(2);
    expect(rig.inputs).toEqual(['-']);
    rig.set('ICC_EOIR1_EL1', 33);
    expect(rig.inputs).toEqual(['IRQ']);
    rig.gic.setLine(33, false);
    expect(rig.inputs).toEqual(['-']);
    expect(rig.get('ICC_IAR1_EL1')).toBe(1023);
  });

  it('ICPENDR on a high level reads back pending; on an edge it clears', () => {
    const rig = new Rig().open();
    rig.arm(33, 0xa0);
    rig.gic.setLine(33, true);
    rig.pend(33, false);
    expect(rig.read('S', 'GICD_ISPENDR1')).toBe(2);
    rig.arm(34, 0xa0, { edge: true });
    rig.gic.setLine(34, true);
    rig.pend(34, false);
    expect(rig.read('S', 'GICD_ISPENDR1')).toBe(2);
  });

  it('ISPENDR on a level, acknowledged with the line low, is inactive after EOI', () => {
    const rig = new Rig().open();
    rig.arm(33, 0xa0);
    rig.pend(33);
    expect(rig.get('ICC_IAR1_EL1')).toBe(33);
    rig.set('ICC_EOIR1_EL1', 33);
    expect(rig.read('S', 'GICD_ISPENDR1')).toBe(0);
    expect(rig.read('S', 'GICD_ISACTIVER1')).toBe(0);
    expect(rig.inputs).toEqual(['-']);
  });

  it('ISACTIVER holds a pending interrupt back until ICACTIVER', () => {
    const rig = new Rig().open();
    rig.arm(27, 0xa0);
    rig.gic.setLine(27, true);
    rig.write('S', 'GICR_ISACTIVER0', 1 << 27);
    expect(rig.inputs).toEqual(['-']);
    rig.write('S', 'GICR_ICACTIVER0', 1 << 27);
    expect(rig.inputs).toEqual(['IRQ']);
  });

  it('ICACTIVER while it is handled does not change RPR', () => {
    const rig = new Rig().open();
    rig.arm(27, 0xa0);
    rig.pend(27);
    expect(rig.get('ICC_IAR1_EL1')).toBe(27);
    rig.write('S', 'GICR_ICACTIVER0', 1 << 27);
    expect(rig.get('ICC_RPR_EL1')).toBe(0xa0);
  });

  it('a PPI is pending at its own PE only, and disabling it withdraws it', () => {
    const rig = new Rig({ pes: 2 }).open();
    rig.arm(27, 0xa0, { pe: 1 });
    rig.gic.setLine(27, true, 0);
    expect(rig.inputs).toEqual(['-', '-']);
    rig.gic.setLine(27, true, 1);
    expect(rig.inputs).toEqual(['-', 'IRQ']);
    rig.write('S', 'GICR_ICENABLER0', 1 << 27, { pe: 1 });
    expect(rig.inputs).toEqual(['-', '-']);
  });

  it('a wire that does not exist is our own mistake', () => {
    const rig = new Rig();
    expect(() => rig.gic.setLine(15, true)).toThrow('no wire for INTID 15');
    expect(() => rig.gic.setLine(256, true)).toThrow('no wire for INTID 256');
    expect(() => rig.gic.setLine(27, true, 1)).toThrow('PE 1');
  });
});
