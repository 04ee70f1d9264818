import { describe, expect, it } from 'vitest';
import { CP15, cp15ByName } from './cp15.ts';
import { reachable } from './cp15-access.ts';
import type { Hosted32 } from './effects.ts';
import { adr, bx, copyWords, hint32, mcr, mrc, readR, setR, stop, str } from './effects.ts';
import { bankedAllowed } from './execute.ts';
import { Machine32 } from './machine.ts';
import { branchWord, Program32 } from './program.ts';
import { MODE, MODES, type Mode, PSR } from './psr.ts';
import { Cpu32 } from './state.ts';
import { translate } from './translate.ts';

const FEATURES = { el2: true, el3: true, gicv3: true, unalignedBranch: 'fault' } as const;
const CODE = 0x4000_0000;
const ALL_MODES = MODES.map(({ name }) => name);
/** A processor in a mode; Secure where the mode demands it, or when asked. */
function cpuIn(
  mode: Mode,
  secure = false,
  features: Partial<typeof FEATURES> | { el2?: boolean; el3?: boolean } = {},
): Cpu32 {
  const cpu = new Cpu32(0, { ...FEATURES, ...features });
  cpu.setCp('SCR', secure || mode === 'MON' ? 0x100 : 0x101, false);
  cpu.cpsr = MODE[mode];
  return cpu;
}
/** Runs code at a physical address, from SVC unless said otherwise. */
function ran(main: () => Hosted32, mode: Mode = 'SVC', prepare?: (machine: Machine32) => void): Machine32 {
  const program = new Program32({
    code: {
      isa: 'A32',
      functions: {
        *main() {
          yield* main();
          yield* stop('done');
        },
      },
    },
  });
  const machine = new Machine32({ program });
  machine.place('code', CODE);
  machine.powerOn(0, { pc: CODE, mode: MODE[mode] });
  prepare?.(machine);
  machine.run({ steps: 500 });
  return machine;
}

describe('banked registers (DDI 0406, "ARM core registers")', () => {
  // R8 to R12, SP, LR, SPSR of each mode.
  const SEEN: Readonly<Record<Mode, readonly [string, string, string, string]>> = {
    USR: ['R', 'SP_usr', 'LR_usr', '-'],
    SYS: ['R', 'SP_usr', 'LR_usr', '-'],
    FIQ: ['R_fiq', 'SP_fiq', 'LR_fiq', 'SPSR_fiq'],
    IRQ: ['R', 'SP_irq', 'LR_irq', 'SPSR_irq'],
    SVC: ['R', 'SP_svc', 'LR_svc', 'SPSR_svc'],
    MON: ['R', 'SP_mon', 'LR_mon', 'SPSR_mon'],
    ABT: ['R', 'SP_abt', 'LR_abt', 'SPSR_abt'],
    HYP: ['R', 'SP_hyp', 'LR_usr', 'SPSR_hyp'],
    UND: ['R', 'SP_und', 'LR_und', 'SPSR_und'],
  };
  it('each mode sees its own copies, and a write changes one register alone', () => {
    for (const mode of ALL_MODES) {
      const [r8, sp, lr, spsr] = SEEN[mode];
      const own = [...[8, 9, 10, 11, 12].map((n) => r8.replace('R', `R${n}`)), sp, lr];
      const names = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => `R${n}`).concat(own);
      names.forEach((name, n) => {
        const cpu = cpuIn(mode);
        const before = { ...cpu.state.registers };
        cpu.setR(n, 0x1234);
        expect(cpu.state.registers).toEqual({ ...before, [name]: 0x1234 });
        expect(cpu.r(n)).toBe(0x1234);
      });
      const cpu = cpuIn(mode);
      if (spsr === '-') expect(cpu.spsr).toBeUndefined();
      else {
        cpu.spsr = 0x5678;
        expect(cpu.named(spsr)).toBe(0x5678);
      }
    }
  });
  it('MRS and MSR (banked register): not for the own registers of a mode, HYP from Monitor alone but for ELR_hyp', () => {
    const allowed = (mode: Mode, name: string, ns = true): boolean => {
      const cpu = cpuIn(mode);
      if (mode === 'MON') cpu.setCp('SCR', ns ? 0x101 : 0x100, false);
      return bankedAllowed(cpu, name);
    };
    const modesFor = (name: string): string => ALL_MODES.filter((mode) => allowed(mode, name)).join(' ');
    expect(modesFor('SP_usr')).toBe('FIQ IRQ SVC MON ABT HYP UND');
    expect(modesFor('LR_usr')).toBe('FIQ IRQ SVC MON ABT UND');
    expect(modesFor('R8_usr')).toBe('FIQ');
    expect(modesFor('R8_fiq')).toBe('IRQ SVC MON ABT HYP UND SYS');
    expect(modesFor('SPSR_svc')).toBe('FIQ IRQ MON ABT HYP UND SYS');
    expect(modesFor('ELR_hyp')).toBe('MON HYP');
    expect(modesFor('SP_hyp')).toBe('MON');
    expect(modesFor('SPSR_hyp')).toBe('MON');
    expect(allowed('MON', 'SPSR_hyp', false)).toBe(false);
    // From Secure state only.
    expect(modesFor('SP_mon')).toBe('');
    expect(bankedAllowed(cpuIn('SVC', true), 'SP_mon')).toBe(true);
  });
});

describe('System registers', () => {
  it('have the encodings of the manual, each once', () => {
    const key = ({ encoding }: (typeof CP15)[number]): string => encoding.join(' ');
    expect(new Set(CP15.map(key)).size).toBe(CP15.length);
    // DDI 0406, "Virtualization Extensions registers".
    const HYP = `
      VPIDR 4 0 0 0, VMPIDR 4 0 0 5, HSCTLR 4 1 0 0, HACTLR 4 1 0 1, HCR 4 1 1 0, HDCR 4 1 1 1, HCPTR 4 1 1 2,
      HSTR 4 1 1 3, HTTBR 4 2, VTTBR 6 2, HTCR 4 2 0 2, VTCR 4 2 1 2, HSR 4 5 2 0, HDFAR 4 6 0 0, HIFAR 4 6 0 2,
      HPFAR 4 6 0 4, TLBIALLH 4 8 7 0, TLBIALLNSNH 4 8 7 4, HMAIR0 4 10 2 0, HMAIR1 4 10 2 1, HVBAR 4 12 0 0,
      ICC_HSRE 4 12 9 5, ICH_HCR 4 12 11 0, HTPIDR 4 13 0 2, CNTHCTL 4 14 1 0, CNTVOFF 4 14`;
    const listed = HYP.split(',').map((one) => one.trim());
    expect(CP15.filter(({ access }) => access === 'hyp').map((one) => `${one.name} ${key(one)}`)).toEqual(listed);
  });
  it.each([
    ['HVBAR', 'MON HYP'],
    ['HCR', 'MON HYP'],
    ['SCTLR', 'FIQ IRQ SVC MON ABT HYP UND SYS'],
    ['SCR', 'MON'],
  ])('%s can be reached in %s', (name, modes) => {
    const can = (mode: Mode): boolean => {
      const cpu = cpuIn(mode);
      if (mode === 'MON') cpu.setCp('SCR', 0x101, false);
      return reachable(cpu, cp15ByName(name)!, true);
    };
    expect(ALL_MODES.filter(can).join(' ')).toBe(modes);
  });
  it('those of HYP are not there without EL2, nor in Secure state', () => {
    const row = cp15ByName('HVBAR')!;
    expect(reachable(cpuIn('HYP', false, { el2: false }), row, false)).toBe(false);
    expect(reachable(cpuIn('SVC', true), row, false)).toBe(false);
    expect(reachable(cpuIn('MON'), row, false)).toBe(false);
  });
  it('what is out of reach, read-only or write-only is UNDEFINED', () => {
    for (const access of [() => mcr('HVBAR', 0), () => mcr('MIDR', 1), () => mrc('TLBIALL') as never]) {
      const { taken } = ran(access);
      expect(taken[0]).toMatchObject({ kind: 'undefined' });
    }
  });
  it('HSCTLR and HVBAR keep RES1 and RES0 bits', () => {
    const { cpus } = ran(function* () {
      yield* mcr('HSCTLR', 0);
      yield* mcr('HVBAR', 0xffff_ffff);
    }, 'HYP');
    expect(cpus[0]!.cp32('HSCTLR')).toBe(0x30c5_0830);
    expect(cpus[0]!.cp32('HVBAR')).toBe(0xffff_ffe0);
  });
  it('banked ones have a copy for each Security state; Monitor mode takes that of SCR.NS', () => {
    const { cpus } = ran(
      function* () {
        yield* mcr('VBAR', 0x100);
        yield* mcr('SCR', 0x101);
        yield* mcr('VBAR', 0x200);
      },
      'MON',
      ({ cpus: [cpu] }) => cpu!.setCp('SCR', 0x100, false),
    );
    expect([cpus[0]!.cp32('VBAR', true), cpus[0]!.cp32('VBAR', false)]).toEqual([0x100, 0x200]);
  });
  it('the kernel reads VPIDR as MIDR, HYP reads MIDR', () => {
    const midr = (mode: Mode): number =>
      ran(
        function* () {
          yield* setR(5, yield* mrc('MIDR'));
        },
        mode,
        ({ cpus: [cpu] }) => cpu!.setCp('VPIDR', 0x77),
      ).cpus[0]!.r(5);
    expect(midr('SVC')).toBe(0x77);
    expect(midr('HYP')).toBe(0x412f_c0f1);
  });
  it.each([
    ['HCR', 0x0400_0000, () => mcr('TTBCR', 0), 0x03, (2 << 17) | (2 << 10)],
    ['HSTR', 1 << 13, () => mrc('TPIDRPRW') as never, 0x03, (4 << 17) | (13 << 10) | 1],
  ] as const)('%s (0x%x) traps an access of PL1 with the encoding in HSR', (name, value, access, ec, iss) => {
    const program = new Program32({ code: { isa: 'A32', functions: { main: access } } });
    const machine = new Machine32({ program });
    machine.place('code', CODE);
    machine.powerOn(0, { pc: CODE, mode: MODE.SVC });
    const cpu = machine.cpus[0]!;
    cpu.setCp(name, value);
    machine.step(0);
    expect(machine.taken).toMatchObject([{ kind: 'hypTrap', vector: 0x14, returnAddress: CODE }]);
    expect(cpu.cp32('HSR') >>> 26).toBe(ec);
    expect(cpu.cp32('HSR') & 0xf_ffff).toBe(iss);
  });
});

describe('translation (DDI 0406, "Long-descriptor translation table format")', () => {
  const L1 = 0x4100_0000;
  const L2 = 0x4100_1000;
  const L3 = 0x4100_2000;
  const setUp = (mode: Mode): Machine32 => {
    const machine = new Machine32({ program: new Program32({ code: { isa: 'A32', functions: { *none() {} } } }) });
    machine.powerOn(0, { pc: 0, mode: MODE[mode] });
    const cpu = machine.cpus[0]!;
    const { memory } = machine;
    memory.setDoubleword(L1, 0x4000_0741n);
    memory.setDoubleword(L1 + 8, BigInt(L2) | 3n);
    memory.setDoubleword(L2, 0x4020_07c1n);
    memory.setDoubleword(L2 + 8, BigInt(L3) | 3n);
    memory.setDoubleword(L3, 0x4030_0743n);
    memory.setDoubleword(L3 + 8, 0x4030_1343n);
    memory.setDoubleword(L3 + 16, 0x4030_2743n | (1n << 54n));
    memory.setDoubleword(L3 + 24, 0x4030_3703n);
    if (mode === 'HYP') {
      cpu.setCp('HTTBR', BigInt(L1));
      cpu.setCp('HSCTLR', 1);
    } else {
      cpu.setCp('TTBR0', BigInt(L1));
      cpu.setCp('SCTLR', 1);
    }
    return machine;
  };
  const at = (machine: Machine32, va: number, access = {}) => translate(machine.cpus[0]!, machine.memory, va, access);
  it.each(['SVC', 'HYP'] as const)('%s: blocks of 1 GiB and 2 MiB, pages, and what faults at which level', (mode) => {
    const machine = setUp(mode);
    expect(at(machine, 0x0012_3456)).toEqual({ pa: 0x4012_3456 });
    expect(at(machine, 0x4001_2344)).toEqual({ pa: 0x4021_2344 });
    expect(at(machine, 0x4020_0abc)).toEqual({ pa: 0x4030_0abc });
    expect(at(machine, 0x8000_0000)).toEqual({ fault: { status: 0b000101 } });
    expect(at(machine, 0x4040_0000)).toEqual({ fault: { status: 0b000110 } });
    expect(at(machine, 0x4020_4000)).toEqual({ fault: { status: 0b000111 } });
    // Access flag; read-only block; execute never.
    expect(at(machine, 0x4020_1000)).toEqual({ fault: { status: 0b001011 } });
    expect(at(machine, 0x4000_0000, { write: true })).toEqual({ fault: { status: 0b001110 } });
    expect(at(machine, 0x4020_2000, { fetch: true })).toEqual({ fault: { status: 0b001111 } });
    expect(at(machine, 0x4020_2000)).toEqual({ pa: 0x4030_2000 });
  });
  it('USR needs AP[1], the kernel does not', () => {
    expect(at(setUp('SVC'), 0x4020_3000)).toEqual({ pa: 0x4030_3000 });
    expect(at(setUp('USR'), 0x4020_3000)).toEqual({ fault: { status: 0b001111 } });
  });
  it('a fault of stage 2 in a walk of stage 1 says so, and HPFAR is the address of the table', () => {
    const machine = ran(
      function* () {
        yield* mcr('SCTLR', 1);
        yield* hint32('nop');
      },
      'SVC',
      ({ cpus: [cpu], memory }) => {
        memory.setDoubleword(0x4200_0008, 0x4000_07fdn);
        cpu!.setCp('TTBR0', 0x8000_0000n);
        cpu!.setCp('VTTBR', 0x4200_0000n);
        cpu!.setCp('VTCR', 0x8000_0040);
        cpu!.setCp('HCR', 1);
        cpu!.setCp('HVBAR', 0x4300_0000);
        memory.setWord(0x4300_0014, branchWord(0, 'A32'));
      },
    );
    const cpu = machine.cpus[0]!;
    expect(machine.taken).toHaveLength(1);
    expect(machine.taken[0]).toMatchObject({ kind: 'prefetchAbort', vector: 0x4300_0014 });
    expect(cpu.cp32('HSR') & 0xbf).toBe(0x80 | 0b000101);
    expect(cpu.cp32('HSR') >>> 26).toBe(0x20);
    expect(cpu.cp32('HPFAR')).toBe(0x8000_0000 >>> 8);
    expect(cpu.cp32('HIFAR')).toBe(CODE + 4);
  });
});

describe('code as words', () => {
  const program = new Program32({
    mixed: {
      isa: 'A32',
      functions: { *arm() {}, *thumb() {} },
      otherIsa: ['thumb'],
      vectors: { table: { hypTrap: 'arm' } },
    },
  });
  it('is UDF of its instruction set and vectors are B, as an assembler has them', () => {
    const { words } = program.image('mixed');
    // udf #0 and udf #1; udf.w #128 and #129; b . and b to the function.
    expect([words[8], words[9]]).toEqual([0xe7f0_00f0, 0xe7f0_00f1]);
    expect([words[136], words[137]]).toEqual([0xa080_f7f0, 0xa081_f7f0]);
    expect([words[0], words[5]]).toEqual([0xeaff_fffe, 0xea00_0001]);
    expect(branchWord(0, 'T32')).toBe(0xbffe_f7ff);
  });
  it('is nothing in the other instruction set, and a branch goes where it says', () => {
    const { words } = program.image('mixed');
    expect(program.decode(words[8]!, false)).toEqual({ kind: 'code', image: 'mixed', name: 'arm', index: 0 });
    expect(program.decode(words[8]!, true)).toBeUndefined();
    expect(program.decode(words[137]!, true)).toEqual({ kind: 'code', image: 'mixed', name: 'thumb', index: 1 });
    expect(program.decode(words[137]!, false)).toBeUndefined();
    expect(program.decode(0, false)).toBeUndefined();
    for (const isa of ['A32', 'T32'] as const)
      for (const offset of [0, 4, -4, 0x1000, -0x1000, 0x10_0000, -0x80_0000])
        expect(program.decode(branchWord(offset, isa), isa === 'T32')).toEqual({ kind: 'branch', offset });
  });
  it('runs where a copy of it lies', () => {
    const copied = CODE + 0x10_0000;
    const moving = new Program32({
      code: {
        isa: 'A32',
        functions: {
          *main() {
            const from = yield* adr('moved');
            for (let at = 0; at < 512; at += 32) yield* copyWords(from + at, copied + at, 8);
            yield* str(from, 0);
            yield* bx(copied);
          },
          *moved() {
            yield* stop(`moved to 0x${(yield* adr('moved')).toString(16)}`);
          },
        },
      },
    });
    const machine = new Machine32({ program: moving });
    machine.place('code', CODE);
    machine.powerOn(0, { pc: CODE, mode: MODE.SVC });
    machine.run();
    expect(machine.cpus[0]!.state.stopped).toBe('moved to 0x40100000');
    // Where it was copied from it is no more.
    machine.powerOn(0, { pc: CODE + 512, mode: MODE.SVC });
    machine.step(0);
    expect(machine.taken).toMatchObject([{ kind: 'undefined', returnAddress: CODE + 512 }]);
  });
});

describe('a machine', () => {
  it('goes on from a snapshot as if nothing had been', () => {
    const main = function* (): Hosted32 {
      for (let n = 0; n < 40; n++) yield* str(CODE + 0x1000 + 4 * n, (yield* readR(0)) + n);
    };
    const whole = ran(main);
    const part = ran(main, 'SVC', (machine) => {
      machine.run({ steps: 33 });
      const here = machine.snapshot();
      machine.run();
      machine.restore(here);
    });
    expect(part.steps).toBe(whole.steps);
    expect(part.snapshot().cpus).toEqual(whole.snapshot().cpus);
    expect(part.memory.word(CODE + 0x1000 + 4 * 39)).toBe(39);
  });
  it('big-endian data is turned round, and an unaligned word faults only where SCTLR.A says so', () => {
    const { memory } = ran(
      function* () {
        yield* str(CODE + 0x1000, 0x1122_3344);
      },
      'SVC',
      ({ cpus: [cpu] }) => {
        cpu!.cpsr |= PSR.E;
      },
    );
    expect(memory.word(CODE + 0x1000)).toBe(0x4433_2211);
    const unaligned = (a: number): Machine32 =>
      ran(
        function* () {
          yield* str(CODE + 0x1002, 0x1122_3344);
        },
        'SVC',
        ({ cpus: [cpu] }) => cpu!.setCp('SCTLR', a),
      );
    expect(unaligned(0).memory.word(CODE + 0x1000)).toBe(0x3344_0000);
    expect(unaligned(0).memory.word(CODE + 0x1004)).toBe(0x1122);
    expect(unaligned(2).taken[0]).toMatchObject({ kind: 'dataAbort' });
  });
});
