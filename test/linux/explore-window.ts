/** The command `npm run explore:window`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { UsageError } from '../../src/cli/errors.ts';
import { runCampaign } from '../../src/cli/explore-campaign.ts';
import { type FullReport, jsonReport } from '../../src/cli/explore-output.ts';
import { createNodeHost } from '../../src/cli/node-host.ts';
import { guestPath, haveGuests } from './guest.ts';

const ENGINES = ['compiled', 'interpreter'] as const;
const WORKERS = [1, 2] as const;

const scenario = (boundaries: number, cpus: number): string => `
title: a window of ${boundaries} boundaries
machine:
  kernel: ${JSON.stringify(guestPath('Image'))}
  initrd: ${JSON.stringify(guestPath('initramfs.cpio'))}
  append: console=ttyAMA0
  cpus: ${cpus}
prepare:
  - until: { console: '# $' }
  - handler: 0
  - type: "ls /proc\\n"
window:
  from: { pc: el1h_64_irq }
  to: { steps: ${boundaries} }
events: ['sdei:0']
`;

/** What is wrong with a report: each boundary is tried, and interrupts what the undisturbed run has there. */
function wrongWith({ report }: FullReport, boundaries: number): string[] {
  const { coverage, kinds } = report;
  const found: string[] = [];
  const { tried, cases, atOnce, later, undelivered, elsewhere } = coverage;
  if (coverage.boundaries !== boundaries) found.push(`the window has ${coverage.boundaries} boundaries`);
  if (tried !== boundaries || cases !== boundaries) found.push(`${tried} boundaries were tried, in ${cases} runs`);
  if (elsewhere.length > 0) found.push(`at ${elsewhere.join(', ')} something else was interrupted`);
  if (atOnce + later + undelivered !== cases) found.push('not every event is delivered, or said not to be');
  if (atOnce < cases / 2) found.push(`only ${atOnce} events were delivered at once`);
  for (const kind of kinds) if (kind.failure) found.push(`${kind.outcome}, ${kind.count} times: ${kind.first.detail}`);
  return found;
}

/** One window, all ways to run it. @returns the exit code */
async function compareWays(boundaries: number, cpus: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'unmaskable-window-'));
  const path = join(folder, 'window.yaml');
  writeFileSync(path, scenario(boundaries, cpus));
  let first: string | undefined;
  let failed = false;
  try {
    for (const engine of ENGINES)
      for (const workers of WORKERS) {
        // Threads are started at once, however short it is.
        const how = { journal: undefined, shard: undefined, resume: false, quiet: true, threadsWorthMs: 0 };
        const { full: report } = await runCampaign({ scenario: { path }, engine, workers, ...how }, createNodeHost());
        const text = jsonReport(report);
        const wrong = wrongWith(report, boundaries);
        if (first !== undefined && text !== first) wrong.push('the report is another one than the first');
        first ??= text;
        failed ||= wrong.length > 0;
        const { atOnce, later } = report.report.coverage;
        const outcomes = report.report.kinds.map(({ outcome, count }) => `${outcome} ${count}`).join(', ');
        const counts = `${boundaries} boundaries, ${atOnce} at once, ${later} later: ${outcomes}`;
        process.stdout.write(
          `${engine}, ${workers} workers: ${counts}${wrong.map((text) => `\n  ${text}`).join('')}\n`,
        );
      }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.stdout.write(failed ? 'not as it should be\n' : 'the same report each time\n');
  return failed ? 1 : 0;
}

function whole(option: string, text: string, [least, most]: readonly [number, number]): number {
  const value = Number(text);
  if (/^\d{1,7}$/.test(text) && value >= least && value <= most) return value;
  throw new UsageError('E_COUNT', `${option} ${text}: give a number from ${least} to ${most}`);
}

/**
 * The command.
 *
 * @returns the exit code: 0 when every report is the same and complete, 1 when not, 2 without a kernel
 * @throws UsageError `E_COUNT`, or the error of `parseArgs`, for a mistake in the arguments
 */
export async function windowCommand(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { boundaries: { type: 'string', default: '20000' }, cpus: { type: 'string', default: '2' } },
  });
  const boundaries = whole('--boundaries', values.boundaries, [1, 1_000_000]);
  const cpus = whole('--cpus', values.cpus, [1, 8]);
  if (haveGuests) return compareWays(boundaries, cpus);
  process.stderr.write('the kernel is not there. Run node scripts/guests.mjs first.\n');
  return 2;
}
