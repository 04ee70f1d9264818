import { load, nop } from '../../engine/hosted/effects.ts';
import { ARENA, SOURCE } from '../../os/ghes/layout.ts';
import { EVENT, errorRig, memoryBlock } from '../errors.ts';
import type { Experiment } from '../experiment.ts';
import { sweep } from '../rig.ts';

const RECORDS = {
  first: memoryBlock({ fruText: 'first', addr: 0x4051_1000n }),
  second: memoryBlock({ fruText: 'second', addr: 0x4052_2000n }),
} as const;

/** A notification while its source is probed, third way: one buffer for both. */
export const probeBuffer: Experiment = {
  name: 'probe-buffer',
  claim:
    'Events at any boundary of the first look at a source, one for the record it is about and one for the next, never ' +
    'have a record printed that is a mixture, or one printed twice.',
  source: 'Linux 5.1, "ACPI / APEI: Only use queued estatus entry during in_nmi_queue_one_entry()"',
  control: "the events' handler reads into the buffer of the source, which the look is using, as before 5.1",
  run({ control, at }) {
    const { rig, firmware } = errorRig({
      sources: [{ notify: 'SDEI', vector: EVENT.normal }],
      variants: control ? ['sharedBuffer'] : [],
      *main(_cpu, { ghes }) {
        for (let n = 0; n < 100; n++) yield* nop();
        while ((yield* load(ghes.words.queue)) !== 0n) yield* nop();
      },
    });
    const { machine } = rig;
    firmware.put(0, RECORDS.first);
    rig.until(ARENA.sourcesPa + SOURCE.bufferPa, ARENA.buffersPa);
    const inject = (): void => {
      if (!machine.sdei.signal(EVENT.normal)) return;
      // Firmware has the next record ready when it gets its block back.
      machine.runUntil(() => firmware.acknowledged(0), { steps: 3_000 });
      firmware.raise(0, RECORDS.second);
    };
    const tries = sweep(rig, {
      over: () => firmware.acknowledged(0),
      inject,
      only: at,
      stride: 19,
      windowMax: 1_500,
      stepsMax: 30_000,
    }).filter(({ text }) => /second/.test(text));
    const bad = tries.find(({ kind, text }) => kind !== 'off' || !eachOnce(text));
    const evidence = [`${tries.length} boundaries of the first look`];
    if (bad) evidence.push(`at boundary ${bad.at} (${bad.where}): printed ${shown(bad.text)}`);
    else evidence.push('both records were printed once, each as it was');
    return { holds: tries.length > 0 && !bad, evidence, at: bad?.at };
  },
};

/** FRU and address of the records that were printed. */
function shown(text: string): string {
  const records = text.matchAll(/fru_text: (\S+)[\s\S]*?physical_address: 0x0*(\w+)/g);
  return [...records].map(([, fru, addr]) => `${fru} ${addr}`).join(', ') || 'nothing';
}
const eachOnce = (text: string): boolean =>
  ['first 40511000, second 40522000', 'second 40522000, first 40511000'].includes(shown(text));
