import { describe, expect, it } from 'vitest';
import { type ErrorRigOptions, EVENT, errorRig, memoryBlock } from '../../experiments/errors.ts';
import { sweep } from '../../experiments/rig.ts';
import { type Hosted, load, nop, store } from '../../hosted.ts';
import type { Cpu } from '../kit/cpu.ts';
import type { Ghes } from './ghes.ts';
import { NODE_BYTES } from './layout.ts';
import { poolUsed } from './pool.ts';

const NORMAL = { notify: 'SDEI', vector: EVENT.normal } as const;
const CRITICAL = { notify: 'SDEI', vector: EVENT.critical } as const;
const SPI = 100;

/** Says that it is up, waits until the test lets it go on, and until nothing is queued. */
function* wait(_cpu: Cpu, { stagePa, ghes }: { stagePa: bigint; ghes: Ghes }): Hosted {
  yield* store(stagePa, 1n);
  while ((yield* load(stagePa)) === 1n) yield* nop();
  for (let n = 0; n < 200 || (yield* load(ghes.words.queue)) !== 0n; n++) yield* nop();
}
/** Up and waiting. */
function up(options: Partial<ErrorRigOptions> & Pick<ErrorRigOptions, 'sources'>) {
  const made = errorRig({ main: wait, ...options });
  made.rig.until(made.stagePa, 1n);
  return {
    ...made,
    /** Lets what was raised be dealt with, then ends. */
    end() {
      made.rig.machine.run({ steps: 12_000 });
      made.rig.setWord(made.stagePa, 2n);
      return made.rig.finish();
    },
  };
}
const records = (text: string): string[] => [...text.matchAll(/fru_text: (\S+)/g)].map(([, fru]) => fru!);

describe('a source that notifies by SDEI', () => {
  it.each([
    ['normal', 0],
    ['critical', 1],
  ] as const)('%s: the record is read, acknowledged and printed, in the words of Linux', (_, n) => {
    const { firmware, end } = up({ sources: [NORMAL, CRITICAL] });
    firmware.raise(n, memoryBlock({ fruText: 'DIMM3' }));
    const { kind, text } = end();
    expect(kind).toBe('off');
    expect(text).toContain(`{1}[Hardware Error]: Hardware error from APEI Generic Hardware Error Source: ${n + 1}\n`);
    expect(text).toContain('{1}[Hardware Error]: event severity: corrected\n');
    expect(text).toContain('{1}[Hardware Error]:   physical_address: 0x0000000040500000\n');
    expect(firmware.acknowledged(n)).toBe(true);
    expect(firmware.status(n)).toBe(0n);
  });

  it('without an acknowledgement from the queue firmware never gets its block back', () => {
    const { firmware, end } = up({ sources: [NORMAL], variants: ['noQueueAck'] });
    firmware.raise(0, memoryBlock({ fruText: 'DIMM3' }));
    expect(records(end().text)).toEqual(['DIMM3']);
    expect([firmware.status(0), firmware.acknowledged(0)]).toEqual([0n, false]);
  });

  it('GHES version 1: the block is given back by its status alone', () => {
    const { firmware, end } = up({ sources: [{ ...NORMAL, version: 1 }] });
    firmware.raise(0, memoryBlock({ fruText: 'DIMM3' }));
    expect(records(end().text)).toEqual(['DIMM3']);
    expect(firmware.acknowledged(0)).toBe(true);
  });

  it('an event for nothing fails with ENOENT, and neither block nor acknowledgement is touched', () => {
    const { rig, firmware, end } = up({ sources: [NORMAL] });
    const empty = memoryBlock();
    empty.fill(0, 0, 4);
    firmware.put(0, empty);
    rig.machine.sdei.signal(EVENT.normal);
    expect(end().text).toContain('sdei: event 3000 on CPU 0 failed with error: -2');
    expect(firmware.acknowledged(0)).toBe(false);
  });

  it.each([
    [
      'a length beyond the declared one',
      'Invalid error status block length!',
      (v: DataView) => v.setUint32(12, 5000, true),
    ],
    ['data shorter than an entry', 'Invalid CPER header!', (v: DataView) => v.setUint32(12, 8, true)],
    [
      'entries that do not fill the data',
      'Failed to read error status block!',
      (v: DataView) => v.setUint32(12, 80, true),
    ],
    [
      'raw data inside the entries',
      'Invalid CPER header!',
      (v: DataView) => {
        v.setUint32(4, 24, true);
        v.setUint32(8, 8, true);
      },
    ],
  ])('%s: it says so, in the handler too, and gives the block back', (_, message, damage) => {
    const { firmware, end } = up({ sources: [NORMAL] });
    const block = memoryBlock();
    damage(new DataView(block.buffer));
    firmware.raise(0, block);
    const { text, kind } = end();
    expect(text).toContain(message);
    expect(kind).toBe('off');
    expect(firmware.acknowledged(0)).toBe(true);
  });

  it('a node of the queue has the size of its record, and is gone when the record was printed', () => {
    let before = 0n;
    let within = 0n;
    const block = memoryBlock({ fruText: 'DIMM3' });
    const { rig, firmware, stagePa } = errorRig({
      sources: [NORMAL],
      *main(cpu, { stagePa: stage, ghes }) {
        const flags = yield* cpu.irq.saveAndDisable();
        before = yield* poolUsed(ghes);
        yield* store(stage, 1n);
        while ((yield* load(ghes.words.queue)) === 0n) yield* nop();
        within = yield* poolUsed(ghes);
        yield* cpu.irq.restore(flags);
        while ((yield* load(ghes.words.printed)) === 0n) yield* nop();
      },
    });
    rig.until(stagePa, 1n);
    firmware.raise(0, block);
    rig.finish();
    const rounded = (bytes: bigint): bigint => ((bytes + 7n) / 8n) * 8n;
    expect([before, within]).toEqual([0n, rounded(NODE_BYTES + BigInt(block.length))]);
  });

  it("the pool exhausted: the block stays the operating system's to read, and a later event brings it", () => {
    const { rig, ghes, firmware, end } = up({ sources: [NORMAL] });
    const all = rig.word(ghes.words.poolBytes);
    rig.setWord(ghes.words.poolBytes, 0n);
    firmware.raise(0, memoryBlock({ fruText: 'DIMM3' }));
    rig.machine.run({ steps: 3_000 });
    expect([firmware.acknowledged(0), firmware.status(0) !== 0n]).toEqual([false, true]);
    rig.setWord(ghes.words.poolBytes, all);
    rig.machine.sdei.signal(EVENT.normal);
    expect(records(end().text)).toEqual(['DIMM3']);
    expect(firmware.acknowledged(0)).toBe(true);
  });

  it('events on two CPUs at once: both records are printed', () => {
    const { rig, firmware, end } = up({
      sources: [NORMAL, CRITICAL],
      kernel: { cpus: 2 },
      machine: { schedule: { kind: 'round-robin', turnSteps: 100 } },
    });
    firmware.raise(0, memoryBlock({ fruText: 'zero' }), 0);
    firmware.raise(1, memoryBlock({ fruText: 'one', addr: 0x4051_0000n }), 1);
    expect(end().kind).toBe('off');
    expect(records(rig.text).sort()).toEqual(['one', 'zero']);
  });

  it('with one window for all a nested event unmaps the page that the other reads', () => {
    const outcomes = (variants: ErrorRigOptions['variants'] & object) => {
      const { rig, firmware, stagePa } = up({ sources: [NORMAL, CRITICAL], variants });
      firmware.raise(0, memoryBlock({ fruText: 'first' }));
      const tries = sweep(rig, {
        over: () => firmware.acknowledged(0),
        inject: () => {
          firmware.raise(1, memoryBlock({ fruText: 'second', addr: 0x4051_0000n }));
          rig.machine.run({ steps: 6_000 });
          rig.setWord(stagePa, 2n);
        },
        stride: 9,
        stepsMax: 20_000,
      });
      return new Set(tries.map(({ text }) => records(text).sort().join()));
    };
    expect(outcomes([])).toEqual(new Set(['first,second']));
    expect(outcomes(['onePage']).size).toBeGreaterThan(1);
  });
});

describe.each([
  ['priorities mask', { pseudoNmi: true }, {}],
  ['GICv2', { gic: 2 }, {}],
  ['EL2', { el: 2 }, { el2: true }],
  ['one security state, by HVC', { conduit: 'hvc' }, { el3: false }],
] as const)('a kernel where %s', (_, kernel, machine) => {
  it.each(['in', 'out'])('interrupts %s: a record that SDEI brings is read, and printed once they are in', (way) => {
    const { rig, firmware, stagePa } = errorRig({
      sources: [NORMAL, CRITICAL],
      kernel: { cpus: 2, ...kernel },
      machine,
      *main(cpu, { stagePa: stage, ghes }) {
        const flags = yield* cpu.irq.save();
        if (way === 'out') yield* cpu.irq.disable();
        yield* store(stage, 1n);
        for (let n = 0; n < 500; n++) yield* nop();
        if (way === 'out' && (yield* load(ghes.words.printed)) !== 0n) yield* cpu.panic('printed too early');
        yield* cpu.irq.restore(flags);
        while ((yield* load(ghes.words.printed)) < 2n) yield* nop();
      },
    });
    rig.until(stagePa, 1n, 2_000_000);
    firmware.raise(0, memoryBlock({ fruText: 'normal' }));
    rig.machine.run({ steps: 60 });
    firmware.raise(1, memoryBlock({ fruText: 'critical', addr: 0x4051_0000n }));
    const { kind, text } = rig.finish();
    expect([kind, records(text).sort()]).toEqual(['off', ['critical', 'normal']]);
    expect([firmware.acknowledged(0), firmware.acknowledged(1)]).toEqual([true, true]);
  });
});

describe('a fatal record', () => {
  it('is printed behind what waits, acknowledged, and the kernel stops in the handler', () => {
    const { rig, firmware, stagePa } = errorRig({
      sources: [NORMAL, CRITICAL],
      *main(cpu, { stagePa: stage }) {
        yield* cpu.irq.disable();
        yield* store(stage, 1n);
        for (;;) yield* nop();
      },
    });
    rig.until(stagePa, 1n);
    firmware.raise(0, memoryBlock({ fruText: 'waits' }));
    rig.machine.run({ steps: 2_000 });
    firmware.raise(1, memoryBlock({ fruText: 'fatal', severity: 'fatal' }));
    const { kind, text } = rig.finish();
    expect(kind).toBe('off');
    expect(records(text)).toEqual(['waits', 'fatal']);
    expect(text).toContain('Kernel panic on CPU 0: GHES: Fatal hardware error');
    expect(firmware.acknowledged(1)).toBe(true);
  });

  it('does not wait for a lock that what it interrupted holds', () => {
    const ends = (variants: ErrorRigOptions['variants']) => {
      const { rig, firmware, kernel, stagePa } = errorRig({
        sources: [CRITICAL],
        variants: variants!,
        *main(cpu, { stagePa: stage }) {
          yield* store(stage, 1n);
          yield* cpu.print('x'.repeat(200));
        },
      });
      rig.until(stagePa, 1n);
      rig.until(kernel.words.console, 1n);
      firmware.raise(0, memoryBlock({ severity: 'fatal' }));
      return rig.finish().kind;
    };
    expect(ends([])).toBe('off');
    expect(ends(['oopsLock'])).toBe('deadlock');
  });

  it('severities without a name are fatal too', () => {
    const { firmware, end } = up({ sources: [CRITICAL] });
    const block = memoryBlock();
    new DataView(block.buffer).setUint32(16, 7, true);
    firmware.raise(0, block);
    expect(end().text).toContain('Kernel panic');
  });
});

describe('other notifications', () => {
  it('external interrupt (type 1): read in its handler', () => {
    const { rig, firmware, end } = up({ sources: [{ notify: 'externalInterrupt', vector: SPI }] });
    firmware.raise(0, memoryBlock({ fruText: 'line' }));
    rig.machine.runUntil(() => firmware.acknowledged(0), { steps: 20_000 });
    firmware.lower();
    expect(records(end().text)).toEqual(['line']);
  });

  it('polled: read when the time has come, again and again', () => {
    const { rig, firmware, stagePa } = errorRig({
      sources: [{ notify: 'polled', pollMs: 1 }],
      *main(cpu, { stagePa: stage, ghes }) {
        yield* store(stage, 1n);
        while ((yield* load(ghes.words.printed)) < 2n) {
          yield* cpu.irq.disable();
          yield* cpu.irq.idle();
          yield* cpu.irq.enable();
        }
      },
    });
    rig.until(stagePa, 1n);
    for (const fruText of ['first', 'second']) {
      firmware.put(0, memoryBlock({ fruText }));
      rig.machine.runUntil(() => firmware.acknowledged(0), { steps: 60_000 });
    }
    const { kind, text } = rig.finish();
    expect([kind, records(text)]).toEqual(['off', ['first', 'second']]);
  });

  it('SError: a record that firmware told of is read, and the kernel goes on', () => {
    const { firmware, end } = up({ sources: [{ notify: 'SEI' }] });
    firmware.raise(0, memoryBlock({ fruText: 'serror' }));
    const { kind, text } = end();
    expect([kind, records(text)]).toEqual(['off', ['serror']]);
  });
  it('SError that nobody told of and that is not harmless: the end', () => {
    const { rig, end } = up({ sources: [{ notify: 'SEI' }] });
    rig.machine.serror(0);
    expect(end().text).toContain('Kernel panic on CPU 0: Asynchronous SError Interrupt');
  });
  it('SError that corrected itself: nothing', () => {
    const { rig, end } = up({ sources: [{ notify: 'SEI' }] });
    rig.machine.serror(0, (6 << 10) | 0x11);
    const { text, kind } = end();
    expect([kind, /panic/.test(text)]).toEqual(['off', false]);
  });

  it('a record from before the probe is taken by it, whatever the notification', () => {
    const { rig, firmware } = errorRig({ sources: [NORMAL, { notify: 'SEA' }], main: function* () {} });
    firmware.put(0, memoryBlock({ fruText: 'early' }));
    firmware.put(1, memoryBlock({ fruText: 'too', addr: 0x4051_0000n }));
    expect(records(rig.finish(200_000).text)).toEqual(['early', 'too']);
    expect([firmware.acknowledged(0), firmware.acknowledged(1)]).toEqual([true, true]);
  });
});
