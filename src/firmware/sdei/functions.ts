/**
 * Function identifiers, return codes and field values of the Software Delegated Exception Interface.
 *
 * Source: DEN0054, "SDEI functions" and "Return codes".
 */

/** First identifier of the interface; only the 64-bit convention exists. */
export const SDEI_FUNCTION_FIRST = 0xc400_0020;
/** Last identifier of the range that belongs to the interface, in either convention. */
export const SDEI_FUNCTION_LAST = 0xc400_003f;

/** Identifiers of all functions. DEN0054, "SDEI functions". */
export const SDEI_FUNCTIONS = {
  SDEI_VERSION: 0xc400_0020,
  SDEI_EVENT_REGISTER: 0xc400_0021,
  SDEI_EVENT_ENABLE: 0xc400_0022,
  SDEI_EVENT_DISABLE: 0xc400_0023,
  SDEI_EVENT_CONTEXT: 0xc400_0024,
  SDEI_EVENT_COMPLETE: 0xc400_0025,
  SDEI_EVENT_COMPLETE_AND_RESUME: 0xc400_0026,
  SDEI_EVENT_UNREGISTER: 0xc400_0027,
  SDEI_EVENT_STATUS: 0xc400_0028,
  SDEI_EVENT_GET_INFO: 0xc400_0029,
  SDEI_EVENT_ROUTING_SET: 0xc400_002a,
  SDEI_PE_MASK: 0xc400_002b,
  SDEI_PE_UNMASK: 0xc400_002c,
  SDEI_INTERRUPT_BIND: 0xc400_002d,
  SDEI_INTERRUPT_RELEASE: 0xc400_002e,
  SDEI_EVENT_SIGNAL: 0xc400_002f,
  SDEI_FEATURES: 0xc400_0030,
  SDEI_PRIVATE_RESET: 0xc400_0031,
  SDEI_SHARED_RESET: 0xc400_0032,
} as const;

/** Name of a function. */
export type SdeiFunction = keyof typeof SDEI_FUNCTIONS;

/** Return codes. DEN0054, "Return codes". */
export const SDEI_RETURN = {
  SUCCESS: 0n,
  NOT_SUPPORTED: -1n,
  INVALID_PARAMETERS: -2n,
  DENIED: -3n,
  PENDING: -5n,
  OUT_OF_RESOURCE: -10n,
} as const;

/** Versions the dispatcher can report: bits 62:48 major, 47:32 minor, 31:0 the vendor's. DEN0054, "SDEI_VERSION". */
export const SDEI_VERSIONS = { '1.0': 1n << 48n, '1.1': (1n << 48n) | (1n << 32n) } as const;
/** A version by name. */
export type SdeiVersion = keyof typeof SDEI_VERSIONS;

/** Bits of what SDEI_EVENT_STATUS returns, which is the handler state itself. DEN0054, "SDEI_EVENT_STATUS". */
export const STATUS = { REGISTERED: 1, ENABLED: 2, RUNNING: 4 } as const;

/** Info identifiers of SDEI_EVENT_GET_INFO. */
export const EVENT_INFO = { TYPE: 0, SIGNALED: 1, PRIORITY: 2, ROUTING_MODE: 3, ROUTING_AFF: 4 } as const;

/** Feature identifiers of SDEI_FEATURES; RELATIVE_MODE is of version 1.1. */
export const FEATURE = { BIND_SLOTS: 0, RELATIVE_MODE: 1 } as const;

/** Routing modes of shared events. */
export const ROUTING = { RM_ANY: 0n, RM_PE: 1n } as const;

/** Aff3, Aff2, Aff1 and Aff0 at their places in MPIDR_EL1. */
export const AFFINITY_FIELDS = 0xff_00ff_ffffn;

/** Registers that the dispatcher saves and restores: x0 to x17. DEN0054, "Event context". */
export const CONTEXT_REGISTERS = 18;

/** Whether a function identifier lies in the range of the interface. */
export function isSdeiFunction(id: number): boolean {
  return id >= SDEI_FUNCTION_FIRST && id <= SDEI_FUNCTION_LAST;
}

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(SDEI_FUNCTIONS).map(([name, id]) => [id, name]));

/** Name of a function identifier, or undefined when the interface has no such function. */
export function sdeiFunctionName(id: number): SdeiFunction | undefined {
  return NAMES.get(id) as SdeiFunction | undefined;
}
