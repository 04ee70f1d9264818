import { describe, expect, it } from 'vitest';
import { PROGRAM_VA, ProgramMachine } from '../../test/support/programs.ts';
import { PE_DERIVED } from '../arch/pestate.ts';
import { assemble } from '../isa/text/assemble.ts';
import { HOT_COUNT, RECORD_PAGES_MAX } from './records.ts';

/** Branches of every kind, flags kept over them, accesses over a page boundary, a call to another page, exceptions. */
const VARIED = `
        mov     x1, #0x8000
        mov     x20, #0x7f40
loop:   add     x0, x0, #1
        stp     x0, x2, [x1], #24
        ldr     x3, [x1, #-24]
        eor     x2, x2, x3, lsl #7
        adds    w4, w4, w2
        b.cs    1f
        sub     x2, x2, #3
1:      tst     x0, #7
        b.ne    2f
        svc     #1
        bl      far
2:      ccmp    x0, x4, #4, hi
        csel    x5, x2, x3, lt
        and     x1, x1, #0xfff
        add     x1, x1, x20
        tbz     w0, #4, loop
        ldr     x6, [x30, #-1 << 8]
        mov     x7, #1 << 40
        ldr     x6, [x7]
        .word   0
        b       edge
        .balign 4096
        .skip   4096 - 12
edge:   add     x8, x8, x5
        subs    x9, x9, #1
        mrs     x10, NZCV
        ror     x8, x8, #3
        b       loop
        .balign 4096
far:    add     x11, x11, x0
        cbz     x11, far
        umulh   x12, x11, x2
        ret
`;
const USED_BYTES = 0xa000;

/** The same machine once per file: memories of WebAssembly are large. */
const varied = new ProgramMachine(VARIED, USED_BYTES);

describe('a grant is exact', () => {
  const steps = 700;
  varied.reset();
  const trace = [varied.state()];
  for (let i = 0; i < steps; i++) trace.push(varied.oracleRun().state());
  const kinds = new Set(varied.events.map((event) => event.helper));

  const check = (what: string): void => {
    for (let n = 0; n <= steps; n++) {
      varied.reset();
      varied.run(n);
      if (varied.state() !== trace[n]) expect.fail(`${what}: after ${n} steps the state is not that of the oracle`);
    }
  };

  it('the program takes exceptions of several kinds', () => {
    expect([...kinds].sort()).toEqual(['load', 'supervisorCall', 'undefinedInstruction']);
  });

  it('run(n) leaves the state after n steps, for every n', () => check('handlers'));

  it('and when its code is hot and compiled', () => {
    varied.reset();
    varied.run(HOT_COUNT * 60).run(1);
    expect(varied.engine.compiledRegions).toBeGreaterThan(2);
    check('regions');
  });

  it('one grant of n is n grants of one', () => {
    for (const n of [1, 2, 5, 33, 128]) {
      varied.reset();
      for (let i = 0; i < n; i++) varied.run(1);
      expect(varied.state() === trace[n], `${n} steps`).toBe(true);
    }
  });

  it('a grant that an exception cuts short says how many steps it took', () => {
    const m = new ProgramMachine('nop\n nop\n svc #0\n nop\n');
    expect(m.engine.run(0, 10)).toBe(3);
    expect(m.memory.i32[PE_DERIVED.budget.offset >> 2], 'nothing is left over').toBe(0);
    expect(m.engine.run(0, 0)).toBe(0);
    expect(m.engine.run(0, 2)).toBe(2);
    expect(m.pc).toBe(PROGRAM_VA + 12);
  });

  it('an instruction fetch that faults takes a step', () => {
    const m = new ProgramMachine('mov x0, #0x101\n br x0\n');
    expect(m.engine.run(0, 10)).toBe(3);
    expect(m.events).toEqual([{ helper: 'fetch', args: [0x101n] }]);
    expect(m.pc).toBe(0x101);
    expect(m.engine.run(0, 1), 'and again, so that a guest that faults for ever runs out').toBe(1);
  });
});

describe('code that changes', () => {
  const word = (text: string, at: number): number =>
    new DataView(assemble(text, { origin: BigInt(at) }).bytes.buffer).getUint32(0, true);
  const bytesOf = (value: number): Uint8Array => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    return bytes;
  };

  it('is decoded again when something outside writes it', () => {
    const m = new ProgramMachine('loop: add x0, x0, #1\n b loop\n');
    m.run(10);
    expect(m.x(0)).toBe(5n);
    m.memory.write(PROGRAM_VA, bytesOf(word('add x0, x0, #16', PROGRAM_VA)));
    m.run(10);
    expect(m.x(0)).toBe(5n + 80n);
  });

  it('is decoded again when it was hot and compiled', () => {
    const m = new ProgramMachine('loop: add x0, x0, #1\n add x1, x1, #1\n add x2, x2, #1\n b loop\n');
    m.run(4 * HOT_COUNT + 40).run(4);
    expect(m.engine.compiledRegions).toBe(1);
    const before = m.x(1);
    m.memory.write(PROGRAM_VA + 4, bytesOf(word('add x1, x1, #16', PROGRAM_VA)));
    m.run(40);
    expect(m.x(1)).toBe(before + 160n);
    expect([m.x(0), m.x(2)]).toEqual([before + 10n, before + 10n]);
  });

  /** Runs a program on both executors, in grants of 250, between which hot code is compiled; compares at the end. */
  function sameAsOracle(source: string, steps: number): ProgramMachine {
    const m = new ProgramMachine(source);
    m.oracleRun(steps);
    const expected = m.state();
    m.reset();
    while (m.steps < steps) m.run(Math.min(250, steps - m.steps));
    expect(m.state() === expected, 'registers and memory are those of the oracle').toBe(true);
    return m;
  }
  const NEW = word('add x0, x0, #100', 0);

  it('by its own store takes effect with the next instruction', () => {
    const source = `
        ldr     w1, =${NEW}
        adr     x2, next
        str     w1, [x2]
next:   add     x0, x0, #1
        b       .
    `;
    expect(sameAsOracle(source, 5).x(0)).toBe(100n);
  });

  it('may overwrite the instruction that makes the store, which ends as it began', () => {
    const source = `
        ldr     w1, =${NEW}
        adr     x2, here
loop:   add     x3, x3, #1
here:   str     w1, [x2], #0
        cmp     x3, #5
        b.ne    loop
        b       .
    `;
    expect(sameAsOracle(source, 40).x(0)).toBe(400n);
  });

  it('may be a pair across two pages, both of code', () => {
    const source = `
        ldr     x1, =${(BigInt(word('add x0, x0, #7', 0)) << 32n) | BigInt(NEW)}
        mov     x5, x1
        adr     x2, page - 8
        stp     x1, x5, [x2]
        b       page - 8
        .balign 4096
        .skip   4096 - 8
        nop
        nop
page:   nop
        nop
        b       .
    `;
    expect(sameAsOracle(source, 12).x(0)).toBe(214n);
  });

  it('again and again in a hot loop is always the newest', () => {
    const source = `
        ldr     w1, =${word('add x0, x0, #1', 0)}
        adr     x2, patch
loop:   add     x4, x4, #1
        tst     x4, #0xff
        b.ne    patch
        eor     w1, w1, #0x400
        str     w1, [x2]
patch:  add     x0, x0, #1
        b       loop
    `;
    const m = sameAsOracle(source, 6 * (HOT_COUNT + 500));
    expect(m.engine.compiledRegions).toBeGreaterThan(0);
  });

  it('that changes in a loop that is already compiled is left at once', () => {
    const source = `
        ldr     w1, =${NEW}
        adr     x2, patch
        mov     x5, #${2 * HOT_COUNT}
        adr     x6, spare
loop:   subs    x5, x5, #1
        csel    x7, x2, x6, eq
        str     w1, [x7]
patch:  add     x0, x0, #1
        cbnz    x5, loop
        b       .
        .balign 4096
spare:  .word   0
    `;
    const m = sameAsOracle(source, 5 * 2 * HOT_COUNT + 8);
    expect(m.engine.compiledRegions).toBeGreaterThan(0);
    expect(m.x(0)).toBe(BigInt(2 * HOT_COUNT - 1 + 100));
  });
});

describe('pages of decoded code', () => {
  it('more than can be kept are decoded again when control comes back', () => {
    const pages = RECORD_PAGES_MAX + 40;
    const m = new ProgramMachine('nop', 0x2000, (pages + 2) * 4096);
    const hop = assemble('add x0, x0, #1\n b . + 4092\n', { origin: 0n }).bytes;
    for (let page = 1; page < pages; page++) m.memory.write(page * 4096, hop);
    m.memory.write(pages * 4096, assemble('mov x1, #0x1000\n br x1\n', { origin: 0n }).bytes);
    const lap = 2 * (pages - 1) + 2;
    m.run(lap);
    expect([m.x(0), m.pc]).toEqual([BigInt(pages - 1), PROGRAM_VA]);
    m.run(lap + 7);
    expect([m.x(0), m.pc]).toEqual([BigInt(2 * (pages - 1) + 4), PROGRAM_VA + 3 * 4096 + 4]);
    // A write to a page that was dropped and decoded anew is noticed.
    m.memory.write(PROGRAM_VA, assemble('add x0, x0, #0x100', { origin: 0n }).bytes);
    const before = m.x(0);
    m.run(lap);
    expect(m.x(0) - before).toBe(BigInt(pages - 2 + 0x100));
  });
});

describe('handlers', () => {
  it('are made once for each shape, whatever registers and immediates an instruction names', () => {
    const m = new ProgramMachine('eon x0, x1, x2\n eon x2, x3, x4, lsl #3\n eon x29, xzr, x3\n b .\n');
    m.run(4);
    const known = m.engine.handlers;
    m.memory.write(PROGRAM_VA, assemble('eon x9, x10, x11\n b .\n', { origin: 0n }).bytes);
    m.reset();
    m.run(6);
    expect(m.engine.handlers).toBe(known);
    m.memory.write(PROGRAM_VA, assemble('eon w9, w10, w11', { origin: 0n }).bytes);
    m.memory.write(PROGRAM_VA + 4, assemble('b .', { origin: 0n }).bytes);
    m.memory.view.setBigUint64(0x110, BigInt(PROGRAM_VA), true);
    m.run(2);
    expect(m.engine.handlers, 'sf makes another shape').toBe(known + 1);
  });
});

describe('requestBoundary', () => {
  it('ends the grant after the running instruction; taken counts that one', () => {
    const m = new ProgramMachine('nop\n str x0, [x1]\n nop\n');
    let taken = 0;
    m.memory.exclusiveObserver = () => {
      taken = m.engine.taken;
      m.engine.requestBoundary();
    };
    m.memory.markExclusive(0);
    expect(m.engine.run(0, 100)).toBe(2);
    expect(taken).toBe(2);
  });
});
