/** The state of the guest's dispatcher, looked at from outside. */
import { SdeiDispatcher } from '../../firmware/sdei/dispatcher.ts';
import type { SdeiHost } from '../../firmware/sdei/host.ts';
import type { SdeiState } from '../../firmware/sdei/records.ts';
import { Facts } from './facts.ts';
import { areaAt, EVENTS, FRAME_WORDS, frameAt, handlerAt, PE, WORD } from './layout.ts';
import type { GuestConfiguration } from './sdei-host.ts';
import { fill, type SdeiWords } from './sdei-state.ts';

/** A dispatcher's state as the words in memory say; `word` gives the doubleword at an offset. */
export function stateFrom(config: GuestConfiguration, word: (offset: bigint) => bigint): SdeiState {
  const { cpus, events, basePa } = config;
  const words: SdeiWords = {
    events: events.map((_, n) => {
      const at = EVENTS.at + BigInt(n) * EVENTS.bytes;
      return [word(at), word(at + 8n)] as const;
    }),
    pes: Array.from({ length: cpus }, (_, pe) => word(areaAt(pe) + PE.events)),
    power: word(WORD.power),
  };
  const facts = new Facts();
  events.forEach((_, n) => {
    for (let pe = 0; pe < cpus; pe++)
      for (const i of [0, 1])
        facts.learn(`handler ${basePa + handlerAt(n, pe)} ${i}`, word(handlerAt(n, pe) + BigInt(8 * i)));
  });
  for (let pe = 0; pe < cpus; pe++)
    for (const depth of [0, 1]) {
      const at = frameAt(pe, depth);
      const frame = Array.from({ length: FRAME_WORDS }, (_, n) => word(at + BigInt(8 * n)));
      facts.learn(`frame ${basePa + at}`, frame);
    }
  const host = { peCount: cpus, clientEl: 1, affinityOf: (pe: number) => config.affinityOf(pe) } as unknown as SdeiHost;
  const d = new SdeiDispatcher(host, config);
  fill(d, words, basePa, facts);
  return {
    events: d.events.map(({ event, intid, handlers }) => ({
      number: event.number,
      intid,
      handlers: handlers.map(({ state, entryVa, argument, affinity, latch, line, edge }) => ({
        ...{ state, entryVa, argument, affinity, latch, line, edge },
      })),
    })),
    pes: d.pes.map(({ masked, stack }) => ({
      masked,
      stack: stack.map(({ event, x, pc, pstate }) => ({ event, x, pc, pstate })),
    })),
  };
}
