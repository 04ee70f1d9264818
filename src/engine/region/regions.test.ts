import { describe, expect, it } from 'vitest';
import { PROGRAM_VA, ProgramMachine } from '../../../test/support/programs.ts';
import { PE_STATE } from '../../arch/pestate.ts';
import { assemble } from '../../isa/text/assemble.ts';
import { HOT_COUNT, RECORD_BYTES, REGION_FIRST, REGIONS_MAX } from '../records.ts';
import { ModuleWriter } from '../wasm/binary.ts';
import { CodeWriter } from '../wasm/code.ts';

const LOOP = `
loop:   add     x0, x0, #1
        add     x1, x1, x0
        eor     x2, x2, x1
        b       loop
`;

/** A machine whose loop is hot and compiled. */
function hot(): ProgramMachine {
  const m = new ProgramMachine(LOOP);
  m.run(4 * HOT_COUNT + 40).run(4);
  expect(m.engine.compiledRegions).toBe(1);
  return m;
}
/** What the engine's table of functions holds for regions. */
function slotsInUse(m: ProgramMachine, slots = 64): number {
  const { table } = m.engine as unknown as { table: WebAssembly.Table };
  let used = 0;
  for (let i = REGION_FIRST; i < REGION_FIRST + slots; i++) if (table.get(i) !== null) used++;
  return used;
}

describe('hot code', () => {
  it('is compiled once control came back to it often enough, not before', () => {
    const m = new ProgramMachine(LOOP);
    m.run(4 * (HOT_COUNT - 10)).run(1);
    expect(m.engine.compiledRegions).toBe(0);
    m.run(60).run(1);
    expect(m.engine.compiledRegions).toBe(1);
  });

  it('counts the same for one long grant and for many short ones', () => {
    const m = new ProgramMachine(LOOP);
    for (let i = 0; i < 4 * (HOT_COUNT + 20); i += 4) m.run(4);
    expect(m.engine.compiledRegions).toBe(1);
    expect(m.x(0)).toBe(BigInt(HOT_COUNT + 20));
  });

  it('is not compiled when it is too short to gain', () => {
    const m = new ProgramMachine('loop: add x0, x0, #1\n b loop\n');
    m.run(4 * HOT_COUNT).run(1);
    expect(m.engine.compiledRegions).toBe(0);
  });

  it('is not compiled when the engine is told so', () => {
    const m = new ProgramMachine(LOOP, 0x1_0000, 1 << 20, false);
    m.run(8 * HOT_COUNT).run(1);
    expect(m.engine.compiledRegions).toBe(0);
  });
});

describe('a region', () => {
  it('leaves an access that the TLB does not answer to the handler, which makes it once, also at its head', () => {
    const m = new ProgramMachine(`
        mov     x20, #0x8000
loop:   ldr     x1, [x20]
        add     x0, x0, #1
        add     x2, x2, x0
        b       loop
`);
    m.run(1 + 4 * (HOT_COUNT + 10)).run(4);
    expect(m.engine.compiledRegions).toBe(1);
    const rounds = m.x(0);
    m.accesses.length = 0;
    m.flush();
    m.run(40);
    expect(m.x(0)).toBe(rounds + 10n);
    expect(m.accesses).toEqual([0x8000n]);
  });

  it('goes when the code of its page changes, and its place in the table is used again', () => {
    const m = hot();
    expect(slotsInUse(m)).toBe(1);
    m.memory.write(PROGRAM_VA + 0x800, Uint8Array.of(1));
    expect(slotsInUse(m)).toBe(0);
    const before = m.x(0);
    m.run(4);
    expect(m.x(0), 'the handler of its first instruction is back').toBe(before + 1n);
    m.run(4 * HOT_COUNT + 40).run(4);
    expect([m.engine.compiledRegions, slotsInUse(m)]).toEqual([2, 1]);
  });

  it('stays when something else in memory changes', () => {
    const m = hot();
    m.memory.write(PROGRAM_VA + 0x2000, Uint8Array.of(1));
    expect(slotsInUse(m)).toBe(1);
  });

  it('goes when RAM is put back to a moment at which its code was other', () => {
    const m = new ProgramMachine(LOOP);
    const image = m.memory.capture();
    m.memory.write(PROGRAM_VA, assemble('add x0, x0, #2').bytes);
    m.run(4 * HOT_COUNT + 40).run(4);
    expect(slotsInUse(m)).toBe(1);
    m.memory.restore(image);
    expect(slotsInUse(m)).toBe(0);
    const before = m.x(0);
    m.run(8);
    expect(m.x(0)).toBe(before + 2n);
  });
});

/** A loop that jumps to one of four places by a register, the last of them outside what the loop is likely to know. */
const SWITCH = `
loop:   add     x0, x0, #1
        eor     x7, x0, x0, lsr #3
        and     x2, x7, #3
        adr     x3, ops
        add     x3, x3, x2, lsl #4
        br      x3
        nop
ops:    add     x4, x4, x0
        sub     x8, x8, #3
        b       loop
        nop
        eor     x5, x5, x0
        add     x8, x8, x5
        b       loop
        nop
        sub     x6, x6, x4
        orr     x9, x6, x8
        b       loop
        nop
        cbz     x1, loop
        add     x9, x9, #5
        b       loop
`;

describe('a jump by a register', () => {
  it('ends where it goes, whether that is in the region or not', () => {
    const compiled = new ProgramMachine(SWITCH);
    const interpreted = new ProgramMachine(SWITCH, 0x1_0000, 1 << 20, false);
    for (let round = 0; round < 40; round++) {
      const steps = 5000 + 997 * round;
      compiled.run(steps);
      interpreted.run(steps);
      for (const n of [0, 2, 3, 4, 5, 6, 7, 8, 9]) expect(compiled.x(n)).toBe(interpreted.x(n));
      if (round === 30) for (const m of [compiled, interpreted]) m.memory.view.setBigUint64(8, 1n, true);
    }
    expect(compiled.engine.compiledRegions).toBeGreaterThan(2);
  });

  it('stays in the region that knows all places: the table is asked no more', () => {
    const m = new ProgramMachine(SWITCH);
    m.run(400_000).run(1);
    for (let n = 0; n < 20; n++) m.run(50_000);
    const { table } = m.engine as unknown as { table: WebAssembly.Table };
    let entered = 0;
    for (let slot = REGION_FIRST; slot < REGION_FIRST + m.engine.compiledRegions; slot++) {
      const region = table.get(slot) as (cpu: number, record: number) => number;
      const counted = (cpu: number, record: number): number => region(cpu, record) + 0 * ++entered;
      table.set(
        slot,
        new WebAssembly.Instance(wrapper(), { env: { counted, memory: m.memory.memory } }).exports
          .f as WebAssembly.ExportValue,
      );
    }
    m.run(200_000);
    // A grant begins anywhere, and goes on in a handler until it comes to a head.
    expect(entered).toBeLessThan(10);
  });
});

/** A function of WebAssembly, as tables want one, that calls an import. */
function wrapper(): WebAssembly.Module {
  const type = { params: ['i32', 'i32'], results: ['i32'] } as const;
  const module = new ModuleWriter();
  const counted = module.importFunc('counted', type);
  module.func('f', type, new CodeWriter(2).get(0).get(1).call(counted).finish());
  return new WebAssembly.Module(module.finish() as BufferSource);
}

describe('the table of regions', () => {
  /** Functions of four instructions, each going on at the next; every one is the head of a region. */
  const FUNCTIONS = 256 * 66;
  const FUNCTION_BYTES = 16;

  it('when it is full, all regions go and the places are given out again', () => {
    const usedBytes = PROGRAM_VA + FUNCTIONS * FUNCTION_BYTES + 0x1000;
    const m = new ProgramMachine('b .\n', Math.ceil(usedBytes / 0x1000) * 0x1000);
    const { bytes } = assemble('add x0, x0, #1\n add x1, x1, x0\n adr x30, . + 8\n ret\n');
    for (let n = 0; n < FUNCTIONS; n++) m.memory.write(PROGRAM_VA + n * FUNCTION_BYTES, bytes);
    m.memory.write(PROGRAM_VA + FUNCTIONS * FUNCTION_BYTES, assemble('b .\n').bytes);
    m.run(4 * FUNCTIONS);
    const engine = m.engine as unknown as {
      readonly recordsOf: ReadonlyMap<number, number>;
      readonly regions: { hot(record: number): void };
      readonly table: WebAssembly.Table;
    };
    for (let n = 0; n < FUNCTIONS; n++) {
      const va = PROGRAM_VA + n * FUNCTION_BYTES;
      engine.regions.hot(engine.recordsOf.get(va >> 12)! + (va % 0x1000) * (RECORD_BYTES / 4));
    }
    const x0 = m.x(0);
    m.memory.view.setBigUint64(PE_STATE.PC.offset, BigInt(PROGRAM_VA), true);
    m.run(4 * FUNCTIONS);
    expect(m.x(0) - x0).toBe(BigInt(FUNCTIONS));
    expect(m.engine.compiledRegions).toBe(FUNCTIONS);
    expect(slotsInUse(m, REGIONS_MAX)).toBeLessThan(FUNCTIONS - REGIONS_MAX + 64);
    expect(slotsInUse(m, REGIONS_MAX)).toBeGreaterThan(0);
  });
});

describe('what became hot', () => {
  it('and was overwritten before it was compiled is not compiled as it was', () => {
    const m = new ProgramMachine(LOOP);
    m.run(4 * HOT_COUNT + 3);
    m.memory.write(PROGRAM_VA, assemble('add x0, x0, #2').bytes);
    const before = m.x(0);
    m.run(9);
    expect(m.x(0) - before).toBe(4n);
  });

  it('is compiled as it is now when something behind it was overwritten', () => {
    const m = new ProgramMachine(LOOP);
    m.run(4 * HOT_COUNT + 4);
    m.memory.write(PROGRAM_VA + 4, assemble('add x1, x1, #7').bytes);
    const before = m.x(1);
    m.run(8);
    expect(m.engine.compiledRegions).toBe(1);
    expect(m.x(1) - before).toBe(14n);
  });
});
