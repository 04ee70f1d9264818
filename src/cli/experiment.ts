/** `unmaskable experiment`: decides claims about NMIs, SDEI and hardware errors, each by a run and a control. */
import { type Command, InvalidArgumentError } from 'commander';
import { decide, decisionLines, type Experiment, replayLine, runSide } from '../experiments/experiment.ts';
import { EXPERIMENTS } from '../experiments/index.ts';
import { UsageError } from './errors.ts';
import type { Host } from './host.ts';

interface ExperimentFlags {
  readonly list?: boolean;
  readonly run?: string;
  readonly at?: number;
}

const HELP = `
Each claim is run as it is claimed, and with a control in which the one thing is changed that it rests on. SHOWN: the
claim holds, and with the control it does not. REFUTED: the other way round. UNDECIDED: the control makes no difference.

Exit codes:
  0 every claim is shown   1 one is not; with --run: the claim does not hold in that run   2 usage`;

function named(name: string): Experiment {
  const found = EXPERIMENTS.find((one) => one.name === name);
  if (found) return found;
  const list = EXPERIMENTS.map((one) => one.name).join(', ');
  throw new UsageError('E_EXPERIMENT', `experiment '${name}': there is none of that name. Known: ${list}.`);
}

function boundary(text: string): number {
  const value = Number(text);
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Give a whole number from 0.');
  return value;
}

async function experimentCommand(name: string | undefined, flags: ExperimentFlags, host: Host): Promise<number> {
  const write = (lines: readonly string[]): Promise<void> =>
    host.writeOut(new TextEncoder().encode(lines.map((line) => `${line}\n`).join('')));
  const { list, run, at } = flags;
  const chosen = name === undefined ? EXPERIMENTS : [named(name)];
  if (run !== undefined && run !== 'claim' && run !== 'control')
    throw new UsageError('E_EXPERIMENT', `--run '${run}': there are two runs, claim and control. Choose one.`);
  if ((run !== undefined || at !== undefined) && name === undefined)
    throw new UsageError('E_EXPERIMENT', '--run and --at: they are about one experiment. Give its name.');
  if (at !== undefined && run === undefined)
    throw new UsageError('E_EXPERIMENT', '--at: it is a boundary of one run. Add --run claim or --run control.');
  if (list) {
    await write(chosen.map((one) => `${one.name}: ${one.claim}`));
    return 0;
  }
  if (run !== undefined) {
    const options = { control: run === 'control', at };
    const { holds, evidence } = runSide(chosen[0]!, options);
    await write([`${holds ? 'holds' : 'does not hold'}: ${chosen[0]!.claim}`]);
    if (options.control) await write([`  control: ${chosen[0]!.control}`]);
    await write([...evidence.map((line) => `  seen:    ${line}`), `  replay:  ${replayLine(chosen[0]!, options)}`]);
    return holds ? 0 : 1;
  }
  let shown = 0;
  for (const one of chosen) {
    const decision = decide(one);
    if (decision.verdict === 'shown') shown++;
    await write(decisionLines(decision));
  }
  if (chosen.length > 1) await write([`${shown} of ${chosen.length} claims are shown`]);
  return shown === chosen.length ? 0 : 1;
}

/** Adds `experiment` to the command; `done` is called with the exit code. */
export function addExperimentCommand(program: Command, host: Host, done: (exitCode: number) => void): void {
  program
    .command('experiment')
    .description('decide claims about NMIs, SDEI and hardware errors, each by a run and a control')
    .argument('[name]', 'one experiment; default: all')
    .option('--list', 'print the claims and run nothing')
    .option('--run <WHICH>', 'one run alone: claim or control')
    .option('--at <N>', 'with --run: one boundary alone, as a replay line says it', boundary)
    .addHelpText('after', HELP)
    .action(async (name: string | undefined, flags: ExperimentFlags) =>
      done(await experimentCommand(name, flags, host)),
    );
}
