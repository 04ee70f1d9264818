import { describe, expect, it } from 'vitest';
import type { IccContext, IccName } from './gicv3.ts';
import { EL3, LONE_EL1, NS_EL1, Rig, S_EL1 } from './gicv3-rig.ts';

const REGISTERS: readonly IccName[] = ['ICC_SGI0R_EL1', 'ICC_SGI1R_EL1', 'ICC_ASGI1R_EL1'];

/** Value for an SGI register: INTID to a target list of cluster 0, or to all but self. */
function sgi(intid: number, to: { list?: number; irm?: 0 | 1; aff1?: number }): bigint {
  const { list = 0, irm = 0, aff1 = 0 } = to;
  return (BigInt(irm) << 40n) | (BigInt(intid) << 24n) | (BigInt(aff1) << 16n) | BigInt(list);
}

/** Which of SGIs 0 (Group 0), 1 (Secure Group 1), 2 (Non-secure Group 1) become pending: a string such as `-1-`. */
function delivered(ctx: IccContext, register: IccName, nsacr: number): string {
  const rig = new Rig({ securityStates: ctx === LONE_EL1 ? 1 : 2 });
  rig.write('S', 'GICR_IGROUPR0', 4);
  rig.write('S', 'GICR_IGRPMODR0', 2);
  rig.write('S', 'GICR_NSACR', nsacr * 0b010101);
  for (let intid = 0; intid < 3; intid++) rig.set(register, sgi(intid, { list: 1 }), 0, ctx);
  const pending = rig.read('S', 'GICR_ISPENDR0');
  return [0, 1, 2].map((intid) => ((pending >>> intid) & 1 ? intid : '-')).join('');
}

describe('generation of SGIs', () => {
  it('delivers by register, state of the writer, group at the target and NSACR (IHI 0069, forwarding table)', () => {
    const row = (ctx: IccContext, nsacr: number) => REGISTERS.map((register) => delivered(ctx, register, nsacr));
    for (const secure of [EL3, { ...EL3, scrNs: true }, S_EL1]) {
      for (const nsacr of [0, 1, 2, 3]) expect(row(secure, nsacr)).toEqual(['0--', '01-', '--2']);
    }
    expect(row(NS_EL1, 0)).toEqual(['---', '--2', '---']);
    expect(row(NS_EL1, 1)).toEqual(['0--', '--2', '0--']);
    expect(row(NS_EL1, 2)).toEqual(['0--', '--2', '01-']);
    expect(row(NS_EL1, 3)).toEqual(['0--', '--2', '01-']);
    // With one security state the modifier does not count: SGI 1 is Group 0 as SGI 0 is.
    expect(row(LONE_EL1, 0)).toEqual(['01-', '--2', '01-']);
  });

  it('IRM = 1 reaches every PE but the sender', () => {
    const rig = new Rig({ pes: 4 }).open();
    for (let pe = 0; pe < 4; pe++) rig.arm(3, 0x80, { pe });
    rig.set('ICC_SGI1R_EL1', sgi(3, { irm: 1, list: 0xf }), 1);
    expect(rig.inputs).toEqual(['IRQ', '-', 'IRQ', 'IRQ']);
    expect(rig.get('ICC_IAR1_EL1', 2)).toBe(3);
    expect(rig.inputs).toEqual(['IRQ', '-', '-', 'IRQ']);
  });

  it('a list reaches the PEs named in it, the sender too, of the cluster named only', () => {
    const rig = new Rig({ pes: 4, mpidrAffinities: [0x000, 0x001, 0x100, 0x10f] }).open();
    for (let pe = 0; pe < 4; pe++) rig.arm(3, 0x80, { pe });
    rig.set('ICC_SGI1R_EL1', sgi(3, { list: 0x3 }), 1);
    expect(rig.inputs).toEqual(['IRQ', 'IRQ', '-', '-']);
    rig.set('ICC_SGI1R_EL1', sgi(3, { list: 0x8000, aff1: 1 }), 1);
    expect(rig.inputs).toEqual(['IRQ', 'IRQ', '-', 'IRQ']);
    rig.set('ICC_SGI1R_EL1', sgi(3, { list: 0xffff, aff1: 2 }), 1);
    expect(rig.inputs).toEqual(['IRQ', 'IRQ', '-', 'IRQ']);
  });

  it('a PE with Aff0 above 15 is out of reach of a list, since RSS is 0, but not of IRM = 1', () => {
    const rig = new Rig({ pes: 2, mpidrAffinities: [0, 32] }).open();
    rig.arm(3, 0x80, { pe: 1 });
    rig.set('ICC_SGI1R_EL1', sgi(3, { list: 1 }), 0);
    expect(rig.inputs).toEqual(['-', '-']);
    rig.set('ICC_SGI1R_EL1', sgi(3, { irm: 1 }), 0);
    expect(rig.inputs).toEqual(['-', 'IRQ']);
  });

  it('a second SGI before the first is acknowledged is the same one; after it, another', () => {
    const rig = new Rig().open();
    rig.arm(3, 0x80);
    rig.set('ICC_SGI1R_EL1', sgi(3, { list: 1 }));
    rig.set('ICC_SGI1R_EL1', sgi(3, { list: 1 }));
    expect(rig.get('ICC_IAR1_EL1')).toBe(3);
    rig.set('ICC_SGI1R_EL1', sgi(3, { list: 1 }));
    rig.set('ICC_EOIR1_EL1', 3);
    expect(rig.get('ICC_IAR1_EL1')).toBe(3);
    rig.set('ICC_EOIR1_EL1', 3);
    expect(rig.get('ICC_IAR1_EL1')).toBe(1023);
  });
});
