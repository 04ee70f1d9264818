/** Question 24 of the review: pseudo-NMIs and virtual machines. Facts: IHI 0069, "Virtual interrupt handling". */
import { describe, expect, it } from 'vitest';
import { programWithVectors } from '../../../test/support/os-vectors.ts';
import { eret, type Hosted, hvc, load, mrs, msr, msrImmediate, nop, store } from '../../hosted.ts';
import { Machine } from '../../machine/machine.ts';
import type { Cpu } from '../kit/cpu.ts';
import { Kernel } from '../kit/kernel.ts';
import { BOARD } from '../kit/layout.ts';
import { enableNmi, IRQF, requestNmi } from './nmi.ts';
import { PMR, pmrFlags } from './pmr.ts';

const STEPS_MAX = 100_000;
/** SPIs of the board that nobody uses: an NMI and an ordinary interrupt of the host. */
const [NMI, IRQ] = [100, 101];
/** Virtual interrupts of the guest. */
const [VIRTUAL_NMI, VIRTUAL_IRQ] = [50, 51];
const EL1H_MASKED = 0x3c5n;
/** ICH_LR<n>_EL2: pending, Group 1, with a priority. */
const pending = (intid: number, priority: bigint): bigint =>
  (1n << 62n) | (1n << 60n) | (priority << 48n) | BigInt(intid);
/** HCR_EL2.VF, VI and VSE: virtual exceptions that no list register stands behind. */
const HCR_VIRTUAL = 0x1c0n;

function* write(text: string): Hosted {
  for (let n = 0; n < text.length; n++) yield* store(BOARD.uartPa, BigInt(text.charCodeAt(n)), 1);
}
function* edge(intid: number): Hosted {
  const at = BOARD.gicdPa + 0xc00n + BigInt((intid >> 4) * 4);
  yield* store(at, (yield* load(at, 4)) | (2n << BigInt((intid & 15) * 2)), 4);
}

interface World {
  readonly machine: Machine;
  text(): string;
}

/** A host at EL2 that masks by priority and enters a guest at EL1 with `mask` in ICC_PMR_EL1. */
function world(guest: () => Hosted, mask: bigint = PMR.IRQON | PMR.PSR_I_SET): World {
  const kernel = new Kernel({ el: 2, pseudoNmi: true });
  kernel.onNmi(NMI, (cpu) => cpu.printNow('host NMI '));
  kernel.onInterrupt(IRQ, (cpu) => cpu.printNow('host IRQ '));
  kernel.addFunction('guest', function* () {
    yield* msr('VBAR_EL1', hosted.vectors('guest'));
    yield* msr('ICC_IGRPEN1_EL1', 1n);
    yield* guest();
    yield* hvc(0n);
  });
  kernel.addFunction('guestIrq', function* () {
    const intid = yield* mrs('ICC_IAR1_EL1');
    yield* write(`${intid}/${(yield* mrs('ICC_RPR_EL1')).toString(16)} `);
    yield* msr('ICC_EOIR1_EL1', intid);
    yield* eret();
  });
  // As a host does it: back to its own vectors, then what is pending is taken there.
  const back = (why: string) =>
    function* ({ pe }: { readonly pe: number }): Hosted {
      yield* msr('VBAR_EL2', hosted.vectors('kit'));
      yield* write(`exit(${why}) `);
      const cpu = yield* kernel.here(pe, 'thread');
      yield* cpu.irq.daifRestore(0n);
      for (let n = 0; n < 5; n++) yield* nop();
      yield* cpu.off();
    };
  kernel.addFunction('exitIrq', back('irq'));
  kernel.addFunction('exitSync', back('sync'));
  const hosted = programWithVectors(
    kernel,
    {
      *main(cpu) {
        yield* sources(cpu);
        yield* cpu.irq.daifMask();
        yield* msr('ICC_PMR_EL1', mask);
        yield* msr('VBAR_EL2', hosted.vectors('world'));
        yield* msr('ICH_HCR_EL2', 1n);
        yield* msr('ICH_LR0_EL2', pending(VIRTUAL_IRQ, 0xc0n));
        yield* msr('ICH_LR1_EL2', pending(VIRTUAL_NMI, 0x80n));
        yield* msr('ELR_EL2', kernel.address('guest'));
        yield* msr('SPSR_EL2', EL1H_MASKED);
        yield* eret();
      },
    },
    {
      world: { lower64: { irq: 'exitIrq', sync: 'exitSync' } },
      guest: { currentSpx: { irq: 'guestIrq' } },
    },
  );
  const machine = Machine.create({ hosted, entry: kernel.entry, el2: true, memoryBytes: 16 * 2 ** 20 });
  let text = '';
  machine.console.onOutput((bytes) => {
    text += new TextDecoder().decode(bytes);
  });
  return { machine, text: () => text };
}
function* sources(cpu: Cpu): Hosted {
  for (const intid of [NMI, IRQ]) {
    yield* edge(intid);
    yield* cpu.kernel.gic.route(intid, 0);
  }
  yield* requestNmi(cpu, NMI, IRQF.PERCPU | IRQF.NO_AUTOEN);
  yield* enableNmi(cpu, NMI);
  yield* cpu.kernel.gic.enable(IRQ, 0);
}

describe('question 24: a guest with pseudo-NMIs', () => {
  /** The operations of a kernel, unchanged; what they read and write are the virtual registers. */
  const { enable, disable } = pmrFlags(false);
  function* guest(): Hosted {
    yield* disable();
    yield* msrImmediate('DAIFClr', 3);
    for (let n = 0; n < 5; n++) yield* nop();
    yield* write(`masked ${(yield* mrs('ICC_PMR_EL1')).toString(16)} `);
    yield* enable();
    for (let n = 0; n < 5; n++) yield* nop();
    yield* write('end ');
  }
  it('takes its virtual NMI with interrupts out and its virtual interrupt once they are in, without an exit', () => {
    const { machine, text } = world(guest);
    machine.run({ steps: STEPS_MAX });
    expect(text()).toBe(`${VIRTUAL_NMI}/80 masked c0 ${VIRTUAL_IRQ}/c0 end exit(sync) `);
  });
  it("does not touch the host's mask, and no virtual FIQ is used", () => {
    const { machine, text } = world(guest);
    const seen: bigint[] = [];
    machine.runUntil(() => text().includes('masked'), { steps: STEPS_MAX });
    machine.on('exception', (_pe, el) => {
      if (el === 2) seen.push(machine.readRegister(0, 'ICC_PMR_EL1') as bigint);
    });
    const hcr = machine.readRegister(0, 'HCR_EL2') as bigint;
    machine.run({ steps: STEPS_MAX });
    expect([seen[0], hcr & HCR_VIRTUAL]).toEqual([PMR.IRQON | PMR.PSR_I_SET, 0n]);
  });
});

describe('question 24: a host with pseudo-NMIs whose guest has everything masked', () => {
  function* guest(): Hosted {
    yield* msr('ICC_PMR_EL1', 0n);
    yield* write('. ');
    for (let n = 0; n < 200; n++) yield* nop();
    yield* write('guest ends ');
  }
  /** What comes of an interrupt of the host while the guest runs. */
  function during(intid: number, mask?: bigint): string {
    const { machine, text } = world(guest, mask);
    machine.runUntil(() => text() === '. ', { steps: STEPS_MAX });
    machine.gic.set(intid, true);
    machine.gic.set(intid, false);
    machine.run({ steps: STEPS_MAX });
    return text();
  }
  it('an NMI of the host is an exit, and is taken by the host', () => {
    expect(during(NMI)).toBe('. exit(irq) host NMI ');
  });
  it('so is an ordinary interrupt, because the host opened its mask before it entered the guest', () => {
    expect(during(IRQ)).toBe('. exit(irq) host IRQ ');
  });
  it('with the mask closed the ordinary one waits until the guest leaves by itself, and the NMI does not', () => {
    expect(during(IRQ, PMR.IRQOFF)).toBe('. guest ends exit(sync) host IRQ ');
    expect(during(NMI, PMR.IRQOFF)).toBe('. exit(irq) host NMI ');
  });
});
