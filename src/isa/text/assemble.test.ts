import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AssemblerError, assemble } from './index.ts';

function words(source: string, origin = 0n): number[] {
  const { bytes } = assemble(source, { origin });
  const view = new DataView(bytes.buffer);
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i, true));
}

function bytes(source: string): number[] {
  return [...assemble(source).bytes];
}

function errorOf(source: string): AssemblerError {
  try {
    assemble(source);
  } catch (error) {
    if (error instanceof AssemblerError) return error;
    throw error;
  }
  throw new Error(`'${source}' assembled`);
}

/** The value of an expression, through `.quad`. */
function value(expression: string): bigint {
  const { bytes: all } = assemble(`.quad ${expression}`);
  return new DataView(all.buffer).getBigInt64(0, true);
}

describe('statements', () => {
  it('are separated by lines and semicolons, letters in either case', () => {
    expect(words('NOP; nop\nWFI')).toEqual([0xd503201f, 0xd503201f, 0xd503207f]);
  });

  it('may have comments of every style around them', () => {
    expect(words('# first\nnop // rest ; wfi\n/* wfi\n wfi */ nop /* x */\n')).toEqual([0xd503201f, 0xd503201f]);
  });

  it('keep separators and comment marks inside strings and characters', () => {
    expect(bytes(`.ascii "a;//b"; .byte ';', '\\n', '"'`)).toEqual([...Buffer.from('a;//b'), 59, 10, 34]);
  });
});

describe('labels', () => {
  it('have the address of the next byte, from the origin on', () => {
    const { symbols } = assemble('start: nop\nnext: other: nop', { origin: 0x4000_0000n });
    expect([...symbols]).toEqual([
      ['start', 0x4000_0000n],
      ['next', 0x4000_0004n],
      ['other', 0x4000_0004n],
    ]);
  });

  it('that are numbers refer to the nearest one before or after, and are no symbols', () => {
    expect(words('1: b 1b\n b 1f\n1: b 1b')).toEqual([0x14000000, 0x14000001, 0x14000000]);
    expect(assemble('1: nop').symbols.size).toBe(0);
  });

  it('may be given from outside, and are not returned', () => {
    const { bytes: all, symbols } = assemble('b target', { origin: 0x1000n, symbols: { target: 0x1010n } });
    expect([...all]).toEqual([4, 0, 0, 0x14]);
    expect(symbols.size).toBe(0);
  });

  it('cannot be defined twice', () => {
    expect(errorOf('a: nop\na: nop')).toMatchObject({ code: 'DUPLICATE_SYMBOL', line: 2, column: 1 });
  });
});

describe('expressions', () => {
  it.each([
    ['0x10 + 0b11 + 010 + 9', 36n],
    ['1 + 2 * 3 - 8 / 3 % 2', 7n],
    ['1 << 4 | 1', 17n],
    ['0xff & ~0xf ^ 1', 0xf1n],
    ['(1 + 2) * -3', -9n],
    ['1 + 2 | 4', 7n],
    ["'A' + 1", 66n],
    ['. + 8', 8n],
  ])('%s is %d', (text, expected) => {
    expect(value(text)).toBe(expected);
  });

  it('of any 64-bit number are that number', () => {
    fc.assert(
      fc.property(
        fc.bigInt(-(1n << 63n), (1n << 63n) - 1n),
        (n) => value(String(n)) === n && value(`0x${BigInt.asUintN(64, n).toString(16)}`) === n,
      ),
    );
  });

  it('may use symbols that come later, except where addresses depend on them', () => {
    expect(bytes('.byte end - start\nstart: .skip 3\nend:')).toEqual([3, 0, 0, 0]);
    expect(errorOf('.skip end\nend:')).toMatchObject({ code: 'UNDEFINED_SYMBOL', line: 1, column: 7 });
  });

  it('see the value a constant has at that line', () => {
    expect(bytes('.set x, 1\n.byte x\nx = x + 1\n.byte x')).toEqual([1, 2]);
  });
});

describe('directives', () => {
  it('.org counts a number from the origin, and takes an expression with a label as an address', () => {
    const origin = 0x8_0000n;
    const { bytes: all, symbols } = assemble('v: nop\n.org 0x80\na: nop\n.org v + 0x100\nb:', { origin });
    expect(symbols.get('a')).toBe(origin + 0x80n);
    expect(symbols.get('b')).toBe(origin + 0x100n);
    expect(all.length).toBe(0x100);
  });

  it('.align and .balign pad with NOPs after whole words, with a fill byte when one is given', () => {
    expect(words('.byte 1\n.align 3')).toEqual([1, 0xd503201f]);
    expect(bytes('.byte 1\n.balign 4, 0xee')).toEqual([1, 0xee, 0xee, 0xee]);
  });

  it('refuse values that do not fit', () => {
    expect(errorOf('nop\n.byte 1, 256')).toMatchObject({ code: 'DIRECTIVE', line: 2, column: 10 });
    expect(bytes('.byte 255, -128')).toEqual([255, 128]);
  });
});

describe('ldr with = ', () => {
  it('loads from a pool at the end, or at .ltorg, and shares equal literals', () => {
    expect(words('ldr x0, =0x1122334455667788\nldr x1, =0x1122334455667788')).toEqual([
      0x58000040, 0x58000021, 0x55667788, 0x11223344,
    ]);
    expect(words('ldr w0, =7\n.ltorg\nnop')).toEqual([0x18000020, 7, 0xd503201f]);
  });
});

describe('errors', () => {
  it('of an unknown mnemonic name near ones', () => {
    const error = errorOf('nop\n  addd x0, x1, x2');
    expect(error).toMatchObject({ code: 'UNKNOWN_MNEMONIC', line: 2, column: 3 });
    expect(error.message).toContain('did you mean add, addp, adds, addv?');
  });

  it('of operands point at the first one that is wrong and list the forms', () => {
    const error = errorOf('start: add x0, x1, #5000');
    expect(error).toMatchObject({ code: 'OPERANDS', line: 1, column: 21 });
    expect(error.message).toContain('expected 0 to 4095, found 5000');
    expect(error.message).toContain('add <Rd>, <Rn>, <Rm>[, <shift> <imm6>]');
  });

  it.each([
    ['add x0, w1, x2', 'OPERANDS', 9],
    ['ldr x0, [x1', 'OPERANDS', 12],
    ['ldr x0, [x1], #300', 'OPERANDS', 16],
    ['b somewhere', 'UNDEFINED_SYMBOL', 3],
    ['b 1f', 'UNDEFINED_SYMBOL', 3],
    ['tbz x0, #64, .', 'OPERANDS', 10],
    ['b 2', 'OPERANDS', 3],
    ['mrs x0, nosuch_el1', 'OPERANDS', 9],
    ['tlbi vae1', 'OPERANDS', 10],
    ['.byte 1 2', 'SYNTAX', 9],
    ['.nosuch', 'UNKNOWN_MNEMONIC', 1],
    ['.ascii abc', 'DIRECTIVE', 8],
    ['.quad 1 +', 'SYNTAX', 10],
    ['/* open', 'SYNTAX', 1],
    ['.byte 0\nnop', 'OPERANDS', 1],
  ])('%s: %s at column %d', (source, code, column) => {
    expect(errorOf(source)).toMatchObject({ code, column });
  });
});
