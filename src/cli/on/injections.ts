/** Actions that put an event into the guest. What is refused is reported with the reason. */
import { PE_STATE } from '../../arch/pestate.ts';
import { WAIT } from '../../cpu/waiting.ts';
import { checkLine } from '../../devices/gic.ts';
import type { Machine } from '../../machine/machine.ts';
import { isUserError } from '../errors.ts';
import { atPe, complain, insideFor, peNumber, type Written, wholeNumber } from './arguments.ts';
import type { Inside } from './inside.ts';
import type { OnContext, OnWord, ReadyAction } from './rule.ts';

/** An injection: gives the reason when it was refused. */
type Inject = (machine: Machine, pe: number) => string | undefined;

function injection(pe: number | undefined, check: (inside: Inside) => void, what: string, inject: Inject): ReadyAction {
  const act = (context: OnContext, rule: string, where: { readonly pe?: number }): void => {
    const { machine } = insideFor(context);
    const target = pe ?? where.pe ?? 0;
    let reason: string | undefined;
    try {
      reason = inject(machine, target);
    } catch (error) {
      if (!isUserError(error)) throw error;
      reason = error.message;
    }
    if (reason !== undefined)
      context.report(`--on '${rule}': at step ${machine.steps}, ${what} on PE ${target} refused: ${reason}`);
  };
  return Object.assign(act, { check });
}

function checkPe(machine: Machine, pe: number | undefined, written: Pick<Written, 'fail'>): void {
  if (pe !== undefined && !machine.pes[pe])
    throw written.fail(`there is no PE ${pe}. This machine has 0 to ${machine.pes.length - 1}.`);
}

// --- sdei ---

/** Why the dispatcher does not take an event. DEN0054, "Event dispatch". */
function whyRefused(machine: Machine, event: number, pe: number): string {
  const { events, pes } = machine.sdei.state();
  const { handlers } = events.find(({ number }) => number === event)!;
  const { state } = handlers.length > 1 ? handlers[pe]! : handlers[0]!;
  if (!(state & 1)) return 'nobody has registered a handler';
  if (!(state & 2)) return 'its handler is not enabled';
  if (pes[pe]!.masked) return 'the PE masks events';
  return 'it cannot be dispatched now, and this profile keeps it not pending';
}

const SDEI: OnWord<ReadyAction> = {
  name: 'sdei',
  syntax: 'sdei:EVENT[@PE]',
  doc: 'raise an SDEI event as firmware does; PE: that of the trigger, else 0',
  parse: (scan) => {
    const written = atPe(scan, 'an event number');
    const event = wholeNumber(written.text);
    if (event === undefined) throw written.fail(`'${written.text}' is no event number. E.g. sdei:0@1.`);
    const check = ({ machine }: Inside): void => {
      checkPe(machine, written.pe, written);
      const { events } = machine.sdei;
      const found = events.find(({ number }) => number === event);
      const known = events.filter(({ interrupt }) => interrupt === undefined).map(({ number }) => number);
      if (events.length === 0) throw written.fail('this machine has no SDEI dispatcher. Leave out --sdei off.');
      if (!found) throw written.fail(`there is no SDEI event ${event}. Those to raise: ${known.join(', ')}.`);
      if (found.interrupt !== undefined)
        throw written.fail(
          `an interrupt raises SDEI event ${event}. Use irq:INTID. Those to raise: ${known.join(', ')}.`,
        );
    };
    return injection(written.pe, check, `SDEI event ${event}`, (machine, pe) =>
      machine.sdei.signal(event, { pe }) ? undefined : whyRefused(machine, event, pe),
    );
  },
};

// --- irq ---

const IRQ: OnWord<ReadyAction> = {
  name: 'irq',
  syntax: 'irq:INTID[@PE]',
  doc: 'raise an interrupt line: a pulse where it is edge-triggered, else it stays raised; @PE for PPIs (16..31)',
  parse: (scan) => {
    const written = atPe(scan, 'an INTID');
    const intid = wholeNumber(written.text);
    if (intid === undefined) throw written.fail(`'${written.text}' is no INTID. E.g. irq:40 or irq:27@1.`);
    if (written.pe !== undefined && intid >= 32)
      throw written.fail(`INTID ${intid} is not of one PE: the guest routes it. Leave out @${written.pe}.`);
    const check = ({ machine }: Inside): void => {
      const { gic, pes } = machine;
      checkPe(machine, written.pe, written);
      complain(written, () =>
        checkLine({ pes: pes.length, exists: (n) => gic.firmware.exists(n) }, intid, written.pe ?? 0),
      );
    };
    return injection(written.pe, check, `interrupt ${intid}`, ({ gic }, pe) => {
      const of = intid < 32 ? { pe } : {};
      gic.set(intid, true, of);
      if (gic.firmware.edgeTriggered(intid, intid < 32 ? pe : 0)) gic.set(intid, false, of);
      return undefined;
    });
  },
};

// --- serror ---

const SERROR: OnWord<ReadyAction> = {
  name: 'serror',
  syntax: 'serror[@PE]',
  doc: 'an SError arrives: asynchronous, uncontainable',
  parse: (scan) => {
    const start = scan.at;
    const pe = scan.take('@') ? peNumber(scan, scan.word('a PE'), start + 1) : undefined;
    const check = ({ machine }: Inside): void => checkPe(machine, pe, { fail: (message) => scan.fail(message, start) });
    return injection(pe, check, 'an SError', (machine, at) => {
      const { s } = machine.pes[at]!;
      if (s.get32(PE_STATE.waitState) === WAIT.OFF) return 'the PE is off';
      if (s.get32(PE_STATE.serrorPending) !== 0) return 'one is pending there already';
      machine.serror(at);
      return undefined;
    });
  },
};

/** Actions that put an event into the guest, one row each. */
export const INJECTIONS: readonly OnWord<ReadyAction>[] = [SDEI, IRQ, SERROR];
