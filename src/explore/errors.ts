/** Codes of what can be wrong with what an exploration is asked. */
export type ExploreErrorCode =
  /** The window: a place that is not reached, a range that is none. */
  | 'E_WINDOW'
  /** An event that this machine cannot have. */
  | 'E_EVENT'
  /** A limit, a sample, a combination of options. */
  | 'E_EXPLORE'
  /** A case that is not of this scenario. */
  | 'E_CASE';

/** A mistake of whoever explores: what was asked, what was found, what to do. */
export class ExploreError extends Error {
  override readonly name = 'ExploreError';
  readonly code: ExploreErrorCode;

  constructor(code: ExploreErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
