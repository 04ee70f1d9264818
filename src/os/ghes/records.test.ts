import { describe, expect, it } from 'vitest';
import { bareKernel, IMAGE_FLAG } from '../../../test/support/bare-kernel.ts';
import { EVENT, errorRig, memoryBlock } from '../../experiments/errors.ts';
import { Rig } from '../../experiments/rig.ts';
import { type Hosted, load, store } from '../../hosted.ts';
import { VIRT_INTIDS, VIRT_MEMORY_MAP } from '../../machine/board/virt.ts';
import type { Cpu } from '../kit/cpu.ts';
import { Kernel } from '../kit/kernel.ts';
import { Ghes } from './ghes.ts';
import { ARENA } from './layout.ts';

const NORMAL = { notify: 'SDEI', vector: EVENT.normal } as const;

/** Asleep until the test says 2. */
function* sleep(cpu: Cpu, { stagePa }: { stagePa: bigint }): Hosted {
  yield* store(stagePa, 1n);
  while ((yield* load(stagePa)) === 1n) {
    yield* cpu.irq.disable();
    yield* cpu.irq.idle();
    yield* cpu.irq.enable();
  }
}
function up() {
  const made = errorRig({ sources: [NORMAL, { notify: 'polled', pollMs: 1000 }], main: sleep });
  made.rig.until(made.stagePa, 1n);
  return {
    ...made,
    raise(block: Uint8Array) {
      made.firmware.raise(0, block);
      made.rig.machine.runUntil(() => made.firmware.acknowledged(0), { steps: 5_000 });
      made.rig.machine.run({ steps: 8_000, idleUntilNs: made.rig.machine.timeNs + 8_000n });
    },
    printed: () => [...made.rig.text.matchAll(/fru_text: (\S+)/g)].map(([, fru]) => fru),
  };
}
/** Lets virtual time pass on a machine that sleeps. */
function pass(rig: Rig, ns: bigint): void {
  rig.machine.run({ steps: 1_000_000, idleUntilNs: rig.machine.timeNs + ns });
}

describe('records that repeat', () => {
  it('the same bytes within ten seconds are not printed again, but acknowledged', () => {
    const { raise, printed, firmware } = up();
    for (let n = 0; n < 3; n++) {
      raise(memoryBlock({ fruText: 'same' }));
      expect(firmware.acknowledged(0)).toBe(true);
    }
    expect(printed()).toEqual(['same']);
  });

  it('of the same bytes only what is remembered stays in the pool', () => {
    const { raise, rig } = up();
    const taken = (): number => {
      const bitmap = rig.machine.readMemory(ARENA.bitmapPa, 0x1000);
      return bitmap.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
    };
    const used: number[] = [];
    for (let n = 0; n < 4; n++) {
      raise(memoryBlock({ fruText: 'same' }));
      used.push(taken());
    }
    expect(used[0]).toBeGreaterThan(0);
    expect(used).toEqual(used.map(() => used[0]));
  });

  it('another record is, and of corrected ones two in five seconds are printed', () => {
    const { raise, printed } = up();
    for (const fruText of ['a', 'b', 'c']) raise(memoryBlock({ fruText }));
    expect(printed()).toEqual(['a', 'b']);
  });

  it('worse ones have a limit of their own', () => {
    const { raise, printed } = up();
    for (const fruText of ['a', 'b', 'c']) raise(memoryBlock({ fruText }));
    raise(memoryBlock({ fruText: 'worse', severity: 'recoverable' }));
    expect(printed()).toEqual(['a', 'b', 'worse']);
  });

  it('after five seconds they are printed again, and how many were left out is said', () => {
    const { raise, printed, rig } = up();
    for (const fruText of ['a', 'b', 'c', 'd']) raise(memoryBlock({ fruText }));
    pass(rig, 5_000_000_000n);
    raise(memoryBlock({ fruText: 'e' }));
    expect(printed()).toEqual(['a', 'b', 'e']);
    expect(rig.text).toContain('ghes_print_estatus: 2 callbacks suppressed');
  });
});

describe('pages', () => {
  it.each([
    [
      'recoverable',
      memoryBlock({ severity: 'recoverable' }),
      'Memory failure: 0x40500: recovery action for free buddy page',
    ],
    [
      'outside of RAM',
      memoryBlock({ severity: 'recoverable', addr: 0x900_0000n }),
      'Invalid address in generic error data: 0x9000000',
    ],
  ] as const)('%s: %s', (_, block, line) => {
    const { raise, rig } = up();
    raise(block);
    expect(rig.text).toContain(line);
  });
  it('a page that is gone already is not taken away again', () => {
    const { raise, rig } = up();
    for (const fruText of ['a', 'b']) raise(memoryBlock({ severity: 'recoverable', fruText }));
    expect(rig.text).toContain('Memory failure: 0x40500: already hardware poisoned');
  });
  it('a corrected one stays, unless its threshold was exceeded', () => {
    const taken = (threshold: boolean): bigint => {
      const { raise, rig, ghes } = up();
      raise(memoryBlock({ threshold }));
      return rig.word(ghes.words.poisonedCount);
    };
    expect([taken(false), taken(true)]).toEqual([0n, 1n]);
  });
});

/** A kernel image that goes on in hosted code, loaded behind what the kit uses. */
function image(entryVa: bigint): Uint8Array {
  const part = (n: bigint): bigint => (entryVa >> n) & 0xffffn;
  const made = bareKernel(
    `movz x9, #${part(32n)}, lsl #32\n movk x9, #${part(16n)}, lsl #16\n movk x9, #${part(0n)}\n br x9`,
    IMAGE_FLAG.PAGES_4K,
  );
  new DataView(made.buffer).setBigUint64(8, 0x100_0000n, true);
  return made;
}

describe("the machine's own firmware", () => {
  /** A kernel that is told where the table is. */
  const make = (hestPa: bigint) => {
    const kernel = new Kernel();
    const stage = kernel.variable('stage');
    const ged = { intid: VIRT_INTIDS.ACPI_GED, selectorPa: VIRT_MEMORY_MAP.ged.basePa };
    const memoryBytes = 64 * 2 ** 20;
    const ghes = new Ghes(kernel, { hestPa, ged, memoryBytes: BigInt(memoryBytes) });
    const program = ghes.program({
      *main(cpu) {
        yield* store(stage, BigInt(yield* ghes.init(cpu)));
        for (;;) {
          yield* cpu.irq.disable();
          yield* cpu.irq.idle();
          yield* cpu.irq.enable();
        }
      },
    });
    const entry = image(program.address(kernel.entry));
    return { stage, rig: new Rig({ hosted: program, kernel: entry, tables: 'acpi', memoryBytes }) };
  };
  /** Where the tables of such a machine have their HEST. */
  const hestOf = (rig: Rig): bigint => {
    for (const { addrPa, bytes } of rig.machine.boot!.segments)
      for (let at = 0; at < bytes.length; at += 4)
        if (String.fromCharCode(...bytes.subarray(at, at + 4)) === 'HEST') return addrPa + BigInt(at);
    throw new Error('no HEST');
  };

  it('hands errors over by each of its sources, and hears of their acknowledgement', () => {
    const { rig, stage } = make(hestOf(make(0n).rig));
    const { machine } = rig;
    const { sources } = machine.ras;
    rig.until(stage, BigInt(sources.length));
    const ways = ['sdei', 'sdei-critical', 'gsiv', 'gpio', 'polled'] as const;
    ways.forEach((notify, n) => {
      const severity = n % 2 ? 'corrected' : 'recoverable';
      machine.ras.inject({ kind: 'memory', severity, notify, addr: 0x4050_0000n + BigInt(n) * 4096n, fruText: notify });
      machine.run({ steps: 40_000, idleUntilNs: machine.timeNs + 3_000_000_000n });
    });
    const acknowledged = machine.ras.counters.filter((_, n) => sources[n]!.notify !== 'sea');
    expect(acknowledged.map(({ acknowledged: count }) => count)).toEqual([1, 1, 1, 1, 1]);
    for (const notify of ways) expect(rig.text).toContain(`fru_text: ${notify}\n`);
    machine.ras.inject({ kind: 'memory', severity: 'fatal' });
    expect(rig.finish(100_000).text).toContain('GHES: Fatal hardware error');
  });
});
