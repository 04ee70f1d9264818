/** How a run can end, and the exit code of each. */
export const EXIT_CODES = {
  poweroff: 0,
  until: 0,
  stopped: 0,
  left: 0,
  'fail-on': 1,
  /** A file that the run writes cannot be written. */
  'cannot-write': 6,
  'max-steps': 3,
  'nothing-due': 4,
  /** A replay does not do what was recorded. */
  diverged: 5,
  'internal-error': 70,
  interrupted: 130,
  'output-closed': 141,
  terminated: 143,
} as const;

/** Exit code for a mistake in the command or in what it was given. */
export const EXIT_USAGE = 2;

/** One of the ways in which a run can end. */
export type EndReason = keyof typeof EXIT_CODES;

/** What a run amounted to: the summary line and `--json` are two views of this. */
export interface Outcome {
  readonly reason: EndReason;
  /** The reason in words. */
  readonly why: string;
  readonly exitCode: number;
  /** Steps of all PEs together. */
  readonly steps: number;
  readonly virtualTimeNs: bigint;
  readonly wallTimeMs: number;
  /** How often the guest reset the machine. */
  readonly resets: number;
  /** Digest of the whole machine at the end, when it was asked for. */
  readonly digest: string | null;
  /** The text that `--until` or `--fail-on` matched. */
  readonly matched: string | null;
  /** Records of the trace, where there is one. */
  readonly traceRecords?: number;
  /** What the machine said it does not model, each message once, with how often. */
  readonly notModelled: readonly { readonly message: string; readonly count: number }[];
}

/** Millions of steps per second of wall time, or 0 when no time passed. */
export function stepRateMillions(outcome: Outcome): number {
  return outcome.wallTimeMs > 0 ? outcome.steps / outcome.wallTimeMs / 1000 : 0;
}

/** A whole number with its thousands apart, e.g. `1,234,567`. */
export function grouped(value: number | bigint): string {
  return value.toString().replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Virtual time in seconds, exact to the nanosecond, e.g. `1.000000250 s`. */
export function formatTimeNs(timeNs: bigint): string {
  const digits = timeNs.toString().padStart(10, '0');
  return `${digits.slice(0, -9)}.${digits.slice(-9)} s`;
}

/** The last line on standard error. */
export function summaryLine(outcome: Outcome): string {
  const parts = [
    `${grouped(outcome.steps)} steps`,
    `${formatTimeNs(outcome.virtualTimeNs)} virtual`,
    `${(outcome.wallTimeMs / 1000).toFixed(2)} s wall`,
    `${stepRateMillions(outcome).toFixed(2)} M steps/s`,
    ...(outcome.traceRecords === undefined ? [] : [`${grouped(outcome.traceRecords)} trace records`]),
  ];
  return `unmaskable: ${outcome.why}; ${parts.join(', ')}`;
}

/**
 * The same as data. Everything but `wallTimeMs` and `millionStepsPerSecond` is the same in every run with the same
 * inputs. `virtualTimeNs` is a decimal string, because it may exceed 2^53.
 */
export function outcomeJson(outcome: Outcome): string {
  const data = {
    format: 'unmaskable-run-1',
    ...outcome,
    virtualTimeNs: outcome.virtualTimeNs.toString(),
    wallTimeMs: Math.round(outcome.wallTimeMs * 1000) / 1000,
    millionStepsPerSecond: Math.round(stepRateMillions(outcome) * 1000) / 1000,
  };
  return `${JSON.stringify(data, null, 2)}\n`;
}
