/** Random programs that do whatever compiled regions must survive. */
import { assemble } from '../../src/isa/text/assemble.ts';
import type { Rng } from '../support/rng.ts';
import { CODE_VA, DATA_VA, L3_PA, PAGE, PAGES_PA, POOL_PA, TABLES_PA, tables, UART_VA } from './lockstep-system.ts';

/** Words in the pool from which programs overwrite their own instructions. */
const POOL_WORDS = 64;
/** Instructions on the first page, and on the second. */
const LINES = [126, 42] as const;
const CONDITIONS = ['eq', 'ne', 'cs', 'cc', 'mi', 'pl', 'vs', 'vc', 'hi', 'ls', 'ge', 'lt', 'gt', 'le', 'al'];

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
    `fnmsub d${v()}, d${v()}, d${v()}, d${v()}`,
    `fmsub s${v()}, s${v()}, s${v()}, s${v()}`,
    `fnmul d${v()}, d${v()}, d${v()}`,
    `fabd s${v()}, s${v()}, s${v()}`,
    `fadd v${v()}.2d, v${v()}.2d, v${v()}.2d`,
    `fsub v${v()}.4s, v${v()}.4s, v${v()}.4s`,
    `fmul v${v()}.2s, v${v()}.2s, v${v()}.2s`,
    `fdiv v${v()}.2d, v${v()}.2d, v${v()}.2d`,
    `faddp v${v()}.4s, v${v()}.4s, v${v()}.4s`,
    `fmla v${v()}.2d, v${v()}.2d, v${v()}.2d`,
    `fmls v${v()}.2d, v${v()}.2d, v${v()}.d[1]`,
    `fmla v${v()}.4s, v${v()}.4s, v${v()}.4s`,
    `fmul v${v()}.4s, v${v()}.4s, v${v()}.s[2]`,
    `fcvt s${v()}, d${v()}`,
    `frintx d${v()}, d${v()}`,
    `scvtf v${v()}.2d, v${v()}.2d`,
    `sqadd v${v()}.8h, v${v()}.8h, v${v()}.8h`,
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
    'msr FPCR, xzr',
    'msr FPCR, xzr',
    'msr FPSR, xzr',
    `msr FPSR, ${r()}`,
    `msr CPACR_EL1, ${r()}`,
    'mov x17, #0x300000\n msr CPACR_EL1, x17',
    'mov x17, #0x300000\n msr CPACR_EL1, x17',
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
