import { describe, expect, it } from 'vitest';
import { ALL_FEATURES } from '../../../test/support/features.ts';
import { Rng } from '../../../test/support/rng.ts';
import type { Block, Fragment } from '../../ir/types.ts';
import { liftConstant } from '../../isa/clause.ts';
import { Decoder } from '../../isa/decoder.ts';
import { encodeFields } from '../../isa/encoding.ts';
import { A64, fpCheck } from '../../isa/table.ts';
import { assemble } from '../../isa/text/assemble.ts';
import { ModuleWriter } from '../wasm/binary.ts';
import { type BasicBlock, discover, endingOf, REGION_BLOCKS_MAX, REGION_INSTRUCTIONS_MAX } from './discover.ts';
import { RegionEmitter } from './emit.ts';

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
    ['b . + 8', { target: 12, calls: false, leaves: true, fallsThrough: false }],
    ['b . - 44', { calls: false, leaves: true, fallsThrough: false }],
    ['b . + 0x1000', { calls: false, leaves: true, fallsThrough: false }],
    ['bl . + 8', { target: 12, calls: true, leaves: true, fallsThrough: false }],
    ['bl . - 44', { calls: true, leaves: true, fallsThrough: false }],
    ['br x3', { returns: false, jumps: true, leaves: true, fallsThrough: false }],
    ['blr x30', { returns: false, jumps: false, leaves: true, fallsThrough: false }],
    ['b.eq . - 8', { target: 8, leaves: true, fallsThrough: true }],
    ['cbz x0, . + 4', { target: 11, leaves: true, fallsThrough: true }],
    ['tbnz w0, #3, .', { target: 10, leaves: true, fallsThrough: true }],
    ['ret', { returns: true, jumps: false, leaves: true, fallsThrough: false }],
    ['svc #0', { leaves: true, fallsThrough: false }],
  ])('%s', (text, expected) => expect(ending(text)).toEqual(expected));
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

  it('goes back to before its head when something leads there', () => {
    const source = 'nop\n1: nop\n nop\n nop\n cbz x0, 1b\n ret\n';
    expect(shape(discover(3, page(source)))).toEqual(['1+2>3', '3+2>1,5', '5+1> end']);
  });

  it.each(['bl . + 0x2000', 'blr x3', 'br x3', 'ret', 'svc #0', 'eret', 'brk #1', 'wfi', 'msr TTBR0_EL1, x0'])(
    '%s ends its block, and nothing behind it belongs to the region',
    (instruction) => {
      expect(shape(discover(0, page(`nop\n ${instruction}\n nop\n1: nop\n`)))).toEqual(['0+2> end']);
    },
  );

  it('goes on where a branch to a register is likely to go: what control often comes to, and near', () => {
    const source = 'ldr x0, [x1], #8\n br x0\n nop\n add x2, x2, #1\n b . - 16\n sub x2, x2, #1\n b . - 24\n ret\n';
    const often = [0, 3, 5, 900];
    expect(shape(discover(0, page(source), often))).toEqual(['0+2>0,3,5 end', '3+2>0 end', '5+2>0 end']);
    expect(shape(discover(0, page(source.replace('br x0', 'blr x0')), often))).toEqual(['0+2> end']);
    expect(shape(discover(0, page(source.replace('br x0', 'ret x0')), [3]))).toEqual(['0+2>3 end', '3+2>0 end']);
  });

  it('loads, stores and instructions that may trap stand in the middle of a block', () => {
    const source = 'ldr x0, [x1]\n fadd d0, d0, d1\n stp x0, x1, [sp]\n mrs x0, CNTVCT_EL0\n ret\n';
    expect(shape(discover(0, page(source)))).toEqual(['0+5> end']);
  });

  it('names a block twice that both ways of a branch lead to', () => {
    expect(shape(discover(0, page('cbz x0, 1f\n1: ret\n')))).toEqual(['0+1>1,1', '1+1> end']);
  });

  it('goes into functions and on behind the calls; a return leads to where its function is called from', () => {
    const source = `
        bl f
        nop
        bl g
        ret
f:      cbz x0, 1f
        ret
1:      nop
        ret
g:      mov x9, x30
        bl f
        mov x30, x9
        ret`;
    expect(shape(discover(0, page(source)))).toEqual([
      '0+1>4 end',
      '1+2>8 end',
      '3+1> end',
      '4+1>6,5',
      '5+1>1,10 end',
      '6+2>1,10 end',
      '8+2>4 end',
      '10+2>3 end',
    ]);
  });

  it('a function that calls itself returns into itself', () => {
    const source = 'cbz x0, 1f\n sub x0, x0, #1\n bl . - 8\n add x1, x1, #1\n1: ret';
    expect(shape(discover(0, page(source)))).toEqual(['0+1>4,1', '1+2>0 end', '3+1>4', '4+1>3 end']);
  });

  it('leaves out branches to before and behind the page', () => {
    const source = 'b.eq . - 8\n b.ne . + 0x1000\n tbz w0, #1, . + 4092\n ret\n';
    expect(shape(discover(0, page(source)))).toEqual(['0+1>1', '1+1>2', '2+1>3', '3+1> end']);
  });

  it('leaves by a branch into the middle of a block when there are too many blocks to cut it', () => {
    const source = `nop\nback: nop\n ${'cbz x0, end\n'.repeat(REGION_BLOCKS_MAX)} b back\nend: ret\n`;
    const blocks = discover(0, page(source));
    expect(blocks.has(1)).toBe(false);
    for (const block of blocks.values()) expect(block.successors).not.toContain(1);
  });

  it('finds nothing where there is no instruction', () => {
    expect(discover(0, () => undefined).size).toBe(0);
  });
});

describe('the code of a region', () => {
  it('grows with its instructions: twenty branches in a row to the next instruction', () => {
    const size = (count: number): number => {
      const blocks = discover(0, page(`${'cbz x0, . + 4\n'.repeat(count)} ret\n`));
      return new RegionEmitter(new ModuleWriter(), 0x8000, 0, blocks).emit().length;
    };
    expect(size(20)).toBeLessThan(3 * size(10));
  });
});

/** Every place in a fragment where a branch stands, as the path of lists that lead there. */
function branches(block: Block, path = 'body'): string[] {
  return block.flatMap((node, n) => {
    const here = `${path}${n === block.length - 1 ? ' end' : ' middle'}`;
    if (node.op === 'branch' || node.op === 'branchrel') return [`${here} ${node.op}`];
    return node.op === 'if' ? [...branches(node.yes, `${here} yes`), ...branches(node.no, `${here} no`)] : [];
  });
}

describe('every clause', () => {
  const rng = new Rng('fields');
  const random = (clause: (typeof A64)[number]): number => {
    const fields = Object.entries(clause.encoding.fields).map(([name, { width }]) => [name, rng.below(2 ** width)]);
    return encodeFields(clause.encoding, Object.fromEntries(fields));
  };

  it('branches only where discover looks: at its end, or relative at the end of an if that ends it', () => {
    const allowed = ['body end branch', 'body end branchrel', 'body end yes end branchrel'];
    const wrong = new Set<string>();
    for (const clause of A64)
      for (let n = 0; n < 20; n++) {
        const decoded = decoder.decode(random(clause));
        if (!decoded) continue;
        for (const place of branches(liftConstant(decoded.clause, decoded.fields, fpCheck).body))
          if (!allowed.includes(place)) wrong.add(`${decoded.clause.name}: ${place}`);
      }
    expect([...wrong]).toEqual([]);
  });
});
