/** What an experiment is, and how it is decided: a claim about a run, and a control with which it must not hold. */

/** What one run has shown. */
export interface Observation {
  /** The claim held in this run. */
  readonly holds: boolean;
  /** What was seen, a line each. */
  readonly evidence: readonly string[];
  /** The boundary at which it was seen best, for a replay of that alone. */
  readonly at?: number | undefined;
}

/** How an experiment is run. */
export interface RunOptions {
  /** With the control: the one thing is changed that the claim rests on. */
  readonly control: boolean;
  /** One boundary alone, where the experiment tries many. */
  readonly at?: number | undefined;
}

/** A mistake of whoever asks for one boundary of an experiment. */
export class ExperimentError extends Error {
  override readonly name = 'ExperimentError';
  readonly code = 'E_EXPERIMENT_AT';
}
/** @throws ExperimentError when there is no boundary of that number in a run that tries so many */
export function checkAt(at: number | undefined, boundaries: number): void {
  if (at === undefined || at < boundaries) return;
  throw new ExperimentError(`--at ${at}: this run has boundaries 0 to ${boundaries - 1}. Choose one of those.`);
}
/** Runs one side. @throws ExperimentError for a boundary that it does not have */
export function runSide(experiment: Experiment, { control, at }: RunOptions): Observation {
  let asked = false;
  const seen = experiment.run({
    control,
    get at() {
      asked = true;
      return at;
    },
  });
  if (at === undefined || asked) return seen;
  throw new ExperimentError(`--at ${at}: '${experiment.name}' is one run and has no boundaries. Leave --at out.`);
}

/** One claim, and the run that decides it. */
export interface Experiment {
  /** Letters, digits and hyphens; its file has the same name. */
  readonly name: string;
  /** One sentence. */
  readonly claim: string;
  /** Where the claim comes from: document and heading. */
  readonly source: string;
  /** What the control changes. */
  readonly control: string;
  run(options: RunOptions): Observation;
}

/** `shown`: the claim holds, and with the control it does not. */
export type Verdict = 'shown' | 'refuted' | 'undecided';

/** What an experiment came to. */
export interface Decision {
  readonly experiment: Experiment;
  readonly verdict: Verdict;
  readonly claim: Observation;
  readonly control: Observation;
}

/** Runs an experiment and its control. A claim that holds with its control as well is `undecided`: it shows nothing. */
export function decide(experiment: Experiment): Decision {
  const claim = experiment.run({ control: false });
  const control = experiment.run({ control: true });
  const flipped = claim.holds ? 'shown' : 'refuted';
  return { experiment, verdict: control.holds === claim.holds ? 'undecided' : flipped, claim, control };
}

/** The line that runs one side of an experiment again, and nothing else. */
export function replayLine({ name }: Experiment, { control, at }: RunOptions): string {
  const where = at === undefined ? '' : ` --at ${at}`;
  return `unmaskable experiment ${name} --run ${control ? 'control' : 'claim'}${where}`;
}

/** What was decided, as lines. */
export function decisionLines({ experiment, verdict, claim, control }: Decision): string[] {
  const { name, control: changed, source } = experiment;
  const side = (label: string, { evidence }: Observation): string[] => evidence.map((line) => `  ${label}${line}`);
  return [
    `${verdict.toUpperCase()}: ${name}: ${experiment.claim}`,
    `  source:  ${source}`,
    ...side('seen:    ', claim),
    `  control: ${changed}`,
    ...side('seen:    ', control),
    `  replay:  ${replayLine(experiment, { control: false, at: claim.at })}`,
    `  replay:  ${replayLine(experiment, { control: true, at: control.at })}`,
  ];
}
