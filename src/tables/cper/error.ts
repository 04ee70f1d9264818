/**
 * A value that no record can hold was given to an encoder: the caller's mistake.
 *
 * The message says which field, what was found and what it takes.
 */
export class CperError extends Error {
  /** Short name for programs: `E_CPER_FIELD`, `E_CPER_GUID`, `E_CPER_REGISTER`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'CperError';
    this.code = code;
  }
}
