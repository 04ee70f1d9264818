/** How masking is chosen while a kernel boots, and what firmware has to have done for it. */
import { describe, expect, it } from 'vitest';
import { type OsRun, osMachine } from '../../../test/support/os-run.ts';
import { programWithVectors } from '../../../test/support/os-vectors.ts';
import { PE_STATE } from '../../arch/pestate.ts';
import { WAIT } from '../../cpu/waiting.ts';
import { eret, type Hosted, load, mrs, msr, nop, store, writeX } from '../../hosted.ts';
import { Machine } from '../../machine/machine.ts';
import { Kernel, type KernelFunction } from '../kit/kernel.ts';
import { BOARD } from '../kit/layout.ts';
import { chooseMasking } from './choose.ts';
import { MASKING } from './flags.ts';
import { pmrFlags } from './pmr.ts';

const STEPS_MAX = 200_000;
/** SCR_EL3.FIQ, and PMHE of ICC_CTLR_EL3. */
const SCR_FIQ = 4n;
const CTLR_EL3_PMHE = 0x40n;
/** An SPI of the board that nobody uses. */
const SPI = 100;

const waiting = (run: OsRun, pe: number): number => run.machine.pes[pe]!.s.get32(PE_STATE.waitState);
const way: KernelFunction = function* (cpu) {
  yield* cpu.print(`${cpu.irq.name} `);
};

describe('question 4: the choice is patched into memory', () => {
  it('when it is made no other CPU has started, and interrupts are still masked', () => {
    const kernel = new Kernel({ pseudoNmi: true, cpus: 2 });
    const run = osMachine(kernel, { main: way });
    run.machine.runUntil(() => run.word(kernel.words.patched) === 1n, { steps: STEPS_MAX });
    expect(run.word(kernel.words.masking)).toBe(MASKING.pmrRelaxed);
    expect(waiting(run, 1)).toBe(WAIT.OFF);
    expect(run.machine.readRegister(0, 'DAIF')).toBe(0x3c0n);
  });
  it('every CPU goes by what is in memory, also one that was off and came back', () => {
    const kernel = new Kernel({ pseudoNmi: true, cpus: 3 });
    kernel.onCall('way', function* (cpu) {
      yield* nop();
      return cpu.irq.name === 'pmr' ? yield* load(kernel.words.masking) : -1n;
    });
    const run = osMachine(kernel, {
      *main(cpu) {
        yield* cpu.cpuOff(2);
        yield* cpu.cpuOn(2);
        yield* cpu.print(`${yield* cpu.callOn('way')}`);
      },
    });
    expect(run.machine.run({ steps: STEPS_MAX }).reason).toBe('poweroff');
    expect(run.text()).toBe('1,1,1');
  });
  it('after another CPU is up it is refused', () => {
    const kernel = new Kernel({ pseudoNmi: true, cpus: 2 });
    const run = osMachine(kernel, {
      *main() {
        yield* store(kernel.words.patched, 0n);
        yield* chooseMasking(kernel);
      },
    });
    expect(() => run.machine.run({ steps: STEPS_MAX })).toThrow(/before there is a second CPU, and CPU 1 is up/);
  });
  it('a word that was overwritten is found at the next entry', () => {
    const kernel = new Kernel({ pseudoNmi: true });
    const run = osMachine(kernel, {
      *main(cpu) {
        yield* store(kernel.words.masking, 9n);
        yield* kernel.here(cpu.pe, 'thread');
      },
    });
    expect(() => run.machine.run({ steps: STEPS_MAX })).toThrow(/9 is no way of masking interrupts/);
  });
});

describe('question 18: the barrier after an unmask', () => {
  /** Effects of an operation, in order, every register being read as 0xe0. */
  function effects(operation: Hosted<unknown>): string[] {
    const found: string[] = [];
    for (let at = operation.next(); !at.done; at = operation.next(0xe0n)) {
      const e = at.value;
      found.push(e.op === 'msr' ? `${e.name}=${e.value.toString(16)}` : 'name' in e ? `${e.op} ${e.name}` : e.op);
    }
    return found;
  }
  it.each([
    [false, []],
    [true, ['hint dsb']],
  ])('with PMHE %s: %j', (forced, dsb) => {
    const irq = pmrFlags(forced);
    expect(effects(irq.enable())).toEqual(['ICC_PMR_EL1=e0', ...dsb]);
    expect(effects(irq.restore(0xe0n))).toEqual(['ICC_PMR_EL1=e0', ...dsb]);
    expect(effects(irq.daifRestore(0n))).toEqual(['ICC_PMR_EL1=e0', ...dsb, 'DAIF=0']);
    expect(effects(irq.leave(0n))).toEqual(['load', 'ICC_PMR_EL1=e0', ...dsb]);
  });
  it('a mask needs none', () => {
    expect(effects(pmrFlags(true).disable())).toEqual(['ICC_PMR_EL1=c0']);
  });
});

describe('question 21: what EL3 has to have done', () => {
  /** Runs a kernel of two CPUs; what its firmware did in another way is done to CPU 1 when it starts. */
  function secondCpu(change: (machine: Machine) => void): string {
    const run = osMachine(new Kernel({ pseudoNmi: true, cpus: 2 }), { main: way });
    run.machine.runUntil(() => waiting(run, 1) === WAIT.RUNNING, { steps: STEPS_MAX });
    change(run.machine);
    run.machine.run({ steps: STEPS_MAX });
    return run.text();
  }
  const flip = (machine: Machine, name: string, bit: bigint): void =>
    machine.writeRegister(1, name, (machine.readRegister(1, name) as bigint) ^ bit);

  it('the same on all CPUs: nothing is said', () => {
    expect(secondCpu(() => {})).toBe('pmr ');
  });
  it('SCR_EL3.FIQ that differs between CPUs is a warning on the second', () => {
    expect(secondCpu((machine) => flip(machine, 'SCR_EL3', SCR_FIQ))).toBe(
      'CPU 1: WARNING: SCR_EL3.FIQ is not as on CPU 0: priorities do not mask interrupts as they must\npmr ',
    );
  });
  it('ICC_CTLR_EL3.PMHE that differs is one too', () => {
    expect(secondCpu((machine) => flip(machine, 'ICC_CTLR_EL3', CTLR_EL3_PMHE))).toBe(
      'CPU 1: WARNING: ICC_CTLR_EL1.PMHE is not as on CPU 0: what is unmasked may be seen late\npmr ',
    );
  });
  it.each([
    [0xf8n, 'i'],
    [0x40n, ''],
  ])('ICC_PMR_EL1 left at %i, FIQs being routed to EL3: interrupts come: %j', (pmr, text) => {
    const kernel = new Kernel({ pseudoNmi: true });
    kernel.onInterrupt(SPI, function* (cpu) {
      yield* store(BOARD.gicdPa + 0x280n + BigInt((SPI >> 5) * 4), 1n << BigInt(SPI & 31), 4);
      yield* cpu.printNow('i');
    });
    const run = osMachine(kernel, {
      *main(cpu) {
        yield* kernel.gic.route(SPI, 0);
        yield* kernel.gic.enable(SPI, 0);
        yield* store(BOARD.gicdPa + 0x200n + BigInt((SPI >> 5) * 4), 1n << BigInt(SPI & 31), 4);
        for (let n = 0; n < 100; n++) yield* nop();
        yield* cpu.off();
      },
    });
    // As Secure software would.
    const scr = run.machine.readRegister(0, 'SCR_EL3') as bigint;
    run.machine.writeRegister(0, 'SCR_EL3', scr & ~1n);
    run.machine.writeRegister(0, 'ICC_PMR_EL1', pmr);
    run.machine.writeRegister(0, 'SCR_EL3', scr);
    run.machine.run({ steps: STEPS_MAX });
    expect(run.text()).toBe(text);
  });
  it('ICC_SRE_EL3.Enable left 0: the first touch of ICC_SRE_EL1 is an exception to EL3, and the kernel is stuck', () => {
    const run = osMachine(new Kernel({ pseudoNmi: true }), { main: way });
    const reports: string[] = [];
    run.machine.log.onReport((message) => void reports.push(message));
    run.machine.writeRegister(0, 'ICC_SRE_EL3', 7n);
    expect(run.machine.run({ steps: 20_000 }).reason).toBe('limit');
    expect(run.text()).toBe('');
    expect(reports[0]).toMatch(/exception to EL3 at vector 0x400, ESR_EL3 0x623a3018/);
  });
});

/** A hypervisor that hides the System registers of the CPU interface: ICC_SRE_EL1 traps and reads as 0. */
function hiding(kernel: Kernel, main: KernelFunction): { machine: Machine; text: () => string; vectors: bigint } {
  kernel.addFunction('hide', function* () {
    yield* msr('VBAR_EL2', hosted.vectors('hide'));
    yield* msr('ICC_SRE_EL2', 7n);
    yield* msr('HCR_EL2', 1n << 31n);
    yield* msr('CNTHCTL_EL2', 3n);
    yield* msr('ELR_EL2', kernel.address(kernel.entry));
    yield* msr('SPSR_EL2', 0x3c5n);
    yield* eret();
  });
  kernel.addFunction('hidden', function* () {
    const esr = yield* mrs('ESR_EL2');
    if (esr >> 26n !== 0x18n)
      throw new Error(`the hypervisor of this test cannot deal with ESR_EL2 0x${esr.toString(16)}`);
    if (esr & 1n) yield* writeX(0, 0n);
    yield* msr('ELR_EL2', (yield* mrs('ELR_EL2')) + 4n);
    yield* eret();
  });
  const hosted = programWithVectors(kernel, { main }, { hide: { lower64: { sync: 'hidden' } } });
  const machine = Machine.create({
    ...{ hosted, entry: 'hide', el2: true },
    ...{ cpus: kernel.options.cpus, memoryBytes: 16 * 2 ** 20 },
  });
  let text = '';
  machine.console.onOutput((bytes) => {
    text += new TextDecoder().decode(bytes);
  });
  return { machine, text: () => text, vectors: hosted.vectors('hide') };
}

describe('questions 21 and 25: System registers of the CPU interface that cannot be used', () => {
  it('on the first CPU: the same image masks by DAIF, with the parameter set, and never touches ICC_PMR_EL1', () => {
    const kernel = new Kernel({ pseudoNmi: true });
    const { machine, text } = hiding(kernel, function* (cpu) {
      yield* cpu.irq.disable();
      yield* cpu.print(`${cpu.irq.name} ${yield* mrs('DAIF')}`);
    });
    let masks = 0;
    // While it starts it opens the mask once, as every kernel does.
    machine.runUntil(() => machine.readMemory(kernel.words.ready, 1)[0] === 1, { steps: STEPS_MAX });
    machine.on('sysreg', (_pe, name) => void (masks += name === 'ICC_PMR_EL1' ? 1 : 0));
    expect(machine.run({ steps: STEPS_MAX }).reason).toBe('poweroff');
    expect([text(), masks]).toEqual(['daif 192', 0]);
  });
  it('on another CPU: the kernel ends, and says which', () => {
    const kernel = new Kernel({ pseudoNmi: true, cpus: 2 });
    const { machine, text, vectors } = hiding(kernel, way);
    machine.writeRegister(0, 'PC', kernel.address(kernel.entry));
    machine.runUntil(() => machine.pes[1]!.s.get32(PE_STATE.waitState) === WAIT.RUNNING && machine.pes[1]!.s.el === 1, {
      steps: STEPS_MAX,
    });
    machine.writeRegister(1, 'VBAR_EL2', vectors);
    machine.writeRegister(1, 'ICC_SRE_EL2', 7n);
    machine.run({ steps: STEPS_MAX });
    expect(text()).toMatch(/^Kernel panic on CPU 1: ICC_SRE_EL1\.SRE cannot be set here/);
  });
});
