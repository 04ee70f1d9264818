import { CPUS_MAX } from '../machine/options.ts';
import { UsageError } from './errors.ts';

const SIZE_UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };
const COUNT_UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12 };
const TIME_UNITS_NS: Readonly<Record<string, bigint>> = { ns: 1n, us: 1_000n, ms: 1_000_000n, s: 1_000_000_000n };

/**
 * Reads a size such as `512M` or `2G` (units of 1024; `KiB`, `MB` and lower case mean the same).
 *
 * @returns whole bytes, 1 to 2^53 - 1
 * @throws UsageError `E_SIZE`
 */
export function parseSize(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?$/i.exec(text.trim());
  const bytes = match ? Number(match[1]) * SIZE_UNITS[match[2].toUpperCase()] : Number.NaN;
  if (!Number.isSafeInteger(bytes) || bytes < 1) {
    throw new UsageError(
      'E_SIZE',
      `${option} '${text}': not a size. Give a whole number of bytes with K, M or G, e.g. ${option} 512M.`,
    );
  }
  return bytes;
}

/**
 * Reads a count such as `1000000`, `1_000_000`, `250k` or `5G` (units of 1000).
 *
 * @returns a whole number, 0 to 2^53 - 1
 * @throws UsageError `E_COUNT`
 */
export function parseCount(what: string, text: string): number {
  const match = /^(\d[\d_]*(?:\.\d+)?)([kMGT]?)$/.exec(text.trim());
  const count = match ? Number(match[1].replaceAll('_', '')) * COUNT_UNITS[match[2]] : Number.NaN;
  if (!Number.isSafeInteger(count)) {
    throw new UsageError(
      'E_COUNT',
      `${what} '${text}': not a count. Give a whole number from 0 to 2^53 - 1, e.g. 1000000, 1_000_000 or 5G.`,
    );
  }
  return count;
}

/**
 * Reads a time such as `12ms`, `1.5s`, `300us` or `7ns`.
 *
 * @returns whole nanoseconds
 * @throws UsageError `E_TIME`
 */
export function parseTimeNs(what: string, text: string): bigint {
  const match = /^(\d{1,15})(?:\.(\d{1,9}))?(ns|us|ms|s)$/.exec(text.trim());
  const unitNs = match ? TIME_UNITS_NS[match[3]] : 0n;
  const fraction = match?.[2] ?? '';
  const scaled = match ? BigInt(match[1] + fraction) * unitNs : 0n;
  const divisor = 10n ** BigInt(fraction.length);
  if (!match || scaled % divisor !== 0n) {
    throw new UsageError(
      'E_TIME',
      `${what} '${text}': not a time in whole nanoseconds. Give a number and a unit (ns, us, ms, s), e.g. 12ms or 1.5s.`,
    );
  }
  return scaled / divisor;
}

/**
 * Compiles a pattern that is matched over the console. `^` and `$` match at line borders (flag `m` is always on).
 *
 * @param flags - any of `i`, `m`, `s`, `u`, `v`
 * @throws UsageError `E_REGEX`
 */
export function parseRegex(what: string, source: string, flags = ''): RegExp {
  if (source === '') {
    throw new UsageError('E_REGEX', `${what}: the regular expression is empty. Give the text to wait for.`);
  }
  if (!/^[imsuv]*$/.test(flags)) {
    throw new UsageError('E_REGEX', `${what} /${source}/${flags}: unknown flags. Known: i, s, u, v (m is always on).`);
  }
  try {
    return new RegExp(source, [...new Set(`${flags}mg`)].join(''));
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^.*: /, '') : String(error);
    throw new UsageError(
      'E_REGEX',
      `${what} /${source}/${flags}: not a regular expression: ${reason}. Put a backslash before a character meant literally.`,
    );
  }
}

/**
 * Reads the name of a processor.
 *
 * @throws UsageError `E_CPU`
 */
export function parseCpu(name: string): 'full' | 'cortex-a57' {
  if (name === 'full' || name === 'cortex-a57') return name;
  throw new UsageError('E_CPU', `--cpu '${name}': no such processor. Known: full, cortex-a57.`);
}

/**
 * Reads a number of CPUs.
 *
 * @throws UsageError `E_CPUS`
 */
export function parseCpus(text: string): number {
  const cpus = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (cpus >= 1 && cpus <= CPUS_MAX) return cpus;
  throw new UsageError(
    'E_CPUS',
    `--cpus '${text}': this machine has 1 to ${CPUS_MAX} CPUs. Give a number in that range.`,
  );
}
