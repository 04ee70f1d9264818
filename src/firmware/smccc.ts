/**
 * SMC Calling Convention 1.2: how a call reaches the firmware function it names, and the Arm Architecture calls.
 *
 * Source: DEN0028, "SMC and HVC calling convention", "Function Identifier ranges", "Arm Architecture Calls".
 */

/** Where a PE starts: a physical address, and what it finds in x0. */
export interface StartPoint {
  readonly entryPa: bigint;
  readonly contextId: bigint;
}

/** State of a PE as PSCI sees it; a suspended PE is ON. DEN0022, "AFFINITY_INFO". */
export type PowerState = 'ON' | 'OFF' | 'ON_PENDING';

/** What firmware asks of the machine. */
export interface FirmwareHost {
  readonly peCount: number;
  /** Affinity fields of MPIDR_EL1 of a PE, at the places they have there. */
  affinityOf(pe: number): bigint;
  powerState(pe: number): PowerState;
  /** The PE, which is OFF, becomes ON_PENDING or ON and starts in the state DEN0022 describes. */
  powerOn(pe: number, start: StartPoint): void;
  powerOff(pe: number): void;
  /** The PE waits as in WFI; then it goes on behind the call, or starts anew at `restart` when that is given. */
  suspend(pe: number, restart: StartPoint | undefined): void;
  systemOff(): void;
  systemReset(kind: 'cold' | 'warm'): void;
  /** Whether Non-secure code can be fetched from this address. */
  ramContains(addrPa: bigint): boolean;
}

/** Who calls, and how. */
export interface Caller {
  readonly pe: number;
  readonly callerEl: 1 | 2 | 3;
  readonly nonSecure: boolean;
  readonly conduit: 'smc' | 'hvc';
  /** imm16 of the instruction; anything but 0 is reserved. */
  readonly immediate: number;
}

/**
 * What a call gives: a 32-bit signed number in x0 (extended to 64 bits), x0 and following as they are to be, or
 * undefined when the call does not return. Registers that are not results keep their values.
 */
export type CallResult = number | readonly bigint[] | undefined;

/** One call. */
export interface CallRow {
  /** The specification's name. */
  readonly name: string;
  /** Function identifier of the 32-bit form. */
  readonly id: number;
  /** There is a 64-bit form as well. */
  readonly smc64?: boolean;
  /** Secure callers get NOT_SUPPORTED. */
  readonly nonSecureOnly?: boolean;
  /** `args` are x1 to x17, cut to 32 bits in the 32-bit form. */
  run(host: FirmwareHost, caller: Caller, args: readonly bigint[]): CallResult;
}

/** Bit 30 of a function identifier: the 64-bit convention. */
export const SMC64_BIT = 0x4000_0000;
/** Registers x0 to x17 carry arguments and results. */
export const SMCCC_REGISTERS = 18;

/** Return codes of the convention. DEN0028, "Return codes". */
export const SMCCC_RETURN = { SUCCESS: 0, NOT_SUPPORTED: -1, NOT_REQUIRED: -2, INVALID_PARAMETER: -3 } as const;

/** Handles one call; gives x0 to x17 as they are afterwards, or undefined when the call does not return. */
export type CallHandler = (host: FirmwareHost, caller: Caller, x: readonly bigint[]) => bigint[] | undefined;

const low32 = (value: bigint): bigint => BigInt.asUintN(32, value);

/** All rows by the identifiers they answer to. */
export function callsById(rows: readonly CallRow[]): ReadonlyMap<number, CallRow> {
  const calls = new Map<number, CallRow>();
  for (const row of rows) {
    for (const id of row.smc64 ? [row.id, (row.id | SMC64_BIT) >>> 0] : [row.id]) {
      const other = calls.get(id);
      if (other) throw new Error(`assertion: ${row.name} and ${other.name} have one identifier 0x${id.toString(16)}`);
      calls.set(id, row);
    }
  }
  return calls;
}

/**
 * A handler for the calls in a table. The identifier is in w0; an identifier that is not in the table, and an
 * immediate that is not 0, give NOT_SUPPORTED in all of x0 ("Unknown Function Identifier").
 */
export function callHandler(rows: readonly CallRow[]): CallHandler {
  const calls = callsById(rows);
  return (host, caller, x) => {
    if (x.length !== SMCCC_REGISTERS) throw new Error(`assertion: ${x.length} registers, not x0 to x17`);
    const id = Number(low32(x[0]));
    const row = calls.get(id);
    let result: CallResult = SMCCC_RETURN.NOT_SUPPORTED;
    if (row !== undefined && caller.immediate === 0 && !(row.nonSecureOnly && !caller.nonSecure)) {
      const is64 = (id & SMC64_BIT) !== 0;
      result = row.run(host, caller, is64 ? x.slice(1) : x.slice(1).map(low32));
    }
    if (result === undefined) return undefined;
    const results = typeof result === 'number' ? [BigInt.asUintN(64, BigInt(result))] : result;
    return [...results, ...x.slice(results.length)];
  };
}

/** 1.2. DEN0028, "SMCCC_VERSION". */
const VERSION_1_2 = 0x1_0002;

/**
 * What SMCCC_ARCH_FEATURES says of each architecture call. The workarounds are for side channels of processors that
 * run ahead of their program; this one executes one instruction after the other, so no PE is affected: 1 is "not
 * needed on this PE, calling it is harmless", and for WORKAROUND_2 NOT_REQUIRED is "on none". Left out:
 * SMCCC_ARCH_SOC_ID, because there is no chip to name.
 */
const ARCH_FEATURES: ReadonlyMap<number, number> = new Map([
  [0x8000_0000, SMCCC_RETURN.SUCCESS],
  [0x8000_0001, SMCCC_RETURN.SUCCESS],
  [0x8000_8000, 1],
  [0x8000_7fff, SMCCC_RETURN.NOT_REQUIRED],
  [0x8000_3fff, 1],
]);

function SMCCC_ARCH_FEATURES(args: readonly bigint[]): CallResult {
  return ARCH_FEATURES.get(Number(low32(args[0]))) ?? SMCCC_RETURN.NOT_SUPPORTED;
}

/** Harmless, and returns nothing. */
const nothing = (): CallResult => [];

/** Calls of the Arm Architecture range. */
export const ARCH_CALLS: readonly CallRow[] = [
  { name: 'SMCCC_VERSION', id: 0x8000_0000, run: () => VERSION_1_2 },
  { name: 'SMCCC_ARCH_FEATURES', id: 0x8000_0001, run: (_host, _caller, args) => SMCCC_ARCH_FEATURES(args) },
  { name: 'SMCCC_ARCH_WORKAROUND_1', id: 0x8000_8000, run: nothing },
  { name: 'SMCCC_ARCH_WORKAROUND_3', id: 0x8000_3fff, run: nothing },
];
