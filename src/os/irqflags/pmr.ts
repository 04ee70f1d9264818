/**
 * Masking by priority: ICC_PMR_EL1 holds ordinary interrupts back and lets those of a better priority through.
 *
 * PSTATE.I and F are left for where nothing may come: entry and exit, idle. While they mask, the register has a marker.
 */
import { type Hosted, hint, load, mrs, msr, msrImmediate, store, wfi } from '../../engine/hosted/effects.ts';
import { FRAME } from '../kit/frame.ts';
import type { IrqFlags } from './flags.ts';

/** Values of ICC_PMR_EL1, the same in every configuration of security. */
export const PMR = {
  /** Interrupts and NMIs. */
  IRQON: 0xe0n,
  /** NMIs alone: the priority of ordinary interrupts. */
  IRQOFF: 0xc0n,
  /** Priority of NMIs, as ICC_RPR_EL1 shows it. */
  NMI: 0x80n,
  /** Marker: PSTATE.I masks, whatever this register says. */
  PSR_I_SET: 0x10n,
} as const;

const OPEN = PMR.IRQON | PMR.PSR_I_SET;
const { I, A, F } = { I: 0x80n, A: 0x100n, F: 0x40n };
const IF = I | F;

/** @param forced - ICC_CTLR_EL1.PMHE is 1: what was unmasked is seen by the distributor after a DSB alone */
export function pmrFlags(forced: boolean): IrqFlags {
  function* sync(): Hosted {
    if (forced) yield* hint('dsb');
  }
  return {
    name: 'pmr',
    priorities: true,
    *enable() {
      yield* msr('ICC_PMR_EL1', PMR.IRQON);
      yield* sync();
    },
    disable: () => msr('ICC_PMR_EL1', PMR.IRQOFF),
    save: () => mrs('ICC_PMR_EL1'),
    disabled: (flags) => flags !== PMR.IRQON,
    *saveAndDisable() {
      const flags = yield* mrs('ICC_PMR_EL1');
      if (flags === PMR.IRQON) yield* msr('ICC_PMR_EL1', PMR.IRQOFF);
      return flags;
    },
    *restore(flags) {
      yield* msr('ICC_PMR_EL1', flags);
      yield* sync();
    },
    *daifMask() {
      yield* msrImmediate('DAIFSet', 15);
      yield* msr('ICC_PMR_EL1', OPEN);
    },
    *daifSave() {
      const daif = yield* mrs('DAIF');
      return (yield* mrs('ICC_PMR_EL1')) === PMR.IRQON ? daif : daif | IF;
    },
    *daifRestore(daif) {
      if (!(daif & I)) {
        yield* msr('ICC_PMR_EL1', PMR.IRQON);
        yield* sync();
        yield* msr('DAIF', daif);
      } else if (!(daif & A)) {
        // Interrupts out and SErrors in: NMIs are in as well.
        yield* msr('ICC_PMR_EL1', PMR.IRQOFF);
        yield* msr('DAIF', daif & ~IF);
      } else {
        yield* msr('ICC_PMR_EL1', OPEN);
        yield* msr('DAIF', daif);
      }
    },
    *daifInherit(pstate, pmr) {
      yield* msr('ICC_PMR_EL1', pmr);
      yield* msr('DAIF', pstate & 0x3c0n);
    },
    *enter(framePa) {
      const pmr = yield* mrs('ICC_PMR_EL1');
      yield* store(framePa + FRAME.pmr, pmr);
      yield* msr('ICC_PMR_EL1', OPEN);
      return pmr;
    },
    *leave(framePa) {
      yield* msr('ICC_PMR_EL1', yield* load(framePa + FRAME.pmr));
      yield* sync();
    },
    wasDisabled: (pstate, pmr) => (pstate & I) !== 0n || pmr !== PMR.IRQON,
    *idle() {
      // WFI wakes for what the GIC signals: with the register closed an ordinary interrupt would not wake it.
      const daif = yield* mrs('DAIF');
      const pmr = yield* mrs('ICC_PMR_EL1');
      yield* msrImmediate('DAIFSet', 3);
      yield* msr('ICC_PMR_EL1', OPEN);
      yield* hint('dsb');
      yield* wfi();
      yield* msr('ICC_PMR_EL1', pmr);
      yield* msr('DAIF', daif);
    },
  };
}
