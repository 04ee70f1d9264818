/**
 * The functions of the interface: one for each, its checks in order.
 *
 * Source: DEN0054, the section of each function. Where several errors apply, the one checked first is returned.
 */
import type { SdeiDispatcher } from './dispatcher.ts';
import {
  AFFINITY_FIELDS,
  CONTEXT_REGISTERS,
  EVENT_INFO,
  FEATURE,
  ROUTING,
  SDEI_RETURN,
  SDEI_VERSIONS,
  type SdeiFunction,
  STATUS,
  sdeiFunctionName,
} from './functions.ts';
import type { EventRecord } from './records.ts';

const { SUCCESS, NOT_SUPPORTED, INVALID_PARAMETERS, DENIED, PENDING, OUT_OF_RESOURCE } = SDEI_RETURN;

/** One function: x0, or undefined when it does not return. `args` are x1 to x5. */
type Call = (d: SdeiDispatcher, pe: number, args: readonly bigint[]) => bigint | undefined;

const low = (value: bigint): number => Number(BigInt.asUintN(32, value));

/** The event an argument names; an empty slot is one only where the profile says so. */
function named(d: SdeiDispatcher, argument: bigint): EventRecord | undefined {
  const record = d.event(low(argument));
  const empty = record?.event.interrupt === 'dynamic' && record.intid === null;
  return empty && d.config.choices.unboundSlot === 'unknown' ? undefined : record;
}

const EVENT_REGISTER: Call = (d, pe, [event, entryVa, argument, flags, affinity]) => {
  const { choices } = d.config;
  const record = named(d, event!);
  const memory = choices.entryPoint === 'non-zero' || d.host.isClientMemory(pe, entryVa!);
  if (entryVa === 0n || !memory) return INVALID_PARAMETERS;
  if (flags !== ROUTING.RM_ANY && flags !== ROUTING.RM_PE) return INVALID_PARAMETERS;
  const unneeded = choices.affinityOfPrivateEvent === 'ignored' && record?.event.type === 'private';
  if (flags === ROUTING.RM_PE && !unneeded && d.peOf(affinity!) === undefined) return INVALID_PARAMETERS;
  if (!record) return INVALID_PARAMETERS;
  const handler = d.handlerOf(record, pe);
  if (handler.state !== 0) return DENIED;
  if (record.event.interrupt !== undefined) {
    const { interrupts } = d.host;
    if (record.intid === null || interrupts.active(record.intid, pe)) return DENIED;
    if (!interrupts.nonSecure(record.intid, pe)) return DENIED;
  }
  d.apply('REGISTER', record, pe);
  handler.entryVa = entryVa!;
  handler.argument = argument!;
  handler.affinity = record.event.type === 'shared' && flags === ROUTING.RM_PE ? affinity! & AFFINITY_FIELDS : null;
  d.takeInterrupt(record, pe);
  return SUCCESS;
};

const onOff =
  (operation: 'ENABLE' | 'DISABLE'): Call =>
  (d, pe, [event]) => {
    const record = named(d, event!);
    return record ? SDEI_RETURN[d.apply(operation, record, pe).result] : INVALID_PARAMETERS;
  };

const EVENT_CONTEXT: Call = (d, pe, [id]) => {
  if (low(id!) >= CONTEXT_REGISTERS) return INVALID_PARAMETERS;
  return d.running(pe)?.x[low(id!)] ?? DENIED;
};

/** Values of the status of SDEI_EVENT_COMPLETE. */
const EV_HANDLED = 0;

const EVENT_COMPLETE: Call = (d, pe, [status]) => {
  const frame = d.running(pe);
  if (!frame) return DENIED;
  if (low(status!) !== EV_HANDLED && d.config.choices.failedHandler === 'reported')
    d.host.notice(pe, `SDEI event ${frame.event}: its handler completed with status ${low(status!)}`);
  d.complete(pe);
  return undefined;
};

const EVENT_COMPLETE_AND_RESUME: Call = (d, pe, [addrVa]) => {
  if (!d.running(pe)) return DENIED;
  if (d.config.choices.resumeAddress === 'checked' && !d.host.isClientMemory(pe, addrVa!)) return DENIED;
  d.complete(pe, addrVa);
  return undefined;
};

function unregister(d: SdeiDispatcher, record: EventRecord, pe: number): bigint {
  const { state } = d.handlerOf(record, pe);
  const { result } = d.apply('UNREGISTER', record, pe);
  if (state & STATUS.REGISTERED) d.giveInterrupt(record, pe);
  return SDEI_RETURN[result];
}

const EVENT_UNREGISTER: Call = (d, pe, [event]) => {
  const record = named(d, event!);
  return record ? unregister(d, record, pe) : INVALID_PARAMETERS;
};

const EVENT_STATUS: Call = (d, pe, [event]) => {
  const record = named(d, event!);
  return record ? BigInt(d.handlerOf(record, pe).state) : INVALID_PARAMETERS;
};

const EVENT_GET_INFO: Call = (d, _pe, [event, info]) => {
  const record = named(d, event!);
  if (!record) return INVALID_PARAMETERS;
  const { type, priority, signalable } = record.event;
  // 0 is "can be signalled": DEN0054, "SDEI_EVENT_GET_INFO", as Arm's compliance suite reads it.
  if (low(info!) === EVENT_INFO.SIGNALED) return signalable ? 0n : 1n;
  if (low(info!) === EVENT_INFO.TYPE) return type === 'shared' ? 1n : 0n;
  if (low(info!) === EVENT_INFO.PRIORITY) return priority === 'critical' ? 1n : 0n;
  if (low(info!) > EVENT_INFO.ROUTING_AFF || type === 'private') return INVALID_PARAMETERS;
  const { state, affinity } = record.handlers[0]!;
  if (!(state & STATUS.REGISTERED)) return DENIED;
  if (low(info!) === EVENT_INFO.ROUTING_MODE) return affinity === null ? ROUTING.RM_ANY : ROUTING.RM_PE;
  return affinity ?? INVALID_PARAMETERS;
};

const EVENT_ROUTING_SET: Call = (d, pe, [event, mode, affinity]) => {
  if (mode !== ROUTING.RM_ANY && mode !== ROUTING.RM_PE) return INVALID_PARAMETERS;
  if (mode === ROUTING.RM_PE && d.peOf(affinity!) === undefined) return INVALID_PARAMETERS;
  const record = named(d, event!);
  if (!record || record.event.type === 'private') return INVALID_PARAMETERS;
  if (record.event.interrupt !== undefined && record.intid === null) return INVALID_PARAMETERS;
  const { result } = d.apply('ROUTING_SET', record, pe);
  if (result !== 'SUCCESS') return SDEI_RETURN[result];
  const handler = d.handlerOf(record, pe);
  handler.affinity = mode === ROUTING.RM_PE ? affinity! & AFFINITY_FIELDS : null;
  d.route(record, handler);
  return SUCCESS;
};

const PE_MASK: Call = (d, pe) => {
  const record = d.pes[pe]!;
  const before = record.masked;
  record.masked = true;
  return before ? 0n : 1n;
};

const PE_UNMASK: Call = (d, pe) => {
  d.pes[pe]!.masked = false;
  return SUCCESS;
};

/** First SPI; PPIs are the sixteen INTIDs below it. */
const SPI_FIRST = 32;

const INTERRUPT_BIND: Call = (d, pe, [interrupt]) => {
  const intid = low(interrupt!);
  if (!d.host.interrupts.exists(intid)) return INVALID_PARAMETERS;
  const bound = d.events.find((record) => record.intid === intid);
  if (bound) return bound.event.interrupt === 'dynamic' ? BigInt(bound.event.number) : INVALID_PARAMETERS;
  const type = intid < SPI_FIRST ? 'private' : 'shared';
  const slot = d.events.find(
    ({ event, intid: taken }) => event.interrupt === 'dynamic' && event.type === type && taken === null,
  );
  const checks = [slot ? SUCCESS : OUT_OF_RESOURCE, d.host.interrupts.nonSecure(intid, pe) ? SUCCESS : DENIED];
  if (d.config.choices.bindOrder === 'ownership-first') checks.reverse();
  const error = checks.find((check) => check !== SUCCESS);
  if (error !== undefined) return error;
  slot!.intid = intid;
  return BigInt(slot!.event.number);
};

function release(d: SdeiDispatcher, record: EventRecord, pe: number): bigint {
  if (record.handlers.some(({ state }) => state !== 0)) return DENIED;
  if (record.intid !== null && d.host.interrupts.active(record.intid, pe)) return DENIED;
  if (record.intid === null) return INVALID_PARAMETERS;
  record.intid = null;
  return SUCCESS;
}

const INTERRUPT_RELEASE: Call = (d, pe, [event]) => {
  const record = named(d, event!);
  if (record?.event.interrupt !== 'dynamic') return INVALID_PARAMETERS;
  return release(d, record, pe);
};

const EVENT_SIGNAL: Call = (d, _pe, [event, affinity]) => {
  const record = d.event(low(event!));
  const target = d.peOf(affinity!);
  if (!record?.event.signalable || target === undefined) return INVALID_PARAMETERS;
  return d.raise(record, target) === 'accepted' ? SUCCESS : INVALID_PARAMETERS;
};

const FEATURES: Call = (d, _pe, [id]) => {
  const slots = (type: string): bigint =>
    BigInt(d.events.filter(({ event }) => event.interrupt === 'dynamic' && event.type === type).length);
  if (low(id!) === FEATURE.BIND_SLOTS) return (slots('shared') << 16n) | slots('private');
  // Relative addresses are not offered: their base is not known from public sources.
  return low(id!) === FEATURE.RELATIVE_MODE && d.config.version !== '1.0' ? 0n : INVALID_PARAMETERS;
};

function unregisterAll(d: SdeiDispatcher, type: 'private' | 'shared', pe: number): bigint {
  let result: bigint = SUCCESS;
  for (const record of d.events) {
    if (record.event.type !== type || d.handlerOf(record, pe).state === 0) continue;
    if (unregister(d, record, pe) === PENDING) result = DENIED;
  }
  return result;
}

const PRIVATE_RESET: Call = (d, pe) => unregisterAll(d, 'private', pe);

const SHARED_RESET: Call = (d, pe) => {
  if (unregisterAll(d, 'shared', pe) !== SUCCESS) return DENIED;
  let result: bigint = SUCCESS;
  for (const record of d.events) {
    if (record.event.interrupt !== 'dynamic' || record.intid === null) continue;
    if (release(d, record, pe) !== SUCCESS) result = DENIED;
  }
  return result;
};

const CALLS: Readonly<Record<SdeiFunction, Call>> = {
  SDEI_VERSION: (d) => SDEI_VERSIONS[d.config.version],
  SDEI_EVENT_REGISTER: EVENT_REGISTER,
  SDEI_EVENT_ENABLE: onOff('ENABLE'),
  SDEI_EVENT_DISABLE: onOff('DISABLE'),
  SDEI_EVENT_CONTEXT: EVENT_CONTEXT,
  SDEI_EVENT_COMPLETE: EVENT_COMPLETE,
  SDEI_EVENT_COMPLETE_AND_RESUME: EVENT_COMPLETE_AND_RESUME,
  SDEI_EVENT_UNREGISTER: EVENT_UNREGISTER,
  SDEI_EVENT_STATUS: EVENT_STATUS,
  SDEI_EVENT_GET_INFO: EVENT_GET_INFO,
  SDEI_EVENT_ROUTING_SET: EVENT_ROUTING_SET,
  SDEI_PE_MASK: PE_MASK,
  SDEI_PE_UNMASK: PE_UNMASK,
  SDEI_INTERRUPT_BIND: INTERRUPT_BIND,
  SDEI_INTERRUPT_RELEASE: INTERRUPT_RELEASE,
  SDEI_EVENT_SIGNAL: EVENT_SIGNAL,
  SDEI_FEATURES: FEATURES,
  SDEI_PRIVATE_RESET: PRIVATE_RESET,
  SDEI_SHARED_RESET: SHARED_RESET,
};

/**
 * Performs a function by identifier.
 *
 * @param args - x1 to x5
 * @returns a signed number, or undefined when the function does not return
 */
export function callFunction(d: SdeiDispatcher, pe: number, id: number, args: readonly bigint[]): bigint | undefined {
  const name = sdeiFunctionName(id);
  return name ? CALLS[name](d, pe, args) : NOT_SUPPORTED;
}
