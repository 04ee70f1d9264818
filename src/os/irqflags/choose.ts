/** Choosing how interrupts are masked, once, on the boot CPU, before there is another. */
import { type Hosted, hint, load, mrs, msr, store } from '../../engine/hosted/effects.ts';
import type { Kernel } from '../kit/kernel.ts';
import { BOARD } from '../kit/layout.ts';
import { type IrqFlags, MASKING } from './flags.ts';
import { PMR } from './pmr.ts';

const GICD_CTLR_DS = 0x40n;
const ICC_CTLR_PMHE = 0x40n;
/** Lowest priority that this many bits can say: what is left of it tells whether Group 0 is this world's too. */
const probeOf = (priorityBits: bigint): bigint => 1n << (8n - priorityBits);

/**
 * Decides and writes the decision where all code finds it; what was decided is never changed again. Says which.
 *
 * The priorities that the distributor is given depend on the configuration: PMR and RPR look the same in each.
 */
export function* chooseMasking(kernel: Kernel): Hosted {
  const { options, words } = kernel;
  if ((yield* load(words.patched)) !== 0n) throw new Error('assertion: masking is chosen once, before the second CPU');
  let way: bigint = MASKING.daif;
  let [irq, nmi] = [0xa0n, 0xa0n];
  if (options.rfcMasking && kernel.gic.version === 3) {
    yield* msr('ICC_SRE_EL1', 7n);
    way = MASKING.rfc;
    [irq, nmi] = [0xc0n, 0x80n];
  } else if (options.pseudoNmi && kernel.gic.version === 3 && (yield* registersUsable())) {
    const pmhe = (yield* mrs('ICC_CTLR_EL1')) & ICC_CTLR_PMHE;
    way = pmhe ? MASKING.pmrForced : MASKING.pmrRelaxed;
    [irq, nmi] = (yield* groupZeroIsOurs()) && !(yield* oneSecurityState()) ? [0x80n, 0x00n] : [0xc0n, 0x80n];
  }
  yield* store(words.priorityIrq, irq);
  yield* store(words.priorityNmi, nmi);
  yield* store(words.masking, way);
  yield* store(words.patched, 1n);
  // What other CPUs execute was changed: IHI, "Concurrent modification and execution of instructions".
  yield* hint('isb');
}

/** The System registers of the CPU interface can be switched on. */
function* registersUsable(): Hosted<boolean> {
  yield* msr('ICC_SRE_EL1', 7n);
  return ((yield* mrs('ICC_SRE_EL1')) & 1n) !== 0n;
}
function* oneSecurityState(): Hosted<boolean> {
  return ((yield* load(BOARD.gicdPa, 4)) & GICD_CTLR_DS) !== 0n;
}
/** SCR_EL3.FIQ is 0: the register then has its whole range, and its last implemented bit can be set alone. */
function* groupZeroIsOurs(): Hosted<boolean> {
  const bits = (((yield* mrs('ICC_CTLR_EL1')) >> 8n) & 7n) + 1n;
  const before = yield* mrs('ICC_PMR_EL1');
  yield* msr('ICC_PMR_EL1', probeOf(bits));
  const found = yield* mrs('ICC_PMR_EL1');
  yield* msr('ICC_PMR_EL1', before);
  return found !== 0n;
}

/** ICC_PMR_EL1 of a CPU that starts, DAIF masking everything. */
export function initialPmr(irq: IrqFlags): bigint {
  return irq.name === 'pmr' ? PMR.IRQON | PMR.PSR_I_SET : 0xf0n;
}
