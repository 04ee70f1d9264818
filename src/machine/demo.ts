import { assemble } from '../isa/text/assemble.ts';
import { VIRT_INTIDS, VIRT_MEMORY_MAP } from './board/virt.ts';
import type { ProgramImage } from './options.ts';

/** Timer interrupts that the demonstration takes. */
export const DEMO_TICKS = 10;

/** Where the demonstration is loaded, and starts: 512 KiB into RAM, where kernels are put as well. */
const DEMO_ADDR_PA = VIRT_MEMORY_MAP.ram.basePa + 0x8_0000n;

/**
 * The demonstration, in the syntax of the GNU assembler: a guest without an operating system, at EL1 with the MMU off.
 *
 * Register use: X19 interrupts taken, X20 time of the next one in counts, X28 UARTDR. What the handler changes besides
 * those, it saves.
 */
export const DEMO_SOURCE: string = String.raw`
// A small arm64 guest: ten interrupts of the virtual timer, waited for with WFI, then power-off by PSCI.

        .equ    PERIOD, 62500               // counts of 16 ns: 1 ms
        .equ    COUNT_NS, 16
        .equ    PSCI_VERSION, 0x84000000
        .equ    PSCI_SYSTEM_OFF, 0x84000008

start:  adr     x0, stack
        mov     sp, x0
        ldr     x28, =UART
        adr     x0, hello
        bl      puts

        // Where are we, and who is above us?
        adr     x0, level
        bl      puts
        mrs     x0, CurrentEL
        ubfx    x0, x0, #2, #2
        bl      putdec
        adr     x0, psci
        bl      puts
        ldr     x0, =PSCI_VERSION
        smc     #0
        mov     w21, w0
        ubfx    x0, x21, #16, #15
        bl      putdec
        mov     w0, #'.'
        str     w0, [x28]
        and     x0, x21, #0xffff
        bl      putdec
        adr     x0, above
        bl      puts

        // Exceptions come to the table below.
        adr     x0, vectors
        msr     VBAR_EL1, x0
        isb

        // GICv3: affinity routing and Group 1 in the Distributor, this PE's Redistributor awake, its timer enabled.
        ldr     x1, =GICD
        mov     w0, #0x12                   // GICD_CTLR: ARE_NS, EnableGrp1A
        str     w0, [x1]
        ldr     x1, =GICR
        ldr     w0, [x1, #0x14]             // GICR_WAKER
        bic     w0, w0, #2                  // ProcessorSleep
        str     w0, [x1, #0x14]
awake:  ldr     w0, [x1, #0x14]
        tbnz    w0, #2, awake               // ChildrenAsleep
        add     x1, x1, #0x10000            // the frame of SGIs and PPIs
        mov     w0, #0x80
        strb    w0, [x1, #0x400 + TIMER]    // GICR_IPRIORITYR
        mov     w0, #1 << TIMER
        str     w0, [x1, #0x100]            // GICR_ISENABLER0
        mov     x0, #0xf0
        msr     ICC_PMR_EL1, x0
        mov     x0, #1
        msr     ICC_IGRPEN1_EL1, x0
        isb

        // The virtual timer: one period from now.
        mov     x19, #0
        mrs     x20, CNTVCT_EL0
        ldr     x1, =PERIOD
        add     x20, x20, x1
        msr     CNTV_CVAL_EL0, x20
        mov     x0, #1
        msr     CNTV_CTL_EL0, x0
        adr     x0, armed
        bl      puts
        msr     DAIFClr, #2

sleep:  wfi
        cmp     x19, #TICKS
        b.lo    sleep

        adr     x0, bye
        bl      puts
        ldr     x0, =PSCI_SYSTEM_OFF
        smc     #0
        b       .

// An IRQ: which one, what time it is, and when the next one is due.
irq:    stp     x0, x1, [sp, #-48]!
        stp     x2, x3, [sp, #16]
        str     x30, [sp, #32]
        mrs     x2, ICC_IAR1_EL1
        mrs     x3, CNTVCT_EL0
        add     x19, x19, #1
        adr     x0, tick
        bl      puts
        mov     x0, x2
        bl      putdec
        adr     x0, number
        bl      puts
        mov     x0, x19
        bl      putdec
        adr     x0, time
        bl      puts
        mov     x1, #COUNT_NS
        mul     x0, x3, x1
        bl      putdec
        adr     x0, after
        bl      puts
        ldr     x1, =PERIOD
        add     x20, x20, x1
        msr     CNTV_CVAL_EL0, x20
        isb
        msr     ICC_EOIR1_EL1, x2
        ldr     x30, [sp, #32]
        ldp     x2, x3, [sp, #16]
        ldp     x0, x1, [sp], #48
        eret

// Anything else was not expected: say where it happened, and power off.
oops:   adr     x0, sorry
        bl      puts
        mrs     x0, ELR_EL1
        bl      putdec
        adr     x0, newline
        bl      puts
        ldr     x0, =PSCI_SYSTEM_OFF
        smc     #0
        b       .

// Writes the text at X0, which ends with a zero. Changes X0.
puts:   stp     x1, x30, [sp, #-16]!
1:      ldrb    w1, [x0], #1
        cbz     w1, 2f
        str     w1, [x28]
        b       1b
2:      ldp     x1, x30, [sp], #16
        ret

// Writes X0 as a decimal number. Changes X0.
putdec: stp     x1, x2, [sp, #-64]!
        stp     x3, x4, [sp, #16]
        add     x3, sp, #64                 // digits, last one first, in 32 bytes below
        mov     x4, #10
1:      udiv    x1, x0, x4
        msub    x2, x1, x4, x0
        add     w2, w2, #'0'
        strb    w2, [x3, #-1]!
        mov     x0, x1
        cbnz    x0, 1b
        add     x4, sp, #64
2:      ldrb    w1, [x3], #1
        str     w1, [x28]
        cmp     x3, x4
        b.lo    2b
        ldp     x3, x4, [sp, #16]
        ldp     x1, x2, [sp], #64
        ret

        .ltorg

hello:  .asciz  "Hello from a small arm64 guest, assembled from its source a moment ago.\n"
level:  .asciz  "  It runs at EL"
psci:   .asciz  "; PSCI "
above:  .asciz  " answers its calls at EL3.\n"
armed:  .asciz  "  The virtual timer is armed: one interrupt each millisecond, and WFI between them.\n\n"
tick:   .asciz  "  INTID "
number: .asciz  ": timer interrupt "
time:   .asciz  ", virtual time "
after:  .asciz  " ns\n"
bye:    .asciz  "\n  Ten are enough. Every run takes the same steps: compare the digest of the next one.\n"
sorry:  .asciz  "\n  An exception that nobody expected, at "
newline: .asciz "\n"

        .balign 2048
vectors:
        .fill   32, 4, 0                    // from the current level with SP_EL0
        .fill   32, 4, 0
        .fill   32, 4, 0
        .fill   32, 4, 0
        b       oops                        // from the current level with SP_EL1: synchronous
        .balign 128
        b       irq
        .balign 128
        b       oops                        // FIQ
        .balign 128
        b       oops                        // SError
        .balign 16
        .skip   4096
stack:
`;

/**
 * The demonstration as a program to load.
 *
 * @example
 * Machine.create({ programs: [demoProgram()] }).run(); // { reason: 'poweroff' }
 */
export function demoProgram(): ProgramImage {
  const symbols = {
    UART: VIRT_MEMORY_MAP.pl011.basePa,
    GICD: VIRT_MEMORY_MAP.gicd.basePa,
    GICR: VIRT_MEMORY_MAP.gicr.basePa,
    TIMER: BigInt(VIRT_INTIDS.CNTV),
    TICKS: BigInt(DEMO_TICKS),
  };
  const { bytes } = assemble(DEMO_SOURCE, { origin: DEMO_ADDR_PA, symbols });
  return { bytes, addrPa: DEMO_ADDR_PA };
}
