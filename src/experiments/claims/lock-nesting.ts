import {
  atomic,
  compareAndSwap,
  eret,
  finalCall,
  type Hosted,
  hint,
  load,
  mrs,
  msr,
  msrImmediate,
  nop,
  smc,
  store,
} from '../../engine/hosted/effects.ts';
import { HostedProgram } from '../../engine/hosted/program.ts';
import { SDEI_FUNCTIONS } from '../../firmware/sdei/functions.ts';
import { GICV3 } from '../../os/kit/gic.ts';
import { EVENT } from '../errors.ts';
import type { Experiment } from '../experiment.ts';
import { Rig } from '../rig.ts';

const SPI = { irq: 100, nmi: 101 } as const;
/** Locks: a word each, [0] taken, above it the tail of the queue. */
const LOCKS_PA = 0x4010_0000n;
/** Nodes of PE 0, and what lies behind them. */
const NODES_PA = 0x4010_1000n;
const NODE_BYTES = 16n;
/** Nodes that a CPU has: task, soft interrupt, interrupt, NMI. Linux, `kernel/locking/qspinlock.c`. */
const NODES = 4n;
const NEIGHBOUR_PA: bigint = NODES_PA + NODES * NODE_BYTES;
const CANARY = 0x5afe_5afe_5afe_5afen;
const COUNT_PA = 0x4010_2000n;
const DEEPEST_PA: bigint = COUNT_PA + 8n;
const STAGE_PA: bigint = COUNT_PA + 16n;
const LOCKS = 5;
const lockPa = (n: number): bigint => LOCKS_PA + BigInt(64 * n);
const fid = (name: keyof typeof SDEI_FUNCTIONS): bigint => BigInt(SDEI_FUNCTIONS[name]);

/** Takes a queued spin lock that somebody holds: MCS nodes, one for each context of the CPU that waits. */
function* queuedLock(lock: bigint, fallsBack: boolean): Hosted {
  const depth = yield* load(COUNT_PA);
  yield* store(COUNT_PA, depth + 1n);
  if (depth + 1n > (yield* load(DEEPEST_PA))) yield* store(DEEPEST_PA, depth + 1n);
  if (depth >= NODES && fallsBack) {
    // No node is left: no place in the queue, no fairness, but the lock in the end.
    while ((yield* compareAndSwap(lock, 0n, 1n)) !== 0n) yield* hint('yield');
  } else {
    const node = NODES_PA + depth * NODE_BYTES;
    yield* store(node, 0n);
    yield* store(node + 8n, 0n);
    const before = yield* atomic('swp', lock + 8n, node);
    if (before !== 0n) {
      yield* store(before, node);
      while ((yield* load(node + 8n)) === 0n) yield* hint('yield');
    }
    while ((yield* compareAndSwap(lock, 0n, 1n)) !== 0n) yield* hint('yield');
    if ((yield* compareAndSwap(lock + 8n, node, 0n)) !== node) {
      let next = 0n;
      while (next === 0n) next = yield* load(node);
      yield* store(next + 8n, 1n);
    }
  }
  yield* store(COUNT_PA, (yield* load(COUNT_PA)) - 1n);
  yield* store(lock, 0n);
}

/** How deep contexts of arm64 nest that wait for locks. */
export const lockNesting: Experiment = {
  name: 'lock-nesting',
  claim:
    'Five contexts of one CPU (task, interrupt, NMI, normal and critical SDEI event) that all wait for locks get them ' +
    'all, although a CPU has four queue nodes.',
  source: 'Linux 5.1, `queued_spin_lock_slowpath()`: "4 nodes are allocated"; cover letter of the GHES series',
  control: 'the fifth context takes the node behind the last, as before 5.1',
  run({ control }) {
    const take = (n: number): Hosted => queuedLock(lockPa(n), !control);
    const irq = function* (): Hosted {
      const elr = yield* mrs('ELR_EL1');
      const spsr = yield* mrs('SPSR_EL1');
      const intid = yield* mrs('ICC_IAR1_EL1');
      const nmi = intid === BigInt(SPI.nmi);
      if (!nmi) yield* msrImmediate('DAIFClr', 3);
      yield* take(nmi ? 2 : 1);
      yield* msrImmediate('DAIFSet', 3);
      yield* msr('ICC_EOIR1_EL1', intid);
      yield* msr('ELR_EL1', elr);
      yield* msr('SPSR_EL1', spsr);
      yield* eret();
    };
    const event = (n: number) =>
      function* (): Hosted {
        yield* take(n);
        yield* finalCall('smc', fid('SDEI_EVENT_COMPLETE'), 0n);
      };
    const program: HostedProgram = new HostedProgram({
      functions: {
        *main() {
          yield* msr('VBAR_EL1', program.vectors('kernel'));
          yield* GICV3.initDistributor(0xc0n);
          yield* GICV3.initCpu(0, { priority: 0xc0n, pmr: 0xf0n });
          yield* GICV3.setPriority(SPI.nmi, 0, 0x80n);
          for (const intid of Object.values(SPI)) yield* GICV3.enable(intid, 0);
          for (const [number, name] of [
            [EVENT.normal, 'normal'],
            [EVENT.critical, 'critical'],
          ] as const) {
            yield* smc(fid('SDEI_EVENT_REGISTER'), BigInt(number), program.address(name), 0n, 0n, 0n);
            yield* smc(fid('SDEI_EVENT_ENABLE'), BigInt(number));
          }
          yield* smc(fid('SDEI_PE_UNMASK'));
          yield* msrImmediate('DAIFClr', 3);
          yield* store(STAGE_PA, 1n);
          yield* take(0);
          yield* nop();
          yield* finalCall('smc', 0x8400_0008n);
        },
        irq,
        normal: event(3),
        critical: event(4),
      },
      vectors: { kernel: { currentSpx: { irq: 'irq' } } },
    });
    const rig = new Rig({ hosted: program, entry: 'main' });
    const { machine } = rig;
    // Another CPU, played from outside, holds every lock.
    for (let n = 0; n < LOCKS; n++) rig.setWord(lockPa(n), 1n);
    rig.setWord(NEIGHBOUR_PA, CANARY);
    rig.setWord(NEIGHBOUR_PA + 8n, CANARY);
    rig.until(STAGE_PA, 1n);
    const nested = (depth: bigint, come: () => void): void => {
      come();
      rig.until(COUNT_PA, depth);
      machine.run({ steps: 40 });
    };
    nested(1n, () => {});
    nested(2n, () => machine.gic.set(SPI.irq, true));
    nested(3n, () => machine.gic.set(SPI.nmi, true));
    nested(4n, () => machine.sdei.signal(EVENT.normal));
    nested(5n, () => machine.sdei.signal(EVENT.critical));
    machine.gic.set(SPI.irq, false);
    machine.gic.set(SPI.nmi, false);
    for (let n = LOCKS - 1; n >= 0; n--) {
      rig.setWord(lockPa(n), 0n);
      machine.run({ steps: 200 });
    }
    const { kind } = rig.finish();
    const deepest = rig.word(DEEPEST_PA);
    const intact = rig.word(NEIGHBOUR_PA) === CANARY && rig.word(NEIGHBOUR_PA + 8n) === CANARY;
    const behind = intact ? 'what lies behind the nodes is as it was' : 'what lies behind the nodes was overwritten';
    return {
      holds: kind === 'off' && deepest === 5n && intact,
      evidence: [`${deepest} contexts waited at once; ${kind === 'off' ? 'all got their locks' : kind}; ${behind}`],
    };
  },
};
