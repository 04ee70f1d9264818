/** What several groups of cases do. */
import type { Hosted } from '../../engine/hosted/effects.ts';
import type { Guest } from '../guest.ts';

/** Notes event * 10 + PE. */
export const where = (g: Guest) => g.handler(({ event, pe }) => g.note(event * 10n + BigInt(pe)));
/** What the other PEs do here: make themselves ready, mask, unmask. */
export const servants = (g: Guest) => ({
  *unmask() {
    return yield* g.call('SDEI_PE_UNMASK');
  },
  *mask() {
    return yield* g.call('SDEI_PE_MASK');
  },
  handler: where(g),
});
/** Waits until handlers have run `count` times. */
export function* ran(g: Guest, count: number): Hosted {
  yield* g.noted(count);
  yield* g.others();
}
/** Binds the first free SPI as an edge and makes its event ready. */
export function* spi(g: Guest, flags = 0, affinity = 0): Hosted<{ intid: number; event: bigint }> {
  const intid = g.target.freeSpis[0]!;
  yield* g.trigger(intid, true);
  const event = yield* g.bind(intid);
  yield* g.ready(event, 'handler', 0, flags, affinity);
  return { intid, event };
}
