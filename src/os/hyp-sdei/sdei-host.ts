/**
 * The machine as the dispatcher of a guest sees it from a hypervisor: facts that are found out by steps, and actions
 * that are taken by steps once the dispatcher has decided.
 */
import type { FeatureName } from '../../arch/features.ts';
import { type Hosted, load, mrs, msr, readX, store, sys, writeX } from '../../engine/hosted/effects.ts';
import { isHosted } from '../../engine/hosted/program.ts';
import { type SdeiConfiguration, SdeiDispatcher } from '../../firmware/sdei/dispatcher.ts';
import { CONTEXT_REGISTERS } from '../../firmware/sdei/functions.ts';
import type { EventContext, SdeiHost, SdeiInterrupts } from '../../firmware/sdei/host.ts';
import { handlerPstate } from '../../firmware/sdei/pstate.ts';
import type { Facts } from './facts.ts';
import { guestFeatures } from './features.ts';
import { isEdge, readBit, readRoute, routeTo, SPI_FIRST, sendSgi, setPriority, writeBit, writeRoute } from './gic.ts';
import { areaAt, HYP_INTIDS, INTID_END, OWNED_AT, PE, TAKEN_SPIS_AT } from './layout.ts';
import { fill, guestRouteAt, isArmed, type SdeiWords, wasArmed, writeBack } from './sdei-state.ts';

/** What a hypervisor is told about its guest, as far as the dispatcher goes. */
export interface GuestConfiguration extends SdeiConfiguration {
  readonly cpus: number;
  /** Where the hypervisor's memory begins, which is where the guest's RAM ends. */
  readonly basePa: bigint;
  /** Affinity fields of a PE. */
  affinityOf(pe: number): bigint;
  /** A physical address is RAM of the guest. */
  isGuestRam(pa: bigint): boolean;
}

/** ICH_HCR_EL2.En. */
const ICH_EN = 1n;
/** PAR_EL1.F: the translation failed. */
const AT_FAULT = 1n;
const LOWEST_PRIORITY = 0xffn;
const PA_MASK = 0xffff_ffff_f000n;

/** One operation of the dispatcher on a PE: made anew each time that a fact was missing. */
export class Attempt {
  readonly d: SdeiDispatcher;
  /** Lines for the log. */
  readonly notices: string[] = [];
  private readonly config: GuestConfiguration;
  private readonly words: SdeiWords;
  private readonly facts: Facts;
  private readonly pe: number;
  private readonly actions: (() => Hosted)[] = [];
  /** What runs on the PE behind the operation, when that is something else than before. */
  private context: EventContext | undefined;
  private x0: bigint | undefined;
  private exceptionReturn: { readonly pc: bigint; readonly pstate: number } | undefined;

  constructor(config: GuestConfiguration, words: SdeiWords, facts: Facts, pe: number) {
    this.config = config;
    this.words = words;
    this.facts = facts;
    this.pe = pe;
    this.d = new SdeiDispatcher(this.host(), config);
    fill(this.d, words, config.basePa, facts);
    this.lookAtLevels();
    this.d.evaluate();
  }

  /** A level that was high may have dropped: nobody told. */
  private lookAtLevels(): void {
    for (const { intid, handlers } of this.d.events)
      for (const [pe, h] of handlers.entries())
        if (intid !== null && h.state & 1 && h.line && !h.edge) h.line = this.bit('ISPENDR', intid, pe);
  }
  private bit(register: 'ISPENDR' | 'ISACTIVER', intid: number, pe: number): boolean {
    return this.facts.ask(`${register} ${intid} ${pe}`, () => readBit(register, intid, pe));
  }

  /** The call that the guest made gave this. */
  answer(x0: bigint): void {
    this.x0 = x0;
  }
  /** An interrupt arrived that is taken; false when it is no event's any more. */
  arrived(intid: number): boolean {
    const taken = this.d.lineChanged(intid, true, this.pe);
    const record = this.d.events.find((r) => r.intid === intid);
    const h = record && this.d.handlerOf(record, this.pe);
    if (h?.edge) h.line = false;
    return taken;
  }

  private host(): SdeiHost {
    const { config, facts } = this;
    return {
      peCount: config.cpus,
      clientEl: 1,
      interrupts: this.interrupts(),
      affinityOf: (pe) => config.affinityOf(pe),
      isOn: (pe) => ((this.words.power >> BigInt(pe)) & 1n) === 1n,
      isClientMemory: (_pe, va) =>
        isHosted(va) || config.isGuestRam(facts.ask(`translated ${va}`, () => translated(va))),
      context: () => {
        if (this.context) return this.context;
        const found = facts.ask('context', readContext);
        return this.x0 === undefined ? found : { ...found, x: [this.x0, ...found.x.slice(1)] };
      },
      resume: (_pe, { x, pc, pstate }) => {
        this.context = { x: [...x], pc, pstate };
      },
      handlerPstate: (_pe, interrupted) => {
        const sctlr = facts.ask('SCTLR_EL1', () => mrs('SCTLR_EL1'));
        const features: ReadonlySet<FeatureName> = facts.ask('features', guestFeatures);
        return handlerPstate(interrupted, { clientEl: 1, features, sctlr, hostRegime: false });
      },
      setExceptionReturn: (_pe, pc, pstate) => {
        this.exceptionReturn = { pc, pstate };
      },
      wanted: (pe, wanted) => {
        if (wanted && pe !== this.pe) this.actions.push(() => sendSgi(HYP_INTIDS.doorbell, config.affinityOf(pe)));
      },
      notice: (pe, message) => {
        this.notices.push(`PE ${pe}: ${message}`);
      },
      moved: () => {},
    };
  }

  private interrupts(): SdeiInterrupts {
    const { config, facts, actions } = this;
    const { basePa } = config;
    const does = (action: () => Hosted): void => void actions.push(action);
    return {
      exists: (intid) => intid >= 16 && intid < INTID_END,
      nonSecure: (intid) =>
        !facts.ask(`owned ${intid}`, () => readMark(basePa + OWNED_AT + BigInt((intid >> 5) * 8), intid)),
      active: (intid, pe) => this.bit('ISACTIVER', intid, pe),
      edgeTriggered: (intid, pe) => facts.ask(`edge ${intid} ${pe}`, () => isEdge(intid, pe)),
      take: (intid, pe) => {
        const edge = facts.ask(`edge ${intid} ${pe}`, () => isEdge(intid, pe));
        const level = !edge && this.bit('ISPENDR', intid, pe);
        does(() => takeAway(basePa, intid, pe, guestRouteAt(this.placeOf(intid))));
        return level;
      },
      giveBack: (intid, pe) => does(() => giveBack(basePa, intid, pe, guestRouteAt(this.placeOf(intid)))),
      activate: (intid, pe, active) => does(() => writeBit(active ? 'ISACTIVER' : 'ICACTIVER', intid, pe)),
      route: (intid, affinity) => does(() => writeRoute(intid, routeTo(affinity))),
      hold: (pe, priority) => {
        // The interface of another PE is reset when that PE starts.
        if (pe === this.pe) does(() => letIn(priority === undefined));
      },
    };
  }
  private placeOf(intid: number): number {
    return this.d.events.findIndex((record) => record.intid === intid);
  }

  /** Takes the actions and writes down what changed, with the lock held. */
  *flush(): Hosted {
    const { d, words } = this;
    for (const action of this.actions) yield* action();
    for (const [n, { intid, handlers }] of d.events.entries()) {
      if (intid === null) continue;
      for (const [pe, h] of handlers.entries())
        if (isArmed(h) !== wasArmed(words, n, pe)) yield* writeBit(isArmed(h) ? 'ISENABLER' : 'ICENABLER', intid, pe);
    }
    yield* writeBack(d, words, this.config.basePa);
  }
  /** Makes the PE go on with what the operation left to run. */
  *enter(): Hosted {
    const { context, exceptionReturn } = this;
    if (exceptionReturn) {
      yield* msr('ELR_EL1', exceptionReturn.pc);
      yield* msr('SPSR_EL1', BigInt(exceptionReturn.pstate));
    }
    if (!context) {
      if (this.x0 !== undefined) yield* writeX(0, this.x0);
      return;
    }
    for (const [n, value] of context.x.entries()) yield* writeX(n, value);
    yield* msr('ELR_EL2', context.pc);
    yield* msr('SPSR_EL2', BigInt(context.pstate));
  }
}

function* readContext(): Hosted<EventContext> {
  const x: bigint[] = [];
  for (let n = 0; n < CONTEXT_REGISTERS; n++) x.push(yield* readX(n));
  return { x, pc: yield* mrs('ELR_EL2'), pstate: Number(yield* mrs('SPSR_EL2')) };
}
/** Physical address of what the guest reads at an address at EL1; -1 when it cannot. */
function* translated(va: bigint): Hosted<bigint> {
  const before = yield* mrs('PAR_EL1');
  yield* sys('AT S12E1R', va);
  const par = yield* mrs('PAR_EL1');
  yield* msr('PAR_EL1', before);
  return par & AT_FAULT ? -1n : (par & PA_MASK) | (va & 0xfffn);
}

function* readMark(at: bigint, intid: number): Hosted<boolean> {
  return (((yield* load(at)) >> BigInt(intid & 31)) & 1n) === 1n;
}
/** The guest's accesses to the interrupt controller find nothing of the interrupt, or find it again. */
function* mark(basePa: bigint, intid: number, pe: number, taken: boolean): Hosted {
  const at = intid < SPI_FIRST ? areaAt(pe) + PE.taken : TAKEN_SPIS_AT + BigInt((intid >> 5) * 8);
  const before = yield* load(basePa + at);
  const bit = 1n << BigInt(intid & 31);
  yield* store(basePa + at, taken ? before | bit : before & ~bit);
}
/** The interrupt is disabled, not pending, more urgent than all of the guest's, and out of the guest's reach. */
function* takeAway(basePa: bigint, intid: number, pe: number, guestRoute: bigint): Hosted {
  yield* mark(basePa, intid, pe, true);
  yield* writeBit('ICENABLER', intid, pe);
  yield* writeBit('ICPENDR', intid, pe);
  yield* setPriority(intid, pe, 0n);
  if (intid >= SPI_FIRST) yield* store(basePa + guestRoute, yield* readRoute(intid));
}
/** The interrupt is disabled, not pending, of the lowest priority, where the guest had routed it, and the guest's. */
function* giveBack(basePa: bigint, intid: number, pe: number, guestRoute: bigint): Hosted {
  yield* writeBit('ICENABLER', intid, pe);
  yield* writeBit('ICPENDR', intid, pe);
  yield* setPriority(intid, pe, LOWEST_PRIORITY);
  if (intid >= SPI_FIRST) yield* writeRoute(intid, yield* load(basePa + guestRoute));
  yield* mark(basePa, intid, pe, false);
}
/** The guest gets virtual interrupts on this PE, or none while an event is handled, whatever it does to its masks. */
function* letIn(on: boolean): Hosted {
  const before = yield* mrs('ICH_HCR_EL2');
  yield* msr('ICH_HCR_EL2', on ? before | ICH_EN : before & ~ICH_EN);
}

/** Whether an interrupt is taken from the guest for an event. */
export function isTaken(basePa: bigint, intid: number, pe: number): Hosted<boolean> {
  return readMark(
    basePa + (intid < SPI_FIRST ? areaAt(pe) + PE.taken : TAKEN_SPIS_AT + BigInt((intid >> 5) * 8)),
    intid,
  );
}
