import { assemble } from '../../src/isa/text/assemble.ts';
import { VIRT_INTIDS, VIRT_MEMORY_MAP } from '../../src/machine/board/virt.ts';
import { Machine } from '../../src/machine/machine.ts';
import type { MachineOptions } from '../../src/machine/options.ts';

/** Where bare-metal guests are loaded, and start. */
const LOAD_PA = 0x4008_0000n;
const STEPS_MAX = 1_000_000;

/**
 * Turns the MMU of EL1 on: VA is PA, RAM once for EL1 alone and once more 1 GiB higher, at `alias`, for EL0 as well.
 * Changes X0 and X1.
 */
export const MMU_ON = `
        adr     x0, tables
        msr     TTBR0_EL1, x0
        ldr     x1, =0x40000000 | 0x701     // Normal memory, EL1 only
        str     x1, [x0, #8]
        ldr     x1, =0x40000000 | 0x741     // the same for EL0
        str     x1, [x0, #16]
        mov     x1, #0x405
        str     x1, [x0]                    // devices
        ldr     x0, =0x00ff                 // MAIR: 0 Normal, 1 Device
        msr     MAIR_EL1, x0
        ldr     x0, =0x200803519            // T0SZ 25, 4K, no TTBR1, 40 bits
        msr     TCR_EL1, x0
        mrs     x0, SCTLR_EL1
        orr     x0, x0, #1
        msr     SCTLR_EL1, x0
        isb
`;
/** Room for the tables of `MMU_ON`. */
export const MMU_TABLES = `
        .balign 4096
tables: .skip   4096
`;
/** Distance from a symbol to where EL0 reaches it with `MMU_ON`. */
export const ALIAS = 0x4000_0000n;

/**
 * Sixteen vectors, each of which runs `body`; put VBAR_EL1 to `vectors`. At most 32 instructions.
 */
export function vectors(body: string, name = 'vectors'): string {
  return `.balign 2048\n${name}:\n${`        .balign 128\n${body}\n`.repeat(16)}`;
}

/** GICv3 ready for Group 1 PPI `PMU_INTID` at EL1; changes X0 and X1. */
export const GIC_ON = `
        ldr     x1, =GICD
        mov     w0, #0x12
        str     w0, [x1]
        ldr     x1, =GICR
        str     wzr, [x1, #0x14]
        add     x1, x1, #0x10000
        mov     w0, #0x80
        strb    w0, [x1, #0x400 + PMU_INTID]
        mov     w0, #1 << PMU_INTID
        str     w0, [x1, #0x100]
        mov     x0, #0xf0
        msr     ICC_PMR_EL1, x0
        mov     x0, #1
        msr     ICC_IGRPEN1_EL1, x0
        isb
`;

/** A program of a few instructions on a whole machine; it ends in WFI with nothing to wake it, by `b done`. */
export class BareMetal {
  readonly machine: Machine;
  readonly symbols: ReadonlyMap<string, bigint>;

  constructor(source: string, options: MachineOptions = {}) {
    const text = `${source}\n        b       done\ndone:   wfi\n        b       done\n`;
    const symbols = {
      GICD: VIRT_MEMORY_MAP.gicd.basePa,
      GICR: VIRT_MEMORY_MAP.gicr.basePa,
      PMU_INTID: BigInt(VIRT_INTIDS.PMU),
    };
    const program = assemble(text, { origin: LOAD_PA, symbols });
    this.symbols = program.symbols;
    this.machine = Machine.create({
      memoryBytes: 16 * 2 ** 20,
      ...options,
      programs: [{ bytes: program.bytes, addrPa: LOAD_PA }],
    });
  }

  /** Runs to the end, in grants of `sliceSteps`. @throws Error when it does not end */
  run(sliceSteps = STEPS_MAX): this {
    for (let left = STEPS_MAX; left > 0; left -= sliceSteps) {
      const { reason } = this.machine.run({ steps: sliceSteps });
      if (reason === 'idle') return this;
      if (reason !== 'limit') throw new Error(`the program ended with '${reason}'`);
    }
    throw new Error(`the program did not end: PC 0x${this.reg('PC').toString(16)}`);
  }
  reg(name: string): bigint {
    return this.machine.readRegister(0, name);
  }
  x(n: number): bigint {
    return this.reg(`X${n}`);
  }
  /** Address of a label. */
  at(label: string): bigint {
    const address = this.symbols.get(label);
    if (address === undefined) throw new Error(`no label ${label}`);
    return address;
  }
}
