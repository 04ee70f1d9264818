/**
 * Calls from floating-point instructions into the exact functions of `isa/fp`.
 *
 * Operands and results are raw bits: `i64` for 64 bits, `i32` for 16 and 32. Widths stand at the end of a name.
 * DDI 0487, the shared pseudocode functions of the same names.
 */
import type { HelperSignature, Ty } from '../ir/types.ts';
import type { FPRoundingValue, FpArithmeticWidth, FpEnv, FpWidth } from './fp/index.ts';
import * as fp from './fp/index.ts';

/** A helper that depends on its arguments and FPCR alone and may set FPSR bits; `i32` are numbers, `i64` bigints. */
export type PureFpHelper = (env: FpEnv, ...args: (number | bigint)[]) => number | bigint;

/** Rounding argument that means FPCR.RMode; the other values are those of `FPRounding`. */
export const ROUNDING_FROM_FPCR = 8;

const signatures: Record<string, HelperSignature> = {};
const implementations: Record<string, PureFpHelper> = {};

function tyOf(width: FpWidth): Ty {
  return width === 64 ? 'i64' : 'i32';
}
function bitsIn(width: FpWidth, value: number | bigint | undefined): bigint {
  return BigInt.asUintN(width, BigInt(value!));
}
function bitsOut(width: FpWidth, bits: bigint): number | bigint {
  return width === 64 ? bits : Number(BigInt.asIntN(32, bits));
}
function roundingOf(env: FpEnv, value: number | bigint | undefined): FPRoundingValue {
  return value === ROUNDING_FROM_FPCR ? fp.FPRoundingMode(env) : (value as FPRoundingValue);
}
function define(name: string, params: readonly Ty[], result: Ty, run: PureFpHelper): void {
  signatures[name] = { name, params, result, effect: 'pure' };
  implementations[name] = run;
}

type Operation = (env: FpEnv, width: FpArithmeticWidth, ...operands: bigint[]) => bigint;

/** Functions of one to three operands of one width that give the same width, with their number of operands. */
const ARITHMETIC: Readonly<Record<string, readonly [operands: number, f: Operation]>> = {
  FPAdd: [2, fp.FPAdd as Operation],
  FPSub: [2, fp.FPSub as Operation],
  FPMul: [2, fp.FPMul as Operation],
  FPMulX: [2, fp.FPMulX as Operation],
  FPDiv: [2, fp.FPDiv as Operation],
  FPMax: [2, fp.FPMax as Operation],
  FPMin: [2, fp.FPMin as Operation],
  FPMaxNum: [2, fp.FPMaxNum as Operation],
  FPMinNum: [2, fp.FPMinNum as Operation],
  FPRecipStepFused: [2, fp.FPRecipStepFused as Operation],
  FPRSqrtStepFused: [2, fp.FPRSqrtStepFused as Operation],
  /** Addend first, as in the pseudocode. */
  FPMulAdd: [3, fp.FPMulAdd as Operation],
  FPSqrt: [1, fp.FPSqrt as Operation],
  FPRecipEstimate: [1, fp.FPRecipEstimate as Operation],
  FPRSqrtEstimate: [1, fp.FPRSqrtEstimate as Operation],
  FPRecpX: [1, fp.FPRecpX as Operation],
};

/** Comparisons that give 0 or 1. */
const COMPARE = { FPCompareEQ: fp.FPCompareEQ, FPCompareGE: fp.FPCompareGE, FPCompareGT: fp.FPCompareGT } as const;

const WIDTHS: readonly FpArithmeticWidth[] = [32, 64];

for (const width of WIDTHS) {
  const ty = tyOf(width);
  for (const [name, [operands, f]] of Object.entries(ARITHMETIC)) {
    define(`${name}${width}`, Array<Ty>(operands).fill(ty), ty, (env, ...args) =>
      bitsOut(width, f(env, width, ...args.map((a) => bitsIn(width, a)))),
    );
  }
  for (const [name, f] of Object.entries(COMPARE))
    define(`${name}${width}`, [ty, ty], 'i32', (env, a, b) =>
      Number(f(env, width, bitsIn(width, a), bitsIn(width, b))),
    );
  // NZCV in bits 31:28; the last argument is signal_nans.
  define(
    `FPCompare${width}`,
    [ty, ty, 'i32'],
    'i32',
    (env, a, b, signal) => fp.FPCompare(env, width, bitsIn(width, a), bitsIn(width, b), signal !== 0) << 28,
  );
  // Operand, rounding, exact.
  define(`FPRoundInt${width}`, [ty, 'i32', 'i32'], ty, (env, a, rounding, exact) =>
    bitsOut(width, fp.FPRoundInt(env, width, bitsIn(width, a), roundingOf(env, rounding), exact !== 0)),
  );
  for (const other of WIDTHS) {
    // Operand, fbits, unsigned, rounding.
    define(
      `FPToFixed${width}To${other}`,
      [ty, 'i32', 'i32', 'i32'],
      tyOf(other),
      (env, a, fbits, unsigned, rounding) => {
        const mode = roundingOf(env, rounding);
        return bitsOut(other, fp.FPToFixed(env, width, other, bitsIn(width, a), Number(fbits), unsigned !== 0, mode));
      },
    );
    // Operand, fbits, unsigned.
    define(`FixedToFP${width}To${other}`, [ty, 'i32', 'i32'], tyOf(other), (env, a, fbits, unsigned) =>
      bitsOut(other, fp.FixedToFP(env, width, other, bitsIn(width, a), Number(fbits), unsigned !== 0)),
    );
  }
}

const FORMATS: readonly FpWidth[] = [16, 32, 64];
for (const from of FORMATS) {
  for (const to of FORMATS) {
    if (from === to) continue;
    // Operand, rounding.
    define(`FPConvert${from}To${to}`, [tyOf(from), 'i32'], tyOf(to), (env, a, rounding) =>
      bitsOut(to, fp.FPConvert(env, from, to, bitsIn(from, a), roundingOf(env, rounding))),
    );
  }
}
define('UnsignedRecipEstimate', ['i32'], 'i32', (_env, a) => fp.UnsignedRecipEstimate(Number(a) >>> 0) | 0);
define('UnsignedRSqrtEstimate', ['i32'], 'i32', (_env, a) => fp.UnsignedRSqrtEstimate(Number(a) >>> 0) | 0);

/** Signatures by name, e.g. `FPMulAdd64`, `FPToFixed64To32`, `FPConvert16To32`. */
export const FP_HELPERS: Readonly<Record<string, HelperSignature>> = signatures;

/** What each name of `FP_HELPERS` does; the emitter's slow paths use `FPAdd32` to `FPSqrt64` by these names too. */
export const PURE_FP_HELPERS: Readonly<Record<string, PureFpHelper>> = implementations;
