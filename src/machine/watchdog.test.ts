import { describe, expect, it } from 'vitest';
import { guest } from '../../test/exact/guests.ts';
import type { Machine } from './machine.ts';
import type { MachineOptions } from './options.ts';

const SECOND = 1_000_000_000n;

/** Binds interrupt 44, registers and enables a handler, unmasks, and waits for ever. */
const BOUND = (refresh: boolean): string => `
        ldr     x0, =0xc400002d
        mov     x1, #44
        smc     #0
        mov     x20, x0
        mov     x1, x20
        adr     x2, handler
        mov     x3, #0
        mov     x4, #0
        mov     x5, #0
        ldr     x0, =0xc4000021
        smc     #0
        mov     x1, x20
        ldr     x0, =0xc4000022
        smc     #0
        ldr     x0, =0xc400002c
        smc     #0
1:      wfi
        b       1b
handler:
        add     x28, x28, #1
        ${refresh ? 'ldr x9, =0x090e0000\n str wzr, [x9]' : ''}
        mov     x1, #0
        ldr     x0, =0xc4000025
        smc     #0
        b       .
        .ltorg
`;

/** Takes interrupt 44 as any other, at the GIC; the handler counts, and refreshes where it is said to. */
const ORDINARY = (refresh: boolean): string => `
        adr     x0, vectors
        msr     VBAR_EL1, x0
        ldr     x1, =0x08000000
        mov     w0, #0x12
        str     w0, [x1]
        mov     w0, #1 << 12
        str     w0, [x1, #0x104]
        mov     x0, #0xf0
        msr     ICC_PMR_EL1, x0
        mov     x0, #1
        msr     ICC_IGRPEN1_EL1, x0
        msr     DAIFClr, #2
1:      wfi
        b       1b
        .balign 0x800
vectors:
        .space  0x280
        mrs     x0, ICC_IAR1_EL1
        add     x28, x28, #1
        mov     x27, x0
        ${refresh ? 'ldr x9, =0x090e0000\n str wzr, [x9]' : ''}
        msr     ICC_EOIR1_EL1, x0
        eret
        .ltorg
`;

/** Runs to a virtual time; when X28 changed until then, in ns. */
function changes(machine: Machine, untilNs: bigint): bigint[] {
  const times: bigint[] = [];
  let last = machine.readRegister(0, 'X28');
  machine.atTimeNs(untilNs, () => machine.stop());
  machine.on('exceptionReturn', () => {
    const now = machine.readRegister(0, 'X28');
    if (now !== last) times.push(machine.timeNs);
    last = now;
  });
  machine.run();
  return times;
}
const seconds = (times: readonly bigint[]): number[] => times.map((ns) => Number(ns / SECOND));
const make = (source: string, options: MachineOptions = {}): Machine =>
  guest(source, { watchdog: true, ...options }).machine;

describe('the watchdog', () => {
  it.each([
    ['refreshes it', true, {}],
    ['does nothing about it', false, {}],
    ['refreshes it, beside a GICv2', true, { gic: 2 }],
    ['refreshes it, without EL3 registers of its own', true, { el2: true }],
  ] as const)('bound to an SDEI event whose handler %s, fires every 10 s', (_name, refresh, options) => {
    const machine = make(BOUND(refresh), options);
    const times: number[] = [];
    machine.sdei.onMove((_pe, _event, operation) => {
      if (operation === 'DISPATCH') times.push(Number(machine.timeNs / SECOND));
    });
    machine.atTimeNs(55n * SECOND, () => machine.stop());
    machine.run();
    expect(times).toEqual([10, 20, 30, 40, 50]);
    expect(machine.readRegister(0, 'X28')).toBe(5n);
  });

  it.each([true, false])('unbound it is an ordinary interrupt (refreshed: %s)', (refresh) => {
    const machine = make(ORDINARY(refresh));
    expect(seconds(changes(machine, 35n * SECOND))).toEqual([10, 20, 30]);
    expect(machine.readRegister(0, 'X27')).toBe(44n);
  });

  it('its state is in a snapshot: the same future, and the digest tells states apart', () => {
    const machine = make(BOUND(false));
    machine.atTimeNs(15n * SECOND, () => machine.stop());
    machine.run();
    const snapshot = machine.snapshot();
    const run = (): [string, bigint] => {
      machine.atTimeNs(45n * SECOND, () => machine.stop());
      machine.run();
      return [machine.digest(), machine.readRegister(0, 'X28')];
    };
    const first = run();
    expect(first[1]).toBe(4n);
    machine.restore(snapshot);
    expect(run()).toEqual(first);
  });

  it('that resets: without a refresh the machine is reset after two periods, and the report says why', () => {
    const machine = make('1: wfi\n b 1b', { watchdog: { second: 'reset', periodSeconds: 2 } });
    const reports: string[] = [];
    machine.log.onReport((message) => void reports.push(message));
    expect(machine.run().reason).toBe('reset');
    expect(machine.timeNs / 1_000_000n).toBe(4000n);
    expect(reports.join()).toContain('WS1 resets the machine');
    machine.reset();
    expect(machine.run().reason).toBe('reset');
  });

  it('is not there unless it is asked for', () => {
    const { machine } = guest('ldr x1, =0x090d0000\n ldr w0, [x1]\n b .\n .ltorg');
    let device = '';
    machine.on('mmio', (access) => {
      device = access.device;
    });
    machine.run({ steps: 10 });
    expect(device).toBe('-');
  });

  it('a machine in which nothing wakes ends all the same', () => {
    const machine = make('1: wfi\n b 1b');
    expect(machine.run({ idleUntilNs: 60n * SECOND }).reason).toBe('waiting-for-time');
  });

  it.each([{ periodSeconds: -1 }, { periodSeconds: Number.NaN }, { second: 'explode' as 'reset' }])(
    '%j is refused',
    (watchdog) => {
      expect(() => make('b .', { watchdog })).toThrow(expect.objectContaining({ code: 'E_OPTION' }));
    },
  );
});
