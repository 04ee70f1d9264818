import {
  atomic,
  compareAndSwap,
  type Hosted,
  hint,
  load,
  loadExclusive,
  lock,
  store,
  storeExclusive,
  unlock,
} from '../../src/engine/hosted/effects.ts';
import type { Machine } from '../../src/machine/machine.ts';
import { addTo, cpuOff, cpuOn, hostedMachine, powerOff, print, WORD, word } from '../support/explored.ts';

/** A kernel for two PEs that share counters, locks and messages, whose mistakes can be put in by name. */

const WORDS = [
  'ready',
  'finished',
  'lock',
  'counted',
  'added',
  'lockA',
  'lockB',
  'taken',
  'inside',
  'data',
  'flag',
  'request',
  'acknowledge',
  'references',
  'freed',
] as const;
const at = Object.fromEntries(WORDS.map((name, n) => [name, WORD(n)])) as Record<(typeof WORDS)[number], bigint>;

function* until(va: bigint): Hosted {
  while ((yield* load(va)) === 0n) yield* hint('yield');
}
function* panic(what: string): Hosted {
  yield* print(`Kernel panic - not syncing: ${what}\n`);
  yield* powerOff();
}

/** Parts of the kernel, as they are with a mistake. */
class SharingKernel {
  private readonly bug: string | undefined;

  constructor(bug: string | undefined) {
    this.bug = bug;
  }
  is(name: string): boolean {
    return this.bug === name;
  }

  *underLock(owner: bigint): Hosted {
    yield* lock(at.lock, owner);
    const n = yield* load(at.counted);
    if (this.is('early unlock')) yield* unlock(at.lock);
    yield* store(at.counted, n + 1n);
    if (!this.is('early unlock')) yield* unlock(at.lock);
  }
  *exclusive(): Hosted {
    for (;;) {
      const n = yield* loadExclusive(at.added);
      if ((yield* storeExclusive(at.added, n + 1n)) === 0n || this.is('missing exclusive retry')) break;
    }
  }
  *twoLocks(pe: number, owner: bigint): Hosted {
    const order = this.is('two locks in two orders') && pe === 1 ? [at.lockB, at.lockA] : [at.lockA, at.lockB];
    for (const va of order) yield* lock(va, owner);
    for (const va of order) yield* unlock(va);
  }
  *ownLock(): Hosted {
    if (this.is('lock tested, then set')) {
      while ((yield* load(at.taken)) !== 0n) yield* hint('yield');
      yield* store(at.taken, 1n);
    } else while ((yield* compareAndSwap(at.taken, 0n, 1n)) !== 0n) yield* hint('yield');
    yield* addTo(at.inside);
    yield* store(at.taken, 0n);
  }
  *send(): Hosted {
    const early = this.is('message sent before it is written');
    if (early) yield* store(at.flag, 1n);
    yield* store(at.data, 7n);
    if (!this.is('missing barrier')) yield* hint('dmb');
    if (!early) yield* store(at.flag, 1n);
  }
  *ask(): Hosted {
    if (!this.is('lost acknowledge')) yield* store(at.acknowledge, 0n);
    yield* store(at.request, 1n);
    if (this.is('lost acknowledge')) yield* store(at.acknowledge, 0n);
    yield* until(at.acknowledge);
  }
  *put(): Hosted {
    let left: bigint;
    if (this.is('reference dropped in two steps')) {
      left = (yield* load(at.references)) - 1n;
      yield* store(at.references, left);
    } else left = (yield* atomic('add', at.references, -1n)) - 1n;
    if (left === 0n) yield* atomic('add', at.freed, 1n);
  }
  *both(pe: number): Hosted {
    const owner = BigInt(pe + 1);
    yield* this.underLock(owner);
    yield* this.exclusive();
    yield* this.twoLocks(pe, owner);
    yield* this.ownLock();
    yield* this.put();
  }
  *verify(): Hosted {
    for (const name of ['counted', 'added', 'inside'] as const)
      if ((yield* load(at[name])) !== 2n) yield* panic(`'${name}' is not 2`);
    if ((yield* load(at.freed)) !== 1n) yield* panic('not freed once');
  }
}

/** The same kernel with one mistake, or with none. */
export function sharingKernel(bug: string | undefined): Machine {
  const kernel = new SharingKernel(bug);
  const machine: Machine = hostedMachine(
    {
      *main() {
        yield* store(at.references, 2n);
        yield* store(at.acknowledge, 0n);
        yield* cpuOn(1, machine.options.hosted!.address('second'));
        yield* store(at.ready, 1n);
        yield* kernel.both(0);
        yield* kernel.send();
        yield* kernel.ask();
        yield* until(at.finished);
        yield* kernel.verify();
        yield* powerOff();
      },
      *second() {
        yield* kernel.both(1);
        yield* until(at.flag);
        if ((yield* load(at.data)) !== 7n) yield* panic('message without data');
        yield* until(at.request);
        yield* store(at.acknowledge, 1n);
        yield* store(at.finished, 1n);
        yield* cpuOff();
      },
    },
    { cpus: 2 },
  );
  machine.runUntil((m) => word(m, at.ready) === 1n);
  return machine;
}
