/** What a kernel of the kit lets others do: for SErrors, and before a program at EL0 goes on. */
import { describe, expect, it } from 'vitest';
import { type OsRun, osMachine } from '../../../test/support/os-run.ts';
import { eret, load, mrs, msr, nop, store, svc, writeX } from '../../hosted.ts';
import type { Cpu } from './cpu.ts';
import { FRAME } from './frame.ts';
import { Kernel, type KernelOptions } from './kernel.ts';
import { BOARD } from './layout.ts';
import { inNmi } from './nesting.ts';

const STEPS_MAX = 100_000;
const WAYS: readonly (readonly [string, KernelOptions, masked: string])[] = [
  ['DAIF', {}, '1c0/f0 then 40/f0'],
  ['priorities', { pseudoNmi: true }, '1c0/f0 then 0/c0'],
];

describe.each(WAYS)('an SError, with interrupts masked by %s', (_, options, masked) => {
  /** A kernel that meets one in a section with interrupts out. */
  function met(kernel: Kernel): string {
    const run = osMachine(kernel, {
      *main(cpu) {
        yield* cpu.irq.disable();
        yield* cpu.printNow('.');
        for (let n = 0; n < 20; n++) yield* nop();
        const daif = (yield* mrs('DAIF')) & ~0x80n;
        yield* cpu.printNow(`then ${daif.toString(16)}/${(yield* mrs('ICC_PMR_EL1')).toString(16)}`);
        yield* cpu.off();
      },
    });
    run.machine.runUntil(() => run.text() === '.', { steps: STEPS_MAX });
    run.machine.serror(0, 0x42);
    run.machine.run({ steps: STEPS_MAX });
    return run.text();
  }

  it('that a handler deals with leaves everything as it was; SErrors are out while it runs, and it is an NMI', () => {
    const kernel = new Kernel(options);
    const seen: unknown[] = [];
    kernel.onSerror(function* (cpu, frame, esr) {
      const interruptedPc = yield* load(frame.pa + FRAME.pc);
      seen.push(cpu.context, yield* inNmi(cpu), esr, frame.pc === interruptedPc);
      yield* cpu.printNow(`${(yield* mrs('DAIF')).toString(16)}/${(yield* mrs('ICC_PMR_EL1')).toString(16)} `);
      return true;
    });
    expect(met(kernel)).toBe(`.${masked}`);
    expect(seen).toEqual(['nmi', true, 0xbe00_0042n, true]);
  });
  it('is offered to handlers in their order until one takes it', () => {
    const kernel = new Kernel(options);
    for (const [n, takes] of [false, true, true].entries())
      kernel.onSerror(function* (cpu) {
        yield* cpu.printNow(`${n} `);
        return takes;
      });
    expect(met(kernel)).toMatch(/^\.0 1 then/);
  });
  it('that nobody takes is a panic that says where, and with which syndrome', () => {
    const kernel = new Kernel(options);
    kernel.onSerror(function* () {
      yield* nop();
      return false;
    });
    expect(met(kernel)).toMatch(/^\.Kernel panic on CPU 0: an SError at 0x6\w+, ESR_EL1 0xbe000042\n$/);
  });
});

/** SPI of the board that nobody uses. */
const SPI = 100;

/** A program at EL0 that looks for work left undone; an interrupt brings some, a hook does it. */
function userKernel(options: KernelOptions, prepare: (kernel: Kernel, due: (cpu: Cpu) => bigint) => void): OsRun {
  const kernel = new Kernel(options);
  const due = kernel.perCpu('due');
  const bad = kernel.variable('bad');
  kernel.onInterrupt(SPI, function* (cpu) {
    yield* cpu.add(due, 1n);
  });
  prepare(kernel, (cpu) => cpu.at(due));
  kernel.onSync(function* (cpu, frame) {
    if (!frame.fromEl0) return false;
    yield* cpu.printNow(`end ${yield* load(bad)}`);
    yield* cpu.off();
    return true;
  });
  kernel.addFunction('user', function* ({ x }) {
    const at = x[0]!;
    for (let n = 0; n < 40; n++) if ((yield* load(at)) !== 0n) yield* store(bad, 1n);
    yield* svc();
  });
  return osMachine(kernel, {
    *main(cpu) {
      const icfgr = BOARD.gicdPa + 0xc00n + BigInt((SPI >> 4) * 4);
      yield* store(icfgr, (yield* load(icfgr, 4)) | (2n << BigInt((SPI & 15) * 2)), 4);
      yield* kernel.gic.route(SPI, 0);
      yield* kernel.gic.enable(SPI, 0);
      yield* cpu.printNow('.');
      yield* msr('SPSR_EL1', 0n);
      yield* msr('ELR_EL1', kernel.address('user'));
      yield* writeX(0, cpu.at(due));
      yield* eret();
    },
  });
}

function pulse({ machine }: OsRun): void {
  machine.gic.set(SPI, true);
  machine.gic.set(SPI, false);
}

describe.each(WAYS)('work before the return to EL0, with interrupts masked by %s', (_, options) => {
  const hook = (kernel: Kernel, due: (cpu: Cpu) => bigint, again: boolean): void =>
    kernel.onReturnToUser({
      *pending(cpu) {
        return (yield* load(due(cpu))) !== 0n;
      },
      *work(cpu, frame) {
        yield* cpu.printNow(`${cpu.context}${frame.fromEl0 ? '' : '?'} `);
        if (!again) yield* store(due(cpu), 0n);
        for (let n = 0; n < 10; n++) yield* nop();
      },
    });

  it('is done whenever a program was interrupted, and before it goes on, wherever interrupts come', () => {
    const run = userKernel(options, (kernel, due) => hook(kernel, due, false));
    run.machine.runUntil(() => run.text() === '.', { steps: STEPS_MAX });
    run.machine.runUntil(() => run.machine.pes[0]!.s.el === 0, { steps: 1000 });
    const atUser = run.machine.snapshot();
    const texts = new Set<string>();
    for (let second = 1; second < 330; second++) {
      run.machine.restore(atUser);
      const before = run.text().length;
      run.machine.run({ steps: 5 });
      pulse(run);
      run.machine.run({ steps: second });
      pulse(run);
      run.machine.run({ steps: STEPS_MAX });
      texts.add(run.text().slice(before));
    }
    // The second interrupt came before the first was taken, into the work, or into the program; nothing was left.
    expect([...texts].sort()).toEqual(['thread end 0', 'thread thread end 0']);
  });
  it('is not asked about when an interrupt came out of the kernel', () => {
    const run = userKernel(options, (kernel, due) => hook(kernel, due, false));
    run.machine.runUntil(() => run.text() === '.', { steps: STEPS_MAX });
    pulse(run);
    run.machine.run({ steps: 2 });
    expect(run.machine.pes[0]!.s.el).toBe(1);
    run.machine.run({ steps: STEPS_MAX });
    // The interrupt was taken before the program began, and nothing interrupted the program.
    expect(run.text()).toBe('.end 1');
  });
  it('that is never done is a panic', () => {
    const run = userKernel(options, (kernel, due) => hook(kernel, due, true));
    run.machine.runUntil(() => run.text() === '.', { steps: STEPS_MAX });
    run.machine.runUntil(() => run.machine.pes[0]!.s.el === 0, { steps: 1000 });
    pulse(run);
    run.machine.run({ steps: 2_000_000 });
    expect(run.text()).toMatch(/thread Kernel panic on CPU 0: work before the return to 0x6\w+ never ends\n$/);
  });
});
