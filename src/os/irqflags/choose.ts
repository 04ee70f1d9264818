/**
 * Choosing how interrupts are masked: once, on the boot CPU, before there is another.
 *
 * One image has all ways. The choice is patched into guest memory, where code of every CPU finds it whenever it enters
 * the kernel; a CPU that would be patched while it runs would mask in one way and unmask in another.
 */
import { type Hosted, hint, load, mrs, msr, store } from '../../engine/hosted/effects.ts';
import type { Cpu } from '../kit/cpu.ts';
import type { Kernel } from '../kit/kernel.ts';
import { AREA, areaOf, BOARD } from '../kit/layout.ts';
import { type IrqFlags, MASKING } from './flags.ts';
import { PMR } from './pmr.ts';

const GICD_CTLR_DS = 0x40n;
const ICC_CTLR_PMHE = 0x40n;
/** Lowest priority that this many bits can say: what is left of it tells whether Group 0 is this world's too. */
const probeOf = (priorityBits: bigint): bigint => 1n << (8n - priorityBits);

/** What masking by priority needs to be the same on every CPU, as bits. Linux, "Booting AArch64 Linux". */
const NEEDED_ALIKE = { GROUP0: 1n, PMHE: 2n } as const;

/**
 * Decides and writes the decision where all code finds it; what was decided is never changed again.
 *
 * The priorities that the distributor is given depend on the configuration: PMR and RPR look the same in each.
 *
 * @throws Error (assertion) when it was decided before, or another CPU is up
 */
export function* chooseMasking(kernel: Kernel): Hosted {
  const { options, words } = kernel;
  if ((yield* load(words.patched)) !== 0n) throw new Error('assertion: masking is chosen once, before the second CPU');
  for (let pe = 1; pe < options.cpus; pe++)
    if ((yield* load(areaOf(pe) + AREA.online)) !== 0n)
      throw new Error(`assertion: masking is chosen before there is a second CPU, and CPU ${pe} is up`);
  let way: bigint = MASKING.daif;
  let [irq, nmi] = [0xa0n, 0xa0n];
  if (options.rfcMasking && kernel.gic.version === 3) {
    yield* msr('ICC_SRE_EL1', 7n);
    way = MASKING.rfc;
    [irq, nmi] = [0xc0n, 0x80n];
  } else if (options.pseudoNmi && kernel.gic.version === 3 && (yield* registersUsable())) {
    const found = yield* configuration();
    way = found & NEEDED_ALIKE.PMHE ? MASKING.pmrForced : MASKING.pmrRelaxed;
    [irq, nmi] = found & NEEDED_ALIKE.GROUP0 && !(yield* oneSecurityState()) ? [0x80n, 0x00n] : [0xc0n, 0x80n];
    yield* store(words.gicConfiguration, found);
  }
  yield* store(words.priorityIrq, irq);
  yield* store(words.priorityNmi, nmi);
  yield* store(words.masking, way);
  yield* store(words.patched, 1n);
  // What other CPUs execute was changed: IHI, "Concurrent modification and execution of instructions".
  yield* hint('isb');
}

/**
 * A CPU that comes up is looked at: it has to be as the one that chose. One whose firmware set it up in another way is
 * told of; one that cannot mask by priority at all is the end, because the code of all CPUs does.
 */
export function* verifyMasking(cpu: Cpu): Hosted {
  if (cpu.irq.name !== 'pmr') return;
  if (!(yield* registersUsable()))
    yield* cpu.panic('ICC_SRE_EL1.SRE cannot be set here, and the kernel masks interrupts by ICC_PMR_EL1');
  const wanted = yield* load(cpu.kernel.words.gicConfiguration);
  const found = yield* configuration();
  const differs = (name: string): string => `CPU ${cpu.pe}: WARNING: ${name} is not as on CPU 0`;
  if ((found ^ wanted) & NEEDED_ALIKE.GROUP0)
    yield* cpu.print(`${differs('SCR_EL3.FIQ')}: priorities do not mask interrupts as they must\n`);
  if ((found ^ wanted) & NEEDED_ALIKE.PMHE)
    yield* cpu.print(`${differs('ICC_CTLR_EL1.PMHE')}: what is unmasked may be seen late\n`);
}

/** What this CPU has of `NEEDED_ALIKE`. */
function* configuration(): Hosted<bigint> {
  const pmhe = (yield* mrs('ICC_CTLR_EL1')) & ICC_CTLR_PMHE ? NEEDED_ALIKE.PMHE : 0n;
  return pmhe | ((yield* groupZeroIsOurs()) ? NEEDED_ALIKE.GROUP0 : 0n);
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
