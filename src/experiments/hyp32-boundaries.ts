/** Hand-over at every boundary on 32-bit Arm: a kernel with KVM does something, and an event makes it panic there. */
import { HYP_ABIS } from '../os/hyp/abi.ts';
import { hasKvm } from '../os/hyp/arm32/calls.ts';
import { hint32, stop, udf } from '../os/hyp/arm32/effects.ts';
import { type Boundary32, everyBoundary, type Injection32 } from '../os/hyp/arm32/explore.ts';
import { Kernel32, type Kernel32Options } from '../os/hyp/arm32/kernel.ts';
import { DATA } from '../os/hyp/arm32/layout.ts';
import type { Machine32 } from '../os/hyp/arm32/machine.ts';
import type { Isa32 } from '../os/hyp/arm32/program.ts';

/** What the kernel does while the event comes; `boot` installs its stub. */
export const SEQUENCES_32 = ['boot', 'load', 'idle', 'unload', 'kexec', 'kdump'] as const;
/** One of them. */
export type Hyp32Sequence = (typeof SEQUENCES_32)[number];
/** What comes, in the order of a report. */
export const HYP32_EVENTS: readonly Injection32[] = ['nmi', 'abort', 'bug'];

/** What is to be tried. */
export interface Hyp32Spec {
  /** Name of the version. */
  readonly abi: string;
  readonly sequence: Hyp32Sequence;
  readonly event: Injection32;
  /** Default A32. */
  readonly isa?: Isa32;
}

/** The sequences that a version has: without KVM there is nothing to load. */
export function sequencesOf32(abi: string): readonly Hyp32Sequence[] {
  const found = HYP_ABIS.find(({ name }) => name === abi);
  if (!found) throw new Error(`assertion: there is no ABI ${abi}`);
  return hasKvm(found) ? SEQUENCES_32 : SEQUENCES_32.filter((name) => !/load|idle/.test(name));
}

/** What its kernel runs, and where the window begins: what is before is another sequence's. */
function program({ sequence }: Hyp32Spec, kvm: boolean): Pick<Kernel32Options, 'main' | 'afterIdle'> {
  return {
    *main(kernel) {
      if (sequence === 'boot') return yield* stop('booted');
      if (kvm) yield* kernel.kvmLoad();
      if (sequence === 'load') return yield* stop('loaded');
      yield* hint32('nop');
      if (sequence === 'idle') yield* kernel.idle();
      if (sequence === 'unload') yield* kernel.kvmUnload();
      if (sequence === 'kexec') yield* kernel.kexec();
      if (sequence === 'kdump') yield* udf();
      yield* stop('unloaded');
    },
    *afterIdle(kernel) {
      yield* kernel.wake();
      yield* stop('awake');
    },
  };
}

/** Tries the event at every boundary of the sequence, KVM loaded where the version has it. */
export function sweepBoundaries32(spec: Hyp32Spec): Boundary32[] {
  const { abi, sequence, event, isa = 'A32' } = spec;
  const kvm = sequencesOf32(abi).includes('load');
  const { machine } = new Kernel32({ abi, isa, ...program(spec, kvm) });
  const loaded = (m: Machine32): boolean => m.memory.word(DATA.kvmEnabled) === 1;
  const inMain = (m: Machine32): boolean => m.where(0).startsWith('kernel.main+');
  const from = sequence === 'boot' ? () => true : kvm && sequence !== 'load' ? loaded : inMain;
  return everyBoundary({ machine, boot: 'HYP', what: event, from });
}
