import { describe, expect, it } from 'vitest';
import { Rng } from '../../../test/support/rng.ts';
import { EVENT, errorRig, memoryBlock } from '../../experiments/errors.ts';
import { type Hosted, load, store } from '../../hosted.ts';
import type { Cpu } from '../kit/cpu.ts';
import { AREA, areaOf } from '../kit/layout.ts';
import { slotMaps } from './fixmap.ts';
import { type GhesVariant, SLOT, type SlotName } from './layout.ts';
import { poolUsed } from './pool.ts';

const SPI = 100;
const RECORDS = 12;
const CPUS = 2;

interface Outcome {
  readonly kind: string;
  readonly why: string;
  readonly problems: string[];
}

/** Records of all kinds at random boundaries on CPUs in random turns; what is wrong at the end. */
function storm(seed: number, variants: readonly GhesVariant[] = []): Outcome {
  const random = new Rng(seed);
  const pages = new Set<string>();
  const left: string[] = [];
  const { rig, firmware, ghes, kernel, stagePa } = errorRig({
    sources: [
      { notify: 'SDEI', vector: EVENT.normal },
      { notify: 'SDEI', vector: EVENT.critical },
      { notify: 'SEI' },
      { notify: 'externalInterrupt', vector: SPI },
    ],
    variants,
    kernel: { cpus: CPUS },
    machine: { schedule: { kind: 'random', seed, stepsMax: 200 } },
    // biome-ignore lint/correctness/useYield: noted for the test.
    *memoryFailure(_cpu, pfn) {
      pages.add(pfn.toString(16));
    },
    *main(cpu: Cpu, { stagePa: stage, ghes: own }): Hosted {
      yield* store(stage, 1n);
      while ((yield* load(stage)) === 1n) {
        yield* cpu.irq.disable();
        yield* load(stage);
        yield* cpu.irq.enable();
      }
      for (const slot of Object.keys(SLOT) as SlotName[])
        if ((yield* slotMaps(slot)) !== 0n) left.push(`window ${slot} maps something`);
      const cached = yield* load(own.words.cacheObjects);
      const used = yield* poolUsed(own);
      if (cached === 0n ? used !== 0n : used > cached * 1024n) left.push(`${used} bytes of the pool are taken`);
    },
  });
  rig.until(stagePa, 1n, 2_000_000);
  const { machine } = rig;
  const sent: string[] = [];
  for (let n = 0; n < RECORDS; n++) {
    const source = random.below(4);
    machine.runUntil(() => firmware.acknowledged(source), { steps: 40_000 });
    if (!firmware.acknowledged(source)) break;
    firmware.lower();
    const addr = 0x4050_0000n + BigInt(n) * 0x1000n;
    sent.push((addr >> 12n).toString(16));
    const pe = source < 2 && random.percent(30) ? 1 : 0;
    const block = memoryBlock({ severity: 'recoverable', addr });
    while (!firmware.raise(source, block, pe)) machine.run({ steps: 50 });
    machine.run({ steps: 1 + random.below(random.below(3) === 0 ? 1_500 : 60) });
  }
  machine.runUntil(() => firmware.acknowledged(3), { steps: 40_000 });
  firmware.lower();
  machine.run({ steps: 40_000 });
  rig.setWord(stagePa, 2n);
  const { kind, why } = rig.finish(100_000);
  const problems = [...left];
  for (const page of sent) if (!pages.has(page)) problems.push(`page 0x${page} was not taken away`);
  for (let pe = 0; pe < CPUS; pe++)
    if (rig.word(areaOf(pe) + AREA.nmiDepth) !== 0n) problems.push(`CPU ${pe} counts NMIs`);
  for (const lockVa of [ghes.words.lockIrq, kernel.words.console])
    if (rig.word(lockVa) !== 0n) problems.push(`lock 0x${lockVa.toString(16)} is held`);
  return { kind, why, problems };
}

/** More of them: GHES_STORMS=500 npx vitest run src/os/ghes/storm.test.ts */
const STORMS = Number(process.env.GHES_STORMS ?? 12);

describe('records of all kinds at random boundaries, two CPUs in random turns', () => {
  it(`every record is acted on, nothing is left behind, ${STORMS} times`, () => {
    for (let seed = 1; seed <= STORMS; seed++)
      expect({ seed, ...storm(seed) }).toEqual({ seed, kind: 'off', why: '', problems: [] });
  }, 600_000);

  it('the design that chooses its lock by in_nmi() is found to deadlock', () => {
    const seeds = Array.from({ length: 12 }, (_, n) => n + 1);
    expect(seeds.some((seed) => storm(seed, ['inNmi']).kind === 'deadlock')).toBe(true);
  }, 120_000);
});

it('a run of which every 41st boundary is saved and restored is the same', () => {
  const run = (cut: boolean): string => {
    const { rig, firmware, stagePa } = errorRig({
      sources: [{ notify: 'SDEI', vector: EVENT.normal }],
      *main(_cpu, { stagePa: stage, ghes }) {
        yield* store(stage, 1n);
        while ((yield* load(ghes.words.printed)) === 0n) yield* load(stage);
      },
    });
    rig.until(stagePa, 1n);
    firmware.raise(0, memoryBlock());
    const { machine } = rig;
    const end = machine.steps + 4_000;
    while (machine.steps < end) {
      if (machine.run({ steps: cut ? 41 : end - machine.steps }).reason !== 'limit') break;
      if (cut) machine.restore(machine.snapshot());
    }
    return machine.digest();
  };
  expect(run(true)).toBe(run(false));
});
