/** Hazards of a hand-over, and what becomes of each in a version of the ABI: one run each, without an event from outside. */
import type { Hosted } from '../engine/hosted/effects.ts';
import { hvc } from '../engine/hosted/effects.ts';
import { hypAbi, layerOf } from '../os/hyp/abi.ts';
import { ARRIVAL, ARRIVAL_PA, DTB_PA, IMAGE_PA, TEXT } from '../os/hyp/layout.ts';
import type { Cpu } from '../os/kit/cpu.ts';
import { psci } from '../os/kit/psci.ts';
import { type HypParts, type HypProgram, hypMachine, kexecOverKvm } from './hyp-rig.ts';

/** One hazard. */
export interface HypHazard {
  /** As the guide calls it. */
  readonly name: string;
  /** What comes of it: `EL2`, `EL1`, `no DTB`, `dead`, `ok`, what a guest prints, `-` where there is no such thing. */
  verdict(abi: string): string;
}

const END_STEPS = 6_000;

/** A run that ends in a crash kernel, or does not. */
function crash(abi: string, main: HypProgram['main'], more: Partial<HypProgram> = {}): string {
  const { rig } = hypMachine({
    options: { abi },
    *main(cpu, parts) {
      yield* parts.handover.loadCrash();
      yield* main(cpu, parts);
      yield* cpu.panic('x');
    },
    ...more,
  });
  rig.finish(END_STEPS);
  const word = (name: keyof typeof ARRIVAL): bigint => rig.word(ARRIVAL_PA + ARRIVAL[name]);
  if (word('count') === 0n) return 'dead';
  if (word('el') === 2n && word('x0') !== DTB_PA) return 'no DTB';
  return `EL${word('el')}`;
}
/** A run that prints something, or dies before. */
function said(abi: string, main: HypProgram['main']): string {
  const { rig } = hypMachine({ options: { abi }, main });
  const { kind, text } = rig.finish(END_STEPS);
  return kind === 'off' ? text : 'dead';
}

function* setAndPanic(_cpu: Cpu, { hyp }: HypParts): Hosted {
  yield* hyp.callStub('setVectors', { vectors: IMAGE_PA + TEXT.init });
}
function* load({ kvm }: HypParts, cpu: Cpu): Hosted {
  yield* kvm.load(cpu);
}
/** Gives EL2 back as the version does, in one step of the sequence. */
function* giveBack({ hyp, kvm }: HypParts): Hosted {
  if (hyp.abi.callers.teardown === 'RESET_VECTORS') yield* hyp.resetVectors();
  else yield* kvm.callFunction(hyp.resetFunctionPa, 0n);
}
function* giveBackTwice(cpu: Cpu, parts: HypParts): Hosted {
  yield* load(parts, cpu);
  for (let n = 0; n < 2; n++) yield* giveBack(parts);
  yield* parts.kvm.reinitialise(cpu);
  yield* cpu.print('ok');
}

/** In the order of the guide. */
export const HYP_HAZARDS: readonly HypHazard[] = [
  { name: 'kdump, no KVM', verdict: (abi) => crash(abi, function* () {}) },
  { name: 'kdump over KVM', verdict: (abi) => crash(abi, (cpu, parts) => load(parts, cpu)) },
  {
    name: 'the same, sent to EL2',
    verdict: (abi) => crash(abi, (cpu, parts) => load(parts, cpu), { handover: { crash: 'boot' } }),
  },
  {
    name: 'panic between set and initialise',
    verdict: (abi) => crash(abi, setAndPanic, { handover: { crash: 'boot' } }),
  },
  {
    name: 'unknown number, twice',
    verdict: (abi) =>
      said(abi, function* (cpu) {
        for (let n = 0; n < 2; n++) yield* hvc(7n);
        yield* cpu.print('ok');
      }),
  },
  { name: 'given back twice', verdict: (abi) => said(abi, giveBackTwice) },
  { name: 'kexec over KVM', verdict: (abi) => kexecOverKvm(abi, {}) },
  { name: 'without notifiers', verdict: (abi) => kexecOverKvm(abi, { skipsNotifiers: true }) },
  { name: 'without copied vectors', verdict: (abi) => kexecOverKvm(abi, { noCopiedVectors: true }) },
  {
    name: 'PSCI by HVC: version',
    verdict: (abi) =>
      said(abi, function* (cpu) {
        const result = yield* psci('hvc', 'PSCI_VERSION');
        yield* cpu.print(`${(result >> 16n) & 0xffffn}.${result & 0xffffn}`);
      }),
  },
  {
    name: 'kdump, protected mode final',
    verdict: (abi) =>
      layerOf(hypAbi(abi), 'pkvm') === undefined
        ? '-'
        : crash(abi, function* (cpu, parts) {
            yield* load(parts, cpu);
            yield* parts.kvm.finalizeProtection();
          }),
  },
];
