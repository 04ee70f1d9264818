/** What is asked of the GIC, here and under QEMU. */
import { GicProgram, type Level } from './program.ts';
import { lpis } from './scenes-lpi.ts';

const LOWER: readonly Level[] = ['S_EL1', 'NS_EL1', 'NS_EL2'];
const GROUPS = ['G0', 'G1S', 'G1NS'] as const;
type Group = (typeof GROUPS)[number];

/** An SPI that no device of either machine drives, edge-triggered in all scenes. */
const SPI = 64;
const SPI2 = 65;
const SPI3 = 66;
const SPIS = [SPI, SPI2, SPI3];
const WORD = 2;
const bit = (intid: number): number => (1 << (intid & 31)) >>> 0;

/** Everything enabled, nothing pending or active, PMR open; at the highest level. */
function open(p: GicProgram, el3: boolean): void {
  p.top();
  p.wr('GICD_CTLR', el3 ? 0x37 : 3).wr('GICR_WAKER', 0);
  p.wr(`GICD_ICENABLER${WORD}`, 0xffff_ffff).wr(`GICD_ICPENDR${WORD}`, 0xffff_ffff);
  p.wr(`GICD_ICACTIVER${WORD}`, 0xffff_ffff).wr(`GICD_ICFGR${WORD * 2}`, 0xaaaa_aaaa);
  p.wr('GICR_ICENABLER0', 0xffff_ffff).wr('GICR_ICPENDR0', 0xffff_ffff).wr('GICR_ICACTIVER0', 0xffff_ffff);
  p.wr('GICR_IGROUPR0', 0);
  if (el3)
    p.wr('GICR_IGRPMODR0', 0)
      .wr('GICR_NSACR', 0)
      .wr(`GICD_NSACR${WORD * 2}`, 0);
  if (el3) {
    p.to('EL3').msr('ICC_BPR1_EL1', 0).top().msr('ICC_CTLR_EL3', 0);
    // What is still active is ended, as no write of ICC_AP1R0_EL1 clears the Non-secure one under QEMU.
    for (let n = 0; n < 3; n++) {
      p.top().msr('ICC_EOIR0_EL1', SPI).msr('ICC_EOIR1_EL1', SPI).to('NS_EL1').msr('ICC_EOIR1_EL1', SPI);
      p.to('S_EL1').msr('ICC_EOIR0_EL1', SPI).msr('ICC_EOIR1_EL1', SPI);
    }
    p.top().msr('ICC_IGRPEN1_EL3', 3);
  } else p.msr('ICC_AP0R0_EL1', 0).msr('ICC_AP1R0_EL1', 0).msr('ICC_CTLR_EL1', 0).msr('ICC_IGRPEN1_EL1', 1);
  p.msr('ICC_PMR_EL1', 0xff).msr('ICC_BPR0_EL1', 0).msr('ICC_BPR1_EL1', 0).msr('ICC_IGRPEN0_EL1', 1);
}

/** Groups and priorities of the three SPIs, which are enabled. From the highest level. */
function arm(p: GicProgram, el3: boolean, ...interrupts: readonly (readonly [Group, number])[]): void {
  let [group, modifier] = [0, 0];
  interrupts.forEach(([of, priority], n) => {
    if (of === 'G1NS') group |= bit(SPIS[n]!);
    if (of === 'G1S') modifier |= bit(SPIS[n]!);
    p.wr('GICD_IPRIORITYR0', priority, { plus: SPIS[n], byte: true });
  });
  p.wr(`GICD_IGROUPR${WORD}`, group);
  if (el3) p.wr(`GICD_IGRPMODR${WORD}`, modifier);
  p.wr(
    `GICD_ISENABLER${WORD}`,
    interrupts.reduce((all, _, n) => all | bit(SPIS[n]!), 0),
  );
}

const pend = (p: GicProgram, intid: number): GicProgram => p.wr(`GICD_ISPENDR${WORD}`, bit(intid));

function identification(p: GicProgram): void {
  p.scene('identification').top();
  for (const name of ['GICD_CTLR', 'GICD_TYPER', 'GICD_IIDR', 'GICD_TYPER2', 'GICD_PIDR2', 'GICD_PIDR0']) p.rd(name);
  for (const name of ['GICR_CTLR', 'GICR_IIDR', 'GICR_TYPER', 'GICR_PIDR2']) p.rd(name);
  p.rd('GICR_TYPER', { plus: 4 })
    .rd('GICR_WAKER')
    .wr('GICR_WAKER', 0)
    .rd('GICR_WAKER')
    .wr('GICR_WAKER', 2)
    .rd('GICR_WAKER');
  p.rd('GICD_CTLR', { plus: 0x30 })
    .rd('GICR_ICFGR0')
    .wr('GICR_ICFGR0', 0)
    .rd('GICR_ICFGR0')
    .wr('GICR_ICFGR1', 0xffff_ffff);
  p.rd('GICR_ICFGR1').wr('GICR_ICFGR1', 0);
  for (const n of [7, 8, 9])
    p.wr(`GICD_ISENABLER${n}`, 0xffff_ffff).rd(`GICD_ISENABLER${n}`).wr(`GICD_ICENABLER${n}`, 0xffff_ffff);
  p.wr('GICD_ISENABLER0', 0xffff_ffff).rd('GICD_ISENABLER0').wr('GICD_IPRIORITYR0', 0xffff_ffff).rd('GICD_IPRIORITYR0');
  p.wr('GICD_IPRIORITYR16', 0xffff_ffff).rd('GICD_IPRIORITYR16').wr('GICD_IPRIORITYR16', 0x1020_3040);
  p.wr('GICD_IPRIORITYR16', 0xc8, { plus: 2, byte: true }).rd('GICD_IPRIORITYR16');
  p.wr('GICR_PROPBASER', 0xffff_ffff).rd('GICR_PROPBASER').wr('GICR_PROPBASER', 0);
  p.wr('GICR_PENDBASER', 0xffff_ffff).rd('GICR_PENDBASER').wr('GICR_PENDBASER', 0);
  p.wr('GICD_IROUTER64', 0xffff_ffff).rd('GICD_IROUTER64').rd('GICD_IROUTER64', { plus: 4 }).wr('GICD_IROUTER64', 0);
}

function cpuRegisters(p: GicProgram, el3: boolean): void {
  p.scene('CPU interface after reset').top();
  const names = [
    'PMR',
    'BPR0',
    'BPR1',
    'CTLR',
    'SRE',
    'IGRPEN0',
    'IGRPEN1',
    'AP0R0',
    'AP1R0',
    'RPR',
    'HPPIR0',
    'HPPIR1',
  ];
  for (const name of names) p.mrs(`ICC_${name}_EL1`);
  for (const name of ['IAR0', 'IAR1', 'AP0R1', 'AP1R1', 'AP1R3']) p.mrs(`ICC_${name}_EL1`);
  if (el3) for (const name of ['SRE_EL2', 'SRE_EL3', 'CTLR_EL3', 'IGRPEN1_EL3']) p.mrs(`ICC_${name}`);
  p.scene('CPU interface, written with ones');
  for (const name of ['PMR', 'BPR0', 'BPR1', 'CTLR', 'IGRPEN0', 'IGRPEN1', 'SRE']) {
    p.msr(`ICC_${name}_EL1`, 0xffff_ffff).mrs(`ICC_${name}_EL1`).msr(`ICC_${name}_EL1`, 0).mrs(`ICC_${name}_EL1`);
  }
  if (!el3) return;
  for (const level of LOWER) {
    p.scene(`CPU interface at ${level}, written with ones`).to('EL3').msr('ICC_PMR_EL1', 0xff).to(level);
    for (const name of ['PMR', 'BPR0', 'BPR1', 'CTLR', 'IGRPEN0', 'IGRPEN1']) {
      p.msr(`ICC_${name}_EL1`, 0xffff_ffff).mrs(`ICC_${name}_EL1`).msr(`ICC_${name}_EL1`, 0).mrs(`ICC_${name}_EL1`);
    }
  }
  p.top();
  for (const value of [0xffff_ffff, 1, 2, 4, 8, 0x10, 0x20, 0x40, 0]) {
    p.scene(`ICC_CTLR_EL3 = ${value.toString(16)}`)
      .msr('ICC_CTLR_EL3', value)
      .mrs('ICC_CTLR_EL3')
      .mrs('ICC_CTLR_EL1');
    p.to('NS_EL1').mrs('ICC_CTLR_EL1').to('S_EL1').mrs('ICC_CTLR_EL1').top();
  }
  p.scene('ICC_IGRPEN1_EL3');
  for (const value of [3, 2, 1, 0]) {
    p.msr('ICC_IGRPEN1_EL3', value).mrs('ICC_IGRPEN1_EL3').to('NS_EL1').mrs('ICC_IGRPEN1_EL1');
    p.to('S_EL1').mrs('ICC_IGRPEN1_EL1').top();
  }
}

function priorities(p: GicProgram, el3: boolean): void {
  for (const group of el3 ? GROUPS : (['G0', 'G1NS'] as const)) {
    const iar = group === 'G0' ? 'ICC_IAR0_EL1' : 'ICC_IAR1_EL1';
    const eoir = group === 'G0' ? 'ICC_EOIR0_EL1' : 'ICC_EOIR1_EL1';
    for (const pmr of [0, 0x40, 0x78, 0x80, 0x88, 0xf8]) {
      p.scene(`${group} at 0x80, PMR 0x${pmr.toString(16)}`);
      open(p, el3);
      arm(p, el3, [group, 0x80]);
      p.msr('ICC_PMR_EL1', pmr);
      pend(p, SPI).isr().mrs(iar.replace('IAR', 'HPPIR')).mrs(iar).mrs('ICC_RPR_EL1').rd(`GICD_ISACTIVER${WORD}`);
      p.msr(eoir, SPI).mrs('ICC_RPR_EL1').rd(`GICD_ISACTIVER${WORD}`);
    }
    p.scene(`${group}: order of equal priorities`);
    open(p, el3);
    arm(p, el3, [group, 0x80], [group, 0x80], [group, 0x78]);
    for (const intid of [...SPIS].reverse()) pend(p, intid);
    for (const intid of [SPI3, SPI, SPI2]) p.mrs(iar).msr(eoir, intid);
    p.mrs(iar);
    p.scene(`${group} at 0xff`);
    open(p, el3);
    arm(p, el3, [group, 0xff]);
    pend(p, SPI).isr().mrs(iar);
  }
}

function preemption(p: GicProgram, el3: boolean): void {
  for (let bpr = 0; bpr < 8; bpr++) {
    for (const running of [0xc0, 0x48]) {
      p.scene(`G1NS running at 0x${running.toString(16)}, BPR1 ${bpr}`);
      open(p, el3);
      p.msr('ICC_BPR1_EL1', bpr).mrs('ICC_BPR1_EL1');
      arm(p, el3, ['G1NS', running]);
      pend(p, SPI).mrs('ICC_IAR1_EL1').mrs('ICC_RPR_EL1').mrs('ICC_AP1R0_EL1');
      for (const next of [0xc0, 0xb8, 0xa0, 0x80, 0x40, 0x38, 0x20, 0]) {
        arm(p, el3, ['G1NS', running], ['G1NS', next]);
        pend(p, SPI2).isr().wr(`GICD_ICPENDR${WORD}`, bit(SPI2));
      }
    }
  }
  for (let bpr0 = 0; bpr0 < 8; bpr0++) {
    p.scene(`G0 running at 0xc0, BPR0 ${bpr0}`);
    open(p, el3);
    p.msr('ICC_BPR0_EL1', bpr0).mrs('ICC_BPR0_EL1');
    arm(p, el3, ['G0', 0xc0]);
    pend(p, SPI).mrs('ICC_IAR0_EL1').mrs('ICC_RPR_EL1').mrs('ICC_AP0R0_EL1');
    for (const next of [0xb8, 0xa0, 0x80, 0x40]) {
      arm(p, el3, ['G0', 0xc0], ['G0', next]);
      pend(p, SPI2).isr().wr(`GICD_ICPENDR${WORD}`, bit(SPI2));
    }
    p.scene(`CBPR, G1NS running at 0xc0, BPR0 ${bpr0}`);
    open(p, el3);
    p.msr('ICC_BPR0_EL1', bpr0)
      .msr(el3 ? 'ICC_CTLR_EL3' : 'ICC_CTLR_EL1', el3 ? 2 : 1)
      .mrs('ICC_BPR1_EL1');
    arm(p, el3, ['G1NS', 0xc0]);
    pend(p, SPI).mrs('ICC_IAR1_EL1').mrs('ICC_RPR_EL1');
    for (const next of [0xb8, 0xa0, 0x80, 0x40]) {
      arm(p, el3, ['G1NS', 0xc0], ['G1NS', next]);
      pend(p, SPI2).isr().wr(`GICD_ICPENDR${WORD}`, bit(SPI2));
    }
    p.to('NS_EL1').mrs('ICC_BPR1_EL1').msr('ICC_BPR1_EL1', 3).mrs('ICC_BPR1_EL1').top();
  }
  p.scene('nested acknowledges');
  open(p, el3);
  arm(p, el3, ['G1NS', 0xc0], ['G1NS', 0xa0], ['G0', 0x40]);
  pend(p, SPI).mrs('ICC_IAR1_EL1').mrs('ICC_AP1R0_EL1').mrs('ICC_RPR_EL1');
  pend(p, SPI2).isr().mrs('ICC_IAR1_EL1').mrs('ICC_AP1R0_EL1').mrs('ICC_RPR_EL1');
  pend(p, SPI3).isr().mrs('ICC_IAR0_EL1').mrs('ICC_AP0R0_EL1').mrs('ICC_RPR_EL1');
  p.msr('ICC_EOIR1_EL1', SPI2).mrs('ICC_RPR_EL1').rd(`GICD_ISACTIVER${WORD}`);
  p.msr('ICC_EOIR0_EL1', SPI3).mrs('ICC_RPR_EL1').rd(`GICD_ISACTIVER${WORD}`);
  p.msr('ICC_EOIR1_EL1', SPI2).mrs('ICC_RPR_EL1').msr('ICC_EOIR1_EL1', SPI).mrs('ICC_RPR_EL1');
  p.rd(`GICD_ISACTIVER${WORD}`).mrs('ICC_AP1R0_EL1');
}

function groups(p: GicProgram, el3: boolean): void {
  const levels: readonly Level[] = el3 ? ['EL3', ...LOWER] : ['NS_EL1'];
  for (const group of el3 ? GROUPS : (['G0', 'G1NS'] as const)) {
    for (const level of levels) {
      p.scene(`${group} pending, seen at ${level}`);
      for (const iar of ['ICC_IAR0_EL1', 'ICC_IAR1_EL1']) {
        open(p, el3);
        arm(p, el3, [group, 0x80]);
        pend(p, SPI).to(level).isr().mrs('ICC_HPPIR0_EL1').mrs('ICC_HPPIR1_EL1').mrs(iar).mrs('ICC_RPR_EL1');
        p.top().rd(`GICD_ISACTIVER${WORD}`).mrs('ICC_AP0R0_EL1').mrs('ICC_AP1R0_EL1');
      }
      for (const routing of el3 ? [{}, { irq: true }, { fiq: true }, { irq: true, fiq: true }] : [{}]) {
        p.scene(`${group} pending, taken from ${level} with ${JSON.stringify(routing)}`);
        open(p, el3);
        arm(p, el3, [group, 0x80]);
        if (level === 'EL3' || !('irq' in routing || 'fiq' in routing))
          pend(p, SPI).to(level, routing).forget().take().top();
        else {
          // Pended by the level itself, as Group 1 or through NSACR, so that it is not taken on the way there.
          p.wr(`GICD_NSACR${WORD * 2}`, 0xffff_ffff).to(level, routing);
          p.forget().wr(`GICD_ISPENDR${WORD}`, bit(SPI)).take().top();
        }
      }
    }
  }
  p.scene('a group disabled at the CPU interface and a less urgent one enabled');
  open(p, el3);
  arm(p, el3, ['G0', 0x40], ['G1NS', 0x80]);
  p.msr('ICC_IGRPEN0_EL1', 0);
  pend(p, SPI2).isr();
  pend(p, SPI).isr().mrs('ICC_HPPIR1_EL1').mrs('ICC_IAR1_EL1');
  p.scene('a group disabled at the distributor and a less urgent one enabled');
  open(p, el3);
  arm(p, el3, ['G0', 0x40], ['G1NS', 0x80]);
  p.wr('GICD_CTLR', el3 ? 0x36 : 2);
  pend(p, SPI2).isr();
  pend(p, SPI).isr().mrs('ICC_HPPIR1_EL1').mrs('ICC_IAR1_EL1');
}

function endings(p: GicProgram, el3: boolean): void {
  const control = el3 ? 'ICC_CTLR_EL3' : 'ICC_CTLR_EL1';
  for (const mode of [0, 1]) {
    p.scene(`EOImode ${mode}`);
    open(p, el3);
    arm(p, el3, ['G1NS', 0xc0], ['G1NS', 0x80]);
    p.msr(control, mode === 0 ? 0 : el3 ? 4 : 2);
    pend(p, SPI).mrs('ICC_IAR1_EL1').msr('ICC_EOIR1_EL1', SPI).mrs('ICC_RPR_EL1').rd(`GICD_ISACTIVER${WORD}`);
    p.msr('ICC_DIR_EL1', SPI).rd(`GICD_ISACTIVER${WORD}`);
    p.scene(`EOImode ${mode}, another INTID written`);
    open(p, el3);
    arm(p, el3, ['G1NS', 0xc0], ['G1NS', 0x80]);
    p.msr(control, mode === 0 ? 0 : el3 ? 4 : 2);
    pend(p, SPI).mrs('ICC_IAR1_EL1').msr('ICC_EOIR1_EL1', SPI2).mrs('ICC_RPR_EL1').rd(`GICD_ISACTIVER${WORD}`);
    p.msr('ICC_EOIR1_EL1', 1023).mrs('ICC_RPR_EL1');
  }
  p.scene('EOIR of the wrong group');
  open(p, el3);
  arm(p, el3, ['G0', 0x80]);
  pend(p, SPI).mrs('ICC_IAR0_EL1').msr('ICC_EOIR1_EL1', SPI).mrs('ICC_RPR_EL1').rd(`GICD_ISACTIVER${WORD}`);
  p.msr('ICC_EOIR0_EL1', SPI).mrs('ICC_RPR_EL1').rd(`GICD_ISACTIVER${WORD}`);
}

function states(p: GicProgram, el3: boolean): void {
  const look = () => p.rd(`GICD_ISPENDR${WORD}`).rd(`GICD_ISACTIVER${WORD}`).isr();
  p.scene('edge, pended again while active');
  open(p, el3);
  arm(p, el3, ['G1NS', 0x80]);
  pend(p, SPI);
  look();
  p.mrs('ICC_IAR1_EL1');
  look();
  pend(p, SPI);
  look();
  p.msr('ICC_EOIR1_EL1', SPI);
  look();
  p.wr(`GICD_ICPENDR${WORD}`, bit(SPI));
  look();
  p.scene('ISACTIVER and ICACTIVER');
  pend(p, SPI).wr(`GICD_ISACTIVER${WORD}`, bit(SPI));
  look();
  p.wr(`GICD_ICACTIVER${WORD}`, bit(SPI));
  look();
  p.mrs('ICC_IAR1_EL1').wr(`GICD_ICACTIVER${WORD}`, bit(SPI)).mrs('ICC_RPR_EL1');
  look();
  p.scene('ISPENDR of a level');
  open(p, el3);
  arm(p, el3, ['G1NS', 0x80]);
  p.wr(`GICD_ICFGR${WORD * 2}`, 0);
  pend(p, SPI);
  look();
  p.mrs('ICC_IAR1_EL1');
  look();
  p.msr('ICC_EOIR1_EL1', SPI);
  look();
  p.scene('the level of the virtual timer');
  open(p, el3);
  p.wr('GICR_IGROUPR0', bit(27)).wr('GICR_IPRIORITYR6', 0x8080_8080).wr('GICR_ISENABLER0', bit(27));
  const timer = () => p.rd('GICR_ISPENDR0').rd('GICR_ISACTIVER0').isr().mrs('CNTV_CTL_EL0');
  p.msr('CNTV_CVAL_EL0', 0).msr('CNTV_CTL_EL0', 1);
  timer();
  p.wr('GICR_ICPENDR0', bit(27)).mrs('ICC_IAR1_EL1');
  timer();
  p.msr('ICC_EOIR1_EL1', 27);
  timer();
  p.msr('CNTV_CTL_EL0', 3);
  timer();
  p.msr('CNTV_CTL_EL0', 0);
  p.scene('a route that leads nowhere');
  open(p, el3);
  arm(p, el3, ['G1NS', 0x80]);
  p.wr('GICD_IROUTER64', 0x300);
  pend(p, SPI);
  look();
  p.mrs('ICC_IAR1_EL1').wr('GICD_IROUTER64', 0);
  look();
}

function sgis(p: GicProgram, el3: boolean): void {
  const writers: readonly Level[] = el3 ? ['EL3', ...LOWER] : ['NS_EL1'];
  for (const level of writers) {
    for (const nsacr of el3 ? [0, 1, 2, 3] : [0]) {
      for (const register of ['ICC_SGI0R_EL1', 'ICC_SGI1R_EL1', 'ICC_ASGI1R_EL1']) {
        p.scene(`${register} from ${level}, NSACR ${nsacr}, of G0, G1S, G1NS`);
        open(p, el3);
        p.wr('GICR_IGROUPR0', 4);
        if (el3) p.wr('GICR_IGRPMODR0', 2).wr('GICR_NSACR', nsacr * 0x15);
        p.to(level);
        for (const intid of [0, 1, 2]) p.msr(register, (intid << 24) | 1);
        p.top().rd('GICR_ISPENDR0');
      }
    }
  }
  p.scene('SGI to nobody');
  open(p, el3);
  p.wr('GICR_IGROUPR0', 0xffff);
  for (const value of [0x0100_0000, 0x0101_0001, 0x0100_0002]) p.msr('ICC_SGI1R_EL1', value).rd('GICR_ISPENDR0');
  p.msr('ICC_SGI1R_EL1', (1n << 40n) | 0x0100_0000n).rd('GICR_ISPENDR0');
  p.msr('ICC_SGI1R_EL1', (1n << 44n) | 0x0100_0001n).rd('GICR_ISPENDR0');
}

/** With two security states: what Non-secure software sees and changes. */
function views(p: GicProgram): void {
  p.scene('GICD_CTLR views');
  open(p, true);
  for (const value of [0x37, 0x30, 0x32]) p.wr('GICD_CTLR', value).rd('GICD_CTLR').to('NS_EL1').rd('GICD_CTLR').top();
  p.to('NS_EL1').wr('GICD_CTLR', 0xffff_ffff).rd('GICD_CTLR').top().rd('GICD_CTLR');
  p.to('NS_EL1').wr('GICD_CTLR', 0).rd('GICD_CTLR').top().rd('GICD_CTLR');
  for (const nsacr of [0, 1, 2, 3]) {
    p.scene(`Non-secure accesses, NSACR ${nsacr}`);
    open(p, true);
    arm(p, true, ['G0', 0x40], ['G1S', 0x48], ['G1NS', 0xc0]);
    p.wr(`GICD_NSACR${WORD * 2}`, nsacr * 0x15)
      .wr(`GICD_ISPENDR${WORD}`, 7)
      .wr(`GICD_ISACTIVER${WORD}`, 7);
    const registers = ['IGROUPR', 'IGRPMODR', 'ISENABLER', 'ICENABLER', 'ISPENDR', 'ICPENDR', 'ISACTIVER', 'ICACTIVER'];
    p.to('NS_EL1');
    for (const name of registers) p.rd(`GICD_${name}${WORD}`);
    p.rd('GICD_IPRIORITYR16')
      .rd(`GICD_ICFGR${WORD * 2}`)
      .rd(`GICD_NSACR${WORD * 2}`)
      .rd('GICD_IROUTER64');
    for (const name of ['ICENABLER', 'ICPENDR', 'ICACTIVER']) p.wr(`GICD_${name}${WORD}`, 7);
    p.wr('GICD_IPRIORITYR16', 0xa0a0_a0a0)
      .wr(`GICD_ICFGR${WORD * 2}`, 0)
      .wr(`GICD_IGROUPR${WORD}`, 0xffff_ffff);
    p.wr('GICD_IROUTER64', 1).wr('GICD_IROUTER65', 1).wr('GICD_IROUTER66', 1).rd('GICD_IPRIORITYR16').top();
    for (const name of registers) p.rd(`GICD_${name}${WORD}`);
    p.rd('GICD_IPRIORITYR16').rd(`GICD_ICFGR${WORD * 2}`);
    for (const intid of SPIS) p.rd(`GICD_IROUTER${intid}`).wr(`GICD_IROUTER${intid}`, 0);
    p.wr(`GICD_ICPENDR${WORD}`, 7).to('NS_EL1').wr(`GICD_ISPENDR${WORD}`, 7).top().rd(`GICD_ISPENDR${WORD}`);
  }
  p.scene('Non-secure redistributor');
  open(p, true);
  p.wr('GICR_IGROUPR0', 0xc).wr('GICR_IGRPMODR0', 2).wr('GICR_IPRIORITYR0', 0xe0e0_4020).wr('GICR_ISENABLER0', 0xf);
  p.to('NS_EL1');
  for (const name of ['IGROUPR0', 'IGRPMODR0', 'ISENABLER0', 'ICENABLER0', 'IPRIORITYR0', 'ICFGR0', 'NSACR'])
    p.rd(`GICR_${name}`);
  p.wr('GICR_IPRIORITYR0', 0x8080_8080).wr('GICR_ICENABLER0', 0xf).top().rd('GICR_IPRIORITYR0').rd('GICR_ISENABLER0');
  for (const fiq of [false, true]) {
    for (const secure of [0xff, 0xf8, 0xe8, 0x80, 0x78, 0x60, 0]) {
      p.scene(`Non-secure PMR, stored 0x${secure.toString(16)}, SCR_EL3.FIQ ${Number(fiq)}`);
      open(p, true);
      for (const value of [0xff, 0xf8, 0xf0, 0xe0, 0xc0, 0x80, 0x60, 8, 0]) {
        p.top().msr('ICC_PMR_EL1', secure).to('NS_EL1', { fiq }).mrs('ICC_PMR_EL1').msr('ICC_PMR_EL1', value);
        p.mrs('ICC_PMR_EL1').top().mrs('ICC_PMR_EL1');
      }
    }
    p.scene(`Non-secure RPR, SCR_EL3.FIQ ${Number(fiq)}`);
    for (const priority of [0x40, 0x80, 0xc0, 0xf0]) {
      open(p, true);
      arm(p, true, ['G1NS', priority]);
      pend(p, SPI).mrs('ICC_IAR1_EL1').to('NS_EL1', { fiq }).mrs('ICC_RPR_EL1').mrs('ICC_AP1R0_EL1');
      p.to('NS_EL2', { fiq }).mrs('ICC_RPR_EL1').msr('ICC_EOIR1_EL1', SPI).mrs('ICC_RPR_EL1');
    }
  }
  p.scene('DIR by who may');
  for (const level of LOWER) {
    open(p, true);
    arm(p, true, ['G0', 0x40], ['G1S', 0x48], ['G1NS', 0xc0]);
    p.msr('ICC_CTLR_EL3', 0x1c).wr(`GICD_ISACTIVER${WORD}`, 7).to(level);
    for (const intid of SPIS) p.msr('ICC_DIR_EL1', intid);
    p.top().rd(`GICD_ISACTIVER${WORD}`);
  }
}

/** Where QEMU is known to differ (interrupts that sleep, sizes, fixed registers), besides what other scenes show. */
function corners(p: GicProgram, el3: boolean): void {
  p.scene('ProcessorSleep');
  open(p, el3);
  arm(p, el3, ['G1NS', 0x80]);
  p.wr('GICR_WAKER', 2);
  pend(p, SPI).isr().mrs('ICC_HPPIR1_EL1').rd(`GICD_ISPENDR${WORD}`).wr('GICR_WAKER', 0).isr();
  if (el3) p.to('NS_EL1').rd('GICR_WAKER').wr('GICR_WAKER', 2).top().rd('GICR_WAKER').wr('GICR_WAKER', 0);
  p.scene('a byte of a word register');
  open(p, el3);
  p.wr(`GICD_ISENABLER${WORD}`, 0x01, { byte: true }).rd(`GICD_ISENABLER${WORD}`);
  p.scene('ICC_SRE');
  p.msr('ICC_SRE_EL1', 0).mrs('ICC_SRE_EL1');
  if (!el3) return;
  for (const name of ['ICC_SRE_EL2', 'ICC_SRE_EL3']) p.msr(name, 0).mrs(name).msr(name, 0xf).mrs(name);
  p.scene('Non-secure write of ICC_AP1R0_EL1');
  open(p, el3);
  p.to('NS_EL1').msr('ICC_AP1R0_EL1', 0x0101_0101).mrs('ICC_AP1R0_EL1').mrs('ICC_RPR_EL1');
  p.msr('ICC_AP1R0_EL1', 0).mrs('ICC_AP1R0_EL1').top();
}

/** Last, because nothing but a reset undoes it. */
function oneWay(p: GicProgram): void {
  p.scene('GICD_CTLR.DS set');
  open(p, true);
  p.wr('GICD_CTLR', 0x77).rd('GICD_CTLR').rd('GICD_TYPER').wr('GICD_CTLR', 0).rd('GICD_CTLR').to('NS_EL1');
  p.rd('GICD_CTLR').wr('GICD_CTLR', 0xffff_ffff).rd('GICD_CTLR').wr('GICD_CTLR', 0);
  p.rd('GICD_CTLR').wr(`GICD_IGROUPR${WORD}`, 7).rd(`GICD_IGROUPR${WORD}`).rd(`GICD_IGRPMODR${WORD}`);
  p.wr('GICD_IPRIORITYR16', 0x8040_20a0)
    .rd('GICD_IPRIORITYR16')
    .mrs('ICC_CTLR_EL1')
    .msr('ICC_CTLR_EL1', 0x43)
    .mrs('ICC_CTLR_EL1');
}

/** Everything asked in one configuration. */
export function gicProgram(el3: boolean): GicProgram {
  const p = new GicProgram(el3);
  identification(p);
  cpuRegisters(p, el3);
  priorities(p, el3);
  preemption(p, el3);
  groups(p, el3);
  endings(p, el3);
  states(p, el3);
  sgis(p, el3);
  corners(p, el3);
  open(p, el3);
  lpis(p, el3);
  if (el3) {
    views(p);
    oneWay(p);
  }
  return p;
}
