/** The dispatcher of the guest: the rules are those of the firmware's, what they act on is a guest. */
import { type Hosted, lock, unlock } from '../../engine/hosted/effects.ts';
import { SdeiDispatcher } from '../../firmware/sdei/dispatcher.ts';
import { settled } from './facts.ts';
import { WORD } from './layout.ts';
import { log } from './log.ts';
import { Attempt, type GuestConfiguration } from './sdei-host.ts';
import { readWords, writeFresh } from './sdei-state.ts';

/** What is done to the dispatcher: it may be done several times, each time to a dispatcher that was made anew. */
export type SdeiOperation<T> = (attempt: Attempt) => T;

/**
 * Does something to the guest's dispatcher on a PE that is at EL2, and enters the handler of an event that is due
 * there: ELR_EL2, SPSR_EL2 and X0 to X17 are then those of the handler.
 */
export function* transact<T>(config: GuestConfiguration, pe: number, operate: SdeiOperation<T>): Hosted<T> {
  const { basePa, events, cpus } = config;
  yield* lock(basePa + WORD.lock, BigInt(pe + 1));
  const words = yield* readWords(basePa, events.length, cpus, WORD.power);
  const done = yield* settled((facts) => {
    const attempt = new Attempt(config, words, facts, pe);
    const result = operate(attempt);
    attempt.d.evaluate();
    attempt.d.dispatch(pe);
    return { attempt, result };
  });
  yield* done.attempt.flush();
  for (const line of done.attempt.notices) yield* log(basePa, line);
  yield* unlock(basePa + WORD.lock);
  yield* done.attempt.enter();
  return done.result;
}

/** Nothing registered, nothing bound, every PE masked: when the guest starts. */
export function* freshSdei(config: GuestConfiguration): Hosted {
  const nothing = (): never => {
    throw new Error('assertion: a dispatcher that is only looked at asks for nothing');
  };
  const host = new Proxy({ peCount: config.cpus, clientEl: 1 } as never, {
    get: (target, name) => (name in target ? target[name] : nothing),
  });
  yield* writeFresh(new SdeiDispatcher(host, config), config.basePa);
}
