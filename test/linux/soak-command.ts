/** The command `npm run soak`. */
import { parseArgs } from 'node:util';
import { PROFILE_NAMES, type ProfileName } from '../../src/arch/profiles.ts';
import { haveGuests, haveRtKernel } from './guest.ts';
import { Soak, type SoakPlan } from './soak.ts';

const USAGE = `soak: boots Debian's kernels, keeps every CPU busy, takes CPUs away and brings them back, powers off
  --kernel NAME   Image or Image-rt; may be given more than once; default both
  --cpus N        1 to 8; may be given more than once; default 1, 2, 4, 8
  --cpu PROFILE   ${PROFILE_NAMES.join(' or ')}; default full
  --rounds N      times that each secondary CPU goes offline and online; default 20
  --starve        at the end of each, give one CPU no turn for 4 s: the detectors must speak`;

const KERNELS = ['Image', 'Image-rt'] as const;
const STARVE_SECONDS = 4;

class Mistake extends Error {}

function oneOf<T extends string>(text: string, known: readonly T[], option: string): T {
  const found = known.find((name) => name === text);
  if (found === undefined) throw new Mistake(`--${option} ${text}: known are ${known.join(', ')}`);
  return found;
}

function whole(text: string, option: string, [least, most]: readonly [number, number]): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most)
    throw new Mistake(`--${option} ${text}: give a number from ${least} to ${most}`);
  return value;
}

function plans(args: readonly string[]): { plans: SoakPlan[]; starve: boolean } {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kernel: { type: 'string', multiple: true, default: [...KERNELS] },
      cpus: { type: 'string', multiple: true, default: ['1', '2', '4', '8'] },
      cpu: { type: 'string', default: 'full' },
      rounds: { type: 'string', default: '20' },
      starve: { type: 'boolean', default: false },
    },
  });
  const cpu = oneOf<ProfileName>(values.cpu, PROFILE_NAMES, 'cpu');
  const rounds = whole(values.rounds, 'rounds', [0, 1_000_000]);
  const list = values.kernel.flatMap((name) =>
    values.cpus.map((text) => {
      const cpus = whole(text, 'cpus', [1, 8]);
      // A lone CPU cannot go offline.
      return { kernel: oneOf(name, KERNELS, 'kernel'), cpu, cpus, rounds: cpus === 1 ? 0 : rounds };
    }),
  );
  return { plans: list, starve: values.starve };
}

const COLUMNS = [10, 6, 8, 14, 11, 14, 9, 8] as const;
const line = (cells: readonly (string | number)[]): void =>
  console.log(cells.map((cell, n) => String(cell).padEnd(COLUMNS[n]!)).join(''));

function soak(plan: SoakPlan, starve: boolean): void {
  const machine = new Soak(plan);
  const start = performance.now();
  const seconds = (): string => ((performance.now() - start) / 1000).toFixed(1);
  const bootSteps = machine.boot();
  const bootSeconds = seconds();
  machine.load();
  for (let round = 0; round < plan.rounds; round++) {
    machine.round();
    if (round % 5 === 4)
      console.error(`soak: ${plan.kernel}, ${plan.cpus} CPUs: round ${round + 1} after ${seconds()} s`);
  }
  const spoke = starve && plan.cpus > 1 ? machine.starve(STARVE_SECONDS) : undefined;
  if (spoke?.length === 0) throw new Error(`one CPU had no turn for ${STARVE_SECONDS} s, and no detector spoke`);
  if (spoke !== undefined) console.error(`soak: starved, and the detectors speak: ${spoke[0]}`);
  else machine.end();
  const { steps, timeNs } = machine.guest.machine;
  const guestSeconds = (Number(timeNs) / 1e9).toFixed(1);
  line([plan.kernel, plan.cpus, plan.rounds, bootSteps, bootSeconds, steps, guestSeconds, seconds()]);
}

/**
 * Soaks each machine and prints a row for each.
 *
 * @returns exit status: 0 when all were well, 1 when one was not, 2 when it could not run
 */
export function soakCommand(args: readonly string[]): number {
  if (args.includes('--help')) {
    console.log(USAGE);
    return 0;
  }
  let failed = 0;
  try {
    const { plans: list, starve } = plans(args);
    if (!haveGuests || (!haveRtKernel && list.some((plan) => plan.kernel === 'Image-rt')))
      throw new Mistake('the kernels are not here: run node scripts/guests.mjs first');
    line(['kernel', 'CPUs', 'rounds', 'boot steps', 'boot s', 'steps', 'guest s', 'wall s']);
    for (const plan of list) {
      try {
        soak(plan, starve);
      } catch (error) {
        failed++;
        console.log(`${plan.kernel} on ${plan.cpus} CPUs: ${(error as Error).message}`);
      }
    }
  } catch (error) {
    if (!(error instanceof Mistake) && !/^ERR_PARSE_ARGS/.test((error as { code?: string }).code ?? '')) throw error;
    console.error(`soak: ${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  return failed === 0 ? 0 : 1;
}
