/** The questions that a review of masking by priority asked in 2015, each with what decides it. */
import { describe, expect, it } from 'vitest';
import { type Functions, type OsRun, osMachine, osText } from '../../../test/support/os-run.ts';
import { PE_STATE } from '../../arch/pestate.ts';
import { type Hosted, hint, load, lock, mrs, msr, msrImmediate, nop, store, wfi } from '../../hosted.ts';
import type { MachineOptions } from '../../machine/options.ts';
import type { Cpu } from '../kit/cpu.ts';
import { deadlock } from '../kit/deadlock.ts';
import { DESCRIPTOR_BYTES, Kernel, type KernelOptions } from '../kit/kernel.ts';
import { BOARD } from '../kit/layout.ts';
import { inNmi } from '../kit/nesting.ts';
import { setTimer, stopTimer } from '../kit/timer.ts';
import { Backtrace } from './backtrace.ts';
import { chooseMasking } from './choose.ts';
import {
  disableNmi,
  enableNmi,
  freeNmi,
  freePercpuNmi,
  IRQF,
  nmisTaken,
  preparePercpuNmi,
  requestNmi,
  requestPercpuNmi,
  teardownPercpuNmi,
} from './nmi.ts';
import { PMR } from './pmr.ts';
import { RFC_SPSR_BIT } from './rfc.ts';

/** SPIs of the board that nobody uses. */
const SPI = 100;
const SPI2 = 101;
const PMU = 23;
const FLAGS = IRQF.PERCPU | IRQF.NO_AUTOEN;

/** A kernel whose two SPIs note, as NMIs `n` and as interrupts `i`, with where they were taken. */
function noting(options: KernelOptions = {}): Kernel {
  const kernel = new Kernel({ pseudoNmi: true, ...options });
  for (const intid of [SPI, SPI2]) {
    kernel.onNmi(intid, function* (cpu) {
      yield* cpu.printNow(`n${intid - SPI}@${cpu.pe}${(yield* inNmi(cpu)) ? '' : '?'} `);
      yield* lower(intid);
    });
    kernel.onInterrupt(intid, function* (cpu) {
      yield* cpu.printNow(`i${intid - SPI}@${cpu.pe}${(yield* inNmi(cpu)) ? '?' : ''} `);
      yield* lower(intid);
    });
  }
  return kernel;
}
/** Edge-triggered, so that a pulse is one interrupt. */
function* edge(intid: number): Hosted {
  const at = BOARD.gicdPa + 0xc00n + BigInt((intid >> 4) * 4);
  yield* store(at, (yield* load(at, 4)) | (2n << BigInt((intid & 15) * 2)), 4);
}
const raise = (intid: number): Hosted =>
  store(BOARD.gicdPa + 0x200n + BigInt((intid >> 5) * 4), 1n << BigInt(intid & 31), 4);
const lower = (intid: number): Hosted =>
  store(BOARD.gicdPa + 0x280n + BigInt((intid >> 5) * 4), 1n << BigInt(intid & 31), 4);
function* asNmi(cpu: Cpu, intid: number): Hosted {
  yield* edge(intid);
  yield* cpu.kernel.gic.route(intid, cpu.pe);
  const error = yield* requestNmi(cpu, intid, FLAGS);
  if (error !== 0n) yield* cpu.print(`request: ${error} `);
  yield* enableNmi(cpu, intid);
}
function* asInterrupt(cpu: Cpu, intid: number): Hosted {
  yield* edge(intid);
  yield* cpu.kernel.gic.route(intid, cpu.pe);
  yield* cpu.kernel.gic.enable(intid, cpu.pe);
}

const SECURITY: readonly (readonly [string, KernelOptions, MachineOptions, (run: OsRun) => void])[] = [
  ['two security states, FIQ routed to EL3', {}, {}, () => {}],
  ['two security states, FIQ not routed', {}, {}, ({ machine }) => machine.writeRegister(0, 'SCR_EL3', 0x401n)],
  ['one security state', { conduit: 'hvc' }, { el3: false }, () => {}],
];
const REGISTERS: Readonly<Record<string, readonly [irq: string, nmi: string]>> = {
  'two security states, FIQ routed to EL3': ['c0', '80'],
  'two security states, FIQ not routed': ['80', '0'],
  'one security state': ['c0', '80'],
};

describe.each(SECURITY)('questions 6, 8, 9 and 22, with %s', (name, options, machine, prepare) => {
  const run = (functions: (kernel: Kernel) => Functions, make = () => noting(options)): string => {
    const kernel = make();
    const r = osMachine(kernel, functions(kernel), machine);
    prepare(r);
    const { reason } = r.machine.run({ steps: 200_000 });
    return r.text() + (reason === 'poweroff' ? '' : `[${reason}]`);
  };
  it('masked, only the NMI comes; opened, the interrupt follows; behind DAIF nothing comes', () => {
    const text = run(() => ({
      *main(cpu) {
        yield* asNmi(cpu, SPI);
        yield* asInterrupt(cpu, SPI2);
        for (const how of ['on', 'off', 'daif']) {
          yield* cpu.printNow(`${how}: `);
          if (how === 'off') yield* cpu.irq.disable();
          if (how === 'daif') yield* cpu.irq.daifMask();
          yield* raise(SPI2);
          yield* raise(SPI);
          for (let n = 0; n < 5; n++) yield* nop();
          yield* cpu.printNow('then ');
          yield* cpu.irq.daifRestore(0n);
          for (let n = 0; n < 5; n++) yield* nop();
        }
      },
    }));
    expect(text).toBe('on: i1@0 n0@0 then off: n0@0 then i1@0 daif: then n0@0 i1@0 ');
  });
  it('the running priority reads 0x80 in an NMI, 0xc0 in an interrupt, 0xff after the end; the NMI nests once', () => {
    const text = run(
      () => ({
        *main(cpu) {
          yield* asNmi(cpu, SPI);
          yield* asInterrupt(cpu, SPI2);
          yield* raise(SPI2);
          for (let n = 0; n < 5; n++) yield* nop();
          yield* cpu.printNow(`end ${((yield* mrs('ICC_RPR_EL1')) & 0xffn).toString(16)}`);
        },
      }),
      () => {
        const kernel = new Kernel({ pseudoNmi: true, ...options });
        const rpr = function* (cpu: Cpu): Hosted {
          yield* cpu.printNow(`${(yield* mrs('ICC_RPR_EL1')).toString(16)} `);
        };
        kernel.onNmi(SPI, function* (cpu) {
          yield* cpu.printNow('nmi ');
          yield* rpr(cpu);
        });
        kernel.onInterrupt(SPI2, function* (cpu) {
          yield* cpu.printNow('irq ');
          yield* rpr(cpu);
          yield* raise(SPI);
          yield* nop();
          yield* rpr(cpu);
        });
        return kernel;
      },
    );
    expect(text).toMatch(/^irq c0 nmi 80 c0 end (ff|f8)$/);
  });
  it('the distributor is given the priorities that this configuration needs', () => {
    const text = run((kernel) => ({
      *main(cpu) {
        yield* asNmi(cpu, SPI);
        yield* asInterrupt(cpu, SPI2);
        for (const intid of [SPI2, SPI]) yield* cpu.print(`${(yield* kernel.gic.priority(intid, 0)).toString(16)} `);
      },
    }));
    expect(text).toBe(`${REGISTERS[name]![0]} ${REGISTERS[name]![1]} `);
  });
});

describe('one image', () => {
  const image = (cpu: Cpu): Hosted =>
    (function* () {
      const flags = yield* cpu.irq.saveAndDisable();
      yield* cpu.print(`${cpu.irq.name} ${yield* mrs('DAIF')} `);
      yield* cpu.irq.restore(flags);
    })();
  const withOptions = (options: KernelOptions): { text: string; pmr: number; calls: number } => {
    const kernel = new Kernel(options);
    const run = osMachine(kernel, { main: image });
    let [pmr, calls] = [0, 0];
    run.machine.on('sysreg', (_pe, name) => void (pmr += name === 'ICC_PMR_EL1' ? 1 : 0));
    run.machine.on('call', () => void calls++);
    run.machine.run({ steps: 200_000 });
    return { text: run.text(), pmr, calls };
  };
  it('question 1: the parameter says whether priorities mask; FEAT_NMI is another thing', () => {
    expect(withOptions({}).text).toBe('daif 192 ');
    expect(withOptions({ pseudoNmi: true }).text).toBe('pmr 0 ');
    const kernel = new Kernel({ pseudoNmi: true });
    const text = osText(kernel, {
      *main(cpu) {
        yield* cpu.print(`${((yield* mrs('ID_AA64PFR1_EL1')) >> 36n) & 15n}`);
      },
    });
    expect(text).toBe('0');
  });
  it('questions 3 and 25: beside a GICv2, with the parameter set, it masks by DAIF and never touches ICC_PMR_EL1', () => {
    expect(withOptions({ gic: 2, pseudoNmi: true })).toMatchObject({ text: 'daif 192 ', pmr: 0 });
    expect(withOptions({ pseudoNmi: true }).pmr).toBeGreaterThan(0);
  });
  it('question 4: the way is chosen once; choosing again is refused', () => {
    const kernel = new Kernel({ pseudoNmi: true });
    const run = osMachine(kernel, {
      *main() {
        yield* chooseMasking(kernel);
      },
    });
    expect(() => run.machine.run({ steps: 100_000 })).toThrow(/masking is chosen once/);
  });
  it('question 4: all CPUs mask in the way of the first', () => {
    const kernel = new Kernel({ pseudoNmi: true, cpus: 3 });
    kernel.onCall('way', function* (cpu) {
      return yield* load(cpu.kernel.words.masking);
    });
    const text = osText(kernel, {
      *main(cpu) {
        yield* cpu.print(`${yield* cpu.callOn('way')}`);
      },
    });
    expect(text).toBe('1,1,1');
  });
  it('question 23: masking and unmasking call no firmware', () => {
    expect(withOptions({ pseudoNmi: true }).calls).toBe(withOptions({}).calls);
    expect(withOptions({ pseudoNmi: true }).calls).toBe(1);
  });
});

describe('masking', () => {
  it('question 2: with interrupts out DAIF.I is 0 and ICC_PMR_EL1 0xc0; where NMIs are out it has the marker', () => {
    const kernel = new Kernel({ pseudoNmi: true });
    const text = osText(kernel, {
      *main(cpu) {
        const show = function* (): Hosted<string> {
          return `${(yield* mrs('DAIF')).toString(16)}/${(yield* mrs('ICC_PMR_EL1')).toString(16)} `;
        };
        let all = yield* show();
        yield* cpu.irq.disable();
        all += yield* show();
        yield* cpu.irq.daifMask();
        all += yield* show();
        yield* cpu.irq.daifRestore(0xc0n);
        all += yield* show();
        yield* cpu.irq.daifRestore(0x1c0n);
        all += yield* show();
        yield* cpu.irq.daifRestore(0n);
        all += yield* show();
        yield* cpu.print(all);
      },
    });
    expect(text).toBe('0/e0 0/c0 3c0/f0 0/c0 1c0/f0 0/e0 ');
  });
  it('saving and disabling leaves 0xc0 and 0xf0 as they are', () => {
    const kernel = new Kernel({ pseudoNmi: true });
    const text = osText(kernel, {
      *main(cpu) {
        for (const pmr of [PMR.IRQON, PMR.IRQOFF, PMR.IRQON | PMR.PSR_I_SET]) {
          yield* msr('ICC_PMR_EL1', pmr);
          const flags = yield* cpu.irq.saveAndDisable();
          const now = yield* mrs('ICC_PMR_EL1');
          yield* cpu.irq.restore(flags);
          yield* cpu.printNow(`${flags.toString(16)}>${now.toString(16)} ${cpu.irq.disabled(flags)} `);
        }
      },
    });
    expect(text).toBe('e0>c0 false c0>c0 true f0>f0 true ');
  });
  it('DAIF as it would be: interrupts count as masked when the priority masks them', () => {
    const kernel = new Kernel({ pseudoNmi: true });
    const text = osText(kernel, {
      *main(cpu) {
        yield* cpu.irq.disable();
        const off = yield* cpu.irq.daifSave();
        yield* cpu.irq.enable();
        yield* cpu.print(`${off.toString(16)} ${(yield* cpu.irq.daifSave()).toString(16)}`);
      },
    });
    expect(text).toBe('c0 0');
  });
  it('question 18: PMR takes effect before the next instruction; a DSB follows an unmask only where PMHE is 1', () => {
    const masked = noting();
    const run = osMachine(masked, {
      *main(cpu) {
        yield* asInterrupt(cpu, SPI);
        yield* cpu.irq.disable();
        yield* raise(SPI);
        yield* cpu.printNow('masked ');
        yield* cpu.irq.enable();
        yield* nop();
        yield* cpu.print(`${yield* load(masked.words.masking)}`);
      },
    });
    run.machine.run({ steps: 100_000 });
    expect(run.text()).toBe('masked i0@0 1');
    const forced = noting();
    const second = osMachine(forced, {
      *main(cpu) {
        yield* cpu.print(`${yield* load(forced.words.masking)}`);
      },
    });
    second.machine.writeRegister(0, 'ICC_CTLR_EL3', (second.machine.readRegister(0, 'ICC_CTLR_EL3') as bigint) | 0x40n);
    second.machine.run({ steps: 100_000 });
    expect(second.text()).toBe('2');
  });
  it('question 28: idle opens the priority mask behind DAIF, so that an interrupt wakes it; WFI in a masked section sleeps on', () => {
    const sleeping = (how: 'idle' | 'wfi'): string => {
      const kernel = new Kernel({ pseudoNmi: true });
      kernel.onInterrupt(kernel.timerIntid, function* (cpu) {
        yield* stopTimer();
        yield* cpu.printNow('tick ');
      });
      return osText(kernel, {
        *main(cpu) {
          yield* setTimer(cpu, 10_000n);
          yield* cpu.irq.disable();
          if (how === 'idle') yield* cpu.irq.idle();
          else yield* wfi();
          yield* cpu.printNow(`awake ${(yield* mrs('ICC_PMR_EL1')).toString(16)} `);
          yield* cpu.irq.enable();
          yield* nop();
        },
      });
    };
    expect(sleeping('idle')).toBe('awake c0 tick ');
    expect(sleeping('wfi')).toBe('[idle]');
  });
});

describe('taking NMIs', () => {
  it('question 5: from code with interrupts in and out it is an NMI, and takes no lock that the code holds', () => {
    const kernel = noting();
    const run = osMachine(kernel, {
      *main(cpu) {
        yield* asNmi(cpu, SPI);
        yield* raise(SPI);
        const flags = yield* cpu.spinLock(kernel.words.console);
        yield* raise(SPI);
        yield* nop();
        yield* cpu.spinUnlock(kernel.words.console, flags);
        yield* cpu.print(`${yield* nmisTaken(cpu, SPI)}`);
      },
    });
    run.machine.run({ steps: 100_000 });
    expect(run.text()).toBe('n0@0 n0@0 2');
    expect(deadlock(run.machine)).toBeUndefined();
  });
  it('question 7: an NMI waits for another NMI to end', () => {
    const kernel = new Kernel({ pseudoNmi: true });
    kernel.onNmi(SPI, function* (cpu) {
      yield* raise(SPI2);
      for (let n = 0; n < 10; n++) yield* nop();
      yield* cpu.printNow('first ');
    });
    kernel.onNmi(SPI2, function* (cpu) {
      yield* cpu.printNow('second ');
    });
    for (const masked of [false, true]) {
      const text = osText(kernel, {
        *main(cpu) {
          yield* asNmi(cpu, SPI);
          yield* asNmi(cpu, SPI2);
          if (masked) yield* cpu.irq.disable();
          yield* raise(SPI);
          for (let n = 0; n < 5; n++) yield* nop();
        },
      });
      expect(text).toBe('first second ');
    }
  });
  it('question 7: an SError is no matter of priorities: it comes into a section with interrupts out', () => {
    const kernel = noting();
    const run = osMachine(kernel, {
      *main(cpu) {
        yield* cpu.irq.disable();
        yield* cpu.printNow('.');
        for (let n = 0; n < 20; n++) yield* nop();
        yield* cpu.printNow('not taken');
      },
    });
    run.machine.runUntil(() => run.text() === '.', { steps: 100_000 });
    run.machine.serror(0, 0);
    run.machine.run({ steps: 100_000 });
    expect(run.text()).toMatch(/^\.Kernel panic on CPU 0: an SError at 0x/);
  });
  it('an NMI that goes away before it is acknowledged does nothing, and acknowledges no ordinary interrupt in its place', () => {
    const kernel = noting();
    const run = osMachine(kernel, {
      *main(cpu) {
        yield* requestNmi(cpu, SPI, FLAGS);
        yield* enableNmi(cpu, SPI);
        yield* asInterrupt(cpu, SPI2);
        yield* cpu.irq.disable();
        yield* raise(SPI2);
        yield* cpu.printNow('.');
        for (let n = 0; n < 30; n++) yield* nop();
        yield* cpu.printNow('enable ');
        yield* cpu.irq.enable();
        yield* nop();
      },
    });
    const { machine } = run;
    machine.runUntil(() => run.text() === '.', { steps: 100_000 });
    machine.gic.set(SPI, true);
    let entries = 0;
    machine.on('exception', () => {
      if (run.text() === '.') entries++;
    });
    machine.runUntil(() => entries === 1, { steps: 100 });
    machine.gic.set(SPI, false);
    expect(machine.run({ steps: 100_000 }).reason).toBe('poweroff');
    expect([run.text(), entries]).toEqual(['.enable i1@0 ', 1]);
  });
  it('question 17: the mask that was interrupted is in the frame, and no reserved bit of SPSR_EL1 is used', () => {
    const kernel = new Kernel({ pseudoNmi: true });
    kernel.onNmi(SPI, function* (cpu) {
      const frame = yield* load(cpu.at(kernel.nmiFrame));
      const [pmr, pstate] = [yield* load(frame + 0x118n), yield* load(frame + 0x108n)];
      yield* cpu.printNow(`${pmr.toString(16)}/${(pstate & RFC_SPSR_BIT).toString(16)} `);
    });
    const text = osText(kernel, {
      *main(cpu) {
        yield* asNmi(cpu, SPI);
        yield* raise(SPI);
        yield* cpu.irq.disable();
        yield* raise(SPI);
        yield* nop();
      },
    });
    expect(text).toBe('e0/0 c0/0 ');
  });
  it('question 15: an NMI goes to the CPU it is routed to', () => {
    const kernel = noting({ cpus: 2 });
    const text = osText(kernel, {
      *main(cpu) {
        yield* asNmi(cpu, SPI);
        for (const pe of [1, 0]) {
          yield* disableNmi(cpu, SPI);
          yield* kernel.gic.route(SPI, pe);
          yield* enableNmi(cpu, SPI);
          yield* raise(SPI);
          yield* cpu.delay(2000n);
        }
      },
    });
    expect(text).toBe('n0@1 n0@0 ');
  });
  it.each([
    [0, 'irq nmi '],
    [6, 'irq end nmi '],
  ])('question 20: with CBPR left set, a binary point 0 of %i decides whether an NMI preempts', (bpr0, order) => {
    const kernel = new Kernel({ pseudoNmi: true });
    kernel.onNmi(SPI, function* (cpu) {
      yield* cpu.printNow('nmi ');
    });
    kernel.onInterrupt(SPI2, function* (cpu) {
      yield* cpu.printNow('irq ');
      yield* raise(SPI);
      for (let n = 0; n < 5; n++) yield* nop();
      if (bpr0) yield* cpu.printNow('end ');
    });
    const run = osMachine(kernel, {
      *main(cpu) {
        yield* asNmi(cpu, SPI);
        yield* asInterrupt(cpu, SPI2);
        yield* raise(SPI2);
        for (let n = 0; n < 5; n++) yield* nop();
      },
    });
    // ICC_CTLR_EL3.CBPR_EL1NS, as firmware could leave it.
    run.machine.writeRegister(0, 'ICC_CTLR_EL3', (run.machine.readRegister(0, 'ICC_CTLR_EL3') as bigint) | 2n);
    run.machine.writeRegister(0, 'ICC_BPR0_EL1', BigInt(bpr0));
    run.machine.run({ steps: 100_000 });
    expect(run.text()).toBe(order);
  });
  it('question 19: a binary point that firmware left is set right, and NMIs preempt', () => {
    const kernel = noting();
    const run = osMachine(kernel, {
      *main(cpu) {
        yield* asNmi(cpu, SPI);
        yield* asInterrupt(cpu, SPI2);
        yield* cpu.print(`${yield* mrs('ICC_BPR1_EL1')} `);
        yield* raise(SPI);
      },
    });
    run.machine.writeRegister(0, 'ICC_BPR1_EL1', 7n);
    run.machine.run({ steps: 100_000 });
    expect(run.text()).toMatch(/^[0-3] n0@0 $/);
  });
});

describe('having NMIs', () => {
  const results = (f: (cpu: Cpu) => Hosted<readonly bigint[]>, kernel = noting({ cpus: 2 })): string =>
    osText(kernel, {
      *main(cpu) {
        yield* cpu.print((yield* f(cpu)).join(' '));
      },
    });
  it('questions 10, 13, 14 and 15: what is refused', () => {
    const text = results(function* (cpu) {
      const all: bigint[] = [];
      all.push(yield* requestNmi(cpu, 8192, FLAGS));
      all.push(yield* requestNmi(cpu, 300, FLAGS));
      all.push(yield* requestNmi(cpu, SPI, FLAGS | IRQF.SHARED));
      all.push(yield* requestNmi(cpu, SPI, FLAGS | IRQF.COND_SUSPEND));
      all.push(yield* requestNmi(cpu, SPI, FLAGS | IRQF.IRQPOLL));
      all.push(yield* requestNmi(cpu, SPI, IRQF.NO_AUTOEN));
      all.push(yield* requestNmi(cpu, SPI, IRQF.PERCPU));
      all.push(yield* requestNmi(cpu, 102, FLAGS));
      all.push(yield* requestNmi(cpu, PMU, FLAGS));
      all.push(yield* requestPercpuNmi(cpu, SPI));
      yield* cpu.kernel.gic.enable(SPI, 0);
      all.push(yield* requestNmi(cpu, SPI, FLAGS));
      yield* cpu.kernel.gic.disable(SPI, 0);
      all.push(yield* requestNmi(cpu, SPI, FLAGS));
      all.push(yield* requestNmi(cpu, SPI, FLAGS));
      yield* freeNmi(cpu, SPI);
      all.push(yield* requestNmi(cpu, SPI, FLAGS));
      return all;
    });
    expect(text).toBe('-22 -107 -22 -22 -22 -22 -22 -22 -22 -22 -22 0 -22 0');
  });
  it('without priorities every request is refused', () => {
    expect(
      results(
        function* (cpu) {
          return [yield* requestNmi(cpu, SPI, FLAGS), yield* requestPercpuNmi(cpu, 3)];
        },
        noting({ pseudoNmi: false }),
      ),
    ).toBe('-22 -22');
  });
  it('questions 11 and 12: a request changes the priority and not the group; enabling alone changes neither', () => {
    const group = (intid: number): Hosted<bigint> => load(BOARD.gicdPa + 0x80n + BigInt((intid >> 5) * 4), 4);
    const kernel = noting({ conduit: 'hvc' });
    const run = osMachine(
      kernel,
      {
        *main(cpu) {
          const before = yield* group(SPI);
          yield* asInterrupt(cpu, SPI2);
          yield* asNmi(cpu, SPI);
          const priorities = [yield* kernel.gic.priority(SPI2, 0), yield* kernel.gic.priority(SPI, 0)];
          yield* cpu.print(
            `${(yield* group(SPI)) === before && before !== 0n} ${priorities.map((p) => p.toString(16))}`,
          );
        },
      },
      { el3: false },
    );
    run.machine.run({ steps: 100_000 });
    expect(run.text()).toBe('true c0,80');
  });
  it('question 10: two SPIs are NMIs at the same time', () => {
    const kernel = noting();
    const text = osText(kernel, {
      *main(cpu) {
        yield* asNmi(cpu, SPI);
        yield* asNmi(cpu, SPI2);
        yield* cpu.irq.disable();
        yield* raise(SPI);
        yield* raise(SPI2);
        yield* nop();
      },
    });
    expect(text).toBe('n0@0 n1@0 ');
  });
  it('question 10: of two CPUs that request the same SPI at the same time one gets it', () => {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 16; seed++) {
      const kernel = noting({ cpus: 2 });
      const [ready, answer] = [kernel.variable('ready'), kernel.variable('answer')];
      const functions = {
        *main(cpu: Cpu): Hosted {
          yield* store(ready, 1n);
          const own = yield* requestNmi(cpu, SPI, FLAGS);
          while ((yield* load(answer)) === 0n) yield* cpu.relax();
          const theirs = (yield* load(answer)) - 1n;
          yield* cpu.print([own, BigInt.asIntN(64, theirs)].sort().join(' '));
        },
        *secondary(cpu: Cpu): Hosted {
          while ((yield* load(ready)) === 0n) yield* cpu.relax();
          yield* store(answer, (yield* requestNmi(cpu, SPI, FLAGS)) + 1n);
        },
      };
      outcomes.add(osText(kernel, functions, { schedule: { kind: 'random', seed, stepsMax: 3 } }));
    }
    expect([...outcomes]).toEqual(['-22 0']);
  });
  it('question 16: a private interrupt has the priority on each CPU that prepared it, and is free when none has', () => {
    const kernel = noting({ cpus: 2 });
    kernel.onNmi(PMU, function* () {});
    kernel.onCall('prepare', (cpu) => preparePercpuNmi(cpu, PMU));
    kernel.onCall('teardown', function* (cpu) {
      yield* teardownPercpuNmi(cpu, PMU);
      return 0n;
    });
    kernel.onCall('priority', (cpu) => kernel.gic.priority(PMU, cpu.pe));
    const text = results(function* (cpu) {
      const early = (yield* cpu.callOn('prepare', 0n, 2))[1]!;
      const request = yield* requestPercpuNmi(cpu, PMU);
      yield* cpu.callOn('prepare', 0n, 2);
      const [one, two] = yield* cpu.callOn('priority');
      const busy = yield* freePercpuNmi(cpu, PMU);
      yield* cpu.callOn('teardown', 0n, 2);
      const back = (yield* cpu.callOn('priority'))[1]!;
      return [BigInt.asIntN(64, early), request, one!, two!, busy, back, yield* freePercpuNmi(cpu, PMU)];
    }, kernel);
    expect(text).toBe('-22 0 192 128 -22 192 0');
  });
  it("question 27: an NMI while its descriptor's lock is held takes no lock", () => {
    const kernel = noting();
    const run = osMachine(kernel, {
      *main(cpu) {
        yield* asNmi(cpu, SPI);
        const descriptor = kernel.words.descriptors + BigInt(SPI) * DESCRIPTOR_BYTES;
        const flags = yield* cpu.spinLock(descriptor);
        yield* raise(SPI);
        yield* nop();
        yield* cpu.spinUnlock(descriptor, flags);
      },
    });
    expect(run.machine.run({ steps: 100_000 }).reason).toBe('poweroff');
    expect(run.text()).toBe('n0@0 ');
  });
});

describe('question 26: the backtrace of all CPUs', () => {
  const spinning = (pseudoNmi: boolean): string => {
    const kernel = new Kernel({ cpus: 3, pseudoNmi });
    const backtrace = new Backtrace(kernel);
    const stuck = kernel.variable('stuck');
    const run = osMachine(
      kernel,
      {
        *main(cpu) {
          while ((yield* load(stuck)) === 0n) yield* cpu.relax();
          const found = yield* backtrace.ask(cpu, -1);
          for (const [pe, pc] of found.entries())
            if (pe > 0)
              yield* cpu.print(
                `CPU ${pe}: ${pc === undefined ? 'no answer' : run.machine.hosted!.describe(pc) ? 'in the kernel' : 'somewhere'}\n`,
              );
          if (found.length < 2) yield* cpu.print('CPU 1 does not answer\n');
        },
        *secondary(cpu) {
          if (cpu.pe !== 1) return;
          yield* cpu.irq.disable();
          yield* store(stuck, 1n);
          for (;;) yield* hint('yield');
        },
      },
      { schedule: { kind: 'round-robin', turnSteps: 100 } },
    );
    run.machine.run({ steps: 400_000 });
    return run.text();
  };
  it('shows a CPU that spins with interrupts out when the request is an NMI', () => {
    expect(spinning(true)).toMatch(/^CPU 1: in the kernel\nCPU 2: in the kernel\n$/);
  });
  it('and does not without', () => {
    expect(spinning(false)).toContain('CPU 1: no answer');
  });
});

describe('the proposal of 2015', () => {
  it("takes an NMI by the ordinary path: while the descriptor's lock is held, that is a deadlock", () => {
    const kernel = noting({ rfcMasking: true });
    const run = osMachine(kernel, {
      *main(cpu) {
        yield* edge(SPI);
        yield* kernel.gic.setPriority(SPI, 0, 0x80n);
        yield* kernel.gic.enable(SPI, 0);
        yield* cpu.irq.disable();
        yield* lock(kernel.words.descriptors + BigInt(SPI) * DESCRIPTOR_BYTES, cpu.owner);
        yield* raise(SPI);
        yield* nop();
        yield* cpu.print('on');
      },
    });
    run.machine.run({ steps: 100_000 });
    expect(run.text()).toBe('');
    expect(deadlock(run.machine)).toMatch(/^CPU 0 waits for lock 0x\w+ of CPU 0$/);
  });
  it.each([
    ['cortex-a57', 0],
    ['full', 1],
  ] as const)(
    'keeps the mask in a bit of SPSR that is PAN since Armv8.1: on %s PSTATE.PAN becomes %i',
    (cpuName, pan) => {
      const kernel = noting({ rfcMasking: true });
      const run = osMachine(
        kernel,
        {
          *main(cpu) {
            if (cpuName === 'full') yield* msrImmediate('PAN', 0);
            yield* edge(SPI);
            yield* kernel.gic.setPriority(SPI, 0, 0x80n);
            yield* kernel.gic.enable(SPI, 0);
            yield* cpu.irq.disable();
            yield* raise(SPI);
            yield* nop();
            yield* cpu.printNow('end');
          },
        },
        { cpu: cpuName },
      );
      run.machine.runUntil(() => run.text().endsWith('end'), { steps: 100_000 });
      expect(run.machine.pes[0]!.s.get32(PE_STATE.PAN)).toBe(pan);
    },
  );
});
