import { describe, expect, it } from 'vitest';
import { ALL_FEATURES } from '../../../test/support/features.ts';
import type { Fragment } from '../../ir/types.ts';
import { liftConstant } from '../../isa/clause.ts';
import { Decoder } from '../../isa/decoder.ts';
import { A64, fpCheck } from '../../isa/table.ts';
import { assemble } from '../../isa/text/assemble.ts';
import { type BasicBlock, discover, endingOf, REGION_BLOCKS_MAX, REGION_INSTRUCTIONS_MAX } from './discover.ts';

const decoder = new Decoder(A64, ALL_FEATURES);

/** Lifts the instructions of a page that begins with a program; what lies behind it cannot be had. */
function page(source: string): (index: number) => Fragment | undefined {
  const { bytes } = assemble(source, { origin: 0n });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return (index) => {
    if (index * 4 >= bytes.length) return undefined;
    const decoded = decoder.decode(view.getUint32(index * 4, true));
    return decoded && liftConstant(decoded.clause, decoded.fields, fpCheck);
  };
}

/** `first+count>successors` of every block, by first instruction. */
function shape(blocks: Map<number, BasicBlock>): string[] {
  return [...blocks.values()]
    .sort((a, b) => a.first - b.first)
    .map((b) => `${b.first}+${b.instructions.length}>${b.successors.join()}${b.fallsThrough ? '' : ' end'}`);
}

describe('endingOf', () => {
  const ending = (text: string, index = 10): unknown => endingOf(page(text)(0)!, index);

  it.each([
    ['add x0, x0, #1', { leaves: false, fallsThrough: true }],
    ['ldr x0, [x1]', { leaves: false, fallsThrough: true }],
    ['b . + 8', { target: 12, leaves: true, fallsThrough: false }],
    ['b . - 44', { leaves: true, fallsThrough: false }],
    ['b . + 0x1000', { leaves: true, fallsThrough: false }],
    ['b.eq . - 8', { target: 8, leaves: true, fallsThrough: true }],
    ['cbz x0, . + 4', { target: 11, leaves: true, fallsThrough: true }],
    ['tbnz w0, #3, .', { target: 10, leaves: true, fallsThrough: true }],
    ['ret', { leaves: true, fallsThrough: false }],
    ['svc #0', { leaves: true, fallsThrough: false }],
  ])('%s', (text, expected) => expect(ending(text)).toEqual(expected));

  it('a call has no target of its own: what it calls is a function', () => {
    expect(ending('bl . + 8')).toMatchObject({ leaves: true, fallsThrough: false });
    expect((ending('bl . + 8') as { target?: number }).target).toBeUndefined();
  });
});

describe('discover', () => {
  it('finds the blocks that direct branches lead to, and cuts where something jumps to', () => {
    const blocks = discover(
      0,
      page(`
        mov x0, #3
loop:   subs x0, x0, #1
        b.ne loop
        cbz x1, out
        add x2, x2, #1
out:    ret
      `),
    );
    expect(shape(blocks)).toEqual(['0+1>1', '1+2>1,3', '3+1>5,4', '4+1>5', '5+1> end']);
  });

  it('begins anywhere and leaves out what is not reached', () => {
    const source = 'nop\n nop\n b skip\n nop\nskip: nop\n ret\n';
    expect(shape(discover(2, page(source)))).toEqual(['2+1>4 end', '4+2> end']);
  });

  it('ends where no instruction can be had, and at the end of the page', () => {
    expect(shape(discover(0, page('nop\n nop\n .word 0x02000000\n nop\n')))).toEqual(['0+2>']);
    const nop = page('nop')(0)!;
    const blocks = discover(1020, () => nop);
    expect(shape(blocks)).toEqual(['1020+4>']);
  });

  it('is never larger than its limits', () => {
    const nop = page('nop')(0)!;
    const count = (blocks: Map<number, BasicBlock>): number =>
      [...blocks.values()].reduce((n, b) => n + b.instructions.length, 0);
    expect(count(discover(0, () => nop))).toBe(REGION_INSTRUCTIONS_MAX);
    const branch = page('cbz x0, . + 64')(0)!;
    const blocks = discover(0, () => branch);
    expect(blocks.size).toBeLessThanOrEqual(REGION_BLOCKS_MAX);
    for (const block of blocks.values())
      for (const successor of block.successors) expect(blocks.has(successor), `${block.first}>${successor}`).toBe(true);
  });
});
