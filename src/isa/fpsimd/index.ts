/** Floating-point instructions, scalar and vector. Vector FMOV (immediate) is with the other modified immediates. */
import type { Clause } from '../clause.ts';
import { FP_SCALAR } from './scalar.ts';
import { FP_SCALAR_CONVERT } from './scalar-convert.ts';
import { FP_THREE_SAME } from './three-same.ts';
import { FP_TWO_REGISTER } from './two-register.ts';

/** Every clause of floating point. */
export const FLOATING_POINT: readonly Clause[] = [
  ...FP_SCALAR,
  ...FP_SCALAR_CONVERT,
  ...FP_THREE_SAME,
  ...FP_TWO_REGISTER,
];
