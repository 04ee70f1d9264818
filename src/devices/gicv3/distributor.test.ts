import { describe, expect, it } from 'vitest';
import { EL3, NS_EL1, Rig } from './gicv3-rig.ts';

const ALL = 0xffff_ffff;

describe('identification (IHI 0069)', () => {
  it('GICD_TYPER says lines, security and no LPIs: one state, two states, the largest GIC', () => {
    expect(new Rig().read('NS', 'GICD_TYPER')).toBe(0x0148_0007);
    expect(new Rig({ securityStates: 2 }).read('NS', 'GICD_TYPER')).toBe(0x0148_0407);
    expect(new Rig({ spis: 988 }).read('NS', 'GICD_TYPER')).toBe(0x0148_001f);
  });

  it('GICD_TYPER, IIDR and PIDR2 ignore writes, which are reported by name', () => {
    const rig = new Rig();
    for (const name of ['GICD_TYPER', 'GICD_IIDR', 'GICD_PIDR2', 'GICR_IIDR', 'GICR_PIDR2']) {
      const before = rig.read('S', name);
      for (const value of [0, ALL, 0xa5a5_5a5a]) rig.write('S', name, value);
      expect(rig.read('S', name)).toBe(before);
      expect(rig.reports.at(-1)).toMatch(new RegExp(`^${name}: 32-bit write .* read-only`));
    }
    expect(rig.read('S', 'GICD_PIDR2')).toBe(0x3b);
    expect(rig.read('S', 'GICD_IIDR')).toBe(0x43b);
    expect([0, 1, 2, 3].map((n) => rig.read('S', `GICR_CIDR${n}`))).toEqual([0x0d, 0xf0, 0x05, 0xb1]);
  });

  it('exactly one GICR_TYPER has Last = 1, each has its number and the affinity of its PE, LPIs are absent', () => {
    const mpidrAffinities = [0x0, 0x1, 0x100, 2 ** 32 + 0x03_0405];
    const rig = new Rig({ pes: 4, mpidrAffinities });
    const low = [0, 1, 2, 3].map((pe) => rig.read('NS', 'GICR_TYPER', { pe }));
    const high = [0, 1, 2, 3].map((pe) => rig.read('NS', 'GICR_TYPER', { pe, plus: 4 }));
    expect(low).toEqual([0x000, 0x100, 0x200, 0x310]);
    expect(high).toEqual([0x0, 0x1, 0x100, 0x0103_0405]);
  });

  it('reserved offsets and wrong widths read as zero, ignore writes, and are reported', () => {
    const rig = new Rig();
    const access = { sizeBytes: 4, nonSecure: true, pe: 0 } as const;
    expect(rig.gic.distributor.read(0x3000, access)).toBe(0);
    expect(rig.reports).toEqual(['GICD: 32-bit read at reserved offset 0x3000 (IHI 0069)']);
    rig.write('S', 'GICD_ISENABLER1', 1, { sizeBytes: 1 });
    expect(rig.read('S', 'GICD_ISENABLER1')).toBe(0);
    expect(rig.reports[1]).toContain('GICD_ISENABLER1: 8-bit write at offset 0x104');
    expect(rig.read('S', 'GICR_SYNCR')).toBe(0);
    expect(rig.reports[2]).toContain('GICR_SYNCR: 32-bit read at offset 0xc0; not modelled: LPIs');
  });
});

describe('GICD_CTLR', () => {
  it('one security state: resets to 0x50, takes bits 0 and 1', () => {
    const rig = new Rig();
    expect(rig.read('NS', 'GICD_CTLR')).toBe(0x50);
    rig.write('NS', 'GICD_CTLR', 0x77);
    expect(rig.read('NS', 'GICD_CTLR')).toBe(0x53);
    rig.write('NS', 'GICD_CTLR', 0);
    expect(rig.read('NS', 'GICD_CTLR')).toBe(0x50);
  });

  it('two security states: Secure sees 0x30 to 0x37, Non-secure 0x10 to 0x12 and changes only bit 1', () => {
    const rig = new Rig({ securityStates: 2 });
    expect(rig.read('S', 'GICD_CTLR')).toBe(0x30);
    expect(rig.read('NS', 'GICD_CTLR')).toBe(0x10);
    rig.write('S', 'GICD_CTLR', 0x37);
    expect(rig.read('S', 'GICD_CTLR')).toBe(0x37);
    expect(rig.read('NS', 'GICD_CTLR')).toBe(0x12);
    rig.write('NS', 'GICD_CTLR', 0);
    expect(rig.read('S', 'GICD_CTLR')).toBe(0x35);
    rig.write('NS', 'GICD_CTLR', ALL);
    expect(rig.read('S', 'GICD_CTLR')).toBe(0x37);
  });

  it('setting DS clears EnableGrp1S and ARE_NS and cannot be undone except by reset', () => {
    const rig = new Rig({ securityStates: 2 });
    rig.write('S', 'GICD_CTLR', 0x77);
    expect(rig.read('S', 'GICD_CTLR')).toBe(0x53);
    expect(rig.read('NS', 'GICD_CTLR')).toBe(0x53);
    expect(rig.read('NS', 'GICD_TYPER')).toBe(0x0148_0007);
    rig.write('S', 'GICD_CTLR', 0x37);
    expect(rig.read('S', 'GICD_CTLR')).toBe(0x53);
    rig.gic.reset();
    expect(rig.read('S', 'GICD_CTLR')).toBe(0x30);
  });
});

describe('fields of interrupts', () => {
  it('ISENABLER: writing 0 does nothing, ICENABLER clears, both read the same', () => {
    const rig = new Rig();
    rig.write('S', 'GICD_ISENABLER2', 0xf0f0_000f);
    rig.write('S', 'GICD_ISENABLER2', 0);
    expect(rig.read('S', 'GICD_ISENABLER2')).toBe(0xf0f0_000f);
    expect(rig.read('S', 'GICD_ICENABLER2')).toBe(0xf0f0_000f);
    rig.write('S', 'GICD_ICENABLER2', 0x8000_0001);
    expect(rig.read('S', 'GICD_ISENABLER2')).toBe(0x70f0_000e);
    expect(rig.read('S', 'GICD_ISENABLER1')).toBe(0);
  });

  it('the distributor fields of SGIs and PPIs are RAZ/WI, and so are those past the last SPI', () => {
    const rig = new Rig();
    const names = ['GICD_ISENABLER0', 'GICD_IGROUPR0', 'GICD_ICFGR0', 'GICD_ICFGR1', 'GICD_IPRIORITYR7'];
    for (const name of [...names, 'GICD_ISENABLER8', 'GICD_IPRIORITYR64', 'GICD_ICFGR16', 'GICD_IROUTER256']) {
      rig.write('S', name, ALL);
      expect([name, rig.read('S', name)]).toEqual([name, 0]);
    }
    rig.write('S', 'GICD_ISENABLER7', ALL);
    expect(rig.read('S', 'GICD_ISENABLER7')).toBe(ALL);
    expect(rig.reports).toEqual([]);
  });

  it('with 988 SPIs the last word has no interrupts 1020 to 1023', () => {
    const rig = new Rig({ spis: 988 });
    rig.write('S', 'GICD_ISENABLER31', ALL);
    rig.write('S', 'GICD_IPRIORITYR254', ALL);
    expect(rig.read('S', 'GICD_ISENABLER31')).toBe(0x0fff_ffff);
    expect(rig.read('S', 'GICD_IPRIORITYR254')).toBe(0xf8f8_f8f8);
    const two = new Rig({ spis: 988, securityStates: 2 });
    two.write('S', 'GICD_NSACR63', ALL);
    expect(two.read('S', 'GICD_NSACR63')).toBe(0x00ff_ffff);
  });

  it('an IPRIORITYR byte write changes only that byte, and keeps only implemented bits', () => {
    const rig = new Rig();
    rig.write('S', 'GICD_IPRIORITYR8', 0xa0b0_c0ff);
    expect(rig.read('S', 'GICD_IPRIORITYR8')).toBe(0xa0b0_c0f8);
    rig.write('S', 'GICD_IPRIORITYR8', 0x4f, { plus: 2, sizeBytes: 1 });
    expect(rig.read('S', 'GICD_IPRIORITYR8')).toBe(0xa048_c0f8);
    expect(rig.read('S', 'GICD_IPRIORITYR8', { plus: 3, sizeBytes: 1 })).toBe(0xa0);
    const fine = new Rig({ priorityBits: 8 });
    fine.write('S', 'GICR_IPRIORITYR1', 0x0102_03ff);
    expect(fine.read('S', 'GICR_IPRIORITYR1')).toBe(0x0102_03ff);
  });

  it('ICFGR0 of SGIs reads 0xAAAAAAAA and ignores writes; of PPIs and SPIs the upper bit of each pair is kept', () => {
    const rig = new Rig();
    rig.write('S', 'GICR_ICFGR0', 0);
    expect(rig.read('S', 'GICR_ICFGR0')).toBe(0xaaaa_aaaa);
    rig.write('S', 'GICR_ICFGR1', ALL);
    expect(rig.read('S', 'GICR_ICFGR1')).toBe(0xaaaa_aaaa);
    rig.write('S', 'GICD_ICFGR3', 0x8000_0003);
    expect(rig.read('S', 'GICD_ICFGR3')).toBe(0x8000_0002);
    expect(rig.read('S', 'GICD_ICFGR2')).toBe(0);
  });

  it('GICR_WAKER goes 6, 0, 6 for writes of 0 and 2, and is Secure with two security states', () => {
    const rig = new Rig();
    expect(rig.read('NS', 'GICR_WAKER')).toBe(6);
    rig.write('NS', 'GICR_WAKER', 0);
    expect(rig.read('NS', 'GICR_WAKER')).toBe(0);
    rig.write('NS', 'GICR_WAKER', 2);
    expect(rig.read('NS', 'GICR_WAKER')).toBe(6);
    const two = new Rig({ securityStates: 2 });
    expect(two.read('NS', 'GICR_WAKER')).toBe(0);
    two.write('NS', 'GICR_WAKER', 0);
    expect(two.read('S', 'GICR_WAKER')).toBe(6);
  });

  it('a PE whose redistributor sleeps is told nothing until it is woken', () => {
    const rig = new Rig().open();
    rig.arm(40, 0x80);
    rig.write('S', 'GICR_WAKER', 2);
    rig.gic.setLine(40, true);
    expect(rig.inputs).toEqual(['-']);
    rig.write('S', 'GICR_WAKER', 0);
    expect(rig.inputs).toEqual(['IRQ']);
  });
});

describe('Non-secure accesses with two security states', () => {
  it('see only Non-secure Group 1 fields: the measured picture of SGI0 G0, SGI1 G1S, SGI2 and 3 G1NS', () => {
    const rig = new Rig({ securityStates: 2 });
    rig.write('S', 'GICR_IGROUPR0', 0xffff_fffc);
    rig.write('S', 'GICR_IGRPMODR0', 0x2);
    rig.write('S', 'GICR_IPRIORITYR0', 0xc0c0_4020);
    rig.write('S', 'GICR_ISENABLER0', 0xf);
    const shown = ['IGROUPR0', 'IGRPMODR0', 'IPRIORITYR0', 'ISENABLER0', 'ICFGR0', 'NSACR'];
    const seen = shown.map((name) => rig.read('NS', `GICR_${name}`));
    expect(seen).toEqual([0, 0, 0x8080_0000, 0xc, 0xaaaa_aaa0, 0]);
    rig.write('NS', 'GICR_IGROUPR0', ALL);
    rig.write('NS', 'GICR_ICENABLER0', ALL);
    rig.write('NS', 'GICR_IPRIORITYR0', 0);
    expect(rig.read('S', 'GICR_IGROUPR0')).toBe(0xffff_fffc);
    expect(rig.read('S', 'GICR_ISENABLER0')).toBe(0x3);
    expect(rig.read('S', 'GICR_IPRIORITYR0')).toBe(0x8080_4020);
  });

  it('write priority 0xA0 and Secure reads 0xD0, Non-secure 0xA0; 0x40 becomes 0xA0', () => {
    const rig = new Rig({ securityStates: 2 });
    rig.write('S', 'GICD_IGROUPR1', ALL);
    rig.write('NS', 'GICD_IPRIORITYR8', 0x40a0);
    expect(rig.read('S', 'GICD_IPRIORITYR8')).toBe(0x8080_a0d0);
    expect(rig.read('NS', 'GICD_IPRIORITYR8')).toBe(0x0000_40a0);
  });

  it('have no effect on a Group 0 SPI with NSACR = 0: enable, pending, active, configuration, route', () => {
    const rig = new Rig({ securityStates: 2 });
    const names = ['ISENABLER1', 'ISPENDR1', 'ISACTIVER1', 'ICFGR2', 'IROUTER32', 'IPRIORITYR8', 'NSACR2', 'IGRPMODR1'];
    for (const name of names) {
      rig.write('NS', `GICD_${name}`, ALL);
      expect([name, rig.read('S', `GICD_${name}`)]).toEqual([name, 0]);
    }
  });

  it('NSACR 1 lets them set pending but not clear it, 2 lets them clear and see active, 3 lets them route', () => {
    const rig = new Rig({ securityStates: 2 });
    rig.write('S', 'GICD_NSACR2', 0b11_10_01_00);
    rig.write('NS', 'GICD_ISPENDR1', ALL);
    expect(rig.read('S', 'GICD_ISPENDR1')).toBe(0b1110);
    expect(rig.read('NS', 'GICD_ISPENDR1')).toBe(0b1110);
    expect(rig.read('NS', 'GICD_ICPENDR1')).toBe(0b1100);
    rig.write('NS', 'GICD_ICPENDR1', ALL);
    expect(rig.read('S', 'GICD_ISPENDR1')).toBe(0b0010);
    rig.write('S', 'GICD_ISACTIVER1', 0xf);
    expect(rig.read('NS', 'GICD_ISACTIVER1')).toBe(0b1100);
    rig.write('NS', 'GICD_ICACTIVER1', 0xf);
    expect(rig.read('S', 'GICD_ISACTIVER1')).toBe(0xf);
    for (let intid = 32; intid < 36; intid++) rig.write('NS', `GICD_IROUTER${intid}`, 0x12);
    expect([32, 33, 34, 35].map((intid) => rig.read('S', `GICD_IROUTER${intid}`))).toEqual([0, 0, 0, 0x12]);
    rig.write('NS', 'GICD_ISENABLER1', ALL);
    expect(rig.read('S', 'GICD_ISENABLER1')).toBe(0);
  });
});

describe('GICR_NSACR', () => {
  it('is about generating SGIs: it opens no field of the redistributor', () => {
    const rig = new Rig({ securityStates: 2 });
    rig.write('S', 'GICR_NSACR', ALL);
    expect(rig.read('S', 'GICR_NSACR')).toBe(ALL);
    rig.write('NS', 'GICR_ISPENDR0', ALL);
    expect(rig.read('S', 'GICR_ISPENDR0')).toBe(0);
  });
});

describe('routing', () => {
  it('IROUTER keeps affinity and mode; an SPI routed to a PE that does not exist stays pending', () => {
    const rig = new Rig({ pes: 2 }).open();
    rig.write('S', 'GICD_IROUTER40', ALL);
    rig.write('S', 'GICD_IROUTER40', ALL, { plus: 4 });
    expect(rig.read('S', 'GICD_IROUTER40')).toBe(0x80ff_ffff);
    expect(rig.read('S', 'GICD_IROUTER40', { plus: 4 })).toBe(0xff);
    rig.arm(40, 0x80);
    rig.write('S', 'GICD_IROUTER40', 7);
    rig.gic.setLine(40, true);
    expect(rig.read('S', 'GICD_ISPENDR1')).toBe(1 << 8);
    expect(rig.inputs).toEqual(['-', '-']);
    rig.write('S', 'GICD_IROUTER40', 1, { plus: 4 });
    expect(rig.inputs).toEqual(['-', '-']);
  });

  it('changing the route of a pending SPI moves it, Aff3 included', () => {
    const rig = new Rig({ pes: 2, mpidrAffinities: [0, 2 ** 32] }).open();
    rig.arm(40, 0x80);
    rig.gic.setLine(40, true);
    expect(rig.inputs).toEqual(['IRQ', '-']);
    rig.write('S', 'GICD_IROUTER40', 1, { plus: 4 });
    expect(rig.inputs).toEqual(['-', 'IRQ']);
    expect(rig.get('ICC_IAR1_EL1', 0)).toBe(1023);
    expect(rig.get('ICC_IAR1_EL1', 1)).toBe(40);
  });

  it('1 of N goes to the lowest-numbered PE that is awake and has the group enabled', () => {
    const rig = new Rig({ pes: 3 }).open();
    rig.arm(50, 0x80);
    rig.write('S', 'GICD_IROUTER50', 0x8000_0000);
    rig.gic.setLine(50, true);
    expect(rig.inputs).toEqual(['IRQ', '-', '-']);
    rig.set('ICC_IGRPEN1_EL1', 0, 0);
    expect(rig.inputs).toEqual(['-', 'IRQ', '-']);
    rig.write('S', 'GICR_WAKER', 2, { pe: 1 });
    expect(rig.inputs).toEqual(['-', '-', 'IRQ']);
    expect(rig.get('ICC_IAR1_EL1', 2)).toBe(50);
    rig.set('ICC_IGRPEN1_EL1', 1, 0);
    expect(rig.inputs).toEqual(['-', '-', '-']);
    rig.set('ICC_EOIR1_EL1', 50, 2);
    expect(rig.inputs).toEqual(['IRQ', '-', '-']);
  });

  it('1 of N passes over a PE whose PMR masks the interrupt only while ICC_CTLR.PMHE is set', () => {
    const rig = new Rig({ pes: 2 }).open();
    rig.arm(50, 0x80);
    rig.write('S', 'GICD_IROUTER50', 0x8000_0000);
    rig.gic.setLine(50, true);
    rig.set('ICC_PMR_EL1', 0x80, 0);
    expect(rig.inputs).toEqual(['-', '-']);
    rig.set('ICC_CTLR_EL1', 0x40, 0);
    expect(rig.inputs).toEqual(['-', 'IRQ']);
    rig.set('ICC_PMR_EL1', 0xf8, 0);
    expect(rig.inputs).toEqual(['IRQ', '-']);
    rig.set('ICC_PMR_EL1', 0x80, 1);
    rig.set('ICC_CTLR_EL1', 0x40, 1);
    rig.set('ICC_PMR_EL1', 0x80, 0);
    expect(rig.inputs).toEqual(['-', '-']);
    expect(rig.get('ICC_HPPIR1_EL1', 0)).toBe(50);
  });
});

describe('initNonSecure', () => {
  it('leaves what a Non-secure kernel needs: groups, priorities, PMR, wake-up, SRE', () => {
    const rig = new Rig({ securityStates: 2 });
    rig.set('ICC_SRE_EL3', 0, 0, EL3);
    rig.gic.initNonSecure();
    expect(rig.read('S', 'GICD_IGROUPR3')).toBe(ALL);
    expect(rig.read('S', 'GICR_IGROUPR0')).toBe(ALL);
    expect(rig.read('S', 'GICR_WAKER')).toBe(0);
    expect(rig.get('ICC_SRE_EL3', 0, EL3)).toBe(0xf);
    const guest = { ...NS_EL1, scrFiq: true };
    rig.set('ICC_PMR_EL1', 0xe0, 0, guest);
    expect(rig.get('ICC_PMR_EL1', 0, guest)).toBe(0xe0);
    rig.write('NS', 'GICD_CTLR', 2);
    rig.set('ICC_IGRPEN1_EL1', 1);
    rig.write('NS', 'GICD_ISENABLER1', 2);
    rig.gic.setLine(33, true);
    expect(rig.inputs).toEqual(['IRQ']);
    expect(rig.get('ICC_IAR1_EL1')).toBe(33);
    expect(rig.get('ICC_RPR_EL1', 0, EL3)).toBe(0x80);
  });

  it('for one PE resets its CPU interface and wakes it, and leaves the others and the SPIs', () => {
    const rig = new Rig({ pes: 2, securityStates: 2 }).open();
    rig.set('ICC_BPR0_EL1', 7, 0, EL3);
    rig.set('ICC_BPR0_EL1', 7, 1, EL3);
    rig.write('S', 'GICR_WAKER', 2, { pe: 1 });
    rig.gic.initNonSecure(1);
    expect([0, 1].map((pe) => rig.get('ICC_BPR0_EL1', pe, EL3))).toEqual([7, 2]);
    expect([0, 1].map((pe) => rig.read('S', 'GICR_IGROUPR0', { pe }))).toEqual([0, ALL]);
    expect(rig.read('S', 'GICR_WAKER', { pe: 1 })).toBe(0);
    expect(rig.read('S', 'GICD_IGROUPR1')).toBe(0);
  });
});
