import { load, nop, store } from '../../engine/hosted/effects.ts';
import { EVENT, errorRig, memoryBlock } from '../errors.ts';
import type { Experiment } from '../experiment.ts';
import { sweep } from '../rig.ts';

/** Why lock and window of the handler of hardware errors no longer depend on `in_nmi()`. */
export const nmiLikeDeadlock: Experiment = {
  name: 'nmi-like-deadlock',
  claim:
    'A critical SDEI event at any boundary of the handler of a normal one gets its error record read, and so does the ' +
    'other.',
  source: 'Linux 5.1, "ACPI / APEI: Move locking to the notification helper" and the series around it',
  control: 'lock and window are chosen by whether the CPU is in an NMI, inside the copy routine, as before 5.1',
  run({ control, at }) {
    const { rig, firmware, stagePa } = errorRig({
      sources: [
        { notify: 'SDEI', vector: EVENT.normal },
        { notify: 'SDEI', vector: EVENT.critical },
      ],
      variants: control ? ['inNmi'] : [],
      *main(_cpu, { stagePa: stage, ghes }) {
        yield* store(stage, 1n);
        while ((yield* load(ghes.words.printed)) < 2n) yield* nop();
      },
    });
    rig.until(stagePa, 1n);
    firmware.raise(0, memoryBlock({ fruText: 'first' }));
    const tries = sweep(rig, {
      over: () => firmware.acknowledged(0),
      inject: () => firmware.raise(1, memoryBlock({ fruText: 'second', addr: 0x4051_0000n })),
      only: at,
      stride: 5,
      stepsMax: 30_000,
    });
    const good = tries.filter(({ kind, text }) => kind === 'off' && /first/.test(text) && /second/.test(text));
    const bad = tries.find((one) => !good.includes(one));
    const evidence = [`at ${good.length} of ${tries.length} boundaries both records were printed`];
    if (bad) evidence.push(`first otherwise at boundary ${bad.at} (${bad.where}): ${bad.kind}: ${bad.why}`);
    return { holds: tries.length > 0 && !bad, evidence, at: bad?.at };
  },
};
