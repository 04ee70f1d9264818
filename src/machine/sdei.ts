/** The SDEI dispatcher on a machine: what runs on its PEs, its interrupt controller, and what a user can do with it. */
import { PE_STATE } from '../arch/pestate.ts';
import { SPSR } from '../arch/pstate.ts';
import type { Pe } from '../cpu/pe.ts';
import { WAIT } from '../cpu/waiting.ts';
import { type Gic, NO_PE } from '../devices/gic.ts';
import { SPI_FIRST } from '../devices/gicv3/core.ts';
import { CHOICES, SDEI_PROFILES, type SdeiProfile } from '../firmware/sdei/choices.ts';
import { SdeiDispatcher } from '../firmware/sdei/dispatcher.ts';
import { checkSdeiEvents, SDEI_EVENTS_DEFAULT, type SdeiEvent } from '../firmware/sdei/events.ts';
import { CONTEXT_REGISTERS, SDEI_VERSIONS, type SdeiVersion } from '../firmware/sdei/functions.ts';
import type { EventContext, SdeiHost } from '../firmware/sdei/host.ts';
import { handlerPstate } from '../firmware/sdei/pstate.ts';
import type { SdeiState } from '../firmware/sdei/records.ts';
import type { HandlerState, Operation } from '../firmware/sdei/states.ts';
import { VIRT_INTIDS, virtAffinity } from './board/virt.ts';
import { MachineError } from './errors.ts';
import { type Gate, OPEN_GATE } from './outside.ts';

/** The dispatcher of a machine: everything has a default. */
export interface SdeiOptions {
  /** What SDEI_VERSION reports; default 1.0. */
  readonly version?: SdeiVersion;
  /** Where implementations differ; default `spec`. */
  readonly profile?: SdeiProfile;
  /** Default: event 0, 4 slots for PPIs (1000..) and 8 for SPIs (2000..), explicit events 3000 to 3003. */
  readonly events?: readonly SdeiEvent[];
}

/** Options with defaults filled in and checked; events by ascending number. */
export type CheckedSdei = Required<SdeiOptions>;

/** INTID behind the last SPI of the board. */
const INTID_END = 256;
/** Which PPIs the board's own parts use. */
const PPIS_TAKEN: ReadonlyMap<number, string> = new Map(
  Object.entries(VIRT_INTIDS)
    .filter(([, intid]) => intid < 32)
    .map(([name, intid]) => [intid, `the board's ${name}`]),
);

/** @throws MachineError `E_SDEI` naming what is impossible, events by their entry */
export function checkSdei(options: SdeiOptions): CheckedSdei {
  const refuse = (message: string): never => {
    throw new MachineError('E_SDEI', message);
  };
  const { version = '1.0', profile = 'spec', events = SDEI_EVENTS_DEFAULT } = options;
  if (!Object.hasOwn(SDEI_VERSIONS, version))
    refuse(`sdei.version '${version}': no such version. Known: ${Object.keys(SDEI_VERSIONS).join(', ')}.`);
  if (!SDEI_PROFILES.includes(profile))
    refuse(`sdei.profile '${profile}': no such profile. Known: ${SDEI_PROFILES.join(', ')}.`);
  const board = { intidEnd: INTID_END, taken: PPIS_TAKEN };
  return { version, profile, events: checkSdeiEvents(events, board, refuse) };
}

/** What the dispatcher needs of the machine around it. */
export interface SdeiSurroundings {
  readonly pes: readonly Pe[];
  ramContains(addrPa: bigint): boolean;
  isCode(addrVa: bigint): boolean;
  requestBoundary(): void;
  report(pe: number, message: string): void;
}

/** Hears that the handler state of an event changed, on a PE or by a call from it; `before` is what it was. */
export type SdeiListener = (
  pe: number,
  event: number,
  operation: Operation,
  state: HandlerState,
  before: HandlerState,
) => void;

const HCR = { TGE: 1n << 27n, E2H: 1n << 34n } as const;

/** What a dispatcher asks of these PEs. */
function sdeiHost(around: SdeiSurroundings, gic: Gic, moved: SdeiListener): SdeiHost {
  const { pes } = around;
  const { els, profile } = pes[0]!.s;
  const clientEl = els.el2 ? 2 : 1;
  const read = (pe: Pe, name: string): bigint => pe.readRegister(name) ?? 0n;
  return {
    peCount: pes.length,
    clientEl,
    interrupts: gic.firmware,
    affinityOf: virtAffinity,
    isOn: (pe) => pes[pe]!.s.get32(PE_STATE.waitState) !== WAIT.OFF,
    isClientMemory: (pe, va) => {
      if (around.isCode(va)) return true;
      const request = { kind: 'read', el: clientEl, pan: false } as const;
      const t = pes[pe]!.mmu.translate(Number(BigInt.asUintN(64, va) >> 32n), Number(va & 0xffff_ffffn), request);
      return t.fault < 0 && around.ramContains(BigInt(t.pa));
    },
    context: (pe) => {
      const { s } = pes[pe]!;
      return { x: Array.from({ length: CONTEXT_REGISTERS }, (_, n) => s.x(n)), pc: s.pc, pstate: s.pstate() };
    },
    resume: (pe, context) => {
      resume(pes[pe]!, context);
      gic.update(pe);
      around.requestBoundary();
    },
    handlerPstate: (pe, interrupted) => {
      const hcr = read(pes[pe]!, 'HCR_EL2');
      const sctlr = read(pes[pe]!, `SCTLR_EL${clientEl}`);
      const hostRegime = (hcr & HCR.TGE) !== 0n && (hcr & HCR.E2H) !== 0n;
      return handlerPstate(interrupted, { clientEl, features: profile.features, sctlr, hostRegime });
    },
    setExceptionReturn: (pe, pc, pstate) => {
      pes[pe]!.writeRegister(`ELR_EL${clientEl}`, pc);
      pes[pe]!.writeRegister(`SPSR_EL${clientEl}`, BigInt(pstate));
    },
    wanted: (pe, wanted) => {
      pes[pe]!.firmwareEvent = wanted;
      pes[pe]!.interruptsChanged();
    },
    notice: around.report,
    moved,
    wireMoved: (intid, level, pe) =>
      gic.observer?.(intid < SPI_FIRST ? pe : NO_PE, level ? 'raised' : 'lowered', intid),
  };
}

/** As an exception return from the firmware: it clears the exclusive monitor and sets the event register. */
function resume(pe: Pe, { x, pc, pstate }: EventContext): void {
  const { s } = pe;
  x.forEach((value, n) => {
    s.setX(n, value);
  });
  pe.pmu.settle();
  pe.exceptions.restorePstate(pstate, 3, pstate & SPSR.SS ? 1 : 0);
  s.pc = pc;
  s.set32(PE_STATE.exclusiveValid, 0);
  s.set32(PE_STATE.eventRegister, 1);
  pe.modeChanged();
  pe.interruptsChanged();
}

/** What a machine's user can do with its dispatcher: raise events, and look. */
export class MachineSdei {
  /** The dispatcher itself, for the firmware; undefined on a machine without one. */
  readonly dispatcher: SdeiDispatcher | undefined;
  private readonly listeners: SdeiListener[] = [];
  private readonly changed: () => void;
  private readonly gate: Gate;

  /** Puts a dispatcher, if there is to be one, on the PEs and the interrupt controller of a machine. */
  constructor(options: CheckedSdei | false, around: SdeiSurroundings, gic: Gic, gate: Gate = OPEN_GATE) {
    this.changed = around.requestBoundary;
    this.gate = gate;
    if (!options) return;
    const { version, profile, events } = options;
    const host = sdeiHost(around, gic, (...args) => {
      for (const listener of [...this.listeners]) listener(...args);
    });
    const dispatcher = new SdeiDispatcher(host, { version, choices: CHOICES[profile], events });
    gic.firmware.intercept = (intid, level, pe) => dispatcher.lineChanged(intid, level, pe);
    this.dispatcher = dispatcher;
  }

  private existing(): SdeiDispatcher {
    if (this.dispatcher) return this.dispatcher;
    throw new MachineError('E_SDEI', 'sdei: this machine has no dispatcher. Make it without `sdei: false`.');
  }

  /** Adds a listener of handler states; the answer removes it again. Nothing is ever heard without a dispatcher. */
  onMove(listener: SdeiListener): () => void {
    this.listeners.push(listener);
    return () => {
      const at = this.listeners.indexOf(listener);
      if (at >= 0) this.listeners.splice(at, 1);
    };
  }

  /** The events there are, by ascending number; none without a dispatcher. */
  get events(): readonly SdeiEvent[] {
    return this.dispatcher?.config.events ?? [];
  }

  /**
   * Raises an event as firmware does, at this boundary (during a step at the boundary after it).
   *
   * @param at - PE of a private event, default 0; a shared event goes where its routing says
   * @returns false when it was refused: not registered there, or as the profile's choices say
   * @throws MachineError `E_SDEI` for an event that does not exist or that an interrupt raises, `E_CPUS` for a bad PE
   */
  signal(event: number, at: { readonly pe?: number } = {}): boolean {
    const { pe = 0 } = at;
    const dispatcher = this.existing();
    const record = dispatcher.event(event);
    if (!record) {
      const known = this.events.map(({ number }) => number).join(', ');
      throw new MachineError('E_SDEI', `SDEI event ${event}: this machine has none of that number, but ${known}.`);
    }
    if (record.event.interrupt !== undefined)
      throw new MachineError('E_SDEI', `SDEI event ${event}: its interrupt raises it. Raise that one instead.`);
    if (!dispatcher.pes[pe])
      throw new MachineError('E_CPUS', `PE ${pe}: this machine has PEs 0 to ${dispatcher.pes.length - 1}.`);
    const result = this.gate.enter('sdei.signal', { event, pe }, () => dispatcher.raise(record, pe));
    this.changed();
    return result === 'accepted';
  }

  /** Handlers, bindings, masks and what is interrupted now, as plain data; a copy. @throws MachineError `E_SDEI` */
  state(): SdeiState {
    return this.existing().state();
  }
}
