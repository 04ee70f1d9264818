/** The virtual timer of a CPU, as a clock that rings. DDI 0487, "The AArch64 Generic Timer". */
import { type Hosted, mrs, msr } from '../../engine/hosted/effects.ts';
import type { Cpu } from './cpu.ts';
import { BOARD } from './layout.ts';

const CTL = { ENABLE: 1n, IMASK: 2n } as const;

/** Rings in so many ns, rounded up to 16; the interrupt is `kernel.timerIntid`, to be enabled once on each CPU. */
export function* setTimer(cpu: Cpu, ns: bigint): Hosted {
  const counts = (ns + BOARD.counterNs - 1n) / BOARD.counterNs;
  yield* cpu.kernel.gic.enable(cpu.kernel.timerIntid, cpu.pe);
  yield* msr('CNTV_CVAL_EL0', (yield* mrs('CNTVCT_EL0')) + counts);
  yield* msr('CNTV_CTL_EL0', CTL.ENABLE);
}
/** Does not ring any more; from the handler this also takes the interrupt's level away. */
export function* stopTimer(): Hosted {
  yield* msr('CNTV_CTL_EL0', CTL.IMASK);
}
