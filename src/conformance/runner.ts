/** Runs conformance cases, each from the start of a machine. */
import { HostedError } from '../engine/hosted/errors.ts';
import type { HostedProgram, HostedSource } from '../engine/hosted/program.ts';
import { Machine } from '../machine/machine.ts';
import type { MachineOptions } from '../machine/options.ts';
import type { Snapshot } from '../machine/types.ts';
import { CaseFailure, type ConformanceCase, type Policy, type Requirement } from './case.ts';
import type { Target } from './guest.ts';
import { HOST_PA, HOST_REQUEST } from './layout.ts';
import { Stage } from './stage.ts';

/** How a case ended. */
export type CaseStatus = 'PASS' | 'FAIL' | 'SKIP' | 'XFAIL';

/** One case, run. */
export interface CaseResult {
  readonly name: string;
  readonly group: string;
  readonly status: CaseStatus;
  /** Why, unless it passed. */
  readonly why: string | undefined;
  readonly steps: number;
}

/** A dispatcher, and the machine it is on. */
export interface Implementation {
  readonly target: Target;
  /** What it lacks; cases that need it are skipped, with the reason. */
  readonly lacks: Readonly<Partial<Record<Requirement, string>>>;
  /** Options of the machine that has it, without hosted code. */
  readonly machine: MachineOptions;
  /**
   * Puts a dispatcher in machine code at EL3 into the machine. It must hand over to `entry`, in hosted code, at the
   * client's Exception level. Without it the machine's own firmware is tested.
   */
  readonly install?: (machine: Machine, entry: bigint) => void;
  /** A dispatcher in hosted code, which starts the cases at their function `boot`; otherwise they start by themselves. */
  readonly hosted?: (cpus: number) => HostedDispatcher;
  /** Steps after which a case is given up; default `CASE_STEPS_MAX`. */
  readonly stepsMax?: number;
  /** Called before a case runs; for mutants and traces. */
  readonly prepare?: (machine: Machine) => void;
  /** Sentences known not to hold, with the reason. */
  readonly expectedFailures?: ReadonlyMap<string, string>;
}

/** A dispatcher in hosted code, and what cases ask of it from outside. */
export interface HostedDispatcher {
  /** Function with which PE 0 starts. */
  readonly entry: string;
  /** The program of the dispatcher and the cases together. */
  program(source: HostedSource): HostedProgram;
  /** Raises an explicit event. */
  raise(machine: Machine, event: number, pe: number): void;
  /** An interrupt becomes one that is not the client's. */
  withhold(machine: Machine, intid: number): void;
}

/** Steps after which a case is given up. */
export const CASE_STEPS_MAX = 40_000;

/** A machine with the dispatcher, at its start. */
interface Bench {
  readonly machine: Machine;
  readonly stage: Stage;
  readonly start: Snapshot;
  readonly hosted: HostedDispatcher | undefined;
}

/** Machines are made once for each number of PEs: most cases are over in a hundredth of the time that takes. */
const BENCHES = new WeakMap<Implementation, Map<number, Bench>>();

function benchOf(implementation: Implementation, cpus: number): Bench {
  const benches = BENCHES.get(implementation) ?? new Map<number, Bench>();
  BENCHES.set(implementation, benches);
  const found = benches.get(cpus);
  if (found) return found;
  const hosted = implementation.hosted?.(cpus);
  const stage = new Stage(implementation.target, cpus, hosted && ((source) => hosted.program(source)));
  const machine = Machine.create({
    memoryBytes: 16 * 2 ** 20,
    ...implementation.machine,
    cpus,
    hosted: stage.program,
    ...(implementation.install ? {} : { entry: hosted?.entry ?? 'boot' }),
  });
  implementation.install?.(machine, stage.program.address('boot'));
  const bench = { machine, stage, start: machine.snapshot(), hosted };
  benches.set(cpus, bench);
  return bench;
}

/** What a dispatcher refuses by the choices of its profile. */
function refusals({ signalUnready, explicitUnready }: Policy): Implementation['lacks'] {
  const why = 'this profile refuses what cannot be taken at once';
  return {
    ...(signalUnready === 'pending' ? {} : { 'signals that wait': why }),
    ...(explicitUnready === 'pending' ? {} : { 'explicit events that wait': why }),
  };
}

/** Runs one case. */
export function runCase(c: ConformanceCase, implementation: Implementation): CaseResult {
  const result = (status: CaseStatus, why: string | undefined, steps = 0): CaseResult => ({
    name: c.name,
    group: c.group,
    status,
    why,
    steps,
  });
  const lacks = { ...refusals(implementation.target.policy), ...implementation.lacks };
  const lacking = c.needs.find((need) => lacks[need] !== undefined);
  if (lacking) return result('SKIP', lacks[lacking]);
  const bench = benchOf(implementation, c.cpus);
  const { machine, stage } = bench;
  machine.restore(bench.start);
  stage.set(c);
  implementation.prepare?.(machine);
  const known = implementation.expectedFailures?.get(c.name);
  const failure = drive(bench, implementation);
  if (failure === undefined) {
    return known === undefined
      ? result('PASS', undefined, machine.steps)
      : result('FAIL', `it holds, but is listed as known not to: ${known}`, machine.steps);
  }
  return known === undefined
    ? result('FAIL', failure, machine.steps)
    : result('XFAIL', `${known} (${failure})`, machine.steps);
}

/** Runs a case to its end, through resets that it asks for; why it failed, or undefined. */
function drive({ machine, stage, hosted }: Bench, implementation: Implementation): string | undefined {
  const { install, stepsMax = CASE_STEPS_MAX } = implementation;
  let passed = false;
  const look = (): boolean => {
    if (machine.readMemory(HOST_PA, 1)[0] === 0) return false;
    passed = request(machine, hosted);
    return passed;
  };
  const run = () => machine.runUntil(look, { steps: Math.max(stepsMax - machine.steps, 0) }).reason;
  try {
    let reason = run();
    while (reason === 'reset') {
      machine.reset();
      install?.(machine, stage.program.address('boot'));
      reason = run();
    }
    if (passed) return undefined;
    const where = stage.named(whereabouts(machine));
    if (reason === 'limit') return `it did not end within ${stepsMax} steps: ${where}`;
    if (reason === 'idle') return `nothing can happen any more: ${where}`;
    return `the machine ended by ${reason}`;
  } catch (error) {
    if (error instanceof HostedError && error.cause instanceof CaseFailure) return error.cause.message;
    if (error instanceof HostedError) return stage.named(error.message);
    throw error;
  }
}

function whereabouts(machine: Machine): string {
  return machine.pes
    .map((pe) => `PE ${pe.s.index} at ${machine.hosted?.describe(pe.s.pc) ?? `0x${pe.s.pc.toString(16)}`}`)
    .join(', ');
}

/** Does what the guest asks; true when the case is over. */
function request(machine: Machine, hosted: HostedDispatcher | undefined): boolean {
  const view = new DataView(machine.readMemory(HOST_PA, 40).slice().buffer);
  const word = (n: number): number => Number(view.getBigUint64(8 * n, true));
  const operation = view.getBigUint64(0, true);
  if (operation === HOST_REQUEST.PASSED) return true;
  const [a, b, c, delaySteps] = [word(1), word(2), word(3), word(4)];
  const act = (): void => {
    if (operation === HOST_REQUEST.LINE) machine.gic.set(a, b !== 0, { pe: c });
    else if (operation === HOST_REQUEST.RAISE) {
      if (hosted) hosted.raise(machine, a, b);
      else machine.sdei.signal(a, { pe: b });
    } else if (operation === HOST_REQUEST.SECURE) {
      if (hosted) hosted.withhold(machine, a);
      else machine.gic.firmware.take(a, b, SECURE_PRIORITY);
    }
  };
  if (delaySteps === 0) act();
  else machine.at(machine.steps + delaySteps, act);
  machine.writeMemory(HOST_PA, new Uint8Array(8));
  return false;
}

/** Priority of interrupts of Secure software, where two security states are. */
const SECURE_PRIORITY = 0x40;
