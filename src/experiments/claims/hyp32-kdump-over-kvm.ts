import { HYP_ABIS } from '../../os/hyp/abi.ts';
import { hasKvm } from '../../os/hyp/arm32/calls.ts';
import { hint32, stop } from '../../os/hyp/arm32/effects.ts';
import { type Boundary32, everyBoundary, failureLines } from '../../os/hyp/arm32/explore.ts';
import { Kernel32 } from '../../os/hyp/arm32/kernel.ts';
import type { Isa32 } from '../../os/hyp/arm32/program.ts';
import { checkAt, type Experiment } from '../experiment.ts';

/** Panics at every boundary of loading KVM, having it, and unloading it. */
function boundaries(abi: string, isa: Isa32, only?: number): Boundary32[] {
  const { machine } = new Kernel32({
    abi,
    isa,
    *main(kernel) {
      yield* kernel.kvmLoad();
      for (let n = 0; n < 3; n++) yield* hint32('nop');
      yield* kernel.kvmUnload();
      yield* stop('unloaded');
    },
  });
  return everyBoundary({ machine, boot: 'HYP', only, outside: (boundaries) => checkAt(only, boundaries) });
}
/** The boundary is one at which KVM's vectors own HYP. */
const ownedByKvm = ({ where }: Boundary32, all: readonly Boundary32[]): boolean => where === middle(all)?.where;
/** A boundary of the time in which KVM is loaded: well behind its initialisation. */
const middle = (all: readonly Boundary32[]): Boundary32 | undefined =>
  all.find(({ where }, n) => where.startsWith('kernel.main') && n > all.length * 0.5);

/** Who owns HYP when the kernel dies: KVM, whose vectors took every small number for a pointer. */
export const hyp32KdumpOverKvm: Experiment = {
  name: 'hyp32-kdump-over-kvm',
  claim:
    'On 32-bit Arm, restart number 2 of the second patch is a call to address 2 (3 with the Thumb bit) while KVM owns ' +
    'HYP: no panic then reaches the crash kernel.',
  source: '"ARM: soft-reboot into same mode that we entered the kernel", replies to version 2, December 2016',
  control: 'the calls of Linux 4.12, which KVM answers as well',
  run({ control, at }) {
    const abi = control ? 'arm 4.12' : 'arm patch v2 with get';
    const evidence: string[] = [];
    let holds = true;
    let best: number | undefined;
    for (const isa of ['T32', 'A32'] as const) {
      const all = boundaries(abi, isa, at);
      const loaded = at === undefined ? all.filter((one) => ownedByKvm(one, all)) : all;
      best ??= loaded[0]?.at;
      holds &&=
        loaded.length > 0 && loaded.every(({ kind, why }) => kind === 'dead' && /prefetchAbort at 0x2 /.test(why));
      evidence.push(...failureLines(`${abi}, ${isa} kernel`, all));
    }
    if (at === undefined)
      for (const other of others(abi)) evidence.push(...failureLines(other, boundaries(other, 'A32')));
    return { holds, evidence, at: at ?? best };
  },
};
const others = (abi: string): string[] =>
  HYP_ABIS.filter(
    (one) =>
      one.arch === 'arm' && hasKvm(one) && one.name !== abi && (abi === 'arm 4.12') === (one.name === 'arm 4.12'),
  ).map(({ name }) => name);
