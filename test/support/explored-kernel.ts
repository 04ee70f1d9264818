import { bareKernel, POWER_OFF } from './bare-kernel.ts';

/** Where the guest counts. */
export const COUNTER = 0x4010_0000n;
/** What the counter is at the end, with one event. */
export const COUNTED = 21n;

const call = (id: string, ...args: string[]): string =>
  [
    `ldr x0, =${id}`,
    ...args.map((arg, n) => (arg.startsWith('=') ? `adr x${n + 1}, ${arg.slice(1)}` : `mov x${n + 1}, #${arg}`)),
    'smc #0',
  ].join('\n');

/**
 * A kernel of a few instructions: counts to 20 in memory while an SDEI handler counts too, prints `ready` before. The
 * update is not atomic, so an event between load and store is lost.
 */
export const LOST_UPDATE: Uint8Array = bareKernel(`
        ${call('0xc4000021', '0', '=handler', '0', '0', '0')}
        ${call('0xc4000022', '0')}
        ldr     x0, =0xc400002c
        smc     #0
        movz    x1, #0x0900, lsl #16
        mov     w3, #'!'
        str     w3, [x1]
        movz    x10, #0x4010, lsl #16
        mov     x9, #20
1:      ldr     x11, [x10]
        add     x11, x11, #1
        str     x11, [x10]
        subs    x9, x9, #1
        b.ne    1b
        ${POWER_OFF}
handler:
        movz    x0, #0x4010, lsl #16
        ldr     x1, [x0]
        add     x1, x1, #1
        str     x1, [x0]
        ldr     x0, =0xc4000025
        mov     x1, #0
        smc     #0
        b       .
        .ltorg
`);

/** What is tried on it. */
export const SCENARIO = `
title: a counter
machine: { kernel: Image, memory: 16M }
prepare:
  - until: { console: '!' }
window: {}
events: ['sdei:0']
compare: false
expect:
  - { memory: 0x40100000, equals: 21 }
`;
