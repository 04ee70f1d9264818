import { describe, expect, it } from 'vitest';
import { become, callAt, eret, type Hosted, load, msr, nop, readX, store, svc, unlock, writeX } from '../../hosted.ts';
import { VIRT_INTIDS, VIRT_MEMORY_MAP } from '../../machine/board/virt.ts';
import { Machine } from '../../machine/machine.ts';
import type { MachineOptions } from '../../machine/options.ts';
import type { Cpu } from './cpu.ts';
import { deadlock } from './deadlock.ts';
import { FRAME } from './frame.ts';
import { Kernel, type KernelFunction, type KernelOptions } from './kernel.ts';
import { AREA, areaOf, BOARD } from './layout.ts';
import { setTimer, stopTimer } from './timer.ts';

type Functions = { readonly main: KernelFunction } & Readonly<Record<string, KernelFunction>>;

interface Run {
  readonly machine: Machine;
  readonly reason: string;
  readonly text: string;
  word(pa: bigint): bigint;
}

function start(kernel: Kernel, functions: Functions, options: MachineOptions = {}): Machine {
  const { cpus, gic } = kernel.options;
  return Machine.create({
    hosted: kernel.program(functions),
    entry: kernel.entry,
    cpus,
    gic,
    memoryBytes: 16 * 2 ** 20,
    ...options,
  });
}
function run(kernel: Kernel, functions: Functions, options: MachineOptions = {}, steps = 2_000_000): Run {
  const machine = start(kernel, functions, options);
  let text = '';
  machine.console.onOutput((bytes) => {
    text += new TextDecoder().decode(bytes);
  });
  const { reason } = machine.run({ steps });
  const word = (pa: bigint): bigint => new DataView(machine.readMemory(pa, 8).slice().buffer).getBigUint64(0, true);
  return { machine, reason, text, word };
}

const CONFIGURATIONS: readonly (readonly [string, KernelOptions, MachineOptions])[] = [
  ['GICv3', {}, {}],
  ['GICv3 with one security state', { conduit: 'hvc' }, { el3: false }],
  ['GICv3 with priorities', { pseudoNmi: true }, {}],
  ['GICv3 with priorities and one security state', { pseudoNmi: true, conduit: 'hvc' }, { el3: false }],
  ['GICv2', { gic: 2 }, {}],
  ['GICv2, asked for priorities', { gic: 2, pseudoNmi: true }, {}],
  ['EL2', { el: 2 }, { el2: true }],
  ['EL1 below EL2', {}, { el2: true }],
];

describe('the board of the kit', () => {
  it('is that of the machine', () => {
    expect(BOARD).toMatchObject({
      uartPa: VIRT_MEMORY_MAP.pl011.basePa,
      gicdPa: VIRT_MEMORY_MAP.gicd.basePa,
      giccPa: VIRT_MEMORY_MAP.gicc.basePa,
      gicrPa: VIRT_MEMORY_MAP.gicr.basePa,
      ramPa: VIRT_MEMORY_MAP.ram.basePa,
      virtualTimerIntid: VIRT_INTIDS.CNTV,
    });
  });
});

describe.each(CONFIGURATIONS)('a kernel of the kit with %s', (_, options, machine) => {
  it('brings four CPUs up, takes timer interrupts, calls the others, powers off', () => {
    const kernel = new Kernel({ cpus: 4, ...options });
    const ticks = kernel.variable('ticks');
    kernel.onInterrupt(kernel.timerIntid, function* (cpu) {
      const n = (yield* load(ticks)) + 1n;
      yield* store(ticks, n);
      if (n < 5n) yield* setTimer(cpu, 1000n);
      else yield* stopTimer();
    });
    kernel.onCall('square', function* (cpu, x) {
      yield* nop();
      return x * x + BigInt(cpu.pe);
    });
    const { reason, text, word } = run(
      kernel,
      {
        *main(cpu) {
          yield* setTimer(cpu, 1000n);
          while ((yield* load(ticks)) < 5n) yield* nop();
          const results = yield* cpu.callOn('square', 10n);
          yield* cpu.print(`${(yield* cpu.online()).toString(2)} ${results.join(' ')}\n`);
        },
      },
      machine,
    );
    expect(text).toBe('1111 100 101 102 103\n');
    expect(reason).toBe('poweroff');
    expect(word(ticks)).toBe(5n);
  });

  it('takes CPUs down and brings them back, with callbacks on the CPU itself', () => {
    const kernel = new Kernel({ cpus: 3, ...options });
    const log = kernel.perCpu('log');
    kernel.onHotplug('log', {
      *up(cpu) {
        yield* cpu.add(log, 1n);
      },
      *down(cpu) {
        yield* cpu.add(log, 100n);
      },
    });
    const { reason, text, word } = run(
      kernel,
      {
        *main(cpu) {
          yield* cpu.installHotplug('log');
          for (const pe of [1, 2, 1]) {
            yield* cpu.cpuOff(pe);
            const online = yield* cpu.online();
            yield* cpu.print(`${online.toString(2)} `);
            yield* cpu.cpuOn(pe);
          }
          yield* cpu.removeHotplug('log');
        },
      },
      machine,
    );
    expect(text).toBe('101 11 101 ');
    expect(reason).toBe('poweroff');
    expect([0, 1, 2].map((pe) => word(areaOf(pe) + log))).toEqual([101n, 303n, 202n]);
  });

  it('is the same however it is cut up and restored', () => {
    const end = (cut: boolean): string => {
      const kernel = new Kernel({ cpus: 2, ...options });
      kernel.onInterrupt(kernel.timerIntid, function* () {
        yield* stopTimer();
      });
      const m = start(
        kernel,
        {
          *main(cpu) {
            yield* setTimer(cpu, 500n);
            yield* cpu.print('x');
            yield* cpu.callOn('nothing');
          },
        },
        machine,
      );
      kernel.onCall('nothing', function* () {
        yield* nop();
        return undefined;
      });
      for (let n = 0; n < 50_000 && m.run({ steps: cut ? 1 : 50_000 }).reason === 'limit'; n++)
        if (cut && n % 11 === 0) m.restore(m.snapshot());
      return m.digest();
    };
    expect(end(true)).toBe(end(false));
  });
});

describe('a kernel of the kit', () => {
  it('saves and restores every register around an interrupt', () => {
    const kernel = new Kernel();
    kernel.onInterrupt(kernel.timerIntid, function* () {
      for (let n = 0; n < 31; n++) yield* writeX(n, 0xdeadn);
      yield* stopTimer();
    });
    const { text } = run(kernel, {
      *main(cpu) {
        for (let n = 0; n < 31; n++) yield* writeX(n, BigInt(1000 + n));
        yield* setTimer(cpu, 100n);
        for (let n = 0; n < 200; n++) yield* nop();
        let sum = 0n;
        for (let n = 0; n < 31; n++) sum += (yield* readX(n)) - 1000n - BigInt(n);
        yield* cpu.print(`${sum}`);
      },
    });
    expect(text).toBe('0');
  });

  it('panics with what it found on an exception nobody handles, and stops the other CPUs', () => {
    const kernel = new Kernel({ cpus: 2 });
    const { text, reason, word } = run(kernel, {
      *main() {
        yield* load(0x1000_0000_0000n);
      },
    });
    expect(text).toMatch(/^Kernel panic on CPU 0: unexpected exception at 0x6001[0-9a-f]+, ESR_EL1 0x9[0-9a-f]+, FAR/);
    expect(reason).toBe('poweroff');
    expect(word(areaOf(1) + AREA.stopped)).toBe(1n);
  });

  it('lets a handler deal with an exception, and with calls from EL0', () => {
    const kernel = new Kernel();
    kernel.onSync(function* (cpu, frame, esr) {
      if (esr >> 26n !== 0x15n) return false;
      if (!frame.fromEl0) return false;
      const number = yield* load(frame.pa + FRAME.x);
      yield* cpu.print(`svc ${number} `);
      yield* store(frame.pa + FRAME.x, number * 2n);
      if (number === 8n) yield* cpu.off();
      return true;
    });
    kernel.addFunction('user', function* () {
      const [a] = yield* svc(2n);
      const [b] = yield* svc(a!);
      yield* svc(b!);
    });
    const { text } = run(kernel, {
      *main() {
        yield* msr('SPSR_EL1', 0n);
        yield* msr('ELR_EL1', kernel.address('user'));
        yield* eret();
      },
    });
    expect(text).toBe('svc 2 svc 4 svc 8 ');
  });

  it('notices a stack that overflows, before the frame is written below it', () => {
    const kernel = new Kernel();
    kernel.onSync(function* () {
      yield* svc();
      return true;
    });
    const { text, reason } = run(kernel, {
      *main() {
        yield* svc();
      },
    });
    expect(text).toMatch(/^Kernel panic on CPU 0: kernel stack overflow at 0x/);
    expect(reason).toBe('poweroff');
  });

  it('has functions for loops without end', () => {
    const kernel = new Kernel();
    const { text } = run(kernel, {
      *main() {
        yield* become('loop', 0n);
      },
      *loop(cpu, [n]) {
        if (n === 3n) {
          yield* cpu.print('three');
          yield* cpu.off();
        }
        yield* callAt(kernel.address('nothing'));
        yield* become('loop', n! + 1n);
      },
      *nothing() {
        yield* nop();
      },
    });
    expect(text).toBe('three');
  });

  it('runs `secondary` once on each other CPU', () => {
    const kernel = new Kernel({ cpus: 3 });
    const sum = kernel.variable('sum');
    const lock = kernel.variable('lock');
    const { word } = run(kernel, {
      *main(cpu) {
        while ((yield* load(sum)) < 3n) yield* cpu.relax();
      },
      *secondary(cpu) {
        const flags = yield* cpu.spinLock(lock);
        yield* store(sum, (yield* load(sum)) + BigInt(cpu.pe));
        yield* cpu.spinUnlock(lock, flags);
      },
    });
    expect(word(sum)).toBe(3n);
  });
});

describe('the deadlock detector', () => {
  const crossed = (first: (cpu: Cpu, a: bigint) => Hosted, second: (cpu: Cpu, b: bigint) => Hosted) => {
    const kernel = new Kernel({ cpus: 2 });
    const [a, b] = [kernel.variable('a'), kernel.variable('b')];
    return run(
      kernel,
      {
        *main(cpu) {
          yield* first(cpu, a);
          for (let n = 0; n < 50; n++) yield* cpu.relax();
          yield* second(cpu, b);
        },
        *secondary(cpu) {
          yield* first(cpu, b);
          for (let n = 0; n < 50; n++) yield* cpu.relax();
          yield* second(cpu, a);
        },
      },
      { schedule: { kind: 'round-robin', turnSteps: 5 } },
      20_000,
    );
  };
  it('finds two mutexes taken in different orders', () => {
    const { machine } = crossed(
      (cpu, va) => cpu.mutexLock(va),
      (cpu, va) => cpu.mutexLock(va),
    );
    expect(deadlock(machine)).toMatch(/^CPU 0 waits for mutex 0x\w+ of CPU 1; CPU 1 waits for mutex 0x\w+ of CPU 0$/);
  });
  it('finds a lock taken again by what interrupted its holder', () => {
    const kernel = new Kernel();
    const lock = kernel.variable('lock');
    kernel.onInterrupt(kernel.timerIntid, function* (cpu) {
      yield* cpu.spinLock(lock);
    });
    const { machine } = run(
      kernel,
      {
        *main(cpu) {
          const flags = yield* cpu.spinLock(lock);
          yield* cpu.irq.restore(flags);
          yield* setTimer(cpu, 100n);
          for (;;) yield* nop();
        },
      },
      {},
      20_000,
    );
    expect(deadlock(machine)).toMatch(/^CPU 0 waits for lock 0x\w+ of CPU 0$/);
  });
  it('finds nothing where CPUs only take turns', () => {
    const kernel = new Kernel({ cpus: 2 });
    const lock = kernel.variable('lock');
    const { machine, reason } = run(kernel, {
      *main(cpu) {
        for (let n = 0; n < 20; n++) {
          yield* cpu.mutexLock(lock);
          yield* unlock(lock);
        }
      },
    });
    expect(reason).toBe('poweroff');
    expect(deadlock(machine)).toBeUndefined();
  });
});
