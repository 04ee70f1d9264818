import { describe, expect, it } from 'vitest';
import type { IccName } from './gicv3.ts';
import { EL3, NS_EL1, NS_EL2, Rig, S_EL1 } from './gicv3-rig.ts';

const NS_FIQ = { ...NS_EL1, scrFiq: true };

/** Two security states, INTID 0 Group 0, 1 Secure Group 1, 2 Non-secure Group 1, all groups open. */
function threeGroups(): Rig {
  const rig = new Rig({ securityStates: 2 }).open();
  rig.arm(0, 0x20, { group: 0 });
  rig.arm(1, 0x40, { group: 0, modifier: 1 });
  rig.arm(2, 0xc0, { group: 1 });
  return rig;
}

describe('ICC_PMR_EL1 and priorities', () => {
  it('PMR written 0xFF reads 0xF8 with 5 bits and 0xFF with 8', () => {
    for (const [priorityBits, value] of [
      [4, 0xf0],
      [5, 0xf8],
      [8, 0xff],
    ]) {
      const rig = new Rig({ priorityBits });
      expect(rig.get('ICC_PMR_EL1')).toBe(0);
      rig.set('ICC_PMR_EL1', 0xff);
      expect(rig.get('ICC_PMR_EL1')).toBe(value);
    }
  });

  it('an interrupt whose priority equals PMR is not signalled, one step more urgent is', () => {
    const rig = new Rig().open();
    rig.arm(33, 0xa0);
    rig.gic.setLine(33, true);
    rig.set('ICC_PMR_EL1', 0xa0);
    expect(rig.inputs).toEqual(['-']);
    rig.set('ICC_PMR_EL1', 0xa8);
    expect(rig.inputs).toEqual(['IRQ']);
  });

  it('a priority of 0xFF never fires even with PMR = 0xFF', () => {
    const rig = new Rig({ priorityBits: 8 }).open();
    rig.arm(33, 0xff);
    rig.gic.setLine(33, true);
    expect(rig.inputs).toEqual(['-']);
    rig.arm(33, 0xfe);
    expect(rig.inputs).toEqual(['IRQ']);
  });

  it('HPPIR1 reports the INTID while PMR masks it and IAR1 returns 1023', () => {
    const rig = new Rig().open();
    rig.arm(33, 0xa0);
    rig.gic.setLine(33, true);
    rig.set('ICC_PMR_EL1', 0);
    expect(rig.get('ICC_HPPIR1_EL1')).toBe(33);
    expect(rig.get('ICC_IAR1_EL1')).toBe(1023);
    expect(rig.get('ICC_HPPIR0_EL1')).toBe(1023);
  });

  it('a pending interrupt of a group disabled here does not hide a less urgent one of an enabled group', () => {
    const rig = new Rig().open();
    rig.arm(0, 0x20, { group: 0 });
    rig.arm(33, 0xa0);
    rig.pend(0);
    rig.gic.setLine(33, true);
    expect(rig.inputs).toEqual(['FIQ']);
    rig.set('ICC_IGRPEN0_EL1', 0);
    expect(rig.inputs).toEqual(['IRQ']);
    expect(rig.get('ICC_IAR1_EL1')).toBe(33);
  });

  it('Non-secure PMR with SCR_EL3.FIQ = 1 and = 0 reads back as measured', () => {
    const written = [0xff, 0xf8, 0xf0, 0xe0, 0xc0, 0xa0, 0x80, 0x60, 0x08, 0x00];
    const rig = new Rig({ securityStates: 2 });
    rig.set('ICC_PMR_EL1', 0xff, 0, EL3);
    const back = (ctx: typeof NS_EL1) =>
      written.map((value) => {
        rig.set('ICC_PMR_EL1', value, 0, ctx);
        return rig.get('ICC_PMR_EL1', 0, ctx);
      });
    expect(back(NS_FIQ)).toEqual([0xf0, 0xf0, 0xf0, 0xe0, 0xc0, 0xa0, 0x80, 0x60, 0x00, 0x00]);
    expect(rig.get('ICC_PMR_EL1', 0, EL3)).toBe(0x80);
    expect(back(NS_EL1)).toEqual([0xf8, 0xf8, 0xf0, 0xe0, 0xc0, 0xa0, 0x80, 0x60, 0x08, 0x00]);
  });

  it('a Non-secure PMR write is ignored while the stored PMR is below 0x80 and SCR_EL3.FIQ = 1', () => {
    const rig = new Rig({ securityStates: 2 });
    rig.set('ICC_PMR_EL1', 0x60, 0, EL3);
    rig.set('ICC_PMR_EL1', 0xe0, 0, NS_FIQ);
    expect(rig.get('ICC_PMR_EL1', 0, NS_FIQ)).toBe(0);
    expect(rig.get('ICC_PMR_EL1', 0, EL3)).toBe(0x60);
    rig.set('ICC_PMR_EL1', 0xe0, 0, NS_EL1);
    expect(rig.get('ICC_PMR_EL1', 0, EL3)).toBe(0xe0);
    rig.set('ICC_PMR_EL1', 0xe8, 0, EL3);
    expect(rig.get('ICC_PMR_EL1', 0, NS_FIQ)).toBe(0xd0);
  });

  it('Non-secure RPR: 0x80 for stored 0xC0 when FIQ = 1, 0xC0 when FIQ = 0, 0xFF idle, 0 when Secure', () => {
    const rig = threeGroups();
    expect(rig.get('ICC_RPR_EL1', 0, NS_FIQ)).toBe(0xff);
    rig.pend(2);
    expect(rig.get('ICC_IAR1_EL1', 0, NS_FIQ)).toBe(2);
    expect(rig.get('ICC_RPR_EL1', 0, NS_FIQ)).toBe(0x80);
    expect(rig.get('ICC_RPR_EL1', 0, NS_EL1)).toBe(0xc0);
    rig.pend(1);
    expect(rig.get('ICC_IAR1_EL1', 0, S_EL1)).toBe(1);
    expect(rig.get('ICC_RPR_EL1', 0, NS_FIQ)).toBe(0);
    expect(rig.get('ICC_RPR_EL1', 0, EL3)).toBe(0x40);
  });
});

describe('EOIR and DIR', () => {
  it('EOIR1 for a Group 0 interrupt is ignored, EOIR0 is not; special INTIDs are ignored', () => {
    const rig = new Rig().open();
    rig.arm(0, 0x20, { group: 0 });
    rig.pend(0);
    expect(rig.get('ICC_IAR0_EL1')).toBe(0);
    rig.set('ICC_EOIR1_EL1', 0);
    rig.set('ICC_EOIR0_EL1', 1023);
    expect(rig.get('ICC_RPR_EL1')).toBe(0x20);
    rig.set('ICC_EOIR0_EL1', 0);
    expect(rig.get('ICC_RPR_EL1')).toBe(0xff);
    expect(rig.read('S', 'GICR_ISACTIVER0')).toBe(0);
  });

  it('EOImode = 1: EOIR drops the priority, DIR deactivates; DIR with EOImode = 0 does nothing', () => {
    const rig = new Rig().open();
    rig.arm(33, 0xa0);
    rig.pend(33);
    expect(rig.get('ICC_IAR1_EL1')).toBe(33);
    rig.set('ICC_DIR_EL1', 33);
    expect(rig.read('S', 'GICD_ISACTIVER1')).toBe(2);
    rig.set('ICC_CTLR_EL1', 2);
    rig.set('ICC_EOIR1_EL1', 33);
    expect(rig.get('ICC_RPR_EL1')).toBe(0xff);
    expect(rig.read('S', 'GICD_ISACTIVER1')).toBe(2);
    rig.set('ICC_DIR_EL1', 33);
    expect(rig.read('S', 'GICD_ISACTIVER1')).toBe(0);
  });

  it('at EL3 EOImode_EL3 decides, not the mode of a bank', () => {
    for (const [ctlr, active] of [
      [0x04, 2],
      [0x18, 0],
    ]) {
      const rig = threeGroups();
      rig.set('ICC_CTLR_EL3', ctlr, 0, EL3);
      rig.pend(1);
      expect(rig.get('ICC_IAR1_EL1', 0, EL3)).toBe(1);
      rig.set('ICC_EOIR1_EL1', 1, 0, EL3);
      expect(rig.read('S', 'GICR_ISACTIVER0')).toBe(active);
    }
  });

  it('with two security states EL1 changes only EOImode, per state; EL3 has its own', () => {
    const rig = new Rig({ securityStates: 2 });
    rig.set('ICC_CTLR_EL1', 0xffff_ffff, 0, NS_EL1);
    expect(rig.get('ICC_CTLR_EL1', 0, NS_EL1)).toBe(0x8c02);
    expect(rig.get('ICC_CTLR_EL1', 0, S_EL1)).toBe(0x8c00);
    expect(rig.get('ICC_CTLR_EL3', 0, EL3)).toBe(0x8c10);
    rig.set('ICC_CTLR_EL3', 0x0b, 0, EL3);
    expect(rig.get('ICC_CTLR_EL1', 0, NS_EL1)).toBe(0x8c01);
    expect(rig.get('ICC_CTLR_EL1', 0, S_EL1)).toBe(0x8c03);
    rig.set('ICC_CTLR_EL1', 0, 0, NS_EL1);
    expect(rig.get('ICC_CTLR_EL1', 0, NS_EL1)).toBe(0x8c01);
  });

  it('Non-secure EOIR1 neither drops a Secure priority nor deactivates a Secure interrupt', () => {
    const rig = threeGroups();
    rig.pend(1);
    expect(rig.get('ICC_IAR1_EL1', 0, S_EL1)).toBe(1);
    rig.set('ICC_EOIR1_EL1', 1, 0, NS_EL1);
    expect(rig.get('ICC_RPR_EL1', 0, EL3)).toBe(0x40);
    rig.set('ICC_EOIR1_EL1', 1, 0, S_EL1);
    expect(rig.read('S', 'GICR_ISACTIVER0')).toBe(0);
    rig.write('S', 'GICR_ISACTIVER0', 2);
    rig.pend(2);
    expect(rig.get('ICC_IAR1_EL1', 0, NS_EL1)).toBe(2);
    rig.set('ICC_EOIR1_EL1', 1, 0, NS_EL1);
    expect(rig.get('ICC_RPR_EL1', 0, EL3)).toBe(0xff);
    expect(rig.read('S', 'GICR_ISACTIVER0')).toBe(6);
  });

  it('DIR deactivates what the writer may: not another state, not a group routed to a higher level', () => {
    const may = (intid: number, ctx: typeof NS_EL1) => {
      const rig = threeGroups();
      rig.set('ICC_CTLR_EL3', 0x1c, 0, EL3);
      rig.write('S', 'GICR_ISACTIVER0', 7);
      rig.set('ICC_DIR_EL1', intid, 0, ctx);
      return rig.read('S', 'GICR_ISACTIVER0') !== 7;
    };
    const all = (ctx: typeof NS_EL1) => [0, 1, 2].map((intid) => may(intid, ctx));
    expect(all(EL3)).toEqual([true, true, true]);
    expect(all(S_EL1)).toEqual([true, true, true]);
    expect(all({ ...S_EL1, scrFiq: true })).toEqual([false, true, true]);
    expect(all(NS_EL2)).toEqual([false, false, true]);
    expect(all(NS_EL1)).toEqual([false, false, true]);
    expect(all({ ...NS_EL1, scrIrq: true })).toEqual([false, false, false]);
  });
});

describe('who sees what: IAR and HPPIR', () => {
  it('the table of groups against EL3, Secure EL1 and Non-secure EL1, through registers 0 and 1', () => {
    const seen = (intid: number) => {
      const rig = threeGroups();
      rig.pend(intid);
      return [EL3, S_EL1, NS_EL1].flatMap((ctx) => [
        rig.get('ICC_HPPIR0_EL1', 0, ctx),
        rig.get('ICC_HPPIR1_EL1', 0, ctx),
      ]);
    };
    expect(seen(0)).toEqual([0, 1023, 0, 1023, 1023, 1023]);
    expect(seen(1)).toEqual([1020, 1, 1023, 1, 1023, 1023]);
    expect(seen(2)).toEqual([1021, 2, 1023, 1023, 1023, 2]);
  });

  it('EL3 IAR0 returns 1020 for a Secure and 1021 for a Non-secure Group 1 interrupt without activating it', () => {
    const rig = threeGroups();
    rig.pend(2);
    expect(rig.get('ICC_IAR0_EL1', 0, EL3)).toBe(1021);
    rig.pend(1);
    expect(rig.get('ICC_IAR0_EL1', 0, EL3)).toBe(1020);
    expect(rig.read('S', 'GICR_ISACTIVER0')).toBe(0);
    expect(rig.get('ICC_RPR_EL1', 0, EL3)).toBe(0xff);
    expect(rig.get('ICC_IAR1_EL1', 0, EL3)).toBe(1);
  });

  it('Non-secure software reads 1023 while something Secure is more urgent than its own interrupt', () => {
    const rig = threeGroups();
    rig.pend(2);
    rig.pend(0);
    expect(rig.get('ICC_IAR1_EL1', 0, NS_EL1)).toBe(1023);
    rig.pend(0, false);
    expect(rig.get('ICC_IAR1_EL1', 0, NS_EL1)).toBe(2);
  });
});

describe('IRQ or FIQ', () => {
  it('follows the group and where the PE is, again after every change of EL or security state', () => {
    const inputs = (intid: number) => {
      const rig = threeGroups();
      rig.pend(intid);
      return [EL3, S_EL1, { ...S_EL1, el: 0 as const }, NS_EL2, NS_EL1, { ...NS_EL1, el: 0 as const }].map((ctx) => {
        rig.enter(0, ctx);
        return rig.inputs[0];
      });
    };
    expect(inputs(0)).toEqual(['FIQ', 'FIQ', 'FIQ', 'FIQ', 'FIQ', 'FIQ']);
    expect(inputs(1)).toEqual(['FIQ', 'IRQ', 'IRQ', 'FIQ', 'FIQ', 'FIQ']);
    expect(inputs(2)).toEqual(['FIQ', 'FIQ', 'FIQ', 'IRQ', 'IRQ', 'IRQ']);
  });

  it('with DS = 1 Group 0 is FIQ and Group 1 IRQ everywhere', () => {
    const rig = threeGroups();
    rig.write('S', 'GICD_CTLR', 0x43);
    for (const ctx of [EL3, S_EL1, NS_EL2, NS_EL1]) {
      rig.pend(2);
      rig.enter(0, ctx);
      expect(rig.inputs).toEqual(['IRQ']);
      rig.pend(1);
      expect(rig.inputs).toEqual(['FIQ']);
      rig.pend(1, false);
      rig.pend(2, false);
    }
  });

  it('the host is told only what changed', () => {
    const rig = new Rig().open();
    rig.arm(33, 0xa0);
    rig.arm(34, 0xa0);
    expect(rig.signals).toBe(0);
    rig.gic.setLine(33, true);
    rig.gic.setLine(33, true);
    rig.gic.setLine(34, true);
    rig.gic.update();
    expect(rig.signals).toBe(1);
    expect(rig.get('ICC_IAR1_EL1')).toBe(33);
    expect(rig.signals).toBe(2);
  });
});

describe('registers after reset', () => {
  it('are the measured ones on 5 bits', () => {
    const rig = new Rig({ securityStates: 2 });
    const read = (ctx: typeof NS_EL1, ...names: IccName[]) => names.map((name) => rig.get(name, 0, ctx));
    expect(read(EL3, 'ICC_SRE_EL1', 'ICC_SRE_EL2', 'ICC_SRE_EL3')).toEqual([0x7, 0xf, 0xf]);
    expect(read(EL3, 'ICC_CTLR_EL1', 'ICC_CTLR_EL3', 'ICC_PMR_EL1', 'ICC_RPR_EL1')).toEqual([0x8c00, 0x8c00, 0, 0xff]);
    expect(read(EL3, 'ICC_IGRPEN0_EL1', 'ICC_IGRPEN1_EL1', 'ICC_IGRPEN1_EL3')).toEqual([0, 0, 0]);
    expect(read(NS_EL1, 'ICC_BPR0_EL1', 'ICC_BPR1_EL1', 'ICC_HPPIR1_EL1', 'ICC_AP1R0_EL1')).toEqual([2, 3, 1023, 0]);
    expect(new Rig({ priorityBits: 8 }).get('ICC_CTLR_EL1')).toBe(0x8f00);
  });

  it('IGRPEN1_EL1 is banked and IGRPEN1_EL3 shows both banks', () => {
    const rig = new Rig({ securityStates: 2 });
    rig.set('ICC_IGRPEN1_EL1', 1, 0, NS_EL1);
    expect(rig.get('ICC_IGRPEN1_EL3', 0, EL3)).toBe(1);
    expect(rig.get('ICC_IGRPEN1_EL1', 0, S_EL1)).toBe(0);
    rig.set('ICC_IGRPEN1_EL3', 2, 0, EL3);
    expect(rig.get('ICC_IGRPEN1_EL1', 0, EL3)).toBe(1);
    expect(rig.get('ICC_IGRPEN1_EL1', 0, { ...EL3, scrNs: true })).toBe(0);
  });
});
