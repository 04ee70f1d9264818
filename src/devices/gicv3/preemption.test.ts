import { describe, expect, it } from 'vitest';
import type { IccName } from './gicv3.ts';
import { EL3, NS_EL1, Rig, S_EL1 } from './gicv3-rig.ts';

describe('binary points and preemption', () => {
  it('BPR writes of 0 to 7 read back max(value, 2) and max(value, 3) on 5 bits; resets are the minimum', () => {
    const rig = new Rig();
    expect([rig.get('ICC_BPR0_EL1'), rig.get('ICC_BPR1_EL1')]).toEqual([2, 3]);
    for (let value = 0; value < 8; value++) {
      rig.set('ICC_BPR0_EL1', value);
      rig.set('ICC_BPR1_EL1', value);
      expect([rig.get('ICC_BPR0_EL1'), rig.get('ICC_BPR1_EL1')]).toEqual([Math.max(value, 2), Math.max(value, 3)]);
    }
    const fine = new Rig({ priorityBits: 8, securityStates: 2 });
    expect(fine.get('ICC_BPR0_EL1', 0, EL3)).toBe(0);
    expect(fine.get('ICC_BPR1_EL1', 0, S_EL1)).toBe(0);
    expect(fine.get('ICC_BPR1_EL1', 0, NS_EL1)).toBe(1);
  });

  it('with BPR1 = 7, 0xA0 does not preempt 0xC0, which runs at 0x80; with BPR1 = 3 it does', () => {
    for (const [bpr1, running, second] of [
      [7, 0x80, 1023],
      [3, 0xc0, 2],
    ]) {
      const rig = new Rig().open();
      rig.set('ICC_BPR1_EL1', bpr1);
      rig.arm(1, 0xc0);
      rig.arm(2, 0xa0);
      rig.pend(1);
      expect(rig.get('ICC_IAR1_EL1')).toBe(1);
      expect(rig.get('ICC_RPR_EL1')).toBe(running);
      rig.pend(2);
      expect(rig.inputs).toEqual([second === 2 ? 'IRQ' : '-']);
      expect(rig.get('ICC_IAR1_EL1')).toBe(second);
    }
  });

  it('a binary point changed while something runs counts at once, for both sides of the comparison', () => {
    const rig = new Rig().open();
    rig.arm(1, 0xc0);
    rig.arm(2, 0xa0);
    rig.pend(1);
    expect(rig.get('ICC_IAR1_EL1')).toBe(1);
    rig.set('ICC_CTLR_EL1', 1);
    rig.pend(2);
    expect(rig.inputs).toEqual(['IRQ']);
    rig.set('ICC_BPR0_EL1', 6);
    expect(rig.inputs).toEqual(['-']);
    rig.set('ICC_CTLR_EL1', 0);
    expect(rig.inputs).toEqual(['IRQ']);
    rig.set('ICC_BPR1_EL1', 7);
    expect(rig.inputs).toEqual(['-']);
  });

  it('CBPR_EL1S makes BPR0 govern Secure Group 1 and leaves Non-secure Group 1 alone', () => {
    const preempts = (cbpr: number, modifier: 0 | 1) => {
      const rig = new Rig({ securityStates: 2 }).open();
      const ctx = modifier === 1 ? S_EL1 : NS_EL1;
      rig.set('ICC_CTLR_EL3', cbpr, 0, EL3);
      rig.set('ICC_BPR0_EL1', 6, 0, EL3);
      for (const [intid, priority] of [
        [3, 0xc0],
        [4, 0xa0],
      ]) {
        rig.arm(intid, priority, { group: modifier === 1 ? 0 : 1, modifier });
      }
      rig.pend(3);
      expect(rig.get('ICC_IAR1_EL1', 0, ctx)).toBe(3);
      rig.pend(4);
      return rig.get('ICC_IAR1_EL1', 0, ctx) === 4;
    };
    expect([0, 1, 2].map((cbpr) => preempts(cbpr, 1))).toEqual([true, false, true]);
    expect([0, 1, 2].map((cbpr) => preempts(cbpr, 0))).toEqual([true, true, false]);
  });

  it('equal group priority never preempts; of equal priorities the lowest INTID comes first', () => {
    const rig = new Rig().open();
    for (const intid of [70, 40, 5]) {
      rig.arm(intid, 0xa0);
      rig.pend(intid);
    }
    expect(rig.get('ICC_IAR1_EL1')).toBe(5);
    expect(rig.get('ICC_IAR1_EL1')).toBe(1023);
    rig.set('ICC_EOIR1_EL1', 5);
    expect(rig.get('ICC_IAR1_EL1')).toBe(40);
    rig.set('ICC_EOIR1_EL1', 40);
    expect(rig.get('ICC_IAR1_EL1')).toBe(70);
  });

  it('CBPR = 1: BPR1 reads BPR0 + 1, at most 7, ignores writes, and BPR0 governs Group 1', () => {
    const rig = new Rig().open();
    rig.set('ICC_CTLR_EL1', 1);
    expect(rig.get('ICC_CTLR_EL1')).toBe(0x8c01);
    rig.set('ICC_BPR0_EL1', 5);
    rig.set('ICC_BPR1_EL1', 3);
    expect(rig.get('ICC_BPR1_EL1')).toBe(6);
    rig.set('ICC_BPR0_EL1', 7);
    expect(rig.get('ICC_BPR1_EL1')).toBe(7);
    rig.set('ICC_BPR0_EL1', 6);
    rig.arm(1, 0xc0);
    rig.arm(2, 0xa0);
    rig.pend(1);
    expect(rig.get('ICC_IAR1_EL1')).toBe(1);
    rig.pend(2);
    expect(rig.inputs).toEqual(['-']);
    rig.set('ICC_CTLR_EL1', 0);
    expect(rig.get('ICC_BPR1_EL1')).toBe(3);
  });

  it("with two security states CBPR is EL3's: Secure EL1 reaches BPR0 through BPR1, EL3 the real BPR1", () => {
    const rig = new Rig({ securityStates: 2 });
    rig.set('ICC_CTLR_EL3', 1, 0, EL3);
    rig.set('ICC_BPR1_EL1', 5, 0, S_EL1);
    expect(rig.get('ICC_BPR0_EL1', 0, S_EL1)).toBe(5);
    expect(rig.get('ICC_BPR1_EL1', 0, EL3)).toBe(2);
    expect(rig.get('ICC_BPR1_EL1', 0, NS_EL1)).toBe(3);
    rig.set('ICC_CTLR_EL3', 2, 0, EL3);
    expect(rig.get('ICC_BPR1_EL1', 0, NS_EL1)).toBe(6);
    expect(rig.get('ICC_BPR1_EL1', 0, { ...EL3, scrNs: true })).toBe(3);
  });

  it('the measured sequence: nested acknowledges set AP1R0 bits 24 and 20, EOIs clear them in reverse', () => {
    const rig = new Rig().open();
    rig.arm(1, 0xc0);
    rig.arm(2, 0xa0);
    rig.arm(0, 0xa0);
    rig.pend(1);
    expect(rig.get('ICC_IAR1_EL1')).toBe(1);
    expect([rig.get('ICC_RPR_EL1'), rig.get('ICC_AP1R0_EL1')]).toEqual([0xc0, 0x0100_0000]);
    rig.pend(2);
    expect(rig.inputs).toEqual(['IRQ']);
    expect(rig.get('ICC_IAR1_EL1')).toBe(2);
    expect([rig.get('ICC_RPR_EL1'), rig.get('ICC_AP1R0_EL1')]).toEqual([0xa0, 0x0110_0000]);
    rig.pend(0);
    expect(rig.inputs).toEqual(['-']);
    expect(rig.get('ICC_IAR1_EL1')).toBe(1023);
    rig.set('ICC_EOIR1_EL1', 2);
    expect([rig.get('ICC_RPR_EL1'), rig.get('ICC_AP1R0_EL1')]).toEqual([0xc0, 0x0100_0000]);
    expect(rig.get('ICC_IAR1_EL1')).toBe(0);
    rig.set('ICC_EOIR1_EL1', 0);
    rig.set('ICC_EOIR1_EL1', 1);
    expect([rig.get('ICC_RPR_EL1'), rig.get('ICC_AP1R0_EL1')]).toEqual([0xff, 0]);
  });

  it('with 8 priority bits active priorities use four words', () => {
    const rig = new Rig({ priorityBits: 8 }).open();
    rig.arm(1, 0xfa);
    rig.arm(2, 0x41);
    rig.pend(1);
    expect(rig.get('ICC_IAR1_EL1')).toBe(1);
    rig.pend(2);
    expect(rig.get('ICC_IAR1_EL1')).toBe(2);
    expect([0, 1, 2, 3].map((n) => rig.get(`ICC_AP1R${n}_EL1` as IccName))).toEqual([0, 1, 0, 1 << 29]);
    expect(rig.get('ICC_RPR_EL1')).toBe(0x40);
  });

  it('Non-secure software can change its own active priorities but claim none in the Secure half', () => {
    const rig = new Rig({ securityStates: 2 });
    rig.set('ICC_AP1R0_EL1', 0xffff_ffff, 0, NS_EL1);
    expect(rig.get('ICC_AP1R0_EL1', 0, NS_EL1)).toBe(0xffff_0000);
    expect(rig.get('ICC_AP1R0_EL1', 0, S_EL1)).toBe(0);
    rig.set('ICC_AP1R0_EL1', 0, 0, NS_EL1);
    expect(rig.get('ICC_RPR_EL1', 0, EL3)).toBe(0xff);
    rig.set('ICC_AP1R0_EL1', 0xffff_ffff, 0, S_EL1);
    expect(rig.get('ICC_AP1R0_EL1', 0, S_EL1)).toBe(0xffff_ffff);
    const fine = new Rig({ securityStates: 2, priorityBits: 8 });
    const names = [0, 1, 2, 3].map((n) => `ICC_AP1R${n}_EL1` as IccName);
    for (const name of names) fine.set(name, 0x8000_0001, 0, NS_EL1);
    expect(names.map((name) => fine.get(name, 0, NS_EL1))).toEqual([0, 0, 0x8000_0001, 0x8000_0001]);
  });
});
