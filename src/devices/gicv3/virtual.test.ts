import { beforeEach, describe, expect, it } from 'vitest';
import { NS_EL1, NS_EL2, Rig } from './gicv3-rig.ts';
import { iccAccess } from './icc.ts';
import { VirtualInterface } from './virtual.ts';

const EN = 1n;
const G1 = 1n << 60n;
const HW = 1n << 61n;
const PENDING = 1n << 62n;
const ACTIVE = 2n << 62n;
/** VPMR open, both groups on, VBPR as after reset. */
const VMCR_OPEN = 0xff4c_000bn;

function lr(vintid: number, priority: number, more = G1 | PENDING): bigint {
  return BigInt(vintid) | (BigInt(priority) << 48n) | more;
}

describe('the virtual CPU interface (IHI 0069, "Virtual interrupt handling and prioritization")', () => {
  let lines: string;
  let maintenance: boolean;
  let deactivated: number[];
  let v: VirtualInterface;

  beforeEach(() => {
    lines = '-';
    maintenance = false;
    deactivated = [];
    v = new VirtualInterface({
      signal: (irq, fiq) => {
        lines = irq ? 'vIRQ' : fiq ? 'vFIQ' : '-';
      },
      maintenance: (level) => {
        maintenance = level;
      },
      deactivate: (intid) => void deactivated.push(intid),
    });
  });
  const open = (): void => {
    v.ichWrite('ICH_HCR_EL2', EN);
    v.ichWrite('ICH_VMCR_EL2', VMCR_OPEN);
  };

  it('after reset: 4 list registers, 5 bits of priority, nothing enabled', () => {
    expect(v.ichRead('ICH_VTR_EL2')).toBe(0x90b8_0003n);
    expect(v.ichRead('ICH_VMCR_EL2')).toBe(0x4c_0008n);
    expect(v.ichRead('ICH_HCR_EL2')).toBe(0n);
    expect(v.ichRead('ICH_ELRSR_EL2')).toBe(0xfn);
  });

  it('a pending list register raises vIRQ or vFIQ by group while enabled, above VPMR and not preempted', () => {
    open();
    v.ichWrite('ICH_LR1_EL2', lr(40, 0xa0));
    expect(lines).toBe('vIRQ');
    v.ichWrite('ICH_LR1_EL2', lr(40, 0xa0, PENDING));
    expect(lines).toBe('vFIQ');
    for (const [register, off] of [
      ['ICH_HCR_EL2', 0n],
      ['ICH_VMCR_EL2', VMCR_OPEN & ~1n],
      ['ICH_VMCR_EL2', 0xa04c_000bn],
      ['ICH_AP1R0_EL2', 1n << 20n],
    ] as const) {
      open();
      v.ichWrite('ICH_AP1R0_EL2', 0n);
      expect(lines).toBe('vFIQ');
      v.ichWrite(register, off);
      expect(lines, register).toBe('-');
    }
    open();
    v.ichWrite('ICH_AP1R0_EL2', 1n << 21n);
    expect(lines).toBe('vFIQ');
    for (const state of [0n, ACTIVE, PENDING | ACTIVE]) {
      v.ichWrite('ICH_LR1_EL2', lr(40, 0xa0, G1 | state));
      expect(lines).toBe('-');
    }
  });

  it('acknowledge: pending becomes active at its group priority; the most urgent comes first', () => {
    open();
    v.ichWrite('ICH_LR0_EL2', lr(40, 0xa0));
    v.ichWrite('ICH_LR2_EL2', lr(41, 0x50));
    expect([v.icvRead('ICC_HPPIR1_EL1'), v.icvRead('ICC_HPPIR0_EL1')]).toEqual([41, 1023]);
    expect([v.icvRead('ICC_IAR0_EL1'), v.icvRead('ICC_IAR1_EL1')]).toEqual([1023, 41]);
    expect(v.ichRead('ICH_LR2_EL2')).toBe(lr(41, 0x50, G1 | ACTIVE));
    expect(v.icvRead('ICC_RPR_EL1')).toBe(0x50);
    expect(v.ichRead('ICH_AP1R0_EL2')).toBe(1n << 10n);
    // 0xa0 does not preempt 0x50.
    expect([lines, v.icvRead('ICC_IAR1_EL1')]).toEqual(['-', 1023]);
    v.icvWrite('ICC_EOIR1_EL1', 41);
    expect([lines, v.icvRead('ICC_RPR_EL1')]).toEqual(['vIRQ', 0xff]);
    expect(v.ichRead('ICH_LR2_EL2')).toBe(lr(41, 0x50, G1));
  });

  it('end of interrupt of an LR with HW deactivates the physical interrupt; pending and active stays pending', () => {
    open();
    v.ichWrite('ICH_LR0_EL2', lr(27, 0xa0, G1 | HW | PENDING | (30n << 32n)));
    expect(v.icvRead('ICC_IAR1_EL1')).toBe(27);
    v.icvWrite('ICC_EOIR1_EL1', 27);
    expect(deactivated).toEqual([30]);
    v.ichWrite('ICH_LR0_EL2', lr(27, 0xa0));
    v.icvRead('ICC_IAR1_EL1');
    v.ichWrite('ICH_LR0_EL2', lr(27, 0xa0, G1 | PENDING | ACTIVE));
    v.icvWrite('ICC_EOIR1_EL1', 27);
    expect(v.ichRead('ICH_LR0_EL2')).toBe(lr(27, 0xa0));
    expect(deactivated).toEqual([30]);
  });

  it('VEOIM splits: EOIR drops the priority, DIR deactivates', () => {
    open();
    v.icvWrite('ICC_CTLR_EL1', 2);
    v.ichWrite('ICH_LR0_EL2', lr(40, 0xa0));
    v.icvRead('ICC_IAR1_EL1');
    v.icvWrite('ICC_EOIR1_EL1', 40);
    expect([v.icvRead('ICC_RPR_EL1'), v.ichRead('ICH_LR0_EL2')]).toEqual([0xff, lr(40, 0xa0, G1 | ACTIVE)]);
    v.icvWrite('ICC_DIR_EL1', 40);
    expect(v.ichRead('ICH_LR0_EL2')).toBe(lr(40, 0xa0, G1));
    v.icvWrite('ICC_DIR_EL1', 40);
    expect(v.hcr >>> 27).toBe(1);
  });

  it('an EOI without a list register counts in EOIcount; LPIs, special INTIDs and nothing active do not', () => {
    open();
    const end = (intid: number): number => {
      v.ichWrite('ICH_AP1R0_EL2', 1n << 20n);
      v.icvWrite('ICC_EOIR1_EL1', intid);
      return v.hcr >>> 27;
    };
    expect([end(50), end(51), end(8192), end(1023)]).toEqual([1, 2, 2, 2]);
    v.ichWrite('ICH_AP1R0_EL2', 0n);
    v.icvWrite('ICC_EOIR1_EL1', 50);
    expect(v.hcr >>> 27).toBe(2);
  });

  it('an LPI has no active state', () => {
    open();
    v.ichWrite('ICH_LR0_EL2', lr(8200, 0xa0));
    expect(v.icvRead('ICC_IAR1_EL1')).toBe(8200);
    expect(v.ichRead('ICH_LR0_EL2')).toBe(lr(8200, 0xa0, G1));
    expect(v.icvRead('ICC_RPR_EL1')).toBe(0xa0);
  });

  it('each cause of maintenance alone, and ICH_HCR_EL2.En', () => {
    const EOI = 1n << 41n;
    const causes: readonly (readonly [hcr: bigint, lr0: bigint, vmcr: bigint, misr: bigint])[] = [
      [0n, lr(40, 0xa0, G1 | EOI), 0n, 1n],
      [1n << 1n, lr(40, 0xa0), 0n, 2n],
      [(1n << 2n) | (1n << 27n), lr(40, 0xa0), 0n, 4n],
      [1n << 3n, lr(40, 0xa0, G1 | ACTIVE), 0n, 8n],
      [1n << 4n, lr(40, 0xa0), 1n, 0x10n],
      [1n << 5n, lr(40, 0xa0), 2n, 0x20n],
      [1n << 6n, lr(40, 0xa0), 2n, 0x40n],
      [1n << 7n, lr(40, 0xa0), 1n, 0x80n],
    ];
    for (const [hcr, lr0, vmcr, misr] of causes) {
      v.reset();
      v.ichWrite('ICH_LR0_EL2', lr0);
      v.ichWrite('ICH_VMCR_EL2', vmcr);
      v.ichWrite('ICH_HCR_EL2', hcr);
      expect([v.ichRead('ICH_MISR_EL2'), maintenance]).toEqual([misr, false]);
      v.ichWrite('ICH_HCR_EL2', hcr | EN);
      expect([v.ichRead('ICH_MISR_EL2'), maintenance]).toEqual([misr, true]);
    }
    v.reset();
    expect(maintenance).toBe(false);
  });

  it('UIE: fewer than two list registers are valid', () => {
    v.ichWrite('ICH_HCR_EL2', EN | 2n);
    const seen = [0, 1, 2].map((n) => {
      const now = maintenance;
      v.ichWrite(`ICH_LR${n}_EL2`, lr(40 + n, 0xa0));
      return now;
    });
    expect(seen).toEqual([true, true, false]);
  });

  it('EISR and ELRSR tell invalid list registers apart by HW and the EOI bit', () => {
    for (const [value, eisr, elrsr] of [
      [0n, 0n, 1n],
      [1n << 41n, 1n, 0n],
      [HW | (1n << 41n), 0n, 1n],
      [HW, 0n, 1n],
      [PENDING, 0n, 0n],
      [ACTIVE | (1n << 41n), 0n, 0n],
    ] as const) {
      v.ichWrite('ICH_LR0_EL2', value);
      expect([v.ichRead('ICH_EISR_EL2') & 1n, v.ichRead('ICH_ELRSR_EL2') & 1n]).toEqual([eisr, elrsr]);
    }
  });

  it('ICH_VMCR_EL2 and the ICV registers are the same bits', () => {
    v.icvWrite('ICC_PMR_EL1', 0xf7);
    v.icvWrite('ICC_BPR0_EL1', 5);
    v.icvWrite('ICC_BPR1_EL1', 6);
    v.icvWrite('ICC_IGRPEN1_EL1', 1);
    expect(v.ichRead('ICH_VMCR_EL2')).toBe((0xf0n << 24n) | (5n << 21n) | (6n << 18n) | 0xan);
    v.icvWrite('ICC_CTLR_EL1', 3);
    expect(v.ichRead('ICH_VMCR_EL2') & 0x210n).toBe(0x210n);
    // CBPR: BPR1 shows BPR0 plus one and ignores writes.
    v.icvWrite('ICC_BPR1_EL1', 3);
    expect(v.icvRead('ICC_BPR1_EL1')).toBe(6);
    v.ichWrite('ICH_VMCR_EL2', 0n);
    expect(
      ['ICC_PMR_EL1', 'ICC_BPR0_EL1', 'ICC_BPR1_EL1', 'ICC_CTLR_EL1', 'ICC_IGRPEN1_EL1'].map((n) =>
        v.icvRead(n as 'ICC_PMR_EL1'),
      ),
    ).toEqual([0, 2, 3, 0x8c00, 0]);
  });

  it('state and load are inverses, and load says again what is pending', () => {
    open();
    v.ichWrite('ICH_LR3_EL2', lr(0xab_cdef, 0xa8, G1 | PENDING | (77n << 32n)));
    v.ichWrite('ICH_AP0R0_EL2', 1n << 31n);
    const saved = v.state();
    v.reset();
    expect(lines).toBe('-');
    v.load(saved);
    expect(v.state()).toEqual(saved);
    expect(lines).toBe('vIRQ');
  });
});

describe('access of a guest to ICC names', () => {
  const rules = { aprWords: 1, sreEl2Enable: true, sreEl3Enable: true };
  const NAMES = {
    common: ['ICC_PMR_EL1', 'ICC_RPR_EL1', 'ICC_CTLR_EL1', 'ICC_DIR_EL1'],
    sgi: ['ICC_SGI1R_EL1'],
    group0: ['ICC_IGRPEN0_EL1', 'ICC_BPR0_EL1', 'ICC_AP0R0_EL1'],
    group1: ['ICC_IGRPEN1_EL1', 'ICC_BPR1_EL1', 'ICC_AP1R0_EL1'],
  } as const;
  it.each([
    ['TC', 10, ['common', 'sgi']],
    ['TALL0', 11, ['group0']],
    ['TALL1', 12, ['group1']],
    ['TDIR', 14, []],
  ] as const)('ICH_HCR_EL2.%s traps its class alone, from EL1 alone', (trap, bit, classes) => {
    for (const [kind, names] of Object.entries(NAMES))
      for (const name of names) {
        const traps = (classes as readonly string[]).includes(kind) || (trap === 'TDIR' && name === 'ICC_DIR_EL1');
        const direction = /DIR|SGI/.test(name) ? 'write' : 'read';
        const at = (ctx: typeof NS_EL1): string => iccAccess(name, direction, ctx, { ...rules, ichHcr: 1 << bit });
        for (const hcrImo of [false, true])
          if (kind !== 'sgi') expect(at({ ...NS_EL1, hcrImo }), name).toBe(traps ? 'trap-el2' : 'ok');
        expect(at(NS_EL1), name).toBe(traps ? 'trap-el2' : 'ok');
        expect(at(NS_EL2), name).toBe('ok');
      }
  });

  it('with HCR_EL2.IMO it reaches the virtual interface, and nothing physical', () => {
    const rig = new Rig({ securityStates: 2, virtualization: true }).open();
    const guest = { ...NS_EL1, hcrImo: true };
    rig.arm(2, 0xc0);
    rig.pend(2);
    const ich = rig.gic as unknown as { iccWrite(pe: number, name: string, value: bigint, ctx: typeof NS_EL2): void };
    ich.iccWrite(0, 'ICH_HCR_EL2', EN, NS_EL2);
    ich.iccWrite(0, 'ICH_VMCR_EL2', VMCR_OPEN, NS_EL2);
    expect(rig.get('ICC_IAR1_EL1', 0, guest)).toBe(1023);
    ich.iccWrite(0, 'ICH_LR0_EL2', lr(40, 0x80), NS_EL2);
    expect(rig.get('ICC_IAR1_EL1', 0, guest)).toBe(40);
    expect(rig.get('ICC_IAR1_EL1', 0, NS_EL1)).toBe(2);
    expect(rig.reports).toEqual([]);
  });
});
