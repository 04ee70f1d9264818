import { load, nop, store } from '../../engine/hosted/effects.ts';
import { EVENT, errorRig, memoryBlock } from '../errors.ts';
import type { Experiment } from '../experiment.ts';

/** A record that does not fit into a page, through the queue. */
export const largeRecord: Experiment = {
  name: 'large-record',
  claim:
    'An error record of more than a page that an NMI-like notification brings is queued, acknowledged and printed.',
  source: 'Linux 5.1, "ACPI / APEI: Switch estatus pool to use vmalloc memory"',
  control: 'the pool is made of single pages, across which no allocation goes, as before 5.1',
  run({ control }) {
    const { rig, firmware, stagePa } = errorRig({
      sources: [{ notify: 'SDEI', vector: EVENT.normal, blockBytes: 0x4000, offset: 0xe02 }],
      variants: control ? ['pageChunks'] : [],
      *main(_cpu, { stagePa: stage, ghes }) {
        yield* store(stage, 1n);
        for (let n = 0; n < 500; n++) yield* nop();
        while ((yield* load(ghes.words.queue)) !== 0n) yield* nop();
      },
    });
    rig.until(stagePa, 1n);
    const block = memoryBlock({ fruText: 'big', pages: 2 });
    firmware.raise(0, block);
    const { kind, text } = rig.finish(200_000);
    const printed = /fru_text: big/.test(text);
    const said = /failed with error: -?\d+/.exec(text)?.[0];
    const acknowledged = firmware.acknowledged(0);
    return {
      holds: kind === 'off' && printed && acknowledged,
      evidence: [
        `a block of ${block.length} bytes at offset 0xe02 of a page: ${printed ? 'printed' : 'not printed'}, ` +
          `${acknowledged ? 'acknowledged' : 'not acknowledged'}${said ? `, event ${said}` : ''}`,
      ],
    };
  },
};
