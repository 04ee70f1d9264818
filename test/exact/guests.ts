/** Small guests of our own assembler for tests of whole machines. */
import { assemble } from '../../src/isa/text/assemble.ts';
import { Machine } from '../../src/machine/machine.ts';
import type { MachineOptions } from '../../src/machine/options.ts';

/** Least memory a machine can have: digests and snapshots look at all of it. */
export const SMALL_BYTES: number = 16 * 2 ** 20;
/** Where guests are loaded. */
export const GUEST_PA = 0x4008_0000n;

/** A machine with one program, made from source; labels are in `symbols`. */
export function guest(
  source: string,
  options: MachineOptions = {},
): { readonly machine: Machine; readonly symbols: ReadonlyMap<string, bigint> } {
  const { bytes, symbols } = assemble(source, { origin: GUEST_PA });
  const programs = [{ bytes, addrPa: GUEST_PA }];
  return { machine: Machine.create({ memoryBytes: SMALL_BYTES, programs, ...options }), symbols };
}

/** What a machine wrote to its console, from the call on. */
export function listen(machine: Machine): { readonly text: string } {
  const heard = { text: '' };
  machine.console.onOutput((bytes) => {
    heard.text += String.fromCharCode(...bytes);
  });
  return heard;
}

/**
 * Computes without end, stores what it computes over two pages, and is interrupted by the virtual timer at a period
 * that fits with nothing. Each interrupt writes a letter to the console; the 30th powers off by PSCI.
 */
export const BUSY = `
        .equ    GICD, 0x08000000
        .equ    GICR, 0x080a0000
        .equ    UART, 0x09000000
        adr     x0, vectors
        msr     VBAR_EL1, x0
        ldr     x1, =GICD
        mov     w0, #0x12
        str     w0, [x1]
        ldr     x1, =GICR + 0x10000
        mov     w0, #1 << 27
        str     w0, [x1, #0x100]
        mov     x0, #0xf0
        msr     ICC_PMR_EL1, x0
        mov     x0, #1
        msr     ICC_IGRPEN1_EL1, x0
        mov     x0, #3 << 20
        msr     CPACR_EL1, x0
        isb
        ldr     x28, =UART
        mov     w27, #'a'
        mov     x26, #0
        mov     x0, #37
        msr     CNTV_TVAL_EL0, x0
        mov     x0, #1
        msr     CNTV_CTL_EL0, x0
        msr     DAIFClr, #2
        ldr     x5, =0x40200000
        mov     x6, #0
        ldr     x7, =0x9e3779b97f4a7c15
        movi    v0.4s, #3
loop:   add     x6, x6, x7
        eor     x8, x6, x6, lsr #29
        mul     x8, x8, x7
        and     x9, x8, #0x1ff8
        str     x8, [x5, x9]
        ldr     x10, [x5, #24]
        add     v0.4s, v0.4s, v0.4s
        fmov    d1, x8
        fadd    d2, d2, d1
        adds    x11, x10, x8
        b.cs    loop
        cbz     x9, loop
        b       loop

        .balign 0x800
vectors:
        .space  0x280
irq:    mrs     x0, ICC_IAR1_EL1
        mrs     x1, CNTV_CVAL_EL0
        add     x1, x1, #41
        msr     CNTV_CVAL_EL0, x1
        str     w27, [x28]
        add     w27, w27, #1
        cmp     w27, #'z'
        csel    w27, w27, w28, ne
        mov     w2, #'a'
        cmp     w27, w28
        csel    w27, w2, w27, eq
        msr     ICC_EOIR1_EL1, x0
        add     x26, x26, #1
        cmp     x26, #30
        b.lo    back
        ldr     x0, =0x84000008
        smc     #0
back:   eret
        .ltorg
`;

/**
 * Source of a beginning that turns stage 1 on at EL1: the first GiB Device, the second Normal, both where they are.
 * Ends at the label `on`; changes X0.
 */
export const MMU_ON = `
        adr     x0, level1
        msr     TTBR0_EL1, x0
        ldr     x0, =0x80803519
        msr     TCR_EL1, x0
        mov     x0, #0xff
        msr     MAIR_EL1, x0
        isb
        mrs     x0, SCTLR_EL1
        orr     x0, x0, #1
        msr     SCTLR_EL1, x0
        isb
        b       on
        .ltorg
        .balign 4096
level1: .quad   0x405, 0x40000701
        .space  4080
on:
`;
