/** The command `npm run kexec`. */
import { parseArgs } from 'node:util';
import { haveCompiler } from '../support/kvm-vmm.ts';
import { KdumpPoints } from './kdump-points.ts';
import { haveKexec, WAYS, type Way } from './kexec-guest.ts';
import { runRounds } from './kexec-rounds.ts';
import { exploreWindow, KvmInitBoots, WINDOWS, type WindowName } from './kvm-init.ts';

const USAGE = `kexec: Debian's kernel starts itself: kernel after kernel, or as its own crash kernel
  rounds              boots, and types kexec -e so many times
    --rounds N        default 20
    --once            do not run everything a second time to compare the states
  kdump               panics at random points of a busy system, each to the crash kernel's shell, and compares
                      /proc/vmcore with the memory of the machine
    --points N        default 100
    --seed N          default 1
  kvm-init            a panic at every instruction of KVM's initialisation of a CPU
    --full N          boots so many crash kernels to the shell, from boundaries that are drawn; default 5
    --workers N       default 1
  --way WAY           EL1, VHE, nVHE; may be given more than once; default all
  --cpus N            1 to 8, not for kvm-init; may be given more than once; default 1 and 4`;

class Mistake extends Error {}

const parse = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '20' },
      once: { type: 'boolean', default: false },
      points: { type: 'string', default: '100' },
      seed: { type: 'string', default: '1' },
      full: { type: 'string', default: '5' },
      workers: { type: 'string', default: '1' },
      way: { type: 'string', multiple: true, default: Object.keys(WAYS) },
      cpus: { type: 'string', multiple: true, default: ['1', '4'] },
    },
  });
type Values = ReturnType<typeof parse>['values'];

function whole(values: Values, name: 'rounds' | 'points' | 'seed' | 'full' | 'workers', most = 1_000_000): number {
  const value = Number(values[name]);
  if (!/^\d+$/.test(values[name]) || value > most)
    throw new Mistake(`--${name} ${values[name]}: give a number from 0 to ${most}`);
  return value;
}

function machines({ way, cpus }: Values): { way: Way; cpus: number }[] {
  const known = Object.keys(WAYS);
  for (const one of way) if (!known.includes(one)) throw new Mistake(`--way ${one}: known are ${known.join(', ')}`);
  for (const one of cpus) if (!/^[1-8]$/.test(one)) throw new Mistake(`--cpus ${one}: give a number from 1 to 8`);
  return way.flatMap((one) => cpus.map((count) => ({ way: one as Way, cpus: Number(count) })));
}

const start = performance.now();
const seconds = (): string => `${((performance.now() - start) / 1000).toFixed(0)} s`;
const tell = (text: string): void => console.error(`kexec: ${text} (${seconds()})`);

/** @returns whether all was well */
function rounds(values: Values): boolean {
  let well = true;
  for (const { way, cpus } of machines(values)) {
    const plan = { way, cpus, rounds: whole(values, 'rounds') };
    const run = (): ReturnType<typeof runRounds> =>
      runRounds(plan, (round) => {
        if (round % 5 === 0) tell(`${way}, ${cpus} CPUs: round ${round}`);
      });
    const first = run();
    const second = values.once ? first : run();
    const same = first.digest === second.digest && first.steps === second.steps;
    well &&= same && first.complaints.length === 0;
    const compared = values.once ? 'one run' : same ? 'the same state in two runs' : 'ANOTHER STATE in the second run';
    console.log(`${way}, ${cpus} CPUs: ${plan.rounds} rounds, ${first.steps} steps, ${first.digest}, ${compared}`);
    for (const one of first.complaints) console.log(`  ${one}`);
  }
  return well;
}

function kdump(values: Values): boolean {
  let well = true;
  for (const { way, cpus } of machines(values)) {
    const points = whole(values, 'points');
    const system = new KdumpPoints({ way, cpus, points, seed: whole(values, 'seed') });
    let good = 0;
    let bytes = 0;
    for (let n = 0; n < points; n++) {
      try {
        const { cause, step, entry, complaints, odd, comparedBytes, notStopped } = system.next();
        if (complaints.length === 0) good++;
        bytes += comparedBytes;
        const where = `point ${n}: ${cause} at step ${step}, PE ${entry.pe}, EL${entry.el} after ${entry.steps} steps`;
        tell(`${way}, ${cpus} CPUs: ${where}`);
        const left = notStopped.map((pe) => `PE ${pe} masked interrupts and was not stopped`);
        const wrongly = odd.map((text) => `described wrongly: ${text}`);
        for (const one of [...complaints, ...left, ...wrongly]) console.log(`  ${where}: ${one}`);
      } catch (error) {
        console.log(`  point ${n}: ${(error as Error).message}`);
      }
    }
    well &&= good === points;
    console.log(`${way}, ${cpus} CPUs: ${good} of ${points} points, ${bytes} bytes of RAM compared`);
  }
  return well;
}

async function kvmInit(values: Values): Promise<boolean> {
  if (!haveCompiler) throw new Mistake('aarch64-linux-gnu-gcc is not here: run scripts/setup-debian.sh');
  const full = whole(values, 'full');
  const workers = Math.max(1, whole(values, 'workers', 64));
  let well = true;
  for (const [name, { way, event }] of Object.entries(WINDOWS)) {
    if (!values.way.includes(way)) continue;
    const { boundaries, tried, outcomes, said } = await exploreWindow({ name: name as WindowName, workers });
    const counts = Object.entries(outcomes).map(([outcome, count]) => `${outcome} ${count}`);
    // Of aborts those are lost that come at EL2 to vectors which lead nowhere: they are named, and no mistake.
    const { completed = 0, 'suspected livelock': loops = 0 } = outcomes;
    well &&= tried === boundaries && completed + (event === 'sea' ? loops : 0) === boundaries;
    console.log(said);
    console.log(`${name}: ${tried} of ${boundaries} boundaries: ${counts.join(', ')}`);
    const boots = full > 0 ? new KvmInitBoots(name as WindowName) : undefined;
    for (let n = 0; n < full; n++) {
      const { steps, complaints } = boots!.next();
      well &&= complaints.length === 0;
      console.log(`${name}: to the shell from boundary ${steps}: ${complaints.join('; ') || 'well'}`);
    }
  }
  return well;
}

/** @returns exit status: 0 when all was well, 1 when something was not, 2 when it could not run */
export async function kexecCommand(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    console.log(USAGE);
    return 0;
  }
  try {
    const { values, positionals } = parse(args);
    if (!haveKexec) throw new Mistake('kernel and kexec-tools are not here: run node scripts/guests.mjs first');
    const [what, ...more] = positionals;
    const all = { rounds, kdump, 'kvm-init': kvmInit };
    const known = Object.keys(all).join(', ');
    if (what === undefined || !(what in all) || more.length > 0)
      throw new Mistake(`'${positionals.join(' ')}': give one of ${known}`);
    return (await all[what as keyof typeof all](values)) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof Mistake) && !/^ERR_PARSE_ARGS/.test((error as { code?: string }).code ?? '')) throw error;
    console.error(`kexec: ${(error as Error).message}\n${USAGE}`);
    return 2;
  }
}
