import { describe, expect, it } from 'vitest';
import { PeRig } from '../../test/support/pe-rig.ts';

const RW = 1n << 31n;
const BITS = { FMO: 8n, IMO: 16n, AMO: 32n, VF: 64n, VI: 128n, VSE: 256n, TGE: 1n << 27n } as const;
const VECTOR = { FIQ: 0x100, IRQ: 0x80, SError: 0x180 } as const;
const KINDS = [
  ['FIQ', BITS.FMO, BITS.VF, 0x40n],
  ['IRQ', BITS.IMO, BITS.VI, 0x80n],
  ['SError', BITS.AMO, BITS.VSE, 0x100n],
] as const;
const CODE_PA = 0x4010_0000n;
const NOP = 0xd503_201f;

const rig = new PeRig();
let found = '-';
rig.machine.writeMemory(CODE_PA, new Uint8Array(new Uint32Array(4).fill(NOP).buffer));
rig.machine.on('exception', (_pe, el, vector) => {
  if (found === '-') found = `${el} 0x${vector.toString(16)}`;
});
const start = rig.machine.snapshot();

/** What a PE takes within one step of NOPs in a state: `EL vector`, or '-'. */
function taken(options: { el: number; hcr: bigint; masks: bigint; ns?: bigint }): string {
  rig.machine.restore(start);
  found = '-';
  rig.write('SCR_EL3', 0x500n | (options.ns ?? 1n)).write('HCR_EL2', RW | options.hcr);
  rig.write('PSTATE', options.masks | BigInt(options.el << 2) | (options.el ? 1n : 0n)).write('PC', CODE_PA);
  rig.machine.run({ steps: 1 });
  return found;
}

describe('virtual interrupts of HCR_EL2 (DDI 0487, "Virtual interrupts")', () => {
  it.each(KINDS)(
    '%s: for every Exception level, route, pending bit, mask, TGE and Security state',
    (kind, route, pend, mask) => {
      for (const el of [0, 1, 2, 3])
        for (const routed of [0n, route])
          for (const pending of [0n, pend])
            for (const masks of [0n, mask])
              for (const tge of [0n, BITS.TGE])
                for (const ns of [0n, 1n]) {
                  // EL1 with TGE and Secure EL2 do not exist.
                  if ((tge && el === 1 && ns) || (el === 2 && !ns)) continue;
                  const expected = el <= 1 && routed && pending && !masks && !tge && ns;
                  const vector = VECTOR[kind] + (el === 0 ? 0x400 : 0x200);
                  const label = `EL${el} ${routed} ${pending} ${masks} ${tge} NS ${ns}`;
                  expect(taken({ el, hcr: routed | pending | tge, masks, ns }), label).toBe(
                    expected ? `1 0x${vector.toString(16)}` : '-',
                  );
                }
    },
  );

  it('of several FIQ comes first, then IRQ, then SError', () => {
    const all = BITS.FMO | BITS.IMO | BITS.AMO | BITS.VF | BITS.VI | BITS.VSE;
    expect(taken({ el: 1, hcr: all, masks: 0n })).toBe('1 0x300');
    expect(taken({ el: 1, hcr: all, masks: 0x40n })).toBe('1 0x280');
    expect(taken({ el: 1, hcr: all, masks: 0xc0n })).toBe('1 0x380');
  });

  it('a virtual SError has the syndrome of VSESR_EL2 and is pending no longer', () => {
    const pe = new PeRig().write('VSESR_EL2', 0x1ab_cdefn).write('HCR_EL2', RW | BITS.AMO | BITS.VSE);
    expect(pe.run('msr DAIFClr, #4\n nop', 1)).toMatchObject({ el: 1, ec: 0x2fn, iss: 0x1ab_cdefn });
    expect(pe.read('HCR_EL2') & BITS.VSE).toBe(0n);
  });

  it('ESB defers a masked one to VDISR_EL2, which EL1 knows as DISR_EL1', () => {
    const pe = new PeRig().write('VSESR_EL2', 0x42n).write('HCR_EL2', RW | BITS.AMO | BITS.VSE);
    expect(pe.run('esb\n mrs x0, DISR_EL1', 1)).toBeUndefined();
    expect(pe.read('X0')).toBe(0x8000_0042n);
    expect([pe.read('VDISR_EL2'), pe.read('HCR_EL2') & BITS.VSE]).toEqual([0x8000_0042n, 0n]);
    expect(pe.run('mrs x0, DISR_EL1', 2)).toBeUndefined();
    expect(pe.read('X0')).toBe(0n);
  });

  it('ISR_EL1 shows EL1 the virtual ones of each kind that is routed to EL2, and EL2 the physical ones', () => {
    const pe = new PeRig().write('HCR_EL2', RW | BITS.IMO | BITS.VI | BITS.VF);
    pe.machine.pes[0]!.setInterruptLines(false, true);
    expect(pe.run('mrs x0, ISR_EL1', 1)).toBeUndefined();
    expect(pe.read('X0')).toBe(0xc0n);
    expect(pe.run('mrs x0, ISR_EL1', 2)).toBeUndefined();
    expect(pe.read('X0')).toBe(0x40n);
  });

  it('a pending one ends WFI at EL1, masked or not, and does nothing for EL2', () => {
    for (const el of [1, 2] as const) {
      const pe = new PeRig().write('HCR_EL2', RW | BITS.IMO | BITS.VI);
      pe.run('wfi\n mov x3, #1', el);
      expect(pe.read('X3'), `EL${el}`).toBe(el === 1 ? 1n : 0n);
    }
  });
});
