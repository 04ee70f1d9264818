import { describe, expect, it } from 'vitest';
import { ICC_REGISTERS, type IccContext, type IccName, type IccOutcome } from './gicv3.ts';
import { EL3, LONE_EL1, NS_EL1, NS_EL2, Rig, S_EL1 } from './gicv3-rig.ts';

const NAMES = Object.keys(ICC_REGISTERS) as IccName[];
const GROUP0 = NAMES.filter((name) => /(IAR|EOIR|HPPIR|BPR)0_|AP0R0|IGRPEN0/.test(name));
const GROUP1 = NAMES.filter((name) => /(IAR|EOIR|HPPIR|BPR)1_|AP1R0|IGRPEN1_EL1/.test(name)).filter(
  (name) => name !== 'ICC_NMIAR1_EL1',
);
const COMMON: IccName[] = ['ICC_PMR_EL1', 'ICC_RPR_EL1', 'ICC_CTLR_EL1', 'ICC_DIR_EL1'];
const SGI: IccName[] = ['ICC_SGI0R_EL1', 'ICC_SGI1R_EL1', 'ICC_ASGI1R_EL1'];

/** The one outcome of a set of registers in the directions they have. */
function outcome(rig: Rig, names: readonly IccName[], ctx: IccContext): IccOutcome | string {
  const found = new Set<string>();
  for (const name of names) {
    for (const direction of ['read', 'write'] as const) {
      const { access } = ICC_REGISTERS[name];
      if (access === (direction === 'read' ? 'WO' : 'RO')) continue;
      found.add(rig.gic.iccAccess(name, direction, ctx));
    }
  }
  return [...found].join(' and ');
}

describe('access to ICC registers', () => {
  it('covers the registers of each class', () => {
    expect([GROUP0.length, GROUP1.length]).toEqual([6, 6]);
  });

  it('SCR_EL3.FIQ and IRQ trap group 0, group 1 and common registers from EL1 and EL2 to EL3', () => {
    const rig = new Rig({ securityStates: 2 });
    for (const base of [S_EL1, NS_EL1, NS_EL2]) {
      const matrix = [0, 1, 2, 3].map((bits) => {
        const ctx = { ...base, scrFiq: (bits & 1) !== 0, scrIrq: (bits & 2) !== 0 };
        return [GROUP0, GROUP1, COMMON, SGI].map((names) => outcome(rig, names, ctx));
      });
      expect(matrix).toEqual([
        ['ok', 'ok', 'ok', 'ok'],
        ['trap-el3', 'ok', 'ok', 'ok'],
        ['ok', 'trap-el3', 'ok', 'ok'],
        ['trap-el3', 'trap-el3', 'trap-el3', 'trap-el3'],
      ]);
    }
    const both = { scrFiq: true, scrIrq: true };
    expect(outcome(rig, [...GROUP0, ...GROUP1, ...COMMON, ...SGI], { ...EL3, ...both })).toBe('ok');
    expect(outcome(rig, ['ICC_SRE_EL1'], { ...NS_EL1, ...both })).toBe('ok');
    expect(outcome(rig, [...GROUP0, ...GROUP1, ...COMMON, ...SGI], { ...LONE_EL1, ...both })).toBe('ok');
  });

  it('HCR_EL2.FMO and IMO take a class from EL3 at Non-secure EL1 only, and send SGI writes to EL2', () => {
    const rig = new Rig({ securityStates: 2 });
    const both = { scrFiq: true, scrIrq: true };
    const at = (ctx: IccContext) => [GROUP0, GROUP1, COMMON, SGI].map((names) => outcome(rig, names, ctx));
    expect(at({ ...NS_EL1, ...both, hcrFmo: true })).toEqual(['ok', 'trap-el3', 'ok', 'trap-el2']);
    expect(at({ ...NS_EL1, ...both, hcrImo: true })).toEqual(['trap-el3', 'ok', 'ok', 'trap-el2']);
    const trapped = ['trap-el3', 'trap-el3', 'trap-el3', 'trap-el3'];
    expect(at({ ...NS_EL2, ...both, hcrImo: true, hcrFmo: true })).toEqual(trapped);
    expect(at({ ...S_EL1, ...both, hcrImo: true, hcrFmo: true })).toEqual(trapped);
  });

  it('at EL0 all are UNDEFINED, and so are registers of a higher level or in the direction they lack', () => {
    const rig = new Rig({ securityStates: 2 });
    expect(outcome(rig, NAMES, { ...NS_EL1, el: 0 })).toBe('undefined');
    expect(outcome(rig, ['ICC_SRE_EL2', 'ICC_SRE_EL3', 'ICC_CTLR_EL3', 'ICC_IGRPEN1_EL3'], NS_EL1)).toBe('undefined');
    expect(outcome(rig, ['ICC_SRE_EL3', 'ICC_CTLR_EL3', 'ICC_IGRPEN1_EL3'], NS_EL2)).toBe('undefined');
    expect(rig.gic.iccAccess('ICC_IAR1_EL1', 'write', EL3)).toBe('undefined');
    expect(rig.gic.iccAccess('ICC_EOIR1_EL1', 'read', EL3)).toBe('undefined');
    expect(rig.gic.iccAccess('ICC_SGI1R_EL1', 'read', EL3)).toBe('undefined');
    expect(outcome(rig, ['ICC_NMIAR1_EL1'], EL3)).toBe('undefined');
  });

  it('active priorities registers exist as far as there are preemption bits: 5, 6 and 7', () => {
    const exist = (priorityBits: number) => {
      const { gic } = new Rig({ priorityBits });
      return [0, 1, 2, 3].map((n) => gic.iccAccess(`ICC_AP1R${n}_EL1` as IccName, 'read', LONE_EL1) === 'ok');
    };
    expect(exist(5)).toEqual([true, false, false, false]);
    expect(exist(6)).toEqual([true, true, false, false]);
    expect(exist(7)).toEqual([true, true, true, true]);
    expect(exist(8)).toEqual([true, true, true, true]);
  });

  it('ICC_SRE_EL3.Enable = 0 traps the SRE registers to EL3, ICC_SRE_EL2.Enable = 0 ICC_SRE_EL1 to EL2', () => {
    const rig = new Rig({ securityStates: 2 });
    rig.set('ICC_SRE_EL3', 0, 0, EL3);
    expect(rig.get('ICC_SRE_EL3', 0, EL3)).toBe(7);
    expect(outcome(rig, ['ICC_SRE_EL1'], NS_EL1)).toBe('trap-el3');
    expect(outcome(rig, ['ICC_SRE_EL1', 'ICC_SRE_EL2'], NS_EL2)).toBe('trap-el3');
    expect(outcome(rig, ['ICC_PMR_EL1'], NS_EL1)).toBe('ok');
    rig.set('ICC_SRE_EL2', 0, 0, EL3);
    expect(outcome(rig, ['ICC_SRE_EL1'], NS_EL1)).toBe('trap-el2');
    expect(outcome(rig, ['ICC_SRE_EL1'], S_EL1)).toBe('trap-el3');
    rig.set('ICC_SRE_EL3', 8, 0, EL3);
    expect(outcome(rig, ['ICC_SRE_EL1'], S_EL1)).toBe('ok');
  });
});
