import { describe, expect, it } from 'vitest';
import { type ErrorSource, EVENT, errorRig, memoryBlock } from '../../experiments/errors.ts';
import { load, store } from '../../hosted.ts';
import { ARENA, PROBE, SOURCE, SOURCE_BYTES } from './layout.ts';
import { poolBytes } from './pool.ts';

function probe(sources: readonly ErrorSource[], change: (rig: ReturnType<typeof errorRig>) => void = () => {}) {
  const made = errorRig({ sources, *main() {} });
  change(made);
  const { text } = made.rig.finish(400_000);
  const states = sources.map((_, n) => made.rig.word(ARENA.sourcesPa + BigInt(n) * SOURCE_BYTES + SOURCE.state));
  return { ...made, text, states };
}
const HEST_PA = 0x40c0_0000n;

describe('the HEST', () => {
  it('every kind of notification that arm64 has comes to life, and one failing does not touch the others', () => {
    const { states, text } = probe([
      { notify: 'SDEI', vector: EVENT.normal },
      { notify: 'SDEI', vector: 0 },
      { notify: 'SDEI', vector: 77 },
      { notify: 'NMI' },
      { notify: 'CMCI' },
      { notify: 'SEA' },
      { notify: 'GSIV' },
      { notify: 'GPIO' },
      { notify: 'polled', pollMs: 1000 },
      { notify: 'SDEI', vector: EVENT.critical },
    ]);
    const { live, failed } = PROBE;
    expect(states).toEqual([live, failed, failed, failed, failed, live, live, live, live, live]);
    expect(text).toContain('probe of GHES.2 failed with error -22');
  });

  it.each([
    ['NMI', 'notified via NMI interrupt is not supported!'],
    ['localInterrupt', 'notified via local interrupt is not supported!'],
    ['MCE', 'Unknown notification type: 6'],
  ] as const)('notification %s: %s', (notify, message) => {
    expect(probe([{ notify }]).text).toContain(message);
  });

  it.each([
    ['a block without room for a header', { blockBytes: 19 }, 'Invalid error block length'],
    ['an interval of 0', { notify: 'polled', pollMs: 0 }, 'Poll interval is 0'],
  ] as const)('%s: it says so', (_, change, message) => {
    expect(probe([{ notify: 'SEA', ...change }]).text).toContain(message);
  });

  it.each([
    ['an unknown source type', 0, [12, 0], 'Unknown or unused hardware error source type: 12'],
    ['a table that ends early', -36, [70, 0, 0, 0], 'Table contents overflow for hardware error source: 1'],
  ] as const)('%s makes the table worthless', (_, at, bytes, message) => {
    const { text, states } = probe([{ notify: 'SEA' }], ({ rig }) =>
      rig.machine.writeMemory(HEST_PA + 40n + BigInt(at), Uint8Array.from(bytes)),
    );
    expect(text).toContain(message);
    expect(states).toEqual([PROBE.none]);
  });

  it('two sources of one number make the table worthless', () => {
    const { text } = probe([{ notify: 'SEA' }, { notify: 'SEA' }], ({ rig }) =>
      rig.machine.writeMemory(HEST_PA + 40n + 92n + 2n, Uint8Array.of(1)),
    );
    expect(text).toContain('Duplicated hardware error source ID: 1');
  });

  it('no HEST: nothing is said and nothing lives', () => {
    const { text } = probe([{ notify: 'SEA' }], ({ rig }) => rig.machine.writeMemory(HEST_PA, Uint8Array.of(0)));
    expect(text).toBe('');
  });

  it.each([
    ['address 0', 4, [0, 0, 0, 0, 0, 0, 0, 0], 'Invalid physical address in GAR'],
    ['access size 0', 3, [0], 'Invalid access size code in GAR'],
    ['an address space that is not memory', 0, [2], 'Invalid address space type in GAR'],
    ['more bits than an access has', 2, [8], 'Invalid bit width + offset in GAR'],
  ] as const)('a status register with %s makes that source fail alone', (_, at, bytes, message) => {
    const { text, states } = probe([{ notify: 'SEA' }, { notify: 'SEA' }], ({ rig }) =>
      rig.machine.writeMemory(HEST_PA + 40n + 20n + BigInt(at), Uint8Array.from(bytes)),
    );
    expect(text).toContain(message);
    expect(states).toEqual([PROBE.failed, PROBE.live]);
  });
});

describe('the pool', () => {
  it.each([
    [0n, 0n],
    [1n, 69_632n],
    [2n, 135_168n],
    [4n, 266_240n],
  ])('%d sources: %d bytes, as Linux has', (sources, bytes) => expect(poolBytes(sources)).toBe(bytes));

  it('counts sources that are not enabled, and is there before the first is probed', () => {
    const { rig, ghes } = probe([{ notify: 'SEA' }, { notify: 'SEA' }], ({ rig: own }) =>
      own.machine.writeMemory(HEST_PA + 40n + 92n + 7n, Uint8Array.of(0)),
    );
    expect(rig.word(ghes.words.poolBytes)).toBe(135_168n);
  });
});

describe('the way back', () => {
  it('an event is disabled and unregistered on every CPU, and then comes no more', () => {
    const results: bigint[] = [];
    const { rig, firmware, stagePa } = errorRig({
      sources: [{ notify: 'SDEI', vector: EVENT.normal }],
      kernel: { cpus: 2 },
      *main(cpu, { ghes, stagePa: stage }) {
        const [source] = yield* ghes.sources();
        results.push(yield* ghes.sdei.unregister(cpu, source!));
        yield* store(stage, 1n);
        while ((yield* load(stage)) === 1n) yield* load(stage);
      },
    });
    rig.until(stagePa, 1n);
    firmware.put(0, memoryBlock());
    expect([0, 1].map((pe) => rig.machine.sdei.signal(EVENT.normal, { pe }))).toEqual([false, false]);
    expect(results).toEqual([0n]);
  });
});
