/**
 * Function identifiers and return codes of PSCI 1.1.
 *
 * Source: DEN0022, "Function Identifiers" and "Return error codes".
 */

/** Return codes. */
export const PSCI_RETURN = {
  SUCCESS: 0,
  NOT_SUPPORTED: -1,
  INVALID_PARAMETERS: -2,
  DENIED: -3,
  ALREADY_ON: -4,
  ON_PENDING: -5,
  INTERNAL_FAILURE: -6,
  NOT_PRESENT: -7,
  DISABLED: -8,
  INVALID_ADDRESS: -9,
} as const;

/** A function: its number in the PSCI range 0x8400_0000 to 0x8400_001f, and whether it has a 64-bit form. */
export interface PsciFunction {
  readonly id: number;
  readonly smc64?: boolean;
}

/** All functions of PSCI 1.1, those that are not implemented too, so that a log can name them. */
export const PSCI_FUNCTIONS = {
  PSCI_VERSION: { id: 0x8400_0000 },
  CPU_SUSPEND: { id: 0x8400_0001, smc64: true },
  CPU_OFF: { id: 0x8400_0002 },
  CPU_ON: { id: 0x8400_0003, smc64: true },
  AFFINITY_INFO: { id: 0x8400_0004, smc64: true },
  MIGRATE: { id: 0x8400_0005, smc64: true },
  MIGRATE_INFO_TYPE: { id: 0x8400_0006 },
  MIGRATE_INFO_UP_CPU: { id: 0x8400_0007, smc64: true },
  SYSTEM_OFF: { id: 0x8400_0008 },
  SYSTEM_RESET: { id: 0x8400_0009 },
  PSCI_FEATURES: { id: 0x8400_000a },
  CPU_FREEZE: { id: 0x8400_000b },
  CPU_DEFAULT_SUSPEND: { id: 0x8400_000c, smc64: true },
  NODE_HW_STATE: { id: 0x8400_000d, smc64: true },
  SYSTEM_SUSPEND: { id: 0x8400_000e, smc64: true },
  PSCI_SET_SUSPEND_MODE: { id: 0x8400_000f },
  PSCI_STAT_RESIDENCY: { id: 0x8400_0010, smc64: true },
  PSCI_STAT_COUNT: { id: 0x8400_0011, smc64: true },
  SYSTEM_RESET2: { id: 0x8400_0012, smc64: true },
  MEM_PROTECT: { id: 0x8400_0013 },
  MEM_PROTECT_CHECK_RANGE: { id: 0x8400_0014, smc64: true },
} as const satisfies Record<string, PsciFunction>;

/** Name of a function. */
export type PsciName = keyof typeof PSCI_FUNCTIONS;
