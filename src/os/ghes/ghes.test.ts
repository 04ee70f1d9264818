import { describe, expect, it } from 'vitest';
import { EVENT, errorRig, memoryBlock } from '../../experiments/errors.ts';
import { load, nop, store } from '../../hosted.ts';
import type { Cpu } from '../kit/cpu.ts';

const NORMAL = { notify: 'SDEI', vector: EVENT.normal } as const;
const CRITICAL = { notify: 'SDEI', vector: EVENT.critical } as const;

/** Says that it is up, and then waits until the test lets it go on. */
function* wait(_cpu: Cpu, { stagePa }: { stagePa: bigint }) {
  yield* store(stagePa, 1n);
  while ((yield* load(stagePa)) === 1n) yield* nop();
  for (let n = 0; n < 200; n++) yield* nop();
}

describe('an error source that notifies by SDEI', () => {
  it('has its record read, acknowledged, and printed once interrupts are in', () => {
    const { rig, firmware, stagePa } = errorRig({ sources: [NORMAL, CRITICAL], main: wait });
    rig.until(stagePa, 1n);
    firmware.raise(0, memoryBlock({ fruText: 'DIMM 3' }));
    rig.machine.run({ steps: 20_000 });
    rig.setWord(stagePa, 2n);
    const { kind, text } = rig.finish();
    console.log(text, kind, rig.machine.steps);
    expect(firmware.acknowledged(0)).toBe(true);
    expect(kind).toBe('off');
  });
});
