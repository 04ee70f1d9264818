/** AES rounds: DDI 0487, "Cryptographic AES" (FEAT_AES); the cipher is FIPS 197. The state is column by column. */
import type { Builder, Val } from '../../ir/builder.ts';
import { type Clause, insn } from '../clause.ts';
import { allLanes } from '../simd/vector.ts';

/** Product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1 (FIPS 197, "Multiplication"). */
function multiply(x: number, y: number): number {
  let product = 0;
  for (let a = x, rest = y; rest; rest >>= 1) {
    if (rest & 1) product ^= a;
    a = (a << 1) ^ (a & 0x80 ? 0x11b : 0);
  }
  return product;
}

/** The substitution: the inverse in the field (its 254th power), then the affine transformation of FIPS 197. */
function substitute(x: number): number {
  let inverse = 1;
  for (let i = 0; i < 254; i++) inverse = multiply(inverse, x);
  let y = 0x63;
  for (let turn = 0; turn < 5; turn++) y ^= ((inverse << turn) | (inverse >> (8 - turn))) & 0xff;
  return y;
}

const FORWARD: readonly number[] = Array.from({ length: 256 }, (_, x) => substitute(x));
const INVERSE: readonly number[] = Array.from({ length: 256 }, (_, x) => FORWARD.indexOf(x));

/** Every byte replaced by what a table of 256 bytes holds for it, 16 at a time: indices beyond a part read as zero. */
function lookUp(b: Builder, table: readonly number[], x: Val): Val {
  const half = (from: number): bigint => {
    let value = 0n;
    for (let i = 7; i >= 0; i--) value = (value << 8n) | BigInt(table[from + i]!);
    return value;
  };
  let result: Val | undefined;
  for (let from = 0; from < 256; from += 16) {
    const index = b.vop('vsub', 8, x, allLanes(b, 8, from));
    const part = b.vop('vswizzle', 8, b.vconst(half(from), half(from + 8)), index);
    result = result ? b.vop('vor', 8, result, part) : part;
  }
  return result!;
}

/** ShiftRows (`turn` 1) or its inverse (-1): row r turns by r columns. */
function shiftRows(b: Builder, x: Val, turn: 1 | -1): Val {
  const from = (i: number): number => (i % 4) + 4 * (((i >> 2) + turn * (i % 4) + 4) % 4);
  return b.shuffle(
    x,
    x,
    Array.from({ length: 16 }, (_, i) => from(i)),
  );
}
/** Every byte replaced by the one `rows` below it in its column. */
function down(b: Builder, x: Val, rows: number): Val {
  return b.shuffle(
    x,
    x,
    Array.from({ length: 16 }, (_, i) => (i & ~3) | ((i + rows) & 3)),
  );
}
function double(b: Builder, x: Val): Val {
  const reduction = b.vop('vand', 8, b.vshift('vshrs', 8, x, 7), allLanes(b, 8, 0x1b));
  return b.vop('vxor', 8, b.vshift('vshl', 8, x, 1), reduction);
}
function mixColumns(b: Builder, x: Val): Val {
  const next = down(b, x, 1);
  const others = b.vop('vxor', 8, next, b.vop('vxor', 8, down(b, x, 2), down(b, x, 3)));
  return b.vop('vxor', 8, double(b, b.vop('vxor', 8, x, next)), others);
}
/** The inverse is the same polynomial times 4 x^2 + 5. */
function inverseMixColumns(b: Builder, x: Val): Val {
  const sum = b.vop('vxor', 8, x, down(b, x, 2));
  return mixColumns(b, b.vop('vxor', 8, x, double(b, double(b, sum))));
}

function round(mnemonic: string, opcode: string, turn: 1 | -1, table: readonly number[]): Clause {
  return aes(mnemonic, opcode, (b) => lookUp(b, table, shiftRows(b, b.vop('vxor', 8, b.v('Vd'), b.v('Vn')), turn)));
}
function aes(mnemonic: string, opcode: string, meaning: (b: Builder) => Val): Clause {
  return insn(mnemonic.toUpperCase(), `01001110 00 10100 ${opcode} 10 Vn:5 Vd:5`, {
    asm: `${mnemonic} {Vd:v(16b)}, {Vn:v(16b)}`,
    feature: 'FEAT_AES',
    fp: true,
    lift: (b) => b.setV('Vd', meaning(b)),
  });
}

/** Clauses of this group. */
export const CRYPTO_AES: readonly Clause[] = [
  round('aese', '00100', 1, FORWARD),
  round('aesd', '00101', -1, INVERSE),
  aes('aesmc', '00110', (b) => mixColumns(b, b.v('Vn'))),
  aes('aesimc', '00111', (b) => inverseMixColumns(b, b.v('Vn'))),
];
