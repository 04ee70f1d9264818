import { describe, expect, it } from 'vitest';
import {
  ARCHITECTURAL_BYTES,
  DATA_TLB_BASE,
  DATA_TLB_BYTES,
  DERIVED_BASE,
  EXEC_TLB_BASE,
  EXEC_TLB_ENTRIES,
  PE_DERIVED,
  PE_STATE,
  PE_STRIDE_BYTES,
  SLOT_SP,
  SLOT_ZR,
  type StateField,
  SYSREG_BASE,
  SYSREG_CAPACITY,
  V_BASE,
  X_BASE,
} from './pestate.ts';

const sizeOf = (field: StateField): number => ({ i32: 4, i64: 8, v128: 16 })[field.type];

/** Everything in a PE's block: name, first byte, bytes. */
const PLACES: readonly (readonly [name: string, at: number, bytes: number])[] = [
  ['X registers, XZR and SP', X_BASE, (SLOT_SP + 1) * 8],
  ['V registers', V_BASE, 32 * 16],
  ['stored system registers', SYSREG_BASE, SYSREG_CAPACITY * 8],
  ...[...Object.values(PE_STATE), ...Object.values(PE_DERIVED)].map((f) => [f.name, f.offset, sizeOf(f)] as const),
  ['exec TLB', EXEC_TLB_BASE, EXEC_TLB_ENTRIES * 32],
  ['data TLB', DATA_TLB_BASE, DATA_TLB_BYTES],
];

describe('the block of a PE', () => {
  it('holds everything without overlap, within the distance to the next block', () => {
    const sorted = [...PLACES].sort((a, b) => a[1] - b[1]);
    sorted.forEach(([name, at, bytes], i) => {
      const end = sorted[i + 1]?.[1] ?? PE_STRIDE_BYTES;
      expect(at + bytes, `${name}, before ${sorted[i + 1]?.[0] ?? 'the next PE'}`).toBeLessThanOrEqual(end);
    });
  });

  it('has each field at a multiple of its size', () => {
    for (const field of [...Object.values(PE_STATE), ...Object.values(PE_DERIVED)])
      expect(field.offset % sizeOf(field), field.name).toBe(0);
  });

  it('begins with what is saved and digested; what is derived lies behind it', () => {
    for (const field of Object.values(PE_STATE)) expect(field.offset).toBeLessThan(ARCHITECTURAL_BYTES);
    for (const field of Object.values(PE_DERIVED)) expect(field.offset).toBeGreaterThanOrEqual(DERIVED_BASE);
    expect(DERIVED_BASE).toBeGreaterThanOrEqual(ARCHITECTURAL_BYTES);
  });

  it('has X0 to X30, the zero register and SP at slots 0 to 32, as an encoding numbers them', () => {
    expect([SLOT_ZR, SLOT_SP]).toEqual([31, 32]);
  });

  it.each(['context', 'unpriv', 'fetch'])(
    'keeps the %s for high addresses 8 bytes behind that for low ones',
    (name) => {
      const places: Readonly<Record<string, StateField>> = PE_DERIVED;
      expect(places[`${name}High`].offset - places[`${name}Low`].offset).toBe(8);
    },
  );
});
