/** What is asked of a GICv2, here and under QEMU. Priorities are multiples of 8: QEMU implements 8 bits, we 5. */
import { GicProgram } from './program.ts';
import { virtualScenes } from './scenes-v2-virtual.ts';

const SPI = 64;
const SPI2 = 65;
const SPI3 = 66;
const WORD = 2;
type Group = 0 | 1;

const bit = (intid: number): number => (1 << (intid & 31)) >>> 0;
const pend = (p: GicProgram, intid: number): GicProgram => p.wr(`GICD_ISPENDR${WORD}`, bit(intid));

/** Everything enabled, nothing pending or active, masks open; at the highest level. */
function open(p: GicProgram, control = 3): void {
  p.top().wr('GICD_CTLR', 3).wr('GICC_CTLR', 3).wr('GICC_PMR', 0xf8);
  p.wr(`GICD_ICENABLER${WORD}`, 0xffff_ffff).wr(`GICD_ICPENDR${WORD}`, 0xffff_ffff).wr('GICD_CPENDSGIR0', 0xffff_ffff);
  for (let n = 0; n < 3; n++) p.wr('GICC_EOIR', SPI).wr('GICC_AEOIR', SPI);
  p.wr(`GICD_ICACTIVER${WORD}`, 0xffff_ffff).wr('GICD_ICACTIVER0', 0xffff_ffff).wr('GICD_IGROUPR0', 0);
  p.wr(`GICD_ICFGR${WORD * 2}`, 0xaaaa_aaaa)
    .wr('GICD_ITARGETSR16', 0x0101_0101)
    .wr('GICC_BPR', 2)
    .wr('GICC_ABPR', 3);
  p.wr('GICC_CTLR', control);
}

function arm(p: GicProgram, ...interrupts: readonly (readonly [Group, number])[]): void {
  let group = 0;
  interrupts.forEach(([of, priority], n) => {
    if (of === 1) group |= bit(SPI + n);
    p.wr('GICD_IPRIORITYR0', priority, { plus: SPI + n, byte: true });
  });
  p.wr(`GICD_IGROUPR${WORD}`, group).wr(`GICD_ISENABLER${WORD}`, (1 << interrupts.length) - 1);
}

function identification(p: GicProgram): void {
  p.scene('identification').top();
  for (const name of ['GICD_CTLR', 'GICD_TYPER', 'GICD_IIDR', 'GICD_PIDR0', 'GICD_PIDR2', 'GICC_IIDR']) p.rd(name);
  for (const name of ['GICC_CTLR', 'GICC_PMR', 'GICC_BPR', 'GICC_ABPR', 'GICC_RPR', 'GICC_HPPIR', 'GICC_IAR'])
    p.rd(name);
  for (const name of ['GICD_ISENABLER0', 'GICD_ICFGR0', 'GICD_ITARGETSR0', 'GICD_ITARGETSR16']) p.rd(name);
  p.wr('GICD_ITARGETSR16', 0xffff_ffff).rd('GICD_ITARGETSR16').wr('GICD_ICENABLER0', 0xffff_ffff).rd('GICD_ISENABLER0');
  p.mrs('ICC_PMR_EL1').mrs('ICC_SRE_EL1').mrs('ID_AA64PFR0_EL1');
}

function priorities(p: GicProgram, el3: boolean): void {
  for (const group of [0, 1] as const) {
    for (const control of [3, 7, 0xb, 0xf]) {
      for (const alias of ['', 'A']) {
        p.scene(`group ${group} at 0x80, GICC_CTLR 0x${control.toString(16)}, through ${alias}IAR`);
        open(p, control);
        arm(p, [group, 0x80]);
        p.wr('GICC_PMR', 0x80);
        pend(p, SPI).isr().rd('GICC_HPPIR').rd('GICC_AHPPIR').wr('GICC_PMR', 0x88).isr();
        p.rd(`GICC_${alias}IAR`).rd('GICC_RPR').rd(`GICD_ISACTIVER${WORD}`);
        p.wr(`GICC_${alias}EOIR`, SPI).rd('GICC_RPR').rd(`GICD_ISACTIVER${WORD}`);
      }
    }
    for (let bpr = 2; bpr < 8; bpr++) {
      p.scene(`group ${group} running at 0xc0, BPR ${bpr}`);
      open(p, 7);
      p.wr('GICC_BPR', bpr).wr('GICC_ABPR', bpr).rd('GICC_BPR').rd('GICC_ABPR');
      arm(p, [group, 0xc0]);
      pend(p, SPI).rd('GICC_IAR').rd('GICC_RPR');
      for (const next of [0xc0, 0xb8, 0xa0, 0x80, 0x40]) {
        arm(p, [group, 0xc0], [group, next]);
        pend(p, SPI2).isr().wr(`GICD_ICPENDR${WORD}`, bit(SPI2));
      }
      if (!el3) continue;
      p.to('NS_EL1').rd('GICC_BPR').rd('GICC_RPR').top();
    }
  }
  p.scene('nested acknowledges');
  open(p, 7);
  arm(p, [1, 0xc0], [1, 0xa0], [0, 0x40]);
  for (const intid of [SPI, SPI2, SPI3]) pend(p, intid).isr().rd('GICC_IAR').rd('GICC_RPR');
  for (const intid of [SPI3, SPI2, SPI]) p.wr('GICC_EOIR', intid).rd('GICC_RPR').rd(`GICD_ISACTIVER${WORD}`);
  p.scene('EOImode');
  open(p, 0x207);
  arm(p, [0, 0x80]);
  pend(p, SPI).rd('GICC_IAR').wr('GICC_EOIR', SPI).rd('GICC_RPR').rd(`GICD_ISACTIVER${WORD}`);
  p.wr('GICC_DIR', SPI).rd(`GICD_ISACTIVER${WORD}`);
}

function sgis(p: GicProgram, el3: boolean): void {
  for (const [name, value] of [
    ['to the list', 0x0001_0005],
    ['to nobody', 0x0002_0005],
    ['to others', 0x0100_0005],
    ['to self', 0x0200_0005],
    ['to self with NSATT', 0x0200_8005],
  ] as const) {
    for (const group of [0, 1]) {
      p.scene(`SGI ${name}, group ${group}`);
      open(p, 7);
      p.wr('GICD_IGROUPR0', group * 0xffff)
        .wr('GICD_SGIR', value)
        .rd('GICD_ISPENDR0')
        .rd('GICD_SPENDSGIR1')
        .isr();
      p.rd('GICC_IAR').rd('GICD_ISPENDR0').rd('GICD_ISACTIVER0').wr('GICC_EOIR', 5).rd('GICD_ISACTIVER0');
      if (!el3) continue;
      p.to('NS_EL1').wr('GICD_SGIR', value).top().rd('GICD_ISPENDR0');
    }
  }
  p.scene('SGI pending registers');
  open(p, 7);
  p.wr('GICD_ISPENDR0', 0xff)
    .rd('GICD_ISPENDR0')
    .wr('GICD_SPENDSGIR0', 0x0100)
    .rd('GICD_ISPENDR0')
    .rd('GICD_SPENDSGIR0');
  p.wr('GICD_ICPENDR0', 0xff).rd('GICD_ISPENDR0').wr('GICD_CPENDSGIR0', 0x0100).rd('GICD_ISPENDR0');
}

/** With the Security Extensions: what Non-secure software sees and changes. */
function views(p: GicProgram): void {
  p.scene('Non-secure view');
  open(p, 3);
  arm(p, [0, 0x40], [1, 0xc0], [1, 0x80]);
  p.wr(`GICD_ISPENDR${WORD}`, 7).to('NS_EL1');
  for (const name of ['GICD_CTLR', 'GICC_CTLR', 'GICC_PMR', 'GICC_BPR', 'GICC_RPR', 'GICC_HPPIR', 'GICC_IAR'])
    p.rd(name);
  for (const name of ['IGROUPR', 'ISENABLER', 'ISPENDR', 'ISACTIVER']) p.rd(`GICD_${name}${WORD}`);
  p.rd('GICD_IPRIORITYR16').wr('GICD_IPRIORITYR16', 0xa0a0_a0a0).rd('GICD_IPRIORITYR16').top().rd('GICD_IPRIORITYR16');
  p.wr(`GICD_ICPENDR${WORD}`, 1).to('NS_EL1').isr().rd('GICC_IAR').rd('GICC_RPR').wr('GICC_EOIR', SPI2).rd('GICC_RPR');
  for (const value of [0xf8, 0xf0, 0x80, 8, 0]) {
    p.scene(`Non-secure PMR 0x${value.toString(16)}`)
      .top()
      .wr('GICC_PMR', 0xf8)
      .to('NS_EL1')
      .wr('GICC_PMR', value);
    p.rd('GICC_PMR').top().rd('GICC_PMR');
  }
  p.scene('Non-secure PMR, Secure mask')
    .wr('GICC_PMR', 0x60)
    .to('NS_EL1')
    .rd('GICC_PMR')
    .wr('GICC_PMR', 0xf0)
    .top()
    .rd('GICC_PMR');
  p.scene('Non-secure controls').wr('GICD_CTLR', 0).wr('GICC_CTLR', 0).to('NS_EL1').wr('GICD_CTLR', 0xffff_ffff);
  p.wr('GICC_CTLR', 0x261).rd('GICD_CTLR').rd('GICC_CTLR').top().rd('GICD_CTLR').rd('GICC_CTLR');
  for (const level of ['EL3', 'S_EL1', 'NS_EL1', 'NS_EL2'] as const) {
    for (const group of [0, 1] as const) {
      for (const control of [3, 0xb]) {
        p.scene(`group ${group} at ${level}, GICC_CTLR 0x${control.toString(16)}`);
        open(p, control);
        arm(p, [group, 0xc0]);
        pend(p, SPI).to(level).isr().rd('GICC_HPPIR').rd('GICC_IAR').wr('GICC_EOIR', SPI).rd('GICC_RPR');
      }
    }
  }
}

/** Everything asked in one configuration. */
export function gicv2Program(el3: boolean): GicProgram {
  const p = new GicProgram(el3, 2);
  identification(p);
  priorities(p, el3);
  sgis(p, el3);
  if (el3) views(p);
  if (el3) virtualScenes(p);
  return p;
}
