/** What is asked of the virtual interfaces of a GICv2, here and under QEMU. */
import type { GicProgram } from './program.ts';

const HCR_EL2 = { open: (1n << 31n) | 0x18n, closed: 1n << 31n } as const;
/** VMCR: both groups, everything let through, the finest binary points. */
const OPEN = 0xf84c_0003;
const HW = 1 << 31;
const EOI = 1 << 19;
const GROUP1 = 1 << 30;
const STATE_LSB = 28;
const SPI = 64;
const PPI = 20;

const lr = (id: number, priority: number, more: number): number => ((priority << 20) | more | id) >>> 0;

/** Nothing listed or active, the interface on, at EL2. */
function fresh(p: GicProgram, vmcr = OPEN, hcr = 1): void {
  p.to('NS_EL2').msr('HCR_EL2', HCR_EL2.open).wr('GICH_HCR', 0).wr('GICH_APR', 0);
  for (let n = 0; n < 4; n++) p.wr(`GICH_LR${n}`, 0);
  p.wr('GICH_VMCR', vmcr).wr('GICH_HCR', hcr);
}
/** What the hypervisor sees. */
function hypervisor(p: GicProgram): void {
  for (const name of ['HCR', 'VMCR', 'MISR', 'EISR0', 'ELRSR0', 'APR', 'LR0', 'LR1']) p.rd(`GICH_${name}`);
}
const signalled = (p: GicProgram): GicProgram => p.to('NS_EL1').isr().to('NS_EL2');

function listed(p: GicProgram): void {
  for (const [state, name] of [
    [1, 'pending'],
    [2, 'active'],
    [3, 'both'],
  ] as const) {
    for (const group of [0, GROUP1])
      for (const kind of [0, HW | (SPI << 10), EOI]) {
        p.scene(`virtual: ${name}, group ${group ? 1 : 0}, ${kind === EOI ? 'EOI' : kind ? 'HW' : 'plain'}`);
        fresh(p, OPEN | 4);
        p.wr('GICH_LR0', lr(40, 0xa0, (state << STATE_LSB) | group | kind));
        hypervisor(p);
        signalled(p).rd('GICV_HPPIR').rd('GICV_AHPPIR').rd('GICV_IAR').rd('GICV_RPR');
        hypervisor(p);
        p.wr('GICV_EOIR', 40).rd('GICV_RPR');
        hypervisor(p);
      }
  }
}
function controls(p: GicProgram): void {
  for (const group of [0, GROUP1])
    for (const control of [0, 1, 2, 3, 7, 0xb, 0xf]) {
      p.scene(`virtual: group ${group ? 1 : 0}, GICV_CTLR 0x${control.toString(16)}`);
      fresh(p, OPEN & ~3);
      p.wr('GICV_CTLR', control)
        .rd('GICV_CTLR')
        .rd('GICH_VMCR')
        .wr('GICH_LR0', lr(40, 0xa0, (1 << STATE_LSB) | group));
      signalled(p).rd('GICV_HPPIR').rd('GICV_IAR').rd('GICV_RPR').rd('GICH_LR0');
    }
  for (const group of [0, GROUP1])
    for (const control of [1, 2, 3, 7]) {
      p.scene(`virtual: alias, group ${group ? 1 : 0}, GICV_CTLR 0x${control.toString(16)}`);
      fresh(p, OPEN & ~3);
      p.wr('GICV_CTLR', control).wr('GICH_LR0', lr(40, 0xa0, (1 << STATE_LSB) | group));
      p.rd('GICV_AIAR').rd('GICV_RPR').wr('GICV_AEOIR', 40).rd('GICH_LR0');
    }
  for (const pmr of [0, 0x50, 0xa0, 0xa8, 0xff]) {
    p.scene(`virtual: GICV_PMR 0x${pmr.toString(16)}`);
    fresh(p);
    p.wr('GICV_PMR', pmr)
      .rd('GICV_PMR')
      .rd('GICH_VMCR')
      .wr('GICH_LR0', lr(40, 0xa0, 1 << STATE_LSB));
    signalled(p).rd('GICV_IAR');
  }
  for (let bpr = 0; bpr < 8; bpr++) {
    p.scene(`virtual: GICV_BPR and ABPR ${bpr}`);
    fresh(p);
    p.wr('GICV_BPR', bpr).wr('GICV_ABPR', bpr).rd('GICV_BPR').rd('GICV_ABPR').rd('GICH_VMCR');
    p.wr('GICH_LR0', lr(40, 0xa0, 1 << STATE_LSB))
      .rd('GICV_IAR')
      .rd('GICH_APR')
      .rd('GICV_RPR');
    p.wr('GICH_LR1', lr(41, 0x80, 1 << STATE_LSB));
    signalled(p);
  }
}
function sequences(p: GicProgram): void {
  p.scene('virtual: an SGI from CPU 3');
  fresh(p);
  p.wr('GICH_LR0', lr(5 | (3 << 10), 0xa0, 1 << STATE_LSB))
    .rd('GICH_LR0')
    .rd('GICV_HPPIR')
    .rd('GICV_IAR');
  p.wr('GICV_EOIR', 5 | (3 << 10))
    .rd('GICH_LR0')
    .rd('GICV_RPR')
    .rd('GICH_HCR');
  p.scene('virtual: nested');
  fresh(p, OPEN);
  p.wr('GICH_LR0', lr(40, 0xa0, 1 << STATE_LSB))
    .rd('GICV_IAR')
    .wr('GICH_LR1', lr(41, 0x40, 1 << STATE_LSB));
  signalled(p).rd('GICV_IAR').rd('GICV_RPR').wr('GICV_EOIR', 41).rd('GICV_RPR').wr('GICV_EOIR', 40).rd('GICV_RPR');
  hypervisor(p);
  p.scene('virtual: EOI of what is not listed');
  fresh(p, OPEN);
  p.wr('GICH_APR', 1 << 20)
    .rd('GICV_RPR')
    .wr('GICV_EOIR', 55);
  hypervisor(p);
  p.scene('virtual: EOImode');
  fresh(p, OPEN | 0x200);
  p.wr('GICH_LR0', lr(40, 0xa0, 1 << STATE_LSB))
    .rd('GICV_IAR')
    .wr('GICV_EOIR', 40)
    .rd('GICV_RPR')
    .rd('GICH_LR0');
  p.wr('GICV_DIR', 40).rd('GICH_LR0').wr('GICV_DIR', 77);
  hypervisor(p);
  for (let bit = 1; bit < 8; bit++) {
    p.scene(`virtual: GICH_HCR bit ${bit}`);
    fresh(p, OPEN, 1 | (1 << bit));
    p.rd('GICH_MISR')
      .wr('GICH_LR0', lr(40, 0xa0, 1 << STATE_LSB))
      .rd('GICH_MISR');
    p.wr('GICH_VMCR', OPEN & ~3).rd('GICH_MISR');
  }
  // A PPI: QEMU's SPIs are active for each PE apart, and ISACTIVER sets them for all.
  p.scene('virtual: a physical interrupt behind it');
  p.top().wr('GICD_IGROUPR0', 0xffff_0000);
  fresh(p);
  p.wr('GICD_ISACTIVER0', 1 << PPI)
    .rd('GICD_ISACTIVER0')
    .wr('GICH_LR0', lr(40, 0xa0, (1 << STATE_LSB) | HW | (PPI << 10)));
  p.rd('GICV_IAR').wr('GICV_EOIR', 40).rd('GICD_ISACTIVER0');
  p.msr('HCR_EL2', HCR_EL2.closed).wr('GICH_HCR', 0);
}

/** With EL2: GICH and GICV. */
export function virtualScenes(p: GicProgram): void {
  p.scene('virtual: identification').to('NS_EL2');
  for (const name of ['VTR', 'HCR', 'VMCR', 'MISR', 'EISR0', 'ELRSR0', 'APR', 'LR0', 'LR3']) p.rd(`GICH_${name}`);
  for (const name of ['CTLR', 'PMR', 'BPR', 'ABPR', 'RPR', 'HPPIR', 'IAR', 'IIDR']) p.rd(`GICV_${name}`);
  listed(p);
  controls(p);
  sequences(p);
}
