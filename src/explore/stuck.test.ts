import { describe, expect, it } from 'vitest';
import { bareKernel, POWER_OFF } from '../../test/support/bare-kernel.ts';
import { hostedMachine, powerOff, WORD, word } from '../../test/support/explored.ts';
import { msrImmediate, nop, store } from '../engine/hosted/effects.ts';
import { Machine } from '../machine/machine.ts';
import { GICV3 } from '../os/kit/gic.ts';
import { irq, sdei } from './events.ts';
import { explore } from './explore.ts';

/** Writes 1 and waits until it reads 1, while an SDEI handler writes 0: behind the first write that is for ever. */
const UNHEARD = bareKernel(`
        ldr     x0, =0xc4000021
        mov     x1, #0
        adr     x2, handler
        mov     x3, #0
        mov     x4, #0
        mov     x5, #0
        smc     #0
        ldr     x0, =0xc4000022
        mov     x1, #0
        smc     #0
        ldr     x0, =0xc400002c
        smc     #0
        movz    x1, #0x0900, lsl #16
        mov     w3, #'!'
        str     w3, [x1]
        movz    x10, #0x4010, lsl #16
        mov     x9, #1
        str     x9, [x10]
wait:   ldr     x11, [x10]
        cbz     x11, wait
        ${POWER_OFF}
handler:
        movz    x0, #0x4010, lsl #16
        str     xzr, [x0]
        ldr     x0, =0xc4000025
        mov     x1, #0
        smc     #0
        b       .
        .ltorg
`);

describe('a guest that does not come to its end', () => {
  it.each(['compiled', 'interpreter'] as const)('%s: the whole state comes again: a livelock, proven', (engine) => {
    const machine = Machine.create({ kernel: UNHEARD, memoryBytes: 16 * 2 ** 20, engine });
    machine.console.onOutput(() => machine.stop());
    machine.run({ steps: 1_000_000 });
    const limits = { runStepsMax: 5_000 };
    const report = explore(machine, { window: {}, events: [sdei(0)], compare: false, limits });
    const [first] = report.kinds;
    // Only between the write and the read: no other boundary.
    expect(first).toMatchObject({ outcome: 'livelock', failure: true, count: 1 });
    expect(first!.first.detail).toMatch(/^the whole state comes again after 2 steps: PE 0 loops in 0x[0-9a-f]+/);
    expect(report.kinds.slice(1).map(({ outcome }) => outcome)).toEqual(['completed']);
  });

  it('a loop that looks at a clock is only suspected: the clock could end it', () => {
    const source = `
        movz    x1, #0x0900, lsl #16
        mov     w3, #'!'
        str     w3, [x1]
        nop
        ${POWER_OFF}`;
    const machine = Machine.create({ kernel: bareKernel(source), memoryBytes: 16 * 2 ** 20 });
    machine.console.onOutput(() => machine.stop());
    machine.run({ steps: 1_000_000 });
    // A loop of MRS X0, CNTVCT_EL0 and B, where the guest never comes by itself.
    const loopPa = 0x4000_1000n;
    machine.writeMemory(loopPa, new Uint8Array(new Uint32Array([0xd53b_e040, 0x17ff_ffff]).buffer));
    const derail = {
      name: 'derail',
      interrupts: false,
      inject: (m: Machine, pe: number) => void m.writeRegister(pe, 'PC', loopPa),
    };
    const limits = { runStepsMax: 5_000, cycleStepsMax: 5_000 };
    const report = explore(machine, {
      window: { to: { steps: 1 } },
      end: { settleSteps: 10 },
      events: [derail],
      compare: false,
      limits,
    });
    expect(report.kinds.map(({ outcome }) => outcome)).not.toContain('livelock');
  });
});

it('an interrupt that the guest throws away while it is pending is lost; behind that it is pending', () => {
  const INTID = 40;
  const bit = 1n << BigInt(INTID % 32);
  const machine = hostedMachine({
    *main() {
      yield* msrImmediate('DAIFSet', 15);
      yield* GICV3.initDistributor();
      yield* GICV3.initCpu(0);
      // GICD_ICFGR2: edge-triggered.
      yield* store(0x0800_0c08n, 2n << BigInt((INTID % 16) * 2), 4);
      yield* GICV3.route(INTID, 0);
      yield* GICV3.enable(INTID, 0);
      yield* store(WORD(0), 1n);
      yield* nop();
      yield* nop();
      // GICD_ICPENDR1.
      yield* store(0x0800_0284n, bit, 4);
      yield* nop();
      yield* powerOff();
    },
  });
  machine.runUntil((m) => word(m, WORD(0)) === 1n);
  const report = explore(machine, { window: {}, events: [irq(INTID)] });
  expect(report.results.map(({ outcome }) => outcome)).toEqual(['lost', 'lost', 'lost', 'pending', 'pending']);
  expect(report.kinds[0]).toMatchObject({ outcome: 'lost', failure: true, count: 3, kind: 'lost: irq:N on PE N' });
});
