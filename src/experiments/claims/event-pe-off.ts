import { PE_STATE } from '../../arch/pestate.ts';
import { WAIT } from '../../cpu/waiting.ts';
import { finalCall, load, store } from '../../engine/hosted/effects.ts';
import { eventsRig, raise, register, sdei, stage, WORD } from '../events-rig.ts';
import type { Experiment } from '../experiment.ts';

/** A PE that is off has no handlers, and has none when it comes back. */
export const eventPeOff: Experiment = {
  name: 'event-pe-off',
  claim:
    'An event for a PE that is off turns nothing on, and is not handled when the PE is on again: its handlers are gone.',
  source: 'DEN0054, "Power management": private events of a PE that is turned off are unregistered',
  control: 'the PE stays on',
  run({ control }) {
    const rig = eventsRig(function* (program) {
      if ((yield* load(WORD.stage)) < 1n) {
        yield* register(program);
        yield* sdei('SDEI_PE_UNMASK');
        yield* stage(1n);
        if (!control) {
          yield* store(WORD.stage, 2n);
          yield* finalCall('smc', 0x8400_0002n);
        }
      }
      yield* sdei('SDEI_PE_UNMASK');
      yield* stage(3n);
    });
    const isOff = (): boolean => rig.machine.pes[1]!.s.get32(PE_STATE.waitState) === WAIT.OFF;
    rig.until(WORD.stage, 1n);
    if (!control) {
      rig.setWord(WORD.go, 1n);
      rig.until(WORD.stage, 2n);
      // As long as the PE is on its event is registered; behind that it is not any more.
      rig.machine.runUntil(isOff, { steps: 5_000 });
    }
    const said: string[] = [];
    rig.machine.log.onReport((message) => said.push(message));
    const accepted = raise(rig);
    rig.machine.run({ steps: 20 });
    const stayedOff = isOff();
    rig.setWord(WORD.go, 1n);
    rig.until(WORD.stage, 3n);
    rig.machine.run({ steps: 2_000 });
    const handled = rig.word(WORD.handled);
    const evidence = [
      ...said,
      `the event was ${accepted ? 'accepted' : 'refused'}; its handler ran ${handled} time(s)`,
    ];
    return { holds: stayedOff && handled === 0n, evidence };
  },
};
