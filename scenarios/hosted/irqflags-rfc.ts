/**
 * An interrupt with the priority of an NMI at every boundary of a kernel that masks interrupts by priority, and that
 * takes the locks of its interrupt descriptors with interrupts out.
 */
import { event, Machine, type ScenarioModule } from 'unmaskable';
import { deadlock, Kernel, load, lock, nop, store, unlock } from 'unmaskable/hosted';

const INTID = 40;
/** Priority of an NMI among those that a kernel with interrupts out still takes. */
const PRIORITY_NMI = 0x80n;
/** Bytes of a descriptor, and set where the kernel is in its loop. */
const DESCRIPTOR_BYTES = 0x20n;
const READY_PA = 0x4090_0000n;

function build(variant: string | undefined): {
  readonly kernel: Kernel;
  readonly hosted: Machine['options']['hosted'];
} {
  const kernel = new Kernel({ pseudoNmi: variant === undefined, rfcMasking: variant === 'rfc' });
  const taken = kernel.variable('taken');
  kernel.onInterrupt(INTID, function* () {
    yield* store(taken, (yield* load(taken)) + 1n);
  });
  const descriptor = kernel.words.descriptors + BigInt(INTID) * DESCRIPTOR_BYTES;
  const hosted = kernel.program({
    *main(cpu) {
      // GICD_ICFGR2: edge-triggered.
      yield* store(0x0800_0c08n, 2n << BigInt((INTID % 16) * 2), 4);
      if (variant === 'rfc') yield* kernel.gic.setPriority(INTID, 0, PRIORITY_NMI);
      yield* kernel.gic.enable(INTID, 0);
      yield* store(READY_PA, 1n);
      for (let round = 0; round < 2; round++) {
        const flags = yield* cpu.irq.saveAndDisable();
        yield* lock(descriptor, cpu.owner);
        for (let n = 0; n < 6; n++) yield* nop();
        yield* unlock(descriptor);
        yield* cpu.irq.restore(flags);
        for (let n = 0; n < 6; n++) yield* nop();
      }
    },
  });
  return { kernel, hosted };
}

export default {
  title: 'an interrupt at every boundary of a kernel that masks by priority (hosted)',
  variants: ['rfc'],
  create({ variant, engine }) {
    const { kernel, hosted } = build(variant);
    return Machine.create({ hosted, entry: kernel.entry, memoryBytes: 16 * 2 ** 20, engine });
  },
  prepare: (machine) => void machine.runUntil(() => machine.readMemory(READY_PA, 1)[0] === 1, { steps: 1_000_000 }),
  options: {
    window: {},
    events: [
      event(`irq:${INTID}`, (machine) => {
        machine.gic.set(INTID, true);
        machine.gic.set(INTID, false);
        return undefined;
      }),
    ],
    time: 'counted',
    stuck: (machine) => deadlock(machine),
    limits: { runStepsMax: 10_000, cycleStepsMax: 300, cycleArrivalsMax: 5 },
  },
} satisfies ScenarioModule;
