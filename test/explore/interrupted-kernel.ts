import {
  atomic,
  eret,
  finalCall,
  type Hosted,
  hint,
  load,
  lock,
  mrs,
  msr,
  msrImmediate,
  readX,
  smc,
  store,
  svc,
  unlock,
  wfi,
  writeX,
} from '../../src/engine/hosted/effects.ts';
import type { Machine } from '../../src/machine/machine.ts';
import { GICV3 } from '../../src/os/kit/gic.ts';
import { addTo, hostedMachine, listen, powerOff, print, RAM, WORD, word } from '../support/explored.ts';

/**
 * A kernel for one PE with an interrupt, a timer, an SDEI handler and what they share, whose mistakes can be put in by
 * name. It looks at itself when it ends, and panics when something is wrong.
 */

/** SPI of its device. */
export const DEVICE_INTID = 40;
const TIMER_INTID = 27;
const STACK_TOP = RAM + 0x8000n;
const FRAME_BYTES = 0x40n;
/** What the main path keeps in registers that handlers have to leave alone. */
const COOKIE = 0x600d_c00cn;
const POISON = 0xdead_0000n;
/** Counts of 16 ns until the timeout. */
const TIMEOUT_COUNTS = 16n;
const SDEI_COMPLETE = 0xc400_0025n;
const SDEI_PE_MASK = 0xc400_002bn;

const WORDS = [
  'ready',
  'ticks',
  'twin',
  'handled',
  'data',
  'valid',
  'work',
  'requested',
  'done',
  'wake',
  'lock',
  'count',
  'nmis',
  'sequence',
  'first',
  'second',
  'head',
  'node',
  'logged',
  'saved',
] as const;
const at = Object.fromEntries(WORDS.map((name, n) => [name, WORD(n)])) as Record<(typeof WORDS)[number], bigint>;
/** Entries of the log. */
const LOG = WORD(64);

function* panic(what: string): Hosted {
  yield* msrImmediate('DAIFSet', 15);
  yield* print(`Kernel panic - not syncing: ${what}\n`);
  yield* powerOff();
}
function* save(): Hosted<bigint> {
  const flags = yield* mrs('DAIF');
  yield* msrImmediate('DAIFSet', 2);
  return flags;
}
const restore = (flags: bigint): Hosted => msr('DAIF', flags);

/** Parts of the kernel, as they are with a mistake. */
class InterruptedKernel {
  private readonly bug: string | undefined;

  constructor(bug: string | undefined) {
    this.bug = bug;
  }
  is(name: string): boolean {
    return this.bug === name;
  }

  *setUp(machine: () => Machine): Hosted {
    const program = machine().options.hosted!;
    yield* writeX(31, STACK_TOP);
    yield* msr('VBAR_EL1', program.vectors('own'));
    yield* GICV3.initDistributor();
    yield* GICV3.initCpu(0);
    // GICD_ICFGR2: the device's interrupt is edge-triggered.
    yield* store(0x0800_0c08n, 2n << BigInt((DEVICE_INTID % 16) * 2), 4);
    yield* GICV3.route(DEVICE_INTID, 0);
    for (const intid of [DEVICE_INTID, TIMER_INTID]) yield* GICV3.enable(intid, 0);
    yield* store(at.node, POISON);
    yield* store(at.work, 1n);
    yield* store(at.requested, 1n);
    yield* writeX(19, COOKIE);
    yield* msr('SP_EL0', COOKIE);
    yield* listen(0n, program.address('nmi'));
    yield* msrImmediate('DAIFClr', 15);
    yield* store(at.ready, 1n);
  }

  // --- what is shared with the interrupt handler ---

  *inner(): Hosted {
    const flags = yield* save();
    yield* hint('nop');
    if (this.is('unmask instead of restore')) yield* msrImmediate('DAIFClr', 2);
    else yield* restore(flags);
  }
  *counters(): Hosted {
    const flags = this.is('missing mask') ? undefined : yield* save();
    yield* addTo(at.ticks);
    if (flags !== undefined && this.is('early unmask')) yield* restore(flags);
    if (flags !== undefined) yield* this.inner();
    yield* addTo(at.twin);
    if (flags !== undefined) yield* restore(flags);
  }
  *message(): Hosted {
    if (this.is('wrong order of two writes')) yield* store(at.valid, 1n);
    yield* store(at.data, 7n);
    if (!this.is('wrong order of two writes')) yield* store(at.valid, 1n);
  }
  *work(): Hosted {
    if ((yield* load(at.work)) === 0n) return;
    if (!this.is('request cleared too late')) yield* store(at.work, 0n);
    yield* store(at.done, yield* load(at.requested));
    if (this.is('request cleared too late')) yield* store(at.work, 0n);
  }
  *disarm(): Hosted {
    yield* msr('CNTV_CTL_EL0', 2n);
  }
  *waitForDevice(): Hosted {
    yield* store(at.wake, 0n);
    yield* msr('CNTV_CVAL_EL0', (yield* mrs('CNTVCT_EL0')) + TIMEOUT_COUNTS);
    yield* msr('CNTV_CTL_EL0', 1n);
    for (;;) {
      const flags = this.is('sleep without a mask') ? undefined : yield* save();
      const awake = yield* load(at.wake);
      if (awake === 0n) yield* wfi();
      if (flags !== undefined) yield* restore(flags);
      if (awake !== 0n) break;
    }
    yield* this.disarm();
  }

  // --- what is shared with the SDEI handler ---

  *locked(): Hosted {
    const flags = yield* save();
    yield* lock(at.lock, 1n);
    yield* hint('nop');
    yield* unlock(at.lock);
    yield* restore(flags);
  }
  *pair(): Hosted {
    const value = 5n;
    if (this.is('sequence raised too late')) yield* store(at.first, value);
    yield* store(at.sequence, 1n);
    if (!this.is('sequence raised too late')) yield* store(at.first, value);
    yield* store(at.second, value);
    yield* store(at.sequence, 2n);
  }
  *insert(): Hosted {
    const old = yield* load(at.head);
    if (this.is('node linked before it is filled')) yield* store(at.head, at.node);
    yield* store(at.node, old);
    if (!this.is('node linked before it is filled')) yield* store(at.head, at.node);
  }
  *log(value: bigint): Hosted {
    const slot = this.is('log slot taken in two steps') ? yield* load(at.logged) : yield* atomic('add', at.logged, 1n);
    yield* store(LOG + 8n * slot, value);
    if (this.is('log slot taken in two steps')) yield* store(at.logged, slot + 1n);
  }

  // --- handlers ---

  *device(): Hosted {
    if ((yield* load(at.ticks)) !== (yield* load(at.twin))) yield* panic('two counters that belong together');
    yield* addTo(at.ticks);
    yield* addTo(at.twin);
    yield* addTo(at.handled);
    if ((yield* load(at.valid)) !== 0n && (yield* load(at.data)) !== 7n) yield* panic('message without data');
    yield* addTo(at.requested);
    yield* store(at.work, 1n);
    yield* store(at.wake, 1n);
    yield* this.disarm();
  }
  *irq(): Hosted {
    const frame = (yield* readX(31)) - FRAME_BYTES;
    yield* writeX(31, frame);
    yield* store(frame, yield* mrs('ELR_EL1'));
    yield* store(frame + 8n, yield* mrs('SPSR_EL1'));
    if (!this.is('register not saved')) yield* store(frame + 16n, yield* readX(19));
    const intid = yield* GICV3.acknowledge();
    yield* writeX(19, intid);
    if (intid === BigInt(DEVICE_INTID)) yield* this.device();
    else if (intid === BigInt(TIMER_INTID)) {
      yield* this.disarm();
      yield* store(at.wake, 1n);
    }
    const lost = this.is('lost end of interrupt') && intid === BigInt(DEVICE_INTID);
    if (intid < 1020n && !lost) yield* GICV3.end(intid);
    if (!this.is('register not saved')) yield* writeX(19, yield* load(frame + 16n));
    else if (intid === BigInt(TIMER_INTID)) yield* writeX(19, COOKIE);
    yield* msr('ELR_EL1', yield* load(frame));
    yield* msr('SPSR_EL1', yield* load(frame + 8n));
    const forgotten = this.is('stack pointer not restored') && intid === BigInt(DEVICE_INTID);
    if (!forgotten) yield* writeX(31, frame + FRAME_BYTES);
    yield* eret();
  }
  *look(): Hosted {
    const even = ((yield* load(at.sequence)) & 1n) === 0n;
    if (even && (yield* load(at.first)) !== (yield* load(at.second))) yield* panic('half a pair');
    if ((yield* load(at.head)) !== 0n && (yield* load(at.node)) === POISON) yield* panic('list leads nowhere');
  }
  *nmi(): Hosted {
    const x19 = yield* readX(19);
    const spEl0 = yield* mrs('SP_EL0');
    const back = [yield* mrs('ELR_EL1'), yield* mrs('SPSR_EL1')] as const;
    yield* writeX(19, 0n);
    yield* msr('SP_EL0', at.saved);
    yield* svc();
    yield* atomic('add', at.nmis, 1n);
    yield* atomic('add', at.count, 1n);
    yield* this.look();
    yield* this.log(2n);
    if (this.is('lock taken in NMI') || (yield* load(at.lock)) === 0n) {
      yield* lock(at.lock, 1n);
      yield* unlock(at.lock);
    }
    if (!this.is('exception registers not saved in NMI')) {
      yield* msr('ELR_EL1', back[0]);
      yield* msr('SPSR_EL1', back[1]);
    }
    if (!this.is('register not saved in NMI')) yield* writeX(19, x19);
    if (!this.is('SP_EL0 not restored in NMI')) yield* msr('SP_EL0', spEl0);
    yield* finalCall('smc', SDEI_COMPLETE, 0n);
  }

  // --- the end ---

  *same(what: string, found: bigint, expected: bigint): Hosted {
    if (found !== expected) yield* panic(what);
  }
  *verify(): Hosted {
    yield* msrImmediate('DAIFSet', 15);
    yield* smc(SDEI_PE_MASK);
    const handled = yield* load(at.handled);
    yield* this.same('a tick is lost', yield* load(at.ticks), handled + 1n);
    yield* this.same('a tick is lost', yield* load(at.twin), handled + 1n);
    if ((yield* load(at.work)) === 0n)
      yield* this.same('a request is lost', yield* load(at.done), yield* load(at.requested));
    const nmis = yield* load(at.nmis);
    yield* this.same('an event is not counted', yield* load(at.count), nmis + 1n);
    yield* this.same('an entry of the log is lost', yield* load(at.logged), nmis + 1n);
    yield* this.same('X19', yield* readX(19), COOKIE);
    yield* this.same('SP', yield* readX(31), STACK_TOP);
    yield* this.same('SP_EL0', yield* mrs('SP_EL0'), COOKIE);
  }
}

/** The same kernel with one mistake, or with none. */
export function interruptedKernel(bug: string | undefined): Machine {
  const kernel = new InterruptedKernel(bug);
  const machine: Machine = hostedMachine(
    {
      *main() {
        yield* kernel.setUp(() => machine);
        yield* kernel.counters();
        yield* kernel.message();
        yield* kernel.work();
        if (kernel.is('counter not updated in one step')) yield* addTo(at.count);
        else yield* atomic('add', at.count, 1n);
        yield* kernel.locked();
        yield* kernel.pair();
        yield* kernel.insert();
        yield* kernel.log(1n);
        yield* kernel.waitForDevice();
        yield* kernel.verify();
        yield* powerOff();
      },
      irq: () => kernel.irq(),
      nmi: () => kernel.nmi(),
      *sync() {
        yield* eret();
      },
    },
    { vectors: { own: { currentSpx: { irq: 'irq', sync: 'sync' } } } },
  );
  machine.runUntil((m) => word(m, at.ready) === 1n);
  return machine;
}
