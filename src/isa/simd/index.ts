/**
 * Advanced SIMD on integers: arithmetic, permutes, constants, loads and stores of structures.
 * DDI 0487, "A64 Advanced SIMD and Floating-point Instructions". Floating-point instructions are in `fpsimd/`.
 */
import type { Clause } from '../clause.ts';
import { SIMD_BY_ELEMENT } from './by-element.ts';
import { SIMD_LOAD_STORE } from './load-store.ts';
import { SIMD_MODIFIED_IMMEDIATE } from './modified-immediate.ts';
import { SIMD_PERMUTE } from './permute.ts';
import { SIMD_SHIFT_IMMEDIATE } from './shift-immediate.ts';
import { SIMD_THREE_DIFFERENT } from './three-different.ts';
import { SIMD_THREE_SAME } from './three-same.ts';
import { SIMD_TWO_REGISTER } from './two-register.ts';

/** Clauses of all groups of this folder. */
export const SIMD: readonly Clause[] = [
  ...SIMD_THREE_SAME,
  ...SIMD_THREE_DIFFERENT,
  ...SIMD_TWO_REGISTER,
  ...SIMD_SHIFT_IMMEDIATE,
  ...SIMD_BY_ELEMENT,
  ...SIMD_PERMUTE,
  ...SIMD_MODIFIED_IMMEDIATE,
  ...SIMD_LOAD_STORE,
];
