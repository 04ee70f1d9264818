/** The command `npm run fuzz`. */
import { parseArgs } from 'node:util';
import { Campaign } from './campaign.ts';

/** Findings that are printed in full; those that follow mostly repeat them. */
const FINDINGS_SHOWN_MAX = 5;

/**
 * Runs hostile guests for a while and prints what broke.
 *
 * @returns exit status: 0 when every promise held, 1 when one did not, 2 when the arguments make no sense
 */
export function fuzzCommand(args: readonly string[]): number {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
    },
  });
  const seconds = Number(values.seconds);
  if (!(seconds > 0)) {
    console.error(`fuzz: --seconds takes a number above 0, not '${values.seconds}'`);
    return 2;
  }
  const campaign = new Campaign();
  if (values.only === undefined) {
    const end = Date.now() + seconds * 1000;
    for (let n = 0; Date.now() < end; n++) campaign.pass(values.seed, n, () => Date.now() >= end);
  } else campaign.round(values.only);
  for (const { name, message } of campaign.findings.slice(0, FINDINGS_SHOWN_MAX)) {
    console.log(`${message}\n  again: npm run fuzz -- --only '${name}'`);
  }
  for (const [attack, ends] of Object.entries(campaign.ends)) {
    const parts = Object.entries(ends).map(([reason, count]) => `${count} ${reason}`);
    console.log(`${attack}: ${parts.join(', ')}`);
  }
  const { rounds, steps, compiledRegions, handlers, findings } = campaign;
  console.log(
    `${rounds} guests, ${steps} steps, ${compiledRegions} regions compiled, ${handlers} handlers at most, ` +
      `${findings.length} broke a promise (seed ${values.seed})`,
  );
  return findings.length === 0 ? 0 : 1;
}
