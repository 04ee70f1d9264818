import { assemble } from '../../src/isa/text/index.ts';
import { VIRT_MEMORY_MAP } from '../../src/machine/board/virt.ts';
import { Machine } from '../../src/machine/machine.ts';

/** Times each PE does its piece of work. */
export const ROUNDS = 12;

const BASE = VIRT_MEMORY_MAP.ram.basePa;
/** Results: 64 bytes apart, so that each word has a reservation granule of its own. */
const DATA = BASE + 0x10_0000n;
/** Where words of the programs are, by name. */
export const WORDS = {
  counter: DATA,
  lock: DATA + 64n,
  next: DATA + 128n,
  owner: DATA + 192n,
  done: DATA + 256n,
  log: DATA + 512n,
};

/** What each PE does `ROUNDS` times, by the name of the primitive; X19 is the address of the words, X20 the PE. */
export const PIECES: Readonly<Record<string, string>> = {
  'LDXR and STXR counter': `
1:      ldxr    x0, [x19]
        add     x0, x0, #1
        stxr    w1, x0, [x19]
        cbnz    w1, 1b
`,
  'LSE counter': `
        mov     x0, #1
        ldadd   x0, x1, [x19]
`,
  'LSE compare and swap': `
1:      ldr     x0, [x19]
        add     x1, x0, #1
        mov     x2, x0
        casal   x2, x1, [x19]
        cmp     x2, x0
        b.ne    1b
`,
  'spinlock that waits by WFE': `
        add     x2, x19, #64
        mov     w3, #1
        sevl
1:      wfe
2:      ldaxr   w0, [x2]
        cbnz    w0, 1b
        stxr    w0, w3, [x2]
        cbnz    w0, 2b
        ldr     x0, [x19]
        add     x0, x0, #1
        str     x0, [x19]
        stlr    wzr, [x2]
`,
  'spinlock by SWPA and YIELD': `
        add     x2, x19, #64
1:      mov     w3, #1
        swpa    w3, w0, [x2]
        cbz     w0, 2f
        yield
        b       1b
2:      ldr     x0, [x19]
        add     x0, x0, #1
        str     x0, [x19]
        stlr    wzr, [x2]
`,
  'ticket lock that waits by WFE': `
        add     x2, x19, #128
        add     x3, x19, #192
1:      ldaxr   w0, [x2]
        add     w1, w0, #1
        stxr    w4, w1, [x2]
        cbnz    w4, 1b
        sevl
2:      wfe
        ldaxr   w1, [x3]
        cmp     w1, w0
        b.ne    2b
        ldr     x4, [x19]
        add     x4, x4, #1
        str     x4, [x19]
        add     w1, w1, #1
        stlr    w1, [x3]
`,
  // The PEs take turns: each waits until the counter is its own, all others hear of it by SEV.
  'WFE and SEV in turns': `
1:      ldr     x0, [x19]
        udiv    x1, x0, x21
        msub    x1, x1, x21, x0
        cmp     x1, x20
        b.eq    2f
        wfe
        b       1b
2:      add     x0, x0, #1
        str     x0, [x19]
        dsb     ishst
        sev
`,
};

/** What goes wrong, to see that it can be seen. */
const BROKEN: Readonly<Record<string, string>> = {
  'plain counter': `
        ldr     x0, [x19]
        add     x0, x0, #1
        str     x0, [x19]
`,
};

/** Start of every PE: identity map of RAM as Normal memory, devices as they are, caches on. */
const SETUP = `
        adr     x0, tables
        msr     TTBR0_EL1, x0
        ldr     x0, =0x80803519
        msr     TCR_EL1, x0
        ldr     x0, =0x00ff
        msr     MAIR_EL1, x0
        isb
        mrs     x0, SCTLR_EL1
        ldr     x1, =0x1005
        orr     x0, x0, x1
        msr     SCTLR_EL1, x0
        isb
        ldr     x19, =${DATA}
`;

const call = (...args: readonly string[]): string =>
  [...args.map((value, n) => `ldr x${n}, =${value}`), 'smc #0'].join('\n        ');

/** PE 0 turns on the others, everybody works, PE 0 waits until all are done and turns the machine off. */
function locks(piece: string, pes: number): string {
  const others = Array.from({ length: pes - 1 }, (_, n) => call('0xc4000003', `${n + 1}`, 'second', `${n + 1}`));
  return `
start:  mov     x20, #0
        ${others.join('\n        ')}
        b       work
second: mov     x20, x0
work:   ${SETUP}
        mov     x21, #${pes}
        mov     x22, #${ROUNDS}
again:  ${piece}
        sub     x22, x22, #1
        cbnz    x22, again
        add     x2, x19, #256
1:      ldxr    x0, [x2]
        add     x0, x0, #1
        stlxr   w1, x0, [x2]
        cbnz    w1, 1b
        cbnz    x20, rest
2:      ldaxr   x0, [x2]
        cmp     x0, #${pes}
        b.eq    3f
        wfe
        b       2b
3:      ${call('0x84000008')}
rest:   wfi
        b       rest
        .ltorg
        .balign 4096
tables: .quad   0x00000405
        .quad   0x40000701
        .skip   4080
`;
}

/** A machine with a program at the start of RAM. */
export function machineOf(source: string, pes: number): Machine {
  const program = { bytes: assemble(source, { origin: BASE }).bytes, addrPa: BASE };
  return Machine.create({ programs: [program], cpus: pes, memoryBytes: 16 * 2 ** 20 });
}

/** A machine on which so many PEs hammer one primitive. */
export function hammering(name: string, pes: number): Machine {
  return machineOf(locks(PIECES[name] ?? BROKEN[name]!, pes), pes);
}

/** PE 0 and PE 1 race to turn on PE 2; each logs what CPU_ON answered, PE 2 logs whose it is. */
export const CPU_ON_RACE = `
start:  ${call('0xc4000003', '1', 'second', '0')}
        mov     x20, #0
        b       race
second: mov     x20, #1
race:   ldr     x19, =${WORDS.log}
        ldr     x0, =0xc4000003
        mov     x1, #2
        adr     x2, third
        add     x3, x20, #0x100
        smc     #0
        str     x0, [x19, x20, lsl #3]
        add     x1, x19, #0x40
        mov     x2, #1
        ldadd   x2, x3, [x1]
        b       wait
third:  ldr     x19, =${WORDS.log}
        str     x0, [x19, #16]
        add     x1, x19, #0x40
        mov     x2, #1
        ldadd   x2, x3, [x1]
        mov     x20, #2
wait:   cbnz    x20, rest
        ldr     x0, [x19, #0x40]
        cmp     x0, #3
        b.eq    over
        yield
        b       wait
over:   ${call('0x84000008')}
rest:   wfi
        b       rest
        .ltorg
`;

/** PE 0 turns PE 1 on again and again; PE 1 counts, and turns itself off. */
export const ON_AND_OFF = `
start:  ldr     x19, =${WORDS.counter}
        mov     x22, #${ROUNDS}
again:  ldr     x0, =0xc4000003
        mov     x1, #1
        adr     x2, second
        mov     x3, x22
        smc     #0
        cbnz    x0, again
1:      ldr     x0, =0xc4000004
        mov     x1, #1
        mov     x2, #0
        smc     #0
        cmp     x0, #1
        b.eq    2f
        yield
        b       1b
2:      sub     x22, x22, #1
        cbnz    x22, again
        ${call('0x84000008')}
second: ldr     x19, =${WORDS.counter}
        ldr     x1, [x19]
        add     x1, x1, #1
        str     x1, [x19]
        add     x2, x19, #64
        ldr     x1, [x2]
        add     x1, x1, x0
        str     x1, [x2]
        ${call('0x84000002')}
        b       .
        .ltorg
`;

/** PE 1 sends one event and sleeps; PE 0 clears its event register at some moment and then waits for that event. */
export const LOST_WAKE_UP = `
start:  ${call('0xc4000003', '1', 'second', '0')}
        mov     x0, #40
1:      sub     x0, x0, #1
        cbnz    x0, 1b
        sevl
        wfe
        wfe
        ${call('0x84000008')}
second: sev
2:      wfi
        b       2b
        .ltorg
`;

/** Two PEs that do nothing, each in a loop of its own. */
export const TWO_LOOPS = `
start:  ${call('0xc4000003', '1', 'second', '0')}
1:      b       1b
second: b       second
        .ltorg
`;

/** A 64-bit word of RAM. */
export function word(machine: Machine, addrPa: bigint): bigint {
  return new DataView(machine.readMemory(addrPa, 8).buffer).getBigUint64(0, true);
}
