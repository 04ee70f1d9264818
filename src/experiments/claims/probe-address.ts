import { load, nop } from '../../engine/hosted/effects.ts';
import { ARENA, SOURCE } from '../../os/ghes/layout.ts';
import { EVENT, errorRig, memoryBlock } from '../errors.ts';
import type { Experiment } from '../experiment.ts';
import { sweep } from '../rig.ts';

/** A notification while its source is probed, second way: what is known of the block lies in the source. */
export const probeAddress: Experiment = {
  name: 'probe-address',
  claim:
    'Events at any boundary of the first look at a source, one for the record that the look is about and one for ' +
    'nothing, leave the record printed as it was.',
  source: 'Linux 5.1, "ACPI / APEI: Don\'t store CPER records physical address in struct ghes"',
  control: "the block's address is kept in the source, where the event's handler overwrites it, as before 5.1",
  run({ control, at }) {
    const { rig, firmware } = errorRig({
      sources: [{ notify: 'SDEI', vector: EVENT.normal }],
      variants: control ? ['addressInSource'] : [],
      *main(_cpu, { ghes }) {
        while ((yield* load(ghes.words.printed)) < 1n) yield* nop();
      },
    });
    firmware.put(0, memoryBlock({ fruText: 'before' }));
    rig.until(ARENA.sourcesPa + SOURCE.state, 1n);
    const { machine } = rig;
    const inject = (): void => {
      if (!machine.sdei.signal(EVENT.normal)) return;
      machine.runUntil(() => firmware.acknowledged(0), { steps: 3_000 });
      machine.sdei.signal(EVENT.normal);
    };
    const tries = sweep(rig, {
      over: () => firmware.acknowledged(0),
      inject,
      only: at,
      stride: 4,
      windowMax: 300,
      stepsMax: 30_000,
    });
    const good = tries.filter(({ kind, text }) => kind === 'off' && asItWas(text));
    const bad = tries.find((one) => !good.includes(one));
    const evidence = [`right at ${good.length} of ${tries.length} boundaries`];
    if (bad) evidence.push(`at boundary ${bad.at} (${bad.where}): ${bad.kind} ${bad.why}: ${lastLine(bad.text)}`);
    return { holds: tries.length > 0 && !bad, evidence, at: bad?.at };
  },
};

/** What an NMI says comes wherever the console was. */
const asItWas = (text: string): boolean => {
  const rest = text.replaceAll(/GHES: sdei: event .*\n/g, '');
  return /fru_text: before/.test(rest) && !/Failed to|Invalid|Truncated|panic/.test(rest);
};
const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1) ?? '';
