/** What all loads and stores share: base register, and moving a value between a register and memory. */
import { PE_DERIVED } from '../../arch/pestate.ts';
import type { Builder, Val } from '../../ir/builder.ts';
import type { MemAccess } from '../../ir/types.ts';
import type { FieldValues } from '../encoding.ts';
import { HELPERS } from '../helpers.ts';

/** Value of the base register `Rn`; the clause must split on 31, because SP is checked for alignment first. */
export function baseAddress(b: Builder, f: FieldValues): Val {
  const base = b.xsp('Rn');
  if (f.RnIs31) {
    const misaligned = b.and(b.trunc(base), b.get(PE_DERIVED.spAlignMask));
    b.if(b.ne(misaligned, b.i32(0)), () => void b.call(HELPERS.spAlignmentFault));
  }
  return base;
}

/** What one kind of load or store moves, whatever its addressing mode. */
export interface Transfer {
  readonly load: boolean;
  /** What follows `ldr`, `str`, `ldur` and so on: `b`, `sh` and the like. */
  readonly suffix: string;
  /** Addition to the name where mnemonic and addressing mode do not tell kinds apart. */
  readonly variant: string;
  /** Fields size, V and opc of the encoding. */
  readonly size: string;
  readonly V: 0 | 1;
  readonly opc: string;
  readonly bytes: 1 | 2 | 4 | 8 | 16;
  /** Operand kind of Rt or Vt in the assembly text. */
  readonly reg: string;
  /** Width to which a load sign-extends; absent when it zero-extends. */
  readonly signTo?: 32 | 64;
}

const W = { V: 0, reg: 'w' } as const;
const X = { V: 0, reg: 'x' } as const;
const STORE = { load: false, opc: '00' } as const;
const LOAD = { load: true, opc: '01' } as const;
const LOAD_SIGNED_X = { load: true, opc: '10', signTo: 64 } as const;
const LOAD_SIGNED_W = { load: true, opc: '11', signTo: 32 } as const;

/** Loads and stores of general-purpose registers. */
export const GENERAL_TRANSFERS: readonly Transfer[] = [
  { ...STORE, ...W, suffix: 'b', variant: '', size: '00', bytes: 1 },
  { ...LOAD, ...W, suffix: 'b', variant: '', size: '00', bytes: 1 },
  { ...LOAD_SIGNED_X, ...X, suffix: 'sb', variant: '64-bit', size: '00', bytes: 1 },
  { ...LOAD_SIGNED_W, ...W, suffix: 'sb', variant: '32-bit', size: '00', bytes: 1 },
  { ...STORE, ...W, suffix: 'h', variant: '', size: '01', bytes: 2 },
  { ...LOAD, ...W, suffix: 'h', variant: '', size: '01', bytes: 2 },
  { ...LOAD_SIGNED_X, ...X, suffix: 'sh', variant: '64-bit', size: '01', bytes: 2 },
  { ...LOAD_SIGNED_W, ...W, suffix: 'sh', variant: '32-bit', size: '01', bytes: 2 },
  { ...STORE, ...W, suffix: '', variant: '32-bit', size: '10', bytes: 4 },
  { ...LOAD, ...W, suffix: '', variant: '32-bit', size: '10', bytes: 4 },
  { ...LOAD_SIGNED_X, ...X, suffix: 'sw', variant: '', size: '10', bytes: 4 },
  { ...STORE, ...X, suffix: '', variant: '64-bit', size: '11', bytes: 8 },
  { ...LOAD, ...X, suffix: '', variant: '64-bit', size: '11', bytes: 8 },
];

function vector(letter: string, size: string, opcHigh: number, bytes: Transfer['bytes']): readonly Transfer[] {
  const common = { suffix: '', variant: `SIMD&FP, ${8 * bytes}-bit`, size, V: 1, bytes, reg: letter } as const;
  return [
    { ...common, load: false, opc: `${opcHigh}0` },
    { ...common, load: true, opc: `${opcHigh}1` },
  ];
}

/** Loads and stores of SIMD and floating-point registers. */
export const VECTOR_TRANSFERS: readonly Transfer[] = [
  ...vector('b', '00', 0, 1),
  ...vector('h', '01', 0, 2),
  ...vector('s', '10', 0, 4),
  ...vector('d', '11', 0, 8),
  ...vector('q', '00', 1, 16),
];

/** A scalar as the whole content of a V register: the rest is zero. */
export function asVector(b: Builder, value: Val): Val {
  if (value.ty === 'v128') return value;
  return b.lanes(value.ty === 'i64' ? 64 : 32, 1, () => value);
}

/** A value that was loaded (`i32` below 8 bytes), extended as the transfer says and written to its register. */
export function writeLoaded(b: Builder, t: Transfer, value: Val): void {
  const extended = t.signTo && t.bytes < 4 ? b.exts(value, t.bytes === 1 ? 8 : 16) : value;
  if (t.V) b.setV('Vt', asVector(b, value));
  else if (t.bytes === 8) b.setX('Rt', value);
  else if (t.signTo === 64) b.setX('Rt', b.sext(extended));
  else b.setW('Rt', extended);
}

/** The value a store writes, of the type `Builder.store` takes. */
export function valueToStore(b: Builder, t: Transfer): Val {
  if (!t.V) return t.bytes === 8 ? b.x('Rt') : b.w('Rt');
  const v = b.v('Vt');
  return t.bytes === 16 ? v : b.lane(v, (8 * t.bytes) as 8 | 16 | 32 | 64, 0);
}

/** The whole transfer at an address; base register write-back, if any, is the caller's and comes after it. */
export function transfer(b: Builder, t: Transfer, address: Val, how: Omit<MemAccess, 'bytes'> = {}): void {
  const access: MemAccess = { bytes: t.bytes, ...how };
  if (t.load) writeLoaded(b, t, b.load(address, access));
  else b.store(address, valueToStore(b, t), access);
}
