/** Events that are put in at a boundary: how each enters, and how it shows that it was delivered. */
import { EC, FSC } from '../arch/esr.ts';
import { PE_STATE } from '../arch/pestate.ts';
import { WAIT } from '../cpu/waiting.ts';
import type { ExceptionRecord, TraceRecord } from '../debug/trace/records.ts';
import { checkLine, GicError } from '../devices/gic.ts';
import { VIRT_MEMORY_MAP } from '../machine/board/virt.ts';
import type { Machine } from '../machine/machine.ts';
import { takeAbort } from '../machine/ras-aborts.ts';
import { ExploreError } from './errors.ts';

/** An event that can be put in at any boundary. */
export interface InjectedEvent {
  /** As in reports, e.g. `sdei:0`. */
  readonly name: string;
  /** PE that it is for; undefined: whichever is about to take a step. */
  readonly pe?: number;
  /** It interrupts a PE, so that injected time can stand still until that PE is back. */
  readonly interrupts: boolean;
  /** Looks before the first run whether the machine can have it. @throws ExploreError `E_EVENT` */
  check?(machine: Machine): void;
  /** Puts it in at this boundary; a text says why it was not accepted. */
  inject(machine: Machine, pe: number): string | undefined;
  /**
   * Whether a record shows that it was delivered.
   *
   * @param last - the exception that the PE took last
   * @returns the address that was interrupted
   */
  delivered?(record: TraceRecord, pe: number, last: ExceptionRecord | undefined): bigint | undefined;
  /** It was accepted and waits. */
  pending?(machine: Machine, pe: number): boolean;
}

function checkPe(machine: Machine, name: string, pe: number | undefined): void {
  if (pe === undefined || machine.pes[pe]) return;
  const advice = `This machine has PEs 0 to ${machine.pes.length - 1}.`;
  throw new ExploreError('E_EVENT', `event '${name}': there is no PE ${pe}. ${advice}`);
}
const named = (what: string, pe: number | undefined): string => (pe === undefined ? what : `${what}@${pe}`);

// --- SDEI ---

const STATE = { REGISTERED: 1, ENABLED: 2, RUNNING: 4 } as const;

/** Why the dispatcher does not take an event. DEN0054, "Event dispatch". */
function sdeiRefusal(machine: Machine, event: number, pe: number): string {
  const { events, pes } = machine.sdei.state();
  const { handlers } = events.find(({ number }) => number === event)!;
  const { state } = handlers.length > 1 ? handlers[pe]! : handlers[0]!;
  if (!(state & STATE.REGISTERED)) return 'nobody has registered a handler';
  if (!(state & STATE.ENABLED)) return 'its handler is not enabled';
  return pes[pe]!.masked ? 'the PE masks events' : 'it cannot be dispatched now, and is not kept pending';
}

/** An SDEI event, raised as firmware does. DEN0054, "Event dispatch". */
export function sdei(event: number, { pe }: { readonly pe?: number } = {}): InjectedEvent {
  const name = named(`sdei:${event}`, pe);
  return {
    name,
    pe,
    interrupts: true,
    check: (machine) => {
      checkPe(machine, name, pe);
      const known = machine.sdei.events.filter(({ interrupt }) => interrupt === undefined);
      if (known.some(({ number }) => number === event)) return;
      const advice =
        machine.sdei.events.length === 0
          ? 'This machine has no SDEI dispatcher.'
          : `Those to raise: ${known.map(({ number }) => number).join(', ')}; one with an interrupt is raised by irq.`;
      throw new ExploreError('E_EVENT', `event '${name}': there is no such event to raise. ${advice}`);
    },
    inject: (machine, at) => (machine.sdei.signal(event, { pe: at }) ? undefined : sdeiRefusal(machine, event, at)),
    delivered: (record) =>
      record.kind === 'sdei' && record.event === event && record.operation === 'DISPATCH' ? record.PC : undefined,
    pending: (machine) => {
      const { handlers } = machine.sdei.state().events.find(({ number }) => number === event)!;
      return handlers.some(({ latch, line }) => latch || line);
    },
  };
}

// --- interrupts ---

const SPI_FIRST = 32;
const ISPENDR = 0x200;
const SGI_FRAME = 0x1_0000;
const GICR_STRIDE = 0x2_0000;

/** GICD_ISPENDR or GICR_ISPENDR0 as Secure software reads it. IHI 0069, "GICD_ISPENDR<n>". */
function irqPending(machine: Machine, intid: number, pe: number): boolean {
  const { gicd, gicr } = VIRT_MEMORY_MAP;
  const redistributor = intid < SPI_FIRST && machine.options.gic === 3;
  const frame = redistributor ? Number(gicr.basePa) + pe * GICR_STRIDE + SGI_FRAME : Number(gicd.basePa);
  const word = machine.bus.read(frame + ISPENDR + (intid >> 5) * 4, 4, pe, false);
  return typeof word === 'number' && ((word >>> (intid & 31)) & 1) !== 0;
}

/** An interrupt line that rises; one of an edge-triggered interrupt falls at once. */
export function irq(intid: number, { pe }: { readonly pe?: number } = {}): InjectedEvent {
  const name = named(`irq:${intid}`, pe);
  return {
    name,
    pe,
    interrupts: true,
    check: ({ gic, pes }) => {
      try {
        checkLine({ pes: pes.length, exists: (n) => gic.firmware.exists(n) }, intid, pe ?? 0);
      } catch (error) {
        if (!(error instanceof GicError)) throw error;
        throw new ExploreError('E_EVENT', `event '${name}': ${error.message}`);
      }
    },
    inject: ({ gic }, at) => {
      const of = intid < SPI_FIRST ? { pe: at } : {};
      gic.set(intid, true, of);
      if (gic.firmware.edgeTriggered(intid, intid < SPI_FIRST ? at : 0)) gic.set(intid, false, of);
      return undefined;
    },
    delivered: (record, _pe, last) =>
      record.kind === 'interrupt' && record.what === 'acknowledged' && record.INTID === intid ? last?.ELR : undefined,
    pending: (machine, at) => irqPending(machine, intid, at),
  };
}

// --- SError ---

/** An SError that arrives at a PE. DDI 0487, "SError interrupt exceptions". */
export function serror({ pe, syndrome }: { readonly pe?: number; readonly syndrome?: number } = {}): InjectedEvent {
  const name = named(syndrome === undefined ? 'serror' : `serror:0x${syndrome.toString(16)}`, pe);
  return {
    name,
    pe,
    interrupts: true,
    check: (machine) => checkPe(machine, name, pe),
    inject: (machine, at) => {
      const { s } = machine.pes[at]!;
      if (s.get32(PE_STATE.waitState) === WAIT.OFF) return 'the PE is off';
      if (s.get32(PE_STATE.serrorPending) !== 0) return 'one is pending there already';
      machine.serror(at, syndrome);
      return undefined;
    },
    delivered: (record, at) =>
      record.kind === 'exception' && record.exception === 'SError' && record.pe === at ? record.ELR : undefined,
    pending: (machine, at) => machine.pes[at]!.s.get32(PE_STATE.serrorPending) !== 0,
  };
}

// --- anything else ---

/** Text that somebody types on the console. */
export function typed(text: string): InjectedEvent {
  return {
    name: `type:${JSON.stringify(text)}`,
    interrupts: false,
    inject: (machine) => void machine.console.input(new TextEncoder().encode(text)),
  };
}

/**
 * Whatever else can be done to a machine at a boundary. It counts as delivered at the first asynchronous exception,
 * SDEI event or external abort that its PE takes afterwards.
 *
 * @param action - a text that it gives says why the event was not accepted
 */
export function event(
  name: string,
  action: (machine: Machine, pe: number) => string | undefined,
  { pe, interrupts = true }: { readonly pe?: number; readonly interrupts?: boolean } = {},
): InjectedEvent {
  return {
    name,
    pe,
    interrupts,
    check: (machine) => checkPe(machine, name, pe),
    inject: action,
    delivered: (record, at) => {
      if (record.pe !== at) return undefined;
      if (record.kind === 'sdei' && record.operation === 'DISPATCH') return record.PC;
      if (record.kind !== 'exception') return undefined;
      const abort = record.FSC?.startsWith('SyncExternal') === true;
      return record.exception !== 'Synchronous' || abort ? record.ELR : undefined;
    },
  };
}

/**
 * A synchronous External abort of one fetch: the next instruction of a PE is not executed. At any Exception level but
 * EL3; memory is whole, so that whoever comes back executes it. DDI 0487, "External aborts", "Instruction Abort".
 */
export function sea({ pe }: { readonly pe?: number } = {}): InjectedEvent {
  const inject = (machine: Machine, at: number): string | undefined => {
    const target = machine.pes[at]!;
    const waits = target.s.get32(PE_STATE.waitState);
    if (waits === WAIT.OFF) return 'the PE is off';
    if (waits !== WAIT.RUNNING) return 'the PE waits and fetches nothing';
    if (target.s.el === 3) return 'the PE is at EL3';
    takeAbort(target, EC.InstructionAbortLowerEL, FSC.SyncExternal, target.s.pc);
    return undefined;
  };
  return event(named('sea', pe), inject, pe === undefined ? {} : { pe });
}
