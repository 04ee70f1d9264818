/** A bare-metal program made of operations on a GICv3, which prints one number for each that gives one. */
import { GICC_REGS as V2_GICC, GICD_REGS as V2_GICD } from '../../../src/devices/gicv2/maps.ts';
import { GICH_REGS, GICV_REGS } from '../../../src/devices/gicv2/virtual-maps.ts';
import { GITS_REGS } from '../../../src/devices/gicv3/its/regs.ts';
import { GICD_REGS, GICR_REGS } from '../../../src/devices/gicv3/maps.ts';
import { assemble } from '../../../src/isa/text/index.ts';
import { VIRT_MEMORY_MAP } from '../../../src/machine/board/virt.ts';
import { LOAD_PA } from '../run.ts';

/** What the program can go to; in a configuration without EL3 there is `NS_EL1` only. */
export type Level = 'EL3' | 'S_EL1' | 'NS_EL1' | 'NS_EL2';

/** SCR_EL3.IRQ and FIQ while a lower level runs. */
export interface Routing {
  readonly irq?: boolean;
  readonly fiq?: boolean;
}

const LEVELS = { EL3: [3, 0], S_EL1: [1, 0], NS_EL1: [1, 1], NS_EL2: [2, 1] } as const;
/** What a synchronous exception leaves in X0 in place of a result: this, its level in bits 27:24, its class below. */
const EXCEPTION = 0xe000_0000;

function load(register: string, value: number): string[] {
  const code = [`movz ${register}, #${value & 0xffff}`];
  if (value >>> 16 !== 0) code.push(`movk ${register}, #${value >>> 16}, lsl #16`);
  return code;
}

/** Collects operations; `descriptions` has one line for each number the program prints. */
export class GicProgram {
  readonly descriptions: string[] = [];
  private readonly code: string[] = [];
  private readonly el3: boolean;
  private labels = 0;
  private context = '';

  private readonly gic: 2 | 3;

  constructor(el3: boolean, gic: 2 | 3 = 3) {
    this.el3 = el3;
    this.gic = gic;
  }

  /** Words put before the descriptions that follow. */
  scene(name: string): this {
    this.context = name;
    return this;
  }

  private emit(...lines: string[]): void {
    this.code.push(...lines);
  }

  private result(what: string): void {
    this.descriptions.push(`${this.context}: ${what}`);
    this.emit('bl print');
  }

  /** Physical address of a register by name, such as `GICR_IPRIORITYR0`. */
  private address(name: string, plus: number): number {
    const { gicd, gicr, gicc, gich, gicv, gits } = VIRT_MEMORY_MAP;
    const v2 = this.gic === 2;
    const frames = {
      GICD: [v2 ? V2_GICD : GICD_REGS, gicd],
      GICR: [GICR_REGS, gicr],
      GICC: [V2_GICC, gicc],
      GICH: [GICH_REGS, gich],
      GICV: [GICV_REGS, gicv],
      GITS: [GITS_REGS, gits],
    } as const;
    const [map, { basePa }] = frames[name.slice(0, 4) as keyof typeof frames];
    const base = Number(basePa);
    const rows = map.registers as Record<string, { at: number; first?: number; sizeBytes: number } | undefined>;
    if (rows[name]) return base + rows[name].at + plus;
    const [, stem, number] = /^(.*?)(\d+)$/.exec(name)!;
    const row = rows[stem]!;
    return base + row.at + (Number(number) - (row.first ?? 0)) * row.sizeBytes + plus;
  }

  /** Stores to a register of the GIC's frames. */
  wr(name: string, value: number, { plus = 0, byte = false } = {}): this {
    this.emit(
      ...load('w1', this.address(name, plus)),
      ...load('w0', value),
      byte ? 'strb w0, [x1]' : 'str w0, [x1]',
      'dsb sy',
    );
    return this;
  }

  /** Stores a word to memory. */
  mem(addrPa: number, value: number): this {
    this.emit(...load('w1', addrPa), ...load('w0', value), 'str w0, [x1]', 'dsb sy');
    return this;
  }

  /** Prints a word of memory. */
  rdMem(addrPa: number): this {
    this.emit(...load('w1', addrPa), 'ldr w0, [x1]');
    this.result(`memory at 0x${addrPa.toString(16)}`);
    return this;
  }

  /** Prints a register of the GIC's frames. */
  rd(name: string, { plus = 0 } = {}): this {
    this.emit(...load('w1', this.address(name, plus)), 'ldr w0, [x1]');
    this.result(plus === 0 ? name : `${name}+0x${plus.toString(16)}`);
    return this;
  }

  /** MSR of a value up to 64 bits, then ISB. */
  msr(name: string, value: number | bigint): this {
    const low = Number(BigInt(value) & 0xffff_ffffn);
    const high = Number(BigInt(value) >> 32n);
    const upper = high === 0 ? [] : [`movk x0, #${high & 0xffff}, lsl #32`, `movk x0, #${high >>> 16}, lsl #48`];
    this.emit(...load('x0', low), ...upper, `msr ${name}, x0`, 'isb');
    return this;
  }

  /** Prints a System register. */
  mrs(name: string): this {
    this.emit(`mrs x0, ${name}`, 'dsb sy');
    this.result(name);
    return this;
  }

  /** Prints what ISR_EL1 shows: 0x80 IRQ, 0x40 FIQ. */
  isr(): this {
    return this.mrs('ISR_EL1');
  }

  /** Goes to a level, all masked. */
  to(level: Level, { irq = false, fiq = false }: Routing = {}): this {
    if (!this.el3) return this;
    const [el, ns] = LEVELS[level];
    const label = `to${this.labels++}`;
    const scr = 0x400 | ns | (irq ? 2 : 0) | (fiq ? 4 : 0);
    this.emit(`adr x29, ${label}a`, 'smc #0', `${label}a:`, ...load('x0', scr), 'msr SCR_EL3, x0');
    if (el < 3) {
      this.emit(...load('x0', 0x3c1 | (el << 2)), 'msr SPSR_EL3, x0', `adr x0, ${label}b`, 'msr ELR_EL3, x0', 'eret');
      this.emit(`${label}b:`);
    } else this.emit('isb');
    return this;
  }

  /** Goes to the highest level, with the Non-secure bank selected. */
  top(): this {
    if (!this.el3) return this;
    this.to('EL3');
    this.emit('mrs x0, SCR_EL3', 'orr x0, x0, #1', 'msr SCR_EL3, x0', 'isb');
    return this;
  }

  /** Forgets what was taken so far. */
  forget(): this {
    this.emit('mov x25, #0');
    return this;
  }

  /** Prints what was taken since `forget`; unmasks for a moment when nothing was: 0xT1 an IRQ, 0xT2 a FIQ to ELT. */
  take(): this {
    const label = `take${this.labels++}`;
    const nops: string[] = Array(8).fill('nop');
    this.emit('isb', ...nops, `cbnz x25, ${label}`, 'msr daifclr, #3', 'isb', ...nops, `${label}: msr daifset, #15`);
    this.emit('mov x0, x25');
    this.result('taken');
    return this;
  }

  /** The raw image for `LOAD_PA`. */
  image(): Uint8Array {
    const { code } = this;
    return assemble([START(this.el3), ...code, END].join('\n'), { origin: BigInt(LOAD_PA) }).bytes;
  }
}

const START = (el3: boolean): string => `
        ldr     x0, =0x09000000
        mov     w1, #0x70
        str     w1, [x0, #0x2c]
        mov     w1, #0x301
        str     w1, [x0, #0x30]
        adr     x0, vectors
        msr     VBAR_EL1, x0
        ${
          el3
            ? `msr VBAR_EL2, x0
        msr     VBAR_EL3, x0
        movz    x0, #0x8000, lsl #16
        msr     HCR_EL2, x0`
            : ''
        }
        msr     daifset, #15
        isb
        b       main
        .ltorg

print:  ldr     x10, =0x09000000
        mov     w11, #8
1:      ror     w0, w0, #28
        and     w12, w0, #15
        cmp     w12, #10
        add     w13, w12, #'0'
        add     w14, w12, #'a' - 10
        csel    w12, w13, w14, lo
        str     w12, [x10]
        sub     w11, w11, #1
        cbnz    w11, 1b
        mov     w12, #10
        str     w12, [x10]
        ret
        .ltorg

// What each vector does: the level decides which registers are meant.
sync:   mrs     x26, CurrentEL
        lsl     w27, w26, #22
        cmp     x26, #8
        b.eq    2f
        b.hi    3f
        mrs     x28, ELR_EL1
        add     x28, x28, #4
        msr     ELR_EL1, x28
        mrs     x28, ESR_EL1
        b       4f
2:      mrs     x28, ELR_EL2
        add     x28, x28, #4
        msr     ELR_EL2, x28
        mrs     x28, ESR_EL2
        b       4f
3:      mrs     x28, ESR_EL3
        lsr     w28, w28, #26
        cmp     w28, #0x17
        b.eq    5f
        mrs     x28, ELR_EL3
        add     x28, x28, #4
        msr     ELR_EL3, x28
        mrs     x28, ESR_EL3
4:      movz    w0, #${EXCEPTION >>> 16}, lsl #16
        orr     w0, w0, w27
        lsr     w28, w28, #26
        orr     w0, w0, w28
        eret
5:      br      x29

// X25 is 1 or 2 here: IRQ or FIQ. The level is added, and the interrupt held off after the return.
async:  mrs     x26, CurrentEL
        orr     x25, x25, x26, lsl #2
        cmp     x26, #8
        b.eq    2f
        b.hi    3f
        mrs     x28, SPSR_EL1
        orr     x28, x28, #0xc0
        msr     SPSR_EL1, x28
        eret
2:      mrs     x28, SPSR_EL2
        orr     x28, x28, #0xc0
        msr     SPSR_EL2, x28
        eret
3:      mrs     x28, SPSR_EL3
        orr     x28, x28, #0xc0
        msr     SPSR_EL3, x28
        mrs     x28, SCR_EL3
        bic     x28, x28, #6
        msr     SCR_EL3, x28
        eret

        .balign 0x800
vectors:
${[0, 0x200, 0x400, 0x600]
  .map(
    (group) => `
        .org    vectors + ${group}
        b       sync
        .org    vectors + ${group + 0x80}
        mov     x25, #1
        b       async
        .org    vectors + ${group + 0x100}
        mov     x25, #2
        b       async
        .org    vectors + ${group + 0x180}
        b       .`,
  )
  .join('\n')}
        .org    vectors + 0x800
main:
`;

const END = `
        ldr     x10, =0x09000000
        mov     w12, #'E'
        str     w12, [x10]
        mov     w12, #'N'
        str     w12, [x10]
        mov     w12, #'D'
        str     w12, [x10]
        mov     w12, #10
        str     w12, [x10]
1:      wfi
        b       1b
`;
