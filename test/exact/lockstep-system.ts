/** The small system around the programs for the comparison of engines: memory map, boot code, vectors, tables. */

/** Where the system around the programs is loaded: boot code and vectors. */
export const SYSTEM_PA = 0x4008_0000n;
/** Translation tables of level 1, 2 and 3, one page each. */
export const TABLES_PA = 0x4020_0000n;
/** Physical pages of the programs: two versions of two pages of code, then four of data, then the pool. */
export const PAGES_PA = 0x4030_0000n;
/** Where the first page of code is mapped; the second follows. */
export const CODE_VA = 0x4800_0000n;
/** Where data is mapped: two pages, a read-only one, nothing, the first one again, the UART. */
export const DATA_VA: bigint = CODE_VA + 0x8000n;
/** Where the UART is mapped. */
export const UART_VA: bigint = CODE_VA + 0xd000n;
/** Bytes of a page. */
export const PAGE = 0x1000;
/** The table of level 3. */
export const L3_PA: bigint = TABLES_PA + 0x2000n;
/** Instructions for programs to overwrite their own with. */
export const POOL_PA: bigint = PAGES_PA + 8n * BigInt(PAGE);

/** One vector of every four is for interrupts. */
const VECTORS = Array.from({ length: 16 }, (_, n) => `.balign 128\n b ${n % 4 === 1 ? 'irq' : 'sync'}`).join('\n');

/**
 * Boot code that ends at `ready` with an ERET to the program, and vectors: a synchronous exception is skipped, an
 * interrupt sets the timer anew and half of the times sends the program to some line of its first page.
 */
export const SYSTEM = `
        .equ    TOP, ${CODE_VA}
        adr     x0, vectors
        msr     VBAR_EL1, x0
        ldr     x1, =0x08000000
        mov     w0, #0x12
        str     w0, [x1]
        ldr     x1, =0x080a0000 + 0x10000
        mov     w0, #1 << 27
        str     w0, [x1, #0x100]
        mov     x0, #0xf0
        msr     ICC_PMR_EL1, x0
        mov     x0, #1
        msr     ICC_IGRPEN1_EL1, x0
        mov     x0, #3 << 20
        msr     CPACR_EL1, x0
        mov     x0, #3
        msr     CNTKCTL_EL1, x0
        mrs     x0, PMCR_EL0
        orr     x0, x0, #1
        msr     PMCR_EL0, x0
        mov     x0, #1 << 31
        msr     PMCNTENSET_EL0, x0
        mov     x0, #0xf
        msr     PMUSERENR_EL0, x0
        ldr     x0, =${TABLES_PA}
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
        ldr     x0, =TOP
        msr     ELR_EL1, x0
        mov     x0, #23
        msr     CNTV_TVAL_EL0, x0
        mov     x0, #1
        msr     CNTV_CTL_EL0, x0
ready:  eret

sync:   mrs     x25, ESR_EL1
        lsr     x25, x25, #26
        cmp     x25, #0x15
        b.eq    back
        and     x26, x25, #0x3c
        cmp     x26, #0x20
        b.eq    wild
        mrs     x27, ELR_EL1
        add     x27, x27, #4
        msr     ELR_EL1, x27
back:   eret
wild:   cmp     x25, #0x22
        b.gt    skip
        ldr     x27, =TOP
        msr     ELR_EL1, x27
        eret
skip:   mrs     x27, ELR_EL1
        add     x27, x27, #4
        msr     ELR_EL1, x27
        eret
irq:    mrs     x25, ICC_IAR1_EL1
        msr     ICC_EOIR1_EL1, x25
        mrs     x26, CNTVCT_EL0
        and     x27, x26, #7
        add     x26, x26, x27
        add     x26, x26, #3
        msr     CNTV_CVAL_EL0, x26
        mrs     x27, TPIDR_EL1
        ldr     x25, =0x9e3779b97f4a7c15
        add     x27, x27, x25
        msr     TPIDR_EL1, x27
        mul     x27, x27, x25
        tbnz    x27, #40, 1f
        lsr     x27, x27, #57
        ldr     x25, =TOP
        add     x27, x25, x27, lsl #2
        msr     ELR_EL1, x27
1:      eret
        .ltorg
        .balign 2048
vectors:
${VECTORS}
`;

const BLOCK = 0x701n;
const NORMAL_PAGE = 0x703n;
const DEVICE_PAGE = 0x407n;
const READ_ONLY = 0x80n;
const EL0 = 0x40n;

/** Descriptors by place: tables of level 1 to 3 as words of 8 bytes from `TABLES_PA` on. `el0` opens the pages to EL0. */
export function tables(el0: boolean): Map<number, bigint> {
  const page = (n: number): bigint => (PAGES_PA + BigInt(n * PAGE)) | NORMAL_PAGE | (el0 ? EL0 : 0n);
  const at = (level: number, index: number): number => (level - 1) * PAGE + index * 8;
  return new Map([
    [at(1, 0), 0x405n],
    [at(1, 1), (TABLES_PA + 0x1000n) | 3n],
    ...Array.from({ length: 8 }, (_, n): [number, bigint] => [at(2, n), (0x4000_0000n + (BigInt(n) << 21n)) | BLOCK]),
    [at(2, 64), L3_PA | 3n],
    [at(3, 0), page(0)],
    [at(3, 1), page(1)],
    [at(3, 8), page(4)],
    [at(3, 9), page(5)],
    [at(3, 10), page(6) | READ_ONLY],
    [at(3, 12), page(4)],
    [at(3, 13), 0x0900_0000n | DEVICE_PAGE | (el0 ? EL0 : 0n)],
  ]);
}
