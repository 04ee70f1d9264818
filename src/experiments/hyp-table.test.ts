import { describe, expect, it } from 'vitest';
import { ExperimentError } from './experiment.ts';
import { type HypOutcome, type HypSpec, sweepBoundaries } from './hyp-boundaries.ts';
import { hypTable, lostRanges } from './hyp-table.ts';

const LOAD = { abi: 'arm64 4.8', sequence: 'load', event: 'fault' } as const satisfies HypSpec;
const UNLOAD = { ...LOAD, sequence: 'unload' } as const satisfies HypSpec;

/** What a replay of one boundary says when it is refused. */
function refusal(specs: readonly HypSpec[], at: number): string {
  try {
    hypTable(specs, at);
  } catch (error) {
    expect(error).toBeInstanceOf(ExperimentError);
    expect(error).toMatchObject({ code: 'E_EXPERIMENT_AT' });
    return (error as Error).message;
  }
  return 'not refused';
}

describe('a replay of one boundary', () => {
  it('shows what the sweep has shown there', () => {
    const all = hypTable([LOAD, UNLOAD]);
    const alone = hypTable([LOAD, UNLOAD], all.at);
    expect(all.at).toBe(42);
    expect(alone).toMatchObject({ tries: 1, bad: 1, at: 42 });
    expect(alone.lines[0]).toMatch(/^arm64 4\.8, load, fault: 1 dead; bad from 42 \(main, yield \d+: hvc 0x1\)/);
  });
  it('is refused behind the end of the window, and the window is named', () => {
    expect(refusal([UNLOAD, LOAD], 10_071)).toBe(
      '--at 10071: arm64 4.8, load, fault has boundaries 10000 to 10070. Choose one of those.',
    );
  });
  it('is refused behind the last sweep, and the sweeps are named', () => {
    expect(refusal([LOAD, UNLOAD], 20_000)).toMatch(
      /^--at 20000: .*from 0 arm64 4\.8, load, fault; from 10000 arm64 4\.8, unload, fault\. Choose/,
    );
  });
  it('is refused where nothing can come: an owner of EL2 does not fault', () => {
    const tried = new Set(sweepBoundaries(LOAD).tries.map(({ at }) => at));
    const quiet = Array.from({ length: 71 }, (_, at) => at).find((at) => !tried.has(at))!;
    expect(refusal([LOAD], quiet)).toMatch(new RegExp(`^--at ${quiet}: no fault can come at that boundary`));
  });
});

describe('a sample', () => {
  it('says how many boundaries it left out, and has the outcomes that all of them have there', () => {
    const spec = { abi: 'arm64 4.8', sequence: 'kexec', event: 'nmi' } as const satisfies HypSpec;
    const [all, some] = [sweepBoundaries(spec, { stride: 1 }), sweepBoundaries(spec)];
    expect(all).toMatchObject({ quiet: 0, leftOut: 0 });
    expect(all.tries.map(({ at }) => at)).toEqual(Array.from({ length: all.boundaries }, (_, at) => at));
    expect(some.boundaries).toBe(all.boundaries);
    expect(some.tries.length + some.leftOut).toBe(all.boundaries);
    expect(some.leftOut).toBeGreaterThan(500);
    expect(all.tries).toEqual(expect.arrayContaining([...some.tries]));
    expect(hypTable([spec]).lines[0]).toContain(`; ${some.leftOut} left out, npm run handover tries them`);
  }, 60_000);
});

describe('an event for the other CPU', () => {
  it('comes there: its panic is lost where its own EL2 is, in hotplug over KVM of 4.8', () => {
    const hotplug = { abi: 'arm64 4.8', sequence: 'hotplug', event: 'nmi' } as const satisfies HypSpec;
    const outcomes = (pe: number) =>
      // KVM has both; it has given PE 1 back; it has it again.
      [40, 150, 260].map((only) => sweepBoundaries({ ...hotplug, pe }, { only }).tries[0]?.outcome);
    expect(outcomes(0)).toEqual(['dead', 'dead', 'dead']);
    expect(outcomes(1)).toEqual(['dead', 'reached', 'dead']);
  });
});

describe('ranges of lost boundaries', () => {
  const of = (...outcomes: readonly HypOutcome[]) =>
    lostRanges(outcomes.map((outcome, at) => ({ at, where: '', outcome }))).map(
      ({ outcome, first, last, count }) => `${outcome} ${first.at}-${last.at}: ${count}`,
    );
  it('end where a boundary is not lost, or lost in another way', () => {
    expect(of('reached', 'dead', 'dead', 'no DTB', 'reached', 'no DTB')).toEqual([
      'dead 1-2: 2',
      'no DTB 3-3: 1',
      'no DTB 5-5: 1',
    ]);
  });
  it('have none where nothing can be blamed on a version', () => {
    expect(of('reached', 'no vectors', 'second fault', 'not taken')).toEqual([]);
  });
});
