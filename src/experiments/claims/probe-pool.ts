import { load, nop } from '../../engine/hosted/effects.ts';
import { ARENA, SOURCE } from '../../os/ghes/layout.ts';
import { EVENT, errorRig, memoryBlock } from '../errors.ts';
import type { Experiment } from '../experiment.ts';
import { sweep } from '../rig.ts';

/** A notification while its source is probed, first way: nothing to allocate from. */
export const probePool: Experiment = {
  name: 'probe-pool',
  claim:
    'An event that comes as soon as its source can notify finds room for its record, whatever the probe still does.',
  source: 'Linux 5.1, "ACPI / APEI: Make hest.c manage the estatus memory pool"',
  control: 'the pool grows while each source is probed, after its notification was switched on, as before 5.1',
  run({ control, at }) {
    const { rig, firmware } = errorRig({
      sources: [{ notify: 'SDEI', vector: EVENT.normal }],
      variants: control ? ['poolAtProbe'] : [],
      *main(_cpu, { ghes }) {
        while ((yield* load(ghes.words.printed)) < 1n) yield* nop();
      },
    });
    rig.until(ARENA.sourcesPa + SOURCE.state, 1n);
    const tries = sweep(rig, {
      over: () => false,
      inject: () => firmware.raise(0, memoryBlock({ fruText: 'early' })),
      only: at,
      stride: 12,
      windowMax: 900,
      stepsMax: 30_000,
    }).filter(({ text }) => /early/.test(text));
    const bad = tries.find(({ kind, text }) => kind !== 'off' || /failed with error/.test(text));
    const evidence = [`${tries.length} boundaries of the probe`];
    if (bad) evidence.push(`at boundary ${bad.at} (${bad.where}): ${/sdei: .*/.exec(bad.text)?.[0] ?? bad.kind}`);
    else evidence.push('the event was never for nothing');
    return { holds: tries.length > 0 && !bad, evidence, at: bad?.at };
  },
};
