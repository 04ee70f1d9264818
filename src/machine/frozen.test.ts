import { describe, expect, it } from 'vitest';
import { assemble } from '../isa/text/index.ts';
import { Machine } from './machine.ts';

const RAM = 0x4000_0000n;
/** Where the SDEI handler writes: the only page that may differ. */
const DECLARED = RAM + 0x5000n;
const END = RAM + 0x4000n;

/** A counting loop, a timer that ticks through it, and an SDEI handler; at the end clocks and counters are stored. */
const SOURCE = `
  movz x27, #0x4000, lsl #16
  add x28, x27, #4, lsl #12
  add x26, x27, #5, lsl #12
  adr x0, vectors
  msr vbar_el1, x0
  mov x0, #0x21
  movk x0, #0xc400, lsl #16
  mov x1, #0
  adr x2, handler
  mov x3, x26
  mov x4, #0
  mov x5, #0
  smc #0
  mov x0, #0x22
  movk x0, #0xc400, lsl #16
  mov x1, #0
  smc #0
  mov x0, #0x2c
  movk x0, #0xc400, lsl #16
  smc #0
  movz x0, #0x0800, lsl #16
  mov w1, #0x32
  str w1, [x0]
  movz x0, #0x080b, lsl #16
  mov w1, #0x8000000
  str w1, [x0, #0x100]
  mov x0, #7
  msr icc_sre_el1, x0
  mov x0, #0xf0
  msr icc_pmr_el1, x0
  mov x0, #1
  msr icc_igrpen1_el1, x0
  mov x0, #8
  msr pmevtyper0_el0, x0
  mov x0, #1
  orr x0, x0, #0x80000000
  msr pmcntenset_el0, x0
  mrs x0, pmcr_el0
  orr x0, x0, #1
  msr pmcr_el0, x0
  mov x0, #6
  msr cntv_tval_el0, x0
  mov x0, #1
  msr cntv_ctl_el0, x0
  msr daifclr, #2
  mov x20, #0
loop:
  add x20, x20, #1
  mrs x21, cntvct_el0
  eor x22, x22, x21
  cmp x20, #150
  b.ne loop
  msr daifset, #2
  mrs x0, cntvct_el0
  mrs x1, pmccntr_el0
  mrs x2, pmevcntr0_el0
  stp x0, x1, [x28]
  stp x2, x22, [x28, #16]
  stp x23, x24, [x28, #32]
  mov x0, #8
  movk x0, #0x8400, lsl #16
  smc #0
handler:
  ldr x0, [x1]
  add x0, x0, #1
  str x0, [x1], #8
  mrs x4, cntvct_el0
  stp x2, x4, [x1]
  movz x4, #40
wait:
  subs x4, x4, #1
  b.ne wait
  mrs x5, cntvct_el0
  str x5, [x1, #16]
  mov x0, #0x25
  movk x0, #0xc400, lsl #16
  mov x1, #0
  smc #0
  .balign 2048
vectors:
  .balign 2048
  b .
  .balign 128
  b .
`;

function sourceWithVectors(): string {
  // The IRQ vector of the current Exception level with SP_ELx is the sixth.
  const irq = `  mrs x25, icc_iar1_el1
  add x23, x23, #1
  add x24, x24, x20
  mov x0, #6
  msr cntv_tval_el0, x0
  msr icc_eoir1_el1, x25
  eret`;
  const table = Array.from({ length: 16 }, (_, n) => `  .balign 128\n${n === 5 ? irq : '  b .'}`).join('\n');
  return SOURCE.slice(0, SOURCE.indexOf('vectors:')).concat('vectors:\n', table, '\n');
}
const PROGRAM = assemble(sourceWithVectors()).bytes;

interface Result {
  readonly end: Uint8Array;
  readonly seen: readonly bigint[];
  readonly steps: number;
}

function run(at: number | undefined, frozen: boolean, cut = false): Result {
  const m = Machine.create({ programs: [{ bytes: PROGRAM, addrPa: RAM }], memoryBytes: 16 * 2 ** 20, cpus: 2 });
  if (at !== undefined) {
    m.run({ steps: at });
    if (frozen) m.freezeNext(0);
    expect(m.sdei.signal(0)).toBe(true);
    if (cut) for (let n = 0; n < 60; n++) m.run({ steps: 1 + (n % 4) }).reason && m.restore(m.snapshot());
  }
  expect(m.run({ steps: 10_000 }).reason).toBe('poweroff');
  const view = new DataView(m.readMemory(DECLARED, 32).slice().buffer);
  return {
    end: m.readMemory(END, 48).slice(),
    seen: [0, 8, 16, 24].map((o) => view.getBigUint64(o, true)),
    steps: m.steps,
  };
}

describe('with frozen time', () => {
  const plain = run(undefined, false);
  const first = 60;
  const last = 700;

  it('an event at any boundary changes nothing outside the declared page: no clock, counter, tick or sum', () => {
    expect(plain.steps).toBeGreaterThan(last);
    for (let at = first; at < last; at += 3) {
      const { end, seen, steps } = run(at, true);
      expect(end, `event after ${at} steps`).toEqual(plain.end);
      expect(steps - plain.steps).toBeGreaterThan(80);
      expect(seen[0]).toBe(1n);
      expect(seen[3], 'the handler sees a clock that stands still').toBe(seen[2]);
    }
  });
  it('the same event with counted time does shift the ticks', () => {
    const ends = Array.from({ length: 10 }, (_, n) => run(first + 31 * n, false).end.toString());
    expect(ends.some((end) => end !== plain.end.toString())).toBe(true);
  });
  it('snapshots in the middle of it have the same future', () => {
    for (const at of [100, 333]) expect(run(at, true, true)).toEqual(run(at, true));
  });
});
