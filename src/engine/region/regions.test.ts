import { describe, expect, it } from 'vitest';
import { PROGRAM_VA, ProgramMachine } from '../../../test/support/programs.ts';
import { assemble } from '../../isa/text/assemble.ts';
import { HOT_COUNT, REGION_FIRST } from '../records.ts';

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
function slotsInUse(m: ProgramMachine): number {
  const { table } = m.engine as unknown as { table: WebAssembly.Table };
  let used = 0;
  for (let i = REGION_FIRST; i < REGION_FIRST + 64; i++) if (table.get(i) !== null) used++;
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
