/**
 * When the host's own floating point gives exactly what the architecture does.
 * ECMAScript defines +, -, *, / and Math.fround as IEEE 754 operations that round to nearest, ties to even.
 */
import { FPCR, FPSR, type FpArithmeticWidth, type FpEnv } from './format.ts';

/** FPCR bits that must be clear and FPSR bits that must be set before the host's arithmetic can be used. */
const FAST_FPCR = FPCR.FZ | (3 << FPCR.RModeShift);

/**
 * Whether the host's result is the architecture's, flags included. In round-to-nearest without FZ, a result that is
 * finite and larger than the smallest normal number came from finite operands and did not underflow or overflow, so
 * IXC is the only flag in question, and here it is already set.
 * For binary32 the host computes in binary64 and rounds again, which is exact for one operation (p64 >= 2 * p32 + 2).
 */
export function fastAllowed(env: FpEnv): boolean {
  return (env.fpcr & FAST_FPCR) === 0 && (env.fpsr & FPSR.IXC) !== 0;
}

const SMALLEST_NORMAL = { 32: 2 ** -126, 64: 2 ** -1022 } as const;

/** Whether a result rounded by the host is in the range for which fastAllowed() gives its promise. */
export function fastUsable(width: FpArithmeticWidth, rounded: number): boolean {
  const magnitude = Math.abs(rounded);
  return magnitude > SMALLEST_NORMAL[width] && magnitude < Infinity;
}

/** The binary64 result of one host operation, rounded to `width`. */
export function roundHost(width: FpArithmeticWidth, value: number): number {
  return width === 64 ? value : Math.fround(value);
}
