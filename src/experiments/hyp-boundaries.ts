/** Hand-over at every boundary: a kernel with KVM does something, an event makes it panic there, and the crash kernel is looked for. */
import { EC, FSC, issForDataAbort } from '../arch/esr.ts';
import { PE_STATE } from '../arch/pestate.ts';
import { type Effect, type Hosted, load, nop, store } from '../engine/hosted/effects.ts';
import { windowOf } from '../engine/hosted/program.ts';
import type { MachineOptions } from '../machine/options.ts';
import type { Handover, HandoverVariants } from '../os/hyp/handover.ts';
import type { HypKernel, HypKernelOptions } from '../os/hyp/kernel.ts';
import { idleOnce, type Kvm, type KvmVariants } from '../os/hyp/kvm.ts';
import { ARRIVAL, ARRIVAL_PA, DTB_PA } from '../os/hyp/layout.ts';
import { enableNmi, IRQF, requestNmi } from '../os/irqflags/nmi.ts';
import type { Cpu } from '../os/kit/cpu.ts';
import type { Kernel } from '../os/kit/kernel.ts';
import { SGI } from '../os/kit/smp.ts';
import { SdeiClient } from '../os/sdei/client.ts';
import { sdeiProbe } from '../os/sdei/lifecycle.ts';
import { EVENT } from './errors.ts';
import { type HypMachine, hypMachine } from './hyp-rig.ts';
import type { Rig } from './rig.ts';

/** What the kernel does while the event comes. */
export const SEQUENCES = ['load', 'idle', 'hotplug', 'unload', 'kexec', 'kdump'] as const;
/** One of them. */
export type HypSequence = (typeof SEQUENCES)[number];
/** What comes: the instruction there faults; an NMI by priority; an event of firmware. Each ends in a panic. */
export const HYP_EVENTS = ['fault', 'nmi', 'sdei'] as const;
/** One of them. */
export type HypEvent = (typeof HYP_EVENTS)[number];

/** How it ended. */
export type HypOutcome =
  /** A kernel was entered where the first one was entered, with its device tree. */
  | 'reached'
  /** It was entered at EL1, though the first one was entered at EL2. */
  | 'EL1'
  /** Its device tree is lost. */
  | 'no DTB'
  /** No kernel was entered. */
  | 'dead'
  /** No kernel was entered, and the one that was left had no vectors of its own there: nobody could have. */
  | 'no vectors'
  /** No kernel was entered: the fault came while a panic was under way, and that is given up. So it is in Linux. */
  | 'second fault'
  /** The event waits or was refused, and what was under way came to its end. */
  | 'not taken';

/** What is to be tried. */
export interface HypSpec extends HypKernelOptions {
  readonly sequence: HypSequence;
  readonly event: HypEvent;
  /** PE that the event is for; default the one that is between two owners: 1 in `hotplug`, else 0. */
  readonly pe?: number;
  readonly kvm?: KvmVariants;
  readonly handover?: HandoverVariants;
  readonly machine?: MachineOptions;
}

/** One boundary. */
export interface HypTry {
  readonly at: number;
  /** Function and yield of the PE the event is for, and what is to be done there, or an address. */
  readonly where: string;
  readonly outcome: HypOutcome;
}

/** What was seen in a window. */
export interface HypSweep {
  readonly tries: readonly HypTry[];
  /** Boundaries of the window. */
  readonly boundaries: number;
  /** Those at which nothing can come: the PE is off or waits, or an owner of EL2 runs, which does not fault. */
  readonly quiet: number;
  /** Those that were left out: see `HypReach.stride`. */
  readonly leftOut: number;
}

/** Which boundaries are tried. */
export interface HypReach {
  /** One alone. */
  readonly only?: number | undefined;
  /**
   * 1: every boundary. More: within a loop that copies pages one in so many, and none at which the PE is where it was
   * at the boundary before. Default: {@link HYP_STRIDE}.
   */
  readonly stride?: number;
}

/** Boundaries of a copying loop of which a sample has one: they are alike, and there are hundreds. */
export const HYP_STRIDE = 64;
const SPI = 100;
/** Hosted code that copies pages in a kexec. */
const COPYING = /^hypRelocate|^main/;
/** Boundaries of a window at most. */
const WINDOW_MAX = 10_000;
/** Steps without any PE going on after which the sequence is stuck: in an endless loop, in its own exceptions. */
const STUCK_STEPS = 1_000;
/** Steps in which a hand-over is over. */
const END_STEPS = 8_000;

const peOf = ({ pe, sequence }: HypSpec): number => pe ?? (sequence === 'hotplug' ? 1 : 0);

/** A machine for a sequence, and the word that says how far it is: 1 in the window, 2 behind it. */
function sequenceMachine(spec: HypSpec): HypMachine & { readonly stagePa: bigint } {
  const { sequence, event } = spec;
  const cpus = Math.max(spec.cpus ?? 1, sequence === 'hotplug' ? 2 : 1, peOf(spec) + 1);
  let client: SdeiClient | undefined;
  let stagePa = 0n;
  const made = hypMachine({
    ...spec,
    options: { ...spec, cpus, pseudoNmi: event === 'nmi' },
    declare({ hyp: { kernel } }) {
      stagePa = kernel.variable('stage');
      client = event === 'sdei' ? new SdeiClient(kernel) : undefined;
      client?.onEvent('panic', function* (cpu) {
        yield* panicOnce(kernel, cpu, 'SDEI');
        return 0n;
      });
      kernel.onNmi(SPI, function* (cpu, intid) {
        yield* kernel.gic.disable(intid, cpu.pe);
        yield* panicOnce(kernel, cpu, 'NMI');
      });
      return undefined;
    },
    *main(cpu, { kvm, handover }) {
      if (event === 'nmi') {
        yield* requestNmi(cpu, SPI, IRQF.PERCPU | IRQF.NO_AUTOEN);
        if (peOf(spec) !== 0) yield* cpu.kernel.gic.route(SPI, peOf(spec));
        yield* enableNmi(cpu, SPI);
      }
      if (client) {
        yield* sdeiProbe(client, cpu);
        yield* client.register(cpu, BigInt(EVENT.normal), 'panic');
        yield* client.enable(cpu, BigInt(EVENT.normal));
      }
      yield* handover.loadCrash();
      if (sequence === 'kexec') yield* handover.loadNext();
      if (sequence !== 'load') yield* kvm.load(cpu);
      yield* store(stagePa, 1n);
      yield* runSequence(cpu, sequence, kvm, handover);
      yield* nop();
      yield* store(stagePa, 2n);
    },
  });
  return { ...made, stagePa };
}

function* runSequence(cpu: Cpu, sequence: HypSequence, kvm: Kvm, handover: Handover): Hosted {
  if (sequence === 'load') yield* kvm.load(cpu);
  else if (sequence === 'idle') yield* idleOnce(cpu, SGI.WAKE);
  else if (sequence === 'hotplug') {
    yield* cpu.cpuOff(1);
    yield* cpu.cpuOn(1);
  } else if (sequence === 'unload') yield* kvm.unload(cpu);
  else if (sequence === 'kexec') yield* handover.kexec(cpu);
  else yield* cpu.panic('kdump');
}

/** What comes while a panic is under way is let go. */
function* panicOnce(kernel: Kernel, cpu: Cpu, what: string): Hosted {
  if ((yield* load(kernel.words.panicked)) === 0n) yield* cpu.in('nmi').panic(what);
}

/** Code at EL2 that belongs to the kernel and not to an owner of EL2. */
const KERNEL_AT_EL2 = /^hypRelocate/;

/** Has the event come, for a PE. False where it cannot: the PE is off, or an owner of EL2 runs, which does not fault. */
function comes({ machine }: Rig, { event, vhe = false }: HypSpec, pe: number, where: string): boolean {
  const { s, exceptions } = machine.pes[pe]!;
  if (event === 'nmi') machine.gic.set(SPI, true);
  else if (event === 'sdei') machine.sdei.signal(EVENT.normal, { pe });
  else {
    const running = s.get32(PE_STATE.waitState) === 0;
    if (!running || (s.el === 2 && !vhe && !KERNEL_AT_EL2.test(where))) return false;
    const iss = issForDataAbort({ fsc: FSC.Translation });
    exceptions.sync(EC.DataAbortLowerEL, iss, { far: 0n, end: 'none' });
  }
  return true;
}

/** What became of it, after the end. */
function outcomeOf(rig: Rig, stagePa: bigint): HypOutcome {
  const word = (name: keyof typeof ARRIVAL): bigint => rig.word(ARRIVAL_PA + ARRIVAL[name]);
  if (word('count') === 0n) return rig.word(stagePa) === 2n ? 'not taken' : 'dead';
  if (word('el') !== 2n) return 'EL1';
  return word('x0') === DTB_PA ? 'reached' : 'no DTB';
}

/** The kernel's own vectors are where exceptions of a PE go. */
function hasVectors({ machine }: Rig, { kernel }: HypKernel, pe: number): boolean {
  const own = machine.pes[pe]!;
  const el = own.s.el;
  return el > 0 && own.readRegister(`VBAR_EL${el}`) === kernel.hosted.vectors('kit');
}

/** Where a PE is: function, yield and what it is about to do, or an address. */
function whereIs({ machine }: Rig, pe: number): string {
  const { s } = machine.pes[pe]!;
  const { hosted } = machine;
  const at = windowOf(s.pc);
  const effect = at && hosted?.activations.get(at.activation)?.effect();
  const where = hosted?.describe(s.pc) ?? `0x${s.pc.toString(16)} at EL${s.el}`;
  return effect && !('finished' in effect) ? `${where}: ${doing(effect)}` : where;
}
/** An effect as one or two words. */
function doing(effect: Effect): string {
  if ('name' in effect) return `${effect.op} ${effect.name}`;
  return effect.op === 'call' ? `${effect.conduit} 0x${(effect.x[0] ?? effect.target).toString(16)}` : effect.op;
}

/** Why nobody else can be blamed for a dead end, if the event is a fault. */
function excuse({ rig, hyp }: HypMachine, { event }: HypSpec, pe: number): HypOutcome | undefined {
  if (event !== 'fault') return undefined;
  if (!hasVectors(rig, hyp, pe)) return 'no vectors';
  return rig.word(hyp.kernel.words.panicked) === 0n ? undefined : 'second fault';
}

/** Boundaries of the sequence when nothing comes, up to its end or to where it is stuck; comes back. */
function windowSize(rig: Rig, over: () => boolean): number {
  const { machine } = rig;
  const begin = rig.mark();
  let [size, still, before] = [0, 0, ''];
  for (let more = true; more && !over(); size++) {
    if (size === WINDOW_MAX) throw new Error(`assertion: the window has no end within ${WINDOW_MAX} steps`);
    more = machine.run({ steps: 1 }).reason === 'limit' && still < STUCK_STEPS;
    const places = machine.pes.map(({ s }) => s.pc).join();
    still = places === before ? still + 1 : 0;
    before = places;
  }
  rig.back(begin);
  return size - still;
}

/**
 * Tries the event at boundaries of the sequence, from a snapshot of each: a sample, every one, or one.
 *
 * With `only` none is tried where it is behind the window or nothing can come there.
 */
export function sweepBoundaries(spec: HypSpec, { only, stride = HYP_STRIDE }: HypReach = {}): HypSweep {
  const made = sequenceMachine(spec);
  const { rig, stagePa } = made;
  const pe = peOf(spec);
  const tries: HypTry[] = [];
  let [quiet, leftOut, copied, last] = [0, 0, 0, ''];
  rig.until(stagePa, 1n);
  const boundaries = windowSize(rig, () => rig.word(stagePa) === 2n || rig.word(ARRIVAL_PA) !== 0n);
  for (let at = 0; at < boundaries && at <= (only ?? at); at++) {
    if (at > 0) rig.machine.run({ steps: 1 });
    const where = whereIs(rig, pe);
    copied = spec.sequence === 'kexec' && COPYING.test(where) ? copied + 1 : 0;
    const sampled = stride === 1 || (where !== last && (copied < stride || at % stride === 0));
    last = where;
    if (only === undefined ? !sampled : at !== only) {
      leftOut++;
      continue;
    }
    const here = rig.mark();
    const excused = excuse(made, spec, pe);
    if (!comes(rig, spec, pe, where)) quiet++;
    else {
      rig.finish(END_STEPS);
      const outcome = outcomeOf(rig, stagePa);
      tries.push({ at, where, outcome: outcome === 'dead' ? (excused ?? outcome) : outcome });
    }
    rig.back(here);
  }
  return { tries, boundaries, quiet, leftOut };
}
