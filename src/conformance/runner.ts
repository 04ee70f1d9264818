/** Runs conformance cases, each on a machine of its own. */
import { become, type Hosted, load, msr, smc, store, writeX } from '../engine/hosted/effects.ts';
import { HostedError } from '../engine/hosted/errors.ts';
import { type HostedFunction, HostedProgram } from '../engine/hosted/program.ts';
import { Machine } from '../machine/machine.ts';
import type { MachineOptions } from '../machine/options.ts';
import { CaseFailure, type ConformanceCase, type Requirement } from './case.ts';
import { GICD_PA, GICR_SGI_PA, Guest, type Target } from './guest.ts';
import { HOST_PA, HOST_REQUEST, SERVANT_BYTES, SERVANT_PA, STACKS_PA } from './layout.ts';

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
  /** Called before a case runs; for mutants and traces. */
  readonly prepare?: (machine: Machine) => void;
  /** Sentences known not to hold, with the reason. */
  readonly expectedFailures?: ReadonlyMap<string, string>;
}

/** Steps after which a case is given up. */
export const CASE_STEPS_MAX = 100_000;
const PSCI_CPU_ON = 0xc400_0003n;
const SERVANT_READY = 7;

/** Functions that every case has: bring-up of the PEs, and PEs that do what PE 0 asks. */
function frame(
  guest: Guest,
  cpus: number,
  own: Readonly<Record<string, HostedFunction>>,
): Record<string, HostedFunction> {
  const unexpected = (kind: string): HostedFunction =>
    function* ({ pe }) {
      yield* store(HOST_PA, HOST_REQUEST.NONE);
      throw new CaseFailure(`an unexpected ${kind} exception was taken on PE ${pe}`);
    };
  const ready = (pe: number): bigint => SERVANT_PA + BigInt(pe) * SERVANT_BYTES + BigInt(8 * SERVANT_READY);
  const { conduit } = guest.target;
  return {
    *boot() {
      yield* setUp(guest, 0);
      // Behind a reset of the system they are as the run before it left them.
      for (let pe = 1; pe < cpus; pe++) {
        for (const word of [0, SERVANT_READY]) yield* store(ready(pe) - BigInt(8 * (SERVANT_READY - word)), 0n);
        if (conduit === 'smc') yield* smc(PSCI_CPU_ON, BigInt(pe), guest.at('servant'), BigInt(pe));
        else yield* guest.callId(PSCI_CPU_ON, pe, guest.at('servant'), pe);
        while ((yield* load(ready(pe))) === 0n) yield* guest.others(1);
      }
      yield* become('start');
    },
    *start(entry) {
      yield* own.main!(entry);
      yield* store(HOST_PA, HOST_REQUEST.PASSED);
      for (;;) yield* guest.settle(1);
    },
    *servant({ x }) {
      const pe = Number(x[0]!);
      yield* setUp(guest, pe);
      yield* store(ready(pe), 1n);
      yield* become('serve', x[0]!);
    },
    *serve({ x }) {
      yield* guest.serve(Number(x[0]!));
      yield* become('serve', x[0]!);
    },
    unexpectedSync: unexpected('synchronous'),
    unexpectedIrq: unexpected('IRQ'),
    unexpectedOther: unexpected('FIQ or SError'),
    ...own,
  };
}

/** Stack, vectors and interrupt controller of a PE, with everything masked. */
function* setUp(guest: Guest, pe: number): Hosted {
  yield* writeX(31, STACKS_PA + BigInt(pe) * 0x1000n);
  yield* msr(guest.reg('VBAR'), guest.program!.vectors('vectors'));
  if (pe === 0) yield* store(GICD_PA, 0x32n, 4);
  yield* store(GICR_SGI_PA(pe) - 0x1_0000n + 0x14n, 0n, 4);
  yield* msr(guest.reg('ICC_SRE'), 7n);
}

/** Places the functions of a case with the frame around them. */
export function programOf(c: ConformanceCase, guest: Guest): HostedProgram {
  const own = c.functions(guest);
  const functions = frame(guest, c.cpus, own);
  const group = {
    sync: own.sync ? 'sync' : 'unexpectedSync',
    irq: own.irq ? 'irq' : 'unexpectedIrq',
    fiq: 'unexpectedOther',
    serror: 'unexpectedOther',
  };
  const vectors = { vectors: { currentSp0: group, currentSpx: group, lower64: group } };
  guest.program = new HostedProgram({ functions, vectors });
  return guest.program;
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
  const lacking = c.needs.find((need) => implementation.lacks[need] !== undefined);
  if (lacking) return result('SKIP', implementation.lacks[lacking]);
  const guest = new Guest(implementation.target);
  const hosted = programOf(c, guest);
  const machine = Machine.create({
    memoryBytes: 16 * 2 ** 20,
    ...implementation.machine,
    cpus: c.cpus,
    hosted,
    ...(implementation.install ? {} : { entry: 'boot' }),
  });
  const install = (): void => implementation.install?.(machine, hosted.address('boot'));
  install();
  implementation.prepare?.(machine);
  const known = implementation.expectedFailures?.get(c.name);
  const failure = drive(machine, install);
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
function drive(machine: Machine, install: () => void): string | undefined {
  let passed = false;
  const look = (): boolean => {
    if (machine.readMemory(HOST_PA, 1)[0] === 0) return false;
    passed = request(machine);
    return passed;
  };
  try {
    const run = () => machine.runUntil(look, { steps: Math.max(CASE_STEPS_MAX - machine.steps, 0) }).reason;
    let reason = run();
    while (reason === 'reset') {
      machine.reset();
      install();
      reason = run();
    }
    if (passed) return undefined;
    if (reason === 'limit') return `it did not end within ${CASE_STEPS_MAX} steps: ${whereabouts(machine)}`;
    if (reason === 'idle') return `nothing can happen any more: ${whereabouts(machine)}`;
    return `the machine ended by ${reason}`;
  } catch (error) {
    if (error instanceof HostedError && error.cause instanceof CaseFailure) return error.cause.message;
    if (error instanceof HostedError) return error.message;
    throw error;
  }
}

function whereabouts(machine: Machine): string {
  return machine.pes
    .map((pe) => `PE ${pe.s.index} at ${machine.hosted?.describe(pe.s.pc) ?? `0x${pe.s.pc.toString(16)}`}`)
    .join(', ');
}

/** Does what the guest asks; true when the case is over. */
function request(machine: Machine): boolean {
  const view = new DataView(machine.readMemory(HOST_PA, 40).slice().buffer);
  const word = (n: number): number => Number(view.getBigUint64(8 * n, true));
  const operation = view.getBigUint64(0, true);
  if (operation === HOST_REQUEST.PASSED) return true;
  const [a, b, c, delaySteps] = [word(1), word(2), word(3), word(4)];
  const act = (): void => {
    if (operation === HOST_REQUEST.LINE) machine.gic.set(a, b !== 0, { pe: c });
    else if (operation === HOST_REQUEST.RAISE) machine.sdei.signal(a, { pe: b });
    else if (operation === HOST_REQUEST.SECURE) machine.gic.firmware.take(a, b, SECURE_PRIORITY);
  };
  if (delaySteps === 0) act();
  else machine.at(machine.steps + delaySteps, act);
  machine.writeMemory(HOST_PA, new Uint8Array(8));
  return false;
}

/** Priority of interrupts of Secure software, where two security states are. */
const SECURE_PRIORITY = 0x40;
