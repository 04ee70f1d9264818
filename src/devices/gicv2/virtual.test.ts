import { describe, expect, it } from 'vitest';
import type { PlainData } from '../device.ts';
import { Gicv2 } from './gicv2.ts';

const NON_SECURE = { sizeBytes: 4, nonSecure: true, pe: 0 } as const;
const GICH = { HCR: 0, VMCR: 8, MISR: 0x10, ELRSR: 0x30, APR: 0xf0, LR0: 0x100 } as const;
const GICV = { CTLR: 0, PMR: 4, IAR: 0xc, EOIR: 0x10, RPR: 0x14, DIR: 0x1000 } as const;
const PENDING = 1 << 28;
const HW = 1 << 31;
const [IRQ, FIQ] = [1, 2];

/** A GICv2 of two PEs with what it tells them. */
function rig() {
  const virtual = [0, 0];
  const physical = [0, 0];
  const make = (): Gicv2 =>
    new Gicv2(
      {
        report: () => {},
        signal: (pe, irq, fiq) => void (physical[pe] = (irq ? IRQ : 0) | (fiq ? FIQ : 0)),
        signalVirtual: (pe, irq, fiq) => void (virtual[pe] = (irq ? IRQ : 0) | (fiq ? FIQ : 0)),
      },
      { pes: 2, securityStates: 1, virtualization: true },
    );
  const gic = make();
  const frame = (name: 'gich' | 'gicv') => ({
    read: (offset: number, pe = 0) => Number(gic.virtual![name].read(offset, { ...NON_SECURE, pe })),
    write: (offset: number, value: number, pe = 0) =>
      void gic.virtual![name].write(offset, value >>> 0, { ...NON_SECURE, pe }),
  });
  const [gich, gicv] = [frame('gich'), frame('gicv')];
  for (const pe of [0, 1]) {
    gich.write(GICH.HCR, 1, pe);
    gicv.write(GICV.CTLR, 1, pe);
    gicv.write(GICV.PMR, 0xf8, pe);
  }
  return { gic, make, virtual, physical, gich, gicv };
}

describe('the virtual interfaces of a GICv2', () => {
  it('each PE has its own: what is listed on one is signalled, acknowledged and ended there', () => {
    const { virtual, gich, gicv } = rig();
    gich.write(GICH.LR0, PENDING | (0x14 << 23) | 40, 1);
    expect(virtual).toEqual([0, IRQ]);
    expect([gicv.read(GICV.IAR, 0), gicv.read(GICV.IAR, 1)]).toEqual([1023, 40]);
    expect([gicv.read(GICV.RPR, 1), virtual[1]]).toEqual([0xa0, 0]);
    gicv.write(GICV.EOIR, 40, 1);
    expect([gicv.read(GICV.RPR, 1), gich.read(GICH.ELRSR, 1)]).toEqual([0xff, 15]);
  });

  it('Group 0 is IRQ, or FIQ with FIQEn; Group 1 is IRQ always', () => {
    const { virtual, gich, gicv } = rig();
    gich.write(GICH.LR0, PENDING | 40);
    const seen = [virtual[0]];
    gicv.write(GICV.CTLR, 0xb);
    seen.push(virtual[0]);
    gich.write(GICH.LR0, PENDING | (1 << 30) | 40);
    seen.push(virtual[0]);
    gich.write(GICH.HCR, 0);
    expect([...seen, virtual[0]]).toEqual([IRQ, FIQ, IRQ, 0]);
  });

  it('an SGI keeps the CPU that it came from, in the list register and in IAR', () => {
    const { gich, gicv } = rig();
    const lr = PENDING | (5 << 10) | 3;
    gich.write(GICH.LR0, lr);
    expect([gich.read(GICH.LR0), gicv.read(GICV.IAR)]).toEqual([lr, (5 << 10) | 3]);
    gicv.write(GICV.EOIR, (5 << 10) | 3);
    expect([gich.read(GICH.LR0), gich.read(GICH.ELRSR)]).toEqual([(5 << 10) | 3, 15]);
  });

  it('the end of one with HW is the end of the physical one; a PPI is that of this PE', () => {
    const { gic, gich, gicv } = rig();
    const active = (pe: number): number => Number(gic.distributor.read(0x300, { ...NON_SECURE, pe }));
    for (const pe of [0, 1]) gic.distributor.write(0x300, 1 << 27, { ...NON_SECURE, pe });
    gich.write(GICH.LR0, PENDING | HW | (27 << 10) | 27, 1);
    gicv.write(GICV.EOIR, gicv.read(GICV.IAR, 1), 1);
    expect([active(0), active(1)]).toEqual([1 << 27, 0]);
  });

  it('maintenance is PPI 25 of the PE', () => {
    const { gic, gich, physical } = rig();
    for (const [offset, value] of [
      [0, 1],
      [0x100, 1 << 25],
    ] as const)
      gic.distributor.write(offset, value, NON_SECURE);
    gic.cpuInterfaces.write(4, 0xff, NON_SECURE);
    gic.cpuInterfaces.write(0, 1, NON_SECURE);
    gich.write(GICH.HCR, 3);
    expect([physical, gich.read(GICH.MISR)]).toEqual([[IRQ, 0], 2]);
    gich.write(GICH.HCR, 1);
    expect(physical).toEqual([0, 0]);
  });

  it('state and load are inverse, and the load tells the PEs; CPU_ON resets one', () => {
    const { gic, virtual, gich, gicv } = rig();
    gicv.write(GICV.CTLR, 0xf);
    gich.write(GICH.LR0, PENDING | 40);
    gich.write(GICH.LR0 + 4, PENDING | HW | (30 << 10) | 41, 1);
    gich.write(GICH.APR, 0x100, 1);
    const state: PlainData = gic.state();
    const digest = JSON.stringify(state);
    gic.reset();
    expect(virtual).toEqual([0, 0]);
    gic.load(state);
    expect([JSON.stringify(gic.state()), virtual]).toEqual([digest, [FIQ, IRQ]]);
    gic.initNonSecure(1);
    expect([virtual, gich.read(GICH.LR0), gich.read(GICH.APR, 1)]).toEqual([[FIQ, 0], PENDING | 40, 0]);
  });
});
