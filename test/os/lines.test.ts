/** What single lines of the kit, of irqflags and of the handler of errors are there for, where nothing else shows it. */
import { describe, expect, it } from 'vitest';
import { EVENT, errorRig, memoryBlock } from '../../src/experiments/errors.ts';
import { eret, type Hosted, load, msr, nop, store, svc } from '../../src/hosted.ts';
import { cached, remember } from '../../src/os/ghes/cache.ts';
import { ARENA } from '../../src/os/ghes/layout.ts';
import { preparePercpuNmi, requestPercpuNmi, teardownPercpuNmi } from '../../src/os/irqflags/nmi.ts';
import type { Cpu } from '../../src/os/kit/cpu.ts';
import { DESCRIPTOR_BYTES, Kernel } from '../../src/os/kit/kernel.ts';
import { AREA } from '../../src/os/kit/layout.ts';
import { setTimer, stopTimer } from '../../src/os/kit/timer.ts';
import { SdeiClient } from '../../src/os/sdei/client.ts';
import { sdeiProbe } from '../../src/os/sdei/lifecycle.ts';
import { osMachine, osText } from '../support/os-run.ts';

const PMU = 23;
const SPI = 100;

/** A kernel whose timer interrupt counts. */
function ticking(options: ConstructorParameters<typeof Kernel>[0] = {}): { kernel: Kernel; ticks: bigint } {
  const kernel = new Kernel(options);
  const ticks = kernel.variable('ticks');
  kernel.onInterrupt(kernel.timerIntid, function* () {
    yield* stopTimer();
    yield* store(ticks, (yield* load(ticks)) + 1n);
  });
  return { kernel, ticks };
}

describe('masks', () => {
  it('a suspended CPU is woken from a section with interrupts out, where priorities mask', () => {
    const { kernel } = ticking({ pseudoNmi: true });
    const text = osText(kernel, {
      *main(cpu) {
        yield* setTimer(cpu, 2000n);
        yield* cpu.irq.disable();
        yield* cpu.print(`${yield* cpu.suspend(false)}`);
      },
    });
    expect(text).toBe('0');
  });
  it.each([false, true])('and takes interrupts afterwards, as before (priorities %s)', (pseudoNmi) => {
    const { kernel, ticks } = ticking({ pseudoNmi });
    const text = osText(kernel, {
      *main(cpu) {
        yield* setTimer(cpu, 2000n);
        yield* cpu.suspend(false);
        for (let n = 0; n < 10; n++) yield* nop();
        yield* cpu.print(`${yield* load(ticks)}`);
      },
    });
    expect(text).toBe('1');
  });
  it.each([false, true])(
    'the handler of an exception is interrupted where its code was (priorities %s)',
    (pseudoNmi) => {
      const { kernel, ticks } = ticking({ pseudoNmi });
      kernel.onSync(function* (cpu) {
        yield* setTimer(cpu, 16n);
        for (let n = 0; n < 60; n++) yield* nop();
        yield* cpu.printNow(`${yield* load(ticks)} `);
        return true;
      });
      const text = osText(kernel, {
        *main(cpu) {
          yield* svc(1n);
          yield* store(ticks, 0n);
          yield* cpu.irq.disable();
          yield* svc(2n);
          yield* cpu.irq.enable();
          yield* nop();
        },
      });
      expect(text).toBe('1 0 ');
    },
  );
  it.each([false, true])('what is done before a program goes on is interrupted (priorities %s)', (pseudoNmi) => {
    const { kernel, ticks } = ticking({ pseudoNmi });
    const due = kernel.variable('due');
    kernel.onReturnToUser({
      *pending() {
        return (yield* load(due)) !== 0n;
      },
      *work(cpu) {
        yield* store(due, 0n);
        yield* setTimer(cpu, 16n);
        for (let n = 0; n < 100; n++) yield* nop();
        yield* cpu.printNow(`${yield* load(ticks)}`);
      },
    });
    kernel.onSync(function* (cpu, frame) {
      if ((yield* load(frame.pa)) === 1n) yield* store(due, 1n);
      else yield* cpu.off();
      return true;
    });
    kernel.addFunction('program', function* () {
      yield* svc(1n);
      yield* svc(2n);
    });
    const text = osText(kernel, {
      *main() {
        yield* msr('SPSR_EL1', 0n);
        yield* msr('ELR_EL1', kernel.address('program'));
        yield* eret();
      },
    });
    expect(text).toBe('1');
  });
  it('after a panic no CPU takes events', () => {
    const kernel = new Kernel({ cpus: 2 });
    const client = new SdeiClient(kernel);
    const run = osMachine(kernel, {
      *main(cpu) {
        yield* sdeiProbe(client, cpu);
        yield* cpu.panic('the end');
      },
    });
    run.machine.run({ steps: 100_000 });
    expect(run.machine.sdei.state().pes.map(({ masked }) => masked)).toEqual([true, true]);
  });
});

describe('locks', () => {
  it('CPUs that prepare a private NMI at the same time, and give it back, do not undo each other', () => {
    const kernel = new Kernel({ cpus: 8, pseudoNmi: true });
    kernel.onNmi(PMU, function* () {});
    kernel.onCall('prepare', (cpu) => preparePercpuNmi(cpu, PMU));
    kernel.onCall('teardown', function* (cpu) {
      yield* teardownPercpuNmi(cpu, PMU);
      return 0n;
    });
    const prepared = kernel.words.descriptors + BigInt(PMU) * DESCRIPTOR_BYTES + 0x10n;
    for (let seed = 0; seed < 12; seed++) {
      const functions = {
        *main(cpu: Cpu): Hosted {
          yield* requestPercpuNmi(cpu, PMU);
          yield* cpu.callOn('prepare');
          yield* cpu.print(`${yield* load(prepared)} `);
          yield* cpu.callOn('teardown');
          yield* cpu.print(`${yield* load(prepared)}`);
        },
      };
      const text = osText(kernel, functions, { schedule: { kind: 'random', seed, stepsMax: 2 } }, 200_000);
      expect(text).toBe('255 0');
    }
  });
  it.each([false, true])('an interrupt waits for the lock that its handler takes too (priorities %s)', (pseudoNmi) => {
    const kernel = new Kernel({ pseudoNmi });
    const [shared, taken] = [kernel.variable('shared'), kernel.variable('taken')];
    kernel.onInterrupt(kernel.timerIntid, function* (cpu) {
      yield* stopTimer();
      const flags = yield* cpu.spinLock(shared);
      yield* store(taken, 1n);
      yield* cpu.spinUnlock(shared, flags);
    });
    const text = osText(
      kernel,
      {
        *main(cpu) {
          yield* setTimer(cpu, 160n);
          const flags = yield* cpu.spinLock(shared);
          for (let n = 0; n < 300; n++) yield* nop();
          yield* cpu.printNow(`${yield* load(taken)} `);
          yield* cpu.spinUnlock(shared, flags);
          yield* nop();
          yield* cpu.printNow(`${yield* load(taken)}`);
        },
      },
      {},
      20_000,
    );
    expect(text).toBe('0 1');
  });
  it('a CPU that goes down has answered every call that counts on it', () => {
    const ends = new Set<string>();
    for (let seed = 0; seed < 24; seed++) {
      const kernel = new Kernel({ cpus: 3 });
      const gone = kernel.variable('gone');
      const ready = kernel.variable('ready');
      kernel.onCall('nothing', function* () {
        yield* nop();
        return 0n;
      });
      const functions = {
        *main(cpu: Cpu): Hosted {
          while ((yield* load(ready)) === 0n) yield* cpu.relax();
          yield* cpu.cpuOff(2);
          yield* store(gone, 1n);
          while ((yield* load(ready)) === 1n) yield* cpu.relax();
        },
        *secondary(cpu: Cpu): Hosted {
          if (cpu.pe !== 1) return;
          yield* store(ready, 1n);
          while ((yield* load(gone)) === 0n) yield* cpu.callOn('nothing', 0n, 1 << 2);
          yield* store(ready, 2n);
        },
      };
      ends.add(osText(kernel, functions, { schedule: { kind: 'random', seed, stepsMax: 4 } }, 400_000));
    }
    expect([...ends]).toEqual(['']);
  });
  it('a thread that takes pages away is not waited for by what interrupts it', () => {
    const ends = new Set<string>();
    for (let delay = 0; delay < 160; delay += 3) {
      const { rig, firmware, stagePa } = errorRig({
        sources: [{ notify: 'SDEI', vector: EVENT.normal }],
        pages: 'kernel',
        *main(cpu, { stagePa: stage, ghes }) {
          yield* store(stage, 1n);
          while ((yield* load(ghes.words.poisonedCount)) === 0n) yield* ghes.takePagesAway(cpu);
        },
      });
      rig.until(stagePa, 1n);
      rig.machine.run({ steps: delay });
      firmware.raise(0, memoryBlock({ severity: 'recoverable' }));
      ends.add(rig.finish().kind);
    }
    expect([...ends]).toEqual(['off']);
  });
});

describe('acknowledgements', () => {
  it('a CPU that has dealt with an SError counts no NMI any more', () => {
    const kernel = new Kernel();
    const depths: bigint[] = [];
    kernel.onSerror(function* (cpu) {
      depths.push(yield* load(cpu.at(AREA.nmiDepth)));
      return true;
    });
    const run = osMachine(kernel, {
      *main(cpu) {
        yield* cpu.printNow('.');
        for (let n = 0; n < 10; n++) yield* nop();
        depths.push(yield* load(cpu.at(AREA.nmiDepth)));
      },
    });
    run.machine.runUntil(() => run.text() === '.', { steps: 20_000 });
    run.machine.serror(0, 0x42);
    expect(run.machine.run({ steps: 20_000 }).reason).toBe('poweroff');
    expect(depths).toEqual([1n, 0n]);
  });
  it('a block that cannot be read is given back, by the path of interrupts too', () => {
    const { rig, firmware, stagePa } = errorRig({
      sources: [{ notify: 'externalInterrupt', vector: SPI }],
      *main(_cpu, { stagePa: stage }) {
        yield* store(stage, 1n);
        while ((yield* load(stage)) === 1n) yield* nop();
      },
    });
    rig.until(stagePa, 1n);
    const bad = memoryBlock();
    new DataView(bad.buffer, bad.byteOffset).setUint32(12, 0x10_0000, true);
    firmware.raise(0, bad);
    rig.machine.runUntil(() => firmware.acknowledged(0), { steps: 5_000 });
    expect([firmware.acknowledged(0), firmware.status(0)]).toEqual([true, 0n]);
    expect(rig.text).toContain('Invalid error status block length!');
  });
  it('whoever has looked into the cache says so, and what was retired is freed', () => {
    const made = errorRig({
      sources: [{ notify: 'SDEI', vector: EVENT.normal }],
      *main(cpu, { ghes }) {
        const block = ghes.words.poisoned;
        const hits: boolean[] = [];
        const inUse: bigint[] = [];
        for (let n = 1n; n <= 12n; n++) {
          yield* store(block, n);
          hits.push(yield* cached(ghes, cpu, block, 8n));
          yield* remember(ghes, cpu, block, 8n);
          hits.push(yield* cached(ghes, cpu, block, 8n));
          inUse.push(yield* load(ARENA.bitmapPa));
        }
        const readers = yield* load(ghes.words.cacheReaders);
        yield* store(block, 0n);
        yield* cpu.print(`${hits.filter((hit, n) => hit !== (n % 2 === 1)).length} wrong, ${readers} readers`);
        const sets = inUse.map((word) => word.toString(2).replaceAll('0', '').length);
        yield* cpu.print(`, ${Math.max(...sets) - sets[6]!} more in use`);
      },
    });
    expect(made.rig.finish(200_000).text).toContain('0 wrong, 0 readers, 0 more in use');
  });
});
