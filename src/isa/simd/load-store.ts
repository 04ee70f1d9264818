/**
 * Loads and stores of structures: DDI 0487, "Advanced SIMD load/store multiple structures", "... single structure", and
 * their post-indexed classes. Elements are transferred in blocks of up to 16 bytes that are aligned as one element.
 * A load writes registers only after all of its memory has been read.
 */
import { PE_DERIVED } from '../../arch/pestate.ts';
import type { Builder, Val } from '../../ir/builder.ts';
import type { LaneBits, MemAccess } from '../../ir/types.ts';
import { type Clause, insn } from '../clause.ts';
import type { FieldValues } from '../encoding.ts';
import { HELPERS } from '../helpers.ts';
import { letterBits } from './forms.ts';
import { keepLow } from './vector.ts';

/** Addressing: bits 23 and 20 to 16 of the encoding, text, and name of the variant. */
interface Addressing {
  readonly variant: string;
  readonly post: 0 | 1;
  /** Bits 20 to 16 after the bit that differs between the groups. */
  readonly register: string;
  readonly text: string;
}
const OFFSET: Addressing = { variant: '', post: 0, register: '00000', text: '' };
const POST_IMMEDIATE: Addressing = { variant: ', post-index immediate', post: 1, register: '11111', text: ', ' };
const POST_REGISTER: Addressing = { variant: ', post-index register', post: 1, register: 'Rm:5', text: ', {Rm:x}' };

/** Rm of all ones is the immediate form. */
const isImmediate = (f: FieldValues): boolean => f.Rm === 31;

/** The base address, after the check of SP alignment. */
function baseAddress(b: Builder, f: FieldValues): Val {
  const base = b.xsp('Rn');
  if (f.RnIs31) {
    const misaligned = b.and(b.trunc(base), b.get(PE_DERIVED.spAlignMask));
    b.if(b.ne(misaligned, b.i32(0)), () => void b.call(HELPERS.spAlignmentFault));
  }
  return base;
}
function plus(b: Builder, base: Val, bytes: number): Val {
  return bytes ? b.add(base, b.i64(bytes)) : base;
}
function writeBack(b: Builder, how: Addressing, base: Val, bytes: number): void {
  if (how.post === 0) return;
  b.setXsp('Rn', b.add(base, how === POST_REGISTER ? b.x('Rm') : b.i64(bytes)));
}

// --- multiple structures ---

/** A byte of a register in a list. */
interface Place {
  readonly register: number;
  readonly byte: number;
}
/** Bytes of several vectors put together in one; `from` tells where byte `i` of the result comes from. */
function gather(b: Builder, sources: readonly Val[], from: (i: number) => Place): Val {
  const places = Array.from({ length: 16 }, (_, i) => from(i));
  const first = Math.min(...places.map((p) => p.register));
  let result = sources[first]!;
  let placed: (number | undefined)[] = places.map((p) => (p.register === first ? p.byte : undefined));
  for (let s = first + 1; s < sources.length; s++) {
    if (!places.some((p) => p.register === s)) continue;
    const index = places.map((p, i) => (p.register === s ? 16 + p.byte : (placed[i] ?? 0)));
    result = b.shuffle(result, sources[s]!, index);
    placed = places.map((p, i) => (p.register <= s ? i : undefined));
  }
  return placed.every((p, i) => p === i) ? result : b.shuffle(result, result, placed as number[]);
}

interface Structures {
  readonly registers: number;
  /** Registers that hold one structure: 1 for LD1 and ST1, else all. */
  readonly perStructure: number;
  readonly elementBytes: number;
  readonly registerBytes: number;
}
/** The byte of memory that byte `byte` of register `register` is. */
function memoryByte(s: Structures, { register, byte }: Place): number {
  if (s.perStructure === 1) return register * s.registerBytes + byte;
  const element = Math.floor(byte / s.elementBytes);
  return (element * s.registers + register) * s.elementBytes + (byte % s.elementBytes);
}
function access(bytes: MemAccess['bytes'], elementBytes: number): MemAccess {
  return { bytes, alignBytes: Math.min(bytes, elementBytes) };
}

function loadStructures(b: Builder, s: Structures, base: Val): void {
  const total = s.registers * s.registerBytes;
  const blocks: Val[] = [];
  for (let at = 0; at < total; at += 16) {
    const va = plus(b, base, at);
    const half = total - at === 8;
    const data = b.load(va, access(half ? 8 : 16, s.elementBytes));
    blocks.push(half ? b.vec(data, b.i64(0)) : data);
  }
  for (let register = 0; register < s.registers; register++) {
    const value = gather(b, blocks, (byte) => {
      const at = memoryByte(s, { register, byte: byte % s.registerBytes });
      return { register: at >> 4, byte: at & 15 };
    });
    b.setV('Vt', keepLow(b, s.registerBytes * 8, value), register);
  }
}

function storeStructures(b: Builder, s: Structures, base: Val): void {
  const total = s.registers * s.registerBytes;
  const sources = Array.from({ length: s.registers }, (_, r) => b.v('Vt', r));
  const places: Place[] = [];
  for (let register = 0; register < s.registers; register++)
    for (let byte = 0; byte < s.registerBytes; byte++) places[memoryByte(s, { register, byte })] = { register, byte };
  for (let at = 0; at < total; at += 16) {
    const block = gather(b, sources, (i) => places[(at + i) % total]!);
    const va = plus(b, base, at);
    if (total - at === 8) b.store(va, b.lane(block, 64, 0), access(8, s.elementBytes));
    else b.store(va, block, access(16, s.elementBytes));
  }
}

const MULTIPLE: readonly (readonly [structure: number, registers: number, opcode: string])[] = [
  [1, 1, '0111'],
  [1, 2, '1010'],
  [1, 3, '0110'],
  [1, 4, '0010'],
  [2, 2, '1000'],
  [3, 3, '0100'],
  [4, 4, '0000'],
];

function multiple([structure, registers, opcode]: (typeof MULTIPLE)[number], load: 0 | 1, how: Addressing): Clause {
  const mnemonic = `${load ? 'ld' : 'st'}${structure}`;
  const list = structure === 1 ? `, ${registers} register${registers > 1 ? 's' : ''}` : '';
  const single = structure === 1 ? '1d' : '-';
  const bytes = how === POST_IMMEDIATE ? `{Q:oneof(${8 * registers},${16 * registers})}` : '';
  return insn(
    `${mnemonic.toUpperCase()} (multiple structures${list}${how.variant})`,
    `0 Q 001100 ${how.post} ${load} 0 ${how.register} ${opcode} size:2 Rn:5 Vt:5`,
    {
      asm: `${mnemonic} {Vt:list(${registers},size.Q=8b,16b,4h,8h,2s,4s,${single},2d)}, [{Rn:xsp}]${how.text}${bytes}`,
      split31: ['Rn'],
      fp: true,
      unless: (f) => isImmediate(f) || (structure > 1 && f.size === 3 && f.Q === 0),
      lift: (b, f) => {
        const registerBytes = f.Q ? 16 : 8;
        const s: Structures = { registers, perStructure: structure, elementBytes: 1 << f.size!, registerBytes };
        const base = baseAddress(b, f);
        if (load) loadStructures(b, s, base);
        else storeStructures(b, s, base);
        writeBack(b, how, base, registers * registerBytes);
      },
    },
  );
}

// --- one structure ---

/** Opcode bits 15:14, S and size of a lane by element size; what is left of Q, S and size is the lane number. */
const LANES: Readonly<
  Record<string, { readonly fields: (high: number) => string; readonly index: readonly string[] }>
> = {
  b: { fields: (high) => `00${high} S size:2`, index: ['Q', 'S', 'size'] },
  h: { fields: (high) => `01${high} S size 0`, index: ['Q', 'S', 'size'] },
  s: { fields: (high) => `10${high} S 00`, index: ['Q', 'S'] },
  d: { fields: (high) => `10${high} 0 01`, index: ['Q'] },
};

function laneIndex(letter: string, f: FieldValues): number {
  if (letter === 'b') return (f.Q! << 3) | (f.S! << 2) | f.size!;
  if (letter === 'h') return (f.Q! << 2) | (f.S! << 1) | f.size!;
  return letter === 's' ? (f.Q! << 1) | f.S! : f.Q!;
}

function oneLane(registers: number, letter: string, load: 0 | 1, how: Addressing): Clause {
  const mnemonic = `${load ? 'ld' : 'st'}${registers}`;
  const bits: LaneBits = letterBits(letter);
  const bytes = (bits / 8) as MemAccess['bytes'];
  const { fields, index } = LANES[letter]!;
  const [r, high] = [(registers - 1) & 1, (registers - 1) >> 1];
  const step = how === POST_IMMEDIATE ? `#${registers * bytes}` : '';
  return insn(
    `${mnemonic.toUpperCase()} (single structure, ${letter.toUpperCase()}${how.variant})`,
    `0 Q 001101 ${how.post} ${load} ${r} ${how.register} ${fields(high)} Rn:5 Vt:5`,
    {
      asm: `${mnemonic} {Vt:elist(${registers},${letter})[${index.join('.')}]}, [{Rn:xsp}]${how.text}${step}`,
      split31: ['Rn'],
      fp: true,
      unless: isImmediate,
      lift: (b, f) => {
        const lane = laneIndex(letter, f);
        const base = baseAddress(b, f);
        const numbers = Array.from({ length: registers }, (_, i) => i);
        if (load) {
          const values = numbers.map((i) => b.load(plus(b, base, i * bytes), access(bytes, bytes)));
          for (const i of numbers) b.setV('Vt', b.withLane(b.v('Vt', i), bits, lane, values[i]!), i);
        } else {
          for (const i of numbers)
            b.store(plus(b, base, i * bytes), b.lane(b.v('Vt', i), bits, lane), access(bytes, bytes));
        }
        writeBack(b, how, base, registers * bytes);
      },
    },
  );
}

/** LD1R to LD4R: one structure to all lanes. */
function replicate(registers: number, letter: string, how: Addressing): Clause {
  const mnemonic = `ld${registers}r`;
  const bits: LaneBits = letterBits(letter);
  const bytes = (bits / 8) as MemAccess['bytes'];
  const [r, high] = [(registers - 1) & 1, (registers - 1) >> 1];
  const size = ['00', '01', '10', '11']['bhsd'.indexOf(letter)];
  const arrangements = { b: '8b,16b', h: '4h,8h', s: '2s,4s', d: '1d,2d' }[letter]!;
  const step = how === POST_IMMEDIATE ? `#${registers * bytes}` : '';
  return insn(
    `${mnemonic.toUpperCase()} (${letter.toUpperCase()}${how.variant})`,
    `0 Q 001101 ${how.post} 1 ${r} ${how.register} 11${high} 0 ${size} Rn:5 Vt:5`,
    {
      asm: `${mnemonic} {Vt:list(${registers},Q=${arrangements})}, [{Rn:xsp}]${how.text}${step}`,
      split31: ['Rn'],
      fp: true,
      unless: isImmediate,
      lift: (b, f) => {
        const base = baseAddress(b, f);
        const numbers = Array.from({ length: registers }, (_, i) => i);
        const values = numbers.map((i) => b.load(plus(b, base, i * bytes), access(bytes, bytes)));
        for (const i of numbers) b.setV('Vt', keepLow(b, f.Q ? 128 : 64, b.splat(bits, values[i]!)), i);
        writeBack(b, how, base, registers * bytes);
      },
    },
  );
}

const HOW = [OFFSET, POST_IMMEDIATE, POST_REGISTER] as const;
const EACH_SIZE = [...'bhsd'];

/** Clauses of this group. */
export const SIMD_LOAD_STORE: readonly Clause[] = HOW.flatMap((how) => [
  ...MULTIPLE.flatMap((row) => [multiple(row, 1, how), multiple(row, 0, how)]),
  ...[1, 2, 3, 4].flatMap((n) =>
    EACH_SIZE.flatMap((letter) => [oneLane(n, letter, 1, how), oneLane(n, letter, 0, how), replicate(n, letter, how)]),
  ),
]);
