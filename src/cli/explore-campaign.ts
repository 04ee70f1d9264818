/** One campaign of `unmaskable explore`: the start, the workers, the journal, progress, and what was found. */
import { ScheduleRuns, stepsOfPoint } from '../explore/explore.ts';
import { Explorer } from '../explore/explorer.ts';
import { handRun, receivedUnit, type SentUnit } from '../explore/handed.ts';
import { pointsOf, shardOf } from '../explore/plan.ts';
import { headOf, isFailure, reportOf, type UnitResult } from '../explore/report.ts';
import type { ScheduleCoverage } from '../explore/schedules.ts';
import { type Timeline, timelineOf } from '../explore/timeline.ts';
import type { CaseResult } from '../explore/types.ts';
import { knownRun } from '../explore/window.ts';
import type { Machine } from '../machine/machine.ts';
import type { MachineOptions } from '../machine/options.ts';
import { type HandedMachine, handOver } from '../machine/snapshot-file/handed.ts';
import { messageOf, UsageError } from './errors.ts';
import {
  checkFree,
  identityOf,
  isBegun,
  JOURNAL_FORMAT,
  type Journal,
  type JournalHead,
  JournalWriter,
  readJournal,
} from './explore-journal.ts';
import { type FullReport, REPORT_FORMAT } from './explore-output.ts';
import { Pool, Worth } from './explore-pool.ts';
import { Progress } from './explore-progress.ts';
import { PointQueue, queueMemory } from './explore-queue.ts';
import { openScenario, type Scenario, type ScenarioChoice } from './explore-scenario.ts';
import type { Host } from './host.ts';

/** Kinds of failure that are drawn. */
const TIMELINES_MAX = 40;
/** Time between two looks at signals, and at what other threads found. */
const BREATHE_MS = 50;

/** How a campaign is run. */
export interface CampaignOptions {
  readonly scenario: ScenarioChoice;
  readonly workers: number;
  readonly shard: { readonly index: number; readonly of: number } | undefined;
  readonly journal: string | undefined;
  readonly resume: boolean;
  readonly engine: MachineOptions['engine'];
  readonly quiet: boolean;
  /** Time that what is left has to take, for other threads to be started; default `THREADS_WORTH_MS`. */
  readonly threadsWorthMs?: number;
}

/** What came of it. */
export interface CampaignResult {
  readonly full: FullReport;
  /** A signal ended it. */
  readonly interrupted: boolean;
  /** The journal could not be written any more, which ended it. */
  readonly failed: Error | undefined;
  /** Runs per second of wall time. */
  readonly rate: number;
}

/** A machine at its start, with the scenario that brought it there. */
export interface Started {
  readonly scenario: Scenario;
  readonly machine: Machine;
  readonly explorer: Explorer;
  /** Of the machine at the start. */
  readonly digest: string;
}

/**
 * Makes the machine of a scenario, takes it to the start and makes the undisturbed run.
 *
 * @param say - is told what is being done
 */
export async function startScenario(
  scenario: Scenario,
  host: Host,
  engine: MachineOptions['engine'],
  say: (text: string) => void = () => {},
): Promise<Started & { readonly hand: () => HandedMachine }> {
  const machine = await scenario.create(engine);
  const symbols = scenario.symbols(machine);
  say('to the start ...');
  scenario.prepare(machine, symbols);
  const digest = machine.digest();
  const snapshot = machine.snapshot();
  say('the undisturbed run ...');
  const explorer = new Explorer(machine, scenario.options(machine, symbols), symbols);
  return { scenario, machine, explorer, digest, hand: () => handOver(machine, snapshot, host.codec) };
}

function resumed(options: CampaignOptions, head: JournalHead, host: Host): Journal | undefined {
  const { journal: path, resume } = options;
  if (!resume || path === undefined) return undefined;
  if (!isBegun(path)) {
    host.writeErr(`unmaskable: --resume ${path}: there is nothing in it, so the campaign begins\n`);
    return undefined;
  }
  const journal = readJournal(host, path);
  if (identityOf(journal.head) === identityOf(head) && journal.head.wanted === head.wanted) return journal;
  const advice = 'Give the journal of this scenario and shard, or leave out --resume to begin again.';
  throw new UsageError('E_JOURNAL', `--resume ${path}: it is of another campaign: ${journal.head.title}. ${advice}`);
}

/** Boundaries, then schedules. */
class Running {
  readonly units: UnitResult[];
  readonly scheduled: CaseResult[];
  schedules: ScheduleCoverage | undefined;
  stopped = false;
  /** Why the journal could not be written. */
  failed: Error | undefined;
  #stop: () => void = () => {};
  #breathedMs = 0;
  readonly #explorer: Explorer;
  readonly #host: Host;
  readonly #writer: JournalWriter | undefined;
  readonly #progress: Progress;

  constructor(explorer: Explorer, host: Host, writer: JournalWriter | undefined, progress: Progress, old?: Journal) {
    this.#explorer = explorer;
    this.#host = host;
    this.#writer = writer;
    this.#progress = progress;
    this.units = [...(old?.units ?? [])];
    this.scheduled = [...(old?.scheduled ?? [])];
    this.schedules = old?.schedules;
    host.onSignal(() => {
      this.stopped = true;
      this.#stop();
    });
  }

  /** Looks at signals, now and then; false when it is to end. */
  async #goesOn(): Promise<boolean> {
    const now = this.#host.nowMs();
    if (now - this.#breathedMs < BREATHE_MS) return !this.stopped;
    await this.#host.breathe();
    this.#breathedMs = this.#host.nowMs();
    return !this.stopped;
  }

  /** Writes to the journal; a full disk ends the campaign, with what was found so far. */
  #write(action: (writer: JournalWriter) => void): void {
    if (!this.#writer || this.failed) return;
    try {
      action(this.#writer);
    } catch (error) {
      this.failed = error instanceof Error ? error : new Error(messageOf(error));
      this.stopped = true;
    }
  }

  #note(unit: UnitResult): boolean {
    this.units.push(unit);
    this.#write((writer) => writer.unit(unit));
    this.#progress.add(unit.results);
    return !this.stopped;
  }
  /** One boundary; false when it is to end, and then what was tried of this one is nothing. */
  async #point(point: number): Promise<boolean> {
    const steps = stepsOfPoint(this.#explorer, point);
    for (;;) {
      const { done, value } = steps.next();
      if (done) return this.#note(value) && (await this.#goesOn());
      if (!(await this.#goesOn())) return false;
    }
  }
  /**
   * Boundaries: on this thread, and on others as soon as they are worth it.
   *
   * @throws UsageError for a mistake in the scenario that another thread found; Error when one fails otherwise
   */
  async points(left: readonly number[], options: CampaignOptions, hand: () => HandedMachine): Promise<void> {
    const { scenario, engine, workers, threadsWorthMs } = options;
    const memory = queueMemory(left, workers);
    const queue = new PointQueue(memory);
    const worth = new Worth(this.#host.nowMs(), threadsWorthMs);
    let pool: Pool | undefined;
    this.#stop = () => {
      queue.stop();
      pool?.wake();
    };
    const start = (): void => {
      const run = handRun(knownRun(this.#explorer.baseline, this.#explorer.watch));
      const work = { machine: hand(), run, queue: memory };
      const threads = Math.min(workers - 1, queue.left);
      pool = new Pool({ scenario, engine, work }, threads, (units) => this.#received(units));
    };
    let tried = 0;
    try {
      for (let batch = queue.take(); batch.length > 0; batch = queue.take())
        for (const point of batch) {
          if (workers > 1 && !pool && worth.look(this.#host.nowMs(), tried, left.length - tried)) start();
          if (!(await this.#point(point))) return queue.stop();
          if (pool?.failure) throw pool.failure;
          tried++;
        }
      await pool?.finished(queue);
    } finally {
      await pool?.close();
    }
  }
  #received(units: readonly SentUnit[]): void {
    for (const unit of units) if (!this.stopped) this.#note(receivedUnit(this.#explorer, unit));
    if (this.stopped) this.#stop();
  }
  /** Schedules are few, and what one run finds out makes the next ones: they stay in this thread. */
  async schedulesToo(): Promise<void> {
    if (this.stopped || !this.#explorer.options.schedules || this.schedules) return;
    const known = new Set(this.scheduled.map(({ case: of }) => of.id));
    const runs = new ScheduleRuns(this.#explorer);
    for (const result of runs.all()) {
      if (!known.has(result.case.id)) {
        this.scheduled.push(result);
        this.#write((writer) => writer.schedule(result));
        this.#progress.add([result]);
      }
      if (!(await this.#goesOn())) break;
    }
    this.schedules = runs.coverage;
  }
  /** Ends the journal. */
  end(): void {
    this.#write((writer) => writer.end(this.schedules));
  }
}

/** Runs a campaign. @throws UsageError for a scenario or journal that cannot be used */
export async function runCampaign(options: CampaignOptions, host: Host): Promise<CampaignResult> {
  if (options.journal !== undefined && !options.resume) checkFree(host, options.journal);
  const scenario = await openScenario(options.scenario, host);
  const progress = new Progress(host, options.quiet);
  const started = await startScenario(scenario, host, options.engine, (text) => progress.say(text));
  const { explorer, digest, hand } = started;
  const all = explorer.events.length > 0 ? pointsOf(explorer) : [];
  const { shard } = options;
  const points = shard ? shardOf(all, shard.index, shard.of) : all;
  const head: JournalHead = {
    format: JOURNAL_FORMAT,
    scenario: scenario.path,
    variant: scenario.variant,
    title: scenario.title,
    sha256: scenario.sha256,
    start: digest,
    campaign: headOf(explorer, all.length),
    wanted: points.length,
    shard: shard ?? null,
  };
  const old = resumed(options, head, host);
  const { journal } = options;
  const writer =
    journal === undefined ? undefined : old ? JournalWriter.goOn(journal) : JournalWriter.create(journal, head);
  const running = new Running(explorer, host, writer, progress, old);
  const done = new Set(running.units.map(({ point }) => point.index));
  const left = points.filter((point) => !done.has(point));
  progress.begin(left.length);
  await running.points(left, options, hand);
  await running.schedulesToo();
  running.end();
  progress.end();
  const { units, scheduled, schedules } = running;
  const report = reportOf(head.campaign, { units, wanted: points.length, scheduled, schedules });
  const timelines: Record<number, Timeline> = {};
  for (const kind of report.kinds.filter(isFailure).slice(0, TIMELINES_MAX))
    timelines[kind.number] = timelineOf(explorer, kind.first.case).timeline;
  explorer.close();
  const { title, path, variant, sha256 } = scenario;
  const full = {
    format: REPORT_FORMAT,
    title,
    scenario: path,
    variant,
    sha256,
    start: digest,
    report,
    timelines,
  } as const;
  const { failed } = running;
  return { full, interrupted: running.stopped && !failed, failed, rate: progress.rate };
}
