/** What the vectors lead to: frames, and who deals with an exception. */
import { type Hosted, lock, mrs, msr, msrImmediate, unlock } from '../../engine/hosted/effects.ts';
import type { HostedFunction } from '../../engine/hosted/program.ts';
import { DAIF_CONTEXT } from '../irqflags/flags.ts';
import { handleAsNmi, nmiByPriority, runNmi } from '../irqflags/nmi.ts';
import type { Cpu } from './cpu.ts';
import { type Frame, restoreFrame, saveFrame } from './frame.ts';
import { INTID_SPURIOUS } from './gic.ts';
import { DESCRIPTOR_BYTES, type Kernel, type ReturnToUserHook } from './kernel.ts';
import { AREA } from './layout.ts';
import { nmiEnter, nmiExit } from './nesting.ts';
import { stopHere } from './panic.ts';
import { SGI, serveCall } from './smp.ts';

const { PROCCTX, PROCCTX_NOIRQ, ERRCTX } = DAIF_CONTEXT;

/** Rounds of work before a return to EL0: more is a hook whose work does not do what is pending. */
const ROUNDS_MAX = 1000;

/** Functions of the program that the vectors enter. */
export function entryFunctions(kernel: Kernel): Record<string, HostedFunction> {
  const { el } = kernel.options;
  /** Frame, the CPU, the mask that was interrupted; afterwards the way back. */
  const exception = (body: (cpu: Cpu, frame: Frame, pmr: bigint) => Hosted): HostedFunction =>
    function* ({ pe }) {
      const frame = yield* saveFrame(pe, el);
      const cpu = yield* kernel.here(pe, 'irq');
      const pmr = yield* cpu.irq.enter(frame.pa);
      if (frame.overflow) yield* cpu.in('nmi').panic(`kernel stack overflow at ${hex(frame.pc)}`);
      yield* body(cpu, frame, pmr);
      if (frame.fromEl0 && kernel.returnToUserHooks.length > 0) yield* returnToUser(cpu.in('thread'), frame);
      yield* msrImmediate('DAIFSet', 15);
      yield* cpu.irq.leave(frame.pa);
      yield* restoreFrame(frame, el);
    };
  const unexpected = (what: string): HostedFunction =>
    exception(function* (cpu, frame) {
      const esr = yield* mrs(cpu.reg('ESR'));
      yield* cpu.in('nmi').panic(`${what} at ${hex(frame.pc)}, ${cpu.reg('ESR')} ${hex(esr)}`);
    });
  return {
    kitSync: exception(synchronous),
    kitIrq: exception(function* (cpu, frame, pmr) {
      if (cpu.irq.name !== 'rfc') yield* msr('DAIF', PROCCTX_NOIRQ);
      if (cpu.irq.name === 'pmr' && cpu.irq.wasDisabled(frame.pstate, pmr)) yield* handleAsNmi(cpu, frame);
      else yield* handleInterrupt(cpu, frame);
    }),
    kitFiq: unexpected('an FIQ'),
    kitSerror: exception(serror),
  };
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

function* synchronous(cpu: Cpu, frame: Frame, pmr: bigint): Hosted {
  const esr = yield* mrs(cpu.reg('ESR'));
  const far = yield* mrs(cpu.reg('FAR'));
  const own = cpu.in(frame.fromEl0 ? 'thread' : 'irq');
  yield* cpu.irq.daifInherit(frame.pstate, pmr);
  for (const handler of cpu.kernel.syncHandlers) if (yield* handler(own, frame, esr)) return;
  const where = `at ${hex(frame.pc)}, ${cpu.reg('ESR')} ${hex(esr)}, ${cpu.reg('FAR')} ${hex(far)}`;
  yield* own.in('nmi').panic(`unexpected exception ${where}`);
}

/** As urgent as an NMI: it comes whatever the priority mask is, and only PSTATE.A keeps another one out. */
function* serror(cpu: Cpu, frame: Frame): Hosted {
  const esr = yield* mrs(cpu.reg('ESR'));
  const own = cpu.in('nmi');
  yield* cpu.irq.daifRestore(ERRCTX);
  yield* nmiEnter(own);
  let dealtWith = false;
  for (const handler of cpu.kernel.serrorHandlers) {
    dealtWith = yield* handler(own, frame, esr);
    if (dealtWith) break;
  }
  yield* nmiExit(own);
  if (!dealtWith) yield* own.panic(`an SError at ${hex(frame.pc)}, ${cpu.reg('ESR')} ${hex(esr)}`);
}

/** Until nothing is pending with everything masked: what comes after that comes out of the program again. */
function* returnToUser(cpu: Cpu, frame: Frame): Hosted {
  const { returnToUserHooks: hooks } = cpu.kernel;
  for (let round = 0; ; round++) {
    yield* cpu.irq.daifMask();
    const due: ReturnToUserHook[] = [];
    for (const hook of hooks) if (yield* hook.pending(cpu)) due.push(hook);
    if (due.length === 0) return;
    if (round === ROUNDS_MAX) yield* cpu.panic(`work before the return to ${hex(frame.pc)} never ends`);
    yield* cpu.irq.daifRestore(PROCCTX);
    for (const hook of due) yield* hook.work(cpu, frame);
  }
}

/** From code that had interrupts in. What the GIC says decides whether it is an NMI. */
function* handleInterrupt(cpu: Cpu, frame: Frame): Hosted {
  const { kernel } = cpu;
  const iar = yield* kernel.gic.acknowledge();
  const intid = kernel.gic.version === 2 ? iar & 0x3ffn : iar;
  const nmi = cpu.irq.name === 'pmr' && (yield* nmiByPriority());
  if (nmi) yield* runNmi(cpu, frame, iar);
  if (cpu.irq.priorities) {
    // From here on NMIs interrupt the handler.
    yield* cpu.irq.disable();
    yield* msrImmediate('DAIFClr', 3);
  }
  if (nmi || intid >= INTID_SPURIOUS) return;
  yield* cpu.add(AREA.irqDepth, 1n);
  if (intid === BigInt(SGI.STOP)) yield* stopHere(cpu);
  yield* flow(cpu, Number(intid), iar);
  yield* cpu.add(AREA.irqDepth, -1n);
}

/** An interrupt from its handler to its end. That of a shared one holds the descriptor's lock around both. */
function* flow(cpu: Cpu, intid: number, iar: bigint): Hosted {
  const { kernel } = cpu;
  const descriptor = kernel.words.descriptors + BigInt(intid) * DESCRIPTOR_BYTES;
  const shared = intid >= 32;
  if (shared) {
    yield* lock(descriptor, cpu.owner);
    yield* unlock(descriptor);
  }
  if (intid === SGI.CALL) yield* serveCall(cpu);
  const handler = kernel.interruptHandler(intid);
  if (handler) yield* handler(cpu, intid);
  else if (intid >= 16) yield* kernel.gic.disable(intid, cpu.pe);
  if (shared) yield* lock(descriptor, cpu.owner);
  yield* kernel.gic.end(iar);
  if (shared) yield* unlock(descriptor);
}
