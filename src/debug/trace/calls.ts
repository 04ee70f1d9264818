/** What the registers of a firmware call mean, by the names of its specification. */
import { callName } from '../../firmware/firmware.ts';
import { PSCI_RETURN } from '../../firmware/psci/functions.ts';
import { EVENT_INFO, FEATURE, SDEI_RETURN } from '../../firmware/sdei/functions.ts';
import { SMCCC_RETURN } from '../../firmware/smccc.ts';
import type { CallValue } from './records.ts';

/** How a value is named; nothing where it has no name. */
type Meaning = (value: bigint) => string | undefined;

const signed = (value: bigint): bigint => BigInt.asIntN(64, value);
const low = (value: bigint): number => Number(BigInt.asUintN(32, value));

/** Names of SDEI handler states by number; 2 and 6 cannot be. DEN0054, "SDEI_EVENT_STATUS". */
const STATE_BITS = ['registered', 'enabled', 'running'];

const STATE_TEXTS: readonly string[] = Array.from({ length: 8 }, (_, state) => {
  const names = STATE_BITS.filter((_name, bit) => (state >> bit) & 1);
  return names.length === 0 ? 'unregistered' : names.join('+');
});

/** A handler state in words: the names of its bits, `unregistered` for none. */
export function handlerStateText(state: number): string {
  return STATE_TEXTS[state & 7]!;
}

const namedBy =
  (table: Readonly<Record<string, number | bigint>>): Meaning =>
  (value) =>
    Object.entries(table).find(([, found]) => BigInt(found) === BigInt.asUintN(32, value))?.[0];

/** Negative values are errors, 0 is SUCCESS. */
const status =
  (codes: Readonly<Record<string, number | bigint>>): Meaning =>
  (value) =>
    Object.entries(codes).find(([, code]) => BigInt(code) === signed(value))?.[0];
/** Errors are named, anything else is explained by `meaning`. */
const orError =
  (codes: Readonly<Record<string, number | bigint>>, meaning: Meaning): Meaning =>
  (value) =>
    signed(value) < 0n ? status(codes)(value) : meaning(value);

const noName: Meaning = () => undefined;
const version16: Meaning = (value) => `${low(value) >>> 16}.${low(value) & 0xffff}`;
const versionSdei: Meaning = (value) => `${(value >> 48n) & 0x7fffn}.${(value >> 32n) & 0xffffn}`;
const routing: Meaning = namedBy({ RM_ANY: 0, RM_PE: 1 });

/** One call: its arguments from x1 on, and its result. */
type Row = readonly [args: Readonly<Record<string, Meaning>>, result: Meaning];

const event = { event: noName };
const sdeiStatus = status(SDEI_RETURN);
const sdeiValue = orError(SDEI_RETURN, noName);
const none = {};

const SDEI_ROWS: Readonly<Record<string, Row>> = {
  SDEI_VERSION: [none, orError(SDEI_RETURN, versionSdei)],
  SDEI_EVENT_REGISTER: [{ ...event, entry: noName, arg: noName, flags: routing, affinity: noName }, sdeiStatus],
  SDEI_EVENT_ENABLE: [event, sdeiStatus],
  SDEI_EVENT_DISABLE: [event, sdeiStatus],
  SDEI_EVENT_CONTEXT: [{ register: noName }, noName],
  SDEI_EVENT_COMPLETE: [{ status: namedBy({ EV_HANDLED: 0, EV_FAILED: 1 }) }, sdeiStatus],
  SDEI_EVENT_COMPLETE_AND_RESUME: [{ address: noName }, sdeiStatus],
  SDEI_EVENT_UNREGISTER: [event, sdeiStatus],
  SDEI_EVENT_STATUS: [event, orError(SDEI_RETURN, (value) => handlerStateText(low(value)))],
  SDEI_EVENT_GET_INFO: [{ ...event, info: namedBy(EVENT_INFO) }, sdeiValue],
  SDEI_EVENT_ROUTING_SET: [{ ...event, mode: routing, affinity: noName }, sdeiStatus],
  SDEI_PE_MASK: [none, orError(SDEI_RETURN, namedBy({ 'was masked': 0, 'was unmasked': 1 }))],
  SDEI_PE_UNMASK: [none, sdeiStatus],
  SDEI_INTERRUPT_BIND: [{ INTID: noName }, sdeiValue],
  SDEI_INTERRUPT_RELEASE: [event, sdeiStatus],
  SDEI_EVENT_SIGNAL: [{ ...event, affinity: noName }, sdeiStatus],
  SDEI_FEATURES: [{ feature: namedBy(FEATURE) }, sdeiValue],
  SDEI_PRIVATE_RESET: [none, sdeiStatus],
  SDEI_SHARED_RESET: [none, sdeiStatus],
};

const psciStatus = status(PSCI_RETURN);
const callId: Meaning = (value) => callName(low(value));

const PSCI_ROWS: Readonly<Record<string, Row>> = {
  PSCI_VERSION: [none, version16],
  CPU_SUSPEND: [{ power_state: noName, entry_point_address: noName, context_id: noName }, psciStatus],
  CPU_OFF: [none, psciStatus],
  CPU_ON: [{ target_cpu: noName, entry_point_address: noName, context_id: noName }, psciStatus],
  AFFINITY_INFO: [
    { target_affinity: noName, lowest_affinity_level: noName },
    orError(PSCI_RETURN, namedBy({ ON: 0, OFF: 1, ON_PENDING: 2 })),
  ],
  MIGRATE_INFO_TYPE: [none, orError(PSCI_RETURN, noName)],
  SYSTEM_OFF: [none, psciStatus],
  SYSTEM_RESET: [none, psciStatus],
  SYSTEM_RESET2: [{ reset_type: noName, cookie: noName }, psciStatus],
  PSCI_FEATURES: [{ psci_func_id: callId }, orError(PSCI_RETURN, noName)],
};

const SMCCC_ROWS: Readonly<Record<string, Row>> = {
  SMCCC_VERSION: [none, version16],
  SMCCC_ARCH_FEATURES: [{ arch_func_id: callId }, orError(SMCCC_RETURN, noName)],
  SMCCC_ARCH_WORKAROUND_1: [none, noName],
  SMCCC_ARCH_WORKAROUND_3: [none, noName],
};

/** All calls by name. */
const ROWS: ReadonlyMap<string, Row> = new Map(
  Object.entries({ ...SDEI_ROWS, ...PSCI_ROWS, ...SMCCC_ROWS }).flatMap(([name, row]) => [
    [name, row] as const,
    // The 64-bit form of a PSCI call is called by the same name with `64` behind it.
    [`${name}64`, row] as const,
  ]),
);
const UNKNOWN: Row = [{ x1: noName, x2: noName, x3: noName }, status(SMCCC_RETURN)];

/**
 * Names the arguments and the result of a call.
 *
 * @param x - x1 and following
 * @param result - x0 afterwards, or nothing for a call that did not return
 */
export function describeCall(
  name: string,
  x: readonly bigint[],
  result: bigint | undefined,
): { readonly args: readonly CallValue[]; readonly resultText?: string } {
  const [meanings, meaning] = ROWS.get(name) ?? UNKNOWN;
  const args = Object.entries(meanings).map(([arg, text], n): CallValue => {
    const value = x[n] ?? 0n;
    const found = text(value);
    return found === undefined ? { name: arg, value } : { name: arg, value, text: found };
  });
  const resultText = result === undefined ? undefined : meaning(result);
  return resultText === undefined ? { args } : { args, resultText };
}
