/**
 * The hosted program of conformance cases: one for all of them, so that one machine can run one case after another. Its
 * functions are those of the case that is on stage.
 */
import { become, type Hosted, load, msr, smc, store, writeX } from '../engine/hosted/effects.ts';
import { type HostedFunction, HostedProgram, type HostedSource } from '../engine/hosted/program.ts';
import { CaseFailure, type ConformanceCase } from './case.ts';
import { GICD_PA, GICR_SGI_PA, Guest, type Target } from './guest.ts';
import { HOST_PA, HOST_REQUEST, SERVANT_BYTES, SERVANT_PA, STACKS_PA } from './layout.ts';

const PSCI_CPU_ON = 0xc400_0003n;
/** Word of a PE among those it is served by: it waits for something to do. */
const SERVANT_READY = 7;
/** Most functions of one case. */
const SLOTS = 16;

/** See the head of the file. */
export class Stage {
  readonly program: HostedProgram;
  readonly guest: Guest;
  private names: readonly string[] = [];
  private own: Readonly<Record<string, HostedFunction>> = {};

  /**
   * @param cpus - PEs of the machines it is for; each case finds them all on
   * @param make - makes the program, when there is more in it than the cases
   */
  constructor(target: Target, cpus: number, make = (source: HostedSource) => new HostedProgram(source)) {
    this.guest = new Guest(target, (name) => this.at(name));
    const slots = Array.from({ length: SLOTS }, (_, n): [string, HostedFunction] => [
      `slot${n}`,
      (entry) => this.own[this.names[n]!]!(entry),
    ]);
    const functions = { ...frame(this.guest, cpus, (name) => this.own[name]), ...Object.fromEntries(slots) };
    const group = { sync: 'sync', irq: 'irq', fiq: 'other', serror: 'other' };
    const vectors = { vectors: { currentSp0: group, currentSpx: group, lower64: group } };
    this.program = make({ functions, vectors });
    this.guest.vectors = this.program.vectors('vectors');
  }

  /** The case that runs from now on. */
  set(c: ConformanceCase): void {
    this.own = c.functions(this.guest);
    this.names = Object.keys(this.own);
    if (this.names.length > SLOTS) throw new Error(`assertion: '${c.name}' has more than ${SLOTS} functions`);
  }

  private at(name: string): bigint {
    const slot = this.names.indexOf(name);
    return this.program.address(slot < 0 ? name : `slot${slot}`);
  }
  /** A message about the program, with the names that the case gave its functions. */
  named(message: string): string {
    return message.replace(/\bslot(\d+)\b/g, (_, n) => this.names[Number(n)] ?? 'a function of another case');
  }
}

/** Functions that every case has: bring-up of the PEs, PEs that do what PE 0 asks, and vectors. */
function frame(
  guest: Guest,
  cpus: number,
  own: (name: string) => HostedFunction | undefined,
): Record<string, HostedFunction> {
  const vector =
    (name: string, kind: string): HostedFunction =>
    (entry) =>
      own(name)?.(entry) ?? unexpected(kind, entry.pe);
  const word = (pe: number, n: number): bigint => SERVANT_PA + BigInt(pe) * SERVANT_BYTES + BigInt(8 * n);
  const { conduit } = guest.target;
  return {
    *boot() {
      yield* setUp(guest, 0);
      for (let pe = 1; pe < cpus; pe++) {
        // Behind a reset of the system they are as the run before it left them.
        for (const n of [0, SERVANT_READY]) yield* store(word(pe, n), 0n);
        if (conduit === 'smc') yield* smc(PSCI_CPU_ON, BigInt(pe), guest.at('servant'), BigInt(pe));
        else yield* guest.callId(PSCI_CPU_ON, pe, guest.at('servant'), pe);
        while ((yield* load(word(pe, SERVANT_READY))) === 0n) yield* guest.others(1);
      }
      yield* become('start');
    },
    *start(entry) {
      yield* own('main')!(entry);
      yield* guest.passed();
    },
    *servant({ x }) {
      const pe = Number(x[0]!);
      yield* setUp(guest, pe);
      yield* store(word(pe, SERVANT_READY), 1n);
      yield* become('serve', x[0]!);
    },
    *serve({ x }) {
      yield* guest.serve(Number(x[0]!));
      yield* become('serve', x[0]!);
    },
    sync: vector('sync', 'synchronous'),
    irq: vector('irq', 'IRQ'),
    other: vector('other', 'FIQ or SError'),
  };
}

function* unexpected(kind: string, pe: number): Hosted {
  yield* store(HOST_PA, HOST_REQUEST.NONE);
  throw new CaseFailure(`an unexpected ${kind} exception was taken on PE ${pe}`);
}

/** Stack, vectors and interrupt controller of a PE, with everything masked. */
function* setUp(guest: Guest, pe: number): Hosted {
  yield* writeX(31, STACKS_PA + BigInt(pe) * 0x1000n);
  yield* msr(guest.reg('VBAR'), guest.vectors);
  if (pe === 0) yield* store(GICD_PA, 0x32n, 4);
  yield* store(GICR_SGI_PA(pe) - 0x1_0000n + 0x14n, 0n, 4);
  yield* msr(guest.reg('ICC_SRE'), 7n);
}
