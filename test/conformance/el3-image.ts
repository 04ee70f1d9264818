import { assemble } from '../../src/isa/text/index.ts';

/**
 * Firmware for EL3 in machine code: all of SDEI that needs no event. It answers SDEI_VERSION, SDEI_PE_MASK and
 * SDEI_PE_UNMASK, to the client alone, and PSCI CPU_ON; every other function is NOT_SUPPORTED.
 */
const SOURCE = `
entry:  mov     x20, x0
        mrs     x1, MPIDR_EL1
        and     x1, x1, #0xff
        adr     x2, vectors
        msr     VBAR_EL3, x2
        adr     x2, stacks
        add     x3, x1, #1
        add     x2, x2, x3, lsl #8
        mov     sp, x2
        mov     x2, #0x401              // SCR_EL3: NS, RW
        msr     SCR_EL3, x2
        mov     x2, #0xf
        msr     ICC_SRE_EL3, x2
        msr     CPTR_EL3, xzr
        mov     x2, #0x3c5
        msr     SPSR_EL3, x2
        cbnz    x1, 2f
1:      msr     ELR_EL3, x20
        eret
2:      adr     x2, starts
        add     x2, x2, x1, lsl #4
        mov     x3, #0
3:      yield
        ldr     x20, [x2]
        cbz     x20, 3b
        ldr     x0, [x2, #8]
        b       1b

// X0 is the result, every other register is given back.
call:   stp     x1, x2, [sp, #-16]!
        stp     x3, x4, [sp, #-16]!
        mrs     x3, MPIDR_EL1
        and     x3, x3, #0xff
        ldr     x4, =0xc4000003
        cmp     w0, w4
        b.eq    cpu_on
        mrs     x4, SPSR_EL3
        and     x4, x4, #0xc
        cmp     x4, #4                  // the client is EL1
        b.ne    refuse
        ldr     x4, =0xc4000020
        sub     w0, w0, w4
        adr     x4, unmasked
        add     x4, x4, x3, lsl #3
        cbz     w0, version
        cmp     w0, #0xb
        b.eq    mask
        cmp     w0, #0xc
        b.eq    unmask
refuse: mov     x0, #-1
        b       out
version: mov    x0, #1 << 48
        b       out
mask:   ldr     x0, [x4]
        str     xzr, [x4]
        b       out
unmask: mov     x0, #1
        str     x0, [x4]
        mov     x0, #0
        b       out
cpu_on: ldr     x3, [sp]
        adr     x4, starts
        add     x4, x4, x1, lsl #4
        str     x3, [x4, #8]
        str     x2, [x4]
        mov     x0, #0
out:    ldp     x3, x4, [sp], #16
        ldp     x1, x2, [sp], #16
        eret

        .balign 2048
vectors: .skip  0x400
        b       call
        .balign 2048
unmasked: .skip 64
starts: .skip   128
stacks: .skip   0x1000
`;

/** The image; it runs wherever it is. */
export const EL3_IMAGE: Uint8Array = assemble(SOURCE).bytes;
