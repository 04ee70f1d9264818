/** A PE with hosted code at EL3 as firmware and at EL1 as a kernel, for questions about the interrupt controller. */
import { eret, type Hosted, hint, load, mrs, msr, msrImmediate, store } from '../engine/hosted/effects.ts';
import { type HostedFunction, HostedProgram } from '../engine/hosted/program.ts';
import { GICV3 } from '../os/kit/gic.ts';
import { BOARD } from '../os/kit/layout.ts';
import { Rig } from './rig.ts';

/** Two SPIs of the board that nobody uses. */
export const SPI = { irq: 100, nmi: 101 } as const;
/** Where hosted code writes down what it saw. */
export const NOTES_PA = 0x4010_0000n;
/** Priorities as Linux has them, two security states, SCR_EL3.FIQ set. */
export const PRIORITY = { irq: 0xc0n, nmi: 0x80n } as const;
/** Values of ICC_PMR_EL1: everything in, interrupts out. */
export const MASK = { open: 0xe0n, irqOff: 0xc0n } as const;

/** What firmware leaves behind. */
export interface FirmwareLeaves {
  /** SCR_EL3.FIQ; default 1. */
  readonly scrFiq?: boolean;
  /** ICC_PMR_EL1 as EL3 sees it; default 0xff. */
  readonly pmr?: bigint;
  /** ICC_BPR1_EL1 of the Non-secure world; default 0. */
  readonly bpr1?: bigint;
  /** ICC_BPR0_EL1; default 0. */
  readonly bpr0?: bigint;
  /** ICC_CTLR_EL3.CBPR_EL1NS; default 0. */
  readonly cbpr?: boolean;
}

/** SCR_EL3.NS, FIQ, RES1 bits, RW. */
const SCR = { NS: 1n, FIQ: 4n, RES1: 0x30n, RW: 0x400n } as const;
const EL1H_MASKED = 0x3c5n;
const ALL = 0xffff_ffffn;
const GICR_SGI = BOARD.gicrPa + 0x1_0000n;

function* firmware(leaves: FirmwareLeaves, mainVa: bigint): Hosted {
  const { scrFiq = true, pmr = 0xffn, bpr1 = 0n, bpr0 = 0n, cbpr = false } = leaves;
  yield* msr('ICC_SRE_EL3', 0xfn);
  // Affinity routing in both worlds, then Group 1 of the Non-secure one.
  yield* store(BOARD.gicdPa, 0x30n, 4);
  yield* store(BOARD.gicdPa, 0x32n, 4);
  for (let n = 1n; n < 8n; n++) yield* store(BOARD.gicdPa + 0x80n + 4n * n, ALL, 4);
  yield* store(BOARD.gicrPa + 0x14n, 0n, 4);
  while ((yield* load(BOARD.gicrPa + 0x14n, 4)) & 4n) yield* hint('yield');
  yield* store(GICR_SGI + 0x80n, ALL, 4);
  yield* msr('SCR_EL3', SCR.NS | SCR.RES1 | SCR.RW | (scrFiq ? SCR.FIQ : 0n));
  yield* hint('isb');
  yield* msr('ICC_SRE_EL1', 7n);
  yield* msr('ICC_PMR_EL1', pmr);
  yield* msr('ICC_BPR0_EL1', bpr0);
  yield* msr('ICC_BPR1_EL1', bpr1);
  const ctlr = (yield* mrs('ICC_CTLR_EL3')) & ~2n;
  yield* msr('ICC_CTLR_EL3', cbpr ? ctlr | 2n : ctlr);
  yield* msr('ELR_EL3', mainVa);
  yield* msr('SPSR_EL3', EL1H_MASKED);
  yield* eret();
}

/** What the kernel of an experiment does. */
export interface GicKernel {
  readonly leaves?: FirmwareLeaves;
  /** Default true: the kernel writes ICC_BPR1_EL1, as it should. */
  readonly writesBpr?: boolean;
  /** With the controller up and the vectors set, PSTATE masking everything. */
  main(): Hosted;
  /** An interrupt was taken. */
  irq?: HostedFunction;
}

/** The machine; nothing has run yet. */
export function gicRig({ leaves = {}, writesBpr = true, main, irq }: GicKernel): Rig {
  const program: HostedProgram = new HostedProgram({
    functions: {
      *firmware() {
        yield* firmware(leaves, program.address('main'));
      },
      *main() {
        yield* msr('VBAR_EL1', program.vectors('kernel'));
        yield* GICV3.initDistributor(PRIORITY.irq);
        // The order of a kernel, but for what the experiment is about.
        const bpr1 = yield* mrs('ICC_BPR1_EL1');
        yield* GICV3.initCpu(0, { priority: PRIORITY.irq, pmr: MASK.open });
        if (!writesBpr) yield* msr('ICC_BPR1_EL1', bpr1);
        yield* GICV3.setPriority(SPI.nmi, 0, PRIORITY.nmi);
        for (const intid of Object.values(SPI)) {
          yield* edge(intid);
          yield* GICV3.route(intid, 0);
          yield* GICV3.enable(intid, 0);
        }
        yield* main();
        yield* store(NOTES_PA, 1n);
        for (;;) yield* hint('wfi');
      },
      *irq(entry) {
        if (irq) yield* irq(entry);
        yield* eret();
      },
    },
    vectors: { kernel: { currentSpx: { irq: 'irq' } } },
  });
  return new Rig({ hosted: program, entry: 'firmware', firmware: 'guest' });
}
function* edge(intid: number): Hosted {
  const at = BOARD.gicdPa + 0xc00n + BigInt(4 * (intid >> 4));
  yield* store(at, (yield* load(at, 4)) | (2n << BigInt(2 * (intid & 15))), 4);
}

/** Makes an SPI pending, from the kernel. */
export function* pend(intid: number): Hosted {
  yield* store(BOARD.gicdPa + 0x200n + BigInt(4 * (intid >> 5)), 1n << BigInt(intid & 31), 4);
}
/** Some boundaries at which something may come. */
export function* settle(steps = 8): Hosted {
  for (let n = 0; n < steps; n++) yield* hint('nop');
}
/** Interrupts in, as far as PSTATE says. */
export const unmask = (): Hosted => msrImmediate('DAIFClr', 3);

/** Word of the notes; 0 says that `main` has ended. */
export const note = (n: number): bigint => NOTES_PA + BigInt(8 * n);

/**
 * A handler in which the NMI of the experiment may nest: for each acknowledge the INTID and the running priority are
 * written down, from note 2 on; their count is note 1. Inside the first one the NMI is made pending and let in.
 */
export function* nestingIrq(nests: boolean): Hosted {
  const elr = yield* mrs('ELR_EL1');
  const spsr = yield* mrs('SPSR_EL1');
  const intid = yield* mrs('ICC_IAR1_EL1');
  const n = Number(yield* load(note(1)));
  yield* store(note(1), BigInt(n + 1));
  yield* store(note(2 + 2 * n), intid);
  yield* store(note(3 + 2 * n), yield* mrs('ICC_RPR_EL1'));
  if (nests && n === 0) {
    yield* pend(SPI.nmi);
    yield* unmask();
    yield* settle();
    yield* store(note(20), yield* load(note(1)));
    yield* msrImmediate('DAIFSet', 3);
  }
  if (intid < 1020n) yield* msr('ICC_EOIR1_EL1', intid);
  yield* msr('ELR_EL1', elr);
  yield* msr('SPSR_EL1', spsr);
}
/** What `nestingIrq` wrote down, as text. */
export function acknowledged(rig: Rig): string {
  const count = Number(rig.word(note(1)));
  const one = (n: number): string =>
    `INTID ${rig.word(note(2 + 2 * n))} at running priority 0x${rig.word(note(3 + 2 * n)).toString(16)}`;
  return count === 0 ? 'nothing was acknowledged' : Array.from({ length: count }, (_, n) => one(n)).join(', then ');
}
/** The NMI came while the first interrupt was still handled. */
export const nested = (rig: Rig): boolean => rig.word(note(20)) === 2n;
