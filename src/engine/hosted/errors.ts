/** Codes of what can be wrong with hosted code. */
export type HostedErrorCode =
  /** A program that cannot be placed: bad name, too many functions. */
  | 'E_HOSTED_PROGRAM'
  /** The function threw. */
  | 'E_HOSTED_THROW'
  /** What was yielded is no effect, or one with impossible operands. */
  | 'E_HOSTED_EFFECT'
  /** What was called gives no generator. */
  | 'E_HOSTED_FUNCTION'
  /** More yields than one activation may have without `become`. */
  | 'E_HOSTED_YIELDS'
  /** A saved PC names a yield that is not the one at which the activation is suspended, or an activation that ended. */
  | 'E_HOSTED_RESUME'
  /** More suspended activations than a machine keeps. */
  | 'E_HOSTED_ACTIVATIONS'
  /** Fed with the same results again the function did something else: it keeps state outside locals and guest memory. */
  | 'E_HOSTED_STATE';

/** A mistake in hosted code, with the function and the yield at which it was found. */
export class HostedError extends Error {
  override readonly name = 'HostedError';
  readonly code: HostedErrorCode;
  /** Name of the function in its program, where one is concerned. */
  readonly functionName: string | undefined;
  /** Number of the yield, from 0, where one is concerned. */
  readonly yieldIndex: number | undefined;

  constructor(
    code: HostedErrorCode,
    message: string,
    at: { name?: string; yieldIndex?: number; cause?: unknown } = {},
  ) {
    super(message, at.cause === undefined ? undefined : { cause: at.cause });
    this.code = code;
    this.functionName = at.name;
    this.yieldIndex = at.yieldIndex;
  }
}
