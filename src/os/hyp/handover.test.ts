import { describe, expect, it } from 'vitest';
import { PE_STATE } from '../../arch/pestate.ts';
import { WAIT } from '../../cpu/waiting.ts';
import { hypMachine } from '../../experiments/hyp-rig.ts';
import { load, store } from '../../hosted.ts';
import { SdeiClient } from '../sdei/client.ts';
import { sdeiProbe } from '../sdei/lifecycle.ts';
import { ARRIVAL, ARRIVAL_PA, DTB_PA, IMAGE_BYTES, IMAGE_PA, KERNEL, SOURCE_PA } from './layout.ts';
import { payloadFunctions } from './payload.ts';

const NOTES_PA = 0x40b0_2000n;
const arrived = (rig: { word(pa: bigint): bigint }): Record<string, bigint> =>
  Object.fromEntries(Object.entries(ARRIVAL).map(([name, at]) => [name, rig.word(ARRIVAL_PA + at)]));

describe.each(['arm64 4.12', 'arm64 5.12', 'arm64 6.19'])('a kexec of %s on four CPUs', (abi) => {
  const made = hypMachine({
    options: { abi, cpus: 4 },
    declare({ handover, kvm }) {
      handover.rebootNotifiers.push(function* (cpu) {
        yield* store(NOTES_PA, 1n);
        yield* store(NOTES_PA + 8n, yield* load(cpu.at(kvm.enabled)));
      });
      return undefined;
    },
    *main(cpu, { kvm, handover }) {
      yield* handover.loadNext();
      yield* kvm.load(cpu);
      yield* handover.kexec(cpu);
    },
  });
  const { rig } = made;
  const loaded = (): Uint8Array => rig.machine.readMemory(SOURCE_PA, Number(IMAGE_BYTES)).slice();
  const { kind } = rig.finish(200_000);

  it('enters the next kernel once, at EL2, masked, MMU off, X0 the device tree and X1 to X3 zero', () => {
    expect(kind).toBe('off');
    expect(arrived(rig)).toMatchObject({ count: 1n, kernel: KERNEL.next, el: 2n, x0: DTB_PA, x1: 0n, x2: 0n, x3: 0n });
    expect([arrived(rig).daif, arrived(rig).sctlr! & 1n]).toEqual([0x3c0n, 0n]);
  });
  it('has copied the pages by a list of all four kinds of entry, over its own text', () => {
    expect(rig.machine.readMemory(IMAGE_PA, Number(IMAGE_BYTES)).slice()).toEqual(loaded());
  });
  it('has run the reboot notifiers, KVM being the first, and every other CPU is off', () => {
    expect([rig.word(NOTES_PA), rig.word(NOTES_PA + 8n)]).toEqual([1n, 0n]);
    const off = rig.machine.pes.map(({ s }) => s.get32(PE_STATE.waitState) === WAIT.OFF);
    expect(off.slice(1)).toEqual([true, true, true]);
  });
});

/** Registers of the board's interrupt controller. IHI 0069. */
const GICD = { CTLR: 0x0800_0000n, ISENABLER3: 0x0800_010cn, ISACTIVER3: 0x0800_030cn } as const;
const GICR = { ISENABLER0: 0x080b_0100n, ISACTIVER0: 0x080b_0300n } as const;

describe('a kdump of arm64 6.0 on two CPUs', () => {
  const { rig } = hypMachine({
    options: { abi: 'arm64 6.0', cpus: 2 },
    declare({ handover, hyp: { kernel } }) {
      handover.rebootNotifiers.push(function* () {
        yield* store(NOTES_PA, 1n);
      });
      // The crash kernel looks at the controller first.
      kernel.addFunction('hypCrash', function* (entry) {
        const registers = [GICD.ISENABLER3, GICD.ISACTIVER3, GICR.ISENABLER0, GICR.ISACTIVER0, GICD.CTLR];
        for (const [n, register] of registers.entries())
          yield* store(NOTES_PA + 0x20n + BigInt(8 * n), yield* load(register, 4));
        yield* payloadFunctions().hypCrash!(entry);
      });
      return undefined;
    },
    *main(cpu, { kvm, handover }) {
      yield* handover.loadCrash();
      yield* kvm.load(cpu);
      yield* cpu.kernel.gic.enable(100, 0);
      for (const [n, register] of [GICD.ISENABLER3, GICR.ISENABLER0].entries())
        yield* store(NOTES_PA + 0x10n + BigInt(8 * n), yield* load(register, 4));
      yield* cpu.panic('x');
    },
  });
  const { kind } = rig.finish(200_000);

  it('enters the crash kernel at EL2 without a reboot notifier', () => {
    expect(kind).toBe('off');
    expect(arrived(rig)).toMatchObject({ count: 1n, kernel: KERNEL.crash, el: 2n, x0: DTB_PA });
    expect(rig.word(NOTES_PA)).toBe(0n);
  });
  it('leaves no interrupt enabled or active, with distributor and redistributors on', () => {
    expect([0, 1].map((n) => rig.word(NOTES_PA + 0x10n + BigInt(8 * n)))).toEqual([1n << 4n, 0xffffn]);
    expect([2, 3, 4, 5].map((n) => rig.word(NOTES_PA + 0x10n + BigInt(8 * n)))).toEqual([0n, 0n, 0n, 0n]);
    expect(rig.word(NOTES_PA + 0x40n) & 2n).toBe(2n);
  });
});

describe('a kdump with VHE out of an SDEI handler', () => {
  it('masks SDEI on every CPU and completes the handler', () => {
    let client: SdeiClient | undefined;
    const { rig } = hypMachine({
      options: { abi: 'arm64 6.0', vhe: true, cpus: 2 },
      declare({ hyp: { kernel } }) {
        client = new SdeiClient(kernel);
        client.onEvent('panic', function* (cpu) {
          yield* cpu.panic('SDEI');
          return 0n;
        });
        return undefined;
      },
      *main(cpu, { handover }) {
        yield* handover.loadCrash();
        yield* sdeiProbe(client!, cpu);
        yield* client!.register(cpu, 3000n, 'panic');
        yield* client!.enable(cpu, 3000n);
        yield* store(NOTES_PA, 1n);
        for (;;) yield* load(NOTES_PA);
      },
    });
    rig.until(NOTES_PA, 1n);
    expect(rig.machine.sdei.state().pes.map(({ masked }) => masked)).toEqual([false, false]);
    rig.machine.sdei.signal(3000);
    expect(rig.finish(100_000).kind).toBe('off');
    expect(arrived(rig)).toMatchObject({ count: 1n, kernel: KERNEL.crash, el: 2n, x0: DTB_PA });
    const state = rig.machine.sdei.state();
    expect(state.pes.map(({ masked }) => masked)).toEqual([true, true]);
  });
});
