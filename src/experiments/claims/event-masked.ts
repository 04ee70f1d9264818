import { store } from '../../engine/hosted/effects.ts';
import { eventsRig, register, sdei, stage, WORD } from '../events-rig.ts';
import type { Experiment } from '../experiment.ts';

/** GICR_ICFGR1 of PE 1. */
const GICR_ICFGR1_PA = 0x080d_0c04n;

/** An interrupt that the client has bound: its line holds the event as long as the PE is masked. */
export const eventMasked: Experiment = {
  name: 'event-masked',
  claim:
    'An event whose interrupt comes while the PE is masked is handled once, when the PE is unmasked, and not before.',
  source: 'DEN0054, "SDEI_PE_MASK" and "Event dispatch"',
  control: 'the PE is not masked',
  run({ control }) {
    const intid = 20;
    const rig = eventsRig(function* (program) {
      yield* register(program);
      // An edge, which is kept: as a level it would have gone before anybody looked.
      yield* store(GICR_ICFGR1_PA, 2n << BigInt(2 * (intid & 15)), 4);
      const event = yield* sdei('SDEI_INTERRUPT_BIND', BigInt(intid));
      yield* sdei('SDEI_EVENT_REGISTER', event, program.address('event'), 0n, 0n, 0n);
      yield* sdei('SDEI_EVENT_ENABLE', event);
      if (control) yield* sdei('SDEI_PE_UNMASK');
      yield* stage(1n);
      yield* sdei('SDEI_PE_UNMASK');
      yield* stage(2n);
    });
    rig.until(WORD.stage, 1n);
    rig.machine.gic.set(intid, true, { pe: 1 });
    rig.machine.gic.set(intid, false, { pe: 1 });
    rig.machine.run({ steps: 3_000 });
    const masked = rig.word(WORD.handled);
    rig.setWord(WORD.go, 1n);
    rig.until(WORD.stage, 2n);
    rig.machine.run({ steps: 3_000 });
    const handled = rig.word(WORD.handled);
    return {
      holds: masked === 0n && handled === 1n,
      evidence: [`before SDEI_PE_UNMASK the handler ran ${masked} time(s), behind it ${handled} in all`],
    };
  },
};
