/** A crash kernel from random points of a busy system. */
import type { Snapshot } from '../../src/machine/machine.ts';
import { type Entry, KdumpGuest } from './kdump-guest.ts';
import { WAYS, type Way } from './kexec-guest.ts';
import { numbers } from './suite.ts';

/** Which machine, and how many points. */
export interface PointsPlan {
  readonly way: Way;
  readonly cpus: number;
  readonly points: number;
  readonly seed: number;
}

/** How a kernel is made to panic: a fatal hardware error by one of the ways to notify it, or by the user. */
export type Cause = 'sdei' | 'sdei-critical' | 'gsiv' | 'sea' | 'sysrq';

/** One point. */
export interface PointResult {
  readonly point: number;
  readonly cause: Cause;
  /** Steps from the prepared state. */
  readonly step: number;
  readonly entry: Pick<Entry, 'pe' | 'el' | 'steps'>;
  /** RAM that was compared. */
  readonly comparedBytes: number;
  /** Segments of the core that are described wrongly. */
  readonly odd: readonly string[];
  /**
   * PEs that the dying kernel could not stop, since they masked interrupts and waited for what it held: it gives them a
   * second, says so if it can, and goes on. Their registers are missing in the core.
   */
  readonly notStopped: readonly number[];
  readonly complaints: readonly string[];
}

/** Linux waits so long for CPUs that were told to stop, with a loop that counts time. */
const STOP_STEPS = 1_000_000_000;
/** What the crash kernel says when registers are missing. */
const NO_NOTE = /Warning: Zero PT_NOTE entries found/;

/** Below EL2 without VHE there is no SDEI. */
const CAUSES: Readonly<Record<Way, readonly Cause[]>> = {
  EL1: ['sdei', 'sdei-critical', 'gsiv', 'sea', 'sysrq'],
  VHE: ['sdei', 'sdei-critical', 'gsiv', 'sea', 'sysrq'],
  nVHE: ['gsiv', 'sea', 'sysrq'],
};
/** One loop stays in user mode, one makes processes, one moves files; for each CPU. */
const LOAD = [
  '(while :; do :; done) &',
  '(while :; do seq 1 500 | md5sum > /dev/null; done) &',
  '(while :; do cp /bin/busybox /tmp/$n; rm /tmp/$n; done) &',
].join(' ');
const WARM_UP_STEPS = 100_000_000;
const POINT_STEPS_MAX = 300_000_000;
const FREE_PA = 0x5540_0000n;

/** A busy machine to which one can come back. */
export class KdumpPoints {
  readonly plan: PointsPlan;
  readonly guest: KdumpGuest;
  private readonly busy: Snapshot;
  private readonly random: (below: number) => number;
  private count = 0;

  constructor(plan: PointsPlan) {
    this.plan = plan;
    this.random = numbers(plan.seed);
    this.guest = new KdumpGuest(plan);
    const wrong = this.guest.complaints(this.guest.boot());
    if (wrong.length > 0) throw new Error(`the first kernel: ${wrong.join('; ')}`);
    this.guest.command(`n=0; while [ $n -lt ${plan.cpus} ]; do ${LOAD} n=$((n + 1)); done`);
    this.guest.machine.run({ steps: WARM_UP_STEPS });
    this.busy = this.guest.machine.snapshot();
  }

  /** The next point: its kind goes through the list of causes, all else is drawn. */
  next(): PointResult {
    const { guest, plan, random } = this;
    const causes = CAUSES[plan.way];
    const point = this.count++;
    const cause = causes[point % causes.length]!;
    const step = random(POINT_STEPS_MAX);
    const pe = random(plan.cpus);
    guest.machine.restore(this.busy);
    guest.text = '';
    guest.machine.run({ steps: step });
    const entry = guest.crash(() => this.cause(cause, pe));
    const { pe: by, calls, deaf, steps } = entry;
    const notStopped = steps < STOP_STEPS ? [] : deaf.filter((n) => n !== by && !calls.includes(`${n} CPU_OFF = -`));
    const said = guest.complaints(guest.crashBoot()).filter((one) => notStopped.length === 0 || !NO_NOTE.test(one));
    const complaints = [...this.entryComplaints(entry, cause, notStopped), ...said];
    const { segments, odd, notes, wrong } = guest.core();
    if (notes === 0) complaints.push('the core has no notes');
    const comparedBytes = segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const all = [...complaints, ...wrong];
    return { point, cause, step, entry, comparedBytes, odd, notStopped, complaints: all };
  }

  private cause(cause: Cause, pe: number): void {
    const { machine } = this.guest;
    if (cause === 'sysrq') machine.console.input(new TextEncoder().encode('echo c > /proc/sysrq-trigger\n'));
    else {
      const addr = FREE_PA + BigInt(this.random(0x1000)) * 0x1000n;
      const where = cause === 'sea' ? {} : { pe };
      machine.ras.inject({ kind: 'memory', severity: 'fatal', notify: cause, addr, ...where });
    }
  }

  /** Every PE masks events and all but one go off; one that died in a handler completes the event. */
  private entryComplaints({ pe, el, calls }: Entry, cause: Cause, notStopped: readonly number[]): string[] {
    const { way, cpus } = this.plan;
    const wrong: string[] = [];
    if (el !== WAYS[way].level) wrong.push(`the crash kernel is entered at EL${el}`);
    for (let n = 0; n < cpus; n++) {
      if (notStopped.includes(n)) continue;
      if (way !== 'nVHE' && !calls.includes(`${n} SDEI_PE_MASK = 1`)) wrong.push(`PE ${n} does not mask events`);
      if (n !== pe && !calls.includes(`${n} CPU_OFF = -`)) wrong.push(`PE ${n} is not turned off`);
    }
    const completed = calls.filter((call) => call.includes('SDEI_EVENT_COMPLETE_AND_RESUME')).length;
    const wanted = cause.startsWith('sdei') ? 1 : 0;
    if (completed !== wanted) wrong.push(`${completed} events are completed, and not ${wanted}`);
    return wrong;
  }
}
