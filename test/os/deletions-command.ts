/** The command `npm run os:deletions`. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { drawnDeletions } from './deletions.ts';
import { allDeletions, type DeletionVerdict, judgeDeletions } from './deletions-run.ts';
import { survivorReason } from './survivors.ts';

/** One deletion as lines. */
export function verdictLines({ deletion, noticed }: DeletionVerdict): string[] {
  const { file, line, text } = deletion;
  const reason = survivorReason(deletion);
  if (noticed !== undefined) return [`noticed    ${file}:${line}: ${text}`, `           ${noticed.slice(0, 200)}`];
  if (reason !== undefined) return [`explained  ${file}:${line}: ${text}`, `           ${reason}`];
  return [`SURVIVED   ${file}:${line}: ${text}`];
}

/**
 * Deletes lines that mask, lock or acknowledge, one at a time, and says what noticed it, or why nothing can.
 *
 * @param root - the checkout
 * @returns exit status: 0 when every survivor is explained, 1 otherwise, 2 when the arguments make no sense
 */
export async function deletionsCommand(
  root: string,
  args: readonly string[],
  say: (line: string) => void = console.log,
): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      count: { type: 'string', default: '50' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      jobs: { type: 'string', default: String(availableParallelism()) },
      storms: { type: 'string', default: '30' },
    },
  });
  for (const name of ['count', 'jobs', 'storms'] as const)
    if (!/^[1-9]\d{0,5}$/.test(values[name])) {
      say(`os:deletions: --${name} '${values[name]}': it takes a whole number from 1`);
      return 2;
    }
  const all = allDeletions(root);
  const { only } = values;
  const chosen =
    only === undefined
      ? drawnDeletions(all, Number(values.count), values.seed)
      : all.filter(({ file, line, text }) => `${file}:${line}: ${text}`.includes(only));
  const options = { jobs: Number(values.jobs), storms: Number(values.storms) };
  const verdicts = await judgeDeletions(root, chosen, options, (verdict) => {
    for (const line of verdictLines(verdict)) say(line);
  });
  const noticed = verdicts.filter((verdict) => verdict.noticed !== undefined).length;
  const explained = verdicts.filter((v) => v.noticed === undefined && survivorReason(v.deletion) !== undefined).length;
  const gaps = verdicts.length - noticed - explained;
  say(
    `${noticed} of ${verdicts.length} deletions noticed, ${explained} cannot be, ${gaps} survived; ${all.length} lines`,
  );
  return gaps > 0 ? 1 : 0;
}
