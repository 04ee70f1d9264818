import { describe, expect, it } from 'vitest';
import type { PlainData } from '../device.ts';
import { Gicv2, type Gicv2Options } from './gicv2.ts';
import { GICC_REGS, GICD_REGS } from './maps.ts';

/** A GICv2 with fake PEs, driven as a guest drives it. */
class Rig {
  readonly gic: Gicv2;
  readonly inputs: string[];
  readonly reports: string[] = [];

  constructor(options: Partial<Gicv2Options> = {}) {
    const pes = options.pes ?? 1;
    this.inputs = new Array(pes).fill('-');
    const signal = (pe: number, irq: boolean, fiq: boolean) => {
      this.inputs[pe] = `${irq ? 'IRQ' : ''}${fiq ? 'FIQ' : ''}` || '-';
    };
    const report = (message: string) => this.reports.push(message);
    this.gic = new Gicv2({ report, signal }, { securityStates: 1, ...options, pes });
  }

  private at(name: string) {
    const map = name.startsWith('GICD') ? GICD_REGS : GICC_REGS;
    const rows = map.registers as Record<string, { at: number; sizeBytes: number }>;
    const [, stem, number] = /^(.*?)(\d*)$/.exec(name)!;
    const device = name.startsWith('GICD') ? this.gic.distributor : this.gic.cpuInterfaces;
    return { device, offset: rows[name]?.at ?? rows[stem].at + 4 * Number(number) };
  }
  read(name: string, pe = 0, nonSecure = false): number {
    const { device, offset } = this.at(name);
    return device.read(offset, { sizeBytes: 4, nonSecure, pe }) as number;
  }
  write(name: string, value: number, pe = 0, nonSecure = false): void {
    const { device, offset } = this.at(name);
    device.write(offset, value >>> 0, { sizeBytes: 4, nonSecure, pe });
  }
  byte(name: string, plus: number, value: number, pe = 0): void {
    const { device, offset } = this.at(name);
    device.write(offset + plus, value, { sizeBytes: 1, nonSecure: false, pe });
  }

  /** Everything enabled, as Linux does it on a GIC without the Security Extensions. */
  open(): this {
    this.write('GICD_CTLR', 3);
    this.inputs.forEach((_, pe) => {
      this.write('GICC_PMR', 0xf0, pe);
      this.write('GICC_CTLR', 7, pe);
    });
    return this;
  }
  arm(intid: number, targets: number, priority = 0xa0): void {
    this.byte('GICD_IPRIORITYR0', intid, priority);
    this.byte('GICD_ITARGETSR0', intid, targets);
    this.write(`GICD_ISENABLER${intid >> 5}`, 1 << (intid & 31));
  }
}

describe('SPIs', () => {
  it('go to every PE that GICD_ITARGETSR names until one acknowledges; the others then read 1023', () => {
    const rig = new Rig({ pes: 3 }).open();
    rig.arm(40, 0b101);
    rig.gic.setLine(40, true);
    expect(rig.inputs).toEqual(['IRQ', '-', 'IRQ']);
    expect([rig.read('GICC_IAR', 2), rig.read('GICC_IAR', 0), rig.read('GICC_IAR', 1)]).toEqual([40, 1023, 1023]);
    expect(rig.inputs).toEqual(['-', '-', '-']);
    rig.write('GICC_EOIR', 40, 2);
    expect(rig.inputs).toEqual(['IRQ', '-', 'IRQ']);
    rig.gic.setLine(40, false);
    expect(rig.inputs).toEqual(['-', '-', '-']);
  });

  it('of a single PE have no targets to name: GICD_ITARGETSR is RAZ/WI and all go there', () => {
    const rig = new Rig().open();
    rig.arm(40, 0xff);
    expect(rig.read('GICD_ITARGETSR10')).toBe(0);
    rig.gic.setLine(40, true);
    expect(rig.inputs).toEqual(['IRQ']);
  });

  it('name only PEs that exist, and GICD_ITARGETSR0 to 7 show who reads', () => {
    const rig = new Rig({ pes: 2 });
    rig.write('GICD_ITARGETSR10', 0xffff_ffff);
    rig.write('GICD_ITARGETSR0', 0xffff_ffff, 1);
    expect(rig.read('GICD_ITARGETSR10')).toBe(0x0303_0303);
    expect([rig.read('GICD_ITARGETSR0', 0), rig.read('GICD_ITARGETSR7', 1)]).toEqual([0x0101_0101, 0x0202_0202]);
  });
});

describe('SGIs', () => {
  it('are pending from each sender apart, lowest first, and IAR names the sender', () => {
    const rig = new Rig({ pes: 3 }).open();
    rig.write('GICD_SGIR', 0x0001_0003, 2);
    rig.write('GICD_SGIR', 0x0001_0003, 1);
    expect(rig.inputs).toEqual(['IRQ', '-', '-']);
    expect(rig.read('GICD_SPENDSGIR0')).toBe(0x0600_0000);
    expect(rig.read('GICC_IAR')).toBe((1 << 10) | 3);
    expect([rig.read('GICD_ISPENDR0'), rig.inputs[0]]).toEqual([8, '-']);
    rig.write('GICC_EOIR', (1 << 10) | 3);
    expect(rig.read('GICC_IAR')).toBe((2 << 10) | 3);
    rig.write('GICC_EOIR', (2 << 10) | 3);
    expect([rig.read('GICC_IAR'), rig.read('GICD_ISPENDR0')]).toEqual([1023, 0]);
  });

  it('go to the list, to all others, or to the sender; filter 3 is nobody', () => {
    const reached = [0x0005_0007, 0x0100_0007, 0x0200_0007, 0x0307_0007].map((value) => {
      const rig = new Rig({ pes: 3 }).open();
      rig.write('GICD_SGIR', value, 1);
      return rig.inputs.map((input) => Number(input === 'IRQ')).join('');
    });
    expect(reached).toEqual(['101', '101', '010', '000']);
  });

  it('cannot be disabled, nor made pending by GICD_ISPENDR0', () => {
    const rig = new Rig().open();
    rig.write('GICD_ICENABLER0', 0xffff_ffff);
    expect(rig.read('GICD_ISENABLER0')).toBe(0xffff);
    rig.write('GICD_ISPENDR0', 0xffff);
    expect(rig.read('GICD_ISPENDR0')).toBe(0);
    rig.write('GICD_SPENDSGIR1', 0x0000_0100);
    expect(rig.read('GICC_IAR')).toBe(5);
  });
});

describe('private interrupts', () => {
  it('are banked: each PE enables and sees its own', () => {
    const rig = new Rig({ pes: 2 }).open();
    rig.write('GICD_ISENABLER0', 1 << 27, 1);
    rig.gic.setLine(27, true, 0);
    rig.gic.setLine(27, true, 1);
    expect(rig.inputs).toEqual(['-', 'IRQ']);
    expect([rig.read('GICD_ISENABLER0', 0), rig.read('GICD_ISENABLER0', 1)]).toEqual([0xffff, 0x0800_ffff]);
    expect(rig.read('GICC_IAR', 1)).toBe(27);
  });

  it('a wire that does not exist is our own mistake', () => {
    const rig = new Rig();
    expect(() => rig.gic.setLine(3, true)).toThrow(/no wire for INTID 3/);
    expect(() => rig.gic.setLine(27, true, 1)).toThrow(/PE 1/);
    expect(() => rig.gic.setLine(32 + 224, true)).toThrow(/INTID 256/);
  });
});

describe('groups', () => {
  it('FIQEn makes Group 0 a FIQ; Group 1 is an IRQ always', () => {
    const rig = new Rig().open();
    rig.arm(40, 1);
    rig.gic.setLine(40, true);
    expect(rig.inputs).toEqual(['IRQ']);
    rig.write('GICC_CTLR', 0xf);
    expect(rig.inputs).toEqual(['FIQ']);
    rig.write('GICD_IGROUPR1', 1 << 8);
    expect(rig.inputs).toEqual(['IRQ']);
  });

  it('with the Security Extensions Non-secure software sees neither Group 0 nor the aliases', () => {
    const rig = new Rig({ securityStates: 2 }).open();
    rig.arm(40, 1, 0x40);
    rig.gic.setLine(40, true);
    expect([rig.read('GICC_IAR', 0, true), rig.read('GICC_AIAR', 0, true)]).toEqual([1023, 0]);
    expect(rig.read('GICD_ISENABLER1', 0, true)).toBe(0);
    rig.write('GICD_ICENABLER1', 0xffff_ffff, 0, true);
    expect(rig.read('GICC_IAR')).toBe(40);
  });

  it('initNonSecure hands Group 1 to Non-secure software, for one PE or for all', () => {
    const rig = new Rig({ securityStates: 2, pes: 2 });
    rig.gic.initNonSecure();
    rig.write('GICD_CTLR', 1, 0, true);
    rig.write('GICC_PMR', 0xf0, 1, true);
    rig.write('GICC_CTLR', 1, 1, true);
    rig.write('GICD_ITARGETSR10', 0x02, 0, true);
    rig.write('GICD_ISENABLER1', 1 << 8, 0, true);
    rig.gic.setLine(40, true);
    expect(rig.inputs).toEqual(['-', 'IRQ']);
    rig.gic.initNonSecure(1);
    expect([rig.inputs[1], rig.read('GICC_PMR', 1, true), rig.read('GICC_CTLR', 1, true)]).toEqual(['-', 0xf0, 0]);
    expect(rig.read('GICD_ISENABLER1', 0, true)).toBe(1 << 8);
  });
});

describe('state, load, reset', () => {
  const used = (): Rig => {
    const rig = new Rig({ securityStates: 2, pes: 2 }).open();
    rig.arm(40, 3, 0x48);
    rig.write('GICD_SGIR', 0x0003_0002, 1);
    rig.gic.setLine(40, true);
    rig.read('GICC_IAR', 1);
    rig.write('GICC_ABPR', 5);
    rig.write('GICD_NSACR2', 0x0003_0000);
    return rig;
  };

  it('what was loaded is the same GIC: state, signals and everything it does next', () => {
    const [one, two] = [used(), new Rig({ securityStates: 2, pes: 2 })];
    two.gic.load(one.gic.state());
    expect(two.gic.state()).toEqual(one.gic.state());
    expect(two.inputs).toEqual(one.inputs);
    for (const rig of [one, two]) rig.write('GICC_EOIR', 2 | (1 << 10), 1);
    expect([two.read('GICC_IAR', 0), two.read('GICC_IAR', 1)]).toEqual([
      one.read('GICC_IAR', 0),
      one.read('GICC_IAR', 1),
    ]);
    expect(two.gic.state()).toEqual(one.gic.state());
  });

  it('reset is the state after construction, and withdraws what was signalled', () => {
    const rig = used();
    rig.gic.reset();
    expect(rig.gic.state()).toEqual(new Rig({ securityStates: 2, pes: 2 }).gic.state());
    expect(rig.inputs).toEqual(['-', '-']);
  });

  it('load refuses what is not the state of a GIC built alike', () => {
    const rig = new Rig();
    for (const state of [null, {}, new Rig({ pes: 2 }).gic.state(), new Rig({ spis: 32 }).gic.state()]) {
      expect(() => rig.gic.load(state as PlainData)).toThrow(/GICv[23] state/);
    }
  });
});

describe('hostile guests', () => {
  it('any access of any width at any offset is answered, and bounded', () => {
    const rig = new Rig({ securityStates: 2, pes: 2 });
    let seed = 1;
    const next = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    for (let n = 0; n < 50_000; n++) {
      const device = next(2) ? rig.gic.distributor : rig.gic.cpuInterfaces;
      const sizeBytes = ([1, 2, 4] as const)[next(3)];
      const offset = next(device.sizeBytes / sizeBytes) * sizeBytes;
      const access = { sizeBytes, nonSecure: next(2) === 1, pe: next(3) - 1 };
      if (next(2)) expect(device.read(offset, access)).toBeLessThanOrEqual(0xffff_ffff);
      else device.write(offset, (next(65_536) * 65_536 + next(65_536)) % 2 ** (8 * sizeBytes), access);
    }
    const other = new Rig({ securityStates: 2, pes: 2 });
    other.gic.load(rig.gic.state());
    expect(other.gic.state()).toEqual(rig.gic.state());
  });

  it('options that describe no GIC are refused', () => {
    expect(() => new Rig({ pes: 9 })).toThrow(/pes is 9/);
    expect(() => new Rig({ spis: 33 })).toThrow(/spis is 33/);
  });
});
