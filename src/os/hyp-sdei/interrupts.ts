/** Interrupts that arrive while the guest runs: events, injections, and the hypervisor's own. */
import { type Hosted, load, mrs, msr, store } from '../../engine/hosted/effects.ts';
import { watchdogFired } from './boot.ts';
import { writeBit } from './gic.ts';
import { inject, refill } from './inject.ts';
import { HYP_INTIDS, REQUEST, REQUESTS, WORD } from './layout.ts';
import { saveAll, saveThis } from './saved.ts';
import { transact } from './sdei.ts';
import { type GuestConfiguration, isTaken } from './sdei-host.ts';

/** Special INTIDs: nothing is pending. */
const SPECIAL = 1020;
const SGI_END = 16;

/** Takes every interrupt that is pending for this PE. */
export function* guestInterrupt(
  config: GuestConfiguration,
  pe: number,
  watchdog: { readonly intid: number; readonly periodNs: bigint } | undefined,
): Hosted {
  for (;;) {
    const intid = Number(yield* mrs('ICC_IAR1_EL1'));
    if (intid >= SPECIAL) return;
    yield* msr('ICC_EOIR1_EL1', BigInt(intid));
    if (yield* isTaken(config.basePa, intid, pe)) yield* event(config, pe, intid);
    else if (intid === HYP_INTIDS.timer && watchdog) yield* own(intid, watchdogFired(config.basePa, watchdog));
    else if (intid === HYP_INTIDS.maintenance) yield* own(intid, refill(config.basePa, pe));
    else if (intid === HYP_INTIDS.doorbell) yield* own(intid, rung(config, pe));
    else if (intid === HYP_INTIDS.management) yield* own(intid, requests(config, pe));
    else yield* injected(config, pe, intid);
  }
}
/** An interrupt of the hypervisor: it is over when it was dealt with. */
function* own(intid: number, deal: Hosted): Hosted {
  // An edge that comes meanwhile must not be lost, so it may be pending again before.
  yield* msr('ICC_DIR_EL1', BigInt(intid));
  yield* deal;
}
/** SGIs are over here; PPIs and SPIs stay active until the guest deactivates them. */
function* injected({ basePa }: GuestConfiguration, pe: number, intid: number): Hosted {
  if (intid < SGI_END) yield* msr('ICC_DIR_EL1', BigInt(intid));
  yield* inject(basePa, pe, intid);
}
/** An interrupt that is taken from the guest triggers its event. */
function* event(config: GuestConfiguration, pe: number, intid: number): Hosted {
  yield* msr('ICC_DIR_EL1', BigInt(intid));
  const isEvent = yield* transact(config, pe, (attempt) => attempt.arrived(intid));
  // Given back between its acknowledge and the lock: it is pending for whom it belongs to.
  if (!isEvent) yield* writeBit('ISPENDR', intid, pe);
}

/** Somebody else made something due here. */
function* rung(config: GuestConfiguration, pe: number): Hosted {
  if ((yield* load(config.basePa + WORD.saving)) !== 0n) return yield* saveThis(config, pe);
  yield* transact(config, pe, () => undefined);
}

/** Does what was asked for from outside. */
function* requests(config: GuestConfiguration, pe: number): Hosted {
  const { basePa } = config;
  for (;;) {
    const served = yield* load(basePa + WORD.served);
    if (served === (yield* load(basePa + WORD.asked))) return;
    const at = basePa + REQUESTS.at + (served % BigInt(REQUESTS.count)) * REQUESTS.bytes;
    const [operation, operand] = [yield* load(at), yield* load(at + 8n)];
    yield* store(basePa + WORD.served, served + 1n);
    if (operation === REQUEST.SAVE) yield* saveAll(config, pe);
    else if (operation === REQUEST.RAISE) {
      const [number, of] = [Number(operand & 0xffff_ffffn), Number(operand >> 32n)];
      yield* transact(config, pe, ({ d }) => void d.raise(d.event(number)!, of));
    }
  }
}
