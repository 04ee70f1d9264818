import { describe, expect, it } from 'vitest';
import {
  eret32,
  type Hosted32,
  hvcImmediate,
  ldr,
  mcr,
  movsPc,
  msr32,
  readR,
  rfe,
  smc32,
  svc32,
  udf,
} from './effects.ts';
import { Machine32 } from './machine.ts';
import { type Isa32, Program32 } from './program.ts';
import { MODE, type Mode, PSR } from './psr.ts';

/** Where the code under test lies, vectors, and an address at which nothing answers. */
const CODE = 0x4000_0000;
const BASES = { VBAR: 0x4010_0000, MVBAR: 0x4020_0000, HVBAR: 0x4030_0000, secureVBAR: 0x4040_0000 };
const NOWHERE = 0x1000_0000;
const FRAME = 0x4050_0000;

function program(isa: Isa32): Program32 {
  const functions: Record<string, () => Hosted32<unknown>> = {
    svc: svc32,
    hvc: () => hvcImmediate(0x1234),
    smc: smc32,
    undefined: udf,
    dataAbort: () => ldr(NOWHERE),
    eret: eret32,
    movs: () => movsPc(CODE + 0x40),
    rfe: () => rfe(FRAME),
    nothing: () => readR(0),
  };
  for (const [name, value] of Object.entries(MODE)) functions[`msr${name}`] = () => msr32('CPSR', value, PSR.M);
  return new Program32({ code: { isa, functions } });
}
const PROGRAMS = { A32: program('A32'), T32: program('T32') };

interface Setup {
  readonly mode: Mode;
  readonly secure?: boolean;
  readonly isa?: Isa32;
  readonly hcr?: number;
  readonly scr?: number;
  readonly sctlr?: number;
  readonly hsctlr?: number;
  readonly features?: { el2?: boolean; el3?: boolean };
  readonly cpsr?: number;
}
function machineIn({ mode, secure = false, isa = 'A32', hcr = 0, scr = 0x100, ...more }: Setup): Machine32 {
  const machine = new Machine32({ program: PROGRAMS[isa], features: more.features });
  machine.place('code', CODE);
  machine.powerOn(0, { pc: CODE, mode: MODE.SVC });
  const cpu = machine.cpus[0]!;
  const ns = secure || mode === 'MON' ? 0 : 1;
  for (const copy of [false, true]) {
    cpu.setCp('VBAR', copy ? BASES.secureVBAR : BASES.VBAR, copy);
    cpu.setCp('SCTLR', more.sctlr ?? 0, copy);
  }
  cpu.setCp('MVBAR', BASES.MVBAR, false);
  cpu.setCp('HVBAR', BASES.HVBAR);
  cpu.setCp('HCR', hcr);
  cpu.setCp('HSCTLR', more.hsctlr ?? 0);
  cpu.setCp('SCR', scr | ns, false);
  cpu.cpsr = MODE[mode] | (isa === 'T32' ? PSR.T : 0) | (more.cpsr ?? 0);
  return machine;
}
function at(machine: Machine32, name: string): Machine32 {
  machine.cpus[0]!.pc = CODE + machine.program.image('code').offset(name);
  return machine;
}

/** How each kind is made to happen. The address is that of the instruction; of `prefetchAbort` the target. */
function provoke(machine: Machine32, kind: string): number {
  const cpu = machine.cpus[0]!;
  if (kind === 'irq' || kind === 'fiq' || kind === 'serror') {
    at(machine, 'nothing');
    machine.line(0, kind);
    const { pc } = cpu;
    machine.takePending(0);
    return pc;
  }
  if (kind === 'prefetchAbort') cpu.pc = NOWHERE;
  else at(machine, kind);
  const { pc } = cpu;
  // Only the exception: what is at the vector would be another one.
  machine.step(0);
  return pc;
}
/** The first exception of a step. */
const first = (machine: Machine32) => machine.taken[0]!;

// An independent transcription of DDI 0406, "Exception vectors and the exception base address" and the descriptions of
// each exception: for each kind the mode and vector by where it is taken from.
// Columns: USR, other Non-secure PL1, HYP, Secure PL1 (not MON), MON. `-` no exception.
const TABLE: Readonly<Record<string, readonly [string, string, string, string, string]>> = {
  undefined: ['UND 04', 'UND 04', 'HYP 04', 'UND 04', 'UND 04'],
  svc: ['SVC 08', 'SVC 08', 'HYP 08', 'SVC 08', 'SVC 08'],
  hvc: ['UND 04', 'HYP 14', 'HYP 08', 'UND 04', 'UND 04'],
  smc: ['UND 04', 'MON 08', 'MON 08', 'MON 08', 'MON 08'],
  prefetchAbort: ['ABT 0c', 'ABT 0c', 'HYP 0c', 'ABT 0c', 'ABT 0c'],
  dataAbort: ['ABT 10', 'ABT 10', 'HYP 10', 'ABT 10', 'ABT 10'],
  irq: ['IRQ 18', 'IRQ 18', 'HYP 18', 'IRQ 18', 'IRQ 18'],
  fiq: ['FIQ 1c', 'FIQ 1c', 'HYP 1c', 'FIQ 1c', 'FIQ 1c'],
  serror: ['ABT 10', 'ABT 10', 'HYP 10', 'ABT 10', 'ABT 10'],
};
/** LR minus the address of the instruction: A32, T32. Taken to UND, for what is UNDEFINED. */
const LINK: Readonly<Record<string, readonly [number, number]>> = {
  UND: [4, 2],
  svc: [4, 4],
  smc: [4, 4],
  prefetchAbort: [4, 4],
  dataAbort: [8, 8],
  irq: [4, 4],
  fiq: [4, 4],
  serror: [8, 8],
};
/** Masks set at entry to a mode, of AIF. */
const MASKS: Readonly<Record<string, number>> = {
  UND: 0x080,
  SVC: 0x080,
  ABT: 0x180,
  IRQ: 0x180,
  FIQ: 0x1c0,
  MON: 0x1c0,
  HYP: 0x1c0,
};
const ALL_MODES = Object.keys(MODE) as Mode[];
const NS_MODES = ALL_MODES.filter((mode) => mode !== 'MON');
const SECURE_MODES = ALL_MODES.filter((mode) => mode !== 'HYP');
const column = (mode: Mode, secure: boolean): number =>
  mode === 'USR' ? 0 : mode === 'HYP' ? 2 : mode === 'MON' ? 4 : secure ? 3 : 1;

function expectEntry(machine: Machine32, kind: string, expected: string, address: number, isa: Isa32, secure: boolean) {
  const [mode, offset] = expected.split(' ') as [Mode, string];
  const { from, to, returnAddress, vector } = first(machine);
  const cpu = machine.cpus[0]!;
  const base = mode === 'HYP' ? BASES.HVBAR : mode === 'MON' ? BASES.MVBAR : secure ? BASES.secureVBAR : BASES.VBAR;
  expect({ mode: to & 0x1f, vector }).toEqual({ mode: MODE[mode], vector: base + Number.parseInt(offset, 16) });
  expect(to & 0x1c0).toBe((from & 0x1c0) | MASKS[mode]);
  const bank = mode.toLowerCase();
  expect(cpu.named(`SPSR_${bank}`)).toBe(from);
  if (mode === 'HYP') {
    const behind = kind === 'svc' || kind === 'hvc' ? 4 : 0;
    expect(cpu.named('ELR_hyp')).toBe(address + behind);
    expect(returnAddress).toBe(address + behind);
    expect(cpu.named('LR_usr')).toBe(0);
  } else {
    const link = LINK[mode === 'UND' ? 'UND' : kind][isa === 'A32' ? 0 : 1];
    expect(cpu.named(`LR_${bank}`)).toBe(address + link);
    expect(cpu.named('ELR_hyp')).toBe(0);
  }
}

describe('an exception (DDI 0406, "Exception handling")', () => {
  for (const [kind, columns] of Object.entries(TABLE))
    for (const isa of ['A32', 'T32'] as const) {
      it(`${kind} from every mode in ${isa}: mode, vector, masks, link and saved status`, () => {
        const cases: (readonly [Mode, boolean])[] = NS_MODES.map((m) => [m, false]);
        cases.push(...SECURE_MODES.map((m) => [m, true] as const));
        for (const [mode, secure] of cases) {
          const machine = machineIn({ mode, secure, isa });
          const address = provoke(machine, kind);
          const expected = columns[mode === 'USR' && secure ? 0 : column(mode, secure)];
          expectEntry(machine, kind, expected, address, isa, secure);
        }
      });
    }

  it.each([
    // HCR bits; kind; from; to.
    ['TGE', 0x0800_0000, 'svc', 'USR', 'HYP 14'],
    ['TGE', 0x0800_0000, 'undefined', 'USR', 'HYP 14'],
    ['TGE', 0x0800_0000, 'prefetchAbort', 'USR', 'HYP 14'],
    ['TGE', 0x0800_0000, 'dataAbort', 'USR', 'HYP 14'],
    ['TGE', 0x0800_0000, 'irq', 'USR', 'HYP 18'],
    ['TGE', 0x0800_0000, 'fiq', 'USR', 'HYP 1c'],
    ['TGE', 0x0800_0000, 'serror', 'USR', 'HYP 14'],
    ['IMO', 0x10, 'irq', 'SVC', 'HYP 18'],
    ['IMO', 0x10, 'fiq', 'SVC', 'FIQ 1c'],
    ['FMO', 0x08, 'fiq', 'SVC', 'HYP 1c'],
    ['FMO', 0x08, 'irq', 'SVC', 'IRQ 18'],
    ['AMO', 0x20, 'serror', 'SVC', 'HYP 14'],
    ['AMO', 0x20, 'dataAbort', 'SVC', 'ABT 10'],
    ['TSC', 0x8_0000, 'smc', 'SVC', 'HYP 14'],
    ['TSC', 0x8_0000, 'smc', 'USR', 'UND 04'],
    ['TSC', 0x8_0000, 'smc', 'HYP', 'MON 08'],
  ] as const)('with HCR.%s (0x%x), %s from %s goes to %s', (_, hcr, kind, mode, expected) => {
    const machine = machineIn({ mode, hcr });
    const address = provoke(machine, kind);
    expectEntry(machine, kind, expected, address, 'A32', false);
  });

  it.each([
    ['IRQ', 0x102, 'irq', 'MON 18'],
    ['FIQ', 0x104, 'fiq', 'MON 1c'],
    ['EA', 0x108, 'serror', 'MON 10'],
    ['EA', 0x108, 'dataAbort', 'MON 10'],
    ['EA', 0x108, 'prefetchAbort', 'MON 0c'],
  ] as const)('with SCR.%s (0x%x) %s goes to %s from SVC and from HYP', (_, scr, kind, expected) => {
    for (const mode of ['SVC', 'HYP'] as const) {
      const machine = machineIn({ mode, scr });
      const address = provoke(machine, kind);
      expectEntry(machine, kind, expected, address, 'A32', false);
    }
  });

  it('entry to HYP sets a mask only where SCR leaves that exception to HYP', () => {
    for (let scr = 0; scr < 16; scr += 2) {
      const machine = machineIn({ mode: 'SVC', scr: 0x100 | scr });
      provoke(machine, 'hvc');
      const masks = (scr & 8 ? 0 : 0x100) | (scr & 2 ? 0 : 0x80) | (scr & 4 ? 0 : 0x40);
      expect(first(machine).to & 0x1c0).toBe(masks);
    }
  });

  it('entry to HYP takes T and E from HSCTLR, entry elsewhere from SCTLR', () => {
    for (const te of [0, 1])
      for (const ee of [0, 1]) {
        const control = te * 0x4000_0000 + ee * 0x0200_0000;
        const psr = (te ? PSR.T : 0) | (ee ? PSR.E : 0);
        for (const isa of ['A32', 'T32'] as const) {
          const hyp = machineIn({ mode: 'SVC', hsctlr: control, isa });
          provoke(hyp, 'hvc');
          expect(first(hyp).to & (PSR.T | PSR.E)).toBe(psr);
          const svc = machineIn({ mode: 'USR', sctlr: control, isa });
          provoke(svc, 'svc');
          expect(first(svc).to & (PSR.T | PSR.E)).toBe(psr);
        }
      }
  });

  it('SCTLR.V moves the vectors of PL1 to 0xffff0000, and those of HYP and Monitor not', () => {
    const vectorOf = (mode: Mode, kind: string): number => {
      const machine = machineIn({ mode, sctlr: 0x2000 });
      provoke(machine, kind);
      return first(machine).vector;
    };
    expect(vectorOf('USR', 'svc')).toBe(0xffff_0008);
    expect(vectorOf('SVC', 'irq')).toBe(0xffff_0018);
    expect(vectorOf('SVC', 'hvc')).toBe(BASES.HVBAR + 0x14);
    expect(vectorOf('SVC', 'smc')).toBe(BASES.MVBAR + 8);
  });

  it('HVC leaves LR as it was and HSR says class 0x12 with the immediate', () => {
    const machine = machineIn({ mode: 'SVC' });
    machine.cpus[0]!.setR(14, 0x5555);
    provoke(machine, 'hvc');
    expect(machine.cpus[0]!.named('LR_svc')).toBe(0x5555);
    expect(machine.cpus[0]!.cp32('HSR')).toBe((0x12 << 26) | (1 << 25) | 0x1234);
  });

  it('a trapped SMC returns to the SMC, and SCR.SCD is not asked', () => {
    const machine = machineIn({ mode: 'SVC', hcr: 0x8_0000, scr: 0x180 });
    const address = provoke(machine, 'smc');
    expect(machine.cpus[0]!.named('ELR_hyp')).toBe(address);
    expect(machine.cpus[0]!.cp32('HSR') >>> 26).toBe(0x13);
    const without = machineIn({ mode: 'SVC', scr: 0x180 });
    provoke(without, 'smc');
    expect(first(without).to & 0x1f).toBe(MODE.UND);
  });

  it('HVC with SCR.HCE 0, without EL2, and with HCR.HCD but without EL3 is UNDEFINED', () => {
    const target = (setup: Partial<Setup>): number => {
      const machine = machineIn({ mode: 'SVC', ...setup });
      provoke(machine, 'hvc');
      return first(machine).to & 0x1f;
    };
    expect(target({})).toBe(MODE.HYP);
    expect(target({ scr: 0 })).toBe(MODE.UND);
    expect(target({ features: { el2: false } })).toBe(MODE.UND);
    expect(target({ features: { el3: false } })).toBe(MODE.HYP);
    expect(target({ features: { el3: false }, hcr: 0x2000_0000 })).toBe(MODE.UND);
    // With EL3 the bit of HCR has no effect.
    expect(target({ hcr: 0x2000_0000 })).toBe(MODE.HYP);
  });
});

describe('a masked interrupt (DDI 0406, "Asynchronous exception masking")', () => {
  const taken = (setup: Setup, line: 'irq' | 'fiq' | 'serror'): boolean => {
    const machine = at(machineIn(setup), 'nothing');
    machine.line(0, line);
    machine.step(0);
    return machine.taken.length > 0;
  };
  const BIT = { irq: 0x80, fiq: 0x40, serror: 0x100 } as const;
  it.each(['irq', 'fiq', 'serror'] as const)(
    '%s: the bit of CPSR masks in every mode, its neighbours do not',
    (line) => {
      for (const mode of NS_MODES) {
        expect(taken({ mode, cpsr: BIT[line] }, line)).toBe(false);
        expect(taken({ mode, cpsr: 0x1c0 & ~BIT[line] }, line)).toBe(true);
      }
    },
  );
  it.each([
    ['irq', 0x10],
    ['fiq', 0x08],
    ['serror', 0x20],
  ] as const)('%s routed to HYP is not masked below HYP, and is in HYP', (line, hcr) => {
    expect(taken({ mode: 'SVC', cpsr: 0x1c0, hcr }, line)).toBe(true);
    expect(taken({ mode: 'USR', cpsr: 0x1c0, hcr }, line)).toBe(true);
    expect(taken({ mode: 'HYP', cpsr: 0x1c0, hcr }, line)).toBe(false);
    expect(taken({ mode: 'SVC', secure: true, cpsr: 0x1c0, hcr }, line)).toBe(false);
  });
  it('FIQ routed to Monitor ignores the mask of Non-secure state unless SCR.FW gives it back; IRQ does not', () => {
    expect(taken({ mode: 'SVC', cpsr: 0x1c0, scr: 0x104 }, 'fiq')).toBe(true);
    expect(taken({ mode: 'SVC', cpsr: 0x1c0, scr: 0x114 }, 'fiq')).toBe(false);
    expect(taken({ mode: 'SVC', secure: true, cpsr: 0x1c0, scr: 0x104 }, 'fiq')).toBe(false);
    expect(taken({ mode: 'SVC', cpsr: 0x1c0, scr: 0x102 }, 'irq')).toBe(false);
    expect(taken({ mode: 'SVC', cpsr: 0x1c0, scr: 0x108 }, 'serror')).toBe(true);
    expect(taken({ mode: 'SVC', cpsr: 0x1c0, scr: 0x128 }, 'serror')).toBe(false);
  });
  it.each([
    ['VI', 0x90, 'IRQ', 0x18, 0x80],
    ['VF', 0x48, 'FIQ', 0x1c, 0x40],
    ['VA', 0x120, 'ABT', 0x10, 0x100],
  ] as const)('virtual: HCR.%s with its routing bit comes to PL1 unless CPSR masks it', (_, hcr, mode, offset, bit) => {
    const run = (setup: Setup): Machine32 => {
      const machine = at(machineIn(setup), 'nothing');
      machine.step(0);
      return machine;
    };
    expect(first(run({ mode: 'SVC', hcr }))).toMatchObject({ vector: BASES.VBAR + offset });
    expect(first(run({ mode: 'USR', hcr })).to & 0x1f).toBe(MODE[mode]);
    expect(run({ mode: 'SVC', hcr, cpsr: bit }).taken).toEqual([]);
    expect(run({ mode: 'HYP', hcr }).taken).toEqual([]);
    expect(run({ mode: 'SVC', hcr: hcr & 0x1c0 }).taken).toEqual([]);
  });
});

/** What comes of a step: the mode afterwards, or IL. */
function outcome(machine: Machine32): string {
  const { cpsr } = machine.cpus[0]!;
  if (machine.taken.length > 0) return `!${ALL_MODES.find((m) => MODE[m] === (cpsr & 0x1f))}`;
  return cpsr & PSR.IL ? 'IL' : ALL_MODES.find((m) => MODE[m] === (cpsr & 0x1f))!;
}

describe('a change of mode by MSR (DDI 0487, "Illegal changes to PSTATE.M")', () => {
  // Rows and columns in the order USR FIQ IRQ SVC MON ABT HYP UND SYS: `+` done, `I` sets IL, `.` ignored.
  const ORDER = ['USR', 'FIQ', 'IRQ', 'SVC', 'MON', 'ABT', 'HYP', 'UND', 'SYS'] as const;
  const PL1_NS = '++++I+I++';
  const NON_SECURE: Readonly<Partial<Record<Mode, string>>> = {
    USR: '.........',
    FIQ: PL1_NS,
    IRQ: PL1_NS,
    SVC: PL1_NS,
    ABT: PL1_NS,
    HYP: 'IIIIII+II',
    UND: PL1_NS,
    SYS: PL1_NS,
  };
  const PL1_S = '++++++I++';
  const SECURE: Readonly<Partial<Record<Mode, string>>> = {
    USR: '.........',
    FIQ: PL1_S,
    IRQ: PL1_S,
    SVC: PL1_S,
    MON: PL1_S,
    ABT: PL1_S,
    UND: PL1_S,
    SYS: PL1_S,
  };
  it.each([
    ['Non-secure', false, NON_SECURE],
    ['Secure', true, SECURE],
  ] as const)('%s state: all pairs', (_, secure, table) => {
    for (const [from, row] of Object.entries(table) as [Mode, string][])
      ORDER.forEach((to, n) => {
        const machine = at(machineIn({ mode: from, secure }), `msr${to}`);
        machine.step(0);
        const expected = { '+': to, I: 'IL', '.': from }[row[n] as '+' | 'I' | '.'];
        expect(`${from} to ${to}: ${outcome(machine)}`).toBe(`${from} to ${to}: ${expected}`);
      });
  });
  it('the instruction behind one that set IL is UNDEFINED, and HYP sees class 0x0e', () => {
    const machine = at(machineIn({ mode: 'SVC' }), 'msrHYP');
    machine.step(0);
    expect(machine.taken).toEqual([]);
    machine.step(0);
    expect(first(machine)).toMatchObject({ kind: 'undefined', vector: BASES.VBAR + 4 });
    const hyp = at(machineIn({ mode: 'HYP' }), 'msrSVC');
    hyp.step(0);
    hyp.step(0);
    expect(hyp.cpus[0]!.cp32('HSR') >>> 26).toBe(0x0e);
  });
});

describe('an exception return (DDI 0487, "Illegal return events from AArch32 state")', () => {
  const ORDER = ['USR', 'FIQ', 'IRQ', 'SVC', 'MON', 'ABT', 'HYP', 'UND', 'SYS'] as const;
  const returned = (instruction: string, setup: Setup, to: number): Machine32 => {
    const machine = at(machineIn(setup), instruction);
    const cpu = machine.cpus[0]!;
    const spsr = to | PSR.N | PSR.F;
    if (cpu.spsr !== undefined) cpu.spsr = spsr;
    cpu.setR(14, CODE + 0x40);
    cpu.setNamed('ELR_hyp', CODE + 0x80);
    machine.memory.setWord(FRAME, CODE + 0x40);
    machine.memory.setWord(FRAME + 4, spsr);
    machine.step(0);
    return machine;
  };
  // `+` returned, `I` illegal, `U` the instruction is UNDEFINED there.
  const PL1_NS = '++++I+I++';
  const PL1_S = '++++++I++';
  const none = 'UUUUUUUUU';
  it.each([
    ['eret', { mode: 'USR' }, none],
    ['eret', { mode: 'SYS' }, none],
    ['eret', { mode: 'SVC' }, PL1_NS],
    ['eret', { mode: 'FIQ' }, PL1_NS],
    ['eret', { mode: 'IRQ' }, PL1_NS],
    ['eret', { mode: 'ABT' }, PL1_NS],
    ['eret', { mode: 'UND' }, PL1_NS],
    ['eret', { mode: 'HYP' }, '++++I++++'],
    ['eret', { mode: 'MON' }, PL1_S],
    ['eret', { mode: 'SVC', secure: true }, PL1_S],
    ['movs', { mode: 'USR' }, none],
    ['movs', { mode: 'SYS' }, none],
    ['movs', { mode: 'SVC' }, PL1_NS],
    ['movs', { mode: 'HYP' }, none],
    ['movs', { mode: 'MON' }, PL1_S],
    ['rfe', { mode: 'USR' }, none],
    ['rfe', { mode: 'SYS' }, PL1_NS],
    ['rfe', { mode: 'ABT' }, PL1_NS],
    ['rfe', { mode: 'HYP' }, none],
    ['rfe', { mode: 'MON' }, PL1_S],
  ] as const)('%s from %j to every mode', (instruction, setup, row) => {
    ORDER.forEach((to, n) => {
      const got = outcome(returned(instruction, setup, MODE[to]));
      const undefinedTo = setup.mode === 'HYP' ? '!HYP' : '!UND';
      const expected = { '+': to, I: 'IL', U: undefinedTo }[row[n] as '+' | 'I' | 'U'];
      expect(`to ${to}: ${got}`).toBe(`to ${to}: ${expected}`);
    });
  });
  it('HYP returns to ELR_hyp, all others to LR; flags and masks come from SPSR; T32 keeps bit 1 of the address', () => {
    const hyp = returned('eret', { mode: 'HYP' }, MODE.SVC).cpus[0]!;
    expect(hyp.pc).toBe(CODE + 0x80);
    const svc = returned('eret', { mode: 'SVC' }, MODE.USR).cpus[0]!;
    expect({ pc: svc.pc, cpsr: svc.cpsr }).toEqual({ pc: CODE + 0x40, cpsr: (MODE.USR | PSR.N | PSR.F) >>> 0 });
    for (const [thumb, pc] of [
      [0, CODE + 0x40],
      [PSR.T, CODE + 0x42],
    ]) {
      const machine = at(machineIn({ mode: 'SVC' }), 'eret');
      machine.cpus[0]!.spsr = MODE.SVC | thumb;
      machine.cpus[0]!.setR(14, CODE + 0x43);
      machine.step(0);
      expect(machine.cpus[0]!.pc).toBe(pc);
    }
  });
  it('an illegal one leaves the mode, restores the flags and sets IL', () => {
    const cpu = returned('eret', { mode: 'SVC' }, MODE.HYP).cpus[0]!;
    expect(cpu.cpsr).toBe((MODE.SVC | PSR.IL | PSR.N | PSR.F) >>> 0);
  });
  it('to a reserved mode, and to PL1 while HCR.TGE is 1, it is illegal', () => {
    expect(outcome(returned('eret', { mode: 'SVC' }, 0x14))).toBe('IL');
    expect(outcome(returned('eret', { mode: 'HYP', hcr: 0x0800_0000 }, MODE.SVC))).toBe('IL');
    expect(outcome(returned('eret', { mode: 'HYP', hcr: 0x0800_0000 }, MODE.USR))).toBe('USR');
  });
  it('Monitor reaches HYP while SCR.NS is 1, and not while it is 0', () => {
    for (const [ns, expected] of [
      [1, 'HYP'],
      [0, 'IL'],
    ] as const) {
      const machine = at(machineIn({ mode: 'MON' }), 'eret');
      const cpu = machine.cpus[0]!;
      cpu.setCp('SCR', 0x100 | ns, false);
      cpu.spsr = MODE.HYP;
      cpu.setR(14, CODE);
      machine.step(0);
      expect(outcome(machine)).toBe(expected);
    }
  });
});

describe('an exception in Monitor mode', () => {
  it('goes to Secure state: SCR.NS becomes 0', () => {
    const machine = at(machineIn({ mode: 'MON', secure: true }), 'svc');
    const cpu = machine.cpus[0]!;
    cpu.setCp('SCR', 0x101, false);
    machine.step(0);
    expect(cpu.cp32('SCR')).toBe(0x100);
    expect(first(machine).vector).toBe(BASES.secureVBAR + 8);
  });
});

it('a lockup ends: exception after exception without an instruction between them', () => {
  const program = new Program32({
    code: {
      isa: 'A32',
      functions: {
        *die() {
          yield* mcr('VBAR', NOWHERE);
          yield* udf();
        },
      },
    },
  });
  const machine = new Machine32({ program });
  machine.place('code', CODE);
  machine.powerOn(0, { pc: CODE, mode: MODE.SVC });
  expect(machine.run()).toBe('stopped');
  expect(machine.cpus[0]!.state.stopped).toMatch(/^lockup: exception after exception at 0x1000000c, ABT/);
});
