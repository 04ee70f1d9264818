/** Hand-over at every boundary: a kernel with KVM does something, an event makes it panic there, and the crash kernel is looked for. */
import { EC, FSC, issForDataAbort } from '../arch/esr.ts';
import { PE_STATE } from '../arch/pestate.ts';
import { type Effect, type Hosted, load, nop, store } from '../engine/hosted/effects.ts';
import { windowOf } from '../engine/hosted/program.ts';
import type { MachineOptions } from '../machine/options.ts';
import { ARM64_VERSIONS } from '../os/hyp/abi-arm64.ts';
import { Handover, type HandoverVariants } from '../os/hyp/handover.ts';
import { HypKernel, type HypKernelOptions } from '../os/hyp/kernel.ts';
import { idleOnce, Kvm, type KvmVariants } from '../os/hyp/kvm.ts';
import { ARRIVAL, ARRIVAL_PA, DTB_PA } from '../os/hyp/layout.ts';
import { enableNmi, IRQF, requestNmi } from '../os/irqflags/nmi.ts';
import type { Cpu } from '../os/kit/cpu.ts';
import type { Kernel } from '../os/kit/kernel.ts';
import { SGI } from '../os/kit/smp.ts';
import { SdeiClient } from '../os/sdei/client.ts';
import { sdeiProbe } from '../os/sdei/lifecycle.ts';
import { EVENT } from './errors.ts';
import { Rig } from './rig.ts';

/** What the kernel does while the event comes. */
export const SEQUENCES = ['load', 'idle', 'hotplug', 'unload', 'kexec', 'kdump'] as const;
/** One of them. */
export type HypSequence = (typeof SEQUENCES)[number];
/** What comes: the instruction there faults; an NMI by priority; an event of firmware. Each ends in a panic. */
export type HypEvent = 'fault' | 'nmi' | 'sdei';

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
  /** The event waits or was refused, and what was under way came to its end. */
  | 'not taken';

/** What is to be tried. */
export interface HypSpec extends HypKernelOptions {
  readonly sequence: HypSequence;
  readonly event: HypEvent;
  readonly kvm?: KvmVariants;
  readonly handover?: HandoverVariants;
  readonly machine?: MachineOptions;
}

/** One boundary. */
export interface HypTry {
  readonly at: number;
  /** Function and yield of the PE the event is for, or an address. */
  readonly where: string;
  readonly outcome: HypOutcome;
}

const SPI = 100;
/** Hosted code that copies pages: hundreds of boundaries that are alike, of which so many in a row are all tried. */
const COPYING = /^hypRelocate|^main/;
const COPY_STRIDE = 64;
/** Boundaries of a window at most. */
const WINDOW_MAX = 4_000;
/** Steps in which a hand-over is over. */
const END_STEPS = 8_000;

/** A kernel with KVM and hand-over, on a machine. */
export interface HypMachine {
  readonly rig: Rig;
  readonly hyp: HypKernel;
  readonly kvm: Kvm;
  readonly handover: Handover;
}
/** The same before there is a machine, for what is declared and what runs. */
export type HypParts = Omit<HypMachine, 'rig'>;

/** What a machine is made of. */
export interface HypProgram {
  readonly options: HypKernelOptions;
  readonly kvm?: KvmVariants;
  readonly handover?: HandoverVariants;
  readonly machine?: MachineOptions;
  /** Declares more, and may give another function to start with. */
  readonly declare?: (parts: HypParts) => string | undefined;
  readonly main: (cpu: Cpu, parts: HypParts) => Hosted;
}

/** Makes all of it; nothing has run yet. EL2 is there unless `machine` says otherwise. */
export function hypMachine({ options, kvm, handover, machine, declare, main }: HypProgram): HypMachine {
  const hyp = new HypKernel(options);
  const kvmOf = new Kvm(hyp, kvm);
  const parts = { hyp, kvm: kvmOf, handover: new Handover(hyp, kvmOf, handover) };
  hyp.kernel.onSync(function* (cpu) {
    yield* cpu.in('nmi').panic('fault');
    return true;
  });
  const entry = declare?.(parts) ?? hyp.entry;
  const program = hyp.program({
    main: (cpu) => main(cpu, parts),
    *crash() {
      yield* parts.handover.crash();
    },
  });
  const cpus = options.cpus ?? 1;
  return { rig: new Rig({ hosted: program, entry, el2: true, cpus, ...machine }), ...parts };
}

/** A machine for a sequence, and the word that says how far it is: 1 in the window, 2 behind it. */
function sequenceMachine(spec: HypSpec): HypMachine & { readonly stagePa: bigint } {
  const { sequence, event } = spec;
  const cpus = sequence === 'hotplug' ? 2 : (spec.cpus ?? 1);
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

/** Tries the event at every boundary of the sequence, or at one. Inside the copying of pages every 64th is tried. */
export function tryBoundaries(spec: HypSpec, only?: number): HypTry[] {
  const { rig, hyp, stagePa } = sequenceMachine(spec);
  const { machine } = rig;
  // Who comes up is who is between two owners.
  const pe = spec.sequence === 'hotplug' ? 1 : 0;
  rig.until(stagePa, 1n);
  const begin = rig.mark();
  const tries: HypTry[] = [];
  let [last, copied] = ['', 0];
  for (let at = 0; at < WINDOW_MAX; at++) {
    const where = whereIs(rig, pe);
    const over = rig.word(stagePa) === 2n || rig.word(ARRIVAL_PA) !== 0n;
    copied = COPYING.test(where) ? copied + 1 : 0;
    const wanted =
      only === undefined ? where !== last && (copied < COPY_STRIDE || at % COPY_STRIDE === 0) : at === only;
    last = where;
    if (over) break;
    const here = rig.mark();
    const deaf = spec.event === 'fault' && !hasVectors(rig, hyp, pe);
    if (wanted && comes(rig, spec, pe, where)) {
      rig.finish(END_STEPS);
      const outcome = outcomeOf(rig, stagePa);
      tries.push({ at, where, outcome: outcome === 'dead' && deaf ? 'no vectors' : outcome });
    }
    if (only === at) break;
    rig.back(here);
    if (machine.run({ steps: 1 }).reason !== 'limit') break;
  }
  rig.back(begin);
  return tries;
}

/** Boundaries of one specification have numbers below this in a report of several. */
const SPEC_STRIDE = 10_000;
/** Outcomes that say that nothing was wrong. */
const FINE: ReadonlySet<HypOutcome> = new Set(['reached', 'not taken', 'no vectors']);

/** What several sweeps have shown. */
export interface HypTable {
  /** A line for each specification: outcomes, and where those are that are bad. */
  readonly lines: readonly string[];
  /** Bad boundaries of all. */
  readonly bad: number;
  readonly tries: number;
  /** The first bad one, as a replay wants it. */
  readonly at: number | undefined;
}

/** Tries every boundary for each of several specifications, or the one that a replay names. */
export function hypTable(
  specs: readonly HypSpec[],
  only?: number,
  isBad: (outcome: HypOutcome) => boolean = (outcome) => !FINE.has(outcome),
): HypTable {
  const lines: string[] = [];
  let [bad, tries] = [0, 0];
  let at: number | undefined;
  for (const [n, spec] of specs.entries()) {
    if (only !== undefined && Math.floor(only / SPEC_STRIDE) !== n) continue;
    const list = tryBoundaries(spec, only === undefined ? undefined : only % SPEC_STRIDE);
    const wrong = list.filter(({ outcome }) => isBad(outcome));
    tries += list.length;
    bad += wrong.length;
    if (wrong[0] && at === undefined) at = n * SPEC_STRIDE + wrong[0].at;
    lines.push(rowLine(spec, list, wrong));
  }
  return { lines, bad, tries, at };
}

function rowLine({ abi, vhe, sequence, event }: HypSpec, list: readonly HypTry[], wrong: readonly HypTry[]): string {
  const counts = new Map<HypOutcome, number>();
  for (const { outcome } of list) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const what = [...counts].map(([outcome, n]) => `${n} ${outcome}`).join(', ');
  const [first, last] = [wrong[0], wrong.at(-1)];
  const where = first && last ? `; bad from ${first.at} (${first.where}) to ${last.at} (${last.where})` : '';
  const name = typeof abi === 'string' ? abi : abi.name;
  return `${name}${vhe ? ' VHE' : ''}, ${sequence}, ${event}: ${what}${where}`;
}

/** Names of the arm64 versions from one on, or before it. */
export function versions(from: string, side: 'since' | 'before'): string[] {
  const names = ARM64_VERSIONS.map(({ name }) => name);
  const n = names.indexOf(from);
  return side === 'since' ? names.slice(n) : names.slice(0, n);
}

/** A kexec with KVM loaded: `EL2`, `EL1`, `dead`. */
export function kexecOverKvm(abi: string, variants: HandoverVariants): string {
  const { rig } = hypMachine({
    options: { abi },
    handover: variants,
    *main(cpu, { kvm, handover }) {
      yield* handover.loadNext();
      yield* kvm.load(cpu);
      yield* handover.kexec(cpu);
    },
  });
  const { kind } = rig.finish(12_000);
  return kind === 'off' ? `EL${rig.word(ARRIVAL_PA + ARRIVAL.el)}` : 'dead';
}
