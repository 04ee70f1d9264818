import { store, wfi } from '../../engine/hosted/effects.ts';
import { eventsRig, raise, register, sdei, WORD } from '../events-rig.ts';
import type { Experiment } from '../experiment.ts';

/** An event is one of the things that end a wait. */
export const eventSuspended: Experiment = {
  name: 'event-suspended',
  claim: 'An event for a PE that waits in WFI, everything masked in PSTATE, is handled at once and ends the wait.',
  source: 'DEN0054, "Power management"; DDI 0487, "Wait For Interrupt"',
  control: 'the PE has masked events with SDEI_PE_MASK',
  run({ control }) {
    const rig = eventsRig(function* (program) {
      yield* register(program);
      yield* sdei(control ? 'SDEI_PE_MASK' : 'SDEI_PE_UNMASK');
      yield* store(WORD.stage, 1n);
      yield* wfi();
    });
    rig.until(WORD.stage, 1n);
    rig.machine.run({ steps: 3_000 });
    const before = rig.word(WORD.stage);
    const accepted = raise(rig);
    rig.machine.run({ steps: 3_000 });
    const [handled, after] = [rig.word(WORD.handled), rig.word(WORD.stage)];
    const woke = before === 1n && after === 99n;
    return {
      holds: accepted && handled === 1n && woke,
      evidence: [
        `the event was ${accepted ? 'accepted' : 'refused'}, its handler ran ${handled} time(s), the wait ` +
          (woke ? 'ended' : 'goes on'),
      ],
    };
  },
};
