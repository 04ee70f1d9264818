/** What single lines of the kit, of irqflags and of the handler of errors are there for, where nothing else shows it. */
import { describe, expect, it } from 'vitest';
import { EVENT, errorRig, memoryBlock } from '../../src/experiments/errors.ts';
import { type Hosted, load, nop, store, svc } from '../../src/hosted.ts';
import { cached, remember } from '../../src/os/ghes/cache.ts';
import { preparePercpuNmi, requestPercpuNmi, teardownPercpuNmi } from '../../src/os/irqflags/nmi.ts';
import type { Cpu } from '../../src/os/kit/cpu.ts';
import { DESCRIPTOR_BYTES, Kernel } from '../../src/os/kit/kernel.ts';
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
        for (let n = 1n; n <= 12n; n++) {
          yield* store(block, n);
          hits.push(yield* cached(ghes, cpu, block, 8n));
          yield* remember(ghes, cpu, block, 8n);
          hits.push(yield* cached(ghes, cpu, block, 8n));
        }
        const readers = yield* load(ghes.words.cacheReaders);
        yield* store(block, 0n);
        yield* cpu.print(`${hits.filter((hit, n) => hit !== (n % 2 === 1)).length} wrong, ${readers} readers`);
      },
    });
    expect(made.rig.finish(200_000).text).toContain('0 wrong, 0 readers');
  });
});
