/**
 * Random calls and triggers on four PEs against the model, which is driven in step and asked what every call
 * must return, and which handlers must run where.
 */
import type { SdeiProfile } from '../../src/firmware/sdei/choices.ts';
import { SDEI_EVENTS_DEFAULT } from '../../src/firmware/sdei/events.ts';
import type { SdeiFunction } from '../../src/firmware/sdei/functions.ts';
import { ENTRY, SdeiRig } from '../../src/firmware/sdei/sdei-rig.ts';
import { EVENTS, isSlot, Model, PES, PRIVATE } from './model.ts';

const PPI = 20;
const SPI = 40;

/** A step, with operands that only some kinds use. */
export type Step = readonly [kind: string, pe: number, event: number, other: number];

/** Kinds of steps, often the ones that make something happen. */
export const KINDS: readonly (readonly [weight: number, ...kinds: string[]])[] = [
  [4, 'register', 'enable', 'complete', 'raise', 'signal', 'pulse'],
  [2, 'unmask', 'resume', 'bind', 'disable', 'unregister', 'context'],
  [1, 'mask', 'route', 'release', 'private', 'shared', 'registerOn', 'wrong', 'info'],
];
/** Every PE unmasked with all its events registered and enabled: from here on something happens. */
export const PREPARED: readonly Step[] = [0, 1]
  .map((other): Step => ['bind', 0, 0, other])
  .concat(
    EVENTS.flatMap((event) => [0, 1, 2, 3].map((pe): Step => ['register', pe, event, 0])),
    EVENTS.flatMap((event) => [0, 1, 2, 3].map((pe): Step => ['enable', pe, event, 0])),
    [0, 1, 2, 3].map((pe): Step => ['unmask', pe, 0, 0]),
  );

const ALL_PES = [...Array(PES).keys()];
/** Handler states, running handlers, deliveries so far, and whether a PE without handlers has its registers back. */
export function everything(rig: SdeiRig, contexts: bigint[][]): object {
  return {
    states: ALL_PES.map((pe) => EVENTS.map((event) => Number(rig.status(pe, BigInt(event))))),
    stacks: ALL_PES.map((pe) => rig.stack(pe)),
    entered: rig.entered.toSorted(),
    intact: ALL_PES.map((pe) => rig.stack(pe).length > 0 || rig.pes[pe]!.x.every((x, n) => x === contexts[pe]![n])),
  };
}

/** Takes a step in both; gives what each answered. */
export function take(rig: SdeiRig, model: Model, [kind, pe, event, other]: Step): [unknown, unknown] {
  const e = BigInt(event);
  const affinity = BigInt(other) << 8n;
  const call = (name: SdeiFunction, ...args: bigint[]): number | undefined => {
    const x0 = rig.call(pe, name, ...args);
    return x0 === undefined ? undefined : Number(x0);
  };
  const explicit = event >= 3000 ? event : 3000;
  switch (kind) {
    case 'register':
      return [call('SDEI_EVENT_REGISTER', e, ENTRY), model.register(pe, event, undefined)];
    case 'registerOn':
      return [call('SDEI_EVENT_REGISTER', e, ENTRY, 0n, 1n, affinity), model.register(pe, event, other)];
    case 'enable':
      return [call('SDEI_EVENT_ENABLE', e), model.enable(pe, event, true)];
    case 'disable':
      return [call('SDEI_EVENT_DISABLE', e), model.enable(pe, event, false)];
    case 'unregister':
      return [call('SDEI_EVENT_UNREGISTER', e), model.unregister(pe, event)];
    case 'complete':
      return [call('SDEI_EVENT_COMPLETE', 0n), model.complete(pe)];
    case 'resume':
      return [call('SDEI_EVENT_COMPLETE_AND_RESUME', 0x7280n), model.complete(pe)];
    case 'context':
      return [call('SDEI_EVENT_CONTEXT', 0n) === -3, model.stacks[pe]!.length === 0];
    case 'raise':
      return [rig.raise(explicit, pe), model.raise(pe, explicit)];
    case 'signal':
      return [call('SDEI_EVENT_SIGNAL', 0n, affinity), model.signal(other)];
    case 'pulse': {
      const [slot, intid] = event % 2 === 0 && !PRIVATE.has(event) ? [2000, SPI] : [1000, PPI];
      const mine = rig.line(intid, true, pe);
      rig.line(intid, false, pe);
      return [mine, model.pulse(pe, slot)];
    }
    case 'bind': {
      const [slot, intid] = other % 2 ? [1000, PPI] : [2000, SPI];
      model.bound.add(slot);
      return [call('SDEI_INTERRUPT_BIND', BigInt(intid)), slot];
    }
    case 'release':
      return other < 2
        ? [call('SDEI_INTERRUPT_RELEASE', e), model.release(event)]
        : [call('SDEI_INTERRUPT_RELEASE', 2000n), model.release(2000)];
    case 'route':
      return [call('SDEI_EVENT_ROUTING_SET', e, 1n, affinity), model.route(pe, event, other)];
    case 'private':
      return [call('SDEI_PRIVATE_RESET'), model.privateReset(pe)];
    case 'shared':
      return [call('SDEI_SHARED_RESET'), model.sharedReset()];
    case 'wrong':
      return wrong(call, model, event, other, pe);
    case 'info':
      return info(call, model, event, other);
    default: {
      const before = model.masked[pe];
      model.masked[pe] = kind === 'mask';
      const expected = kind === 'mask' && !before ? 1 : 0;
      return [call(kind === 'mask' ? 'SDEI_PE_MASK' : 'SDEI_PE_UNMASK'), expected];
    }
  }
}

type Calling = (name: SdeiFunction, ...args: bigint[]) => number | undefined;

/** The default events, but one slot for PPIs and one for SPIs. */
const ONE_SLOT_EACH = SDEI_EVENTS_DEFAULT.filter(({ number, interrupt }) => interrupt === undefined || isSlot(number));
/** An interrupt of Secure software. */
const SECURE_SPI = 200;

/** Calls that fail in every state, by what is wrong with their arguments. */
const WRONG: readonly (readonly [SdeiFunction, readonly bigint[], result: number])[] = [
  ['SDEI_EVENT_REGISTER', [0n, 0n], -2],
  ['SDEI_EVENT_REGISTER', [0n, ENTRY, 0n, 4n], -2],
  ['SDEI_EVENT_REGISTER', [3002n, ENTRY, 0n, 1n, 0x7700n], -2],
  ['SDEI_EVENT_ROUTING_SET', [2000n, 2n], -2],
  ['SDEI_EVENT_ROUTING_SET', [3002n, 1n, 0x7700n], -2],
  ['SDEI_EVENT_CONTEXT', [18n], -2],
  ['SDEI_EVENT_STATUS', [77n], -2],
  ['SDEI_EVENT_GET_INFO', [0n, 5n], -2],
  ['SDEI_INTERRUPT_BIND', [5n], -2],
  ['SDEI_INTERRUPT_BIND', [0xffff_ffffn], -2],
  ['SDEI_INTERRUPT_BIND', [BigInt(SECURE_SPI)], -3],
  ['SDEI_INTERRUPT_BIND', [41n], -10],
  ['SDEI_INTERRUPT_RELEASE', [0n], -2],
  ['SDEI_EVENT_SIGNAL', [5n], -2],
  ['SDEI_EVENT_SIGNAL', [0n, 0x7700n], -2],
  ['SDEI_FEATURES', [9n], -2],
];
function wrong(call: Calling, model: Model, event: number, other: number, pe: number): [unknown, unknown] {
  const [name, args, otherwise] = WRONG[(event + 5 * other + pe) % WRONG.length]!;
  const full = name === 'SDEI_INTERRUPT_BIND' && model.bound.has(2000);
  // There is one slot for SPIs: while it is free the second one would be bound.
  if (otherwise === -10 && !full) return ['nothing', 'nothing'];
  const slotFirst = full && model.profile === 'tf-a' && otherwise === -3;
  const result = slotFirst ? -10 : otherwise;
  return [`${name} ${call(name, ...args)}`, `${name} ${result}`];
}

/** Properties of an event, and its routing. */
function info(call: Calling, model: Model, event: number, other: number): [unknown, unknown] {
  const id = other + 1;
  const found = call('SDEI_EVENT_GET_INFO', BigInt(event), BigInt(id));
  return [`info${id} ${found}`, `info${id} ${model.info(event, id)}`];
}

/** The steps on few events and PEs, so that they meet in states that are rare otherwise. */
export function narrowed(steps: readonly Step[]): Step[] {
  const few = [2000, 3002, 2000, 0];
  return steps.map(([kind, pe, event, other]) => [kind, pe % 2, few[EVENTS.indexOf(event) % few.length]!, other]);
}

/** What sequences met, by name: answers of calls, and cells of the state table as `OPERATION in STATE`. */
export type Seen = Map<string, number>;
const count = (seen: Seen, name: string, by = 1): void => void seen.set(name, (seen.get(name) ?? 0) + by);

const OPERATIONS: Readonly<Record<string, string>> = {
  ...{ register: 'REGISTER', registerOn: 'REGISTER', enable: 'ENABLE', disable: 'DISABLE', unregister: 'UNREGISTER' },
  ...{ route: 'ROUTING_SET', release: 'RELEASE', context: 'CONTEXT', complete: 'COMPLETE', resume: 'COMPLETE' },
};
/** State of what the step is about; a private event cannot be routed, and only a slot released. */
function cellOf(model: Model, [kind, pe, event, other]: Step): string | undefined {
  const operation = OPERATIONS[kind];
  if (operation === undefined) return undefined;
  const about = kind === 'release' && other >= 2 ? 2000 : event;
  const innermost = model.stacks[pe]!.at(-1);
  const running = operation === 'CONTEXT' || operation === 'COMPLETE';
  if (running && innermost === undefined) return undefined;
  if (operation === 'ROUTING_SET' && PRIVATE.has(event)) return undefined;
  if (operation === 'RELEASE' && !isSlot(about)) return undefined;
  const state = model.status(pe, running ? innermost! : about);
  return state < 0 ? undefined : `${operation} in ${state}`;
}

/** A difference between the dispatcher and the model. */
export interface Difference {
  readonly step: number;
  readonly found: unknown;
  readonly expected: unknown;
}

/**
 * Takes the steps of a sequence in both and compares everything behind each.
 *
 * @returns the first difference, or undefined
 */
export function runSequence(profile: SdeiProfile, steps: readonly Step[], seen: Seen): Difference | undefined {
  const rig = new SdeiRig({ pes: PES, profile, events: ONE_SLOT_EACH });
  rig.interrupt(SECURE_SPI).owner = 'secure';
  const model = new Model(profile);
  const contexts = rig.pes.map(({ x }) => [...x]);
  for (const [n, step] of steps.entries()) {
    const cell = cellOf(model, step);
    if (cell !== undefined) count(seen, cell);
    const [found, expected] = take(rig, model, step);
    const before = model.entered.length;
    model.settle();
    if (model.entered.length > before) count(seen, 'DISPATCH in 3', model.entered.length - before);
    const [all, wanted] = [everything(rig, contexts), model.everything()];
    if (found !== expected || JSON.stringify(all) !== JSON.stringify(wanted))
      return { step: n, found: { answer: found, ...all }, expected: { answer: expected, ...wanted } };
    const wrongState = rig.d.events.some(({ handlers }) => handlers.some(({ state }) => [2, 6].includes(state)));
    if (wrongState || rig.d.pes.some(({ stack }) => stack.length > 2))
      return { step: n, found: 'state 2 or 6, or three handlers nested', expected: 'neither' };
    count(seen, `${step[0]} ${found}`);
  }
  const { accepted, dropped } = model.triggers;
  count(seen, 'triggers accepted', accepted);
  count(seen, 'triggers delivered', rig.entered.length);
  count(seen, 'triggers dropped by UNREGISTER or a reset', dropped);
  count(seen, 'triggers that still wait', model.waiting);
  if (accepted === rig.entered.length + dropped + model.waiting) return undefined;
  return {
    step: steps.length,
    found: { delivered: rig.entered.length, dropped, waiting: model.waiting },
    expected: accepted,
  };
}

/** What every long run of sequences must have met: each cell of the table, each answer of each call. */
export const WANTED: readonly string[] = [
  ...['REGISTER', 'ENABLE', 'DISABLE', 'UNREGISTER', 'ROUTING_SET', 'RELEASE'].flatMap((operation) =>
    [0, 1, 3, 4, 5, 7].map((state) => `${operation} in ${state}`),
  ),
  ...['CONTEXT', 'COMPLETE'].flatMap((operation) => [4, 5, 7].map((state) => `${operation} in ${state}`)),
  'DISPATCH in 3',
  ...['register 0', 'register -2', 'register -3', 'registerOn 0', 'registerOn -2', 'registerOn -3'],
  ...['enable 0', 'enable -2', 'enable -3', 'disable 0', 'disable -2', 'disable -3', 'context true', 'context false'],
  ...['complete undefined', 'complete -3', 'resume undefined', 'resume -3'],
  ...['unregister 0', 'unregister -2', 'unregister -3', 'unregister -5', 'signal 0', 'signal -2'],
  ...['raise accepted', 'raise refused', 'pulse true', 'pulse false', 'mask 0', 'mask 1', 'unmask 0'],
  ...['route 0', 'route -2', 'route -3', 'release 0', 'release -2', 'release -3', 'bind 1000', 'bind 2000'],
  ...['private 0', 'private -3', 'shared 0', 'shared -3', 'info info1 0', 'info info1 1', 'info info2 0'],
  ...[
    'info info2 1',
    'info info3 -2',
    'info info3 -3',
    'info info3 0',
    'info info3 1',
    'info info4 -2',
    'info info4 -3',
  ],
  ...new Set(WRONG.map(([name, , result]) => `wrong ${name} ${result}`)),
  ...['triggers delivered', 'triggers dropped by UNREGISTER or a reset', 'triggers that still wait'],
];
