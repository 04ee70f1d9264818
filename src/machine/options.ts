import { type ImplementedEls, PROFILES, type Profile, type ProfileName } from '../arch/profiles.ts';
import { MachineError } from './errors.ts';

/** Who answers at EL3 (or, without EL3, at HVC). */
export type FirmwareChoice =
  /** Firmware in TypeScript, outside guest memory: PSCI and SMCCC. */
  | 'typescript'
  /** Nobody: PE 0 starts at the highest implemented Exception level in the guest's own image. */
  | 'guest';

/** A program that is not a kernel: bytes at an address. For bare-metal guests. */
export interface ProgramImage {
  readonly bytes: Uint8Array;
  readonly addrPa: bigint;
  /** Where PE 0 starts; default `addrPa`. */
  readonly entryPa?: bigint;
}

/** How a machine is made. Everything has a default. */
export interface MachineOptions {
  /** An arm64 Image, not compressed. */
  readonly kernel?: Uint8Array;
  readonly initrd?: Uint8Array;
  /** Kernel command line. */
  readonly append?: string;
  /** A device tree to use instead of the generated one. */
  readonly dtb?: Uint8Array;
  /** Programs to load; the first one with an entry is where PE 0 starts when there is no kernel. */
  readonly programs?: readonly ProgramImage[];
  /** 1 to 8; default 1. */
  readonly cpus?: number;
  /** 16 MiB to 3 GiB, a multiple of 2 MiB; default 512 MiB. */
  readonly memoryBytes?: number;
  /** Default `full`. */
  readonly cpu?: ProfileName;
  /** EL3 and two GIC security states; default true. Without it PSCI is reached by HVC. */
  readonly el3?: boolean;
  /** EL2; default false. */
  readonly el2?: boolean;
  /** Default `typescript`. */
  readonly firmware?: FirmwareChoice;
  /** Seconds since 1970 that the RTC shows at virtual time 0. */
  readonly rtcBaseSeconds?: number;
  /** `/chosen/rng-seed`; null leaves it out. */
  readonly rngSeed?: Uint8Array | null;
  /** `/chosen/kaslr-seed`; null leaves it out. */
  readonly kaslrSeed?: bigint | null;
}

/** Options with defaults filled in and checked. */
export interface CheckedOptions extends MachineOptions {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly profile: Profile;
  readonly els: ImplementedEls;
  readonly firmware: FirmwareChoice;
}

const MIB = 2 ** 20;
/** Least and most RAM, and its granularity. */
export const MEMORY_BYTES_MIN: number = 16 * MIB;
export const MEMORY_BYTES_MAX: number = 3072 * MIB;
export const MEMORY_BYTES_STEP: number = 2 * MIB;
/** Most processing elements. */
export const CPUS_MAX = 8;

/**
 * Fills in defaults.
 *
 * @throws MachineError `E_CPUS`, `E_MEMORY`, `E_CPU` when a value is impossible
 */
export function checkOptions(options: MachineOptions): CheckedOptions {
  const cpus = options.cpus ?? 1;
  if (!Number.isInteger(cpus) || cpus < 1 || cpus > CPUS_MAX) {
    throw new MachineError('E_CPUS', `${cpus} CPUs: this machine has 1 to ${CPUS_MAX}. Choose a number in that range.`);
  }
  const memoryBytes = options.memoryBytes ?? 512 * MIB;
  if (
    !Number.isInteger(memoryBytes) ||
    memoryBytes < MEMORY_BYTES_MIN ||
    memoryBytes > MEMORY_BYTES_MAX ||
    memoryBytes % MEMORY_BYTES_STEP
  ) {
    throw new MachineError(
      'E_MEMORY',
      `${memoryBytes} bytes of memory: this machine takes 16 MiB to 3 GiB in multiples of 2 MiB. Choose such a size, for example 512M.`,
    );
  }
  const cpu = options.cpu ?? 'full';
  const profile = PROFILES[cpu];
  if (!profile)
    throw new MachineError('E_CPU', `CPU '${cpu}': no such profile. Known: ${Object.keys(PROFILES).join(', ')}.`);
  const els = { el3: options.el3 ?? true, el2: options.el2 ?? false };
  return { ...options, cpus, memoryBytes, profile, els, firmware: options.firmware ?? 'typescript' };
}
