/** How fast loops run: compiled and by handlers. */
import type { Machine } from '../../src/machine/machine.ts';
import { guest, MMU_ON } from './guests.ts';

/** Loops without end that load one part of the engine each. */
export const LOOPS: Readonly<Record<string, string>> = {
  arithmetic: `
loop:   add     x1, x1, x2
        eor     x3, x1, x3, ror #7
        subs    x4, x4, #1
        csel    x5, x1, x3, mi
        adds    x6, x6, x5
        b.cc    loop
        b       loop`,
  memory: `
        ${MMU_ON}
        ldr     x5, =0x40200000
loop:   and     x2, x1, #0x7f8
        ldr     x3, [x5, x2]
        add     x3, x3, x1
        str     x3, [x5, x2]
        ldp     x6, x7, [x5, #16]
        add     x1, x1, #56
        b       loop
        .ltorg`,
  calls: `
loop:   add     x1, x1, #1
        mov     x0, x1
        bl      leaf
        add     x2, x2, x0
        b       loop
leaf:   eor     x0, x0, x2
        lsr     x0, x0, #3
        ret`,
  'floating point': `
        mov     x0, #3 << 20
        msr     CPACR_EL1, x0
        isb
        fmov    d0, #1.5
        fmov    d1, #0.75
loop:   fadd    d2, d2, d0
        fmul    d3, d2, d1
        fsub    d2, d3, d1
        add     v4.4s, v4.4s, v2.4s
        add     x1, x1, #1
        b       loop`,
  'fused multiply-add': `
        mov     x0, #3 << 20
        msr     CPACR_EL1, x0
        isb
        fmov    d0, #0.5
        fmov    d1, #1.25
        fmov    d5, #3.0
        fdiv    d0, d0, d5
        fdiv    d1, d1, d5
loop:   fmadd   d2, d2, d0, d1
        fmadd   d3, d2, d2, d0
        fmsub   d4, d3, d2, d1
        fdiv    d6, d3, d5
        add     x1, x1, #1
        b       loop`,
  vectors: `
        ${MMU_ON}
        mov     x0, #3 << 20
        msr     CPACR_EL1, x0
        isb
        ldr     x5, =0x40200000
loop:   and     x2, x1, #0x7e0
        add     x3, x5, x2
        ldp     q0, q1, [x3]
        cmeq    v2.16b, v0.16b, #0
        orr     v3.16b, v2.16b, v1.16b
        umaxp   v3.4s, v3.4s, v2.4s
        fmov    x4, d3
        stp     q0, q3, [x3]
        add     x1, x1, #32
        b       loop
        .ltorg`,
  device: `
        ldr     x5, =0x09000000
loop:   ldr     w1, [x5, #0x18]
        add     x2, x2, x1
        add     x3, x3, #1
        b       loop
        .ltorg`,
};

const WARM_STEPS = 4_000_000;
const MEASURED_MS = 1500;

/** Millions of steps per second of host time, after everything is compiled. */
export function speedOf(loop: string, engine: 'compiled' | 'interpreter', nowMs: () => number): number {
  const { machine }: { machine: Machine } = guest(loop, { engine });
  machine.run({ steps: WARM_STEPS });
  const [first, start] = [machine.steps, nowMs()];
  while (nowMs() - start < MEASURED_MS) machine.run({ steps: WARM_STEPS });
  return (machine.steps - first) / 1000 / (nowMs() - start);
}
