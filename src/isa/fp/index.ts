/**
 * Exact floating point as pure functions on raw bits: `FPName(env, width, ...operands)` returns the result's bits and
 * ORs cumulative exception bits into `env.fpsr`. Bits above an operand's width must be zero. Signs (FPNeg, FPAbs) and
 * fixed-point estimates take no `env`, because they read and set nothing.
 * DDI 0487, "Floating-point support" and the shared pseudocode functions of the same names.
 * Not modelled: trapped exceptions (FPCR trap enables read as zero), FEAT_FP16 arithmetic, FEAT_AFP, FEAT_RPRES.
 */
export {
  FPAdd,
  FPDiv,
  FPMul,
  FPMulAdd,
  FPMulX,
  FPRecipStepFused,
  FPRSqrtStepFused,
  FPSqrt,
  FPSub,
} from './arithmetic.ts';
export {
  FPAbs,
  FPCompare,
  FPCompareEQ,
  FPCompareGE,
  FPCompareGT,
  FPMax,
  FPMaxNum,
  FPMin,
  FPMinNum,
  FPNeg,
} from './compare.ts';
export { FixedToFP, FPConvert, FPRoundInt, FPToFixed } from './convert.ts';
export {
  FPRecipEstimate,
  FPRecpX,
  FPRSqrtEstimate,
  UnsignedRecipEstimate,
  UnsignedRSqrtEstimate,
} from './estimate.ts';
export {
  FPCR,
  FPRounding,
  FPRoundingMode,
  type FPRoundingValue,
  FPSR,
  type FpArithmeticWidth,
  type FpEnv,
  type FpWidth,
} from './format.ts';
