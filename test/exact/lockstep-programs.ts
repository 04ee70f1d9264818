/** Random programs that do whatever compiled regions must survive, and the small system around them. */
import { assemble } from '../../src/isa/text/assemble.ts';
import type { Rng } from '../support/rng.ts';

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
const UART_VA: bigint = CODE_VA + 0xd000n;
export const PAGE = 0x1000;
/** Words in the pool from which programs overwrite their own instructions. */
const POOL_WORDS = 64;
const L3_PA = TABLES_PA + 0x2000n;
const POOL_PA = PAGES_PA + 8n * BigInt(PAGE);

/** Instructions on the first page, and on the second. */
const LINES = [126, 42] as const;
const CONDITIONS = ['eq', 'ne', 'cs', 'cc', 'mi', 'pl', 'vs', 'vc', 'hi', 'ls', 'ge', 'lt', 'gt', 'le', 'al'];

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

/** One random program in two versions, and what lies around it. */
export interface LockstepProgram {
  /** Bytes by physical address. */
  readonly memory: ReadonlyMap<bigint, Uint8Array>;
  readonly registers: ReadonlyMap<string, bigint>;
  /** At which Exception level it runs. */
  readonly el: 0 | 1;
  readonly source: string;
}

type Label = (far?: boolean) => string;

function x(rng: Rng): string {
  return `x${rng.below(16)}`;
}
function w(rng: Rng): string {
  return `w${rng.below(16)}`;
}

/** Instructions that make and use flags. */
function flagInstruction(rng: Rng): string {
  const cond = rng.pick(CONDITIONS);
  const r = (): string => x(rng);
  const n = (): string => w(rng);
  return rng.pick([
    `adds ${r()}, ${r()}, #${rng.below(4096)}`,
    `adds ${n()}, ${n()}, ${n()}`,
    `subs ${r()}, ${r()}, ${r()}`,
    `subs ${n()}, ${n()}, #${rng.below(64)}`,
    `cmp ${r()}, ${r()}`,
    `cmp ${n()}, ${n()}, uxtb`,
    `cmn ${n()}, ${n()}`,
    `ands ${r()}, ${r()}, ${r()}`,
    `bics ${n()}, ${n()}, ${n()}`,
    `tst ${n()}, #0xff`,
    `adcs ${r()}, ${r()}, ${r()}`,
    `sbcs ${n()}, ${n()}, ${n()}`,
    `ngcs ${r()}, ${r()}`,
    `ccmp ${r()}, #${rng.below(32)}, #${rng.below(16)}, ${cond}`,
    `ccmn ${n()}, ${n()}, #${rng.below(16)}, ${cond}`,
    `csinc ${r()}, ${r()}, ${r()}, ${cond}`,
    `csneg ${n()}, ${n()}, wzr, ${cond}`,
    `csinv ${r()}, xzr, ${r()}, ${cond}`,
    `mrs ${r()}, NZCV`,
    `msr NZCV, ${r()}`,
    `fcmp d${rng.below(4)}, d${rng.below(4)}`,
    `fccmp s${rng.below(4)}, s${rng.below(4)}, #${rng.below(16)}, ${cond}`,
    `fcsel d${rng.below(4)}, d${rng.below(4)}, d${rng.below(4)}, ${cond}`,
  ]);
}

/** Loads and stores: RAM of all kinds, over page borders, the UART, places where nothing is. */
function memoryInstruction(rng: Rng): string {
  const r = (): string => x(rng);
  const n = (): string => w(rng);
  return rng.pick([
    `and x19, ${r()}, #0x1ff8`,
    `and x19, ${r()}, #0x7ff`,
    `and x19, ${r()}, #0x1fff`,
    `and x19, ${r()}, #0x3fff`,
    'mov x19, #0xff9',
    'mov x19, #0x1ffd',
    `ldr ${r()}, [x20, x19]`,
    `str ${r()}, [x20, x19]`,
    `ldr ${n()}, [x20, x19]`,
    `strh ${n()}, [x20, x19]`,
    `ldrsb ${r()}, [x20, x19]`,
    `ldp ${r()}, x16, [x20, #${8 * rng.below(60)}]`,
    `stp ${r()}, ${r()}, [x20, #${8 * rng.below(60)}]`,
    `str q${rng.below(4)}, [x20, x19]`,
    `ldr d${rng.below(4)}, [x20, x19]`,
    `ld1 {v0.4s, v1.4s}, [x20]`,
    `st2 {v2.8h, v3.8h}, [x20]`,
    `ldtr ${r()}, [x20, #8]`,
    `add x16, x20, #0xff${rng.below(10)}`,
    `stp ${r()}, ${r()}, [x16]`,
    `ldr ${r()}, [x16], #8`,
    `ldr ${r()}, [x21]`,
    `ldr ${n()}, [x22, #0x18]`,
    `ldr ${r()}, [x22, #0x20]`,
    `str ${n()}, [x22]`,
    `strb ${n()}, [x22, #0x38]`,
    `add sp, x20, #${rng.below(64)}`,
    `ldr ${r()}, [sp, #16]`,
    `ldxr ${r()}, [x20]`,
    `stxr w16, ${r()}, [x20]`,
    `ldaxr ${n()}, [x20]`,
    `stlxr w16, ${n()}, [x20]`,
    'clrex',
    `ldadd ${r()}, ${r()}, [x20]`,
    `cas ${n()}, ${n()}, [x20]`,
    `swpal ${r()}, ${r()}, [x20]`,
    `ldar ${r()}, [x20]`,
    'dc zva, x20',
  ]);
}

/** Instructions that compute, none of which ends a region. */
function computation(rng: Rng): string {
  const r = (): string => x(rng);
  const n = (): string => w(rng);
  const v = (): number => rng.below(4);
  return rng.pick([
    `add ${r()}, ${r()}, ${r()}, lsl #${rng.below(64)}`,
    `eor ${r()}, ${r()}, ${r()}, ror #${rng.below(64)}`,
    `madd ${r()}, ${r()}, ${r()}, ${r()}`,
    `udiv ${n()}, ${n()}, ${n()}`,
    `extr ${r()}, ${r()}, ${r()}, #${rng.below(64)}`,
    `bfi ${r()}, ${r()}, #${rng.below(32)}, #${1 + rng.below(32)}`,
    `clz ${n()}, ${n()}`,
    `movk ${r()}, #${rng.below(65536)}, lsl #16`,
    `adr ${r()}, .`,
    `crc32cx ${n()}, ${n()}, ${r()}`,
    `fmov d${v()}, ${r()}`,
    `fmov ${r()}, d${v()}`,
    `fadd d${v()}, d${v()}, d${v()}`,
    `fmul s${v()}, s${v()}, s${v()}`,
    `fdiv d${v()}, d${v()}, d${v()}`,
    `fsqrt d${v()}, d${v()}`,
    `fmadd d${v()}, d${v()}, d${v()}, d${v()}`,
    `fcvtzs ${r()}, d${v()}`,
    `scvtf d${v()}, ${r()}`,
    `add v${v()}.4s, v${v()}.4s, v${v()}.4s`,
    `mul v${v()}.8h, v${v()}.8h, v${v()}.8h`,
    `tbl v${v()}.16b, {v0.16b, v1.16b}, v${v()}.16b`,
    `uaddlv s${v()}, v${v()}.8h`,
    `aese v${v()}.16b, v${v()}.16b`,
  ]);
}

/** Instructions that look at the system or change it; many of them end a region. */
function systemInstruction(rng: Rng): string {
  const r = (): string => x(rng);
  return rng.pick([
    `mrs ${r()}, CNTVCT_EL0`,
    `mrs ${r()}, PMCCNTR_EL0`,
    `mrs ${r()}, FPSR`,
    `mrs ${r()}, DAIF`,
    `mrs ${r()}, TPIDR_EL0`,
    `msr TPIDR_EL0, ${r()}`,
    `msr FPCR, ${r()}`,
    `mrs ${r()}, MIDR_EL1`,
    'msr DAIFSet, #2',
    'msr DAIFClr, #2',
    'msr DAIFClr, #2',
    'msr SPSel, #0',
    'msr SPSel, #1',
    `mrs ${r()}, SP_EL0`,
    `msr SP_EL0, ${r()}`,
    'svc #1',
    'smc #0',
    'hvc #0',
    'movz w0, #0x8400, lsl #16',
    '.word 0',
    'brk #2',
    'isb',
    'dsb sy',
    'yield',
    'wfe',
    'sevl',
    'wfi',
    'tlbi vmalle1',
    'ic ivau, x24',
    'dc cvac, x20',
    'at s1e1r, x20',
    `mrs ${r()}, PAR_EL1`,
    'msr PAN, #0',
    'msr PAN, #1',
  ]);
}

function branchInstruction(rng: Rng, label: Label): string {
  return rng.pick([
    `b.${rng.pick(CONDITIONS)} ${label()}`,
    `b.${rng.pick(CONDITIONS)} ${label()}`,
    `cbz ${w(rng)}, ${label()}`,
    `cbnz ${x(rng)}, ${label()}`,
    `tbnz ${w(rng)}, #${rng.below(32)}, ${label()}`,
    `tbz ${x(rng)}, #${rng.below(64)}, ${label()}`,
    `bl ${label(true)}`,
    `adr x30, ${label()}`,
    `ret`,
  ]);
}

/** Every so many lines are one to which branches lead. */
const TARGET_LINES = 6;

/** Entries of the last table, and the bits of the address in which their two pages differ. */
const OTHER_PAGES = [
  [0, 0x2000],
  [0, 0x2000],
  [0, 0x2000],
  [0, 0x2000],
  [1, 0x2000],
  [8, 0x3000],
  [9, 0x1000],
] as const;

/** Every so many times: overwrite an instruction, or map other pages; near `line`, so that what runs is changed. */
function change(rng: Rng, line: number): string[] {
  const mask = 2 ** (1 + rng.below(4)) - 1;
  const [first, second] = LINES;
  const near = rng.percent(70) ? line + rng.below(24) - 6 : rng.below(first + second);
  const to = Math.max(0, Math.min(first + second - 1, near));
  const offset = to < first ? 4 * to : PAGE + 4 * (to - first);
  const overwrite = [`ldr w17, [x29, #${4 * rng.below(POOL_WORDS)}]`, `str w17, [x24, #${offset}]`];
  const [slot, toggle] = rng.pick(OTHER_PAGES);
  const remap = [`ldr x17, [x28, #${8 * slot}]`, `eor x17, x17, #${toggle}`, `str x17, [x28, #${8 * slot}]`];
  const body = rng.percent(50) ? overwrite : [...remap, ...(rng.percent(50) ? ['tlbi vmalle1'] : [])];
  return ['add x23, x23, #1', `and x18, x23, #${mask}`, `cbnz x18, . + ${4 * (body.length + 1)}`, ...body];
}

/** A program of two pages; both versions of one program have the same labels in the same places. */
function source(rng: Rng, changes: boolean): string {
  const [first, second] = LINES;
  const label = (near: number): Label => {
    return (far) => {
      const n = far || rng.percent(15) ? rng.below(first + second) : near + rng.below(40) - 20;
      const target = n - (n % TARGET_LINES);
      return `l${Math.min(first + second - 1, Math.max(0, target))}`;
    };
  };
  const page = (from: number, count: number, begin: readonly string[], end: string): string[] => {
    const lines = [...begin];
    while (lines.length < count - 1) {
      const kind = rng.below(100);
      const at = from + lines.length;
      if (kind < 14) lines.push(branchInstruction(rng, label(at)));
      else if (kind < 42) lines.push(flagInstruction(rng));
      else if (kind < 64) lines.push(memoryInstruction(rng));
      else if (kind < 70 && changes) lines.push(...change(rng, at));
      else if (kind < 76) lines.push(systemInstruction(rng));
      else lines.push(computation(rng));
    }
    lines.length = count - 1;
    return [...lines, end].map((line, n) => `l${from + n}: ${line}`);
  };
  return [
    ...page(0, first, ['ror x6, x6, #7', 'adr x30, l7'], 'b l0'),
    `.balign ${PAGE}`,
    ...page(first, second, [], 'ret'),
  ].join('\n');
}

/** Instructions for programs to overwrite their own with. */
function pool(rng: Rng): Uint8Array {
  const words = Array.from({ length: POOL_WORDS }, () =>
    rng.percent(70) ? flagInstruction(rng) : rng.percent(80) ? memoryInstruction(rng) : computation(rng),
  );
  return assemble(words.join('\n')).bytes;
}

/** A random program. @param changes - whether it overwrites its code and changes its translations */
export function lockstepProgram(rng: Rng, changes: boolean): LockstepProgram {
  const el = rng.percent(75) ? 1 : 0;
  const memory = new Map<bigint, Uint8Array>();
  const texts: string[] = [];
  for (const version of [0, 1]) {
    const text = source(rng, changes);
    texts.push(text);
    const bytes = new Uint8Array(2 * PAGE);
    bytes.set(assemble(text, { origin: CODE_VA }).bytes);
    memory.set(PAGES_PA + BigInt(version * 2 * PAGE), bytes);
  }
  const data = new Uint8Array(4 * PAGE);
  for (let at = 0; at < data.length; at++) data[at] = rng.below(256);
  memory.set(PAGES_PA + BigInt(4 * PAGE), data);
  memory.set(POOL_PA, pool(rng));
  const table = new Uint8Array(3 * PAGE);
  const view = new DataView(table.buffer);
  for (const [at, descriptor] of tables(el === 0)) view.setBigUint64(at, descriptor, true);
  memory.set(TABLES_PA, table);
  const registers = new Map<string, bigint>();
  const value = (): bigint => (rng.percent(30) ? BigInt(rng.below(5)) - 2n : rng.u64());
  for (let n = 0; n < 31; n++) registers.set(`X${n}`, BigInt.asUintN(64, value()));
  for (let n = 0; n < 4; n++) registers.set(`V${n}`, (rng.u64() << 64n) | rng.u64());
  const fixed = {
    X19: 8n,
    X20: DATA_VA,
    X21: 1n << 40n,
    X22: UART_VA,
    X23: 0n,
    X24: CODE_VA,
    X28: L3_PA,
    X29: POOL_PA,
  };
  for (const [name, n] of Object.entries(fixed)) registers.set(name, n);
  registers.set('SPSR_EL1', el === 0 ? 0n : 5n);
  registers.set('SP_EL0', DATA_VA + 0x100n);
  return { memory, registers, el, source: texts.join('\n// the other version\n') };
}
