/**
 * A mistake of whoever gave the command: reported as one message, exit code 2, never with a stack trace.
 *
 * The message says what was asked, what was found, and what to do.
 */
export class UsageError extends Error {
  /** Short name for programs, e.g. `E_SIZE`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'UsageError';
    this.code = code;
  }
}

/** Names of the errors by which the library reports a mistake of its user rather than one of its own. */
const USER_ERROR_NAMES: ReadonlySet<string> = new Set([
  'UsageError',
  'MachineError',
  'BootError',
  'GicError',
  'CperError',
  'AcpiError',
  'HostedError',
  'ExploreError',
  'ExperimentError',
]);

/** True when `error` is the user's mistake (exit 2), false when it is ours (exit 70). */
export function isUserError(error: unknown): error is Error {
  return error instanceof Error && USER_ERROR_NAMES.has(error.name);
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
