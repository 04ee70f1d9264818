import type { ProfileName } from '../../src/arch/profiles.ts';
import { LinuxGuest, TROUBLE } from './guest.ts';

/** What one machine of the soak is, and how long it is soaked. */
export interface SoakPlan {
  readonly kernel: 'Image' | 'Image-rt';
  readonly cpu: ProfileName;
  readonly cpus: number;
  /** Times that every secondary CPU goes offline and online again under load. */
  readonly rounds: number;
}

/** What the kernel's detectors of RCU stalls, soft lockups and hung tasks say when they see one. */
export const DETECTED = /\bstall|soft lockup|blocked for more than/;

/** Lines of the kernel that are not those of a healthy one, in what the console showed. */
export function complaints(text: string): string[] {
  const lines = [...text.matchAll(/\[ *\d+\.\d{6}\](?:\[ *[CT]\d+\])? [^\r\n]*/g)].map(([line]) => line);
  return lines.filter((line) => TROUBLE.test(line) || DETECTED.test(line));
}

/**
 * The detectors at their most impatient, so that seconds of guest time are enough for them to speak: a soft lockup
 * after 2 s, an RCU stall after 3 s, a hung task after 2 s.
 */
const IMPATIENT = [
  'echo 1 > /proc/sys/kernel/watchdog_thresh',
  'echo 3 > /sys/module/rcupdate/parameters/rcu_cpu_stall_timeout',
  'echo 2 > /proc/sys/kernel/hung_task_timeout_secs',
];
const DETECTORS_ON = 'cd /proc/sys/kernel; cat soft_watchdog watchdog_thresh hung_task_timeout_secs; cd /';

/** Longest turn of the others while one CPU gets none. */
const STARVING_TURN_STEPS = 1_000_000;

/** The list of CPUs without one of them, as the kernel prints it: `0-2,4-7`. */
function without(cpu: number, cpus: number): string {
  const range = (from: number, to: number): string[] => (from > to ? [] : [from === to ? `${from}` : `${from}-${to}`]);
  return [...range(0, cpu - 1), ...range(cpu + 1, cpus - 1)].join(',');
}

/** Debian's kernel with every CPU busy. Each method ends with an Error when the guest is not well afterwards. */
export class Soak {
  readonly plan: SoakPlan;
  readonly guest: LinuxGuest;

  constructor(plan: SoakPlan) {
    this.plan = plan;
    this.guest = new LinuxGuest(plan);
  }

  /** Boots to the shell with all CPUs online; steps it took. */
  boot(): number {
    const reason = this.guest.untilPrompt();
    if (!this.guest.atPrompt) throw new Error(`the boot ended: ${reason}\n${this.guest.text.slice(-2000)}`);
    const { steps } = this.guest.machine;
    this.check();
    this.answers('cat /sys/devices/system/cpu/online', this.allOnline());
    return steps;
  }

  /** Starts two loops for each CPU, one that never leaves user mode for long and one that makes processes. */
  load(): void {
    // Else the shell breaks the lines that it echoes at column 80.
    this.guest.command('stty columns 400');
    for (const line of IMPATIENT) this.guest.command(line);
    this.answers(DETECTORS_ON, '1\n1\n2\n');
    const loops = '(while :; do :; done) & (while :; do seq 1 500 | md5sum > /dev/null; done) &';
    this.guest.command(`n=0; while [ $n -lt ${this.plan.cpus} ]; do ${loops} n=$((n + 1)); done`);
    const before = this.busyTicks();
    this.guest.command('sleep 0.3');
    this.busyTicks().forEach((ticks, cpu) => {
      if (!(ticks > before[cpu]!))
        throw new Error(`CPU ${cpu} does no work: ${before[cpu]} to ${ticks} ticks of 10 ms`);
    });
    this.check();
  }

  /** One round: each secondary CPU goes offline (PSCI CPU_OFF) and comes back (CPU_ON). */
  round(): void {
    const secondaries = Array.from({ length: this.plan.cpus - 1 }, (_, n) => n + 1);
    // The shell alone: each program that it started would wait for its turn behind the load.
    const one = 'f=cpu$c/online; echo 0 > $f; read a < $f; read b < online; echo 1 > $f; read d < online';
    const loop = `for c in ${secondaries.join(' ')}; do ${one}; echo $c $a $b $d; done`;
    const line = `cd /sys/devices/system/cpu; ${loop}; cd /`;
    const all = this.allOnline().trim();
    const expected = secondaries.map((cpu) => `${cpu} 0 ${without(cpu, this.plan.cpus)} ${all}\n`).join('');
    this.answers(line, expected);
    this.check();
  }

  /** Ends the loops and powers off. */
  end(): void {
    this.guest.command('kill $(jobs -p); wait');
    this.check();
    const reason = this.guest.lastCommand('poweroff -f');
    if (reason !== 'poweroff') throw new Error(`'poweroff -f' ended the run: ${reason}`);
    this.check();
  }

  /**
   * Gives the last CPU no turn while the others work for so long; what the detectors then say. That they are quiet
   * otherwise means something only when they speak now.
   */
  starve(seconds: number): string[] {
    const { guest, plan } = this;
    const others = plan.cpus - 1;
    const turns = Math.ceil((seconds * 1e9) / STARVING_TURN_STEPS);
    const list = Array.from({ length: turns }, (_, n) => ({ pe: n % others, steps: STARVING_TURN_STEPS }));
    guest.machine.useSchedule({ kind: 'list', turns: list });
    const before = guest.text.length;
    guest.machine.run({ steps: Math.ceil(seconds * 1.3e9) });
    return complaints(guest.text.slice(before));
  }

  /** Ticks each CPU has spent in user and kernel mode: "user" and "system" of /proc/stat. */
  private busyTicks(): number[] {
    const rows = this.answers("grep '^cpu[0-9]' /proc/stat").trim().split('\n');
    return rows.map((row) => Number(row.split(' ')[1]) + Number(row.split(' ')[3]));
  }

  private allOnline(): string {
    return this.plan.cpus === 1 ? '0\n' : `0-${this.plan.cpus - 1}\n`;
  }

  /** What a command wrote, without what the kernel wrote in between. */
  private answers(line: string, expected?: string): string {
    const answer = this.guest.command(line).replace(/\[ *\d+\.\d{6}\][^\n]*\n/g, '');
    if (expected !== undefined && answer !== expected)
      throw new Error(`'${line}' answers '${answer}', not '${expected}'`);
    return answer;
  }

  private check(): void {
    const found = [...complaints(this.guest.text), ...this.guest.reports];
    if (found.length > 0) throw new Error(`the guest is not well:\n${found.slice(0, 20).join('\n')}`);
  }
}
