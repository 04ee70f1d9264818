/**
 * PSCI 1.1: power states of PEs and of the system. One function per call, its checks in the specification's order.
 *
 * Source: DEN0022, "PSCI functions" and "Power state parameter" (original format, platform-coordinated mode).
 *
 * Not implemented, and said so by PSCI_FEATURES: MIGRATE and MIGRATE_INFO_UP_CPU (there is no Trusted OS to move),
 * CPU_FREEZE, CPU_DEFAULT_SUSPEND, NODE_HW_STATE, SYSTEM_SUSPEND, PSCI_SET_SUSPEND_MODE, the statistics, MEM_PROTECT.
 */
import { type Caller, type CallResult, type CallRow, callsById, type FirmwareHost, type StartPoint } from '../smccc.ts';
import { PSCI_FUNCTIONS, PSCI_RETURN, type PsciFunction, type PsciName } from './functions.ts';

const { SUCCESS, NOT_SUPPORTED, INVALID_PARAMETERS, ALREADY_ON, ON_PENDING, INVALID_ADDRESS } = PSCI_RETURN;

/** 1.1. "PSCI_VERSION". */
const VERSION_1_1 = 0x1_0001;
/** Answer of MIGRATE_INFO_TYPE: there is no Trusted OS, or it needs no migration. */
const MIGRATION_NOT_REQUIRED = 2;
/** Bits of power_state, original format, that must be 0, and its fields. */
const POWER_STATE_RESERVED = 0xfcfe_0000;
const powerStateIsPowerdown = (powerState: number): boolean => ((powerState >>> 16) & 1) === 1;
const powerLevelOf = (powerState: number): number => (powerState >>> 24) & 3;
/** A power-down may include the cluster. */
const POWER_LEVEL_MAX = 1;

const SMCCC_VERSION_ID = 0x8000_0000;
/** SYSTEM_RESET2, reset_type: architectural types have bit 31 clear, and this is the only one. */
const SYSTEM_WARM_RESET = 0;

/** The PE with an affinity; reserved bits of the argument take part in the comparison, so they must be 0. */
function peWithAffinity(host: FirmwareHost, affinity: bigint): number | undefined {
  for (let pe = 0; pe < host.peCount; pe++) if (host.affinityOf(pe) === affinity) return pe;
  return undefined;
}

/** An AArch64 entry point is the address of an instruction in memory. */
function isEntryPoint(host: FirmwareHost, entryPa: bigint): boolean {
  return (entryPa & 3n) === 0n && host.ramContains(entryPa);
}

/** "CPU_SUSPEND". StateID is the platform's: any is taken. Standby above one PE's power domain does not exist. */
function CPU_SUSPEND(host: FirmwareHost, caller: Caller, args: readonly bigint[]): CallResult {
  const powerState = Number(BigInt.asUintN(32, args[0]));
  const start: StartPoint = { entryPa: args[1], contextId: args[2] };
  const powerdown = powerStateIsPowerdown(powerState);
  if ((powerState & POWER_STATE_RESERVED) !== 0) return INVALID_PARAMETERS;
  if (powerLevelOf(powerState) > (powerdown ? POWER_LEVEL_MAX : 0)) return INVALID_PARAMETERS;
  if (powerdown && !isEntryPoint(host, start.entryPa)) return INVALID_ADDRESS;
  host.suspend(caller.pe, powerdown ? start : undefined);
  return powerdown ? undefined : SUCCESS;
}

/** "CPU_OFF". DENIED is for a Trusted OS that lives on this PE; there is none. */
function CPU_OFF(host: FirmwareHost, caller: Caller): CallResult {
  host.powerOff(caller.pe);
  return undefined;
}

/** "CPU_ON". A call that loses against another leaves the winner's entry point alone. */
function CPU_ON(host: FirmwareHost, _caller: Caller, args: readonly bigint[]): CallResult {
  const pe = peWithAffinity(host, args[0]);
  const start: StartPoint = { entryPa: args[1], contextId: args[2] };
  if (pe === undefined) return INVALID_PARAMETERS;
  if (!isEntryPoint(host, start.entryPa)) return INVALID_ADDRESS;
  const state = host.powerState(pe);
  if (state === 'ON') return ALREADY_ON;
  if (state === 'ON_PENDING') return ON_PENDING;
  host.powerOn(pe, start);
  return SUCCESS;
}

const AFFINITY_INFO_STATES = { ON: 0, OFF: 1, ON_PENDING: 2 } as const;

/** "AFFINITY_INFO". Levels above 0 are optional since PSCI 1.0 and not offered. */
function AFFINITY_INFO(host: FirmwareHost, _caller: Caller, args: readonly bigint[]): CallResult {
  const pe = peWithAffinity(host, args[0]);
  const lowestLevel = args[1];
  if (lowestLevel !== 0n || pe === undefined) return INVALID_PARAMETERS;
  return AFFINITY_INFO_STATES[host.powerState(pe)];
}

/** "SYSTEM_OFF". */
function SYSTEM_OFF(host: FirmwareHost): CallResult {
  host.systemOff();
  return undefined;
}

/** "SYSTEM_RESET": a cold reset. */
function SYSTEM_RESET(host: FirmwareHost): CallResult {
  host.systemReset('cold');
  return undefined;
}

/** "SYSTEM_RESET2". The cookie is for vendor-specific resets, of which there is none. */
function SYSTEM_RESET2(host: FirmwareHost, _caller: Caller, args: readonly bigint[]): CallResult {
  if (Number(BigInt.asUintN(32, args[0])) !== SYSTEM_WARM_RESET) return INVALID_PARAMETERS;
  host.systemReset('warm');
  return undefined;
}

/** "PSCI_FEATURES". The flags of CPU_SUSPEND are 0 too: original power_state format, no OS-initiated mode. */
function PSCI_FEATURES(_host: FirmwareHost, _caller: Caller, args: readonly bigint[]): CallResult {
  const id = Number(BigInt.asUintN(32, args[0]));
  return id === SMCCC_VERSION_ID || psciCallsById.has(id) ? SUCCESS : NOT_SUPPORTED;
}

function row(name: PsciName, run: CallRow['run']): CallRow {
  const { id, smc64 }: PsciFunction = PSCI_FUNCTIONS[name];
  return { name, id, smc64, nonSecureOnly: true, run };
}

/** The calls that are implemented. Only Non-secure callers are served: PSCI is the Normal world's. */
export const PSCI_CALLS: readonly CallRow[] = [
  row('PSCI_VERSION', () => VERSION_1_1),
  row('CPU_SUSPEND', CPU_SUSPEND),
  row('CPU_OFF', CPU_OFF),
  row('CPU_ON', CPU_ON),
  row('AFFINITY_INFO', AFFINITY_INFO),
  row('MIGRATE_INFO_TYPE', () => MIGRATION_NOT_REQUIRED),
  row('SYSTEM_OFF', SYSTEM_OFF),
  row('SYSTEM_RESET', SYSTEM_RESET),
  row('PSCI_FEATURES', PSCI_FEATURES),
  row('SYSTEM_RESET2', SYSTEM_RESET2),
];

const psciCallsById = callsById(PSCI_CALLS);
