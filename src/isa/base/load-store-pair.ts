/**
 * Loads and stores of two registers: DDI 0487, "Load/store register pair".
 *
 * A pair of up to 16 bytes is one access whose alignment requirement is that of one register: on one thread nobody can
 * see between its halves, and it is tested for presence in the TLB once.
 *
 * CONSTRAINED UNPREDICTABLE: with write-back and Rt or Rt2 the same as Rn, loads are made and then the base is
 * written over them, stores store the base as it was; a load with Rt the same as Rt2 leaves the first value in a
 * general-purpose register and the second in a V register. QEMU 7.2 does the same.
 */
import type { Builder, Val } from '../../ir/builder.ts';
import { type Clause, insn } from '../clause.ts';
import type { FieldValues } from '../encoding.ts';
import { asVector, baseAddress } from './transfer.ts';

interface Pair {
  /** LDPSW has its own name; the others are LDP and STP, LDNP and STNP. */
  readonly signed?: boolean;
  readonly opc: string;
  readonly V: 0 | 1;
  /** Bytes of one register. */
  readonly bytes: 4 | 8 | 16;
  readonly reg: string;
  readonly variant: string;
}

const PAIRS: readonly Pair[] = [
  { opc: '00', V: 0, bytes: 4, reg: 'w', variant: '32-bit' },
  { opc: '10', V: 0, bytes: 8, reg: 'x', variant: '64-bit' },
  { opc: '00', V: 1, bytes: 4, reg: 's', variant: 'SIMD&FP, 32-bit' },
  { opc: '01', V: 1, bytes: 8, reg: 'd', variant: 'SIMD&FP, 64-bit' },
  { opc: '10', V: 1, bytes: 16, reg: 'q', variant: 'SIMD&FP, 128-bit' },
];
const LDPSW: Pair = { opc: '01', V: 0, bytes: 4, reg: 'x', variant: '', signed: true };

/** Both values of a pair from memory; each `i32`, `i64` or `v128` by its size. */
function loadBoth(b: Builder, address: Val, bytes: 4 | 8 | 16): readonly [Val, Val] {
  if (bytes === 16) {
    const low = b.load(address, { bytes: 16 });
    return [low, b.load(b.add(address, b.i64(16)), { bytes: 16 })];
  }
  const both = b.load(address, { bytes: bytes === 4 ? 8 : 16, alignBytes: bytes });
  if (bytes === 8) return [b.lane(both, 64, 0), b.lane(both, 64, 1)];
  return [b.trunc(both), b.trunc(b.shru(both, 32))];
}

function storeBoth(b: Builder, address: Val, bytes: 4 | 8 | 16, [low, high]: readonly [Val, Val]): void {
  if (bytes === 16) {
    b.store(address, low, { bytes: 16 });
    b.store(b.add(address, b.i64(16)), high, { bytes: 16 });
  } else if (bytes === 8) b.store(address, b.vec(low, high), { bytes: 16, alignBytes: 8 });
  else b.store(address, b.or(b.zext(low), b.shl(b.zext(high), 32)), { bytes: 8, alignBytes: 4 });
}

function readRegister(b: Builder, p: Pair, second: string): Val {
  if (!p.V) return p.bytes === 8 ? b.x(`Rt${second}`) : b.w(`Rt${second}`);
  const v = b.v(`Vt${second}`);
  return p.bytes === 16 ? v : b.lane(v, p.bytes === 8 ? 64 : 32, 0);
}

function writeRegister(b: Builder, p: Pair, second: string, value: Val): void {
  if (p.V) b.setV(`Vt${second}`, asVector(b, value));
  else if (p.signed) b.setX(`Rt${second}`, b.sext(value));
  else b.setR(`Rt${second}`, Number(p.bytes === 8), value);
}

function move(b: Builder, p: Pair, load: boolean, address: Val): void {
  if (!load) {
    storeBoth(b, address, p.bytes, [readRegister(b, p, ''), readRegister(b, p, '2')]);
    return;
  }
  const [low, high] = loadBoth(b, address, p.bytes);
  // When both are one general-purpose register the first value stays, of a V register the second (see above).
  const write = [() => writeRegister(b, p, '', low), () => writeRegister(b, p, '2', high)];
  for (const one of p.V ? write : write.reverse()) one();
}

/** Addressing modes: their bits 25:23, name, and text around the offset. */
const MODES = {
  noAllocate: { bits: '000', name: '', text: '[{Rn:xsp}{?, OFFSET}]' },
  post: { bits: '001', name: 'post-index', text: '[{Rn:xsp}], OFFSET' },
  offset: { bits: '010', name: 'signed offset', text: '[{Rn:xsp}{?, OFFSET}]' },
  pre: { bits: '011', name: 'pre-index', text: '[{Rn:xsp}, OFFSET]!' },
} as const;

function pair(p: Pair, load: boolean, mode: keyof typeof MODES): Clause {
  const { bits, name, text } = MODES[mode];
  const mnemonic = `${load ? 'ld' : 'st'}${mode === 'noAllocate' ? 'n' : ''}p${p.signed ? 'sw' : ''}`;
  const qualifiers = [name, p.variant].filter((q) => q !== '').join(', ');
  const t = p.V ? 'Vt' : 'Rt';
  return insn(
    `${mnemonic.toUpperCase()} (${qualifiers})`,
    `${p.opc} 101 ${p.V} ${bits} ${load ? 1 : 0} imm7:7 ${t}2:5 Rn:5 ${t}:5`,
    {
      asm: `${mnemonic} {${t}:${p.reg}}, {${t}2:${p.reg}}, ${text.replace('OFFSET', `{imm7:s*${p.bytes}}`)}`,
      imm: { offset: ['s32', (f: FieldValues) => BigInt.asIntN(7, BigInt(f.imm7!)) * BigInt(p.bytes)] },
      dynamic: ['imm7'],
      split31: ['Rn'],
      ...(p.V ? { fp: true } : {}),
      lift: (b, f) => {
        const base = baseAddress(b, f);
        const moved = b.add(base, b.imm('offset'));
        move(b, p, load, mode === 'post' ? base : moved);
        if (mode === 'post' || mode === 'pre') b.setXsp('Rn', moved);
      },
    },
  );
}

/** Clauses of this group. */
export const LOAD_STORE_PAIR: readonly Clause[] = [
  ...(['noAllocate', 'post', 'offset', 'pre'] as const).flatMap((mode) =>
    PAIRS.flatMap((p) => [pair(p, false, mode), pair(p, true, mode)]),
  ),
  ...(['post', 'offset', 'pre'] as const).map((mode) => pair(LDPSW, true, mode)),
];
